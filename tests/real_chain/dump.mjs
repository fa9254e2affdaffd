#!/usr/bin/env node
// What @polkadot/api reads from a chain, as JSON lines: the truth that another reader is compared with.
//
//   node dump.mjs --endpoint ws://127.0.0.1:9944 --from A --to B --out truth.json
//   node dump.mjs --endpoint … --from A --to B --hyperparameters hyper.json \
//     --metagraphs metagraphs.json [--at 1,2,3 | --every K]
//
// A block is {number, hash, parent_hash, spec_version, timestamp, extrinsics, events}; `spec_version`
// is that of the runtime that wrote it. number, spec_version, timestamp (milliseconds) and indexes are
// JSON numbers; nonce and tip are decimal strings. Values have the form that lib/normal.mjs describes.
// An error is {pallet, name}; pallet is null outside of pallets, as in "BadOrigin" or "Token.Frozen".
// A line of --hyperparameters is {number, hash, netuid, values, runtime_api}, where `runtime_api` is
// the undecoded answer of SubnetInfoRuntimeApi_get_subnet_hyperparams, null if there is no such function.
// A line of --metagraphs is {number, hash, netuid, info, neurons, weights, bonds}, all of it from storage.
import fs from 'node:fs';
import { once } from 'node:events';
import { parseArgs } from 'node:util';
import { WsProvider } from '@polkadot/api';
import { BlockReader } from './lib/blocks.mjs';
import { connectApi, hyperparametersAt } from './lib/hyperparameters.mjs';
import { metagraphsAt } from './lib/metagraphs.mjs';

const { values: options } = parseArgs({
  options: {
    endpoint: { type: 'string', default: 'ws://127.0.0.1:9944' },
    from: { type: 'string', default: '1' },
    to: { type: 'string' },
    out: { type: 'string' },
    hyperparameters: { type: 'string' },
    metagraphs: { type: 'string' },
    at: { type: 'string' },
    every: { type: 'string', default: '1' },
  },
});

async function writeLines(file, numbers, rowsOf) {
  const stream = fs.createWriteStream(file);
  let count = 0;
  for (const number of numbers) {
    for (const row of await rowsOf(number)) {
      stream.write(`${JSON.stringify(row)}\n`);
      count += 1;
    }
  }
  stream.end();
  await once(stream, 'finish');
  console.log(`${file}: ${count} lines`);
}

const provider = new WsProvider(options.endpoint);
await provider.isReady;
const head = Number((await provider.send('chain_getHeader', [])).number);
const [from, to] = [Number(options.from), Number(options.to ?? head)];
const range = Array.from({ length: to - from + 1 }, (_, i) => from + i);

if (options.out) {
  const reader = new BlockReader(provider);
  await writeLines(options.out, range, async (number) => [await reader.read(number)]);
}
const perSubnet = [[options.hyperparameters, hyperparametersAt], [options.metagraphs, metagraphsAt]].filter(([file]) => file);
if (perSubnet.length) {
  const at = options.at?.split(',').map(Number) ?? range.filter((number) => (number - from) % Number(options.every) === 0);
  const api = await connectApi(new WsProvider(options.endpoint));
  for (const [file, rowsAt] of perSubnet) await writeLines(file, at, (number) => rowsAt(api, provider, number));
  await api.disconnect();
}
await provider.disconnect();
