//! The price of a share of a validator's pool: what a nominator's holding follows exactly.

use super::growth::Growth;
use super::wide::Wide;

/// How many shares a pool has: the two forms in which the chain keeps that.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Shares {
    /// `TotalHotkeyShares`: the bits of a number with 64 fractional bits.
    Fixed(u128),
    /// `TotalHotkeySharesV2`: `mantissa × 10^exponent`.
    Float {
        /// The digits.
        mantissa: u128,
        /// The power of ten.
        exponent: i64,
    },
}

impl Shares {
    fn is_zero(self) -> bool {
        matches!(self, Self::Fixed(0) | Self::Float { mantissa: 0, .. })
    }

    /// Digits, power of ten, and whether they are in units of 2^-64.
    fn parts(self) -> (u128, i128, bool) {
        match self {
            Self::Fixed(bits) => (bits, 0, true),
            Self::Float { mantissa, exponent } => (mantissa, i128::from(exponent), false),
        }
    }
}

/// The stake of a pool over its shares. Dividends raise it; staking and unstaking do not.
///
/// Two of the *same* pool give the exact growth of whatever was in it from one block to the other, with no epoch between
/// them read. A hotkey swap, a pool that was emptied and a subnet that was dissolved begin a new pool.
///
/// ```
/// use sentinel_core::apy::{SharePrice, Shares};
///
/// let before = SharePrice::new(1_001_800_000_000, Shares::Fixed(1000 << 64)).ok_or("empty")?;
/// let after = SharePrice::new(1_010_000_000_000, Shares::Fixed(1000 << 64)).ok_or("empty")?;
/// assert_eq!(before.growth_to(after).excess(), Some(8.2 / 1001.8));
/// # Ok::<(), &str>(())
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SharePrice {
    stake: u64,
    shares: Shares,
}

impl SharePrice {
    /// From `TotalHotkeyAlpha` and the shares in the state of one block; `None` for a pool that is empty, which has no price.
    pub fn new(stake: u64, shares: Shares) -> Option<Self> {
        (stake > 0 && !shares.is_zero()).then_some(Self { stake, shares })
    }

    /// The growth from this price to a later one of the same pool. All digits count: the result is right to the last bits of
    /// a float however long the mantissas are.
    pub fn growth_to(self, later: Self) -> Growth {
        let ((old, old_power, old_fixed), (new, new_power, new_fixed)) = (self.shares.parts(), later.shares.parts());
        let (mut numerator, mut denominator) =
            (Wide::new(later.stake.into()).times(old), Wide::new(self.stake.into()).times(new));
        // A pool changes from one form to the other when it is next written to.
        if new_fixed && !old_fixed {
            numerator = numerator.and_then(Wide::times_2_to_64);
        }
        if old_fixed && !new_fixed {
            denominator = denominator.and_then(Wide::times_2_to_64);
        }
        // 64 + 128 + 64 bits fit into 640.
        numerator.zip(denominator).map_or(Growth::NONE, |(numerator, denominator)| {
            Growth::ratio(numerator, denominator, old_power - new_power)
        })
    }
}
