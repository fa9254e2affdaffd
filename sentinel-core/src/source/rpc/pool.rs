//! Several endpoints of one chain: which one is asked, and where a read goes when it fails there.

use std::sync::{Arc, OnceLock};
use std::time::Duration;

use futures::StreamExt;
use futures::stream::FuturesUnordered;
use tokio::time::{Instant, sleep, timeout};

use super::RpcOptions;
use super::ask::Ask;
use super::budget::Budget;
use super::endpoint::Endpoint;
use super::keeper::Keeper;
use super::node::Node;
use super::stats::EndpointStats;
use crate::chain::BlockHash;
use crate::jitter::jittered;
use crate::source::SourceError;

/// Endpoints that a list may have.
pub(super) const MOST: usize = 64;

/// How long those before it in the list are waited for, when one has answered.
const GRACE: Duration = Duration::from_secs(2);

/// How long an endpoint is waited for before the next one is tried beside it.
const STAGGER: Duration = Duration::from_millis(500);

/// The first pause before a read that failed is made again at the same endpoint; it doubles.
const PAUSE: Duration = Duration::from_millis(100);

/// A pause that is not worth going elsewhere for.
const SHORT: Duration = Duration::from_millis(500);

/// See the module.
#[derive(Debug)]
pub(super) struct Pool {
    nodes: Vec<Arc<Node>>,
    genesis: BlockHash,
    options: Arc<RpcOptions>,
    _keepers: Vec<Keeper>,
}

impl Pool {
    /// Connects to the first endpoint of the list that answers; the others are seen to afterwards.
    pub(super) async fn connect(urls: &[&str], options: RpcOptions) -> Result<Self, SourceError> {
        if urls.is_empty() || urls.len() > MOST {
            return Err(SourceError::fatal(format!("{} endpoints given: between 1 and {MOST} are needed", urls.len())));
        }
        let options = Arc::new(options);
        let known = Arc::new(OnceLock::new());
        if let Some(genesis) = options.genesis {
            let _ = known.set(genesis);
        }
        let mut nodes = Vec::with_capacity(urls.len());
        for (index, url) in urls.iter().enumerate() {
            let node = Node::new(index, Endpoint::parse(url)?, Arc::clone(&options), Arc::clone(&known));
            nodes.push(Arc::new(node));
        }
        let first = first_answer(&nodes).await?;
        let genesis = *known.get_or_init(|| first);
        let mut chosen = false;
        for node in &nodes {
            match node.serves() {
                Some(now) if now != genesis => node.refuse(genesis, now),
                Some(_) => chosen = true,
                // It was waited for in vain: the keeper goes on trying, and it takes its place after some clean answers.
                None if !chosen => node.health().hung(),
                // Not needed so far.
                None => {}
            }
        }
        let keepers = nodes.iter().map(Keeper::start).collect();
        Ok(Self { nodes, genesis, options, _keepers: keepers })
    }

    pub(super) fn genesis(&self) -> BlockHash {
        self.genesis
    }

    pub(super) fn options(&self) -> &RpcOptions {
        &self.options
    }

    pub(super) fn nodes(&self) -> &[Arc<Node>] {
        &self.nodes
    }

    /// Whom a read would ask now.
    pub(super) fn favourite(&self) -> Option<&Arc<Node>> {
        self.best(0, None, None).and_then(|index| self.nodes.get(index))
    }

    pub(super) fn stats(&self) -> Vec<EndpointStats> {
        self.nodes.iter().map(|node| node.stats()).collect()
    }

    /// The way of one read through the endpoints; `state` is the block whose state it needs.
    pub(super) fn route(&self, state: Option<u64>) -> Route<'_> {
        Route {
            pool: self,
            state,
            budget: Budget::new(self.options.retry_budget),
            ruled_out: 0,
            asked: None,
            tries: 0,
            kept: None,
        }
    }

    /// The newest block that any endpoint spoke of.
    fn head(&self) -> Option<u64> {
        self.nodes.iter().filter_map(|node| node.health().head()).max()
    }

    /// The best endpoint that is not ruled out; `last` only where there is no other.
    fn best(&self, ruled_out: u64, state: Option<u64>, last: Option<usize>) -> Option<usize> {
        if let [only] = &self.nodes[..] {
            return (ruled_out == 0).then(|| only.index());
        }
        let head = self.head();
        let rank = |node: &Node| {
            let ready_in = node.busy_for();
            let class = match () {
                () if node.is_refused() => 5,
                () if state.is_some_and(|block| node.horizon.is_beyond(block, head)) => 4,
                () if !node.health().is_up() => 3,
                () if last == Some(node.index()) => 2,
                () if ready_in > SHORT => 1,
                () => 0,
            };
            // Among those that are away, the one that is tried next.
            (class, if class == 0 { Duration::ZERO } else { ready_in }, node.index())
        };
        let nodes = self.nodes.iter().filter(|node| ruled_out & (1 << node.index()) == 0);
        nodes.map(|node| rank(node)).min().map(|(_, _, index)| index)
    }
}

/// Opens endpoints, each when those before it failed or take long, and gives the genesis of the first in the list that
/// answers.
async fn first_answer(nodes: &[Arc<Node>]) -> Result<BlockHash, SourceError> {
    let open = |node: &Arc<Node>| {
        let node = Arc::clone(node);
        async move { (node.index(), node.replace_lost().await) }
    };
    let mut waiting = nodes.iter();
    let mut opening: FuturesUnordered<_> = waiting.next().map(open).into_iter().collect();
    let mut failures: Vec<SourceError> = Vec::new();
    let mut pending = vec![true; nodes.len()];
    let mut answered: Option<Instant> = None;
    loop {
        let patience = match answered {
            Some(since) => GRACE.saturating_sub(since.elapsed()),
            None => STAGGER,
        };
        match timeout(patience, opening.next()).await {
            Ok(Some((index, Ok(())))) => {
                pending[index] = false;
                answered.get_or_insert_with(Instant::now);
            }
            Ok(Some((index, Err(error)))) => {
                pending[index] = false;
                failures.push(error);
                opening.extend(waiting.next().map(open));
            }
            // None is under way any more.
            Ok(None) => break,
            Err(_) if answered.is_some() => break,
            Err(_) => opening.extend(waiting.next().map(open)),
        }
        let first = nodes.iter().position(|node| node.serves().is_some());
        if first.is_some_and(|first| !pending[..first].contains(&true)) {
            break;
        }
    }
    if let Some(genesis) = nodes.iter().find_map(|node| node.serves()) {
        return Ok(genesis);
    }
    if failures.len() > 1 {
        let all: Vec<String> = failures.iter().map(ToString::to_string).collect();
        let message = format!("no endpoint can be used: {}", all.join("; "));
        return Err(match failures.iter().any(SourceError::is_retryable) {
            true => SourceError::Transient { endpoint: endpoints(nodes), message, source: None },
            false => SourceError::fatal(message),
        });
    }
    Err(failures.pop().unwrap_or_else(|| SourceError::fatal("no endpoint answered")))
}

fn endpoints(nodes: &[Arc<Node>]) -> String {
    nodes.iter().map(|node| node.endpoint()).collect::<Vec<_>>().join(", ")
}

/// See [`Pool::route`].
///
/// A read is made at one endpoint from its first request to its last. What the endpoint says decides about the next one:
/// a block or state that it does not have, or a lie, is asked of the others, each once; a failure in passing is asked of
/// the next best, or of the same again, as long as the budget lasts.
#[derive(Debug)]
pub(super) struct Route<'p> {
    pool: &'p Pool,
    state: Option<u64>,
    budget: Budget,
    /// Bits of the endpoints that have answered, to no avail.
    ruled_out: u64,
    asked: Option<usize>,
    tries: u32,
    /// The error to give when nobody has a better answer.
    kept: Option<SourceError>,
}

impl Route<'_> {
    /// Whom to ask next.
    pub(super) async fn ask(&mut self) -> Result<Ask<'_>, SourceError> {
        let pool = self.pool;
        let last = self.asked.filter(|_| self.tries > 0);
        let Some(node) = pool.best(self.ruled_out, self.state, last).and_then(|index| pool.nodes.get(index)) else {
            return Err(self.kept.take().unwrap_or_else(|| SourceError::fatal("no endpoint is left to ask")));
        };
        let wait = node.ready_in();
        if wait > SHORT && !node.health().is_up() && self.budget.spend(wait) {
            sleep(wait).await;
        }
        self.asked = Some(node.index());
        let alone = pool.nodes.iter().filter(|node| node.health().is_up()).count() <= 1;
        Ok(Ask { node, budget: &self.budget, alone })
    }

    /// A read failed: decides whether it is made again. Waits where the same endpoint needs a pause.
    pub(super) async fn failed(&mut self, error: SourceError) -> Result<(), SourceError> {
        let Some(node) = self.asked.and_then(|index| self.pool.nodes.get(index)) else { return Err(error) };
        self.tries += 1;
        match &error {
            SourceError::StatePruned { .. } | SourceError::UnknownBlock { .. } | SourceError::Lying { .. } => {
                self.rule_out(error, |node| node.health().is_up())
            }
            SourceError::Unsupported { at: None, .. } => self.rule_out(error, |node| node.health().is_up()),
            SourceError::Transient { .. } | SourceError::RateLimited { .. } => self.again(node, error).await,
            // It cannot be used at all.
            SourceError::Fatal { .. } if !node.health().is_up() => self.rule_out(error, |_| true),
            _ => Err(error),
        }
    }

    /// Asks the others, those of them that `may` be asked.
    fn rule_out(&mut self, error: SourceError, may: impl Fn(&Node) -> bool) -> Result<(), SourceError> {
        if let Some(asked) = self.asked {
            self.ruled_out |= 1 << asked;
        }
        let pruned = matches!(error, SourceError::StatePruned { .. });
        let kept = better(self.kept.take(), error);
        // Only another endpoint has a state that this one dropped: that is worth waiting for.
        let others = self.pool.nodes.iter().filter(|node| self.ruled_out & (1 << node.index()) == 0);
        if others.filter(|node| !node.is_refused()).any(|node| pruned || may(node)) {
            self.kept = Some(kept);
            Ok(())
        } else {
            Err(kept)
        }
    }

    async fn again(&mut self, node: &Node, error: SourceError) -> Result<(), SourceError> {
        let next = self.pool.best(self.ruled_out, self.state, self.asked);
        if next.is_some_and(|next| next != node.index()) {
            let elsewhere = self.pool.nodes.iter().any(|other| Some(other.index()) == next && other.health().is_up());
            return if elsewhere && self.budget.spend_elsewhere() { Ok(()) } else { Err(error) };
        }
        // A node that asked for a pause, or is away, is not bothered before; anybody else gets a moment.
        let moment = jittered(PAUSE * 2u32.saturating_pow(self.tries.min(10)));
        let pause = node.ready_in().max(moment);
        if !self.budget.spend(pause) {
            return Err(error);
        }
        sleep(pause).await;
        Ok(())
    }
}

/// The error that says more: what may pass before what stays, and of unknown blocks the one that names the newest head.
fn better(before: Option<SourceError>, now: SourceError) -> SourceError {
    match (before, now) {
        (None, now) => now,
        (Some(SourceError::UnknownBlock { block, head }), SourceError::UnknownBlock { head: other, .. }) => {
            SourceError::UnknownBlock { block, head: head.max(other) }
        }
        // A lagging endpoint does not know what another one had and dropped.
        (Some(before), SourceError::UnknownBlock { .. }) => before,
        (Some(SourceError::UnknownBlock { .. }), now) => now,
        (Some(before), now) if before.is_retryable() || !now.is_retryable() => before,
        (Some(_), now) => now,
    }
}

/// Makes a read at one endpoint after the other until one answers.
macro_rules! anywhere {
    ($pool:expr, $state:expr, |$ask:ident| $read:expr) => {{
        let mut route = $pool.route($state);
        loop {
            let error = {
                let $ask = route.ask().await?;
                match $read.await {
                    Ok(answer) => break Ok(answer),
                    Err(error) => error,
                }
            };
            route.failed(error).await?;
        }
    }};
}
pub(super) use anywhere;
