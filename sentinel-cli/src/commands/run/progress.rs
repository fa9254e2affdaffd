//! Progress on stderr: a bar on a terminal, a line now and then elsewhere.

use std::io::{self, IsTerminal, Write};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use sentinel_core::engine::{Mode, Progress};

/// Between two looks, on a terminal and elsewhere.
const REDRAW: Duration = Duration::from_millis(100);
const LINE: Duration = Duration::from_secs(10);

const WIDTH: usize = 30;

/// What is shown of progress.
pub(super) struct Bar {
    quiet: bool,
    live: bool,
    mode: Mode,
    shown: Mutex<Option<Instant>>,
}

impl Bar {
    pub(super) fn new(quiet: bool, mode: Mode) -> Self {
        Self { quiet, live: io::stderr().is_terminal(), mode, shown: Mutex::default() }
    }

    pub(super) fn show(&self, progress: &Progress) {
        let mut shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        let pause = if self.live { REDRAW } else { LINE };
        let is_last = progress.total == Some(progress.done);
        if self.quiet || (!is_last && shown.is_some_and(|at| at.elapsed() < pause)) {
            return;
        }
        *shown = Some(Instant::now());
        let line = line(progress, self.mode, self.live);
        let (start, end) = if self.live { ("\r\x1b[K", "") } else { ("", "\n") };
        // Progress that cannot be shown is no reason to stop.
        let _ = write!(io::stderr().lock(), "{start}{line}{end}");
    }

    pub(super) fn end(&self) {
        let shown = self.shown.lock().unwrap_or_else(PoisonError::into_inner);
        if self.live && !self.quiet && shown.is_some() {
            let _ = writeln!(io::stderr().lock());
        }
    }
}

fn line(progress: &Progress, mode: Mode, live: bool) -> String {
    let mut line = String::new();
    if let Some(total) = progress.total.filter(|total| *total > 0) {
        let part = (progress.done as f64 / total as f64).min(1.0);
        if live {
            let full = (part * WIDTH as f64) as usize;
            line.push_str(&format!("{}{} ", "█".repeat(full), "░".repeat(WIDTH - full)));
        }
        line.push_str(&format!("{:.1} %  {} of {total} {}", part * 100.0, progress.done, super::counted(mode)));
    } else {
        line.push_str(&format!("{} {}", progress.done, super::counted(mode)));
    }
    if progress.block > 0 {
        line.push_str(&format!(", to block {}", progress.block));
    }
    line.push_str(&format!(", {:.1}/s", progress.rate));
    if let Some(eta) = progress.eta_s.filter(|_| progress.total != Some(progress.done)) {
        line.push_str(&format!(", {} left", words(eta)));
    }
    if let Some(lag) = progress.lag {
        line.push_str(&format!(", {lag} behind the head"));
    }
    line
}

/// A time as people say it.
fn words(seconds: f64) -> String {
    let seconds = seconds.round() as u64;
    match seconds {
        0..=99 => format!("{seconds} s"),
        100..=5_999 => format!("{} min", seconds.div_ceil(60)),
        6_000..=172_799 => format!("{:.1} h", seconds as f64 / 3_600.0),
        _ => format!("{:.1} days", seconds as f64 / 86_400.0),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_says_how_far_how_fast_and_how_long() {
        let progress =
            Progress { block: 1_250, done: 250, total: Some(1_000), rate: 12.5, eta_s: Some(60.0), lag: None };
        let shown = line(&progress, Mode::Backfill, false);
        assert_eq!(shown, "25.0 %  250 of 1000 blocks, to block 1250, 12.5/s, 60 s left");
        let live = Progress { total: None, eta_s: None, lag: Some(2), ..progress };
        assert_eq!(line(&live, Mode::Live, false), "250 blocks, to block 1250, 12.5/s, 2 behind the head");
        assert_eq!(
            (words(100.0), words(7_200.0), words(400_000.0)),
            ("2 min".into(), "2.0 h".into(), "4.6 days".into())
        );
    }
}
