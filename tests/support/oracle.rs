//! What a run must have written, known from the chain's generator, and what it did write, read without sentinel's readers.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use sentinel_support::chains;
//! use sentinel_support::oracle::{Columns, Objects, Rows, Truth};
//!
//! let chain = chains::cheap(10)?;
//! let truth = Truth::of(&chain, 1..=10).await?;
//!
//! // What the run under test wrote; `Objects::in_folder` reads a local store.
//! let lines: String = (1..=9).map(|block| format!("{{\"block\":{block}}}\n")).collect();
//! let objects = Objects::from([("sim/blocks/v1/0000000001-0000000010.jsonl", lines)]);
//!
//! let verdict = truth.check(&objects, "sim/blocks/", &Columns::new("block"), Rows::OnePerBlock)?;
//! assert_eq!(verdict.to_string(), "missing=1 duplicate=0 wrong=0 partial=0");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod objects;
mod table;

use std::collections::{BTreeMap, HashSet};
use std::fmt;
use std::ops::RangeInclusive;
use std::time::Duration;

use parity_scale_codec::{Compact, Decode};
use sentinel_core::source::{BlockSource, RawBlock, SourceError};

pub use self::objects::{Objects, digest};
pub use self::table::{Row, rows};

type Outcome<T> = Result<T, OracleError>;

/// Why nothing can be compared.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OracleError {
    /// The generator does not have the block.
    #[error("the generator has no such block")]
    Generator(#[from] SourceError),
    /// The generator's events are no list.
    #[error("the events of block {block} do not begin with their number")]
    Events {
        /// The block.
        block: u64,
    },
    /// The object has other columns than the test says.
    #[error("{key} has no column `{column}`")]
    NoColumn {
        /// Key of the object.
        key: String,
        /// The column.
        column: String,
    },
    /// The object is neither Parquet nor JSONL.
    #[error("{key} ends in neither .parquet nor .jsonl")]
    Form {
        /// Key of the object.
        key: String,
    },
    /// The columns cannot be read together.
    #[error("the columns of {key} cannot be read")]
    Columns {
        /// Key of the object.
        key: String,
        /// What the library says.
        #[source]
        source: parquet::errors::ParquetError,
    },
}

/// What the generator says of one block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Expected {
    /// Its hash, as `0x` and hex digits.
    pub hash: String,
    /// How many extrinsics it has.
    pub extrinsics: usize,
    /// How many events it has.
    pub events: usize,
}

/// What the generator says of a range of blocks.
#[derive(Debug, Clone)]
pub struct Truth {
    blocks: BTreeMap<u64, Expected>,
}

/// How many rows a dataset has of a block.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Rows {
    /// One.
    OnePerBlock,
    /// One for each extrinsic.
    OnePerExtrinsic,
    /// One for each event.
    OnePerEvent,
    /// At least one.
    Some,
}

impl Rows {
    /// How many, where that is known.
    fn of(self, block: &Expected) -> Option<usize> {
        match self {
            Self::OnePerBlock => Some(1),
            Self::OnePerExtrinsic => Some(block.extrinsics),
            Self::OnePerEvent => Some(block.events),
            Self::Some => None,
        }
    }
}

/// Which columns of a dataset to compare.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Columns {
    number: String,
    hash: Option<String>,
    key: Vec<String>,
}

impl Columns {
    /// The height is in this column.
    pub fn new(number: &str) -> Self {
        Self { number: number.to_owned(), hash: None, key: Vec::new() }
    }

    /// The block's hash is in this column: text of hex digits, or bytes.
    #[must_use]
    pub fn hash(mut self, column: &str) -> Self {
        self.hash = Some(column.to_owned());
        self
    }

    /// Two rows of a block that are equal in all of these are one row twice.
    #[must_use]
    pub fn key(mut self, columns: &[&str]) -> Self {
        self.key = columns.iter().map(|column| (*column).to_owned()).collect();
        self
    }

    fn all(&self) -> Vec<&str> {
        let mut all: Vec<&str> = vec![&self.number];
        all.extend(self.hash.as_deref());
        all.extend(self.key.iter().map(String::as_str));
        all
    }
}

/// What is wrong with what was written; all zero where nothing is.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Verdict {
    /// Blocks that should be there and are not.
    pub missing: usize,
    /// Rows that are there twice.
    pub duplicate: usize,
    /// Rows of blocks that should not be there, or with another hash.
    pub wrong: usize,
    /// Blocks with too few or too many rows, and objects that are not whole.
    pub partial: usize,
    /// Requests that the run made, where the test says so.
    pub calls: Option<u64>,
    /// How long the run took, where the test says so.
    pub wall: Option<Duration>,
    /// The first few faults in words.
    pub examples: Vec<String>,
}

impl Verdict {
    /// Whether nothing is wrong.
    pub fn is_clean(&self) -> bool {
        (self.missing, self.duplicate, self.wrong, self.partial) == (0, 0, 0, 0)
    }

    /// With the number of requests of the run, to be printed.
    #[must_use]
    pub fn calls(mut self, calls: u64) -> Self {
        self.calls = Some(calls);
        self
    }

    /// With the time of the run, to be printed.
    #[must_use]
    pub fn wall(mut self, wall: Duration) -> Self {
        self.wall = Some(wall);
        self
    }

    /// This and what is wrong with another dataset.
    #[must_use]
    pub fn and(mut self, other: Self) -> Self {
        self.missing += other.missing;
        self.duplicate += other.duplicate;
        self.wrong += other.wrong;
        self.partial += other.partial;
        self.examples.extend(other.examples);
        self
    }

    fn example(&mut self, text: impl FnOnce() -> String) {
        if self.examples.len() < 8 {
            self.examples.push(text());
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { missing, duplicate, wrong, partial, .. } = self;
        write!(f, "missing={missing} duplicate={duplicate} wrong={wrong} partial={partial}")?;
        if let Some(calls) = self.calls {
            write!(f, " calls={calls}")?;
        }
        if let Some(wall) = self.wall {
            write!(f, " wall={:.1}s", wall.as_secs_f64())?;
        }
        Ok(())
    }
}

impl Truth {
    /// Asks the generator itself, not through a node.
    ///
    /// # Errors
    /// Where it has no such blocks.
    pub async fn of(generator: &dyn BlockSource, range: RangeInclusive<u64>) -> Outcome<Self> {
        let mut blocks = BTreeMap::new();
        for number in range {
            blocks.insert(number, expected(&generator.block(number.into()).await?)?);
        }
        Ok(Self { blocks })
    }

    /// Only the blocks that a condition holds for: the epoch blocks, those that were not quarantined.
    #[must_use]
    pub fn only(mut self, mut wanted: impl FnMut(u64) -> bool) -> Self {
        self.blocks.retain(|number, _| wanted(*number));
        self
    }

    /// What is expected, by height.
    pub fn blocks(&self) -> &BTreeMap<u64, Expected> {
        &self.blocks
    }

    /// Compares the Parquet and JSONL objects whose keys start with `prefix`: those of one form, where there are both.
    ///
    /// A file that cannot be read counts as partial. What a kill left of a write beside the objects does not: no reader
    /// takes it for one ([`Objects::leftovers`]).
    ///
    /// # Errors
    /// Where an object has no such columns.
    pub fn check(&self, objects: &Objects, prefix: &str, columns: &Columns, rows: Rows) -> Outcome<Verdict> {
        let parquet = self.check_form(objects, prefix, ".parquet", columns, rows)?;
        let jsonl = self.check_form(objects, prefix, ".jsonl", columns, rows)?;
        Ok(match (parquet, jsonl) {
            (Some(verdict), None) | (None, Some(verdict)) => verdict,
            (Some(one), Some(other)) => one.and(other),
            (None, None) => self.count(BTreeMap::new(), rows, false, Verdict::default()),
        })
    }

    fn check_form(
        &self,
        objects: &Objects,
        prefix: &str,
        form: &str,
        columns: &Columns,
        rows: Rows,
    ) -> Outcome<Option<Verdict>> {
        let mut verdict = Verdict::default();
        let mut found: BTreeMap<u64, Vec<Row>> = BTreeMap::new();
        let mut any = false;
        for (key, bytes) in objects.iter().filter(|(key, _)| key.starts_with(prefix)) {
            if !key.ends_with(form) {
                continue;
            }
            any = true;
            match table::rows(key, bytes, &columns.all())? {
                Ok(rows) => rows.into_iter().for_each(|row| match row.height() {
                    Some(number) => found.entry(number).or_default().push(row),
                    None => {
                        verdict.wrong += 1;
                        verdict.example(|| format!("{key} has a row without a height: {row:?}"));
                    }
                }),
                Err(broken) => {
                    verdict.partial += 1;
                    verdict.example(|| format!("{key}: {broken}"));
                }
            }
        }
        self.wrong_hashes(&found, columns, &mut verdict);
        Ok((any || verdict != Verdict::default()).then(|| self.count(found, rows, !columns.key.is_empty(), verdict)))
    }

    fn wrong_hashes(&self, found: &BTreeMap<u64, Vec<Row>>, columns: &Columns, verdict: &mut Verdict) {
        if columns.hash.is_none() {
            return;
        }
        for (number, rows) in found {
            let Some(expected) = self.blocks.get(number) else { continue };
            for row in rows.iter().filter(|row| !row.text(1).is_some_and(|hash| same_hash(&hash, &expected.hash))) {
                verdict.wrong += 1;
                verdict.example(|| format!("block {number} is {}, not {:?}", expected.hash, row.text(1)));
            }
        }
    }

    /// `keyed`: rows of a block can be told apart.
    fn count(&self, found: BTreeMap<u64, Vec<Row>>, wanted: Rows, keyed: bool, mut verdict: Verdict) -> Verdict {
        for (number, rows) in &found {
            let Some(expected) = self.blocks.get(number) else {
                verdict.wrong += rows.len();
                verdict.example(|| format!("block {number} should not be there"));
                continue;
            };
            let right = wanted.of(expected);
            let twice = match (wanted, right) {
                (Rows::OnePerBlock, _) => rows.len() - 1,
                _ if keyed => rows.len() - rows.iter().collect::<HashSet<_>>().len(),
                // A whole number of times the right number of rows is the block again, not a part of it.
                (_, Some(right @ 1..)) if rows.len().is_multiple_of(right) => rows.len() - right,
                _ => 0,
            };
            if twice > 0 {
                verdict.duplicate += twice;
                verdict.example(|| format!("block {number} has {twice} rows twice"));
            }
            let once = rows.len() - twice;
            if right.is_some_and(|right| right != once) {
                verdict.partial += 1;
                verdict.example(|| format!("block {number} has {once} rows, not {}", right.unwrap_or(1)));
            }
        }
        for (number, expected) in &self.blocks {
            if wanted.of(expected) != Some(0) && !found.contains_key(number) {
                verdict.missing += 1;
                verdict.example(|| format!("block {number} is missing"));
            }
        }
        verdict
    }
}

/// Whether two spellings are one hash: `0x` or not, large digits or small.
fn same_hash(one: &str, other: &str) -> bool {
    let digits = |hash: &str| hash.trim_start_matches("0x").to_ascii_lowercase();
    digits(one) == digits(other)
}

/// Counts without decoding: a SCALE list begins with its length.
fn expected(block: &RawBlock) -> Outcome<Expected> {
    let Ok(Compact(events)) = Compact::<u32>::decode(&mut &block.events[..]) else {
        return Err(OracleError::Events { block: block.header.header.number });
    };
    Ok(Expected {
        hash: const_hex::encode_prefixed(block.header.hash.0),
        extrinsics: block.extrinsics.len(),
        events: events as usize,
    })
}
