//! What a session actor sees of its transport, whatever the wire: arrivals in, octets out, and how a message is framed.
//!
//! `transport` and `http` implement it. A connection never decides anything about WAMP, and never buffers what goes out: that
//! is the outbox's. What a transport does not have (signs of life, a closing handshake) it need not mention.

use crate::auth::once::Vouched;
use crate::auth::{Certificate, CookieKey};
use crate::observe::Refusal;
use crate::session::{CloseCode, Session};
use crate::wamp::{Dict, Message, Serialization};
use bytes::Bytes;
use std::cell::Cell;
use std::collections::VecDeque;
use std::io;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

/// Something complete that came in.
#[derive(Clone, PartialEq, Debug)]
pub enum Arrival {
    /// One WAMP message, not yet decoded.
    Message(Bytes),
    /// One WAMP message of a peer in this process, which has checked it.
    Checked(Box<Message>),
    /// The peer wants to know whether we live.
    Ping(Bytes),
    /// The peer lives.
    Pong,
    /// The peer closes: its closing handshake (with a code, if it gave one), or the end of its octets.
    Closed(Option<u16>),
}

/// A fault of the peer below WAMP. The connection takes nothing more.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// How to close.
    pub code: CloseCode,
    /// Which counter moves.
    pub refusal: Refusal,
    /// What was wrong, for people.
    pub text: String,
    /// Whether an ABORT `wamp.error.protocol_violation` goes first: where the peer can still read one.
    pub abort: bool,
}

/// Who is to be asked for signs of life.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Pings {
    /// This peer answers.
    Always,
    /// This peer answers if it has asked first, or says an agent's name that is known to.
    IfKnown,
    /// Nobody can be asked; TCP watches.
    Never,
}

/// What the HTTP side knows of the connection that a request came by.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Encryption {
    /// Whether it is within TLS.
    pub tls: bool,
    /// The certificate that the peer has shown.
    pub certificate: Option<Arc<Certificate>>,
}

impl Encryption {
    /// Whether a browser's page of this Origin is of the host that it asks (T8). Within TLS a page that came without it is another
    /// one: anybody on the way may have written it.
    pub fn is_own_origin(&self, origin: &str, host: &str) -> bool {
        let Some((scheme, of_origin)) = origin.split_once("://") else { return false };
        let port = match scheme {
            "https" => ":443",
            "http" if !self.tls => ":80",
            _ => return false,
        };
        // Browsers leave the scheme's own port out of both, other programs out of one.
        let without = |host: &str| host.strip_suffix(port).unwrap_or(host).to_ascii_lowercase();
        !host.is_empty() && without(host) == without(of_origin)
    }
}

/// Whether an entry of a list of origins is this one; `*` is any, `:*` at its end any port, or none (T8; section 16 of the HTTP
/// design). Neither scheme nor host has capitals of its own.
pub fn covers_origin(listed: &str, origin: &str) -> bool {
    if listed == "*" {
        return true;
    }
    let Some(host) = listed.strip_suffix(":*") else { return listed.eq_ignore_ascii_case(origin) };
    let Some((start, rest)) = origin.split_at_checked(host.len()) else { return false };
    let port = rest.strip_prefix(':');
    start.eq_ignore_ascii_case(host)
        && (rest.is_empty() || port.is_some_and(|port| !port.is_empty() && port.bytes().all(|c| c.is_ascii_digit())))
}

/// How long the socket of a connection that the HTTP side has may take nothing of what is to be sent; then it is closed. Known to
/// each request, so that whoever answers by a stream may say what holds for its session.
#[derive(Clone, Debug)]
pub struct Patience(Rc<Cell<Duration>>);

impl Default for Patience {
    /// As long as an idle connection is kept.
    fn default() -> Self {
        Self(Rc::new(Cell::new(Duration::from_secs(60))))
    }
}

impl Patience {
    /// How long.
    pub fn get(&self) -> Duration {
        self.0.get()
    }

    /// From the next time on when nothing is taken.
    pub fn set(&self, patience: Duration) {
        self.0.set(patience);
    }
}

/// A cookie of one name: what the browser has shown with its request, and what it was given with the answer.
#[derive(Clone, Debug)]
pub struct BrowserCookie {
    /// Its name.
    pub name: Arc<str>,
    /// What was shown, if that could be one of ours.
    pub shown: Option<CookieKey>,
    /// What was given.
    pub fresh: CookieKey,
}

/// One connection of one peer.
pub trait Connection: 'static {
    /// How its messages are written.
    fn serialization(&self) -> Serialization;

    /// Reads what is ready, up to one buffer, and appends what is complete. `Ready` with nothing appended means that octets
    /// came but nothing is complete yet.
    ///
    /// # Errors
    /// [`Fault`]: the peer broke the transport's rules. Arrivals before the fault are appended first.
    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>>;

    /// Writes framed octets, as many as are taken.
    ///
    /// # Errors
    /// The connection is lost.
    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>>;

    /// Sends what was taken and is not sent yet, for connections that keep something back (TLS).
    ///
    /// # Errors
    /// The connection is lost.
    fn poll_flush(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Says that nothing more is written, when all that was taken is sent. To be asked again while it is pending.
    ///
    /// # Errors
    /// The connection is lost.
    fn poll_shutdown(&mut self, _: &mut Context<'_>) -> Poll<io::Result<()>> {
        Poll::Ready(Ok(()))
    }

    /// Reads and throws away what still comes, until the peer has closed too: an unread octet at the close would make the
    /// kernel reset the connection and the peer lose our last words.
    fn poll_drain(&mut self, _: &mut Context<'_>) -> Poll<()> {
        Poll::Ready(())
    }

    /// Takes a message of `session` as it is, for a peer in this process: nothing is encoded then. False: it is to be written.
    fn take(&mut self, _: &Message, _session: &Session) -> bool {
        false
    }

    /// Makes room for a message's head; the message is appended next.
    fn begin(&self, out: &mut Vec<u8>) -> usize;

    /// Completes the frame that began at `start`.
    fn finish(&self, out: &mut Vec<u8>, start: usize);

    /// Appends a sign-of-life question, if the transport has those.
    fn ping(&self, _: &mut Vec<u8>) {}

    /// Appends the answer to one.
    fn pong(&self, _: &mut Vec<u8>, _: &[u8]) {}

    /// Appends what ends the connection in order, if the transport has that.
    fn close(&self, _: &mut Vec<u8>, _: CloseCode) {}

    /// Whether an unanswered question may be skipped in favour of a newer one.
    fn newest_ping_only(&self) -> bool {
        true
    }

    /// The largest message that the peer takes, in octets.
    fn peer_message_max(&self) -> usize;

    /// The session is open: larger messages are taken from now on.
    fn welcomed(&mut self) {}

    /// Who is asked for signs of life.
    fn pings(&self) -> Pings {
        Pings::Never
    }

    /// Whether HELLO's agent is known to answer [`Connection::ping`].
    fn knows_agent(&self, _: &str) -> bool {
        false
    }

    /// What a login can be bound to: `tls-exporter` (RFC 9266) of its TLS connection. `None`: TLS does not end here.
    fn channel_binding(&self) -> Option<[u8; 32]> {
        None
    }

    /// Where the peer is, as far as that is known; `None` for Unix sockets.
    fn peer_address(&self) -> Option<IpAddr> {
        None
    }

    /// The headers of the HTTP request that it began with, names in lower case, until the session is open.
    fn http_headers(&self) -> &[(String, String)] {
        &[]
    }

    /// What the meta API shows of it.
    fn details(&self) -> Dict;

    /// Cookies of the peer, where it is a browser.
    fn cookies(&self) -> &[BrowserCookie] {
        &[]
    }

    /// Whom a one-time ticket lets in that came with the connection; once.
    fn take_vouched(&mut self) -> Option<Vouched> {
        None
    }

    /// What the certificate says that the peer has shown, where TLS has verified one.
    fn tls_peer(&self) -> Option<&Arc<Certificate>> {
        None
    }
}
