// Commitments in every form of their data, identities of accounts and of subnets.
import { stringToHex, u8aToHex } from '@polkadot/util';
import { blake2AsHex, keccakAsHex, sha256AsU8a } from '@polkadot/util-crypto';

const raw = (text) => ({ [`Raw${Buffer.byteLength(text)}`]: stringToHex(text) });
const LONG = 'https://example.org/'.padEnd(128, '0123456789');

/** One form of data for each (hotkey, netuid): the pallet allows one commitment in 100 blocks. */
const FORMS = [
  raw('hello'), raw('{"peer":"12D3KooW","url":"https://example.org/✓"}'), raw(LONG), { Raw4: '0xff00fe80' },
  { BlakeTwo256: blake2AsHex('sentinel') }, { Sha256: u8aToHex(sha256AsU8a('sentinel')) }, { Keccak256: keccakAsHex('sentinel') },
  { ShaThree256: `0x${'a5'.repeat(32)}` }, { Raw0: '0x' }, { None: null },
];

export async function commitments(d, slots) {
  const commit = d.tx.commitments.setCommitment;
  const acts = slots.slice(0, FORMS.length).map(([hot, netuid], i) => d.act(
    hot, commit(netuid, { fields: [FORMS[i]] }), `commitment ${Object.keys(FORMS[i])[0]}`, { event: 'Commitments.Commitment' },
  ));
  for (let i = 0; i < acts.length; i += 4) await d.block(acts.slice(i, i + 4));
  if (acts.length < FORMS.length) d.problem('commitments', `only ${acts.length} of ${FORMS.length} forms had a slot`);
  const [hot, netuid] = slots[0];
  const [tooOften, notRegistered] = d.spec >= 218
    ? ['CommitmentSetRateLimitExceeded', 'AccountNotAllowedCommit'] : ['RateLimitExceeded', 'CannotCommit'];
  await d.block(
    d.act(hot, commit(netuid, { fields: [raw('again')] }), 'failed: committed too often', { error: `Commitments.${tooOften}` }),
    d.act(d.wallets.Alice, commit(netuid, { fields: [] }), 'failed: commitment without registration', { error: `Commitments.${notRegistered}` }),
  );
}

/** `hot` has to be on the root network and to belong to `cold`. */
export async function registryIdentity(d, cold, hot) {
  const info = {
    additional: [], display: raw('Sentinel Validator'), legal: { None: null }, web: raw('https://example.org'), riot: { Raw3: '0xff00fe' },
    email: raw('ops@example.org'), pgpFingerprint: `0x${'2a'.repeat(20)}`, image: { Raw0: '0x' }, twitter: { BlakeTwo256: blake2AsHex('twitter') },
  };
  const { registry } = d.tx;
  await d.block(d.act(cold, registry.setIdentity(hot.address, info), 'identity set in the registry', { event: 'Registry.IdentitySet' }));
  await d.block(d.act(cold, registry.clearIdentity(hot.address), 'identity cleared in the registry', { event: 'Registry.IdentityDissolved' }));
}

/** Spec 218: identities of coldkeys and of subnets. */
export async function chainIdentities(d, cold, owner, stranger, netuid) {
  const sm = d.tx.subtensorModule;
  const identity = ['Bob the Validator', 'https://example.org', 'https://example.org/bob.png', 'bob#1234', 'Validates since 2023 – ✓', ''];
  await d.block(
    d.act(cold, sm.setIdentity(...identity), 'identity set', { event: 'SubtensorModule.ChainIdentitySet' }),
    d.act(owner, sm.setSubnetIdentity(netuid, 'Sentinel', 'https://example.org/repo', 'owner@example.org'), 'subnet identity set', { event: 'SubtensorModule.SubnetIdentitySet' }),
    d.act(stranger, sm.setSubnetIdentity(netuid, 'Thief', '', ''), 'failed: subnet identity set by a stranger', { error: 'SubtensorModule.NotSubnetOwner' }),
  );
}
