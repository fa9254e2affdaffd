//! The values of hyperparameters over time, put together in whatever order they are learnt.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::{Change, Raw, SubnetHyperparameters, Unit};
use crate::chain::NetUid;

/// What is known of the hyperparameters of subnets over time.
///
/// Changes and first values may come in any order and more than once: a change that is learnt late takes its place in the
/// past, and the newer value stays the current one.
///
/// ```
/// use sentinel_core::chain::NetUid;
/// use sentinel_core::subnet::hyperparameters::history::{Cause, Change, History};
/// use sentinel_core::subnet::hyperparameters::{Raw, Unit};
///
/// let change = |block, old, new| Change {
///     block,
///     timestamp_ms: None,
///     netuid: NetUid(1),
///     name: "tempo".to_owned(),
///     unit: Unit::Blocks,
///     old: Some(Raw::Unsigned(old)),
///     new: Some(Raw::Unsigned(new)),
///     cause: Cause::default(),
/// };
/// let mut history = History::default();
/// history.record(change(900, 360, 720))?;
/// history.record(change(500, 99, 360))?;
/// assert_eq!(history.current(NetUid(1), "tempo").map(|now| now.raw), Some(Raw::Unsigned(720)));
/// assert_eq!(history.value_at(NetUid(1), "tempo", 600), Some(Raw::Unsigned(360)));
/// assert_eq!(history.holes().count(), 0);
/// # Ok::<(), sentinel_core::subnet::hyperparameters::history::Contradiction>(())
/// ```
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct History {
    values: BTreeMap<NetUid, BTreeMap<String, BTreeMap<u64, Point>>>,
    /// From which blocks on the subnets of a number no longer existed.
    ended: BTreeMap<NetUid, BTreeSet<u64>>,
}

/// What is known at one block.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Point {
    Seen(Raw, Unit),
    Changed(Change),
}

impl Point {
    fn raw(&self) -> Option<Raw> {
        match self {
            Self::Seen(raw, _) => Some(*raw),
            Self::Changed(change) => change.new,
        }
    }

    fn unit(&self) -> Unit {
        match self {
            Self::Seen(_, unit) => *unit,
            Self::Changed(change) => change.unit,
        }
    }
}

/// The newest value that is known of a hyperparameter.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Current {
    /// The subnet.
    pub netuid: NetUid,
    /// Name, as the runtime API spells it.
    pub name: String,
    /// The raw value.
    pub raw: Raw,
    /// What it counts.
    pub unit: Unit,
    /// The newest block whose state is known to have it, by a change or by having been read.
    pub block: u64,
    /// The block that set it; `None` where it has been so for as long as anything is known of it.
    pub changed_at: Option<u64>,
}

/// Two blocks between which a value changed without a change that is known.
#[derive(Debug, Clone, PartialEq, Eq, Serialize)]
pub struct Hole {
    /// The subnet.
    pub netuid: NetUid,
    /// Name, as the runtime API spells it.
    pub name: String,
    /// The last block before.
    pub after: u64,
    /// Its value.
    pub value: Option<Raw>,
    /// The first block that knows better.
    pub before: u64,
    /// What was there just before that block, or in it.
    pub found: Option<Raw>,
}

/// Two things that are said of one hyperparameter in one block and cannot both be: they are of two chains, or of two branches.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "{name} of subnet {netuid} in block {block} is known to be {known}, and now said to be {said}: the two are not of one chain"
)]
pub struct Contradiction {
    /// The subnet.
    pub netuid: NetUid,
    /// The hyperparameter.
    pub name: String,
    /// The block.
    pub block: u64,
    /// What is known, in words.
    pub known: String,
    /// What is now said, in words.
    pub said: String,
}

impl History {
    /// Takes the values of a subnet in the state of a block: one-shot, for the first values of everything, or at any time.
    ///
    /// # Errors
    /// [`Contradiction`] with what is known of that very block; what came before it in the list is kept.
    pub fn seed(&mut self, block: u64, subnet: &SubnetHyperparameters) -> Result<(), Contradiction> {
        for parameter in subnet.hyperparameters.iter().filter(|own| !super::super::is_automatic(&own.name)) {
            self.put(subnet.netuid, &parameter.name, block, Point::Seen(parameter.raw, parameter.unit))?;
        }
        Ok(())
    }

    /// Takes a change; one that is known already changes nothing.
    ///
    /// # Errors
    /// [`Contradiction`] with what is known of that very block.
    pub fn record(&mut self, change: Change) -> Result<(), Contradiction> {
        let (netuid, name, block) = (change.netuid, change.name.clone(), change.block);
        self.put(netuid, &name, block, Point::Changed(change))
    }

    /// Takes that the subnet of this number no longer existed in the state of this block, or was another one.
    pub fn end(&mut self, block: u64, netuid: NetUid) {
        self.ended.entry(netuid).or_default().insert(block);
    }

    /// Takes all that a search found.
    ///
    /// # Errors
    /// [`Contradiction`] with what is known of the same blocks.
    #[cfg(feature = "source")]
    pub fn extend(&mut self, found: &super::Found) -> Result<(), Contradiction> {
        found.ended.iter().for_each(|(block, netuid)| self.end(*block, *netuid));
        found.seeds.iter().try_for_each(|seed| self.seed(seed.block, &seed.subnet))?;
        found.changes.iter().try_for_each(|change| self.record(change.clone()))
    }

    /// The newest value that is known; `None` where none is, and where the subnet has ended since.
    pub fn current(&self, netuid: NetUid, name: &str) -> Option<Current> {
        self.newest(netuid, name, self.values.get(&netuid)?.get(name)?)
    }

    /// The newest values of all hyperparameters of all subnets that have not ended, by netuid and name.
    pub fn table(&self) -> impl Iterator<Item = Current> {
        let all =
            self.values.iter().flat_map(|(netuid, names)| names.iter().map(move |(name, of)| (*netuid, name, of)));
        all.filter_map(|(netuid, name, points)| self.newest(netuid, name, points))
    }

    /// The value in the state of a block, as far as is known: the last one learnt of a block up to it.
    pub fn value_at(&self, netuid: NetUid, name: &str, block: u64) -> Option<Raw> {
        let (at, point) = self.values.get(&netuid)?.get(name)?.range(..=block).next_back()?;
        if self.ended_between(netuid, *at, block) { None } else { point.raw() }
    }

    /// The changes of a hyperparameter, oldest first.
    pub fn changes(&self, netuid: NetUid, name: &str) -> impl DoubleEndedIterator<Item = &Change> {
        let points = self.values.get(&netuid).and_then(|names| names.get(name));
        points.into_iter().flat_map(BTreeMap::values).filter_map(|point| match point {
            Point::Changed(change) => Some(change),
            Point::Seen(..) => None,
        })
    }

    /// Where something is missing: values that do not follow from one another. To be searched again, more closely.
    pub fn holes(&self) -> impl Iterator<Item = Hole> {
        let all =
            self.values.iter().flat_map(|(netuid, names)| names.iter().map(move |(name, of)| (*netuid, name, of)));
        all.flat_map(move |(netuid, name, points)| {
            let pairs = points.iter().zip(points.iter().skip(1));
            pairs.filter_map(move |((after, old), (before, new))| {
                let found = match new {
                    Point::Changed(change) => change.old,
                    Point::Seen(raw, _) => Some(*raw),
                };
                let value = old.raw();
                let fits = value == found || self.ended_between(netuid, *after, *before);
                (!fits).then(|| Hole { netuid, name: name.clone(), after: *after, value, before: *before, found })
            })
        })
    }

    fn newest(&self, netuid: NetUid, name: &str, points: &BTreeMap<u64, Point>) -> Option<Current> {
        let (block, point) = points.last_key_value()?;
        if self.ended_between(netuid, *block, u64::MAX) {
            return None;
        }
        let raw = point.raw()?;
        // As far back as the value was the same in the same subnet.
        let mut changed_at = None;
        for (at, point) in points.iter().rev() {
            if point.raw() != Some(raw) || self.ended_between(netuid, *at, *block) {
                break;
            }
            if let Point::Changed(change) = point {
                changed_at = Some(change.block);
                break;
            }
        }
        Some(Current { netuid, name: name.to_owned(), raw, unit: point.unit(), block: *block, changed_at })
    }

    /// Whether the subnet of the first block had ended by the second.
    fn ended_between(&self, netuid: NetUid, first: u64, last: u64) -> bool {
        let Some(after) = first.checked_add(1).filter(|after| *after <= last) else { return false };
        self.ended.get(&netuid).is_some_and(|ended| ended.range(after..=last).next().is_some())
    }

    fn put(&mut self, netuid: NetUid, name: &str, block: u64, point: Point) -> Result<(), Contradiction> {
        let points = self.values.entry(netuid).or_default().entry(name.to_owned()).or_default();
        let Some(known) = points.get_mut(&block) else {
            points.insert(block, point);
            return Ok(());
        };
        let fits = match (&*known, &point) {
            (Point::Changed(known), Point::Changed(said)) => known.old == said.old && known.new == said.new,
            (known, said) => known.raw() == said.raw(),
        };
        if !fits {
            let (known, said) = (in_words(known), in_words(&point));
            return Err(Contradiction { netuid, name: name.to_owned(), block, known, said });
        }
        // A change says more than a value, and one with a cause more than one without.
        if let Point::Changed(said) = &point
            && match known {
                Point::Seen(..) => true,
                Point::Changed(known) => known.cause.is_unknown() && !said.cause.is_unknown(),
            }
        {
            *known = point;
        }
        Ok(())
    }
}

fn in_words(point: &Point) -> String {
    let word = |raw: Option<Raw>| raw.map_or_else(|| "absent".to_owned(), |raw| raw.to_string());
    match point {
        Point::Seen(raw, _) => raw.to_string(),
        Point::Changed(change) => format!("changed from {} to {}", word(change.old), word(change.new)),
    }
}
