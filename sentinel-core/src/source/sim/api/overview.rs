//! Subnets in brief: the old overviews, the next epoch, and which subnet would have to go.

use parity_scale_codec::{Compact, Encode};

use super::super::world::World;
use super::super::world::settings::Setting as S;
use super::super::world::subnet::Subnet;
use super::metagraph::identified;

/// The first form.
pub(super) fn first(world: &World, subnet: &Subnet) -> Vec<u8> {
    let settings = &subnet.settings;
    let number = |setting| Compact(settings.get(setting));
    let mut bytes = (Compact(subnet.netuid), number(S::Rho), number(S::Kappa), number(S::Difficulty)).encode();
    for setting in [S::ImmunityPeriod, S::MaxAllowedValidators, S::MinAllowedWeights, S::MaxWeightsLimit] {
        number(setting).encode_to(&mut bytes);
    }
    let scaling_law_power = Compact(50u16);
    let count = Compact(subnet.neurons.len() as u16);
    (scaling_law_power, count, number(S::MaxAllowedUids)).encode_to(&mut bytes);
    (Compact(world.number - subnet.schedule.last_step), number(S::Tempo)).encode_to(&mut bytes);
    let (modality, connections, emission) = (Compact(0u16), Vec::<[u16; 2]>::new(), Compact(0u64));
    (modality, connections, emission, Compact(subnet.burn), subnet.owner).encode_to(&mut bytes);
    bytes
}

/// The second form: with the identity.
pub(super) fn second(world: &World, subnet: &Subnet) -> Vec<u8> {
    let mut bytes = first(world, subnet);
    identified(subnet).encode_to(&mut bytes);
    bytes
}

/// The subnet with the lowest price that is past its immunity.
pub(super) fn to_prune(world: &World) -> Option<u16> {
    const IMMUNITY: u64 = 1_296_000;
    let old =
        world.subnets.values().filter(|subnet| subnet.netuid != 0 && subnet.registered_at + IMMUNITY < world.number);
    old.min_by_key(|subnet| (subnet.reserves.moving_price, subnet.netuid)).map(|subnet| subnet.netuid)
}
