//! The fields of the runtime's metagraph: their names, how they are encoded, and where they go.

use super::Metagraph;
use crate::chain::{AccountId, Rao};
use crate::subnet::cell::{Cell, Shape};
use crate::subnet::hyperparameters::{Hyperparameter, Raw, Unit, unit_of};

/// How a field is encoded.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Wire {
    /// A compact integer.
    Compact,
    /// 128 bits of a fixed-point number.
    Fixed,
    Flag,
    Account,
    /// A list of compact integers; a text is one of its bytes.
    Compacts,
    SubnetIdentity,
    Accounts,
    Identities,
    Axons,
    Flags,
    Amounts,
    Texts,
}

use Wire::{
    Account, Accounts, Amounts, Axons, Compact as C, Compacts, Fixed, Flag, Flags, Identities,
    SubnetIdentity as Identity, Texts,
};

/// All fields in order, which is the order of the struct and of the indexes of `get_selective_metagraph`.
pub(super) const TABLE: [(&str, Wire); 77] = [
    ("netuid", C),
    ("name", Compacts),
    ("symbol", Compacts),
    ("identity", Identity),
    ("network_registered_at", C),
    ("owner_hotkey", Account),
    ("owner_coldkey", Account),
    ("block", C),
    ("tempo", C),
    ("last_step", C),
    ("blocks_since_last_step", C),
    ("subnet_emission", C),
    ("alpha_in", C),
    ("alpha_out", C),
    ("tao_in", C),
    ("alpha_out_emission", C),
    ("alpha_in_emission", C),
    ("tao_in_emission", C),
    ("pending_alpha_emission", C),
    ("pending_root_emission", C),
    ("subnet_volume", C),
    ("moving_price", Fixed),
    ("rho", C),
    ("kappa", C),
    ("min_allowed_weights", C),
    ("max_weights_limit", C),
    ("weights_version", C),
    ("weights_rate_limit", C),
    ("activity_cutoff", C),
    ("max_validators", C),
    ("num_uids", C),
    ("max_uids", C),
    ("burn", C),
    ("difficulty", C),
    ("registration_allowed", Flag),
    ("pow_registration_allowed", Flag),
    ("immunity_period", C),
    ("min_difficulty", C),
    ("max_difficulty", C),
    ("min_burn", C),
    ("max_burn", C),
    ("adjustment_alpha", C),
    ("adjustment_interval", C),
    ("target_regs_per_interval", C),
    ("max_regs_per_block", C),
    ("serving_rate_limit", C),
    ("commit_reveal_weights_enabled", Flag),
    ("commit_reveal_period", C),
    ("liquid_alpha_enabled", Flag),
    ("alpha_high", C),
    ("alpha_low", C),
    ("bonds_moving_avg", C),
    ("hotkeys", Accounts),
    ("coldkeys", Accounts),
    ("identities", Identities),
    ("axons", Axons),
    ("active", Flags),
    ("validator_permit", Flags),
    ("pruning_score", Compacts),
    ("last_update", Compacts),
    ("emission", Compacts),
    ("dividends", Compacts),
    ("incentives", Compacts),
    ("consensus", Compacts),
    ("trust", Compacts),
    ("rank", Compacts),
    ("block_at_registration", Compacts),
    ("alpha_stake", Compacts),
    ("tao_stake", Compacts),
    ("total_stake", Compacts),
    ("tao_dividends_per_hotkey", Amounts),
    ("alpha_dividends_per_hotkey", Amounts),
    ("validators", Compacts),
    ("commitments", Texts),
    ("collateral_locked", Compacts),
    ("collateral_min", Compacts),
    ("collateral_earned", Compacts),
];

/// Where the fields begin that only the selective form has, and where they end.
pub(super) const SELECTIVE_ONLY: std::ops::Range<usize> = 72..74;

/// Names of the fields by their index in `get_selective_metagraph`.
pub fn field_names() -> impl ExactSizeIterator<Item = &'static str> {
    TABLE.iter().map(|(name, _)| *name)
}

/// Name and shape of a field as the metadata describes it; `None` for one that is not known here.
pub(in crate::subnet) fn metagraph_field(name: &str) -> Option<(&'static str, Shape)> {
    let (name, wire) = TABLE.iter().find(|(known, _)| *known == name)?;
    Some((
        name,
        match wire {
            C | Fixed | Flag | Account => Shape::One,
            Compacts => Shape::Numbers,
            Identity => Shape::SubnetIdentity,
            Accounts => Shape::Accounts,
            Identities => Shape::Identities,
            Axons => Shape::Axons,
            Flags => Shape::Flags,
            Amounts => Shape::Amounts,
            Texts => Shape::Texts,
        },
    ))
}

/// Puts a field where it belongs.
pub(super) fn set(metagraph: &mut Metagraph, name: &str, cell: Cell) -> Result<(), String> {
    if cell == Cell::Absent {
        return Ok(());
    }
    let kept = subnet_field(metagraph, name, cell).and_then(|rest| match rest {
        Some(cell) => column(metagraph, name, cell),
        None => Ok(()),
    });
    kept.map_err(|message| format!("{name} is {message}"))
}

/// Fields of the subnet; gives back those that are none.
fn subnet_field(metagraph: &mut Metagraph, name: &str, cell: Cell) -> Result<Option<Cell>, String> {
    let info = &mut metagraph.info;
    match name {
        // The caller knows which subnet was asked for: the answer says 0, or a storage index, where the field was left out.
        "netuid" => {}
        "name" => info.name = Some(text(cell)?),
        "symbol" => info.symbol = Some(text(cell)?),
        "identity" => match cell {
            Cell::Subnet(identity) => info.identity = Some(*identity),
            _ => return Err("no identity".to_owned()),
        },
        "network_registered_at" => info.registered_at = Some(number(cell)?),
        "owner_hotkey" => info.owner_hotkey = owner(cell)?,
        "owner_coldkey" => info.owner_coldkey = owner(cell)?,
        "block" => metagraph.answered_at = Some(number(cell)?),
        "tempo" => info.tempo = Some(number(cell)?),
        "last_step" => info.last_step = Some(number(cell)?),
        "blocks_since_last_step" => info.blocks_since_last_step = Some(number(cell)?),
        "subnet_emission" => info.subnet_emission = Some(number(cell)?),
        "alpha_in" => info.alpha_in = Some(number(cell)?),
        "alpha_out" => info.alpha_out = Some(number(cell)?),
        "tao_in" => info.tao_in = Some(Rao(number(cell)?)),
        "alpha_out_emission" => info.alpha_out_emission = Some(number(cell)?),
        "alpha_in_emission" => info.alpha_in_emission = Some(number(cell)?),
        "tao_in_emission" => info.tao_in_emission = Some(Rao(number(cell)?)),
        "pending_alpha_emission" => info.pending_emission = Some(number(cell)?),
        "pending_root_emission" => info.pending_root_emission = Some(Rao(number(cell)?)),
        "subnet_volume" => info.subnet_volume = Some(number(cell)?),
        "moving_price" => match cell {
            Cell::Signed(bits) => info.moving_price_bits = Some(bits),
            _ => return Err("no fixed-point number".to_owned()),
        },
        "num_uids" => info.num_uids = Some(number(cell)?),
        "max_uids" => info.max_uids = Some(number(cell)?),
        "burn" => info.burn = Some(Rao(number(cell)?)),
        _ => match &cell {
            Cell::Flag(_) | Cell::Number(_) => hyperparameter(metagraph, name, &cell)?,
            _ => return Ok(Some(cell)),
        },
    }
    Ok(None)
}

fn hyperparameter(metagraph: &mut Metagraph, name: &str, cell: &Cell) -> Result<(), String> {
    let raw = match cell {
        Cell::Flag(flag) => Raw::Bool(*flag),
        Cell::Number(number) => Raw::Unsigned(*number),
        _ => return Err("neither a flag nor a number".to_owned()),
    };
    if let ("immunity_period", Raw::Unsigned(period)) = (name, raw) {
        metagraph.info.immunity_period = Some(period.try_into().map_err(|_| too_large(period))?);
    }
    let natural = if matches!(raw, Raw::Bool(_)) { Unit::Bool } else { Unit::Int };
    // The only name that hyperparameters spell in another way.
    let name = if name == "pow_registration_allowed" { "network_pow_registration_allowed" } else { name };
    let unit = unit_of(name).unwrap_or(natural);
    metagraph.hyperparameters.push(Hyperparameter { name: name.to_owned(), raw, unit });
    Ok(())
}

fn column(metagraph: &mut Metagraph, name: &str, cell: Cell) -> Result<(), String> {
    let neurons = &mut metagraph.neurons;
    match (name, cell) {
        ("hotkeys", Cell::Accounts(column)) => neurons.hotkeys = Some(column),
        ("coldkeys", Cell::Accounts(column)) => neurons.coldkeys = Some(column),
        ("identities", Cell::Identities(column)) => neurons.identities = Some(column),
        ("axons", Cell::Axons(column)) => neurons.axons = Some(column),
        ("active", Cell::Flags(column)) => neurons.active = Some(column),
        ("validator_permit", Cell::Flags(column)) => neurons.validator_permit = Some(column),
        ("pruning_score", Cell::Numbers(column)) => neurons.pruning_score = Some(shares(column)?),
        ("last_update", Cell::Numbers(column)) => neurons.last_update = Some(column),
        ("emission", Cell::Numbers(column)) => neurons.emission = Some(column),
        ("dividends", Cell::Numbers(column)) => neurons.dividends = Some(shares(column)?),
        ("incentives", Cell::Numbers(column)) => neurons.incentive = Some(shares(column)?),
        ("consensus", Cell::Numbers(column)) => neurons.consensus = Some(shares(column)?),
        ("trust", Cell::Numbers(column)) => neurons.trust = Some(shares(column)?),
        ("rank", Cell::Numbers(column)) => neurons.rank = Some(shares(column)?),
        ("block_at_registration", Cell::Numbers(column)) => neurons.registered_at = Some(column),
        ("alpha_stake", Cell::Numbers(column)) => neurons.alpha_stake = Some(column),
        ("tao_stake", Cell::Numbers(column)) => neurons.tao_stake = Some(column),
        ("total_stake", Cell::Numbers(column)) => neurons.total_stake = Some(column),
        ("collateral_locked", Cell::Numbers(column)) => neurons.collateral_locked = Some(column),
        ("collateral_min", Cell::Numbers(column)) => neurons.collateral_min = Some(column),
        ("collateral_earned", Cell::Numbers(column)) => neurons.collateral_earned = Some(column),
        ("tao_dividends_per_hotkey", Cell::Amounts(amounts)) => metagraph.tao_dividends = Some(amounts),
        ("alpha_dividends_per_hotkey", Cell::Amounts(amounts)) => metagraph.alpha_dividends = Some(amounts),
        ("validators", Cell::Numbers(uids)) => metagraph.validators = Some(shares(uids)?),
        ("commitments", Cell::Texts(texts)) => metagraph.commitments = Some(texts),
        (_, cell) => return Err(format!("of another kind: {}", kind(&cell))),
    }
    Ok(())
}

/// What is left to do once all fields are in their places.
pub(super) fn finish(metagraph: &mut Metagraph, mechanism: u8) {
    let neurons = &mut metagraph.neurons;
    let columns = [
        neurons.hotkeys.as_ref().map(Vec::len),
        metagraph.info.num_uids.map(usize::from),
        neurons.coldkeys.as_ref().map(Vec::len),
        neurons.active.as_ref().map(Vec::len),
        neurons.last_update.as_ref().map(Vec::len),
        neurons.incentive.as_ref().map(Vec::len),
        neurons.dividends.as_ref().map(Vec::len),
        neurons.emission.as_ref().map(Vec::len),
        neurons.registered_at.as_ref().map(Vec::len),
        neurons.total_stake.as_ref().map(Vec::len),
    ];
    // One column of the hotkeys says it; where they were not asked for, any other does.
    neurons.count = columns.into_iter().flatten().next().unwrap_or(0);
    // Runtimes keep the fields of what they no longer compute, without anything in them.
    for column in [&mut neurons.pruning_score, &mut neurons.trust, &mut neurons.rank] {
        column.take_if(|column| column.is_empty());
    }
    let block = metagraph.answered_at.unwrap_or(metagraph.at.number);
    metagraph.neurons.judge_immunity(block, metagraph.info.immunity_period);
    let (incentive, last_update) = (metagraph.neurons.incentive.clone(), metagraph.neurons.last_update.clone());
    let own = metagraph.mechanism_mut(mechanism);
    own.incentive = incentive;
    own.last_update = last_update;
}

fn number<T: TryFrom<u128>>(cell: Cell) -> Result<T, String> {
    match cell {
        Cell::Number(number) => T::try_from(number).map_err(|_| too_large(number)),
        other => Err(format!("no number: {}", kind(&other))),
    }
}

fn too_large(number: u128) -> String {
    format!("too large a number: {number}")
}

fn owner(cell: Cell) -> Result<Option<AccountId>, String> {
    match cell {
        // The account of nobody stands for no account.
        Cell::Account(account) => Ok((account.0 != [0; 32]).then_some(account)),
        other => Err(format!("no account: {}", kind(&other))),
    }
}

/// A text whose bytes are numbers, or plain bytes.
fn text(cell: Cell) -> Result<String, String> {
    let bytes = match cell {
        Cell::Bytes(bytes) => bytes,
        Cell::Numbers(numbers) => {
            let bytes: Result<Vec<u8>, _> = numbers.into_iter().map(u8::try_from).collect();
            bytes.map_err(|_| "no text: a byte beyond 255".to_owned())?
        }
        other => return Err(format!("no text: {}", kind(&other))),
    };
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

fn shares(numbers: Vec<u64>) -> Result<Vec<u16>, String> {
    let narrow = |number: u64| u16::try_from(number).map_err(|_| too_large(number.into()));
    numbers.into_iter().map(narrow).collect()
}

fn kind(cell: &Cell) -> &'static str {
    match cell {
        Cell::Absent => "nothing",
        Cell::Flag(_) => "a flag",
        Cell::Number(_) | Cell::Signed(_) | Cell::Scaled(..) => "a number",
        Cell::Account(_) => "an account",
        Cell::Bytes(_) => "bytes",
        Cell::Numbers(_) => "numbers",
        Cell::Flags(_) => "flags",
        Cell::Accounts(_) => "accounts",
        Cell::Axon(_) | Cell::Axons(_) => "axons",
        Cell::Subnet(_) | Cell::Identity(_) | Cell::Identities(_) => "identities",
        Cell::Amounts(_) | Cell::Texts(_) | Cell::Edges(_) | Cell::Tagged(..) => "pairs",
        Cell::Fields(_) | Cell::Rows(_) | Cell::Other => "a type that is not known here",
    }
}
