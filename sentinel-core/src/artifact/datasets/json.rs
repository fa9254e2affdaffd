//! Datasets as lines of JSON.

use std::io::{self, Write};

use arrow_array::RecordBatch;

use super::{
    ApyRow, BlockRow, Dataset, EpochRow, EventRow, ExtrinsicRow, FindingRow, HyperparameterChangeRow,
    HyperparameterRow, NeuronRow, Row, WeightRow, encode_error, sorted, with_row,
};
use crate::artifact::ArtifactError;
use crate::storage::Key;

/// Writes rows as JSON, one a line, sorted. Every column is there in every line, in order.
pub fn write_jsonl<R: Row>(rows: &[R], out: &mut dyn Write) -> io::Result<()> {
    for row in sorted(rows) {
        serde_json::to_writer(&mut *out, row)?;
        out.write_all(b"\n")?;
    }
    Ok(())
}

/// Appends the rows of a table of a dataset, in their order.
pub(in crate::artifact) fn append_lines(
    dataset: Dataset,
    table: &RecordBatch,
    out: &mut Vec<u8>,
) -> Result<(), ArtifactError> {
    fn append<R: Row>(table: &RecordBatch, out: &mut Vec<u8>) -> Result<(), ArtifactError> {
        for row in R::from_batch(table).map_err(|message| encode_error(R::DATASET, message))? {
            serde_json::to_writer(&mut *out, &row).map_err(|error| encode_error(R::DATASET, error))?;
            out.push(b'\n');
        }
        Ok(())
    }
    with_row!(dataset, Own => append::<Own>(table, out))
}

/// Reads what [`write_jsonl`] writes. The key says in errors which object it was.
///
/// # Errors
/// [`ArtifactError::Damaged`] names the first line that is no row.
pub fn read_jsonl<R: Row>(key: &Key, object: &[u8]) -> Result<Vec<R>, ArtifactError> {
    let lines = object.split(|byte| *byte == b'\n').enumerate().filter(|(_, line)| !line.trim_ascii().is_empty());
    let row = |(index, line): (usize, &[u8])| {
        serde_json::from_slice(line).map_err(|error| {
            ArtifactError::damaged(key, format!("line {} is no row of {}: {error}", index + 1, R::DATASET))
        })
    };
    lines.map(row).collect()
}
