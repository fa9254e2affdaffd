//! From which block on an endpoint keeps states, as far as it said.

use std::sync::atomic::{AtomicU64, Ordering};

/// States that nodes keep which do not keep all, where nothing else is known.
const USUALLY_KEPT: u64 = 256;

/// See the module. Before the first answer about a dropped state it is held to have everything.
#[derive(Debug)]
pub(super) struct Horizon {
    /// One above the newest block whose state is known to be dropped; states once dropped do not come back.
    dropped: AtomicU64,
    /// How far behind the head states are held to be kept.
    kept: AtomicU64,
}

impl Default for Horizon {
    fn default() -> Self {
        Self { dropped: AtomicU64::new(0), kept: AtomicU64::new(USUALLY_KEPT) }
    }
}

impl Horizon {
    /// It said that the state of this block is dropped. Where that was held to be kept, half of its age is the next guess:
    /// other endpoints have what lies between, too.
    pub(super) fn lacks(&self, block: u64, head: Option<u64>) {
        self.dropped.fetch_max(block.saturating_add(1), Ordering::Relaxed);
        let Some(age) = head.and_then(|head| head.checked_sub(block)) else { return };
        if age <= self.kept.load(Ordering::Relaxed) {
            self.kept.fetch_min(age / 2, Ordering::Relaxed);
        }
    }

    /// Whether the state of a block need not be asked for: it, or a newer one, was dropped; or others were, and it is older
    /// than what seems to be kept.
    pub(super) fn is_beyond(&self, block: u64, head: Option<u64>) -> bool {
        let dropped = self.dropped.load(Ordering::Relaxed);
        let kept = self.kept.load(Ordering::Relaxed);
        dropped > 0 && (block < dropped || head.is_some_and(|head| head.saturating_sub(block) > kept))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_answer_tells_about_all_older_blocks() {
        let horizon = Horizon::default();
        assert!(!horizon.is_beyond(1, Some(10_000)));
        horizon.lacks(500, None);
        assert!(horizon.is_beyond(500, None) && horizon.is_beyond(1, None));
        assert!(!horizon.is_beyond(501, None) && horizon.is_beyond(501, Some(10_000)));
        assert!(!horizon.is_beyond(9_800, Some(10_000)));
    }

    #[test]
    fn a_node_that_keeps_little_is_found_out_by_few_questions() {
        let horizon = Horizon::default();
        let (head, kept) = (1_000, 10);
        let wasted = (1..=head - kept).filter(|block| {
            let asked = !horizon.is_beyond(*block, Some(head));
            if asked {
                horizon.lacks(*block, Some(head));
            }
            asked
        });
        assert!(wasted.count() <= 8);
        assert!(!horizon.is_beyond(head, Some(head)));
    }
}
