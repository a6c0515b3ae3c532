//! realm, reload, denials and authz explain --running, by the admin realm.

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
