//! Trace context: from the head of a request to whoever serves it, and on. Section 5 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use crate::wamp::Session;
use crate::webhooks::site::{json as answer, Site};
use crate::webhooks::{out, start};
use serde_json::{json, Value};

const PARENT: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
const TRACE: [(&str, &str); 3] = [JSON, ("traceparent", PARENT), ("tracestate", "rojo=00f067aa0ba902b7,congo=t61")];
const ON: &str = "\n[observability]\ntrace_context = true\n";

/// What a callee or subscriber is to see of it.
fn seen(details: &Value) -> (&Value, &Value) {
    (&details["_traceparent"], &details["_tracestate"])
}

fn whole() -> (Value, Value) {
    (json!(PARENT), json!("rojo=00f067aa0ba902b7,congo=t61"))
}

fn is_whole(details: &Value) -> bool {
    let (parent, state) = whole();
    seen(details) == (&parent, &state)
}

/// A router that hands traces on, with what webhooks need.
fn tracing(more: &str) -> Router {
    start(&format!("{ON}{more}"))
}

/// A call in which the callee must see the trace; whether it was in the answer.
fn call(
    http: &mut Http,
    callee: &mut Session,
    path: &str,
    headers: &[(&str, &str)],
    body: &str,
) -> (Value, Option<String>) {
    http.send("POST", path, headers, body);
    let details = callee.echo()[3].clone();
    (details, http.receive(false).header("traceparent").map(ToOwned::to_owned))
}

/// The page of Tracing in docs/HTTP.md.
#[test]
fn the_trace_of_a_request_reaches_callee_and_subscriber_and_its_answer() {
    let router = tracing("");
    let (mut http, mut peer) = (router.http(), router.session());
    peer.register("com.echo");
    let (details, said) = call(&mut http, &mut peer, "/api/v1/call/com.echo", &TRACE, "");
    assert!(is_whole(&details), "{details}");
    assert_eq!(said.as_deref(), Some(PARENT));
    // Each request has its own, and most have none.
    let (details, said) = call(&mut http, &mut peer, "/api/v1/call/com.echo", &[], "");
    assert_eq!((details, said), (json!({}), None));
    let bad = [("traceparent", "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331"), ("tracestate", "a=1")];
    assert_eq!(call(&mut http, &mut peer, "/api/v1/call/com.echo", &bad, ""), (json!({}), None));
    // A failure says it too.
    let failed = http.request("POST", "/api/v1/call/com.nope", &TRACE, "");
    assert_eq!((failed.status, failed.header("traceparent")), (404, Some(PARENT)));
    // What the body says is nearer to the call.
    let other = PARENT.replace("b7ad", "b7ae");
    let body = format!(r#"{{"options":{{"_traceparent":"{other}"}}}}"#);
    let (details, _) = call(&mut http, &mut peer, "/api/v1/call/com.echo", &TRACE, &body);
    assert_eq!(seen(&details), (&json!(other), &Value::Null));

    peer.subscribe("com.topic");
    let mut stream = Stream::open(router.http(), "/api/v1/events?topic=com.topic", &[]);
    let published = http.request("POST", "/api/v1/publish/com.topic", &TRACE, "");
    assert_eq!((published.status, published.header("traceparent")), (200, Some(PARENT)));
    assert!(is_whole(&peer.expect(36)[3]));
    assert!(is_whole(&stream.expect("message")["details"]));
}

#[test]
fn without_the_key_nothing_of_a_trace_is_passed_on_or_said() {
    let router = Router::start();
    let (mut http, mut peer) = (router.http(), router.session());
    peer.register("com.echo");
    assert_eq!(call(&mut http, &mut peer, "/api/v1/call/com.echo", &TRACE, ""), (json!({}), None));
    let body = format!(r#"{{"options":{{"_traceparent":"{PARENT}"}}}}"#);
    assert_eq!(call(&mut http, &mut peer, "/api/v1/call/com.echo", &TRACE, &body), (json!({}), None));
}

/// A session that is no HTTP caller says it in its options.
#[test]
fn the_trace_of_a_wamp_caller_and_publisher_is_handed_on() {
    let router = tracing("");
    let (mut caller, mut callee) = (router.session(), router.session());
    callee.register("com.echo");
    callee.subscribe("com.topic");
    let (parent, state) = whole();
    let options = json!({"_traceparent": parent, "_tracestate": state, "_other": 1});
    let request = caller.next_request();
    caller.send(&json!([48, request, options, "com.echo"]));
    assert!(is_whole(&callee.echo()[3]));
    let request = caller.next_request();
    caller.send(&json!([16, request, options, "com.topic"]));
    assert!(is_whole(&callee.expect(36)[3]));
    // A fault of tracing never ends a session.
    for bad in [json!(7), json!(["x"]), json!("00-0-0-00"), Value::Null] {
        let request = caller.next_request();
        caller.send(&json!([48, request, {"_traceparent": bad, "_tracestate": state}, "com.echo"]));
        assert_eq!(callee.echo()[3], json!({}));
    }
}

#[test]
fn every_item_of_a_batch_and_a_call_with_partial_results_have_the_trace_of_their_request() {
    let router = tracing("");
    let (mut http, mut peer) = (router.http(), router.session());
    peer.register("com.echo");
    let item = r#"{"op":"call","procedure":"com.echo"}"#;
    http.send("POST", "/api/v1/batch", &TRACE, &format!(r#"{{"items":[{item},{item}]}}"#));
    for _ in 0..2 {
        assert!(is_whole(&peer.echo()[3]));
    }
    assert_eq!(http.receive(false).header("traceparent"), Some(PARENT));
    let headers = [TRACE[1], TRACE[2], ("Accept", "application/x-ndjson")];
    http.send("POST", "/api/v1/call/com.echo", &headers, "");
    assert!(is_whole(&peer.echo()[3]));
    assert_eq!(http.receive(true).header("traceparent"), Some(PARENT));
}

/// Paths of the operator's own; a hook; and the profile for Crossbar's clients, which adds nothing to its answers.
#[test]
fn mapped_routes_hooks_and_bridges_hand_the_trace_of_their_request_on() {
    let router = tracing(
        r#"
[rest.routes.order]
method = "POST"
path = "/shop/order"
realm = "main"
call = "com.echo"
[rest.crossbar.old]
path = "/old"
kind = "caller"
realm = "main"
role = "guest"
[webhooks.in.ask]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "joe", secret = "pass" }
call = "com.echo"
payload = "json"
"#,
    );
    let (mut http, mut peer) = (router.http(), router.session());
    peer.register("com.echo");
    let (details, said) = call(&mut http, &mut peer, "/shop/order", &TRACE, "{}");
    assert!(is_whole(&details) && said.as_deref() == Some(PARENT), "{details} {said:?}");
    let (details, said) = call(&mut http, &mut peer, "/old", &TRACE, r#"{"procedure":"com.echo"}"#);
    assert!(is_whole(&details) && said.is_none(), "{details} {said:?}");
    let credential = basic("joe", "pass");
    let headers = [TRACE[1], TRACE[2], ("Authorization", &*credential)];
    let (details, said) = call(&mut Http::connect(router.port(3)), &mut peer, "/hooks/ask", &headers, "{}");
    assert!(is_whole(&details) && said.as_deref() == Some(PARENT), "{details} {said:?}");
}

#[test]
fn a_webhook_and_a_procedure_on_http_get_the_trace_in_their_headers() {
    let site = Site::start(|_| answer(200, r#"{"args":[]}"#));
    let procedure = format!(
        "[webhooks.call.stock]\nrealm = \"main\"\nrole = \"guest\"\nprocedure = \"com.stock\"\nurl = \"{}\"\n\
         secret = \"whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw\"\nallow_addresses = [\"127.0.0.0/8\", \"::1\"]\n",
        site.url("/stock")
    );
    let router = tracing(&format!("{}{procedure}", out(&site.url("/hook"), "")));
    let mut session = router.session();
    let mut http = router.http();
    for topic in ["com.shop.order", "com.stock"] {
        // Both ends of the way come up beside the listeners.
        let (path, asks) = match topic {
            "com.stock" => (format!("/api/v1/call/{topic}"), "wamp.registration.lookup"),
            _ => (format!("/api/v1/publish/{topic}"), "wamp.subscription.match"),
        };
        while session.call(asks, &json!([topic])).is_null() {}
        for headers in [&TRACE[..], &[]] {
            assert_eq!(http.request("POST", &path, headers, "").status, 200, "{path}");
            let seen = site.next();
            let expected = (!headers.is_empty()).then_some((PARENT, TRACE[2].1));
            assert_eq!(seen.header("traceparent").zip(seen.header("tracestate")), expected, "{path}");
        }
    }
}

/// The lines of the log about a request name its trace; `observability.log.format` is JSON where nobody looks on.
#[test]
fn a_refused_request_is_found_in_the_log_by_its_trace() {
    let config = format!("{CONFIG}{ON}[observability.log]\nlevel = \"debug\"\n");
    let router = Router::with(&config);
    let failed = router.http().request("POST", "/api/v1/realms/nowhere/call/com.a", &TRACE, "");
    assert_eq!(failed.status, 404);
    router.await_log("\"trace_id\":\"0af7651916cd43dd8448eb211c80319c\"");
}
