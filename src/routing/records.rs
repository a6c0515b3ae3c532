//! Events for history in memory, as a turn makes them: all texts in one buffer, all payloads in another.
//!
//! An event of its own costs an allocation here and a free by the store's thread, and both threads then wait for the allocator;
//! a row of them costs neither. Only what nobody waits for is put here.

use super::record::{KeptEvent, Order, EVENT_SHARE};
use super::rules::HistoryRule;
use crate::wamp::options::{Disclosed, Listing, Ppt};
use crate::wamp::{Payload, PayloadForm, PublicationId, RawPayload, SessionId, Uri, WallTime};
use bytes::Bytes;
use std::sync::Arc;

/// Octets in a row; from there on a new one is begun.
const ROW_OCTETS: usize = 1 << 20;

/// A larger payload is kept as it is: once copied, never again.
const PAYLOAD_OCTETS: usize = 16 << 10;

/// Events in a row, in the order of routing. Empty after [`drain`](Self::drain), with its memory.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Records {
    list: Vec<Record>,
    /// Each topic once for the events of that topic that follow each other.
    topics: String,
    payloads: Vec<u8>,
    /// Each rule once for the events that follow each other.
    rules: Vec<HistoryRule>,
    octets: u64,
}

#[derive(Clone, PartialEq, Debug)]
struct Record {
    publication: PublicationId,
    time: WallTime,
    excluded: Option<SessionId>,
    topic: Span,
    payload: Span,
    form: Option<PayloadForm>,
    rule: u32,
    rest: Option<Box<RecordRest>>,
}

#[derive(Clone, Copy, PartialEq, Debug)]
struct Span {
    at: u32,
    len: u32,
}

/// What most events do not have.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct RecordRest {
    /// The publisher, where disclosed.
    pub publisher: Option<Box<Disclosed>>,
    /// The trust level, where configured.
    pub trustlevel: Option<u64>,
    /// Payload passthru attributes.
    pub ppt: Option<Box<Ppt>>,
    /// The black and white lists.
    pub listing: Option<Box<Listing>>,
    /// A payload that is large, or that the router made.
    pub payload: Option<Payload>,
}

/// One event, as a row or a store has it: the fields are those of [`KeptEvent`].
#[derive(Clone, PartialEq, Debug)]
pub struct Recorded<'a> {
    /// The publication.
    pub publication: PublicationId,
    /// When the realm routed it.
    pub time: WallTime,
    /// The concrete topic.
    pub topic: &'a str,
    /// The publishing session, where it does not get its own event.
    pub excluded: Option<SessionId>,
    /// The payload, unless it is empty or in the rest.
    pub payload: Option<(PayloadForm, &'a [u8])>,
    /// What most events do not have.
    pub rest: Option<Box<RecordRest>>,
}

impl RecordRest {
    fn is_empty(&self) -> bool {
        let Self { publisher, trustlevel, ppt, listing, payload } = self;
        publisher.is_none() && trustlevel.is_none() && ppt.is_none() && listing.is_none() && payload.is_none()
    }

    fn octets(&self) -> u64 {
        let listing = self.listing.as_deref().map_or(0, Listing::octets);
        (self.payload.as_ref().map_or(0, Payload::len) + listing) as u64
    }
}

impl<'a> Recorded<'a> {
    /// The payload in the form that it is kept in; what does not go in a row is put into `rest`.
    pub(super) fn with_payload(mut self, mut rest: RecordRest, payload: &'a Payload) -> Self {
        match payload {
            Payload::Empty => {}
            Payload::Raw(raw) if raw.tail().len() <= PAYLOAD_OCTETS => self.payload = Some((raw.form(), raw.tail())),
            Payload::Raw(_) | Payload::Values(_) => rest.payload = Some(payload.detached()),
        }
        self.rest = (!rest.is_empty()).then(|| Box::new(rest));
        self
    }

    /// The parts of an event that stands alone. A large payload is shared.
    pub fn of(event: &'a KeptEvent) -> Self {
        let mut rest = RecordRest {
            publisher: event.publisher.clone(),
            trustlevel: event.trustlevel,
            ppt: event.ppt.clone(),
            listing: event.listing.clone(),
            payload: None,
        };
        let mut payload = None;
        match &event.payload {
            Payload::Empty => {}
            Payload::Raw(raw) if raw.tail().len() <= PAYLOAD_OCTETS => payload = Some((raw.form(), &raw.tail()[..])),
            Payload::Raw(_) | Payload::Values(_) => rest.payload = Some(event.payload.clone()),
        }
        Self {
            publication: event.publication,
            time: event.time,
            topic: &event.topic,
            excluded: event.excluded,
            payload,
            rest: (!rest.is_empty()).then(|| Box::new(rest)),
        }
    }

    /// What it is counted with wherever octets have a bound: as [`KeptEvent::octets`].
    pub fn octets(&self) -> u64 {
        let payload = self.payload.map_or(0, |(_, octets)| octets.len());
        let rest = self.rest.as_ref().map_or(0, |rest| rest.octets());
        (EVENT_SHARE + self.topic.len() + payload) as u64 + rest
    }

    /// The event that stands alone. `topic` is its topic, shared or not.
    pub fn into_event(self, topic: Uri) -> KeptEvent {
        let rest = self.rest.map(|rest| *rest).unwrap_or_default();
        let raw = |(form, octets): (PayloadForm, &[u8])| RawPayload::of_form(form, Bytes::copy_from_slice(octets));
        KeptEvent {
            publication: self.publication,
            time: self.time,
            topic,
            publisher: rest.publisher,
            excluded: self.excluded,
            trustlevel: rest.trustlevel,
            ppt: rest.ppt,
            listing: rest.listing,
            payload: rest.payload.or_else(|| self.payload.map(raw).map(Payload::Raw)).unwrap_or_default(),
        }
    }
}

impl Records {
    /// Room for as many as there are here.
    pub(super) fn with_room_of(&self) -> Self {
        Self {
            list: Vec::with_capacity(self.list.len()),
            topics: String::with_capacity(self.topics.len()),
            payloads: Vec::with_capacity(self.payloads.len()),
            rules: Vec::with_capacity(self.rules.len()),
            octets: 0,
        }
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.list.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.list.len()
    }

    /// What all of them are counted with: the sum of [`Recorded::octets`].
    pub fn octets(&self) -> u64 {
        self.octets
    }

    /// Whether the next one begins a new row.
    pub(super) fn is_full(&self) -> bool {
        self.octets >= ROW_OCTETS as u64
    }

    /// Copies an event to the end.
    pub fn push(&mut self, event: Recorded<'_>, rule: HistoryRule) {
        self.octets += event.octets();
        if self.rules.last() != Some(&rule) {
            self.rules.push(rule);
        }
        let last = self.list.last().map(|record| record.topic);
        let topic = last.filter(|span| self.topics.get(span.range()) == Some(event.topic)).unwrap_or_else(|| {
            let at = self.topics.len() as u32;
            self.topics.push_str(event.topic);
            Span { at, len: event.topic.len() as u32 }
        });
        let (form, octets) = event.payload.unzip();
        let octets = octets.unwrap_or_default();
        // A row is little more than a mebibyte, so the casts lose nothing.
        let payload = Span { at: self.payloads.len() as u32, len: octets.len() as u32 };
        self.payloads.extend_from_slice(octets);
        self.list.push(Record {
            publication: event.publication,
            time: event.time,
            excluded: event.excluded,
            topic,
            payload,
            form,
            rule: self.rules.len().saturating_sub(1) as u32,
            rest: event.rest,
        });
    }

    /// Takes all events out, in order, with their rules.
    pub fn drain(&mut self) -> impl Iterator<Item = (Recorded<'_>, HistoryRule)> {
        self.octets = 0;
        let Self { list, topics, payloads, rules, .. } = self;
        list.drain(..).filter_map(|record| {
            let rule = rules.get(record.rule as usize)?;
            let payload = payloads.get(record.payload.range()).unwrap_or_default();
            let event = Recorded {
                publication: record.publication,
                time: record.time,
                topic: topics.get(record.topic.range())?,
                excluded: record.excluded,
                payload: record.form.map(|form| (form, payload)),
                rest: record.rest,
            };
            Some((event, *rule))
        })
    }

    /// The same as orders of their own.
    pub(super) fn one_by_one(mut self) -> Vec<Order> {
        let order = |(event, rule): (Recorded<'_>, HistoryRule)| {
            let topic = Uri::from(event.topic).detached();
            let event = Arc::new(event.into_event(topic));
            Order::Keep { event, history: Some(rule), retain: false, waiting: None }
        };
        self.drain().map(order).collect()
    }
}

impl Span {
    fn range(self) -> std::ops::Range<usize> {
        let at = self.at as usize;
        at..at + self.len as usize
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::{Serialization, Value};

    const RULE: HistoryRule = HistoryRule { limit: 9, max_age: None, durable: false };

    fn event(number: u64, topic: &str, payload: Payload) -> KeptEvent {
        KeptEvent {
            publication: PublicationId::wrapping(number),
            time: WallTime(number as i64),
            topic: Uri::from(topic),
            publisher: None,
            excluded: SessionId::new(number).ok(),
            trustlevel: None,
            ppt: None,
            listing: None,
            payload,
        }
    }

    fn raw(octets: usize) -> Payload {
        let text = format!("[\"{}\"]", "x".repeat(octets));
        let len = text.len();
        Payload::Raw(RawPayload::new(Serialization::Json, Bytes::from(text), len, None))
    }

    /// Store, section 1: history has what was routed, in the order of routing.
    #[test]
    fn events_in_a_row_are_the_events_that_were_put_in() {
        let listing = Some(Box::new(Listing { eligible_authid: Some(vec!["ann".to_owned()]), ..Listing::default() }));
        let events = [
            event(1, "com.a", raw(1)),
            event(0, "com.a", Payload::Empty),
            event(2, "com.b", Payload::args(vec![Value::from(1)])),
            event(3, "com.a", raw(2 * PAYLOAD_OCTETS)),
            KeptEvent { trustlevel: Some(3), listing, ..event(4, "", raw(7)) },
        ];
        let mut records = Records::default();
        for (nth, event) in events.iter().enumerate() {
            records.push(Recorded::of(event), HistoryRule { limit: nth / 2, ..RULE });
        }
        assert_eq!(records.octets(), events.iter().map(KeptEvent::octets).sum::<u64>());
        let back = records.clone().one_by_one().into_iter();
        let expected = events.into_iter().enumerate().map(|(nth, event)| Order::Keep {
            event: Arc::new(event),
            history: Some(HistoryRule { limit: nth / 2, ..RULE }),
            retain: false,
            waiting: None,
        });
        assert_eq!(back.collect::<Vec<_>>(), expected.collect::<Vec<_>>());
        assert_eq!(records.drain().count(), 5);
        assert_eq!((records.is_empty(), records.octets()), (true, 0));
    }

    /// A row is bounded, and so is what a full store loses at once.
    #[test]
    fn a_row_is_full_with_a_mebibyte() {
        let event = event(1, "com.a", raw(PAYLOAD_OCTETS - 4));
        let mut records = Records::default();
        while !records.is_full() {
            records.push(Recorded::of(&event), RULE);
        }
        assert!((ROW_OCTETS..ROW_OCTETS + 2 * PAYLOAD_OCTETS).contains(&(records.octets() as usize)));
    }
}
