//! One realm's end of the store: it hands orders over, once per turn, and is given answers.
//!
//! Nothing here waits or does the store's work: an order costs its share of one message to a thread.

use super::figures::Counters;
use super::history::{Batch, ToHistory};
use super::service::Inner;
use super::writer::ToWriter;
use super::{octets, Change, RealmLog, Seq};
use crate::routing::{HistoryRule, KeptEvent, Order, Page, Query, Records, StoreFault, Waiting};
use std::fmt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;

/// What the store tells a realm.
#[derive(Clone, PartialEq, Debug)]
pub enum Answer {
    /// For [`Realm::kept`](crate::routing::Realm::kept).
    Kept {
        /// Who waited.
        waiting: Waiting,
        /// Whether it is kept.
        outcome: Result<(), StoreFault>,
    },
    /// For [`Realm::history_read`](crate::routing::Realm::history_read).
    Read {
        /// The question's ticket.
        ticket: u64,
        /// The answer.
        page: Result<Page, StoreFault>,
    },
}

/// How a realm is told. Called by the store's threads, and by the realm's own for what is refused at once.
pub type Sink = Arc<dyn Fn(Vec<Answer>) + Send + Sync>;

/// Octets that may wait for one thread of the store.
const QUEUE_OCTETS_MAX: usize = 8 << 20;

/// Questions that may be under way at the same time, over all realms.
const QUESTIONS_MAX: usize = 1024;

/// What waits for a thread.
#[derive(Debug, Default)]
pub(super) struct Queue(AtomicUsize);

impl Queue {
    fn try_add(&self, octets: usize) -> bool {
        self.try_add_up_to(octets, QUEUE_OCTETS_MAX)
    }

    /// Threads that add at the same moment may all get in: the bound is exceeded by at most an event for each.
    fn try_add_up_to(&self, share: usize, max: usize) -> bool {
        let fits = self.0.load(Ordering::Relaxed).saturating_add(share) <= max;
        if fits {
            self.0.fetch_add(share, Ordering::Relaxed);
        }
        fits
    }

    pub(super) fn remove(&self, share: usize) {
        self.0.fetch_sub(share, Ordering::Relaxed);
    }
}

/// A realm, as the store's threads know it.
pub(super) struct Attached {
    /// Tells one attachment from another.
    pub(super) id: u64,
    pub(super) log: Arc<RealmLog>,
    pub(super) sink: Sink,
}

impl fmt::Debug for Attached {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Attached").field("id", &self.id).field("log", &self.log).finish_non_exhaustive()
    }
}

/// A change on its way to a thread.
#[derive(Debug)]
pub(super) struct Item {
    pub(super) seq: Seq,
    pub(super) change: Change,
    pub(super) waiting: Option<Waiting>,
    /// What it takes of the queue.
    pub(super) octets: usize,
}

/// A realm's way to its store. Dropped when the realm ends; another one may be attached then, or before.
#[derive(Debug)]
pub struct StoreHandle {
    attached: Arc<Attached>,
    inner: Arc<Inner>,
}

/// A turn's orders, by where they go.
#[derive(Default)]
struct Split {
    to_history: Vec<Item>,
    to_writer: Vec<Item>,
    questions: Vec<Query>,
    refused: Vec<Answer>,
    dropped: usize,
}

impl StoreHandle {
    pub(super) fn new(attached: Attached, inner: Arc<Inner>) -> Self {
        Self { attached: Arc::new(attached), inner }
    }

    /// Hands a turn's orders over. They are carried out in the order given, over all calls.
    pub fn submit(&self, orders: Vec<Order>) {
        if orders.is_empty() {
            return;
        }
        let mut split = Split::default();
        let Seq(mut next) = self.inner.next_seqs(orders.iter().map(positions).sum());
        for order in orders {
            let seq = Seq(next);
            next += positions(&order) as u64;
            match order {
                Order::Records(records) => self.hand_over(&mut split, seq, *records),
                Order::Keep { event, history, retain, waiting } => {
                    self.split_keep(&mut split, seq, event, history, retain, waiting);
                }
                Order::Forget(topic) => {
                    // Never refused: an event that was cleared must not come back. It is no larger than a topic.
                    let item = Item { seq, change: Change::Forget(topic), waiting: None, octets: 0 };
                    if self.inner.writer.is_some() {
                        split.to_writer.push(item);
                    } else {
                        split.to_history.push(item);
                    }
                }
                Order::Read(query) if self.inner.questions.try_add_up_to(1, QUESTIONS_MAX) => {
                    split.questions.push(*query);
                }
                Order::Read(query) => {
                    split.refused.push(Answer::Read { ticket: query.ticket, page: Err(StoreFault::Busy) });
                }
            }
        }
        self.send(split);
    }

    /// Events for memory that nobody waits for are handed over as they are, behind what goes there and was ordered before: the
    /// other thread takes them apart. All or none of them: they are little more than a mebibyte.
    fn hand_over(&self, split: &mut Split, first: Seq, records: Records) {
        let octets = records.octets() as usize;
        if !self.inner.for_history.try_add(octets) {
            split.dropped += records.len();
            return;
        }
        let attached = || Arc::clone(&self.attached);
        if !split.to_history.is_empty() {
            let earlier = std::mem::take(&mut split.to_history);
            if let Err(unsent) = self.inner.history.send(ToHistory::Turn(attached(), earlier, Vec::new())) {
                split.refused.extend(unsent.0.into_faults());
            }
        }
        // A thread that is gone keeps nothing any more.
        let _ = self.inner.history.send(ToHistory::Batch(Batch { attached: attached(), first, records, octets }));
    }

    /// An event goes to the file as far as it is to outlive the process, and to memory as far as it is not.
    fn split_keep(
        &self,
        split: &mut Split,
        seq: Seq,
        event: Arc<KeptEvent>,
        history: Option<HistoryRule>,
        retain: bool,
        waiting: Option<Waiting>,
    ) {
        let size = octets(&event) as usize;
        let has_file = self.inner.writer.is_some();
        let (durable, volatile) = match history {
            Some(rule) if rule.durable && has_file => (history, None),
            Some(_) | None => (None, history),
        };
        let to_file = durable.is_some() || (retain && has_file);
        // Whoever waits waits for the file, if it has a part in it.
        let mut waiting = waiting;
        let mut dropped = false;
        if to_file {
            if self.inner.for_writer.try_add(size) {
                let change = Change::Keep { event: Arc::clone(&event), history: durable, retain };
                split.to_writer.push(Item { seq, change, waiting: waiting.take(), octets: size });
            } else {
                dropped = true;
            }
        }
        if volatile.is_some() || !to_file {
            if self.inner.for_history.try_add(size) {
                let change = Change::Keep { event, history: volatile, retain: retain && !has_file };
                let waiting = if dropped { None } else { waiting.take() };
                split.to_history.push(Item { seq, change, waiting, octets: size });
            } else {
                dropped = true;
            }
        }
        if dropped {
            split.dropped += 1;
            split.refused.extend(waiting.map(|waiting| Answer::Kept { waiting, outcome: Err(StoreFault::Busy) }));
        }
    }

    fn send(&self, split: Split) {
        let Split { to_history, to_writer, questions, mut refused, dropped } = split;
        let attached = || Arc::clone(&self.attached);
        if dropped > 0 {
            Counters::add(&self.inner.counters.dropped, dropped);
        }
        if !to_writer.is_empty() {
            if let Some(writer) = &self.inner.writer {
                if let Err(unsent) = writer.send(ToWriter::Append(attached(), to_writer)) {
                    refused.extend(unsent.0.into_faults());
                }
            }
        }
        if !to_history.is_empty() || !questions.is_empty() {
            if let Err(unsent) = self.inner.history.send(ToHistory::Turn(attached(), to_history, questions)) {
                refused.extend(unsent.0.into_faults());
            }
        }
        if !refused.is_empty() {
            (self.attached.sink)(refused);
        }
    }

    /// What is retained, by topic, the newest of each last: after everything that was ordered before, by this realm or the
    /// one that had its name before. `reply` is called by a thread of the store.
    pub fn load_retained(&self, reply: impl FnOnce(Result<Vec<KeptEvent>, StoreFault>) + Send + 'static) {
        let (log, reply) = (Arc::clone(&self.attached.log), Box::new(reply));
        let load = Load { log, reply };
        // A thread that is gone drops the reply, and whoever waits for it hears that.
        let _ = match &self.inner.writer {
            Some(writer) => writer.send(ToWriter::Load(load)).map_err(|_| ()),
            None => self.inner.history.send(ToHistory::Load(load)).map_err(|_| ()),
        };
    }
}

/// How many positions an order takes.
fn positions(order: &Order) -> usize {
    match order {
        Order::Records(records) => records.len(),
        Order::Keep { .. } | Order::Forget(_) | Order::Read(_) => 1,
    }
}

impl Drop for StoreHandle {
    fn drop(&mut self) {
        // A thread that is gone has forgotten the realm anyway.
        let _ = self.inner.history.send(ToHistory::Detach(Arc::clone(&self.attached.log)));
    }
}

/// Somebody waits for what is retained.
pub(super) struct Load {
    pub(super) log: Arc<RealmLog>,
    reply: Box<dyn FnOnce(Result<Vec<KeptEvent>, StoreFault>) + Send>,
}

impl Load {
    pub(super) fn answer(self, events: Result<Vec<Arc<KeptEvent>>, StoreFault>) {
        (self.reply)(events.map(|events| events.into_iter().map(Arc::unwrap_or_clone).collect()));
    }
}

/// The answers to items that nobody will carry out.
pub(super) fn faults(items: Vec<Item>) -> impl Iterator<Item = Answer> {
    let waiting = items.into_iter().filter_map(|item| item.waiting);
    waiting.map(|waiting| Answer::Kept { waiting, outcome: Err(StoreFault::Failed) })
}
