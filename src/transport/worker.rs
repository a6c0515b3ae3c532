//! One worker thread: takes accepted connections, finds out what each speaks by its first octet, and starts a session actor
//! for it, here on its thread.
//!
//! Messages: `Accepted` (from the acceptor), `Gone` (from sessions), [`StopSessions`] (from the server).

use super::goodbyes::{closing, goodbye, say_goodbye};
use super::http::{self, Configure, Serve, Upgraded};
use super::longpoll::{Board, Desk};
use super::mistakes;
use super::opening::{Entrance, Opened, Speaks};
use super::permit::{Lent, Permit};
use super::rawsocket;
use super::settings::{ListenerSettings, ProcessLimits, Service};
use super::stream::{Socket, Stream};
use super::tls::Tls;
use super::websocket::connection::WebSocketConnection;
use super::websocket::handshake::Here;
use crate::actors::clock;
use crate::actors::connection::Connection;
use crate::actors::logins::Logins;
use crate::actors::pressure::{CutLargest, LargestOutbox};
use crate::actors::realms::RealmsActor;
use crate::actors::session::{CutForMemory, Gone, Opening, SessionActor, Times};
use crate::observe::{Refusal, Restraint, Tally};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient};
use rand::seq::SliceRandom;
use slab::Slab;
use std::cell::{Cell, RefCell};
use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::rc::Rc;
use std::sync::atomic::{AtomicU32, AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// What starts a RawSocket handshake, and can never start an HTTP request.
const RAWSOCKET_MAGIC: u8 = 0x7F;

/// A worker with less than this to do has time for one more connection, in thousandths.
const BUSY_PERMILLE: u32 = 600;

/// So many connections stay together whatever they do: between few, a message costs least on one thread.
const TOGETHER: usize = 32;

/// How long a worker's busy time is measured over.
const LOAD_SAMPLE: Duration = Duration::from_millis(25);

/// How busy a worker is.
#[derive(Debug, Default)]
pub struct Load {
    /// Its connections.
    pub connections: AtomicUsize,
    /// Its thread's share of a core, in thousandths, over the last sample.
    pub busy_permille: AtomicU32,
}

impl Load {
    /// Whether it has time for one more connection.
    pub(crate) fn has_time(&self) -> bool {
        self.connections.load(Ordering::Relaxed) < TOGETHER
            || self.busy_permille.load(Ordering::Relaxed) < BUSY_PERMILLE
    }
}

/// A socket that belongs to no thread.
#[derive(Debug)]
pub(crate) enum StdSocket {
    Tcp(std::net::TcpStream),
    Unix(std::os::unix::net::UnixStream),
}

impl Socket {
    /// Takes the socket off this thread.
    pub(crate) fn into_std(self) -> std::io::Result<StdSocket> {
        match self {
            Self::Tcp(socket) => socket.into_std().map(StdSocket::Tcp),
            Self::Unix(socket) => socket.into_std().map(StdSocket::Unix),
        }
    }
}

/// A connection that was let in. Bounded by the permits.
#[derive(Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct Accepted<S = StdSocket> {
    pub(crate) socket: S,
    pub(crate) listener: usize,
    pub(crate) peer: Option<SocketAddr>,
    pub(crate) permit: Permit,
    pub(crate) at: Instant,
}

impl Accepted<std::io::Result<StdSocket>> {
    /// With the socket, if it is still one.
    pub(crate) fn whole(self) -> std::io::Result<Accepted> {
        let Self { socket, listener, peer, permit, at } = self;
        Ok(Accepted { socket: socket?, listener, peer, permit, at })
    }
}

/// End all sessions in order, spread over this time. Sent twice: first for those that serve no procedure.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct StopSessions {
    /// How long it may take.
    pub spread: Duration,
    /// Whether those that serve procedures end too.
    pub callees: bool,
}

/// Connections may come in by these listeners too from now on.
#[derive(Message)]
#[rtype(result = "()")]
pub struct KnowListeners {
    /// Each with its TLS, by the number that the acceptor says.
    pub listeners: Vec<(usize, Arc<ListenerSettings>, Option<Arc<Tls>>)>,
    /// The bounds of the node.
    pub limits: ProcessLimits,
}

/// No connection comes in by these numbers any more; what is under way keeps what it has.
#[derive(Message)]
#[rtype(result = "()")]
pub struct ForgetListeners(pub Vec<usize>);

/// These listeners, by name, are no more: their connections have their last request. What has a session ends in order. Sent
/// twice, as [`StopSessions`] is.
#[derive(Clone, Debug, Message)]
#[rtype(result = "()")]
pub struct DrainListeners {
    /// The names.
    pub names: Arc<[String]>,
    /// How long it may take.
    pub spread: Duration,
    /// Whether those that serve procedures end too.
    pub callees: bool,
}

/// A session of this worker, with the octets that wait in its outbox.
struct Held {
    /// Whether its listener is no more.
    closed: Rc<Cell<bool>>,
    session: Addr<SessionActor>,
    waiting: Rc<Cell<usize>>,
}

impl Handler<LargestOutbox> for WorkerActor {
    type Result = usize;

    fn handle(&mut self, _: LargestOutbox, _: &mut Self::Context) -> usize {
        self.shared.sessions.borrow().iter().map(|(_, held)| held.waiting.get()).max().unwrap_or(0)
    }
}

impl Handler<CutLargest> for WorkerActor {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "at most one every 10 ms")]
    fn handle(&mut self, _: CutLargest, _: &mut Self::Context) {
        let sessions = self.shared.sessions.borrow();
        if let Some((_, held)) = sessions.iter().max_by_key(|(_, held)| held.waiting.get()) {
            held.waiting.set(0);
            held.session.do_send(CutForMemory);
        }
    }
}

/// What a worker thread starts with.
pub struct WorkerSettings {
    /// Which one it is.
    pub number: usize,
    /// All listeners of the node, each with its TLS, by number.
    pub listeners: Vec<(usize, Arc<ListenerSettings>, Option<Arc<Tls>>)>,
    /// The bounds of the node.
    pub limits: ProcessLimits,
    /// Adds the HTTP side's services.
    pub configure: Configure,
    /// The registry of realms.
    pub realms: Addr<RealmsActor>,
    /// Its counters.
    pub tally: Tally,
    /// What the logins of the node share.
    pub logins: Logins,
    /// Where it says how busy it is.
    pub load: Arc<Load>,
    /// The long-poll transports of the node.
    pub board: Board,
}

/// One worker thread.
pub struct WorkerActor {
    shared: Rc<Shared>,
}

struct Shared {
    settings: WorkerSettings,
    limits: RefCell<ProcessLimits>,
    sessions: RefCell<Slab<Held>>,
    listeners: RefCell<BTreeMap<usize, Rc<Listening>>>,
    me: RefCell<Option<Recipient<Gone>>>,
    /// Lines of the log about connections that never came to anything.
    lines: Restraint,
    /// Whether sessions are being ended: one that begins now ends too.
    stopping: Cell<bool>,
}

impl WorkerActor {
    /// A worker; start it on its thread.
    pub fn new(mut settings: WorkerSettings) -> Self {
        let known = std::mem::take(&mut settings.listeners);
        let limits = RefCell::new(settings.limits.clone());
        let (sessions, me, stopping) = (RefCell::default(), RefCell::default(), Cell::new(false));
        let (lines, listeners) = (Restraint::default(), RefCell::default());
        let shared = Shared { settings, limits, sessions, listeners, me, lines, stopping };
        shared.know(known);
        Self { shared: Rc::new(shared) }
    }
}

/// A listener with the settings that it has for some connections.
struct Listening {
    settings: Arc<ListenerSettings>,
    tls: Option<Arc<Tls>>,
    name: Arc<str>,
    realms: Arc<[String]>,
    /// Whether the listener is no more; the same for all that have its name.
    closed: Rc<Cell<bool>>,
    /// Built when it is first needed.
    serve: RefCell<Option<Serve>>,
}

impl Actor for WorkerActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        *self.shared.me.borrow_mut() = Some(ctx.address().recipient());
        actix_rt::spawn(measure(Arc::clone(&self.shared.settings.load), self.shared.settings.tally.clone()));
    }
}

/// Samples the thread's processor time for ever.
async fn measure(load: Arc<Load>, tally: Tally) {
    let mut last = super::cpu::thread_time();
    loop {
        tokio::time::sleep(LOAD_SAMPLE).await;
        let time = super::cpu::thread_time();
        let used = time.saturating_sub(last);
        last = time;
        tally.add_busy_us(used.as_micros() as u64);
        let permille = used.as_micros() * 1000 / LOAD_SAMPLE.as_micros();
        load.busy_permille.store(u32::try_from(permille).unwrap_or(1000), Ordering::Relaxed);
    }
}

impl Handler<Accepted> for WorkerActor {
    type Result = ();

    fn handle(&mut self, accepted: Accepted, _: &mut Self::Context) {
        // Known now, though perhaps not when its turn comes.
        let listener = self.shared.listeners.borrow().get(&accepted.listener).cloned();
        if let Some(listener) = listener {
            actix_rt::spawn(begin(Rc::clone(&self.shared), listener, accepted));
        }
    }
}

impl Handler<Gone> for WorkerActor {
    type Result = ();

    fn handle(&mut self, gone: Gone, _: &mut Self::Context) {
        self.shared.sessions.borrow_mut().try_remove(gone.connection);
    }
}

impl Handler<KnowListeners> for WorkerActor {
    type Result = ();

    fn handle(&mut self, new: KnowListeners, _: &mut Self::Context) {
        *self.shared.limits.borrow_mut() = new.limits;
        self.shared.know(new.listeners);
    }
}

impl Handler<ForgetListeners> for WorkerActor {
    type Result = ();

    fn handle(&mut self, ForgetListeners(numbers): ForgetListeners, _: &mut Self::Context) {
        self.shared.listeners.borrow_mut().retain(|number, _| !numbers.contains(number));
    }
}

impl Handler<DrainListeners> for WorkerActor {
    type Result = ();

    fn handle(&mut self, drain: DrainListeners, _: &mut Self::Context) {
        let is_named = |name: &str| drain.names.iter().any(|gone| gone == name);
        for listening in self.shared.listeners.borrow().values().filter(|listening| is_named(&listening.name)) {
            listening.closed.set(true);
        }
        let sessions = self.shared.sessions.borrow();
        let mut sessions: Vec<_> = sessions.iter().filter(|(_, held)| held.closed.get()).collect();
        sessions.shuffle(&mut rand::rng());
        let sessions = sessions.into_iter().map(|(_, held)| held.session.clone()).collect();
        actix_rt::spawn(say_goodbye(sessions, drain.spread, closing(drain.callees)));
    }
}

impl Handler<StopSessions> for WorkerActor {
    type Result = ();

    fn handle(&mut self, stop: StopSessions, _: &mut Self::Context) {
        self.shared.stopping.set(true);
        let mut sessions: Vec<_> = self.shared.sessions.borrow().iter().map(|(_, held)| held.session.clone()).collect();
        sessions.shuffle(&mut rand::rng());
        actix_rt::spawn(say_goodbye(sessions, stop.spread, goodbye(stop.callees)));
    }
}

/// What a connection brings along until it has a session.
struct Newcomer {
    listener: Rc<Listening>,
    permit: Permit,
    until: Instant,
}

/// Finds out what a new connection speaks, within the time that it has (T1, U1).
async fn begin(shared: Rc<Shared>, listener: Rc<Listening>, accepted: Accepted) {
    let socket = match accepted.socket {
        StdSocket::Tcp(socket) => tokio::net::TcpStream::from_std(socket).map(Socket::Tcp),
        StdSocket::Unix(socket) => tokio::net::UnixStream::from_std(socket).map(Socket::Unix),
    };
    let Ok(socket) = socket else { return };
    let until = accepted.at + shared.limits.borrow().handshake_timeout;
    let mut newcomer = Newcomer { listener: Rc::clone(&listener), permit: accepted.permit, until };
    let (settings, tls) = (Arc::clone(&listener.settings), listener.tls.as_deref());
    let tally = &shared.settings.tally;
    let acceptor = newcomer.permit.acceptor().clone();
    let entrance =
        Entrance { listener: &settings, tls, peer: accepted.peer, acceptor: &acceptor, lines: &shared.lines };
    let opened = tokio::time::timeout_at(until.into(), entrance.open(Stream::new(socket))).await;
    let Speaks { mut stream, first, peer, counted } = match opened {
        Ok(Opened::Speaks(speaks)) => speaks,
        Ok(Opened::Mistaken { stream, sentence, refusal }) => {
            tally.refused(refusal);
            return mistakes::answer(stream, &sentence).await;
        }
        Ok(Opened::Refused(refusal)) => return tally.refused(refusal),
        Ok(Opened::Gone) => return,
        Err(_) => return tally.refused(Refusal::HandshakeTimeout),
    };
    if let Some(counted) = counted {
        newcomer.permit.counts_as(counted);
    }
    let mistake = first.first().and_then(|first| mistakes::sentence(*first, &settings, &shared.all_listeners()));
    let speaks_rawsocket = first.first() == Some(&RAWSOCKET_MAGIC);
    let serves_rawsocket = settings.serve.contains(&Service::RawSocket);
    if let Some(sentence) = mistake {
        tally.refused(Refusal::RawSocket);
        return mistakes::answer(stream, &sentence).await;
    }
    stream.put_back(first);
    if serves_rawsocket && (speaks_rawsocket || !settings.serves_http()) {
        let open = rawsocket::open(stream, settings, peer, newcomer.permit);
        match tokio::time::timeout_at(until.into(), open).await {
            Ok(Ok(connection)) => shared.start(Box::new(connection), &listener, until),
            Ok(Err(refusal)) => tally.refused(refusal),
            Err(_) => tally.refused(Refusal::HandshakeTimeout),
        }
    } else if settings.serves_http() {
        shared.serve_http(stream, peer, newcomer).await;
    }
}

fn times(handshake_until: Instant, limits: &ProcessLimits, listener: &ListenerSettings) -> Times {
    Times {
        handshake_until,
        handshake_timeout: limits.handshake_timeout,
        remote_auth_timeout: limits.remote_auth_timeout,
        ping_interval: listener.ping_interval,
        ping_timeout: listener.ping_timeout,
        ping_suspect: listener.ping_suspect,
    }
}

impl Shared {
    /// Connections may come in by these listeners.
    fn know(&self, listeners: Vec<(usize, Arc<ListenerSettings>, Option<Arc<Tls>>)>) {
        let mut known = self.listeners.borrow_mut();
        for (number, settings, tls) in listeners {
            let name: Arc<str> = settings.name.as_str().into();
            // One that comes back after it was closed is another one.
            let same = known.values().find(|listening| listening.name == name && !listening.closed.get());
            let closed = same.map_or_else(Rc::default, |listening| Rc::clone(&listening.closed));
            let (realms, serve) = (settings.realms.clone().into(), RefCell::default());
            known.insert(number, Rc::new(Listening { settings, tls, name, realms, closed, serve }));
        }
    }

    fn all_listeners(&self) -> Vec<Arc<ListenerSettings>> {
        self.listeners.borrow().values().map(|listening| Arc::clone(&listening.settings)).collect()
    }

    /// Starts a session actor for a connection.
    #[expect(clippy::disallowed_methods, reason = "at most one per connection")]
    fn start(&self, connection: Box<dyn Connection>, listener: &Listening, until: Instant) {
        let Some(gone) = self.me.borrow().clone() else { return };
        let mut sessions = self.sessions.borrow_mut();
        let place = sessions.vacant_entry();
        let times = times(until, &self.limits.borrow(), &listener.settings);
        let session = SessionActor::new(Opening {
            connection,
            number: place.key(),
            listener: Arc::clone(&listener.name),
            realms: self.settings.realms.clone(),
            gone,
            tally: self.settings.tally.clone(),
            times,
            authenticated: None,
            listener_realms: Arc::clone(&listener.realms),
        });
        let waiting = session.waiting();
        let session = session.start();
        if self.stopping.get() {
            // The others have been told already.
            session.do_send(goodbye(true));
        } else if listener.closed.get() {
            session.do_send(closing(true));
        }
        place.insert(Held { closed: Rc::clone(&listener.closed), session, waiting });
    }

    async fn serve_http(self: &Rc<Self>, stream: Stream, peer: Option<SocketAddr>, newcomer: Newcomer) {
        let Newcomer { listener, permit, until } = newcomer;
        let Some(serve) = self.http_of(&listener).await else { return };
        // The HTTP side knows its connection by the stream alone; what belongs to it travels with the stream.
        let lent = Lent::new(permit, until);
        let mut served = serve(stream.with_luggage(lent.clone()), peer);
        if tokio::time::timeout_at(until.into(), &mut served).await.is_ok() {
            return;
        }
        if lent.is_awaiting_head() {
            return self.settings.tally.refused(Refusal::HandshakeTimeout);
        }
        served.await;
    }

    /// Where the transports of long-poll are opened.
    fn desk(self: &Rc<Self>, here: &Here, listener: &Rc<Listening>) -> Desk {
        let (shared, opening) = (Rc::clone(self), Rc::downgrade(listener));
        let start = Rc::new(move |connection| {
            let until = clock::now() + shared.limits.borrow().handshake_timeout;
            if let Some(listener) = opening.upgrade() {
                shared.start(connection, &listener, until);
            }
        });
        Desk { here: here.clone(), board: self.settings.board.clone(), start }
    }

    async fn http_of(self: &Rc<Self>, listener: &Rc<Listening>) -> Option<Serve> {
        if let Some(serve) = &*listener.serve.borrow() {
            return Some(Rc::clone(serve));
        }
        let (tally, logins) = (self.settings.tally.clone(), self.settings.logins.clone());
        let closed = Rc::clone(&listener.closed);
        let here = Here { listener: Arc::clone(&listener.settings), tally, logins, closed };
        let desk = self.desk(&here, listener);
        // Weak: what is built is kept by the listener itself.
        let (shared, upgrading) = (Rc::clone(self), Rc::downgrade(listener));
        let upgraded: Upgraded = Rc::new(move |mut stream, agreed, peer, headers| {
            let anew = clock::now() + shared.limits.borrow().handshake_timeout;
            let lent = stream.take_luggage::<Lent>();
            let Some((permit, until)) = lent.and_then(|lent| lent.take_back(anew)) else { return };
            let Some(listener) = upgrading.upgrade() else { return };
            let settings = Arc::clone(&listener.settings);
            let connection = WebSocketConnection::new(stream, agreed, settings, peer, permit).with_headers(headers);
            shared.start(Box::new(connection), &listener, until);
        });
        let configure = Arc::clone(&self.settings.configure);
        let handshake_timeout = self.limits.borrow().handshake_timeout;
        let serve = http::serve(here, configure, handshake_timeout, upgraded, desk).await.ok()?;
        *listener.serve.borrow_mut() = Some(Rc::clone(&serve));
        Some(serve)
    }
}
