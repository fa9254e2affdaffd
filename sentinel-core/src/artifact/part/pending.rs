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
    /// As they came.
    rows: Vec<Vec<R>>,
    count: usize,
    /// What they take as text.
    room: usize,
    /// What of it is of blocks that ended.
    ended: usize,
}

impl<R> Default for Waiting<R> {
    fn default() -> Self {
        Self { rows: Vec::new(), count: 0, room: 0, ended: 0 }
    }
}

impl<R: Row> Waiting<R> {
    pub(super) fn add(&mut self, rows: Vec<R>) {
        if rows.is_empty() {
            return;
        }
        self.room += rows.iter().map(R::room).sum::<usize>();
        self.count += rows.len();
        self.rows.push(rows);
    }

    fn end_block(&mut self, chunks: &mut Chunks, is_last: bool) -> Result<(), ArtifactError> {
        if (self.room - self.ended) as u64 > limits::MAX_UNPACKED {
            let message = format!("the rows of one block hold more than {} bytes of text", limits::MAX_UNPACKED);
            return Err(encode_error(R::DATASET, message));
        }
        self.ended = self.room;
        if is_last || self.count >= TABLE_ROWS || self.room >= TABLE_ROOM {
            std::mem::take(self).into_tables(chunks)?;
        }
        Ok(())
    }

    fn into_tables(self, chunks: &mut Chunks) -> Result<(), ArtifactError> {
        let mut all: Vec<&R> = Vec::with_capacity(self.count);
        all.extend(self.rows.iter().flatten());
        if !all.is_sorted_by(|one, next| R::order(one, next).is_le()) {
            all.sort_by(|one, next| R::order(one, next));
        }
        // Within a subnet, blocks ascend in every dataset.
        for own in all.chunk_by(|one, next| one.subnet() == next.subnet()) {
            let [first, ..] = own else { continue };
            let blocks = (first.block(), own.last().map_or(first.block(), |last| last.block()));
            chunks.add(R::DATASET, first.subnet(), blocks, batch(own)?, own.iter().map(|row| row.room()).sum())?;
        }
        Ok(())
    }
}

macro_rules! pending {
    ($($field:ident: $row:ty),+ $(,)?) => {
        /// Rows of every dataset.
        #[derive(Debug, Default)]
        pub struct Pending { $($field: Waiting<$row>),+ }

        impl Pending {
            /// Ends a block, and hands the rows over as tables, sorted, where there are enough of them or it is the last.
            pub(super) fn end_block(&mut self, chunks: &mut Chunks, is_last: bool) -> Result<(), ArtifactError> {
                $(self.$field.end_block(chunks, is_last)?;)+
                Ok(())
            }

            /// What they take as text.
            pub(super) fn room(&self) -> usize {
                [$(self.$field.room),+].iter().sum()
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

#[cfg(test)]
mod tests {
    use crate::artifact::datasets::Dataset;

    /// Tables of several blocks are cut by blocks, and follow one another in their order.
    #[test]
    fn blocks_ascend_within_a_subnet() {
        for dataset in Dataset::ALL {
            let place = usize::from(dataset.is_by_subnet());
            assert_eq!(dataset.sorted_by()[place], dataset.block_column(), "{dataset}");
        }
    }
}
