//! Peers that do not read. S1, S4: a slow or broken session costs itself, and nobody else.

use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, PATIENCE};
use crate::websocket_peer::{message, WebSocketPeer};
use serde_json::{json, Value};
use std::io::{ErrorKind, Write};
use std::time::{Duration, Instant};
use wharf::transport::websocket::Item;

const TOPIC: &str = "com.example.flood";
const ON_OVERFLOW: &str = "wharf.session.on_overflow";

/// Octets of one event's payload.
const PAYLOAD: usize = 64 << 10;

/// Resident memory may grow by so much, in KiB.
const GROWTH_MAX: u64 = 16 << 10;

/// How much is published past the one that does not read: 200 MB, or so many in `WHARF_FLOOD_MB`.
fn flood() -> usize {
    let megabytes = std::env::var("WHARF_FLOOD_MB").map_or(200, |text| text.parse().unwrap());
    megabytes * 1_000_000 / PAYLOAD
}

fn msgpack(message: &impl serde::Serialize) -> Vec<u8> {
    rmp_serde::to_vec(message).unwrap()
}

/// A session in MessagePack, where a payload is not looked into.
fn join() -> impl Fn(&Router) -> WebSocketPeer {
    |router| {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.msgpack");
        peer.octets(&message(false, &msgpack(&json!([1, "realm1", {"roles": {"subscriber": {}, "publisher": {}}}]))));
        peer.message();
        peer
    }
}

fn subscribe(peer: &mut WebSocketPeer, request: u64, topic: &str) {
    peer.octets(&message(false, &msgpack(&json!([32, request, {}, topic]))));
    peer.message();
}

/// An event's number; `None` for one that is not of the flood.
fn number(octets: &[u8]) -> Option<u64> {
    type Event<'a> = (u8, u64, u64, std::collections::BTreeMap<String, u64>, (u64, &'a str));
    let (kind, _, _, _, (number, text)) = rmp_serde::from_slice::<Event<'_>>(octets).ok()?;
    assert_eq!((kind, text.len()), (36, PAYLOAD));
    Some(number)
}

/// What a peer that reads at last finds at the end of what lay in its socket: the reason of an ABORT and a close code.
fn last_words(peer: &mut WebSocketPeer) -> (Option<String>, Option<u16>) {
    let (mut reason, mut code) = (None, None);
    while let Some(item) = peer.next() {
        match item {
            Item::Message { data, .. } => {
                reason = rmp_serde::from_slice::<(u8, Value, String)>(&data).ok().map(|(_, _, reason)| reason);
            }
            Item::Close(said) => code = said.map(|(code, _)| code.get()),
            Item::Ping(_) | Item::Pong(_) => {}
        }
    }
    (reason, code)
}

/// S1.
#[test]
fn a_subscriber_that_never_reads_is_cut_and_costs_nobody_anything() {
    let router = Router::start();
    let join = join();
    let (mut never, mut healthy, mut publisher) = (join(&router), join(&router), join(&router));
    let mut watcher = router.session();
    watcher.subscribe(ON_OVERFLOW);
    subscribe(&mut never, 1, TOPIC);
    subscribe(&mut healthy, 1, TOPIC);
    let text = "x".repeat(PAYLOAD);
    let before = router.resident();
    let mut most = before;
    let (mut published, mut slowest) = (0, Duration::ZERO);
    while published < flood() {
        let start = Instant::now();
        for _ in 0..8 {
            let publish = (16, published + 1, json!({}), TOPIC, (published, &text));
            assert!(publisher.octets(&message(false, &msgpack(&publish))));
            published += 1;
        }
        for expected in published - 8..published {
            assert_eq!(number(&healthy.message()), Some(expected as u64));
        }
        slowest = slowest.max(start.elapsed());
        most = most.max(router.resident());
    }
    assert!(most - before < GROWTH_MAX, "{} KiB", most - before);
    assert!(slowest < Duration::from_secs(5), "{slowest:?}");
    let told = watcher.expect(36);
    let told = &told[4][0];
    assert_eq!((&told["closed"], &told["policy"]), (&json!(true), &json!("disconnect")), "{told}");
    assert_eq!(router.refused("slow_consumer"), 1);
    // It was cut long ago: what it finds is what lay in its own socket, and the end.
    let (reason, code) = last_words(&mut never);
    assert!(reason.is_none_or(|reason| reason == "wharf.error.slow_consumer"));
    assert!(code.is_none_or(|code| code == 1008));
}

/// S1: who reads within the last second is told why.
#[test]
fn a_subscriber_that_reads_too_late_finds_the_reason() {
    let router = Router::start();
    let join = join();
    let (mut late, mut publisher) = (join(&router), join(&router));
    let mut watcher = router.session();
    watcher.subscribe(ON_OVERFLOW);
    subscribe(&mut late, 1, TOPIC);
    watcher.stream.set_nonblocking(true).unwrap();
    let text = "x".repeat(PAYLOAD);
    let mut published = 0;
    while watcher.stream.peek(&mut [0]).is_err_and(|error| error.kind() == ErrorKind::WouldBlock) {
        let publish = (16, published + 1, json!({}), TOPIC, (published, &text));
        assert!(publisher.octets(&message(false, &msgpack(&publish))));
        published += 1;
    }
    let start = Instant::now();
    let (reason, code) = last_words(&mut late);
    if start.elapsed() < Duration::from_millis(900) {
        assert_eq!((reason.as_deref(), code), (Some("wharf.error.slow_consumer"), Some(1008)));
    }
}

/// Section 3 of the limits: an outbox that does not move is as good as a full one.
#[test]
fn a_subscriber_whose_outbox_stands_still_is_cut() {
    let router = Router::with(&["realms.realm1.queue.stall=300ms", "realms.realm1.queue.max_bytes=1GiB"]);
    let join = join();
    let (mut still, mut publisher) = (join(&router), join(&router));
    let mut watcher = router.session();
    watcher.subscribe(ON_OVERFLOW);
    subscribe(&mut still, 1, TOPIC);
    let text = "x".repeat(PAYLOAD);
    // More than a socket holds.
    for number in 0..320 {
        let publish = (16, number + 1, json!({}), TOPIC, (number, &text));
        assert!(publisher.octets(&message(false, &msgpack(&publish))));
    }
    assert_eq!(watcher.expect(36)[4][0]["closed"], true);
    assert_eq!(router.refused("slow_consumer"), 1);
}

/// Writes calls until the socket takes nothing for a while: how many have left, and what the last one lacks. `None`: the
/// connection has ended.
fn write_until_paused(caller: &mut RawSocketPeer, frame: impl Fn(u64) -> Vec<u8>) -> Option<(u64, Vec<u8>)> {
    caller.stream.set_write_timeout(Some(Duration::from_millis(700))).unwrap();
    for number in 1..1_000_000 {
        let frame = frame(number);
        let mut left = &frame[..];
        while !left.is_empty() {
            match caller.stream.write(left) {
                Ok(written) => left = &left[written..],
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    caller.stream.set_write_timeout(Some(PATIENCE)).unwrap();
                    return Some((number, left.to_vec()));
                }
                Err(_) => return None,
            }
        }
    }
    panic!("never paused")
}

/// A CALL as a frame.
fn call(number: u64, procedure: &str) -> Vec<u8> {
    let call = json!([48, number, {}, procedure]).to_string().into_bytes();
    [&(call.len() as u32).to_be_bytes(), &call[..]].concat()
}

/// A name as long as a name may be: the ERROR that repeats it is as long.
fn long_name() -> String {
    format!("com.example.{}", "x".repeat(1000))
}

/// S4: it is not read until it reads; then it gets every answer, in order.
#[test]
fn a_caller_that_does_not_read_is_not_read_either() {
    let router = Router::with(&["realms.realm1.queue.stall=60s"]);
    let (mut caller, mut other) = (router.raw_session(), router.raw_session());
    let name = long_name();
    let before = router.resident();
    let (calls, rest) = write_until_paused(&mut caller, |number| call(number, &name)).unwrap();
    let grown = router.resident().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
    for _ in 0..20 {
        other.lives();
    }
    let mut stream = caller.stream.try_clone().unwrap();
    let writing = std::thread::spawn(move || stream.write_all(&rest).unwrap());
    for expected in 1..=calls {
        assert_eq!(caller.expect(8)[2], expected);
    }
    writing.join().unwrap();
    assert_eq!(router.refused("slow_consumer"), 0);
}

/// S4, then S1: who never reads is cut in the end.
#[test]
fn a_caller_that_never_reads_is_cut() {
    let router = Router::with(&["realms.realm1.queue.stall=500ms"]);
    let (mut caller, mut other) = (router.raw_session(), router.raw_session());
    let name = long_name();
    let _paused_or_cut = write_until_paused(&mut caller, |number| call(number, &name));
    router.wait_for("it is cut", |router| router.refused("slow_consumer") == 1);
    other.lives();
}

/// S4: results that are larger than their calls. Those under way may be more than fits: then it is cut.
#[test]
fn a_caller_of_large_results_that_does_not_read_costs_nobody_anything() {
    let router = Router::start();
    let mut callee = router.raw_session();
    callee.register("com.example.large");
    let serving = std::thread::spawn(move || {
        let text = "x".repeat(PAYLOAD);
        while let Some((_, body)) = callee.next() {
            let message: Value = serde_json::from_slice(&body).unwrap();
            let answer = format!("[70,{},{{}},[\"{text}\"]]", message[1]);
            if message[0] == 68 && !callee.frame(0, answer.as_bytes()) {
                break;
            }
        }
    });
    let (mut caller, mut other) = (router.raw_session(), router.raw_session());
    let before = router.resident();
    let paused = write_until_paused(&mut caller, |number| call(number, "com.example.large"));
    for _ in 0..20 {
        let start = Instant::now();
        other.lives();
        assert!(start.elapsed() < Duration::from_secs(2), "{:?}", start.elapsed());
    }
    // The callee has much to do first, for calls that nobody waits for any more.
    other.call("com.example.large", &json!([]));
    other.expect(50);
    let grown = router.resident().saturating_sub(before);
    assert!(grown < GROWTH_MAX, "{grown} KiB");
    // A caller that was paused in time may still be cut by the results of what was under way by then.
    let cut = router.refused("slow_consumer");
    assert!(cut == 1 || cut == 0 && paused.is_some(), "{cut}");
    drop(router);
    serving.join().unwrap();
}
