//! Amounts of TAO, kept in their smallest unit.

use std::fmt;

use serde::{Deserialize, Serialize};

/// One TAO is 10^9 rao.
pub const RAO_PER_TAO: u64 = 1_000_000_000;

/// An amount of TAO in rao; displays as TAO with all nine decimals that matter.
///
/// ```
/// # use sentinel_core::chain::Rao;
/// assert_eq!(Rao(500_000).to_string(), "0.0005");
/// assert_eq!(Rao(100_000_000_000).to_string(), "100");
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize)]
#[serde(transparent)]
pub struct Rao(pub u64);

impl fmt::Display for Rao {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (tao, rest) = (self.0 / RAO_PER_TAO, self.0 % RAO_PER_TAO);
        if rest == 0 {
            return f.pad(&tao.to_string());
        }
        f.pad(format!("{tao}.{rest:09}").trim_end_matches('0'))
    }
}
