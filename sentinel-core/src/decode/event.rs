//! Events: all boundaries and names in one pass, fields when asked.

mod fields;
mod place;

use serde::Serialize;

pub use fields::EventFields;
pub use place::EventPlace;

use super::cursor::Cursor;
use super::decoded::Decoded;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::filter::ItemFilter;
use super::json::{JsonOptions, JsonWriter};
use super::plan::{Item, NameId};
use super::runtime::Runtime;
use super::visit::{Step, VisitError};
use super::walk::{dispatch, skip_fields};

/// When in a block an event happened.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
pub enum Phase {
    /// While the extrinsic with this index ran.
    ApplyExtrinsic(u32),
    /// After all extrinsics.
    Finalization,
    /// Before all extrinsics; epochs run here.
    Initialization,
}

/// One event, its fields untouched.
#[derive(Debug, Clone)]
pub struct EventRecord<'r, 'b> {
    runtime: &'r Runtime,
    item: &'r Item,
    data: &'b [u8],
    start: u32,
    end: u32,
    topics_end: u32,
    position: u32,
    phase: Phase,
}

/// No event is shorter: a phase, two indexes, a count of topics.
const MIN_RECORD: u32 = 4;

/// Bytes of a topic.
const TOPIC: usize = 32;

impl Runtime {
    /// Reads the boundaries, phases and names of all events: the value of `System.Events`.
    pub fn events<'b>(&self, bytes: &'b [u8]) -> Result<Vec<EventRecord<'_, 'b>>, DecodeError> {
        self.read_events(bytes, None)
    }

    /// Reads those events that are in the set, and passes over the others.
    pub fn events_matching<'b>(
        &self,
        bytes: &'b [u8],
        wanted: &ItemFilter,
    ) -> Result<Vec<EventRecord<'_, 'b>>, DecodeError> {
        self.read_events(bytes, Some(wanted))
    }

    fn read_events<'b>(
        &self,
        bytes: &'b [u8],
        wanted: Option<&ItemFilter>,
    ) -> Result<Vec<EventRecord<'_, 'b>>, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        if u32::try_from(bytes.len()).is_err() {
            return Err(cursor.error(Kind::Unsupported("more than 4 GiB of events")));
        }
        let count = cursor.items(MIN_RECORD)?;
        let mut events = Vec::with_capacity(if wanted.is_some() { 0 } else { count as usize });
        for position in 0..count {
            match self.event_record(position, bytes, &mut cursor) {
                Ok(event) if wanted.is_none_or(|wanted| wanted.contains(event.item.index)) => events.push(event),
                Ok(_) => {}
                Err(error) => return Err(VisitError::inside(error, Step::Item(position))),
            }
        }
        cursor.finish()?;
        Ok(events)
    }

    #[inline]
    fn event_record<'b>(
        &self,
        position: u32,
        data: &'b [u8],
        cursor: &mut Cursor<'b>,
    ) -> Result<EventRecord<'_, 'b>, DecodeError> {
        let phase = match cursor.byte()? {
            0 => Phase::ApplyExtrinsic(u32::from_le_bytes(*cursor.array()?)),
            1 => Phase::Finalization,
            2 => Phase::Initialization,
            other => return Err(DecodeError::new(Kind::UnknownVariant(other), cursor.pos() - 1).inside("phase")),
        };
        let start = cursor.pos() as u32;
        let item = dispatch(&self.plans, self.plans.events(), cursor)?;
        skip_fields(&self.plans, item, cursor).map_err(|error| self.of(item, error))?;
        let end = cursor.pos() as u32;
        let topics = cursor.items(TOPIC as u32).and_then(|count| cursor.take(count as usize * TOPIC));
        topics.map_err(|error| self.of(item, error.inside("topics")))?;
        let topics_end = cursor.pos() as u32;
        Ok(EventRecord { runtime: self, item, data, start, end, topics_end, position, phase })
    }

    #[cold]
    fn of(&self, item: &Item, error: DecodeError) -> DecodeError {
        error.of(format!("{}.{}", self.plans.name(item.pallet).text(), self.plans.name(item.name).text()))
    }
}

impl<'r, 'b> EventRecord<'r, 'b> {
    /// Position among the events of the block.
    pub fn position(&self) -> u32 {
        self.position
    }

    /// When it happened.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Name of the pallet.
    pub fn pallet(&self) -> &'r str {
        self.runtime.plans.name(self.item.pallet).text()
    }

    /// Name of the event.
    pub fn name(&self) -> &'r str {
        self.runtime.plans.name(self.item.name).text()
    }

    /// Index of the pallet, then of the event in it.
    pub fn index(&self) -> [u8; 2] {
        self.item.index
    }

    /// Name of the pallet, as a number.
    pub fn pallet_id(&self) -> NameId {
        self.item.pallet
    }

    /// Name of the event, as a number.
    pub fn name_id(&self) -> NameId {
        self.item.name
    }

    /// Whether this is the event `pallet.name`.
    pub fn is(&self, pallet: &str, name: &str) -> bool {
        self.name() == name && self.pallet() == pallet
    }

    /// The event with its fields.
    pub fn event(&self) -> Decoded<'r, 'b> {
        Decoded {
            plans: &self.runtime.plans,
            plan: self.runtime.parts.event,
            data: &self.data[..self.end as usize],
            start: self.start as usize,
        }
    }

    /// What stands in JSON before its fields, without the brace.
    pub(crate) fn head(&self) -> &'r [u8] {
        &self.runtime.plans.events().head(self.item)[1..]
    }

    /// The topics, 32 bytes each.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &'b [u8]> + use<'b> {
        // Their count takes fewer bytes than a topic, so the rest of a division is its length.
        let (end, topics_end) = (self.end as usize, self.topics_end as usize);
        let bytes = (topics_end - end) / TOPIC * TOPIC;
        self.data[topics_end - bytes..topics_end].chunks_exact(TOPIC)
    }

    /// Appends its fields as JSON: `null` for none, the only one itself where that has no name.
    pub fn write_attributes(&self, out: &mut Vec<u8>, options: JsonOptions) -> Result<(), DecodeError> {
        let mut writer = JsonWriter::once(std::mem::take(out), options);
        let result = self.append_attributes(&mut writer);
        *out = writer.into_bytes();
        result
    }

    /// As [`write_attributes`](Self::write_attributes), with a writer that remembers what it spelled before.
    pub fn append_attributes(&self, writer: &mut JsonWriter) -> Result<(), DecodeError> {
        writer.attributes_only(|writer| self.event().write_to(writer))
    }
}
