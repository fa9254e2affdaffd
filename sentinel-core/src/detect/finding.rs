//! A finding: one thing that happened, in a form that people read and programs act on.

use std::fmt;

use serde::{Deserialize, Deserializer, Serialize, Serializer};

use crate::chain::{AccountId, BlockRef, NetUid, blake2_256};

/// How much a finding matters.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Severity {
    /// Good to know.
    Info,
    /// Somebody should look.
    Warning,
    /// Somebody should act.
    Critical,
}

/// What a finding is about.
#[derive(Debug, Clone, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
pub struct Subject {
    /// The subnet.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub netuid: Option<NetUid>,
    /// The hotkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub hotkey: Option<AccountId>,
    /// The coldkey.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub coldkey: Option<AccountId>,
    /// The hyperparameter.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub parameter: Option<String>,
}

/// A name that is the same whenever the same thing is found again.
#[derive(Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct FindingId([u8; 32]);

/// One thing that happened.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct Finding {
    /// Stable over repeated runs: a hash of network, block hash, detector, subject and discriminator.
    pub id: FindingId,
    /// The detector that found it.
    pub detector: &'static str,
    /// How much it matters.
    pub severity: Severity,
    /// What it is about.
    pub subject: Subject,
    /// Where it happened.
    pub block: BlockRef,
    /// When it happened: the block's time in milliseconds since 1970, UTC.
    pub timestamp: Option<u64>,
    /// The extrinsic that did it, `<block>-<index>`, where it is known to be one.
    pub extrinsic: Option<String>,
    /// One line for people. Text from the chain in it is not escaped; each sink does that for its place.
    pub title: String,
    /// More for people.
    pub body: String,
    /// The facts for programs; its fields are those of the detector.
    pub payload: serde_json::Value,
    /// Takes back the finding of the same id: its block is no longer part of the chain. Of runs that show detectors blocks
    /// before they are final; not written where it is false.
    #[serde(skip_serializing_if = "is_false")]
    pub retracted: bool,
}

fn is_false(value: &bool) -> bool {
    !value
}

impl Finding {
    /// What takes this finding back: the same, with words that say so. Its id is that of the finding, and of two that have
    /// one id the later one holds: a block that comes back brings its findings again.
    #[must_use]
    pub fn retraction(&self) -> Self {
        let BlockRef { number, hash, .. } = self.block;
        Self {
            title: format!("Retracted: {}", self.title),
            body: format!(
                "Block {number} ({hash}) is no longer part of the chain. What was found in it: {}",
                self.body
            ),
            retracted: true,
            ..self.clone()
        }
    }
}

impl FindingId {
    /// The id of what `detector` finds about `subject` in the block. `discriminator` tells several such findings apart.
    pub fn new(network: &str, block: &BlockRef, detector: &str, subject: &Subject, discriminator: &str) -> Self {
        let mut preimage = Vec::new();
        // Each part with its length, so that no two different lists give the same bytes.
        let mut add = |part: &[u8]| {
            preimage.extend_from_slice(&(part.len() as u64).to_le_bytes());
            preimage.extend_from_slice(part);
        };
        add(network.as_bytes());
        add(&block.hash.0);
        add(detector.as_bytes());
        add(&subject.netuid.map(|netuid| netuid.0.to_le_bytes().to_vec()).unwrap_or_default());
        add(&subject.hotkey.map(|account| account.0.to_vec()).unwrap_or_default());
        add(&subject.coldkey.map(|account| account.0.to_vec()).unwrap_or_default());
        add(subject.parameter.as_deref().unwrap_or_default().as_bytes());
        add(discriminator.as_bytes());
        Self(blake2_256(&preimage))
    }
}

impl fmt::Display for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(&const_hex::encode(self.0))
    }
}

impl fmt::Debug for FindingId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

impl Serialize for FindingId {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_str(self)
    }
}

impl<'de> Deserialize<'de> for FindingId {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        let text = std::borrow::Cow::<'de, str>::deserialize(deserializer)?;
        let wrong = |_| serde::de::Error::custom("an id of a finding is 64 hex digits");
        const_hex::decode_to_array(text.as_bytes()).map(Self).map_err(wrong)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::chain::BlockHash;

    #[test]
    fn an_id_depends_on_everything_and_on_nothing_else() {
        let block = BlockRef { number: 7, hash: BlockHash([1; 32]), parent_hash: BlockHash([0; 32]) };
        let tempo = Subject { netuid: Some(NetUid(1)), parameter: Some("tempo".into()), ..Subject::default() };
        let id = FindingId::new("finney", &block, "detector", &tempo, "");
        assert_eq!(id, FindingId::new("finney", &block, "detector", &tempo.clone(), ""));
        let other_block = BlockRef { hash: BlockHash([2; 32]), ..block };
        let kappa = Subject { parameter: Some("kappa".into()), ..tempo.clone() };
        for other in [
            FindingId::new("test", &block, "detector", &tempo, ""),
            FindingId::new("finney", &other_block, "detector", &tempo, ""),
            FindingId::new("finney", &block, "other", &tempo, ""),
            FindingId::new("finney", &block, "detector", &kappa, ""),
            FindingId::new("finney", &block, "detector", &tempo, "2"),
        ] {
            assert_ne!(id, other);
        }
    }

    #[test]
    fn a_retraction_is_the_finding_with_a_word_more() {
        let block = BlockRef { number: 7, hash: BlockHash([1; 32]), parent_hash: BlockHash([0; 32]) };
        let subject = Subject { netuid: Some(NetUid(1)), ..Subject::default() };
        let finding = Finding {
            id: FindingId::new("finney", &block, "detector", &subject, ""),
            detector: "detector",
            severity: Severity::Critical,
            subject,
            block,
            timestamp: Some(12_000),
            extrinsic: Some("7-0001".to_owned()),
            title: "The roof burns".to_owned(),
            body: "Everywhere.".to_owned(),
            payload: serde_json::json!({ "roofs": 1 }),
            retracted: false,
        };
        let said = serde_json::to_value(&finding).unwrap();
        assert_eq!(said.get("retracted"), None);
        let mut taken_back = serde_json::to_value(finding.retraction()).unwrap();
        assert_eq!(taken_back["retracted"], true);
        assert_eq!(taken_back["title"], "Retracted: The roof burns");
        assert!(taken_back["body"].as_str().unwrap().contains(&block.hash.to_string()));
        for same in ["title", "body"] {
            taken_back[same] = said[same].clone();
        }
        taken_back.as_object_mut().unwrap().remove("retracted");
        assert_eq!(taken_back, said);
    }
}
