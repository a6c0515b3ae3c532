//! What the router itself asks over HTTP: keys of tokens, authenticators at an address. Requests out, answers in.
//!
//! One thread of its own asks all of them, so that no session, realm or worker waits for an address, a name or a handshake; it
//! begins with the first request. Every request has a time limit, every answer a size, and every address a number of requests
//! under way. Redirects are not followed, proxies of the environment are not used, and nothing of an answer is logged.
//! See `docs/decisions/0020`.

mod client;
mod io;
mod keys;
mod tls;

pub use keys::KeyKeeping;

use crate::auth::webhook::{AddressGuard, Guarded};
use crate::auth::{Secret, WebAddress};
use crate::observe::Tally;
use hyper::header::{HeaderName, HeaderValue};
use std::sync::{Arc, OnceLock};
use std::time::{Duration, Instant};
use tokio::runtime::Builder;
use tokio::sync::mpsc::{channel, Receiver, Sender};
use tokio::sync::Notify;
use tokio::task::LocalSet;
use zeroize::Zeroizing;

/// Orders that wait for the thread, which only hands them on.
const WAITING_MAX: usize = 2048;

/// Requests under way, of all.
const UNDER_WAY_MAX: usize = 512;

/// Requests under way to one address: one that is slow leaves room for the others.
const OF_ONE_MAX: usize = 64;

/// Threads that look names up; the system's own way to do it waits.
const NAMES_MAX: usize = 8;

/// A request.
#[derive(Clone, Debug)]
pub struct Request {
    /// Where it goes.
    pub address: Arc<WebAddress>,
    /// JSON to be posted; `None`: GET.
    pub post: Option<Posted>,
    /// What is sent as `Authorization: Bearer`.
    pub token: Option<Secret>,
    /// The longest answer that is read.
    pub octets_max: usize,
    /// For everything: looking up the name, connecting, TLS, the last octet of the answer.
    pub timeout: Duration,
    /// What a webhook asks beyond that.
    pub more: Option<Box<More>>,
}

/// What a webhook asks of its request.
#[derive(Clone, Debug)]
pub struct More {
    /// More lines of the head.
    pub headers: Vec<(HeaderName, HeaderValue)>,
    /// The name is resolved once, and of its addresses only those are dialled that this lets pass.
    pub guard: AddressGuard,
    /// Of an answer that is longer than may be, the beginning is given back and not a fault.
    pub is_cut: bool,
    /// Gives the request up when it is told.
    pub given_up: Option<Arc<Notify>>,
}

/// What is posted. Never printed, and wiped.
#[derive(Clone)]
pub struct Posted(pub Zeroizing<Vec<u8>>);

impl std::fmt::Debug for Posted {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("***")
    }
}

/// An answer.
pub struct Response {
    /// The status.
    pub status: u16,
    /// Whether it says that it is JSON.
    pub is_json: bool,
    /// How long `Cache-Control` lets it be kept, if that says it.
    pub max_age: Option<Duration>,
    /// `Retry-After`, where that is a number of seconds.
    pub retry_after: Option<Duration>,
    /// What it holds, wiped when dropped.
    pub body: Zeroizing<Vec<u8>>,
}

impl std::fmt::Debug for Response {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} with {} octets", self.status, self.body.len())
    }
}

/// Why there is no answer. The texts are our own words.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum RequestFault {
    /// As many are under way, in all or to this address, as may be.
    #[error("as many requests are under way as may be")]
    Busy,
    /// The time is up.
    #[error("no answer in time")]
    Late,
    /// The name has no address, or one elsewhere where it must be on this host.
    #[error("no address for its name")]
    Name,
    /// Where its name leads the router may not connect.
    #[error("{0}")]
    Guarded(Guarded),
    /// Whoever asked has given it up.
    #[error("given up")]
    GivenUp,
    /// Nobody listens there.
    #[error("no connection")]
    Unreachable,
    /// Who listens there is not who was meant.
    #[error("{0}")]
    Untrusted(&'static str),
    /// It speaks something else than HTTP/1.1, or breaks off.
    #[error("no whole HTTP answer")]
    Broken,
    /// It is longer than may be; so many octets were seen or announced.
    #[error("an answer of {0} octets or more")]
    TooLarge(usize),
}

/// What is done with an answer, on the thread that asks.
pub type Then = Box<dyn FnOnce(Result<Response, RequestFault>) + Send>;

enum Order {
    Ask(Request, Then),
    Keep(Vec<KeyKeeping>, Tally),
    Fresh(Arc<WebAddress>, Instant, keys::Waiting),
}

/// The way to the thread. Cheap to clone; the thread ends with the last of them.
#[derive(Clone, Default)]
pub struct Outward(Arc<OnceLock<Sender<Order>>>);

impl std::fmt::Debug for Outward {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Outward")
    }
}

impl Outward {
    /// Asks, and calls `then` with what came of it: once, whatever happens.
    pub fn ask(&self, request: Request, then: Then) {
        if let Err(Order::Ask(_, then)) = self.order(Order::Ask(request, then)) {
            then(Err(RequestFault::Busy));
        }
    }

    /// From now on these keys are kept fresh, and no others. `tally` counts the fetches.
    pub fn keep_keys(&self, all: Vec<KeyKeeping>, tally: Tally) {
        // Without any before and after there is nothing to do.
        if all.is_empty() && self.0.get().is_none() {
            return;
        }
        if self.order(Order::Keep(all, tally)).is_err() {
            tracing::error!("keys of tokens will not be fetched");
        }
    }

    /// Calls `then` when the keys of this address are as fresh as they can be had now: a token was shown whose key is not
    /// known. That takes as long as a fetch may take.
    pub fn fresh_keys(&self, address: &Arc<WebAddress>, then: impl FnOnce() + Send + 'static) {
        let order = Order::Fresh(Arc::clone(address), Instant::now(), Box::new(then));
        if let Err(Order::Fresh(_, _, then)) = self.order(order) {
            then();
        }
    }

    /// Gives the order back that could not be given.
    fn order(&self, order: Order) -> Result<(), Order> {
        self.0.get_or_init(start).try_send(order).map_err(tokio::sync::mpsc::error::TrySendError::into_inner)
    }
}

fn start() -> Sender<Order> {
    let (sender, orders) = channel(WAITING_MAX);
    let body = move || {
        let runtime = Builder::new_current_thread().enable_io().enable_time().max_blocking_threads(NAMES_MAX).build();
        match runtime {
            Ok(runtime) => runtime.block_on(LocalSet::new().run_until(serve(orders))),
            Err(error) => tracing::error!(%error, "nothing can be asked over HTTP"),
        }
    };
    // Without the thread the road is closed, and everybody is told that.
    if let Err(error) = std::thread::Builder::new().name("outward".to_owned()).spawn(body) {
        tracing::error!(%error, "no thread for what is asked over HTTP");
    }
    sender
}

async fn serve(mut orders: Receiver<Order>) {
    let client = client::Client::default();
    let mut keeper = keys::Keeper::new(client.clone());
    loop {
        tokio::select! {
            order = orders.recv() => match order {
                Some(Order::Ask(request, then)) => client.ask(request, then),
                Some(Order::Keep(all, tally)) => keeper.keep(all, tally),
                Some(Order::Fresh(address, missed, waiting)) => keeper.wait(&address, missed, waiting),
                None => return,
            },
            () = keeper.turn() => {}
        }
    }
}

#[cfg(test)]
mod tests;
