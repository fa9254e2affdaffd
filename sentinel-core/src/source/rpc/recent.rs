//! A small memory of what was learnt about recent blocks.

use std::sync::{Mutex, MutexGuard, PoisonError};

use crate::chain::BlockHash;

/// How many blocks are remembered at most; a hash and a few words each.
const CAPACITY: usize = 4096;

/// Facts by block hash. Each hash has one place, and the newest fact there makes the one before forgotten.
#[derive(Debug)]
pub(super) struct Recent<V>(Mutex<Places<V>>);

/// None until there is something to remember.
type Places<V> = Vec<Option<(BlockHash, V)>>;

impl<V: Clone> Recent<V> {
    pub(super) fn new() -> Self {
        Self(Mutex::default())
    }

    pub(super) fn get(&self, block: &BlockHash) -> Option<V> {
        let places = self.lock();
        let (known, value) = places.get(place(block))?.as_ref()?;
        (known == block).then(|| value.clone())
    }

    pub(super) fn insert(&self, block: BlockHash, value: V) {
        let mut places = self.lock();
        if places.is_empty() {
            places.resize(CAPACITY, None);
        }
        places[place(&block)] = Some((block, value));
    }

    pub(super) fn remove(&self, block: &BlockHash) {
        if let Some(known) = self.lock().get_mut(place(block)) {
            known.take_if(|(known, _)| known == block);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Places<V>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Hashes are as good as random.
fn place(block: &BlockHash) -> usize {
    let [low, high, ..] = block.0;
    usize::from(u16::from_le_bytes([low, high])) % CAPACITY
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_block_takes_the_place_of_an_older_one() {
        let recent = Recent::new();
        let [first, second, other] = [(0, 1), (0, 2), (1, 1)].map(|(place, name)| {
            let mut hash = BlockHash::default();
            (hash.0[0], hash.0[31]) = (place, name);
            hash
        });
        recent.insert(first, 1);
        recent.insert(other, 3);
        assert_eq!((recent.get(&first), recent.get(&second), recent.get(&other)), (Some(1), None, Some(3)));
        recent.insert(second, 2);
        assert_eq!((recent.get(&first), recent.get(&second), recent.get(&other)), (None, Some(2), Some(3)));
        recent.remove(&first);
        assert_eq!(recent.get(&second), Some(2));
        recent.remove(&second);
        assert_eq!((recent.get(&second), recent.get(&other)), (None, Some(3)));
    }
}
