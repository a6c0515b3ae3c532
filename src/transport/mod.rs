//! Bytes and the outside world: listeners, WebSocket, RawSocket.

pub mod settings;
