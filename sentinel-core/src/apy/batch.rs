//! Windows of many validators at once, from columns.

use super::ApyError;
use super::epoch::epoch_return;
use super::growth::Sum;
use super::reason::NoReturn;
use super::result::{Collected, Window, WindowReturn};

/// Epochs of many validators as columns of the same length, sorted by validator and then by block.
///
/// A row is what [`epoch_return`] takes: dividend and the stake after it; 0 and the stake for one that was paid nothing, 0
/// and 0 for one without stake.
#[derive(Debug, Clone, Copy)]
pub struct EpochColumns<'c> {
    /// `AlphaDividendsPerSubnet`.
    pub dividend: &'c [u64],
    /// `TotalHotkeyAlphaLastEpoch`.
    pub stake_after: &'c [u64],
    /// `Timestamp.Now` in the epoch's block.
    pub timestamp_ms: &'c [u64],
    /// Epochs between this row and the one above that are not in the table; `None` where none is missing.
    pub missing_before: Option<&'c [u32]>,
}

/// Where groups begin and end in a sorted column: the first is 0, the last the number of rows. Without rows it is 0 alone.
///
/// ```
/// use sentinel_core::apy::group_offsets;
///
/// let (netuids, hotkeys) = ([1u16, 1, 1, 2], [7u32, 7, 9, 9]);
/// assert_eq!(group_offsets(4, |one, two| (netuids[one], hotkeys[one]) == (netuids[two], hotkeys[two])), [0, 2, 3, 4]);
/// ```
pub fn group_offsets(rows: usize, mut same: impl FnMut(usize, usize) -> bool) -> Vec<usize> {
    let mut offsets = vec![0];
    offsets.extend((1..rows).filter(|&row| !same(row - 1, row)));
    if rows > 0 {
        offsets.push(rows);
    }
    offsets
}

/// The return of every group over the window, by the product of its epochs: one result for each pair of `offsets`.
///
/// The rules are those of [`window_report`](super::window_report) for epochs without prices. The first row of a group opens:
/// it says what is staked and its own dividend was earned before. To have all of a window, give each group the row of its last
/// epoch up to the window's start, too. What has to be split (a reused netuid, an emptied pool) is two groups.
///
/// # Errors
/// [`ApyError::Length`], [`ApyError::Offset`] and [`ApyError::ClockBackwards`] for columns that do not fit together.
pub fn window_returns(
    columns: &EpochColumns<'_>,
    offsets: &[usize],
    window: &Window,
) -> Result<Vec<WindowReturn>, ApyError> {
    columns.check(offsets)?;
    let mut results = Vec::with_capacity(offsets.len().saturating_sub(1));
    for bounds in offsets.windows(2) {
        results.push(columns.group(bounds[0], bounds[1], window)?.result(window));
    }
    Ok(results)
}

impl EpochColumns<'_> {
    fn check(&self, offsets: &[usize]) -> Result<(), ApyError> {
        let rows = self.dividend.len();
        let lengths = [
            ("stake_after", self.stake_after.len()),
            ("timestamp_ms", self.timestamp_ms.len()),
            ("missing_before", self.missing_before.map_or(rows, <[u32]>::len)),
        ];
        if let Some((column, length)) = lengths.into_iter().find(|&(_, length)| length != rows) {
            return Err(ApyError::Length { column, length, rows });
        }
        let mut least = 0;
        for (place, &offset) in offsets.iter().enumerate() {
            if offset < least || offset > rows {
                return Err(ApyError::Offset { place, offset, rows });
            }
            least = offset;
        }
        Ok(())
    }

    /// Rows from `first` to before `last`, which are inside of all columns.
    fn group(&self, first: usize, last: usize, window: &Window) -> Result<Collected, ApyError> {
        let (start_ms, end_ms) = (window.start_ms(), window.end_ms());
        let dividends = &self.dividend[first..last];
        let stakes = &self.stake_after[first..last];
        let times = &self.timestamp_ms[first..last];
        let missing = self.missing_before.map(|missing| &missing[first..last]);
        let (mut collected, mut simple) = (Collected::default(), Sum::default());
        let (mut open, mut before_ms) = (false, 0);
        for (row, ((&dividend, &stake), &now_ms)) in dividends.iter().zip(stakes).zip(times).enumerate() {
            if now_ms < before_ms {
                return Err(ApyError::ClockBackwards { row: first + row, timestamp_ms: now_ms, before_ms });
            }
            if now_ms > end_ms {
                break;
            }
            let counts = row > 0 && now_ms > start_ms;
            let absent = if counts { missing.map_or(0, |missing| u64::from(missing[row])) } else { 0 };
            collected.missing += absent;
            match epoch_return(dividend, stake) {
                Ok(epoch) => {
                    if open && counts {
                        let ratio = epoch.ratio();
                        collected.product.push(ratio);
                        simple.push(ratio);
                        collected.epochs += 1;
                        let elapsed = now_ms - before_ms.max(start_ms);
                        collected.covered_ms += if absent == 0 { elapsed } else { elapsed / (absent + 1) };
                    }
                    open = true;
                }
                Err(reason) => {
                    // Whatever else is wrong, there is stake from now on.
                    open = reason != NoReturn::NoStake;
                    collected.reason = Some(reason);
                }
            }
            before_ms = now_ms;
        }
        collected.simple = simple.total();
        Ok(collected)
    }
}
