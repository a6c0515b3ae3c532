//! A WAMP session over WebSocket in JSON, as far as one-time tickets need it. Frames are masked with a fixed mask: nobody here can
//! tell. What comes from the router is read by the crate's own decoder.

use serde_json::{json, Value};
use std::collections::VecDeque;
use std::io::{Read, Write};
use std::net::TcpStream;
use std::time::Duration;
use wharf::transport::websocket::{Decoder, FrameLimits, Item, Role};

const MASK: [u8; 4] = [0x12, 0x34, 0x56, 0x78];

pub(crate) struct WebSocket {
    stream: TcpStream,
    decoder: Decoder,
    items: VecDeque<Item>,
}

impl WebSocket {
    /// Asks for an upgrade of this path, with more lines that end in CRLF.
    ///
    /// # Errors
    /// The status and the body of a refusal.
    pub(crate) fn open(port: u16, path: &str, lines: &str) -> Result<Self, (u16, String)> {
        let mut stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
        stream.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
        let request = format!(
            "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n\
             Sec-WebSocket-Version: 13\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\
             Sec-WebSocket-Protocol: wamp.2.json\r\n{lines}\r\n"
        );
        stream.write_all(request.as_bytes()).unwrap();
        let (mut head, mut octet) = (Vec::new(), [0]);
        while !head.ends_with(b"\r\n\r\n") {
            stream.read_exact(&mut octet).unwrap();
            head.push(octet[0]);
        }
        let head = String::from_utf8(head).unwrap();
        let status = head.split(' ').nth(1).unwrap().parse().unwrap();
        if status != 101 {
            let mut body = String::new();
            // A refusal ends the connection.
            stream.read_to_string(&mut body).unwrap();
            return Err((status, body));
        }
        let decoder = Decoder::new(Role::Client, FrameLimits { message_max: 1 << 20, fragments_max: 1 }, None);
        Ok(Self { stream, decoder, items: VecDeque::new() })
    }

    pub(crate) fn send(&mut self, message: &Value) {
        let text = message.to_string().into_bytes();
        let mut frame = vec![0x81];
        match u8::try_from(text.len()).ok().filter(|length| *length < 126) {
            Some(length) => frame.push(0x80 | length),
            None => {
                frame.push(0x80 | 126);
                frame.extend(u16::try_from(text.len()).unwrap().to_be_bytes());
            }
        }
        frame.extend(MASK);
        frame.extend(text.iter().zip(MASK.iter().cycle()).map(|(octet, mask)| octet ^ mask));
        self.stream.write_all(&frame).unwrap();
    }

    pub(crate) fn receive(&mut self) -> Value {
        loop {
            match self.items.pop_front() {
                Some(Item::Message { data, .. }) => return serde_json::from_slice(&data).unwrap(),
                Some(Item::Ping(_)) => continue,
                Some(other) => panic!("no message came but {other:?}"),
                None => {}
            }
            let (mut buffer, mut items) = ([0; 4096], Vec::new());
            let read = self.stream.read(&mut buffer).unwrap();
            assert!(read > 0, "the connection has ended");
            self.decoder.feed(&buffer[..read], &mut items).unwrap();
            self.items.extend(items);
        }
    }

    /// Says HELLO with these details beside the roles, and gives what is answered.
    pub(crate) fn hello(&mut self, realm: &str, mut details: Value) -> Value {
        details["roles"] = json!({"caller": {}, "publisher": {}, "subscriber": {}, "callee": {}});
        self.send(&json!([1, realm, details]));
        self.receive()
    }
}
