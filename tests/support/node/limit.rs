//! Nodes that do not answer everybody: limits by rate, by number at once, or by nothing but chance.

use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};

use jsonrpsee::types::ErrorObjectOwned;
use tokio::time::Instant;

use crate::rng::Rng;

/// Whom a node refuses. The refusals are in the words of several nodes and gateways.
#[derive(Debug, Clone, PartialEq)]
pub enum Limit {
    /// More requests per second than this, and than as many at once after a pause: a token bucket.
    PerSecond(u32),
    /// More requests under way than this.
    AtOnce(usize),
    /// So many of a hundred, however few there are.
    Percent {
        /// So many.
        percent: usize,
        /// Which of them.
        seed: u64,
    },
}

/// What nodes and gateways say of too many requests.
pub const LIMITED: [(i32, &str); 6] = [
    (429, "Too Many Requests"),
    (-32004, "Historical work rate limit exceeded"),
    (-32029, ""),
    (-32005, "daily request count exceeded"),
    (-32000, "your app has exceeded its compute units per second capacity"),
    (-32603, "Rate limit reached, retry later"),
];

/// The limit of a node, and what came of it.
#[derive(Debug, Default)]
pub(super) struct Limiter {
    state: Mutex<State>,
    under_way: AtomicUsize,
    refused: AtomicU64,
}

#[derive(Debug, Default)]
struct State {
    limit: Option<Limit>,
    rng: Option<Rng>,
    /// What is in the bucket, and since when.
    bucket: Option<(Instant, f64)>,
}

/// A request that was let in; it is under way until this is dropped.
#[derive(Debug)]
pub(super) struct Admitted<'a>(&'a AtomicUsize);

impl Drop for Admitted<'_> {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::SeqCst);
    }
}

impl Limiter {
    pub(super) fn set(&self, limit: Option<Limit>) {
        let rng = match limit {
            Some(Limit::Percent { seed, .. }) => Some(Rng::new(seed)),
            _ => None,
        };
        *self.lock() = State { limit, rng, bucket: None };
    }

    /// How many requests were refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.refused.load(Ordering::SeqCst)
    }

    pub(super) fn admit(&self) -> Result<Admitted<'_>, ErrorObjectOwned> {
        let under_way = self.under_way.fetch_add(1, Ordering::SeqCst);
        let admitted = Admitted(&self.under_way);
        if self.lock().has_room(under_way) {
            return Ok(admitted);
        }
        let refused = self.refused.fetch_add(1, Ordering::SeqCst);
        let (code, message) = LIMITED[refused as usize % LIMITED.len()];
        Err(ErrorObjectOwned::owned(code, message, None::<()>))
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&mut self, under_way: usize) -> bool {
        match self.limit {
            None => true,
            Some(Limit::AtOnce(most)) => under_way < most,
            Some(Limit::Percent { percent, .. }) => !self.rng.as_mut().is_some_and(|rng| rng.percent(percent)),
            Some(Limit::PerSecond(rate)) => {
                let (now, rate) = (Instant::now(), f64::from(rate));
                let (since, left) = self.bucket.unwrap_or((now, rate));
                let left = (left + now.saturating_duration_since(since).as_secs_f64() * rate).min(rate);
                let has_room = left >= 1.0;
                self.bucket = Some((now, if has_room { left - 1.0 } else { left }));
                has_room
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use tokio::time::sleep;

    use super::*;

    fn let_in(limiter: &Limiter, requests: usize) -> usize {
        (0..requests).filter(|_| limiter.admit().is_ok()).count()
    }

    #[tokio::test(start_paused = true)]
    async fn limits_are_what_they_say() {
        let limiter = Limiter::default();
        assert_eq!(let_in(&limiter, 1000), 1000);
        limiter.set(Some(Limit::PerSecond(100)));
        assert_eq!(let_in(&limiter, 150), 100);
        sleep(Duration::from_millis(200)).await;
        assert_eq!(let_in(&limiter, 150), 20);
        limiter.set(Some(Limit::AtOnce(2)));
        let held: Vec<_> = (0..5).map(|_| limiter.admit()).collect();
        assert_eq!(held.iter().filter(|one| one.is_ok()).count(), 2);
        drop(held);
        assert_eq!(let_in(&limiter, 5), 5);
        limiter.set(Some(Limit::Percent { percent: 30, seed: 1 }));
        assert!((650..750).contains(&let_in(&limiter, 1000)));
    }
}
