//! Groups, grants and sources, over the wire and changed at run time. Source: `docs/decisions/0018`.

use crate::admin::{error, login, Admin};
use crate::http;
use crate::logins::sign;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::Router;
use crate::websocket_peer::WebSocketPeer;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use serde_json::{json, Value};
use std::io::Write;

const CONFIG: &str = r#"
[node]
data_dir = "data"

[observability.log]
level = "info"

[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "rawsocket", "rest"]
trusted_proxies = ["127.0.0.1"]
proxy_protocol = "optional"

[listeners.inside]
bind = "127.0.0.1:0"
serve = ["websocket"]

[realms."wharf.admin".auth.ticket.users.root]
ticket = { file = "ticket" }
role = "admin"
[realms."wharf.admin".roles.admin]
call = ["wharf.*"]

[realms.shop.auth]
anonymous = { role = "guest", http = true }
throttle = { per_authid = 1000 }
[realms.shop.auth.ticket.users]
ann = { ticket = { file = "ticket" }, role = "clerk" }
bob = { ticket = { file = "ticket" }, role = "clerk" }
joe = { ticket = { file = "ticket" }, role = "clerk" }
[realms.shop.auth.wampcra.users]
ann = { secret = { file = "ticket" }, role = "clerk" }
[realms.shop.roles.guest]
call = ["com.shop.open"]
[realms.shop.roles.clerk]
call = ["com.shop.open"]
[realms.shop.groups.fixed]
users = ["ann"]
"#;

const DENIED: &str = "wamp.error.not_authorized";
const NOBODY: &str = "wamp.error.no_such_procedure";
const TICKET: &str = "s3cret";

/// In the shop, from 127.0.0.1.
fn enter(router: &Router, authid: &str) -> WebSocketPeer {
    login(router, "shop", authid, TICKET).unwrap()
}

/// `settings` of something in the shop.
fn of(kind: &str, name: &str, settings: &Value) -> Value {
    json!({ "realm": "shop", kind: name, "settings": settings })
}

/// Groups in groups, and a grant to the outer one.
fn with_groups(router: &Router) -> Admin {
    let mut admin = Admin::of(router);
    admin.done("group.set", &of("group", "interns", &json!({ "description": "for the summer" })));
    admin.done("group.set", &of("group", "staff", &json!({ "groups": ["interns"] })));
    let orders = json!({
        "groups": ["staff"], "call": ["com.order.*"], "subscribe": ["com.order.*"], "register": ["com.order.*"],
        "deny": ["com.order.secret"],
    });
    admin.done("grant.set", &of("grant", "orders", &orders));
    admin
}

fn interns(users: &[&str]) -> Value {
    json!({ "realm": "shop", "group": "interns", "users": users })
}

/// Whoever comes into a group has its grants for the next message; whoever goes has lost what they allowed.
#[test]
fn a_grant_is_in_force_at_once_for_open_sessions_and_what_it_allowed_goes_with_it() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = with_groups(&router);
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let feature = |name: &str| json!({ "features": { name: true } });
    let roles = json!({
        "caller": {}, "subscriber": feature("subscription_revocation"), "callee": feature("registration_revocation"),
    });
    peer.send(&json!([1, "shop", { "roles": roles, "authmethods": ["ticket"], "authid": "joe" }]));
    peer.expect(4);
    peer.send(&json!([5, TICKET, {}]));
    peer.expect(2);
    let mut bob = enter(&router, "bob");
    assert_eq!(error(&mut peer, "com.order.place"), DENIED);
    let made = admin.done("group.add_users", &interns(&["joe"]));
    assert_eq!(
        (&made["durable"], &made["changes"][0]["key"]),
        (&json!(true), &json!("realms.shop.groups.interns.users"))
    );
    assert_eq!(
        (error(&mut peer, "com.order.place"), error(&mut peer, "com.order.secret")),
        (NOBODY.into(), DENIED.into())
    );
    assert_eq!((error(&mut peer, "com.shop.open"), error(&mut bob, "com.order.place")), (NOBODY.into(), DENIED.into()));
    peer.subscribe("com.order.placed");
    peer.register("com.order.get");
    admin.done("group.remove_users", &interns(&["joe"]));
    let (unsubscribed, unregistered) = (peer.expect(35), peer.expect(67));
    assert_eq!((&unsubscribed[1], &unsubscribed[2]["reason"]), (&json!(0), &json!(DENIED)));
    assert_eq!((&unregistered[1], &unregistered[2]["reason"]), (&json!(0), &json!(DENIED)));
    assert_eq!(
        (error(&mut peer, "com.order.place"), error(&mut peer, "com.shop.open")),
        (DENIED.into(), NOBODY.into())
    );
    // The same by the grant itself.
    admin.done("grant.set", &of("grant", "joes", &json!({ "users": ["joe"], "call": ["com.order.place"] })));
    assert_eq!(error(&mut peer, "com.order.place"), NOBODY);
    admin.done("grant.delete", &json!({ "realm": "shop", "grant": "joes" }));
    assert_eq!(error(&mut peer, "com.order.place"), DENIED);
}

/// The rule that decided, its place, and the way on which it came.
#[test]
fn what_a_user_may_do_is_explained_with_the_grant_and_the_groups_that_bring_it() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = with_groups(&router);
    admin.done("group.add_users", &interns(&["joe"]));
    let question = |uri: &str| json!({ "realm": "shop", "authid": "joe", "action": "call", "uri": uri });
    let told = admin.done("authz.explain", &question("com.order.place"));
    assert_eq!(
        (&told["allowed"], &told["rule"]["grant"], &told["authid"]),
        (&json!(true), &json!("orders"), &json!("joe"))
    );
    assert_eq!(told["rule"]["source"], "store:realms.shop.grants.orders.call[0]");
    assert_eq!(told["rule"]["granted"], "to group staff, in which joe is through interns");
    let because = told["because"].as_str().unwrap();
    assert!(because.ends_with("granted by grants.orders to group staff, in which joe is through interns"), "{because}");
    let denied = admin.done("authz.explain", &question("com.order.secret"));
    assert_eq!((&denied["allowed"], &denied["rule"]["grant"]), (&json!(false), &json!("orders")));
    let by_role = admin.done("authz.explain", &question("com.shop.open"));
    assert_eq!((&by_role["allowed"], &by_role["rule"]["grant"]), (&json!(true), &Value::Null));
    // A user whom only others know, with the role that they give.
    let mut stranger =
        json!({ "realm": "shop", "authid": "zoe", "role": "guest", "action": "call", "uri": "com.order.x" });
    assert_eq!(admin.done("authz.explain", &stranger)["allowed"], false);
    admin.done("group.add_users", &interns(&["zoe"]));
    assert_eq!(admin.done("authz.explain", &stranger)["allowed"], true);
    stranger["authid"] = Value::Null;
    assert_eq!(admin.done("authz.explain", &stranger)["allowed"], false, "of the role alone");
}

#[test]
fn what_is_wrong_with_groups_grants_and_sources_is_told_and_changes_nothing() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = with_groups(&router);
    for (procedure, arguments, kind, text) in [
        (
            "group.add_users",
            json!({ "realm": "shop", "group": "x", "users": ["a"] }),
            "wharf.error.not_found",
            "groups.x",
        ),
        ("group.add_users", interns(&[]), "wamp.error.invalid_argument", "a list of strings"),
        (
            "group.add_users",
            json!({ "realm": "shop", "group": "interns", "users": "joe" }),
            "wamp.error.invalid_argument",
            "users",
        ),
        (
            "group.add_users",
            json!({ "realm": "shop", "group": "interns", "users": [3] }),
            "wamp.error.invalid_argument",
            "users",
        ),
        ("group.remove_users", interns(&["joe"]), "wamp.error.invalid_argument", "joe"),
        (
            "group.add_users",
            json!({ "realm": "shop", "group": "fixed", "users": ["joe"] }),
            "wharf.error.invalid_configuration",
            "E008",
        ),
        (
            "group.set",
            of("group", "interns", &json!({ "groups": ["staff"] })),
            "wharf.error.invalid_configuration",
            "E031",
        ),
        ("group.delete", json!({ "realm": "shop", "group": "staff" }), "wharf.error.invalid_configuration", "E030"),
        ("group.delete", json!({ "realm": "shop", "group": "fixed" }), "wharf.error.set_by_file", "fixed"),
        (
            "grant.set",
            of("grant", "a", &json!({ "groups": ["stuff"], "call": ["*"] })),
            "wharf.error.invalid_configuration",
            "E030",
        ),
        ("grant.get", json!({ "realm": "shop", "grant": "a" }), "wharf.error.not_found", "grants.a"),
        (
            "source.set",
            of("source", "a", &json!({ "allow_from": ["home"] })),
            "wharf.error.invalid_configuration",
            "E013",
        ),
    ] {
        let (error, told) = admin.refused(procedure, &arguments);
        assert!(error == kind && told.contains(text), "{procedure}: {told}");
    }
    let names = |listed: Value| -> Vec<(String, bool)> {
        let row = |row: &Value| (row["name"].as_str().unwrap().to_owned(), row["managed"] == true);
        listed.as_array().unwrap().iter().map(row).collect()
    };
    let shop = json!({ "realm": "shop" });
    let expected =
        [("fixed", false), ("interns", true), ("staff", true)].map(|(name, managed)| (name.to_owned(), managed));
    assert_eq!(names(admin.done("group.list", &shop)), expected);
    assert_eq!(names(admin.done("grant.list", &shop)), [("orders".to_owned(), true)]);
    assert_eq!(names(admin.done("source.list", &shop)), []);
    let staff = admin.done("group.get", &json!({ "realm": "shop", "group": "staff" }));
    assert_eq!(staff["settings"]["groups"], json!(["interns"]));
}

/// ABORT's reason and text, if it is none.
fn knock(port: u16, line: &str, method: &str, authid: &str) -> Option<(String, String)> {
    let mut peer = WebSocketPeer::open_with(port, "wamp.2.json", line);
    peer.send(&json!([1, "shop", { "roles": { "caller": {} }, "authmethods": [method], "authid": authid }]));
    let mut answer = peer.receive();
    if answer[0] == 4 {
        let proof = match answer[2]["challenge"].as_str() {
            Some(challenge) => sign(TICKET, challenge),
            None => TICKET.to_owned(),
        };
        peer.send(&json!([5, proof, {}]));
        answer = peer.receive();
    }
    let text = |text: &Value| text.as_str().unwrap().to_owned();
    (answer[0] == 3).then(|| (text(&answer[2]), text(&answer[1]["message"])))
}

/// By address, listener and method; who is named by a source, or whose group is, is not judged by those for all.
#[test]
fn sources_let_in_by_address_listener_and_method_and_refuse_like_a_wrong_secret() {
    let sources = r#"
[realms.shop.groups.staff]
users = ["bob"]
[realms.shop.sources.ann]
users = ["ann"]
methods = ["wampcra"]
[realms.shop.sources.staff]
groups = ["staff"]
listeners = ["inside"]
[realms.shop.sources.rest]
allow_from = ["192.0.2.0/24"]
"#;
    let router = Router::of(&format!("{CONFIG}{sources}"), &[]);
    let (main, inside) = (router.main(), router.port("inside"));
    let from = |address: &str| format!("X-Forwarded-For: {address}\r\n");
    let as_for_a_wrong_secret =
        Some(("wamp.error.authentication_denied".to_owned(), "authentication failed".to_owned()));
    for (port, line, method, authid, is_let_in) in [
        (main, String::new(), "ticket", "ann", false),
        (main, String::new(), "wampcra", "ann", true),
        (main, from("198.51.100.1"), "wampcra", "ann", true),
        (main, from("192.0.2.1"), "ticket", "bob", false),
        (inside, String::new(), "ticket", "bob", true),
        (inside, String::new(), "ticket", "joe", false),
        (main, String::new(), "ticket", "joe", false),
        (main, from("192.0.2.1"), "ticket", "joe", true),
        (main, from("::ffff:192.0.2.1"), "ticket", "joe", true),
        (main, from("198.51.100.1"), "ticket", "joe", false),
        // Who has no name is judged by the sources for all, whatever name it says.
        (main, String::new(), "anonymous", "bob", false),
        (inside, String::new(), "anonymous", "bob", false),
        (main, from("192.0.2.1"), "anonymous", "", true),
    ] {
        let refused = knock(port, &line, method, authid);
        let expected = if is_let_in { None } else { as_for_a_wrong_secret.clone() };
        assert_eq!(refused, expected, "{line} {method} {authid}");
    }
    for reason in ["no source of this user has this method here", "has this listener", "covers this address"] {
        let line = router.log_line(reason);
        assert!(line.contains("login failed") && line.contains("\"realm\":\"shop\""), "{line}");
    }
    // By RawSocket behind the PROXY protocol: IPv4 within IPv6 is IPv4.
    for (header, code) in [
        ("PROXY TCP4 192.0.2.9 127.0.0.1 1 2\r\n", 2),
        ("PROXY TCP6 ::ffff:192.0.2.9 ::1 1 2\r\n", 2),
        ("PROXY TCP6 2001:db8::9 ::1 1 2\r\n", 3),
    ] {
        let mut stream = http::connect(main);
        stream.write_all(header.as_bytes()).unwrap();
        let mut peer = RawSocketPeer::on(stream, 0xF);
        peer.send(&json!([1, "shop", { "roles": { "caller": {} } }]));
        peer.expect(code);
    }
}

/// Status and body of a call over HTTP.
fn call(router: &Router, lines: &str, credential: Option<(&str, &str)>, procedure: &str) -> (u16, String) {
    let credential = credential.map_or_else(String::new, |(authid, ticket)| {
        format!("Authorization: Basic {}\r\n", STANDARD.encode(format!("{authid}:{ticket}")))
    });
    let mut stream = http::connect(router.main());
    let head = format!("POST /api/v1/realms/shop/call/{procedure} HTTP/1.1\r\nHost: localhost\r\nX-Request-Id: r\r\n");
    write!(stream, "{head}{lines}{credential}Content-Length: 0\r\nConnection: close\r\n\r\n").unwrap();
    let (status, _, body) = http::answer(&mut stream);
    (status, body)
}

/// The REST bridge has the same rules: grants with the next request, sources with each.
#[test]
fn callers_over_http_have_the_same_grants_and_sources() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = with_groups(&router);
    let joe = Some(("joe", TICKET));
    let status = |lines: &str, credential, procedure: &str| call(&router, lines, credential, procedure).0;
    assert_eq!(status("", joe, "com.order.place"), 403);
    admin.done("group.add_users", &interns(&["joe"]));
    assert_eq!((status("", joe, "com.order.place"), status("", joe, "com.order.secret")), (404, 403));
    admin.done("group.remove_users", &interns(&["joe"]));
    assert_eq!(status("", joe, "com.order.place"), 403);
    assert_eq!((status("", None, "com.shop.open"), status("", joe, "com.shop.open")), (404, 404));
    admin.done("source.set", &of("source", "all", &json!({ "allow_from": ["192.0.2.0/24"] })));
    admin.done("source.set", &of("source", "bob", &json!({ "users": ["bob"], "methods": ["cryptosign"] })));
    let office = "X-Forwarded-For: 192.0.2.3\r\n";
    assert_eq!((status(office, joe, "com.shop.open"), status(office, None, "com.shop.open")), (404, 404));
    assert_eq!(status("", None, "com.shop.open"), 401);
    let (wrong_place, wrong_secret) =
        (call(&router, "", joe, "com.shop.open"), call(&router, "", Some(("joe", "guess")), "com.shop.open"));
    assert_eq!(wrong_place, wrong_secret);
    assert_eq!((wrong_place.0, status(office, Some(("bob", TICKET)), "com.shop.open")), (401, 401));
    assert!(router.log_line("covers this address").contains("login failed"));
    admin.done("source.delete", &json!({ "realm": "shop", "source": "all" }));
    assert_eq!(status("", joe, "com.shop.open"), 401, "no source is for all");
    admin.done("source.delete", &json!({ "realm": "shop", "source": "bob" }));
    assert_eq!(status("", joe, "com.shop.open"), 404);
}

/// A1, A2: or who guesses would learn by it that a secret was right.
#[test]
fn a_right_secret_from_the_wrong_place_counts_as_a_wrong_one() {
    let sources = "[realms.shop.sources.office]\nallow_from = [\"192.0.2.0/24\"]\n";
    let config = format!("{}\n{sources}", CONFIG.replace("per_authid = 1000", "per_authid = 3"));
    let router = Router::of(&config, &[]);
    // One more is allowed each second, so that a slow machine needs some more than three.
    let status = |authid: &str| call(&router, "", Some((authid, TICKET)), "com.shop.open").0;
    assert_eq!((0..200).map(|_| status("joe")).find(|status| *status != 401), Some(429));
    let refused = || login(&router, "shop", "bob", TICKET).err().unwrap();
    let other = (0..200).map(|_| refused()).find(|reason| reason != "wamp.error.authentication_denied");
    assert_eq!(other.as_deref(), Some("wharf.error.too_many_attempts"));
}

/// A session that sources let in no more ends as one whose user is gone.
#[test]
fn sessions_whom_sources_let_in_no_more_are_ended_and_others_stay() {
    let router = Router::of(CONFIG, &[]);
    let mut admin = Admin::of(&router);
    let mut outside = enter(&router, "joe");
    let mut office = WebSocketPeer::open_with(router.main(), "wamp.2.json", "X-Forwarded-For: 192.0.2.3\r\n");
    office.send(&json!([1, "shop", { "roles": { "caller": {} }, "authmethods": ["ticket"], "authid": "joe" }]));
    office.expect(4);
    office.send(&json!([5, TICKET, {}]));
    office.expect(2);
    admin.done("source.set", &of("source", "office", &json!({ "allow_from": ["192.0.2.0/24"] })));
    assert_eq!(outside.expect(6)[2], "wamp.close.killed");
    assert_eq!(error(&mut office, "com.shop.open"), NOBODY);
    assert_eq!(login(&router, "shop", "joe", TICKET).err().unwrap(), "wamp.error.authentication_denied");
    admin.done("source.set", &of("source", "office", &json!({ "methods": ["wampcra"] })));
    assert_eq!(office.expect(6)[2], "wamp.close.killed");
}
