//! The number of a subnet.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Serialize};

/// A subnet's number; 0 is the root network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[serde(transparent)]
pub struct NetUid(pub u16);

impl fmt::Display for NetUid {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.0.fmt(f)
    }
}

/// A text that is no netuid.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not the number of a subnet, which is from 0 to 65535")]
pub struct ParseNetUidError(pub String);

impl FromStr for NetUid {
    type Err = ParseNetUidError;

    fn from_str(text: &str) -> Result<Self, Self::Err> {
        text.parse().map(Self).map_err(|_| ParseNetUidError(text.to_owned()))
    }
}
