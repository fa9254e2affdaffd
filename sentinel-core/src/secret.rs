//! Text that is never shown, and where it is kept: keys of stores, tokens, passwords.

use std::fmt;
use std::path::PathBuf;

use zeroize::Zeroizing;

/// A secret. `Debug` shows that there is one and nothing of it; its memory is zeroed when it goes.
///
/// ```
/// let secret = sentinel_core::secret::Secret::new("hunter2");
/// assert_eq!(format!("{secret:?}"), "Secret(…)");
/// assert_eq!(secret.expose(), "hunter2");
/// ```
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(Zeroizing<String>);

impl Secret {
    /// Hides a text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(Zeroizing::new(text.into()))
    }

    /// The text, for whoever has to send it.
    pub fn expose(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// Where a secret is. It is read when it is needed, and not before.
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub enum SecretSource {
    /// Here.
    Given(Secret),
    /// In an environment variable.
    Env(String),
    /// In a file, whose last line break is not part of it.
    File(PathBuf),
}

/// A secret that is not where it should be.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum SecretError {
    /// The variable is not set, or empty.
    #[error("the environment variable {0} is not set")]
    NotSet(String),
    /// The file cannot be read.
    #[error("cannot read the secret in {}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// Why not.
        #[source]
        source: std::io::Error,
    },
    /// The file holds nothing.
    #[error("the secret in {} is empty", .0.display())]
    Empty(PathBuf),
}

impl SecretSource {
    /// The secret.
    pub fn read(&self) -> Result<Secret, SecretError> {
        match self {
            Self::Given(secret) => Ok(secret.clone()),
            Self::Env(name) => match std::env::var(name) {
                Ok(text) if !text.is_empty() => Ok(Secret::new(text)),
                _ => Err(SecretError::NotSet(name.clone())),
            },
            Self::File(path) => {
                let text = std::fs::read_to_string(path).map(Zeroizing::new);
                let text = text.map_err(|source| SecretError::File { path: path.clone(), source })?;
                match text.trim_end_matches(['\r', '\n']) {
                    "" => Err(SecretError::Empty(path.clone())),
                    text => Ok(Secret::new(text)),
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_secret_is_read_from_where_it_is() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("secret");
        std::fs::write(&file, "hush\r\n").unwrap();
        assert_eq!(SecretSource::File(file.clone()).read().unwrap().expose(), "hush");
        std::fs::write(&file, "\n").unwrap();
        assert!(matches!(SecretSource::File(file.clone()).read(), Err(SecretError::Empty(_))));
        let missing = SecretSource::File(file.join("not")).read().unwrap_err();
        assert!(missing.to_string().contains("secret/not"), "{missing}");
        let unset = SecretSource::Env("SENTINEL_TEST_NEVER_SET".to_owned()).read().unwrap_err();
        assert_eq!(unset.to_string(), "the environment variable SENTINEL_TEST_NEVER_SET is not set");
        assert_eq!(SecretSource::Given(Secret::new("a")).read().unwrap().expose(), "a");
        assert!(!format!("{:?}", SecretSource::Given(Secret::new("hush"))).contains("hush"));
    }
}
