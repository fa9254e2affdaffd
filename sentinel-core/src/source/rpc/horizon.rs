//! From which block on an endpoint keeps states, as far as it said.

use std::sync::atomic::{AtomicU64, Ordering};

/// States that nodes keep which do not keep all.
const USUALLY_KEPT: u64 = 256;

/// See the module. Only what is known to be dropped counts: a new endpoint may have everything.
#[derive(Debug, Default)]
pub(super) struct Horizon {
    /// One above the newest block whose state is known to be dropped; states once dropped do not come back.
    dropped: AtomicU64,
}

impl Horizon {
    /// It said that the state of this block is dropped.
    pub(super) fn lacks(&self, block: u64) {
        self.dropped.fetch_max(block.saturating_add(1), Ordering::Relaxed);
    }

    /// Whether the state of a block need not be asked for: it, or a newer one, was dropped; or others were, and it is older
    /// than what nodes usually keep.
    pub(super) fn is_beyond(&self, block: u64, head: Option<u64>) -> bool {
        let dropped = self.dropped.load(Ordering::Relaxed);
        dropped > 0 && (block < dropped || head.is_some_and(|head| head.saturating_sub(block) > USUALLY_KEPT))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_tells_about_all_older_blocks() {
        let horizon = Horizon::default();
        assert!(!horizon.is_beyond(1, Some(10_000)));
        horizon.lacks(500);
        assert!(horizon.is_beyond(500, None) && horizon.is_beyond(1, None));
        assert!(!horizon.is_beyond(501, None) && horizon.is_beyond(501, Some(10_000)));
        assert!(!horizon.is_beyond(9_800, Some(10_000)));
    }
}
