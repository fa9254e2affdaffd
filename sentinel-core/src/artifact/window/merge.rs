//! Which part each block of a window is taken from.

use std::collections::BTreeMap;
use std::ops::RangeInclusive;

use crate::artifact::ArtifactError;
use crate::artifact::datasets::Window;
use crate::artifact::part::{Part, follows};
use crate::chain::BlockRef;

/// The blocks of a window, and where their rows are.
pub(super) struct Merged {
    /// Ascending, each once.
    pub(super) blocks: Vec<BlockRef>,
    /// Ascending: blocks whose rows are taken from one part.
    pub(super) runs: Vec<Run>,
}

/// Blocks whose rows are taken from one part.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Run {
    pub(super) part: usize,
    pub(super) blocks: RangeInclusive<u64>,
}

/// Takes each block from the first part that has it: the rows of a block are the same in all of them.
pub(super) fn merge(parts: &[Part], window: Window) -> Result<Merged, ArtifactError> {
    let mut found: BTreeMap<u64, (BlockRef, usize)> = BTreeMap::new();
    for (part, block) in
        parts.iter().enumerate().flat_map(|(at, part)| part.blocks().iter().map(move |block| (at, block)))
    {
        if !window.blocks().contains(&block.number) {
            continue;
        }
        let (known, _) = found.entry(block.number).or_insert((*block, part));
        if known.hash != block.hash {
            let message = format!("it is {} in one part of the window and {} in another", known.hash, block.hash);
            return Err(ArtifactError::Contradiction { block: block.number, message });
        }
    }
    let mut runs: Vec<Run> = Vec::new();
    let mut blocks: Vec<BlockRef> = Vec::with_capacity(found.len());
    for (number, (block, part)) in found {
        if let Some(before) = blocks.last() {
            follows(before, &block)?;
        }
        blocks.push(block);
        match runs.last_mut() {
            Some(run) if run.part == part => run.blocks = *run.blocks.start()..=number,
            _ => runs.push(Run { part, blocks: number..=number }),
        }
    }
    Ok(Merged { blocks, runs })
}
