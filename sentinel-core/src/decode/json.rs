//! JSON straight from bytes, in the shape that users of Bittensor's SDK know.

use std::io::Write as _;

use super::error::DecodeError;
use super::plan::Layout;
use super::value::{Build, Value};
use super::visit::{Bits, Dispatch, Entries, Items, Record, VariantAccess, Visitor};
use crate::chain::{AccountId, blake2_256};

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonOptions {
    /// Byte vectors are always `0x…`, never text.
    pub strict_bytes: bool,
    /// Integers beyond 2^53 are strings, for readers whose numbers are doubles.
    pub safe_integers: bool,
    /// Calls carry their hash; it costs one blake2b each.
    pub call_hashes: bool,
}

/// Length of `{"event_index":"0502",`.
const EVENT_INDEX_LEN: usize = 22;

/// Name of a phase, and the extrinsic it belongs to.
pub(crate) fn phase_of(phase: Option<&Value>) -> (&str, Option<u64>) {
    match phase {
        Some(Value::Variant { name, fields }) => (name, fields.as_deref().and_then(Value::as_u64)),
        _ => ("", None),
    }
}

/// Integers up to here survive a reader whose numbers are doubles.
const MAX_SAFE: u128 = 1 << 53;

/// Writes visited values as JSON text into a buffer.
#[derive(Debug)]
pub struct JsonWriter<'o> {
    out: &'o mut Vec<u8>,
    options: JsonOptions,
    /// An event is written as its fields alone.
    attributes_only: bool,
}

impl<'o> JsonWriter<'o> {
    /// A writer that appends to `out`.
    pub fn new(out: &'o mut Vec<u8>, options: JsonOptions) -> Self {
        Self { out, options, attributes_only: false }
    }

    pub(crate) fn attributes_only(self) -> Self {
        Self { attributes_only: true, ..self }
    }

    fn integer(&mut self, text: &str, safe: bool) {
        let quoted = self.options.safe_integers && !safe;
        if quoted {
            self.out.push(b'"');
        }
        self.out.extend_from_slice(text.as_bytes());
        if quoted {
            self.out.push(b'"');
        }
    }

    fn object(&mut self, fields: &mut Record<'_, '_, '_>) -> Result<(), DecodeError> {
        self.out.push(b'{');
        for at in 0..fields.len() {
            if at > 0 {
                self.out.push(b',');
            }
            self.out.extend_from_slice(fields.json_key());
            next_field(fields, self)?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn array(&mut self, fields: &mut Record<'_, '_, '_>) -> Result<(), DecodeError> {
        self.out.push(b'[');
        for at in 0..fields.len() {
            if at > 0 {
                self.out.push(b',');
            }
            next_field(fields, self)?;
        }
        self.out.push(b']');
        Ok(())
    }

    /// The fields of a variant, call or event, by their layout.
    fn fields(&mut self, layout: Layout, fields: &mut Record<'_, '_, '_>) -> Result<(), DecodeError> {
        match layout {
            Layout::Unit => self.out.extend_from_slice(b"null"),
            Layout::Newtype | Layout::Transparent => next_field(fields, self)?,
            Layout::Tuple => self.array(fields)?,
            Layout::Struct => self.object(fields)?,
        }
        Ok(())
    }

    fn quoted_hex(&mut self, prefix: &[u8], bytes: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(prefix);
        push_hex(self.out, bytes);
        self.out.push(b'"');
    }
}

fn next_field(fields: &mut Record<'_, '_, '_>, writer: &mut JsonWriter<'_>) -> Result<(), DecodeError> {
    fields.next(writer).unwrap_or(Ok(()))
}

/// Appends lower-case hex digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    // The length is right by construction, the only thing that can fail.
    let _ = const_hex::encode_to_slice(bytes, &mut out[start..]);
}

/// Appends a JSON string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f | 0x7f => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        if escape.is_empty() {
            // Writing to a vector cannot fail.
            let _ = write!(out, "\\u{byte:04x}");
        } else {
            out.extend_from_slice(escape);
        }
        plain = at + 1;
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Decimal digits of a little-endian integer of 256 bits.
pub(crate) fn u256_decimal(value: &[u8; 32]) -> String {
    // Base 10^9 long division on 32-bit limbs, most significant first.
    let mut limbs: Vec<u32> =
        value.chunks_exact(4).rev().map(|limb| u32::from_le_bytes([limb[0], limb[1], limb[2], limb[3]])).collect();
    let mut groups = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0u64;
        for limb in &mut limbs {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / 1_000_000_000) as u32;
            rest = value % 1_000_000_000;
        }
        groups.push(rest);
    }
    let Some((first, others)) = groups.split_last() else { return "0".to_owned() };
    let mut text = first.to_string();
    for group in others.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    text
}

/// `period` and `phase` of a mortal era, from its two bytes.
pub(crate) fn mortal_era(bytes: [u8; 2]) -> (u64, u64) {
    let encoded = u64::from(u16::from_le_bytes(bytes));
    let period = 2u64 << (encoded % 16);
    let quantize = (period >> 12).max(1);
    (period, (encoded >> 4) * quantize)
}

impl<'b> Visitor<'b> for &mut JsonWriter<'_> {
    type Out = ();
    type Error = DecodeError;

    fn bool(self, value: bool) -> Result<(), DecodeError> {
        self.out.extend_from_slice(if value { b"true" } else { b"false" });
        Ok(())
    }

    fn unsigned(self, value: u64) -> Result<(), DecodeError> {
        self.integer(itoa::Buffer::new().format(value), u128::from(value) <= MAX_SAFE);
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
        write_text(self.out, value.encode_utf8(&mut [0; 4]));
        Ok(())
    }

    fn text(self, value: &'b str) -> Result<(), DecodeError> {
        write_text(self.out, value);
        Ok(())
    }

    fn bytes(self, value: &'b [u8]) -> Result<(), DecodeError> {
        if !self.options.strict_bytes
            && let Ok(text) = std::str::from_utf8(value)
        {
            write_text(self.out, text);
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
        self.out.push(b'"');
        self.out.extend_from_slice(AccountId(*value).to_ss58().as_bytes());
        self.out.push(b'"');
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

    fn list(self, items: &mut Items<'_, '_, 'b>) -> Result<(), DecodeError> {
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

    fn record(self, fields: &mut Record<'_, '_, 'b>) -> Result<(), DecodeError> {
        if fields.is_named() { self.object(fields) } else { self.array(fields) }
    }

    /// The event's entries stand beside the event itself, and its index there is that of its pallet: so SDK users know
    /// them.
    fn event_record(self, fields: &mut Record<'_, '_, 'b>) -> Result<(), DecodeError> {
        let phase = fields.next(Build).transpose()?;
        let (phase, extrinsic) = phase_of(phase.as_ref());
        self.out.extend_from_slice(b"{\"phase\":");
        write_text(self.out, phase);
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

    fn map(self, entries: &mut Entries<'_, '_, 'b>) -> Result<(), DecodeError> {
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
                write_text(self.out, &key);
            }
            self.out.push(b':');
            entries.value(&mut *self).unwrap_or(Ok(()))?;
        }
        self.out.push(b'}');
        Ok(())
    }

    fn variant(self, variant: &mut VariantAccess<'_, '_, 'b>) -> Result<(), DecodeError> {
        match variant.layout() {
            Layout::Unit => self.out.extend_from_slice(variant.json_name()),
            Layout::Transparent => next_field(variant.fields(), self)?,
            layout => {
                self.out.push(b'{');
                self.out.extend_from_slice(variant.json_key());
                self.fields(layout, variant.fields())?;
                self.out.push(b'}');
            }
        }
        Ok(())
    }

    fn call(self, call: &mut Dispatch<'_, '_, 'b>) -> Result<(), DecodeError> {
        self.out.extend_from_slice(b"{\"call_module\":");
        self.out.extend_from_slice(call.json_pallet());
        self.out.extend_from_slice(b",\"call_function\":");
        self.out.extend_from_slice(call.json_name());
        self.out.extend_from_slice(b",\"call_index\":");
        self.quoted_hex(b"0x", &call.index());
        self.out.extend_from_slice(b",\"call_args\":[");
        let fields = call.fields();
        for at in 0..fields.len() {
            self.out.extend_from_slice(if at > 0 { b",{\"name\":" } else { b"{\"name\":" });
            self.out.extend_from_slice(fields.json_name());
            self.out.extend_from_slice(b",\"type\":");
            self.out.extend_from_slice(fields.json_type());
            self.out.extend_from_slice(b",\"value\":");
            next_field(fields, self)?;
            self.out.push(b'}');
        }
        self.out.push(b']');
        if self.options.call_hashes {
            self.out.extend_from_slice(b",\"call_hash\":");
            self.quoted_hex(b"0x", &blake2_256(call.bytes()));
        }
        self.out.push(b'}');
        Ok(())
    }

    fn event(self, event: &mut Dispatch<'_, '_, 'b>) -> Result<(), DecodeError> {
        if self.attributes_only {
            let layout = event.layout();
            return self.fields(layout, event.fields());
        }
        self.out.extend_from_slice(b"{\"event_index\":");
        self.quoted_hex(b"", &event.index());
        self.out.extend_from_slice(b",\"module_id\":");
        self.out.extend_from_slice(event.json_pallet());
        self.out.extend_from_slice(b",\"event_id\":");
        self.out.extend_from_slice(event.json_name());
        self.out.extend_from_slice(b",\"attributes\":");
        let layout = event.layout();
        self.fields(layout, event.fields())?;
        self.out.push(b'}');
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_integers_in_decimal() {
        assert_eq!(u256_decimal(&[0; 32]), "0");
        let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(u256_decimal(&[0xff; 32]), max);
        let mut billion = [0; 32];
        billion[..8].copy_from_slice(&1_000_000_000u64.to_le_bytes());
        assert_eq!(u256_decimal(&billion), "1000000000");
    }

    #[test]
    fn eras_in_the_units_of_the_chain() {
        assert_eq!(mortal_era([0xe5, 0x00]), (64, 14));
        assert_eq!(mortal_era([0x04, 0x00]), (32, 0));
        assert_eq!(mortal_era([0xf5, 0xff]), (64, 4095));
        assert_eq!(mortal_era([0xff, 0x01]), (65536, 496));
    }

    #[test]
    fn text_is_escaped() {
        let mut out = Vec::new();
        write_text(&mut out, "a\"b\\c\n\u{1}\u{7f}é");
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"b\\c\n\u0001\u007fé""#);
    }
}
