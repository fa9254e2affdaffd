//! Windows of blocks, and the keys of their objects.

use std::collections::BTreeSet;
use std::fmt;
use std::ops::RangeInclusive;

use futures::TryStreamExt;

use super::{Manifest, Table};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::chain::BlockHash;
use crate::storage::{Key, Storage, StorageError};

/// How many blocks a window spans at most; windows begin at multiples of it.
pub const WINDOW_BLOCKS: u64 = 1_000;

/// The blocks of one window.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Window {
    first: u64,
    last: u64,
}

impl Window {
    /// The window from `first` to `last`, both included; `None` unless they lie within one aligned window.
    pub fn new(first: u64, last: u64) -> Option<Self> {
        (first <= last && first / WINDOW_BLOCKS == last / WINDOW_BLOCKS).then_some(Self { first, last })
    }

    /// The windows that a range of blocks falls into, ascending, clipped to the range.
    ///
    /// ```
    /// # use sentinel_core::artifact::raw::Window;
    /// let windows: Vec<_> = Window::covering(998..=1002).map(|window| window.to_string()).collect();
    /// assert_eq!(windows, ["0000000998-0000000999", "0000001000-0000001002"]);
    /// ```
    pub fn covering(range: RangeInclusive<u64>) -> impl Iterator<Item = Self> {
        let (start, end) = (*range.start(), *range.end());
        let windows =
            if start <= end { start / WINDOW_BLOCKS..=end / WINDOW_BLOCKS } else { RangeInclusive::new(1, 0) };
        windows.map(move |index| Self {
            first: start.max(index * WINDOW_BLOCKS),
            last: end.min((index * WINDOW_BLOCKS).saturating_add(WINDOW_BLOCKS - 1)),
        })
    }

    /// Its first block.
    pub fn first(&self) -> u64 {
        self.first
    }

    /// Its last block.
    pub fn last(&self) -> u64 {
        self.last
    }

    /// Its blocks.
    pub fn blocks(&self) -> RangeInclusive<u64> {
        self.first..=self.last
    }

    /// Reads what [`Display`](fmt::Display) writes.
    pub(in crate::artifact) fn parse(text: &str) -> Option<Self> {
        let (first, last) = text.split_once('-')?;
        let window = Self::new(first.parse().ok()?, last.parse().ok()?)?;
        (window.to_string() == text).then_some(window)
    }
}

impl fmt::Display for Window {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:010}-{:010}", self.first, self.last)
    }
}

/// The keys of one network's recording.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Layout {
    network: NetworkWord,
}

impl Layout {
    /// The keys under this network's name.
    pub fn new(network: NetworkWord) -> Self {
        Self { network }
    }

    /// The network's name.
    pub fn network(&self) -> &NetworkWord {
        &self.network
    }

    /// The key of a window's manifest.
    pub fn manifest(&self, window: Window) -> Result<Key, StorageError> {
        Key::new(format!("{}/{MANIFESTS}/{window}.json", self.network))
    }

    /// The key of one of a window's tables.
    pub fn table(&self, table: Table, window: Window) -> Result<Key, StorageError> {
        Key::new(format!("{}/raw/v1/{table}/{window}.parquet", self.network))
    }

    /// The windows that are in the store, ascending.
    pub async fn windows(&self, storage: &dyn Storage) -> Result<Vec<Window>, StorageError> {
        let folder = Key::new(format!("{}/{MANIFESTS}", self.network))?;
        let mut windows = Vec::new();
        let mut listing = storage.list(Some(&folder));
        while let Some(object) = listing.try_next().await? {
            let name = object.key.segments().next_back().and_then(|name| name.strip_suffix(".json"));
            windows.extend(name.and_then(Window::parse));
        }
        Ok(windows)
    }

    /// Refuses to put the windows of this chain beside those of another: [`ArtifactError::OtherChain`].
    pub async fn check_chain(&self, storage: &dyn Storage, genesis_hash: BlockHash) -> Result<(), ArtifactError> {
        let Some(window) = self.windows(storage).await?.into_iter().next() else { return Ok(()) };
        match Manifest::load(storage, self, window).await {
            Ok(manifest) if manifest.genesis_hash != genesis_hash => Err(ArtifactError::OtherChain {
                network: self.network.to_string(),
                expected: genesis_hash,
                found: manifest.genesis_hash,
            }),
            // A damaged manifest is replaced when its window is recorded again.
            Ok(_) | Err(ArtifactError::Damaged { .. }) => Ok(()),
            Err(error) => Err(error),
        }
    }
}

const MANIFESTS: &str = "raw/v1/manifest";

/// The networks that a store holds recordings of, ascending. Lists the whole store.
pub async fn networks(storage: &dyn Storage) -> Result<Vec<NetworkWord>, ArtifactError> {
    let mut networks = BTreeSet::new();
    let mut listing = storage.list(None);
    while let Some(object) = listing.try_next().await? {
        if let Some((network, rest)) = object.key.as_str().split_once('/')
            && rest.strip_prefix(MANIFESTS).is_some_and(|rest| rest.starts_with('/'))
            && let Ok(network) = network.parse()
        {
            networks.insert(network);
        }
    }
    Ok(networks.into_iter().collect())
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn windows_tile_the_range(start in 0_u64..50_000, len in 0_u64..5_000) {
            let range = start..=start + len;
            let blocks: Vec<u64> = Window::covering(range.clone()).flat_map(|window| window.blocks()).collect();
            prop_assert!(blocks.into_iter().eq(range.clone()));
            for window in Window::covering(range) {
                prop_assert_eq!(Window::new(window.first(), window.last()), Some(window));
                prop_assert_eq!(Window::parse(&window.to_string()), Some(window));
            }
        }
    }

    #[test]
    fn other_names_are_no_windows() {
        for name in ["1-2", "0000000001", "0000000002-0000000001", "0000000999-0000001000", "+000000001-0000000002"] {
            assert_eq!(Window::parse(name), None, "{name}");
        }
        assert_eq!(Window::covering(RangeInclusive::new(5, 4)).count(), 0);
        assert_eq!(Window::covering(u64::MAX - 1..=u64::MAX).map(|window| window.last()).max(), Some(u64::MAX));
    }
}
