//! What a failed request to an S3 store means: for the object, and for the next step.

use std::error::Error;
use std::time::Duration;

use object_store::client::{HttpError, HttpErrorKind};

use super::http::Refusal;
use crate::storage::{Key, StorageError};

/// A failed request, by what is known of its effect.
#[derive(Debug)]
pub(super) enum Failure {
    /// It had none, and will have none: the answer of the store to whoever asked.
    Final(StorageError),
    /// It had none: the store refuses the condition, since there is an object.
    Taken,
    /// It had none: somebody else wrote at the same moment, and may have succeeded or not.
    Conflict(StorageError),
    /// It had none: it was not sent, or turned away at the door. The pause is what the store asked for.
    NotTaken(StorageError, Option<Duration>),
    /// It may have had its effect, or may have it yet.
    Doubtful(StorageError, Option<Duration>),
}

impl Failure {
    /// Reads an error of a request that was about `key` (of the whole store without one).
    pub(super) fn of(key: Option<&Key>, bucket: &str, error: object_store::Error) -> Self {
        let at = key.map_or_else(|| format!("s3://{bucket}"), Key::to_string);
        if let Some(refusal) = find::<Refusal>(&error) {
            return Self::refused(key, at, bucket, refusal);
        }
        // Credentials that cannot be had: a role that does not exist, a file that is not there.
        if let object_store::Error::PermissionDenied { source, .. }
        | object_store::Error::Unauthenticated { source, .. } = error
        {
            return Self::Final(StorageError::Denied { at, source });
        }
        let unsent = find::<HttpError>(&error).is_some_and(|error| error.kind() == HttpErrorKind::Connect);
        let error = StorageError::Unavailable { at, source: Box::new(error) };
        if unsent { Self::NotTaken(error, None) } else { Self::Doubtful(error, None) }
    }

    fn refused(key: Option<&Key>, at: String, bucket: &str, refusal: &Refusal) -> Self {
        let source = || Box::new(refusal.clone());
        let elsewhere = |reason: &str| {
            let location = format!("s3://{bucket}");
            Self::Final(StorageError::InvalidLocation { location, reason: format!("{reason} ({refusal})") })
        };
        let unavailable = |at| StorageError::Unavailable { at, source: source() };
        match (refusal.status, refusal.code.as_str()) {
            (507, _) | (_, "QuotaExceeded" | "XMinioStorageFull" | "InsufficientStorage" | "InsufficientCapacity") => {
                Self::Final(StorageError::Full { at, source: source() })
            }
            (_, "NoSuchBucket" | "InvalidBucketName" | "AllAccessDisabled") => {
                elsewhere("there is no such bucket; check its name and the endpoint")
            }
            (300..=399, _) | (_, "AuthorizationHeaderMalformed" | "PermanentRedirect") => {
                elsewhere("the bucket is in another region or behind another endpoint; set aws_region or endpoint_url")
            }
            (412, _) => Self::Taken,
            (409, _) => Self::Conflict(unavailable(at)),
            // Any other 503 may come from a proxy that lost patience while the store did its work.
            (429, _) | (503, "SlowDown") => Self::NotTaken(unavailable(at), refusal.retry_after),
            (401 | 403, _) | (_, "ExpiredToken" | "InvalidToken" | "InvalidAccessKeyId" | "TokenRefreshRequired") => {
                Self::Final(StorageError::Denied { at, source: source() })
            }
            // Swept away while it was still under way: to be begun anew.
            (404, NO_SUCH_UPLOAD) => Self::Doubtful(unavailable(at), None),
            (404, _) => match key {
                Some(key) => Self::Final(StorageError::NotFound { key: key.clone() }),
                None => elsewhere("nothing answers there as a bucket"),
            },
            _ if refusal.is_passing() => Self::Doubtful(unavailable(at), refusal.retry_after),
            _ => elsewhere("the store does not take the request"),
        }
    }

    /// The error, for a request that is not going to be sent again.
    pub(super) fn into_error(self, key: &Key) -> StorageError {
        match self {
            Self::Taken => StorageError::AlreadyExists { key: key.clone() },
            Self::Final(error) | Self::Conflict(error) | Self::NotTaken(error, _) | Self::Doubtful(error, _) => error,
        }
    }

    /// Whether asking again may help, for requests that change nothing or nothing more.
    pub(super) fn is_passing(&self) -> bool {
        matches!(self, Self::Conflict(_) | Self::NotTaken(..) | Self::Doubtful(..))
    }

    pub(super) fn pause(&self) -> Option<Duration> {
        match self {
            Self::NotTaken(_, pause) | Self::Doubtful(_, pause) => *pause,
            _ => None,
        }
    }
}

/// The word of S3 for an upload that was completed or given up.
pub(super) const NO_SUCH_UPLOAD: &str = "NoSuchUpload";

/// Whether the store refused with this word.
pub(super) fn is_refused_as(error: &object_store::Error, code: &str) -> bool {
    find::<Refusal>(error).is_some_and(|refusal| refusal.code == code)
}

/// Whether the store has no such request at all.
pub(super) fn is_unsupported(error: &object_store::Error) -> bool {
    find::<Refusal>(error).is_some_and(|refusal| {
        matches!(refusal.status, 405 | 501) || matches!(refusal.code.as_str(), "NotImplemented" | "MethodNotAllowed")
    })
}

fn find<'a, T: Error + 'static>(error: &'a (dyn Error + 'static)) -> Option<&'a T> {
    let mut current = Some(error);
    while let Some(error) = current {
        if let Some(found) = error.downcast_ref::<T>() {
            return Some(found);
        }
        current = error.source();
    }
    None
}
