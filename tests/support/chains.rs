//! Made-up chains, in memory and simulated.

use std::time::Duration;

use bytes::Bytes;
use parity_scale_codec::{Compact, Encode};
use sentinel_core::conformance::ChainFacts;
use sentinel_core::decode::{Runtime, storage_prefix};
use sentinel_core::source::{MemoryBlock, MemorySource, SimSource, SourceError};

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

/// What the first block of a runtime leaves in the state: `System.LastRuntimeUpgrade`, with number and name.
pub fn last_upgrade(runtime: &Runtime) -> (Bytes, Option<Bytes>) {
    let version = runtime.version();
    let value = (Compact(version.spec_version), &version.spec_name).encode();
    (Bytes::copy_from_slice(&storage_prefix("System", "LastRuntimeUpgrade")), Some(value.into()))
}

/// A made-up chain of so many blocks of runtime 218, each of which says in its state which runtime wrote it.
pub fn long(blocks: u64) -> MemorySource {
    let chain = MemorySource::new("long", runtimes::raonet_218());
    for number in 1..=blocks {
        let mut block = block(number);
        block.changes.push(last_upgrade(&runtimes::raonet_218()));
        chain.push(block);
    }
    chain
}

/// The next block of a made-up chain: a remark, a new account, one changed value. It decodes with every runtime.
pub fn block(number: u64) -> MemoryBlock {
    block_with_longer_events(number, 0)
}

/// The same as it is written by a runtime of [`runtimes::with_longer_events`].
pub fn block_with_longer_events(number: u64, more: usize) -> MemoryBlock {
    // Bare, format 4: System.remark(number).
    let remark = [&[4, 0, 0, 8 << 2], number.to_le_bytes().as_slice()].concat();
    // One record: in extrinsic 0, System.NewAccount, no topics.
    let more = vec![number as u8; more];
    let event = [&[1 << 2, 0, 0, 0, 0, 0, 0, 3], [number as u8; 32].as_slice(), &more, &[0]].concat();
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
    let mut writer = runtimes::raonet_218();
    for number in 1..=20 {
        let mut block = block(number);
        block.changes.push(last_upgrade(&writer));
        block.upgrade = match number {
            7 => Some(runtimes::subtensor_461()),
            13 => Some(runtimes::finney_393()),
            _ => None,
        };
        writer = block.upgrade.clone().unwrap_or(writer);
        let at = source.push(block);
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

/// The cheapest simulated chain: `blocks` blocks of one subnet with four neurons, whom nobody else bothers.
///
/// # Errors
/// Those of [`SimBuilder::build`](sentinel_core::source::SimBuilder::build).
pub fn cheap(blocks: u64) -> Result<SimSource, SourceError> {
    SimSource::builder().subnets(1).uids(4).traffic(0).head(blocks).build()
}

/// The same with `blocks` blocks at the start and one more every so often, by the clock of this machine.
///
/// # Errors
/// Those of [`SimBuilder::build`](sentinel_core::source::SimBuilder::build).
pub fn live(blocks: u64, every: Duration) -> Result<SimSource, SourceError> {
    SimSource::builder().subnets(1).uids(4).traffic(0).head(blocks).interval(Some(every)).build()
}

/// A chain of six runtimes, each of which writes events that those beside it cannot read.
#[derive(Debug, Clone)]
pub struct SixSpecs {
    /// The chain, finalized to its end.
    pub source: MemorySource,
    /// The five blocks that enact an upgrade; each is still written by the runtime before.
    pub upgrades: Vec<u64>,
    /// The spec versions in their order.
    pub specs: Vec<u32>,
}

impl SixSpecs {
    /// Blocks 1 to `last`, of which those in `undecodable` have events that no runtime can read.
    pub fn new(last: u64, undecodable: &[u64]) -> Self {
        let longer = runtimes::with_longer_events;
        let (v218, v461) = (runtimes::RAONET_218_V14, runtimes::SUBTENSOR_461_V14);
        // Each with the number of bytes by which its events are longer.
        let runtimes = [
            (runtimes::raonet_218(), 0),
            (longer(v218, 219, 1), 1),
            (longer(v218, 300, 2), 2),
            (runtimes::finney_393(), 0),
            (longer(v461, 461, 1), 1),
            (longer(v461, 462, 3), 3),
        ];
        let upgrades: Vec<u64> = (1..6).map(|nth| (last * nth / 6).max(nth)).collect();
        let source = MemorySource::new("six specs", runtimes[0].0.clone());
        let mut spec = 0;
        for number in 1..=last {
            let mut block = block_with_longer_events(number, runtimes[spec].1);
            block.changes.push(last_upgrade(&runtimes[spec].0));
            if undecodable.contains(&number) {
                // One event that says it is of the pallet with index 255.
                block.events = Bytes::from_static(&[1 << 2, 0, 0, 0, 0, 0, 255, 255, 0]);
            }
            if upgrades.contains(&number) {
                spec += 1;
                block.upgrade = Some(runtimes[spec].0.clone());
            }
            source.push(block);
        }
        let specs = runtimes.iter().map(|(runtime, _)| runtime.version().spec_version).collect();
        Self { source, upgrades, specs }
    }
}
