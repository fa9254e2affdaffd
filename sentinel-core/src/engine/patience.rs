//! What is tried again, how long, and what is given up.

use std::sync::Mutex;
use std::sync::PoisonError;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use ::metrics::counter;
use tokio::time::sleep;
use tokio_util::sync::CancellationToken;

use super::EngineError;
use crate::artifact::ArtifactError;
use crate::decode::DecodeError;
use crate::jitter::jittered;
use crate::metrics;
use crate::source::SourceError;
use crate::subnet::SubnetError;
use crate::text::with_causes;

/// A block that fails so often for reasons of its own is left out.
pub(super) const TRIES: u32 = 3;

const FIRST_PAUSE: Duration = Duration::from_millis(200);
const LONGEST_PAUSE: Duration = Duration::from_secs(60);
/// Between tries of a block that fails for reasons of its own: another endpoint may know it better.
const POISON_PAUSE: Duration = Duration::from_millis(300);

/// Why one attempt at a block failed.
#[derive(Debug, thiserror::Error)]
pub(super) enum Failure {
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Subnet(SubnetError),
    #[error("its bytes cannot be decoded")]
    Decode(#[from] DecodeError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
}

impl From<SubnetError> for Failure {
    fn from(error: SubnetError) -> Self {
        match error {
            SubnetError::Source(source) => Self::Source(source),
            other => Self::Subnet(other),
        }
    }
}

/// What becomes of a block that could not be read.
#[derive(Debug)]
pub(super) enum Outcome {
    /// It is left out.
    Poison { tries: u32, error: String },
    /// The run ends.
    Stop(EngineError),
    /// The run was asked to end.
    Stopped,
}

enum Class {
    Passing(Option<Duration>),
    Own,
    Final,
}

impl Failure {
    fn class(&self) -> Class {
        match self {
            Self::Source(SourceError::Transient { .. }) => Class::Passing(None),
            Self::Source(SourceError::RateLimited { retry_after, .. }) => Class::Passing(*retry_after),
            Self::Source(SourceError::Lying { .. } | SourceError::Decode { .. } | SourceError::TooLarge { .. })
            | Self::Subnet(_)
            | Self::Decode(_) => Class::Own,
            Self::Source(_) | Self::Artifact(_) => Class::Final,
        }
    }

    fn into_error(self, block: u64) -> EngineError {
        match self {
            Self::Source(source) => EngineError::Source { block, source },
            Self::Subnet(source) => EngineError::Subnet { block, source },
            Self::Artifact(source) => EngineError::Artifact(source),
            Self::Decode(source) => {
                EngineError::Source { block, source: SourceError::Decode { block: block.into(), source } }
            }
        }
    }
}

/// How long a run waits for a source that fails in passing, and what it has repeated.
#[derive(Debug)]
pub(super) struct Patience {
    /// Without a success for so long, the run ends; `None` for never.
    give_up: Option<Duration>,
    stop: CancellationToken,
    last_success: Mutex<Instant>,
    retried: AtomicU64,
}

impl Patience {
    pub(super) fn new(give_up: Option<Duration>, stop: CancellationToken) -> Self {
        Self { give_up, stop, last_success: Mutex::new(Instant::now()), retried: AtomicU64::new(0) }
    }

    pub(super) fn retried(&self) -> u64 {
        self.retried.load(Ordering::Relaxed)
    }

    /// Tries until it succeeds, is poison, or the run has to end.
    pub(super) async fn attempt<T, F>(&self, block: u64, mut work: impl FnMut() -> F) -> Result<T, Outcome>
    where
        F: Future<Output = Result<T, Failure>>,
    {
        let (mut pause, mut tries) = (FIRST_PAUSE, 0);
        loop {
            let Some(result) = self.unless_stopped(work()).await else { return Err(Outcome::Stopped) };
            let failure = match result {
                Ok(value) => {
                    self.succeeded();
                    return Ok(value);
                }
                Err(failure) => failure,
            };
            let wait = match failure.class() {
                Class::Final => return Err(Outcome::Stop(failure.into_error(block))),
                Class::Own => {
                    tries += 1;
                    if matches!(failure, Failure::Decode(_) | Failure::Source(SourceError::Decode { .. })) {
                        counter!(metrics::DECODE_ERRORS).increment(1);
                    }
                    if tries >= TRIES {
                        return Err(Outcome::Poison { tries, error: with_causes(&failure) });
                    }
                    POISON_PAUSE
                }
                Class::Passing(asked) => {
                    if let Some(seconds) = self.is_over() {
                        return Err(Outcome::Stop(match failure {
                            Failure::Source(source) => EngineError::GaveUp { block, seconds, source },
                            other => other.into_error(block),
                        }));
                    }
                    let wait = asked.unwrap_or(pause).min(LONGEST_PAUSE);
                    pause = (pause * 2).min(LONGEST_PAUSE);
                    wait
                }
            };
            self.retried.fetch_add(1, Ordering::Relaxed);
            counter!(metrics::RETRIES).increment(1);
            tracing::debug!(block, error = %with_causes(&failure), wait_ms = wait.as_millis() as u64, "trying again");
            tokio::select! {
                () = sleep(jittered(wait)) => {}
                () = self.stop.cancelled() => return Err(Outcome::Stopped),
            }
        }
    }

    /// Something, unless the run is asked to end before it is there.
    pub(super) async fn unless_stopped<T>(&self, work: impl Future<Output = T>) -> Option<T> {
        tokio::select! {
            value = work => Some(value),
            () = self.stop.cancelled() => None,
        }
    }

    /// The source gave something.
    pub(super) fn succeeded(&self) {
        *self.last_success.lock().unwrap_or_else(PoisonError::into_inner) = Instant::now();
    }

    fn is_over(&self) -> Option<u64> {
        let silent = self.last_success.lock().unwrap_or_else(PoisonError::into_inner).elapsed();
        self.give_up.filter(|limit| silent >= *limit).map(|_| silent.as_secs())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn passing() -> Failure {
        SourceError::Transient { endpoint: "node".to_owned(), message: "gone".to_owned(), source: None }.into()
    }

    #[tokio::test(start_paused = true)]
    async fn what_passes_is_waited_for_and_what_does_not_is_left_out() {
        let patience = Patience::new(None, CancellationToken::new());
        let mut left = 5;
        let outcome = patience.attempt(7, || {
            left -= 1;
            std::future::ready(if left > 0 { Err(passing()) } else { Ok(left) })
        });
        assert_eq!(outcome.await.unwrap(), 0);
        assert_eq!(patience.retried(), 4);

        let lying = || SourceError::Lying { endpoint: "node".into(), block: 7.into(), message: "a lie".into() };
        let outcome = patience.attempt(7, || std::future::ready(Err::<(), _>(lying().into()))).await;
        assert!(matches!(outcome, Err(Outcome::Poison { tries: 3, error }) if error.contains("a lie")));

        let gone = SourceError::StatePruned { endpoint: "node".into(), block: 7.into() };
        let mut gone = Some(gone);
        let outcome = patience.attempt(7, || std::future::ready(Err::<(), _>(gone.take().unwrap().into()))).await;
        assert!(matches!(outcome, Err(Outcome::Stop(EngineError::Source { block: 7, .. }))));
    }

    #[tokio::test]
    async fn patience_ends_and_a_stop_ends_it_at_once() {
        let patience = Patience::new(Some(Duration::ZERO), CancellationToken::new());
        let outcome = patience.attempt(7, || std::future::ready(Err::<(), _>(passing()))).await;
        assert!(matches!(outcome, Err(Outcome::Stop(EngineError::GaveUp { block: 7, .. }))));

        let stop = CancellationToken::new();
        let patience = Patience::new(None, stop.clone());
        stop.cancel();
        let outcome = patience.attempt(7, std::future::pending::<Result<(), Failure>>).await;
        assert!(matches!(outcome, Err(Outcome::Stopped)));
    }
}
