//! The way out. Section 14 of the limits.

use crate::http;
use crate::router::Router;
use crate::websocket_peer::{upgrade, WebSocketPeer};
use serde_json::json;
use std::io::Write;
use std::net::TcpStream;
use std::time::{Duration, Instant};

const SHUTDOWN: &str = "wamp.close.system_shutdown";

/// Section 14: GOODBYE first, the answer, Close 1001, exit 0.
#[test]
fn every_session_is_told_and_with_all_answers_the_end_comes_within_2_s() {
    let mut router = Router::start();
    let mut websockets: Vec<_> = (0..20).map(|_| router.session()).collect();
    let mut raws: Vec<_> = (0..5).map(|_| router.raw_session()).collect();
    let mut callee = router.session();
    callee.register("com.example.served");
    let mut waiting = WebSocketPeer::open(router.main(), "wamp.2.json");
    let port = router.main();
    let start = Instant::now();
    router.terminate();
    for peer in &mut websockets {
        assert_eq!(peer.expect(6)[2], SHUTDOWN);
        peer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
        assert_eq!(peer.closed(), Some(1001));
    }
    for peer in &mut raws {
        assert_eq!(peer.expect(6)[2], SHUTDOWN);
        peer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
        assert_eq!(peer.next(), None);
    }
    waiting.aborted(SHUTDOWN, 1001);
    assert_eq!(callee.expect(6)[2], SHUTDOWN);
    callee.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(callee.closed(), Some(1001));
    assert_eq!(router.ended().code(), Some(0));
    assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody listens any more");
}

/// Section 14: callers go first, so that calls under way can end.
#[test]
fn a_call_under_way_is_answered_before_its_callee_is_told() {
    let mut router = Router::start();
    let (mut callee, mut caller) = (router.session(), router.session());
    callee.register("com.example.slow");
    caller.call("com.example.slow", &json!([]));
    let invocation = callee.expect(68)[1].clone();
    router.terminate();
    // The caller has left: its call is interrupted, and the callee still hears that before it is told itself.
    assert_eq!(caller.expect(6)[2], SHUTDOWN);
    assert_eq!(callee.expect(69)[1], invocation);
    assert_eq!(callee.expect(6)[2], SHUTDOWN);
    for peer in [&mut caller, &mut callee] {
        peer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
        assert_eq!(peer.closed(), Some(1001));
    }
    assert!(router.ended().success());
}

/// Section 14: the first line of the log is a promise.
#[test]
fn a_signal_right_after_the_start_stops_in_order() {
    for _ in 0..20 {
        let mut router = Router::start();
        router.terminate();
        assert_eq!(router.ended().code(), Some(0));
    }
}

/// Section 14: who does not answer does not hold the others.
#[test]
fn without_answers_the_end_comes_after_the_drain_time() {
    let mut router = Router::with(&["shutdown.drain=500ms"]);
    let mut silent = router.session();
    let mut raw = router.raw_session();
    let start = Instant::now();
    router.terminate();
    assert_eq!(silent.expect(6)[2], SHUTDOWN);
    assert_eq!(raw.expect(6)[2], SHUTDOWN);
    assert_eq!(router.ended().code(), Some(0));
    let elapsed = start.elapsed();
    assert!((Duration::from_millis(400)..Duration::from_secs(4)).contains(&elapsed), "{elapsed:?}");
    assert_eq!(silent.next(), None);
    router.log_line("closed without having drained");
}

/// Section 14: exit 1, at once.
#[test]
fn a_second_signal_ends_it_at_once() {
    for second in ["-TERM", "-INT"] {
        let mut router = Router::with(&["shutdown.drain=60s"]);
        let mut silent = router.session();
        router.signal("-INT");
        assert_eq!(silent.expect(6)[2], SHUTDOWN);
        let start = Instant::now();
        router.signal(second);
        assert_eq!(router.ended().code(), Some(1));
        assert!(start.elapsed() < Duration::from_secs(2));
    }
}

/// Section 14: a load balancer has time to look elsewhere.
#[test]
fn during_the_delay_only_readiness_says_503() {
    let mut router = Router::with(&["shutdown.delay=1s"]);
    let mut session = router.session();
    assert_eq!(http::get(router.main(), "/readyz").0, 200);
    let start = Instant::now();
    router.terminate();
    router.wait_for("not ready", |router| http::get(router.main(), "/readyz").0 == 503);
    assert_eq!(http::get(router.main(), "/livez").0, 200);
    session.lives();
    router.session().lives();
    assert_eq!(session.expect(6)[2], SHUTDOWN);
    assert!(start.elapsed() >= Duration::from_secs(1), "not before the delay is over");
    session.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(session.closed(), Some(1001));
    assert!(router.ended().success());
}

/// Section 14: nothing new begins on a connection that was there.
#[test]
fn an_upgrade_on_a_kept_connection_is_turned_away_while_the_router_stops() {
    let mut router = Router::start();
    let mut kept = http::connect(router.main());
    write!(kept, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
    assert_eq!(http::answer(&mut kept).0, 200);
    // Callees are told last.
    let mut holds = router.session();
    holds.register("com.example.held");
    router.terminate();
    assert_eq!(holds.expect(6)[2], SHUTDOWN);
    kept.write_all(upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes()).unwrap();
    WebSocketPeer::upgraded(kept).aborted(SHUTDOWN, 1001);
    holds.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(holds.closed(), Some(1001));
    assert!(router.ended().success());
}
