//! What one alpha was worth in TAO, by the rule of the runtime.

use serde::{Deserialize, Serialize};

use super::growth::Growth;
use super::wide::Wide;

/// One, as parts of 10^18.
const PERQUINTILL: u64 = 1_000_000_000_000_000_000;

/// The spot price of alpha, as the integers that it comes from. Not the moving price, which lags by weeks and stops at 1.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Spot {
    /// Root, and subnets whose stake is TAO.
    One,
    /// `SubnetTAO / SubnetAlphaIn`, each with what liquidity providers added on runtimes that had them.
    Reserves {
        /// TAO in the pool, in rao.
        tao: u64,
        /// Alpha in the pool.
        alpha: u64,
    },
    /// The square of `Swap.AlphaSqrtPrice`.
    SqrtPrice {
        /// The bits of a number with 64 fractional bits.
        bits: u128,
    },
    /// Reserves with weights: `(1 − quote) / quote × tao / alpha`.
    Balancer {
        /// TAO in the pool, in rao.
        tao: u64,
        /// Alpha in the pool.
        alpha: u64,
        /// `Swap.SwapBalancer.quote`: the weight of TAO in parts of 10^18.
        quote: u64,
    },
}

/// What the state of one block holds for the price of a subnet's alpha; what the runtime does not have is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SpotState {
    /// The subnet.
    pub netuid: u16,
    /// `SubnetMechanism`: 0 means that its stake is TAO.
    pub mechanism: u16,
    /// `SubnetTAO`, and `SubnetTaoProvided` where there is that.
    pub tao: u64,
    /// `SubnetAlphaIn`, and `SubnetAlphaInProvided` where there is that.
    pub alpha: u64,
    /// `Swap.SwapV3Initialized`.
    pub swap_v3_initialized: Option<bool>,
    /// The bits of `Swap.AlphaSqrtPrice`.
    pub sqrt_price: Option<u128>,
    /// `Swap.SwapBalancer.quote`; where the runtime has the item and not the row, its default of 5 × 10^17.
    pub balancer_quote: Option<u64>,
}

impl Spot {
    /// The price by the rule of the runtime that this state belongs to.
    pub fn of(state: &SpotState) -> Self {
        let SpotState { tao, alpha, .. } = *state;
        match (state.balancer_quote, state.swap_v3_initialized, state.sqrt_price) {
            _ if state.netuid == 0 || state.mechanism == 0 => Self::One,
            (Some(quote), ..) => Self::Balancer { tao, alpha, quote },
            (None, Some(true), Some(bits)) => Self::SqrtPrice { bits },
            _ => Self::Reserves { tao, alpha },
        }
    }

    /// A price that is known as a number only, such as one that was written down, to 63 binary places: all of its digits down to
    /// some 0.0005. `None` for none above 0.
    pub fn of_price(price: f64) -> Option<Self> {
        if !(price > 0.0 && price.is_finite()) {
            return None;
        }
        // The number as tao / 2^shift: what is beyond these bounds is no price.
        let shift = (62 - i64::from(ilogb(price))).clamp(0, 63);
        let tao = (price * 2f64.powi(shift as i32)).round();
        (tao >= 1.0 && tao < 2f64.powi(64)).then_some(Self::Reserves { tao: tao as u64, alpha: 1 << shift })
    }

    /// TAO for one alpha; `None` where a pool is empty.
    pub fn price(&self) -> Option<f64> {
        let (numerator, denominator) = self.parts()?;
        let price = numerator.to_f64() / denominator.to_f64();
        (price > 0.0 && price.is_finite()).then_some(price)
    }

    /// The change from this price to a later one, exact; `None` where a pool is empty.
    pub fn growth_to(&self, later: &Self) -> Option<Growth> {
        let ((old, old_unit), (new, new_unit)) = (self.exact()?, later.exact()?);
        let numerator = new.times(old_unit.0)?.times(old_unit.1)?;
        let denominator = old.times(new_unit.0)?.times(new_unit.1)?;
        Some(Growth::ratio(numerator, denominator, 0))
    }

    fn parts(&self) -> Option<(Wide, Wide)> {
        let (numerator, (one, two)) = self.exact()?;
        Some((numerator, Wide::new(one).times(two)?))
    }

    /// A numerator, and a denominator in two factors.
    fn exact(&self) -> Option<(Wide, (u128, u128))> {
        let (numerator, denominator) = match *self {
            Self::One => (Wide::new(1), (1, 1)),
            Self::Reserves { tao, alpha } => (Wide::new(tao.into()), (alpha.into(), 1)),
            // 2^128 is one more than fits.
            Self::SqrtPrice { bits } => (Wide::new(bits).times(bits)?, (1 << 127, 2)),
            Self::Balancer { tao, alpha, quote } => {
                let base = PERQUINTILL.checked_sub(quote)?;
                // In lowest terms, so that half and half is exactly the reserves.
                let shared = common_divisor(base, quote).max(1);
                (Wide::new(tao.into()).times((base / shared).into())?, (alpha.into(), (quote / shared).into()))
            }
        };
        let some = numerator != Wide::new(0) && denominator.0 > 0 && denominator.1 > 0;
        some.then_some((numerator, denominator))
    }
}

fn common_divisor(one: u64, other: u64) -> u64 {
    if other == 0 { one } else { common_divisor(other, one % other) }
}

/// The power of two below a positive number.
fn ilogb(number: f64) -> i32 {
    let exponent = (number.to_bits() >> 52) as i32 & 0x7ff;
    exponent - 1023
}

#[cfg(test)]
mod tests {
    use super::Spot;

    #[test]
    fn a_written_price_is_itself_again() {
        for price in [0.1 + 0.2, 1.0, 0.05, 7.5, 1e-3, 123_456.789, 1e9] {
            assert_eq!(Spot::of_price(price).and_then(|spot| spot.price()), Some(price), "{price}");
        }
        for (price, apart) in [(1e-6, 1e-12), (1e-15, 1e-3)] {
            let tiny = Spot::of_price(price).and_then(|spot| spot.price()).unwrap_or_default();
            assert!((tiny / price - 1.0).abs() < apart, "{tiny}");
        }
        for none in [0.0, -1.0, f64::NAN, f64::INFINITY, 1e300, 1e-300] {
            assert_eq!(Spot::of_price(none), None, "{none}");
        }
    }
}
