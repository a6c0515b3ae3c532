//! `[rest.crossbar]`, `[rest.routes]` and `[listeners.NAME.static]`. Source: config.md, section 5; sections 13 to 15 of the HTTP
//! design.

use super::*;
use std::time::Duration;
use wharf::http::settings::crossbar::{CrossbarKind, Difference};
use wharf::http::settings::routes::{Does, MappedValue};

const REALMS: &str = "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\", \"rest\"]\n\
    [realms.shop.roles.backend]\ncall = [\"*\"]\n";

fn codes(text: &str) -> Vec<String> {
    let problems = match load(&of_text(&format!("{REALMS}{text}"))) {
        Ok(settings) => settings.warnings,
        Err(errors) => {
            assert!(!errors.to_string().contains("hush"), "{errors}");
            errors.problems
        }
    };
    problems.iter().map(|problem| format!("{} {}", problem.code(), problem.path)).collect()
}

fn section(more: &str) -> String {
    format!("[rest.crossbar.old]\npath = \"/call\"\nrealm = \"shop\"\nrole = \"backend\"\n{more}\n")
}

fn route(name: &str, more: &str) -> String {
    format!("[rest.routes.{name}]\nmethod = \"GET\"\nrealm = \"shop\"\ncall = \"com.a\"\n{more}\n")
}

#[test]
fn a_section_of_the_bridge_has_its_defaults_and_its_secret() {
    let more =
        "kind = \"caller\"\nkey = \"foobar\"\nsecret = { env = \"JOE_SECRET\" }\nexact = [\"nonce\", \"padding\"]\n\
        require_ip = [\"10.0.0.0/8\"]";
    let settings = loaded(&of_text(&format!("{REALMS}[rest]\nmax_body = \"2MiB\"\n{}", section(more))));
    let [old] = &settings.rest.crossbar[..] else { panic!("one section") };
    assert_eq!((&*old.name, &*old.authid, &*old.role, &*old.realm), ("old", "old", "backend", "shop"));
    assert_eq!((old.body_max, old.timestamp_window), (2 << 20, Some(Duration::from_secs(60))));
    assert!(
        matches!(old.kind, CrossbarKind::Caller)
            && old.is_exact(Difference::Nonce)
            && !old.is_exact(Difference::Options)
    );
    let signing = old.signing.as_ref().unwrap();
    assert!(signing.key == "foobar" && signing.secret.matches("hush-JOE_SECRET"));
    assert!(!format!("{old:?}").contains("hush"), "a secret is shown");
    let more = "kind = \"webhook\"\ntopic = \"com.a\"\ntimestamp_window = \"none\"";
    let settings = loaded(&of_text(&format!("{REALMS}{}", section(more))));
    let CrossbarKind::Webhook(hook) = &settings.rest.crossbar[0].kind else { panic!("no webhook") };
    assert_eq!((&*hook.success_response, &*hook.error_response), ("OK", "NOT OK"));
    assert_eq!(settings.rest.crossbar[0].timestamp_window, None);
}

#[test]
fn mistakes_of_a_section_are_told_at_their_place() {
    for (more, expected) in [
        ("", "E004 rest.crossbar.old"),
        ("kind = \"cook\"", "E012 rest.crossbar.old.kind"),
        ("kind = \"caller\"\nkey = \"a\"", "E004 rest.crossbar.old.key"),
        ("kind = \"caller\"\nsecret = { env = \"JOE_SECRET\" }", "E004 rest.crossbar.old.secret"),
        ("kind = \"caller\"\nkey = \"a\"\nsecret = \"hush\"", "E020 rest.crossbar.old.secret"),
        ("kind = \"caller\"\nkey = \"a\"\nsecret = { env = \"NOWHERE\" }", "E022 rest.crossbar.old.secret"),
        ("kind = \"caller\"\nexact = [\"all\"]", "E012 rest.crossbar.old.exact[0]"),
        ("kind = \"caller\"\ntimestamp_window = \"10ms\"", "E011 rest.crossbar.old.timestamp_window"),
        ("kind = \"caller\"\nrequire_ip = [\"home\"]", "E013 rest.crossbar.old.require_ip[0]"),
        ("kind = \"caller\"\nmax_body = \"0B\"", "E011 rest.crossbar.old.max_body"),
        ("kind = \"caller\"\nauthid = \"\"", "E013 rest.crossbar.old.authid"),
        ("kind = \"caller\"\ntopic = \"com.a\"", "E005 rest.crossbar.old.topic"),
        ("kind = \"publisher\"\ngithub_secret = { env = \"JOE_SECRET\" }", "E005 rest.crossbar.old.github_secret"),
        ("kind = \"webhook\"", "E004 rest.crossbar.old"),
        ("kind = \"webhook\"\ntopic = \"wamp.a\"", "E013 rest.crossbar.old.topic"),
        (
            "kind = \"webhook\"\ntopic = \"a\"\nkey = \"a\"\nsecret = { env = \"JOE_SECRET\" }",
            "E005 rest.crossbar.old.secret",
        ),
    ] {
        assert_eq!(codes(&section(more)), [expected], "{more}");
    }
    let fine = section("kind = \"caller\"");
    assert_eq!(codes(&fine.replace("\"shop\"", "\"shpo\"")), ["E030 rest.crossbar.old.realm"]);
    assert_eq!(codes(&fine.replace("\"backend\"", "\"nobody\"")), ["E030 rest.crossbar.old.role"]);
    assert_eq!(codes(&fine.replace("/call", "call")), ["E013 rest.crossbar.old.path"]);
}

#[test]
fn a_route_is_read_with_its_values_and_their_types() {
    let more = "path = \"/a/{id}\"\nargs = [\"{path.id}\", 7, true, 1.5, \"x\"]\nkwargs = { b = \"n-{body.n}\", a = \"{query.a}\" }\nstatus = 201";
    let settings = loaded(&of_text(&format!("{REALMS}{}", route("one", more))));
    let [one] = &settings.rest.routes[..] else { panic!("one route") };
    assert!(matches!(&one.does, Does::Call(uri) if uri.as_str() == "com.a"));
    let constants: Vec<String> = one
        .args
        .iter()
        .map(|value| match value {
            MappedValue::Constant(constant) => constant.to_string(),
            MappedValue::One(placeholder) => placeholder.to_string(),
            MappedValue::Text(_) => "text".to_owned(),
        })
        .collect();
    assert_eq!(constants, ["{path.id}", "7", "true", "1.5", "\"x\""]);
    assert_eq!(one.kwargs.iter().map(|(name, _)| name.as_str()).collect::<Vec<_>>(), ["a", "b"]);
    assert_eq!((one.path.to_string().as_str(), one.status), ("/a/{id}", 201));
}

#[test]
fn mistakes_of_a_route_are_told_at_their_place() {
    for (more, expected) in [
        ("", "E004 rest.routes.one"),
        ("path = \"/a/{id\"", "E013 rest.routes.one.path"),
        ("path = \"/a\"\nargs = [\"{path.id}\"]", "E030 rest.routes.one.args[0]"),
        ("path = \"/a/{id}\"\nkwargs = { a = \"{path.di}\" }", "E030 rest.routes.one.kwargs.a"),
        ("path = \"/a\"\nargs = [\"{bdy}\"]", "E013 rest.routes.one.args[0]"),
        ("path = \"/a\"\nargs = [\"{header.authorization}\"]", "E013 rest.routes.one.args[0]"),
        ("path = \"/a\"\nargs = [[1]]", "E010 rest.routes.one.args[0]"),
        ("path = \"/a\"\nstatus = 404", "E011 rest.routes.one.status"),
        ("path = \"/a\"\nresponse = \"last\"", "E012 rest.routes.one.response"),
        ("path = \"/a\"\npublish = \"com.b\"", "E005 rest.routes.one.publish"),
    ] {
        assert_eq!(codes(&route("one", more)), [expected], "{more}");
    }
    let fine = route("one", "path = \"/a\"");
    assert_eq!(codes(&fine.replace("\"shop\"", "\"shpo\"")), ["E030 rest.routes.one.realm"]);
    assert_eq!(codes(&fine.replace("\"GET\"", "\"BREW\"")), ["E012 rest.routes.one.method"]);
    assert_eq!(codes(&fine.replace("call = \"com.a\"\n", "")), ["E004 rest.routes.one"]);
    assert_eq!(codes(&fine.replace("call = \"com.a\"", "call = \"com..a\"")), ["E013 rest.routes.one.call"]);
    let publish = fine.replace("call = \"com.a\"", "publish = \"com.a\"\nresponse = \"args\"");
    assert_eq!(codes(&publish), ["E005 rest.routes.one.response"]);
}

/// Section 13: E032, with the place of the other.
#[test]
fn two_that_want_one_path_and_paths_of_the_router_are_collisions() {
    for own in ["/api/x", "/admin", "/hooks/{a}", "/console/", "/docs/a", "/metrics", "/livez"] {
        assert_eq!(codes(&route("one", &format!("path = \"{own}\""))), ["E032 rest.routes.one.path"], "{own}");
    }
    let two = |first: &str, second: &str| {
        codes(&format!("{}{}", route("a", &format!("path = \"{first}\"")), route("b", &format!("path = \"{second}\""))))
    };
    assert_eq!(two("/x/{a}/y", "/x/{b}/y"), ["E032 rest.routes.b.path"]);
    assert_eq!(two("/x/y", "/x/%79"), ["E032 rest.routes.b.path"]);
    assert!(two("/x/{a}", "/x/y").is_empty() && two("/x/{a}/y", "/x/y/{a}").is_empty() && two("/x", "/x/").is_empty());
    let other_method = route("b", "path = \"/x/{b}\"").replace("GET", "PUT");
    assert!(codes(&format!("{}{other_method}", route("a", "path = \"/x/{a}\""))).is_empty());
    let bridge = section("kind = \"caller\"");
    assert_eq!(codes(&format!("{bridge}{}", route("a", "path = \"/call\""))), ["E032 rest.routes.a.path"]);
    assert!(codes(&format!("{bridge}{}", route("a", "path = \"/{x}\""))).is_empty());
    let twice = format!("{bridge}{}", bridge.replace("crossbar.old", "crossbar.older"));
    assert_eq!(codes(&twice), ["E032 rest.crossbar.older.path"]);
    let errors = refused(&of_text(&format!("{REALMS}{twice}"))).to_string();
    assert!(errors.contains("the other is `rest.crossbar.old`"), "{errors}");
    assert_eq!(codes(&bridge.replace("/call", "/api/call")), ["E032 rest.crossbar.old.path"]);
}

/// Section 14.
#[test]
fn a_folder_is_served_where_serve_says_so() {
    let folder = tempfile::tempdir().unwrap();
    let main = |serve: &str, more: &str| {
        format!(
            "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [{serve}]\n[listeners.main.static]\n{}\n",
            more.replace("DIR", &folder.path().display().to_string())
        )
    };
    let codes = |text: &str| -> Vec<String> {
        let problems = match load(&of_text(text)) {
            Ok(settings) => settings.warnings,
            Err(errors) => errors.problems,
        };
        problems.iter().map(|problem| format!("{} {}", problem.code(), problem.path)).collect()
    };
    let settings = loaded(&of_text(&main("\"static\"", "dir = \"DIR\"\npath = \"/app/\"")));
    let served = settings.listeners[0].folder.clone().unwrap();
    assert_eq!((&*served.path, &*served.index, served.spa, served.listing), ("/app", "index.html", false, false));
    assert_eq!((served.dir.as_path(), served.max_age), (folder.path(), Duration::from_secs(300)));
    assert!(loaded(&of_text(&main("\"health\"", "dir = \"DIR\""))).listeners[0].folder.is_none());
    for (serve, more, expected) in [
        ("\"static\"", "", "E004 listeners.main.serve[0]"),
        ("\"static\"", "dir = \"/nowhere/at/all\"", "W002 listeners.main.static.dir"),
        ("\"static\"", "dir = \"DIR\"\nindex = \"../x\"", "E013 listeners.main.static.index"),
        ("\"static\"", "dir = \"DIR\"\nmax_age = \"soon\"", "E013 listeners.main.static.max_age"),
        ("\"static\", \"rest\"", "dir = \"DIR\"\npath = \"/api\"", "E032 listeners.main.static.path"),
    ] {
        assert_eq!(codes(&main(serve, more)), [expected], "{more}");
    }
}

/// Where anybody can reach an unsigned section and nothing is encrypted, that is said as of anonymous sessions.
#[test]
fn an_unsigned_section_that_anybody_can_reach_is_insecure() {
    let public = REALMS.replace("127.0.0.1", "0.0.0.0");
    let codes = |more: &str| {
        let text = format!("{public}{}", section(&format!("kind = \"caller\"\n{more}")));
        load(&of_text(&text)).err().map(|errors| errors.problems.iter().map(Problem::code).collect::<Vec<_>>())
    };
    assert_eq!(codes(""), Some(vec!["E040".to_owned()]));
    for kept in
        ["key = \"a\"\nsecret = { env = \"JOE_SECRET\" }", "require_tls = true", "require_ip = [\"10.0.0.0/8\"]"]
    {
        assert_eq!(codes(kept), None, "{kept}");
    }
}
