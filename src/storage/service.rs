//! The store as a whole: its threads, and how realms come to it.
//!
//! | thread | owns | waits for |
//! |---|---|---|
//! | `wharf-history` | the log in memory | its queue |
//! | `wharf-store` | the file | its queue and the disk |
//! | `wharf-read-1`, `-2` | nothing | their queues, the disk, and `wharf-history` |
//!
//! A question about the file is answered when everything that was ordered before it is committed: so it sees what was routed,
//! and never what a failed commit took back. The threads of the file exist only where there is one.

use super::figures::{Counters, Figures};
use super::file::{FileLog, Place};
use super::history::{self, ToHistory};
use super::ledger::{Ledger, ToLedger};
use super::readers::Readers;
use super::realm::{Attached, Queue, Sink, StoreHandle};
use super::writer::{self, ToWriter};
use super::{RealmLog, Seq, StorageError, StorageSettings};
use crate::wamp::WallTime;
use std::collections::{BTreeSet, VecDeque};
use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::mpsc::{channel, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// What the process ends with when a thread of the store fails again and again.
pub const EXIT_STORE_FAILED: i32 = 70;

/// Panics of one thread within [`PANICS_WITHIN`]; the last one ends the process.
const PANICS_MAX: usize = 3;
const PANICS_WITHIN: Duration = Duration::from_secs(60);

/// What the store has from outside itself.
#[derive(Clone)]
pub struct Surroundings {
    /// The file, if it is not the one of the settings.
    pub place: Option<Place>,
    /// The time of day.
    pub now: fn() -> WallTime,
    /// A thread fails again and again: ends the process.
    pub give_up: Arc<dyn Fn() + Send + Sync>,
}

impl Default for Surroundings {
    fn default() -> Self {
        Self { place: None, now: time_of_day, give_up: Arc::new(|| std::process::exit(EXIT_STORE_FAILED)) }
    }
}

fn time_of_day() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::default().plus(since)
}

/// What all threads and all realms share.
pub(super) struct Inner {
    pub(super) history: Sender<ToHistory>,
    /// Only where there is a file.
    pub(super) writer: Option<Sender<ToWriter>>,
    pub(super) for_history: Queue,
    pub(super) for_writer: Queue,
    pub(super) questions: Queue,
    pub(super) counters: Counters,
    pub(super) now: fn() -> WallTime,
    seq: AtomicU64,
    ids: AtomicU64,
}

impl Inner {
    /// The first of so many new positions.
    pub(super) fn next_seqs(&self, many: usize) -> Seq {
        Seq(self.seq.fetch_add(many as u64, Ordering::Relaxed))
    }
}

impl fmt::Debug for Inner {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inner").field("counters", &self.counters).finish_non_exhaustive()
    }
}

/// The panics of one thread.
pub(super) struct Panics {
    times: VecDeque<Instant>,
    give_up: Arc<dyn Fn() + Send + Sync>,
}

impl Panics {
    /// One more. Ends the process if they are too many.
    pub(super) fn count(&mut self) {
        let now = Instant::now();
        self.times.retain(|time| now.duration_since(*time) < PANICS_WITHIN);
        self.times.push_back(now);
        if self.times.len() >= PANICS_MAX {
            tracing::error!("the store fails again and again: the process ends");
            (self.give_up)();
        }
    }
}

/// The node's store. Ends with everything written when it is dropped.
#[derive(Debug)]
pub struct Storage {
    link: StoreLink,
    /// In the order in which they end.
    file_threads: Vec<JoinHandle<()>>,
    history_thread: Option<JoinHandle<()>>,
}

/// How realms come to the store. Cheap to clone.
#[derive(Clone, Debug)]
pub struct StoreLink(Arc<Inner>);

impl Storage {
    /// Opens the file, if there is to be one, and starts the threads.
    ///
    /// # Errors
    /// [`StorageError`], which names the file and the cause.
    pub fn start(settings: StorageSettings) -> Result<Self, StorageError> {
        Self::start_in(settings, Surroundings::default())
    }

    /// As [`start`](Self::start), with other surroundings.
    ///
    /// # Errors
    /// [`StorageError`], which names the file and the cause.
    pub fn start_in(settings: StorageSettings, surroundings: Surroundings) -> Result<Self, StorageError> {
        let Surroundings { place, now, give_up } = surroundings;
        let place = place.or_else(|| settings.path.as_deref().map(Place::path));
        let (history, to_history) = channel();
        let mut opened = None;
        let (mut seq, mut writer) = (0, None);
        if let Some(place) = place {
            let log = FileLog::open(&place)?;
            seq = log.last_seq()?.0;
            let (sender, queue) = channel();
            writer = Some(sender);
            opened = Some((log, place, queue));
        }
        let inner = Arc::new(Inner {
            history,
            writer,
            for_history: Queue::default(),
            for_writer: Queue::default(),
            questions: Queue::default(),
            counters: Counters::default(),
            now,
            seq: AtomicU64::new(seq + 1),
            ids: AtomicU64::new(1),
        });
        let panics = || Panics { times: VecDeque::new(), give_up: Arc::clone(&give_up) };
        let mut storage = Self { link: StoreLink(Arc::clone(&inner)), file_threads: Vec::new(), history_thread: None };
        let (shared, counted) = (Arc::clone(&inner), panics());
        let thread = std::thread::Builder::new().name("wharf-history".to_owned());
        let spawned = thread.spawn(move || history::run(shared, &to_history, counted));
        storage.history_thread = Some(spawned.map_err(StorageError::Thread)?);
        if let Some((log, place, queue)) = opened {
            let (readers, threads) = Readers::start(&inner).map_err(StorageError::Thread)?;
            let counted = panics();
            let thread = std::thread::Builder::new().name("wharf-store".to_owned());
            let spawned = thread.spawn(move || {
                writer::Writer::new(inner, settings, place, log, readers).run(&queue, counted);
            });
            storage.file_threads.push(spawned.map_err(StorageError::Thread)?);
            storage.file_threads.extend(threads);
        }
        Ok(storage)
    }

    /// How realms come to it.
    pub fn link(&self) -> StoreLink {
        self.link.clone()
    }

    /// See [`StoreLink::attach`].
    pub fn attach(&self, realm: &str, history_octets_max: u64, sink: Sink) -> StoreHandle {
        self.link.attach(realm, history_octets_max, sink)
    }

    /// See [`StoreLink::figures`].
    pub fn figures(&self) -> Figures {
        self.link.figures()
    }

    /// Writes what is queued, answers, and ends the threads. What is ordered later is answered with a fault.
    pub fn stop(self) {
        drop(self);
    }
}

impl Drop for Storage {
    fn drop(&mut self) {
        // A thread that is gone has stopped already; what it panicked with was told when it did.
        if let Some(writer) = &self.link.0.writer {
            let _ = writer.send(ToWriter::Stop);
        }
        for thread in self.file_threads.drain(..) {
            let _ = thread.join();
        }
        let _ = self.link.0.history.send(ToHistory::Stop);
        if let Some(thread) = self.history_thread.take() {
            let _ = thread.join();
        }
    }
}

impl StoreLink {
    /// A realm's way to the store: `sink` is given what it waits for. In memory and in the file its history has at most
    /// `history_octets_max` octets each; a realm that is opened again finds what it had, in memory as long as not many others
    /// were closed since.
    pub fn attach(&self, realm: &str, history_octets_max: u64, sink: Sink) -> StoreHandle {
        let log = Arc::new(RealmLog { name: realm.to_owned(), history_octets_max });
        // Without its thread the store answers nothing, and the realm hears that with its first order.
        let _ = self.0.history.send(ToHistory::Attach(Arc::clone(&log)));
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        StoreHandle::new(Attached { id, log, sink }, Arc::clone(&self.0))
    }

    /// The ledger of this name, for the owner that is new; `None`: nothing can outlive the process.
    pub fn ledger(&self, name: &str) -> Option<Ledger> {
        let id = self.0.ids.fetch_add(1, Ordering::Relaxed);
        self.is_durable().then(|| Ledger::open(id, name, &self.0))
    }

    /// Of the ledgers whose names begin with `prefix`, only these have an owner: the others are removed.
    pub fn keep_ledgers(&self, prefix: &str, names: BTreeSet<String>) {
        if let Some(writer) = &self.0.writer {
            // A thread that is gone removes nothing; the next start does.
            let _ = writer.send(ToWriter::Ledger(ToLedger::Keep { prefix: prefix.to_owned(), names }));
        }
    }

    /// Whether anything can outlive the process.
    pub fn is_durable(&self) -> bool {
        self.0.writer.is_some()
    }

    /// What was counted since the start.
    pub fn figures(&self) -> Figures {
        self.0.counters.figures()
    }
}
