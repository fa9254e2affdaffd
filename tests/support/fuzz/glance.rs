//! A visitor that reads some parts of a value and leaves others, which the walk then has to pass over.

use sentinel_core::decode::{Bits, DecodeError, Dispatch, Entries, Items, Record, VariantAccess, Visitor};

use crate::rng::Rng;

/// Reads this many of a hundred parts.
#[derive(Debug)]
pub(super) struct Glance {
    percent: usize,
    rng: Rng,
}

type Seen = Result<(), DecodeError>;

impl Glance {
    /// One that reads `percent` of the parts, chosen by the seed.
    pub(super) fn new(percent: usize, seed: u64) -> Self {
        Self { percent, rng: Rng::new(seed) }
    }

    fn looks(&mut self) -> bool {
        self.rng.percent(self.percent)
    }

    fn fields(&mut self, fields: &mut Record<'_, '_, '_>) -> Seen {
        for _ in 0..fields.len() {
            if self.looks() {
                fields.next(&mut *self).transpose()?;
            } else if self.percent > 0 {
                fields.skip()?;
            } else {
                // Never even asked for.
                break;
            }
        }
        Ok(())
    }
}

impl<'r, 'b> Visitor<'r, 'b> for &mut Glance {
    type Out = ();
    type Error = DecodeError;

    fn bool(self, _: bool) -> Seen {
        Ok(())
    }

    fn unsigned(self, _: u64) -> Seen {
        Ok(())
    }

    fn wide(self, _: u128) -> Seen {
        Ok(())
    }

    fn u256(self, _: &'b [u8; 32]) -> Seen {
        Ok(())
    }

    fn signed(self, _: i128) -> Seen {
        Ok(())
    }

    fn char(self, _: char) -> Seen {
        Ok(())
    }

    fn text(self, _: &'b str) -> Seen {
        Ok(())
    }

    fn bytes(self, _: &'b [u8]) -> Seen {
        Ok(())
    }

    fn byte_array(self, _: &'b [u8]) -> Seen {
        Ok(())
    }

    fn account(self, _: &'b [u8; 32]) -> Seen {
        Ok(())
    }

    fn era(self, _: &'b [u8]) -> Seen {
        Ok(())
    }

    fn bits(self, _: Bits<'b>) -> Seen {
        Ok(())
    }

    fn none(self) -> Seen {
        Ok(())
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Seen {
        while self.looks() {
            match items.next(&mut *self) {
                Some(item) => item?,
                None => break,
            }
        }
        Ok(())
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Seen {
        self.fields(fields)
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Seen {
        while self.looks() {
            match entries.key(&mut *self) {
                Some(key) => key?,
                None => break,
            }
            // The value of the last key may stay unread.
            if !self.looks() {
                break;
            }
            entries.value(&mut *self).transpose()?;
        }
        Ok(())
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Seen {
        self.fields(variant.fields())
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Seen {
        self.fields(call.fields())
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Seen {
        self.fields(event.fields())
    }
}
