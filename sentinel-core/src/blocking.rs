//! Runs work that takes its time away from the threads that serve the network.

use std::panic::{AssertUnwindSafe, catch_unwind};

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
