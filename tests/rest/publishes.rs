//! Publishing. Section 4.2 of the HTTP design.

use crate::client::{basic, JSON};
use crate::router::Router;
use serde_json::json;

/// Section 4.2.
#[test]
fn a_publish_is_acknowledged_with_the_id_that_subscribers_see() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    for (path, body) in [
        ("/api/v1/publish/com.topic", r#"{"args":[1],"kwargs":{"a":2}}"#),
        (
            "/api/v1/realms/main/publish",
            r#"{"topic":"com.topic","args":[1],"kwargs":{"a":2},"options":{"acknowledge":true}}"#,
        ),
    ] {
        let response = http.post(path, body);
        assert_eq!(response.status, 200, "{}", response.body);
        let event = subscriber.expect(36);
        assert_eq!(response.json(), json!({"id": event[2]}));
        assert_eq!((&event[4], &event[5]), (&json!([1]), &json!({"a": 2})));
    }
}

/// Section 4.2: WAMP says nothing about a denied one either.
#[test]
fn a_publish_without_acknowledge_is_202_whatever_becomes_of_it() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    for topic in ["com.secret.x", "com.topic"] {
        let response = http.post(&format!("/api/v1/publish/{topic}"), r#"{"options":{"acknowledge":false}}"#);
        assert_eq!((response.status, &*response.body), (202, "{}"), "{topic}");
    }
    subscriber.expect(36);
    let denied = http.post("/api/v1/publish/com.secret.x", "");
    assert_eq!((denied.status, &*denied.error()), (403, "wamp.error.not_authorized"));
}

/// Section 4.2: the list options.
#[test]
fn a_publish_reaches_those_that_its_lists_let_through() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    let id = subscriber.id;
    for (options, reaches) in [
        (json!({"exclude": [id]}), false),
        (json!({"eligible": [id]}), true),
        (json!({"eligible": [1]}), false),
        (json!({"exclude_authrole": ["guest"]}), false),
        (json!({"eligible_authrole": ["guest"]}), true),
        (json!({"eligible_authid": ["nobody"]}), false),
        (json!({"exclude_authid": ["nobody"]}), true),
    ] {
        let sent = http.post("/api/v1/publish/com.topic", &json!({"args": [options], "options": options}).to_string());
        assert_eq!(sent.status, 200, "{options}");
        // What comes next shows whether the one before has come.
        let mark = http.post("/api/v1/publish/com.topic", r#"{"args":["mark"]}"#);
        assert_eq!(mark.status, 200);
        if reaches {
            assert_eq!(subscriber.expect(36)[4][0], options);
        }
        assert_eq!(subscriber.expect(36)[4][0], "mark", "{options}");
    }
}

/// Section 4.2.
#[test]
fn a_publisher_is_named_where_it_asks_for_that() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    let ann = basic("ann", "s3cret");
    let headers = [JSON, ("Authorization", &*ann)];
    let sent = http.request("POST", "/api/v1/publish/com.topic", &headers, r#"{"options":{"disclose_me":true}}"#);
    assert_eq!(sent.status, 200);
    assert_eq!(subscriber.expect(36)[3]["publisher_authid"], "ann");
}
