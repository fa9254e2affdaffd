//! Finds every change of hyperparameters in a range of blocks, by comparing states.

use std::collections::{BTreeMap, BTreeSet};
use std::num::NonZeroU64;
use std::ops::RangeInclusive;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use futures::stream::{self, StreamExt};

use super::{Change, Seed, Setters, compare};
use crate::chain::{BlockId, NetUid};
use crate::source::{BlockSource, BlockSourceExt, SourceError};
use crate::subnet::hyperparameters::stored::{Living, from_storage, living};
use crate::subnet::{SubnetError, netuids};

/// States read at once.
const STATES_AT_ONCE: usize = 4;

/// What to search for, and how closely.
///
/// States at most `stride` blocks apart are compared; where two differ, the blocks between are halved until each change has
/// its own. So a value that is changed *and changed back* between two compared states can go unseen. With a stride of 1 every
/// state is compared with that of its parent, and nothing is missed but what was undone within one block, which no state
/// ever had. Owners have to wait some two epochs (`OwnerHyperparamRateLimit`) before they set the same parameter again, so
/// that the usual stride, half of that at the usual tempo, misses none of theirs; the root may do what it likes.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Search {
    /// These subnets only; `None` for all.
    pub netuids: Option<BTreeSet<NetUid>>,
    /// The most blocks between two states that are compared.
    pub stride: NonZeroU64,
}

impl Default for Search {
    /// All subnets, states at most 360 blocks apart.
    fn default() -> Self {
        Self { netuids: None, stride: const { NonZeroU64::new(360).expect("360 is not 0") } }
    }
}

/// What was found.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Found {
    /// The values just before the range, in the state of its first block's parent, and the first values of each subnet that
    /// began in it.
    pub seeds: Vec<Seed>,
    /// The changes, by block, subnet and name. A subnet that begins or ends is no change of its parameters.
    pub changes: Vec<Change>,
    /// Subnets that ended, with the first block that is without them, or has another of their number.
    pub ended: Vec<(u64, NetUid)>,
    /// How many states were read.
    pub states: u64,
}

/// How far a search is.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SearchProgress {
    /// Blocks of the range that are searched.
    pub done: u64,
    /// Blocks of the range.
    pub total: u64,
}

/// Every change of a hyperparameter in this range of blocks, with what changed it. `progress` is told how far it is.
///
/// # Errors
/// Those of the source, [`StatePruned`](SourceError::StatePruned) where it no longer has a state of the range.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::subnet::hyperparameters::history::{self, History, Search};
///
/// let found = history::discover(source, 7_000_000..=7_007_200, &Search::default(), &mut |_| {}).await?;
/// for change in &found.changes {
///     println!("{} {} {}: {:?} -> {:?}", change.block, change.netuid, change.name, change.old, change.new);
/// }
/// let mut history = History::default();
/// history.extend(&found)?;
/// # Ok(())
/// # }
/// ```
pub async fn discover(
    source: &dyn BlockSource,
    range: RangeInclusive<u64>,
    search: &Search,
    progress: &mut (dyn FnMut(SearchProgress) + Send),
) -> Result<Found, SubnetError> {
    // The genesis has no parent to compare with.
    let (base, last) = (range.start().saturating_sub(1), *range.end());
    let walk = Walk { source, states: AtomicU64::new(0) };
    let mut found = Found::default();
    if range.is_empty() {
        return Ok(found);
    }
    let total = last - base;
    let stride = search.stride.get();
    let grid = (0..=total.div_ceil(stride)).map(|step| last.min(base.saturating_add(step.saturating_mul(stride))));
    let mut states =
        stream::iter(grid).map(|block| walk.state(block, search.netuids.as_ref())).buffered(STATES_AT_ONCE);
    let mut before: Option<Arc<State>> = None;
    while let Some(state) = states.next().await {
        let state = Arc::new(state?);
        match &before {
            None => found.seeds.extend(state.seeds(|_| true)),
            Some(before) => walk.between(before, &state, &mut found).await?,
        }
        progress(SearchProgress { done: state.block - base, total });
        before = Some(state);
    }
    drop(states);
    found.states = walk.states.into_inner();
    Ok(found)
}

/// The hyperparameters in the state of one block.
struct State {
    block: u64,
    spec_version: u32,
    /// Which subnets were asked for; `None` for all.
    asked: Option<BTreeSet<NetUid>>,
    subnets: BTreeMap<NetUid, Living>,
}

impl State {
    fn knows(&self, netuid: NetUid) -> bool {
        self.asked.as_ref().is_none_or(|asked| asked.contains(&netuid))
    }

    /// The values of those subnets, as first ones.
    fn seeds(&self, wanted: impl Fn(NetUid) -> bool) -> impl Iterator<Item = Seed> {
        let wanted = self.subnets.values().filter(move |living| wanted(living.subnet.netuid));
        wanted.map(|living| Seed { block: self.block, subnet: living.subnet.clone() })
    }

    /// The subnets that another state has otherwise, or has not.
    fn differing(&self, later: &Self) -> BTreeSet<NetUid> {
        let all = self.subnets.keys().chain(later.subnets.keys()).copied();
        let known = all.filter(|netuid| self.knows(*netuid) && later.knows(*netuid));
        let differs = |netuid: &NetUid| match (self.subnets.get(netuid), later.subnets.get(netuid)) {
            (Some(old), Some(new)) => {
                is_another(old, new) || !compare(later.block, &old.subnet, &new.subnet).is_empty()
            }
            (old, new) => old.is_some() != new.is_some(),
        };
        known.filter(differs).collect()
    }
}

/// Whether the number was given to another subnet in between.
fn is_another(old: &Living, new: &Living) -> bool {
    old.generation.zip(new.generation).is_some_and(|(old, new)| !old.is_same_as(&new))
}

struct Walk<'s> {
    source: &'s dyn BlockSource,
    states: AtomicU64,
}

impl Walk<'_> {
    async fn state(&self, block: u64, asked: Option<&BTreeSet<NetUid>>) -> Result<State, SubnetError> {
        self.states.fetch_add(1, Ordering::Relaxed);
        let at = self.source.header(BlockId::Number(block)).await?.reference();
        let writer = self.source.writer(&at).await?;
        let wanted: Vec<NetUid> = match asked {
            Some(asked) => asked.iter().copied().collect(),
            None => netuids(self.source, &at).await?,
        };
        let found = match living(self.source, &at, &writer, &wanted).await {
            // A recording may hold the hyperparameters and nothing else of the subnets.
            Err(SubnetError::Source(SourceError::NotRecorded { .. })) => {
                let mut existing = netuids(self.source, &at).await?;
                existing.retain(|netuid| wanted.contains(netuid));
                let subnets = from_storage(self.source, &at, &writer, &existing).await?;
                subnets.into_iter().map(|subnet| Living { subnet, generation: None }).collect()
            }
            found => found?,
        };
        let subnets = found.into_iter().map(|living| (living.subnet.netuid, living)).collect();
        Ok(State { block, spec_version: writer.version().spec_version, asked: asked.cloned(), subnets })
    }

    /// What changed from one state to a later one.
    async fn between(&self, before: &Arc<State>, after: &Arc<State>, found: &mut Found) -> Result<(), SubnetError> {
        // The earlier half is on top, so that what is found is in order.
        let mut open = vec![(Arc::clone(before), Arc::clone(after))];
        while let Some((low, high)) = open.pop() {
            let differing = low.differing(&high);
            if differing.is_empty() {
                continue;
            }
            if high.block - low.block <= 1 {
                self.step(&low, &high, &differing, found).await?;
                continue;
            }
            let middle = low.block + (high.block - low.block) / 2;
            let middle = Arc::new(self.state(middle, Some(&differing)).await?);
            open.push((Arc::clone(&middle), high));
            open.push((low, middle));
        }
        Ok(())
    }

    /// What one block did.
    async fn step(
        &self,
        before: &State,
        after: &State,
        differing: &BTreeSet<NetUid>,
        found: &mut Found,
    ) -> Result<(), SubnetError> {
        let mut changes = Vec::new();
        let mut began = BTreeSet::new();
        for netuid in differing {
            match (before.subnets.get(netuid), after.subnets.get(netuid)) {
                (Some(old), Some(new)) if !is_another(old, new) => {
                    changes.extend(compare(after.block, &old.subnet, &new.subnet));
                }
                (old, new) => {
                    found.ended.extend(old.map(|_| (after.block, *netuid)));
                    began.extend(new.map(|_| *netuid));
                }
            }
        }
        found.seeds.extend(after.seeds(|netuid| began.contains(&netuid)));
        if !changes.is_empty() {
            self.name_causes(before, after, &mut changes).await?;
        }
        changes.sort_by(|one, other| (one.netuid, &one.name).cmp(&(other.netuid, &other.name)));
        found.changes.append(&mut changes);
        Ok(())
    }

    async fn name_causes(&self, before: &State, after: &State, changes: &mut [Change]) -> Result<(), SubnetError> {
        let block = self.source.block(BlockId::Number(after.block)).await?;
        let index = block.runtime.index(&block.extrinsics, &block.events).map_err(|source| SubnetError::Decode {
            what: "the events of the block".to_owned(),
            block: after.block,
            source,
        })?;
        let setters = Setters::of(&index);
        let upgraded = before.spec_version != after.spec_version;
        for change in changes {
            change.timestamp_ms = block.timestamp_ms;
            change.cause = setters.cause(change.netuid, &change.name);
            change.cause.runtimes = upgraded.then_some([before.spec_version, after.spec_version]);
        }
        Ok(())
    }
}
