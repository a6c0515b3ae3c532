//! Just enough HTTP to ask for a page or an upgrade and to read the answer.

use crate::router::PATIENCE;
use std::io::{Read, Write};
use std::net::TcpStream;

/// A connection on which nothing was said.
pub(crate) fn connect(port: u16) -> TcpStream {
    let stream = TcpStream::connect(("127.0.0.1", port)).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream.set_write_timeout(Some(PATIENCE)).unwrap();
    stream.set_nodelay(true).unwrap();
    stream
}

/// Status, head and body of a GET.
pub(crate) fn get(port: u16, path: &str) -> (u16, String, String) {
    let mut stream = connect(port);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
    answer(&mut stream)
}

/// Status and body of a GET; `None` where the connection is not let in.
pub(crate) fn try_get(port: u16, path: &str) -> Option<(u16, String)> {
    let mut stream = connect(port);
    write!(stream, "GET {path} HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").ok()?;
    stream.peek(&mut [0]).ok().filter(|octets| *octets > 0)?;
    let (status, _, body) = answer(&mut stream);
    Some((status, body))
}

/// Reads an answer with its whole body.
pub(crate) fn answer(stream: &mut impl Read) -> (u16, String, String) {
    let (status, head) = self::head(stream);
    let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
    let mut body = String::new();
    match length {
        Some(length) => stream.take(length).read_to_string(&mut body).unwrap(),
        None => stream.read_to_string(&mut body).unwrap(),
    };
    (status, head, body)
}

/// Reads just the head, in lower case: what follows may be a WebSocket frame.
pub(crate) fn head(stream: &mut impl Read) -> (u16, String) {
    let (status, head) = head_as_sent(stream);
    (status, head.to_lowercase())
}

/// The same in its own letters.
pub(crate) fn head_as_sent(stream: &mut impl Read) -> (u16, String) {
    let mut head = Vec::new();
    while !head.ends_with(b"\r\n\r\n") {
        let mut octet = [0];
        stream.read_exact(&mut octet).unwrap();
        head.push(octet[0]);
    }
    let head = String::from_utf8(head).unwrap();
    (head[9..12].parse().unwrap(), head)
}

/// Reads until the connection ends, in order or not, and gives what came.
pub(crate) fn rest(stream: &mut impl Read) -> Vec<u8> {
    let mut octets = Vec::new();
    let mut buffer = [0; 64 << 10];
    loop {
        match stream.read(&mut buffer) {
            Ok(0) => return octets,
            Ok(read) => octets.extend_from_slice(&buffer[..read]),
            Err(error) => {
                let kind = error.kind();
                assert!(kind == std::io::ErrorKind::ConnectionReset, "still open: {error}");
                return octets;
            }
        }
    }
}
