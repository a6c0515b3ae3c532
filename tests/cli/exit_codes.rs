//! The table of exit codes, row by row. Source: cli.md, section 6.

use crate::router::Router;
use std::net::TcpListener;

#[test]
fn every_kind_of_end_has_its_code() {
    let router = Router::start();
    let client = router.client();
    let _slow = client.spawn(&["register", "com.slow", "--echo", "--sleep", "1h"], "registered com.slow");
    let nobody = TcpListener::bind("127.0.0.1:0").unwrap();
    let silent = format!("rs://{}", nobody.local_addr().unwrap());
    for (arguments, code) in [
        (&["call", "wamp.session.count"][..], 0),
        (&["publish", "com.a"], 0),
        (&["session", "ls"], 0),
        (&["call"], 2),
        (&["call", "com.a", "--json", "x"], 2),
        (&["call", "com.a", "hex:0"], 2),
        (&["call", "com.a", "-k", "x"], 2),
        (&["call", "com.a", "--url", "http://localhost"], 2),
        (&["call", "com.a", "--timeout", "5"], 2),
        (&["call", "com.a", "--context", "none"], 2),
        (&["call", "com.a", "--authmethod", "magic"], 2),
        (&["call", "com.a", "--ca", "nowhere.pem", "--url", "wss://localhost:1/ws"], 3),
        (&["session", "kill", "--all"], 2),
        (&["call", "com.a", "--url", "rs://127.0.0.1:1"], 3),
        (&["call", "com.a", "--url", "unix:nowhere.sock"], 3),
        (&["call", "com.a", "--url", &silent, "--connect-timeout", "100ms"], 3),
        (&["call", "com.a", "--realm", "com.example.closed"], 4),
        (&["call", "com.a", "--authid", "tina", "--ticket", "file:wrong"], 4),
        (&["call", "secret.a"], 5),
        (&["publish", "secret.a"], 5),
        (&["subscribe", "secret.a"], 5),
        (&["register", "secret.a", "--echo"], 5),
        (&["call", "com.nobody"], 6),
        (&["call", "com.a", "--realm", "com.example.none"], 6),
        (&["call", "a..b"], 6),
        (&["session", "info", "1"], 6),
        (&["procedure", "info", "com.nobody"], 6),
        (&["call", "com.slow", "--timeout", "100ms"], 7),
    ] {
        let ended = client.run(arguments);
        assert_eq!(ended.code, Some(code), "{arguments:?}: {ended:?}");
        assert_eq!(ended.err.is_empty(), code == 0, "{arguments:?}: {ended:?}");
        assert!(code == 0 || ended.out.is_empty(), "{arguments:?}: {ended:?}");
    }
}

#[test]
fn an_interrupt_is_130_and_takes_the_call_along() {
    let router = Router::start();
    let client = router.client();
    let subscriber = client.spawn(&["subscribe", "com.a"], "subscribed com.a");
    subscriber.signal("-INT");
    assert_eq!(subscriber.end().code, Some(130));
    let callee = client.spawn(&["register", "com.a", "--echo"], "registered com.a");
    callee.signal("-INT");
    assert_eq!(callee.end().code, Some(130));
}

/// Section 5 of the command line's design: what may have been meant, of what the caller may call.
#[test]
fn a_procedure_that_is_not_there_is_answered_with_what_may_have_been_meant() {
    let router = Router::start();
    let client = router.client();
    let _callee = client.spawn(&["register", "com.example.add", "--echo"], "registered com.example.add");
    let told = client.run(&["call", "com.exmaple.add"]).failed(6);
    assert_eq!(
        told,
        "error: wamp.error.no_such_procedure\n  no callee has registered procedure com.exmaple.add\n  did you mean com.example.add?\n  more: wharf errors show wamp.error.no_such_procedure\n"
    );
    let told = client.run(&["call", "com.example.ad", "-o", "json"]).failed(6);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["did_you_mean"], serde_json::json!(["com.example.add"]));
}

#[test]
fn errors_are_whole_in_json_and_say_where_there_is_more() {
    let router = Router::start();
    let client = router.client();
    let told = client.run(&["call", "com.nobody"]).failed(6);
    assert_eq!(
        told,
        "error: wamp.error.no_such_procedure\n  no callee has registered procedure com.nobody\n  more: wharf errors show wamp.error.no_such_procedure\n"
    );
    let told = client.run(&["call", "com.nobody", "-o", "json"]).failed(6);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"], "wamp.error.no_such_procedure");
    let told = client.run(&["call", "com.a", "--url", "rs://127.0.0.1:1", "-o", "json"]).failed(3);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!(told["error"], "unreachable");
}
