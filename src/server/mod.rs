//! Builds everything from the settings, in order, and stops everything, in the reverse order.

mod admin;
mod banner;
mod certificates;
pub(crate) mod explained;
mod files;
mod files_changed;
mod keys;
mod memory;
mod reload;
mod secret;
mod stop;

use crate::actors::admin::AdminLink;
use crate::actors::logins::Logins;
use crate::actors::pressure::Pressure;
use crate::actors::realms::RealmsActor;
use crate::config::{LoadOptions, Settings, ShutdownSettings};
use crate::http::sessions::Owners;
use crate::http::settings::pages::Pages;
use crate::http::webhook::{Deliver, Webhooks};
use crate::http::{HttpState, Listener, LongPollBase, Readiness, Served};
use crate::observe::{log, Metrics, Tally};
use crate::outward::Outward;
use crate::storage::{Storage, StorageError, StoreLink};
use crate::transport::http::{Configure, Gate};
use crate::transport::listener::{bind_one, Acceptor, BindError, Listening, Serves, SocketId, WorkerHandle};
use crate::transport::longpoll::Board;
use crate::transport::settings::{FolderSettings, ListenerSettings, ProcessLimits, RawSocketPing, Service};
use crate::transport::sockets::OpenSocket;
use crate::transport::tls::TlsFault;
use crate::transport::worker::{Load, WorkerActor, WorkerSettings};
use actix::{Actor, Addr, Arbiter, ArbiterHandle};
use admin::Audit;
use reload::Reloader;
use std::cell::{Cell, RefCell};
use std::io::{self, IsTerminal};
use std::rc::Rc;
use std::sync::Arc;

/// Why the router did not run, or stopped.
#[derive(Debug, thiserror::Error)]
pub enum ServerError {
    /// A listener could not be opened.
    #[error("{source}{hint}")]
    Bind {
        /// Which, and why.
        source: BindError,
        /// What to do.
        hint: &'static str,
    },
    /// The log could not be set up.
    #[error("cannot set up the log: {0}")]
    Log(#[from] log::LogError),
    /// The runtime could not be set up.
    #[error("cannot start: {0}")]
    Runtime(#[source] io::Error),
    /// The certificates of a listener cannot be used.
    #[error("listener {listener}: {source}")]
    Tls {
        /// The listener's name.
        listener: String,
        /// Which file, and why.
        source: TlsFault,
    },
    /// The store could not be opened.
    #[error("{0}")]
    Storage(#[from] StorageError),
    /// The router gave up.
    #[error("the router stopped with code {0}")]
    Stopped(i32),
}

impl ServerError {
    /// The process's exit code (section 6 of the command line's page).
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Bind { .. } | Self::Tls { .. } | Self::Storage(_) => 2,
            Self::Log(_) | Self::Runtime(_) => 1,
            Self::Stopped(code) => u8::try_from(*code).unwrap_or(1),
        }
    }
}

impl From<BindError> for ServerError {
    fn from(source: BindError) -> Self {
        let hint = if source.is_in_use() {
            "\n  something else listens there: stop it, or choose another place with `wharf dev --port N` or the listener's `bind`"
        } else {
            ""
        };
        Self::Bind { source, hint }
    }
}

/// A running router's parts that its stopping needs.
struct Running {
    workers: Vec<Addr<WorkerActor>>,
    callers: Owners,
    acceptor: Addr<Acceptor>,
    metrics: Arc<Metrics>,
    readiness: Readiness,
    current: Rc<Current>,
    /// Kept alive: an arbiter without a handle goes on, but could not be stopped.
    arbiters: Vec<Arbiter>,
}

/// Settings that the main thread itself lives by.
struct Current {
    shutdown: Cell<ShutdownSettings>,
    limits: RefCell<ProcessLimits>,
    stopping: Cell<bool>,
    /// Whether the program was started from a terminal.
    had_terminal: bool,
    /// That terminal is closed.
    terminal_gone: tokio::sync::Notify,
    /// An administrator wants it to end.
    asked_to_stop: tokio::sync::Notify,
}

impl Current {
    fn of(settings: &Settings) -> Self {
        Self {
            shutdown: Cell::new(settings.shutdown),
            limits: RefCell::new(settings.limits.clone()),
            stopping: Cell::new(false),
            had_terminal: io::stderr().is_terminal(),
            terminal_gone: tokio::sync::Notify::new(),
            asked_to_stop: tokio::sync::Notify::new(),
        }
    }
}

/// Sockets that listen, by what they are of.
type Sockets = Vec<(SocketId, Serves, Listening)>;

/// Runs the router until a signal stops it. `options` are what `settings` came from, for a reload.
///
/// # Errors
/// [`ServerError`]: nothing was started, or it could not go on.
pub fn run(settings: Settings, options: LoadOptions) -> Result<(), ServerError> {
    let log = log::init(&settings.log, settings.node.dev)?;
    let files_max = files::raise_limit();
    let listeners: Vec<Arc<ListenerSettings>> = settings.listeners.iter().cloned().map(Arc::new).collect();
    let sockets = bind_all(&listeners)?;
    let tls = certificates::open(&listeners)?;
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    for listener in listeners.iter().filter(|listener| listener.rawsocket.ping == RawSocketPing::On) {
        tracing::info!(listener = %listener.name, "every RawSocket peer is sent PING; some clients cannot take one");
    }
    let storage = Storage::start(settings.storage.clone())?;
    let system = actix::System::new();
    // Before anybody is told that it runs: a signal from then on stops it in order.
    let mut signals = system.block_on(async { stop::Signals::listen() }).map_err(ServerError::Runtime)?;
    let banner = banner::text(&settings, &sockets);
    let hangup = signals.hangup.take();
    let settings = Arc::new(settings);
    let (link, questions) = crate::actors::admin::road();
    let (running, reloader) = system.block_on(async {
        let begin =
            Begin { settings: Arc::clone(&settings), options, listeners, tls, sockets, files_max, level: log.level() };
        start(begin, &storage, link)
    });
    drop(settings);
    banner::show(&banner);
    system.block_on(async {
        actix_rt::spawn(stop::on_signal(signals, running));
        if let Some(hangup) = hangup {
            actix_rt::spawn(reload::on_demand(hangup, questions, reloader));
        }
    });
    let code = system.run_with_code();
    // The last commit: no realm orders anything any more.
    storage.stop();
    match code {
        Ok(0) => Ok(()),
        Ok(code) => Err(ServerError::Stopped(code)),
        Err(error) => Err(ServerError::Runtime(error)),
    }
}

/// All sockets of all listeners, numbered on from the listeners' own numbers.
fn bind_all(listeners: &[Arc<ListenerSettings>]) -> Result<Sockets, ServerError> {
    let mut sockets = Sockets::new();
    for (number, listener) in listeners.iter().enumerate() {
        for place in &listener.binds {
            let serves = Serves { number, settings: Arc::clone(listener), place: place.clone() };
            sockets.push((sockets.len(), serves, bind_one(&listener.name, place)?));
        }
    }
    Ok(sockets)
}

/// What a router starts with.
struct Begin {
    settings: Arc<Settings>,
    options: LoadOptions,
    listeners: Vec<Arc<ListenerSettings>>,
    tls: certificates::OfListeners,
    sockets: Sockets,
    files_max: usize,
    level: log::LevelHandle,
}

fn start(begin: Begin, storage: &Storage, link: AdminLink) -> (Running, Reloader) {
    let Begin { settings, options, listeners, tls, sockets, files_max, level } = begin;
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let workers = settings.node.workers.unwrap_or(cores).max(1);
    let metrics = Metrics::new(workers);
    let main_tally = metrics.tally(workers);
    let watch = certificates::keep_fresh(&listeners, &tls, main_tally.clone());
    let current = Rc::new(Current::of(&settings));
    let listeners: Vec<reload::Numbered> =
        listeners.into_iter().zip(tls).enumerate().map(|(number, (listener, tls))| (number, listener, tls)).collect();
    let arbiters: Vec<Arbiter> = (0..workers).map(|_| Arbiter::new()).collect();
    let handles: Vec<_> = arbiters.iter().map(Arbiter::handle).collect();
    let pressure = Pressure::default();
    keys::keep_fresh(settings.realms.iter().chain(settings.templates.iter().map(|template| &template.settings)));
    let logins = Logins::new(secret::of_node(settings.node.data_dir.as_deref()));
    keys::fetch(&settings, logins.outward(), &main_tally);
    let realms = realms(&settings, handles.clone(), &main_tally, &pressure, &logins, storage).with_admin(link).start();
    let readiness = Readiness::default();
    let callers = Owners::start(&handles, &settings.rest, &realms, &main_tally);
    let (seen, ready, board) = (Arc::clone(&metrics), readiness.clone(), Board::default());
    let state = HttpState::new(settings.rest.clone(), realms.clone(), seen, ready, callers.clone(), storage.link());
    let webhooks = webhooks(&settings, handles.clone(), &realms, &callers, &state, storage.link());
    let worker = |(number, arbiter): (usize, &Arbiter)| {
        let load = Arc::<Load>::default();
        let worker = WorkerSettings {
            number,
            listeners: listeners.clone(),
            limits: settings.limits.clone(),
            configure: services(state.clone()),
            realms: realms.clone(),
            tally: metrics.tally(number),
            logins: logins.clone(),
            load: Arc::clone(&load),
            board: board.clone(),
        };
        WorkerHandle { worker: WorkerActor::start_in_arbiter(&arbiter.handle(), |_| WorkerActor::new(worker)), load }
    };
    let handles: Vec<WorkerHandle> = arbiters.iter().enumerate().map(worker).collect();
    let workers: Vec<_> = handles.iter().map(|handle| handle.worker.clone()).collect();
    let holders = memory::holders(&workers, &callers);
    actix_rt::spawn(memory::watch(Rc::clone(&current), pressure, readiness.clone(), holders));
    let open: Vec<OpenSocket> = sockets.iter().map(|(id, serves, _)| reload::open_socket(*id, serves)).collect();
    let next = open.len().max(listeners.len()) + 1;
    let acceptor = Acceptor::new(settings.limits.clone(), files_max, sockets, handles, main_tally.clone()).start();
    readiness.set(true);
    let reloader = Reloader {
        options,
        running: settings,
        sockets: open,
        listeners,
        next,
        workers: workers.clone(),
        acceptor: acceptor.clone(),
        realms,
        http: state,
        watch,
        level,
        outward: logins.outward().clone(),
        tally: main_tally,
        current: Rc::clone(&current),
        audit: Audit::default(),
        webhooks,
        leaving: false,
    };
    (Running { workers, callers, acceptor, metrics, readiness, current, arbiters }, reloader)
}

fn realms(
    settings: &Settings,
    workers: Vec<ArbiterHandle>,
    tally: &Tally,
    pressure: &Pressure,
    logins: &Logins,
    storage: &Storage,
) -> RealmsActor {
    let (realms, templates) = (settings.realms.clone(), settings.templates.clone());
    let (tally, pressure, logins) = (tally.clone(), pressure.clone(), logins.clone());
    RealmsActor::new(workers, realms, templates, tally, pressure, logins, Some(storage.link()))
}

/// Starts what goes out and what is answered over HTTP.
fn webhooks(
    settings: &Settings,
    workers: Vec<ArbiterHandle>,
    realms: &Addr<RealmsActor>,
    owners: &Owners,
    state: &HttpState,
    store: StoreLink,
) -> Webhooks {
    // A client of their own: slow endpoints take nothing from logins.
    let deliver = Deliver { realms: realms.clone(), owners: owners.clone(), outward: Outward::default(), store };
    let mut webhooks = Webhooks::new(workers, deliver, state.webhooks());
    webhooks.use_settings(&settings.webhooks);
    webhooks
}

/// What the HTTP side serves on each listener.
fn services(state: HttpState) -> Configure {
    Arc::new(move |services, listener| {
        let listener = seen_by_http(listener);
        crate::http::configure(services, &listener, &state);
        let state = state.clone();
        services.app_data(Gate(Box::new(move |head| crate::http::refuse(head, &listener, &state))));
    })
}

/// The folder that a listener serves, and what of it is left to WebSocket and long-poll.
fn pages(folder: &FolderSettings, listener: &ListenerSettings) -> Pages {
    let FolderSettings { path, dir, index, spa, max_age, listing } = folder.clone();
    let served = |service, paths: &Vec<String>| {
        if listener.serve.contains(&service) {
            paths.clone()
        } else {
            Vec::new()
        }
    };
    let websocket = served(Service::WebSocket, &listener.websocket.paths);
    let longpoll = served(Service::LongPoll, &listener.longpoll.paths);
    Pages { path, dir, index, spa, max_age, listing, websocket, longpoll }
}

/// Where transports are opened by long-poll.
fn longpoll_bases(listener: &ListenerSettings) -> Vec<LongPollBase> {
    let settings = &listener.longpoll;
    let base = |path: &String| LongPollBase { path: path.clone(), says_no_content: settings.no_content.contains(path) };
    settings.paths.iter().map(base).collect()
}

/// What the HTTP side needs to know of a listener.
fn seen_by_http(listener: &ListenerSettings) -> Listener {
    let serves = |service| listener.serve.contains(&service);
    let served = Served {
        rest: serves(Service::Rest),
        admin: serves(Service::Admin),
        metrics: serves(Service::Metrics),
        health: serves(Service::Health),
        hooks: serves(Service::Hooks),
    };
    Listener {
        name: listener.name.as_str().into(),
        served,
        realm: listener.realm.clone(),
        realms: listener.realms.clone(),
        loopback_host_only: listener.loopback_host_only,
        in_the_clear: listener.in_the_clear,
        header_lines_max: listener.header_lines_max,
        header_bytes_max: listener.header_bytes_max,
        pages: listener.folder.as_ref().map(|folder| Arc::new(pages(folder, listener))),
        longpoll: if serves(Service::LongPoll) { longpoll_bases(listener) } else { Vec::new() },
    }
}
