//! Finds hyperparameters that changed, old and new, from state.
//!
//! State is the only complete witness: many setters emit no event, and a migration changes values without any call.

use async_trait::async_trait;
use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{BlockContext, Cadence, DetectError, Detector, Finding, FindingId, Interest, Severity, Subject};
use crate::chain::{BlockHash, BlockId, NetUid};
use crate::source::SourceError;
use crate::subnet::SubnetError;
use crate::subnet::hyperparameters::history::Setters;
use crate::subnet::hyperparameters::{self, Hyperparameter, Raw, SubnetHyperparameters, Unit};

/// Compares the hyperparameters of every subnet with those one block earlier.
///
/// Without an earlier block to compare with (the first of a recording) it starts from what it sees. Values that the chain
/// moves by itself (`burn`, `difficulty`) are left out, and a subnet that is new or gone is no change of its parameters.
#[derive(Debug, Default)]
pub struct HyperparameterChange {
    last: Option<(BlockHash, Vec<SubnetHyperparameters>)>,
}

impl HyperparameterChange {
    /// A detector that has seen nothing yet.
    pub fn new() -> Self {
        Self::default()
    }
}

/// The values one block earlier, read from its state; `None` where the source does not reach back to it.
async fn before(block: &BlockContext<'_>) -> Result<Option<Vec<SubnetHyperparameters>>, DetectError> {
    let at = block.at();
    if at.number == 0 {
        return Ok(None);
    }
    let parent = match block.source().header(BlockId::Hash(at.parent_hash)).await {
        Ok(header) => header.reference(),
        Err(error) if outside(&error) => return Ok(None),
        Err(error) => return Err(error.into()),
    };
    match hyperparameters::stored(block.source(), &parent).await {
        Ok(values) => Ok(Some(values)),
        Err(SubnetError::Source(error)) if outside(&error) => Ok(None),
        Err(error) => Err(error.into()),
    }
}

/// Whether the source simply does not reach back to the parent. State that a node has dropped is an error instead: an
/// archive has it, and a change must not be lost for that.
fn outside(error: &SourceError) -> bool {
    matches!(error, SourceError::NotRecorded { .. } | SourceError::UnknownBlock { .. })
}

#[async_trait]
impl Detector for HyperparameterChange {
    fn name(&self) -> &'static str {
        "hyperparameter_change"
    }

    fn interest(&self) -> Interest {
        Interest::default().state(Cadence::EveryBlock)
    }

    async fn inspect(&mut self, block: &BlockContext<'_>) -> Result<Vec<Finding>, DetectError> {
        let now = hyperparameters::stored(block.source(), &block.at()).await?;
        let read;
        let before = match &self.last {
            Some((hash, values)) if *hash == block.at().parent_hash => Some(values),
            _ => {
                read = before(block).await?;
                read.as_ref()
            }
        };
        let changes = before.map(|before| changes(before, &now)).unwrap_or_default();
        let setters = (!changes.is_empty()).then(|| Setters::of(block.index()));
        let findings = changes.iter().map(|change| finding(block, self.name(), change, setters.as_ref())).collect();
        self.last = Some((block.at().hash, now));
        Ok(findings)
    }

    fn snapshot(&self) -> Option<Bytes> {
        let (block, subnets) = self.last.as_ref()?;
        let subnets = subnets
            .iter()
            .map(|subnet| {
                let values =
                    subnet.hyperparameters.iter().map(|parameter| (parameter.name.clone(), parameter.raw.into()));
                (subnet.netuid, values.collect())
            })
            .collect();
        serde_json::to_vec(&Snapshot { block: *block, subnets }).ok().map(Bytes::from)
    }

    fn restore(&mut self, snapshot: &[u8]) {
        self.last = serde_json::from_slice::<Snapshot>(snapshot).ok().map(|snapshot| {
            let subnets = snapshot.subnets.into_iter().map(|(netuid, values)| {
                let parameter = |(name, raw): (String, Text)| {
                    let unit = hyperparameters::unit_of(&name).unwrap_or(Unit::Int);
                    Hyperparameter { name, raw: raw.into(), unit }
                };
                SubnetHyperparameters { netuid, hyperparameters: values.into_iter().map(parameter).collect() }
            });
            (snapshot.block, subnets.collect())
        });
    }
}

/// What is remembered between blocks.
#[derive(Serialize, Deserialize)]
struct Snapshot {
    block: BlockHash,
    subnets: Vec<(NetUid, Vec<(String, Text)>)>,
}

/// A raw value in a form that JSON keeps exactly, whatever its width.
#[derive(Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Text {
    Bool(bool),
    Unsigned(String),
    Signed(String),
}

impl From<Raw> for Text {
    fn from(raw: Raw) -> Self {
        match raw {
            Raw::Bool(raw) => Self::Bool(raw),
            Raw::Unsigned(raw) => Self::Unsigned(raw.to_string()),
            Raw::Signed(raw) => Self::Signed(raw.to_string()),
        }
    }
}

impl From<Text> for Raw {
    fn from(text: Text) -> Self {
        match text {
            Text::Bool(raw) => Self::Bool(raw),
            // Written by us; what somebody made of it since is a change that will be found.
            Text::Unsigned(raw) => Self::Unsigned(raw.parse().unwrap_or_default()),
            Text::Signed(raw) => Self::Signed(raw.parse().unwrap_or_default()),
        }
    }
}

struct Change<'a> {
    netuid: NetUid,
    old: &'a Hyperparameter,
    new: &'a Hyperparameter,
}

fn changes<'a>(before: &'a [SubnetHyperparameters], now: &'a [SubnetHyperparameters]) -> Vec<Change<'a>> {
    let mut changes = Vec::new();
    for subnet in now {
        let Some(old_subnet) = before.iter().find(|old| old.netuid == subnet.netuid) else { continue };
        for new in &subnet.hyperparameters {
            let Some(old) = old_subnet.get(&new.name) else { continue };
            if old.raw != new.raw && !hyperparameters::is_automatic(&new.name) {
                changes.push(Change { netuid: subnet.netuid, old, new });
            }
        }
    }
    changes
}

/// A raw value in a payload: a number where 64 bits hold it, and its digits as text where they do not.
fn exact(raw: Raw) -> serde_json::Value {
    match raw {
        Raw::Bool(raw) => raw.into(),
        Raw::Unsigned(wide) => u64::try_from(wide).map_or_else(|_| wide.to_string().into(), Into::into),
        Raw::Signed(wide) => i64::try_from(wide).map_or_else(|_| wide.to_string().into(), Into::into),
    }
}

fn finding(
    block: &BlockContext<'_>,
    detector: &'static str,
    change: &Change<'_>,
    setters: Option<&Setters<'_, '_, '_>>,
) -> Finding {
    let Change { netuid, old, new } = change;
    let at = block.at();
    let subject = Subject { netuid: Some(*netuid), parameter: Some(new.name.clone()), ..Subject::default() };
    let extrinsic = setters
        .and_then(|setters| setters.cause(*netuid, &new.name).extrinsic)
        .map(|index| format!("{}-{index:04}", at.number));
    let by = match &extrinsic {
        Some(id) => format!("Extrinsic {id} set it."),
        None => "No extrinsic of this block set it by its usual call: an owner's call, a migration, or the chain itself did.".to_owned(),
    };
    Finding {
        id: FindingId::new(block.network(), &at, detector, &subject, ""),
        detector,
        severity: Severity::Warning,
        title: format!("Subnet {netuid}: {} changed from {} to {}", new.name, old.display(), new.display()),
        body: format!(
            "In block {}, {} of subnet {netuid} went from {} to {}. {by}",
            at.number,
            new.name,
            old.display(),
            new.display()
        ),
        payload: serde_json::json!({ "netuid": netuid, "name": new.name, "unit": new.unit, "old": exact(old.raw), "new": exact(new.raw) }),
        retracted: false,
        subject,
        block: at,
        timestamp: block.block().timestamp_ms,
        extrinsic,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_payload_keeps_values_of_any_width() {
        for (raw, json) in [
            (Raw::Bool(true), "true"),
            (Raw::Unsigned(u64::MAX.into()), "18446744073709551615"),
            (Raw::Unsigned(u128::from(u64::MAX) + 1), "\"18446744073709551616\""),
            (Raw::Signed(i64::MIN.into()), "-9223372036854775808"),
            (Raw::Signed(i128::MIN), "\"-170141183460469231731687303715884105728\""),
        ] {
            assert_eq!(exact(raw).to_string(), json);
        }
    }
}
