//! A job: what a run has to do, and the name that its state has in the store.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use super::{EngineError, Mode, Outputs};
use crate::artifact::datasets::Dataset;
use crate::artifact::{ArtifactError, NetworkWord, window};
use crate::chain::{NetUid, blake2_256};
use crate::storage::{Key, StorageError};

/// What a run has to do. Runs of equal jobs continue each other; any difference is another job with a state of its own.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Job {
    /// The word that stands for the network in keys.
    pub network: NetworkWord,
    /// What it is for.
    pub mode: Mode,
    /// The blocks; `None` to follow the chain.
    pub range: Option<RangeInclusive<u64>>,
    /// The subnets; `None` for all.
    pub netuids: Option<BTreeSet<NetUid>>,
    /// Every how many blocks one is considered.
    pub step: u64,
    /// What is written.
    pub outputs: Outputs,
    /// Whether each dataset is written as lines of JSON, too.
    pub jsonl: bool,
}

impl Job {
    /// Its name: mode and range for people, and a hash of all that tells it from others.
    pub fn word(&self) -> String {
        let digest = blake2_256(self.description().as_bytes());
        let mode = self.mode.name().replace('_', "-");
        let hash = const_hex::encode(&digest[..6]);
        match &self.range {
            Some(range) => format!("{mode}-{:010}-{:010}-{hash}", range.start(), range.end()),
            None => format!("{mode}-{hash}"),
        }
    }

    fn description(&self) -> String {
        let netuids = match &self.netuids {
            Some(netuids) => netuids.iter().map(NetUid::to_string).collect::<Vec<_>>().join(","),
            None => "all".to_owned(),
        };
        let range = self.range.as_ref().map(|range| format!("{}-{}", range.start(), range.end()));
        format!(
            "{} {} {} step {} subnets {netuids} outputs {} jsonl {}",
            self.network,
            self.mode,
            range.as_deref().unwrap_or("on"),
            self.step,
            self.outputs,
            self.jsonl
        )
    }

    /// Where its state is.
    pub fn folder(&self) -> Result<Key, StorageError> {
        Key::new(format!("{}/_state/{}", self.network, self.word()))
    }

    /// What it writes and under which keys.
    pub fn artifacts(&self) -> Result<window::Outputs, ArtifactError> {
        let outputs = window::Outputs::new(self.outputs.iter())
            .with_jsonl(self.jsonl)
            .of_netuids(self.netuids.iter().flatten().copied())
            .every(self.step)
            .epochs_only(!self.mode.reads_blocks());
        // The same datasets, of other blocks or read less deeply, are other files.
        match self.mode {
            Mode::Live => Ok(outputs),
            Mode::Backfill => {
                outputs.labelled(Dataset::Neurons, "every-block")?.labelled(Dataset::Weights, "every-block")
            }
            Mode::FastBackfill | Mode::ApyBackfill => outputs.labelled(Dataset::Neurons, "lite"),
        }
    }

    /// Whether a block of the range is to be considered.
    pub fn considers(&self, block: u64) -> bool {
        let start = self.range.as_ref().map_or(0, |range| *range.start());
        self.step <= 1 || block.saturating_sub(start).is_multiple_of(self.step)
    }

    /// Whether a subnet is to be considered.
    pub fn wants(&self, netuid: NetUid) -> bool {
        self.netuids.as_ref().is_none_or(|netuids| netuids.contains(&netuid))
    }

    /// Refuses what cannot be done, before anything is read.
    pub fn check(&self) -> Result<(), EngineError> {
        let usage = |message: String| Err(EngineError::Usage(message));
        match (&self.range, self.mode) {
            (None, Mode::Live) => {}
            (Some(_), Mode::Live) => return usage("live mode has no end: leave the end of the range out".to_owned()),
            (None, mode) => return usage(format!("{mode} needs a range of blocks: its start and its end")),
            (Some(range), _) if range.is_empty() => {
                return usage(format!("the range ends at block {} before it starts at {}", range.end(), range.start()));
            }
            (Some(_), _) => {}
        }
        if self.step == 0 {
            return usage("a step of 0 blocks leads nowhere: use 1 for every block".to_owned());
        }
        if self.netuids.as_ref().is_some_and(BTreeSet::is_empty) {
            return usage("an empty list of subnets: leave it out for all".to_owned());
        }
        let foreign = self.outputs.not_made_by(self.mode);
        if let Some(dataset) = foreign.first() {
            return usage(format!("{} does not make `{dataset}`: it makes {}", self.mode, Outputs::of(self.mode)));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn job() -> Job {
        Job {
            network: "sim".parse().unwrap(),
            mode: Mode::Backfill,
            range: Some(100..=199),
            netuids: None,
            step: 1,
            outputs: Outputs::of(Mode::Backfill),
            jsonl: false,
        }
    }

    #[test]
    fn every_difference_is_another_job() {
        let base = job().word();
        assert!(base.starts_with("backfill-0000000100-0000000199-"), "{base}");
        let others = [
            Job { range: Some(100..=200), ..job() },
            Job { netuids: Some([NetUid(1)].into()), ..job() },
            Job { step: 2, ..job() },
            Job { outputs: "blocks".parse().unwrap(), ..job() },
            Job { jsonl: true, ..job() },
            Job { network: "finney".parse().unwrap(), ..job() },
        ];
        for other in others {
            assert_ne!(other.word(), base, "{other:?}");
            other.folder().unwrap();
        }
        assert_eq!(job().word(), base);
    }

    #[test]
    fn what_cannot_be_done_is_refused_in_words() {
        #[allow(clippy::reversed_empty_ranges, reason = "that is what is refused")]
        let wrong = [
            (Job { range: None, ..job() }, "needs a range"),
            (Job { range: Some(5..=4), ..job() }, "ends at block 4 before it starts at 5"),
            (Job { step: 0, ..job() }, "a step of 0"),
            (Job { netuids: Some(BTreeSet::new()), ..job() }, "an empty list"),
            (Job { mode: Mode::Live, ..job() }, "has no end"),
            (Job { outputs: "apy".parse().unwrap(), ..job() }, "does not make `apy`"),
        ];
        for (job, says) in wrong {
            let message = job.check().unwrap_err().to_string();
            assert!(message.contains(says), "{message}");
        }
        job().check().unwrap();
    }
}
