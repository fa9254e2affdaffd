//! Asking for a value by every way out, where an error is expected or may be.

use sentinel_core::decode::{DecodeError, Decoded, JsonOptions, Runtime, Value};
use sentinel_support::fuzz::agreed;

/// The value, or the error on which all ways out agree.
pub(crate) fn outcome(decoded: &Decoded<'_, '_>) -> Result<Value, DecodeError> {
    agreed(decoded, JsonOptions { call_hashes: true, ..JsonOptions::default() })
}

/// The error that these bytes are for this type.
pub(crate) fn refusal(runtime: &Runtime, id: u32, bytes: &[u8]) -> DecodeError {
    match outcome(&runtime.decode(id, bytes).expect("the type exists")) {
        Ok(value) => panic!("{} was accepted as {value:?}", const_hex::encode(bytes)),
        Err(error) => {
            assert!(error.offset() <= bytes.len(), "{error}");
            error
        }
    }
}
