//! How many requests an endpoint gets: so many at once, so many per second, fewer after it said "too many".
//!
//! Both bounds move like those of TCP: down by a factor when the endpoint limits or does not keep up, up again bit by bit
//! with every good answer. What was under way at a cut is not held against the endpoint again. It begins with some at once,
//! and two more with every good answer until the first cut. Cuts that do not help are taken back ([`trial`]).

mod meter;
mod trial;

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::sync::oneshot;
use tokio::time::{Instant, sleep_until};

use self::meter::Meter;
use self::trial::{Bounds, Trial, Verdict};

/// How many are under way at once at first: few enough that a stranger's node does not take it for an attack.
pub(super) const START: usize = 256;
/// What a good answer adds to the number at once before the first cut.
const FREELY_WIDER: f64 = 2.0;
/// What is left of the number at once after an answer that came too late, or "too many requests".
const FEWER: f64 = 0.5;
/// What a good answer adds to the number at once, at least.
const WIDER: f64 = 0.125;
/// What is left of the rate after "too many requests".
const SLOWER: f64 = 0.7;
/// What a good answer adds to the rate: after a cut it takes some two hundred to come back to where the limit was.
const FASTER: f64 = 1.0 / 512.0;
/// The same where the rate is low, in requests per second: a tenth more in every second.
const FASTER_WHEN_SLOW: f64 = 0.1;
/// Never more than this part of the rate, so that what comes after a cut shows whether it helped.
const FASTEST: f64 = 1.0 / 64.0;
/// What a good answer adds to the rate, in requests per second, while refusals have nothing to do with it.
const FREELY: f64 = 0.5;
/// No cut goes below this rate, in requests per second.
const SLOWEST: f64 = 0.5;
/// A rate so many times what is asked for anyway bounds nothing and is forgotten.
const AMPLE: f64 = 8.0;
/// An endpoint that refused everything for so long is left alone for a quarter of that time, whatever it said.
pub(super) const SULKING: Duration = Duration::from_secs(1);
/// The longest pause for which nobody asked.
pub(super) const LONGEST: Duration = Duration::from_secs(30);
/// Turns that were not used lapse after this time, so that a pause does not end in a burst.
const LAPSE: Duration = Duration::from_millis(20);

/// See the module.
#[derive(Debug)]
pub(super) struct Gate {
    most: usize,
    fixed: Option<f64>,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    under_way: usize,
    /// Those of them that do not wait for their turn any more.
    sent: usize,
    /// Bound of `under_way`; a fraction, because it grows by less than one.
    window: f64,
    waiting: VecDeque<Waiting>,
    /// How often the bounds were cut.
    cuts: u64,
    pace: Option<f64>,
    next_turn: Instant,
    closed_until: Option<Instant>,
    /// Since when everything was refused.
    refusing_since: Option<Instant>,
    meter: Meter,
    trial: Trial,
}

/// Who waits for room, and for how many requests.
#[derive(Debug)]
struct Waiting {
    requests: usize,
    turn: oneshot::Sender<Permit>,
}

/// The right to one request, or to several together; it ends when this is dropped.
#[derive(Debug)]
pub(super) struct Permit {
    gate: Arc<Gate>,
    requests: usize,
    cuts: u64,
    sent: bool,
}

/// What the gate does at present.
#[derive(Debug, Clone, Copy)]
pub(super) struct Reading {
    pub(super) under_way: usize,
    pub(super) window: usize,
    pub(super) per_second: Option<f64>,
}

impl Gate {
    /// So many at once at first and at most, and so many per second at most.
    pub(super) fn new(first: usize, most: usize, per_second: Option<f64>) -> Self {
        let most = most.max(1);
        let fixed = per_second.filter(|rate| rate.is_finite() && *rate > 0.0);
        let now = Instant::now();
        let state = State {
            under_way: 0,
            sent: 0,
            window: first.clamp(1, most) as f64,
            waiting: VecDeque::new(),
            cuts: 0,
            pace: fixed,
            next_turn: now,
            closed_until: None,
            refusing_since: None,
            meter: Meter::new(now),
            trial: Trial::default(),
        };
        Self { most, fixed, state: Mutex::new(state) }
    }

    /// Waits for the turn of one more request.
    pub(super) async fn enter(self: &Arc<Self>) -> Permit {
        let mut permit = self.room(1).await;
        loop {
            let turn = self.lock().turn();
            match turn {
                Turn::Now => {
                    permit.send();
                    return permit;
                }
                Turn::At(at, cuts) => {
                    sleep_until(at).await;
                    // A turn of the rate before a cut is worth nothing.
                    if self.lock().cuts == cuts {
                        permit.send();
                        return permit;
                    }
                }
                Turn::Closed(until) => sleep_until(until).await,
            }
        }
    }

    /// Waits for room for several requests together; `None` where they would have to wait for a rate or a pause, too.
    pub(super) async fn enter_together(self: &Arc<Self>, requests: usize) -> Option<Permit> {
        if !self.lock().is_free_for(requests) {
            return None;
        }
        let mut permit = self.room(requests).await;
        let is_free = self.lock().count_together(requests);
        is_free.then(|| {
            permit.send();
            permit
        })
    }

    /// Waits until so many more may be under way: who came first has it first.
    async fn room(self: &Arc<Self>, requests: usize) -> Permit {
        let queue = {
            let mut state = self.lock();
            if state.has_room(requests) && state.waiting.is_empty() {
                Ok(self.permit(&mut state, requests))
            } else {
                let (turn, has_come) = oneshot::channel();
                state.waiting.push_back(Waiting { requests, turn });
                Err(has_come)
            }
        };
        match queue {
            Ok(permit) => permit,
            // A gate that is gone has nobody to keep waiting; the connection behind it will say so.
            Err(has_come) => has_come.await.unwrap_or_else(|_| self.permit(&mut self.lock(), requests)),
        }
    }

    /// How long the endpoint wants to be left alone.
    pub(super) fn closed_for(&self) -> Duration {
        let until = self.lock().closed_until;
        until.map_or(Duration::ZERO, |until| until.saturating_duration_since(Instant::now()))
    }

    /// How long one more request would wait, as far as is known.
    pub(super) fn busy_for(&self) -> Duration {
        let state = self.lock();
        let now = Instant::now();
        let until = |at: Option<Instant>| at.map_or(Duration::ZERO, |at| at.saturating_duration_since(now));
        let Some(pace) = state.pace else { return until(state.closed_until) };
        let waiting: usize = state.waiting.iter().map(|waiting| waiting.requests).sum();
        let queue = Duration::try_from_secs_f64(waiting as f64 / pace).unwrap_or(Duration::MAX);
        until(state.closed_until).max(until(Some(state.next_turn)).saturating_add(queue))
    }

    pub(super) fn reading(&self) -> Reading {
        let state = self.lock();
        Reading { under_way: state.under_way, window: state.window as usize, per_second: state.pace }
    }

    fn permit(self: &Arc<Self>, state: &mut State, requests: usize) -> Permit {
        state.under_way += requests;
        Permit { gate: Arc::clone(self), requests, cuts: state.cuts, sent: false }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Permit {
    /// Its turn has come.
    fn send(&mut self) {
        let mut state = self.gate.lock();
        state.sent += self.requests;
        self.cuts = state.cuts;
        self.sent = true;
    }

    /// A good answer came.
    pub(super) fn fine(&self) {
        let mut state = self.gate.lock();
        state.refusing_since = None;
        state.trial.good();
        let wider = if state.cuts == 0 { FREELY_WIDER } else { (1.0 / state.window).max(WIDER) };
        state.window = (state.window + wider).min(self.gate.most as f64);
        if let Some(pace) = state.pace {
            let more = match state.trial.puts_up() {
                true => FREELY,
                false => pace * (FASTER_WHEN_SLOW / pace).clamp(FASTER, FASTEST),
            };
            let faster = pace + more;
            state.pace = match self.gate.fixed {
                Some(fixed) => Some(faster.min(fixed)),
                None if faster > AMPLE * state.meter.last().max(1.0) => None,
                None => Some(faster),
            };
        }
    }

    /// The endpoint said that these were too many, and perhaps for how long it wants none. Gives how long it has been saying
    /// nothing else.
    pub(super) fn limited(&self, leave_alone: Option<Duration>) -> Duration {
        let mut state = self.gate.lock();
        let now = Instant::now();
        let refusing = now.saturating_duration_since(*state.refusing_since.get_or_insert(now));
        let sulking = (refusing >= SULKING).then(|| (refusing / 4).min(LONGEST));
        if let Some(pause) = leave_alone.max(sulking) {
            let until = now + pause;
            state.closed_until = Some(state.closed_until.map_or(until, |before| before.max(until)));
        }
        if self.cuts == state.cuts {
            let rate = state.rate();
            let bounds = Bounds { pace: state.pace, window: state.window };
            match state.trial.refused(now, rate, bounds) {
                Verdict::Keep => {}
                Verdict::Cut => {
                    self.narrow(&mut state);
                    let pace = SLOWER * rate.max(SLOWEST);
                    state.pace = Some(pace);
                    state.next_turn = now + Duration::from_secs_f64(1.0 / pace);
                }
                Verdict::Undo(before) => {
                    state.pace = before.pace;
                    state.window = state.window.max(before.window).min(self.gate.most as f64);
                    state.next_turn = now;
                }
            }
        }
        refusing
    }

    /// No answer came in time, or the endpoint said that it is busy.
    pub(super) fn late(&self) {
        let mut state = self.gate.lock();
        self.narrow(&mut state);
    }

    /// Makes room less, once for everything that was under way.
    fn narrow(&self, state: &mut State) {
        if self.cuts != state.cuts {
            return;
        }
        state.cuts += 1;
        // What is really under way, not what would have been allowed.
        let used = state.window.min(state.sent as f64);
        state.window = (used * FEWER).max(1.0);
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let mut handed = Vec::new();
        {
            let mut state = self.gate.lock();
            state.under_way = state.under_way.saturating_sub(self.requests);
            if self.sent {
                state.sent = state.sent.saturating_sub(self.requests);
            }
            while let Some(next) = state.waiting.pop_front() {
                if next.turn.is_closed() {
                    continue;
                }
                if !state.has_room(next.requests) {
                    state.waiting.push_front(next);
                    break;
                }
                handed.push((next.turn, self.gate.permit(&mut state, next.requests)));
            }
        }
        for (next, permit) in handed {
            // Whoever went away meanwhile gives it back by dropping it, which takes the lock: not while it is held.
            drop(next.send(permit));
        }
    }
}

enum Turn {
    Now,
    At(Instant, u64),
    Closed(Instant),
}

impl State {
    /// More than is ever allowed has room alone.
    fn has_room(&self, requests: usize) -> bool {
        self.under_way == 0 || self.under_way + requests <= self.window as usize
    }

    /// Whether so many may be sent as soon as there is room.
    fn is_free_for(&self, requests: usize) -> bool {
        self.pace.is_none() && self.closed_until.is_none() && requests <= self.window as usize
    }

    /// The turn of requests that are sent together; whether it still is one.
    fn count_together(&mut self, requests: usize) -> bool {
        let (is_free, now) = (self.is_free_for(requests), Instant::now());
        if is_free {
            (0..requests).for_each(|_| self.meter.count(now));
        }
        is_free
    }

    /// What is asked for in a second at present.
    fn rate(&self) -> f64 {
        let rate = self.meter.rate();
        self.pace.map_or(rate, |pace| pace.min(rate))
    }

    fn turn(&mut self) -> Turn {
        let now = Instant::now();
        if let Some(until) = self.closed_until {
            if until > now {
                return Turn::Closed(until);
            }
            self.closed_until = None;
        }
        self.meter.count(now);
        let Some(pace) = self.pace else { return Turn::Now };
        let turn = self.next_turn.max(now.checked_sub(LAPSE).unwrap_or(now));
        self.next_turn = turn + Duration::from_secs_f64(1.0 / pace);
        if turn > now { Turn::At(turn, self.cuts) } else { Turn::Now }
    }
}

#[cfg(test)]
mod tests {
    use futures::future::join_all;
    use tokio::time::{sleep, timeout};

    use super::*;

    #[tokio::test(start_paused = true)]
    async fn no_more_than_allowed_are_under_way_and_nobody_is_forgotten() {
        let gate = Arc::new(Gate::new(START, 4, None));
        let peak = std::sync::atomic::AtomicUsize::new(0);
        let request = || async {
            let permit = gate.enter().await;
            peak.fetch_max(gate.reading().under_way, std::sync::atomic::Ordering::Relaxed);
            sleep(Duration::from_millis(10)).await;
            permit.fine();
        };
        // Somebody who goes away while waiting gives the place to the next.
        let impatient = || async { drop(timeout(Duration::from_millis(5), gate.enter()).await) };
        futures::join!(join_all((0..20).map(|_| request())), join_all((0..20).map(|_| impatient())));
        assert_eq!((peak.into_inner(), gate.reading().under_way), (4, 0));
    }

    #[tokio::test(start_paused = true)]
    async fn several_together_wait_for_room_for_all_of_them_and_not_where_there_is_a_rate() {
        let gate = Arc::new(Gate::new(START, 8, None));
        let (five, two) = (gate.enter_together(5).await.unwrap(), gate.enter().await);
        let six = tokio::spawn({
            let gate = Arc::clone(&gate);
            async move { gate.enter_together(6).await }
        });
        sleep(Duration::from_secs(1)).await;
        // Who comes later does not overtake, although there is room for one.
        assert!(timeout(Duration::from_secs(1), gate.enter()).await.is_err());
        assert_eq!(gate.reading().under_way, 6);
        drop(five);
        let six = six.await.unwrap().unwrap();
        assert_eq!(gate.reading().under_way, 7);
        drop((six, two));
        assert_eq!(gate.reading().under_way, 0);
        assert!(gate.enter_together(9).await.is_none());

        let late = gate.enter_together(8).await.unwrap();
        let waiting = gate.enter_together(4);
        late.limited(Some(Duration::from_secs(7)));
        drop(late);
        assert!(waiting.await.is_none() && gate.enter_together(2).await.is_none());
        assert!(Arc::new(Gate::new(START, 8, Some(50.0))).enter_together(2).await.is_none());
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_keeps_up_soon_gets_all() {
        let gate = Arc::new(Gate::new(START, 512, None));
        assert_eq!(gate.reading().window, START);
        for _ in 0..(512 - START) / 2 {
            gate.enter().await.fine();
        }
        assert_eq!(gate.reading().window, 512);
    }

    #[tokio::test(start_paused = true)]
    async fn a_rate_is_kept() {
        let gate = Arc::new(Gate::new(START, 100, Some(50.0)));
        let start = Instant::now();
        for _ in 0..100 {
            gate.enter().await.fine();
        }
        let took = start.elapsed().as_secs_f64();
        assert!((1.9..2.1).contains(&took), "{took}");
    }

    #[tokio::test(start_paused = true)]
    async fn what_was_under_way_counts_as_one_complaint() {
        let gate = Arc::new(Gate::new(START, 64, None));
        let permits = join_all((0..64).map(|_| gate.enter())).await;
        permits.iter().for_each(Permit::late);
        assert_eq!(gate.reading().window, 32);
        drop(permits);
        // It comes back.
        for _ in 0..3000 {
            gate.enter().await.fine();
        }
        assert_eq!(gate.reading().window, 64);
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_wants_to_be_left_alone_is() {
        let gate = Arc::new(Gate::new(START, 8, None));
        gate.enter().await.limited(Some(Duration::from_secs(7)));
        let start = Instant::now();
        join_all((0..4).map(|_| async { drop(gate.enter().await) })).await;
        assert!(start.elapsed() >= Duration::from_secs(7));
    }

    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_refuses_everything_is_asked_ever_less_and_never_given_up() {
        let gate = Arc::new(Gate::new(START, 64, None));
        let start = Instant::now();
        let mut asked = Vec::new();
        while start.elapsed() < Duration::from_secs(600) {
            let permit = gate.enter().await;
            asked.push(start.elapsed());
            permit.limited(None);
        }
        let late = asked.iter().filter(|at| at.as_secs() >= 300).count();
        assert!((5..=15).contains(&late), "{late} requests in five minutes");
        assert!(asked.len() < 1000, "{}", asked.len());
    }

    /// An endpoint that takes a hundred requests a second and refuses the rest, after a burst.
    #[tokio::test(start_paused = true)]
    async fn the_rate_of_an_endpoint_is_found() {
        let gate = Arc::new(Gate::new(START, 64, None));
        let bucket = Mutex::new((Instant::now(), 100.0));
        let share = Mutex::new((0u32, 0u32));
        let start = Instant::now();
        let worker = || async {
            while start.elapsed() < Duration::from_secs(120) {
                let permit = gate.enter().await;
                let taken = {
                    let mut bucket = bucket.lock().unwrap();
                    let now = Instant::now();
                    let more = now.saturating_duration_since(bucket.0).as_secs_f64() * 100.0;
                    *bucket = (now, (bucket.1 + more).min(100.0));
                    let taken = bucket.1 >= 1.0;
                    bucket.1 -= f64::from(taken);
                    taken
                };
                sleep(Duration::from_millis(5)).await;
                if start.elapsed() > Duration::from_secs(60) {
                    let mut share = share.lock().unwrap();
                    share.0 += 1;
                    share.1 += u32::from(!taken);
                }
                match taken {
                    true => permit.fine(),
                    false => _ = permit.limited(None),
                }
            }
        };
        join_all((0..32).map(|_| worker())).await;
        let (asked, refused) = *share.lock().unwrap();
        assert!(refused * 20 < asked, "{refused} of {asked} were refused");
        assert!(asked > 60 * 80, "only {asked} were asked in a minute where 6000 were allowed");
    }

    /// To slow down helps nobody there.
    #[tokio::test(start_paused = true)]
    async fn an_endpoint_that_refuses_at_random_is_asked_on() {
        let gate = Arc::new(Gate::new(START, 16, None));
        let start = Instant::now();
        let worker = |from: usize| {
            let gate = &gate;
            async move {
                for index in 0..500 {
                    let permit = gate.enter().await;
                    sleep(Duration::from_millis(5)).await;
                    match (from + index) * 7 % 10 < 3 {
                        true => _ = permit.limited(None),
                        false => permit.fine(),
                    }
                }
            }
        };
        join_all((0..8).map(worker)).await;
        assert!(start.elapsed() < Duration::from_secs(60), "{:?}", start.elapsed());
    }
}
