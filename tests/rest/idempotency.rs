//! Requests that are carried out once, however often they are sent. Section 9 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::Router;
use serde_json::json;

const CALL: &str = "/api/v1/call/com.echo";

fn metric(router: &Router, name: &str) -> String {
    let text = router.http().get("/metrics").body;
    text.lines().find_map(|line| line.strip_prefix(name)).unwrap_or_default().trim().to_owned()
}

/// Section 9.
#[test]
fn a_retry_with_the_same_key_gets_the_stored_answer() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    let key = ("Idempotency-Key", "order-7");
    http.send("POST", CALL, &[JSON, key], r#"{"args":[1]}"#);
    callee.echo();
    let first = http.receive(false);
    assert_eq!((first.status, first.header("idempotency-replayed")), (200, None));
    let again = router.http().request("POST", CALL, &[JSON, key], r#"{"args":[1]}"#);
    assert_eq!((again.status, &again.body), (200, &first.body));
    assert_eq!(again.header("idempotency-replayed"), Some("true"));
    assert_eq!(again.header("content-type"), Some("application/json"));
    let other = http.request("POST", CALL, &[JSON, key], r#"{"args":[2]}"#);
    assert_eq!((other.status, &*other.error()), (422, "wharf.error.idempotency_key_reused"));
    // Another path, another caller and another key are something else.
    let ann = basic("ann", "s3cret");
    for (path, headers) in [
        ("/api/v1/realms/main/call/com.echo", vec![JSON, key]),
        (CALL, vec![JSON, key, ("Authorization", &*ann)]),
        (CALL, vec![JSON, ("Idempotency-Key", "order-8")]),
    ] {
        http.send("POST", path, &headers, r#"{"args":[3]}"#);
        assert_eq!(callee.echo()[4], json!([3]));
        assert_eq!(http.receive(false).status, 200);
    }
    assert_eq!(metric(&router, "wharf_idempotency_replays_total"), "1");
}

/// Section 9: 4xx are stored, with their bodies; 5xx are not.
#[test]
fn a_refusal_is_stored_and_a_failure_is_not() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    let key = ("Idempotency-Key", "k");
    http.send("POST", CALL, &[JSON, key], "{}");
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "wamp.error.runtime_error"]));
    assert_eq!(http.receive(false).status, 500);
    http.send("POST", CALL, &[JSON, key], "{}");
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out", ["none"]]));
    let first = http.receive(false);
    assert_eq!(first.error(), "com.shop.error.sold_out");
    let again = http.request("POST", CALL, &[JSON, key], "{}");
    assert_eq!((again.status, &again.body), (409, &first.body));
    assert_eq!(again.header("content-type"), Some("application/problem+json"));
}

/// Section 9: a hundred at once are one invocation.
#[test]
fn a_hundred_requests_with_one_key_are_one_invocation() {
    let router = Router::start();
    let mut callee = router.session();
    callee.register("com.echo");
    let (sender, answers) = std::sync::mpsc::channel();
    for _ in 0..100 {
        let (port, sender) = (router.port(0), sender.clone());
        std::thread::spawn(move || {
            let answer = Http::connect(port).request("POST", CALL, &[JSON, ("Idempotency-Key", "one")], "{}");
            // The test may have failed already.
            let _gone = sender.send((answer.status, answer.header("retry-after").map(ToOwned::to_owned)));
        });
    }
    let invocation = callee.invocation();
    for _ in 0..99 {
        assert_eq!(answers.recv().unwrap(), (409, Some("1".to_owned())));
    }
    callee.send(&json!([70, invocation[1], {}, ["once"]]));
    assert_eq!(answers.recv().unwrap(), (200, None));
    let mut http = router.http();
    let again = http.request("POST", CALL, &[JSON, ("Idempotency-Key", "one")], "{}");
    assert_eq!(again.body, r#"{"args":["once"],"kwargs":{}}"#);
    // The next invocation is the next request's.
    http.send("POST", CALL, &[JSON], r#"{"args":["other"]}"#);
    assert_eq!(callee.echo()[4], json!(["other"]));
}

/// Sections 4.1 and 9.
#[test]
fn a_call_with_a_key_runs_on_when_its_client_hangs_up_and_one_without_is_cancelled() {
    let router = Router::start();
    let mut callee = router.session();
    callee.register("com.echo");
    let key = ("Idempotency-Key", "k");
    let mut gone = router.http();
    gone.send("POST", CALL, &[JSON, key], "{}");
    let invocation = callee.invocation();
    drop(gone);
    // A second one, without a key, whose cancelling shows that the first client's going was seen.
    let mut gone = router.http();
    gone.send("POST", CALL, &[JSON], "{}");
    let second = callee.invocation();
    drop(gone);
    assert_eq!(callee.expect(69)[1], second[1]);
    let mut http = router.http();
    assert_eq!(http.request("POST", CALL, &[JSON, key], "{}").status, 409);
    callee.send(&json!([70, invocation[1], {}, ["kept"]]));
    let answer = loop {
        let answer = http.request("POST", CALL, &[JSON, key], "{}");
        if answer.status != 409 {
            break answer;
        }
    };
    assert_eq!(answer.body, r#"{"args":["kept"],"kwargs":{}}"#);
}

/// Section 9: batches and publishes, and keys that are none.
#[test]
fn a_key_covers_a_whole_batch_and_is_one_line_of_visible_characters() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    let (key, body) = (("Idempotency-Key", "b"), r#"{"items":[{"op":"publish","topic":"com.topic"}]}"#);
    let first = http.request("POST", "/api/v1/batch", &[JSON, key], body);
    let again = http.request("POST", "/api/v1/batch", &[JSON, key], body);
    assert_eq!((first.status, &first.body), (200, &again.body));
    http.request("POST", "/api/v1/publish/com.topic", &[JSON], r#"{"args":["next"]}"#);
    subscriber.expect(36);
    assert_eq!(subscriber.expect(36)[4], json!(["next"]));
    let long = "x".repeat(256);
    for bad in
        [&[("Idempotency-Key", "a b")][..], &[("Idempotency-Key", &long)], &[key, key], &[("Idempotency-Key", "")]]
    {
        assert_eq!(http.request("POST", CALL, bad, "").status, 400, "{bad:?}");
    }
}
