//! What root stakers earned, in the three ways in which the chain has paid them.
//!
//! Runtimes 233 to 326 added TAO to the pool of (hotkey, root): the growth is that of its [`SharePrice`](super::SharePrice),
//! as for any subnet. Then came claims ([`root_by_claims`]), then baskets ([`root_by_basket`]).

use super::growth::{Compound, Growth, Sum};
use super::reason::NoReturn;
use super::wide::Wide;

/// `RootClaimable` of a hotkey for one subnet, at both ends of a window.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct ClaimableChange {
    /// Alpha that can be claimed for each unit of root stake, since the beginning: the bits of a number with 32 fractional
    /// bits. 0 where there is no entry.
    pub before: i128,
    /// The same at the end of the window.
    pub after: i128,
    /// What that subnet's alpha was worth in TAO, by [`Spot::price`](super::Spot::price); needed where the rate moved.
    pub price: Option<f64>,
}

/// The return of root stake over a window by claims, as a simple ratio (it does not compound): the sum over all subnets of
/// the rate's rise times the price.
///
/// # Errors
/// [`NoReturn::RateFell`] where a rate is lower at the end, [`NoReturn::PriceUnknown`] where one moved and has no price,
/// [`NoReturn::Overflow`] for what is not a number any more.
pub fn root_by_claims(changes: &[ClaimableChange]) -> Result<f64, NoReturn> {
    /// One, with 32 fractional bits.
    const ONE: f64 = 4_294_967_296.0;
    let mut sum = Sum::default();
    for change in changes {
        match change.after.checked_sub(change.before).ok_or(NoReturn::Overflow)? {
            0 => {}
            ..0 => return Err(NoReturn::RateFell),
            rise => {
                let price = change.price.filter(|price| price.is_finite() && *price >= 0.0);
                let price = price.ok_or(NoReturn::PriceUnknown)?;
                sum.push(rise as f64 / ONE * price);
            }
        }
    }
    let total = sum.total();
    if total.is_finite() { Ok(total) } else { Err(NoReturn::Overflow) }
}

/// `BasketTwr` of a hotkey at one time.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct BasketReading {
    /// The chain's timestamp.
    pub timestamp_ms: u64,
    /// The bits of a number with 64 fractional bits: what one TAO staked at the beginning would be now.
    pub twr: u128,
    /// Whether the fund is known to have been empty at some time since the reading before, so that counting began anew.
    pub drained: bool,
}

/// What a basket returned, over the time in which that can be told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct BasketReturn {
    /// The growth in TAO; across a reset, that before and that after.
    pub growth: Growth,
    /// How long that took. From the last reading before a reset to the reset, nobody knows.
    pub covered_ms: u64,
    /// How often counting began anew.
    pub resets: u32,
}

/// The growth of root stake by its validator's basket: `BasketTwr(t1) / BasketTwr(t0)`, split where it was reset to 1.0.
///
/// # Errors
/// [`NoReturn::NoEpochs`] where no two readings belong together.
pub fn root_by_basket(readings: &[BasketReading]) -> Result<BasketReturn, NoReturn> {
    const ONE: u128 = 1 << 64;
    let mut product = Compound::default();
    let (mut covered_ms, mut resets) = (0, 0);
    for pair in readings.windows(2) {
        let (old, new) = (pair[0], pair[1]);
        // Nothing else leads back to exactly one.
        if new.drained || (new.twr == ONE && old.twr != ONE) {
            resets += 1;
            continue;
        }
        let elapsed = new.timestamp_ms.checked_sub(old.timestamp_ms).filter(|&elapsed| elapsed > 0);
        let growth = ratio(old.twr, new.twr);
        if let (Some(elapsed), Some(growth)) = (elapsed, growth) {
            product.then(growth);
            covered_ms += elapsed;
        }
    }
    if covered_ms == 0 {
        return Err(NoReturn::NoEpochs);
    }
    Ok(BasketReturn { growth: product.growth(), covered_ms, resets })
}

fn ratio(old: u128, new: u128) -> Option<Growth> {
    (old > 0 && new > 0).then(|| Growth::ratio(Wide::new(new), Wide::new(old), 0))
}
