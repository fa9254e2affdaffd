//! Windows of datasets: the same files whatever their parts were, and a manifest that tells what is missing or damaged.

#![allow(clippy::unwrap_used, reason = "a test that fails should say where")]

use bytes::Bytes;
use futures::TryStreamExt;
use sentinel_core::artifact::datasets::{
    self, BlockReader, BlockRow, BlockRows, Dataset, EventRow, ExtrinsicRow, FindingRow, Form, HyperparameterRow,
    WeightRow, Window,
};
use sentinel_core::artifact::part::{Part, PartBuilder};
use sentinel_core::artifact::window::{
    Check, Covered, Outputs, SealedArtifact, Selection, StoredKind, StoredName, WindowBuilder, WindowManifest,
};
use sentinel_core::artifact::{ArtifactError, NetworkWord};
use sentinel_core::chain::{AccountId, BlockHash, BlockRef, NetUid};
use sentinel_core::detect::{Finding, FindingId, Severity, Subject};
use sentinel_core::source::{BlockSource, ChainIdentity, SimSource};
use sentinel_core::storage::{Key, ObjectStorage, StorageExt};
use sentinel_core::subnet::hyperparameters;
use sentinel_support::rng::Rng;

/// All that is written of one block.
#[derive(Clone)]
struct Facts {
    at: BlockRef,
    rows: BlockRows,
    hyperparameters: Vec<HyperparameterRow>,
    findings: Vec<FindingRow>,
}

/// A simulated chain, its facts read once.
struct Chain {
    identity: ChainIdentity,
    facts: Vec<Facts>,
}

const OUTPUTS: [Dataset; 5] =
    [Dataset::Blocks, Dataset::Extrinsics, Dataset::Events, Dataset::Findings, Dataset::Hyperparameters];

fn network() -> NetworkWord {
    "local".parse().unwrap()
}

fn finding(at: &BlockRef, timestamp: Option<u64>, which: u16) -> Finding {
    let subject = Subject {
        netuid: Some(NetUid(which)),
        hotkey: Some(AccountId([which as u8; 32])),
        coldkey: None,
        parameter: Some("tempo".to_owned()),
    };
    Finding {
        id: FindingId::new("local", at, "detector", &subject, ""),
        detector: "detector",
        severity: Severity::Warning,
        subject,
        block: *at,
        timestamp,
        extrinsic: None,
        title: "\u{1b}[31m \"quoted\"\nlines".to_owned(),
        body: String::new(),
        payload: serde_json::json!({ "old": 1, "new": [2.5, null], "text": "\u{202e}\n" }),
        retracted: false,
    }
}

async fn chain(blocks: u64) -> Chain {
    let sim = SimSource::builder().subnets(3).uids(8).tempo(20).head(blocks - 1).build().unwrap();
    let mut reader = BlockReader::new(OUTPUTS);
    let mut facts = Vec::new();
    for number in 0..blocks {
        let block = sim.block(number.into()).await.unwrap();
        let at = block.reference();
        // A few blocks with rows of subnets, as where epochs are.
        let settings = match number % 10 {
            3 => hyperparameters::read(&sim, &at, None).await.unwrap(),
            _ => Vec::new(),
        };
        facts.push(Facts {
            at,
            rows: reader.read(&block).unwrap(),
            hyperparameters: settings
                .iter()
                .flat_map(|subnet| HyperparameterRow::of(subnet, &at, block.timestamp_ms))
                .collect(),
            findings: (0..(number % 3) as u16)
                .map(|which| FindingRow::of(&finding(&at, block.timestamp_ms, which)))
                .collect(),
        });
    }
    Chain { identity: sim.identity().await.unwrap(), facts }
}

fn part<'f>(facts: impl IntoIterator<Item = &'f Facts>) -> Part {
    let mut builder = PartBuilder::new();
    for one in facts {
        builder.begin(one.at).unwrap();
        builder.block_rows(one.rows.clone()).unwrap();
        // The order within a block is nobody's business.
        builder.rows(one.findings.iter().rev().cloned()).unwrap();
        builder.rows(one.hyperparameters.iter().rev().cloned()).unwrap();
    }
    builder.finish().unwrap()
}

/// As they come back from a store.
fn kept(part: &Part) -> Part {
    let key = Key::new("local/_state/job/part").unwrap();
    let decoded = Part::decode(&key, part.encode().unwrap()).unwrap();
    assert_eq!(&decoded, part);
    decoded
}

fn seal(chain: &Chain, outputs: &Outputs, window: Window, parts: impl IntoIterator<Item = Part>) -> SealedArtifact {
    let mut builder = WindowBuilder::new(&network(), &chain.identity, outputs, window);
    parts.into_iter().for_each(|part| builder.add(part));
    builder.seal().unwrap()
}

fn names(sealed: &SealedArtifact) -> Vec<&str> {
    sealed.objects.iter().map(|(key, _)| key.as_str()).collect()
}

#[tokio::test]
async fn files_are_the_same_whatever_the_parts_were() {
    let chain = chain(40).await;
    let outputs = Outputs::new(OUTPUTS).with_jsonl(true);
    let window = Window::new(5, 34).unwrap();
    let whole = seal(&chain, &outputs, window, [part(&chain.facts)]);
    assert_eq!(whole.objects.len(), 2 * OUTPUTS.len());
    assert_eq!(names(&whole)[0], "local/blocks/v1/0000000005-0000000034.parquet");
    let mut rng = Rng::new(11);
    for round in 0..12 {
        let mut parts = Vec::new();
        let mut at = 0;
        while at < chain.facts.len() {
            let end = (at + 1 + rng.below(20)).min(chain.facts.len());
            // Blocks of two parts may alternate, and be in both of them.
            let (odd, even): (Vec<_>, Vec<_>) = (at..end).partition(|number| rng.percent(50) || number % 5 == 0);
            let both = even.iter().chain(&odd).copied().filter(|_| rng.percent(20)).min();
            let mut even = even;
            even.extend(both);
            even.sort_unstable();
            even.dedup();
            for numbers in [odd, even] {
                parts.push(kept(&part(numbers.iter().map(|number| &chain.facts[*number]))));
            }
            at = end;
        }
        for at in (1..parts.len()).rev() {
            parts.swap(at, rng.below(at + 1));
        }
        assert_eq!(seal(&chain, &outputs, window, parts), whole, "round {round}");
    }
}

/// More rows than a chunk of a part, a portion or a row group holds.
#[test]
fn a_large_window_is_the_file_of_all_its_rows() {
    let hash = |number: u64| BlockHash([number as u8; 32]);
    let row = |block: u64, netuid: u16, at: u16| WeightRow {
        block,
        timestamp_ms: Some(block * 12_000),
        netuid: NetUid(netuid),
        mechanism: 0,
        from_uid: at / 200,
        to_uid: at % 200,
        weight: (!at.is_multiple_of(3)).then_some(at.wrapping_mul(block as u16)),
        bond: None,
    };
    let block = |number: u64| (0..2).flat_map(move |netuid| (0..14_000).map(move |at| row(number, netuid, at)));
    let chain =
        Chain { identity: ChainIdentity { genesis_hash: hash(0), chain: "Bittensor".to_owned() }, facts: Vec::new() };
    let outputs = Outputs::new([Dataset::Weights]);
    let window = Window::new(1, 5).unwrap();
    let all: Vec<WeightRow> = (1..=5).flat_map(block).collect();
    let file = datasets::write_parquet(&all, &network()).unwrap();
    for each in [1, 5] {
        let numbers: Vec<u64> = (1..=5).collect();
        let parts = numbers.chunks(each).map(|numbers| {
            let mut part = PartBuilder::new();
            for number in numbers {
                let at = BlockRef { number: *number, hash: hash(*number), parent_hash: hash(number - 1) };
                part.begin(at).unwrap();
                part.rows(block(*number)).unwrap();
            }
            part.finish().unwrap()
        });
        let sealed = seal(&chain, &outputs, window, parts);
        assert!(sealed.objects[0].1 == file, "parts of {each} give another file");
    }
}

#[tokio::test]
async fn what_is_read_back_is_what_was_put_in() {
    let chain = chain(30).await;
    let outputs = Outputs::new(OUTPUTS).with_jsonl(true);
    let window = Window::new(0, 29).unwrap();
    let storage = ObjectStorage::memory();
    assert_eq!(WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap(), None);
    seal(&chain, &outputs, window, [part(&chain.facts)]).store(&storage).await.unwrap();
    assert_eq!(outputs.windows(&storage, &network()).await.unwrap(), [window]);
    let manifest = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap().unwrap();
    manifest.verify(&storage, Check::Digests).await.unwrap();
    assert_eq!((manifest.blocks.clone(), manifest.simulated), (Covered::All, true));
    assert_eq!(manifest.first_block, Some(chain.facts[0].at));
    assert_eq!(manifest.last_block, Some(chain.facts[29].at));

    let all = |rows: fn(&Facts) -> Vec<EventRow>| chain.facts.iter().flat_map(rows).collect::<Vec<_>>();
    let events = all(|facts| facts.rows.events.clone());
    assert!(events.len() > 100, "{}", events.len());
    assert_eq!(manifest.rows::<EventRow>(&storage).await.unwrap(), events);
    assert_eq!(manifest.rows_of_lines::<EventRow>(&storage).await.unwrap(), events);
    let extrinsics: Vec<_> = chain.facts.iter().flat_map(|facts| facts.rows.extrinsics.clone()).collect();
    assert_eq!(manifest.rows::<ExtrinsicRow>(&storage).await.unwrap(), extrinsics);
    assert_eq!(manifest.rows_of_lines::<ExtrinsicRow>(&storage).await.unwrap(), extrinsics);
    let blocks: Vec<_> = chain.facts.iter().map(|facts| facts.rows.block.clone()).collect();
    assert_eq!(manifest.rows::<BlockRow>(&storage).await.unwrap(), blocks);
    let mut settings: Vec<_> = chain.facts.iter().flat_map(|facts| facts.hyperparameters.clone()).collect();
    settings.sort_by_key(|row| (row.netuid, row.block, row.name.clone()));
    assert_eq!(manifest.rows::<HyperparameterRow>(&storage).await.unwrap(), settings);
    let mut findings: Vec<_> = chain.facts.iter().flat_map(|facts| facts.findings.clone()).collect();
    findings.sort_by_key(|row| (row.block, row.id.clone()));
    assert_eq!(manifest.rows::<FindingRow>(&storage).await.unwrap(), findings);
    assert_eq!(manifest.rows_of_lines::<FindingRow>(&storage).await.unwrap(), findings);
    assert!(matches!(
        manifest.rows::<sentinel_core::artifact::datasets::ApyRow>(&storage).await,
        Err(ArtifactError::NoDataset { dataset: "apy", .. })
    ));
}

#[tokio::test]
async fn a_manifest_tells_which_blocks_are_there() {
    let chain = chain(20).await;
    let outputs = Outputs::new([Dataset::Blocks]);
    let window = Window::new(0, 19).unwrap();
    let mut builder = WindowBuilder::new(&network(), &chain.identity, &outputs, window);
    builder.add(part(chain.facts.iter().filter(|facts| ![0, 7, 8, 15].contains(&facts.at.number))));
    for block in [7, 8, 9, 999] {
        builder.quarantine(block);
    }
    let storage = ObjectStorage::memory();
    builder.seal().unwrap().store(&storage).await.unwrap();
    let manifest = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap().unwrap();
    assert_eq!(manifest.blocks, Covered::Ranges(vec![(1, 6), (9, 14), (16, 19)]));
    assert_eq!(manifest.quarantined, [(7, 8)], "block 9 could be read after all");
    assert!(manifest.covers(6) && !manifest.covers(7) && !manifest.covers(20) && manifest.is_quarantined(8));
    assert_eq!(manifest.rows::<BlockRow>(&storage).await.unwrap().len(), 16);

    // A window of nothing is a window, too.
    let empty = seal(&chain, &outputs, Window::new(1_000, 1_999).unwrap(), []);
    empty.store(&storage).await.unwrap();
    let window = Window::new(1_000, 1_999).unwrap();
    let manifest = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap().unwrap();
    assert_eq!((manifest.blocks.clone(), manifest.first_block), (Covered::Ranges(vec![]), None));
    assert_eq!(manifest.rows::<BlockRow>(&storage).await.unwrap(), []);
}

#[tokio::test]
async fn what_is_missing_or_damaged_is_named() {
    let chain = chain(10).await;
    let outputs = Outputs::new([Dataset::Blocks, Dataset::Events]);
    let window = Window::new(0, 9).unwrap();
    let storage = ObjectStorage::memory();
    let sealed = seal(&chain, &outputs, window, [part(&chain.facts)]);
    sealed.store(&storage).await.unwrap();
    let manifest = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap().unwrap();
    let (key, bytes) = &sealed.objects[1];

    let mut other = bytes.to_vec();
    other[100] ^= 1;
    storage.store(key, other.into()).await.unwrap();
    manifest.verify(&storage, Check::Sizes).await.unwrap();
    let error = manifest.verify(&storage, Check::Digests).await.unwrap_err();
    assert!(matches!(&error, ArtifactError::Damaged { object, .. } if object == key), "{error}");
    storage.store(key, bytes.slice(1..)).await.unwrap();
    manifest.verify(&storage, Check::Sizes).await.unwrap_err();
    sentinel_core::storage::Storage::delete(&storage, key).await.unwrap();
    let error = manifest.verify(&storage, Check::Sizes).await.unwrap_err().to_string();
    assert!(error.contains("missing") && error.contains(key.as_str()), "{error}");

    let (key, json) = &sealed.manifest;
    for (bad, expected) in [
        (Bytes::from_static(b"{"), "not a manifest"),
        (String::from_utf8(json.to_vec()).unwrap().replace("\"last\": 9", "\"last\": 8").into(), "the blocks 0 to 8"),
        (String::from_utf8(json.to_vec()).unwrap().replace("\"local\"", "\"test\"").into(), "\"test\""),
        (String::from_utf8(json.to_vec()).unwrap().replace("events/v1", "blocks/v1").into(), "it lacks"),
    ] {
        storage.store(key, bad).await.unwrap();
        let error = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap_err();
        assert!(error.to_string().contains(expected), "{error}");
    }
    let later = String::from_utf8(json.to_vec()).unwrap().replace("\"format\": 1", "\"format\": 2");
    storage.store(key, later.into()).await.unwrap();
    let error = WindowManifest::load(&storage, &network(), &outputs, window).await.unwrap_err();
    assert!(matches!(error, ArtifactError::Format { format: 2, .. }), "{error}");
}

#[tokio::test]
async fn parts_that_contradict_each_other_are_refused() {
    let chain = chain(6).await;
    let mut builder = PartBuilder::new();
    assert!(builder.rows([chain.facts[0].rows.block.clone()]).is_err(), "before any block");
    builder.begin(chain.facts[2].at).unwrap();
    assert!(builder.rows([chain.facts[1].rows.block.clone()]).is_err(), "of another block");
    assert!(builder.begin(chain.facts[2].at).is_err(), "twice");
    assert!(builder.begin(chain.facts[1].at).is_err(), "backwards");
    let orphan = BlockRef { parent_hash: BlockHash([9; 32]), ..chain.facts[3].at };
    assert!(builder.begin(orphan).is_err(), "not the child of block 2");
    builder.begin(chain.facts[4].at).unwrap();

    let fork = BlockRef { hash: BlockHash([7; 32]), ..chain.facts[2].at };
    let outputs = Outputs::new([Dataset::Blocks]);
    for parts in [[2, 2], [3, 2]].map(|numbers| numbers.map(|number: usize| &chain.facts[number])) {
        let mut window = WindowBuilder::new(&network(), &chain.identity, &outputs, Window::new(0, 9).unwrap());
        window.add(part([parts[0]]));
        let mut other = PartBuilder::new();
        other.begin(fork).unwrap();
        window.add(other.finish().unwrap());
        let error = window.seal().unwrap_err();
        assert!(matches!(error, ArtifactError::Contradiction { .. }), "{error}");
    }
}

#[tokio::test]
async fn a_damaged_part_is_never_read() {
    let chain = chain(4).await;
    let bytes = part(&chain.facts).encode().unwrap();
    let key = Key::new("local/_state/job/part").unwrap();
    for at in (0..bytes.len()).step_by(29).chain(0..60) {
        let mut other = bytes.to_vec();
        other[at] ^= 0x10;
        assert!(Part::decode(&key, other.into()).is_err(), "byte {at}");
    }
    for end in (0..bytes.len()).step_by(31).chain(0..60) {
        assert!(Part::decode(&key, bytes.slice(..end)).is_err(), "{end} bytes");
    }
    let rows: Vec<EventRow> = Part::decode(&key, bytes).unwrap().rows().unwrap();
    assert_eq!(rows, chain.facts.iter().flat_map(|facts| facts.rows.events.clone()).collect::<Vec<_>>());
}

#[test]
fn jobs_that_write_other_rows_write_other_keys() {
    let window = Window::new(0, 999).unwrap();
    let all = || Outputs::new([Dataset::Events, Dataset::Epochs]);
    let many = || (0..100).map(NetUid);
    let kinds = [
        all(),
        all().of_netuids([NetUid(1)]),
        all().of_netuids([NetUid(1), NetUid(2)]),
        all().of_netuids(many()),
        all().of_netuids(many().skip(1)),
        all().every(10),
        all().epochs_only(true),
        all().epochs_only(true).every(10),
        all().labelled(Dataset::Epochs, "other").unwrap(),
    ];
    let mut manifests: Vec<_> = kinds.iter().map(|outputs| outputs.manifest_key(&network(), window).unwrap()).collect();
    let mut epochs: Vec<_> =
        kinds.iter().map(|outputs| outputs.key(&network(), Dataset::Epochs, window, Form::Parquet).unwrap()).collect();
    for keys in [&mut manifests, &mut epochs] {
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), kinds.len(), "{keys:?}");
    }
    // A key says what it is the key of.
    for (outputs, manifest) in kinds.iter().map(|outputs| (outputs, outputs.manifest_key(&network(), window).unwrap()))
    {
        let named = StoredName::parse(&manifest).unwrap();
        assert_eq!((named.kind, named.window), (StoredKind::Manifest { outputs: outputs.word() }, window));
        let file = outputs.key(&network(), Dataset::Epochs, window, Form::Jsonl).unwrap();
        let named = StoredName::parse(&file).unwrap();
        let StoredKind::File { dataset: Dataset::Epochs, form: Form::Jsonl, selection } = named.kind else {
            panic!("{file}: {named:?}")
        };
        assert_eq!(
            selection.is_none(),
            *outputs.selection() == Selection::default() && !file.as_str().contains("other")
        );
    }
    for other in ["local/raw/v1/manifest/0000000000-0000000999.json", "local/events/v2/0000000000-0000000999.parquet"] {
        assert_eq!(StoredName::parse(&Key::new(other).unwrap()), None, "{other}");
    }
    // What subnets were asked for does not change the events.
    let events = |outputs: &Outputs| outputs.key(&network(), Dataset::Events, window, Form::Parquet).unwrap();
    assert_eq!(events(&kinds[0]), events(&kinds[3]));
    assert_ne!(events(&kinds[0]), events(&kinds[5]));
    assert!(all().labelled(Dataset::Epochs, "../x").is_err());
    assert_ne!(
        all().with_jsonl(true).manifest_key(&network(), window).unwrap(),
        all().manifest_key(&network(), window).unwrap()
    );
}

#[tokio::test]
async fn a_simulated_network_says_so_in_its_files() {
    let chain = chain(3).await;
    let outputs = Outputs::new([Dataset::Blocks]);
    let sealed = seal(&chain, &outputs, Window::new(0, 2).unwrap(), [part(&chain.facts)]);
    let storage = ObjectStorage::memory();
    sealed.store(&storage).await.unwrap();
    let objects: Vec<_> = sentinel_core::storage::Storage::list(&storage, None).try_collect().await.unwrap();
    assert_eq!(objects.len(), 2);
    let file = sealed.objects[0].1.clone();
    let reader = parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder::try_new(file).unwrap();
    let entries = reader.metadata().file_metadata().key_value_metadata().unwrap().clone();
    let told = |key: &str| entries.iter().find(|entry| entry.key == key).and_then(|entry| entry.value.clone());
    assert_eq!(told("sentinel.simulated").as_deref(), Some("true"));
    assert_eq!(told("sentinel.network").as_deref(), Some("local"));
}
