//! Whether an endpoint is to be trusted with requests, and when one that is away is tried again.

use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

use crate::jitter::jittered;
use crate::source::SourceError;

/// The first pause between two attempts to connect.
const FIRST_PAUSE: Duration = Duration::from_secs(1);
/// What one more good or bad answer weighs in the score.
const WEIGHT: f64 = 0.2;
/// Below this score an endpoint is not asked while others are there: five failures in a row.
const POOR: f64 = 0.4;
/// Good answers after which an endpoint that was away is asked again.
const CLEAN: u32 = 3;
/// Connections lost before they answered anything, after which there is a pause.
const STILLBORN: u32 = 3;

/// See the module.
#[derive(Debug)]
pub(super) struct Health {
    max_pause: Duration,
    up: AtomicBool,
    /// The newest block it spoke of; 0 before.
    head: AtomicU64,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    score: f64,
    clean: u32,
    down_since: Option<Instant>,
    retry_at: Option<Instant>,
    stillborn: u32,
    /// The head must pass this before it counts as well again.
    stuck_at: Option<u64>,
    last: Option<Failure>,
}

/// A failure to connect, for everybody who asks before the next attempt.
#[derive(Debug)]
struct Failure {
    message: String,
    is_final: bool,
    is_limit: bool,
}

impl Health {
    pub(super) fn new(max_pause: Duration) -> Self {
        let state =
            State { score: 1.0, clean: 0, down_since: None, retry_at: None, stillborn: 0, stuck_at: None, last: None };
        Self { max_pause, up: AtomicBool::new(true), head: AtomicU64::new(0), state: Mutex::new(state) }
    }

    pub(super) fn is_up(&self) -> bool {
        self.up.load(Ordering::Relaxed)
    }

    pub(super) fn score(&self) -> f64 {
        self.lock().score
    }

    /// The newest block it spoke of.
    pub(super) fn head(&self) -> Option<u64> {
        Some(self.head.load(Ordering::Relaxed)).filter(|head| *head > 0)
    }

    pub(super) fn saw(&self, head: u64) {
        self.head.fetch_max(head, Ordering::Relaxed);
    }

    /// It answered. Returns whether it is back by that.
    pub(super) fn good(&self) -> bool {
        let mut state = self.lock();
        state.score += WEIGHT * (1.0 - state.score);
        state.stillborn = 0;
        if !self.is_up() && state.stuck_at.is_none_or(|height| self.head.load(Ordering::Relaxed) > height) {
            state.clean += 1;
            if state.clean >= CLEAN {
                state.score = 1.0;
                state.stuck_at = None;
                state.down_since = None;
                self.up.store(true, Ordering::Relaxed);
                return true;
            }
        }
        false
    }

    /// It did not answer, or with an error of its own.
    pub(super) fn bad(&self) {
        let mut state = self.lock();
        state.score -= WEIGHT * state.score;
        state.clean = 0;
        if state.score < POOR {
            self.take_down(&mut state);
        }
    }

    /// A connection to it hung: that counts at once.
    pub(super) fn hung(&self) {
        let mut state = self.lock();
        self.take_down(&mut state);
    }

    /// It refuses everything, for a limit of its own.
    pub(super) fn refuses(&self) {
        let mut state = self.lock();
        self.take_down(&mut state);
    }

    /// Its head stays where it is, while that of others moves.
    pub(super) fn stuck(&self, height: u64) {
        let mut state = self.lock();
        state.stuck_at = Some(height);
        self.take_down(&mut state);
    }

    pub(super) fn connected(&self) {
        let mut state = self.lock();
        state.retry_at = None;
        state.last = None;
    }

    /// A connection ended before it answered anything.
    pub(super) fn stillborn(&self) {
        let mut state = self.lock();
        state.stillborn += 1;
        if state.stillborn >= STILLBORN {
            self.pause(&mut state, FIRST_PAUSE);
        }
    }

    /// An attempt to connect failed.
    pub(super) fn unreachable(&self, error: &SourceError) {
        let mut state = self.lock();
        let asked_for = match error {
            SourceError::RateLimited { retry_after, .. } => *retry_after,
            _ => None,
        };
        state.last = Some(Failure {
            message: match error {
                SourceError::Transient { message, .. } | SourceError::RateLimited { message, .. } => message.clone(),
                other => other.to_string(),
            },
            is_final: !error.is_retryable(),
            is_limit: matches!(error, SourceError::RateLimited { .. }),
        });
        self.take_down(&mut state);
        self.pause(&mut state, asked_for.unwrap_or(FIRST_PAUSE).max(FIRST_PAUSE));
    }

    /// How long there must be no attempt to connect.
    pub(super) fn pause_left(&self) -> Duration {
        let at = self.lock().retry_at;
        at.map_or(Duration::ZERO, |at| at.saturating_duration_since(Instant::now()))
    }

    /// What the last attempt to connect met, for a read that comes before the next one.
    pub(super) fn failure(&self, endpoint: &str) -> SourceError {
        let state = self.lock();
        let (endpoint, source) = (endpoint.to_owned(), None);
        match &state.last {
            Some(Failure { message, is_final: true, .. }) => SourceError::Fatal { message: message.clone(), source },
            Some(Failure { message, is_limit: true, .. }) => SourceError::RateLimited {
                endpoint,
                message: message.clone(),
                retry_after: state.retry_at.map(|at| at.saturating_duration_since(Instant::now())),
            },
            Some(Failure { message, .. }) => SourceError::Transient { endpoint, message: message.clone(), source },
            None => SourceError::Transient { endpoint, message: "connections to it do not last".to_owned(), source },
        }
    }

    fn take_down(&self, state: &mut State) {
        state.clean = 0;
        state.down_since.get_or_insert_with(Instant::now);
        self.up.store(false, Ordering::Relaxed);
    }

    /// The longer it is away, the longer until it is tried again: a quarter of that time.
    fn pause(&self, state: &mut State, least: Duration) {
        let now = Instant::now();
        let away = state.down_since.map_or(Duration::ZERO, |since| now.saturating_duration_since(since));
        let pause = (away / 4).min(self.max_pause).max(least);
        state.retry_at = Some(now + jittered(pause));
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::sleep;

    use super::*;

    fn refused() -> SourceError {
        SourceError::Transient { endpoint: "node:1".to_owned(), message: "cannot connect".to_owned(), source: None }
    }

    #[tokio::test(start_paused = true)]
    async fn a_dead_endpoint_is_tried_less_than_once_a_second_and_never_given_up() {
        let health = Health::new(Duration::from_secs(60));
        let start = Instant::now();
        let mut tries = Vec::new();
        while start.elapsed() < Duration::from_secs(3600) {
            tries.push(start.elapsed().as_secs_f64());
            health.unreachable(&refused());
            sleep(health.pause_left()).await;
        }
        let pauses: Vec<f64> = tries.windows(2).map(|pair| pair[1] - pair[0]).collect();
        assert!(pauses.iter().all(|pause| (1.0..=75.1).contains(pause)), "{pauses:?}");
        // A restart of half a minute is noticed soon after.
        let after_restart = tries.iter().find(|at| **at > 30.0).copied().unwrap_or(f64::MAX);
        assert!(after_restart < 42.0, "{after_restart}");
    }

    #[tokio::test]
    async fn three_clean_answers_bring_it_back() {
        let health = Health::new(Duration::from_secs(60));
        (0..5).for_each(|_| health.bad());
        assert!(!health.is_up());
        assert!(!health.good() && !health.good());
        health.bad();
        assert!(!health.good() && !health.good());
        assert!(!health.is_up());
        assert!(health.good() && health.is_up());
    }

    #[tokio::test]
    async fn a_stuck_endpoint_comes_back_when_its_head_moves() {
        let health = Health::new(Duration::from_secs(60));
        health.saw(7);
        health.stuck(7);
        assert!((0..10).all(|_| !health.good()));
        health.saw(8);
        assert!((0..3).any(|_| health.good()));
    }
}
