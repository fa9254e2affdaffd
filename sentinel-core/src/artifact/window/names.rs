//! What the keys of files and manifests say.

use crate::artifact::NetworkWord;
use crate::artifact::datasets::{Dataset, Form, SCHEMA, Window};
use crate::storage::Key;

/// What the key of a file or of a manifest says of it: for those who list a store.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StoredName {
    /// The network.
    pub network: NetworkWord,
    /// What it is.
    pub kind: StoredKind,
    /// Its window.
    pub window: Window,
}

/// What an object is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum StoredKind {
    /// A file of a dataset.
    File {
        /// The dataset.
        dataset: Dataset,
        /// Its form.
        form: Form,
        /// The word for what it holds of blocks and subnets; `None` for everything.
        selection: Option<String>,
    },
    /// A manifest.
    Manifest {
        /// The word for what was asked for.
        outputs: String,
    },
}

impl StoredName {
    /// Reads a key; `None` for that of anything else.
    ///
    /// ```
    /// use sentinel_core::artifact::datasets::Dataset;
    /// use sentinel_core::artifact::window::{StoredKind, StoredName};
    /// use sentinel_core::storage::Key;
    ///
    /// let name = StoredName::parse(&Key::new("finney/events/v1/0000006000-0000006999.jsonl")?).unwrap();
    /// assert_eq!(name.window.last(), 6_999);
    /// assert!(matches!(name.kind, StoredKind::File { dataset: Dataset::Events, selection: None, .. }));
    /// assert_eq!(StoredName::parse(&Key::new("finney/_state/job/cursor.json")?), None);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn parse(key: &Key) -> Option<Self> {
        let segments: Vec<&str> = key.segments().collect();
        let (network, kind, version, folder, name) = match segments[..] {
            [network, kind, version, name] => (network, kind, version, None, name),
            [network, kind, version, folder, name] => (network, kind, version, Some(folder.to_owned()), name),
            _ => return None,
        };
        if version.strip_prefix('v')?.parse() != Ok(SCHEMA) {
            return None;
        }
        let (window, extension) = name.rsplit_once('.')?;
        let kind = match (kind, extension) {
            ("manifest", "json") => StoredKind::Manifest { outputs: folder? },
            (dataset, extension) => {
                let form = [Form::Parquet, Form::Jsonl].into_iter().find(|form| form.extension() == extension)?;
                StoredKind::File { dataset: dataset.parse().ok()?, form, selection: folder }
            }
        };
        Some(Self { network: network.parse().ok()?, kind, window: Window::parse(window)? })
    }
}
