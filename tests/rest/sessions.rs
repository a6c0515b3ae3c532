//! Every HTTP caller is a session of its realm. Section 3 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use crate::wamp::Session;
use serde_json::{json, Value};

/// Calls `com.who` and gives the session that the callee saw.
fn session_of(http: &mut Http, callee: &mut Session, authorization: Option<&str>) -> Value {
    let mut headers = vec![JSON];
    headers.extend(authorization.map(|credential| ("Authorization", credential)));
    http.send("POST", "/api/v1/call/com.who", &headers, r#"{"options":{"disclose_me":true}}"#);
    let invocation = callee.echo();
    assert_eq!(http.receive(false).status, 200);
    invocation[3]["caller"].clone()
}

/// Section 3. The realm is strict about request ids, so many requests by one session also show that they count by one.
#[test]
fn requests_of_one_identity_share_a_session_and_other_identities_never_do() {
    let router = Router::start();
    let (mut one, mut two, mut callee) = (router.http(), router.http(), router.session());
    callee.register("com.who");
    let (ann, bob) = (basic("ann", "s3cret"), basic("bob", "s3cret"));
    let anonymous = session_of(&mut one, &mut callee, None);
    let first = session_of(&mut one, &mut callee, Some(&ann));
    let other = session_of(&mut one, &mut callee, Some(&bob));
    for _ in 0..20 {
        assert_eq!(session_of(&mut one, &mut callee, Some(&ann)), first);
        assert_eq!(session_of(&mut two, &mut callee, Some(&ann)), first);
        assert_eq!(session_of(&mut two, &mut callee, None), anonymous);
    }
    assert!(first != other && first != anonymous && other != anonymous);
    // The callee and the three.
    assert_eq!(callee.call("wamp.session.count", &json!([])), 4);
}

/// Section 3: answers are found by request id, whatever their order.
#[test]
fn answers_in_another_order_find_their_requests() {
    let router = Router::start();
    let (mut one, mut two, mut callee) = (router.http(), router.http(), router.session());
    callee.register("com.echo");
    one.send("POST", "/api/v1/call/com.echo", &[JSON], r#"{"args":[1]}"#);
    let first = callee.invocation();
    two.send("POST", "/api/v1/call/com.echo", &[JSON], r#"{"args":[2]}"#);
    let second = callee.invocation();
    for invocation in [second, first] {
        callee.send(&json!([70, invocation[1], {}, invocation[4]]));
    }
    assert_eq!(one.receive(false).body, r#"{"args":[1],"kwargs":{}}"#);
    assert_eq!(two.receive(false).body, r#"{"args":[2],"kwargs":{}}"#);
}

/// Section 3.
#[test]
fn the_meta_api_shows_an_http_session_beside_all_others() {
    let router = Router::start();
    let (mut http, mut watcher) = (router.http(), router.session());
    watcher.subscribe("wamp.session.on_join");
    let ann = basic("ann", "s3cret");
    assert_eq!(http.request("POST", "/api/v1/publish/com.x", &[("Authorization", &ann)], "").status, 200);
    let joined = &watcher.expect(36)[4][0];
    assert_eq!((&joined["authid"], &joined["authmethod"]), (&json!("ann"), &json!("ticket")));
    let details = watcher.call("wamp.session.get", &json!([joined["session"]]));
    let transport = &details["transport"];
    assert_eq!((&transport["type"], &transport["protocol"]), (&json!("http"), &json!("rest")), "{details}");
    assert!(transport["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{details}");
}

/// Section 3.
#[test]
fn a_session_leaves_when_it_has_been_idle_and_the_next_request_opens_another() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nsession_idle = \"1s\""));
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.who");
    let first = session_of(&mut http, &mut callee, None);
    callee.subscribe("wamp.session.on_leave");
    assert_eq!(callee.expect(36)[4][0], first);
    assert_ne!(session_of(&mut http, &mut callee, None), first);
}

/// Section 3: a call under way keeps its session.
#[test]
fn a_session_with_a_call_under_way_is_not_idle() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nsession_idle = \"1s\""));
    let (mut busy, mut idle, mut callee) = (router.http(), router.http(), router.session());
    callee.register("com.who");
    callee.subscribe("wamp.session.on_leave");
    busy.send("POST", "/api/v1/call/com.who", &[], "");
    let invocation = callee.invocation();
    // Another identity's session, opened later, shows that the time has passed.
    let ann = basic("ann", "s3cret");
    let other = session_of(&mut idle, &mut callee, Some(&ann));
    assert_eq!(callee.expect(36)[4][0], other);
    callee.send(&json!([70, invocation[1], {}, ["late"]]));
    assert_eq!(busy.receive(false).body, r#"{"args":["late"],"kwargs":{}}"#);
}

/// Section 3: killed by the meta API.
#[test]
fn a_killed_session_answers_503_with_the_reason_and_the_next_request_opens_another() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.who");
    let first = session_of(&mut http, &mut callee, None);
    http.send("POST", "/api/v1/call/com.who", &[], "");
    callee.invocation();
    let request = callee.next_request();
    callee.send(&json!([48, request, {}, "wamp.session.kill", [first], {"reason": "com.out", "message": "enough"}]));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (503, "com.out"));
    assert_eq!((&*response.detail(), response.header("retry-after")), ("enough", Some("1")));
    // INTERRUPT of the call that is over, and the answer to the kill, in whatever order.
    callee.receive_text();
    callee.receive_text();
    assert_ne!(session_of(&mut http, &mut callee, None), first);
}

/// Section 3: what `rest.auth_cache` remembers ends with a session that is killed. While a name is throttled (A2), a ticket that
/// is remembered is good and any other is not looked at: that shows which of the two it is.
#[test]
fn whoever_is_killed_logs_in_anew_with_the_next_request() {
    let router = Router::start();
    let (mut http, mut killer) = (router.http(), router.session());
    let (right, wrong) = (basic("ann", "s3cret"), basic("ann", "wrong"));
    let mut status =
        |credential: &str| http.request("POST", "/api/v1/call/com.nope", &[("Authorization", credential)], "").status;
    assert_eq!(status(&right), 404);
    let throttle = |status: &mut dyn FnMut(&str) -> u16| while status(&wrong) != 429 {};
    throttle(&mut status);
    assert_eq!(status(&right), 404, "it is remembered");
    // Another try may become free at any moment, and the kill may still be on its way: then it is remembered again.
    let is_forgotten = (0..5).any(|_| {
        killer.call("wamp.session.kill_by_authid", &json!(["ann"]));
        throttle(&mut status);
        status(&right) == 429
    });
    assert!(is_forgotten);
}

/// Section 3.
#[test]
fn over_the_most_sessions_a_new_identity_gets_503() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nmax_sessions = 1"));
    let mut http = router.http();
    assert_eq!(http.post("/api/v1/call/wamp.session.count", "").status, 200);
    let ann = basic("ann", "s3cret");
    let response = http.request("POST", "/api/v1/call/wamp.session.count", &[("Authorization", &ann)], "");
    assert_eq!((response.status, response.header("retry-after")), (503, Some("1")));
    assert_eq!(response.error(), "wharf.error.overloaded");
    assert_eq!(http.post("/api/v1/call/wamp.session.count", "").status, 200);
}

/// Section 3: a realm that is full lets nobody in, by whatever transport.
#[test]
fn a_realm_that_is_full_is_503() {
    let full = "strict_request_ids = true\nlimits = { max_sessions = 1 }";
    let router = Router::with(&CONFIG.replace("strict_request_ids = true", full));
    let _only = router.session();
    let response = router.http().post("/api/v1/call/wamp.session.count", "");
    assert_eq!((response.status, &*response.error()), (503, "wharf.error.limit_exceeded"));
}

/// X2: the bound on pending calls holds for an identity, and is 429.
#[test]
fn over_the_most_pending_calls_of_one_identity_a_call_is_429() {
    let bound = "strict_request_ids = true\nlimits = { max_pending_calls_per_session = 1 }";
    let router = Router::with(&CONFIG.replace("strict_request_ids = true", bound));
    let (mut one, mut two, mut callee) = (router.http(), router.http(), router.session());
    callee.register("com.slow");
    one.send("POST", "/api/v1/call/com.slow", &[], "");
    callee.invocation();
    let response = two.post("/api/v1/call/com.slow", "");
    assert_eq!((response.status, &*response.error()), (429, "wharf.error.limit_exceeded"));
    assert_eq!(response.json()["kwargs"]["max"], 1);
}
