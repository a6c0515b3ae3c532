//! Owns one connection's session: decodes what comes in, asks the session core what it means, forwards requests to the realm
//! actor, and puts what the realm says into the outbox.
//!
//! A plain actor. Its transport is behind [`Connection`], so it lives on when the peer stops reading. One future, in `drive`,
//! is polled after each drain of the mailbox: it reads, writes and keeps the one timer. Handlers are synchronous.
//!
//! Messages: `Found` (a realm), `Deliveries` (from the realm), [`ShutDown`] (from the server).

mod asking;
mod authorizing;
mod browser;
mod drive;
mod ending;
mod input;
mod login;
mod output;
mod realm_side;

pub(crate) use ending::LAST_WORDS;

use super::clock;
use super::connection::{Connection, Pings};
use super::credit::Credit;
use super::delivery::Road;
use super::keepalive::Keepalive;
use super::outbox::Outbox;
use super::realm::{Leave, RealmActor, RealmHandle, RealmShared};
use super::realms::RealmsActor;
use super::settings::OutboxSettings;
use crate::auth::{Attempt, Drawn, Identity};
use crate::codec;
use crate::observe::{Panicked, Tally};
use crate::routing::{Command, SessionKey};
use crate::session::{CloseCode, Session};
use crate::wamp::role::Announced;
use crate::wamp::{Entrance, ErrorUri, InvocationId, RequestId, SessionId};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, Recipient};
use std::collections::VecDeque;
use std::pin::Pin;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// The node wants the session to end in order.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct ShutDown {
    /// GOODBYE's reason.
    pub reason: ErrorUri,
    /// GOODBYE's text.
    pub message: &'static str,
    /// The close code after it.
    pub code: CloseCode,
    /// Whether sessions that serve procedures end too: they come last, so that calls under way can end.
    pub callees: bool,
}

/// A session actor has ended: for the list of those who count connections. Sent once.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub struct Gone {
    /// What [`Opening::connection`] said.
    pub connection: usize,
}

/// Times of one connection.
#[derive(Clone, Copy, Debug)]
pub struct Times {
    /// Until when WELCOME must be out.
    pub handshake_until: Instant,
    /// From accept to WELCOME, for the sessions that follow on the same transport.
    pub handshake_timeout: Duration,
    /// The same where somebody else is asked who that is.
    pub remote_auth_timeout: Duration,
    /// Ask for a sign of life after so long a silence.
    pub ping_interval: Duration,
    /// Give up when there is none for so long.
    pub ping_timeout: Duration,
    /// A peer that has not answered for so long is suspect: calls go to another callee where there is one.
    pub ping_suspect: Duration,
}

/// Everything that a session actor starts with.
pub struct Opening {
    /// Its transport.
    pub connection: Box<dyn Connection>,
    /// What to call it in [`Gone`].
    pub number: usize,
    /// The listener it came in by.
    pub listener: Arc<str>,
    /// The registry of realms.
    pub realms: Addr<RealmsActor>,
    /// Who is told of its end.
    pub gone: Recipient<Gone>,
    /// Its thread's counters.
    pub tally: Tally,
    /// Its deadlines.
    pub times: Times,
    /// A realm and an identity, where the handshake has happened elsewhere (HTTP).
    pub authenticated: Option<(RealmHandle, Identity)>,
    /// Names of the realms that may be joined here; empty means all.
    pub listener_realms: Arc<[String]>,
}

/// The tie between an open session and its realm.
struct Tie {
    realm: Addr<RealmActor>,
    key: SessionKey,
    session: SessionId,
    identity: Identity,
    shared: Arc<RealmShared>,
    /// Whether what its authorizer said may be remembered for it.
    remembered: bool,
}

/// One session's actor.
pub struct SessionActor {
    session: Session,
    connection: Box<dyn Connection>,
    limits: codec::Limits,
    outbox: Outbox,
    keepalive: Keepalive,
    credit: Arc<Credit>,
    road: Arc<Road>,
    realms: Addr<RealmsActor>,
    handle: Option<RealmHandle>,
    tie: Option<Tie>,
    joining: Option<Joining>,
    /// Drawn for the HELLO under way.
    session_id: SessionId,
    arrivals: VecDeque<super::connection::Arrival>,
    commands: Vec<Command>,
    timer: Pin<Box<Sleep>>,
    times: Times,
    armed: Option<Instant>,
    ending: ending::Ending,
    /// When the socket last took something of a non-empty outbox.
    progress: Instant,
    paused: bool,
    paused_since: Option<Instant>,
    /// INVOCATIONs handed to the peer and not finally answered.
    open_invocations: u32,
    /// The newest of them: the realm counts up.
    last_invocation: Option<InvocationId>,
    controls: input::Controls,
    /// Events dropped since the session began, and how far that is told.
    overflow_log: output::OverflowLog,
    retry_realm: u8,
    /// Octets that wait in the outbox, for the worker that has all its sessions in view.
    waiting: std::rc::Rc<std::cell::Cell<usize>>,
    /// Whether a session was open on this transport before.
    had_session: bool,
    /// Whether it has ever registered a procedure.
    serves_procedures: bool,
    /// Whether the realm was told to pass this callee over.
    avoided: bool,
    /// Messages and octets that its realm knows to be in the outbox.
    told_waiting: (usize, usize),
    /// Whether the realm waits for a sign of life.
    probed: bool,
    /// The proof that is being looked at.
    attempt: Option<Attempt>,
    /// The first of two proofs has come.
    unfinished: Option<login::Unfinished>,
    asking: asking::Asking,
    authorizing: authorizing::Authorizing,
    /// Who tries to come in.
    knocking: login::Knocking,
    /// A no that is said later.
    delayed: Option<login::Delayed>,
    /// Calls that were ended towards the caller because a partial result did not fit; the realm's last word is awaited.
    failed_calls: Vec<RequestId>,
    listener: Arc<str>,
    listener_realms: Arc<[String]>,
    tally: Tally,
    #[expect(dead_code, reason = "held for its drop")]
    guard: Guard,
}

/// Who is about to join.
struct Joining {
    identity: Identity,
    announced: Announced,
    session: SessionId,
}

/// Tells those who must know that the actor is gone: a drop is the only code that runs for a stop and for a panic alike.
struct Guard {
    number: usize,
    gone: Recipient<Gone>,
    tally: Tally,
    road: Arc<Road>,
}

impl Drop for Guard {
    #[expect(clippy::disallowed_methods, reason = "one message per actor's life")]
    fn drop(&mut self) {
        if std::thread::panicking() {
            self.tally.panicked(Panicked::Session);
        }
        self.tally.add_connections(-1);
        self.road.close();
        self.gone.do_send(Gone { connection: self.number });
    }
}

impl Drop for Tie {
    #[expect(clippy::disallowed_methods, reason = "one message per session's life")]
    fn drop(&mut self) {
        if self.remembered {
            self.shared.verdicts().forget(self.session);
        }
        tracing::info!(session = %self.session, "session closed");
        self.realm.do_send(Leave(self.key));
    }
}

impl SessionActor {
    /// An actor for a connection; start it on the thread of its socket.
    pub fn new(opening: Opening) -> Self {
        let now = clock::now();
        opening.tally.add_connections(1);
        let always = opening.connection.pings() == Pings::Always;
        let times = opening.times;
        let (listener, address) = (Arc::clone(&opening.listener), opening.connection.peer_address());
        let entrance = Entrance { listener, address };
        let mut session = Session::new().with_certificate(opening.connection.tls_peer().cloned());
        let road: Arc<Road> = Arc::default();
        let (mut handle, mut joining) = (None, None);
        if let Some((realm, identity)) = opening.authenticated {
            if let Some(rules) = crate::session::Doorman::rules(&*realm.shared, &identity) {
                session = Session::authenticated(realm.shared.settings.uri.clone(), identity.clone(), rules);
                let announced = Announced { publisher: true, caller: true, ..Announced::default() };
                joining = Some(Joining { identity, announced, session: random_id() });
            }
            handle = Some(realm);
        }
        Self {
            session: session.with_entrance(entrance),
            connection: opening.connection,
            limits: codec::Limits::default(),
            outbox: Outbox::new(OutboxSettings::default()),
            keepalive: Keepalive::new(now, times, always),
            credit: Credit::new(),
            road: Arc::clone(&road),
            realms: opening.realms,
            handle,
            tie: None,
            joining,
            session_id: random_id(),
            arrivals: VecDeque::new(),
            commands: Vec::new(),
            timer: Box::pin(tokio::time::sleep_until(times.handshake_until.into())),
            times,
            armed: None,
            ending: ending::Ending::No,
            progress: now,
            paused: false,
            paused_since: None,
            open_invocations: 0,
            last_invocation: None,
            controls: input::Controls::new(now),
            overflow_log: output::OverflowLog::default(),
            retry_realm: 0,
            waiting: std::rc::Rc::default(),
            had_session: false,
            serves_procedures: false,
            avoided: false,
            told_waiting: (0, 0),
            probed: false,
            attempt: None,
            unfinished: None,
            asking: asking::Asking::default(),
            authorizing: authorizing::Authorizing::default(),
            knocking: login::Knocking::default(),
            delayed: None,
            failed_calls: Vec::new(),
            listener: opening.listener,
            listener_realms: opening.listener_realms,
            guard: Guard { number: opening.number, gone: opening.gone, tally: opening.tally.clone(), road },
            tally: opening.tally,
        }
    }
}

impl SessionActor {
    /// What a session can do whose handshake has happened elsewhere; without this, it publishes and calls.
    #[must_use]
    pub fn announcing(mut self, announced: Announced) -> Self {
        if let Some(joining) = &mut self.joining {
            joining.announced = announced;
        }
        self
    }

    /// It may ask for the history of what it may subscribe to, whatever its role may call.
    #[must_use]
    pub fn asking_history(mut self) -> Self {
        self.session.ask_history();
        self
    }
}

impl Actor for SessionActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        if let Some(joining) = &self.joining {
            let counted = self.count_login(&joining.identity);
            if let Err(wait) = counted {
                self.refuse_login(wait, ctx);
            } else if self.handle.as_ref().is_some_and(|handle| handle.shared.pressure.is_high()) {
                self.refuse_for_memory(ctx);
            } else {
                self.join(ctx.address());
            }
        }
        ctx.spawn(drive::Drive);
    }
}

/// The node is short of memory, and this session's outbox is the largest.
#[derive(Clone, Copy, Debug, Message)]
#[rtype(result = "()")]
pub(crate) struct CutForMemory;

impl Handler<CutForMemory> for SessionActor {
    type Result = ();

    fn handle(&mut self, _: CutForMemory, ctx: &mut Self::Context) {
        self.outbox.discard();
        self.refuse_for_memory(ctx);
    }
}

impl SessionActor {
    /// Octets that wait in its outbox, to be read from its thread.
    pub(crate) fn waiting(&self) -> std::rc::Rc<std::cell::Cell<usize>> {
        std::rc::Rc::clone(&self.waiting)
    }
}

impl Handler<ShutDown> for SessionActor {
    type Result = ();

    fn handle(&mut self, stop: ShutDown, ctx: &mut Self::Context) {
        if self.serves_procedures && !stop.callees {
            return;
        }
        let action = self.session.shut_down(stop.reason, stop.message, stop.code);
        self.obey(action, ctx);
    }
}

/// A session id: uniform over the whole range (R3).
fn random_id() -> SessionId {
    SessionId::wrapping(rand::random())
}

/// What the login of one HELLO uses.
pub(crate) fn drawn() -> Drawn {
    let (challenge, second) = (rand::random(), rand::random());
    Drawn { authid: random_authid(), session: random_id(), challenge, second, time: clock::time_of_day() }
}

/// An anonymous name that people can read out: three groups of four, without the letters that look like digits.
fn random_authid() -> String {
    const LETTERS: &[u8; 32] = b"3456789ABCDEFGHJKLMNPQRSTUVWXY2Z";
    let mut bits: u64 = rand::random();
    let mut name = String::with_capacity(14);
    for place in 0..12 {
        if place > 0 && place % 4 == 0 {
            name.push('-');
        }
        name.push(char::from(LETTERS[(bits & 31) as usize]));
        bits >>= 5;
    }
    name
}

/// Makes the actor panic, to see what becomes of its neighbours.
#[cfg(test)]
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Panic;

#[cfg(test)]
impl Handler<Panic> for SessionActor {
    type Result = ();

    fn handle(&mut self, _: Panic, _: &mut Self::Context) {
        panic!("as asked");
    }
}
