//! Chains worth recording, ways to compare what two sources say, and stores that fail.

use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};

use async_trait::async_trait;
use bytes::Bytes;
use futures::TryStreamExt;
use futures::stream::BoxStream;
use sentinel_core::artifact::NetworkWord;
use sentinel_core::artifact::raw::StateScan;
use sentinel_core::chain::{BlockId, BlockRef};
use sentinel_core::decode::storage_prefix;
use sentinel_core::engine::{RecordError, RecordOptions, RecordReport, record};
use sentinel_core::source::{BlockSource, BlockSourceExt, MemoryBlock, MemorySource, SourceError};
use sentinel_core::storage::{Key, ObjectInfo, PutMode, Storage, StorageError, StorageExt};

use crate::chains::{block, tempo_key};
use crate::runtimes;

/// The runtime function that every runtime of [`subnets`] has.
pub const HYPERPARAMETERS: &str = "SubnetInfoRuntimeApi_get_subnet_hyperparams";

/// The key of `SubtensorModule.NetworksAdded` of one subnet.
pub fn network_key(netuid: u16) -> Bytes {
    let mut key = storage_prefix("SubtensorModule", "NetworksAdded").to_vec();
    key.extend_from_slice(&netuid.to_le_bytes());
    key.into()
}

/// Blocks up to `last`: two subnets from block 1 on, a third from block 3 to 8 only; the tempo of one of them changes in each
/// block, and block 6 upgrades spec 218 to 461, which has `get_subnet_hyperparams_v2`.
pub fn subnets(last: u64) -> MemorySource {
    let added = |netuid| (network_key(netuid), Some(Bytes::from_static(&[1])));
    let never = (network_key(9), Some(Bytes::from_static(&[0])));
    let changes = vec![never, (tempo_key(400), Some(Bytes::from_static(&[1, 0])))];
    let genesis = MemoryBlock { changes, ..MemoryBlock::default() };
    let source = MemorySource::with_genesis("made up", runtimes::raonet_218(), genesis);
    for number in 1..=last {
        let mut next = block(number);
        match number {
            1 => next.changes.extend([added(0), added(1)]),
            3 => next.changes.push(added(300)),
            8 => next.changes.extend([(network_key(300), None), (tempo_key(400), None)]),
            6 => next.upgrade = Some(runtimes::subtensor_461()),
            _ => {}
        }
        let at = source.push(next);
        record_calls(&source, &at);
    }
    source
}

fn record_calls(source: &MemorySource, at: &BlockRef) {
    for netuid in [0_u16, 1, 300] {
        let answer = [netuid.to_le_bytes(), (at.number as u16 / 4).to_le_bytes()].concat();
        source.record_call(at, HYPERPARAMETERS, &netuid.to_le_bytes(), answer.clone());
        if at.number >= 6 {
            source.record_call(at, &format!("{HYPERPARAMETERS}_v2"), &netuid.to_le_bytes(), answer);
        }
    }
    if at.number < 6 {
        source.record_missing_call(at, &format!("{HYPERPARAMETERS}_v2"));
    }
    source.record_missing_call(at, &format!("{HYPERPARAMETERS}_v3"));
}

/// Records everything at every block.
pub fn every_block() -> RecordOptions {
    RecordOptions { scan: StateScan::EveryBlock, ..RecordOptions::default() }
}

/// Records a range under the name `local`.
///
/// # Errors
/// Where the recording stops.
pub async fn record_local(
    source: &dyn BlockSource,
    range: std::ops::RangeInclusive<u64>,
    options: &RecordOptions,
    storage: &dyn Storage,
) -> Result<RecordReport, RecordError> {
    let network: NetworkWord = "local".parse()?;
    record(source, range, options, &network, storage, &mut |_| {}).await
}

/// Everything that is recorded of one block, as text that can be compared.
///
/// # Errors
/// Where a read fails.
pub async fn told(source: &dyn BlockSource, number: u64, options: &RecordOptions) -> Result<String, SourceError> {
    let block = source.block(BlockId::Number(number)).await?;
    let at = block.reference();
    let mut told = format!("{:?} {:?} {:?} {:?}\n", block.header, block.extrinsics, block.events, block.timestamp_ms);
    told += &format!("{:?}\n", source.block(BlockId::Hash(at.hash)).await?.header);
    told += &format!("{:?} {:?}\n", block.runtime.version(), source.runtime(&at).await?.version());
    if number > 0 {
        told += &format!("{:?}\n", source.writer(&at).await?.version());
    }
    let mut keys = options.keys.clone();
    for (pallet, item) in [("System", "Number"), ("System", "Events"), ("Timestamp", "Now")] {
        keys.push(Bytes::copy_from_slice(&storage_prefix(pallet, item)));
    }
    told += &format!("{:?}\n", source.storage(&at, &keys).await?);
    for prefix in &options.prefixes {
        let pairs: Vec<_> = source.storage_prefix(at, prefix.clone()).try_collect().await?;
        told += &format!("{pairs:?}\n");
        let keys: Vec<Bytes> =
            pairs.into_iter().map(|(key, _)| key).chain([tempo_key(400), tempo_key(65_000)]).collect();
        told += &format!("{:?}\n", source.storage(&at, &keys).await?);
    }
    let networks = Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "NetworksAdded"));
    let networks: Vec<_> = source.storage_prefix(at, networks).try_collect().await?;
    for (key, _) in networks.iter().filter(|(_, added)| added.as_ref() == [1]) {
        for function in &options.subnet_calls {
            match source.call(&at, function, &key[32..]).await {
                Ok(answer) => told += &format!("{function} {answer:?}\n"),
                Err(SourceError::Unsupported { .. }) => told += &format!("no {function}\n"),
                Err(error) => return Err(error),
            }
        }
    }
    Ok(told)
}

/// Every object of a store.
///
/// # Errors
/// Where the store fails.
pub async fn objects(storage: &dyn Storage) -> Result<BTreeMap<Key, Bytes>, StorageError> {
    let keys: Vec<ObjectInfo> = storage.list(None).try_collect().await?;
    let mut objects = BTreeMap::new();
    for info in keys {
        let content = storage.read(&info.key).await?;
        objects.insert(info.key, content);
    }
    Ok(objects)
}

/// A store that fails at every write after the first few, as after a kill or with a full disk.
#[derive(Debug)]
pub struct FailingStorage<S> {
    inner: S,
    writes_left: AtomicU64,
}

impl<S: Storage> FailingStorage<S> {
    /// Allows so many writes and removals.
    pub fn new(inner: S, writes: u64) -> Self {
        Self { inner, writes_left: AtomicU64::new(writes) }
    }

    fn spend(&self, key: &Key) -> Result<(), StorageError> {
        let spent = self.writes_left.fetch_update(Ordering::Relaxed, Ordering::Relaxed, |left| left.checked_sub(1));
        let killed = |_| StorageError::Unavailable { at: key.to_string(), source: "killed".into() };
        spent.map(drop).map_err(killed)
    }
}

#[async_trait]
impl<S: Storage> Storage for FailingStorage<S> {
    async fn put(&self, key: &Key, bytes: Bytes, mode: PutMode) -> Result<(), StorageError> {
        self.spend(key)?;
        self.inner.put(key, bytes, mode).await
    }

    async fn get(&self, key: &Key) -> Result<Bytes, StorageError> {
        self.inner.get(key).await
    }

    async fn head(&self, key: &Key) -> Result<ObjectInfo, StorageError> {
        self.inner.head(key).await
    }

    fn list<'a>(&'a self, folder: Option<&Key>) -> BoxStream<'a, Result<ObjectInfo, StorageError>> {
        self.inner.list(folder)
    }

    async fn delete(&self, key: &Key) -> Result<(), StorageError> {
        self.spend(key)?;
        self.inner.delete(key).await
    }
}
