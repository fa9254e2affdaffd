//! The windows of a recording: which of them hold a block, and the few that are kept unpacked.

use std::collections::{HashMap, HashSet, VecDeque};
use std::ops::RangeInclusive;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use futures::{Stream, StreamExt, stream};

use super::window::LoadedWindow;
use crate::artifact::raw::{BlockRow, Layout, RecordedHeader, WINDOW_BLOCKS, Window};
use crate::blocking::beside;
use crate::chain::{BlockHash, BlockId};
use crate::source::{ChainIdentity, SourceError};
use crate::storage::Storage;

/// Windows that are unpacked before they are needed by who reads block after block: one for each of two cores, or one
/// from a store that is far away while another is read.
const AHEAD: usize = 2;

/// Windows that are kept unpacked: the one before, which readers may come back to, the one that is read, and those ahead.
const CACHED_WINDOWS: usize = AHEAD + 2;

/// The windows of a recording.
#[derive(Debug)]
pub(super) struct Windows {
    storage: Arc<dyn Storage>,
    layout: Layout,
    identity: ChainIdentity,
    /// Ascending.
    windows: Vec<Window>,
    /// The newest used at the back.
    cache: Mutex<VecDeque<Arc<LoadedWindow>>>,
    hashes: Mutex<HashIndex>,
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
        {
            let mut cache = lock(&self.cache);
            if let Some(index) = cache.iter().position(|loaded| loaded.window() == window)
                && let Some(loaded) = cache.remove(index)
            {
                cache.push_back(Arc::clone(&loaded));
                return Ok(loaded);
            }
        }
        let loaded = LoadedWindow::open(&self.storage, &self.layout, window, &self.identity).await?;
        let mut cache = lock(&self.cache);
        // Another reader may have been faster; its copy may already hold tables.
        if let Some(other) = cache.iter().find(|loaded| loaded.window() == window) {
            return Ok(Arc::clone(other));
        }
        if cache.len() == CACHED_WINDOWS {
            cache.pop_front();
        }
        cache.push_back(Arc::clone(&loaded));
        Ok(loaded)
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

    /// A range window by window, each when it is unpacked; those after it are being unpacked meanwhile. What fails is
    /// tried again, and told, when its blocks are read.
    pub(super) fn ahead(self: &Arc<Self>, range: RangeInclusive<u64>) -> impl Stream<Item = Window> + Send + use<> {
        let windows = Arc::clone(self);
        let unpacked = stream::iter(Window::covering(range)).map(move |wanted| {
            let windows = Arc::clone(&windows);
            let unpacking = beside(async move { windows.unpack(wanted).await });
            async move {
                let outcome = unpacking.await;
                if let Ok(Err(error)) = outcome {
                    tracing::debug!(%error, window = %wanted, "a window could not be unpacked ahead");
                }
                wanted
            }
        });
        unpacked.buffered(AHEAD + 1)
    }

    async fn unpack(&self, wanted: Window) -> Result<(), SourceError> {
        let aligned = wanted.first() - wanted.first() % WINDOW_BLOCKS;
        let start = self.windows.partition_point(|window| window.first() < aligned);
        let near = self.windows[start..].iter().take_while(|window| window.first() <= wanted.last());
        for window in near.filter(|window| window.last() >= wanted.first()) {
            self.load(*window).await?.blocks().await?;
        }
        Ok(())
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
