//! Events by polling. Section 10.2 of the HTTP design.

use crate::client::{basic, Http, Response, JSON};
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};

const POLL: &str = "/api/v1/poll?topic=com.a";

fn publish(http: &mut Http, topic: &str, number: u64) -> Value {
    let response =
        http.request("POST", &format!("/api/v1/publish/{topic}"), &[JSON], &format!("{{\"args\":[{number}]}}"));
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()["id"].clone()
}

fn cursor(response: &Response) -> String {
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()["cursor"].as_str().unwrap().to_owned()
}

/// Subscribes: the first cursor.
fn begin(http: &mut Http, path: &str) -> String {
    let response = http.get(path);
    let cursor = cursor(&response);
    assert_eq!(response.json(), json!({"events": [], "cursor": cursor, "gap": false}));
    cursor
}

fn with(cursor: &str) -> String {
    format!("{POLL}&cursor={cursor}&wait=20")
}

/// The first arguments of the events of an answer.
fn numbers(response: &Response) -> Vec<u64> {
    let events = response.json()["events"].clone();
    events.as_array().unwrap().iter().map(|event| event["args"][0].as_u64().unwrap()).collect()
}

/// The page of Polling in docs/HTTP.md.
#[test]
fn a_poll_begins_with_a_cursor_and_is_answered_as_soon_as_there_are_events() {
    let router = Router::start();
    let (mut http, mut publisher) = (router.http(), router.http());
    let path = "/api/v1/realms/main/poll?topic=com.a&topic=com.b.*";
    let first = begin(&mut http, path);
    http.send("GET", &format!("{path}&cursor={first}&wait=20"), &[], "");
    let id = publish(&mut publisher, "com.b.x", 1);
    let response = http.receive(false);
    let second = cursor(&response);
    assert_ne!(first, second);
    let event = json!({"topic": "com.b.x", "publication": id, "args": [1], "kwargs": {}, "details": {}});
    assert_eq!(response.json(), json!({"events": [event], "cursor": second, "gap": false}));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    // What is published between two requests is not lost.
    publish(&mut publisher, "com.a", 2);
    publish(&mut publisher, "com.a", 3);
    let mut seen = Vec::new();
    let mut cursor_now = second;
    while seen.len() < 2 {
        let response = http.get(&format!("{path}&cursor={cursor_now}&wait=20"));
        seen.extend(numbers(&response));
        cursor_now = cursor(&response);
    }
    assert_eq!(seen, [2, 3]);
}

/// A lost answer loses nothing.
#[test]
fn the_same_cursor_gives_the_same_events_again_and_a_new_one_confirms_them() {
    let router = Router::start();
    // Other connections may be of other threads.
    let (mut http, mut other, mut publisher) = (router.http(), router.http(), router.http());
    let first = begin(&mut http, POLL);
    publish(&mut publisher, "com.a", 1);
    let answer = http.get(&with(&first));
    assert_eq!(numbers(&answer), [1]);
    publish(&mut publisher, "com.a", 2);
    assert_eq!(other.get(&with(&first)).body, answer.body);
    let second = cursor(&answer);
    assert_eq!(numbers(&other.get(&with(&second))), [2]);
    // Confirmed is gone.
    let again = http.get(&with(&first)).json();
    assert_eq!((&again["events"], &again["gap"]), (&json!([]), &json!(true)));
}

/// Empty after `wait`, with the cursor that was asked with; at most `rest.stream.poll_wait`.
#[test]
fn without_events_the_answer_is_empty_after_the_wait() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\npoll_wait = \"100ms\""));
    let mut http = router.http();
    let first = begin(&mut http, POLL);
    for wait in ["", "&wait=0", "&wait=1000"] {
        let response = http.get(&format!("{POLL}&cursor={first}{wait}"));
        assert_eq!(response.json(), json!({"events": [], "cursor": first, "gap": false}), "{wait}");
    }
}

/// An unknown cursor subscribes anew and says that there is a gap: one of somebody else, of other topics, or of nobody.
#[test]
fn a_cursor_that_is_not_known_begins_anew_with_a_gap() {
    let router = Router::start();
    let (mut http, mut publisher) = (router.http(), router.http());
    let first = begin(&mut http, POLL);
    let ann = basic("ann", "s3cret");
    for (path, headers) in [
        (with("nonsense"), &[][..]),
        (with(&format!("{}-0", "0".repeat(32))), &[]),
        (with(&first), &[("Authorization", ann.as_str())]),
        (format!("/api/v1/poll?topic=com.b&cursor={first}&wait=20"), &[]),
    ] {
        let response = http.request("GET", &path, headers, "");
        let new = cursor(&response);
        assert_ne!(new, first);
        assert_eq!(response.json(), json!({"events": [], "cursor": new, "gap": true}), "{path}");
    }
    // Its owner still has it.
    publish(&mut publisher, "com.a", 1);
    assert_eq!(numbers(&http.get(&with(&first))), [1]);
}

/// `rest.stream.poll_idle`; with the cursor its session leaves.
#[test]
fn a_cursor_that_nobody_uses_expires_with_its_session() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\npoll_idle = \"100ms\""));
    let mut session = router.session();
    session.subscribe("wamp.session.on_join");
    session.subscribe("wamp.session.on_leave");
    let mut http = router.http();
    let first = begin(&mut http, POLL);
    let joined = session.expect(36)[4][0].clone();
    assert_eq!(session.expect(36)[4][0], joined["session"]);
    assert_eq!(http.get(&with(&first)).json()["gap"], true);
}

/// A second request with the same cursor ends the first with an empty answer.
#[test]
fn a_second_request_with_a_cursor_ends_the_first() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\npoll_wait = \"10m\""));
    let (mut http, mut other, mut publisher) = (router.http(), router.http(), router.http());
    let first = begin(&mut http, POLL);
    let empty = json!({"events": [], "cursor": first, "gap": false});
    http.send("GET", &format!("{POLL}&cursor={first}&wait=600"), &[], "");
    let waiting = std::thread::spawn(move || (http.receive(false), http));
    // One of them comes after it.
    while !waiting.is_finished() {
        assert_eq!(other.get(&format!("{POLL}&cursor={first}&wait=0")).json(), empty);
    }
    let (response, mut http) = waiting.join().unwrap();
    assert_eq!(response.json(), empty);
    http.send("GET", &with(&first), &[], "");
    publish(&mut publisher, "com.a", 1);
    assert_eq!(numbers(&http.receive(false)), [1]);
}

/// At most 1,000 events in one answer.
#[test]
fn many_events_come_in_several_answers_and_in_order() {
    let router = Router::start();
    let (mut http, mut session) = (router.http(), router.session());
    let mut at = begin(&mut http, POLL);
    for number in 0..2500 {
        session.send(&json!([16, number + 1, {}, "com.a", [number]]));
    }
    let mut seen = Vec::new();
    while seen.len() < 2500 {
        let response = http.get(&with(&at));
        let numbers = numbers(&response);
        assert!((1..=1000).contains(&numbers.len()), "{}", numbers.len());
        seen.extend(numbers);
        at = cursor(&response);
    }
    assert_eq!(seen, (0..2500).collect::<Vec<u64>>());
}

/// Section 3: a cursor has a session of its own. Who waits is told why it was ended; the next begins anew.
#[test]
fn a_cursors_session_is_seen_and_when_it_is_killed_whoever_waits_is_told() {
    let router = Router::start();
    let mut session = router.session();
    session.subscribe("wamp.session.on_join");
    let mut http = router.http();
    let first = begin(&mut http, POLL);
    let id = session.expect(36)[4][0]["session"].clone();
    let details = session.call("wamp.session.get", &json!([id]));
    assert_eq!(details["transport"]["protocol"], "poll", "{details}");
    http.send("GET", &with(&first), &[], "");
    let request = session.next_request();
    session.send(&json!([48, request, {}, "wamp.session.kill", [id], {"reason": "com.out", "message": "enough"}]));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error(), &*response.detail()), (503, "com.out", "enough"));
    assert_eq!(http.get(&with(&first)).json()["gap"], true);
}

/// A reload that takes the right to subscribe ends the cursor, and names the topic.
#[test]
fn a_reload_that_takes_the_right_ends_the_cursor() {
    let router = Router::start();
    let mut http = router.http();
    let first = begin(&mut http, POLL);
    http.send("GET", &with(&first), &[], "");
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deny = [\"com.secret.*\"]", "deny = [\"com.secret.*\", \"com.a\"]")).unwrap();
    router.reload();
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (403, "wamp.error.not_authorized"));
    assert!(response.detail().contains("topic 'com.a'"), "{}", response.detail());
}

/// What a reader that does not ask leaves unread is bounded by its queue; it goes on with a gap.
#[test]
fn a_cursor_that_was_too_slow_begins_anew_with_a_gap() {
    let bound = "strict_request_ids = true\nqueue = { max_bytes = \"256KiB\", max_messages = 1000 }";
    let router = Router::with(&CONFIG.replace("strict_request_ids = true", bound));
    let mut session = router.session();
    session.subscribe("wamp.session.on_leave");
    let (mut http, mut publisher) = (router.http(), router.http());
    let mut at = begin(&mut http, POLL);
    let text = "x".repeat(16 << 10);
    for number in 0..500 {
        let body = format!("{{\"args\":[{number},\"{text}\"]}}");
        assert_eq!(publisher.request("POST", "/api/v1/publish/com.a", &[JSON], &body).status, 200);
    }
    session.expect(36);
    let mut next = 0;
    loop {
        let response = http.get(&with(&at));
        at = cursor(&response);
        if response.json()["gap"] == true {
            break;
        }
        for number in numbers(&response) {
            assert_eq!(number, next);
            next += 1;
        }
    }
    assert!(next > 0 && next < 500, "{next}");
    publish(&mut publisher, "com.a", 500);
    assert_eq!(numbers(&http.get(&with(&at))), [500]);
}

#[test]
fn a_poll_that_is_not_understood_is_told_what_was_expected() {
    let router = Router::start();
    let mut http = router.http();
    for (path, status, detail) in [
        ("/api/v1/poll", 400, "topic"),
        ("/api/v1/poll?topic=com.a&wait=soon", 400, "wait must be a number of seconds, got \"soon\""),
        ("/api/v1/poll?topic=com.a&cursors=x", 400, "did you mean \"cursor\"?"),
        ("/api/v1/poll?topic=com.secret.x", 403, "topic 'com.secret.x'"),
        ("/api/v1/realms/nope/poll?topic=com.a", 404, "nope"),
    ] {
        let response = http.get(path);
        assert_eq!(response.status, status, "{path} {}", response.body);
        response.error();
        assert!(response.detail().contains(detail), "{}", response.detail());
    }
    assert_eq!(http.request("GET", POLL, &[("Accept", "text/event-stream")], "").status, 406);
    let response = http.request("POST", POLL, &[], "");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, OPTIONS")));
}

/// Section 10.2 and 14 of the limits: whoever waits is not waited for.
#[test]
fn a_router_that_stops_answers_whoever_waits() {
    let mut router = Router::start();
    let mut http = router.http();
    let first = begin(&mut http, POLL);
    http.send("GET", &with(&first), &[], "");
    router.terminate();
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (503, "wamp.close.system_shutdown"));
    assert!(router.child.wait().unwrap().success());
}
