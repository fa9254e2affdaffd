//! The returns of validators over a window of blocks, read from any source.
//!
//! [`inputs`] reads what one block says; [`window`] finds the epochs of a window, reads them all and hands them to
//! [`crate::apy`], where the arithmetic is.

mod inputs;
mod moment;
mod root;
mod span;
mod window;

use serde::Serialize;

use crate::apy::{Window, WindowReport, WindowReturn};
use crate::chain::{AccountId, BlockRef, NetUid};

pub use inputs::{BlockInputs, PoolInputs, SubnetInputs, inputs};
pub use moment::block_at;
pub use span::{ParseSpanError, Span};
pub use window::window;

/// The return of one validator over a window.
#[derive(Debug, Clone, PartialEq, Serialize)]
pub struct ValidatorReturn {
    /// Its number on the subnet at the end; `None` where it is not registered then.
    pub uid: Option<u16>,
    /// Its hotkey, at the end where it was swapped.
    pub hotkey: AccountId,
    /// The hotkeys that its stake was on before, oldest first.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub formerly: Vec<AccountId>,
    /// What its operator takes, in 65,535ths: returns are without it.
    pub take: Option<u16>,
    /// Its stake at the end, of all nominators, in units of 10^-9 alpha.
    pub stake: Option<u64>,
    /// The return.
    #[serde(flatten)]
    pub report: WindowReport,
    /// The return of each epoch, in the order of [`SubnetReturns::epochs`]; `None` where it has none.
    #[serde(skip)]
    pub by_epoch: Vec<Option<f64>>,
}

/// The returns of all validators of a subnet over a window.
#[derive(Debug, Clone, PartialEq)]
pub struct SubnetReturns {
    /// The subnet.
    pub netuid: NetUid,
    /// The block at the end that was asked for.
    pub at: BlockRef,
    /// The first block of the window: that of the last epoch before what was asked for, where there is one, so that the
    /// window holds whole epochs.
    pub first: u64,
    /// The last block of the window: that of its last epoch.
    pub last: u64,
    /// The window's time by the chain's clock.
    pub window: Window,
    /// The blocks of its epochs and their times, ascending; the first opens the window and is not part of it.
    pub epochs: Vec<(u64, u64)>,
    /// Of each validator that had stake in it, the greatest yield first.
    pub validators: Vec<ValidatorReturn>,
    /// Of all together: what all were paid over what all were paid on.
    pub subnet: WindowReturn,
    /// What was read, block by block.
    pub read: Vec<BlockInputs>,
}

/// How far a window has been read.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct ReturnsProgress {
    /// Blocks read.
    pub done: u64,
    /// Blocks to read.
    pub total: u64,
}
