//! One neuron as `subnet metagraph` shows it.

use std::collections::{HashMap, HashSet};

use sentinel_core::chain::AccountId;
use sentinel_core::subnet::metagraph::{Axon, EvmAssociation, Metagraph, Neuron, share};
use sentinel_core::subnet::{ChainIdentity, SparseRows};
use serde::Serialize;

/// A neuron with the keys that scripts know. Amounts are integers in rao; `…_raw` is a share of 65,535 as the chain has it.
#[derive(Debug, Serialize)]
pub(super) struct NeuronView<'m> {
    pub(super) uid: u16,
    pub(super) hotkey: Option<AccountId>,
    pub(super) coldkey: Option<AccountId>,
    /// What counts in an epoch.
    pub(super) stake: Option<u64>,
    pub(super) alpha_stake: Option<u64>,
    pub(super) tao_stake: Option<u64>,
    /// What lies on the hotkey itself.
    pub(super) own_stake: Option<u64>,
    pub(super) normalized_stake: Option<f64>,
    pub(super) alpha_dividends: Option<u64>,
    pub(super) tao_dividends: Option<u64>,
    pub(super) emissions: Option<u64>,
    pub(super) dividend: Option<f64>,
    pub(super) dividend_raw: Option<u16>,
    pub(super) consensus: Option<f64>,
    pub(super) consensus_raw: Option<u16>,
    pub(super) validator_trust: Option<f64>,
    pub(super) validator_trust_raw: Option<u16>,
    pub(super) trust: Option<f64>,
    pub(super) trust_raw: Option<u16>,
    pub(super) rank: Option<f64>,
    pub(super) rank_raw: Option<u16>,
    pub(super) pruning_score_raw: Option<u16>,
    pub(super) is_validator: Option<bool>,
    pub(super) is_active: Option<bool>,
    pub(super) is_immune: Option<bool>,
    pub(super) has_any_weights: Option<bool>,
    pub(super) registered_at: Option<u64>,
    /// Where it can be reached; null for a neuron that announced nothing.
    pub(super) axon_address: Option<String>,
    pub(super) axon: Option<Axon>,
    pub(super) evm: Option<EvmAssociation>,
    pub(super) identity: Option<&'m ChainIdentity>,
    pub(super) collateral_locked: Option<u64>,
    pub(super) collateral_min: Option<u64>,
    pub(super) collateral_earned: Option<u64>,
    pub(super) mechanisms: Vec<MechanismView>,
}

/// What a neuron has in one mechanism. Dividends and validator trust, and consensus before 461, are kept for the subnet as a
/// whole: where it has several mechanisms they are null here.
#[derive(Debug, Serialize)]
pub(super) struct MechanismView {
    pub(super) mech_id: u8,
    pub(super) incentive: Option<f64>,
    pub(super) incentive_raw: Option<u16>,
    pub(super) dividend: Option<f64>,
    pub(super) dividend_raw: Option<u16>,
    pub(super) consensus: Option<f64>,
    pub(super) consensus_raw: Option<u16>,
    pub(super) validator_trust: Option<f64>,
    pub(super) validator_trust_raw: Option<u16>,
    /// Sum of the weights that it has set, each of 65,535.
    pub(super) weights_sum: Option<u64>,
    /// Block of its last weights.
    pub(super) last_update: Option<u64>,
    /// Blocks since then.
    pub(super) updated: Option<u64>,
}

/// What is looked up for every neuron.
pub(super) struct Views<'m> {
    metagraph: &'m Metagraph,
    total_stake: Option<u128>,
    alpha_dividends: Option<HashMap<AccountId, u64>>,
    tao_dividends: Option<HashMap<AccountId, u64>>,
    /// Whom anybody has given weights.
    weighed: Option<HashSet<u16>>,
}

impl<'m> Views<'m> {
    pub(super) fn new(metagraph: &'m Metagraph) -> Self {
        let by_hotkey = |list: &Option<Vec<(AccountId, u64)>>| list.as_ref().map(|list| list.iter().copied().collect());
        let weights: Option<Vec<&SparseRows>> = metagraph.mechanisms.iter().map(|own| own.weights.as_ref()).collect();
        let weighed = weights.map(|all| {
            all.iter().flat_map(|rows| rows.iter()).filter(|(_, _, weight)| *weight > 0).map(|(_, to, _)| to).collect()
        });
        let stakes = metagraph.neurons.total_stake.as_ref();
        Self {
            metagraph,
            total_stake: stakes.map(|stakes| stakes.iter().copied().map(u128::from).sum()),
            alpha_dividends: by_hotkey(&metagraph.alpha_dividends),
            tao_dividends: by_hotkey(&metagraph.tao_dividends),
            weighed,
        }
    }

    /// The stake of all neurons.
    pub(super) fn total_stake(&self) -> Option<u128> {
        self.total_stake
    }

    /// One neuron, with the mechanisms that are wanted.
    pub(super) fn of(&self, neuron: &Neuron<'m>, wants: impl Fn(u8) -> bool) -> NeuronView<'m> {
        let of_hotkey = |map: &Option<HashMap<AccountId, u64>>| map.as_ref()?.get(&neuron.hotkey?).copied();
        let normalized =
            |stake: u64| self.total_stake.filter(|total| *total > 0).map(|total| stake as f64 / total as f64);
        let mechanisms = self.metagraph.mechanisms.iter().map(|own| own.mechanism).filter(|own| wants(*own));
        NeuronView {
            uid: neuron.uid,
            hotkey: neuron.hotkey,
            coldkey: neuron.coldkey,
            stake: neuron.total_stake,
            alpha_stake: neuron.alpha_stake,
            tao_stake: neuron.tao_stake,
            own_stake: neuron.own_stake,
            normalized_stake: neuron.total_stake.and_then(normalized),
            alpha_dividends: of_hotkey(&self.alpha_dividends),
            tao_dividends: of_hotkey(&self.tao_dividends),
            emissions: neuron.emission,
            dividend: neuron.dividends.map(share),
            dividend_raw: neuron.dividends,
            consensus: neuron.consensus.map(share),
            consensus_raw: neuron.consensus,
            validator_trust: neuron.validator_trust.map(share),
            validator_trust_raw: neuron.validator_trust,
            trust: neuron.trust.map(share),
            trust_raw: neuron.trust,
            rank: neuron.rank.map(share),
            rank_raw: neuron.rank,
            pruning_score_raw: neuron.pruning_score,
            is_validator: neuron.validator_permit,
            is_active: neuron.active,
            is_immune: neuron.is_immune,
            has_any_weights: self.weighed.as_ref().map(|weighed| weighed.contains(&neuron.uid)),
            registered_at: neuron.registered_at,
            axon_address: neuron.axon.filter(Axon::is_serving).map(|axon| axon.to_string()),
            axon: neuron.axon,
            evm: neuron.evm,
            identity: neuron.identity,
            collateral_locked: neuron.collateral_locked,
            collateral_min: neuron.collateral_min,
            collateral_earned: neuron.collateral_earned,
            mechanisms: mechanisms.map(|mechanism| self.mechanism(neuron, mechanism)).collect(),
        }
    }

    fn mechanism(&self, neuron: &Neuron<'m>, mechanism: u8) -> MechanismView {
        let at = usize::from(neuron.uid);
        let own = self.metagraph.mechanism(mechanism);
        let is_only = self.metagraph.mechanisms.len() == 1;
        let only = |raw: Option<u16>| raw.filter(|_| is_only);
        let incentive = own.and_then(|own| own.incentive.as_ref()?.get(at).copied()).or(only(neuron.incentive));
        let consensus = own.and_then(|own| own.consensus.as_ref()?.get(at).copied()).or(only(neuron.consensus));
        let (dividend, validator_trust) = (only(neuron.dividends), only(neuron.validator_trust));
        let last_update = own.and_then(|own| own.last_update.as_ref()?.get(at).copied());
        let last_update = last_update.or(neuron.last_update.filter(|_| is_only));
        let weights = own.and_then(|own| own.weights.as_ref());
        MechanismView {
            mech_id: mechanism,
            incentive: incentive.map(share),
            incentive_raw: incentive,
            dividend: dividend.map(share),
            dividend_raw: dividend,
            consensus: consensus.map(share),
            consensus_raw: consensus,
            validator_trust: validator_trust.map(share),
            validator_trust_raw: validator_trust,
            weights_sum: weights.map(|rows| rows.row(neuron.uid).map(|(_, weight)| u64::from(weight)).sum()),
            last_update,
            updated: last_update.map(|block| self.metagraph.at.number.saturating_sub(block)),
        }
    }
}
