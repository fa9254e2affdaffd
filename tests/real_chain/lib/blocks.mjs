// Reads blocks over JSON-RPC and decodes each with the runtime that wrote it: its parent's.
import { Metadata, TypeRegistry } from '@polkadot/types';
import { hexToU8a, u8aToHex } from '@polkadot/util';
import { encodeAddress } from '@polkadot/util-crypto';
import { SIGNED_EXTENSIONS } from './names.mjs';
import { Normaliser } from './normal.mjs';
import { storageKey } from './storage.mjs';

const EVENTS = () => storageKey('System', 'Events');
const NOW = () => storageKey('Timestamp', 'Now');

export class BlockReader {
  runtimes = new Map();

  constructor(provider) { this.provider = provider; }

  rpc(method, ...params) { return this.provider.send(method, params); }

  /** The runtime in the state of `hash`: it writes the children of that block. */
  async runtime(hash) {
    const { specVersion } = await this.rpc('state_getRuntimeVersion', hash);
    if (!this.runtimes.has(specVersion)) {
      const registry = new TypeRegistry();
      registry.setMetadata(new Metadata(registry, await this.rpc('state_getMetadata', hash)), undefined, SIGNED_EXTENSIONS);
      this.runtimes.set(specVersion, { registry, specVersion, normal: new Normaliser(registry) });
    }
    return this.runtimes.get(specVersion);
  }

  async read(number) {
    const hash = await this.rpc('chain_getBlockHash', number);
    const { block } = await this.rpc('chain_getBlock', hash);
    const { parentHash } = block.header;
    const runtime = await this.runtime(number === 0 ? hash : parentHash);
    const raw = (await this.rpc('state_getStorage', EVENTS(), hash)) ?? '0x00';
    const now = await this.rpc('state_getStorage', NOW(), hash);
    const events = decodeEvents(runtime, raw, number);
    return {
      number, hash, parent_hash: parentHash, spec_version: runtime.specVersion,
      timestamp: now ? Number(hexToU8a(now).reduceRight((sum, byte) => sum * 256n + BigInt(byte), 0n)) : null,
      extrinsics: block.extrinsics.map((hex, index) => extrinsic(runtime, hex, index, events, number)),
      events,
    };
  }
}

function decodeEvents({ registry, normal }, raw, number) {
  const records = registry.createType('Vec<FrameSystemEventRecord>', hexToU8a(raw));
  same(u8aToHex(records.toU8a()), raw, `the events of block ${number}`);
  return records.map(({ phase, event, topics }, index) => ({
    index,
    phase: phase.type,
    extrinsic_idx: phase.isApplyExtrinsic ? phase.asApplyExtrinsic.toNumber() : null,
    ...normal.event(event),
    topics: topics.map((topic) => topic.toHex()),
  }));
}

function extrinsic({ registry, normal }, hex, index, events, number) {
  const decoded = registry.createType('Extrinsic', hexToU8a(hex), { isUnwrapped: false });
  same(decoded.toHex(), hex, `extrinsic ${number}-${index}`);
  const { pallet, call, args } = normal.call(decoded.method);
  return {
    index, hash: decoded.hash.toHex(), pallet, call, args,
    ...signature(decoded), ...outcome(normal, events.filter((event) => event.extrinsic_idx === index)),
  };
}

function signature(decoded) {
  if (!decoded.isSigned) return { signer: null, nonce: null, tip: null, era: null, signature_type: null, signature: null };
  const multi = decoded.inner.signature.multiSignature;
  return {
    signer: encodeAddress(decoded.signer.value.toU8a(), 42), nonce: decoded.nonce.toString(10), tip: decoded.tip.toString(10),
    era: u8aToHex(decoded.era.toU8a()), signature_type: multi.type, signature: u8aToHex(multi.value.toU8a()),
  };
}

function outcome(normal, events) {
  const system = events.filter(({ pallet }) => pallet === 'System');
  const failure = system.find(({ event }) => event === 'ExtrinsicFailed');
  if (failure) return { status: 'failed', error: normal.error(failure.fields[0]) };
  return { status: system.some(({ event }) => event === 'ExtrinsicSuccess') ? 'success' : null, error: null };
}

/** What was decoded has to encode to what was read: otherwise the wrong runtime was used. */
function same(encoded, raw, what) {
  if (encoded !== raw) throw new Error(`${what} do not encode to the bytes they were decoded from`);
}
