//! How hex, text, wide integers and eras are spelled.

use std::io::Write as _;

use crate::decode::visit::Integers;

/// Appends lower-case hex digits.
pub(crate) fn push_hex(out: &mut Vec<u8>, bytes: &[u8]) {
    let start = out.len();
    out.resize(start + bytes.len() * 2, 0);
    // The length is right by construction, the only thing that can fail.
    let _ = const_hex::encode_to_slice(bytes, &mut out[start..]);
}

/// Appends a JSON string.
pub(crate) fn write_text(out: &mut Vec<u8>, text: &str) {
    out.push(b'"');
    let bytes = text.as_bytes();
    let mut plain = 0;
    for (at, &byte) in bytes.iter().enumerate() {
        let escape: &[u8] = match byte {
            b'"' => b"\\\"",
            b'\\' => b"\\\\",
            b'\n' => b"\\n",
            b'\r' => b"\\r",
            b'\t' => b"\\t",
            0..=0x1f | 0x7f => b"",
            // The other control characters, which some terminals obey: two bytes, of which this is the first.
            0xc2 if matches!(bytes.get(at + 1), Some(0x80..=0x9f)) => b"",
            _ => continue,
        };
        out.extend_from_slice(&bytes[plain..at]);
        plain = at + 1;
        if !escape.is_empty() {
            out.extend_from_slice(escape);
            continue;
        }
        let mut code = byte;
        if byte == 0xc2 {
            code = bytes[at + 1];
            plain += 1;
        }
        // Writing to a vector cannot fail.
        let _ = write!(out, "\\u{code:04x}");
    }
    out.extend_from_slice(&bytes[plain..]);
    out.push(b'"');
}

/// Appends integers as a JSON list.
pub(super) fn write_integers(out: &mut Vec<u8>, integers: Integers<'_>) {
    match integers.raw() {
        // Weights and uids, by the hundred.
        (bytes, 2) => {
            out.reserve(bytes.len() * 3 + 8);
            out.push(b'[');
            for bytes in bytes.as_chunks::<2>().0 {
                let (digits, len) = short_digits(u16::from_le_bytes(*bytes));
                out.extend_from_slice(&digits);
                out.truncate(out.len() - digits.len() + len);
            }
        }
        _ => {
            out.push(b'[');
            for integer in integers.iter() {
                out.extend_from_slice(itoa::Buffer::new().format(integer).as_bytes());
                out.push(b',');
            }
        }
    }
    match out.last_mut() {
        Some(comma) if *comma == b',' => *comma = b']',
        _ => out.push(b']'),
    }
}

/// The decimal digits of a number with a comma behind them, and how long that is.
#[inline]
fn short_digits(number: u16) -> ([u8; 8], usize) {
    /// Three digits of each number below 1000, the first one lowest.
    static DIGITS: [u32; 1000] = {
        let mut digits = [0; 1000];
        let mut n = 0;
        while n < 1000 {
            let three = [b'0' + (n / 100) as u8, b'0' + (n / 10 % 10) as u8, b'0' + (n % 10) as u8, 0];
            digits[n] = u32::from_le_bytes(three);
            n += 1;
        }
        digits
    };
    let high = u64::from(DIGITS[usize::from(number / 1000)]);
    let low = u64::from(DIGITS[usize::from(number % 1000)]);
    let all = high | low << 24 | u64::from(b',') << 48;
    // Leading zeros are shifted out, but for the last digit; a sum is faster than branches that nothing foretells.
    let zeros = 1 + [10, 100, 1000, 10_000].iter().map(|power| usize::from(number < *power)).sum::<usize>();
    ((all >> (8 * zeros)).to_le_bytes(), 7 - zeros)
}

/// Decimal digits of a little-endian integer of 256 bits.
pub(crate) fn u256_decimal(value: &[u8; 32]) -> String {
    // Base 10^9 long division on 32-bit limbs, most significant first.
    let mut limbs: Vec<u32> =
        value.chunks_exact(4).rev().map(|limb| u32::from_le_bytes([limb[0], limb[1], limb[2], limb[3]])).collect();
    let mut groups = Vec::new();
    while limbs.iter().any(|limb| *limb != 0) {
        let mut rest = 0u64;
        for limb in &mut limbs {
            let value = rest << 32 | u64::from(*limb);
            *limb = (value / 1_000_000_000) as u32;
            rest = value % 1_000_000_000;
        }
        groups.push(rest);
    }
    let Some((first, others)) = groups.split_last() else { return "0".to_owned() };
    let mut text = first.to_string();
    for group in others.iter().rev() {
        text.push_str(&format!("{group:09}"));
    }
    text
}

/// `period` and `phase` of a mortal era, from its two bytes.
pub(crate) fn mortal_era(bytes: [u8; 2]) -> (u64, u64) {
    let encoded = u64::from(u16::from_le_bytes(bytes));
    let period = 2u64 << (encoded % 16);
    let quantize = (period >> 12).max(1);
    (period, (encoded >> 4) * quantize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn wide_integers_in_decimal() {
        assert_eq!(u256_decimal(&[0; 32]), "0");
        let max = "115792089237316195423570985008687907853269984665640564039457584007913129639935";
        assert_eq!(u256_decimal(&[0xff; 32]), max);
        let mut billion = [0; 32];
        billion[..8].copy_from_slice(&1_000_000_000u64.to_le_bytes());
        assert_eq!(u256_decimal(&billion), "1000000000");
    }

    #[test]
    fn eras_in_the_units_of_the_chain() {
        assert_eq!(mortal_era([0xe5, 0x00]), (64, 14));
        assert_eq!(mortal_era([0x04, 0x00]), (32, 0));
        assert_eq!(mortal_era([0xf5, 0xff]), (64, 4095));
        assert_eq!(mortal_era([0xff, 0x01]), (65536, 496));
    }

    #[test]
    fn every_short_integer_has_its_digits() {
        for number in 0..=u16::MAX {
            let (digits, len) = short_digits(number);
            assert_eq!(digits[..len], *format!("{number},").as_bytes());
        }
    }

    #[test]
    fn text_is_escaped() {
        let mut out = Vec::new();
        write_text(&mut out, "a\"b\\c\n\u{1}\u{7f}é");
        assert_eq!(String::from_utf8(out).unwrap(), r#""a\"b\\c\n\u0001\u007fé""#);
        let mut out = Vec::new();
        write_text(&mut out, "\u{9b}31m\u{a0}\u{80}");
        assert_eq!(String::from_utf8(out).unwrap(), "\"\\u009b31m\u{a0}\\u0080\"");
    }
}
