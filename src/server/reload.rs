//! The change of settings while the router runs: read whole, checked whole, prepared whole, then committed. See
//! `docs/decisions/0014` and `docs/RELOAD.md`.
//!
//! Everything that can fail happens in `read` and `prepare`, which change nothing.

use super::admin::Audit;
use super::certificates::{self, OfListeners, Renewal};
use super::files_changed::Files;
use super::{banner, keys, Current, ServerError};
use crate::actors::admin::Asked;
use crate::actors::realms::{pending, RealmsActor, UseRealms};
use crate::config::managed::{self, Managed};
use crate::config::{self, ConfigErrors, Difference, Layer, LoadOptions, Reloaded, Settings, Severity};
use crate::http::webhook::Webhooks;
use crate::http::HttpState;
use crate::observe::log::LevelHandle;
use crate::observe::{ReloadOutcome, Tally};
use crate::outward::Outward;
use crate::transport::listener::{bind_one, Acceptor, CloseSockets, Listening, Serves, SocketId, UseSockets};
use crate::transport::settings::ListenerSettings;
use crate::transport::sockets::{assign, OpenSocket};
use crate::transport::tls::{Tls, Watch, Watched};
use crate::transport::worker::{DrainListeners, ForgetListeners, KnowListeners, WorkerActor};
use actix::Addr;
use std::io::IsTerminal;
use std::rc::Rc;
use std::sync::Arc;
use std::time::Duration;
use tokio::signal::unix::Signal;
use tokio::sync::mpsc::Receiver;

/// How long is waited for sessions and realms to come round to the new settings.
const PATIENCE: Duration = Duration::from_secs(10);

/// Keys that are told one by one; of more only the number.
const TOLD_MAX: usize = 200;

/// A listener as workers know it.
pub(super) type Numbered = (usize, Arc<ListenerSettings>, Option<Arc<Tls>>);

/// What a reload changes, and what it starts from.
pub(super) struct Reloader {
    pub(super) options: LoadOptions,
    pub(super) running: Arc<Settings>,
    pub(super) sockets: Vec<OpenSocket>,
    pub(super) listeners: Vec<Numbered>,
    /// For the sockets and listeners to come.
    pub(super) next: usize,
    pub(super) workers: Vec<Addr<WorkerActor>>,
    pub(super) acceptor: Addr<Acceptor>,
    pub(super) realms: Addr<RealmsActor>,
    pub(super) http: HttpState,
    pub(super) watch: Option<Watch>,
    pub(super) level: LevelHandle,
    pub(super) outward: Outward,
    pub(super) tally: Tally,
    pub(super) current: Rc<Current>,
    pub(super) audit: Audit,
    pub(super) webhooks: Webhooks,
    /// The node has been asked to end.
    pub(super) leaving: bool,
}

/// Why the settings are as they were.
#[derive(Debug)]
pub(super) enum NotReloaded {
    /// The router is stopping.
    Stopping,
    /// The configuration is not right, or cannot be changed so while the node runs.
    Refused(ConfigErrors),
    /// What the settings need could not be had.
    Failed(String),
}

/// What is to be changed at run time, and where in it.
pub(super) type Candidate = (Managed, Vec<Vec<String>>);

/// All that new settings need, made and not used yet.
struct Prepared {
    reloaded: Reloaded,
    listeners: Vec<Numbered>,
    renewals: Vec<Renewal>,
    kept: Vec<(SocketId, Serves)>,
    fresh: Vec<(SocketId, Serves, Listening)>,
    sockets: Vec<OpenSocket>,
    next: usize,
}

/// Answers questions of administration, one at a time, and reloads at each signal but the one that says that the terminal is gone, and in dev mode when the files change; one after the other, and what comes meanwhile is one.
pub(super) async fn on_demand(mut hangup: Signal, mut questions: Receiver<Asked>, mut reloader: Reloader) {
    let mut files = reloader.running.node.dev.then(|| Files::of(&reloader.running.source)).flatten();
    loop {
        tokio::select! {
            signal = hangup.recv() => {
                if signal.is_none() {
                    return;
                }
                // Closing a terminal ends what was started there, as ever.
                if reloader.current.had_terminal && !std::io::stderr().is_terminal() {
                    return reloader.current.terminal_gone.notify_one();
                }
                if let Some(files) = &mut files {
                    files.note();
                }
            }
            () = changed(&mut files) => {}
            Some(asked) = questions.recv() => {
                reloader.administer(asked).await;
                continue;
            }
        }
        let _told = reloader.reload().await;
    }
}

async fn changed(files: &mut Option<Files>) {
    match files {
        Some(files) => files.changed().await,
        None => std::future::pending().await,
    }
}

/// A socket as it is known here.
pub(super) fn open_socket(id: SocketId, serves: &Serves) -> OpenSocket {
    OpenSocket { id, listener: serves.settings.name.clone(), place: serves.place.clone() }
}

impl Reloader {
    /// Changes over to what the files say, or to nothing.
    pub(super) async fn reload(&mut self) -> Result<Vec<Difference>, NotReloaded> {
        tracing::info!(source = %self.running.source, "reloading");
        let outcome = self.change_over(None).await;
        match &outcome {
            Ok(_) => {}
            Err(NotReloaded::Stopping) => tracing::warn!("no reload: the router is stopping"),
            Err(NotReloaded::Refused(errors)) => tell_errors(errors),
            Err(NotReloaded::Failed(error)) => {
                tracing::error!("{error}");
                tracing::error!("not reloaded: the settings are as they were");
            }
        }
        outcome
    }

    /// The same, with something changed at run time. When that is done it is in force, and on disk if anything is.
    pub(super) async fn change_over(&mut self, candidate: Option<Candidate>) -> Result<Vec<Difference>, NotReloaded> {
        let outcome = self.transact(candidate).await;
        self.tally.reloaded(match &outcome {
            Ok(_) => ReloadOutcome::Done,
            Err(NotReloaded::Stopping | NotReloaded::Refused(_)) => ReloadOutcome::Refused,
            Err(NotReloaded::Failed(_)) => ReloadOutcome::Failed,
        });
        outcome
    }

    async fn transact(&mut self, candidate: Option<Candidate>) -> Result<Vec<Difference>, NotReloaded> {
        if self.current.stopping.get() {
            return Err(NotReloaded::Stopping);
        }
        let is_change = candidate.is_some();
        let layer = match candidate {
            Some((managed, changed)) => Layer::Candidate(managed, changed),
            None => Layer::Known(self.running.managed.clone()),
        };
        let reloaded = self.read(layer).await?;
        let prepared = self.prepare(reloaded).map_err(|error| NotReloaded::Failed(error.to_string()))?;
        if is_change {
            self.keep(&prepared.reloaded.settings.managed).await?;
        }
        Ok(self.commit(prepared).await)
    }

    /// Steps 1 and 2, on a thread that serves nobody.
    pub(super) async fn read(&self, layer: Layer) -> Result<Reloaded, NotReloaded> {
        let (options, running) = (self.options.clone(), Arc::clone(&self.running));
        let read = tokio::task::spawn_blocking(move || config::reload_with(&options, &running, layer)).await;
        read.map_err(|error| NotReloaded::Failed(error.to_string()))?.map_err(NotReloaded::Refused)
    }

    /// Makes what is changed at run time durable, where there is a folder for it. The folder is that of the running
    /// settings; it cannot have changed.
    async fn keep(&self, managed: &Managed) -> Result<(), NotReloaded> {
        let Some(folder) = &self.running.node.data_dir else { return Ok(()) };
        let (folder, managed) = (self.options.directory.join(folder), managed.clone());
        let told = folder.display().to_string();
        let written = tokio::task::spawn_blocking(move || managed::write(&folder, &managed)).await;
        let failed = |error: String| NotReloaded::Failed(format!("{told}: it could not be written down: {error}"));
        written.map_err(|error| failed(error.to_string()))?.map_err(|error| failed(error.to_string()))
    }

    /// Step 3. What was made is dropped where something fails: sockets are closed, nothing else was touched.
    fn prepare(&self, reloaded: Reloaded) -> Result<Prepared, ServerError> {
        let settings = &reloaded.settings;
        let all: Vec<Arc<ListenerSettings>> = settings.listeners.iter().cloned().map(Arc::new).collect();
        let former: Vec<_> = self.listeners.iter().map(|(_, listener, tls)| (&**listener, tls.clone())).collect();
        let (tls, renewals): (OfListeners, Vec<Renewal>) = certificates::renew(&former, &all)?;
        let first = self.next;
        let mut next = first + all.len();
        let listeners: Vec<Numbered> =
            all.into_iter().zip(tls).zip(first..).map(|((listener, tls), number)| (number, listener, tls)).collect();
        let mut assigned = assign(&self.sockets, &settings.listeners).into_iter();
        let (mut kept, mut fresh, mut sockets) = (Vec::new(), Vec::new(), Vec::new());
        for (number, listener, _) in &listeners {
            for place in &listener.binds {
                let serves = Serves { number: *number, settings: Arc::clone(listener), place: place.clone() };
                let known = assigned.next().flatten();
                next += usize::from(known.is_none());
                let socket = open_socket(known.unwrap_or(next), &serves);
                match known {
                    Some(id) => kept.push((id, serves)),
                    None => fresh.push((socket.id, serves, bind_one(&listener.name, place)?)),
                }
                sockets.push(socket);
            }
        }
        Ok(Prepared { reloaded, listeners, renewals, kept, fresh, sockets, next: next + 1 })
    }

    /// Steps 4 to 6. A dead actor has nothing left to change.
    async fn commit(&mut self, prepared: Prepared) -> Vec<Difference> {
        let Prepared { reloaded, listeners, renewals, kept, fresh, sockets, next } = prepared;
        let Reloaded { settings, differences } = reloaded;
        let settings = Arc::new(settings);
        self.next = next;
        // A level that was set at run time holds until the file says another.
        if settings.log != self.running.log && !self.level.set(&settings.log) {
            tracing::warn!(
                "the level of the log stays: it is set by WHARF_LOG, or by the program that embeds this one"
            );
        }
        renewals.into_iter().for_each(Renewal::commit);
        for worker in &self.workers {
            let known = KnowListeners { listeners: listeners.clone(), limits: settings.limits.clone() };
            let _ = worker.send(known).await;
        }
        self.close_gone(&settings, &sockets).await;
        keys::take_over(&self.running, &settings);
        let ended = self.change_realms(&settings).await;
        keys::fetch(&settings, &self.outward, &self.tally);
        keys::keep_fresh(settings.realms.iter().chain(settings.templates.iter().map(|template| &template.settings)));
        self.http.use_rest(settings.rest.clone());
        self.webhooks.use_settings(&settings.webhooks);
        *self.current.limits.borrow_mut() = settings.limits.clone();
        self.current.shutdown.set(settings.shutdown);
        let opened = banner::places(&fresh);
        let _ = self.acceptor.send(UseSockets { limits: settings.limits.clone(), kept, fresh }).await;
        let former = std::mem::replace(&mut self.listeners, listeners);
        self.watch_new(&former);
        let numbers: Vec<usize> = former.iter().map(|(number, _, _)| *number).collect();
        for worker in &self.workers {
            let _ = worker.send(ForgetListeners(numbers.clone())).await;
        }
        self.sockets = sockets;
        tell(&settings, &differences, &opened);
        self.running = settings;
        tracing::info!(
            changes = differences.len(),
            sessions_ended = ended.0,
            subscriptions_revoked = ended.1,
            registrations_revoked = ended.2,
            "reloaded"
        );
        differences
    }

    /// Nobody comes in any more by what is gone, before any rule becomes wider; who is in gets time to go.
    async fn close_gone(&self, settings: &Settings, sockets: &[OpenSocket]) {
        let is_kept = |socket: &&OpenSocket| sockets.iter().any(|kept| kept.id == socket.id);
        let gone = self.sockets.iter().filter(|socket| !is_kept(socket)).map(|socket| socket.id).collect();
        let _ = self.acceptor.send(CloseSockets(gone)).await;
        let is_named = |name: &str| settings.listeners.iter().any(|listener| listener.name == name);
        let names: Vec<String> = self.listeners.iter().map(|(_, listener, _)| listener.name.clone()).collect();
        let names: Arc<[String]> = names.into_iter().filter(|name| !is_named(name)).collect();
        if names.is_empty() {
            return;
        }
        let spread = settings.shutdown.spread / 2;
        for worker in &self.workers {
            let drain = DrainListeners { names: Arc::clone(&names), spread, callees: false };
            let _ = worker.send(drain).await;
        }
        let workers = self.workers.clone();
        actix_rt::spawn(async move {
            tokio::time::sleep(spread).await;
            for worker in workers {
                let _ = worker.send(DrainListeners { names: Arc::clone(&names), spread, callees: true }).await;
            }
        });
    }

    /// Realms and their sessions, until everybody lives by the new settings. How many sessions, subscriptions and registrations
    /// that has ended.
    async fn change_realms(&self, settings: &Settings) -> (usize, usize, usize) {
        let (pending, mut awaited) = pending();
        let (configured, templates) = (settings.realms.clone(), settings.templates.clone());
        let _ = self.realms.send(UseRealms { configured, templates, pending }).await;
        let mut ended = Default::default();
        if tokio::time::timeout(PATIENCE, awaited.all(&mut ended)).await.is_err() {
            tracing::warn!("some sessions have not come round to the new settings yet");
        }
        (ended.sessions, ended.subscriptions, ended.registrations)
    }

    /// Has the files of certificates looked at that were not in use before.
    fn watch_new(&self, former: &[Numbered]) {
        let Some(watch) = &self.watch else { return };
        let is_known = |tls: &Arc<Tls>| {
            former.iter().filter_map(|(_, _, known)| known.as_ref()).any(|known| Arc::ptr_eq(known, tls))
        };
        let new = self.listeners.iter().filter_map(|(_, listener, tls)| {
            let tls = tls.as_ref().filter(|tls| !is_known(tls))?;
            Some(Watched { listener: listener.name.clone(), tls: Arc::clone(tls) })
        });
        watch.add(new.collect());
    }
}

/// As at the start, and as `wharf config check` does.
fn tell_errors(errors: &ConfigErrors) {
    for problem in &errors.problems {
        match problem.severity {
            Severity::Error => tracing::error!("{problem}"),
            Severity::Warning => tracing::warn!("{problem}"),
        }
    }
    tracing::error!(errors = errors.count(), "not reloaded: the settings are as they were");
}

fn tell(settings: &Settings, differences: &[Difference], opened: &[String]) {
    for warning in &settings.warnings {
        tracing::warn!("{warning}");
    }
    for difference in differences.iter().take(TOLD_MAX) {
        tracing::info!(key = %difference.path, change = %difference.text, when = difference.when.name(), "changed");
    }
    if let Some(more) = differences.len().checked_sub(TOLD_MAX).filter(|more| *more > 0) {
        tracing::info!(more, "changed too");
    }
    if !opened.is_empty() {
        tracing::info!(listening = %opened.join(" "), "listeners opened");
    }
}
