//! The dividends of validators, recomputed from bonds and incentives, beside those that the chain has.
//!
//! Both rules start from the bonds with each column brought to a sum of one, so that a validator's part in a miner is known,
//! and weigh those parts by the miners' incentives. **Yuma 2** stops there: its bonds have grown by stake already. **Yuma 3**
//! bonds have not, so each sum is weighed by the validator's stake among those that are active and have a permit. Either result is
//! brought to a sum of one.
//!
//! The chain computes with finer numbers than it stores: bonds, incentives and stakes come back from storage in steps of
//! 1/65,535. [`Distance`] says how much that, and whatever happened since the epoch, makes.

#[cfg(feature = "source")]
mod read;

use serde::Serialize;

use super::SparseRows;
use crate::chain::{AccountId, BlockRef, NetUid};

#[cfg(feature = "source")]
pub use read::read;

/// By which rule a subnet pays its validators.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum YumaRule {
    /// Bonds grow by stake and weights.
    Yuma2,
    /// Bonds grow by weights alone; stake comes in when dividends are paid.
    Yuma3,
}

/// The dividends of a subnet in the state of a block: those of its last epoch.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetDividends {
    /// The subnet.
    pub netuid: NetUid,
    /// The block.
    pub at: BlockRef,
    /// The rule that is set.
    pub rule: YumaRule,
    /// Hotkeys by uid.
    pub hotkeys: Vec<AccountId>,
    /// Of each mechanism.
    pub mechanisms: Vec<MechanismDividends>,
    /// Of all mechanisms, by their parts of the emission: recomputed, with a sum of one, by uid.
    pub recomputed: Vec<f64>,
    /// As the chain has them, of 65,535, by uid.
    pub stored: Vec<u16>,
    /// How far the two are apart; `None` where either is all zeros.
    pub distance: Option<Distance>,
}

/// The dividends of one mechanism.
#[derive(Debug, Clone, PartialEq)]
pub struct MechanismDividends {
    /// Its number.
    pub mechanism: u8,
    /// Its part of the subnet's emission.
    pub emission_share: f64,
    /// Recomputed, with a sum of one, by uid; zeros where nobody has earned anything.
    pub recomputed: Vec<f64>,
}

/// How far two vectors are apart, each with a sum of one.
#[derive(Debug, Clone, Copy, PartialEq, Serialize)]
pub struct Distance {
    /// The largest difference of one neuron.
    pub largest: f64,
    /// Half the sum of all differences: the part that is paid to others than it should be.
    pub moved: f64,
}

/// Dividends by the rule of Yuma 2, with a sum of one: `Σ_j b_ij · inc_j` over bonds whose columns have a sum of one.
pub fn yuma2(bonds: &SparseRows, incentive: &[u16]) -> Vec<f64> {
    let mut dividends = parts(bonds, incentive);
    normalize(&mut dividends);
    dividends
}

/// Dividends by the rule of Yuma 3, with a sum of one: those of [`yuma2`] before they are brought to a sum of one, each times the
/// stake of the validator. Stake of validators that are not active or have no permit has to be 0.
pub fn yuma3(bonds: &SparseRows, incentive: &[u16], active_stake: &[f64]) -> Vec<f64> {
    let mut dividends = parts(bonds, incentive);
    for (uid, dividend) in dividends.iter_mut().enumerate() {
        *dividend *= active_stake.get(uid).copied().unwrap_or(0.0);
    }
    normalize(&mut dividends);
    dividends
}

/// How far two vectors are apart once each has a sum of one; `None` where that cannot be.
pub fn distance(recomputed: &[f64], stored: &[u16]) -> Option<Distance> {
    let sum: f64 = stored.iter().map(|dividend| f64::from(*dividend)).sum();
    let own: f64 = recomputed.iter().sum();
    if sum == 0.0 || own == 0.0 {
        return None;
    }
    let (mut largest, mut moved) = (0f64, 0f64);
    for uid in 0..recomputed.len().max(stored.len()) {
        let ours = recomputed.get(uid).copied().unwrap_or(0.0) / own;
        let theirs = f64::from(stored.get(uid).copied().unwrap_or(0)) / sum;
        largest = largest.max((ours - theirs).abs());
        moved += (ours - theirs).abs() / 2.0;
    }
    Some(Distance { largest, moved })
}

/// What each validator has in the miners, weighed by their incentives.
fn parts(bonds: &SparseRows, incentive: &[u16]) -> Vec<f64> {
    let mut columns = vec![0f64; incentive.len()];
    for (_, to, bond) in bonds.iter() {
        if let Some(column) = columns.get_mut(usize::from(to)) {
            *column += f64::from(bond);
        }
    }
    let mut parts = vec![0f64; bonds.len()];
    for (from, to, bond) in bonds.iter() {
        let at = usize::from(to);
        if let (Some(part), Some(column), Some(incentive)) =
            (parts.get_mut(usize::from(from)), columns.get(at), incentive.get(at))
            && *column > 0.0
        {
            *part += f64::from(bond) / column * f64::from(*incentive);
        }
    }
    parts
}

fn normalize(values: &mut [f64]) {
    let sum: f64 = values.iter().sum();
    if sum > 0.0 {
        values.iter_mut().for_each(|value| *value /= sum);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two validators with bonds in two miners, as on any subnet: bonds point from validators to miners.
    fn bonds() -> SparseRows {
        let mut bonds = SparseRows::new();
        bonds.push([(2, 65_535), (3, 20_000)]);
        bonds.push([(2, 65_535), (3, 60_000)]);
        bonds.push([]);
        bonds.push([]);
        bonds
    }

    const INCENTIVE: [u16; 4] = [0, 0, 32_768, 32_767];

    fn near(found: &[f64], expected: &[f64]) {
        assert_eq!(found.len(), expected.len());
        for (found, expected) in found.iter().zip(expected) {
            assert!((found - expected).abs() < 1e-4, "{found} is not {expected}");
        }
    }

    #[test]
    fn validators_earn_by_their_part_in_each_miner() {
        // Half of the first miner each; a quarter and three quarters of the second.
        near(&yuma2(&bonds(), &INCENTIVE), &[0.375, 0.625, 0.0, 0.0]);
    }

    #[test]
    fn stake_weighs_the_parts_in_yuma_3() {
        near(&yuma3(&bonds(), &INCENTIVE, &[0.75, 0.25, 0.0, 0.0]), &[0.642_857, 0.357_143, 0.0, 0.0]);
        near(&yuma3(&bonds(), &INCENTIVE, &[0.0, 0.0, 1.0, 0.0]), &[0.0; 4]);
    }

    #[test]
    fn distances_compare_parts() {
        let same = distance(&[0.5, 0.5], &[100, 100]).expect("both pay");
        assert_eq!((same.largest, same.moved), (0.0, 0.0));
        let apart = distance(&[1.0, 0.0], &[0, 7]).expect("both pay");
        assert_eq!((apart.largest, apart.moved), (1.0, 1.0));
        assert_eq!(distance(&[0.0], &[7]), None);
    }
}
