//! What goes wrong while a chain is followed: drawn from a seed, done through the proxies before two endpoints.

use std::time::Duration;

use sentinel_support::proxy::{Action, Mix, Proxy, Script, Span};
use sentinel_support::rng::Rng;

use crate::{BEHIND, BLOCK_TIME};

/// How much of it.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Size {
    /// The chain has at least so many blocks, and more where the faults take longer.
    pub(crate) heads: u64,
    /// Times at which one endpoint, or both, cannot be reached.
    pub(crate) disconnects: usize,
    /// The longest of them, in blocks.
    pub(crate) longest: usize,
    /// Connections over which suddenly nothing comes any more.
    pub(crate) half_open: usize,
    /// Subscriptions that say nothing any more.
    pub(crate) zombies: usize,
    /// For so many blocks nobody is there.
    pub(crate) outage: u32,
    /// Answers `null` to questions for hashes, headers and blocks.
    pub(crate) null_fills: usize,
    /// The subscription's silence after which it is not relied on.
    pub(crate) silence: Duration,
}

/// One of them.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Fault {
    /// The first endpoint is away for so many blocks.
    First(u32),
    /// The second one.
    Second(u32),
    /// Both.
    Both(u32),
    /// The connections to the first endpoint stay open, and nothing comes.
    HalfOpen,
    /// All subscriptions stay, and say nothing.
    Zombie,
}

impl Size {
    /// All faults in the order in which they are done.
    pub(crate) fn faults(&self, rng: &mut Rng) -> Vec<Fault> {
        let mut faults = vec![Fault::HalfOpen; self.half_open];
        faults.extend(vec![Fault::Zombie; self.zombies]);
        for _ in 0..self.disconnects {
            let blocks = rng.below(self.longest) as u32 + 1;
            faults.push(match rng.below(10) {
                0 => Fault::Second(blocks),
                1 | 2 => Fault::Both(blocks),
                _ => Fault::First(blocks),
            });
        }
        faults.push(Fault::Both(self.outage));
        (1..faults.len()).rev().for_each(|end| faults.swap(end, rng.below(end + 1)));
        faults
    }

    /// What happens to announcements all the time: a quarter is lost, one in twenty comes twice and as many out of order.
    pub(crate) fn announcements(&self, seed: u64) -> Script {
        let mix = Mix::new(self.heads as usize * 35 / 100, Span::Notifications(self.heads))
            .with(25, Action::SkipNotification)
            .with(5, Action::DupNotification)
            .with(5, Action::SwapNotifications);
        Script::random(seed, &mix)
    }

    /// What happens to answers here and there: heads run back; hashes, headers and blocks are missing.
    pub(crate) fn answers(&self, seed: u64) -> Script {
        // One look at the head often serves several blocks, so that fewer ask for it.
        let (all, few) = (self.heads / 2, self.heads / 10);
        let back = Mix::new(self.heads as usize / 200, Span::Method("chain_getFinalizedHead", few));
        let script = Script::random(seed, &back.with(1, Action::HeadRegress(BEHIND)));
        let parts = [
            ("chain_getBlockHash", 4, all),
            ("chain_getBlock", 3, all),
            ("chain_getHeader", 2, few),
            ("chain_getFinalizedHead", 1, few),
        ];
        parts.into_iter().fold(script, |script, (method, tenths, among)| {
            let nulls = Mix::new(self.null_fills * tenths / 10, Span::Method(method, among));
            script.and(Script::random(seed + tenths as u64, &nulls.with(1, Action::NullResult)))
        })
    }
}

impl Fault {
    /// Brings it about, and says how long it lasts by itself.
    pub(crate) fn strike(self, first: &Proxy, second: &Proxy) -> Duration {
        let away = |blocks| Action::Refuse(BLOCK_TIME * blocks);
        match self {
            Self::First(blocks) => first.strike(away(blocks)),
            Self::Second(blocks) => second.strike(away(blocks)),
            Self::Both(blocks) => [first, second].into_iter().for_each(|proxy| proxy.strike(away(blocks))),
            Self::HalfOpen => first.strike(Action::HalfOpen),
            Self::Zombie => [first, second].into_iter().for_each(|proxy| proxy.strike(Action::MuteSubscriptions)),
        }
        match self {
            Self::First(blocks) | Self::Second(blocks) | Self::Both(blocks) => BLOCK_TIME * blocks,
            Self::HalfOpen | Self::Zombie => Duration::ZERO,
        }
    }
}
