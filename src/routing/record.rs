//! What a realm wants kept, and what it asks of what is kept: the orders of the realm to its store.
//!
//! The core decides what is recorded and never waits for it: an order is an effect, its answer a later call of the realm.
//! What is kept holds a copy of the payload, never a slice of a receive buffer. Copies of events that are not retained share
//! their room: they are soon written, or copied once more.

use super::key::SessionKey;
use super::records::Records;
use super::rules::HistoryRule;
use crate::wamp::options::{Disclosed, Listing, Ppt};
use crate::wamp::{MatchPolicy, Payload, PublicationId, RequestId, SessionId, Uri, WallTime};
use std::sync::Arc;

/// An event as it is kept, for history and for retention.
#[derive(Clone, PartialEq, Debug)]
pub struct KeptEvent {
    /// The publication.
    pub publication: PublicationId,
    /// When the realm routed it.
    pub time: WallTime,
    /// The concrete topic.
    pub topic: Uri,
    /// The publisher, where disclosed.
    pub publisher: Option<Box<Disclosed>>,
    /// The publishing session, where it does not get its own event.
    pub excluded: Option<SessionId>,
    /// The trust level, where configured.
    pub trustlevel: Option<u64>,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
    /// The black and white lists. History keeps no event that has lists of session ids.
    pub listing: Option<Box<Listing>>,
    /// The event.
    pub payload: Payload,
}

/// What an event is counted with beside its texts and its payload: its share of the indexes.
pub(super) const EVENT_SHARE: usize = 128;

impl KeptEvent {
    /// Octets that it is counted with wherever octets have a bound: its texts, its payload, and a share for the indexes.
    pub fn octets(&self) -> u64 {
        let listing = self.listing.as_deref().map_or(0, Listing::octets);
        (EVENT_SHARE + self.topic.len() + self.payload.len() + listing) as u64
    }
}

/// Who waits for a publication to be kept: PUBLISHED or ERROR goes out when it is (store, section 1).
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Waiting {
    /// The publisher.
    pub session: SessionKey,
    /// Its PUBLISH.
    pub request: RequestId,
    /// What PUBLISHED will say.
    pub publication: PublicationId,
}

/// One order of a realm to its store. Orders are carried out in the order given.
#[derive(Clone, PartialEq, Debug)]
pub enum Order {
    /// Keep this event.
    Keep {
        /// The event.
        event: Arc<KeptEvent>,
        /// For history, so much of it; not at all if absent.
        history: Option<HistoryRule>,
        /// As the topic's retained event, on disk.
        retain: bool,
        /// Who waits for it: answered with [`Realm::kept`](super::Realm::kept) when it is as durable as its rule says.
        waiting: Option<Waiting>,
    },
    /// Keep these events, for history in memory.
    Records(Box<Records>),
    /// The topic's retained events have ended: expired, evicted or cleared.
    Forget(Uri),
    /// Answered with [`Realm::history_read`](super::Realm::history_read).
    Read(Box<Query>),
}

impl Order {
    /// The same with an order for each event.
    pub fn one_by_one(self) -> Vec<Self> {
        match self {
            Self::Records(records) => records.one_by_one(),
            Self::Keep { .. } | Self::Forget(_) | Self::Read(_) => vec![self],
        }
    }
}

/// A question about history: all conditions hold together. Source: section 8.7 of the reference.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Query {
    /// What the answer is to be given with.
    pub ticket: u64,
    /// The subscription's topic or pattern.
    pub topic: Uri,
    /// How it is compared.
    pub policy: MatchPolicy,
    /// Only events of this concrete topic.
    pub only_topic: Option<Uri>,
    /// Time at or after.
    pub from_time: Option<WallTime>,
    /// Time after.
    pub after_time: Option<WallTime>,
    /// Time before.
    pub before_time: Option<WallTime>,
    /// Time at or before.
    pub until_time: Option<WallTime>,
    /// From this event on. An id that is not kept gives an empty answer, here and below.
    pub from_publication: Option<PublicationId>,
    /// After it.
    pub after_publication: Option<PublicationId>,
    /// Before it.
    pub before_publication: Option<PublicationId>,
    /// Up to and with it.
    pub until_publication: Option<PublicationId>,
    /// From the newest to the oldest.
    pub reverse: bool,
    /// At most so many, after all other conditions.
    pub limit: Option<usize>,
    /// Who asks: lists by authid and authrole are applied to it.
    pub authid: Arc<str>,
    /// Its role.
    pub authrole: Arc<str>,
}

/// The most records that one question reads, if it selects any of them.
pub const SCAN_RECORDS_MAX: usize = 10_000;

/// The most records that one question reads if it selects none of them.
pub const SCAN_EMPTY_MAX: usize = 100_000;

/// The most retained events with lists that one topic has beside the one without; the oldest goes.
pub const LISTED_RETAINED_MAX: usize = 8;

/// The most octets of payload that one answer holds.
pub const PAGE_OCTETS_MAX: usize = 1 << 20;

/// A piece of history.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Page {
    /// The events, in the order asked for.
    pub events: Vec<Arc<KeptEvent>>,
    /// Whether the reading stopped at a bound and there may be more: go on from the last publication.
    pub is_limit_reached: bool,
}

/// Why the store did not do as told.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum StoreFault {
    /// More waits to be written than may wait.
    #[error("the store is busy: the event was routed but is not kept")]
    Busy,
    /// Writing or reading failed: the disk is full, or broken.
    #[error("the store has failed: what was routed is not kept")]
    Failed,
    /// The question fits more topics than one answer may read.
    #[error("the pattern covers more than 10000 topics with history: ask for one topic")]
    TooManyTopics,
}
