// The life of the chain under spec 143 (2024): a root network, owners, batches, multisigs, commitments.
import { remarks, signatures, transfers } from './accounts.mjs';
import { council } from './council.mjs';
import { ALL_143, PERMISSIVE, globalSettings, setDirectly } from './hyperparameters.mjs';
import { commitments, registryIdentity } from './identities.mjs';
import { swapHotkey } from './keys.mjs';
import { failToRegister, registerByBurn, registerOnRoot, replaceNeuron, serve } from './neurons.mjs';
import { addStake, becomeDelegate, removeStake } from './stake.mjs';
import { FOUNDED, dissolveSubnet, liftNetworkLimits, noteRemovedByMigration, registerSubnet, replaceSubnet } from './subnets.mjs';
import { failToSetWeights, setWeights, untilEpoch } from './weights.mjs';
import { batches, multisig, otherCarriers, sudoVariants } from './wrappers.mjs';

const OPEN = [...PERMISSIVE, ['NetworkRegistrationAllowed', true], ['Tempo', 8]];

export async function spec143(d) {
  const w = d.wallets;
  const { Bob, Charlie, Dave, Eve, Ferdie, Owner, Owner2, hk0, hk1, hk2, hk3, hk4, hk5 } = w;
  let owned;
  let doomed;
  await d.step('migrations', () => noteRemovedByMigration(d));
  await d.step('limits', async () => {
    await liftNetworkLimits(d);
    await globalSettings(d);
  });
  await d.step('subnets', async () => {
    owned = await registerSubnet(d, Owner);
    doomed = await registerSubnet(d, Owner2);
    d.note('netuids', { owned, doomed });
    for (const netuid of [...FOUNDED, owned, doomed]) await setDirectly(d, netuid, OPEN, 9);
    await setDirectly(d, 0, [['Tempo', 7], ['MaxRegistrationsPerBlock', 5], ['TargetRegistrationsPerInterval', 20], ['WeightsSetRateLimit', 0]]);
  });
  await d.step('neurons', async () => {
    await registerByBurn(d, owned, [[Bob, hk0], [Charlie, hk1], [Dave, hk2], [Ferdie, hk4]]);
    await registerByBurn(d, doomed, [[Eve, hk3], [Bob, hk5]]);
    await registerByBurn(d, 1, [[Ferdie, hk4], [Bob, hk5]]);
    await registerOnRoot(d, [[Bob, hk0], [Charlie, hk1]]);
    await failToRegister(d, 1, Bob, hk0);
    await serve(d, owned, [hk0, hk1]);
  });
  await d.step('stake', async () => {
    await becomeDelegate(d, [[Dave, hk2]]);
    await addStake(d, 1, [[Bob, hk0, 2_000], [Charlie, hk1, 1_500], [Eve, hk2, 20]]);
    await removeStake(d, 1, Bob, hk0, Dave);
  });
  await d.step('root weights', () => setWeights(d, 0, [hk0, hk1], [1, 2, owned], [30_000, 20_000, 15_000], 'weights set on root'));
  await d.step('first epochs', async () => {
    await untilEpoch(d, 1);
    await untilEpoch(d, owned);
  });
  await d.step('weights', async () => {
    await setWeights(d, 1, [hk0, hk1], [2, 3], [40_000, 20_000]);
    await setWeights(d, owned, [hk0, hk1], [2, 3], [1, 1]);
    await failToSetWeights(d, 1, hk0, w.owner2Hk);
  });
  await d.step('epochs with dividends', async () => {
    await untilEpoch(d, 1, { dividends: true });
    await untilEpoch(d, owned, { dividends: true });
    await untilEpoch(d, 1, { dividends: true });
  });
  await d.step('every hyperparameter', () => setDirectly(d, owned, ALL_143));
  await d.step('sudo', () => sudoVariants(d, owned));
  await d.step('batches', () => batches(d, owned));
  await d.step('other carriers', () => otherCarriers(d, owned));
  await d.step('multisig', () => multisig(d, owned));
  await d.step('council', () => council(d, owned, Bob, [[Bob, hk0], [Charlie, hk1]]));
  await d.step('commitments', () => commitments(d, [
    [hk0, owned], [hk1, owned], [hk2, owned], [hk4, owned], [hk0, 1], [hk1, 1], [hk2, 1], [hk3, 1], [hk4, 1], [hk5, 1],
  ]));
  await d.step('identity', () => registryIdentity(d, Bob, hk0));
  await d.step('hotkey swap', () => swapHotkey(d, Eve, hk3, w.hkSwapped));
  await d.step('transfers', () => transfers(d));
  await d.step('remarks', () => remarks(d));
  await d.step('signatures', () => signatures(d));
  await d.step('dissolve', () => dissolveSubnet(d, Owner2, Bob, doomed));
  await d.step('neuron replaced', async () => {
    await registerByBurn(d, 2, [[Ferdie, hk4]]);
    await setDirectly(d, 2, [['ImmunityPeriod', 0], ['MaxAllowedUids', 6]]);
    await registerByBurn(d, 2, [[Bob, hk5]]);
    await replaceNeuron(d, 2, 6, Owner, w.ownerHk);
  });
  await d.step('subnet replaced', () => replaceSubnet(d, Owner2));
  await d.step('quiet', () => d.empty(6));
}
