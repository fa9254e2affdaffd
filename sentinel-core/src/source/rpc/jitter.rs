//! A little chance, so that many clients do not come back in the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// From `pause` to `pause` and a quarter.
pub(super) fn jittered(pause: Duration) -> Duration {
    // The standard library seeds each state differently, which is all the randomness that this needs.
    let quarters = (RandomState::new().hash_one(()) % 1024) as u32;
    pause.saturating_add(pause / 4 * quarters / 1024)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_less_and_never_much_more() {
        let pauses: Vec<_> = (0..100).map(|_| jittered(Duration::from_secs(4))).collect();
        assert!(pauses.iter().all(|pause| (4.0..=5.0).contains(&pause.as_secs_f64())));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
