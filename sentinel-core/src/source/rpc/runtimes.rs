//! The runtimes of a chain, each downloaded once.

use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use bytes::Bytes;
use futures::future;
use parity_scale_codec::{Compact, Decode};
use tokio::sync::OnceCell;

use super::ask::Ask;
use super::recent::Recent;
use super::wire::{self, Params, VersionKey};
use crate::chain::{BlockHash, BlockId, BlockRef};
use crate::decode::Runtime;
use crate::source::SourceError;

/// Runtimes that are kept, some megabytes each. Readers mostly go along a chain, so few are in use at once.
const KEPT: usize = 16;

/// Runtimes that are remembered as doubted in vain.
const IN_VAIN: usize = 256;

/// Runtimes that several sources share, so that each is downloaded once; cheap to clone.
///
/// Sources of different chains may share one: runtimes are kept by chain. Chains that began with the same block count as
/// one, so do not share it between development chains.
///
/// ```
/// # use sentinel_core::source::{RpcOptions, RuntimeCache};
/// let runtimes = RuntimeCache::default();
/// let live = RpcOptions { runtimes: Some(runtimes.clone()), ..RpcOptions::default() };
/// let archive = RpcOptions { runtimes: Some(runtimes), ..RpcOptions::default() };
/// ```
#[derive(Debug, Clone, Default)]
pub struct RuntimeCache(Arc<Mutex<HashMap<BlockHash, Arc<Runtimes>>>>);

impl RuntimeCache {
    /// Those of the chain with this genesis.
    pub(super) fn of(&self, genesis: BlockHash) -> Arc<Runtimes> {
        Arc::clone(lock(&self.0).entry(genesis).or_insert_with(|| Arc::new(Runtimes::new())))
    }
}

/// The version of metadata that is asked for first.
const RICHEST: u32 = 15;

type Slot = Arc<OnceCell<Arc<Runtime>>>;

/// Runtimes by version, and versions by block.
#[derive(Debug)]
pub(super) struct Runtimes {
    /// The newest used at the back.
    by_version: Mutex<VecDeque<(VersionKey, Slot)>>,
    versions: Recent<VersionKey>,
    /// What `System.LastRuntimeUpgrade` says in the state of blocks that a version wrote; without one where it does not
    /// tell versions apart.
    upgrades: Mutex<VecDeque<(Bytes, Option<VersionKey>)>>,
    /// Version and digest of runtimes that a block did not fit, although their metadata was asked for once more.
    in_vain: Mutex<VecDeque<(VersionKey, [u8; 32])>>,
    /// Somebody gets the first runtime; the others wait for that.
    preparing: tokio::sync::Mutex<()>,
    /// Who doubts a runtime has the turn, so that many readers at once ask once.
    turn: tokio::sync::Mutex<()>,
}

impl Runtimes {
    pub(super) fn new() -> Self {
        Self {
            by_version: Mutex::default(),
            versions: Recent::new(),
            upgrades: Mutex::default(),
            in_vain: Mutex::default(),
            preparing: tokio::sync::Mutex::default(),
            turn: tokio::sync::Mutex::default(),
        }
    }

    /// The place of the runtime of a version, empty where it was not asked for yet.
    fn slot(&self, version: &VersionKey) -> Slot {
        let mut slots = lock(&self.by_version);
        if let Some((_, newest)) = slots.back().filter(|(of, _)| of == version) {
            return Arc::clone(newest);
        }
        let known = slots.iter().position(|(of, _)| of == version).and_then(|index| slots.remove(index));
        let slot = known.map_or_else(Slot::default, |(_, slot)| slot);
        keep(&mut slots, version.clone(), Arc::clone(&slot));
        slot
    }

    /// The runtime in the state after `at`. Readers that come while it is downloaded wait for that one download.
    pub(super) async fn at(&self, ask: Ask<'_>, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        let version = Box::pin(self.version(ask, at)).await?;
        self.of(ask, at, &version).await
    }

    /// The runtime in the state after `parent`, which wrote the block whose state has this `System.LastRuntimeUpgrade`.
    /// Only the first block of each runtime asks for the version.
    pub(super) async fn writer(
        &self,
        ask: Ask<'_>,
        parent: &BlockRef,
        upgrade: Option<&Bytes>,
    ) -> Result<Arc<Runtime>, SourceError> {
        let version = match upgrade.and_then(|upgrade| self.version_of(upgrade)) {
            Some(version) => {
                self.versions.insert(parent.hash, version.clone());
                version
            }
            None => Box::pin(self.first_writer(ask, parent, upgrade)).await?,
        };
        self.of(ask, parent, &version).await
    }

    /// The version that wrote a block, where what the state says is new.
    async fn first_writer(
        &self,
        ask: Ask<'_>,
        parent: &BlockRef,
        upgrade: Option<&Bytes>,
    ) -> Result<VersionKey, SourceError> {
        self.prepared().await;
        if let Some(version) = upgrade.and_then(|upgrade| self.version_of(upgrade)) {
            return Ok(version);
        }
        let version = self.version(ask, parent).await?;
        if let Some(upgrade) = upgrade {
            self.learn(upgrade, &version);
        }
        Ok(version)
    }

    async fn of(&self, ask: Ask<'_>, at: &BlockRef, version: &VersionKey) -> Result<Arc<Runtime>, SourceError> {
        let slot = self.slot(version);
        if let Some(known) = slot.get() {
            return Ok(Arc::clone(known));
        }
        let download = async {
            self.prepared().await;
            slot.get_or_try_init(|| async { download(ask, at, version, None).await.map(Arc::new) }).await.cloned()
        };
        Box::pin(download).await
    }

    /// Waits for whoever gets the first runtime.
    async fn prepared(&self) {
        drop(self.preparing.lock().await);
    }

    /// Gets the runtime in the state after `parent`, which wrote the next block: version, metadata, and what that block's state
    /// says of it (`upgrade`), all at once.
    pub(super) async fn prepare(
        &self,
        ask: Ask<'_>,
        parent: &BlockRef,
        upgrade: impl Future<Output = Result<Option<Bytes>, SourceError>>,
    ) -> Result<(), SourceError> {
        let _preparing = self.preparing.lock().await;
        let known = lock(&self.by_version).iter().any(|(_, slot)| slot.initialized());
        let metadata = async {
            match known {
                true => None,
                false => Some(offered(ask, parent, RICHEST).await),
            }
        };
        let (version, metadata, upgrade) = future::join3(self.version(ask, parent), metadata, upgrade).await;
        let version = version?;
        if let Some(upgrade) = upgrade? {
            self.learn(&upgrade, &version);
        }
        let slot = self.slot(&version);
        if slot.initialized() {
            return Ok(());
        }
        let runtime = download(ask, parent, &version, metadata).await?;
        // Whoever was waiting gets this one; who was not has got the same.
        let _ = slot.set(Arc::new(runtime));
        Ok(())
    }

    fn version_of(&self, upgrade: &Bytes) -> Option<VersionKey> {
        lock(&self.upgrades).iter().find(|(known, _)| known == upgrade).and_then(|(_, version)| version.clone())
    }

    /// Takes note of the version that wrote a block with this `System.LastRuntimeUpgrade`.
    fn learn(&self, upgrade: &Bytes, version: &VersionKey) {
        let mut upgrades = lock(&self.upgrades);
        match upgrades.iter_mut().find(|(known, _)| known == upgrade) {
            Some((_, known)) if known.as_ref() == Some(version) => {}
            // It says the same of two.
            Some((_, known)) => *known = None,
            None => {
                if upgrades.len() == KEPT {
                    upgrades.pop_front();
                }
                // The state may speak of another runtime: of an older one where code was put in without an upgrade.
                upgrades.push_back((upgrade.clone(), version.is_named(upgrade).then(|| version.clone())));
            }
        }
    }

    /// Versions that share name and number are not told apart by what the state says.
    fn unlearn(&self, version: &VersionKey) {
        for (upgrade, known) in &mut *lock(&self.upgrades) {
            if version.is_named(upgrade) {
                *known = None;
            }
        }
    }

    async fn version(&self, ask: Ask<'_>, at: &BlockRef) -> Result<VersionKey, SourceError> {
        if let Some(version) = self.versions.get(&at.hash) {
            return Ok(version);
        }
        let block = Some(BlockId::Number(at.number));
        let answer = ask.state("state_getRuntimeVersion", Params::new().hex(&at.hash.0), at).await?;
        let version = ask.read(wire::version(&answer), "state_getRuntimeVersion", block)?;
        self.versions.insert(at.hash, version.clone());
        Ok(version)
    }

    /// Asks once more for version and metadata at `at`, because something does not fit the `failed` runtime; what comes
    /// takes its place. Each runtime is doubted once: where nothing better came for it, it stays.
    pub(super) async fn anew(
        &self,
        ask: Ask<'_>,
        at: &BlockRef,
        failed: &Runtime,
        fits: impl Fn(&Runtime) -> bool,
    ) -> Result<Arc<Runtime>, SourceError> {
        let _turn = self.turn.lock().await;
        let version = self.version(ask, at).await?;
        let known = self.at(ask, at).await?;
        // Another reader may have been faster.
        let is_better = known.digest() != failed.digest() && fits(&known);
        if is_better || lock(&self.in_vain).iter().any(|(of, digest)| *of == version && *digest == known.digest()) {
            return Ok(known);
        }
        self.versions.remove(&at.hash);
        let now = self.version(ask, at).await?;
        if now != version {
            self.unlearn(&version);
        }
        let runtime = Arc::new(download(ask, at, &now, None).await?);
        if !fits(&runtime) {
            let mut in_vain = lock(&self.in_vain);
            if in_vain.len() == IN_VAIN {
                in_vain.pop_front();
            }
            in_vain.push_back((version, known.digest()));
        }
        if runtime.digest() == known.digest() {
            return Ok(known);
        }
        let mut slots = lock(&self.by_version);
        slots.retain(|(of, _)| *of != now);
        keep(&mut slots, now, Arc::new(OnceCell::new_with(Some(Arc::clone(&runtime)))));
        Ok(runtime)
    }

    /// Forgets the version at `at`, the runtime of that version, and what was found out about it.
    pub(super) fn forget(&self, at: &BlockRef) {
        if let Some(version) = self.versions.get(&at.hash) {
            lock(&self.by_version).retain(|(of, _)| *of != version);
            lock(&self.in_vain).retain(|(of, _)| *of != version);
        }
        self.versions.remove(&at.hash);
        lock(&self.upgrades).clear();
    }
}

/// Adds a runtime as the newest used; the one that was not used for longest makes room.
fn keep(slots: &mut VecDeque<(VersionKey, Slot)>, version: VersionKey, slot: Slot) {
    if slots.len() == KEPT {
        slots.pop_front();
    }
    slots.push_back((version, slot));
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

/// Fetches metadata in the richest version that the runtime offers and this library reads.
///
/// V15 describes runtime APIs, which V14 does not; V16 is asked for where V15 is not offered. Runtimes without these
/// functions, and endpoints that refuse `state_call`, still serve V14 through the oldest method. `first` is the answer to the
/// first question, where it was asked already.
async fn download(
    ask: Ask<'_>,
    at: &BlockRef,
    version: &VersionKey,
    mut first: Option<Result<Option<Bytes>, SourceError>>,
) -> Result<Runtime, SourceError> {
    for wanted in [RICHEST, 16] {
        let answer = match first.take() {
            Some(answer) => answer,
            None => offered(ask, at, wanted).await,
        };
        match answer {
            Ok(Some(metadata)) => match Runtime::from_metadata(&metadata) {
                Ok(runtime) => return check(ask, at, version, runtime),
                Err(error) => tracing::warn!(
                    endpoint = ask.endpoint(),
                    block = at.number,
                    version = wanted,
                    %error,
                    "unusable metadata, trying another version"
                ),
            },
            Ok(None) => {}
            Err(error) if error.is_retryable() || matches!(error, SourceError::StatePruned { .. }) => {
                return Err(error);
            }
            Err(SourceError::UnknownBlock { block, head }) => return Err(SourceError::UnknownBlock { block, head }),
            Err(error) => {
                tracing::debug!(endpoint = ask.endpoint(), block = at.number, %error, "no metadata by version");
                break;
            }
        }
    }
    let answer = ask.state("state_getMetadata", Params::new().hex(&at.hash.0), at).await?;
    let block = BlockId::Number(at.number);
    let metadata = ask.read(wire::bytes(&answer), "state_getMetadata", Some(block))?;
    let metadata = metadata.ok_or_else(|| ask.lying(block, "no metadata"))?;
    match Runtime::from_metadata(&metadata) {
        Ok(runtime) => check(ask, at, version, runtime),
        Err(error) => Err(SourceError::Fatal {
            message: format!("{}: the metadata at block {} cannot be used", ask.endpoint(), at.number),
            source: Some(Box::new(error)),
        }),
    }
}

/// The metadata of one version, where the runtime has it.
async fn offered(ask: Ask<'_>, at: &BlockRef, version: u32) -> Result<Option<Bytes>, SourceError> {
    let answer = ask.call("Metadata_metadata_at_version", &version.to_le_bytes(), at).await?;
    // An optional byte vector.
    let mut input = &answer[..];
    let length = match u8::decode(&mut input) {
        Ok(0) => return Ok(None),
        Ok(1) => Compact::<u32>::decode(&mut input).map(|length| length.0 as usize).ok(),
        _ => None,
    };
    match length {
        Some(length) if length == input.len() => Ok(Some(answer.slice(answer.len() - length..))),
        _ => Err(ask.lying(BlockId::Number(at.number), "metadata that is not a byte vector")),
    }
}

/// Metadata that speaks of another version than the node does came from elsewhere (a lagging backend).
fn check(ask: Ask<'_>, at: &BlockRef, asked: &VersionKey, runtime: Runtime) -> Result<Runtime, SourceError> {
    let got = runtime.version();
    if (&*got.spec_name, got.spec_version) == (&*asked.spec_name, asked.spec_version) {
        return Ok(runtime);
    }
    let message = format!(
        "the runtime is {} {}, but its metadata is of {} {}",
        asked.spec_name, asked.spec_version, got.spec_name, got.spec_version
    );
    Err(ask.lying(BlockId::Number(at.number), message))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_runtimes_used_last_are_kept() {
        let version = |spec_version| VersionKey { spec_name: "made-up".into(), spec_version, impl_version: 0 };
        let runtimes = Runtimes::new();
        let first = runtimes.slot(&version(0));
        for spec_version in 1..100 {
            runtimes.slot(&version(spec_version));
            assert!(Arc::ptr_eq(&runtimes.slot(&version(0)), &first));
        }
        let kept: Vec<_> = lock(&runtimes.by_version).iter().map(|(version, _)| version.spec_version).collect();
        assert_eq!(kept, (85..100).chain([0]).collect::<Vec<_>>());
    }
}
