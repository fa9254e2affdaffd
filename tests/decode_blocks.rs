//! Whole blocks, generated and recorded, decode to what other decoders say: every call, every event, every signer.

#[path = "decode_types/agreement.rs"]
mod agreement;

use std::sync::Arc;

use agreement::Agreement;
use frame_decode::extrinsics::decode_extrinsic;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use futures::TryStreamExt;
use parity_scale_codec::Decode;
use sentinel_core::decode::{BlockIndex, EventRecord, ItemFilter, JsonOptions, JsonWriter, Runtime};
use sentinel_core::source::{ArchiveSource, BlockSource};
use sentinel_core::storage::ObjectStorage;
use sentinel_support::corpus::{Block, Corpus};
use sentinel_support::exact_json::{Json, parse};
use sentinel_support::registry::Registry;
use sentinel_support::runtimes::{self, FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};

/// Everything that is compared with, for one runtime.
struct Others {
    registry: Registry,
    metadata: RuntimeMetadata,
}

/// What was found equal.
#[derive(Debug, Default, PartialEq)]
struct Counts {
    calls: usize,
    signers: usize,
    events: usize,
}

impl Others {
    fn of(metadata: &[u8]) -> Self {
        let prefixed = RuntimeMetadataPrefixed::decode(&mut &*metadata).expect("metadata");
        Self { registry: Registry::of(metadata), metadata: prefixed.1 }
    }

    /// Pallet, function, signer and bytes of the call of an extrinsic, by frame-decode.
    fn extrinsic(&self, bytes: &[u8]) -> (String, String, Option<[u8; 32]>, Vec<u8>) {
        let types = &self.registry.types;
        let found = match &self.metadata {
            RuntimeMetadata::V14(metadata) => decode_extrinsic(&mut &*bytes, metadata, types),
            RuntimeMetadata::V15(metadata) => decode_extrinsic(&mut &*bytes, metadata, types),
            RuntimeMetadata::V16(metadata) => decode_extrinsic(&mut &*bytes, metadata, types),
            other => panic!("metadata version {}", other.version()),
        };
        let found = found.expect("an extrinsic");
        // The address of an account: its kind, then its bytes.
        let signer = found.signature_payload().map(|signed| {
            let address = &bytes[signed.address_range()];
            assert_eq!((address[0], address.len()), (0, 33));
            address[1..].try_into().expect("32 bytes")
        });
        // For a call without arguments, frame-decode has an empty range; pallet and call index end the extrinsic then.
        let call = match found.call_data_range() {
            range if range.is_empty() => &bytes[bytes.len() - 2..],
            range => &bytes[range],
        };
        let call = call.to_vec();
        (found.pallet_name().to_owned(), found.call_name().to_owned(), signer, call)
    }

    fn block(&self, runtime: &Runtime, block: &Block, counts: &mut Counts) {
        let agreement = Agreement::new(&self.registry);
        let theirs = |id: u32, mut bytes: &[u8]| {
            let value = scale_value::scale::decode_as_type(&mut bytes, id, &self.registry.types).expect("a value");
            assert!(bytes.is_empty(), "scale-value reads all");
            value
        };
        let index = runtime.index(&block.extrinsics, &block.events).expect("a block of this runtime");
        for (extrinsic, bytes) in index.extrinsics().iter().zip(&block.extrinsics) {
            let extrinsic = extrinsic.as_ref().expect("an extrinsic of this runtime");
            let (pallet, name, signer, call) = self.extrinsic(bytes);
            assert_eq!((extrinsic.pallet(), extrinsic.name()), (&*pallet, &*name));
            assert_eq!(extrinsic.call().bytes(), call);
            assert_eq!(extrinsic.signer().map(|signer| signer.0), signer);
            let ours = extrinsic.call().to_value().expect("a call");
            agreement.of(self.registry.call, &theirs(self.registry.call, &call), &ours).expect("the same call");
            counts.calls += 1;
            counts.signers += usize::from(signer.is_some());
        }
        for event in index.events() {
            let ours = event.event().to_value().expect("an event");
            let theirs = theirs(self.registry.event, event.event().bytes());
            agreement.of(self.registry.event, &theirs, &ours).expect("the same event");
            counts.events += 1;
        }
    }
}

#[test]
fn generated_blocks_agree() {
    // Of 461, all of the corpus that speed is measured on.
    for (name, metadata, blocks) in [
        ("461 (V15)", SUBTENSOR_461_V15, 200),
        ("461 (V14)", SUBTENSOR_461_V14, 20),
        ("393 (V16)", FINNEY_393_V16, 20),
        ("218 (V14)", RAONET_218_V14, 20),
    ] {
        let (runtime, others, mut counts) = (runtimes::load(metadata), Others::of(metadata), Counts::default());
        for block in &Corpus::of(metadata, 1, blocks).blocks {
            others.block(&runtime, block, &mut counts);
        }
        println!("{name}: {counts:?} agree");
        assert_eq!((counts.calls, counts.events), (39 * blocks, 249 * blocks));
        assert!(counts.signers >= 37 * blocks);
    }
}

async fn recorded() -> Vec<(Arc<Runtime>, Block)> {
    let folder = concat!(env!("CARGO_MANIFEST_DIR"), "/sentinel-cli/assets/sample");
    let storage = ObjectStorage::local(folder).expect("the sample is there");
    let source = ArchiveSource::open(Arc::new(storage), None).await.expect("it opens");
    let blocks: Vec<_> = source.finalized(0).try_collect().await.expect("it reads");
    let blocks = blocks.into_iter().map(|block| {
        let extrinsics = block.extrinsics.iter().map(|bytes| bytes.to_vec()).collect();
        (block.runtime, Block { extrinsics, events: block.events.to_vec() })
    });
    blocks.collect()
}

#[tokio::test]
async fn recorded_blocks_agree() {
    let mut counts = Counts::default();
    let mut others: Vec<(u32, Others)> = Vec::new();
    for (runtime, block) in recorded().await {
        let spec = runtime.version().spec_version;
        if !others.iter().any(|(known, _)| *known == spec) {
            others.push((spec, Others::of(runtime.metadata())));
        }
        let (_, others) = others.iter().find(|(known, _)| *known == spec).expect("it was pushed");
        // The genesis block has no events at all, not even a list of none.
        if !block.events.is_empty() {
            others.block(&runtime, &block, &mut counts);
        }
    }
    println!("recorded: {counts:?} agree, of {} runtimes", others.len());
    assert_eq!(others.len(), 3);
    assert!(counts.calls > 800 && counts.signers > 150 && counts.events > 3_000, "{counts:?}");
}

/// One writer for all blocks, with all it remembers, says what a fresh one for each value says.
#[test]
fn a_block_as_one_document_is_its_parts() {
    for metadata in [SUBTENSOR_461_V15, FINNEY_393_V16, RAONET_218_V14] {
        let runtime = runtimes::load(metadata);
        for options in [
            JsonOptions::default(),
            JsonOptions { extrinsic_hashes: true, call_hashes: true, safe_integers: true, strict_bytes: true },
        ] {
            let mut writer = JsonWriter::new(options);
            for mut block in Corpus::of(metadata, 3, 10).blocks {
                // One that does not decode hides no other.
                block.extrinsics.push(vec![8, 4, 250]);
                let index = runtime.index(&block.extrinsics, &block.events).expect("it decodes");
                writer.clear();
                index.write_json(&mut writer).expect("it decodes");
                let text = std::str::from_utf8(writer.as_bytes()).expect("UTF-8");
                let document = parse(text).expect("JSON");
                same_parts(&index, &document, options);
            }
        }
    }
}

fn same_parts(index: &BlockIndex<'_, '_>, document: &Json, options: JsonOptions) {
    let [Some(Json::List(extrinsics)), Some(Json::List(events))] =
        ["extrinsics", "events"].map(|key| document.get(key))
    else {
        panic!("two lists");
    };
    assert_eq!((extrinsics.len(), events.len()), (index.extrinsics().len(), index.events().len()));
    let by_itself = |write: &dyn Fn(&mut JsonWriter) -> Result<(), sentinel_core::decode::DecodeError>| {
        let mut writer = JsonWriter::new(options);
        write(&mut writer).expect("it decodes");
        parse(std::str::from_utf8(writer.as_bytes()).expect("UTF-8")).expect("JSON")
    };
    for (at, written) in extrinsics.iter().enumerate() {
        let Json::Object(written) = written else { panic!("an object") };
        if index.extrinsics()[at].is_err() {
            assert_eq!(written.keys().collect::<Vec<_>>(), ["decode_error", "index"]);
            continue;
        }
        let whole = by_itself(&|writer| index.write_extrinsic(at, None, writer));
        for (key, value) in written {
            assert_eq!(whole.get(key), Some(value), "{key} of extrinsic {at}");
        }
        for key in ["call", "address", "signature", "nonce", "tip", "era", "status", "error", "index"] {
            assert!(written.contains_key(key), "{key}");
        }
        assert_eq!(written.contains_key("extrinsic_hash"), options.extrinsic_hashes);
    }
    for (event, written) in index.events().iter().zip(events) {
        let alone = by_itself(&|writer| sentinel_core::decode::write_event(None, event, writer));
        assert_eq!(*written, alone);
    }
}

#[test]
fn a_filter_gives_what_looking_at_all_gives() {
    let runtime = runtimes::subtensor_461();
    let wanted = |pallet: &str, name: &str| pallet == "SubtensorModule" && name.starts_with("Stake");
    let staking = runtime.event_filter(wanted);
    let nothing = ItemFilter::default();
    assert!(nothing.is_empty() && !staking.is_empty());
    let mut found = 0;
    for block in Corpus::of(SUBTENSOR_461_V15, 5, 10).blocks {
        let index = runtime.index(&block.extrinsics, &block.events).expect("it decodes");
        let position = |event: &EventRecord<'_, '_>| event.position();
        let all = index.events().iter().filter(|event| wanted(event.pallet(), event.name()));
        let all: Vec<_> = all.map(position).collect();
        assert_eq!(index.events_matching(&staking).map(position).collect::<Vec<_>>(), all);
        let alone = runtime.events_matching(&block.events, &staking).expect("it decodes");
        assert_eq!(alone.iter().map(position).collect::<Vec<_>>(), all);
        found += all.len();

        // What nobody wants is still read to its end.
        assert!(runtime.events_matching(&block.events, &nothing).expect("it decodes").is_empty());
        let cut = &block.events[..block.events.len() - 1];
        assert!(runtime.events_matching(cut, &nothing).is_err());
        assert!(runtime.events_matching(&[&block.events[..], &[0]].concat(), &nothing).is_err());
    }
    assert!(found > 100, "{found}");
    let index = runtime.call_index("SubtensorModule", "add_stake").expect("a call of every subtensor");
    assert!(runtime.call_filter(|_, name| name == "add_stake").contains(index));
    assert_eq!(runtime.event_index("SubtensorModule", "add_stake"), None);
}
