//! Storage of subnets: schedules, pools, neurons, weights.

use parity_scale_codec::Encode;

use super::super::super::Key;
use super::super::super::world::pool::SHARE_EXPONENT;
use super::super::super::world::subnet::{Mechanism, Subnet};
use super::{Kind, Value};

const PALLET: &str = "SubtensorModule";

fn some(value: impl Encode) -> Value {
    Some(value.encode())
}

/// A value that has no row while it is nothing.
fn unless_zero(value: u64) -> Value {
    (value != 0).then(|| value.encode())
}

fn keys<T>(rows: &std::collections::BTreeMap<Key, T>) -> Vec<Key> {
    rows.keys().copied().collect()
}

/// Shares as the chain writes them: a mantissa without trailing zeros, and an exponent of ten.
fn safe_float(shares: u128) -> Value {
    let (mut mantissa, mut exponent) = (shares, SHARE_EXPONENT);
    while mantissa != 0 && mantissa.is_multiple_of(10) {
        mantissa /= 10;
        exponent += 1;
    }
    (mantissa != 0).then(|| (mantissa, exponent).encode())
}

pub(super) fn items() -> Vec<(&'static str, &'static str, Kind)> {
    let mut items = Vec::new();
    for group in [by_netuid(), reserves(), by_neuron(), by_hotkey(), by_mechanism()] {
        items.extend(group.into_iter().map(|(name, kind)| (PALLET, name, kind)));
    }
    items.extend(swap());
    items
}

fn by_netuid() -> Vec<(&'static str, Kind)> {
    vec![
        ("NetworksAdded", Kind::Netuid(|_, _| some(true))),
        ("SubnetworkN", Kind::Netuid(|_, subnet| some(subnet.neurons.len() as u16))),
        ("SubnetMechanism", Kind::Netuid(|_, subnet| some(u16::from(subnet.netuid != 0)))),
        ("NetworkRegisteredAt", Kind::Netuid(|_, subnet| some(subnet.registered_at))),
        ("RegisteredSubnetCounter", Kind::AnyNetuid(|world, netuid| world.generations.get(&netuid).and_then(some))),
        ("SubnetOwner", Kind::Netuid(|_, subnet| some(subnet.owner))),
        ("SubnetOwnerHotkey", Kind::Netuid(|_, subnet| some(subnet.owner_hotkey))),
        ("TokenSymbol", Kind::Netuid(|_, subnet| some(subnet.symbol.as_bytes()))),
        (
            "SubnetIdentitiesV3",
            Kind::Netuid(|_, subnet| {
                (subnet.netuid != 0 && subnet.identified)
                    .then(|| super::super::super::deeds::subnet_identity(subnet.netuid).encode())
            }),
        ),
        ("FirstEmissionBlockNumber", Kind::Netuid(|_, subnet| subnet.started.and_then(some))),
        ("LastEpochBlock", Kind::Netuid(|_, subnet| some(subnet.schedule.last_epoch))),
        ("PendingEpochAt", Kind::Netuid(|_, subnet| some(subnet.schedule.pending_at))),
        ("SubnetEpochIndex", Kind::Netuid(|_, subnet| some(subnet.schedule.index))),
        ("LastMechansimStepBlock", Kind::Netuid(|_, subnet| some(subnet.schedule.last_step))),
        ("BlocksSinceLastStep", Kind::Netuid(|_, subnet| some(subnet.schedule.since))),
        ("Burn", Kind::Netuid(|_, subnet| some(subnet.burn))),
        ("PendingServerEmission", Kind::Netuid(|_, subnet| some(subnet.pots.server))),
        ("PendingValidatorEmission", Kind::Netuid(|_, subnet| some(subnet.pots.validator))),
        ("PendingRootAlphaDivs", Kind::Netuid(|_, subnet| some(subnet.pots.root))),
        ("PendingOwnerCut", Kind::Netuid(|_, subnet| some(subnet.pots.owner))),
        ("MechanismCountCurrent", Kind::Netuid(|_, subnet| some(subnet.mechanisms.len() as u8))),
    ]
}

fn reserves() -> Vec<(&'static str, Kind)> {
    vec![
        ("SubnetTAO", Kind::Netuid(|_, subnet| some(subnet.reserves.tao))),
        ("SubnetAlphaIn", Kind::Netuid(|_, subnet| some(subnet.reserves.alpha_in))),
        ("SubnetAlphaOut", Kind::Netuid(|_, subnet| some(subnet.reserves.alpha_out))),
        ("SubnetVolume", Kind::Netuid(|_, subnet| some(subnet.reserves.volume))),
        ("SubnetMovingPrice", Kind::Netuid(|_, subnet| some(subnet.reserves.moving_price))),
        ("RootProp", Kind::Netuid(|_, subnet| some(subnet.reserves.root_prop))),
        ("SubnetAlphaOutEmission", Kind::Netuid(|_, subnet| some(subnet.minted.alpha_out))),
        ("SubnetAlphaInEmission", Kind::Netuid(|_, subnet| some(subnet.minted.alpha_in))),
        ("SubnetTaoInEmission", Kind::Netuid(|_, subnet| some(subnet.minted.tao_in))),
        ("TotalAlphaStaked", Kind::Netuid(|_, subnet| some(subnet.pools.values().map(|pool| pool.total).sum::<u64>()))),
    ]
}

fn by_neuron() -> Vec<(&'static str, Kind)> {
    vec![
        ("Active", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.active))),
        ("ValidatorPermit", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.permit))),
        ("ValidatorTrust", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.trust))),
        ("Consensus", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.consensus))),
        ("Dividends", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.dividends))),
        ("Emission", Kind::Netuid(|_, subnet| each(subnet, |neuron| neuron.emission))),
        ("Keys", Kind::NetuidUid(|subnet, uid| subnet.key_of(uid).and_then(some))),
        (
            "BlockAtRegistration",
            Kind::NetuidUid(|subnet, uid| some(subnet.neurons.get(usize::from(uid))?.registered_at)),
        ),
        ("AssociatedEvmAddress", Kind::NetuidUid(|subnet, uid| subnet.evm.get(&uid).and_then(some))),
        (
            "Uids",
            Kind::NetuidAccount(|subnet| keys(&subnet.uids), |subnet, hotkey| subnet.uids.get(hotkey).and_then(some)),
        ),
        (
            "Axons",
            Kind::NetuidAccount(|subnet| keys(&subnet.axons), |subnet, hotkey| subnet.axons.get(hotkey).and_then(some)),
        ),
        (
            "Prometheus",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.prometheus),
                |subnet, hotkey| subnet.prometheus.get(hotkey).and_then(some),
            ),
        ),
        (
            "HotkeySuccessor",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.successors),
                |subnet, hotkey| subnet.successors.get(hotkey).and_then(some),
            ),
        ),
        (
            "IsNetworkMember",
            Kind::AccountNetuid(
                |subnet| keys(&subnet.uids),
                |subnet, hotkey| subnet.uids.contains_key(hotkey).then(|| true.encode()),
            ),
        ),
    ]
}

fn each<T: Encode>(subnet: &Subnet, of: fn(&super::super::super::world::subnet::Neuron) -> T) -> Value {
    some(subnet.neurons.iter().map(of).collect::<Vec<T>>())
}

fn by_hotkey() -> Vec<(&'static str, Kind)> {
    let pools: fn(&Subnet) -> Vec<Key> = |subnet| keys(&subnet.pools);
    vec![
        (
            "AlphaDividendsPerSubnet",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.dividends),
                |subnet, key| subnet.dividends.get(key).and_then(some),
            ),
        ),
        (
            "RootAlphaDividendsPerSubnet",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.root_dividends),
                |subnet, key| subnet.root_dividends.get(key).and_then(some),
            ),
        ),
        (
            "TotalHotkeyAlphaLastEpoch",
            Kind::AccountNetuid(
                |subnet| keys(&subnet.last_epoch_stake),
                |subnet, key| subnet.last_epoch_stake.get(key).and_then(some),
            ),
        ),
        ("TotalHotkeyAlpha", Kind::AccountNetuid(pools, |subnet, key| unless_zero(subnet.stake(key)))),
        ("TotalHotkeySharesV2", Kind::AccountNetuid(pools, |subnet, key| safe_float(subnet.pools.get(key)?.shares))),
        ("AlphaSharePoolEpoch", Kind::AccountNetuid(pools, |subnet, key| unless_zero(subnet.pools.get(key)?.epoch))),
        (
            "AlphaV2",
            Kind::Staker(|subnet, hotkey, coldkey| safe_float(subnet.pools.get(hotkey)?.members.get(coldkey)?.shares)),
        ),
        (
            "AlphaShareEpoch",
            Kind::Staker(|subnet, hotkey, coldkey| unless_zero(subnet.pools.get(hotkey)?.members.get(coldkey)?.epoch)),
        ),
        (
            "ChildKeys",
            Kind::AccountNetuid(|subnet| keys(&subnet.children), |subnet, key| subnet.children.get(key).and_then(some)),
        ),
        (
            "ParentKeys",
            Kind::AccountNetuid(
                |subnet| {
                    let mut children: Vec<Key> = subnet.children.values().flatten().map(|(_, child)| *child).collect();
                    children.sort_unstable();
                    children.dedup();
                    children
                },
                |subnet, key| {
                    let parents: Vec<(u64, Key)> = subnet.parents(key).collect();
                    (!parents.is_empty()).then(|| parents.encode())
                },
            ),
        ),
        (
            "PendingChildKeys",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.pending_children),
                |subnet, key| subnet.pending_children.get(key).and_then(some),
            ),
        ),
        (
            "ChildkeyTake",
            Kind::AccountNetuid(
                |subnet| keys(&subnet.childkey_takes),
                |subnet, key| subnet.childkey_takes.get(key).and_then(some),
            ),
        ),
        (
            "AutoStakeDestination",
            Kind::AccountNetuid(
                |subnet| keys(&subnet.auto_stake),
                |subnet, key| subnet.auto_stake.get(key).and_then(some),
            ),
        ),
    ]
}

fn by_mechanism() -> Vec<(&'static str, Kind)> {
    fn row(rows: &[super::super::super::world::subnet::Row], uid: usize) -> Value {
        rows.get(uid).filter(|row| !row.is_empty()).map(|row| row.to_vec().encode())
    }
    vec![
        ("Incentive", Kind::Mechanism(|mechanism| some(&mechanism.incentive))),
        ("LastUpdate", Kind::Mechanism(|mechanism| some(&mechanism.last_update))),
        ("ConsensusByMechanism", Kind::Mechanism(|mechanism| some(&mechanism.consensus))),
        ("Weights", Kind::MechanismUid(|mechanism, uid| row(&mechanism.weights, uid))),
        ("Bonds", Kind::MechanismUid(|mechanism, uid| row(&mechanism.bonds, uid))),
        (
            "WeightCommits",
            Kind::MechanismAccount(
                |mechanism| keys(&mechanism.commits),
                |mechanism, hotkey| {
                    let commits = mechanism.commits.get(hotkey)?;
                    let rows = commits.iter().map(|(hash, epoch, block)| (*hash, *epoch, *block, 0u64));
                    some(rows.collect::<Vec<_>>())
                },
            ),
        ),
        ("TimelockedWeightCommits", Kind::MechanismEpoch(epochs, timelocked)),
    ]
}

fn epochs(mechanism: &Mechanism) -> Vec<u64> {
    mechanism.timelocked.keys().copied().collect()
}

fn timelocked(mechanism: &Mechanism, epoch: u64) -> Value {
    let commits = mechanism.timelocked.get(&epoch)?;
    let rows = commits.iter().map(|commit| (commit.who, commit.block, &commit.bytes, commit.round));
    some(rows.collect::<Vec<_>>())
}

fn swap() -> Vec<(&'static str, &'static str, Kind)> {
    vec![
        (
            "Swap",
            "SwapBalancer",
            Kind::Netuid(|_, subnet| (subnet.netuid != 0).then(|| subnet.reserves.quote.encode())),
        ),
        ("Swap", "PalSwapInitialized", Kind::Netuid(|_, subnet| (subnet.netuid != 0).then(|| true.encode()))),
        ("Swap", "FeeRate", Kind::Netuid(|_, subnet| (subnet.netuid != 0).then(|| 33u16.encode()))),
        (
            "Commitments",
            "CommitmentOf",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.commitments),
                |subnet, key| {
                    let commitment = subnet.commitments.get(key)?;
                    let mut bytes = (0u64, commitment.block).encode();
                    bytes.extend_from_slice(commitment.info.as_ref()?);
                    Some(bytes)
                },
            ),
        ),
        (
            "Commitments",
            "RevealedCommitments",
            Kind::NetuidAccount(|subnet| keys(&subnet.revealed), |subnet, key| subnet.revealed.get(key).and_then(some)),
        ),
        (
            "Commitments",
            "LastCommitment",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.commitments),
                |subnet, key| subnet.commitments.get(key).map(|commitment| commitment.block.encode()),
            ),
        ),
        (
            "Commitments",
            "UsedSpaceOf",
            Kind::NetuidAccount(
                |subnet| keys(&subnet.commitments),
                |subnet, key| {
                    subnet.commitments.get(key).map(|commitment| (commitment.epoch, commitment.used).encode())
                },
            ),
        ),
    ]
}
