//! A block's extrinsics and events together: which events belong to which extrinsic, and how each ended.

use super::dispatch_error::DispatchError;
use super::error::DecodeError;
use super::event::{EventRecord, Phase};
use super::extrinsic::Extrinsic;
use super::filter::ItemFilter;
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
    /// The event that says how each extrinsic ended; [`NO_EVENT`] where none does.
    verdicts: Vec<u32>,
}

const NO_EVENT: u32 = u32::MAX;

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
        let mut starts = vec![0u32; extrinsics.len() + 1];
        let mut verdicts = vec![NO_EVENT; extrinsics.len()];
        let [success, failed] = [self.parts.success, self.parts.failed];
        for event in &events {
            let Phase::ApplyExtrinsic(at) = event.phase() else { continue };
            let Some(verdict) = verdicts.get_mut(at as usize) else { continue };
            starts[at as usize + 1] += 1;
            let index = Some(event.index());
            if *verdict == NO_EVENT && (index == success || index == failed) {
                *verdict = event.position();
            }
        }
        for at in 1..starts.len() {
            starts[at] += starts[at - 1];
        }
        let mut order = vec![0u32; starts.last().copied().unwrap_or(0) as usize];
        let mut next = starts.clone();
        for event in &events {
            if let Phase::ApplyExtrinsic(at) = event.phase()
                && (at as usize) < extrinsics.len()
            {
                let next = &mut next[at as usize];
                order[*next as usize] = event.position();
                *next += 1;
            }
        }
        Ok(BlockIndex { runtime: self, extrinsics, events, order, starts, verdicts })
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

    /// The events that are in the set, in order.
    pub fn events_matching<'i>(&'i self, wanted: &'i ItemFilter) -> impl Iterator<Item = &'i EventRecord<'r, 'b>> {
        self.events.iter().filter(|event| wanted.contains(event.index()))
    }

    /// Whether an extrinsic was applied and not rolled back; `None` where its events do not say.
    pub fn succeeded(&self, extrinsic: usize) -> Option<bool> {
        self.verdict(extrinsic).map(|event| Some(event.index()) == self.runtime.parts.success)
    }

    fn verdict(&self, extrinsic: usize) -> Option<&EventRecord<'r, 'b>> {
        self.events.get(*self.verdicts.get(extrinsic)? as usize)
    }

    /// How an extrinsic ended; `None` where its events do not say.
    pub fn outcome(&self, extrinsic: usize) -> Result<Option<Outcome>, DecodeError> {
        let Some(event) = self.verdict(extrinsic) else { return Ok(None) };
        if self.succeeded(extrinsic) == Some(true) {
            return Ok(Some(Outcome::Success));
        }
        let Value::Event(failed) = event.event().to_value()? else { return Ok(None) };
        // The error is the first field; the oldest runtimes do not name it.
        let error = failed.fields.get("dispatch_error").or_else(|| failed.fields.at(0));
        Ok(error.map(|error| Outcome::Failed(DispatchError::from_value(self.runtime, error))))
    }
}
