//! What ripens by itself: encrypted weights and commitments whose time has come, and children after their cooldown.

use std::sync::Arc;

use super::super::Key;
use super::super::desk::Desk;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Commitment, Subnet};

/// So many revealed commitments of a hotkey are kept.
const MOST_REVEALED: usize = 10;

/// Opens encrypted weights at the start of the epoch that they were meant for, or as soon as their round is known. Nothing
/// is decrypted here: what is in them was kept beside them.
pub(super) fn run(desk: &mut Desk<'_, '_>) {
    let (block, round) = (desk.world.number, desk.world.drand_round());
    for netuid in desk.world.storage_order() {
        let Some(subnet) = desk.world.subnet(netuid) else { continue };
        let epoch = subnet.epoch_of(block).checked_sub(subnet.settings.u64(Setting::RevealPeriodEpochs));
        let Some(epoch) = epoch.filter(|epoch| subnet.mechanisms.iter().any(|one| one.ripens(*epoch, round))) else {
            continue;
        };
        let Some(subnet) = desk.world.subnet_mut(netuid) else { continue };
        for (index, uid, who) in open(subnet, epoch, round) {
            desk.event("SubtensorModule", "WeightsSet", &(index, uid));
            desk.event("SubtensorModule", "TimelockedWeightsRevealed", &(index, who));
        }
    }
}

/// Sets the weights that were committed in an epoch, and drops those of epochs before.
fn open(subnet: &mut Subnet, epoch: u64, round: u64) -> Vec<(u16, u16, Key)> {
    let mut opened = Vec::new();
    for at in 0..subnet.mechanisms.len() {
        let stored_as = subnet.index_of(at);
        let mechanism = &mut subnet.mechanisms[at];
        mechanism.timelocked = mechanism.timelocked.split_off(&epoch);
        let Some(commits) = mechanism.timelocked.remove(&epoch) else { continue };
        let (ripe, waiting): (Vec<_>, Vec<_>) = commits.into_iter().partition(|commit| commit.round <= round);
        if !waiting.is_empty() {
            mechanism.timelocked.insert(epoch, waiting);
        }
        for commit in ripe {
            // Who lost its uid has nowhere to set them.
            let Some(uid) = subnet.uids.get(&commit.who).copied() else { continue };
            if let Some(row) = mechanism.weights.get_mut(usize::from(uid)) {
                *row = commit.weights;
                opened.push((stored_as, uid, commit.who));
            }
        }
    }
    opened
}

/// Opens sealed commitments whose round is known: what was in them stands among the revealed, and of the commitment
/// nothing is left.
pub(super) fn commitments(desk: &mut Desk<'_, '_>) {
    let (block, round) = (desk.world.number, desk.world.drand_round());
    for netuid in desk.world.storage_order() {
        let Some(subnet) = desk.world.subnet(netuid) else { continue };
        let ripe = |commitment: &Commitment| commitment.sealed.as_ref().is_some_and(|sealed| sealed.round <= round);
        let open: Vec<Key> =
            subnet.commitments.iter().filter(|(_, one)| ripe(one)).map(|(hotkey, _)| *hotkey).collect();
        for who in open {
            let Some(subnet) = desk.world.subnet_mut(netuid) else { continue };
            let Some(sealed) = subnet.commitments.remove(&who).and_then(|commitment| commitment.sealed) else {
                continue;
            };
            let revealed = subnet.revealed.entry(who).or_default();
            revealed.push((sealed.text, block));
            let old = revealed.len().saturating_sub(MOST_REVEALED);
            revealed.drain(..old);
            desk.event("Commitments", "CommitmentRevealed", &(netuid, who));
        }
    }
}

/// Children take effect in the epoch after their cooldown.
pub(super) fn children(desk: &mut Desk<'_, '_>) {
    let block = desk.world.number;
    let mut applied = Vec::new();
    for subnet in desk.world.subnets.values_mut() {
        let due = subnet.schedule.last_epoch == block && subnet.pending_children.values().any(|(_, at)| *at <= block);
        if !due {
            continue;
        }
        let subnet = Arc::make_mut(subnet);
        let pending = std::mem::take(&mut subnet.pending_children);
        for (hotkey, (list, at)) in pending.into_inner() {
            if at > block {
                subnet.pending_children.insert(hotkey, (list, at));
                continue;
            }
            applied.push((hotkey, subnet.netuid, list.clone()));
            match list.is_empty() {
                true => subnet.children.remove(&hotkey),
                false => subnet.children.insert(hotkey, list),
            };
        }
    }
    for fields in applied {
        desk.event("SubtensorModule", "SetChildren", &fields);
    }
}
