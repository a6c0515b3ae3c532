//! The name of a request, by which its answer is found again. Section 5 of the HTTP design.

use crate::client::{Http, JSON};
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use crate::wamp::Session;
use serde_json::json;

const MORE: &str = r#"
[node]
data_dir = "data"
[listeners.ops]
bind = "127.0.0.1:PORT3"
serve = ["admin", "hooks"]
[rest.routes.order]
method = "GET"
path = "/order"
realm = "main"
call = "com.nope"
"#;

/// A client that brings no name gets one, and only one.
#[test]
fn a_failure_has_one_name_in_head_and_body() {
    let router = Router::with(&format!("{CONFIG}{MORE}"));
    for (port, method, path) in [
        (0, "POST", "/api/v1/call/com.nope"),
        (0, "GET", "/api/v1/call/com.nope"),
        (0, "POST", "/api/v1/batch"),
        (0, "GET", "/api/v1/events"),
        (0, "GET", "/api/v1/poll"),
        (0, "GET", "/api/v1/history/com.a"),
        (0, "GET", "/api/v1/realms/nowhere/openapi.json"),
        (0, "POST", "/api/v1/openapi.json"),
        (0, "GET", "/order"),
        (3, "GET", "/admin/v1/whoami"),
        (3, "POST", "/hooks/nowhere"),
    ] {
        let answer = Http::connect(router.port(port)).request(method, path, &[], "");
        assert!(answer.status >= 400, "{path}: {}", answer.status);
        let name = answer.json()["request_id"].as_str().map(str::to_owned);
        assert_eq!(answer.header("wharf-request-id"), name.as_deref(), "{path}");
    }
}

/// The same for one that is told when the head is long gone.
#[test]
fn a_failure_at_the_end_of_a_stream_has_the_name_of_its_head() {
    let router = Router::start();
    let features = json!({"progressive_call_results": true});
    let mut callee = Session::join_serving(router.port(2), "com.example.main", &features);
    callee.register("com.count");
    let mut http = router.http();
    http.send("POST", "/api/v1/call/com.count", &[JSON, ("Accept", "text/event-stream")], "");
    let invocation = callee.invocation();
    callee.send(&json!([70, invocation[1], {"progress": true}, [1]]));
    let head = http.receive(true);
    let mut stream = Stream::of(http, &head);
    stream.expect("progress");
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out"]));
    assert_eq!(stream.expect("error")["request_id"].as_str(), head.header("wharf-request-id"));
}
