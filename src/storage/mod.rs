//! What must outlive a realm's memory: event history and retained events, in memory or in one file; and ledgers, in the file alone.
//!
//! `routing` says what is to be kept ([`Order`](crate::routing::Order)), this room keeps it: on threads of its own, so that nobody who routes waits
//! for a disk. Both logs keep the same promises: what is read, and in which order, is decided in one place, `select`, and not
//! by the log. Never routes, never knows an actor or a session.

mod figures;
pub mod file;
mod history;
mod ledger;
mod memory;
mod readers;
mod realm;
mod select;
mod service;
mod settings;
mod writer;

pub use figures::{Figures, COMMIT_BOUNDS_MS};
pub use file::{FileLog, StorageError};
pub use ledger::{Ledger, LedgerChange, LedgerFault, LedgerRows, LedgerWork};
pub use memory::MemoryLog;
pub use realm::{Answer, Sink, StoreHandle};
pub use service::{Storage, StoreLink, Surroundings, EXIT_STORE_FAILED};
pub use settings::StorageSettings;

use crate::routing::{HistoryRule, KeptEvent, Page, Query, StoreFault};
use crate::wamp::{Uri, WallTime};
use std::sync::Arc;

/// The place of an event in the order of its realm: larger is later. Drawn from one counter per store, so that what lies in
/// memory and what lies in the file can be put into one order; never used again.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub struct Seq(pub u64);

/// A realm as its log knows it.
#[derive(PartialEq, Eq, Debug)]
pub struct RealmLog {
    /// The realm's URI.
    pub name: String,
    /// Octets of history, counted by [`octets`]; above it the realm's oldest events go.
    pub history_octets_max: u64,
}

/// One thing to be put into a log.
#[derive(Clone, PartialEq, Debug)]
pub struct Entry {
    /// Whose.
    pub realm: Arc<RealmLog>,
    /// Where it stands. Entries of one realm come in ascending order.
    pub seq: Seq,
    /// What.
    pub change: Change,
}

/// What an entry does.
#[derive(Clone, PartialEq, Debug)]
pub enum Change {
    /// Keeps an event.
    Keep {
        /// The event.
        event: Arc<KeptEvent>,
        /// For history, so much of it.
        history: Option<HistoryRule>,
        /// As the topic's retained event.
        retain: bool,
    },
    /// The topic has no retained event any more.
    Forget(Uri),
}

/// The events of all realms of a node.
pub trait EventLog {
    /// Puts entries in, all or none, in the order given. After it no topic has more events than its rule says, none at the
    /// topic's old end is older than the rule says as seen from the newest one, and no realm has more octets than it may.
    ///
    /// # Errors
    /// [`StorageError`]: nothing was put in.
    fn append(&mut self, group: &[Entry]) -> Result<(), StorageError>;

    /// A piece of a realm's history. A realm or topic that is not known has none.
    ///
    /// # Errors
    /// [`StoreFault`].
    ///
    /// # Cost
    /// At most [`SCAN_RECORDS_MAX`](crate::routing::SCAN_RECORDS_MAX) records are read; as long as none was selected, up to
    /// [`SCAN_EMPTY_MAX`](crate::routing::SCAN_EMPTY_MAX). A publication that the question names may cost a walk over the
    /// history of its topics, where it is not an end of a page given lately.
    fn read(&self, realm: &str, now: WallTime, query: &Query) -> Result<Page, StoreFault>;

    /// All retained events of a realm, by topic, the newest of each last.
    ///
    /// # Errors
    /// [`StoreFault::Failed`].
    fn retained(&self, realm: &str) -> Result<Vec<Arc<KeptEvent>>, StoreFault>;

    /// Drops events whose time is up from topics that nobody publishes to. They were not shown any more; this gives back
    /// their room.
    ///
    /// # Errors
    /// [`StorageError`]: some are still there.
    fn sweep(&mut self, now: WallTime) -> Result<(), StorageError>;
}

/// What an event is counted with wherever octets have a bound.
pub fn octets(event: &KeptEvent) -> u64 {
    event.octets()
}
