//! Headers and whole blocks, checked before they are handed out.

use std::sync::Arc;

use bytes::Bytes;
use futures::future;

use super::Inner;
use super::ask::Ask;
use super::json::Json;
use super::plausible;
use super::wire::{self, Params};
use crate::chain::{BlockHash, BlockId, BlockRef, Finality, Header};
use crate::decode::{Phase, Runtime, storage_prefix};
use crate::source::{HashedHeader, RawBlock, SourceError};

/// The method that gives the body of a block.
pub(super) const BODY: &str = "chain_getBlock";

/// The parent of a block that is not the genesis. The hash of the grandparent is not needed to read state.
pub(super) fn parent_of(at: &BlockRef) -> BlockRef {
    BlockRef { number: at.number.saturating_sub(1), hash: at.parent_hash, parent_hash: BlockHash::default() }
}

impl Inner {
    pub(super) async fn head_from(&self, ask: Ask<'_>, finality: Finality) -> Result<BlockRef, SourceError> {
        let method = match finality {
            Finality::Finalized => "chain_getFinalizedHead",
            Finality::Best => "chain_getBlockHash",
        };
        let answer = ask.request(method, Params::new(), None).await?;
        let hash = ask.read(wire::hash(&answer), method, None)?.ok_or_else(|| SourceError::Transient {
            endpoint: ask.endpoint().to_owned(),
            message: format!("no answer to {method}: the node may still be starting"),
            source: None,
        })?;
        let head = match self.header_from(ask, BlockId::Hash(hash)).await {
            // A backend behind the same address that is not so far yet: nothing that stays.
            Err(SourceError::UnknownBlock { block, .. }) => {
                return Err(ask.lying(block, "it is named as the head, and there is no such block"));
            }
            header => header?.reference(),
        };
        if finality == Finality::Finalized {
            self.heights.finalized(head.number);
        }
        Ok(head)
    }

    pub(super) async fn header_from(&self, ask: Ask<'_>, id: BlockId) -> Result<HashedHeader, SourceError> {
        let hash = self.resolve(ask, id).await?;
        // What was checked against its hash never changes; a number may come to mean another block.
        if let (BlockId::Hash(_), Some(known)) = (id, self.headers.get(&hash)) {
            return Ok(known);
        }
        match ask.header_by_hash(hash).await? {
            Some(header) => {
                let header = self.checked(ask, id, hash, header)?;
                self.headers.insert(hash, header.clone());
                Ok(header)
            }
            None => Err(self.missing(ask, id).await),
        }
    }

    pub(super) async fn block_from(&self, ask: Ask<'_>, id: BlockId) -> Result<RawBlock, SourceError> {
        let hash = self.resolve(ask, id).await?;
        let height = match id {
            BlockId::Number(number) => Some(number),
            BlockId::Hash(hash) => self.headers.get(&hash).map(|known| known.header.number),
        };
        let (header, extrinsics, state) = match height {
            // All that a request needs is known, so nothing waits for the block itself.
            Some(number) => {
                let at = BlockRef { number, hash, parent_hash: BlockHash::default() };
                let ahead = self.heights.look_ahead(ask, number);
                let (body, state, ()) =
                    future::join3(self.body(ask, id, hash), self.block_state(ask, &at), ahead).await;
                let (header, extrinsics) = body?;
                (header, extrinsics, state?)
            }
            None => {
                let (header, extrinsics) = Box::pin(self.body(ask, id, hash)).await?;
                let state = Box::pin(self.block_state(ask, &header.reference())).await?;
                (header, extrinsics, state)
            }
        };
        self.assemble(ask, id, header, extrinsics, state).await
    }

    /// The block whose parts these are, if they belong together.
    pub(super) async fn assemble(
        &self,
        ask: Ask<'_>,
        id: BlockId,
        header: HashedHeader,
        extrinsics: Vec<Bytes>,
        state: BlockState,
    ) -> Result<RawBlock, SourceError> {
        let at = header.reference();
        let mut runtime = self.writer(ask, &at, state.upgrade.as_ref()).await?;
        // A node may have given the metadata of another block, and on a development chain two runtimes may share a
        // version: what does not decode gets its metadata anew, once.
        let fit = |runtime: &Runtime| Fit::of(runtime, &extrinsics, &state.events);
        let mut fits = fit(&runtime);
        if fits != Fit::Whole {
            let wrote = if at.number == 0 { at } else { parent_of(&at) };
            let anew = self.runtimes.anew(ask, &wrote, &runtime, |runtime| fit(runtime) == Fit::Whole);
            runtime = Box::pin(anew).await?;
            fits = fit(&runtime);
        }
        match fits {
            // What does not decode is handed out: the caller will say where, and may want the rest.
            Fit::Whole | Fit::Undecodable => {}
            Fit::Stray { event, extrinsic } => {
                let message =
                    format!("event {event} is of extrinsic {extrinsic}, and the block has {}", extrinsics.len());
                return Err(ask.lying(id, message));
            }
        }
        let block = RawBlock { header, extrinsics, events: state.events, timestamp_ms: state.timestamp_ms, runtime };
        self.check_time(ask, &block)?;
        Ok(block)
    }

    /// Header and extrinsics, the header checked.
    async fn body(
        &self,
        ask: Ask<'_>,
        id: BlockId,
        hash: BlockHash,
    ) -> Result<(HashedHeader, Vec<Bytes>), SourceError> {
        let body = match ask.request(BODY, Params::new().hex(&hash.0), Some(id)).await {
            Ok(answer) => self.body_in(ask, id, hash, &answer)?,
            Err(SourceError::UnknownBlock { .. }) => None,
            Err(error) => return Err(error),
        };
        match body {
            Some(body) => Ok(body),
            None => Err(Box::pin(self.missing(ask, id)).await),
        }
    }

    /// What an answer says of the body of a block; `None` where there is no such block.
    pub(super) fn body_in(
        &self,
        ask: Ask<'_>,
        id: BlockId,
        hash: BlockHash,
        answer: &Json,
    ) -> Result<Option<(HashedHeader, Vec<Bytes>)>, SourceError> {
        let body = ask.read(wire::block(answer), BODY, Some(id))?;
        body.map(|(header, extrinsics)| Ok((self.checked(ask, id, hash, header)?, extrinsics))).transpose()
    }

    /// The runtime that wrote `at`: the one its parent left behind.
    async fn writer(&self, ask: Ask<'_>, at: &BlockRef, upgrade: Option<&Bytes>) -> Result<Arc<Runtime>, SourceError> {
        if at.number == 0 {
            return self.runtimes.at(ask, at).await;
        }
        self.runtimes.writer(ask, &parent_of(at), upgrade).await
    }

    async fn resolve(&self, ask: Ask<'_>, id: BlockId) -> Result<BlockHash, SourceError> {
        let number = match id {
            BlockId::Hash(hash) => return Ok(hash),
            BlockId::Number(number) => number,
        };
        match self.heights.hash(ask, number).await? {
            Some(hash) => Ok(hash),
            None => Err(Box::pin(ask.unknown(id)).await),
        }
    }

    /// A block that the node has no body or header of.
    async fn missing(&self, ask: Ask<'_>, id: BlockId) -> SourceError {
        match id {
            // It gave a hash for this height a moment ago.
            BlockId::Number(_) => self.misfit(ask, id, "a hash, but no block of that hash"),
            BlockId::Hash(_) => ask.unknown(id).await,
        }
    }

    /// A block that is not the one of its height or hash: neither is its hash believed any more.
    fn misfit(&self, ask: Ask<'_>, id: BlockId, message: impl Into<String>) -> SourceError {
        if let BlockId::Number(number) = id {
            self.heights.doubt(number);
        }
        ask.lying(id, message)
    }

    /// Refuses a header of another block than the one asked for.
    fn checked(&self, ask: Ask<'_>, id: BlockId, hash: BlockHash, header: Header) -> Result<HashedHeader, SourceError> {
        if let BlockId::Number(number) = id
            && header.number != number
        {
            return Err(self.misfit(ask, id, format!("the header of block {}", header.number)));
        }
        // Development nodes give the genesis a hash of their own, so it is known by its height alone.
        if header.number == 0 {
            let genesis = self.pool.genesis();
            if genesis != hash {
                return Err(self.misfit(ask, id, format!("the header of the genesis, whose hash is {genesis}")));
            }
            return Ok(HashedHeader { hash, header });
        }
        let real = header.hash();
        if real != hash {
            return Err(self.misfit(ask, id, format!("a header whose hash is {real}, not {hash}")));
        }
        ask.node.health().saw(header.number);
        Ok(HashedHeader { hash, header })
    }

    /// What the state of a block says of the runtime that wrote it.
    pub(super) async fn upgrade(&self, ask: Ask<'_>, at: &BlockRef) -> Result<Option<Bytes>, SourceError> {
        let [_, _, key] = &self.block_keys;
        Ok(self.values(ask, at, std::slice::from_ref(key)).await?.pop().flatten())
    }

    /// What belongs to a block but lies in its state.
    async fn block_state(&self, ask: Ask<'_>, at: &BlockRef) -> Result<BlockState, SourceError> {
        let values = self.values(ask, at, &self.block_keys).await?;
        BlockState::of(ask, at, values)
    }

    /// Refuses a time that the block did not set, or that is before the parent's.
    fn check_time(&self, ask: Ask<'_>, block: &RawBlock) -> Result<(), SourceError> {
        let Some(now) = block.timestamp_ms else { return Ok(()) };
        let at = block.reference();
        if let Some(message) = plausible::contradiction(block) {
            return Err(ask.lying(BlockId::Number(at.number), message));
        }
        if let Some(before) = self.timestamps.get(&at.parent_hash)
            && now < before
        {
            let message = format!("its timestamp {now} is before its parent's {before}");
            return Err(ask.lying(BlockId::Number(at.number), message));
        }
        self.timestamps.insert(at.hash, now);
        Ok(())
    }
}

/// What is read of the state of every block: its events, its time, and the name and version of the runtime that wrote it.
pub(super) fn block_keys() -> [Bytes; 3] {
    [("System", "Events"), ("Timestamp", "Now"), ("System", "LastRuntimeUpgrade")]
        .map(|(pallet, item)| Bytes::copy_from_slice(&storage_prefix(pallet, item)))
}

/// Whether extrinsics, events and runtime belong together.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Fit {
    Whole,
    Undecodable,
    /// An event of an extrinsic that the block does not have.
    Stray {
        event: u32,
        extrinsic: u32,
    },
}

impl Fit {
    fn of(runtime: &Runtime, extrinsics: &[Bytes], events: &[u8]) -> Self {
        let Ok(events) = runtime.events(events) else { return Self::Undecodable };
        for event in &events {
            // What runs between the inherents and the end of a block counts as of the extrinsic that would come next.
            if let Phase::ApplyExtrinsic(extrinsic) = event.phase()
                && extrinsic as usize > extrinsics.len()
            {
                return Self::Stray { event: event.position(), extrinsic };
            }
        }
        let is_whole = extrinsics.iter().all(|bytes| runtime.extrinsic(bytes).is_ok());
        if is_whole { Self::Whole } else { Self::Undecodable }
    }
}

/// What is read of the state of a block, see [`block_keys`].
pub(super) struct BlockState {
    events: Bytes,
    timestamp_ms: Option<u64>,
    upgrade: Option<Bytes>,
}

impl BlockState {
    pub(super) fn of(ask: Ask<'_>, at: &BlockRef, values: Vec<Option<Bytes>>) -> Result<Self, SourceError> {
        let lying = |message: String| ask.lying(BlockId::Number(at.number), message);
        let mut values = values.into_iter();
        let (events, now, upgrade) = (values.next().flatten(), values.next().flatten(), values.next().flatten());
        let timestamp_ms = match now.as_deref().map(<[u8; 8]>::try_from) {
            None => None,
            Some(Ok(bytes)) => Some(u64::from_le_bytes(bytes)).filter(|ms| *ms > 0),
            Some(Err(_)) => return Err(lying("Timestamp.Now is not 8 bytes long".to_owned())),
        };
        if at.number == 0 {
            // No events are kept for the genesis; an empty list is one zero byte.
            let events = events.unwrap_or_else(|| Bytes::from_static(&[0]));
            return Ok(Self { events, timestamp_ms, upgrade });
        }
        let events = events.ok_or_else(|| lying("no events in its state".to_owned()))?;
        if timestamp_ms.is_none() {
            return Err(lying("no timestamp in its state".to_owned()));
        }
        Ok(Self { events, timestamp_ms, upgrade })
    }
}
