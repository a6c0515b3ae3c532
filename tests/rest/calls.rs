//! Calls: results, deadlines, cancelling, errors. Sections 2, 4.1 and 8 of the HTTP design.

use crate::client::JSON;
use crate::router::{Router, CONFIG};
use serde_json::json;

/// Sections 4.1 and 1, rule 5.
#[test]
fn an_answer_has_both_members_and_the_payloads_as_they_were_written() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    http.send("POST", "/api/v1/call/com.echo", &[JSON], r#"{"kwargs":{"b" :1.50},"args":[ 2e3 ]}"#);
    let text = callee.receive_text();
    assert!(text.ends_with(r#",[ 2e3 ],{"b" :1.50}]"#), "{text}");
    let invocation: serde_json::Value = serde_json::from_str(&text).unwrap();
    callee.send_text(&format!("[70,{},{{}},[ 1.0e1,\"\\u00fc\" ]]", invocation[1]));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.body), (200, r#"{"args":[ 1.0e1,"\u00fc" ],"kwargs":{}}"#));
    assert_eq!(response.header("content-type"), Some("application/json"));
}

/// Section 4.1: an empty body means no arguments.
#[test]
fn a_call_without_a_body_has_no_arguments() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    http.send("POST", "/api/v1/call/com.echo", &[], "");
    assert_eq!(callee.echo().as_array().unwrap().len(), 4);
    assert_eq!(http.receive(false).body, r#"{"args":[],"kwargs":{}}"#);
}

/// Section 2.
#[test]
fn a_realm_is_named_by_its_name_its_uri_or_the_listener() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    for path in [
        "/api/v1/realms/main/call/com.echo",
        "/api/v1/realms/com%2Eexample.main/call/com.echo",
        "/api/v1/call/com%2eecho",
    ] {
        http.send("POST", path, &[JSON], r#"{"args":[1]}"#);
        callee.echo();
        assert_eq!(http.receive(false).body, r#"{"args":[1],"kwargs":{}}"#, "{path}");
    }
    http.send("POST", "/api/v1/call", &[JSON], r#"{"procedure":"com.echo"}"#);
    callee.echo();
    assert_eq!(http.receive(false).status, 200);
}

/// Section 2: an unknown realm and one that this listener does not serve cannot be told apart.
#[test]
fn unknown_and_unserved_realms_are_the_same_404() {
    let router = Router::start();
    let mut http = router.http();
    for realm in ["nope", "hidden", "com.nope", "%20"] {
        let response = http.post(&format!("/api/v1/realms/{realm}/call/com.echo"), "");
        assert_eq!((response.status, &*response.error()), (404, "wamp.error.no_such_realm"), "{realm}");
    }
    let mut bare = crate::client::Http::connect(router.port(1));
    let response = bare.post("/api/v1/realms/hidden/call/com.echo", "");
    assert_eq!(response.error(), "wamp.error.no_such_procedure");
}

/// Sections 2 and 4.1, and rule 6 of section 1: a fault in a body is a 400 and the session lives on.
#[test]
fn bodies_that_are_not_right_are_400_and_say_why() {
    let router = Router::start();
    let (mut http, mut watcher) = (router.http(), router.session());
    assert_eq!(http.post("/api/v1/call/wamp.session.count", "").status, 200);
    watcher.subscribe("wamp.session.on_leave");
    let deep = format!("{{\"args\":{}{}}}", "[".repeat(20_000), "]".repeat(20_000));
    for (path, body, text) in [
        ("call/com.a", r#"{"procedure":"com.a"}"#, "in the path and in the body"),
        ("call", "{}", "no procedure"),
        ("call", "", "no procedure"),
        ("publish", r#"{"args":[]}"#, "no topic"),
        ("call/com.a", "[1]", "must be an object, got a list"),
        ("call/com.a", r#"{"arg":[1]}"#, "unexpected member \"arg\", did you mean \"args\"?"),
        ("call/com.a", r#"{"topic":"x"}"#, "unexpected member \"topic\""),
        ("call/com.a", r#"{"args":{}}"#, "member \"args\" must be a list, got a dict"),
        ("call/com.a", r#"{"kwargs":[]}"#, "member \"kwargs\" must be a dict"),
        ("call", r#"{"procedure":5}"#, "member \"procedure\" must be a string"),
        ("call/com.a", r#"{"args":[1}"#, "expected"),
        ("call/com.a", r#"{"args":[1],"args":[2]}"#, "twice"),
        ("call/com.a", r#"{"kwargs":{"a":1,"a":2}}"#, "twice"),
        ("call/com.a", r#"{"options":{"timeout":"5"}}"#, "timeout must be"),
        ("call/com.a", r#"{"options":{"disclose_me":1}}"#, "disclose_me must be"),
        ("call/com.a", r#"{"options":{"progress":true}}"#, "progress"),
        ("call/com.a", r#"{"options":{"receive_progress":true}}"#, "receive_progress"),
        ("publish/com.a", r#"{"options":{"acknowledge":"yes"}}"#, "acknowledge must be"),
        ("publish/com.a", r#"{"options":{"eligible":["x"]}}"#, "eligible"),
        ("call/com.a", &deep, "nested deeper"),
        ("call/%ff", "", "not UTF-8"),
    ] {
        let response = http.post(&format!("/api/v1/{path}"), body);
        assert_eq!((response.status, &*response.error()), (400, "wharf.error.http"), "{path} {body:.80}");
        assert!(response.detail().contains(text), "{path} {body:.80}: {}", response.detail());
    }
    assert_eq!(http.post("/api/v1/call/wamp.session.count", "").body, r#"{"args":[2],"kwargs":{}}"#);
    let unknown_option = http.post("/api/v1/call/wamp.session.count", r#"{"options":{"x_mine":[1]},"args":null}"#);
    assert_eq!(unknown_option.status, 200);
}

/// Section 8.1, with the operator's wishes before the table.
#[test]
fn each_error_of_a_callee_has_its_status_and_headers() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.fail");
    for (error, status) in [
        ("wamp.error.invalid_argument", 400),
        ("wamp.error.option_disallowed.x", 400),
        ("wamp.error.authentication_denied", 401),
        ("wamp.error.not_authorized", 403),
        ("wamp.error.no_such_session", 404),
        ("com.shop.error.sold_out", 409),
        ("wamp.error.payload_size_exceeded", 413),
        ("com.shop.error.other", 418),
        ("com.other.error", 422),
        ("wharf.error.rate_limited", 429),
        ("wamp.error.runtime_error", 500),
        ("wamp.error.feature_not_supported", 501),
        ("wamp.error.canceled", 502),
        ("wamp.error.unavailable", 503),
        ("wamp.error.timeout", 504),
    ] {
        http.send("POST", "/api/v1/call/com.fail", &[], "");
        let invocation = callee.invocation();
        callee.send(&json!([8, 68, invocation[1], {}, error, ["why", 7], {"a": 1}]));
        let response = http.receive(false);
        assert_eq!((response.status, &*response.error()), (status, error));
        let problem = response.json();
        assert_eq!((&problem["args"], &problem["kwargs"]), (&json!(["why", 7]), &json!({"a": 1})));
        assert_eq!(problem["detail"], "why");
        assert_eq!(response.header("retry-after").is_some(), matches!(status, 429 | 503), "{error}");
        assert_eq!(response.header("www-authenticate").is_some(), status == 401, "{error}");
    }
}

/// Section 8.2.
#[test]
fn a_problem_has_exactly_the_members_of_the_design() {
    let router = Router::start();
    let response = router.http().request("POST", "/api/v1/call/com.nope", &[("X-Request-Id", "r-1")], "");
    let text = "no callee has registered procedure com.nope";
    let expected = format!(
        "{{\"type\":\"/docs/errors/wamp.error.no_such_procedure\",\"title\":\"No such procedure\",\"status\":404,\
         \"detail\":\"{text}\",\"instance\":\"urn:request:r-1\",\"error\":\"wamp.error.no_such_procedure\",\
         \"args\":[\"{text}\"],\"kwargs\":{{}},\"request_id\":\"r-1\"}}"
    );
    assert_eq!(response.body, expected);
    assert_eq!(response.header("wharf-request-id"), Some("r-1"));
}

/// Section 8.1: a callee that goes away is 502.
#[test]
fn a_callee_that_leaves_is_a_bad_gateway() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.slow");
    http.send("POST", "/api/v1/call/com.slow", &[], "");
    callee.invocation();
    drop(callee);
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (502, "wamp.error.canceled"));
}

/// Section 4.1: the deadline, and what it is cut to.
#[test]
fn the_first_deadline_that_is_present_ends_the_call_with_504() {
    let config = CONFIG.replace("\"20s\"", "\"80ms\"").replace("\"30s\"", "\"1200ms\"");
    let router = Router::with(&config.replace("strict_request_ids = true", "call_timeout = \"60ms\""));
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.slow");
    for (prefer, body, timeout, applied) in [
        (Some("wait=1"), r#"{"options":{"timeout":5}}"#, 1000, Some("wait=1")),
        (Some("wait=100"), "{}", 1200, Some("wait=2")),
        (Some("wait=soon"), r#"{"options":{"timeout":5}}"#, 5, None),
        (None, r#"{"options":{"timeout":5}}"#, 5, None),
        (None, r#"{"options":{"timeout":0}}"#, 60, None),
        (None, "{}", 60, None),
    ] {
        let begun = std::time::Instant::now();
        let mut headers = vec![JSON];
        headers.extend(prefer.map(|prefer| ("Prefer", prefer)));
        http.send("POST", "/api/v1/call/com.slow", &headers, body);
        let invocation = callee.invocation();
        let interrupt = callee.expect(69);
        assert_eq!((&interrupt[1], &interrupt[2]["mode"]), (&invocation[1], &json!("killnowait")), "{body}");
        let response = http.receive(false);
        assert_eq!((response.status, &*response.error()), (504, "wamp.error.timeout"));
        assert!(begun.elapsed().as_millis() >= timeout, "{prefer:?} {body}: {:?}", begun.elapsed());
        assert_eq!(response.header("preference-applied"), applied);
    }
}

/// Section 4.1: with `Prefer` the answer says what was applied.
#[test]
fn the_preference_that_was_applied_is_told() {
    let router = Router::start();
    let mut http = router.http();
    for (prefer, applied) in [("wait=5", Some("wait=5")), ("wait=500", Some("wait=30")), ("respond-async", None)] {
        let response = http.request("POST", "/api/v1/call/wamp.session.count", &[("Prefer", prefer)], "");
        assert_eq!((response.status, response.header("preference-applied")), (200, applied), "{prefer}");
    }
    // rest.call_timeout, where neither caller nor realm says anything.
    let short = Router::with(&CONFIG.replace("\"20s\"", "\"50ms\""));
    let (mut http, mut callee) = (short.http(), short.session());
    callee.register("com.slow");
    http.send("POST", "/api/v1/call/com.slow", &[], "");
    callee.invocation();
    callee.expect(69);
    assert_eq!(http.receive(false).status, 504);
}

/// Section 4.1: a caller that hangs up has its call cancelled, and nobody else's.
#[test]
fn a_call_is_cancelled_when_its_caller_hangs_up() {
    let router = Router::start();
    let (mut leaver, mut stayer, mut callee) = (router.http(), router.http(), router.session());
    callee.register("com.slow");
    leaver.send("POST", "/api/v1/call/com.slow", &[], "");
    let left = callee.invocation();
    stayer.send("POST", "/api/v1/call/com.slow", &[], "");
    let stayed = callee.invocation();
    drop(leaver);
    let interrupt = callee.expect(69);
    assert_eq!((&interrupt[1], &interrupt[2]["mode"]), (&left[1], &json!("killnowait")));
    callee.send(&json!([70, stayed[1], {}, ["here"]]));
    assert_eq!(stayer.receive(false).body, r#"{"args":["here"],"kwargs":{}}"#);
}

/// Section 3 and the options of section 4.1.
#[test]
fn a_caller_is_named_to_the_callee_where_it_asks_for_that() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    http.send("POST", "/api/v1/call/com.echo", &[JSON], r#"{"options":{"disclose_me":true}}"#);
    let details = &callee.echo()[3];
    assert!(details["caller"].is_u64(), "{details}");
    assert_eq!(details["caller_authrole"], "guest");
    http.receive(false);
    http.send("POST", "/api/v1/call/com.echo", &[], "");
    assert!(callee.echo()[3].get("caller").is_none());
}

/// Rule 2 of section 1: permissions are those of WebSocket.
#[test]
fn what_a_role_may_not_do_is_403_and_a_bad_uri_400() {
    let router = Router::start();
    let mut http = router.http();
    let denied = http.post("/api/v1/call/com.secret.x", "");
    assert_eq!((denied.status, &*denied.error()), (403, "wamp.error.not_authorized"));
    let bad = http.post("/api/v1/call/com..x", "");
    assert_eq!((bad.status, &*bad.error()), (400, "wamp.error.invalid_uri"));
    let reserved = http.post("/api/v1/publish/wamp.x", "");
    assert_eq!((reserved.status, &*reserved.error()), (400, "wamp.error.invalid_uri"));
}
