//! When epochs run: the rules in closed form beside a chain that is played block by block.

use std::collections::BTreeMap;

use sentinel_core::chain::NetUid;
use sentinel_core::chain::epoch::{
    BlockWalk, DueReason, EpochPosition, EpochSpan, ModuloSchedule, Rule, SafetyNet, Schedule, SnapshotPlan,
    StatefulSchedule, SubnetClock, TriggerRefused, WalkOutcome, walk_order,
};
use sentinel_support::rng::Rng;

#[test]
fn the_old_rule_is_a_residue_of_the_block_number() {
    let mut rng = Rng::new(11);
    let known = ModuloSchedule { netuid: NetUid(1), tempo: 360 };
    assert_eq!((known.next_after(0), known.next_after(358)), (Some(358), Some(719)));
    for _ in 0..300 {
        let schedule = ModuloSchedule { netuid: NetUid(rng.below(4096) as u16), tempo: rng.below(400) as u16 };
        let (tempo, netuid) = (i128::from(schedule.tempo), i128::from(schedule.netuid.0));
        let first = rng.unsigned(40) as u64;
        let due = |block: u64| tempo > 0 && (i128::from(block) - (tempo - 1 - netuid)).rem_euclid(tempo + 1) == 0;
        let mut last = (0..=first).rev().take(500).find(|&block| due(block));
        let mut index = schedule.index(first);
        for block in first..first + 900 {
            assert_eq!(schedule.is_due(block), due(block), "{schedule:?} in {block}");
            if due(block) {
                last = Some(block);
            }
            assert_eq!(schedule.last_until(block), last);
            let next = (block + 1..block + 402).find(|&block| due(block));
            assert_eq!(schedule.next_after(block), next);
            assert_eq!(schedule.span(block).map(|span| (span.start(), span.next())), last.zip(next));
            // A commit-reveal epoch begins after the block in which the epoch ran.
            let begins = block > first && (due(block - 1) || tempo == 0);
            index += u64::from(begins);
            assert_eq!(schedule.index(block), index, "{schedule:?} in {block}");
        }
    }
}

/// The chain's storage for the scheduler, in the order of its keys, and the rules written down once more.
#[derive(Debug, Clone, Default)]
struct Chain {
    subnets: BTreeMap<[u8; 2], Subnet>,
    cap: usize,
}

#[derive(Debug, Clone, Copy, Default)]
struct Subnet {
    tempo: u64,
    last: u64,
    pending: u64,
    since: u64,
    index: u64,
    ran: u64,
}

impl Chain {
    fn due(subnet: &Subnet, block: u64) -> bool {
        subnet.tempo != 0
            && ((subnet.pending != 0 && block >= subnet.pending)
                || subnet.since > 50_400
                || block >= subnet.last + subnet.tempo)
    }

    fn block(&mut self, block: u64, skipping: &[u16]) -> Vec<(u16, WalkOutcome)> {
        let mut done = Vec::new();
        let mut run = 0;
        for (key, subnet) in &mut self.subnets {
            let netuid = u16::from_le_bytes(*key);
            subnet.since += 1;
            if !Self::due(subnet, block) {
                continue;
            }
            if run == self.cap {
                subnet.pending = block + 1;
                done.push((netuid, WalkOutcome::Deferred { to: block + 1 }));
                continue;
            }
            if skipping.contains(&netuid) {
                done.push((netuid, WalkOutcome::Skipped));
            } else {
                run += 1;
                (subnet.since, subnet.ran) = (0, block);
                done.push((netuid, WalkOutcome::Ran));
            }
            (subnet.last, subnet.pending) = (block, 0);
            subnet.index += 1;
        }
        done
    }
}

fn agree(clock: &SubnetClock, subnet: &Subnet) {
    assert_eq!(u64::from(clock.tempo), subnet.tempo);
    assert_eq!(clock.last_epoch, subnet.last);
    assert_eq!(clock.pending_at.unwrap_or(0), subnet.pending);
    assert_eq!(clock.blocks_since_step, subnet.since);
    assert_eq!(clock.epoch_index, subnet.index);
    assert_eq!(clock.last_step, subnet.ran);
}

/// The first block in which an epoch of this subnet is due if it were alone, by looking at every block.
fn first_due(subnet: &Subnet, at: u64) -> Option<u64> {
    let mut alone = *subnet;
    (at + 1..at + 60_000).find(|&block| {
        alone.since += 1;
        Chain::due(&alone, block)
    })
}

#[test]
fn the_new_rule_is_what_the_chain_does_block_by_block() {
    let mut rng = Rng::new(12);
    let (mut deferred, mut skipped, mut triggered, mut restarted) = (0, 0, 0, 0);
    for round in 0..12 {
        let start = 1 + rng.bits() % 1_000_000;
        let walk = BlockWalk { cap: 1 + rng.below(3) as u32, safety_net: SafetyNet::MaxTempo };
        let mut chain = Chain { cap: walk.cap as usize, ..Chain::default() };
        let mut clocks = Vec::new();
        for _ in 0..60 {
            let netuid = NetUid(1 + rng.below(4095) as u16);
            let tempo = if rng.percent(8) { 0 } else { 1 + rng.below(200) as u16 };
            if chain.subnets.contains_key(&netuid.0.to_le_bytes()) {
                continue;
            }
            let clock = SubnetClock::registered(netuid, tempo, start);
            let last = if tempo == 0 { start } else { start.saturating_sub(u64::from(netuid.0 % tempo)) };
            chain.subnets.insert(netuid.0.to_le_bytes(), Subnet { tempo: tempo.into(), last, ..Subnet::default() });
            clocks.push(clock);
        }
        for block in start + 1..start + 600 {
            let skipping: Vec<u16> = clocks.iter().map(|clock| clock.netuid.0).filter(|_| rng.percent(3)).collect();
            for clock in &clocks {
                let subnet = chain.subnets[&clock.netuid.0.to_le_bytes()];
                let schedule = clock.schedule(block - 1, walk.safety_net);
                let mut counted = subnet;
                counted.since += 1;
                assert_eq!(schedule.due(block).is_some(), Chain::due(&counted, block));
                if rng.percent(2) {
                    let first = first_due(&subnet, block - 1);
                    assert_eq!(schedule.next_due(), first, "{schedule:?}");
                    assert_eq!(Schedule::Stateful(schedule).is_due(block), first == Some(block));
                }
            }
            let steps = walk.run(block, &mut clocks, |netuid| skipping.contains(&netuid.0));
            let expected = chain.block(block, &skipping);
            assert_eq!(steps.iter().map(|step| (step.netuid.0, step.outcome)).collect::<Vec<_>>(), expected, "{round}");
            for (_, outcome) in expected {
                deferred += u32::from(matches!(outcome, WalkOutcome::Deferred { .. }));
                skipped += u32::from(outcome == WalkOutcome::Skipped);
            }
            // Extrinsics come after the epochs of their block.
            for clock in &mut clocks {
                let Some(subnet) = chain.subnets.get_mut(&clock.netuid.0.to_le_bytes()) else { continue };
                if rng.percent(1) {
                    let tempo = rng.below(200) as u16;
                    clock.set_tempo(tempo, block);
                    (subnet.tempo, subnet.last) = (tempo.into(), block);
                    restarted += 1;
                } else if rng.percent(1) && clock.trigger(block, 10).is_ok() {
                    assert!(subnet.pending == 0 && (subnet.tempo == 0 || subnet.last + subnet.tempo >= block + 10));
                    subnet.pending = block + 10;
                    triggered += 1;
                }
                agree(clock, subnet);
                assert_eq!(clock.ran_in(block), subnet.ran == block);
            }
        }
    }
    // Otherwise this would have shown nothing.
    assert!(deferred > 100 && skipped > 100 && triggered > 100 && restarted > 100);
}

#[test]
fn the_walk_is_in_the_order_of_little_endian_keys() {
    let mut netuids = [1, 255, 256, 257, 2, 512, 4095, 3].map(NetUid);
    netuids.sort_by_key(|&netuid| walk_order(netuid));
    assert_eq!(netuids.map(|netuid| netuid.0), [256, 512, 1, 257, 2, 3, 255, 4095]);

    // With a cap of 2, those behind wait, and come first in no later block: the order is the same again.
    let mut clocks =
        [1, 256, 3].map(|netuid| SubnetClock { last_epoch: 0, ..SubnetClock::registered(NetUid(netuid), 10, 0) });
    let walk = BlockWalk::default();
    let steps = walk.run(10, &mut clocks, |_| false);
    let outcomes: Vec<_> = steps.iter().map(|step| (step.netuid.0, step.outcome)).collect();
    assert_eq!(outcomes, [(256, WalkOutcome::Ran), (1, WalkOutcome::Ran), (3, WalkOutcome::Deferred { to: 11 })]);
    let steps = walk.run(11, &mut clocks, |_| false);
    assert_eq!((steps[0].netuid.0, steps[0].outcome, steps[0].reason), (3, WalkOutcome::Ran, DueReason::Pending));
}

#[test]
fn a_skipped_slot_counts_and_pays_nothing() {
    let mut clocks =
        [1, 2, 3].map(|netuid| SubnetClock { last_epoch: 0, ..SubnetClock::registered(NetUid(netuid), 10, 0) });
    let steps = BlockWalk { cap: 1, ..BlockWalk::default() }.run(10, &mut clocks, |netuid| netuid.0 == 1);
    // The skip leaves room under the cap.
    assert_eq!(
        steps.iter().map(|step| step.outcome).collect::<Vec<_>>(),
        [WalkOutcome::Skipped, WalkOutcome::Ran, WalkOutcome::Deferred { to: 11 }]
    );
    assert!(!clocks[0].ran_in(10) && clocks[1].ran_in(10) && !clocks[2].ran_in(10));
    // LastEpochBlock moved and the index with it: neither proves an epoch.
    assert_eq!((clocks[0].last_epoch, clocks[0].epoch_index, clocks[0].last_step), (10, 1, 0));
    assert_eq!((clocks[2].last_epoch, clocks[2].epoch_index), (0, 0));
}

#[test]
fn nets_catch_what_has_not_run_for_too_long() {
    let late = StatefulSchedule {
        at: 100_000,
        tempo: 50_000,
        last_epoch: 99_990,
        pending_at: None,
        blocks_since_step: 50_398,
        safety_net: SafetyNet::MaxTempo,
    };
    assert_eq!((late.due(100_002), late.due(100_003)), (None, Some(DueReason::SafetyNet)));
    assert_eq!((late.next_due(), late.next_start()), (Some(100_003), Some(149_990)));
    let later = StatefulSchedule { tempo: 360, blocks_since_step: 361, safety_net: SafetyNet::Tempo, ..late };
    assert_eq!(later.next_due(), Some(100_001));
    assert_eq!(StatefulSchedule { tempo: 0, ..late }.next_due(), None);
}

#[test]
fn owners_trigger_only_when_the_chain_lets_them() {
    let mut clock = SubnetClock { last_epoch: 1_000, ..SubnetClock::registered(NetUid(7), 360, 1_000) };
    assert_eq!(clock.trigger(1_351, 10), Err(TriggerRefused::Imminent { netuid: NetUid(7), left: 9 }));
    assert_eq!(clock.trigger(1_350, 10), Ok(1_360));
    assert_eq!(clock.trigger(1_350, 10), Err(TriggerRefused::AlreadyPending { netuid: NetUid(7), at: 1_360 }));
    let schedule = clock.schedule(1_350, SafetyNet::MaxTempo);
    assert!(schedule.is_frozen(1_355, 10));
    assert!(!SubnetClock { pending_at: None, ..clock }.schedule(1_100, SafetyNet::MaxTempo).is_frozen(1_100, 10));
    // A new tempo starts the cycle again.
    clock.set_tempo(500, 1_355);
    clock.pending_at = None;
    assert_eq!(clock.schedule(1_355, SafetyNet::MaxTempo).next_due(), Some(1_855));
}

#[test]
fn no_number_breaks_the_arithmetic() {
    let mut rng = Rng::new(13);
    for _ in 0..100_000 {
        let (block, other) = (rng.unsigned(64) as u64, rng.unsigned(64) as u64);
        let (netuid, tempo) = (NetUid(rng.unsigned(16) as u16), rng.unsigned(16) as u16);
        let old = ModuloSchedule { netuid, tempo };
        let next = old.next_after(block);
        assert!(next.is_none_or(|next| next > block && next - block <= u64::from(tempo) + 1 && old.is_due(next)));
        assert!(old.last_until(block).is_none_or(|last| last <= block && old.is_due(last)));
        assert_eq!(old.last_until(block) == Some(block), old.is_due(block));
        let safety_net = if rng.percent(50) { SafetyNet::MaxTempo } else { SafetyNet::Tempo };
        let state = StatefulSchedule {
            at: block,
            tempo,
            last_epoch: other,
            pending_at: rng.percent(50).then(|| rng.unsigned(64) as u64),
            blocks_since_step: rng.unsigned(64) as u64,
            safety_net,
        };
        if let Some(due) = state.next_due() {
            assert!(due > block && state.due(due).is_some(), "{state:?} {due}");
            assert!(due == block + 1 || state.due(due - 1).is_none(), "{state:?} {due}");
            let far = rng.unsigned(64) as u64;
            assert!(state.next_after(far).is_none_or(|next| next > far && next >= due));
        } else {
            // None comes before the end of all numbers.
            assert!(tempo == 0 || block > u64::MAX - 50_402);
        }
        for span in [old.span(block), state.span()].into_iter().flatten() {
            assert_eq!(span.position(span.start()), Some(EpochPosition::Start));
            assert_eq!(span.position(span.next()), None);
            assert_eq!(span.offset(span.end()), Some(span.blocks() - 1));
        }
        let mut clocks = [SubnetClock { last_epoch: other, ..SubnetClock::registered(netuid, tempo, block) }];
        BlockWalk { cap: rng.below(2) as u32, safety_net }.run(block, &mut clocks, |_| false);
    }
}

#[test]
fn positions_are_right_for_any_tempo() {
    for tempo in [1u16, 2, 10, 99, 360, 7_200] {
        let old = ModuloSchedule { netuid: NetUid(3), tempo };
        let mut block = old.next_after(20_000).unwrap();
        for _ in 0..5 {
            let span = old.span(block).unwrap();
            assert_eq!((span.start(), span.blocks()), (block, Rule::Modulo.period(tempo).unwrap()));
            assert_eq!(span.position(block), Some(EpochPosition::Start));
            assert_eq!(span.position(block + u64::from(tempo)), Some(EpochPosition::End));
            if tempo > 1 {
                assert_eq!(span.position(block + 1), Some(EpochPosition::Inside));
            }
            block = span.next();
        }
    }
    let single = EpochSpan::new(5, 6).unwrap();
    assert_eq!(single.position(5), Some(EpochPosition::Start));
    assert_eq!(EpochSpan::new(5, 5), None);
    assert_eq!(serde_json::to_string(&EpochPosition::Inside).unwrap(), "\"inside\"");
    assert_eq!((Rule::by_storage(true).period(360), Rule::by_storage(false).period(360)), (Some(360), Some(361)));
    assert_eq!(Rule::Stateful.period(0), None);
}

#[test]
fn stored_blocks_follow_the_plan_for_five_epochs() {
    let plan: SnapshotPlan = "240, 0,120,360".parse().unwrap();
    assert_eq!(plan.to_string(), "0,120,240,360");
    let old = ModuloSchedule { netuid: NetUid(1), tempo: 360 };
    let mut span = old.span(358).unwrap();
    for _ in 0..5 {
        let start = span.start();
        let blocks: Vec<_> = plan.blocks(&span).collect();
        assert_eq!(blocks, [start, start + 120, start + 240, start + 360]);
        assert_eq!(blocks, (start..span.next()).filter(|&block| plan.wants(block, &span)).collect::<Vec<_>>());
        span = old.span(span.next()).unwrap();
    }
    // An epoch of 360 blocks has no block 360; `end` is the last of any.
    let new = EpochSpan::new(1_000, 1_360).unwrap();
    assert_eq!(plan.blocks(&new).collect::<Vec<_>>(), [1_000, 1_120, 1_240]);
    assert_eq!(SnapshotPlan::default().blocks(&new).collect::<Vec<_>>(), [1_000, 1_120, 1_240, 1_359]);
    assert_eq!(
        "0,9,end".parse::<SnapshotPlan>().unwrap().blocks(&EpochSpan::new(0, 10).unwrap()).collect::<Vec<_>>(),
        [0, 9]
    );
    let error = "0,last".parse::<SnapshotPlan>().unwrap_err();
    assert!(error.to_string().contains("`last`"));
}
