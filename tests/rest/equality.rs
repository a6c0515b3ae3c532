//! Whoever asks over HTTP may do what a session of the same role may do. Section 19 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use crate::wamp::Session;
use proptest::prelude::*;
use proptest::test_runner::TestRunner;
use serde_json::{json, Value};
use std::cell::RefCell;

/// What became of a request: `ok`, or the error's URI.
fn over_wamp(session: &mut Session, call: bool, uri: &str, options: &Value) -> String {
    let request = session.next_request();
    session.send(&json!([if call { 48 } else { 16 }, request, options, uri]));
    let answer: Value = serde_json::from_str(&session.receive_text()).unwrap();
    if answer[0] == 8 {
        answer[4].as_str().unwrap().to_owned()
    } else {
        "ok".to_owned()
    }
}

fn over_http(http: &mut Http, credential: Option<&str>, call: bool, uri: &str, options: &Value) -> String {
    let (path, member) = if call { ("call", "procedure") } else { ("publish", "topic") };
    let mut headers = vec![JSON];
    headers.extend(credential.map(|credential| ("Authorization", credential)));
    let body = json!({ member: uri, "options": options }).to_string();
    let answer = http.request("POST", &format!("/api/v1/{path}"), &headers, &body);
    if answer.status == 200 {
        "ok".to_owned()
    } else {
        answer.error()
    }
}

/// Property: the verdict by HTTP is that by WAMP, for any role, action, URI and options.
#[test]
fn the_verdict_over_http_is_the_verdict_over_wamp() {
    let member = "[realms.main.roles.member]\ninherit = [\"guest\"]";
    let narrow = "[realms.main.roles.member]\ncall = [\"com.shop.*\", \"wamp.session.*\"]\npublish = [\"com..news\"]";
    let config = CONFIG.replace(member, narrow);
    let router = Router::with(&config);
    let (http, guest) = (RefCell::new(router.http()), RefCell::new(router.session()));
    let member = RefCell::new(Session::join_as(router.port(2), "com.example.main", "bob", "s3cret"));
    let bob = basic("bob", "s3cret");
    let mut callee = router.session();
    callee.register("com.shop.get");
    std::thread::spawn(move || loop {
        if callee.echo()[4] == json!(["end"]) {
            break;
        }
    });
    let part = prop::sample::select(vec![
        "com", "shop", "secret", "news", "get", "session", "count", "x", "", "a b", "#", "A1_",
    ]);
    let known = prop::sample::select(vec![
        "com.shop.get",
        "com.secret.x",
        "wamp.session.count",
        "wamp.session.kill",
        "wharf.x",
        "com.any.news",
        "wamp.registration.list",
    ]);
    let uri = prop_oneof![
        known.prop_map(ToOwned::to_owned),
        prop::collection::vec(part, 1..4).prop_map(|parts| parts.join(".")),
    ];
    let flag = || prop::option::of(any::<bool>());
    let case = (any::<bool>(), any::<bool>(), uri, flag(), flag());
    let mut runner =
        TestRunner::new(ProptestConfig { cases: 200, failure_persistence: None, ..ProptestConfig::default() });
    let outcome = runner.run(&case, |(is_member, call, uri, disclose_me, exclude_me)| {
        let mut options = json!({});
        if let Some(disclose_me) = disclose_me {
            options["disclose_me"] = json!(disclose_me);
        }
        if let Some(exclude_me) = exclude_me.filter(|_| !call) {
            options["exclude_me"] = json!(exclude_me);
        }
        let by_http = over_http(&mut http.borrow_mut(), is_member.then_some(&*bob), call, &uri, &options);
        if !call {
            options["acknowledge"] = json!(true);
        }
        let session = if is_member { &member } else { &guest };
        let by_wamp = over_wamp(&mut session.borrow_mut(), call, &uri, &options);
        prop_assert_eq!(by_http, by_wamp, "{} {} {} {}", is_member, call, uri, options);
        Ok(())
    });
    outcome.unwrap();
    let end = http.borrow_mut().post("/api/v1/call/com.shop.get", r#"{"args":["end"]}"#);
    assert_eq!(end.status, 200);
}
