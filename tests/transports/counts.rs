//! Too many connections. T2, T2b.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::WebSocketPeer;
use std::io::{Read, Write};
use std::process::Command;

/// Whether a new connection is closed at once. What is asked is asked so that the answer is sure to come.
fn is_full(port: u16) -> bool {
    let mut stream = http::connect(port);
    // An octet that starts RawSocket with a serializer that nobody knows: refused, if it is let in.
    let _closed_already = stream.write_all(&[0x7F, 0xFF, 0, 0]);
    let mut answer = Vec::new();
    let _reset = stream.read_to_end(&mut answer);
    answer != [0x7F, 0x10, 0, 0]
}

/// T2.
#[test]
fn one_connection_over_the_limit_is_closed_at_once_and_a_free_slot_is_given_again() {
    for (set, metric) in
        [("limits.max_connections=4", "of the node"), ("listeners.main.max_connections=4", "of the listener")]
    {
        let router = Router::with(&[set]);
        let mut peers: Vec<_> = (0..4).map(|_| router.session()).collect();
        for _ in 0..3 {
            assert!(is_full(router.main()), "{metric}");
        }
        assert_eq!(is_full(router.port("raw")), set.starts_with("limits"), "{metric}");
        for peer in &mut peers {
            peer.lives();
        }
        peers.pop();
        router.wait_for("a free slot", |router| !is_full(router.main()));
        peers.push(router.session());
        assert!(is_full(router.main()), "{metric}");
        peers.clear();
        router.wait_for("all slots", |router| !is_full(router.main()));
        assert!(router.refused("conn_limit") >= 4);
    }
}

/// T2: whatever keeps them from WELCOME.
#[test]
fn one_unwelcomed_connection_over_the_limit_is_closed_at_once() {
    let router = Router::with(&["limits.max_unwelcomed=4"]);
    let mut welcomed: Vec<_> = (0..8).map(|_| router.session()).collect();
    let mut upgraded = WebSocketPeer::open(router.main(), "wamp.2.json");
    let mut raw = RawSocketPeer::open(router.main(), 0xF);
    let silent = http::connect(router.main());
    let mut half = http::connect(router.main());
    half.write_all(b"GET /livez HTTP/1.1\r\n").unwrap();
    router.wait_for("four that are not welcome yet", |router| is_full(router.main()));
    welcomed[0].lives();

    // Each way out of the waiting room frees a place.
    upgraded.hello();
    router.wait_for("a place after WELCOME", |router| !is_full(router.main()));
    let next = WebSocketPeer::open(router.main(), "wamp.2.json");
    assert!(is_full(router.main()));
    drop(next);
    router.wait_for("a place after a close", |router| !is_full(router.main()));
    raw.hello(&serde_json::json!({}));
    half.write_all(b"Host: localhost\r\n\r\n").unwrap();
    assert_eq!(http::answer(&mut half).0, 200);
    drop(silent);
    // A kept HTTP connection waits for no WELCOME.
    let waiting: Vec<_> = (0..4).map(|_| WebSocketPeer::open(router.main(), "wamp.2.json")).collect();
    assert!(is_full(router.main()));
    drop(waiting);
}

/// T2b.
#[test]
fn out_of_file_descriptors_the_router_recovers() {
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "ulimit -n 256; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_wharf")]);
    let router = Router::in_folder(tempfile::tempdir().unwrap(), CONFIG, &["limits.handshake_timeout=30s"], &mut shell);
    let mut session = router.session();
    let many: Vec<_> = (0..400).map(|_| http::connect(router.main())).collect();
    assert!(is_full(router.main()));
    session.lives();
    drop(many);
    router.wait_for("a free slot", |router| !is_full(router.main()));
    router.session().lives();
    session.lives();
    assert!(router.refused("conn_limit") >= 200);
}
