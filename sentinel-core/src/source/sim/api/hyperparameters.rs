//! Hyperparameters in the three forms that the runtime answers with.

use parity_scale_codec::{Compact, Encode};

use super::super::world::settings::{Form, Setting as S};
use super::super::world::subnet::Subnet;

/// A field of the first and second form.
enum Field {
    Number(S),
    Flag(S),
    ActivityCutoff,
    AlphaHigh,
    AlphaLow,
}

const FIRST: [Field; 27] = [
    Field::Number(S::Rho),
    Field::Number(S::Kappa),
    Field::Number(S::ImmunityPeriod),
    Field::Number(S::MinAllowedWeights),
    Field::Number(S::MaxWeightsLimit),
    Field::Number(S::Tempo),
    Field::Number(S::MinDifficulty),
    Field::Number(S::MaxDifficulty),
    Field::Number(S::WeightsVersionKey),
    Field::Number(S::WeightsSetRateLimit),
    Field::Number(S::AdjustmentInterval),
    Field::ActivityCutoff,
    Field::Flag(S::NetworkRegistrationAllowed),
    Field::Number(S::TargetRegistrationsPerInterval),
    Field::Number(S::MinBurn),
    Field::Number(S::MaxBurn),
    Field::Number(S::BondsMovingAverage),
    Field::Number(S::MaxRegistrationsPerBlock),
    Field::Number(S::ServingRateLimit),
    Field::Number(S::MaxAllowedValidators),
    Field::Number(S::AdjustmentAlpha),
    Field::Number(S::Difficulty),
    Field::Number(S::RevealPeriodEpochs),
    Field::Flag(S::CommitRevealWeightsEnabled),
    Field::AlphaHigh,
    Field::AlphaLow,
    Field::Flag(S::LiquidAlphaOn),
];

fn alpha(subnet: &Subnet) -> (u16, u16) {
    let pair = subnet.settings.get(S::AlphaValues);
    (pair as u16, (pair >> 16) as u16)
}

/// 27 fields.
pub(super) fn first(subnet: &Subnet) -> Vec<u8> {
    let field = |field: &Field| match field {
        Field::Number(setting) => Compact(subnet.settings.get(*setting)).encode(),
        Field::Flag(setting) => subnet.settings.is(*setting).encode(),
        Field::ActivityCutoff => Compact(subnet.settings.activity_cutoff()).encode(),
        Field::AlphaHigh => Compact(alpha(subnet).1).encode(),
        Field::AlphaLow => Compact(alpha(subnet).0).encode(),
    };
    FIRST.iter().flat_map(field).collect()
}

/// The steepness as a number with 32 fractional bits.
fn steepness(subnet: &Subnet) -> i64 {
    i64::from(subnet.settings.u16(S::AlphaSigmoidSteepness) as i16) << 32
}

fn yuma_version(subnet: &Subnet) -> u16 {
    if subnet.settings.is(S::Yuma3On) { 3 } else { 2 }
}

/// 33 fields.
pub(super) fn second(subnet: &Subnet) -> Vec<u8> {
    let mut bytes = first(subnet);
    (steepness(subnet), Compact(yuma_version(subnet))).encode_to(&mut bytes);
    for setting in [S::SubtokenEnabled, S::TransferToggle, S::BondsResetOn] {
        subnet.settings.is(setting).encode_to(&mut bytes);
    }
    // User liquidity ended with the old swap.
    false.encode_to(&mut bytes);
    bytes
}

/// The names of the third form, in order; those without a setting are made here.
const THIRD: &[(&str, Option<S>)] = &[
    ("kappa", Some(S::Kappa)),
    ("immunity_period", Some(S::ImmunityPeriod)),
    ("min_allowed_weights", Some(S::MinAllowedWeights)),
    ("max_weights_limit", Some(S::MaxWeightsLimit)),
    ("tempo", Some(S::Tempo)),
    ("weights_version", Some(S::WeightsVersionKey)),
    ("weights_rate_limit", Some(S::WeightsSetRateLimit)),
    ("activity_cutoff", None),
    ("activity_cutoff_factor", Some(S::ActivityCutoffFactorMilli)),
    ("registration_allowed", Some(S::NetworkRegistrationAllowed)),
    ("target_regs_per_interval", Some(S::TargetRegistrationsPerInterval)),
    ("min_burn", Some(S::MinBurn)),
    ("max_burn", Some(S::MaxBurn)),
    ("burn_half_life", Some(S::BurnHalfLife)),
    ("burn_increase_mult", Some(S::BurnIncreaseMult)),
    ("bonds_moving_avg", Some(S::BondsMovingAverage)),
    ("max_regs_per_block", Some(S::MaxRegistrationsPerBlock)),
    ("serving_rate_limit", Some(S::ServingRateLimit)),
    ("max_validators", Some(S::MaxAllowedValidators)),
    ("commit_reveal_period", Some(S::RevealPeriodEpochs)),
    ("commit_reveal_weights_enabled", Some(S::CommitRevealWeightsEnabled)),
    ("alpha_high", None),
    ("alpha_low", None),
    ("liquid_alpha_enabled", Some(S::LiquidAlphaOn)),
    ("alpha_sigmoid_steepness", None),
    ("yuma_version", None),
    ("subnet_is_active", Some(S::SubtokenEnabled)),
    ("transfers_enabled", Some(S::TransferToggle)),
    ("bonds_reset_enabled", Some(S::BondsResetOn)),
    ("user_liquidity_enabled", None),
    ("owner_cut_enabled", Some(S::OwnerCutEnabled)),
    ("owner_cut_auto_lock_enabled", Some(S::OwnerCutAutoLockEnabled)),
    ("min_childkey_take", Some(S::MinChildkeyTakePerSubnet)),
    ("collateral_lock_share", Some(S::CollateralLockShare)),
    ("collateral_drain_ratio", Some(S::CollateralDrainRatio)),
    // What a later runtime may bring: no reader knows this name.
    ("simulated_dream_factor", None),
];

/// A list of names and typed values.
pub(super) fn third(subnet: &Subnet) -> Vec<u8> {
    let entry = |(name, setting): &(&str, Option<S>)| {
        let mut bytes = name.as_bytes().encode();
        bytes.extend(match setting {
            Some(setting) => typed(subnet, *setting),
            None => made(subnet, name),
        });
        bytes
    };
    super::list(THIRD.iter().map(entry))
}

/// The kinds of values, as the runtime numbers them.
const BOOL: u8 = 0;
const U16: u8 = 1;
const U32: u8 = 2;
const U64: u8 = 3;
const RAO: u8 = 5;
const I32F32: u8 = 6;
const U64F64: u8 = 7;

fn typed(subnet: &Subnet, setting: S) -> Vec<u8> {
    let value = subnet.settings.get(setting);
    let kind = match setting.entry().form {
        Form::Bool => return vec![BOOL, u8::from(value != 0)],
        Form::U128 => return (U64F64, value).encode(),
        _ if matches!(setting, S::MinBurn | S::MaxBurn) => RAO,
        Form::U8 | Form::U16 | Form::I16 => U16,
        Form::U32 | Form::Pair => U32,
        Form::U64 => U64,
    };
    (kind, Compact(value)).encode()
}

fn made(subnet: &Subnet, name: &str) -> Vec<u8> {
    match name {
        "activity_cutoff" => (U64, Compact(subnet.settings.activity_cutoff())).encode(),
        "alpha_high" => (U16, Compact(alpha(subnet).1)).encode(),
        "alpha_low" => (U16, Compact(alpha(subnet).0)).encode(),
        "alpha_sigmoid_steepness" => (I32F32, steepness(subnet)).encode(),
        "yuma_version" => (U16, Compact(yuma_version(subnet))).encode(),
        "user_liquidity_enabled" => (BOOL, false).encode(),
        _ => (U32, Compact(u32::from(subnet.netuid) + 1_000)).encode(),
    }
}
