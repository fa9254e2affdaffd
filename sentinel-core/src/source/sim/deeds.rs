//! What people can do: calls, each with its effect on the world and its events.

mod keys;
mod network;
mod neuron;
mod owner;
mod stake;
mod weights;
mod wrap;

pub(super) use self::keys::ANNOUNCEMENT_DELAY;
pub(super) use self::neuron::identity;
pub(super) use self::owner::subnet_identity;
pub(super) use self::wrap::joint_account;

use super::Key;
use super::desk::Desk;

impl Desk<'_, '_> {
    /// One of the neurons of a subnet.
    pub(super) fn any_uid(&mut self, netuid: u16) -> Option<u16> {
        let count = self.world.subnet(netuid)?.neurons.len();
        (count > 0).then(|| self.rng.index(count) as u16)
    }

    /// The hotkey of a neuron.
    pub(super) fn hotkey(&self, netuid: u16, uid: u16) -> Option<Key> {
        self.world.subnet(netuid)?.neurons.get(usize::from(uid)).map(|neuron| neuron.hotkey)
    }

    /// One of the subnets besides the root.
    pub(super) fn any_subnet(&mut self) -> Option<u16> {
        let others = self.world.subnets.len().saturating_sub(1);
        let at = self.rng.index(others);
        self.world.subnets.keys().copied().filter(|netuid| *netuid != 0).nth(at)
    }

    /// One of the hotkeys with a permit on a subnet.
    pub(super) fn any_validator(&mut self, netuid: u16) -> Option<u16> {
        let validators: Vec<u16> = self.world.subnet(netuid)?.validators().collect();
        let at = self.rng.index(validators.len());
        validators.get(at).copied()
    }

    /// One of those who stake behind a hotkey, with what they have.
    pub(super) fn any_staker(&mut self, netuid: u16, hotkey: &Key) -> Option<(Key, u64)> {
        let pool = self.world.subnet(netuid)?.pools.get(hotkey)?;
        let at = self.rng.index(pool.members.len());
        let coldkey = *pool.members.keys().nth(at)?;
        Some((coldkey, pool.stake_of(&coldkey)))
    }
}
