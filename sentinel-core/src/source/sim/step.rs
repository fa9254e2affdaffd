//! One block after another: what the chain does by itself, then what people do.

pub(super) mod consensus;
mod emission;
mod epoch;
mod reveal;

use parity_scale_codec::Compact;

use super::desk::Desk;
use super::plan::Plan;
use super::rng::Rng;
use super::script;
use super::tape::Tape;
use super::traffic;
use super::world::World;

/// Makes the next block.
pub(super) fn step<'p>(plan: &'p Plan, world: &mut World, tape: &mut Tape<'p>) {
    world.number += 1;
    let rng = Rng::of(plan.seed, world.number, 3);
    let mut desk = Desk { plan, world, tape, rng };
    sweep(&mut desk);
    reveal::commitments(&mut desk);
    reveal::run(&mut desk);
    emission::run(&mut desk);
    epoch::run(&mut desk);
    emission::drift(&mut desk);
    reveal::children(&mut desk);
    desk.world.now_ms = plan.time_after(desk.world.number, desk.world.now_ms);
    let now = desk.world.now_ms;
    desk.inherent("Timestamp", "set", &Compact(now));
    desk.inherent("MevShield", "announce_next_key", &None::<Vec<u8>>);
    script::run(&mut desk);
    traffic::run(&mut desk);
}

/// The remains of subnets that were dissolved in the block before.
fn sweep(desk: &mut Desk<'_, '_>) {
    for netuid in std::mem::take(&mut desk.world.sweeping) {
        desk.event("SubtensorModule", "NetworkDissolveCleanupCompleted", &netuid);
    }
}
