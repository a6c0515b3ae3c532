//! What goes on for webhooks, and what starts, changes and ends it: one task for each that goes out and for each procedure, on
//! a worker thread; hooks that come in are looked up by request handlers.

use super::inward::Entrance;
use super::settings::{HookCall, HookOut, WebhookSettings};
use super::{book, call, out};
use crate::actors::realms::RealmsActor;
use crate::auth::Identity;
use crate::http::sessions::own::{AtStop, Own, OwnOpening};
use crate::http::sessions::Owners;
use crate::outward::Outward;
use crate::storage::StoreLink;
use crate::wamp::role::Announced;
use crate::wamp::ErrorUri;
use actix::{Addr, ArbiterHandle};
use arc_swap::ArcSwap;
use std::collections::BTreeMap;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::{mpsc, watch};

/// How a session of a webhook is authenticated, by name.
pub(in crate::http) const METHOD: &str = "webhook";

/// Orders of administrators that wait for one webhook.
const ORDERS_MAX: usize = 16;

/// What is waited before a session is opened again, at first and at most.
const AGAIN_FIRST: Duration = Duration::from_millis(250);
const AGAIN_MAX: Duration = Duration::from_secs(30);

/// What all webhooks need.
#[derive(Clone)]
pub struct Deliver {
    /// Where realms are found.
    pub realms: Addr<RealmsActor>,
    /// Where sessions are opened.
    pub owners: Owners,
    /// What asks: a client of its own, so that a slow endpoint takes nothing from logins.
    pub outward: Outward,
    /// Where deliveries wait that are to outlive the process.
    pub store: StoreLink,
}

/// What is counted of one webhook that goes out.
#[derive(Debug, Default)]
pub(super) struct Figures {
    pub(super) delivered: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) dead: AtomicU64,
    pub(super) queue: AtomicU64,
}

/// The same, as it was at one moment.
pub(in crate::http) struct Count {
    pub(in crate::http) name: String,
    /// Deliveries by outcome.
    pub(in crate::http) outcomes: [(&'static str, u64); 3],
    /// How many wait or are under way.
    pub(in crate::http) waiting: u64,
}

/// What of webhooks is looked at by others: the hooks that come in, and figures.
#[derive(Clone, Default)]
pub struct WebhookFigures(Arc<Seen>);

#[derive(Default)]
struct Seen {
    inward: ArcSwap<BTreeMap<String, Arc<Entrance>>>,
    out: ArcSwap<BTreeMap<String, Arc<Figures>>>,
}

impl WebhookFigures {
    pub(in crate::http) fn entrance(&self, name: &str) -> Option<Arc<Entrance>> {
        self.0.inward.load().get(name).cloned()
    }

    /// Of each webhook that goes out.
    pub(in crate::http) fn out(&self) -> Vec<Count> {
        let read = |of: &AtomicU64| of.load(Ordering::Relaxed);
        let figures = |(name, of): (&String, &Arc<Figures>)| {
            let outcomes = [("delivered", read(&of.delivered)), ("failed", read(&of.failed)), ("dead", read(&of.dead))];
            Count { name: name.clone(), outcomes, waiting: read(&of.queue) }
        };
        self.0.out.load().iter().map(figures).collect()
    }
}

/// One webhook that goes out. It ends when this is dropped.
struct Going {
    settings: watch::Sender<Arc<HookOut>>,
    orders: mpsc::Sender<out::Order>,
}

/// All that goes on.
pub struct Webhooks {
    workers: Vec<ArbiterHandle>,
    /// Which worker has the next one.
    next: usize,
    deliver: Deliver,
    seen: WebhookFigures,
    out: BTreeMap<String, Going>,
    call: BTreeMap<String, watch::Sender<Arc<HookCall>>>,
}

impl std::fmt::Debug for Webhooks {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Webhooks").field("out", &self.out.len()).field("call", &self.call.len()).finish_non_exhaustive()
    }
}

impl Webhooks {
    /// None yet.
    pub fn new(workers: Vec<ArbiterHandle>, deliver: Deliver, seen: WebhookFigures) -> Self {
        Self { workers, next: 0, deliver, seen, out: BTreeMap::new(), call: BTreeMap::new() }
    }

    /// From now on these, and no others. One that was there before keeps what waits.
    pub fn use_settings(&mut self, settings: &WebhookSettings) {
        let former = self.seen.0.inward.load_full();
        let entrance = |(name, hook): (&String, &Arc<_>)| {
            let entrance = Entrance::new(Arc::clone(hook), former.get(name).map(|entrance| &**entrance));
            (name.clone(), Arc::new(entrance))
        };
        self.seen.0.inward.store(Arc::new(settings.inward.iter().map(entrance).collect()));
        self.out.retain(|name, _| settings.out.contains_key(name));
        let ledgers = settings.out.keys().map(|name| ledger_of(name)).collect();
        self.deliver.store.keep_ledgers(book::PREFIX, ledgers);
        self.call.retain(|name, _| settings.call.contains_key(name));
        let mut figures: BTreeMap<String, Arc<Figures>> = (*self.seen.0.out.load_full()).clone();
        figures.retain(|name, _| settings.out.contains_key(name));
        for (name, hook) in &settings.out {
            let figures = Arc::clone(figures.entry(name.clone()).or_default());
            match self.out.get(name) {
                Some(going) => drop(going.settings.send_replace(Arc::clone(hook))),
                None => self.start_out(name, hook, figures),
            }
        }
        self.seen.0.out.store(Arc::new(figures));
        for (name, hook) in &settings.call {
            match self.call.get(name) {
                Some(going) => {
                    going.send_if_modified(|known| {
                        let is_other = known != hook;
                        *known = Arc::clone(hook);
                        is_other
                    });
                }
                None => self.start_call(name, hook),
            }
        }
    }

    fn start_out(&mut self, name: &str, hook: &Arc<HookOut>, figures: Arc<Figures>) {
        let ledger = self.deliver.store.ledger(&ledger_of(name));
        if ledger.is_none() {
            tracing::info!(webhook = name, "events for this webhook wait in memory: a restart loses them");
        }
        let (settings, told) = watch::channel(Arc::clone(hook));
        let (orders, ordered) = mpsc::channel(ORDERS_MAX);
        let (deliver, owned) = (self.deliver.clone(), name.to_owned());
        self.spawn(move || {
            actix_rt::spawn(out::run(deliver, owned, told, ordered, figures, ledger));
        });
        self.out.insert(name.to_owned(), Going { settings, orders });
    }

    fn start_call(&mut self, name: &str, hook: &Arc<HookCall>) {
        let (settings, told) = watch::channel(Arc::clone(hook));
        let (deliver, owned) = (self.deliver.clone(), name.to_owned());
        self.spawn(move || {
            actix_rt::spawn(call::run(deliver, owned, told));
        });
        self.call.insert(name.to_owned(), settings);
    }

    fn spawn(&mut self, start: impl FnOnce() + Send + 'static) {
        self.next += 1;
        let Some(worker) = self.workers.get(self.next % self.workers.len().max(1)) else { return };
        if !worker.spawn_fn(start) {
            tracing::error!("a worker thread is gone: a webhook does not run");
        }
    }

    /// Those that go out.
    pub fn names(&self) -> Vec<String> {
        self.out.keys().cloned().collect()
    }

    /// Where orders for one webhook go.
    pub fn orders(&self, name: &str) -> Option<mpsc::Sender<out::Order>> {
        self.out.get(name).map(|going| going.orders.clone())
    }
}

/// The name of a webhook's ledger.
fn ledger_of(name: &str) -> String {
    format!("{}{name}", book::PREFIX)
}

/// Opens a webhook's session, and again when that is over: ever more seldom, until one does what it was opened for.
pub(super) struct Door {
    again: Duration,
    /// Whether that the tries come to nothing has been told.
    is_told: bool,
}

/// What is to be opened.
pub(super) struct Wanted<'a> {
    pub(super) name: &'a str,
    pub(super) realm: &'a str,
    pub(super) role: &'a str,
    pub(super) protocol: &'static str,
    pub(super) announced: Announced,
}

impl Door {
    pub(super) fn new() -> Self {
        Self { again: AGAIN_FIRST, is_told: false }
    }

    /// A session, or how long to wait before the next try.
    pub(super) async fn open(&mut self, deliver: &Deliver, wanted: Wanted<'_>) -> Result<Own, Duration> {
        let found = deliver.realms.send(crate::actors::realms::Lookup(wanted.realm.to_owned())).await;
        let opened = match found.ok().flatten() {
            Some(handle) => {
                let opening = OwnOpening {
                    handle,
                    identity: identity(wanted.name, wanted.role),
                    listener: METHOD.into(),
                    peer: None,
                    tls: false,
                    protocol: wanted.protocol,
                    announced: wanted.announced,
                    at_stop: AtStop::Leaves,
                    is_stream: false,
                };
                let opened = Own::open(&deliver.owners, opening).await;
                // A router that is stopping has told that.
                self.is_told |= matches!(&opened, Err(ended) if ended.reason == ErrorUri::SYSTEM_SHUTDOWN.as_str());
                opened.map_err(|ended| format!("{}: {}", ended.reason, ended.detail))
            }
            None => Err("its realm is not open".to_owned()),
        };
        opened.map_err(|reason| {
            if self.is_news() {
                tracing::warn!(webhook = wanted.name, reason, "no session for this webhook: tried again");
            }
            self.wait()
        })
    }

    /// The session does what it was opened for.
    pub(super) fn settled(&mut self) {
        *self = Self::new();
    }

    /// Whether it is to be told that a try came to nothing: the first of a row.
    pub(super) fn is_news(&mut self) -> bool {
        !std::mem::replace(&mut self.is_told, true)
    }

    /// How long to wait before the next try.
    pub(super) fn wait(&mut self) -> Duration {
        let wait = self.again;
        self.again = (self.again * 2).min(AGAIN_MAX);
        wait
    }
}

/// Who a webhook is.
pub(in crate::http) fn identity(name: &str, role: &str) -> Identity {
    Identity {
        authid: format!("webhook:{name}").into(),
        authrole: role.into(),
        authmethod: METHOD.into(),
        // Not "static": no table of users knows it, and its role is what keeps it.
        authprovider: METHOD.into(),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A session that cannot do what it is opened for is no reason to ask more often, or to say so each time.
    #[test]
    fn tries_are_ever_more_seldom_and_told_once_until_one_has_come_to_something() {
        let mut door = Door::new();
        let waits: Vec<u128> = (0..9).map(|_| door.wait().as_millis()).collect();
        assert_eq!(waits, [250, 500, 1000, 2000, 4000, 8000, 16_000, 30_000, 30_000]);
        assert_eq!([door.is_news(), door.is_news()], [true, false]);
        door.settled();
        assert_eq!((door.wait(), door.is_news()), (AGAIN_FIRST, true));
    }
}
