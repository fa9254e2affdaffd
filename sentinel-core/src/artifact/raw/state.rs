//! What a window knows of the state: the tables `state` and `prefixes` together.

use std::collections::HashMap;

use bytes::Bytes;

use super::Manifest;
use super::read::{read_prefixes, read_state};
use crate::artifact::ArtifactError;

/// What a window knows of one key at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) enum KnownValue {
    /// A row of this block and key.
    Exact(Option<Bytes>),
    /// No such row, but a complete prefix covers the key.
    Covered(Option<Bytes>),
    /// Nothing.
    Unknown,
}

/// Keys with their values, and where to continue.
pub(crate) type Page = (Vec<(Bytes, Bytes)>, Option<usize>);

/// The tables `state` and `prefixes` of one window.
#[derive(Debug)]
pub(crate) struct StateTable {
    /// Distinct keys, ascending, and where the rows of each begin.
    keys: Vec<(Bytes, usize)>,
    /// Block and value of each row, by key and then by block.
    rows: Vec<(u64, Option<Bytes>)>,
    complete: HashMap<u64, Vec<Bytes>>,
}

impl StateTable {
    pub(crate) fn read(manifest: &Manifest, state: Bytes, prefixes: Bytes) -> Result<Self, ArtifactError> {
        let mut table = Self { keys: Vec::new(), rows: Vec::new(), complete: HashMap::new() };
        for row in read_state(manifest, state)? {
            if table.keys.last().is_none_or(|(key, _)| *key != row.key) {
                table.keys.push((row.key, table.rows.len()));
            }
            table.rows.push((row.block, row.value));
        }
        for row in read_prefixes(manifest, prefixes)? {
            if row.complete {
                table.complete.entry(row.block).or_default().push(row.prefix);
            }
        }
        Ok(table)
    }

    /// The value of `key` after block `at`.
    pub(crate) fn value(&self, at: u64, key: &[u8]) -> KnownValue {
        let newest = match self.keys.binary_search_by(|(known, _)| known.as_ref().cmp(key)) {
            Ok(index) => self.newest(index, at),
            Err(_) => None,
        };
        match newest {
            Some((block, value)) if *block == at => KnownValue::Exact(value.clone()),
            newest if self.covers(at, key) => KnownValue::Covered(newest.and_then(|(_, value)| value.clone())),
            _ => KnownValue::Unknown,
        }
    }

    /// Keys that start with `prefix` and their values after block `at`, ascending, at most `limit` of them, from the
    /// key at `position` on; with the position to continue from. All there are only where the window
    /// [covers](Self::covers) the prefix.
    pub(crate) fn page(&self, at: u64, prefix: &[u8], position: usize, limit: usize) -> Page {
        let start = self.keys.partition_point(|(key, _)| key.as_ref() < prefix).max(position);
        let mut page = Vec::new();
        for index in start..self.keys.len() {
            let key = &self.keys[index].0;
            if !key.starts_with(prefix) {
                break;
            }
            if page.len() == limit {
                return (page, Some(index));
            }
            if let Some((_, Some(value))) = self.newest(index, at) {
                page.push((key.clone(), value.clone()));
            }
        }
        (page, None)
    }

    /// Whether every key that starts with `key` is known after block `at`.
    pub(crate) fn covers(&self, at: u64, key: &[u8]) -> bool {
        self.complete.get(&at).is_some_and(|prefixes| prefixes.iter().any(|prefix| key.starts_with(prefix)))
    }

    /// The newest row of the key at `index` that is not after block `at`.
    fn newest(&self, index: usize, at: u64) -> Option<&(u64, Option<Bytes>)> {
        let start = self.keys[index].1;
        let end = self.keys.get(index + 1).map_or(self.rows.len(), |(_, next)| *next);
        let rows = &self.rows[start..end];
        rows[..rows.partition_point(|(block, _)| *block <= at)].last()
    }
}
