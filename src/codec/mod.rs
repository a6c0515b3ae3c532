//! Bytes to WAMP messages and back, for JSON, MessagePack and CBOR. No sockets, no clock, no session.
//!
//! ```text
//! frame --decode--> Message { typed options, URIs and payload as slices of the frame } --encode--> frame
//!                                                 \--(another serialization)--transcode--/
//! ```
//!
//! The shape of a message stands once, in `message`, over a `Reader` and a `Writer` of each serialization. Everything that
//! a peer sends is checked in one pass without recursion, before anybody else sees it; payloads stay bytes.

pub mod batched;
mod cbor;
mod compose;
mod error;
mod json;
mod keys;
mod members;
mod message;
mod msgpack;
pub mod rawsocket;
mod reader;
mod transcode;
mod value;
mod writer;

pub use compose::{compose, Piece};
pub use error::{DecodeError, Fault, Fidelity, Got, Quoted, TranscodeError, ValueKind, QUOTED_MAX};
pub use members::{elements, members, Member};
pub use value::{json_of, payload_args, payload_kwargs, read_value};

use crate::wamp::{Message, Payload, Serialization};
use bytes::Bytes;

/// The bounds of one message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Limits {
    /// A message that is so many levels deep, counted from its outer list, is refused. At most 128 takes effect.
    pub depth_max: u32,
    /// The most levels of Options, Details or Extra, counted from the dict itself.
    pub dict_depth_max: u32,
}

impl Default for Limits {
    fn default() -> Self {
        Self { depth_max: 128, dict_depth_max: 32 }
    }
}

/// Reads the one message that a frame holds. URIs and payload are slices of it and keep it in memory.
///
/// # Errors
/// [`DecodeError`]: the peer broke the protocol.
///
/// # Cost
/// One pass over the frame, without recursion. Nothing is allocated by an announced length.
pub fn decode(serialization: Serialization, frame: &Bytes, limits: &Limits) -> Result<Message, DecodeError> {
    match serialization {
        Serialization::Json => message::read::<json::JsonReader<'_>>(serialization, frame, limits),
        Serialization::MessagePack => message::read::<msgpack::MessagePackReader<'_>>(serialization, frame, limits),
        Serialization::Cbor => message::read::<cbor::CborReader<'_>>(serialization, frame, limits),
    }
}

/// Appends a message to `out`. A payload of the same serialization is copied as it stands, any other is transcoded.
///
/// # Errors
/// [`TranscodeError`]: the payload holds something that this serialization cannot carry. `out` is then as it was.
pub fn encode(message: &Message, serialization: Serialization, out: &mut Vec<u8>) -> Result<Fidelity, TranscodeError> {
    let start = out.len();
    out.reserve(message_len_hint(message));
    let written = match serialization {
        Serialization::Json => message::write(message, &mut json::JsonWriter::new(out)),
        Serialization::MessagePack => message::write(message, &mut msgpack::MessagePackWriter::new(out)),
        Serialization::Cbor => message::write(message, &mut cbor::CborWriter::new(out)),
    };
    if written.is_err() {
        out.truncate(start);
    }
    written
}

/// About how many octets a message takes: room for a buffer, not a bound.
pub fn message_len_hint(message: &Message) -> usize {
    /// The code, two ids and a few short options.
    const HEAD: usize = 96;
    let with = |uri: &str, payload: &Payload| HEAD + uri.len() + payload.len();
    match message {
        Message::Publish(publish) => with(&publish.topic, &publish.payload),
        Message::Call(call) => with(&call.procedure, &call.payload),
        Message::Error(error) => with(&error.error, &error.payload),
        Message::Abort(abort) => with(&abort.reason, &abort.payload),
        Message::Event(event) => with(event.details.topic.as_deref().unwrap_or_default(), &event.payload),
        Message::Invocation(invocation) => {
            with(invocation.details.procedure.as_deref().unwrap_or_default(), &invocation.payload)
        }
        Message::Result(result) => with("", &result.payload),
        Message::Yield(yielded) => with("", &yielded.payload),
        Message::Subscribe(subscribe) => with(&subscribe.topic, &Payload::Empty),
        Message::Register(register) => with(&register.procedure, &Payload::Empty),
        // The announcement of all features.
        Message::Hello(_) | Message::Welcome(_) => 1024,
        Message::Challenge(_) | Message::Authenticate(_) => 512,
        Message::Goodbye(_)
        | Message::Published(_)
        | Message::Subscribed(_)
        | Message::Unsubscribe(_)
        | Message::Unsubscribed(_)
        | Message::Cancel(_)
        | Message::Registered(_)
        | Message::Unregister(_)
        | Message::Unregistered(_)
        | Message::Interrupt(_) => HEAD,
    }
}
