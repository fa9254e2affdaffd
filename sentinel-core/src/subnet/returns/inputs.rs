//! What the state of one block says of the pools of validators: all that returns are made of, in few reads.

use std::collections::BTreeSet;

use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::{self, StreamExt};

use crate::apy::{EpochState, Observation, Pool, PoolPrice, SharePrice, Shares, Spot, SpotState};
use crate::chain::{AccountId, BlockRef, NetUid};
use crate::decode::{Runtime, storage_prefix};
use crate::source::{BlockSource, BlockSourceExt};
use crate::subnet::SubnetError;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::epochs::{ClockPlaces, EpochClock};
use crate::subnet::state::{Place, Reads, Values};

/// From here on the rows of all subnets are read in one go, though others than those asked for are among them.
const MANY_SUBNETS: usize = 4;

/// Prefixes read at once.
const PREFIXES_AT_ONCE: usize = 4;

/// The pool of one validator on one subnet.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct PoolInputs {
    /// The validator.
    pub hotkey: AccountId,
    /// Dividend and stake.
    pub epoch: EpochState,
    /// The shares; `None` where nobody has any.
    pub shares: Option<Shares>,
    /// How often the pool was emptied; `None` on runtimes that do not count it.
    pub pool_epoch: Option<u64>,
    /// What the operator takes, in 65,535ths.
    pub take: Option<u16>,
    /// Its number on the subnet; `None` where it is not registered there.
    pub uid: Option<u16>,
}

/// One subnet.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetInputs {
    /// Its clock.
    pub clock: EpochClock,
    /// What its alpha was worth; `None` before dynamic TAO.
    pub spot: Option<Spot>,
    /// The pools, by hotkey.
    pub pools: Vec<PoolInputs>,
}

/// One block.
#[derive(Debug, Clone, PartialEq)]
pub struct BlockInputs {
    /// The block.
    pub at: BlockRef,
    /// The chain's time in it.
    pub timestamp_ms: u64,
    /// Whether its runtime has dividends in alpha at all; otherwise there are no pools.
    pub is_dynamic: bool,
    /// The subnets, in the order asked for.
    pub subnets: Vec<SubnetInputs>,
}

impl PoolInputs {
    /// The price of a share.
    pub fn price(&self) -> PoolPrice {
        match (self.epoch.stake, self.shares) {
            (Some(stake), Some(shares)) => SharePrice::new(stake, shares).into(),
            _ => PoolPrice::Empty,
        }
    }
}

impl BlockInputs {
    /// What this block says of one pool, for [`window_report`](crate::apy::window_report). Only a block in which an epoch of
    /// the subnet ran tells of an epoch.
    pub fn observation(&self, subnet: &SubnetInputs, pool: &PoolInputs) -> Observation {
        Observation {
            block: self.at.number,
            timestamp_ms: self.timestamp_ms,
            pool: Pool { hotkey: pool.hotkey.0, generation: subnet.clock.generation, epoch: pool.pool_epoch },
            price: pool.price(),
            epoch: subnet.clock.ran_here().then_some(pool.epoch),
            missing_before: 0,
            spot: subnet.spot,
        }
    }
}

/// Everything that returns are made of, in the state of one block: of each subnet its clock, its price, and the pool of
/// every hotkey that was paid a dividend in its last epoch, registered or not, and of those in `also`.
///
/// Read in one request for each thousand dividends and one for the rest: see the request counts in `benches/README.md`.
pub async fn inputs(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuids: &[NetUid],
    also: &[(NetUid, AccountId)],
) -> Result<BlockInputs, SubnetError> {
    let runtime = source.writer(at).await?;
    let is_dynamic = runtime.storage_item("SubtensorModule", DIVIDENDS).is_some();
    let mut wanted: BTreeSet<(NetUid, AccountId)> = also.iter().copied().collect();
    let mut paid: Vec<(NetUid, AccountId, u64)> = Vec::new();
    if is_dynamic {
        paid = dividends(source, at, netuids).await?;
        wanted.extend(paid.iter().map(|(netuid, hotkey, _)| (*netuid, *hotkey)));
    }
    paid.sort_unstable();
    let mut reads = Reads::new(&runtime);
    let now = reads.add_in("Timestamp", "Now", &[]);
    let places: Vec<SubnetPlaces> =
        netuids.iter().map(|netuid| SubnetPlaces::add(&mut reads, &runtime, *netuid, &wanted)).collect();
    let values = reads.read(source, at).await?;
    let timestamp_ms = values.u64(now)?.unwrap_or_default();
    let of = |netuid: NetUid, hotkey: AccountId| {
        let found = paid.binary_search_by_key(&(netuid, hotkey), |(netuid, hotkey, _)| (*netuid, *hotkey));
        found.ok().map(|at| paid[at].2)
    };
    let subnets: Result<Vec<SubnetInputs>, SubnetError> =
        places.iter().map(|places| places.inputs(&values, at.number, is_dynamic, &of)).collect();
    Ok(BlockInputs { at: *at, timestamp_ms, is_dynamic, subnets: subnets? })
}

/// The pools of these hotkeys on one subnet, none of which was paid a dividend in the last epoch.
pub(super) async fn pools(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
    hotkeys: &[AccountId],
) -> Result<Vec<PoolInputs>, SubnetError> {
    let runtime = source.writer(at).await?;
    let mut reads = Reads::new(&runtime);
    let key = netuid.0.to_le_bytes();
    let places: Vec<PoolPlaces> = hotkeys.iter().map(|hotkey| PoolPlaces::add(&mut reads, &key, *hotkey)).collect();
    let values = reads.read(source, at).await?;
    places.iter().map(|pool| pool.inputs(&values, None)).collect()
}

const DIVIDENDS: &str = "AlphaDividendsPerSubnet";

/// Every row of dividends of these subnets.
async fn dividends(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuids: &[NetUid],
) -> Result<Vec<(NetUid, AccountId, u64)>, SubnetError> {
    let map = storage_prefix("SubtensorModule", DIVIDENDS);
    let prefixes: Vec<Bytes> = if netuids.len() >= MANY_SUBNETS {
        vec![map.to_vec().into()]
    } else {
        // Hashed by identity: rows of one subnet stand together.
        netuids.iter().map(|netuid| [&map[..], &netuid.0.to_le_bytes()].concat().into()).collect()
    };
    let rows: Vec<Vec<_>> = stream::iter(prefixes)
        .map(|prefix| source.storage_prefix(*at, prefix).try_collect::<Vec<_>>())
        .buffered(PREFIXES_AT_ONCE)
        .try_collect()
        .await?;
    let mut found = Vec::new();
    for (key, value) in rows.into_iter().flatten() {
        let (netuid, hotkey, dividend) = row(&map, &key, &value).ok_or_else(|| SubnetError::Layout {
            what: format!("SubtensorModule.{DIVIDENDS}"),
            block: at.number,
            message: format!("key 0x{}, value 0x{}", const_hex::encode(&key), const_hex::encode(&value)),
        })?;
        if netuids.contains(&netuid) {
            found.push((netuid, hotkey, dividend));
        }
    }
    Ok(found)
}

/// A netuid, 16 bytes of hash and the hotkey behind them; an amount.
fn row(map: &[u8], key: &[u8], value: &[u8]) -> Option<(NetUid, AccountId, u64)> {
    let (netuid, rest) = key.strip_prefix(map)?.split_first_chunk::<2>()?;
    let hotkey: [u8; 32] = rest.get(16..)?.try_into().ok()?;
    Some((NetUid(u16::from_le_bytes(*netuid)), AccountId(hotkey), u64::from_le_bytes(value.try_into().ok()?)))
}

/// Where the values of one subnet will be.
struct SubnetPlaces {
    clock: ClockPlaces,
    netuid: NetUid,
    mechanism: Place,
    tao: [Place; 2],
    alpha: [Place; 2],
    swap_initialized: Place,
    sqrt_price: Place,
    balancer: Place,
    pools: Vec<PoolPlaces>,
}

struct PoolPlaces {
    hotkey: AccountId,
    stake_after: Place,
    stake: Place,
    shares: Place,
    shares_v2: Place,
    pool_epoch: Place,
    take: Place,
    uid: Place,
}

impl SubnetPlaces {
    fn add(reads: &mut Reads<'_>, runtime: &Runtime, netuid: NetUid, wanted: &BTreeSet<(NetUid, AccountId)>) -> Self {
        let key = netuid.0.to_le_bytes();
        let clock = ClockPlaces::add(reads, runtime, netuid);
        let range = (netuid, AccountId([0; 32]))..=(netuid, AccountId([0xff; 32]));
        let pools = wanted.range(range).map(|(_, hotkey)| PoolPlaces::add(reads, &key, *hotkey)).collect();
        let mut of = |pallet: &str, item: &str| reads.add_in(pallet, item, &[&key]);
        Self {
            clock,
            netuid,
            mechanism: of("SubtensorModule", "SubnetMechanism"),
            tao: [of("SubtensorModule", "SubnetTAO"), of("SubtensorModule", "SubnetTaoProvided")],
            alpha: [of("SubtensorModule", "SubnetAlphaIn"), of("SubtensorModule", "SubnetAlphaInProvided")],
            swap_initialized: of("Swap", "SwapV3Initialized"),
            sqrt_price: of("Swap", "AlphaSqrtPrice"),
            balancer: of("Swap", "SwapBalancer"),
            pools,
        }
    }

    fn inputs(
        &self,
        values: &Values<'_>,
        block: u64,
        is_dynamic: bool,
        paid: &impl Fn(NetUid, AccountId) -> Option<u64>,
    ) -> Result<SubnetInputs, SubnetError> {
        let spot = if is_dynamic { self.spot(values)? } else { None };
        let pools: Result<Vec<PoolInputs>, SubnetError> =
            self.pools.iter().map(|pool| pool.inputs(values, paid(self.netuid, pool.hotkey))).collect();
        Ok(SubnetInputs { clock: self.clock.clock(values, block)?, spot, pools: pools? })
    }

    fn spot(&self, values: &Values<'_>) -> Result<Option<Spot>, SubnetError> {
        let sum = |places: [Place; 2]| -> Result<Option<u64>, SubnetError> {
            let first = values.u64(places[0])?;
            Ok(first.map(|first| first.saturating_add(values.u64(places[1]).ok().flatten().unwrap_or_default())))
        };
        let (Some(tao), Some(alpha)) = (sum(self.tao)?, sum(self.alpha)?) else { return Ok(None) };
        Ok(Some(Spot::of(&SpotState {
            netuid: self.netuid.0,
            mechanism: values.u16(self.mechanism)?.unwrap_or(1),
            tao,
            alpha,
            swap_v3_initialized: values.flag(self.swap_initialized)?,
            sqrt_price: values.u128(self.sqrt_price)?,
            balancer_quote: values.u64(self.balancer)?,
        })))
    }
}

impl PoolPlaces {
    fn add(reads: &mut Reads<'_>, netuid: &[u8], hotkey: AccountId) -> Self {
        let pool: [&[u8]; 2] = [&hotkey.0, netuid];
        Self {
            hotkey,
            stake_after: reads.add("TotalHotkeyAlphaLastEpoch", &pool),
            stake: reads.add("TotalHotkeyAlpha", &pool),
            shares: reads.add("TotalHotkeyShares", &pool),
            shares_v2: reads.add("TotalHotkeySharesV2", &pool),
            pool_epoch: reads.add("AlphaSharePoolEpoch", &pool),
            take: reads.add("Delegates", &[&hotkey.0]),
            uid: reads.add("Uids", &[netuid, &hotkey.0]),
        }
    }

    fn inputs(&self, values: &Values<'_>, dividend: Option<u64>) -> Result<PoolInputs, SubnetError> {
        // A pool is in the first form until it is next written to.
        let shares = if values.is_stored(self.shares) {
            values.u128(self.shares)?.map(Shares::Fixed)
        } else {
            match values.cell(self.shares_v2, Shape::Scaled)? {
                Cell::Scaled(mantissa, exponent) => Some(Shares::Float { mantissa, exponent }),
                _ => values.u128(self.shares)?.map(Shares::Fixed),
            }
        };
        // Of a hotkey that earned nothing, the row of an epoch long ago may still be there.
        let stake_after =
            if dividend.is_some() && values.is_stored(self.stake_after) { values.u64(self.stake_after)? } else { None };
        Ok(PoolInputs {
            hotkey: self.hotkey,
            epoch: EpochState { dividend, stake_after, stake: values.u64(self.stake)? },
            shares,
            pool_epoch: values.u64(self.pool_epoch)?,
            take: values.u16(self.take)?,
            uid: values.u16(self.uid)?,
        })
    }
}
