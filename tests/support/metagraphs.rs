//! A made-up subnet that knows what it is: the answers a runtime would give of it, and the state behind them.
//!
//! Encodings are written out here field by field; nothing is taken from the decoder under test.

use bytes::Bytes;
use parity_scale_codec::{Compact, Encode};
use sentinel_core::decode::Runtime;

use crate::rng::Rng;

/// Weights or bonds: a row for each uid.
pub type Rows = Vec<Vec<(u16, u16)>>;

/// What one mechanism has of its own.
#[derive(Debug, Clone)]
pub struct MadeUpMechanism {
    /// Incentive by uid.
    pub incentive: Vec<u16>,
    /// Block of the last weights by uid.
    pub last_update: Vec<u64>,
    /// Consensus by uid.
    pub consensus: Vec<u16>,
    /// Weights.
    pub weights: Rows,
    /// Bonds.
    pub bonds: Rows,
}

/// One subnet.
#[derive(Debug, Clone)]
pub struct MadeUp {
    /// Its number.
    pub netuid: u16,
    /// The block that its answers name.
    pub block: u64,
    /// Hotkeys.
    pub hotkeys: Vec<[u8; 32]>,
    /// Coldkeys.
    pub coldkeys: Vec<[u8; 32]>,
    /// Addresses: block, version, address, port, kind, protocol.
    pub axons: Vec<(u64, u32, u128, u16, u8, u8)>,
    /// Names in the identities of coldkeys.
    pub names: Vec<Option<String>>,
    /// Flags.
    pub active: Vec<bool>,
    /// Flags.
    pub permits: Vec<bool>,
    /// Emission, in rao.
    pub emission: Vec<u64>,
    /// Of 65,535.
    pub dividends: Vec<u16>,
    /// Of 65,535.
    pub consensus: Vec<u16>,
    /// Of 65,535.
    pub validator_trust: Vec<u16>,
    /// Blocks.
    pub registered_at: Vec<u64>,
    /// Alpha-rao.
    pub alpha_stake: Vec<u64>,
    /// Rao.
    pub tao_stake: Vec<u64>,
    /// Rao.
    pub total_stake: Vec<u64>,
    /// Addresses of the EVM with their blocks.
    pub evm: Vec<Option<([u8; 20], u64)>>,
    /// Of each mechanism.
    pub mechanisms: Vec<MadeUpMechanism>,
    /// Name of the subnet, with bytes that take two in their compact form.
    pub name: String,
    /// Blocks of immunity.
    pub immunity_period: u16,
    /// Pool, rao and alpha-rao.
    pub pool: (u64, u64),
}

/// The owner of every made-up subnet.
pub const OWNER: [u8; 32] = [0xaa; 32];
/// The block of its registration.
pub const FOUNDED: u64 = 17;

fn compact(number: u64) -> Vec<u8> {
    Compact(number).encode()
}

fn compacts(numbers: impl ExactSizeIterator<Item = u64>) -> Vec<u8> {
    let mut out = Compact(numbers.len() as u32).encode();
    numbers.for_each(|number| Compact(number).encode_to(&mut out));
    out
}

fn narrow(numbers: &[u16]) -> Vec<u8> {
    compacts(numbers.iter().map(|number| u64::from(*number)))
}

fn wide(numbers: &[u64]) -> Vec<u8> {
    compacts(numbers.iter().copied())
}

fn identity(name: &str, fields: usize) -> Vec<u8> {
    let mut out = name.as_bytes().to_vec().encode();
    (1..fields).for_each(|field| format!("{name} {field}").into_bytes().encode_to(&mut out));
    out
}

fn axon((block, version, ip, port, kind, protocol): (u64, u32, u128, u16, u8, u8)) -> Vec<u8> {
    (block, version, ip, port, kind, protocol, 0u8, 0u8).encode()
}

impl MadeUp {
    /// A subnet with so many neurons and mechanisms; the same seed makes the same one.
    pub fn new(netuid: u16, neurons: usize, mechanisms: usize, seed: u64) -> Self {
        let mut rng = Rng::new(seed);
        let block = 1_000_000;
        let mut keys = |tag: u8| {
            let key = |rng: &mut Rng| {
                let mut key = [tag; 32];
                key[..30].copy_from_slice(&rng.bytes(30));
                key
            };
            (0..neurons).map(|_| key(&mut rng)).collect::<Vec<_>>()
        };
        let (hotkeys, coldkeys) = (keys(1), keys(2));
        let names = (0..neurons).map(|uid| (uid % 3 == 0).then(|| format!("neuron {uid}"))).collect();
        let axons = (0..neurons)
            .map(|uid| match uid % 4 {
                0 => (0, 0, 0, 0, 0, 0),
                3 => (block - 5, 9, (0x2001_0db8u128 << 96) + uid as u128, 8091, 6, 4),
                _ => (block - 9, 8, 0x0a00_0000 + uid as u128, 8091, 4, 4),
            })
            .collect();
        let narrow = |rng: &mut Rng| (0..neurons).map(|_| rng.bits() as u16).collect::<Vec<_>>();
        let wide = |rng: &mut Rng| (0..neurons).map(|_| rng.bits() >> (rng.below(64) as u32)).collect::<Vec<_>>();
        let flags = |rng: &mut Rng| (0..neurons).map(|_| rng.percent(50)).collect::<Vec<_>>();
        let rows = |rng: &mut Rng| {
            let row = |rng: &mut Rng| {
                let to = (0..neurons as u16).filter(|_| rng.percent(30)).collect::<Vec<_>>();
                to.into_iter().map(|to| (to, (rng.bits() as u16).max(1))).collect::<Vec<_>>()
            };
            (0..neurons).map(|uid| if uid % 4 == 0 { row(rng) } else { Vec::new() }).collect::<Rows>()
        };
        let mechanisms = (0..mechanisms)
            .map(|_| MadeUpMechanism {
                incentive: narrow(&mut rng),
                last_update: (0..neurons).map(|_| block - rng.below(5_000) as u64).collect(),
                consensus: narrow(&mut rng),
                weights: rows(&mut rng),
                bonds: rows(&mut rng),
            })
            .collect();
        let evm = |rng: &mut Rng| {
            let mut address = [0; 20];
            address.copy_from_slice(&rng.bytes(20));
            (address, rng.bits() >> 40)
        };
        Self {
            netuid,
            block,
            axons,
            names,
            active: flags(&mut rng),
            permits: flags(&mut rng),
            emission: wide(&mut rng),
            dividends: narrow(&mut rng),
            consensus: narrow(&mut rng),
            validator_trust: narrow(&mut rng),
            registered_at: (0..neurons).map(|_| block - rng.below(9_000) as u64).collect(),
            alpha_stake: wide(&mut rng),
            tao_stake: wide(&mut rng),
            total_stake: wide(&mut rng),
            evm: (0..neurons).map(|uid| (uid % 5 == 2).then(|| evm(&mut rng))).collect(),
            mechanisms,
            name: format!("Τέστ {netuid}"),
            immunity_period: 4_096,
            pool: (3_000_000_000_000, 4_000_000_000_000),
            hotkeys,
            coldkeys,
        }
    }

    /// The encoded fields of `get_selective_metagraph` by index, without the option around each.
    #[rustfmt::skip]
    pub fn fields(&self) -> Vec<Vec<u8>> {
        let first = &self.mechanisms[0];
        let text = |text: &str| compacts(text.as_bytes().to_vec().into_iter().map(u64::from));
        let identities = {
            let mut out = Compact(self.names.len() as u32).encode();
            for name in &self.names {
                match name {
                    Some(name) => { out.push(1); out.extend(identity(name, 7)); }
                    None => out.push(0),
                }
            }
            out
        };
        let axons = {
            let mut out = Compact(self.axons.len() as u32).encode();
            self.axons.iter().for_each(|one| out.extend(axon(*one)));
            out
        };
        let amounts = |of: &[u64]| {
            let mut out = Compact(of.len() as u32).encode();
            for (hotkey, amount) in self.hotkeys.iter().zip(of) { hotkey.encode_to(&mut out); Compact(*amount).encode_to(&mut out); }
            out
        };
        let commitments = {
            let mut out = Compact(1u32).encode();
            self.hotkeys.first().copied().unwrap_or(OWNER).encode_to(&mut out);
            out.extend(narrow(&[0, 63, 64, 255]));
            out
        };
        let count = self.hotkeys.len() as u64;
        let (tao, alpha) = self.pool;
        let subnet = [&[1], identity("subnet", 8).as_slice()].concat();
        vec![
            compact(self.netuid.into()), text(&self.name), text("τ"), subnet, compact(FOUNDED),
            OWNER.encode(), OWNER.encode(), compact(self.block), compact(360), compact(self.block - 7), compact(7),
            compact(0), compact(alpha), compact(99), compact(tao), compact(11), compact(12), compact(13), compact(14), compact(15),
            Compact(1u128 << 70).encode(), (3i128 << 31).encode(),
            compact(10), compact(32_767), compact(1), compact(65_535), compact(2), compact(100), compact(5_000),
            compact(64), compact(count), compact(256), compact(500_000), compact(10_000_000), true.encode(), false.encode(),
            compact(self.immunity_period.into()), compact(1), compact(u64::MAX / 4), compact(500_000), compact(100_000_000_000),
            compact(0), compact(100), compact(2), compact(1), compact(50), true.encode(), compact(1), false.encode(),
            compact(58_982), compact(45_875), compact(900_000),
            self.hotkeys.encode(), self.coldkeys.encode(), identities, axons, self.active.encode(), self.permits.encode(),
            wide(&[]), wide(&first.last_update), wide(&self.emission), narrow(&self.dividends), narrow(&first.incentive),
            narrow(&self.consensus), wide(&[]), wide(&[]), wide(&self.registered_at),
            wide(&self.alpha_stake), wide(&self.tao_stake), wide(&self.total_stake),
            amounts(&vec![0; self.hotkeys.len()]), amounts(&self.emission), narrow(&[1, 0]), commitments,
            wide(&self.emission), wide(&self.tao_stake), wide(&self.alpha_stake),
        ]
    }

    /// The answer of `get_metagraph`, with its collateral at the end or as it was before there was any.
    pub fn metagraph(&self, collateral: bool) -> Vec<u8> {
        let end = if collateral { 77 } else { 72 };
        let fields = self.fields().into_iter().enumerate().filter(|(at, _)| *at < end && !(72..74).contains(at));
        std::iter::once(vec![1]).chain(fields.map(|(_, field)| field)).collect::<Vec<_>>().concat()
    }

    /// The answer of `get_selective_metagraph` to these indexes.
    pub fn selective(&self, indexes: impl Fn(usize) -> bool, collateral: bool) -> Vec<u8> {
        let end = if collateral { 77 } else { 74 };
        let mut out = vec![1];
        for (at, field) in self.fields().into_iter().enumerate().take(end) {
            match (at, indexes(at)) {
                (0, true) => out.extend(field),
                (0, false) => out.push(0),
                // The identity is an option by itself.
                (_, true) => {
                    out.push(1);
                    out.extend(field);
                }
                (_, false) => out.push(0),
            }
        }
        out
    }

    /// The answer of `get_neurons` or `get_neurons_lite`, as runtimes since 233 give it; before them it is a byte vector.
    pub fn neurons(&self, lite: bool) -> Vec<u8> {
        let first = &self.mechanisms[0];
        let mut out = Compact(self.hotkeys.len() as u32).encode();
        for uid in 0..self.hotkeys.len() {
            (self.hotkeys[uid], self.coldkeys[uid], Compact(uid as u16), Compact(self.netuid)).encode_to(&mut out);
            self.active[uid].encode_to(&mut out);
            out.extend(axon(self.axons[uid]));
            (5u64, 6u32, 7u128, 8u16, 4u8).encode_to(&mut out);
            vec![(self.coldkeys[uid], Compact(self.alpha_stake[uid]))].encode_to(&mut out);
            for number in [1, self.emission[uid], first.incentive[uid].into(), self.consensus[uid].into(), 2] {
                Compact(number).encode_to(&mut out);
            }
            for number in [self.validator_trust[uid], self.dividends[uid]] {
                Compact(number).encode_to(&mut out);
            }
            Compact(first.last_update[uid]).encode_to(&mut out);
            self.permits[uid].encode_to(&mut out);
            for rows in [&first.weights, &first.bonds].into_iter().filter(|_| !lite) {
                let row: Vec<_> = rows[uid].iter().map(|(to, value)| (Compact(*to), Compact(*value))).collect();
                row.encode_to(&mut out);
            }
            Compact(3u16).encode_to(&mut out);
        }
        out
    }

    /// The state behind the answers, as far as this runtime has items for it.
    ///
    /// # Panics
    /// Where an item has other keys than are known here.
    pub fn state(&self, runtime: &Runtime) -> Vec<(Bytes, Option<Bytes>)> {
        let mut state = Vec::new();
        let mut set = |pallet: &str, item: &str, parts: &[&[u8]], value: Vec<u8>| {
            if let Some(found) = runtime.storage_item(pallet, item) {
                assert_eq!(found.hashers().len(), parts.len(), "{item}");
                let key = found.key(parts).unwrap_or_else(|error| panic!("{item}: {error}"));
                state.push((Bytes::from(key), Some(Bytes::from(value))));
            }
        };
        let netuid = &self.netuid.to_le_bytes()[..];
        let count = self.hotkeys.len() as u16;
        let mut of = |item: &str, value: Vec<u8>| set("SubtensorModule", item, &[netuid], value);
        of("NetworksAdded", true.encode());
        of("SubnetworkN", count.encode());
        of("MaxAllowedUids", 256u16.encode());
        of("Tempo", 360u16.encode());
        of("ImmunityPeriod", self.immunity_period.encode());
        of("NetworkRegisteredAt", FOUNDED.encode());
        of("LastMechansimStepBlock", (self.block - 7).encode());
        of("SubnetOwner", OWNER.encode());
        of("SubnetOwnerHotkey", OWNER.encode());
        of("SubnetTAO", self.pool.0.encode());
        of("SubnetAlphaIn", self.pool.1.encode());
        of("SubnetMechanism", 1u16.encode());
        of("TokenSymbol", "τ".as_bytes().to_vec().encode());
        of("MechanismCountCurrent", (self.mechanisms.len() as u8).encode());
        of("Active", self.active.encode());
        of("ValidatorPermit", self.permits.encode());
        of("ValidatorTrust", self.validator_trust.encode());
        of("Emission", self.emission.encode());
        of("Dividends", self.dividends.encode());
        of("Consensus", self.consensus.encode());
        for (mechanism, own) in self.mechanisms.iter().enumerate() {
            let index = (mechanism as u16 * 4096 + self.netuid).to_le_bytes();
            set("SubtensorModule", "Incentive", &[&index], own.incentive.encode());
            set("SubtensorModule", "LastUpdate", &[&index], own.last_update.encode());
            set("SubtensorModule", "ConsensusByMechanism", &[&index], own.consensus.encode());
            for (uid, (weights, bonds)) in own.weights.iter().zip(&own.bonds).enumerate() {
                let uid = (uid as u16).to_le_bytes();
                for (item, row) in
                    [("Weights", weights), ("Bonds", bonds)].into_iter().filter(|(_, row)| !row.is_empty())
                {
                    set("SubtensorModule", item, &[&index, &uid], row.encode());
                }
            }
        }
        for uid in 0..count {
            let at = usize::from(uid);
            let (key, hotkey, coldkey) = (uid.to_le_bytes(), self.hotkeys[at], self.coldkeys[at]);
            set("SubtensorModule", "Keys", &[netuid, &key], hotkey.encode());
            set("SubtensorModule", "Owner", &[&hotkey], coldkey.encode());
            set("SubtensorModule", "BlockAtRegistration", &[netuid, &key], self.registered_at[at].encode());
            set("SubtensorModule", "TotalHotkeyAlpha", &[&hotkey, netuid], self.alpha_stake[at].encode());
            set("SubtensorModule", "Axons", &[netuid, &hotkey], axon(self.axons[at]));
            if let Some((address, block)) = self.evm[at] {
                set("SubtensorModule", "AssociatedEvmAddress", &[netuid, &key], (address, block).encode());
            }
            if let Some(name) = &self.names[at] {
                set("SubtensorModule", "IdentitiesV2", &[&coldkey], identity(name, 7));
                set("SubtensorModule", "Identities", &[&coldkey], identity(name, 6));
            }
        }
        state
    }
}
