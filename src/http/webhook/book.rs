//! Where a webhook's queue is written down: its ledger in the store. One batch at a time, and what changes meanwhile goes into
//! the next one, so that a store that is slow is asked less and not more. Nobody waits for it: a delivery goes out before, while
//! and after it is written down.

use super::queue::{Number, Queue};
use super::record::{self, Record};
use crate::actors::clock;
use crate::storage::{Ledger, LedgerFault, LedgerRows};
use std::collections::VecDeque;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot};

/// What the names of webhooks' ledgers begin with.
pub(super) const PREFIX: &str = "hook/";

/// Octets and records of one batch; the octets may be more by one record.
const BATCH_OCTETS: usize = 1 << 20;
const BATCH_RECORDS: usize = 1024;

/// What is waited after a batch that has failed.
const AGAIN: Duration = Duration::from_secs(1);

/// What came of a batch.
pub(super) type Written = Result<(), LedgerFault>;

/// A number of a batch, and whether there is something under it.
type Line = (Number, bool);

pub(super) struct Book {
    ledger: Ledger,
    webhook: String,
    told: mpsc::UnboundedSender<Written>,
    /// The oldest first; so come their answers.
    under_way: VecDeque<Vec<Line>>,
    again_at: Option<Instant>,
    /// Whether the last batch has failed, which has been told.
    is_told: bool,
}

impl Book {
    /// Puts what was written down into the queue. `None`: there is no store, or it cannot be read; then nothing is written
    /// either, so that what lies there stays as it is.
    pub(super) async fn open(
        ledger: Option<Ledger>,
        webhook: &str,
        queue: &mut Queue,
        told: mpsc::UnboundedSender<Written>,
    ) -> Option<Self> {
        let ledger = ledger?;
        let (sender, loaded) = oneshot::channel();
        // Whoever asked may be gone.
        ledger.load(move |rows| drop(sender.send(rows)));
        let Ok(Ok(rows)) = loaded.await else {
            tracing::error!(webhook, "what waits for this webhook cannot be read from the store: it waits in memory");
            return None;
        };
        restore(webhook, queue, rows);
        let webhook = webhook.to_owned();
        Some(Self { ledger, webhook, told, under_way: VecDeque::new(), again_at: None, is_told: false })
    }

    /// Writes down what has changed, unless that is under way or has failed just now.
    pub(super) fn write(&mut self, queue: &mut Queue) {
        if self.under_way.is_empty() && self.again_at.is_none_or(|at| at <= clock::now()) {
            self.again_at = None;
            self.write_batch(queue);
        }
    }

    /// Writes down all that has changed, since there may be no time for the next batch.
    pub(super) fn write_all(&mut self, queue: &mut Queue) {
        while self.write_batch(queue) {}
    }

    /// Whether there was anything.
    fn write_batch(&mut self, queue: &mut Queue) -> bool {
        let (mut changes, mut lines, mut octets) = (Vec::new(), Vec::new(), 0);
        while octets < BATCH_OCTETS && lines.len() < BATCH_RECORDS {
            let Some(number) = queue.next_changed() else { break };
            let value = record::write(&queue.kept(number));
            octets += value.as_ref().map_or(0, Vec::len);
            lines.push((number, value.is_some()));
            changes.push((number.0, value));
        }
        if lines.is_empty() {
            return false;
        }
        self.under_way.push_back(lines);
        let told = self.told.clone();
        // A webhook that is over does not wait for it.
        self.ledger.write(changes, move |outcome| {
            let _ = told.send(outcome);
        });
        true
    }

    /// The oldest batch is on disk, or will not be.
    pub(super) fn written(&mut self, queue: &mut Queue, outcome: Written) {
        let Some(lines) = self.under_way.pop_front() else { return };
        let webhook = self.webhook.as_str();
        match outcome {
            Ok(()) => {
                queue.erased(lines.into_iter().filter(|(_, is_there)| !is_there).map(|(number, _)| number));
                if std::mem::take(&mut self.is_told) {
                    tracing::info!(webhook, "what waits for this webhook is written to the store again");
                }
            }
            Err(LedgerFault) => {
                queue.changed_again(lines.into_iter().map(|(number, _)| number));
                self.again_at = Some(clock::now() + AGAIN);
                if !std::mem::replace(&mut self.is_told, true) {
                    tracing::error!(webhook, "what waits for this webhook is not written to the store: tried again");
                }
            }
        }
    }

    /// How many records are not known to be on disk.
    pub(super) fn unwritten(&self, queue: &Queue) -> usize {
        queue.unwritten() + self.under_way.iter().map(Vec::len).sum::<usize>()
    }

    /// When there is something to be written that could not be.
    pub(super) fn wake(&self) -> Option<Instant> {
        self.again_at.filter(|_| self.under_way.is_empty())
    }
}

fn restore(webhook: &str, queue: &mut Queue, rows: LedgerRows) {
    let mut unreadable = 0_usize;
    for (number, octets) in rows {
        let number = Number(number);
        match record::read(&octets) {
            Ok(Record::Off) if number == Number::STATE => queue.restore_off(),
            Ok(Record::Waiting { due, delivery }) => queue.restore(number, Some(due), delivery),
            Ok(Record::Dead(delivery)) => queue.restore(number, None, delivery),
            Ok(Record::Off) | Err(record::Unreadable) => {
                queue.give_up(number);
                unreadable += 1;
            }
        }
    }
    if unreadable > 0 {
        tracing::error!(
            webhook,
            unreadable,
            "deliveries in the store are of no version that is known: they are removed"
        );
    }
    let (waiting, dead, is_off) = (queue.len(), queue.dead().count(), queue.is_off());
    if waiting + dead > 0 || is_off {
        tracing::info!(webhook, waiting, dead, is_off, "deliveries from before the restart");
    }
}
