//! One value read from arbitrary bytes, and what has to be true of the result.

use sentinel_core::decode::{
    DecodeError, DecodeErrorKind as Kind, Decoded, JsonOptions, JsonWriter, Runtime, StorageItem, Value,
};

use super::agreement::{agreed, json};
use super::glance::Glance;

/// What the bytes are read as.
#[derive(Debug, Clone, Copy)]
pub(super) enum Read<'r> {
    Call(&'r Runtime),
    Item(&'r Runtime, &'r StorageItem),
    Type(&'r Runtime, u32),
}

impl<'r> Read<'r> {
    fn of<'b>(&self, bytes: &'b [u8]) -> Decoded<'r, 'b> {
        match *self {
            Self::Call(runtime) => runtime.call(bytes),
            Self::Item(runtime, item) => item.value(runtime, bytes),
            Self::Type(runtime, id) => match runtime.decode(id, bytes) {
                Ok(decoded) => decoded,
                Err(error) => panic!("the type exists: {error}"),
            },
        }
    }

    /// The value or the error, after all checks.
    pub(super) fn check(&self, bytes: &[u8], options: JsonOptions) -> Result<Value, DecodeError> {
        let result = agreed(&self.of(bytes), options);
        self.check_glances(bytes, &result);
        match &result {
            Ok(_) => {
                let longer = [bytes, &[0]].concat();
                let error = agreed(&self.of(&longer), options).expect_err("a byte more");
                assert_eq!((error.kind(), error.offset()), (&Kind::TrailingBytes(1), bytes.len()));
                if let Some((_, shorter)) = bytes.split_last() {
                    assert!(agreed(&self.of(shorter), options).is_err(), "a byte less");
                }
            }
            Err(error) => check_offset(error, bytes),
        }
        result
    }

    /// Passing over a value, or over parts of it, ends where reading all of it does.
    fn check_glances(&self, bytes: &[u8], whole: &Result<Value, DecodeError>) {
        for percent in [0, 50, 90] {
            let glance = self.of(bytes).visit(&mut Glance::new(percent, bytes.len() as u64));
            match (&glance, whole) {
                (Ok(()), Err(error)) => assert!(is_lenient(error.kind()), "passed over, though {error}"),
                (Err(error), Ok(_)) => panic!("read, but not passed over: {error}"),
                (Err(error), Err(_)) => check_offset(error, bytes),
                (Ok(()), Ok(_)) => {}
            }
        }
    }
}

/// What an error complains about is at its offset.
pub(super) fn check_offset(error: &DecodeError, bytes: &[u8]) {
    let rest = bytes.get(error.offset()..).unwrap_or_else(|| panic!("{error}, of {} bytes", bytes.len()));
    let is_there = match error.kind() {
        Kind::UnexpectedEnd { needed, left } => *needed > 0 && rest.len() == *left,
        Kind::TrailingBytes(left) => *left > 0 && rest.len() == *left,
        Kind::InvalidBool(byte) | Kind::UnknownVariant(byte) | Kind::ExtrinsicFormat(byte) => {
            rest.first() == Some(byte)
        }
        Kind::InvalidChar(code) => rest.first_chunk() == Some(&code.to_le_bytes()),
        // The string may end inside a character that is whole with what follows.
        Kind::InvalidUtf8 => rest.first().is_some_and(|byte| !byte.is_ascii()),
        Kind::CompactOverflow(_) | Kind::LongCompact => rest.first().is_some_and(|byte| byte & 3 != 0),
        // Those that count have no place of their own, but lie in the input.
        _ => true,
    };
    assert!(is_there, "{error}, where {} is", const_hex::encode(&rest[..rest.len().min(8)]));
}

/// Whether passing over a value accepts what reading it refuses for this reason.
///
/// Runs of fixed size are passed in one step, without a look at booleans, characters and variants inside, and strings by
/// their length; what is not entered counts towards neither depth nor number of values. Everything that moves a
/// boundary is checked by both.
pub(super) fn is_lenient(kind: &Kind) -> bool {
    matches!(
        kind,
        Kind::InvalidBool(_)
            | Kind::InvalidChar(_)
            | Kind::InvalidUtf8
            | Kind::UnknownVariant(_)
            | Kind::TooDeep(_)
            | Kind::TooManyValues(_)
    )
}

/// Whether a document could be written; it is JSON then, and nothing at all otherwise.
pub(super) fn document_with(
    options: JsonOptions,
    write: impl FnOnce(&mut JsonWriter) -> Result<(), DecodeError>,
) -> bool {
    document(|out| {
        let mut writer = JsonWriter::new(options);
        writer.buffer().append(out);
        let written = write(&mut writer);
        out.append(writer.buffer());
        written
    })
}

/// As [`document_with`], for what writes into a buffer of its caller.
pub(super) fn document(write: impl FnOnce(&mut Vec<u8>) -> Result<(), DecodeError>) -> bool {
    let mut out = b"kept".to_vec();
    let written = write(&mut out);
    match &written {
        Ok(()) if out.len() > 4 => drop(json(&out[4..])),
        // Of an extrinsic that is not there, nothing is said.
        Ok(()) => {}
        Err(error) => assert_eq!(out, b"kept", "nothing is written on an error: {error}"),
    }
    written.is_ok()
}
