//! Why there is no session, or no longer one.

use super::tls::TlsFilesFault;
use crate::auth::ProofFault;
use crate::codec::rawsocket::{HeaderError, ReplyError};
use crate::codec::{DecodeError, TranscodeError};
use crate::observe::shown;
use crate::transport::websocket::FrameFault;
use crate::wamp::{MessageKind, Payload, Serialization, Uri};
use std::io;

/// Why a router cannot be reached.
#[derive(Debug, thiserror::Error)]
pub enum Unreachable {
    /// No connection.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// No WELCOME in time.
    #[error("no answer in time")]
    Timeout,
    /// The files for TLS.
    #[error("{0}")]
    Files(#[from] TlsFilesFault),
    /// The host is no name that a certificate could have.
    #[error("the host is no name that a certificate could be for")]
    Name,
    /// TLS came to nothing.
    #[error("TLS: {0}")]
    Tls(rustls::Error),
    /// Not a WebSocket, or not with WAMP.
    #[error("the server answered {}: expected 101 with Upgrade: websocket and the subprotocol that was asked for", shown(.0))]
    Upgrade(String),
    /// The server speaks another serialization.
    #[error("the server does not speak wamp.2.{} here", .0.name())]
    Subprotocol(Serialization),
    /// The router's answer to the handshake of RawSocket.
    #[error("RawSocket: {0}")]
    RawSocket(#[from] ReplyError),
    /// The connection ended before WELCOME.
    #[error("{0}")]
    Broken(#[from] Broken),
}

/// What a router said in ABORT or GOODBYE.
#[derive(Clone, PartialEq, Debug)]
pub struct Refused {
    /// Its reason.
    pub reason: Uri,
    /// Its text.
    pub message: Option<String>,
    /// More about it.
    pub payload: Payload,
}

/// Why nobody is in.
#[derive(Debug, thiserror::Error)]
pub enum JoinFault {
    /// There is no connection.
    #[error("{0}")]
    Unreachable(#[from] Unreachable),
    /// The router said no.
    #[error("{}", .0.reason)]
    Refused(Box<Refused>),
    /// The client gave the login up.
    #[error("{0}")]
    Proof(#[from] ProofFault),
}

impl From<Broken> for JoinFault {
    fn from(broken: Broken) -> Self {
        Self::Unreachable(broken.into())
    }
}

/// How a connection ended.
#[derive(Debug, thiserror::Error)]
pub enum Broken {
    /// The other side has closed it.
    #[error("the router has closed the connection")]
    Closed,
    /// The other side has closed it, and said why.
    #[error("the router has closed the connection: {code} {}", shown(.reason))]
    Close {
        /// The code of WebSocket.
        code: u16,
        /// Its text.
        reason: String,
    },
    /// The network.
    #[error("{0}")]
    Io(#[from] io::Error),
    /// What came is no WebSocket.
    #[error("{0}")]
    Frame(#[from] FrameFault),
    /// What came is no RawSocket.
    #[error("{0}")]
    Header(#[from] HeaderError),
    /// What came is no WAMP.
    #[error("{0}")]
    Decode(#[from] DecodeError),
    /// What was to be said cannot be written in this serialization, or is too long.
    #[error("{0}")]
    Encode(#[from] TranscodeError),
    /// The router takes no message that is so long.
    #[error("a message of {length} octets: the router takes at most {max}")]
    TooLong {
        /// The octets.
        length: usize,
        /// The most.
        max: usize,
    },
    /// The message has no place here.
    #[error("the router sent {0}, which has no place here")]
    Unexpected(MessageKind),
    /// The router has ended the session: with ABORT or GOODBYE.
    #[error("the router has ended the session: {}", .0.reason)]
    Ended(Box<Refused>),
}
