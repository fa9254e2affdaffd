//! How many blocks are read at once: as many as finish quickly.
//!
//! Blocks are written in their order, so what a kill costs is what is under way. From a quick node that is no time at all, and
//! many at once make it quicker still. A slow one works on all of them at the same time and ends none: there, few at once
//! are as fast, and what is done becomes safe block by block.

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio::time::Instant;

/// How many are read at once at first.
const START: usize = 64;
/// So many more are read at once after one that was quick.
const MORE: usize = 2;
/// No fewer than these.
const LEAST: usize = 4;
/// A block that took no longer lets more be read at once.
const QUICK: Duration = Duration::from_secs(1);
/// After one that took longer, half as many are.
const SLOW: Duration = Duration::from_secs(4);

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
}

impl Throttle {
    pub(super) fn new(most: usize) -> Self {
        let allowed = START.min(most);
        let state = State { allowed, surplus: 0, cut: None };
        Self { most, turns: Arc::new(Semaphore::new(allowed)), state: Arc::new(Mutex::new(state)) }
    }

    /// Waits for the turn of one more block: who came first has it first.
    pub(super) async fn turn(&self) -> Turn {
        // It is never closed; without a permit, one is not counted.
        let permit = Arc::clone(&self.turns).acquire_owned().await.ok();
        Turn { throttle: self.clone(), began: Instant::now(), permit }
    }

    fn ended(&self, began: Instant, permit: OwnedSemaphorePermit) {
        let (now, took) = (Instant::now(), began.elapsed());
        let mut state = self.state.lock().unwrap_or_else(PoisonError::into_inner);
        if took > SLOW && state.cut.is_none_or(|cut| cut <= began) {
            // Those that began before count once.
            let fewer = (state.allowed / 2).max(LEAST.min(state.allowed));
            state.surplus += state.allowed - fewer;
            state.allowed = fewer;
            state.cut = Some(now);
        } else if took <= QUICK && state.allowed < self.most {
            let more = MORE.min(self.most - state.allowed);
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

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(permit) = self.permit.take() {
            self.throttle.ended(self.began, permit);
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
        let throttle = Throttle::new(100);
        assert_eq!(room(&throttle), START);
        blocks(&throttle, 10, QUICK / 2).await;
        assert_eq!(room(&throttle), START + 10 * MORE);
        blocks(&throttle, START, QUICK / 2).await;
        assert_eq!(room(&throttle), 100);
        assert_eq!(room(&Throttle::new(1)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_blocks_let_fewer_be_read_at_once_by_a_half_each_round() {
        let throttle = Throttle::new(100);
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
}
