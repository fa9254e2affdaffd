//! Datasets read from Parquet files, which may be damaged or hostile.

use std::fmt;
use std::marker::PhantomData;
use std::panic::{AssertUnwindSafe, catch_unwind};

use bytes::Bytes;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReader, ParquetRecordBatchReaderBuilder};
use parquet::errors::ParquetError;
use parquet::file::metadata::ParquetMetaData;

use super::parquet::{DATASET, VERSION};
use super::{Row, SCHEMA};
use crate::artifact::ArtifactError;
use crate::artifact::raw::{limits, pages};
use crate::storage::Key;

/// Reads what [`write_parquet`](super::write_parquet) writes. The key says in errors which object it was.
///
/// # Errors
/// [`ArtifactError::Damaged`] for anything else, and for what unpacks to more than 1 GiB (a [`RowReader`] reads that by and
/// by); [`ArtifactError::Format`] for a later schema.
pub fn read_parquet<R: Row>(key: &Key, object: Bytes) -> Result<Vec<R>, ArtifactError> {
    let reader = RowReader::new(key, object)?;
    if reader.claimed > limits::MAX_UNPACKED {
        return Err(ArtifactError::damaged(key, too_much()));
    }
    let mut rows = Vec::new();
    let mut unpacked = 0_u64;
    for batch in reader.weighed() {
        let (batch, weight) = batch?;
        unpacked = unpacked.saturating_add(weight);
        if unpacked > limits::MAX_UNPACKED {
            return Err(ArtifactError::damaged(key, too_much()));
        }
        rows.extend(batch);
    }
    Ok(rows)
}

/// Reads the rows of a Parquet file some thousand at a time: memory for what a row group and those rows unpack to is all it
/// takes, however large the file.
///
/// Nothing follows an error.
pub struct RowReader<R> {
    key: Key,
    inner: Option<ParquetRecordBatchReader>,
    /// What all row groups together say that they unpack to.
    claimed: u64,
    row: PhantomData<fn() -> R>,
}

impl<R: Row> RowReader<R> {
    /// Opens a file. The key says in errors which object it was.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] for what is no such file, and where a row group unpacks to more than 1 GiB;
    /// [`ArtifactError::Format`] for a later schema.
    pub fn new(key: &Key, object: Bytes) -> Result<Self, ArtifactError> {
        guarded(key, || open::<R>(key, object))
    }

    /// The next rows, and what they weigh.
    fn weighed(mut self) -> impl Iterator<Item = Result<(Vec<R>, u64), ArtifactError>> {
        std::iter::from_fn(move || self.step())
    }

    fn step(&mut self) -> Option<Result<(Vec<R>, u64), ArtifactError>> {
        let inner = self.inner.as_mut()?;
        let key = &self.key;
        let next = guarded(key, || {
            let Some(batch) = inner.next() else { return Ok(None) };
            let batch =
                batch.map_err(|error| ArtifactError::damaged(key, format!("not a readable Parquet file: {error}")))?;
            let weight = limits::weight(&batch);
            if weight > limits::MAX_UNPACKED {
                return Err(ArtifactError::damaged(key, too_much()));
            }
            let rows = R::from_batch(&batch).map_err(|message| ArtifactError::damaged(key, message))?;
            Ok(Some((rows, weight)))
        });
        if !matches!(next, Ok(Some(_))) {
            self.inner = None;
        }
        next.transpose()
    }
}

impl<R: Row> Iterator for RowReader<R> {
    type Item = Result<Vec<R>, ArtifactError>;

    fn next(&mut self) -> Option<Self::Item> {
        Some(self.step()?.map(|(rows, _)| rows))
    }
}

impl<R> fmt::Debug for RowReader<R> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("RowReader").field("key", &self.key).field("done", &self.inner.is_none()).finish()
    }
}

/// The reader of the format asserts what it expects of damaged pages; for us that is one more way to be damaged.
fn guarded<T>(key: &Key, read: impl FnOnce() -> Result<T, ArtifactError>) -> Result<T, ArtifactError> {
    let outcome = catch_unwind(AssertUnwindSafe(read));
    outcome.unwrap_or_else(|_| Err(ArtifactError::damaged(key, "not a readable Parquet file: its pages make no sense")))
}

fn open<R: Row>(key: &Key, object: Bytes) -> Result<RowReader<R>, ArtifactError> {
    let damaged = |message: String| ArtifactError::damaged(key, message);
    let foreign = |error: ParquetError| damaged(format!("not a readable Parquet file: {error}"));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(object.clone(), options).map_err(foreign)?;
    check_footer::<R>(key, builder.metadata())?;
    let claim = check_claims::<R>(&object, builder.metadata()).map_err(damaged)?;
    // A batch is whole before it is weighed, and all of its rows may repeat the largest value.
    let fitting = usize::try_from(limits::MAX_UNPACKED / claim.largest.max(1)).unwrap_or(usize::MAX);
    let inner = builder.with_batch_size(fitting.clamp(1, 4096)).build().map_err(foreign)?;
    Ok(RowReader { key: key.clone(), inner: Some(inner), claimed: claim.unpacked, row: PhantomData })
}

fn check_footer<R: Row>(key: &Key, metadata: &ParquetMetaData) -> Result<(), ArtifactError> {
    let entries = metadata.file_metadata().key_value_metadata();
    let entry = |name: &str| entries?.iter().find(|entry| entry.key == name)?.value.as_deref();
    if entry(DATASET) != Some(R::DATASET.name()) {
        return Err(ArtifactError::damaged(key, format!("not a file of the dataset `{}`", R::DATASET)));
    }
    match entry(VERSION).and_then(|version| version.parse::<u64>().ok()) {
        Some(format) if format == u64::from(SCHEMA) => Ok(()),
        Some(format) => Err(ArtifactError::Format { object: key.clone(), format, supported: SCHEMA.into() }),
        None => Err(ArtifactError::damaged(key, "it does not name its schema")),
    }
}

/// What a file says of itself before anything is unpacked.
struct Claimed {
    /// What its row groups unpack to, together.
    unpacked: u64,
    /// The largest page.
    largest: u64,
}

/// Checks what the pages say of themselves, row group by row group.
fn check_claims<R: Row>(object: &[u8], metadata: &ParquetMetaData) -> Result<Claimed, String> {
    let mut claimed = Claimed { unpacked: 0, largest: 0 };
    let mut promised = 0_u64;
    for group in metadata.row_groups() {
        let rows = u64::try_from(group.num_rows()).unwrap_or(u64::MAX);
        promised = promised.saturating_add(rows);
        let claim = pages::group_claim(object, group).ok_or("the header of a page is not one")?;
        let values = claim.values.max(rows.saturating_mul(R::columns().len() as u64));
        if claim.bytes > limits::MAX_UNPACKED || values > limits::MAX_UNPACKED / limits::VALUE_WEIGHT {
            return Err(too_much());
        }
        let unpacked = claim.bytes.max(values.saturating_mul(limits::VALUE_WEIGHT));
        claimed.unpacked = claimed.unpacked.saturating_add(unpacked);
        claimed.largest = claimed.largest.max(claim.largest);
    }
    if u64::try_from(metadata.file_metadata().num_rows()) != Ok(promised) {
        return Err("its row groups have other rows than it says".to_owned());
    }
    Ok(claimed)
}

fn too_much() -> String {
    format!("it unpacks to more than the {} bytes that are read at once", limits::MAX_UNPACKED)
}
