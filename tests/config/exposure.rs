//! Who could reach what: the insecure-listener rule, and dev mode on public addresses.

use super::*;

fn text(bind: &str, serve: &str, rights: &str, anonymous: &str, allow_insecure: bool) -> String {
    format!(
        "[listeners.main]\nbind = \"{bind}\"\nserve = [\"{serve}\"]\nallow_insecure = {allow_insecure}\n\
         [listeners.other]\nbind = \"127.0.0.1:2\"\nserve = [\"websocket\"]\n\
         [realms.shop.roles.guest]\n{rights}\n[realms.shop.auth]\n{anonymous}\n"
    )
}

/// config.md, section 3; E040: address x service x rights x who may enter x `allow_insecure`.
#[test]
fn a_public_listener_with_anonymous_rights_needs_allow_insecure() {
    let binds = [
        ("127.0.0.1:1", false),
        ("127.9.9.9:1", false),
        ("[::1]:1", false),
        ("[::ffff:127.0.0.1]:1", false),
        ("localhost:1", false),
        ("unix:/run/x.sock", false),
        ("0.0.0.0:1", true),
        ("[::]:1", true),
        ("192.0.2.1:1", true),
        ("10.0.0.1:1", true),
    ];
    let rights = [
        ("call = [\"com.x\"]", true),
        ("register = [\"com.x\"]", true),
        ("publish = [\"com.x\"]", true),
        ("permissions = [{ uri = \"com.\", match = \"prefix\", allow = [\"publish\"] }]", true),
        ("subscribe = [\"*\"]", false),
        ("deny = [\"*\"]", false),
    ];
    let entrances = [
        ("anonymous = { role = \"guest\" }", "websocket", true),
        ("anonymous = { role = \"guest\" }", "rawsocket", true),
        ("anonymous = { role = \"guest\", listeners = [\"main\"] }", "websocket", true),
        ("anonymous = { role = \"guest\", listeners = [\"other\"] }", "websocket", false),
        ("anonymous = { role = \"guest\" }", "rest", false),
        ("anonymous = { role = \"guest\", http = true }", "rest", true),
        ("anonymous = { role = \"guest\", http = true }", "metrics", false),
        ("ticket = {}", "websocket", false),
    ];
    for (bind, public) in binds {
        for (rights, acts) in rights {
            for (anonymous, serve, enters) in entrances {
                for allow_insecure in [false, true] {
                    let text = text(bind, serve, rights, anonymous, allow_insecure);
                    let codes: Vec<String> = match load(&of_text(&text)) {
                        Ok(settings) => settings.warnings.iter().map(Problem::code).collect(),
                        Err(errors) => errors.problems.iter().map(Problem::code).collect(),
                    };
                    let expected: &[&str] = match (public && acts && enters, allow_insecure) {
                        (false, _) => &[],
                        (true, false) => &["E040"],
                        (true, true) => &["W040"],
                    };
                    assert_eq!(codes, expected, "{text}");
                }
            }
        }
    }
}

/// A realm that is not reachable by the listener, or not open, does not count.
#[test]
fn only_open_realms_that_the_listener_serves_count() {
    let open = text("0.0.0.0:1", "websocket", "call = [\"*\"]", "anonymous = { role = \"guest\" }", false);
    assert_eq!(refused(&of_text(&open)).count(), 1);
    loaded(&of_text(&format!("{open}[realms.shop]\nenabled = false\n")));
    loaded(&of_text(
        &open
            .replace("[listeners.other]", "realms = [\"inner\"]\n[listeners.other]")
            .replace("[realms.shop.roles", "[realms.inner]\n[realms.shop.roles"),
    ));
}

/// Whoever administers sends passwords in clear.
#[test]
fn a_public_listener_that_reaches_the_admin_realm_needs_tls() {
    let codes = |serve: &str, more: &str| {
        let text = text("0.0.0.0:1", serve, "", "ticket = {}", false);
        let text = text.replace("[listeners.other]", &format!("{more}\n[listeners.other]"));
        match load(&of_text(&format!("{text}[realms.\"wharf.admin\"]\n"))) {
            Ok(_) => Vec::new(),
            Err(errors) => errors.problems.iter().map(Problem::code).collect(),
        }
    };
    for serve in ["websocket", "rawsocket", "rest", "admin"] {
        assert_eq!(codes(serve, ""), ["E040"], "{serve}");
        assert_eq!(codes(serve, "realms = [\"shop\"]"), [""; 0], "{serve}");
    }
    assert_eq!(codes("health", ""), [""; 0]);
}

/// A realm that is closed itself may still be opened by a template.
#[test]
fn a_template_opens_what_its_realm_would() {
    let closed = text("0.0.0.0:1", "websocket", "call = [\"*\"]", "anonymous = { role = \"guest\" }", false);
    let text =
        format!("{closed}[realms.shop]\nenabled = false\n[realm_templates.t]\nmatch = \"com.*\"\nfrom = \"shop\"\n");
    assert_eq!(refused(&of_text(&text)).problems[0].code(), "E040");
    loaded(&of_text(&text.replace("[listeners.other]", "realms = [\"shop\"]\n[listeners.other]")));
}

/// E040: a password, or a signature that is good for ever, on a way that anybody can read.
#[test]
fn hooks_whose_proof_could_be_used_again_need_tls_on_a_public_listener() {
    let kinds = [
        ("kind = \"basic\", name = \"joe\"", true),
        ("kind = \"github-sha256\"", true),
        ("kind = \"hmac\", header = \"X-Sign\"", true),
        ("kind = \"standard-webhooks\"", false),
        ("kind = \"crossbar\", key = \"k\"", false),
    ];
    let codes = |bind: &str, verify: &str, more: &str, rights: &str| {
        let secret = if verify.contains("standard") { "WEBHOOK_SECRET" } else { "PUSH_SECRET" };
        let text = text(bind, "hooks", rights, "ticket = {}", false);
        let text = text.replace("[listeners.other]", &format!("{more}\n[listeners.other]"));
        let text = format!(
            "{text}[realms.inner]\n[webhooks.in.a]\nrealm = \"shop\"\nrole = \"guest\"\npublish = \"com.x\"\n\
             verify = {{ {verify}, secret = {{ env = \"{secret}\" }} }}\n"
        );
        match load(&of_text(&text)) {
            Ok(settings) => settings.warnings.iter().map(Problem::code).collect::<Vec<_>>().join(" "),
            Err(errors) => errors.problems.iter().map(Problem::code).collect::<Vec<_>>().join(" "),
        }
    };
    let may = "publish = [\"com.x\"]";
    for (verify, is_readable) in kinds {
        assert_eq!(codes("0.0.0.0:1", verify, "", may), if is_readable { "E040" } else { "" }, "{verify}");
        assert_eq!(codes("127.0.0.1:1", verify, "", may), "", "{verify}");
        // Where TLS may end at a proxy, and where the hook does not go.
        assert_eq!(codes("0.0.0.0:1", verify, "trusted_proxies = [\"10.0.0.1\"]", may), "", "{verify}");
        assert_eq!(codes("0.0.0.0:1", verify, "realms = [\"inner\"]", may), "", "{verify}");
        assert_eq!(codes("0.0.0.0:1", verify, "", "subscribe = [\"*\"]"), "", "{verify}");
    }
    let text = text("0.0.0.0:1", "hooks", may, "ticket = {}", true);
    let hook = "[webhooks.in.a]\nrealm = \"shop\"\nrole = \"guest\"\npublish = \"com.x\"\n\
                verify = { kind = \"basic\", name = \"joe\", secret = { env = \"PUSH_SECRET\" } }\n";
    let warned = loaded(&of_text(&format!("{text}{hook}"))).warnings;
    assert_eq!(warned.iter().map(Problem::code).collect::<Vec<_>>(), ["W040"]);
}

/// config.md, section 3; E042: there is no override.
#[test]
fn dev_mode_on_a_public_address_is_refused_whatever_is_allowed() {
    for (bind, refused_there) in
        [("0.0.0.0:1", true), ("[2001:db8::1]:1", true), ("127.0.0.1:1", false), ("unix:/x", false)]
    {
        let text = format!("[node]\ndev = true\n{}", text(bind, "websocket", "", "", true));
        match load(&of_text(&text)) {
            Ok(_) => assert!(!refused_there, "{bind}"),
            Err(errors) => {
                assert!(refused_there, "{bind}: {errors}");
                assert_eq!(errors.problems.iter().map(Problem::code).collect::<Vec<_>>(), ["E042"]);
            }
        }
    }
}
