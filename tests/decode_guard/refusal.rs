//! Asking for a value by every way out, on as little stack as a worker thread may have.

use sentinel_core::decode::{DecodeError, Decoded, JsonOptions, Runtime, Value};
use sentinel_support::exact_json;

/// Runs on a thread with 2 MiB of stack, so that a recursion that goes too deep ends the test.
pub(crate) fn on_a_small_stack(work: impl FnOnce() + Send + 'static) {
    let thread = std::thread::Builder::new().stack_size(2 << 20).spawn(work).expect("a thread");
    if let Err(panic) = thread.join() {
        std::panic::resume_unwind(panic);
    }
}

/// The value, or the error on which all ways out agree.
pub(crate) fn outcome(decoded: &Decoded<'_, '_>) -> Result<Value, DecodeError> {
    let mut json = b"kept".to_vec();
    let written = decoded.write_json(&mut json, JsonOptions { call_hashes: true, ..JsonOptions::default() });
    let serialized = serde_json::to_string(decoded);
    let value = decoded.to_value();
    match &value {
        Ok(value) => {
            assert_eq!(written, Ok(()));
            let text = std::str::from_utf8(&json[4..]).expect("JSON is UTF-8");
            assert!(exact_json::parse(text).is_ok(), "no JSON: {text}");
            assert!(serialized.is_ok() && serde_json::to_string(value).is_ok());
        }
        Err(error) => {
            assert_eq!(written.as_ref(), Err(error));
            assert_eq!(json, b"kept", "what was there before an error stays, and nothing else");
            let serialized = serialized.expect_err("serde sees the error too").to_string();
            assert_eq!(serialized, error.to_string());
        }
    }
    value
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
