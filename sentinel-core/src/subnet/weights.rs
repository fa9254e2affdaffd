//! Weights and bonds of a subnet, mechanism by mechanism.

use std::ops::Range;

use super::cell::{Cell, Shape};
use super::sparse::SparseRows;
use super::state::{Place, Reads, Values, no_such_subnet, writer};
use super::{SubnetError, storage_index};
use crate::chain::{BlockRef, NetUid};
use crate::source::BlockSource;

/// The weights and bonds of a subnet in the state of a block.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SubnetWeights {
    /// The subnet.
    pub netuid: NetUid,
    /// The block.
    pub at: BlockRef,
    /// Of each mechanism, by its own number.
    pub mechanisms: Vec<MechanismWeights>,
}

/// The weights and bonds of one mechanism: a row for each uid, empty for those that have none.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct MechanismWeights {
    /// Its number.
    pub mechanism: u8,
    /// Weights, the largest of a row 65,535. A weight means its share of the row's sum.
    pub weights: SparseRows,
    /// Bonds. Yuma 2 keeps them so that the largest of a column is 65,535, Yuma 3 as parts of 65,535.
    pub bonds: SparseRows,
}

/// The weights and bonds of all mechanisms of a subnet, in two reads of storage.
///
/// # Errors
/// [`SubnetError::NotYet`] for a subnet that was registered later, [`SubnetError::NoSuchSubnet`] otherwise.
pub async fn read(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> Result<SubnetWeights, SubnetError> {
    let (runtime, _) = writer(source, at).await?;
    let mut reads = Reads::new(&runtime);
    let key = netuid.0.to_le_bytes();
    let added = reads.add("NetworksAdded", &[&key]);
    let count = reads.add("SubnetworkN", &[&key]);
    let mechanisms = reads.add("MechanismCountCurrent", &[&key]);
    let values = reads.read(source, at).await?;
    if values.flag(added)? != Some(true) {
        return Err(no_such_subnet(source, at, netuid).await);
    }
    let (count, mechanisms) = (values.u16(count)?.unwrap_or(0), values.u8(mechanisms)?.unwrap_or(1));
    let mut reads = Reads::new(&runtime);
    let places: Vec<Rows> = (0..mechanisms).map(|mechanism| Rows::add(&mut reads, netuid, mechanism, count)).collect();
    let values = reads.read(source, at).await?;
    let mechanisms = places.iter().map(|rows| rows.of(&values)).collect::<Result<_, _>>()?;
    Ok(SubnetWeights { netuid, at: *at, mechanisms })
}

/// Where the rows of one mechanism will be.
#[derive(Debug)]
pub(super) struct Rows {
    mechanism: u8,
    weights: Vec<Place>,
    bonds: Vec<Place>,
}

impl Rows {
    /// Adds the keys of all uids.
    pub(super) fn add(reads: &mut Reads<'_>, netuid: NetUid, mechanism: u8, count: u16) -> Self {
        let Some(index) = storage_index(netuid, mechanism) else {
            return Self { mechanism, weights: Vec::new(), bonds: Vec::new() };
        };
        let index = index.to_le_bytes();
        let uids: Range<u16> = 0..count;
        let mut rows =
            |item: &str| uids.clone().map(|uid| reads.add(item, &[&index, &uid.to_le_bytes()])).collect::<Vec<_>>();
        Self { mechanism, weights: rows("Weights"), bonds: rows("Bonds") }
    }

    /// Adds the keys of the bonds alone.
    pub(super) fn bonds(reads: &mut Reads<'_>, netuid: NetUid, mechanism: u8, count: u16) -> Self {
        let index = storage_index(netuid, mechanism).map(u16::to_le_bytes);
        let bonds = index.into_iter().flat_map(|index| (0..count).map(move |uid| (index, uid)));
        let bonds = bonds.map(|(index, uid)| reads.add("Bonds", &[&index, &uid.to_le_bytes()])).collect();
        Self { mechanism, weights: Vec::new(), bonds }
    }

    /// The rows that were read.
    pub(super) fn of(&self, values: &Values<'_>) -> Result<MechanismWeights, SubnetError> {
        let rows = |places: &[Place]| {
            let mut rows = SparseRows::new();
            for place in places {
                match values.cell(*place, Shape::Edges)? {
                    Cell::Edges(row) => rows.push(row),
                    _ => rows.push([]),
                }
            }
            Ok::<_, SubnetError>(rows)
        };
        Ok(MechanismWeights { mechanism: self.mechanism, weights: rows(&self.weights)?, bonds: rows(&self.bonds)? })
    }
}
