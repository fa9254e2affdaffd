//! What a table says of an extrinsic: few facts, and the rest as JSON text.

use std::ops::Range;

use super::write_nested;
use crate::decode::block::{BlockIndex, Outcome};
use crate::decode::error::DecodeError;
use crate::decode::extrinsic::Extrinsic;
use crate::decode::json::JsonWriter;
use crate::decode::nested::may_carry;

/// What a table says of one extrinsic besides its envelope; see [`BlockIndex::columns`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ExtrinsicColumns {
    /// How it ended; `None` where the events do not say.
    pub outcome: Option<Outcome>,
    /// The subnet it is about: its argument `netuid`, or the one that all its nested calls share.
    pub netuid: Option<u64>,
    /// Where in the writer's buffer the arguments of the call lie: `[{name, type, value}]`.
    pub arguments: Range<usize>,
    /// Where the calls inside the call lie: `[{path, call, effective_origin, succeeded}]`; `None` if it carries none.
    pub nested: Option<Range<usize>>,
}

impl<'r, 'b> BlockIndex<'r, 'b> {
    /// Appends the arguments of one extrinsic and the calls inside it, and says where they lie, with what else a table
    /// has of it; `None` if there is no such extrinsic. Only wrappers of other calls are decoded into values.
    ///
    /// # Errors
    /// What does not decode, with the writer's buffer as it was.
    pub fn columns(&self, at: usize, writer: &mut JsonWriter) -> Option<Result<ExtrinsicColumns, DecodeError>> {
        Some(match self.extrinsics().get(at)? {
            Ok(extrinsic) => writer.whole(|writer| self.columns_of(at, extrinsic, writer)),
            Err(error) => Err(error.clone()),
        })
    }

    fn columns_of(
        &self,
        at: usize,
        extrinsic: &Extrinsic<'r, 'b>,
        writer: &mut JsonWriter,
    ) -> Result<ExtrinsicColumns, DecodeError> {
        let start = writer.as_bytes().len();
        extrinsic.call().write_to(writer.arguments_only())?;
        let arguments = start..writer.as_bytes().len();
        if !may_carry(extrinsic.pallet()) {
            let netuid = extrinsic.argument("netuid")?.and_then(|value| value.as_u64());
            return Ok(ExtrinsicColumns { outcome: self.outcome(at)?, netuid, arguments, nested: None });
        }
        let facts = self.facts_of(at, extrinsic)?;
        let calls = facts.nested();
        let mut nested = None;
        if !calls.is_empty() {
            write_nested(extrinsic, &calls, writer)?;
            nested = Some(arguments.end..writer.as_bytes().len());
        }
        drop(calls);
        Ok(ExtrinsicColumns { netuid: facts.netuid, outcome: facts.outcome, arguments, nested })
    }
}
