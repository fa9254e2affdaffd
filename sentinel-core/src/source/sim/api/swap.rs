//! Prices, and what a swap would come to.

use parity_scale_codec::Encode;

use super::super::wide::mul_div;
use super::super::world::World;
use super::args;

/// One TAO or alpha.
const COIN: u128 = 1_000_000_000;

pub(super) fn answer(world: &World, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    match name {
        "current_alpha_price" => Some(world.subnet(args(bytes)?).map_or(0, |subnet| subnet.price()).encode()),
        "current_alpha_price_all" => {
            let prices = world.subnets.values().map(|subnet| (subnet.netuid, subnet.price()));
            Some(prices.collect::<Vec<_>>().encode())
        }
        "sim_swap_tao_for_alpha" => {
            let (netuid, tao): (u16, u64) = args(bytes)?;
            // For a subnet that is not there all is nothing.
            let Some(subnet) = world.subnet(netuid) else { return Some([0u64; 6].encode()) };
            let fee = fee(netuid, tao);
            let alpha = subnet.alpha_for(tao - fee);
            let at_once = mul_div(tao.into(), COIN, subnet.price().into()) as u64;
            Some((tao - fee, alpha, fee, 0u64, 0u64, at_once.saturating_sub(alpha)).encode())
        }
        "sim_swap_alpha_for_tao" => {
            let (netuid, alpha): (u16, u64) = args(bytes)?;
            let Some(subnet) = world.subnet(netuid) else { return Some([0u64; 6].encode()) };
            let fee = fee(netuid, alpha);
            let tao = subnet.tao_for(alpha - fee);
            let at_once = mul_div(alpha.into(), subnet.price().into(), COIN) as u64;
            Some((tao, alpha - fee, 0u64, fee, at_once.saturating_sub(tao), 0u64).encode())
        }
        _ => None,
    }
}

/// What a swap costs: 33 parts of 65,535, and nothing on the root.
pub(super) fn fee(netuid: u16, amount: u64) -> u64 {
    if netuid == 0 { 0 } else { (u128::from(amount) * 33 / 65_535) as u64 }
}
