//! The manifest of a window of datasets.

use bytes::Bytes;
use serde::{Deserialize, Serialize};

use super::{Outputs, Selection};
use crate::artifact::datasets::{Dataset, Form, Row, RowReader, Window, read_jsonl};
use crate::artifact::raw::Digest;
use crate::artifact::{ArtifactError, NetworkWord};
use crate::chain::{BlockHash, BlockRef};
use crate::storage::{Key, Storage};

/// The version of manifests that is written and read.
pub const FORMAT: u64 = 1;

/// Larger manifests are not read.
const MAX_SIZE: u64 = 16 << 20;

/// What a window holds; written after its files.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct WindowManifest {
    /// [`FORMAT`].
    pub format: u64,
    /// The word of the network.
    pub network: String,
    /// Hash of block 0.
    pub genesis_hash: BlockHash,
    /// The name that the node gives its chain.
    pub chain: String,
    /// Whether the chain is a simulation.
    pub simulated: bool,
    /// Which blocks and subnets were asked for.
    pub selection: Selection,
    /// First block of the window.
    pub first: u64,
    /// Last block of the window.
    pub last: u64,
    /// The first block whose rows are here; `None` for a window without any.
    pub first_block: Option<BlockRef>,
    /// The last block whose rows are here.
    pub last_block: Option<BlockRef>,
    /// The blocks whose rows are here.
    pub blocks: Covered,
    /// Blocks that could not be read, as ranges of first and last.
    pub quarantined: Vec<(u64, u64)>,
    /// The files.
    pub objects: Vec<ObjectEntry>,
}

/// The blocks whose rows are in a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Covered {
    /// Every one.
    All,
    /// Ranges of first and last, ascending.
    #[serde(untagged)]
    Ranges(Vec<(u64, u64)>),
}

impl Covered {
    pub(super) fn of(blocks: impl ExactSizeIterator<Item = u64>, window: Window) -> Self {
        if blocks.len() as u64 == window.last() - window.first() + 1 {
            return Self::All;
        }
        Self::Ranges(ranges(blocks))
    }
}

/// Ascending numbers as ranges of first and last.
pub(super) fn ranges(numbers: impl Iterator<Item = u64>) -> Vec<(u64, u64)> {
    let mut ranges: Vec<(u64, u64)> = Vec::new();
    for number in numbers {
        match ranges.last_mut() {
            Some((_, last)) if last.checked_add(1) == Some(number) => *last = number,
            _ => ranges.push((number, number)),
        }
    }
    ranges
}

/// One file of a window.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct ObjectEntry {
    /// The dataset in it.
    pub dataset: Dataset,
    /// Its form.
    pub form: Form,
    /// Where it is.
    pub key: Key,
    /// How many rows are in it.
    pub rows: u64,
    /// Its length in bytes.
    pub size: u64,
    /// Its blake2b-256 digest.
    pub digest: Digest,
}

impl ObjectEntry {
    pub(super) fn new(dataset: Dataset, form: Form, key: &Key, rows: u64, bytes: &Bytes) -> Self {
        Self { dataset, form, key: key.clone(), rows, size: bytes.len() as u64, digest: Digest::of(bytes) }
    }

    /// Reads the file and checks that it is the one that was written.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] where it is not, or is not there.
    pub async fn load(&self, storage: &dyn Storage) -> Result<Bytes, ArtifactError> {
        let bytes = match storage.get(&self.key).await {
            Err(error) if error.is_not_found() => return Err(self.missing()),
            result => result?,
        };
        self.check_size(bytes.len() as u64)?;
        if Digest::of(&bytes) != self.digest {
            return Err(ArtifactError::damaged(&self.key, "its digest is not the one in its manifest"));
        }
        Ok(bytes)
    }

    async fn check(&self, storage: &dyn Storage) -> Result<(), ArtifactError> {
        match storage.head(&self.key).await {
            Err(error) if error.is_not_found() => Err(self.missing()),
            result => self.check_size(result?.size),
        }
    }

    fn check_size(&self, size: u64) -> Result<(), ArtifactError> {
        if size == self.size {
            return Ok(());
        }
        Err(ArtifactError::damaged(&self.key, format!("it has {size} bytes, and its manifest says {}", self.size)))
    }

    fn missing(&self) -> ArtifactError {
        ArtifactError::damaged(&self.key, "the object is missing")
    }
}

/// How closely files are looked at.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Check {
    /// That they are there, with the right length.
    Sizes,
    /// That every byte is right.
    Digests,
}

impl WindowManifest {
    /// Its window; `None` if it spans what no window does.
    pub fn window(&self) -> Option<Window> {
        Window::new(self.first, self.last)
    }

    /// Whether a block's rows are in it.
    pub fn covers(&self, block: u64) -> bool {
        let inside = (self.first..=self.last).contains(&block);
        inside
            && match &self.blocks {
                Covered::All => true,
                Covered::Ranges(ranges) => in_ranges(ranges, block),
            }
    }

    /// Whether a block could not be read.
    pub fn is_quarantined(&self, block: u64) -> bool {
        in_ranges(&self.quarantined, block)
    }

    /// The file of a dataset.
    pub fn object(&self, dataset: Dataset, form: Form) -> Option<&ObjectEntry> {
        self.objects.iter().find(|entry| entry.dataset == dataset && entry.form == form)
    }

    /// The bytes of the object.
    pub fn to_json(&self) -> Result<Bytes, ArtifactError> {
        let mut json = serde_json::to_vec_pretty(self)
            .map_err(|error| ArtifactError::Encode { table: "manifest", source: error.into() })?;
        json.push(b'\n');
        Ok(json.into())
    }

    /// Reads and checks the manifest of a window; `None` where there is none.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] for what is no manifest of this window, [`ArtifactError::Format`] for a later format.
    pub async fn load(
        storage: &dyn Storage,
        network: &NetworkWord,
        outputs: &Outputs,
        window: Window,
    ) -> Result<Option<Self>, ArtifactError> {
        let key = outputs.manifest_key(network, window)?;
        let manifest = match Self::at(storage, &key).await {
            Err(ArtifactError::Storage(error)) if error.is_not_found() => return Ok(None),
            result => result?,
        };
        manifest.check(network, outputs, window).map_err(|message| ArtifactError::damaged(&key, message))?;
        Ok(Some(manifest))
    }

    /// Reads a manifest by its key, whatever the outputs were.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] for what is no manifest, [`ArtifactError::Format`] for a later format.
    pub async fn at(storage: &dyn Storage, key: &Key) -> Result<Self, ArtifactError> {
        let size = storage.head(key).await?.size;
        if size > MAX_SIZE {
            return Err(ArtifactError::damaged(key, format!("{size} bytes are too many for a manifest")));
        }
        Self::parse(key, &storage.get(key).await?)
    }

    fn parse(key: &Key, json: &[u8]) -> Result<Self, ArtifactError> {
        #[derive(Deserialize)]
        struct Version {
            format: u64,
        }
        let foreign = |error: serde_json::Error| ArtifactError::damaged(key, format!("not a manifest: {error}"));
        let version: Version = serde_json::from_slice(json).map_err(foreign)?;
        if version.format != FORMAT {
            return Err(ArtifactError::Format { object: key.clone(), format: version.format, supported: FORMAT });
        }
        serde_json::from_slice(json).map_err(foreign)
    }

    fn check(&self, network: &NetworkWord, outputs: &Outputs, window: Window) -> Result<(), String> {
        if self.network != network.as_str() {
            return Err(format!("it is of the network {:?}", self.network));
        }
        if self.window() != Some(window) {
            return Err(format!("it describes the blocks {} to {}", self.first, self.last));
        }
        if &self.selection != outputs.selection() {
            return Err("it is of other blocks or subnets".to_owned());
        }
        let forms =
            || [Form::Parquet, Form::Jsonl].into_iter().filter(|form| *form == Form::Parquet || outputs.has_jsonl());
        for (dataset, form) in outputs.datasets().flat_map(|dataset| forms().map(move |form| (dataset, form))) {
            let key = outputs.key(network, dataset, window, form).map_err(|error| error.to_string())?;
            if self.object(dataset, form).is_none_or(|entry| entry.key != key) {
                return Err(format!("it lacks {key}"));
            }
        }
        Ok(())
    }

    /// Checks that the files are there and what they should be.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] names the first that is not.
    pub async fn verify(&self, storage: &dyn Storage, check: Check) -> Result<(), ArtifactError> {
        for entry in &self.objects {
            match check {
                Check::Sizes => entry.check(storage).await?,
                Check::Digests => drop(entry.load(storage).await?),
            }
        }
        Ok(())
    }

    /// The rows of one dataset, some thousand at a time.
    ///
    /// # Errors
    /// [`ArtifactError::Damaged`] where the file is, or the window has none of this dataset.
    pub async fn reader<R: Row>(&self, storage: &dyn Storage) -> Result<RowReader<R>, ArtifactError> {
        let entry = self.entry::<R>(Form::Parquet)?;
        RowReader::new(&entry.key, entry.load(storage).await?)
    }

    /// All rows of one dataset.
    ///
    /// # Errors
    /// As [`reader`](Self::reader).
    pub async fn rows<R: Row>(&self, storage: &dyn Storage) -> Result<Vec<R>, ArtifactError> {
        let mut rows = Vec::new();
        for some in self.reader(storage).await? {
            rows.extend(some?);
        }
        Ok(rows)
    }

    /// All rows of one dataset, from JSON lines.
    ///
    /// # Errors
    /// As [`reader`](Self::reader).
    pub async fn rows_of_lines<R: Row>(&self, storage: &dyn Storage) -> Result<Vec<R>, ArtifactError> {
        let entry = self.entry::<R>(Form::Jsonl)?;
        read_jsonl(&entry.key, &entry.load(storage).await?)
    }

    fn entry<R: Row>(&self, form: Form) -> Result<&ObjectEntry, ArtifactError> {
        self.object(R::DATASET, form).ok_or_else(|| ArtifactError::NoDataset {
            dataset: R::DATASET.name(),
            form: form.extension(),
            first: self.first,
            last: self.last,
        })
    }
}

fn in_ranges(ranges: &[(u64, u64)], block: u64) -> bool {
    ranges.iter().any(|(first, last)| (*first..=*last).contains(&block))
}
