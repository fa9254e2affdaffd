//! Why findings could not be delivered.

use std::time::Duration;

/// Why findings could not be delivered.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SinkError {
    /// A failure in passing.
    #[error("{sink}: {message}")]
    Unavailable {
        /// Name of the sink.
        sink: String,
        /// What happened.
        message: String,
        /// How long to wait, where the other side said so.
        retry_after: Option<Duration>,
        /// The cause.
        #[source]
        source: Option<Box<dyn std::error::Error + Send + Sync>>,
    },
    /// The sink refuses, and will again.
    #[error("{sink} refuses: {message}")]
    Refused {
        /// Name of the sink.
        sink: String,
        /// Why, and what to do.
        message: String,
    },
}

impl SinkError {
    /// Whether the same delivery may succeed later.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// How long to wait before the next try, where the other side said so.
    pub fn retry_after(&self) -> Option<Duration> {
        match self {
            Self::Unavailable { retry_after, .. } => *retry_after,
            Self::Refused { .. } => None,
        }
    }
}
