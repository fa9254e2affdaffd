//! Large objects, which are sent in parts, and the parts that nobody finished.

use std::time::{Duration, SystemTime};

use bytes::Bytes;
use chrono::{DateTime, Utc};
use object_store::multipart::MultipartStore;
use object_store::path::Path;
use object_store::retry::{RetryContext, RetryFailure, RetryPolicy};
use object_store::signer::{SignedUrlOptions, Signer};
use object_store::{Attributes, ObjectStore, PutMultipartOptions};
use serde::Deserialize;

use super::failure::{NO_SUCH_UPLOAD, is_refused_as, is_unsupported};
use super::http::Connector;
use super::store::{S3Store, drain};
use crate::storage::StorageError;
use crate::storage::patience::Patience;

/// The size of a part. S3 takes no fewer than 5 MiB, and 10,000 parts: objects up to 78 GiB.
const PART: usize = 8 * 1024 * 1024;
/// How many parts are on their way at once.
const AT_ONCE: usize = 4;
/// How long a signed address is good for.
const SIGNED_FOR: Duration = Duration::from_secs(300);

impl S3Store {
    /// Sends an object in parts. Nobody sees any of it before the end, and what fails is given up at the store too.
    pub(super) async fn upload(&self, path: &Path, bytes: &Bytes, attributes: Attributes) -> object_store::Result<()> {
        let options = PutMultipartOptions { attributes, ..PutMultipartOptions::default() }
            .with_retry_policy(std::sync::Arc::new(PartRetries(self.patience)));
        let mut upload = self.inner.put_multipart_opts(path, options).await?;
        let mut parts = Vec::with_capacity(bytes.len() / PART + 1);
        for start in (0..bytes.len()).step_by(PART) {
            let part = bytes.slice(start..bytes.len().min(start + PART));
            parts.push(upload.put_part(part.into()));
        }
        let sent = match drain(parts.into_iter(), AT_ONCE).await {
            Ok(()) => upload.complete().await.map(drop),
            Err(error) => Err(error),
        };
        if sent.is_err()
            && let Err(error) = upload.abort().await
        {
            // Completed after all, or out of reach: the sweep finds it.
            tracing::debug!(%path, %error, "an unfinished upload was not given up");
        }
        sent
    }

    /// Gives up uploads that were begun before `limit` and not finished, and says how many. Where a store cannot tell which
    /// there are, none.
    pub(in crate::storage) async fn sweep(&self, limit: SystemTime) -> Result<u64, StorageError> {
        let limit = DateTime::<Utc>::from(limit);
        let mut swept = 0;
        let mut after = None;
        loop {
            let Some(page) = self.unfinished(after.as_ref()).await? else { return Ok(swept) };
            for upload in &page.uploads {
                let Ok(path) = Path::parse(&upload.key) else { continue };
                let begun = DateTime::parse_from_rfc3339(&upload.initiated);
                // What cannot be one of our keys is somebody else's upload.
                let Some(key) = self.key(&path).filter(|_| begun.is_ok_and(|begun| begun <= limit)) else { continue };
                let abort = || async {
                    match self.inner.abort_multipart(&path, &upload.upload_id).await {
                        Err(error) if is_refused_as(&error, NO_SUCH_UPLOAD) => Ok(()),
                        other => other,
                    }
                };
                self.retrying(Some(&key), abort).await?;
                swept += 1;
            }
            if !page.is_truncated || page.uploads.is_empty() {
                return Ok(swept);
            }
            after = page.next_key_marker.zip(page.next_upload_id_marker);
        }
    }

    /// A page of the uploads that are not finished; `None` of a store that does not know.
    async fn unfinished(&self, after: Option<&(String, String)>) -> Result<Option<Uploads>, StorageError> {
        let mut query = vec![("uploads".to_owned(), String::new())];
        if !self.base.is_empty() {
            query.push(("prefix".to_owned(), format!("{}/", self.base)));
        }
        if let Some((key, upload)) = after {
            query.push(("key-marker".to_owned(), key.clone()));
            query.push(("upload-id-marker".to_owned(), upload.clone()));
        }
        let request = || async {
            match self.signed_get(&query).await {
                Ok(text) => Ok(Some(text)),
                Err(error) if is_unsupported(&error) => Ok(None),
                Err(error) => Err(error),
            }
        };
        let Some(text) = self.retrying(None, request).await? else { return Ok(None) };
        quick_xml::de::from_str(&text).map(Some).map_err(|error| StorageError::InvalidLocation {
            location: format!("{self:?}"),
            reason: format!("its list of unfinished uploads is not one: {error}"),
        })
    }

    /// The answer to a request that `object_store` has no method for.
    async fn signed_get(&self, query: &[(String, String)]) -> object_store::Result<String> {
        use object_store::client::{HttpRequestBody, HttpService};

        let options = SignedUrlOptions::new().with_query(query.iter().cloned());
        let signed = self.inner.signed_url_opts(reqwest::Method::GET, &Path::default(), SIGNED_FOR, &options).await?;
        let generic = |source| object_store::Error::Generic { store: "S3", source };
        let mut request = object_store::client::HttpRequest::new(HttpRequestBody::empty());
        *request.uri_mut() = signed.as_str().parse().map_err(|error| generic(Box::new(error) as _))?;
        let response = Connector(self.http.clone()).call(request).await.map_err(|error| generic(Box::new(error)))?;
        let body = response.into_body().bytes().await.map_err(|error| generic(Box::new(error)))?;
        Ok(String::from_utf8_lossy(&body).into_owned())
    }
}

/// Sends a part again while that can help.
#[derive(Debug)]
struct PartRetries(Patience);

#[async_trait::async_trait]
impl RetryPolicy for PartRetries {
    async fn retry(&self, context: RetryContext) -> bool {
        use object_store::client::HttpErrorKind;

        let passing = matches!(
            context.failure,
            RetryFailure::Transport(
                HttpErrorKind::Connect | HttpErrorKind::Request | HttpErrorKind::Timeout | HttpErrorKind::Interrupted
            )
        );
        let attempt = u32::try_from(context.attempt).unwrap_or(u32::MAX);
        passing && context.elapsed < self.0.total && self.0.wait_after(attempt).await
    }
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Uploads {
    #[serde(default)]
    is_truncated: bool,
    #[serde(default)]
    next_key_marker: Option<String>,
    #[serde(default)]
    next_upload_id_marker: Option<String>,
    #[serde(default, rename = "Upload")]
    uploads: Vec<Upload>,
}

#[derive(Debug, Deserialize)]
#[serde(rename_all = "PascalCase")]
struct Upload {
    key: String,
    upload_id: String,
    initiated: String,
}
