//! Datasets as Parquet files whose bytes depend on nothing but the rows.

use std::sync::Arc;

use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_reader::{ArrowReaderOptions, ParquetRecordBatchReaderBuilder};
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::{KeyValue, ParquetMetaData, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};

use super::{Row, SCHEMA, batch, encode_error, schema, sorted};
use crate::artifact::raw::{limits, pages};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::storage::Key;

const ZSTD_LEVEL: i32 = 9;

/// Rows of a row group, and of what is handed over at once.
const GROUP_ROWS: usize = 131_072;
const BATCH_ROWS: usize = 16_384;

/// Entries in the footer: which dataset it is, its schema, and of which network. A simulated network says so there.
const DATASET: &str = "sentinel.dataset";
const VERSION: &str = "sentinel.schema";
const NETWORK: &str = "sentinel.network";

/// Rows as a Parquet file, sorted, compressed, with statistics of every column.
///
/// # Errors
/// [`ArtifactError::Encode`] for rows that would unpack to more than 1 GiB: write fewer into one file.
pub fn write_parquet<R: Row>(rows: &[R], network: &NetworkWord) -> Result<Bytes, ArtifactError> {
    let schema = schema::<R>();
    let foreign = |error: parquet::errors::ParquetError| encode_error::<R>(error.into());
    let properties = properties::<R>(network).map_err(foreign)?;
    let options = ArrowWriterOptions::new().with_properties(properties).with_skip_arrow_metadata(true);
    let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options).map_err(foreign)?;
    let mut unpacked = 0_u64;
    for rows in sorted(rows).chunks(BATCH_ROWS) {
        let batch = batch(rows)?;
        unpacked = unpacked.saturating_add(limits::weight(&batch));
        if unpacked > limits::MAX_UNPACKED {
            let message =
                format!("its rows unpack to more than {} bytes: write fewer into one file", limits::MAX_UNPACKED);
            return Err(encode_error::<R>(message.into()));
        }
        writer.write(&batch).map_err(foreign)?;
    }
    Ok(writer.into_inner().map_err(foreign)?.into())
}

fn properties<R: Row>(network: &NetworkWord) -> Result<WriterProperties, parquet::errors::ParquetError> {
    // Lists come last in every schema: before them, a column has the index of its leaf.
    let sorting = |name: &&str| {
        let index = R::columns().iter().position(|column| column == name);
        let index = index.and_then(|index| i32::try_from(index).ok());
        index.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
    };
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let entries = vec![
        entry(DATASET, R::DATASET.to_string()),
        entry(VERSION, SCHEMA.to_string()),
        entry(NETWORK, network.to_string()),
    ];
    Ok(WriterProperties::builder()
        .set_created_by("sentinel".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata(Some(entries))
        .set_sorting_columns(Some(R::sorted_by().iter().filter_map(sorting).collect()))
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true)
        .build())
}

/// Reads what [`write_parquet`] writes. The key says in errors which object it was.
///
/// # Errors
/// [`ArtifactError::Damaged`] for anything else, and for what unpacks to more than 1 GiB; [`ArtifactError::Format`] for a
/// later schema.
pub fn read_parquet<R: Row>(key: &Key, object: Bytes) -> Result<Vec<R>, ArtifactError> {
    // The reader of the format asserts what it expects of damaged pages; for us that is one more way to be damaged.
    let outcome = std::panic::catch_unwind(std::panic::AssertUnwindSafe(|| read(key, object)));
    outcome.unwrap_or_else(|_| Err(ArtifactError::damaged(key, "not a readable Parquet file: its pages make no sense")))
}

fn read<R: Row>(key: &Key, object: Bytes) -> Result<Vec<R>, ArtifactError> {
    let damaged = |message: String| ArtifactError::damaged(key, message);
    let foreign = |error: parquet::errors::ParquetError| damaged(format!("not a readable Parquet file: {error}"));
    let options = ArrowReaderOptions::new().with_skip_arrow_metadata(true);
    let builder = ParquetRecordBatchReaderBuilder::try_new_with_options(object.clone(), options).map_err(foreign)?;
    check_footer::<R>(key, builder.metadata())?;
    let largest = check_claim::<R>(&object, builder.metadata()).map_err(damaged)?;
    // A batch is whole before it is weighed, and all of its rows may repeat the largest value.
    let fitting = usize::try_from(limits::MAX_UNPACKED / largest.max(1)).unwrap_or(usize::MAX);
    let batch_rows = fitting.clamp(1, 4096);
    let (mut rows, mut unpacked) = (Vec::new(), 0_u64);
    for batch in builder.with_batch_size(batch_rows).build().map_err(foreign)? {
        let batch = batch.map_err(|error| damaged(format!("not a readable Parquet file: {error}")))?;
        unpacked = unpacked.saturating_add(limits::weight(&batch));
        if unpacked > limits::MAX_UNPACKED {
            return Err(damaged(too_much()));
        }
        rows.extend(R::from_batch(&batch).map_err(damaged)?);
    }
    Ok(rows)
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

/// Checks what the pages say of themselves before anything is unpacked; gives the size of the largest.
fn check_claim<R: Row>(object: &[u8], metadata: &ParquetMetaData) -> Result<u64, String> {
    let rows = u64::try_from(metadata.file_metadata().num_rows()).unwrap_or(u64::MAX);
    let values = rows.saturating_mul(R::columns().len() as u64);
    let claim = pages::claim(object, metadata).ok_or("the header of a page is not one")?;
    let most = limits::MAX_UNPACKED;
    if claim.bytes > most || claim.values.max(values) > most / limits::VALUE_WEIGHT {
        return Err(too_much());
    }
    Ok(claim.largest)
}

fn too_much() -> String {
    format!("it unpacks to more than the {} bytes that a file may have", limits::MAX_UNPACKED)
}
