//! How much to ask for at once: less after an answer that was too large, then as much as fits, more again after a while.

use std::sync::atomic::{AtomicUsize, Ordering};

/// Good answers after which twice as much is tried.
const PROBATION: usize = 128;

/// A number of keys per request.
#[derive(Debug)]
pub(super) struct Portion {
    most: usize,
    now: AtomicUsize,
    /// What was answered last; 0 after a failure below it.
    fits: AtomicUsize,
    /// The least that was too much.
    fails: AtomicUsize,
    good: AtomicUsize,
}

impl Portion {
    pub(super) fn new(most: usize) -> Self {
        let most = most.max(1);
        Self {
            most,
            now: AtomicUsize::new(most),
            fits: AtomicUsize::new(0),
            fails: AtomicUsize::new(usize::MAX),
            good: AtomicUsize::new(0),
        }
    }

    pub(super) fn now(&self) -> usize {
        self.now.load(Ordering::Relaxed)
    }

    /// An answer to `asked` keys was too large. Returns whether fewer can be asked for.
    pub(super) fn too_large(&self, asked: usize) -> bool {
        self.good.store(0, Ordering::Relaxed);
        self.fails.fetch_min(asked, Ordering::Relaxed);
        let mut fits = self.fits.load(Ordering::Relaxed);
        if fits >= asked {
            fits = 0;
            self.fits.store(0, Ordering::Relaxed);
        }
        self.now.fetch_min((asked / 2).max(fits).max(1), Ordering::Relaxed);
        asked > 1
    }

    /// An answer was not too large.
    pub(super) fn fitted(&self) {
        let now = self.now();
        if now >= self.most {
            return;
        }
        self.fits.store(now, Ordering::Relaxed);
        let fails = self.fails.load(Ordering::Relaxed);
        // Halves of what is too much may be half of what would do: a few tries find more.
        let between = now.saturating_add(fails.saturating_sub(now) / 2).min(self.most);
        if fails < usize::MAX && between > now + now / 8 {
            self.now.store(between, Ordering::Relaxed);
        } else if self.good.fetch_add(1, Ordering::Relaxed) + 1 >= PROBATION {
            self.good.store(0, Ordering::Relaxed);
            self.fails.store(usize::MAX, Ordering::Relaxed);
            self.now.store((now * 2).min(self.most), Ordering::Relaxed);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_shrinks_at_once_and_grows_after_a_while() {
        let portion = Portion::new(1000);
        assert!(portion.too_large(1000) && portion.too_large(500));
        assert_eq!(portion.now(), 250);
        (0..10).for_each(|_| portion.fitted());
        assert!((400..500).contains(&portion.now()), "{}", portion.now());
        (0..10 * PROBATION).for_each(|_| portion.fitted());
        assert_eq!(portion.now(), 1000);
    }

    #[test]
    fn what_fitted_is_not_given_up_for_what_did_not() {
        let portion = Portion::new(1000);
        portion.too_large(1000);
        portion.fitted();
        assert_eq!(portion.now(), 750);
        portion.too_large(750);
        assert_eq!(portion.now(), 500);
        portion.too_large(500);
        assert_eq!(portion.now(), 250, "what fitted once need not fit again");
    }

    #[test]
    fn a_single_key_that_is_too_large_stays_too_large() {
        let portion = Portion::new(2);
        assert!(portion.too_large(2));
        assert!(!portion.too_large(1));
        assert_eq!(portion.now(), 1);
    }
}
