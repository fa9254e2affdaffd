//! Decoding by the types that subxt's macro makes of one runtime when the program is compiled.

use std::hint::black_box;

use parity_scale_codec::{Compact, Decode};
use sentinel_support::corpus::Block;

#[allow(missing_docs, clippy::all, clippy::unwrap_used, unreachable_pub, rust_2018_idioms)]
#[subxt::subxt(
    runtime_metadata_path = "sentinel-core/assets/subtensor-461-v15.scale",
    derive_for_all_types = "parity_scale_codec::Decode",
    derive_for_type(path = "sp_arithmetic::per_things::PerU16", derive = "parity_scale_codec::CompactAs"),
    derive_for_type(path = "subtensor_runtime_common::NetUid", derive = "parity_scale_codec::CompactAs"),
    derive_for_type(path = "subtensor_runtime_common::currency::TaoBalance", derive = "parity_scale_codec::CompactAs"),
    derive_for_type(
        path = "subtensor_runtime_common::currency::AlphaBalance",
        derive = "parity_scale_codec::CompactAs"
    )
)]
mod runtime {}

type Address = subxt::utils::MultiAddress<subxt::utils::AccountId32, ()>;
type Record = (Phase, runtime::Event, Vec<[u8; 32]>);

#[derive(Decode)]
enum Phase {
    Apply(#[allow(dead_code)] u32),
    Finalization,
    Initialization,
}

/// Reads every call and every event into its own type.
pub(crate) fn decode(block: &Block) {
    for extrinsic in &block.extrinsics {
        let mut rest = &extrinsic[..];
        Compact::<u32>::decode(&mut rest).expect("a length");
        let version = u8::decode(&mut rest).expect("a version");
        if version == 0x84 {
            let address = Address::decode(&mut rest).expect("an address");
            let signature = subxt::utils::MultiSignature::decode(&mut rest).expect("a signature");
            let era = subxt::utils::Era::decode(&mut rest).expect("an era");
            let nonce_and_tip = <(Compact<u64>, Compact<u64>)>::decode(&mut rest).expect("nonce and tip");
            // `CheckMetadataHash`: its mode.
            let mode = u8::decode(&mut rest).expect("a mode");
            black_box((address, signature, era, nonce_and_tip, mode));
        }
        black_box(runtime::Call::decode(&mut rest).expect("a call"));
        assert!(rest.is_empty());
    }
    black_box(Vec::<Record>::decode(&mut &block.events[..]).expect("events"));
}
