//! What ripens by itself: encrypted weights whose epoch has come, and children after their cooldown.

use std::sync::Arc;

use super::super::desk::Desk;
use super::super::world::settings::Setting;

/// Opens encrypted weights once their reveal epoch is reached.
pub(super) fn run(desk: &mut Desk<'_, '_>) {
    for netuid in desk.world.storage_order() {
        let Some(subnet) = desk.world.subnet(netuid) else { continue };
        let waiting = subnet.mechanisms.iter().any(|mechanism| !mechanism.timelocked.is_empty());
        if !waiting {
            continue;
        }
        let (index, period) = (subnet.schedule.index, subnet.settings.u64(Setting::RevealPeriodEpochs));
        let Some(subnet) = desk.world.subnet_mut(netuid) else { continue };
        let mut opened = Vec::new();
        for at in 0..subnet.mechanisms.len() {
            let stored_as = subnet.index_of(at);
            let mechanism = &mut subnet.mechanisms[at];
            let later = mechanism.timelocked.split_off(&(index + 1).saturating_sub(period));
            let ripe = std::mem::replace(&mut mechanism.timelocked, later);
            for commit in ripe.into_values().flatten() {
                let Some(uid) = subnet.uids.get(&commit.who).copied() else { continue };
                if let Some(row) = mechanism.weights.get_mut(usize::from(uid)) {
                    *row = commit.weights;
                    opened.push((stored_as, uid, commit.who));
                }
            }
        }
        for (index, uid, who) in opened {
            desk.event("SubtensorModule", "WeightsSet", &(index, uid));
            desk.event("SubtensorModule", "TimelockedWeightsRevealed", &(index, who));
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
