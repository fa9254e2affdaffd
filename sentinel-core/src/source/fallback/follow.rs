//! The streams of two sources joined: the old blocks of the archive, then those of the live source.

use futures::stream::{self, BoxStream, StreamExt};

use super::Inner;
use crate::chain::{BlockRef, Finality};
use crate::source::{BestUpdate, RawBlock, SourceError};

/// How often the sides are changed at one height before its error is handed out.
const CHANGES: u32 = 2;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Side {
    Live,
    Archive,
}

/// Blocks of one side after the other.
struct Joined<'a, T> {
    inner: &'a Inner,
    next: u64,
    last: Option<BlockRef>,
    stream: Option<(Side, BoxStream<'a, Result<T, SourceError>>)>,
    /// The side to go on with, where the other one failed; else the height decides.
    turn: Option<Side>,
    /// How often the side was changed since the last block.
    changes: u32,
    is_over: bool,
}

impl<'a, T> Joined<'a, T> {
    fn new(inner: &'a Inner, from: u64) -> Self {
        Self { inner, next: from, last: None, stream: None, turn: None, changes: 0, is_over: false }
    }

    /// The side that the next height belongs to.
    fn side(&self) -> Side {
        if self.inner.is_old(self.next) { Side::Archive } else { Side::Live }
    }

    fn change(&mut self, to: Side) {
        self.changes += 1;
        self.turn = Some(to);
        self.stream = None;
    }

    /// After a block of the archive: whether the rest is the live source's. Its head is asked for once the one known says
    /// so, which may be long ago.
    async fn leave_archive(&mut self) {
        if self.inner.is_old(self.next) {
            return;
        }
        if let Ok(head) = self.inner.live.head(Finality::Best).await {
            self.inner.saw(head.number);
        }
        if !self.inner.is_old(self.next) {
            self.stream = None;
        }
    }

    /// What an error of one side means for the other; `None` where that one goes on.
    async fn failed(&mut self, side: Side, error: SourceError) -> Option<SourceError> {
        let other = match (&error, side) {
            (SourceError::StatePruned { .. }, Side::Live) => {
                self.inner.dropped(self.next).await;
                Some(Side::Archive)
            }
            (SourceError::NotRecorded { .. } | SourceError::UnknownBlock { .. }, Side::Archive) => Some(Side::Live),
            _ => None,
        };
        if let Some(other) = other
            && self.changes < CHANGES
        {
            self.change(other);
            return None;
        }
        self.changes = 0;
        self.is_over = matches!(error, SourceError::Contradicted { .. });
        Some(error)
    }

    /// Whether a block follows the last one; the two sides may be on different branches.
    fn accept(&mut self, block: &RawBlock) -> Result<(), SourceError> {
        let reference = block.reference();
        if let Some(last) = self.last
            && reference.parent_hash != last.hash
        {
            self.is_over = true;
            return Err(SourceError::Contradicted {
                endpoint: "archive and live source".to_owned(),
                block: last.number,
                was: last.hash,
                now: reference.parent_hash,
            });
        }
        self.last = Some(reference);
        self.next = reference.number + 1;
        self.changes = 0;
        Ok(())
    }
}

impl Joined<'_, RawBlock> {
    async fn step(&mut self) -> Option<Result<RawBlock, SourceError>> {
        while !self.is_over {
            let inner = self.inner;
            let (side, stream) = match &mut self.stream {
                Some((side, stream)) => (*side, stream),
                none => {
                    let side =
                        if inner.is_old(self.next) && self.changes < CHANGES { Side::Archive } else { Side::Live };
                    let source = if side == Side::Archive { &inner.archive } else { &inner.live };
                    let (side, stream) = none.insert((side, source.finalized(self.next)));
                    (*side, stream)
                }
            };
            match stream.next().await {
                None if side == Side::Archive => {
                    // A recording ends; the chain does not.
                    self.change(Side::Live);
                }
                None => return None,
                Some(Ok(block)) => {
                    let accepted = self.accept(&block);
                    if accepted.is_ok() && side == Side::Archive {
                        self.leave_archive().await;
                    }
                    return Some(accepted.map(|()| block));
                }
                Some(Err(error)) => {
                    if let Some(error) = self.failed(side, error).await {
                        return Some(Err(error));
                    }
                }
            }
        }
        None
    }
}

/// See [`BlockSource::finalized`](crate::source::BlockSource::finalized).
pub(super) fn finalized(inner: &Inner, from: u64) -> BoxStream<'_, Result<RawBlock, SourceError>> {
    let joined = Joined::<RawBlock>::new(inner, from);
    stream::unfold(joined, |mut joined| async move { joined.step().await.map(|item| (item, joined)) }).boxed()
}

/// Old blocks, which no re-organisation reaches, and then the best chain of the live source.
struct Best<'a> {
    old: Joined<'a, RawBlock>,
    live: Option<BoxStream<'a, Result<BestUpdate, SourceError>>>,
}

impl Best<'_> {
    async fn step(&mut self) -> Option<Result<BestUpdate, SourceError>> {
        loop {
            if let Some(live) = &mut self.live {
                match live.next().await {
                    Some(Err(SourceError::StatePruned { .. })) if self.old.side() == Side::Live => {
                        self.old.inner.dropped(self.old.next).await;
                        self.live = None;
                    }
                    Some(Ok(BestUpdate::Applied(block))) => {
                        // Re-organisations are the stream's affair; this only says where to go on.
                        self.old.next = block.header.header.number + 1;
                        return Some(Ok(BestUpdate::Applied(block)));
                    }
                    Some(Ok(BestUpdate::RolledBack { to })) => {
                        self.old.next = to.number + 1;
                        return Some(Ok(BestUpdate::RolledBack { to }));
                    }
                    other => return other,
                }
            } else if self.old.side() == Side::Live {
                self.live = Some(self.old.inner.live.best(self.old.next));
            } else {
                let block = self.old.step().await?;
                return Some(block.map(|block| BestUpdate::Applied(Box::new(block))));
            }
        }
    }
}

/// See [`BlockSource::best`](crate::source::BlockSource::best).
pub(super) fn best(inner: &Inner, from: u64) -> BoxStream<'_, Result<BestUpdate, SourceError>> {
    let best = Best { old: Joined::new(inner, from), live: None };
    stream::unfold(best, |mut best| async move { best.step().await.map(|item| (item, best)) }).boxed()
}
