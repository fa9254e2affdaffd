//! What hyperparameters were, from when to when, and what changed them.
//!
//! State is the only complete witness: many setters emit no event, and an upgrade changes values without any call. So
//! [`discover`] compares states and asks the blocks between two that differ who did it; [`History`] keeps what was found,
//! in whatever order it comes.
//!
//! `burn` and `difficulty` move by themselves all the time and are left out ([`is_automatic`](super::is_automatic)).

mod cause;
#[cfg(feature = "source")]
mod discover;
mod timeline;

use serde::Serialize;

use super::{Hyperparameter, Raw, SubnetHyperparameters, Unit};
use crate::chain::NetUid;

pub use cause::{Cause, Setters};
#[cfg(feature = "source")]
pub use discover::{Found, Search, SearchProgress, discover};
pub use timeline::{Contradiction, Current, History, Hole};

/// One hyperparameter that is another in the state of a block than in that of its parent.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Change {
    /// The block.
    pub block: u64,
    /// Its time by the chain's clock, in milliseconds since 1970, where it was read.
    pub timestamp_ms: Option<u64>,
    /// The subnet.
    pub netuid: NetUid,
    /// Name, as the runtime API spells it. Parameters that one call sets together have each their own change.
    pub name: String,
    /// What the raw values count.
    pub unit: Unit,
    /// The value before; `None` where the runtime before did not have it.
    pub old: Option<Raw>,
    /// The value since; `None` where the runtime no longer has it.
    pub new: Option<Raw>,
    /// What changed it, as far as the block says.
    pub cause: Cause,
}

impl Change {
    /// The value before, in its unit.
    pub fn before(&self) -> Option<Hyperparameter> {
        self.old.map(|raw| self.parameter(raw))
    }

    /// The value since, in its unit.
    pub fn after(&self) -> Option<Hyperparameter> {
        self.new.map(|raw| self.parameter(raw))
    }

    /// The extrinsic behind it, as `1234-0007`.
    pub fn extrinsic_id(&self) -> Option<String> {
        self.cause.extrinsic.map(|index| format!("{}-{index:04}", self.block))
    }

    fn parameter(&self, raw: Raw) -> Hyperparameter {
        Hyperparameter { name: self.name.clone(), raw, unit: self.unit }
    }
}

/// The hyperparameters of all subnets when they were first seen: at the beginning of a range, or as their subnet began.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Seed {
    /// The block.
    pub block: u64,
    /// A subnet.
    #[serde(flatten)]
    pub subnet: SubnetHyperparameters,
}

/// What differs between two states of one subnet, without the values that move by themselves. Nothing is known of causes.
pub fn compare(block: u64, before: &SubnetHyperparameters, after: &SubnetHyperparameters) -> Vec<Change> {
    let netuid = after.netuid;
    let change = |name: &str, unit, old, new| Change {
        block,
        timestamp_ms: None,
        netuid,
        name: name.to_owned(),
        unit,
        old,
        new,
        cause: Cause::default(),
    };
    let mut changes = Vec::new();
    for new in after.hyperparameters.iter().filter(|parameter| !super::is_automatic(&parameter.name)) {
        let old = before.get(&new.name).map(|old| old.raw);
        if old != Some(new.raw) {
            changes.push(change(&new.name, new.unit, old, Some(new.raw)));
        }
    }
    for old in before.hyperparameters.iter().filter(|parameter| !super::is_automatic(&parameter.name)) {
        if after.get(&old.name).is_none() {
            changes.push(change(&old.name, old.unit, Some(old.raw), None));
        }
    }
    changes
}
