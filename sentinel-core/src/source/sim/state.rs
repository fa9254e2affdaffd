//! The world as storage: keys are read from the world when they are asked for.

mod items;
mod keys;

use std::collections::HashMap;
use std::sync::LazyLock;

use bytes::Bytes;

use self::items::{ITEMS, Kind};
use self::keys::{Narrow, Part};
use super::world::World;
use super::world::settings::Setting;
use crate::decode::{Hasher, Runtime, storage_prefix};
use crate::source::KeyValue;

/// One storage item that the world can answer for.
#[derive(Debug)]
struct Item {
    prefix: [u8; 32],
    hashers: Vec<Hasher>,
    kind: &'static Kind,
}

/// The items of the runtime, by prefix.
#[derive(Debug)]
struct Catalog {
    items: Vec<Item>,
    by_prefix: HashMap<[u8; 32], usize>,
}

/// The hyperparameters, each an item of its own.
static SETTINGS: LazyLock<Vec<(&'static str, Kind)>> =
    LazyLock::new(|| Setting::ALL.iter().map(|setting| (setting.entry().item, Kind::Setting(*setting))).collect());

fn catalog(runtime: &Runtime) -> &'static Catalog {
    // All simulated networks have one runtime.
    static CATALOG: std::sync::OnceLock<Catalog> = std::sync::OnceLock::new();
    CATALOG.get_or_init(|| {
        let settings = SETTINGS.iter().map(|(item, kind)| ("SubtensorModule", *item, kind));
        let all = ITEMS.iter().map(|(pallet, item, kind)| (*pallet, *item, kind)).chain(settings);
        let mut items: Vec<Item> = all
            .filter_map(|(pallet, name, kind)| {
                let described = runtime.storage_item(pallet, name)?;
                Some(Item { prefix: storage_prefix(pallet, name), hashers: described.hashers().to_vec(), kind })
            })
            .collect();
        items.sort_by_key(|item| item.prefix);
        let by_prefix = items.iter().enumerate().map(|(at, item)| (item.prefix, at)).collect();
        Catalog { items, by_prefix }
    })
}

/// What stands in a block's state besides the world.
#[derive(Debug)]
pub(super) struct Context<'c> {
    pub(super) world: &'c World,
    pub(super) runtime: &'c Runtime,
    /// Extrinsics and events of the block, where somebody asks for them.
    pub(super) block: Option<&'c crate::source::RawBlock>,
    pub(super) parent_hash: [u8; 32],
}

/// Whether a value of the block itself, not of the world, may stand under this key or prefix.
pub(super) fn needs_block(key: &[u8]) -> bool {
    let system = storage_prefix("System", "Events");
    let common = key.len().min(16);
    key[..common] == system[..common]
}

/// The value of one key.
pub(super) fn get(context: &Context<'_>, key: &[u8]) -> Option<Bytes> {
    let prefix: [u8; 32] = key.get(..32)?.try_into().ok()?;
    let catalog = catalog(context.runtime);
    let item = &catalog.items[*catalog.by_prefix.get(&prefix)?];
    let parts = keys::parse(item.kind.shape(), &item.hashers, &key[32..])?;
    item.kind.get(context, &parts).map(Bytes::from)
}

/// All keys that begin with a prefix, ascending, with their values.
pub(super) fn scan(context: &Context<'_>, prefix: &[u8]) -> Vec<KeyValue> {
    let mut found = Vec::new();
    for item in &catalog(context.runtime).items {
        let common = prefix.len().min(32);
        if item.prefix[..common] != prefix[..common] {
            continue;
        }
        let narrow = Narrow::of(item.kind.shape(), &item.hashers, prefix.get(32..).unwrap_or_default());
        for parts in item.kind.list(context, &narrow) {
            let key = keys::build(&item.prefix, &item.hashers, &parts);
            if key.starts_with(prefix)
                && let Some(value) = item.kind.get(context, &parts)
            {
                found.push((Bytes::from(key), Bytes::from(value)));
            }
        }
    }
    found.sort_unstable_by(|left, right| left.0.cmp(&right.0));
    found
}

/// One part of a key as its SCALE bytes.
fn bytes_of(part: &Part) -> Vec<u8> {
    match part {
        Part::Short(number) => number.to_le_bytes().to_vec(),
        Part::Account(account) | Part::Hash(account) => account.to_vec(),
        Part::Long(number) => number.to_le_bytes().to_vec(),
    }
}
