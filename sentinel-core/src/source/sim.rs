//! A simulated subtensor: subnets, epochs, dividends and everything that alerts are made of, with no node and no network.

mod action;
mod api;
mod builder;
mod codec;
mod deeds;
mod desk;
mod follow;
mod genesis;
mod history;
mod plan;
mod rng;
mod script;
mod state;
mod step;
mod tape;
mod timeline;
mod traffic;
mod wide;
mod world;

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use async_trait::async_trait;
use bytes::Bytes;
use futures::stream::{self, BoxStream, StreamExt};

use self::desk::Failure;
use self::follow::Clock;
use self::state::Context;
use self::timeline::Timeline;
use self::world::World;
use super::{BestUpdate, BlockSource, ChainIdentity, HashedHeader, KeyValue, RawBlock, SIMULATED_CHAIN, SourceError};
use crate::chain::{AccountId, BlockId, BlockRef, Finality, NetUid};
use crate::decode::Runtime;

pub use action::Action as SimAction;
pub use builder::SimBuilder;
pub use history::{Happened, HistoryEntry, LedgerEntry};

/// An account.
type Key = [u8; 32];

/// A simulated subtensor: subnets, epochs, dividends and everything that alerts are made of, with no node and no network.
///
/// A chain with the layout of spec 461, computed block by block from a seed. Nothing of it is real and
/// it says so: its name is [`SIMULATED_CHAIN`]. The same plan gives the same bytes in every process, so what a program
/// reads from it can be written down and compared.
///
/// It knows more than a chain tells: [`history`](Self::history) says what happened (which epochs ran, were deferred
/// or skipped, which keys were swapped), and [`ledger`](Self::ledger) what every nominator really has, kept without
/// the shares and prices that readers compute with.
///
/// ```
/// # #[tokio::main(flavor = "current_thread")]
/// # async fn main() -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::source::{BlockSource, SimAction, SimSource};
///
/// let sim = SimSource::builder()
///     .subnets(3)
///     .uids(16)
///     .tempo(20)
///     .head(100)
///     .at(50, SimAction::SetTempo { netuid: 2, tempo: 30 })
///     .build()?;
/// let block = sim.block(50.into()).await?;
/// assert!(block.runtime.index(&block.extrinsics, &block.events)?.events().iter().any(|event| {
///     event.is("SubtensorModule", "TempoSet")
/// }));
/// # Ok(())
/// # }
/// ```
///
/// Prices move by some tenths of a percent a day unless a script moves more at once, and stakers earn between 5 and 200 % a year.
/// What is encrypted (weights, commitments) opens when its round is known, though nothing is decrypted.
///
/// It computes where others wait: a block far ahead of what was read so far is made from the nearest known one, some
/// thirty microseconds for each in between. Clones share everything.
#[derive(Debug, Clone)]
pub struct SimSource {
    timeline: Arc<Mutex<Timeline>>,
    clock: Arc<Clock>,
}

impl SimSource {
    /// A network of one's own making.
    pub fn builder() -> SimBuilder {
        SimBuilder::default()
    }

    /// The network that `--network sim` means: one fixed seed, netuids 0 to 8 with 64 uids each, 12 s blocks from a fixed
    /// genesis on, finalized up to block 21,600 at the start, and then one block every 12 s.
    ///
    /// # Errors
    /// Where the built-in metadata cannot be used, which is a fault of this library.
    pub fn default_network() -> Result<Self, SourceError> {
        SimBuilder::default_network().build()
    }

    /// Makes so many more blocks at once, whatever the clock says.
    pub fn advance(&self, blocks: u64) {
        self.clock.advance(blocks);
    }

    /// Everything worth knowing that happened up to block `number`, in order. See [`Happened`].
    ///
    /// # Errors
    /// [`SourceError::UnknownBlock`] above the head.
    pub fn history(&self, number: u64) -> Result<Vec<HistoryEntry>, SourceError> {
        let number = self.find(number.into())?;
        Ok(self.lock().history(number))
    }

    /// What every nominator really has after block `number`, by netuid, hotkey and coldkey.
    ///
    /// # Errors
    /// [`SourceError::UnknownBlock`] above the head.
    pub fn ledger(&self, number: u64) -> Result<Vec<LedgerEntry>, SourceError> {
        let world = self.world_at(number.into())?;
        let mut entries = Vec::new();
        for subnet in world.subnets.values() {
            for (hotkey, pool) in subnet.pools.iter() {
                entries.extend(pool.members.iter().map(|(coldkey, member)| LedgerEntry {
                    netuid: NetUid(subnet.netuid),
                    hotkey: AccountId(*hotkey),
                    coldkey: AccountId(*coldkey),
                    stake: member.stake,
                    earned: member.earned,
                    touched: member.touched,
                }));
            }
        }
        Ok(entries)
    }

    /// What one coldkey really has behind one hotkey on one subnet; none where it has nothing.
    ///
    /// # Errors
    /// [`SourceError::UnknownBlock`] above the head.
    pub fn stake_of(
        &self,
        number: u64,
        coldkey: &AccountId,
        hotkey: &AccountId,
        netuid: NetUid,
    ) -> Result<Option<LedgerEntry>, SourceError> {
        let world = self.world_at(number.into())?;
        let pool = world.subnet(netuid.0).and_then(|subnet| subnet.pools.get(&hotkey.0));
        Ok(pool.and_then(|pool| pool.members.get(&coldkey.0)).map(|member| LedgerEntry {
            netuid,
            hotkey: *hotkey,
            coldkey: *coldkey,
            stake: member.stake,
            earned: member.earned,
            touched: member.touched,
        }))
    }

    fn lock(&self) -> MutexGuard<'_, Timeline> {
        self.timeline.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn find(&self, id: BlockId) -> Result<u64, SourceError> {
        self.lock().find(id, self.clock.head())
    }

    fn world_at(&self, id: BlockId) -> Result<Arc<World>, SourceError> {
        let number = self.find(id)?;
        Ok(self.lock().world(number))
    }

    /// Answers from the state after a block.
    fn with_state<T>(
        &self,
        at: &BlockRef,
        needs_block: bool,
        read: impl FnOnce(&Context<'_>) -> T,
    ) -> Result<T, SourceError> {
        let number = self.find(at.into())?;
        let mut timeline = self.lock();
        let block = (needs_block && number > 0).then(|| timeline.block(number));
        let world = timeline.world(number);
        let header = timeline.header(number);
        let runtime = Arc::clone(&timeline.codec().runtime);
        drop(timeline);
        Ok(read(&Context {
            world: &world,
            runtime: &runtime,
            block: block.as_ref(),
            parent_hash: header.header.parent_hash.0,
        }))
    }
}

#[async_trait]
impl BlockSource for SimSource {
    async fn identity(&self) -> Result<ChainIdentity, SourceError> {
        Ok(ChainIdentity { genesis_hash: self.lock().hash(0), chain: SIMULATED_CHAIN.to_owned() })
    }

    async fn head(&self, _: Finality) -> Result<BlockRef, SourceError> {
        let head = self.clock.head();
        Ok(self.lock().header(head).reference())
    }

    async fn header(&self, id: BlockId) -> Result<HashedHeader, SourceError> {
        let number = self.find(id)?;
        Ok(self.lock().header(number))
    }

    async fn block(&self, id: BlockId) -> Result<RawBlock, SourceError> {
        let number = self.find(id)?;
        Ok(self.lock().block(number))
    }

    async fn runtime(&self, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        self.find(at.into())?;
        Ok(Arc::clone(&self.lock().codec().runtime))
    }

    async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let needs_block = keys.iter().any(|key| state::needs_block(key));
        self.with_state(at, needs_block, |context| keys.iter().map(|key| state::get(context, key)).collect())
    }

    fn storage_prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        // Found when it is asked for, not when the stream is made.
        let pairs = stream::once(async move {
            self.with_state(&at, state::needs_block(&prefix), |context| state::scan(context, &prefix))
        });
        pairs
            .flat_map(|found| match found {
                Ok(pairs) => stream::iter(pairs.into_iter().map(Ok).collect::<Vec<_>>()),
                Err(error) => stream::iter(vec![Err(error)]),
            })
            .boxed()
    }

    async fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.with_state(at, false, |context| api::answer(context, function, args))?
            .ok_or_else(|| SourceError::Unsupported { what: function.to_owned(), at: Some(at.number) })
    }

    fn finalized<'a>(&'a self, from: u64) -> BoxStream<'a, Result<RawBlock, SourceError>> {
        stream::unfold(from, move |next| async move {
            self.clock.reached(next).await;
            Some((self.block(next.into()).await, next + 1))
        })
        .boxed()
    }

    fn best<'a>(&'a self, from: u64) -> BoxStream<'a, Result<BestUpdate, SourceError>> {
        // What is made is final.
        self.finalized(from).map(|block| block.map(|block| BestUpdate::Applied(Box::new(block)))).boxed()
    }
}
