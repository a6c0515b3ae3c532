//! What the writer knows of a topic's history, so that an append does not read: how many events it has, and the oldest ones.
//!
//! Events are numbered within their topic, without holes: so a count is a difference. Which one is the oldest lies in the
//! topic's newest chunk, because with every append one is written anyway; or in the topic's row, where the oldest went for
//! another reason. Chunks of which nothing is left lie in the file for a while, and are taken out many at a time.

use super::chunk::{Chunk, Damaged};
use super::recent::Recent;
use super::{StorageError, NO_AGE};
use crate::storage::Seq;
use crate::wamp::WallTime;
use redb::ReadableTable;
use std::collections::VecDeque;
use std::time::Duration;

/// So many events are looked at, at least, when the oldest are wanted.
const OLDEST_AT_ONCE: usize = 32;

/// So many events that are gone lie in a topic's chunks at least before those are taken out; an eighth of the topic's limit, if
/// that is more.
const GONE_MIN: u64 = 16;

/// One of a topic's oldest events.
#[derive(Clone, Copy, Debug)]
pub(super) struct Oldest {
    pub(super) ordinal: u64,
    pub(super) seq: Seq,
    pub(super) time: WallTime,
    pub(super) octets: u64,
}

/// A topic's row: its number, the ordinal before which nothing is there any more, the age of its rule, and where it is listed
/// in the order of the oldest.
pub(super) type Row = (u64, u64, u64, u64);

/// A topic that has something, or is about to have.
#[derive(Debug)]
pub(super) struct Topic {
    pub(super) number: u64,
    /// The ordinal of the oldest event.
    first: u64,
    /// The ordinal of the next event.
    next: u64,
    /// Nothing before this ordinal lies in the file.
    cleared: u64,
    pub(super) max_age: u64,
    /// Where it is listed in the order of the oldest, at its oldest event or before.
    pub(super) listed: Option<Seq>,
    /// The oldest events, from `first` on, as far as they were looked at.
    oldest: VecDeque<Oldest>,
    /// The ordinal of the first event that was not looked at, and where it lies, or before.
    unseen: (u64, Seq),
    /// How many gone events are worth a removal.
    slack: u64,
    /// Places in the group under way.
    pub(super) pending: Vec<usize>,
    /// Whether the row must be written.
    pub(super) is_changed: bool,
}

impl Topic {
    /// A topic without events.
    pub(super) fn new(number: u64) -> Self {
        Self::of((number, 1, NO_AGE, 0), 1, 1, None)
    }

    /// A topic that has its row, and whose last chunk says this of the oldest and of the next event.
    pub(super) fn from_file(row: Row, oldest: u64, next: u64) -> Self {
        let (_, first, _, listed) = row;
        Self::of(row, first.max(oldest), next, Some(Seq(listed)))
    }

    fn of((number, _, max_age, _): Row, first: u64, next: u64, listed: Option<Seq>) -> Self {
        Self {
            number,
            first,
            next,
            // What lies before it, if anything, goes with the next removal.
            cleared: first,
            max_age,
            listed,
            oldest: VecDeque::new(),
            unseen: (first, Seq(0)),
            slack: GONE_MIN,
            pending: Vec::new(),
            is_changed: listed.is_none(),
        }
    }

    /// Its row, if it is listed.
    pub(super) fn row(&self) -> Option<Row> {
        self.listed.map(|Seq(listed)| (self.number, self.first, self.max_age, listed))
    }

    /// The ordinals of the oldest and of the next event.
    pub(super) fn ordinals(&self) -> (u64, u64) {
        (self.first, self.next)
    }

    /// How many events it has.
    pub(super) fn count(&self) -> u64 {
        self.next - self.first
    }

    pub(super) fn age(&self) -> Option<Duration> {
        age(self.max_age)
    }

    /// What its rule says.
    pub(super) fn set_rule(&mut self, limit: usize, max_age: Option<Duration>) {
        self.slack = GONE_MIN.max(limit as u64 / 8);
        let max_age = max_age.map_or(NO_AGE, |age| u64::try_from(age.as_micros()).unwrap_or(NO_AGE));
        self.is_changed |= self.max_age != max_age;
        self.max_age = max_age;
    }

    /// So many events were put in.
    pub(super) fn add(&mut self, events: u64) {
        self.next += events;
    }

    /// The oldest event, `None` if there is none.
    pub(super) fn oldest(
        &mut self,
        log: &impl ReadableTable<(u32, u64, u64), &'static [u8]>,
        realm: u32,
        recent: &Recent,
    ) -> Result<Option<Oldest>, StorageError> {
        if self.count() > 0 && self.oldest.is_empty() {
            self.look(log, realm, recent)?;
            if self.oldest.is_empty() {
                return Err(Damaged.into());
            }
        }
        Ok(self.oldest.front().copied())
    }

    /// Looks at the oldest events, where no recent chunk has them in the topic's other ones.
    fn look(
        &mut self,
        log: &impl ReadableTable<(u32, u64, u64), &'static [u8]>,
        realm: u32,
        recent: &Recent,
    ) -> Result<(), StorageError> {
        let (unseen, Seq(at)) = self.unseen;
        let unseen = unseen.max(self.first);
        let recent = recent.of(self.number);
        if recent.is_none_or(|recent| unseen < recent.first()) {
            let start = chunk_of(log, (realm, self.number), Seq(at))?.unwrap_or(0);
            for row in log.range((realm, self.number, start)..=(realm, self.number, u64::MAX))? {
                let (key, value) = row?;
                let chunk = Chunk::read(value.value(), (self.number, Seq(key.value().2)))?;
                for slot in chunk.slots() {
                    let slot = slot?;
                    if slot.ordinal >= unseen {
                        let (ordinal, seq, time, octets) = (slot.ordinal, slot.seq, slot.time, slot.octets);
                        self.oldest.push_back(Oldest { ordinal, seq, time, octets });
                    }
                }
                if self.oldest.len() >= OLDEST_AT_ONCE {
                    break;
                }
            }
        } else if let Some(recent) = recent {
            self.oldest.extend(recent.events.iter().filter(|event| event.ordinal >= unseen));
        }
        if let Some(last) = self.oldest.back() {
            self.unseen = (last.ordinal + 1, last.seq);
        }
        Ok(())
    }

    /// The oldest event goes.
    pub(super) fn drop_oldest(&mut self) {
        self.first += 1;
        self.oldest.pop_front();
    }

    /// Before which chunk everything is to be taken out of the file now, if anything is; it counts as done then. Where only
    /// recent chunks have something left that is done when these are put to the others.
    pub(super) fn clear(
        &mut self,
        log: &impl ReadableTable<(u32, u64, u64), &'static [u8]>,
        realm: u32,
        recent: &Recent,
        is_urgent: bool,
    ) -> Result<Option<u64>, StorageError> {
        let gone = self.first - self.cleared;
        if gone == 0 || (gone < self.slack && !is_urgent) {
            return Ok(None);
        }
        let Some(oldest) = self.oldest(log, realm, recent)? else { return Ok(None) };
        let is_recent = recent.of(self.number).is_some_and(|recent| recent.first() <= oldest.ordinal);
        if is_recent && !is_urgent {
            return Ok(None);
        }
        self.cleared = self.first;
        if is_recent {
            Ok(Some(u64::MAX))
        } else {
            chunk_of(log, (realm, self.number), oldest.seq)
        }
    }
}

/// The key of the chunk that a position lies in, if it lies in one that is not recent; else of the one before.
fn chunk_of(
    log: &impl ReadableTable<(u32, u64, u64), &'static [u8]>,
    (realm, topic): (u32, u64),
    Seq(seq): Seq,
) -> Result<Option<u64>, StorageError> {
    match log.range((realm, topic, 0)..=(realm, topic, seq))?.next_back() {
        Some(row) => Ok(Some(row?.0.value().2)),
        None => Ok(None),
    }
}

/// A rule's age as it lies in the file.
pub(super) fn age(micros: u64) -> Option<Duration> {
    (micros != NO_AGE).then(|| Duration::from_micros(micros))
}
