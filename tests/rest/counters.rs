//! What is counted of requests, whatever they ask for. Section 17 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};

const MORE: &str = r#"
[node]
dev = true
data_dir = "data"

[listeners.ops]
bind = "127.0.0.1:PORT3"
serve = ["admin", "hooks"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".roles.admin]
call = ["wharf.admin.*"]

[rest.routes.count]
method = "GET"
path = "/count"
realm = "main"
publish = "com.seen"

[rest.crossbar.call]
path = "/old"
kind = "caller"
realm = "main"
role = "guest"

[webhooks.in.any]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "joe", secret = "pass" }
publish = "com.hook"
"#;

/// `endpoint` is the pattern of the path, never the path.
#[test]
fn every_request_is_counted_by_listener_pattern_and_status() {
    let router = Router::with(&format!("{CONFIG}{MORE}"));
    let root = basic("root", "s3cret");
    for (port, method, path, headers, body, status) in [
        (0, "GET", "/count", &[][..], "", 200),
        (0, "POST", "/old", &[JSON][..], r#"{"procedure":"wamp.session.count"}"#, 200),
        (3, "GET", "/admin/v1/whoami", &[("Authorization", &*root)][..], "", 200),
        (3, "GET", "/admin/v1/nothing", &[][..], "", 404),
        (3, "POST", "/hooks/any", &[][..], "x", 401),
    ] {
        let answer = Http::connect(router.port(port)).request(method, path, headers, body);
        assert_eq!(answer.status, status, "{path}: {}", answer.body);
    }
    let text = router.http().get("/metrics").body;
    for (listener, endpoint, status) in [
        ("main", "routes", 200),
        ("main", "crossbar", 200),
        ("ops", "admin", 200),
        ("ops", "admin", 404),
        ("ops", "hooks", 401),
    ] {
        let line = format!(
            "wharf_http_requests_total{{listener=\"{listener}\",endpoint=\"{endpoint}\",status=\"{status}\"}} 1\n"
        );
        assert!(text.contains(&line), "{line} is not in {text}");
    }
    assert!(text.contains("wharf_http_duration_seconds_count{endpoint=\"admin\"} 2\n"), "{text}");
}
