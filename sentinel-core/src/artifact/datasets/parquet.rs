//! Datasets as Parquet files whose bytes depend on nothing but the rows.

use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::{Array, RecordBatch};
use arrow_schema::DataType;
use bytes::Bytes;
use parquet::basic::{Compression, Encoding, ZstdLevel};
use parquet::errors::ParquetError;
use parquet::file::metadata::{KeyValue, SortingColumn};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterVersion};
use parquet::schema::types::ColumnPath;

use super::groups::{GROUP_ROWS, GroupWriter};
use super::{Dataset, Row, SCHEMA, batch, encode_error, sorted};
use crate::artifact::raw::limits;
use crate::artifact::{ArtifactError, NetworkWord};

const ZSTD_LEVEL: i32 = 1;

/// Rows that are handed over at once.
const BATCH_ROWS: usize = 16_384;

/// About the bytes of text that are handed over at once, and by [`limits::weight`] what a row group unpacks to.
const BATCH_BYTES: usize = 32 << 20;
const GROUP_WEIGHT: u64 = 128 << 20;

/// About the bytes of a page: large enough to compress well, small enough to stay in a cache.
const PAGE_BYTES: usize = 128 << 10;

/// Entries in the footer: which dataset it is, its schema, and of which network. A simulated network says so there.
pub(super) const DATASET: &str = "sentinel.dataset";
pub(super) const VERSION: &str = "sentinel.schema";
const NETWORK: &str = "sentinel.network";
const SIMULATED: &str = "sentinel.simulated";

/// Columns of text that has no order worth knowing: statistics of them would tell nothing.
const UNORDERED: [&str; 7] = ["extrinsic_hash", "call_args", "nested", "attributes", "topics", "body", "payload"];
/// Columns whose values hardly ever repeat, so that a dictionary would be as large as they are.
const DISTINCT: [&str; 9] =
    ["id", "block_hash", "parent_hash", "extrinsic_hash", "call_args", "nested", "attributes", "body", "payload"];
/// Columns of integers that grow by little from row to row.
const GROWING: [&str; 2] = ["block", "index"];

/// What a file says about where its rows are from.
#[derive(Debug, Clone)]
pub(in crate::artifact) struct Origin {
    pub(in crate::artifact) network: NetworkWord,
    pub(in crate::artifact) simulated: bool,
}

impl Origin {
    /// Of a network known by its word alone.
    fn of(network: &NetworkWord) -> Self {
        Self { network: network.clone(), simulated: network.as_str() == "sim" }
    }
}

/// Rows as a Parquet file, sorted, compressed, with statistics of every column that has an order.
///
/// # Errors
/// [`ArtifactError::Encode`] for rows that would unpack to more than 1 GiB: write fewer into one file.
pub fn write_parquet<R: Row>(rows: &[R], network: &NetworkWord) -> Result<Bytes, ArtifactError> {
    let mut writer = TableWriter::new(R::DATASET, &Origin::of(network))?;
    let mut rest = &sorted(rows)[..];
    while !rest.is_empty() {
        let mut room = 0;
        let fitting = rest.iter().take(BATCH_ROWS).take_while(|row| {
            room += row.room();
            room <= BATCH_BYTES
        });
        let (part, later) = rest.split_at(fitting.count().max(1));
        writer.write(batch(part)?)?;
        if writer.unpacked > limits::MAX_UNPACKED {
            let message =
                format!("its rows unpack to more than {} bytes: write fewer into one file", limits::MAX_UNPACKED);
            return Err(encode_error(R::DATASET, message));
        }
        rest = later;
    }
    Ok(writer.finish()?.0)
}

/// Writes a Parquet file from tables of sorted rows, one after the other; where one table ends leaves no trace.
pub(in crate::artifact) struct TableWriter {
    dataset: Dataset,
    file: GroupWriter,
    /// Rows that wait for more: how a file is cut into pages follows from what is handed over at once.
    waiting: Vec<RecordBatch>,
    waiting_rows: usize,
    waiting_bytes: usize,
    group_rows: usize,
    group_weight: u64,
    rows: u64,
    unpacked: u64,
}

impl TableWriter {
    pub(in crate::artifact) fn new(dataset: Dataset, origin: &Origin) -> Result<Self, ArtifactError> {
        let foreign = |error: ParquetError| encode_error(dataset, error);
        let properties = properties(dataset, origin).map_err(foreign)?;
        let file = GroupWriter::new(dataset.schema(), properties).map_err(foreign)?;
        Ok(Self {
            dataset,
            file,
            waiting: Vec::new(),
            waiting_rows: 0,
            waiting_bytes: 0,
            group_rows: 0,
            group_weight: 0,
            rows: 0,
            unpacked: 0,
        })
    }

    /// Adds rows, which follow those before in the order of the dataset.
    pub(in crate::artifact) fn write(&mut self, mut batch: RecordBatch) -> Result<(), ArtifactError> {
        while batch.num_rows() > 0 {
            let room = BATCH_ROWS - self.waiting_rows;
            let mut fitting = fitting_rows(&batch, room, BATCH_BYTES.saturating_sub(self.waiting_bytes));
            if fitting == 0 && self.waiting.is_empty() {
                fitting = 1;
            }
            let later = batch.num_rows() - fitting;
            if fitting > 0 {
                self.waiting_rows += fitting;
                self.waiting_bytes += text_bytes(&batch, fitting);
                self.waiting.push(slice(&batch, 0, fitting));
            }
            if self.waiting_rows >= BATCH_ROWS || later > 0 {
                self.hand_over()?;
            }
            if later == 0 {
                break;
            }
            batch = batch.slice(fitting, later);
        }
        Ok(())
    }

    fn hand_over(&mut self) -> Result<(), ArtifactError> {
        let tables = self.take_waiting();
        let written = if self.group_rows >= GROUP_ROWS || self.group_weight >= GROUP_WEIGHT {
            (self.group_rows, self.group_weight) = (0, 0);
            self.file.write_last(&tables)
        } else {
            self.file.write(&tables)
        };
        written.map_err(|error| encode_error(self.dataset, error))
    }

    /// What waits, counted.
    fn take_waiting(&mut self) -> Vec<RecordBatch> {
        let tables = std::mem::take(&mut self.waiting);
        let rows = std::mem::take(&mut self.waiting_rows);
        self.waiting_bytes = 0;
        let weight = tables.iter().map(limits::weight).fold(0, u64::saturating_add);
        self.rows += rows as u64;
        self.unpacked = self.unpacked.saturating_add(weight);
        self.group_rows += rows;
        self.group_weight = self.group_weight.saturating_add(weight);
        tables
    }

    /// The file, and how many rows are in it.
    pub(in crate::artifact) fn finish(mut self) -> Result<(Bytes, u64), ArtifactError> {
        let tables = self.take_waiting();
        let bytes = self.file.finish(&tables);
        Ok((bytes.map_err(|error| encode_error(self.dataset, error))?.into(), self.rows))
    }
}

/// Some rows. All of them are what they were: to slice is a piece of work for each column.
pub(in crate::artifact) fn slice(batch: &RecordBatch, from: usize, rows: usize) -> RecordBatch {
    if rows == batch.num_rows() { batch.clone() } else { batch.slice(from, rows) }
}

/// How many of the first rows there is room for, at most `rows` with at most so many bytes of text.
fn fitting_rows(batch: &RecordBatch, rows: usize, bytes: usize) -> usize {
    let most = rows.min(batch.num_rows());
    if text_bytes(batch, most) <= bytes {
        return most;
    }
    // The size of the first n rows grows with n.
    let (mut fits, mut exceeds) = (0, most);
    while exceeds - fits > 1 {
        let middle = fits + (exceeds - fits) / 2;
        if text_bytes(batch, middle) <= bytes {
            fits = middle;
        } else {
            exceeds = middle;
        }
    }
    fits
}

/// Bytes of text in the first rows.
fn text_bytes(batch: &RecordBatch, rows: usize) -> usize {
    let of = |column: &Arc<dyn Array>| match column.data_type() {
        DataType::Utf8 => {
            let offsets = column.as_string::<i32>().value_offsets();
            usize::try_from(offsets[rows] - offsets[0]).unwrap_or(0)
        }
        _ => 0,
    };
    batch.columns().iter().map(of).sum()
}

fn properties(dataset: Dataset, origin: &Origin) -> Result<WriterProperties, ParquetError> {
    // Lists come last in every schema: before them, a column has the index of its leaf.
    let sorting = |name: &&str| {
        let index = dataset.columns().iter().position(|column| column == name);
        let index = index.and_then(|index| i32::try_from(index).ok());
        index.map(|column_idx| SortingColumn { column_idx, descending: false, nulls_first: true })
    };
    let entry = |key: &str, value: String| KeyValue::new(key.to_owned(), value);
    let mut entries = vec![
        entry(DATASET, dataset.to_string()),
        entry(VERSION, SCHEMA.to_string()),
        entry(NETWORK, origin.network.to_string()),
    ];
    if origin.simulated {
        entries.push(entry(SIMULATED, "true".to_owned()));
    }
    let mut properties = WriterProperties::builder()
        .set_created_by("sentinel".to_owned())
        .set_writer_version(WriterVersion::PARQUET_1_0)
        .set_compression(Compression::ZSTD(ZstdLevel::try_new(ZSTD_LEVEL)?))
        .set_key_value_metadata(Some(entries))
        .set_sorting_columns(Some(dataset.sorted_by().iter().filter_map(sorting).collect()))
        .set_data_page_size_limit(PAGE_BYTES)
        .set_statistics_enabled(EnabledStatistics::Chunk)
        .set_offset_index_disabled(true);
    for name in UNORDERED {
        properties = properties.set_column_statistics_enabled(ColumnPath::from(name), EnabledStatistics::None);
    }
    for name in DISTINCT {
        properties = properties.set_column_dictionary_enabled(ColumnPath::from(name), false);
    }
    if !dataset.is_by_subnet() {
        for name in GROWING {
            let path = ColumnPath::from(name);
            properties = properties
                .set_column_dictionary_enabled(path.clone(), false)
                .set_column_encoding(path, Encoding::DELTA_BINARY_PACKED);
        }
        // Each shares its start with the one before.
        properties = properties.set_column_encoding(ColumnPath::from("id"), Encoding::DELTA_BYTE_ARRAY);
    }
    Ok(properties.build())
}
