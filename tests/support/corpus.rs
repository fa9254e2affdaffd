//! Blocks as the main network makes them, generated from a seed for any metadata: what speed is measured on.
//!
//! A block has 39 extrinsics and 249 events, about 32 kB on runtime 461:
//!
//! - two bare extrinsics, the timestamp and a randomness pulse; 37 signed ones, drawn by the weights of [`CALLS`]: two
//!   in five move stake, two in five set or commit weights, one in eight transfers, the rest are proxies, batches of two
//!   to four calls, registrations, axons and commitments; one in twelve fails;
//! - for each extrinsic the events that its kind leaves ([`EVENTS`]), and before them those of epochs, up to 249;
//! - accounts from a pool of 2,000, every second one from the 100 busiest; amounts over all magnitudes from 1 rao to
//!   10,000 TAO; netuids below 129; weights of 64 to 256 uids, sealed ones of 0.5 to 1.8 kB.
//!
//! A runtime that lacks a call or an event is given none of it. The same metadata, seed and number make the same bytes.
//!
//! ```
//! use sentinel_support::corpus::Corpus;
//! use sentinel_support::runtimes::{SUBTENSOR_461_V15, subtensor_461};
//!
//! let corpus = Corpus::of(SUBTENSOR_461_V15, 1, 2);
//! let block = &corpus.blocks[0];
//! let runtime = subtensor_461();
//! let index = runtime.index(&block.extrinsics, &block.events)?;
//! assert_eq!((index.extrinsics().len(), index.events().len()), (39, 249));
//! # Ok::<(), sentinel_core::decode::DecodeError>(())
//! ```

mod realistic;

use crate::extrinsics::{FINALIZATION, INITIALIZATION, Signed, applying, bare, record, signed, sr25519, vector};
use crate::registry::Registry;
use crate::rng::Rng;
use realistic::Realistic;

/// Extrinsics of a block.
pub const EXTRINSICS: usize = 39;
/// Events of a block.
pub const RECORDS: usize = 249;

/// Signed calls with their weight in the mix.
pub const CALLS: &[(&str, &str, usize)] = &[
    ("SubtensorModule", "add_stake", 10),
    ("SubtensorModule", "add_stake_limit", 14),
    ("SubtensorModule", "remove_stake", 8),
    ("SubtensorModule", "remove_stake_limit", 10),
    ("SubtensorModule", "move_stake", 3),
    ("SubtensorModule", "swap_stake_limit", 3),
    ("SubtensorModule", "transfer_stake", 2),
    ("SubtensorModule", "set_weights", 22),
    ("SubtensorModule", "commit_timelocked_weights", 28),
    ("SubtensorModule", "serve_axon", 3),
    ("SubtensorModule", "burned_register", 2),
    ("Commitments", "set_commitment", 2),
    ("Balances", "transfer_keep_alive", 9),
    ("Balances", "transfer_allow_death", 4),
    ("Balances", "transfer_all", 2),
    ("System", "remark", 1),
    ("Proxy", "proxy", 4),
    ("Utility", "batch", 2),
    ("Utility", "batch_all", 3),
    ("Utility", "force_batch", 1),
];

/// What an extrinsic leaves that applies calls whose name begins so, before its fee and its success.
pub const EVENTS: &[(&str, &[(&str, &str)])] = &[
    ("add_stake", &[("Balances", "Withdraw"), ("Balances", "Transfer"), ("SubtensorModule", "StakeAdded")]),
    ("remove_stake", &[("SubtensorModule", "StakeRemoved"), ("Balances", "Transfer"), ("Balances", "Deposit")]),
    (
        "move_stake",
        &[("SubtensorModule", "StakeRemoved"), ("SubtensorModule", "StakeAdded"), ("SubtensorModule", "StakeMoved")],
    ),
    (
        "swap_stake",
        &[("SubtensorModule", "StakeRemoved"), ("SubtensorModule", "StakeAdded"), ("SubtensorModule", "StakeSwapped")],
    ),
    (
        "transfer_stake",
        &[
            ("SubtensorModule", "StakeRemoved"),
            ("SubtensorModule", "StakeAdded"),
            ("SubtensorModule", "StakeTransferred"),
        ],
    ),
    ("set_weights", &[("SubtensorModule", "WeightsSet")]),
    ("commit_timelocked_weights", &[("SubtensorModule", "TimelockedWeightsCommitted")]),
    ("serve_axon", &[("SubtensorModule", "AxonServed")]),
    ("burned_register", &[("Balances", "Withdraw"), ("SubtensorModule", "NeuronRegistered")]),
    ("set_commitment", &[("Commitments", "Commitment")]),
    ("transfer", &[("System", "NewAccount"), ("Balances", "Endowed"), ("Balances", "Transfer")]),
    ("proxy", &[("Balances", "Transfer"), ("SubtensorModule", "StakeAdded"), ("Proxy", "ProxyExecuted")]),
    (
        "batch",
        &[
            ("SubtensorModule", "StakeAdded"),
            ("Utility", "ItemCompleted"),
            ("SubtensorModule", "StakeAdded"),
            ("Utility", "ItemCompleted"),
            ("Utility", "BatchCompleted"),
        ],
    ),
];

/// What epochs leave before the extrinsics of a block.
pub const EPOCHS: &[(&str, &str)] = &[
    ("SubtensorModule", "AutoStakeAdded"),
    ("SubtensorModule", "StakeAdded"),
    ("SubtensorModule", "TimelockedWeightsRevealed"),
    ("Balances", "Deposit"),
    ("Balances", "Issued"),
    ("Commitments", "CommitmentRevealed"),
];

/// One in so many signed extrinsics fails.
const FAILS: usize = 12;

/// Blocks of one runtime.
#[derive(Debug, Clone)]
pub struct Corpus {
    /// The blocks.
    pub blocks: Vec<Block>,
}

/// A block as it is stored: what a node answers for it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Block {
    /// Extrinsics with their length.
    pub extrinsics: Vec<Vec<u8>>,
    /// The value of `System.Events`.
    pub events: Vec<u8>,
}

impl Corpus {
    /// So many blocks of the runtime with this metadata.
    pub fn of(metadata: &[u8], seed: u64, blocks: usize) -> Self {
        let registry = Registry::of(metadata);
        let mut maker = Maker::new(&registry, seed);
        Self { blocks: (0..blocks).map(|_| maker.block()).collect() }
    }

    /// Bytes of all extrinsics and events.
    pub fn bytes(&self) -> usize {
        self.parts().map(<[u8]>::len).sum()
    }

    /// Each extrinsic and each list of events.
    pub fn parts(&self) -> impl Iterator<Item = &[u8]> {
        self.blocks.iter().flat_map(|block| {
            block.extrinsics.iter().map(Vec::as_slice).chain(std::iter::once(block.events.as_slice()))
        })
    }
}

struct Maker<'r> {
    registry: &'r Registry,
    rng: Rng,
    values: Realistic<'r>,
    /// The mix of this runtime: those of [`CALLS`] that it has.
    calls: Vec<(&'static str, &'static str, usize)>,
}

impl<'r> Maker<'r> {
    fn new(registry: &'r Registry, seed: u64) -> Self {
        let calls = CALLS.iter().filter(|(pallet, name, _)| registry.has_call(pallet, name)).copied().collect();
        Self { registry, rng: Rng::new(seed), values: Realistic::new(registry, seed), calls }
    }

    fn block(&mut self) -> Block {
        let mut extrinsics = Vec::with_capacity(EXTRINSICS);
        let mut applied = Vec::with_capacity(RECORDS);
        for (pallet, name) in [("Timestamp", "set"), ("Drand", "write_pulse")] {
            if self.registry.has_call(pallet, name) {
                let call = self.values.call(pallet, name);
                self.apply(extrinsics.len(), &[], true, &mut applied);
                extrinsics.push(bare(4, &call));
            }
        }
        while extrinsics.len() < EXTRINSICS {
            let (name, call) = self.draw();
            let succeeds = self.rng.below(FAILS) != 0;
            let left = EVENTS.iter().find(|(prefix, _)| name.trim_start_matches("force_").starts_with(prefix));
            let events = left.filter(|_| succeeds).map_or(&[][..], |(_, events)| events);
            applied.push((extrinsics.len(), "TransactionPayment", "TransactionFeePaid"));
            self.apply(extrinsics.len(), events, succeeds, &mut applied);
            extrinsics.push(self.sign(&call));
        }
        Block { extrinsics, events: self.records(&applied) }
    }

    /// A call of the mix; a wrapper holds others of the mix.
    fn draw(&mut self) -> (&'static str, Vec<u8>) {
        let all: usize = self.calls.iter().map(|(.., weight)| weight).sum();
        let mut at = self.rng.below(all);
        for &(pallet, name, weight) in &self.calls {
            if at < weight {
                return (name, self.values.call(pallet, name));
            }
            at -= weight;
        }
        panic!("a runtime has one of the calls");
    }

    fn sign(&mut self, call: &[u8]) -> Vec<u8> {
        let mut by = Signed::by(self.values.account());
        let signature: [u8; 64] = std::array::from_fn(|_| self.rng.bits() as u8);
        by.signature = sr25519(signature);
        by.nonce = self.rng.below(3_000) as u64;
        by.tip = if self.rng.percent(5) { self.rng.below(1_000_000) as u128 } else { 0 };
        // 64 blocks, born at any of them.
        by.era = if self.rng.percent(70) { vec![5 | (self.rng.below(16) as u8) << 4, 0] } else { vec![0] };
        signed(self.registry, &by, call)
    }

    fn apply(
        &self,
        extrinsic: usize,
        events: &[(&'static str, &'static str)],
        succeeds: bool,
        applied: &mut Vec<(usize, &'static str, &'static str)>,
    ) {
        applied.extend(events.iter().map(|(pallet, name)| (extrinsic, *pallet, *name)));
        let outcome = if succeeds { "ExtrinsicSuccess" } else { "ExtrinsicFailed" };
        applied.push((extrinsic, "System", outcome));
    }

    fn records(&mut self, applied: &[(usize, &'static str, &'static str)]) -> Vec<u8> {
        let has = |pallet: &str, name: &str| self.registry.has_event(pallet, name);
        let applied: Vec<_> = applied.iter().filter(|(_, pallet, name)| has(pallet, name)).copied().collect();
        let epochs: Vec<_> = EPOCHS.iter().filter(|(pallet, name)| has(pallet, name)).copied().collect();
        let mut records = Vec::with_capacity(RECORDS);
        // Two after the extrinsics: an upgrade of the randomness, a refund.
        while records.len() + applied.len() + 2 < RECORDS {
            let (pallet, name) = *self.rng.pick(&epochs);
            records.push(record(INITIALIZATION, &self.values.event(pallet, name)));
        }
        for (extrinsic, pallet, name) in applied {
            records.push(record(&applying(extrinsic as u32), &self.values.event(pallet, name)));
        }
        while records.len() < RECORDS {
            records.push(record(FINALIZATION, &self.values.event("Balances", "Deposit")));
        }
        vector(&records)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::runtimes::{self, FINNEY_393_V16, RAONET_218_V14, SUBTENSOR_461_V14, SUBTENSOR_461_V15};

    #[test]
    fn every_runtime_reads_its_blocks() {
        for metadata in [RAONET_218_V14, FINNEY_393_V16, SUBTENSOR_461_V14, SUBTENSOR_461_V15] {
            let corpus = Corpus::of(metadata, 7, 20);
            let runtime = runtimes::load(metadata);
            for block in &corpus.blocks {
                let index = runtime.index(&block.extrinsics, &block.events).expect("events of this runtime");
                assert_eq!((index.extrinsics().len(), index.events().len()), (EXTRINSICS, RECORDS));
                for extrinsic in index.extrinsics() {
                    let extrinsic = extrinsic.as_ref().expect("an extrinsic of this runtime");
                    extrinsic.call().to_value().expect("a call of this runtime");
                }
                for event in index.events() {
                    event.event().to_value().expect("an event of this runtime");
                }
            }
            assert_eq!(corpus.blocks, Corpus::of(metadata, 7, 20).blocks, "the same seed makes the same blocks");
        }
    }

    #[test]
    fn blocks_of_461_are_as_large_as_those_that_others_were_measured_on() {
        let corpus = Corpus::of(SUBTENSOR_461_V15, 1, 200);
        let mb = corpus.bytes() as f64 / 1e6;
        let events: usize = corpus.blocks.iter().map(|block| block.events.len()).sum();
        println!("{mb:.2} MB, of which events {:.2} MB", events as f64 / 1e6);
        assert!((6.1..6.6).contains(&mb), "{mb} MB in 200 blocks");
    }
}
