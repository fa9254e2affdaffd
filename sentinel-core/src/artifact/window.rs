//! Artifacts of a window: a file for each dataset, and one manifest that says what they must be.
//!
//! A window is up to a thousand blocks, aligned to thousands and clipped to what a job was asked for. Its rows come in
//! [parts](super::part), and its files are the same whatever the parts were and in whatever order they came:
//!
//! ```text
//! {network}/{dataset}/v1/{first:010}-{last:010}.parquet             every block, all subnets
//! {network}/{dataset}/v1/{selection}/{first:010}-{last:010}.parquet  some blocks, some subnets
//! {network}/manifest/v1/{outputs}/{first:010}-{last:010}.json       written last
//! ```
//!
//! Jobs with other [`Outputs`] have manifests of their own; where they ask for the same rows, they share the file, since
//! both write the same bytes.
//!
//! ```
//! # async fn example(source: sentinel_core::source::MemorySource) -> Result<(), Box<dyn std::error::Error>> {
//! use sentinel_core::artifact::datasets::{BlockReader, BlockRow, Dataset, Window};
//! use sentinel_core::artifact::part::PartBuilder;
//! use sentinel_core::artifact::window::{Check, Outputs, WindowBuilder, WindowManifest};
//! use sentinel_core::source::BlockSource;
//! use sentinel_core::storage::ObjectStorage;
//!
//! let (network, storage) = ("local".parse()?, ObjectStorage::memory());
//! let outputs = Outputs::new([Dataset::Blocks, Dataset::Events]);
//! let window = Window::new(0, 999).expect("aligned");
//!
//! let mut reader = BlockReader::new([Dataset::Blocks, Dataset::Events]);
//! let mut part = PartBuilder::new();
//! for number in window.blocks() {
//!     let block = source.block(number.into()).await?;
//!     part.begin(block.reference())?;
//!     part.block_rows(reader.read(&block)?)?;
//! }
//!
//! let mut artifacts = WindowBuilder::new(&network, &source.identity().await?, &outputs, window);
//! artifacts.add(part.finish()?);
//! artifacts.seal()?.store(&storage).await?;
//!
//! let manifest = WindowManifest::load(&storage, &network, &outputs, window).await?.expect("just stored");
//! manifest.verify(&storage, Check::Digests).await?;
//! let blocks: Vec<BlockRow> = manifest.rows(&storage).await?;
//! assert_eq!(blocks.len(), 1_000);
//! # Ok(())
//! # }
//! ```

mod manifest;
mod merge;
mod names;
mod outputs;
mod seal;

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::stream::{self, TryStreamExt};

use super::datasets::{Dataset, Origin, Window};
use super::part::Part;
use super::threads::on_two_threads;
use super::{ArtifactError, NetworkWord};
use crate::chain::BlockRef;
use crate::source::ChainIdentity;
use crate::storage::{Key, PutMode, Storage, StorageError};

pub use manifest::{Check, Covered, FORMAT, ObjectEntry, WindowManifest};
use merge::{Merged, merge};
pub use names::{StoredKind, StoredName};
pub use outputs::{Outputs, Selection};

/// Files of a window that are written at once: each waits for the disk.
const AT_ONCE: usize = 8;

/// Blocks whose rows are worth a thread of their own for some of the files.
const WORTH: usize = 256;

/// Collects the parts of a window.
///
/// It holds them compressed; while it seals, one table of each of two datasets is unpacked at a time.
#[derive(Debug)]
pub struct WindowBuilder {
    identity: ChainIdentity,
    origin: Origin,
    outputs: Outputs,
    window: Window,
    parts: Vec<Part>,
    quarantined: BTreeSet<u64>,
}

impl WindowBuilder {
    /// An empty one.
    pub fn new(network: &NetworkWord, identity: &ChainIdentity, outputs: &Outputs, window: Window) -> Self {
        let simulated = identity.is_simulated() || network.as_str() == "sim";
        Self {
            identity: identity.clone(),
            origin: Origin { network: network.clone(), simulated },
            outputs: outputs.clone(),
            window,
            parts: Vec::new(),
            quarantined: BTreeSet::new(),
        }
    }

    /// Adds a part. Parts may come in any order and overlap; what lies outside of the window is left out.
    pub fn add(&mut self, part: Part) {
        self.parts.push(part);
    }

    /// Marks a block as one that cannot be read: the manifest says so. One that is in a part after all is not marked.
    pub fn quarantine(&mut self, block: u64) {
        if self.window.blocks().contains(&block) {
            self.quarantined.insert(block);
        }
    }

    /// The blocks of the window that are in a part, ascending, each once.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] where parts are of different chains.
    pub fn blocks(&self) -> Result<Vec<BlockRef>, ArtifactError> {
        Ok(merge(&self.parts, self.window)?.blocks)
    }

    /// Makes the files and the manifest. Takes its time: keep it away from threads that serve the network.
    ///
    /// # Errors
    /// [`ArtifactError::Contradiction`] where parts are of different chains, [`ArtifactError::Encode`] where rows do not
    /// fit a file.
    pub fn seal(&self) -> Result<SealedArtifact, ArtifactError> {
        let Merged { blocks, runs } = merge(&self.parts, self.window)?;
        let datasets: Vec<Dataset> = self.outputs.datasets().collect();
        let made = on_two_threads(
            datasets,
            blocks.len() >= WORTH,
            |dataset| seal::size(*dataset, &self.parts),
            |dataset| {
                let files = seal::files(dataset, &self.parts, &runs, &self.origin, self.outputs.has_jsonl())?;
                Ok::<_, ArtifactError>((dataset, files))
            },
        )?;
        let mut objects = Vec::new();
        let mut entries = Vec::new();
        for (dataset, files) in made {
            for file in files {
                let key = self.outputs.key(&self.origin.network, dataset, self.window, file.form)?;
                entries.push(ObjectEntry::new(dataset, file.form, &key, file.rows, &file.bytes));
                objects.push((key, file.bytes));
            }
        }
        let manifest = WindowManifest {
            format: FORMAT,
            network: self.origin.network.to_string(),
            genesis_hash: self.identity.genesis_hash,
            chain: self.identity.chain.clone(),
            simulated: self.origin.simulated,
            selection: self.outputs.selection().clone(),
            first: self.window.first(),
            last: self.window.last(),
            first_block: blocks.first().copied(),
            last_block: blocks.last().copied(),
            blocks: Covered::of(blocks.iter().map(|block| block.number), self.window),
            quarantined: manifest::ranges(
                self.quarantined
                    .iter()
                    .copied()
                    .filter(|number| blocks.binary_search_by_key(number, |at| at.number).is_err()),
            ),
            objects: entries,
        };
        let key = self.outputs.manifest_key(&self.origin.network, self.window)?;
        Ok(SealedArtifact { objects, manifest: (key, manifest.to_json()?) })
    }
}

/// The files of a window.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SealedArtifact {
    /// The datasets, in each of their forms.
    pub objects: Vec<(Key, Bytes)>,
    /// What makes them visible.
    pub manifest: (Key, Bytes),
}

impl SealedArtifact {
    /// Writes the files, and the manifest when all of them are there. To repeat it does no harm.
    pub async fn store(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        self.store_files(storage).await?;
        self.store_manifest(storage).await
    }

    /// Writes the files, some at once: nobody sees them before there is a manifest.
    pub async fn store_files(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let objects = self.objects.iter().map(Ok);
        let put = async |(key, bytes): &(Key, Bytes)| storage.put(key, bytes.clone(), PutMode::Overwrite).await;
        stream::iter(objects).try_for_each_concurrent(AT_ONCE, put).await
    }

    /// Writes the manifest: after the files.
    pub async fn store_manifest(&self, storage: &dyn Storage) -> Result<(), StorageError> {
        let (key, bytes) = &self.manifest;
        storage.put(key, bytes.clone(), PutMode::Overwrite).await
    }

    /// Bytes of all files together.
    pub fn size(&self) -> u64 {
        self.objects.iter().chain([&self.manifest]).map(|(_, bytes)| bytes.len() as u64).sum()
    }
}
