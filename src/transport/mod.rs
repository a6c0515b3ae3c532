//! Bytes and the outside world: listeners, WebSocket, RawSocket.

pub mod settings;
pub mod websocket;
