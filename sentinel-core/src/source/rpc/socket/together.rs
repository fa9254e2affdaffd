//! Answers that are waited for together: whoever asked is woken once, by the last of them.

use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;

use super::Answer;

/// Places for answers, and how many of them are still empty.
#[derive(Debug)]
pub(super) struct Together {
    answers: Mutex<Vec<Option<Answer>>>,
    left: AtomicUsize,
    over: Notify,
}

/// Where one answer goes. Without one it stays empty when this is dropped.
#[derive(Debug)]
pub(super) struct Place {
    of: Arc<Together>,
    index: usize,
}

impl Together {
    pub(super) fn new(count: usize) -> Arc<Self> {
        let answers = Mutex::new((0..count).map(|_| None).collect());
        Arc::new(Self { answers, left: AtomicUsize::new(count), over: Notify::new() })
    }

    /// One place for each answer; ask once.
    pub(super) fn places(self: &Arc<Self>) -> impl Iterator<Item = Place> {
        (0..self.lock().len()).map(|index| Place { of: Arc::clone(self), index })
    }

    /// Waits until no place is held any more.
    pub(super) async fn over(&self) {
        while self.left.load(Ordering::Acquire) > 0 {
            self.over.notified().await;
        }
    }

    /// What has come; what comes later is lost.
    pub(super) fn take(&self) -> Vec<Option<Answer>> {
        std::mem::take(&mut *self.lock())
    }

    fn lock(&self) -> MutexGuard<'_, Vec<Option<Answer>>> {
        self.answers.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Place {
    pub(super) fn put(self, answer: Answer) {
        if let Some(place) = self.of.lock().get_mut(self.index) {
            *place = Some(answer);
        }
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        if self.of.left.fetch_sub(1, Ordering::AcqRel) == 1 {
            self.of.over.notify_one();
        }
    }
}
