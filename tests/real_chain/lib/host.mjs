// Boots a real subtensor runtime inside Chopsticks and serves JSON-RPC on loopback.
//
// Clock, sudo key and funded accounts are patched into the genesis before block 0 exists, so the
// chain's own history is consistent. A thin shim restores what clients expect of a real node.

import fs from 'node:fs';
import path from 'node:path';
import { setupContext } from '@acala-network/chopsticks/context';
import { handler as chopsticksHandler } from '@acala-network/chopsticks/rpc/index';
import { createServer } from '@acala-network/chopsticks/server';
import { ResponseError } from '@acala-network/chopsticks';
import { u8aToHex } from '@polkadot/util';
import { CODE_KEY, accountKey, encodeAccount, le, storageKey } from './storage.mjs';
import { fundedAccounts } from './wallets.mjs';

/** Chopsticks' fixed hash of a block 0 that comes from a genesis file. */
export const GENESIS_HASH = `0x${'45'.repeat(32)}`;
const START_MS = 1_738_368_000_000n; // 2025-02-01T00:00:00Z, so that every run has the same clock
const FREE = 100_000_000_000_000n; // 100,000 TAO each: the sum has to stay far below 21 million, where emission ends

/** The genesis of `startSpec` (103: the first test network, 218: the pre-dTAO development network). */
export function makeGenesis({ runtimes, startSpec, wallets }) {
  const modern = startSpec >= 218;
  const spec = JSON.parse(fs.readFileSync(path.join(runtimes, modern ? 'raonet.json' : 'testfinney.json')));
  const accounts = fundedAccounts(wallets);
  const top = spec.genesis.raw.top;
  top[storageKey('Timestamp', 'Now')] = u8aToHex(le(START_MS, 8));
  top[storageKey('Sudo', 'Key')] = u8aToHex(wallets.Alice.addressRaw);
  // burns and transfers above the recorded issuance fail with Arithmetic.Underflow
  top[storageKey('Balances', 'TotalIssuance')] = u8aToHex(le(FREE * BigInt(accounts.length + 1), 8));
  if (modern) top[storageKey('SubtensorModule', 'TotalIssuance')] = u8aToHex(le(FREE * BigInt(accounts.length + 1), 8));
  for (const id of accounts) top[accountKey(id)] = encodeAccount({ free: FREE, modern });
  // Chopsticks walks the keys in the order of the file, and loses those that come after a greater one
  spec.genesis.raw.top = Object.fromEntries(Object.entries(top).sort(([a], [b]) => (a < b ? -1 : 1)));
  return spec;
}

/** Position of the block hash among a method's parameters. */
const HASH_PARAMETER = {
  chain_getBlock: 0, chain_getHeader: 0, archive_unstable_body: 0, archive_unstable_call: 0,
  state_getStorage: 1, state_getStorageAt: 1, state_getKeysPaged: 3, state_getKeysPagedAt: 3,
  state_queryStorageAt: 1, state_call: 2, state_getMetadata: 0, state_getRuntimeVersion: 0,
};

/**
 * What a real node does and Chopsticks does not:
 *  - a hash that is not a block gives null from chain_*, error 4003 from state_* (Chopsticks
 *    answers with genesis data and then files that hash as block 0);
 *  - state_* of a pruned block gives error 4003;
 *  - the finalized head trails the best head by `finalityLag` blocks;
 *  - a missing runtime function is reported in a node's own words;
 *  - writing `:code` takes effect (Chopsticks keeps the compiled code of the head it has cached).
 */
function makeHandler(context, options) {
  const inner = chopsticksHandler(context);
  const { chain } = context;
  const finalizedNumber = () => Math.max(0, chain.head.number - options.finalityLag);
  const known = new Set(chain.blocksInMemory().map((block) => block.hash)).add(GENESIS_HASH);
  chain.headState.subscribeHead((block) => { known.add(block.hash); });

  async function refuseUnknownState(method, hash) {
    const isKnown = known.has(hash);
    const pruned = isKnown && options.prune > 0
      && (await chain.getBlock(hash)).number < chain.head.number - options.prune;
    if (isKnown && !pruned) return;
    const reason = isKnown ? 'Api called for an unknown Block' : 'UnknownBlock';
    throw new ResponseError(4003, `Client error: ${reason}: State already discarded for ${hash}`);
  }

  function subscribeFinalized(subscriptions) {
    let next = finalizedNumber();
    let emit = () => {};
    const push = async () => {
      while (next <= finalizedNumber()) {
        const number = next;
        next += 1;
        emit(await headerJson(await chain.getBlockAt(number)));
      }
    };
    const id = chain.headState.subscribeHead(push);
    emit = subscriptions.subscribe('chain_finalizedHead', id, () => chain.headState.unsubscribeHead(id));
    setTimeout(push, 10); // the client has to learn the subscription id first
    return id;
  }

  return async (request, subscriptions) => {
    const { method, params = [] } = request;
    const hash = params[HASH_PARAMETER[method] ?? -1];
    if (hash && method.startsWith('state_')) await refuseUnknownState(method, hash);
    else if (hash && !known.has(hash)) return null;

    switch (method) {
      case 'chain_getFinalizedHead':
        return (await chain.getBlockAt(finalizedNumber())).hash;
      case 'chain_subscribeFinalizedHeads':
        return subscribeFinalized(subscriptions);
      case 'dev_setStorage': {
        const code = Array.isArray(params[0]) && params[0].find(([key]) => key === CODE_KEY);
        if (code) chain.head.setWasm(code[1]);
        return inner(request, subscriptions);
      }
      case 'state_call':
        return inner(request, subscriptions).catch((error) => {
          if (!/Function to start was not found/.test(error.message)) throw error;
          throw new ResponseError(-32603, `Client error: Execution failed: Other: Exported method ${params[0]} is not found`);
        });
      default:
        return inner(request, subscriptions);
    }
  };
}

async function headerJson(block) {
  const { parentHash, number, stateRoot, extrinsicsRoot, digest } = await block.header;
  return {
    parentHash: parentHash.toHex(),
    number: number.toHex(),
    stateRoot: stateRoot.toHex(),
    extrinsicsRoot: extrinsicsRoot.toHex(),
    digest: { logs: digest.logs.map((log) => log.toHex()) },
  };
}

/** Serves `genesis` on ws://127.0.0.1:`port`; block 1 exists when the promise resolves. */
export async function startHost({ genesis, port, finalityLag = 0, prune = 0 }) {
  const context = await setupContext({
    genesis,
    'build-block-mode': 'Manual',
    'mock-signature-host': false, // signatures are really verified
    'allow-unresolved-imports': true, // spec 103 was built with its benchmarks
    'max-memory-block-count': 1_000_000, // the default of 500 silently turns old blocks into genesis
    'runtime-log-level': 0,
  });
  const server = await createServer(makeHandler(context, { finalityLag, prune }), port, '127.0.0.1');
  if (server.port !== port) {
    await server.close();
    throw new Error(`port ${port} is busy`); // Chopsticks would silently take another one
  }
  return { chain: context.chain, url: `ws://127.0.0.1:${port}`, close: () => server.close() };
}
