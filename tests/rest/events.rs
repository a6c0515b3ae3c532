//! Events as they are published. Section 10.1 of the HTTP design.

use crate::client::{basic, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use serde_json::json;

const EVENTS: &str = "/api/v1/events?topic=com.a";

/// The page of Events in docs/HTTP.md.
#[test]
fn an_event_stream_tells_what_is_published_with_topic_publication_and_id() {
    let router = Router::start();
    let mut stream = Stream::open(router.http(), "/api/v1/realms/main/events?topic=com.a&topic=com.b.*", &[]);
    let mut http = router.http();
    let published = http.post("/api/v1/publish/com.a", r#"{"args":[1.50],"kwargs":{"x":"\n"}}"#);
    let event = stream.next().unwrap();
    assert_eq!(stream.hello, "connected realm=main subscriptions=2");
    assert_eq!(stream.retry, Some(2000));
    assert_eq!(event.kind, "message");
    let id = published.json()["id"].clone();
    assert_eq!(
        event.data,
        json!({"topic": "com.a", "publication": id, "args": [1.5], "kwargs": {"x": "\n"}, "details": {}})
    );
    assert!(event.id.is_some());
    http.post("/api/v1/publish/com.b.c.d", r#"{"options":{"disclose_me":true}}"#);
    let data = stream.expect("message");
    assert_eq!((&data["topic"], &data["args"]), (&json!("com.b.c.d"), &json!([])));
    assert!(data["details"]["publisher"].is_u64(), "{data}");
}

/// What was published in MessagePack comes as JSON, and what has line ends comes on one line.
#[test]
fn data_is_one_line_whatever_was_published() {
    let router = Router::start();
    let mut stream = Stream::open(router.http(), EVENTS, &[]);
    let mut session = router.session();
    session.send_text("[16,1,{},\"com.a\",[1,\n2,\r\n\"a\\nb\"],\n{\"a\":\r1}]");
    let data = stream.expect("message");
    assert_eq!((&data["args"], &data["kwargs"]), (&json!([1, 2, "a\nb"]), &json!({"a": 1})));
}

/// All subscriptions are permitted before the head is sent; one refusal refuses the request, and names the topic.
#[test]
fn one_topic_that_is_refused_refuses_the_request_and_is_named() {
    let router = Router::start();
    let mut http = router.http();
    let response = http.get("/api/v1/events?topic=com.a&topic=com.secret.x");
    assert_eq!((response.status, &*response.error()), (403, "wamp.error.not_authorized"));
    assert!(response.detail().contains("topic 'com.secret.x'"), "{}", response.detail());
    // Nothing is left of it.
    assert_eq!(
        http.get("/metrics").body.lines().find(|line| line.starts_with("wharf_http_streams ")),
        Some("wharf_http_streams 0")
    );
}

#[test]
fn a_request_for_events_that_is_not_understood_is_told_what_was_expected() {
    let router = Router::start();
    let mut http = router.http();
    for (path, status) in [
        ("/api/v1/events", 400),
        ("/api/v1/events?topic=a*b", 400),
        ("/api/v1/events?topic=com.a&match=fuzzy", 400),
        ("/api/v1/events?topic=com.a&retained=yes", 400),
        ("/api/v1/events?topics=com.a", 400),
        ("/api/v1/realms/nope/events?topic=com.a", 404),
        ("/api/v1/realms/main/events/?topic=com.a", 404),
    ] {
        let response = http.get(path);
        assert_eq!(response.status, status, "{path} {}", response.body);
        response.error();
    }
    let response = http.request("GET", EVENTS, &[("Accept", "application/json")], "");
    assert_eq!(response.status, 406);
    let response = http.request("DELETE", EVENTS, &[], "");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, OPTIONS")));
    let response = http.request("OPTIONS", EVENTS, &[], "");
    assert_eq!((response.status, response.header("allow")), (204, Some("GET, OPTIONS")));
    let response = http.request("GET", EVENTS, &[("Authorization", &basic("ann", "wrong"))], "");
    assert_eq!(response.status, 401);
}

/// Section 10.1: `retained=1`.
#[test]
fn retained_events_come_first_where_they_are_asked_for() {
    let router = Router::start();
    let mut http = router.http();
    http.post("/api/v1/publish/com.a", r#"{"args":["kept"],"options":{"retain":true}}"#);
    let mut stream = Stream::open(router.http(), "/api/v1/events?topic=com.a&retained=1", &[]);
    let data = stream.expect("message");
    assert_eq!((&data["args"], &data["details"]), (&json!(["kept"]), &json!({"retained": true})));
}

/// Section 3: streams have sessions of their own.
#[test]
fn a_streams_session_is_seen_and_when_it_is_killed_the_stream_says_why_and_ends() {
    let router = Router::start();
    let mut session = router.session();
    session.subscribe("wamp.session.on_join");
    let ann = basic("ann", "s3cret");
    let mut stream = Stream::open(router.http(), EVENTS, &[("Authorization", &ann)]);
    let joined = session.expect(36)[4][0].clone();
    assert_eq!(joined["authid"], "ann");
    let id = joined["session"].clone();
    let details = session.call("wamp.session.get", &json!([id]));
    assert_eq!(details["transport"]["protocol"], "sse", "{details}");
    assert!(session.call("wamp.session.list", &json!([])).as_array().unwrap().contains(&id));
    let request = session.next_request();
    session.send(&json!([48, request, {}, "wamp.session.kill", [id], {"reason": "com.out", "message": "enough"}]));
    let problem = stream.expect("error");
    assert_eq!((&problem["error"], &problem["detail"]), (&json!("com.out"), &json!("enough")));
    stream.ends();
}

/// The session leaves with its reader.
#[test]
fn a_reader_that_hangs_up_takes_its_session_along() {
    let router = Router::start();
    let mut session = router.session();
    session.subscribe("wamp.session.on_leave");
    let stream = Stream::open(router.http(), EVENTS, &[]);
    drop(stream);
    session.expect(36);
    assert_eq!(session.call("wamp.session.count", &json!([])), 1);
}

/// A stream says that it lives.
#[test]
fn a_stream_with_nothing_to_tell_beats() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\nheartbeat = \"200ms\"\nretry = \"7s\""));
    let mut stream = Stream::open(router.http(), EVENTS, &[]);
    let lines: Vec<String> = (0..7).map(|_| stream.line().unwrap()).collect();
    assert_eq!(lines[1..], ["retry: 7000", "", ":", "", ":", ""]);
}

/// `rest.stream.max_streams`.
#[test]
fn over_the_most_streams_one_more_is_503() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\nmax_streams = 1"));
    let mut watcher = router.session();
    watcher.subscribe("wamp.session.on_leave");
    let stream = Stream::open(router.http(), EVENTS, &[]);
    let mut http = router.http();
    let response = http.get(EVENTS);
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    assert_eq!(response.error(), "wharf.error.overloaded");
    assert!(response.detail().contains("rest.stream.max_streams"), "{}", response.detail());
    let metrics = http.get("/metrics").body;
    for line in ["wharf_http_streams 1", "wharf_refused_total{reason=\"overload\"} 1"] {
        assert!(metrics.lines().any(|found| found == line), "{line}");
    }
    drop(stream);
    watcher.expect(36);
    Stream::open(http, EVENTS, &[]);
}

/// Section 10.1: drain.
#[test]
fn a_router_that_stops_says_bye() {
    let mut router = Router::start();
    let mut stream = Stream::open(router.http(), EVENTS, &[]);
    router.terminate();
    assert_eq!(stream.expect("bye"), json!({"reason": "wamp.close.system_shutdown"}));
    stream.ends();
    assert!(router.child.wait().unwrap().success());
}

/// A reload that takes the right to subscribe ends the stream, which names the topic.
#[test]
fn a_reload_that_takes_the_right_ends_the_stream() {
    let router = Router::start();
    let mut stream = Stream::open(router.http(), EVENTS, &[]);
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("deny = [\"com.secret.*\"]", "deny = [\"com.secret.*\", \"com.a\"]")).unwrap();
    router.reload();
    let problem = stream.expect("error");
    assert_eq!(problem["error"], "wamp.error.not_authorized", "{problem}");
    assert!(problem["detail"].as_str().unwrap().contains("topic 'com.a'"), "{problem}");
    stream.ends();
}

/// An event of two subscriptions is told once.
#[test]
fn an_event_that_two_topics_of_a_stream_match_is_told_once() {
    let router = Router::start();
    let mut stream = Stream::open(router.http(), "/api/v1/events?topic=com.b.a&topic=com.b.*", &[]);
    let mut http = router.http();
    for number in [1, 2] {
        http.request("POST", "/api/v1/publish/com.b.a", &[JSON], &format!("{{\"args\":[{number}]}}"));
    }
    assert_eq!(stream.expect("message")["args"], json!([1]));
    assert_eq!(stream.expect("message")["args"], json!([2]));
}
