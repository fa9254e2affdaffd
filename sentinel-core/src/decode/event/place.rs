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

impl EventRecord<'_, '_> {
    /// Where it lies.
    pub fn place(&self) -> EventPlace {
        EventPlace {
            start: self.start,
            end: self.end,
            topics_end: self.topics_end,
            position: self.position,
            phase: self.phase,
            index: self.item.index,
        }
    }
}

impl Runtime {
    /// The event at a place, from the same bytes and runtime that the place is of.
    ///
    /// # Errors
    /// A place that is not one of these bytes or of this runtime.
    pub fn event_at<'b>(&self, events: &'b [u8], place: EventPlace) -> Result<EventRecord<'_, 'b>, DecodeError> {
        let EventPlace { start, end, topics_end, position, phase, index } = place;
        let item = self.plans.events().get(index).ok();
        match item.filter(|_| start <= end && end <= topics_end && topics_end as usize <= events.len()) {
            Some(item) => {
                Ok(EventRecord { runtime: self, item, data: events, start, end, topics_end, position, phase })
            }
            None => Err(DecodeError::new(Kind::Unsupported("a place of other events"), start as usize)),
        }
    }
}
