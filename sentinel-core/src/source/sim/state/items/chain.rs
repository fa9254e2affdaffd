//! Storage of the chain itself: the block, accounts, limits.

use std::sync::Arc;

use parity_scale_codec::{Compact, Encode};

use super::super::super::Key;
use super::super::super::deeds::identity;
use super::super::super::world::subnet::Subnet;
use super::super::super::world::{World, subnet_account};
use super::{Kind, Value};

type Row = (&'static str, &'static str, Kind);

fn some(value: impl Encode) -> Value {
    Some(value.encode())
}

fn keys<T>(rows: &std::collections::BTreeMap<Key, T>) -> Vec<Key> {
    rows.keys().copied().collect()
}

pub(super) fn items() -> Vec<Row> {
    let mut items = block();
    items.extend(limits());
    items.extend(people());
    items
}

fn block() -> Vec<Row> {
    vec![
        ("System", "Number", Kind::Plain(|context| some(context.world.number as u32))),
        ("System", "ParentHash", Kind::Plain(|context| some(context.parent_hash))),
        ("System", "Events", Kind::Plain(|context| context.block.map(|block| block.events.to_vec()))),
        (
            "System",
            "Digest",
            Kind::Plain(|context| {
                // The seal comes later.
                let logs = &context.block?.header.header.digest;
                let logs = &logs[..logs.len().saturating_sub(1)];
                let mut bytes = Compact(logs.len() as u32).encode();
                logs.iter().for_each(|log| bytes.extend_from_slice(log));
                Some(bytes)
            }),
        ),
        (
            "System",
            "EventCount",
            Kind::Plain(|context| {
                let count = <Compact<u32> as parity_scale_codec::Decode>::decode(&mut &*context.block?.events).ok()?;
                some(count.0)
            }),
        ),
        (
            "System",
            "LastRuntimeUpgrade",
            Kind::Plain(|context| {
                let version = context.runtime.version();
                some((Compact(version.spec_version), &version.spec_name))
            }),
        ),
        ("Timestamp", "Now", Kind::Plain(|context| (context.world.number > 0).then(|| context.world.now_ms.encode()))),
        ("Sudo", "Key", Kind::Plain(|context| some(context.world.globals.sudo))),
        ("Drand", "LastStoredRound", Kind::Plain(|context| some(context.world.drand_round()))),
        ("Commitments", "TimelockedIndex", Kind::Plain(|context| some(sealed(context.world)))),
        ("Grandpa", "CurrentSetId", Kind::Plain(|_| some(0u64))),
        ("Balances", "TotalIssuance", Kind::Plain(|context| some(context.world.globals.issuance))),
        ("TransactionPayment", "NextFeeMultiplier", Kind::Plain(|_| some(1_000_000_000_000_000_000u128))),
        ("TransactionPayment", "StorageVersion", Kind::Plain(|_| some(1u8))),
    ]
}

fn limits() -> Vec<Row> {
    const PALLET: &str = "SubtensorModule";
    vec![
        (PALLET, "TotalIssuance", Kind::Plain(|context| some(context.world.globals.issuance))),
        (PALLET, "TotalStake", Kind::Plain(|context| some(total_stake(context.world)))),
        (PALLET, "TotalNetworks", Kind::Plain(|context| some(context.world.subnets.len() as u16))),
        (PALLET, "TaoWeight", Kind::Plain(|context| some(context.world.globals.tao_weight))),
        (PALLET, "SubnetOwnerCut", Kind::Plain(|context| some(context.world.globals.subnet_owner_cut))),
        (PALLET, "MaxEpochsPerBlock", Kind::Plain(|context| some(context.world.globals.max_epochs))),
        (PALLET, "AdminFreezeWindow", Kind::Plain(|context| some(context.world.globals.admin_freeze_window))),
        (PALLET, "StakeThreshold", Kind::Plain(|context| some(context.world.globals.stake_threshold))),
        (PALLET, "TxRateLimit", Kind::Plain(|context| some(context.world.globals.tx_rate_limit))),
        (PALLET, "SubnetLimit", Kind::Plain(|context| some(context.world.globals.subnet_limit))),
        (PALLET, "NetworkMinLockCost", Kind::Plain(|context| some(context.world.globals.network_min_lock_cost))),
        (PALLET, "ColdkeySwapAnnouncementDelay", Kind::Plain(|_| some(super::super::super::deeds::ANNOUNCEMENT_DELAY))),
        (PALLET, "BlockEmission", Kind::Plain(|_| some(500_000_000u64))),
        (PALLET, "CommitRevealWeightsVersion", Kind::Plain(|_| some(4u16))),
        (PALLET, "MaxMechanismCount", Kind::Plain(|_| some(2u8))),
        (PALLET, "PendingChildKeyCooldown", Kind::Plain(|_| some(15u64))),
        (PALLET, "DissolveCleanupQueue", Kind::Plain(|context| some(&context.world.sweeping))),
    ]
}

/// TAO in all pools and on the root.
fn total_stake(world: &World) -> u64 {
    world.subnets.values().map(|subnet| subnet.reserves.tao).sum()
}

/// Who has a commitment that is still encrypted, as the set that the chain keeps.
fn sealed(world: &World) -> Vec<(u16, Key)> {
    let of = |subnet: &Arc<Subnet>| {
        let sealed = subnet.commitments.iter().filter(|(_, commitment)| commitment.sealed.is_some());
        sealed.map(|(hotkey, _)| (subnet.netuid, *hotkey)).collect::<Vec<_>>()
    };
    world.subnets.values().flat_map(of).collect()
}

fn people() -> Vec<Row> {
    const PALLET: &str = "SubtensorModule";
    vec![
        ("System", "Account", Kind::Account(accounts, account)),
        (
            PALLET,
            "Owner",
            Kind::Account(|world| keys(&world.people.owners), |world, key| world.owner_of(key).and_then(some)),
        ),
        (PALLET, "OwnedHotkeys", Kind::Account(owners, owned)),
        (PALLET, "StakingHotkeys", Kind::Account(stakers, staked_to)),
        (
            PALLET,
            "Delegates",
            Kind::Account(|world| keys(&world.people.takes), |world, key| world.people.takes.get(key).and_then(some)),
        ),
        (
            PALLET,
            "IdentitiesV2",
            Kind::Account(
                |world| keys(&world.people.identities),
                |world, key| world.people.identities.get(key).map(|number| identity(*number).encode()),
            ),
        ),
        (
            PALLET,
            "ColdkeySuccessor",
            Kind::Account(
                |world| keys(&world.people.successors),
                |world, key| world.people.successors.get(key).and_then(some),
            ),
        ),
        (
            PALLET,
            "ColdkeySwapAnnouncements",
            Kind::Account(
                |world| keys(&world.people.announced),
                |world, key| world.people.announced.get(key).and_then(some),
            ),
        ),
        (
            PALLET,
            "ColdkeySwapDisputes",
            Kind::Account(
                |world| keys(&world.people.disputed),
                |world, key| world.people.disputed.get(key).and_then(some),
            ),
        ),
        (
            PALLET,
            "BasketTwr",
            Kind::Account(|world| keys(&world.people.baskets), |world, key| some(world.people.baskets.get(key)?.twr)),
        ),
        (
            PALLET,
            "BasketRate",
            Kind::Account(|world| keys(&world.people.baskets), |world, key| some(world.people.baskets.get(key)?.rate)),
        ),
        (
            PALLET,
            "BasketShares",
            Kind::Account(
                |world| keys(&world.people.baskets),
                |world, key| some(world.people.baskets.get(key)?.shares),
            ),
        ),
        (
            PALLET,
            "BasketDepositedTao",
            Kind::Account(
                |world| keys(&world.people.baskets),
                |world, key| some(world.people.baskets.get(key)?.deposited),
            ),
        ),
        (
            "Proxy",
            "Proxies",
            Kind::Account(
                |world| keys(&world.people.proxies),
                |world, key| world.people.proxies.get(key).map(|proxies| (proxies, 93_000_000u64).encode()),
            ),
        ),
        (
            "Multisig",
            "Multisigs",
            Kind::AccountHash(
                |world| world.people.multisigs.keys().copied().collect(),
                |world, key| {
                    let waiting = world.people.multisigs.get(key)?;
                    some((waiting.height, waiting.index, 132_000_000u64, waiting.depositor, &waiting.approvals))
                },
            ),
        ),
    ]
}

/// All accounts, and those that hold the TAO of subnets.
fn accounts(world: &World) -> Vec<Key> {
    let mut all = keys(&world.people.accounts);
    all.extend(world.subnets.keys().map(|netuid| subnet_account(*netuid)));
    all
}

fn account(world: &World, key: &Key) -> Value {
    // Free, reserved, frozen; flags as every account has them since the last migration.
    let data = |free: u64| (free, 0u64, 0u64, 1u128 << 127);
    if let Some(account) = world.people.accounts.get(key) {
        return some((account.nonce, 0u32, 1u32, 0u32, data(account.free)));
    }
    let subnet = world.subnets.values().find(|subnet| subnet_account(subnet.netuid) == *key)?;
    some((0u32, 0u32, 1u32, 0u32, data(subnet.reserves.tao)))
}

fn owners(world: &World) -> Vec<Key> {
    let mut owners: Vec<Key> = world.people.owners.values().copied().collect();
    owners.sort_unstable();
    owners.dedup();
    owners
}

fn owned(world: &World, coldkey: &Key) -> Value {
    let hotkeys = world.people.owners.iter().filter(|(_, owner)| *owner == coldkey);
    let hotkeys: Vec<Key> = hotkeys.map(|(hotkey, _)| *hotkey).collect();
    (!hotkeys.is_empty()).then(|| hotkeys.encode())
}

fn stakers(world: &World) -> Vec<Key> {
    let pools = world.subnets.values().flat_map(|subnet| subnet.pools.values());
    let mut all: Vec<Key> = pools.flat_map(|pool| pool.members.keys().copied()).collect();
    all.sort_unstable();
    all.dedup();
    all
}

fn staked_to(world: &World, coldkey: &Key) -> Value {
    let pools = world.subnets.values().flat_map(|subnet| subnet.pools.iter());
    let with = pools.filter(|(_, pool)| pool.members.contains_key(coldkey));
    let mut hotkeys: Vec<Key> = with.map(|(hotkey, _)| *hotkey).collect();
    hotkeys.sort_unstable();
    hotkeys.dedup();
    (!hotkeys.is_empty()).then(|| hotkeys.encode())
}
