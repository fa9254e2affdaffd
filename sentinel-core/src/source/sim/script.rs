//! What a script makes happen.

use super::action::Action;
use super::deeds::ANNOUNCEMENT_DELAY;
use super::desk::Desk;
use super::genesis;
use super::world::settings::Setting;

/// One TAO.
const TAO: u64 = 1_000_000_000;

pub(super) fn run(desk: &mut Desk<'_, '_>) {
    settle(desk);
    let plan = desk.plan;
    for action in plan.script.get(&desk.world.number).into_iter().flatten() {
        // What does not fit the world does nothing.
        let _ = perform(desk, action);
    }
    // A coldkey swap is announced when its turn comes, and done when the delay is over.
    let announced = desk.world.number.checked_sub(u64::from(ANNOUNCEMENT_DELAY));
    for action in announced.and_then(|block| plan.script.get(&block)).into_iter().flatten() {
        if let Action::SwapColdkey { netuid, uid } = action {
            let _ = finish_coldkey_swap(desk, *netuid, *uid);
        }
    }
}

/// The chain that skipped an epoch is mended in the block after.
fn settle(desk: &mut Desk<'_, '_>) {
    let block = desk.world.number;
    let mended = |subnet: &super::world::subnet::Subnet| {
        subnet.doubled && subnet.schedule.last_epoch + 1 == block && subnet.schedule.last_step + 1 != block
    };
    let netuids: Vec<u16> =
        desk.world.subnets.iter().filter(|(_, subnet)| mended(subnet)).map(|(netuid, _)| *netuid).collect();
    for netuid in netuids {
        if let Some(subnet) = desk.world.subnet_mut(netuid) {
            subnet.doubled = false;
        }
    }
}

fn perform(desk: &mut Desk<'_, '_>, action: &Action) -> Option<()> {
    match *action {
        Action::SetTake { netuid, uid, take } => {
            let hotkey = desk.hotkey(netuid, uid)?;
            let coldkey = desk.world.owner_of(&hotkey)?;
            let deed = desk.set_take(coldkey, hotkey, take);
            desk.submit(coldkey, deed);
        }
        Action::SwapHotkey { netuid, uid, everywhere } => {
            let old = desk.hotkey(netuid, uid)?;
            let coldkey = desk.world.owner_of(&old)?;
            let new = desk.world.new_key();
            let deed = desk.swap_hotkey(coldkey, old, new, (!everywhere).then_some(netuid));
            desk.submit(coldkey, deed);
        }
        Action::Replace { netuid, uid } => {
            desk.hotkey(netuid, uid)?;
            let (coldkey, hotkey) = (genesis::rich(desk.world, 1_000 * TAO), desk.world.new_key());
            let deed = desk.register(coldkey, hotkey, netuid, Some(uid));
            desk.submit(coldkey, deed);
        }
        Action::SetTempo { netuid, tempo } => {
            let deed = desk.set_hyperparameter(netuid, Setting::Tempo, tempo.into());
            desk.submit_sudo(deed);
        }
        Action::TriggerEpoch { netuid } => {
            let owner = desk.world.subnet(netuid)?.owner;
            let deed = desk.trigger_epoch(owner, netuid);
            desk.submit(owner, deed);
        }
        Action::SkipEpoch { netuid } => desk.world.subnet_mut(netuid)?.doubled = true,
        Action::SetMaxEpochsPerBlock { cap } => {
            let deed = desk.set_max_epochs(cap);
            desk.submit_sudo(deed);
        }
        Action::Dissolve { netuid } => {
            let deed = desk.dissolve_network(netuid);
            desk.submit_sudo(deed);
        }
        Action::RegisterNetwork => {
            let (coldkey, hotkey) = (genesis::rich(desk.world, 5_000 * TAO), desk.world.new_key());
            let deed = desk.register_network(hotkey);
            desk.submit(coldkey, deed);
        }
        Action::SetHyperparameter { netuid, name, raw } => {
            let setting = Setting::named(name).filter(|setting| !setting.entry().setter.is_empty())?;
            let deed = desk.set_hyperparameter(netuid, setting, raw);
            desk.submit_sudo(deed);
        }
        Action::AddStake { netuid, uid, tao } => {
            let hotkey = desk.hotkey(netuid, uid)?;
            let coldkey = genesis::rich(desk.world, tao.saturating_add(TAO));
            let deed = desk.add_stake(coldkey, hotkey, netuid, tao);
            desk.submit(coldkey, deed);
        }
        Action::EmptyPool { netuid, uid } => {
            let hotkey = desk.hotkey(netuid, uid)?;
            desk.empty_pool(netuid, hotkey);
        }
        Action::SetChild { netuid, uid, child, proportion } => {
            let (hotkey, child) = (desk.hotkey(netuid, uid)?, desk.hotkey(netuid, child)?);
            let list = if proportion == 0 { Vec::new() } else { vec![(proportion, child)] };
            let coldkey = desk.world.owner_of(&hotkey)?;
            let deed = desk.set_children(hotkey, netuid, list);
            desk.submit(coldkey, deed);
        }
        Action::SwapColdkey { netuid, uid } => {
            let hotkey = desk.hotkey(netuid, uid)?;
            let coldkey = desk.world.owner_of(&hotkey)?;
            let deed = desk.announce_coldkey_swap(coldkey, successor(coldkey));
            desk.submit(coldkey, deed);
        }
    }
    Some(())
}

fn finish_coldkey_swap(desk: &mut Desk<'_, '_>, netuid: u16, uid: u16) -> Option<()> {
    let hotkey = desk.hotkey(netuid, uid)?;
    let coldkey = desk.world.owner_of(&hotkey)?;
    let deed = desk.swap_coldkey_announced(coldkey, successor(coldkey));
    desk.submit(coldkey, deed);
    Some(())
}

/// The coldkey that takes the place of another.
pub(super) fn successor(coldkey: super::Key) -> super::Key {
    crate::chain::blake2_256(&[b"successor of ".as_slice(), &coldkey].concat())
}
