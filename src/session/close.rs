//! How a connection ends: what is said last, and the WebSocket close code that goes with it.
//!
//! The codes are those of section 12 of the limits; transports without close codes only close.

use crate::wamp::message::{Abort, Message};
use crate::wamp::ErrorUri;

/// A WebSocket close code.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct CloseCode(pub u16);

impl CloseCode {
    /// After GOODBYE.
    pub const NORMAL: Self = Self(1000);
    /// The node is stopping.
    pub const GOING_AWAY: Self = Self(1001);
    /// Frames or WAMP messages broke the protocol.
    pub const PROTOCOL: Self = Self(1002);
    /// Text where binary was due, or the other way round.
    pub const WRONG_KIND: Self = Self(1003);
    /// Text that is not UTF-8.
    pub const BAD_TEXT: Self = Self(1007);
    /// Slow, silent, flooding, not let in.
    pub const POLICY: Self = Self(1008);
    /// A message over the limit.
    pub const TOO_BIG: Self = Self(1009);
    /// The router's own fault.
    pub const INTERNAL: Self = Self(1011);
    /// The realm was started again.
    pub const RESTARTED: Self = Self(1012);
    /// Overloaded, or full: come back later.
    pub const TRY_LATER: Self = Self(1013);
}

/// Why a connection ends, for those who count.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Ending {
    /// GOODBYE or ABORT of the peer, or the answer to the router's own.
    Orderly,
    /// The peer broke the protocol.
    Violation,
    /// Octets that are no message.
    Undecodable,
    /// The node is stopping, or the realm is being removed.
    Shutdown,
    /// HELLO for a realm that is not there.
    NoSuchRealm,
    /// A realm URI that is none.
    BadRealm,
    /// No proof, a wrong one, or no role.
    NotAuthenticated,
    /// Whoever knows the name could not be asked.
    AuthenticatorFailed,
    /// No room for checking a proof.
    TooBusy,
    /// Too many wrong proofs.
    Throttled,
    /// No WELCOME in time.
    HandshakeTimeout,
    /// The realm is full.
    Limit,
    /// More of this role log in than may.
    RateLimited,
    /// The peer does not read.
    SlowConsumer,
    /// The node is short of memory.
    Overload,
    /// The realm was started again.
    RealmRestarted,
    /// The router's own fault.
    Internal,
}

impl Ending {
    /// Whether the peer has brought it about by what it did or left undone, not counting its proofs.
    pub fn is_the_peers(self) -> bool {
        match self {
            Self::Orderly
            | Self::Violation
            | Self::Undecodable
            | Self::NoSuchRealm
            | Self::BadRealm
            | Self::HandshakeTimeout
            | Self::SlowConsumer => true,
            Self::Shutdown
            | Self::NotAuthenticated
            | Self::AuthenticatorFailed
            | Self::TooBusy
            | Self::Throttled
            | Self::Limit
            | Self::RateLimited
            | Self::Overload
            | Self::RealmRestarted
            | Self::Internal => false,
        }
    }
}

/// The end of a connection.
#[derive(Clone, PartialEq, Debug)]
pub struct Farewell {
    /// Why.
    pub ending: Ending,
    /// What is said last, if anything.
    pub message: Option<Box<Message>>,
    /// The close code that follows it.
    pub code: CloseCode,
}

impl Farewell {
    /// ABORT with a text for people, then close.
    pub fn abort(ending: Ending, reason: ErrorUri, text: impl Into<String>, code: CloseCode) -> Self {
        Self { ending, message: Some(Box::new(Abort::because(reason, text).into())), code }
    }

    /// The peer broke the protocol (R1, R7, R16 to R21).
    pub fn violation(text: impl Into<String>) -> Self {
        Self::abort(Ending::Violation, ErrorUri::PROTOCOL_VIOLATION, text, CloseCode::PROTOCOL)
    }

    /// The peer does not read (S1).
    pub fn slow_consumer(text: impl Into<String>) -> Self {
        Self::abort(Ending::SlowConsumer, ErrorUri::SLOW_CONSUMER, text, CloseCode::POLICY)
    }
}
