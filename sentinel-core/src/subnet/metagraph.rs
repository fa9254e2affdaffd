//! The metagraph of a subnet: all its neurons, at any block of any runtime.
//!
//! A block's runtime is asked by the best function that it has: `get_selective_metagraph`, `get_metagraph`, before them
//! `get_neurons` or `get_neurons_lite`; storage has what they leave out, and everything where there is no such function. What
//! a runtime does not have is `None`.

mod answer;
mod axon;
#[cfg(feature = "source")]
mod by_neuron;
mod fields;
mod layout;
mod neuron_info;
mod neurons;
#[cfg(feature = "source")]
mod read;
#[cfg(feature = "source")]
mod stored;

use serde::Serialize;

use super::hyperparameters::Hyperparameter;
use super::info::SubnetInfo;
use super::sparse::SparseRows;
use crate::chain::{AccountId, BlockRef, NetUid};

pub use answer::{Api, decode_answer};
pub use axon::Axon;
pub use fields::field_names;
pub(super) use fields::metagraph_field;
pub(super) use neuron_info::neuron_field;
pub use neurons::{EvmAssociation, Neuron, Neurons, share};
#[cfg(feature = "source")]
pub use read::{Depth, read};

/// Where a metagraph comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Origin {
    /// A function of the runtime, joined with storage.
    Api(Api),
    /// Storage alone.
    Storage,
}

/// All neurons of a subnet in the state of one block.
#[derive(Debug, Clone, PartialEq)]
pub struct Metagraph {
    /// The subnet.
    pub netuid: NetUid,
    /// The block.
    pub at: BlockRef,
    /// The block that the answer names for itself, where it does.
    pub answered_at: Option<u64>,
    /// Which function answered.
    pub origin: Origin,
    /// The subnet itself.
    pub info: SubnetInfo,
    /// The hyperparameters that came along.
    pub hyperparameters: Vec<Hyperparameter>,
    /// Its neurons, column by column.
    pub neurons: Neurons,
    /// What each mechanism has of its own, by its own number. Mechanism 0 is always there.
    pub mechanisms: Vec<Mechanism>,
    /// Alpha that the last epoch gave to the stakers of each hotkey, in alpha-rao. Registered hotkeys only: parents of
    /// childkeys may have earned without being there.
    pub alpha_dividends: Option<Vec<(AccountId, u64)>>,
    /// TAO that the last epoch gave to the root stakers of each hotkey, in rao; zeros since 334.
    pub tao_dividends: Option<Vec<(AccountId, u64)>>,
    /// Who may set weights that count: uids with a permit and enough stake, the smallest stake first.
    pub validators: Option<Vec<u16>>,
    /// What each hotkey has committed to, as the bytes of the commitment's registration.
    pub commitments: Option<Vec<(AccountId, Vec<u8>)>>,
}

/// What one mechanism of a subnet has of its own.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Mechanism {
    /// Its number.
    pub mechanism: u8,
    /// Share of the miners' reward, of 65,535, by uid.
    pub incentive: Option<Vec<u16>>,
    /// Block of the last weights, by uid.
    pub last_update: Option<Vec<u64>>,
    /// Consensus, of 65,535, by uid; kept for each mechanism since 461.
    pub consensus: Option<Vec<u16>>,
    /// Weights from uid to uid, the largest of a row 65,535.
    pub weights: Option<SparseRows>,
    /// Bonds from uid to uid.
    pub bonds: Option<SparseRows>,
}

impl Metagraph {
    fn new(netuid: NetUid, at: BlockRef, origin: Origin) -> Self {
        Self {
            netuid,
            at,
            answered_at: None,
            origin,
            info: SubnetInfo::new(netuid),
            hyperparameters: Vec::new(),
            neurons: Neurons::default(),
            mechanisms: Vec::new(),
            alpha_dividends: None,
            tao_dividends: None,
            validators: None,
            commitments: None,
        }
    }

    /// How many neurons there are.
    pub fn len(&self) -> usize {
        self.neurons.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    /// One neuron; `None` beyond the last.
    pub fn neuron(&self, uid: u16) -> Option<Neuron<'_>> {
        (usize::from(uid) < self.len()).then(|| Neuron::of(self, uid))
    }

    /// All neurons by uid.
    pub fn iter(&self) -> impl ExactSizeIterator<Item = Neuron<'_>> {
        let uids = u16::try_from(self.len()).unwrap_or(u16::MAX);
        (0..uids).map(|uid| Neuron::of(self, uid))
    }

    /// A mechanism by its number.
    pub fn mechanism(&self, mechanism: u8) -> Option<&Mechanism> {
        self.mechanisms.iter().find(|known| known.mechanism == mechanism)
    }

    /// The place of a mechanism, made where it is missing.
    fn mechanism_mut(&mut self, mechanism: u8) -> &mut Mechanism {
        let at = match self.mechanisms.binary_search_by_key(&mechanism, |known| known.mechanism) {
            Ok(at) => at,
            Err(at) => {
                self.mechanisms.insert(at, Mechanism { mechanism, ..Mechanism::default() });
                at
            }
        };
        &mut self.mechanisms[at]
    }
}
