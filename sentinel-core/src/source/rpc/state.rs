//! Reads of state: keys in batches, prefixes page by page.

use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};

use bytes::Bytes;
use futures::future;
use futures::stream::{self, BoxStream, StreamExt, TryStreamExt};

use super::Inner;
use super::ask::Ask;
use super::json::Json;
use super::pool::anywhere;
use super::portion::Portion;
use super::wire::{self, Params};
use crate::chain::{BlockId, BlockRef};
use crate::source::{KeyValue, SourceError};

/// The method that gives the values of several keys.
pub(super) const QUERY: &str = "state_queryStorageAt";

/// Batches of one read that are under way at once.
const BATCHES_AT_ONCE: usize = 4;

/// What was learnt about how a node wants to be asked.
#[derive(Debug)]
pub(super) struct Manners {
    /// `state_queryStorageAt` is not served.
    no_batches: AtomicBool,
    /// `chain_getBlockHash` takes no lists.
    no_lists: AtomicBool,
    /// Keys per `state_getKeysPaged`.
    page: Portion,
    /// Keys per `state_queryStorageAt`.
    batch: Portion,
}

impl Manners {
    pub(super) fn new(page: usize, batch: usize) -> Self {
        Self {
            no_batches: AtomicBool::new(false),
            no_lists: AtomicBool::new(false),
            page: Portion::new(page),
            batch: Portion::new(batch),
        }
    }

    pub(super) fn no_batches(&self) -> bool {
        self.no_batches.load(Ordering::Relaxed)
    }

    pub(super) fn no_lists(&self) -> bool {
        self.no_lists.load(Ordering::Relaxed)
    }

    pub(super) fn lists_refused(&self) {
        self.no_lists.store(true, Ordering::Relaxed);
    }
}

impl Inner {
    /// The values of `keys`, in their order, from a state that says it is the one of `at`.
    pub(super) async fn values(
        &self,
        ask: Ask<'_>,
        at: &BlockRef,
        keys: &[Bytes],
    ) -> Result<Vec<Option<Bytes>>, SourceError> {
        if keys.is_empty() {
            return Ok(Vec::new());
        }
        let size = ask.node.manners.batch.now();
        if keys.len() <= size {
            return self.batch(ask, at, keys).await;
        }
        let batches = stream::iter((0..keys.len()).step_by(size))
            .map(|start| self.batch(ask, at, &keys[start..keys.len().min(start + size)]))
            .buffered(BATCHES_AT_ONCE)
            .try_collect::<Vec<Vec<Option<Bytes>>>>();
        Ok(Box::pin(batches).await?.into_iter().flatten().collect())
    }

    /// Reads keys in portions that the node can answer.
    async fn batch(&self, ask: Ask<'_>, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let mut values = Vec::with_capacity(keys.len());
        while values.len() < keys.len() {
            let rest = &keys[values.len()..];
            let portion = &rest[..rest.len().min(ask.node.manners.batch.now())];
            match self.witnessed(ask, at, portion).await {
                Ok(more) => {
                    ask.node.manners.batch.fitted();
                    values.extend(more);
                }
                Err(SourceError::TooLarge { .. }) if ask.node.manners.batch.too_large(portion.len()) => {}
                Err(error) => return Err(error),
            }
        }
        Ok(values)
    }

    /// A node that lacks a state may answer "absent" to everything. So each request also asks which block it is.
    async fn witnessed(&self, ask: Ask<'_>, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let all = self.with_number(keys);
        let mut values = if ask.node.manners.no_batches() {
            Box::pin(self.one_by_one(ask, at, &all)).await?
        } else {
            match self.query(ask, at, &all).await {
                Err(SourceError::Unsupported { .. }) => {
                    tracing::debug!(endpoint = ask.endpoint(), "no batch reads, reading key by key");
                    ask.node.manners.no_batches.store(true, Ordering::Relaxed);
                    Box::pin(self.one_by_one(ask, at, &all)).await?
                }
                answer => answer?,
            }
        };
        self.witness(ask, at, values.remove(0).as_deref())?;
        Ok(values)
    }

    /// Some keys after that of the block number.
    pub(super) fn with_number(&self, keys: &[Bytes]) -> Vec<Bytes> {
        [&self.number_key].into_iter().chain(keys).cloned().collect()
    }

    /// The values of all `keys` but the first in an answer; the first [says](Self::with_number) whose state it is.
    pub(super) fn witnessed_in(
        &self,
        ask: Ask<'_>,
        at: &BlockRef,
        keys: &[Bytes],
        answer: &Json,
    ) -> Result<Vec<Option<Bytes>>, SourceError> {
        let mut values = query_in(ask, at, keys, answer)?;
        self.witness(ask, at, values.remove(0).as_deref())?;
        Ok(values)
    }

    fn witness(&self, ask: Ask<'_>, at: &BlockRef, number: Option<&[u8]>) -> Result<(), SourceError> {
        let says = match number {
            None => None,
            Some(bytes) => <[u8; 4]>::try_from(bytes).ok().map(u32::from_le_bytes).map(u64::from),
        };
        match says {
            Some(number) if number == at.number => Ok(()),
            None if at.number == 0 => Ok(()),
            Some(number) => {
                Err(ask.lying(BlockId::Number(at.number), format!("the state of block {number} (System.Number)")))
            }
            None => Err(ask.lying(BlockId::Number(at.number), "a state without a block number (System.Number)")),
        }
    }

    async fn query(&self, ask: Ask<'_>, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        let answer = ask.state(QUERY, Params::new().hexes(keys).hex(&at.hash.0), at).await?;
        query_in(ask, at, keys, &answer)
    }

    async fn one_by_one(&self, ask: Ask<'_>, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        const METHOD: &str = "state_getStorage";
        stream::iter(0..keys.len())
            .map(|index| async move {
                let answer = ask.state(METHOD, Params::new().hex(&keys[index]).hex(&at.hash.0), at).await?;
                ask.read(wire::bytes(&answer), METHOD, Some(BlockId::Number(at.number)))
            })
            .buffered(BATCHES_AT_ONCE * 4)
            .try_collect()
            .await
    }

    pub(super) async fn storage(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<Option<Bytes>>, SourceError> {
        anywhere!(self.pool, Some(at.number), |ask| self.values(ask, at, keys))
    }

    /// All keys under `prefix` with their values, in portions of as many as one request takes. While the values of a portion
    /// are read, the keys of the next one are on their way.
    pub(super) fn prefix<'a>(&'a self, at: BlockRef, prefix: Bytes) -> BoxStream<'a, Result<KeyValue, SourceError>> {
        let portions = stream::try_unfold(None::<Keys>, move |portion| {
            let prefix = prefix.clone();
            async move {
                let Keys { keys, rest, node } = match portion {
                    Some(portion) => portion,
                    None => self.keys(&at, &prefix, None, None).await?,
                };
                let Some(last) = keys.last() else { return Ok::<_, SourceError>(None) };
                let next = async {
                    match rest {
                        true => self.keys(&at, &prefix, Some(last), node).await,
                        false => Ok(Keys::default()),
                    }
                };
                let (pairs, next) = future::try_join(self.pairs(&at, &keys), next).await?;
                Ok(Some((stream::iter(pairs.into_iter().map(Ok)), Some(next))))
            }
        });
        portions.try_flatten().boxed()
    }

    /// Listed keys with their values.
    async fn pairs(&self, at: &BlockRef, keys: &[Bytes]) -> Result<Vec<KeyValue>, SourceError> {
        anywhere!(self.pool, Some(at.number), |ask| async {
            let values = self.values(ask, at, keys).await?;
            let pairs = keys.iter().zip(values).map(|(key, value)| match value {
                Some(value) => Ok((key.clone(), value)),
                None => {
                    let message = format!("0x{} among the keys, but no value for it", const_hex::encode(key));
                    Err(ask.lying(BlockId::Number(at.number), message))
                }
            });
            pairs.collect()
        })
    }

    async fn keys(
        &self,
        at: &BlockRef,
        prefix: &[u8],
        after: Option<&Bytes>,
        fills_pages: Option<Filler>,
    ) -> Result<Keys, SourceError> {
        anywhere!(self.pool, Some(at.number), |ask| self.keys_from(ask, at, prefix, after, fills_pages))
    }

    /// The next keys under `prefix`, page by page, until they fill a request for their values.
    ///
    /// A node that has filled a page gives as many keys as it is asked for, so that a short page is the last one. Any other
    /// may have a limit of its own: only an empty page says that there is no more.
    async fn keys_from(
        &self,
        ask: Ask<'_>,
        at: &BlockRef,
        prefix: &[u8],
        after: Option<&Bytes>,
        known: Option<Filler>,
    ) -> Result<Keys, SourceError> {
        // What another endpoint does says nothing about this one.
        let known = known.filter(|known| known.node == ask.node.index());
        let mut node = known.unwrap_or(Filler { node: ask.node.index(), fills_pages: false });
        let mut keys: Vec<Bytes> = Vec::new();
        while keys.len() < ask.node.manners.batch.now() {
            let asked = ask.node.manners.page.now();
            let page = self.page(ask, at, prefix, keys.last().or(after)).await?;
            let got = page.len();
            keys.extend(page);
            if got == 0 && keys.is_empty() && known.is_none() {
                // Nothing there, or no such state? Only the block number tells.
                self.values(ask, at, std::slice::from_ref(&self.number_key)).await?;
            }
            if got == 0 || (node.fills_pages && got < asked.min(ask.node.manners.page.now())) {
                return Ok(Keys { keys, rest: false, node: Some(node) });
            }
            node.fills_pages |= got >= asked;
        }
        Ok(Keys { keys, rest: true, node: Some(node) })
    }

    async fn page(
        &self,
        ask: Ask<'_>,
        at: &BlockRef,
        prefix: &[u8],
        after: Option<&Bytes>,
    ) -> Result<Vec<Bytes>, SourceError> {
        const METHOD: &str = "state_getKeysPaged";
        let block = BlockId::Number(at.number);
        loop {
            let count = ask.node.manners.page.now();
            let params = Params::new().hex(prefix).number(count as u64);
            let params = match after {
                Some(key) => params.hex(key),
                None => params.null(),
            };
            let keys = match ask.state(METHOD, params.hex(&at.hash.0), at).await {
                Err(SourceError::TooLarge { .. }) if ask.node.manners.page.too_large(count) => continue,
                answer => ask.read(wire::keys(&answer?), METHOD, Some(block))?,
            };
            ask.node.manners.page.fitted();
            let mut before: Option<&Bytes> = after;
            for key in &keys {
                if !key.starts_with(prefix) || before.is_some_and(|before| key <= before) {
                    return Err(ask.lying(block, "keys out of order or of another prefix"));
                }
                before = Some(key);
            }
            return Ok(keys);
        }
    }
}

/// The values of `keys` in an answer.
fn query_in(ask: Ask<'_>, at: &BlockRef, keys: &[Bytes], answer: &Json) -> Result<Vec<Option<Bytes>>, SourceError> {
    let block = BlockId::Number(at.number);
    let set = ask.read(wire::change_set(answer), QUERY, Some(block))?;
    let set = set.ok_or_else(|| ask.lying(block, "no values"))?;
    if set.block != at.hash {
        return Err(ask.lying(block, format!("the values of block {}", set.block)));
    }
    if set.changes.len() == keys.len() && set.changes.iter().zip(keys).all(|((got, _), asked)| got == asked) {
        return Ok(set.changes.into_iter().map(|(_, value)| value).collect());
    }
    // Nodes leave out a key that was asked twice, and promise no order.
    let values: HashMap<Bytes, Option<Bytes>> = set.changes.into_iter().collect();
    keys.iter()
        .map(|key| match values.get(key) {
            Some(value) => Ok(value.clone()),
            None => Err(ask.lying(block, format!("no value for 0x{}", const_hex::encode(key)))),
        })
        .collect()
}

/// Some of the keys under a prefix.
#[derive(Debug, Default)]
struct Keys {
    keys: Vec<Bytes>,
    /// Whether there may be more after them.
    rest: bool,
    /// Who gave them.
    node: Option<Filler>,
}

/// What was seen of the endpoint that lists keys.
#[derive(Debug, Clone, Copy)]
struct Filler {
    node: usize,
    /// Whether it has filled a page.
    fills_pages: bool,
}
