//! What a run is for: following the chain, or filling a range.

use std::fmt;
use std::str::FromStr;

/// What a run is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, serde::Serialize)]
#[serde(rename_all = "snake_case")]
#[non_exhaustive]
pub enum Mode {
    /// New finalized blocks, from the cursor on, until it is stopped.
    #[default]
    Live,
    /// Every block of a range, in order.
    Backfill,
    /// The epochs of a range, one subnet after the other.
    FastBackfill,
    /// The epochs of a range, several subnets at once.
    ApyBackfill,
}

/// A text that names no mode.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("unknown mode `{0}`: use live, backfill, fast_backfill or apy_backfill")]
pub struct ParseModeError(pub String);

impl Mode {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Live, Self::Backfill, Self::FastBackfill, Self::ApyBackfill];

    /// Its name, as flags, variables and files spell it.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Live => "live",
            Self::Backfill => "backfill",
            Self::FastBackfill => "fast_backfill",
            Self::ApyBackfill => "apy_backfill",
        }
    }

    /// Whether it looks at every block, and not at epochs only.
    pub const fn reads_blocks(self) -> bool {
        matches!(self, Self::Live | Self::Backfill)
    }
}

impl FromStr for Mode {
    type Err = ParseModeError;

    fn from_str(text: &str) -> Result<Self, ParseModeError> {
        let wanted = text.trim().to_ascii_lowercase().replace('-', "_");
        let found = Self::ALL.into_iter().find(|mode| mode.name() == wanted);
        found.ok_or_else(|| ParseModeError(text.chars().take(40).collect()))
    }
}

impl fmt::Display for Mode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.name())
    }
}
