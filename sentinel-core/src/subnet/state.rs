//! Reads of many storage items of one block at once.

use std::sync::Arc;

use bytes::Bytes;

use super::cell::{Cell, Shape};
use super::{SubnetError, netuids};
use crate::chain::{AccountId, BlockRef, Finality, NetUid};
use crate::decode::{Runtime, StorageItem, Value, storage_prefix};
use crate::source::{BlockSource, BlockSourceExt, SourceError};

const PALLET: &str = "SubtensorModule";

/// Where the value of one key will be; nowhere, if the runtime has no such item.
#[derive(Debug, Clone, Copy)]
pub(super) struct Place(Option<usize>);

/// Keys to read, of the runtime that wrote the state.
#[derive(Debug)]
pub(super) struct Reads<'r> {
    runtime: &'r Runtime,
    keys: Vec<Bytes>,
    items: Vec<&'r StorageItem>,
}

/// What was read.
#[derive(Debug)]
pub(super) struct Values<'r> {
    runtime: &'r Runtime,
    block: u64,
    items: Vec<&'r StorageItem>,
    values: Vec<Option<Bytes>>,
}

impl<'r> Reads<'r> {
    pub(super) fn new(runtime: &'r Runtime) -> Self {
        Self { runtime, keys: Vec::new(), items: Vec::new() }
    }

    /// An item of `SubtensorModule` under a whole key.
    pub(super) fn add(&mut self, item: &str, parts: &[&[u8]]) -> Place {
        self.add_in(PALLET, item, parts)
    }

    /// An item of any pallet; an item whose keys have another number of parts is not the one that is meant.
    pub(super) fn add_in(&mut self, pallet: &str, item: &str, parts: &[&[u8]]) -> Place {
        let found = self.runtime.storage_item(pallet, item).filter(|item| item.hashers().len() == parts.len());
        let key = found.and_then(|item| Some((item, item.key(parts).ok()?)));
        Place(key.map(|(item, key)| {
            self.keys.push(key.into());
            self.items.push(item);
            self.keys.len() - 1
        }))
    }

    pub(super) async fn read(self, source: &dyn BlockSource, at: &BlockRef) -> Result<Values<'r>, SubnetError> {
        // Nothing is asked where nothing is wanted.
        let values = if self.keys.is_empty() { Vec::new() } else { source.storage(at, &self.keys).await? };
        if values.len() != self.keys.len() {
            let message = format!("{} values for {} keys", values.len(), self.keys.len());
            return Err(SourceError::fatal(format!("the source gave {message}: report it")).into());
        }
        Ok(Values { runtime: self.runtime, block: at.number, items: self.items, values })
    }
}

impl Values<'_> {
    /// Whether the state holds a value of its own.
    pub(super) fn is_stored(&self, place: Place) -> bool {
        place.0.and_then(|at| self.values.get(at)).is_some_and(Option::is_some)
    }

    /// The value, or what its absence means.
    pub(super) fn cell(&self, place: Place, shape: Shape) -> Result<Cell, SubnetError> {
        let Some(at) = place.0 else { return Ok(Cell::Absent) };
        let (Some(item), Some(value)) = (self.items.get(at), self.values.get(at)) else { return Ok(Cell::Absent) };
        let Some(bytes) = value.as_deref().or(item.default_bytes()) else { return Ok(Cell::Absent) };
        let what = || format!("{PALLET}.{}", item.name());
        let cell = shape.read(item.value(self.runtime, bytes));
        match cell.map_err(|source| SubnetError::Decode { what: what(), block: self.block, source })? {
            Cell::Other => {
                let message = format!("not {shape:?}");
                Err(SubnetError::Layout { what: what(), block: self.block, message })
            }
            cell => Ok(cell),
        }
    }

    /// The value as a tree, or what its absence means.
    pub(super) fn value(&self, place: Place) -> Result<Option<Value>, SubnetError> {
        let Some(at) = place.0 else { return Ok(None) };
        let (Some(item), Some(value)) = (self.items.get(at), self.values.get(at)) else { return Ok(None) };
        let Some(bytes) = value.as_deref().or(item.default_bytes()) else { return Ok(None) };
        item.value(self.runtime, bytes).to_value().map(Some).map_err(|source| SubnetError::Decode {
            what: format!("{PALLET}.{}", item.name()),
            block: self.block,
            source,
        })
    }

    /// What was read as a number of its own kind.
    fn unsigned<T: TryFrom<u128>>(&self, place: Place) -> Result<Option<T>, SubnetError> {
        let number = match self.cell(place, Shape::One)? {
            Cell::Absent => return Ok(None),
            Cell::Number(number) => T::try_from(number).ok(),
            _ => None,
        };
        number.map(Some).ok_or_else(|| self.misfit(place, "a number that is too large, or none"))
    }

    pub(super) fn u8(&self, place: Place) -> Result<Option<u8>, SubnetError> {
        self.unsigned(place)
    }

    pub(super) fn u16(&self, place: Place) -> Result<Option<u16>, SubnetError> {
        self.unsigned(place)
    }

    pub(super) fn u64(&self, place: Place) -> Result<Option<u64>, SubnetError> {
        self.unsigned(place)
    }

    pub(super) fn u128(&self, place: Place) -> Result<Option<u128>, SubnetError> {
        self.unsigned(place)
    }

    pub(super) fn i128(&self, place: Place) -> Result<Option<i128>, SubnetError> {
        Ok(match self.cell(place, Shape::One)? {
            Cell::Signed(number) => Some(number),
            Cell::Number(number) => i128::try_from(number).ok(),
            _ => None,
        })
    }

    pub(super) fn flag(&self, place: Place) -> Result<Option<bool>, SubnetError> {
        match self.cell(place, Shape::One)? {
            Cell::Flag(flag) => Ok(Some(flag)),
            Cell::Absent => Ok(None),
            _ => Err(self.misfit(place, "not a flag")),
        }
    }

    pub(super) fn account(&self, place: Place) -> Result<Option<AccountId>, SubnetError> {
        match self.cell(place, Shape::One)? {
            Cell::Account(account) => Ok(Some(account)),
            Cell::Absent => Ok(None),
            _ => Err(self.misfit(place, "not an account")),
        }
    }

    pub(super) fn numbers(&self, place: Place) -> Result<Option<Vec<u64>>, SubnetError> {
        match self.cell(place, Shape::Numbers)? {
            Cell::Numbers(numbers) => Ok(Some(numbers)),
            Cell::Absent => Ok(None),
            _ => Err(self.misfit(place, "not a list of numbers")),
        }
    }

    /// Numbers of 16 bits.
    pub(super) fn shares(&self, place: Place) -> Result<Option<Vec<u16>>, SubnetError> {
        let Some(numbers) = self.numbers(place)? else { return Ok(None) };
        let shares: Result<Vec<u16>, _> = numbers.into_iter().map(u16::try_from).collect();
        shares.map(Some).map_err(|_| self.misfit(place, "a number beyond 65,535"))
    }

    fn misfit(&self, place: Place, message: &str) -> SubnetError {
        let item = place.0.and_then(|at| self.items.get(at)).map_or("", |item| item.name());
        SubnetError::Layout { what: format!("{PALLET}.{item}"), block: self.block, message: message.to_owned() }
    }
}

/// The runtime that wrote a block, and whether that is still the one installed in its state: in the block of an upgrade
/// the new code would run over state that is not yet migrated.
pub(super) async fn writer(source: &dyn BlockSource, at: &BlockRef) -> Result<(Arc<Runtime>, bool), SubnetError> {
    let writer = source.writer(at).await?;
    let installed = source.runtime(at).await?;
    let settled = installed.digest() == writer.digest();
    Ok((writer, settled))
}

/// Says that a subnet does not exist at a block: because it began later, or which others do.
pub(super) async fn no_such_subnet(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> SubnetError {
    let existing = match netuids(source, at).await {
        Ok(existing) => existing,
        Err(error) => return error,
    };
    match registered_since(source, at, netuid).await {
        Some(registered_at) => SubnetError::NotYet { netuid, block: at.number, registered_at },
        None => SubnetError::NoSuchSubnet { netuid, block: at.number, existing },
    }
}

/// The block in which the subnet of this number today was registered, if that is after `at`. It makes an error clearer, so
/// that its own errors do not matter.
async fn registered_since(source: &dyn BlockSource, at: &BlockRef, netuid: NetUid) -> Option<u64> {
    let head = source.head(Finality::Finalized).await.ok()?;
    // Both items have had one layout in every runtime that has them.
    let key = |item| Bytes::from([&storage_prefix(PALLET, item)[..], &netuid.0.to_le_bytes()].concat());
    let values = source.storage(&head, &[key("NetworksAdded"), key("NetworkRegisteredAt")]).await.ok()?;
    let [Some(added), Some(registered)] = values.as_slice() else { return None };
    let registered = u64::from_le_bytes(registered.as_ref().try_into().ok()?);
    (added.as_ref() == [1] && registered > at.number).then_some(registered)
}
