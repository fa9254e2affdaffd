//! A 32-byte account id with its SS58 text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The network prefix of every address on Bittensor (`System.SS58Prefix`).
const SS58_PREFIX: u8 = 42;
const CHECKSUM_CONTEXT: &[u8] = b"SS58PRE";

/// Characters of every address: with prefix 42, the number that they spell lies between 58^47 and 58^48.
pub(crate) const SS58_LEN: usize = 48;

const ALPHABET: &[u8; 58] = b"123456789ABCDEFGHJKLMNPQRSTUVWXYZabcdefghijkmnopqrstuvwxyz";

/// A hotkey, coldkey or any other 32-byte account of the chain.
///
/// ```
/// use sentinel_core::chain::AccountId;
///
/// let alice: AccountId = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQY".parse()?;
/// assert_eq!(alice.0[0], 0xd4);
/// # Ok::<(), sentinel_core::chain::Ss58Error>(())
/// ```
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct AccountId(pub [u8; 32]);

/// Why a text is not an address of this chain.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum Ss58Error {
    /// Not base58 of 35 bytes.
    #[error("`{0}` is not an SS58 address: expected base58 of a 32-byte account")]
    Malformed(String),
    /// The check bytes do not fit: most often a mistyped character.
    #[error("`{0}` is not an SS58 address: its checksum does not match (mistyped?)")]
    Checksum(String),
    /// An address of another Substrate network.
    #[error("`{address}` belongs to another network: prefix {prefix}, expected {SS58_PREFIX}")]
    Prefix {
        /// The text.
        address: String,
        /// The prefix found.
        prefix: u8,
    },
}

impl AccountId {
    /// The SS58 address, prefix 42.
    pub fn to_ss58(&self) -> String {
        self.ss58_bytes().iter().map(|byte| char::from(*byte)).collect()
    }

    /// The SS58 address as ASCII.
    pub(crate) fn ss58_bytes(&self) -> [u8; SS58_LEN] {
        let mut raw = [0u8; 35];
        raw[0] = SS58_PREFIX;
        raw[1..33].copy_from_slice(&self.0);
        let sum = checksum(&raw[..33]);
        raw[33..].copy_from_slice(&sum);
        base58(&raw)
    }

    /// Reads an SS58 address and checks its prefix and checksum.
    pub fn from_ss58(address: &str) -> Result<Self, Ss58Error> {
        let mut raw = [0u8; 35];
        match bs58::decode(address).onto(&mut raw) {
            Ok(35) => {}
            _ => return Err(Ss58Error::Malformed(address.to_owned())),
        }
        if checksum(&raw[..33]) != raw[33..] {
            return Err(Ss58Error::Checksum(address.to_owned()));
        }
        if raw[0] != SS58_PREFIX {
            return Err(Ss58Error::Prefix { address: address.to_owned(), prefix: raw[0] });
        }
        let mut id = [0u8; 32];
        id.copy_from_slice(&raw[1..33]);
        Ok(Self(id))
    }
}

/// Base58 of 35 bytes that begin with the prefix. Of one known length, it takes a fifth of the time of a general one,
/// which would be most of the time of decoding a block.
fn base58(raw: &[u8; 35]) -> [u8; SS58_LEN] {
    /// Five digits at a time.
    const BASE: u64 = 58u64.pow(5);
    let mut limbs = [0u64; 10];
    let mut padded = [0u8; 36];
    padded[1..].copy_from_slice(raw);
    for (at, word) in padded.chunks_exact(4).enumerate() {
        let mut carry = u64::from(u32::from_be_bytes([word[0], word[1], word[2], word[3]]));
        // Least significant limb first; after `at` words no more than these are in use.
        for limb in limbs.iter_mut().take(at + 2) {
            let value = *limb << 32 | carry;
            (*limb, carry) = (value % BASE, value / BASE);
        }
    }
    let mut digits = [0u8; 50];
    for (five, mut limb) in digits.chunks_exact_mut(5).rev().zip(limbs) {
        for digit in five.iter_mut().rev() {
            *digit = ALPHABET[(limb % 58) as usize];
            limb /= 58;
        }
    }
    // 50 digits, of which the first two are zero.
    let mut text = [0u8; SS58_LEN];
    text.copy_from_slice(&digits[2..]);
    text
}

fn checksum(prefixed: &[u8]) -> [u8; 2] {
    let hash =
        blake2b_simd::Params::new().hash_length(64).to_state().update(CHECKSUM_CONTEXT).update(prefixed).finalize();
    [hash.as_bytes()[0], hash.as_bytes()[1]]
}

impl fmt::Display for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.to_ss58())
    }
}

impl fmt::Debug for AccountId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.to_ss58())
    }
}

impl FromStr for AccountId {
    type Err = Ss58Error;

    fn from_str(address: &str) -> Result<Self, Ss58Error> {
        Self::from_ss58(address)
    }
}

impl From<[u8; 32]> for AccountId {
    fn from(bytes: [u8; 32]) -> Self {
        Self(bytes)
    }
}

impl Serialize for AccountId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(&self.to_ss58())
    }
}

impl<'de> Deserialize<'de> for AccountId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        Self::from_ss58(&text).map_err(serde::de::Error::custom)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_ownerless_account_has_its_known_address() {
        assert_eq!(AccountId([0; 32]).to_ss58(), "5C4hrfjw9DjXZTzV3MwzrrAr9P1MJhSrvWGWqi1eSuyUpnhM");
    }

    #[test]
    fn every_account_is_spelled_as_a_general_base58_spells_it() {
        let mut account = [0u8; 32];
        for round in 0..2_000u32 {
            let byte = (round % 32) as usize;
            account[byte] = account[byte].wrapping_mul(31).wrapping_add(round as u8 | 1);
            for id in [account, [round as u8; 32]] {
                let mut raw = [&[SS58_PREFIX], &id[..]].concat();
                raw.extend(checksum(&raw));
                let address = AccountId(id).to_ss58();
                assert_eq!(address, bs58::encode(raw).into_string());
                assert_eq!(AccountId::from_ss58(&address), Ok(AccountId(id)));
            }
        }
    }

    #[test]
    fn a_mistyped_address_names_the_checksum() {
        let wrong = "5GrwvaEF5zXb26Fz9rcQpDWS57CtERHpNehXCPcNoHGKutQX";
        assert_eq!(AccountId::from_ss58(wrong), Err(Ss58Error::Checksum(wrong.into())));
        assert!(matches!(AccountId::from_ss58("hello"), Err(Ss58Error::Malformed(_))));
    }

    #[test]
    fn a_polkadot_address_is_told_apart() {
        let polkadot = "15oF4uVJwmo4TdGW7VfQxNLavjCXviqxT9S1MgbjMNHr6Sp5";
        assert_eq!(AccountId::from_ss58(polkadot), Err(Ss58Error::Prefix { address: polkadot.into(), prefix: 0 }));
    }
}
