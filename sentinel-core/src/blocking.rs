//! Runs work that takes its time away from the threads that serve the network, or beside its caller.

use std::panic::{AssertUnwindSafe, catch_unwind};

#[cfg(feature = "archive")]
use tokio::task::JoinHandle;

/// The work panicked; a bug, or a library that met bytes it did not expect.
#[derive(Debug, Clone, Copy, thiserror::Error)]
#[error("the work was given up after an internal failure")]
pub(crate) struct Panicked;

/// Runs `work` on tokio's blocking threads where there is a runtime, here otherwise. A panic ends the work, not us.
pub(crate) async fn offload<T, F>(work: F) -> Result<T, Panicked>
where
    T: Send + 'static,
    F: FnOnce() -> T + Send + 'static,
{
    match tokio::runtime::Handle::try_current() {
        Ok(runtime) => runtime.spawn_blocking(work).await.map_err(|_| Panicked),
        Err(_) => catch_unwind(AssertUnwindSafe(work)).map_err(|_| Panicked),
    }
}

/// Begins `work` at once where there is a runtime, and goes on with it whatever the caller does; elsewhere it is done when
/// it is waited for. Dropping it ends it.
#[cfg(feature = "archive")]
pub(crate) fn beside<T, F>(work: F) -> impl Future<Output = Result<T, Panicked>> + Send
where
    T: Send + 'static,
    F: Future<Output = T> + Send + 'static,
{
    let begun = match tokio::runtime::Handle::try_current() {
        Ok(runtime) => Ok(Owned(runtime.spawn(work))),
        Err(_) => Err(work),
    };
    async move {
        match begun {
            Ok(mut task) => (&mut task.0).await.map_err(|_| Panicked),
            Err(work) => Ok(work.await),
        }
    }
}

/// A task that ends with its owner.
#[cfg(feature = "archive")]
struct Owned<T>(JoinHandle<T>);

#[cfg(feature = "archive")]
impl<T> Drop for Owned<T> {
    fn drop(&mut self) {
        self.0.abort();
    }
}
