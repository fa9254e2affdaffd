//! Returns of root stakers, who are paid in TAO and not by epochs: by the rule of the runtime at the window's end.
//!
//! Since baskets, `BasketTwr` says what one TAO staked on a validator has become; before claims, root dividends raised the
//! share price of the pool on netuid 0. The claims between those two need the price of every subnet at both ends.

use std::collections::BTreeMap;

use futures::stream::{self, StreamExt, TryStreamExt};

use super::inputs::{PoolInputs, pools};
use super::{ReturnsProgress, SubnetReturns, ValidatorReturn};
use crate::apy::{
    ApyError, BasketReading, ClaimableChange, Elapsed, Growth, NoReturn, PoolPrice, Window, WindowReport, WindowReturn,
    annual_rate, annual_yield, root_by_basket, root_by_claims,
};
use crate::chain::{AccountId, BlockId, BlockRef, NetUid};
use crate::decode::{Runtime, Value};
use crate::source::{BlockSource, BlockSourceExt};
use crate::subnet::SubnetError;
use crate::subnet::info;
use crate::subnet::state::{Place, Reads};

const ROOT: NetUid = NetUid(0);

/// Blocks of a window at which baskets are read: a fund that was drained and filled again between two of them is seen by
/// its counting beginning anew.
const READINGS: u64 = 33;

const BLOCKS_AT_ONCE: usize = 4;

/// How a runtime pays root stakers.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Era {
    Pool,
    Claims,
    Baskets,
    BeforeDynamicTao,
}

impl Era {
    fn of(runtime: &Runtime) -> Self {
        let has = |item: &str| runtime.storage_item("SubtensorModule", item).is_some();
        if has("BasketTwr") {
            Self::Baskets
        } else if has("RootClaimable") {
            Self::Claims
        } else if has("TaoDividendsPerSubnet") {
            Self::Pool
        } else {
            Self::BeforeDynamicTao
        }
    }
}

/// What one block says of one validator.
#[derive(Debug, Clone)]
struct RootState {
    pool: PoolInputs,
    twr: Option<u128>,
    basket_shares: Option<u64>,
    claimable: BTreeMap<u16, i128>,
}

/// What one block says.
#[derive(Debug)]
struct RootBlock {
    at: BlockRef,
    timestamp_ms: u64,
    validators: Vec<RootState>,
}

/// The returns of root stakers from one block to another.
pub(super) async fn window(
    source: &dyn BlockSource,
    start: &BlockRef,
    at: &BlockRef,
    progress: &mut (dyn FnMut(ReturnsProgress) + Send),
) -> Result<SubnetReturns, SubnetError> {
    let era = Era::of(&*source.writer(at).await?);
    let hotkeys = validators(source, at).await?;
    let blocks = blocks(start.number, at.number, era);
    let total = blocks.len() as u64;
    let mut read: Vec<RootBlock> = Vec::with_capacity(blocks.len());
    let mut all = stream::iter(blocks).map(|block| state(source, block, &hotkeys)).buffered(BLOCKS_AT_ONCE);
    while let Some(block) = all.try_next().await? {
        read.push(block);
        progress(ReturnsProgress { done: read.len() as u64, total });
    }
    drop(all);
    let prices = match era {
        Era::Claims => prices(source, at).await?,
        _ => BTreeMap::new(),
    };
    evaluate(*at, era, &read, &prices)
}

/// Both ends, and of baskets some blocks between.
fn blocks(first: u64, last: u64, era: Era) -> Vec<u64> {
    let steps = if era == Era::Baskets { READINGS - 1 } else { 1 };
    let mut blocks: Vec<u64> = (0..=steps).map(|step| first + (last - first) * step / steps).collect();
    blocks.dedup();
    blocks
}

/// The hotkeys of the root network.
async fn validators(source: &dyn BlockSource, at: &BlockRef) -> Result<Vec<AccountId>, SubnetError> {
    let runtime = source.writer(at).await?;
    let key = ROOT.0.to_le_bytes();
    let mut reads = Reads::new(&runtime);
    let count = reads.add("SubnetworkN", &[&key]);
    let count = reads.read(source, at).await?.u16(count)?.unwrap_or_default();
    let mut reads = Reads::new(&runtime);
    let places: Vec<Place> = (0..count).map(|uid| reads.add("Keys", &[&key, &uid.to_le_bytes()])).collect();
    let values = reads.read(source, at).await?;
    let mut hotkeys = Vec::with_capacity(places.len());
    for place in places {
        hotkeys.extend(values.account(place)?);
    }
    hotkeys.sort_unstable();
    hotkeys.dedup();
    Ok(hotkeys)
}

async fn state(source: &dyn BlockSource, block: u64, hotkeys: &[AccountId]) -> Result<RootBlock, SubnetError> {
    let at = source.header(BlockId::Number(block)).await?.reference();
    let pools = pools(source, &at, ROOT, hotkeys).await?;
    let runtime = source.writer(&at).await?;
    let mut reads = Reads::new(&runtime);
    let now = reads.add_in("Timestamp", "Now", &[]);
    let places: Vec<[Place; 3]> = hotkeys
        .iter()
        .map(|hotkey| ["BasketTwr", "BasketShares", "RootClaimable"].map(|item| reads.add(item, &[&hotkey.0])))
        .collect();
    let values = reads.read(source, &at).await?;
    let mut validators = Vec::with_capacity(pools.len());
    for (pool, [twr, shares, claimable]) in pools.into_iter().zip(places) {
        let mut rates = BTreeMap::new();
        if let Some(Value::Map(entries)) = values.value(claimable)? {
            rates.extend(entries.iter().filter_map(rate));
        }
        validators.push(RootState {
            pool,
            twr: values.u128(twr)?,
            basket_shares: values.u64(shares)?,
            claimable: rates,
        });
    }
    let timestamp_ms = values.u64(now)?.unwrap_or_default();
    Ok(RootBlock { at, timestamp_ms, validators })
}

/// A netuid, and the bits of what can be claimed.
fn rate((netuid, rate): &(Value, Value)) -> Option<(u16, i128)> {
    let bits = match rate.get("bits").unwrap_or(rate) {
        Value::Signed(bits) => *bits,
        Value::Unsigned(bits) => i128::try_from(*bits).ok()?,
        _ => return None,
    };
    Some((u16::try_from(netuid.as_u64()?).ok()?, bits))
}

async fn prices(source: &dyn BlockSource, at: &BlockRef) -> Result<BTreeMap<u16, f64>, SubnetError> {
    let subnets = info::read(source, at, None).await?;
    Ok(subnets.iter().filter_map(|subnet| Some((subnet.netuid.0, subnet.price?))).collect())
}

fn evaluate(
    at: BlockRef,
    era: Era,
    read: &[RootBlock],
    prices: &BTreeMap<u16, f64>,
) -> Result<SubnetReturns, SubnetError> {
    let (Some(first), Some(last)) = (read.first(), read.last()) else {
        return Err(SubnetError::Layout {
            what: "the root network".to_owned(),
            block: at.number,
            message: "nothing was read".to_owned(),
        });
    };
    let failed =
        |source: ApyError| SubnetError::Return { netuid: ROOT, first: first.at.number, last: last.at.number, source };
    let window = Window::between(first.timestamp_ms, last.timestamp_ms).map_err(failed)?;
    let mut validators = Vec::with_capacity(last.validators.len());
    let (mut staked, mut gained) = (0.0, 0.0);
    for (position, newest) in last.validators.iter().enumerate() {
        let outcome = earned(era, read, position, prices);
        if let (Ok((growth, _)), Some(stake)) = (&outcome, first.validators[position].pool.epoch.stake) {
            staked += stake as f64;
            gained += stake as f64 * growth.excess().unwrap_or_default();
        }
        let result = match outcome {
            Ok((growth, covered_ms)) => paid(&window, growth, covered_ms),
            Err(reason) => WindowReturn::without(&window, reason),
        };
        let report = WindowReport { alpha: result, tao: result, check: None, splits: Vec::new(), nulls: Vec::new() };
        validators.push(ValidatorReturn {
            uid: newest.pool.uid,
            hotkey: newest.pool.hotkey,
            formerly: Vec::new(),
            take: newest.pool.take,
            stake: newest.pool.epoch.stake,
            report,
            by_epoch: Vec::new(),
        });
    }
    let rank = |validator: &ValidatorReturn| validator.report.alpha.apy.unwrap_or(f64::NEG_INFINITY);
    validators.sort_by(|one, other| rank(other).total_cmp(&rank(one)).then(one.hotkey.cmp(&other.hotkey)));
    let together = (staked > 0.0).then(|| Growth::by(gained / staked)).flatten();
    let subnet = match together {
        Some(growth) => paid(&window, growth, window.length().milliseconds()),
        None if era == Era::BeforeDynamicTao => WindowReturn::without(&window, NoReturn::PreDynamicTao),
        None => WindowReturn::without(&window, NoReturn::NoStake),
    };
    Ok(SubnetReturns {
        netuid: ROOT,
        at,
        first: first.at.number,
        last: last.at.number,
        window,
        epochs: Vec::new(),
        validators,
        subnet,
        read: Vec::new(),
    })
}

/// What one TAO on a validator gained, and in how much of the time that is known.
fn earned(
    era: Era,
    read: &[RootBlock],
    position: usize,
    prices: &BTreeMap<u16, f64>,
) -> Result<(Growth, u64), NoReturn> {
    let (Some(first), Some(last)) = (read.first(), read.last()) else { return Err(NoReturn::NoEpochs) };
    let whole = last.timestamp_ms.saturating_sub(first.timestamp_ms);
    let (old, new) = (&first.validators[position], &last.validators[position]);
    match era {
        Era::BeforeDynamicTao => Err(NoReturn::PreDynamicTao),
        Era::Pool => match (old.pool.price(), new.pool.price()) {
            (PoolPrice::Known(old), PoolPrice::Known(new)) => Ok((old.growth_to(new), whole)),
            _ => Err(NoReturn::NoStake),
        },
        Era::Claims => {
            let netuids = old.claimable.keys().chain(new.claimable.keys());
            let changes: BTreeMap<u16, ClaimableChange> = netuids
                .map(|netuid| {
                    let at = |state: &RootState| state.claimable.get(netuid).copied().unwrap_or_default();
                    let price = prices.get(netuid).copied();
                    (*netuid, ClaimableChange { before: at(old), after: at(new), price })
                })
                .collect();
            let changes: Vec<ClaimableChange> = changes.into_values().collect();
            Growth::by(root_by_claims(&changes)?).map(|growth| (growth, whole)).ok_or(NoReturn::Overflow)
        }
        Era::Baskets => {
            let mut drained = false;
            let readings = read.iter().filter_map(|block| {
                let state = &block.validators[position];
                let empty = state.basket_shares == Some(0);
                // What was empty at one reading began anew before the next.
                let reading = BasketReading { timestamp_ms: block.timestamp_ms, twr: state.twr?, drained };
                drained = empty;
                Some(reading)
            });
            let earned = root_by_basket(&readings.collect::<Vec<_>>())?;
            Ok((earned.growth, earned.covered_ms))
        }
    }
}

/// A growth as it is shown. It has no epochs: its APR is the growth by the time.
fn paid(window: &Window, growth: Growth, covered_ms: u64) -> WindowReturn {
    let without = WindowReturn::without(window, NoReturn::NoEpochs);
    let (Ok(elapsed), Some(excess)) = (Elapsed::between(0, covered_ms), growth.excess()) else { return without };
    let (apy, apr) = (annual_yield(growth, elapsed), annual_rate(excess, elapsed));
    let overflow = apy.is_none() || apr.is_none();
    WindowReturn {
        apy,
        apr,
        growth: Some(excess),
        coverage: covered_ms as f64 / window.length().milliseconds() as f64,
        reason: overflow.then_some(NoReturn::Overflow),
        overflow,
        short: elapsed.is_short(),
        covered_ms,
        ..without
    }
}
