//! The thread that owns the log in memory, for all realms. It waits for nothing but its queue, never for a disk.

use super::figures::Counters;
use super::memory::{Collected, MemoryLog};
use super::realm::{faults, Answer, Attached, Item, Load};
use super::select::Positions;
use super::service::{Inner, Panics};
use super::writer::ToWriter;
use super::{Entry, EventLog, RealmLog, Seq};
use crate::routing::{Query, Records, StoreFault, Waiting};
use crate::wamp::{MatchPolicy, WallTime};
use std::collections::{BTreeMap, VecDeque};
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::mpsc::{Receiver, RecvTimeoutError, SyncSender};
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How often what is too old is looked for.
pub(super) const SWEEP_EVERY: Duration = Duration::from_secs(60);

/// What comes within this time after some history is put in together: a thread that is woken once for each turn of a realm
/// costs the realm more than what it gives away. Nobody waits for history in memory, and a question can wait so long.
const GATHERED_FOR: Duration = Duration::from_millis(1);

/// Realms that are closed and whose history is still in memory: a realm that is started again finds it. The one that was
/// closed first goes.
const CLOSED_MAX: usize = 16;

pub(super) enum ToHistory {
    /// A realm is opened.
    Attach(Arc<RealmLog>),
    /// It is closed, or was started again.
    Detach(Arc<RealmLog>),
    /// What a realm's turn has ordered, and then asked.
    Turn(Arc<Attached>, Vec<Item>, Vec<Query>),
    /// What a realm's turn has ordered, where all of it is history that nobody waits for.
    Batch(Batch),
    /// What is retained is wanted.
    Load(Load),
    /// The part of an answer that is in memory is wanted by a reader of the file.
    Collect(Box<Collect>),
    /// Nothing more comes.
    Stop,
}

pub(super) struct Batch {
    pub(super) attached: Arc<Attached>,
    /// The position of the first event; the others follow.
    pub(super) first: Seq,
    pub(super) records: Records,
    /// What it takes of the queue.
    pub(super) octets: usize,
}

pub(super) struct Collect {
    pub(super) realm: Arc<RealmLog>,
    pub(super) query: Query,
    pub(super) now: WallTime,
    pub(super) positions: Positions,
    pub(super) reply: SyncSender<Result<Collected, StoreFault>>,
}

impl ToHistory {
    /// The answers, if nobody will carry it out.
    pub(super) fn into_faults(self) -> Vec<Answer> {
        match self {
            Self::Turn(_, items, questions) => {
                let unread = questions.into_iter().map(|query| query.ticket);
                let unread = unread.map(|ticket| Answer::Read { ticket, page: Err(StoreFault::Failed) });
                faults(items).chain(unread).collect()
            }
            Self::Attach(_) | Self::Detach(_) | Self::Batch(_) | Self::Load(_) | Self::Collect(_) | Self::Stop => {
                Vec::new()
            }
        }
    }
}

pub(super) struct History {
    log: MemoryLog,
    /// How often each realm is open: twice while one replaces another.
    open: BTreeMap<String, usize>,
    closed: VecDeque<String>,
    swept: Instant,
    /// What the turn under way is to answer, and its share of the queue.
    under_way: Option<UnderWay>,
    /// Taken from the queue already.
    ahead: VecDeque<ToHistory>,
    inner: Arc<Inner>,
}

struct UnderWay {
    attached: Arc<Attached>,
    waiting: Vec<Waiting>,
    tickets: Vec<u64>,
    octets: usize,
}

/// Serves the queue until it is told to stop.
pub(super) fn run(inner: Arc<Inner>, queue: &Receiver<ToHistory>, mut panics: Panics) {
    let mut history = History {
        log: MemoryLog::new(),
        open: BTreeMap::new(),
        closed: VecDeque::new(),
        swept: Instant::now(),
        under_way: None,
        ahead: VecDeque::new(),
        inner: Arc::clone(&inner),
    };
    // A log that was left in the middle of a change is not to be trusted.
    while catch_unwind(AssertUnwindSafe(|| history.serve(queue))).is_err() {
        Counters::add(&inner.counters.panics, 1);
        tracing::error!("the thread of the history in memory panicked and goes on with an empty one");
        history.log = MemoryLog::new();
        history.answer_with_faults();
        panics.count();
    }
}

impl History {
    fn serve(&mut self, queue: &Receiver<ToHistory>) {
        loop {
            let message = match self.ahead.pop_front() {
                Some(message) => Ok(message),
                None => queue.recv_timeout((self.swept + SWEEP_EVERY).saturating_duration_since(Instant::now())),
            };
            match message {
                Ok(ToHistory::Attach(realm)) => {
                    self.closed.retain(|closed| *closed != realm.name);
                    *self.open.entry(realm.name.clone()).or_default() += 1;
                }
                Ok(ToHistory::Detach(realm)) => self.detach(&realm.name),
                Ok(ToHistory::Turn(attached, items, questions)) => self.turn(&attached, items, questions),
                Ok(ToHistory::Batch(batch)) => {
                    self.batch(batch);
                    if self.ahead.is_empty() {
                        // A question waits a millisecond longer; realms are spared a wake-up for each of their turns.
                        std::thread::sleep(GATHERED_FOR);
                        self.ahead.extend(queue.try_iter());
                    }
                }
                Ok(ToHistory::Load(load)) => {
                    let retained = self.log.retained(&load.log.name);
                    load.answer(retained);
                }
                Ok(ToHistory::Collect(collect)) => {
                    let Collect { realm, query, now, positions, reply } = *collect;
                    // A reader that has gone away waits no longer.
                    let _ = reply.send(self.log.collect(&realm.name, now, &query, positions));
                }
                Err(RecvTimeoutError::Timeout) => {
                    self.swept = Instant::now();
                    // Memory does not fail.
                    let _ = self.log.sweep((self.inner.now)());
                }
                Ok(ToHistory::Stop) | Err(RecvTimeoutError::Disconnected) => return,
            }
        }
    }

    fn batch(&mut self, batch: Batch) {
        let Batch { attached, first, mut records, octets } = batch;
        // Before the append, which might panic.
        self.inner.for_history.remove(octets);
        self.log.append_records(&attached.log, first, &mut records);
    }

    fn detach(&mut self, realm: &str) {
        let Some(times) = self.open.get_mut(realm) else { return };
        *times -= 1;
        if *times == 0 {
            self.open.remove(realm);
            self.closed.push_back(realm.to_owned());
        }
        if self.closed.len() > CLOSED_MAX {
            if let Some(oldest) = self.closed.pop_front() {
                self.log.drop_realm(&oldest);
            }
        }
    }

    fn turn(&mut self, attached: &Arc<Attached>, items: Vec<Item>, questions: Vec<Query>) {
        let octets = items.iter().map(|item| item.octets).sum();
        let waiting: Vec<Waiting> = items.iter().filter_map(|item| item.waiting).collect();
        let tickets = questions.iter().map(|query| query.ticket).collect();
        self.under_way = Some(UnderWay { attached: Arc::clone(attached), waiting: waiting.clone(), tickets, octets });
        let entry = |Item { seq, change, .. }| Entry { realm: Arc::clone(&attached.log), seq, change };
        let group: Vec<Entry> = items.into_iter().map(entry).collect();
        // Memory does not fail.
        let _ = self.log.append(&group);
        let kept = waiting.into_iter().map(|waiting| Answer::Kept { waiting, outcome: Ok(()) });
        let mut answers: Vec<Answer> = kept.collect();
        for query in questions {
            answers.extend(self.ask(attached, query));
        }
        self.under_way = None;
        self.inner.for_history.remove(octets);
        if !answers.is_empty() {
            (attached.sink)(answers);
        }
    }

    /// After a panic: nobody waits for ever for the turn that was under way. A question that had gone on to the file by then
    /// is answered twice, and the second answer finds nobody.
    fn answer_with_faults(&mut self) {
        let Some(UnderWay { attached, waiting, tickets, octets }) = self.under_way.take() else { return };
        self.inner.for_history.remove(octets);
        let kept = waiting.into_iter().map(|waiting| Answer::Kept { waiting, outcome: Err(StoreFault::Failed) });
        let read = tickets.into_iter().map(|ticket| Answer::Read { ticket, page: Err(StoreFault::Failed) });
        (attached.sink)(kept.chain(read).collect());
    }

    /// Answers what memory knows alone; any other question goes on to the file, behind what was ordered before it.
    fn ask(&mut self, attached: &Arc<Attached>, query: Query) -> Option<Answer> {
        let realm = &attached.log.name;
        if let Some(writer) = &self.inner.writer {
            // A topic is either in memory or in the file, as its rule says.
            if query.policy != MatchPolicy::Exact || !self.log.has_topic(realm, &query.topic) {
                let unsent = writer.send(ToWriter::Ask(Arc::clone(attached), Box::new(query))).err()?;
                return unsent.0.into_faults().pop();
            }
        }
        self.inner.questions.remove(1);
        let page = self.log.read(realm, (self.inner.now)(), &query);
        Some(Answer::Read { ticket: query.ticket, page })
    }
}
