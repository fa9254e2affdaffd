// Subnets come and go: created by sudo, registered by owners, dissolved.
import { setting } from './hyperparameters.mjs';

/** The netuids made by sudo under spec 103; the genesis brings netuid 3. */
export const FOUNDED = [1, 2];
export const GENESIS_NETUID = 3;
export const TEMPO = 10;

export async function foundSubnets(d) {
  const sm = d.tx.subtensorModule;
  for (const netuid of FOUNDED) {
    await d.block(d.sudo(sm.sudoAddNetwork(netuid, TEMPO, 0), 'subnet created by sudo', { event: 'SubtensorModule.NetworkAdded' }));
  }
  await d.block(
    d.sudo(sm.sudoAddNetwork(1, TEMPO, 0), 'sudo with a failing inner call', { inner: true }),
    d.sudo(sm.sudoSetEmissionValues([GENESIS_NETUID, ...FOUNDED], [200_000_000, 500_000_000, 300_000_000]), 'emission values set', { event: 'SubtensorModule.EmissionValuesSet' }),
    d.sudo(sm.sudoAddNetworkConnectionRequirement(2, 1, 0), 'connection between subnets', { event: 'SubtensorModule.NetworkConnectionAdded' }),
  );
  await d.block(d.sudo(sm.sudoRemoveNetworkConnectionRequirement(2, 1), 'connection between subnets', { event: 'SubtensorModule.NetworkConnectionRemoved' }));
}

export async function removeSubnetBySudo(d) {
  const sm = d.tx.subtensorModule;
  await d.block(d.sudo(sm.sudoAddNetwork(9, 20, 1), 'subnet created by sudo', { event: 'SubtensorModule.NetworkAdded' }));
  await d.block(d.sudo(sm.sudoRemoveNetwork(9), 'subnet removed by sudo', { event: 'SubtensorModule.NetworkRemoved' }));
}

/** The limits that would make an owner wait for a day. */
export async function liftNetworkLimits(d) {
  const set = (name, value) => d.sudo(setting(d, name, value), 'global setting');
  await d.block(set('NetworkRateLimit', 0), set('NetworkMinLockCost', 1_000_000_000), set('SubnetLimit', 16));
  await d.block(set('LockReductionInterval', 100), set('NetworkImmunityPeriod', 20), set('SubnetOwnerCut', 11_796));
}

/** Registers a subnet for `owner` and gives back its netuid. */
export async function registerSubnet(d, owner, hotkey) {
  const sm = d.tx.subtensorModule;
  const call = d.spec >= 218 ? sm.registerNetwork(hotkey.address, 1) : sm.registerNetwork();
  return addedNetuid(await d.block(d.act(owner, call, 'subnet registered', { event: 'SubtensorModule.NetworkAdded' })));
}

/** Spec 218: the same with a name attached. */
export async function registerNamedSubnet(d, owner, hotkey) {
  const identity = { subnetName: 'sentinel', githubRepo: 'https://example.org/sentinel', subnetContact: 'owner@example.org' };
  const call = d.tx.subtensorModule.registerNetworkWithIdentity(hotkey.address, 1, identity);
  return addedNetuid(await d.block(d.act(owner, call, 'subnet registered with identity', { event: 'SubtensorModule.NetworkAdded' })));
}

function addedNetuid({ events }) {
  const added = events.find(({ name }) => name === 'SubtensorModule.NetworkAdded');
  if (!added) throw new Error('no NetworkAdded');
  return added.data[0].toNumber();
}

export async function dissolveSubnet(d, owner, stranger, netuid) {
  const call = d.tx.subtensorModule.dissolveNetwork(netuid);
  await d.block(
    d.act(stranger, call, 'failed: dissolving a subnet of someone else', { error: 'SubtensorModule.NotSubnetOwner' }),
    d.act(owner, call, 'subnet dissolved', { event: 'SubtensorModule.NetworkRemoved' }),
  );
}

/** Spec 143: at the limit of subnets a new one takes the place of the least emitting. */
export async function replaceSubnet(d, owner) {
  await d.block(d.sudo(setting(d, 'SubnetLimit', 2), 'global setting'));
  const call = d.tx.subtensorModule.registerNetwork();
  const { events } = await d.block(d.act(owner, call, 'subnet removed to make room for a new one', { event: 'SubtensorModule.NetworkRemoved' }));
  const netuid = (event) => events.find(({ name }) => name === `SubtensorModule.${event}`)?.data[0].toNumber();
  d.note('netuids', { removed: netuid('NetworkRemoved'), added: netuid('NetworkAdded') });
  await d.block(d.sudo(setting(d, 'SubnetLimit', 16), 'global setting'));
}

/** The migrations of spec 143 remove netuid 3 without any event. */
export async function noteRemovedByMigration(d) {
  await d.block();
  const at = await d.api.at(d.hash);
  if ((await at.query.subtensorModule.networksAdded(GENESIS_NETUID)).isFalse) d.note('subnet removed by a migration, without an event');
  else d.problem('subnet removed by a migration, without an event', 'netuid 3 still exists');
}
