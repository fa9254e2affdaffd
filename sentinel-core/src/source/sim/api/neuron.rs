//! Neurons one by one, with or without their weights.

use parity_scale_codec::{Compact, Encode};

use super::super::world::World;
use super::super::world::subnet::Subnet;

type Cell = (Compact<u16>, Compact<u16>);

/// All neurons of a subnet.
pub(super) fn all(world: &World, subnet: &Subnet, full: bool) -> Vec<Vec<u8>> {
    (0..subnet.neurons.len() as u16).map(|uid| one(world, subnet, uid, full)).collect()
}

/// One neuron; `full` is with weights and bonds.
pub(super) fn one(world: &World, subnet: &Subnet, uid: u16, full: bool) -> Vec<u8> {
    let at = usize::from(uid);
    let Some(neuron) = subnet.neurons.get(at) else { return Vec::new() };
    let hotkey = neuron.hotkey;
    let coldkey = world.owner_of(&hotkey).unwrap_or_default();
    let axon = subnet.axons.get(&hotkey).copied().unwrap_or_default();
    let prometheus = subnet.prometheus.get(&hotkey).copied().unwrap_or_default();
    let stake = vec![(coldkey, Compact(subnet.inherited(&hotkey) + world.weighted_tao(world.root_stake(&hotkey))))];
    let first = subnet.mechanisms.first();
    let incentive = first.and_then(|mechanism| mechanism.incentive.get(at).copied()).unwrap_or(0);
    let last_update = first.and_then(|mechanism| mechanism.last_update.get(at).copied()).unwrap_or(0);

    let mut bytes = (hotkey, coldkey, Compact(uid), Compact(subnet.netuid), neuron.active).encode();
    (axon, prometheus, stake).encode_to(&mut bytes);
    // Rank and trust are no longer kept.
    let (rank, trust) = (Compact(0u16), Compact(0u16));
    let marks = (Compact(incentive), Compact(neuron.consensus), trust, Compact(neuron.trust));
    (rank, Compact(neuron.emission), marks, Compact(neuron.dividends)).encode_to(&mut bytes);
    (Compact(last_update), neuron.permit).encode_to(&mut bytes);
    if full {
        let row = |rows: Option<&Vec<super::super::world::subnet::Row>>| -> Vec<Cell> {
            let row = rows.and_then(|rows| rows.get(at)).map_or(&[][..], |row| row);
            row.iter().map(|(to, value)| (Compact(*to), Compact(*value))).collect()
        };
        let weights = row(first.map(|mechanism| &mechanism.weights));
        let bonds = row(first.map(|mechanism| &mechanism.bonds));
        (weights, bonds).encode_to(&mut bytes);
    }
    Compact(u16::MAX).encode_to(&mut bytes);
    bytes
}
