//! Answers of the runtime APIs, described by the metadata or not.

use parity_scale_codec::{Compact, Decode};
use serde::Serialize;

use super::{Metagraph, Origin, fields, layout, neuron_info};
use crate::chain::{BlockRef, NetUid};
use crate::decode::Runtime;
use crate::subnet::SubnetError;
use crate::subnet::cell::{Cell, Shape};

/// The runtime functions that answer with neurons, the richest first.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Api {
    /// The fields that are asked for, of one mechanism; since 320.
    SelectiveMechagraph,
    /// The fields that are asked for; since 261.
    SelectiveMetagraph,
    /// All fields, of one mechanism; since 320.
    Mechagraph,
    /// All fields; since 233.
    Metagraph,
    /// Neurons with their weights and bonds; opaque bytes until 218.
    Neurons,
    /// Neurons without them; opaque bytes until 218.
    NeuronsLite,
}

impl Api {
    /// All, the richest first.
    pub const ALL: [Self; 6] = [
        Self::SelectiveMechagraph,
        Self::SelectiveMetagraph,
        Self::Mechagraph,
        Self::Metagraph,
        Self::Neurons,
        Self::NeuronsLite,
    ];

    /// Name of the runtime function.
    pub fn function(self) -> &'static str {
        match self {
            Self::SelectiveMechagraph => "SubnetInfoRuntimeApi_get_selective_mechagraph",
            Self::SelectiveMetagraph => "SubnetInfoRuntimeApi_get_selective_metagraph",
            Self::Mechagraph => "SubnetInfoRuntimeApi_get_mechagraph",
            Self::Metagraph => "SubnetInfoRuntimeApi_get_metagraph",
            Self::Neurons => "NeuronInfoRuntimeApi_get_neurons",
            Self::NeuronsLite => "NeuronInfoRuntimeApi_get_neurons_lite",
        }
    }

    /// The function of this name, with its trait or without.
    pub fn of_function(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|api| {
            let function = api.function();
            function == name || function.split_once('_').is_some_and(|(_, method)| method == name)
        })
    }

    fn is_selective(self) -> bool {
        matches!(self, Self::SelectiveMechagraph | Self::SelectiveMetagraph)
    }

    fn gives_neurons(self) -> bool {
        matches!(self, Self::Neurons | Self::NeuronsLite)
    }
}

/// Decodes an answer; `None` where the chain says that there is no such subnet.
///
/// The subnet and mechanism are those that were asked for: answers do not always say. Where the runtime's metadata describes
/// the function, its types decide; otherwise the known layouts do. An opaque answer (a byte vector around the encoding, as
/// runtimes until 218 give) is unwrapped.
///
/// # Errors
/// [`SubnetError::Decode`] and [`SubnetError::Layout`], which name the function and the field.
pub fn decode_answer(
    runtime: &Runtime,
    api: Api,
    answer: &[u8],
    (netuid, mechanism): (NetUid, u8),
    at: &BlockRef,
) -> Result<Option<Metagraph>, SubnetError> {
    let unknown = |message: String| SubnetError::Layout { what: api.function().to_owned(), block: at.number, message };
    let mut metagraph = Metagraph::new(netuid, *at, Origin::Api(api));
    let there = match runtime.api_answer(api.function(), answer) {
        Some(described) => {
            let shape = if api.gives_neurons() { Shape::Neurons } else { Shape::Metagraph };
            let cell = shape.read(described).map_err(|source| SubnetError::Decode {
                what: api.function().to_owned(),
                block: at.number,
                source,
            })?;
            match cell {
                Cell::Absent => false,
                Cell::Bytes(opaque) => inner(&mut metagraph, runtime, api, &opaque).map_err(unknown)?,
                Cell::Fields(fields) => {
                    for (name, cell) in fields {
                        fields::set(&mut metagraph, name, cell).map_err(unknown)?;
                    }
                    true
                }
                Cell::Rows(rows) => {
                    neuron_info::fill(&mut metagraph, runtime, rows).map_err(unknown)?;
                    true
                }
                _ => return Err(unknown("neither fields nor neurons".to_owned())),
            }
        }
        None => undescribed(&mut metagraph, runtime, api, answer).map_err(unknown)?,
    };
    if there && !api.gives_neurons() {
        fields::finish(&mut metagraph, mechanism);
    }
    Ok(there.then_some(metagraph))
}

fn undescribed(metagraph: &mut Metagraph, runtime: &Runtime, api: Api, answer: &[u8]) -> Result<bool, String> {
    if api.gives_neurons() {
        return inner(metagraph, runtime, api, opaque(answer).unwrap_or(answer));
    }
    match (answer.split_first(), opaque(answer)) {
        (Some((0, [])), _) => Ok(false),
        // An option can look like a byte vector of just its length: it is tried first.
        (Some((1, bytes)), opaque) => match (layout::metagraph(metagraph, bytes, api.is_selective()), opaque) {
            (Err(_), Some(bytes)) => inner(metagraph, runtime, api, bytes),
            (read, _) => read.map(|()| true),
        },
        (_, Some(bytes)) => inner(metagraph, runtime, api, bytes),
        _ => Err(format!("{} bytes that are no option", answer.len())),
    }
}

/// The content of a byte vector that fills the whole answer. No list of neurons is as many bytes long as it has items.
fn opaque(answer: &[u8]) -> Option<&[u8]> {
    let mut rest = answer;
    let len = Compact::<u32>::decode(&mut rest).ok()?.0 as usize;
    (len == rest.len() && len > 0).then_some(rest)
}

/// The fields or neurons themselves.
fn inner(metagraph: &mut Metagraph, runtime: &Runtime, api: Api, bytes: &[u8]) -> Result<bool, String> {
    if api.gives_neurons() {
        let rows = if bytes.is_empty() { Vec::new() } else { neuron_info::rows(bytes, api == Api::NeuronsLite)? };
        return neuron_info::fill(metagraph, runtime, rows).map(|()| true);
    }
    match bytes.split_first() {
        None => Ok(false),
        Some((0, [])) => Ok(false),
        Some((_, fields)) => layout::metagraph(metagraph, fields, api.is_selective()).map(|()| true),
    }
}
