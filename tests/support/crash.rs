//! Runs a program that is killed again and again, and started again until it ends by itself.
//!
//! The program is one of the test binary's own ignored tests, or any command. It is killed by SIGKILL, so it can do
//! nothing about it: after a time, or at a failpoint (`fail::fail_point!`) of the code under test.
//!
//! [`CrashRun::run`] blocks. A test whose node or proxy serves the child runs it on a runtime of several threads
//! (`#[tokio::test(flavor = "multi_thread")]`) inside `tokio::task::block_in_place`.
//!
//! ```no_run
//! use std::time::Duration;
//! use sentinel_support::crash::{CrashRun, Kill};
//!
//! #[test]
//! fn nothing_is_lost() -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
//!     let store = tempfile::tempdir()?;
//!     let outcome = CrashRun::of_test("backfill_child", &store.path().display().to_string())?
//!         .kills(Kill::at_random(7, 20, Duration::from_millis(5)..Duration::from_millis(300)))
//!         .kill(Kill::at_failpoint("engine::before_manifest", 3))
//!         .between(|run| {
//!             println!("run {} was killed; look at the store here, before it goes on", run.number);
//!             Ok(())
//!         })
//!         .run()?;
//!     assert!(outcome.kills > 0);
//!     Ok(())
//! }
//!
//! #[test]
//! #[ignore = "started by nothing_is_lost"]
//! fn backfill_child() {
//!     sentinel_support::crash::arm();
//!     let Some(store) = sentinel_support::child::task() else { return };
//!     // … the run under test, into `store`
//! }
//! ```

use std::error::Error;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::ops::Range;
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::{Duration, Instant};

use crate::child;
use crate::rng::Rng;
use crate::watch::{Usage, Watch};

/// Tells a child where to kill itself: a failpoint, a colon, and which time it gets there.
const CRASH_AT: &str = "SENTINEL_TEST_CRASH_AT";
/// The variable in which crate `fail` finds its configuration.
const FAILPOINTS: &str = "FAILPOINTS";
/// How often to look whether a child has ended.
const LOOK: Duration = Duration::from_millis(2);
/// How much of a child's output is kept.
const OUTPUT: u64 = 16 << 10;
/// SIGKILL's number on every Unix.
const SIGKILL: i32 = 9;

type Fault = Box<dyn Error + Send + Sync>;
type Between<'t> = Box<dyn FnMut(&Run) -> Result<(), Fault> + 't>;

/// How one run is ended.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Kill {
    /// This long after its start.
    After(Duration),
    /// When it gets to a failpoint for the nth time, exactly there. The child must have called [`arm`].
    AtFailpoint {
        /// Its name.
        name: String,
        /// Which time, from 1.
        nth: usize,
    },
    /// Stopped at a failpoint by `FAILPOINTS` alone, and killed after a time: for programs that do not call [`arm`] but
    /// let crate `fail` read its variable.
    Paused {
        /// The failpoint's name.
        name: String,
        /// Which time, from 1.
        nth: usize,
        /// How long after the start it is killed; it should be there by then.
        after: Duration,
    },
}

impl Kill {
    /// So many kills, each at a random time of its run; all from one seed.
    pub fn at_random(seed: u64, kills: usize, within: Range<Duration>) -> Vec<Self> {
        let mut rng = Rng::new(seed);
        let width = (within.end.saturating_sub(within.start).as_micros() as usize).max(1);
        let draw = |_| Self::After(within.start + Duration::from_micros(rng.below(width) as u64));
        (0..kills).map(draw).collect()
    }

    /// At each failpoint so many times, each time when it is met for the first, second … up to the `most`th time, as the
    /// seed decides.
    pub fn at_each(seed: u64, names: &[&str], times: usize, most: usize) -> Vec<Self> {
        let mut rng = Rng::new(seed);
        let all = names.iter().flat_map(|name| std::iter::repeat_n(*name, times));
        all.map(|name| Self::at_failpoint(name, 1 + rng.below(most))).collect()
    }

    /// Exactly when a failpoint is met for the nth time.
    pub fn at_failpoint(name: &str, nth: usize) -> Self {
        Self::AtFailpoint { name: name.to_owned(), nth }
    }
}

/// One run that has ended.
#[derive(Debug)]
pub struct Run {
    /// Which, from 1.
    pub number: usize,
    /// What was to end it; none for a run that may end by itself.
    pub kill: Option<Kill>,
    /// Whether it was killed, and did not end before.
    pub killed: bool,
    /// How long it ran.
    pub time: Duration,
    /// The end of what it wrote to both outputs.
    pub output: String,
    /// What it used, as far as it was seen.
    pub usage: Usage,
}

/// How all went.
#[derive(Debug)]
pub struct Outcome {
    /// How many runs were killed.
    pub kills: usize,
    /// All runs, the last of which ended by itself.
    pub runs: Vec<Run>,
    /// From the first start to the last end.
    pub time: Duration,
}

impl Outcome {
    /// The run that ended by itself; none where there was no run.
    pub fn last(&self) -> Option<&Run> {
        self.runs.last()
    }
}

/// Why a program did not come to its end.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum CrashError {
    /// It could not be started or watched.
    #[error("cannot run the child")]
    Io(#[from] io::Error),
    /// It ended by itself, and not well.
    #[error("run {number} failed with {status}; it said:\n{output}")]
    Failed {
        /// Which run.
        number: usize,
        /// How it ended.
        status: ExitStatus,
        /// The end of its output.
        output: String,
    },
    /// All together took too long.
    #[error("not done after {} s and {kills} kills; run {number} had said:\n{output}", after.as_secs())]
    Deadline {
        /// How long it took.
        after: Duration,
        /// How many runs were killed before.
        kills: usize,
        /// Which run was under way.
        number: usize,
        /// The end of its output.
        output: String,
    },
    /// What the test looked at between two runs was not in order.
    #[error("after run {number}")]
    Between {
        /// The run before.
        number: usize,
        /// What was wrong.
        #[source]
        source: Fault,
    },
}

/// A program with all the ways in which it is killed.
pub struct CrashRun<'t> {
    command: Command,
    kills: Vec<Kill>,
    deadline: Duration,
    between: Option<Between<'t>>,
}

impl<'t> CrashRun<'t> {
    /// One of the running test binary's ignored tests, with a task that it finds by [`child::task`].
    ///
    /// # Errors
    /// Where the system does not tell which binary this is.
    pub fn of_test(test: &str, task: &str) -> io::Result<Self> {
        Ok(Self::of_command(child::command(test, task)?))
    }

    /// Any program. Its outputs are taken over.
    pub fn of_command(command: Command) -> Self {
        Self { command, kills: Vec::new(), deadline: Duration::from_secs(120), between: None }
    }

    /// One more run that is killed.
    #[must_use]
    pub fn kill(mut self, kill: Kill) -> Self {
        self.kills.push(kill);
        self
    }

    /// More runs that are killed.
    #[must_use]
    pub fn kills(mut self, kills: impl IntoIterator<Item = Kill>) -> Self {
        self.kills.extend(kills);
        self
    }

    /// How long all runs together may take; two minutes where nothing is said.
    #[must_use]
    pub fn deadline(mut self, deadline: Duration) -> Self {
        self.deadline = deadline;
        self
    }

    /// Looks at what is there after each kill, before the next run.
    #[must_use]
    pub fn between(mut self, look: impl FnMut(&Run) -> Result<(), Fault> + 't) -> Self {
        self.between = Some(Box::new(look));
        self
    }

    /// Runs and kills in the order of the list, then runs to the end. A run that ends well before it is killed ends all.
    ///
    /// # Errors
    /// [`CrashError::Failed`] where a run ends badly by itself, [`CrashError::Deadline`] where it takes too long.
    pub fn run(mut self) -> Result<Outcome, CrashError> {
        let start = Instant::now();
        let mut runs = Vec::new();
        for kill in self.kills.clone().into_iter().map(Some).chain([None]) {
            let run = self.once(runs.len() + 1, kill, start)?;
            let (killed, number) = (run.killed, run.number);
            if killed && let Some(look) = &mut self.between {
                look(&run).map_err(|source| CrashError::Between { number, source })?;
            }
            runs.push(run);
            if !killed {
                break;
            }
        }
        let kills = runs.iter().filter(|run| run.killed).count();
        Ok(Outcome { kills, runs, time: start.elapsed() })
    }

    fn once(&mut self, number: usize, kill: Option<Kill>, start: Instant) -> Result<Run, CrashError> {
        let mut file = tempfile::tempfile()?;
        self.command.env_remove(CRASH_AT).env_remove(FAILPOINTS);
        match &kill {
            Some(Kill::AtFailpoint { name, nth }) => {
                self.command.env(CRASH_AT, format!("{name}:{nth}"));
            }
            Some(Kill::Paused { name, nth, .. }) => {
                let before = match nth.saturating_sub(1) {
                    0 => String::new(),
                    times => format!("{times}*off->"),
                };
                self.command.env(FAILPOINTS, format!("{name}={before}pause"));
            }
            Some(Kill::After(_)) | None => {}
        }
        let command = self.command.stdin(Stdio::null()).stdout(file.try_clone()?).stderr(file.try_clone()?);
        let mut child = Guard(command.spawn()?);
        let watch = Watch::of(child.0.id());
        let started = Instant::now();
        let after = match &kill {
            Some(Kill::After(after) | Kill::Paused { after, .. }) => Some(*after),
            _ => None,
        };
        let (status, late) = loop {
            if let Some(status) = child.0.try_wait()? {
                break (status, false);
            }
            let late = start.elapsed() > self.deadline;
            if late || after.is_some_and(|after| started.elapsed() >= after) {
                child.0.kill()?;
                break (child.0.wait()?, late);
            }
            std::thread::sleep(LOOK);
        };
        let (time, usage) = (started.elapsed(), watch.stop());
        let output = tail(&mut file)?;
        if late {
            // The runs before this one were all killed, or this one would not be.
            return Err(CrashError::Deadline { after: start.elapsed(), kills: number - 1, number, output });
        }
        let killed = kill.is_some() && was_killed(status);
        if !killed && !status.success() {
            return Err(CrashError::Failed { number, status, output });
        }
        Ok(Run { number, kill, killed, time, output, usage })
    }
}

/// Kills its child when dropped: no test leaves one behind.
struct Guard(Child);

impl Drop for Guard {
    fn drop(&mut self) {
        // Gone already, in most cases.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn was_killed(status: ExitStatus) -> bool {
    use std::os::unix::process::ExitStatusExt;
    status.signal() == Some(SIGKILL)
}

fn tail(file: &mut File) -> io::Result<String> {
    let len = file.metadata()?.len();
    file.seek(SeekFrom::Start(len.saturating_sub(OUTPUT)))?;
    let mut bytes = Vec::new();
    file.read_to_end(&mut bytes)?;
    Ok(String::from_utf8_lossy(&bytes).into_owned())
}

/// In a child: dies by SIGKILL where the parent asked for it ([`Kill::AtFailpoint`]), and does what `FAILPOINTS` says
/// ([`Kill::Paused`]). Call it first.
///
/// # Panics
/// Where the parent's wish cannot be understood or granted: a kill that does not happen proves nothing.
pub fn arm() {
    if std::env::var_os(FAILPOINTS).is_some() {
        // It would forget them when dropped; they are for as long as the process lives.
        std::mem::forget(fail::FailScenario::setup());
    }
    let Ok(wish) = std::env::var(CRASH_AT) else { return };
    let (name, nth) = wish.rsplit_once(':').unwrap_or((&wish, "1"));
    let Ok(nth) = nth.parse::<usize>() else { panic!("{CRASH_AT} is `{wish}`, not a failpoint and a number") };
    let met = std::sync::atomic::AtomicUsize::new(0);
    let at = name.to_owned();
    let armed = fail::cfg_callback(name, move || {
        if met.fetch_add(1, std::sync::atomic::Ordering::SeqCst) + 1 == nth {
            eprintln!("killed at {at}, time {nth}");
            let _ = rustix::process::kill_process(rustix::process::getpid(), rustix::process::Signal::KILL);
        }
    });
    if let Err(error) = armed {
        panic!("failpoint {name}: {error}");
    }
}
