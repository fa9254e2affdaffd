//! What a process uses while it runs: memory, file descriptors and threads, from `/proc`.
//!
//! ```
//! use sentinel_support::watch::Watch;
//!
//! let watch = Watch::own();
//! let work: Vec<u8> = vec![1; 1 << 20];
//! let usage = watch.stop();
//! println!("{usage} while {} bytes were there", work.len());
//! # #[cfg(target_os = "linux")]
//! assert!(usage.peak_rss > 1 << 20);
//! ```

use std::fmt;
use std::fs;
use std::sync::mpsc::{self, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::{Duration, Instant};

/// Between two samples.
const INTERVAL: Duration = Duration::from_millis(100);

/// One look at a process.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Sample {
    /// When, since the watch began.
    pub at: Duration,
    /// Memory in RAM, in bytes.
    pub rss: u64,
    /// Open file descriptors.
    pub fds: u64,
    /// Threads.
    pub threads: u64,
}

/// What was seen. All zero where the system has no `/proc`, or the process ended before the first look.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct Usage {
    /// All samples in order.
    pub samples: Vec<Sample>,
    /// Most memory in RAM, in bytes.
    pub peak_rss: u64,
    /// The same in the first half of the time.
    pub peak_rss_first_half: u64,
    /// The same in the second half.
    pub peak_rss_second_half: u64,
    /// Most open file descriptors.
    pub peak_fds: u64,
    /// Most threads.
    pub peak_threads: u64,
}

/// What a process may use; none is no limit.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Ceilings {
    /// Most memory in RAM, in bytes.
    pub rss: Option<u64>,
    /// By how many bytes the second half's peak may be above that of the first.
    pub growth: Option<u64>,
    /// Most open file descriptors.
    pub fds: Option<u64>,
    /// Most threads.
    pub threads: Option<u64>,
}

impl Usage {
    /// What these samples show.
    pub fn of(samples: Vec<Sample>) -> Self {
        let half = samples.last().map_or(Duration::ZERO, |last| last.at / 2);
        let peak = |of: fn(&Sample) -> u64, among: fn(Duration, Duration) -> bool| {
            samples.iter().filter(|sample| among(sample.at, half)).map(of).max().unwrap_or(0)
        };
        let all = |_, _| true;
        Self {
            peak_rss: peak(|sample| sample.rss, all),
            peak_rss_first_half: peak(|sample| sample.rss, |at, half| at <= half),
            peak_rss_second_half: peak(|sample| sample.rss, |at, half| at > half),
            peak_fds: peak(|sample| sample.fds, all),
            peak_threads: peak(|sample| sample.threads, all),
            samples,
        }
    }

    /// By how much the peak grew from the first half to the second, in bytes.
    pub fn growth(&self) -> u64 {
        self.peak_rss_second_half.saturating_sub(self.peak_rss_first_half)
    }

    /// Whether all stayed below the ceilings.
    ///
    /// # Errors
    /// Says which did not.
    pub fn check(&self, ceilings: &Ceilings) -> Result<(), String> {
        let all = [
            ("memory", self.peak_rss, ceilings.rss),
            ("growth of memory", self.growth(), ceilings.growth),
            ("file descriptors", self.peak_fds, ceilings.fds),
            ("threads", self.peak_threads, ceilings.threads),
        ];
        let above = all.iter().filter_map(|(what, used, ceiling)| match ceiling {
            Some(ceiling) if used > ceiling => Some(format!("{what}: {used}, more than {ceiling}")),
            _ => None,
        });
        let above: Vec<_> = above.collect();
        if above.is_empty() { Ok(()) } else { Err(above.join("; ")) }
    }
}

impl fmt::Display for Usage {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mib = |bytes: u64| bytes as f64 / f64::from(1 << 20);
        let (peak, growth) = (mib(self.peak_rss), mib(self.growth()));
        write!(f, "rss={peak:.1}MiB growth={growth:.1}MiB fds={} threads={}", self.peak_fds, self.peak_threads)
    }
}

/// Looks at a process ten times a second, from a thread of its own, until it is stopped or dropped.
#[derive(Debug)]
pub struct Watch {
    stop: Option<Sender<()>>,
    thread: Option<JoinHandle<Vec<Sample>>>,
}

impl Watch {
    /// This process.
    pub fn own() -> Self {
        Self::of(std::process::id())
    }

    /// A process by its id.
    pub fn of(pid: u32) -> Self {
        let (stop, stopped) = mpsc::channel();
        let thread = std::thread::spawn(move || {
            let start = Instant::now();
            let mut samples = Vec::new();
            loop {
                samples.extend(look(pid, start.elapsed()));
                if stopped.recv_timeout(INTERVAL) != Err(RecvTimeoutError::Timeout) {
                    // Once more, so that work shorter than an interval is seen at its end.
                    samples.extend(look(pid, start.elapsed()));
                    return samples;
                }
            }
        });
        Self { stop: Some(stop), thread: Some(thread) }
    }

    /// Stops, and says what was seen.
    pub fn stop(mut self) -> Usage {
        self.stop = None;
        let samples = self.thread.take().and_then(|thread| thread.join().ok());
        Usage::of(samples.unwrap_or_default())
    }
}

/// Open file descriptors of this process now; 0 where the system does not say.
pub fn open_files() -> u64 {
    look(std::process::id(), Duration::ZERO).map_or(0, |sample| sample.fds)
}

/// What all cores together have worked for a process until now, in steps of 10 ms; zero where the system does not say.
pub fn cpu_time(pid: u32) -> Duration {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap_or_default();
    // The name in the second field is in parentheses and may hold anything.
    let fields = stat.rsplit_once(')').map(|(_, rest)| rest.split_whitespace());
    let ticks = fields.map(|fields| fields.skip(11).take(2).filter_map(|ticks| ticks.parse::<u64>().ok()).sum::<u64>());
    Duration::from_millis(ticks.unwrap_or(0) * 10)
}

fn look(pid: u32, at: Duration) -> Option<Sample> {
    let status = fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let number = |key: &str| {
        let line = status.lines().find_map(|line| line.strip_prefix(key))?;
        line.split_whitespace().next()?.parse::<u64>().ok()
    };
    let fds = fs::read_dir(format!("/proc/{pid}/fd")).ok()?.count() as u64;
    // A zombie has no memory any more.
    Some(Sample { at, rss: number("VmRSS:")? * 1024, fds, threads: number("Threads:")? })
}
