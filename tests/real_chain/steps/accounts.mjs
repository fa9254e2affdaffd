// Money moves, remarks are made, in every era, with tips, by every kind of signer.

const ABOVE_FUNDS = 5_000_000_000_000_000n;

export async function transfers(d) {
  const { Alice, Bob, Charlie, Dave, Nobody } = d.wallets;
  const b = d.tx.balances;
  const transfer = b.transferAllowDeath ?? b.transfer;
  const event = 'Balances.Transfer';
  const [above, below] = d.spec >= 218
    ? ['Arithmetic.Underflow', 'Token.BelowMinimum'] : ['Balances.InsufficientBalance', 'Balances.ExistentialDeposit'];
  await d.block(
    d.act(Bob, transfer(Charlie.address, 1_234_567_890), 'transfer', { event }),
    d.act(Charlie, b.transferKeepAlive(Dave.address, 1), 'transfer', { event }),
    d.sudo(b.forceTransfer(Dave.address, Bob.address, 3_000_000_000), 'transfer by sudo', { event }),
  );
  await d.block(
    d.act(Bob, transfer(Charlie.address, ABOVE_FUNDS), 'failed: transfer above funds', { error: above }),
    d.act(Charlie, b.transferKeepAlive(Bob.address, ABOVE_FUNDS), 'failed: transfer above funds', { error: above }),
    d.act(Bob, transfer(Nobody.address, 1), 'failed: below the existential deposit', { error: below }),
    // polkadot.js takes a shorter one for an index when it decodes it
    d.act(Bob, transfer({ Raw: `0x${'0102ff'.repeat(5)}` }, 1), 'failed: no such kind of address', { error: 'CannotLookup' }),
    d.act(Bob, transfer({ Address20: `0x${'11'.repeat(20)}` }, 1), 'failed: no such kind of address', { error: 'CannotLookup' }),
  );
  // an account is born and dies again
  await d.block(d.act(Bob, transfer(Nobody.address, 2_000_000_000), 'account created', { event: 'System.NewAccount' }));
  await d.block(d.act(Nobody, b.transferAll(Bob.address, false), 'account killed', { event: 'System.KilledAccount' }));
  const setBalance = d.spec >= 218 ? b.forceSetBalance(Dave.address, 90_000_000_000_000n) : b.setBalance(Dave.address, 90_000_000_000_000n, 0);
  await d.block(d.act(Alice, d.tx.sudo.sudo(setBalance), 'balance set by sudo', { event: 'Balances.BalanceSet' }));
}

export async function remarks(d) {
  const { Bob, Charlie } = d.wallets;
  const s = d.tx.system;
  await d.block(
    d.act(Bob, s.remark('sentinel was here'), 'remark in ASCII'),
    d.act(Charlie, s.remark('Grüße, 世界 ✓ 🚀'), 'remark in UTF-8'),
    d.act(Bob, s.remark('0xff00fe80c3284142'), 'remark that is no UTF-8'),
    d.act(Charlie, s.remark('0x'), 'remark of no bytes'),
    d.act(Bob, s.remarkWithEvent('with an event'), 'remark with an event', { event: 'System.Remarked' }),
  );
}

export async function signatures(d) {
  const { Bob, Charlie, Edgar, Sally } = d.wallets;
  const remark = (text) => d.tx.system.remarkWithEvent(text);
  const event = 'System.Remarked';
  await d.block(
    d.act(Bob, remark('mortal, 64 blocks'), 'mortal era', { era: 64, event }),
    d.act(Bob, remark('mortal, 8 blocks'), 'mortal era', { era: 8, event }),
    d.act(Charlie, remark('tipped'), 'tip', { tip: 1_000_000, event }),
    d.act(Charlie, remark('mortal and tipped'), 'tip', { tip: 1_000_000_000_000n, era: 128, event }),
    d.act(Edgar, remark('ecdsa'), 'ecdsa signer', { event }),
    d.act(Sally, remark('sr25519'), 'sr25519 signer', { event }),
    d.act(Edgar, d.tx.balances.transferKeepAlive(Sally.address, 1_000_000_000), 'ecdsa signer', { event: 'Balances.Transfer' }),
  );
  // nothing of these reaches a block
  await d.block(
    d.act(d.wallets.Nobody, remark('no money for the fee'), 'refused by the pool', { rejected: true }),
  );
}

/** Spec 218: calls whose arguments have types that hardly any other call has. */
export async function unusualArguments(d) {
  const { Bob, Charlie } = d.wallets;
  const { evm, baseFee, balances, system } = d.tx;
  const topic = 'call with unusual arguments';
  await d.block(
    d.sudo(evm.setWhitelist([`0x${'12'.repeat(20)}`, `0x${'ab'.repeat(20)}`]), `${topic}: H160`),
    d.sudo(baseFee.setBaseFeePerGas(20_000_000_000n), `${topic}: U256`, { event: 'BaseFee.NewBaseFeePerGas' }),
    d.sudo(baseFee.setElasticity(125_000), `${topic}: Permill`, { event: 'BaseFee.NewElasticity' }),
    d.sudo(system.setStorage([['0x736d616c6c', '0x01ff'], ['0x656d707479', '0x']]), `${topic}: pairs of bytes`),
    d.sudo(system.killStorage(['0x736d616c6c', '0x656d707479']), `${topic}: lists of bytes`),
    d.act(Charlie, balances.burn(1_000_000_000, true), 'balance burned', { event: 'Balances.Burned' }),
    d.act(Charlie, balances.burn(ABOVE_FUNDS, true), 'failed: burning above funds', { error: 'Token.FundsUnavailable' }),
    d.sudo(balances.forceAdjustTotalIssuance('Increase', 5), `${topic}: Compact and a plain enum`, { event: 'Balances.TotalIssuanceForced' }),
    d.act(Bob, evm.withdraw(`0x${'12'.repeat(20)}`, 1), 'failed: withdrawal from an EVM account of someone else', { error: 'BadOrigin' }),
  );
}
