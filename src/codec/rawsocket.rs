//! RawSocket as bytes: the handshake of four octets and the header of each frame. No I/O.
//!
//! ```text
//! handshake  7F  LS  00 00      L: longest message that the sender of these octets takes, 2^(9+L); S: serialization
//! header     RRRRXTTT  length   R: zero; X: 25th bit of the length; T: type; then 24 bits of length, big-endian
//! ```
//!
//! Source: Advanced Profile, "RawSocket Transport"; section 7.3 of the reference.

use crate::wamp::Serialization;

/// The first octet of a handshake. No HTTP request starts with it.
pub const MAGIC: u8 = 0x7f;

/// The longest message that RawSocket can carry, in octets: 2^24.
pub const MESSAGE_LEN_MAX: usize = 1 << 24;

/// A longest message: a power of two from 2^9 to 2^24 octets.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct LengthLimit(u8);

impl LengthLimit {
    /// 512 octets.
    pub const MIN: Self = Self(0);
    /// 16 MiB.
    pub const MAX: Self = Self(15);

    /// The greatest limit that is not above so many octets; [`MIN`](Self::MIN) below 512.
    pub const fn at_most(octets: usize) -> Self {
        match octets.checked_ilog2() {
            Some(log) if log >= 24 => Self::MAX,
            Some(log) if log > 9 => Self(log as u8 - 9),
            Some(_) | None => Self::MIN,
        }
    }

    /// In octets.
    pub const fn octets(self) -> usize {
        1 << (9 + self.0)
    }

    const fn nibble(octet: u8) -> Self {
        Self(octet >> 4)
    }
}

/// What a router does with the first four octets of a connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Handshake {
    /// Send `reply` and go on.
    Accept {
        /// In both directions.
        serialization: Serialization,
        /// The longest message that the peer takes.
        peer_limit: LengthLimit,
        /// To be sent.
        reply: [u8; 4],
    },
    /// Send the [reply](Refusal::reply) and close.
    Refuse(Refusal),
    /// Not RawSocket: close, or hand over to HTTP on a shared port.
    Close,
}

/// Why a handshake is refused.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum Refusal {
    /// Error 1; also for the illegal serializer 0 (D55).
    #[error("the serializer is not supported")]
    Serializer,
    /// Error 2.
    #[error("the maximum message length is not acceptable")]
    Length,
    /// Error 3.
    #[error("reserved octets of the handshake are not zero")]
    Reserved,
    /// Error 4.
    #[error("too many connections")]
    Connections,
}

impl Refusal {
    /// To be sent before closing.
    pub const fn reply(self) -> [u8; 4] {
        let error = match self {
            Self::Serializer => 1,
            Self::Length => 2,
            Self::Reserved => 3,
            Self::Connections => 4,
        };
        [MAGIC, error << 4, 0, 0]
    }
}

/// The serializer's number in a handshake.
const fn serializer(serialization: Serialization) -> u8 {
    match serialization {
        Serialization::Json => 1,
        Serialization::MessagePack => 2,
        Serialization::Cbor => 3,
    }
}

/// Answers a client's handshake; `own` is the longest message that the router takes.
pub const fn accept(request: [u8; 4], own: LengthLimit) -> Handshake {
    let [magic, length_and_serializer, third, fourth] = request;
    if magic != MAGIC {
        return Handshake::Close;
    }
    if third != 0 || fourth != 0 {
        return Handshake::Refuse(Refusal::Reserved);
    }
    let serialization = match length_and_serializer & 0xf {
        1 => Serialization::Json,
        2 => Serialization::MessagePack,
        3 => Serialization::Cbor,
        _ => return Handshake::Refuse(Refusal::Serializer),
    };
    Handshake::Accept {
        serialization,
        peer_limit: LengthLimit::nibble(length_and_serializer),
        reply: handshake(serialization, own),
    }
}

/// The four octets that a client begins with, or that a router accepts with; `own` is the longest message it takes itself.
pub const fn handshake(serialization: Serialization, own: LengthLimit) -> [u8; 4] {
    [MAGIC, own.0 << 4 | serializer(serialization), 0, 0]
}

/// Why a client cannot go on after the router's answer.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum ReplyError {
    /// The router said no.
    #[error("the router refused: {0}")]
    Refused(Refusal),
    /// An error that the specification does not define.
    #[error("the router refused with error {0}")]
    RefusedOtherwise(u8),
    /// Not an answer of RawSocket, or to another request.
    #[error("not a RawSocket handshake")]
    Unlawful,
}

/// Reads the router's answer to a client's [`handshake`]: the longest message that the router takes.
///
/// # Errors
/// [`ReplyError`]; the connection is to be closed.
pub const fn read_reply(reply: [u8; 4], serialization: Serialization) -> Result<LengthLimit, ReplyError> {
    let [magic, second, third, fourth] = reply;
    if magic != MAGIC || third != 0 || fourth != 0 {
        return Err(ReplyError::Unlawful);
    }
    match second & 0xf {
        0 => Err(match second >> 4 {
            0 => ReplyError::Unlawful,
            1 => ReplyError::Refused(Refusal::Serializer),
            2 => ReplyError::Refused(Refusal::Length),
            3 => ReplyError::Refused(Refusal::Reserved),
            4 => ReplyError::Refused(Refusal::Connections),
            other => ReplyError::RefusedOtherwise(other),
        }),
        echoed if echoed == serializer(serialization) => Ok(LengthLimit::nibble(second)),
        _ => Err(ReplyError::Unlawful),
    }
}

/// What a frame carries.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum FrameKind {
    /// One WAMP message.
    Message,
    /// To be answered at once by a PONG with the same body.
    Ping,
    /// The answer.
    Pong,
}

/// The header of a frame.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Header {
    /// What the body is.
    pub kind: FrameKind,
    /// Its octets, 0 to 2^24.
    pub length: usize,
}

/// The octets of a header.
pub const HEADER_LEN: usize = 4;

/// Why a header fails the connection.
#[derive(Clone, Copy, PartialEq, Eq, Debug, thiserror::Error)]
pub enum HeaderError {
    /// A frame type or a bit that the specification keeps for itself.
    #[error("reserved frame type or bits in header {0:#010x}")]
    Reserved(u32),
    /// Longer than allowed: by one's own limit when reading, by 2^24 when writing.
    #[error("a frame of {length} octets, at most {limit} are allowed")]
    TooLong {
        /// The body's octets.
        length: usize,
        /// The most.
        limit: usize,
    },
}

impl Header {
    /// Reads a header; `own` is the longest body that was announced to the peer.
    ///
    /// # Errors
    /// [`HeaderError`]: the connection fails, before the body is read.
    pub const fn parse(octets: [u8; HEADER_LEN], own: LengthLimit) -> Result<Self, HeaderError> {
        let header = u32::from_be_bytes(octets);
        let kind = match octets[0] & 0b1111_0111 {
            0 => FrameKind::Message,
            1 => FrameKind::Ping,
            2 => FrameKind::Pong,
            _ => return Err(HeaderError::Reserved(header)),
        };
        let low = (header & 0x00ff_ffff) as usize;
        let length = match octets[0] & 0b1000 {
            0 => low,
            // The 25th bit alone: no other length needs it.
            _ if low == 0 => MESSAGE_LEN_MAX,
            _ => return Err(HeaderError::Reserved(header)),
        };
        if length > own.octets() {
            return Err(HeaderError::TooLong { length, limit: own.octets() });
        }
        Ok(Self { kind, length })
    }

    /// The octets before the body.
    ///
    /// # Errors
    /// [`HeaderError::TooLong`] above 2^24. The peer's own limit, often lower, is for the sender to keep.
    pub const fn write(self) -> Result<[u8; HEADER_LEN], HeaderError> {
        if self.length > MESSAGE_LEN_MAX {
            return Err(HeaderError::TooLong { length: self.length, limit: MESSAGE_LEN_MAX });
        }
        let kind = match self.kind {
            FrameKind::Message => 0,
            FrameKind::Ping => 1,
            FrameKind::Pong => 2,
        };
        // 2^24 itself sets just the 25th bit, which is X.
        Ok((kind << 24 | (self.length as u32 & 0x00ff_ffff) | (self.length as u32 & 0x0100_0000) << 3).to_be_bytes())
    }
}
