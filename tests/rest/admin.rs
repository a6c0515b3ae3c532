//! `/admin/v1`. Source: `docs/ADMIN.md`, `docs/decisions/0019`; section 3 of the console's page.

use crate::client::{basic, Http, Response, JSON};
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};
use std::collections::BTreeSet;

/// The realm of the administrators, on listeners of their own: PORT3 administers, and so does the REST bridge of PORT1.
const ADMIN: &str = r#"
[node]
data_dir = "data"

[listeners.ops]
bind = "127.0.0.1:PORT3"
serve = ["admin"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".auth.ticket.users.eve]
ticket = { file = "ticket" }
role = "viewer"
[realms."wharf.admin".auth.anonymous]
role = "viewer"
http = true
[realms."wharf.admin".roles.admin]
call = ["wharf.admin.*"]
[realms."wharf.admin".roles.viewer]
call = ["wharf.admin.*.list", "wharf.admin.*.get"]
[webhooks.out.cron]
realm = "main"
role = "guest"
topics = ["com.nothing"]
url = "https://localhost:1/"
secret = { file = "whsec" }
"#;

struct Admin {
    router: Router,
    http: Http,
    credential: String,
    /// All that was ever answered.
    heard: String,
}

impl Admin {
    fn start() -> Self {
        let router = Router::with(&format!("{CONFIG}{ADMIN}"));
        let http = Http::connect(router.port(3));
        Self { router, http, credential: basic("root", "s3cret"), heard: String::new() }
    }

    fn ask(&mut self, method: &str, path: &str, body: &str) -> Response {
        let mut headers = vec![("Authorization", self.credential.as_str())];
        if !body.is_empty() {
            headers.push(JSON);
        }
        let response = self.http.request(method, &format!("/admin/v1/{path}"), &headers, body);
        self.heard.push_str(&response.body);
        response
    }

    fn done(&mut self, method: &str, path: &str, body: &Value) -> Value {
        let body = if body.is_null() { String::new() } else { body.to_string() };
        let response = self.ask(method, path, &body);
        assert!((200..300).contains(&response.status), "{method} {path}: {} {}", response.status, response.body);
        response.json()
    }

    fn get(&mut self, path: &str) -> Value {
        self.done("GET", path, &Value::Null)
    }

    fn refused(&mut self, method: &str, path: &str, body: &str) -> (u16, String) {
        let response = self.ask(method, path, body);
        (response.status, response.error())
    }
}

/// One row of the table in `docs/ADMIN.md`.
struct Documented {
    method: String,
    path: String,
    body: String,
    status: u16,
}

fn documented() -> Vec<Documented> {
    let text = std::fs::read_to_string(concat!(env!("CARGO_MANIFEST_DIR"), "/docs/ADMIN.md")).unwrap();
    let row = |line: &str| {
        let cells: Vec<&str> = line.split(" |").map(|cell| cell.trim_matches(['|', ' '])).collect();
        let (method, path) = cells[0].trim_matches('`').split_once(" /admin/v1/")?;
        let status = cells[3].get(..3)?.parse().unwrap_or_else(|_| panic!("no status: {line}"));
        let body = cells[1].trim_matches('`').to_owned();
        Some(Documented { method: method.to_owned(), path: path.to_owned(), body, status })
    };
    text.lines().filter(|line| line.contains(" /admin/v1/") && line.starts_with("| `")).filter_map(row).collect()
}

/// Each request of the table, as it stands there: first what makes, then what looks, then what takes away, from the end.
#[test]
fn every_documented_request_is_answered_as_documented() {
    let mut admin = Admin::start();
    let rows = documented();
    assert!(rows.len() >= 30, "{}", rows.len());
    let of = |wanted: &'static [&str]| rows.iter().filter(move |row| wanted.contains(&row.method.as_str()));
    let ordered = of(&["POST", "PUT", "PATCH"]).chain(of(&["GET"])).chain(of(&["DELETE"]).rev());
    for Documented { method, path, body, status } in ordered {
        let names = [
            ("realm", "pay"),
            ("role", "clerk"),
            ("authid", "joe"),
            ("group", "staff"),
            ("grant", "orders"),
            ("source", "office"),
            ("template", "tenant"),
            ("name", "cron"),
        ];
        let path = names.iter().fold(path.clone(), |path, (name, value)| path.replace(&format!("{{{name}}}"), value));
        let response = admin.ask(method, &path, body);
        assert_eq!(response.status, *status, "{method} {path} {body}: {}", response.body);
        assert_eq!(response.header("content-type"), Some("application/json"));
        assert_eq!(response.header("cache-control"), Some("no-store"));
        if *status == 201 {
            let location = response.header("location").unwrap().strip_prefix("/admin/v1/").unwrap().to_owned();
            assert_eq!(admin.ask("GET", &location, "").status, 200, "{location}");
        }
    }
}

/// The rows of section 4 and 8.1 of the HTTP design that are met here.
#[test]
fn what_is_wrong_has_its_status_and_says_what_was_expected() {
    let mut admin = Admin::start();
    admin.done("POST", "realms", &json!({ "realm": "pay" }));
    let rows = [
        ("POST", "realms", r#"{"realm":"pay"}"#, 409, "wharf.error.already_exists"),
        ("POST", "realms", r#"{"realm":"a","settings":{"call_timeout":3}}"#, 422, "wharf.error.invalid_configuration"),
        ("POST", "realms", r#"{"reelm":"a"}"#, 400, "wharf.error.http"),
        ("POST", "realms", r#"["a"]"#, 400, "wharf.error.http"),
        ("POST", "realms", r#"{"realm":"#, 400, "wharf.error.http"),
        ("POST", "realms", "", 400, "wamp.error.invalid_argument"),
        ("POST", "realms", r#"{"realm":3}"#, 400, "wamp.error.invalid_argument"),
        ("DELETE", "realms/main", "", 409, "wharf.error.set_by_file"),
        ("PATCH", "realms/main", r#"{"uri":"com.other"}"#, 422, "wharf.error.invalid_configuration"),
        ("GET", "realms/nowhere", "", 404, "wharf.error.not_found"),
        ("GET", "realms/pay/users/nobody", "", 404, "wharf.error.not_found"),
        ("GET", "realms/", "", 404, "wharf.error.http"),
        ("GET", "nothing", "", 404, "wharf.error.http"),
        ("PUT", "realms", "", 405, "wharf.error.http"),
        ("GET", "realms?limit=0", "", 400, "wharf.error.http"),
        ("GET", "realms?limt=1", "", 400, "wharf.error.http"),
        ("GET", "realms?cursor=x", "", 400, "wharf.error.http"),
        ("GET", "realms/pay?limit=1", "", 400, "wharf.error.http"),
        ("GET", "config?path=a..b", "", 400, "wamp.error.invalid_argument"),
        ("POST", "config/check", r#"{"a":1}"#, 400, "wharf.error.http"),
        ("GET", "realms/%ff", "", 400, "wharf.error.http"),
    ];
    for (method, path, body, status, error) in rows {
        assert_eq!(admin.refused(method, path, body), (status, error.to_owned()), "{method} {path} {body}");
    }
    let response = admin.ask("POST", "realms", r#"{"realms":"a"}"#);
    assert_eq!(response.detail(), "unexpected member \"realms\", did you mean \"realm\"?");
    let response = admin.ask("POST", "realms", r#"{"realm":"a","settings":{"disclose":"perhaps"}}"#);
    let problems = response.json()["kwargs"]["problems"].clone();
    let is_it = |problem: &Value| problem["code"] == "E012" && problem["path"] == "realms.a.disclose";
    assert!(problems.as_array().unwrap().iter().any(is_it), "{problems}");
    let response = admin.ask("PUT", "realms", "");
    assert_eq!(response.header("allow"), Some("GET, HEAD, OPTIONS, POST"));
    let response = admin.ask("OPTIONS", "realms/pay", "");
    assert_eq!((response.status, response.header("allow")), (204, Some("DELETE, GET, HEAD, OPTIONS, PATCH")));
    assert_eq!(response.header("access-control-allow-origin"), None);
    admin.http.send("HEAD", "/admin/v1/realms", &[("Authorization", &admin.credential)], "");
    assert_eq!(admin.http.receive(true).status, 200);
    let upgrade = [("Connection", "Upgrade"), ("Upgrade", "websocket"), ("Sec-WebSocket-Version", "13")];
    assert_eq!(Http::connect(admin.router.port(3)).request("GET", "/admin/v1/whoami", &upgrade, "").status, 404);
    let text = [("Authorization", admin.credential.as_str()), ("Content-Type", "text/plain")];
    assert_eq!(admin.http.request("POST", "/admin/v1/realms", &text, "{}").status, 415);
}

/// Who may what is said by the admin realm's roles; a page from elsewhere has no part in what needs no credential.
#[test]
fn the_roles_of_the_admin_realm_say_who_may_what() {
    let mut admin = Admin::start();
    let root = admin.get("whoami");
    let told = ["realm", "authid", "authrole", "authmethod"].map(|key| root[key].as_str().unwrap().to_owned());
    assert_eq!(told, ["wharf.admin", "root", "admin", "ticket"]);
    admin.credential = basic("eve", "s3cret");
    assert_eq!(admin.get("whoami")["authrole"], "viewer");
    admin.get("realms");
    let denied = (403, "wamp.error.not_authorized".to_owned());
    assert_eq!(admin.refused("POST", "realms", r#"{"realm":"pay"}"#), denied);
    assert_eq!(admin.refused("POST", "config/reload", ""), denied);
    admin.credential = basic("eve", "guess");
    assert_eq!(admin.refused("GET", "realms", ""), (401, "wamp.error.authentication_denied".to_owned()));
    let anonymous = admin.http.request("GET", "/admin/v1/whoami", &[], "");
    assert_eq!(anonymous.json()["authmethod"], "anonymous");
    let foreign = [("Origin", "http://evil.example")];
    assert_eq!(admin.http.request("GET", "/admin/v1/realms", &foreign, "").status, 403);
}

#[test]
fn nothing_is_administered_where_no_listener_says_so_or_the_realm_is_not_reached() {
    let mut config =
        format!("{CONFIG}{ADMIN}").replace("serve = [\"admin\"]", "serve = [\"admin\"]\nrealms = [\"main\"]");
    let admin = Router::with(&config);
    let headers = [("Authorization", basic("root", "s3cret"))];
    let headers: Vec<(&str, &str)> = headers.iter().map(|(name, value)| (*name, value.as_str())).collect();
    let ask = |router: &Router, port: usize| {
        Http::connect(router.port(port)).request("GET", "/admin/v1/realms", &headers, "").status
    };
    assert_eq!((ask(&admin, 0), ask(&admin, 1), ask(&admin, 3)), (404, 404, 404));
    // Another realm has for a name what is the URI of the one that administers, which there is not.
    config = format!("{CONFIG}{ADMIN}\n[admin]\nrealm = \"com.ops\"\n[realms.\"com.ops\"]\nuri = \"com.other\"\n");
    assert_eq!(ask(&Router::with(&config), 3), 404);
}

#[test]
fn a_list_comes_in_pages_that_follow_each_other() {
    let mut admin = Admin::start();
    for name in ["a", "b", "c"] {
        admin.done("PUT", &format!("realms/main/roles/{name}"), &json!({ "call": ["com.a"] }));
    }
    let (mut path, mut names) = ("realms/main/roles?limit=2".to_owned(), Vec::new());
    loop {
        let page = admin.get(&path);
        let items = page["items"].as_array().unwrap();
        assert!(items.len() <= 2);
        names.extend(items.iter().map(|item| item["name"].as_str().unwrap().to_owned()));
        let Some(cursor) = page["cursor"].as_str() else { break };
        path = format!("realms/main/roles?limit=2&cursor={cursor}");
    }
    assert_eq!(names, ["a", "b", "c", "guest", "member"]);
    let audit = admin.get("audit?limit=2");
    assert_eq!((&audit["items"][0]["on"], &audit["items"][0]["number"]), (&json!("realms.main.roles.c"), &json!(3)));
    let rest = admin.get(&format!("audit?cursor={}", audit["cursor"].as_str().unwrap()));
    assert_eq!((rest["items"][0]["number"].clone(), rest["cursor"].clone()), (json!(1), Value::Null));
}

/// A key is told once, works with the answer, and ends with its revocation; nothing else that is answered, kept or logged holds
/// it, or a password.
#[test]
fn a_key_made_at_run_time_works_until_it_is_revoked_and_no_secret_is_ever_seen_again() {
    let mut admin = Admin::start();
    let new = json!({ "name": "cron", "realm": "main", "authid": "job", "role": "guest", "allow_from": ["127.0.0.1"] });
    let made = admin.ask("POST", "keys", &new.to_string());
    assert_eq!((made.status, made.header("location")), (201, Some("/admin/v1/keys/cron")));
    let key = made.json()["key"].as_str().unwrap().to_owned();
    assert!(key.starts_with("whk_") && key.len() == 47, "{key}");
    assert_eq!(admin.heard.matches(&key).count(), 1);
    admin.heard.clear();

    let mut callee = admin.router.session();
    callee.register("com.slow");
    let mut http = admin.router.http();
    http.send("POST", "/api/v1/call/com.slow", &[JSON, ("X-API-Key", &key)], r#"{"options":{"disclose_me":true}}"#);
    assert_eq!(callee.invocation()[3]["caller_authid"], "job");
    assert_eq!(admin.refused("POST", "keys", &new.to_string()).0, 409);
    let entry = admin.get("keys/cron");
    assert_eq!(admin.get("keys")["items"], json!([entry]));
    assert_eq!((&entry["role"], &entry["managed"]), (&json!("guest"), &json!(true)));
    let kept = std::fs::read_to_string(admin.router.folder().join("data/managed.json")).unwrap();
    assert!(kept.contains(&wharf::auth::KeyHash::of(&key).to_string()) && !kept.contains(&key));
    admin.done("DELETE", "keys/cron", &Value::Null);
    let ended = http.receive(false);
    assert_eq!((ended.status, &*ended.error()), (503, "wamp.close.killed"));
    let refused = http.request("POST", "/api/v1/call/com.slow", &[("X-API-Key", &key)], "");
    assert_eq!((refused.status, &*refused.error()), (401, "wamp.error.authentication_denied"));
    assert_eq!(admin.refused("DELETE", "keys/cron", "").0, 404);

    // A key of the admin realm administers; passwords are seen nowhere.
    let ops = json!({ "name": "ops", "realm": "wharf.admin", "authid": "robot", "role": "admin" });
    let second = admin.done("POST", "keys", &ops)["key"].as_str().unwrap().to_owned();
    admin.heard.clear();
    admin.credential = format!("Bearer {second}");
    assert_eq!(admin.get("whoami")["authprovider"], "apikey:ops");
    let user = json!({ "authid": "joe", "role": "guest", "method": "ticket", "password": "hush-hush-1" });
    admin.done("POST", "realms/locked/users", &user);
    admin.done("PUT", "realms/locked/users/joe/password", &json!({ "password": "hush-hush-2" }));
    let wrong = json!({ "authid": "eve", "role": "nobody", "method": "ticket", "password": "hush-hush-3" });
    assert_eq!(admin.refused("POST", "realms/locked/users", &wrong.to_string()).0, 422);
    assert_eq!(admin.refused("POST", "realms/locked/users", r#"{"pasword":"hush-hush-4"}"#).0, 400);
    for path in ["audit", "config", "config/diff", "realms/locked", "realms/locked/users", "keys", "keys/ops"] {
        admin.get(path);
    }
    let kept = std::fs::read_to_string(admin.router.folder().join("data/managed.json")).unwrap();
    // Who takes away what it came in by is not there any more for an answer.
    assert_eq!(admin.refused("DELETE", "keys/ops", ""), (503, "wamp.close.killed".to_owned()));
    assert_eq!(admin.refused("GET", "keys", "").0, 401);
    let log = admin.router.log_to_the_end();
    assert!(log.contains("key.revoke") && log.contains("key.new") && log.contains("rest.keys.ops"), "{log}");
    for (place, text) in [("log", &log), ("managed.json", &kept), ("answers", &admin.heard)] {
        for secret in [&key, &second, "hush-hush", "s3cret"] {
            assert!(!text.contains(secret), "{secret} in {place}: {text}");
        }
    }
    let hashes: BTreeSet<String> = [&key, &second].map(|key| wharf::auth::KeyHash::of(key).to_string()).into();
    assert!(hashes.iter().all(|hash| !admin.heard.contains(hash) && !log.contains(hash)));
}

/// What is in the files now, what holds, and what was changed at run time.
#[test]
fn the_difference_to_the_files_is_told_for_all_or_for_a_path() {
    let mut admin = Admin::start();
    assert_eq!(admin.get("config/diff"), json!({ "changes": [], "managed": [] }));
    admin.done("POST", "realms", &json!({ "realm": "pay" }));
    admin.done("PATCH", "realms/main", &json!({ "call_timeout": "7s" }));
    let file = admin.router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap();
    std::fs::write(&file, text.replace("call_timeout = \"20s\"", "call_timeout = \"21s\"")).unwrap();
    let keys = |told: &Value| -> Vec<String> {
        told.as_array().unwrap().iter().map(|change| change["key"].as_str().unwrap().to_owned()).collect()
    };
    let told = admin.get("config/diff");
    assert_eq!(keys(&told["changes"]), ["rest.call_timeout"]);
    assert_eq!(keys(&told["managed"]), ["realms.main.call_timeout", "realms.pay"]);
    assert_eq!(told["changes"][0]["change"], "\"20s\" -> \"21s\"");
    assert_eq!(admin.done("POST", "config/check", &Value::Null)["changes"], told["changes"]);
    let at = |admin: &mut Admin, path: &str| {
        let told = admin.get(&format!("config/diff?path={path}"));
        (keys(&told["changes"]), keys(&told["managed"]))
    };
    assert_eq!(at(&mut admin, "realms.main"), (vec![], vec!["realms.main.call_timeout".to_owned()]));
    assert_eq!(at(&mut admin, "realms.pay.roles"), (vec![], vec!["realms.pay".to_owned()]));
    assert_eq!(at(&mut admin, "rest"), (vec!["rest.call_timeout".to_owned()], vec![]));
}
