//! The log in one file, for all realms of a node: redb, every commit on disk before it is answered.
//!
//! A file that is damaged or of a newer schema is refused when it is opened; after an I/O error it has to be opened again.
//! Never waits for anything but the disk, and never decides what a question selects.

mod append;
mod chunk;
mod read;
mod topic;

pub(super) use read::{read_with, retained, PageEnds};

use super::{Entry, EventLog, Seq};
use crate::routing::{KeptEvent, Page, Query, StoreFault};
use crate::wamp::WallTime;
use redb::{
    Builder, Database, DatabaseError, Durability, ReadableDatabase, ReadableTable, StorageBackend, TableDefinition,
    WriteTransaction,
};
use std::fmt;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::Arc;

/// The newest layout of the file that is known here.
const SCHEMA: u64 = 2;

/// Pages of the file that are kept in memory.
const CACHE_OCTETS: usize = 64 << 20;

/// A realm's URI to its number, and its octets of history.
const REALMS: TableDefinition<'_, &str, (u32, u64)> = TableDefinition::new("realms");
/// (realm, number of the topic, seq of the first) to a chunk of events.
const LOG: TableDefinition<'_, (u32, u64, u64), &[u8]> = TableDefinition::new("log");
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

/// Where the file's octets lie: a path, or whatever a test puts in its place.
#[derive(Clone)]
pub struct Place {
    name: String,
    open: Arc<dyn Fn() -> Result<Database, DatabaseError> + Send + Sync>,
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_tuple("Place").field(&self.name).finish()
    }
}

impl Place {
    /// A file, made if it is not there.
    pub fn path(path: &Path) -> Self {
        let (name, path) = (path.display().to_string(), PathBuf::from(path));
        Self { name, open: Arc::new(move || open_or_make(&path)) }
    }

    /// Octets behind a backend, opened anew each time. For tests with faults.
    pub fn backend<B: StorageBackend>(open: impl Fn() -> B + Send + Sync + 'static) -> Self {
        let create = move || Builder::new().set_cache_size(CACHE_OCTETS).create_with_backend(open());
        Self { name: "behind a backend".to_owned(), open: Arc::new(create) }
    }
}

/// A file is made under another name and gets its own when it is whole: what a crash or a full disk leaves half made would
/// be no store for ever.
fn open_or_make(path: &Path) -> Result<Database, DatabaseError> {
    let builder = || {
        let mut builder = Builder::new();
        builder.set_cache_size(CACHE_OCTETS);
        builder
    };
    if !path.try_exists()? {
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::create_dir_all(folder)?;
        }
        let mut new = path.as_os_str().to_owned();
        new.push(".new");
        if Path::new(&new).try_exists()? {
            std::fs::remove_file(&new)?;
        }
        drop(builder().create(&new)?);
        std::fs::rename(&new, path)?;
        // The name as well must outlive a loss of power.
        if let Some(folder) = path.parent().filter(|folder| !folder.as_os_str().is_empty()) {
            std::fs::File::open(folder)?.sync_all()?;
        }
    }
    builder().open(path)
}

/// Events in a file.
#[derive(Debug)]
pub struct FileLog {
    database: Arc<Database>,
    known: append::Known,
}

impl FileLog {
    /// Opens the file, or makes it. After a kill this takes as long as after an orderly end.
    ///
    /// # Errors
    /// [`StorageError`], which names the file and the cause.
    pub fn open(place: &Place) -> Result<Self, StorageError> {
        let path = || place.name.clone();
        let database = (place.open)().map_err(|error| {
            if matches!(error, DatabaseError::DatabaseAlreadyOpen) {
                StorageError::InUse { path: path() }
            } else {
                StorageError::Open { path: path(), cause: error.to_string() }
            }
        })?;
        let log = Self { database: Arc::new(database), known: append::Known::default() };
        let failed = |error: StorageError| StorageError::Open { path: path(), cause: error.to_string() };
        match log.schema().map_err(failed)? {
            Some(SCHEMA) => Ok(log),
            Some(found) if found > SCHEMA => Err(StorageError::NewerSchema { path: path(), found }),
            Some(found) => {
                let cause = format!("it has schema {found}, which this version cannot read");
                Err(StorageError::Open { path: path(), cause })
            }
            None => {
                log.make_tables().map_err(failed)?;
                Ok(log)
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

    /// What readers on other threads read from.
    pub(super) fn database(&self) -> Arc<Database> {
        Arc::clone(&self.database)
    }
}

impl EventLog for FileLog {
    fn append(&mut self, group: &[Entry]) -> Result<(), StorageError> {
        let transaction = self.begin()?;
        // Forgotten if this fails.
        let mut known = std::mem::take(&mut self.known);
        append::append(&transaction, &mut known, group)?;
        transaction.commit()?;
        known.limit();
        self.known = known;
        Ok(())
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
