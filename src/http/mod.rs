//! HTTP in, WAMP inside: the REST bridge, the administration, health and metrics.
//!
//! Every HTTP caller is a session of its realm, under the same permissions as everybody else. Faults of a request never end a
//! shared session.

mod admin;
mod allowance;
mod api;
mod batch;
mod body;
mod cors;
mod credential;
mod crossbar;
mod docs;
mod gate;
mod guesses;
mod health;
mod idempotency;
mod idempotent;
mod intake;
mod listing;
mod mapped;
mod metrics;
mod near;
mod negotiate;
mod openapi;
mod pages;
mod paths;
mod perform;
mod problem;
mod reading;
mod request_id;
mod route;
mod served;
pub mod sessions;
pub mod settings;
mod streams;
mod tickets;
mod told;
mod trace;
mod verified;
pub mod webhook;

use crate::actors::clock;
use crate::actors::realms::RealmsActor;
use crate::actors::RealmHandle;
use crate::observe::{Metrics, Tally};
use crate::storage::StoreLink;
use actix::Addr;
use actix_web::body::MessageBody;
use actix_web::dev::RequestHead;
use actix_web::http::header::{self, HeaderValue};
use actix_web::{web, HttpResponse};
use arc_swap::ArcSwap;
use body::Unread;
use idempotent::SharedRecords;
use problem::Problem;
use prometheus_client::registry::Registry;
use request_id::RequestName;
use served::ServedRequests;
use sessions::Owners;
use settings::pages::Pages;
use settings::RestSettings;
use std::cell::RefCell;
use std::collections::HashMap;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use std::time::Instant;
use verified::Verified;
use webhook::WebhookFigures;

/// Whether the node takes new work.
#[derive(Clone, Debug, Default)]
pub struct Readiness {
    ready: Arc<AtomicBool>,
    short_of_memory: Arc<AtomicBool>,
}

impl Readiness {
    /// Says so.
    pub fn set(&self, ready: bool) {
        self.ready.store(ready, Ordering::Relaxed);
    }

    /// Says that the node cannot take more for want of memory.
    pub fn set_short_of_memory(&self, short: bool) {
        self.short_of_memory.store(short, Ordering::Relaxed);
    }

    /// Whether it does.
    pub fn is_ready(&self) -> bool {
        self.ready.load(Ordering::Relaxed) && !self.short_of_memory.load(Ordering::Relaxed)
    }
}

/// What all handlers share.
#[derive(Clone)]
pub struct HttpState {
    /// Read once for each request.
    rest: Arc<ArcSwap<RestSettings>>,
    realms: Addr<RealmsActor>,
    readiness: Readiness,
    sessions: Owners,
    /// The thread on which a request is refused before it has a session is not known: the main thread's counters.
    tally: Tally,
    registry: Arc<Registry>,
    /// Of all sections of `rest.crossbar`. A reload forgets none.
    nonces: Arc<crossbar::Nonces>,
    idempotency: SharedRecords,
    served: ServedRequests,
    webhooks: WebhookFigures,
    /// Of polls, by whoever asks on any thread.
    cursors: streams::Cursors,
}

impl HttpState {
    /// Everything that handlers share. `sessions` are the owners of HTTP callers' sessions.
    pub fn new(
        rest: RestSettings,
        realms: Addr<RealmsActor>,
        metrics: Arc<Metrics>,
        readiness: Readiness,
        sessions: Owners,
        store: StoreLink,
    ) -> Self {
        let tally = metrics.tally(usize::MAX);
        let (idempotency, served) = (SharedRecords::default(), ServedRequests::default());
        let webhooks = WebhookFigures::default();
        let requests = (idempotency.clone(), served.clone());
        let registry = Arc::new(metrics::registry(metrics, sessions.clone(), store, requests, webhooks.clone()));
        let rest = Arc::new(ArcSwap::from_pointee(rest));
        let (nonces, cursors) = (Arc::default(), streams::Cursors::default());
        Self { rest, realms, readiness, sessions, tally, registry, nonces, idempotency, served, webhooks, cursors }
    }

    /// Where webhooks say what there is of them.
    pub fn webhooks(&self) -> WebhookFigures {
        self.webhooks.clone()
    }

    /// From now on these settings of the REST bridge hold, for requests to come.
    pub fn use_rest(&self, rest: RestSettings) {
        self.sessions.use_settings(&rest);
        self.rest.store(Arc::new(rest));
    }
}

/// Which services of this room a listener has.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub struct Served {
    /// The REST bridge.
    pub rest: bool,
    /// `/admin/v1`.
    pub admin: bool,
    /// `/metrics`.
    pub metrics: bool,
    /// `/livez`, `/readyz`, `/healthz`.
    pub health: bool,
    /// `/hooks`.
    pub hooks: bool,
}

/// A path below which another transport is opened, so that it can be described.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct LongPollBase {
    /// As it is configured.
    pub path: String,
    /// 204 is answered in place of 202.
    pub says_no_content: bool,
}

/// What this room needs to know of a listener.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Listener {
    /// The name in the configuration.
    pub name: Arc<str>,
    /// What it serves.
    pub served: Served,
    /// The realm of requests that name none.
    pub realm: Option<String>,
    /// Names of the realms that are reachable here; empty means all.
    pub realms: Vec<String>,
    /// Requests are refused unless their Host is a loopback name.
    pub loopback_host_only: bool,
    /// Others could read what is said here: credentials are taken only from those whose TLS ended at a trusted proxy.
    pub in_the_clear: bool,
    /// Lines of a head.
    pub header_lines_max: usize,
    /// Octets of a head.
    pub header_bytes_max: usize,
    /// The folder that is served, if there is one.
    pub pages: Option<Arc<Pages>>,
    /// Where long-poll transports are opened, if they are served.
    pub longpoll: Vec<LongPollBase>,
}

/// Where a handler is: on one thread, behind one listener.
struct Place {
    state: HttpState,
    listener: Listener,
    /// Realms found before, by the name they were asked for. Bounded by the realms that there are.
    realms: RefCell<HashMap<String, RealmHandle>>,
    /// Credentials that were found right here.
    verified: RefCell<Verified>,
    /// What streams share.
    streams: streams::Shared,
}

impl Place {
    /// Counts a failure and makes it an answer.
    fn respond(&self, problem: Problem, name: &RequestName) -> HttpResponse {
        count(&self.state.tally, &problem);
        problem.respond(name)
    }

    /// The same for a request whose body was not read to its end, perhaps.
    fn respond_unread(&self, problem: Problem, name: &RequestName, request: web::Payload) -> HttpResponse {
        self.respond(problem, name).map_body(|_, answer| Unread { answer, request }.boxed())
    }

    /// Counts an answer. `endpoint` is the pattern of its path.
    fn note(&self, endpoint: &'static str, response: &HttpResponse, since: Instant) {
        let time = clock::now().duration_since(since);
        self.state.served.note(&self.listener.name, endpoint, response.status().as_u16(), time);
    }
}

fn count(tally: &Tally, problem: &Problem) {
    if let Some(refusal) = problem.refusal() {
        tally.refused(refusal);
        tracing::debug!(reason = refusal.name(), status = problem.status().as_u16(), "HTTP request refused");
    }
}

/// What every answer of this room has.
fn dress(response: &mut HttpResponse, name: &RequestName) {
    let headers = response.headers_mut();
    headers.insert(request_id::OUT, name.header());
    headers.insert(header::X_CONTENT_TYPE_OPTIONS, HeaderValue::from_static("nosniff"));
}

/// Looks at a request before any service does: `None` lets it in.
pub fn refuse(head: &RequestHead, listener: &Listener, state: &HttpState) -> Option<HttpResponse> {
    let problem = gate::check(head, listener).err()?;
    count(&state.tally, &problem);
    let name = RequestName::of(head.headers());
    Some(api::dress(problem.respond(&name), &name))
}

/// Adds the services of one listener to its application, of which there is one on each worker thread.
pub fn configure(services: &mut web::ServiceConfig, listener: &Listener, state: &HttpState) {
    let place = Place {
        state: HttpState { served: state.served.another(), ..state.clone() },
        listener: listener.clone(),
        realms: RefCell::default(),
        verified: RefCell::default(),
        streams: streams::Shared::default(),
    };
    services.app_data(web::Data::new(place));
    if listener.served.health {
        health::configure(services);
    }
    if listener.served.metrics {
        metrics::configure(services);
    }
    if listener.served.rest {
        api::configure(services);
    }
    if listener.served.admin {
        admin::configure(services);
    }
    if listener.served.hooks {
        webhook::inward::configure(services);
    }
    if listener.served.rest || listener.served.admin {
        docs::configure(services);
    }
    // After the paths that the program names: none of those can be shadowed.
    if listener.served.rest {
        crossbar::configure(services, listener, state);
        mapped::configure(services, listener, state);
    }
    // Last of all: what is a file by its name only may not hide anything else.
    pages::configure(services, listener);
}
