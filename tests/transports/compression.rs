//! permessage-deflate, where it is switched on. T6, RFC 7692.

use crate::router::Router;
use crate::websocket_peer::{WebSocketPeer, FIN, TEXT};
use serde_json::json;
use wharf::transport::websocket::{encode, Compressor};

const ON: &str = "listeners.main.websocket.compression=deflate";
const OFFER: &str = "Sec-WebSocket-Extensions: permessage-deflate; client_max_window_bits\r\n";
const RSV1: u8 = 0x40;

fn deflated(text: &str) -> Vec<u8> {
    let mut frame = Vec::new();
    encode::write_message_deflated(&mut frame, Some([1, 2, 3, 4]), true, text.as_bytes(), &mut Compressor::new());
    assert_eq!(frame[0], FIN | RSV1 | TEXT, "compressed");
    frame
}

/// Section 7.6 of the reference: off unless somebody wants it.
#[test]
fn it_is_off_unless_it_is_switched_on_and_offered() {
    for (sets, offer, compressed) in [(&[][..], OFFER, false), (&[ON], "", false), (&[ON], OFFER, true)] {
        let router = Router::with(sets);
        let mut peer = WebSocketPeer::open_with(router.main(), "wamp.2.json", offer);
        peer.hello();
        assert!(
            peer.octets(&deflated(&json!([48, 1, {}, "wamp.session.count", [], {"x": "x".repeat(1000)}]).to_string()))
        );
        if compressed {
            peer.expect(50);
        } else {
            assert_eq!(peer.closed(), Some(1002));
        }
    }
}

/// RFC 7692: what one peer compresses the other gets, each by its own agreement.
#[test]
fn a_long_event_arrives_compressed_and_plain() {
    let router = Router::with(&[ON]);
    let mut compressed = WebSocketPeer::open_with(router.main(), "wamp.2.json", OFFER);
    compressed.hello();
    let mut plain = router.session();
    compressed.subscribe("com.example.topic");
    plain.subscribe("com.example.topic");
    let args = json!(["wharf ".repeat(10_000)]);
    assert!(compressed.octets(&deflated(&json!([16, 2, {"exclude_me": false}, "com.example.topic", args]).to_string())));
    assert_eq!(plain.expect(36)[4], args);
    // 60 KiB of text, and the frame's length is in its first octets.
    let mut octets = [0; 4];
    std::io::Read::read_exact(&mut &compressed.stream, &mut octets).unwrap();
    assert_eq!((octets[0], octets[1]), (FIN | RSV1 | TEXT, 126), "{octets:?}");
    let length = u16::from_be_bytes([octets[2], octets[3]]);
    assert!(length < 1000, "{length}");
}

/// T6.
#[test]
fn a_bomb_is_cut_with_1009_while_it_is_inflated() {
    let router = Router::with(&[ON]);
    let mut peer = WebSocketPeer::open_with(router.main(), "wamp.2.json", OFFER);
    peer.hello();
    let before = router.resident();
    // 64 MiB of spaces.
    let bomb = miniz_oxide::deflate::compress_to_vec(&vec![b' '; 64 << 20], 1);
    assert!(bomb.len() < 1 << 20, "within the limit as it comes");
    assert!(peer.frame(FIN | RSV1 | TEXT, &bomb));
    assert_eq!(peer.closed(), Some(1009));
    let grown = router.resident().saturating_sub(before);
    assert!(grown < 8 << 10, "{grown} KiB");
    assert_eq!(router.refused("deflate_bomb"), 1);
}

/// RFC 7692, section 7.2.2.
#[test]
fn what_is_not_deflate_data_is_closed_with_1002() {
    let router = Router::with(&[ON]);
    let mut peer = WebSocketPeer::open_with(router.main(), "wamp.2.json", OFFER);
    peer.hello();
    assert!(peer.frame(FIN | RSV1 | TEXT, &[0xFF; 100]));
    assert_eq!(peer.closed(), Some(1002));
}
