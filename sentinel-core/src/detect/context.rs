//! What a detector is shown: one block, indexed, and the source it came from.

use super::DetectError;
use crate::chain::BlockRef;
use crate::decode::BlockIndex;
use crate::source::{BlockSource, RawBlock};

/// One block, as a detector sees it.
#[derive(Debug)]
pub struct BlockContext<'a> {
    source: &'a dyn BlockSource,
    network: &'a str,
    block: &'a RawBlock,
    index: BlockIndex<'a, 'a>,
}

impl<'a> BlockContext<'a> {
    /// Indexes a block for detectors. `network` is the word that stands for the network in the ids of findings.
    pub fn new(source: &'a dyn BlockSource, network: &'a str, block: &'a RawBlock) -> Result<Self, DetectError> {
        let index = block
            .runtime
            .index(&block.extrinsics, &block.events)
            .map_err(|source| DetectError::Decode { block: block.header.header.number, source })?;
        Ok(Self { source, network, block, index })
    }

    /// Where the block came from, for reading state at it.
    pub fn source(&self) -> &'a dyn BlockSource {
        self.source
    }

    /// The word that stands for the network.
    pub fn network(&self) -> &'a str {
        self.network
    }

    /// The raw block.
    pub fn block(&self) -> &'a RawBlock {
        self.block
    }

    /// The reference to the block.
    pub fn at(&self) -> BlockRef {
        self.block.reference()
    }

    /// Its extrinsics and events.
    pub fn index(&self) -> &BlockIndex<'a, 'a> {
        &self.index
    }
}
