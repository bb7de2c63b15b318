//! The end of an HTTP connection, which is ours and not the HTTP library's to say.

use std::future::poll_fn;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};

use hyper::rt::{Read, ReadBufCursor, Write};
use hyper_util::rt::TokioIo;
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// A connection that stays open when it is told to shut down. What was to be sent is sent by then;
/// [`Farewell::say`] does the rest.
pub(super) struct Farewell<I>(TokioIo<I>);

impl<I: AsyncRead + AsyncWrite + Unpin> Farewell<I> {
    pub(super) fn to_be_said(io: I) -> Self {
        Self(TokioIo::new(io))
    }

    /// Says that nothing more will be sent, and reads what the client had on its way: to close
    /// while it still sends would make its system discard the answer.
    pub(super) async fn say(self) -> io::Result<()> {
        let mut io = self.0.into_inner();
        poll_fn(|cx| Pin::new(&mut io).poll_shutdown(cx)).await?;
        let mut discarded = [0; 4096];
        loop {
            let mut buf = ReadBuf::new(&mut discarded);
            poll_fn(|cx| Pin::new(&mut io).poll_read(cx, &mut buf)).await?;
            if buf.filled().is_empty() {
                return Ok(());
            }
        }
    }
}

impl<I: AsyncRead + Unpin> Read for Farewell<I> {
    fn poll_read(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: ReadBufCursor<'_>,
    ) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_read(cx, buf)
    }
}

impl<I: AsyncWrite + Unpin> Write for Farewell<I> {
    fn poll_write(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        buf: &[u8],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write(cx, buf)
    }

    fn poll_write_vectored(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
        bufs: &[io::IoSlice<'_>],
    ) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.0).poll_write_vectored(cx, bufs)
    }

    fn is_write_vectored(&self) -> bool {
        self.0.is_write_vectored()
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }
}
