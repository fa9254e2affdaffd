//! Datasets: tables of hyperparameters and their changes, neurons, weights, epochs and yields, as Parquet, JSON lines and Arrow.
//!
//! Each dataset is a struct for its rows, and nothing else spells its columns: names, types and their order are those of
//! the struct's fields in JSON lines, in Parquet and in Arrow. Absent is null, never zero. Amounts are integers in rao,
//! shares are of 65,535 as the chain has them, ratios are plain (0.12 is 12 %), times are milliseconds since 1970 in UTC,
//! accounts are SS58 text.
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

mod cell;
mod json;
mod parquet;
mod record;
mod returns;
mod rows;
mod views;

use std::cmp::Ordering;
use std::fmt;
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::Schema;
use serde::Serialize;
use serde::de::DeserializeOwned;

use super::{ArtifactError, NetworkWord};
use crate::chain::NetUid;
use crate::storage::{Key, StorageError};

pub use self::json::{read_jsonl, write_jsonl};
pub use self::parquet::{read_parquet, write_parquet};
pub use super::raw::Window;
pub use cell::Digits;
pub use rows::{ApyRow, EpochRow, HyperparameterChangeRow, HyperparameterRow, NeuronRow, WeightRow};

/// The version of all schemas, in keys and in files. A change of any column is another version.
pub const SCHEMA: u32 = 1;

/// The datasets.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum Dataset {
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

impl Dataset {
    /// All of them.
    pub const ALL: [Self; 6] =
        [Self::Hyperparameters, Self::HyperparameterChanges, Self::Neurons, Self::Weights, Self::Epochs, Self::Apy];

    /// Its name in keys and files.
    pub const fn name(self) -> &'static str {
        match self {
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
        match self {
            Self::Hyperparameters => schema::<HyperparameterRow>(),
            Self::HyperparameterChanges => schema::<HyperparameterChangeRow>(),
            Self::Neurons => schema::<NeuronRow>(),
            Self::Weights => schema::<WeightRow>(),
            Self::Epochs => schema::<EpochRow>(),
            Self::Apy => schema::<ApyRow>(),
        }
    }
}

impl fmt::Display for Dataset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}

/// A row of a dataset.
///
/// Implemented by the row structs of this module and by nothing else.
pub trait Row: record::Record + Serialize + DeserializeOwned {
    /// The dataset.
    const DATASET: Dataset;

    /// Names of the columns, in order.
    fn columns() -> &'static [&'static str];

    /// The columns that rows are sorted by, the first first.
    fn sorted_by() -> &'static [&'static str];

    /// The order in which rows are written.
    fn order(&self, other: &Self) -> Ordering;
}

/// The form of a file.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
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
    Arc::new(Schema::new(R::fields()))
}

/// Rows as a table of Arrow, in the order given.
///
/// # Errors
/// [`ArtifactError::Encode`] where they do not fit one: more than 2 GiB of text in a column.
pub fn to_record_batch<R: Row>(rows: &[R]) -> Result<RecordBatch, ArtifactError> {
    let rows: Vec<&R> = rows.iter().collect();
    batch(&rows)
}

fn batch<R: Row>(rows: &[&R]) -> Result<RecordBatch, ArtifactError> {
    RecordBatch::try_new(schema::<R>(), R::arrays(rows)).map_err(|source| encode_error::<R>(source.into()))
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

fn encode_error<R: Row>(source: Box<dyn std::error::Error + Send + Sync>) -> ArtifactError {
    ArtifactError::Encode { table: R::DATASET.name(), source }
}
