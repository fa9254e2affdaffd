//! From rows to Parquet files whose bytes depend on nothing but the rows.

use std::sync::Arc;

use arrow_array::builder::{BinaryBuilder, ListBuilder};
use arrow_array::{
    ArrayRef, BinaryArray, BooleanArray, FixedSizeBinaryArray, RecordBatch, StringArray, UInt32Array, UInt64Array,
};
use arrow_schema::ArrowError;
use bytes::Bytes;
use parquet::arrow::ArrowWriter;
use parquet::arrow::arrow_writer::ArrowWriterOptions;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::column::{self, Table, element};
use super::limits::{self, MAX_UNPACKED};
use super::rows::{BlockRow, CallRow, PrefixRow, RuntimeRow, StateRow};
use crate::artifact::ArtifactError;

/// Past this level the files hardly shrink and the time multiplies.
const ZSTD_LEVEL: i32 = 12;

/// Rows of a row group; readers that want few keys skip the other groups.
const GROUP_ROWS: usize = 131_072;

/// Rows are handed over in portions of about so many bytes.
const BATCH_BYTES: usize = 32 << 20;

/// The name of the footer entry that tells a table of a recording from other Parquet files.
pub(super) const FOOTER_KEY: &str = "sentinel.raw.v1";

/// A file, and how many rows are in it.
#[derive(Debug)]
pub(super) struct Encoded {
    pub(super) bytes: Bytes,
    pub(super) rows: u64,
}

pub(super) fn blocks(rows: &[BlockRow]) -> Result<Encoded, ArtifactError> {
    let size = |row: &BlockRow| {
        500 + row
            .body
            .as_ref()
            .map_or(0, |body| body.events.len() + body.extrinsics.iter().map(Bytes::len).sum::<usize>())
    };
    encode(Table::Blocks, rows, size, |rows| {
        let body = || rows.iter().map(|row| row.body.as_ref());
        let mut digests = ListBuilder::new(BinaryBuilder::new()).with_field(element());
        let mut extrinsics = ListBuilder::new(BinaryBuilder::new()).with_field(element());
        for row in rows {
            digests.append_value(row.header.digest.iter().map(Some));
            extrinsics.append_option(row.body.as_ref().map(|body| body.extrinsics.iter().map(Some)));
        }
        Ok(vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.header.number))),
            hashes(rows.iter().map(|row| Some(row.hash.0)))?,
            hashes(rows.iter().map(|row| Some(row.header.parent_hash.0)))?,
            hashes(rows.iter().map(|row| Some(row.header.state_root)))?,
            hashes(rows.iter().map(|row| Some(row.header.extrinsics_root)))?,
            Arc::new(digests.finish()),
            Arc::new(extrinsics.finish()),
            Arc::new(BinaryArray::from_iter(body().map(|body| body.map(|body| &body.events)))),
            Arc::new(UInt64Array::from_iter(body().map(|body| body.and_then(|body| body.timestamp_ms)))),
            hashes(body().map(|body| body.map(|body| body.writer.0)))?,
            hashes(rows.iter().map(|row| row.runtime.map(|runtime| runtime.0)))?,
        ])
    })
}

pub(super) fn runtimes(rows: &[RuntimeRow]) -> Result<Encoded, ArtifactError> {
    encode(
        Table::Runtimes,
        rows,
        |row| row.metadata.len(),
        |rows| {
            Ok(vec![
                hashes(rows.iter().map(|row| Some(row.digest.0)))?,
                Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.spec_name))),
                Arc::new(UInt32Array::from_iter_values(rows.iter().map(|row| row.spec_version))),
                Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.metadata))),
            ])
        },
    )
}

pub(super) fn state(rows: &[StateRow]) -> Result<Encoded, ArtifactError> {
    let size = |row: &StateRow| 16 + row.key.len() + row.value.as_ref().map_or(0, Bytes::len);
    encode(Table::State, rows, size, |rows| {
        Ok(vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.block))),
            Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.key))),
            Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.value.as_ref()))),
        ])
    })
}

pub(super) fn prefixes(rows: &[PrefixRow]) -> Result<Encoded, ArtifactError> {
    encode(
        Table::Prefixes,
        rows,
        |row| 16 + row.prefix.len(),
        |rows| {
            Ok(vec![
                Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.block))),
                Arc::new(BinaryArray::from_iter_values(rows.iter().map(|row| &row.prefix))),
                Arc::new(BooleanArray::from_iter(rows.iter().map(|row| Some(row.complete)))),
            ])
        },
    )
}

pub(super) fn calls(rows: &[CallRow]) -> Result<Encoded, ArtifactError> {
    let len = |bytes: &Option<Bytes>| bytes.as_ref().map_or(0, Bytes::len);
    let size = |row: &CallRow| 16 + row.function.len() + len(&row.arguments) + len(&row.answer);
    encode(Table::Calls, rows, size, |rows| {
        Ok(vec![
            Arc::new(UInt64Array::from_iter_values(rows.iter().map(|row| row.block))),
            Arc::new(StringArray::from_iter_values(rows.iter().map(|row| &row.function))),
            Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.arguments.as_ref()))),
            Arc::new(BinaryArray::from_iter(rows.iter().map(|row| row.answer.as_ref()))),
        ])
    })
}

fn hashes(values: impl Iterator<Item = Option<[u8; 32]>>) -> Result<ArrayRef, ArrowError> {
    Ok(Arc::new(FixedSizeBinaryArray::try_from_sparse_iter_with_size(values, 32)?))
}

fn encode<Row>(
    table: Table,
    rows: &[Row],
    size: impl Fn(&Row) -> usize,
    columns: impl Fn(&[Row]) -> Result<Vec<ArrayRef>, ArrowError>,
) -> Result<Encoded, ArtifactError> {
    let write = || -> Result<Vec<u8>, Box<dyn std::error::Error + Send + Sync>> {
        let schema = table.schema();
        let options = ArrowWriterOptions::new().with_properties(properties(table)?).with_skip_arrow_metadata(true);
        let mut writer = ArrowWriter::try_new_with_options(Vec::new(), Arc::clone(&schema), options)?;
        let (mut rest, mut unpacked) = (rows, 0_u64);
        while !rest.is_empty() {
            let mut bytes = 0;
            let fitting = rest.iter().take_while(|row| {
                bytes += size(row);
                bytes <= BATCH_BYTES
            });
            let (batch, later) = rest.split_at(fitting.count().max(1));
            let batch = RecordBatch::try_new(Arc::clone(&schema), columns(batch)?)?;
            unpacked = unpacked.saturating_add(limits::weight(&batch));
            if unpacked > MAX_UNPACKED {
                return Err(format!("its rows unpack to more than {MAX_UNPACKED} bytes: record less").into());
            }
            writer.write(&batch)?;
            rest = later;
        }
        Ok(writer.into_inner()?)
    };
    let bytes = write().map_err(|source| ArtifactError::Encode { table: table.name(), source })?;
    Ok(Encoded { bytes: bytes.into(), rows: rows.len() as u64 })
}

fn properties(table: Table) -> Result<WriterProperties, parquet::errors::ParquetError> {
    let sorting = |name: &&str| {
        let index = table.schema().index_of(name).ok().and_then(|index| i32::try_from(index).ok());
        index.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
    };
    // Lists have more leaves than the schema has columns before them, which would shift the indices: only `blocks` has
    // lists, and it is sorted by its first column.
    let sorting: Vec<_> = table.order().iter().filter_map(sorting).collect();
    let path = |name: &str| ColumnPath::from(name);
    let mut properties = WriterProperties::builder()
        .set_created_by("sentinel".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_max_row_group_row_count(Some(GROUP_ROWS))
        .set_key_value_metadata(Some(vec![KeyValue::new(FOOTER_KEY.to_owned(), table.name().to_owned())]))
        .set_sorting_columns(Some(sorting))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    for name in table.order() {
        properties = properties.set_column_statistics_enabled(path(name), EnabledStatistics::Chunk);
    }
    for name in [column::NUMBER, column::BLOCK, column::TIMESTAMP_MS] {
        properties = properties
            .set_column_dictionary_enabled(path(name), false)
            .set_column_encoding(path(name), Encoding::DELTA_BINARY_PACKED);
    }
    for name in [column::HASH, column::PARENT_HASH, column::STATE_ROOT, column::EXTRINSICS_ROOT, column::METADATA] {
        properties = properties.set_column_dictionary_enabled(path(name), false);
    }
    if table == Table::State {
        // Sorted keys share their starts.
        properties = properties
            .set_column_dictionary_enabled(path(column::KEY), false)
            .set_column_encoding(path(column::KEY), Encoding::DELTA_BYTE_ARRAY);
    }
    Ok(properties.build())
}
