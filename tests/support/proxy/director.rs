//! Who decides what goes wrong next: the script, what was counted, and the connections there are.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::mpsc;
use tokio::time::{Instant, sleep_until};

use super::script::Target;
use super::{Action, Rule, Script, Stats, Trigger};
use crate::rng::Rng;

/// What is behind the proxy.
#[derive(Debug)]
pub(super) enum Backend {
    /// A node, by the URL of its WebSocket.
    Node(String),
    /// Any HTTP server, by host and port.
    Web(String),
}

/// How a connection ends.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    Fin,
    Rst,
    HalfOpen,
}

/// Rules by what triggers them.
#[derive(Debug, Default)]
struct Rules {
    requests: HashMap<u64, Vec<Action>>,
    methods: HashMap<String, Methods>,
    heights: HashMap<u64, Vec<Action>>,
    bytes: BTreeMap<u64, Vec<Action>>,
    notifications: HashMap<u64, Vec<Action>>,
    connections: HashMap<u64, Vec<Action>>,
    every_request: Vec<Action>,
    every_notification: Vec<Action>,
}

#[derive(Debug, Default)]
struct Methods {
    seen: u64,
    nth: HashMap<u64, Vec<Action>>,
    every: Vec<Action>,
}

#[derive(Debug, Default)]
struct State {
    rules: Rules,
    stats: Stats,
    /// Actions that wait for something to be done to.
    for_replies: VecDeque<Action>,
    for_notifications: VecDeque<Action>,
    for_heads: VecDeque<Action>,
    /// What the next handshakes are answered with.
    statuses: VecDeque<(u16, Option<u32>)>,
    connections: HashMap<u64, mpsc::UnboundedSender<Cut>>,
    /// By connection and subscription.
    subscriptions: HashSet<(u64, String)>,
    muted: HashSet<(u64, String)>,
    /// Heights by hash, as far as they went by.
    heights: HashMap<String, u64>,
    lies: bool,
}

#[derive(Debug)]
pub(super) struct Director {
    pub(super) backend: Backend,
    seed: u64,
    state: Mutex<State>,
    closings: mpsc::UnboundedSender<Duration>,
}

impl Director {
    /// Also gives the times for which nobody is to be let in.
    pub(super) fn new(backend: Backend, script: Script) -> (Self, mpsc::UnboundedReceiver<Duration>) {
        let (closings, closed) = mpsc::unbounded_channel();
        let seed = script.seed();
        let state = State { rules: Rules::of(script.into_rules()), ..State::default() };
        (Self { backend, seed, state: Mutex::new(state), closings }, closed)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn stats(&self) -> Stats {
        self.lock().stats.clone()
    }

    pub(super) fn pending(&self) -> usize {
        let state = self.lock();
        let armed = state.for_replies.len() + state.for_notifications.len() + state.for_heads.len();
        state.rules.len() + armed
    }

    /// Ends all connections, without counting it.
    pub(super) fn close(&self) {
        self.lock().cut(Cut::Rst, None);
    }

    /// Counted here, where it is really done.
    pub(super) fn did(&self, action: &Action) {
        self.lock().did(action);
    }

    /// Chance of this script, apart for each purpose.
    pub(super) fn rng(&self, purpose: u64) -> Rng {
        Rng::new(self.seed.rotate_left(17) ^ purpose)
    }

    /// Does what is done to connections; keeps the rest for what it is done to.
    pub(super) fn strike(&self, action: Action, connection: Option<u64>) {
        let mut state = self.lock();
        match action.target() {
            Target::Reply => state.for_replies.push_back(action),
            Target::Notification => state.for_notifications.push_back(action),
            Target::Head => state.for_heads.push_back(action),
            Target::Proxy => {
                state.lies = true;
                state.did(&action);
            }
            Target::Connection => {
                state.did(&action);
                match action {
                    Action::Fin => state.cut(Cut::Fin, connection),
                    Action::HalfOpen => state.cut(Cut::HalfOpen, connection),
                    Action::Http { status, retry_after } => {
                        state.statuses.push_back((status, retry_after));
                        state.cut(Cut::Fin, connection);
                    }
                    Action::Refuse(duration) => {
                        // The listener cuts the connections, once nobody can get in any more.
                        let _ = self.closings.send(duration);
                    }
                    Action::MuteSubscriptions => {
                        let all: Vec<_> = state.subscriptions.iter().cloned().collect();
                        state.muted.extend(all);
                    }
                    _ => state.cut(Cut::Rst, connection),
                }
            }
        }
    }

    /// A new connection: its number, its end, and what is done to it at once.
    pub(super) fn connected(&self) -> (u64, mpsc::UnboundedReceiver<Cut>, Vec<Action>) {
        let (cut, cuts) = mpsc::unbounded_channel();
        let mut state = self.lock();
        state.stats.connections += 1;
        let id = state.stats.connections;
        state.connections.insert(id, cut);
        let actions = state.rules.connections.remove(&id).unwrap_or_default();
        (id, cuts, actions)
    }

    pub(super) fn disconnected(&self, id: u64) {
        let mut state = self.lock();
        state.connections.remove(&id);
        state.subscriptions.retain(|(connection, _)| *connection != id);
        state.muted.retain(|(connection, _)| *connection != id);
    }

    /// The status that the next handshake or HTTP request gets, where it gets one.
    pub(super) fn status(&self) -> Option<(u16, Option<u32>)> {
        self.lock().statuses.pop_front()
    }

    /// The next handshake meets this status.
    pub(super) fn expect_status(&self, status: u16, retry_after: Option<u32>) {
        self.lock().statuses.push_back((status, retry_after));
    }

    /// Resets one connection.
    pub(super) fn cut(&self, connection: u64) {
        self.lock().cut(Cut::Rst, Some(connection));
    }

    pub(super) fn bytes_up(&self, len: usize) {
        self.lock().stats.bytes_up += len as u64;
    }

    /// So many bytes are about to go to a client: what is done after how many of them.
    pub(super) fn bytes_down(&self, len: usize) -> Vec<(usize, Action)> {
        let mut state = self.lock();
        let before = state.stats.bytes_down;
        let after = before + len as u64;
        state.stats.bytes_down = after;
        let later = state.rules.bytes.split_off(&(after + 1));
        let now = std::mem::replace(&mut state.rules.bytes, later);
        let place = |at: u64| usize::try_from(at.saturating_sub(before)).unwrap_or(len);
        now.into_iter().flat_map(|(at, actions)| actions.into_iter().map(move |action| (place(at), action))).collect()
    }

    /// Bytes that were counted and did not go out after all, and what was to be done after how many of them.
    pub(super) fn not_sent(&self, len: usize, actions: impl Iterator<Item = (usize, Action)>) {
        let mut state = self.lock();
        let sent = state.stats.bytes_down.saturating_sub(len as u64);
        state.stats.bytes_down = sent;
        for (after, action) in actions {
            state.rules.bytes.entry(sent + (after as u64).max(1)).or_default().push(action);
        }
    }

    /// A request came: what is done to it.
    pub(super) fn request(&self, method: &str, params: Option<&str>) -> Vec<Action> {
        let mut state = self.lock();
        let state = &mut *state;
        state.stats.requests += 1;
        let mut actions = state.rules.requests.remove(&state.stats.requests).unwrap_or_default();
        actions.extend(state.rules.every_request.iter().cloned());
        if let Some(methods) = state.rules.methods.get_mut(method) {
            methods.seen += 1;
            actions.extend(methods.nth.remove(&methods.seen).unwrap_or_default());
            actions.extend(methods.every.iter().cloned());
        }
        if let Some(height) = params.and_then(|params| state.height(params)) {
            actions.extend(state.rules.heights.remove(&height).unwrap_or_default());
        }
        // What is done to heads waits where this asks for none.
        let heads = asks_for_head(method, params);
        let (for_heads, mut others): (Vec<_>, Vec<_>) =
            actions.into_iter().partition(|action| action.target() == Target::Head);
        state.for_heads.extend(for_heads);
        if heads {
            others.extend(state.for_heads.pop_front());
        }
        if !others.iter().any(|action| action.target() == Target::Reply) {
            others.extend(state.for_replies.pop_front());
        }
        others
    }

    /// Whether `rpc_methods` lists too much.
    pub(super) fn lies(&self) -> bool {
        self.lock().lies
    }

    /// The node told the hash of a height.
    pub(super) fn learn(&self, hash: &str, height: u64) {
        let mut state = self.lock();
        if !state.rules.heights.is_empty() {
            state.heights.insert(hash.to_owned(), height);
        }
    }

    pub(super) fn subscribed(&self, connection: u64, subscription: &str) {
        self.lock().subscriptions.insert((connection, subscription.to_owned()));
    }

    /// The node announced something: what is done to it, `None` where nobody is to hear it.
    pub(super) fn notification(&self, connection: u64, subscription: &str) -> Option<Vec<Action>> {
        let mut state = self.lock();
        let state = &mut *state;
        state.stats.notifications += 1;
        let mut actions = state.rules.notifications.remove(&state.stats.notifications).unwrap_or_default();
        actions.extend(state.rules.every_notification.iter().cloned());
        if state.muted.contains(&(connection, subscription.to_owned())) {
            return None;
        }
        actions.extend(state.for_heads.pop_front());
        actions.extend(state.for_notifications.pop_front());
        Some(actions)
    }

    pub(super) fn cut_all(&self) {
        self.lock().cut(Cut::Rst, None);
    }
}

/// Follows the clock of a script.
pub(super) async fn strike_in_time(director: Arc<Director>, timed: Vec<(Duration, Action)>) {
    let start = Instant::now();
    for (after, action) in timed {
        sleep_until(start + after).await;
        director.strike(action, None);
    }
}

/// Whether a request asks for the newest block.
pub(super) fn asks_for_head(method: &str, params: Option<&str>) -> bool {
    let bare = params.is_none_or(|params| matches!(params.replace(' ', "").as_str(), "[]" | "[null]" | "null" | "{}"));
    match method {
        "chain_getFinalizedHead" | "chain_getHead" | "chain_getFinalisedHead" => true,
        "chain_getHeader" | "chain_getBlockHash" => bare,
        _ => false,
    }
}

impl State {
    fn did(&mut self, action: &Action) {
        *self.stats.actions.entry(action.name()).or_default() += 1;
    }

    fn cut(&mut self, cut: Cut, connection: Option<u64>) {
        for (id, end) in &self.connections {
            if connection.is_none_or(|chosen| chosen == *id) {
                let _ = end.send(cut);
            }
        }
    }

    /// The height that a request is about.
    fn height(&self, params: &str) -> Option<u64> {
        if self.rules.heights.is_empty() {
            return None;
        }
        let params: serde_json::Value = serde_json::from_str(params).ok()?;
        params.as_array()?.iter().find_map(|param| match param {
            serde_json::Value::Number(number) => number.as_u64(),
            serde_json::Value::String(hash) => self.heights.get(hash).copied(),
            _ => None,
        })
    }
}

impl Rules {
    fn of(rules: Vec<Rule>) -> Self {
        let mut sorted = Self::default();
        for Rule { when, then } in rules {
            let line = match when {
                Trigger::Request(nth) => sorted.requests.entry(nth).or_default(),
                Trigger::EveryRequest => &mut sorted.every_request,
                Trigger::Method(name, nth) => sorted.methods.entry(name).or_default().nth.entry(nth).or_default(),
                Trigger::EveryMethod(name) => &mut sorted.methods.entry(name).or_default().every,
                Trigger::Height(height) => sorted.heights.entry(height).or_default(),
                Trigger::Byte(nth) => sorted.bytes.entry(nth).or_default(),
                Trigger::Notification(nth) => sorted.notifications.entry(nth).or_default(),
                Trigger::EveryNotification => &mut sorted.every_notification,
                Trigger::Connection(nth) => sorted.connections.entry(nth).or_default(),
                // The clock has its own list.
                Trigger::Elapsed(_) => continue,
            };
            line.push(then);
        }
        sorted
    }

    fn len(&self) -> usize {
        let methods = self.methods.values().flat_map(|methods| methods.nth.values());
        let lists = self.requests.values().chain(self.heights.values()).chain(self.bytes.values());
        let lists = lists.chain(self.notifications.values()).chain(self.connections.values()).chain(methods);
        lists.map(Vec::len).sum()
    }
}
