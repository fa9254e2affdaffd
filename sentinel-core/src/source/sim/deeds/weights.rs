//! Weights: set, committed as a hash or encrypted, revealed.

use parity_scale_codec::Encode;

use super::super::Key;
use super::super::codec::Raw;
use super::super::desk::{Deed, Desk, Outcome, subtensor};
use super::super::genesis::some_weights;
use super::super::world::drand_round;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Row, Subnet, TimelockedCommit};
use crate::chain::blake2_256;

/// A salt that a validator never forgets.
const SALT: [u16; 4] = [11, 22, 33, 44];

impl<'p> Desk<'_, 'p> {
    /// New weights of a validator, in the way that its subnet wants them.
    pub(in super::super) fn new_weights(&mut self, netuid: u16, uid: u16, mechanism: u8) -> Option<(Key, Deed<'p>)> {
        let subnet = self.world.subnets.get(&netuid)?;
        let hotkey = subnet.neurons.get(usize::from(uid))?.hotkey;
        let row = some_weights(subnet, &mut self.rng, uid);
        let hidden = subnet.settings.is(Setting::CommitRevealWeightsEnabled);
        let deed = match (hidden, netuid % 2) {
            (false, _) => self.set_weights(hotkey, netuid, mechanism, row),
            (true, 0) => self.commit_hash(hotkey, netuid, mechanism, &row),
            (true, _) => self.commit_timelocked(hotkey, netuid, mechanism, row),
        };
        Some((hotkey, deed.for_free()))
    }

    fn set_weights(&self, hotkey: Key, netuid: u16, mechanism: u8, row: Row) -> Deed<'p> {
        let (uids, values): (Vec<u16>, Vec<u16>) = row.iter().copied().unzip();
        let call = match mechanism {
            0 => self.call("set_weights", &(netuid, uids, values, 0u64)),
            _ => self.call("set_mechanism_weights", &(netuid, mechanism, uids, values, 0u64)),
        };
        Deed::new(call, move |desk| {
            let block = desk.world.number;
            let subnet = desk.subnet_mut(netuid)?;
            if subnet.settings.is(Setting::CommitRevealWeightsEnabled) {
                return Err(subtensor("CommitRevealEnabled"));
            }
            let uid = checked(subnet, &hotkey, mechanism, block)?;
            let index = subnet.index_of(usize::from(mechanism));
            let mechanism = &mut subnet.mechanisms[usize::from(mechanism)];
            mechanism.weights[usize::from(uid)] = row;
            mechanism.last_update[usize::from(uid)] = block;
            desk.event("SubtensorModule", "WeightsSet", &(index, uid));
            Ok(())
        })
    }

    fn commit_hash(&self, hotkey: Key, netuid: u16, mechanism: u8, row: &Row) -> Deed<'p> {
        let index = u16::from(mechanism) * 4_096 + netuid;
        let (uids, values): (Vec<u16>, Vec<u16>) = row.iter().copied().unzip();
        let hash = blake2_256(&(hotkey, index, uids, values, &SALT[..], 0u64).encode());
        let call = match mechanism {
            0 => self.call("commit_weights", &(netuid, hash)),
            _ => self.call("commit_mechanism_weights", &(netuid, mechanism, hash)),
        };
        let row = row.clone();
        Deed::new(call, move |desk| {
            let block = desk.world.number;
            let subnet = desk.subnet_mut(netuid)?;
            let uid = checked(subnet, &hotkey, mechanism, block)?;
            let epoch = subnet.epoch_of(block);
            let mechanism = &mut subnet.mechanisms[usize::from(mechanism)];
            mechanism.last_update[usize::from(uid)] = block;
            // What was never revealed has run out.
            let commits = mechanism.commits.entry(hotkey).or_default();
            commits.retain(|(_, at, _)| *at + 1 >= epoch);
            commits.push((hash, epoch, block));
            mechanism.hidden.insert(hash, row);
            mechanism.hidden.retain(|hash, _| mechanism.commits.values().flatten().any(|commit| commit.0 == *hash));
            desk.event("SubtensorModule", "WeightsCommitted", &(hotkey, index, hash));
            Ok(())
        })
    }

    /// Shows the weights behind the oldest hash of a validator.
    pub(in super::super) fn reveal_weights(&self, netuid: u16, uid: u16, mechanism: u8) -> Option<(Key, Deed<'p>)> {
        let subnet = self.world.subnet(netuid)?;
        let hotkey = subnet.neurons.get(usize::from(uid))?.hotkey;
        let found = subnet.mechanisms.get(usize::from(mechanism))?;
        let (hash, ..) = *found.commits.get(&hotkey)?.first()?;
        let row = found.hidden.get(&hash)?.clone();
        let (uids, values): (Vec<u16>, Vec<u16>) = row.iter().copied().unzip();
        let rest = (uids, values, &SALT[..], 0u64);
        let call = match mechanism {
            0 => self.call("reveal_weights", &(netuid, rest)),
            _ => self.call("reveal_mechanism_weights", &(netuid, mechanism, rest)),
        };
        let deed = Deed::new(call, move |desk| desk.reveal(netuid, hotkey, mechanism, hash));
        Some((hotkey, deed.for_free()))
    }

    fn reveal(&mut self, netuid: u16, hotkey: Key, mechanism: u8, hash: [u8; 32]) -> Outcome {
        let block = self.world.number;
        let subnet = self.subnet_mut(netuid)?;
        let Some(uid) = subnet.uids.get(&hotkey).copied() else {
            return Err(subtensor("HotKeyNotRegisteredInSubNet"));
        };
        let now = subnet.epoch_of(block);
        let (index, period) =
            (subnet.index_of(usize::from(mechanism)), subnet.settings.u64(Setting::RevealPeriodEpochs));
        let Some(found) = subnet.mechanisms.get_mut(usize::from(mechanism)) else {
            return Err(subtensor("MechanismDoesNotExist"));
        };
        let commits = found.commits.get_mut(&hotkey).ok_or(subtensor("NoWeightsCommitFound"))?;
        let at = commits.iter().position(|commit| commit.0 == hash).ok_or(subtensor("NoWeightsCommitFound"))?;
        let due = commits[at].1 + period;
        if now < due {
            return Err(subtensor("RevealTooEarly"));
        }
        if now > due {
            return Err(subtensor("ExpiredWeightCommit"));
        }
        commits.remove(at);
        if commits.is_empty() {
            found.commits.remove(&hotkey);
        }
        if let Some(row) = found.hidden.remove(&hash) {
            found.weights[usize::from(uid)] = row;
        }
        self.event("SubtensorModule", "WeightsSet", &(index, uid));
        self.event("SubtensorModule", "WeightsRevealed", &(hotkey, index, hash));
        Ok(())
    }

    fn commit_timelocked(&mut self, hotkey: Key, netuid: u16, mechanism: u8, weights: Row) -> Deed<'p> {
        let index = u16::from(mechanism) * 4_096 + netuid;
        let secret: [u8; 96] = self.rng.bytes();
        let round = self.reveal_round(netuid);
        let call = match mechanism {
            0 => self.call("commit_timelocked_weights", &(netuid, &secret[..], round, 4u16)),
            _ => self.call("commit_timelocked_mechanism_weights", &(netuid, mechanism, &secret[..], round, 4u16)),
        };
        Deed::new(call, move |desk| {
            let block = desk.world.number;
            let subnet = desk.subnet_mut(netuid)?;
            let uid = checked(subnet, &hotkey, mechanism, block)?;
            let epoch = subnet.epoch_of(block);
            let found = &mut subnet.mechanisms[usize::from(mechanism)];
            found.last_update[usize::from(uid)] = block;
            let commit = TimelockedCommit { who: hotkey, block, bytes: secret.to_vec(), round, weights };
            found.timelocked.entry(epoch).or_default().push(commit);
            let hash = blake2_256(&secret);
            desk.event("SubtensorModule", "TimelockedWeightsCommitted", &(hotkey, index, hash, round));
            Ok(())
        })
    }

    /// The round that will be known when the epoch in which weights of the present one are revealed begins.
    fn reveal_round(&self, netuid: u16) -> u64 {
        let (block, world) = (self.world.number, &self.world);
        let wait = world.subnet(netuid).map_or(0, |subnet| {
            let next = subnet.next_epoch().map_or(0, |next| next.saturating_sub(block));
            next + subnet.tempo() * subnet.settings.u64(Setting::RevealPeriodEpochs).saturating_sub(1)
        });
        // The epoch sees the time of the block before.
        drand_round(world.now_ms + wait.saturating_sub(1) * self.plan.block_time_ms)
    }

    /// Weights of several subnets in one call; those that fail are told of one by one.
    pub(in super::super) fn batch_weights(&self, hotkey: Key, netuids: Vec<u16>) -> Deed<'p> {
        use parity_scale_codec::Compact;
        let wanted: Vec<Compact<u16>> = netuids.iter().copied().map(Compact).collect();
        let one = vec![(Compact(0u16), Compact(65_535u16))];
        let rows = vec![one; netuids.len()];
        let keys = vec![Compact(0u64); netuids.len()];
        let call = self.call("batch_set_weights", &(&wanted, rows, keys));
        Deed::new(call, move |desk| {
            let mut failed = false;
            for netuid in &netuids {
                let error = desk.tape.codec.failure(subtensor("WeightVecLengthIsLow"));
                desk.event("SubtensorModule", "BatchWeightItemFailed", &(*netuid, Raw(&error)));
                failed = true;
            }
            if failed {
                desk.event("SubtensorModule", "BatchCompletedWithErrors", &());
            }
            desk.event("SubtensorModule", "BatchWeightsCompleted", &(wanted, hotkey));
            Ok(())
        })
        .for_free()
    }
}

/// The uid of a validator that may set weights now.
fn checked(subnet: &Subnet, hotkey: &Key, mechanism: u8, block: u64) -> Result<u16, super::super::desk::Failure> {
    let found = subnet.mechanisms.get(usize::from(mechanism)).ok_or(subtensor("MechanismDoesNotExist"))?;
    let uid = subnet.uids.get(hotkey).copied().ok_or(subtensor("HotKeyNotRegisteredInSubNet"))?;
    if !subnet.neurons[usize::from(uid)].permit {
        return Err(subtensor("NeuronNoValidatorPermit"));
    }
    let last = found.last_update[usize::from(uid)];
    if last > 0 && block - last < subnet.settings.u64(Setting::WeightsSetRateLimit) {
        return Err(subtensor("SettingWeightsTooFast"));
    }
    Ok(uid)
}
