//! Many subnets, many epochs and everything that goes wrong in them: the ledger and the shares still tell one story.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;

use bytes::Bytes;
use futures::TryStreamExt;
use parity_scale_codec::Decode;
use sentinel_core::chain::{AccountId, NetUid};
use sentinel_core::decode::storage_prefix;
use sentinel_core::source::{BlockSource, Happened, LedgerEntry, SimAction, SimBuilder, SimSource};

type Checked<T = ()> = Result<T, Box<dyn Error>>;
type Place = (NetUid, AccountId);

const TEMPO: u16 = 60;
const LAST: u64 = 700;

/// Takes, swaps, deregistrations, tempo changes, triggers, deferrals, skips and a netuid that is used again.
fn eventful() -> SimBuilder {
    let mut builder = SimSource::builder().subnets(16).uids(40).tempo(TEMPO).traffic(10).head(LAST);
    for round in 0..10u64 {
        let (block, netuid) = (100 + round * 50, 1 + (round % 5) as u16);
        builder = builder
            .at(block, SimAction::SetTake { netuid, uid: 1, take: 900 * round as u16 })
            .at(block + 3, SimAction::SwapHotkey { netuid, uid: 2, everywhere: round % 2 == 0 })
            .at(block + 7, SimAction::Replace { netuid, uid: 30 })
            .at(block + 11, SimAction::SetTempo { netuid: 10 + (round % 3) as u16, tempo: 45 })
            .at(block + 13, SimAction::TriggerEpoch { netuid: 12 })
            .at(block + 17, SimAction::SkipEpoch { netuid: 6 });
    }
    // Three subnets in step, with room for two.
    for netuid in 13..=15 {
        builder = builder.at(400, SimAction::SetTempo { netuid, tempo: 50 });
    }
    builder.at(300, SimAction::Dissolve { netuid: 9 }).at(340, SimAction::RegisterNetwork)
}

/// Rows of a map by hotkey and netuid.
async fn rows<T: Decode>(sim: &SimSource, at: u64, item: &str) -> Checked<BTreeMap<Place, T>> {
    let prefix = Bytes::copy_from_slice(&storage_prefix("SubtensorModule", item));
    let block = sim.header(at.into()).await?.reference();
    let pairs: Vec<(Bytes, Bytes)> = sim.storage_prefix(block, prefix).try_collect().await?;
    let row = |(key, value): &(Bytes, Bytes)| -> Checked<(Place, T)> {
        let hotkey = AccountId(key[48..80].try_into()?);
        let netuid = NetUid(u16::from_le_bytes(key[80..82].try_into()?));
        Ok(((netuid, hotkey), T::decode(&mut &value[..])?))
    };
    pairs.iter().map(row).collect()
}

/// What one share is worth in every pool.
async fn prices(sim: &SimSource, at: u64) -> Checked<BTreeMap<Place, f64>> {
    let totals: BTreeMap<Place, u64> = rows(sim, at, "TotalHotkeyAlpha").await?;
    let shares: BTreeMap<Place, (u128, i64)> = rows(sim, at, "TotalHotkeySharesV2").await?;
    let price = |(place, (mantissa, exponent)): (&Place, &(u128, i64))| {
        let shares = *mantissa as f64 * 10f64.powi(*exponent as i32);
        Some((*place, *totals.get(place)? as f64 / shares))
    };
    Ok(shares.iter().filter_map(price).collect())
}

#[tokio::test]
async fn nominators_grow_as_the_share_price_says() -> Checked {
    let sim = eventful().build()?;
    let (first, last) = (200, LAST);
    let (before, after) = (prices(&sim, first).await?, prices(&sim, last).await?);
    let history = sim.history(last)?;
    let mut broken: BTreeSet<Place> = BTreeSet::new();
    let mut gone = BTreeSet::new();
    for entry in history.iter().filter(|entry| entry.block > first) {
        match &entry.what {
            Happened::HotkeySwapped { netuid, old, new } => broken.extend([(*netuid, *old), (*netuid, *new)]),
            Happened::PoolEmptied { netuid, hotkey } => drop(broken.insert((*netuid, *hotkey))),
            Happened::NetworkRemoved { netuid } => drop(gone.insert(*netuid)),
            _ => {}
        }
    }
    let key = |entry: &LedgerEntry| (entry.netuid, entry.hotkey, entry.coldkey);
    let earlier: BTreeMap<_, _> = sim.ledger(first)?.into_iter().map(|entry| (key(&entry), entry)).collect();
    let (mut compared, mut earning) = (0, 0);
    for entry in sim.ledger(last)?.iter().filter(|entry| entry.touched <= first) {
        let place = (entry.netuid, entry.hotkey);
        if broken.contains(&place) || gone.contains(&entry.netuid) {
            continue;
        }
        let old = earlier.get(&key(entry)).ok_or("nobody touched it, so it was there")?;
        let growth = entry.stake as f64 / old.stake as f64;
        let by_price = after[&place] / before[&place];
        assert!((growth / by_price - 1.0).abs() < 1e-9, "{growth} {by_price} {entry:?}");
        // What rounding leaves goes to somebody; it is not counted as earned.
        let gained = entry.stake - old.stake;
        assert!(gained.abs_diff(entry.earned - old.earned) < LedgerEntry::PARTS_PER_RAO);
        compared += 1;
        earning += u32::from(growth > 1.0);
    }
    assert!(compared > 200 && earning > 200, "{compared} compared, {earning} earning");
    Ok(())
}

#[tokio::test]
async fn all_that_was_to_happen_happened() -> Checked {
    let history = eventful().build()?.history(LAST)?;
    let count = |wanted: fn(&Happened) -> bool| history.iter().filter(|entry| wanted(&entry.what)).count();
    assert!(count(|what| matches!(what, Happened::EpochRan { .. })) > 150);
    assert!(count(|what| matches!(what, Happened::EpochDeferred { .. })) > 0);
    assert!(count(|what| matches!(what, Happened::EpochSkipped { netuid: NetUid(6), .. })) > 3);
    assert!(count(|what| matches!(what, Happened::EpochTriggered { netuid: NetUid(12), .. })) > 0);
    assert!(count(|what| matches!(what, Happened::HotkeySwapped { .. })) >= 10);
    assert!(count(|what| matches!(what, Happened::Registered { uid: 30, replaced: Some(_), .. })) >= 10);
    assert_eq!(count(|what| matches!(what, Happened::TempoSet { .. })), 13);
    assert_eq!(count(|what| matches!(what, Happened::NetworkRemoved { netuid: NetUid(9) })), 1);
    assert_eq!(count(|what| matches!(what, Happened::NetworkAdded { netuid: NetUid(9), generation: 2 })), 1);
    Ok(())
}
