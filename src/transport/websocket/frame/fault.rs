//! What can be wrong with frames, with the close code that says so and the reason under which it is counted.

use super::super::close::CloseCode;
use super::super::utf8::InvalidUtf8;

/// The connection fails. Its `Display` says what was wrong, for people, and quotes nothing of the peer's.
#[derive(Clone, Copy, PartialEq, Eq, Hash, Debug, thiserror::Error)]
pub enum FrameFault {
    /// RSV2, RSV3, or an RSV1 that no negotiated extension gives a meaning here.
    #[error("reserved bit set")]
    ReservedBits,
    /// Opcodes 3 to 7 and 11 to 15.
    #[error("reserved opcode")]
    ReservedOpcode,
    /// A client's frame without a mask.
    #[error("frame from a client is not masked")]
    Unmasked,
    /// A server's frame with a mask.
    #[error("frame from a server is masked")]
    Masked,
    /// A length in more octets than it needs.
    #[error("payload length is not in its shortest form")]
    LengthNotShortest,
    /// A length of 2^63 or above.
    #[error("payload length has its top bit set")]
    LengthTopBit,
    /// A control frame over 125 octets.
    #[error("control frame is longer than 125 octets")]
    ControlTooLong,
    /// A control frame without FIN.
    #[error("control frame is fragmented")]
    ControlFragmented,
    /// Text or binary before the message under way has ended.
    #[error("data frame inside a fragmented message")]
    DataInsideMessage,
    /// A continuation frame with no message under way.
    #[error("continuation frame without a message to continue")]
    NothingToContinue,
    /// A Close frame of one octet.
    #[error("close frame with half a close code")]
    ClosePayload,
    /// A close code that must not travel.
    #[error("close code that must not be sent")]
    CloseCode,
    /// A compressed message that is no DEFLATE data, or ends in the middle of it.
    #[error("compressed message is not valid DEFLATE data")]
    InvalidDeflate,
    /// Text, or the reason of a Close, that is not UTF-8.
    #[error("text is not UTF-8")]
    InvalidUtf8,
    /// A message announced over the limit.
    #[error("message is too big")]
    MessageTooBig,
    /// A message in too many frames.
    #[error("message has too many fragments")]
    TooManyFragments,
    /// A compressed message that goes over the limit while it is inflated.
    #[error("compressed message inflates to more than a message may have")]
    InflatedTooBig,
    /// A compressed message that grows out of all proportion.
    #[error("compressed message inflates to more than 100 times its size")]
    InflatedRatio,
}

impl FrameFault {
    /// The code of the Close frame that ends the connection.
    #[must_use]
    pub fn close_code(self) -> CloseCode {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::Unmasked
            | Self::Masked
            | Self::LengthNotShortest
            | Self::LengthTopBit
            | Self::ControlTooLong
            | Self::ControlFragmented
            | Self::DataInsideMessage
            | Self::NothingToContinue
            | Self::ClosePayload
            | Self::CloseCode
            | Self::InvalidDeflate => CloseCode::PROTOCOL,
            Self::InvalidUtf8 => CloseCode::INVALID_DATA,
            Self::MessageTooBig | Self::TooManyFragments | Self::InflatedTooBig | Self::InflatedRatio => {
                CloseCode::TOO_BIG
            }
        }
    }

    /// The `reason` under which the edge counts it: `ws_protocol`, `message_too_big` or `deflate_bomb`.
    #[must_use]
    pub fn refused_as(self) -> &'static str {
        match self {
            Self::ReservedBits
            | Self::ReservedOpcode
            | Self::Unmasked
            | Self::Masked
            | Self::LengthNotShortest
            | Self::LengthTopBit
            | Self::ControlTooLong
            | Self::ControlFragmented
            | Self::DataInsideMessage
            | Self::NothingToContinue
            | Self::ClosePayload
            | Self::CloseCode
            | Self::InvalidDeflate
            | Self::InvalidUtf8 => "ws_protocol",
            Self::MessageTooBig | Self::TooManyFragments => "message_too_big",
            Self::InflatedTooBig | Self::InflatedRatio => "deflate_bomb",
        }
    }
}

impl From<InvalidUtf8> for FrameFault {
    fn from(_: InvalidUtf8) -> Self {
        Self::InvalidUtf8
    }
}
