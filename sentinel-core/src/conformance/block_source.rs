//! What every [`BlockSource`] promises.

mod blocks;
mod state;
mod streams;

use bytes::Bytes;

use super::{NotConforming, Report};
use crate::source::BlockSource;

/// What the suite may ask a source for: little enough to be known of a live node, a recording and a made-up chain.
///
/// ```
/// # use sentinel_core::conformance::ChainFacts;
/// let facts = ChainFacts { first: 1, last: 20, upgrades: vec![7], ..ChainFacts::default() };
/// ```
#[derive(Debug, Clone, Default)]
pub struct ChainFacts {
    /// The first block that can be read whole.
    pub first: u64,
    /// The last; finalized, and not more than a few hundred blocks later, since each is read several times.
    pub last: u64,
    /// The blocks from `first` to `last` whose state holds another runtime than their parent's.
    pub upgrades: Vec<u64>,
    /// Prefixes that are known completely at a block and have keys there.
    pub prefixes: Vec<(u64, Bytes)>,
    /// Keys that are known to be absent at a block.
    pub absent: Vec<(u64, Bytes)>,
    /// Runtime API functions that answer at a block, with arguments.
    pub calls: Vec<(u64, String, Vec<u8>)>,
    /// Runtime API functions that the runtime of a block is known not to have.
    pub missing_calls: Vec<(u64, String)>,
}

/// Checks a source against the promises of [`BlockSource`].
///
/// # Errors
/// Lists every promise that was not kept, with what was seen.
///
/// ```
/// # use std::sync::Arc;
/// # use sentinel_core::{conformance::{self, ChainFacts, NotConforming}, decode::Runtime};
/// # use sentinel_core::source::{MemoryBlock, MemorySource};
/// # async fn check(runtime: Arc<Runtime>) -> Result<(), NotConforming> {
/// let source = MemorySource::new("test", runtime);
/// source.push(MemoryBlock::default());
/// conformance::block_source(&source, &ChainFacts { last: 1, ..ChainFacts::default() }).await?;
/// # Ok(())
/// # }
/// ```
pub async fn block_source(source: &dyn BlockSource, facts: &ChainFacts) -> Result<(), NotConforming> {
    let mut report = Report::default();
    blocks::check(source, facts, &mut report).await;
    state::check(source, facts, &mut report).await;
    streams::check(source, facts, &mut report).await;
    report.finish()
}
