//! Streams whose readers read nothing: their sockets end, and where memory is short so do they. S1 and S3 of the limits.

use crate::client::Http;
use crate::router::{Router, CONFIG};
use crate::stream::Stream;
use std::path::Path;
use std::time::{Duration, Instant};

const EVENTS: &str = "/api/v1/events?topic=com.big";

/// Asks until it is so.
fn until(what: &str, mut is_so: impl FnMut() -> bool) {
    let end = Instant::now() + Duration::from_secs(60);
    while !is_so() {
        assert!(Instant::now() < end, "{what}");
        std::thread::yield_now();
    }
}

/// A line of the metrics.
fn has(metrics: &mut Http, line: &str) -> bool {
    metrics.get("/metrics").body.lines().any(|other| other == line)
}

/// Publishes one event of half a mebibyte.
fn publish(http: &mut Http) {
    let body = format!(r#"{{"args":["{}"]}}"#, "x".repeat(512 << 10));
    let published = http.post("/api/v1/publish/com.big", &body);
    assert_eq!(published.status, 200, "{}", published.body);
}

/// How many files and sockets the router has open.
fn open_files(router: &Router) -> usize {
    let folder = format!("/proc/{}/fd", router.child.id());
    std::fs::read_dir(Path::new(&folder)).unwrap().count()
}

/// S1: the session of a frozen reader is cut, and its socket does not stay until TCP gives up.
#[cfg(target_os = "linux")]
#[test]
fn the_socket_of_a_frozen_stream_is_closed_a_second_after_its_session_may_stall() {
    // TCP would end it as well, half a minute later.
    let config = CONFIG.replace("[listeners.main]", "[listeners.main]\ntcp_user_timeout = \"10m\"");
    let router = Router::with(&format!("{config}\n[realms.main.queue]\nstall = \"300ms\"\n"));
    let (mut metrics, mut publisher) = (router.http(), router.http());
    publish(&mut publisher);
    assert!(has(&mut metrics, "wharf_http_streams 0"));
    let before = open_files(&router);
    let frozen = Stream::open(router.http(), EVENTS, &[]);
    assert_eq!(open_files(&router), before + 1);
    until("its session is cut", || {
        publish(&mut publisher);
        has(&mut metrics, "wharf_http_streams 0")
    });
    until("its socket is closed", || open_files(&router) == before);
    drop(frozen);
}

/// S3: the session with the largest outbox is cut, also where that is a stream's; one whose outbox is empty is not.
#[test]
fn where_memory_is_short_a_stream_is_cut_that_has_the_largest_outbox() {
    let config = format!("{CONFIG}\n[realms.main.queue]\nstall = \"10m\"\nmax_bytes = \"256MiB\"\n");
    let router = Router::with(&config);
    let (mut metrics, mut publisher) = (router.http(), router.http());
    let frozen = Stream::open(router.http(), EVENTS, &[]);
    let mut session = router.session();
    for _ in 0..48 {
        publish(&mut publisher);
    }
    assert!(has(&mut metrics, "wharf_http_streams 1"));
    let path = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&path).unwrap();
    std::fs::write(&path, format!("{text}\n[limits]\nmemory = \"16MiB\"\n")).unwrap();
    router.reload();
    until("the stream is cut", || has(&mut metrics, "wharf_http_streams 0"));
    assert!(has(&mut metrics, "wharf_refused_total{reason=\"overload\"} 1"), "{}", metrics.get("/metrics").body);
    session.register("com.still.here");
    drop(frozen);
}
