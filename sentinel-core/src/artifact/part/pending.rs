//! Rows of some blocks, waiting to be sorted and made a table of.

use super::chunk::Chunks;
use crate::artifact::ArtifactError;
use crate::artifact::datasets::{
    ApyRow, BlockRow, EpochRow, EventRow, ExtrinsicRow, FindingRow, HyperparameterChangeRow, HyperparameterRow,
    NeuronRow, Row, WeightRow, batch, encode_error,
};
use crate::artifact::raw::limits;

/// So many rows, or so many bytes of text, are a table: one costs as much as many rows.
const TABLE_ROWS: usize = 4_096;
const TABLE_ROOM: usize = 8 << 20;

/// Rows that a part keeps.
pub trait Kept: Sized {
    /// Those that are in no table yet.
    fn pending(pending: &mut Pending) -> &mut Waiting<Self>;
}

/// Rows of one dataset.
#[derive(Debug)]
pub struct Waiting<R> {
    rows: Vec<R>,
    /// What they take as text.
    room: usize,
}

impl<R> Default for Waiting<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), room: 0 }
    }
}

impl<R: Row> Waiting<R> {
    pub(super) fn push(&mut self, row: R) {
        self.room += row.room();
        self.rows.push(row);
    }

    fn is_full(&self) -> bool {
        self.rows.len() >= TABLE_ROWS || self.room >= TABLE_ROOM
    }

    fn flush(&mut self, chunks: &mut Chunks) -> Result<(), ArtifactError> {
        let Self { mut rows, room } = std::mem::take(self);
        if rows.is_empty() {
            return Ok(());
        }
        // What was there before the last block is less than a table.
        if room as u64 > limits::MAX_UNPACKED + TABLE_ROOM as u64 {
            let message = format!("the rows of one block hold more than {} bytes of text", limits::MAX_UNPACKED);
            return Err(encode_error(R::DATASET, message));
        }
        rows.sort_by(R::order);
        let all: Vec<&R> = rows.iter().collect();
        for own in all.chunk_by(|one, next| one.subnet() == next.subnet()) {
            let Some(first) = own.first() else { continue };
            chunks.add(R::DATASET, first.subnet(), blocks(own), batch(own)?, own.iter().map(|row| row.room()).sum())?;
        }
        Ok(())
    }
}

/// The first and the last block of some rows.
fn blocks<R: Row>(rows: &[&R]) -> (u64, u64) {
    let numbers = || rows.iter().map(|row| row.block());
    (numbers().min().unwrap_or_default(), numbers().max().unwrap_or_default())
}

macro_rules! pending {
    ($($field:ident: $row:ty),+ $(,)?) => {
        /// Rows of every dataset.
        #[derive(Debug, Default)]
        pub struct Pending { $($field: Waiting<$row>),+ }

        impl Pending {
            /// Hands the rows over as tables, sorted; with `all` or where there are enough of them. Call it between blocks.
            pub(super) fn flush(&mut self, chunks: &mut Chunks, all: bool) -> Result<(), ArtifactError> {
                $(if all || self.$field.is_full() {
                    self.$field.flush(chunks)?;
                })+
                Ok(())
            }
        }

        $(impl Kept for $row {
            fn pending(pending: &mut Pending) -> &mut Waiting<Self> {
                &mut pending.$field
            }
        })+
    };
}

pending! {
    blocks: BlockRow,
    extrinsics: ExtrinsicRow,
    events: EventRow,
    findings: FindingRow,
    hyperparameters: HyperparameterRow,
    hyperparameter_changes: HyperparameterChangeRow,
    neurons: NeuronRow,
    weights: WeightRow,
    epochs: EpochRow,
    apy: ApyRow,
}
