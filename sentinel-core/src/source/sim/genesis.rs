//! The state of block 0, and how a subnet comes into being.

use std::collections::BTreeMap;
use std::sync::Arc;

use super::Key;
use super::plan::Plan;
use super::rng::Rng;
use super::step::consensus;
use super::wide::mul_div;
use super::world::settings::{Setting, Settings};
use super::world::subnet::{Axon, Mechanism, Neuron, Reserves, Row, Schedule, Subnet};
use super::world::{Account, Globals, People, Shared, World};

/// One alpha or TAO.
const COIN: u64 = 1_000_000_000;

/// Somebody who validates on several subnets.
struct Validator {
    hotkey: Key,
    coldkey: Key,
}

/// The first state of a network.
pub(super) fn world(plan: &Plan) -> World {
    let globals = Globals {
        max_epochs: plan.max_epochs,
        admin_freeze_window: 10,
        tao_weight: 3_320_413_933_267_719_290,
        subnet_owner_cut: 11_796,
        stake_threshold: 1_000 * COIN,
        tx_rate_limit: 1_000,
        subnet_limit: 128,
        network_min_lock_cost: 1_000 * COIN,
        issuance: 0,
        sudo: [0; 32],
    };
    let mut world = World {
        number: 0,
        now_ms: plan.genesis_time_ms,
        seed: plan.seed,
        made: 0,
        globals,
        subnets: BTreeMap::new(),
        generations: BTreeMap::new(),
        sweeping: Vec::new(),
        people: Arc::new(People::default()),
    };
    world.globals.sudo = rich(&mut world, 50_000 * COIN);
    let mut rng = Rng::of(plan.seed, 0, 2);
    let validators = validators(plan, &mut world);
    root(plan, &mut world, &mut rng, &validators);
    for netuid in 1..=plan.subnets {
        add_subnet(plan, &mut world, &mut rng, netuid);
        let mechanisms = if netuid == 3 { 2 } else { 1 };
        populate(plan, &mut world, &mut rng, netuid, mechanisms, &validators);
        // As if each had asked for its first epoch: in turn, and no two in one block where there is room.
        let first = 1 + u64::from(netuid).wrapping_mul(41) % u64::from(plan.tempo.max(1));
        if let Some(subnet) = world.subnet_mut(netuid) {
            subnet.schedule.pending_at = first;
        }
    }
    world
}

/// A new account with so much new TAO.
pub(super) fn rich(world: &mut World, rao: u64) -> Key {
    let key = world.new_key();
    world.globals.issuance += rao;
    let people = world.people_mut();
    people.accounts.insert(key, Account { nonce: 0, free: rao });
    people.crowd.push(key);
    key
}

/// How many validators a subnet has.
fn validator_count(plan: &Plan) -> u16 {
    (plan.uids / 5).clamp(1, 64)
}

fn validators(plan: &Plan, world: &mut World) -> Vec<Validator> {
    let count = validator_count(plan) * 3 / 2 + 1;
    let each = 900_000 / u64::from(count) * COIN;
    let one = |_| {
        let (coldkey, hotkey) = (rich(world, each), world.new_key());
        let people = world.people_mut();
        people.owners.insert(hotkey, coldkey);
        people.accounts.insert(hotkey, Account { nonce: 0, free: COIN });
        // A third keep the default take, which has no row.
        let number = people.owners.len() as u16;
        if !number.is_multiple_of(3) {
            people.takes.insert(hotkey, (number * 1_311) % 11_797);
        }
        Validator { hotkey, coldkey }
    };
    (0..count).map(one).collect()
}

fn root(plan: &Plan, world: &mut World, rng: &mut Rng, validators: &[Validator]) {
    let mut subnet = empty(0, 0, world.globals.sudo, validators.first().map_or([0; 32], |one| one.hotkey));
    subnet.name = "root".into();
    subnet.symbol = "Τ".into();
    subnet.settings.set(Setting::Tempo, 100);
    subnet.settings.set(Setting::MaxAllowedUids, 64);
    for validator in validators.iter().take(64) {
        let own = rng.between(2_000, 60_000) * COIN;
        subnet.pool(validator.hotkey).add(validator.coldkey, own, 0);
        for _ in 0..rng.between(1, 3) {
            let (coldkey, tao) = (nominator(plan, world, rng), rng.between(50, 9_000) * COIN);
            subnet.pool(validator.hotkey).add(coldkey, tao, 0);
        }
        put_neuron(&mut subnet, validator.hotkey, 0);
    }
    subnet.reserves.tao = subnet.pools.values().map(|pool| pool.total).sum();
    world.globals.issuance += subnet.reserves.tao;
    world.generations.insert(0, 1);
    world.subnets.insert(0, Arc::new(subnet));
}

/// One of the nominators of the network; there are about as many as validators have places for.
fn nominator(plan: &Plan, world: &mut World, rng: &mut Rng) -> Key {
    let known = world.people.crowd.len() as u64;
    let wanted = 20 + u64::from(plan.subnets) * u64::from(plan.uids) / 4;
    if known == 0 || rng.below(known + wanted) < wanted {
        // All of them together have some three million.
        let most = 6_000_000 / wanted;
        return rich(world, rng.between(most / 50 + 20, most.max(40)) * COIN);
    }
    let at = rng.index(known as usize);
    world.people.crowd[at]
}

fn empty(netuid: u16, block: u64, owner: Key, owner_hotkey: Key) -> Subnet {
    Subnet {
        netuid,
        registered_at: block,
        owner,
        owner_hotkey,
        name: format!("Simulated {netuid}").into(),
        symbol: symbol(netuid).into(),
        identified: !netuid.is_multiple_of(3),
        settings: Settings::default().into(),
        started: None,
        schedule: Schedule::default(),
        reserves: Reserves { quote: 500_000_000_000_000_000, ..Reserves::default() },
        minted: Default::default(),
        pots: Default::default(),
        burn: COIN / 10,
        neurons: Shared::default(),
        uids: Shared::default(),
        pools: Shared::default(),
        dividends: Shared::default(),
        last_epoch_stake: Shared::default(),
        root_dividends: Shared::default(),
        mechanisms: vec![Mechanism::default()].into(),
        axons: Shared::default(),
        prometheus: Shared::default(),
        commitments: Shared::default(),
        revealed: Shared::default(),
        children: Shared::default(),
        pending_children: Shared::default(),
        childkey_takes: Shared::default(),
        evm: Shared::default(),
        auto_stake: Shared::default(),
        successors: Shared::default(),
        doubled: false,
    }
}

/// About what alpha costs, in rao: all prices together are more than one TAO, or the root would earn nothing, and less than
/// what would leave subnets without a part of the new TAO.
fn level(plan: &Plan) -> u64 {
    (2 * COIN / u64::from(plan.subnets.max(1))).min(9 * COIN / 10)
}

/// A letter of the Greek alphabet, then of the Cyrillic one.
fn symbol(netuid: u16) -> String {
    let letter = if netuid < 25 { 0x3b0 + u32::from(netuid) } else { 0x430 + u32::from(netuid) % 0x30 };
    char::from_u32(letter).unwrap_or('τ').to_string()
}

/// A subnet without neurons, registered in the present block.
pub(super) fn add_subnet(plan: &Plan, world: &mut World, rng: &mut Rng, netuid: u16) {
    let (owner, owner_hotkey) = (rich(world, 2_000 * COIN), world.new_key());
    world.people_mut().owners.insert(owner_hotkey, owner);
    let block = world.number;
    let mut subnet = empty(netuid, block, owner, owner_hotkey);
    let set = &mut subnet.settings;
    set.set(Setting::Tempo, plan.tempo.into());
    set.set(Setting::MaxAllowedUids, plan.uids.max(1).into());
    set.set(Setting::MaxAllowedValidators, validator_count(plan).into());
    set.set(Setting::CommitRevealWeightsEnabled, u128::from(netuid % 4 >= 2));
    set.set(Setting::ImmunityPeriod, 720);
    set.set(Setting::Kappa, 32_767 + u128::from(netuid) * 11);
    set.set(Setting::LiquidAlphaOn, u128::from(netuid % 5 == 1));
    set.set(Setting::Yuma3On, u128::from(netuid % 2 == 1));
    subnet.schedule.last_epoch = block - block.min(u64::from(netuid) % u64::from(plan.tempo.max(1)));
    let reserves = &mut subnet.reserves;
    reserves.alpha_in = rng.between(1_500_000, 4_000_000) * COIN;
    let price = level(plan) * rng.between(60, 160) / 100;
    reserves.tao = mul_div(reserves.alpha_in.into(), price.into(), COIN.into()) as u64;
    if netuid % 7 == 4 {
        // A pool that is not half and half.
        reserves.quote = 480_000_000_000_000_000;
    }
    world.globals.issuance += reserves.tao;
    let price = subnet.price();
    subnet.reserves.fair = price;
    subnet.reserves.moving_price = (i128::from(price.min(COIN)) << 32) / 1_000_000_000;
    *world.generations.entry(netuid).or_default() += 1;
    world.subnets.insert(netuid, Arc::new(subnet));
}

/// Fills a subnet with neurons, stakes and weights, and starts it.
fn populate(plan: &Plan, world: &mut World, rng: &mut Rng, netuid: u16, mechanisms: usize, validators: &[Validator]) {
    let block = world.number;
    let Some(arc) = world.subnets.remove(&netuid) else { return };
    let mut subnet = Arc::unwrap_or_clone(arc);
    subnet.mechanisms = vec![Mechanism::default(); mechanisms].into();
    let skip = usize::from(netuid) * 3;
    // What a year of emission and a little market leave staked, so that returns are what they are elsewhere.
    let mean = rng.between(1_200_000, 4_500_000) * COIN / u64::from(validator_count(plan));
    let part = |rng: &mut Rng, low, high| mean / 100 * rng.between(low, high) + rng.below(COIN);
    let chosen = validators.iter().cycle().skip(skip).take(usize::from(validator_count(plan)).min(validators.len()));
    for validator in chosen {
        let own = part(rng, 3, 160);
        subnet.pool(validator.hotkey).add(validator.coldkey, own, block);
        for _ in 0..rng.between(2, 4) {
            let (coldkey, alpha) = (nominator(plan, world, rng), part(rng, 1, 15));
            subnet.pool(validator.hotkey).add(coldkey, alpha, block);
        }
        put_neuron(&mut subnet, validator.hotkey, block);
    }
    let mut coldkey = subnet.owner;
    let owner_hotkey = subnet.owner_hotkey;
    put_neuron(&mut subnet, owner_hotkey, block);
    while subnet.neurons.len() < usize::from(plan.uids) {
        if rng.chance(1, 3) || coldkey == subnet.owner {
            coldkey = rich(world, rng.between(5, 60) * COIN);
        }
        let hotkey = world.new_key();
        world.people_mut().owners.insert(hotkey, coldkey);
        put_neuron(&mut subnet, hotkey, block);
        subnet.axons.insert(hotkey, axon(rng, block));
    }
    start(&mut subnet, block);
    subnet.reserves.alpha_out = subnet.pools.values().map(|pool| pool.total).sum();
    for mechanism in 0..mechanisms {
        for uid in 0..usize::from(validator_count(plan)).min(subnet.neurons.len()) {
            let weights = some_weights(&subnet, rng, uid as u16);
            subnet.mechanisms[mechanism].weights[uid] = weights;
        }
    }
    let stakes = consensus::stakes(&subnet, world);
    let verdict = consensus::verdict(&subnet, &stakes, block);
    consensus::publish(&mut subnet, &verdict);
    world.subnets.insert(netuid, Arc::new(subnet));
}

/// Fills a subnet that is registered later: its neurons are those of the subnet's peers.
pub(super) fn populate_later(plan: &Plan, world: &mut World, rng: &mut Rng, netuid: u16) {
    let root = world.subnet(0).map(|root| root.neurons.iter().map(|neuron| neuron.hotkey).collect::<Vec<_>>());
    let validators: Vec<Validator> = root
        .unwrap_or_default()
        .into_iter()
        .filter_map(|hotkey| Some(Validator { hotkey, coldkey: world.owner_of(&hotkey)? }))
        .collect();
    populate(plan, world, rng, netuid, 1, &validators);
}

/// Begins to mint alpha.
pub(super) fn start(subnet: &mut Subnet, block: u64) {
    subnet.started = Some(block + 1);
    subnet.settings.set(Setting::SubtokenEnabled, 1);
}

/// Puts a hotkey under the next free uid.
pub(super) fn put_neuron(subnet: &mut Subnet, hotkey: Key, block: u64) {
    let uid = subnet.neurons.len() as u16;
    subnet.uids.insert(hotkey, uid);
    subnet.neurons.push(Neuron::new(hotkey, block));
    for mechanism in subnet.mechanisms.iter_mut() {
        mechanism.incentive.push(0);
        mechanism.consensus.push(0);
        mechanism.last_update.push(block);
        mechanism.weights.push(Row::from([]));
        mechanism.bonds.push(Row::from([]));
    }
}

/// An address that a neuron serves at; one in eight has IPv6.
pub(super) fn axon(rng: &mut Rng, block: u64) -> Axon {
    let six = rng.chance(1, 8);
    let ip =
        if six { (0x2001_0db8 << 96) | u128::from(rng.bits()) } else { 0x0a00_0000 | u128::from(rng.below(1 << 24)) };
    Axon {
        block,
        version: 900 + rng.below(10) as u32,
        ip,
        port: 8_000 + rng.below(1_000) as u16,
        ip_type: if six { 6 } else { 4 },
        protocol: 4,
        ..Axon::default()
    }
}

/// Weights on most of the neurons, the largest 65,535.
pub(super) fn some_weights(subnet: &Subnet, rng: &mut Rng, by: u16) -> Row {
    let mut row: Vec<(u16, u16)> = Vec::with_capacity(subnet.neurons.len());
    for (uid, neuron) in subnet.neurons.iter().enumerate() {
        if !neuron.permit && uid as u16 != by && rng.chance(5, 6) {
            // Neurons are good or bad by themselves; validators see it with a little noise.
            let quality = 1 + u64::from(neuron.hotkey[5]) * u64::from(neuron.hotkey[6]);
            row.push((uid as u16, (quality * rng.between(90, 110) / 110).clamp(1, 65_535) as u16));
        }
    }
    let most = row.iter().map(|(_, weight)| *weight).max().unwrap_or(1);
    for (_, weight) in &mut row {
        *weight = (u64::from(*weight) * 65_535 / u64::from(most)) as u16;
    }
    row.into()
}
