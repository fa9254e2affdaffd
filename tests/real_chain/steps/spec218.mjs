// The life of the chain under spec 218 (2025, before dynamic TAO): owner rights, proxies, coldkey swaps, children.
import { remarks, signatures, transfers, unusualArguments } from './accounts.mjs';
import { council } from './council.mjs';
import { ALL_218, PERMISSIVE, globalSettings, setByOwner, setDirectly } from './hyperparameters.mjs';
import { chainIdentities, commitments, registryIdentity } from './identities.mjs';
import { scheduleColdkeySwap, swapColdkeyBySudo, swapHotkey } from './keys.mjs';
import { failToRegister, registerByBurn, registerOnRoot, serve } from './neurons.mjs';
import { proxies, safeMode } from './proxies.mjs';
import { addStake, changeTakes, moveStake, removeStake, setChildren } from './stake.mjs';
import { liftNetworkLimits, registerNamedSubnet, registerSubnet } from './subnets.mjs';
import { commitAndReveal, setWeights, untilEpoch } from './weights.mjs';
import { batches, multisig, otherCarriers, sudoVariants } from './wrappers.mjs';

const OPEN = [...PERMISSIVE, ['NetworkRegistrationAllowed', true], ['Tempo', 8]];

export async function spec218(d) {
  const w = d.wallets;
  const { Bob, Charlie, Dave, Eve, Ferdie, Owner, Owner2, hk0, hk1, hk2, hk4, hk6, hk7 } = w;
  let owned;
  let named;
  await d.step('first block', () => d.empty(2));
  await d.step('limits', async () => {
    await liftNetworkLimits(d);
    await globalSettings(d);
  });
  await d.step('subnets', async () => {
    owned = await registerSubnet(d, Owner, w.ownerHk);
    named = await registerNamedSubnet(d, Owner2, w.owner2Hk);
    d.note('netuids', { owned, named });
    for (const netuid of [owned, named]) await setDirectly(d, netuid, OPEN, 9);
    await setDirectly(d, 0, [['MaxRegistrationsPerBlock', 5], ['TargetRegistrationsPerInterval', 20]]);
  });
  await d.step('neurons', async () => {
    await registerByBurn(d, owned, [[Bob, hk0], [Charlie, hk1], [Dave, hk2], [Ferdie, hk4]]);
    await registerByBurn(d, named, [[Dave, hk6], [Bob, hk0]]);
    await registerOnRoot(d, [[Dave, hk2], [Dave, hk6]]);
    await failToRegister(d, owned, Bob, hk0);
    await serve(d, owned, [hk0, hk1]);
  });
  await d.step('stake', async () => {
    await addStake(d, owned, [[Bob, hk0, 500], [Charlie, hk1, 300], [Eve, hk0, 40]]);
    await addStake(d, 0, [[Bob, hk0, 200]]);
    await removeStake(d, owned, Bob, hk0, Ferdie);
    await moveStake(d, Bob, hk0, hk1, owned, owned);
  });
  await d.step('takes and children', async () => {
    await changeTakes(d, owned, Bob, hk0);
    await setChildren(d, owned, Bob, hk0, [hk1, hk2]);
  });
  await d.step('epochs', async () => {
    await untilEpoch(d, owned);
    await setWeights(d, owned, [hk0, hk1], [0, 1, 2], [100, 200, 300]);
    await untilEpoch(d, owned);
  });
  await d.step('every hyperparameter', () => setDirectly(d, named, ALL_218));
  await d.step('owner rights', () => setByOwner(d, Owner, Bob, owned));
  await d.step('sudo', () => sudoVariants(d, owned));
  await d.step('batches', () => batches(d, owned));
  await d.step('other carriers', () => otherCarriers(d, owned));
  await d.step('multisig', () => multisig(d, owned));
  await d.step('council', () => council(d, owned, Charlie, [[Bob, hk0], [Charlie, hk1], [Dave, hk2]]));
  await d.step('proxies', () => proxies(d, Owner, owned));
  await d.step('safe mode', () => safeMode(d));
  await d.step('commit and reveal', async () => {
    await setDirectly(d, owned, [['CommitRevealWeightsInterval', 1], ['CommitRevealWeightsEnabled', true]]);
    await commitAndReveal(d, owned, hk1, [0, 1], [3, 4]);
  });
  await d.step('commitments', () => commitments(d, [
    [hk0, owned], [hk1, owned], [hk2, owned], [hk4, owned], [hk6, named], [hk0, named], [w.ownerHk, owned], [w.owner2Hk, named], [hk2, 0], [hk6, 0],
  ]));
  await d.step('identities', async () => {
    await registryIdentity(d, Dave, hk2);
    await chainIdentities(d, Bob, Owner2, Bob, named);
  });
  await d.step('hotkey swap', () => swapHotkey(d, Ferdie, hk4, hk7));
  await d.step('transfers', () => transfers(d));
  await d.step('unusual arguments', () => unusualArguments(d));
  await d.step('remarks', () => remarks(d));
  await d.step('signatures', () => signatures(d));
  await d.step('coldkey swaps', async () => {
    await scheduleColdkeySwap(d, Eve, w.NewCold);
    await swapColdkeyBySudo(d, Ferdie, w.NewCold2);
  });
  await d.step('quiet', () => d.empty(6));
}
