//! How far a window has been read, on stderr of a terminal.

use std::io::{self, IsTerminal, Write};

use sentinel_core::chain::NetUid;
use sentinel_core::subnet::returns::ReturnsProgress;

/// Shorter windows are read before anybody could read this.
const WORTH_SHOWING: u64 = 40;

pub(super) struct Progress {
    live: bool,
    shown: bool,
    netuid: NetUid,
}

impl Progress {
    pub(super) fn new(quiet: bool, netuid: NetUid) -> Self {
        Self { live: !quiet && io::stderr().is_terminal(), shown: false, netuid }
    }

    pub(super) fn show(&mut self, step: ReturnsProgress) {
        if self.live && step.total >= WORTH_SHOWING {
            self.shown = true;
            let ReturnsProgress { done, total } = step;
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr().lock(), "\rsubnet {}: {done} of {total} epochs", self.netuid);
        }
    }

    pub(super) fn end(&self) {
        if self.shown {
            let _ = writeln!(io::stderr().lock());
        }
    }
}
