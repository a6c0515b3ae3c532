//! What was changed at run time, under the file. Source: `docs/decisions/0017`.

use super::*;
use serde_json::{json, Value};
use wharf::config::managed::{write, FILE_NAME};
use wharf::config::{reload_with, Layer, Managed};

const FILE: &str = r#"
[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket"]
[realms.shop]
call_timeout = "5s"
[realms.shop.roles.guest]
permissions = [{ uri = "com.shop.", match = "prefix", allow = ["call"] }]
"#;

fn managed(rows: &[(&[&str], Value)]) -> Managed {
    let mut managed = Managed::default();
    for (path, value) in rows {
        managed.set(path, value.clone()).unwrap();
    }
    managed
}

fn known(managed: Managed) -> LoadOptions {
    LoadOptions { managed: Layer::Known(managed), ..of_text(FILE) }
}

fn codes(errors: &ConfigErrors) -> Vec<(String, String)> {
    let at = |problem: &Problem| problem.location.as_ref().map(|place| place.origin.clone()).unwrap_or_default();
    errors.problems.iter().map(|problem| (problem.code(), at(problem))).collect()
}

#[test]
fn whatever_a_file_says_about_a_realm_can_be_said_at_run_time() {
    let rule = json!([{ "uri": "com.pay.", "match": "prefix", "allow": ["call"] }]);
    let layer = managed(&[
        (
            &["realms", "pay"],
            json!({ "uri": "com.pay", "call_timeout": "7s", "roles": { "clerk": { "permissions": rule } } }),
        ),
        (
            &["realms", "pay", "auth", "cryptosign", "users", "ann"],
            json!({ "keys": ["03".repeat(32)], "role": "clerk" }),
        ),
        (&["realms", "shop", "roles", "clerk"], json!({ "permissions": [] })),
        (&["realm_templates", "tenant"], json!({ "match": "com.tenant.*", "from": "pay" })),
    ]);
    let settings = load(&known(layer.clone())).unwrap();
    assert_eq!(settings.realms.iter().map(|realm| realm.uri.as_str()).collect::<Vec<_>>(), ["com.pay", "shop"]);
    assert_eq!(settings.realms[1].roles.keys().collect::<Vec<_>>(), ["clerk", "guest"]);
    assert_eq!(settings.templates[0].name, "tenant");
    assert_eq!(settings.managed, layer);
}

/// What is in the file is shown to whoever asks for a description.
#[test]
fn a_schema_is_not_named_at_run_time_and_a_summary_is_told() {
    let place = ["realms", "shop", "procedures", "report"];
    let named = managed(&[(&place, json!({ "summary": "Figures", "request_schema": "schema.json" }))]);
    let errors = load(&known(named)).unwrap_err();
    assert_eq!(codes(&errors), [("E005".to_owned(), "store:realms.shop.procedures.report.request_schema".to_owned())]);
    let told = load(&known(managed(&[(&place, json!({ "summary": "Figures" }))]))).unwrap().realms[0].told.clone();
    assert_eq!(told.find("report").and_then(|told| told.summary.as_deref()), Some("Figures"));
}

#[test]
fn mistakes_are_those_of_a_file_and_their_place_is_their_path() {
    let role = json!({ "permissions": [{ "uri": "com.a", "match": "prefx", "allow": ["call"] }], "inherits": [] });
    let layer = managed(&[
        (&["realms", "shop", "roles", "a b"], role),
        (&["realms", "shop", "auth", "anonymous"], json!({ "role": "nobody" })),
        (&["realms", "shop", "call_timeout_"], json!(3)),
    ]);
    let errors = load(&known(layer)).unwrap_err();
    let mut found = codes(&errors);
    found.sort();
    let expected = [
        ("E003", "store:realms.shop.call_timeout_"),
        ("E003", "store:realms.shop.roles.\"a b\".inherits"),
        ("E012", "store:realms.shop.roles.\"a b\".permissions[0].match"),
        ("E030", "store:realms.shop.auth.anonymous.role"),
    ];
    assert_eq!(found, expected.map(|(code, place)| (code.to_owned(), place.to_owned())), "{errors}");
}

#[test]
fn a_rule_made_at_run_time_names_its_path_as_its_place() {
    let rule = json!({ "permissions": [{ "uri": "com.a", "allow": ["call"] }] });
    let settings = load(&known(managed(&[(&["realms", "shop", "roles", "clerk"], rule)]))).unwrap();
    let policy = &settings.realms[0].roles["clerk"].policy;
    let answer = policy.explain(wharf::authz::Action::Call, "com.a", wharf::wamp::MatchPolicy::Exact);
    let wharf::authz::Reason::Allowed(rule) = answer.reason else { panic!("{answer:?}") };
    assert!(rule.source.starts_with("store:realms.shop.roles.clerk.permissions[0]"), "{}", rule.source);
}

#[test]
fn the_file_holds_and_a_change_of_what_it_sets_is_refused() {
    let path: &[&str] = &["realms", "shop", "call_timeout"];
    let layer = managed(&[(path, json!("9s"))]);
    let settings = load(&known(layer.clone())).unwrap();
    assert_eq!(settings.realms[0].rules.limits.call_timeout, Some(std::time::Duration::from_secs(5)));
    assert_eq!(settings.warnings.iter().map(Problem::code).collect::<Vec<_>>(), ["W008"]);
    let running = load(&of_text(FILE)).unwrap();
    for changed in [path, &["realms", "shop"]] {
        let changed = vec![changed.iter().map(|step| (*step).to_owned()).collect()];
        let errors = reload_with(&of_text(FILE), &running, Layer::Candidate(layer.clone(), changed)).unwrap_err();
        assert_eq!(codes(&errors), [("E008".to_owned(), "(built-in wharf.toml)".to_owned())]);
        assert_eq!(errors.problems[0].path, "realms.shop.call_timeout");
    }
    let elsewhere = Layer::Candidate(layer, vec![vec!["realms".to_owned(), "other".to_owned()]]);
    reload_with(&of_text(FILE), &running, elsewhere).unwrap();
}

#[test]
fn a_change_that_is_lawful_differs_only_in_its_keys() {
    let running = load(&of_text(FILE)).unwrap();
    let layer = managed(&[(&["realms", "pay"], json!({}))]);
    let reloaded = reload_with(&of_text(FILE), &running, Layer::Known(layer)).unwrap();
    assert_eq!(reloaded.differences.iter().map(ToString::to_string).collect::<Vec<_>>(), ["realms.pay: added"]);
    let again = wharf::config::reload(&of_text(FILE), &reloaded.settings).unwrap();
    assert!(again.differences.is_empty() && again.settings.managed == reloaded.settings.managed);
}

/// The realm that is named for it, and no realm that is made from it.
#[test]
fn only_the_realm_that_is_named_for_it_administers() {
    let realms = managed(&[
        (&["realms", "wharf.admin"], json!({})),
        (&["realms", "ops"], json!({ "uri": "com.ops" })),
        (&["realm_templates", "tenant"], json!({ "match": "com.tenant.*", "from": "wharf.admin" })),
    ]);
    let administers = |text: &str| {
        let options = LoadOptions { text: Some(format!("{text}{FILE}")), ..known(realms.clone()) };
        let settings = load(&options).unwrap();
        assert!(!settings.templates[0].settings.rules.administers);
        let of = settings.realms.iter().filter(|realm| realm.rules.administers);
        of.map(|realm| realm.uri.to_string()).collect::<Vec<_>>()
    };
    assert_eq!(administers(""), ["wharf.admin"]);
    assert_eq!(administers("[admin]\nrealm = \"com.ops\"\n"), ["com.ops"]);
}

/// What opens nothing by itself may be kept; what does may not.
#[test]
fn secrets_are_refused_and_verifiers_are_not() {
    let users = |method: &str, user: Value| {
        load(&known(managed(&[(&["realms", "shop", "auth", method, "users", "joe"], user)])))
    };
    assert!(users("scram", json!({ "verifier": VERIFIER, "role": "guest" })).is_ok());
    for (method, key) in [("ticket", "ticket"), ("wampcra", "secret")] {
        let errors = users(method, json!({ key: "hush-hush", "role": "guest" })).unwrap_err();
        assert_eq!(errors.problems[0].code(), "E020");
        assert!(!errors.to_string().contains("hush-hush"));
    }
    let in_a_file = format!("{FILE}[realms.shop.auth.scram.users.joe]\nverifier = \"{VERIFIER}\"\nrole = \"guest\"\n");
    assert_eq!(load(&of_text(&in_a_file)).unwrap_err().problems[0].code(), "E020");
}

#[test]
fn what_is_kept_beside_the_data_is_found_at_the_start_and_damage_is_told() {
    let folder = tempfile::tempdir().unwrap();
    let text = format!("[node]\ndata_dir = {:?}\n{FILE}", folder.path().to_str().unwrap());
    write(folder.path(), &managed(&[(&["realms", "pay"], json!({}))])).unwrap();
    let settings = load(&of_text(&text)).unwrap();
    assert_eq!(settings.realms[0].name, "pay");
    fs::write(folder.path().join(FILE_NAME), "{").unwrap();
    let errors = load(&of_text(&text)).unwrap_err();
    assert_eq!(errors.problems[0].code(), "E002");
    assert!(errors.problems[0].message.contains("managed.json") && errors.problems[0].message.contains("damaged"));
}

/// Nobody comes to life by being switched off: neither a user nor a method, a realm nor a mistake.
#[test]
fn what_is_switched_off_and_in_no_file_is_nobody() {
    let off = json!({ "enabled": false });
    let layer = managed(&[
        (&["realms", "shop", "auth", "ticket", "users", "joe"], off.clone()),
        (&["realms", "gone", "auth", "scram", "users", "ann"], off.clone()),
        (&["realms", "pay"], json!({})),
        (&["realms", "pay", "auth", "ticket"], json!({ "users": {} })),
    ]);
    let settings = load(&known(layer.clone())).unwrap();
    assert_eq!(settings.realms.iter().map(|realm| &*realm.name).collect::<Vec<_>>(), ["pay", "shop"]);
    let has_tickets = |number: usize| settings.realms[number].auth.ticket.is_some();
    assert!(has_tickets(0) && !has_tickets(1), "what was made empty stays, what becomes empty does not");
    assert_eq!(settings.managed, layer, "it is kept: the file may have the user again");
    let user = "[realms.shop.auth.ticket.users.joe]\nticket = { env = \"JOE_TICKET\" }\nrole = \"guest\"\n";
    let again = LoadOptions { text: Some(format!("{FILE}{user}")), ..known(layer) };
    assert!(load(&again).unwrap().realms[1].auth.ticket.as_ref().unwrap().get("joe").is_none());
}
