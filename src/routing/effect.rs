//! Everything that a realm can cause outside itself, in the order in which it must happen.
//!
//! A change of the realm's own state is no effect. The core names receivers by [`SessionKey`]; who they are and how they are
//! reached is known outside. Nothing here encodes: an event only keeps what was encoded for it.

use super::key::SessionKey;
use super::record::Order;
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
pub struct Effects(Vec<Effect>);

impl Effects {
    /// An empty buffer.
    pub const fn new() -> Self {
        Self(Vec::new())
    }

    /// Takes all effects out, in order; the buffer keeps its memory.
    pub fn drain(&mut self) -> std::vec::Drain<'_, Effect> {
        self.0.drain(..)
    }

    /// The effects so far, in order.
    pub fn as_slice(&self) -> &[Effect] {
        &self.0
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    #[inline]
    pub(crate) fn send(&mut self, to: SessionKey, message: impl Into<Message>) {
        self.0.push(Effect::Send { to, message: message.into() });
    }

    #[inline]
    pub(crate) fn deliver(&mut self, to: Receivers, event: Event) {
        if !to.is_empty() {
            self.0.push(Effect::Deliver { to, event: Arc::new(SharedEvent::new(event)) });
        }
    }

    pub(crate) fn refuse(&mut self, to: SessionKey, kind: MessageKind, request: RequestId, refusal: &super::Refusal) {
        let error: Error = refusal.to_error(kind, request);
        self.send(to, error);
    }

    pub(crate) fn store(&mut self, order: Order) {
        self.0.push(Effect::Store(order));
    }

    pub(crate) fn probe(&mut self, session: SessionKey) {
        self.0.push(Effect::Probe(session));
    }

    pub(crate) fn close(&mut self, session: SessionKey, reason: CloseReason) {
        self.0.push(Effect::Close { session, reason });
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
}
