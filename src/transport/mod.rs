//! Bytes and the outside world: listeners, worker threads, WebSocket, RawSocket.
//!
//! A connection is accepted on the main thread, within the bounds of the node, and handed to a worker thread, where its first
//! octet tells what it speaks. Each becomes a [`Connection`](crate::actors::connection::Connection) of a session actor.

mod cpu;
pub mod http;
pub mod listener;
mod mistakes;
mod opening;
mod permit;
mod rawsocket;
pub mod settings;
mod stream;
pub mod tls;
pub mod websocket;
pub mod worker;

use crate::wamp::{Dict, Serialization, Value};
use std::net::SocketAddr;

/// What the meta API shows of a transport.
fn details(kind: &str, serialization: Serialization, peer: Option<SocketAddr>, stream: &stream::Stream) -> Dict {
    let peer = peer.map_or_else(|| "unix".to_owned(), |peer| peer.to_string());
    vec![
        ("type".to_owned(), Value::from(kind)),
        ("protocol".to_owned(), Value::Text(format!("wamp.2.{}", serialization.name()))),
        ("peer".to_owned(), Value::Text(peer)),
        ("tls".to_owned(), Value::Bool(stream.is_secured())),
    ]
}
