//! One value after the other as JSON, as the walk tells them.

use std::io::Write as _;

use super::spell::{self, mortal_era, u256_decimal, write_text};
use super::{EVENT_INDEX_LEN, JsonWriter, MAX_SAFE, next_field, phase_of};
use crate::chain::blake2_256;
use crate::decode::error::DecodeError;
use crate::decode::plan::Layout;
use crate::decode::value::Build;
use crate::decode::visit::{Bits, Dispatch, Entries, Items, Record, VariantAccess, Visitor};

impl<'r, 'b> Visitor<'r, 'b> for &mut JsonWriter {
    type Out = ();
    type Error = DecodeError;

    fn bool(self, value: bool) -> Result<(), DecodeError> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn unsigned(self, value: u64) -> Result<(), DecodeError> {
        if self.options.safe_integers {
            self.integer(itoa::Buffer::new().format(value), u128::from(value) <= MAX_SAFE);
        } else {
            self.out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
        }
        Ok(())
    }

    fn wide(self, value: u128) -> Result<(), DecodeError> {
        self.integer(itoa::Buffer::new().format(value), value <= MAX_SAFE);
        Ok(())
    }

    fn u256(self, value: &'b [u8; 32]) -> Result<(), DecodeError> {
        let safe = match value.split_first_chunk::<16>() {
            Some((low, high)) => high.iter().all(|byte| *byte == 0) && u128::from_le_bytes(*low) <= MAX_SAFE,
            None => false,
        };
        self.integer(&u256_decimal(value), safe);
        Ok(())
    }

    fn signed(self, value: i128) -> Result<(), DecodeError> {
        self.integer(itoa::Buffer::new().format(value), value.unsigned_abs() <= MAX_SAFE);
        Ok(())
    }

    fn char(self, value: char) -> Result<(), DecodeError> {
        write_text(&mut self.out, value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn text(self, value: &'b str) -> Result<(), DecodeError> {
        write_text(&mut self.out, value);
        Ok(())
    }

    fn bytes(self, value: &'b [u8]) -> Result<(), DecodeError> {
        if !self.options.strict_bytes
            && let Ok(text) = std::str::from_utf8(value)
        {
            write_text(&mut self.out, text);
            return Ok(());
        }
        self.quoted_hex(b"0x", value);
        Ok(())
    }

    fn byte_array(self, value: &'b [u8]) -> Result<(), DecodeError> {
        self.quoted_hex(b"0x", value);
        Ok(())
    }

    fn account(self, value: &'b [u8; 32]) -> Result<(), DecodeError> {
        self.out.extend_from_slice(self.accounts.quoted(value));
        Ok(())
    }

    fn era(self, value: &'b [u8]) -> Result<(), DecodeError> {
        match *value {
            [low, high] => {
                let (period, phase) = mortal_era([low, high]);
                // Writing to a vector cannot fail.
                let _ = write!(self.out, "[{period},{phase}]");
            }
            _ => self.quoted_hex(b"", value),
        }
        Ok(())
    }

    fn bits(self, value: Bits<'b>) -> Result<(), DecodeError> {
        self.out.extend_from_slice(b"\"0b");
        self.out.extend(value.iter().map(|bit| if bit { b'1' } else { b'0' }));
        self.out.push(b'"');
        Ok(())
    }

    fn none(self) -> Result<(), DecodeError> {
        self.out.extend_from_slice(b"null");
        Ok(())
    }

    fn list(self, items: &mut Items<'_, 'r, 'b>) -> Result<(), DecodeError> {
        if !self.options.safe_integers
            && let Some(integers) = items.integers()
        {
            spell::write_integers(&mut self.out, integers);
            return Ok(());
        }
        self.out.push(b'[');
        let mut first = true;
        for _ in 0..items.len() {
            if !std::mem::take(&mut first) {
                self.out.push(b',');
            }
            items.next(&mut *self).unwrap_or(Ok(()))?;
        }
        self.out.push(b']');
        Ok(())
    }

    fn record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<(), DecodeError> {
        if fields.is_named() { self.object(fields) } else { self.array(fields) }
    }

    /// The event's entries stand beside the event itself, and its index there is that of its pallet: so SDK users know
    /// them.
    fn event_record(self, fields: &mut Record<'_, 'r, 'b>) -> Result<(), DecodeError> {
        let phase = fields.next(Build).transpose()?;
        let (phase, extrinsic) = phase_of(phase.as_ref());
        self.out.extend_from_slice(b"{\"phase\":");
        write_text(&mut self.out, phase);
        self.out.extend_from_slice(b",\"extrinsic_idx\":");
        match extrinsic {
            Some(at) => self.out.extend_from_slice(itoa::Buffer::new().format(at).as_bytes()),
            None => self.out.extend_from_slice(b"null"),
        }
        self.out.extend_from_slice(b",\"event\":");
        let pallet = fields.peek().unwrap_or_default();
        let start = self.out.len();
        next_field(fields, self)?;
        // `{"event_index":"0502",` is the same length for every event.
        let entries = self.out[start..].get(EVENT_INDEX_LEN..).map(<[u8]>::to_vec).unwrap_or_default();
        // Writing to a vector cannot fail.
        let _ = write!(self.out, ",\"event_index\":{pallet},");
        self.out.extend_from_slice(entries.strip_suffix(b"}").unwrap_or_default());
        self.out.extend_from_slice(b",\"topics\":");
        next_field(fields, self)?;
        self.out.push(b'}');
        Ok(())
    }

    fn map(self, entries: &mut Entries<'_, 'r, 'b>) -> Result<(), DecodeError> {
        self.out.push(b'{');
        for at in 0..entries.len() {
            if at > 0 {
                self.out.push(b',');
            }
            let start = self.out.len();
            entries.key(&mut *self).unwrap_or(Ok(()))?;
            if self.out.get(start) != Some(&b'"') {
                // A key that is no string is written as the string of its JSON text.
                let key = String::from_utf8_lossy(&self.out[start..]).into_owned();
                self.out.truncate(start);
                write_text(&mut self.out, &key);
            }
            self.out.push(b':');
            entries.value(&mut *self).unwrap_or(Ok(()))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn variant(self, variant: &mut VariantAccess<'_, 'r, 'b>) -> Result<(), DecodeError> {
        match variant.layout() {
            Layout::Unit => self.out.extend_from_slice(variant.json_name()),
            Layout::Transparent => next_field(variant.fields(), self)?,
            layout => {
                self.out.push(b'{');
                variant.json_key().append_to(&mut self.out);
                self.fields(layout, variant.fields())?;
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn call(self, call: &mut Dispatch<'_, 'r, 'b>) -> Result<(), DecodeError> {
        if std::mem::take(&mut self.arguments_only) {
            self.out.push(b'[');
            return self.arguments(call.fields());
        }
        let known_hash = self.call_hash.take();
        self.out.extend_from_slice(call.head);
        self.arguments(call.fields())?;
        if self.options.call_hashes {
            self.out.extend_from_slice(b",\"call_hash\":");
            let hash = known_hash.unwrap_or_else(|| blake2_256(call.bytes()));
            self.quoted_hex(b"0x", &hash);
        }
        self.out.push(b'}');
        Ok(())
    }

    fn event(self, event: &mut Dispatch<'_, 'r, 'b>) -> Result<(), DecodeError> {
        let layout = event.layout();
        if std::mem::take(&mut self.attributes_only) {
            return self.fields(layout, event.fields());
        }
        self.out.extend_from_slice(event.head);
        self.fields(layout, event.fields())?;
        self.out.push(b'}');
        Ok(())
    }
}
