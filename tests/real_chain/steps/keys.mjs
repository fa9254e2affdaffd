// Hotkeys and coldkeys are swapped for new ones.

export async function swapHotkey(d, cold, oldHot, newHot) {
  const call = d.tx.subtensorModule.swapHotkey(oldHot.address, newHot.address);
  await d.block(d.act(cold, call, 'hotkey swapped', { event: 'SubtensorModule.HotkeySwapped' }));
}

/** Spec 218: announced by the holder, carried out by the scheduler some blocks later. */
export async function scheduleColdkeySwap(d, oldCold, newCold) {
  const call = d.tx.subtensorModule.scheduleSwapColdkey(newCold.address);
  await d.block(
    d.act(oldCold, call, 'coldkey swap scheduled', { event: 'SubtensorModule.ColdkeySwapScheduled' }),
    d.act(oldCold, call, 'failed: coldkey swap scheduled twice', { error: 'SubtensorModule.SwapAlreadyScheduled' }),
  );
  for (let i = 0; i < 8; i++) {
    const { events } = await d.block();
    if (!events.some(({ name }) => name === 'SubtensorModule.ColdkeySwapped')) continue;
    d.note('coldkey swapped by the scheduler');
    return;
  }
  d.problem('coldkey swapped by the scheduler', 'it did not happen in 8 blocks');
}

/** Spec 218: by sudo, at once. */
export async function swapColdkeyBySudo(d, oldCold, newCold) {
  const call = d.tx.subtensorModule.swapColdkey(oldCold.address, newCold.address);
  await d.block(d.sudo(call, 'coldkey swapped by sudo', { event: 'SubtensorModule.ColdkeySwapped' }));
}
