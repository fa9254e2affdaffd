//! Factors by which a holding grows, kept so that a billionth is not lost beside the one.

use std::cmp::Ordering;
use std::f64::consts::LN_10;

use super::wide::Wide;

/// A factor of growth: what it adds, and its logarithm, neither of which suffers from cancellation.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Growth {
    /// The factor less one; infinite where it is beyond a float, which only `excess` may tell.
    excess: f64,
    ln: f64,
}

impl Growth {
    /// Nothing gained, nothing lost.
    pub const NONE: Self = Self { excess: 0.0, ln: 0.0 };

    /// A growth by this share: 0.01 for one per cent. `None` where that is no number, or nothing would be left.
    pub fn by(excess: f64) -> Option<Self> {
        (excess > -1.0 && excess.is_finite()).then(|| Self { excess, ln: excess.ln_1p() })
    }

    /// The growth with this logarithm; `None` where that is no number.
    pub fn from_ln(ln: f64) -> Option<Self> {
        ln.is_finite().then(|| Self { excess: ln.exp_m1(), ln })
    }

    /// What is gained for each unit: the factor less one. `None` where it is beyond a float.
    pub fn excess(&self) -> Option<f64> {
        self.excess.is_finite().then_some(self.excess)
    }

    /// The natural logarithm of the factor.
    pub fn ln(&self) -> f64 {
        self.ln
    }

    /// This, then the other.
    pub fn then(self, other: Self) -> Self {
        let ln = self.ln + other.ln;
        let small = self.excess.abs() < 0.5 && other.excess.abs() < 0.5;
        let excess = if small { self.excess + other.excess + self.excess * other.excess } else { ln.exp_m1() };
        Self { excess, ln: if small { excess.ln_1p() } else { ln } }
    }

    /// What undoes this.
    pub fn inverse(self) -> Self {
        Self { excess: (-self.ln).exp_m1(), ln: -self.ln }
    }

    /// `numerator / denominator × 10^power`; neither is zero.
    pub(super) fn ratio(numerator: Wide, denominator: Wide, power: i128) -> Self {
        let distance = u64::try_from(power.unsigned_abs()).ok();
        let scale = |wide: Wide| distance.and_then(|distance| wide.times_10_to(distance));
        let exact = match power.cmp(&0) {
            Ordering::Less => scale(denominator).map(|denominator| Self::exact(numerator, denominator)),
            Ordering::Equal => Some(Self::exact(numerator, denominator)),
            Ordering::Greater => scale(numerator).map(|numerator| Self::exact(numerator, denominator)),
        };
        exact.unwrap_or_else(|| {
            // More than 640 bits: the factor is far from one, and its logarithm says all about it.
            let ln = numerator.to_f64().ln() - denominator.to_f64().ln() + power as f64 * LN_10;
            Self { excess: ln.exp_m1(), ln }
        })
    }

    fn exact(numerator: Wide, denominator: Wide) -> Self {
        let (order, distance) = numerator.distance(denominator);
        let below = denominator.to_f64();
        let size = distance.to_f64() / below;
        let excess = if order == Ordering::Less { -size } else { size };
        let ln = if size < 0.5 { excess.ln_1p() } else { (numerator.to_f64() / below).ln() };
        Self { excess, ln }
    }
}

/// The product of many growths, epoch by epoch, with a compensated sum: the error does not grow with their number.
#[derive(Debug, Clone, Copy, Default)]
pub struct Compound {
    /// Of what is not in `logs` yet: the factor less one, in two parts.
    excess: f64,
    carry: f64,
    /// Whatever is far from one, in two parts.
    logs: (f64, f64),
    folded: bool,
}

/// The sum, and what rounding left out of it.
fn two_sum(one: f64, two: f64) -> (f64, f64) {
    let sum = one + two;
    let part = sum - one;
    (sum, (one - (sum - part)) + (two - part))
}

impl Compound {
    /// Beyond this, what has been collected moves into the logarithm, so that nothing overflows.
    const NEAR: f64 = 0.5;

    /// One more epoch with this return, which is finite and above -1.
    #[inline]
    pub(super) fn push(&mut self, excess: f64) {
        let (sum, error) = two_sum(self.excess, excess + excess * self.excess);
        self.excess = sum;
        self.carry += error;
        if sum.abs() > Self::NEAR {
            self.fold();
        }
    }

    /// One more growth.
    pub fn then(&mut self, growth: Growth) {
        if growth.excess.abs() < Self::NEAR {
            self.push(growth.excess);
        } else {
            self.add_ln(growth.ln);
        }
    }

    /// All of another product.
    pub(super) fn append(&mut self, other: &Self) {
        if other.folded {
            self.add_ln(other.ln());
        } else {
            self.push(other.excess + other.carry);
        }
    }

    /// All of it as one growth.
    pub fn growth(&self) -> Growth {
        let ln = self.ln();
        Growth { excess: if self.folded { ln.exp_m1() } else { self.excess + self.carry }, ln }
    }

    fn ln(&self) -> f64 {
        self.logs.0 + (self.logs.1 + (self.excess + self.carry).ln_1p())
    }

    #[cold]
    fn fold(&mut self) {
        let ln = (self.excess + self.carry).ln_1p();
        (self.excess, self.carry) = (0.0, 0.0);
        self.add_ln(ln);
    }

    fn add_ln(&mut self, ln: f64) {
        let (sum, error) = two_sum(self.logs.0, ln);
        self.logs = (sum, self.logs.1 + error);
        self.folded = true;
    }
}

/// A compensated sum.
#[derive(Debug, Clone, Copy, Default)]
pub(super) struct Sum(f64, f64);

impl Sum {
    #[inline]
    pub(super) fn push(&mut self, value: f64) {
        let (sum, error) = two_sum(self.0, value);
        (self.0, self.1) = (sum, self.1 + error);
    }

    pub(super) fn total(self) -> f64 {
        self.0 + self.1
    }
}
