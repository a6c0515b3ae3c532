//! Accepts connections, within the bounds of the node, and hands each to a worker thread.
//!
//! Runs on the main thread. A worker is chosen by how busy it is: connections stay together on the first worker with time to
//! spare, because a message between two sessions costs least when both are on one thread; they spread as workers fill up.
//! Source: T2, T2a and T2b of the limits; `docs/decisions/` for the figures.

use super::permit::{Counted, Counts, Permit, TakeAnother};
use super::settings::{Bind, ListenerSettings, ProcessLimits};
pub use super::sockets::{bind_one, BindError, Listening};
use super::stream::Socket;
use super::trusted::is_trusted;
use super::worker::{Accepted, Load, WorkerActor};
use crate::actors::clock;
use crate::observe::{Refusal, Tally};
use actix::{Actor, Addr, AsyncContext, Context, Handler, Message, MessageResult};
use std::cell::{Cell, RefCell};
use std::collections::{BTreeMap, HashMap};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::os::unix::fs::PermissionsExt;
use std::rc::Rc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::net::{TcpListener, UnixListener};

/// How long nothing is accepted when the process has no file descriptor left (T2b).
const OUT_OF_FILES_PAUSE: Duration = Duration::from_millis(100);

/// A connection of this address is gone. One per connection.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Released(pub(crate) IpAddr);

/// Count one more connection of this address, which is behind a trusted proxy. `None`: it has as many as it may.
#[derive(Message)]
#[rtype(result = "Option<Counted>")]
pub(crate) struct CountAddress(pub(crate) IpAddr);

/// Close these sockets: whoever wants to connect there is refused.
#[derive(Message)]
#[rtype(result = "()")]
pub struct CloseSockets(pub Vec<SocketId>);

/// What sockets do from now on, for the connections to come.
#[derive(Message)]
#[rtype(result = "()")]
pub struct UseSockets {
    /// The bounds of the node.
    pub limits: ProcessLimits,
    /// Sockets that are open already.
    pub kept: Vec<(SocketId, Serves)>,
    /// Those that begin to accept.
    pub fresh: Vec<(SocketId, Serves, Listening)>,
}

/// A socket's name between the acceptor and whoever opens sockets; never used twice.
pub type SocketId = usize;

/// Which listener a socket is of.
#[derive(Clone, Debug)]
pub struct Serves {
    /// What workers know it by.
    pub number: usize,
    /// Its settings.
    pub settings: Arc<ListenerSettings>,
    /// Which of its addresses the socket has.
    pub place: Bind,
}

/// Stop accepting: the listeners close.
#[derive(Message)]
#[rtype(result = "()")]
pub struct StopAccepting;

/// A worker thread, as the acceptor sees it.
#[derive(Clone)]
pub struct WorkerHandle {
    /// Its actor.
    pub worker: Addr<WorkerActor>,
    /// How busy it is.
    pub load: Arc<Load>,
}

/// Accepts on all listeners of the node.
pub struct Acceptor {
    shared: Rc<Shared>,
    files_max: usize,
    sockets: BTreeMap<SocketId, Open>,
    stopped: bool,
    waiting: Vec<(SocketId, Serves, Listening)>,
}

/// A socket that accepts.
struct Open {
    serves: Rc<RefCell<Serves>>,
    task: tokio::task::JoinHandle<()>,
}

struct Shared {
    limits: RefCell<ProcessLimits>,
    connections_max: Cell<usize>,
    counts: Arc<Counts>,
    by_address: RefCell<HashMap<IpAddr, usize>>,
    rate: RefCell<Rate>,
    workers: Vec<WorkerHandle>,
    tally: Tally,
}

impl Acceptor {
    /// An acceptor for these sockets. `files_max` is the process's limit of open files.
    pub fn new(
        limits: ProcessLimits,
        files_max: usize,
        sockets: Vec<(SocketId, Serves, Listening)>,
        workers: Vec<WorkerHandle>,
        tally: Tally,
    ) -> Self {
        let connections_max = Cell::new(connections_max(&limits, files_max));
        let rate = RefCell::new(Rate::new(clock::now(), limits.accept_rate));
        let (counts, by_address) = (Arc::default(), RefCell::default());
        let limits = RefCell::new(limits);
        let shared = Shared { limits, connections_max, counts, by_address, rate, workers, tally };
        Self { shared: Rc::new(shared), files_max, sockets: BTreeMap::new(), stopped: false, waiting: sockets }
    }

    fn accept(&mut self, id: SocketId, serves: Serves, listening: Listening, me: Addr<Self>) {
        let serves = Rc::new(RefCell::new(serves));
        let accepting = Accepting {
            serves: Rc::clone(&serves),
            of_listener: Arc::default(),
            shared: Rc::clone(&self.shared),
            acceptor: me,
        };
        let task = actix_rt::spawn(accept_all(accepting, listening));
        self.sockets.insert(id, Open { serves, task });
    }
}

fn connections_max(limits: &ProcessLimits, files_max: usize) -> usize {
    limits.connections_max.min(files_max.saturating_sub(ProcessLimits::RESERVED_FILES))
}

impl Actor for Acceptor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for (id, serves, listening) in std::mem::take(&mut self.waiting) {
            self.accept(id, serves, listening, ctx.address());
        }
    }
}

impl Handler<CloseSockets> for Acceptor {
    type Result = ();

    fn handle(&mut self, CloseSockets(ids): CloseSockets, _: &mut Self::Context) {
        for socket in ids.iter().filter_map(|id| self.sockets.remove(id)) {
            socket.task.abort();
        }
    }
}

impl Handler<UseSockets> for Acceptor {
    type Result = ();

    fn handle(&mut self, new: UseSockets, ctx: &mut Self::Context) {
        if self.stopped {
            return;
        }
        let UseSockets { limits, kept, fresh } = new;
        self.shared.use_limits(limits, self.files_max);
        for (id, serves) in kept {
            let Some(socket) = self.sockets.get(&id) else { continue };
            let former = std::mem::replace(&mut *socket.serves.borrow_mut(), serves.clone());
            change_mode(&former.place, &serves.place);
        }
        for (id, serves, listening) in fresh {
            self.accept(id, serves, listening, ctx.address());
        }
    }
}

/// A Unix socket that stays open may get another mode.
fn change_mode(former: &Bind, new: &Bind) {
    let Bind::Unix { path, mode } = new else { return };
    if former == new {
        return;
    }
    if let Err(error) = std::fs::set_permissions(path, std::fs::Permissions::from_mode(*mode)) {
        tracing::error!(path = %path.display(), %error, "the mode of a socket cannot be changed");
    }
}

impl Handler<StopAccepting> for Acceptor {
    type Result = ();

    fn handle(&mut self, _: StopAccepting, _: &mut Self::Context) {
        self.stopped = true;
        for socket in std::mem::take(&mut self.sockets).into_values() {
            socket.task.abort();
        }
    }
}

impl Handler<Released> for Acceptor {
    type Result = ();

    fn handle(&mut self, Released(address): Released, _: &mut Self::Context) {
        let mut by_address = self.shared.by_address.borrow_mut();
        if let Some(count) = by_address.get_mut(&address) {
            *count -= 1;
            if *count == 0 {
                by_address.remove(&address);
            }
        }
    }
}

impl Handler<CountAddress> for Acceptor {
    type Result = MessageResult<CountAddress>;

    fn handle(&mut self, CountAddress(address): CountAddress, ctx: &mut Self::Context) -> Self::Result {
        MessageResult(self.shared.count(address, &ctx.address()))
    }
}

impl Handler<TakeAnother> for Acceptor {
    type Result = MessageResult<TakeAnother>;

    fn handle(&mut self, another: TakeAnother, ctx: &mut Self::Context) -> Self::Result {
        let TakeAnother { of_listener, listener, address, load } = another;
        let mut permit = self.shared.permit(&listener, &of_listener, address, &ctx.address());
        if let (Some(permit), Some(load)) = (&mut permit, load) {
            permit.given_to(&load);
        }
        MessageResult(permit)
    }
}

impl Shared {
    fn use_limits(&self, limits: ProcessLimits, files_max: usize) {
        self.connections_max.set(connections_max(&limits, files_max));
        if self.limits.borrow().accept_rate != limits.accept_rate {
            *self.rate.borrow_mut() = Rate::new(clock::now(), limits.accept_rate);
        }
        *self.limits.borrow_mut() = limits;
    }

    /// Leave for one more connection, within all bounds (T2).
    fn permit(
        &self,
        settings: &ListenerSettings,
        of_listener: &Arc<AtomicUsize>,
        address: Option<IpAddr>,
        acceptor: &Addr<Acceptor>,
    ) -> Option<Permit> {
        let full = self.counts.open() >= self.connections_max.get()
            || self.counts.unwelcomed() >= self.limits.borrow().unwelcomed_max
            || settings.connections_max.is_some_and(|max| of_listener.load(Ordering::Relaxed) >= max);
        if full {
            return None;
        }
        // Those behind a proxy are counted when it has named them.
        let is_counted =
            |address: &IpAddr| !address.is_loopback() && !is_trusted(&settings.trusted_proxies, Some(*address));
        let counted = match address.filter(is_counted) {
            Some(address) => Some(self.count(address, acceptor)?),
            None => None,
        };
        Some(Permit::take(&self.counts, of_listener, acceptor.clone(), counted))
    }

    /// Takes a place among the connections of an address.
    fn count(&self, address: IpAddr, acceptor: &Addr<Acceptor>) -> Option<Counted> {
        let mut by_address = self.by_address.borrow_mut();
        let count = by_address.entry(address).or_default();
        if *count >= self.limits.borrow().per_address_max {
            return None;
        }
        *count += 1;
        Some(Counted::new(address, acceptor.clone()))
    }
}

struct Accepting {
    serves: Rc<RefCell<Serves>>,
    of_listener: Arc<AtomicUsize>,
    shared: Rc<Shared>,
    acceptor: Addr<Acceptor>,
}

/// Removes the file of a Unix socket when nobody listens on it any more.
struct RemoveFile(std::path::PathBuf);

impl Drop for RemoveFile {
    fn drop(&mut self) {
        let _gone_already = std::fs::remove_file(&self.0);
    }
}

async fn accept_all(listener: Accepting, listening: Listening) {
    match listening {
        Listening::Tcp(socket) => {
            let Ok(socket) = TcpListener::from_std(socket) else { return };
            loop {
                listener.pace().await;
                match socket.accept().await {
                    Ok((stream, peer)) => listener.admit_tcp(stream, peer),
                    Err(error) => listener.pause(&error).await,
                }
            }
        }
        Listening::Unix(socket, path) => {
            let _remove = RemoveFile(path);
            let Ok(socket) = UnixListener::from_std(socket) else { return };
            loop {
                listener.pace().await;
                match socket.accept().await {
                    Ok((stream, _)) => listener.admit(Socket::Unix(stream), None),
                    Err(error) => listener.pause(&error).await,
                }
            }
        }
    }
}

impl Accepting {
    fn settings(&self) -> Arc<ListenerSettings> {
        Arc::clone(&self.serves.borrow().settings)
    }

    /// Waits until one more may be accepted (T2a): meanwhile the kernel's backlog waits.
    async fn pace(&self) {
        let wait = self.shared.rate.borrow_mut().take(clock::now());
        if !wait.is_zero() {
            self.shared.tally.add_accept_paused_us(wait.as_micros() as u64);
            tokio::time::sleep(wait).await;
        }
    }

    async fn pause(&self, error: &io::Error) {
        self.shared.tally.refused(Refusal::ConnLimit);
        tracing::warn!(listener = %self.settings().name, %error, "cannot accept");
        tokio::time::sleep(OUT_OF_FILES_PAUSE).await;
    }

    fn admit_tcp(&self, stream: tokio::net::TcpStream, peer: SocketAddr) {
        let (socket, settings) = (socket2::SockRef::from(&stream), self.settings());
        // Without it a small answer waits for the peer's next message. Neither failing ends the connection.
        let _nodelay = socket.set_tcp_nodelay(true);
        let _timeout = socket.set_tcp_user_timeout(Some(settings.tcp_user_timeout));
        let alive = socket2::TcpKeepalive::new()
            .with_time(settings.tcp_user_timeout / 2)
            .with_interval(settings.tcp_user_timeout / 6);
        let _alive = socket.set_tcp_keepalive(&alive);
        self.admit(Socket::Tcp(stream), Some(peer));
    }

    #[expect(clippy::disallowed_methods, reason = "bounded by the permits: one message per connection")]
    fn admit(&self, socket: Socket, peer: Option<SocketAddr>) {
        let Some(mut permit) = self.permit(peer.map(|peer| peer.ip())) else {
            self.shared.tally.refused(Refusal::ConnLimit);
            return;
        };
        let Some(worker) = choose(&self.shared.workers) else { return };
        permit.given_to(&worker.load);
        let listener = self.serves.borrow().number;
        let accepted = Accepted { socket: socket.into_std(), listener, peer, permit, at: clock::now() };
        if let Ok(accepted) = accepted.whole() {
            worker.worker.do_send(accepted);
        }
    }

    fn permit(&self, address: Option<IpAddr>) -> Option<Permit> {
        self.shared.permit(&self.settings(), &self.of_listener, address, &self.acceptor)
    }
}

/// The first worker with time to spare; the least busy one if none has.
fn choose(workers: &[WorkerHandle]) -> Option<&WorkerHandle> {
    workers
        .iter()
        .find(|worker| worker.load.has_time())
        .or_else(|| workers.iter().min_by_key(|worker| worker.load.busy_permille.load(Ordering::Relaxed)))
}

/// A token bucket: so many per second, and at once.
#[derive(Debug)]
struct Rate {
    per_second: f64,
    tokens: f64,
    at: Instant,
}

impl Rate {
    fn new(now: Instant, per_second: u32) -> Self {
        let per_second = f64::from(per_second.max(1));
        Self { per_second, tokens: per_second, at: now }
    }

    /// Takes one; what is given back is how long to wait for it.
    fn take(&mut self, now: Instant) -> Duration {
        let gained = now.duration_since(self.at).as_secs_f64() * self.per_second;
        self.at = now;
        self.tokens = (self.tokens + gained).min(self.per_second) - 1.0;
        Duration::from_secs_f64((-self.tokens / self.per_second).max(0.0))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// T2a.
    #[test]
    fn a_burst_is_let_in_at_once_and_then_so_many_per_second() {
        let start = clock::now();
        let mut rate = Rate::new(start, 1000);
        for _ in 0..1000 {
            assert_eq!(rate.take(start), Duration::ZERO);
        }
        let wait = rate.take(start);
        assert!(wait > Duration::ZERO && wait <= Duration::from_millis(1), "{wait:?}");
        assert_eq!(rate.take(start + Duration::from_secs(2)), Duration::ZERO);
    }
}
