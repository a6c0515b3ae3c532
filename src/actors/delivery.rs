//! From a realm to its sessions: collects what each session is told during a turn of the realm and sends it as one batch.
//!
//! This is the only place that addresses sessions, so that all a realm says to one travels by one road, in order: delivery,
//! the session actor's address, its outbox. What is on that road counts against the outbox's bounds.

use super::brake::BRAKE_MAX;
use super::clock;
use super::session::SessionActor;
use super::settings::{OnOverflow, OutboxSettings};
use super::swap::Renewed;
use crate::observe::Tally;
use crate::routing::{CloseReason, Effect, Effects, Order, SessionKey, SharedEvent};
use crate::wamp::message::{Invocation, Message};
use crate::wamp::ErrorUri;
use actix::Addr;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::Instant;

/// One thing that a realm tells a session.
#[derive(Debug)]
pub(crate) enum Outgoing {
    /// A reply, INVOCATION, RESULT, ERROR or INTERRUPT.
    Message(Message),
    /// An event, shared with its other receivers.
    Event(Arc<SharedEvent>),
    /// It is in.
    Joined(SessionKey),
    /// It is not let in. `retry`: the realm is just being replaced.
    JoinRefused { error: ErrorUri, text: &'static str, retry: bool },
    /// It is out, as it asked.
    Left,
    /// The realm has ended it.
    Closed(CloseReason),
    /// It is asked for a sign of life.
    Probe,
    /// The realm's settings have changed.
    Settings(Box<Renewed>),
    /// More was on the road than the outbox may hold.
    Overflow,
    /// So many events were dropped on the road, and counted, after what came before this.
    Missed(u64),
    /// The realm's actor is gone without having said goodbye.
    RealmGone,
}

/// What a realm tells one session, in order.
#[derive(Debug, actix::Message)]
#[rtype(result = "()")]
pub(crate) struct Deliveries {
    pub(crate) batch: Vec<Outgoing>,
    /// Octets that the batch is counted with on the road.
    pub(crate) weight: usize,
}

/// What is on the road to one session: sent by the realm, not yet in the outbox; and what lies in a callee's outbox.
#[derive(Debug, Default)]
pub(crate) struct Road {
    messages: AtomicUsize,
    bytes: AtomicUsize,
    /// Nobody is at its end any more, so that nothing is taken off it.
    ends_nowhere: AtomicBool,
    outbox_messages: AtomicUsize,
    outbox_bytes: AtomicUsize,
}

impl Road {
    /// One message comes that delivery does not send: the answer to a session that is not let in.
    pub(crate) fn expect_one(&self) {
        self.messages.fetch_add(1, Ordering::Relaxed);
        self.bytes.fetch_add(LIGHT, Ordering::Relaxed);
    }

    /// The session has taken a batch off the road.
    pub(crate) fn arrived(&self, deliveries: &Deliveries) {
        self.messages.fetch_sub(deliveries.batch.len(), Ordering::Relaxed);
        self.bytes.fetch_sub(deliveries.weight, Ordering::Relaxed);
    }

    /// A callee's session says how much lies in its outbox.
    pub(crate) fn set_outbox(&self, (messages, bytes): (usize, usize)) {
        self.outbox_messages.store(messages, Ordering::Relaxed);
        self.outbox_bytes.store(bytes, Ordering::Relaxed);
    }

    /// The session's actor is gone: what is on the road stays there, and nobody is to wait for it.
    pub(crate) fn close(&self) {
        self.ends_nowhere.store(true, Ordering::Relaxed);
    }
}

/// Octets that an entry without payload is counted with.
pub(crate) const LIGHT: usize = 64;

/// Octets that an entry is counted with on the road.
#[inline]
fn weight(outgoing: &Outgoing) -> usize {
    match outgoing {
        Outgoing::Message(message) => LIGHT + payload_len(message),
        Outgoing::Event(event) => LIGHT + event.message.payload.len(),
        Outgoing::Joined(_)
        | Outgoing::JoinRefused { .. }
        | Outgoing::Left
        | Outgoing::Closed(_)
        | Outgoing::Probe
        | Outgoing::Settings(_)
        | Outgoing::Overflow
        | Outgoing::Missed(_)
        | Outgoing::RealmGone => LIGHT,
    }
}

fn payload_len(message: &Message) -> usize {
    match message {
        Message::Result(result) => result.payload.len(),
        Message::Invocation(invocation) => invocation.payload.len(),
        Message::Error(error) => error.payload.len(),
        Message::Event(event) => event.payload.len(),
        Message::Hello(_)
        | Message::Welcome(_)
        | Message::Abort(_)
        | Message::Challenge(_)
        | Message::Authenticate(_)
        | Message::Goodbye(_)
        | Message::Publish(_)
        | Message::Published(_)
        | Message::Subscribe(_)
        | Message::Subscribed(_)
        | Message::Unsubscribe(_)
        | Message::Unsubscribed(_)
        | Message::Call(_)
        | Message::Cancel(_)
        | Message::Register(_)
        | Message::Registered(_)
        | Message::Unregister(_)
        | Message::Unregistered(_)
        | Message::Interrupt(_)
        | Message::Yield(_) => 0,
    }
}

#[derive(Debug)]
struct Handle {
    key: SessionKey,
    session: Addr<SessionActor>,
    road: Arc<Road>,
    outbox: OutboxSettings,
    pending: Vec<Outgoing>,
    pending_bytes: usize,
    /// Nothing more is sent: the session is being cut.
    overflowed: bool,
    /// Whether its slot is in [`Delivery::crowded`]: a search there for each event would be quadratic in a wide fan-out.
    listed_as_crowded: bool,
    /// Events dropped of which the session has not been told.
    missed: u64,
    /// Whether the session has been told that it is out.
    dismissed: bool,
    /// Since when a callee has not caught up with what it is sent.
    behind_since: Option<Instant>,
}

impl Handle {
    #[expect(clippy::disallowed_methods, reason = "the one road: bounded by the road's own count")]
    fn send(&mut self) {
        if self.pending.is_empty() {
            return;
        }
        let batch = std::mem::take(&mut self.pending);
        self.road.messages.fetch_add(batch.len(), Ordering::Relaxed);
        self.road.bytes.fetch_add(self.pending_bytes, Ordering::Relaxed);
        let weight = std::mem::take(&mut self.pending_bytes);
        self.session.do_send(Deliveries { batch, weight });
    }

    fn push(&mut self, outgoing: Outgoing) {
        if self.missed > 0 {
            self.pending_bytes += LIGHT;
            self.pending.push(Outgoing::Missed(std::mem::take(&mut self.missed)));
        }
        self.pending_bytes += weight(&outgoing);
        self.pending.push(outgoing);
    }

    /// Messages and octets that the session has not taken off the road.
    fn underway(&self) -> (usize, usize) {
        let messages = self.road.messages.load(Ordering::Relaxed) + self.pending.len();
        (messages, self.road.bytes.load(Ordering::Relaxed) + self.pending_bytes)
    }

    fn is_full(&self, (messages, bytes): (usize, usize)) -> bool {
        messages >= self.outbox.messages_max || bytes >= self.outbox.bytes_max
    }

    fn is_crowded(&self, underway: (usize, usize)) -> bool {
        self.is_half_full(underway) && !self.road.ends_nowhere.load(Ordering::Relaxed)
    }

    fn is_half_full(&self, (messages, bytes): (usize, usize)) -> bool {
        messages >= self.outbox.messages_max.div_ceil(2) || bytes >= self.outbox.bytes_max / 2
    }

    /// What waits for a callee: what is under way, and what is in its outbox.
    fn with_outbox(&self, (messages, bytes): (usize, usize)) -> (usize, usize) {
        let messages = messages + self.road.outbox_messages.load(Ordering::Relaxed);
        (messages, bytes + self.road.outbox_bytes.load(Ordering::Relaxed))
    }

    /// Whether those who call this callee are to wait at `now`: from when half of what its outbox may hold waits for it, until
    /// it is a quarter, but not for longer than [`BRAKE_MAX`].
    fn is_behind(&mut self, now: Instant) -> bool {
        let (messages, bytes) = self.with_outbox(self.underway());
        if messages <= self.outbox.messages_max / 4 && bytes <= self.outbox.bytes_max / 4 {
            self.behind_since = None;
        } else if self.behind_since.is_none() && self.is_half_full((messages, bytes)) {
            self.behind_since = Some(now);
        }
        self.behind_since.is_some_and(|since| now < since + BRAKE_MAX)
    }
}

impl Drop for Handle {
    /// A realm that panics drops its handles: each session hears of it (limits, section 11).
    fn drop(&mut self) {
        if !self.dismissed {
            self.pending.clear();
            self.pending_bytes = 0;
            self.push(Outgoing::RealmGone);
            self.send();
        }
    }
}

/// The sessions of one realm, by slot, and what each is told next.
#[derive(Debug, Default)]
pub(crate) struct Delivery {
    handles: Vec<Option<Handle>>,
    dirty: Vec<u32>,
    /// Sessions whose road is half full: their actors have not come round to what was sent to them.
    crowded: Vec<u32>,
    /// What the store is told at the end of the turn.
    orders: Vec<Order>,
    /// The callee of the last INVOCATION, if it does not keep up.
    behind: Option<SessionKey>,
    /// INVOCATIONs for which the road to their callee had no room.
    returned: Vec<(SessionKey, Box<Invocation>)>,
    /// Who asks in the router's own name; it has no road.
    router: Option<SessionKey>,
    /// What is for it.
    for_router: Vec<Message>,
}

impl Delivery {
    /// What the realm wants of its store, in order.
    pub(crate) fn take_orders(&mut self) -> Vec<Order> {
        if self.orders.is_empty() {
            return Vec::new();
        }
        // The next turn is likely to order as much.
        let next = Vec::with_capacity(self.orders.len());
        std::mem::replace(&mut self.orders, next)
    }

    /// What goes to this key is for the router itself.
    pub(crate) fn set_router(&mut self, router: SessionKey) {
        self.router = Some(router);
    }

    /// What the realm has told the router since it was last asked.
    pub(crate) fn take_for_router(&mut self) -> Vec<Message> {
        std::mem::take(&mut self.for_router)
    }

    /// A session has joined.
    pub(crate) fn add(
        &mut self,
        key: SessionKey,
        session: Addr<SessionActor>,
        road: Arc<Road>,
        outbox: OutboxSettings,
    ) {
        let slot = key.slot() as usize;
        if slot >= self.handles.len() {
            self.handles.resize_with(slot + 1, || None);
        }
        let handle = Handle {
            key,
            session,
            road,
            outbox,
            pending: Vec::new(),
            pending_bytes: 0,
            overflowed: false,
            listed_as_crowded: false,
            missed: 0,
            dismissed: false,
            behind_since: None,
        };
        if let Some(place) = self.handles.get_mut(slot) {
            *place = Some(handle);
        }
        self.push(key, Outgoing::Joined(key), None);
    }

    /// A session's outbox has other bounds from now on; it is told so, however full its road is.
    pub(crate) fn change(&mut self, key: SessionKey, outbox: OutboxSettings, told: Outgoing) {
        let Some(Some(handle)) = self.handles.get_mut(key.slot() as usize) else { return };
        if handle.key != key || handle.overflowed {
            return;
        }
        handle.outbox = outbox;
        if handle.pending.is_empty() {
            self.dirty.push(key.slot());
        }
        handle.push(told);
    }

    /// Tells a session the last thing it hears from this realm, at once, and forgets it.
    pub(crate) fn dismiss(&mut self, key: SessionKey, last: Outgoing) {
        let Some(place) = self.handles.get_mut(key.slot() as usize) else { return };
        if place.as_ref().is_none_or(|handle| handle.key != key) {
            return;
        }
        if let Some(mut handle) = place.take() {
            handle.dismissed = true;
            handle.push(last);
            handle.send();
        }
    }

    /// Carries a realm's effects out, to the last.
    pub(crate) fn carry_out(&mut self, effects: &mut Effects, tally: &Tally) {
        for effect in effects.drain_but_records() {
            match effect {
                Effect::Send { to, message } => self.push(to, Outgoing::Message(message), Some(tally)),
                Effect::Deliver { to, event } => {
                    for receiver in to {
                        self.push(receiver, Outgoing::Event(Arc::clone(&event)), Some(tally));
                    }
                }
                Effect::Store(order) => self.orders.push(order),
                Effect::Probe(session) => self.push(session, Outgoing::Probe, Some(tally)),
                Effect::Close { session, reason } => self.dismiss(session, Outgoing::Closed(reason)),
            }
        }
    }

    fn push(&mut self, to: SessionKey, outgoing: Outgoing, tally: Option<&Tally>) {
        let Some(Some(handle)) = self.handles.get_mut(to.slot() as usize) else {
            if let (true, Outgoing::Message(message)) = (self.router == Some(to), outgoing) {
                self.for_router.push(message);
            }
            return;
        };
        if handle.key != to || handle.overflowed {
            return;
        }
        if handle.pending.is_empty() {
            self.dirty.push(to.slot());
        }
        let underway = handle.underway();
        if !handle.listed_as_crowded && handle.is_crowded(underway) {
            handle.listed_as_crowded = true;
            self.crowded.push(to.slot());
        }
        if handle.is_full(underway) {
            if let Outgoing::Message(Message::Invocation(invocation)) = outgoing {
                // As where it does not fit into the outbox.
                self.returned.push((to, Box::new(invocation)));
                return;
            }
            let event = matches!(outgoing, Outgoing::Event(_));
            if event && handle.outbox.on_overflow != OnOverflow::Disconnect {
                handle.missed += 1;
                if let Some(tally) = tally {
                    tally.add_outbox_dropped(1);
                }
                return;
            }
            handle.overflowed = true;
            handle.push(Outgoing::Overflow);
            return;
        }
        let is_behind = matches!(outgoing, Outgoing::Message(Message::Invocation(_)))
            && (handle.behind_since.is_some() || handle.is_half_full(handle.with_outbox(underway)));
        handle.push(outgoing);
        if is_behind {
            self.behind = handle.is_behind(clock::now()).then_some(to);
        }
    }

    /// An INVOCATION for which the road to its callee had no room.
    #[inline]
    pub(crate) fn take_returned(&mut self) -> Option<(SessionKey, Box<Invocation>)> {
        self.returned.pop()
    }

    /// The callee that was just given an INVOCATION, if it does not keep up with them.
    #[inline]
    pub(crate) fn take_behind(&mut self) -> Option<SessionKey> {
        // Looked at for each request, and hardly ever there.
        self.behind?;
        self.behind.take()
    }

    /// Whether a callee that did not keep up still does not.
    pub(crate) fn is_behind(&mut self, callee: SessionKey, now: Instant) -> bool {
        match self.handles.get_mut(callee.slot() as usize) {
            Some(Some(handle)) if handle.key == callee && !handle.overflowed => handle.is_behind(now),
            Some(_) | None => false,
        }
    }

    /// Whether a session's road is half full. That is our own threads' doing, not the peers': the realm does better to wait
    /// for them than to go on and have healthy sessions cut.
    pub(crate) fn is_crowded(&mut self) -> bool {
        let Self { handles, crowded, .. } = self;
        crowded.retain(|slot| match handles.get_mut(*slot as usize) {
            Some(Some(handle)) => {
                handle.listed_as_crowded = !handle.overflowed && handle.is_crowded(handle.underway());
                handle.listed_as_crowded
            }
            Some(None) | None => false,
        });
        !crowded.is_empty()
    }

    /// The end of a turn: each session that was told something gets it as one batch.
    pub(crate) fn flush(&mut self) {
        for slot in self.dirty.drain(..) {
            if let Some(Some(handle)) = self.handles.get_mut(slot as usize) {
                handle.send();
            }
        }
    }
}
