//! Blocks of consecutive heights, asked for together: one turn, one deadline and one waking for all of them.

use std::ops::RangeInclusive;

use bytes::Bytes;
use futures::future;

use super::Inner;
use super::ask::Ask;
use super::blocks::{BODY, BlockState};
use super::json::Json;
use super::state::QUERY;
use super::wire::Params;
use crate::chain::{BlockHash, BlockId, BlockRef};
use crate::source::{RawBlock, SourceError};

impl Inner {
    /// The blocks at some heights, as far as they come without trouble. Any other is to be read alone, with all the care that
    /// a trouble needs.
    pub(super) async fn blocks(&self, heights: RangeInclusive<u64>) -> Vec<Option<RawBlock>> {
        let mut route = self.pool.route(Some(*heights.start()));
        let blocks = match route.ask().await {
            Ok(ask) => self.blocks_from(ask, heights.clone()).await,
            Err(_) => None,
        };
        blocks.unwrap_or_else(|| heights.map(|_| None).collect())
    }

    /// `None` where they cannot be asked for together.
    async fn blocks_from(&self, ask: Ask<'_>, heights: RangeInclusive<u64>) -> Option<Vec<Option<RawBlock>>> {
        if heights.is_empty() || ask.node.manners.no_batches() {
            return None;
        }
        let keys = self.with_number(&self.block_keys);
        let state = Params::new().hexes(&keys);
        let hashes = self.heights.hashes(ask, heights.clone()).await.ok().flatten()?;
        let mut requests = Vec::with_capacity(2 * hashes.len());
        for hash in &hashes {
            requests.push((BODY, Params::new().hex(&hash.0).build()?));
            requests.push((QUERY, state.and_hex(&hash.0).build()?));
        }
        let ahead = future::join_all(heights.clone().map(|number| self.heights.look_ahead(ask, number)));
        let first = *heights.start();
        let asked = ask.node.send_together(&requests, |index| first + (index / 2) as u64);
        let mut answers = future::join(asked, ahead).await.0?.into_iter();
        let mut blocks = Vec::with_capacity(hashes.len());
        for (number, hash) in heights.zip(hashes) {
            let block = match (answers.next().flatten(), answers.next().flatten()) {
                (Some(body), Some(state)) => self.block_in(ask, number, hash, &keys, [&body, &state]).await,
                _ => Ok(None),
            };
            blocks.push(block.unwrap_or_else(|error| {
                tracing::debug!(number, %error, "the block is read alone");
                None
            }));
        }
        Some(blocks)
    }

    /// The block in two answers, the second of which has the values of `keys`.
    async fn block_in(
        &self,
        ask: Ask<'_>,
        number: u64,
        hash: BlockHash,
        keys: &[Bytes],
        [body, state]: [&Json; 2],
    ) -> Result<Option<RawBlock>, SourceError> {
        let id = BlockId::Number(number);
        let Some((header, extrinsics)) = self.body_in(ask, id, hash, body)? else { return Ok(None) };
        let at = BlockRef { number, hash, parent_hash: header.header.parent_hash };
        let state = BlockState::of(ask, &at, self.witnessed_in(ask, &at, keys, state)?)?;
        self.assemble(ask, id, header, extrinsics, state).await.map(Some)
    }
}
