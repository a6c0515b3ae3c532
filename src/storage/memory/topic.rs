//! One topic's events in memory.
//!
//! The payloads lie one behind the other in a ring of octets: what goes at the old end makes room for what comes at the new one.

use crate::routing::{KeptEvent, RecordRest, Recorded, StoreFault};
use crate::storage::select::{self, Bounds, Stream};
use crate::storage::Seq;
use crate::wamp::{PayloadForm, PublicationId, SessionId, Uri, WallTime};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

/// A ring that is so much larger than what is in it gives room back.
const ROOM_TIMES: usize = 4;

/// Smaller ones keep theirs.
const ROOM_OCTETS: usize = 4096;

#[derive(Debug)]
struct Kept {
    seq: Seq,
    publication: PublicationId,
    time: WallTime,
    excluded: Option<SessionId>,
    /// Where the payload begins, counted in all octets that were ever in the ring.
    at: u64,
    len: u32,
    form: Option<PayloadForm>,
    octets: u64,
    rest: Option<Box<RecordRest>>,
}

#[derive(Debug)]
pub(super) struct Topic {
    pub(super) uri: Uri,
    pub(super) limit: usize,
    pub(super) max_age: Option<Duration>,
    /// In ascending order.
    kept: VecDeque<Kept>,
    ring: VecDeque<u8>,
    /// Octets that have left the ring.
    gone: u64,
}

impl Topic {
    pub(super) fn new(uri: Uri) -> Self {
        Self { uri, limit: 0, max_age: None, kept: VecDeque::new(), ring: VecDeque::new(), gone: 0 }
    }

    /// Puts a copy of an event behind the others; gives back what it is counted with.
    pub(super) fn push(&mut self, seq: Seq, event: Recorded<'_>) -> u64 {
        let octets = event.octets();
        let (form, payload) = event.payload.unzip();
        let payload = payload.unwrap_or_default();
        self.kept.push_back(Kept {
            seq,
            publication: event.publication,
            time: event.time,
            excluded: event.excluded,
            at: self.gone + self.ring.len() as u64,
            // What is large is in the rest.
            len: payload.len() as u32,
            form,
            octets,
            rest: event.rest,
        });
        self.ring.extend(payload);
        octets
    }

    pub(super) fn is_empty(&self) -> bool {
        self.kept.is_empty()
    }

    /// Where the oldest one stands.
    pub(super) fn first(&self) -> Option<Seq> {
        self.kept.front().map(|kept| kept.seq)
    }

    /// Whether the oldest one is one too many, or too old.
    pub(super) fn has_too_much(&self, now: WallTime) -> bool {
        let too_old = select::not_before(now, self.max_age);
        self.kept.front().is_some_and(|first| self.kept.len() > self.limit || first.time < too_old)
    }

    /// Drops the oldest one; gives back what it was counted with.
    pub(super) fn drop_oldest(&mut self) -> Option<u64> {
        let oldest = self.kept.pop_front()?;
        self.ring.drain(..(oldest.len as usize).min(self.ring.len()));
        self.gone += u64::from(oldest.len);
        Some(oldest.octets)
    }

    /// Gives memory back, if what was dropped had much more than what is there.
    pub(super) fn give_back_room(&mut self) {
        if self.ring.capacity() > ROOM_OCTETS.max(self.ring.len() * ROOM_TIMES) {
            self.ring.shrink_to(self.ring.len() * 2);
        }
        if self.kept.capacity() * size_of::<Kept>() > ROOM_OCTETS.max(self.kept.len() * size_of::<Kept>() * ROOM_TIMES)
        {
            self.kept.shrink_to(self.kept.len() * 2);
        }
    }

    /// Where a publication stands, and its time.
    pub(super) fn find(&self, publication: PublicationId) -> Option<(Seq, WallTime)> {
        let kept = self.kept.iter().rev().find(|kept| kept.publication == publication)?;
        Some((kept.seq, kept.time))
    }

    fn event(&self, kept: &Kept) -> KeptEvent {
        let at = (kept.at - self.gone) as usize;
        let payload = self.octets(at, at + kept.len as usize);
        let recorded = Recorded {
            publication: kept.publication,
            time: kept.time,
            topic: &self.uri,
            excluded: kept.excluded,
            payload: kept.form.map(|form| (form, &*payload)),
            rest: kept.rest.clone(),
        };
        recorded.into_event(self.uri.clone())
    }

    /// A piece of the ring, in one part.
    fn octets(&self, from: usize, to: usize) -> Cow<'_, [u8]> {
        let (front, back) = self.ring.as_slices();
        let wrap = front.len();
        if to <= wrap {
            return Cow::Borrowed(front.get(from..to).unwrap_or_default());
        }
        if from >= wrap {
            return Cow::Borrowed(back.get(from - wrap..to - wrap).unwrap_or_default());
        }
        let parts = [front.get(from..), back.get(..to - wrap)];
        Cow::Owned(parts.into_iter().flatten().flatten().copied().collect())
    }
}

/// One topic's events between two positions.
pub(super) struct Walk<'a> {
    topic: &'a Topic,
    kept: std::collections::vec_deque::Iter<'a, Kept>,
    reverse: bool,
    head: Option<&'a Kept>,
    not_before: WallTime,
}

impl<'a> Walk<'a> {
    pub(super) fn new(topic: &'a Topic, now: WallTime, bounds: Bounds, reverse: bool) -> Self {
        let start = topic.kept.partition_point(|kept| kept.seq < bounds.low);
        let end = topic.kept.partition_point(|kept| kept.seq <= bounds.high);
        let not_before = select::not_before(now, topic.max_age);
        let mut walk = Self { topic, kept: topic.kept.range(start..end.max(start)), reverse, head: None, not_before };
        walk.advance();
        walk
    }

    fn advance(&mut self) {
        self.head = if self.reverse { self.kept.next_back() } else { self.kept.next() };
    }
}

impl Stream for Walk<'_> {
    fn head(&self) -> Option<Seq> {
        self.head.map(|kept| kept.seq)
    }

    fn take(&mut self) -> Result<Arc<KeptEvent>, StoreFault> {
        let event = self.head.map(|kept| Arc::new(self.topic.event(kept))).ok_or(StoreFault::Failed)?;
        self.advance();
        Ok(event)
    }

    fn not_before(&self) -> WallTime {
        self.not_before
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::{Payload, RawPayload, Serialization};
    use bytes::Bytes;

    fn payload(number: u64) -> Payload {
        let text = format!("[{}]", "7".repeat((number % 23 * 5) as usize + 1));
        let len = text.len();
        Payload::Raw(RawPayload::new(Serialization::Json, Bytes::from(text), len, None))
    }

    fn event(number: u64) -> KeptEvent {
        KeptEvent {
            publication: PublicationId::wrapping(number),
            time: WallTime(number as i64),
            topic: Uri::from("com.a"),
            publisher: None,
            excluded: None,
            trustlevel: None,
            ppt: None,
            listing: None,
            payload: payload(number),
        }
    }

    /// Whatever went before it, and wherever the ring begins.
    #[test]
    fn an_event_reads_back_as_it_was_put_in_while_others_come_and_go() {
        let mut topic = Topic::new(Uri::from("com.a"));
        let (mut first, mut wrapped) = (0, 0);
        for number in 0..3000 {
            topic.push(Seq(number), Recorded::of(&event(number)));
            // Few for a while, then many, then few.
            topic.limit = if number / 1000 == 1 { 300 } else { 20 };
            while topic.has_too_much(WallTime(0)) {
                topic.drop_oldest();
                first += 1;
            }
            topic.give_back_room();
            wrapped += usize::from(!topic.ring.as_slices().1.is_empty());
            let back: Vec<KeptEvent> = topic.kept.iter().map(|kept| topic.event(kept)).collect();
            assert_eq!(back, (first..=number).map(event).collect::<Vec<_>>());
        }
        assert!(wrapped > 100, "{wrapped}");
        assert!(topic.ring.capacity() < 300 * 120, "{}", topic.ring.capacity());
    }
}
