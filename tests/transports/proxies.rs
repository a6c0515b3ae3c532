//! Behind proxies: whose a connection is, and who is believed. T2, U11.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::Router;
use crate::tls_peer::{Authority, Client};
use crate::websocket_peer::{upgrade, WebSocketPeer};
use serde_json::json;
use std::io::{Read, Write};
use std::net::TcpStream;

const TRUSTED: &str = "listeners.main.trusted_proxies=[\"127.0.0.1\"]";
const OPTIONAL: &str = "listeners.main.proxy_protocol=\"optional\"";
const REQUIRED: &str = "listeners.main.proxy_protocol=\"required\"";

/// A header of version 2 that names 192.0.2.1:56324.
const V2: &[u8] = b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x0C\xC0\0\x02\x01\xC6\x33\x64\x01\xDC\x04\x01\xBB";

fn upgrade_of(lines: &str) -> String {
    upgrade(&format!("Sec-WebSocket-Protocol: wamp.2.json\r\n{lines}"))
}

fn begin(port: u16, octets: &[u8]) -> TcpStream {
    let mut stream = http::connect(port);
    stream.write_all(octets).unwrap();
    stream
}

/// Where the router says that the peer of a session is.
fn peer_of(peer: &mut WebSocketPeer<impl Read + Write>) -> String {
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}}]));
    let session = peer.expect(2)[1].clone();
    peer.call("wamp.session.get", &json!([session]));
    peer.expect(50)[3][0]["transport"]["peer"].as_str().unwrap().to_owned()
}

fn websocket(mut stream: TcpStream, lines: &str) -> WebSocketPeer {
    stream.write_all(upgrade_of(lines).as_bytes()).unwrap();
    WebSocketPeer::upgraded(stream)
}

/// U11: PROXY protocol, for each protocol, however it is cut.
#[test]
fn a_proxy_header_says_whose_a_connection_is() {
    for mode in [OPTIONAL, REQUIRED] {
        let router = Router::with(&[TRUSTED, mode, "listeners.main.allow_insecure=true"]);
        let port = router.main();
        for (header, expected) in [
            (&b"PROXY TCP4 192.0.2.1 198.51.100.1 56324 443\r\n"[..], "192.0.2.1:56324"),
            (b"PROXY TCP6 2001:db8::1 2001:db8::2 1 443\r\n", "[2001:db8::1]:1"),
            (V2, "192.0.2.1:56324"),
        ] {
            assert_eq!(peer_of(&mut websocket(begin(port, header), "")), expected);
            let mut raw = RawSocketPeer::on(begin(port, header), 0xF);
            raw.hello(&json!({}));
            raw.lives();
            // One piece, and octet by octet.
            let whole = [header, upgrade_of("").as_bytes()].concat();
            assert_eq!(peer_of(&mut WebSocketPeer::upgraded(begin(port, &whole))), expected);
            let mut stream = http::connect(port);
            header.iter().for_each(|octet| stream.write_all(&[*octet]).unwrap());
            assert_eq!(peer_of(&mut websocket(stream, "")), expected);
        }
        // The proxy's own connections are itself.
        for header in [&b"PROXY UNKNOWN\r\n"[..], b"\r\n\r\n\0\r\nQUIT\n\x20\0\0\0"] {
            assert!(peer_of(&mut websocket(begin(port, header), "")).starts_with("127.0.0.1:"));
        }
    }
}

/// U11: who is not believed.
#[test]
fn headers_that_break_the_rules_or_come_from_strangers_end_the_connection() {
    let request = upgrade_of("");
    let router = Router::with(&[TRUSTED, OPTIONAL]);
    for header in [
        &b"PROXY TCP4 192.0.2.1 198.51.100.1 56324\r\n"[..],
        b"PROXY nonsense\r\n",
        &[b"PROXY ", &[b'x'; 200][..]].concat(),
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\xFF\xFF",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x41\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x2F\x11\0\0",
        b"\r\n\r\n\0\r\nQUIT\n\x21\x11\0\x04\x01\x01\x01\x01",
    ] {
        assert_eq!(http::rest(&mut begin(router.main(), header)), b"", "{header:?}");
    }
    assert_eq!(router.refused("proxy"), 7);
    assert!(router.log_line("a broken PROXY header").contains("127.0.0.1"));
    assert!(peer_of(&mut websocket(http::connect(router.main()), "")).starts_with("127.0.0.1:"), "it is optional");

    let required = Router::with(&[TRUSTED, REQUIRED, "listeners.raw.serve=[\"metrics\"]"]);
    assert_eq!(http::rest(&mut begin(required.main(), request.as_bytes())), b"");
    // Strangers: their header is none, and where one is required they do not come in.
    let stranger = "listeners.main.trusted_proxies=[\"192.0.2.9\"]";
    let closed = Router::with(&[stranger, REQUIRED]);
    assert_eq!(http::rest(&mut begin(closed.main(), V2)), b"");
    let open = Router::with(&[stranger, OPTIONAL]);
    assert!(http::rest(&mut begin(open.main(), &[V2, request.as_bytes()].concat())).starts_with(b"HTTP/1.1 400 "));
    assert!(peer_of(&mut websocket(http::connect(open.main()), "")).starts_with("127.0.0.1:"));
    let off = Router::with(&[TRUSTED]);
    assert!(http::rest(&mut begin(off.main(), &[V2, request.as_bytes()].concat())).starts_with(b"HTTP/1.1 400 "));
}

/// T1: a header that does not come to its end.
#[test]
fn half_a_proxy_header_is_closed_in_time() {
    let router = Router::with(&[TRUSTED, OPTIONAL, "limits.handshake_timeout=500ms"]);
    let mut streams: Vec<_> =
        [&b""[..], b"P", b"PROXY TCP4 ", &V2[..12], &V2[..20], V2].map(|octets| begin(router.main(), octets)).into();
    for stream in &mut streams {
        assert_eq!(http::rest(stream), b"");
    }
    router.wait_for("all are counted", |router| router.refused("handshake_timeout") == 6);
}

/// A proxy that passes TLS on.
#[test]
fn the_proxy_header_comes_before_tls() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server(&["router.example"]).write(folder.path(), "server");
    let tls = "listeners.raw.tls={ cert = \"server.pem\", key = \"server.key\" }";
    let sets = [tls, "listeners.raw.serve=[\"websocket\"]", "listeners.raw.trusted_proxies=[\"127.0.0.0/8\"]"];
    let command = &mut std::process::Command::new(env!("CARGO_BIN_EXE_wharf"));
    let sets = [&sets[..], &["listeners.raw.proxy_protocol=\"required\""]].concat();
    let router = Router::in_folder(folder, crate::router::CONFIG, &sets, command);
    let mut stream = Client::of(&authority).on(begin(router.port("raw"), V2), "router.example");
    stream.write_all(upgrade_of("").as_bytes()).unwrap();
    assert_eq!(peer_of(&mut WebSocketPeer::upgraded(stream)), "192.0.2.1:56324");
}

/// U11: the headers of HTTP, believed from trusted proxies only.
#[test]
fn a_trusted_proxys_headers_say_whose_a_request_is() {
    let router = Router::with(&[TRUSTED]);
    for (lines, expected) in [
        ("X-Forwarded-For: 6.6.6.6, 203.0.113.9\r\n", "203.0.113.9"),
        ("X-Forwarded-For: 203.0.113.9, 127.0.0.1\r\n", "203.0.113.9"),
        ("Forwarded: for=\"[2001:db8::1]:80\";proto=https\r\n", "[2001:db8::1]:80"),
        ("Forwarded: for=203.0.113.9\r\nX-Forwarded-For: 203.0.113.9\r\n", "203.0.113.9"),
    ] {
        assert_eq!(peer_of(&mut websocket(http::connect(router.main()), lines)), expected, "{lines}");
    }
    let mut stream = http::connect(router.main());
    let lines = "X-Forwarded-For: 203.0.113.9\r\nForwarded: for=6.6.6.6\r\n";
    stream.write_all(upgrade_of(lines).as_bytes()).unwrap();
    let (status, _, body) = http::answer(&mut stream);
    assert!(status == 400 && body.contains("X-Forwarded-For"), "{body}");
    assert_eq!(router.refused("proxy"), 1);

    let strangers = Router::start();
    let mut peer = websocket(http::connect(strangers.main()), "X-Forwarded-For: 203.0.113.9\r\n");
    assert!(peer_of(&mut peer).starts_with("127.0.0.1:"), "a header from an untrusted peer is nothing");
}

/// T2: behind a proxy the client's address counts, and the proxy's does not.
#[test]
fn connections_are_counted_for_the_client_that_the_proxy_names() {
    let router = Router::with(&[TRUSTED, OPTIONAL, "limits.max_per_address=2"]);
    let client = "X-Forwarded-For: 203.0.113.9\r\n";
    let named = b"PROXY TCP4 203.0.113.9 198.51.100.1 1 443\r\n";
    let first = websocket(http::connect(router.main()), client);
    let mut second = websocket(begin(router.main(), named), "");
    let mut third = http::connect(router.main());
    third.write_all(upgrade_of(client).as_bytes()).unwrap();
    let (status, _, body) = http::answer(&mut third);
    assert!(status == 503 && body.contains("too many"), "{status} {body}");
    assert_eq!(http::rest(&mut begin(router.main(), named)), b"");
    assert_eq!(router.refused("conn_limit"), 2);
    let other = "X-Forwarded-For: 203.0.113.10\r\n";
    let others: Vec<_> = (0..2).map(|_| websocket(http::connect(router.main()), other)).collect();
    let mut proxys_own: Vec<_> = (0..4).map(|_| websocket(http::connect(router.main()), "")).collect();
    proxys_own.iter_mut().for_each(WebSocketPeer::hello);
    // A place is free again when one has gone, however it came.
    drop(first);
    router.wait_for("a place", |router| {
        let mut stream = http::connect(router.main());
        stream.write_all(upgrade_of(client).as_bytes()).unwrap();
        http::head(&mut stream).0 == 101
    });
    second.hello();
    drop(others);
    router.wait_for("another place", |router| {
        let mut stream = begin(router.main(), named);
        stream.write_all(upgrade_of("").as_bytes()).unwrap();
        http::rest(&mut stream.try_clone().unwrap().take(12)).starts_with(b"HTTP/1.1 101")
    });
}
