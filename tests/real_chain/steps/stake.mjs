// Stake is added and removed, hotkeys become delegates and change their take.

const TAO = 1_000_000_000n;

/** From spec 218 on every stake belongs to a subnet. */
const on = (d, netuid) => (d.spec >= 218 ? [netuid] : []);

export async function addStake(d, netuid, pairs) {
  const add = d.tx.subtensorModule.addStake;
  await d.block(pairs.map(([cold, hot, tao]) => d.act(cold, add(hot.address, ...on(d, netuid), BigInt(tao) * TAO), 'stake added', { event: 'SubtensorModule.StakeAdded' })));
}

export async function removeStake(d, netuid, cold, hot, stranger) {
  const remove = d.tx.subtensorModule.removeStake;
  const tooMuch = d.spec >= 218 ? 'NotEnoughStakeToWithdraw' : 'NotEnoughStaketoWithdraw';
  await d.block(
    d.act(cold, remove(hot.address, ...on(d, netuid), 5n * TAO), 'stake removed', { event: 'SubtensorModule.StakeRemoved' }),
    d.act(stranger, remove(hot.address, ...on(d, netuid), 90_000n * TAO), 'failed: removing more than is staked', { error: `SubtensorModule.${tooMuch}` }),
  );
}

export async function becomeDelegate(d, pairs) {
  const become = d.tx.subtensorModule.becomeDelegate;
  await d.block(pairs.map(([cold, hot]) => d.act(cold, become(hot.address), 'delegate added', { event: 'SubtensorModule.DelegateAdded' })));
}

/** Spec 218: takes of delegates and of child hotkeys. */
export async function changeTakes(d, netuid, cold, hot) {
  const sm = d.tx.subtensorModule;
  await d.block(d.act(cold, sm.decreaseTake(hot.address, 5_000), 'take decreased', { event: 'SubtensorModule.TakeDecreased' }));
  await d.block(d.act(cold, sm.increaseTake(hot.address, 9_000), 'take increased', { event: 'SubtensorModule.TakeIncreased' }));
  await d.block(
    d.act(cold, sm.increaseTake(hot.address, 65_535), 'failed: take too high', { error: 'SubtensorModule.DelegateTakeTooHigh' }),
    d.act(cold, sm.setChildkeyTake(hot.address, netuid, 1_000), 'childkey take set', { event: 'SubtensorModule.ChildKeyTakeSet' }),
  );
}

/** Spec 218: a hotkey shares its stake with children. */
export async function setChildren(d, netuid, cold, hot, children) {
  const shares = children.map((child, i) => [BigInt(i + 1) * 2_000_000_000_000_000_000n, child.address]);
  await d.block(d.act(cold, d.tx.subtensorModule.setChildren(hot.address, netuid, shares), 'children set', { event: 'SubtensorModule.SetChildren' }));
}

/** Spec 218: stake moves between hotkeys. */
export async function moveStake(d, cold, from, to, fromNetuid, toNetuid) {
  const call = d.tx.subtensorModule.moveStake(from.address, to.address, fromNetuid, toNetuid, TAO);
  await d.block(d.act(cold, call, 'stake moved', { event: 'SubtensorModule.StakeMoved' }));
}
