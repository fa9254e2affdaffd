//! Epochs of the simulated network run when the rule says, and what happens on the way shows where it should.

use std::error::Error;

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
