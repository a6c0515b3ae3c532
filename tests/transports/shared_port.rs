//! One port for all: the first octet tells what a peer speaks. U1, and the mistakes of section 4 of the newcomer's page.

use crate::http;
use crate::router::Router;
use crate::websocket_peer::{upgrade, WebSocketPeer};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

/// Writes the first octet, and the rest when the router has had time to read it.
fn write_split(router: &Router, stream: &mut TcpStream, octets: &[u8]) {
    let (first, rest) = octets.split_at(1);
    stream.write_all(first).unwrap();
    assert_eq!(http::get(router.main(), "/livez").0, 200);
    stream.write_all(rest).unwrap();
}

/// U1, R118.
#[test]
fn each_protocol_is_known_by_its_first_octet_alone() {
    let router = Router::start();
    let mut stream = http::connect(router.main());
    write_split(&router, &mut stream, b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!(http::answer(&mut stream).0, 200);

    let mut stream = http::connect(router.main());
    write_split(&router, &mut stream, upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes());
    WebSocketPeer::upgraded(stream).hello();

    for listener in ["main", "raw"] {
        let mut stream = http::connect(router.port(listener));
        write_split(&router, &mut stream, &[0x7F, 0xF1, 0, 0]);
        let mut answer = [0; 4];
        stream.read_exact(&mut answer).unwrap();
        assert_eq!(answer, [0x7F, 0xB1, 0, 0], "1 MiB");
    }
}

/// U1: the upgrade, the HELLO and more in one piece.
#[test]
fn what_comes_with_the_handshake_is_not_lost() {
    let router = Router::start();
    let hello = json!([1, "realm1", {"roles": {"caller": {}}}]).to_string();
    let mut stream = http::connect(router.main());
    let frame = crate::websocket_peer::frame(0x81, hello.as_bytes());
    let request = upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    stream.write_all(&[request.as_bytes(), &frame].concat()).unwrap();
    WebSocketPeer::upgraded(stream).expect(2);

    let mut stream = http::connect(router.main());
    let length = (hello.len() as u32).to_be_bytes();
    stream.write_all(&[&[0x7F, 0xF1, 0, 0], &length, hello.as_bytes()].concat()).unwrap();
    let mut answer = [0; 12];
    stream.read_exact(&mut answer).unwrap();
    assert_eq!((&answer[..4], &answer[8..11]), (&[0x7F, 0xB1, 0, 0][..], &b"[2,"[..]));
}

/// U1.
#[test]
fn what_is_no_protocol_at_all_is_http_400() {
    let router = Router::start();
    for octets in [&b"\x00\x01\x02\x03\r\n\r\n"[..], b"hello there\r\n\r\n", b"GET / FTP/1.0\r\n\r\n"] {
        let mut stream = http::connect(router.main());
        stream.write_all(octets).unwrap();
        let said = http::rest(&mut stream);
        assert!(said.starts_with(b"HTTP/1.1 400 "), "{:?}", String::from_utf8_lossy(&said));
    }
}

/// Section 4 of the newcomer's page.
#[test]
fn tls_against_a_plain_port_is_answered_with_a_sentence() {
    let router = Router::start();
    // The head of a ClientHello.
    let hello = [&[0x16, 3, 1, 2, 0, 1, 0, 1, 0xFC, 3, 3][..], &[7; 500]].concat();
    for listener in ["main", "raw"] {
        let mut stream = http::connect(router.port(listener));
        stream.write_all(&hello).unwrap();
        let said = String::from_utf8(http::rest(&mut stream)).unwrap();
        assert!(said.starts_with("HTTP/1.1 400 ") && said.contains("no TLS"), "{said}");
        assert_eq!(said.lines().skip_while(|line| !line.is_empty()).count(), 2, "one sentence: {said}");
    }
}

/// Section 4 of the newcomer's page.
#[test]
fn http_against_the_rawsocket_port_is_answered_with_a_sentence() {
    let router = Router::start();
    let (status, _, body) = http::get(router.port("raw"), "/ws");
    assert_eq!(status, 400);
    assert!(body.contains("RawSocket") && body.ends_with('\n') && body.lines().count() == 1, "{body}");
    let mut stream = http::connect(router.port("raw"));
    stream.write_all(upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes()).unwrap();
    assert_eq!(http::answer(&mut stream).0, 400);
}

/// No sentence leads to a place that is not there.
#[test]
fn a_port_without_websocket_does_not_name_its_paths() {
    let router = Router::with(&["listeners.raw.serve=[\"health\"]"]);
    for path in ["/ws", "/", "/nothing"] {
        let (status, _, body) = http::get(router.port("raw"), path);
        assert_eq!((status, body.as_str()), (404, "nothing is served on this path\n"), "{path}");
    }
}

/// Section 4 of the newcomer's page: the wrong realm.
#[test]
fn a_realm_that_is_not_there_is_named_in_the_answer() {
    let router = Router::start();
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.send(&json!([1, "realm2", {"roles": {"caller": {}}}]));
    let abort = peer.expect(3);
    assert_eq!(abort[2], "wamp.error.no_such_realm");
    assert!(abort[1]["message"].as_str().unwrap().contains("realm"), "{abort}");
    assert_eq!(peer.closed(), Some(1008));
}
