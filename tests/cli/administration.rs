//! realm, reload, denials, authz explain --running, log-level, drain and top, by the admin realm.

use crate::router::Router;

#[test]
fn a_running_node_is_changed_and_asked() {
    let router = Router::start();
    let client = router.client();
    let root = client.clone().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let names = || -> Vec<String> {
        let rows = root.run(&["realm", "ls"]).json();
        rows.as_array().unwrap().iter().map(|row| row["name"].as_str().unwrap().to_owned()).collect()
    };
    root.run(&["realm", "add", "pay", "--settings", r#"{"description": "Payments"}"#]).ok();
    assert!(names().contains(&"pay".to_owned()));
    assert_eq!(root.run(&["realm", "info", "pay"]).json()["settings"]["description"], "Payments");
    assert!(root.run(&["realm", "add", "pay"]).failed(6).starts_with("error: wharf.error.already_exists\n"));
    assert!(root.run(&["realm", "rm", "pay"]).failed(2).contains("--yes"));
    root.run(&["realm", "rm", "pay", "--yes"]).ok();
    assert!(!names().contains(&"pay".to_owned()));
    assert_eq!(root.run(&["reload"]).json()["changes"], serde_json::json!([]));
    client.run(&["call", "secret.a"]).failed(5);
    let rows = root.run(&["denials", "--realm", "realm1"]).json();
    assert_eq!(rows[0]["uri"], "secret.a");
    client.run(&["realm", "ls"]).failed(4);
}

#[test]
fn a_node_without_an_admin_realm_is_told_apart_from_one_that_lacks_what_is_asked_for() {
    let router = Router::start();
    let told = router.client().run(&["realm", "ls", "--admin-realm", "com.nowhere"]).failed(6);
    assert!(
        told.starts_with("error: wamp.error.no_such_realm\n  the node has no realm com.nowhere to administer it by; "),
        "{told}"
    );
}

#[test]
fn a_running_node_explains_what_a_role_may() {
    let router = Router::start();
    let root = router.client().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let explain = |uri: &str| {
        let asked = ["authz", "explain", "--running", "--realm", "realm1", "--role", "guest", "--action", "call"];
        root.run(&[&asked[..], &["--uri", uri, "--format", "json"]].concat())
    };
    assert_eq!(explain("com.a").json()["allowed"], true);
    let denied = explain("secret.a");
    assert_eq!(denied.code, Some(5));
    assert!(denied.out.contains("wharf.toml"), "{denied:?}");
}

#[test]
fn the_level_of_the_log_of_a_running_node_is_changed_by_whoever_may() {
    let router = Router::start();
    let root = router.client().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    assert_eq!(root.run(&["log-level", "debug"]).json()["level"], "debug");
    root.run(&["log-level", "loud"]).failed(2);
    let told = root.run(&["call", "wharf.admin.node.log_level", "loud", "--realm", "wharf.admin"]).failed(6);
    assert!(told.contains("expected level: error, warn, info, debug or trace"), "{told}");
    router.client().run(&["log-level", "debug"]).failed(4);
}

#[test]
fn a_node_that_is_drained_answers_says_goodbye_to_all_and_ends_with_0() {
    let mut router = Router::start();
    let client = router.client();
    let root = client.clone().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let subscriber = client.spawn(&["subscribe", "com.a", "--no-reconnect"], "subscribed com.a");
    assert!(root.run(&["drain"]).failed(2).contains("--yes"));
    let told = root.run(&["drain", "--yes", "--spread", "20s", "--timeout", "5s"]).failed(6);
    assert!(told.contains("not longer than timeout"), "{told}");
    let answer = root.run(&["drain", "--yes", "--spread", "100ms", "--timeout", "30s"]).json();
    assert_eq!((&answer["spread_s"], &answer["timeout_s"]), (&0.1.into(), &30.0.into()));
    let ended = subscriber.end();
    assert_eq!(ended.code, Some(6));
    assert!(ended.err.starts_with("error: wamp.close.system_shutdown"), "{ended:?}");
    assert_eq!(router.end(), Some(0));
}

#[test]
fn top_tells_what_a_node_does_and_how_much_of_it_each_second() {
    let router = Router::start();
    let root = router.client().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let printed = root.run(&["top", "--every", "10ms", "--count", "2"]).ok();
    let lines: Vec<serde_json::Value> = printed.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!((lines.len(), &lines[0]["sessions"], &lines[0]["realms"]), (2, &1.into(), &3.into()));
    assert!(lines[0]["calls_per_second"].is_null());
    // The look itself is a call.
    assert!(lines[1]["calls_per_second"].as_f64().unwrap() > 0.0, "{printed}");
    let table = root.run(&["top", "--count", "1", "-o", "table"]).ok();
    assert!(table.contains("connections") && table.contains("calls_per_second"), "{table}");
}
