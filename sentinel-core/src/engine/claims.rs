//! Findings that sinks were given of blocks that are not final yet, kept in the store until their blocks are.
//!
//! They are written down before they are delivered, so that a run that is killed is followed by one that can take back what
//! was found in a block that the chain has dropped since.

use serde::Deserialize;

use super::EngineError;
use super::state::State;
use crate::chain::{BlockHash, BlockRef};
use crate::detect::{Finding, FindingId, Severity, Subject};

/// Findings in the order in which they were delivered.
#[derive(Debug, Default)]
pub(super) struct Claims(Vec<Finding>);

/// A finding as it is stored.
#[derive(Deserialize)]
struct Kept {
    id: FindingId,
    detector: String,
    severity: Severity,
    subject: Subject,
    block: BlockRef,
    timestamp: Option<u64>,
    extrinsic: Option<String>,
    title: String,
    body: String,
    payload: serde_json::Value,
}

impl Claims {
    /// What a run before has left. `names` are the detectors of this one.
    pub(super) async fn load(state: &State, names: &[&'static str]) -> Result<Self, EngineError> {
        let kept: Vec<Kept> = state.read_json(&state.claims_key()?).await?.unwrap_or_default();
        let revived = kept.into_iter().filter_map(|kept| {
            let finding = kept.revived(names);
            if finding.is_none() {
                tracing::warn!(
                    "a finding of an earlier run stays, whatever becomes of its block: its detector is gone"
                );
            }
            finding
        });
        Ok(Self(revived.collect()))
    }

    async fn save(&self, state: &State) -> Result<(), EngineError> {
        let key = state.claims_key()?;
        match self.0.is_empty() {
            true => Ok(state.storage().delete(&key).await?),
            false => state.write_json(&key, &self.0).await,
        }
    }

    /// Writes down what is about to be delivered.
    pub(super) async fn add(&mut self, state: &State, findings: &[Finding]) -> Result<(), EngineError> {
        for finding in findings {
            self.0.retain(|own| own.id != finding.id);
            self.0.push(finding.clone());
        }
        self.save(state).await
    }

    /// What takes back the findings of these blocks, the newest first.
    pub(super) fn retractions(&self, of: impl Fn(&BlockRef) -> bool) -> Vec<Finding> {
        self.0.iter().rev().filter(|finding| of(&finding.block)).map(Finding::retraction).collect()
    }

    /// Forgets the findings of these blocks.
    pub(super) async fn forget(&mut self, state: &State, of: impl Fn(&BlockRef) -> bool) -> Result<(), EngineError> {
        let before = self.0.len();
        self.0.retain(|finding| !of(&finding.block));
        if self.0.len() == before { Ok(()) } else { self.save(state).await }
    }

    /// Whether there are some of this block.
    pub(super) fn has(&self, hash: &BlockHash) -> bool {
        self.0.iter().any(|finding| finding.block.hash == *hash)
    }

    /// The heights that there are findings of, below one.
    pub(super) fn heights_below(&self, next: u64) -> Vec<u64> {
        let mut heights: Vec<u64> = self.0.iter().map(|finding| finding.block.number).collect();
        heights.retain(|height| *height < next);
        heights.sort_unstable();
        heights.dedup();
        heights
    }
}

impl Kept {
    fn revived(self, names: &[&'static str]) -> Option<Finding> {
        Some(Finding {
            id: self.id,
            detector: names.iter().copied().find(|name| *name == self.detector)?,
            severity: self.severity,
            subject: self.subject,
            block: self.block,
            timestamp: self.timestamp,
            extrinsic: self.extrinsic,
            title: self.title,
            body: self.body,
            payload: self.payload,
            retracted: false,
        })
    }
}
