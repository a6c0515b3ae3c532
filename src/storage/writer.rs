//! The thread that owns the file: group commit, and what is done when the disk does not do it.
//!
//! A commit takes everything that is queued, up to a bound; only where nobody waits for an answer does it wait for more. A
//! commit that failed is never tried again: its publications are answered with a fault, the file is closed and opened again,
//! and written to when a small commit has succeeded. Source: sections 4 and 7 of the store's design.

use super::figures::Counters;
use super::file::{FileLog, Place};
use super::history::SWEEP_EVERY;
use super::ledger::{Batch, Ledgers, LoadLedger, Next, ToLedger};
use super::readers::{Job, Lease, Readers};
use super::realm::{faults, Answer, Attached, Item, Load};
use super::service::{Inner, Panics};
use super::{Change, Entry, EventLog, Seq, StorageSettings};
use crate::routing::{Query, StoreFault, Waiting};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::Ordering;
use std::sync::mpsc::{channel, Receiver, RecvTimeoutError, Sender};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most octets of one commit.
const COMMIT_OCTETS: usize = 4 << 20;

/// How often a store that cannot write tries to.
const TRY_EVERY: Duration = Duration::from_secs(1);

/// A commit that takes longer is worth a word, once a minute.
const SLOW: Duration = Duration::from_millis(250);

/// Commits between two steps of a sweep, while there is something to commit: so a sweep takes a tenth of the time.
const COMMITS_PER_SWEEP_STEP: usize = 9;

/// Topics that were cleared while the store could not write, and are cleared when it can.
const OWED_MAX: usize = 10_000;

pub(super) enum ToWriter {
    Append(Arc<Attached>, Vec<Item>),
    Ask(Arc<Attached>, Box<Query>),
    Load(Load),
    Ledger(ToLedger),
    Stop,
}

impl ToWriter {
    /// The answers, if nobody will carry it out.
    pub(super) fn into_faults(self) -> Vec<Answer> {
        match self {
            Self::Append(_, items) => faults(items).collect(),
            Self::Ask(_, query) => vec![unread(&query)],
            Self::Load(_) | Self::Ledger(_) | Self::Stop => Vec::new(),
        }
    }
}

fn unread(query: &Query) -> Answer {
    Answer::Read { ticket: query.ticket, page: Err(StoreFault::Failed) }
}

/// Answers by realm, so that each is told once.
#[derive(Default)]
struct Answers(BTreeMap<u64, (Arc<Attached>, Vec<Answer>)>);

impl Answers {
    fn add(&mut self, to: &Arc<Attached>, answer: Answer) {
        self.0.entry(to.id).or_insert_with(|| (Arc::clone(to), Vec::new())).1.push(answer);
    }

    fn send(self) {
        for (attached, answers) in self.0.into_values() {
            (attached.sink)(answers);
        }
    }
}

/// What is done when everything before it is committed.
enum Later {
    Ask(Arc<Attached>, Box<Query>),
    Load(Load),
    LoadLedger(LoadLedger),
}

/// What is to be committed.
enum Pending {
    Item(Arc<Attached>, Item),
    Ledger(Batch),
}

pub(super) struct Writer {
    inner: Arc<Inner>,
    settings: StorageSettings,
    place: Place,
    /// `None` while the file cannot be opened.
    log: Option<FileLog>,
    /// Given to readers with the file; all are gone when none has it open any more.
    alive: Sender<()>,
    given_back: Receiver<()>,
    readers: Readers,
    /// What is to be committed, in order.
    pending: VecDeque<Pending>,
    pending_octets: usize,
    someone_waits: bool,
    /// Items that were taken from the queue, and those of them that were committed or have failed.
    taken: u64,
    done: u64,
    /// Each with the number of items that were taken before it.
    later: VecDeque<(u64, Later)>,
    /// Who waits for the commit under way.
    in_flight: Vec<(Arc<Attached>, Waiting)>,
    ledgers: Ledgers,
    /// The newest position that was told to be on disk.
    acknowledged: Seq,
    /// When a store that cannot write tries to.
    next_try: Option<Instant>,
    /// The file lacks what was told to be in it: it is not written to any more.
    given_up: bool,
    owed: Vec<Entry>,
    swept: Instant,
    sweep_from: Option<Option<(u32, String)>>,
    commits_since_step: usize,
    warned: Option<Instant>,
    stopping: bool,
}

impl Writer {
    pub(super) fn new(
        inner: Arc<Inner>,
        settings: StorageSettings,
        place: Place,
        log: FileLog,
        readers: Readers,
    ) -> Self {
        let (alive, given_back) = channel();
        Self {
            inner,
            settings,
            place,
            log: Some(log),
            alive,
            given_back,
            readers,
            pending: VecDeque::new(),
            pending_octets: 0,
            someone_waits: false,
            taken: 0,
            done: 0,
            later: VecDeque::new(),
            in_flight: Vec::new(),
            ledgers: Ledgers::default(),
            acknowledged: Seq(0),
            next_try: None,
            given_up: false,
            owed: Vec::new(),
            swept: Instant::now(),
            sweep_from: None,
            commits_since_step: 0,
            warned: None,
            stopping: false,
        }
    }

    /// Serves the queue until it is told to stop.
    pub(super) fn run(mut self, queue: &Receiver<ToWriter>, mut panics: Panics) {
        while catch_unwind(AssertUnwindSafe(|| self.serve(queue))).is_err() {
            Counters::add(&self.inner.counters.panics, 1);
            tracing::error!("the store's thread panicked: the file is opened again");
            panics.count();
            self.stop_writing();
            self.answer_in_flight(Err(StoreFault::Failed));
            // What is left of the file may panic once more when it is closed; then it is gone, and opened with the next try.
            let _ = catch_unwind(AssertUnwindSafe(|| self.reopen()));
        }
    }

    fn serve(&mut self, queue: &Receiver<ToWriter>) {
        loop {
            if self.pending.is_empty() && self.later.is_empty() && !self.stopping {
                match queue.recv_timeout(self.idle_for()) {
                    Ok(message) => self.take(message),
                    Err(RecvTimeoutError::Timeout) => {}
                    Err(RecvTimeoutError::Disconnected) => self.stopping = true,
                }
            }
            self.gather(queue);
            self.get_over_damage();
            self.commit();
            while self.later.front().is_some_and(|(after, _)| *after <= self.done) {
                if let Some((_, later)) = self.later.pop_front() {
                    self.start(later);
                }
            }
            if self.stopping && self.pending.is_empty() {
                match queue.try_recv() {
                    Ok(message) => self.take(message),
                    Err(_) => return,
                }
            }
            self.try_again();
            self.sweep();
        }
    }

    /// How long there is nothing to do if nothing comes.
    fn idle_for(&self) -> Duration {
        let now = Instant::now();
        match self.next_try {
            Some(_) if self.given_up => SWEEP_EVERY,
            Some(next_try) => next_try.saturating_duration_since(now),
            None if self.sweep_from.is_some() => Duration::ZERO,
            None => (self.swept + SWEEP_EVERY).saturating_duration_since(now),
        }
    }

    fn take(&mut self, message: ToWriter) {
        match message {
            ToWriter::Append(attached, items) => {
                self.taken += items.len() as u64;
                for item in items {
                    self.pending_octets += item.octets;
                    self.someone_waits |= item.waiting.is_some();
                    self.pending.push_back(Pending::Item(Arc::clone(&attached), item));
                }
            }
            ToWriter::Ask(attached, query) => self.later.push_back((self.taken, Later::Ask(attached, query))),
            ToWriter::Load(load) => self.later.push_back((self.taken, Later::Load(load))),
            ToWriter::Ledger(message) => match self.ledgers.take(message) {
                Next::Commit(batch) => {
                    self.taken += 1;
                    self.pending_octets += batch.octets;
                    self.pending.push_back(Pending::Ledger(batch));
                }
                Next::Load(load) => self.later.push_back((self.taken, Later::LoadLedger(load))),
                Next::Nothing => {}
            },
            ToWriter::Stop => self.stopping = true,
        }
    }

    /// Takes what is queued, as much as fits one commit; waits for more only where nobody waits for it.
    fn gather(&mut self, queue: &Receiver<ToWriter>) {
        let until = Instant::now() + self.settings.commit_interval;
        loop {
            if self.pending.len() >= self.settings.commit_records || self.pending_octets >= COMMIT_OCTETS {
                return;
            }
            if let Ok(message) = queue.try_recv() {
                self.take(message);
                continue;
            }
            let in_a_hurry = self.someone_waits || !self.later.is_empty() || self.stopping || self.pending.is_empty();
            if in_a_hurry {
                return;
            }
            match queue.recv_timeout(until.saturating_duration_since(Instant::now())) {
                Ok(message) => self.take(message),
                Err(_) => return,
            }
        }
    }

    /// One write transaction with what comes first.
    fn commit(&mut self) {
        let (mut group, mut work, mut records) = (Vec::new(), Vec::new(), 0);
        // Ledgers have a bound of their own.
        let (mut octets, mut octets_of_ledgers) = (0, 0);
        while records < self.settings.commit_records.max(1) && octets + octets_of_ledgers < COMMIT_OCTETS {
            match self.pending.pop_front() {
                Some(Pending::Item(attached, item)) => {
                    octets += item.octets;
                    records += 1;
                    group.push(Entry { realm: Arc::clone(&attached.log), seq: item.seq, change: item.change });
                    self.in_flight.extend(item.waiting.map(|waiting| (attached, waiting)));
                }
                Some(Pending::Ledger(batch)) => {
                    octets_of_ledgers += batch.octets;
                    records += batch.records();
                    work.push(batch.work);
                    self.ledgers.begin(batch.reply);
                }
                None => break,
            }
        }
        self.pending_octets -= octets + octets_of_ledgers;
        self.done += (group.len() + work.len()) as u64;
        if self.pending.is_empty() {
            self.someone_waits = false;
        }
        if group.is_empty() && work.is_empty() {
            return;
        }
        self.commits_since_step += 1;
        // Before the commit, which might panic.
        self.inner.for_writer.remove(octets);
        let began = Instant::now();
        let outcome = match &mut self.log {
            Some(log) if self.next_try.is_none() => log.append_with(&group, &work).map_err(Some),
            Some(_) | None => Err(None),
        };
        match outcome {
            Ok(()) => {
                self.note_commit(began.elapsed(), &group, records);
                self.answer_in_flight(Ok(()));
            }
            Err(error) => {
                Counters::add(&self.inner.counters.failed, records);
                self.owe(group);
                if error.is_some() {
                    self.stop_writing();
                }
                self.answer_in_flight(Err(StoreFault::Failed));
                if let Some(error) = error {
                    tracing::error!(%error, "what was routed is not kept: the store is read-only until writing works");
                    self.reopen();
                }
            }
        }
    }

    fn note_commit(&mut self, took: Duration, group: &[Entry], records: usize) {
        self.inner.counters.add_commit(took, records);
        if let Some(last) = group.iter().map(|entry| entry.seq).max() {
            self.acknowledged = self.acknowledged.max(last);
        }
        let now = Instant::now();
        if took > SLOW && self.warned.is_none_or(|warned| now.duration_since(warned) > Duration::from_secs(60)) {
            self.warned = Some(now);
            tracing::warn!(ms = took.as_millis(), records, "the store's disk is slow");
        }
    }

    /// What was cleared must not come back after a restart only because the disk was full.
    fn owe(&mut self, group: Vec<Entry>) {
        let cleared = group.into_iter().filter(|entry| matches!(entry.change, Change::Forget(_)));
        let room = OWED_MAX - self.owed.len().min(OWED_MAX);
        self.owed.extend(cleared.take(room));
    }

    fn answer_in_flight(&mut self, outcome: Result<(), StoreFault>) {
        let mut answers = Answers::default();
        for (attached, waiting) in self.in_flight.drain(..) {
            answers.add(&attached, Answer::Kept { waiting, outcome });
        }
        answers.send();
        self.ledgers.answer(outcome);
    }

    /// Everything before it is committed, or has failed.
    fn start(&mut self, later: Later) {
        let lease = self.log.as_ref().map(|log| Lease::new(log.database(), self.alive.clone()));
        match (later, lease) {
            (Later::Ask(attached, query), Some(lease)) => self.readers.send(Job::Ask(lease, attached, query)),
            (Later::Load(load), Some(lease)) => self.readers.send(Job::Load(lease, load)),
            (Later::LoadLedger(load), Some(lease)) => self.readers.send(Job::LoadLedger(lease, load)),
            (Later::Ask(attached, query), None) => {
                self.inner.questions.remove(1);
                (attached.sink)(vec![unread(&query)]);
            }
            (Later::Load(load), None) => load.answer(Err(StoreFault::Failed)),
            (Later::LoadLedger(load), None) => load.answer(Err(StoreFault::Failed)),
        }
    }

    /// After a failure, before anybody hears of it.
    fn stop_writing(&mut self) {
        self.inner.counters.read_only.store(1, Ordering::Relaxed);
        self.next_try = Some(Instant::now() + TRY_EVERY);
    }

    /// An open file that has failed once refuses everything, so it is opened again at once, for reading.
    fn reopen(&mut self) {
        self.log = None;
        // Readers end on their own: none waits for this thread.
        let (alive, given_back) = channel();
        drop(std::mem::replace(&mut self.alive, alive));
        let _ = std::mem::replace(&mut self.given_back, given_back).recv();
        match FileLog::open(&self.place).and_then(|log| Ok((log.last_seq()?, log))) {
            Ok((last, log)) if last >= self.acknowledged => self.log = Some(log),
            Ok((last, _)) => {
                self.given_up = true;
                tracing::error!(?last, acknowledged = ?self.acknowledged, "the store lost what it had kept: it stays closed");
            }
            Err(error) => tracing::error!(%error, "the store cannot be opened again"),
        }
    }

    /// A question that met a damaged page is nobody else's trouble.
    fn get_over_damage(&mut self) {
        if self.log.as_ref().is_some_and(FileLog::is_damaged) {
            tracing::error!("a page of the store is damaged: what lies there cannot be read");
            self.reopen();
        }
    }

    /// A store that cannot write tries a small commit now and then.
    fn try_again(&mut self) {
        if self.given_up || self.next_try.is_none_or(|next_try| Instant::now() < next_try) {
            return;
        }
        if self.log.is_none() {
            self.reopen();
        }
        let outcome = match &mut self.log {
            Some(log) if self.owed.is_empty() => log.try_to_write(),
            Some(log) => log.append(&self.owed),
            None => {
                self.next_try = Some(Instant::now() + TRY_EVERY);
                return;
            }
        };
        match outcome {
            Ok(()) => {
                self.owed.clear();
                self.next_try = None;
                self.inner.counters.read_only.store(0, Ordering::Relaxed);
                tracing::info!("the store can be written to again");
            }
            Err(error) => {
                tracing::warn!(%error, "the store still cannot be written to");
                self.stop_writing();
                self.reopen();
            }
        }
    }

    /// Gives back the room of what is too old, step by step.
    fn sweep(&mut self) {
        if self.sweep_from.is_none() && self.swept.elapsed() >= SWEEP_EVERY {
            self.sweep_from = Some(None);
        }
        let is_due = self.pending.is_empty() || self.commits_since_step >= COMMITS_PER_SWEEP_STEP;
        if self.next_try.is_some() || !is_due {
            return;
        }
        let (Some(log), Some(from)) = (&mut self.log, self.sweep_from.take()) else { return };
        self.commits_since_step = 0;
        match log.sweep_some((self.inner.now)(), from) {
            Ok(Some(next)) => self.sweep_from = Some(Some(next)),
            Ok(None) => self.swept = Instant::now(),
            Err(error) => {
                tracing::error!(%error, "what is too old cannot be taken out of the store");
                self.swept = Instant::now();
                self.stop_writing();
                self.reopen();
            }
        }
    }
}
