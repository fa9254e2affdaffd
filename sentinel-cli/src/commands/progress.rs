//! How far something long is, on stderr of a terminal.

use std::io::{self, IsTerminal, Write};

/// What is shorter is done before anybody could read this.
const WORTH_SHOWING: u64 = 40;

pub(crate) struct Progress {
    live: bool,
    shown: bool,
    what: String,
    unit: &'static str,
}

impl Progress {
    pub(crate) fn new(quiet: bool, what: impl Into<String>, unit: &'static str) -> Self {
        Self { live: !quiet && io::stderr().is_terminal(), shown: false, what: what.into(), unit }
    }

    pub(crate) fn show(&mut self, done: u64, total: u64) {
        if self.live && total >= WORTH_SHOWING {
            self.shown = true;
            // Progress that cannot be shown is no reason to stop.
            let _ = write!(io::stderr().lock(), "\r{}: {done} of {total} {}", self.what, self.unit);
        }
    }

    pub(crate) fn end(&self) {
        if self.shown {
            let _ = writeln!(io::stderr().lock());
        }
    }
}
