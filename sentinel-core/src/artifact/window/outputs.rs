//! What a job writes, and where.

use std::collections::{BTreeMap, BTreeSet};

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use crate::artifact::datasets::{Dataset, Form, SCHEMA, Window};
use crate::artifact::{ArtifactError, NetworkWord};
use crate::chain::{NetUid, blake2_256};
use crate::storage::{Key, Storage, StorageError};

/// More subnets than these are not spelled in a key.
const SPELLED: usize = 8;

/// Which blocks and subnets rows are of.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Selection {
    /// The subnets, ascending; `None` for all. Says nothing of datasets that are not of subnets.
    pub netuids: Option<BTreeSet<NetUid>>,
    /// Every how many blocks one is considered.
    pub step: u64,
    /// Only blocks in which an epoch ran.
    pub epochs_only: bool,
}

impl Default for Selection {
    fn default() -> Self {
        Self { netuids: None, step: 1, epochs_only: false }
    }
}

/// What a job writes: datasets, their forms, and of which blocks and subnets.
///
/// ```
/// use sentinel_core::artifact::datasets::{Dataset, Form, Window};
/// use sentinel_core::artifact::window::Outputs;
/// use sentinel_core::chain::NetUid;
///
/// let (network, window) = ("local".parse()?, Window::new(0, 999).unwrap());
/// let outputs = Outputs::new([Dataset::Events, Dataset::Epochs]).of_netuids([NetUid(1)]);
/// let events = outputs.key(&network, Dataset::Events, window, Form::Parquet)?;
/// assert_eq!(events.as_str(), "local/events/v1/0000000000-0000000999.parquet");
/// let epochs = outputs.key(&network, Dataset::Epochs, window, Form::Parquet)?;
/// assert_eq!(epochs.as_str(), "local/epochs/v1/00001/0000000000-0000000999.parquet");
/// let manifest = outputs.manifest_key(&network, window)?;
/// assert_eq!(manifest.as_str(), "local/manifest/v1/events-epochs.00001/0000000000-0000000999.json");
/// # Ok::<(), Box<dyn std::error::Error>>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Outputs {
    datasets: BTreeSet<Dataset>,
    jsonl: bool,
    selection: Selection,
    labels: BTreeMap<Dataset, NetworkWord>,
}

impl Outputs {
    /// These datasets of every block and all subnets, as Parquet.
    pub fn new(datasets: impl IntoIterator<Item = Dataset>) -> Self {
        let datasets = datasets.into_iter().collect();
        Self { datasets, jsonl: false, selection: Selection::default(), labels: BTreeMap::new() }
    }

    /// JSON lines beside Parquet.
    #[must_use]
    pub fn with_jsonl(mut self, jsonl: bool) -> Self {
        self.jsonl = jsonl;
        self
    }

    /// Of these subnets alone; of all for none.
    #[must_use]
    pub fn of_netuids(mut self, netuids: impl IntoIterator<Item = NetUid>) -> Self {
        let netuids: BTreeSet<NetUid> = netuids.into_iter().collect();
        self.selection.netuids = (!netuids.is_empty()).then_some(netuids);
        self
    }

    /// Of every so many blocks one.
    #[must_use]
    pub fn every(mut self, step: u64) -> Self {
        self.selection.step = step.max(1);
        self
    }

    /// Of blocks in which an epoch ran alone.
    #[must_use]
    pub fn epochs_only(mut self, epochs_only: bool) -> Self {
        self.selection.epochs_only = epochs_only;
        self
    }

    /// Sets a dataset apart from what others have under its name: findings by other rules, neurons read less deeply.
    ///
    /// # Errors
    /// [`ArtifactError::NetworkWord`] for a label that is not up to 64 of `a-z`, `0-9` and `-`.
    pub fn labelled(mut self, dataset: Dataset, label: &str) -> Result<Self, ArtifactError> {
        self.labels.insert(dataset, label.parse()?);
        Ok(self)
    }

    /// The datasets.
    pub fn datasets(&self) -> impl Iterator<Item = Dataset> + use<'_> {
        self.datasets.iter().copied()
    }

    /// Whether there are JSON lines.
    pub fn has_jsonl(&self) -> bool {
        self.jsonl
    }

    /// Of which blocks and subnets.
    pub fn selection(&self) -> &Selection {
        &self.selection
    }

    /// The key of a file.
    pub fn key(
        &self,
        network: &NetworkWord,
        dataset: Dataset,
        window: Window,
        form: Form,
    ) -> Result<Key, StorageError> {
        let mut words = self.blocks();
        if dataset.is_by_subnet() {
            words.extend(self.netuids());
        }
        words.extend(self.labels.get(&dataset).map(|label| label.as_str().to_owned()));
        let folder = if words.is_empty() { String::new() } else { words.join(".") + "/" };
        Key::new(format!("{network}/{dataset}/v{SCHEMA}/{folder}{window}.{}", form.extension()))
    }

    /// The key of a manifest.
    pub fn manifest_key(&self, network: &NetworkWord, window: Window) -> Result<Key, StorageError> {
        self.manifests(network)?.join(format_args!("{window}.json"))
    }

    /// Where the manifests are.
    pub fn manifests(&self, network: &NetworkWord) -> Result<Key, StorageError> {
        Key::new(format!("{network}/manifest/v{SCHEMA}/{}", self.word()))
    }

    /// A word for all of it: the same for the same outputs, another for others.
    pub fn word(&self) -> String {
        let mut words = vec![self.datasets.iter().map(|dataset| dataset.name()).collect::<Vec<_>>().join("-")];
        if self.datasets.is_empty() {
            words[0].push_str("nothing");
        }
        words.extend(self.jsonl.then(|| "jsonl".to_owned()));
        words.extend(self.blocks());
        if self.datasets.iter().any(|dataset| dataset.is_by_subnet()) {
            words.extend(self.netuids());
        }
        let labels = self.labels.iter().filter(|(dataset, _)| self.datasets.contains(dataset));
        let labels: Vec<String> = labels.map(|(dataset, label)| format!("{dataset}={label}")).collect();
        if !labels.is_empty() {
            words.push(format!("labels-{}", short_hash(&labels.join(","))));
        }
        words.join(".")
    }

    fn blocks(&self) -> Vec<String> {
        let epochs = self.selection.epochs_only.then(|| "epochs".to_owned());
        let step = (self.selection.step > 1).then(|| format!("step-{}", self.selection.step));
        epochs.into_iter().chain(step).collect()
    }

    fn netuids(&self) -> Option<String> {
        let netuids: Vec<String> =
            self.selection.netuids.as_ref()?.iter().map(|netuid| format!("{:05}", netuid.0)).collect();
        let all = netuids.join("-");
        Some(if netuids.len() <= SPELLED { all } else { format!("{}-subnets-{}", netuids.len(), short_hash(&all)) })
    }

    /// The windows that have a manifest in the store, ascending.
    pub async fn windows(&self, storage: &dyn Storage, network: &NetworkWord) -> Result<Vec<Window>, StorageError> {
        let mut windows = Vec::new();
        let mut listing = storage.list(Some(&self.manifests(network)?));
        while let Some(object) = listing.try_next().await? {
            let name = object.key.segments().next_back().and_then(|name| name.strip_suffix(".json"));
            windows.extend(name.and_then(Window::parse));
        }
        Ok(windows)
    }
}

/// Enough of a hash that two lists hardly ever share it.
fn short_hash(text: &str) -> String {
    const_hex::encode(&blake2_256(text.as_bytes())[..8])
}
