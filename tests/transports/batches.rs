//! Several messages in one WebSocket message. Section 7.2 of the reference, D24, D57.

use crate::router::Router;
use crate::websocket_peer::{WebSocketPeer, BINARY, FIN, TEXT};
use serde_json::{json, Value};

fn hello() -> Value {
    json!([1, "realm1", {"roles": {"caller": {}}}])
}

fn calls() -> [Value; 3] {
    [1, 2, 3].map(|request| json!([48, request, {}, "wamp.session.count"]))
}

fn msgpack(message: &Value) -> Vec<u8> {
    rmp_serde::to_vec(message).unwrap()
}

fn cbor(message: &Value) -> Vec<u8> {
    cbor4ii::serde::to_vec(Vec::new(), message).unwrap()
}

/// The messages of a batch with separators.
fn split(batch: &[u8], separator: u8) -> Vec<Value> {
    let (last, messages) = batch.split_last().unwrap();
    assert_eq!(*last, separator, "each message has its separator");
    messages.split(|octet| *octet == separator).map(|message| serde_json::from_slice(message).unwrap()).collect()
}

/// The messages of a batch with lengths.
fn unprefixed(mut batch: &[u8]) -> Vec<Vec<u8>> {
    let mut messages = Vec::new();
    while let Some((length, rest)) = batch.split_first_chunk::<4>() {
        let (message, rest) = rest.split_at(u32::from_be_bytes(*length) as usize);
        messages.push(message.to_vec());
        batch = rest;
    }
    assert!(batch.is_empty() && !messages.is_empty());
    messages
}

/// D24: Autobahn's separator is taken, and given back to those who use it.
#[test]
fn json_batches_are_separated_by_0x1e_and_0x18_is_mirrored() {
    let router = Router::start();
    for separator in [0x1e, 0x18] {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json.batched");
        let mut send = |messages: &[Value]| {
            let texts =
                messages.iter().map(|message| message.to_string() + char::from(separator).encode_utf8(&mut [0]));
            peer.frame(FIN | TEXT, texts.collect::<String>().as_bytes());
            let mut answers = Vec::new();
            while answers.len() < messages.len() {
                answers.extend(split(&peer.message(), separator));
            }
            answers
        };
        assert_eq!(send(&[hello()])[0][0], 2);
        let results = send(&calls());
        assert_eq!(results.iter().map(|result| result[1].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3]);
    }
}

/// Section 7.2.
#[test]
fn binary_batches_carry_the_length_before_each_message() {
    let router = Router::start();
    for name in ["msgpack", "cbor"] {
        let write = |message: &Value| match name {
            "msgpack" => msgpack(message),
            _ => cbor(message),
        };
        let read = |octets: &[u8]| -> Value {
            match name {
                "msgpack" => rmp_serde::from_slice(octets).unwrap(),
                _ => cbor4ii::serde::from_slice(octets).unwrap(),
            }
        };
        let mut peer = WebSocketPeer::open(router.main(), &format!("wamp.2.{name}.batched"));
        let mut send = |messages: &[Value]| {
            let batch = messages.iter().map(write).flat_map(|message| {
                let length = (message.len() as u32).to_be_bytes();
                length.into_iter().chain(message)
            });
            peer.frame(FIN | BINARY, &batch.collect::<Vec<_>>());
            let mut answers = Vec::new();
            while answers.len() < messages.len() {
                answers.extend(unprefixed(&peer.message()).iter().map(|message| read(message)));
            }
            answers
        };
        assert_eq!(send(&[hello()])[0][0], 2, "{name}");
        let results = send(&calls());
        assert_eq!(results.iter().map(|result| result[1].as_u64().unwrap()).collect::<Vec<_>>(), [1, 2, 3], "{name}");
    }
}

/// D57.
#[test]
fn a_batch_that_is_empty_or_cut_fails_the_connection() {
    let router = Router::start();
    let message = hello().to_string();
    let cut = |octets: usize| [&(octets as u32).to_be_bytes(), &msgpack(&hello())[..]].concat();
    let length = msgpack(&hello()).len();
    for (protocol, kind, batch) in [
        ("json", TEXT, Vec::new()),
        ("json", TEXT, b"\x1e".to_vec()),
        ("json", TEXT, message.clone().into_bytes()),
        ("json", TEXT, format!("{message}\u{1e}{message}").into_bytes()),
        ("msgpack", BINARY, Vec::new()),
        ("msgpack", BINARY, vec![0, 0, 0]),
        ("msgpack", BINARY, vec![0, 0, 0, 0]),
        ("msgpack", BINARY, cut(length + 1)),
        ("msgpack", BINARY, cut(length - 1)),
        ("cbor", BINARY, Vec::new()),
        ("cbor", BINARY, vec![0xFF, 0xFF, 0xFF, 0xFF]),
    ] {
        let mut peer = WebSocketPeer::open(router.main(), &format!("wamp.2.{protocol}.batched"));
        peer.frame(FIN | kind, &batch);
        let abort = peer.message();
        let reason = b"wamp.error.protocol_violation";
        assert!(abort.windows(reason.len()).any(|window| window == reason), "{protocol} {batch:?}");
        assert_eq!(peer.closed(), Some(1002), "{protocol} {batch:?}");
    }
}
