//! Pages of other origins. Section 16 of the HTTP design.

use crate::client::{basic, Response};
use crate::router::{Router, CONFIG};

const CALL: &str = "/api/v1/call/wamp.session.count";
const SHOP: (&str, &str) = ("Origin", "https://shop.example");
const EVIL: (&str, &str) = ("Origin", "https://evil.example");

fn router(cors: &str) -> Router {
    Router::with(&CONFIG.replace("[rest.status]", &format!("[rest.cors]\n{cors}\n[rest.status]")))
}

fn allowed(response: &Response) -> Option<&str> {
    response.header("access-control-allow-origin")
}

/// Section 16: origin by credential.
#[test]
fn a_listed_page_may_read_and_another_may_not_act_by_ambient_trust() {
    let router = router("origins = [\"https://shop.example\"]");
    let mut http = router.http();
    let ann = basic("ann", "s3cret");
    let ticket = ("Authorization", &*ann);
    for (headers, status, origin) in [
        (vec![SHOP], 200, Some("https://shop.example")),
        (vec![SHOP, ticket], 200, Some("https://shop.example")),
        (vec![EVIL], 403, None),
        (vec![("Origin", "null")], 403, None),
        (vec![SHOP, SHOP], 403, None),
        (vec![EVIL, ticket], 200, None),
        (vec![("Origin", "http://localhost")], 200, None),
        (vec![], 200, None),
    ] {
        let answer = http.request("POST", CALL, &headers, "");
        assert_eq!((answer.status, allowed(&answer)), (status, origin), "{headers:?}");
        assert_eq!(answer.header("vary"), Some("Origin, Accept"));
        assert_eq!(answer.header("access-control-allow-credentials"), None);
        assert_eq!(answer.header("access-control-expose-headers").is_some(), origin.is_some());
    }
    // A listed page reads failures, too.
    assert_eq!(allowed(&http.request("POST", "/api/v1/call/com.nope", &[SHOP], "")), Some("https://shop.example"));
    assert_eq!(allowed(&http.request("GET", CALL, &[SHOP], "")), Some("https://shop.example"));
}

/// Section 16: preflights.
#[test]
fn a_preflight_is_answered_for_listed_origins_alone() {
    let router =
        router("origins = [\"https://shop.example\", \"http://dev.example:*\"]\ncredentials = true\nmax_age = \"5m\"");
    let mut http = router.http();
    let ask = ("Access-Control-Request-Method", "POST");
    for origin in ["https://shop.example", "http://dev.example:3000"] {
        let answer = http.request("OPTIONS", CALL, &[("Origin", origin), ask], "");
        assert_eq!((answer.status, allowed(&answer)), (204, Some(origin)));
        assert_eq!(answer.header("access-control-allow-methods"), Some("OPTIONS, POST"));
        assert_eq!(answer.header("access-control-max-age"), Some("300"));
        assert_eq!(answer.header("access-control-allow-credentials"), Some("true"));
        let headers = answer.header("access-control-allow-headers").unwrap();
        for header in ["Authorization", "Content-Type", "Idempotency-Key", "Prefer"] {
            assert!(headers.split(", ").any(|allowed| allowed == header), "{headers}");
        }
    }
    let answer = http.request("OPTIONS", CALL, &[EVIL, ask], "");
    assert_eq!((answer.status, allowed(&answer), answer.header("allow")), (204, None, Some("OPTIONS, POST")));
    assert_eq!(answer.header("access-control-allow-methods"), None);
}

/// Section 16: `*`, and a reload.
#[test]
fn all_origins_may_be_listed_and_a_reload_takes_them_back() {
    let router = router("origins = [\"*\"]");
    let mut http = router.http();
    let answer = http.request("POST", CALL, &[EVIL], "");
    assert_eq!((answer.status, allowed(&answer)), (200, Some("*")));
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("origins = [\"*\"]", "origins = []")).unwrap();
    router.reload();
    while http.request("POST", CALL, &[EVIL], "").status != 403 {}
}

/// Section 16: what a page from elsewhere makes a browser fetch (a picture, a script, a frame) has no Origin, and acts for nobody.
#[test]
fn what_a_page_of_another_origin_fetches_without_saying_so_is_refused() {
    let routes = "[rest.routes.buy]\nmethod = \"GET\"\npath = \"/buy\"\nrealm = \"main\"\npublish = \"com.sold\"\n";
    let router = Router::with(&format!("{CONFIG}{routes}"));
    let mut http = router.http();
    let joe = basic("ann", "s3cret");
    let (cross, image) = (("Sec-Fetch-Site", "cross-site"), ("Sec-Fetch-Dest", "image"));
    let (no_cors, navigate) = (("Sec-Fetch-Mode", "no-cors"), ("Sec-Fetch-Mode", "navigate"));
    for (headers, status) in [
        (vec![cross, no_cors, image], 403),
        (vec![("Sec-Fetch-Site", "same-site"), no_cors, image], 403),
        (vec![cross, navigate, ("Sec-Fetch-Dest", "iframe")], 403),
        (vec![cross, no_cors, image, ("Authorization", &*joe)], 200),
        (vec![cross, navigate, ("Sec-Fetch-Dest", "document")], 200),
        (vec![("Sec-Fetch-Site", "same-origin"), no_cors, image], 200),
        (vec![("Sec-Fetch-Site", "none"), navigate], 200),
        (vec![], 200),
    ] {
        let answer = http.request("GET", "/buy", &headers, "");
        assert_eq!(answer.status, status, "{headers:?}: {}", answer.body);
        if status == 403 {
            http = router.http();
        }
    }
}
