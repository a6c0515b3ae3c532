//! The way out. Section 14 of the limits.

use crate::router::Router;
use serde_json::json;

/// Section 14: requests under way are answered, then the process ends.
#[test]
fn a_stopping_router_ends_its_http_sessions_and_exits_with_0() {
    let mut router = Router::start();
    let mut http = router.http();
    assert_eq!(http.post("/api/v1/call/wamp.session.count", "").status, 200);
    router.terminate();
    assert!(router.child.wait().unwrap().success());
}

/// Section 14.
#[test]
fn a_call_under_way_is_answered_while_the_router_stops() {
    let mut router = Router::start();
    let (mut http, mut late, mut callee) = (router.http(), router.http(), router.session());
    assert_eq!(late.get("/readyz").status, 200);
    callee.register("com.slow");
    http.send("POST", "/api/v1/call/com.slow", &[], "");
    let invocation = callee.invocation();
    let mut caller = router.session();
    router.terminate();
    // Sessions that serve nothing are told first.
    assert_eq!(caller.expect(6)[2], "wamp.close.system_shutdown");
    caller.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    let refused = late.post("/api/v1/call/com.slow", "");
    assert_eq!((refused.status, &*refused.error()), (503, "wamp.close.system_shutdown"));
    callee.send(&json!([70, invocation[1], {}, ["last"]]));
    assert_eq!(http.receive(false).body, r#"{"args":["last"],"kwargs":{}}"#);
    assert_eq!(callee.expect(6)[2], "wamp.close.system_shutdown");
    callee.send(&json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert!(router.child.wait().unwrap().success());
}
