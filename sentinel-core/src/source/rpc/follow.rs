//! Following the chain: what the streams of finalized and of best blocks have in common.

mod bell;
mod best;
mod finalized;
mod prefetch;

use std::sync::Arc;

use futures::stream::{self, BoxStream, StreamExt};
use tokio::time::sleep;

use super::Inner;
use crate::source::SourceError;

pub(super) use best::best;
pub(super) use finalized::finalized;

/// One way of following the chain.
trait Follow: Send {
    type Item;

    /// Waits for the next item. After an error it goes on where it was, unless the error is the last item.
    fn step(&mut self) -> impl Future<Output = Result<Self::Item, SourceError>> + Send;
}

/// What comes after an item.
enum After {
    Item,
    Error,
    End,
}

/// Steps for ever, with a pause after each error. The stream goes on with the same block: it may fail again, but leaves
/// nothing out. Only a contradiction ends it.
fn steps<'i, F: Follow + 'i>(inner: &'i Arc<Inner>, follow: F) -> BoxStream<'i, Result<F::Item, SourceError>>
where
    F::Item: Send,
{
    stream::unfold((follow, After::Item), move |(mut follow, after)| async move {
        match after {
            After::Item => {}
            After::Error => sleep(inner.pool.options().poll_interval).await,
            After::End => return None,
        }
        let item = follow.step().await;
        let after = match &item {
            Ok(_) => After::Item,
            Err(SourceError::Contradicted { .. }) => After::End,
            Err(_) => After::Error,
        };
        Some((item, (follow, after)))
    })
    .boxed()
}
