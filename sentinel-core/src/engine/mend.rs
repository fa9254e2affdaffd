//! Windows that a live run left behind: it was killed before they were sealed, or could not read some of their blocks.

use super::EngineError;
use super::blocks::push;
use super::run::{Run, Stored, load_parts, stored};
use super::state::PartOf;
use crate::artifact::datasets::Window;
use crate::artifact::part::PartBuilder;

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
        self.sealed(0).await.map(drop)
    }

    async fn mend_window(&mut self, window: Window) -> Result<(), EngineError> {
        let left_out: Vec<u64> =
            self.quarantined.range(window.first()..=window.last()).map(|(block, _)| *block).collect();
        let before = stored(&self.state, &self.job, self.identity.genesis_hash, window).await?;
        if left_out.is_empty() && before == Stored::Whole {
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
            let (part, of) = (part.finish()?, PartOf::Blocks { first: block, last: block });
            self.still_ours().await?;
            self.state.keep(window, &of, part.encode()?).await?;
            self.state.release(block).await?;
            self.quarantined.remove(&block);
            open.parts.push(part);
            read.push(block);
        }
        if read.is_empty() && before == Stored::Partly {
            return Ok(());
        }
        tracing::info!(%window, ?read, "a window that was left behind is sealed");
        self.sealed(0).await?;
        self.seal(window, open.parts, None).await
    }
}
