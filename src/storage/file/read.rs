//! Questions to the file, each in a read transaction of its own, which sees one state however long it takes.
//!
//! There is no index of publications: one that a question names is looked for where the last pages ended, and else from the
//! newest chunk of its topics on. That costs a reading thread time, never the writer.

use super::append::retained as retained_event;
use super::chunk::{Chunk, Damaged, Slot};
use super::chunks::{Chunks, Held, Shelves};
use super::topic::{age, Row};
use super::{StorageError, LOG, REALMS, RECENT, RETAINED, TOPICS};
use crate::routing::{KeptEvent, Page, Query, StoreFault};
use crate::storage::memory::Collected;
use crate::storage::select::{self, Bounds, Found, Positions, Stream, Topics, TOPICS_MAX, TOPICS_WALKED_MAX};
use crate::storage::Seq;
use crate::wamp::{MatchPolicy, PublicationId, Uri, WallTime};
use redb::{Database, ReadOnlyTable, ReadTransaction, ReadableDatabase};
use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

/// Ends of pages that are remembered.
const ENDS_MAX: usize = 4096;

/// A question that reads from more topics does not hold a chunk of each in memory.
const CHUNKS_HELD_MAX: usize = 64;

/// Where the publications stand that the last pages of one reader began and ended with: the next question names one of them.
#[derive(Debug, Default)]
pub(in crate::storage) struct PageEnds {
    places: BTreeMap<(u32, PublicationId), (Uri, Seq)>,
    order: VecDeque<(u32, PublicationId)>,
}

impl PageEnds {
    fn find(&self, realm: u32, publication: PublicationId) -> Option<&(Uri, Seq)> {
        self.places.get(&(realm, publication))
    }

    fn add(&mut self, realm: u32, seq: Seq, event: &KeptEvent) {
        let key = (realm, event.publication);
        if self.places.insert(key, (event.topic.clone(), seq)).is_none() {
            self.order.push_back(key);
        }
        if self.order.len() > ENDS_MAX {
            if let Some(first) = self.order.pop_front() {
                self.places.remove(&first);
            }
        }
    }
}

/// A piece of history, from the file and from what `elsewhere` finds for the same question. `elsewhere` is asked when the
/// question is about a pattern; it is given what was found here.
pub(in crate::storage) fn read_with(
    database: &Database,
    ends: &mut PageEnds,
    realm: &str,
    now: WallTime,
    query: &Query,
    elsewhere: impl FnOnce(&Query, Positions) -> Result<Option<Collected>, StoreFault>,
) -> Result<Page, StoreFault> {
    let reader = Reader::open(database, realm, now).map_err(failed)?;
    let mut positions = Positions::default();
    if let (Some(reader), true) = (&reader, positions.is_incomplete(query)) {
        reader.find(query, ends, &mut positions)?;
    }
    let collected = match query.policy {
        MatchPolicy::Exact => None,
        MatchPolicy::Prefix | MatchPolicy::Wildcard => elsewhere(query, positions)?,
    };
    let (positions, mut topics_max) = (collected.as_ref().map_or(positions, |found| found.positions), TOPICS_MAX);
    let mut streams: Vec<Box<dyn Stream + '_>> = Vec::new();
    if let Some(found) = collected {
        topics_max = TOPICS_MAX.saturating_sub(found.topics);
        streams.push(Box::new(Ready(found.events)));
    }
    let topics = match &reader {
        Some(reader) => reader.topics(query, topics_max)?,
        None => Vec::new(),
    };
    let Some(bounds) = positions.bounds(query) else { return Ok(Page::default()) };
    if let Some(reader) = &reader {
        let holds_chunk = topics.len() <= CHUNKS_HELD_MAX;
        for topic in topics {
            let walk = Walk::open(reader, topic, bounds, query.reverse, holds_chunk);
            streams.push(Box::new(walk.map_err(failed)?));
        }
    }
    let Found { page, first, last } = select::page(query, streams)?;
    if let Some(reader) = &reader {
        for (seq, event) in [(first, page.events.first()), (last, page.events.last())] {
            if let (Some(seq), Some(event)) = (seq, event) {
                ends.add(reader.realm, seq, event);
            }
        }
    }
    Ok(page)
}

fn failed(error: StorageError) -> StoreFault {
    tracing::error!(%error, "history cannot be read");
    StoreFault::Failed
}

/// All retained events of a realm, by topic, the newest of each last.
pub(in crate::storage) fn retained(database: &Database, realm: &str) -> Result<Vec<Arc<KeptEvent>>, StorageError> {
    let transaction = database.begin_read()?;
    let Some(number) = number(&transaction, realm)? else { return Ok(Vec::new()) };
    let mut events = Vec::new();
    for row in transaction.open_table(RETAINED)?.range((number, "", 0)..(number + 1, "", 0))? {
        let (key, record) = row?;
        let (_, topic, seq) = key.value();
        events.push(Arc::new(retained_event(record.value(), seq, &Uri::from(topic))?));
    }
    Ok(events)
}

fn number(transaction: &ReadTransaction, realm: &str) -> Result<Option<u32>, StorageError> {
    let realms = transaction.open_table(REALMS)?;
    let found = realms.get(realm)?.map(|realm| realm.value().0);
    Ok(found)
}

/// A topic with history.
struct Topic {
    uri: Uri,
    number: u64,
    /// The ordinal of its oldest event.
    first: u64,
    not_before: WallTime,
}

/// One state of the file.
struct Reader {
    realm: u32,
    now: WallTime,
    chunks: Shelves,
    topics: ReadOnlyTable<(u32, &'static str), Row>,
}

impl Reader {
    /// `None`: the realm has never kept anything.
    fn open(database: &Database, realm: &str, now: WallTime) -> Result<Option<Self>, StorageError> {
        let transaction = database.begin_read()?;
        let Some(realm) = number(&transaction, realm)? else { return Ok(None) };
        let (log, recent) = (transaction.open_table(LOG)?, transaction.open_table(RECENT)?);
        let topics = transaction.open_table(TOPICS)?;
        Ok(Some(Self { realm, now, chunks: Shelves::new(realm, log, recent), topics }))
    }

    fn topic(&self, uri: &str) -> Result<Option<Topic>, StorageError> {
        let found = self.topics.get((self.realm, uri))?.map(|row| row.value());
        found.map(|row| self.seen(uri, row)).transpose()
    }

    /// What can be seen of a topic: its newest chunk knows which event is the oldest.
    fn seen(&self, uri: &str, (number, first, max_age, _): Row) -> Result<Topic, StorageError> {
        let (key, newest) = self.chunks.range(number, 0, u64::MAX)?.next_back()?.ok_or(Damaged)?;
        let chunk = Chunk::read(newest.octets(), (number, Seq(key)))?;
        let not_before = select::not_before(self.now, age(max_age));
        Ok(Topic { uri: Uri::from(uri), number, first: first.max(chunk.oldest), not_before })
    }

    /// Looks for the publications that the question names.
    fn find(&self, query: &Query, ends: &PageEnds, positions: &mut Positions) -> Result<(), StoreFault> {
        positions
            .find(query, |publication| match ends.find(self.realm, publication) {
                Some((uri, seq)) if select::fits(query.policy, &query.topic, uri) => {
                    self.stands_at(uri, publication, *seq)
                }
                Some(_) | None => Ok(None),
            })
            .map_err(failed)?;
        if !positions.is_incomplete(query) {
            return Ok(());
        }
        let topics = match query.policy {
            MatchPolicy::Exact => self.topic(&query.topic).map_err(failed)?.into_iter().collect(),
            MatchPolicy::Prefix | MatchPolicy::Wildcard => {
                self.matching(query, TOPICS_MAX).map_err(failed)?.ok_or(StoreFault::TooManyTopics)?
            }
        };
        positions.find(query, |publication| self.position(&topics, publication)).map_err(failed)
    }

    /// The position, if the publication is still there.
    fn stands_at(&self, uri: &str, publication: PublicationId, seq: Seq) -> Result<Option<Seq>, StorageError> {
        let Some(topic) = self.topic(uri)? else { return Ok(None) };
        let Some(key) = self.chunks.key_of(topic.number, seq)? else { return Ok(None) };
        self.in_range(&topic, self.chunks.range(topic.number, key, key)?, publication)
    }

    /// Where a publication of these topics stands.
    fn position(&self, topics: &[Topic], publication: PublicationId) -> Result<Option<Seq>, StorageError> {
        for topic in topics {
            let found = self.in_range(topic, self.chunks.range(topic.number, 0, u64::MAX)?, publication)?;
            if found.is_some() {
                return Ok(found);
            }
        }
        Ok(None)
    }

    /// Looks at chunks from the newest on.
    fn in_range(
        &self,
        topic: &Topic,
        mut range: Chunks<'_>,
        publication: PublicationId,
    ) -> Result<Option<Seq>, StorageError> {
        while let Some((key, held)) = range.next_back()? {
            let chunk = Chunk::read(held.octets(), (topic.number, Seq(key)))?;
            for slot in chunk.slots() {
                let slot = slot?;
                if slot.publication == publication.get() && slot.ordinal >= topic.first {
                    return Ok((slot.time >= topic.not_before).then_some(slot.seq));
                }
            }
            if chunk.ordinal <= topic.first {
                break;
            }
        }
        Ok(None)
    }

    fn topics(&self, query: &Query, topics_max: usize) -> Result<Vec<Topic>, StoreFault> {
        match select::topics(query) {
            Topics::One(uri) => Ok(self.topic(uri).map_err(failed)?.into_iter().collect()),
            Topics::None => Ok(Vec::new()),
            Topics::All => self.matching(query, topics_max).map_err(failed)?.ok_or(StoreFault::TooManyTopics),
        }
    }

    /// The topics that fit the question's pattern; `None`: they are too many.
    fn matching(&self, query: &Query, topics_max: usize) -> Result<Option<Vec<Topic>>, StorageError> {
        let start = select::literal_start(query.policy, &query.topic);
        let mut found = Vec::new();
        for (walked, row) in self.topics.range((self.realm, start)..(self.realm + 1, ""))?.enumerate() {
            let (key, row) = row?;
            let (_, uri) = key.value();
            if !uri.starts_with(start) {
                break;
            }
            let fits = select::fits(query.policy, &query.topic, uri);
            if walked == TOPICS_WALKED_MAX || (fits && found.len() == topics_max) {
                return Ok(None);
            }
            if fits {
                found.push(self.seen(uri, row.value())?);
            }
        }
        Ok(Some(found))
    }
}

/// One topic's events between two positions.
struct Walk<'a> {
    reader: &'a Reader,
    topic: Topic,
    bounds: Bounds,
    chunks: Chunks<'a>,
    reverse: bool,
    holds_chunk: bool,
    /// Of the chunk under way: its key, itself if it is held, and its events that come, the next one last.
    key: u64,
    chunk: Option<Held<'a>>,
    slots: Vec<Slot>,
}

impl<'a> Walk<'a> {
    fn open(
        reader: &'a Reader,
        topic: Topic,
        bounds: Bounds,
        reverse: bool,
        holds_chunk: bool,
    ) -> Result<Self, StorageError> {
        let low = reader.chunks.key_of(topic.number, bounds.low)?.unwrap_or(0);
        let chunks = reader.chunks.range(topic.number, low, bounds.high.0)?;
        let mut walk =
            Self { reader, topic, bounds, chunks, reverse, holds_chunk, key: 0, chunk: None, slots: Vec::new() };
        walk.advance()?;
        Ok(walk)
    }

    /// To the next chunk with events that are wanted.
    fn advance(&mut self) -> Result<(), StorageError> {
        while self.slots.is_empty() {
            let row = if self.reverse { self.chunks.next_back()? } else { self.chunks.next()? };
            let Some((key, held)) = row else { return Ok(()) };
            self.key = key;
            let chunk = Chunk::read(held.octets(), (self.topic.number, Seq(self.key)))?;
            if chunk.ordinal + chunk.len() <= self.topic.first {
                if self.reverse {
                    return Ok(());
                }
                continue;
            }
            for slot in chunk.slots() {
                let slot = slot?;
                if slot.ordinal >= self.topic.first && (self.bounds.low..=self.bounds.high).contains(&slot.seq) {
                    self.slots.push(slot);
                }
            }
            if !self.reverse {
                self.slots.reverse();
            }
            self.chunk = self.holds_chunk.then_some(held);
        }
        Ok(())
    }

    fn next(&mut self) -> Result<KeptEvent, StorageError> {
        let slot = self.slots.pop().ok_or(Damaged)?;
        let event = match &self.chunk {
            Some(chunk) => slot.event(chunk.octets(), &self.topic.uri)?,
            None => {
                let again = self.reader.chunks.range(self.topic.number, self.key, self.key)?.next()?;
                let (_, chunk) = again.ok_or(Damaged)?;
                slot.event(chunk.octets(), &self.topic.uri)?
            }
        };
        self.advance()?;
        Ok(event)
    }
}

impl Stream for Walk<'_> {
    fn head(&self) -> Option<Seq> {
        self.slots.last().map(|slot| slot.seq)
    }

    fn take(&mut self) -> Result<Arc<KeptEvent>, StoreFault> {
        self.next().map(Arc::new).map_err(failed)
    }

    fn not_before(&self) -> WallTime {
        self.topic.not_before
    }
}

/// Events that were found elsewhere.
struct Ready(VecDeque<(Seq, Arc<KeptEvent>)>);

impl Stream for Ready {
    fn head(&self) -> Option<Seq> {
        self.0.front().map(|(seq, _)| *seq)
    }

    fn take(&mut self) -> Result<Arc<KeptEvent>, StoreFault> {
        self.0.pop_front().map(|(_, event)| event).ok_or(StoreFault::Failed)
    }

    fn not_before(&self) -> WallTime {
        // What was too old was left out where it was found.
        WallTime(i64::MIN)
    }
}
