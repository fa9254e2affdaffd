//! What is shared by the benches and the ratios: what other crates do with the same blocks, by their shortest public way.

use std::hint::black_box;

use frame_decode::extrinsics::decode_extrinsic;
use frame_decode::storage::decode_storage_value;
use frame_metadata::{RuntimeMetadata, RuntimeMetadataPrefixed};
use futures::FutureExt;
use parity_scale_codec::Decode;
use scale_decode::visitor::IgnoreVisitor;
use scale_value::Composite;
use sentinel_core::decode::BlockIndex;
use sentinel_support::corpus::Block;
use subxt::client::OfflineClientAtBlock;
use subxt::config::substrate::{SpecVersionForRange, SubstrateConfig};
use subxt::{ArcMetadata, Metadata, OfflineClient};

/// Looks at all that an index says: names, signers, status. One that is only built is less than what peers do.
pub(crate) fn look_at(index: &BlockIndex<'_, '_>) {
    for (at, extrinsic) in index.extrinsics().iter().enumerate() {
        let extrinsic = extrinsic.as_ref().expect("it decodes");
        black_box((extrinsic.pallet(), extrinsic.name(), extrinsic.signer(), index.succeeded(at)));
    }
    for event in index.events() {
        black_box((event.pallet(), event.name(), event.phase()));
    }
}

/// The floor: blake2b-256 of each extrinsic and each list of events, which is what a node does at the least.
pub(crate) fn blake2b(block: &Block) -> u8 {
    let parts = block.extrinsics.iter().map(Vec::as_slice).chain([block.events.as_slice()]);
    parts.fold(0, |sum, bytes| sum ^ blake2b_simd::Params::new().hash_length(32).hash(bytes).as_bytes()[0])
}

/// frame-decode over metadata V14, V15 or V16.
pub(crate) struct FrameDecode(RuntimeMetadata);

impl FrameDecode {
    /// Parses the metadata.
    pub(crate) fn new(metadata: &[u8]) -> Self {
        Self(RuntimeMetadataPrefixed::decode(&mut &*metadata).expect("metadata").1)
    }

    /// Finds the parts of every extrinsic and passes over every event: returns how many extrinsics there were.
    pub(crate) fn skip(&self, block: &Block) -> usize {
        match &self.0 {
            RuntimeMetadata::V14(metadata) => Self::skip_with(metadata, &metadata.types, block),
            RuntimeMetadata::V15(metadata) => Self::skip_with(metadata, &metadata.types, block),
            RuntimeMetadata::V16(metadata) => Self::skip_with(metadata, &metadata.types, block),
            other => panic!("metadata version {}", other.version()),
        }
    }

    fn skip_with<M>(metadata: &M, types: &scale_info::PortableRegistry, block: &Block) -> usize
    where
        M: frame_decode::extrinsics::ExtrinsicTypeInfo<TypeId = u32>
            + frame_decode::storage::StorageTypeInfo<TypeId = u32>,
    {
        for extrinsic in &block.extrinsics {
            let found = decode_extrinsic(&mut &extrinsic[..], metadata, types).expect("an extrinsic");
            std::hint::black_box(found.call_data_range());
        }
        let skip = IgnoreVisitor::new();
        decode_storage_value("System", "Events", &mut &block.events[..], metadata, types, skip).expect("events");
        block.extrinsics.len()
    }
}

/// subxt without a node.
pub(crate) struct Subxt(OfflineClientAtBlock<SubstrateConfig>);

impl Subxt {
    /// Takes the metadata as a node serves it.
    pub(crate) fn new(metadata: &[u8]) -> Self {
        let metadata: ArcMetadata = parse_metadata(metadata).into();
        let versions = [SpecVersionForRange { block_range: 0..u64::MAX, spec_version: 1, transaction_version: 1 }];
        let config = SubstrateConfig::builder()
            .set_spec_version_for_block_ranges(versions)
            .set_metadata_for_spec_versions([(1, metadata)])
            .build();
        Self(OfflineClient::new_with_config(config).at_block(1u64).expect("every block has this metadata"))
    }

    /// Writes the fields of every call and every event as JSON, by way of its dynamic values.
    pub(crate) fn json(&self, block: &Block, out: &mut Vec<u8>) {
        let client = self.0.extrinsics();
        let extrinsics = client.from_bytes(block.extrinsics.clone()).now_or_never().expect("nothing to wait for");
        for extrinsic in extrinsics.iter() {
            let extrinsic = extrinsic.expect("an extrinsic");
            let fields: Composite<()> = extrinsic.decode_call_data_fields_unchecked_as().expect("arguments");
            serde_json::to_writer(&mut *out, &fields).expect("JSON");
        }
        for event in self.0.events().from_bytes(block.events.clone()).iter() {
            let event = event.expect("an event");
            let fields: Composite<()> = event.decode_fields_unchecked_as().expect("fields");
            serde_json::to_writer(&mut *out, &fields).expect("JSON");
        }
    }
}

/// subxt's metadata from the bytes of a node.
pub(crate) fn parse_metadata(metadata: &[u8]) -> Metadata {
    Metadata::decode_from(metadata).expect("metadata")
}
