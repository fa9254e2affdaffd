//! A small memory of what was learnt about recent blocks.

use std::collections::VecDeque;
use std::sync::{Mutex, PoisonError};

use foldhash::{HashMap, HashMapExt};

use crate::chain::BlockHash;

/// How many blocks are remembered; a hash and a few words each.
const CAPACITY: usize = 4096;

/// Facts by block hash, the oldest forgotten first.
#[derive(Debug)]
pub(super) struct Recent<V>(Mutex<Inner<V>>);

#[derive(Debug)]
struct Inner<V> {
    values: HashMap<BlockHash, V>,
    order: VecDeque<BlockHash>,
}

impl<V: Clone> Recent<V> {
    pub(super) fn new() -> Self {
        Self(Mutex::new(Inner { values: HashMap::new(), order: VecDeque::new() }))
    }

    pub(super) fn get(&self, block: &BlockHash) -> Option<V> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).values.get(block).cloned()
    }

    pub(super) fn insert(&self, block: BlockHash, value: V) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.values.insert(block, value).is_none() {
            inner.order.push_back(block);
        }
        if inner.order.len() > CAPACITY
            && let Some(oldest) = inner.order.pop_front()
        {
            inner.values.remove(&oldest);
        }
    }

    pub(super) fn remove(&self, block: &BlockHash) {
        let mut inner = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        if inner.values.remove(block).is_some() {
            inner.order.retain(|known| known != block);
        }
    }
}
