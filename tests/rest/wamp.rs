//! A WAMP session over RawSocket in JSON: the callee or subscriber on the other side.

use serde_json::{json, Value};
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;

pub(crate) struct Session {
    stream: TcpStream,
    requests: u64,
    pub(crate) id: u64,
}

impl Session {
    pub(crate) fn join(port: u16, realm: &str) -> Self {
        Self::join_serving(port, realm, &json!({"call_canceling": true}))
    }

    /// With these features as a callee.
    pub(crate) fn join_serving(port: u16, realm: &str, features: &Value) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&[0x7F, 0xF1, 0, 0]).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let mut session = Self { stream, requests: 0, id: 0 };
        let roles = json!({"caller": {}, "publisher": {}, "subscriber": {}, "callee": {"features": features}});
        session.send(&json!([1, realm, {"roles": roles}]));
        session.id = session.expect(2)[1].as_u64().unwrap();
        session
    }

    /// By a ticket.
    pub(crate) fn join_as(port: u16, realm: &str, authid: &str, ticket: &str) -> Self {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        stream.write_all(&[0x7F, 0xF1, 0, 0]).unwrap();
        stream.read_exact(&mut [0; 4]).unwrap();
        let mut session = Self { stream, requests: 0, id: 0 };
        let roles = json!({"caller": {}, "publisher": {}});
        session.send(&json!([1, realm, {"roles": roles, "authmethods": ["ticket"], "authid": authid}]));
        session.expect(4);
        session.send(&json!([5, ticket, {}]));
        session.id = session.expect(2)[1].as_u64().unwrap();
        session
    }

    pub(crate) fn send(&mut self, message: &Value) {
        self.send_text(&message.to_string());
    }

    /// A message in the sender's own spelling.
    pub(crate) fn send_text(&mut self, text: &str) {
        let length = u32::try_from(text.len()).unwrap();
        self.stream.write_all(&length.to_be_bytes()).unwrap();
        self.stream.write_all(text.as_bytes()).unwrap();
    }

    /// The next message's text.
    pub(crate) fn receive_text(&mut self) -> String {
        let mut length = [0; 4];
        self.stream.read_exact(&mut length).unwrap();
        let mut text = vec![0; u32::from_be_bytes(length) as usize];
        self.stream.read_exact(&mut text).unwrap();
        String::from_utf8(text).unwrap()
    }

    /// The next message, which has this code.
    pub(crate) fn expect(&mut self, code: u64) -> Value {
        let text = self.receive_text();
        let message: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(message[0], code, "{text}");
        message
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

    /// Calls, and gives the first positional result.
    pub(crate) fn call(&mut self, procedure: &str, args: &Value) -> Value {
        let request = self.next_request();
        self.send(&json!([48, request, {}, procedure, args]));
        self.expect(50)[3][0].clone()
    }

    /// Takes an INVOCATION.
    pub(crate) fn invocation(&mut self) -> Value {
        self.expect(68)
    }

    /// Takes an INVOCATION and answers it with its own arguments.
    pub(crate) fn echo(&mut self) -> Value {
        let invocation = self.invocation();
        let (args, kwargs) = (invocation.get(4).cloned(), invocation.get(5).cloned());
        let (args, kwargs) = (args.unwrap_or(json!([])), kwargs.unwrap_or(json!({})));
        self.send(&json!([70, invocation[1], {}, args, kwargs]));
        invocation
    }
}
