//! What asks for a WebSocket in the wrong way is told the right one in a sentence. T8, T9.

use crate::http;
use crate::router::Router;
use crate::websocket_peer::{upgrade, WebSocketPeer};
use std::io::Write;

const PROTOCOL: &str = "Sec-WebSocket-Protocol: wamp.2.json\r\n";
const LIST: &str = "supported subprotocols: wamp.2.json, wamp.2.json.batched, wamp.2.msgpack, wamp.2.msgpack.batched, \
                    wamp.2.cbor, wamp.2.cbor.batched";

/// Status, head and body of what answers these octets.
fn asked(router: &Router, request: &str) -> (u16, String, String) {
    let mut stream = http::connect(router.main());
    stream.write_all(request.as_bytes()).unwrap();
    http::answer(&mut stream)
}

/// Section 4 of the newcomer's page: the sentence names where WebSocket is.
#[test]
fn a_wrong_path_is_404_and_names_the_right_ones() {
    let router = Router::start();
    for path in ["/wamp", "/ws/", "/WS", "/ws2", "/ws/chat"] {
        let (status, _, body) = asked(&router, &upgrade(PROTOCOL).replace("/ws ", &format!("{path} ")));
        assert_eq!(
            (status, body.as_str()),
            (404, "nothing is served on this path; WebSocket is on /ws, /\n"),
            "{path}"
        );
        assert_eq!(http::get(router.main(), path).0, 404);
    }
}

/// Section 4 of the newcomer's page: a browser's address line.
#[test]
fn a_plain_get_is_426_and_says_what_is_here() {
    let router = Router::start();
    for path in ["/ws", "/"] {
        let (status, head, body) = http::get(router.main(), path);
        assert_eq!(status, 426, "{path}");
        assert!(
            head.contains("\r\nupgrade: websocket\r\n") && head.contains("\r\nsec-websocket-version: 13\r\n"),
            "{head}"
        );
        assert!(body.starts_with("this is a WebSocket endpoint, version 13") && body.contains(LIST), "{body}");
    }
    let other = upgrade(PROTOCOL).replace("Upgrade: websocket", "Upgrade: h2c");
    assert_eq!(asked(&router, &other).0, 426);
}

/// T9.
#[test]
fn without_a_known_subprotocol_the_upgrade_is_400_with_the_list() {
    let router = Router::start();
    for (lines, begin) in [
        ("", "no WebSocket subprotocol was asked for; "),
        ("Sec-WebSocket-Protocol: \r\n", "no WebSocket subprotocol was asked for; "),
        ("Sec-WebSocket-Protocol: soap\r\n", "none of the subprotocols asked for is known here; "),
        (
            "Sec-WebSocket-Protocol: wamp.2.JSON, wamp.2.ubjson\r\n",
            "none of the subprotocols asked for is known here; ",
        ),
        (
            "Sec-WebSocket-Protocol: a\r\nSec-WebSocket-Protocol: b\r\n",
            "none of the subprotocols asked for is known here; ",
        ),
    ] {
        let (status, _, body) = asked(&router, &upgrade(lines));
        assert_eq!((status, body), (400, format!("{begin}{LIST}\n")), "{lines}");
    }
    assert_eq!(router.refused("subprotocol"), 5);
}

/// T9, D56: the client's order decides, over all the lines that it has.
#[test]
fn the_first_known_subprotocol_of_all_lines_is_chosen() {
    let router = Router::start();
    for (lines, chosen) in [
        ("Sec-WebSocket-Protocol: wamp.2.cbor, wamp.2.json\r\n", "wamp.2.cbor"),
        ("Sec-WebSocket-Protocol: soap\r\nSec-WebSocket-Protocol: wamp.2.msgpack,wamp.2.json\r\n", "wamp.2.msgpack"),
        ("sec-websocket-protocol: x\r\nSEC-WEBSOCKET-PROTOCOL:\twamp.2.json.batched \r\n", "wamp.2.json.batched"),
    ] {
        let mut stream = http::connect(router.main());
        stream.write_all(upgrade(lines).as_bytes()).unwrap();
        let (status, head) = http::head(&mut stream);
        assert_eq!(status, 101, "{lines}");
        let line = format!("\r\nsec-websocket-protocol: {chosen}\r\n");
        assert!(head.contains(&line), "{head}");
        // RFC 6455, 4.2.2: the key of its example.
        assert!(head.contains("sec-websocket-accept: s3pplmbitxaq9kygzzhzrbk+xoo="), "{head}");
    }
}

/// RFC 6455, section 4.2.1.
#[test]
fn a_wrong_version_is_426_and_a_wrong_key_400() {
    let router = Router::start();
    let right = upgrade(PROTOCOL);
    let key = "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n";
    for (request, status) in [
        (right.replace("Version: 13", "Version: 8"), 426),
        (right.replace("Version: 13", "Version: 14"), 426),
        (right.replace("Sec-WebSocket-Version: 13\r\n", ""), 426),
        (right.replace(key, ""), 400),
        (right.replace(key, "Sec-WebSocket-Key: c2hvcnQ=\r\n"), 400),
        (right.replace(key, "Sec-WebSocket-Key: no base64 at all\r\n"), 400),
        (right.replace("Connection: Upgrade", "Connection: keep-alive"), 400),
    ] {
        let (got, head, body) = asked(&router, &request);
        assert_eq!(got, status, "{request}");
        assert!(body.contains("WebSocket endpoint, version 13"), "{body}");
        assert_eq!(status == 426, head.contains("\r\nsec-websocket-version: 13\r\n"), "{head}");
    }
    assert_eq!(router.refused("ws_protocol"), 7);
}

/// RFC 6455: only a GET is upgraded.
#[test]
fn other_methods_are_not_upgraded() {
    let router = Router::start();
    for method in ["POST", "PUT", "HEAD"] {
        let mut stream = http::connect(router.main());
        stream.write_all(upgrade(PROTOCOL).replace("GET", method).as_bytes()).unwrap();
        let (status, _) = http::head(&mut stream);
        assert!((400..500).contains(&status), "{method}: {status}");
    }
}

/// T8.
#[test]
fn a_foreign_origin_is_403_and_the_same_host_or_none_is_let_in() {
    let router = Router::with(&["listeners.main.websocket.allowed_origins=[\"https://shop.example\"]"]);
    let with = |origin: &str| asked_status(&router, &upgrade(&format!("{PROTOCOL}Origin: {origin}\r\n")));
    for origin in
        ["https://evil.example", "null", "http://localhost:1", "https://shop.example.evil", "http://shop.example"]
    {
        assert_eq!(with(origin), 403, "{origin}");
    }
    for origin in ["http://localhost", "https://shop.example"] {
        assert_eq!(with(origin), 101, "{origin}");
    }
    WebSocketPeer::join(router.main(), "wamp.2.json");
    assert_eq!(router.refused("origin"), 5);
}

/// T8: pages of a developer's own machine, on whatever port.
#[test]
fn dev_mode_lets_pages_of_any_local_port_in() {
    let config = include_str!("../../config/wharf.toml").replace("localhost:808", "127.0.0.1:0#");
    let config = config.replace("#0\"", "\"").replace("#1\"", "\"");
    let router = Router::of(&config, &["observability.log.format=json"]);
    for (origin, status) in [
        ("http://localhost:3000", 101),
        ("http://127.0.0.1:5173", 101),
        ("http://localhost:", 403),
        ("https://localhost:3000", 403),
        ("http://localhost.evil.example:3000", 403),
    ] {
        assert_eq!(asked_status(&router, &upgrade(&format!("{PROTOCOL}Origin: {origin}\r\n"))), status, "{origin}");
    }
}

fn asked_status(router: &Router, request: &str) -> u16 {
    let mut stream = http::connect(router.main());
    stream.write_all(request.as_bytes()).unwrap();
    http::head(&mut stream).0
}
