//! One process works on a job: a lease in the store, numbered, so that of several that want it one wins.
//!
//! Lease `n` is an object that is created and never changed; of several processes that create it, one succeeds. Its holder
//! says from time to time that it lives. A lease whose holder is dead (a process of this machine that is gone), or has said
//! nothing for a while (of another machine), is taken over by creating the next one; the old holder finds out before its
//! next write that counts, and stops.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use futures::TryStreamExt;
use serde::{Deserialize, Serialize};

use super::EngineError;
use super::state::State;
use crate::storage::{Key, PutMode, StorageError};

/// A holder of another machine that has said nothing for so long is taken for dead.
const SILENCE: Duration = Duration::from_secs(60);

/// How often a holder says that it lives.
pub(super) const PULSE: Duration = Duration::from_secs(15);

/// Who holds a lease.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
struct Holder {
    host: String,
    pid: u32,
    /// When the process began, as its machine counts: a number is given to another process sooner or later.
    started: u64,
}

#[derive(Debug, Clone, Serialize, Deserialize)]
struct Pulse {
    holder: Holder,
    alive_ms: u64,
}

/// The right to work on a job.
#[derive(Debug)]
pub(super) struct Lease {
    state: State,
    number: u64,
    holder: Holder,
}

impl Lease {
    /// Takes the lease of a job, over from a dead holder if need be.
    pub(super) async fn take(state: &State) -> Result<Self, EngineError> {
        let holder = Holder::this();
        let newest = newest(state).await?;
        if let Some((number, key)) = &newest {
            let pulse = state.read_json::<Pulse>(&pulse_key(state, *number)?).await?;
            let created = state.read_json::<Pulse>(key).await?;
            if let Some(last) = pulse.or(created)
                && last.holder.may_live(last.alive_ms)
                && last.holder != holder
            {
                return Err(EngineError::Leased { holder: last.holder.words() });
            }
        }
        let number = newest.map_or(1, |(number, _)| number + 1);
        let lease = Self { state: state.clone(), number, holder };
        let key = lease_key(state, number)?;
        let bytes = serde_json::to_vec(&lease.now())
            .map_err(|error| EngineError::State { key: key.to_string(), message: error.to_string() })?;
        match state.storage().put(&key, bytes.into(), PutMode::Create).await {
            Ok(()) => {}
            Err(StorageError::AlreadyExists { .. }) => {
                let other = state.read_json::<Pulse>(&key).await?;
                let holder = other.map_or_else(|| "another process".to_owned(), |other| other.holder.words());
                return Err(EngineError::Leased { holder });
            }
            Err(error) => return Err(error.into()),
        }
        lease.forget_older().await?;
        Ok(lease)
    }

    /// Says that the holder lives.
    pub(super) async fn pulse(&self) -> Result<(), EngineError> {
        self.state.write_json(&pulse_key(&self.state, self.number)?, &self.now()).await
    }

    /// Refuses to go on where somebody else has taken the job over.
    pub(super) async fn check(&self) -> Result<(), EngineError> {
        match newest(&self.state).await? {
            Some((number, key)) if number > self.number => {
                let other = self.state.read_json::<Pulse>(&key).await?;
                let holder = other.map_or_else(|| "another process".to_owned(), |other| other.holder.words());
                Err(EngineError::LostLease { holder })
            }
            _ => Ok(()),
        }
    }

    /// Gives the lease back, so that the next process need not wait.
    pub(super) async fn give_back(self) -> Result<(), EngineError> {
        self.state.storage().delete(&pulse_key(&self.state, self.number)?).await?;
        Ok(self.state.storage().delete(&lease_key(&self.state, self.number)?).await?)
    }

    fn now(&self) -> Pulse {
        Pulse { holder: self.holder.clone(), alive_ms: now_ms() }
    }

    async fn forget_older(&self) -> Result<(), EngineError> {
        for (number, _) in all(&self.state).await? {
            if number < self.number {
                self.state.storage().delete(&pulse_key(&self.state, number)?).await?;
                self.state.storage().delete(&lease_key(&self.state, number)?).await?;
            }
        }
        Ok(())
    }
}

fn lease_key(state: &State, number: u64) -> Result<Key, StorageError> {
    state.folder().join(format_args!("lease/{number:010}.json"))
}

fn pulse_key(state: &State, number: u64) -> Result<Key, StorageError> {
    state.folder().join(format_args!("pulse/{number:010}.json"))
}

async fn all(state: &State) -> Result<Vec<(u64, Key)>, EngineError> {
    let folder = state.folder().join("lease")?;
    let keys: Vec<Key> = state.storage().list(Some(&folder)).map_ok(|object| object.key).try_collect().await?;
    let number = |key: &Key| key.segments().next_back()?.strip_suffix(".json")?.parse().ok();
    Ok(keys.into_iter().filter_map(|key| Some((number(&key)?, key))).collect())
}

async fn newest(state: &State) -> Result<Option<(u64, Key)>, EngineError> {
    Ok(all(state).await?.into_iter().max_by_key(|(number, _)| *number))
}

fn now_ms() -> u64 {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    u64::try_from(since.as_millis()).unwrap_or(u64::MAX)
}

impl Holder {
    fn this() -> Self {
        let pid = std::process::id();
        Self { host: host(), pid, started: started(pid).unwrap_or_default() }
    }

    /// Whether it may still be at work. What cannot be known is taken for life.
    fn may_live(&self, alive_ms: u64) -> bool {
        if self.host == host() {
            return started(self.pid).is_some_and(|started| started == self.started);
        }
        now_ms().saturating_sub(alive_ms) < u64::try_from(SILENCE.as_millis()).unwrap_or(u64::MAX)
    }

    fn words(&self) -> String {
        format!("process {} on {}", self.pid, self.host)
    }
}

/// A name of this machine since it was started: numbers of processes mean nothing beyond that.
fn host() -> String {
    let read = |path: &str| std::fs::read_to_string(path).ok().map(|text| text.trim().to_owned());
    let name = read("/proc/sys/kernel/hostname").unwrap_or_else(|| "unknown".to_owned());
    let boot = read("/proc/sys/kernel/random/boot_id").unwrap_or_default();
    let short: String = boot.chars().take(8).collect();
    format!("{name} ({short})")
}

/// When a process of this machine began; `None` where there is no such process, or no telling.
fn started(pid: u32) -> Option<u64> {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    // The name in the second field is in parentheses and may hold anything.
    let rest = stat.rsplit_once(')')?.1;
    let mut fields = rest.split_whitespace();
    let state = fields.next()?;
    // Dead, and not yet collected by its parent.
    if state == "Z" || state == "X" {
        return None;
    }
    fields.nth(18)?.parse().ok()
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use super::*;
    use crate::storage::ObjectStorage;

    fn state() -> State {
        State::new(Arc::new(ObjectStorage::memory()), Key::new("sim/_state/job").unwrap())
    }

    async fn planted(state: &State, holder: Holder, alive_ms: u64) {
        state.write_json(&lease_key(state, 7).unwrap(), &Pulse { holder, alive_ms }).await.unwrap();
    }

    #[tokio::test]
    async fn a_dead_holder_is_followed_at_once_and_a_living_one_is_not() {
        let state = state();
        let this = Holder::this();
        assert!(this.started > 0);
        planted(&state, Holder { started: this.started + 1, ..this.clone() }, now_ms()).await;
        let lease = Lease::take(&state).await.unwrap();
        assert_eq!(lease.number, 8);
        lease.check().await.unwrap();

        // A process that surely lives, and is not this one.
        let other = Holder { host: host(), pid: 1, started: started(1).unwrap() };
        let state = self::state();
        planted(&state, other, 0).await;
        assert!(matches!(Lease::take(&state).await, Err(EngineError::Leased { .. })));
    }

    #[tokio::test]
    async fn of_another_machine_only_the_pulse_tells() {
        let elsewhere = Holder { host: "elsewhere".to_owned(), pid: 1, started: 1 };
        let state = state();
        planted(&state, elsewhere.clone(), now_ms()).await;
        assert!(matches!(Lease::take(&state).await, Err(EngineError::Leased { .. })));
        planted(&state, elsewhere, now_ms() - 61_000).await;
        Lease::take(&state).await.unwrap();
    }

    #[tokio::test]
    async fn who_was_taken_over_stops() {
        let state = state();
        let first = Lease::take(&state).await.unwrap();
        let second = Lease::take(&state).await.unwrap();
        assert!(matches!(first.check().await, Err(EngineError::LostLease { .. })));
        second.check().await.unwrap();
        second.give_back().await.unwrap();
        assert_eq!(newest(&state).await.unwrap(), None);
    }
}
