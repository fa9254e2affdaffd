//! One runtime: its metadata compiled for decoding.

use std::fmt;

use frame_metadata::RuntimeMetadata;
use parity_scale_codec::Decode;

use super::metadata::{self, MetadataError};
use crate::chain::blake2_256;

/// Name and versions of a runtime.
#[derive(Debug, Clone, PartialEq, Eq, Decode, serde::Serialize, serde::Deserialize)]
pub struct RuntimeVersion {
    /// Name of the runtime: `node-subtensor`.
    pub spec_name: String,
    /// Name of the implementation.
    pub impl_name: String,
    /// Version of the block authoring interface.
    pub authoring_version: u32,
    /// Grows with every change of behaviour.
    pub spec_version: u32,
    /// Grows with changes that keep the behaviour.
    pub impl_version: u32,
    /// Runtime APIs by the hash of their name, with their versions.
    #[serde(skip)]
    apis: Vec<([u8; 8], u32)>,
    /// Grows when the format of extrinsics changes.
    pub transaction_version: u32,
    /// Version of the state trie.
    pub state_version: u8,
}

/// One runtime: its metadata compiled for decoding.
pub struct Runtime {
    metadata: Box<[u8]>,
    digest: [u8; 32],
    version: RuntimeVersion,
}

impl Runtime {
    /// Compiles metadata of version 14, 15 or 16.
    pub fn from_metadata(bytes: &[u8]) -> Result<Self, MetadataError> {
        let metadata = metadata::parse(bytes)?;
        let version = version(&metadata)?;
        Ok(Self { metadata: bytes.into(), digest: blake2_256(bytes), version })
    }

    /// The metadata blob that this runtime was compiled from.
    pub fn metadata(&self) -> &[u8] {
        &self.metadata
    }

    /// blake2b-256 of the metadata blob.
    pub fn digest(&self) -> [u8; 32] {
        self.digest
    }

    /// Name and versions, from the constant `System.Version`.
    pub fn version(&self) -> &RuntimeVersion {
        &self.version
    }
}

fn version(metadata: &RuntimeMetadata) -> Result<RuntimeVersion, MetadataError> {
    macro_rules! system_version {
        ($metadata:expr) => {
            $metadata
                .pallets
                .iter()
                .find(|pallet| pallet.name == "System")
                .and_then(|system| system.constants.iter().find(|constant| constant.name == "Version"))
                .map(|constant| constant.value.as_slice())
        };
    }
    let value = match metadata {
        RuntimeMetadata::V14(metadata) => system_version!(metadata),
        RuntimeMetadata::V15(metadata) => system_version!(metadata),
        RuntimeMetadata::V16(metadata) => system_version!(metadata),
        other => return Err(MetadataError::Version(other.version())),
    };
    let mut value = value.ok_or_else(|| MetadataError::Inconsistent("no constant System.Version".to_owned()))?;
    RuntimeVersion::decode(&mut value).map_err(|error| MetadataError::Inconsistent(format!("System.Version: {error}")))
}

impl fmt::Debug for Runtime {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Runtime").field("version", &self.version).finish_non_exhaustive()
    }
}
