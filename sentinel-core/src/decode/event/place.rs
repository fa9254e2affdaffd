//! Where an event lies among those of its block, for an owner who comes back to it later.

use super::{EventRecord, Phase};
use crate::decode::error::{DecodeError, DecodeErrorKind as Kind};
use crate::decode::runtime::Runtime;

/// Where an event lies among those of its block: an [`EventRecord`] without what it borrows.
///
/// [`Runtime::event_at`] makes it one again, without a walk over the events before it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct EventPlace {
    start: u32,
    end: u32,
    topics: u32,
    topics_end: u32,
    position: u32,
    phase: Phase,
    index: [u8; 2],
}

impl EventPlace {
    /// When it happened.
    pub fn phase(&self) -> Phase {
        self.phase
    }

    /// Index of the pallet, then of the event in it.
    pub fn index(&self) -> [u8; 2] {
        self.index
    }
}

impl<'r, 'b> EventRecord<'r, 'b> {
    /// Where it lies; offsets beyond 4 GiB do not occur, a block is far smaller.
    pub fn place(&self) -> EventPlace {
        let offset = |at: usize| u32::try_from(at).unwrap_or(u32::MAX);
        EventPlace {
            start: offset(self.start),
            end: offset(self.end),
            topics: offset(self.topics),
            topics_end: offset(self.topics_end),
            position: self.position,
            phase: self.phase,
            index: self.index,
        }
    }
}

impl Runtime {
    /// The event at a place, from the same bytes and runtime that the place is of.
    ///
    /// # Errors
    /// A place that is not one of these bytes or of this runtime.
    pub fn event_at<'b>(&self, events: &'b [u8], place: EventPlace) -> Result<EventRecord<'_, 'b>, DecodeError> {
        let [start, end, topics, topics_end] =
            [place.start, place.end, place.topics, place.topics_end].map(|at| at as usize);
        let foreign = || DecodeError::new(Kind::Unsupported("a place of other events"), start);
        if !(start <= end && end <= topics && topics <= topics_end && topics_end <= events.len()) {
            return Err(foreign());
        }
        let (pallet, name) = self.event_name(place.index).ok_or_else(foreign)?;
        Ok(EventRecord {
            runtime: self,
            data: events,
            start,
            end,
            topics,
            topics_end,
            position: place.position,
            phase: place.phase,
            pallet,
            name,
            index: place.index,
        })
    }

    /// Names of the pallet and the event with these indexes.
    fn event_name(&self, index: [u8; 2]) -> Option<(&str, &str)> {
        let super::Op::Event(table) = self.plans.get(self.parts.event).op else { return None };
        let pallet = self.plans.enumeration(table).variant(index[0])?;
        let super::Op::Enum(items) = self.plans.get(self.plans.fields(pallet.fields).first()?.plan).op else {
            return None;
        };
        let item = self.plans.enumeration(items).variant(index[1])?;
        Some((self.plans.name(pallet.name).text(), self.plans.name(item.name).text()))
    }
}
