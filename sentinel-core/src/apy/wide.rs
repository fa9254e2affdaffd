//! Integers of 640 bits: products of amounts and share pools, exact.

use std::cmp::Ordering;

const LIMBS: usize = 10;

/// An unsigned integer, least limb first; what does not fit is `None`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Wide([u64; LIMBS]);

impl Wide {
    pub(super) fn new(value: u128) -> Self {
        let mut limbs = [0; LIMBS];
        limbs[0] = value as u64;
        limbs[1] = (value >> 64) as u64;
        Self(limbs)
    }

    pub(super) fn times(self, factor: u128) -> Option<Self> {
        let low = self.times_limb(factor as u64)?;
        match (factor >> 64) as u64 {
            0 => Some(low),
            high => low.plus(self.times_limb(high)?.times_2_to_64()?),
        }
    }

    /// 2^64 times this: the unit of numbers with 64 fractional bits.
    pub(super) fn times_2_to_64(self) -> Option<Self> {
        let mut limbs = [0; LIMBS];
        limbs[1..].copy_from_slice(&self.0[..LIMBS - 1]);
        (self.0[LIMBS - 1] == 0).then_some(Self(limbs))
    }

    pub(super) fn times_10_to(self, mut power: u64) -> Option<Self> {
        /// The largest power of ten in a limb.
        const STEP: u32 = 19;
        let mut product = self;
        while power > 0 {
            let step = power.min(u64::from(STEP)) as u32;
            product = product.times_limb(10u64.pow(step))?;
            power -= u64::from(step);
        }
        Some(product)
    }

    /// The distance to the other, and on which side of it this is.
    pub(super) fn distance(self, other: Self) -> (Ordering, Self) {
        let order = self.0.iter().rev().cmp(other.0.iter().rev());
        let (mut larger, smaller) = if order == Ordering::Less { (other, self) } else { (self, other) };
        let mut borrow = false;
        for (limb, less) in larger.0.iter_mut().zip(smaller.0) {
            let (once, first) = limb.overflowing_sub(less);
            let (twice, second) = once.overflowing_sub(u64::from(borrow));
            (*limb, borrow) = (twice, first || second);
        }
        (order, larger)
    }

    /// The nearest float; every value of this type is in its range.
    pub(super) fn to_f64(self) -> f64 {
        let Some(top) = self.0.iter().rposition(|&limb| limb != 0) else { return 0.0 };
        let Some(below) = top.checked_sub(1) else { return self.0[0] as f64 };
        let mut leading = u128::from(self.0[top]) << 64 | u128::from(self.0[below]);
        // Sixty-five bits or more are left to round by; what is below them counts as one bit that is never the only one.
        if self.0[..below].iter().any(|&limb| limb != 0) {
            leading |= 1;
        }
        leading as f64 * 2f64.powi(64 * below as i32)
    }

    fn times_limb(self, factor: u64) -> Option<Self> {
        let mut limbs = [0; LIMBS];
        let mut carry = 0u128;
        for (out, limb) in limbs.iter_mut().zip(self.0) {
            carry += u128::from(limb) * u128::from(factor);
            *out = carry as u64;
            carry >>= 64;
        }
        (carry == 0).then_some(Self(limbs))
    }

    fn plus(self, other: Self) -> Option<Self> {
        let mut limbs = [0; LIMBS];
        let mut carry = 0u128;
        for ((out, one), two) in limbs.iter_mut().zip(self.0).zip(other.0) {
            carry += u128::from(one) + u128::from(two);
            *out = carry as u64;
            carry >>= 64;
        }
        (carry == 0).then_some(Self(limbs))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn products_differences_and_floats_are_exact() {
        let one = Wide::new(u128::MAX).times(u128::MAX).unwrap();
        // (2^128 - 1)^2 = 2^256 - 2^129 + 1
        let mut expected = [0; LIMBS];
        expected[0] = 1;
        (expected[2], expected[3]) = (u64::MAX - 1, u64::MAX);
        assert_eq!(one, Wide(expected));
        assert_eq!(one.to_f64(), 2f64.powi(256));
        assert_eq!(one.distance(Wide::new(1)).1.times(3).unwrap().to_f64(), 3.0 * 2f64.powi(256));
        assert_eq!(Wide::new(5).distance(Wide::new(7)), (Ordering::Less, Wide::new(2)));
        assert_eq!(Wide::new(1).times_10_to(38).unwrap(), Wide::new(10u128.pow(38)));
        assert_eq!(Wide::new(1).times_10_to(193), None);
        assert!(Wide::new(1).times_10_to(192).is_some());
    }

    #[test]
    fn floats_are_rounded_to_nearest() {
        // Half way between two floats but for one bit far below.
        let half = Wide::new((1 << 53) + 1).times_10_to(0).unwrap().times_2_to_64().unwrap().times_2_to_64().unwrap();
        assert_eq!(half.to_f64(), 2f64.powi(53 + 128));
        assert_eq!(half.plus(Wide::new(1)).unwrap().to_f64(), (2f64.powi(53) + 2.0) * 2f64.powi(128));
    }
}
