// Weights are set, committed and revealed; epochs turn them into dividends.
import { TypeRegistry } from '@polkadot/types';
import { blake2AsHex } from '@polkadot/util-crypto';

export async function setWeights(d, netuid, hotkeys, uids, weights, topic = 'weights set') {
  const set = d.tx.subtensorModule.setWeights;
  await d.block(hotkeys.map((hot) => d.act(hot, set(netuid, uids, weights, 0), topic, { event: 'SubtensorModule.WeightsSet' })));
}

export async function failToSetWeights(d, netuid, registered, unregistered) {
  const set = d.tx.subtensorModule.setWeights;
  const missing = d.spec >= 218 ? 'HotKeyNotRegisteredInSubNet' : 'NotRegistered';
  await d.block(
    d.act(registered, set(netuid, [0, 0], [1, 1], 0), 'failed: duplicate uids', { error: 'SubtensorModule.DuplicateUids' }),
    d.act(registered, set(netuid, [0, 1], [1], 0), 'failed: uids and weights differ in number', { error: 'SubtensorModule.WeightVecNotEqualSize' }),
    d.act(unregistered, set(netuid, [0], [1], 0), 'failed: weights of an unregistered hotkey', { error: `SubtensorModule.${missing}` }),
  );
}

/** Empty blocks until the epoch of `netuid` has run in the head block. */
export async function untilEpoch(d, netuid, { dividends = false } = {}) {
  for (let i = 0; i < 40; i++) {
    await d.block();
    const at = await d.api.at(d.hash);
    const last = await at.query.subtensorModule.lastMechansimStepBlock(netuid);
    if (last.toNumber() !== d.number) continue;
    const paid = (await at.query.subtensorModule.dividends(netuid)).map((x) => x.toNumber());
    const emission = (await at.query.subtensorModule.emission(netuid)).map((x) => x.toNumber());
    const earning = paid.some((x) => x > 0);
    d.note(earning ? 'epoch with dividends' : 'epoch', { netuid, dividends: paid, emission });
    if (dividends && !earning) d.problem('epoch with dividends', `netuid ${netuid} paid none`);
    return;
  }
  d.problem('epoch', `netuid ${netuid} had none in 40 blocks`);
}

/** Empty blocks until the next block is the first of an epoch, by the count that commits go by. */
async function untilEpochIndexMoves(d, netuid) {
  const at = await d.api.at(d.hash);
  const period = (await at.query.subtensorModule.tempo(netuid)).toNumber() + 1;
  do await d.block(); while ((d.number + 1 + netuid + 1) % period !== 0);
}

/** Spec 218: only the hash of the weights is known until the next epoch. */
export async function commitAndReveal(d, netuid, hot, uids, weights) {
  const sm = d.tx.subtensorModule;
  const salt = [11, 22, 33, 44];
  const registry = new TypeRegistry();
  const type = '(AccountId, u16, Vec<u16>, Vec<u16>, Vec<u16>, u64)';
  const hash = blake2AsHex(registry.createType(type, [hot.addressRaw, netuid, uids, weights, salt, 0]).toU8a());
  await untilEpochIndexMoves(d, netuid);
  await d.block(d.act(hot, sm.commitWeights(netuid, hash), 'weights committed', { event: 'SubtensorModule.WeightsCommitted' }));
  await d.block(d.act(hot, sm.revealWeights(netuid, uids, weights, salt, 0), 'failed: revealed too early', { error: 'SubtensorModule.RevealTooEarly' }));
  await untilEpochIndexMoves(d, netuid);
  await d.block(d.act(hot, sm.revealWeights(netuid, uids, weights, salt, 0), 'weights revealed', { event: 'SubtensorModule.WeightsRevealed' }));
}
