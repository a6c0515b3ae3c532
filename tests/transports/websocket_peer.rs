//! A WebSocket peer that can send any octets. What comes from the router is read by the crate's own frame decoder.

use crate::http;
use serde_json::{json, Value};
use std::collections::VecDeque;
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use wharf::transport::websocket::{encode, Decoder, Deflate, FrameLimits, Item, Role};

/// The mask of every frame: RFC 6455 wants a fresh one for each, and nobody here can tell.
pub(crate) const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

pub(crate) const TEXT: u8 = 1;
pub(crate) const BINARY: u8 = 2;
pub(crate) const CONTINUATION: u8 = 0;
pub(crate) const FIN: u8 = 0x80;

/// The roles of a HELLO with everything that the tests use.
pub(crate) fn roles() -> Value {
    json!({"caller": {}, "publisher": {}, "subscriber": {}, "callee": {"features": {"call_canceling": true}}})
}

pub(crate) struct WebSocketPeer<S = TcpStream> {
    pub(crate) stream: S,
    decoder: Decoder,
    items: VecDeque<Item>,
    requests: u64,
}

impl WebSocketPeer {
    /// After the opening handshake; `protocol` as offered.
    pub(crate) fn open(port: u16, protocol: &str) -> Self {
        Self::open_with(port, protocol, "")
    }

    /// With another header line, which ends in CRLF.
    pub(crate) fn open_with(port: u16, protocol: &str, line: &str) -> Self {
        let mut stream = http::connect(port);
        stream.write_all(upgrade(&format!("Sec-WebSocket-Protocol: {protocol}\r\n{line}")).as_bytes()).unwrap();
        Self::upgraded(stream)
    }

    /// After WELCOME, in JSON.
    pub(crate) fn join(port: u16, protocol: &str) -> Self {
        let mut peer = Self::open(port, protocol);
        peer.hello();
        peer
    }
}

impl<S: Read + Write> WebSocketPeer<S> {
    /// Reads the answer to an upgrade request that was written.
    pub(crate) fn upgraded(stream: S) -> Self {
        Self::upgraded_with_head(stream).0
    }

    /// The same, with the head of that answer.
    pub(crate) fn upgraded_with_head(mut stream: S) -> (Self, String) {
        let (status, head) = http::head_as_sent(&mut stream);
        assert_eq!(status, 101, "{head}");
        let deflate = head.contains("permessage-deflate").then(Deflate::new);
        let decoder = Decoder::new(Role::Client, FrameLimits { message_max: 1 << 25, fragments_max: 1 }, deflate);
        (Self { stream, decoder, items: VecDeque::new(), requests: 0 }, head)
    }

    /// From HELLO to WELCOME, in JSON.
    pub(crate) fn hello(&mut self) {
        self.send(&json!([1, "realm1", {"roles": roles()}]));
        self.expect(2);
    }

    /// Octets as they are. That they are not taken is no failure: the router may have cut the connection.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> bool {
        self.stream.write_all(octets).is_ok()
    }

    /// A masked frame; `first` is its first octet.
    pub(crate) fn frame(&mut self, first: u8, payload: &[u8]) -> bool {
        self.octets(&frame(first, payload))
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.text(&message.to_string());
    }

    pub(crate) fn text(&mut self, text: &str) {
        assert!(self.frame(FIN | TEXT, text.as_bytes()));
    }

    /// What comes next; `None` when the connection has ended.
    pub(crate) fn next(&mut self) -> Option<Item> {
        let mut buffer = [0; 64 << 10];
        while self.items.is_empty() {
            let read = match self.stream.read(&mut buffer) {
                Ok(0) => return None,
                Ok(read) => read,
                Err(error) if [ErrorKind::ConnectionReset, ErrorKind::UnexpectedEof].contains(&error.kind()) => {
                    return None
                }
                Err(error) => panic!("nothing came: {error}"),
            };
            let mut items = Vec::new();
            self.decoder.feed(&buffer[..read], &mut items).unwrap();
            self.items.extend(items);
        }
        self.items.pop_front()
    }

    /// The next message's octets; questions of the router are passed over.
    pub(crate) fn message(&mut self) -> Vec<u8> {
        loop {
            match self.next() {
                Some(Item::Message { data, .. }) => return data.to_vec(),
                Some(Item::Ping(_)) => {}
                other => panic!("no message came but {other:?}"),
            }
        }
    }

    /// The next message, in JSON.
    pub(crate) fn receive(&mut self) -> Value {
        serde_json::from_slice(&self.message()).unwrap()
    }

    /// The next message, which has this code.
    pub(crate) fn expect(&mut self, code: u64) -> Value {
        let message = self.receive();
        assert_eq!(message[0], code, "{message}");
        message
    }

    /// The next item is a Close, and then the connection ends. Gives the code.
    pub(crate) fn closed(&mut self) -> Option<u16> {
        let code = match self.next() {
            Some(Item::Close(said)) => said.map(|(code, _)| code.get()),
            other => panic!("no Close came but {other:?}"),
        };
        assert_eq!(self.next(), None, "after the Close");
        code
    }

    /// An ABORT for this reason, then a Close with this code.
    pub(crate) fn aborted(&mut self, reason: &str, code: u16) {
        let abort = self.expect(3);
        assert_eq!(abort[2], reason, "{abort}");
        assert_eq!(self.closed(), Some(code));
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    /// Registers; fails if somebody else has it.
    pub(crate) fn register(&mut self, procedure: &str) {
        let request = self.next_request();
        self.send(&json!([64, request, {}, procedure]));
        self.expect(65);
    }

    pub(crate) fn subscribe(&mut self, topic: &str) {
        let request = self.next_request();
        self.send(&json!([32, request, {}, topic]));
        self.expect(33);
    }

    pub(crate) fn call(&mut self, procedure: &str, args: &Value) {
        let request = self.next_request();
        self.send(&json!([48, request, {}, procedure, args]));
    }

    /// The router still answers.
    pub(crate) fn lives(&mut self) {
        self.call("wamp.session.count", &json!([]));
        self.expect(50);
    }
}

/// A request for an upgrade that is right but for the lines that the caller adds.
pub(crate) fn upgrade(lines: &str) -> String {
    format!(
        "GET /ws HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
         Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n{lines}\r\n"
    )
}

/// A masked frame with the shortest form of its length.
pub(crate) fn frame(first: u8, payload: &[u8]) -> Vec<u8> {
    let mut frame = head(first, payload.len() as u64, 0x80);
    frame.extend_from_slice(&MASK);
    frame.extend(payload.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
    frame
}

/// The head of a frame without its mask; `masked` is 0x80 or 0.
pub(crate) fn head(first: u8, length: u64, masked: u8) -> Vec<u8> {
    let mut head = vec![first];
    match length {
        0..126 => head.push(masked | length as u8),
        126..=0xFFFF => {
            head.push(masked | 126);
            head.extend_from_slice(&(length as u16).to_be_bytes());
        }
        _ => {
            head.push(masked | 127);
            head.extend_from_slice(&length.to_be_bytes());
        }
    }
    head
}

/// A whole message by the crate's own encoder: as fast as the router's side.
pub(crate) fn message(text: bool, data: &[u8]) -> Vec<u8> {
    let mut out = Vec::new();
    encode::write_message(&mut out, Some(MASK), text, data);
    out
}
