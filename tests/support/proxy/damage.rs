//! What is done to the text of replies.

use std::borrow::Cow;

use serde_json::value::RawValue;

use super::Action;
use super::upstream::Reply;
use crate::rng::Rng;

/// Methods that a lying node lists and does not have.
const MADE_UP: &[&str] = &[
    "archive_v1_body",
    "archive_v1_call",
    "archive_v1_hashByHeight",
    "archive_v1_header",
    "archive_v1_storage",
    "chainHead_v1_follow",
    "chainSpec_v1_genesisHash",
];

/// The message for an answer.
pub(super) fn message(id: &str, reply: &Reply) -> String {
    match reply {
        Reply::Result(result) => format!(r#"{{"jsonrpc":"2.0","id":{id},"result":{}}}"#, result.get()),
        Reply::Error(error) => format!(r#"{{"jsonrpc":"2.0","id":{id},"error":{}}}"#, error.get()),
    }
}

/// Replaces what a reply says.
pub(super) fn change(reply: Reply, action: &Action) -> Reply {
    let result = match action {
        Action::NullResult => "null".to_owned(),
        Action::Oversize { mib } => format!("\"0x{}\"", "00".repeat(mib << 19)),
        Action::DeepJson(depth) => format!("{}{}", "[".repeat(*depth), "]".repeat(*depth)),
        _ => return reply,
    };
    // Made of brackets, digits and quotes, so it is JSON, which nothing has to check again.
    RawValue::from_string(result).map_or(reply, Reply::Result)
}

/// Adds methods to a list of them.
pub(super) fn more_methods(reply: Reply) -> Reply {
    let Reply::Result(list) = &reply else { return reply };
    let Ok(mut list) = serde_json::from_str::<serde_json::Value>(list.get()) else { return reply };
    if let Some(methods) = list["methods"].as_array_mut() {
        methods.extend(MADE_UP.iter().map(|method| (*method).into()));
    }
    serde_json::value::to_raw_value(&list).map_or(reply, Reply::Result)
}

/// An id that nobody uses.
pub(super) fn other_id(id: &str) -> Cow<'static, str> {
    match id.parse::<u64>() {
        Ok(id) => id.wrapping_add(1 << 40).to_string().into(),
        Err(_) => "\"nobody's\"".into(),
    }
}

/// The first half of a text.
pub(super) fn truncated(text: &str) -> Vec<u8> {
    text.as_bytes()[..text.len() / 2].to_vec()
}

/// Flips bits here and there.
pub(super) fn flip(rng: &mut Rng, bytes: &mut [u8], bits: u32) {
    for _ in 0..bits {
        if !bytes.is_empty() {
            bytes[rng.below(bytes.len())] ^= 1 << rng.below(8);
        }
    }
}
