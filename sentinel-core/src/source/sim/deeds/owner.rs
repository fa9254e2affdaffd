//! What owners and the root decide: hyperparameters, epochs, global limits.

use parity_scale_codec::Encode;

use super::super::Key;
use super::super::codec::Raw;
use super::super::desk::{Deed, Desk, Outcome, subtensor};
use super::super::history::Happened;
use super::super::world::settings::{Setting, Told};
use crate::chain::NetUid;

impl<'p> Desk<'_, 'p> {
    /// Another value of a hyperparameter, by the call that sets it.
    pub(in super::super) fn set_hyperparameter(&self, netuid: u16, setting: Setting, value: u128) -> Deed<'p> {
        let entry = setting.entry();
        let bytes = setting.encode(value);
        let call = self.tape.call("AdminUtils", &format!("sudo_set_{}", entry.setter), &(netuid, Raw(&bytes)));
        Deed::new(call, move |desk| desk.change(netuid, setting, value))
    }

    fn change(&mut self, netuid: u16, setting: Setting, value: u128) -> Outcome {
        let block = self.world.number;
        let subnet = self.subnet_mut(netuid)?;
        subnet.settings.set(setting, value);
        if setting == Setting::Tempo {
            // The cycle begins anew.
            subnet.schedule.last_epoch = block;
        }
        let bytes = setting.encode(value);
        match setting.entry().told {
            Told::Never => {}
            Told::By(event) => self.event("SubtensorModule", event, &(netuid, Raw(&bytes))),
            Told::ByAdmin(event) => self.event("AdminUtils", event, &(netuid, Raw(&bytes))),
        }
        if setting == Setting::BondsResetOn {
            self.event("SubtensorModule", "BondsResetOnSet", &(netuid, Raw(&bytes)));
        }
        let netuid = NetUid(netuid);
        if setting == Setting::Tempo {
            self.told(Happened::TempoSet { netuid, tempo: value as u16 });
        }
        self.told(Happened::HyperparameterSet { netuid, item: setting.entry().item, raw: value });
        Ok(())
    }

    /// Asks for an epoch after the freeze window.
    pub(in super::super) fn trigger_epoch(&self, owner: Key, netuid: u16) -> Deed<'p> {
        Deed::new(self.call("trigger_epoch", &netuid), move |desk| {
            let (block, window) = (desk.world.number, u64::from(desk.world.globals.admin_freeze_window));
            let subnet = desk.subnet_mut(netuid)?;
            if subnet.owner != owner {
                return Err(subtensor("NotSubnetOwner"));
            }
            if subnet.settings.is(Setting::CommitRevealWeightsEnabled) {
                return Err(subtensor("DynamicTempoBlockedByCommitReveal"));
            }
            if subnet.schedule.pending_at > 0 {
                return Err(subtensor("EpochTriggerAlreadyPending"));
            }
            if (subnet.schedule.last_epoch + subnet.tempo()).saturating_sub(block) < window {
                return Err(subtensor("AutoEpochAlreadyImminent"));
            }
            let fires_at = block + window;
            subnet.schedule.pending_at = fires_at;
            desk.event("SubtensorModule", "EpochTriggered", &(netuid, owner, fires_at));
            desk.told(Happened::EpochTriggered { netuid: NetUid(netuid), fires_at });
            Ok(())
        })
    }

    /// How many epochs a block may have.
    pub(in super::super) fn set_max_epochs(&self, cap: u8) -> Deed<'p> {
        let call = self.tape.call("AdminUtils", "sudo_set_max_epochs_per_block", &cap);
        Deed::new(call, move |desk| {
            desk.world.globals.max_epochs = cap;
            desk.event("SubtensorModule", "MaxEpochsPerBlockSet", &cap);
            Ok(())
        })
    }

    /// A limit of the whole network: its call, its event, and how it is kept.
    pub(in super::super) fn set_global<T: Encode + Copy + 'p>(
        &self,
        call: &str,
        event: &'static str,
        value: T,
        keep: impl FnOnce(&mut super::super::world::Globals, T) + 'p,
    ) -> Deed<'p> {
        Deed::new(self.tape.call("AdminUtils", call, &value), move |desk| {
            keep(&mut desk.world.globals, value);
            desk.event("SubtensorModule", event, &value);
            Ok(())
        })
    }

    /// Says what a subnet is.
    pub(in super::super) fn set_subnet_identity(&self, netuid: u16) -> Deed<'p> {
        let call = self.call("set_subnet_identity", &(netuid, subnet_identity(netuid)));
        Deed::new(call, move |desk| {
            desk.subnet_mut(netuid)?.identified = true;
            desk.event("SubtensorModule", "SubnetIdentitySet", &netuid);
            Ok(())
        })
    }
}

/// The fields of a subnet's identity.
pub(in super::super) fn subnet_identity(netuid: u16) -> [Vec<u8>; 8] {
    let text = |text: String| text.into_bytes();
    let name = match netuid % 6 {
        5 => "=HYPERLINK(\"evil\") \u{202e}@here".to_owned(),
        _ => format!("Simulated subnet {netuid}"),
    };
    [
        text(name),
        text(format!("github.example/subnet-{netuid}")),
        text(format!("owner@subnet-{netuid}.example")),
        text(format!("https://subnet-{netuid}.example")),
        text(format!("subnet{netuid}")),
        text("A made-up subnet of a simulation".to_owned()),
        Vec::new(),
        Vec::new(),
    ]
}
