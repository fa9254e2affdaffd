//! The fixed layouts of hyperparameters, for answers that the metadata does not describe.
//!
//! Runtimes before 233 answer with opaque bytes, and metadata of version 14 describes no runtime API at all. Fields
//! have only ever been added at the end, so an older answer is a shorter one.

use parity_scale_codec::{Compact, Decode, Input};

use super::{Raw, Unit};

/// How a field is encoded.
#[derive(Debug, Clone, Copy)]
pub(super) enum Wire {
    Compact,
    Bool,
    /// 32 integer bits over 32 fractional bits.
    I32F32,
}

use Wire::{Bool, Compact as C, I32F32};

/// Fields of the first form: its first 22 in the oldest runtimes, all 27 since.
const FIRST: &[(&str, Wire)] = &[
    ("rho", C),
    ("kappa", C),
    ("immunity_period", C),
    ("min_allowed_weights", C),
    ("max_weights_limit", C),
    ("tempo", C),
    ("min_difficulty", C),
    ("max_difficulty", C),
    ("weights_version", C),
    ("weights_rate_limit", C),
    ("adjustment_interval", C),
    ("activity_cutoff", C),
    ("registration_allowed", Bool),
    ("target_regs_per_interval", C),
    ("min_burn", C),
    ("max_burn", C),
    ("bonds_moving_avg", C),
    ("max_regs_per_block", C),
    ("serving_rate_limit", C),
    ("max_validators", C),
    ("adjustment_alpha", C),
    ("difficulty", C),
    ("commit_reveal_period", C),
    ("commit_reveal_weights_enabled", Bool),
    ("alpha_high", C),
    ("alpha_low", C),
    ("liquid_alpha_enabled", Bool),
];

/// Fields that the second form has after those of the first.
const SECOND: &[(&str, Wire)] = &[
    ("alpha_sigmoid_steepness", I32F32),
    ("yuma_version", C),
    ("subnet_is_active", Bool),
    ("transfers_enabled", Bool),
    ("bonds_reset_enabled", Bool),
    ("user_liquidity_enabled", Bool),
];

/// Reads the first or second form: fields in order until the bytes end, which must be between two of them.
pub(super) fn fields(mut bytes: &[u8], second: bool) -> Result<Vec<(&'static str, Raw)>, String> {
    let more = if second { SECOND } else { &[] };
    let mut found = Vec::with_capacity(FIRST.len() + more.len());
    for (name, wire) in FIRST.iter().chain(more) {
        if bytes.is_empty() {
            break;
        }
        let raw = field(&mut bytes, *wire).ok_or_else(|| format!("the bytes end inside {name}, or are not it"))?;
        found.push((*name, raw));
    }
    match bytes.len() {
        0 if second && found.len() < FIRST.len() + SECOND.len() => {
            Err(format!("{} fields, expected {}", found.len(), FIRST.len() + SECOND.len()))
        }
        0 => Ok(found),
        left => Err(format!("{left} bytes left over after {} fields", found.len())),
    }
}

fn field(bytes: &mut &[u8], wire: Wire) -> Option<Raw> {
    Some(match wire {
        Wire::Compact => Raw::Unsigned(u128::from(Compact::<u64>::decode(bytes).ok()?.0)),
        Wire::Bool => Raw::Bool(bool::decode(bytes).ok()?),
        Wire::I32F32 => Raw::Signed(fixed_integer(i64::decode(bytes).ok()?)),
    })
}

/// The integer in a fixed-point number that never has a fraction: the steepness is stored as a whole number.
pub(super) fn fixed_integer(bits: i64) -> i128 {
    i128::from(bits >> 32)
}

/// Reads the third form: a list of names with typed values.
pub(super) fn entries(mut bytes: &[u8]) -> Result<Vec<(String, Raw, Option<Unit>)>, String> {
    let input = &mut bytes;
    let count = Compact::<u32>::decode(input).map_err(|error| error.to_string())?.0;
    let mut found = Vec::new();
    for at in 0..count {
        let entry = entry(input).ok_or_else(|| format!("entry {at} is none of the known kinds"))?;
        found.push(entry);
    }
    if input.is_empty() { Ok(found) } else { Err(format!("{} bytes left over after {count} entries", input.len())) }
}

fn entry(input: &mut &[u8]) -> Option<(String, Raw, Option<Unit>)> {
    let name = Vec::<u8>::decode(input).ok()?;
    let name = String::from_utf8_lossy(&name).into_owned();
    let unsigned = |value: u128| (Raw::Unsigned(value), None);
    let (raw, unit) = match input.read_byte().ok()? {
        0 => (Raw::Bool(bool::decode(input).ok()?), Some(Unit::Bool)),
        1 => unsigned(Compact::<u16>::decode(input).ok()?.0.into()),
        2 => unsigned(Compact::<u32>::decode(input).ok()?.0.into()),
        3 => unsigned(Compact::<u64>::decode(input).ok()?.0.into()),
        4 => unsigned(Compact::<u128>::decode(input).ok()?.0),
        5 => (Raw::Unsigned(Compact::<u64>::decode(input).ok()?.0.into()), Some(Unit::Rao)),
        6 => (Raw::Signed(fixed_integer(i64::decode(input).ok()?)), Some(Unit::Int)),
        7 => (Raw::Unsigned(u128::decode(input).ok()?), Some(Unit::Fixed128)),
        _ => return None,
    };
    Some((name, raw, unit))
}
