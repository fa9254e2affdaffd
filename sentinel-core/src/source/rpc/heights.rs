//! The hashes of finalized heights, asked for in lists by whoever reads along the chain.

use std::collections::VecDeque;
use std::ops::RangeInclusive;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use futures::future;
use tokio::sync::OnceCell;
use tokio::time::Instant;

use super::ask::Ask;
use crate::chain::BlockHash;
use crate::source::SourceError;

/// Heights in a list: the answer is about 18 KB.
const LIST: u64 = 256;

/// Lists that are kept: more than the blocks that anybody reads at once.
const KEPT: usize = 24;

/// Lists that are asked for before they are needed: as many blocks as are asked for at once, and some for the time that a busy
/// node takes to make up a list.
const AHEAD: u64 = 9;

/// What was asked for before it was known what is final is kept where that turns out soon, and as many blocks below it
/// as a list has: they were final then, too.
const SOON: Duration = Duration::from_secs(60);

/// Until then it is as good as an answer that took its time.
const FRESH: Duration = Duration::from_secs(1);

/// A list, empty where it was not asked for yet.
type Hashes = Arc<OnceCell<Vec<BlockHash>>>;

/// See the module. Only what is final is kept: the hash at any other height may change.
#[derive(Debug, Default)]
pub(super) struct Heights {
    finalized: AtomicU64,
    /// The height that was asked for last, plus one.
    last: AtomicU64,
    /// By the first height divided by [`LIST`], the newest used at the back.
    lists: Mutex<VecDeque<(u64, Hashes)>>,
    /// What came before it was known what is final.
    early: Mutex<Vec<Early>>,
    /// Somebody asks for them; the others wait for that.
    preparing: tokio::sync::Mutex<()>,
}

/// A list that came before it was known what is final.
#[derive(Debug)]
struct Early {
    list: u64,
    hashes: Vec<BlockHash>,
    asked: Instant,
}

impl Heights {
    /// Takes note of a finalized head.
    pub(super) fn finalized(&self, number: u64) {
        self.finalized.fetch_max(number, Ordering::Relaxed);
        self.take_early();
    }

    /// Asks for the hashes of the first of some blocks, for whoever will read along the chain; gives those of the block before
    /// them and of the first.
    pub(super) async fn prepare(
        &self,
        ask: Ask<'_>,
        blocks: RangeInclusive<u64>,
    ) -> Result<Option<[BlockHash; 2]>, SourceError> {
        let _preparing = self.preparing.lock().await;
        let (first, asked) = (*blocks.start(), Instant::now());
        let (list, last) = (first / LIST, (first / LIST + AHEAD).min(blocks.end() / LIST));
        let is_height = u32::try_from(last.saturating_mul(LIST).saturating_add(LIST)).is_ok();
        if first == 0 || blocks.is_empty() || !is_height || ask.node.manners.no_lists() {
            return Ok(None);
        }
        // The block before may be of the list before.
        let before = first - 1;
        let start = before.min(list * LIST);
        let lists = (list..=last).map(|of| {
            let from = if of == list { start } else { of * LIST };
            ask.hashes_at(from..=of * LIST + (LIST - 1))
        });
        let mut lists = future::join_all(lists).await.into_iter();
        let Some(hashes) = lists.next().transpose()?.flatten() else { return Ok(None) };
        let at = |number: u64| hashes.get((number - start) as usize).copied();
        let pair = at(before).zip(at(first)).map(|(before, first)| [before, first]);
        let hashes = hashes.get((list * LIST - start) as usize..).unwrap_or_default().to_vec();
        // A failure of the others shows when they are needed.
        let others = lists.map_while(|hashes| hashes.ok().flatten());
        let early = (list..).zip([hashes].into_iter().chain(others));
        *self.early() = early.map(|(list, hashes)| Early { list, hashes, asked }).collect();
        self.last.store(first + 1, Ordering::Relaxed);
        self.take_early();
        Ok(pair)
    }

    /// Keeps what came early once it is known what is final.
    fn take_early(&self) {
        let finalized = self.finalized.load(Ordering::Relaxed);
        if finalized == 0 {
            return;
        }
        for Early { list, hashes, asked } in std::mem::take(&mut *self.early()) {
            if asked.elapsed() <= SOON && hashes.len() as u64 == LIST && (list + 2) * LIST <= finalized + 1 {
                // Whoever was quicker has asked for it again.
                let _ = self.slot(list).set(hashes);
            }
        }
    }

    /// What came early of a height, while it is not known what is final.
    async fn hash_early(&self, number: u64) -> Option<BlockHash> {
        drop(self.preparing.lock().await);
        let early = self.early();
        let of = early.iter().find(|early| early.list == number / LIST && early.asked.elapsed() <= FRESH)?;
        of.hashes.get((number % LIST) as usize).copied()
    }

    /// The hash at a height.
    ///
    /// A height near the one before is taken for one of many, and those beside it are asked for with it. What comes is
    /// not believed: whoever reads the block compares, and [`doubt`](Self::doubt)s it where it does not fit.
    pub(super) async fn hash(&self, ask: Ask<'_>, number: u64) -> Result<Option<BlockHash>, SourceError> {
        if u32::try_from(number).is_err() {
            // Heights of this chain are 32 bits on the wire: nodes refuse the parameter instead of answering null.
            return Ok(None);
        }
        let is_near = self.follows(&(number..=number));
        if self.finalized.load(Ordering::Relaxed) == 0
            && let Some(hash) = Box::pin(self.hash_early(number)).await
        {
            return Ok(Some(hash));
        }
        if is_near
            && number <= self.finalized.load(Ordering::Relaxed)
            && let Some(hashes) = self.list(ask, number / LIST).await?
            // It ends where the chain did when it was asked for.
            && let Some(hash) = hashes.get().and_then(|hashes| hashes.get((number % LIST) as usize))
        {
            return Ok(Some(*hash));
        }
        Box::pin(ask.hash_at(number)).await
    }

    /// The hashes at consecutive heights, where all of them are in lists; to be believed as little as [one](Self::hash).
    pub(super) async fn hashes(
        &self,
        ask: Ask<'_>,
        heights: RangeInclusive<u64>,
    ) -> Result<Option<Vec<BlockHash>>, SourceError> {
        self.follows(&heights);
        if self.finalized.load(Ordering::Relaxed) == 0 {
            let early = future::join_all(heights.map(|number| self.hash_early(number))).await;
            return Ok(early.into_iter().collect());
        }
        if *heights.end() > self.finalized.load(Ordering::Relaxed) {
            return Ok(None);
        }
        let mut hashes = Vec::with_capacity((heights.end() - heights.start() + 1) as usize);
        for number in heights {
            let Some(list) = self.list(ask, number / LIST).await? else { return Ok(None) };
            let Some(hash) = list.get().and_then(|list| list.get((number % LIST) as usize)) else { return Ok(None) };
            hashes.push(*hash);
        }
        Ok(Some(hashes))
    }

    /// Whether heights lie near those that were asked for before them.
    fn follows(&self, heights: &RangeInclusive<u64>) -> bool {
        let last = self.last.swap(heights.end().saturating_add(1), Ordering::Relaxed);
        last > 0 && heights.start().abs_diff(last - 1) <= LIST
    }

    /// Asks for the hashes after those of the list that `number` begins, so that nobody waits for them. A failure shows
    /// when they are needed.
    pub(super) async fn look_ahead(&self, ask: Ask<'_>, number: u64) {
        if !number.is_multiple_of(LIST) {
            return;
        }
        let list = number / LIST;
        let lists = (list + 1..=list + AHEAD).map(|list| self.list(ask, list));
        for asked in Box::pin(future::join_all(lists)).await {
            if let Err(error) = asked {
                tracing::debug!(number, %error, "no hashes ahead");
            }
        }
    }

    /// A list, asked for if it is not there; `None` where none of it is final, or the endpoint gives none.
    async fn list(&self, ask: Ask<'_>, list: u64) -> Result<Option<Hashes>, SourceError> {
        let first = list * LIST;
        let last = (first + (LIST - 1)).min(self.finalized.load(Ordering::Relaxed));
        if last < first || ask.node.manners.no_lists() {
            return Ok(None);
        }
        let hashes = self.slot(list);
        if hashes.initialized() {
            return Ok(Some(hashes));
        }
        let asked = hashes.get_or_try_init(|| async {
            ask.hashes_at(first..=last).await.map_err(Some)?.filter(|hashes| !hashes.is_empty()).ok_or(None)
        });
        match Box::pin(asked).await {
            Ok(_) => Ok(Some(Arc::clone(&hashes))),
            Err(Some(error)) => Err(error),
            Err(None) => Ok(None),
        }
    }

    /// Forgets what a list said of a height, and of those beside it.
    pub(super) fn doubt(&self, number: u64) {
        self.early().retain(|early| early.list != number / LIST);
        let is_in = |hashes: &Hashes| hashes.get().is_some_and(|hashes| (number % LIST) < hashes.len() as u64);
        self.lock().retain(|(list, hashes)| *list != number / LIST || !is_in(hashes));
    }

    fn slot(&self, list: u64) -> Hashes {
        let mut lists = self.lock();
        let known = lists.iter().position(|(of, _)| *of == list).and_then(|index| lists.remove(index));
        let hashes = known.map_or_else(Hashes::default, |(_, hashes)| hashes);
        if lists.len() == KEPT {
            lists.pop_front();
        }
        lists.push_back((list, Arc::clone(&hashes)));
        hashes
    }

    fn early(&self) -> MutexGuard<'_, Vec<Early>> {
        self.early.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn lock(&self) -> MutexGuard<'_, VecDeque<(u64, Hashes)>> {
        self.lists.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
