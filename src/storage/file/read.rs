//! Questions to the file, each in a read transaction of its own, which sees one state however long it takes.

use super::append::age;
use super::record;
use super::{StorageError, BY_PUBLICATION, BY_TOPIC, LOG, REALMS, RETAINED, SUBJECTS};
use crate::routing::{KeptEvent, Page, Query, StoreFault};
use crate::storage::memory::Collected;
use crate::storage::select::{self, Bounds, Positions, Stream, Topics, TOPICS_MAX, TOPICS_WALKED_MAX};
use crate::storage::Seq;
use crate::wamp::{MatchPolicy, PublicationId, WallTime};
use redb::{Database, Range, ReadOnlyTable, ReadTransaction, ReadableDatabase};
use std::collections::VecDeque;
use std::sync::Arc;

type Log = ReadOnlyTable<(u32, u64), &'static [u8]>;
type ByTopic = ReadOnlyTable<(u32, u64, u64), ()>;

/// A topic with history.
#[derive(Clone, Copy)]
struct Topic {
    number: u64,
    not_before: WallTime,
}

/// A piece of history, from the file and from what `elsewhere` finds for the same question. `elsewhere` is asked when the
/// question is about a pattern; it is given what was found here.
pub(in crate::storage) fn read_with(
    database: &Database,
    realm: &str,
    now: WallTime,
    query: &Query,
    elsewhere: impl FnOnce(&Query, Positions) -> Result<Option<Collected>, StoreFault>,
) -> Result<Page, StoreFault> {
    let reader = Reader::open(database, realm, now).map_err(failed)?;
    let mut positions = Positions::default();
    if let Some(reader) = &reader {
        positions.find(query, |publication| reader.position(query, publication)).map_err(failed)?;
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
        for topic in topics {
            streams.push(Box::new(reader.walk(topic, bounds, query.reverse).map_err(failed)?));
        }
    }
    select::page(query, streams)
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
        let (_, _, seq) = key.value();
        events.push(Arc::new(record::read(record.value(), seq)?));
    }
    Ok(events)
}

fn number(transaction: &ReadTransaction, realm: &str) -> Result<Option<u32>, StorageError> {
    let realms = transaction.open_table(REALMS)?;
    let found = realms.get(realm)?.map(|realm| realm.value().0);
    Ok(found)
}

/// One state of the file.
struct Reader {
    realm: u32,
    now: WallTime,
    log: Log,
    by_topic: ByTopic,
    by_publication: ReadOnlyTable<(u32, u64), u64>,
    subjects: ReadOnlyTable<(u32, &'static str), (u64, u64, u64)>,
}

impl Reader {
    /// `None`: the realm has never kept anything.
    fn open(database: &Database, realm: &str, now: WallTime) -> Result<Option<Self>, StorageError> {
        let transaction = database.begin_read()?;
        let Some(realm) = number(&transaction, realm)? else { return Ok(None) };
        Ok(Some(Self {
            realm,
            now,
            log: transaction.open_table(LOG)?,
            by_topic: transaction.open_table(BY_TOPIC)?,
            by_publication: transaction.open_table(BY_PUBLICATION)?,
            subjects: transaction.open_table(SUBJECTS)?,
        }))
    }

    fn topic(&self, uri: &str) -> Result<Option<Topic>, StorageError> {
        let found = self.subjects.get((self.realm, uri))?.map(|topic| topic.value());
        Ok(found.map(|(number, _, max_age)| self.seen(number, max_age)))
    }

    fn seen(&self, number: u64, max_age: u64) -> Topic {
        Topic { number, not_before: select::not_before(self.now, age(max_age)) }
    }

    /// Where a publication of the question's subscription stands.
    fn position(&self, query: &Query, publication: PublicationId) -> Result<Option<Seq>, StorageError> {
        let found = self.by_publication.get((self.realm, publication.get()))?.map(|seq| seq.value());
        let Some(seq) = found else { return Ok(None) };
        let Some(record) = self.log.get((self.realm, seq))? else { return Ok(None) };
        let (head, _) = record::head(record.value(), seq)?;
        let Some(topic) = self.topic(head.topic)? else { return Ok(None) };
        let is_shown = WallTime(head.time) >= topic.not_before;
        Ok((is_shown && select::fits(query.policy, &query.topic, head.topic)).then_some(Seq(seq)))
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
        for (walked, row) in self.subjects.range((self.realm, start)..(self.realm + 1, ""))?.enumerate() {
            let (key, value) = row?;
            let (_, uri) = key.value();
            if !uri.starts_with(start) {
                break;
            }
            let fits = select::fits(query.policy, &query.topic, uri);
            if walked == TOPICS_WALKED_MAX || (fits && found.len() == topics_max) {
                return Ok(None);
            }
            if fits {
                let (number, _, max_age) = value.value();
                found.push(self.seen(number, max_age));
            }
        }
        Ok(Some(found))
    }

    fn walk(&self, topic: Topic, Bounds { low, high }: Bounds, reverse: bool) -> Result<Walk<'_>, StorageError> {
        let range = self.by_topic.range((self.realm, topic.number, low.0)..=(self.realm, topic.number, high.0))?;
        let mut walk = Walk { reader: self, topic, range, reverse, head: None };
        walk.advance()?;
        Ok(walk)
    }
}

/// One topic's events between two positions.
struct Walk<'a> {
    reader: &'a Reader,
    topic: Topic,
    range: Range<'static, (u32, u64, u64), ()>,
    reverse: bool,
    head: Option<Seq>,
}

impl Walk<'_> {
    fn advance(&mut self) -> Result<(), StorageError> {
        let row = if self.reverse { self.range.next_back() } else { self.range.next() };
        self.head = match row {
            Some(row) => Some(Seq(row?.0.value().2)),
            None => None,
        };
        Ok(())
    }

    fn event(&mut self, Seq(seq): Seq) -> Result<KeptEvent, StorageError> {
        let record = self.reader.log.get((self.reader.realm, seq))?.ok_or(record::Damaged)?;
        let event = record::read(record.value(), seq)?;
        self.advance()?;
        Ok(event)
    }
}

impl Stream for Walk<'_> {
    fn head(&self) -> Option<Seq> {
        self.head
    }

    fn take(&mut self) -> Result<Arc<KeptEvent>, StoreFault> {
        let seq = self.head.ok_or(StoreFault::Failed)?;
        self.event(seq).map(Arc::new).map_err(failed)
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
