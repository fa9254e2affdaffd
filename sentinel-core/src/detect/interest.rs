//! What a detector wants to see, so that nothing else is fetched and decoded for it.

use crate::decode::{ItemFilter, Runtime};

/// What a detector wants to see of the chain; nothing by default.
///
/// ```
/// use sentinel_core::detect::{Interest, Item};
///
/// let swaps = Interest::default().event(Item::named("SubtensorModule", "ColdkeySwapped"));
/// assert!(swaps.wants_event("SubtensorModule", "ColdkeySwapped"));
/// assert!(!swaps.wants_event("Balances", "Transfer"));
/// ```
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct Interest {
    calls: Vec<Item>,
    events: Vec<Item>,
    state: Cadence,
}

/// A pallet, or one call or event of it.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub struct Item {
    /// Pallet.
    pub pallet: String,
    /// Call or event; `None` for all of the pallet.
    pub name: Option<String>,
}

/// At which blocks a detector reads state.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Cadence {
    /// At none.
    #[default]
    Never,
    /// At every block.
    EveryBlock,
}

impl Item {
    /// All calls or events of a pallet.
    pub fn pallet(pallet: impl Into<String>) -> Self {
        Self { pallet: pallet.into(), name: None }
    }

    /// One call or event.
    pub fn named(pallet: impl Into<String>, name: impl Into<String>) -> Self {
        Self { pallet: pallet.into(), name: Some(name.into()) }
    }

    fn is(&self, pallet: &str, name: &str) -> bool {
        self.pallet == pallet && self.name.as_ref().is_none_or(|own| own == name)
    }
}

impl Interest {
    /// Adds calls, also nested ones.
    #[must_use]
    pub fn call(mut self, item: Item) -> Self {
        self.calls.push(item);
        self
    }

    /// Adds events.
    #[must_use]
    pub fn event(mut self, item: Item) -> Self {
        self.events.push(item);
        self
    }

    /// Sets when state is read.
    #[must_use]
    pub fn state(mut self, cadence: Cadence) -> Self {
        self.state = cadence;
        self
    }

    /// When state is read.
    pub fn cadence(&self) -> Cadence {
        self.state
    }

    /// The calls that are wanted of blocks of this runtime: a set that costs next to nothing to look into.
    pub fn calls(&self, runtime: &Runtime) -> ItemFilter {
        runtime.call_filter(|pallet, name| self.wants_call(pallet, name))
    }

    /// The events that are wanted of blocks of this runtime: a set that costs next to nothing to look into.
    pub fn events(&self, runtime: &Runtime) -> ItemFilter {
        runtime.event_filter(|pallet, name| self.wants_event(pallet, name))
    }

    /// Whether this call is wanted.
    pub fn wants_call(&self, pallet: &str, name: &str) -> bool {
        self.calls.iter().any(|item| item.is(pallet, name))
    }

    /// Whether this event is wanted.
    pub fn wants_event(&self, pallet: &str, name: &str) -> bool {
        self.events.iter().any(|item| item.is(pallet, name))
    }
}
