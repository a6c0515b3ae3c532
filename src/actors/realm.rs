//! Owns one realm. Feeds commands to it in the order they come and carries its effects out.
//!
//! Never awaits, never looks into a payload, never addresses a session except through `delivery`. Effects are collected over
//! a turn, which is everything that lies in the mailbox when the actor wakes, and delivered as one batch per session.

use super::admin::AdminLink;
use super::brake::Brake;
use super::catalogue::LastCatalogue;
use super::clock;
use super::credit::Credit;
use super::delivery::{Delivery, Outgoing, Road};
use super::listing::Searches;
use super::realm_requests::Asked;
pub use super::realm_shared::RealmShared;
use super::realms::{Down, RealmsActor};
use super::router::RouterEnd;
use super::session::SessionActor;
use super::settings::OutboxSettings;
use super::store::{self, StoreEnd};
use crate::codec;
use crate::observe::Tally;
use crate::routing::{Command, Counters, Effects, KeptEvent, Member, Overflow, Realm, SessionKey, StoreFault};
use crate::storage::{Answer, StoreLink};
use crate::wamp::message::Invocation;
use crate::wamp::payload::{Payload, RawPayload, Values};
use crate::wamp::ErrorUri;
use actix::fut::ActorFuture;
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message};
use std::collections::VecDeque;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// A session wants in. Answered by `Joined` or `JoinRefused`.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Join {
    pub(crate) member: Member,
    pub(crate) session: Addr<SessionActor>,
    pub(crate) road: Arc<Road>,
    pub(crate) outbox: OutboxSettings,
    /// What it was let in by.
    pub(crate) shared: Arc<RealmShared>,
}

/// What a session asks of its realm, in order. At most one batch per session is under way, at most 256 commands in it.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Commands {
    pub(crate) from: SessionKey,
    pub(crate) commands: Vec<Command>,
    pub(crate) credit: Arc<Credit>,
}

/// A session wants out. Answered by `Left`, unless the session is gone already. One per session.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Leave(pub(crate) SessionKey);

/// An INVOCATION could not be handed to its callee, and comes back. At most one per INVOCATION.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Undeliverable {
    pub(crate) callee: SessionKey,
    pub(crate) invocation: Box<Invocation>,
    pub(crate) error: ErrorUri,
}

/// A session does not read what is sent to it. At most one per session and second, the last of them at most a second late,
/// and one when it is cut.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Overflowed {
    pub(crate) session: SessionKey,
    pub(crate) overflow: Overflow,
    /// Whether the realm's members are told.
    pub(crate) notify: bool,
}

/// Calls are to pass a callee over, or no longer. One for each change of its state.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Avoid {
    pub(crate) callee: SessionKey,
    pub(crate) avoid: bool,
}

impl Handler<Avoid> for RealmActor {
    type Result = ();

    fn handle(&mut self, Avoid { callee, avoid }: Avoid, _: &mut Self::Context) {
        self.realm.set_avoided(callee, avoid);
    }
}

/// A session has given the sign of life that it was asked for. At most one for each question.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Alive(pub(crate) SessionKey);

impl Handler<Alive> for RealmActor {
    type Result = ();

    fn handle(&mut self, Alive(session): Alive, _: &mut Self::Context) {
        self.realm.sign_of_life(clock::now(), session, &mut self.effects);
        self.carry_out();
    }
}

/// A realm's address with what sessions need to know before they join.
#[derive(Clone)]
pub struct RealmHandle {
    pub(crate) realm: Addr<RealmActor>,
    pub(crate) shared: Arc<RealmShared>,
}

/// Tells the registry that its realm is gone. A drop is the only code that runs for a stop and for a panic alike.
struct Guard {
    down: Down,
    realms: Addr<RealmsActor>,
}

impl Drop for Guard {
    #[expect(clippy::disallowed_methods, reason = "one message per actor's life")]
    fn drop(&mut self) {
        self.realms.do_send(Down { panicked: std::thread::panicking(), ..self.down.clone() });
    }
}

/// How often the realm is told the time of day.
const TIME_OF_DAY_EVERY: Duration = Duration::from_secs(60);

/// One realm.
pub(crate) struct RealmActor {
    pub(super) shared: Arc<RealmShared>,
    pub(super) realm: Realm,
    pub(super) effects: Effects,
    pub(super) delivery: Delivery,
    pub(super) tally: Tally,
    counted: Counters,
    /// What sessions have asked while the roads to others were crowded, in order: at most one batch and one leave each.
    pub(super) waiting: VecDeque<Asked>,
    /// What callers have asked that go faster than their callee.
    pub(super) brake: Brake,
    /// When the roads are looked at again.
    pub(super) look_at: Option<Instant>,
    pub(super) store: StoreEnd,
    /// What the router itself has asked.
    pub(super) router: RouterEnd,
    /// The way to who administers the node.
    pub(super) admin: Option<AdminLink>,
    /// When the realm is told the time of day again.
    tell_time_at: Option<Instant>,
    timer: Pin<Box<Sleep>>,
    armed: Option<Instant>,
    /// Closed after this long without sessions; only for realms made on demand.
    pub(super) idle_close: Option<Duration>,
    idle_since: Option<Instant>,
    pub(super) retired: bool,
    pub(super) catalogue: LastCatalogue,
    pub(super) searches: Searches,
    guard: Guard,
}

impl RealmActor {
    /// A fresh realm. `down` is what the registry is told when it ends.
    pub(crate) fn new(
        shared: Arc<RealmShared>,
        seed: u64,
        tally: Tally,
        idle_close: Option<Duration>,
        down: Down,
        realms: Addr<RealmsActor>,
        store: Option<StoreLink>,
    ) -> Self {
        Self {
            realm: Realm::with_rules(shared.settings.rules.clone(), seed).with_payload_reader(read_payload),
            effects: Effects::new(),
            delivery: Delivery::default(),
            tally,
            counted: Counters::default(),
            waiting: VecDeque::new(),
            brake: Brake::default(),
            look_at: None,
            store: StoreEnd::new(store),
            router: RouterEnd::default(),
            admin: None,
            tell_time_at: None,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
            idle_close,
            idle_since: None,
            retired: false,
            catalogue: LastCatalogue::default(),
            searches: Searches::default(),
            guard: Guard { down, realms },
            shared,
        }
    }

    /// With this way to who administers the node.
    pub(crate) fn with_admin(mut self, admin: Option<AdminLink>) -> Self {
        self.admin = admin;
        self
    }

    pub(super) fn carry_out(&mut self) {
        self.delivery.carry_out(&mut self.effects, &self.tally);
        while let Some((callee, invocation)) = self.delivery.take_returned() {
            self.tally.add_undeliverable(1);
            self.give_back(callee, invocation, ErrorUri::NETWORK_FAILURE);
        }
    }

    /// An INVOCATION did not reach its callee: another one is asked, or its caller hears so.
    fn give_back(&mut self, callee: SessionKey, invocation: Box<Invocation>, error: ErrorUri) {
        let (now, id) = (clock::now(), invocation.request);
        self.realm.invocation_undeliverable(now, callee, id, Some(invocation), error, &mut self.effects);
        self.delivery.carry_out(&mut self.effects, &self.tally);
    }

    /// Everything in the mailbox has been handled.
    fn end_turn(&mut self, ctx: &mut Context<Self>, cx: &mut std::task::Context<'_>) {
        loop {
            self.order();
            self.hear();
            if self.effects.has_questions() {
                self.ask_node(ctx);
            }
            self.delivery.flush();
            self.count();
            self.realm.set_short_of_memory(self.shared.pressure.is_high());
            if self.look_at.is_none() {
                self.look_at = self.next_look();
            }
            let Some(deadline) = self.next_deadline() else { return };
            if self.armed.is_none_or(|armed| deadline < armed) {
                self.timer.as_mut().reset(deadline.into());
                self.armed = Some(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.armed = None;
            self.on_time(clock::now(), ctx);
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        let idle = self.idle_since.zip(self.idle_close).map(|(since, close)| since + close);
        let router = self.router.next_deadline();
        [self.realm.next_deadline(), idle, self.look_at, self.tell_time_at, router].into_iter().flatten().min()
    }

    fn on_time(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if self.tell_time_at.is_some_and(|at| now >= at) {
            self.tell_time(now);
        }
        self.realm.handle_timeout(now, &mut self.effects);
        self.carry_out();
        self.give_up(now);
        if self.look_at.is_some_and(|at| now >= at) {
            self.go_on();
        }
        if let Some((since, close)) = self.idle_since.zip(self.idle_close) {
            if now >= since + close {
                // The registry hears of it before any refused session asks again.
                self.retired = true;
                self.idle_since = None;
                self.guard.retire();
                actix::ActorContext::stop(ctx);
            }
        }
    }

    fn tell_time(&mut self, now: Instant) {
        self.realm.set_time_of_day(now, clock::time_of_day());
        self.tell_time_at = Some(now + TIME_OF_DAY_EVERY);
    }

    /// What the store is to do goes out, and who waited for it and does no longer goes on.
    pub(super) fn order(&mut self) {
        loop {
            if !self.store.is_free() {
                for session in self.store.release(&self.realm) {
                    self.obey(Asked::Leave(session));
                }
            }
            let mut orders = self.delivery.take_orders();
            orders.extend(self.effects.take_records());
            if orders.is_empty() {
                return;
            }
            let refused = self.store.submit(orders);
            store::refuse(&mut self.realm, refused, &mut self.effects);
            self.carry_out();
        }
    }

    /// The store has answered.
    pub(super) fn take_answer(&mut self, answer: Answer) {
        store::take(&mut self.realm, answer, &mut self.effects);
        self.carry_out();
    }

    /// What was retained before the realm started is here, or is not.
    pub(super) fn restore_retained(&mut self, name: &str, events: Result<Vec<KeptEvent>, StoreFault>) {
        store::restore(&mut self.realm, name, events);
    }

    /// Moves the node's counters by what has changed in the realm since the last turn.
    fn count(&mut self) {
        let counters = self.realm.counters();
        if counters == self.counted {
            return;
        }
        count_changes(&self.tally, &self.counted, &counters);
        let is = &counters;
        self.idle_since = match (is.sessions, self.idle_close) {
            (0, Some(_)) if !self.retired => Some(clock::now()),
            (_, _) => None,
        };
        self.counted = counters;
    }
}

/// Moves the node's counters from what was counted of a realm to what is.
fn count_changes(tally: &Tally, was: &Counters, is: &Counters) {
    let change = |from: usize, to: usize| to as i64 - from as i64;
    tally.add_sessions(change(was.sessions, is.sessions));
    tally.add_calls_under_way(change(was.calls, is.calls));
    tally.add_calls_queued(change(was.calls_queued, is.calls_queued));
    tally.add_subscriptions(change(was.subscriptions, is.subscriptions));
    tally.add_registrations(change(was.registrations, is.registrations));
    tally.add_retained_topics(change(was.retained_topics, is.retained_topics));
    tally.add_retained_octets(change(was.retained_octets, is.retained_octets));
    tally.add_late_answers(is.late_answers - was.late_answers);
    tally.add_progress_dropped(is.progress_dropped - was.progress_dropped);
    tally.add_calls_rerouted(is.calls_rerouted - was.calls_rerouted);
    tally.add_reroutes_without_room(is.reroutes_without_room - was.reroutes_without_room);
    tally.add_retained_refused(is.retained_refused - was.retained_refused);
}

/// The only payloads that are read here are the arguments of meta procedures.
fn read_payload(raw: &RawPayload) -> Option<Values> {
    let payload = Payload::Raw(raw.clone());
    Some(Values { args: codec::payload_args(&payload).ok()?, kwargs: codec::payload_kwargs(&payload).ok()? })
}

impl Guard {
    #[expect(clippy::disallowed_methods, reason = "one message per actor's life")]
    fn retire(&self) {
        self.realms.do_send(self.down.clone());
    }
}

impl Drop for RealmActor {
    fn drop(&mut self) {
        // What a realm that is gone had open is open no more.
        let sums = self.counted;
        let nothing = Counters {
            sessions: 0,
            subscriptions: 0,
            registrations: 0,
            calls: 0,
            calls_queued: 0,
            retained_topics: 0,
            retained_octets: 0,
            ..sums
        };
        count_changes(&self.tally, &sums, &nothing);
    }
}

impl Actor for RealmActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        let now = clock::now();
        if self.idle_close.is_some() {
            self.idle_since = Some(now);
        }
        self.tell_time(now);
        self.store.open(&self.shared.settings, ctx);
        ctx.spawn(Turn);
    }
}

/// Polled once after the mailbox has been drained, and when the timer fires.
struct Turn;

impl ActorFuture<RealmActor> for Turn {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        realm: &mut RealmActor,
        ctx: &mut Context<RealmActor>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<()> {
        realm.end_turn(ctx, cx);
        Poll::Pending
    }
}

impl Handler<Join> for RealmActor {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "a session that is not in has no other road; one message per join")]
    fn handle(&mut self, mut join: Join, _: &mut Self::Context) {
        let refused = |error, text, retry| {
            let batch = vec![Outgoing::JoinRefused { error, text, retry }];
            super::delivery::Deliveries { batch, weight: super::delivery::LIGHT }
        };
        if self.retired {
            join.road.expect_one();
            join.session.do_send(refused(ErrorUri::NO_SUCH_REALM, "the realm is closing", true));
            return;
        }
        let is_behind = !Arc::ptr_eq(&join.shared, &self.shared);
        if is_behind && !self.look_again(&mut join) {
            join.road.expect_one();
            let text = "the rules of this realm have changed: log in again";
            join.session.do_send(refused(ErrorUri::AUTHENTICATION_DENIED, text, false));
            return;
        }
        match self.realm.join(clock::now(), join.member, &mut self.effects) {
            Ok(key) => {
                self.delivery.add(key, join.session, join.road, join.outbox);
                if is_behind {
                    self.tell_newcomer(key);
                }
            }
            Err(refusal) => {
                join.road.expect_one();
                join.session.do_send(refused(refusal.error(), "the realm has as many sessions as it may", false));
            }
        }
        self.carry_out();
    }
}

impl Handler<Overflowed> for RealmActor {
    type Result = ();

    fn handle(&mut self, overflowed: Overflowed, _: &mut Self::Context) {
        let Overflowed { session, overflow, notify } = overflowed;
        self.realm.note_dropped(session, &overflow);
        if notify {
            self.realm.announce_overflow(clock::now(), session, overflow, &mut self.effects);
        }
        self.carry_out();
    }
}

impl Handler<Undeliverable> for RealmActor {
    type Result = ();

    fn handle(&mut self, failed: Undeliverable, _: &mut Self::Context) {
        self.give_back(failed.callee, failed.invocation, failed.error);
        self.carry_out();
    }
}

/// Makes the actor panic, to see what becomes of its neighbours.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

#[cfg(test)]
impl Handler<Panic> for RealmActor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("as asked");
    }
}
