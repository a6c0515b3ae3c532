//! WebSocket: RFC 6455 frames and permessage-deflate (RFC 7692), as pure functions and state machines over octets.
//!
//! Nothing here reads a socket, a clock or a random number, and nothing knows what a WAMP message is.

pub mod close;
pub mod deflate;
pub mod encode;
pub mod frame;
pub mod utf8;

pub use close::CloseCode;
pub use deflate::{Compressor, Deflate};
pub use frame::{Decoder, FrameFault, FrameLimits, Item, Role};
