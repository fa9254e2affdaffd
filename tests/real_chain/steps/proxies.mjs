// Spec 218: delegates act for others, at once, after an announcement, or in vain.
import { blake2AsHex } from '@polkadot/util-crypto';
import { setting } from './hyperparameters.mjs';

export async function proxies(d, owner, netuid) {
  const { Alice, Bob, Charlie, Eve, Ferdie } = d.wallets;
  const p = d.tx.proxy;
  await d.block(
    d.act(Alice, p.addProxy(Bob.address, 'Any', 0), 'proxy added', { event: 'Proxy.ProxyAdded' }),
    d.act(owner, p.addProxy(Eve.address, 'Owner', 0), 'proxy added', { event: 'Proxy.ProxyAdded' }),
    d.act(Charlie, p.addProxy(Ferdie.address, 'NonTransfer', 0), 'proxy added', { event: 'Proxy.ProxyAdded' }),
    d.act(owner, p.addProxy(Ferdie.address, 'Any', 3), 'proxy added', { event: 'Proxy.ProxyAdded' }),
  );
  const inSudo = d.tx.sudo.sudo(setting(d, 'Kappa', netuid, 30_500));
  const owned = setting(d, 'Rho', netuid, 21);
  await d.block(
    d.act(Bob, p.proxy(Alice.address, null, inSudo), 'hyperparameter in proxy of sudo', { event: 'Proxy.ProxyExecuted' }),
    d.act(Eve, p.proxy(owner.address, 'Owner', owned), 'hyperparameter in proxy of the owner', { event: 'Proxy.ProxyExecuted' }),
    d.act(Ferdie, p.proxy(Charlie.address, null, d.tx.balances.transferKeepAlive(Ferdie.address, 1_000_000_000)), 'proxy filtered by its type', { inner: true, event: 'Proxy.ProxyExecuted' }),
    d.act(Charlie, p.proxy(Alice.address, null, inSudo), 'failed: not a proxy', { error: 'Proxy.NotProxy' }),
  );
  const batch = d.tx.utility.batch([setting(d, 'Rho', netuid, 22), setting(d, 'Kappa', netuid, 30_600)]);
  await d.block(d.act(Bob, p.proxy(Alice.address, 'Any', d.tx.sudo.sudo(batch)), 'hyperparameter in batch in sudo in proxy', { event: 'Utility.BatchCompleted' }));

  const later = setting(d, 'Rho', netuid, 23);
  await d.block(d.act(Ferdie, p.announce(owner.address, blake2AsHex(later.method.toU8a())), 'proxy announced', { event: 'Proxy.Announced' }));
  await d.block(d.act(Ferdie, p.proxyAnnounced(Ferdie.address, owner.address, null, later), 'failed: announced too recently', { error: 'Proxy.Unannounced' }));
  await d.empty(2);
  await d.block(d.act(Ferdie, p.proxyAnnounced(Ferdie.address, owner.address, null, later), 'hyperparameter in an announced proxy', { event: 'Proxy.ProxyExecuted' }));
  await d.block(
    d.act(Charlie, p.createPure('Any', 0, 0), 'pure proxy created', { event: 'Proxy.PureCreated' }),
    d.act(owner, p.removeProxy(Ferdie.address, 'Any', 3), 'proxy removed', { event: 'Proxy.ProxyRemoved' }),
  );
}

/** While safe mode is on, ordinary calls are filtered. */
export async function safeMode(d) {
  const { Bob, Charlie } = d.wallets;
  const transfer = () => d.tx.balances.transferKeepAlive(Charlie.address, 1_000_000_000);
  await d.block(d.sudo(d.tx.safeMode.forceEnter(), 'safe mode entered', { event: 'SafeMode.Entered' }));
  await d.block(d.act(Bob, transfer(), 'failed: filtered by safe mode', { error: 'System.CallFiltered' }));
  await d.block(d.sudo(d.tx.safeMode.forceExit(), 'safe mode left', { event: 'SafeMode.Exited' }), d.act(Bob, transfer(), 'transfer', { event: 'Balances.Transfer' }));
}
