// Signs extrinsics, builds blocks and checks that each block did what the scenario meant it to do.
import { ApiPromise, WsProvider } from '@polkadot/api';
import { hexToU8a, u8aToBigInt } from '@polkadot/util';
import { SIGNED_EXTENSIONS } from './names.mjs';
import { pinnedSignature } from './pinned.mjs';
import { CODE_KEY, accountKey, accountPrefix, modernAccount, storageKey } from './storage.mjs';

/** Events that say an inner call failed although the extrinsic succeeded. */
const INNER_RESULT = new Set([
  'Sudo.Sudid', 'Sudo.SudoAsDone', 'Proxy.ProxyExecuted', 'Multisig.MultisigExecuted', 'Utility.DispatchedAs',
  'Triumvirate.Executed', 'SubtensorModule.Sudid',
]);
const INNER_FAILURE = new Set(['Utility.BatchInterrupted', 'Utility.ItemFailed']);

export class Driver {
  topics = {};
  problems = [];

  static async connect(url, wallets) {
    const driver = new Driver();
    driver.url = url;
    driver.wallets = wallets;
    driver.provider = new WsProvider(url);
    await driver.provider.isReady;
    await driver.loadRuntime();
    return driver;
  }

  async close() {
    await this.api.disconnect();
    await this.provider.disconnect();
  }

  get tx() { return this.api.tx; }
  rpc(method, ...params) { return this.provider.send(method, params); }

  /** A fresh API: the one in hand keeps the metadata of the runtime it was made with. */
  async loadRuntime() {
    await this.api?.disconnect();
    this.api = await ApiPromise.create({ provider: new WsProvider(this.url), noInitWarn: true, signedExtensions: SIGNED_EXTENSIONS });
    this.version = await this.api.rpc.state.getRuntimeVersion();
    this.spec = this.version.specVersion.toNumber();
    const header = await this.api.rpc.chain.getHeader();
    this.number = header.number.toNumber();
    this.hash = header.hash.toHex();
  }

  /**
   * What one extrinsic has to do. `topic` names it in the summary; `error` is the name of the error
   * it has to fail with; `event` must be among its events; `inner` allows a failing inner call;
   * `rejected` means that the pool has to refuse it; `era` and `tip` go into the signature.
   */
  act(pair, call, topic, options = {}) { return { pair, call, topic, ...options }; }
  sudo(call, topic, options = {}) { return this.act(this.wallets.Alice, this.tx.sudo.sudo(call), topic, options); }

  async nonce(pair) {
    const raw = await this.rpc('state_getStorage', accountKey(pair.addressRaw));
    return raw ? Number(u8aToBigInt(hexToU8a(raw).subarray(0, 4), { isLe: true })) : 0;
  }

  async sign({ pair, call, era: period, tip = 0 }, nonce) {
    const era = period ? this.api.createType('ExtrinsicEra', { current: this.number, period }) : undefined;
    const options = {
      nonce, tip, era: era ?? 0, blockHash: era ? this.hash : this.api.genesisHash,
      genesisHash: this.api.genesisHash, runtimeVersion: this.version,
    };
    const signed = call.sign(pair, options);
    if (pair.type === 'sr25519') pinnedSignature(signed, pair.address, options);
    return signed.toHex();
  }

  /** Builds one block with these acts, in this order, and judges the outcome of each. */
  async block(...acts) {
    const nonces = new Map();
    const sent = [];
    for (const act of acts.flat()) {
      const { address } = act.pair;
      if (!nonces.has(address)) nonces.set(address, await this.nonce(act.pair));
      const hex = await this.sign(act, nonces.get(address));
      try {
        await this.rpc('author_submitExtrinsic', hex);
        nonces.set(address, nonces.get(address) + 1);
        sent.push({ act, hex });
        if (act.rejected) this.problem(act.topic, 'the pool accepted what it should refuse');
      } catch (error) {
        if (act.rejected) this.note(act.topic, { rejected: error.message });
        else this.problem(act.topic, `refused by the pool: ${error.message}`);
      }
    }
    const parent = this.hash;
    this.hash = await this.rpc('dev_newBlock', {});
    this.number += 1;
    const { block } = await this.rpc('chain_getBlock', this.hash);
    if (block.header.parentHash !== parent) throw new Error(`block ${this.number} was not built on ${parent}`);
    const events = await this.events();
    for (const { act, hex } of sent) this.judge(act, block.extrinsics.indexOf(hex), events);
    return { number: this.number, hash: this.hash, events };
  }

  async empty(count) {
    for (let i = 0; i < count; i++) await this.block();
  }

  async events() {
    const raw = await this.rpc('state_getStorage', storageKey('System', 'Events'), this.hash);
    const records = this.api.registry.createType('Vec<FrameSystemEventRecord>', hexToU8a(raw ?? '0x00'));
    return records.map(({ phase, event }) => ({
      index: phase.isApplyExtrinsic ? phase.asApplyExtrinsic.toNumber() : null,
      name: eventName(this.api.registry, event), data: event.data,
    }));
  }

  judge(act, index, blockEvents) {
    if (index < 0) { this.problem(act.topic, 'dropped while the block was built'); return; }
    const events = blockEvents.filter((event) => event.index === index);
    const failure = events.find(({ name }) => name === 'System.ExtrinsicFailed');
    const error = failure ? this.errorName(failure.data[0]) : null;
    const inner = events
      .filter(({ name, data }) => INNER_FAILURE.has(name) || (INNER_RESULT.has(name) && data.at(-1).isErr))
      .map(({ name, data }) => `${name} ${this.errorName(data.at(-1).isErr ? data.at(-1).asErr : data.at(-1))}`);
    if (error !== (act.error ?? null)) this.problem(act.topic, `outcome ${error ?? 'success'}, expected ${act.error ?? 'success'}`);
    else if (inner.length > 0 && !act.inner) this.problem(act.topic, `inner call failed: ${inner.join('; ')}`);
    else if (act.inner && inner.length === 0) this.problem(act.topic, 'no inner call failed');
    else if (act.event && !events.some(({ name }) => name === act.event)) this.problem(act.topic, `no event ${act.event}`);
    else this.note(act.topic, { extrinsic: index, ...(error && { error }), ...(inner.length > 0 && { inner }) });
  }

  errorName(error) {
    if (!error.isModule) return error.isToken || error.isArithmetic ? `${error.type}.${error.value.type}` : error.type;
    const { section, name } = this.api.registry.findMetaError(error.asModule);
    return `${section[0].toUpperCase()}${section.slice(1)}.${name}`;
  }

  /** Files that `topic` happened in the head block. */
  note(topic, detail = {}) {
    (this.topics[topic] ??= []).push({ block: this.number, spec: this.spec, ...detail });
  }

  problem(topic, text) {
    const problem = { block: this.number, spec: this.spec, topic, problem: text };
    this.problems.push(problem);
    console.error(`UNEXPECTED block ${this.number} (spec ${this.spec}) ${topic}: ${text}`);
  }

  /** A step that breaks is reported, and the scenario goes on with the next one. */
  async step(name, run) {
    const started = Date.now();
    try {
      await run();
    } catch (error) {
      this.problem(name, error.stack ?? String(error));
    }
    console.log(`  ${String(this.spec)} ${name}: head ${this.number}, ${((Date.now() - started) / 1000).toFixed(1)} s`);
  }

  /** Writes storage of the head block from outside, as no extrinsic could. */
  setStorage(entries) { return this.rpc('dev_setStorage', entries); }

  /** The next block is executed by `code`; no extrinsic carries it. */
  async upgradeByStorage(code) {
    await this.setStorage([[CODE_KEY, code]]);
    await this.loadRuntime();
  }

  /** The next block is executed by `code`, which a sudo extrinsic of the head block carries. */
  async upgradeByExtrinsic(code) {
    const setCode = this.tx.system.setCode(code);
    const { Alice } = this.wallets;
    // the weight of set_code is a whole block, so sudo has to override it
    const call = this.tx.sudo.sudoUncheckedWeight(setCode, this.weight());
    await this.block(this.act(Alice, call, 'runtime upgrade by extrinsic', { event: 'System.CodeUpdated' }));
    await this.loadRuntime();
  }

  weight() { return { refTime: 1_000_000_000, proofSize: 10_000 }; }

  /** Spec 218 reads 56 bytes where earlier runtimes wrote 48, and has no migration for it. */
  async rewriteAccounts() {
    const entries = [];
    let start = null;
    for (;;) {
      const keys = await this.rpc('state_getKeysPaged', accountPrefix(), 500, start);
      for (const key of keys) entries.push([key, modernAccount(await this.rpc('state_getStorage', key))]);
      if (keys.length < 500) break;
      start = keys.at(-1);
    }
    await this.setStorage(entries);
    return entries.length;
  }
}

function eventName(registry, event) {
  const pallet = registry.metadata.pallets.find(({ index }) => index.eq(event.index[0]));
  return `${pallet.name}.${event.method}`;
}
