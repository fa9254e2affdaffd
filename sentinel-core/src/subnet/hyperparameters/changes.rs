//! What changes a hyperparameter: its storage item, the calls that set it, the events that say so.

use serde::Serialize;

use super::catalog::{CATALOG, current_name, setters_of};
use crate::decode::Runtime;

/// Where a hyperparameter lies and what changes it, as far as one runtime has it.
///
/// Many setters emit no event, and migrations, and the chain itself for `burn` and `difficulty`, need no call: only its
/// storage tells every change.
#[derive(Debug, Clone, Default, PartialEq, Eq, Serialize)]
pub struct Changes {
    /// The storage item, `SubtensorModule.Tempo`; `None` for what storage does not hold under one name.
    pub storage: Option<String>,
    /// Calls that set it: `AdminUtils.sudo_set_tempo`.
    pub calls: Vec<String>,
    /// Events that are emitted with the change.
    pub events: Vec<String>,
}

impl Changes {
    /// What changes the hyperparameter of this name under a runtime; nothing for a name or a runtime that has none of it.
    ///
    /// ```
    /// use sentinel_core::decode::Runtime;
    /// use sentinel_core::subnet::hyperparameters::Changes;
    ///
    /// # let metadata = std::fs::read(concat!(env!("CARGO_MANIFEST_DIR"), "/../tests/fixtures/metadata/raonet-218-v14.scale"))?;
    /// let runtime = Runtime::from_metadata(&metadata)?;
    /// let tempo = Changes::of("tempo", &runtime);
    /// assert_eq!(tempo.calls, ["AdminUtils.sudo_set_tempo"]);
    /// assert_eq!(tempo.events, ["SubtensorModule.TempoSet"]);
    /// # Ok::<(), Box<dyn std::error::Error>>(())
    /// ```
    pub fn of(name: &str, runtime: &Runtime) -> Self {
        let name = current_name(name);
        if name == "activity_cutoff" && runtime.storage_item(SUBTENSOR, "ActivityCutoffFactorMilli").is_some() {
            return Self::of_product(["activity_cutoff_factor", "tempo"], runtime);
        }
        let entry = CATALOG.iter().find(|entry| entry.name == name);
        let storage = entry.filter(|entry| runtime.storage_item(SUBTENSOR, entry.item).is_some());
        let setters = setters_of(name).map(|setter| format!("sudo_set_{setter}"));
        let setters = setters.flat_map(|call| PALLETS.map(|pallet| (pallet, call.clone())));
        let others = of_name(OTHER_CALLS, name).map(|(pallet, call)| (pallet, call.to_owned()));
        let calls = setters.chain(others).filter(|(pallet, call)| runtime.call_index(pallet, call).is_some());
        let events = of_name(EVENTS, name).filter(|(pallet, event)| runtime.event_index(pallet, event).is_some());
        Self {
            storage: storage.map(|entry| format!("{SUBTENSOR}.{}", entry.item)),
            calls: calls.map(|(pallet, call)| format!("{pallet}.{call}")).collect(),
            events: events.map(|(pallet, event)| format!("{pallet}.{event}")).collect(),
        }
    }

    /// What changes a value that runtimes compute of others and keep nowhere.
    fn of_product(factors: [&str; 2], runtime: &Runtime) -> Self {
        let mut all = Self::default();
        for factor in factors.map(|factor| Self::of(factor, runtime)) {
            all.calls.extend(factor.calls);
            all.events.extend(factor.events);
        }
        all
    }
}

const SUBTENSOR: &str = "SubtensorModule";
const ADMIN: &str = "AdminUtils";

/// Setters lived in the second pallet before there was the first.
const PALLETS: [&str; 2] = [ADMIN, SUBTENSOR];

/// A hyperparameter, and a call or an event with its pallet.
type Item = (&'static str, (&'static str, &'static str));

fn of_name(items: &'static [Item], name: &str) -> impl Iterator<Item = (&'static str, &'static str)> {
    items.iter().filter(move |(of, _)| *of == name).map(|(_, item)| *item)
}

/// Calls that set a hyperparameter and are not called `sudo_set_` and its name.
const OTHER_CALLS: &[Item] = &[
    ("tempo", (SUBTENSOR, "set_tempo")),
    ("activity_cutoff_factor", (SUBTENSOR, "set_activity_cutoff_factor")),
    ("subnet_is_active", (SUBTENSOR, "start_call")),
    ("max_allowed_uids", (ADMIN, "sudo_trim_to_max_allowed_uids")),
    ("user_liquidity_enabled", ("Swap", "toggle_user_liquidity")),
];

/// Events by hyperparameter, of all runtimes.
const EVENTS: &[Item] = &[
    ("kappa", (SUBTENSOR, "KappaSet")),
    ("immunity_period", (SUBTENSOR, "ImmunityPeriodSet")),
    ("min_allowed_weights", (SUBTENSOR, "MinAllowedWeightSet")),
    ("max_weights_limit", (SUBTENSOR, "MaxWeightLimitSet")),
    ("tempo", (SUBTENSOR, "TempoSet")),
    ("min_difficulty", (SUBTENSOR, "MinDifficultySet")),
    ("max_difficulty", (SUBTENSOR, "MaxDifficultySet")),
    ("weights_version", (SUBTENSOR, "WeightsVersionKeySet")),
    ("weights_rate_limit", (SUBTENSOR, "WeightsSetRateLimitSet")),
    ("adjustment_interval", (SUBTENSOR, "AdjustmentIntervalSet")),
    ("activity_cutoff", (SUBTENSOR, "ActivityCutoffSet")),
    ("activity_cutoff_factor", (SUBTENSOR, "ActivityCutoffFactorMilliSet")),
    ("registration_allowed", (SUBTENSOR, "RegistrationAllowed")),
    ("target_regs_per_interval", (SUBTENSOR, "RegistrationPerIntervalSet")),
    ("min_burn", (SUBTENSOR, "MinBurnSet")),
    ("max_burn", (SUBTENSOR, "MaxBurnSet")),
    ("bonds_moving_avg", (SUBTENSOR, "BondsMovingAverageSet")),
    ("max_regs_per_block", (SUBTENSOR, "MaxRegistrationsPerBlockSet")),
    ("serving_rate_limit", (SUBTENSOR, "ServingRateLimitSet")),
    ("max_validators", (SUBTENSOR, "MaxAllowedValidatorsSet")),
    ("adjustment_alpha", (SUBTENSOR, "AdjustmentAlphaSet")),
    ("difficulty", (SUBTENSOR, "DifficultySet")),
    ("commit_reveal_period", (SUBTENSOR, "CommitRevealPeriodsSet")),
    ("commit_reveal_weights_enabled", (SUBTENSOR, "CommitRevealEnabled")),
    ("yuma_version", (ADMIN, "Yuma3EnableToggled")),
    ("subnet_is_active", (SUBTENSOR, "FirstEmissionBlockNumberSet")),
    ("transfers_enabled", (SUBTENSOR, "TransferToggle")),
    ("bonds_reset_enabled", (SUBTENSOR, "BondsResetOnSet")),
    ("bonds_reset_enabled", (ADMIN, "BondsResetToggled")),
    ("burn_half_life", (ADMIN, "BurnHalfLifeSet")),
    ("burn_increase_mult", (ADMIN, "BurnIncreaseMultSet")),
    ("min_childkey_take", (SUBTENSOR, "MinChildKeyTakePerSubnetSet")),
    ("collateral_lock_share", (ADMIN, "CollateralLockShareSet")),
    ("collateral_drain_ratio", (ADMIN, "CollateralDrainRatioSet")),
    ("burn", (SUBTENSOR, "BurnSet")),
    ("max_allowed_uids", (SUBTENSOR, "MaxAllowedUidsSet")),
    ("min_allowed_uids", (SUBTENSOR, "MinAllowedUidsSet")),
    ("min_non_immune_uids", (SUBTENSOR, "MinNonImmuneUidsSet")),
    ("bonds_penalty", (SUBTENSOR, "BondsPenaltySet")),
    ("network_pow_registration_allowed", (SUBTENSOR, "PowRegistrationAllowed")),
    ("subnet_emission_enabled", (ADMIN, "SubnetEmissionEnabledSet")),
    ("liquid_alpha_consensus_mode", (SUBTENSOR, "LiquidAlphaConsensusModeSet")),
];

#[cfg(test)]
mod tests {
    use super::*;

    fn runtime(name: &str) -> Runtime {
        let path = format!("{}/../tests/fixtures/metadata/{name}.scale", env!("CARGO_MANIFEST_DIR"));
        Runtime::from_metadata(&std::fs::read(path).unwrap()).unwrap()
    }

    /// A typing mistake in a table would be an event or a call that no runtime has.
    #[test]
    fn every_call_and_event_is_one_of_a_real_runtime() {
        let runtimes = ["raonet-218-v14", "finney-393-v16", "subtensor-461-v14"].map(runtime);
        for (name, (pallet, event)) in EVENTS {
            assert!(CATALOG.iter().any(|entry| entry.name == *name), "{name}");
            assert!(runtimes.iter().any(|runtime| runtime.event_index(pallet, event).is_some()), "{pallet}.{event}");
        }
        for (_, (pallet, call)) in OTHER_CALLS {
            assert!(runtimes.iter().any(|runtime| runtime.call_index(pallet, call).is_some()), "{pallet}.{call}");
        }
    }

    /// Whatever the current runtime lets anybody set has its call found.
    #[test]
    fn setters_of_the_current_runtime_are_found() {
        let runtime = runtime("subtensor-461-v14");
        // Moved by the chain, without a setter any more, or with one only in older runtimes.
        let without = ["burn", "max_weights_limit"];
        for entry in CATALOG {
            let changes = Changes::of(entry.name, &runtime);
            assert_eq!(changes.calls.is_empty(), without.contains(&entry.name), "{}: {changes:?}", entry.name);
        }
        let cutoff = Changes::of("activity_cutoff", &runtime);
        assert_eq!(cutoff.events, ["SubtensorModule.ActivityCutoffFactorMilliSet", "SubtensorModule.TempoSet"]);
        assert_eq!(cutoff.storage, None, "it is computed");
    }
}
