//! The rows of one block, waiting to be sorted.

use super::chunk::Chunks;
use crate::artifact::ArtifactError;
use crate::artifact::datasets::{
    ApyRow, BlockRow, EpochRow, EventRow, ExtrinsicRow, FindingRow, HyperparameterChangeRow, HyperparameterRow,
    NeuronRow, Row, WeightRow, batch, encode_error,
};
use crate::artifact::raw::limits;

/// Rows that a part keeps.
pub trait Kept: Sized {
    /// Those of the block begun last.
    fn pending(pending: &mut Pending) -> &mut Vec<Self>;
}

macro_rules! pending {
    ($($field:ident: $row:ty),+ $(,)?) => {
        /// The rows of one block, of every dataset.
        #[derive(Debug, Default)]
        pub struct Pending { $($field: Vec<$row>),+ }

        impl Pending {
            /// Hands the rows over as tables, sorted.
            pub(super) fn flush(&mut self, chunks: &mut Chunks) -> Result<(), ArtifactError> {
                $(flush(&mut self.$field, chunks)?;)+
                Ok(())
            }
        }

        $(impl Kept for $row {
            fn pending(pending: &mut Pending) -> &mut Vec<Self> {
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

fn flush<R: Row>(rows: &mut Vec<R>, chunks: &mut Chunks) -> Result<(), ArtifactError> {
    if rows.is_empty() {
        return Ok(());
    }
    let room: usize = rows.iter().map(R::room).sum();
    if room as u64 > limits::MAX_UNPACKED {
        let message = format!("the rows of one block hold more than {} bytes of text", limits::MAX_UNPACKED);
        return Err(encode_error(R::DATASET, message));
    }
    rows.sort_by(R::order);
    let all: Vec<&R> = rows.iter().collect();
    for own in all.chunk_by(|one, next| one.subnet() == next.subnet()) {
        let Some(first) = own.first() else { continue };
        chunks.add(R::DATASET, first.subnet(), first.block(), batch(own)?, own.iter().map(|row| row.room()).sum())?;
    }
    rows.clear();
    Ok(())
}
