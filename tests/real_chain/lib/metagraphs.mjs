// The neurons, weights and bonds of every subnet in the state of a block, from storage alone.
import { encodeAddress } from '@polkadot/util-crypto';
import { camelCase } from './names.mjs';

const NOBODY = encodeAddress(new Uint8Array(32), 42);

/** Values of a neuron that storage keeps in one list for each subnet, by the name that sentinel gives them. */
const COLUMNS = {
  active: 'Active', validator_permit: 'ValidatorPermit', pruning_score: 'PruningScores', last_update: 'LastUpdate',
  emission: 'Emission', dividends: 'Dividends', incentive: 'Incentive', consensus: 'Consensus',
  validator_trust: 'ValidatorTrust', trust: 'Trust', rank: 'Rank',
};

/** Values of a subnet, likewise. */
const SUBNET = {
  tempo: 'Tempo', last_step: 'LastMechansimStepBlock', num_uids: 'SubnetworkN', max_uids: 'MaxAllowedUids',
  immunity_period: 'ImmunityPeriod', burn: 'Burn', registered_at: 'NetworkRegisteredAt', subnet_emission: 'EmissionValues',
  pending_emission: 'PendingEmission', tao_in: 'SubnetTAO', alpha_in: 'SubnetAlphaIn', alpha_out: 'SubnetAlphaOut',
};

/** One object for each subnet that exists in the state of block `number`; decoded by the runtime that wrote it. */
export async function metagraphsAt(api, provider, number) {
  const hash = await provider.send('chain_getBlockHash', [number]);
  const query = (await api.at(hash)).query.subtensorModule;
  const subnets = (await query.networksAdded.entries())
    .filter(([, added]) => added.isTrue).map(([key]) => key.args[0].toNumber()).sort((a, b) => a - b);
  const rows = [];
  for (const netuid of subnets) rows.push({ number, hash, netuid, ...await metagraph(query, netuid) });
  return rows;
}

async function metagraph(query, netuid) {
  const of = (item) => query[camelCase(item)];
  const info = {};
  for (const [name, item] of Object.entries(SUBNET)) info[name] = of(item) ? plain(await of(item)(netuid)) : null;
  const owner = of('SubnetOwner') ? address(await of('SubnetOwner')(netuid)) : NOBODY;
  info.owner_coldkey = owner === NOBODY ? null : owner;
  const count = Number(info.num_uids);
  const uids = Array.from({ length: count }, (_, uid) => uid);
  const each = (item, keys) => (count ? of(item).multi(keys) : []);
  const byUid = (item) => each(item, uids.map((uid) => [netuid, uid]));
  const columns = {};
  for (const [name, item] of Object.entries(COLUMNS)) columns[name] = (await of(item)(netuid)).map(plain);
  const hotkeys = await byUid('Keys');
  const coldkeys = await each('Owner', hotkeys);
  const axons = await each('Axons', hotkeys.map((hotkey) => [netuid, hotkey]));
  const registered = await byUid('BlockAtRegistration');
  const stakes = of('TotalHotkeyAlpha')
    ? await each('TotalHotkeyAlpha', hotkeys.map((hotkey) => [hotkey, netuid]))
    : await each('TotalHotkeyStake', hotkeys);
  const identities = of('Identities') ? await each('Identities', coldkeys) : null;
  const neurons = uids.map((uid) => ({
    uid, hotkey: address(hotkeys[uid]), coldkey: address(coldkeys[uid]), axon: axon(axons[uid]),
    registered_at: plain(registered[uid]), own_stake: plain(stakes[uid]),
    identity: identities ? identity(identities[uid]) : null,
    ...Object.fromEntries(Object.entries(columns).map(([name, column]) => [name, column[uid]])),
  }));
  const edges = (rows) => rows.map((row) => row.map(([to, value]) => [to.toNumber(), value.toNumber()]));
  return { info, neurons, weights: edges(await byUid('Weights')), bonds: edges(await byUid('Bonds')) };
}

const plain = (value) => (value.isTrue === undefined ? value.toString(10) : value.isTrue);
const address = (account) => encodeAddress(account.toU8a(), 42);

/** Addresses are numbers in storage: of 32 bits for version 4. */
function axon(option) {
  if (option.isNone) return null;
  const { block, version, ip, port, ipType, protocol } = option.unwrap();
  return {
    block: plain(block), version: plain(version), ip: plain(ip), port: plain(port), ip_type: plain(ipType), protocol: plain(protocol),
  };
}

function identity(option) {
  if (option.isNone) return null;
  return Object.fromEntries([...option.unwrap().entries()].map(([name, text]) => [snakeCase(name), Buffer.from(text).toString('utf8')]));
}

const snakeCase = (name) => name.replace(/[A-Z]/g, (letter) => `_${letter.toLowerCase()}`);
