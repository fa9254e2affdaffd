//! The blocks, states and calls of a chain in memory.

use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::task::{Context, Poll, Waker};

use bytes::Bytes;

use super::MemoryBlock;
use crate::chain::{BlockHash, BlockId, BlockRef, Finality, Header, blake2_256};
use crate::decode::{Runtime, storage_prefix};
use crate::source::{ChainIdentity, HashedHeader, RawBlock, SourceError};

/// Milliseconds between blocks of this chain.
const BLOCK_TIME: u64 = 12_000;

type State = BTreeMap<Bytes, Bytes>;

/// A block with what its state holds.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) raw: RawBlock,
    pub(super) runtime_after: Arc<Runtime>,
    /// `None` once pruned.
    state: Option<Arc<State>>,
}

#[derive(Debug)]
pub(super) struct Chain {
    name: String,
    /// The best chain by height.
    canonical: Vec<BlockHash>,
    finalized: u64,
    blocks: HashMap<BlockHash, Entry>,
    /// Answers by block and function.
    calls: HashMap<(BlockHash, String), Calls>,
    finished: bool,
    /// Grows with every change, so that streams notice.
    generation: u64,
    wakers: Vec<Waker>,
}

/// What is known of one function at one block.
#[derive(Debug)]
enum Calls {
    /// The runtime does not have it.
    Missing,
    /// Answers by arguments.
    Answers(HashMap<Bytes, Bytes>),
}

impl Chain {
    pub(super) fn new(name: String, runtime: Arc<Runtime>, genesis: MemoryBlock) -> Self {
        let mut chain = Self {
            name,
            canonical: Vec::new(),
            finalized: 0,
            blocks: HashMap::new(),
            calls: HashMap::new(),
            finished: false,
            generation: 0,
            wakers: Vec::new(),
        };
        chain.add(None, runtime, genesis);
        chain
    }

    pub(super) fn push(&mut self, block: MemoryBlock) -> BlockRef {
        let parent = self.head(Finality::Best);
        let runtime = Arc::clone(&self.blocks[&parent.hash].runtime_after);
        self.add(Some(parent), runtime, block)
    }

    fn add(&mut self, parent: Option<BlockRef>, runtime: Arc<Runtime>, block: MemoryBlock) -> BlockRef {
        let parent = parent.and_then(|parent| self.blocks.get(&parent.hash));
        let number = parent.map_or(0, |parent| parent.raw.header.header.number + 1);
        let after = parent.and_then(|parent| parent.raw.timestamp_ms).map(|before| before + BLOCK_TIME);
        let timestamp_ms = block.timestamp_ms.or(after).or((number > 0).then_some(BLOCK_TIME));
        let events = if block.events.is_empty() { Bytes::from_static(&[0]) } else { block.events };

        let mut state = parent.and_then(|parent| parent.state.as_deref()).cloned().unwrap_or_default();
        let mut set = |pallet, item, value: Bytes| {
            state.insert(Bytes::copy_from_slice(&storage_prefix(pallet, item)), value);
        };
        set("System", "Number", Bytes::copy_from_slice(&(number as u32).to_le_bytes()));
        if number > 0 {
            set("System", "Events", events.clone());
        }
        if let Some(ms) = timestamp_ms {
            set("Timestamp", "Now", Bytes::copy_from_slice(&ms.to_le_bytes()));
        }
        for (key, value) in block.changes {
            match value {
                Some(value) => state.insert(key, value),
                None => state.remove(&key),
            };
        }

        let header = block.header.unwrap_or_else(|| Header {
            parent_hash: parent.map_or(BlockHash::default(), |parent| parent.raw.header.hash),
            number,
            state_root: root(state.iter().flat_map(|(key, value)| [key, value])),
            extrinsics_root: root(block.extrinsics.iter()),
            digest: Vec::new(),
        });
        let header = HashedHeader { hash: header.hash(), header };
        let reference = header.reference();
        let raw =
            RawBlock { header, extrinsics: block.extrinsics, events, timestamp_ms, runtime: Arc::clone(&runtime) };
        let runtime_after = block.upgrade.unwrap_or(runtime);
        self.blocks.insert(reference.hash, Entry { raw, runtime_after, state: Some(Arc::new(state)) });
        self.canonical.push(reference.hash);
        self.changed();
        reference
    }

    pub(super) fn finalize(&mut self, number: u64) {
        self.finalized = self.finalized.max(number.min(self.best_number()));
        self.changed();
    }

    pub(super) fn roll_back(&mut self, number: u64) {
        self.canonical.truncate(number.max(self.finalized) as usize + 1);
        self.changed();
    }

    pub(super) fn prune(&mut self, number: u64) {
        for entry in self.blocks.values_mut().filter(|entry| entry.raw.header.header.number < number) {
            entry.state = None;
        }
    }

    pub(super) fn finish(&mut self) {
        self.finished = true;
        self.changed();
    }

    pub(super) fn is_finished(&self) -> bool {
        self.finished
    }

    fn changed(&mut self) {
        self.generation += 1;
        self.wakers.drain(..).for_each(Waker::wake);
    }

    /// Ready once the chain has changed after `seen`, which is brought up to date.
    pub(super) fn poll_change(&mut self, seen: &mut u64, cx: &Context<'_>) -> Poll<()> {
        if *seen != self.generation || self.finished {
            *seen = self.generation;
            return Poll::Ready(());
        }
        self.wakers.push(cx.waker().clone());
        Poll::Pending
    }

    fn best_number(&self) -> u64 {
        self.canonical.len() as u64 - 1
    }

    pub(super) fn identity(&self) -> ChainIdentity {
        ChainIdentity { genesis_hash: self.canonical[0], chain: self.name.clone() }
    }

    pub(super) fn head(&self, finality: Finality) -> BlockRef {
        let number = match finality {
            Finality::Best => self.best_number(),
            Finality::Finalized => self.finalized,
        };
        self.blocks[&self.canonical[number as usize]].raw.reference()
    }

    /// The hash at a height of the best chain.
    pub(super) fn canonical(&self, number: u64) -> Option<BlockHash> {
        self.canonical.get(usize::try_from(number).ok()?).copied()
    }

    pub(super) fn entry(&self, id: BlockId) -> Result<&Entry, SourceError> {
        let hash = match id {
            BlockId::Hash(hash) => Some(hash),
            BlockId::Number(number) => self.canonical(number),
        };
        hash.and_then(|hash| self.blocks.get(&hash))
            .ok_or(SourceError::UnknownBlock { block: id, head: Some(self.best_number()) })
    }

    pub(super) fn state(&self, at: &BlockRef) -> Result<Arc<State>, SourceError> {
        self.entry(at.into())?.state.clone().ok_or_else(|| SourceError::not_recorded("the state", at))
    }

    pub(super) fn record_call(&mut self, at: &BlockRef, function: &str, args: &[u8], answer: Option<Bytes>) {
        let key = (at.hash, function.to_owned());
        match (answer, self.calls.get_mut(&key)) {
            (Some(answer), Some(Calls::Answers(answers))) => {
                answers.insert(Bytes::copy_from_slice(args), answer);
            }
            (Some(answer), _) => {
                let answers = HashMap::from([(Bytes::copy_from_slice(args), answer)]);
                self.calls.insert(key, Calls::Answers(answers));
            }
            (None, _) => {
                self.calls.insert(key, Calls::Missing);
            }
        }
    }

    pub(super) fn call(&self, at: &BlockRef, function: &str, args: &[u8]) -> Result<Bytes, SourceError> {
        self.entry(at.into())?;
        let answer = match self.calls.get(&(at.hash, function.to_owned())) {
            Some(Calls::Missing) => {
                return Err(SourceError::Unsupported { what: function.to_owned(), at: Some(at.number) });
            }
            Some(Calls::Answers(answers)) => answers.get(args),
            None => None,
        };
        answer.cloned().ok_or_else(|| SourceError::not_recorded(format!("the call {function}"), at))
    }
}

/// Not a Merkle root, but as different for different contents.
fn root<'a>(parts: impl Iterator<Item = &'a Bytes>) -> [u8; 32] {
    let mut all = Vec::new();
    for part in parts {
        all.extend_from_slice(&(part.len() as u64).to_le_bytes());
        all.extend_from_slice(part);
    }
    blake2_256(&all)
}
