//! What stakers earn: pure arithmetic on the chain's integers, from one epoch to a year.
//!
//! A validator's stake on a subnet is a pool. An epoch adds the dividend `D` to it without making new shares, and notes the
//! stake after that, `L`. So
//!
//! * one epoch returns `r = D / (L − D)` to every nominator ([`epoch_return`]);
//! * from one block to another a holding grows by `P₁ / P₀`, where `P` is stake over shares ([`SharePrice`]), which is also
//!   the product of `1 + r` over the epochs between: each checks the other ([`window_report`]);
//! * over the time that really passed that is `APY = growth^(year / time) − 1`, and `APR = Σ r × year / time`
//!   ([`annual_yield`], [`annual_rate`]).
//!
//! Amounts stay integers until the ratio; what cannot be told is `None` or an error with its reason ([`NoReturn`]), never 0
//! and never infinite. `docs/apy.md` explains all of it with figures.
//!
//! ```
//! use sentinel_core::apy::{EpochColumns, Window, window_returns};
//!
//! // Three epochs of one validator, 72 minutes apart: the first says what is staked, the others pay 0.1 % each.
//! let columns = EpochColumns {
//!     dividend: &[0, 1_000, 1_001],
//!     stake_after: &[1_000_000, 1_001_000, 1_002_001],
//!     timestamp_ms: &[0, 4_320_000, 8_640_000],
//!     missing_before: None,
//! };
//! let window = Window::between(0, 8_640_000)?;
//! let found = window_returns(&columns, &[0, 3], &window)?[0];
//! assert_eq!((found.epochs, found.coverage), (2, 1.0));
//! assert!((found.growth.ok_or("none")? - 0.002001).abs() < 1e-15);
//! assert!(found.short, "a year made of two hours");
//! # Ok::<(), Box<dyn std::error::Error>>(())
//! ```

mod annual;
mod batch;
mod epoch;
mod estimate;
mod growth;
mod observation;
mod operator;
mod reason;
mod result;
mod root;
mod share;
mod spot;
mod wide;
mod window;

use annual::MS_PER_YEAR;
pub use annual::{Elapsed, SECONDS_PER_YEAR, annual_rate, annual_yield};
pub use batch::{EpochColumns, group_offsets, window_returns};
pub use epoch::{EpochReturn, EpochState, combined_return, epoch_return};
pub use estimate::{EpochLength, single_epoch_estimate};
pub use growth::{Compound, Growth};
pub use observation::{Generation, Observation, Pool, PoolPrice, Split};
pub use operator::{DEFAULT_TAKE, operator_return, operator_take};
pub use reason::NoReturn;
pub use result::{Window, WindowReturn};
pub use root::{BasketReading, BasketReturn, ClaimableChange, root_by_basket, root_by_claims};
pub use share::{SharePrice, Shares};
pub use spot::{Spot, SpotState};
pub use window::{CrossCheck, NullAt, SplitAt, TOLERANCE, WindowReport, window_report};

/// Input that cannot be computed with.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum ApyError {
    /// A window ends before it begins, or with it.
    #[error("from {start_ms} ms to {end_ms} ms no time passes; the end of a window has to be later than its start")]
    NoTime {
        /// Its start.
        start_ms: u64,
        /// Its end.
        end_ms: u64,
    },
    /// Observations are not in the order of their blocks.
    #[error(
        "observation {row} is of block {block}, the one before it of {before}; sort them by block, each block once"
    )]
    Unordered {
        /// Its place.
        row: usize,
        /// Its block.
        block: u64,
        /// The block before it.
        before: u64,
    },
    /// A later row has an earlier timestamp.
    #[error("row {row} is of {timestamp_ms} ms, the one before it of {before_ms} ms; sort by validator, then by block")]
    ClockBackwards {
        /// Its place.
        row: usize,
        /// Its timestamp.
        timestamp_ms: u64,
        /// That of the row before.
        before_ms: u64,
    },
    /// Columns differ in length.
    #[error("column `{column}` has {length} rows and `dividend` has {rows}; give both for the same epochs")]
    Length {
        /// The one that differs from the first.
        column: &'static str,
        /// Its length.
        length: usize,
        /// What it should be.
        rows: usize,
    },
    /// Offsets are no bounds of groups.
    #[error("offset {place} is {offset}; offsets rise from 0 to the number of rows, which is {rows}")]
    Offset {
        /// Its place.
        place: usize,
        /// What it is.
        offset: usize,
        /// The rows that there are.
        rows: usize,
    },
}
