//! Where findings go.

mod error;
mod jsonl;
mod memory;

use std::fmt::Debug;

use async_trait::async_trait;

use crate::detect::Finding;

pub use error::SinkError;
pub use jsonl::JsonLinesSink;
pub use memory::MemorySink;

/// What a sink did with what it was given.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Receipt {
    /// Findings that arrived.
    pub delivered: usize,
}

/// Delivers findings.
///
/// The same finding may be handed over again after a crash; its id tells. One that is
/// [`retracted`](crate::detect::Finding::retracted) takes back the one with its id that came before: who keeps findings by their
/// ids keeps the last word of each.
#[async_trait]
pub trait Sink: Debug + Send + Sync + 'static {
    /// Its name, for logs and receipts; never an address with credentials.
    fn name(&self) -> &str;

    /// Delivers findings, all or none as far as the sink can promise; returns once they are safe there.
    async fn deliver(&self, findings: &[Finding]) -> Result<Receipt, SinkError>;

    /// Whether the sink could deliver now; sends nothing.
    async fn check(&self) -> Result<(), SinkError>;
}
