//! `a × b / c` whose product needs up to 256 bits.

/// `a × b / c`, rounded down; the largest number where the result does not fit or `c` is 0.
pub(super) fn mul_div(a: u128, b: u128, c: u128) -> u128 {
    if c == 0 {
        return u128::MAX;
    }
    if let Some(product) = a.checked_mul(b) {
        return product / c;
    }
    let (high, low) = mul(a, b);
    if high >= c {
        return u128::MAX;
    }
    match u64::try_from(c) {
        Ok(c) => divide_short(high, low, c.into()),
        Err(_) => divide(high, low, c),
    }
}

/// The product as its upper and lower half.
fn mul(a: u128, b: u128) -> (u128, u128) {
    const LOW: u128 = u64::MAX as u128;
    let (a1, a0) = (a >> 64, a & LOW);
    let (b1, b0) = (b >> 64, b & LOW);
    let low = a0 * b0;
    let (middle, carried) = (a1 * b0).overflowing_add(a0 * b1);
    let (low, carry) = low.overflowing_add(middle << 64);
    let high = a1 * b1 + (middle >> 64) + (u128::from(carried) << 64) + u128::from(carry);
    (high, low)
}

/// Division by a number of 64 bits, two digits of 64 bits one after the other.
fn divide_short(high: u128, low: u128, c: u128) -> u128 {
    let upper = (high << 64) | (low >> 64);
    let rest = upper % c;
    ((upper / c) << 64) | (((rest << 64) | (low & u128::from(u64::MAX))) / c)
}

/// Long division by bits of `high·2^128 + low`; `high` is smaller than `c`, so that the quotient fits.
fn divide(high: u128, low: u128, c: u128) -> u128 {
    let (mut rest, mut quotient) = (high, 0u128);
    for bit in (0..128).rev() {
        let carry = rest >> 127;
        rest = (rest << 1) | ((low >> bit) & 1);
        quotient <<= 1;
        if carry == 1 || rest >= c {
            rest = rest.wrapping_sub(c);
            quotient |= 1;
        }
    }
    quotient
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_products_are_divided_exactly() {
        let big = u128::MAX / 3;
        assert_eq!(mul_div(big, 9, 9), big);
        assert_eq!(mul_div(u128::MAX, u128::MAX, u128::MAX), u128::MAX);
        assert_eq!(mul_div(10u128.pow(30), 10u128.pow(30), 10u128.pow(25)), 10u128.pow(35));
        assert_eq!(mul_div((1 << 100) + 7, 1 << 60, 1 << 50), ((1 << 100) + 7) << 10);
        assert_eq!(mul_div(5, 7, 0), u128::MAX);
        assert_eq!(
            mul_div(u128::MAX - 4, 1_000_000_007, 1 << 63),
            (u128::MAX - 4) / (1 << 63) * 1_000_000_007 + 1_000_000_006
        );
        // The remainder is dropped, never rounded up.
        assert_eq!(mul_div((1 << 127) + 1, 3, 1 << 126), 6);
    }
}
