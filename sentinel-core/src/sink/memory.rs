//! Keeps findings in memory, for tests and for programs that look at them later.

use std::sync::{Mutex, PoisonError};

use async_trait::async_trait;

use super::{Receipt, Sink, SinkError};
use crate::detect::Finding;

/// Findings in memory, in the order of their delivery.
#[derive(Debug, Default)]
pub struct MemorySink {
    findings: Mutex<Vec<Finding>>,
}

impl MemorySink {
    /// An empty sink.
    pub fn new() -> Self {
        Self::default()
    }

    /// Everything delivered so far.
    pub fn findings(&self) -> Vec<Finding> {
        // A push cannot leave the list half-made, so a panic elsewhere does not spoil it.
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

#[async_trait]
impl Sink for MemorySink {
    fn name(&self) -> &str {
        "memory"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<Receipt, SinkError> {
        self.findings.lock().unwrap_or_else(PoisonError::into_inner).extend_from_slice(findings);
        Ok(Receipt { delivered: findings.len() })
    }

    async fn check(&self) -> Result<(), SinkError> {
        Ok(())
    }
}
