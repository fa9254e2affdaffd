//! The runtime APIs of the simulated chain.

mod basket;
mod delegate;
mod hyperparameters;
mod metagraph;
mod neuron;
mod overview;
mod stake;
mod swap;

use bytes::Bytes;
use parity_scale_codec::{Decode, Encode};

use super::Key;
use super::state::Context;
use super::world::subnet::Subnet;
use super::world::subnet_account;

/// The answer of a function to SCALE arguments; none where there is no such function, or the arguments are not its own.
pub(super) fn answer(context: &Context<'_>, function: &str, args: &[u8]) -> Option<Bytes> {
    let (api, name) = function.split_once('_')?;
    let answer = match api {
        "Core" | "Metadata" | "AccountNonceApi" => system(context, function, args),
        "SubnetInfoRuntimeApi" => subnet_info(context, name, args),
        "NeuronInfoRuntimeApi" => neuron_info(context, name, args),
        "StakeInfoRuntimeApi" => stake::answer(context.world, name, args),
        "DelegateInfoRuntimeApi" => delegate::answer(context.world, name, args),
        "SubnetRegistrationRuntimeApi" => {
            (name == "get_network_registration_cost").then(|| context.world.globals.network_min_lock_cost.encode())
        }
        "SwapRuntimeApi" => swap::answer(context.world, name, args),
        "BetaBasketRuntimeApi" => basket::answer(context.world, name, args),
        _ => None,
    };
    answer.map(Bytes::from)
}

/// Arguments of a function, which have to be all of the bytes.
fn args<T: Decode>(mut bytes: &[u8]) -> Option<T> {
    let args = T::decode(&mut bytes).ok()?;
    bytes.is_empty().then_some(args)
}

fn system(context: &Context<'_>, function: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let metadata = || context.runtime.metadata().to_vec();
    match function {
        "Core_version" => {
            let version = context.runtime.pallet("System")?.constant("Version")?;
            Some(version.bytes().to_vec())
        }
        "Metadata_metadata" => Some(metadata().encode()),
        "Metadata_metadata_versions" => Some(vec![context.runtime.metadata_version()].encode()),
        "Metadata_metadata_at_version" => {
            let wanted: u32 = args(bytes)?;
            Some((wanted == context.runtime.metadata_version()).then(metadata).encode())
        }
        "AccountNonceApi_account_nonce" => {
            let account: Key = args(bytes)?;
            Some(context.world.people.accounts.get(&account).map_or(0, |account| account.nonce).encode())
        }
        _ => None,
    }
}

/// An encoded option of what is encoded already.
fn option(value: Option<Vec<u8>>) -> Vec<u8> {
    match value {
        Some(value) => [&[1], &value[..]].concat(),
        None => vec![0],
    }
}

/// An encoded list of what is encoded already.
fn list(values: impl ExactSizeIterator<Item = Vec<u8>>) -> Vec<u8> {
    let mut bytes = parity_scale_codec::Compact(values.len() as u32).encode();
    values.for_each(|value| bytes.extend_from_slice(&value));
    bytes
}

fn subnet_info(context: &Context<'_>, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let world = context.world;
    let subnet = || -> Option<_> { Some(world.subnet(args(bytes)?)) };
    // Lists have a place for every netuid up to the highest.
    let all = || 0..=world.subnets.keys().next_back().copied().unwrap_or(0);
    let each = |of: &dyn Fn(u16) -> Option<Vec<u8>>| {
        list(all().map(|netuid| option(of(netuid))).collect::<Vec<_>>().into_iter())
    };
    Some(match name {
        "get_subnet_hyperparams" => option(subnet()?.map(hyperparameters::first)),
        "get_subnet_hyperparams_v2" => option(subnet()?.map(hyperparameters::second)),
        "get_subnet_hyperparams_v3" => option(subnet()?.map(hyperparameters::third)),
        "get_metagraph" => option(subnet()?.map(|subnet| metagraph::whole(world, subnet, 0))),
        "get_mechagraph" => {
            let (netuid, mechanism): (u16, u8) = args(bytes)?;
            let subnet = world.subnet(netuid).filter(|subnet| usize::from(mechanism) < subnet.mechanisms.len());
            option(subnet.map(|subnet| metagraph::whole(world, subnet, usize::from(mechanism))))
        }
        "get_selective_metagraph" => {
            let (netuid, wanted): (u16, Vec<u16>) = args(bytes)?;
            option(world.subnet(netuid).map(|subnet| metagraph::selected(world, subnet, 0, &wanted)))
        }
        "get_selective_mechagraph" => {
            let (netuid, mechanism, wanted): (u16, u8, Vec<u16>) = args(bytes)?;
            let mechanism = usize::from(mechanism);
            let subnet = world.subnet(netuid).filter(|subnet| mechanism < subnet.mechanisms.len());
            option(subnet.map(|subnet| metagraph::selected(world, subnet, mechanism, &wanted)))
        }
        "get_all_metagraphs" => each(&|netuid| Some(metagraph::whole(world, world.subnet(netuid)?, 0))),
        "get_all_mechagraphs" => {
            let subnets = world.subnets.values();
            let all = subnets.flat_map(|subnet| (0..subnet.mechanisms.len()).map(move |at| (subnet, at)));
            list(
                all.map(|(subnet, at)| option(Some(metagraph::whole(world, subnet, at))))
                    .collect::<Vec<_>>()
                    .into_iter(),
            )
        }
        "get_dynamic_info" => option(subnet()?.map(|subnet| metagraph::dynamic_info(world, subnet))),
        "get_all_dynamic_info" => each(&|netuid| Some(metagraph::dynamic_info(world, world.subnet(netuid)?))),
        "get_subnet_state" => option(subnet()?.map(|subnet| metagraph::subnet_state(world, subnet))),
        "get_subnet_info" => option(subnet()?.map(|subnet| overview::first(world, subnet))),
        "get_subnets_info" => each(&|netuid| Some(overview::first(world, world.subnet(netuid)?))),
        "get_subnet_info_v2" => option(subnet()?.map(|subnet| overview::second(world, subnet))),
        "get_subnets_info_v2" => each(&|netuid| Some(overview::second(world, world.subnet(netuid)?))),
        "get_next_epoch_start_block" => subnet()?.and_then(Subnet::next_epoch).encode(),
        "get_subnet_to_prune" => overview::to_prune(world).encode(),
        "get_subnet_account_id" => subnet()?.map(|subnet| subnet_account(subnet.netuid)).encode(),
        "get_block_emission" => 500_000_000u64.encode(),
        "get_coldkey_auto_stake_hotkey" => {
            let (coldkey, netuid): (Key, u16) = args(bytes)?;
            world.subnet(netuid).and_then(|subnet| subnet.auto_stake.get(&coldkey).copied()).encode()
        }
        _ => return None,
    })
}

fn neuron_info(context: &Context<'_>, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let world = context.world;
    let all = |full: bool| -> Option<Vec<u8>> {
        let subnet = world.subnet(args(bytes)?);
        let neurons = subnet.map(|subnet| neuron::all(world, subnet, full)).unwrap_or_default();
        Some(list(neurons.into_iter()))
    };
    let one = |full: bool| -> Option<Vec<u8>> {
        let (netuid, uid): (u16, u16) = args(bytes)?;
        let subnet = world.subnet(netuid).filter(|subnet| usize::from(uid) < subnet.neurons.len());
        Some(option(subnet.map(|subnet| neuron::one(world, subnet, uid, full))))
    };
    match name {
        "get_neurons" => all(true),
        "get_neurons_lite" => all(false),
        "get_neuron" => one(true),
        "get_neuron_lite" => one(false),
        _ => None,
    }
}
