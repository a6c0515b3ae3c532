//! Health and metrics. Section 17 of the HTTP design, section 12 of the limits.

use crate::client::Http;
use crate::router::Router;
use std::collections::BTreeMap;

/// Reads a scrape as a scraper does: each line is a comment, or a name with labels and a number; `# EOF` is the last.
fn scrape(http: &mut Http) -> BTreeMap<String, f64> {
    let response = http.get("/metrics");
    assert_eq!(response.status, 200);
    assert!(response.header("content-type").unwrap().starts_with("application/openmetrics-text; version=1.0.0"));
    assert!(response.body.ends_with("# EOF\n"));
    let samples = response.body.lines().filter(|line| !line.starts_with('#'));
    samples
        .map(|line| {
            let (name, value) = line.rsplit_once(' ').unwrap();
            (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
        })
        .collect()
}

/// Section 12 of the limits.
#[test]
fn metrics_can_be_parsed_and_have_all_names() {
    let router = Router::start();
    let samples = scrape(&mut router.http());
    for name in [
        "wharf_sessions",
        "wharf_connections",
        "wharf_messages_in_total{type=\"CALL\"}",
        "wharf_messages_out_total{type=\"EVENT\"}",
        "wharf_calls_in_flight",
        "wharf_subscriptions",
        "wharf_registrations",
        "wharf_outbox_overflows_total",
        "wharf_outbox_dropped_total",
        "wharf_refused_total{reason=\"slow_consumer\"}",
        "wharf_late_answers_total",
        "wharf_progress_dropped_total",
        "wharf_transcode_lossy_total",
        "wharf_undeliverable_total",
        "wharf_panics_total{actor=\"session\"}",
        "wharf_panics_total{actor=\"realm\"}",
        "wharf_realm_restarts_total",
        "wharf_read_paused_seconds_total",
        "wharf_accept_paused_seconds_total",
        "wharf_worker_busy_seconds_total",
        "wharf_build_info{version=\"0.1.0\"}",
        "process_resident_memory_bytes",
        "process_start_time_seconds",
    ] {
        assert!(samples.contains_key(name), "{name}");
    }
    assert!(samples["process_resident_memory_bytes"] > 1e6);
    assert!(samples["process_start_time_seconds"] > 1.6e9);
}

#[test]
fn metrics_move_with_what_happens() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.echo");
    callee.subscribe("com.topic");
    let before = scrape(&mut http);
    let mut other = router.http();
    other.send("POST", "/api/v1/call/com.echo", &[], "");
    let invocation = callee.invocation();
    let during = scrape(&mut http);
    callee.send(&serde_json::json!([70, invocation[1], {}]));
    assert_eq!(other.receive(false).status, 200);
    assert_eq!(other.post("/api/v1/call/com.secret.x", "").status, 403);
    assert_eq!(other.post("/api/v1/publish/com.topic", "{").status, 400);
    let after = scrape(&mut http);
    for (name, then, now) in [
        ("wharf_sessions", 1.0, 2.0),
        ("wharf_http_sessions", 0.0, 1.0),
        ("wharf_registrations", 1.0, 1.0),
        ("wharf_subscriptions", 1.0, 1.0),
        ("wharf_messages_in_total{type=\"CALL\"}", 0.0, 2.0),
        ("wharf_messages_out_total{type=\"INVOCATION\"}", 0.0, 1.0),
        ("wharf_refused_total{reason=\"authz\"}", 0.0, 1.0),
        ("wharf_refused_total{reason=\"http\"}", 0.0, 1.0),
    ] {
        assert_eq!((before[name], after[name]), (then, now), "{name}");
    }
    let in_flight = "wharf_calls_in_flight";
    assert_eq!((before[in_flight], during[in_flight], after[in_flight]), (0.0, 1.0, 0.0));
}

/// Section 17.
#[test]
fn health_pages_answer_get_and_head_and_nothing_else() {
    let router = Router::start();
    let mut http = router.http();
    for (path, body) in
        [("/livez", "live\n"), ("/readyz", "ready\n"), ("/healthz", "{\"status\":\"ready\",\"version\":\"0.1.0\"}\n")]
    {
        let get = http.get(path);
        assert_eq!((get.status, &*get.body), (200, body));
        let head = http.request("HEAD", path, &[], "");
        assert_eq!((head.status, head.header("content-length")), (200, get.header("content-length")), "{path}");
        let post = http.post(path, "");
        assert_eq!((post.status, post.header("allow")), (405, Some("GET, HEAD, OPTIONS")), "{path}");
        assert_eq!(http.request("OPTIONS", path, &[], "").header("allow"), Some("GET, HEAD, OPTIONS"));
    }
    assert_eq!(http.request("HEAD", "/metrics", &[], "").status, 200);
}

/// Rule 3 of section 1: nothing is served unless a listener names it.
#[test]
fn pages_are_served_only_where_the_listener_names_them() {
    let router = Router::start();
    let mut bare = Http::connect(router.port(1));
    for path in ["/metrics", "/livez", "/readyz", "/healthz"] {
        assert_eq!(bare.get(path).status, 404, "{path}");
    }
    assert_eq!(bare.post("/api/v1/realms/main/call/wamp.session.count", "").status, 200);
}
