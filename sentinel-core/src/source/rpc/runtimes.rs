//! The runtimes of a chain, each downloaded once.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use parity_scale_codec::{Compact, Decode};
use tokio::sync::OnceCell;

use super::node::Node;
use super::recent::Recent;
use super::wire::{self, Params, VersionKey};
use crate::chain::{BlockId, BlockRef};
use crate::decode::Runtime;
use crate::source::SourceError;

/// Runtimes by version, and versions by block.
#[derive(Debug)]
pub(super) struct Runtimes {
    by_version: Mutex<HashMap<VersionKey, Arc<OnceCell<Arc<Runtime>>>>>,
    versions: Recent<VersionKey>,
}

impl Runtimes {
    pub(super) fn new() -> Self {
        Self { by_version: Mutex::new(HashMap::new()), versions: Recent::new() }
    }

    /// The runtime in the state after `at`. Readers that come while it is downloaded wait for that one download.
    pub(super) async fn at(&self, node: &Node, at: &BlockRef) -> Result<Arc<Runtime>, SourceError> {
        let version = self.version(node, at).await?;
        let slot = {
            let mut runtimes = self.by_version.lock().unwrap_or_else(PoisonError::into_inner);
            Arc::clone(runtimes.entry(version.clone()).or_default())
        };
        slot.get_or_try_init(|| async { download(node, at, &version).await.map(Arc::new) }).await.cloned()
    }

    async fn version(&self, node: &Node, at: &BlockRef) -> Result<VersionKey, SourceError> {
        if let Some(version) = self.versions.get(&at.hash) {
            return Ok(version);
        }
        let block = Some(BlockId::Number(at.number));
        let answer = node.state("state_getRuntimeVersion", Params::new().hex(&at.hash.0), at).await?;
        let version = node.read(wire::version(&answer), "state_getRuntimeVersion", block)?;
        self.versions.insert(at.hash, version.clone());
        Ok(version)
    }

    /// Forgets the version at `at` and the runtime of that version.
    pub(super) fn forget(&self, at: &BlockRef) {
        if let Some(version) = self.versions.get(&at.hash) {
            self.by_version.lock().unwrap_or_else(PoisonError::into_inner).remove(&version);
        }
        self.versions.remove(&at.hash);
    }
}

/// Fetches metadata in the richest version that the runtime offers and this library reads.
///
/// V15 describes runtime APIs, which V14 does not; V16 is asked for where V15 is not offered. Runtimes without these
/// functions, and endpoints that refuse `state_call`, still serve V14 through the oldest method.
async fn download(node: &Node, at: &BlockRef, version: &VersionKey) -> Result<Runtime, SourceError> {
    for wanted in [15u32, 16] {
        match offered(node, at, wanted).await {
            Ok(Some(metadata)) => match Runtime::from_metadata(&metadata) {
                Ok(runtime) => return check(node, at, version, runtime),
                Err(error) => tracing::warn!(
                    endpoint = node.endpoint(),
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
                tracing::debug!(endpoint = node.endpoint(), block = at.number, %error, "no metadata by version");
                break;
            }
        }
    }
    let answer = node.state("state_getMetadata", Params::new().hex(&at.hash.0), at).await?;
    let block = BlockId::Number(at.number);
    let metadata = node.read(wire::bytes(&answer), "state_getMetadata", Some(block))?;
    let metadata = metadata.ok_or_else(|| node.lying(block, "no metadata"))?;
    match Runtime::from_metadata(&metadata) {
        Ok(runtime) => check(node, at, version, runtime),
        Err(error) => Err(SourceError::Fatal {
            message: format!("{}: the metadata at block {} cannot be used", node.endpoint(), at.number),
            source: Some(Box::new(error)),
        }),
    }
}

/// The metadata of one version, where the runtime has it.
async fn offered(node: &Node, at: &BlockRef, version: u32) -> Result<Option<Bytes>, SourceError> {
    let answer = node.call("Metadata_metadata_at_version", &version.to_le_bytes(), at).await?;
    // An optional byte vector.
    let mut input = &answer[..];
    let length = match u8::decode(&mut input) {
        Ok(0) => return Ok(None),
        Ok(1) => Compact::<u32>::decode(&mut input).map(|length| length.0 as usize).ok(),
        _ => None,
    };
    match length {
        Some(length) if length == input.len() => Ok(Some(answer.slice(answer.len() - length..))),
        _ => Err(node.lying(BlockId::Number(at.number), "metadata that is not a byte vector")),
    }
}

/// Metadata that speaks of another version than the node does came from elsewhere (a lagging backend).
fn check(node: &Node, at: &BlockRef, asked: &VersionKey, runtime: Runtime) -> Result<Runtime, SourceError> {
    let got = runtime.version();
    if (&got.spec_name, got.spec_version) == (&asked.spec_name, asked.spec_version) {
        return Ok(runtime);
    }
    let message = format!(
        "the runtime is {} {}, but its metadata is of {} {}",
        asked.spec_name, asked.spec_version, got.spec_name, got.spec_version
    );
    Err(node.lying(BlockId::Number(at.number), message))
}
