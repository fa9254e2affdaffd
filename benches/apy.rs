//! How fast returns are computed: 30 days of 128 subnets with 64 validators each, from columns in memory, beside the
//! plainest loop that multiplies floats.

use std::hint::black_box;

use criterion::{Criterion, Throughput, criterion_group, criterion_main};
use sentinel_core::apy::{EpochColumns, SharePrice, Shares, Window, group_offsets, window_returns};
use sentinel_support::rng::Rng;

const EPOCHS: usize = 600;
const GROUPS: usize = 128 * 64;
const EPOCH_MS: u64 = 4_320_000;

/// Columns as they lie in memory: sorted by validator, then by block; the first row of each lies at the window's start.
struct Table {
    netuid: Vec<u16>,
    hotkey: Vec<u32>,
    dividend: Vec<u64>,
    stake_after: Vec<u64>,
    timestamp_ms: Vec<u64>,
}

fn table() -> Table {
    let rows = GROUPS * (EPOCHS + 1);
    let column = || Vec::with_capacity(rows);
    let (mut dividend, mut stake_after, mut timestamp_ms) = (column(), column(), column());
    let (mut netuid, mut hotkey) = (Vec::with_capacity(rows), Vec::with_capacity(rows));
    let mut rng = Rng::new(30);
    for group in 0..GROUPS {
        let mut stake = 1_000_000_000 + rng.bits() % 1_000_000_000_000_000;
        for epoch in 0..=EPOCHS {
            let earned = stake / 5_000 + rng.bits() % 1_000;
            stake += earned;
            netuid.push(1 + (group / 64) as u16);
            hotkey.push((group % 64) as u32);
            dividend.push(earned);
            stake_after.push(stake);
            timestamp_ms.push(1_700_000_000_000 + epoch as u64 * EPOCH_MS);
        }
    }
    Table { netuid, hotkey, dividend, stake_after, timestamp_ms }
}

fn windows(criterion: &mut Criterion) {
    let table = table();
    let columns = EpochColumns {
        dividend: &table.dividend,
        stake_after: &table.stake_after,
        timestamp_ms: &table.timestamp_ms,
        missing_before: None,
    };
    let bounds = || {
        group_offsets(table.netuid.len(), |one, two| {
            table.hotkey[one] == table.hotkey[two] && table.netuid[one] == table.netuid[two]
        })
    };
    let offsets = bounds();
    let (start, end) = (table.timestamp_ms[0], table.timestamp_ms[EPOCHS]);
    let window = Window::between(start, end).expect("30 days");

    let mut group = criterion.benchmark_group("30 days, 128 subnets, 64 validators");
    group.sample_size(30);
    group.throughput(Throughput::Elements(table.dividend.len() as u64));
    group.bench_function("window_returns", |bencher| {
        bencher.iter(|| black_box(window_returns(black_box(&columns), &offsets, &window).expect("it fits")));
    });
    group.bench_function("group_offsets and window_returns", |bencher| {
        bencher.iter(|| black_box(window_returns(black_box(&columns), &bounds(), &window).expect("it fits")));
    });
    group.bench_function("floor: a product of floats", |bencher| {
        bencher.iter(|| black_box(plain(black_box(&columns), &offsets, end - start)));
    });
    group.finish();
}

/// The product of `1 + D / (L − D)` and its power, with no case looked at and no digit kept.
fn plain(columns: &EpochColumns<'_>, offsets: &[usize], elapsed: u64) -> Vec<f64> {
    let years = 31_557_600_000.0 / elapsed as f64;
    let apy = |bounds: &[usize]| {
        let rows = bounds[0] + 1..bounds[1];
        let rows = columns.dividend[rows.clone()].iter().zip(&columns.stake_after[rows]);
        rows.map(|(&paid, &stake)| 1.0 + paid as f64 / (stake - paid) as f64).product::<f64>().powf(years) - 1.0
    };
    offsets.windows(2).map(apy).collect()
}

fn share_price(criterion: &mut Criterion) {
    let old = SharePrice::new(1_001_800_000_000, Shares::Fixed(1_000_000_000_123 << 64)).expect("a pool");
    let float = Shares::Float { mantissa: 1_000_000_000_456_000_000_000, exponent: -9 };
    let new = SharePrice::new(1_010_000_000_000, float).expect("a pool");
    criterion.bench_function("growth by share price", |bencher| {
        bencher.iter(|| black_box(black_box(old).growth_to(black_box(new))));
    });
}

criterion_group!(benches, windows, share_price);
criterion_main!(benches);
