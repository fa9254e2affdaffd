//! What a run of the engine left in a store, read without the readers that the engine uses to go on.
//!
//! ```
//! # tokio::runtime::Runtime::new()?.block_on(async {
//! use std::sync::Arc;
//! use sentinel_core::engine::{Engine, Mode};
//! use sentinel_core::storage::ObjectStorage;
//! use sentinel_support::oracle::{Objects, Truth};
//! use sentinel_support::{chains, runs};
//!
//! let (chain, store) = (chains::cheap(30)?, Arc::new(ObjectStorage::memory()));
//! let engine = Engine::builder(Arc::new(chain.clone()), store.clone(), "sim".parse()?).mode(Mode::Backfill);
//! engine.range(1..=30).outputs("blocks,events".parse()?).build()?.run().await?;
//!
//! let objects = Objects::of(&*store).await?;
//! assert!(runs::verdict(&Truth::of(&chain, 1..=30).await?, &objects, "sim")?.is_clean());
//! assert_eq!(runs::damage(&objects), [""; 0]);
//! assert_eq!((runs::cursor(&objects), runs::durable(&objects).len()), (Some(30), 30));
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! # })?;
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

use std::collections::BTreeSet;

use bytes::Bytes;
use sentinel_core::artifact::part::Part;
use sentinel_core::storage::Key;
use serde_json::Value;

use crate::oracle::{Columns, Objects, OracleError, Rows, Truth, Verdict, digest};

/// Compares the datasets that are made of the bytes of blocks, those of them that are there, with the generator.
///
/// # Errors
/// Where an object has not the columns of its dataset.
pub fn verdict(truth: &Truth, objects: &Objects, network: &str) -> Result<Verdict, OracleError> {
    let datasets = [
        ("blocks", Columns::new("block").hash("block_hash"), Rows::OnePerBlock),
        ("extrinsics", Columns::new("block").key(&["index"]), Rows::OnePerExtrinsic),
        ("events", Columns::new("block").key(&["index"]), Rows::OnePerEvent),
    ];
    let artifacts = objects.artifacts();
    let mut verdict = Verdict::default();
    for (dataset, columns, rows) in datasets {
        let prefix = format!("{network}/{dataset}/");
        // Blocks are always compared: a store with nothing in it misses all of them.
        if dataset == "blocks" || artifacts.iter().any(|(key, _)| key.starts_with(&prefix)) {
            verdict = verdict.and(truth.check(&artifacts, &prefix, &columns, rows)?);
        }
    }
    Ok(verdict)
}

/// What a reader of the artifacts would stumble over: objects of a manifest that are missing or other than it says, and
/// manifests that cannot be read. Empty at any moment of a run, however it was interrupted.
pub fn damage(objects: &Objects) -> Vec<String> {
    manifests(objects).flat_map(|(key, manifest)| faults(key, &manifest, objects)).collect()
}

/// Artifacts that no manifest names. A run that came to its end leaves none.
pub fn unnamed(objects: &Objects) -> Vec<String> {
    let named: BTreeSet<String> =
        manifests(objects).flat_map(|(_, manifest)| entries(&manifest)).map(|entry| text(&entry["key"])).collect();
    let artifacts = objects.artifacts();
    let unnamed = artifacts.iter().filter(|(key, _)| !is_manifest(key) && !named.contains(*key));
    unnamed.map(|(key, _)| key.to_owned()).collect()
}

/// Parts that are still there. A run that came to its end and left nothing out leaves none.
pub fn parts(objects: &Objects) -> Vec<&str> {
    objects.iter().map(|(key, _)| key).filter(|key| is_part(key)).collect()
}

/// The heights that are safe: of a window whose manifest and objects are there, or in a part that is whole.
pub fn durable(objects: &Objects) -> BTreeSet<u64> {
    let sealed = manifests(objects).filter(|(key, manifest)| faults(key, manifest, objects).is_empty());
    let sealed = sealed.flat_map(|(_, manifest)| covered(&manifest));
    let kept = objects.iter().filter(|(key, _)| is_part(key)).flat_map(|(key, bytes)| heights(key, bytes));
    sealed.chain(kept).collect()
}

/// The height of the cursor of the one job whose state is there.
pub fn cursor(objects: &Objects) -> Option<u64> {
    let (_, bytes) = objects.iter().find(|(key, _)| key.ends_with("/cursor.json"))?;
    serde_json::from_slice::<Value>(bytes).ok()?["number"].as_u64()
}

fn is_manifest(key: &str) -> bool {
    key.split('/').nth(1) == Some("manifest")
}

fn is_part(key: &str) -> bool {
    key.contains("/_state/") && key.ends_with(".part")
}

fn manifests(objects: &Objects) -> impl Iterator<Item = (&str, Value)> {
    let manifests = objects.iter().filter(|(key, _)| is_manifest(key) && key.ends_with(".json"));
    manifests.map(|(key, bytes)| (key, serde_json::from_slice(bytes).unwrap_or_default()))
}

fn entries(manifest: &Value) -> Vec<Value> {
    manifest["objects"].as_array().cloned().unwrap_or_default()
}

fn faults(key: &str, manifest: &Value, objects: &Objects) -> Vec<String> {
    let entries = entries(manifest);
    if entries.is_empty() {
        return vec![format!("{key} names no objects")];
    }
    let wrong = entries.iter().filter_map(|entry| {
        let named = text(&entry["key"]);
        match objects.get(&named) {
            None => Some(format!("{named} is missing, and {key} names it")),
            Some(bytes) if digest(bytes) != text(&entry["digest"]).trim_start_matches("0x") => {
                Some(format!("{named} is not what {key} says"))
            }
            Some(_) => None,
        }
    });
    wrong.collect()
}

fn covered(manifest: &Value) -> Vec<u64> {
    let range = |ends: &Value| Some(ends[0].as_u64()?..=ends[1].as_u64()?);
    match &manifest["blocks"] {
        Value::Array(ranges) => ranges.iter().filter_map(range).flatten().collect(),
        _ => range(&serde_json::json!([manifest["first"], manifest["last"]])).into_iter().flatten().collect(),
    }
}

fn heights(key: &str, bytes: &Bytes) -> Vec<u64> {
    let part = Key::new(key).ok().and_then(|key| Part::decode(&key, bytes.clone()).ok());
    part.iter().flat_map(Part::blocks).map(|block| block.number).collect()
}

fn text(value: &Value) -> String {
    value.as_str().unwrap_or_default().to_owned()
}
