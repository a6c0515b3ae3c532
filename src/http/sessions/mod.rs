//! Every HTTP caller is a session of its realm: one actor per worker thread owns the sessions of the identities that fall to
//! it, opens one at an identity's first request, and ends it when it has been idle.
//!
//! The session actor is the same as for every other transport; only its connection is in memory. Requests of one identity
//! go by one session, so its limits and its request ids have one owner. Holds no WAMP state.
//!
//! Messages: `Ask` and `HangUp` (from request handlers), `Gone` (from sessions), [`StopHttp`] (from the server).

mod exchange;
pub(super) mod own;
mod pipe;
mod start;

use crate::actors::clock;
use crate::actors::realms::RealmsActor;
use crate::actors::session::{Gone, SessionActor};
use crate::actors::RealmHandle;
use crate::auth::Identity;
use crate::observe::Tally;
use crate::session::Allowances;
use crate::wamp::message::{Call, Error, Publish};
use crate::wamp::{ErrorUri, Payload, PublicationId, Uri};
use actix::fut::ActorFuture;
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler};
use exchange::Exchange;
use own::{OwnSessions, Streams};
pub(super) use pipe::details;
use pipe::Pipe;
use slab::Slab;
use start::session_of;
use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::future::Future;
use std::hash::BuildHasher;
use std::net::{IpAddr, SocketAddr};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::atomic::{AtomicU64, AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::Poll;
use std::time::{Duration, Instant};
use tokio::sync::oneshot;
use tokio::time::Sleep;

/// Who asks. Each has one session at a time.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) struct Key {
    pub(super) realm: Uri,
    pub(super) authmethod: Arc<str>,
    pub(super) authrole: Arc<str>,
    pub(super) who: Who,
}

/// The authmethod of those who come in by a section of `rest.crossbar`.
pub(super) const CROSSBAR: &str = "crossbar";

impl Key {
    /// What the transport of their session is told to be.
    fn protocol(&self) -> &'static str {
        match &*self.authmethod {
            CROSSBAR => CROSSBAR,
            super::webhook::METHOD => "webhook_in",
            _ => "rest",
        }
    }
}

/// What tells two callers of one role apart.
#[derive(Clone, PartialEq, Eq, Hash, Debug)]
pub(super) enum Who {
    /// Their name.
    Authid(Arc<str>),
    /// The key by which they come in, and their name: what ends with one key does not end with another.
    Key(Arc<str>, Arc<str>),
    /// For those without a name, where they are; `None` on a Unix socket.
    Address(Option<IpAddr>),
}

/// One request, to find it again when nobody waits for it any more.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub(super) struct AskNumber(u64);

/// Whoever asks, in the realm that is asked, and how it came. Shared by all that is under way for one HTTP request.
pub(super) struct Caller {
    pub(super) key: Key,
    pub(super) handle: RealmHandle,
    pub(super) identity: Identity,
    pub(super) listener: Arc<str>,
    pub(super) peer: Option<SocketAddr>,
    /// Whether it came within TLS.
    pub(super) tls: bool,
}

/// One CALL or PUBLISH of an HTTP caller, who waits for `answer`. For each HTTP connection at most one is under way, or the items
/// of a batch.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct Ask {
    caller: Arc<Caller>,
    number: AskNumber,
    request: Request,
    answer: oneshot::Sender<Answered>,
}

/// What an HTTP caller asks of its realm. The request id is the session's to give.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Request {
    Call(Call),
    Publish(Publish),
}

/// What became of a request.
#[derive(Debug)]
pub(super) enum Answer {
    /// RESULT.
    Result(Payload),
    /// PUBLISHED.
    Published(PublicationId),
    /// A PUBLISH without acknowledge is on its way to the realm.
    Taken,
    /// ERROR.
    Error(Box<Error>),
    /// The session has ended, or could not begin.
    Ended { reason: String, detail: String },
}

/// What became of a request, and what is left of the rate of whoever asked, if its role has one.
#[derive(Debug)]
pub(super) struct Answered {
    pub(super) answer: Answer,
    pub(super) allowances: Option<Allowances>,
}

impl From<Answer> for Answered {
    fn from(answer: Answer) -> Self {
        Self { answer, allowances: None }
    }
}

impl Answer {
    fn ended(reason: ErrorUri, detail: &str) -> Self {
        Self::Ended { reason: reason.as_str().to_owned(), detail: detail.to_owned() }
    }
}

/// Nobody waits for the answer of this request any more. At most one per request.
#[derive(actix::Message)]
#[rtype(result = "()")]
struct HangUp {
    caller: Arc<Caller>,
    number: AskNumber,
}

/// The node is stopping: requests under way are answered, new ones refused. Sent once.
#[derive(Clone, Copy, Debug, actix::Message)]
#[rtype(result = "()")]
pub struct StopHttp;

/// Other bounds hold from now on. One for each change of the settings.
#[derive(Clone, Copy, Debug, actix::Message)]
#[rtype(result = "()")]
struct UseBounds {
    idle: Duration,
    sessions_max: usize,
}

/// Tells the session's owner when the request's handler is dropped before its answer has come: the client has gone, or the
/// time is up.
struct Waiter {
    owner: Addr<HttpSessions>,
    caller: Arc<Caller>,
    number: AskNumber,
    answered: bool,
}

impl Drop for Waiter {
    #[expect(clippy::disallowed_methods, reason = "at most one per request")]
    fn drop(&mut self) {
        if !self.answered {
            self.owner.do_send(HangUp { caller: Arc::clone(&self.caller), number: self.number });
        }
    }
}

/// The owners of all HTTP callers' sessions: one per worker thread.
#[derive(Clone)]
pub struct Owners {
    owners: Arc<[Addr<HttpSessions>]>,
    hasher: foldhash::fast::FixedState,
    numbers: Arc<AtomicU64>,
    open: Arc<AtomicUsize>,
    /// Those who drive a session of their own.
    streams: Streams,
}

impl Owners {
    /// Starts one owner on each worker thread.
    pub fn start(
        workers: &[ArbiterHandle],
        settings: &super::settings::RestSettings,
        realms: &Addr<RealmsActor>,
        tally: &Tally,
    ) -> Self {
        let open = Arc::<AtomicUsize>::default();
        let streams = Streams::default();
        streams.set_max(settings.stream.streams_max);
        let owner = |(number, arbiter): (usize, &ArbiterHandle)| {
            let (settings, realms, tally, open) =
                (settings.clone(), realms.clone(), tally.for_worker(number), Arc::clone(&open));
            HttpSessions::start_in_arbiter(arbiter, move |_| {
                let own = OwnSessions::start_here(realms.clone(), tally.clone());
                HttpSessions::new(settings.session_idle, settings.sessions_max, realms, tally, open, own)
            })
        };
        let owners = workers.iter().enumerate().map(owner).collect();
        let hasher = foldhash::fast::FixedState::with_seed(rand::random());
        Self { owners, hasher, numbers: Arc::default(), open, streams }
    }

    /// Other bounds hold from now on.
    #[expect(clippy::disallowed_methods, reason = "one message for each change of the settings")]
    pub(super) fn use_settings(&self, settings: &super::settings::RestSettings) {
        self.streams.set_max(settings.stream.streams_max);
        for owner in &*self.owners {
            owner.do_send(UseBounds { idle: settings.session_idle, sessions_max: settings.sessions_max });
        }
    }

    /// All of them.
    pub fn all(&self) -> &[Addr<HttpSessions>] {
        &self.owners
    }

    /// Sessions of HTTP callers, of the whole node.
    pub fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    /// Event streams of the whole node.
    pub fn streams(&self) -> usize {
        self.streams.open()
    }

    /// Asks at once; the future waits for the answer. Dropping it is hanging up.
    #[expect(clippy::disallowed_methods, reason = "at most one per HTTP connection or item of a batch is under way")]
    pub(super) fn ask(&self, caller: &Arc<Caller>, request: Request) -> impl Future<Output = Answered> {
        let (sender, answer) = oneshot::channel();
        let number = AskNumber(self.numbers.fetch_add(1, Ordering::Relaxed));
        let place = self.hasher.hash_one(&caller.key) as usize % self.owners.len().max(1);
        let waiter = self.owners.get(place).map(|owner| {
            owner.do_send(Ask { caller: Arc::clone(caller), number, request, answer: sender });
            Waiter { owner: owner.clone(), caller: Arc::clone(caller), number, answered: false }
        });
        async move {
            let answer = answer.await;
            if let Some(mut waiter) = waiter {
                waiter.answered = true;
            }
            answer.unwrap_or_else(|_| Answer::ended(ErrorUri::INTERNAL, "the session of this caller is gone").into())
        }
    }
}

struct Entry {
    key: Key,
    exchange: Rc<RefCell<Exchange>>,
    /// When it is looked at next.
    due: Instant,
    #[expect(dead_code, reason = "an actor whose last address is dropped may stop")]
    session: Addr<SessionActor>,
}

/// The sessions of the HTTP callers that fall to one worker thread.
pub struct HttpSessions {
    sessions: Slab<Entry>,
    slot_by_key: HashMap<Key, usize>,
    /// Each open session once.
    deadlines: BTreeSet<(Instant, usize)>,
    idle: Duration,
    sessions_max: usize,
    /// Sessions of HTTP callers of the whole node.
    open: Arc<AtomicUsize>,
    realms: Addr<RealmsActor>,
    tally: Tally,
    stopping: bool,
    /// The same thread's.
    own: Addr<OwnSessions>,
    timer: Pin<Box<Sleep>>,
    armed: Option<Instant>,
}

impl HttpSessions {
    fn new(
        idle: Duration,
        sessions_max: usize,
        realms: Addr<RealmsActor>,
        tally: Tally,
        open: Arc<AtomicUsize>,
        own: Addr<OwnSessions>,
    ) -> Self {
        Self {
            sessions: Slab::new(),
            slot_by_key: HashMap::new(),
            deadlines: BTreeSet::new(),
            idle,
            sessions_max,
            open,
            realms,
            tally,
            stopping: false,
            own,
            timer: Box::pin(tokio::time::sleep(Duration::ZERO)),
            armed: None,
        }
    }

    /// The open session of whoever asks; none if there are too many already.
    fn session_for(&mut self, caller: &Caller, ctx: &mut Context<Self>) -> Option<Rc<RefCell<Exchange>>> {
        let known = self.slot_by_key.get(&caller.key).and_then(|slot| self.sessions.get(*slot));
        if let Some(entry) = known.filter(|entry| entry.exchange.borrow().is_open()) {
            return Some(Rc::clone(&entry.exchange));
        }
        let more = |open: usize| (open < self.sessions_max).then_some(open + 1);
        self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more).ok()?;
        let exchange = Rc::<RefCell<Exchange>>::default();
        let now = clock::now();
        let place = self.sessions.vacant_entry();
        let (slot, due) = (place.key(), now + self.idle);
        let pipe = Pipe::new(Rc::clone(&exchange), caller.peer, caller.tls).speaking(caller.key.protocol());
        let session = session_of(
            Box::new(pipe),
            slot,
            Arc::clone(&caller.listener),
            (caller.handle.clone(), caller.identity.clone()),
            (self.realms.clone(), self.tally.clone()),
            ctx.address().recipient(),
        );
        let session = session.start();
        place.insert(Entry { key: caller.key.clone(), exchange: Rc::clone(&exchange), due, session });
        self.slot_by_key.insert(caller.key.clone(), slot);
        self.deadlines.insert((due, slot));
        Some(exchange)
    }

    /// Ends the sessions whose time is up.
    fn on_time(&mut self, now: Instant) {
        while let Some((due, slot)) = self.deadlines.first().copied().filter(|(due, _)| *due <= now) {
            self.deadlines.remove(&(due, slot));
            let Some(entry) = self.sessions.get_mut(slot) else { continue };
            let mut exchange = entry.exchange.borrow_mut();
            let idle_at = exchange.used().map_or(now, |used| used + self.idle);
            entry.due = if exchange.is_done() { idle_at } else { now + self.idle };
            if entry.due <= now {
                exchange.close();
            } else {
                self.deadlines.insert((entry.due, slot));
            }
        }
    }

    /// Ends what is idle and arms the timer for the next time.
    fn end_turn(&mut self, cx: &mut std::task::Context<'_>) {
        self.on_time(clock::now());
        while let Some((deadline, _)) = self.deadlines.first().copied() {
            if self.armed != Some(deadline) {
                self.timer.as_mut().reset(deadline.into());
                self.armed = Some(deadline);
            }
            if self.timer.as_mut().poll(cx).is_pending() {
                return;
            }
            self.armed = None;
            self.on_time(clock::now());
        }
    }
}

impl Actor for HttpSessions {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        ctx.spawn(Turn);
    }
}

/// Polled once after the mailbox has been drained, and when the timer fires.
struct Turn;

impl ActorFuture<HttpSessions> for Turn {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        sessions: &mut HttpSessions,
        _: &mut Context<HttpSessions>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<()> {
        sessions.end_turn(cx);
        Poll::Pending
    }
}

impl Handler<Ask> for HttpSessions {
    type Result = ();

    fn handle(&mut self, ask: Ask, ctx: &mut Self::Context) {
        let refused = if self.stopping {
            Answer::ended(ErrorUri::SYSTEM_SHUTDOWN, "the router is stopping")
        } else if let Some(exchange) = self.session_for(&ask.caller, ctx) {
            return exchange.borrow_mut().ask(ask);
        } else {
            Answer::ended(ErrorUri::OVERLOADED, "there are as many sessions of HTTP callers as there may be")
        };
        // Who has gone need not be told.
        let _gone = ask.answer.send(refused.into());
    }
}

impl Handler<HangUp> for HttpSessions {
    type Result = ();

    fn handle(&mut self, hang_up: HangUp, _: &mut Self::Context) {
        let entry = self.slot_by_key.get(&hang_up.caller.key).and_then(|slot| self.sessions.get(*slot));
        if let Some(entry) = entry {
            entry.exchange.borrow_mut().hang_up(hang_up.number);
        }
    }
}

impl Handler<UseBounds> for HttpSessions {
    type Result = ();

    fn handle(&mut self, bounds: UseBounds, _: &mut Self::Context) {
        self.idle = bounds.idle;
        self.sessions_max = bounds.sessions_max;
    }
}

impl Handler<Gone> for HttpSessions {
    type Result = ();

    fn handle(&mut self, gone: Gone, _: &mut Self::Context) {
        let Some(entry) = self.sessions.try_remove(gone.connection) else { return };
        self.deadlines.remove(&(entry.due, gone.connection));
        self.open.fetch_sub(1, Ordering::Relaxed);
        if self.slot_by_key.get(&entry.key) == Some(&gone.connection) {
            self.slot_by_key.remove(&entry.key);
        }
        // Only those whose session said nothing before it went still wait: it has failed.
        entry.exchange.borrow_mut().end(ErrorUri::INTERNAL.as_str(), "the session of this caller failed");
    }
}

impl Handler<StopHttp> for HttpSessions {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "sent once")]
    fn handle(&mut self, _: StopHttp, _: &mut Self::Context) {
        self.stopping = true;
        self.own.do_send(StopHttp);
        for (_, entry) in &self.sessions {
            entry.exchange.borrow_mut().close_when_done();
        }
    }
}
