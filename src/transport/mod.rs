//! Bytes and the outside world: listeners, worker threads, WebSocket, RawSocket, long-poll.
//!
//! A connection is accepted on the main thread, within the bounds of the node, and handed to a worker thread, where its first
//! octet tells what it speaks. Each becomes a [`Connection`](crate::actors::connection::Connection) of a session actor.

mod cpu;
mod goodbyes;
pub mod http;
pub mod listener;
pub mod longpoll;
mod mistakes;
mod opening;
mod patience;
mod permit;
mod proxy;
mod rawsocket;
pub mod settings;
pub mod sockets;
mod stream;
pub mod tls;
pub mod trusted;
pub mod websocket;
pub mod worker;

use crate::wamp::{Dict, Serialization, Value};
use std::net::SocketAddr;

/// What the meta API shows of a transport.
fn details(kind: &str, serialization: Serialization, peer: Option<SocketAddr>, stream: &stream::Stream) -> Dict {
    vec![
        ("type".to_owned(), Value::from(kind)),
        ("protocol".to_owned(), Value::Text(format!("wamp.2.{}", serialization.name()))),
        ("peer".to_owned(), Value::Text(crate::observe::address(peer))),
        ("tls".to_owned(), Value::Bool(stream.is_secured())),
    ]
}
