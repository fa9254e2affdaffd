//! The windows of a recording: which of them hold a block, and the few that are kept unpacked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::num::NonZero;
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::thread::available_parallelism;

use futures::{Stream, StreamExt, stream};

use super::window::LoadedWindow;
use crate::artifact::raw::{BlockRow, Layout, RecordedHeader, WINDOW_BLOCKS, Window};
use crate::blocking::beside;
use crate::chain::{BlockHash, BlockId};
use crate::source::{ChainIdentity, SourceError};
use crate::storage::Storage;

/// Windows that are unpacked before they are needed by who reads block after block: one is fetched from a store that may be
/// far away while another is unpacked.
pub(super) const AHEAD: usize = 2;

/// The most that are unpacked ahead for who works on several at once. Each takes some thirty megabytes and more.
const MOST_AHEAD: usize = 9;

/// Windows that are kept unpacked though nobody holds them: readers may come back to the one before, and some read several
/// places in turn.
const CACHED_WINDOWS: usize = 4;

/// The windows of a recording.
#[derive(Debug)]
pub(super) struct Windows {
    storage: Arc<dyn Storage>,
    layout: Layout,
    identity: ChainIdentity,
    /// Ascending.
    windows: Vec<Window>,
    cache: Mutex<Cache>,
    hashes: Mutex<HashIndex>,
}

/// Windows that need not be unpacked again.
#[derive(Debug, Default)]
struct Cache {
    /// The newest used at the back.
    kept: VecDeque<Arc<LoadedWindow>>,
    /// Those and all others that somebody holds: what was unpacked ahead is not yet used, and must not be lost before.
    alive: HashMap<Window, Weak<LoadedWindow>>,
}

impl Cache {
    fn get(&mut self, window: Window) -> Option<Arc<LoadedWindow>> {
        let loaded = self.alive.get(&window)?.upgrade()?;
        self.keep(&loaded);
        Some(loaded)
    }

    /// Takes in a window; gives the one to use, because another reader may have been faster, and have read its tables.
    fn add(&mut self, loaded: Arc<LoadedWindow>) -> Arc<LoadedWindow> {
        if let Some(other) = self.get(loaded.window()) {
            return other;
        }
        self.keep(&loaded);
        self.alive.retain(|_, window| window.strong_count() > 0);
        self.alive.insert(loaded.window(), Arc::downgrade(&loaded));
        loaded
    }

    fn keep(&mut self, loaded: &Arc<LoadedWindow>) {
        match self.kept.iter().position(|kept| kept.window() == loaded.window()) {
            Some(index) => drop(self.kept.remove(index)),
            None if self.kept.len() == CACHED_WINDOWS => drop(self.kept.pop_front()),
            None => {}
        }
        self.kept.push_back(Arc::clone(loaded));
    }
}

/// Windows of a recording that were unpacked for a range; while this is there, they need not be again.
#[derive(Debug)]
pub(super) struct Unpacked {
    /// The part of the range.
    pub(super) window: Window,
    _held: Vec<Arc<LoadedWindow>>,
}

#[derive(Debug, Default)]
struct HashIndex {
    numbers: HashMap<BlockHash, u64>,
    indexed: HashSet<Window>,
}

impl Windows {
    pub(super) fn new(
        storage: Arc<dyn Storage>,
        layout: Layout,
        identity: ChainIdentity,
        windows: Vec<Window>,
    ) -> Self {
        Self { storage, layout, identity, windows, cache: Mutex::default(), hashes: Mutex::default() }
    }

    pub(super) fn all(&self) -> &[Window] {
        &self.windows
    }

    pub(super) fn layout(&self) -> &Layout {
        &self.layout
    }

    pub(super) fn identity(&self) -> &ChainIdentity {
        &self.identity
    }

    /// The windows that may hold block `number`, the widest first.
    fn around(&self, number: u64) -> Vec<Window> {
        let aligned = number - number % WINDOW_BLOCKS;
        let start = self.windows.partition_point(|window| window.first() < aligned);
        let near = self.windows[start..].iter().take_while(|window| window.first() <= number);
        let mut around: Vec<_> = near.filter(|window| window.last() >= number).copied().collect();
        around.sort_by_key(|window| (std::cmp::Reverse(window.last() - window.first()), window.first()));
        around
    }

    async fn load(&self, window: Window) -> Result<Arc<LoadedWindow>, SourceError> {
        if let Some(loaded) = lock(&self.cache).get(window) {
            return Ok(loaded);
        }
        let loaded = LoadedWindow::open(&self.storage, &self.layout, window, &self.identity).await?;
        Ok(lock(&self.cache).add(loaded))
    }

    /// Every window that holds block `number`, the widest first.
    pub(super) async fn holders(&self, number: u64) -> Result<Vec<Holder>, SourceError> {
        let mut holders = Vec::new();
        for window in self.around(number) {
            let window = self.load(window).await?;
            let rows = window.blocks().await?;
            if let Ok(index) = rows.binary_search_by_key(&number, |row| row.header.number) {
                holders.push(Holder { window, index });
            }
        }
        Ok(holders)
    }

    /// A range window by window, each when it is unpacked; so many after it are being unpacked meanwhile. What fails is
    /// tried again, and told, when its blocks are read.
    pub(super) fn unpacked(
        self: &Arc<Self>,
        range: RangeInclusive<u64>,
        ahead: usize,
    ) -> impl Stream<Item = Unpacked> + Send + use<> {
        let windows = Arc::clone(self);
        let unpacked = stream::iter(Window::covering(range)).map(move |window| {
            let windows = Arc::clone(&windows);
            let unpacking = beside(async move { windows.unpack(window).await });
            async move {
                let held = match unpacking.await {
                    Ok(Ok(held)) => held,
                    Ok(Err(error)) => {
                        tracing::debug!(%error, %window, "a window could not be unpacked ahead");
                        Vec::new()
                    }
                    Err(_) => Vec::new(),
                };
                Unpacked { window, _held: held }
            }
        });
        unpacked.buffered(ahead + 1)
    }

    async fn unpack(&self, wanted: Window) -> Result<Vec<Arc<LoadedWindow>>, SourceError> {
        let aligned = wanted.first() - wanted.first() % WINDOW_BLOCKS;
        let start = self.windows.partition_point(|window| window.first() < aligned);
        let near = self.windows[start..].iter().take_while(|window| window.first() <= wanted.last());
        let mut held = Vec::new();
        for window in near.filter(|window| window.last() >= wanted.first()) {
            let loaded = self.load(*window).await?;
            loaded.blocks().await?;
            held.push(loaded);
        }
        Ok(held)
    }

    /// The height of the block with this hash. Reads window after window, the newest first, until it is found.
    async fn number_of(&self, hash: BlockHash) -> Result<u64, SourceError> {
        if let Some(number) = lock(&self.hashes).numbers.get(&hash) {
            return Ok(*number);
        }
        for window in self.windows.iter().rev() {
            if lock(&self.hashes).indexed.contains(window) {
                continue;
            }
            let loaded = self.load(*window).await?;
            let rows = loaded.blocks().await?;
            let mut index = lock(&self.hashes);
            index.numbers.extend(rows.iter().map(|row| (row.hash, row.header.number)));
            index.numbers.extend(loaded.manifest().parent.as_ref().map(|parent| (parent.hash, parent.number)));
            index.indexed.insert(*window);
            if let Some(number) = index.numbers.get(&hash) {
                return Ok(*number);
            }
        }
        Err(SourceError::NotRecorded { what: "the block".to_owned(), block: BlockId::Hash(hash) })
    }

    /// The height that is meant.
    pub(super) async fn resolve(&self, id: BlockId) -> Result<u64, SourceError> {
        match id {
            BlockId::Number(number) => Ok(number),
            BlockId::Hash(hash) => self.number_of(hash).await,
        }
    }

    /// The header before a window, which its manifest carries.
    pub(super) async fn parent_header(&self, number: u64) -> Result<Option<RecordedHeader>, SourceError> {
        let Some(first) = number.checked_add(1) else { return Ok(None) };
        for window in self.windows.iter().filter(|window| window.first() == first) {
            if let Some(parent) = &self.load(*window).await?.manifest().parent {
                return Ok(Some(parent.clone()));
            }
        }
        Ok(None)
    }
}

/// Windows that are unpacked ahead for who keeps all cores at work: one for each, and one for who is done first.
pub(super) fn ahead_of_all_cores() -> usize {
    (available_parallelism().map_or(AHEAD, NonZero::get) + 1).min(MOST_AHEAD)
}

/// A block in a window that holds it.
pub(super) struct Holder {
    pub(super) window: Arc<LoadedWindow>,
    index: usize,
}

impl Holder {
    pub(super) async fn row(&self) -> Result<&BlockRow, SourceError> {
        Ok(&self.window.blocks().await?[self.index])
    }
}

pub(super) fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}
