//! Hotkeys and coldkeys that are swapped, takes, and children.

use super::super::Key;
use super::super::desk::{Deed, Desk, Outcome, subtensor};
use super::super::history::Happened;
use super::super::world::subnet::Subnet;
use super::super::world::{DEFAULT_TAKE, World};
use crate::chain::{AccountId, NetUid, blake2_256};

/// Blocks between the announcement of a coldkey swap and the swap.
pub(in super::super) const ANNOUNCEMENT_DELAY: u32 = 50;

impl<'p> Desk<'_, 'p> {
    /// Another delegate take.
    pub(in super::super) fn set_take(&self, coldkey: Key, hotkey: Key, take: u16) -> Deed<'p> {
        let raised = take > self.world.take_of(&hotkey);
        let name = if raised { "increase_take" } else { "decrease_take" };
        let call = self.call(name, &(hotkey, take));
        Deed::new(call, move |desk| {
            if desk.world.owner_of(&hotkey) != Some(coldkey) {
                return Err(subtensor("NonAssociatedColdKey"));
            }
            if take > DEFAULT_TAKE {
                return Err(subtensor("DelegateTakeTooHigh"));
            }
            desk.world.people_mut().takes.insert(hotkey, take);
            let event = if raised { "TakeIncreased" } else { "TakeDecreased" };
            desk.event("SubtensorModule", event, &(coldkey, hotkey, take));
            desk.told(Happened::TakeSet { hotkey: AccountId(hotkey), take });
            Ok(())
        })
    }

    /// Another hotkey in the place of this one, on one subnet or on all.
    pub(in super::super) fn swap_hotkey(&self, coldkey: Key, old: Key, new: Key, only: Option<u16>) -> Deed<'p> {
        let call = match old[0] % 2 {
            0 => self.call("swap_hotkey", &(old, new, only)),
            _ => self.call("swap_hotkey_v2", &(old, new, only, false)),
        };
        Deed::new(call, move |desk| {
            if desk.world.owner_of(&old) != Some(coldkey) {
                return Err(subtensor("NonAssociatedColdKey"));
            }
            if old == new {
                return Err(subtensor("NewHotKeyIsSameWithOld"));
            }
            desk.replace_hotkey(coldkey, old, new, only);
            Ok(())
        })
    }

    fn replace_hotkey(&mut self, coldkey: Key, old: Key, new: Key, only: Option<u16>) {
        let block = self.world.number;
        let people = self.world.people_mut();
        people.owners.insert(new, coldkey);
        if let Some(take) = people.takes.get(&old).copied() {
            people.takes.insert(new, take);
        }
        if only.is_none() {
            people.owners.remove(&old);
            people.takes.remove(&old);
            if let Some(basket) = people.baskets.remove(&old) {
                people.baskets.insert(new, basket);
            }
        }
        let netuids: Vec<u16> = match only {
            Some(netuid) => vec![netuid],
            None => self.world.subnets.keys().copied().collect(),
        };
        for netuid in netuids {
            let known = |subnet: &Subnet| subnet.uids.contains_key(&old) || subnet.stake(&old) > 0;
            let Some(subnet) = self.world.subnet_mut(netuid).filter(|subnet| known(subnet)) else { continue };
            rename(subnet, old, new, block);
            if only.is_some() {
                self.event("SubtensorModule", "HotkeySwappedOnSubnet", &(coldkey, old, new, netuid));
            }
            let (old, new) = (AccountId(old), AccountId(new));
            self.told(Happened::HotkeySwapped { netuid: NetUid(netuid), old, new });
        }
        if only.is_none() {
            self.event("SubtensorModule", "HotkeySwapped", &(coldkey, old, new));
        }
    }

    /// Says that a coldkey will be replaced.
    pub(in super::super) fn announce_coldkey_swap(&self, coldkey: Key, new: Key) -> Deed<'p> {
        let hash = blake2_256(&new);
        let call = self.call("announce_coldkey_swap", &hash);
        Deed::new(call, move |desk| {
            let at = desk.world.number as u32 + ANNOUNCEMENT_DELAY;
            desk.world.people_mut().announced.insert(coldkey, (at, hash));
            desk.event("SubtensorModule", "ColdkeySwapAnnounced", &(coldkey, hash));
            Ok(())
        })
    }

    /// Replaces a coldkey that was announced.
    pub(in super::super) fn swap_coldkey_announced(&self, coldkey: Key, new: Key) -> Deed<'p> {
        let call = self.call("swap_coldkey_announced", &new);
        Deed::new(call, move |desk| desk.coldkey_swap(coldkey, new))
    }

    fn coldkey_swap(&mut self, coldkey: Key, new: Key) -> Outcome {
        let people = &self.world.people;
        let Some((at, hash)) = people.announced.get(&coldkey).copied() else {
            return Err(subtensor("ColdkeySwapAnnouncementNotFound"));
        };
        if people.disputed.contains_key(&coldkey) {
            return Err(subtensor("ColdkeySwapDisputed"));
        }
        if hash != blake2_256(&new) {
            return Err(subtensor("AnnouncedColdkeyHashDoesNotMatch"));
        }
        if (self.world.number as u32) < at {
            return Err(subtensor("ColdkeySwapTooEarly"));
        }
        self.world.people_mut().announced.remove(&coldkey);
        replace_coldkey(self.world, coldkey, new);
        self.event("SubtensorModule", "ColdkeySwapped", &(coldkey, new));
        self.told(Happened::ColdkeySwapped { old: AccountId(coldkey), new: AccountId(new) });
        Ok(())
    }

    /// Disputes the swap of one's own coldkey.
    pub(in super::super) fn dispute_coldkey_swap(&self, coldkey: Key) -> Deed<'p> {
        Deed::new(self.call("dispute_coldkey_swap", &()), move |desk| {
            if !desk.world.people.announced.contains_key(&coldkey) {
                return Err(subtensor("ColdkeySwapAnnouncementNotFound"));
            }
            let block = desk.world.number as u32;
            if desk.world.people_mut().disputed.insert(coldkey, block).is_some() {
                return Err(subtensor("ColdkeySwapAlreadyDisputed"));
            }
            desk.event("SubtensorModule", "ColdkeySwapDisputed", &coldkey);
            Ok(())
        })
    }

    /// Ends a swap and its dispute; for the root.
    pub(in super::super) fn reset_coldkey_swap(&self, coldkey: Key) -> Deed<'p> {
        Deed::new(self.call("reset_coldkey_swap", &coldkey), move |desk| {
            let people = desk.world.people_mut();
            people.announced.remove(&coldkey);
            people.disputed.remove(&coldkey);
            desk.event("SubtensorModule", "ColdkeySwapReset", &coldkey);
            Ok(())
        })
    }

    /// Takes an announcement back.
    pub(in super::super) fn clear_coldkey_swap(&self, coldkey: Key) -> Deed<'p> {
        Deed::new(self.call("clear_coldkey_swap_announcement", &()), move |desk| {
            let Some((at, _)) = desk.world.people.announced.get(&coldkey).copied() else {
                return Err(subtensor("ColdkeySwapAnnouncementNotFound"));
            };
            if (desk.world.number as u32) < at {
                return Err(subtensor("ColdkeySwapClearTooEarly"));
            }
            desk.world.people_mut().announced.remove(&coldkey);
            desk.event("SubtensorModule", "ColdkeySwapCleared", &coldkey);
            Ok(())
        })
    }

    /// Lets other hotkeys work with a part of one's stake, from a later epoch on.
    pub(in super::super) fn set_children(&self, hotkey: Key, netuid: u16, list: Vec<(u64, Key)>) -> Deed<'p> {
        let call = self.call("set_children", &(hotkey, netuid, &list));
        Deed::new(call, move |desk| {
            if list.iter().any(|(_, child)| *child == hotkey) {
                return Err(subtensor("InvalidChild"));
            }
            let at = desk.world.number + 15;
            desk.subnet_mut(netuid)?.pending_children.insert(hotkey, (list.clone(), at));
            desk.event("SubtensorModule", "SetChildrenScheduled", &(hotkey, netuid, at, list));
            Ok(())
        })
    }

    /// What a child keeps of what it earns for its parents.
    pub(in super::super) fn set_childkey_take(&self, hotkey: Key, netuid: u16, take: u16) -> Deed<'p> {
        Deed::new(self.call("set_childkey_take", &(hotkey, netuid, take)), move |desk| {
            if take > DEFAULT_TAKE {
                return Err(subtensor("InvalidChildkeyTake"));
            }
            desk.subnet_mut(netuid)?.childkey_takes.insert(hotkey, take);
            desk.event("SubtensorModule", "ChildKeyTakeSet", &(hotkey, take));
            Ok(())
        })
    }
}

/// One hotkey takes the place of another on a subnet.
fn rename(subnet: &mut Subnet, old: Key, new: Key, block: u64) {
    if let Some(uid) = subnet.uids.remove(&old) {
        subnet.uids.insert(new, uid);
        subnet.neurons[usize::from(uid)].hotkey = new;
    }
    if let Some(pool) = subnet.pools.remove(&old) {
        let mut pool = pool.into_inner();
        pool.move_to(subnet.pool(new), block);
        // The empty pool stays behind, with its generation.
        subnet.pools.insert(old, pool.into());
    }
    // What the last epoch gave is added to what the new hotkey had.
    for rows in [&mut subnet.dividends, &mut subnet.last_epoch_stake, &mut subnet.root_dividends] {
        if let Some(amount) = rows.remove(&old) {
            *rows.entry(new).or_default() += amount;
        }
    }
    moved(&mut subnet.axons, old, new);
    moved(&mut subnet.prometheus, old, new);
    // What the old hotkey committed to stays with its name; hashes of weights that wait to be revealed do not.
    for mechanism in subnet.mechanisms.iter_mut() {
        moved(&mut mechanism.commits, old, new);
    }
    moved(&mut subnet.childkey_takes, old, new);
    moved(&mut subnet.pending_children, old, new);
    moved(&mut subnet.children, old, new);
    for (_, child) in subnet.children.values_mut().flatten().filter(|(_, child)| *child == old) {
        *child = new;
    }
    for hotkey in subnet.auto_stake.values_mut().filter(|hotkey| **hotkey == old) {
        *hotkey = new;
    }
    if subnet.owner_hotkey == old {
        subnet.owner_hotkey = new;
    }
    subnet.successors.insert(old, new);
}

fn moved<T>(rows: &mut std::collections::BTreeMap<Key, T>, old: Key, new: Key) {
    if let Some(row) = rows.remove(&old) {
        rows.insert(new, row);
    }
}

/// One coldkey takes the place of another everywhere.
fn replace_coldkey(world: &mut World, old: Key, new: Key) {
    let free = world.free(&old);
    world.withdraw(old, free);
    world.deposit(new, free);
    let block = world.number;
    let people = world.people_mut();
    people.owners.values_mut().filter(|owner| **owner == old).for_each(|owner| *owner = new);
    moved(&mut people.identities, old, new);
    people.successors.insert(old, new);
    let netuids: Vec<u16> = world.subnets.keys().copied().collect();
    for netuid in netuids {
        let Some(subnet) = world.subnet_mut(netuid) else { continue };
        if subnet.owner == old {
            subnet.owner = new;
        }
        moved(&mut subnet.auto_stake, old, new);
        for pool in subnet.pools.values_mut() {
            if !pool.members.contains_key(&old) {
                continue;
            }
            let Some(member) = pool.members.remove(&old) else { continue };
            let joined = pool.members.entry(new).or_default();
            joined.shares += member.shares;
            joined.stake += member.stake;
            joined.earned += member.earned;
            joined.epoch = member.epoch;
            joined.touched = block;
        }
    }
}
