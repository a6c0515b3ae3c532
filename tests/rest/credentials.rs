//! Who may ask. Sections 6 and 16 of the HTTP design.

use crate::client::basic;
use crate::router::{Router, CONFIG};
use serde_json::json;

const COUNT: &str = "/api/v1/realms/locked/call/com.nope";

/// Section 6.
#[test]
fn without_a_credential_a_realm_must_let_anonymous_callers_in_over_http() {
    let router = Router::start();
    let response = router.http().post(COUNT, "");
    assert_eq!((response.status, &*response.error()), (401, "wamp.error.authentication_required"));
    assert_eq!(response.header("www-authenticate"), Some("Basic realm=\"wharf\""));
}

/// Section 6, A1: an unknown name and a wrong secret are the same answer.
#[test]
fn a_right_ticket_is_let_in_and_wrong_and_unknown_are_the_same_401() {
    let router = Router::start();
    let mut http = router.http();
    let mut ask = |authid: &str, ticket: &str| {
        let credential = basic(authid, ticket);
        http.request("POST", COUNT, &[("Authorization", &credential), ("X-Request-Id", "r")], "")
    };
    assert_eq!(ask("ann", "s3cret").error(), "wamp.error.no_such_procedure");
    let wrong = ask("ann", "guess");
    assert_eq!((wrong.status, &*wrong.error()), (401, "wamp.error.authentication_denied"));
    assert_eq!(wrong.header("www-authenticate"), Some("Basic realm=\"wharf\""));
    for (authid, ticket) in [("nobody", "s3cret"), ("ann", ""), ("", "")] {
        assert_eq!(ask(authid, ticket).body, wrong.body, "{authid}");
    }
}

/// Limits A2, section 8.1: guesses beyond the allowance are 429 and not looked at; another name is let in meanwhile.
#[test]
fn too_many_wrong_tickets_are_429() {
    let router = Router::start();
    let mut http = router.http();
    let mut ask = |authid: &str, ticket: &str| {
        http.request("POST", "/api/v1/call/com.nope", &[("Authorization", &basic(authid, ticket))], "")
    };
    // One more is allowed each second, so that a slow machine needs some more than ten.
    let refused = (0..200).map(|_| ask("ann", "guess")).find(|response| response.status != 401).unwrap();
    assert_eq!((refused.status, &*refused.error()), (429, "wharf.error.too_many_attempts"));
    assert!(refused.header("retry-after").is_some());
    assert_eq!(ask("bob", "s3cret").error(), "wamp.error.no_such_procedure");
}

/// Section 6: a ticket of a name that no table has is judged by whoever is asked, as for every other transport.
#[test]
fn a_ticket_may_be_judged_by_a_procedure() {
    let router = Router::with(&format!(
        "{CONFIG}\n[realms.main.auth.dynamic.d]\nmethods = [\"ticket\"]\nprocedure = \"com.auth\"\n"
    ));
    let ask = |http: &mut crate::client::Http| {
        let credential = basic("eve", "t1cket");
        http.send("POST", "/api/v1/call/com.nope", &[("Authorization", &credential), ("X-Request-Id", "r")], "");
    };
    let mut http = router.http();
    ask(&mut http);
    let away = http.receive(false);
    assert_eq!((away.status, &*away.error()), (503, "wamp.error.authentication_failed"));

    let mut authenticator = router.session();
    authenticator.register("com.auth");
    for (answer, status, error) in [
        (json!(["guest"]), 404, "wamp.error.no_such_procedure"),
        (json!([{"role": "nobody"}]), 401, "wamp.error.no_such_role"),
        (json!([null]), 503, "wamp.error.authentication_failed"),
    ] {
        ask(&mut http);
        let invocation = authenticator.invocation();
        let details = &invocation[4][2];
        assert_eq!((&invocation[4][1], &details["ticket"]), (&json!("eve"), &json!("t1cket")));
        assert_eq!(details["transport"]["type"], "http");
        assert_eq!(details["transport"]["http_headers_received"]["x-request-id"], "r");
        assert!(details["transport"]["http_headers_received"].get("authorization").is_none());
        authenticator.send(&json!([70, invocation[1], {}, answer]));
        let response = http.receive(false);
        assert_eq!((response.status, &*response.error()), (status, error));
    }
}

/// Section 6: exactly one credential, of a kind that is known.
#[test]
fn other_credentials_are_401_and_two_are_400() {
    let router = Router::start();
    let mut http = router.http();
    let ann = basic("ann", "s3cret");
    for (headers, status) in [
        (&[("Authorization", "Bearer abc")][..], 401),
        (&[("Authorization", "Basic !!!")], 401),
        (&[("Authorization", "Basic")], 401),
        (&[("X-API-Key", "whk_1")], 401),
        (&[("Authorization", &*ann), ("X-API-Key", "whk_1")], 400),
        (&[("Authorization", &*ann), ("Authorization", &*ann)], 400),
    ] {
        // A realm that lets anonymous callers in does not take a bad credential for none.
        assert_eq!(http.request("POST", "/api/v1/call/wamp.session.count", headers, "").status, status, "{headers:?}");
    }
}

/// Section 16: a page from elsewhere must not act through a local router.
#[test]
fn a_foreign_page_without_a_credential_of_its_own_is_403_and_nothing_is_called() {
    let router = Router::start();
    let (mut http, mut subscriber) = (router.http(), router.session());
    subscriber.subscribe("com.topic");
    let publish = "/api/v1/publish/com.topic";
    let foreign = ("Origin", "http://evil.example");
    assert_eq!(http.request("POST", publish, &[foreign], "").status, 403);
    assert_eq!(http.request("POST", publish, &[("Origin", "null")], "").status, 403);
    let ann = basic("ann", "s3cret");
    let own = http.request("POST", publish, &[("Origin", "http://localhost")], "");
    assert_eq!(own.json()["id"], subscriber.expect(36)[2]);
    let with_credential = http.request("POST", publish, &[foreign, ("Authorization", &ann)], "");
    assert_eq!(with_credential.json()["id"], subscriber.expect(36)[2]);
}
