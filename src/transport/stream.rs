//! A stream of octets of a peer, TCP or Unix, plain or within TLS, with what was read of it before it was known what it
//! speaks.

use super::patience::WriteClock;
use super::tls::{Secured, Tls};
use crate::actors::connection::Patience;
use crate::auth::Certificate;
use bytes::{Buf, Bytes};
use std::any::Any;
use std::cell::RefCell;
use std::io;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use tokio::io::{AsyncRead, AsyncWrite, ReadBuf};
use tokio::net::{TcpStream, UnixStream};

/// Octets of one read.
const READ: usize = 64 << 10;

thread_local! {
    /// One buffer per thread for all its sockets: an idle connection holds none.
    static SCRATCH: RefCell<Box<[u8]>> = RefCell::new(vec![0; READ].into_boxed_slice());
}

/// The socket behind a connection.
#[derive(Debug)]
pub(crate) enum Socket {
    Tcp(TcpStream),
    Unix(UnixStream),
}

/// What octets come through.
#[derive(Debug)]
enum Wire {
    Tcp(TcpStream),
    Unix(UnixStream),
    Tls(Box<Secured>),
}

/// A socket and the octets that were read ahead.
#[derive(Debug)]
pub(crate) struct Stream {
    wire: Wire,
    ahead: Bytes,
    /// What belongs to the connection while the HTTP side, which knows only the stream, has it.
    luggage: Option<Box<dyn Any>>,
    /// Where nobody above watches whether the socket takes anything.
    clock: Option<WriteClock>,
}

impl Stream {
    pub(crate) fn new(socket: Socket) -> Self {
        let wire = match socket {
            Socket::Tcp(socket) => Wire::Tcp(socket),
            Socket::Unix(socket) => Wire::Unix(socket),
        };
        Self { wire, ahead: Bytes::new(), luggage: None, clock: None }
    }

    /// The TLS handshake, as the server; the stream within.
    ///
    /// # Errors
    /// There was none; the peer was told why as TLS has it.
    pub(crate) async fn secure(self, tls: &Tls) -> io::Result<Self> {
        let secured = Secured::accept(self, tls).await?;
        Ok(Self { wire: Wire::Tls(Box::new(secured)), ahead: Bytes::new(), luggage: None, clock: None })
    }

    /// TLS, if it is within it.
    fn secured(&self) -> Option<&Secured> {
        match &self.wire {
            Wire::Tls(secured) => Some(secured),
            Wire::Tcp(_) | Wire::Unix(_) => None,
        }
    }

    /// Whether nobody on the way can read along.
    pub(crate) fn is_secured(&self) -> bool {
        self.secured().is_some()
    }

    /// What the peer's certificate says, if it has shown one.
    pub(crate) fn certificate(&self) -> Option<&Arc<Certificate>> {
        self.secured()?.peer()
    }

    /// The `tls-exporter` value of RFC 9266.
    pub(crate) fn channel_binding(&self) -> Option<[u8; 32]> {
        self.secured()?.channel_binding()
    }

    /// Sends something along that belongs to the connection.
    pub(crate) fn with_luggage(self, luggage: impl Any) -> Self {
        Self { luggage: Some(Box::new(luggage)), ..self }
    }

    /// What was sent along.
    pub(crate) fn luggage<T: Any>(&self) -> Option<&T> {
        self.luggage.as_ref()?.downcast_ref()
    }

    /// Takes out what was sent along.
    pub(crate) fn take_luggage<T: Any>(&mut self) -> Option<T> {
        self.luggage.take()?.downcast().ok().map(|luggage| *luggage)
    }

    /// From now on a write fails when the socket has taken nothing for as long as the patience lasts; `None`: it never does.
    pub(crate) fn with_patience(mut self, patience: Option<Patience>) -> Self {
        *self.clock() = patience.map(WriteClock::new);
        self
    }

    /// How long the socket may take nothing, if that is watched.
    pub(crate) fn patience(&self) -> Option<&Patience> {
        match &self.wire {
            Wire::Tls(secured) => secured.inner().patience(),
            Wire::Tcp(_) | Wire::Unix(_) => self.clock.as_ref().map(WriteClock::patience),
        }
    }

    /// The clock of the socket itself: TLS takes octets that are not sent.
    fn clock(&mut self) -> &mut Option<WriteClock> {
        match &mut self.wire {
            Wire::Tls(secured) => secured.inner_mut().clock(),
            Wire::Tcp(_) | Wire::Unix(_) => &mut self.clock,
        }
    }

    /// Puts octets back in front of what is read next.
    pub(crate) fn put_back(&mut self, octets: Bytes) {
        debug_assert!(self.ahead.is_empty(), "only what was just read is put back");
        self.ahead = octets;
    }

    /// Reads what is ready, at most 64 KiB, and hands it to `take`. `Ok(None)` is the end.
    pub(crate) fn poll_take<T>(
        &mut self,
        cx: &mut Context<'_>,
        take: impl FnOnce(&[u8]) -> T,
    ) -> Poll<io::Result<Option<T>>> {
        if !self.ahead.is_empty() {
            let ahead = std::mem::take(&mut self.ahead);
            return Poll::Ready(Ok(Some(take(&ahead))));
        }
        SCRATCH.with_borrow_mut(|scratch| {
            let mut buffer = ReadBuf::new(scratch);
            match self.poll_read(cx, &mut buffer) {
                Poll::Ready(Ok(())) if buffer.filled().is_empty() => Poll::Ready(Ok(None)),
                Poll::Ready(Ok(())) => Poll::Ready(Ok(Some(take(buffer.filled())))),
                Poll::Ready(Err(error)) => Poll::Ready(Err(error)),
                Poll::Pending => Poll::Pending,
            }
        })
    }

    fn poll_read(&mut self, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(socket) => Pin::new(socket).poll_read(cx, buffer),
            Wire::Unix(socket) => Pin::new(socket).poll_read(cx, buffer),
            Wire::Tls(secured) => secured.poll_read(cx, buffer),
        }
    }

    pub(crate) fn poll_write_octets(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        let written = match &mut self.wire {
            Wire::Tcp(socket) => Pin::new(socket).poll_write(cx, octets),
            Wire::Unix(socket) => Pin::new(socket).poll_write(cx, octets),
            Wire::Tls(secured) => secured.poll_write(cx, octets),
        };
        match &mut self.clock {
            Some(clock) => clock.watch(cx, written),
            None => written,
        }
    }

    /// Sends what was taken and not sent: only TLS keeps something back.
    pub(crate) fn poll_flush_octets(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(_) | Wire::Unix(_) => Poll::Ready(Ok(())),
            Wire::Tls(secured) => secured.poll_flush(cx),
        }
    }

    pub(crate) fn poll_close(&mut self, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        match &mut self.wire {
            Wire::Tcp(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Unix(socket) => Pin::new(socket).poll_shutdown(cx),
            Wire::Tls(secured) => secured.poll_close(cx),
        }
    }

    /// Throws away what comes until the peer has closed or the connection is lost.
    pub(crate) fn poll_drain(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        // Bounded per wake: who floods a closing connection is cut by its deadline.
        for _ in 0..16 {
            match self.poll_take(cx, |_| ()) {
                Poll::Ready(Ok(Some(()))) => {}
                Poll::Ready(Ok(None) | Err(_)) => return Poll::Ready(()),
                Poll::Pending => return Poll::Pending,
            }
        }
        cx.waker().wake_by_ref();
        Poll::Pending
    }

    /// Writes what fits without waiting: for the last octets of a thread that is panicking.
    pub(crate) fn try_write(&mut self, octets: &[u8]) -> io::Result<usize> {
        match &mut self.wire {
            Wire::Tcp(socket) => socket.try_write(octets),
            Wire::Unix(socket) => socket.try_write(octets),
            Wire::Tls(secured) => secured.write_now(octets),
        }
    }
}

impl AsyncRead for Stream {
    fn poll_read(mut self: Pin<&mut Self>, cx: &mut Context<'_>, buffer: &mut ReadBuf<'_>) -> Poll<io::Result<()>> {
        if self.ahead.is_empty() {
            return Stream::poll_read(&mut self, cx, buffer);
        }
        let fits = self.ahead.len().min(buffer.remaining());
        let octets = self.ahead.copy_to_bytes(fits);
        buffer.put_slice(&octets);
        Poll::Ready(Ok(()))
    }
}

impl AsyncWrite for Stream {
    fn poll_write(mut self: Pin<&mut Self>, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.poll_write_octets(cx, octets)
    }

    fn poll_flush(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_flush_octets(cx)
    }

    fn poll_shutdown(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.poll_close(cx)
    }
}
