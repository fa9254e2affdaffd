//! Exact fractions, which arithmetic with floats is compared with.

use num_bigint::BigInt;
use num_traits::{Signed, ToPrimitive, Zero};

/// A fraction that is never reduced.
#[derive(Debug, Clone)]
pub struct Fraction {
    /// Above the line.
    pub numerator: BigInt,
    /// Below the line; positive.
    pub denominator: BigInt,
}

impl Fraction {
    /// Of two integers.
    pub fn new(numerator: impl Into<BigInt>, denominator: impl Into<BigInt>) -> Self {
        Self { numerator: numerator.into(), denominator: denominator.into() }
    }

    /// The product.
    pub fn times(&self, other: &Self) -> Self {
        Self::new(&self.numerator * &other.numerator, &self.denominator * &other.denominator)
    }

    /// This to a power.
    pub fn power(&self, power: u32) -> Self {
        Self::new(self.numerator.pow(power), self.denominator.pow(power))
    }

    /// Less one.
    pub fn less_one(&self) -> Self {
        Self::new(&self.numerator - &self.denominator, self.denominator.clone())
    }

    /// The float nearest to it, but for its last bit; infinite beyond the range of floats.
    pub fn to_f64(&self) -> f64 {
        if self.numerator.is_zero() {
            return 0.0;
        }
        // As many bits as it takes for a quotient of 96.
        let shift = 96 - (self.numerator.bits() as i64 - self.denominator.bits() as i64);
        let size = self.numerator.abs();
        let quotient = if shift >= 0 {
            (size << shift.unsigned_abs()) / &self.denominator
        } else {
            size / (&self.denominator << shift.unsigned_abs())
        };
        let float = quotient.to_f64().unwrap_or(f64::INFINITY);
        // In two steps, since 2^shift itself may be out of range.
        let half = (-shift / 2) as i32;
        let size = float * 2f64.powi(half) * 2f64.powi((-shift) as i32 - half);
        if self.numerator.is_negative() { -size } else { size }
    }

    /// How far a float is from it, relative to it.
    pub fn error_of(&self, float: f64) -> f64 {
        let exact = self.to_f64();
        if exact == 0.0 { float.abs() } else { ((float - exact) / exact).abs() }
    }
}
