// The life of the chain under spec 103 (2023): every setting is a sudo call of SubtensorModule.
import { remarks, signatures, transfers } from './accounts.mjs';
import { ALL_103, PERMISSIVE, globalSettings, setDirectly } from './hyperparameters.mjs';
import { registerBySudo, registerInVain, serve } from './neurons.mjs';
import { addStake, becomeDelegate, removeStake } from './stake.mjs';
import { FOUNDED, foundSubnets, removeSubnetBySudo } from './subnets.mjs';
import { failToSetWeights, setWeights, untilEpoch } from './weights.mjs';
import { sudoVariants } from './wrappers.mjs';

export async function spec103(d) {
  const { Bob, Charlie, Dave, Eve, hk0, hk1, hk2, hk3, Nobody } = d.wallets;
  const neurons = [[Bob, hk0], [Charlie, hk1], [Dave, hk2], [Eve, hk3]];
  await d.step('subnets', () => foundSubnets(d));
  await d.step('subnet removed', () => removeSubnetBySudo(d));
  await d.step('permissive settings', async () => {
    for (const netuid of FOUNDED) await setDirectly(d, netuid, PERMISSIVE, 7);
  });
  await d.step('global settings', () => globalSettings(d));
  await d.step('neurons', async () => {
    for (const netuid of FOUNDED) await registerBySudo(d, netuid, neurons);
    await registerInVain(d, 1, Bob, hk0);
    await serve(d, 1, [hk0, hk1]);
  });
  await d.step('stake', async () => {
    await becomeDelegate(d, [[Bob, hk0], [Charlie, hk1]]);
    await addStake(d, 1, [[Bob, hk0, 1_000], [Charlie, hk1, 600], [Dave, hk0, 50]]);
    await removeStake(d, 1, Bob, hk0, Dave);
  });
  await d.step('weights of oneself', () => setWeights(d, 1, [hk0], [0], [65_535]));
  await d.step('first epochs', async () => {
    await untilEpoch(d, 1);
    await untilEpoch(d, 2);
  });
  await d.step('weights of validators', async () => {
    await setWeights(d, 1, [hk0, hk1], [2, 3], [60_000, 40_000]);
    await setWeights(d, 2, [hk0, hk1], [2, 3], [1, 3]);
    await failToSetWeights(d, 1, hk0, Nobody);
  });
  await d.step('epochs with weights', () => untilEpoch(d, 1, { dividends: true }));
  await d.step('every hyperparameter', () => setDirectly(d, 2, ALL_103));
  await d.step('sudo', () => sudoVariants(d, 1));
  await d.step('transfers', () => transfers(d));
  await d.step('remarks', () => remarks(d));
  await d.step('signatures', () => signatures(d));
  await d.step('quiet', () => d.empty(5));
}
