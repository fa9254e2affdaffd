//! What validators' weights are worth: incentives, dividends, permits.
//!
//! A plain form of the chain's consensus: ranks are sums of weights by stake, bonds are each validator's part of them.
//! All in integers, so that it is the same everywhere.

use super::super::world::World;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Mechanism, Row, Subnet};

/// The shares of miners are parts of 2^48.
const ONE_BITS: u32 = 48;

/// What one mechanism's weights say.
#[derive(Debug)]
pub(in super::super) struct MechanismVerdict {
    /// Parts of 2^48.
    pub(in super::super) incentive: Vec<u128>,
    consensus: Vec<u16>,
    trust: Vec<u16>,
    bonds: Vec<Row>,
}

/// What an epoch finds.
#[derive(Debug)]
pub(in super::super) struct Verdict {
    pub(in super::super) mechanisms: Vec<MechanismVerdict>,
    /// Weights of the dividends by uid; only their proportions count.
    pub(in super::super) dividends: Vec<u128>,
    active: Vec<bool>,
    permits: Vec<bool>,
}

/// What each neuron's hotkey weighs: its inherited alpha, and its weighted TAO on the root.
pub(in super::super) fn stakes(subnet: &Subnet, world: &World) -> Vec<u64> {
    let of = |hotkey| subnet.inherited(hotkey) + world.weighted_tao(world.root_stake(hotkey));
    subnet.neurons.iter().map(|neuron| of(&neuron.hotkey)).collect()
}

/// What the weights of a subnet are worth in a block.
pub(in super::super) fn verdict(subnet: &Subnet, stakes: &[u64], block: u64) -> Verdict {
    let cutoff = subnet.settings.activity_cutoff();
    let active: Vec<bool> = (0..stakes.len()).map(|uid| subnet.last_update(uid) + cutoff >= block).collect();
    let permits = permits(stakes, usize::from(subnet.settings.u16(Setting::MaxAllowedValidators)));
    let voters: Vec<u64> =
        stakes.iter().enumerate().map(|(uid, stake)| if active[uid] && permits[uid] { *stake } else { 0 }).collect();
    let mut dividends = vec![0u128; stakes.len()];
    let mechanisms: Vec<MechanismVerdict> =
        subnet.mechanisms.iter().map(|mechanism| judge(mechanism, &voters, &mut dividends)).collect();
    if dividends.iter().all(|part| *part == 0) {
        // Nobody has weights: stake alone counts.
        dividends = voters.iter().map(|stake| u128::from(*stake)).collect();
    }
    Verdict { mechanisms, dividends, active, permits }
}

fn permits(stakes: &[u64], most: usize) -> Vec<bool> {
    let mut order: Vec<usize> = (0..stakes.len()).filter(|uid| stakes[*uid] > 0).collect();
    order.sort_by_key(|uid| (std::cmp::Reverse(stakes[*uid]), *uid));
    let mut permits = vec![false; stakes.len()];
    for uid in order.into_iter().take(most) {
        permits[uid] = true;
    }
    permits
}

fn judge(mechanism: &Mechanism, voters: &[u64], dividends: &mut [u128]) -> MechanismVerdict {
    let count = voters.len();
    let total: u128 = voters.iter().map(|stake| u128::from(*stake)).sum();
    let mut ranks = vec![0u128; count];
    let mut highest = vec![0u128; count];
    let votes: Vec<Vec<(usize, u128)>> = (0..count).map(|uid| vote(mechanism, voters, uid)).collect();
    for (uid, vote) in votes.iter().flatten() {
        ranks[*uid] += vote;
        highest[*uid] = highest[*uid].max(*vote);
    }
    let sum: u128 = ranks.iter().sum::<u128>().max(1);
    let incentive: Vec<u128> = ranks.iter().map(|rank| (rank << ONE_BITS) / sum).collect();
    let consensus: Vec<u16> = ranks.iter().map(|rank| (rank * 65_535 / total.max(1)).min(65_535) as u16).collect();
    let mut trust = vec![0u16; count];
    let mut bonds = vec![Row::from([]); count];
    for (validator, vote) in votes.iter().enumerate().filter(|(_, vote)| !vote.is_empty()) {
        let stake = u128::from(voters[validator]).max(1);
        let mut agreed = 0;
        let mut row = Vec::with_capacity(vote.len());
        for (uid, part) in vote {
            dividends[validator] += ((part << 32) / ranks[*uid].max(1) * incentive[*uid]) >> 16;
            agreed += (part * 65_535 / stake).min(u128::from(consensus[*uid]));
            row.push((*uid as u16, (part * 65_535 / highest[*uid].max(1)) as u16));
        }
        trust[validator] = agreed.min(65_535) as u16;
        bonds[validator] = row.into();
    }
    MechanismVerdict { incentive, consensus, trust, bonds }
}

/// The stake of a validator, divided by its weights.
fn vote(mechanism: &Mechanism, voters: &[u64], uid: usize) -> Vec<(usize, u128)> {
    let stake = u128::from(voters[uid]);
    let Some(weights) = mechanism.weights.get(uid).filter(|_| stake > 0) else { return Vec::new() };
    let others = || weights.iter().filter(|(to, _)| usize::from(*to) != uid && usize::from(*to) < voters.len());
    let sum: u128 = others().map(|(_, weight)| u128::from(*weight)).sum::<u128>().max(1);
    others().map(|(to, weight)| (usize::from(*to), stake * u128::from(*weight) / sum)).collect()
}

/// Parts of a whole as parts of 65,535.
fn normalised(parts: &[u128]) -> Vec<u16> {
    let scale = parts.iter().map(|part| part >> 96).max().map_or(0, |top| 128 - top.leading_zeros());
    let sum: u128 = parts.iter().map(|part| part >> scale).sum::<u128>().max(1);
    parts.iter().map(|part| ((part >> scale) * 65_535 / sum) as u16).collect()
}

/// Writes into the subnet what an epoch found.
pub(in super::super) fn publish(subnet: &mut Subnet, verdict: &Verdict) {
    let dividends = normalised(&verdict.dividends);
    for (uid, neuron) in subnet.neurons.iter_mut().enumerate() {
        neuron.active = verdict.active[uid];
        neuron.permit = verdict.permits[uid];
        neuron.dividends = dividends[uid];
        let first = verdict.mechanisms.first();
        neuron.trust = first.map_or(0, |mechanism| mechanism.trust[uid]);
        neuron.consensus = first.map_or(0, |mechanism| mechanism.consensus[uid]);
    }
    for (mechanism, found) in subnet.mechanisms.iter_mut().zip(&verdict.mechanisms) {
        mechanism.incentive = normalised(&found.incentive);
        mechanism.consensus.clone_from(&found.consensus);
        mechanism.bonds.clone_from(&found.bonds);
    }
}
