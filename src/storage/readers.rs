//! The threads that read the file: each question in a read transaction, which no commit waits for and which delays none.

use super::figures::Counters;
use super::file::{read_with, retained, PageEnds};
use super::history::{Collect, ToHistory};
use super::ledger::LoadLedger;
use super::memory::Collected;
use super::realm::{Answer, Attached, Load};
use super::select::Positions;
use super::service::Inner;
use crate::routing::{Page, Query, StoreFault};
use redb::Database;
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc::{channel, sync_channel, Receiver, Sender};
use std::sync::Arc;
use std::thread::JoinHandle;

const READERS: usize = 2;

/// An open file. The writer can close it when all are given back.
pub(super) struct Lease {
    database: Arc<Database>,
    /// Dropped after the file.
    _alive: Sender<()>,
}

impl Lease {
    pub(super) fn new(database: Arc<Database>, alive: Sender<()>) -> Self {
        Self { database, _alive: alive }
    }
}

pub(super) enum Job {
    Ask(Lease, Arc<Attached>, Box<Query>),
    Load(Lease, Load),
    LoadLedger(Lease, LoadLedger),
}

struct Reader {
    queue: Sender<Job>,
    waiting: Arc<AtomicUsize>,
}

/// The reading threads.
pub(super) struct Readers(Vec<Reader>);

impl Readers {
    /// Starts the threads; they end when this is dropped.
    pub(super) fn start(inner: &Arc<Inner>) -> io::Result<(Self, Vec<JoinHandle<()>>)> {
        let (mut readers, mut threads) = (Vec::new(), Vec::new());
        for number in 1..=READERS {
            let (sender, receiver) = channel();
            let waiting = Arc::new(AtomicUsize::new(0));
            let (shared, inner) = (Arc::clone(&waiting), Arc::clone(inner));
            let thread = std::thread::Builder::new().name(format!("wharf-read-{number}"));
            threads.push(thread.spawn(move || run(&inner, &receiver, &shared))?);
            readers.push(Reader { queue: sender, waiting });
        }
        Ok((Self(readers), threads))
    }

    /// Hands a job to the reader that has least to do.
    pub(super) fn send(&self, job: Job) {
        let Some(reader) = self.0.iter().min_by_key(|reader| reader.waiting.load(Ordering::Relaxed)) else { return };
        reader.waiting.fetch_add(1, Ordering::Relaxed);
        // The threads live as long as the senders.
        let _ = reader.queue.send(job);
    }
}

fn run(inner: &Inner, queue: &Receiver<Job>, waiting: &AtomicUsize) {
    let mut ends = PageEnds::default();
    while let Ok(job) = queue.recv() {
        match job {
            Job::Ask(lease, attached, query) => {
                let page = guarded(inner, || ask(inner, &lease, &mut ends, &attached, &query));
                drop(lease);
                inner.questions.remove(1);
                (attached.sink)(vec![Answer::Read { ticket: query.ticket, page }]);
            }
            Job::Load(lease, load) => {
                let events = guarded(inner, || {
                    retained(&lease.database, &load.log.name).map_err(|error| {
                        tracing::error!(%error, "retained events cannot be read");
                        StoreFault::Failed
                    })
                });
                drop(lease);
                load.answer(events);
            }
            Job::LoadLedger(lease, load) => {
                let rows = guarded(inner, || load.read(&lease.database));
                drop(lease);
                load.answer(rows);
            }
        }
        waiting.fetch_sub(1, Ordering::Relaxed);
    }
}

/// A panic is this question's alone: what a reader keeps between two is looked at again before it is believed.
fn guarded<T>(inner: &Inner, read: impl FnOnce() -> Result<T, StoreFault>) -> Result<T, StoreFault> {
    catch_unwind(AssertUnwindSafe(read)).unwrap_or_else(|_| {
        Counters::add(&inner.counters.panics, 1);
        Err(StoreFault::Failed)
    })
}

fn ask(
    inner: &Inner,
    lease: &Lease,
    ends: &mut PageEnds,
    attached: &Attached,
    query: &Query,
) -> Result<Page, StoreFault> {
    let now = (inner.now)();
    let elsewhere = |query: &Query, positions: Positions| -> Result<Option<Collected>, StoreFault> {
        let (reply, answer) = sync_channel(1);
        let collect = Collect { realm: Arc::clone(&attached.log), query: query.clone(), now, positions, reply };
        inner.history.send(ToHistory::Collect(Box::new(collect))).map_err(|_| StoreFault::Failed)?;
        answer.recv().map_err(|_| StoreFault::Failed)?.map(Some)
    };
    read_with(&lease.database, ends, &attached.log.name, now, query, elsewhere)
}
