//! Windows that a live run left behind: it was killed before they were sealed, or could not read some of their blocks.

use super::EngineError;
use super::blocks::push;
use super::run::{Run, is_sealed, load_parts};
use super::state::{PartOf, RangeStart};
use crate::artifact::ArtifactError;
use crate::artifact::datasets::Window;
use crate::artifact::part::PartBuilder;
use crate::artifact::window::{Check, WindowManifest};

impl Run {
    /// Seals the windows that end before a block and still have parts, with what can be read now of what was left out.
    ///
    /// Detectors went on long ago: they are not shown those blocks.
    pub(super) async fn mend(&mut self, before: u64) -> Result<(), EngineError> {
        for (first, last) in self.state.windows().await? {
            let Some(window) = Window::new(first, last).filter(|_| last < before) else { continue };
            if self.is_stopped() {
                break;
            }
            self.mend_window(window).await?;
        }
        self.sealed().await
    }

    async fn mend_window(&mut self, window: Window) -> Result<(), EngineError> {
        let left_out: Vec<u64> =
            self.quarantined.range(window.first()..=window.last()).map(|(block, _)| *block).collect();
        if left_out.is_empty() && is_sealed(&self.state, &self.job, self.identity.genesis_hash, window).await? {
            return self.state.drop_parts(window).await;
        }
        let mut open = load_parts(&self.state, window).await?;
        let mut read = Vec::new();
        for block in left_out {
            let gathered = match self.gatherer.at_height(block).await {
                Ok(gathered) => gathered,
                Err(error) => {
                    tracing::warn!(block, %error, "still cannot be read");
                    continue;
                }
            };
            let mut part = PartBuilder::new();
            part.begin(gathered.at)?;
            push(&mut part, gathered.rows)?;
            let (part, of) = (part.finish()?, PartOf::Blocks(RangeStart { first: block, last: block }));
            self.still_ours().await?;
            self.keep(window, &of, &part).await?;
            self.state.release(block).await?;
            self.quarantined.remove(&block);
            open.parts.push(part);
            read.push(block);
        }
        if read.is_empty() && self.is_there(window).await? {
            return Ok(());
        }
        tracing::info!(%window, ?read, "a window that was left behind is sealed");
        self.seal(window, open.parts).await
    }

    /// Whether the artifacts of a window are there, though not of every block.
    async fn is_there(&self, window: Window) -> Result<bool, EngineError> {
        let storage = &**self.state.storage();
        let whole = match WindowManifest::load(storage, &self.job.network, &self.job.artifacts()?, window).await {
            Ok(Some(manifest)) if !manifest.quarantined.is_empty() => manifest.verify(storage, Check::Sizes).await,
            Ok(_) => return Ok(false),
            Err(error) => Err(error),
        };
        match whole {
            Ok(()) => Ok(true),
            Err(ArtifactError::Damaged { .. }) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }
}
