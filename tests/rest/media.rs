//! Media types and bodies. Sections 7 and 8.1 of the HTTP design, H1 of the limits.

use crate::client::{Http, JSON};
use crate::router::{Router, CONFIG};

/// What a body may be.
const ALL: &str =
    "application/json, application/msgpack, application/x-msgpack, application/vnd.msgpack, application/cbor";

const COUNT: &str = "/api/v1/call/wamp.session.count";

/// Section 7.
#[test]
fn a_body_of_another_type_or_charset_or_encoded_is_415() {
    let router = Router::start();
    for headers in [
        &[("Content-Type", "application/x-www-form-urlencoded")][..],
        &[("Content-Type", "application/json; charset=latin1")],
        &[JSON, JSON],
        &[JSON, ("Content-Encoding", "gzip")],
    ] {
        let response = router.http().request("POST", COUNT, headers, "{}");
        assert_eq!((response.status, &*response.error()), (415, "wharf.error.http"), "{headers:?}");
        assert_eq!(response.header("accept-post"), Some(ALL));
    }
    for headers in [&[][..], &[("Content-Type", "APPLICATION/json;charset=UTF-8"), ("Content-Encoding", "identity")]] {
        assert_eq!(router.http().request("POST", COUNT, headers, "{}").status, 200, "{headers:?}");
    }
}

/// Section 4.1: an empty body means no arguments.
#[test]
fn an_empty_body_is_of_any_type() {
    let headers = [("Content-Type", "application/x-www-form-urlencoded")];
    assert_eq!(Router::start().http().request("POST", COUNT, &headers, "").status, 200);
}

/// Section 7.
#[test]
fn an_accept_that_excludes_all_types_is_406() {
    let router = Router::start();
    let mut http = router.http();
    for (accept, status) in [
        ("text/html", 406),
        ("text/plain", 406),
        ("application/json;q=0", 406),
        ("text/html, */*;q=0.1", 200),
        ("application/json", 200),
    ] {
        let response = http.request("POST", COUNT, &[("Accept", accept)], "");
        assert_eq!(response.status, status, "{accept}");
        if status == 406 {
            assert_eq!(response.error(), "wharf.error.http");
        }
    }
}

/// H1: the body is not read further.
#[test]
fn a_body_over_the_limit_is_413_and_the_connection_ends() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nmax_body = \"1KiB\""));
    let fits = format!("{{\"args\":[{:1012}]}}", 1);
    assert_eq!(fits.len(), 1023);
    let mut http = router.http();
    // The procedure wants no arguments, and ignores them.
    assert_eq!(http.post(COUNT, &fits).error(), "wamp.error.invalid_argument");
    http.write(format!("POST {COUNT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 68719476736\r\n\r\n").as_bytes());
    let announced = http.receive(false);
    assert_eq!((announced.status, &*announced.error()), (413, "wharf.error.http"));
    assert!(http.is_closed());

    let mut http = router.http();
    let chunk = "x".repeat(2000);
    let head = format!("POST {COUNT} HTTP/1.1\r\nHost: localhost\r\nTransfer-Encoding: chunked\r\n\r\n");
    http.write(format!("{head}7d0\r\n{chunk}\r\n").as_bytes());
    assert_eq!(http.receive(false).status, 413);
    assert!(http.is_closed());
}

/// Section 16: head and body within the time.
#[test]
fn a_body_that_does_not_come_is_408_and_the_connection_ends() {
    let router = Router::with(&CONFIG.replace("[rest]", "[rest]\nbody_timeout = \"200ms\""));
    let mut http = router.http();
    http.write(format!("POST {COUNT} HTTP/1.1\r\nHost: localhost\r\nContent-Length: 10\r\n\r\n{{").as_bytes());
    let response = http.receive(false);
    assert_eq!((response.status, &*response.error()), (408, "wharf.error.http"));
    assert!(http.is_closed());
}

/// Section 8.1.
#[test]
fn a_request_with_two_lengths_is_400_and_the_connection_ends() {
    let router = Router::start();
    let lengths = ["Content-Length: 2\r\nContent-Length: 2", "Content-Length: 2\r\nTransfer-Encoding: chunked"];
    for lengths in lengths {
        let mut http: Http = router.http();
        http.write(format!("POST {COUNT} HTTP/1.1\r\nHost: localhost\r\n{lengths}\r\n\r\n{{}}").as_bytes());
        assert_eq!(http.receive(false).status, 400, "{lengths}");
        assert!(http.is_closed(), "{lengths}");
    }
}
