//! What whoever asks may use. Section 4.4 of the HTTP design.

use crate::client::{basic, Http, JSON};
use crate::router::{Router, CONFIG};
use crate::wamp::Session;
use serde_json::{json, Value};

/// Guests may use all but `com.secret.*` and `com.shop.admin.*`; members those of `com.shop.admin.*` alone.
fn router() -> Router {
    // Whoever may register them may not call them.
    let no =
        |uri: &str| format!("{{ uri = \"{uri}\", match = \"prefix\", allow = [], deny = [\"call\", \"subscribe\"] }}");
    let denied = format!("permissions = [{}, {}]", no("com.secret."), no("com.shop.admin."));
    let member = "call = [\"com.shop.admin.*\"]\nsubscribe = [\"com.shop.admin.*\"]";
    let config = CONFIG
        .replacen("deny = [\"com.secret.*\"]", &denied, 1)
        .replace("inherit = [\"guest\"]", member)
        .replace("register = [\"*\"]", "register = [\"*\"]\nallow_pattern_register = true");
    let history = "history = { limit = 100, durability = \"memory\" }";
    Router::with(&format!(
        "{config}\n[realms.main.topics.\"com.shop.stock.*\"]\n{history}\n[realms.main.topics.\"com.shop.news\"]\nretain = {{ allow = true }}\n[realms.main.topics.\"com.secret.news\"]\n{history}\n"
    ))
}

fn bob() -> String {
    basic("bob", "s3cret")
}

fn uris(answer: &Value) -> Vec<String> {
    answer["items"].as_array().unwrap().iter().map(|item| item["uri"].as_str().unwrap().to_owned()).collect()
}

fn get(http: &mut Http, path: &str, credential: Option<&str>) -> (u16, Value) {
    let headers: Vec<(&str, &str)> = credential.map(|value| ("Authorization", value)).into_iter().collect();
    let response = http.request("GET", &format!("/api/v1/{path}"), &headers, "");
    assert_eq!(response.header("cache-control"), Some("no-store"));
    (response.status, response.json())
}

/// A REGISTER or SUBSCRIBE with options.
fn put(session: &mut Session, code: u64, options: &Value, uri: &str) {
    let request = session.next_request();
    session.send(&json!([code, request, options, uri]));
    session.expect(code + 1);
}

/// All pages of a list.
fn pages(http: &mut Http, path: &str, credential: Option<&str>) -> Vec<String> {
    let (mut seen, mut cursor) = (Vec::new(), String::new());
    loop {
        let (status, told) = get(http, &format!("{path}{cursor}"), credential);
        assert_eq!(status, 200, "{told}");
        seen.extend(uris(&told));
        let Some(next) = told["cursor"].as_str() else { return seen };
        cursor = format!("&cursor={next}");
    }
}

/// The page of docs/HTTP.md.
#[test]
fn a_caller_is_told_of_the_procedures_that_it_may_call_and_of_no_other() {
    let router = router();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.order.get");
    callee.register("com.shop.cart");
    put(&mut callee, 64, &json!({"match": "prefix", "invoke": "roundrobin"}), "com.shop.order.");
    let cart = json!(["com.shop.cart", {"summary": "What is in the cart"}]);
    callee.call("wamp.reflect.define", &cart);
    let (status, told) = get(&mut http, "realms/main/procedures?prefix=com.shop.&limit=100", None);
    assert_eq!(status, 200, "{told}");
    let item = |uri: &str, policy: &str, invoke: &str, summary: Value| json!({"uri": uri, "match": policy, "invoke": invoke, "summary": summary});
    let expected = json!({"items": [
        item("com.shop.cart", "exact", "single", json!("What is in the cart")),
        item("com.shop.order.", "prefix", "roundrobin", Value::Null),
        item("com.shop.order.get", "exact", "single", Value::Null),
    ], "cursor": null});
    assert_eq!(told, expected);
    assert_eq!(uris(&get(&mut http, "procedures?prefix=com.shop.c", None).1), ["com.shop.cart"]);
    assert_eq!(get(&mut http, "procedures", Some(&bob())).1, json!({"items": [], "cursor": null}));
    // A pattern that reaches what guests may not call is not theirs.
    put(&mut callee, 64, &json!({"match": "prefix"}), "com.s");
    assert_eq!(uris(&get(&mut http, "procedures", None).1).len(), 3);
}

/// A page ends by what its caller may use, whatever else is there: hidden names make no page shorter and give no cursor.
#[test]
fn what_a_caller_may_not_use_shows_in_no_page_and_in_no_cursor() {
    let router = router();
    let (mut http, mut callee) = (router.http(), router.session());
    let mine = ["com.a", "com.b", "com.c", "com.d", "com.e"];
    mine.iter().for_each(|procedure| callee.register(procedure));
    let before = get(&mut http, "procedures?limit=5", None);
    assert_eq!(before.1["cursor"], Value::Null);
    for number in 0..300 {
        callee.register(&format!("com.secret.n{number}"));
        callee.register(&format!("com.shop.admin.n{number}"));
    }
    callee.register("com.bb");
    // The first connection may have been idle for long.
    let mut http = router.http();
    assert_eq!(get(&mut http, "procedures?limit=6", None).1["cursor"], Value::Null);
    assert_eq!(pages(&mut http, "procedures?limit=2", None), ["com.a", "com.b", "com.bb", "com.c", "com.d", "com.e"]);
    assert_eq!(get(&mut http, "procedures?prefix=com.secret.", None).1, json!({"items": [], "cursor": null}));
    assert_eq!(pages(&mut http, "procedures?limit=1000", Some(&bob())).len(), 300);
    assert_eq!(pages(&mut http, "procedures?limit=7", Some(&bob())).len(), 300);
    assert_eq!(get(&mut http, "topics?prefix=com.secret.", None).1, json!({"items": [], "cursor": null}));
}

#[test]
fn a_query_for_a_list_that_is_not_understood_is_told_what_was_expected() {
    let router = router();
    let mut http = router.http();
    for list in ["procedures", "topics"] {
        for (query, expected) in [
            ("limit=0", "limit must be a number from 1 to 1000, got 0"),
            ("limit=1001", "limit must be a number from 1 to 1000, got 1001"),
            ("limit=x%0a", "limit must be a number from 1 to 1000, got x\\n"),
            ("cursor=x", "this cursor is not one of this list's"),
            // ["com.a","odd"]
            ("cursor=WyJjb20uYSIsIm9kZCJd", "this cursor is not one of this list's"),
            ("limits=1", "unexpected member \"limits\", did you mean \"limit\"?"),
            ("limit=1&limit=1", "the parameter \"limit\" stands twice in the query"),
            ("prefix=%ff", "the query is not UTF-8 once it is percent-decoded"),
        ] {
            let response = http.get(&format!("/api/v1/{list}?{query}"));
            assert_eq!((response.status, response.detail()), (400, expected.to_owned()), "{list}?{query}");
        }
        assert_eq!(http.get(&format!("/api/v1/realms/nope/{list}")).status, 404);
        assert_eq!(http.get(&format!("/api/v1/{list}/")).status, 404);
        let response = http.request("POST", &format!("/api/v1/{list}"), &[], "");
        assert_eq!((response.status, response.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
        assert_eq!(http.request("HEAD", &format!("/api/v1/{list}"), &[], "").status, 200);
        assert_eq!(http.request("GET", &format!("/api/v1/{list}"), &[("Accept", "text/html")], "").status, 406);
        assert_eq!(http.get(&format!("/api/v1/realms/locked/{list}")).status, 401);
    }
}

#[test]
fn a_procedure_leads_to_the_registration_that_a_call_would_reach() {
    let router = router();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.cart");
    put(&mut callee, 64, &json!({"match": "wildcard"}), "com.shop..get");
    let (status, told) = get(&mut http, "procedures/com.shop.cart", None);
    let expected = json!({"uri": "com.shop.cart", "match": "exact", "invoke": "single", "summary": null});
    assert_eq!((status, told), (200, expected));
    // What a pattern reads that reaches further than the caller may is not said.
    let part = json!({"uri": null, "match": "wildcard", "invoke": "single", "summary": null});
    assert_eq!(get(&mut http, "procedures/com.shop.order.get", None), (200, part.clone()));
    assert_eq!(get(&mut http, "procedures/com.shop.admin.get", Some(&bob())), (200, part));
    // The pattern would serve it, but guests may not call it: as if it were not there.
    for procedure in ["com.shop.admin.get", "com.nope", "wamp.session.get"] {
        let (status, told) = get(&mut http, &format!("procedures/{procedure}"), None);
        let detail = format!("there is no procedure '{procedure}' that you may call");
        assert_eq!((status, &told["error"]), (404, &json!("wamp.error.no_such_procedure")));
        assert_eq!(told["detail"], json!(detail));
    }
    assert_eq!(get(&mut http, "procedures/com.shop.cart", Some(&bob())).0, 404);
    for (path, status) in [("com..shop", 400), ("com%20shop", 400), ("com.shop.cart?limit=1", 400), ("a/b", 404)] {
        assert_eq!(get(&mut http, &format!("procedures/{path}"), None).0, status, "{path}");
    }
}

/// The page of docs/HTTP.md.
#[test]
fn a_caller_is_told_of_the_topics_that_it_may_subscribe_to_and_of_no_other() {
    let router = router();
    let (mut http, mut subscriber) = (router.http(), router.session());
    put(&mut subscriber, 32, &json!({}), "com.shop.order.placed");
    put(&mut subscriber, 32, &json!({}), "wamp.session.on_join");
    put(&mut subscriber, 32, &json!({"match": "prefix"}), "com.shop.stock.");
    let (status, told) = get(&mut http, "realms/main/topics?prefix=com.", None);
    assert_eq!(status, 200, "{told}");
    let item = |uri: &str, policy: &str, subscribed: bool, history: bool| json!({"uri": uri, "match": policy, "subscribed": subscribed, "history": history});
    let expected = json!({"items": [
        item("com.shop.news", "exact", false, false),
        item("com.shop.order.placed", "exact", true, false),
        item("com.shop.stock.", "prefix", true, true),
    ], "cursor": null});
    assert_eq!(told, expected);
    // Of what belongs to the router nothing is listed.
    assert_eq!(get(&mut http, "topics", None).1, expected);
    assert_eq!(pages(&mut http, "topics?limit=1", None).len(), 3);
    assert_eq!(get(&mut http, "topics", Some(&bob())).1, json!({"items": [], "cursor": null}));
}

/// Section 8.2: what may have been meant, of what the caller may call.
#[test]
fn a_procedure_that_is_not_there_is_answered_with_what_may_have_been_meant() {
    let router = router();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.order.get");
    callee.register("com.secret.orders");
    callee.register("com.shop.admin.orders");
    let mut meant = |path: &str, body: &str| {
        let response = http.post(&format!("/api/v1/{path}"), body);
        assert_eq!((response.status, &*response.error()), (404, "wamp.error.no_such_procedure"), "{}", response.body);
        response.json()["did_you_mean"].clone()
    };
    assert_eq!(meant("call/com.shop.order.gte", ""), json!(["com.shop.order.get"]));
    assert_eq!(meant("call", r#"{"procedure": "com.shp.ordr.get"}"#), json!(["com.shop.order.get"]));
    for far in ["com.shop.order", "com.secre.orders", "com.shop.admn.orders", "org.other"] {
        assert_eq!(meant(&format!("call/{far}"), ""), Value::Null, "{far}");
    }
    // The same whether or not there is one that may not be called.
    callee.register("com.secrets.order");
    for hidden in ["com.secret.orders", "com.secret.ordera"] {
        let (status, told) = get(&mut http, &format!("procedures/{hidden}"), None);
        assert_eq!((status, &told["did_you_mean"]), (404, &json!(["com.secrets.order"])), "{hidden}");
    }
    let (_, told) = get(&mut http, "procedures/com.shop.order.gte", None);
    assert_eq!(told["did_you_mean"], json!(["com.shop.order.get"]));
    let batch =
        r#"{"items": [{"op": "call", "procedure": "com.shop.order.gt"}, {"op": "call", "procedure": "org.other"}]}"#;
    for mode in ["ordered", "parallel"] {
        let body = batch.replacen('{', &format!("{{\"mode\": \"{mode}\", "), 1);
        let told = http.post("/api/v1/batch", &body).json();
        assert_eq!(told["results"][0]["body"]["did_you_mean"], json!(["com.shop.order.get"]), "{told}");
        assert_eq!(told["results"][1]["body"]["did_you_mean"], Value::Null, "{told}");
    }
    let headers = [JSON, ("Accept", "application/x-ndjson")];
    let response = http.request("POST", "/api/v1/call/com.shop.order.gte", &headers, "");
    assert_eq!(response.json()["did_you_mean"], json!(["com.shop.order.get"]), "{}", response.body);
}

/// Only the router says what is not there; a callee may say so of something else.
#[test]
fn what_a_callee_says_is_not_there_is_not_guessed_at() {
    let router = router();
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.shop.get");
    callee.register("com.shop.got");
    http.send("POST", "/api/v1/call/com.shop.get", &[JSON], "");
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "wamp.error.no_such_procedure", ["not here"]]));
    let response = http.receive(false);
    assert_eq!(response.status, 404, "{}", response.body);
    assert_eq!(response.json()["did_you_mean"], Value::Null);
}
