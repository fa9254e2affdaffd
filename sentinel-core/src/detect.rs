//! From blocks to findings: what is worth telling somebody.

mod context;
mod error;
mod finding;
mod hyperparameter_change;
mod interest;

use std::fmt::Debug;

use async_trait::async_trait;
use bytes::Bytes;

pub use context::BlockContext;
pub use error::DetectError;
pub use finding::{Finding, FindingId, Severity, Subject};
pub use hyperparameter_change::HyperparameterChange;
pub use interest::{Cadence, Interest, Item};

/// Turns a block into findings.
///
/// A detector sees blocks in ascending order, one at a time. The same block gives the same findings with the same ids,
/// however often it is looked at; so a run that is repeated after a crash tells nobody anything twice.
#[async_trait]
pub trait Detector: Debug + Send + Sync + 'static {
    /// Its name: a fixed word, part of the id of its findings.
    fn name(&self) -> &'static str;

    /// What it wants to see. A block with nothing of it need not be shown.
    fn interest(&self) -> Interest;

    /// Looks at one block.
    ///
    /// # Errors
    /// A failure is about this block; the detector stays usable, and the block may be shown again.
    async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError>;

    /// What it remembers between blocks, to be kept with the cursor; `None` for a detector without memory.
    fn snapshot(&self) -> Option<Bytes> {
        None
    }

    /// Takes back what [`snapshot`](Self::snapshot) gave, whatever it has seen since: a block may be undone. A snapshot it
    /// does not understand (one of no bytes, where it had nothing to remember) is forgotten, as if this were its first block.
    fn restore(&mut self, _snapshot: &[u8]) {}
}
