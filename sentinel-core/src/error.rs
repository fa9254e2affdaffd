//! One error that every module's error converts into, for the `?` of programs that use several.

/// Any error of this library.
///
/// No function here returns it; each names what can really happen. It is for the `?` of a program that calls several.
///
/// ```
/// fn tempo_key(metadata: &[u8]) -> Result<Option<[u8; 32]>, sentinel_core::Error> {
///     let runtime = sentinel_core::Runtime::from_metadata(metadata)?;
///     Ok(runtime.storage_item("SubtensorModule", "Tempo").map(|item| item.prefix()))
/// }
/// assert!(tempo_key(b"nothing").unwrap_err().to_string().contains("not runtime metadata"));
/// ```
#[derive(Debug, thiserror::Error)]
#[error(transparent)]
#[non_exhaustive]
pub enum Error {
    /// An address.
    Ss58(#[from] crate::chain::Ss58Error),
    /// The name of a network.
    Network(#[from] crate::chain::NetworkError),
    /// A block number or hash.
    BlockId(#[from] crate::chain::ParseBlockIdError),
    /// The number of a subnet.
    NetUid(#[from] crate::chain::ParseNetUidError),
    /// The blocks of an epoch that are to be stored.
    SnapshotPlan(#[from] crate::chain::epoch::ParseSnapshotPlanError),
    /// Returns of stakers.
    Apy(#[from] crate::apy::ApyError),
    /// Metadata.
    Metadata(#[from] crate::decode::MetadataError),
    /// Decoding.
    Decode(#[from] crate::decode::DecodeError),
    /// A storage key.
    StorageKey(#[from] crate::decode::KeyError),
    /// Reading a chain or a recording.
    #[cfg(feature = "source")]
    Source(#[from] crate::source::SourceError),
    /// The view of a subnet.
    Subnet(#[from] crate::subnet::SubnetError),
    /// A detector.
    #[cfg(feature = "source")]
    Detect(#[from] crate::detect::DetectError),
    /// A sink.
    #[cfg(feature = "source")]
    Sink(#[from] crate::sink::SinkError),
    /// An object store.
    #[cfg(feature = "source")]
    Storage(#[from] crate::storage::StorageError),
    /// A secret that is not where it should be.
    #[cfg(feature = "storage")]
    Secret(#[from] crate::secret::SecretError),
    /// A configuration.
    #[cfg(feature = "config")]
    Config(#[from] crate::config::ConfigError),
    /// A recording.
    #[cfg(feature = "archive")]
    Artifact(#[from] crate::artifact::ArtifactError),
    /// Making a recording.
    #[cfg(feature = "engine")]
    Record(#[from] crate::engine::RecordError),
    /// A run of the engine.
    #[cfg(feature = "engine")]
    Run(#[from] crate::engine::RunFailed),
    /// What a run refused or stopped at.
    #[cfg(feature = "engine")]
    Engine(#[from] crate::engine::EngineError),
}
