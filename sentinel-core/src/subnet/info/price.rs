//! The spot price of alpha in TAO, by the rule of each runtime.

use serde::Serialize;

use crate::apy::Spot;

/// By which rule a runtime prices alpha.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum PriceRule {
    /// A subnet without a pool: one alpha is one TAO.
    Stable,
    /// TAO in the pool over alpha in it; 233 to 282, and later pools that were not opened yet.
    Reserves,
    /// The square of a stored root; 283 to 422.
    SqrtPrice,
    /// Reserves, weighted by the balancer; since 423.
    Balancer,
}

/// What a price is made of, as the chain has it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
pub struct PriceInputs {
    /// The rule.
    pub rule: PriceRule,
    /// TAO in the pool, rao.
    pub tao_in: u64,
    /// Alpha in the pool, alpha-rao.
    pub alpha_in: u64,
    /// `Swap.AlphaSqrtPrice`, 64 of its bits behind the point.
    pub sqrt_price_bits: Option<u128>,
    /// `Swap.SwapBalancer`: the weight of TAO in 10^18ths.
    pub balancer_quote: Option<u64>,
}

impl PriceInputs {
    /// TAO for one alpha; `None` for an empty pool.
    ///
    /// ```
    /// use sentinel_core::subnet::info::{PriceInputs, PriceRule};
    ///
    /// let pool = PriceInputs {
    ///     rule: PriceRule::Balancer,
    ///     tao_in: 1_000,
    ///     alpha_in: 4_000,
    ///     sqrt_price_bits: None,
    ///     balancer_quote: Some(600_000_000_000_000_000),
    /// };
    /// // 0.4 / 0.6 of what the reserves alone say.
    /// assert!((pool.price().unwrap() - 1.0 / 6.0).abs() < 1e-15);
    /// ```
    pub fn price(&self) -> Option<f64> {
        self.spot().price()
    }

    /// The same for the arithmetic of returns.
    pub fn spot(&self) -> Spot {
        let (tao, alpha) = (self.tao_in, self.alpha_in);
        match (self.rule, self.sqrt_price_bits) {
            (PriceRule::Stable, _) => Spot::One,
            (PriceRule::SqrtPrice, Some(bits)) => Spot::SqrtPrice { bits },
            (PriceRule::Balancer, _) => {
                // Half and half, where nothing else was set.
                Spot::Balancer { tao, alpha, quote: self.balancer_quote.unwrap_or(500_000_000_000_000_000) }
            }
            (PriceRule::SqrtPrice, None) => Spot::SqrtPrice { bits: 0 },
            (PriceRule::Reserves, _) => Spot::Reserves { tao, alpha },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const POOL: PriceInputs =
        PriceInputs { rule: PriceRule::Reserves, tao_in: 3, alpha_in: 4, sqrt_price_bits: None, balancer_quote: None };

    #[test]
    fn each_rule_has_its_price() {
        assert_eq!(POOL.price(), Some(0.75));
        assert_eq!(PriceInputs { alpha_in: 0, ..POOL }.price(), None, "an empty pool has no price");
        assert_eq!(PriceInputs { rule: PriceRule::Stable, ..POOL }.price(), Some(1.0));
        assert_eq!(PriceInputs { rule: PriceRule::Balancer, ..POOL }.price(), Some(0.75), "half and half by default");
        let root = PriceInputs { rule: PriceRule::SqrtPrice, sqrt_price_bits: Some(3 << 63), ..POOL };
        assert_eq!(root.price(), Some(2.25));
        assert_eq!(PriceInputs { sqrt_price_bits: None, ..root }.price(), None);
    }
}
