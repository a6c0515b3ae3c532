//! Ledgers: numbered values beside the events, for work that has to be finished after a restart. Webhooks have one each.
//!
//! Their owner has the truth in memory and writes down what has changed, one batch after the other, in the group commits of the
//! store. So what waits here has a bound without a rule for "full": a batch for each ledger. Never looks into a value.

use super::file;
use super::service::Inner;
use super::writer::ToWriter;
use crate::routing::StoreFault;
use redb::Database;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt;
use std::sync::Arc;

/// What is under one number from now on; `None`: nothing.
pub type LedgerChange = (u64, Option<Vec<u8>>);

/// All that a ledger has, in ascending order.
pub type LedgerRows = Vec<(u64, Vec<u8>)>;

/// The store has failed, or the ledger has another owner: nothing was written, or nothing can be read.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
#[error("the store has failed, or this is not the owner of the ledger any more")]
pub struct LedgerFault;

type Reply<T> = Box<dyn FnOnce(Result<T, LedgerFault>) + Send>;

/// An owner's way to its ledger. One that was opened later under the same name, or [`StoreLink::keep_ledgers`] without the
/// name, takes it away: what is written here afterwards fails.
///
/// [`StoreLink::keep_ledgers`]: super::StoreLink::keep_ledgers
pub struct Ledger {
    id: u64,
    name: Arc<str>,
    inner: Arc<Inner>,
}

impl fmt::Debug for Ledger {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Ledger").field("id", &self.id).field("name", &self.name).finish_non_exhaustive()
    }
}

impl Ledger {
    pub(super) fn open(id: u64, name: &str, inner: &Arc<Inner>) -> Self {
        let ledger = Self { id, name: name.into(), inner: Arc::clone(inner) };
        ledger.send(ToLedger::Open { id, name: Arc::clone(&ledger.name) });
        ledger
    }

    /// What was written, once everything that was ordered before is on disk. `reply` is called by a thread of the store.
    pub fn load(&self, reply: impl FnOnce(Result<LedgerRows, LedgerFault>) + Send + 'static) {
        self.send(ToLedger::Load(LoadLedger { name: Arc::clone(&self.name), reply: Box::new(reply) }));
    }

    /// Writes these, all or none. `reply` is called when they are on disk, or will not be. Whoever writes waits for it before the
    /// next batch, which keeps batches to one for each ledger; only what is written at the end may follow at once.
    pub fn write(&self, changes: Vec<LedgerChange>, reply: impl FnOnce(Result<(), LedgerFault>) + Send + 'static) {
        let octets = changes.iter().map(|(_, value)| value.as_ref().map_or(8, Vec::len)).sum();
        let work = LedgerWork::Write { name: Arc::clone(&self.name), changes };
        self.send(ToLedger::Write { id: self.id, batch: Batch { work, octets, reply: Some(Box::new(reply)) } });
    }

    fn send(&self, message: ToLedger) {
        let unsent = match &self.inner.writer {
            Some(writer) => writer.send(ToWriter::Ledger(message)).err().map(|unsent| unsent.0),
            None => Some(ToWriter::Ledger(message)),
        };
        if let Some(ToWriter::Ledger(message)) = unsent {
            message.fail();
        }
    }
}

/// What the writer is told of ledgers.
pub(super) enum ToLedger {
    Open { id: u64, name: Arc<str> },
    Load(LoadLedger),
    Write { id: u64, batch: Batch },
    Keep { prefix: String, names: BTreeSet<String> },
}

impl ToLedger {
    /// Nobody will carry it out.
    pub(super) fn fail(self) {
        match self {
            Self::Load(load) => load.answer(Err(StoreFault::Failed)),
            Self::Write { batch: Batch { reply: Some(reply), .. }, .. } => reply(Err(LedgerFault)),
            Self::Open { .. } | Self::Write { .. } | Self::Keep { .. } => {}
        }
    }
}

/// Somebody waits for what a ledger has.
pub(super) struct LoadLedger {
    name: Arc<str>,
    reply: Reply<LedgerRows>,
}

impl LoadLedger {
    pub(super) fn read(&self, database: &Database) -> Result<LedgerRows, StoreFault> {
        file::ledger_rows(database, &self.name).map_err(|error| {
            tracing::error!(ledger = &*self.name, %error, "what was to be finished after the restart cannot be read");
            StoreFault::Failed
        })
    }

    pub(super) fn answer(self, rows: Result<LedgerRows, StoreFault>) {
        (self.reply)(rows.map_err(|_| LedgerFault));
    }
}

/// What a commit does to ledgers.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum LedgerWork {
    /// Changes one.
    Write {
        /// Which.
        name: Arc<str>,
        /// How.
        changes: Vec<LedgerChange>,
    },
    /// Of those whose names begin so, only these stay.
    Keep {
        /// The beginning.
        prefix: String,
        /// What stays, with the prefix.
        names: BTreeSet<String>,
    },
}

/// One piece of work, and who waits for it.
pub(super) struct Batch {
    pub(super) work: LedgerWork,
    /// For the bound of a commit.
    pub(super) octets: usize,
    pub(super) reply: Option<Reply<()>>,
}

impl Batch {
    /// How many values it changes.
    pub(super) fn records(&self) -> usize {
        match &self.work {
            LedgerWork::Write { changes, .. } => changes.len(),
            LedgerWork::Keep { .. } => 0,
        }
    }
}

/// What the writer does with a message.
pub(super) enum Next {
    Commit(Batch),
    Load(LoadLedger),
    Nothing,
}

/// Who may write, and who waits for the commit under way.
#[derive(Default)]
pub(super) struct Ledgers {
    owners: BTreeMap<Arc<str>, u64>,
    in_flight: Vec<Reply<()>>,
}

impl Ledgers {
    pub(super) fn take(&mut self, message: ToLedger) -> Next {
        match message {
            ToLedger::Open { id, name } => {
                self.owners.insert(name, id);
                Next::Nothing
            }
            ToLedger::Load(load) => Next::Load(load),
            ToLedger::Keep { prefix, names } => {
                self.owners.retain(|name, _| !name.starts_with(&prefix) || names.contains(&**name));
                Next::Commit(Batch { work: LedgerWork::Keep { prefix, names }, octets: 0, reply: None })
            }
            ToLedger::Write { id, batch } => {
                let LedgerWork::Write { name, .. } = &batch.work else { return Next::Nothing };
                if self.owners.get(name) == Some(&id) {
                    return Next::Commit(batch);
                }
                // What a former owner still says must not come back after a restart.
                ToLedger::Write { id, batch }.fail();
                Next::Nothing
            }
        }
    }

    /// A commit is under way with this.
    pub(super) fn begin(&mut self, reply: Option<Reply<()>>) {
        self.in_flight.extend(reply);
    }

    /// What came of it.
    pub(super) fn answer(&mut self, outcome: Result<(), StoreFault>) {
        for reply in self.in_flight.drain(..) {
            reply(outcome.map_err(|_| LedgerFault));
        }
    }
}
