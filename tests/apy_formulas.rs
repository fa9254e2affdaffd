//! The formulas of returns beside exact fractions, and what they say of numbers that make no sense.

use num_bigint::BigInt;
use sentinel_core::apy::{
    BasketReading, ClaimableChange, Compound, DEFAULT_TAKE, Elapsed, EpochLength, EpochState, Growth, NoReturn,
    SharePrice, Shares, Spot, SpotState, annual_rate, annual_yield, combined_return, epoch_return, operator_return,
    operator_take, root_by_basket, root_by_claims, single_epoch_estimate,
};
use sentinel_support::exact::Fraction;
use sentinel_support::rng::Rng;

const CASES: usize = 100_000;
const YEAR_MS: u64 = 31_557_600_000;

/// An amount as the chain has them, and at times as it never does.
fn amount(rng: &mut Rng) -> u64 {
    if rng.percent(70) { rng.bits() >> (1 + rng.below(60)) } else { rng.unsigned(64) as u64 }
}

fn shares(rng: &mut Rng) -> (Shares, Fraction) {
    let bits = rng.unsigned(128).max(1);
    if rng.percent(50) {
        return (Shares::Fixed(bits), Fraction::new(bits, BigInt::from(1) << 64));
    }
    let exponent = rng.below(60) as i64 - 30;
    let ten = BigInt::from(10).pow(exponent.unsigned_abs() as u32);
    let value = if exponent < 0 { Fraction::new(bits, ten) } else { Fraction::new(ten * bits, 1) };
    (Shares::Float { mantissa: bits, exponent }, value)
}

#[test]
fn a_return_is_the_dividend_over_the_stake_before_it() {
    let mut rng = Rng::new(1);
    for _ in 0..CASES {
        let (dividend, stake) = (amount(&mut rng), amount(&mut rng));
        match epoch_return(dividend, stake) {
            Ok(epoch) => {
                assert_eq!(epoch.dividend() + epoch.base(), stake);
                assert_eq!(epoch.dividend(), dividend);
                assert!(Fraction::new(dividend, stake - dividend).error_of(epoch.ratio()) < 4e-16);
            }
            Err(NoReturn::NoStake) => assert_eq!((dividend, stake), (0, 0)),
            Err(NoReturn::ZeroBase) => assert!(dividend == stake && stake > 0),
            Err(reason) => assert!(reason == NoReturn::DividendExceedsStake && dividend > stake),
        }
    }
}

#[test]
fn absent_rows_are_not_zero_and_zero_is_not_infinite() {
    let state = |dividend, stake_after, stake| EpochState { dividend, stake_after, stake }.outcome();
    let ratio = |state: Result<sentinel_core::apy::EpochReturn, NoReturn>| state.map(|epoch| epoch.ratio());
    assert_eq!(ratio(state(Some(8_200), Some(1_010_000), None)), Ok(8_200.0 / 1_001_800.0));
    // Staked, and earned nothing.
    assert_eq!(ratio(state(None, None, Some(5))), Ok(0.0));
    assert_eq!(ratio(state(Some(0), None, Some(5))), Ok(0.0));
    assert_eq!(ratio(state(Some(0), Some(5), None)), Ok(0.0));
    // A stale row of the stake after some older epoch does not make a stake.
    assert_eq!(state(None, Some(7), Some(0)), Err(NoReturn::NoStake));
    assert_eq!(state(None, Some(7), None), Err(NoReturn::NoStake));
    assert_eq!(state(Some(7), Some(7), Some(7)), Err(NoReturn::ZeroBase));
    assert_eq!(state(Some(8), Some(7), None), Err(NoReturn::DividendExceedsStake));
    assert_eq!(state(Some(8), None, Some(100)), Err(NoReturn::StakeUnknown));
    assert_eq!(serde_json::to_string(&NoReturn::PreDynamicTao).unwrap(), r#""pre_dtao""#);
    assert_eq!(serde_json::to_string(&NoReturn::ZeroBase).unwrap(), format!("\"{}\"", NoReturn::ZeroBase));
}

#[test]
fn share_prices_keep_all_digits() {
    let mut rng = Rng::new(2);
    for case in 0..CASES {
        let ((old, old_value), (new, new_value)) = (shares(&mut rng), shares(&mut rng));
        let (mut before, mut after) = (amount(&mut rng).max(1), amount(&mut rng).max(1));
        let (mut new, mut new_value) = (new, new_value);
        if case % 2 == 0 {
            // The usual case: the same shares, a little more stake.
            (new, new_value) = (old, old_value.clone());
            before = before.max(1 << 20) >> 1;
            after = before + before / 4_000_000_000 + 1;
        }
        let growth = SharePrice::new(before, old).unwrap().growth_to(SharePrice::new(after, new).unwrap());
        let exact = Fraction::new(after, before)
            .times(&old_value)
            .times(&Fraction::new(new_value.denominator.clone(), new_value.numerator.clone()));
        let excess = growth.excess().expect("it is in range");
        assert!(exact.less_one().error_of(excess) < 1e-15, "{excess} is not {}", exact.less_one().to_f64());
        // The factor itself, from the logarithm.
        let factor = exact.to_f64();
        assert!((growth.ln() - factor.ln()).abs() <= 1e-15 * growth.ln().abs().max(1.0));
    }
}

#[test]
fn a_billionth_is_not_lost_beside_the_one() {
    // 2^63 units of stake and shares of 120 bits: a float would show no growth at all.
    let shares = Shares::Fixed((1 << 120) + 1);
    let (before, after) = (1 << 63, (1 << 63) + 1);
    let growth = SharePrice::new(before, shares).unwrap().growth_to(SharePrice::new(after, shares).unwrap());
    assert_eq!(growth.excess(), Some(0.5f64.powi(63)));
    assert_eq!(growth.ln(), 0.5f64.powi(63));
    assert_eq!((before as f64) / (after as f64), 1.0);
}

#[test]
fn the_two_forms_of_a_pool_are_one_scale() {
    let fixed = SharePrice::new(3_000, Shares::Fixed(1_500 << 64)).unwrap();
    let float = SharePrice::new(3_000, Shares::Float { mantissa: 15, exponent: 2 }).unwrap();
    assert_eq!(fixed.growth_to(float), Growth::NONE);
    assert_eq!(float.growth_to(fixed), Growth::NONE);
    for empty in [Shares::Fixed(0), Shares::Float { mantissa: 0, exponent: 5 }] {
        assert_eq!(SharePrice::new(3_000, empty), None);
    }
    assert_eq!(SharePrice::new(0, Shares::Fixed(1)), None);
    // Exponents that no chain has: a number, or none, but never NaN.
    for exponent in [i64::MIN, -400, 400, i64::MAX] {
        let odd = SharePrice::new(1, Shares::Float { mantissa: 1, exponent }).unwrap();
        for growth in [fixed.growth_to(odd), odd.growth_to(fixed)] {
            assert!(growth.ln().is_finite());
            assert!(growth.excess().is_none_or(f64::is_finite));
        }
    }
}

#[test]
fn products_of_epochs_are_exact_to_the_last_digits() {
    let mut rng = Rng::new(3);
    for _ in 0..5_000 {
        let usual = rng.percent(80);
        let mut compound = Compound::default();
        let mut exact = Fraction::new(1, 1);
        for _ in 0..1 + rng.below(40) {
            let base = if usual { 1 + (rng.bits() >> 20) } else { 1 + rng.bits() % 1_000 };
            let paid = if usual { base / 5_000 + rng.bits() % 3 } else { rng.bits() % 10_000 };
            let growth = Growth::by(epoch_return(paid, paid + base).unwrap().ratio()).unwrap();
            compound.then(growth);
            exact = exact.times(&Fraction::new(paid + base, base));
        }
        let found = compound.growth().excess().unwrap();
        assert!(exact.less_one().error_of(found) < 1e-12, "{found} is not {}", exact.less_one().to_f64());
    }
}

#[test]
fn long_products_lose_nothing() {
    // Three years of epochs, each of which adds a digit or two that the sum has no place for.
    let (epochs, paid, base) = (20_000, 3, 10u64.pow(15) + 37);
    let mut compound = Compound::default();
    let growth = Growth::by(epoch_return(paid, paid + base).unwrap().ratio()).unwrap();
    (0..epochs).for_each(|_| compound.then(growth));
    let exact = Fraction::new(paid + base, base).power(epochs).less_one();
    assert!(exact.error_of(compound.growth().excess().unwrap()) < 5e-16);
}

#[test]
fn yearly_yields_equal_exact_powers() {
    let mut rng = Rng::new(4);
    for _ in 0..10_000 {
        // Of a window that is a whole part of a year, so that the power is whole.
        let parts = *rng.pick(&[1u32, 2, 3, 4, 12, 18, 36]);
        let elapsed = Elapsed::between(7, 7 + YEAR_MS / u64::from(parts)).unwrap();
        let base = 1 + (rng.bits() >> (1 + rng.below(40)));
        let paid = if rng.percent(80) { base / (1 + rng.bits() % 100_000) } else { rng.bits() % 1_000_000 };
        let growth = Fraction::new(base + paid, base);
        let exact = growth.power(parts).less_one();
        let found = annual_yield(Growth::by(growth.less_one().to_f64()).unwrap(), elapsed);
        match found {
            Some(apy) => assert!(exact.error_of(apy) < 1e-12, "{apy} is not {}", exact.to_f64()),
            None => assert!(exact.to_f64() > 1e300),
        }
        let apr = annual_rate(growth.less_one().to_f64(), elapsed).unwrap();
        let exact = growth.less_one().times(&Fraction::new(parts, 1));
        assert!(exact.error_of(apr) < 1e-12);
        assert!(found.is_none_or(|apy| apr <= apy * (1.0 + 1e-12)), "{apr} is more than {found:?}");
    }
}

#[test]
fn nothing_is_ever_nan_or_infinite() {
    let mut rng = Rng::new(5);
    for _ in 0..CASES {
        let odd = f64::from_bits(rng.bits());
        let elapsed = Elapsed::between(0, (rng.unsigned(64) as u64).max(1)).unwrap();
        let growth = [Growth::by(odd), Growth::from_ln(odd)].into_iter().flatten();
        for growth in growth.chain([Growth::NONE]) {
            assert!(annual_yield(growth, elapsed).is_none_or(f64::is_finite));
            let twice = growth.then(growth).then(growth.inverse());
            assert!(twice.excess().is_none_or(f64::is_finite));
            let mut compound = Compound::default();
            for _ in 0..3 {
                compound.then(growth);
            }
            assert!(annual_yield(compound.growth(), elapsed).is_none_or(f64::is_finite));
            assert!(compound.growth().excess().is_none_or(f64::is_finite));
        }
        assert!(annual_rate(odd, elapsed).is_none_or(f64::is_finite));
        let length = EpochLength { blocks: rng.unsigned(64) as u64, block_ms: rng.unsigned(64) as u64 };
        let estimate = single_epoch_estimate(odd, f64::from_bits(rng.bits()), length);
        assert!(estimate.is_err() || estimate.is_ok_and(f64::is_finite));
        let (dividend, take) = (rng.unsigned(64) as u64, rng.unsigned(16) as u16);
        if let Some(given) = operator_take(dividend, take) {
            let rest = u128::from(65_535 - take);
            assert_eq!(u128::from(given), u128::from(dividend) * u128::from(take) / rest);
        }
        let spots = [spot(&mut rng), spot(&mut rng)];
        assert!(spots.iter().all(|spot| spot.price().is_none_or(|price| price.is_finite() && price > 0.0)));
        if let Some(growth) = spots[0].growth_to(&spots[1]) {
            assert!(growth.ln().is_finite());
        }
    }
}

fn spot(rng: &mut Rng) -> Spot {
    let optional = |value: u128, there: bool| there.then_some(value);
    let state = SpotState {
        netuid: rng.below(3) as u16,
        mechanism: rng.below(3) as u16,
        tao: rng.unsigned(64) as u64,
        alpha: rng.unsigned(64) as u64,
        swap_v3_initialized: rng.percent(50).then(|| rng.percent(50)),
        sqrt_price: optional(rng.unsigned(128), rng.percent(50)),
        balancer_quote: optional(rng.unsigned(61), rng.percent(30)).map(|quote| quote as u64),
    };
    Spot::of(&state)
}

#[test]
fn the_price_follows_the_rule_of_the_runtime() {
    let state = SpotState {
        netuid: 1,
        mechanism: 1,
        tao: 3_000,
        alpha: 1_000,
        swap_v3_initialized: None,
        sqrt_price: None,
        balancer_quote: None,
    };
    let price = |state: SpotState| Spot::of(&state).price();
    assert_eq!(price(state), Some(3.0));
    // The square root is 1.5: but only where the pool of that runtime is in use.
    let sqrt_price = Some(3u128 << 63);
    let swap = SpotState { swap_v3_initialized: Some(true), sqrt_price, ..state };
    assert_eq!(price(swap), Some(2.25));
    assert_eq!(price(SpotState { swap_v3_initialized: Some(false), ..swap }), Some(3.0));
    // Weights of 0.5 are the ratio of the reserves; others are not.
    let half = SpotState { balancer_quote: Some(500_000_000_000_000_000), ..state };
    assert_eq!(price(half), Some(3.0));
    assert_eq!(price(SpotState { balancer_quote: Some(250_000_000_000_000_000), ..state }), Some(9.0));
    // The swap's own price is left over from before the balancer.
    assert_eq!(price(SpotState { balancer_quote: half.balancer_quote, ..swap }), Some(3.0));
    assert_eq!(price(SpotState { netuid: 0, ..half }), Some(1.0));
    assert_eq!(price(SpotState { mechanism: 0, ..swap }), Some(1.0));
    for empty in [SpotState { tao: 0, ..state }, SpotState { alpha: 0, ..state }, SpotState { alpha: 0, ..half }] {
        assert_eq!(price(empty), None);
    }
    let change = Spot::of(&state).growth_to(&Spot::of(&swap)).unwrap();
    assert_eq!(change.excess(), Some(-0.25));
}

#[test]
fn the_operator_gets_the_take_on_top() {
    // 1000 alpha, a share of 10 in the validators' pot, 18 %.
    let (take, stake) = (DEFAULT_TAKE, 1_000_000_000_000u64);
    let given = operator_take(8_200_000_000, take).unwrap();
    assert!(given.abs_diff(1_800_000_000) < 100_000, "{given}");
    let epoch = epoch_return(8_200_000_000, stake + given + 8_200_000_000).unwrap();
    let own = operator_return(&epoch, take, stake).unwrap();
    assert_eq!(own, epoch.ratio() + given as f64 / stake as f64);
    assert_eq!(operator_take(5, 0), Some(0));
    assert_eq!(operator_take(5, u16::MAX), None);
    assert_eq!(operator_return(&epoch, take, 0), None);
}

#[test]
fn a_subnet_is_its_validators_together() {
    let epochs = [(10, 1_010), (0, 4_000), (30, 3_030)].map(|(paid, stake)| epoch_return(paid, stake).unwrap());
    let all = combined_return(epochs).unwrap();
    assert_eq!((all.dividend(), all.base()), (40, 8_000));
    assert_eq!(combined_return([]), Err(NoReturn::NoStake));
    let huge = epoch_return(0, u64::MAX).unwrap();
    assert_eq!(combined_return([huge, huge]), Err(NoReturn::Overflow));
}

#[test]
fn root_stakers_in_their_eras() {
    let one = 1i128 << 32;
    let price = Spot::Reserves { tao: 1, alpha: 4 }.price();
    let rise = |before, after, price| ClaimableChange { before, after, price };
    let changes = [rise(one, one + one / 50, price), rise(0, one / 100, Spot::One.price()), rise(5, 5, None)];
    assert!((root_by_claims(&changes).unwrap() - (0.02 / 4.0 + 0.01)).abs() < 1e-9);
    assert_eq!(root_by_claims(&[]), Ok(0.0));
    assert_eq!(root_by_claims(&[rise(2, 1, price)]), Err(NoReturn::RateFell));
    for unknown in [None, Some(f64::NAN), Some(-1.0)] {
        assert_eq!(root_by_claims(&[rise(1, 2, unknown)]), Err(NoReturn::PriceUnknown));
    }
    assert_eq!(root_by_claims(&[rise(0, i128::MAX, Some(f64::MAX))]), Err(NoReturn::Overflow));
    assert_eq!(root_by_claims(&[rise(i128::MIN, i128::MAX, price)]), Err(NoReturn::Overflow));

    let reading =
        |timestamp_ms, twr: f64| BasketReading { timestamp_ms, twr: (twr * 2f64.powi(64)) as u128, drained: false };
    // 1.0 to 1.5, emptied, then 1.0 to 1.25; what happened between 20 and 30 is unknown.
    let basket = [reading(10, 1.0), reading(20, 1.5), reading(30, 1.0), reading(50, 1.25)];
    let found = root_by_basket(&basket).unwrap();
    assert_eq!((found.covered_ms, found.resets), (30, 1));
    assert!((found.growth.excess().unwrap() - 0.875).abs() < 1e-15);
    // A fund may lose, and that is no reset; unless one knows that it was empty.
    let fell = [reading(10, 2.0), reading(20, 1.5)];
    assert_eq!(root_by_basket(&fell).unwrap().growth.excess(), Some(-0.25));
    let drained = [fell[0], BasketReading { drained: true, ..fell[1] }];
    assert_eq!(root_by_basket(&drained), Err(NoReturn::NoEpochs));
    assert_eq!(root_by_basket(&fell[..1]), Err(NoReturn::NoEpochs));
}

#[test]
fn the_shortcut_is_what_other_tools_show() {
    // 0.001 for every epoch of 361 blocks: 31557600 / (361 × 12) of them a year.
    let periods: f64 = 31_557_600.0 / (361.0 * 12.0);
    let expected = 1.001f64.powf(periods) - 1.0;
    let found = single_epoch_estimate(0.01, 10.0, EpochLength::modulo(360)).unwrap();
    assert!((found / expected - 1.0).abs() < 1e-12, "{found} is not {expected}");
    // One block less makes an epoch more often.
    let now = single_epoch_estimate(0.01, 10.0, EpochLength::stateful(360)).unwrap();
    assert!(now > found && now < 1.03 * found);
    let estimate = |earned, staked| single_epoch_estimate(earned, staked, EpochLength::stateful(360));
    assert_eq!(estimate(1.0, 0.0), Err(NoReturn::NoStake));
    assert_eq!(estimate(1.0, -3.0), Err(NoReturn::NoStake));
    assert_eq!(estimate(5.0, 1.0), Err(NoReturn::Overflow));
    assert_eq!(estimate(f64::NAN, 1.0), Err(NoReturn::NotANumber));
    assert_eq!(estimate(-2.0, 1.0), Err(NoReturn::NotANumber));
    assert_eq!(single_epoch_estimate(1.0, 5.0, EpochLength::stateful(0)), Err(NoReturn::NoEpochs));
}
