//! What a stream tells again that was cut, and what a reader that does not read costs. Section 10.1 of the HTTP design.

use crate::client::{Http, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use serde_json::{json, Value};
use std::collections::BTreeSet;

/// A file that keeps `com.kept.*`.
fn keeping(limit: usize) -> String {
    format!(
        "{CONFIG}\n[realms.main.topics.\"com.kept.*\"]\nhistory = {{ limit = {limit}, durability = \"fsync\" }}\n\
         [storage]\nkind = \"redb\"\n[node]\ndata_dir = \"data\"\n"
    )
}

fn publish(http: &mut Http, topic: &str, number: u64) -> Value {
    let path = format!("/api/v1/publish/{topic}");
    let response = http.request("POST", &path, &[JSON], &format!("{{\"args\":[{number}]}}"));
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()["id"].clone()
}

fn number(data: &Value) -> u64 {
    data["args"][0].as_u64().unwrap()
}

/// Events may arrive again, never be lost; and they come in their order.
#[test]
fn a_stream_that_was_cut_goes_on_behind_the_last_id_and_nothing_is_missing() {
    let router = Router::with(&keeping(1000));
    let mut http = router.http();
    let path = "/api/v1/events?topic=com.kept.a&topic=com.kept.b.*";
    let mut stream = Stream::open(router.http(), path, &[]);
    publish(&mut http, "com.kept.a", 1);
    publish(&mut http, "com.kept.b.x", 2);
    assert_eq!(number(&stream.expect("message")), 1);
    assert_eq!(number(&stream.expect("message")), 2);
    let last = stream.last_id.clone().unwrap();
    drop(stream);
    // More than a page of both.
    for number in 3..=403 {
        publish(&mut http, if number % 2 == 0 { "com.kept.a" } else { "com.kept.b.y" }, number);
    }
    let mut stream = Stream::open(router.http(), path, &[("Last-Event-ID", &last)]);
    let mut seen = BTreeSet::new();
    let mut again = 0;
    while seen.len() < 401 {
        let event = stream.next().unwrap();
        // com.kept.a does not keep the last publication: its past is found by time, and reaches back.
        assert_eq!(event.kind, "message", "{event:?}");
        let at = number(&event.data);
        if at <= 2 {
            again += 1;
        } else {
            assert!(seen.insert(at), "{event:?}");
        }
        assert_eq!(
            event.data["topic"],
            if at == 1 || at.is_multiple_of(2) && at > 2 {
                "com.kept.a"
            } else if at == 2 {
                "com.kept.b.x"
            } else {
                "com.kept.b.y"
            }
        );
        assert!(event.id.is_some());
    }
    assert_eq!(seen, (3..=403).collect());
    assert!(again <= 2);
    publish(&mut http, "com.kept.a", 404);
    assert_eq!(number(&stream.expect("message")), 404);
}

/// A topic without history, or whose window does not reach back, has a gap before anything else.
#[test]
fn a_gap_says_that_nobody_knows_what_was_missed() {
    let router = Router::with(&keeping(3));
    let mut http = router.http();
    let path = "/api/v1/events?topic=com.kept.a&topic=com.lost";
    let mut stream = Stream::open(router.http(), path, &[]);
    publish(&mut http, "com.kept.a", 1);
    stream.expect("message");
    let last = stream.last_id.clone().unwrap();
    drop(stream);
    let mut stream = Stream::open(router.http(), path, &[("Last-Event-ID", &last)]);
    // The history of com.kept.a has the last event: only the other one has a gap.
    assert_eq!(stream.expect("gap"), json!({"topic": "com.lost", "missed": "unknown"}));
    drop(stream);
    for number in 2..=6 {
        publish(&mut http, "com.kept.a", number);
    }
    let mut stream = Stream::open(router.http(), path, &[("Last-Event-ID", &last)]);
    for topic in ["com.kept.a", "com.lost"] {
        assert_eq!(stream.expect("gap"), json!({"topic": topic, "missed": "unknown"}));
    }
    for left in 4..=6 {
        assert_eq!(number(&stream.expect("message")), left);
    }
    let mut stream = Stream::open(router.http(), path, &[("Last-Event-ID", "what?")]);
    for topic in ["com.kept.a", "com.lost"] {
        assert_eq!(stream.expect("gap"), json!({"topic": topic, "missed": "unknown"}));
    }
    publish(&mut http, "com.lost", 7);
    assert_eq!(number(&stream.expect("message")), 7);
}

/// What an EventSource does: it waits for `retry`, and asks again with the last id that it has got.
#[test]
fn an_event_source_goes_on_by_itself_across_a_restart_of_the_router() {
    let mut router = Router::with(&keeping(100));
    let path = "/api/v1/events?topic=com.kept.a";
    let mut stream = Stream::open(router.http(), path, &[]);
    publish(&mut router.http(), "com.kept.a", 1);
    assert_eq!(number(&stream.expect("message")), 1);
    let last = stream.last_id.clone().unwrap();
    router.restart();
    stream.expect("bye");
    stream.ends();
    publish(&mut router.http(), "com.kept.a", 2);
    let mut stream = Stream::open(router.http(), path, &[("Last-Event-ID", &last)]);
    assert_eq!(number(&stream.expect("message")), 2);
    publish(&mut router.http(), "com.kept.a", 3);
    assert_eq!(number(&stream.expect("message")), 3);
}

/// Whoever may subscribe may have told again what was missed, also without a right to call.
#[test]
fn history_is_told_to_those_who_may_subscribe() {
    let router = Router::with(&keeping(100).replace("call = [\"*\", \"wamp.*\"]", "call = []"));
    let mut http = router.http();
    let mut stream = Stream::open(router.http(), "/api/v1/events?topic=com.kept.a", &[]);
    publish(&mut http, "com.kept.a", 1);
    stream.expect("message");
    publish(&mut http, "com.kept.a", 2);
    let last = stream.last_id.clone().unwrap();
    let mut stream = Stream::open(router.http(), "/api/v1/events?topic=com.kept.a", &[("Last-Event-ID", &last)]);
    assert_eq!(number(&stream.expect("message")), 2);
}

/// A reader that does not read has its own bound; the others lose nothing.
#[test]
fn a_frozen_reader_is_cut_by_its_own_bound_and_others_lose_nothing() {
    let bound = "strict_request_ids = true\nqueue = { max_bytes = \"256KiB\", max_messages = 1000, stall = \"10m\", on_overflow = \"disconnect\" }";
    let router = Router::with(&CONFIG.replace("strict_request_ids = true", bound));
    let mut session = router.session();
    let mut frozen = Stream::open(router.http(), "/api/v1/events?topic=com.a", &[]);
    let mut reading = Stream::open(router.http(), "/api/v1/events?topic=com.a", &[]);
    session.subscribe("wamp.session.on_leave");
    let text = "x".repeat(16 << 10);
    let total = 1000;
    let reader = std::thread::spawn(move || {
        for at in 0..total {
            assert_eq!(number(&reading.expect("message")), at);
        }
    });
    let mut http = router.http();
    for at in 0..total {
        let body = format!("{{\"args\":[{at},\"{text}\"]}}");
        assert_eq!(http.request("POST", "/api/v1/publish/com.a", &[JSON], &body).status, 200);
    }
    reader.join().unwrap();
    // Its session is gone; what was under way it still gets, in order, and why it ended.
    session.expect(36);
    let mut at = 0;
    let ended = loop {
        let event = frozen.next().expect("the last words come before the end");
        if event.kind == "error" {
            break event.data;
        }
        assert_eq!(number(&event.data), at);
        at += 1;
    };
    assert_eq!(ended["error"], "wharf.error.slow_consumer");
    frozen.ends();
}

/// `drop_oldest`: the next event that comes is told with how many did not.
#[test]
fn with_drop_oldest_a_gap_says_how_many_were_missed() {
    let bound = "strict_request_ids = true\nqueue = { max_bytes = \"256KiB\", max_messages = 1000, stall = \"10m\", on_overflow = \"drop_oldest\" }";
    let router = Router::with(&CONFIG.replace("strict_request_ids = true", bound));
    let mut slow = Stream::open(router.http(), "/api/v1/events?topic=com.a", &[]);
    let mut http = router.http();
    let text = "x".repeat(16 << 10);
    let total = 1000;
    for at in 0..total {
        let body = format!("{{\"args\":[{at},\"{text}\"]}}");
        assert_eq!(http.request("POST", "/api/v1/publish/com.a", &[JSON], &body).status, 200);
    }
    let (mut next, mut missed) = (0, 0);
    while next < total {
        let event = slow.next().unwrap();
        if event.kind == "message" && number(&event.data) == total - 1 && missed == 0 {
            // All that was dropped was dropped before what waited last: it is told with the next one.
            assert!(next < total - 1, "nothing was dropped");
            let body = format!("{{\"args\":[{total}]}}");
            assert_eq!(http.request("POST", "/api/v1/publish/com.a", &[JSON], &body).status, 200);
        }
        if event.kind == "gap" {
            missed += event.data["missed"].as_u64().unwrap();
            continue;
        }
        next = number(&event.data).max(next);
    }
    assert!(missed > 0);
}
