//! WAMP over WebSocket: the opening handshake, and RFC 6455 frames and permessage-deflate (RFC 7692) of our own.
//!
//! The codec rooms are pure functions and state machines over octets; `connection` puts them on a socket. Nothing here
//! knows what a WAMP message says.

pub mod close;
pub(crate) mod connection;
pub(super) mod cookies;
pub mod deflate;
pub mod encode;
pub mod frame;
pub mod handshake;
mod ticket;
pub mod utf8;

pub use close::CloseCode;
pub use deflate::{Compressor, Deflate};
pub use frame::{Decoder, FrameFault, FrameLimits, Item, Role};
