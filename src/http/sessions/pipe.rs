//! A session actor's transport in memory: what the HTTP side asks is read, what the session says is handed to those who wait.
//!
//! Messages pass as they are, their payloads as slices of what brought them. It takes everything at once, so an HTTP caller's
//! session is never a slow consumer of single answers.

use super::exchange::{Exchange, Next};
use crate::actors::clock;
use crate::actors::connection::{Arrival, Connection, Fault};
use crate::session::Session;
use crate::wamp::{Dict, Message, Serialization, Value};
use std::cell::RefCell;
use std::collections::VecDeque;
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::task::{Context, Poll};

/// The largest message that any session may send.
pub(super) const MESSAGE_MAX: usize = 16 << 20;

/// The session's end of an exchange.
pub(super) struct Pipe {
    exchange: Rc<RefCell<Exchange>>,
    peer: Option<SocketAddr>,
    tls: bool,
    protocol: &'static str,
}

impl Pipe {
    /// For the caller at `peer`.
    pub(super) fn new(exchange: Rc<RefCell<Exchange>>, peer: Option<SocketAddr>, tls: bool) -> Self {
        Self { exchange, peer, tls, protocol: "rest" }
    }

    /// The same, for callers of another protocol.
    pub(super) fn speaking(self, protocol: &'static str) -> Self {
        Self { protocol, ..self }
    }
}

impl Connection for Pipe {
    fn serialization(&self) -> Serialization {
        Serialization::Json
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>> {
        let mut exchange = self.exchange.borrow_mut();
        loop {
            match exchange.next(cx.waker()) {
                Next::Message(message) => arrivals.push_back(Arrival::Checked(message)),
                Next::Closed => {
                    arrivals.push_back(Arrival::Closed(None));
                    return Poll::Ready(Ok(()));
                }
                Next::Wait if arrivals.is_empty() => return Poll::Pending,
                Next::Wait => return Poll::Ready(Ok(())),
            }
        }
    }

    fn poll_write(&mut self, _: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        // Events, which a session without subscriptions is not sent.
        Poll::Ready(Ok(octets.len()))
    }

    fn take(&mut self, message: &Message, session: &Session) -> bool {
        self.exchange.borrow_mut().receive(message, || session.allowances(clock::now));
        true
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        out.len()
    }

    fn finish(&self, _: &mut Vec<u8>, _: usize) {}

    fn peer_message_max(&self) -> usize {
        MESSAGE_MAX
    }

    fn peer_address(&self) -> Option<IpAddr> {
        self.peer.map(|peer| peer.ip())
    }

    fn details(&self) -> Dict {
        details_of(self.protocol, self.peer, self.tls)
    }
}

/// What is told of an HTTP caller's transport.
pub(in crate::http) fn details(peer: Option<SocketAddr>, tls: bool) -> Dict {
    details_of("rest", peer, tls)
}

/// The same for another protocol of section 3 of the HTTP design.
pub(super) fn details_of(protocol: &'static str, peer: Option<SocketAddr>, tls: bool) -> Dict {
    vec![
        ("type".to_owned(), Value::from("http")),
        ("protocol".to_owned(), Value::from(protocol)),
        ("peer".to_owned(), Value::Text(crate::observe::address(peer))),
        ("tls".to_owned(), Value::Bool(tls)),
    ]
}
