//! `wharf.admin.*`: realms, roles and users are made while the router runs, and stay. Source: `docs/ADMIN.md`,
//! `docs/decisions/0017`.

use crate::http;
use crate::router::Router;
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Value};
use std::io::Write;
use std::process::Command;

const CONFIG: &str = r#"
[node]
data_dir = "data"

[observability.log]
level = "info"

[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "rest", "metrics"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".auth.anonymous]
role = "guest"
[realms."wharf.admin".roles.admin]
call = ["wharf.*"]
subscribe = ["wharf.*"]
[realms."wharf.admin".roles.guest]
call = ["*"]

[realms.shop]
call_timeout = "5s"
[realms.shop.auth.anonymous]
role = "guest"
[realms.shop.roles.guest]
call = ["com.shop.*"]
"#;

const DENIED: &str = "wamp.error.not_authorized";

/// A session of the administrator.
pub(crate) struct Admin(WebSocketPeer);

impl Admin {
    pub(crate) fn of(router: &Router) -> Self {
        Self(login(router, "wharf.admin", "root", "s3cret").unwrap())
    }

    fn ask(&mut self, procedure: &str, kwargs: &Value) -> Value {
        let request = self.0.next_request();
        self.0.send(&json!([48, request, {}, format!("wharf.admin.{procedure}"), [], kwargs]));
        self.0.receive()
    }

    /// What is answered.
    pub(crate) fn done(&mut self, procedure: &str, kwargs: &Value) -> Value {
        let answer = self.ask(procedure, kwargs);
        assert_eq!(answer[0], 50, "{answer}");
        answer[3][0].clone()
    }

    /// The error, with its arguments.
    pub(crate) fn refused(&mut self, procedure: &str, kwargs: &Value) -> (String, String) {
        let answer = self.ask(procedure, kwargs);
        assert_eq!(answer[0], 8, "{answer}");
        (answer[4].as_str().unwrap().to_owned(), answer.to_string())
    }
}

/// A session with a ticket; without one, anonymous. The reason, if it is not let in.
pub(crate) fn login(router: &Router, realm: &str, authid: &str, ticket: &str) -> Result<WebSocketPeer, String> {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let method = if ticket.is_empty() { "anonymous" } else { "ticket" };
    let roles = json!({ "caller": {}, "subscriber": {} });
    peer.send(&json!([1, realm, { "roles": roles, "authmethods": [method], "authid": authid }]));
    let mut answer = peer.receive();
    if answer[0] == 4 {
        peer.send(&json!([5, ticket, {}]));
        answer = peer.receive();
    }
    if answer[0] == 2 {
        Ok(peer)
    } else {
        Err(answer[2].as_str().unwrap().to_owned())
    }
}

pub(crate) fn error(peer: &mut WebSocketPeer, procedure: &str) -> String {
    peer.call(procedure, &json!([]));
    peer.expect(8)[4].as_str().unwrap().to_owned()
}

/// A level that is set holds through changes at run time, until the file says another.
#[test]
fn the_level_of_the_log_holds_until_the_file_says_another() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    assert_eq!(admin.done("node.log_level", &json!({ "level": "warn" }))["level"], "warn");
    admin.done("realm.create", &json!({ "realm": "pay" }));
    let before = router.lines_with("session open");
    drop(login(&router, "shop", "", "").unwrap());
    assert_eq!(admin.done("node.log_level", &json!({ "level": "info" }))["level"], "info");
    drop(login(&router, "shop", "", "").unwrap());
    router.wait_for("the log", |router| router.lines_with("session open") > before);
    // Lines are in order: the session that came before would stand there too.
    assert_eq!(router.lines_with("session open"), before + 1);
    let text = CONFIG.replace("level = \"info\"", "level = \"error\"");
    std::fs::write(router.folder().join("wharf.toml"), text).unwrap();
    admin.done("config.reload", &json!({}));
    drop(login(&router, "shop", "", "").unwrap());
    admin.done("node.log_level", &json!({ "level": "info" }));
    drop(login(&router, "shop", "", "").unwrap());
    router.wait_for("the log", |router| router.lines_with("session open") > before + 1);
    assert_eq!(router.lines_with("session open"), before + 2);
    let (error, text) = admin.refused("node.log_level", &json!({ "level": "loud" }));
    assert!(error == "wamp.error.invalid_argument" && text.contains("error, warn, info, debug or trace"), "{text}");
}

/// Who asks is answered before it gets GOODBYE, like everybody; the process ends in order.
#[test]
fn a_node_that_is_drained_answers_who_asked_and_ends_in_order() {
    let mut router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let told = admin.done("node.drain", &json!({ "spread": "0s", "timeout": "20s" }));
    assert_eq!((&told["spread_s"], &told["timeout_s"]), (&json!(0.0), &json!(20.0)));
    let goodbye = admin.0.receive();
    assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.system_shutdown")));
    drop(admin);
    assert_eq!(router.ended().code(), Some(0));
}

/// A realm with a role and a user, from nothing; it is there after a kill right behind the answer.
#[test]
fn what_is_made_at_run_time_is_in_force_with_the_answer_and_outlives_a_kill() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    assert_eq!(login(&router, "pay", "", "").err().unwrap(), "wamp.error.no_such_realm");
    let made = admin.done("realm.create", &json!({ "realm": "pay", "settings": { "description": "Payments" } }));
    assert_eq!((&made["durable"], &made["changes"][0]["key"]), (&json!(true), &json!("realms.pay")));
    let clerk = json!({ "permissions": [{ "uri": "com.pay.", "match": "prefix", "allow": ["call"] }] });
    admin.done("role.set", &json!({ "realm": "pay", "role": "clerk", "settings": clerk }));
    let joe = json!({ "realm": "pay", "authid": "joe", "role": "clerk", "method": "ticket", "password": "hush-hush" });
    admin.done("user.add", &joe);
    let mut peer = login(&router, "pay", "joe", "hush-hush").unwrap();
    assert_eq!(error(&mut peer, "com.pay.a"), "wamp.error.no_such_procedure");
    assert_eq!(error(&mut peer, "com.a"), DENIED);
    // An open session lives by a changed role at once.
    let other = json!({ "permissions": [{ "uri": "com.a", "allow": ["call"] }] });
    admin.done("role.set", &json!({ "realm": "pay", "role": "clerk", "settings": other }));
    assert_eq!(error(&mut peer, "com.a"), "wamp.error.no_such_procedure");
    assert_eq!(error(&mut peer, "com.pay.a"), DENIED);
    admin.done("user.change_password", &json!({ "realm": "pay", "authid": "joe", "password": "other" }));
    let folder = router.killed();
    let kept = std::fs::read_to_string(folder.path().join("data/managed.json")).unwrap();
    assert!(kept.contains("$argon2id$") && !kept.contains("hush-hush") && !kept.contains("other\""), "{kept}");

    let router = Router::in_folder(folder, CONFIG, &[], &mut Command::new(env!("CARGO_BIN_EXE_wharf")));
    let mut peer = login(&router, "pay", "joe", "other").unwrap();
    assert_eq!(error(&mut peer, "com.a"), "wamp.error.no_such_procedure");
    assert!(login(&router, "pay", "joe", "hush-hush").is_err());
    let mut admin = Admin::of(&router);
    admin.done("realm.delete", &json!({ "realm": "pay" }));
    assert_eq!(peer.expect(6)[2], "wamp.close.close_realm");
    assert_eq!(login(&router, "pay", "joe", "other").err().unwrap(), "wamp.error.no_such_realm");
    assert!(!router.log().contains("hush-hush"));
}

#[test]
fn a_user_with_a_password_or_key_pairs_is_listed_changed_and_taken_away() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let user = |more: Value| {
        let mut user = json!({ "realm": "shop", "authid": "ann", "role": "guest" });
        user.as_object_mut().unwrap().extend(more.as_object().unwrap().clone());
        user
    };
    admin.done("user.add", &user(json!({ "password": "hush-hush" })));
    admin.done(
        "user.add",
        &user(json!({ "keys": ["af626673c0e68d5066a9f59fa22495406ee2a1c4ced7704897310416bff2c048"] })),
    );
    assert_eq!(admin.refused("user.add", &user(json!({ "password": "x" }))).0, "wharf.error.already_exists");
    let ann = json!({ "realm": "shop", "authid": "ann" });
    let entry =
        |method: &str| json!({ "authid": "ann", "method": method, "role": "guest", "enabled": true, "managed": true });
    assert_eq!(admin.done("user.get", &ann), json!([entry("scram"), entry("cryptosign")]));
    assert_eq!(admin.done("user.list", &json!({ "realm": "shop" })), json!([entry("scram"), entry("cryptosign")]));
    let shown = admin.done("realm.get", &json!({ "realm": "shop" })).to_string();
    assert!(shown.contains("\"verifier\":\"***\"") && !shown.contains("wamp-scram$"), "{shown}");
    let nobody = json!({ "realm": "shop", "authid": "ann", "settings": { "role": "nobody" } });
    let (kind, text) = admin.refused("user.update", &nobody);
    assert!(kind == "wharf.error.invalid_configuration" && text.contains("E030"), "{text}");
    admin.done("user.delete", &ann);
    assert_eq!(admin.refused("user.get", &ann).0, "wharf.error.not_found");
    assert_eq!(admin.done("user.list", &json!({ "realm": "shop" })), json!([]));
}

/// A1: who is switched off is answered as a name that nobody has, and open sessions end; wherever the user was made.
#[test]
fn a_user_who_is_disabled_is_answered_as_nobody_and_its_sessions_end_at_once() {
    let of_the_file = "[realms.shop.auth.ticket.users.eve]\nticket = { file = \"ticket\" }\nrole = \"guest\"\n";
    let config = format!("{CONFIG}{of_the_file}");
    let router = Router::of(&config, &[]);
    let mut admin = Admin::of(&router);
    let joe = json!({ "realm": "shop", "authid": "joe", "role": "guest", "method": "ticket", "password": "hush-hush" });
    admin.done("user.add", &joe);
    for (authid, ticket) in [("joe", "hush-hush"), ("eve", "s3cret")] {
        let user = json!({ "realm": "shop", "authid": authid });
        let mut peer = login(&router, "shop", authid, ticket).unwrap();
        let changed = admin.done("user.disable", &user);
        assert_eq!(changed["changes"][0]["key"], format!("realms.shop.auth.ticket.users.{authid}.enabled"));
        assert_eq!(peer.expect(6)[2], "wamp.close.killed");
        let reason = |authid: &str, ticket: &str| login(&router, "shop", authid, ticket).err();
        assert_eq!(reason(authid, ticket), reason("nobody", ticket));
        assert_eq!(reason(authid, ticket).unwrap(), "wamp.error.authentication_denied");
        assert_eq!(admin.done("user.get", &user)[0]["enabled"], false);
        assert_eq!(admin.done("user.disable", &user)["changes"], json!([]));
    }
    let eve = json!({ "realm": "shop", "authid": "eve" });
    assert_eq!(admin.done("user.get", &eve)[0]["managed"], false);
    assert_eq!(admin.refused("user.delete", &eve).0, "wharf.error.set_by_file");
    let folder = router.killed();

    // When the file has her no more, what was said of her is of nobody; when she comes back, it still holds.
    let router = Router::in_folder(folder, CONFIG, &[], &mut Command::new(env!("CARGO_BIN_EXE_wharf")));
    let mut admin = Admin::of(&router);
    assert_eq!(admin.refused("user.get", &eve).0, "wharf.error.not_found");
    std::fs::write(router.folder().join("wharf.toml"), &config).unwrap();
    admin.done("config.reload", &json!({}));
    assert_eq!(login(&router, "shop", "eve", "s3cret").err().unwrap(), "wamp.error.authentication_denied");
    admin.done("user.enable", &eve);
    login(&router, "shop", "eve", "s3cret").unwrap();
    std::fs::write(router.folder().join("wharf.toml"), format!("{config}enabled = false\n")).unwrap();
    admin.done("config.reload", &json!({}));
    let (kind, text) = admin.refused("user.enable", &eve);
    assert!(kind == "wharf.error.invalid_configuration" && text.contains("E008"), "{text}");
}

#[test]
fn what_the_file_sets_stays_and_what_is_wrong_is_told_as_by_the_check_and_changes_nothing() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let shop = |settings: Value| json!({ "realm": "shop", "settings": settings });
    let (kind, text) = admin.refused("realm.update", &shop(json!({ "call_timeout": "9s" })));
    assert!(
        kind == "wharf.error.invalid_configuration" && text.contains("E008") && text.contains("wharf.toml"),
        "{text}"
    );
    let (_, text) = admin.refused("realm.update", &shop(json!({ "takeover_": "off", "disclose": "perhaps" })));
    assert!(text.contains("E003") && text.contains("E012") && text.contains("store:realms.shop.disclose"), "{text}");
    assert_eq!(admin.refused("realm.delete", &json!({ "realm": "shop" })).0, "wharf.error.set_by_file");
    assert_eq!(admin.refused("role.delete", &json!({ "realm": "shop", "role": "x" })).0, "wharf.error.not_found");
    assert_eq!(admin.refused("realm.create", &json!({ "realm": "shop" })).0, "wharf.error.already_exists");
    let role = json!({ "realm": "shpo", "role": "x", "settings": { "call": ["*"] } });
    assert_eq!(admin.refused("role.set", &role).0, "wharf.error.not_found");
    assert_eq!(admin.refused("realm.destroy", &json!({})).0, "wamp.error.no_such_procedure");
    let secret = json!({ "auth": { "ticket": { "users": { "joe": { "ticket": "hush-hush", "role": "guest" } } } } });
    let (_, text) = admin.refused("realm.update", &shop(secret));
    assert!(text.contains("E020") && !text.contains("hush-hush"), "{text}");
    assert_eq!(admin.done("config.check", &json!({})), json!({ "changes": [] }));
    // A key that the file does not set may be changed, and taken out again.
    let changed = admin.done("realm.update", &shop(json!({ "disclose": "always" })));
    assert_eq!(changed["changes"][0]["key"], "realms.shop.disclose");
    admin.done("realm.update", &shop(json!({ "disclose": null })));
    assert!(!router.log().contains("hush-hush"));
    assert!(!router.folder().join("data/managed.json.new").exists());
}

/// Only a rule that begins with `wharf.` lets anybody administer, and only in the realm that is named for it.
#[test]
fn nobody_administers_by_a_star_or_from_another_realm() {
    let router = Router::of(&CONFIG.replace("call = [\"com.shop.*\"]", "call = [\"wharf.*\"]"), &[]);
    let mut guest = login(&router, "wharf.admin", "", "").unwrap();
    assert_eq!(error(&mut guest, "wharf.admin.realm.list"), DENIED);
    let mut shop = login(&router, "shop", "", "").unwrap();
    assert_eq!(error(&mut shop, "wharf.admin.realm.list"), "wamp.error.no_such_procedure");
}

#[test]
fn each_change_and_each_refused_attempt_is_in_the_audit_list_and_the_log_and_changes_are_published() {
    let router = Router::of(CONFIG, &[]);
    let mut watcher = login(&router, "wharf.admin", "root", "s3cret").unwrap();
    watcher.subscribe("wharf.admin.on_change");
    let mut admin = Admin::of(&router);
    admin.done("realm.create", &json!({ "realm": "pay" }));
    admin.refused("realm.create", &json!({ "realm": "pay" }));
    admin.done("realm.list", &json!({}));
    let event = watcher.expect(36)[4][0].clone();
    assert_eq!((&event["operation"], &event["on"]), (&json!("realm.create"), &json!("realms.pay")));
    assert_eq!((&event["authid"], &event["changes"][0]["change"]), (&json!("root"), &json!("added")));
    let list = admin.done("audit.list", &json!({}));
    let row = |entry: &Value| [entry["operation"].clone(), entry["on"].clone(), entry["result"].clone()];
    let rows: Vec<_> = list.as_array().unwrap().iter().map(row).collect();
    let of = |result: &str| [json!("realm.create"), json!("realms.pay"), json!(result)];
    assert_eq!(rows, [of("wharf.error.already_exists"), of("done")]);
    assert!(list[0]["peer"].as_str().unwrap().contains("127.0.0.1"), "{list}");
    let line = router.log_line("\"administration\"");
    assert!(line.contains("\"audit\"") && line.contains("realm.create") && line.contains("root"), "{line}");
}

#[test]
fn permissions_are_explained_for_a_role_and_for_a_user_with_the_place_of_the_rule() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let question =
        |who: &str, name: &str, uri: &str| json!({ "realm": "shop", who: name, "action": "call", "uri": uri });
    let by_file = admin.done("authz.explain", &question("role", "guest", "com.shop.a"));
    assert_eq!(by_file["allowed"], true);
    assert!(by_file["rule"]["source"].as_str().unwrap().starts_with("wharf.toml:"), "{by_file}");
    let clerk = json!({ "call": ["com.pay.*"] });
    admin.done("role.set", &json!({ "realm": "shop", "role": "clerk", "settings": clerk }));
    admin.done("user.add", &json!({ "realm": "shop", "authid": "joe", "role": "clerk", "password": "hush" }));
    let by_store = admin.done("authz.explain", &question("authid", "joe", "com.pay.a"));
    assert!(
        by_store["rule"]["source"].as_str().unwrap().starts_with("store:realms.shop.roles.clerk.call"),
        "{by_store}"
    );
    assert_eq!(admin.done("authz.explain", &question("authid", "joe", "com.shop.a"))["allowed"], false);
    assert_eq!(admin.refused("authz.explain", &question("role", "nobody", "a")).0, "wharf.error.not_found");
}

/// Issue: the last denials are kept, each with what explain is asked with; a change of rules does not lose them.
#[test]
fn the_last_requests_that_were_not_permitted_are_listed_and_can_be_explained() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let mut guest = login(&router, "shop", "", "").unwrap();
    for uri in ["com.shop.free", "com.pay.secret"] {
        let request = guest.next_request();
        guest.send(&json!([48, request, {}, uri]));
        guest.receive();
    }
    let request = guest.next_request();
    guest.send(&json!([32, request, { "match": "prefix" }, "com.pay."]));
    assert_eq!(guest.receive()[4], DENIED);
    admin.done("role.set", &json!({ "realm": "shop", "role": "clerk", "settings": { "call": ["com.pay.*"] } }));
    let denials = admin.done("authz.denials", &json!({ "realm": "shop" }));
    let of = |denial: &Value| [&denial["action"], &denial["uri"], &denial["match"], &denial["role"]].map(Value::clone);
    let told: Vec<_> = denials.as_array().unwrap().iter().map(of).collect();
    assert_eq!(
        told,
        [json!(["subscribe", "com.pay.", "prefix", "guest"]), json!(["call", "com.pay.secret", "exact", "guest"])]
            .map(|row| [0, 1, 2, 3].map(|column| row[column].clone()))
    );
    let newest = &denials[0];
    let question = json!({
        "realm": "shop", "role": newest["role"], "action": newest["action"], "uri": newest["uri"],
        "match": newest["match"],
    });
    assert_eq!(admin.done("authz.explain", &question)["allowed"], false);
    admin.done("authz.purge", &json!({ "realm": "shop" }));
    assert_eq!(admin.refused("authz.denials", &json!({ "realm": "nowhere" })).0, "wharf.error.not_found");
}

/// SIGHUP keeps what was changed at run time; so does a reload by procedure, which also takes what is new in the file.
#[test]
fn a_reload_keeps_what_was_changed_at_run_time_and_can_be_asked_for() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    admin.done("realm.create", &json!({ "realm": "pay" }));
    std::fs::write(router.folder().join("wharf.toml"), CONFIG.replace("\"5s\"", "\"6s\"")).unwrap();
    let reloaded = admin.done("config.reload", &json!({}));
    assert_eq!(
        reloaded["changes"],
        json!([{ "key": "realms.shop.call_timeout", "change": "\"5s\" -> \"6s\"", "when": "at once" }])
    );
    std::fs::write(router.folder().join("wharf.toml"), "[").unwrap();
    assert_eq!(admin.refused("config.check", &json!({})).0, "wharf.error.invalid_configuration");
    assert_eq!(admin.refused("realm.delete", &json!({ "realm": "pay" })).0, "wharf.error.invalid_configuration");
    std::fs::write(router.folder().join("wharf.toml"), CONFIG).unwrap();
    router.signal("-HUP");
    router.wait_for("the reload", |router| router.log().matches("\"reloaded\"").count() >= 3);
    let names = admin.done("realm.list", &json!({}));
    assert_eq!(names[0], json!({ "name": "pay", "managed": true }));
    assert_eq!(admin.done("config.get", &json!({ "path": "realms.shop.call_timeout" })), "5s");
}

/// Without a folder nothing is kept, and that is said. The REST bridge calls the same procedures.
#[test]
fn over_http_the_same_is_a_call_and_without_a_folder_nothing_is_kept() {
    let config = CONFIG.replace("data_dir = \"data\"", "dev = true");
    let router = Router::of(&config, &[]);
    let mut stream = http::connect(router.main());
    let body = json!({ "kwargs": { "realm": "pay" } }).to_string();
    // root:s3cret
    let head = "POST /api/v1/realms/wharf.admin/call/wharf.admin.realm.create HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic cm9vdDpzM2NyZXQ=\r\nContent-Type: application/json";
    write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
    let (status, _, answer) = http::answer(&mut stream);
    assert!(status == 200 && answer.contains("\"durable\":false"), "{status} {answer}");
}

/// A damaged file refuses the start, and says what to do.
#[test]
fn a_damaged_file_of_changes_refuses_the_start() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    std::fs::write(folder.path().join("data/managed.json"), "{\"version\": 1, \"mana").unwrap();
    std::fs::write(folder.path().join("wharf.toml"), CONFIG).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    let (code, _, text) = crate::router::ended(command.arg("serve").current_dir(folder.path()));
    assert_eq!(code, Some(2));
    assert!(text.contains("E002") && text.contains("managed.json") && text.contains("move it away"), "{text}");
}

/// Templates too; what is changed about a realm is changed for those that are made from it, open ones included.
#[test]
fn a_template_that_is_set_opens_realms_and_one_that_is_deleted_closes_them() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let tenant = json!({ "template": "tenant", "settings": { "match": "com.tenant.*", "from": "shop" } });
    admin.done("template.set", &tenant);
    assert_eq!(admin.done("template.list", &json!({})), json!([{ "name": "tenant", "managed": true }]));
    let mut peer = login(&router, "com.tenant.a", "", "").unwrap();
    assert_eq!(error(&mut peer, "com.shop.a"), "wamp.error.no_such_procedure");
    let keys = json!({ "realm": "shop", "settings": { "procedures": { "com.shop.a": { "call_timeout": "1s" } } } });
    admin.done("realm.update", &keys);
    admin.done("template.delete", &json!({ "template": "tenant" }));
    assert_eq!(peer.expect(6)[2], "wamp.close.close_realm");
    assert!(login(&router, "com.tenant.a", "", "").is_err());
}

/// The roles of `docs/ADMIN.md`: who may look may not change, and that is told by the realm.
#[test]
fn a_role_may_look_without_changing() {
    let viewer = "call = [\"wharf.admin.*.list\", \"wharf.admin.*.get\", \"wharf.admin.authz.explain\", \"wharf.admin.config.check\"]";
    let router = Router::of(&CONFIG.replace("call = [\"wharf.*\"]", viewer), &[]);
    let mut admin = Admin::of(&router);
    for procedure in ["realm.list", "template.list", "audit.list", "config.get", "config.check"] {
        admin.done(procedure, &json!({}));
    }
    for procedure in ["realm.create", "realm.delete", "role.set", "user.add", "config.reload"] {
        assert_eq!(admin.refused(procedure, &json!({ "realm": "pay" })).0, DENIED, "{procedure}");
    }
}
