//! Returns over windows: what a nominator's own ledger says, and where a window is split, holed or empty.

use num_bigint::BigInt;
use num_traits::ToPrimitive;
use sentinel_core::apy::{
    ApyError, EpochColumns, EpochState, Generation, NoReturn, Observation, Pool, PoolPrice, SharePrice, Shares, Split,
    Spot, Window, WindowReport, WindowReturn, group_offsets, window_report, window_returns,
};
use sentinel_support::exact::Fraction;
use sentinel_support::rng::Rng;

const EPOCH_MS: u64 = 4_320_000;
const START: u64 = 1_700_000_000_000;
const POOL: Pool = Pool { hotkey: [1; 32], generation: Generation { registered_at: 5, counter: None }, epoch: None };

/// A validator's pool as the chain keeps it, with one nominator whose shares never change.
#[derive(Debug, Clone)]
struct Ledger {
    stake: u64,
    shares: u128,
    nominator: u128,
}

impl Ledger {
    fn new(stake: u64) -> Self {
        Self { stake, shares: u128::from(stake) << 64, nominator: (u128::from(stake) << 64) / 3 }
    }

    /// Stake of somebody else, which mints shares at today's price.
    fn add(&mut self, amount: u64) {
        self.shares += (BigInt::from(amount) * self.shares / self.stake).to_u128().expect("it is in range");
        self.stake += amount;
    }

    /// An epoch: the take is staked for the operator, the dividend raises the price.
    fn epoch(&mut self, dividend: u64, take: u64) -> EpochState {
        self.add(take);
        self.stake += dividend;
        EpochState { dividend: Some(dividend), stake_after: Some(self.stake), stake: Some(self.stake) }
    }

    /// What the nominator could take home.
    fn holding(&self) -> f64 {
        (BigInt::from(self.nominator) * self.stake * (1u64 << 20) / self.shares).to_f64().expect("it is in range")
    }

    fn price(&self) -> PoolPrice {
        SharePrice::new(self.stake, Shares::Fixed(self.shares)).into()
    }
}

fn at(place: u64) -> Observation {
    Observation {
        block: 1_000 + 360 * place,
        timestamp_ms: START + EPOCH_MS * place,
        pool: POOL,
        price: PoolPrice::Unread,
        epoch: None,
        missing_before: 0,
        spot: None,
    }
}

fn paid(place: u64, dividend: u64, stake_after: u64) -> Observation {
    let epoch = EpochState { dividend: Some(dividend), stake_after: Some(stake_after), stake: Some(stake_after) };
    Observation { epoch: Some(epoch), ..at(place) }
}

fn window(epochs: u64) -> Window {
    Window::between(START, START + EPOCH_MS * epochs).expect("it is in range")
}

fn report(epochs: u64, observations: &[Observation]) -> WindowReport {
    window_report(&window(epochs), observations).expect("it is in range")
}

fn near(found: Option<f64>, expected: f64, tolerance: f64) {
    let found = found.expect("a number");
    assert!((found - expected).abs() <= tolerance * expected.abs(), "{found} is not {expected}");
}

/// What so many epochs of 0.1 % gain, exactly.
fn tenths(epochs: u32) -> f64 {
    Fraction::new(1_001, 1_000).power(epochs).less_one().to_f64()
}

#[test]
fn ten_epochs_equal_the_closed_form() {
    // 0.1 % each: what is paid goes home every time.
    let mut rows = vec![at(0)];
    rows.extend((1..=10).map(|place| paid(place, 1_000_000, 1_001_000_000)));
    let found = report(10, &rows).alpha;
    let years = 31_557_600.0 / 43_200.0;
    near(found.growth, tenths(10), 1e-15);
    near(found.apy, (10.0 * years * 0.001f64.ln_1p()).exp_m1(), 1e-12);
    near(found.apr, 0.01 * years, 1e-13);
    assert!(found.apr <= found.apy, "APR is more than APY");
    // Prices at both ends decide the growth, and the epochs the sum of returns.
    let price = |stake| SharePrice::new(stake, Shares::Fixed(1 << 100)).into();
    (rows[0].price, rows[10].price) = (price(10u64.pow(18)), price(1_010_045_120_210_252_210));
    let priced = report(10, &rows);
    near(priced.alpha.growth, tenths(10), 1e-15);
    near(priced.alpha.apr, 0.01 * years, 1e-13);
    assert!(priced.check.is_some_and(|check| check.agrees));
    assert_eq!((found.coverage, found.epochs, found.missing_epochs, found.reason), (1.0, 10, 0, None));
    assert!(found.short && !found.overflow, "ten epochs are half a day");
    let json = serde_json::to_value(found).unwrap();
    for key in ["apy", "apr", "growth", "coverage", "epochs", "missing_epochs", "reason", "overflow", "short"] {
        assert!(json.get(key).is_some(), "{key} is missing in {json}");
    }
}

#[test]
fn prices_and_epochs_and_the_ledger_agree() {
    let mut rng = Rng::new(21);
    for _ in 0..200 {
        let mut ledger = Ledger::new(100_000_000_000 + rng.bits() % 10_000_000_000_000_000);
        let mut rows = vec![Observation { price: ledger.price(), ..at(0) }];
        let before = ledger.holding();
        let epochs = 2 + rng.below(40) as u64;
        for place in 1..=epochs {
            if rng.percent(30) {
                ledger.add(rng.bits() % ledger.stake);
            }
            let share = ledger.stake / (1_000 + rng.bits() % 10_000);
            let (take, dividend) = (share / 5, share - share / 5);
            let epoch = if rng.percent(10) { ledger.epoch(0, 0) } else { ledger.epoch(dividend, take) };
            let last = place == epochs;
            let price = if last || rng.percent(20) { ledger.price() } else { PoolPrice::Unread };
            rows.push(Observation { epoch: Some(epoch), price, ..at(place) });
        }
        let grown = ledger.holding() / before - 1.0;
        let all = report(epochs, &rows);
        near(all.alpha.growth, grown, 1e-9);
        let check = all.check.expect("both are known");
        assert!(check.agrees && check.difference.unwrap() < 1e-9, "{check:?}");
        assert_eq!(all.alpha.epochs, epochs);

        // The ends alone give the same growth, and the epochs alone, too.
        let ends = [0, rows.len() - 1].map(|row| Observation { epoch: None, ..rows[row] });
        near(report(epochs, &ends).alpha.growth, grown, 1e-9);
        let epochs_alone: Vec<_> = rows.iter().map(|row| Observation { price: PoolPrice::Unread, ..*row }).collect();
        let alone = report(epochs, &epochs_alone);
        near(alone.alpha.growth, grown, 1e-9);
        assert_eq!(alone.check, None);

        // An epoch that nobody read shows in the check, unless it paid nothing.
        let gone = 1 + rng.below(epochs as usize - 1);
        let was = rows.remove(gone).epoch.and_then(|epoch| epoch.dividend).unwrap_or(0);
        let holed = report(epochs, &rows);
        near(holed.alpha.growth, grown, 1e-9);
        if let Some(check) = holed.check {
            assert_eq!(check.agrees, was == 0, "{check:?}");
        }
    }
}

#[test]
fn a_hotkey_swap_is_chained() {
    let mut old = Ledger::new(7_000_000_000_000);
    let before = old.holding();
    let mut rows = vec![Observation { price: old.price(), ..at(0) }];
    for place in 1..=3 {
        rows.push(Observation { epoch: Some(old.epoch(7_000_000_000, 0)), price: old.price(), ..at(place) });
    }
    // The new key's pool is minted one to one; one observation tells of the swap, or the next epoch does.
    let mut new = Ledger { shares: u128::from(old.stake) << 64, ..old.clone() };
    new.nominator = (BigInt::from(old.nominator) * new.shares / old.shares).to_u128().unwrap();
    let pool = Pool { hotkey: [2; 32], ..POOL };
    let swap =
        Observation { block: at(3).block + 9, timestamp_ms: at(3).timestamp_ms + 9, pool, price: new.price(), ..at(3) };
    let mut tail = Vec::new();
    for place in 4..=6 {
        let epoch = Some(new.epoch(9_000_000_000, 1_000_000_000));
        // Of the first epoch after the swap no price was read.
        let price = if place == 4 { PoolPrice::Unread } else { new.price() };
        tail.push(Observation { pool, epoch, price, ..at(place) });
    }
    let told = new.holding() / before - 1.0;
    for with_swap in [true, false] {
        let mut all = rows.clone();
        all.extend(with_swap.then_some(swap));
        all.extend(&tail);
        let found = report(6, &all);
        near(found.alpha.growth, told, 1e-9);
        assert_eq!((found.alpha.coverage, found.alpha.epochs), (1.0, 6));
        assert_eq!(found.splits.len(), 1);
        assert_eq!(found.splits[0].kind, Split::HotkeySwap);
        assert!(found.check.unwrap().agrees);
    }
}

#[test]
fn an_emptied_pool_splits_and_its_time_is_not_covered() {
    let counted = |epoch| Pool { epoch: Some(epoch), ..POOL };
    let price = |stake| SharePrice::new(stake, Shares::Fixed(1_000_000 << 64)).into();
    let row = |place, pool, price| Observation { pool, price, ..at(place) };
    // Prices fall from 1.1 to 1: without the split that would be a loss.
    let rows = [
        row(0, counted(0), price(1_000_000)),
        row(1, counted(0), price(1_100_000)),
        row(2, counted(1), price(1_000_000)),
        row(4, counted(1), price(1_200_000)),
    ];
    let found = report(4, &rows);
    near(found.alpha.growth, 0.32, 1e-15);
    assert_eq!(found.alpha.coverage, 0.75);
    assert_eq!(
        found.splits.iter().map(|split| (split.block, split.kind)).collect::<Vec<_>>(),
        [(at(2).block, Split::PoolReset)]
    );
    // The same where the runtime does not count but the pool was seen empty.
    let rows = [
        row(0, POOL, price(1_000_000)),
        row(1, POOL, price(1_100_000)),
        row(2, POOL, SharePrice::new(0, Shares::Fixed(0)).into()),
        row(3, POOL, price(1_000_000)),
        row(4, POOL, price(1_200_000)),
    ];
    let found = report(4, &rows);
    near(found.alpha.growth, 0.32, 1e-15);
    assert_eq!(found.alpha.coverage, 0.5);
    assert_eq!(found.nulls.iter().map(|null| null.reason).collect::<Vec<_>>(), [NoReturn::NoStake]);
}

#[test]
fn a_reused_netuid_is_never_chained() {
    let pool = |registered_at, counter| Pool { generation: Generation { registered_at, counter }, ..POOL };
    let mut rows: Vec<_> = (0..=8).map(|place| paid(place, 1_000, 1_001_000)).collect();
    rows[5..].iter_mut().for_each(|row| row.pool = pool(2_500, None));
    let found = report(8, &rows);
    near(found.alpha.growth, tenths(3), 1e-13);
    assert_eq!((found.alpha.coverage, found.alpha.epochs), (3.0 / 8.0, 3));
    assert_eq!(found.splits[0].kind, Split::SubnetReplaced);
    // Only just replaced: nothing is known of the new one.
    let found = report(5, &rows[..6]);
    assert_eq!((found.alpha.apy, found.alpha.reason), (None, Some(NoReturn::SubnetReplaced)));
    // A runtime that begins to count generations replaces nothing; one whose count moves does.
    assert_eq!(pool(5, Some(3)).split_from(&pool(5, None)), None);
    assert_eq!(pool(5, Some(3)).split_from(&pool(5, Some(2))), Some(Split::SubnetReplaced));
}

#[test]
fn missing_epochs_are_said_and_not_averaged_away() {
    let mut rows: Vec<_> = (0..=10).map(|place| paid(place, 1_000, 1_001_000)).collect();
    rows.drain(4..6);
    rows[4].missing_before = 2;
    let found = report(10, &rows).alpha;
    near(found.growth, tenths(8), 1e-13);
    assert_eq!((found.coverage, found.epochs, found.missing_epochs), (0.8, 8, 2));
    // Prices on both sides of the gap fill it.
    let price = |stake: u64| SharePrice::new(stake, Shares::Fixed(1 << 100)).into();
    (rows[0].price, rows[8].price) = (price(1_000_000_000), price(1_010_045_120));
    let filled = report(10, &rows).alpha;
    near(filled.growth, 0.01004512, 1e-12);
    assert_eq!((filled.coverage, filled.epochs, filled.missing_epochs), (1.0, 8, 2));
    // What is missing cannot be checked, nor summed up: the rate is that of the growth.
    assert_eq!(report(10, &rows).check, None);
    near(filled.apr, 0.01004512 * 31_557_600.0 / 43_200.0, 1e-12);
}

#[test]
fn who_comes_in_the_middle_starts_there() {
    let none = EpochState { dividend: None, stake_after: None, stake: Some(0) };
    let mut rows: Vec<_> = (0..=10).map(|place| paid(place, 1_000, 1_001_000)).collect();
    rows[..4].iter_mut().for_each(|row| row.epoch = Some(none));
    let found = report(10, &rows);
    assert_eq!((found.alpha.coverage, found.alpha.epochs), (0.6, 6));
    let years = 31_557_600.0 / (6.0 * 4_320.0);
    near(found.alpha.apy, (6.0 * years * 0.001f64.ln_1p()).exp_m1(), 1e-12);
    // Asked for, all of the window.
    let whole = found.alpha.over_whole_window();
    near(whole.apy, (6.0 * years * 0.6 * 0.001f64.ln_1p()).exp_m1(), 1e-12);
    near(whole.apr, found.alpha.apr.unwrap() * 0.6, 1e-12);
    // One that is no longer registered but keeps its stake earns 0, which counts.
    let idle = EpochState { dividend: None, stake_after: Some(9), stake: Some(1_001_000) };
    rows[6..].iter_mut().for_each(|row| row.epoch = Some(idle));
    let found = report(10, &rows).alpha;
    assert_eq!((found.coverage, found.epochs), (0.6, 6));
    near(found.growth, 0.001, 1e-15);
    // Dividends on nothing are no return; from then on there is stake.
    rows[5] = paid(5, 1_000, 1_000);
    let found = report(10, &rows);
    assert_eq!((found.alpha.coverage, found.alpha.growth), (0.5, Some(0.0)));
    assert_eq!(found.nulls.last().map(|null| null.reason), Some(NoReturn::ZeroBase));
}

#[test]
fn tao_is_alpha_at_the_price_of_the_day() {
    let spot = |tao| Some(Spot::Reserves { tao, alpha: 1_000 });
    let mut rows: Vec<_> = (0..=10).map(|place| paid(place, 1_000, 1_001_000)).collect();
    rows.iter_mut().enumerate().for_each(|(place, row)| row.spot = spot(2_500 - 10 * place as u64));
    let found = report(10, &rows);
    // By hand: 1.001^10 alpha for each, from 2.5 to 2.4 TAO. A price capped at 1 would have shown no change.
    let expected = (1.0 + tenths(10)) * 2.4 / 2.5 - 1.0;
    near(found.tao.growth, expected, 1e-12);
    near(found.tao.apy, (expected.ln_1p() * 31_557_600.0 / 43_200.0).exp_m1(), 1e-12);
    assert!(found.alpha.growth > Some(0.0) && found.tao.growth < Some(0.0));
    rows[10].spot = None;
    let found = report(10, &rows);
    assert_eq!((found.tao.growth, found.tao.reason), (None, Some(NoReturn::PriceUnknown)));
    assert!(found.alpha.growth.is_some());
}

#[test]
fn rows_around_the_window_belong_to_it_as_far_as_they_reach() {
    let rows: Vec<_> = (0..=10).map(|place| paid(place, 1_000, 1_001_000)).collect();
    // From the middle of an epoch to the middle of another.
    let window = Window::between(START + EPOCH_MS / 2, START + 9 * EPOCH_MS / 2).unwrap();
    let found = window_report(&window, &rows).unwrap().alpha;
    assert_eq!((found.epochs, found.covered_ms, found.coverage), (4, 7 * EPOCH_MS / 2, 7.0 / 8.0));
    near(found.growth, tenths(4), 1e-13);
}

#[test]
fn what_cannot_be_computed_says_why() {
    let (zero, backwards) = (Window::between(5, 5), Window::between(5, 4));
    assert_eq!(zero.unwrap_err(), ApyError::NoTime { start_ms: 5, end_ms: 5 });
    assert!(backwards.unwrap_err().to_string().contains("later than its start"));
    let found = report(3, &[]).alpha;
    assert_eq!((found.apy, found.coverage, found.reason), (None, 0.0, Some(NoReturn::NoEpochs)));
    let before = WindowReturn::without(&window(3), NoReturn::PreDynamicTao);
    let json = serde_json::to_value(before).unwrap();
    assert_eq!((&json["apy"], &json["reason"]), (&serde_json::Value::Null, &"pre_dtao".into()));

    let same = window_report(&window(3), &[at(1), at(1)]).unwrap_err();
    assert_eq!(same, ApyError::Unordered { row: 1, block: 1_360, before: 1_360 });
    let early = Observation { timestamp_ms: 7, ..at(2) };
    assert!(matches!(window_report(&window(3), &[at(1), early]), Err(ApyError::ClockBackwards { row: 1, .. })));
    let columns = EpochColumns { dividend: &[1, 2], stake_after: &[5], timestamp_ms: &[1, 2], missing_before: None };
    let error = window_returns(&columns, &[0, 2], &window(3)).unwrap_err();
    assert_eq!(error, ApyError::Length { column: "stake_after", length: 1, rows: 2 });
    let columns = EpochColumns { stake_after: &[5, 5], ..columns };
    for offsets in [&[0, 3][..], &[1, 0], &[0, 2, 1]] {
        assert!(matches!(window_returns(&columns, offsets, &window(3)), Err(ApyError::Offset { .. })));
    }
    let columns = EpochColumns { timestamp_ms: &[2, 1], ..columns };
    assert!(matches!(window_returns(&columns, &[0, 2], &window(3)), Err(ApyError::ClockBackwards { row: 1, .. })));
    assert_eq!(window_returns(&columns, &[], &window(3)), Ok(vec![]));
    // Groups may be empty, and each starts its own clock.
    assert_eq!(window_returns(&columns, &[0, 1, 1, 2], &window(3)).unwrap().len(), 3);
}

#[test]
fn dust_is_flagged_and_the_listing_survives() {
    // Three validators: an ordinary one, dust that earned five times itself, one without stake.
    let columns = EpochColumns {
        dividend: &[0, 1_000, 0, 5, 0, 0],
        stake_after: &[1_000_000, 1_001_000, 1, 6, 0, 0],
        timestamp_ms: &[START, START + EPOCH_MS, START, START + EPOCH_MS, START, START + EPOCH_MS],
        missing_before: None,
    };
    let found = window_returns(&columns, &[0, 2, 4, 6], &window(1)).unwrap();
    near(found[0].growth, 0.001, 1e-15);
    assert_eq!((found[1].apy, found[1].overflow, found[1].reason), (None, true, Some(NoReturn::Overflow)));
    assert_eq!(found[1].growth, Some(5.0));
    assert_eq!((found[2].apy, found[2].overflow, found[2].reason), (None, false, Some(NoReturn::NoStake)));
}

#[test]
fn columns_are_windows_and_never_nan() {
    let mut rng = Rng::new(22);
    for _ in 0..100_000 {
        let length = rng.below(40);
        let (mut dividend, mut stake, mut time, mut missing) = (vec![], vec![], vec![], vec![]);
        let mut now = START - EPOCH_MS;
        let wild = rng.percent(30);
        for _ in 0..length {
            let base = rng.unsigned(64) as u64;
            match rng.below(12) {
                0 => (dividend.push(0), stake.push(0)),
                1 => (dividend.push(base), stake.push(base)),
                2 => (dividend.push(base), stake.push(rng.unsigned(64) as u64)),
                _ if wild => (dividend.push(base / 2), stake.push(base)),
                _ => (dividend.push(base / 5_000), stake.push(base)),
            };
            now += if rng.percent(5) { 0 } else { rng.bits() % (2 * EPOCH_MS) };
            time.push(now);
            missing.push(if rng.percent(10) { rng.unsigned(32) as u32 } else { 0 });
        }
        let window = Window::between(START, START + 1 + rng.bits() % (50 * EPOCH_MS)).unwrap();
        let columns = EpochColumns {
            dividend: &dividend,
            stake_after: &stake,
            timestamp_ms: &time,
            missing_before: Some(&missing),
        };
        let batch = window_returns(&columns, &[0, length], &window).unwrap()[0];
        let numbers = [batch.apy, batch.apr, batch.growth, Some(batch.coverage)];
        assert!(numbers.iter().flatten().all(|number| number.is_finite()), "{batch:?}");
        assert!((0.0..=1.0).contains(&batch.coverage));
        assert_eq!(batch.apy.is_none(), batch.reason.is_some());
        let observations: Vec<_> = (0..length)
            .map(|row| Observation {
                block: row as u64,
                timestamp_ms: time[row],
                missing_before: missing[row],
                ..paid(0, dividend[row], stake[row])
            })
            .collect();
        let single = window_report(&window, &observations).unwrap().alpha;
        let same = (single.epochs, single.missing_epochs, single.covered_ms, single.overflow, single.apy.is_none());
        assert_eq!(same, (batch.epochs, batch.missing_epochs, batch.covered_ms, batch.overflow, batch.apy.is_none()));
        if let (Some(one), Some(two)) = (single.apy, batch.apy) {
            assert!((one - two).abs() <= 1e-11 * one.abs(), "{single:?} is not {batch:?}");
        }
        if !batch.overflow && window.length().milliseconds() < 31_557_600_000 {
            assert!(batch.apr.zip(batch.apy).is_none_or(|(apr, apy)| apr <= apy * (1.0 + 1e-11)), "{batch:?}");
        }
    }
}

#[test]
fn groups_are_where_keys_change() {
    let keys = [(1, 1), (1, 1), (1, 2), (2, 2)];
    assert_eq!(group_offsets(4, |one, two| keys[one] == keys[two]), [0, 2, 3, 4]);
    assert_eq!(group_offsets(0, |_, _| true), [0]);
    assert_eq!(group_offsets(1, |_, _| true), [0, 1]);
}
