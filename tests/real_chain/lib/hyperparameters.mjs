// The hyperparameters of every subnet in the state of a block, from storage and from the runtime API.
import { ApiPromise } from '@polkadot/api';
import { u8aToHex } from '@polkadot/util';
import { SIGNED_EXTENSIONS, camelCase } from './names.mjs';
import { HYPERPARAMETERS } from './hyperparameter-names.mjs';
import { le } from './storage.mjs';

export async function connectApi(provider) {
  return ApiPromise.create({ provider, noInitWarn: true, signedExtensions: SIGNED_EXTENSIONS });
}

/**
 * One object for each subnet that exists in the state of block `number`. The API decodes storage with
 * the runtime that wrote the block, which is right also in a block that replaces the runtime: its
 * state is still laid out by the old one. The runtime API, however, is already the new one's.
 */
export async function hyperparametersAt(api, provider, number) {
  const hash = await provider.send('chain_getBlockHash', [number]);
  const { query } = await api.at(hash);
  const subnets = (await query.subtensorModule.networksAdded.entries())
    .filter(([, added]) => added.isTrue).map(([key]) => key.args[0].toNumber()).sort((a, b) => a - b);
  const rows = [];
  for (const netuid of subnets) {
    rows.push({ number, hash, netuid, values: await values(query, netuid), runtime_api: await runtimeApi(provider, hash, netuid) });
  }
  return rows;
}

async function values(query, netuid) {
  const known = HYPERPARAMETERS.filter(([, item]) => query.subtensorModule[camelCase(item)]);
  const entries = await Promise.all(known.map(async ([name, item, position]) => {
    const stored = await query.subtensorModule[camelCase(item)](netuid);
    return [name, plain(position === undefined ? stored : stored[position])];
  }));
  return Object.fromEntries(entries);
}

const plain = (value) => (value.isTrue === undefined ? value.toString(10) : value.isTrue);

const without = new Set(); // versions of runtimes known to lack the function: asking takes long

/** The bytes that the runtime answers with, or null where it has no such function. */
async function runtimeApi(provider, hash, netuid) {
  const { specVersion } = await provider.send('state_getRuntimeVersion', [hash]);
  if (without.has(specVersion)) return null;
  try {
    return await provider.send('state_call', ['SubnetInfoRuntimeApi_get_subnet_hyperparams', u8aToHex(le(netuid, 2)), hash]);
  } catch (error) {
    if (!/is not found/.test(error.message)) throw error;
    without.add(specVersion);
    return null;
  }
}
