//! The figures of `docs/apy.md`, computed again.

use sentinel_core::apy::{
    DEFAULT_TAKE, Elapsed, EpochColumns, EpochLength, Growth, Spot, Window, WindowReturn, annual_yield, epoch_return,
    operator_return, operator_take, single_epoch_estimate, window_returns,
};

const PAGE: &str = include_str!("../docs/apy.md");
const EPOCH_MS: u64 = 4_320_000;
const ALPHA: u64 = 1_000_000_000;
const PAID: u64 = 8_200_000_000;
const AFTER: u64 = 100_010 * ALPHA;

/// The page says this, word for word but for where its lines end.
#[track_caller]
fn says(text: &str) {
    let page: Vec<_> = PAGE.split_whitespace().collect();
    assert!(page.join(" ").contains(text), "docs/apy.md does not say `{text}`");
}

fn percent(ratio: f64, digits: usize) -> String {
    format!("{:.digits$} %", 100.0 * ratio).replace('-', "−")
}

/// So many epochs of the page's validator, the first `idle` of which paid nothing; with the row that opens.
fn month(epochs: usize, idle: usize, missing: &[(usize, u32)]) -> WindowReturn {
    let paid = |row: usize| if row > idle { PAID } else { 0 };
    let dividend: Vec<_> = (0..=epochs).map(paid).collect();
    let mut absent = vec![0; epochs + 1];
    missing.iter().for_each(|&(row, count)| absent[row] = count);
    let mut place = 0;
    let timestamp_ms: Vec<_> = absent
        .iter()
        .enumerate()
        .map(|(row, &count)| {
            place += u64::from(row > 0) + u64::from(count);
            place * EPOCH_MS
        })
        .collect();
    let columns = EpochColumns {
        dividend: &dividend,
        stake_after: &vec![AFTER; epochs + 1],
        timestamp_ms: &timestamp_ms,
        missing_before: Some(&absent),
    };
    let window = Window::between(0, 600 * EPOCH_MS).expect("it computes");
    window_returns(&columns, &[0, epochs + 1], &window).expect("it computes")[0]
}

#[test]
fn the_epoch() {
    let epoch = epoch_return(PAID, AFTER).expect("it computes");
    assert_eq!(epoch.base(), 1_000_018 * ALPHA / 10);
    says(&format!("`r` = 8.2 / 100,001.8 = **{}**", percent(epoch.ratio(), 7)));
    // 18 % of ten, but for the chain's 11796 of 65535.
    assert!(operator_take(PAID, DEFAULT_TAKE).expect("it computes").abs_diff(9 * ALPHA / 5) < ALPHA / 10_000);
    let own = operator_return(&epoch, DEFAULT_TAKE, 5_000 * ALPHA).expect("it computes");
    says(&format!("the operator above made {} in that epoch", percent(own, 6)));
    assert!((5.0..6.0).contains(&(own / epoch.ratio())), "five times what nominators made");
}

#[test]
fn the_month() {
    let found = month(600, 0, &[]);
    let (growth, apy, apr) = (found.growth.unwrap(), found.apy.unwrap(), found.apr.unwrap());
    let (growth, yearly) = (percent(growth, 4), percent(apy, 3));
    says(&format!("growth **{growth}**, APY **{yearly}**, APR **{}**", percent(apr, 3)));
    says(&format!("the truth is {yearly}"));

    // Sixty epochs missing, in two gaps.
    let gap = month(540, 0, &[(100, 40), (300, 20)]);
    assert_eq!((gap.missing_epochs, gap.coverage), (60, 0.9));
    assert_eq!(percent(gap.apy.unwrap(), 3), yearly);
    let zeros = percent(gap.over_whole_window().apy.unwrap(), 3);
    let grown = percent(gap.growth.unwrap(), 4);
    says(&format!("growth {grown}, coverage 0.9, and the APY is still {yearly}"));
    says(&format!("to call the missing ones 0 would have made {zeros} of it").replace("to call", "To call"));
    says(&format!("| {zeros} with 60 epochs missing |"));

    let idle = month(600, 150, &[]);
    assert_eq!((idle.coverage, idle.epochs), (1.0, 600));
    says(&format!("every fourth paid nothing | {yearly} instead of {} |", percent(idle.apy.unwrap(), 3)));
}

#[test]
fn the_price() {
    let growth = Growth::by(month(600, 0, &[]).growth.unwrap()).unwrap();
    let price = |tao| Spot::Reserves { tao, alpha: 1_000 };
    let change = |from, to| price(from).growth_to(&price(to)).unwrap();
    let tao = growth.then(change(50, 47)).excess().unwrap();
    says(&format!("{} more alpha, and **{}** in TAO", percent(growth.excess().unwrap(), 4), percent(tao, 4)));
    let lost = growth.then(change(1_600, 1_300)).excess().unwrap();
    let shown = percent(growth.excess().unwrap(), 4);
    says(&format!("shows a gain of {shown} where {} were lost", percent(-lost, 3)));
}

#[test]
fn the_mistakes() {
    let yearly = |ratio: f64, elapsed| {
        let elapsed = Elapsed::between(0, elapsed).unwrap();
        percent(annual_yield(Growth::by(ratio).unwrap(), elapsed).unwrap(), 3)
    };
    let (paid, after) = (PAID as f64, AFTER as f64);
    says(&format!("`D / L` | {}. Little", yearly(paid / after, EPOCH_MS)));
    let small = epoch_return(PAID, 12 * ALPHA + PAID).unwrap().ratio();
    let wrong = paid / (12 * ALPHA + PAID) as f64;
    says(&format!("shows {} an epoch instead of {} |", percent(wrong, 2), percent(small, 2)));
    says(&format!("staked 2 % more meanwhile | {} |", yearly(paid / (1.02 * after), EPOCH_MS)));
    let ratio = epoch_return(PAID, AFTER).unwrap().ratio();
    let old = single_epoch_estimate(ratio, 1.0, EpochLength::modulo(360)).unwrap();
    says(&format!("(right until 422) | {} |", percent(old, 3)));
    let slow = single_epoch_estimate(ratio, 1.0, EpochLength { blocks: 360, block_ms: 12_060 }).unwrap();
    says(&format!("took 12.06 s | {} instead of {} |", yearly(ratio, EPOCH_MS), percent(slow, 3)));
}
