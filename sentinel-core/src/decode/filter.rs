//! Which calls or events somebody wants, as a set that two bytes are looked up in.

use super::plan::{Outer, Plans};
use super::runtime::Runtime;

/// A set of calls or of events of one runtime, for [`Runtime::events_matching`] and
/// [`BlockIndex::events_matching`](super::BlockIndex::events_matching).
///
/// ```
/// use sentinel_core::decode::Runtime;
///
/// # let metadata = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/metadata/raonet-218-v14.scale"))?;
/// let runtime = Runtime::from_metadata(&metadata)?;
/// let staking = runtime.event_filter(|pallet, name| pallet == "SubtensorModule" && name.starts_with("Stake"));
/// assert!(staking.contains(runtime.event_index("SubtensorModule", "StakeAdded").expect("an event of every subtensor")));
/// assert!(!staking.contains(runtime.event_index("Balances", "Transfer").expect("an event of every runtime")));
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct ItemFilter {
    /// One bit for each item, by the index of its pallet.
    pallets: Vec<[u64; 4]>,
}

impl ItemFilter {
    /// Whether the item with this pallet and item index is in the set.
    #[inline]
    pub fn contains(&self, [pallet, item]: [u8; 2]) -> bool {
        self.pallets.get(usize::from(pallet)).is_some_and(|items| items[usize::from(item >> 6)] >> (item & 63) & 1 == 1)
    }

    /// Adds the item with this pallet and item index.
    pub fn insert(&mut self, [pallet, item]: [u8; 2]) {
        let at = usize::from(pallet);
        if self.pallets.len() <= at {
            self.pallets.resize(at + 1, [0; 4]);
        }
        self.pallets[at][usize::from(item >> 6)] |= 1 << (item & 63);
    }

    /// Whether nothing is in it.
    pub fn is_empty(&self) -> bool {
        self.pallets.iter().all(|items| *items == [0; 4])
    }

    fn of(plans: &Plans, outer: &Outer, wanted: impl Fn(&str, &str) -> bool) -> Self {
        let mut filter = Self::default();
        for item in outer.items() {
            if wanted(plans.name(item.pallet).text(), plans.name(item.name).text()) {
                filter.insert(item.index);
            }
        }
        filter
    }
}

impl Runtime {
    /// The calls that `wanted` says yes to, given pallet and name.
    pub fn call_filter(&self, wanted: impl Fn(&str, &str) -> bool) -> ItemFilter {
        ItemFilter::of(&self.plans, self.plans.calls(), wanted)
    }

    /// The events that `wanted` says yes to, given pallet and name.
    pub fn event_filter(&self, wanted: impl Fn(&str, &str) -> bool) -> ItemFilter {
        ItemFilter::of(&self.plans, self.plans.events(), wanted)
    }

    /// Pallet and call index of a call; `None` where the runtime has no such call.
    pub fn call_index(&self, pallet: &str, name: &str) -> Option<[u8; 2]> {
        self.find_item(self.plans.calls(), pallet, name)
    }

    /// Pallet and event index of an event; `None` where the runtime has no such event.
    pub fn event_index(&self, pallet: &str, name: &str) -> Option<[u8; 2]> {
        self.find_item(self.plans.events(), pallet, name)
    }

    fn find_item(&self, outer: &Outer, pallet: &str, name: &str) -> Option<[u8; 2]> {
        let text = |id| self.plans.name(id).text();
        let found = outer.items().iter().find(|item| text(item.name) == name && text(item.pallet) == pallet);
        found.map(|item| item.index)
    }
}
