//! Exit codes, and the errors that lead to them.

use std::io;
use std::process::ExitCode;

use sentinel_core::artifact::ArtifactError;
use sentinel_core::chain::{NetworkError, ParseBlockIdError};
use sentinel_core::config::ConfigError;
use sentinel_core::decode::{DecodeError, MetadataError};
use sentinel_core::engine::{EngineError, RecordError};
use sentinel_core::source::SourceError;
use sentinel_core::storage::StorageError;
use sentinel_core::subnet::SubnetError;
use sentinel_core::text::{terminal_safe, with_causes};

/// What a run tells its caller.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Exit {
    Done,
    Failed,
    Usage,
    Partly,
    StatePruned,
}

impl From<Exit> for ExitCode {
    fn from(exit: Exit) -> Self {
        Self::from(match exit {
            Exit::Done => 0,
            Exit::Failed => 1,
            Exit::Usage => 2,
            Exit::Partly => 3,
            Exit::StatePruned => 4,
        })
    }
}

/// Why a command did not succeed.
#[derive(Debug, thiserror::Error)]
pub(crate) enum CliError {
    #[error("{0}")]
    Usage(String),
    #[error("{0}")]
    Failed(String),
    #[error(transparent)]
    Network(#[from] NetworkError),
    #[error(transparent)]
    Block(#[from] ParseBlockIdError),
    #[error(transparent)]
    Source(#[from] SourceError),
    #[error(transparent)]
    Subnet(#[from] SubnetError),
    #[error("{file}: {source}; `sentinel-cli runtime metadata --out FILE` saves what a node serves")]
    Metadata { file: String, source: MetadataError },
    #[error("block {block} cannot be decoded")]
    Decode { block: u64, source: DecodeError },
    #[error(transparent)]
    Storage(#[from] StorageError),
    #[error(transparent)]
    Config(#[from] ConfigError),
    #[error(transparent)]
    Artifact(#[from] ArtifactError),
    #[error(transparent)]
    Record(#[from] RecordError),
    #[error(transparent)]
    Engine(#[from] EngineError),
    #[error("{what}")]
    File { what: String, source: io::Error },
    #[error("cannot write the output")]
    Output(#[from] io::Error),
    #[error("cannot write the output as JSON")]
    Json(#[from] serde_json::Error),
    #[error("cannot write the output as CSV")]
    Csv(#[from] csv::Error),
}

impl CliError {
    pub(crate) fn exit(&self) -> Exit {
        match self {
            Self::Usage(_) | Self::Network(_) | Self::Block(_) | Self::Config(_) => Exit::Usage,
            Self::Storage(StorageError::InvalidKey { .. } | StorageError::InvalidLocation { .. }) => Exit::Usage,
            Self::Source(SourceError::StatePruned { .. })
            | Self::Subnet(SubnetError::Source(SourceError::StatePruned { .. }))
            | Self::Record(RecordError::Source { source: SourceError::StatePruned { .. }, .. })
            | Self::Engine(
                EngineError::Source { source: SourceError::StatePruned { .. }, .. }
                | EngineError::Start(SourceError::StatePruned { .. })
                | EngineError::Subnet { source: SubnetError::Source(SourceError::StatePruned { .. }), .. },
            ) => Exit::StatePruned,
            Self::Engine(EngineError::Usage(_) | EngineError::NotFinalized { .. }) => Exit::Usage,
            Self::Engine(EngineError::GaveUp { .. }) => Exit::Partly,
            _ => Exit::Failed,
        }
    }

    /// Whether the reader of the output has gone away, as `head` does. The same failure anywhere else is one.
    pub(crate) fn is_closed_pipe(&self) -> bool {
        let kind = match self {
            Self::Output(error) => Some(error.kind()),
            Self::Json(error) => error.io_error_kind(),
            Self::Csv(error) => match error.kind() {
                csv::ErrorKind::Io(error) => Some(error.kind()),
                _ => None,
            },
            _ => None,
        };
        kind == Some(io::ErrorKind::BrokenPipe)
    }

    /// The error and its causes on one line, safe to show.
    pub(crate) fn line(&self) -> String {
        let line = with_causes(self);
        terminal_safe(line.trim_end()).into_owned()
    }
}
