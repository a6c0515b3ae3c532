//! Application payload: Arguments and ArgumentsKw, as received.
//!
//! On its way through the router a payload is a checked slice of the frame that brought it, with the serialization it is
//! written in. It is spliced into a message for a receiver of the same serialization, and transcoded for any other
//! (`codec::transcode`, there and only there). Payloads that the router makes itself are values.

use super::value::{dict_octets, Dict, Value};
use bytes::{Bytes, BytesMut};

/// How messages are written as bytes.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Serialization {
    /// JSON text.
    Json,
    /// MessagePack, with the split of text and bytes.
    MessagePack,
    /// CBOR, RFC 8949.
    Cbor,
}

impl Serialization {
    /// All three; a serialization's place here is its [`index`](Self::index).
    pub const ALL: [Self; 3] = [Self::Json, Self::MessagePack, Self::Cbor];

    /// 0, 1 or 2, for tables with one place per serialization.
    pub const fn index(self) -> usize {
        match self {
            Self::Json => 0,
            Self::MessagePack => 1,
            Self::Cbor => 2,
        }
    }

    /// The name in subprotocols and settings: `json`, `msgpack`, `cbor`.
    pub const fn name(self) -> &'static str {
        match self {
            Self::Json => "json",
            Self::MessagePack => "msgpack",
            Self::Cbor => "cbor",
        }
    }

    /// Whether its WebSocket messages are binary (JSON's are text).
    pub const fn is_binary(self) -> bool {
        match self {
            Self::Json => false,
            Self::MessagePack | Self::Cbor => true,
        }
    }
}

/// Arguments and ArgumentsKw of one message.
#[derive(Clone, PartialEq, Debug, Default)]
pub enum Payload {
    /// Neither was there.
    #[default]
    Empty,
    /// As received, in the sender's serialization.
    Raw(RawPayload),
    /// Made by the router.
    Values(Box<Values>),
}

/// A payload made by the router: the texts of errors, the meta API's answers and events.
#[derive(Clone, PartialEq, Debug, Default)]
pub struct Values {
    /// Arguments.
    pub args: Vec<Value>,
    /// ArgumentsKw; written only when there are any.
    pub kwargs: Dict,
}

impl Payload {
    /// Positional arguments made by the router.
    pub fn args(args: Vec<Value>) -> Self {
        Self::values(args, Dict::new())
    }

    /// Arguments made by the router; empty ones are left out.
    pub fn values(args: Vec<Value>, kwargs: Dict) -> Self {
        if args.is_empty() && kwargs.is_empty() {
            Self::Empty
        } else {
            Self::Values(Box::new(Values { args, kwargs }))
        }
    }

    /// A copy that keeps no frame alive: for what is stored for long.
    #[must_use]
    pub fn detached(&self) -> Self {
        match self {
            Self::Empty => Self::Empty,
            Self::Raw(RawPayload { serialization, tail, args_len, kwargs_at }) => Self::Raw(RawPayload {
                serialization: *serialization,
                tail: Bytes::copy_from_slice(tail),
                args_len: *args_len,
                kwargs_at: *kwargs_at,
            }),
            Self::Values(values) => Self::Values(values.clone()),
        }
    }

    /// As [`detached`](Self::detached), with room for many copies: one allocation for all that are made one after the other. It
    /// lives as long as any of them, so this is for what is soon written or copied once more. Large ones have their own.
    #[must_use]
    pub fn detached_within(&self, room: &mut BytesMut) -> Self {
        const ROOM: usize = 16 << 10;
        match self {
            Self::Raw(RawPayload { serialization, tail, args_len, kwargs_at }) if tail.len() <= ROOM / 8 => {
                if room.capacity() - room.len() < tail.len() {
                    room.reserve(ROOM);
                }
                room.extend_from_slice(tail);
                Self::Raw(RawPayload {
                    serialization: *serialization,
                    tail: room.split().freeze(),
                    args_len: *args_len,
                    kwargs_at: *kwargs_at,
                })
            }
            Self::Empty | Self::Raw(_) | Self::Values(_) => self.detached(),
        }
    }

    /// Octets that it keeps in memory, about.
    ///
    /// # Cost
    /// Walks a payload that the router made.
    pub fn len(&self) -> usize {
        match self {
            Self::Empty => 0,
            Self::Raw(raw) => raw.tail.len(),
            Self::Values(values) => {
                let args: usize = values.args.iter().map(Value::octets).sum();
                size_of::<Values>() + args + dict_octets(&values.kwargs)
            }
        }
    }

    /// Whether there is neither Arguments nor ArgumentsKw.
    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Empty)
    }
}

/// A slice of a received message, from the first octet of Arguments to the last of Arguments or ArgumentsKw, checked to be
/// well formed and not too deep.
///
/// The slice can be spliced as it stands into a message of the same serialization: for JSON it holds the comma (and any
/// white space) between the two.
#[derive(Clone, PartialEq, Debug)]
pub struct RawPayload {
    serialization: Serialization,
    tail: Bytes,
    args_len: u32,
    /// Where ArgumentsKw starts in `tail`; its length if there is none.
    kwargs_at: u32,
}

/// How a payload's octets are to be read: a [`RawPayload`] without them.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct PayloadForm {
    serialization: Serialization,
    args_len: u32,
    kwargs_at: u32,
}

impl RawPayload {
    /// How the octets of [`tail`](Self::tail) are to be read.
    pub fn form(&self) -> PayloadForm {
        let Self { serialization, args_len, kwargs_at, .. } = *self;
        PayloadForm { serialization, args_len, kwargs_at }
    }

    /// A payload again, from a copy of the octets of the one that had this form.
    pub fn of_form(PayloadForm { serialization, args_len, kwargs_at }: PayloadForm, tail: Bytes) -> Self {
        debug_assert!(args_len <= kwargs_at && kwargs_at as usize <= tail.len());
        Self { serialization, tail, args_len, kwargs_at }
    }

    /// Wraps a checked slice. `args_len` is the length of Arguments at its start, `kwargs_at` where ArgumentsKw begins
    /// (`None`: there is none).
    ///
    /// Only `codec` and `http` make these, from what they have checked.
    pub fn new(serialization: Serialization, tail: Bytes, args_len: usize, kwargs_at: Option<usize>) -> Self {
        let at = kwargs_at.unwrap_or(tail.len());
        debug_assert!(args_len <= at && at <= tail.len());
        // A message is at most 16 MiB, so the casts lose nothing.
        Self { serialization, args_len: args_len as u32, kwargs_at: at as u32, tail }
    }

    /// What it is written in.
    pub fn serialization(&self) -> Serialization {
        self.serialization
    }

    /// Both parts, ready to be spliced.
    pub fn tail(&self) -> &Bytes {
        &self.tail
    }

    /// Arguments: one list.
    pub fn args(&self) -> &[u8] {
        &self.tail[..self.args_len as usize]
    }

    /// ArgumentsKw: one dict, if it was there.
    pub fn kwargs(&self) -> Option<&[u8]> {
        let at = self.kwargs_at as usize;
        (at < self.tail.len()).then(|| &self.tail[at..])
    }
}
