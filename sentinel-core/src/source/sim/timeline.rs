//! The blocks of a simulated network: their hashes, and the state after any of them.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use parity_scale_codec::Encode;

use super::codec::Codec;
use super::genesis;
use super::history::HistoryEntry;
use super::plan::Plan;
use super::step::step;
use super::tape::Tape;
use super::world::World;
use crate::chain::{BlockHash, BlockId, Header, blake2_256};
use crate::source::{HashedHeader, RawBlock, SourceError};

/// At most so many states are kept besides the latest; every second goes when there are more.
const CHECKPOINTS: usize = 64;
/// States read lately, and blocks read lately.
const RECENT: usize = 8;

/// All that is known of a network.
#[derive(Debug)]
pub(super) struct Timeline {
    plan: Arc<Plan>,
    codec: Arc<Codec>,
    digest: [u8; 32],
    /// Hash and time by height.
    headers: Vec<(BlockHash, u64)>,
    heights: HashMap<BlockHash, u64>,
    checkpoints: BTreeMap<u64, Arc<World>>,
    /// Blocks between two checkpoints.
    spacing: u64,
    recent: VecDeque<Arc<World>>,
    blocks: VecDeque<RawBlock>,
    /// The newest block that was made.
    frontier: u64,
    history: Vec<HistoryEntry>,
}

impl Timeline {
    pub(super) fn new(plan: Arc<Plan>, codec: Arc<Codec>) -> Self {
        let digest = plan.digest();
        let genesis = Arc::new(genesis::world(&plan));
        let mut timeline = Self {
            codec,
            digest,
            headers: Vec::new(),
            heights: HashMap::new(),
            checkpoints: BTreeMap::from([(0, genesis)]),
            spacing: 16,
            recent: VecDeque::new(),
            blocks: VecDeque::new(),
            frontier: 0,
            history: Vec::new(),
            plan,
        };
        timeline.add_header();
        timeline
    }

    /// The hash of a height, whether its block was made or not.
    pub(super) fn hash(&mut self, number: u64) -> BlockHash {
        while (self.headers.len() as u64) <= number {
            self.add_header();
        }
        self.headers[number as usize].0
    }

    fn add_header(&mut self) {
        let number = self.headers.len() as u64;
        let (parent, now) = match self.headers.last() {
            Some((hash, ms)) => (*hash, self.plan.time_after(number, *ms)),
            None => (BlockHash::default(), self.plan.genesis_time_ms),
        };
        let hash = self.make_header(number, parent, now).hash();
        self.headers.push((hash, now));
        self.heights.insert(hash, number);
    }

    /// A header follows from the plan and the height alone, so that heights have hashes before their blocks are made.
    fn make_header(&self, number: u64, parent_hash: BlockHash, now: u64) -> Header {
        let root = |of: &[u8]| blake2_256(&(of, self.digest, number).encode());
        let (state_root, extrinsics_root) = (root(b"state"), root(b"extrinsics"));
        let digest = if number == 0 {
            Vec::new()
        } else {
            let slot = now / self.plan.block_time_ms.max(1);
            let seal = [state_root, extrinsics_root].concat();
            vec![(6u8, *b"aura", slot.encode()).encode(), (5u8, *b"aura", seal).encode()]
        };
        Header { parent_hash, number, state_root, extrinsics_root, digest }
    }

    /// The height of a block that is not above `head`.
    pub(super) fn find(&mut self, id: BlockId, head: u64) -> Result<u64, SourceError> {
        self.hash(head);
        let number = match id {
            BlockId::Number(number) => Some(number),
            BlockId::Hash(hash) => self.heights.get(&hash).copied(),
        };
        number.filter(|number| *number <= head).ok_or(SourceError::UnknownBlock { block: id, head: Some(head) })
    }

    pub(super) fn header(&mut self, number: u64) -> HashedHeader {
        let hash = self.hash(number);
        let parent = if number == 0 { BlockHash::default() } else { self.headers[number as usize - 1].0 };
        let header = self.make_header(number, parent, self.headers[number as usize].1);
        HashedHeader { hash, header }
    }

    /// The state after a block.
    pub(super) fn world(&mut self, number: u64) -> Arc<World> {
        if let Some(world) = self.recent.iter().find(|world| world.number == number) {
            return Arc::clone(world);
        }
        let start = self.nearest(number);
        if start.number == number {
            return start;
        }
        let mut world = Arc::unwrap_or_clone(start);
        let (plan, codec) = (Arc::clone(&self.plan), Arc::clone(&self.codec));
        while world.number < number {
            let mut tape = Tape::new(&codec, false);
            step(&plan, &mut world, &mut tape);
            self.advanced(&world, tape);
        }
        let world = Arc::new(world);
        self.remember(&world);
        world
    }

    /// The newest known state that is not newer than a block.
    fn nearest(&self, number: u64) -> Arc<World> {
        let checkpoint = self.checkpoints.range(..=number).next_back().map(|(_, world)| world);
        let recent = self.recent.iter().filter(|world| world.number <= number);
        let nearest = recent.chain(checkpoint).max_by_key(|world| world.number);
        nearest.map_or_else(|| Arc::new(genesis::world(&self.plan)), Arc::clone)
    }

    fn remember(&mut self, world: &Arc<World>) {
        self.recent.push_front(Arc::clone(world));
        self.recent.truncate(RECENT);
    }

    /// Keeps what a block that nobody had made yet leaves behind.
    fn advanced(&mut self, world: &World, tape: Tape<'_>) {
        let number = world.number;
        if number <= self.frontier {
            return;
        }
        self.frontier = number;
        self.history.extend(tape.history.into_iter().map(|what| HistoryEntry { block: number, what }));
        if !number.is_multiple_of(self.spacing) {
            return;
        }
        self.checkpoints.insert(number, Arc::new(world.clone()));
        if self.checkpoints.len() > CHECKPOINTS {
            self.spacing *= 2;
            let spacing = self.spacing;
            self.checkpoints.retain(|number, _| number.is_multiple_of(spacing));
        }
    }

    /// A whole block.
    pub(super) fn block(&mut self, number: u64) -> RawBlock {
        if let Some(block) = self.blocks.iter().find(|block| block.header.header.number == number) {
            return block.clone();
        }
        let header = self.header(number);
        let runtime = Arc::clone(&self.codec.runtime);
        let block = if number == 0 {
            let events = Bytes::from_static(&[0]);
            RawBlock { header, extrinsics: Vec::new(), events, timestamp_ms: None, runtime }
        } else {
            let mut world = World::clone(&*self.world(number - 1));
            let (plan, codec) = (Arc::clone(&self.plan), Arc::clone(&self.codec));
            let mut tape = Tape::new(&codec, true);
            step(&plan, &mut world, &mut tape);
            let events = tape.events();
            let extrinsics = std::mem::take(&mut tape.extrinsics);
            self.advanced(&world, tape);
            let timestamp_ms = Some(world.now_ms);
            self.remember(&Arc::new(world));
            RawBlock { header, extrinsics, events, timestamp_ms, runtime }
        };
        self.blocks.push_front(block.clone());
        self.blocks.truncate(RECENT);
        block
    }

    /// What happened up to a block.
    pub(super) fn history(&mut self, number: u64) -> Vec<HistoryEntry> {
        self.world(number.max(self.frontier));
        self.history.iter().filter(|entry| entry.block <= number).cloned().collect()
    }

    pub(super) fn codec(&self) -> &Codec {
        &self.codec
    }
}
