//! Good bytes gone bad: what a broken disk, a wrong runtime or an attacker makes of them.

use crate::rng::Rng;

/// What stands where a length or an index was expected: each asks for more than there is.
const BOMBS: [&[u8]; 8] = [
    &[0xfe, 0xff, 0xff, 0xff],
    &[0x03, 0xff, 0xff, 0xff, 0xff],
    &[0x02, 0x00, 0x40, 0x00],
    &[0x13, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff],
    &[0xff; 68],
    &[0x01, 0x00],
    &[0x01, 0x40],
    &[0xff],
];

/// Changes the bytes a little: flipped bits, other bytes, cuts, repeats, and lengths beyond all bounds.
pub fn mutate(rng: &mut Rng, bytes: &mut Vec<u8>) {
    for _ in 0..1 + rng.below(3) {
        let at = rng.below(bytes.len() + 1);
        match rng.below(9) {
            0 | 1 if at < bytes.len() => bytes[at] ^= 1 << rng.below(8),
            2 if at < bytes.len() => bytes[at] = rng.bits() as u8,
            3 => bytes.truncate(at),
            4 => {
                let end = at + rng.below((bytes.len() - at).min(8) + 1);
                bytes.drain(at..end);
            }
            5 => {
                let end = at + rng.below((bytes.len() - at).min(40) + 1);
                let again = bytes[at..end].repeat(1 + rng.below(3));
                bytes.splice(at..at, again);
            }
            6 => {
                let end = at + rng.below((bytes.len() - at).min(5) + 1);
                bytes.splice(at..end, rng.pick(&BOMBS).iter().copied());
            }
            7 => {
                let len = 1 + rng.below(4);
                bytes.splice(at..at, rng.bytes(len));
            }
            _ => bytes.push(rng.bits() as u8),
        }
    }
}
