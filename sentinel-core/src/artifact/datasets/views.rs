//! Rows from the typed views of subnets.

use std::collections::{BTreeMap, HashMap};

use super::rows::{HyperparameterChangeRow, HyperparameterRow, NeuronRow, WeightRow};
use crate::chain::{AccountId, BlockRef};
use crate::subnet::Metagraph;
use crate::subnet::hyperparameters::history::Change;
use crate::subnet::hyperparameters::{Hyperparameter, Raw, SubnetHyperparameters};
use crate::subnet::metagraph::{Axon, Mechanism, Neuron};
use crate::subnet::weights::SubnetWeights;

impl HyperparameterRow {
    /// The hyperparameters of a subnet in the state of a block.
    pub fn of(subnet: &SubnetHyperparameters, at: &BlockRef, timestamp_ms: Option<u64>) -> Vec<Self> {
        let row = |parameter: &Hyperparameter| Self {
            block: at.number,
            timestamp_ms,
            netuid: subnet.netuid,
            name: parameter.name.clone(),
            raw: parameter.raw.to_string(),
            value: number(parameter),
            unit: parameter.unit.word().to_owned(),
        };
        subnet.hyperparameters.iter().map(row).collect()
    }
}

/// The value in its unit as a number; 1 and 0 for true and false.
fn number(parameter: &Hyperparameter) -> Option<f64> {
    match parameter.raw {
        Raw::Bool(raw) => Some(f64::from(u8::from(raw))),
        _ => parameter.value().parse().ok(),
    }
}

impl HyperparameterChangeRow {
    /// A change.
    pub fn of(change: &Change) -> Self {
        let (old, new) = (change.before(), change.after());
        let raw = |parameter: &Option<Hyperparameter>| parameter.as_ref().map(|own| own.raw.to_string());
        let runtimes = change.cause.runtimes;
        Self {
            block: change.block,
            timestamp_ms: change.timestamp_ms,
            netuid: change.netuid,
            name: change.name.clone(),
            old_raw: raw(&old),
            old_value: old.as_ref().and_then(number),
            new_raw: raw(&new),
            new_value: new.as_ref().and_then(number),
            unit: change.unit.word().to_owned(),
            extrinsic: change.extrinsic_id(),
            call: change.cause.call.clone(),
            events: (!change.cause.events.is_empty()).then(|| change.cause.events.join(",")),
            old_runtime: runtimes.map(|[old, _]| old),
            new_runtime: runtimes.map(|[_, new]| new),
        }
    }
}

impl NeuronRow {
    /// The neurons of a metagraph.
    pub fn of(metagraph: &Metagraph, timestamp_ms: Option<u64>) -> Vec<Self> {
        let by_hotkey = |list: &Option<Vec<(AccountId, u64)>>| -> Option<HashMap<AccountId, u64>> {
            list.as_ref().map(|list| list.iter().copied().collect())
        };
        let alpha = by_hotkey(&metagraph.alpha_dividends);
        let tao = by_hotkey(&metagraph.tao_dividends);
        let row = |neuron: Neuron<'_>| {
            let earned = |map: &Option<HashMap<AccountId, u64>>| map.as_ref()?.get(&neuron.hotkey?).copied();
            let (alpha_dividends, tao_dividends) = (earned(&alpha), earned(&tao));
            Self::of_neuron(metagraph, neuron, timestamp_ms, alpha_dividends, tao_dividends)
        };
        metagraph.iter().map(row).collect()
    }

    fn of_neuron(
        metagraph: &Metagraph,
        neuron: Neuron<'_>,
        timestamp_ms: Option<u64>,
        alpha_dividends: Option<u64>,
        tao_dividends: Option<u64>,
    ) -> Self {
        let at = usize::from(neuron.uid);
        let serving = neuron.axon.filter(Axon::is_serving);
        Self {
            block: metagraph.at.number,
            timestamp_ms,
            netuid: metagraph.netuid,
            uid: neuron.uid,
            hotkey: neuron.hotkey,
            coldkey: neuron.coldkey,
            active: neuron.active,
            validator_permit: neuron.validator_permit,
            is_immune: neuron.is_immune,
            registered_at: neuron.registered_at,
            last_update: neuron.last_update,
            total_stake: neuron.total_stake,
            alpha_stake: neuron.alpha_stake,
            tao_stake: neuron.tao_stake,
            own_stake: neuron.own_stake,
            emission: neuron.emission,
            alpha_dividends,
            tao_dividends,
            incentive: neuron.incentive,
            dividends: neuron.dividends,
            consensus: neuron.consensus,
            validator_trust: neuron.validator_trust,
            trust: neuron.trust,
            rank: neuron.rank,
            pruning_score: neuron.pruning_score,
            axon: serving.map(|axon| axon.to_string()),
            axon_version: serving.map(|axon| axon.version),
            evm_address: neuron.evm.map(|evm| const_hex::encode_prefixed(evm.address)),
            identity_name: neuron.identity.and_then(|identity| identity.name.clone()),
            collateral_locked: neuron.collateral_locked,
            collateral_min: neuron.collateral_min,
            collateral_earned: neuron.collateral_earned,
            incentive_by_mechanism: by_mechanism(metagraph, |own| own.incentive.as_ref()?.get(at).copied()),
            consensus_by_mechanism: by_mechanism(metagraph, |own| own.consensus.as_ref()?.get(at).copied()),
            last_update_by_mechanism: by_mechanism(metagraph, |own| own.last_update.as_ref()?.get(at).copied()),
        }
    }
}

/// A fact of each mechanism from 0 on; `None` where one of them lacks it, so that places are numbers.
fn by_mechanism<T>(metagraph: &Metagraph, fact: impl Fn(&Mechanism) -> Option<T>) -> Option<Vec<T>> {
    let from_zero = metagraph.mechanisms.iter().enumerate().all(|(at, own)| at == usize::from(own.mechanism));
    from_zero.then(|| metagraph.mechanisms.iter().map(fact).collect::<Option<Vec<T>>>()).flatten()
}

impl WeightRow {
    /// The weights and bonds of a subnet: a row wherever there is either.
    pub fn of(weights: &SubnetWeights, timestamp_ms: Option<u64>) -> Vec<Self> {
        let mut rows = Vec::new();
        for own in &weights.mechanisms {
            let mut edges: BTreeMap<(u16, u16), (Option<u16>, Option<u16>)> = BTreeMap::new();
            for (from, to, weight) in own.weights.iter() {
                edges.entry((from, to)).or_default().0 = Some(weight);
            }
            for (from, to, bond) in own.bonds.iter() {
                edges.entry((from, to)).or_default().1 = Some(bond);
            }
            rows.extend(edges.into_iter().map(|((from_uid, to_uid), (weight, bond))| Self {
                block: weights.at.number,
                timestamp_ms,
                netuid: weights.netuid,
                mechanism: own.mechanism,
                from_uid,
                to_uid,
                weight,
                bond,
            }));
        }
        rows
    }
}
