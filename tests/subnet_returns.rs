//! Returns over windows of the simulated network beside what each of its nominators really has.

use std::collections::{BTreeMap, BTreeSet};
use std::error::Error;
use std::sync::Arc;

use sentinel_core::apy::{NoReturn, Split};
use sentinel_core::chain::{AccountId, BlockRef, NetUid};
use sentinel_core::source::{BlockSource, Happened, HistoryEntry, LedgerEntry, SimAction, SimBuilder};
use sentinel_core::source::{BlockSourceExt, RpcOptions, RpcSource};
use sentinel_core::source::{SimSource, SourceError};
use sentinel_core::subnet::SubnetError;
use sentinel_core::subnet::epochs::{clocks, discover};
use sentinel_core::subnet::returns::{self, Span, SubnetReturns};
use sentinel_support::node::Node;

type Checked<T = ()> = Result<T, Box<dyn Error>>;

/// How far the three ways to one growth may be apart: by prices, by epochs, and in a nominator's own account.
const TOLERANCE: f64 = 1e-9;

/// Twenty epochs in which everything happens that returns have to survive.
fn eventful(subnets: u16, uids: u16, tempo: u16) -> Result<(SimSource, u64), SourceError> {
    let (sim, head) = script(subnets, uids, tempo);
    Ok((sim.build()?, head))
}

fn script(subnets: u16, uids: u16, tempo: u16) -> (SimBuilder, u64) {
    let epoch = u64::from(tempo);
    let head = 21 * epoch;
    let sim = SimSource::builder()
        .subnets(subnets)
        .uids(uids)
        .tempo(tempo)
        .max_epochs_per_block(1)
        .missed_slots(30)
        .traffic(3)
        .head(head)
        .at(3 * epoch + 1, SimAction::SetTake { netuid: 1, uid: 1, take: 0 })
        .at(4 * epoch + 2, SimAction::SwapHotkey { netuid: 1, uid: 2, everywhere: false })
        .at(5 * epoch + 3, SimAction::Replace { netuid: 1, uid: uids - 1 })
        .at(6 * epoch + 4, SimAction::SetTempo { netuid: 1, tempo: tempo + 7 })
        .at(7 * epoch + 5, SimAction::TriggerEpoch { netuid: 5 })
        .at(8 * epoch + 6, SimAction::SkipEpoch { netuid: 2 })
        .at(9 * epoch + 7, SimAction::EmptyPool { netuid: 3, uid: 1 })
        .at(11 * epoch + 8, SimAction::Dissolve { netuid: 4 })
        .at(12 * epoch + 9, SimAction::RegisterNetwork);
    (sim, head)
}

async fn pinned(sim: &SimSource, number: u64) -> Checked<BlockRef> {
    Ok(sim.header(number.into()).await?.reference())
}

/// What a check of one network found.
#[derive(Debug, Default)]
struct Found {
    validators: usize,
    checked_by_price: usize,
    nominators: usize,
    splits: usize,
    worst: f64,
    states: u64,
    epochs: usize,
}

async fn check(sim: &SimSource, head: u64, netuids: impl Iterator<Item = u16>) -> Checked<Found> {
    let at = pinned(sim, head).await?;
    let history = sim.history(head)?;
    let mut found = Found::default();
    for netuid in netuids {
        let ran: Vec<u64> = history
            .iter()
            .filter(|entry| matches!(entry.what, Happened::EpochRan { netuid: own, .. } if own == NetUid(netuid)))
            .map(|entry| entry.block)
            .collect();
        let epochs = discover(sim, NetUid(netuid), 1..=head).await?;
        let blocks: Vec<u64> = epochs.epochs.iter().map(|epoch| epoch.block).collect();
        assert_eq!(blocks, ran, "the epochs of subnet {netuid}");
        found.states += epochs.states;
        found.epochs += ran.len();

        let window = returns::window(sim, &at, NetUid(netuid), Span::Blocks(head - 40), &mut |_| {}).await?;
        compare(sim, &window, &history, &mut found)?;
    }
    Ok(found)
}

type Nominators = BTreeMap<(AccountId, AccountId), LedgerEntry>;

fn ledger(sim: &SimSource, block: u64, netuid: NetUid) -> Checked<Nominators> {
    let entries = sim.ledger(block)?.into_iter().filter(|entry| entry.netuid == netuid);
    Ok(entries.map(|entry| ((entry.hotkey, entry.coldkey), entry)).collect())
}

fn compare(sim: &SimSource, window: &SubnetReturns, history: &[HistoryEntry], found: &mut Found) -> Checked {
    let (netuid, first, last) = (window.netuid, window.first, window.last);
    let (before, after) = (ledger(sim, first, netuid)?, ledger(sim, last, netuid)?);
    let inside = || history.iter().filter(|entry| entry.block > first && entry.block <= last);
    let emptied: BTreeSet<AccountId> = inside()
        .filter_map(|entry| match entry.what {
            Happened::PoolEmptied { netuid: own, hotkey } if own == netuid => Some(hotkey),
            _ => None,
        })
        .collect();
    for validator in &window.validators {
        found.validators += 1;
        found.splits += validator.report.splits.len();
        let growth = validator.report.alpha.growth;
        if let Some(check) = validator.report.check {
            found.checked_by_price += 1;
            assert!(check.agrees, "subnet {netuid}, {}: {check:?}", validator.hotkey);
        }
        let expected = expected_splits(window, validator, history);
        let splits: Vec<(u64, Split)> = validator.report.splits.iter().map(|split| (split.block, split.kind)).collect();
        assert_eq!(splits, expected, "subnet {netuid}, {}", validator.hotkey);
        if emptied.contains(&validator.hotkey) {
            continue;
        }
        // Who did nothing from the first block to the last has grown by just that.
        let home = validator.formerly.first().copied().unwrap_or(validator.hotkey);
        for ((hotkey, coldkey), new) in &after {
            let Some(old) = before.get(&(home, *coldkey)) else { continue };
            if *hotkey != validator.hotkey || new.touched > first || old.rao() < 1_000_000_000 {
                continue;
            }
            let own = new.stake as f64 / old.stake as f64 - 1.0;
            let growth = growth.ok_or_else(|| format!("a nominator earned {own}, the validator has none"))?;
            let apart = (own - growth).abs() / (1.0 + own);
            found.worst = found.worst.max(apart);
            found.nominators += 1;
            assert!(apart < TOLERANCE, "subnet {netuid}, {hotkey}: {growth}, but a nominator earned {own}");
        }
    }
    Ok(())
}

/// Where the simulator says that a validator's window has to be split: at the first epoch after each of its swaps, after its
/// pool was emptied, and after its number was given to another subnet.
fn expected_splits(
    window: &SubnetReturns,
    validator: &returns::ValidatorReturn,
    history: &[HistoryEntry],
) -> Vec<(u64, Split)> {
    let own = |hotkey: &AccountId| *hotkey == validator.hotkey || validator.formerly.contains(hotkey);
    let mut splits: Vec<(u64, Split)> = Vec::new();
    for entry in history.iter().filter(|entry| entry.block > window.first) {
        let kind = match &entry.what {
            Happened::HotkeySwapped { netuid, new, .. } if *netuid == window.netuid && own(new) => Split::HotkeySwap,
            Happened::PoolEmptied { netuid, hotkey } if *netuid == window.netuid && own(hotkey) => Split::PoolReset,
            Happened::NetworkAdded { netuid, .. } if *netuid == window.netuid => Split::SubnetReplaced,
            _ => continue,
        };
        let epoch = window.epochs.iter().map(|(block, _)| *block).find(|block| *block >= entry.block);
        splits.extend(epoch.map(|epoch| (epoch, kind)));
    }
    splits
}

#[tokio::test]
async fn prices_epochs_and_nominators_agree() -> Checked {
    let (sim, head) = eventful(6, 20, 50)?;
    let found = check(&sim, head, 1..=6).await?;
    println!("{found:?}");
    assert!(found.nominators > 20 && found.checked_by_price > 15 && found.splits >= 3, "{found:?}");
    Ok(())
}

#[tokio::test]
#[ignore = "64 subnets of 128 neurons: minutes without optimisation"]
async fn prices_epochs_and_nominators_agree_at_full_size() -> Checked {
    let (sim, head) = eventful(64, 128, 360)?;
    let found = check(&sim, head, 1..=64).await?;
    println!("{found:?}");
    assert!(found.nominators > 2_000 && found.checked_by_price > 1_000, "{found:?}");
    Ok(())
}

/// What is nothing in its epochs, and why, by the accounts of the nominators: no stake, no dividend, no stake before one.
#[derive(Debug, Default)]
struct Nothing {
    empty: usize,
    unpaid: usize,
    paid: usize,
}

fn check_nulls(sim: &SimSource, window: &SubnetReturns, found: &mut Nothing) -> Checked {
    let mut ledgers = BTreeMap::new();
    for (block, _) in &window.epochs {
        ledgers.insert(*block, (ledger(sim, block - 1, window.netuid)?, ledger(sim, *block, window.netuid)?));
    }
    for validator in &window.validators {
        let own = |hotkey: &AccountId| *hotkey == validator.hotkey || validator.formerly.contains(hotkey);
        let mut empty = Vec::new();
        for ((block, _), by_epoch) in window.epochs.iter().zip(&validator.by_epoch) {
            let (before, after) = &ledgers[block];
            let there = || after.iter().filter(|((hotkey, _), _)| own(hotkey));
            let what = format!("subnet {}, {} in block {block}", window.netuid, validator.hotkey);
            if there().all(|(_, entry)| entry.stake == 0) {
                empty.push(*block);
                found.empty += 1;
                // Who left in the very block of an epoch was paid by it.
                let stayed = before.iter().any(|((hotkey, _), entry)| own(hotkey) && entry.stake > 0);
                assert!(by_epoch.is_none() || stayed, "{what}: nobody has anything in it, {by_epoch:?}");
                continue;
            }
            // Whoever was there before and did nothing in this very block was paid, or was not.
            let quiet = there().filter(|(key, entry)| entry.touched < *block && before.contains_key(key));
            let earned: Vec<bool> = quiet.map(|(key, entry)| entry.earned > before[key].earned).collect();
            // The window may open with a block without an epoch.
            assert!(by_epoch.is_some() || *block == window.first, "{what}: there was stake, and no return");
            let Some(paid) = *by_epoch else { continue };
            if !earned.is_empty() {
                assert_eq!(paid > 0.0, earned.contains(&true), "{what}: {paid}, but nominators say {earned:?}");
            }
            found.paid += usize::from(paid > 0.0);
            found.unpaid += usize::from(paid == 0.0);
        }
        let nulls: Vec<(u64, NoReturn)> = validator.report.nulls.iter().map(|null| (null.block, null.reason)).collect();
        // Nothing in the simulation is paid on nothing, so that no epoch is without a base.
        let expected: Vec<_> = empty.into_iter().map(|block| (block, NoReturn::NoStake)).collect();
        assert_eq!(nulls, expected, "subnet {}, {}", window.netuid, validator.hotkey);
    }
    Ok(())
}

/// Every epoch without a return, and every one of 0, is one by the simulator's own accounts, and none is missing.
#[tokio::test]
async fn nulls_and_zeros_are_where_the_simulator_says() -> Checked {
    let (builder, head) = script(6, 20, 50);
    // Root pays into the pools in every epoch, so that a pool is empty at one only if it is emptied in its very block.
    let ran = discover(&builder.clone().build()?, NetUid(6), 1..=head).await?;
    let epochs: Vec<u64> = ran.epochs.iter().map(|epoch| epoch.block).collect();
    let emptied = [(epochs[5], 1), (epochs[9], 0), (epochs[9], 2), (epochs[14], 1)];
    let sim =
        emptied.iter().fold(builder, |sim, (block, uid)| sim.at(*block, SimAction::EmptyPool { netuid: 6, uid: *uid }));
    let sim = sim.build()?;
    let at = pinned(&sim, head).await?;
    let mut found = Nothing::default();
    for netuid in 1..=6 {
        let window = returns::window(&sim, &at, NetUid(netuid), Span::Blocks(head - 40), &mut |_| {}).await?;
        check_nulls(&sim, &window, &mut found)?;
        for (position, (block, _)) in window.epochs.iter().enumerate().skip(1) {
            let some = window.validators.iter().filter(|validator| validator.by_epoch[position].is_some()).count();
            assert!(some > 0, "the epoch of block {block} of subnet {netuid} ran, and nobody has a return of it");
        }
    }
    println!("{found:?}");
    assert!(found.empty == 4 && found.unpaid > 0 && found.paid > 400, "{found:?}");
    Ok(())
}

#[tokio::test]
async fn a_reused_number_is_never_chained() -> Checked {
    let (sim, head) = eventful(6, 20, 50)?;
    let at = pinned(&sim, head).await?;
    let window = returns::window(&sim, &at, NetUid(4), Span::Blocks(head - 10), &mut |_| {}).await?;
    let generations: BTreeSet<u64> =
        discover(&sim, NetUid(4), 1..=head).await?.epochs.iter().map(|epoch| epoch.generation.registered_at).collect();
    assert_eq!(generations.len(), 2);
    assert!(window.subnet.coverage < 0.6, "only the time of the newer subnet: {:?}", window.subnet);
    for validator in &window.validators {
        assert!(validator.report.alpha.coverage < 0.6, "{validator:?}");
    }
    Ok(())
}

#[tokio::test]
async fn what_cannot_be_told_is_an_error() -> Checked {
    let (sim, head) = eventful(3, 20, 50)?;
    let at = pinned(&sim, head).await?;
    let read = |netuid, span| returns::window(&sim, &at, NetUid(netuid), span, Box::leak(Box::new(|_| {})));
    let error = read(1, Span::Blocks(head * 2)).await.expect_err("longer than the chain").to_string();
    assert_eq!(
        error,
        format!(
            "a window of {} blocks before block {head} is longer than the history: at most {} blocks",
            head * 2,
            head - 1
        )
    );
    let error = read(1, "30d".parse()?).await.expect_err("longer than the chain").to_string();
    assert!(
        error.starts_with(&format!("a window of 30d before block {head} is longer than the history: at most ")),
        "{error}"
    );
    assert!(matches!(read(999, Span::Blocks(100)).await, Err(SubnetError::NoSuchSubnet { .. })));
    Ok(())
}

#[tokio::test]
async fn clocks_foresee_the_epochs_that_run() -> Checked {
    let (sim, head) = eventful(3, 20, 50)?;
    let at = pinned(&sim, head - 120).await?;
    let netuids = [NetUid(1), NetUid(2), NetUid(3)];
    for clock in clocks(&sim, &at, &netuids).await? {
        let ran = discover(&sim, clock.netuid, clock.block + 1..=head).await?;
        let first = ran.epochs.first().map(|epoch| epoch.block).ok_or("an epoch")?;
        let next = clock.next().ok_or("a next one")?;
        assert!(first >= next && first - next <= 3, "due in {next}, ran in {first}");
        assert!(!clock.ran_here());
        let there = pinned(&sim, first).await?;
        assert!(clocks(&sim, &there, &[clock.netuid]).await?[0].ran_here());
    }
    Ok(())
}

#[tokio::test]
async fn all_of_a_block_takes_few_requests() -> Checked {
    let sim = SimSource::builder().subnets(32).uids(64).tempo(40).traffic(0).head(100).build()?;
    let node = Node::serve(Arc::new(sim)).await?;
    let source = RpcSource::connect(&node.ws_url(), RpcOptions::default()).await?;
    let at = source.header(90.into()).await?.reference();
    // Which runtime wrote it is known from here on.
    source.writer(&at).await?;
    let netuids: Vec<NetUid> = (1..=32).map(NetUid).collect();
    let (calls, all) = (node.calls().len(), returns::inputs(&source, &at, &netuids, &[]).await?);
    let calls: Vec<String> = node.calls().into_iter().skip(calls).map(|call| call.method).collect();
    let pools: usize = all.subnets.iter().map(|subnet| subnet.pools.len()).sum();
    println!("{pools} pools of 32 subnets: {calls:?}");
    assert!(pools > 300 && calls.len() <= 4, "{calls:?}");
    for subnet in &all.subnets {
        assert!(subnet.spot.is_some() && subnet.clock.exists, "{subnet:?}");
        for pool in &subnet.pools {
            assert!(pool.epoch.outcome().is_ok() && pool.take.is_some(), "{pool:?}");
        }
    }
    Ok(())
}

#[tokio::test]
async fn root_stakers_have_what_their_baskets_gained() -> Checked {
    // Root stakers earn only where the prices of all subnets add up to more than one.
    let (sim, head) = eventful(8, 20, 50)?;
    let at = pinned(&sim, head).await?;
    let window = returns::window(&sim, &at, NetUid(0), Span::Blocks(600), &mut |_| {}).await?;
    assert_eq!((window.first, window.last), (head - 600, head));
    let runtime = sim.runtime(&at).await?;
    let item = runtime.storage_item("SubtensorModule", "BasketTwr").ok_or("a basket")?;
    let mut compared = 0;
    for validator in &window.validators {
        let key: bytes::Bytes = item.key(&[&validator.hotkey.0])?.into();
        let mut twr: [Option<u128>; 2] = [None; 2];
        for (value, block) in twr.iter_mut().zip([window.first, window.last]) {
            let bytes = sim.storage(&pinned(&sim, block).await?, std::slice::from_ref(&key)).await?.remove(0);
            *value = bytes.map(|bytes| bytes.as_ref().try_into().map(u128::from_le_bytes)).transpose()?;
        }
        // A hotkey that was swapped to has no basket at the window's start.
        if let (Some(growth), [Some(old), Some(new)]) = (validator.report.tao.growth, twr) {
            assert!((growth - (new as f64 / old as f64 - 1.0)).abs() < 1e-12, "{validator:?}");
            compared += usize::from(growth > 0.0);
        }
    }
    assert!(compared > 0, "{:?}", window.validators);
    Ok(())
}
