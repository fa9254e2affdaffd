//! The fields of one event, one after the other, with no tree around them.

use std::iter::FusedIterator;

use super::EventRecord;
use crate::decode::cursor::Cursor;
use crate::decode::error::DecodeError;
use crate::decode::plan::{Field, Item, Op, PlanId, Plans};
use crate::decode::value::{Borrow, ValueRef};
use crate::decode::visit::{Step, VisitError};
use crate::decode::walk::walk;

/// The fields of one event, each with its name, which is empty where it has none; see [`EventRecord::fields`].
///
/// Nothing follows an error.
#[derive(Debug, Clone)]
pub struct EventFields<'r, 'b> {
    plans: &'r Plans,
    item: &'r Item,
    fields: &'r [Field],
    cursor: Cursor<'b>,
}

impl<'r, 'b> EventRecord<'r, 'b> {
    /// Decodes the fields one by one: the way to the numbers of an event that takes the least time and, unless a field is
    /// a list or a struct, no memory.
    ///
    /// ```
    /// use sentinel_core::decode::{DecodeError, EventRecord};
    ///
    /// /// What was staked, in rao.
    /// fn staked(event: &EventRecord<'_, '_>) -> Result<Option<u64>, DecodeError> {
    ///     // Coldkey, hotkey, TAO, alpha, netuid, fee.
    ///     Ok(match event.fields().nth(2).transpose()? {
    ///         Some((_, tao)) => tao.as_u64(),
    ///         None => None,
    ///     })
    /// }
    /// ```
    pub fn fields(&self) -> EventFields<'r, 'b> {
        let plans = &self.runtime.plans;
        // Two bytes say which event it is.
        let cursor = Cursor::at(&self.data[..self.end as usize], self.start as usize + 2);
        EventFields { plans, item: self.item, fields: plans.fields(self.item.fields), cursor }
    }
}

impl<'r, 'b> EventFields<'r, 'b> {
    #[inline]
    fn value(&mut self, plan: PlanId) -> Result<ValueRef<'r, 'b>, DecodeError> {
        // What most fields of most events are takes a third of the time without a call of the walk.
        let value = match self.plans.get(plan).op {
            Op::Account => ValueRef::Account(self.cursor.array()?),
            Op::Unsigned(8) => ValueRef::Unsigned(u128::from(u64::from_le_bytes(*self.cursor.array()?))),
            Op::Unsigned(2) => ValueRef::Unsigned(u128::from(u16::from_le_bytes(*self.cursor.array()?))),
            _ => walk(self.plans, plan, &mut self.cursor, Borrow)?,
        };
        if self.fields.is_empty() {
            self.cursor.finish()?;
        }
        Ok(value)
    }

    #[cold]
    fn failed(&mut self, error: DecodeError, name: &str) -> DecodeError {
        let all = self.plans.fields(self.item.fields).len();
        let position = (all - self.fields.len() - 1) as u32;
        self.fields = &[];
        let step = if name.is_empty() { Step::Position(position) } else { Step::Name(name) };
        let names = [self.item.pallet, self.item.name].map(|name| self.plans.name(name).text());
        VisitError::inside(VisitError::inside(error, step), Step::Dispatch(names[0], names[1]))
    }
}

impl<'r, 'b> Iterator for EventFields<'r, 'b> {
    type Item = Result<(&'r str, ValueRef<'r, 'b>), DecodeError>;

    #[inline]
    fn next(&mut self) -> Option<Self::Item> {
        let (field, rest) = self.fields.split_first()?;
        self.fields = rest;
        let name = self.plans.name(field.name).text();
        match self.value(field.plan) {
            Ok(value) => Some(Ok((name, value))),
            Err(error) => Some(Err(self.failed(error, name))),
        }
    }

    fn size_hint(&self) -> (usize, Option<usize>) {
        // Fewer come where one does not decode.
        (0, Some(self.fields.len()))
    }
}

impl FusedIterator for EventFields<'_, '_> {}
