//! Webhooks, with real endpoints and real hooks. Section 12 of the HTTP design; `docs/WEBHOOKS.md`.

use crate::client::{basic, Http};
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use wharf::auth::webhook::{SigningKey, Verifier, VerifyKey};

#[expect(dead_code, reason = "of a server that other tests need in TLS")]
#[path = "../support/site.rs"]
pub(crate) mod site;
use site::{json as answer, with, Seen, Site};

const SECRET: &str = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw";

/// Of 32 octets of 7, beside `SECRET` while receivers change over.
const PREVIOUS: &str = "whsk_BwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwcHBwc=";
const PREVIOUS_PUBLIC: &str = "whpk_6kpsY+KcUgq+9VB7Ey7F+ZVHdq6+vnuSQh7qaRRG0iw=";

/// What administers, for tests that need it; hooks on PORT3 too.
const MORE: &str = r#"
[node]
dev = true
data_dir = "data"
[listeners.hooks]
bind = "127.0.0.1:PORT3"
serve = ["hooks", "admin"]
[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".roles.admin]
call = ["wharf.admin.*"]
"#;

pub(crate) fn start(webhooks: &str) -> Router {
    Router::with(&format!("{CONFIG}{MORE}{webhooks}"))
}

pub(crate) fn out(url: &str, more: &str) -> String {
    format!(
        "[webhooks.out.erp]\nrealm = \"main\"\nrole = \"guest\"\ntopics = [\"com.shop.*\"]\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n\
         allow_addresses = [\"127.0.0.0/8\", \"::1\"]\n{more}\n"
    )
}

/// Whether it is signed, by the verifier of hooks that come in.
fn is_signed(seen: &Seen, key: &str) -> bool {
    let verifier = Verifier::Standard(vec![VerifyKey::parse(key).unwrap()]);
    verifier.verify(|name| seen.header(name), seen.body.as_bytes(), now()).is_ok()
}

fn now() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs()
}

/// Publishes over HTTP.
pub(crate) fn publish(router: &Router, topic: &str, body: &str) {
    let published = router.http().post(&format!("/api/v1/publish/{topic}"), body);
    assert_eq!(published.status, 200, "{}", published.body);
}

pub(crate) fn admin(router: &Router, method: &str, path: &str) -> Value {
    let credential = basic("root", "s3cret");
    let response = Http::connect(router.port(3)).request(
        method,
        &format!("/admin/v1/webhooks{path}"),
        &[("Authorization", &credential)],
        "",
    );
    assert_eq!(response.status, 200, "{}", response.body);
    response.json()
}

/// Asks until it is as it should be. Each question waits for its answer; the router decides when that is.
pub(crate) fn until(router: &Router, is_right: impl Fn(&Value) -> bool) -> Value {
    let end = std::time::Instant::now() + Duration::from_secs(20);
    loop {
        let shown = admin(router, "GET", "/erp");
        if is_right(&shown) {
            return shown;
        }
        assert!(std::time::Instant::now() < end, "{shown}");
        std::thread::yield_now();
    }
}

pub(crate) fn subscribed(router: &Router) {
    until(router, |shown| shown["subscribed"] == 1);
}

/// Section 12.1.
#[test]
fn an_event_is_posted_with_signatures_that_a_verifier_takes() {
    let site = Site::start(|_| answer(200, "{}"));
    let router = start(&out(&site.url("/hook?a=b"), &format!("secret_previous = \"{PREVIOUS}\"")));
    subscribed(&router);
    publish(&router, "com.shop.order", r#"{"args":[1.50],"kwargs":{"a" : "ü"}}"#);
    let seen = site.next();
    assert_eq!(seen.line, "POST /hook?a=b");
    assert_eq!(seen.header("content-type"), Some("application/json"));
    assert!(is_signed(&seen, SECRET) && is_signed(&seen, PREVIOUS_PUBLIC));
    assert!(seen.header("webhook-id").unwrap().starts_with("msg_"));
    assert!(seen.body.contains(r#""args":[1.50],"kwargs":{"a" : "ü"}"#), "as it was published: {}", seen.body);
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!((&body["type"], &body["data"]["realm"]), (&json!("wamp.event"), &json!("main")));
    assert_eq!(body["data"]["topic"], "com.shop.order");
    assert!(body["data"]["publication"].is_u64() && body["timestamp"].is_string());
    until(&router, |shown| shown["delivered"] == 1 && shown["waiting"] == 0);
    let metrics = router.http().get("/metrics").body;
    for line in [
        r#"wharf_webhook_deliveries_total{name="erp",outcome="delivered"} 1"#,
        r#"wharf_webhook_deliveries_total{name="erp",outcome="failed"} 0"#,
        r#"wharf_webhook_queue{name="erp"} 0"#,
    ] {
        assert!(metrics.contains(line), "{line}: {metrics}");
    }
}

#[test]
fn an_event_for_crossbars_receivers_is_args_and_kwargs() {
    let site = Site::start(|_| answer(204, ""));
    let router = start(&out(&site.url("/"), "format = \"crossbar\""));
    subscribed(&router);
    publish(&router, "com.shop.order", r#"{"args":[1]}"#);
    let seen = site.next();
    assert_eq!(seen.body, r#"{"args":[1],"kwargs":{}}"#);
    assert!(is_signed(&seen, SECRET));
}

/// Section 12.1: the same id over all attempts, a timestamp for each.
#[test]
fn a_delivery_that_fails_is_tried_again_under_the_same_id_and_redirects_are_not_followed() {
    let elsewhere = Site::start(|_| answer(200, "{}"));
    let (asked, line) = (Arc::new(AtomicUsize::new(0)), format!("Location: {}\r\n", elsewhere.url("/")));
    let site = Site::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => with(302, &line, ""),
        _ => answer(200, "{}"),
    });
    let router = start(&out(&site.url("/"), ""));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    let (first, second) = (site.next(), site.next());
    assert_eq!(first.header("webhook-id"), second.header("webhook-id"));
    assert_eq!(first.body, second.body);
    assert!(is_signed(&first, SECRET) && is_signed(&second, SECRET));
    assert_eq!(elsewhere.more(), 0);
}

/// Section 12.1.
#[test]
fn a_410_switches_a_webhook_off_until_it_is_switched_on() {
    let asked = Arc::new(AtomicUsize::new(0));
    let site = Site::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => answer(410, "{\"no\":\"more\"}"),
        _ => answer(200, "{}"),
    });
    let router = start(&out(&site.url("/"), ""));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["is_off"] == true);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["waiting"] == 2);
    let deliveries = admin(&router, "GET", "/erp/deliveries");
    let first = &deliveries["items"][0];
    assert_eq!((&first["last"]["status"], &first["last"]["text"]), (&json!(410), &json!("{\"no\":\"more\"}")));
    assert_eq!(site.next().line, "POST /");
    assert_eq!(site.more(), 0);
    assert_eq!(admin(&router, "POST", "/erp/switch_on")["was_off"], true);
    until(&router, |shown| shown["delivered"] == 2 && shown["is_off"] == false);
}

#[test]
fn what_was_given_up_is_shown_and_sent_again_and_a_test_event_is_sent() {
    let asked = Arc::new(AtomicUsize::new(0));
    let site = Site::start(move |_| match asked.fetch_add(1, Ordering::Relaxed) {
        0 => answer(500, ""),
        _ => answer(200, "{}"),
    });
    let router = start(&out(&site.url("/"), "attempts = 1"));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["dead"] == 1 && shown["failed"] == 1);
    let dead = admin(&router, "GET", "/erp/dead_letters");
    assert_eq!((&dead["items"][0]["attempts"], &dead["items"][0]["topic"]), (&json!(1), &json!("com.shop.order")));
    assert_eq!(dead["items"][0]["id"].as_str(), site.next().header("webhook-id"));
    assert_eq!(admin(&router, "POST", "/erp/send_again")["sent_again"], 1);
    until(&router, |shown| shown["dead"] == 0 && shown["delivered"] == 1);
    let _again = site.next();
    let id = admin(&router, "POST", "/erp/test")["id"].clone();
    let seen = site.next();
    assert_eq!(id.as_str(), seen.header("webhook-id"));
    assert!(seen.body.contains("wharf.test") && is_signed(&seen, SECRET));
    let missing = Http::connect(router.port(3)).request(
        "GET",
        "/admin/v1/webhooks/none",
        &[("Authorization", &basic("root", "s3cret"))],
        "",
    );
    assert_eq!((missing.status, missing.error()), (404, "wharf.error.not_found".to_owned()));
}

/// H4: a target that is not public is not connected to, and the reason is shown.
#[test]
fn a_webhook_does_not_connect_to_this_host_unless_that_is_allowed() {
    let site = Site::start(|_| answer(200, "{}"));
    let router = start(&out(&site.url("/"), "attempts = 1").replace("\"127.0.0.0/8\", \"::1\"", "\"10.0.0.0/8\""));
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    until(&router, |shown| shown["dead"] == 1);
    let dead = admin(&router, "GET", "/erp/dead_letters");
    let text = dead["items"][0]["last"]["text"].as_str().unwrap();
    assert!(text.contains("allow_addresses"), "{text}");
    assert_eq!(site.more(), 0);
}

/// The role of the webhook decides what it is told.
#[test]
fn a_webhook_gets_what_its_role_may_subscribe_to_and_a_reload_changes_it_at_once() {
    let site = Site::start(|_| answer(200, "{}"));
    let router = start(&out(&site.url("/"), "").replace("com.shop.*", "com.secret.plan"));
    until(&router, |shown| shown["session"].is_u64() && shown["subscribed"] == 0);
    let file = router.folder().join("wharf.toml");
    let text = std::fs::read_to_string(&file).unwrap().replace("com.secret.plan", "com.shop.*");
    std::fs::write(&file, text).unwrap();
    router.reload();
    subscribed(&router);
    publish(&router, "com.shop.order", "");
    assert!(is_signed(&site.next(), SECRET));
}

const IN: &str = r#"
[webhooks.in.github]
realm = "main"
role = "guest"
verify = { kind = "github-sha256", secret = "It's a Secret to Everybody" }
publish = "com.shop.github"
[webhooks.in.erp]
realm = "main"
role = "guest"
verify = { kind = "standard-webhooks", secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" }
publish = "com.shop.erp"
payload = "json"
[webhooks.in.ask]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "joe", secret = "pass" }
call = "com.shop.ask"
payload = "json"
[webhooks.in.secret]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "joe", secret = "pass" }
publish = "com.secret.plan"
"#;

/// The example of GitHub's documentation, with the headers of a delivery of theirs.
#[test]
fn a_hook_of_github_is_published_with_its_headers() {
    let router = start(IN);
    let mut session = router.session();
    session.subscribe("com.shop.github");
    let signature = "sha256=757107ea0eb2509fc211221cce984b8a37570b6d7586c22c46f4379c8b043e17";
    let headers = [
        ("User-Agent", "GitHub-Hookshot/044aadd"),
        ("X-GitHub-Delivery", "72d3162e-cc78-11e3-81ab-4c9367dc0958"),
        ("X-GitHub-Event", "issues"),
        ("X-Hub-Signature-256", signature),
        ("Content-Type", "application/x-www-form-urlencoded"),
        ("Authorization", "none of theirs"),
    ];
    let mut http = Http::connect(router.port(3));
    let response = http.request("POST", "/hooks/github", &headers, "Hello, World!");
    assert_eq!(response.status, 202, "{}", response.body);
    let event = session.expect(36);
    assert_eq!(event[4][0]["body"], "Hello, World!");
    let told = &event[4][0]["headers"];
    assert_eq!((&told["X-Github-Event"], &told["Authorization"]), (&json!(["issues"]), &Value::Null));
    assert_eq!(told["X-Hub-Signature-256"], Value::Null);
    assert_eq!(response.json()["id"], event[2]);
    let wrong = http.request("POST", "/hooks/github", &headers, "Hello, World?");
    assert_eq!((wrong.status, wrong.error().as_str()), (401, "wamp.error.authentication_denied"));
    assert_eq!(http.request("POST", "/hooks/github", &[], "Hello, World!").status, 401);
}

/// Section 12.2.
#[test]
fn a_signed_hook_is_published_once_however_often_it_comes() {
    let router = start(IN);
    let mut session = router.session();
    session.subscribe("com.shop.erp");
    let mut http = Http::connect(router.port(3));
    let mut send = |id: &str, at: u64, body: &str| {
        let signature = SigningKey::parse(SECRET).unwrap().sign(id, at, body.as_bytes());
        let at = at.to_string();
        let headers = [("webhook-id", id), ("webhook-timestamp", &at), ("webhook-signature", &signature)];
        http.request("POST", "/hooks/erp", &headers, body)
    };
    assert_eq!(send("a", now(), r#"{"n" : 1.50}"#).status, 202);
    let text = session.receive_text();
    assert!(text.ends_with(r#",[],{"n" : 1.50}]"#), "{text}");
    let repeat = send("a", now(), r#"{"n" : 1.50}"#);
    assert_eq!((repeat.status, &*repeat.body), (202, ""));
    assert_eq!(send("b", now() - 400, "{}").status, 401);
    // What is no JSON is refused, and its id is free for what is.
    assert_eq!(send("c", now(), "{").status, 400);
    assert_eq!(send("c", now(), "[2]").status, 202);
    assert_eq!(session.expect(36)[4], json!([[2]]), "nothing in between");
}

#[test]
fn a_hook_that_calls_is_answered_by_the_callee() {
    let router = start(IN);
    let mut callee = router.session();
    callee.register("com.shop.ask");
    let mut http = Http::connect(router.port(3));
    let credential = basic("joe", "pass");
    http.send("POST", "/hooks/ask", &[("Authorization", &credential)], r#"{"a":1}"#);
    assert_eq!(callee.echo()[5], json!({"a": 1}));
    let response = http.receive(false);
    assert_eq!((response.status, &*response.body), (200, r#"{"args":[],"kwargs":{"a":1}}"#));
    http.send("POST", "/hooks/ask", &[("Authorization", &credential)], "7");
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.no", ["no"]]));
    let response = http.receive(false);
    assert_eq!((response.status, response.error().as_str()), (418, "com.shop.error.no"));
}

/// A2: the password of a hook is guessed no faster than that of a login; a signature is none to be guessed.
#[test]
fn guesses_at_the_password_of_a_hook_are_refused_unseen() {
    let router = start(&format!("{IN}[realms.main.auth.throttle]\nper_authid = 2\n"));
    let send = |path: &str, password: &str| {
        let credential = basic("joe", password);
        Http::connect(router.port(3)).request("POST", path, &[("Authorization", &credential)], "1")
    };
    assert_eq!([send("/hooks/ask", "a").status, send("/hooks/ask", "b").status], [401, 401]);
    let unseen = send("/hooks/ask", "pass");
    assert_eq!((unseen.status, unseen.error().as_str()), (429, "wharf.error.too_many_attempts"));
    assert!(unseen.header("retry-after").is_some());
    assert_eq!(send("/hooks/github", "x").status, 401);
    let end = std::time::Instant::now() + Duration::from_secs(20);
    // Nobody answers the call; the password was right.
    while send("/hooks/ask", "pass").status != 404 {
        assert!(std::time::Instant::now() < end, "never looked at again");
    }
}

#[test]
fn paths_methods_and_rights_of_hooks() {
    let router = start(IN);
    // What is refused before its body was read ends its connection.
    let connect = || Http::connect(router.port(3));
    for path in ["/hooks", "/hooks/", "/hooks/nope", "/hooks/github/", "/hooks/%67ithub/x"] {
        assert_eq!(connect().request("POST", path, &[], "x").status, 404, "{path}");
    }
    let get = connect().get("/hooks/github");
    assert_eq!((get.status, get.header("allow")), (405, Some("OPTIONS, POST")));
    assert_eq!(connect().request("OPTIONS", "/hooks/github", &[], "").status, 204);
    let credential = basic("joe", "pass");
    let refused = connect().request("POST", "/hooks/secret", &[("Authorization", &credential)], "x");
    assert_eq!((refused.status, refused.error().as_str()), (403, "wamp.error.not_authorized"));
    assert_eq!(router.http().request("POST", "/hooks/github", &[], "x").status, 404, "no hooks are served there");
}

fn call(url: &str, more: &str) -> String {
    format!(
        "[webhooks.call.stock]\nrealm = \"main\"\nrole = \"guest\"\nprocedure = \"com.stock.get\"\nurl = \"{url}\"\nsecret = \"{SECRET}\"\n\
         allow_addresses = [\"127.0.0.0/8\", \"::1\"]\n{more}\n"
    )
}

/// Waits until the procedure is registered.
fn registered(router: &Router) -> crate::wamp::Session {
    let mut session = router.session();
    let end = std::time::Instant::now() + Duration::from_secs(20);
    while session.call("wamp.registration.lookup", &json!(["com.stock.get"])).is_null() {
        assert!(std::time::Instant::now() < end, "never registered");
    }
    session
}

/// Section 12.3.
#[test]
fn a_procedure_on_http_is_called_with_a_signed_request_and_answers_with_its_result() {
    let site = Site::start(|seen| match seen.body.contains("\"sold\"") {
        false => answer(200, r#"{"args":[7],"kwargs":{"unit":"box"}}"#),
        true => with(
            409,
            "Content-Type: application/problem+json\r\n",
            r#"{"error":"com.stock.error.sold_out","args":["none left"]}"#,
        ),
    });
    let router = start(&call(&site.url("/stock"), ""));
    let mut session = registered(&router);
    let request = session.next_request();
    session.send(&json!([48, request, {}, "com.stock.get", ["shoe"], {"size": 42}]));
    assert_eq!(session.expect(50), json!([50, request, {}, [7], {"unit": "box"}]));
    let seen = site.next();
    assert!(is_signed(&seen, SECRET));
    let body: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!(body, json!({"procedure": "com.stock.get", "args": ["shoe"], "kwargs": {"size": 42}, "details": {}}));
    let request = session.next_request();
    session.send(&json!([48, request, {}, "com.stock.get", ["sold"]]));
    let error = session.expect(8);
    assert_eq!((&error[4], &error[5]), (&json!("com.stock.error.sold_out"), &json!(["none left"])));
}

/// Section 12.3: INTERRUPT gives the request up, and a service that is late is a timeout.
#[test]
fn a_call_that_is_cancelled_or_late_ends_and_its_request_with_it() {
    let site = Site::start(|_| {
        // Longer than the timeout below; nobody waits for it.
        std::thread::park_timeout(Duration::from_secs(5));
        answer(200, "1")
    });
    let router = start(&call(&site.url("/"), "timeout = \"1s\""));
    let mut session = registered(&router);
    let request = session.next_request();
    session.send(&json!([48, request, {}, "com.stock.get"]));
    let _arrived = site.next();
    session.send(&json!([49, request, {"mode": "kill"}]));
    assert_eq!(session.expect(8)[4], "wamp.error.canceled");
    let request = session.next_request();
    session.send(&json!([48, request, {}, "com.stock.get"]));
    assert_eq!(session.expect(8)[4], "wamp.error.timeout");
}
