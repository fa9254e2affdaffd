//! How long a window is: in blocks or in time.

use std::fmt;
use std::str::FromStr;

const MINUTE: u64 = 60_000;
const HOUR: u64 = 60 * MINUTE;
const DAY: u64 = 24 * HOUR;

/// How long a window is.
///
/// ```
/// use sentinel_core::subnet::returns::Span;
///
/// assert_eq!("7d".parse(), Ok(Span::Milliseconds(604_800_000)));
/// assert_eq!("7200".parse(), Ok(Span::Blocks(7200)));
/// assert!("a week".parse::<Span>().is_err());
/// ```
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Span {
    /// So many blocks.
    Blocks(u64),
    /// So much time, by the chain's clock.
    Milliseconds(u64),
}

/// A text that says no length of a window.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error(
    "`{0}` is no length of a window: use a number of blocks, or of minutes, hours, days or weeks as in 90m, 1h, 7d, 2w"
)]
pub struct ParseSpanError(pub String);

impl FromStr for Span {
    type Err = ParseSpanError;

    fn from_str(text: &str) -> Result<Self, ParseSpanError> {
        let unit = match text.as_bytes().last() {
            Some(b'm') => MINUTE,
            Some(b'h') => HOUR,
            Some(b'd') => DAY,
            Some(b'w') => 7 * DAY,
            _ => 0,
        };
        let digits = if unit == 0 { text } else { &text[..text.len() - 1] };
        let count = digits.parse::<u64>().ok().filter(|count| *count > 0);
        let span = match (count, unit) {
            (Some(blocks), 0) => Some(Self::Blocks(blocks)),
            (Some(count), unit) => count.checked_mul(unit).map(Self::Milliseconds),
            (None, _) => None,
        };
        span.ok_or_else(|| ParseSpanError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match *self {
            Self::Blocks(blocks) => write!(f, "{blocks} blocks"),
            Self::Milliseconds(time) if time.is_multiple_of(DAY) => write!(f, "{}d", time / DAY),
            Self::Milliseconds(time) if time.is_multiple_of(HOUR) => write!(f, "{}h", time / HOUR),
            Self::Milliseconds(time) => write!(f, "{}m", time.div_ceil(MINUTE)),
        }
    }
}
