//! Events of the past by topic. Section 4.5 of the HTTP design.

use crate::client::Http;
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};

/// A file that keeps `com.kept.*`, and events that nobody may subscribe to.
fn keeping() -> Router {
    let history = "history = { limit = 100, durability = \"memory\" }";
    Router::with(&format!(
        "{CONFIG}\n[realms.main.topics.\"com.kept.*\"]\n{history}\n[realms.main.topics.\"com.secret.*\"]\n{history}\n"
    ))
}

fn publish(http: &mut Http, topic: &str, number: u64) -> Value {
    let response = http.post(&format!("/api/v1/publish/{topic}"), &format!("{{\"args\":[{number}]}}"));
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()["id"].clone()
}

fn numbers(answer: &Value) -> Vec<u64> {
    answer["events"].as_array().unwrap().iter().map(|event| event["args"][0].as_u64().unwrap()).collect()
}

/// The page of History in docs/HTTP.md.
#[test]
fn the_history_of_a_topic_is_told_with_the_arguments_of_get_events() {
    let router = keeping();
    let mut http = router.http();
    let ids: Vec<Value> = (1..=4).map(|number| publish(&mut http, "com.kept.a", number)).collect();
    publish(&mut http, "com.kept.b", 5);
    let response = http.get("/api/v1/realms/main/history/com.kept.a?limit=3");
    assert_eq!(response.status, 200, "{}", response.body);
    assert_eq!(response.header("cache-control"), Some("no-store"));
    let told = response.json();
    assert_eq!(numbers(&told), [1, 2, 3]);
    // The limit that was asked for is not the store's own.
    assert_eq!(told["limit_reached"], false);
    let mut first = told["events"][0].clone();
    assert!(first["timestamp"].as_str().unwrap().contains('T'), "{first}");
    first.as_object_mut().unwrap().remove("timestamp");
    assert_eq!(first, json!({"publication": ids[0], "topic": "com.kept.a", "args": [1], "kwargs": {}, "details": {}}));
    let mut ask = |query: &str| http.get(&format!("/api/v1/history/{query}")).json();
    assert_eq!(numbers(&ask(&format!("com.kept.a?after_publication={}", ids[2]))), [4]);
    assert_eq!(numbers(&ask("com.kept.a?reverse=1&limit=2")), [4, 3]);
    assert_eq!(numbers(&ask("com.kept.?match=prefix&topic=com.kept.b")), [5]);
    assert_eq!(ask("com.kept.?match=prefix")["events"][4]["topic"], "com.kept.b");
    assert_eq!(ask("com.kept.never"), json!({"events": [], "limit_reached": false}));
}

/// Section 7.
#[test]
fn history_is_told_in_the_serialization_that_is_asked_for() {
    let router = keeping();
    let mut http = router.http();
    publish(&mut http, "com.kept.a", 7);
    http.send("GET", "/api/v1/history/com.kept.a", &[("Accept", "application/cbor")], "");
    let response = http.receive(false);
    assert_eq!((response.status, response.header("content-type")), (200, Some("application/cbor")));
    let response = http.request("GET", "/api/v1/history/com.kept.a", &[("Accept", "text/html")], "");
    assert_eq!(response.status, 406);
}

/// The right to subscribe is asked before anything is said of the topic.
#[test]
fn history_is_told_to_those_alone_who_may_subscribe_and_a_topic_without_is_404() {
    let router = keeping();
    let mut http = router.http();
    for (path, status, error) in [
        ("com.secret.a", 403, "wamp.error.not_authorized"),
        ("com.other", 404, "wamp.error.no_such_subscription"),
        ("com.kept.a?limit=0", 400, "wamp.error.invalid_argument"),
        ("com.kept.a?from_time=yesterday", 400, "wamp.error.invalid_argument"),
    ] {
        let response = http.get(&format!("/api/v1/history/{path}"));
        assert_eq!((response.status, &*response.error()), (status, error), "{path}: {}", response.body);
    }
    for (path, status) in [("history/com.kept.a?limits=1", 400), ("history/com.kept.a/", 404), ("history", 404)] {
        assert_eq!(http.get(&format!("/api/v1/{path}")).status, status, "{path}");
    }
    assert_eq!(http.get("/api/v1/realms/nope/history/com.kept.a").status, 404);
    let response = http.request("POST", "/api/v1/history/com.kept.a", &[], "");
    assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
}
