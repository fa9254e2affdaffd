// Where each hyperparameter is stored, under the name that the chain's own runtime API gives it.

/** [name, item of SubtensorModule, position in a tuple]; a runtime without the item has no such value. */
export const HYPERPARAMETERS = [
  ['rho', 'Rho'], ['kappa', 'Kappa'], ['immunity_period', 'ImmunityPeriod'], ['min_allowed_weights', 'MinAllowedWeights'],
  ['max_weights_limit', 'MaxWeightsLimit'], ['tempo', 'Tempo'], ['min_difficulty', 'MinDifficulty'], ['max_difficulty', 'MaxDifficulty'],
  ['weights_version', 'WeightsVersionKey'], ['weights_rate_limit', 'WeightsSetRateLimit'], ['adjustment_interval', 'AdjustmentInterval'],
  ['activity_cutoff', 'ActivityCutoff'], ['registration_allowed', 'NetworkRegistrationAllowed'],
  ['target_regs_per_interval', 'TargetRegistrationsPerInterval'], ['min_burn', 'MinBurn'], ['max_burn', 'MaxBurn'],
  ['bonds_moving_avg', 'BondsMovingAverage'], ['max_regs_per_block', 'MaxRegistrationsPerBlock'],
  ['serving_rate_limit', 'ServingRateLimit'], ['max_validators', 'MaxAllowedValidators'], ['adjustment_alpha', 'AdjustmentAlpha'],
  ['difficulty', 'Difficulty'], ['commit_reveal_weights_interval', 'RevealPeriodEpochs'],
  ['commit_reveal_weights_enabled', 'CommitRevealWeightsEnabled'], ['alpha_high', 'AlphaValues', 1], ['alpha_low', 'AlphaValues', 0],
  ['liquid_alpha_enabled', 'LiquidAlphaOn'],
  // in no answer of the runtime API
  ['max_allowed_uids', 'MaxAllowedUids'], ['network_pow_registration_allowed', 'NetworkPowRegistrationAllowed'], ['burn', 'Burn'],
];
