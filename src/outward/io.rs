//! A stream of tokio's as hyper wants it: between their two kinds of buffers everything is copied once.

use hyper::rt::ReadBufCursor;
use std::io;
use std::pin::Pin;
use std::task::{ready, Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};

/// Octets of one read.
const READ: usize = 8 << 10;

/// A stream for hyper.
pub(super) struct Io<T>(pub(super) T);

impl<T: AsyncRead + Unpin> hyper::rt::Read for Io<T> {
    fn poll_read(self: Pin<&mut Self>, cx: &mut Context<'_>, mut into: ReadBufCursor<'_>) -> Poll<io::Result<()>> {
        let mut octets = [0; READ];
        let mut buffer = ReadBuf::new(&mut octets);
        let mut buffer_of_room = buffer.take(into.remaining());
        ready!(Pin::new(&mut self.get_mut().0).poll_read(cx, &mut buffer_of_room))?;
        into.put_slice(buffer_of_room.filled());
        Poll::Ready(Ok(()))
    }
}

impl<T: AsyncWrite + Unpin> hyper::rt::Write for Io<T> {
    fn poll_write(self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        Pin::new(&mut self.get_mut().0).poll_write(cx, octets)
    }

    fn poll_flush(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_flush(cx)
    }

    fn poll_shutdown(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        Pin::new(&mut self.get_mut().0).poll_shutdown(cx)
    }
}
