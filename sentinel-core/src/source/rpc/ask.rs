//! The questions of one read: sent to one endpoint, and errors turned into ours.

use std::ops::RangeInclusive;

use bytes::Bytes;

use super::budget::Budget;
use super::classify::Asked;
use super::json::Json;
use super::node::Node;
use super::wire::{self, Malformed, Params};
use crate::chain::{BlockHash, BlockId, BlockRef, Header};
use crate::source::SourceError;

/// Whom a read asks, and what it may spend.
#[derive(Debug, Clone, Copy)]
pub(super) struct Ask<'a> {
    pub(super) node: &'a Node,
    pub(super) budget: &'a Budget,
    /// There is no other endpoint to go to.
    pub(super) alone: bool,
}

impl<'a> Ask<'a> {
    /// Asks this endpoint whatever the others are like.
    pub(super) fn alone(node: &'a Node, budget: &'a Budget) -> Self {
        Self { node, budget, alone: true }
    }

    pub(super) fn endpoint(&self) -> &'a str {
        self.node.endpoint()
    }

    /// Sends a read; `block` is what an error speaks of.
    pub(super) async fn request(
        &self,
        method: &str,
        params: Params,
        block: Option<BlockId>,
    ) -> Result<Json, SourceError> {
        let asked = Asked { endpoint: self.endpoint(), method, function: None, block };
        self.send(params, asked).await
    }

    /// A read of the state at `at`. Nodes say "state discarded" of blocks they never had, too; those are told apart.
    pub(super) async fn state(&self, method: &str, params: Params, at: &BlockRef) -> Result<Json, SourceError> {
        let answer = self.request(method, params, Some(BlockId::Number(at.number))).await;
        self.state_error(answer, at).await
    }

    /// A runtime API function at `at`.
    pub(super) async fn call(&self, function: &str, args: &[u8], at: &BlockRef) -> Result<Bytes, SourceError> {
        let block = Some(BlockId::Number(at.number));
        let asked = Asked { endpoint: self.endpoint(), method: "state_call", function: Some(function), block };
        let params = Params::new().text(function).hex(args).hex(&at.hash.0);
        let answer = self.send(params, asked).await;
        let answer = self.state_error(answer, at).await?;
        let bytes = self.read(wire::bytes(&answer), "state_call", block)?;
        bytes.ok_or_else(|| self.lying(BlockId::Number(at.number), format!("no answer to {function}")))
    }

    async fn state_error<T>(&self, answer: Result<T, SourceError>, at: &BlockRef) -> Result<T, SourceError> {
        match answer {
            Err(error @ (SourceError::StatePruned { .. } | SourceError::UnknownBlock { .. })) => {
                Err(Box::pin(self.why_no_state(error, at)).await)
            }
            answer => answer,
        }
    }

    /// Whether the state was dropped, or never was.
    async fn why_no_state(&self, error: SourceError, at: &BlockRef) -> SourceError {
        match self.header_by_hash(at.hash).await {
            Ok(Some(_)) => {}
            Ok(None) => return self.unknown(BlockId::Hash(at.hash)).await,
            Err(error) => return error,
        }
        if !self.alone {
            // How old it is tells how much the endpoint keeps, and so whom to ask for the next one.
            let newest = self.newest().await.unwrap_or(0);
            self.node.health().saw(newest);
        }
        self.node.pruned(at.number);
        match error {
            SourceError::UnknownBlock { block, .. } => {
                SourceError::StatePruned { endpoint: self.endpoint().to_owned(), block }
            }
            pruned => pruned,
        }
    }

    async fn send(&self, params: Params, asked: Asked<'_>) -> Result<Json, SourceError> {
        self.node.send(self.budget, self.alone, params.build().as_deref(), asked).await
    }

    /// An answer of the wrong shape is an implausible answer.
    pub(super) fn read<T>(
        &self,
        answer: Result<T, Malformed>,
        method: &str,
        block: Option<BlockId>,
    ) -> Result<T, SourceError> {
        answer.map_err(|malformed| match block {
            Some(block) => self.lying(block, format!("the answer to {method} is {malformed}")),
            None => SourceError::Transient {
                endpoint: self.endpoint().to_owned(),
                message: format!("the answer to {method} is {malformed}"),
                source: Some(Box::new(malformed)),
            },
        })
    }

    pub(super) fn lying(&self, block: BlockId, message: impl Into<String>) -> SourceError {
        SourceError::Lying { endpoint: self.endpoint().to_owned(), block, message: message.into() }
    }

    /// The hash at a height of the best chain.
    pub(super) async fn hash_at(&self, number: u64) -> Result<Option<BlockHash>, SourceError> {
        if u32::try_from(number).is_err() {
            // Heights of this chain are 32 bits on the wire: nodes refuse the parameter instead of answering null.
            return Ok(None);
        }
        let block = Some(BlockId::Number(number));
        let answer = self.request("chain_getBlockHash", Params::new().number(number), block).await?;
        self.read(wire::hash(&answer), "chain_getBlockHash", block)
    }

    /// The hashes at several heights, unchecked, as far as the endpoint knows them; `None` where it does not give several in
    /// one answer.
    pub(super) async fn hashes_at(&self, numbers: RangeInclusive<u64>) -> Result<Option<Vec<BlockHash>>, SourceError> {
        let block = Some(BlockId::Number(*numbers.end()));
        let count = numbers.clone().count();
        let hashes = match self.request("chain_getBlockHash", Params::new().numbers(numbers), block).await {
            Ok(answer) => wire::hashes(&answer).ok().filter(|hashes| hashes.len() == count),
            Err(error) if error.is_retryable() => return Err(error),
            Err(_) => None,
        };
        if hashes.is_none() {
            tracing::debug!(endpoint = self.endpoint(), "no lists of hashes, asking one by one");
            self.node.manners.lists_refused();
        }
        // One that lags may not have the last of them.
        Ok(hashes.map(|hashes| hashes.into_iter().map_while(|hash| hash).collect()))
    }

    /// The header that this hash belongs to, unchecked.
    pub(super) async fn header_by_hash(&self, hash: BlockHash) -> Result<Option<Header>, SourceError> {
        let block = Some(BlockId::Hash(hash));
        match self.request("chain_getHeader", Params::new().hex(&hash.0), block).await {
            Ok(answer) => self.read(wire::header(&answer), "chain_getHeader", block),
            Err(SourceError::UnknownBlock { .. }) => Ok(None),
            Err(error) => Err(error),
        }
    }

    /// The height of the best chain, where it can be had.
    async fn newest(&self) -> Option<u64> {
        let answer = self.request("chain_getHeader", Params::new(), None).await.ok()?;
        self.read(wire::header(&answer), "chain_getHeader", None).ok().flatten().map(|header| header.number)
    }

    /// The error for a block that does not exist, with the newest that does.
    pub(super) async fn unknown(&self, block: BlockId) -> SourceError {
        let head = self.newest().await;
        SourceError::UnknownBlock { block, head }
    }
}
