//! Looks after the connections of one endpoint: drops those that hang, opens what is missing, tries what is away.

use std::sync::{Arc, Weak};
use std::time::Duration;

use futures::future::join_all;
use tokio::task::AbortHandle;
use tokio::time::timeout;

use super::json::Json;
use super::link::Link;
use super::node::Node;
use super::wire;

/// The light question that shows whether a connection is alive: the best header.
const PROBE: &str = "chain_getHeader";

/// A connection is looked at so many times in a probe interval; with requests under way, silence of one such part is enough
/// for a probe.
const LOOKS: u32 = 4;

/// The task of one endpoint; it ends with this, or with the endpoint.
#[derive(Debug)]
pub(super) struct Keeper(AbortHandle);

impl Keeper {
    pub(super) fn start(node: &Arc<Node>) -> Self {
        Self(tokio::spawn(keep(Arc::downgrade(node))).abort_handle())
    }
}

impl Drop for Keeper {
    fn drop(&mut self) {
        self.0.abort();
    }
}

async fn keep(node: Weak<Node>) {
    loop {
        let Some(node) = node.upgrade() else { return };
        #[cfg(feature = "engine")]
        node.stats().publish(node.options().first_endpoint);
        let pause = (node.options().probe_interval / LOOKS).max(Duration::from_millis(1));
        tend(&node, pause).await;
        // Early where more connections are wanted.
        let _ = timeout(pause, node.crowded()).await;
    }
}

async fn tend(node: &Node, patience: Duration) {
    let suspects: Vec<Arc<Link>> = node.open_links().filter(|link| is_suspect(node, link, patience)).collect();
    join_all(suspects.iter().map(|link| probe(node, link))).await;
    if let Err(error) = node.replace_lost().await {
        tracing::debug!(endpoint = node.endpoint(), %error, "the endpoint is away");
    }
}

fn is_suspect(node: &Node, link: &Link, patience: Duration) -> bool {
    let silent = link.silent_for();
    let idle_limit = node.options().probe_interval;
    match () {
        // Clean answers bring it back.
        () if !node.health().is_up() => silent >= patience,
        () if link.under_way() > 0 => silent >= patience,
        // An HTTP client without requests has nothing to lose.
        () => link.is_socket() && silent >= idle_limit,
    }
}

async fn probe(node: &Node, link: &Arc<Link>) {
    match node.probe(link, PROBE).await {
        Some(answer) => node.health().saw(head_in(&answer).unwrap_or(0)),
        // Answers to other questions came meanwhile: slow, but alive.
        None if link.silent_for() < node.options().probe_timeout => {}
        None => node.drop_hung(link),
    }
}

fn head_in(answer: &Json) -> Option<u64> {
    wire::header(answer).ok().flatten().map(|header| header.number)
}
