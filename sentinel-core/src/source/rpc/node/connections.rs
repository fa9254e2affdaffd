//! The connections of an endpoint: opened one at a time, checked, taken out when they end.

use std::sync::atomic::Ordering;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::super::classify::{self, Asked};
use super::super::dial::{GREETING, dial};
use super::super::failure::{ConnectionError, into_rpc};
use super::super::link::Link;
use super::Node;
use crate::chain::BlockHash;
use crate::source::SourceError;

/// Requests under way on each connection before another one is opened.
const CROWDED: usize = 4;

/// Where one connection of an endpoint is kept.
#[derive(Debug, Default)]
pub(super) struct Slot {
    link: Mutex<Option<Arc<Link>>>,
    /// Who opens it has the turn; the others wait for that one attempt.
    opening: tokio::sync::Mutex<()>,
}

impl Node {
    /// The connection with the least to do; one is opened where there is none.
    pub(super) async fn link(&self) -> Result<Arc<Link>, SourceError> {
        let least = self.open_links().min_by_key(|link| link.under_way());
        if let Some(link) = least {
            let open = self.wanted.load(Ordering::Relaxed);
            if link.under_way() >= CROWDED && open < self.slots.len() {
                // The keeper opens it: nobody waits for a connection while there is one.
                let _ = self.wanted.compare_exchange(open, open + 1, Ordering::Relaxed, Ordering::Relaxed);
                self.crowded.notify_one();
            }
            return Ok(link);
        }
        match self.slots.first() {
            // Much of it, for a moment that hardly ever comes: not part of every request.
            Some(slot) => Box::pin(self.open(slot)).await,
            None => Err(self.health.failure(self.endpoint())),
        }
    }

    /// Opens connections until there are as many as there was use for.
    pub(in super::super) async fn replace_lost(&self) -> Result<(), SourceError> {
        for slot in &self.slots {
            if self.open_links().count() >= self.wanted.load(Ordering::Relaxed) {
                break;
            }
            if slot.link().is_none() {
                self.open(slot).await?;
            }
        }
        Ok(())
    }

    async fn open(&self, slot: &Slot) -> Result<Arc<Link>, SourceError> {
        let _turn = slot.opening.lock().await;
        if let Some(link) = slot.link() {
            return Ok(link);
        }
        if !self.health.pause_left().is_zero() {
            return Err(self.health.failure(self.endpoint()));
        }
        match dial(&self.address, &self.options).await.and_then(|(link, genesis)| self.vet(link, genesis)) {
            Ok(link) => {
                self.counters.connects.one();
                self.health.connected();
                let link = Arc::new(link);
                *slot.lock() = Some(Arc::clone(&link));
                Ok(link)
            }
            Err(error) => {
                self.counters.connect_failures.one();
                if matches!(error, ConnectionError::OtherChain { .. }) && !self.refused.swap(true, Ordering::Relaxed) {
                    tracing::error!(endpoint = self.endpoint(), %error, "the endpoint is not used");
                }
                let error = classify::classify(into_rpc(error), self.greeting());
                self.health.unreachable(&error);
                Err(error)
            }
        }
    }

    /// All endpoints must serve one chain.
    fn vet(&self, link: Link, now: BlockHash) -> Result<Link, ConnectionError> {
        match self.genesis.get() {
            Some(expected) if *expected != now => Err(ConnectionError::OtherChain { expected: *expected, now }),
            _ => {
                *self.serves.lock().unwrap_or_else(PoisonError::into_inner) = Some(now);
                self.refused.store(false, Ordering::Relaxed);
                Ok(link)
            }
        }
    }

    /// The genesis of the chain that it served when the last connection was opened.
    pub(in super::super) fn serves(&self) -> Option<BlockHash> {
        *self.serves.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Stops using it, because it serves another chain than the others.
    pub(in super::super) fn refuse(&self, expected: BlockHash, now: BlockHash) {
        self.refused.store(true, Ordering::Relaxed);
        tracing::error!(endpoint = self.endpoint(), %expected, %now, "the endpoint serves another chain, it is not used");
        let error = into_rpc(ConnectionError::OtherChain { expected, now });
        self.health.unreachable(&classify::classify(error, self.greeting()));
        self.slots.iter().for_each(|slot| *slot.lock() = None);
    }

    fn greeting(&self) -> Asked<'_> {
        Asked { endpoint: self.endpoint(), method: GREETING, function: None, block: None }
    }

    /// A connection that ended under a request. All requests on it notice; it counts once.
    pub(super) fn lost(&self, link: &Arc<Link>) {
        if !link.is_socket() {
            self.health.bad();
        } else if self.forget(link) {
            self.health.bad();
            if !link.is_proved() {
                self.health.stillborn();
            }
        }
    }

    /// Drops a connection that does not answer; what is under way on it fails at once, and may be asked elsewhere.
    pub(in super::super) fn drop_hung(&self, link: &Arc<Link>) {
        tracing::warn!(endpoint = self.endpoint(), silent = ?link.silent_for(), "a connection hangs, dropping it");
        self.counters.hung.one();
        link.give_up();
        self.forget(link);
        // One of several is the network's affair, the only one or all of them the endpoint's.
        match self.open_links().any(|other| other.silent_for() < self.options.probe_interval) {
            true => self.health.bad(),
            false => self.health.hung(),
        }
    }

    /// Gives its connections up, so that new ones are opened, perhaps to another backend.
    pub(in super::super) fn reopen(&self) {
        for link in self.open_links().filter(|link| link.is_socket()) {
            link.give_up();
            self.forget(&link);
        }
    }

    /// Takes a connection out; whether it was still there.
    pub(super) fn forget(&self, link: &Arc<Link>) -> bool {
        self.slots.iter().any(|slot| {
            let mut place = slot.lock();
            let is_here = place.as_ref().is_some_and(|here| Arc::ptr_eq(here, link));
            if is_here {
                *place = None;
            }
            is_here
        })
    }
}

impl Slot {
    /// The connection, where it is open.
    pub(super) fn link(&self) -> Option<Arc<Link>> {
        self.lock().as_ref().filter(|link| link.is_open()).cloned()
    }

    fn lock(&self) -> MutexGuard<'_, Option<Arc<Link>>> {
        self.link.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
