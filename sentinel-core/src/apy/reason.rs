//! Why a return is not a number.

use std::fmt;

use serde::{Deserialize, Serialize};

/// Why there is no return; as JSON and in tables, the word of [`NoReturn::word`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum NoReturn {
    /// The runtime is older than dynamic TAO: stake was TAO, dividends went another way, and there is nothing to read.
    #[serde(rename = "pre_dtao")]
    PreDynamicTao,
    /// Nothing was staked.
    NoStake,
    /// All that is staked is the dividend itself: there was nothing that could have earned it.
    ZeroBase,
    /// More dividends than stake, in state that should not have that: rows of two hotkeys were merged, say.
    DividendExceedsStake,
    /// Dividends were read, but not the stake that they were paid on.
    StakeUnknown,
    /// No epoch ran, or none was read.
    NoEpochs,
    /// The netuid was given to another subnet and nothing is known of that one yet.
    SubnetReplaced,
    /// A price in TAO is missing where one is needed.
    PriceUnknown,
    /// A rate that can only rise fell: its counting began anew.
    RateFell,
    /// The number is too large to be one: a year of growth on dust.
    Overflow,
    /// What was given is not a number, or nothing would be left of the stake.
    NotANumber,
}

impl NoReturn {
    /// The word for it in JSON, tables and Python.
    pub fn word(self) -> &'static str {
        match self {
            Self::PreDynamicTao => "pre_dtao",
            Self::NoStake => "no_stake",
            Self::ZeroBase => "zero_base",
            Self::DividendExceedsStake => "dividend_exceeds_stake",
            Self::StakeUnknown => "stake_unknown",
            Self::NoEpochs => "no_epochs",
            Self::SubnetReplaced => "subnet_replaced",
            Self::PriceUnknown => "price_unknown",
            Self::RateFell => "rate_fell",
            Self::Overflow => "overflow",
            Self::NotANumber => "not_a_number",
        }
    }
}

impl fmt::Display for NoReturn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.word())
    }
}
