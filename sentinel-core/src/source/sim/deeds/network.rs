//! Subnets that are registered, started and dissolved.

use super::super::Key;
use super::super::desk::{Deed, Desk, subtensor};
use super::super::genesis;
use super::super::history::Happened;
use crate::chain::NetUid;

impl<'p> Desk<'_, 'p> {
    /// A subnet under the lowest free netuid.
    pub(in super::super) fn register_network(&self, hotkey: Key) -> Deed<'p> {
        Deed::new(self.call("register_network", &hotkey), move |desk| {
            let free = |netuid: &u16| !desk.world.subnets.contains_key(netuid);
            let netuid = (1..desk.world.globals.subnet_limit).find(free).ok_or(subtensor("SubnetLimitReached"))?;
            let plan = desk.plan;
            genesis::add_subnet(plan, desk.world, &mut desk.rng, netuid);
            genesis::populate_later(plan, desk.world, &mut desk.rng, netuid);
            desk.event("SubtensorModule", "NetworkAdded", &(netuid, 1u16));
            let seated = desk.world.subnet(netuid).map(|subnet| {
                let hotkeys = subnet.neurons.iter().enumerate().map(|(uid, neuron)| (uid as u16, neuron.hotkey));
                hotkeys.collect::<Vec<_>>()
            });
            for (uid, hotkey) in seated.unwrap_or_default() {
                desk.event("SubtensorModule", "NeuronRegistered", &(netuid, uid, hotkey));
            }
            let generation = desk.world.generations.get(&netuid).copied().unwrap_or_default();
            desk.told(Happened::NetworkAdded { netuid: NetUid(netuid), generation });
            Ok(())
        })
    }

    /// Lets a subnet mint alpha.
    pub(in super::super) fn start_call(&self, netuid: u16) -> Deed<'p> {
        Deed::new(self.call("start_call", &netuid), move |desk| {
            let block = desk.world.number;
            let subnet = desk.subnet_mut(netuid)?;
            if subnet.started.is_some() {
                return Err(subtensor("FirstEmissionBlockNumberAlreadySet"));
            }
            genesis::start(subnet, block);
            desk.event("SubtensorModule", "FirstEmissionBlockNumberSet", &(netuid, block + 1));
            Ok(())
        })
    }

    /// Ends a subnet; for the root.
    pub(in super::super) fn dissolve_network(&self, netuid: u16) -> Deed<'p> {
        Deed::new(self.call("root_dissolve_network", &netuid), move |desk| {
            if netuid == 0 || desk.world.subnets.remove(&netuid).is_none() {
                return Err(subtensor("SubnetNotExists"));
            }
            desk.world.sweeping.push(netuid);
            desk.event("SubtensorModule", "NetworkRemoved", &netuid);
            desk.told(Happened::NetworkRemoved { netuid: NetUid(netuid) });
            Ok(())
        })
    }
}
