//! How many blocks are read at once: as many as finish quickly.
//!
//! Blocks are written in their order, so what a kill costs is what is under way. From a quick node that is no time at all, and
//! many at once make it quicker still. A slow one works on all of them at the same time and ends none: there, few at once
//! are as fast, and what is done becomes safe block by block. Large ones are fewer at once: each has its answers in memory.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::Instant;

/// How many are read at once at first.
const START: usize = 2_048;
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

/// Those that are read at once are so many groups at least, each asked for together: a group is done when its last block is.
const GROUPS: usize = 16;
/// Blocks of a group at most.
const MOST_TOGETHER: usize = 16;

/// See the module.
#[derive(Debug, Clone)]
pub(super) struct Throttle {
    most: usize,
    most_together: usize,
    state: Arc<Mutex<State>>,
}

#[derive(Debug)]
struct State {
    allowed: usize,
    /// Blocks that are read.
    reading: usize,
    /// Who waits, and for how many blocks.
    waiting: VecDeque<(usize, oneshot::Sender<Turn>)>,
    /// The size that is expected of a block, in bytes.
    size: f64,
    /// When fewer were allowed last.
    cut: Option<Instant>,
}

/// The turn of some blocks; the next ones have it when this is dropped.
#[derive(Debug)]
pub(super) struct Turn {
    throttle: Throttle,
    began: Instant,
    blocks: usize,
    sizes: Vec<usize>,
}

/// How many blocks may be asked for together where so many may be read at once.
pub(super) fn together(at_once: usize) -> usize {
    (at_once / GROUPS).clamp(1, MOST_TOGETHER)
}

impl Throttle {
    /// At most so many blocks at once, and so many of them asked for together.
    pub(super) fn new(most: usize, most_together: usize) -> Self {
        let state = State { allowed: START.min(most), reading: 0, waiting: VecDeque::new(), size: 0.0, cut: None };
        Self { most, most_together, state: Arc::new(Mutex::new(state)) }
    }

    /// How many blocks are best asked for together at present.
    pub(super) fn together(&self) -> usize {
        together(self.lock().allowed).min(self.most_together)
    }

    /// Waits for the turn of some more blocks: who came first has it first. More than are allowed have it alone.
    pub(super) async fn turn(&self, blocks: usize) -> Turn {
        let has_come = {
            let mut state = self.lock();
            if state.has_room(blocks) && state.waiting.is_empty() {
                return self.begin(&mut state, blocks);
            }
            let (turn, has_come) = oneshot::channel();
            state.waiting.push_back((blocks, turn));
            has_come
        };
        // It is only let go of with a turn.
        has_come.await.unwrap_or_else(|_| self.begin(&mut self.lock(), blocks))
    }

    fn begin(&self, state: &mut State, blocks: usize) -> Turn {
        state.reading += blocks;
        Turn { throttle: self.clone(), began: Instant::now(), blocks, sizes: Vec::new() }
    }

    fn ended(&self, began: Instant, blocks: usize, sizes: &[usize]) {
        let mut begun = Vec::new();
        {
            let mut state = self.lock();
            state.reading -= blocks;
            state.learn(self.most, began, blocks, sizes);
            while let Some((blocks, turn)) = state.waiting.pop_front() {
                if turn.is_closed() {
                    continue;
                }
                if !state.has_room(blocks) {
                    state.waiting.push_front((blocks, turn));
                    break;
                }
                begun.push((turn, self.begin(&mut state, blocks)));
            }
        }
        for (turn, begun) in begun {
            // Whoever went away meanwhile ends it at once, which takes the lock: not while it is held.
            drop(turn.send(begun));
        }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn has_room(&self, blocks: usize) -> bool {
        self.reading == 0 || self.reading + blocks <= self.allowed
    }

    /// Some blocks were read.
    fn learn(&mut self, most: usize, began: Instant, blocks: usize, sizes: &[usize]) {
        for size in sizes {
            self.size += (*size as f64 - self.size) * NEWEST;
        }
        let most = most.min((ROOM / self.size.max(1.0)) as usize).max(LEAST.min(most));
        self.allowed = self.allowed.min(most);
        let took = began.elapsed();
        if took > SLOW && self.cut.is_none_or(|cut| cut <= began) {
            // Those that began before count once.
            self.allowed = (self.allowed / 2).max(LEAST.min(self.allowed));
            self.cut = Some(Instant::now());
        } else if took <= QUICK {
            self.allowed = (self.allowed + MORE * blocks).min(most);
        }
    }
}

impl Turn {
    /// Takes note of how large a block is.
    pub(super) fn has(&mut self, bytes: usize) {
        self.sizes.push(bytes);
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.throttle.ended(self.began, self.blocks, &self.sizes);
    }
}

#[cfg(test)]
mod tests {
    use tokio::time::{advance, timeout};

    use super::*;

    /// How many turns can be had at once.
    fn room(throttle: &Throttle) -> usize {
        let state = throttle.lock();
        state.allowed - state.reading
    }

    async fn blocks(throttle: &Throttle, count: usize, took: Duration) {
        let mut turns = Vec::new();
        for _ in 0..count {
            turns.push(throttle.turn(1).await);
        }
        advance(took).await;
    }

    #[tokio::test(start_paused = true)]
    async fn blocks_have_their_turn_together_and_in_order() {
        let throttle = Throttle::new(32, 16);
        assert_eq!((throttle.together(), together(1), together(512), together(9_999)), (2, 1, 16, 16));
        let (many, few) = (throttle.turn(20).await, throttle.turn(8).await);
        let waiting = |blocks| {
            let throttle = throttle.clone();
            tokio::spawn(async move { throttle.turn(blocks).await.blocks })
        };
        let (too_many, one) = (waiting(100), waiting(1));
        tokio::task::yield_now().await;
        // There is room for one, but it came later; who goes away is passed over.
        assert!(timeout(Duration::from_secs(1), throttle.turn(1)).await.is_err());
        drop(many);
        tokio::task::yield_now().await;
        assert!(!too_many.is_finished() && !one.is_finished());
        drop(few);
        assert_eq!((too_many.await.unwrap(), one.await.unwrap(), throttle.lock().reading), (100, 1, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn quick_blocks_let_more_be_read_at_once_up_to_the_bound() {
        let throttle = Throttle::new(START + 44, 16);
        assert_eq!(room(&throttle), START);
        blocks(&throttle, 10, QUICK / 2).await;
        assert_eq!(room(&throttle), START + 10 * MORE);
        blocks(&throttle, START, QUICK / 2).await;
        assert_eq!(room(&throttle), START + 44);
        assert_eq!(room(&Throttle::new(1, 1)), 1);
    }

    #[tokio::test(start_paused = true)]
    async fn slow_blocks_let_fewer_be_read_at_once_by_a_half_each_round() {
        let throttle = Throttle::new(64, 16);
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
        let throttle = Throttle::new(500, 16);
        for _ in 0..1_000 {
            throttle.turn(1).await.has(1 << 20);
        }
        assert_eq!(room(&throttle), 64);
        for _ in 0..1_000 {
            throttle.turn(1).await.has(1 << 30);
        }
        assert_eq!(room(&throttle), LEAST);
    }
}
