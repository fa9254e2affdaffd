//! Reads what dividends are recomputed from.

use super::{MechanismDividends, SubnetDividends, YumaRule, distance, yuma2, yuma3};
use crate::chain::{AccountId, BlockRef, NetUid};
use crate::source::BlockSource;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::mechanism::MAX_MECHANISMS;
use crate::subnet::state::{Place, Reads, Values, no_such_subnet, writer};
use crate::subnet::weights::Rows;
use crate::subnet::{SubnetError, storage_index};

/// The dividends of a subnet's last epoch, recomputed and as the chain has them, in two reads of storage.
///
/// They belong to that epoch exactly in the state of its own block; later blocks may have lost bonds and neurons.
///
/// # Errors
/// [`SubnetError::NotYet`] for a subnet that was registered later, [`SubnetError::NoSuchSubnet`] otherwise.
pub async fn read(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> Result<SubnetDividends, SubnetError> {
    let (runtime, _) = writer(source, at).await?;
    let mut reads = Reads::new(&runtime);
    let places = Places::add(&mut reads, netuid);
    let values = reads.read(source, at).await?;
    if values.flag(places.added)? != Some(true) {
        return Err(no_such_subnet(source, at, netuid).await);
    }
    let count = values.u16(places.count)?.unwrap_or(0);
    let mechanisms = values.u8(places.mechanisms)?.unwrap_or(1);
    let mut reads = Reads::new(&runtime);
    let rows: Vec<Rows> = (0..mechanisms).map(|mechanism| Rows::bonds(&mut reads, netuid, mechanism, count)).collect();
    let key = netuid.0.to_le_bytes();
    let keys: Vec<Place> = (0..count).map(|uid| reads.add("Keys", &[&key, &uid.to_le_bytes()])).collect();
    let each = reads.read(source, at).await?;

    let hotkeys = keys.iter().map(|place| Ok(each.account(*place)?.unwrap_or(AccountId([0; 32]))));
    let hotkeys = hotkeys.collect::<Result<Vec<_>, SubnetError>>()?;
    let rule = if values.flag(places.yuma3)? == Some(true) { YumaRule::Yuma3 } else { YumaRule::Yuma2 };
    let stake = places.active_stake(&values)?;
    let shares = places.emission_shares(&values, mechanisms)?;
    let mut found = Vec::with_capacity(rows.len());
    for ((rows, emission_share), incentive) in rows.iter().zip(shares).zip(&places.incentives) {
        let bonds = rows.of(&each)?;
        let incentive = values.shares(*incentive)?.unwrap_or_default();
        let recomputed = match rule {
            YumaRule::Yuma2 => yuma2(&bonds.bonds, &incentive),
            YumaRule::Yuma3 => yuma3(&bonds.bonds, &incentive, &stake),
        };
        found.push(MechanismDividends { mechanism: bonds.mechanism, emission_share, recomputed });
    }
    let recomputed = combine(&found, usize::from(count));
    let stored = values.shares(places.dividends)?.unwrap_or_default();
    let distance = distance(&recomputed, &stored);
    Ok(SubnetDividends { netuid, at: *at, rule, hotkeys, mechanisms: found, recomputed, stored, distance })
}

/// Weighs each mechanism by its part of the emission.
fn combine(mechanisms: &[MechanismDividends], count: usize) -> Vec<f64> {
    let mut all = vec![0f64; count];
    for mechanism in mechanisms {
        for (sum, dividend) in all.iter_mut().zip(&mechanism.recomputed) {
            *sum += mechanism.emission_share * dividend;
        }
    }
    super::normalize(&mut all);
    all
}

struct Places {
    added: Place,
    count: Place,
    mechanisms: Place,
    split: Place,
    yuma3: Place,
    stake: Place,
    active: Place,
    permits: Place,
    dividends: Place,
    incentives: Vec<Place>,
}

impl Places {
    fn add(reads: &mut Reads<'_>, netuid: NetUid) -> Self {
        let indexes = (0..MAX_MECHANISMS).map_while(|mechanism| storage_index(netuid, mechanism));
        let incentives = indexes.map(|index| reads.add("Incentive", &[&index.to_le_bytes()])).collect();
        let key = netuid.0.to_le_bytes();
        let mut of = |item: &str| reads.add(item, &[&key]);
        Self {
            added: of("NetworksAdded"),
            count: of("SubnetworkN"),
            mechanisms: of("MechanismCountCurrent"),
            split: of("MechanismEmissionSplit"),
            yuma3: of("Yuma3On"),
            stake: of("StakeWeight"),
            active: of("Active"),
            permits: of("ValidatorPermit"),
            dividends: of("Dividends"),
            incentives,
        }
    }

    /// The stake of the last epoch, without that of validators that are not active or have no permit.
    fn active_stake(&self, values: &Values<'_>) -> Result<Vec<f64>, SubnetError> {
        let stake = values.shares(self.stake)?.unwrap_or_default();
        let (active, permits) = (flags(values, self.active)?, flags(values, self.permits)?);
        let counts = |uid: usize| active.get(uid) == Some(&true) && permits.get(uid) == Some(&true);
        let stake = stake.into_iter().enumerate();
        Ok(stake.map(|(uid, stake)| if counts(uid) { f64::from(stake) } else { 0.0 }).collect())
    }

    /// The part of each mechanism; even, unless the owner said otherwise.
    fn emission_shares(&self, values: &Values<'_>, mechanisms: u8) -> Result<Vec<f64>, SubnetError> {
        let split = values.shares(self.split)?.unwrap_or_default();
        let sum: f64 = split.iter().map(|part| f64::from(*part)).sum();
        let even = 1.0 / f64::from(mechanisms.max(1));
        let share = |mechanism: u8| match split.get(usize::from(mechanism)) {
            Some(part) if sum > 0.0 => f64::from(*part) / sum,
            // An owner that split among fewer leaves nothing to the others.
            None if sum > 0.0 => 0.0,
            _ => even,
        };
        Ok((0..mechanisms).map(share).collect())
    }
}

fn flags(values: &Values<'_>, place: Place) -> Result<Vec<bool>, SubnetError> {
    Ok(match values.cell(place, Shape::Flags)? {
        Cell::Flags(flags) => flags,
        _ => Vec::new(),
    })
}
