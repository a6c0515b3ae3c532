//! The long-poll transports of the node, found by their ids.
//!
//! Requests of one transport come in on any thread, so what they share stands behind locks, each held for moving octets only.

use super::exchange::{Exchange, Received, Turn};
use super::protocol::Protocol;
use crate::actors::clock;
use crate::actors::connection::Encryption;
use actix_web::http::header::{self, HeaderMap};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use sha2::{Digest, Sha256};
use std::collections::{HashMap, VecDeque};
use std::sync::atomic::{AtomicUsize, Ordering};
#[expect(clippy::disallowed_types, reason = "requests of one transport come in on any thread")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use subtle::ConstantTimeEq;
use tokio::sync::{Notify, Semaphore};

/// What the request that opens a transport has shown besides cookies, as one hash: the credential that its id is bound to.
#[derive(Clone, Copy)]
pub(super) struct Shown([u8; 32]);

impl Shown {
    /// Of a request. A cookie is none: it changes with each opening, also that of another tab. Nor is an Origin, which a browser
    /// leaves out where it gets something of the page's own host.
    pub(super) fn of(headers: &HeaderMap, encryption: &Encryption) -> Self {
        let mut hash = Sha256::new();
        if let Some(certificate) = &encryption.certificate {
            hash.update(certificate.sha256.as_bytes());
        }
        for line in headers.get_all(header::AUTHORIZATION) {
            hash.update([0]);
            hash.update(line.as_bytes());
        }
        Self(hash.finalize().into())
    }
}

/// What the requests of one transport share with its session.
#[expect(clippy::disallowed_types, reason = "requests of one transport come in on any thread")]
pub(super) struct Wire {
    exchange: Mutex<Exchange>,
    key: [u8; 32],
    listener: Arc<str>,
    shown: Shown,
    pub(super) protocol: Protocol,
    /// The largest body that is taken now.
    body_max: AtomicUsize,
    /// One body at a time is read, in the order in which the requests came.
    pub(super) sending: Semaphore,
    /// The session has read all that came, or is over.
    read: Notify,
}

impl Wire {
    /// What is between the requests and the session.
    pub(super) fn exchange(&self) -> MutexGuard<'_, Exchange> {
        self.exchange.lock().unwrap_or_else(PoisonError::into_inner)
    }

    pub(super) fn body_max(&self) -> usize {
        self.body_max.load(Ordering::Relaxed)
    }

    pub(super) fn set_body_max(&self, octets: usize) {
        self.body_max.store(octets, Ordering::Relaxed);
    }

    /// Waits until the session has read what came before. The permit of `sending` is held meanwhile: one waits at a time.
    pub(super) async fn until_read(&self) {
        while !self.is_read() {
            self.read.notified().await;
        }
    }

    fn is_read(&self) -> bool {
        let exchange = self.exchange();
        exchange.is_read() || exchange.has_ended()
    }

    /// The session has read all that came.
    pub(super) fn note_read(&self) {
        self.read.notify_one();
    }
}

/// All transports. Cheap to clone.
#[derive(Clone, Default)]
pub struct Board {
    #[expect(clippy::disallowed_types, reason = "requests of one transport come in on any thread")]
    wires: Arc<Mutex<Wires>>,
}

/// How many transports whose session is over may still be closed.
const ENDED_MAX: usize = 1024;

#[derive(Default)]
struct Wires {
    by_key: HashMap<[u8; 32], Arc<Wire>>,
    /// Those whose session is over, the oldest first, with some that are closed.
    ended: VecDeque<[u8; 32]>,
}

impl Board {
    /// A new transport, with its id: 128 bits of the system's generator.
    pub(super) fn open(
        &self,
        protocol: Protocol,
        listener: Arc<str>,
        shown: Shown,
        body_max: usize,
    ) -> (Arc<Wire>, String) {
        let id = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 16]>());
        let wire = Arc::new(Wire {
            exchange: Exchange::new(protocol, clock::now()).into(),
            key: key(&id),
            listener,
            shown,
            protocol,
            body_max: AtomicUsize::new(body_max),
            sending: Semaphore::new(1),
            read: Notify::new(),
        });
        self.wires().by_key.insert(wire.key, Arc::clone(&wire));
        (wire, id)
    }

    /// The transport with this id, if it was opened on this listener by whoever shows the same.
    pub(super) fn find(&self, id: &str, listener: &str, shown: Shown) -> Option<Arc<Wire>> {
        // By its hash: how long the look takes tells nothing of ids that there are.
        let wire = self.wires().by_key.get(&key(id)).cloned()?;
        let is_the_openers = bool::from(wire.shown.0.ct_eq(&shown.0)) && &*wire.listener == listener;
        is_the_openers.then_some(wire)
    }

    /// No request finds it any more.
    pub(super) fn forget(&self, wire: &Wire) {
        self.wires().by_key.remove(&wire.key);
    }

    /// The session is over. Of the last of these it is still known that they were there: Autobahn|JS closes its transport after an
    /// ABORT, and waits for ever if that is no success.
    pub(super) fn end(&self, wire: &Wire) {
        let mut wires = self.wires();
        if wires.by_key.contains_key(&wire.key) {
            wires.ended.push_back(wire.key);
            if wires.ended.len() > ENDED_MAX {
                let oldest = wires.ended.pop_front();
                oldest.and_then(|oldest| wires.by_key.remove(&oldest));
            }
        }
        drop(wires);
        wire.exchange().end();
        wire.note_read();
    }

    fn wires(&self) -> MutexGuard<'_, Wires> {
        self.wires.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn key(id: &str) -> [u8; 32] {
    Sha256::digest(id.as_bytes()).into()
}

/// A request that receives; its drop is its end.
pub(super) struct Receiving {
    wire: Arc<Wire>,
    turn: Turn,
}

impl Receiving {
    /// Ends the one before it.
    pub(super) fn begin(wire: Arc<Wire>) -> Self {
        let turn = wire.exchange().receive(clock::now());
        Self { wire, turn }
    }

    pub(super) fn poll(&self, cx: &mut Context<'_>) -> Poll<Received> {
        self.wire.exchange().poll_received(self.turn, cx.waker())
    }
}

impl Drop for Receiving {
    fn drop(&mut self) {
        self.wire.exchange().withdraw(self.turn, clock::now());
    }
}

/// A request that sends; its drop is its end.
pub(super) struct Sending(Arc<Wire>);

impl Sending {
    pub(super) fn begin(wire: Arc<Wire>) -> Self {
        wire.exchange().send();
        Self(wire)
    }
}

impl Drop for Sending {
    fn drop(&mut self) {
        self.0.exchange().sent(clock::now());
    }
}

#[cfg(test)]
mod tests {
    use super::super::protocol::choose;
    use super::*;
    use actix_web::http::header::HeaderValue;

    fn shown(authorization: &str) -> Shown {
        let mut headers = HeaderMap::new();
        headers.insert(header::AUTHORIZATION, HeaderValue::from_str(authorization).unwrap());
        Shown::of(&headers, &Encryption::default())
    }

    /// Section 11 of the HTTP design.
    #[test]
    fn an_id_is_good_for_the_credential_and_the_listener_that_opened_it() {
        let board = Board::default();
        let protocol = choose(br#"{"protocols":["wamp.2.json"]}"#).unwrap();
        let (wire, id) = board.open(protocol, "main".into(), shown("Basic a"), 100);
        assert_eq!(URL_SAFE_NO_PAD.decode(&id).unwrap().len(), 16);
        assert_ne!(board.open(protocol, "main".into(), shown("Basic a"), 100).1, id);
        assert!(board.find(&id, "main", shown("Basic a")).is_some());
        assert!(board.find(&id, "main", shown("Basic b")).is_none());
        assert!(board.find(&id, "main", Shown::of(&HeaderMap::new(), &Encryption::default())).is_none());
        assert!(board.find(&id, "other", shown("Basic a")).is_none());
        assert!(board.find("", "main", shown("Basic a")).is_none());
        board.end(&wire);
        assert!(board.find(&id, "main", shown("Basic a")).is_some_and(|wire| wire.exchange().has_ended()));
        board.forget(&wire);
        assert!(board.find(&id, "main", shown("Basic a")).is_none());
    }

    /// U3.
    #[test]
    fn of_transports_whose_session_is_over_only_the_last_are_known() {
        let board = Board::default();
        let protocol = choose(br#"{"protocols":["wamp.2.json"]}"#).unwrap();
        let opened: Vec<_> =
            (0..=ENDED_MAX).map(|_| board.open(protocol, "main".into(), shown("Basic a"), 100)).collect();
        opened.iter().for_each(|(wire, _)| board.end(wire));
        assert_eq!(board.wires().by_key.len(), ENDED_MAX);
        assert!(board.find(&opened[0].1, "main", shown("Basic a")).is_none());
    }
}
