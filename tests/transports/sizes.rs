//! Messages over the limit are refused by their header. T4.

use crate::router::Router;
use crate::websocket_peer::{frame, head, WebSocketPeer, BINARY, CONTINUATION, FIN, MASK, TEXT};
use serde_json::json;

/// T4: what is announced is not stored, and what comes nevertheless is not either.
#[test]
fn a_message_over_the_limit_is_cut_on_its_header() {
    let router = Router::start();
    let mut peer = router.session();
    peer.lives();
    let before = router.resident();
    assert!(peer.octets(&[head(FIN | TEXT, 1 << 40, 0x80), MASK.to_vec()].concat()));
    let junk = vec![b'x'; 1 << 20];
    for _ in 0..64 {
        if !peer.octets(&junk) {
            break;
        }
    }
    // The router hangs up on those who go on: the Close may be lost with the rest.
    if let Some(item) = peer.next() {
        assert!(format!("{item:?}").contains("1009"), "{item:?}");
    }
    let grown = router.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB");
    router.wait_for("a message that is too big", |router| router.refused("message_too_big") == 1);
}

/// T4: the first octet over the limit is one too many.
#[test]
fn the_limit_is_1_mib_and_16_kib_before_welcome() {
    let router = Router::start();
    let message = |octets: usize| {
        let empty = json!([48, 1, {}, "wamp.session.count", [], {"x": ""}]).to_string();
        empty.replace("\"\"", &format!("\"{}\"", "x".repeat(octets - empty.len())))
    };
    let mut peer = router.session();
    peer.text(&message(1 << 20));
    peer.expect(50);
    assert!(peer.octets(&head(FIN | TEXT, (1 << 20) + 1, 0x80)));
    assert!(peer.octets(&MASK));
    assert_eq!(peer.closed(), Some(1009));

    let hello = |octets: usize| {
        let empty = json!([1, "realm1", {"roles": {"caller": {}}, "x": ""}]).to_string();
        empty.replace("\"\"", &format!("\"{}\"", "x".repeat(octets - empty.len())))
    };
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.text(&hello(16 << 10));
    peer.expect(2);
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    assert!(peer.octets(&[head(FIN | TEXT, (16 << 10) + 1, 0x80), MASK.to_vec()].concat()));
    assert_eq!(peer.closed(), Some(1009));
    assert_eq!(router.refused("message_too_big"), 2);
}

/// T4: the fragments of one message count together.
#[test]
fn fragments_that_go_over_the_limit_together_are_cut() {
    let router = Router::start();
    let mut peer = router.session();
    assert!(peer.frame(TEXT, &vec![b' '; 1 << 19]) && peer.frame(CONTINUATION, &vec![b' '; 1 << 19]));
    assert!(peer.octets(&[head(CONTINUATION, 1, 0x80), MASK.to_vec()].concat()));
    assert_eq!(peer.closed(), Some(1009));
}

/// T4.
#[test]
fn a_message_of_1024_fragments_is_taken_and_one_of_1025_is_cut() {
    let router = Router::start();
    let fragments = |count: usize| {
        let message = json!([48, 1, {}, "wamp.session.count"]).to_string();
        let (first, last) = message.split_at(5);
        let middle = frame(CONTINUATION, b"").repeat(count - 2);
        [frame(TEXT, first.as_bytes()), middle, frame(FIN | CONTINUATION, last.as_bytes())].concat()
    };
    let mut peer = router.session();
    assert!(peer.octets(&fragments(1024)));
    peer.expect(50);
    let mut peer = router.session();
    assert!(peer.octets(&fragments(1025)));
    assert_eq!(peer.closed(), Some(1009));
    assert_eq!(router.refused("message_too_big"), 1);
}

/// T4: the listener's own bounds hold.
#[test]
fn the_bounds_can_be_set() {
    let sets = ["max_message=2KiB", "max_message_before_welcome=1KiB", "websocket.max_fragments=3"];
    let sets: Vec<String> = sets.iter().map(|set| format!("listeners.main.{set}")).collect();
    let router = Router::with(&sets.iter().map(String::as_str).collect::<Vec<_>>());
    let too_big = |peer: &mut WebSocketPeer, length: u64| {
        assert!(peer.octets(&[head(FIN | BINARY, length, 0x80), MASK.to_vec()].concat()));
        assert_eq!(peer.closed(), Some(1009), "{length}");
    };
    too_big(&mut WebSocketPeer::open(router.main(), "wamp.2.cbor"), 1025);
    too_big(&mut router.session(), 2049);
    let mut peer = router.session();
    assert!(peer.octets(&[frame(TEXT, b"["), frame(CONTINUATION, b"").repeat(3)].concat()));
    assert_eq!(peer.closed(), Some(1009));
}
