//! The status of every error, and the headers that go with it. Section 8.1 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use serde_json::json;

/// The table of section 8.1, each URI raised by a callee.
#[test]
fn each_error_uri_of_a_callee_has_its_status_and_headers() {
    let router = Router::with(
        &CONFIG.replace("[rest.status]\n\"com.shop.error.sold_out\" = 409\n\"com.shop.error.\" = 418\n", ""),
    );
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.fails");
    for (error, status) in [
        ("wamp.error.invalid_uri", 400),
        ("wamp.error.invalid_argument", 400),
        ("wamp.error.protocol_violation", 400),
        ("wamp.error.option_disallowed.disclose_me", 400),
        ("wamp.error.option_not_allowed", 400),
        ("wamp.error.authentication_required", 401),
        ("wamp.error.authentication_denied", 401),
        ("wamp.error.no_matching_auth_method", 401),
        ("wamp.error.no_such_principal", 401),
        ("wamp.error.no_such_role", 401),
        ("wamp.error.not_authorized", 403),
        ("wamp.error.authorization_denied", 403),
        ("wamp.error.authorization_required", 403),
        ("wamp.error.no_such_procedure", 404),
        ("wamp.error.no_such_realm", 404),
        ("wamp.error.no_such_session", 404),
        ("wamp.error.no_such_registration", 404),
        ("wamp.error.no_such_subscription", 404),
        ("wamp.error.procedure_already_exists", 409),
        ("wamp.error.payload_size_exceeded", 413),
        ("com.shop.error.sold_out", 422),
        ("wamp.error.anything_else", 422),
        ("wharf.error.rate_limited", 429),
        ("wharf.error.limit_exceeded", 429),
        ("wharf.error.too_many_attempts", 429),
        ("wamp.error.runtime_error", 500),
        ("wamp.error.feature_not_supported", 501),
        ("wamp.error.canceled", 502),
        ("wamp.error.cancelled", 502),
        ("wamp.error.network_failure", 502),
        ("wamp.error.unavailable", 503),
        ("wamp.error.authentication_failed", 503),
        ("wamp.error.authorization_failed", 503),
        ("wharf.error.busy", 503),
        ("wharf.error.overloaded", 503),
        ("wharf.error.storage", 503),
        ("wharf.error.realm_restarted", 503),
        ("wharf.error.slow_consumer", 503),
        ("wamp.close.system_shutdown", 503),
        ("wamp.error.timeout", 504),
    ] {
        http.send("POST", "/api/v1/call/com.fails", &[], "");
        let invocation = callee.invocation();
        callee.send(&json!([8, 68, invocation[1], {}, error, ["why", 7], {"more": true}]));
        let answer = http.receive(false);
        assert_eq!((answer.status, answer.error()), (status, error.to_owned()));
        let problem = answer.json();
        assert_eq!((&problem["args"], &problem["kwargs"]), (&json!(["why", 7]), &json!({"more": true})), "{error}");
        assert_eq!(problem["detail"], "why");
        assert_eq!(answer.header("retry-after").is_some(), status == 429 || status == 503, "{error}");
        assert_eq!(answer.header("www-authenticate").is_some(), status == 401, "{error}");
    }
}

/// Section 5.
#[test]
fn a_call_says_how_long_it_took_and_each_answer_what_its_headers_are() {
    let router = Router::start();
    let answer = router.http().post("/api/v1/call/wamp.session.count", "");
    let timing = answer.header("server-timing").unwrap();
    let (route, callee) = timing.split_once(", ").unwrap();
    assert!(route.starts_with("route;dur=") && callee.starts_with("callee;dur="), "{timing}");
    for name in ["wharf-request-id", "cache-control", "x-content-type-options", "vary"] {
        assert!(answer.header(name).is_some(), "{name}");
    }
    let text = router.http().get("/metrics").body;
    let line = "wharf_http_requests_total{listener=\"main\",endpoint=\"call\",status=\"200\"} 1";
    assert!(text.contains(line), "{text}");
    assert!(text.contains("wharf_http_duration_seconds_count{endpoint=\"call\"} 1"), "{text}");
}

/// Section 6, last point.
#[test]
fn a_public_listener_without_tls_takes_no_credential_unless_that_is_allowed() {
    let config = CONFIG.replace(
        "[listeners.bare]\nbind = \"127.0.0.1:PORT1\"",
        "[listeners.bare]\nbind = \"0.0.0.0:PORT1\"\nrealms = [\"locked\"]EXTRA",
    );
    let config = config.replace("anonymous = { role = \"guest\" }", "");
    let (path, ann) = ("/api/v1/realms/locked/call/com.nope", basic("ann", "s3cret"));
    for (extra, status) in [("", 403), ("\nallow_insecure = true", 404), ("\ntrusted_proxies = [\"10.0.0.1\"]", 404)] {
        let router = Router::with(&config.replace("EXTRA", extra));
        let mut http = Http::connect(router.port(1));
        assert_eq!(http.request("POST", path, &[("Authorization", &ann)], "").status, status, "{extra}");
        let denied = if status == 403 { 403 } else { 401 };
        assert_eq!(http.request("POST", path, &[("X-API-Key", "whk_x")], "").status, denied);
        assert_eq!(http.get("/api/v1/realms/locked/events?topic=com.a&ticket=wht_x").status, denied);
    }
}

/// `rest.auth_cache`: what was found right is forgotten with a reload, and a wrong ticket stays wrong.
#[test]
fn a_remembered_ticket_holds_until_its_user_changes() {
    let router = Router::start();
    let mut http = router.http();
    let path = "/api/v1/realms/locked/call/com.nope";
    let (right, wrong) = (basic("ann", "s3cret"), basic("ann", "wrong"));
    for (credential, status) in [(&right, 404), (&right, 404), (&wrong, 401), (&right, 404), (&wrong, 401)] {
        assert_eq!(http.request("POST", path, &[("Authorization", credential)], "").status, status);
    }
    std::fs::write(router.folder().join("ticket"), "other\n").unwrap();
    router.reload();
    while http.request("POST", path, &[("Authorization", &basic("ann", "other"))], "").status != 404 {}
    assert_eq!(http.request("POST", path, &[("Authorization", &right)], "").status, 401);
}

/// Each request of the table in docs/HTTP.md, as it stands there.
#[test]
fn every_documented_request_of_the_bridge_is_answered_as_documented() {
    let router = Router::start();
    let mut callee = router.session();
    callee.register("com.example.add");
    std::thread::spawn(move || loop {
        let invocation = callee.invocation();
        let terms: Vec<i64> = invocation[4].as_array().unwrap().iter().filter_map(serde_json::Value::as_i64).collect();
        callee.send(&json!([70, invocation[1], {}, [terms.iter().sum::<i64>()]]));
        if terms.is_empty() {
            break;
        }
    });
    let mut http = router.http();
    let documented = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/HTTP.md")).unwrap();
    let mut rows = 0;
    for row in documented.lines().filter(|row| row.contains(" R/") && row.starts_with("| `")) {
        let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
        let [request, body, answer] = cells[..] else { panic!("{row}") };
        let (method, path) = request.trim_matches('`').split_once(" R/").unwrap();
        let (status, text) = answer.split_once(' ').unwrap_or((answer, ""));
        for realm in ["/api/v1", "/api/v1/realms/main", "/api/v1/realms/com.example.main"] {
            let said = http.request(method, &format!("{realm}/{path}"), &[JSON], body.trim_matches('`'));
            assert_eq!(said.status.to_string(), status, "{row}: {}", said.body);
            assert!(said.body.contains(text.trim_matches('`')), "{row}: {}", said.body);
        }
        rows += 1;
    }
    assert!(rows >= 10, "{rows}");
    assert_eq!(http.post("/api/v1/call/com.example.add", r#"{"args":[]}"#).status, 200);
}

/// Section 5: `RateLimit` and `RateLimit-Policy`, of roles that have a rate.
#[test]
fn a_role_with_a_rate_is_told_what_is_left_of_it() {
    let limited = "[realms.main.roles.member]\nrate = { calls = \"1/s\", publishes = \"2/s\", burst = 3 }";
    let route = "[rest.routes.count]\nmethod = \"POST\"\npath = \"/count\"\nrealm = \"main\"\ncall = \"com.nope\"\n";
    let cors = "[rest.cors]\norigins = [\"https://shop.example\"]\n[rest.status]";
    let config = CONFIG.replace("[realms.main.roles.member]", limited).replace("[rest.status]", cors);
    let router = Router::with(&format!("{config}\n{route}"));
    let mut http = router.http();
    let (bob, ann) = (basic("bob", "s3cret"), basic("ann", "s3cret"));
    let call = "/api/v1/call/wamp.session.count";
    let mut ask = |path: &str, credential: &str, body: &str| {
        http.request("POST", path, &[JSON, ("Authorization", credential), ("Origin", "https://shop.example")], body)
    };
    let said = |answer: &crate::client::Response| {
        let of = |name: &str| answer.header(name).map(ToOwned::to_owned);
        of("ratelimit-policy").zip(of("ratelimit"))
    };
    let left = |limit: &str| -> u32 { limit.split(&['=', ';'][..]).nth(2).unwrap().parse().unwrap() };
    let (policy, limit) = said(&ask(call, &bob, "")).unwrap();
    assert_eq!((&*policy, &*limit), ("\"calls\";q=3;w=3", "\"calls\";r=2;t=1"));
    let refused = std::iter::repeat_with(|| ask(call, &bob, "")).find(|answer| answer.status == 429).unwrap();
    let (policy, limit) = said(&refused).unwrap();
    assert_eq!((&*policy, left(&limit), refused.header("retry-after")), ("\"calls\";q=3;w=3", 0, Some("1")));
    assert!(refused.header("access-control-expose-headers").unwrap().contains("RateLimit, RateLimit-Policy"));
    let published = said(&ask("/api/v1/publish/com.a", &bob, "")).unwrap();
    assert_eq!(published.0, "\"publishes\";q=3;w=2");
    let batch = said(&ask("/api/v1/batch", &bob, r#"{"items":[{"op":"publish","topic":"com.a"}]}"#)).unwrap();
    assert_eq!(batch.0, "\"calls\";q=3;w=3, \"publishes\";q=3;w=2");
    assert_eq!(said(&ask("/count", &bob, "")).unwrap().0, "\"calls\";q=3;w=3");
    // A role without a rate is told nothing.
    assert_eq!(said(&ask(call, &ann, "")), None);
}

/// Section 9: what was left when a stored answer was made is of no use when it is repeated.
#[test]
fn a_stored_answer_does_not_repeat_what_was_left_of_a_rate() {
    let limited = "[realms.main.roles.member]\nrate = { calls = \"100/s\", burst = 100 }";
    let router = Router::with(&CONFIG.replace("[realms.main.roles.member]", limited));
    let mut http = router.http();
    let bob = basic("bob", "s3cret");
    let headers = [("Authorization", &*bob), ("Idempotency-Key", "k")];
    for is_said in [true, false] {
        let answer = http.request("POST", "/api/v1/call/wamp.session.count", &headers, "");
        assert_eq!((answer.status, answer.header("ratelimit").is_some()), (200, is_said));
    }
}
