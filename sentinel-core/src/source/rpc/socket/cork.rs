//! Requests that are written together leave together.

use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::task::{Context, Poll, ready};

use tokio::io::{AsyncRead, AsyncWrite, BufStream, ReadBuf};

/// Bytes that are read, or wait to be written, at once.
const ROOM: usize = 64 << 10;

/// Says whether more is about to be written.
#[derive(Debug, Clone, Default)]
pub(in super::super) struct Cork(Arc<AtomicBool>);

impl Cork {
    /// While there is more, what is written may wait for it, although it is flushed.
    pub(super) fn more(&self, is_more: bool) {
        self.0.store(is_more, Ordering::Relaxed);
    }
}

/// A stream that obeys a [`Cork`]: the transport flushes after every message, and each flush is a packet, and work for
/// both sides.
#[derive(Debug)]
pub(in super::super) struct Corked<S> {
    stream: BufStream<S>,
    cork: Cork,
}

impl<S: AsyncRead + AsyncWrite> Corked<S> {
    pub(in super::super) fn new(stream: S, cork: Cork) -> Self {
        Self { stream: BufStream::with_capacity(ROOM, ROOM, stream), cork }
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncRead for Corked<S> {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.stream).poll_read(cx, buffer)
    }
}

impl<S: AsyncRead + AsyncWrite + Unpin> AsyncWrite for Corked<S> {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, bytes: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.stream).poll_write(cx, bytes)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        if self.cork.0.load(Ordering::Relaxed) {
            return Poll::Ready(Ok(()));
        }
        Pin::new(&mut self.stream).poll_flush(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        ready!(Pin::new(&mut self.stream).poll_flush(cx))?;
        Pin::new(&mut self.stream).poll_shutdown(cx)
    }
}

#[cfg(test)]
mod tests {
    use tokio::io::{AsyncReadExt, AsyncWriteExt};

    use super::*;

    #[tokio::test]
    async fn what_is_flushed_waits_while_there_is_more() {
        let (near, mut far) = tokio::io::duplex(1 << 20);
        let cork = Cork::default();
        let mut stream = Corked::new(near, cork.clone());
        cork.more(true);
        for _ in 0..3 {
            stream.write_all(b"ab").await.unwrap();
            stream.flush().await.unwrap();
        }
        let mut buffer = [0; 64];
        let read = tokio::time::timeout(std::time::Duration::from_millis(20), far.read(&mut buffer)).await;
        assert!(read.is_err(), "nothing left");
        cork.more(false);
        stream.write_all(b"c").await.unwrap();
        stream.flush().await.unwrap();
        assert_eq!(far.read(&mut buffer).await.unwrap(), 7, "all of it at once");
        far.write_all(b"back").await.unwrap();
        assert_eq!(stream.read(&mut buffer).await.unwrap(), 4);
    }
}
