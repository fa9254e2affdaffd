// Signatures made once, so that a run with an sr25519 signer gives the same blocks every time.
import fs from 'node:fs';
import { u8aToHex } from '@polkadot/util';
import { blake2AsHex } from '@polkadot/util-crypto';

const FILE = new URL('./pinned-signatures.json', import.meta.url);
const pinned = fs.existsSync(FILE) ? JSON.parse(fs.readFileSync(FILE)) : {};

/**
 * sr25519 draws randomness for each signature. A signature stays valid for the same payload, so the
 * first one made is kept in pinned-signatures.json and used again; a new payload adds a line.
 */
export function pinnedSignature(signed, address, options) {
  const { method, era } = signed;
  const payload = signed.registry.createType('ExtrinsicPayload', {
    method: method.toHex(), era, nonce: options.nonce, tip: options.tip, blockHash: options.blockHash,
    genesisHash: options.genesisHash, specVersion: options.runtimeVersion.specVersion,
    transactionVersion: options.runtimeVersion.transactionVersion, address,
  }, { version: 4 });
  const key = blake2AsHex(payload.toU8a({ method: true }));
  if (!pinned[key]) {
    pinned[key] = u8aToHex(signed.signature.toU8a());
    fs.writeFileSync(FILE, `${JSON.stringify(pinned, null, 2)}\n`);
    console.log(`pinned a new sr25519 signature for ${address}`);
    return;
  }
  signed.signature.set(Buffer.from(pinned[key].slice(2), 'hex'));
}
