//! Scripts drawn from a seed.

use std::collections::BTreeSet;
use std::time::Duration;

use super::{Action, Rule, Trigger};
use crate::rng::Rng;

/// Where in a run faults may happen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Span {
    /// Anywhere in the first so many bytes to clients.
    Bytes(u64),
    /// At some of the first so many requests.
    Requests(u64),
    /// At some of the first so many requests of one method.
    Method(&'static str, u64),
    /// At some of the first so many notifications.
    Notifications(u64),
    /// Within so long.
    Time(Duration),
}

impl Span {
    fn len(self) -> u64 {
        match self {
            Self::Bytes(len) | Self::Requests(len) | Self::Method(_, len) | Self::Notifications(len) => len,
            Self::Time(within) => u64::try_from(within.as_micros()).unwrap_or(u64::MAX),
        }
    }

    fn trigger(self, at: u64) -> Trigger {
        match self {
            Self::Bytes(_) => Trigger::Byte(at),
            Self::Requests(_) => Trigger::Request(at),
            Self::Method(name, _) => Trigger::method(name, at),
            Self::Notifications(_) => Trigger::Notification(at),
            Self::Time(_) => Trigger::Elapsed(Duration::from_micros(at)),
        }
    }
}

/// How many faults of which kinds, and where.
///
/// ```
/// use sentinel_support::proxy::{Action, Mix, Script, Span};
///
/// // A quarter of 1,000 heads is never announced.
/// let mix = Mix::new(250, Span::Notifications(1_000)).with(1, Action::SkipNotification);
/// assert_eq!(Script::random(3, &mix), Script::random(3, &mix));
/// ```
#[derive(Debug, Clone, PartialEq)]
pub struct Mix {
    faults: usize,
    span: Span,
    kinds: Vec<(u32, Action)>,
}

impl Mix {
    /// So many faults, each at a place of its own; of which kind is said by [`with`](Self::with).
    pub fn new(faults: usize, span: Span) -> Self {
        Self { faults, span, kinds: Vec::new() }
    }

    /// This kind too, as often as its weight is to the sum of all.
    #[must_use]
    pub fn with(mut self, weight: u32, action: Action) -> Self {
        self.kinds.push((weight, action));
        self
    }

    /// Connections that break: 40 % reset, 40 % closed, 20 % half-open.
    pub fn cuts(faults: usize, span: Span) -> Self {
        Self::new(faults, span).with(40, Action::Rst).with(40, Action::Fin).with(20, Action::HalfOpen)
    }

    /// Replies that come late, not at all, twice, broken, too large, or as errors: whatever a request can meet without
    /// a lie that looks like an answer.
    pub fn replies(faults: usize, span: Span) -> Self {
        Self::new(faults, span)
            .with(3, Action::Delay(Duration::from_millis(50)))
            .with(2, Action::DropReply)
            .with(3, Action::DupReply)
            .with(3, Action::SwapReplies)
            .with(2, Action::WrongId)
            .with(3, Action::error(-32603, "Internal error"))
            .with(3, Action::error(-32005, "Too many requests"))
            .with(2, Action::Truncate)
            .with(1, Action::DeepJson(2_000))
            .with(2, Action::ForwardThenCut)
    }

    pub(super) fn draw(&self, seed: u64) -> Vec<Rule> {
        let weights: u32 = self.kinds.iter().map(|(weight, _)| weight).sum();
        if weights == 0 {
            return Vec::new();
        }
        let mut rng = Rng::new(seed);
        let places = self.places(&mut rng);
        let rule = |at| Rule { when: self.span.trigger(at), then: self.kind(rng.below(weights as usize) as u32) };
        places.into_iter().map(rule).collect()
    }

    /// Ascending places from 1 to the length of the span, each once.
    fn places(&self, rng: &mut Rng) -> BTreeSet<u64> {
        let len = self.span.len().max(1);
        let wanted = self.faults.min(usize::try_from(len).unwrap_or(usize::MAX));
        let mut places = BTreeSet::new();
        while places.len() < wanted {
            places.insert(1 + rng.bits() % len);
        }
        places
    }

    fn kind(&self, mut chosen: u32) -> Action {
        for (weight, action) in &self.kinds {
            match chosen.checked_sub(*weight) {
                Some(rest) => chosen = rest,
                None => return action.clone(),
            }
        }
        // The choice is below the sum of the weights.
        Action::Rst
    }
}
