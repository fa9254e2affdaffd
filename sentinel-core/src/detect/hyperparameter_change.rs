//! Finds hyperparameters that changed, old and new, from state.
//!
//! State is the only complete witness: many setters emit no event, and a migration changes values without any call.

use std::collections::BTreeMap;

use async_trait::async_trait;

use super::{BlockContext, Cadence, DetectError, Detector, Finding, FindingId, Interest, Severity, Subject};
use crate::chain::{BlockHash, BlockId, NetUid};
use crate::source::SourceError;
use crate::subnet::SubnetError;
use crate::subnet::hyperparameters::{self, Hyperparameter, SubnetHyperparameters};

/// Values that the chain moves by itself, all the time.
const AUTOMATIC: [&str; 2] = ["burn", "difficulty"];

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

    /// The values before this block: remembered, or read.
    async fn before(&mut self, block: &BlockContext<'_>) -> Result<Option<Vec<SubnetHyperparameters>>, DetectError> {
        let at = block.at();
        match self.last.take() {
            Some((hash, values)) if hash == at.parent_hash => return Ok(Some(values)),
            _ if at.number == 0 => return Ok(None),
            _ => {}
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
}

/// Whether the source simply does not reach back to the parent.
fn outside(error: &SourceError) -> bool {
    matches!(
        error,
        SourceError::NotRecorded { .. } | SourceError::UnknownBlock { .. } | SourceError::StatePruned { .. }
    )
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
        let before = self.before(block).await?;
        let now = hyperparameters::stored(block.source(), &block.at()).await?;
        let findings = match before {
            Some(before) => {
                let changes = changes(&before, &now);
                let setters = if changes.is_empty() { BTreeMap::new() } else { setters(block) };
                changes.into_iter().map(|change| finding(block, self.name(), &change, &setters)).collect()
            }
            None => Vec::new(),
        };
        self.last = Some((block.at().hash, now));
        Ok(findings)
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
            if old.raw != new.raw && !AUTOMATIC.contains(&new.name.as_str()) {
                changes.push(Change { netuid: subnet.netuid, old, new });
            }
        }
    }
    changes
}

/// Extrinsics that may have set a parameter of a subnet: `(netuid, name of the setter)` to extrinsic indexes.
fn setters(block: &BlockContext<'_>) -> BTreeMap<(u64, String), Vec<usize>> {
    let mut setters = BTreeMap::<_, Vec<usize>>::new();
    for at in 0..block.index().extrinsics().len() {
        // One that does not decode cannot be told to have set anything; the change itself is found all the same.
        let Some(Ok(facts)) = block.index().facts(at) else { continue };
        let succeeded = matches!(facts.outcome, Some(crate::decode::Outcome::Success));
        let nested = facts.nested();
        let own = (nested.is_empty() && succeeded).then_some(&facts.call);
        let inner = nested.iter().filter(|nested| nested.succeeded != Some(false)).map(|nested| nested.call);
        for call in own.into_iter().chain(inner) {
            let netuid = call.arg("netuid").and_then(crate::decode::Value::as_u64);
            if let (Some(netuid), Some(setter)) = (netuid, call.name.strip_prefix("sudo_set_")) {
                setters.entry((netuid, setter.to_owned())).or_default().push(at);
            }
        }
    }
    setters
}

fn finding(
    block: &BlockContext<'_>,
    detector: &'static str,
    change: &Change<'_>,
    setters: &BTreeMap<(u64, String), Vec<usize>>,
) -> Finding {
    let Change { netuid, old, new } = change;
    let at = block.at();
    let subject = Subject { netuid: Some(*netuid), parameter: Some(new.name.clone()), ..Subject::default() };
    let extrinsic = hyperparameters::setters_of(&new.name)
        .filter_map(|setter| setters.get(&(u64::from(netuid.0), setter.to_owned())))
        .flatten()
        .last()
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
        payload: serde_json::json!({ "netuid": netuid, "name": new.name, "unit": new.unit, "old": old.raw, "new": new.raw }),
        subject,
        block: at,
        timestamp: block.block().timestamp_ms,
        extrinsic,
    }
}
