//! Everything that a realm can cause outside itself, in the order in which it must happen.
//!
//! A change of the realm's own state is no effect. The core names receivers by [`SessionKey`]; who they are and how they are
//! reached is known outside. Nothing here encodes: an event only keeps what was encoded for it.

use super::key::SessionKey;
use super::meta::Question;
use super::record::Order;
use super::records::{Recorded, Records};
use super::rules::HistoryRule;
use crate::wamp::message::{Error, Event};
use crate::wamp::{Message, MessageKind, RequestId, Serialization, Uri};
use bytes::Bytes;
use smallvec::SmallVec;
use std::sync::{Arc, OnceLock};

/// The sessions that one event goes to, each once.
pub type Receivers = SmallVec<[SessionKey; 2]>;

/// One thing to be done outside the realm.
#[derive(Clone, PartialEq, Debug)]
pub enum Effect {
    /// One message for one session: replies, INVOCATION, RESULT, ERROR, INTERRUPT.
    Send {
        /// The receiver.
        to: SessionKey,
        /// The message.
        message: Message,
    },
    /// One EVENT of one subscription, for all its eligible subscribers at once.
    Deliver {
        /// The receivers, at least one.
        to: Receivers,
        /// The event, shared by all.
        event: Arc<SharedEvent>,
    },
    /// Something for the realm's store. Only from realms with rules that keep something.
    Store(Order),
    /// The session is asked for a sign of life at once; the answer is [`Realm::sign_of_life`](super::Realm::sign_of_life), or
    /// none.
    Probe(SessionKey),
    /// A session's end. The realm has disposed of the session when it emits this; nothing is sent to it afterwards.
    Close {
        /// The session that is gone.
        session: SessionKey,
        /// Why, and so with which message.
        reason: CloseReason,
    },
}

impl Effect {
    /// The same with an order for each event that is to be kept.
    pub fn one_by_one(self) -> Vec<Self> {
        match self {
            Self::Store(order) => order.one_by_one().into_iter().map(Self::Store).collect(),
            Self::Send { .. } | Self::Deliver { .. } | Self::Probe(_) | Self::Close { .. } => vec![self],
        }
    }
}

/// Why the realm ended a session.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum CloseReason {
    /// The peer broke the protocol: ABORT `wamp.error.protocol_violation`.
    Violation {
        /// What was wrong; never quotes payload.
        text: String,
    },
    /// A kill procedure: GOODBYE.
    Killed {
        /// The GOODBYE's reason.
        reason: Uri,
        /// GOODBYE.Details.message, if one was given.
        message: Option<String>,
    },
}

/// The buffer of effects. Its owner passes it in, drains it to the end, and uses it again.
#[derive(Debug, Default)]
pub struct Effects {
    list: Vec<Effect>,
    /// Events for history in memory, which are one order for many commands.
    records: Records,
    /// Questions to the node. They wait for nothing and nothing waits for them, so they have no place among the others.
    questions: Vec<Question>,
}

impl Effects {
    /// An empty buffer.
    pub fn new() -> Self {
        Self::default()
    }

    /// Takes all effects out, in order; the buffer keeps its memory.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.end_records();
        self.list.drain(..)
    }

    /// Takes all effects out but the last order, where that is [`Order::Records`]: it may grow. Whoever drains so asks for it
    /// with [`take_records`](Self::take_records) in the end.
    pub fn drain_but_records(&mut self) -> std::vec::Drain<'_, Effect> {
        self.list.drain(..)
    }

    /// The order that was left.
    pub fn take_records(&mut self) -> Option<Order> {
        if self.records.is_empty() {
            return None;
        }
        // The next turn is likely to order as much.
        let next = self.records.with_room_of();
        Some(Order::Records(Box::new(std::mem::replace(&mut self.records, next))))
    }

    /// Whether the node is asked something.
    #[inline]
    pub fn has_questions(&self) -> bool {
        !self.questions.is_empty()
    }

    /// What the node is asked, in order. Whoever drains asks for it too.
    #[inline]
    pub fn take_questions(&mut self) -> Vec<Question> {
        std::mem::take(&mut self.questions)
    }

    /// The effects so far, in order, but for the order that may grow.
    pub fn as_slice(&self) -> &[Effect] {
        &self.list
    }

    #[inline]
    pub(crate) fn send(&mut self, to: SessionKey, message: impl Into<Message>) {
        self.list.push(Effect::Send { to, message: message.into() });
    }

    #[inline]
    pub(crate) fn deliver(&mut self, to: Receivers, event: Event) {
        if !to.is_empty() {
            self.list.push(Effect::Deliver { to, event: Arc::new(SharedEvent::new(event)) });
        }
    }

    pub(crate) fn refuse(&mut self, to: SessionKey, kind: MessageKind, request: RequestId, refusal: &super::Refusal) {
        let error: Error = refusal.to_error(kind, request);
        self.send(to, error);
    }

    pub(crate) fn store(&mut self, order: Order) {
        self.end_records();
        self.list.push(Effect::Store(order));
    }

    pub(crate) fn ask(&mut self, question: Question) {
        self.questions.push(question);
    }

    /// Has an event kept for history in memory.
    #[inline]
    pub(crate) fn record(&mut self, event: Recorded<'_>, rule: HistoryRule) {
        if self.records.is_full() {
            self.end_records();
        }
        self.records.push(event, rule);
    }

    fn end_records(&mut self) {
        if let Some(order) = self.take_records() {
            self.list.push(Effect::Store(order));
        }
    }

    pub(crate) fn probe(&mut self, session: SessionKey) {
        self.list.push(Effect::Probe(session));
    }

    pub(crate) fn close(&mut self, session: SessionKey, reason: CloseReason) {
        self.list.push(Effect::Close { session, reason });
    }
}

/// One EVENT for many subscribers, with its frames: each serialization is written once, by whoever needs it first.
#[derive(Debug)]
pub struct SharedEvent {
    /// The message.
    pub message: Event,
    /// Per serialization; `Some(None)` inside: it cannot be encoded so.
    encoded: [OnceLock<Option<Bytes>>; 3],
}

impl SharedEvent {
    /// An event that nobody has encoded yet.
    pub fn new(message: Event) -> Self {
        Self { message, encoded: [const { OnceLock::new() }; 3] }
    }

    /// The event's octets in `serialization`; `encode` is asked at most once for each. `None` if it cannot be encoded so,
    /// which is remembered as well.
    pub fn encoded(&self, serialization: Serialization, encode: impl FnOnce() -> Option<Bytes>) -> Option<&Bytes> {
        let [json, message_pack, cbor] = &self.encoded;
        let cell = match serialization {
            Serialization::Json => json,
            Serialization::MessagePack => message_pack,
            Serialization::Cbor => cbor,
        };
        cell.get_or_init(encode).as_ref()
    }
}

impl PartialEq for SharedEvent {
    /// Equal by what is said, whether or not it is encoded yet.
    fn eq(&self, other: &Self) -> bool {
        self.message == other.message
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::{Payload, PublicationId, SubscriptionId};

    /// Architecture, section 8: a thousand subscribers cost one encoding per serialization.
    #[test]
    fn an_event_is_encoded_once_per_serialization_and_remembers_that_it_cannot_be() {
        let event = SharedEvent::new(Event {
            subscription: SubscriptionId::FIRST,
            publication: PublicationId::FIRST,
            details: crate::wamp::options::EventDetails::default(),
            payload: Payload::Empty,
        });
        assert_eq!(
            event.encoded(Serialization::Json, || Some(Bytes::from_static(b"[]"))),
            Some(&Bytes::from_static(b"[]"))
        );
        assert_eq!(event.encoded(Serialization::Json, || None), Some(&Bytes::from_static(b"[]")));
        assert_eq!(event.encoded(Serialization::Cbor, || None), None);
        assert_eq!(event.encoded(Serialization::Cbor, || Some(Bytes::new())), None);
    }

    /// Store, section 1: what is kept goes to the store in the order of routing.
    #[test]
    fn events_for_memory_are_one_order_that_precedes_the_next_one() {
        let rule = HistoryRule { limit: 1, max_age: None, durable: false };
        let event = |number| Recorded {
            publication: PublicationId::wrapping(number),
            time: crate::wamp::WallTime(0),
            topic: "com.a",
            excluded: None,
            payload: None,
            rest: None,
        };
        let many = |effect: &Effect| match effect {
            Effect::Store(Order::Records(records)) => records.len(),
            Effect::Store(_)
            | Effect::Send { .. }
            | Effect::Deliver { .. }
            | Effect::Probe(_)
            | Effect::Close { .. } => 0,
        };
        let mut effects = Effects::new();
        (0..2).for_each(|number| effects.record(event(number), rule));
        assert_eq!(effects.drain_but_records().count(), 0);
        effects.record(event(2), rule);
        effects.store(Order::Forget(Uri::from("com.a")));
        effects.record(event(3), rule);
        assert_eq!(effects.drain().map(|effect| many(&effect)).collect::<Vec<_>>(), [3, 0, 1]);
        assert_eq!(effects.take_records(), None);
    }
}
