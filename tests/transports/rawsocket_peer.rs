//! A RawSocket peer that can send any octets, on TCP and Unix sockets.

use crate::http;
use crate::router::PATIENCE;
use crate::websocket_peer::roles;
use serde_json::{json, Value};
use std::io::{ErrorKind, Read, Write};
use std::net::TcpStream;
use std::os::unix::net::UnixStream;
use std::path::Path;

pub(crate) const MESSAGE: u8 = 0;
pub(crate) const PING: u8 = 1;
pub(crate) const PONG: u8 = 2;

pub(crate) struct RawSocketPeer<S = TcpStream> {
    pub(crate) stream: S,
    requests: u64,
}

impl RawSocketPeer {
    /// After the handshake, in JSON; `limit` is the high nibble of the longest message that this peer takes.
    pub(crate) fn open(port: u16, limit: u8) -> Self {
        Self::on(http::connect(port), limit)
    }

    /// After WELCOME.
    pub(crate) fn join(port: u16, limit: u8) -> Self {
        let mut peer = Self::open(port, limit);
        peer.hello(&json!({}));
        peer
    }
}

impl RawSocketPeer<UnixStream> {
    /// After WELCOME, by a Unix socket.
    pub(crate) fn join_unix(path: &Path) -> Self {
        let stream = UnixStream::connect(path).unwrap();
        stream.set_read_timeout(Some(PATIENCE)).unwrap();
        let mut peer = Self::on(stream, 0xF);
        peer.hello(&json!({}));
        peer
    }
}

impl<S: Read + Write> RawSocketPeer<S> {
    /// After the handshake, on a stream that is open.
    pub(crate) fn on(mut stream: S, limit: u8) -> Self {
        stream.write_all(&[0x7F, limit << 4 | 1, 0, 0]).unwrap();
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!((answer[0], answer[1] & 0xF, answer[2], answer[3]), (0x7F, 1, 0, 0));
        Self { stream, requests: 0 }
    }

    /// From HELLO to WELCOME; `more` is added to the details.
    pub(crate) fn hello(&mut self, more: &Value) {
        let mut details = json!({"roles": roles()});
        details.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        self.send(&json!([1, "realm1", details]));
        self.expect(2);
    }

    /// Octets as they are. That they are not taken is no failure: the router may have cut the connection.
    pub(crate) fn octets(&mut self, octets: &[u8]) -> bool {
        self.stream.write_all(octets).is_ok()
    }

    /// A frame; `first` is its first octet.
    pub(crate) fn frame(&mut self, first: u8, body: &[u8]) -> bool {
        let mut frame = (body.len() as u32).to_be_bytes();
        frame[0] |= first;
        // 2^24 octets set the 25th bit, which is not where a number of 32 bits has it.
        if body.len() == 1 << 24 {
            frame = [first | 8, 0, 0, 0];
        }
        self.octets(&[&frame, body].concat())
    }

    pub(crate) fn send(&mut self, message: &Value) {
        assert!(self.frame(MESSAGE, message.to_string().as_bytes()));
    }

    /// The first octet and the body of what comes next; `None` when the connection has ended.
    pub(crate) fn next(&mut self) -> Option<(u8, Vec<u8>)> {
        let mut head = [0; 4];
        match self.stream.read_exact(&mut head) {
            Ok(()) => {}
            Err(error) if [ErrorKind::UnexpectedEof, ErrorKind::ConnectionReset].contains(&error.kind()) => {
                return None
            }
            Err(error) => panic!("nothing came: {error}"),
        }
        let length = match head {
            [first, 0, 0, 0] if first & 8 != 0 => 1 << 24,
            [_, lengths @ ..] => lengths.iter().fold(0, |length, octet| length << 8 | usize::from(*octet)),
        };
        let mut body = vec![0; length];
        self.stream.read_exact(&mut body).unwrap();
        Some((head[0] & 7, body))
    }

    /// The next message, which has this code; questions of the router are passed over.
    pub(crate) fn expect(&mut self, code: u64) -> Value {
        loop {
            match self.next() {
                Some((MESSAGE, body)) => {
                    let message: Value = serde_json::from_slice(&body).unwrap();
                    assert_eq!(message[0], code, "{message}");
                    return message;
                }
                Some((PING, _)) => {}
                other => panic!("no message came but {other:?}"),
            }
        }
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

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
