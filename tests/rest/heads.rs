//! Paths, methods and heads. Sections 4, 5 and 8.1 of the HTTP design, T3 of the limits.

use crate::client::{Http, JSON};
use crate::router::{Router, CONFIG};

const COUNT: &str = "/api/v1/call/wamp.session.count";

/// Section 4: a trailing slash is not the same path.
#[test]
fn paths_that_are_none_are_404_problems() {
    let router = Router::start();
    let mut http = router.http();
    for path in ["/api", "/api/", "/api/v2/call/x", "/api/v1/call/com.a/", "/api/v1/calls/com.a", "/api/v1/realms/main"]
    {
        let response = http.post(path, "");
        assert_eq!((response.status, &*response.error()), (404, "wharf.error.http"), "{path}");
    }
    // This listener has no realm of its own.
    assert_eq!(Http::connect(router.port(1)).post(COUNT, "").status, 404);
}

/// Section 4.
#[test]
fn other_methods_are_405_and_options_tells_which_are_taken() {
    let router = Router::start();
    let mut http = router.http();
    for method in ["GET", "PUT", "DELETE", "PATCH"] {
        let response = http.request(method, COUNT, &[], "");
        assert_eq!((response.status, &*response.error()), (405, "wharf.error.http"), "{method}");
        assert_eq!(response.header("allow"), Some("OPTIONS, POST"));
    }
    let options = http.request("OPTIONS", "/api/v1/realms/main/publish", &[], "");
    assert_eq!((options.status, options.header("allow")), (204, Some("OPTIONS, POST")));
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket")];
    assert_eq!(router.http().request("POST", COUNT, &upgrade, "").status, 404);
    let ignored = [("Connection", "Upgrade"), ("Upgrade", "h2c"), JSON];
    assert_eq!(router.http().request("POST", COUNT, &ignored, "{}").status, 200);
}

/// Section 5.
#[test]
fn every_answer_has_the_headers_that_all_have() {
    let router = Router::start();
    let mut http = router.http();
    for path in [COUNT, "/api/v1/call/com.nope", "/api/nope"] {
        let response = http.post(path, "");
        assert_eq!(response.header("cache-control"), Some("no-store"), "{path}");
        assert_eq!(response.header("x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(response.header("vary"), Some("Origin, Accept"), "{path}");
        let name = response.header("wharf-request-id").unwrap();
        assert_eq!((name.len(), name.as_bytes()[14]), (36, b'7'), "{path}: a UUID v7");
    }
    let long = "x".repeat(129);
    for (name, taken) in [("mine-1", true), ("a b", false), (&long, false)] {
        let response = http.request("POST", COUNT, &[("X-Request-Id", name)], "");
        assert_eq!(response.header("wharf-request-id") == Some(name), taken, "{name}");
    }
}

/// T3.
#[test]
fn a_head_with_too_many_lines_or_octets_is_431_and_counted() {
    let small = "bind = \"127.0.0.1:PORT0\"\nmax_header = \"1KiB\"\nmax_header_lines = 5";
    let router = Router::with(&CONFIG.replace("bind = \"127.0.0.1:PORT0\"", small));
    let lines = [("A", "1"), ("B", "2"), ("C", "3"), ("D", "4"), ("E", "5")];
    let (fits, more) = (&lines[..4], &lines[..]);
    assert_eq!(router.http().request("POST", COUNT, fits, "").status, 200);
    let response = router.http().request("POST", COUNT, more, "");
    assert_eq!((response.status, &*response.error()), (431, "wharf.error.http"));
    let long = "x".repeat(1000);
    assert_eq!(router.http().request("POST", COUNT, &[("A", &long)], "").status, 431);
    // Also before a WebSocket handshake.
    assert_eq!(router.http().request("GET", "/ws", &[("A", &long)], "").status, 431);
    let metrics = router.http().get("/metrics");
    assert!(metrics.body.contains("wharf_refused_total{reason=\"header_limit\"} 3\n"), "{}", metrics.body);
}

/// Section 16.
#[test]
fn a_url_over_8_kib_is_414() {
    let router = Router::start();
    let path = format!("/api/v1/call/{}", "x".repeat(9000));
    assert_eq!(router.http().post(&path, "").status, 414);
}

/// Section 8.1: names that lead here from elsewhere are refused in dev mode.
#[test]
fn in_dev_mode_a_host_that_is_not_loopback_is_421() {
    let config = include_str!("../../config/wharf.toml");
    let config = config.replace("localhost:8080", "127.0.0.1:PORT0").replace("localhost:8081", "127.0.0.1:PORT2");
    let router = Router::with(&config);
    for (host, status) in [
        ("localhost:8080", 200),
        ("127.0.0.1", 200),
        ("[::1]:8080", 200),
        ("evil.example", 421),
        ("192.0.2.1:8080", 421),
    ] {
        let response = router.http().request("POST", COUNT, &[("Host", host)], "");
        assert_eq!(response.status, status, "{host}");
    }
    assert_eq!(router.http().request("GET", "/metrics", &[("Host", "evil.example")], "").status, 421);
    // Elsewhere a Host is whatever it is.
    assert_eq!(Router::start().http().request("POST", COUNT, &[("Host", "shop.example")], "").status, 200);
}
