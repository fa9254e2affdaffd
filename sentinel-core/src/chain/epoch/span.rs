//! One epoch as a range of blocks.

use serde::{Deserialize, Serialize};

/// The blocks of one epoch: from the one it ran in, where its results appear, to the one before the next epoch.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EpochSpan {
    start: u64,
    next: u64,
}

/// Where in its epoch a block lies.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum EpochPosition {
    /// The block that the epoch ran in.
    Start,
    /// Between the two.
    Inside,
    /// The last block before the next epoch. An epoch of a single block has a start and no end.
    End,
}

impl EpochSpan {
    /// From the block that the epoch ran in to the one in which the next is due; `None` unless the next comes later.
    pub fn new(start: u64, next: u64) -> Option<Self> {
        (next > start).then_some(Self { start, next })
    }

    /// The block that the epoch ran in.
    pub fn start(&self) -> u64 {
        self.start
    }

    /// The last block before the next epoch.
    pub fn end(&self) -> u64 {
        self.next - 1
    }

    /// The block in which the next epoch is due.
    pub fn next(&self) -> u64 {
        self.next
    }

    /// How many blocks the epoch has, at least 1.
    pub fn blocks(&self) -> u64 {
        self.next - self.start
    }

    /// How many blocks after its start this block lies; `None` outside of the epoch.
    pub fn offset(&self, block: u64) -> Option<u64> {
        (self.start..self.next).contains(&block).then(|| block - self.start)
    }

    /// Where this block lies; `None` outside of the epoch.
    pub fn position(&self, block: u64) -> Option<EpochPosition> {
        Some(match self.offset(block)? {
            0 => EpochPosition::Start,
            _ if block == self.end() => EpochPosition::End,
            _ => EpochPosition::Inside,
        })
    }
}
