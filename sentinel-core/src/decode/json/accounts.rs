//! The addresses of accounts met before, so that a busy account is spelled once and copied ever after.

use crate::chain::{AccountId, SS58_LEN};

/// Slots of the memo; a power of two. With 81 bytes each they take 650 kB, whatever is decoded.
const SLOTS: usize = 8192;

/// Length of an address with its quotes.
pub(crate) const QUOTED: usize = SS58_LEN + 2;

/// A table from accounts to their quoted addresses. An account has one slot; a newcomer takes it over, so that made-up
/// accounts cost time but never memory.
#[derive(Debug)]
pub(crate) struct AccountMemo {
    /// Empty until the first account is met.
    slots: Vec<Slot>,
    size: usize,
}

#[derive(Debug, Clone, Copy)]
struct Slot {
    account: [u8; 32],
    address: [u8; QUOTED],
}

impl AccountMemo {
    pub(crate) fn new() -> Self {
        Self { slots: Vec::new(), size: SLOTS }
    }

    /// One that remembers nothing, for a writer of one value.
    pub(crate) fn none() -> Self {
        Self { slots: Vec::new(), size: 0 }
    }

    /// The address in quotes.
    #[inline]
    pub(crate) fn quoted(&mut self, account: &[u8; 32]) -> [u8; QUOTED] {
        let at = slot_of(account);
        match self.slots.get(at) {
            Some(slot) if slot.account == *account => slot.address,
            _ => self.spell(account, at),
        }
    }

    #[cold]
    fn spell(&mut self, account: &[u8; 32], at: usize) -> [u8; QUOTED] {
        let mut address = [b'"'; QUOTED];
        address[1..=SS58_LEN].copy_from_slice(&AccountId(*account).ss58_bytes());
        if self.slots.is_empty() && self.size > 0 {
            let zero = [0; 32];
            let mut empty = [b'"'; QUOTED];
            empty[1..=SS58_LEN].copy_from_slice(&AccountId(zero).ss58_bytes());
            self.slots = vec![Slot { account: zero, address: empty }; self.size];
        }
        if let Some(slot) = self.slots.get_mut(at) {
            *slot = Slot { account: *account, address };
        }
        address
    }
}

/// Accounts are public keys or hashes, whose bits are random; those of pallets differ in few bytes, anywhere.
#[inline]
fn slot_of(account: &[u8; 32]) -> usize {
    let mut words = account.chunks_exact(8).map(|word| {
        let mut bytes = [0; 8];
        bytes.copy_from_slice(word);
        u64::from_le_bytes(bytes)
    });
    let mut next = || words.next().unwrap_or_default();
    let mixed = next() ^ next().rotate_left(17) ^ next().rotate_left(31) ^ next().rotate_left(47);
    (mixed.wrapping_mul(0x9e37_79b9_7f4a_7c15) >> (64 - SLOTS.trailing_zeros())) as usize
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_account_has_its_own_address_however_many_share_a_slot() {
        let mut memo = AccountMemo::new();
        let account = |n: u64| {
            let mut account = [0; 32];
            account[..8].copy_from_slice(&n.to_le_bytes());
            account
        };
        for round in 0..2 {
            for n in 0..3 * SLOTS as u64 {
                // Twice in a row: spelled, then remembered.
                for _ in 0..2 {
                    let expected = format!("\"{}\"", AccountId(account(n)).to_ss58());
                    assert_eq!(memo.quoted(&account(n)), expected.as_bytes(), "account {n} in round {round}");
                }
            }
        }
        assert_eq!(memo.slots.len(), SLOTS);
    }

    #[test]
    fn a_writer_of_one_value_holds_no_table() {
        let mut memo = AccountMemo::none();
        assert_eq!(memo.quoted(&[7; 32])[1..=SS58_LEN], AccountId([7; 32]).ss58_bytes());
        assert_eq!(memo.slots.capacity(), 0);
    }
}
