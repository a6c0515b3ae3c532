//! Peers that are gone without a word. T7a.

use crate::http;
use crate::rawsocket_peer::{RawSocketPeer, PING, PONG};
use crate::router::Router;
use crate::websocket_peer::{WebSocketPeer, FIN};
use serde_json::json;
use std::io::{ErrorKind, Read};
use std::time::Duration;
use wharf::transport::websocket::Item;

const OFTEN: [&str; 2] = ["listeners.main.ping_interval=100ms", "listeners.raw.ping_interval=100ms"];

/// T7a: the session ends as if the connection was lost.
#[test]
fn a_websocket_peer_that_does_not_answer_is_cut_with_1008_and_its_calls_are_canceled() {
    let router = Router::with(&[OFTEN[0], "listeners.main.ping_timeout=100ms"]);
    let mut caller = RawSocketPeer::join(router.port("raw"), 0xF);
    let mut silent = router.session();
    silent.register("com.example.silent");
    caller.call("com.example.silent", &json!([]));
    silent.expect(68);
    assert_eq!(silent.next(), Some(Item::Ping(b"".as_slice().into())));
    assert_eq!(silent.closed(), Some(1008));
    assert_eq!(caller.expect(8)[4], "wamp.error.canceled");
    caller.register("com.example.silent");
    assert_eq!(router.refused("ping_timeout"), 1);
}

/// Answers the next questions of the router, so many of them.
fn answer_pings(peer: &mut WebSocketPeer, mut pings: u32) {
    while pings > 0 {
        match peer.next() {
            Some(Item::Ping(data)) => {
                peer.frame(FIN | 10, &data);
                pings -= 1;
            }
            other => panic!("no ping came but {other:?}"),
        }
    }
}

/// T7a.
#[test]
fn a_websocket_peer_that_answers_is_asked_again_and_lives() {
    let router = Router::with(&OFTEN);
    let mut peer = router.session();
    answer_pings(&mut peer, 5);
    peer.lives();
    assert_eq!(router.refused("ping_timeout"), 0);
}

/// Section 6.1 of the configuration: some client libraries fail at a PING, and those that send one know it.
#[test]
fn a_rawsocket_peer_is_not_asked_until_it_has_asked_itself() {
    let router = Router::with(&OFTEN);
    let mut raw = RawSocketPeer::join(router.port("raw"), 0xF);
    // Meanwhile it would have been asked.
    answer_pings(&mut router.session(), 4);
    raw.stream.set_nonblocking(true).unwrap();
    assert_eq!(raw.stream.read(&mut [0]).unwrap_err().kind(), ErrorKind::WouldBlock);
    raw.stream.set_nonblocking(false).unwrap();
    assert!(raw.frame(PING, b"there?"));
    assert_eq!(raw.next(), Some((PONG, b"there?".to_vec())));
    for _ in 0..3 {
        assert_eq!(raw.next(), Some((PING, Vec::new())));
        raw.frame(PONG, b"");
    }
    raw.lives();
}

/// Section 6.1 of the configuration.
#[test]
fn a_rawsocket_peer_that_must_answer_and_does_not_is_cut() {
    let agents = "listeners.raw.rawsocket.ping_agents=[\"diligent\"]";
    for (set, agent) in [(agents, "diligent-2.0"), ("listeners.raw.rawsocket.ping=on", "any")] {
        let router = Router::with(&[OFTEN[1], "listeners.raw.ping_timeout=100ms", set]);
        let mut raw = RawSocketPeer::open(router.port("raw"), 0xF);
        raw.hello(&json!({"agent": agent}));
        assert_eq!(raw.next(), Some((PING, Vec::new())), "{agent}");
        assert_eq!(raw.next(), None, "{agent}");
        assert_eq!(router.refused("ping_timeout"), 1);
    }
}

/// Section 3 of the limits: what the router has not read may be the answer.
#[test]
fn what_comes_in_pieces_is_a_sign_of_life_too() {
    let router = Router::with(&[OFTEN[0], "listeners.main.ping_timeout=2s"]);
    let mut peer = router.session();
    let call = crate::websocket_peer::frame(FIN | 1, json!([48, 1, {}, "wamp.session.count"]).to_string().as_bytes());
    let (first, last) = call.split_at(10);
    for octet in first {
        // The question is answered by just one octet of a message.
        assert!(matches!(peer.next(), Some(Item::Ping(_))));
        peer.octets(&[*octet]);
    }
    peer.octets(last);
    peer.expect(50);
}

/// T1 holds beside T7a: asking is no reason to wait longer.
#[test]
fn answered_pings_do_not_extend_the_time_to_welcome() {
    let router = Router::with(&[OFTEN[0], "limits.handshake_timeout=1s"]);
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.stream.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let mut pings = 0;
    loop {
        match peer.next() {
            Some(Item::Ping(data)) => {
                peer.frame(FIN | 10, &data);
                pings += 1;
            }
            Some(Item::Message { data, .. }) => {
                let abort: serde_json::Value = serde_json::from_slice(&data).unwrap();
                assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wharf.error.handshake_timeout")));
                break;
            }
            other => panic!("{other:?}"),
        }
    }
    assert!(pings > 0);
    assert_eq!(peer.closed(), Some(1008));
    assert!(http::get(router.main(), "/livez").0 == 200);
}
