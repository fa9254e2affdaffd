//! What a run did.

use serde::Serialize;

use super::Mode;

/// What a run did, to be kept as JSON.
#[derive(Debug, Clone, PartialEq, Serialize)]
#[non_exhaustive]
pub struct RunReport {
    /// The word for the network in keys.
    pub network: String,
    /// Whether nothing of it is real.
    pub simulated: bool,
    /// What the run was for.
    pub mode: Mode,
    /// The name of its state in the store.
    pub job: String,
    /// The first block of the job.
    pub block_start: u64,
    /// Its last block; of a live run, the newest that is safe.
    pub block_end: u64,
    /// The newest block that is safe; null in the modes that read epochs.
    pub cursor: Option<u64>,
    /// Blocks (or subnets of a window, in the modes that read epochs) that this run read.
    pub done: u64,
    /// Those that were there already.
    pub skipped: u64,
    /// Epochs found by this run.
    pub epochs: u64,
    /// Findings that sinks took.
    pub findings: u64,
    /// Findings that were taken back, since their block did not become final.
    pub retracted: u64,
    /// Blocks that could not be read, by this run or one before.
    pub quarantined: Vec<u64>,
    /// What else could not be read by this run, in words.
    pub failed: Vec<String>,
    /// Reads that were repeated by the engine.
    pub retried: u64,
    /// Windows whose artifacts this run wrote.
    pub windows_written: u64,
    /// Windows whose artifacts were there already.
    pub windows_skipped: u64,
    /// Bytes of artifacts that this run wrote.
    pub bytes_written: u64,
    /// Whether it was stopped before its end.
    pub interrupted: bool,
    /// How long it took, in seconds.
    pub wall_s: f64,
}

impl RunReport {
    /// Whether everything that was asked for is there.
    pub fn is_complete(&self) -> bool {
        self.quarantined.is_empty() && self.failed.is_empty() && !(self.interrupted && self.mode != Mode::Live)
    }
}
