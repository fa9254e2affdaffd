//! From the chunks of parts to the files of one dataset.

use std::collections::BTreeSet;
use std::ops::RangeInclusive;

use arrow_array::RecordBatch;
use arrow_array::cast::AsArray;
use arrow_array::types::UInt64Type;
use bytes::Bytes;

use super::merge::Run;
use crate::artifact::ArtifactError;
use crate::artifact::datasets::{self, Dataset, Form, Origin, TableWriter};
use crate::artifact::part::{Chunk, Part};
use crate::chain::NetUid;

/// One file.
pub(super) struct File {
    pub(super) form: Form,
    pub(super) bytes: Bytes,
    pub(super) rows: u64,
}

/// About how much there is of one dataset.
pub(super) fn size(dataset: Dataset, parts: &[Part]) -> usize {
    let chunks = parts.iter().flat_map(Part::chunks).filter(|chunk| chunk.dataset == dataset);
    chunks.map(Chunk::size).sum()
}

/// Makes the files of one dataset.
pub(super) fn files(
    dataset: Dataset,
    parts: &[Part],
    runs: &[Run],
    origin: &Origin,
    jsonl: bool,
) -> Result<Vec<File>, ArtifactError> {
    let mut parquet = TableWriter::new(dataset, origin)?;
    let mut lines = jsonl.then(Vec::new);
    for netuid in subnets(dataset, parts) {
        // Where blocks of two parts alternate, chunks are come back to again and again.
        let mut unpacked: Option<(&Chunk, Vec<RecordBatch>)> = None;
        for run in runs {
            let own = |chunk: &&Chunk| chunk.dataset == dataset && chunk.netuid == netuid && chunk.meets(&run.blocks);
            for chunk in parts[run.part].chunks().iter().filter(own) {
                let tables = match unpacked.take() {
                    Some((known, tables)) if std::ptr::eq(known, chunk) => tables,
                    _ => chunk.tables()?,
                };
                for table in &tables {
                    let rows = of_blocks(dataset, table, &run.blocks)?;
                    if let Some(lines) = &mut lines {
                        datasets::append_lines(dataset, &rows, lines)?;
                    }
                    parquet.write(rows)?;
                }
                unpacked = Some((chunk, tables));
            }
        }
    }
    let (bytes, rows) = parquet.finish()?;
    let lines = lines.map(|lines| File { form: Form::Jsonl, bytes: lines.into(), rows });
    Ok([File { form: Form::Parquet, bytes, rows }].into_iter().chain(lines).collect())
}

/// The subnets that chunks of a dataset are of, ascending; `None` alone for a dataset that is not sorted by them.
fn subnets(dataset: Dataset, parts: &[Part]) -> BTreeSet<Option<NetUid>> {
    let chunks = parts.iter().flat_map(Part::chunks).filter(|chunk| chunk.dataset == dataset);
    chunks.map(|chunk| chunk.netuid).collect()
}

/// The rows of some blocks, in a table where blocks ascend.
fn of_blocks(
    dataset: Dataset,
    table: &RecordBatch,
    blocks: &RangeInclusive<u64>,
) -> Result<RecordBatch, ArtifactError> {
    let column = table.column_by_name(dataset.block_column());
    let Some(column) = column.and_then(|column| column.as_primitive_opt::<UInt64Type>()) else {
        return Err(datasets::encode_error(dataset, "a table of a part has no column of blocks"));
    };
    let numbers = column.values();
    let start = numbers.partition_point(|number| number < blocks.start());
    let end = numbers.partition_point(|number| number <= blocks.end());
    Ok(datasets::slice(table, start, end.saturating_sub(start)))
}
