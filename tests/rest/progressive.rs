//! Calls whose results come one by one. Section 4.1 of the HTTP design.

use crate::client::{Http, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use crate::wamp::Session;
use serde_json::{json, Value};

const CALL: &str = "/api/v1/call/com.count";
const EVENTS: (&str, &str) = ("Accept", "text/event-stream");
const LINES: (&str, &str) = ("Accept", "application/x-ndjson");

/// A session that serves `com.count` and can send partial results.
fn callee(router: &Router) -> Session {
    let features = json!({"call_canceling": true, "progressive_call_results": true});
    let mut callee = Session::join_serving(router.port(2), "com.example.main", &features);
    callee.register("com.count");
    callee
}

/// Asks, and lets the callee take the call.
fn ask(router: &Router, callee: &mut Session, accept: (&str, &str), body: &str) -> (Http, Value) {
    let mut http = router.http();
    http.send("POST", CALL, &[JSON, accept], body);
    (http, callee.invocation())
}

/// The head of a stream that has been asked for.
fn stream(mut http: Http, media_type: &str) -> Stream {
    let head = http.receive(true);
    assert_eq!((head.status, head.header("content-type")), (200, Some(media_type)));
    Stream::of(http, &head)
}

/// The page of progressive results in docs/HTTP.md.
#[test]
fn progressive_results_come_one_by_one_and_one_result_is_the_last() {
    let router = Router::start();
    let mut callee = callee(&router);
    let (http, invocation) = ask(&router, &mut callee, EVENTS, r#"{"args":[2]}"#);
    assert_eq!((&invocation[3]["receive_progress"], &invocation[4]), (&json!(true), &json!([2])));
    callee.send(&json!([70, invocation[1], {"progress": true}, [10]]));
    let mut stream = stream(http, "text/event-stream");
    assert_eq!(stream.expect("progress"), json!({"args": [10], "kwargs": {}}));
    callee.send_text(&format!("[70,{},{{\"progress\":true}},[\n20],{{\"a\":\r\n1}}]", invocation[1]));
    assert_eq!(stream.expect("progress"), json!({"args": [20], "kwargs": {"a": 1}}));
    callee.send(&json!([70, invocation[1], {}, [100]]));
    assert_eq!(stream.expect("result"), json!({"args": [100], "kwargs": {}}));
    stream.ends();
}

/// `x-ndjson` has the same objects one per line, with the event's name as member `type`; the problem of an error has it, too.
#[test]
fn as_lines_each_object_has_the_name_of_its_event_as_type() {
    let router = Router::start();
    let mut callee = callee(&router);
    let (http, invocation) = ask(&router, &mut callee, LINES, "");
    callee.send_text(&format!("[70,{},{{\"progress\":true}},[\n10]]", invocation[1]));
    let mut stream = stream(http, "application/x-ndjson");
    assert_eq!(stream.line().unwrap(), r#"{"type":"progress","args":[ 10],"kwargs":{}}"#);
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out", ["no more"], {"left": 0}]));
    let problem: Value = serde_json::from_str(&stream.line().unwrap()).unwrap();
    assert_eq!((&problem["type"], &problem["status"]), (&json!("error"), &json!(409)));
    assert_eq!(problem["error"], "com.shop.error.sold_out");
    assert_eq!((&problem["args"], &problem["kwargs"]), (&json!(["no more"]), &json!({"left": 0})));
    assert_eq!(stream.line(), None);
}

/// A callee that knows nothing of partial results has one.
#[test]
fn a_callee_without_partial_results_gives_the_last_one_alone() {
    let router = Router::start();
    let mut callee = router.session();
    callee.register("com.count");
    let (http, invocation) = ask(&router, &mut callee, EVENTS, "");
    assert_eq!(invocation[3].get("receive_progress"), None);
    callee.send(&json!([70, invocation[1], {}, [1]]));
    let mut stream = stream(http, "text/event-stream");
    assert_eq!(stream.expect("result"), json!({"args": [1], "kwargs": {}}));
    stream.ends();
}

/// Errors before the first byte use the ordinary status.
#[test]
fn what_ends_the_call_before_anything_is_told_has_its_ordinary_status() {
    let router = Router::start();
    let mut callee = callee(&router);
    let (mut http, invocation) = ask(&router, &mut callee, EVENTS, "");
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out"]));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (409, "com.shop.error.sold_out"));
    for (path, headers, body, status, detail) in [
        ("call/com.nope", &[EVENTS][..], "", 404, "com.nope"),
        ("call/com.secret.x", &[LINES], "", 403, "this role may not call"),
        ("call/com.count", &[EVENTS, ("Idempotency-Key", "k")], "", 400, "takes no Idempotency-Key"),
        ("call/com.count", &[EVENTS], r#"{"options":{"progress":true}}"#, 400, "progress"),
        ("call/com.count", &[EVENTS], r#"{"arg":[]}"#, 400, "did you mean \"args\"?"),
        ("publish/com.count", &[EVENTS], "", 406, "Accept"),
    ] {
        let headers: Vec<(&str, &str)> = headers.iter().copied().chain([JSON]).collect();
        let response = http.request("POST", &format!("/api/v1/{path}"), &headers, body);
        assert_eq!(response.status, status, "{path} {body} {}", response.body);
        assert!(response.detail().contains(detail), "{}", response.detail());
    }
    let (mut http, invocation) = ask(&router, &mut callee, EVENTS, r#"{"options":{"timeout":200}}"#);
    assert_eq!(callee.expect(69)[1], invocation[1]);
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (504, "wamp.error.timeout"));
}

/// The head is sent after 1 s without progress. Closing the stream cancels the call.
#[test]
fn a_stream_without_progress_has_its_head_after_a_second_and_closing_it_cancels_the_call() {
    let router = Router::start();
    let mut callee = callee(&router);
    for (accept, media_type) in [(EVENTS, "text/event-stream"), (LINES, "application/x-ndjson")] {
        let (http, invocation) = ask(&router, &mut callee, accept, "");
        let stream = stream(http, media_type);
        drop(stream);
        assert_eq!(callee.expect(69)[1], invocation[1]);
    }
}

/// A deadline that passes behind the head is the last event. As in the realm, each partial result gives the next as much time.
#[test]
fn a_deadline_behind_the_head_is_an_error_at_the_end() {
    let router = Router::start();
    let mut callee = callee(&router);
    let mut http = router.http();
    http.send("POST", CALL, &[EVENTS, ("Prefer", "wait=2")], "");
    let invocation = callee.invocation();
    let head = http.receive(true);
    assert_eq!((head.status, head.header("preference-applied")), (200, Some("wait=2")));
    let mut stream = Stream::of(http, &head);
    callee.send(&json!([70, invocation[1], {"progress": true}, [1]]));
    assert_eq!(stream.expect("progress")["args"], json!([1]));
    let problem = stream.expect("error");
    assert_eq!((&problem["error"], &problem["status"]), (&json!("wamp.error.timeout"), &json!(504)));
    stream.ends();
    assert_eq!(callee.expect(69)[1], invocation[1]);
}

/// Section 3: streams have sessions of their own.
#[test]
fn a_progressive_call_has_a_session_of_its_own_and_says_why_it_was_ended() {
    let router = Router::with(&format!("{CONFIG}\n[rest.stream]\nheartbeat = \"100ms\""));
    let (mut callee, mut watcher) = (callee(&router), router.session());
    watcher.subscribe("wamp.session.on_join");
    let (http, _) = ask(&router, &mut callee, EVENTS, "");
    let id = watcher.expect(36)[4][0]["session"].clone();
    let details = watcher.call("wamp.session.get", &json!([id]));
    assert_eq!(details["transport"]["protocol"], "stream", "{details}");
    let mut stream = stream(http, "text/event-stream");
    // It lives.
    let lines: Vec<String> = (0..4).map(|_| stream.line().unwrap()).collect();
    assert_eq!(lines, [":", "", ":", ""]);
    let request = watcher.next_request();
    watcher.send(&json!([48, request, {}, "wamp.session.kill", [id], {"reason": "com.out", "message": "enough"}]));
    let problem = stream.expect("error");
    assert_eq!((&problem["error"], &problem["detail"]), (&json!("com.out"), &json!("enough")));
    stream.ends();
    assert_eq!(callee.expect(69)[0], 69);
}

/// Section 14 of the limits: what is under way may end.
#[test]
fn a_progressive_call_goes_on_to_its_end_while_the_router_stops() {
    let mut router = Router::start();
    let (mut callee, mut watcher) = (callee(&router), router.session());
    let (http, invocation) = ask(&router, &mut callee, EVENTS, "");
    callee.send(&json!([70, invocation[1], {"progress": true}, [1]]));
    let mut stream = stream(http, "text/event-stream");
    assert_eq!(stream.expect("progress")["args"], json!([1]));
    router.terminate();
    assert_eq!(watcher.expect(6)[2], "wamp.close.system_shutdown");
    watcher.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    callee.send(&json!([70, invocation[1], {}, [2]]));
    assert_eq!(stream.expect("result")["args"], json!([2]));
    stream.ends();
    assert_eq!(callee.expect(6)[2], "wamp.close.system_shutdown");
    callee.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert!(router.child.wait().unwrap().success());
}
