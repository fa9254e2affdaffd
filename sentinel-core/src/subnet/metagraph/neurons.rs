//! Neurons of a subnet: columns by uid, and the view of one.

use serde::Serialize;

use super::{Axon, Metagraph};
use crate::chain::AccountId;
use crate::subnet::ChainIdentity;

/// Which address of the EVM a neuron is associated with.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub struct EvmAssociation {
    /// The address.
    pub address: [u8; 20],
    /// The block in which its key was shown to belong to the neuron.
    pub block: u64,
}

impl Serialize for EvmAssociation {
    fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        use serde::ser::SerializeStruct;
        let mut fields = serializer.serialize_struct("EvmAssociation", 2)?;
        fields.serialize_field("address", &const_hex::encode_prefixed(self.address))?;
        fields.serialize_field("block", &self.block)?;
        fields.end()
    }
}

/// The neurons of a subnet, a vector for each fact, by uid.
///
/// A column that the runtime does not have, or that was not asked for, is `None`. Shares are of 65,535, as the chain has
/// them; [`share`] makes a fraction of one.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Neurons {
    /// How many there are.
    pub(super) count: usize,
    /// Hotkeys.
    pub hotkeys: Option<Vec<AccountId>>,
    /// Their owners; the account of zeros where there is none.
    pub coldkeys: Option<Vec<AccountId>>,
    /// What their owners say of themselves.
    pub identities: Option<Vec<Option<ChainIdentity>>>,
    /// Where they can be reached.
    pub axons: Option<Vec<Axon>>,
    /// Whether they have set weights lately.
    pub active: Option<Vec<bool>>,
    /// Whether their weights count.
    pub validator_permit: Option<Vec<bool>>,
    /// How soon they are replaced; until about 397.
    pub pruning_score: Option<Vec<u16>>,
    /// Block of their last weights, of mechanism 0; absolute, not an age.
    pub last_update: Option<Vec<u64>>,
    /// What they earned in the last epoch, as miner and as validator, before takes: alpha-rao, before dynamic TAO rao.
    pub emission: Option<Vec<u64>>,
    /// Share of the validators' reward.
    pub dividends: Option<Vec<u16>>,
    /// Share of the miners' reward, of mechanism 0.
    pub incentive: Option<Vec<u16>>,
    /// What validators agree on.
    pub consensus: Option<Vec<u16>>,
    /// How far a validator agrees with the others.
    pub validator_trust: Option<Vec<u16>>,
    /// Trust; until about 397.
    pub trust: Option<Vec<u16>>,
    /// Rank; until about 397.
    pub rank: Option<Vec<u16>>,
    /// Block of registration.
    pub registered_at: Option<Vec<u64>>,
    /// Whether they cannot be replaced yet: registered less than the immunity period ago.
    pub is_immune: Option<Vec<bool>>,
    /// Alpha behind them, with that of parents and without that given to children; alpha-rao.
    pub alpha_stake: Option<Vec<u64>>,
    /// TAO on the root network behind them, likewise, unweighted; rao. Before dynamic TAO all their stake.
    pub tao_stake: Option<Vec<u64>>,
    /// Alpha and weighted TAO; what counts in an epoch.
    pub total_stake: Option<Vec<u64>>,
    /// What lies on the hotkey itself, before parents and children: alpha-rao, before dynamic TAO rao. Only where
    /// neurons or storage were asked for, as the metagraph of the runtime does not say; between childkeys and dynamic TAO
    /// neurons do not say it either.
    pub own_stake: Option<Vec<u64>>,
    /// Addresses of the EVM.
    pub evm: Option<Vec<Option<EvmAssociation>>>,
    /// Alpha locked as collateral; since about 435.
    pub collateral_locked: Option<Vec<u64>>,
    /// Least collateral.
    pub collateral_min: Option<Vec<u64>>,
    /// Collateral earned.
    pub collateral_earned: Option<Vec<u64>>,
}

impl Neurons {
    /// How many there are.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Who is immune at a block, from the registrations and the period.
    pub(super) fn judge_immunity(&mut self, block: u64, period: Option<u16>) {
        let (Some(registered), Some(period)) = (&self.registered_at, period) else { return };
        let immune = |at: &u64| block.saturating_sub(*at) < u64::from(period);
        self.is_immune = Some(registered.iter().map(immune).collect());
    }
}

/// A share of 65,535 as a fraction of one.
///
/// ```
/// assert_eq!(sentinel_core::subnet::metagraph::share(65_535), 1.0);
/// ```
pub fn share(raw: u16) -> f64 {
    f64::from(raw) / 65_535.0
}

macro_rules! neuron {
    ($($(#[$doc:meta])* $name:ident: $ty:ty),* $(,)?) => {
        /// One neuron; see [`Neurons`] for what the facts mean.
        #[derive(Debug, Clone, PartialEq, Serialize)]
        pub struct Neuron<'m> {
            /// Its number in the subnet.
            pub uid: u16,
            /// Its hotkey.
            pub hotkey: Option<AccountId>,
            /// The owner of the hotkey.
            pub coldkey: Option<AccountId>,
            /// What the owner says.
            pub identity: Option<&'m ChainIdentity>,
            /// Where it can be reached; `None` where it announced nothing, which answers show as an axon of zeros.
            pub axon: Option<Axon>,
            /// Its address of the EVM.
            pub evm: Option<EvmAssociation>,
            $($(#[$doc])* pub $name: Option<$ty>,)*
        }

        impl<'m> Neuron<'m> {
            pub(super) fn of(metagraph: &'m Metagraph, uid: u16) -> Self {
                let (of, at) = (&metagraph.neurons, usize::from(uid));
                let coldkey = of.coldkeys.as_ref().and_then(|column| column.get(at)).copied();
                Self {
                    uid,
                    hotkey: of.hotkeys.as_ref().and_then(|column| column.get(at)).copied(),
                    coldkey: coldkey.filter(|coldkey| coldkey.0 != [0; 32]),
                    identity: of.identities.as_ref().and_then(|column| column.get(at)?.as_ref()),
                    evm: of.evm.as_ref().and_then(|column| *column.get(at)?),
                    axon: of.axons.as_ref().and_then(|column| column.get(at)).copied().filter(|axon| *axon != Axon::default()),
                    $($name: of.$name.as_ref().and_then(|column| column.get(at)).copied(),)*
                }
            }
        }
    };
}

neuron! {
    /// Whether it has set weights lately.
    active: bool,
    /// Whether its weights count.
    validator_permit: bool,
    /// How soon it is replaced.
    pruning_score: u16,
    /// Block of its last weights.
    last_update: u64,
    /// What it earned in the last epoch.
    emission: u64,
    /// Share of the validators' reward.
    dividends: u16,
    /// Share of the miners' reward.
    incentive: u16,
    /// What validators agree on.
    consensus: u16,
    /// How far it agrees with the others.
    validator_trust: u16,
    /// Trust.
    trust: u16,
    /// Rank.
    rank: u16,
    /// Block of registration.
    registered_at: u64,
    /// Whether it cannot be replaced yet.
    is_immune: bool,
    /// Alpha behind it.
    alpha_stake: u64,
    /// TAO behind it.
    tao_stake: u64,
    /// What counts in an epoch.
    total_stake: u64,
    /// What lies on the hotkey itself.
    own_stake: u64,
    /// Alpha locked as collateral.
    collateral_locked: u64,
    /// Least collateral.
    collateral_min: u64,
    /// Collateral earned.
    collateral_earned: u64,
}
