// The same changes once more, inside batches, proxies, multisigs, schedules and other carriers.
import { createKeyMulti, encodeAddress, sortAddresses, blake2AsHex } from '@polkadot/util-crypto';
import { u8aToHex } from '@polkadot/util';
import { setting } from './hyperparameters.mjs';

export async function batches(d, netuid) {
  const u = d.tx.utility;
  const set = (name, value, on = netuid) => setting(d, name, on, value);
  await d.block(d.sudo(u.batch([set('Kappa', 31_000), set('Rho', 12), set('ImmunityPeriod', 40)]), 'hyperparameter in batch', { event: 'Utility.BatchCompleted' }));
  await d.block(d.sudo(u.batchAll([set('Kappa', 31_001), set('MinBurn', 700_000)]), 'hyperparameter in batch_all', { event: 'Utility.BatchCompleted' }));
  await d.block(d.sudo(u.forceBatch([set('Kappa', 31_002), set('MaxBurn', 98_000_000_000)]), 'hyperparameter in force_batch', { event: 'Utility.BatchCompleted' }));
  await d.block(d.sudo(u.batch([set('Rho', 14), set('Kappa', 1, 99), set('Rho', 15)]), 'batch interrupted', { inner: true, event: 'Utility.BatchInterrupted' }));
  await d.block(d.sudo(u.forceBatch([set('Rho', 16), set('Kappa', 1, 99), set('Kappa', 31_003)]), 'force_batch with a failed item', { inner: true, event: 'Utility.BatchCompletedWithErrors' }));
  await d.block(d.sudo(u.batchAll([set('Rho', 17), set('Kappa', 1, 99)]), 'batch_all undone by a failed item', { inner: true }));
  const { Bob, Charlie } = d.wallets;
  await d.block(
    d.act(Bob, u.batch([d.tx.system.remark('batched'), d.tx.balances.transferKeepAlive(Charlie.address, 1_000_000_000)]), 'batch of a user', { event: 'Utility.BatchCompleted' }),
    d.act(Charlie, u.batchAll([d.tx.system.remark('never'), d.tx.system.setHeapPages(64)]), 'failed: batch_all of a user', { error: 'BadOrigin' }),
  );
}

export async function sudoVariants(d, netuid) {
  const { Alice, Bob, Charlie } = d.wallets;
  const s = d.tx.sudo;
  const set = (name, value, on = netuid) => setting(d, name, on, value);
  const weight = d.spec >= 143 ? d.weight() : { refTime: 1_000_000_000, proofSize: 0 };
  const missing = d.spec >= 143 ? set('Kappa', 1, 99) : setting(d, 'Kappa', 99, 1);
  await d.block(
    d.act(Alice, s.sudoUncheckedWeight(set('Kappa', 31_500), weight), 'hyperparameter in sudo_unchecked_weight', { event: 'Sudo.Sudid' }),
    d.act(Alice, s.sudo(missing), 'sudo with a failing inner call', { inner: true, event: 'Sudo.Sudid' }),
    d.act(Alice, s.sudoAs(Bob.address, d.tx.balances.transferKeepAlive(Charlie.address, 2_000_000_000)), 'sudo_as', { event: 'Sudo.SudoAsDone' }),
    d.act(Bob, s.sudo(set('Kappa', 1)), 'failed: sudo without its key', { error: 'Sudo.RequireSudo' }),
    d.act(Bob, d.tx.system.setHeapPages(64), 'failed: root-only call', { error: 'BadOrigin' }),
    d.act(Bob, set('Kappa', 1), 'failed: setter called by a stranger', { error: 'BadOrigin' }),
  );
}

export async function otherCarriers(d, netuid) {
  const { Bob, Charlie } = d.wallets;
  const u = d.tx.utility;
  const set = (name, value) => setting(d, name, netuid, value);
  await d.block(
    d.act(Bob, u.asDerivative(3, d.tx.system.remark('derived')), 'as_derivative'),
    d.sudo(u.dispatchAs({ system: { Signed: Bob.address } }, d.tx.balances.transferKeepAlive(Charlie.address, 1_500_000_000)), 'dispatch_as', { event: 'Utility.DispatchedAs' }),
    d.sudo(u.withWeight(set('Rho', 18), d.weight()), 'hyperparameter in with_weight'),
  );
  const id = `0x${'5e'.repeat(32)}`;
  await d.block(
    d.sudo(d.tx.scheduler.schedule(d.number + 3, null, 63, set('Rho', 19)), 'call scheduled', { event: 'Scheduler.Scheduled' }),
    d.sudo(d.tx.scheduler.scheduleNamed(id, d.number + 4, [2, 2], 63, set('Kappa', 31_700)), 'call scheduled', { event: 'Scheduler.Scheduled' }),
  );
  for (let i = 0; i < 6; i++) {
    const { events } = await d.block();
    if (events.some(({ name, index }) => name === 'Scheduler.Dispatched' && index === null)) d.note('hyperparameter by the scheduler');
  }
  await d.block(d.act(Bob, d.tx.preimage.notePreimage(set('Kappa', 31_800).method.toHex()), 'preimage noted', { event: 'Preimage.Noted' }));
}

/** The sudo key belongs to two of three people for a while. */
export async function multisig(d, netuid) {
  const { Alice, Bob, Charlie, Dave } = d.wallets;
  const people = [Bob, Charlie, Dave];
  const address = encodeAddress(createKeyMulti(people.map((x) => x.address), 2), 42);
  const others = (me) => sortAddresses(people.filter((x) => x !== me).map((x) => x.address), 42);
  const m = d.tx.multisig;
  const weight = { refTime: 10_000_000_000, proofSize: 100_000 };
  const timepoint = async (block) => ({ height: block.number, index: block.events.find(({ name }) => name === 'Multisig.NewMultisig').index });

  await d.block(
    d.act(Bob, d.tx.balances.transferKeepAlive(address, 20_000_000_000), 'transfer', { event: 'Balances.Transfer' }),
    d.act(Bob, m.asMultiThreshold1(others(Bob), d.tx.system.remark('one is enough')), 'multisig of threshold 1'),
    // later versions of the pallet let root do it
    d.spec >= 218 ? [] : d.sudo(d.tx.sudo.setKey(address), 'sudo with a failing inner call', { inner: true }),
  );
  await d.block(d.act(Alice, d.tx.sudo.setKey(address), 'sudo key changed', { event: 'Sudo.KeyChanged' }));

  const call = d.tx.utility.batch([d.tx.sudo.sudo(setting(d, 'Kappa', netuid, 31_900)), d.tx.sudo.setKey(Alice.address)]);
  const hash = blake2AsHex(call.method.toU8a());
  const when = await timepoint(await d.block(d.act(Bob, m.approveAsMulti(2, others(Bob), null, hash, weight), 'multisig opened', { event: 'Multisig.NewMultisig' })));
  await d.block(d.act(Alice, d.tx.sudo.sudo(setting(d, 'Kappa', netuid, 2)), 'failed: sudo without its key', { error: 'Sudo.RequireSudo' }));
  await d.block(d.act(Charlie, m.asMulti(2, others(Charlie), when, call, weight), 'hyperparameter in multisig', { event: 'Multisig.MultisigExecuted' }));

  // a call that fails when it is executed, and one that is called off
  const failing = d.tx.balances.transferKeepAlive(Alice.address, 5_000_000_000_000_000n);
  const then = await timepoint(await d.block(d.act(Dave, m.asMulti(2, others(Dave), null, failing, weight), 'multisig opened', { event: 'Multisig.NewMultisig' })));
  await d.block(d.act(Bob, m.asMulti(2, others(Bob), then, failing, weight), 'multisig executed with a failing call', { inner: true, event: 'Multisig.MultisigExecuted' }));
  const never = u8aToHex(new Uint8Array(32).fill(7));
  const last = await timepoint(await d.block(d.act(Dave, m.approveAsMulti(2, others(Dave), null, never, weight), 'multisig opened', { event: 'Multisig.NewMultisig' })));
  await d.block(d.act(Dave, m.cancelAsMulti(2, others(Dave), last, never), 'multisig cancelled', { event: 'Multisig.MultisigCancelled' }));
}
