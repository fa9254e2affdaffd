//! Epochs of the simulated network run when the rule says, and what happens on the way shows where it should.

use std::error::Error;

use sentinel_core::chain::epoch::{BlockWalk, SubnetClock, WalkOutcome};
use sentinel_core::chain::{BlockRef, NetUid};
use sentinel_core::decode::Value;
use sentinel_core::source::{BlockSource, Happened, SimAction, SimBuilder, SimSource};

type Checked<T = ()> = Result<T, Box<dyn Error>>;

const TEMPO: u16 = 25;

fn quiet(subnets: u16) -> SimBuilder {
    SimSource::builder().subnets(subnets).uids(20).tempo(TEMPO).traffic(0).head(400)
}

async fn pinned(sim: &SimSource, number: u64) -> Checked<BlockRef> {
    Ok(sim.header(number.into()).await?.reference())
}

/// A number in storage of a subnet at a block.
async fn number(sim: &SimSource, at: u64, item: &str, netuid: u16) -> Checked<u64> {
    let block = pinned(sim, at).await?;
    let runtime = sim.runtime(&block).await?;
    let item = runtime.storage_item("SubtensorModule", item).ok_or("an item")?;
    let value = sim.storage(&block, &[item.key(&[&netuid.to_le_bytes()])?.into()]).await?.remove(0);
    match item.value(&runtime, &value.ok_or("a value")?).to_value()? {
        Value::Unsigned(number) => Ok(u64::try_from(number)?),
        other => Err(format!("{other:?}").into()),
    }
}

fn ran(sim: &SimSource, netuid: u16) -> Checked<Vec<u64>> {
    let of = |what: &Happened| matches!(what, Happened::EpochRan { netuid: found, .. } if *found == NetUid(netuid));
    Ok(sim.history(400)?.into_iter().filter(|entry| of(&entry.what)).map(|entry| entry.block).collect())
}

async fn event_in(sim: &SimSource, at: u64, name: &str) -> Checked<bool> {
    let block = sim.block(at.into()).await?;
    Ok(block.runtime.index(&block.extrinsics, &block.events)?.events().iter().any(|event| event.name() == name))
}

#[tokio::test]
async fn epochs_are_a_tempo_apart() -> Checked {
    let sim = quiet(3).build()?;
    for netuid in 1..=3 {
        let blocks = ran(&sim, netuid)?;
        assert!(blocks.len() >= 15, "{blocks:?}");
        assert!(blocks.windows(2).all(|pair| pair[1] - pair[0] == u64::from(TEMPO)), "{blocks:?}");
        for block in blocks {
            assert_eq!(number(&sim, block, "LastMechansimStepBlock", netuid).await?, block);
            assert_eq!(number(&sim, block, "BlocksSinceLastStep", netuid).await?, 0);
            assert!(event_in(&sim, block, "IncentiveAlphaEmittedToMiners").await?);
        }
    }
    assert!(ran(&sim, 0)?.is_empty());
    Ok(())
}

#[tokio::test]
async fn a_skipped_epoch_moves_the_schedule_and_pays_nobody() -> Checked {
    let before = ran(&quiet(2).build()?, 1)?[3];
    let sim = quiet(2).at(before - 5, SimAction::SkipEpoch { netuid: 1 }).build()?;
    assert!(!ran(&sim, 1)?.contains(&before));
    assert!(event_in(&sim, before, "EpochSkipped").await?);
    assert_eq!(number(&sim, before, "LastEpochBlock", 1).await?, before);
    assert_eq!(number(&sim, before, "LastMechansimStepBlock", 1).await?, before - u64::from(TEMPO));
    let pot = |at| number(&sim, at, "PendingValidatorEmission", 1);
    assert!(pot(before).await? > pot(before - 1).await?);
    // The next one pays for both.
    let next = before + u64::from(TEMPO);
    assert_eq!(number(&sim, next, "LastMechansimStepBlock", 1).await?, next);
    assert_eq!(number(&sim, next, "PendingValidatorEmission", 1).await?, 0);
    assert_eq!(
        number(&sim, next, "SubnetEpochIndex", 1).await? - number(&sim, before - 1, "SubnetEpochIndex", 1).await?,
        2
    );
    Ok(())
}

#[tokio::test]
async fn a_full_block_defers_epochs() -> Checked {
    let mut builder = quiet(4).max_epochs_per_block(1);
    for netuid in 1..=4 {
        builder = builder.at(100, SimAction::SetTempo { netuid, tempo: 40 });
    }
    let sim = builder.build()?;
    // All four are due at once, and run one by one.
    for netuid in 1..=4u16 {
        let block = 139 + u64::from(netuid);
        assert!(ran(&sim, netuid)?.contains(&block), "subnet {netuid}");
        assert_eq!(number(&sim, block, "LastEpochBlock", netuid).await?, block);
    }
    assert!(event_in(&sim, 140, "EpochDeferred").await?);
    assert_eq!(number(&sim, 140, "PendingEpochAt", 4).await?, 141);
    assert_eq!(number(&sim, 143, "PendingEpochAt", 4).await?, 0);
    let deferred = |what: &Happened| matches!(what, Happened::EpochDeferred { netuid: NetUid(4), .. });
    assert_eq!(sim.history(143)?.iter().filter(|entry| entry.block >= 140 && deferred(&entry.what)).count(), 3);
    Ok(())
}

/// The clock of a subnet as the state after a block has it.
async fn clock(sim: &SimSource, at: u64, netuid: u16) -> Checked<SubnetClock> {
    let read = |item| number(sim, at, item, netuid);
    Ok(SubnetClock {
        netuid: NetUid(netuid),
        tempo: u16::try_from(read("Tempo").await?)?,
        last_epoch: read("LastEpochBlock").await?,
        pending_at: Some(read("PendingEpochAt").await?).filter(|at| *at > 0),
        blocks_since_step: read("BlocksSinceLastStep").await?,
        epoch_index: read("SubnetEpochIndex").await?,
        last_step: read("LastMechansimStepBlock").await?,
    })
}

/// Three subnets are due in one block that has room for one epoch, and the first of them is skipped: the second runs, the
/// third waits. The rules of the chain, as the library has them, say the same of every block.
#[tokio::test]
async fn a_skipped_epoch_takes_no_place_under_the_cap() -> Checked {
    let mut builder = quiet(3).max_epochs_per_block(1).at(120, SimAction::SkipEpoch { netuid: 1 });
    for netuid in 1..=3 {
        builder = builder.at(100, SimAction::SetTempo { netuid, tempo: 40 });
    }
    let sim = builder.build()?;
    let walk = BlockWalk { cap: 1, ..BlockWalk::default() };
    let mut seen = Vec::new();
    for block in 101..=200 {
        let mut clocks = Vec::new();
        for netuid in 1..=3 {
            clocks.push(clock(&sim, block - 1, netuid).await?);
        }
        let steps = walk.run(block, &mut clocks, |netuid| (block, netuid) == (140, NetUid(1)));
        for netuid in 1..=3u16 {
            assert_eq!(clock(&sim, block, netuid).await?, clocks[usize::from(netuid) - 1], "block {block}");
        }
        let told = sim.history(block)?.into_iter().filter(|entry| entry.block == block).map(|entry| entry.what);
        let mut told: Vec<_> = told
            .filter_map(|what| match what {
                Happened::EpochRan { netuid, .. } => Some((netuid, WalkOutcome::Ran)),
                Happened::EpochSkipped { netuid, .. } => Some((netuid, WalkOutcome::Skipped)),
                Happened::EpochDeferred { netuid, to } => Some((netuid, WalkOutcome::Deferred { to })),
                _ => None,
            })
            .collect();
        told.sort_by_key(|(netuid, _)| *netuid);
        assert_eq!(told, steps.iter().map(|step| (step.netuid, step.outcome)).collect::<Vec<_>>(), "block {block}");
        seen.extend(told.into_iter().map(|(netuid, outcome)| (block, netuid.0, outcome)));
    }
    let at_140: Vec<_> =
        seen.iter().filter(|(block, ..)| *block == 140).map(|(_, netuid, what)| (*netuid, *what)).collect();
    assert_eq!(at_140, [(1, WalkOutcome::Skipped), (2, WalkOutcome::Ran), (3, WalkOutcome::Deferred { to: 141 })]);
    assert!(seen.contains(&(141, 3, WalkOutcome::Ran)) && seen.contains(&(180, 1, WalkOutcome::Ran)), "{seen:?}");
    Ok(())
}

/// Weights that were encrypted are set at the start of the epoch that they are for, and none wait any longer.
#[tokio::test]
async fn encrypted_weights_are_revealed_in_the_next_epoch() -> Checked {
    let sim = SimSource::builder().subnets(3).uids(20).tempo(130).traffic(0).head(700).build()?;
    let epochs: Vec<u64> = sim
        .history(700)?
        .into_iter()
        .filter(|entry| matches!(entry.what, Happened::EpochRan { netuid: NetUid(3), .. }))
        .map(|entry| entry.block)
        .collect();
    let (mut committed, mut revealed, mut opened) = (0, 0, Vec::new());
    for block in 1..=epochs[4] {
        let raw = sim.block(block.into()).await?;
        let index = raw.runtime.index(&raw.extrinsics, &raw.events)?;
        let count = |name| index.events().iter().filter(|event| event.is("SubtensorModule", name)).count();
        // The epoch of a block comes before its extrinsics: what they commit is for the next one.
        revealed += count("TimelockedWeightsRevealed");
        if count("TimelockedWeightsRevealed") > 0 {
            opened.push(block);
        }
        if epochs.contains(&block) {
            assert_eq!(revealed, committed, "at the epoch of block {block}");
        }
        committed += count("TimelockedWeightsCommitted");
    }
    assert!(revealed > 10, "{revealed}");
    assert!(opened.iter().all(|block| epochs.contains(block)), "{opened:?} {epochs:?}");
    Ok(())
}

/// A sealed commitment is opened when its round is known: it moves to what was revealed.
#[tokio::test]
async fn sealed_commitments_are_opened_when_their_round_is_known() -> Checked {
    let sim = SimSource::builder().subnets(2).uids(16).traffic(100).head(700).build()?;
    let (mut sealed, mut revealed) = (Vec::new(), 0);
    for block in 1..=700 {
        let raw = sim.block(block.into()).await?;
        let index = raw.runtime.index(&raw.extrinsics, &raw.events)?;
        for event in index.events().iter().filter(|event| event.pallet() == "Commitments") {
            let Value::Event(told) = event.event().to_value()? else { return Err("an event".into()) };
            let field = |name| told.fields.get(name).cloned().ok_or("a field");
            let key = (field("netuid")?, field("who")?);
            match event.name() {
                "TimelockCommitment" => sealed.push((key, block)),
                "CommitmentRevealed" => {
                    let at = sealed.iter().rposition(|(known, _)| *known == key).ok_or("it was sealed before")?;
                    let waited = block - sealed[at].1;
                    assert!((9..=101).contains(&waited), "{waited} blocks");
                    revealed += 1;
                }
                _ => {}
            }
        }
    }
    assert!(revealed > 20, "{revealed}");
    Ok(())
}

#[tokio::test]
async fn a_tempo_change_begins_the_cycle_anew() -> Checked {
    let sim = quiet(1).at(110, SimAction::SetTempo { netuid: 1, tempo: 60 }).build()?;
    assert_eq!(number(&sim, 110, "LastEpochBlock", 1).await?, 110);
    assert_ne!(number(&sim, 110, "LastMechansimStepBlock", 1).await?, 110);
    let after: Vec<u64> = ran(&sim, 1)?.into_iter().filter(|block| *block > 110).collect();
    assert_eq!(after[..2], [170, 230]);
    assert!(event_in(&sim, 110, "TempoSet").await?);
    Ok(())
}

#[tokio::test]
async fn an_owner_triggers_an_epoch_after_the_freeze_window() -> Checked {
    let before = ran(&quiet(1).build()?, 1)?[3];
    let sim = quiet(1).at(before + 2, SimAction::TriggerEpoch { netuid: 1 }).build()?;
    assert!(event_in(&sim, before + 2, "EpochTriggered").await?);
    assert_eq!(number(&sim, before + 2, "PendingEpochAt", 1).await?, before + 12);
    assert!(ran(&sim, 1)?.contains(&(before + 12)));
    Ok(())
}

#[tokio::test]
async fn a_netuid_is_used_again_by_another_subnet() -> Checked {
    let sim = quiet(3).at(100, SimAction::Dissolve { netuid: 2 }).at(150, SimAction::RegisterNetwork).build()?;
    assert_eq!(number(&sim, 99, "RegisteredSubnetCounter", 2).await?, 1);
    assert!(number(&sim, 100, "NetworkRegisteredAt", 2).await.is_err(), "nothing is left of it");
    assert!(
        event_in(&sim, 100, "NetworkRemoved").await? && event_in(&sim, 101, "NetworkDissolveCleanupCompleted").await?
    );
    assert_eq!(number(&sim, 150, "NetworkRegisteredAt", 2).await?, 150);
    assert_eq!(number(&sim, 150, "RegisteredSubnetCounter", 2).await?, 2);
    assert!(ran(&sim, 2)?.iter().any(|block| *block > 150));
    Ok(())
}

/// What an epoch paid stands in the rows that stakers read: the row of dividends and what the pool was after them.
#[tokio::test]
async fn dividends_are_what_the_ledger_was_credited_with() -> Checked {
    let sim = quiet(2).build()?;
    let epoch = ran(&sim, 1)?[5];
    let at = pinned(&sim, epoch).await?;
    let runtime = sim.runtime(&at).await?;
    let before = sim.ledger(epoch - 1)?;
    let mut checked = 0;
    for entry in sim.ledger(epoch)?.iter().filter(|entry| entry.netuid == NetUid(1) && entry.touched < epoch) {
        let old = before
            .iter()
            .find(|old| (old.netuid, old.hotkey, old.coldkey) == (entry.netuid, entry.hotkey, entry.coldkey));
        let old = old.ok_or("it was there before")?;
        let read = |item: &str, parts: [&[u8]; 2]| -> Checked<bytes::Bytes> {
            Ok(runtime.storage_item("SubtensorModule", item).ok_or("an item")?.key(&parts)?.into())
        };
        let dividends = read("AlphaDividendsPerSubnet", [&[1, 0], &entry.hotkey.0])?;
        let stake = read("TotalHotkeyAlphaLastEpoch", [&entry.hotkey.0, &[1, 0]])?;
        let values = sim.storage(&at, &[dividends, stake]).await?;
        let value = |at: usize| -> Checked<u64> {
            Ok(values[at].as_deref().map_or(Ok(0), |bytes| bytes.try_into().map(u64::from_le_bytes))?)
        };
        let (dividends, stake) = (value(0)?, value(1)?);
        if dividends == 0 {
            continue;
        }
        // r = D / (L − D), in exact integers: what was gained times the base is the dividend times what was there.
        let gained = (entry.stake - old.stake) as f64 / old.stake as f64;
        let rate = dividends as f64 / (stake - dividends) as f64;
        assert!((gained / rate - 1.0).abs() < 1e-9, "{gained} {rate}");
        checked += 1;
    }
    assert!(checked > 2, "{checked}");
    Ok(())
}
