//! `wharf config import`: what comes out can be used, nothing is dropped in silence, and no secret is told.

use super::*;
use proptest::prelude::*;
use serde_json::Value;
use wharf::config::{import, Foreign, Imported};

/// The samples, with whose they are.
const SAMPLES: &[(Foreign, &str)] = &[
    (Foreign::Crossbar, "config/migrate/crossbar.json"),
    (Foreign::Nexus, "config/migrate/nexus.json"),
    #[cfg(feature = "yaml")]
    (Foreign::Xconn, "config/migrate/xconn.yaml"),
];

fn imported(foreign: Foreign, name: &str, text: &str) -> Imported {
    import(foreign, Path::new(name), text.to_owned()).unwrap_or_else(|errors| panic!("{errors}"))
}

fn sample(foreign: Foreign, name: &str) -> Imported {
    imported(foreign, name, &fs::read_to_string(repository(name)).unwrap())
}

/// What is wrong with the file that came out, but for the secrets and certificates, which are not there.
fn mistakes(imported: &Imported) -> Vec<String> {
    let options = LoadOptions { text: Some(imported.toml.clone()), ..LoadOptions::bare() };
    let problems = match load(&options) {
        Ok(settings) => settings.warnings,
        Err(errors) => errors.problems,
    };
    let codes = problems.iter().map(|problem| (problem.code(), problem.to_string()));
    codes.filter(|(code, _)| code.starts_with('E') && code != "E022" && code != "E043").map(|(_, text)| text).collect()
}

fn notes(imported: &Imported) -> String {
    imported.notes.iter().map(|note| format!("{note}\n")).collect()
}

/// config.md, section 12: what is understood is translated, what is not is listed with its place.
#[test]
fn each_sample_gives_the_file_and_the_notes_that_are_kept_beside_it() {
    for &(foreign, name) in SAMPLES {
        let imported = sample(foreign, name);
        let beside = repository(name);
        committed(&beside.with_extension("expected.toml"), &imported.toml);
        let units: String = imported.programs.iter().map(|unit| format!("\n{unit}")).collect();
        committed(&beside.with_extension("expected.notes"), &format!("{}{units}", notes(&imported)));
    }
}

/// What comes out is a configuration, once the secrets are set and the certificates are there.
#[test]
fn each_sample_passes_the_check_with_its_secrets_and_certificates() {
    let folder = folder_with_certificates();
    for &(foreign, name) in SAMPLES {
        let imported = sample(foreign, name);
        let path = folder.path().join("imported.toml");
        fs::write(&path, &imported.toml).unwrap();
        let mut options = options(&path.to_string_lossy());
        // The record of Autobahn's dialect, made of the hex of the sample as the note says.
        let base64 = |hex: &str| {
            use base64::Engine;
            let octets: Vec<u8> =
                (0..hex.len()).step_by(2).map(|at| u8::from_str_radix(&hex[at..at + 2], 16).unwrap()).collect();
            base64::engine::general_purpose::STANDARD.encode(octets)
        };
        let record = format!(
            "scram$argon2id-13$i=3,m=65536${}${}${}",
            base64("accaa46c2fbf1ec26bd3f36c0cb5e7ff"),
            base64("f35d3d1d3b5b0a2fc6ea5d1a0e5e3b5f4a4b3c2d1e0f9a8b7c6d5e4f3a2b1c0d"),
            base64("0a1b2c3d4e5f60718293a4b5c6d7e8f90a1b2c3d4e5f60718293a4b5c6d7e8f9"),
        );
        let derived = options.environment["JOE_KEY"].clone();
        for (variable, text) in [
            ("ANN_TICKET", "a"),
            ("BOB_TICKET", "b"),
            ("JOE_TICKET", "c"),
            ("CARL_SECRET", "d"),
            ("SENSOR_SECRET", "e"),
            ("DORA_KEY", &derived),
            ("METER_KEY", &derived),
            ("CALL_SECRET", "f"),
            ("GITHUB_GITHUB_SECRET", "g"),
            ("EMIL_VERIFIER", &record),
        ] {
            options.environment.insert(variable.to_owned(), text.to_owned());
        }
        let settings = loaded(&options);
        let warnings: Vec<String> = settings.warnings.iter().map(Problem::code).collect();
        assert!(warnings.iter().all(|code| code == "W040" || code == "W002"), "{name}: {warnings:?}");
    }
}

/// The secrets of the samples are in nothing that is written or told.
#[test]
fn no_secret_of_a_source_is_written_or_told() {
    for &(foreign, name) in SAMPLES {
        let text = fs::read_to_string(repository(name)).unwrap();
        let shown = format!("{:?}", sample(foreign, name));
        for secret in [
            "plain-ticket-of-ann",
            "plain-secret-of-carl",
            "salted-secret-of-dora",
            "f35d3d1d3b5b",
            "0a1b2c3d4e5f",
            "secret-of-the-bridge",
            "secret-of-the-hook",
            "extra-password",
            "token-of-the-lights",
            "word-of-the-lights",
            "ticket-of-joe",
            "secret-of-the-sensor",
            "secret-of-the-meter",
        ] {
            assert!(!shown.contains(secret), "{name} tells {secret}");
        }
        // Nor does the error for a file that is cut in the middle of them.
        for at in (0..text.len()).filter(|at| text.is_char_boundary(*at)).step_by(97) {
            if let Err(errors) = import(foreign, Path::new(name), text[..at].to_owned()) {
                assert!(!errors.to_string().contains("plain-ticket-of-ann"), "{errors}");
            }
        }
    }
}

/// Every key of the source that is not in the list of those that were understood has a note: an unknown key put into
/// any table of a sample is told with its path.
#[test]
fn an_unknown_key_in_any_table_is_told_with_its_path() {
    for &(foreign, name) in SAMPLES {
        let value = as_value(name);
        let mut tables = Vec::new();
        pointers(&value, "", &mut tables);
        for pointer in tables {
            let mut changed = value.clone();
            let table = changed.pointer_mut(&pointer).unwrap().as_object_mut().unwrap();
            table.insert("zzz".to_owned(), true.into());
            let imported = imported(foreign, "a.json", &changed.to_string());
            let told = imported.notes.iter().any(|note| note.path.contains("zzz"));
            // What belongs to programs, and to services that are not taken over, is told as a whole.
            let whole =
                imported.notes.iter().any(|note| !note.path.is_empty() && path_of(&pointer).starts_with(&note.path));
            let in_unit = imported.programs.iter().any(|unit| unit.contains("zzz"));
            assert!(told || whole || in_unit, "{name}{pointer}: {}", notes(&imported));
            assert_eq!(mistakes(&imported), Vec::<String>::new(), "{pointer}");
        }
    }
}

/// A sample as a value, whatever it is written in.
fn as_value(name: &str) -> Value {
    let text = fs::read_to_string(repository(name)).unwrap();
    match name.ends_with("yaml") {
        #[cfg(feature = "yaml")]
        true => serde_saphyr::from_str(&text).unwrap(),
        #[cfg(not(feature = "yaml"))]
        true => Value::Object(Default::default()),
        false => {
            let lines = text.lines().filter(|line| !line.starts_with("//"));
            serde_json::from_str(&lines.collect::<Vec<_>>().join("\n")).unwrap()
        }
    }
}

/// The pointers of all tables.
fn pointers(value: &Value, at: &str, tables: &mut Vec<String>) {
    match value {
        Value::Object(keys) => {
            tables.push(at.to_owned());
            for (key, value) in keys {
                pointers(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), tables);
            }
        }
        Value::Array(items) => {
            for (number, value) in items.iter().enumerate() {
                pointers(value, &format!("{at}/{number}"), tables);
            }
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}

/// A pointer as notes write paths.
fn path_of(pointer: &str) -> String {
    let mut path = String::new();
    for step in pointer.split('/').skip(1).map(|step| step.replace("~1", "/").replace("~0", "~")) {
        if step.bytes().all(|octet| octet.is_ascii_digit()) {
            path.push_str(&format!("[{step}]"));
            continue;
        }
        let bare = step.bytes().all(|octet| octet.is_ascii_alphanumeric() || matches!(octet, b'_' | b'-'));
        let dot = if path.is_empty() { "" } else { "." };
        path.push_str(&if bare { format!("{dot}{step}") } else { format!("{dot}{step:?}") });
    }
    path
}

/// config.md, section 12: Crossbar's generated configuration is open to everybody, and stays so by its own words only.
#[test]
fn a_listener_that_anybody_can_reach_is_kept_and_says_so() {
    let text = r#"{"version": 2, "workers": [{"type": "router",
        "realms": [{"name": "realm1", "roles": [{"name": "anonymous", "permissions": [
            {"uri": "com.", "match": "prefix", "allow": {"call": true}}]}]}],
        "transports": [{"type": "web", "endpoint": {"type": "tcp", "port": 8080}, "paths": {"ws": {"type": "websocket"}}}]}]}"#;
    let imported = imported(Foreign::Crossbar, "config.json", text);
    let settings = loaded(&of_text(&imported.toml));
    assert_eq!(settings.warnings.iter().map(Problem::code).collect::<Vec<_>>(), ["W040"]);
    assert!(imported.toml.contains("allow_insecure = true"), "{}", imported.toml);
    assert_eq!(imported.notes.len(), 1, "{}", notes(&imported));
    let local = text.replace("\"port\"", "\"interface\": \"127.0.0.1\", \"port\"");
    let imported = self::imported(Foreign::Crossbar, "config.json", &local);
    assert!(imported.notes.is_empty() && !imported.toml.contains("allow_insecure"), "{}", notes(&imported));
}

/// Where a role is in several realms its users are too; a realm that is named is the only one.
#[test]
fn users_of_a_transport_enter_the_realms_that_have_their_role() {
    let imported = sample(Foreign::Crossbar, "config/migrate/crossbar.json");
    let toml: Value = toml::from_str(&imported.toml).unwrap();
    let users = |realm: &str, method: &str| {
        let users = toml["realms"][realm]["auth"][method]["users"].as_object();
        users.map(|users| users.keys().cloned().collect::<Vec<_>>()).unwrap_or_default()
    };
    assert_eq!(users("harbour", "ticket"), ["ann", "bob"]);
    assert_eq!(users("yard", "ticket"), ["ann"], "the yard has no role master");
    assert_eq!(users("yard", "cryptosign"), ["tug@example.com"]);
    assert!(users("harbour", "cryptosign").is_empty());
}

/// Of two paths with different origins neither lets in what the other one did not.
#[test]
fn origins_of_two_paths_are_never_wider_than_either() {
    let of = |options: &str| format!("{{\"type\": \"websocket\", \"options\": {options}}}");
    let closed = of("{\"allowed_origins\": [\"https://a.example\", \"https://b.example\"]}");
    for (first, second, expected) in [
        (closed.clone(), of("{}"), &["https://a.example", "https://b.example"][..]),
        (of("{}"), closed.clone(), &["https://a.example", "https://b.example"]),
        (closed.clone(), of("{\"allowed_origins\": [\"https://b.example\"]}"), &["https://b.example"]),
        (of("{}"), of("{}"), &["*"]),
    ] {
        let text = format!(
            "{{\"workers\": [{{\"type\": \"router\", \"realms\": [], \"transports\": [{{\"type\": \"web\", \"endpoint\": {{\"port\": 1}}, \
             \"paths\": {{\"a\": {first}, \"b\": {second}}}}}]}}]}}"
        );
        let toml: Value = toml::from_str(&imported(Foreign::Crossbar, "a.json", &text).toml).unwrap();
        assert_eq!(toml["listeners"]["web"]["websocket"]["allowed_origins"], serde_json::json!(expected), "{text}");
    }
}

/// The verdict of Crossbar's rules on one URI. Source: its reference, section 3.
fn crossbar_allows(rules: &[(String, &str, Vec<&str>)], action: &str, uri: &str) -> bool {
    let exact_or_prefix = rules.iter().filter(|(_, policy, _)| *policy != "wildcard");
    let longest = exact_or_prefix
        .filter(|(text, _, _)| uri.starts_with(text.as_str()))
        .max_by_key(|(text, policy, _)| (text.len(), *policy == "exact"));
    let found = longest.filter(|(text, policy, _)| *policy == "prefix" || text == uri);
    let fits = |text: &str| {
        let (mine, theirs): (Vec<&str>, Vec<&str>) = (text.split('.').collect(), uri.split('.').collect());
        mine.len() == theirs.len() && mine.iter().zip(&theirs).all(|(mine, theirs)| mine.is_empty() || mine == theirs)
    };
    let wildcard = rules.iter().find(|(text, policy, _)| *policy == "wildcard" && fits(text));
    let decides = match found {
        Some((_, "exact", _)) => found,
        _ => wildcard.or(found),
    };
    decides.is_some_and(|(_, _, allow)| allow.contains(&action))
}

/// Whether an exact rule hides a prefix rule from this URI, which is the one thing that becomes wider.
fn is_hidden(rules: &[(String, &str, Vec<&str>)], uri: &str) -> bool {
    rules.iter().any(|(text, policy, _)| *policy == "exact" && uri != text && uri.starts_with(text.as_str()))
}

const ACTIONS: [&str; 4] = ["call", "register", "publish", "subscribe"];

fn rules() -> impl Strategy<Value = Vec<(String, &'static str, Vec<&'static str>)>> {
    let text = prop::sample::select(vec!["", "a", "a.", "a.b", "a.b.", "a.b.a", "b", "b.a", "ab", "a..a", "a.b.c.d"]);
    let policy = prop::sample::select(vec!["exact", "prefix", "prefix", "wildcard"]);
    let rule = (text, policy, prop::sample::subsequence(ACTIONS.to_vec(), 0..=4));
    prop::collection::vec(rule, 0..6).prop_map(|rules| {
        let mut seen = std::collections::BTreeSet::new();
        let lawful = |text: &str, policy: &str| match policy {
            "exact" => !text.is_empty() && !text.ends_with('.') && !text.contains(".."),
            "prefix" => !text.contains(".."),
            _ => text.contains(".."),
        };
        let wildcard = std::cell::Cell::new(false);
        let rules = rules.into_iter().filter(|(text, policy, _)| {
            // Which of two wildcards decides is not said here; one is enough. So is one rule for a text.
            let second = *policy == "wildcard" && wildcard.replace(true);
            lawful(text, policy) && !second && seen.insert(*text)
        });
        rules.map(|(text, policy, allow)| (text.to_owned(), policy, allow)).collect()
    })
}

proptest! {
    /// What Crossbar denies is denied, but for URIs that an exact rule hides; what it allows is allowed, unless a note says
    /// that a denial reaches too far.
    #[test]
    fn imported_rules_allow_what_the_source_allows(rules in rules()) {
        use wharf::authz::Action::{Call, Publish, Register, Subscribe};
        let permissions: Vec<Value> = rules.iter().map(|(uri, policy, allow)| {
            let allow: serde_json::Map<_, _> = allow.iter().map(|action| ((*action).to_owned(), true.into())).collect();
            serde_json::json!({ "uri": uri, "match": policy, "allow": allow })
        }).collect();
        let text = serde_json::json!({"workers": [{"type": "router", "realms": [
            {"name": "r", "roles": [{"name": "x", "permissions": permissions}]}]}]}).to_string();
        let imported = imported(Foreign::Crossbar, "a.json", &text);
        let settings = loaded(&of_text(&imported.toml));
        let policy = &settings.realms[0].roles["x"].policy;
        let too_far = imported.notes.iter().any(|note| note.message.contains("denies this too"));
        let uris = ["a", "ab", "b", "a.a", "a.b", "a.bb", "a.b.a", "a.c.a", "a.b.b", "a.b.c.d", "b.a", "b.a.a", "c"];
        for uri in uris {
            for (name, action) in ACTIONS.into_iter().zip([Call, Register, Publish, Subscribe]) {
                let there = crossbar_allows(&rules, name, uri);
                let here = policy.check(action, uri, wharf::wamp::MatchPolicy::Exact).allowed;
                prop_assert!(there || !here || is_hidden(&rules, uri), "{name} {uri} is new: {rules:?}\n{}", imported.toml);
                prop_assert!(here || !there || too_far, "{name} {uri} is lost: {rules:?}\n{}", imported.toml);
            }
        }
    }

    /// Whatever the source is: no panic, and either an error or a file that passes the check.
    #[test]
    fn a_changed_source_gives_an_error_or_a_file_that_passes_the_check(
        which in 0..SAMPLES.len(), changes in prop::collection::vec((any::<prop::sample::Index>(), change()), 1..6),
    ) {
        let (foreign, name) = SAMPLES[which];
        let mut value = as_value(name);
        for (place, change) in changes {
            apply(&mut value, place, change);
        }
        let text = value.to_string();
        match import(foreign, Path::new("a.json"), text) {
            Ok(imported) => prop_assert_eq!(mistakes(&imported), Vec::<String>::new(), "{}", value),
            Err(errors) => {
                let told = errors.problems.iter().any(|problem| problem.code() == "E010" && problem.message.contains("no configuration of"));
                prop_assert!(told, "{errors} {value}");
            }
        }
    }

    /// The same for a text that is damaged, in both of its formats.
    #[test]
    fn a_damaged_text_gives_an_error_or_a_file_that_passes_the_check(
        which in 0..SAMPLES.len(), at in any::<prop::sample::Index>(), with in "[\\PC\\n\\t]{0,3}", length in 0_usize..4,
    ) {
        let (foreign, name) = SAMPLES[which];
        let text = fs::read_to_string(repository(name)).unwrap();
        let characters: Vec<char> = text.chars().collect();
        let at = at.index(characters.len());
        let end = (at + length).min(characters.len());
        let damaged: String = characters[..at].iter().copied().chain(with.chars()).chain(characters[end..].iter().copied()).collect();
        for name in ["a.json", "a.yaml", "a"] {
            if let Ok(imported) = import(foreign, Path::new(name), damaged.clone()) {
                prop_assert_eq!(mistakes(&imported), Vec::<String>::new());
            }
        }
    }
}

/// One change of a value.
#[derive(Clone, Debug)]
enum Change {
    Remove,
    Replace(Value),
    Rename(String),
    Double,
}

fn change() -> impl Strategy<Value = Change> {
    let words = prop::sample::select(vec![
        "",
        "*",
        "a b",
        "com..x.",
        "$X",
        "${WHARF__A}",
        "\u{1b}[31m",
        "é",
        "wamp.x",
        "0.0.0.0:1",
        "[::1]:99999",
        "unix:",
        "dynamic",
        "prefix",
        "wildcard",
        "anonymous",
        "captain",
        "json",
        "Front-End",
        "front_end",
        "64KiB",
        "/",
        "..",
        "[",
        "\"'\\",
        "static",
        "websocket",
        "rawsocket",
        "proxy",
        "${A}b",
        "https://x.example/y",
        "#",
    ]);
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::from),
        any::<i64>().prop_map(Value::from),
        (-2_i64..100_000).prop_map(Value::from),
        any::<f64>().prop_map(Value::from),
        words.prop_map(Value::from),
        Just("x".repeat(2000).into()),
        "\\PC{0,8}".prop_map(Value::from),
        Just(serde_json::json!([])),
        Just(serde_json::json!({})),
        Just(serde_json::json!([null, {}, [1], "a"])),
        Just(serde_json::json!({"type": "dynamic", "": 1, "a.b": {"name": "x"}})),
    ];
    prop_oneof![
        Just(Change::Remove),
        leaf.prop_map(Change::Replace),
        "\\PC{0,4}".prop_map(Change::Rename),
        Just(Change::Double)
    ]
}

/// Changes the value at one of all places.
fn apply(value: &mut Value, place: prop::sample::Index, change: Change) {
    let mut places = Vec::new();
    all(value, "", &mut places);
    let pointer = &places[place.index(places.len())];
    let Some((above, step)) = pointer.rsplit_once('/') else {
        if let Change::Replace(with) = change {
            *value = with;
        }
        return;
    };
    let step = step.replace("~1", "/").replace("~0", "~");
    match (value.pointer_mut(above), change) {
        (Some(Value::Object(keys)), Change::Remove) => drop(keys.remove(&step)),
        (Some(Value::Object(keys)), Change::Replace(with)) => drop(keys.insert(step, with)),
        (Some(Value::Object(keys)), Change::Rename(name)) => {
            let there = keys.remove(&step).unwrap_or_default();
            keys.insert(name, there);
        }
        (Some(Value::Object(keys)), Change::Double) => {
            let there = keys.get(&step).cloned().unwrap_or_default();
            keys.insert(step.to_uppercase(), there);
        }
        (Some(Value::Array(items)), Change::Remove) => drop(items.remove(step.parse().unwrap())),
        (Some(Value::Array(items)), Change::Replace(with)) => items[step.parse::<usize>().unwrap()] = with,
        (Some(Value::Array(items)), Change::Rename(_) | Change::Double) => {
            let there = items[step.parse::<usize>().unwrap()].clone();
            items.push(there);
        }
        (_, _) => {}
    }
}

fn all(value: &Value, at: &str, places: &mut Vec<String>) {
    places.push(at.to_owned());
    match value {
        Value::Object(keys) => {
            for (key, value) in keys {
                all(value, &format!("{at}/{}", key.replace('~', "~0").replace('/', "~1")), places);
            }
        }
        Value::Array(items) => {
            items.iter().enumerate().for_each(|(number, value)| all(value, &format!("{at}/{number}"), places))
        }
        Value::Null | Value::Bool(_) | Value::Number(_) | Value::String(_) => {}
    }
}
