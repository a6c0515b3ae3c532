//! What bounds a transport of long-poll, and how it ends with its listener, its router and its peer. T2, S1; sections 3 and 14 of
//! the limits, section 11 of the HTTP design.

use crate::http;
use crate::longpoll_peer::{ask, LongPollPeer};
use crate::router::{Router, CONFIG};
use crate::websocket_peer::upgrade;
use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Read, Write};
use std::net::TcpStream;

const TOPIC: &str = "com.example.topic";

const SHUTDOWN: &str = "wamp.close.system_shutdown";

/// [`CONFIG`] with long-poll.
fn config() -> String {
    CONFIG.replacen("\"websocket\",", "\"websocket\", \"longpoll\",", 1)
}

fn router(sets: &[&str]) -> Router {
    Router::of(&config(), sets)
}

/// One connection that is kept for all requests of a transport.
struct Kept {
    stream: TcpStream,
    port: u16,
}

impl Kept {
    fn of(port: u16) -> Self {
        Self { stream: http::connect(port), port }
    }

    /// Sends a request; its answer is still to be read.
    fn post(&mut self, path: &str, body: &str) {
        let (port, length) = (self.port, body.len());
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost:{port}\r\nContent-Length: {length}\r\n\r\n");
        self.stream.write_all(format!("{head}{body}").as_bytes()).unwrap();
    }

    fn answer(&mut self) -> (u16, String) {
        let (status, head) = http::head(&mut self.stream);
        let length = head.lines().find_map(|line| line.strip_prefix("content-length: ")?.parse().ok());
        let mut body = vec![0; length.unwrap_or(0)];
        self.stream.read_exact(&mut body).unwrap();
        (status, String::from_utf8(body).unwrap())
    }
}

/// A session's id, and the path of its transport, which is opened by a connection that is kept.
fn joined(port: u16) -> (Kept, String) {
    let mut kept = Kept::of(port);
    kept.post("/wamp/longpoll/open", r#"{"protocols":["wamp.2.json"]}"#);
    let opened: Value = serde_json::from_str(&kept.answer().1).unwrap();
    let path = format!("/wamp/longpoll/{}", opened["transport"].as_str().unwrap());
    kept.post(&format!("{path}/send"), &json!([1, "realm1", {"roles": {"caller": {}, "callee": {}}}]).to_string());
    assert_eq!(kept.answer().0, 202);
    kept.post(&format!("{path}/receive"), "");
    assert!(kept.answer().1.starts_with("[2,"));
    (kept, path)
}

/// T2: as a connection of the address that has opened it, which a trusted proxy names here.
#[test]
fn transports_count_among_the_connections_of_their_address() {
    let router = router(&["listeners.main.trusted_proxies=[\"127.0.0.1\"]", "limits.max_per_address=2"]);
    let offer = br#"{"protocols":["wamp.2.json"]}"#;
    let line = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let open = |address: &str| ask(router.main(), "POST", "/lp/open", &line(address), offer).answer();
    let first = open("203.0.113.9");
    assert_eq!([first.status, open("203.0.113.9").status], [200, 200]);
    let third = open("203.0.113.9");
    assert_eq!((third.status, third.head.contains("\r\nretry-after: ")), (503, true));
    assert_eq!(router.refused("conn_limit"), 1);
    assert_eq!(open("203.0.113.10").status, 200, "another address has places of its own");
    let close = format!("/lp/{}/close", first.json()["transport"].as_str().unwrap());
    assert_eq!(ask(router.main(), "POST", &close, &line("203.0.113.9"), b"").answer().status, 204);
    router.wait_for("a free place", |_| open("203.0.113.9").status == 200);
}

/// Section 11 of the configuration: sessions of a listener that a reload takes away are told by the request that waits.
#[test]
fn a_session_hears_by_its_receive_that_its_listener_goes() {
    let extra = "\n[shutdown]\nspread = \"0s\"\n[observability.log]\nlevel = \"info\"\n";
    let longpoll = "\n[listeners.old]\nbind = \"127.0.0.1:0\"\nserve = [\"longpoll\"]\n";
    let router = Router::of(&format!("{CONFIG}{extra}{longpoll}"), &[]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let port = router.port("old");
    let (mut kept, path) = joined(port);
    kept.post(&format!("{path}/receive"), "");
    assert!(router.reload(&format!("{CONFIG}{extra}")));
    let (status, said) = kept.answer();
    assert!(status == 200 && said.starts_with("[6,") && said.contains(SHUTDOWN), "{status} {said}");
    assert!(TcpStream::connect(("127.0.0.1", port)).is_err(), "nobody new comes in there");
    // The connection that it has may still say goodbye.
    kept.post(&format!("{path}/send"), &json!([6, {}, "wamp.close.goodbye_and_out"]).to_string());
    assert_eq!(kept.answer().0, 202);
    witness.expect(36);
}

/// Section 14 of the limits: nobody waits here when the router begins to stop.
#[test]
fn a_stopping_router_tells_those_who_receive_afterwards() {
    let mut router = router(&[]);
    let (mut kept, path) = joined(router.main());
    let mut witness = router.session();
    router.terminate();
    // All are told, and this one has been.
    assert_eq!(witness.expect(6)[2], SHUTDOWN);
    kept.post(&format!("{path}/receive"), "");
    let said = kept.answer().1;
    assert!(said.starts_with("[6,") && said.contains(SHUTDOWN), "{said}");
    kept.post(&format!("{path}/send"), &json!([6, {}, "wamp.close.goodbye_and_out"]).to_string());
    assert_eq!(kept.answer().0, 202);
    witness.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert!(router.ended().success());
}

/// R119: one answer of a batched protocol holds all that waits.
#[test]
fn a_batched_receive_is_answered_with_all_that_waits() {
    let router = router(&[]);
    let peer = LongPollPeer::join(router.main());
    peer.send(&json!([32, 1, {}, TOPIC]));
    let mut publisher = router.session();
    let publish = |publisher: &mut crate::websocket_peer::WebSocketPeer, number: u64| {
        publisher.send(&json!([16, number, {"acknowledge": true}, TOPIC, [number]]));
        publisher.expect(17);
    };
    assert!(peer.post("receive", b"").answer().text().starts_with("[33,"));
    (1..=5).for_each(|number| publish(&mut publisher, number));
    // What the last one was told, the session has been told as well.
    let mut told = String::new();
    router.wait_for("all five", |_| {
        told.push_str(&peer.post("receive", b"").answer().text());
        told.matches("[36,").count() == 5
    });
    let numbers: Vec<u64> = told
        .split_terminator('\u{1e}')
        .map(|text| serde_json::from_str::<Value>(text).unwrap()[4][0].as_u64().unwrap())
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
}

/// R119, U3: what waits is more than one answer may hold, and less than may wait.
#[test]
fn what_is_too_much_for_one_answer_comes_with_the_next() {
    let router = router(&[]);
    let mut peer = LongPollPeer::join(router.main());
    peer.send(&json!([32, 1, {}, TOPIC]));
    peer.expect(33);
    let mut publisher = router.session();
    for number in 1..=40 {
        publisher.send(&json!([16, number, {"acknowledge": true}, TOPIC, [number, "x".repeat(20_000)]]));
        publisher.expect(17);
    }
    let mut told = 0;
    while told < 40 {
        let answer = peer.post("receive", b"").answer();
        assert!(answer.status == 200 && answer.body.len() < 300_000, "{} {}", answer.status, answer.body.len());
        for text in answer.text().split_terminator('\u{1e}') {
            told += 1;
            assert_eq!(serde_json::from_str::<Value>(text).unwrap()[4][0], told);
        }
    }
}

/// S1, `queue.on_overflow`: what nobody receives is bounded, and the oldest events go; answers never do.
#[test]
fn with_drop_oldest_a_transport_that_does_not_receive_keeps_the_newest_events() {
    let router = router(&["realms.realm1.queue.max_messages=20", "realms.realm1.queue.on_overflow=\"drop_oldest\""]);
    let mut slow = LongPollPeer::join(router.main());
    slow.send(&json!([32, 1, {}, TOPIC]));
    slow.expect(33);
    let mut publisher = router.session();
    for number in 1..=60 {
        publisher.send(&json!([16, number, {"acknowledge": true}, TOPIC, [number]]));
        publisher.expect(17);
    }
    router.wait_for("what has no room to be dropped", |router| router.metric("wharf_outbox_dropped_total") >= 60 - 20);
    let mut numbers = Vec::new();
    while numbers.last() != Some(&60) {
        numbers.push(slow.expect(36)[4][0].as_u64().unwrap());
    }
    assert!(numbers.len() <= 20, "{numbers:?}");
    assert!(numbers.windows(2).all(|pair| pair[0] < pair[1]), "{numbers:?}");
    assert_eq!(numbers.last(), Some(&60), "the newest is there");
    assert_eq!(router.refused("slow_consumer"), 0);
}

/// Section 11: `queue.max_bytes` holds as on every transport.
#[test]
fn more_octets_than_may_wait_end_a_transport_that_does_not_receive() {
    let router = router(&["realms.realm1.queue.max_bytes=256KiB"]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let mut slow = LongPollPeer::join(router.main());
    slow.send(&json!([32, 1, {}, TOPIC]));
    slow.expect(33);
    let mut publisher = router.session();
    for number in 1..=20 {
        publisher.send(&json!([16, number, {"acknowledge": true}, TOPIC, ["x".repeat(16 << 10)]]));
        publisher.expect(17);
    }
    witness.expect(36);
    assert_eq!(router.refused("slow_consumer"), 1);
    router.wait_for("the transport to go", |_| slow.is_gone());
}

/// Section 11: a body that is still coming is a request like one that receives.
#[test]
fn a_transport_is_not_lost_while_a_body_comes() {
    let router = router(&["listeners.main.longpoll.session_timeout=1s"]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let sending = LongPollPeer::join(router.main());
    let message = json!([32, 1, {}, TOPIC]).to_string() + "\u{1e}";
    let mut stream = http::connect(router.main());
    let head = format!(
        "POST /wamp/longpoll/{}/send HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\nContent-Length: {}\r\n\r\n",
        sending.id,
        message.len()
    );
    let (half, rest) = message.split_at(4);
    stream.write_all(format!("{head}{half}").as_bytes()).unwrap();
    // Others that come later are lost meanwhile.
    for _ in 0..2 {
        let mut idle = LongPollPeer::open(router.main(), "wamp.2.json.batched");
        idle.send(&json!([1, "realm1", {"roles": {"caller": {}}}]));
        let session = idle.expect(2)[1].clone();
        assert_eq!(witness.expect(36)[4][0], session);
    }
    stream.write_all(rest.as_bytes()).unwrap();
    assert_eq!(http::answer(&mut stream).0, 202);
    assert!(sending.post("receive", b"").answer().text().starts_with("[33,"));
}

/// A wish for a WebSocket on a path of long-poll: what would be written to nobody for ever is not begun, and holds no session.
#[test]
fn an_event_stream_is_no_answer_to_an_upgrade() {
    let router = router(&["listeners.main.longpoll.session_timeout=1s"]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let peer = LongPollPeer::open_with(router.main(), "/wamp/sse", "wamp.2.json.sse", "");
    let hello = json!([1, "realm1", {"roles": {"subscriber": {}}}]).to_string();
    assert_eq!(peer.post("send", hello.as_bytes()).answer().status, 202);
    let mut stream = http::connect(router.main());
    let asked = upgrade("").replace("GET /ws ", &format!("GET /wamp/sse/{}/receive ", peer.id));
    stream.write_all(asked.as_bytes()).unwrap();
    let (status, _, body) = http::answer(&mut stream);
    assert_eq!((status, body.as_str()), (400, "this path is no WebSocket\n"));
    witness.expect(36);
    router.wait_for("the transport to go", |_| peer.is_gone());
}

/// Section 11: a comment every `rest.stream.heartbeat`, so that nobody on the way takes the stream for dead.
#[test]
fn an_event_stream_that_has_nothing_to_tell_shows_that_it_lives() {
    let router = router(&["rest.stream.heartbeat=100ms"]);
    let peer = LongPollPeer::open_with(router.main(), "/wamp/sse", "wamp.2.json.sse", "");
    let path = format!("/wamp/sse/{}/receive", peer.id);
    let mut stream = ask(peer.port, "GET", &path, "Accept: text/event-stream\r\n", b"").0;
    assert_eq!(http::head(&mut stream).0, 200);
    let comments = BufReader::new(stream).lines().map(Result::unwrap).filter(|line| line == ":").take(4);
    assert_eq!(comments.count(), 4);
}

/// T4: what is refused by its head is not read, and the connection ends with the answer.
#[test]
fn a_body_that_nobody_wants_is_not_read() {
    let router = router(&[]);
    let peer = LongPollPeer::join(router.main());
    for (path, lines, status) in [
        ("/lp/nobody/send".to_owned(), "", 404),
        (format!("/wamp/longpoll/{}/send", peer.id), "Origin: https://evil.example\r\n", 403),
        (format!("/wamp/longpoll/{}/receive", peer.id), "Origin: https://evil.example\r\n", 403),
    ] {
        let mut stream = http::connect(router.main());
        let head = format!("POST {path} HTTP/1.1\r\nHost: localhost\r\n{lines}Content-Length: 100000000\r\n\r\n[");
        stream.write_all(head.as_bytes()).unwrap();
        let (answered, head) = http::head(&mut stream);
        assert_eq!((answered, head.contains("\r\nconnection: close\r\n")), (status, true), "{path}: {head}");
        http::rest(&mut stream);
    }
    assert!(!peer.is_gone());
}
