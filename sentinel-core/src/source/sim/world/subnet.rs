//! One subnet with all that its storage says.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::super::Key;
use super::Shared;
use super::pool::Pool;
use super::settings::{Setting, Settings};

/// One row of weights or bonds: uid and value.
pub(in super::super) type Row = Arc<[(u16, u16)]>;

/// Who works with a part of one's stake: the part and the hotkey.
pub(in super::super) type Children = Vec<(u64, Key)>;

/// When epochs run.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Schedule {
    pub(in super::super) last_epoch: u64,
    pub(in super::super) pending_at: u64,
    pub(in super::super) index: u64,
    pub(in super::super) last_step: u64,
    pub(in super::super) since: u64,
}

/// The two sides of the pool that swaps TAO for alpha.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Reserves {
    pub(in super::super) tao: u64,
    pub(in super::super) alpha_in: u64,
    pub(in super::super) alpha_out: u64,
    pub(in super::super) volume: u128,
    /// Weight of the TAO side in parts of 10^18.
    pub(in super::super) quote: u64,
    /// What people think that alpha is worth, in parts of 10^9 of a TAO: the price stays near it.
    pub(in super::super) fair: u64,
    /// Average price, with 32 fractional bits.
    pub(in super::super) moving_price: i128,
    /// Share of the root in the last block, with 32 fractional bits.
    pub(in super::super) root_prop: u128,
}

/// What a block minted.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Minted {
    pub(in super::super) alpha_out: u64,
    pub(in super::super) alpha_in: u64,
    pub(in super::super) tao_in: u64,
}

/// What waits for the next epoch, in alpha.
#[derive(Debug, Clone, Copy, Default)]
pub(in super::super) struct Pots {
    pub(in super::super) server: u64,
    pub(in super::super) validator: u64,
    pub(in super::super) root: u64,
    pub(in super::super) owner: u64,
}

/// One uid.
#[derive(Debug, Clone)]
pub(in super::super) struct Neuron {
    pub(in super::super) hotkey: Key,
    pub(in super::super) registered_at: u64,
    pub(in super::super) active: bool,
    pub(in super::super) permit: bool,
    pub(in super::super) trust: u16,
    pub(in super::super) consensus: u16,
    pub(in super::super) dividends: u16,
    pub(in super::super) emission: u64,
}

impl Neuron {
    /// One that has just been registered.
    pub(in super::super) fn new(hotkey: Key, block: u64) -> Self {
        Self {
            hotkey,
            registered_at: block,
            active: true,
            permit: false,
            trust: 0,
            consensus: 0,
            dividends: 0,
            emission: 0,
        }
    }
}

/// Where a neuron can be reached.
#[derive(Debug, Clone, Copy, parity_scale_codec::Encode, Default)]
pub(in super::super) struct Axon {
    pub(in super::super) block: u64,
    pub(in super::super) version: u32,
    pub(in super::super) ip: u128,
    pub(in super::super) port: u16,
    pub(in super::super) ip_type: u8,
    pub(in super::super) protocol: u8,
    pub(in super::super) placeholder1: u8,
    pub(in super::super) placeholder2: u8,
}

/// Where a neuron shows its metrics.
#[derive(Debug, Clone, Copy, parity_scale_codec::Encode, Default)]
pub(in super::super) struct Prometheus {
    pub(in super::super) block: u64,
    pub(in super::super) version: u32,
    pub(in super::super) ip: u128,
    pub(in super::super) port: u16,
    pub(in super::super) ip_type: u8,
}

/// What a neuron committed.
#[derive(Debug, Clone)]
pub(in super::super) struct Commitment {
    pub(in super::super) block: u32,
    /// The encoded fields; none since they were revealed.
    pub(in super::super) info: Option<Vec<u8>>,
    /// What is in the field that is encrypted.
    pub(in super::super) sealed: Option<Sealed>,
    pub(in super::super) used: u64,
    pub(in super::super) epoch: u64,
}

/// What an encrypted field says, and the round that opens it.
#[derive(Debug, Clone)]
pub(in super::super) struct Sealed {
    pub(in super::super) round: u64,
    pub(in super::super) text: Vec<u8>,
}

/// What was revealed of one hotkey, and in which blocks.
pub(in super::super) type Revealed = Vec<(Vec<u8>, u64)>;

/// A hash of weights: the hash, the epoch and the block of the commit.
pub(in super::super) type HashCommit = ([u8; 32], u64, u64);

/// Encrypted weights that wait for their round: who, when, the bytes, the round, and what is in them.
#[derive(Debug, Clone)]
pub(in super::super) struct TimelockedCommit {
    pub(in super::super) who: Key,
    pub(in super::super) block: u64,
    pub(in super::super) bytes: Vec<u8>,
    pub(in super::super) round: u64,
    pub(in super::super) weights: Row,
}

/// What every mechanism of a subnet has for itself.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Mechanism {
    pub(in super::super) incentive: Vec<u16>,
    pub(in super::super) consensus: Vec<u16>,
    pub(in super::super) last_update: Vec<u64>,
    pub(in super::super) weights: Vec<Row>,
    pub(in super::super) bonds: Vec<Row>,
    pub(in super::super) commits: BTreeMap<Key, Vec<HashCommit>>,
    /// What is behind the hashes; only the validators know.
    pub(in super::super) hidden: BTreeMap<[u8; 32], Row>,
    pub(in super::super) timelocked: BTreeMap<u64, Vec<TimelockedCommit>>,
}

impl Mechanism {
    /// Whether encrypted weights of this epoch can be opened, or those of an earlier one are past their time.
    pub(in super::super) fn ripens(&self, epoch: u64, round: u64) -> bool {
        self.timelocked
            .range(..=epoch)
            .any(|(at, commits)| *at < epoch || commits.iter().any(|commit| commit.round <= round))
    }
}

/// An epoch that did not run for this many blocks is due, whatever the schedule says.
const MAX_TEMPO: u64 = 50_400;

/// One subnet.
#[derive(Debug, Clone)]
pub(in super::super) struct Subnet {
    pub(in super::super) netuid: u16,
    pub(in super::super) registered_at: u64,
    pub(in super::super) owner: Key,
    pub(in super::super) owner_hotkey: Key,
    pub(in super::super) name: Arc<str>,
    pub(in super::super) symbol: Arc<str>,
    /// Whether it has told who it is.
    pub(in super::super) identified: bool,
    pub(in super::super) settings: Shared<Settings>,
    pub(in super::super) started: Option<u64>,
    pub(in super::super) schedule: Schedule,
    pub(in super::super) reserves: Reserves,
    pub(in super::super) minted: Minted,
    pub(in super::super) pots: Pots,
    pub(in super::super) burn: u64,
    pub(in super::super) neurons: Shared<Vec<Neuron>>,
    pub(in super::super) uids: Shared<BTreeMap<Key, u16>>,
    pub(in super::super) pools: Shared<BTreeMap<Key, Shared<Pool>>>,
    pub(in super::super) dividends: Shared<BTreeMap<Key, u64>>,
    pub(in super::super) last_epoch_stake: Shared<BTreeMap<Key, u64>>,
    pub(in super::super) root_dividends: Shared<BTreeMap<Key, u64>>,
    pub(in super::super) mechanisms: Shared<Vec<Mechanism>>,
    pub(in super::super) axons: Shared<BTreeMap<Key, Axon>>,
    pub(in super::super) prometheus: Shared<BTreeMap<Key, Prometheus>>,
    pub(in super::super) commitments: Shared<BTreeMap<Key, Commitment>>,
    pub(in super::super) revealed: Shared<BTreeMap<Key, Revealed>>,
    pub(in super::super) children: Shared<BTreeMap<Key, Children>>,
    pub(in super::super) pending_children: Shared<BTreeMap<Key, (Children, u64)>>,
    pub(in super::super) childkey_takes: Shared<BTreeMap<Key, u16>>,
    pub(in super::super) evm: Shared<BTreeMap<u16, ([u8; 20], u64)>>,
    pub(in super::super) auto_stake: Shared<BTreeMap<Key, Key>>,
    pub(in super::super) successors: Shared<BTreeMap<Key, Key>>,
    /// The last uid shows the hotkey of the first: the next epoch will be skipped.
    pub(in super::super) doubled: bool,
}

impl Subnet {
    pub(in super::super) fn tempo(&self) -> u64 {
        self.settings.u64(Setting::Tempo)
    }

    /// Whether an epoch is due in a block, which has room for it or not.
    pub(in super::super) fn is_due(&self, block: u64) -> bool {
        let (tempo, schedule) = (self.tempo(), self.schedule);
        let asked = schedule.pending_at > 0 && block >= schedule.pending_at;
        let due = asked || schedule.since > MAX_TEMPO || block.saturating_sub(schedule.last_epoch) >= tempo;
        self.netuid != 0 && tempo != 0 && due
    }

    /// The epoch that commits and reveals of a block belong to: one that is due has begun for them.
    pub(in super::super) fn epoch_of(&self, block: u64) -> u64 {
        self.schedule.index + u64::from(self.is_due(block))
    }

    /// The block in which the next epoch is due at the earliest.
    pub(in super::super) fn next_epoch(&self) -> Option<u64> {
        let due = self.schedule.last_epoch + self.tempo();
        let asked = Some(self.schedule.pending_at).filter(|at| *at > 0);
        (self.tempo() > 0).then(|| asked.map_or(due, |asked| asked.min(due)))
    }

    /// Whether alpha is minted for it.
    pub(in super::super) fn emits(&self) -> bool {
        self.netuid != 0 && self.started.is_some() && self.settings.is(Setting::SubtokenEnabled)
    }

    /// The hotkey that `Keys` shows for a uid.
    pub(in super::super) fn key_of(&self, uid: u16) -> Option<Key> {
        let last = usize::from(uid) + 1 == self.neurons.len();
        let uid = if self.doubled && last { 0 } else { usize::from(uid) };
        self.neurons.get(uid).map(|neuron| neuron.hotkey)
    }

    /// The uids with a permit.
    pub(in super::super) fn validators(&self) -> impl Iterator<Item = u16> {
        self.neurons.iter().enumerate().filter(|(_, neuron)| neuron.permit).map(|(uid, _)| uid as u16)
    }

    /// The index under which a mechanism is stored.
    pub(in super::super) fn index_of(&self, mechanism: usize) -> u16 {
        mechanism as u16 * 4_096 + self.netuid
    }

    /// The stake of a hotkey.
    pub(in super::super) fn stake(&self, hotkey: &Key) -> u64 {
        self.pools.get(hotkey).map_or(0, |pool| pool.total)
    }

    /// The stake of a hotkey, less what children work with, and what parents let it work with.
    pub(in super::super) fn inherited(&self, hotkey: &Key) -> u64 {
        let own = u128::from(self.stake(hotkey));
        let part = |proportion: u64, of: u128| of * u128::from(proportion) / u128::from(u64::MAX);
        let given: u128 =
            self.children.get(hotkey).map_or(0, |list| list.iter().map(|(share, _)| part(*share, own)).sum());
        let got: u128 = self.parents(hotkey).map(|(share, parent)| part(share, u128::from(self.stake(&parent)))).sum();
        u64::try_from(own - given.min(own) + got).unwrap_or(u64::MAX)
    }

    /// Who lets this hotkey work with its stake, and with which part.
    pub(in super::super) fn parents<'s>(&'s self, hotkey: &'s Key) -> impl Iterator<Item = (u64, Key)> + 's {
        let parts = self.children.iter().flat_map(|(parent, list)| list.iter().map(move |part| (parent, part)));
        parts.filter(move |(_, (_, child))| child == hotkey).map(|(parent, (share, _))| (*share, *parent))
    }

    /// What one alpha costs, in parts of 10^9 of a TAO.
    pub(in super::super) fn price(&self) -> u64 {
        if self.netuid == 0 {
            return 1_000_000_000;
        }
        let Reserves { tao, alpha_in, quote, .. } = self.reserves;
        let (quote, whole) = (u128::from(quote), 1_000_000_000_000_000_000);
        // Rounded once, as the chain does, not after each of the two fractions.
        let (scaled, under) = (u128::from(tao) * 1_000_000_000, u128::from(alpha_in.max(1)) * quote.max(1));
        u64::try_from(super::super::wide::mul_div(scaled, whole - quote, under)).unwrap_or(u64::MAX)
    }

    /// Alpha for this much TAO.
    pub(in super::super) fn alpha_for(&self, tao: u64) -> u64 {
        if self.netuid == 0 {
            return tao;
        }
        let Reserves { tao: there, alpha_in, quote, .. } = self.reserves;
        let out = u128::from(tao) * u128::from(alpha_in) / (u128::from(there) + u128::from(tao)).max(1);
        weighted(out, quote, 1_000_000_000_000_000_000 - quote).min(alpha_in / 2)
    }

    /// TAO for this much alpha.
    pub(in super::super) fn tao_for(&self, alpha: u64) -> u64 {
        if self.netuid == 0 {
            return alpha;
        }
        let Reserves { tao, alpha_in: there, quote, .. } = self.reserves;
        let out = u128::from(alpha) * u128::from(tao) / (u128::from(there) + u128::from(alpha)).max(1);
        weighted(out, 1_000_000_000_000_000_000 - quote, quote).min(tao / 2)
    }

    /// Swaps TAO that comes in for alpha.
    pub(in super::super) fn buy(&mut self, tao: u64) -> u64 {
        let alpha = self.alpha_for(tao);
        self.reserves.tao += tao;
        if self.netuid != 0 {
            self.reserves.alpha_in -= alpha;
            self.reserves.alpha_out += alpha;
        }
        self.reserves.volume += u128::from(tao);
        alpha
    }

    /// Swaps alpha for TAO that goes out.
    pub(in super::super) fn sell(&mut self, alpha: u64) -> u64 {
        let tao = self.tao_for(alpha);
        self.reserves.tao -= tao.min(self.reserves.tao);
        if self.netuid != 0 {
            self.reserves.alpha_in += alpha;
            self.reserves.alpha_out -= alpha.min(self.reserves.alpha_out);
        }
        self.reserves.volume += u128::from(tao);
        tao
    }

    /// The pool of a hotkey, made where there is none.
    pub(in super::super) fn pool(&mut self, hotkey: Key) -> &mut Pool {
        self.pools.entry(hotkey).or_default()
    }

    /// Block of the last weights of a uid on any mechanism.
    pub(in super::super) fn last_update(&self, uid: usize) -> u64 {
        let of = |mechanism: &Mechanism| mechanism.last_update.get(uid).copied().unwrap_or(0);
        self.mechanisms.iter().map(of).max().unwrap_or(0)
    }
}

/// `amount × over / under`, for the two weights of the pool.
fn weighted(amount: u128, over: u64, under: u64) -> u64 {
    let scaled = if over == under {
        amount
    } else {
        amount * u128::from(over / 1_000_000_000) / u128::from((under / 1_000_000_000).max(1))
    };
    u64::try_from(scaled).unwrap_or(u64::MAX)
}
