//! Inputs that get a fuzzer past the front door: valid samples of everything, in the form that each target reads.

use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use parity_scale_codec::Decode;

use super::made_up::MadeUp;
use super::{BODY, EVENTS, MADE_UP};
use crate::apis::described_answer;
use crate::extrinsics::{
    FINALIZATION, INITIALIZATION, Signed, applying, bare, general, record, signed, vector, with_length,
};
use crate::metagraphs;
use crate::registry::Registry;
use crate::rng::Rng;
use crate::runtimes::{FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};
use crate::samples::Samples;
use parity_scale_codec::Encode;
use sentinel_core::subnet::{hyperparameters, metagraph};

mod small_metadata;

/// In the order in which inputs choose them.
const METADATA: [&[u8]; 4] = [RAONET_218_V14, FINNEY_393_V16, SUBTENSOR_461_V15, SUBTENSOR_461_V14];

/// So many seeds of one target, the same for the same `seed`.
///
/// # Panics
/// Where there is no such target.
pub fn seeds(target: &str, count: usize, seed: u64) -> Vec<Vec<u8>> {
    let make = match target {
        "event_records" => event_records,
        "extrinsic" => extrinsic,
        "metadata_blob" => return metadata_blobs(count, seed),
        "storage_value" => storage_value,
        "subnet_answer" => subnet_answer,
        "type_by_id" => type_by_id,
        other => panic!("no target is called {other}"),
    };
    let mut seeds = Vec::with_capacity(count);
    let made_up = Samples::new(MadeUp::get().types(), seed);
    for (number, metadata) in METADATA.into_iter().enumerate() {
        let (registry, items) = (Registry::of(metadata), items(metadata));
        let source = Source { number: number as u8, registry, items, made_up: made_up.clone() };
        let mut samples = Samples::new(&source.registry.types, seed);
        let wanted = (number + 1) * count / METADATA.len();
        while seeds.len() < wanted {
            seeds.push(make(&source, &mut samples));
        }
    }
    seeds
}

/// What samples of one runtime are made of.
struct Source {
    number: u8,
    registry: Registry,
    /// Of each storage item, the type of its key, if it is a map, and of its value.
    items: Vec<(Option<u32>, u32)>,
    /// Samples of types that the runtime does not have.
    made_up: Samples<'static>,
}

impl Source {
    /// The first byte of an input: the runtime, and other bits above it.
    fn first(&self, samples: &mut Samples<'_>, flags: u8, shift: u32) -> u8 {
        let options = samples.rng().below(8) as u8;
        self.number | flags << 2 | options << (2 + shift)
    }

    fn call(&self, samples: &mut Samples<'_>) -> Vec<u8> {
        item(samples, self.registry.call)
    }

    fn events(&self, samples: &mut Samples<'_>) -> Vec<u8> {
        let count = *samples.rng().pick(&[0, 1, 2, 3, 5]);
        let mut records = Vec::with_capacity(count);
        for _ in 0..count {
            let phase = match samples.rng().below(4) {
                0 => FINALIZATION.to_vec(),
                1 => INITIALIZATION.to_vec(),
                _ => applying(samples.rng().below(2) as u32),
            };
            let event = item(samples, self.registry.event);
            records.push(match samples.rng().below(3) {
                0 => [&phase[..], &event, &[8], &samples.rng().bytes(64)].concat(),
                _ => record(&phase, &event),
            });
        }
        vector(&records)
    }
}

/// A call or an event, each kind as likely as the others.
fn item(samples: &mut Samples<'_>, id: u32) -> Vec<u8> {
    let variants = samples.variants(id);
    let n = samples.rng().below(variants);
    samples.variant(id, n).unwrap_or_default()
}

fn extrinsic(source: &Source, samples: &mut Samples<'_>) -> Vec<u8> {
    let call = source.call(samples);
    let extrinsic = match samples.rng().below(4) {
        0 => bare(4 + samples.rng().below(2) as u8, &call),
        1 => general(&source.registry, 0, &Signed::by([7; 32]), &call),
        _ => signed(&source.registry, &Signed::by([7; 32]), &call),
    };
    // Without its length prefix, which is as long as the length is large.
    let prefix = (1..=4).find(|prefix| with_length(&extrinsic[*prefix..]) == extrinsic);
    match (samples.rng().below(3), prefix) {
        (0, _) => [&[source.first(samples, 0, 2)], &extrinsic[..]].concat(),
        (1, Some(prefix)) => [&[source.first(samples, BODY, 2)], &extrinsic[prefix..]].concat(),
        _ => {
            let events = source.events(samples);
            let len = (extrinsic.len() as u16).to_le_bytes();
            [&[source.first(samples, EVENTS, 2)], &len[..], &extrinsic, &events].concat()
        }
    }
}

fn event_records(source: &Source, samples: &mut Samples<'_>) -> Vec<u8> {
    [&[source.first(samples, 0, 0)], &source.events(samples)[..]].concat()
}

fn storage_value(source: &Source, samples: &mut Samples<'_>) -> Vec<u8> {
    let at = samples.rng().below(source.items.len());
    let (key, value) = source.items[at];
    let bytes = match key {
        // Behind the longest of the hashes that keep the key in clear; a fuzzer finds the others.
        Some(key) if samples.rng().percent(40) => [vec![0; 16], samples.value(key).unwrap_or_default()].concat(),
        _ => samples.value(value).unwrap_or_default(),
    };
    [&[source.first(samples, 0, 0)], &(at as u16).to_le_bytes()[..], &bytes].concat()
}

fn type_by_id(source: &Source, samples: &mut Samples<'_>) -> Vec<u8> {
    if samples.rng().percent(40) {
        let ids = &MadeUp::get().ids;
        let at = samples.rng().below(ids.len()) as u16;
        let mut of_made_up = source.made_up.clone();
        of_made_up.reseed(samples.rng().bits());
        let bytes = of_made_up.value(ids.start + u32::from(at)).unwrap_or_default();
        let first = source.first(samples, 0, 0) | MADE_UP << 2;
        return [&[first], &at.to_le_bytes()[..], &bytes].concat();
    }
    let id = samples.rng().below(source.registry.types.types.len());
    let bytes = samples.value(id as u32).unwrap_or_default();
    [&[source.first(samples, 0, 0)], &(id as u16).to_le_bytes()[..], &bytes].concat()
}

/// A made-up subnet, or a random answer where the metadata describes one.
fn subnet_answer(source: &Source, samples: &mut Samples<'_>) -> Vec<u8> {
    let functions: Vec<&str> = metagraph::Api::ALL
        .iter()
        .map(|api| api.function())
        .chain(hyperparameters::Api::ALL.iter().map(|api| api.function()))
        .collect();
    let which = samples.rng().below(functions.len());
    let described = described_answer(METADATA[usize::from(source.number)], functions[which]);
    let made_up = {
        let rng = samples.rng();
        metagraphs::MadeUp::new(3, rng.below(5), 1, rng.bits())
    };
    let answer = match (which, described) {
        (_, Some(ty)) if samples.rng().percent(70) => samples.value(ty).unwrap_or_default(),
        (0 | 1, _) => made_up.selective(|_| true, true),
        (2 | 3, _) => made_up.metagraph(true),
        (4 | 5, _) if source.number == 0 => made_up.neurons(which == 5).encode(),
        (4 | 5, _) => made_up.neurons(which == 5),
        _ => vec![1, 40, 40],
    };
    [&[source.first(samples, 0, 0), which as u8], &answer[..]].concat()
}

/// A small blob first, then lists of changes to the fixtures.
fn metadata_blobs(count: usize, seed: u64) -> Vec<Vec<u8>> {
    let mut rng = Rng::new(seed);
    let mut seeds = vec![[&[0], &small_metadata::encoded()[..]].concat()];
    while seeds.len() < count {
        let mut changes = vec![4 | rng.below(4) as u8];
        for _ in 0..1 + rng.below(3) {
            changes.extend_from_slice(&rng.bytes(4));
        }
        seeds.push(changes);
    }
    seeds
}

fn items(metadata: &[u8]) -> Vec<(Option<u32>, u32)> {
    macro_rules! items {
        ($metadata:expr, $version:ident) => {{
            use frame_metadata::$version::StorageEntryType::{Map, Plain};
            let entries =
                $metadata.pallets.iter().flat_map(|pallet| &pallet.storage).flat_map(|storage| &storage.entries);
            let types = entries.map(|entry| match &entry.ty {
                Plain(value) => (None, value.id),
                Map { key, value, .. } => (Some(key.id), value.id),
            });
            types.collect()
        }};
    }
    match RuntimeMetadataPrefixed::decode(&mut &*metadata).map(|metadata| metadata.1) {
        Ok(RuntimeMetadata::V14(metadata)) => items!(metadata, v14),
        Ok(RuntimeMetadata::V15(metadata)) => items!(metadata, v15),
        Ok(RuntimeMetadata::V16(metadata)) => items!(metadata, v16),
        Ok(other) => panic!("metadata version {}", other.version()),
        Err(error) => panic!("the fixture is metadata: {error}"),
    }
}
