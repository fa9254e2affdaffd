// Every hyperparameter that a runtime can set is set at least once, directly.
import { camelCase } from '../lib/names.mjs';

/** Up to spec 103 the setters live in SubtensorModule, later in AdminUtils. */
export function setting(d, name, ...values) {
  const pallet = d.spec >= 143 ? d.tx.adminUtils : d.tx.subtensorModule;
  const call = pallet[camelCase(`sudoSet${name}`)];
  if (!call) throw new Error(`spec ${d.spec} has no setter for ${name}`);
  return call(...values);
}

/** What the rest of the scenario needs: room for neurons, frequent epochs, no waiting. */
export const PERMISSIVE = [
  ['MaxRegistrationsPerBlock', 20], ['TargetRegistrationsPerInterval', 100], ['MinBurn', 1_000_000],
  ['WeightsSetRateLimit', 0], ['MinAllowedWeights', 1], ['MaxWeightLimit', 65_535], ['ServingRateLimit', 0],
];

export const ALL_103 = [
  ['MaxBurn', 90_000_000_000], ['MaxDifficulty', 1_000_000_000_000], ['MinDifficulty', 5_000_000], ['Burn', 2_000_000],
  ['Difficulty', 20_000_000], ['WeightsVersionKey', 7], ['BondsMovingAverage', 910_000], ['MaxAllowedValidators', 32],
  ['AdjustmentInterval', 112], ['ActivityCutoff', 4_000], ['Rho', 11], ['Kappa', 32_000], ['MaxAllowedUids', 5_000],
  ['ValidatorBatchSize', 10], ['ValidatorSequenceLength', 11], ['ValidatorEpochsPerReset', 12], ['ValidatorExcludeQuantile', 13],
  ['ValidatorPruneLen', 14], ['ValidatorLogitsDivergence', 15], ['ValidatorEpochLen', 16], ['ScalingLawPower', 40],
  ['SynergyScalingLawPower', 60], ['ImmunityPeriod', 50], ['WeightsVersionKey', 0],
];

const MODERN = [
  ['MinDifficulty', 6_000_000], ['MaxDifficulty', 4_611_686_018_427_387_903n], ['AdjustmentInterval', 360],
  ['AdjustmentAlpha', 14_757_395_258_967_641_292n], ['ImmunityPeriod', 30], ['MaxAllowedUids', 256], ['Kappa', 32_767],
  ['Rho', 10], ['ActivityCutoff', 5_000], ['NetworkPowRegistrationAllowed', false], ['NetworkPowRegistrationAllowed', true],
  ['MaxBurn', 100_000_000_000], ['Difficulty', 18_446_744_073_709_551_615n], ['MaxAllowedValidators', 64],
  ['BondsMovingAverage', 900_000], ['WeightsVersionKey', 9_223_372_036_854_775_807n], ['WeightsVersionKey', 0],
  ['RaoRecycled', 123_456_789],
];
export const ALL_143 = MODERN;
export const ALL_218 = [
  ...MODERN, ['LiquidAlphaEnabled', true], ['LiquidAlphaEnabled', false],
  ['CommitRevealWeightsInterval', 2], ['CommitRevealWeightsEnabled', true], ['CommitRevealWeightsEnabled', false],
  ['NetworkMaxStake', 500_000_000_000_000],
];

/** Sets them one per extrinsic, `perBlock` extrinsics in each block. */
export async function setDirectly(d, netuid, settings, perBlock = 6) {
  for (let i = 0; i < settings.length; i += perBlock) {
    await d.block(settings.slice(i, i + perBlock)
      .map(([name, ...values]) => d.sudo(setting(d, name, netuid, ...values), 'hyperparameter by sudo')));
  }
}

/** Spec 218: the owner of a subnet needs no sudo for most of them, but for some. */
export async function setByOwner(d, owner, stranger, netuid) {
  const own = (name, ...values) => d.act(owner, setting(d, name, netuid, ...values), 'hyperparameter by the owner');
  await d.block(own('Kappa', 30_001), own('Rho', 13), own('ImmunityPeriod', 77));
  await d.block(own('LiquidAlphaEnabled', true), own('AlphaValues', 52_000, 60_000));
  // the setter asks for a signature after it has let root pass
  await d.block(d.sudo(setting(d, 'AlphaValues', netuid, 51_000, 61_000), 'sudo with a failing inner call', { inner: true }));
  await d.block(own('MinBurn', 600_000), own('MaxBurn', 99_000_000_000), own('ServingRateLimit', 3));
  await d.block(
    d.act(owner, setting(d, 'Tempo', netuid, 20), 'failed: root-only setter called by the owner', { error: 'BadOrigin' }),
    d.act(stranger, setting(d, 'Kappa', netuid, 1), 'failed: setter called by a stranger', { error: 'BadOrigin' }),
  );
}

export async function globalSettings(d) {
  const set = (name, value) => d.sudo(setting(d, name, value), 'global setting');
  await d.block(set('DefaultTake', 11_796), set('TxRateLimit', 0));
  if (d.spec < 143) return;
  await d.block(set('WeightsMinStake', 1_000_000), set('WeightsMinStake', 0));
  if (d.spec < 218) return;
  await d.block(set('NominatorMinRequiredStake', 1_000_000), set('TxDelegateTakeRateLimit', 0), set('MinDelegateTake', 0), set('ColdkeySwapScheduleDuration', 4));
}
