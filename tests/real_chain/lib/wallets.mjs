// The keys every script signs with: all derive from the well-known substrate development phrase.
import { Keyring } from '@polkadot/api';

const COLDKEYS = ['Alice', 'Bob', 'Charlie', 'Dave', 'Eve', 'Ferdie', 'Owner', 'Owner2'];
const HOTKEYS = 8;

/**
 * Every key is ed25519, because ed25519 signs deterministically: two runs give identical blocks.
 * `Edgar` is ecdsa (deterministic too) and `Sally` sr25519 (not: see pinned.mjs).
 */
export function makeWallets() {
  const ring = (type) => new Keyring({ type, ss58Format: 42 });
  const ed25519 = ring('ed25519');
  const wallets = {};
  for (const name of COLDKEYS) wallets[name] = ed25519.addFromUri(`//${name}`);
  wallets.Edgar = ring('ecdsa').addFromUri('//Edgar');
  wallets.Sally = ring('sr25519').addFromUri('//Sally');
  for (let i = 0; i < HOTKEYS; i++) wallets[`hk${i}`] = ed25519.addFromUri(`//hotkey//${i}`);
  wallets.ownerHk = ed25519.addFromUri('//Owner//hot');
  wallets.owner2Hk = ed25519.addFromUri('//Owner2//hot');
  wallets.hkSwapped = ed25519.addFromUri('//hotkey//swapped');
  // no funds at genesis: the target of a coldkey swap has to be a fresh account
  wallets.NewCold = ed25519.addFromUri('//NewCold');
  wallets.NewCold2 = ed25519.addFromUri('//NewCold2');
  wallets.Nobody = ed25519.addFromUri('//Nobody');
  return wallets;
}

const UNFUNDED = new Set(['NewCold', 'NewCold2', 'Nobody']);

/** The 32-byte account ids that own a balance at genesis. */
export function fundedAccounts(wallets) {
  return Object.entries(wallets).filter(([name]) => !UNFUNDED.has(name)).map(([, pair]) => pair.addressRaw);
}
