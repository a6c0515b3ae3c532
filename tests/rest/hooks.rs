//! Hooks that are signed as clients of Crossbar's bridge sign, and who guesses at signatures. Sections 12.2 and 15 of the HTTP
//! design; A2 and H2 of the limits.

use crate::client::{basic, Http, Response};
use crate::crossbar::{self, signed, Signature, GOOD};
use crate::router::{Router, CONFIG};
use serde_json::json;
use std::time::{Duration, Instant};

const HOOKS: &str = r#"
[node]
dev = true
[listeners.hooks]
bind = "127.0.0.1:PORT3"
serve = ["hooks"]
[webhooks.in.bridge]
realm = "main"
role = "guest"
verify = { kind = "crossbar", key = "myapp1", secret = "s3cr3t" }
publish = "com.shop.bridge"
payload = "json"
[webhooks.in.erp]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "joe", secret = "pass" }
publish = "com.shop.erp"
"#;

fn start() -> Router {
    Router::with(&format!("{CONFIG}{HOOKS}"))
}

fn said(response: &Response) -> (u16, String) {
    (response.status, response.error())
}

const DENIED: &str = "wamp.error.authentication_denied";

/// Section 12.2, H2.
#[test]
fn a_hook_signed_as_for_crossbars_bridge_is_published_and_its_nonce_is_good_once() {
    let router = start();
    let mut session = router.session();
    session.subscribe("com.shop.bridge");
    let mut http = Http::connect(router.port(3));
    let mut send = |query: &str, body: &str| http.request("POST", &format!("/hooks/bridge{query}"), &[], body);
    let (body, denied) = (r#"{"n":7}"#, (401, DENIED.to_owned()));
    let query = signed(GOOD, body);
    assert_eq!(said(&send(&query, "{}")), denied, "another body");
    assert_eq!(send(&query, body).status, 202);
    assert_eq!(session.expect(36)[5], json!({"n": 7}));
    router.reload();
    assert_eq!(said(&send(&query, body)), denied, "H2, and a reload forgets nothing");
    for wrong in [
        signed(Signature { key: "other", ..GOOD }, body),
        signed(Signature { secret: "other", ..GOOD }, body),
        signed(Signature { age_seconds: 65, ..GOOD }, body),
        String::new(),
    ] {
        assert_eq!(said(&send(&wrong, body)), denied, "{wrong}");
    }
    assert_eq!(send(&signed(Signature { padded: false, ..GOOD }, r#"{"n":8}"#), r#"{"n":8}"#).status, 202);
    assert_eq!(session.expect(36)[5], json!({"n": 8}), "nothing in between");
}

/// Sends wrong proofs until they are refused unseen, and then the right one, until that is refused as well; then until it is
/// taken. Gives the two refusals.
fn guess(wrong: impl Fn() -> Response, right: impl Fn() -> Response, taken: u16) -> (Response, Response) {
    let end = Instant::now() + Duration::from_secs(60);
    loop {
        assert!(Instant::now() < end, "nobody was refused");
        let refused = wrong();
        if refused.status != 429 {
            continue;
        }
        let also = right();
        if also.status == 429 {
            while right().status != taken {
                assert!(Instant::now() < end, "the right proof is never taken");
                std::thread::yield_now();
            }
            return (refused, also);
        }
    }
}

/// A2: as wrong logins, and the right one is let in after the wait.
#[test]
fn who_guesses_at_a_hook_is_refused_unseen_and_no_other_hook_is_hurt() {
    let router = start();
    let send = |hook: &str, password: &str| {
        let credential = basic("joe", password);
        Http::connect(router.port(3)).request("POST", hook, &[("Authorization", &credential)], "{}")
    };
    let bridge = || {
        let body = r#"{"n":9}"#;
        let path = format!("/hooks/bridge{}", signed(GOOD, body));
        Http::connect(router.port(3)).request("POST", &path, &[], body).status
    };
    let right = || {
        let response = send("/hooks/erp", "pass");
        assert_eq!(bridge(), 202);
        response
    };
    let (wrong, right) = guess(|| send("/hooks/erp", "wrong"), right, 202);
    for refused in [wrong, right] {
        assert_eq!(said(&refused), (429, "wharf.error.too_many_attempts".to_owned()));
        assert_eq!(refused.header("retry-after"), Some("1"));
    }
    // Whoever brings no proof guesses at nothing.
    for _ in 0..20 {
        let none = Http::connect(router.port(3)).request("POST", "/hooks/bridge", &[], "{}");
        assert_eq!(said(&none), (401, DENIED.to_owned()));
    }
    let metrics = router.http().get("/metrics").body;
    assert!(!metrics.contains("wharf_refused_total{reason=\"auth_throttled\"} 0"), "{metrics}");
}

/// A2 and X11: in the words of the bridge.
#[test]
fn who_guesses_at_a_section_of_crossbars_bridge_is_refused_unseen() {
    let router = crossbar::start();
    let body = r#"{"procedure":"com.nope"}"#;
    let send = |how: Signature<'_>| router.http().post(&format!("/signed{}", signed(how, body)), body);
    let (wrong, right) = guess(|| send(Signature { secret: "other", ..GOOD }), || send(GOOD), 200);
    for refused in [wrong, right] {
        let text = r#"{"error":"Too many signatures were wrong: come back later.","args":[],"kwargs":{}}"#;
        assert_eq!((refused.status, &*refused.body, refused.header("retry-after")), (429, text, Some("1")));
    }
    let unsigned = router.http().post("/call", body);
    assert_eq!(unsigned.status, 200);
}
