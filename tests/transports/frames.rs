//! Broken frames, and frames that only look broken. T5, T5a, T7.

use crate::router::Router;
use crate::websocket_peer::{frame, head, WebSocketPeer, BINARY, CONTINUATION, FIN, MASK, TEXT};
use serde_json::json;
use wharf::transport::websocket::Item;

/// Octets that break a rule of RFC 6455, and the close code that says so.
fn broken() -> Vec<(&'static str, Vec<u8>, u16)> {
    let text = |payload: &[u8]| frame(FIN | TEXT, payload);
    let long = |first: u8, form: u8, length: &[u8]| [&[first, 0x80 | form], length, &MASK].concat();
    vec![
        ("an unmasked frame", [head(FIN | TEXT, 2, 0), b"[]".to_vec()].concat(), 1002),
        ("an unmasked control frame", head(FIN | 9, 0, 0), 1002),
        ("RSV1 without an extension", frame(FIN | 0x40 | TEXT, b"[]"), 1002),
        ("RSV2", frame(FIN | 0x20 | TEXT, b"[]"), 1002),
        ("RSV3", frame(FIN | 0x10 | TEXT, b"[]"), 1002),
        ("RSV1 on a control frame", frame(FIN | 0x40 | 9, b""), 1002),
        ("opcode 3", frame(FIN | 3, b"[]"), 1002),
        ("opcode 7", frame(FIN | 7, b""), 1002),
        ("opcode 11", frame(FIN | 11, b""), 1002),
        ("opcode 15", frame(FIN | 15, b""), 1002),
        ("a ping of 126 octets", frame(FIN | 9, &[b'x'; 126]), 1002),
        ("a fragmented ping", frame(9, b"x"), 1002),
        ("a fragmented close", frame(8, b""), 1002),
        ("text inside a message", [frame(TEXT, b"["), text(b"[]")].concat(), 1002),
        ("a continuation of nothing", frame(FIN | CONTINUATION, b"[]"), 1002),
        ("a length in two octets too many", [long(FIN | TEXT, 126, &[0, 2]), b"[]".to_vec()].concat(), 1002),
        ("a length in six octets too many", long(FIN | TEXT, 127, &[0, 0, 0, 0, 0, 0, 1, 0]), 1002),
        ("a length of 2^63", long(FIN | TEXT, 127, &[0x80, 0, 0, 0, 0, 0, 0, 0]), 1002),
        ("half a close code", frame(FIN | 8, &[3]), 1002),
        ("a close code that may not travel", frame(FIN | 8, &1005_u16.to_be_bytes()), 1002),
        ("a close code below all", frame(FIN | 8, &999_u16.to_be_bytes()), 1002),
        ("a close code above all", frame(FIN | 8, &5000_u16.to_be_bytes()), 1002),
        ("a close reason that is not UTF-8", frame(FIN | 8, &[3, 0xE8, 0xFF]), 1007),
        ("text that is cut in a character, in fragments", [frame(TEXT, b"[\"\xC3"), frame(FIN, b"\"]")].concat(), 1007),
        ("text that stops being UTF-8 in a fragment that goes on", frame(TEXT, b"[\"\xFF"), 1007),
    ]
}

/// T5: and nothing of the session is left when its Close is out.
#[test]
fn each_broken_frame_ends_the_connection_with_its_code_and_frees_what_it_had() {
    let router = Router::start();
    let mut heir = router.session();
    for (number, (rule, octets, code)) in broken().into_iter().enumerate() {
        let procedure = format!("com.example.held{number}");
        let mut peer = router.session();
        peer.register(&procedure);
        assert!(peer.octets(&octets));
        assert_eq!(peer.closed(), Some(code), "{rule}");
        heir.register(&procedure);
    }
    assert_eq!(router.refused("ws_protocol"), broken().len() as u64);
}

/// T5: the same verdict where every octet is a read of its own.
#[test]
fn broken_frames_are_found_however_they_are_cut() {
    let router = Router::start();
    for (rule, octets, code) in broken() {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
        for octet in octets {
            peer.octets(&[octet]);
        }
        assert_eq!(peer.closed(), Some(code), "{rule}");
    }
}

/// C6: text in one frame may be judged by its reader; the code is the same, and before it the reason is said.
#[test]
fn whole_text_that_is_not_utf8_is_closed_with_1007() {
    let router = Router::start();
    let mut peer = router.session();
    assert!(peer.frame(FIN | TEXT, b"[\"\xFF\"]"));
    peer.aborted("wamp.error.protocol_violation", 1007);
}

/// RFC 6455, section 5.4.
#[test]
fn a_message_may_come_in_fragments_with_a_ping_between_them() {
    let router = Router::start();
    let mut peer = router.session();
    let message = json!([48, 1, {}, "wamp.session.count"]).to_string();
    let (first, rest) = message.as_bytes().split_at(7);
    let (second, third) = rest.split_at(9);
    assert!(peer.frame(TEXT, first) && peer.frame(CONTINUATION, second) && peer.frame(FIN | 9, b"between"));
    assert_eq!(peer.next(), Some(Item::Pong(b"between".as_slice().into())));
    assert!(peer.frame(CONTINUATION, b"") && peer.frame(FIN | CONTINUATION, third));
    peer.expect(50);
}

/// RFC 6455, section 5.5.3.
#[test]
fn a_ping_is_answered_with_its_own_payload() {
    let router = Router::start();
    let mut peer = router.session();
    for payload in [&b""[..], b"x", &[0xFF; 125]] {
        assert!(peer.frame(FIN | 9, payload));
        assert_eq!(peer.next(), Some(Item::Pong(payload.to_vec().into())));
    }
}

/// RFC 6455, section 5.5.1.
#[test]
fn a_close_is_answered_in_kind_and_frees_what_the_session_had() {
    let router = Router::start();
    let mut heir = router.session();
    let closes = [(&b""[..], 1000), (&[0x03, 0xE8], 1000), (&[0x0F, 0xA0], 4000), (&[0x03, 0xE9, b'b'], 1001)];
    for (payload, code) in closes {
        let procedure = format!("com.example.held{}", payload.len() + code);
        let mut peer = router.session();
        peer.register(&procedure);
        assert!(peer.frame(FIN | 8, payload));
        assert_eq!(peer.closed(), Some(code as u16));
        heir.register(&procedure);
    }
}

/// T5a, R110.
#[test]
fn the_wrong_kind_of_frame_is_aborted_and_closed_with_1003() {
    let router = Router::start();
    let mut json = router.session();
    assert!(json.frame(FIN | BINARY, b"[]"));
    json.aborted("wamp.error.protocol_violation", 1003);
    for protocol in ["wamp.2.msgpack", "wamp.2.cbor"] {
        let mut peer = WebSocketPeer::open(router.main(), protocol);
        assert!(peer.frame(FIN | TEXT, b"[]"));
        let abort = peer.message();
        let reason = b"wamp.error.protocol_violation";
        assert!(abort.windows(reason.len()).any(|window| window == reason), "{protocol}");
        assert_eq!(peer.closed(), Some(1003));
    }
    assert_eq!(router.refused("protocol"), 3);
}

/// T7.
#[test]
fn a_flood_of_pings_is_cut_with_1008() {
    let router = Router::start();
    let mut peer = router.session();
    let pings = frame(FIN | 9, b"").repeat(1000);
    while peer.octets(&pings) && router.refused("control_flood") == 0 {}
    let mut last = peer.next();
    while matches!(last, Some(Item::Pong(_))) {
        last = peer.next();
    }
    // The router may have hung up on what came after the Close.
    if let Some(last) = last {
        assert!(matches!(&last, Item::Close(Some((code, _))) if code.get() == 1008), "{last:?}");
    }
    assert_eq!(router.refused("control_flood"), 1);
}
