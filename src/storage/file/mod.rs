//! The log in one file, for all realms of a node: redb, every commit on disk before it is answered.
//!
//! A file that is damaged or of a newer schema is refused when it is opened; after an I/O error it has to be opened again.
//! Never waits for anything but the disk, and never decides what a question selects.

mod append;
mod bundle;
mod chunk;
mod chunks;
mod ledger;
mod place;
mod read;
mod recent;
mod sums;
mod topic;

pub(super) use ledger::rows as ledger_rows;
pub use place::{Files, Place};
pub(super) use read::{read_with, retained, PageEnds};

use super::{Entry, EventLog, LedgerWork, Seq};
use crate::routing::{KeptEvent, Page, Query, StoreFault};
use crate::wamp::WallTime;
use redb::{Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, TableDefinition, WriteTransaction};
use std::io;
use std::panic::{catch_unwind, AssertUnwindSafe};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;

/// The newest layout of the file that is known here.
const SCHEMA: u64 = 3;

/// A realm's URI to its number, and its octets of history.
const REALMS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("realms");
/// (realm, number of the topic, seq of the first) to a chunk of events.
const LOG: TableDefinition<'_, (u32, u64, u64), &[u8]> = TableDefinition::new("log");
/// (realm, slice of topics, number in ascending order) to a bundle of chunks.
const RECENT: TableDefinition<'_, (u32, u32, u64), &[u8]> = TableDefinition::new("recent");
/// (realm, topic) to its row.
const TOPICS: TableDefinition<'_, (u32, &str), topic::Row> = TableDefinition::new("topics");
/// (realm, seq of the topic's oldest event, or one before) to the topic: in this order a realm that is full loses events.
const OLDEST: TableDefinition<'_, (u32, u64), &str> = TableDefinition::new("oldest");
/// (realm, topic, seq) to a chunk with one event.
const RETAINED: TableDefinition<'_, (u32, &str, u64), &[u8]> = TableDefinition::new("retained");
/// The schema version, the store's id, counters.
const META: TableDefinition<'_, &str, u64> = TableDefinition::new("meta");

const META_SCHEMA: &str = "schema";
const META_ID: &str = "store_id";
const META_REALMS: &str = "realms";
const META_TOPICS: &str = "topics";
const META_SEQ: &str = "seq";

type LogTable<'t> = redb::Table<'t, (u32, u64, u64), &'static [u8]>;
type RecentTable<'t> = redb::Table<'t, (u32, u32, u64), &'static [u8]>;

/// A rule without an age.
const NO_AGE: u64 = u64::MAX;

/// The realm's number and the topic that a sweep goes on from; `None`: the start, or the end.
type SweepFrom = Option<(u32, String)>;

/// Why the file cannot be opened, or why it failed.
#[derive(Debug, thiserror::Error)]
pub enum StorageError {
    /// Another process has it, or this one has not closed it yet.
    #[error("the store {path} is in use by another process: stop that one, or give this node a file of its own")]
    InUse {
        /// The file.
        path: String,
    },
    /// It was written by a newer Wharf.
    #[error(
        "the store {path} has schema {found}, and this version knows up to {SCHEMA}: run the version that wrote it"
    )]
    NewerSchema {
        /// The file.
        path: String,
        /// Its schema.
        found: u64,
    },
    /// The system does not let us.
    #[error("cannot open the store {path}: {cause}")]
    Open {
        /// The file.
        path: String,
        /// What the system or the file says.
        cause: String,
    },
    /// A thread could not be started.
    #[error("cannot start the store's threads: {0}")]
    Thread(#[source] io::Error),
    /// Writing or reading failed.
    #[error("the store has failed: {0}")]
    Failed(String),
}

/// An I/O error, or the file's own structure is broken.
macro_rules! failed_from {
    ($($error:ty),+) => {$(
        impl From<$error> for StorageError {
            fn from(error: $error) -> Self {
                Self::Failed(error.to_string())
            }
        }
    )+};
}
failed_from!(redb::StorageError, redb::TableError, redb::TransactionError, redb::CommitError, redb::SetDurabilityError);

impl From<chunk::Damaged> for StorageError {
    fn from(damaged: chunk::Damaged) -> Self {
        Self::Failed(damaged.to_string())
    }
}

/// Events in a file.
#[derive(Debug)]
pub struct FileLog {
    database: Arc<Database>,
    is_damaged: Arc<AtomicBool>,
    known: append::Known,
}

impl FileLog {
    /// Opens the file, or makes it. After a kill this takes as long as after an orderly end.
    ///
    /// # Errors
    /// [`StorageError`], which names the file and the cause.
    pub fn open(place: &Place) -> Result<Self, StorageError> {
        // What redb does not expect in a page that has no sum, the first one, it may answer with a panic.
        catch_unwind(AssertUnwindSafe(|| Self::open_at(place))).unwrap_or_else(|_| {
            Err(StorageError::Open { path: place.name.clone(), cause: "the file is damaged".to_owned() })
        })
    }

    fn open_at(place: &Place) -> Result<Self, StorageError> {
        let path = || place.name.clone();
        let opened = place.open().map_err(|error| {
            if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
                StorageError::InUse { path: path() }
            } else {
                StorageError::Open { path: path(), cause: error.to_string() }
            }
        })?;
        let place::Opened { database, is_damaged } = opened;
        let log = Self { database: Arc::new(database), is_damaged, known: append::Known::default() };
        let failed = |error: StorageError| StorageError::Open { path: path(), cause: error.to_string() };
        match log.schema().map_err(failed)? {
            Some(SCHEMA) => Ok(log),
            Some(found) if found > SCHEMA => Err(StorageError::NewerSchema { path: path(), found }),
            None => {
                log.make_tables().map_err(failed)?;
                Ok(log)
            }
            Some(found) => {
                let cause = format!("it has schema {found}, which this version cannot read");
                Err(StorageError::Open { path: path(), cause })
            }
        }
    }

    fn schema(&self) -> Result<Option<u64>, StorageError> {
        let transaction = self.database.begin_read()?;
        match transaction.open_table(META) {
            Ok(meta) => Ok(meta.get(META_SCHEMA)?.map(|schema| schema.value())),
            Err(redb::TableError::TableDoesNotExist(_)) => Ok(None),
            Err(error) => Err(error.into()),
        }
    }

    fn make_tables(&self) -> Result<(), StorageError> {
        let transaction = self.begin()?;
        {
            let mut meta = transaction.open_table(META)?;
            meta.insert(META_SCHEMA, SCHEMA)?;
            meta.insert(META_ID, rand::random::<u64>())?;
            transaction.open_table(REALMS)?;
            transaction.open_table(LOG)?;
            transaction.open_table(RECENT)?;
            transaction.open_table(TOPICS)?;
            transaction.open_table(OLDEST)?;
            transaction.open_table(RETAINED)?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// Quick repair: an open after a kill must not walk the whole file.
    fn begin(&self) -> Result<WriteTransaction, StorageError> {
        let mut transaction = self.database.begin_write()?;
        transaction.set_durability(Durability::Immediate)?;
        transaction.set_quick_repair(true);
        Ok(transaction)
    }

    /// The last position that was given out and lies in the file.
    ///
    /// # Errors
    /// [`StorageError::Failed`].
    pub fn last_seq(&self) -> Result<Seq, StorageError> {
        let meta = self.database.begin_read()?.open_table(META)?;
        let last = meta.get(META_SEQ)?;
        Ok(Seq(last.map_or(0, |seq| seq.value())))
    }

    /// Writes next to nothing, to see whether writing works.
    ///
    /// # Errors
    /// [`StorageError::Failed`]: it does not.
    pub fn try_to_write(&mut self) -> Result<(), StorageError> {
        let transaction = self.begin()?;
        {
            let mut meta = transaction.open_table(META)?;
            let tries = meta.get("tries")?.map_or(0, |tries| tries.value());
            meta.insert("tries", tries.wrapping_add(1))?;
        }
        transaction.commit()?;
        Ok(())
    }

    /// As [`append`](EventLog::append), with work on ledgers in the same commit.
    ///
    /// # Errors
    /// [`StorageError`]: nothing was put in.
    pub fn append_with(&mut self, group: &[Entry], work: &[LedgerWork]) -> Result<(), StorageError> {
        let transaction = self.begin()?;
        // Forgotten if this fails.
        let mut known = std::mem::take(&mut self.known);
        if !group.is_empty() {
            append::append(&transaction, &mut known, group)?;
        }
        if !work.is_empty() {
            ledger::apply(&transaction, work)?;
        }
        transaction.commit()?;
        known.limit();
        self.known = known;
        Ok(())
    }

    /// One step of a sweep, from a topic on. Gives back where to go on, if there is more.
    pub(super) fn sweep_some(&mut self, now: WallTime, from: SweepFrom) -> Result<SweepFrom, StorageError> {
        let transaction = self.begin()?;
        let mut known = std::mem::take(&mut self.known);
        let (next, dropped) = append::sweep(&transaction, &mut known, now, from)?;
        if dropped {
            transaction.commit()?;
        } else {
            // Nothing to write: no fsync.
            transaction.abort()?;
        }
        known.limit();
        self.known = known;
        Ok(next)
    }

    /// Whether a damaged page was met: the file has to be opened again, and what does not touch the page works then.
    pub(super) fn is_damaged(&self) -> bool {
        self.is_damaged.load(Ordering::Acquire)
    }

    /// What readers on other threads read from.
    pub fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }
}

impl EventLog for FileLog {
    fn append(&mut self, group: &[Entry]) -> Result<(), StorageError> {
        self.append_with(group, &[])
    }

    fn read(&self, realm: &str, now: WallTime, query: &Query) -> Result<Page, StoreFault> {
        read_with(&self.database, &mut PageEnds::default(), realm, now, query, |_, _| Ok(None))
    }

    fn retained(&self, realm: &str) -> Result<Vec<Arc<KeptEvent>>, StoreFault> {
        read::retained(&self.database, realm).map_err(|error| {
            tracing::error!(%error, "retained events cannot be read");
            StoreFault::Failed
        })
    }

    fn sweep(&mut self, now: WallTime) -> Result<(), StorageError> {
        let mut from = None;
        loop {
            from = self.sweep_some(now, from)?;
            if from.is_none() {
                return Ok(());
            }
        }
    }
}
