//! JSON straight from bytes, in the shape that users of Bittensor's SDK know.

mod accounts;
mod spell;

use std::io::Write as _;

use super::error::DecodeError;
use super::plan::Layout;
use super::value::{Build, Value};
use super::visit::{Bits, Dispatch, Entries, Items, Record, VariantAccess, Visitor};
use crate::chain::blake2_256;
use accounts::AccountMemo;

pub(crate) use spell::{mortal_era, push_hex, u256_decimal, write_text};

/// How values are written.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct JsonOptions {
    /// Byte vectors are always `0x…`, never text.
    pub strict_bytes: bool,
    /// Integers beyond 2^53 are strings, for readers whose numbers are doubles.
    pub safe_integers: bool,
    /// Extrinsics carry their hash; it costs one blake2b each.
    pub extrinsic_hashes: bool,
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

/// Writes decoded values as JSON text into a buffer of its own.
///
/// It remembers the addresses of the accounts it met, so one writer for many blocks (and one per thread) is several
/// times as fast as one for each value. What it remembers is bounded.
///
/// ```
/// use sentinel_core::decode::{JsonOptions, JsonWriter, Runtime};
///
/// # let metadata = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/metadata/raonet-218-v14.scale"))?;
/// let runtime = Runtime::from_metadata(&metadata)?;
/// let mut writer = JsonWriter::new(JsonOptions::default());
/// runtime.call(&[0, 0, 8, b'h', b'i']).write_to(&mut writer)?;
/// assert!(writer.as_bytes().starts_with(br#"{"call_module":"System","call_function":"remark""#));
/// writer.clear();
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
// Aligned so that writers side by side, one for each thread, never share a cache line: without it, two threads are hardly
// faster than one.
#[derive(Debug)]
#[repr(align(128))]
pub struct JsonWriter {
    out: Vec<u8>,
    options: JsonOptions,
    accounts: AccountMemo,
    /// An event is written as its fields alone.
    attributes_only: bool,
    /// The outermost call is written as its arguments alone.
    arguments_only: bool,
    /// The hash of the outermost call, where it is known already.
    call_hash: Option<[u8; 32]>,
}

impl JsonWriter {
    /// A writer with an empty buffer.
    pub fn new(options: JsonOptions) -> Self {
        Self {
            out: Vec::new(),
            options,
            accounts: AccountMemo::new(),
            attributes_only: false,
            arguments_only: false,
            call_hash: None,
        }
    }

    /// A writer of one value, which remembers nothing, into a buffer that it gives back.
    pub(crate) fn once(out: Vec<u8>, options: JsonOptions) -> Self {
        Self { out, accounts: AccountMemo::none(), ..Self::new(options) }
    }

    /// How it writes.
    pub fn options(&self) -> JsonOptions {
        self.options
    }

    /// Writes otherwise from now on.
    pub fn set_options(&mut self, options: JsonOptions) {
        self.options = options;
    }

    /// What is written so far.
    pub fn as_bytes(&self) -> &[u8] {
        &self.out
    }

    /// What is written so far, the buffer itself: for separators, and to take the text out without a copy.
    pub fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.out
    }

    /// Empties the buffer, keeping its memory and the addresses.
    pub fn clear(&mut self) {
        self.out.clear();
    }

    /// The buffer.
    pub fn into_bytes(self) -> Vec<u8> {
        self.out
    }

    /// Lets `write` append; if it fails, the buffer is as it was.
    pub(crate) fn whole<T, E>(&mut self, write: impl FnOnce(&mut Self) -> Result<T, E>) -> Result<T, E> {
        let before = self.out.len();
        let result = write(self);
        if result.is_err() {
            self.out.truncate(before);
            (self.attributes_only, self.arguments_only, self.call_hash) = (false, false, None);
        }
        result
    }

    /// Events are written as their fields alone while `write` runs.
    pub(crate) fn attributes_only<T>(&mut self, write: impl FnOnce(&mut Self) -> T) -> T {
        self.attributes_only = true;
        let result = write(self);
        self.attributes_only = false;
        result
    }

    /// The first call has this hash, if any is known.
    pub(crate) fn set_call_hash(&mut self, hash: Option<[u8; 32]>) {
        self.call_hash = hash;
    }

    /// The first call is written as its arguments alone.
    pub(crate) fn arguments_only(&mut self) -> &mut Self {
        self.arguments_only = true;
        self
    }

    #[inline]
    pub(crate) fn push(&mut self, text: &[u8]) {
        self.out.extend_from_slice(text);
    }

    fn arguments(&mut self, fields: &mut Record<'_, '_, '_>) -> Result<(), DecodeError> {
        for _ in 0..fields.len() {
            self.out.extend_from_slice(fields.json_argument());
            next_field(fields, self)?;
            self.out.push(b'}');
        }
        self.out.push(b']');
        Ok(())
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
        for _ in 0..fields.len() {
            fields.write_key(&mut self.out);
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

    pub(crate) fn quoted_hex(&mut self, prefix: &[u8], bytes: &[u8]) {
        self.out.push(b'"');
        self.out.extend_from_slice(prefix);
        push_hex(&mut self.out, bytes);
        self.out.push(b'"');
    }
}

fn next_field(fields: &mut Record<'_, '_, '_>, writer: &mut JsonWriter) -> Result<(), DecodeError> {
    fields.next(writer).unwrap_or(Ok(()))
}

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
        if self.attributes_only {
            return self.fields(layout, event.fields());
        }
        self.out.extend_from_slice(event.head);
        self.fields(layout, event.fields())?;
        self.out.push(b'}');
        Ok(())
    }
}
