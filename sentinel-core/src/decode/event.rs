//! Events: all boundaries and names in one pass, fields when asked.

mod place;

use serde::Serialize;

pub use place::EventPlace;

use super::cursor::Cursor;
use super::decoded::Decoded;
use super::error::{DecodeError, DecodeErrorKind as Kind};
use super::json::{JsonOptions, JsonWriter};
use super::plan::Op;
use super::runtime::Runtime;
use super::visit::{Step, VisitError};
use super::walk::{dispatch, skip};

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
    data: &'b [u8],
    start: usize,
    end: usize,
    topics: usize,
    topics_end: usize,
    position: u32,
    phase: Phase,
    pallet: &'r str,
    name: &'r str,
    index: [u8; 2],
}

/// No event is shorter: a phase, two indexes, a count of topics.
const MIN_RECORD: u32 = 4;

impl Runtime {
    /// Reads the boundaries, phases and names of all events: the value of `System.Events`.
    pub fn events<'b>(&self, bytes: &'b [u8]) -> Result<Vec<EventRecord<'_, 'b>>, DecodeError> {
        let mut cursor = Cursor::new(bytes);
        let count = cursor.items(MIN_RECORD)?;
        let mut events = Vec::with_capacity(count as usize);
        for position in 0..count {
            let event = self
                .event_record(position, bytes, &mut cursor)
                .map_err(|error| VisitError::inside(error, Step::Item(position)))?;
            events.push(event);
        }
        cursor.finish()?;
        Ok(events)
    }

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
        let start = cursor.pos();
        let Op::Event(table) = self.plans.get(self.parts.event).op else {
            return Err(cursor.error(Kind::Unsupported("a runtime without events")));
        };
        let (pallet, item) = dispatch(&self.plans, table, cursor)?;
        let (pallet_name, name) = (self.plans.name(pallet.name).text(), self.plans.name(item.name).text());
        let of_this = |error: DecodeError| error.of(format!("{pallet_name}.{name}"));
        if item.fixed != super::plan::VARIABLE {
            cursor.take(item.fixed as usize).map_err(of_this)?;
        } else {
            for field in self.plans.fields(item.fields) {
                let field_name = self.plans.name(field.name).text();
                skip(&self.plans, field.plan, cursor).map_err(|error| of_this(error.inside(field_name)))?;
            }
        }
        let end = cursor.pos();
        let count = cursor.items(32).map_err(|error| of_this(error.inside("topics")))?;
        let topics = cursor.pos();
        cursor.take(count as usize * 32).map_err(|error| of_this(error.inside("topics")))?;
        Ok(EventRecord {
            runtime: self,
            data,
            start,
            end,
            topics,
            topics_end: cursor.pos(),
            position,
            phase,
            pallet: pallet_name,
            name,
            index: [pallet.index, item.index],
        })
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
        self.pallet
    }

    /// Name of the event.
    pub fn name(&self) -> &'r str {
        self.name
    }

    /// Index of the pallet, then of the event in it.
    pub fn index(&self) -> [u8; 2] {
        self.index
    }

    /// Whether this is the event `pallet.name`.
    pub fn is(&self, pallet: &str, name: &str) -> bool {
        self.name == name && self.pallet == pallet
    }

    /// The event with its fields.
    pub fn event(&self) -> Decoded<'r, 'b> {
        Decoded {
            plans: &self.runtime.plans,
            plan: self.runtime.parts.event,
            data: &self.data[..self.end],
            start: self.start,
        }
    }

    /// The topics, 32 bytes each.
    pub fn topics(&self) -> impl ExactSizeIterator<Item = &'b [u8]> {
        self.data[self.topics..self.topics_end].chunks_exact(32)
    }

    /// Appends its fields as JSON: `null` for none, the only one itself where that has no name.
    pub fn write_attributes(&self, out: &mut Vec<u8>, options: JsonOptions) -> Result<(), DecodeError> {
        let before = out.len();
        self.event().visit(&mut JsonWriter::new(out, options).attributes_only()).inspect_err(|_| out.truncate(before))
    }
}
