//! Answers of `get_neurons` and `get_neurons_lite`: rows, which become columns.

use parity_scale_codec::Decode;

use super::layout::{account, amount, axon, compact, list};
use super::{Axon, Metagraph, Neurons};
use crate::chain::AccountId;
use crate::decode::Runtime;
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::sparse::SparseRows;

type Row = Vec<(&'static str, Cell)>;

/// Fields in the order of the struct, which has been the same since 2023.
const TABLE: [(&str, Shape); 20] = [
    ("hotkey", Shape::One),
    ("coldkey", Shape::One),
    ("uid", Shape::One),
    ("netuid", Shape::One),
    ("active", Shape::One),
    ("axon_info", Shape::Axon),
    (PROMETHEUS, Shape::One),
    ("stake", Shape::Amounts),
    ("rank", Shape::One),
    ("emission", Shape::One),
    ("incentive", Shape::One),
    ("consensus", Shape::One),
    ("trust", Shape::One),
    ("validator_trust", Shape::One),
    ("dividends", Shape::One),
    ("last_update", Shape::One),
    ("validator_permit", Shape::One),
    ("weights", Shape::Edges),
    ("bonds", Shape::Edges),
    ("pruning_score", Shape::One),
];

/// Not read: block, version, address, port and kind of address.
const PROMETHEUS: &str = "prometheus_info";
const PROMETHEUS_LEN: usize = 8 + 4 + 16 + 2 + 1;

/// Name and shape of a field of a neuron.
pub(in crate::subnet) fn neuron_field(name: &str) -> Option<(&'static str, Shape)> {
    TABLE.iter().find(|(known, _)| *known == name && name != PROMETHEUS).copied()
}

/// Reads rows that the metadata does not describe.
pub(super) fn rows(mut bytes: &[u8], lite: bool) -> Result<Vec<Row>, String> {
    let input = &mut bytes;
    let rows = list(input, |input| row(input, lite)).ok_or("the bytes end inside a neuron, or are none")?;
    if input.is_empty() { Ok(rows) } else { Err(format!("{} bytes left over", input.len())) }
}

fn row(input: &mut &[u8], lite: bool) -> Option<Row> {
    let mut row = Vec::with_capacity(TABLE.len());
    for (name, shape) in TABLE {
        let cell = match (name, shape) {
            (PROMETHEUS, _) => {
                *input = input.get(PROMETHEUS_LEN..)?;
                continue;
            }
            (_, Shape::Edges) if lite => continue,
            (_, Shape::Edges) => Cell::Edges(list(input, edge)?),
            (_, Shape::Axon) => Cell::Axon(Box::new(axon(input)?)),
            (_, Shape::Amounts) => Cell::Amounts(list(input, amount)?),
            ("hotkey" | "coldkey", _) => Cell::Account(account(input)?),
            ("active" | "validator_permit", _) => Cell::Flag(bool::decode(input).ok()?),
            _ => Cell::Number(compact(input)?.into()),
        };
        row.push((name, cell));
    }
    Some(row)
}

fn edge(input: &mut &[u8]) -> Option<(u16, u16)> {
    Some((compact(input)?.try_into().ok()?, compact(input)?.try_into().ok()?))
}

/// Columns under way.
#[derive(Default)]
struct Columns {
    hotkeys: Vec<AccountId>,
    coldkeys: Vec<AccountId>,
    axons: Vec<Axon>,
    active: Vec<bool>,
    validator_permit: Vec<bool>,
    stake: Vec<u64>,
    emission: Vec<u64>,
    last_update: Vec<u64>,
    rank: Vec<u16>,
    incentive: Vec<u16>,
    consensus: Vec<u16>,
    trust: Vec<u16>,
    validator_trust: Vec<u16>,
    dividends: Vec<u16>,
    pruning_score: Vec<u16>,
    weights: SparseRows,
    bonds: SparseRows,
}

impl Columns {
    fn push(&mut self, name: &str, cell: Cell, uid: usize) -> Result<(), String> {
        match (name, cell) {
            ("hotkey", Cell::Account(account)) => self.hotkeys.push(account),
            ("coldkey", Cell::Account(account)) => self.coldkeys.push(account),
            ("axon_info", Cell::Axon(axon)) => self.axons.push(*axon),
            ("active", Cell::Flag(flag)) => self.active.push(flag),
            ("validator_permit", Cell::Flag(flag)) => self.validator_permit.push(flag),
            ("stake", Cell::Amounts(stakes)) => {
                self.stake.push(stakes.iter().fold(0, |sum, (_, stake)| u64::saturating_add(sum, *stake)));
            }
            ("weights", Cell::Edges(row)) => self.weights.push(row),
            ("bonds", Cell::Edges(row)) => self.bonds.push(row),
            ("uid", Cell::Number(own)) if own != uid as u128 => {
                return Err(format!("neuron {uid} says that it is {own}"));
            }
            ("uid" | "netuid", Cell::Number(_)) => {}
            ("emission", Cell::Number(number)) => self.emission.push(narrow(number)?),
            ("last_update", Cell::Number(number)) => self.last_update.push(narrow(number)?),
            (_, Cell::Number(number)) => self.share(name)?.push(narrow(number)?),
            _ => return Err(format!("{name} of neuron {uid} is of a type that is not known here")),
        }
        Ok(())
    }

    fn share(&mut self, name: &str) -> Result<&mut Vec<u16>, String> {
        Ok(match name {
            "rank" => &mut self.rank,
            "incentive" => &mut self.incentive,
            "consensus" => &mut self.consensus,
            "trust" => &mut self.trust,
            "validator_trust" => &mut self.validator_trust,
            "dividends" => &mut self.dividends,
            "pruning_score" => &mut self.pruning_score,
            _ => return Err(format!("{name} is a number")),
        })
    }
}

fn narrow<T: TryFrom<u128>>(number: u128) -> Result<T, String> {
    T::try_from(number).map_err(|_| format!("{number} is too large"))
}

/// What the chain lists as the stake of a neuron: what lies on its hotkey; in the runtimes between childkeys and dynamic
/// TAO, with that of parents and without that given to children.
fn stake(neurons: &mut Neurons, runtime: &Runtime, stake: Option<Vec<u64>>) {
    let has = |item| runtime.storage_item("SubtensorModule", item).is_some();
    match (has("SubnetMovingPrice"), has("TotalHotkeyAlpha"), has("ChildKeys")) {
        (true, _, _) => neurons.own_stake = stake,
        // A development runtime on the way to dynamic TAO, which lists a weight of 16 bits in this place.
        (false, true, _) => {}
        (false, false, has_children) => {
            neurons.tao_stake.clone_from(&stake);
            neurons.total_stake.clone_from(&stake);
            neurons.own_stake = stake.filter(|_| !has_children);
        }
    }
}

/// Makes columns of the rows.
pub(super) fn fill(metagraph: &mut Metagraph, runtime: &Runtime, rows: Vec<Row>) -> Result<(), String> {
    let count = rows.len();
    let mut columns = Columns::default();
    for (uid, row) in rows.into_iter().enumerate() {
        for (name, cell) in row {
            columns.push(name, cell, uid)?;
        }
    }
    let full = |column: Vec<u16>| (column.len() == count).then_some(column);
    let wide = |column: Vec<u64>| (column.len() == count).then_some(column);
    let neurons = &mut metagraph.neurons;
    neurons.count = count;
    neurons.hotkeys = (columns.hotkeys.len() == count).then_some(columns.hotkeys);
    neurons.coldkeys = (columns.coldkeys.len() == count).then_some(columns.coldkeys);
    neurons.axons = (columns.axons.len() == count).then_some(columns.axons);
    neurons.active = (columns.active.len() == count).then_some(columns.active);
    neurons.validator_permit = (columns.validator_permit.len() == count).then_some(columns.validator_permit);
    stake(neurons, runtime, wide(columns.stake));
    neurons.emission = wide(columns.emission);
    neurons.last_update = wide(columns.last_update);
    neurons.rank = full(columns.rank);
    neurons.incentive = full(columns.incentive);
    neurons.consensus = full(columns.consensus);
    neurons.trust = full(columns.trust);
    neurons.validator_trust = full(columns.validator_trust);
    neurons.dividends = full(columns.dividends);
    neurons.pruning_score = full(columns.pruning_score);
    let (incentive, last_update) = (neurons.incentive.clone(), neurons.last_update.clone());
    let mechanism = metagraph.mechanism_mut(0);
    mechanism.incentive = incentive;
    mechanism.last_update = last_update;
    mechanism.weights = (columns.weights.len() == count).then_some(columns.weights);
    mechanism.bonds = (columns.bonds.len() == count).then_some(columns.bonds);
    Ok(())
}
