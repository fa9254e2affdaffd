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

#[cfg(test)]
mod tests {
    use std::collections::BTreeMap;

    use proptest::prelude::*;

    use super::*;
    use crate::artifact::ArtifactError;
    use crate::artifact::raw::{BlockRecord, Layout, Scan, SealedWindow, Table, Window, WindowBuilder};
    use crate::chain::{BlockHash, Header};

    const FIRST: u64 = 10;
    const KEYS: [&str; 6] = ["", "a", "aa", "ab", "abc", "b"];

    type State = BTreeMap<Bytes, Bytes>;

    fn bytes(text: &str) -> Bytes {
        Bytes::copy_from_slice(text.as_bytes())
    }

    fn record(number: u64) -> BlockRecord {
        let hash = |number: u64| BlockHash([number as u8; 32]);
        let header = Header {
            parent_hash: hash(number - 1),
            number,
            state_root: [0; 32],
            extrinsics_root: [0; 32],
            digest: Vec::new(),
        };
        BlockRecord::new(hash(number), header)
    }

    fn scan(state: &State, prefix: &str, complete: bool) -> Scan {
        let entries = state.iter().filter(|(key, _)| key.starts_with(prefix.as_bytes()));
        Scan { prefix: bytes(prefix), entries: entries.map(|(k, v)| (k.clone(), v.clone())).collect(), complete }
    }

    fn seal(records: Vec<BlockRecord>) -> Result<SealedWindow, ArtifactError> {
        let last = records.last().unwrap().header.number;
        let mut builder = WindowBuilder::new(Window::new(FIRST, last).unwrap(), None, false);
        records.into_iter().try_for_each(|record| builder.push(record))?;
        builder.seal(&Layout::new("local".parse().unwrap()), BlockHash([0; 32]), "test", None)
    }

    fn read(window: &SealedWindow) -> StateTable {
        let object = |table| {
            let key = &window.manifest.table(table).key;
            window.objects.iter().find(|(known, _)| known == key).unwrap().1.clone()
        };
        StateTable::read(&window.manifest, object(Table::State), object(Table::Prefixes)).unwrap()
    }

    /// One block of the model: what changes in the state, and what is read of it.
    #[derive(Debug, Clone)]
    struct Step {
        changes: Vec<(usize, Option<u8>)>,
        singles: Vec<usize>,
        scans: Vec<(usize, bool)>,
    }

    fn step() -> impl Strategy<Value = Step> {
        let change = (0..KEYS.len(), prop::option::of(0_u8..3));
        let scan = (0..KEYS.len(), prop::bool::weighted(0.7));
        (
            prop::collection::vec(change, 0..4),
            prop::collection::vec(0..KEYS.len(), 0..3),
            prop::collection::vec(scan, 0..3),
        )
            .prop_map(|(changes, singles, scans)| Step { changes, singles, scans })
    }

    proptest! {
        #[test]
        fn knows_what_was_read_and_nothing_else(steps in prop::collection::vec(step(), 1..10)) {
            // A prefix of no bytes would cover the runtime's code.
            let prefix = |index: usize| if index == 0 { "a" } else { KEYS[index] };
            let mut state = State::new();
            let mut states = Vec::new();
            let mut records = Vec::new();
            for (step, number) in steps.iter().zip(FIRST..) {
                for (key, value) in &step.changes {
                    match value {
                        Some(value) => state.insert(bytes(KEYS[*key]), Bytes::from(vec![*value])),
                        None => state.remove(KEYS[*key].as_bytes()),
                    };
                }
                let mut record = record(number);
                let single = |key: &usize| (bytes(KEYS[*key]), state.get(KEYS[*key].as_bytes()).cloned());
                record.values = step.singles.iter().map(single).collect();
                record.scans = step.scans.iter().map(|(index, complete)| {
                    let mut scan = scan(&state, prefix(*index), *complete);
                    scan.entries.truncate(if *complete { usize::MAX } else { 1 });
                    scan
                }).collect();
                records.push(record);
                states.push(state.clone());
            }
            let scans: Vec<_> = records.iter().map(|record| record.scans.clone()).collect();
            let sealed = seal(records.clone()).unwrap();
            prop_assert_eq!(&sealed.objects, &seal(records).unwrap().objects);
            let table = read(&sealed);
            for (((step, scans), state), number) in steps.iter().zip(&scans).zip(&states).zip(FIRST..) {
                let complete = |key: &str| scans.iter().any(|scan| scan.complete && key.as_bytes().starts_with(&scan.prefix));
                for (index, key) in KEYS.iter().enumerate() {
                    let partly = scans.iter().any(|scan| scan.entries.iter().any(|(known, _)| known == key.as_bytes()));
                    let expected = state.get(key.as_bytes()).cloned();
                    match table.value(number, key.as_bytes()) {
                        KnownValue::Exact(value) | KnownValue::Covered(value) => {
                            prop_assert!(complete(key) || partly || step.singles.contains(&index), "{} {}", number, key);
                            prop_assert_eq!(value, expected);
                        }
                        KnownValue::Unknown => {
                            prop_assert!(!complete(key) && !partly && !step.singles.contains(&index), "{} {}", number, key);
                        }
                    }
                    let covered = !key.is_empty() && complete(key);
                    prop_assert_eq!(table.covers(number, key.as_bytes()), covered);
                    if covered {
                        let mut pairs = Vec::new();
                        let mut position = Some(0);
                        while let Some(start) = position {
                            let (page, next) = table.page(number, key.as_bytes(), start, 1);
                            pairs.extend(page);
                            position = next;
                        }
                        prop_assert_eq!(pairs, scan(state, key, true).entries);
                    }
                }
            }
        }
    }

    #[test]
    fn unchanged_values_cost_no_rows_and_removed_keys_one() {
        let full = State::from([(bytes("a"), bytes("1")), (bytes("ab"), bytes("2"))]);
        let less = State::from([(bytes("a"), bytes("1"))]);
        let records = [&full, &full, &less, &less].into_iter().zip(FIRST..).map(|(state, number)| {
            let mut record = record(number);
            record.scans = vec![scan(state, "a", true)];
            record
        });
        let sealed = seal(records.collect()).unwrap();
        assert_eq!(sealed.manifest.tables.state.rows, 3);
        let table = read(&sealed);
        assert_eq!(table.value(FIRST + 1, b"ab"), KnownValue::Covered(Some(bytes("2"))));
        assert_eq!(table.value(FIRST + 2, b"ab"), KnownValue::Exact(None));
        assert_eq!(table.value(FIRST + 3, b"ab"), KnownValue::Covered(None));
        assert_eq!(table.value(FIRST + 3, b"never"), KnownValue::Unknown);
        assert_eq!(table.value(FIRST + 4, b"a"), KnownValue::Unknown);
    }

    #[test]
    fn contradicting_reads_are_refused() {
        let state = State::from([(bytes("a"), bytes("1"))]);
        let mut other = record(FIRST);
        other.scans = vec![scan(&state, "a", true)];
        for (key, value) in [("a", Some(bytes("2"))), ("a", None), ("ab", Some(bytes("1")))] {
            other.values = BTreeMap::from([(bytes(key), value)]);
            assert!(matches!(seal(vec![other.clone()]), Err(ArtifactError::Contradiction { block: FIRST, .. })));
        }
        let mut unsorted = record(FIRST);
        unsorted.scans = vec![Scan {
            prefix: bytes("a"),
            entries: vec![(bytes("ab"), bytes("")), (bytes("a"), bytes(""))],
            complete: true,
        }];
        assert!(matches!(seal(vec![unsorted]), Err(ArtifactError::Contradiction { .. })));
        let mut fork = record(FIRST + 1);
        fork.header.parent_hash = BlockHash([99; 32]);
        assert!(matches!(seal(vec![record(FIRST), fork]), Err(ArtifactError::Contradiction { .. })));
    }

    #[test]
    fn the_runtime_code_is_left_out() {
        let state = State::from([(bytes(":code"), bytes("wasm")), (bytes(":x"), bytes("1"))]);
        let mut whole = record(FIRST);
        whole.scans = vec![scan(&state, ":", true)];
        whole.values = BTreeMap::from([(bytes(":heappages"), None), (bytes(":code"), Some(bytes("wasm")))]);
        let sealed = seal(vec![whole]).unwrap();
        let table = read(&sealed);
        assert_eq!(table.value(FIRST, b":x"), KnownValue::Exact(Some(bytes("1"))));
        assert_eq!(table.value(FIRST, b":code"), KnownValue::Unknown);
        assert_eq!(table.value(FIRST, b":heappages"), KnownValue::Unknown);
        assert!(!table.covers(FIRST, b":"));
        assert!(sealed.objects.iter().all(|(_, object)| !object.windows(4).any(|bytes| bytes == b"wasm")));
    }
}
