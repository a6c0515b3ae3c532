//! Mapped routes: methods and paths of the operator's own. Section 13 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use serde_json::json;

const ROUTES: &str = r#"
[rest.routes.order_get]
method = "GET"
path = "/shop/orders/{id}"
realm = "main"
call = "com.shop.order.get"
args = ["{path.id}"]
kwargs = { lang = "{query.lang}", who = "{identity.authid}", trace = "t-{header.X-Trace}", fixed = 7 }

[rest.routes.order_all]
method = "GET"
path = "/shop/orders/all"
realm = "main"
call = "com.shop.order.all"
response = "args"

[rest.routes.order_put]
method = "PUT"
path = "/shop/orders/{id}"
realm = "main"
call = "com.shop.order.put"
args = ["{path.id}", "{body.item}", "{body}"]
response = "full"
status = 201

[rest.routes.order_delete]
method = "DELETE"
path = "/shop/orders/{id}"
realm = "main"
call = "com.shop.order.delete"
status = 204

[rest.routes.event]
method = "POST"
path = "/shop/events"
realm = "main"
publish = "com.shop.event"
args = ["{body}"]
status = 202

[rest.routes.secret]
method = "POST"
path = "/secret"
realm = "main"
call = "com.secret.x"

[rest.routes.locked]
method = "POST"
path = "/locked"
realm = "locked"
call = "com.a"

[rest.routes.hidden]
method = "POST"
path = "/hidden"
realm = "hidden"
call = "com.a"
"#;

fn start() -> Router {
    Router::with(&format!("{CONFIG}{ROUTES}"))
}

/// Section 13, by the example of the design.
#[test]
fn a_route_calls_with_what_its_template_takes_and_answers_with_the_first_result() {
    let router = start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.order.get");
    let authorization = basic("ann", "s3cret");
    let headers = [("Authorization", &*authorization), ("X-Trace", "9")];
    http.send("GET", "/shop/orders/a%2F7?lang=de+ch", &headers, "");
    let invocation = callee.invocation();
    assert_eq!(invocation[4], json!(["a/7"]));
    assert_eq!(invocation[5], json!({"lang": "de ch", "who": "ann", "trace": "t-9", "fixed": 7}));
    callee.send_text(&format!("[70,{},{{}},[ {{\"a\" :1.50}} ,2]]", invocation[1]));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.body), (200, "{\"a\" :1.50}"));
    assert_eq!(response.header("content-type"), Some("application/json"));
    assert_eq!(response.header("cache-control"), Some("no-store"));
    // What is missing is left out, and HEAD is GET without the body.
    http.send("HEAD", "/shop/orders/7", &[], "");
    let invocation = callee.invocation();
    let names: Vec<&String> = invocation[5].as_object().unwrap().keys().collect();
    assert_eq!(names, ["fixed", "who"]);
    callee.send(&json!([70, invocation[1], {}, []]));
    let response = http.receive(true);
    assert_eq!((response.status, response.header("content-length")), (200, Some("4")));
}

/// Section 13: methods, bodies, shapes and statuses.
#[test]
fn each_route_has_its_method_shape_and_status() {
    let router = start();
    let (mut http, mut callee) = (router.http(), router.session());
    for procedure in ["com.shop.order.all", "com.shop.order.put", "com.shop.order.delete"] {
        callee.register(procedure);
    }
    http.send("GET", "/shop/orders/all", &[], "");
    callee.echo();
    assert_eq!(http.receive(false).body, "[]");
    http.send("PUT", "/shop/orders/all", &[JSON], r#"{"item":[1, 2]}"#);
    assert_eq!(callee.echo()[4], json!(["all", [1, 2], {"item": [1, 2]}]));
    let response = http.receive(false);
    assert_eq!(response.status, 201);
    assert_eq!(response.json(), json!({"args": ["all", [1, 2], {"item": [1, 2]}], "kwargs": {}}));
    http.send("DELETE", "/shop/orders/5", &[], "");
    callee.echo();
    let response = http.receive(true);
    assert_eq!((response.status, response.header("content-length")), (204, None));
    let other = http.request("PATCH", "/shop/orders/5", &[], "");
    assert_eq!((other.status, other.header("allow")), (405, Some("DELETE, GET, HEAD, OPTIONS, PUT")));
    let options = router.http().request("OPTIONS", "/shop/orders/5", &[], "");
    assert_eq!((options.status, options.header("allow")), (204, Some("DELETE, GET, HEAD, OPTIONS, PUT")));
}

/// Section 13.
#[test]
fn a_route_publishes_and_tells_the_publication() {
    let router = start();
    let (mut http, mut watcher) = (router.http(), router.session());
    watcher.subscribe("com.shop.event");
    let response = http.request("POST", "/shop/events", &[JSON], r#"{"n":1}"#);
    assert_eq!(response.status, 202);
    let event = watcher.expect(36);
    assert_eq!((&event[2], &event[4]), (&response.json()["id"], &json!([{"n": 1}])));
}

/// Sections 8 and 13: errors are those of the native interface, and so are permissions and credentials.
#[test]
fn a_route_has_the_realms_credentials_and_permissions_and_the_errors_of_section_8() {
    let router = start();
    let mut http = router.http();
    for (method, path, body, status, error) in [
        ("GET", "/shop/orders/7", "", 404, "wamp.error.no_such_procedure"),
        ("POST", "/secret", "", 403, "wamp.error.not_authorized"),
        ("POST", "/locked", "", 401, "wamp.error.authentication_required"),
        ("PUT", "/shop/orders/7", "{}", 400, "wharf.error.http"),
        ("PUT", "/shop/orders/7", "{", 400, "wharf.error.http"),
        ("PUT", "/shop/orders/7", "1,2", 400, "wharf.error.http"),
        ("PUT", "/shop/orders/7", "", 400, "wharf.error.http"),
        ("POST", "/shop/events", "", 400, "wharf.error.http"),
        ("GET", "/shop/orders/7?lang=a&lang=b", "", 400, "wharf.error.http"),
        ("GET", "/shop/orders/%ff", "", 404, ""),
        ("POST", "/hidden", "", 404, ""),
        ("GET", "/shop/orders/7/", "", 404, ""),
    ] {
        let mut http = router.http();
        let response = http.request(method, path, &[JSON], body);
        assert_eq!(response.status, status, "{method} {path}: {}", response.body);
        if !error.is_empty() {
            assert_eq!(response.error(), error, "{method} {path}");
        }
    }
    let response = http.request("POST", "/locked", &[("Authorization", &*basic("ann", "s3cret"))], "");
    assert_eq!(response.error(), "wamp.error.no_such_procedure");
    let text = http.request("PUT", "/shop/orders/7", &[JSON], "{}").detail();
    assert!(text.contains("positional argument 2 is missing: it is {body.item}"), "{text}");
    // A page from elsewhere acts with our trust in its host no more than elsewhere.
    let mut http = router.http();
    let foreign = http.request("POST", "/shop/events", &[JSON, ("Origin", "https://evil.example")], "{}");
    assert_eq!(foreign.status, 403);
}

/// The deadline and its preference are those of calls.
#[test]
fn a_call_of_a_route_has_a_deadline_and_is_cancelled_with_it() {
    let router = start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.order.all");
    http.send("GET", "/shop/orders/all", &[("Prefer", "wait=1")], "");
    let invocation = callee.invocation();
    let interrupt = callee.expect(69);
    assert_eq!(interrupt[1], invocation[1]);
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (504, "wamp.error.timeout"));
}

/// A reload changes routes for the next request on open connections, too.
#[test]
fn routes_come_and_go_with_a_reload_at_once() {
    let router = start();
    let mut http: Vec<Http> = vec![router.http(), router.http()];
    assert_eq!(http[0].request("POST", "/secret", &[], "").status, 403);
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("path = \"/secret\"", "path = \"/newer\"");
    std::fs::write(&file, text).unwrap();
    router.reload();
    router.await_log("reloaded");
    assert_eq!(http[0].request("POST", "/newer", &[], "").status, 403);
    assert_eq!(http[1].request("POST", "/secret", &[], "").status, 404);
}
