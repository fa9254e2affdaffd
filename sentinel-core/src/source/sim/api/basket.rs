//! What root stakers hold: the alpha in the basket of each validator, and each staker's part of it.
//!
//! Nobody takes anything out of a basket here, and a coldkey's part is that of its present stake on the root.

use parity_scale_codec::Encode;

use super::super::Key;
use super::super::wide::mul_div;
use super::super::world::{Basket, World, escrow_account};
use super::{args, list, option};

/// One, with 64 fractional bits.
const ONE: u128 = 1 << 64;
/// Most prices in an answer; 0 asks for as many.
const PAGE: u32 = 64;

pub(super) fn answer(world: &World, name: &str, bytes: &[u8]) -> Option<Vec<u8>> {
    let fund = |hotkey: &Key| Fund::of(world, hotkey);
    let pair = || args::<(Key, Key)>(bytes);
    let funds_of = |coldkey: &Key| -> Vec<(Fund, u64)> {
        let all = world.people.baskets.keys().filter_map(fund);
        all.map(|fund| (fund.part_of(world, coldkey), fund))
            .filter(|(beta, _)| *beta > 0)
            .map(|(b, f)| (f, b))
            .collect()
    };
    Some(match name {
        "get_beta_pricing" => option(fund(&args(bytes)?).map(|fund| fund.pricing())),
        "get_all_beta_pricing" => page(world, args(bytes)?),
        "get_beta_index" => (ONE, ONE).encode(),
        "get_validator_basket_nav" => fund(&args(bytes)?).map_or(0, |fund| fund.nav).encode(),
        "get_root_basket_total_nav" => {
            world.people.baskets.keys().filter_map(fund).map(|fund| fund.nav).sum::<u64>().encode()
        }
        "get_validator_basket" => {
            let holdings = fund(&args(bytes)?).map(|fund| fund.holdings).unwrap_or_default();
            let rows = holdings.into_iter().map(|(netuid, alpha, _, realizable)| (netuid, alpha, realizable));
            rows.collect::<Vec<_>>().encode()
        }
        "get_validator_basket_summary" => {
            let hotkey: Key = args(bytes)?;
            fund(&hotkey).unwrap_or_else(|| Fund::empty(hotkey)).summary()
        }
        "get_all_validator_baskets" => {
            let all = world.people.baskets.keys().filter_map(fund).map(|fund| fund.summary());
            list(all.collect::<Vec<_>>().into_iter())
        }
        "get_root_basket_owed" => {
            let owed = funds_of(&args(bytes)?).iter().map(|(fund, beta)| fund.worth(fund.nav, *beta)).sum::<u64>();
            owed.encode()
        }
        "get_basket_payout" => {
            let (hotkey, coldkey) = pair()?;
            fund(&hotkey).map_or(0, |fund| fund.worth(fund.nav, fund.part_of(world, &coldkey))).encode()
        }
        "get_root_basket_positions" => {
            let funds = funds_of(&args(bytes)?);
            let rows = funds.iter().map(|(fund, beta)| (fund.hotkey, *beta, fund.worth(fund.nav, *beta)));
            rows.collect::<Vec<_>>().encode()
        }
        "get_basket_position" => {
            let (hotkey, coldkey) = pair()?;
            let held = fund(&hotkey).map(|fund| (fund.part_of(world, &coldkey), fund)).filter(|(beta, _)| *beta > 0);
            option(held.map(|(beta, fund)| fund.position(beta)))
        }
        "get_root_basket_portfolio" => {
            let funds = funds_of(&args(bytes)?);
            list(funds.iter().map(|(fund, beta)| fund.position(*beta)))
        }
        "get_beta_position" => {
            let (hotkey, coldkey) = pair()?;
            let held = fund(&hotkey).map(|fund| (fund.part_of(world, &coldkey), fund)).filter(|(beta, _)| *beta > 0);
            option(held.map(|(beta, fund)| fund.shown(beta)))
        }
        "get_beta_portfolio" => list(funds_of(&args(bytes)?).iter().map(|(fund, beta)| fund.shown(*beta))),
        "get_basket_trading_status" => {
            let _: Key = args(bytes)?;
            // Validators do not trade with their baskets here.
            (false, false, 7_200u64, 0u64, 0u64).encode()
        }
        _ => return None,
    })
}

/// Prices of the baskets behind a hotkey, as many as fit, and the hotkey to go on from.
fn page(world: &World, (after, limit): (Option<Key>, u32)) -> Vec<u8> {
    let limit = if limit == 0 { PAGE } else { limit.min(PAGE) };
    let later = world.people.baskets.keys().filter(|hotkey| after.is_none_or(|after| **hotkey > after));
    let found: Vec<&Key> = later.take(limit as usize).collect();
    let last = found.last().copied().copied();
    let more = last.filter(|last| world.people.baskets.keys().next_back() != Some(last));
    let prices = found.into_iter().filter_map(|hotkey| Fund::of(world, hotkey)).map(|fund| fund.pricing());
    let mut answer = list(prices.collect::<Vec<_>>().into_iter());
    more.encode_to(&mut answer);
    answer
}

/// The basket of one validator with what is in it.
#[derive(Debug)]
struct Fund {
    hotkey: Key,
    basket: Basket,
    /// Netuid, alpha, its TAO by the price, and the TAO that it would fetch.
    holdings: Vec<(u16, u64, u64, u64)>,
    /// What all of it would fetch.
    nav: u64,
    /// What it is by the price.
    spot: u64,
}

impl Fund {
    fn empty(hotkey: Key) -> Self {
        let basket = Basket { twr: ONE, rate: 0, shares: 0, deposited: 0 };
        Self { hotkey, basket, holdings: Vec::new(), nav: 0, spot: 0 }
    }

    fn of(world: &World, hotkey: &Key) -> Option<Self> {
        let mut fund = Self { basket: *world.people.baskets.get(hotkey)?, ..Self::empty(*hotkey) };
        let escrow = escrow_account();
        for subnet in world.subnets.values() {
            let alpha = subnet.pools.get(hotkey).map_or(0, |pool| pool.stake_of(&escrow));
            if alpha == 0 {
                continue;
            }
            let spot = mul_div(alpha.into(), subnet.price().into(), 1_000_000_000) as u64;
            let realizable = subnet.tao_for(alpha);
            fund.holdings.push((subnet.netuid, alpha, spot, realizable));
            (fund.spot, fund.nav) = (fund.spot + spot, fund.nav + realizable);
        }
        Some(fund)
    }

    /// The shares of the basket that are a coldkey's.
    fn part_of(&self, world: &World, coldkey: &Key) -> u64 {
        let Some(pool) = world.subnet(0).and_then(|root| root.pools.get(&self.hotkey)) else { return 0 };
        mul_div(self.basket.shares.into(), pool.stake_of(coldkey).into(), pool.total.max(1).into()) as u64
    }

    /// The part of a value that so many shares are.
    fn worth(&self, value: u64, beta: u64) -> u64 {
        mul_div(value.into(), beta.into(), self.basket.shares.max(1).into()) as u64
    }

    fn pricing(&self) -> Vec<u8> {
        let Basket { twr, shares, .. } = self.basket;
        let price = mul_div(self.spot.into(), ONE, shares.max(1).into());
        let (prices, growth) = ((price, price, price), (twr - ONE, twr, ONE, ONE));
        (self.hotkey, prices, growth, 1u64, false, (self.spot, shares, u128::from(shares) << 64)).encode()
    }

    fn summary(&self) -> Vec<u8> {
        let Basket { shares, deposited, .. } = self.basket;
        (self.hotkey, self.nav, self.spot, shares, deposited, 0u64, &self.holdings).encode()
    }

    fn position(&self, beta: u64) -> Vec<u8> {
        let worth = (self.worth(self.nav, beta), self.worth(self.spot, beta));
        (self.hotkey, beta, self.basket.shares, self.nav, worth).encode()
    }

    fn shown(&self, beta: u64) -> Vec<u8> {
        let price = mul_div(self.spot.into(), ONE, self.basket.shares.max(1).into());
        let worth = (self.worth(self.nav, beta), self.worth(self.spot, beta));
        (self.hotkey, beta, u128::from(beta) << 64, price, worth, false).encode()
    }
}
