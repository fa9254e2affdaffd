#!/usr/bin/env node
// A bare chain on ws://127.0.0.1:PORT, without any scenario; it builds a block when told to, or every --tick ms.
import './lib/quiet.mjs';
import { parseArgs } from 'node:util';
import { cryptoWaitReady } from '@polkadot/util-crypto';
import { makeGenesis, startHost } from './lib/host.mjs';
import { makeWallets } from './lib/wallets.mjs';

const { values: options } = parseArgs({
  options: {
    port: { type: 'string', default: '9944' },
    runtimes: { type: 'string', default: process.env.SUBTENSOR_RUNTIMES ?? 'runtimes' },
    start: { type: 'string', default: '218' },
    tick: { type: 'string' },
    prune: { type: 'string', default: '0' },
    'finality-lag': { type: 'string', default: '0' },
  },
});
await cryptoWaitReady();
const genesis = makeGenesis({ runtimes: options.runtimes, startSpec: Number(options.start), wallets: makeWallets() });
const host = await startHost({
  genesis, port: Number(options.port), finalityLag: Number(options['finality-lag']), prune: Number(options.prune),
});
console.log('READY', host.url);
if (options.tick) {
  let busy = false;
  setInterval(async () => {
    if (busy) return; // a block slower than the tick delays the next one
    busy = true;
    try { await host.chain.newBlock(); } finally { busy = false; }
  }, Number(options.tick));
}
for (const signal of ['SIGTERM', 'SIGINT']) process.on(signal, async () => { await host.close(); process.exit(0); });
