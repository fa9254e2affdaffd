//! A block's extrinsics and events together: which events belong to which extrinsic, and how each ended.

use super::dispatch_error::DispatchError;
use super::error::DecodeError;
use super::event::{EventRecord, Phase};
use super::extrinsic::Extrinsic;
use super::runtime::Runtime;
use super::value::Value;

/// The index of one block: every extrinsic and event with names and boundaries; fields untouched.
#[derive(Debug)]
pub struct BlockIndex<'r, 'b> {
    runtime: &'r Runtime,
    extrinsics: Vec<Result<Extrinsic<'r, 'b>, DecodeError>>,
    events: Vec<EventRecord<'r, 'b>>,
    /// Positions in `events`, grouped by extrinsic.
    order: Vec<u32>,
    /// Where the group of each extrinsic starts in `order`; one more for the end.
    starts: Vec<u32>,
}

/// How an extrinsic ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Outcome {
    /// It was applied.
    Success,
    /// It was included, paid for and rolled back.
    Failed(DispatchError),
}

impl Runtime {
    /// Indexes a block.
    ///
    /// One extrinsic that does not decode does not hide the others: each has its own result.
    ///
    /// # Errors
    /// The events are one list without boundaries of their own; one that does not decode hides all behind it, so it
    /// is an error of the block.
    pub fn index<'b, E: AsRef<[u8]>>(
        &self,
        extrinsics: &'b [E],
        events: &'b [u8],
    ) -> Result<BlockIndex<'_, 'b>, DecodeError> {
        let events = self.events(events)?;
        let extrinsics: Vec<_> = extrinsics.iter().map(|bytes| self.extrinsic(bytes.as_ref())).collect();
        // Counting sort by extrinsic: linear, and stable within each.
        let of = |event: &EventRecord<'_, '_>| match event.phase() {
            Phase::ApplyExtrinsic(at) if (at as usize) < extrinsics.len() => Some(at as usize),
            _ => None,
        };
        let mut starts = vec![0u32; extrinsics.len() + 1];
        for at in events.iter().filter_map(of) {
            starts[at + 1] += 1;
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut next = starts.clone();
        let mut order = vec![0u32; starts.last().copied().unwrap_or(0) as usize];
        for event in &events {
            if let Some(at) = of(event) {
                order[next[at] as usize] = event.position();
                next[at] += 1;
            }
        }
        Ok(BlockIndex { runtime: self, extrinsics, events, order, starts })
    }
}

impl<'r, 'b> BlockIndex<'r, 'b> {
    /// The runtime that wrote the block.
    pub fn runtime(&self) -> &'r Runtime {
        self.runtime
    }

    /// The extrinsics in order, each with its own result.
    pub fn extrinsics(&self) -> &[Result<Extrinsic<'r, 'b>, DecodeError>] {
        &self.extrinsics
    }

    /// All events in order.
    pub fn events(&self) -> &[EventRecord<'r, 'b>] {
        &self.events
    }

    /// The events of one extrinsic, in order.
    pub fn events_of(&self, extrinsic: usize) -> impl ExactSizeIterator<Item = &EventRecord<'r, 'b>> + Clone {
        let range = match (self.starts.get(extrinsic), self.starts.get(extrinsic + 1)) {
            (Some(start), Some(end)) => *start as usize..*end as usize,
            _ => 0..0,
        };
        self.order[range].iter().map(|position| &self.events[*position as usize])
    }

    /// How an extrinsic ended; `None` where its events do not say.
    pub fn outcome(&self, extrinsic: usize) -> Result<Option<Outcome>, DecodeError> {
        let parts = &self.runtime.parts;
        for event in self.events_of(extrinsic) {
            if Some(event.index()) == parts.success {
                return Ok(Some(Outcome::Success));
            }
            if Some(event.index()) == parts.failed {
                let Value::Event(failed) = event.event().to_value()? else { continue };
                // The error is the first field; the oldest runtimes do not name it.
                let error = failed.fields.get("dispatch_error").or_else(|| failed.fields.at(0));
                return Ok(error.map(|error| Outcome::Failed(DispatchError::from_value(self.runtime, error))));
            }
        }
        Ok(None)
    }
}
