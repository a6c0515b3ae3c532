//! WAMP over HTTP long-poll and server-sent events. R119; section 11 of the HTTP design.

use crate::http;
use crate::longpoll_peer::{ask, try_ask, LongPollPeer};
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};
use std::io::{BufRead, BufReader};
use std::time::{Duration, Instant};

const TOPIC: &str = "com.example.topic";

/// [`CONFIG`] with long-poll, and more keys.
fn router(sets: &[&str]) -> Router {
    let config = CONFIG.replacen("\"websocket\",", "\"websocket\", \"longpoll\",", 1);
    Router::of(&config, sets)
}

/// R119.
#[test]
fn a_longpoll_session_opens_sends_receives_and_closes() {
    let router = router(&[]);
    let callee = LongPollPeer::open(router.main(), "wamp.2.json");
    let roles = json!({"roles": {"callee": {}, "caller": {}}});
    let sent = callee.post("send?x=123", json!([1, "realm1", roles]).to_string().as_bytes()).answer();
    assert_eq!((sent.status, sent.text().as_str()), (202, ""));
    let welcome = callee.post("receive?x=4", b"").answer();
    assert!(welcome.head.contains("content-type: application/json\r\n"), "{}", welcome.head);
    assert!(welcome.head.contains("cache-control: no-store\r\n"), "{}", welcome.head);
    assert_eq!(welcome.json()[0], 2);
    callee.post("send", br#"[64,1,{},"com.example.served"]"#).answer();
    assert_eq!(callee.post("receive", b"").answer().json()[0], 65);
    // A request waits, and is answered at once when there is something.
    let waiting = callee.post("receive", b"");
    let mut caller = router.session();
    caller.call("com.example.served", &json!([7]));
    let invocation = waiting.answer().json();
    assert_eq!((invocation[0].as_u64(), &invocation[4]), (Some(68), &json!([7])));
    callee.post("send", json!([70, invocation[1], {}, [8]]).to_string().as_bytes()).answer();
    assert_eq!(caller.expect(50)[3], json!([8]));
    let session = welcome.json()[1].clone();
    caller.call("wamp.session.get", &json!([session]));
    let transport = caller.expect(50)[3][0]["transport"].clone();
    assert_eq!((transport["type"].as_str(), transport["protocol"].as_str()), (Some("longpoll"), Some("wamp.2.json")));
    let waiting = callee.post("receive", b"");
    assert_eq!(callee.post("close", b"").answer().status, 202);
    assert!(matches!(waiting.answer().status, 204 | 404), "the request that waited has its end");
    assert!(callee.is_gone());
    for what in ["send", "close"] {
        assert_eq!(callee.post(what, b"[1]").answer().status, 404, "{what}");
    }
    caller.call("com.example.served", &json!([]));
    assert_eq!(caller.expect(8)[4], "wamp.error.no_such_procedure");
}

/// One message as the protocol has it, and one such message out of a batch.
fn written(protocol: &str, message: &Value) -> Vec<u8> {
    let encoded = match protocol.split('.').nth(2).unwrap() {
        "json" => message.to_string().into_bytes(),
        "msgpack" => rmp_serde::to_vec(message).unwrap(),
        _ => cbor4ii::serde::to_vec(Vec::new(), message).unwrap(),
    };
    match (protocol.ends_with(".batched"), protocol.contains("json")) {
        (false, _) => encoded,
        (true, true) => [&encoded[..], b"\x1e"].concat(),
        (true, false) => [&(encoded.len() as u32).to_be_bytes()[..], &encoded].concat(),
    }
}

fn read(protocol: &str, body: &[u8]) -> Vec<Value> {
    let mut rest = body;
    let mut messages = Vec::new();
    while !rest.is_empty() {
        let (one, after) = match (protocol.ends_with(".batched"), protocol.contains("json")) {
            (false, _) => (rest, &b""[..]),
            (true, true) => {
                let end = rest.iter().position(|octet| *octet == 0x1e).unwrap();
                (&rest[..end], &rest[end + 1..])
            }
            (true, false) => {
                let (length, rest) = rest.split_first_chunk::<4>().unwrap();
                rest.split_at(u32::from_be_bytes(*length) as usize)
            }
        };
        rest = after;
        messages.push(match protocol.split('.').nth(2).unwrap() {
            "json" => serde_json::from_slice(one).unwrap(),
            "msgpack" => rmp_serde::from_slice(one).unwrap(),
            _ => cbor4ii::serde::from_slice(one).unwrap(),
        });
    }
    messages
}

/// R119, R111.
#[test]
fn every_serialization_is_spoken_with_and_without_batches() {
    let router = router(&[]);
    for serialization in ["json", "msgpack", "cbor"] {
        for protocol in [format!("wamp.2.{serialization}"), format!("wamp.2.{serialization}.batched")] {
            let peer = LongPollPeer::open(router.main(), &protocol);
            let hello = written(&protocol, &json!([1, "realm1", {"roles": {"publisher": {}, "subscriber": {}}}]));
            assert_eq!(peer.post("send", &hello).answer().status, 202, "{protocol}");
            let welcome = peer.post("receive", b"").answer();
            let kind = if serialization == "json" { "application/json" } else { "application/octet-stream" };
            assert!(welcome.head.contains(&format!("content-type: {kind}\r\n")), "{}", welcome.head);
            assert_eq!(read(&protocol, &welcome.body)[0][0], 2, "{protocol}");
            let mine = json!({"exclude_me": false, "acknowledge": true});
            let messages =
                [json!([32, 1, {}, TOPIC]), json!([16, 2, mine, TOPIC, ["a"]]), json!([16, 3, mine, TOPIC, ["b"]])];
            let bodies = messages.map(|message| written(&protocol, &message));
            if protocol.ends_with(".batched") {
                assert_eq!(peer.post("send", &bodies.concat()).answer().status, 202, "{protocol}");
            } else {
                bodies.iter().for_each(|body| assert_eq!(peer.post("send", body).answer().status, 202, "{protocol}"));
            }
            let mut received = Vec::new();
            while received.len() < 5 {
                let answer = peer.post("receive", b"").answer();
                assert_eq!(answer.status, 200, "{protocol}");
                let batch = read(&protocol, &answer.body);
                assert!(batch.len() == 1 || protocol.ends_with(".batched"), "{protocol}: {batch:?}");
                received.extend(batch);
            }
            let mut codes: Vec<_> = received.iter().map(|message| message[0].as_u64().unwrap()).collect();
            codes.sort_unstable();
            assert_eq!(codes, [17, 17, 33, 36, 36], "{protocol}: {received:?}");
        }
    }
}

/// R119.
#[test]
fn what_is_wrong_with_a_request_has_its_status() {
    let router = router(&[]);
    let port = router.main();
    let peer = LongPollPeer::join(port);
    let id = &peer.id;
    for (method, path, body, status, part) in [
        (
            "POST",
            "/wamp/longpoll/open".to_owned(),
            r#"{"protocols":["soap"]}"#,
            400,
            "supported protocols: wamp.2.json,",
        ),
        ("POST", "/lp/open".to_owned(), "{", 400, "supported protocols: wamp.2.json,"),
        ("POST", "/lp/open".to_owned(), &" ".repeat(5000), 413, "at most 4096 octets"),
        ("GET", "/lp/open".to_owned(), "", 405, "this path takes OPTIONS, POST"),
        ("PUT", format!("/lp/{id}/receive"), "", 405, "this path takes GET, OPTIONS, POST"),
        ("GET", format!("/lp/{id}/receive"), "", 405, "this path takes OPTIONS, POST"),
        ("POST", "/lp/nobody/send".to_owned(), "[1]", 404, "open another one"),
        ("POST", "/lp/nobody/receive".to_owned(), "", 404, "open another one"),
        ("POST", "/lp/nobody/close".to_owned(), "", 404, "open another one"),
        ("POST", "/lp".to_owned(), "", 404, "long-poll opens with POST /lp/open, /wamp/longpoll/open"),
    ] {
        let answer = ask(port, method, &path, "", body.as_bytes()).answer();
        assert_eq!(answer.status, status, "{method} {path}: {}", answer.text());
        assert!(answer.text().contains(part), "{method} {path}: {}", answer.text());
        assert_eq!(answer.head.contains("\r\nallow: "), status == 405, "{}", answer.head);
    }
    assert!(!peer.is_gone());
}

/// R119: 400 for what cannot be read, and the session is aborted; P1, T4.
#[test]
fn a_body_that_is_no_message_is_400_and_ends_the_session() {
    let router = router(&[]);
    for (body, status) in
        [(&b"nonsense\x1e"[..], 400), (b"[1,2", 400), (b"", 400), (b"[16,1,{}]\x1e", 400), (&[b' '; 2 << 20], 413)]
    {
        let mut peer = LongPollPeer::join(router.main());
        assert_eq!(peer.post("send", body).answer().status, status, "{:?}", &body[..body.len().min(20)]);
        assert_eq!(peer.expect(3)[2], "wamp.error.protocol_violation");
        router.wait_for("the transport to go", |_| peer.is_gone());
        // Autobahn|JS closes after an ABORT too.
        assert_eq!([202, 404], [0, 1].map(|_| peer.post("close", b"").answer().status));
    }
}

/// T4: the bound before WELCOME.
#[test]
fn a_message_before_welcome_is_smaller() {
    let router = router(&[]);
    let peer = LongPollPeer::open(router.main(), "wamp.2.json");
    assert_eq!(peer.post("send", &[b' '; 20_000]).answer().status, 413);
    assert_eq!(router.refused("message_too_big"), 1);
    let peer = LongPollPeer::join(router.main());
    let large = json!([16, 1, {}, TOPIC, ["x".repeat(500_000)]]);
    peer.send(&large);
}

/// R119: the times are Crossbar's.
#[test]
fn an_idle_receive_is_answered_empty() {
    let router = router(&["listeners.main.longpoll.receive_timeout=200ms"]);
    let mut peer = LongPollPeer::join(router.main());
    let start = Instant::now();
    let answer = peer.post("receive", b"").answer();
    assert_eq!((answer.status, answer.body.len()), (204, 0));
    assert!(start.elapsed() >= Duration::from_millis(200));
    let request = peer.next_request();
    peer.send(&json!([32, request, {}, TOPIC]));
    peer.expect(33);
}

/// R119.
#[test]
fn a_second_receive_ends_the_first() {
    let router = router(&[]);
    let mut peer = LongPollPeer::join(router.main());
    let first = peer.post("receive", b"");
    // The first has begun to wait for sure when the second has been told something.
    let mut second = peer.post("receive", b"");
    let request = peer.next_request();
    peer.send(&json!([32, request, {}, TOPIC]));
    let (one, other) = (first.answer(), second_answer(&mut second));
    // Which of two connections is first is the network's affair.
    let mut statuses = [one.status, other.0];
    statuses.sort_unstable();
    assert_eq!(statuses, [200, 204]);
    assert!(format!("{}{}", one.text(), other.1).contains("[33,"));
}

fn second_answer(asked: &mut crate::longpoll_peer::Asked) -> (u16, String) {
    let (status, _, body) = http::answer(&mut asked.0);
    (status, body)
}

/// R119: a transport without requests is lost.
#[test]
fn without_requests_the_session_is_lost() {
    let router = router(&["listeners.main.longpoll.session_timeout=1s", "listeners.main.longpoll.receive_timeout=3s"]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let peer = LongPollPeer::join(router.main());
    // As long as a request waits, it is there.
    assert_eq!(peer.post("receive", b"").answer().status, 204);
    let start = Instant::now();
    witness.expect(36);
    let elapsed = start.elapsed();
    assert!(elapsed >= Duration::from_millis(900) && elapsed < Duration::from_secs(10), "{elapsed:?}");
    assert!(peer.is_gone());
}

/// Section 11: what Autobahn|JS takes for success.
#[test]
fn on_its_own_path_success_without_a_body_is_204() {
    let router = router(&[]);
    let peer = LongPollPeer::open_with(router.main(), "/lp", "wamp.2.json", "");
    let hello = json!([1, "realm1", {"roles": {"caller": {}}}]).to_string();
    assert_eq!(peer.post("send", hello.as_bytes()).answer().status, 204);
    assert_eq!(peer.post("receive", b"").answer().json()[0], 2);
    assert_eq!(peer.post("close", b"").answer().status, 204);
}

/// An EventSource as far as it is needed here: each event's name and data.
struct EventSource {
    lines: BufReader<std::net::TcpStream>,
}

impl EventSource {
    fn open(peer: &LongPollPeer) -> Self {
        let path = format!("{}/{}/receive", peer.base, peer.id);
        let mut asked = ask(peer.port, "GET", &path, "Accept: text/event-stream\r\n", b"");
        let (status, head) = http::head(&mut asked.0);
        assert_eq!(status, 200, "{head}");
        assert!(head.contains("content-type: text/event-stream\r\n"), "{head}");
        Self { lines: BufReader::new(asked.0) }
    }

    /// The next event; `None` at the end. Chunks of the transfer encoding are lines of their own, which are no fields.
    fn next(&mut self) -> Option<(String, Value)> {
        let (mut name, mut data) = (String::new(), String::new());
        loop {
            let mut line = String::new();
            if self.lines.read_line(&mut line).unwrap() == 0 || line == "0\r\n" {
                return None;
            }
            let line = line.trim_end_matches(['\r', '\n']);
            if let Some(value) = line.strip_prefix("event: ") {
                name = value.to_owned();
            } else if let Some(value) = line.strip_prefix("data: ") {
                data = value.to_owned();
            } else if line.is_empty() && !data.is_empty() {
                return Some((name, serde_json::from_str(&data).unwrap()));
            }
        }
    }

    fn expect(&mut self, code: u64) -> Value {
        let (name, message) = self.next().unwrap();
        assert_eq!((name.as_str(), message[0].as_u64()), ("wamp", Some(code)), "{message}");
        message
    }
}

/// Section 7.5 of the reference.
#[test]
fn a_session_is_received_as_an_event_stream() {
    let router = router(&[]);
    let peer = LongPollPeer::open_with(router.main(), "/wamp/sse", "wamp.2.json.sse", "");
    assert_eq!(peer.post("receive", b"").answer().status, 405);
    let mut events = EventSource::open(&peer);
    let send = |message: Value| assert_eq!(peer.post("send", message.to_string().as_bytes()).answer().status, 202);
    send(json!([1, "realm1", {"roles": {"publisher": {}, "subscriber": {}}}]));
    events.expect(2);
    send(json!([32, 1, {}, TOPIC]));
    events.expect(33);
    let mut publisher = router.session();
    // White space of the publisher's JSON does not break the line.
    for number in 1..=3 {
        publisher.text(&format!("[16, {number}, {{}}, {TOPIC:?}, [\n{number}\r\n]]"));
        assert_eq!(events.expect(36)[4], json!([number]));
    }
    // Cut and opened again, it goes on with the next message.
    drop(events);
    publisher.text(&format!("[16, 4, {{}}, {TOPIC:?}, [4]]"));
    publisher.lives();
    let mut events = EventSource::open(&peer);
    assert_eq!(events.expect(36)[4], json!([4]));
    let mut another = EventSource::open(&peer);
    assert_eq!(events.next(), None, "the second stream has ended the first");
    publisher.text(&format!("[16, 5, {{}}, {TOPIC:?}, [5]]"));
    assert_eq!(another.expect(36)[4], json!([5]));
    assert_eq!(peer.post("close", b"").answer().status, 202);
    assert_eq!(another.next(), None);
    assert!(peer.is_gone());
}

/// T8; section 11.
#[test]
fn pages_of_other_origins_are_refused_unless_listed() {
    let router = router(&["listeners.main.websocket.allowed_origins=[\"https://shop.example\"]"]);
    let port = router.main();
    let offer = br#"{"protocols":["wamp.2.json"]}"#;
    let foreign = ask(port, "POST", "/lp/open", "Origin: https://evil.example\r\n", offer).answer();
    assert_eq!(foreign.status, 403);
    assert!(!foreign.head.contains("access-control-allow-origin"), "{}", foreign.head);
    assert_eq!(router.refused("origin"), 1);
    let peer = LongPollPeer::open_with(port, "/lp", "wamp.2.json", "Origin: https://shop.example\r\n");
    let stolen = ask(port, "POST", &format!("/lp/{}/close", peer.id), "Origin: https://evil.example\r\n", b"").answer();
    assert_eq!(stolen.status, 403);
    for asked in [
        ask(port, "OPTIONS", "/lp/open", "Origin: https://shop.example\r\n", b""),
        ask(port, "OPTIONS", "/lp/x/receive", "Origin: https://shop.example\r\n", b""),
        peer.post("close", b""),
        peer.post("close", b""),
    ] {
        let answer = asked.answer();
        let head = &answer.head;
        assert!(head.contains("access-control-allow-origin: https://shop.example\r\n"), "{head}");
        assert!(
            head.contains("access-control-allow-credentials: true\r\n") && head.contains("vary: origin\r\n"),
            "{head}"
        );
        let is_preflight = answer.head.contains("access-control-allow-methods: get, post\r\n");
        assert_eq!(is_preflight, answer.head.contains("\r\nallow: "), "{head}");
    }
}

/// Section 11.7 of the reference: as by an upgrade.
#[test]
fn a_browser_is_remembered_by_its_cookie() {
    let config = CONFIG.replacen("\"websocket\",", "\"websocket\", \"longpoll\",", 1);
    let router = Router::of(&format!("{config}\n[realms.realm1.auth.cookie]\n"), &[]);
    let offer = br#"{"protocols":["wamp.2.json.batched"]}"#;
    // The cookie, and a peer with the id.
    let open = |shown: &str| {
        let mut stream = ask(router.main(), "POST", "/wamp/longpoll/open", shown, offer).0;
        let (_, head) = http::head_as_sent(&mut stream);
        let line = head.lines().find_map(|line| line.strip_prefix("set-cookie: wharf=")).unwrap();
        assert!(line.contains("HttpOnly; SameSite=Strict"), "{line}");
        let said = serde_json::from_reader::<_, Value>(stream).unwrap();
        let mut peer = LongPollPeer::open(router.main(), "wamp.2.json.batched");
        said["transport"].as_str().unwrap().clone_into(&mut peer.id);
        (line.split(';').next().unwrap().to_owned(), peer)
    };
    let (cookie, mut peer) = open("");
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "joe"}]));
    peer.expect(4);
    peer.send(&json!([5, "s3cret", {}]));
    peer.expect(2);
    let (_, mut again) = open(&format!("Cookie: wharf={cookie}\r\n"));
    again.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["cookie"]}]));
    assert_eq!(again.expect(2)[2]["authid"], "joe");
}

/// Section 11: an id alone is not enough where its opener has shown more.
#[test]
fn an_id_is_bound_to_the_credential_that_opened_it() {
    let router = router(&[]);
    let mut peer = LongPollPeer::open_with(
        router.main(),
        "/wamp/longpoll",
        "wamp.2.json.batched",
        "Authorization: Basic YTpi\r\n",
    );
    peer.hello();
    let lines = std::mem::take(&mut peer.lines);
    assert!(peer.is_gone());
    "Authorization: Basic YTpj\r\n".clone_into(&mut peer.lines);
    assert!(peer.is_gone());
    peer.lines = lines;
    let request = peer.next_request();
    peer.send(&json!([32, request, {}, TOPIC]));
    peer.expect(33);
}

/// T2: a transport is a connection, whatever sockets its requests come by.
#[test]
fn transports_count_as_connections() {
    let router = router(&["listeners.main.max_connections=8", "limits.handshake_timeout=60s"]);
    let offer = br#"{"protocols":["wamp.2.json"]}"#;
    let mut opened = Vec::new();
    // Seven are as many as there may be beside the connection of the request itself. That of the one before may linger.
    router.wait_for("all places to be taken", |router| {
        let Some(answer) = try_ask(router.main(), "/lp/open", offer) else { return false };
        if answer.status == 200 {
            opened.push(answer.json()["transport"].as_str().unwrap().to_owned());
            return false;
        }
        assert_eq!((answer.status, answer.head.contains("\r\nretry-after: ")), (503, true));
        opened.len() >= 7
    });
    assert_eq!(opened.len(), 7);
    let close = format!("/wamp/longpoll/{}/close", opened[0]);
    router.wait_for("the last request to go", |router| {
        try_ask(router.main(), &close, b"").is_some_and(|answer| answer.status == 202)
    });
    router.wait_for("a free place", |router| {
        try_ask(router.main(), "/lp/open", offer).is_some_and(|answer| answer.status == 200)
    });
}

/// T1.
#[test]
fn a_transport_without_hello_is_aborted() {
    let router = router(&["limits.handshake_timeout=500ms"]);
    let mut peer = LongPollPeer::open(router.main(), "wamp.2.json.batched");
    assert_eq!(peer.expect(3)[2], "wharf.error.handshake_timeout");
    router.wait_for("the transport to go", |_| peer.is_gone());
    assert_eq!(router.refused("handshake_timeout"), 1);
}

/// S1: who does not receive is cut; what it did not receive is bounded meanwhile.
#[test]
fn a_peer_that_does_not_receive_is_cut_as_a_slow_consumer() {
    let router = router(&["realms.realm1.queue.max_messages=20"]);
    let mut witness = router.session();
    witness.subscribe("wamp.session.on_leave");
    let mut slow = LongPollPeer::join(router.main());
    let request = slow.next_request();
    slow.send(&json!([32, request, {}, TOPIC]));
    slow.expect(33);
    let mut publisher = router.session();
    for number in 1..=40 {
        publisher.send(&json!([16, number, {"acknowledge": true}, TOPIC, ["x".repeat(1000)]]));
        publisher.expect(17);
    }
    witness.expect(36);
    assert_eq!(router.refused("slow_consumer"), 1);
    router.wait_for("the transport to go", |_| slow.is_gone());
}

/// Section 14 of the limits.
#[test]
fn a_stopping_router_tells_whoever_receives() {
    let mut router = router(&[]);
    let peer = LongPollPeer::join(router.main());
    let waiting = peer.post("receive", b"");
    router.terminate();
    let said = waiting.answer().text();
    assert!(said.contains("wamp.close.system_shutdown"), "{said}");
    assert!(router.ended().success());
}

/// Sessions of it are killed as all others are.
#[test]
fn a_killed_session_hears_goodbye_and_its_id_ends() {
    let router = router(&[]);
    let mut peer = LongPollPeer::open(router.main(), "wamp.2.json.batched");
    peer.send(&json!([1, "realm1", {"roles": {"caller": {}}}]));
    let session = peer.expect(2)[1].clone();
    let mut killer = router.session();
    let waiting = peer.post("receive", b"");
    killer.call("wamp.session.kill", &json!([session]));
    killer.expect(50);
    assert!(waiting.answer().text().starts_with("[6,"));
    peer.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    router.wait_for("the transport to go", |_| peer.is_gone());
}

/// docs/LONGPOLL.md: its requests, as they stand there.
#[test]
fn the_documented_requests_are_answered_as_documented() {
    let router = router(&[]);
    let text = include_str!("../../docs/LONGPOLL.md");
    let requests: Vec<_> = text.lines().filter(|line| line.starts_with("curl ")).collect();
    let mut answers = Vec::new();
    let mut id = String::new();
    for line in &requests {
        let body = line.split('\'').nth(1).unwrap_or_default();
        let (_, path) = line.rsplit_once("127.0.0.1:8080").unwrap();
        // The id of the example is another one here.
        let path = path.replace("R3G9mK0xQb6gV0b9Zq1mXw", &id);
        if line.starts_with("curl -N ") {
            let asked = ask(router.main(), "GET", &path, "", b"");
            let mut lines = BufReader::new(asked.0).lines().map_while(Result::ok);
            assert!(lines.any(|line| line.starts_with("data: [2,")), "the stream has no WELCOME");
            answers.push((200, String::new()));
            continue;
        }
        let answer = ask(router.main(), "POST", &path, "", body.as_bytes()).answer();
        if path.ends_with("/open") {
            id = answer.json()["transport"].as_str().unwrap().to_owned();
        }
        answers.push((answer.status, answer.text()));
    }
    let statuses: Vec<_> = answers.iter().map(|(status, _)| *status).collect();
    assert_eq!(statuses, [200, 202, 200, 202, 200, 202, 200]);
    assert!(answers[0].1.starts_with("{\"protocol\":\"wamp.2.json\",\"transport\":\""), "{}", answers[0].1);
    assert!(answers[2].1.starts_with("[2,"), "{}", answers[2].1);
}
