//! Made-up chains in memory.

use bytes::Bytes;
use parity_scale_codec::{Compact, Encode};
use sentinel_core::conformance::ChainFacts;
use sentinel_core::decode::storage_prefix;
use sentinel_core::source::{MemoryBlock, MemorySource};

use crate::runtimes;

/// The time of the first block of a made-up chain.
pub const FIRST_BLOCK_MS: u64 = 1_700_000_000_000;

/// Bytes with their length before them, as extrinsics are stored.
pub fn extrinsic(body: &[u8]) -> Bytes {
    let mut bytes = Compact(body.len() as u32).encode();
    bytes.extend_from_slice(body);
    bytes.into()
}

/// The key of `SubtensorModule.Tempo` of one subnet.
pub fn tempo_key(netuid: u16) -> Bytes {
    let mut key = storage_prefix("SubtensorModule", "Tempo").to_vec();
    key.extend_from_slice(&netuid.to_le_bytes());
    key.into()
}

/// The next block of a made-up chain: a remark, a new account, one changed value. It decodes with every runtime.
pub fn block(number: u64) -> MemoryBlock {
    // Bare, format 4: System.remark(number).
    let remark = [&[4, 0, 0, 8 << 2], number.to_le_bytes().as_slice()].concat();
    // One record: in extrinsic 0, System.NewAccount, no topics.
    let event = [&[1 << 2, 0, 0, 0, 0, 0, 0, 3], [number as u8; 32].as_slice(), &[0]].concat();
    MemoryBlock {
        extrinsics: vec![extrinsic(&remark)],
        events: event.into(),
        timestamp_ms: Some(FIRST_BLOCK_MS + 12_000 * number),
        changes: vec![(tempo_key((number % 7) as u16), Some(Bytes::copy_from_slice(&(number as u16).to_le_bytes())))],
        ..MemoryBlock::default()
    }
}

/// Blocks 1 to 20 with `subnets` tempos in the state; block 7 upgrades spec 218 to 461, block 13 that to 393.
pub fn upgrading(subnets: u16) -> (MemorySource, ChainFacts) {
    let genesis = MemoryBlock {
        changes: (0..subnets).map(|netuid| (tempo_key(netuid), Some(Bytes::from_static(&[99, 0])))).collect(),
        ..MemoryBlock::default()
    };
    let source = MemorySource::with_genesis("made up", runtimes::raonet_218(), genesis);
    for number in 1..=20 {
        let upgrade = match number {
            7 => Some(runtimes::subtensor_461()),
            13 => Some(runtimes::finney_393()),
            _ => None,
        };
        let at = source.push(MemoryBlock { upgrade, ..block(number) });
        source.record_call(&at, "SubnetInfoRuntimeApi_get_subnets_info", &[], number.to_le_bytes().to_vec());
        source.record_missing_call(&at, "NoSuchApi_nothing");
    }
    let pallet = Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "Tempo")[..16]);
    let facts = ChainFacts {
        first: 0,
        last: 20,
        upgrades: vec![7, 13],
        prefixes: vec![(0, pallet.clone()), (20, pallet), (9, tempo_key(3))],
        absent: vec![(20, tempo_key(u16::MAX))],
        calls: vec![(20, "SubnetInfoRuntimeApi_get_subnets_info".to_owned(), Vec::new())],
        missing_calls: vec![(20, "NoSuchApi_nothing".to_owned())],
    };
    (source, facts)
}
