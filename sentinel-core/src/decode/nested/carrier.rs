//! Which calls carry others, where, and with which origin.

use parity_scale_codec::{Compact, Encode};

use super::Origin;
use crate::chain::{AccountId, blake2_256};
use crate::decode::value::{Call, Value};

/// A call inside another.
pub(super) struct Carried<'c> {
    pub(super) step: String,
    pub(super) call: &'c Call,
    pub(super) origin: Origin,
}

/// Prefix of the accounts that the utility and multisig pallets derive.
const DERIVED: &[u8; 16] = b"modlpy/utilisuba";

/// Whether calls of this pallet may carry others, so that one is worth decoding to see.
pub(super) fn may_carry(pallet: &str) -> bool {
    matches!(pallet, "Utility" | "Sudo" | "Proxy" | "Multisig" | "Scheduler" | "Crowdloan")
}

/// The calls directly inside `call`, when that runs as `origin`.
pub(super) fn carried(call: &Call, origin: Origin) -> Vec<Carried<'_>> {
    let one = |argument: &str, origin: Origin| -> Vec<Carried<'_>> {
        let inner = call.arg(argument).and_then(Value::as_call);
        inner.map(|inner| Carried { step: argument.to_owned(), call: inner, origin }).into_iter().collect()
    };
    if !may_carry(&call.pallet) {
        return Vec::new();
    }
    match (call.pallet.as_str(), call.name.as_str()) {
        ("Utility", "batch" | "batch_all" | "force_batch") => call
            .arg("calls")
            .and_then(Value::as_list)
            .unwrap_or_default()
            .iter()
            .enumerate()
            .filter_map(|(at, inner)| Some(Carried { step: format!("calls[{at}]"), call: inner.as_call()?, origin }))
            .collect(),
        ("Utility", "as_derivative") => one("call", derivative(call, origin)),
        ("Utility", "dispatch_as" | "dispatch_as_fallible") => one("call", given_origin(call)),
        ("Utility", "with_weight") => one("call", origin),
        ("Utility", "if_else") => {
            let mut both = one("main", origin);
            both.extend(one("fallback", origin));
            both
        }
        ("Sudo", "sudo" | "sudo_unchecked_weight") => one("call", Origin::Root),
        ("Sudo", "sudo_as") => one("call", account_arg(call, "who")),
        ("Proxy", "proxy" | "proxy_announced") => one("call", account_arg(call, "real")),
        ("Multisig", "as_multi" | "as_multi_threshold_1") => one("call", multisig(call, origin)),
        ("Scheduler", name) if name.starts_with("schedule") => one("call", Origin::Root),
        ("Crowdloan", "create") => one("call", origin),
        _ => Vec::new(),
    }
}

fn account_arg(call: &Call, name: &str) -> Origin {
    call.arg(name).and_then(Value::as_account).map_or(Origin::Unknown, Origin::Account)
}

fn derivative(call: &Call, origin: Origin) -> Origin {
    let index = call.arg("index").and_then(Value::as_u64).and_then(|index| u16::try_from(index).ok());
    match (origin, index) {
        (Origin::Account(who), Some(index)) => {
            Origin::Account(AccountId(blake2_256(&(DERIVED, who.0, index).encode())))
        }
        _ => Origin::Unknown,
    }
}

/// The origin that `dispatch_as` names: `{"system": {"Signed": account}}` or `{"system": "Root"}`.
fn given_origin(call: &Call) -> Origin {
    let Some(Value::Variant { fields: Some(system), .. }) = call.arg("as_origin") else { return Origin::Unknown };
    match &**system {
        Value::Variant { name, fields: None } if name == "Root" => Origin::Root,
        Value::Variant { name, fields: Some(who) } if name == "Signed" => {
            who.as_account().map_or(Origin::Unknown, Origin::Account)
        }
        _ => Origin::Unknown,
    }
}

fn multisig(call: &Call, origin: Origin) -> Origin {
    let Origin::Account(who) = origin else { return Origin::Unknown };
    let others = call.arg("other_signatories").and_then(Value::as_list).unwrap_or_default();
    let threshold = match call.name.as_str() {
        "as_multi_threshold_1" => Some(1),
        _ => call.arg("threshold").and_then(Value::as_u64).and_then(|threshold| u16::try_from(threshold).ok()),
    };
    let mut signatories: Vec<[u8; 32]> =
        others.iter().filter_map(Value::as_account).chain([who]).map(|account| account.0).collect();
    let (Some(threshold), true) = (threshold, signatories.len() == others.len() + 1) else { return Origin::Unknown };
    signatories.sort_unstable();
    let mut preimage = DERIVED.to_vec();
    Compact(signatories.len() as u32).encode_to(&mut preimage);
    signatories.iter().for_each(|account| preimage.extend_from_slice(account));
    threshold.encode_to(&mut preimage);
    Origin::Account(AccountId(blake2_256(&preimage)))
}
