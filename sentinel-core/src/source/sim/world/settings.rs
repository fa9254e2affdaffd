//! The hyperparameters of a subnet: their storage items, calls, events and defaults, in one table.

/// How a value is encoded in storage and in calls.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Form {
    Bool,
    U8,
    U16,
    I16,
    U32,
    U64,
    U128,
    /// Two u16; the first is the lower half.
    Pair,
}

/// What tells of a change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(in super::super) enum Told {
    /// Nothing does.
    Never,
    /// An event of the pallet `SubtensorModule`.
    By(&'static str),
    /// An event of the pallet `AdminUtils`.
    ByAdmin(&'static str),
}

/// What is known of one hyperparameter.
#[derive(Debug)]
pub(in super::super) struct Entry {
    /// Storage item of `SubtensorModule`, by netuid.
    pub(in super::super) item: &'static str,
    pub(in super::super) form: Form,
    /// The value that a new subnet has.
    pub(in super::super) default: u128,
    /// The call of `AdminUtils` behind `sudo_set_`; none where no call sets it.
    pub(in super::super) setter: &'static str,
    pub(in super::super) told: Told,
}

macro_rules! settings {
    ($($item:ident: $form:ident = $default:expr, $setter:literal, $told:expr;)*) => {
        /// One hyperparameter.
        #[derive(Debug, Clone, Copy, PartialEq, Eq)]
        pub(in super::super) enum Setting { $($item),* }

        impl Setting {
            /// All of them.
            pub(in super::super) const ALL: &[Self] = &[$(Self::$item),*];
        }

        static ENTRIES: &[Entry] = &[$(Entry {
            item: stringify!($item), form: Form::$form, default: $default, setter: $setter, told: $told,
        }),*];

        const COUNT: usize = ENTRIES_COUNT;
        const ENTRIES_COUNT: usize = [$(stringify!($item)),*].len();
    };
}

const fn pair(low: u128, high: u128) -> u128 {
    low | (high << 16)
}

settings! {
    Rho: U16 = 10, "rho", Told::Never;
    Kappa: U16 = 32_767, "kappa", Told::By("KappaSet");
    ImmunityPeriod: U16 = 4_096, "immunity_period", Told::By("ImmunityPeriodSet");
    MinAllowedWeights: U16 = 8, "min_allowed_weights", Told::By("MinAllowedWeightSet");
    MaxWeightsLimit: U16 = 65_535, "", Told::Never;
    Tempo: U16 = 360, "tempo", Told::By("TempoSet");
    MinDifficulty: U64 = 10_000_000, "min_difficulty", Told::By("MinDifficultySet");
    MaxDifficulty: U64 = 4_611_686_018_427_387_903, "max_difficulty", Told::By("MaxDifficultySet");
    WeightsVersionKey: U64 = 0, "weights_version_key", Told::By("WeightsVersionKeySet");
    WeightsSetRateLimit: U64 = 100, "weights_set_rate_limit", Told::By("WeightsSetRateLimitSet");
    AdjustmentInterval: U16 = 100, "adjustment_interval", Told::By("AdjustmentIntervalSet");
    ActivityCutoff: U16 = 5_000, "activity_cutoff", Told::By("ActivityCutoffSet");
    ActivityCutoffFactorMilli: U32 = 13_889, "activity_cutoff_factor", Told::By("ActivityCutoffFactorMilliSet");
    NetworkRegistrationAllowed: Bool = 1, "network_registration_allowed", Told::By("RegistrationAllowed");
    NetworkPowRegistrationAllowed: Bool = 0, "network_pow_registration_allowed", Told::By("PowRegistrationAllowed");
    TargetRegistrationsPerInterval: U16 = 2, "target_registrations_per_interval", Told::By("RegistrationPerIntervalSet");
    MinBurn: U64 = 500_000, "min_burn", Told::By("MinBurnSet");
    MaxBurn: U64 = 100_000_000_000, "max_burn", Told::By("MaxBurnSet");
    BondsMovingAverage: U64 = 900_000, "bonds_moving_average", Told::By("BondsMovingAverageSet");
    BondsPenalty: U16 = 65_535, "bonds_penalty", Told::By("BondsPenaltySet");
    MaxRegistrationsPerBlock: U16 = 1, "max_registrations_per_block", Told::By("MaxRegistrationsPerBlockSet");
    ServingRateLimit: U64 = 50, "serving_rate_limit", Told::By("ServingRateLimitSet");
    MaxAllowedValidators: U16 = 64, "max_allowed_validators", Told::By("MaxAllowedValidatorsSet");
    AdjustmentAlpha: U64 = 14_757_395_258_967_641_292, "adjustment_alpha", Told::By("AdjustmentAlphaSet");
    Difficulty: U64 = 10_000_000, "difficulty", Told::By("DifficultySet");
    RevealPeriodEpochs: U64 = 1, "commit_reveal_weights_interval", Told::By("CommitRevealPeriodsSet");
    CommitRevealWeightsEnabled: Bool = 0, "commit_reveal_weights_enabled", Told::By("CommitRevealEnabled");
    AlphaValues: Pair = pair(45_875, 58_982), "alpha_values", Told::Never;
    LiquidAlphaOn: Bool = 0, "liquid_alpha_enabled", Told::Never;
    AlphaSigmoidSteepness: I16 = 1_000, "alpha_sigmoid_steepness", Told::Never;
    Yuma3On: Bool = 0, "yuma3_enabled", Told::ByAdmin("Yuma3EnableToggled");
    SubtokenEnabled: Bool = 0, "subtoken_enabled", Told::Never;
    TransferToggle: Bool = 1, "toggle_transfer", Told::By("TransferToggle");
    BondsResetOn: Bool = 0, "bonds_reset_enabled", Told::ByAdmin("BondsResetToggled");
    BurnHalfLife: U16 = 360, "burn_half_life", Told::ByAdmin("BurnHalfLifeSet");
    BurnIncreaseMult: U128 = 23_242_897_532_874_635_264, "burn_increase_mult", Told::ByAdmin("BurnIncreaseMultSet");
    OwnerCutEnabled: Bool = 1, "owner_cut_enabled", Told::Never;
    OwnerCutAutoLockEnabled: Bool = 0, "owner_cut_auto_lock_enabled", Told::Never;
    MinChildkeyTakePerSubnet: U16 = 0, "min_childkey_take_per_subnet", Told::By("MinChildKeyTakePerSubnetSet");
    CollateralLockShare: U16 = 0, "collateral_lock_share", Told::ByAdmin("CollateralLockShareSet");
    CollateralDrainRatio: U128 = 1 << 64, "collateral_drain_ratio", Told::ByAdmin("CollateralDrainRatioSet");
    MaxAllowedUids: U16 = 256, "max_allowed_uids", Told::By("MaxAllowedUidsSet");
    MinAllowedUids: U16 = 64, "min_allowed_uids", Told::By("MinAllowedUidsSet");
    MinNonImmuneUids: U16 = 10, "min_non_immune_uids", Told::By("MinNonImmuneUidsSet");
    ImmuneOwnerUidsLimit: U16 = 1, "owner_immune_neuron_limit", Told::Never;
    RecycleOrBurn: U8 = 0, "recycle_or_burn", Told::Never;
    SubnetEmissionEnabled: Bool = 1, "subnet_emission_enabled", Told::ByAdmin("SubnetEmissionEnabledSet");
    EMAPriceHalvingBlocks: U64 = 201_600, "ema_price_halving_period", Told::Never;
    LiquidAlphaConsensusMode: U8 = 2, "liquid_alpha_consensus_mode", Told::By("LiquidAlphaConsensusModeSet");
}

impl Setting {
    /// What is known of it.
    pub(in super::super) fn entry(self) -> &'static Entry {
        &ENTRIES[self as usize]
    }

    /// The setting behind a storage item or the name of its call.
    pub(in super::super) fn named(name: &str) -> Option<Self> {
        let known = |setting: &Self| {
            let entry = setting.entry();
            entry.item == name || (!entry.setter.is_empty() && entry.setter == name)
        };
        Self::ALL.iter().copied().find(known)
    }

    /// A value as storage and calls have it.
    pub(in super::super) fn encode(self, value: u128) -> Vec<u8> {
        let width = match self.entry().form {
            Form::Bool | Form::U8 => 1,
            Form::U16 | Form::I16 => 2,
            Form::U32 | Form::Pair => 4,
            Form::U64 => 8,
            Form::U128 => 16,
        };
        value.to_le_bytes()[..width].to_vec()
    }
}

/// The hyperparameters of one subnet.
#[derive(Debug, Clone)]
pub(in super::super) struct Settings([u128; COUNT]);

impl Default for Settings {
    fn default() -> Self {
        let mut values = [0; COUNT];
        for setting in Setting::ALL {
            values[*setting as usize] = setting.entry().default;
        }
        Self(values)
    }
}

impl Settings {
    pub(in super::super) fn get(&self, setting: Setting) -> u128 {
        self.0[setting as usize]
    }

    pub(in super::super) fn u16(&self, setting: Setting) -> u16 {
        self.get(setting) as u16
    }

    pub(in super::super) fn u64(&self, setting: Setting) -> u64 {
        self.get(setting) as u64
    }

    pub(in super::super) fn is(&self, setting: Setting) -> bool {
        self.get(setting) != 0
    }

    pub(in super::super) fn set(&mut self, setting: Setting, value: u128) {
        self.0[setting as usize] = value;
    }

    /// The value as storage has it.
    pub(in super::super) fn stored(&self, setting: Setting) -> Vec<u8> {
        setting.encode(self.get(setting))
    }

    /// Blocks without new weights after which a neuron counts as inactive.
    pub(in super::super) fn activity_cutoff(&self) -> u64 {
        (self.u64(Setting::ActivityCutoffFactorMilli) * self.u64(Setting::Tempo) / 1_000).max(1)
    }
}
