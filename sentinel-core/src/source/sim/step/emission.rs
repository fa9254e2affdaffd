//! What every block mints, and what of it waits for the next epoch.

use std::sync::Arc;

use super::super::desk::Desk;
use super::super::rng::Rng;
use super::super::wide::mul_div;
use super::super::world::settings::Setting;
use super::super::world::subnet::{Minted, Subnet};

/// TAO that a block mints, and alpha that it mints for a subnet.
const BLOCK_TAO: u64 = 500_000_000;
const BLOCK_ALPHA: u64 = 1_000_000_000;
/// One, with 32 fractional bits.
const ONE: i128 = 1 << 32;

pub(super) fn run(desk: &mut Desk<'_, '_>) {
    let root_tao = desk.world.subnet(0).map_or(0, |root| root.reserves.tao);
    let weighted_root = u128::from(desk.world.weighted_tao(root_tao));
    let owner_cut = desk.world.globals.subnet_owner_cut;
    let emitting = || desk.world.subnets.values().filter(|subnet| subnet.emits());
    let prices: i128 = emitting().map(|subnet| subnet.reserves.moving_price).sum();
    let of_tao = |subnet: &Subnet| subnet.settings.is(Setting::SubnetEmissionEnabled);
    let shared: i128 = emitting().filter(|subnet| of_tao(subnet)).map(|subnet| subnet.reserves.moving_price).sum();
    let mut minted_tao = 0;
    for subnet in desk.world.subnets.values_mut() {
        if !subnet.emits() {
            continue;
        }
        let subnet = Arc::make_mut(subnet);
        let tao_in = if of_tao(subnet) {
            (i128::from(BLOCK_TAO) * subnet.reserves.moving_price / shared.max(1)).clamp(0, i128::from(BLOCK_TAO))
                as u64
        } else {
            0
        };
        minted_tao += tao_in;
        inject(subnet, tao_in);
        accrue(subnet, owner_cut, weighted_root, prices > ONE);
    }
    desk.world.globals.issuance += minted_tao;
    // TAO on the root is minted nowhere: it only changes hands.
}

/// Puts new TAO and as much alpha as keeps the price into the reserves.
fn inject(subnet: &mut Subnet, tao_in: u64) {
    let reserves = &mut subnet.reserves;
    let alpha = u128::from(tao_in) * u128::from(reserves.alpha_in) / u128::from(reserves.tao.max(1));
    let alpha_in = alpha.min(u128::from(BLOCK_ALPHA)) as u64;
    reserves.tao += tao_in;
    reserves.alpha_in += alpha_in;
    reserves.alpha_out += BLOCK_ALPHA;
    subnet.minted = Minted { alpha_out: BLOCK_ALPHA, alpha_in, tao_in };
}

/// Divides the new alpha: the owner's cut, half of the rest for miners, the other half for validators and the root.
fn accrue(subnet: &mut Subnet, owner_cut: u16, weighted_root: u128, root_earns: bool) {
    let owner = match subnet.settings.is(Setting::OwnerCutEnabled) {
        true => BLOCK_ALPHA * u64::from(owner_cut) / 65_535,
        false => 0,
    };
    let rest = BLOCK_ALPHA - owner;
    let server = rest / 2;
    let half = rest - server;
    let issued = u128::from(subnet.reserves.alpha_in) + u128::from(subnet.reserves.alpha_out);
    subnet.reserves.root_prop = mul_div(weighted_root, 1 << 32, (weighted_root + issued).max(1));
    let root = ((u128::from(half) * subnet.reserves.root_prop) >> 32) as u64;
    subnet.pots.owner += owner;
    subnet.pots.server += server;
    subnet.pots.validator += half - root;
    if root_earns {
        subnet.pots.root += root;
    } else {
        // Recycled: it was never minted.
        subnet.reserves.alpha_out -= root;
    }
}

/// Blocks after which people think again what alpha is worth, and by how much at most, in parts of ten thousand.
const RETHINK: u64 = 300;
const RETHINK_BY: u64 = 10;

/// Prices follow the market slowly, and count as one at most; the price of a registration falls.
pub(super) fn drift(desk: &mut Desk<'_, '_>) {
    let mut rng = Rng::of(desk.plan.seed, desk.world.number, 4);
    let rethink = desk.world.number.is_multiple_of(RETHINK);
    for subnet in desk.world.subnets.values_mut().filter(|subnet| subnet.netuid != 0) {
        let subnet = Arc::make_mut(subnet);
        if subnet.emits() {
            let spot = ((i128::from(subnet.price()) << 32) / 1_000_000_000).min(ONE);
            let half = i128::from(subnet.settings.u64(Setting::EMAPriceHalvingBlocks).max(1));
            subnet.reserves.moving_price += (spot - subnet.reserves.moving_price) / half;
        }
        if rethink {
            let fair = &mut subnet.reserves.fair;
            let by = 10_000 - RETHINK_BY + rng.between(0, 2 * RETHINK_BY);
            *fair = mul_div((*fair).into(), by.into(), 10_000) as u64;
        }
        let half_life = u64::from(subnet.settings.u16(Setting::BurnHalfLife).max(1));
        let cheaper = subnet.burn - subnet.burn * 7 / 10 / half_life;
        subnet.burn = cheaper.max(subnet.settings.u64(Setting::MinBurn));
    }
}
