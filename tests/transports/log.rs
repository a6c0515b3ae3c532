//! What peers say reaches the log escaped and cut. Section 13 of the limits.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::{upgrade, WebSocketPeer, FIN, TEXT};
use serde_json::json;
use std::io::Write;

/// What would colour a terminal and forge a line.
const EVIL: &str = "joe\u{1b}[31m\n2030-01-01T00:00:00Z ERROR forged\r\u{9b}31m";

/// The same as a part of a URI, which has no spaces.
const EVIL_COMPONENT: &str = "joe\u{1b}[31m\u{9b}31m\u{7f}";

/// A user of this name, and realms that a HELLO opens.
fn config() -> String {
    let user = serde_json::to_string(EVIL).unwrap().replace('\u{9b}', "\\u009b");
    let config = CONFIG.replace("ticket.users.joe", &format!("ticket.users.{user}"));
    format!("{config}\n[realm_templates.tenant]\nmatch = \"com.example.*\"\nfrom = \"realm1\"\n")
}

/// Puts it wherever a peer may put text.
fn say_everywhere(router: &Router) {
    let port = router.main();
    let mut peer = WebSocketPeer::open(port, "wamp.2.json");
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "agent": EVIL, "authid": EVIL, "authrole": EVIL}]));
    peer.message();
    let mut peer = WebSocketPeer::open(port, "wamp.2.json");
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authid": EVIL, "authmethods": ["ticket", EVIL]}]));
    peer.expect(4);
    peer.send(&json!([5, EVIL, {}]));
    peer.expect(3);
    let mut peer = WebSocketPeer::open(port, "wamp.2.json");
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authid": EVIL, "authmethods": ["ticket"]}]));
    peer.expect(4);
    peer.send(&json!([5, "s3cret", {}]));
    peer.expect(2);
    let mut peer = WebSocketPeer::open(port, "wamp.2.json");
    let realm = format!("com.example.{EVIL_COMPONENT}");
    peer.send(&json!([1, realm, {"roles": {"caller": {}}}]));
    peer.expect(2);
    let mut peer = WebSocketPeer::open(port, "wamp.2.json");
    peer.send(&json!([1, EVIL, {"roles": {"caller": {}}}]));
    peer.message();
    let mut peer = RawSocketPeer::open(port, 0xF);
    peer.hello(&json!({"agent": EVIL}));
    peer.register("com.example.evil");
    peer.call(EVIL, &json!([EVIL]));
    peer.expect(8);
    peer.call("wamp.session.kill", &json!([1, EVIL]));
    peer.expect(8);
    peer.send(&json!([6, {"message": EVIL}, EVIL]));
    let mut peer = router.session();
    peer.send(&json!([3, {"message": EVIL}, EVIL]));
    let mut peer = router.session();
    peer.frame(FIN | TEXT, EVIL.as_bytes());
    peer.expect(3);
    let mut peer = router.session();
    peer.frame(FIN | 8, &[&1000_u16.to_be_bytes(), EVIL.as_bytes()].concat());
    let mut stream = http::connect(port);
    let line = EVIL.replace(['\n', '\r'], " ");
    let lines = format!("Sec-WebSocket-Protocol: {line}\r\nOrigin: {line}\r\n");
    stream.write_all(upgrade(&lines).as_bytes()).unwrap();
    http::rest(&mut stream);
}

/// Section 13, in both formats and at every level.
#[test]
fn nothing_that_a_peer_sends_reaches_the_log_unescaped() {
    for format in ["json", "pretty"] {
        let format = format!("observability.log.format={format}");
        let router = Router::of(&config(), &[&format, "observability.log.level=trace"]);
        say_everywhere(&router);
        // Something comes after all of it.
        router.session().subscribe("com.example.last");
        router.signal("-TERM");
        router.log_line("stopping");
        let log = router.log();
        assert!(log.contains("forged") && log.contains("com.example.joe"), "both are told");
        for line in log.lines() {
            assert!(!line.chars().any(char::is_control), "{line:?}");
            assert!(!line.starts_with("2030"), "{line:?}");
            assert!(line.len() <= 4096, "{}", line.len());
        }
        assert!(!log.contains("s3cret"));
    }
}

/// Section 13: a long name is cut.
#[test]
fn long_text_is_cut() {
    let router = Router::with(&["observability.log.level=trace"]);
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let long = "n".repeat(5000);
    peer.send(
        &json!([1, "realm1", {"roles": {"caller": {}}, "agent": long, "authid": long, "authmethods": ["ticket"]}]),
    );
    peer.expect(4);
    peer.send(&json!([5, "wrong", {}]));
    peer.expect(3);
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.send(&json!([1, format!("com.{long}"), {"roles": {"caller": {}}}]));
    peer.expect(3);
    router.session();
    assert!(!router.log().contains(&"n".repeat(121)));
}
