//! The registry: realm URI to realm actor. Opens realms, on demand too where a template says so, and starts a failed one
//! again under a new epoch.
//!
//! A realm that panicked is never continued with its old state: a half-updated table is worse than a reconnect. At most
//! `RESTARTS_MAX` restarts of one realm within a minute; then the process ends, so that its manager sees it.
//! Source: section 11 of the limits.

use super::admin::AdminLink;
use super::clock;
use super::logins::Logins;
use super::pressure::Pressure;
use super::realm::{RealmActor, RealmHandle, RealmShared};
use super::router::Question;
use super::session::SessionActor;
use super::settings::{RealmSettings, RealmTemplate};
pub use super::swap::{pending, Awaited, Pending, UseRealms};
use super::swap::{Close, Swap};
use crate::observe::{shown, Panicked, Tally};
use crate::storage::StoreLink;
use crate::wamp::uri::{self, UriRules};
use crate::wamp::{MatchPolicy, Uri};
use actix::{Actor, Addr, ArbiterHandle, AsyncContext, Context, Handler, Message};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// Restarts of one realm within [`RESTARTS_WITHIN`].
const RESTARTS_MAX: usize = 3;
const RESTARTS_WITHIN: Duration = Duration::from_secs(60);

/// What the process ends with when a realm cannot be kept alive.
pub const EXIT_REALM_FAILED: i32 = 70;

/// A session looks for a realm. Answered by [`Found`]. One per HELLO.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Find {
    pub(crate) realm: Uri,
    pub(crate) session: Addr<SessionActor>,
}

/// The answer to [`Find`].
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct Found(pub(crate) Option<RealmHandle>);

/// A realm's address is wanted by its configured name or its URI, by the HTTP side.
#[derive(Message)]
#[rtype(result = "Option<RealmHandle>")]
pub struct Lookup(pub String);

/// A question for a realm that is open: none is made for it. One per question.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct AskRealm {
    pub(crate) realm: Uri,
    pub(crate) question: Question,
}

/// A realm actor is gone. One per actor's life (two if it retires).
#[derive(Clone, Message)]
#[rtype(result = "()")]
pub(crate) struct Down {
    pub(crate) realm: Uri,
    pub(crate) epoch: u64,
    pub(crate) panicked: bool,
}

struct Entry {
    handle: RealmHandle,
    epoch: u64,
    worker: usize,
    /// The template it was made from; realms of the configuration have none.
    template: Option<usize>,
    restarts: VecDeque<Instant>,
}

/// All realms of the node.
pub struct RealmsActor {
    workers: Vec<ArbiterHandle>,
    realms: BTreeMap<Uri, Entry>,
    templates: Vec<RealmTemplate>,
    configured: Vec<RealmSettings>,
    tally: Tally,
    pressure: Pressure,
    logins: Logins,
    store: Option<StoreLink>,
    admin: Option<AdminLink>,
    epochs: u64,
}

impl RealmsActor {
    /// The registry of these realms, whose actors are spread over `workers`. Without a store nothing is kept, and whoever
    /// waits for that hears so.
    pub fn new(
        workers: Vec<ArbiterHandle>,
        configured: Vec<RealmSettings>,
        templates: Vec<RealmTemplate>,
        tally: Tally,
        pressure: Pressure,
        logins: Logins,
        store: Option<StoreLink>,
    ) -> Self {
        Self {
            workers,
            realms: BTreeMap::new(),
            templates,
            configured,
            tally,
            pressure,
            logins,
            store,
            admin: None,
            epochs: 0,
        }
    }

    /// With this way to who administers the node; without one, `wharf.admin.*` is answered with an error.
    pub fn with_admin(mut self, admin: AdminLink) -> Self {
        self.admin = Some(admin);
        self
    }

    /// The worker with the fewest realms.
    fn emptiest_worker(&self) -> usize {
        let load = |worker: &usize| self.realms.values().filter(|entry| entry.worker == *worker).count();
        (0..self.workers.len()).min_by_key(load).unwrap_or(0)
    }

    fn open(
        &mut self,
        shared: Arc<RealmShared>,
        template: Option<usize>,
        worker: usize,
        ctx: &mut Context<Self>,
    ) -> u64 {
        self.epochs += 1;
        let (epoch, uri) = (self.epochs, shared.settings.uri.clone());
        let idle_close = template.and_then(|template| self.templates.get(template)).map(|template| template.idle_close);
        let (realms, tally) = (ctx.address(), self.tally.for_worker(worker));
        let down = Down { realm: uri.clone(), epoch, panicked: false };
        let (served, store, admin) = (Arc::clone(&shared), self.store.clone(), self.admin.clone());
        let start = move |_: &mut Context<RealmActor>| {
            RealmActor::new(served, rand::random(), tally, idle_close, down, realms, store).with_admin(admin)
        };
        let realm = match self.workers.get(worker) {
            Some(arbiter) => RealmActor::start_in_arbiter(arbiter, start),
            // Only where there are no worker threads at all: tests on one thread.
            None => RealmActor::create(start),
        };
        tracing::info!(realm = %shown(&uri), worker, epoch, "realm open");
        let handle = RealmHandle { realm, shared };
        match self.realms.get_mut(&uri) {
            Some(entry) => {
                entry.handle = handle;
                entry.epoch = epoch;
            }
            None => {
                self.realms.insert(uri, Entry { handle, epoch, worker, template, restarts: VecDeque::new() });
            }
        }
        epoch
    }

    /// The realm, made on demand if a template covers it.
    fn find(&mut self, uri: &Uri, ctx: &mut Context<Self>) -> Option<RealmHandle> {
        if !self.realms.contains_key(uri) {
            let template = self.templates.iter().position(|template| template.pattern.matches(uri))?;
            let made = self.realms.values().filter(|entry| entry.template == Some(template)).count();
            let found = self.templates.get(template)?;
            if made >= found.realms_max {
                return None;
            }
            let settings = found.settings_for(uri);
            let worker = self.emptiest_worker();
            self.open(
                RealmShared::new(settings, self.pressure.clone(), self.logins.clone()),
                Some(template),
                worker,
                ctx,
            );
        }
        self.realms.get(uri).map(|entry| entry.handle.clone())
    }

    /// A realm that is open goes on with other settings.
    #[expect(clippy::disallowed_methods, reason = "one message for each change of the settings")]
    fn swap(&mut self, uri: &Uri, settings: RealmSettings, template: Option<usize>, pending: Pending) {
        let idle_close = template.and_then(|template| self.templates.get(template)).map(|template| template.idle_close);
        let Some(entry) = self.realms.get_mut(uri) else { return };
        let shared = entry.handle.shared.replaced_by(settings);
        entry.handle.shared = Arc::clone(&shared);
        entry.template = template;
        entry.handle.realm.do_send(Swap { shared, idle_close, pending });
    }

    /// A realm is no more.
    #[expect(clippy::disallowed_methods, reason = "one message per actor's life")]
    fn close(&mut self, uri: &Uri, pending: Pending) {
        let Some(entry) = self.realms.remove(uri) else { return };
        entry.handle.shared.outdate();
        entry.handle.realm.do_send(Close(pending));
        tracing::info!(realm = %shown(uri), "realm closed");
    }

    fn restart(&mut self, uri: &Uri, ctx: &mut Context<Self>) {
        let now = clock::now();
        let Some(entry) = self.realms.get_mut(uri) else { return };
        entry.restarts.retain(|restart| now.duration_since(*restart) < RESTARTS_WITHIN);
        if entry.restarts.len() >= RESTARTS_MAX {
            tracing::error!(realm = %shown(uri), restarts = RESTARTS_MAX, "a realm fails again and again: the process ends");
            actix::System::current().stop_with_code(EXIT_REALM_FAILED);
            return;
        }
        entry.restarts.push_back(now);
        let (shared, template, worker) = (Arc::clone(&entry.handle.shared), entry.template, entry.worker);
        self.tally.add_realm_restarts(1);
        let epoch = self.open(shared, template, worker, ctx);
        tracing::error!(realm = %shown(uri), epoch, "a realm panicked and was started again, empty");
    }
}

impl Actor for RealmsActor {
    type Context = Context<Self>;

    fn started(&mut self, ctx: &mut Self::Context) {
        for settings in std::mem::take(&mut self.configured) {
            let worker = self.emptiest_worker();
            self.open(RealmShared::new(settings, self.pressure.clone(), self.logins.clone()), None, worker, ctx);
        }
    }
}

impl Handler<Find> for RealmsActor {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "one answer per HELLO")]
    fn handle(&mut self, find: Find, ctx: &mut Self::Context) {
        let handle = self.find(&find.realm, ctx);
        find.session.do_send(Found(handle));
    }
}

impl Handler<UseRealms> for RealmsActor {
    type Result = ();

    fn handle(&mut self, new: UseRealms, ctx: &mut Self::Context) {
        let UseRealms { configured, templates, pending } = new;
        let mut wanted: BTreeMap<Uri, RealmSettings> =
            configured.into_iter().map(|settings| (settings.uri.clone(), settings)).collect();
        let former = std::mem::replace(&mut self.templates, templates);
        let open: Vec<(Uri, Option<usize>)> =
            self.realms.iter().map(|(uri, entry)| (uri.clone(), entry.template)).collect();
        for (uri, template) in open {
            if let Some(settings) = wanted.remove(&uri) {
                self.swap(&uri, settings, None, pending.clone());
                continue;
            }
            let name = template.and_then(|template| former.get(template)).map(|template| template.name.as_str());
            let goes_on = |new: &RealmTemplate| Some(new.name.as_str()) == name && new.pattern.matches(&uri);
            match self.templates.iter().position(goes_on) {
                Some(place) => {
                    if let Some(settings) = self.templates.get(place).map(|template| template.settings_for(&uri)) {
                        self.swap(&uri, settings, Some(place), pending.clone());
                    }
                }
                None => self.close(&uri, pending.clone()),
            }
        }
        for settings in wanted.into_values() {
            let worker = self.emptiest_worker();
            self.open(RealmShared::new(settings, self.pressure.clone(), self.logins.clone()), None, worker, ctx);
        }
    }
}

impl Handler<Lookup> for RealmsActor {
    type Result = Option<RealmHandle>;

    fn handle(&mut self, Lookup(name): Lookup, ctx: &mut Self::Context) -> Self::Result {
        let by_name =
            self.realms.values().find(|entry| entry.template.is_none() && entry.handle.shared.settings.name == name);
        if let Some(entry) = by_name {
            return Some(entry.handle.clone());
        }
        // As for a HELLO: a template makes no realm of a text that is no URI.
        uri::check(&name, UriRules::Loose, MatchPolicy::Exact).ok()?;
        self.find(&Uri::from(name), ctx)
    }
}

impl Handler<AskRealm> for RealmsActor {
    type Result = ();

    #[expect(clippy::disallowed_methods, reason = "one per question; the realm bounds them")]
    fn handle(&mut self, AskRealm { realm, question }: AskRealm, _: &mut Self::Context) {
        // A question that is dropped answers itself.
        if let Some(entry) = self.realms.get(&realm) {
            entry.handle.realm.do_send(question);
        }
    }
}

impl Handler<Down> for RealmsActor {
    type Result = ();

    fn handle(&mut self, down: Down, ctx: &mut Self::Context) {
        let Some(entry) = self.realms.get(&down.realm) else { return };
        if entry.epoch != down.epoch {
            return;
        }
        if down.panicked {
            self.tally.panicked(Panicked::Realm);
            self.restart(&down.realm, ctx);
        } else if self.realms.remove(&down.realm).is_some() {
            tracing::info!(realm = %shown(&down.realm), "realm closed");
        }
    }
}
