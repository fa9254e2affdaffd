//! Detectors and sinks of a run: blocks in, findings out, and what detectors remember.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

use super::EngineError;
use crate::artifact::raw::HexBytes;
use crate::detect::{BlockContext, DetectError, Detector, Finding};
use crate::sink::Sink;
use crate::source::{BlockSource, RawBlock};

/// How often a sink is asked before the run gives up on it, and the pause between.
const TRIES: u32 = 5;
const PAUSE: Duration = Duration::from_millis(500);

/// What detectors remember, by their names.
pub(super) type Memory = BTreeMap<String, HexBytes>;

/// What detectors say of a block.
#[derive(Debug)]
pub(super) struct Inspected {
    pub(super) findings: Vec<Finding>,
    /// Whether every detector could look at it.
    pub(super) is_whole: bool,
}

/// The detectors and sinks of a run.
#[derive(Debug)]
pub(super) struct Detection {
    detectors: Vec<Box<dyn Detector>>,
    sinks: Vec<Arc<dyn Sink>>,
    found: Vec<Finding>,
}

impl Detection {
    pub(super) fn new(detectors: Vec<Box<dyn Detector>>, sinks: Vec<Arc<dyn Sink>>) -> Self {
        Self { detectors, sinks, found: Vec::new() }
    }

    /// Their names.
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.detectors.iter().map(|own| own.name()).collect()
    }

    /// Whether nobody looks for anything.
    pub(super) fn is_empty(&self) -> bool {
        self.detectors.is_empty()
    }

    /// Whether anybody is told of findings.
    pub(super) fn has_sinks(&self) -> bool {
        !self.sinks.is_empty()
    }

    /// What the detectors find in a block. A detector that fails at a block says nothing about it, and the run goes on.
    pub(super) async fn inspect(&mut self, source: &dyn BlockSource, network: &str, block: &RawBlock) -> Inspected {
        let number = block.header.header.number;
        if self.detectors.is_empty() {
            return Inspected { findings: Vec::new(), is_whole: true };
        }
        let context = match BlockContext::new(source, network, block) {
            Ok(context) => context,
            Err(error) => {
                tracing::error!(block = number, %error, "no detector can look at this block");
                return Inspected { findings: Vec::new(), is_whole: false };
            }
        };
        let (mut findings, mut is_whole) = (Vec::new(), true);
        for detector in &mut self.detectors {
            match with_retries(detector.as_mut(), &context).await {
                Ok(found) => findings.extend(found),
                Err(error) => {
                    tracing::error!(block = number, detector = detector.name(), %error, "no findings");
                    is_whole = false;
                }
            }
        }
        Inspected { findings, is_whole }
    }

    /// Keeps findings until their block is safe.
    pub(super) fn found(&mut self, findings: Vec<Finding>) {
        if !self.sinks.is_empty() {
            self.found.extend(findings);
        }
    }

    /// What was found since the last time, and who is to have it.
    pub(super) fn take(&mut self) -> (Vec<Finding>, Vec<Arc<dyn Sink>>) {
        (std::mem::take(&mut self.found), self.sinks.clone())
    }

    /// Hands these over at once; `block` is for the error.
    pub(super) async fn hand_over(&self, findings: &[Finding], block: u64) -> Result<(), EngineError> {
        deliver(&self.sinks, findings, block).await
    }

    pub(super) fn snapshots(&self) -> Memory {
        let kept = self.detectors.iter().filter_map(|own| Some((own.name().to_owned(), HexBytes(own.snapshot()?))));
        kept.collect()
    }

    pub(super) fn restore(&mut self, snapshots: &Memory) {
        for detector in &mut self.detectors {
            if let Some(snapshot) = snapshots.get(detector.name()) {
                detector.restore(&snapshot.0);
            }
        }
    }

    /// Goes back to what was remembered once. A detector that remembered nothing then is given what no detector understands,
    /// and so begins anew.
    pub(super) fn recall(&mut self, snapshots: &Memory) {
        for detector in &mut self.detectors {
            detector.restore(snapshots.get(detector.name()).map_or(&[], |snapshot| &*snapshot.0));
        }
    }
}

/// Hands over what was found in blocks up to `block`.
pub(super) async fn deliver(sinks: &[Arc<dyn Sink>], findings: &[Finding], block: u64) -> Result<(), EngineError> {
    if findings.is_empty() {
        return Ok(());
    }
    for sink in sinks {
        let mut tries = 0;
        while let Err(error) = sink.deliver(findings).await {
            tries += 1;
            if tries >= TRIES || !error.is_retryable() {
                return Err(EngineError::Sink { sink: sink.name().to_owned(), block, source: error });
            }
            tokio::time::sleep(PAUSE * tries).await;
        }
    }
    Ok(())
}

async fn with_retries(detector: &mut dyn Detector, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
    let mut tries = 0;
    loop {
        match detector.inspect(block).await {
            Err(error) if tries < TRIES && error.is_retryable() => {
                tries += 1;
                tokio::time::sleep(PAUSE * tries).await;
            }
            outcome => return outcome,
        }
    }
}
