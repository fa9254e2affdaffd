//! How to reach an S3 store: bucket, folder, endpoint, credentials.

mod failure;
mod http;
mod store;
mod uploads;

use std::time::Duration;

use object_store::RetryConfig;
use object_store::aws::{AmazonS3Builder, AmazonS3ConfigKey};
use url::{Host, Url};

pub(super) use store::S3Store;

use super::{Key, Patience, StorageError};
use crate::secret::Secret;

/// The variables that configure the store `s3`, by what comes after this.
const VARIABLES: &str = "SENTINEL_STORAGE_S3_";

/// An S3 bucket (of Amazon or of anything that speaks its protocol), or a folder in one.
///
/// Without the two keys, credentials come from where programs on AWS expect them: `AWS_ACCESS_KEY_ID` and its companions,
/// a web identity, the container, the machine.
///
/// ```
/// use sentinel_core::storage::{ObjectStorage, S3Options};
///
/// let options = S3Options { bucket: Some("artifacts".to_owned()), ..S3Options::default() };
/// let storage = ObjectStorage::s3(&options)?;
/// # Ok::<(), sentinel_core::storage::StorageError>(())
/// ```
#[derive(Debug, Clone)]
pub struct S3Options {
    /// The bucket; a store cannot do without.
    pub bucket: Option<String>,
    /// The folder in the bucket that all keys are below.
    pub base_path: Option<String>,
    /// The region; `us-east-1` where nothing says otherwise.
    pub aws_region: Option<String>,
    /// The name of the key; goes with the secret one.
    pub aws_access_key_id: Option<String>,
    /// The secret key.
    pub aws_secret_access_key: Option<Secret>,
    /// Where the store answers, when it is not Amazon's. `http://` is for this machine alone, unless [`allow_http`].
    ///
    /// [`allow_http`]: Self::allow_http
    pub endpoint_url: Option<String>,
    /// Speak `http://` to other machines too: everybody on the way can read along.
    pub allow_http: bool,
    /// How often failed requests are sent again.
    pub patience: Patience,
    /// How long the store may be silent: from a request to its answer, and in the middle of one.
    pub timeout: Duration,
    /// Objects that are larger, in bytes, are sent in parts. Those that must not replace others never are.
    pub multipart_above: usize,
}

impl Default for S3Options {
    fn default() -> Self {
        Self {
            bucket: None,
            base_path: None,
            aws_region: None,
            aws_access_key_id: None,
            aws_secret_access_key: None,
            endpoint_url: None,
            allow_http: false,
            patience: Patience::default(),
            timeout: Duration::from_secs(60),
            multipart_above: 16 * 1024 * 1024,
        }
    }
}

impl S3Options {
    /// The options that the variables `SENTINEL_STORAGE_S3_BUCKET`, `…_BASE_PATH`, `…_AWS_REGION`, `…_AWS_ACCESS_KEY_ID`,
    /// `…_AWS_SECRET_ACCESS_KEY`, `…_ENDPOINT_URL` and `…_ALLOW_HTTP` (`true`) give. An empty variable is one that is not
    /// set.
    pub fn from_env() -> Self {
        Self::from_variables(|name| std::env::var(name).ok())
    }

    /// As [`from_env`](Self::from_env), with the variables from somewhere else.
    pub fn from_variables(variable: impl Fn(&str) -> Option<String>) -> Self {
        let get = |name: &str| variable(&format!("{VARIABLES}{name}")).filter(|value| !value.trim().is_empty());
        Self {
            bucket: get("BUCKET"),
            base_path: get("BASE_PATH"),
            aws_region: get("AWS_REGION"),
            aws_access_key_id: get("AWS_ACCESS_KEY_ID"),
            aws_secret_access_key: get("AWS_SECRET_ACCESS_KEY").map(Secret::new),
            endpoint_url: get("ENDPOINT_URL"),
            allow_http: get("ALLOW_HTTP").is_some_and(|value| matches!(value.trim(), "1" | "true" | "yes")),
            ..Self::default()
        }
    }

    /// These options with bucket, folder and what is after the `?` of `s3://bucket/folder?endpoint_url=…&aws_region=…`.
    ///
    /// # Errors
    /// [`StorageError::InvalidLocation`]: not such a URL, or one with a secret in it: URLs end up in logs.
    pub fn with_url(mut self, url: &str) -> Result<Self, StorageError> {
        // What a mistaken URL holds is not repeated: it may be a key.
        let invalid = |reason: String| StorageError::InvalidLocation { location: "s3://…".to_owned(), reason };
        let parsed = Url::parse(url).map_err(|error| invalid(error.to_string()))?;
        let bucket = parsed.host_str().filter(|host| !host.is_empty() && parsed.scheme() == "s3");
        let bucket = bucket.ok_or_else(|| invalid("use s3://bucket or s3://bucket/folder".to_owned()))?;
        if !parsed.username().is_empty() || parsed.password().is_some() || parsed.fragment().is_some() {
            return Err(invalid("credentials do not belong into a URL; set SENTINEL_STORAGE_S3_AWS_…".to_owned()));
        }
        self.bucket = Some(bucket.to_owned());
        self.base_path = Some(parsed.path().to_owned());
        for (name, value) in parsed.query_pairs() {
            match (&*name, &*value) {
                ("endpoint_url", url) => self.endpoint_url = Some(url.to_owned()),
                ("aws_region", region) => self.aws_region = Some(region.to_owned()),
                ("allow_http", "true" | "false") => self.allow_http = value == "true",
                ("aws_secret_access_key" | "aws_access_key_id", _) => {
                    return Err(invalid(format!("{name} does not belong into a URL; set SENTINEL_STORAGE_S3_AWS_…")));
                }
                _ => {
                    let known = "endpoint_url=URL, aws_region=REGION and allow_http=true";
                    return Err(invalid(format!("only {known} may follow the question mark")));
                }
            }
        }
        Ok(self)
    }

    /// Opens the store; the first request is what finds out whether it is there.
    pub(super) fn open(&self) -> Result<S3Store, StorageError> {
        let Some(bucket) = self.bucket.as_deref().map(str::trim).filter(|bucket| !bucket.is_empty()) else {
            return Err(StorageError::InvalidLocation {
                location: "s3".to_owned(),
                reason: format!("no bucket is named; set {VARIABLES}BUCKET, or `bucket` of the store"),
            });
        };
        let invalid = |reason: String| StorageError::InvalidLocation { location: format!("s3://{bucket}"), reason };
        let base = self.base_path.as_deref().unwrap_or_default().trim_matches('/').to_owned();
        if !base.is_empty() {
            Key::new(&base).map_err(|error| invalid(format!("its base path is none: {error}")))?;
        }
        let builder = self.builder(bucket).map_err(&invalid)?;
        let endpoint = builder
            .get_config_value(&AmazonS3ConfigKey::S3Endpoint)
            .or_else(|| builder.get_config_value(&AmazonS3ConfigKey::Endpoint));
        let local = match &endpoint {
            Some(endpoint) => self.check_endpoint(endpoint).map_err(&invalid)?,
            None => false,
        };
        let http = http::client(self.timeout, !local).map_err(|error| invalid(error.to_string()))?;
        let inner = builder
            .with_http_connector(http::Connector(http.clone()))
            .build()
            .map_err(|error| invalid(error.to_string()))?;
        Ok(S3Store {
            inner,
            http,
            bucket: bucket.to_owned(),
            base,
            patience: self.patience,
            multipart_above: self.multipart_above,
            seen: false.into(),
            puts: 0.into(),
        })
    }

    fn builder(&self, bucket: &str) -> Result<AmazonS3Builder, String> {
        let key = self.aws_access_key_id.as_deref().filter(|key| !key.trim().is_empty());
        let mut builder = match (key, &self.aws_secret_access_key) {
            (Some(key), Some(secret)) => {
                AmazonS3Builder::new().with_access_key_id(key).with_secret_access_key(secret.expose())
            }
            (None, None) => AmazonS3Builder::from_env(),
            (Some(_), None) => return Err("aws_access_key_id is set and aws_secret_access_key is not".to_owned()),
            (None, Some(_)) => return Err("aws_secret_access_key is set and aws_access_key_id is not".to_owned()),
        };
        if let Some(region) = &self.aws_region {
            builder = builder.with_region(region);
        }
        if let Some(endpoint) = &self.endpoint_url {
            // The more special name wins over both that may be in the environment.
            builder = builder.with_config(AmazonS3ConfigKey::S3Endpoint, endpoint.trim_end_matches('/'));
        }
        // Whether to try again is decided where it is known what was asked for.
        let once = RetryConfig { max_retries: 0, ..RetryConfig::default() };
        // Not every store deletes in bulk; we delete one by one anyway. Plain HTTP is checked by ourselves.
        Ok(builder.with_bucket_name(bucket).with_retry(once).with_disable_bulk_delete(true).with_allow_http(true))
    }

    /// Whether the endpoint is this machine; what is wrong with it otherwise.
    fn check_endpoint(&self, endpoint: &str) -> Result<bool, String> {
        let url = Url::parse(endpoint).map_err(|error| format!("its endpoint_url is not a URL: {error}"))?;
        if !url.username().is_empty() || url.password().is_some() || url.query().is_some() {
            return Err("its endpoint_url holds more than scheme, host, port and path".to_owned());
        }
        let local = match url.host() {
            Some(Host::Domain(name)) => name == "localhost" || name.ends_with(".localhost"),
            Some(Host::Ipv4(address)) => address.is_loopback(),
            Some(Host::Ipv6(address)) => address.is_loopback(),
            None => false,
        };
        match url.scheme() {
            "https" => Ok(local),
            "http" if local || self.allow_http => Ok(local),
            "http" => {
                Err("its endpoint_url is http:// and not on this machine; use https://, or set allow_http".to_owned())
            }
            _ => Err("its endpoint_url is neither https:// nor http://".to_owned()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn options(url: &str) -> Result<S3Options, StorageError> {
        S3Options::default().with_url(url)
    }

    #[test]
    fn urls_name_bucket_folder_and_endpoint() {
        let options = options("s3://artifacts/a/b/?endpoint_url=http://127.0.0.1:9000&aws_region=eu-west-1").unwrap();
        assert_eq!(options.bucket.as_deref(), Some("artifacts"));
        assert_eq!(options.endpoint_url.as_deref(), Some("http://127.0.0.1:9000"));
        assert_eq!(options.aws_region.as_deref(), Some("eu-west-1"));
        assert_eq!(format!("{:?}", options.open().unwrap()), "s3://artifacts/a/b");
    }

    #[test]
    fn secrets_in_urls_are_refused_and_not_repeated() {
        for url in
            ["s3://key:hush@bucket", "s3://b?aws_secret_access_key=hush", "s3://b/#hush", "s3://b?hush=hush", "s3:hush"]
        {
            let message = options(url).unwrap_err().to_string();
            assert!(!message.contains("hush"), "{message}");
        }
    }

    #[test]
    fn what_cannot_work_is_refused_before_the_first_request() {
        let unset = S3Options::default().open().unwrap_err().to_string();
        assert!(unset.contains("SENTINEL_STORAGE_S3_BUCKET"), "{unset}");
        let with = |endpoint: &str| S3Options {
            bucket: Some("b".to_owned()),
            endpoint_url: Some(endpoint.to_owned()),
            ..S3Options::default()
        };
        for endpoint in ["http://minio:9000", "ftp://127.0.0.1", "nonsense", "https://user:hush@host"] {
            let message = with(endpoint).open().unwrap_err().to_string();
            assert!(message.contains("endpoint_url") && !message.contains("hush"), "{message}");
        }
        for endpoint in ["http://localhost:9000", "http://[::1]:9000/", "https://minio:9000"] {
            with(endpoint).open().unwrap();
        }
        S3Options { allow_http: true, ..with("http://minio:9000") }.open().unwrap();
        let half = S3Options { aws_secret_access_key: Some(Secret::new("hush")), ..with("https://minio") };
        let message = half.open().unwrap_err().to_string();
        assert!(message.contains("aws_access_key_id") && !format!("{message}{half:?}").contains("hush"), "{message}");
        let climbing = S3Options { base_path: Some("a/../b".to_owned()), ..with("https://minio") };
        assert!(climbing.open().is_err());
    }

    #[test]
    fn variables_have_the_names_that_sentinel_has() {
        let options = S3Options::from_variables(|name| match name.strip_prefix("SENTINEL_STORAGE_S3_")? {
            "BASE_PATH" => Some(String::new()),
            rest => Some(rest.to_owned()),
        });
        assert_eq!(options.bucket.as_deref(), Some("BUCKET"));
        assert_eq!(options.base_path, None);
        assert_eq!(options.aws_region.as_deref(), Some("AWS_REGION"));
        assert_eq!(options.aws_access_key_id.as_deref(), Some("AWS_ACCESS_KEY_ID"));
        assert_eq!(options.aws_secret_access_key.as_ref().map(Secret::expose), Some("AWS_SECRET_ACCESS_KEY"));
        assert_eq!(options.endpoint_url.as_deref(), Some("ENDPOINT_URL"));
    }
}
