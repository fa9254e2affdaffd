// Neurons register and announce where they can be reached.

/** Spec 103 has closed registration: only sudo adds neurons, with stake and balance from nothing. */
export async function registerBySudo(d, netuid, pairs) {
  const register = d.tx.subtensorModule.sudoRegister;
  await d.block(pairs.map(([cold, hot]) => d.sudo(
    register(netuid, hot.address, cold.address, 1_000_000_000_000, 1_000_000_000),
    'neuron registered by sudo', { event: 'SubtensorModule.NeuronRegistered' },
  )));
}

export async function registerInVain(d, netuid, cold, hot) {
  await d.block(d.act(cold, d.tx.subtensorModule.burnedRegister(netuid, hot.address), 'failed: registration is closed', { error: 'SubtensorModule.RegistrationDisabled' }));
}

/** All pairs in one block. */
export async function registerByBurn(d, netuid, pairs) {
  const register = d.tx.subtensorModule.burnedRegister;
  await d.block(pairs.map(([cold, hot]) => d.act(cold, register(netuid, hot.address), 'neuron registered by burn', { event: 'SubtensorModule.NeuronRegistered' })));
}

/** A full subnet: the next neuron takes the uid of another, and no event tells whose. */
export async function replaceNeuron(d, netuid, size, cold, hot) {
  const call = d.tx.subtensorModule.burnedRegister(netuid, hot.address);
  const { events } = await d.block(d.act(cold, call, 'neuron replaced', { event: 'SubtensorModule.NeuronRegistered' }));
  const uid = events.find(({ name }) => name === 'SubtensorModule.NeuronRegistered')?.data[1].toNumber();
  if (!(uid < size)) d.problem('neuron replaced', `uid ${uid} in a subnet of ${size}`);
}

export async function registerOnRoot(d, pairs) {
  const register = d.tx.subtensorModule.rootRegister;
  for (const [cold, hot] of pairs) {
    await d.block(d.act(cold, register(hot.address), 'root registration', { event: 'SubtensorModule.NeuronRegistered' }));
  }
}

export async function failToRegister(d, netuid, cold, registered) {
  const register = d.tx.subtensorModule.burnedRegister;
  const missing = d.spec >= 218 ? 'SubNetworkDoesNotExist' : 'NetworkDoesNotExist';
  const twice = d.spec >= 218 ? 'HotKeyAlreadyRegisteredInSubNet' : 'AlreadyRegistered';
  await d.block(d.act(cold, register(99, registered.address), 'failed: registration on a missing subnet', { error: `SubtensorModule.${missing}` }));
  if (d.spec >= 143) {
    await d.block(d.act(cold, register(netuid, registered.address), 'failed: registered twice', { error: `SubtensorModule.${twice}` }));
  }
}

export async function serve(d, netuid, hotkeys) {
  const sm = d.tx.subtensorModule;
  const ipv4 = (n) => (203n << 24n) + (113n << 8n) + BigInt(n); // 203.0.113.n
  const ipv6 = 0x20010db8000000000000000000000001n; // 2001:db8::1
  await d.block(
    d.act(hotkeys[0], sm.serveAxon(netuid, 100, ipv4(10), 8_091, 4, 0, 0, 0), 'axon served', { event: 'SubtensorModule.AxonServed' }),
    d.act(hotkeys[1], sm.serveAxon(netuid, 101, ipv6, 8_092, 6, 0, 0, 0), 'axon served', { event: 'SubtensorModule.AxonServed' }),
    d.act(hotkeys[0], sm.servePrometheus(netuid, 100, ipv4(10), 9_090, 4), 'prometheus served', { event: 'SubtensorModule.PrometheusServed' }),
  );
  if (d.spec < 218) return;
  const certificate = `0x${'01'.repeat(33)}`;
  await d.block(d.act(hotkeys[1], sm.serveAxonTls(netuid, 102, ipv4(11), 8_093, 4, 0, 0, 0, certificate), 'axon served', { event: 'SubtensorModule.AxonServed' }));
}
