//! Reads everything that is recorded of one block.

use std::collections::{BTreeSet, HashSet};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::TryStreamExt;

use crate::artifact::raw::{BlockBody, BlockRecord, Plan, Scan, StateScan};
use crate::chain::{BlockId, BlockRef};
use crate::decode::{Runtime, storage_prefix};
use crate::source::{BlockSource, SourceError};

/// Reads the blocks of one window, in any order and several at once.
pub(super) struct BlockReader<'a> {
    source: &'a dyn BlockSource,
    plan: &'a Plan,
    /// The first block of the window.
    first: u64,
    /// Functions that a runtime was found not to have, by the digest of its metadata.
    missing: Mutex<HashSet<([u8; 32], String)>>,
}

/// What was read of one block.
pub(super) struct Read {
    pub(super) record: BlockRecord,
    pub(super) failed_calls: u64,
    pub(super) first_failed_call: Option<String>,
}

impl<'a> BlockReader<'a> {
    pub(super) fn new(source: &'a dyn BlockSource, plan: &'a Plan, first: u64) -> Self {
        Self { source, plan, first, missing: Mutex::default() }
    }

    pub(super) async fn read(&self, number: u64) -> Result<Read, SourceError> {
        let block = self.source.block(BlockId::Number(number)).await?;
        let at = block.reference();
        let writer = Arc::clone(&block.runtime);
        let record = BlockRecord::new(block.header.hash, block.header.header);
        let mut read = Read { record, failed_calls: 0, first_failed_call: None };
        let record = &mut read.record;
        record.body = Some(BlockBody {
            extrinsics: block.extrinsics,
            events: block.events,
            timestamp_ms: block.timestamp_ms,
            writer: block.runtime,
        });
        let runtime = self.source.runtime(&at).await?;
        let digest = runtime.digest();
        record.runtime = Some(runtime);
        let keys: Vec<Bytes> = self.plan.keys.iter().map(|key| key.0.clone()).collect();
        if !keys.is_empty() {
            let values = self.source.storage(&at, &keys).await?;
            record.values.extend(keys.into_iter().zip(values));
        }
        if number == self.first || self.plan.scan == StateScan::EveryBlock {
            for prefix in &self.plan.prefixes {
                record.scans.push(self.scan(at, &prefix.0).await?);
            }
        }
        if !self.plan.subnet_calls.is_empty() || !self.plan.subnet_items.is_empty() {
            let netuids = self.netuids(at, record).await?;
            self.items(at, &writer, &netuids, record).await?;
            for function in &self.plan.subnet_calls {
                self.call(at, digest, function, &netuids, &mut read).await?;
            }
        }
        Ok(read)
    }

    fn missing(&self) -> MutexGuard<'_, HashSet<([u8; 32], String)>> {
        self.missing.lock().unwrap_or_else(PoisonError::into_inner)
    }

    async fn scan(&self, at: BlockRef, prefix: &Bytes) -> Result<Scan, SourceError> {
        let entries = self.source.storage_prefix(at, prefix.clone()).try_collect().await?;
        Ok(Scan { prefix: prefix.clone(), entries, complete: true })
    }

    /// The subnets that exist at this block: those of `SubtensorModule.NetworksAdded` that are true.
    async fn netuids(&self, at: BlockRef, record: &mut BlockRecord) -> Result<BTreeSet<u16>, SourceError> {
        let prefix = Bytes::copy_from_slice(&storage_prefix("SubtensorModule", "NetworksAdded"));
        if !record.scans.iter().any(|scan| prefix.starts_with(&scan.prefix)) {
            let scan = self.scan(at, &prefix).await?;
            record.scans.push(scan);
        }
        let entries = record.scans.iter().flat_map(|scan| &scan.entries);
        let netuid = |(key, value): &(Bytes, Bytes)| match key.strip_prefix(prefix.as_ref()) {
            Some(&[low, high]) if value.as_ref() == [1] => Some(u16::from_le_bytes([low, high])),
            _ => None,
        };
        Ok(entries.filter_map(netuid).collect())
    }

    /// The storage items that each subnet has one value of, as far as no scan of this block holds them anyway.
    async fn items(
        &self,
        at: BlockRef,
        writer: &Runtime,
        netuids: &BTreeSet<u16>,
        record: &mut BlockRecord,
    ) -> Result<(), SourceError> {
        let items = self.plan.subnet_items.iter().filter_map(|name| writer.storage_item("SubtensorModule", name));
        let items: Vec<_> = items
            .filter(|item| item.hashers().len() == 1)
            .filter(|item| !record.scans.iter().any(|scan| item.prefix().starts_with(&scan.prefix)))
            .collect();
        let key = |netuid: &u16| {
            let part = netuid.to_le_bytes();
            items.iter().filter_map(move |item| item.key(&[&part]).ok()).map(Bytes::from).collect::<Vec<_>>()
        };
        let keys: Vec<Bytes> = netuids.iter().flat_map(key).collect();
        if !keys.is_empty() {
            let values = self.source.storage(&at, &keys).await?;
            record.values.extend(keys.into_iter().zip(values));
        }
        Ok(())
    }

    async fn call(
        &self,
        at: BlockRef,
        runtime: [u8; 32],
        function: &str,
        netuids: &BTreeSet<u16>,
        read: &mut Read,
    ) -> Result<(), SourceError> {
        for netuid in netuids {
            if self.missing().contains(&(runtime, function.to_owned())) {
                read.record.missing_functions.insert(function.to_owned());
                return Ok(());
            }
            let arguments = netuid.to_le_bytes();
            match self.source.call(&at, function, &arguments).await {
                Ok(answer) => {
                    read.record.calls.insert((function.to_owned(), Bytes::copy_from_slice(&arguments)), Some(answer));
                }
                Err(SourceError::Unsupported { .. }) => {
                    self.missing().insert((runtime, function.to_owned()));
                    read.record.missing_functions.insert(function.to_owned());
                    return Ok(());
                }
                // The runtime has the function and fails in it (over a state that it has not migrated yet, say).
                Err(error @ SourceError::Fatal { .. }) => {
                    read.failed_calls += 1;
                    read.first_failed_call.get_or_insert_with(|| format!("{function}({netuid}) at {at}: {error}"));
                }
                Err(error) => return Err(error),
            }
        }
        Ok(())
    }
}
