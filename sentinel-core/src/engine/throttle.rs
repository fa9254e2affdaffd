//! How many blocks are read at once: as many as finish quickly.
//!
//! Blocks are written in their order, so what a kill costs is what is under way. From a quick node that is no time at all, and
//! many at once make it quicker still. A slow one works on all of them at the same time and ends none: there, few at once
//! are as fast, and what is done becomes safe block by block. Large ones are fewer at once: each has its answers in memory.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many are read at once at first.
const START: usize = 256;
/// So many more are read at once after one that was quick.
const MORE: usize = 2;
/// No fewer than these.
const LEAST: usize = 4;
/// A block that took no longer lets more be read at once.
const QUICK: Duration = Duration::from_secs(1);
/// After one that took longer, half as many are.
const SLOW: Duration = Duration::from_secs(4);
/// Those that are read at once have no more bytes than this together, as far as can be told from those before. In answers
/// each byte is two digits.
const ROOM: f64 = (64 << 20) as f64;
/// What one block counts for in the size that is expected of the next.
const NEWEST: f64 = 1.0 / 64.0;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    most: usize,
    turns: Arc<Semaphore>,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    allowed: usize,
    /// The size that is expected of a block, in bytes.
    size: f64,
    /// Turns that end with the block that has them.
    surplus: usize,
    /// When fewer were allowed last.
    cut: Option<Instant>,
}

/// The turn of one block; the next one has it when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    throttle: Throttle,
    began: Instant,
    permit: Option<OwnedSemaphorePermit>,
    bytes: Option<usize>,
}

impl Throttle {
    pub(super) fn new(most: usize) -> Self {
        let allowed = START.min(most);
        let state = State { allowed, size: 0.0, surplus: 0, cut: None };
        Self { most, turns: Arc::new(Semaphore::new(allowed)), state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for the turn of one more block: who came first has it first.
    pub(super) async fn turn(&self) -> Turn {
        // It is never closed; without a permit, one is not counted.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        Turn { throttle: self.clone(), began: Instant::now(), permit, bytes: None }
    }

    fn ended(&self, began: Instant, bytes: Option<usize>, permit: OwnedSemaphorePermit) {
        let (now, took) = (Instant::now(), began.elapsed());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(bytes) = bytes {
            state.size += (bytes as f64 - state.size) * NEWEST;
        }
        let most = self.most.min((ROOM / state.size.max(1.0)) as usize).max(LEAST.min(self.most));
        if state.allowed > most {
            state.surplus += state.allowed - most;
            state.allowed = most;
        }
        if took > SLOW && state.cut.is_none_or(|cut| cut <= began) {
            // Those that began before count once.
            let fewer = (state.allowed / 2).max(LEAST.min(state.allowed));
            state.surplus += state.allowed - fewer;
            state.allowed = fewer;
            state.cut = Some(now);
        } else if took <= QUICK && state.allowed < most {
            let more = MORE.min(most - state.allowed);
            let kept = more.min(state.surplus);
            state.allowed += more;
            state.surplus -= kept;
            self.turns.add_permits(more - kept);
        }
        if state.surplus > 0 {
            state.surplus -= 1;
            permit.forget();
        }
    }
}

impl Turn {
    /// Takes note of how large the block is.
    pub(super) fn has(&mut self, bytes: usize) {
        self.bytes = Some(bytes);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.throttle.ended(self.began, self.bytes, permit);
        }
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::advance;

    use super::*;

    /// How many turns can be had at once.
    fn room(throttle: &Throttle) -> usize {
        throttle.turns.available_permits()
    }

    async fn blocks(throttle: &Throttle, count: usize, took: Duration) {
        let mut turns = Vec::new();
        for _ in 0..count {
            turns.push(throttle.turn().await);
        }
        advance(took).await;
    }

    #[tokio::test(start_paused = true)]
    async fn quick_blocks_let_more_be_read_at_once_up_to_the_bound() {
        let throttle = Throttle::new(500);
        assert_eq!(room(&throttle), START);
        blocks(&throttle, 10, QUICK / 2).await;
        assert_eq!(room(&throttle), START + 10 * MORE);
        blocks(&throttle, START, QUICK / 2).await;
        assert_eq!(room(&throttle), 500);
        assert_eq!(room(&Throttle::new(1)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_blocks_let_fewer_be_read_at_once_by_a_half_each_round() {
        let throttle = Throttle::new(64);
        for left in [32, 16, 8, 4, 4] {
            let all = room(&throttle);
            blocks(&throttle, all, SLOW * 2).await;
            assert_eq!(room(&throttle), left);
        }
        // Neither slow nor quick: it stays.
        blocks(&throttle, 4, QUICK * 2).await;
        assert_eq!(room(&throttle), 4);
        blocks(&throttle, 4, QUICK / 2).await;
        assert_eq!(room(&throttle), 4 + 4 * MORE);
    }

    #[tokio::test(start_paused = true)]
    async fn large_blocks_are_fewer_at_once() {
        let throttle = Throttle::new(500);
        for _ in 0..1_000 {
            throttle.turn().await.has(1 << 20);
        }
        assert_eq!(room(&throttle), 64);
        for _ in 0..1_000 {
            throttle.turn().await.has(1 << 30);
        }
        assert_eq!(room(&throttle), LEAST);
    }
}
