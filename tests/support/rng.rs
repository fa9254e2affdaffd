//! Seeded random numbers that stay the same for ever, so that a failing seed can be run again.

/// The seed in `SENTINEL_TEST_SEED`, so that a test that failed can be run again with the seed it printed; this one where
/// the variable holds none.
pub fn seed_or(default: u64) -> u64 {
    std::env::var("SENTINEL_TEST_SEED").ok().and_then(|seed| seed.trim().parse().ok()).unwrap_or(default)
}

/// SplitMix64: small, fast, and good enough to pick test data.
#[derive(Debug, Clone)]
pub struct Rng(u64);

impl Rng {
    /// The sequence that belongs to this seed.
    pub fn new(seed: u64) -> Self {
        Self(seed ^ 0x9e37_79b9_7f4a_7c15)
    }

    /// The next 64 bits.
    pub fn bits(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mixed = (self.0 ^ (self.0 >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        let mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// A number below `end`; 0 where that is 0.
    pub fn below(&mut self, end: usize) -> usize {
        (self.bits() % (end.max(1) as u64)) as usize
    }

    /// True in this many of a hundred cases.
    pub fn percent(&mut self, chance: usize) -> bool {
        self.below(100) < chance
    }

    /// One of the items.
    ///
    /// # Panics
    /// Where there are none.
    pub fn pick<'i, T>(&mut self, items: &'i [T]) -> &'i T {
        &items[self.below(items.len())]
    }

    /// Bytes without meaning.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        (0..len).map(|_| self.bits() as u8).collect()
    }

    /// An unsigned integer of this many bits. All widths are equally likely, and the edges of the compact modes, of the
    /// integer types and of what doubles hold exactly are frequent.
    pub fn unsigned(&mut self, bits: u32) -> u128 {
        let most = if bits >= 128 { u128::MAX } else { (1 << bits) - 1 };
        if self.percent(30) {
            let edges = [0, 1, 1 << 6, 1 << 8, 1 << 14, 1 << 16, 1 << 30, 1 << 32, 1 << 53, 1 << 63, 1 << 64, most];
            let edge: u128 = *self.pick(&edges);
            let near = [edge.wrapping_sub(1), edge, edge.wrapping_add(1)];
            return *self.pick(&near) & most;
        }
        let wide = u128::from(self.bits()) << 64 | u128::from(self.bits());
        wide >> (128 - 1 - self.below(bits.min(128) as usize) as u32)
    }

    /// A signed integer of this many bits, with the same care for edges.
    pub fn signed(&mut self, bits: u32) -> i128 {
        let spare = 128 - bits.min(128);
        // Shifting the sign bit of the narrow type to the sign bit of the wide one and back extends it.
        ((self.unsigned(bits) << spare) as i128) >> spare
    }
}
