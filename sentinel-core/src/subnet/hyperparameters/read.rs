//! Reads hyperparameters from a source.

use super::answer::{Api, decode_answer};
use super::catalog::current_name;
use super::stored::from_storage;
use super::{Hyperparameter, SubnetHyperparameters};
use crate::chain::{BlockRef, NetUid};
use crate::decode::Runtime;
use crate::source::{BlockSource, BlockSourceExt, SourceError};
use crate::subnet::{SubnetError, netuids};

/// The hyperparameters of one subnet, or of all that exist, in the state of a block.
///
/// # Errors
/// [`SubnetError::NoSuchSubnet`] names the subnets that do exist.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::chain::{Finality, NetUid};
/// use sentinel_core::subnet::hyperparameters;
///
/// let head = source.head(Finality::Finalized).await?;
/// for subnet in hyperparameters::read(source, &head, Some(NetUid(1))).await? {
///     println!("tempo {:?}", subnet.get("tempo"));
/// }
/// # Ok(())
/// # }
/// ```
pub async fn read(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: Option<NetUid>,
) -> Result<Vec<SubnetHyperparameters>, SubnetError> {
    let existing = netuids(source, at).await?;
    let wanted = match netuid {
        None => existing,
        Some(netuid) if existing.contains(&netuid) => vec![netuid],
        Some(netuid) => return Err(SubnetError::NoSuchSubnet { netuid, block: at.number, existing }),
    };
    let writer = source.writer(at).await?;
    // A recording may hold the answers of the runtime and not the storage behind them.
    let (mut subnets, missing) = match from_storage(source, at, &writer, &wanted).await {
        Ok(subnets) => (subnets, None),
        Err(SubnetError::Source(error @ SourceError::NotRecorded { .. })) => {
            let empty = |netuid: &NetUid| SubnetHyperparameters { netuid: *netuid, hyperparameters: Vec::new() };
            (wanted.iter().map(empty).collect(), Some(error))
        }
        Err(error) => return Err(error),
    };
    let installed = source.runtime(at).await?;
    // In the block of an upgrade the new code would run over state that is not yet migrated.
    if installed.digest() == writer.digest() {
        let mut apis = offered(&installed);
        for subnet in &mut subnets {
            if let Some(answer) = from_api(source, at, &installed, subnet.netuid, &mut apis).await? {
                join(subnet, answer);
            }
        }
    }
    match missing {
        Some(error) if subnets.iter().any(|subnet| subnet.hyperparameters.is_empty()) => Err(error.into()),
        _ => Ok(subnets),
    }
}

/// The hyperparameters of all subnets as storage alone has them: the same fields in every block of a runtime, so that
/// two blocks can be compared.
pub async fn stored(source: &dyn BlockSource, at: &BlockRef) -> Result<Vec<SubnetHyperparameters>, SubnetError> {
    let existing = netuids(source, at).await?;
    let writer = source.writer(at).await?;
    from_storage(source, at, &writer, &existing).await
}

/// The functions worth asking: the newest one described, or all where nothing is.
fn offered(runtime: &Runtime) -> Vec<Api> {
    if !runtime.describes_apis() {
        return Api::ALL.to_vec();
    }
    Api::ALL.into_iter().find(|api| runtime.has_api(api.function())).into_iter().collect()
}

/// Asks the first function that the runtime has, and forgets those it does not have.
async fn from_api(
    source: &dyn BlockSource,
    at: &BlockRef,
    runtime: &Runtime,
    netuid: NetUid,
    apis: &mut Vec<Api>,
) -> Result<Option<Vec<Hyperparameter>>, SubnetError> {
    while let Some(api) = apis.first().copied() {
        match source.call(at, api.function(), &netuid.0.to_le_bytes()).await {
            Ok(answer) => return decode_answer(runtime, api, &answer, at),
            Err(SourceError::Unsupported { .. }) => {
                apis.remove(0);
            }
            Err(error) => return Err(error.into()),
        }
    }
    Ok(None)
}

/// The answer in its order, then what only storage has.
fn join(subnet: &mut SubnetHyperparameters, answer: Vec<Hyperparameter>) {
    let stored = std::mem::replace(&mut subnet.hyperparameters, answer);
    for parameter in stored {
        let known = |other: &Hyperparameter| current_name(&other.name) == parameter.name;
        if !subnet.hyperparameters.iter().any(known) {
            subnet.hyperparameters.push(parameter);
        }
    }
}
