//! Reads hyperparameters from storage alone.

use super::answer::raw;
use super::catalog::{CATALOG, Entry, Form};
use super::{Hyperparameter, Raw, SubnetHyperparameters, Unit};
use crate::apy::Generation;
use crate::chain::{BlockRef, NetUid};
use crate::decode::{Runtime, Value};
use crate::source::BlockSource;
use crate::subnet::SubnetError;
use crate::subnet::state::{Place, Reads, Values};

/// The hyperparameters of these subnets, in the order of the catalog; one request.
pub(super) async fn from_storage(
    source: &dyn BlockSource,
    at: &BlockRef,
    runtime: &Runtime,
    netuids: &[NetUid],
) -> Result<Vec<SubnetHyperparameters>, SubnetError> {
    let mut reads = Reads::new(runtime);
    let places: Vec<Places> = netuids.iter().map(|netuid| Places::add(&mut reads, *netuid)).collect();
    let values = reads.read(source, at).await?;
    places.iter().map(|places| places.subnet(&values)).collect()
}

/// A subnet with what tells it from others of its number.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Living {
    /// Its hyperparameters.
    pub(super) subnet: SubnetHyperparameters,
    /// Which of the subnets that had this number it is, where that is known.
    pub(super) generation: Option<Generation>,
}

/// Those of these subnets that exist, each with its generation; one request.
pub(super) async fn living(
    source: &dyn BlockSource,
    at: &BlockRef,
    runtime: &Runtime,
    netuids: &[NetUid],
) -> Result<Vec<Living>, SubnetError> {
    let mut reads = Reads::new(runtime);
    let mut add = |netuid: &NetUid| {
        let key = netuid.0.to_le_bytes();
        let life = ["NetworksAdded", "NetworkRegisteredAt", "RegisteredSubnetCounter"];
        (life.map(|item| reads.add(item, &[&key])), Places::add(&mut reads, *netuid))
    };
    let places: Vec<_> = netuids.iter().map(&mut add).collect();
    let values = reads.read(source, at).await?;
    let mut found = Vec::with_capacity(netuids.len());
    for ([added, registered_at, counter], places) in &places {
        if values.flag(*added)? != Some(true) {
            continue;
        }
        let registered_at = values.u64(*registered_at)?.unwrap_or_default();
        let generation = Some(Generation { registered_at, counter: values.u64(*counter)? });
        found.push(Living { subnet: places.subnet(&values)?, generation });
    }
    Ok(found)
}

/// Where the values of one subnet will be.
struct Places {
    netuid: NetUid,
    values: Vec<(&'static Entry, Place)>,
}

impl Places {
    fn add(reads: &mut Reads<'_>, netuid: NetUid) -> Self {
        let key = netuid.0.to_le_bytes();
        Self { netuid, values: CATALOG.iter().map(|entry| (entry, reads.add(entry.item, &[&key]))).collect() }
    }

    fn subnet(&self, values: &Values<'_>) -> Result<SubnetHyperparameters, SubnetError> {
        let mut hyperparameters = Vec::with_capacity(self.values.len());
        for (entry, place) in &self.values {
            let value = values.value(*place).map_err(|error| self.named(error))?;
            hyperparameters.extend(value.and_then(|value| stored_parameter(entry, &value)));
        }
        derive_activity_cutoff(&mut hyperparameters);
        Ok(SubnetHyperparameters { netuid: self.netuid, hyperparameters })
    }

    /// The error with the subnet in its name.
    fn named(&self, error: SubnetError) -> SubnetError {
        match error {
            SubnetError::Decode { what, block, source } => {
                SubnetError::Decode { what: format!("{what}({})", self.netuid), block, source }
            }
            other => other,
        }
    }
}

fn stored_parameter(entry: &Entry, value: &Value) -> Option<Hyperparameter> {
    let raw = match entry.form {
        Form::Plain if entry.unit == Unit::Choice => return choice(entry, value),
        Form::Plain => raw(value)?,
        Form::OfPair(position) => raw(value.at(position)?)?,
        Form::Yuma3 => Raw::Unsigned(if value.as_bool()? { 3 } else { 2 }),
    };
    Some(Hyperparameter { name: entry.name.to_owned(), raw, unit: entry.unit })
}

/// The number behind a choice; the names are in the metadata, the numbers are what calls and events carry.
fn choice(entry: &Entry, value: &Value) -> Option<Hyperparameter> {
    let number = match value.variant()? {
        "Burn" | "Current" => 0,
        "Recycle" | "Previous" => 1,
        "Auto" => 2,
        _ => return None,
    };
    Some(Hyperparameter { name: entry.name.to_owned(), raw: Raw::Unsigned(number), unit: entry.unit })
}

/// Since 423 the cutoff in blocks is a factor of the tempo: `max(1, factor × tempo / 1000)`.
fn derive_activity_cutoff(parameters: &mut [Hyperparameter]) {
    let find = |name: &str| parameters.iter().find(|parameter| parameter.name == name).map(|parameter| parameter.raw);
    let (Some(Raw::Unsigned(factor)), Some(Raw::Unsigned(tempo))) = (find("activity_cutoff_factor"), find("tempo"))
    else {
        return;
    };
    if let Some(cutoff) = parameters.iter_mut().find(|parameter| parameter.name == "activity_cutoff") {
        cutoff.raw = Raw::Unsigned((factor * tempo / 1000).max(1));
    }
}
