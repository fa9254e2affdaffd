//! Answers of the runtime APIs, described by the metadata or not.

use parity_scale_codec::{Compact, Decode};

use super::layout;
use super::{Hyperparameter, Raw, Unit, unit_of};
use crate::chain::BlockRef;
use crate::decode::{Runtime, Value};
use crate::subnet::SubnetError;

/// The runtime APIs that answer with hyperparameters, newest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Api {
    /// A list of named, typed values; since 413.
    V3,
    /// 33 fields; since 283.
    V2,
    /// Up to 27 fields; opaque bytes until 218.
    V1,
}

impl Api {
    /// All, newest first.
    pub const ALL: [Self; 3] = [Self::V3, Self::V2, Self::V1];

    /// Name of the runtime function.
    pub fn function(self) -> &'static str {
        match self {
            Self::V3 => "SubnetInfoRuntimeApi_get_subnet_hyperparams_v3",
            Self::V2 => "SubnetInfoRuntimeApi_get_subnet_hyperparams_v2",
            Self::V1 => "SubnetInfoRuntimeApi_get_subnet_hyperparams",
        }
    }

    /// The function of this name, with its trait or without.
    pub fn of_function(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| {
            let function = api.function();
            function == name || function.split_once('_').is_some_and(|(_, method)| method == name)
        })
    }
}

/// Decodes an answer; `None` where the chain says that there is no such subnet.
///
/// Where the runtime's metadata describes the function, its types decide; otherwise the known layouts do. An opaque
/// answer (a byte vector around the encoding, as runtimes until 218 give) is unwrapped.
pub fn decode_answer(
    runtime: &Runtime,
    api: Api,
    answer: &[u8],
    at: &BlockRef,
) -> Result<Option<Vec<Hyperparameter>>, SubnetError> {
    let unknown = |message: String| SubnetError::Layout { what: api.function().to_owned(), block: at.number, message };
    if let Some(described) = runtime.api_answer(api.function(), answer) {
        let value = described.to_value().map_err(|source| SubnetError::Decode {
            what: api.function().to_owned(),
            block: at.number,
            source,
        })?;
        return match value {
            Value::Null => Ok(None),
            Value::Bytes(opaque) => inner(api, &opaque).map_err(unknown),
            Value::Record(fields) => {
                Ok(Some(fields.iter().filter_map(|(name, value)| parameter(name, value)).collect()))
            }
            Value::List(entries) => Ok(Some(entries.iter().filter_map(named_entry).collect())),
            other => Err(unknown(format!("{other:?} is neither fields nor a list"))),
        };
    }
    match opaque(answer) {
        Some(bytes) => inner(api, bytes).map_err(unknown),
        None => match answer.split_first() {
            Some((0, [])) => Ok(None),
            Some((1, bytes)) => layouts(api, bytes).map(Some).map_err(unknown),
            _ => Err(unknown(format!("{} bytes that are no option", answer.len()))),
        },
    }
}

/// The content of a byte vector that fills the whole answer.
fn opaque(answer: &[u8]) -> Option<&[u8]> {
    let mut rest = answer;
    let len = Compact::<u32>::decode(&mut rest).ok()?.0 as usize;
    // An option of a struct cannot be mistaken for this: its second byte would have to be its own length.
    (len == rest.len()).then_some(rest)
}

/// Opaque bytes hold the fields themselves; none at all mean that there is no such subnet.
fn inner(api: Api, bytes: &[u8]) -> Result<Option<Vec<Hyperparameter>>, String> {
    if bytes.is_empty() { Ok(None) } else { layouts(api, bytes).map(Some) }
}

fn layouts(api: Api, bytes: &[u8]) -> Result<Vec<Hyperparameter>, String> {
    let known = |name: &str, raw: Raw| Hyperparameter {
        name: name.to_owned(),
        raw,
        unit: unit_of(name).unwrap_or(natural_unit(raw)),
    };
    match api {
        Api::V1 | Api::V2 => {
            let fields = layout::fields(bytes, api == Api::V2)?;
            Ok(fields.into_iter().map(|(name, raw)| known(name, raw)).collect())
        }
        Api::V3 => Ok(layout::entries(bytes)?
            .into_iter()
            .map(|(name, raw, unit)| {
                let unit = unit_of(&name).or(unit).unwrap_or(natural_unit(raw));
                Hyperparameter { name, raw, unit }
            })
            .collect()),
    }
}

fn natural_unit(raw: Raw) -> Unit {
    match raw {
        Raw::Bool(_) => Unit::Bool,
        Raw::Unsigned(_) | Raw::Signed(_) => Unit::Int,
    }
}

/// A field of the first or second form, as the metadata describes it.
fn parameter(name: &str, value: &Value) -> Option<Hyperparameter> {
    let raw = raw(value)?;
    // Runtime 218 and before call the reveal period by the unit it then had.
    Some(Hyperparameter { name: name.to_owned(), raw, unit: unit_of(name).unwrap_or(natural_unit(raw)) })
}

/// An entry of the third form: `{name, value: {"U16": 360}}`.
fn named_entry(entry: &Value) -> Option<Hyperparameter> {
    let name = match entry.get("name")? {
        Value::Bytes(name) => String::from_utf8_lossy(name).into_owned(),
        Value::Text(name) => name.clone(),
        _ => return None,
    };
    let Value::Variant { name: kind, fields: Some(value) } = entry.get("value")? else { return None };
    let raw = raw(value)?;
    let kind = match kind.as_str() {
        "TaoBalance" => Unit::Rao,
        "U64F64" => Unit::Fixed128,
        _ => natural_unit(raw),
    };
    let unit = unit_of(&name).unwrap_or(kind);
    Some(Hyperparameter { name, raw, unit })
}

/// An integer, a flag, or the bits of a fixed-point number.
pub(super) fn raw(value: &Value) -> Option<Raw> {
    match value {
        Value::Bool(value) => Some(Raw::Bool(*value)),
        Value::Unsigned(value) => Some(Raw::Unsigned(*value)),
        Value::Signed(value) => Some(Raw::Signed(*value)),
        Value::Record(fields) => match fields.as_slice() {
            [(name, Value::Signed(bits))] if name == "bits" => {
                i64::try_from(*bits).ok().map(|bits| Raw::Signed(layout::fixed_integer(bits)))
            }
            [(name, Value::Unsigned(bits))] if name == "bits" => Some(Raw::Unsigned(*bits)),
            _ => None,
        },
        _ => None,
    }
}
