//! Many calls and publishes in one request. Section 4.3 of the HTTP design.

use crate::client::JSON;
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};

const BATCH: &str = "/api/v1/batch";

fn statuses(answer: &Value) -> Vec<u64> {
    answer["results"].as_array().unwrap().iter().map(|item| item["status"].as_u64().unwrap()).collect()
}

/// Section 4.3.
#[test]
fn an_ordered_batch_sends_each_item_when_the_one_before_is_answered() {
    let router = Router::start();
    let (mut http, mut callee, mut subscriber) = (router.http(), router.session(), router.session());
    callee.register("com.one");
    callee.register("com.two");
    subscriber.subscribe("com.topic");
    let body = r#"{"items":[{"op":"call","procedure":"com.one","args":[1]},{"op":"publish","topic":"com.topic"},
        {"op":"call","procedure":"com.nope"},{"op":"call","procedure":"com.two","kwargs":{"a":2}}]}"#;
    http.send("POST", BATCH, &[JSON], body);
    // The first is answered although the last has the same callee: only one is under way.
    let first = callee.invocation();
    assert_eq!(first[4], json!([1]));
    callee.send(&json!([70, first[1], {}, ["first"]]));
    subscriber.expect(36);
    assert_eq!(callee.echo()[5], json!({"a": 2}));
    let answer = http.receive(false);
    assert_eq!(answer.status, 200);
    let answer = answer.json();
    assert_eq!(statuses(&answer), [200, 200, 404, 200]);
    assert_eq!(answer["results"][0]["body"], json!({"args": ["first"], "kwargs": {}}));
    assert!(answer["results"][1]["body"]["id"].is_u64());
    assert_eq!(answer["results"][2]["body"]["error"], "wamp.error.no_such_procedure");
    assert_eq!(answer["results"][3]["body"], json!({"args": [], "kwargs": {"a": 2}}));
}

/// Section 4.3.
#[test]
fn a_parallel_batch_is_sent_in_order_and_answered_together() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    let item = |n: usize| json!({"op": "call", "procedure": "com.echo", "args": [n]});
    let items: Vec<Value> = (0..50).map(item).collect();
    http.send("POST", BATCH, &[JSON], &json!({"mode": "parallel", "items": items}).to_string());
    let invocations: Vec<Value> = (0..50).map(|_| callee.invocation()).collect();
    for (n, invocation) in invocations.iter().enumerate() {
        assert_eq!(invocation[4], json!([n]));
    }
    // Answered from the last to the first.
    for invocation in invocations.iter().rev() {
        callee.send(&json!([70, invocation[1], {}, invocation[4]]));
    }
    let answer = http.receive(false).json();
    for n in 0..50 {
        assert_eq!(answer["results"][n], json!({"status": 200, "body": {"args": [n], "kwargs": {}}}));
    }
}

/// Section 4.3.
#[test]
fn with_stop_on_error_the_items_after_a_failure_are_424_and_not_sent() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.fails");
    callee.register("com.never");
    let body = r#"{"stop_on_error":true,"items":[{"op":"call","procedure":"com.fails"},{"op":"call","procedure":"com.never"},
        {"op":"publish","topic":"com.topic"}]}"#;
    http.send("POST", BATCH, &[JSON], body);
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out", ["none left"]]));
    let answer = http.receive(false).json();
    assert_eq!(statuses(&answer), [409, 424, 424]);
    assert_eq!(answer["results"][0]["body"]["args"], json!(["none left"]));
    // What was called next comes next.
    http.send("POST", "/api/v1/call/com.fails", &[], "");
    assert_eq!(callee.echo().as_array().unwrap().len(), 4);
    assert_eq!(http.receive(false).status, 200);
}

/// Section 4.3: each item is permitted as if it came alone; nothing is sent of a batch that cannot be read.
#[test]
fn items_are_permitted_one_by_one_and_a_broken_batch_sends_nothing() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nbatch_max = 3"));
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    let call = |procedure: &str| json!({"op": "call", "procedure": procedure});
    http.send("POST", BATCH, &[JSON], &json!({"items": [call("com.secret.x"), call("com.echo")]}).to_string());
    callee.echo();
    assert_eq!(statuses(&http.receive(false).json()), [403, 200]);
    for (items, status) in [
        (json!([call("com.echo"), {"op": "call"}]), 400),
        (json!([call("com.echo"), {"op": "call", "procedure": "com.echo", "options": {"timeout": "x"}}]), 400),
        (json!([call("com.echo"), call("com.echo"), call("com.echo"), call("com.echo")]), 413),
    ] {
        let answer = http.post(BATCH, &json!({"items": items}).to_string());
        assert_eq!((answer.status, &*answer.error()), (status, "wharf.error.http"), "{}", answer.body);
    }
    for path in ["/api/v1/batch/com.a", "/api/v1/batch/"] {
        assert_eq!(router.http().post(path, "{}").status, 404);
    }
    let last = http.post(BATCH, r#"{"items":[]}"#);
    assert_eq!(last.body, r#"{"results":[]}"#);
}

/// Section 4.1: all of a batch takes as long as one request may.
#[test]
fn a_batch_ends_with_its_time() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.slow");
    let items = json!({"items": [{"op": "call", "procedure": "com.slow"}, {"op": "call", "procedure": "com.slow"}]});
    http.send("POST", BATCH, &[JSON, ("Prefer", "wait=1")], &items.to_string());
    let answer = http.receive(false);
    assert_eq!(answer.header("preference-applied"), Some("wait=1"));
    let answer = answer.json();
    assert_eq!(statuses(&answer), [504, 504]);
    assert_eq!(answer["results"][1]["body"]["error"], "wamp.error.timeout");
}

/// Section 4.1: what is answered 504 because its turn came too late has not been sent.
#[test]
fn an_item_whose_turn_comes_after_the_time_of_its_batch_is_not_sent() {
    let router = Router::start();
    let (mut http, mut callee, mut subscriber) = (router.http(), router.session(), router.session());
    callee.register("com.slow");
    subscriber.subscribe("com.topic");
    let items = json!({"items": [{"op": "call", "procedure": "com.slow"}, {"op": "publish", "topic": "com.topic", "args": [1]}]});
    http.send("POST", BATCH, &[JSON, ("Prefer", "wait=1")], &items.to_string());
    callee.invocation();
    let answer = http.receive(false).json();
    assert_eq!(statuses(&answer), [504, 504]);
    assert!(answer["results"][1]["body"]["detail"].as_str().unwrap().ends_with("which was not sent"), "{answer}");
    // What is published now is the first that comes.
    assert_eq!(http.post("/api/v1/publish/com.topic", r#"{"args":[2]}"#).status, 200);
    assert_eq!(subscriber.expect(36)[4], json!([2]));
}
