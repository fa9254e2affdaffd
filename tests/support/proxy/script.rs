//! What goes wrong when: triggers, actions, and lists of them.

use std::time::Duration;

use serde_json::Value;

use super::Mix;

/// When an action is done. Counts begin at 1 and go over all connections.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Trigger {
    /// The nth request.
    Request(u64),
    /// Every request.
    EveryRequest,
    /// The nth request of a method.
    Method(String, u64),
    /// Every request of a method.
    EveryMethod(String),
    /// The first request about the block of this height: by number, or by a hash that went through the proxy before.
    Height(u64),
    /// The nth byte to clients: it is the last that arrives before the action.
    Byte(u64),
    /// The nth notification of the node.
    Notification(u64),
    /// Every notification.
    EveryNotification,
    /// The nth connection, before its handshake.
    Connection(u64),
    /// So long after the start of the proxy.
    Elapsed(Duration),
}

impl Trigger {
    /// The nth request of a method.
    pub fn method(name: &str, nth: u64) -> Self {
        Self::Method(name.to_owned(), nth)
    }

    /// Every request of a method.
    pub fn every(name: &str) -> Self {
        Self::EveryMethod(name.to_owned())
    }
}

/// What is done.
///
/// Those of connections are done to the connection that triggered them, or to all where none did (time). Those of replies
/// are done to the request that triggered them, or to the next one; those of notifications likewise.
#[derive(Debug, Clone, PartialEq)]
pub enum Action {
    /// The connection is closed in order, with what is under way lost.
    Fin,
    /// The connection is reset.
    Rst,
    /// The connection stays open and nothing comes any more, no bytes at all.
    HalfOpen,
    /// All connections are reset and new ones refused for so long.
    Refuse(Duration),
    /// The request, or where it came over WebSocket the next handshake after the connection is closed, is answered with
    /// this HTTP status.
    Http {
        /// The status.
        status: u16,
        /// `Retry-After` in seconds.
        retry_after: Option<u32>,
    },
    /// The subscriptions there are say nothing any more; calls, pings and new subscriptions work.
    MuteSubscriptions,

    /// The reply comes so much later.
    Delay(Duration),
    /// The reply never comes.
    DropReply,
    /// The reply comes twice.
    DupReply,
    /// The reply comes after the next one.
    SwapReplies,
    /// The reply carries the id of the next one, which carries its.
    CrossReplies,
    /// The reply has an id that nobody asked with.
    WrongId,
    /// An error object instead of the reply; the node is not asked.
    RpcError {
        /// Its code.
        code: i64,
        /// Its message.
        message: String,
        /// Its data.
        data: Option<Value>,
    },
    /// The result is null.
    NullResult,
    /// The text of the reply ends in the middle.
    Truncate,
    /// So many bits of the reply's text are flipped; after [`Trigger::Byte`], of the bytes on the wire that follow.
    FlipBits(u32),
    /// The result is a text of so many MiB.
    Oversize {
        /// Mebibytes.
        mib: usize,
    },
    /// The result is an array in an array, and so on, so deep.
    DeepJson(usize),
    /// The request reaches the node, and the connection is reset instead of a reply.
    ForwardThenCut,
    /// From now on, `rpc_methods` lists what the node does not have.
    LieRpcMethods,
    /// The next head that is asked for or announced is the one so many blocks before it.
    HeadRegress(u64),

    /// The notification comes twice.
    DupNotification,
    /// The notification does not come.
    SkipNotification,
    /// The notification comes after the next one.
    SwapNotifications,
}

/// What an action is done to.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Target {
    Connection,
    Reply,
    /// An answer or a notification that names the head.
    Head,
    Notification,
    /// All that follows.
    Proxy,
}

impl Action {
    /// An error object without data.
    pub fn error(code: i64, message: &str) -> Self {
        Self::RpcError { code, message: message.to_owned(), data: None }
    }

    /// An HTTP status without `Retry-After`.
    pub fn http(status: u16) -> Self {
        Self::Http { status, retry_after: None }
    }

    /// The name under which it is counted.
    pub fn name(&self) -> &'static str {
        match self {
            Self::Fin => "fin",
            Self::Rst => "rst",
            Self::HalfOpen => "half_open",
            Self::Refuse(_) => "refuse",
            Self::Http { .. } => "http",
            Self::MuteSubscriptions => "mute_subscriptions",
            Self::Delay(_) => "delay",
            Self::DropReply => "drop_reply",
            Self::DupReply => "dup_reply",
            Self::SwapReplies => "swap_replies",
            Self::CrossReplies => "cross_replies",
            Self::WrongId => "wrong_id",
            Self::RpcError { .. } => "rpc_error",
            Self::NullResult => "null_result",
            Self::Truncate => "truncate",
            Self::FlipBits(_) => "flip_bits",
            Self::Oversize { .. } => "oversize",
            Self::DeepJson(_) => "deep_json",
            Self::ForwardThenCut => "forward_then_cut",
            Self::LieRpcMethods => "lie_rpc_methods",
            Self::HeadRegress(_) => "head_regress",
            Self::DupNotification => "dup_notification",
            Self::SkipNotification => "skip_notification",
            Self::SwapNotifications => "swap_notifications",
        }
    }

    pub(super) fn target(&self) -> Target {
        match self {
            Self::Fin | Self::Rst | Self::HalfOpen | Self::Refuse(_) | Self::Http { .. } | Self::MuteSubscriptions => {
                Target::Connection
            }
            Self::DupNotification | Self::SkipNotification | Self::SwapNotifications => Target::Notification,
            Self::HeadRegress(_) => Target::Head,
            Self::LieRpcMethods => Target::Proxy,
            _ => Target::Reply,
        }
    }
}

/// One line of a script.
#[derive(Debug, Clone, PartialEq)]
pub struct Rule {
    /// When.
    pub when: Trigger,
    /// What.
    pub then: Action,
}

/// A list of what goes wrong when. A rule is done once, except those of every request and every notification.
#[derive(Debug, Clone, PartialEq, Default)]
pub struct Script {
    rules: Vec<Rule>,
    seeds: Vec<u64>,
}

impl Script {
    /// Nothing goes wrong.
    pub fn new() -> Self {
        Self::default()
    }

    /// Chance decides, by this seed alone.
    pub fn random(seed: u64, mix: &Mix) -> Self {
        Self { rules: mix.draw(seed), seeds: vec![seed] }
    }

    /// One more rule.
    #[must_use]
    pub fn on(mut self, when: Trigger, then: Action) -> Self {
        self.rules.push(Rule { when, then });
        self
    }

    /// All rules of another script too.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.rules.extend(other.rules);
        self.seeds.extend(other.seeds);
        self
    }

    /// The rules, in the order they were added.
    pub fn rules(&self) -> &[Rule] {
        &self.rules
    }

    pub(super) fn into_rules(self) -> Vec<Rule> {
        self.rules
    }

    /// Decides which bits flip.
    pub(super) fn seed(&self) -> u64 {
        self.seeds.first().copied().unwrap_or(0)
    }

    /// What is done by the clock, in order.
    pub(super) fn elapsed(&self) -> Vec<(Duration, Action)> {
        let timed = self.rules.iter().filter_map(|rule| match rule.when {
            Trigger::Elapsed(after) => Some((after, rule.then.clone())),
            _ => None,
        });
        let mut timed: Vec<_> = timed.collect();
        timed.sort_by_key(|(after, _)| *after);
        timed
    }

    pub(super) fn summary(&self) -> String {
        let seeds: Vec<_> = self.seeds.iter().map(u64::to_string).collect();
        match (self.rules.len(), seeds.is_empty()) {
            (0, _) => "nothing goes wrong".to_owned(),
            (rules, true) => format!("{rules} rules, no seed: {:?}", self.rules),
            (rules, false) => format!("{rules} rules, seeds {}", seeds.join(", ")),
        }
    }
}
