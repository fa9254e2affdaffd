//! What can go wrong with a store, named by what the caller can do next.

use super::Key;

type Cause = Box<dyn std::error::Error + Send + Sync>;

/// Why an object could not be written, read, listed or removed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum StorageError {
    /// There is no such object.
    #[error("there is no object `{key}`")]
    NotFound {
        /// The key.
        key: Key,
    },
    /// The key is taken, and [`PutMode::Create`](super::PutMode::Create) was asked for.
    #[error("there is already an object `{key}`")]
    AlreadyExists {
        /// The key.
        key: Key,
    },
    /// The text is not a key, or this store cannot have an object there.
    #[error("{key:?} cannot be a key: {reason}")]
    InvalidKey {
        /// The text, cut where it is very long.
        key: String,
        /// Which rule it breaks.
        reason: &'static str,
    },
    /// The place named for a store is not one.
    #[error("`{location}` cannot be used as a store: {reason}")]
    InvalidLocation {
        /// Folder or URL.
        location: String,
        /// What is wrong with it.
        reason: String,
    },
    /// The store refuses: check its permissions or the credentials.
    #[error("access to `{at}` is denied")]
    Denied {
        /// Key or folder.
        at: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// The store has no room left: make some, then write again.
    #[error("no space left for `{at}`")]
    Full {
        /// Key or folder.
        at: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
    /// The store does not answer, or failed in passing: the same request may work a moment later.
    ///
    /// Of a put it is then not known whether it took place: overwriting again is safe; creating again may meet itself.
    #[error("the store failed at `{at}`")]
    Unavailable {
        /// Key or folder.
        at: String,
        /// What the store said.
        #[source]
        source: Cause,
    },
}

impl StorageError {
    /// Whether the same request may succeed later with nothing changed by hand.
    pub fn is_retryable(&self) -> bool {
        matches!(self, Self::Unavailable { .. })
    }

    /// Whether the object is simply not there.
    pub fn is_not_found(&self) -> bool {
        matches!(self, Self::NotFound { .. })
    }
}
