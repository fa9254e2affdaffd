//! Reads metagraphs from a source.

use bytes::Bytes;
use futures::future::try_join;
use parity_scale_codec::Encode;

use super::fields::TABLE;
use super::stored::Small;
use super::{Api, Metagraph, Origin, decode_answer};
use crate::chain::{BlockRef, NetUid};
use crate::decode::Runtime;
use crate::source::{BlockSource, SourceError};
use crate::subnet::SubnetError;
use crate::subnet::state::{Reads, no_such_subnet, writer};

/// How much of a metagraph is read.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default)]
pub enum Depth {
    /// Everything: three requests for up to 256 neurons.
    #[default]
    Full,
    /// Without weights, bonds, identities, addresses of the EVM and commitments: two requests.
    Lite,
}

/// The metagraph of a subnet in the state of a block.
///
/// # Errors
/// [`SubnetError::NotYet`] for a subnet that was registered later, [`SubnetError::NoSuchSubnet`] otherwise.
///
/// ```no_run
/// # async fn run(source: &dyn sentinel_core::source::BlockSource) -> Result<(), Box<dyn std::error::Error>> {
/// use sentinel_core::chain::{Finality, NetUid};
/// use sentinel_core::subnet::metagraph::{self, Depth};
///
/// let head = source.head(Finality::Finalized).await?;
/// let metagraph = metagraph::read(source, &head, NetUid(1), Depth::Lite).await?;
/// for neuron in metagraph.iter().filter(|neuron| neuron.validator_permit == Some(true)) {
///     println!("{} {:?} {:?}", neuron.uid, neuron.hotkey, neuron.total_stake);
/// }
/// # Ok(())
/// # }
/// ```
pub async fn read(
    source: &dyn BlockSource,
    at: &BlockRef,
    netuid: NetUid,
    depth: Depth,
) -> Result<Metagraph, SubnetError> {
    let (runtime, settled) = writer(source, at).await?;
    let apis = if settled { offered(&runtime, depth) } else { Vec::new() };
    let mut reads = Reads::new(&runtime);
    let small = Small::add(&mut reads, &runtime, netuid, apis.first().copied());
    let (values, answer) = try_join(reads.read(source, at), answer(source, at, &runtime, netuid, depth, &apis)).await?;
    if !small.exists(&values)? {
        return Err(no_such_subnet(source, at, netuid).await);
    }
    let mut metagraph = match answer {
        Answer::Metagraph(metagraph) => *metagraph,
        Answer::NoSubnet => return Err(no_such_subnet(source, at, netuid).await),
        Answer::NoApi => Metagraph::new(netuid, *at, Origin::Storage),
    };
    small.complete(source, &runtime, &values, &mut metagraph, depth).await?;
    Ok(metagraph)
}

enum Answer {
    Metagraph(Box<Metagraph>),
    NoSubnet,
    NoApi,
}

/// The functions worth asking. Metadata that describes functions tells which there are; otherwise the storage that came with
/// them does.
fn offered(runtime: &Runtime, depth: Depth) -> Vec<Api> {
    let neurons = if depth == Depth::Lite { Api::NeuronsLite } else { Api::Neurons };
    let all = [Api::SelectiveMetagraph, Api::Metagraph, neurons];
    if runtime.describes_apis() {
        return all.into_iter().find(|api| runtime.has_api(api.function())).into_iter().collect();
    }
    let has = |item| runtime.storage_item("SubtensorModule", item).is_some();
    let (since_261, since_233) = (has("TotalHotkeyAlphaLastEpoch"), has("SubnetMovingPrice"));
    let likely = |api: &Api| match api {
        Api::SelectiveMetagraph => since_261,
        Api::Metagraph => since_233,
        _ => true,
    };
    all.into_iter().filter(likely).collect()
}

/// Asks the first function that there is.
async fn answer(
    source: &dyn BlockSource,
    at: &BlockRef,
    runtime: &Runtime,
    netuid: NetUid,
    depth: Depth,
    apis: &[Api],
) -> Result<Answer, SubnetError> {
    for api in apis {
        match source.call(at, api.function(), &arguments(*api, netuid, depth)).await {
            Ok(answer) => {
                let metagraph = decode_answer(runtime, *api, &answer, (netuid, 0), at)?;
                return Ok(metagraph.map_or(Answer::NoSubnet, |metagraph| Answer::Metagraph(Box::new(metagraph))));
            }
            // A recording may hold storage and no answers.
            Err(SourceError::Unsupported { .. } | SourceError::NotRecorded { .. }) => {}
            Err(error) => return Err(error.into()),
        }
    }
    Ok(Answer::NoApi)
}

/// Fields that only a full metagraph has.
const ONLY_FULL: [&str; 2] = ["identities", "commitments"];

fn arguments(api: Api, netuid: NetUid, depth: Depth) -> Bytes {
    let mut arguments = netuid.0.encode();
    if api == Api::SelectiveMetagraph {
        // An index that a runtime does not know yet is passed over by it.
        let wanted =
            TABLE.iter().enumerate().filter(|(_, (name, _))| depth == Depth::Full || !ONLY_FULL.contains(name));
        wanted.map(|(index, _)| index as u16).collect::<Vec<u16>>().encode_to(&mut arguments);
    }
    arguments.into()
}
