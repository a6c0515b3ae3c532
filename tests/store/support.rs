//! Events, questions and logs for the tests.

use bytes::Bytes;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{HistoryRule, KeptEvent, Page, Query};
use wharf::storage::file::Place;
use wharf::storage::{Change, Entry, EventLog, FileLog, MemoryLog, RealmLog, Seq};
use wharf::wamp::{MatchPolicy, Payload, PublicationId, RawPayload, Serialization, Uri, WallTime};

pub(crate) const REALM: &str = "realm1";
pub(crate) const NOW: WallTime = WallTime(1_000_000_000);

pub(crate) fn id(number: u64) -> PublicationId {
    PublicationId::new(number).unwrap()
}

pub(crate) fn event(number: u64, topic: &str) -> KeptEvent {
    KeptEvent {
        publication: id(number),
        time: NOW,
        topic: Uri::from(topic),
        publisher: None,
        excluded: None,
        trustlevel: None,
        ppt: None,
        listing: None,
        payload: payload(8),
    }
}

/// A JSON payload of about so many octets.
pub(crate) fn payload(octets: usize) -> Payload {
    let text = format!("[\"{}\"]", "x".repeat(octets.saturating_sub(4)));
    let len = text.len();
    Payload::Raw(RawPayload::new(Serialization::Json, Bytes::from(text), len, None))
}

pub(crate) fn rule(limit: usize) -> HistoryRule {
    HistoryRule { limit, max_age: None, durable: true }
}

pub(crate) fn aged(limit: usize, max_age: Duration) -> HistoryRule {
    HistoryRule { max_age: Some(max_age), ..rule(limit) }
}

pub(crate) fn realm(octets_max: u64) -> Arc<RealmLog> {
    Arc::new(RealmLog { name: REALM.to_owned(), history_octets_max: octets_max })
}

pub(crate) fn keep(realm: &Arc<RealmLog>, seq: u64, event: KeptEvent, rule: HistoryRule) -> Entry {
    let change = Change::Keep { event: Arc::new(event), history: Some(rule), retain: false };
    Entry { realm: Arc::clone(realm), seq: Seq(seq), change }
}

pub(crate) fn retain(realm: &Arc<RealmLog>, seq: u64, event: KeptEvent) -> Entry {
    let change = Change::Keep { event: Arc::new(event), history: None, retain: true };
    Entry { realm: Arc::clone(realm), seq: Seq(seq), change }
}

pub(crate) fn query(policy: MatchPolicy, topic: &str) -> Query {
    Query {
        ticket: 1,
        topic: Uri::from(topic),
        policy,
        only_topic: None,
        from_time: None,
        after_time: None,
        before_time: None,
        until_time: None,
        from_publication: None,
        after_publication: None,
        before_publication: None,
        until_publication: None,
        reverse: false,
        limit: None,
        authid: "joe".into(),
        authrole: "user".into(),
    }
}

pub(crate) fn exact(topic: &str) -> Query {
    query(MatchPolicy::Exact, topic)
}

pub(crate) fn ids(page: &Page) -> Vec<u64> {
    page.events.iter().map(|event| event.publication.get()).collect()
}

/// A log under test, with what it needs to be opened again.
pub(crate) enum Log {
    Memory(MemoryLog),
    File { log: Option<FileLog>, path: PathBuf, _folder: tempfile::TempDir },
}

impl Log {
    pub(crate) fn memory() -> Self {
        Self::Memory(MemoryLog::new())
    }

    pub(crate) fn file() -> Self {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("store.redb");
        let log = FileLog::open(&Place::path(&path)).unwrap();
        Self::File { log: Some(log), path, _folder: folder }
    }

    /// Every log that must keep the promises.
    pub(crate) fn all() -> [Self; 2] {
        [Self::memory(), Self::file()]
    }

    /// Closes and opens it; memory has nothing to close.
    pub(crate) fn reopen(&mut self) {
        if let Self::File { log, path, .. } = self {
            drop(log.take());
            *log = Some(FileLog::open(&Place::path(path)).unwrap());
        }
    }

    pub(crate) fn log(&mut self) -> &mut dyn EventLog {
        match self {
            Self::Memory(log) => log,
            Self::File { log, .. } => log.as_mut().unwrap(),
        }
    }

    pub(crate) fn append(&mut self, group: &[Entry]) {
        self.log().append(group).unwrap();
    }

    pub(crate) fn read(&mut self, query: &Query) -> Page {
        self.log().read(REALM, NOW, query).unwrap()
    }

    pub(crate) fn ids(&mut self, query: &Query) -> Vec<u64> {
        ids(&self.read(query))
    }
}
