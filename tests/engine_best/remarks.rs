//! A detector that remembers.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use sentinel_core::detect::{BlockContext, DetectError, Detector, Finding, FindingId, Interest, Severity, Subject};
use sentinel_core::source::SourceError;

/// Finds every remark that three divides, and says how many blocks it was shown before: a memory that is wrong after a block
/// was undone shows in what it finds next.
#[derive(Debug)]
pub(super) struct Remarks {
    seen: u64,
    /// Fails at the next block.
    fails: Arc<AtomicBool>,
}

impl Remarks {
    pub(super) fn failing(fails: &Arc<AtomicBool>) -> Self {
        Self { seen: 0, fails: Arc::clone(fails) }
    }
}

#[async_trait]
impl Detector for Remarks {
    fn name(&self) -> &'static str {
        "remarks"
    }

    fn interest(&self) -> Interest {
        Interest::default()
    }

    async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
        if self.fails.swap(false, Ordering::Relaxed) {
            self.seen += 1_000_000;
            return Err(SourceError::fatal("as the test wants it").into());
        }
        let at = block.at();
        let remark = block.block().extrinsics[0].slice(5..13);
        let remark = u64::from_le_bytes(remark[..].try_into().unwrap());
        let before = self.seen;
        self.seen += 1;
        if !remark.is_multiple_of(3) {
            return Ok(Vec::new());
        }
        let subject = Subject::default();
        Ok(vec![Finding {
            id: FindingId::new(block.network(), &at, self.name(), &subject, ""),
            detector: self.name(),
            severity: Severity::Info,
            subject,
            block: at,
            timestamp: block.block().timestamp_ms,
            extrinsic: Some(format!("{}-0000", at.number)),
            title: format!("remark {remark}"),
            body: String::new(),
            payload: serde_json::json!({ "remark": remark, "before": before }),
            retracted: false,
        }])
    }

    fn snapshot(&self) -> Option<Bytes> {
        (self.seen > 0).then(|| Bytes::copy_from_slice(&self.seen.to_le_bytes()))
    }

    fn restore(&mut self, snapshot: &[u8]) {
        self.seen = snapshot.try_into().map(u64::from_le_bytes).unwrap_or_default();
    }
}
