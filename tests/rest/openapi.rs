//! OpenAPI and the documentation pages. Sections 4, 8 and 16 of the HTTP design.

use crate::client::{basic, JSON};
use crate::router::{Router, CONFIG};
use serde_json::{json, Value};

const OF_REALM: &str = "/api/v1/realms/main/openapi.json";

/// The procedures that a description names.
fn procedures(document: &Value) -> Vec<&str> {
    assert_eq!(document["openapi"], "3.1.0");
    let paths = document["paths"].as_object().unwrap();
    paths.values().map(|path| path["post"]["operationId"].as_str().unwrap()).collect()
}

/// Section 16: each exact procedure that this caller may call, and no other.
#[test]
fn a_realm_is_described_to_each_caller_as_far_as_it_may_call() {
    // Whoever may register it may not call it.
    let rule = "permissions = [{ uri = \"com.secret.\", match = \"prefix\", allow = [], deny = [\"call\"] }]";
    let router = Router::with(&CONFIG.replacen("deny = [\"com.secret.*\"]", rule, 1));
    let (mut http, mut callee) = (router.http(), router.session());
    assert_eq!(procedures(&http.get(OF_REALM).json()), Vec::<&str>::new());
    for procedure in ["com.add", "com.secret.a", "com.mul"] {
        callee.register(procedure);
    }
    let document = http.get(OF_REALM).json();
    assert_eq!(procedures(&document), ["com.add", "com.mul"]);
    assert!(!document.to_string().contains("secret"));
    let by_name = http.request("GET", OF_REALM, &[("Authorization", &basic("ann", "s3cret"))], "");
    assert_eq!(procedures(&by_name.json()), ["com.add", "com.mul"]);
    // What is told is what there is, however often it was asked before.
    let schema = json!({"summary": "Multiplies", "arguments": {"type": "array", "minItems": 2}});
    callee.call("wamp.reflect.define", &json!(["com.mul", schema]));
    let document = http.get(OF_REALM).json();
    let operation = &document["paths"]["/api/v1/realms/main/call/com.mul"]["post"];
    assert_eq!(operation["summary"], "Multiplies");
    let takes = &operation["requestBody"]["content"]["application/json"]["schema"]["properties"];
    assert_eq!(takes["args"], json!({"type": "array", "minItems": 2}));
    callee.register("com.new");
    assert_eq!(procedures(&http.get(OF_REALM).json()), ["com.add", "com.mul", "com.new"]);
    drop(callee);
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while !procedures(&http.get(OF_REALM).json()).is_empty() {
        assert!(std::time::Instant::now() < until, "they are still there");
    }
}

/// As for a call: the same realms, the same credentials.
#[test]
fn a_description_is_refused_as_a_call_is() {
    let router = Router::start();
    let mut http = router.http();
    assert_eq!(http.get("/api/v1/realms/nope/openapi.json").error(), "wamp.error.no_such_realm");
    assert_eq!(http.get("/api/v1/realms/hidden/openapi.json").error(), "wamp.error.no_such_realm");
    assert_eq!(http.get("/api/v1/realms/locked/openapi.json").status, 401);
    let wrong = http.request("GET", OF_REALM, &[("Authorization", &basic("ann", "guess"))], "");
    assert_eq!((wrong.status, wrong.error().as_str()), (401, "wamp.error.authentication_denied"));
    let posted = http.post(OF_REALM, "{}");
    assert_eq!((posted.status, posted.header("allow")), (405, Some("GET, HEAD, OPTIONS")));
    // What still came of its body ends the connection.
    assert_eq!(router.http().request("OPTIONS", OF_REALM, &[], "").status, 204);
}

/// [`CONFIG`] with every service of a listener but the administration, and a hook.
pub(crate) fn everything() -> String {
    let services = "serve = [\"websocket\", \"rest\", \"metrics\", \"health\", \"hooks\", \"longpoll\"]";
    let config = CONFIG.replacen("serve = [\"websocket\", \"rest\", \"metrics\", \"health\"]", services, 1);
    assert_ne!(config, CONFIG);
    config
        + r#"
[listeners.main.longpoll]
paths = ["/wamp/longpoll"]
[realms.main.topics."com.kept.*"]
history = { limit = 100, durability = "memory" }
[webhooks.in.erp]
realm = "main"
role = "guest"
verify = { kind = "basic", name = "erp", secret = { file = "ticket" } }
publish = "com.shop.hook"
"#
}

/// Section 16: what is described is there. A method that nothing takes is answered by those that are taken.
#[test]
fn every_endpoint_that_is_described_is_served() {
    let router = Router::with(&everything());
    let mut http = router.http();
    let document = http.get("/api/v1/openapi.json").json();
    let paths = document["paths"].as_object().unwrap();
    for path in ["/api/v1/realms/{realm}/call/{procedure}", "/api/v1/realms/{realm}/publish", "/livez", "/metrics"] {
        assert!(paths.contains_key(path), "{path}");
    }
    assert!(!paths.keys().any(|path| path.starts_with("/admin")), "it is not served here");
    for (path, methods) in paths {
        let path = path.replace("{realm}", "main").replace("{procedure}", "com.a").replace("{topic}", "com.a");
        let path = path.replace("{uri}", "com.a").replace("{name}", "erp").replace("{id}", "some");
        let allowed = http.request("PATCH", &path, &[], "");
        assert_eq!(allowed.status, 405, "{path}: {}", allowed.body);
        let allow = allowed.header("allow").unwrap_or_else(|| panic!("{path}: {allowed:?}"));
        for method in methods.as_object().unwrap().keys() {
            assert!(allow.split(", ").any(|known| known.eq_ignore_ascii_case(method)), "{method} {path}: {allow}");
        }
    }
}

/// The text of a source file of the HTTP side.
fn source(name: &str) -> String {
    std::fs::read_to_string(std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("src/http").join(name)).unwrap()
}

/// The texts of a line of a program.
fn texts(line: &str) -> impl Iterator<Item = &str> {
    line.split('"').skip(1).step_by(2)
}

/// Section 16: what is there is described. The words that the program tells requests apart by are read from it.
#[test]
fn every_endpoint_that_is_served_is_described() {
    let router = Router::with(&everything());
    let document = router.http().get("/api/v1/openapi.json").json();
    let paths: Vec<&str> = document["paths"].as_object().unwrap().keys().map(String::as_str).collect();
    // What follows the realm: of requests that are read, and of calls and their kin.
    let (api, route) = (source("api.rs"), source("route.rs"));
    let arms = api.lines().chain(route.lines()).filter_map(|line| {
        let (pattern, names) = line.split_once("=>")?;
        (names.contains("Some(Self::") || names.contains("Endpoint::")).then_some(pattern)
    });
    let below = api.lines().filter(|line| line.contains("strip_prefix(\"") && !line.contains("/api/v1/"));
    let words: Vec<&str> = arms.chain(below).flat_map(texts).map(|word| word.trim_matches('/')).collect();
    for word in ["call", "publish", "batch", "events", "poll", "history", "openapi.json"] {
        assert!(words.contains(&word), "{word} is not found among {words:?}: the program has another form");
    }
    for word in words.iter().filter(|word| **word != "realms") {
        let mut segments = paths.iter().filter_map(|path| path.strip_prefix("/api/v1/realms/{realm}/"));
        assert!(segments.any(|path| path.split('/').next() == Some(word)), "/{word} of a realm has no row: {paths:?}");
    }
    // And the paths that the application is built of. Style and script are parts of a page.
    for file in ["health.rs", "metrics.rs", "docs/mod.rs", "webhook/inward.rs", "admin/mod.rs", "mod.rs"] {
        let text = source(file);
        let built = ["page(\"/", "web::resource(\"/", "web::scope(\"/"];
        for line in text.lines().filter(|line| built.iter().any(|built| line.contains(built))) {
            let path = texts(line).next().unwrap();
            let is_part = path.ends_with(".js") || path.ends_with(".css") || path == "/admin";
            let is_described = paths.iter().any(|known| *known == path || known.starts_with(&format!("{path}/")));
            assert!(is_part || is_described, "{file}: {path} has no row: {paths:?}");
        }
    }
}

const ROUTES: &str = r#"
[rest.routes.get]
method = "GET"
path = "/shop/orders/{id}"
realm = "main"
call = "com.shop.get"
args = ["{path.id}", "{query.lang}"]
kwargs = { trace = "{header.x-trace}", lang = "{query.lang}" }
[rest.routes.put]
method = "PUT"
path = "/shop/orders/{number}"
realm = "main"
publish = "com.shop.put"
args = ["{body.items}"]
status = 202
[rest.routes.secret]
method = "POST"
path = "/shop/secret"
realm = "main"
call = "com.secret.a"
[rest.routes.told]
method = "POST"
path = "/shop/told"
realm = "main"
publish = "com.secret.told"
[rest.routes.hidden]
method = "POST"
path = "/shop/hidden"
realm = "hidden"
call = "com.a"
[realms.main.auth.ticket.users.cas]
ticket = { file = "ticket" }
role = "asked"
[realms.main.roles.asked.authorizer]
procedure = "com.authorize"
"#;

/// Section 16: and the mapped routes, as far as what they do is permitted.
#[test]
fn the_mapped_routes_of_a_realm_are_described_to_those_who_may_use_them() {
    let router = Router::with(&format!("{CONFIG}{ROUTES}"));
    let document = router.http().get(OF_REALM).json();
    let paths: Vec<_> = document["paths"].as_object().unwrap().keys().collect();
    // One path for both methods, whatever its open segment is named.
    assert_eq!(paths, ["/shop/orders/{id}"]);
    let get = &document["paths"]["/shop/orders/{id}"]["get"];
    let parameters: Vec<_> = get["parameters"].as_array().unwrap().iter().collect();
    let parameter = |place: &str, name: &str, required: bool, schema: Value| json!({"name": name, "in": place, "required": required, "schema": schema});
    let text = json!({"type": "string"});
    let open = parameter("path", "id", true, json!({"type": "string", "minLength": 1}));
    let (trace, lang) = (parameter("header", "x-trace", false, text.clone()), parameter("query", "lang", true, text));
    assert_eq!(parameters, [&open, &trace, &lang]);
    assert!(get["responses"]["200"].is_object() && get["requestBody"].is_null(), "{get}");
    let put = &document["paths"]["/shop/orders/{id}"]["put"];
    assert_eq!((&put["summary"], &put["parameters"]), (&json!("Publishes to com.shop.put"), &json!([open])));
    assert!(
        put["responses"]["202"]["content"]["application/json"].is_object() && put["requestBody"].is_object(),
        "{put}"
    );
}

/// Section 16: `procedures` of the configuration, beside what callees say. A callee's schema that is none spoils nothing.
#[test]
fn what_the_configuration_tells_of_procedures_is_described_beside_what_callees_say() {
    let told = "[realms.main.procedures.\"com.shop.*\"]\nsummary = \"Of the shop\"\nrequest_schema = \"schema.json\"\n";
    let schema =
        r##"{"properties":{"args":{"items":{"$ref":"#/$defs/number"}}},"$defs":{"number":{"type":"number"}}}"##;
    let router = Router::with_file(&format!("{CONFIG}{told}"), "schema.json", schema);
    let (mut http, mut callee) = (router.http(), router.session());
    for procedure in ["com.shop.a", "com.shop.b", "com.other"] {
        callee.register(procedure);
    }
    let wrong = json!({"summary": "Other", "arguments": {"type": "list"}, "result": {"type": "string"}});
    callee.call("wamp.reflect.define", &json!(["com.other", wrong]));
    let document = http.get(OF_REALM).json();
    let operation = |uri: &str| document["paths"][format!("/api/v1/realms/main/call/{uri}")]["post"].clone();
    let body = |uri: &str| operation(uri)["requestBody"]["content"]["application/json"]["schema"].clone();
    for uri in ["com.shop.a", "com.shop.b"] {
        assert_eq!(operation(uri)["summary"], "Of the shop");
        assert_eq!(body(uri), json!({"$ref": "#/components/schemas/Configured1"}));
    }
    let items = &document["components"]["schemas"]["Configured1"]["properties"]["args"]["items"];
    assert_eq!(items, &json!({"$ref": "#/components/schemas/Configured1/$defs/number"}));
    assert_eq!(operation("com.other")["summary"], "Other");
    assert_eq!(body("com.other")["properties"]["args"], json!({"type": "array"}));
    // A reload tells it anew.
    std::fs::write(router.folder().join("schema.json"), "{\"title\": \"another\"}").unwrap();
    router.reload();
    let until = std::time::Instant::now() + std::time::Duration::from_secs(20);
    while http.get(OF_REALM).json()["components"]["schemas"]["Configured1"] != json!({"title": "another"}) {
        assert!(std::time::Instant::now() < until, "the new schema is not told");
    }
}

/// What an authorizer would say is not known before a call is made, and the description says so.
#[test]
fn who_lives_by_an_authorizer_is_told_that_nothing_can_be_told() {
    let router = Router::with(&format!("{CONFIG}{ROUTES}"));
    let (mut http, mut callee) = (router.http(), router.session());
    callee.register("com.add");
    let document = http.request("GET", OF_REALM, &[("Authorization", &basic("cas", "s3cret"))], "").json();
    assert_eq!(document["paths"], json!({}));
    assert!(document["info"]["description"].as_str().unwrap().contains("authorizer"), "{document}");
    let others = http.get(OF_REALM).json();
    assert!(!others["info"]["description"].as_str().unwrap().contains("authorizer"), "{others}");
}

/// Section 8.2: `type` of a problem leads to a page.
#[test]
fn the_type_of_a_problem_is_a_page_with_its_cause_and_cure() {
    let router = Router::start();
    let (mut http, mut callee) = (router.http(), router.session());
    let problem = http.request("POST", "/api/v1/call/com.nope", &[JSON], "{}").json();
    let page = http.get(problem["type"].as_str().unwrap());
    assert_eq!((page.status, page.header("content-type")), (200, Some("text/html; charset=utf-8")));
    assert!(page.body.contains("<h1>wamp.error.no_such_procedure</h1>"), "{}", page.body);
    assert!(page.body.contains("<h2>Cure</h2>"));
    callee.register("com.fail");
    http.send("POST", "/api/v1/call/com.fail", &[JSON], "{}");
    let invocation = callee.invocation();
    callee.send(&json!([8, 68, invocation[1], {}, "com.shop.error.sold_out"]));
    let problem = http.receive(false).json();
    let page = http.get(problem["type"].as_str().unwrap());
    assert_eq!(page.status, 200);
    assert!(page.body.contains("not the router&#39;s") || page.body.contains("not the router's"), "{}", page.body);
    assert_eq!(http.get("/docs/errors/wamp.error.nope").status, 404);
    let page = http.get("/docs/errors/%3Cscript%3Ealert(1)");
    assert!(!page.body.contains("<script"), "{}", page.body);
    for uri in wharf::wamp::ErrorUri::ALL {
        assert_eq!(http.get(&format!("/docs/errors/{uri}")).status, 200, "{uri}");
    }
}

/// Section 4: from the binary, without anything from elsewhere.
#[test]
fn the_documentation_pages_fetch_nothing_from_elsewhere_and_run_nothing_inline() {
    let router = Router::start();
    let mut http = router.http();
    for path in ["/docs", "/docs/errors"] {
        let page = http.get(path);
        assert_eq!(page.status, 200, "{path}");
        let policy = page.header("content-security-policy").unwrap();
        assert!(policy.starts_with("default-src 'none'; script-src 'self';") && !policy.contains("unsafe"), "{policy}");
        assert!(!page.body.contains("://") && !page.body.contains("<style") && !page.body.contains("style="), "{path}");
        assert_eq!(page.body.matches("<script").count(), page.body.matches("<script src=\"/docs/").count(), "{path}");
    }
    for (path, media) in
        [("/docs/docs.js", "text/javascript; charset=utf-8"), ("/docs/docs.css", "text/css; charset=utf-8")]
    {
        let asset = http.get(path);
        assert_eq!((asset.status, asset.header("content-type")), (200, Some(media)));
        assert_eq!(asset.header("x-content-type-options"), Some("nosniff"));
        assert!(!asset.body.contains("://"), "{path}");
    }
    assert_eq!(http.post("/docs", "").status, 405);
}
