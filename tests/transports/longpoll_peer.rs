//! A peer of long-poll, written by hand over sockets: each request by a connection of its own.

use crate::http;
use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::TcpStream;

/// An answer as it came.
pub(crate) struct Answer {
    pub(crate) status: u16,
    /// In lower case.
    pub(crate) head: String,
    pub(crate) body: Vec<u8>,
}

impl Answer {
    pub(crate) fn text(&self) -> String {
        String::from_utf8_lossy(&self.body).into_owned()
    }

    pub(crate) fn json(&self) -> Value {
        assert_eq!(self.status, 200, "{}: {}", self.head, self.text());
        serde_json::from_slice(&self.body).unwrap()
    }
}

/// A request under way.
pub(crate) struct Asked(pub(crate) TcpStream);

impl Asked {
    pub(crate) fn answer(mut self) -> Answer {
        let (status, head) = http::head(&mut self.0);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = Vec::new();
        match length {
            Some(length) => self.0.take(length).read_to_end(&mut body).unwrap(),
            None => self.0.read_to_end(&mut body).unwrap(),
        };
        Answer { status, head, body }
    }
}

/// The answer; `None` where the connection is not let in.
pub(crate) fn try_ask(port: u16, path: &str, body: &[u8]) -> Option<Answer> {
    let mut stream = http::connect(port);
    let length = body.len();
    let head =
        format!("POST {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {length}\r\n\r\n");
    stream.write_all(&[head.as_bytes(), body].concat()).ok()?;
    stream.peek(&mut [0]).ok().filter(|octets| *octets > 0)?;
    Some(Asked(stream).answer())
}

/// Sends a request with these lines in its head.
pub(crate) fn ask(port: u16, method: &str, path: &str, lines: &str, body: &[u8]) -> Asked {
    let mut stream = http::connect(port);
    let length = body.len();
    let head = format!("{method} {path} HTTP/1.1\r\nHost: localhost:{port}\r\nConnection: close\r\nContent-Length: {length}\r\n{lines}\r\n");
    stream.write_all(head.as_bytes()).unwrap();
    // One that refuses by the head alone may have closed already.
    let _refused = stream.write_all(body);
    Asked(stream)
}

/// One transport.
pub(crate) struct LongPollPeer {
    pub(crate) port: u16,
    pub(crate) base: &'static str,
    pub(crate) id: String,
    pub(crate) lines: String,
    batch: Vec<Value>,
    requests: u64,
}

impl LongPollPeer {
    pub(crate) fn open(port: u16, protocol: &str) -> Self {
        Self::open_with(port, "/wamp/longpoll", protocol, "")
    }

    /// On this path, with these lines in the head of every request.
    pub(crate) fn open_with(port: u16, base: &'static str, protocol: &str, lines: &str) -> Self {
        let offer = json!({ "protocols": [protocol] }).to_string();
        let said = ask(port, "POST", &format!("{base}/open"), lines, offer.as_bytes()).answer().json();
        assert_eq!(said["protocol"], protocol);
        let id = said["transport"].as_str().unwrap().to_owned();
        Self { port, base, id, lines: lines.to_owned(), batch: Vec::new(), requests: 0 }
    }

    /// A JSON session with all roles.
    pub(crate) fn join(port: u16) -> Self {
        let mut peer = Self::open(port, "wamp.2.json.batched");
        peer.hello();
        peer
    }

    pub(crate) fn hello(&mut self) {
        let roles = json!({"caller": {}, "callee": {}, "publisher": {}, "subscriber": {}});
        self.send(&json!([1, "realm1", { "roles": roles }]));
        self.expect(2);
    }

    pub(crate) fn post(&self, what: &str, body: &[u8]) -> Asked {
        ask(self.port, "POST", &format!("{}/{}/{what}", self.base, self.id), &self.lines, body)
    }

    /// Sends one message in a batch of its own.
    pub(crate) fn send(&self, message: &Value) {
        let answer = self.post("send", format!("{message}\u{1e}").as_bytes()).answer();
        assert_eq!(answer.status, 202, "{}", answer.text());
    }

    /// The next message, received if need be.
    pub(crate) fn receive(&mut self) -> Value {
        while self.batch.is_empty() {
            let answer = self.post("receive", b"").answer();
            assert!(matches!(answer.status, 200 | 204), "{}: {}", answer.status, answer.text());
            let body = answer.text();
            self.batch = body.split_terminator('\u{1e}').map(|text| serde_json::from_str(text).unwrap()).collect();
        }
        self.batch.remove(0)
    }

    pub(crate) fn expect(&mut self, code: u64) -> Value {
        let message = self.receive();
        assert_eq!(message[0], code, "{message}");
        message
    }

    pub(crate) fn next_request(&mut self) -> u64 {
        self.requests += 1;
        self.requests
    }

    pub(crate) fn is_gone(&self) -> bool {
        self.post("receive", b"").answer().status == 404
    }
}
