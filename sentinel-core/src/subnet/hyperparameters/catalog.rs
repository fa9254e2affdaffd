//! What is known of each hyperparameter: its unit, and the storage item behind it.

use super::Unit;

/// How a storage value gives the parameter.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Form {
    /// The value is the parameter.
    Plain,
    /// The parameter is one of a pair.
    OfPair(usize),
    /// A flag that chooses version 3 over 2.
    Yuma3,
}

/// One hyperparameter and its storage item in `SubtensorModule`.
pub(super) struct Entry {
    pub(super) name: &'static str,
    pub(super) item: &'static str,
    pub(super) unit: Unit,
    #[cfg_attr(not(feature = "source"), expect(dead_code, reason = "storage is read from sources only"))]
    pub(super) form: Form,
}

const fn entry(name: &'static str, item: &'static str, unit: Unit) -> Entry {
    Entry { name, item, unit, form: Form::Plain }
}

/// All known hyperparameters that lie in storage, in the order of the runtime API, then the others.
pub(super) const CATALOG: &[Entry] = &[
    entry("rho", "Rho", Unit::Int),
    entry("kappa", "Kappa", Unit::U16),
    entry("immunity_period", "ImmunityPeriod", Unit::Blocks),
    entry("min_allowed_weights", "MinAllowedWeights", Unit::Int),
    entry("max_weights_limit", "MaxWeightsLimit", Unit::U16),
    entry("tempo", "Tempo", Unit::Blocks),
    entry("min_difficulty", "MinDifficulty", Unit::Difficulty),
    entry("max_difficulty", "MaxDifficulty", Unit::Difficulty),
    entry("weights_version", "WeightsVersionKey", Unit::Int),
    entry("weights_rate_limit", "WeightsSetRateLimit", Unit::Blocks),
    entry("adjustment_interval", "AdjustmentInterval", Unit::Blocks),
    entry("activity_cutoff", "ActivityCutoff", Unit::Blocks),
    entry("activity_cutoff_factor", "ActivityCutoffFactorMilli", Unit::PerMille),
    entry("registration_allowed", "NetworkRegistrationAllowed", Unit::Bool),
    entry("target_regs_per_interval", "TargetRegistrationsPerInterval", Unit::Int),
    entry("min_burn", "MinBurn", Unit::Rao),
    entry("max_burn", "MaxBurn", Unit::Rao),
    entry("bonds_moving_avg", "BondsMovingAverage", Unit::PerMillion),
    entry("max_regs_per_block", "MaxRegistrationsPerBlock", Unit::Int),
    entry("serving_rate_limit", "ServingRateLimit", Unit::Blocks),
    entry("max_validators", "MaxAllowedValidators", Unit::Int),
    entry("adjustment_alpha", "AdjustmentAlpha", Unit::U64),
    entry("difficulty", "Difficulty", Unit::Difficulty),
    entry("commit_reveal_period", "RevealPeriodEpochs", Unit::Epochs),
    entry("commit_reveal_weights_enabled", "CommitRevealWeightsEnabled", Unit::Bool),
    Entry { name: "alpha_high", item: "AlphaValues", unit: Unit::U16, form: Form::OfPair(1) },
    Entry { name: "alpha_low", item: "AlphaValues", unit: Unit::U16, form: Form::OfPair(0) },
    entry("liquid_alpha_enabled", "LiquidAlphaOn", Unit::Bool),
    entry("alpha_sigmoid_steepness", "AlphaSigmoidSteepness", Unit::Int),
    Entry { name: "yuma_version", item: "Yuma3On", unit: Unit::Int, form: Form::Yuma3 },
    entry("subnet_is_active", "SubtokenEnabled", Unit::Bool),
    entry("transfers_enabled", "TransferToggle", Unit::Bool),
    entry("bonds_reset_enabled", "BondsResetOn", Unit::Bool),
    entry("burn_half_life", "BurnHalfLife", Unit::Blocks),
    entry("burn_increase_mult", "BurnIncreaseMult", Unit::Fixed128),
    entry("owner_cut_enabled", "OwnerCutEnabled", Unit::Bool),
    entry("owner_cut_auto_lock_enabled", "OwnerCutAutoLockEnabled", Unit::Bool),
    entry("min_childkey_take", "MinChildkeyTakePerSubnet", Unit::U16),
    entry("collateral_lock_share", "CollateralLockShare", Unit::U16),
    entry("collateral_drain_ratio", "CollateralDrainRatio", Unit::Fixed128),
    entry("burn", "Burn", Unit::Rao),
    entry("max_allowed_uids", "MaxAllowedUids", Unit::Int),
    entry("min_allowed_uids", "MinAllowedUids", Unit::Int),
    entry("min_non_immune_uids", "MinNonImmuneUids", Unit::Int),
    entry("bonds_penalty", "BondsPenalty", Unit::U16),
    entry("owner_immune_neuron_limit", "ImmuneOwnerUidsLimit", Unit::Int),
    entry("recycle_or_burn", "RecycleOrBurn", Unit::Choice),
    entry("mechanism_count", "MechanismCountCurrent", Unit::Int),
    entry("network_pow_registration_allowed", "NetworkPowRegistrationAllowed", Unit::Bool),
    entry("subnet_emission_enabled", "SubnetEmissionEnabled", Unit::Bool),
    entry("ema_price_halving_period", "EMAPriceHalvingBlocks", Unit::Blocks),
    entry("liquid_alpha_consensus_mode", "LiquidAlphaConsensusMode", Unit::Choice),
];

/// Names that older runtimes give to a parameter of the catalog.
const OLD_NAMES: &[(&str, &str)] =
    &[("commit_reveal_weights_interval", "commit_reveal_period"), ("max_weight_limit", "max_weights_limit")];

/// The name under which the catalog has a parameter.
pub(super) fn current_name(name: &str) -> &str {
    OLD_NAMES.iter().find(|(old, _)| *old == name).map_or(name, |(_, current)| current)
}

/// Setters that are not called `sudo_set_` and the name of the parameter.
const SETTERS: &[(&str, &str)] = &[
    ("max_weights_limit", "max_weight_limit"),
    ("weights_version", "weights_version_key"),
    ("weights_rate_limit", "weights_set_rate_limit"),
    ("registration_allowed", "network_registration_allowed"),
    ("target_regs_per_interval", "target_registrations_per_interval"),
    ("bonds_moving_avg", "bonds_moving_average"),
    ("max_regs_per_block", "max_registrations_per_block"),
    ("max_validators", "max_allowed_validators"),
    ("commit_reveal_period", "commit_reveal_weights_interval"),
    ("alpha_high", "alpha_values"),
    ("alpha_low", "alpha_values"),
    ("yuma_version", "yuma3_enabled"),
    ("subnet_is_active", "subtoken_enabled"),
    ("transfers_enabled", "toggle_transfer"),
    ("min_childkey_take", "min_childkey_take_per_subnet"),
];

/// The calls that set a hyperparameter, without their prefix `sudo_set_`.
pub fn setters_of(name: &str) -> impl Iterator<Item = &str> {
    let other = SETTERS.iter().filter(move |(parameter, _)| *parameter == name).map(|(_, setter)| *setter);
    std::iter::once(name).chain(other)
}

/// Whether the chain moves this value by itself, all the time, so that its changes are nobody's doing.
pub fn is_automatic(name: &str) -> bool {
    matches!(name, "burn" | "difficulty")
}

/// The unit of a hyperparameter by its name; `None` for names this library does not know.
pub fn unit_of(name: &str) -> Option<Unit> {
    let name = current_name(name);
    let known = CATALOG.iter().find(|entry| entry.name == name).map(|entry| entry.unit);
    known.or((name == "user_liquidity_enabled").then_some(Unit::Bool))
}

/// The storage items of `SubtensorModule` that hold hyperparameters by netuid, each once.
pub fn storage_items() -> impl Iterator<Item = &'static str> {
    let mut last = "";
    CATALOG.iter().map(|entry| entry.item).filter(move |item| std::mem::replace(&mut last, item) != *item)
}
