//! How many connections there are, and leave for one more.
//!
//! A permit is taken before anything is done for a new connection and given back by its drop, whatever ends the connection.
//! Source: T2 of the limits.

use super::listener::{Acceptor, CountAddress, Released};
use super::settings::ListenerSettings;
use super::worker::Load;
use actix::{Addr, Message};
use std::cell::RefCell;
use std::net::IpAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// Connections of the node.
#[derive(Debug, Default)]
pub(crate) struct Counts {
    open: AtomicUsize,
    unwelcomed: AtomicUsize,
}

impl Counts {
    pub(crate) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    pub(crate) fn unwelcomed(&self) -> usize {
        self.unwelcomed.load(Ordering::Relaxed)
    }
}

/// Leave for one connection.
#[derive(Debug)]
pub(crate) struct Permit {
    counts: Arc<Counts>,
    of_listener: Arc<AtomicUsize>,
    welcomed: bool,
    /// The worker that has the connection.
    load: Option<Arc<Load>>,
    acceptor: Addr<Acceptor>,
    /// Loopback addresses, Unix sockets and trusted proxies are not counted.
    counted: Option<Counted>,
}

/// A place among the connections of one address, given back by its drop.
#[derive(Debug)]
pub(crate) struct Counted {
    address: IpAddr,
    acceptor: Addr<Acceptor>,
}

impl Counted {
    /// The acceptor has counted it.
    pub(super) fn new(address: IpAddr, acceptor: Addr<Acceptor>) -> Self {
        Self { address, acceptor }
    }
}

impl Drop for Counted {
    #[expect(clippy::disallowed_methods, reason = "one message per connection's life")]
    fn drop(&mut self) {
        self.acceptor.do_send(Released(self.address));
    }
}

/// Counts a connection for the client that a trusted proxy has named.
///
/// # Errors
/// There are too many of this address.
pub(crate) async fn count(acceptor: &Addr<Acceptor>, address: IpAddr) -> Result<Option<Counted>, TooMany> {
    if address.is_loopback() {
        return Ok(None);
    }
    // Without an acceptor the router is at its end.
    acceptor.send(CountAddress(address)).await.ok().flatten().map(Some).ok_or(TooMany)
}

/// Leave for one more connection of a listener, that no socket brings. `None`: there are as many as there may be.
#[derive(Message)]
#[rtype(result = "Option<Permit>")]
pub(crate) struct TakeAnother {
    pub(super) of_listener: Arc<AtomicUsize>,
    pub(super) listener: Arc<ListenerSettings>,
    pub(super) address: Option<IpAddr>,
    /// The worker that has it.
    pub(super) load: Option<Arc<Load>>,
}

/// An address has as many connections as it may have.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) struct TooMany;

impl Permit {
    pub(crate) fn take(
        counts: &Arc<Counts>,
        of_listener: &Arc<AtomicUsize>,
        acceptor: Addr<Acceptor>,
        counted: Option<Counted>,
    ) -> Self {
        counts.open.fetch_add(1, Ordering::Relaxed);
        counts.unwelcomed.fetch_add(1, Ordering::Relaxed);
        of_listener.fetch_add(1, Ordering::Relaxed);
        let (counts, of_listener) = (Arc::clone(counts), Arc::clone(of_listener));
        Self { counts, of_listener, welcomed: false, load: None, acceptor, counted }
    }

    /// Who counts connections by address.
    pub(crate) fn acceptor(&self) -> &Addr<Acceptor> {
        &self.acceptor
    }

    /// The connection is another client's than it was.
    pub(crate) fn counts_as(&mut self, counted: Option<Counted>) {
        self.counted = counted;
    }

    /// The connection is given to a worker, and counts among its own.
    pub(crate) fn given_to(&mut self, load: &Arc<Load>) {
        load.connections.fetch_add(1, Ordering::Relaxed);
        self.load = Some(Arc::clone(load));
    }

    /// The connection is to have a session, and has none yet. Whether it had no need of one until now.
    pub(crate) fn awaits_welcome(&mut self) -> bool {
        let was_welcomed = std::mem::replace(&mut self.welcomed, false);
        if was_welcomed {
            self.counts.unwelcomed.fetch_add(1, Ordering::Relaxed);
        }
        was_welcomed
    }

    /// The connection has a session, or needs none: it no longer counts among those that have none.
    pub(crate) fn welcomed(&mut self) {
        if !std::mem::replace(&mut self.welcomed, true) {
            self.counts.unwelcomed.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        self.welcomed();
        self.counts.open.fetch_sub(1, Ordering::Relaxed);
        self.of_listener.fetch_sub(1, Ordering::Relaxed);
        if let Some(load) = &self.load {
            load.connections.fetch_sub(1, Ordering::Relaxed);
        }
    }
}

/// The permit of a connection that the HTTP side has, and until when its first request is awaited. Travels with the stream,
/// and is known to each request.
#[derive(Clone, Debug)]
pub(crate) struct Lent {
    permit: Rc<RefCell<Option<Permit>>>,
    until: Instant,
}

impl Lent {
    pub(crate) fn new(permit: Permit, until: Instant) -> Self {
        Self { permit: Rc::new(RefCell::new(Some(permit))), until }
    }

    /// The head of a request is there: who only begins one is still waited for, and counts so.
    pub(crate) fn head_arrived(&self) {
        if let Some(permit) = self.permit.borrow_mut().as_mut() {
            permit.welcomed();
        }
    }

    /// What to ask for a transport that is opened by a request of this connection and outlives it, and whom. `None`: the
    /// connection is gone.
    pub(crate) fn another(
        &self,
        listener: &Arc<ListenerSettings>,
        address: Option<IpAddr>,
    ) -> Option<(Addr<Acceptor>, TakeAnother)> {
        let permit = self.permit.borrow();
        let permit = permit.as_ref()?;
        let (of_listener, load) = (Arc::clone(&permit.of_listener), permit.load.clone());
        let another = TakeAnother { of_listener, listener: Arc::clone(listener), address, load };
        Some((permit.acceptor.clone(), another))
    }

    /// Who counts connections by address.
    pub(crate) fn acceptor(&self) -> Option<Addr<Acceptor>> {
        self.permit.borrow().as_ref().map(|permit| permit.acceptor().clone())
    }

    /// The connection is another client's than it was.
    pub(crate) fn counts_as(&self, counted: Option<Counted>) {
        if let Some(permit) = self.permit.borrow_mut().as_mut() {
            permit.counts_as(counted);
        }
    }

    /// Whether no request's head has come.
    pub(crate) fn is_awaiting_head(&self) -> bool {
        self.permit.borrow().as_ref().is_some_and(|permit| !permit.welcomed)
    }

    /// The connection becomes another one: its permit, and until when it must be welcome. One that has been of use before gets
    /// the time that `anew` says.
    pub(crate) fn take_back(self, anew: Instant) -> Option<(Permit, Instant)> {
        let mut permit = self.permit.borrow_mut().take()?;
        let until = if permit.awaits_welcome() { anew } else { self.until };
        Some((permit, until))
    }
}
