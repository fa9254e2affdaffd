//! Whether to slow down for a refusal: not where slowing down does not help.
//!
//! An endpoint that has a limit refuses next to nothing below it, so a cut that was deep enough ends the refusals, and the
//! next ones come when the rate is back. One that refuses by chance, or for what others ask of it, goes on at any rate: to
//! ask it less gains nothing. The two are told apart by trying. Cuts are made as for a limit; when after several in a row
//! refusals came again at once, or at ever lower rates, and in no smaller share, the cuts are taken back, and such a share of
//! refusals is put up with for some time.

use std::time::Duration;

use tokio::time::Instant;

/// A share of refusals that is no reason to slow down: what it costs to stay near a limit.
const TOLERATED: f64 = 0.02;
/// Answers without which a share of them says nothing.
const ENOUGH: u32 = 16;
/// Answers that are looked back at, at most.
const MEMORY: u32 = 512;
/// Good answers after a cut, before the next refusal, that show that it helped.
const CLEAN: u32 = 128;
/// With fewer than these, it did not.
const EARLY: u32 = 16;
/// Refusals that begin below this part of the rate at which they began before are such as the cut should have prevented.
const BELOW: f64 = 0.9;
/// So many cuts leave a sixth of the rate, which ends the refusals of a limit that was exceeded four times over.
const PATIENCE: u32 = 5;
/// Refusals for each good answer that no chance explains.
const REAL: u32 = 3;
/// A share of refusals above which it does not matter what they are for: who refuses so much is asked less.
const MOST: f64 = 0.5;
/// Answers by which a share is compared with the one that is put up with.
const SURE: u32 = 128;
/// How long a share is put up with before cuts are tried again; twice as long each time that they do not help.
const AGAIN: Duration = Duration::from_secs(10);
/// The longest such time.
const AGAIN_AT_MOST: Duration = Duration::from_secs(160);

/// What a cut changes.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) struct Bounds {
    pub(super) pace: Option<f64>,
    pub(super) window: f64,
}

impl Bounds {
    fn is_wider_than(self, other: Self) -> bool {
        self.pace.unwrap_or(f64::INFINITY) > other.pace.unwrap_or(f64::INFINITY)
    }
}

/// What to do about a refusal.
#[derive(Debug, Clone, Copy, PartialEq)]
pub(super) enum Verdict {
    /// Nothing.
    Keep,
    /// Slow down.
    Cut,
    /// The cuts did not help: these were the bounds before them.
    Undo(Bounds),
}

/// Where refusals began, since the last cut.
#[derive(Debug, Clone, Copy)]
struct Onset {
    /// At this rate.
    rate: f64,
    /// After so many good answers.
    after: u32,
}

/// Answers of a time.
#[derive(Debug, Default, Clone, Copy)]
struct Answers {
    good: u32,
    refused: u32,
}

impl Answers {
    fn all(self) -> u32 {
        self.good + self.refused
    }

    fn share(self) -> f64 {
        f64::from(self.refused) / f64::from(self.all().max(1))
    }

    fn and(self, more: Self) -> Self {
        Self { good: self.good + more.good, refused: self.refused + more.refused }
    }
}

/// Cuts that did not help, one after the other.
#[derive(Debug, Default)]
struct InVain {
    cuts: u32,
    /// What came meanwhile.
    answers: Answers,
    /// The bounds before the first, or before others that only seemed to help.
    before: Option<Bounds>,
}

/// A share of refusals that is put up with.
#[derive(Debug, Clone, Copy)]
struct Chance {
    share: f64,
    until: Instant,
}

/// See the module.
#[derive(Debug)]
pub(super) struct Trial {
    /// Since the last verdict.
    now: Answers,
    onset: Option<Onset>,
    /// The rate at which the refusals began for which the last cut was made.
    before: Option<f64>,
    in_vain: InVain,
    chance: Option<Chance>,
    /// How long the next share is put up with.
    again: Duration,
}

impl Default for Trial {
    fn default() -> Self {
        let (now, in_vain) = (Answers::default(), InVain::default());
        Self { now, onset: None, before: None, in_vain, chance: None, again: AGAIN }
    }
}

impl Trial {
    /// A good answer came.
    pub(super) fn good(&mut self) {
        self.now.good = self.now.good.saturating_add(1);
    }

    /// One more was refused, at this time and rate and under these bounds.
    pub(super) fn refused(&mut self, at: Instant, rate: f64, bounds: Bounds) -> Verdict {
        self.now.refused += 1;
        if let Some(chance) = self.chance {
            return self.compare(at, chance);
        }
        let onset = *self.onset.get_or_insert(Onset { rate, after: self.now.good });
        self.try_cut(at, onset, bounds)
    }

    /// Whether refusals are held to have nothing to do with the rate.
    pub(super) fn puts_up(&self) -> bool {
        self.chance.is_some()
    }

    fn try_cut(&mut self, at: Instant, onset: Onset, bounds: Bounds) -> Verdict {
        if self.now.all() > MEMORY {
            // What is older fades.
            self.now = Answers { good: self.now.good.min(MEMORY) / 2, refused: self.now.refused / 2 };
        }
        if self.now.all() < ENOUGH || self.now.share() <= TOLERATED {
            return Verdict::Keep;
        }
        let now = std::mem::take(&mut self.now);
        self.onset = None;
        let before = self.before.replace(onset.rate);
        let again = before.is_some_and(|rate| onset.rate < BELOW * rate || onset.after < EARLY);
        let is_real = now.refused >= REAL * now.good || self.in_vain.is_beaten_by(now);
        if is_real || !again || onset.after >= CLEAN {
            self.in_vain.ended(now, bounds, is_real);
            return Verdict::Cut;
        }
        let answers = if self.in_vain.cuts == 0 { now } else { self.in_vain.answers.and(now) };
        self.in_vain.answers = answers;
        self.in_vain.cuts += 1;
        if self.in_vain.cuts < PATIENCE {
            return Verdict::Cut;
        }
        if answers.share() > MOST {
            self.in_vain.cuts = 0;
            return Verdict::Cut;
        }
        self.before = None;
        self.chance = Some(Chance { share: answers.share(), until: at + self.again });
        self.again = (self.again * 2).min(AGAIN_AT_MOST);
        Verdict::Undo(std::mem::take(&mut self.in_vain).before.unwrap_or(bounds))
    }

    /// While a share of refusals is put up with.
    fn compare(&mut self, at: Instant, chance: Chance) -> Verdict {
        if self.now.all() < SURE {
            return Verdict::Keep;
        }
        let now = std::mem::take(&mut self.now).share();
        // Three times what chance makes of the share among so many.
        let margin = 3.0 * (chance.share * (1.0 - chance.share) / f64::from(SURE)).sqrt();
        let is_more = now > chance.share + margin;
        if now <= chance.share / 2.0 {
            self.again = AGAIN;
        }
        if is_more || now <= chance.share / 2.0 || at >= chance.until {
            self.chance = None;
        }
        if is_more { Verdict::Cut } else { Verdict::Keep }
    }
}

impl InVain {
    /// Whether refusals became fewer, beyond chance.
    fn is_beaten_by(&self, now: Answers) -> bool {
        let expected = self.answers.share() * f64::from(now.all());
        self.cuts > 0 && f64::from(now.refused) + 2.0 * expected.sqrt() < expected
    }

    /// A cut helped, or seems to have: the count begins anew.
    fn ended(&mut self, now: Answers, bounds: Bounds, is_real: bool) {
        if is_real || self.before.is_none_or(|before| bounds.is_wider_than(before)) {
            self.before = Some(bounds);
        }
        (self.cuts, self.answers) = (0, now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What came of a minute.
    struct Minute {
        asked: u32,
        refused: u32,
    }

    /// The second minute at `from` requests a second, or what comes of it; `refuses` is told a number below 1 and how much is in the bucket of
    /// a node that takes `limit` in a second.
    fn minute(seed: u64, from: f64, limit: f64, refuses: impl Fn(f64, f64) -> bool) -> Minute {
        let (mut trial, mut rate, mut bucket) = (Trial::default(), from, limit);
        let (start, mut seconds, mut random) = (Instant::now(), 0.0, seed);
        let mut seen = Minute { asked: 0, refused: 0 };
        while seconds < 120.0 {
            seconds += 1.0 / rate;
            bucket = (bucket + limit / rate).min(limit);
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
            let is_refused = refuses((random >> 40) as f64 / f64::from(1 << 24), bucket);
            if seconds > 60.0 {
                seen.asked += 1;
                seen.refused += u32::from(is_refused);
            }
            if is_refused {
                let at = start + Duration::from_secs_f64(seconds);
                match trial.refused(at, rate, Bounds { pace: Some(rate), window: 64.0 }) {
                    Verdict::Keep => {}
                    Verdict::Cut => rate = (rate * 0.7).max(0.5),
                    Verdict::Undo(before) => rate = before.pace.unwrap(),
                }
            } else {
                bucket -= 1.0;
                trial.good();
                let faster = if trial.puts_up() { 0.5 } else { rate * (0.1 / rate).clamp(1.0 / 512.0, 1.0 / 64.0) };
                rate = (rate + faster).min(1000.0);
            }
        }
        seen
    }

    #[tokio::test]
    async fn refusals_by_chance_are_put_up_with() {
        for percent in [1, 5, 10, 20, 30] {
            for seed in 0..5 {
                let seen = minute(seed, 1000.0, f64::INFINITY, |random, _| random * 100.0 < f64::from(percent));
                assert!(seen.asked > 60 * 500, "{percent} %: {} in a minute", seen.asked);
            }
        }
    }

    #[tokio::test]
    async fn a_rate_that_fell_for_another_reason_comes_back() {
        for seed in 0..5 {
            let seen = minute(seed, 3.0, f64::INFINITY, |random, _| random < 0.3);
            assert!(seen.asked > 60 * 200, "{} in a minute", seen.asked);
        }
    }

    #[tokio::test]
    async fn a_limit_is_found_wherever_it_is() {
        for limit in [10.0, 30.0, 100.0, 300.0, 900.0] {
            let seen = minute(0, 1000.0, limit, |_, bucket| bucket < 1.0);
            let good = f64::from(seen.asked - seen.refused) / 60.0;
            assert!(seen.refused * 20 < seen.asked, "limit {limit}: {} of {}", seen.refused, seen.asked);
            assert!(good > 0.9 * limit, "limit {limit}: {good}");
        }
    }

    #[tokio::test]
    async fn a_limit_on_top_of_chance_does_not_stop_anything() {
        for seed in 0..5 {
            let seen = minute(seed, 1000.0, 100.0, |random, bucket| random < 0.3 || bucket < 1.0);
            let good = f64::from(seen.asked - seen.refused) / 60.0;
            assert!(good > 60.0 && seen.asked < 60 * 400, "{good} of {}", seen.asked / 60);
        }
    }

    #[tokio::test]
    async fn few_answers_say_nothing() {
        let (mut trial, bounds) = (Trial::default(), Bounds { pace: None, window: 64.0 });
        let now = Instant::now();
        assert!((0..ENOUGH - 1).all(|_| trial.refused(now, 10.0, bounds) == Verdict::Keep));
        assert_eq!(trial.refused(now, 10.0, bounds), Verdict::Cut);
        // One in a hundred is no reason.
        let mut trial = Trial::default();
        for _ in 0..100 {
            (0..99).for_each(|_| trial.good());
            assert_eq!(trial.refused(now, 10.0, bounds), Verdict::Keep);
        }
    }
}
