//! What can be wrong with the bytes of a peer, and what a receiver's serialization cannot carry.
//!
//! [`DecodeError`] is a violation: the session ends. [`TranscodeError`] fails one delivery and harms nobody's connection.
//! Neither ever quotes a payload; text of the peer's options is quoted escaped and cut to [`QUOTED_MAX`] characters.

use super::message::lengths;
use crate::wamp::{MessageKind, Serialization};
use std::fmt;

/// The most characters of a peer's text in an error, escapes counted as they are written.
pub const QUOTED_MAX: usize = 120;

/// Why bytes are no WAMP message. Each one is a protocol violation.
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum DecodeError {
    /// The bytes are not well formed, whatever they mean.
    #[error(transparent)]
    Malformed(#[from] Fault),
    /// The outermost value is something else.
    #[error("a message must be a list, got {got}")]
    NotAList {
        /// What came.
        got: ValueKind,
    },
    /// `[]`.
    #[error("a message must have a code, got an empty list")]
    Empty,
    /// The first element is no integer.
    #[error("a message must start with its code, got {got}")]
    Code {
        /// What came.
        got: ValueKind,
    },
    /// No message has this code.
    #[error("unknown message type {code}")]
    UnknownMessage {
        /// The first element.
        code: u64,
    },
    /// Too few or too many elements.
    #[error("{message}: must have {} elements, got {got}", Expected(*.message))]
    Length {
        /// Of this message.
        message: MessageKind,
        /// So many, the code included.
        got: u64,
    },
    /// An element or an option has the wrong type or an unlawful value.
    #[error("{message}: field {field} must be {expected}, got {got}")]
    Field {
        /// Of this message.
        message: MessageKind,
        /// The element's or option's name in the specification.
        field: &'static str,
        /// What is lawful there.
        expected: &'static str,
        /// What came.
        got: Got,
    },
    /// A key of the message's own dicts or of ArgumentsKw is no text.
    #[error("a key of {field} must be a string, got {got}")]
    KeyNotText {
        /// The dict.
        field: &'static str,
        /// What came.
        got: ValueKind,
    },
    /// A key is there twice.
    #[error("a key of {field} is there twice: {key}")]
    DuplicateKey {
        /// The dict.
        field: &'static str,
        /// The key; left out for ArgumentsKw, which are payload.
        key: Quoted,
    },
    /// A dict of the message itself has more keys than is lawful (C3).
    #[error("{field} may have at most {limit} keys")]
    TooManyKeys {
        /// The dict.
        field: &'static str,
        /// The most.
        limit: usize,
    },
    /// A dict of the message itself that is built into values holds more of them than is lawful (C3).
    #[error("{field} may hold at most {limit} values")]
    TooManyValues {
        /// The dict.
        field: &'static str,
        /// The most.
        limit: usize,
    },
}

impl DecodeError {
    /// Whether a text is not UTF-8, for which WebSocket has a close code of its own (1007).
    pub const fn is_not_utf8(&self) -> bool {
        matches!(self, Self::Malformed(Fault::NotUtf8))
    }
}

/// Why bytes are not well formed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Fault {
    /// A text is not UTF-8.
    #[error("a text is not UTF-8")]
    NotUtf8,
    /// The bytes end inside a value.
    #[error("the message ends inside a value")]
    Truncated,
    /// Lists and dicts inside each other, too many.
    #[error("nested deeper than {limit} levels")]
    TooDeep {
        /// The most levels.
        limit: u32,
    },
    /// There is more after the message.
    #[error("{octets} octets after the end of the message")]
    Trailing {
        /// So many.
        octets: usize,
    },
    /// Something else than the grammar has in this place.
    #[error("expected {expected} at octet {at}")]
    Syntax {
        /// What the grammar has there.
        expected: &'static str,
        /// Where, counted from 0.
        at: usize,
    },
}

/// The kinds of value that a serialization tells apart.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug)]
pub enum ValueKind {
    /// null, nil, undefined.
    Null,
    /// A boolean.
    Bool,
    /// A non-negative integer.
    Integer,
    /// A negative integer.
    Negative,
    /// An integer beyond 64 bits, or a number beyond the range of floats.
    HugeNumber,
    /// A float.
    Float,
    /// A text string.
    Text,
    /// A byte string.
    Bytes,
    /// A list.
    List,
    /// A dict.
    Dict,
    /// A MessagePack extension.
    Extension,
    /// A CBOR tag.
    Tag,
    /// A CBOR simple value without a meaning.
    Simple,
}

impl fmt::Display for ValueKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Null => "null",
            Self::Bool => "a bool",
            Self::Integer => "an integer",
            Self::Negative => "a negative integer",
            Self::HugeNumber => "a number beyond 64 bits",
            Self::Float => "a float",
            Self::Text => "a string",
            Self::Bytes => "a byte string",
            Self::List => "a list",
            Self::Dict => "a dict",
            Self::Extension => "an extension type",
            Self::Tag => "a tag",
            Self::Simple => "a simple value",
        })
    }
}

/// What came in the place of something else.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Got {
    /// A value of another kind.
    Kind(ValueKind),
    /// An integer out of range.
    Number(u64),
    /// An unknown text.
    Text(Quoted),
}

impl fmt::Display for Got {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kind(kind) => kind.fmt(f),
            Self::Number(number) => number.fmt(f),
            Self::Text(text) => text.fmt(f),
        }
    }
}

/// A peer's text, escaped, in quotation marks, cut to [`QUOTED_MAX`] characters.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Quoted(Box<str>);

impl Quoted {
    /// Escapes and cuts.
    pub fn new(text: &str) -> Self {
        let mut quoted = String::from("\"");
        let mut length = 2;
        for character in text.chars() {
            let escaped = character.escape_default();
            if length + escaped.len() + 3 > QUOTED_MAX {
                quoted.push_str("...");
                break;
            }
            length += escaped.len();
            quoted.extend(escaped);
        }
        quoted.push('"');
        Self(quoted.into())
    }

    /// In the place of a text that may not be told.
    pub(super) fn withheld() -> Self {
        Self("(not shown)".into())
    }
}

impl fmt::Display for Quoted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

struct Expected(MessageKind);

impl fmt::Display for Expected {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match lengths(self.0) {
            (least, most) if least == most => write!(f, "{least}"),
            (least, most) => write!(f, "{least} to {most}"),
        }
    }
}

/// Why a message cannot be written for this receiver. Its connection is not harmed: this one delivery fails (C8).
#[derive(Clone, PartialEq, Eq, Debug, thiserror::Error)]
pub enum TranscodeError {
    /// The receiver's serialization has no form for a value.
    #[error("{} has no form for {kind}", .towards.name())]
    NoForm {
        /// The value.
        kind: ValueKind,
        /// The receiver's.
        towards: Serialization,
    },
    /// The receiver's serialization has no form for a key.
    #[error("{} has no form for {kind} as a key", .towards.name())]
    Key {
        /// The key.
        kind: ValueKind,
        /// The receiver's.
        towards: Serialization,
    },
    /// The payload is not well formed. Cannot happen to one that was checked.
    #[error(transparent)]
    Payload(#[from] Fault),
}

/// Whether everything could be written as it was.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub enum Fidelity {
    /// Every value is the same for the receiver, or has the form that WAMP gives it (binary in JSON).
    #[default]
    Exact,
    /// Something has changed: NaN became null, a huge integer a float, a number used as a key a text. Counted (C7).
    Lossy,
}
