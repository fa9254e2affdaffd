//! The schedule of epochs against a chain that skips, defers, triggers and restarts them, block by block.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use sentinel_core::chain::NetUid;
use sentinel_core::chain::epoch::{EpochPosition, EpochSpan, SnapshotPlan};
use sentinel_core::source::{BlockSource, Happened, SimAction, SimSource};
use sentinel_core::subnet::epochs::{EpochClock, clocks, discover};

type Checked<T = ()> = Result<T, Box<dyn Error>>;

async fn clocks_at(sim: &SimSource, block: u64, netuids: &[NetUid]) -> Checked<Vec<EpochClock>> {
    let at = sim.header(block.into()).await?.reference();
    Ok(clocks(sim, &at, netuids).await?)
}

/// What a subnet's clock went through in one block, told from the states before and after it alone.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Went {
    Paid,
    Skipped,
    Deferred,
    Restarted,
}

fn told_apart(before: &EpochClock, after: &EpochClock) -> Option<Went> {
    let slots = after.index.zip(before.index).map_or(0, |(after, before)| after - before);
    let due = before.schedule().is_due(after.block);
    match (due, slots) {
        (true, 1) if after.ran_here() => Some(Went::Paid),
        (true, 1) => Some(Went::Skipped),
        (true, 0) => Some(Went::Deferred),
        _ if slots > 0 => unreachable!("a slot that was not foreseen: {before:?} {after:?}"),
        _ => (after.last_epoch != before.last_epoch).then_some(Went::Restarted),
    }
}

/// Every block in which an epoch is foreseen is a step of `SubnetEpochIndex`, or a deferral; skipped slots and cycles that
/// the owner began anew are told apart, and all of it is what the simulator says it did.
#[tokio::test]
async fn what_is_foreseen_happens_and_what_happens_is_told_apart() -> Checked {
    let head = 600;
    let mut builder = SimSource::builder().subnets(4).uids(12).tempo(25).traffic(0).max_epochs_per_block(1).head(head);
    for netuid in 2..=4 {
        builder = builder.at(200, SimAction::SetTempo { netuid, tempo: 40 });
    }
    let sim = builder
        .at(110, SimAction::SkipEpoch { netuid: 1 })
        .at(333, SimAction::SetTempo { netuid: 1, tempo: 60 })
        .at(410, SimAction::TriggerEpoch { netuid: 3 })
        .at(500, SimAction::SkipEpoch { netuid: 2 })
        .build()?;
    let mut expected: BTreeSet<(u64, NetUid, Went)> = BTreeSet::new();
    for entry in sim.history(head)? {
        match entry.what {
            Happened::EpochRan { netuid, .. } => drop(expected.insert((entry.block, netuid, Went::Paid))),
            Happened::EpochSkipped { netuid, .. } => drop(expected.insert((entry.block, netuid, Went::Skipped))),
            Happened::EpochDeferred { netuid, .. } => drop(expected.insert((entry.block, netuid, Went::Deferred))),
            Happened::TempoSet { netuid, .. } => drop(expected.insert((entry.block, netuid, Went::Restarted))),
            _ => {}
        }
    }
    let netuids: Vec<NetUid> = (1..=4).map(NetUid).collect();
    let mut found = BTreeSet::new();
    let mut before = clocks_at(&sim, 0, &netuids).await?;
    for block in 1..=head {
        let after = clocks_at(&sim, block, &netuids).await?;
        for (before, after) in before.iter().zip(&after) {
            found.extend(told_apart(before, after).map(|went| (block, after.netuid, went)));
        }
        before = after;
    }
    assert_eq!(found, expected);
    for (went, least) in [(Went::Paid, 60), (Went::Skipped, 2), (Went::Deferred, 3), (Went::Restarted, 4)] {
        assert!(found.iter().filter(|(_, _, of)| *of == went).count() >= least, "{went:?}");
    }
    Ok(())
}

/// Blocks stored as they come, by the clock in the state of each, are those that the plan has for the epochs that ran.
#[tokio::test]
async fn stored_blocks_follow_the_plan_for_five_epochs_of_any_tempo() -> Checked {
    let tempos = [(NetUid(1), 30_u16), (NetUid(2), 47), (NetUid(3), 100)];
    let mut builder = SimSource::builder().subnets(3).uids(12).tempo(30).traffic(0).head(800);
    for (netuid, tempo) in tempos {
        builder = builder.at(50, SimAction::SetTempo { netuid: netuid.0, tempo });
    }
    let sim = builder.build()?;
    let netuids = tempos.map(|(netuid, _)| netuid);
    let plans: [SnapshotPlan; 3] = ["0,10,20,end".parse()?, "0,40,80,120".parse()?, SnapshotPlan::default()];
    let mut stored: BTreeMap<(usize, NetUid), Vec<u64>> = BTreeMap::new();
    for block in 60..=800 {
        for clock in clocks_at(&sim, block, &netuids).await? {
            let span = clock.span().ok_or("every subnet is in an epoch")?;
            for (at, _) in plans.iter().enumerate().filter(|(_, plan)| plan.wants(block, &span)) {
                stored.entry((at, clock.netuid)).or_default().push(block);
            }
            let position = span.position(block).ok_or("a block lies in its own epoch")?;
            assert_eq!(position == EpochPosition::Start, clock.ran_here(), "block {block} of subnet {}", clock.netuid);
            assert_eq!(position == EpochPosition::End, clock.next() == Some(block + 1));
        }
    }
    for (netuid, tempo) in tempos {
        let ran: Vec<u64> = discover(&sim, netuid, 60..=800).await?.epochs.iter().map(|epoch| epoch.block).collect();
        let five = ran.windows(2).take(5);
        assert_eq!(five.len(), 5, "subnet {netuid}: {ran:?}");
        for pair in five {
            let span = EpochSpan::new(pair[0], pair[1]).ok_or("one after the other")?;
            assert_eq!(span.blocks(), u64::from(tempo));
            for (at, plan) in plans.iter().enumerate() {
                let live = stored[&(at, netuid)].iter().copied().filter(|block| span.offset(*block).is_some());
                let live: Vec<u64> = live.collect();
                assert_eq!(live, plan.blocks(&span).collect::<Vec<_>>(), "plan {plan} of subnet {netuid}");
                let offsets: Vec<u64> = live.iter().map(|block| block - pair[0]).collect();
                let wanted: Vec<u64> = match (at, tempo) {
                    (0, 30) => vec![0, 10, 20, 29],
                    (0, _) => vec![0, 10, 20, u64::from(tempo) - 1],
                    (1, _) => [0, 40, 80].into_iter().filter(|offset| *offset < u64::from(tempo)).collect(),
                    _ => vec![0, u64::from(tempo) - 1],
                };
                assert_eq!(offsets, wanted, "plan {plan} of subnet {netuid}");
            }
        }
    }
    Ok(())
}
