//! Asking for one value by every way out, and holding the answers against each other.

use sentinel_core::decode::{DecodeError, DecodeErrorKind, Decoded, JsonOptions, Value};

use crate::exact_json::{self, Json};

/// Integers up to here survive a reader whose numbers are doubles.
const MAX_SAFE: u128 = 1 << 53;

/// The options that these bits choose.
pub fn options(bits: u8) -> JsonOptions {
    JsonOptions {
        strict_bytes: bits & 1 != 0,
        safe_integers: bits & 2 != 0,
        extrinsic_hashes: bits & 8 != 0,
        call_hashes: bits & 4 != 0,
    }
}

/// JSON, by a parser that bounds neither depth nor digits.
///
/// # Panics
/// Where it is none.
pub(super) fn json(text: &[u8]) -> Json {
    let text = std::str::from_utf8(text).expect("JSON is UTF-8");
    exact_json::parse(text).unwrap_or_else(|error| panic!("{error}: {text}"))
}

/// The value, or the error on which all ways out agree; the JSON is written with these options and with the default.
///
/// # Panics
/// Where the ways out contradict each other.
pub fn agreed(decoded: &Decoded<'_, '_>, options: JsonOptions) -> Result<Value, DecodeError> {
    let value = decoded.to_value();
    let written = |options| {
        let mut out = b"kept".to_vec();
        (decoded.write_json(&mut out, options), out)
    };
    let by_serde = serde_json::to_string(decoded);
    let [default, chosen] = [JsonOptions::default(), options].map(written);
    // A tree takes more memory than text, so it is refused earlier.
    let too_large = |error: &DecodeError| matches!(error.kind(), DecodeErrorKind::TooManyValues(_));
    match &value {
        Err(error) if too_large(error) => assert_eq!(default.0, chosen.0),
        Ok(value) => {
            let borrowed = decoded.to_value_ref().expect("what becomes a tree becomes one that borrows");
            assert_eq!(borrowed.to_value(), *value);
            assert_eq!((&default.0, &chosen.0), (&Ok(()), &Ok(())));
            let by_serde = by_serde.expect("what decodes can be serialized");
            assert_eq!(serde_json::to_string(value).expect("a tree can be serialized"), by_serde);
            let default = json(&default.1[4..]);
            assert!(same(&default, &json(by_serde.as_bytes())), "{default:?} or {by_serde}");
            let chosen = json(&chosen.1[4..]);
            assert!(!options.safe_integers || is_safe(&chosen), "an integer beyond 2^53: {chosen:?}");
        }
        Err(error) => {
            for (written, out) in [default, chosen] {
                assert_eq!(written.as_ref(), Err(error));
                assert_eq!(out, b"kept", "what was there before an error stays, and nothing else");
            }
            let by_serde = by_serde.expect_err("serde sees the error too");
            assert_eq!(by_serde.to_string(), error.to_string());
        }
    }
    value
}

/// Whether two texts say the same, one by the JSON writer and one by serde.
///
/// Serde has no integers beyond 128 bits: where the writer has digits, it has the text of them.
fn same(written: &Json, serialized: &Json) -> bool {
    match (written, serialized) {
        (Json::List(ours), Json::List(theirs)) => {
            ours.len() == theirs.len() && ours.iter().zip(theirs).all(|(ours, theirs)| same(ours, theirs))
        }
        (Json::Object(ours), Json::Object(theirs)) => {
            ours.len() == theirs.len()
                && ours.iter().zip(theirs).all(|(ours, theirs)| ours.0 == theirs.0 && same(ours.1, theirs.1))
        }
        (Json::Plain(digits), Json::Text(text)) => digits == text && digits.parse::<u128>().is_err(),
        (ours, theirs) => ours == theirs,
    }
}

fn is_safe(json: &Json) -> bool {
    match json {
        Json::Plain(text) if text.starts_with(|first: char| first == '-' || first.is_ascii_digit()) => {
            text.trim_start_matches('-').parse::<u128>().is_ok_and(|value| value <= MAX_SAFE)
        }
        Json::Plain(_) | Json::Text(_) => true,
        Json::List(items) => items.iter().all(is_safe),
        Json::Object(entries) => entries.values().all(is_safe),
    }
}
