//! Sockets: what carries WAMP messages to and from a session.
//!
//! Every limit of a transport is checked before anything of the peer's is stored. Nothing here looks into a WAMP message.

pub mod websocket;
