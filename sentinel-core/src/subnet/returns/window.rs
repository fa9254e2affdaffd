//! Reads the epochs of a window and makes returns of them.

use std::collections::{BTreeMap, BTreeSet};

use futures::stream::{self, StreamExt};

use super::inputs::{BlockInputs, PoolInputs, SubnetInputs, inputs};
use super::moment::{block_at, timestamp};
use super::span::Span;
use super::{ReturnsProgress, SubnetReturns, ValidatorReturn};
use crate::apy::{
    EpochColumns, NoReturn, Observation, PoolPrice, Window, WindowReport, WindowReturn, combined_return, window_report,
    window_returns,
};
use crate::chain::{AccountId, BlockId, BlockRef, NetUid};
use crate::source::{BlockSource, BlockSourceExt};
use crate::subnet::SubnetError;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::epochs::{EpochClock, clocks, discover};
use crate::subnet::state::{Reads, no_such_subnet};

/// Blocks read at once.
const BLOCKS_AT_ONCE: usize = 4;

/// The returns of all validators of a subnet over a window that ends at a block.
///
/// The window is moved back to whole epochs: it begins with the last epoch before its length and ends with the last one
/// before `at`. Every epoch in it is read at its own block. Root stakers are paid without epochs, in TAO: theirs is taken as
/// it is, by the rule of the runtime at its end. `progress` is told of every block that was read.
///
/// # Errors
/// [`SubnetError::WindowTooLong`] says how long it may be; [`SubnetError::NoSuchSubnet`] and [`SubnetError::NotYet`] name
/// what there is; a source that lacks a state of the window says so.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::chain::{Finality, NetUid};
/// use sentinel_core::subnet::returns;
///
/// let head = source.head(Finality::Finalized).await?;
/// let week = returns::window(source, &head, NetUid(1), "7d".parse()?, &mut |_| {}).await?;
/// for validator in &week.validators {
///     println!("{} {:?}", validator.hotkey, validator.report.alpha.apy);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn window(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
    span: Span,
    progress: &mut (dyn FnMut(ReturnsProgress) + Send),
) -> Result<SubnetReturns, SubnetError> {
    let clock = clock(source, at, netuid).await?;
    if !clock.exists {
        return Err(no_such_subnet(source, at, netuid).await);
    }
    let start = start(source, at, span).await?;
    if netuid.0 == 0 {
        return super::root::window(source, &start, at, progress).await;
    }
    let blocks = epoch_blocks(source, &start, at, &clock).await?;
    let total = blocks.len() as u64;
    let mut read: Vec<BlockInputs> = Vec::with_capacity(blocks.len());
    let mut all = stream::iter(blocks).map(|block| at_block(source, block, netuid)).buffered(BLOCKS_AT_ONCE);
    while let Some(block) = all.next().await {
        read.push(block?);
        progress(ReturnsProgress { done: read.len() as u64, total });
    }
    drop(all);
    let known = validators(source, at, netuid, &read).await?;
    complete(source, netuid, &known, &mut read).await?;
    let successors = successors(source, at, netuid, &known).await?;
    evaluate(netuid, *at, read, &known, &successors)
}

async fn clock(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> Result<EpochClock, SubnetError> {
    clocks(source, at, &[netuid]).await?.pop().ok_or_else(|| SubnetError::Layout {
        what: "the clock of a subnet".to_owned(),
        block: at.number,
        message: "nothing was read".to_owned(),
    })
}

/// The block at which the length that was asked for begins.
async fn start(source: &dyn BlockSource, at: &BlockRef, span: Span) -> Result<BlockRef, SubnetError> {
    let too_long = |available: Span| SubnetError::WindowTooLong {
        asked: span.to_string(),
        block: at.number,
        available: available.to_string(),
    };
    match span {
        Span::Blocks(blocks) => match at.number.checked_sub(blocks) {
            // The genesis has no time to count from.
            None | Some(0) => Err(too_long(Span::Blocks(at.number.saturating_sub(1)))),
            Some(start) => Ok(source.header(BlockId::Number(start)).await?.reference()),
        },
        Span::Milliseconds(length) => {
            let end = timestamp(source, at).await?;
            let found = match end.checked_sub(length) {
                Some(moment) => block_at(source, at, moment).await?,
                None => None,
            };
            match found {
                Some((start, _)) => Ok(start),
                None => {
                    let first = source.header(BlockId::Number(1)).await?.reference();
                    let age = end.saturating_sub(timestamp(source, &first).await?);
                    Err(too_long(Span::Milliseconds(age / 60_000 * 60_000)))
                }
            }
        }
    }
}

/// The blocks to read: every epoch after the start, and before them the one that opens, or the start itself.
async fn epoch_blocks(
    source: &dyn BlockSource,
    start: &BlockRef,
    at: &BlockRef,
    end: &EpochClock,
) -> Result<Vec<u64>, SubnetError> {
    let history = discover(source, end.netuid, start.number + 1..=at.number).await?;
    let before = clock(source, start, end.netuid).await?;
    let first = before.last_own_step().unwrap_or(start.number);
    let mut blocks = vec![first];
    blocks.extend(history.epochs.iter().map(|epoch| epoch.block).filter(|block| *block > first));
    // Without an epoch, the end is all there is to compare with.
    if blocks.len() == 1 && at.number > first {
        blocks.push(at.number);
    }
    Ok(blocks)
}

async fn at_block(source: &dyn BlockSource, block: u64, netuid: NetUid) -> Result<BlockInputs, SubnetError> {
    let at = source.header(BlockId::Number(block)).await?.reference();
    inputs(source, &at, &[netuid], &[]).await
}

/// Every hotkey that was paid in the window, and those that may set weights at its end.
async fn validators(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
    read: &[BlockInputs],
) -> Result<BTreeSet<AccountId>, SubnetError> {
    let pools = read.iter().flat_map(|block| &block.subnets).flat_map(|subnet| &subnet.pools);
    let mut known: BTreeSet<AccountId> = pools.map(|pool| pool.hotkey).collect();
    let runtime = source.writer(at).await?;
    let mut reads = Reads::new(&runtime);
    let key = netuid.0.to_le_bytes();
    let permits = reads.add("ValidatorPermit", &[&key]);
    let values = reads.read(source, at).await?;
    let Cell::Flags(permits) = values.cell(permits, Shape::Flags)? else { return Ok(known) };
    let mut reads = Reads::new(&runtime);
    let permitted = permits.iter().enumerate().filter(|(_, permit)| **permit);
    let places: Vec<_> = permitted.map(|(uid, _)| reads.add("Keys", &[&key, &(uid as u16).to_le_bytes()])).collect();
    let values = reads.read(source, at).await?;
    for place in places {
        known.extend(values.account(place)?);
    }
    Ok(known)
}

/// Reads the pools that a block did not tell of by itself, since nothing was paid to them there.
async fn complete(
    source: &dyn BlockSource,
    netuid: NetUid,
    known: &BTreeSet<AccountId>,
    read: &mut [BlockInputs],
) -> Result<(), SubnetError> {
    let missing = read.iter().enumerate().filter_map(|(position, block)| {
        let subnet = block.subnets.first()?;
        let there: BTreeSet<AccountId> = subnet.pools.iter().map(|pool| pool.hotkey).collect();
        let missing: Vec<AccountId> = known.difference(&there).copied().collect();
        (block.is_dynamic && !missing.is_empty()).then_some((position, block.at, missing))
    });
    let missing: Vec<_> = missing.collect();
    let mut all =
        stream::iter(missing)
            .map(|(position, at, hotkeys)| async move {
                (position, super::inputs::pools(source, &at, netuid, &hotkeys).await)
            })
            .buffered(BLOCKS_AT_ONCE);
    while let Some((position, pools)) = all.next().await {
        if let Some(subnet) = read[position].subnets.first_mut() {
            subnet.pools.extend(pools?);
            subnet.pools.sort_by_key(|pool| pool.hotkey);
        }
    }
    Ok(())
}

/// The hotkey that each one was swapped for, where the chain keeps that.
async fn successors(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
    known: &BTreeSet<AccountId>,
) -> Result<BTreeMap<AccountId, AccountId>, SubnetError> {
    let runtime = source.writer(at).await?;
    let mut reads = Reads::new(&runtime);
    let places: Vec<_> = known
        .iter()
        .map(|hotkey| (*hotkey, reads.add("HotkeySuccessor", &[&netuid.0.to_le_bytes(), &hotkey.0])))
        .collect();
    let values = reads.read(source, at).await?;
    let mut successors = BTreeMap::new();
    for (hotkey, place) in places {
        if let Some(successor) = values.account(place)?.filter(|successor| *successor != hotkey) {
            successors.insert(hotkey, successor);
        }
    }
    Ok(successors)
}

/// The hotkeys of one stake, the newest first: chains of swaps, followed back.
fn lines(known: &BTreeSet<AccountId>, successors: &BTreeMap<AccountId, AccountId>) -> Vec<Vec<AccountId>> {
    let newest = known.iter().filter(|hotkey| !successors.get(hotkey).is_some_and(|next| known.contains(next)));
    newest
        .map(|newest| {
            let mut line = vec![*newest];
            while let Some((older, _)) = line.last().and_then(|last| successors.iter().find(|(_, next)| *next == last))
            {
                // A circle of swaps ends where it began.
                if line.contains(older) {
                    break;
                }
                line.push(*older);
            }
            line
        })
        .collect()
}

fn evaluate(
    netuid: NetUid,
    at: BlockRef,
    read: Vec<BlockInputs>,
    known: &BTreeSet<AccountId>,
    successors: &BTreeMap<AccountId, AccountId>,
) -> Result<SubnetReturns, SubnetError> {
    let (first, last) = match (read.first(), read.last()) {
        (Some(first), Some(last)) => ((first.at.number, first.timestamp_ms), (last.at.number, last.timestamp_ms)),
        _ => ((at.number, 0), (at.number, 0)),
    };
    let failed = |source| SubnetError::Return { netuid, first: first.0, last: last.0, source };
    let window = Window::between(first.1, last.1).map_err(failed)?;
    let mut validators = Vec::new();
    for line in lines(known, successors) {
        if let Some(validator) = validator(&read, &line, &window).map_err(failed)? {
            validators.push(validator);
        }
    }
    let rank = |validator: &ValidatorReturn| validator.report.alpha.apy.unwrap_or(f64::NEG_INFINITY);
    validators.sort_by(|one, other| rank(other).total_cmp(&rank(one)).then(one.hotkey.cmp(&other.hotkey)));
    let subnet = together(&read, &window).map_err(failed)?;
    let epochs = read.iter().map(|block| (block.at.number, block.timestamp_ms)).collect();
    Ok(SubnetReturns { netuid, at, first: first.0, last: last.0, window, epochs, validators, subnet, read })
}

/// The pool that a stake lies in at a block: that of the newest hotkey that has one.
fn pool_of<'i>(block: &'i BlockInputs, line: &[AccountId]) -> Option<(&'i SubnetInputs, &'i PoolInputs)> {
    let subnet = block.subnets.first()?;
    let find = |hotkey: &AccountId| {
        subnet.pools.binary_search_by_key(hotkey, |pool| pool.hotkey).ok().map(|at| &subnet.pools[at])
    };
    let staked = line.iter().filter_map(find).find(|pool| pool.price() != PoolPrice::Empty);
    staked.or_else(|| line.first().and_then(find)).map(|pool| (subnet, pool))
}

fn validator(
    read: &[BlockInputs],
    line: &[AccountId],
    window: &Window,
) -> Result<Option<ValidatorReturn>, crate::apy::ApyError> {
    let pools: Vec<Option<(&SubnetInputs, &PoolInputs)>> = read.iter().map(|block| pool_of(block, line)).collect();
    let observations: Vec<Observation> = read
        .iter()
        .zip(&pools)
        .filter_map(|(block, pool)| pool.map(|(subnet, pool)| block.observation(subnet, pool)))
        .collect();
    let Some((_, newest)) = pools.last().copied().flatten() else {
        // No block of the window knows dividends in alpha.
        let without = WindowReturn::without(window, NoReturn::PreDynamicTao);
        let report = WindowReport { alpha: without, tao: without, check: None, splits: Vec::new(), nulls: Vec::new() };
        let hotkey = line[0];
        let by_epoch = vec![None; read.len()];
        let formerly = line[1..].iter().rev().copied().collect();
        return Ok(Some(ValidatorReturn { uid: None, hotkey, formerly, take: None, stake: None, report, by_epoch }));
    };
    if observations.iter().all(|observation| {
        observation.price == PoolPrice::Empty && observation.epoch.is_none_or(|epoch| epoch.dividend.is_none())
    }) {
        return Ok(None);
    }
    let paid = |pool: &Option<(&SubnetInputs, &PoolInputs)>| {
        let (subnet, pool) = (*pool)?;
        if subnet.clock.ran_here() { pool.epoch.outcome().ok().map(|epoch| epoch.ratio()) } else { None }
    };
    let by_epoch = pools.iter().map(paid).collect();
    Ok(Some(ValidatorReturn {
        uid: newest.uid,
        hotkey: newest.hotkey,
        formerly: line.iter().rev().copied().filter(|hotkey| *hotkey != newest.hotkey).collect(),
        take: newest.take,
        stake: newest.epoch.stake,
        report: window_report(window, &observations)?,
        by_epoch,
    }))
}

/// The return of all validators together: of the subnet that has the number at the end.
fn together(read: &[BlockInputs], window: &Window) -> Result<WindowReturn, crate::apy::ApyError> {
    if read.iter().all(|block| !block.is_dynamic) {
        return Ok(WindowReturn::without(window, NoReturn::PreDynamicTao));
    }
    let Some(newest) = read.last().and_then(|block| block.subnets.first()) else {
        return Ok(WindowReturn::without(window, NoReturn::NoEpochs));
    };
    let (mut dividend, mut stake_after, mut timestamp_ms) = (Vec::new(), Vec::new(), Vec::new());
    for block in read {
        let Some(subnet) = block.subnets.first() else { continue };
        if !subnet.clock.generation.is_same_as(&newest.clock.generation) {
            continue;
        }
        // A block without an epoch, which can only be the first or the last, pays nothing on what is staked.
        let epochs = subnet.pools.iter().filter_map(|pool| {
            let epoch = if subnet.clock.ran_here() {
                pool.epoch
            } else {
                crate::apy::EpochState { dividend: None, stake_after: None, stake: pool.epoch.stake }
            };
            epoch.outcome().ok()
        });
        let (paid, stake) = match combined_return(epochs) {
            Ok(all) => (all.dividend(), all.base().saturating_add(all.dividend())),
            Err(_) => (0, 0),
        };
        dividend.push(paid);
        stake_after.push(stake);
        timestamp_ms.push(block.timestamp_ms);
    }
    let columns = EpochColumns {
        dividend: &dividend,
        stake_after: &stake_after,
        timestamp_ms: &timestamp_ms,
        missing_before: None,
    };
    let offsets = [0, dividend.len()];
    let mut returns = window_returns(&columns, &offsets, window)?;
    Ok(returns.pop().unwrap_or_else(|| WindowReturn::without(window, NoReturn::NoEpochs)))
}
