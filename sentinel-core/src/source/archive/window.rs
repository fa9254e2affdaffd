//! One window of a recording, whose tables are read when they are first needed.

use std::sync::Arc;

use bytes::Bytes;
use tokio::sync::OnceCell;

use crate::artifact::ArtifactError;
use crate::artifact::raw::{
    BlockRow, CallsTable, Digest, Layout, Manifest, RuntimeRow, StateTable, Table, Window, read_blocks, read_runtimes,
};
use crate::blocking::offload;
use crate::source::{ChainIdentity, SourceError};
use crate::storage::Storage;

/// One window of a recording.
#[derive(Debug)]
pub(super) struct LoadedWindow {
    storage: Arc<dyn Storage>,
    window: Window,
    manifest: Arc<Manifest>,
    blocks: OnceCell<Vec<BlockRow>>,
    runtimes: OnceCell<Vec<RuntimeRow>>,
    state: OnceCell<StateTable>,
    calls: OnceCell<CallsTable>,
}

impl LoadedWindow {
    pub(super) async fn open(
        storage: &Arc<dyn Storage>,
        layout: &Layout,
        window: Window,
        identity: &ChainIdentity,
    ) -> Result<Arc<Self>, SourceError> {
        let manifest = Manifest::load(storage.as_ref(), layout, window).await.map_err(failed)?;
        if manifest.genesis_hash != identity.genesis_hash {
            let object = layout.manifest(window).map_or_else(|_| window.to_string(), |key| key.to_string());
            let message = format!("it is of the chain with genesis {}", manifest.genesis_hash);
            return Err(SourceError::Damaged { object, message });
        }
        Ok(Arc::new(Self {
            storage: Arc::clone(storage),
            window,
            manifest: Arc::new(manifest),
            blocks: OnceCell::new(),
            runtimes: OnceCell::new(),
            state: OnceCell::new(),
            calls: OnceCell::new(),
        }))
    }

    pub(super) fn window(&self) -> Window {
        self.window
    }

    pub(super) fn manifest(&self) -> &Manifest {
        &self.manifest
    }

    pub(super) async fn blocks(&self) -> Result<&[BlockRow], SourceError> {
        let rows = self.blocks.get_or_try_init(|| self.table(Table::Blocks, read_blocks)).await?;
        Ok(rows)
    }

    pub(super) async fn state(&self) -> Result<&StateTable, SourceError> {
        let read = || async {
            let prefixes = self.object(Table::Prefixes).await?;
            self.table(Table::State, move |manifest, state| StateTable::read(manifest, state, prefixes)).await
        };
        self.state.get_or_try_init(read).await
    }

    pub(super) async fn calls(&self) -> Result<&CallsTable, SourceError> {
        self.calls.get_or_try_init(|| self.table(Table::Calls, CallsTable::read)).await
    }

    pub(super) async fn metadata(&self, digest: Digest) -> Result<Bytes, SourceError> {
        let rows = self.runtimes.get_or_try_init(|| self.table(Table::Runtimes, read_runtimes)).await?;
        rows.iter().find(|row| row.digest == digest).map(|row| row.metadata.clone()).ok_or_else(|| {
            SourceError::Damaged {
                object: self.manifest.tables.runtimes.key.to_string(),
                message: format!("it lacks the runtime {digest}"),
            }
        })
    }

    async fn object(&self, table: Table) -> Result<Bytes, SourceError> {
        self.manifest.load_table(self.storage.as_ref(), table).await.map_err(failed)
    }

    async fn table<T: Send + 'static>(
        &self,
        table: Table,
        read: impl FnOnce(&Manifest, Bytes) -> Result<T, ArtifactError> + Send + 'static,
    ) -> Result<T, SourceError> {
        let object = self.object(table).await?;
        let manifest = Arc::clone(&self.manifest);
        match offload(move || read(&manifest, object)).await {
            Ok(result) => result.map_err(failed),
            // The file is the one that was written, yet no table: the Parquet reader may panic on such bytes.
            Err(panic) => Err(SourceError::Damaged {
                object: self.manifest.table(table).key.to_string(),
                message: panic.to_string(),
            }),
        }
    }
}

/// What a failure to read a recording means to the reader of a chain.
fn failed(error: ArtifactError) -> SourceError {
    match error {
        ArtifactError::Damaged { object, message } => SourceError::Damaged { object: object.to_string(), message },
        error if error.is_retryable() => SourceError::Transient {
            endpoint: "recording".to_owned(),
            message: "the store that holds it failed".to_owned(),
            source: Some(Box::new(error)),
        },
        error => {
            SourceError::Fatal { message: "the recording cannot be used".to_owned(), source: Some(Box::new(error)) }
        }
    }
}
