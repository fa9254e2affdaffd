//! Suites that every implementation of a trait passes, ours and yours.
//!
//! They return what does not conform instead of panicking, so that they also serve as a check of a live node.

mod block_source;
mod detector;
mod sink;
mod storage;

use std::fmt;

pub use block_source::{ChainFacts, block_source};
pub use detector::detector;
pub use sink::sink;
pub use storage::storage;

/// One promise of a trait that an implementation does not keep.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// The promise.
    pub promise: &'static str,
    /// What was seen instead, and where.
    pub seen: String,
}

/// The promises that an implementation does not keep; never empty.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub struct NotConforming(pub Vec<Violation>);

impl fmt::Display for NotConforming {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} promises are not kept", self.0.len())?;
        self.0.iter().try_for_each(|violation| write!(f, "\n  {}: {}", violation.promise, violation.seen))
    }
}

/// Collects violations while a suite goes on.
#[derive(Debug, Default)]
struct Report(Vec<Violation>);

impl Report {
    fn check(&mut self, kept: bool, promise: &'static str, seen: impl FnOnce() -> String) {
        if !kept {
            self.0.push(Violation { promise, seen: seen() });
        }
    }

    /// The value of a read that must succeed.
    fn ok<T, E: std::error::Error>(&mut self, read: Result<T, E>, promise: &'static str) -> Option<T> {
        match read {
            Ok(value) => Some(value),
            Err(error) => {
                self.check(false, promise, || format!("{error} ({error:?})"));
                None
            }
        }
    }

    fn finish(self) -> Result<(), NotConforming> {
        if self.0.is_empty() { Ok(()) } else { Err(NotConforming(self.0)) }
    }
}
