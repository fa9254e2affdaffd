// Storage keys and the two account layouts, written without metadata.
import { bnToU8a, hexToU8a, u8aConcat, u8aToBigInt, u8aToHex } from '@polkadot/util';
import { blake2AsHex, xxhashAsHex } from '@polkadot/util-crypto';

export const CODE_KEY = '0x3a636f6465';

export const le = (value, bytes) => bnToU8a(value, { bitLength: bytes * 8, isLe: true });
export const storageKey = (pallet, item) => xxhashAsHex(pallet, 128) + xxhashAsHex(item, 128).slice(2);
export const accountPrefix = () => storageKey('System', 'Account');
export const accountKey = (id) => accountPrefix() + blake2AsHex(id, 128).slice(2) + u8aToHex(id).slice(2);

/** `modern` (218 and later): free, reserved, frozen: u64, flags: u128. Before: four u64. */
export function encodeAccount({ free, reserved = 0n, nonce = 0, providers = 1, modern }) {
  const head = [le(nonce, 4), le(0, 4), le(providers, 4), le(0, 4), le(free, 8), le(reserved, 8), le(0, 8)];
  // the top bit of the flags says that the account uses the new logic of reference counting
  const tail = modern ? u8aConcat(new Uint8Array(15), Uint8Array.of(0x80)) : le(0, 8);
  return u8aToHex(u8aConcat(...head, tail));
}

/** The 48 bytes of an old account as the 56 bytes of a new one; new ones are returned as they are. */
export function modernAccount(hex) {
  const bytes = hexToU8a(hex);
  if (bytes.length !== 48) return hex;
  const number = (from, to) => u8aToBigInt(bytes.subarray(from, to), { isLe: true });
  return encodeAccount({
    nonce: number(0, 4), providers: number(8, 12), free: number(16, 24), reserved: number(24, 32), modern: true,
  });
}
