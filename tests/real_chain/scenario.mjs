#!/usr/bin/env node
// One life of a chain from spec 103 over 143 to 218, with the same blocks on every run.
import './lib/quiet.mjs';
import fs from 'node:fs';
import path from 'node:path';
import { parseArgs } from 'node:util';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { Driver } from './lib/driver.mjs';
import { makeGenesis, startHost } from './lib/host.mjs';
import { makeWallets } from './lib/wallets.mjs';
import { spec103 } from './steps/spec103.mjs';
import { spec143 } from './steps/spec143.mjs';
import { spec218 } from './steps/spec218.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '9944' },
    runtimes: { type: 'string', default: process.env.SUBTENSOR_RUNTIMES ?? 'runtimes' },
    upgrade: { type: 'string', default: 'storage' },
    summary: { type: 'string' },
    hold: { type: 'boolean', default: false },
  },
});
if (!['storage', 'extrinsic'].includes(options.upgrade)) throw new Error('--upgrade is storage or extrinsic');

const code = (file) => `0x${fs.readFileSync(path.join(options.runtimes, file)).toString('hex')}`;

/** The next block belongs to the next runtime; in mode `extrinsic` the head block carries its code. */
async function upgrade(driver, file, spec) {
  if (options.upgrade === 'extrinsic') await driver.upgradeByExtrinsic(code(file));
  else await driver.upgradeByStorage(code(file));
  if (driver.spec !== spec) throw new Error(`the runtime is ${driver.spec} after the upgrade to ${spec}`);
  driver.note(`runtime upgrade to ${spec}`);
}

await cryptoWaitReady();
const wallets = makeWallets();
const genesis = makeGenesis({ runtimes: options.runtimes, startSpec: 103, wallets });
const host = await startHost({ genesis, port: Number(options.port) });
const driver = await Driver.connect(host.url, wallets);

await spec103(driver);
await upgrade(driver, 'codesub.wasm', 143);
await spec143(driver);
await upgrade(driver, 'raonet.wasm', 218);
console.log(`  rewrote ${await driver.rewriteAccounts()} accounts`);
await spec218(driver);

const summary = { upgrade: options.upgrade, head: driver.number, hash: driver.hash, problems: driver.problems, topics: driver.topics };
if (options.summary) fs.writeFileSync(options.summary, `${JSON.stringify(summary, null, 1)}\n`);
for (const [topic, seen] of Object.entries(driver.topics)) console.log(`  ${topic}: ${seen.map(({ block }) => block).join(' ')}`);
for (const { block, topic, problem } of driver.problems) console.error(`UNEXPECTED block ${block} ${topic}: ${problem}`);
console.log(`${driver.problems.length} unexpected outcomes`);
console.log(`READY ${host.url} head=${driver.number}`);

async function stop() {
  await driver.close();
  await host.close();
  process.exit(driver.problems.length > 0 ? 1 : 0);
}
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, stop);
if (!options.hold) await stop();
