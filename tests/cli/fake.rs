//! A router of the test's own, which sends whatever it is told to.

use std::io::{Read, Write};
use std::net::TcpListener;
use std::thread::JoinHandle;

pub(crate) const WELCOME: &str = r#"[2,1,{"roles":{"broker":{},"dealer":{}}}]"#;

/// A frame of RawSocket.
pub(crate) fn frame(text: &str) -> Vec<u8> {
    [&u32::try_from(text.len()).unwrap().to_be_bytes()[..], text.as_bytes()].concat()
}

/// Answers one connection with these octets, after the handshake of RawSocket. Gives where it is, and all that came.
pub(crate) fn router(answers: Vec<u8>) -> (String, JoinHandle<Vec<u8>>) {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("rs://{}", listener.local_addr().unwrap());
    let said = std::thread::spawn(move || {
        let (mut stream, _) = listener.accept().unwrap();
        let mut hello = [0; 4];
        stream.read_exact(&mut hello).unwrap();
        let mut said = Vec::new();
        // The client may have gone at any time.
        let _gone = stream.write_all(&[&[0x7f, 0xf1, 0, 0][..], &answers].concat());
        let _gone = stream.read_to_end(&mut said);
        said
    });
    (url, said)
}
