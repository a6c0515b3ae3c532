//! One long-poll transport as a session actor sees it: messages of `send` in, and out what is received.
//!
//! It takes nothing while nobody receives, so what waits is the outbox's, with its bounds and its rule for the slow. Requests are
//! its signs of life.

use super::super::permit::Permit;
use super::super::settings::ListenerSettings;
use super::board::{Board, Wire};
use super::protocol::Framing;
use crate::actors::clock;
use crate::actors::connection::{Arrival, BrowserCookie, Connection, Encryption, Fault};
use crate::actors::lengths;
use crate::auth::Certificate;
use crate::wamp::{Dict, Serialization, Value};
use std::collections::VecDeque;
use std::future::Future;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// What came with the request that opened it.
pub(super) struct Opener {
    pub(super) peer: Option<SocketAddr>,
    pub(super) encryption: Encryption,
    pub(super) headers: Vec<(String, String)>,
    pub(super) cookies: Vec<BrowserCookie>,
    pub(super) permit: Permit,
}

/// One transport.
pub(super) struct LongPollConnection {
    wire: Arc<Wire>,
    board: Board,
    settings: Arc<ListenerSettings>,
    opener: Opener,
    timer: Pin<Box<Sleep>>,
    closed: bool,
}

impl LongPollConnection {
    pub(super) fn new(wire: Arc<Wire>, board: Board, settings: Arc<ListenerSettings>, opener: Opener) -> Self {
        let timer = Box::pin(tokio::time::sleep(Duration::ZERO));
        Self { wire, board, settings, opener, timer, closed: false }
    }

    /// Whether no request has come for too long; the timer wakes when that may be.
    fn is_lost(&mut self, cx: &mut Context<'_>) -> bool {
        loop {
            let lost_at = self.wire.exchange().lost_at(self.settings.longpoll.session_timeout);
            let Some(lost_at) = lost_at else { return false };
            if lost_at <= clock::now() {
                return true;
            }
            self.timer.as_mut().reset(lost_at.into());
            if self.timer.as_mut().poll(cx).is_pending() {
                return false;
            }
        }
    }
}

impl Connection for LongPollConnection {
    fn serialization(&self) -> Serialization {
        self.wire.protocol.serialization
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>> {
        if self.closed {
            return Poll::Pending;
        }
        let before = arrivals.len();
        loop {
            let next = self.wire.exchange().next(cx.waker());
            match next {
                Some(Ok(arrival)) => {
                    self.closed |= matches!(arrival, Arrival::Closed(_));
                    arrivals.push_back(arrival);
                }
                Some(Err(fault)) => {
                    self.closed = true;
                    return Poll::Ready(Err(fault));
                }
                None => break,
            }
        }
        self.wire.note_read();
        if arrivals.len() > before {
            return Poll::Ready(Ok(()));
        }
        if self.is_lost(cx) {
            self.closed = true;
            arrivals.push_back(Arrival::Closed(None));
            return Poll::Ready(Ok(()));
        }
        Poll::Pending
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.wire.exchange().poll_take(octets, cx.waker()).map(Ok)
    }

    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        self.wire.exchange().flush();
        Poll::Ready(Ok(()))
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        lengths::begin(out)
    }

    fn finish(&self, out: &mut Vec<u8>, start: usize) {
        lengths::finish(out, start);
    }

    fn peer_message_max(&self) -> usize {
        // As on a WebSocket: what may come in from others may go out to them.
        self.settings.message_max.saturating_add(1 << 16)
    }

    fn welcomed(&mut self) {
        self.opener.permit.welcomed();
        self.opener.headers = Vec::new();
        self.wire.set_body_max(self.settings.message_max);
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.opener.peer.map(|peer| peer.ip())
    }

    fn http_headers(&self) -> &[(String, String)] {
        &self.opener.headers
    }

    fn details(&self) -> Dict {
        let events = if self.wire.protocol.framing == Framing::Events { ".sse" } else { "" };
        let protocol = format!("wamp.2.{}{events}", self.serialization().name());
        vec![
            ("type".to_owned(), Value::from("longpoll")),
            ("protocol".to_owned(), Value::Text(protocol)),
            ("peer".to_owned(), Value::Text(crate::observe::address(self.opener.peer))),
            ("tls".to_owned(), Value::Bool(self.opener.encryption.tls)),
        ]
    }

    fn cookies(&self) -> &[BrowserCookie] {
        &self.opener.cookies
    }

    fn tls_peer(&self) -> Option<&Arc<Certificate>> {
        self.opener.encryption.certificate.as_ref()
    }
}

impl Drop for LongPollConnection {
    fn drop(&mut self) {
        self.board.end(&self.wire);
    }
}
