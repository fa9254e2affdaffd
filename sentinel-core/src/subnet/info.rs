//! What a subnet is: owner, name, reserves, price, emission, age.

mod price;
#[cfg(feature = "source")]
mod read;

use serde::Serialize;

use super::SubnetIdentity;
use crate::chain::{AccountId, NetUid, Rao};

pub use price::{PriceInputs, PriceRule};
#[cfg(feature = "source")]
pub(super) use read::{Places, add};
#[cfg(feature = "source")]
pub use read::{emission_enabled, mechanism_count, read};

/// What a subnet is, in the state of a block. `None` is what its runtime does not have, or what was not asked for.
///
/// Amounts of alpha are in alpha-rao, a billionth of an alpha.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct SubnetInfo {
    /// Its number.
    pub netuid: NetUid,
    /// Name: of its identity; where the runtime's API was asked, the one the chain shows for subnets without.
    pub name: Option<String>,
    /// Symbol of its token.
    pub symbol: Option<String>,
    /// What its owner says of it.
    pub identity: Option<SubnetIdentity>,
    /// The owner's hotkey.
    pub owner_hotkey: Option<AccountId>,
    /// The owner.
    pub owner_coldkey: Option<AccountId>,
    /// The block of its registration. A netuid that was used before has another block: see
    /// [`generation`](Self::generation).
    pub registered_at: Option<u64>,
    /// How many subnets have had this number; since 401.
    pub registration_counter: Option<u64>,
    /// Blocks of an epoch.
    pub tempo: Option<u16>,
    /// The block of its last epoch.
    pub last_step: Option<u64>,
    /// Blocks since then.
    pub blocks_since_last_step: Option<u64>,
    /// Neurons.
    pub num_uids: Option<u16>,
    /// Most neurons it may have.
    pub max_uids: Option<u16>,
    /// Blocks for which a new neuron cannot be replaced.
    pub immunity_period: Option<u16>,
    /// Price of a registration now.
    pub burn: Option<Rao>,
    /// Mechanisms; 1 before there were several.
    pub mechanism_count: Option<u8>,
    /// Whether it receives TAO; a switch of later runtimes.
    pub emission_enabled: Option<bool>,
    /// TAO in its pool.
    pub tao_in: Option<Rao>,
    /// Alpha in its pool.
    pub alpha_in: Option<u64>,
    /// Alpha outside of it.
    pub alpha_out: Option<u64>,
    /// TAO put into the pool in this block.
    pub tao_in_emission: Option<Rao>,
    /// Alpha put into the pool in this block.
    pub alpha_in_emission: Option<u64>,
    /// Alpha made for participants in this block.
    pub alpha_out_emission: Option<u64>,
    /// TAO for the subnet in a block, before dynamic TAO; the API of later runtimes says 0.
    pub subnet_emission: Option<u64>,
    /// What waits for the next epoch: alpha-rao, before dynamic TAO rao.
    pub pending_emission: Option<u64>,
    /// TAO that waits for root stakers; 0 since 334.
    pub pending_root_emission: Option<Rao>,
    /// TAO traded so far, in rao.
    pub subnet_volume: Option<u128>,
    /// The slow average of the price, 32 of its bits behind the point. Capped at 1 and weeks behind: no price to value by.
    pub moving_price_bits: Option<i128>,
    /// TAO for one alpha, by the rule of the runtime; `None` before dynamic TAO.
    pub price: Option<f64>,
    /// What the price is made of.
    pub price_inputs: Option<PriceInputs>,
}

impl SubnetInfo {
    /// Nothing but the number.
    pub fn new(netuid: NetUid) -> Self {
        Self {
            netuid,
            name: None,
            symbol: None,
            identity: None,
            owner_hotkey: None,
            owner_coldkey: None,
            registered_at: None,
            registration_counter: None,
            tempo: None,
            last_step: None,
            blocks_since_last_step: None,
            num_uids: None,
            max_uids: None,
            immunity_period: None,
            burn: None,
            mechanism_count: None,
            emission_enabled: None,
            tao_in: None,
            alpha_in: None,
            alpha_out: None,
            tao_in_emission: None,
            alpha_in_emission: None,
            alpha_out_emission: None,
            subnet_emission: None,
            pending_emission: None,
            pending_root_emission: None,
            subnet_volume: None,
            moving_price_bits: None,
            price: None,
            price_inputs: None,
        }
    }

    /// This, with what is missing taken from another view of the same subnet.
    #[cfg(feature = "source")]
    pub(super) fn or(self, other: Self) -> Self {
        Self {
            netuid: self.netuid,
            name: self.name.or(other.name),
            symbol: self.symbol.or(other.symbol),
            identity: self.identity.or(other.identity),
            owner_hotkey: self.owner_hotkey.or(other.owner_hotkey),
            owner_coldkey: self.owner_coldkey.or(other.owner_coldkey),
            registered_at: self.registered_at.or(other.registered_at),
            registration_counter: self.registration_counter.or(other.registration_counter),
            tempo: self.tempo.or(other.tempo),
            last_step: self.last_step.or(other.last_step),
            blocks_since_last_step: self.blocks_since_last_step.or(other.blocks_since_last_step),
            num_uids: self.num_uids.or(other.num_uids),
            max_uids: self.max_uids.or(other.max_uids),
            immunity_period: self.immunity_period.or(other.immunity_period),
            burn: self.burn.or(other.burn),
            mechanism_count: self.mechanism_count.or(other.mechanism_count),
            emission_enabled: self.emission_enabled.or(other.emission_enabled),
            tao_in: self.tao_in.or(other.tao_in),
            alpha_in: self.alpha_in.or(other.alpha_in),
            alpha_out: self.alpha_out.or(other.alpha_out),
            tao_in_emission: self.tao_in_emission.or(other.tao_in_emission),
            alpha_in_emission: self.alpha_in_emission.or(other.alpha_in_emission),
            alpha_out_emission: self.alpha_out_emission.or(other.alpha_out_emission),
            subnet_emission: self.subnet_emission.or(other.subnet_emission),
            pending_emission: self.pending_emission.or(other.pending_emission),
            pending_root_emission: self.pending_root_emission.or(other.pending_root_emission),
            subnet_volume: self.subnet_volume.or(other.subnet_volume),
            moving_price_bits: self.moving_price_bits.or(other.moving_price_bits),
            price: self.price.or(other.price),
            price_inputs: self.price_inputs.or(other.price_inputs),
        }
    }

    /// What tells two subnets of one number apart: the block of registration and the counter.
    pub fn generation(&self) -> (Option<u64>, Option<u64>) {
        (self.registered_at, self.registration_counter)
    }

    /// The slow average of the price as a number.
    pub fn moving_price(&self) -> Option<f64> {
        self.moving_price_bits.map(|bits| bits as f64 / 2f64.powi(32))
    }
}
