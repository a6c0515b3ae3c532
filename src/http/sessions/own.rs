//! A session that the HTTP side drives: one for each event stream, poll cursor, progressive call and webhook, so that a reader
//! that stalls meets the slow-consumer rule of its own session and disturbs no other.
//!
//! The session actor is the same as for every other transport; its connection is a lane in memory whose other end is an
//! [`Own`], on the same thread. What the reader does not take stays in the session's outbox, under its bounds: the lane holds
//! what was written last, 16 KiB or one message, and at the end the last words and what stands before them. All roles are open to it. Decides nothing about WAMP.
//!
//! Messages of its owners, one per worker thread: `Adopt` (from [`Own::open`]), `Gone` (from sessions), [`StopHttp`].

mod lane;
mod memory;

use super::pipe::{details_of, MESSAGE_MAX};
use super::start::session_of;
use super::{Owners, StopHttp};
use crate::actors::connection::{Arrival, Connection, Fault};
use crate::actors::lengths;
use crate::actors::realms::RealmsActor;
use crate::actors::session::{Gone, SessionActor, ShutDown};
use crate::actors::RealmHandle;
use crate::auth::Identity;
use crate::codec::{self, Limits};
use crate::observe::Tally;
use crate::session::CloseCode;
use crate::wamp::message::Message;
use crate::wamp::role::Announced;
use crate::wamp::{Dict, ErrorUri, RequestId, Serialization, SessionId};
use actix::{Actor, Addr, Context as ActorContext, Handler};
use bytes::Bytes;
use lane::{Lane, Leaving};
use memory::Waiting;
use std::cell::RefCell;
use std::collections::{BTreeMap, VecDeque};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::task::{Context, Poll};

thread_local! {
    /// What sessions that are opened on this thread need. Set once, when the owner of this thread starts.
    static HERE: RefCell<Option<Here>> = const { RefCell::new(None) };
}

#[derive(Clone)]
struct Here {
    owner: Addr<OwnSessions>,
    realms: Addr<RealmsActor>,
    tally: Tally,
    waiting: Waiting,
}

/// Whose session is to be opened, and what for.
pub(in crate::http) struct OwnOpening {
    /// The realm.
    pub(in crate::http) handle: RealmHandle,
    /// Who that is: proven already.
    pub(in crate::http) identity: Identity,
    /// The listener, or what stands for one.
    pub(in crate::http) listener: Arc<str>,
    /// Where the other side is, if there is one.
    pub(in crate::http) peer: Option<SocketAddr>,
    /// Whether that came within TLS.
    pub(in crate::http) tls: bool,
    /// What its transport is called: `sse`, `poll`, `stream`, `webhook_out`.
    pub(in crate::http) protocol: &'static str,
    /// What it can do. Roles that it does not announce it may use all the same.
    pub(in crate::http) announced: Announced,
    /// What becomes of it when the node stops.
    pub(in crate::http) at_stop: AtStop,
    /// Whether it is one of the streams that are bounded by `rest.stream.max_streams`.
    pub(in crate::http) is_stream: bool,
}

/// What becomes of a session when the node stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum AtStop {
    /// GOODBYE `wamp.close.system_shutdown`, before all others.
    Leaves,
    /// It goes on until its owner drops it; others are waited for no longer than the time for draining.
    Finishes,
}

/// Why a session is over, or could not begin: the reason of its GOODBYE or ABORT and the text for people.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(in crate::http) struct Ended {
    pub(in crate::http) reason: String,
    pub(in crate::http) detail: String,
}

impl Ended {
    fn of(reason: ErrorUri, detail: &str) -> Self {
        Self { reason: reason.as_str().to_owned(), detail: detail.to_owned() }
    }
}

/// The HTTP side's end of one session. Dropping it is leaving.
#[derive(Debug)]
pub(in crate::http) struct Own {
    lane: Rc<RefCell<Lane>>,
    session: SessionId,
    last: Option<RequestId>,
}

impl Own {
    /// Opens a session and waits for its WELCOME. To be called on a worker thread; the session lives there.
    ///
    /// # Errors
    /// There are too many streams, the node is stopping, or the realm lets nobody in.
    pub(in crate::http) async fn open(owners: &Owners, opening: OwnOpening) -> Result<Self, Ended> {
        let here = HERE.with_borrow(Clone::clone);
        let here = here.ok_or_else(|| Ended::of(ErrorUri::INTERNAL, "no session can be opened on this thread"))?;
        let counted = if opening.is_stream { Some(owners.streams.count()?) } else { None };
        let lane = Rc::<RefCell<Lane>>::default();
        let protocol = opening.protocol;
        let connection = LaneEnd { lane: Rc::clone(&lane), peer: opening.peer, tls: opening.tls, protocol, counted };
        let number = owners.streams.numbers.fetch_add(1, Ordering::Relaxed);
        let gone = here.owner.clone().recipient();
        let session = session_of(
            Box::new(connection),
            number,
            opening.listener,
            (opening.handle, opening.identity),
            (here.realms, here.tally),
            gone,
        );
        here.waiting.insert(number, session.waiting());
        let session = session.announcing(opening.announced).asking_history().start();
        let mut own = Self { lane, session: SessionId::wrapping(0), last: None };
        let adopted = here.owner.send(Adopt { number, session, at_stop: opening.at_stop }).await;
        if !adopted.unwrap_or(false) {
            return Err(Ended::of(ErrorUri::SYSTEM_SHUTDOWN, "the router is stopping"));
        }
        loop {
            if let Message::Welcome(welcome) = own.next().await? {
                own.session = welcome.session;
                return Ok(own);
            }
        }
    }

    /// Its session's id.
    pub(in crate::http) fn session(&self) -> SessionId {
        self.session
    }

    /// The id of the next request: they count up by one.
    pub(in crate::http) fn next_request(&mut self) -> RequestId {
        let request = self.last.map_or(RequestId::FIRST, RequestId::next);
        self.last = Some(request);
        request
    }

    /// Sends a message to the session, which takes it in its next turn. As many wait as the sender has under way.
    pub(in crate::http) fn send(&self, message: &Message) {
        let mut octets = Vec::new();
        // JSON has a form for all that was read as JSON, and for what the router makes itself.
        if codec::encode(message, Serialization::Json, &mut octets).is_ok() {
            self.send_octets(octets.into());
        }
    }

    /// The same for a message's JSON text, for those who need to know whether it has one.
    pub(in crate::http) fn send_octets(&self, octets: Bytes) {
        let mut lane = self.lane.borrow_mut();
        lane.inbox.push_back(octets);
        lane.wake_session();
    }

    /// The next message. Payloads are slices of what the session has written.
    ///
    /// # Errors
    /// The session is over: by GOODBYE, by ABORT, or because it failed.
    pub(in crate::http) async fn next(&mut self) -> Result<Message, Ended> {
        std::future::poll_fn(|cx| self.poll_next(cx)).await
    }

    /// The same, to be polled.
    pub(in crate::http) fn poll_next(&mut self, cx: &mut Context<'_>) -> Poll<Result<Message, Ended>> {
        self.poll_octets(cx).map(|octets| match octets {
            Some(octets) => read(&octets),
            None => Err(Ended::of(ErrorUri::INTERNAL, "the session failed")),
        })
    }

    /// The next message's JSON text, for those who know it already; [`read`] makes a message of it. `None`: there comes no
    /// more, and GOODBYE or ABORT was the last one if the session ended in order.
    pub(in crate::http) fn poll_octets(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.lane.borrow_mut().poll_read(cx)
    }
}

impl Drop for Own {
    fn drop(&mut self) {
        self.lane.borrow_mut().leave();
    }
}

/// Makes a message of what [`Own::poll_octets`] gave.
///
/// # Errors
/// It says that the session is over.
pub(in crate::http) fn read(octets: &Bytes) -> Result<Message, Ended> {
    match codec::decode(Serialization::Json, octets, &Limits::default()) {
        Ok(Message::Goodbye(goodbye)) => Err(Ended {
            reason: goodbye.reason.as_str().to_owned(),
            detail: goodbye.details.message.unwrap_or_default(),
        }),
        Ok(Message::Abort(abort)) => {
            Err(Ended { reason: abort.reason.as_str().to_owned(), detail: abort.details.message.unwrap_or_default() })
        }
        Ok(message) => Ok(message),
        Err(error) => {
            // Our own encoder wrote it.
            tracing::error!(%error, "what a session of the HTTP side has said cannot be read");
            Err(Ended::of(ErrorUri::INTERNAL, "a message could not be read"))
        }
    }
}

/// Streams of the whole node.
#[derive(Clone, Debug, Default)]
pub(super) struct Streams {
    open: Arc<AtomicUsize>,
    max: Arc<AtomicUsize>,
    /// What the next session is called in `Gone`.
    numbers: Arc<AtomicUsize>,
}

impl Streams {
    /// As many as that may be open.
    pub(super) fn set_max(&self, max: usize) {
        self.max.store(max, Ordering::Relaxed);
    }

    /// How many are open.
    pub(super) fn open(&self) -> usize {
        self.open.load(Ordering::Relaxed)
    }

    fn count(&self) -> Result<Counted, Ended> {
        let max = self.max.load(Ordering::Relaxed);
        let more = |open: usize| (open < max).then_some(open + 1);
        let text = "there are as many streams as there may be (rest.stream.max_streams)";
        let counted = self.open.fetch_update(Ordering::Relaxed, Ordering::Relaxed, more);
        counted.map_err(|_| Ended::of(ErrorUri::OVERLOADED, text))?;
        Ok(Counted(Arc::clone(&self.open)))
    }
}

/// One open stream.
#[derive(Debug)]
struct Counted(Arc<AtomicUsize>);

impl Drop for Counted {
    fn drop(&mut self) {
        self.0.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The session's end of a lane.
#[derive(Debug)]
struct LaneEnd {
    lane: Rc<RefCell<Lane>>,
    peer: Option<SocketAddr>,
    tls: bool,
    protocol: &'static str,
    #[expect(dead_code, reason = "held for its drop")]
    counted: Option<Counted>,
}

impl Drop for LaneEnd {
    fn drop(&mut self) {
        let mut lane = self.lane.borrow_mut();
        lane.is_over = true;
        lane.wake_reader();
    }
}

impl Connection for LaneEnd {
    fn serialization(&self) -> Serialization {
        Serialization::Json
    }

    fn poll_arrivals(&mut self, cx: &mut Context<'_>, arrivals: &mut VecDeque<Arrival>) -> Poll<Result<(), Fault>> {
        let mut lane = self.lane.borrow_mut();
        arrivals.extend(lane.inbox.drain(..).map(Arrival::Message));
        if lane.leaving == Leaving::Wanted {
            lane.leaving = Leaving::Told;
            arrivals.push_back(Arrival::Closed(None));
        }
        if arrivals.is_empty() {
            lane.session = Some(cx.waker().clone());
            return Poll::Pending;
        }
        Poll::Ready(Ok(()))
    }

    fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        self.lane.borrow_mut().poll_write(cx, octets)
    }

    fn begin(&self, out: &mut Vec<u8>) -> usize {
        lengths::begin(out)
    }

    fn finish(&self, out: &mut Vec<u8>, start: usize) {
        lengths::finish(out, start);
    }

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

/// A session has been opened. Sent once for each; the answer says whether it may go on.
#[derive(actix::Message)]
#[rtype(result = "bool")]
struct Adopt {
    number: usize,
    session: Addr<SessionActor>,
    at_stop: AtStop,
}

/// Those who drive a session of their own on one worker thread.
pub(super) struct OwnSessions {
    sessions: BTreeMap<usize, (Addr<SessionActor>, AtStop)>,
    /// Whether new ones are let in no more.
    stopping: bool,
    waiting: Waiting,
}

impl OwnSessions {
    /// Starts the owner of the thread that this is called on.
    pub(super) fn start_here(realms: Addr<RealmsActor>, tally: Tally) -> Addr<Self> {
        let waiting = Waiting::default();
        let owner = Self { sessions: BTreeMap::new(), stopping: false, waiting: waiting.clone() }.start();
        HERE.set(Some(Here { owner: owner.clone(), realms, tally, waiting }));
        owner
    }
}

impl Actor for OwnSessions {
    type Context = ActorContext<Self>;
}

impl Handler<Adopt> for OwnSessions {
    type Result = bool;

    fn handle(&mut self, adopt: Adopt, _: &mut Self::Context) -> bool {
        // One that has gone already leaves by its Gone, which comes after this.
        self.sessions.insert(adopt.number, (adopt.session, adopt.at_stop));
        !self.stopping
    }
}

impl Handler<Gone> for OwnSessions {
    type Result = ();

    fn handle(&mut self, gone: Gone, _: &mut Self::Context) {
        self.sessions.remove(&gone.connection);
        self.waiting.remove(gone.connection);
    }
}

impl Handler<StopHttp> for OwnSessions {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "one per session's life")]
    fn handle(&mut self, _: StopHttp, _: &mut Self::Context) {
        self.stopping = true;
        let leaving = self.sessions.values().filter(|(_, at_stop)| *at_stop == AtStop::Leaves);
        for (session, _) in leaving {
            session.do_send(ShutDown {
                reason: ErrorUri::SYSTEM_SHUTDOWN,
                message: "the router is stopping",
                code: CloseCode::GOING_AWAY,
                callees: true,
            });
        }
    }
}

#[cfg(test)]
mod tests;
