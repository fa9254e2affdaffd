//! JSON straight from bytes, in the shape that users of Bittensor's SDK know.

mod accounts;
mod spell;
mod values;

use super::error::DecodeError;
use super::plan::Layout;
use super::value::Value;
use super::visit::Record;
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
