//! A 32-byte account id with its SS58 text form.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

/// The network prefix of every address on Bittensor (`System.SS58Prefix`).
const SS58_PREFIX: u8 = 42;
const CHECKSUM_CONTEXT: &[u8] = b"SS58PRE";

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
        let mut raw = [0u8; 35];
        raw[0] = SS58_PREFIX;
        raw[1..33].copy_from_slice(&self.0);
        let sum = checksum(&raw[..33]);
        raw[33..].copy_from_slice(&sum);
        bs58::encode(raw).into_string()
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
