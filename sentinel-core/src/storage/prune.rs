//! Retention: removes windows of a dataset that are older than wanted, step by step, and never near a cursor.

use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::ops::{ControlFlow, RangeInclusive};
use std::str::FromStr;

use bytes::Bytes;
use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::{Key, ObjectInfo, PutMode, Storage, StorageError};

/// Blocks in a day, at the chain's 12 seconds.
const BLOCKS_A_DAY: u64 = 7_200;
/// No window within so many blocks of a job's cursor is removed: the job may be about to write, or to read, there.
pub const KEPT_AROUND_CURSORS: u64 = 2_000;
/// How many windows are removed before cursors are read again.
const WINDOWS_A_STEP: usize = 50;

/// How old a window may become.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Age {
    /// In blocks.
    pub blocks: u64,
}

/// A text that is no age.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("expected a number of blocks, such as 200000, or of days, such as 30d")]
pub struct ParseAgeError;

impl FromStr for Age {
    type Err = ParseAgeError;

    fn from_str(text: &str) -> Result<Self, ParseAgeError> {
        let text = text.trim();
        let blocks = match text.strip_suffix(['d', 'D']) {
            Some(days) => days.parse::<u64>().ok().and_then(|days| days.checked_mul(BLOCKS_A_DAY)),
            None => text.parse().ok(),
        };
        blocks.map(|blocks| Self { blocks }).ok_or(ParseAgeError)
    }
}

impl fmt::Display for Age {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} blocks", self.blocks)
    }
}

/// What is to be removed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PruneOptions {
    /// The dataset, as it stands in keys.
    pub dataset: String,
    /// Windows that end so long before the newest block of their network go.
    pub older_than: Age,
    /// The network, as it stands in keys; all that are in the store without one.
    pub network: Option<String>,
    /// Find out what would go, and leave it.
    pub dry_run: bool,
}

/// What was removed, or would be.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize)]
#[non_exhaustive]
pub struct Pruned {
    /// Windows of one network.
    pub windows: u64,
    /// Data objects in them.
    pub objects: u64,
    /// The bytes of these.
    pub bytes: u64,
    /// Manifests that were removed, or no longer name these objects.
    pub manifests: u64,
    /// Windows that are old enough and stay, because a cursor is near.
    pub kept: u64,
}

/// Removes what is old, and tells after each step how far it is. Interrupted, it is simply begun again.
///
/// Keys end in `{first:010}-{last:010}` and an extension, below `{network}/{dataset}/`. The manifest of a window goes
/// before its data (or forgets it, where it names other datasets too), so that at no moment a manifest promises what is
/// not there. The newest block of a network is that of its newest cursor (`{network}/_state/{job}/cursor.json`) or
/// window, whichever is later.
///
/// # Errors
/// The first that the store has. What is removed by then is removed.
pub async fn prune(
    storage: &dyn Storage,
    options: &PruneOptions,
    progress: &mut (dyn FnMut(&Pruned) -> ControlFlow<()> + Send),
) -> Result<Pruned, StorageError> {
    let mut pruned = Pruned::default();
    for network in networks(storage, options).await? {
        let windows = windows(storage, &network, &options.dataset).await?;
        let manifests = manifests(storage, &network).await?;
        let newest = windows.keys().map(|window| window.last).max();
        let mut cursors = cursors(storage, &network).await?;
        let newest = newest.max(cursors.iter().copied().max()).unwrap_or_default();
        let old = |window: &Window| window.last.saturating_add(options.older_than.blocks) < newest;
        let old: Vec<_> = windows.into_iter().filter(|(window, _)| old(window)).collect();
        for step in old.chunks(WINDOWS_A_STEP) {
            for (window, objects) in step {
                if cursors.iter().any(|cursor| window.is_near(*cursor)) {
                    pruned.kept += 1;
                    continue;
                }
                let manifests = manifests.get(window).map(Vec::as_slice).unwrap_or_default();
                pruned.manifests += forget(storage, manifests, objects, options.dry_run).await?;
                for object in objects {
                    if !options.dry_run {
                        storage.delete(&object.key).await?;
                    }
                    pruned.objects += 1;
                    pruned.bytes += object.size;
                }
                pruned.windows += 1;
            }
            if progress(&pruned).is_break() {
                return Ok(pruned);
            }
            // A job at work may have come near.
            cursors = self::cursors(storage, &network).await?;
        }
    }
    Ok(pruned)
}

/// A range of blocks that an object is about.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Window {
    first: u64,
    last: u64,
}

impl Window {
    /// Of an object, by the end of its key.
    fn of(key: &Key) -> Option<Self> {
        let name = key.segments().next_back()?;
        let (range, extension) = name.split_once('.')?;
        let (first, last) = range.split_once('-')?;
        let number = |text: &str| {
            let digits = text.len() >= 10 && text.bytes().all(|byte| byte.is_ascii_digit());
            digits.then(|| text.parse().ok()).flatten()
        };
        let window = Self { first: number(first)?, last: number(last)? };
        (window.first <= window.last && !extension.is_empty()).then_some(window)
    }

    fn is_near(self, cursor: u64) -> bool {
        let kept: RangeInclusive<u64> =
            cursor.saturating_sub(KEPT_AROUND_CURSORS)..=cursor.saturating_add(KEPT_AROUND_CURSORS);
        self.first <= *kept.end() && *kept.start() <= self.last
    }
}

async fn networks(storage: &dyn Storage, options: &PruneOptions) -> Result<BTreeSet<Key>, StorageError> {
    // A word of one segment: nothing else can be the first part of a key, or a dataset.
    Key::new(&options.dataset)?;
    if options.dataset.contains('/') || options.dataset.starts_with('_') || options.dataset == "manifest" {
        return Err(StorageError::InvalidKey { key: options.dataset.clone(), reason: "no dataset is called so" });
    }
    if let Some(network) = &options.network {
        return Ok([Key::new(network)?].into());
    }
    let mut networks = BTreeSet::new();
    let mut objects = storage.list(None);
    while let Some(object) = objects.try_next().await? {
        let mut segments = object.key.segments();
        if let (Some(network), Some(dataset)) = (segments.next(), segments.next())
            && dataset == options.dataset
        {
            networks.insert(Key::new(network)?);
        }
    }
    Ok(networks)
}

/// The windows of a dataset with their data objects.
async fn windows(
    storage: &dyn Storage,
    network: &Key,
    dataset: &str,
) -> Result<BTreeMap<Window, Vec<ObjectInfo>>, StorageError> {
    let folder = network.join(dataset)?;
    let mut windows: BTreeMap<Window, Vec<ObjectInfo>> = BTreeMap::new();
    let mut objects = storage.list(Some(&folder));
    while let Some(object) = objects.try_next().await? {
        if is_manifest(&object.key) {
            continue;
        }
        if let Some(window) = Window::of(&object.key) {
            windows.entry(window).or_default().push(object);
        }
    }
    Ok(windows)
}

/// All manifests of a network: those of runs, and those of recordings, which are below `raw`.
async fn manifests(storage: &dyn Storage, network: &Key) -> Result<BTreeMap<Window, Vec<Key>>, StorageError> {
    let mut manifests: BTreeMap<Window, Vec<Key>> = BTreeMap::new();
    for folder in ["manifest", "raw"] {
        let mut objects = storage.list(Some(&network.join(folder)?));
        while let Some(object) = objects.try_next().await? {
            if let Some(window) = Window::of(&object.key).filter(|_| is_manifest(&object.key)) {
                manifests.entry(window).or_default().push(object.key);
            }
        }
    }
    Ok(manifests)
}

fn is_manifest(key: &Key) -> bool {
    key.as_str().ends_with(".json") && key.segments().any(|segment| segment == "manifest")
}

/// Makes manifests stop naming these objects, and says how many did.
async fn forget(
    storage: &dyn Storage,
    manifests: &[Key],
    objects: &[ObjectInfo],
    dry_run: bool,
) -> Result<u64, StorageError> {
    let mut changed = 0;
    for key in manifests {
        let bytes = match storage.get(key).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        let rest = match without(&bytes, objects) {
            Rest::Untouched => continue,
            rest => rest,
        };
        changed += 1;
        match rest {
            _ if dry_run => {}
            Rest::Some(bytes) => storage.put(key, bytes, PutMode::Overwrite).await?,
            _ => storage.delete(key).await?,
        }
    }
    Ok(changed)
}

enum Rest {
    /// It names none of the objects.
    Untouched,
    /// It names others, too.
    Some(Bytes),
    /// It named these alone, or cannot be read.
    Nothing,
}

fn without(manifest: &[u8], objects: &[ObjectInfo]) -> Rest {
    let text = String::from_utf8_lossy(manifest);
    if !objects.iter().any(|object| text.contains(&format!("\"{}\"", object.key))) {
        return Rest::Untouched;
    }
    let gone = |entry: &serde_json::Value| {
        let key = entry.get("key").and_then(serde_json::Value::as_str);
        key.is_some_and(|key| objects.iter().any(|object| object.key.as_str() == key))
    };
    let mut document: serde_json::Value = serde_json::from_slice(manifest).unwrap_or_default();
    // Manifests of recordings have no such list: all that they name is one dataset.
    let Some(serde_json::Value::Array(entries)) = document.get_mut("objects") else { return Rest::Nothing };
    entries.retain(|entry| !gone(entry));
    if entries.is_empty() {
        return Rest::Nothing;
    }
    // As manifests are written.
    match serde_json::to_vec_pretty(&document) {
        Ok(bytes) => Rest::Some([bytes, b"\n".to_vec()].concat().into()),
        Err(_) => Rest::Nothing,
    }
}

/// Where the jobs of a network are.
async fn cursors(storage: &dyn Storage, network: &Key) -> Result<Vec<u64>, StorageError> {
    #[derive(Deserialize)]
    struct Cursor {
        number: u64,
    }

    let mut found = Vec::new();
    let folder = network.join("_state")?;
    let mut objects = storage.list(Some(&folder));
    while let Some(object) = objects.try_next().await? {
        if object.key.segments().next_back() != Some("cursor.json") {
            continue;
        }
        let bytes = match storage.get(&object.key).await {
            Ok(bytes) => bytes,
            Err(error) if error.is_not_found() => continue,
            Err(error) => return Err(error),
        };
        // Where a job is that nobody can tell, nothing is safe to remove.
        let cursor: Cursor = serde_json::from_slice(&bytes).map_err(|error| StorageError::InvalidLocation {
            location: object.key.to_string(),
            reason: format!("this cursor of a job cannot be read: {error}; remove it, or the job, first"),
        })?;
        found.push(cursor.number);
    }
    Ok(found)
}
