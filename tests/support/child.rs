//! Work in a process of its own, with little memory: for inputs that might end the process.

use std::fs;
use std::io;
use std::process::{Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

/// Tells a child what to do.
const TASK: &str = "SENTINEL_TEST_TASK";
/// Before the figures in a child's output.
const FIGURES: &str = "figures:";
/// Address space of a child, in KiB: 1 GiB.
const ADDRESS_SPACE: u64 = 1 << 20;

/// How a child ended.
#[derive(Debug)]
pub struct Ended {
    /// Its exit status.
    pub status: ExitStatus,
    /// What it wrote, to both of its outputs.
    pub output: String,
    /// What [`measured`] work took, if the child came to its end.
    pub figures: Option<Figures>,
}

/// What a piece of work took.
#[derive(Debug, Clone, Copy)]
pub struct Figures {
    /// Most memory in use at any time, beyond what was in use before, in KiB; `None` where the system does not say.
    pub peak: Option<u64>,
    /// How long it took.
    pub time: Duration,
}

/// Runs one of the running test binary's ignored tests in a child with 1 GiB of address space, and gives it a task.
///
/// # Errors
/// Where the child cannot be started.
pub fn run(test: &str, task: &str) -> io::Result<Ended> {
    let program = std::env::current_exe()?;
    // Where the shell or the system knows no such limit, the child runs without it.
    let limits = format!("ulimit -v {ADDRESS_SPACE} 2>/dev/null; ulimit -c 0 2>/dev/null; exec \"$0\" \"$@\"");
    let output = Command::new("sh")
        .args(["-c", &limits])
        .arg(program)
        .args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"])
        .env(TASK, task)
        .env("RUST_BACKTRACE", "0")
        .stdin(Stdio::null())
        .output()?;
    let text = [output.stdout, output.stderr].map(|text| String::from_utf8_lossy(&text).into_owned());
    let figures = text[0].lines().find_map(|line| Figures::parse(line.split_once(FIGURES)?.1));
    Ok(Ended { status: output.status, output: text.concat(), figures })
}

/// The command that runs one of the running test binary's ignored tests and gives it a task, with no limits.
///
/// # Errors
/// Where the system does not tell which binary this is.
pub fn command(test: &str, task: &str) -> io::Result<Command> {
    let mut command = Command::new(std::env::current_exe()?);
    command.args([test, "--exact", "--ignored", "--nocapture", "--test-threads=1"]);
    command.env(TASK, task).env("RUST_BACKTRACE", "0");
    Ok(command)
}

/// What this process was started for; `None` in one that is no child.
pub fn task() -> Option<String> {
    std::env::var(TASK).ok()
}

/// Does the work of a child and tells the parent what it took.
pub fn measured<T>(work: impl FnOnce() -> T) -> T {
    let measuring = Measuring::start();
    let done = work();
    measuring.end();
    done
}

/// A measurement under way in a child, for work that waits.
#[derive(Debug)]
pub struct Measuring {
    memory: Option<u64>,
    started: Instant,
}

impl Measuring {
    /// Begins.
    pub fn start() -> Self {
        // Forgets the peak so far, where the system can; where it cannot, the peak found is too high, never too low.
        let _ = fs::write("/proc/self/clear_refs", "5");
        Self { memory: status("VmRSS:"), started: Instant::now() }
    }

    /// Tells the parent.
    pub fn end(self) {
        let time = self.started.elapsed();
        let peak = status("VmHWM:").zip(self.memory).map(|(after, before)| after.saturating_sub(before));
        println!("{FIGURES} {} {}", time.as_micros(), peak.map_or_else(|| "-".to_owned(), |peak| peak.to_string()));
    }
}

fn status(key: &str) -> Option<u64> {
    let status = fs::read_to_string("/proc/self/status").ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix(key))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

impl Figures {
    fn parse(text: &str) -> Option<Self> {
        let mut words = text.split_whitespace();
        let time = Duration::from_micros(words.next()?.parse().ok()?);
        Some(Self { peak: words.next()?.parse().ok(), time })
    }
}
