// The road that changes took before sudo alone: a triumvirate proposes, the senate votes, anyone closes.
import { blake2AsHex } from '@polkadot/util-crypto';
import { setting } from './hyperparameters.mjs';

const LONG_ENOUGH = 20_000; // blocks; the pallet asks for half a day

/** `voters` are [coldkey, hotkey] of senate members, a majority of them. */
export async function council(d, netuid, proposer, voters) {
  const t = d.tx.triumvirate;
  const proposal = d.tx.subtensorModule.sudo(setting(d, 'Kappa', netuid, 32_100));
  const hash = blake2AsHex(proposal.method.toU8a());
  const length = proposal.method.encodedLength;
  await d.block(d.sudo(d.tx.triumvirateMembers.addMember(proposer.address), 'member of the triumvirate added', { event: 'TriumvirateMembers.MemberAdded' }));
  const proposed = await d.block(d.act(proposer, t.propose(proposal, length, LONG_ENOUGH), 'motion proposed', { event: 'Triumvirate.Proposed' }));
  const index = proposed.events.find(({ name }) => name === 'Triumvirate.Proposed').data[1].toNumber();
  await d.block(
    voters.map(([cold, hot]) => d.act(cold, d.tx.subtensorModule.vote(hot.address, hash, index, true), 'motion voted for', { event: 'Triumvirate.Voted' })),
    d.act(d.wallets.Alice, d.tx.subtensorModule.sudo(setting(d, 'Kappa', netuid, 3)), 'failed: sudo of the council by one alone', { error: 'BadOrigin' }),
  );
  await d.block(d.act(proposer, t.close(hash, index, d.weight(), length), 'hyperparameter by the council', { event: 'SubtensorModule.Sudid' }));
}
