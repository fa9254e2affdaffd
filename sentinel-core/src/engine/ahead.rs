//! Reads ahead of whoever takes what was read, so that neither waits for the other's work.

use futures::{Stream, StreamExt};
use tokio::sync::mpsc;
use tokio::task::JoinHandle;

/// The items of a stream, in their order, made by a task of their own: while what was read is written, reading goes on,
/// until so many wait. Dropping this ends the reading.
#[derive(Debug)]
pub(super) struct Ahead<T> {
    items: mpsc::Receiver<T>,
    reader: JoinHandle<()>,
}

impl<T: Send + 'static> Ahead<T> {
    /// Begins; at most `waiting` items are kept beside those that the stream itself has under way.
    pub(super) fn of(stream: impl Stream<Item = T> + Send + 'static, waiting: usize) -> Self {
        let (send, items) = mpsc::channel(waiting.max(1));
        let reader = tokio::spawn(async move {
            let mut stream = std::pin::pin!(stream);
            while let Some(item) = stream.next().await {
                if send.send(item).await.is_err() {
                    return;
                }
            }
        });
        Self { items, reader }
    }

    /// The next; `None` after the last. A panic of the stream comes out here, so that it is not taken for its end.
    pub(super) async fn next(&mut self) -> Option<T> {
        let item = self.items.recv().await;
        if item.is_none()
            && let Err(error) = (&mut self.reader).await
            && let Ok(panic) = error.try_into_panic()
        {
            std::panic::resume_unwind(panic);
        }
        item
    }
}

impl<T> Drop for Ahead<T> {
    fn drop(&mut self) {
        self.reader.abort();
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;
    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use futures::stream;
    use tokio::time::sleep;

    use super::*;

    fn counting(made: &Arc<AtomicUsize>) -> impl Stream<Item = usize> + Send + 'static + use<> {
        let made = Arc::clone(made);
        stream::iter(0..100).inspect(move |_| {
            made.fetch_add(1, Ordering::Relaxed);
        })
    }

    #[tokio::test(start_paused = true)]
    async fn it_reads_ahead_up_to_its_bound_and_keeps_the_order() {
        let made = Arc::new(AtomicUsize::new(0));
        let mut ahead = Ahead::of(counting(&made), 5);
        sleep(Duration::from_millis(1)).await;
        // Five wait, and one is there to be handed over.
        assert_eq!(made.load(Ordering::Relaxed), 6);
        let mut all = Vec::new();
        while let Some(item) = ahead.next().await {
            all.push(item);
        }
        assert_eq!(all, (0..100).collect::<Vec<_>>());
    }

    #[tokio::test]
    #[should_panic(expected = "the stream fails")]
    async fn a_failure_is_not_an_end() {
        let items = stream::iter(0..3).inspect(|item| assert!(*item < 2, "the stream fails"));
        let mut ahead = Ahead::of(items, 5);
        while ahead.next().await.is_some() {}
    }

    #[tokio::test(start_paused = true)]
    async fn dropping_it_ends_the_reading() {
        let made = Arc::new(AtomicUsize::new(0));
        let (dropped, is_dropped) = tokio::sync::oneshot::channel::<()>();
        let items = counting(&made).chain(stream::pending()).inspect(move |_| {
            let _ = &dropped;
        });
        drop(Ahead::of(items, 5));
        assert!(is_dropped.await.is_err(), "the stream is gone");
    }
}
