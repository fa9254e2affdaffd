//! A little chance, so that many who failed together do not come back in the same moment.

use std::hash::{BuildHasher, RandomState};
use std::time::Duration;

/// Random bits, from the keys that the standard library seeds its maps with: good enough to be different.
pub(crate) fn random() -> u64 {
    RandomState::new().hash_one(std::process::id())
}

/// A number from 0 to 1.
pub(crate) fn fraction() -> f64 {
    f64::from(random() as u32) / f64::from(u32::MAX)
}

/// From `pause` to `pause` and a quarter.
#[cfg(any(feature = "rpc", feature = "engine"))]
pub(crate) fn jittered(pause: Duration) -> Duration {
    pause.saturating_add((pause / 4).mul_f64(fraction()))
}

#[cfg(all(test, any(feature = "rpc", feature = "engine")))]
mod tests {
    use super::*;

    #[test]
    fn it_is_never_less_and_never_much_more() {
        let pauses: Vec<_> = (0..100).map(|_| jittered(Duration::from_secs(4))).collect();
        assert!(pauses.iter().all(|pause| (4.0..=5.0).contains(&pause.as_secs_f64())));
        assert!(pauses.iter().any(|pause| *pause != pauses[0]));
    }
}
