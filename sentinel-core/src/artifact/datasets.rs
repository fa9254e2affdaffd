//! Datasets: tables of what happened in blocks, and of subnets, their neurons, weights, epochs and yields, as Parquet, JSON
//! lines and Arrow.
//!
//! Each dataset is a struct for its rows, and nothing else spells its columns: names, types and their order are those of
//! the struct's fields in JSON lines, in Parquet and in Arrow. Absent is null, never zero. Amounts are integers in rao,
//! shares are of 65,535 as the chain has them, ratios are plain (0.12 is 12 %), times are milliseconds since 1970 in UTC,
//! accounts are SS58 text, hashes `0x` and hex digits. What has a shape of its own (the arguments of a call, the fields of an
//! event) is JSON as the command line prints it: as text in Parquet and Arrow, as itself in JSON lines ([`JsonText`]).
//!
//! The same rows give the same bytes, in whatever order they come: they are written sorted, and nothing in a file tells when,
//! where or by which version it was written. Their keys are
//!
//! ```text
//! {network}/{dataset}/v1/{first:010}-{last:010}.parquet             all subnets
//! {network}/{dataset}/v1/{netuid:05}/{first:010}-{last:010}.jsonl   one subnet
//! ```
//!
//! ```
//! use sentinel_core::artifact::datasets::{self, Dataset, Row, WeightRow};
//! use sentinel_core::chain::NetUid;
//!
//! let row = WeightRow {
//!     block: 7,
//!     timestamp_ms: None,
//!     netuid: NetUid(1),
//!     mechanism: 0,
//!     from_uid: 3,
//!     to_uid: 5,
//!     weight: Some(65_535),
//!     bond: None,
//! };
//! let network = "local".parse()?;
//! let file = datasets::write_parquet(&[row.clone()], &network)?;
//! let key = datasets::key(&network, Dataset::Weights, None, datasets::Window::new(0, 999).unwrap(), datasets::Form::Parquet)?;
//! assert_eq!(key.as_str(), "local/weights/v1/0000000000-0000000999.parquet");
//! assert_eq!(datasets::read_parquet::<WeightRow>(&key, file)?, [row]);
//! assert_eq!(WeightRow::columns()[0], "block");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod block_rows;
mod cell;
mod extract;
mod groups;
mod json;
mod parquet;
mod read;
mod record;
mod returns;
mod rows;
mod text;
mod views;

use std::cmp::Ordering;
use std::fmt;
use std::str::FromStr;
use std::sync::{Arc, OnceLock};

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use serde::de::{DeserializeOwned, Error as _};
use serde::{Deserialize, Deserializer, Serialize, Serializer};

use super::part::Kept;
use super::{ArtifactError, NetworkWord};
use crate::chain::NetUid;
use crate::storage::{Key, StorageError};

pub(in crate::artifact) use self::json::append_lines;
pub use self::json::{read_jsonl, write_jsonl};
pub use self::parquet::write_parquet;
pub(in crate::artifact) use self::parquet::{Origin, TableWriter, slice};
pub use self::read::{RowReader, read_parquet};
pub use super::raw::Window;
pub use block_rows::{BlockRow, EventRow, ExtrinsicRow, FindingRow};
pub use cell::Digits;
pub use extract::{BlockReader, BlockRows};
pub use rows::{ApyRow, EpochRow, HyperparameterChangeRow, HyperparameterRow, NeuronRow, WeightRow};
pub use text::{ItemId, JsonText, ParseItemIdError, Word};

/// The version of all schemas, in keys and in files. A change of any column is another version.
pub const SCHEMA: u32 = 1;

/// The datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dataset {
    /// Blocks: [`BlockRow`].
    Blocks,
    /// Extrinsics: [`ExtrinsicRow`].
    Extrinsics,
    /// Events: [`EventRow`].
    Events,
    /// What detectors found: [`FindingRow`].
    Findings,
    /// Settings of subnets: [`HyperparameterRow`].
    Hyperparameters,
    /// What changed in settings of subnets: [`HyperparameterChangeRow`].
    HyperparameterChanges,
    /// Neurons: [`NeuronRow`].
    Neurons,
    /// Weights and bonds: [`WeightRow`].
    Weights,
    /// What each validator's stakers were paid in each epoch, and on what: [`EpochRow`].
    Epochs,
    /// Yields over windows: [`ApyRow`].
    Apy,
}

/// Evaluates an expression with `$row` as the type of the rows of a dataset.
macro_rules! with_row {
    ($dataset:expr, $row:ident => $body:expr) => {
        match $dataset {
            Dataset::Blocks => {
                type $row = BlockRow;
                $body
            }
            Dataset::Extrinsics => {
                type $row = ExtrinsicRow;
                $body
            }
            Dataset::Events => {
                type $row = EventRow;
                $body
            }
            Dataset::Findings => {
                type $row = FindingRow;
                $body
            }
            Dataset::Hyperparameters => {
                type $row = HyperparameterRow;
                $body
            }
            Dataset::HyperparameterChanges => {
                type $row = HyperparameterChangeRow;
                $body
            }
            Dataset::Neurons => {
                type $row = NeuronRow;
                $body
            }
            Dataset::Weights => {
                type $row = WeightRow;
                $body
            }
            Dataset::Epochs => {
                type $row = EpochRow;
                $body
            }
            Dataset::Apy => {
                type $row = ApyRow;
                $body
            }
        }
    };
}

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 10] = [
        Self::Blocks,
        Self::Extrinsics,
        Self::Events,
        Self::Findings,
        Self::Hyperparameters,
        Self::HyperparameterChanges,
        Self::Neurons,
        Self::Weights,
        Self::Epochs,
        Self::Apy,
    ];

    /// Its name in keys and files.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Blocks => "blocks",
            Self::Extrinsics => "extrinsics",
            Self::Events => "events",
            Self::Findings => "findings",
            Self::Hyperparameters => "hyperparameters",
            Self::HyperparameterChanges => "hyperparameter_changes",
            Self::Neurons => "neurons",
            Self::Weights => "weights",
            Self::Epochs => "epochs",
            Self::Apy => "apy",
        }
    }

    /// Its columns as Arrow has them.
    pub fn schema(self) -> Arc<Schema> {
        with_row!(self, Own => schema::<Own>())
    }

    /// Names of its columns, in order.
    pub fn columns(self) -> &'static [&'static str] {
        with_row!(self, Own => Own::columns())
    }

    /// The columns that its rows are sorted by, the first first.
    pub fn sorted_by(self) -> &'static [&'static str] {
        with_row!(self, Own => Own::sorted_by())
    }

    /// The column with the block that a row belongs to.
    pub fn block_column(self) -> &'static str {
        with_row!(self, Own => Own::block_column())
    }

    /// Whether its rows are those of subnets, and sorted by them before they are sorted by block.
    pub fn is_by_subnet(self) -> bool {
        self.sorted_by().first() == Some(&"netuid")
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

impl FromStr for Dataset {
    type Err = UnknownDataset;

    fn from_str(text: &str) -> Result<Self, UnknownDataset> {
        let named = Self::ALL.into_iter().find(|dataset| dataset.name() == text);
        named.ok_or_else(|| UnknownDataset(text.chars().take(60).collect()))
    }
}

impl Serialize for Dataset {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.name())
    }
}

impl<'de> Deserialize<'de> for Dataset {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        std::borrow::Cow::<'de, str>::deserialize(deserializer)?.parse().map_err(D::Error::custom)
    }
}

/// A text that names no dataset.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("there is no dataset {0:?}: use {names}", names = Dataset::ALL.map(Dataset::name).join(", "))]
pub struct UnknownDataset(pub String);

/// A row of a dataset.
///
/// Implemented by the row structs of this module and by nothing else.
pub trait Row: record::Record + Kept + Serialize + DeserializeOwned {
    /// The dataset.
    const DATASET: Dataset;

    /// Names of the columns, in order.
    fn columns() -> &'static [&'static str];

    /// The columns that rows are sorted by, the first first.
    fn sorted_by() -> &'static [&'static str];

    /// The column with the block that a row belongs to.
    fn block_column() -> &'static str;

    /// The block it belongs to.
    fn block(&self) -> u64;

    /// The subnet it belongs to, where rows are sorted by subnets first.
    fn subnet(&self) -> Option<NetUid>;

    /// The order in which rows are written.
    fn order(&self, other: &Self) -> Ordering;
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Form {
    /// Parquet.
    Parquet,
    /// A JSON object on each line.
    Jsonl,
}

impl Form {
    /// How the names of its files end.
    pub const fn extension(self) -> &'static str {
        match self {
            Self::Parquet => "parquet",
            Self::Jsonl => "jsonl",
        }
    }
}

/// The columns of a kind of row as Arrow has them.
pub fn schema<R: Row>() -> Arc<Schema> {
    static SCHEMAS: [OnceLock<Arc<Schema>>; Dataset::ALL.len()] = [const { OnceLock::new() }; Dataset::ALL.len()];
    let schema = SCHEMAS[R::DATASET as usize].get_or_init(|| Arc::new(Schema::new(R::fields())));
    Arc::clone(schema)
}

/// Rows as a table of Arrow, in the order given.
///
/// # Errors
/// [`ArtifactError::Encode`] where they do not fit one: more than 2 GiB of text in a column.
pub fn to_record_batch<R: Row>(rows: &[R]) -> Result<RecordBatch, ArtifactError> {
    let rows: Vec<&R> = rows.iter().collect();
    batch(&rows)
}

pub(in crate::artifact) fn batch<R: Row>(rows: &[&R]) -> Result<RecordBatch, ArtifactError> {
    RecordBatch::try_new(schema::<R>(), R::arrays(rows)).map_err(|source| encode_error(R::DATASET, source))
}

/// Rows of a table of Arrow that has their columns, in any order and among others.
///
/// # Errors
/// What does not fit, in words: a column that is missing, of another type, or null where it cannot be.
pub fn from_record_batch<R: Row>(batch: &RecordBatch) -> Result<Vec<R>, String> {
    R::from_batch(batch)
}

/// The key of a file: of all subnets together, or of one.
pub fn key(
    network: &NetworkWord,
    dataset: Dataset,
    netuid: Option<NetUid>,
    window: Window,
    form: Form,
) -> Result<Key, StorageError> {
    let subnet = netuid.map(|netuid| format!("{:05}/", netuid.0)).unwrap_or_default();
    Key::new(format!("{network}/{dataset}/v{SCHEMA}/{subnet}{window}.{}", form.extension()))
}

/// The rows in the order of their dataset. Rows of one place, which can come of two readings or of a name that the chain
/// gave twice, are told apart by all they say, so that the order they came in never shows.
fn sorted<R: Row>(rows: &[R]) -> Vec<&R> {
    let text = |row: &R| serde_json::to_string(row).unwrap_or_default();
    let mut sorted: Vec<&R> = rows.iter().collect();
    sorted.sort_by(|one, other| one.order(other).then_with(|| text(one).cmp(&text(other))));
    sorted
}

pub(in crate::artifact) fn encode_error(
    dataset: Dataset,
    source: impl Into<Box<dyn std::error::Error + Send + Sync>>,
) -> ArtifactError {
    ArtifactError::Encode { table: dataset.name(), source: source.into() }
}

use with_row;
