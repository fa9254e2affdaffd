//! The word that stands for a network in a key.

use std::fmt;
use std::str::FromStr;

use super::ArtifactError;
use crate::chain::{BlockHash, Network};

/// The word that stands for a network in a key: `finney`, `test`, `local`, `sample`, `sim`, or `chain-` and the start of a
/// genesis hash. Never the name that a chain gives itself.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkWord(Box<str>);

impl NetworkWord {
    /// The word for a network. A node given by its URL goes by its genesis, the archive of the main network by `finney`.
    pub fn of(network: &Network, genesis: &BlockHash) -> Self {
        match network {
            Network::Finney | Network::Archive => Self("finney".into()),
            Network::Test => Self("test".into()),
            Network::Local => Self("local".into()),
            Network::Sample => Self("sample".into()),
            Network::Sim => Self("sim".into()),
            Network::Url(_) | Network::Recording(_) => {
                Self(format!("chain-{}", const_hex::encode(&genesis.0[..8])).into())
            }
        }
    }

    /// The word as text.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for NetworkWord {
    type Err = ArtifactError;

    fn from_str(text: &str) -> Result<Self, ArtifactError> {
        let allowed = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || byte == b'-';
        if (1..=64).contains(&text.len()) && text.bytes().all(allowed) {
            Ok(Self(text.into()))
        } else {
            Err(ArtifactError::NetworkWord(text.chars().take(100).collect()))
        }
    }
}

impl fmt::Display for NetworkWord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&self.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn words_are_fixed_or_hashes() {
        let genesis = BlockHash([0xab; 32]);
        assert_eq!(NetworkWord::of(&Network::Archive, &genesis).as_str(), "finney");
        let url = NetworkWord::of(&Network::Url("wss://node/../x".to_owned()), &genesis);
        assert_eq!(url.as_str(), "chain-abababababababab");
        for word in [&url, &NetworkWord::of(&Network::Sample, &genesis)] {
            assert_eq!(&word.as_str().parse::<NetworkWord>().unwrap(), word);
        }
        for text in ["", "..", "a/b", "Finney", "a b", "_state"] {
            assert!(text.parse::<NetworkWord>().is_err(), "{text}");
        }
    }
}
