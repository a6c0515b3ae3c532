//! The profile for clients of Crossbar's HTTP bridge: each exchange that was observed there, and each declared difference
//! (X1 to X10). Section 15 of the HTTP design.

use crate::client::{Http, Response, JSON};
use crate::router::{Router, CONFIG};
use crate::wamp::Session;
use base64::Engine;
use hmac::{Hmac, KeyInit, Mac};
use serde_json::{json, Value};
use sha2::Sha256;
use std::sync::atomic::{AtomicU64, Ordering};
use wharf::wamp::WallTime;

const SECRET: &str = "s3cr3t";

/// The bridge of the exchanges, and a section for each name of a difference that is given up.
fn config() -> String {
    let mut config = CONFIG.to_owned();
    let mut section = |name: &str, kind: &str, role: &str, more: &str| {
        config.push_str(&format!(
            "\n[rest.crossbar.{name}]\npath = \"/{name}\"\nkind = \"{kind}\"\nrealm = \"main\"\nrole = \"{role}\"\n{more}\n"
        ));
    };
    let signed = "key = \"myapp1\"\nsecret = { file = \"bridge\" }";
    section("publish", "publisher", "guest", "");
    section("call", "caller", "guest", "authid = \"old\"");
    section("signed", "caller", "guest", signed);
    section("deaf_call", "caller", "deaf", "");
    section("deaf_publish", "publisher", "deaf", "");
    section("hook", "webhook", "guest", "topic = \"com.test.hook\"");
    section("github", "webhook", "guest", "topic = \"com.test.hook\"\ngithub_secret = { file = \"bridge\" }");
    section("mute_hook", "webhook", "deaf", "topic = \"com.test.hook\"\nerror_response = \"no\"");
    section("small", "caller", "guest", "max_body = \"40B\"");
    section("far", "caller", "guest", "require_ip = [\"10.0.0.0/8\"]");
    section("near", "caller", "guest", "require_ip = [\"127.0.0.0/8\"]");
    section("tls", "caller", "guest", "require_tls = true");
    section("exact_publish", "publisher", "guest", "exact = [\"malformed_uri\"]");
    let exact = "exact = [\"malformed_uri\", \"nonce\", \"padding\", \"options\", \"allow_header\"]";
    section("exact_call", "caller", "guest", exact);
    section("exact_signed", "caller", "guest", &format!("{signed}\n{exact}"));
    let exact = "exact = [\"hub_sha256\"]";
    section(
        "exact_github",
        "webhook",
        "guest",
        &format!("topic = \"a.b\"\ngithub_secret = {{ file = \"bridge\" }}\n{exact}"),
    );
    config.push_str("\n[realms.main.roles.deaf]\nsubscribe = [\"com.other\"]\n");
    config
}

pub(crate) fn start() -> Router {
    Router::with_file(&config(), "bridge", SECRET)
}

/// How a request is signed.
#[derive(Clone, Copy)]
pub(crate) struct Signature<'a> {
    pub(crate) key: &'a str,
    pub(crate) secret: &'a str,
    pub(crate) age_seconds: i64,
    pub(crate) padded: bool,
}

pub(crate) const GOOD: Signature<'_> = Signature { key: "myapp1", secret: SECRET, age_seconds: 0, padded: true };

fn hmac(secret: &str, text: &str) -> Vec<u8> {
    Hmac::<Sha256>::new_from_slice(secret.as_bytes()).unwrap().chain_update(text).finalize().into_bytes().to_vec()
}

/// The query of a signed request; each has a nonce of its own.
pub(crate) fn signed(signature: Signature<'_>, body: &str) -> String {
    static NONCE: AtomicU64 = AtomicU64::new(1);
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_micros();
    let at = WallTime(i64::try_from(now).unwrap() - signature.age_seconds * 1_000_000).to_string();
    let nonce = NONCE.fetch_add(1, Ordering::Relaxed);
    let text = format!("{}{at}1{nonce}{body}", signature.key);
    let encoded = base64::engine::general_purpose::URL_SAFE.encode(hmac(signature.secret, &text));
    let encoded = if signature.padded { encoded.replace('=', "%3D") } else { encoded.replace('=', "") };
    format!("?key={}&timestamp={at}&seq=1&nonce={nonce}&signature={encoded}", signature.key)
}

/// The callees of the exchanges.
fn callees(router: &Router) -> Session {
    let mut callee = router.session();
    for procedure in ["com.add2", "com.kv", "com.kwonly", "com.none", "com.err"] {
        callee.register(procedure);
    }
    callee
}

/// Answers one call as the exchanges say.
fn answer(callee: &mut Session, body: &str) {
    let invocation = callee.invocation();
    let id = &invocation[1];
    let asked: Value = serde_json::from_str(body).unwrap();
    let answer = match asked["procedure"].as_str().unwrap() {
        "com.add2" => {
            let sum: u64 = invocation[4].as_array().unwrap().iter().map(|number| number.as_u64().unwrap()).sum();
            json!([70, id, {}, [sum]])
        }
        "com.kv" => json!([70, id, {}, [1, 2], {"k": 3}]),
        "com.kwonly" => json!([70, id, {}, [], {"k": 3}]),
        "com.none" => json!([70, id, {}, [null]]),
        _ => json!([8, 68, id, {}, "com.myerr", [1], {"a": 2}]),
    };
    callee.send(&answer);
}

fn path_of(service: &str) -> &'static str {
    match service {
        "publisher" => "/publish",
        "caller" => "/call",
        "caller (signed)" => "/signed",
        "caller (role without the permission)" => "/deaf_call",
        "publisher (role without the permission)" => "/deaf_publish",
        "webhook" => "/hook",
        other => panic!("{other}"),
    }
}

fn signature_of(how: &str) -> Signature<'static> {
    match how {
        "good" => GOOD,
        "good, \"=\" stripped" => Signature { padded: false, ..GOOD },
        "other key" => Signature { key: "other", ..GOOD },
        "other secret" => Signature { secret: "other", ..GOOD },
        "timestamp older than the window" => Signature { age_seconds: 600, ..GOOD },
        other => panic!("{other}"),
    }
}

/// Section 15: every exchange that was observed on Crossbar; those with `wharf_status` are the declared differences.
#[test]
fn every_exchange_of_crossbars_bridge_is_answered_alike_but_for_the_declared_differences() {
    let data: Value = serde_json::from_str(include_str!("data/http_bridge.json")).unwrap();
    let router = start();
    let mut callee = callees(&router);
    let mut differences = Vec::new();
    for exchange in data["exchanges"].as_array().unwrap() {
        let text = |key: &str| exchange[key].as_str().unwrap_or_default();
        let (name, body) = (text("name"), text("request_body"));
        let kind = text("content_type");
        let headers = [("Content-Type", if kind == "any" { "text/x-any" } else { kind })];
        let mut path = path_of(text("service")).to_owned();
        if let Some(how) = exchange["signature"].as_str() {
            path.push_str(&signed(signature_of(how), body));
        }
        let mut http = router.http();
        http.send(text("method"), &path, &headers, body);
        let status = exchange["wharf_status"].as_u64().or(exchange["status"].as_u64()).unwrap();
        // Calls that reach a callee are those with a result or an error of its own.
        let is_called = status == 200
            && text("service").starts_with("caller")
            && !["{}", "", "[]"].contains(&body)
            && !["call, no such procedure", "call, not authorized"].contains(&name);
        if is_called {
            answer(&mut callee, body);
        }
        let response = http.receive(false);
        assert_eq!(u64::from(response.status), status, "{name}: {}", response.body);
        if exchange["wharf_status"].is_u64() {
            differences.push(name);
        } else if let Some(expected) = exchange["body"].as_str() {
            assert_eq!(response.body, expected, "{name}");
        } else {
            check_pattern(&response.body, text("body_pattern"), name);
        }
        for (header, value) in exchange["response_headers"].as_object().into_iter().flatten() {
            assert_eq!(response.header(header), value.as_str(), "{name}");
        }
        check_head(&response, name);
    }
    assert_eq!(differences, ["publish, malformed topic", "call, malformed procedure", "signature without padding"]);
}

/// A pattern is the body with `<...>` where anything may stand.
fn check_pattern(body: &str, pattern: &str, name: &str) {
    let (before, rest) = pattern.split_once('<').unwrap();
    let (_, after) = rest.split_once('>').unwrap();
    assert!(body.starts_with(before) && body.ends_with(after), "{name}: {body}");
    serde_json::from_str::<Value>(body).unwrap();
}

/// Section 15: nothing is added but the request's id.
fn check_head(response: &Response, name: &str) {
    assert_eq!(response.header("cache-control"), Some("no-store,no-cache,must-revalidate,max-age=0"), "{name}");
    assert_eq!(response.header("content-type"), Some("application/json; charset=UTF-8"), "{name}");
    assert!(response.header("wharf-request-id").is_some(), "{name}");
    for absent in ["access-control-allow-origin", "access-control-allow-credentials", "x-content-type-options", "vary"]
    {
        assert_eq!(response.header(absent), None, "{name}");
    }
}

fn error(response: &Response) -> String {
    let body = response.json();
    assert_eq!((&body["args"], &body["kwargs"]), (&json!([]), &json!({})), "{body}");
    body["error"].as_str().unwrap().to_owned()
}

/// X1, X6 and X7 with their names: given up, the answer is Crossbar's.
#[test]
fn a_difference_that_is_given_up_by_name_is_none() {
    let router = start();
    let (mut http, mut callee) = (router.http(), callees(&router));
    let topic = r#"{"topic":"bad topic!!"}"#;
    assert!(error(&http.post("/publish", topic)).contains("'topic' is no URI"));
    let exact = http.post("/exact_publish", topic);
    assert_eq!((exact.status, error(&exact)), (500, "Unhandled exception in Crossbar.".to_owned()));
    let exact = http.post("/exact_call", r#"{"procedure":"com..x y"}"#);
    let expected = r#"{"error": "wamp.error.runtime_error", "args": ["Sorry, Crossbar.io has encountered a problem."], "kwargs": {}}"#;
    assert_eq!((exact.status, &*exact.body), (500, expected));
    for (path, allow) in [("/call", Some("POST,PUT,OPTIONS")), ("/exact_call", None)] {
        let response = http.get(path);
        assert_eq!((response.status, response.header("allow")), (405, allow), "{path}");
    }
    let body = r#"{"procedure":"com.add2","args":[1],"kwargs":{"options":1},"options":{"disclose_me":true}}"#;
    for (path, is_disclosed) in [("/call", true), ("/exact_call", false)] {
        http.send("PUT", path, &[JSON], body);
        let invocation = callee.invocation();
        assert_eq!(invocation[3].get("caller").is_some(), is_disclosed, "{path}");
        assert_eq!(invocation.get(5).and_then(|kwargs| kwargs.get("options")).is_some(), is_disclosed, "{path}");
        callee.send(&json!([70, invocation[1], {}, []]));
        // A result of nothing is null, as there.
        assert_eq!(http.receive(false).body, r#"{"args":[null]}"#);
    }
}

/// X2: a signed request is good once, on whatever connection, and also after a reload.
#[test]
fn a_nonce_that_was_used_is_refused_unless_that_is_given_up() {
    let router = start();
    let (mut http, mut other) = (router.http(), router.http());
    let body = r#"{"procedure":"com.nope"}"#;
    let query = signed(GOOD, body);
    assert_eq!(http.post(&format!("/signed{query}"), body).status, 200);
    router.reload();
    for http in [&mut http, &mut other] {
        let again = http.post(&format!("/signed{query}"), body);
        assert_eq!((again.status, error(&again)), (401, "REST bridge signature nonce was used before.".to_owned()));
    }
    // A section has nonces of its own.
    let exact = format!("/exact_signed{query}");
    assert_eq!((http.post(&exact, body).status, http.post(&exact, body).status), (200, 200));
    let unpadded = signed(Signature { padded: false, ..GOOD }, body);
    assert_eq!(http.post(&format!("/exact_signed{unpadded}"), body).status, 401);
    // What is wrongly signed uses nothing.
    let query = signed(Signature { secret: "other", ..GOOD }, body);
    for _ in 0..2 {
        let response = http.post(&format!("/signed{query}"), body);
        assert_eq!(error(&response), "REST bridge signature secret not valid.");
    }
}

/// Checks 2 to 5, 10 and 11.
#[test]
fn each_check_refuses_with_its_own_words() {
    let router = start();
    let nope = r#"{"procedure":"com.nope"}"#;
    for (path, kind, body, status, text) in [
        ("/call", "application/json; charset=latin1", nope, 400, "Non-accepted request encoding, must be UTF-8."),
        ("/call", "application/json; a=1; a=2", nope, 400, "Non-accepted request encoding, must be UTF-8."),
        ("/hook", "text/plain; charset=latin1", "x", 400, "Non-accepted request encoding, must be UTF-8."),
        ("/small", "application/json", &" ".repeat(41), 413, "Request too long. (41 is longer than accepted 40)"),
        ("/far", "application/json", nope, 400, "Request denied based on IP address."),
        ("/tls", "application/json", nope, 400, "Malformed request to the REST bridge."),
        ("/github", "application/json", "x", 400, "Malformed request to the REST bridge."),
    ] {
        let response = router.http().request("POST", path, &[("Content-Type", kind)], body);
        assert_eq!((response.status, &*error(&response)), (status, text), "{path}");
    }
    let mut http = router.http();
    for (path, kind) in [("/near", "Application/JSON; charset=UTF8"), ("/small", "application/json;x")] {
        let response = http.request("POST", path, &[("Content-Type", kind)], nope);
        assert!(response.body.contains("wamp.error.no_such_procedure"), "{path}: {}", response.body);
    }
}

/// X5: without a list of origins no page from elsewhere acts through what is not signed, and none is told anything.
#[test]
fn a_page_of_another_origin_is_refused_where_nothing_is_signed() {
    let router = start();
    let body = r#"{"procedure":"com.nope"}"#;
    let host = format!("127.0.0.1:{}", router.port(0));
    let ask =
        |path: &str, origin: &str| router.http().request("POST", path, &[("Origin", origin), ("Host", &host)], body);
    for origin in ["https://evil.example", "null"] {
        let response = ask("/call", origin);
        assert_eq!((response.status, error(&response)), (403, "A page of another origin may not act here.".to_owned()));
        assert_eq!(ask("/hook", origin).status, 403);
        let response = ask(&format!("/signed{}", signed(GOOD, body)), origin);
        assert_eq!((response.status, response.header("access-control-allow-origin")), (200, None));
    }
    assert_eq!(ask("/call", &format!("http://{host}")).status, 200);
}

/// Section 15: one session for each section, with its role and name, told as of the bridge.
#[test]
fn a_section_is_one_session_with_its_role_and_name() {
    let router = start();
    let (mut http, mut watcher) = (router.http(), router.session());
    let mut who = |path: &str, authid: &str| {
        let body = r#"{"procedure":"wamp.session.list"}"#;
        let ids = http.post(path, body).json()["args"][0].as_array().unwrap().clone();
        let mut found = Vec::new();
        for id in ids {
            let details = watcher.call("wamp.session.get", &json!([id]));
            if details["authid"] == authid {
                assert_eq!(details["authmethod"], "crossbar");
                assert_eq!(details["authrole"], "guest");
                assert_eq!(details["transport"]["protocol"], "crossbar", "{details}");
                found.push(details["authprovider"].as_str().unwrap().to_owned());
            }
        }
        found
    };
    assert_eq!(who("/call", "old"), ["crossbar:call"]);
    assert_eq!(who("/call", "old"), ["crossbar:call"]);
    assert_eq!(who("/near", "near"), ["crossbar:near"]);
}

/// Webhooks: what the topic gets, what is answered, and GitHub's signatures (X9).
#[test]
fn a_hook_is_published_with_its_headers_and_answered_in_the_sections_words() {
    let router = start();
    let (mut http, mut watcher) = (router.http(), router.session());
    watcher.subscribe("com.test.hook");
    let response = http.request("POST", "/hook", &[("X-Github-Event", "push")], "raw body");
    assert_eq!((response.status, &*response.body), (202, "OK"));
    let event = &watcher.expect(36)[4];
    assert_eq!(event[0]["body"], "raw body");
    assert_eq!(event[0]["headers"]["X-Github-Event"], json!(["push"]));
    assert_eq!(event[0]["headers"]["Host"], json!(["localhost"]));
    let response = http.request("POST", "/mute_hook", &[], "raw body");
    assert_eq!((response.status, &*response.body), (500, "no"));
    let mac: String = hmac(SECRET, "raw body").iter().map(|octet| format!("{octet:02x}")).collect();
    let header = ("X-Hub-Signature-256", &*format!("sha256={mac}"));
    assert_eq!(http.request("POST", "/github", &[header], "raw body").status, 202);
    assert_eq!(http.request("POST", "/exact_github", &[header], "raw body").status, 400);
    assert_eq!(router.http().request("POST", "/github", &[header], "other body").status, 400);
}

/// A WAMP error is 200 with its arguments, in Crossbar's spelling; X8 and a call without an answer besides.
#[test]
fn errors_of_the_realm_are_200_and_a_late_answer_is_one_of_them() {
    let router =
        Router::with_file(&config().replace("call_timeout = \"20s\"", "call_timeout = \"50ms\""), "bridge", SECRET);
    let (mut http, mut callee) = (router.http(), callees(&router));
    http.send("POST", "/call", &[JSON], r#"{"procedure":"com.err"}"#);
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "com.bad", ["ü", [1]], {"k": {}}]));
    assert_eq!(http.receive(false).body, r#"{"error": "com.bad", "args": ["\u00fc", [1]], "kwargs": {"k": {}}}"#);
    http.send("POST", "/call", &[JSON], r#"{"procedure":"com.err"}"#);
    callee.invocation();
    callee.expect(69);
    let late = http.receive(false);
    assert_eq!((late.status, &late.json()["error"]), (200, &json!("wamp.error.timeout")));
}

/// A reload changes paths for the next request on open connections, too.
#[test]
fn sections_come_and_go_with_a_reload_at_once() {
    let router = start();
    let mut http = router.http();
    assert_eq!(http.post("/call", r#"{"procedure":"com.nope"}"#).status, 200);
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("path = \"/call\"", "path = \"/newer\"");
    std::fs::write(&file, text).unwrap();
    router.reload();
    router.await_log("reloaded");
    let mut http: Vec<Http> = vec![http, router.http()];
    for http in &mut http {
        assert_eq!(http.post("/newer", r#"{"procedure":"com.nope"}"#).status, 200);
        assert_eq!(http.post("/call", r#"{"procedure":"com.nope"}"#).status, 404);
    }
}
