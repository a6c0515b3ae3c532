//! The requests of `docs/HTTP_MAPPED.md`, asked of a router with the configuration that stands there; and what an imported file of
//! Crossbar serves.

use crate::router::Router;
use serde_json::{json, Value};
use std::fs;
use std::path::Path;
use wharf::config::{import, Foreign};

const DOCUMENT: &str = include_str!("../../docs/HTTP_MAPPED.md");

/// What the page leaves out.
const REST: &str = r#"
[listeners.raw]
bind = "127.0.0.1:PORT2"
serve = ["rawsocket"]

[realms.shop]
uri = "com.example.main"

[realms.shop.auth]
anonymous = { role = "guest", http = true }

[realms.shop.roles.guest]
call = ["*"]
register = ["*"]
publish = ["*"]
"#;

/// The blocks in TOML.
fn configuration() -> String {
    let blocks = DOCUMENT.split("```toml\n").skip(1).map(|rest| rest.split("```").next().unwrap());
    blocks.collect::<String>().replace("127.0.0.1:8080", "127.0.0.1:PORT0") + REST
}

struct Row {
    method: String,
    path: String,
    body: String,
    status: u16,
    answer: String,
}

fn rows() -> Vec<Row> {
    let bare = |cell: &str| cell.trim().trim_matches('`').to_owned();
    let row = |line: &str| {
        let cells: Vec<&str> = line.trim_matches('|').split('|').collect();
        let [request, body, status, answer] = cells[..] else { return None };
        let (method, path) = request.trim().strip_prefix('`')?.strip_suffix('`')?.split_once(" /")?;
        let status = status.trim().parse().ok()?;
        Some(Row {
            method: method.to_owned(),
            path: format!("/{path}"),
            body: bare(body),
            status,
            answer: bare(answer),
        })
    };
    DOCUMENT.lines().filter(|line| line.starts_with("| `")).filter_map(row).collect()
}

/// Each request of the page, in its order.
#[test]
fn each_request_of_the_page_is_answered_as_it_says() {
    let router = Router::with_file(&configuration(), "bridge", "s3cr3t");
    fs::create_dir(router.folder().join("web")).unwrap();
    fs::write(router.folder().join("web/index.html"), "<h1>shop").unwrap();
    let mut callee = router.session();
    callee.register("com.shop.order.get");
    callee.register("com.shop.order.put");
    let rows = rows();
    assert!(rows.len() >= 16, "{}", rows.len());
    for Row { method, path, body, status, answer } in rows {
        let mut http = router.http();
        http.send(&method, &path, &[], &body);
        if path.starts_with("/shop/orders/") && matches!(status, 200 | 201) {
            let invocation = callee.invocation();
            let result = if method == "GET" {
                json!([{"id": invocation[4][0], "lang": invocation[5]["lang"]}])
            } else {
                invocation[4].clone()
            };
            callee.send(&json!([70, invocation[1], {}, result]));
        }
        let response = http.receive(method == "HEAD");
        assert_eq!(response.status, status, "{method} {path}: {}", response.body);
        if !answer.is_empty() {
            assert_eq!(response.body, answer, "{method} {path}");
        }
    }
}

/// A configuration of Crossbar that is imported passes the check, and its clients and pages find what they know.
#[test]
fn an_imported_file_of_crossbar_serves_its_bridge_and_its_pages() {
    let source = json!({"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "com.example.main", "roles": [
            {"name": "anonymous", "permissions": [{"uri": "*", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
        "transports": [{"type": "web", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 1}, "paths": {
            "/": {"type": "static", "directory": "web", "options": {"default_file": "start.html"}},
            "ws": {"type": "websocket"},
            "call": {"type": "caller", "realm": "com.example.main", "role": "anonymous"},
            "hook": {"type": "webhook", "realm": "com.example.main", "role": "anonymous", "options": {"topic": "com.hook"}}}},
            {"type": "rawsocket", "endpoint": {"type": "tcp", "interface": "127.0.0.1", "port": 2}}]}]});
    let imported = import(Foreign::Crossbar, Path::new("config.json"), source.to_string()).unwrap();
    let config =
        imported.toml.replace("127.0.0.1:1\"", "127.0.0.1:PORT0\"").replace("127.0.0.1:2\"", "127.0.0.1:PORT2\"");
    let router = Router::with(&config);
    fs::create_dir(router.folder().join("web")).unwrap();
    fs::write(router.folder().join("web/start.html"), "started").unwrap();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.add2");
    callee.subscribe("com.hook");
    http.send("POST", "/call", &[], r#"{"procedure":"com.add2","args":[1,2]}"#);
    let invocation = callee.invocation();
    callee.send(&json!([70, invocation[1], {}, [3]]));
    assert_eq!(http.receive(false).body, r#"{"args":[3]}"#);
    let hook = http.request("POST", "/hook", &[], "x");
    assert_eq!((hook.status, &*hook.body), (202, "OK"));
    let event: Value = callee.expect(36);
    assert_eq!(event[4][0]["body"], "x");
    assert_eq!(http.get("/").body, "started");
    assert_eq!(http.get("/ws").status, 426);
}
