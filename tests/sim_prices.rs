//! The simulated network's market is believable: prices move little, and what stakers earn is what they could earn.

use std::collections::BTreeMap;
use std::error::Error;
use std::sync::LazyLock;

use parity_scale_codec::Decode;
use sentinel_core::chain::NetUid;
use sentinel_core::source::{BlockSource, SimBuilder, SimSource};
use sentinel_core::subnet::returns::{self, Span};

type Checked<T = ()> = Result<T, Box<dyn Error>>;

/// Blocks of a day.
const DAY: u64 = 7_200;
const HEAD: u64 = 8_100;

/// Prices of all subnets after a block, in rao.
async fn prices(sim: &SimSource, at: u64) -> Checked<BTreeMap<u16, u64>> {
    let at = sim.header(at.into()).await?.reference();
    let answer = sim.call(&at, "SwapRuntimeApi_current_alpha_price_all", &[]).await?;
    let prices = Vec::<(u16, u64)>::decode(&mut &answer[..])?;
    Ok(prices.into_iter().filter(|(netuid, _)| *netuid != 0).collect())
}

/// The network that `--network sim` means, some hours into its second day; made once for all tests.
fn network() -> Checked<SimSource> {
    static NETWORK: LazyLock<Option<SimSource>> =
        LazyLock::new(|| SimBuilder::default_network().interval(None).head(HEAD).build().ok());
    Ok(NETWORK.clone().ok_or("the network is made")?)
}

#[tokio::test]
async fn prices_move_by_a_few_percent_a_day_at_most() -> Checked {
    let sim = network()?;
    let mut hours = Vec::new();
    for block in (300..=HEAD).step_by(300) {
        hours.push(prices(&sim, block).await?);
    }
    // Enough for the root to earn, and for every subnet to get a part of the new TAO at its price.
    for prices in &hours {
        let sum: u64 = prices.values().sum();
        assert!(prices.len() == 8 && (1_100_000_000..4_000_000_000).contains(&sum), "{prices:?}");
    }
    let moved = |from: &BTreeMap<u16, u64>, to: &BTreeMap<u16, u64>| -> Vec<f64> {
        from.iter().map(|(netuid, price)| (to[netuid] as f64 / *price as f64 - 1.0).abs()).collect()
    };
    for pair in hours.windows(2) {
        let moves = moved(&pair[0], &pair[1]);
        assert!(moves.iter().all(|part| *part < 0.01) && moves.iter().any(|part| *part > 0.0), "{moves:?}");
    }
    for (from, to) in hours.iter().zip(&hours[24..]) {
        let moves = moved(from, to);
        assert!(moves.iter().all(|part| *part < 0.03), "{moves:?}");
    }
    Ok(())
}

#[tokio::test]
async fn stakers_earn_what_is_possible_in_a_year() -> Checked {
    let sim = network()?;
    let at = sim.header(HEAD.into()).await?.reference();
    let mut validators = 0;
    for netuid in [1, 4, 7] {
        let window = returns::window(&sim, &at, NetUid(netuid), Span::Blocks(DAY), &mut |_| {}).await?;
        for validator in &window.validators {
            // Of one day's growth; a year of it, compounded or not, is between 5 and 200 %.
            let growth = validator.report.alpha.growth.ok_or_else(|| format!("{validator:?}"))?;
            let (simple, compound) = (growth * 365.25, (growth.ln_1p() * 365.25).exp_m1());
            assert!(simple > 0.05 && compound < 2.0, "subnet {netuid}: {simple} {compound}");
            validators += 1;
        }
    }
    assert!(validators > 30, "{validators}");
    Ok(())
}
