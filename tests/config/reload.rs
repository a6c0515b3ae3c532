//! What a reload says of two configurations: every key that differs, and whether it may. Source: config.md, section 11.

use super::keys::{leaves, uncommented};
use super::*;
use wharf::config::{reload, Difference, When};

/// The table of `docs/RELOAD.md`: patterns of keys, the star for a name or for all below.
fn table() -> Vec<(String, When)> {
    let text = fs::read_to_string(repository("docs/RELOAD.md")).unwrap();
    let row = |line: &str| {
        let (key, when) = line.strip_prefix("| `")?.split_once("` | ")?;
        let when = match when.trim_end_matches([' ', '|']) {
            "at once" => When::AtOnce,
            "for new connections" => When::NewConnections,
            "after a restart" => When::Restart,
            other => panic!("{other}"),
        };
        Some((key.to_owned(), when))
    };
    text.lines().filter_map(row).collect()
}

/// What the longest pattern says that fits.
fn documented(path: &str) -> When {
    let steps: Vec<&str> = path.split('.').collect();
    let fits = |pattern: &str| {
        let parts: Vec<&str> = pattern.split('.').collect();
        let all_below = parts.last() == Some(&"*");
        let lengths = if all_below { steps.len() >= parts.len() } else { steps.len() == parts.len() };
        lengths && parts.iter().zip(&steps).all(|(part, step)| *part == "*" || part == step)
    };
    let table = table();
    let best = table
        .iter()
        .filter(|(pattern, _)| fits(pattern))
        .max_by_key(|(pattern, _)| (pattern.split('.').count(), !pattern.ends_with('*')));
    best.unwrap_or_else(|| panic!("{path} is in no row")).1
}

/// Texts that are lawful for some key or other.
const TEXTS: &[&str] = &[
    "optional",
    "off",
    "on",
    "deflate",
    "json",
    "pretty",
    "debug",
    "redb",
    "1s",
    "1m",
    "1.3",
    "never",
    "evict",
    "drop_newest",
    "fsync",
    "memory",
    "san.dns",
    "boss",
    "authid",
    "lax",
    "allow",
    "other",
    "com.other.*",
    "1GiB",
    "scram",
    "publisher",
    "/other",
    "PUT",
    "full",
    "crossbar",
    "https://other.example/",
];

/// Other values than `value` that may be lawful for the same key.
fn others(value: &str) -> Vec<String> {
    let text = |texts: &[&str]| texts.iter().map(|text| format!("\"{text}\"")).collect::<Vec<_>>();
    match value {
        "true" => vec!["false".to_owned()],
        "false" => vec!["true".to_owned()],
        _ if value.parse::<u64>().is_ok() => {
            let number: u64 = value.parse().unwrap();
            vec![(number + 1).to_string(), number.saturating_sub(1).to_string()]
        }
        _ if value.starts_with('[') => {
            let lists = ["[\"json\"]", "[\"10.0.0.0/8\"]", "[\"main\"]", "[\"/other\"]", "[\"https://a.example\"]"];
            let more = [
                "[\"HS384\"]",
                "[\"cryptosign\"]",
                "[\"event_history\"]",
                "[\"boss\"]",
                "[\"com.other\"]",
                "[\"health\"]",
                "[\"ticket\"]",
            ];
            let keys = format!("[\"58{}\"]", "66".repeat(31));
            let rule = "[{ uri = \"com.other\", allow = [\"call\"] }]";
            let all = lists.iter().chain(&more).map(|list| (*list).to_owned());
            all.chain([keys, rule.to_owned(), "[\"nonce\"]".to_owned()]).collect()
        }
        _ if value.starts_with("{ procedure") => vec!["{ procedure = \"com.other\" }".to_owned()],
        _ if value.starts_with('{') => ["OPS_TICKET", "ANN_VERIFIER", "OTHER_KEY_SHA256", "WEBHOOK_PREVIOUS"]
            .map(|name| format!("{{ env = \"{name}\" }}"))
            .to_vec(),
        _ if value.contains("iB\"") => text(&["17KiB", "13KiB", "2MiB"]),
        _ if value.contains('%') => text(&["71%", "84%"]),
        _ if value.contains("/s") => text(&["7/s", "127.0.0.1:8099", "/other", "https://other.example/s"]),
        _ if value.trim_matches('"').starts_with(|digit: char| digit.is_ascii_digit()) => {
            text(&["3s", "2s", "2m", "1.3", "127.0.0.1:8099", "0600", "04", "2028-01-01T00:00:00Z"])
        }
        _ => [text(TEXTS), vec!["3".to_owned()]].concat(),
    }
}

/// The full file, with what some of its keys need.
fn full(path: &str) -> LoadOptions {
    let mut text = wharf::config::full_file();
    text.push_str("\n[realms.main.roles.boss]\n[realms.main.groups.main]\n[realms.other.roles.guest]\n");
    text = text.replace("\nserve = [\"websocket\", \"rawsocket\"]", "\nserve = [\"rest\", \"rawsocket\"]");
    if path.starts_with("listeners.main.websocket") {
        text = text.replace("\nserve = [\"rest\", \"rawsocket\"]", "\nserve = [\"websocket\"]");
    }
    let device = "realms.main.roles.device.";
    if path.strip_prefix(device).is_some_and(|key| !key.starts_with("authorizer") && !key.starts_with("allow_")) {
        // Rules and an authorizer exclude each other.
        let start = text.find(&format!("[{device}authorizer]")).unwrap();
        let end = text.find("[realms.main.roles.guest]").unwrap();
        text.replace_range(start..end, "");
    }
    if path == "realms.main.auth.jwt.role" || path == "realms.main.auth.jwt.allowed_roles" {
        text = text.replace("role_fixed = \"guest\"", "role = \"wamp_role\"\nallowed_roles = [\"guest\"]");
        text = text.replace("\nallowed_roles = []", "");
    }
    if path == "realms.main.roles.guest.authorizer" {
        let start = text.find("permissions = [{ allow = [\"subscribe\"]").unwrap();
        let end = start + text[start..].find('\n').unwrap();
        text.replace_range(start..end, "");
    }
    if path == "listeners.main.mode" {
        text = text.replace("bind = \"127.0.0.1:8080\"", "bind = \"unix:/s\"");
    }
    if path.starts_with("listeners.main.proxy_protocol") {
        text = text.replace("trusted_proxies = []", "trusted_proxies = [\"unix\"]");
    }
    if path == "listeners.main.longpoll.paths" {
        text = text.replace("no_content = [\"/lp\"]", "no_content = []");
    }
    if path == "listeners.main.longpoll.no_content" {
        text = text.replace("paths = [\"/lp\", ", "paths = [\"/lp\", \"/other\", ");
    }
    if path == "webhooks.in.push.call" {
        text = text.replace("publish = \"com.example.on_push\"", "call = \"com.example.on_push\"");
    }
    if let Some(key) = path.strip_prefix("webhooks.in.push.verify.") {
        let kind = match key {
            "kind" | "secret_previous" => "\"standard-webhooks\"",
            "name" => "\"basic\"\nname = \"a\"",
            "key" => "\"crossbar\"\nkey = \"a\"",
            "header" | "algorithm" | "prefix" | "encoding" => "\"hmac\"\nheader = \"X-Other\"",
            _ => "\"github-sha256\"",
        };
        text = text.replace("\nkind = \"github-sha256\"", &format!("\nkind = {kind}"));
        text = text.replace("\"PUSH_SECRET\"", "\"WEBHOOK_SECRET\"");
    }
    if path.starts_with("storage") || path.contains("durability") {
        text = text.replace("# data_dir = ", "data_dir = ");
    }
    if path.contains("durability") {
        text = text.replace("kind = \"memory\"", "kind = \"redb\"");
    }
    of_text(&text)
}

/// What a reload from `options` to the same with `sets` comes to; `None` if that is not lawful.
fn change(options: &LoadOptions, sets: &[String]) -> Option<Vec<(String, When)>> {
    let running = loaded(options);
    let changed = LoadOptions { sets: sets.to_vec(), ..options.clone() };
    match reload(&changed, &running) {
        Ok(reloaded) => Some(reloaded.differences.into_iter().map(|found| (found.path, found.when)).collect()),
        Err(errors) if errors.problems.iter().all(|problem| problem.code() == "E050") => {
            Some(errors.problems.into_iter().map(|problem| (problem.path, When::Restart)).collect())
        }
        Err(_) => None,
    }
}

/// config.md, section 13, row "reload table": each key alone lands in the column that the documentation says.
#[test]
fn each_key_of_the_full_file_is_changed_alone_and_lands_in_the_column_that_the_documentation_says() {
    assert!(uncommented().contains("[node]"));
    // What needs more than one key is in the next test.
    let together = [
        "listeners.main.tls.",
        "realms.main.auth.ticket.users.joe.hash",
        "realms.main.auth.wampcra.users.joe.",
        "rest.crossbar.bridge.key",
        "rest.crossbar.bridge.secret",
        "rest.crossbar.bridge.topic",
        "rest.crossbar.bridge.success_response",
        "rest.crossbar.bridge.error_response",
        "rest.crossbar.bridge.github_secret",
        "rest.routes.item.publish",
    ];
    let (mut tried, mut wrong) = (0, Vec::new());
    for (path, _, value) in leaves() {
        let needs_files = [
            "cryptosign.key",
            "jwt.public_key_file",
            "jwt.jwks_file",
            "jwt.jwks_url",
            "jwt.ca",
            "dynamic.main.http",
            "dynamic.main.ca",
            "dynamic.main.token",
        ]
        .map(|key| format!("realms.main.auth.{key}"));
        if ["webhooks.out.orders.ca", "webhooks.call.stock.ca"].contains(&path.as_str()) || path.ends_with("_schema") {
            continue;
        }
        if together.iter().any(|prefix| path.starts_with(prefix)) || needs_files.contains(&path) {
            continue;
        }
        let options = full(&path);
        let candidates = others(&value).into_iter().chain([value.clone()]);
        let found = candidates.map(|value| format!("{path}={value}")).find_map(|set| {
            let mut found = change(&options, std::slice::from_ref(&set))?;
            // Where it is the default of.
            found.retain(|(changed, _)| !path.starts_with("realm_defaults") || !changed.starts_with("realms.other."));
            (!found.is_empty()).then_some((set, found))
        });
        match found {
            Some((_, found)) if found == [(path.clone(), documented(&path))] => tried += 1,
            other => wrong.push(format!("{path} = {value}: {other:?}, expected {:?}", documented(&path))),
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
    assert!(tried > 120, "{tried}");
}

/// The same for keys that come together.
#[test]
fn keys_of_tls_and_of_secrets_land_in_the_column_that_the_documentation_says() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["one", "two"] {
        super::tls::write_pair(folder.path(), name, &["localhost"]);
    }
    let path = |name: &str| format!("\"{}\"", folder.path().join(name).display());
    let set = |key: &str, value: &str| format!("listeners.main.tls.{key}={value}");
    let mut options = full("");
    let pair = |name: &str| [set("cert", &path(&format!("{name}.pem"))), set("key", &path(&format!("{name}.key")))];
    options.sets = pair("one").to_vec();
    let base = options.sets.clone();
    let cases: Vec<Vec<String>> = vec![
        pair("two").to_vec(),
        vec![set("watch", "false")],
        vec![set("min_version", "\"1.3\"")],
        vec![set("client_auth", "\"optional\""), set("client_ca", &path("two.pem"))],
    ];
    for sets in cases {
        let all: Vec<String> = base.iter().chain(&sets).cloned().collect();
        let found = change(&options, &all).unwrap_or_else(|| panic!("{sets:?}"));
        assert_eq!(found.len(), sets.len(), "{found:?}");
        assert!(found.iter().all(|(path, when)| *when == documented(path)), "{found:?}");
    }
    let bridge = |key: &str| format!("rest.crossbar.bridge.{key}");
    let secret = "{ env = \"OPS_TICKET\" }";
    for sets in [
        vec![format!("{}=\"k\"", bridge("key")), format!("{}={secret}", bridge("secret"))],
        vec![
            format!("{}=\"webhook\"", bridge("kind")),
            format!("{}=\"com.a\"", bridge("topic")),
            format!("{}=\"yes\"", bridge("success_response")),
            format!("{}=\"no\"", bridge("error_response")),
            format!("{}={secret}", bridge("github_secret")),
        ],
    ] {
        let found = change(&full(""), &sets).unwrap_or_else(|| panic!("{sets:?}"));
        assert_eq!(found.len(), sets.len(), "{found:?}");
        assert!(found.iter().all(|(_, when)| *when == When::AtOnce), "{found:?}");
    }
    let joe = "realms.main.auth.wampcra.users.joe";
    let found = change(&full(""), &[format!("{joe}.secret={{ env = \"OPS_TICKET\" }}")]).unwrap();
    assert_eq!(found, [(format!("{joe}.secret"), When::AtOnce)]);
}

fn texts(differences: &[Difference]) -> Vec<String> {
    differences.iter().map(ToString::to_string).collect()
}

const TWO_REALMS: &str = r#"
[node]
workers = 2
[listeners.a]
bind = "127.0.0.1:1"
serve = ["websocket"]
[realms.one]
call_timeout = "1s"
[realms.one.auth.ticket.users.joe]
ticket = { env = "JOE_TICKET" }
role = "user"
[realms.one.roles.user]
call = ["com.a"]
[realms.two]
"#;

/// config.md, section 11, step 6.
#[test]
fn the_report_names_every_key_and_tables_that_come_and_go() {
    let running = loaded(&of_text(TWO_REALMS));
    assert_eq!(texts(&reload(&of_text(TWO_REALMS), &running).unwrap().differences), Vec::<String>::new());
    let changed = TWO_REALMS
        .replace("\"1s\"", "\"2s\"")
        .replace("[\"com.a\"]", "[\"com.b\", \"com.c\"]")
        .replace("[realms.two]", "[realms.three]\ndescription = \"new\"")
        .replace("[listeners.a]", "[listeners.b]");
    let reloaded = reload(&of_text(&changed), &running).unwrap();
    let expected = [
        "listeners.b: added",
        "listeners.a: removed",
        "realms.one.call_timeout: \"1s\" -> \"2s\"",
        "realms.one.roles.user.call: [\"com.a\"] -> [\"com.b\",\"com.c\"]",
        "realms.three: added",
        "realms.two: removed",
    ];
    assert_eq!(texts(&reloaded.differences), expected);
    assert!(reloaded.differences.iter().all(|difference| difference.when == When::AtOnce));
}

/// config.md, sections 7 and 11: a secret is compared by what it is, and never shown.
#[test]
fn a_secret_that_changed_in_its_place_is_told_and_not_shown() {
    let running = loaded(&of_text(TWO_REALMS));
    let mut options = of_text(TWO_REALMS);
    options.environment.insert("JOE_TICKET".to_owned(), "hush-another".to_owned());
    let reloaded = reload(&options, &running).unwrap();
    assert_eq!(texts(&reloaded.differences), ["realms.one.auth.ticket.users.joe.ticket: *** -> ***"]);
    assert!(!format!("{reloaded:?}").contains("hush-"));
}

/// E050: each with its place in the file that was read.
#[test]
fn a_key_that_needs_a_restart_is_an_error_at_its_place_and_all_of_them_are_named() {
    let running = loaded(&of_text(TWO_REALMS));
    let changed = TWO_REALMS.replace("workers = 2", "workers = 3\nname = \"other\"").replace("\"1s\"", "\"2s\"");
    let errors = reload(&of_text(&changed), &running).unwrap_err();
    let lines: Vec<String> = errors.problems.iter().map(line).collect();
    assert_eq!(lines.len(), 2, "{errors}");
    assert!(lines[0].starts_with("E050 3:11 ") && lines[1].starts_with("E050 4:8 "), "{lines:?}");
    // One that is gone is told where its table stands.
    let errors = reload(&of_text(&TWO_REALMS.replace("workers = 2\n", "")), &running).unwrap_err();
    assert!(line(&errors.problems[0]).starts_with("E050 2:2 "), "{errors}");
    assert_eq!(errors.problems[0].path, "node.workers");
}

/// Step 1: mistakes are those that `wharf config check` tells.
#[test]
fn mistakes_are_told_as_by_the_check() {
    let running = loaded(&of_text(TWO_REALMS));
    let broken =
        of_text(&TWO_REALMS.replace("role = \"user\"", "role = \"usr\"").replace("workers = 2", "workers = 3"));
    assert_eq!(reload(&broken, &running).unwrap_err(), load(&broken).unwrap_err());
}
