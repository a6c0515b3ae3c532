//! Who does not come to the point is sent away. T1.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::Router;
use crate::websocket_peer::{upgrade, WebSocketPeer};
use std::io::Write;
use std::time::{Duration, Instant};

const SHORT: &str = "limits.handshake_timeout=500ms";

/// T1: before an upgrade nothing is said. A good peer meanwhile is let in.
#[test]
fn peers_that_do_not_finish_their_handshake_are_closed() {
    let router = Router::with(&[SHORT]);
    let request = upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    let half = request.len() / 2;
    let begins: [&[u8]; 6] =
        [b"", b"G", &request.as_bytes()[..half], b"\x7F", b"\x7F\xF1\x00", b"POST /ws HTTP/1.1\r\n"];
    let start = Instant::now();
    let mut silent: Vec<_> = begins.iter().map(|_| http::connect(router.main())).collect();
    for (stream, begin) in silent.iter_mut().zip(begins) {
        stream.write_all(begin).unwrap();
    }
    let good = Instant::now();
    router.session().lives();
    let good = good.elapsed();
    for (stream, begin) in silent.iter_mut().zip(begins) {
        assert_eq!(http::rest(stream), b"", "{begin:?}");
    }
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(400), "they had their time: {elapsed:?}");
    assert!(good < Duration::from_secs(2), "{good:?}");
    assert_eq!(router.refused("handshake_timeout"), begins.len() as u64);
}

/// T1: on the RawSocket port, where nobody waits for HTTP.
#[test]
fn half_a_rawsocket_handshake_is_closed() {
    let router = Router::with(&[SHORT]);
    let mut streams: Vec<_> = (0..4).map(|_| http::connect(router.port("raw"))).collect();
    for (octets, stream) in streams.iter_mut().enumerate() {
        stream.write_all(&[0x7F, 0xF1, 0][..octets]).unwrap();
    }
    for stream in &mut streams {
        assert_eq!(http::rest(stream), b"");
    }
    assert_eq!(router.refused("handshake_timeout"), 4);
}

/// T1.
#[test]
fn without_a_hello_the_session_is_aborted_and_closed_with_1008() {
    let router = Router::with(&[SHORT]);
    let mut websocket = WebSocketPeer::open(router.main(), "wamp.2.json");
    let mut challenged = WebSocketPeer::open(router.main(), "wamp.2.json");
    let mut raw = RawSocketPeer::open(router.main(), 0xF);
    challenged.text(r#"[1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"}]"#);
    challenged.expect(4);
    websocket.aborted("wharf.error.handshake_timeout", 1008);
    challenged.aborted("wharf.error.handshake_timeout", 1008);
    assert_eq!(raw.expect(3)[2], "wharf.error.handshake_timeout");
    assert_eq!(raw.next(), None);
    assert_eq!(router.refused("handshake_timeout"), 3);
}

/// T1: a kept HTTP connection has done its duty; its upgrade has a time of its own.
#[test]
fn an_upgrade_on_an_older_http_connection_has_its_full_time() {
    let router = Router::with(&[SHORT]);
    let mut kept = http::connect(router.main());
    write!(kept, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(http::answer(&mut kept).0, 200);
    // Who came after it has run out of time.
    http::rest(&mut http::connect(router.main()));
    kept.write_all(upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes()).unwrap();
    let mut peer = WebSocketPeer::upgraded(kept);
    peer.hello();
    peer.lives();
}
