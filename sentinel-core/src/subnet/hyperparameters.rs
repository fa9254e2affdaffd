//! The hyperparameters of subnets, at any block of any runtime.
//!
//! Three sources are joined, the best first: the newest runtime API that the block's runtime has
//! (`get_subnet_hyperparams_v3`, `_v2`, or the first one), then storage, for what that API leaves out and for runtimes
//! without any. Names are those of the API; a name that this library does not know is kept.

mod answer;
mod catalog;
mod changes;
pub mod history;
mod layout;
#[cfg(feature = "source")]
mod read;
#[cfg(feature = "source")]
mod stored;

use std::fmt;

use serde::Serialize;
use serde::ser::{SerializeStruct, Serializer};

use crate::chain::{NetUid, Rao};

pub use answer::{Api, decode_answer};
pub use catalog::{is_automatic, setters_of, storage_items, unit_of};
pub use changes::Changes;
#[cfg(feature = "source")]
pub use read::{read, stored};

/// What the raw integer of a hyperparameter counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
#[non_exhaustive]
pub enum Unit {
    /// A plain number.
    Int,
    /// True or false.
    Bool,
    /// A share of 65,535.
    U16,
    /// A share of 2^64 − 1.
    U64,
    /// A share of 1,000,000.
    PerMillion,
    /// A factor in thousandths.
    PerMille,
    /// TAO in rao.
    Rao,
    /// Blocks.
    Blocks,
    /// Epochs.
    Epochs,
    /// Proof-of-work difficulty.
    Difficulty,
    /// Fixed-point with 64 fractional bits.
    Fixed128,
    /// One of a few choices, by number.
    Choice,
}

impl Serialize for Unit {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.word())
    }
}

impl Unit {
    /// The word for it in JSON and tables.
    pub const fn word(self) -> &'static str {
        match self {
            Self::Int => "int",
            Self::Bool => "bool",
            Self::U16 => "u16",
            Self::U64 => "u64",
            Self::PerMillion => "per_million",
            Self::PerMille => "per_mille",
            Self::Rao => "rao",
            Self::Blocks => "blocks",
            Self::Epochs => "epochs",
            Self::Difficulty => "difficulty",
            Self::Fixed128 => "fixed128",
            Self::Choice => "choice",
        }
    }
}

/// The raw value of a hyperparameter, as the chain has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(untagged)]
pub enum Raw {
    /// True or false.
    Bool(bool),
    /// An integer without sign.
    Unsigned(u128),
    /// An integer with sign.
    Signed(i128),
}

impl fmt::Display for Raw {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Bool(raw) => raw.fmt(f),
            Self::Unsigned(raw) => raw.fmt(f),
            Self::Signed(raw) => raw.fmt(f),
        }
    }
}

/// One hyperparameter.
///
/// Serializes as `{name, raw, value, unit}`, where `value` is the raw value in its unit: a share of one, TAO, blocks.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Hyperparameter {
    /// Name, as the runtime API spells it.
    pub name: String,
    /// Raw value.
    pub raw: Raw,
    /// What the raw value counts.
    pub unit: Unit,
}

/// A value in its unit, as a number.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
#[serde(untagged)]
pub enum Scaled {
    /// A share of one, TAO, a factor.
    Fraction(f64),
    /// What counts whole things, or nothing.
    Plain(Raw),
}

/// The hyperparameters of one subnet.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct SubnetHyperparameters {
    /// The subnet.
    pub netuid: NetUid,
    /// Its hyperparameters: those of the API in its order, then those only storage has.
    pub hyperparameters: Vec<Hyperparameter>,
}

impl SubnetHyperparameters {
    /// A hyperparameter by name.
    pub fn get(&self, name: &str) -> Option<&Hyperparameter> {
        self.hyperparameters.iter().find(|parameter| parameter.name == name)
    }
}

impl Hyperparameter {
    /// The value in its unit as decimal text: `0.4999923705` for a share, `0.0005` for rao, `true`.
    pub fn value(&self) -> String {
        let raw = match self.raw {
            Raw::Bool(raw) => return raw.to_string(),
            Raw::Signed(raw) => return raw.to_string(),
            Raw::Unsigned(raw) => raw,
        };
        match self.unit {
            Unit::U16 => share(raw, 65_535.0),
            Unit::U64 => share(raw, u64::MAX as f64),
            Unit::PerMillion => share(raw, 1e6),
            Unit::PerMille => share(raw, 1e3),
            Unit::Fixed128 => share(raw, 2f64.powi(64)),
            Unit::Rao => u64::try_from(raw).map_or_else(|_| raw.to_string(), |raw| Rao(raw).to_string()),
            _ => raw.to_string(),
        }
    }

    /// The value in its unit as JSON has it: a fraction where the raw value counts parts of something, else the raw value.
    pub fn scaled(&self) -> Scaled {
        let fraction = match (self.raw, self.unit) {
            (
                Raw::Unsigned(_),
                Unit::U16 | Unit::U64 | Unit::PerMillion | Unit::PerMille | Unit::Fixed128 | Unit::Rao,
            ) => self.value().parse().ok(),
            _ => None,
        };
        fraction.map_or(Scaled::Plain(self.raw), Scaled::Fraction)
    }

    /// The value for people: with its unit, where that is not plain.
    pub fn display(&self) -> String {
        let value = self.value();
        match self.unit {
            Unit::Rao => format!("τ{value}"),
            Unit::Blocks => format!("{value} blocks"),
            Unit::Epochs => format!("{value} epochs"),
            Unit::Choice => format!("#{value}"),
            Unit::U16 | Unit::U64 | Unit::PerMillion => percent(&value),
            Unit::PerMille | Unit::Fixed128 => format!("{value} times"),
            Unit::Int | Unit::Bool | Unit::Difficulty => value,
        }
    }
}

fn percent(share: &str) -> String {
    let text = format!("{:.4}", share.parse::<f64>().unwrap_or_default() * 100.0);
    format!("{} %", text.trim_end_matches('0').trim_end_matches('.'))
}

fn share(raw: u128, whole: f64) -> String {
    let text = format!("{:.10}", raw as f64 / whole);
    match text.trim_end_matches('0').trim_end_matches('.') {
        "" => "0".to_owned(),
        text => text.to_owned(),
    }
}

impl Serialize for Hyperparameter {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        let mut fields = serializer.serialize_struct("Hyperparameter", 4)?;
        fields.serialize_field("name", &self.name)?;
        fields.serialize_field("raw", &self.raw)?;
        fields.serialize_field("value", &self.scaled())?;
        fields.serialize_field("unit", &self.unit)?;
        fields.end()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_in_their_units() {
        let parameter = |raw: u128, unit| Hyperparameter { name: String::new(), raw: Raw::Unsigned(raw), unit };
        assert_eq!(parameter(65_535, Unit::U16).value(), "1");
        assert_eq!(parameter(900_000, Unit::PerMillion).value(), "0.9");
        assert_eq!(parameter(500_000, Unit::Rao).display(), "τ0.0005");
        assert_eq!(parameter(23_242_897_532_874_635_674, Unit::Fixed128).value(), "1.26");
        assert_eq!(parameter(0, Unit::U64).value(), "0");
        assert_eq!(parameter(0, Unit::U64).display(), "0 %");
        assert_eq!(parameter(32_767, Unit::U16).display(), "49.9992 %");
        assert_eq!(parameter(360, Unit::Blocks).display(), "360 blocks");
    }
}
