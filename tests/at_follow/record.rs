//! What a run gave: blocks to a detector, findings to a sink, and its watermark to whoever looks at the metrics.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};

use async_trait::async_trait;
use metrics::{Counter, Gauge, GaugeFn, Histogram, Key, KeyName, Metadata, SharedString, Unit};
use sentinel_core::chain::BlockRef;
use sentinel_core::detect::{BlockContext, DetectError, Detector, Finding, FindingId, Interest, Severity, Subject};
use sentinel_core::metrics::CURSOR;
use sentinel_core::sink::{Receipt, Sink, SinkError};

/// Everything that was given, in order.
#[derive(Debug, Default)]
pub(crate) struct Record {
    blocks: Mutex<Vec<BlockRef>>,
    /// The newest height that the detector was shown.
    shown: AtomicU64,
    /// The newest height that the sink has taken.
    delivered: AtomicU64,
    /// The watermark.
    watermark: AtomicU64,
    /// How often the watermark was ahead of the sink.
    ahead: AtomicU64,
}

impl Record {
    pub(crate) fn shown(&self) -> u64 {
        self.shown.load(Ordering::SeqCst)
    }

    pub(crate) fn watermark(&self) -> u64 {
        self.watermark.load(Ordering::SeqCst)
    }

    pub(crate) fn ahead(&self) -> u64 {
        self.ahead.load(Ordering::SeqCst)
    }

    pub(crate) fn blocks(&self) -> Vec<BlockRef> {
        self.blocks.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

/// What is wrong with a list of blocks that should be 1 to `last`, each once, ascending, each the child of the one before.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) struct Order {
    missing: u64,
    duplicate: u64,
    unordered: u64,
    unchained: u64,
}

impl Order {
    pub(crate) fn of(blocks: &[BlockRef], last: u64) -> Self {
        let mut seen = std::collections::BTreeSet::new();
        let duplicate = blocks.iter().filter(|block| !seen.insert(block.number)).count() as u64;
        let pairs = || blocks.windows(2).map(|pair| (pair[0], pair[1]));
        Self {
            missing: (1..=last).filter(|number| !seen.contains(number)).count() as u64,
            duplicate,
            unordered: pairs().filter(|(one, next)| next.number <= one.number).count() as u64,
            unchained: pairs().filter(|(one, next)| next.parent_hash != one.hash).count() as u64,
        }
    }

    pub(crate) fn is_right(&self) -> bool {
        *self == Self::default()
    }
}

impl fmt::Display for Order {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, duplicate, unordered, unchained } = self;
        write!(f, "missing={missing} duplicate={duplicate} unordered={unordered} unchained={unchained}")
    }
}

/// Finds every block.
#[derive(Debug)]
pub(crate) struct Every(pub(crate) Arc<Record>);

#[async_trait]
impl Detector for Every {
    fn name(&self) -> &'static str {
        "every"
    }

    fn interest(&self) -> Interest {
        Interest::default()
    }

    async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
        let at = block.at();
        self.0.blocks.lock().unwrap_or_else(PoisonError::into_inner).push(at);
        self.0.shown.store(at.number, Ordering::SeqCst);
        let subject = Subject::default();
        Ok(vec![Finding {
            id: FindingId::new(block.network(), &at, self.name(), &subject, ""),
            detector: self.name(),
            severity: Severity::Info,
            subject,
            block: at,
            timestamp: None,
            extrinsic: None,
            title: String::new(),
            body: String::new(),
            payload: serde_json::Value::Null,
            retracted: false,
        }])
    }
}

/// Takes them.
#[derive(Debug)]
pub(crate) struct Taken(pub(crate) Arc<Record>);

#[async_trait]
impl Sink for Taken {
    fn name(&self) -> &str {
        "taken"
    }

    async fn deliver(&self, findings: &[Finding]) -> Result<Receipt, SinkError> {
        for finding in findings {
            self.0.delivered.fetch_max(finding.block.number, Ordering::SeqCst);
        }
        Ok(Receipt { delivered: findings.len() })
    }

    async fn check(&self) -> Result<(), SinkError> {
        Ok(())
    }
}

impl GaugeFn for Record {
    fn increment(&self, _: f64) {}

    fn decrement(&self, _: f64) {}

    fn set(&self, value: f64) {
        self.watermark.store(value as u64, Ordering::SeqCst);
        if value as u64 > self.delivered.load(Ordering::SeqCst) {
            self.ahead.fetch_add(1, Ordering::SeqCst);
        }
    }
}

/// Looks at one metric: the watermark of a run.
#[derive(Debug)]
pub(crate) struct Watermark(pub(crate) Arc<Record>);

impl metrics::Recorder for Watermark {
    fn describe_counter(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_gauge(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn describe_histogram(&self, _: KeyName, _: Option<Unit>, _: SharedString) {}

    fn register_counter(&self, _: &Key, _: &Metadata<'_>) -> Counter {
        Counter::noop()
    }

    fn register_gauge(&self, key: &Key, _: &Metadata<'_>) -> Gauge {
        if key.name() == CURSOR { Gauge::from_arc(Arc::clone(&self.0)) } else { Gauge::noop() }
    }

    fn register_histogram(&self, _: &Key, _: &Metadata<'_>) -> Histogram {
        Histogram::noop()
    }
}
