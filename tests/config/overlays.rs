//! Which file is read, and what is put upon it.

use super::*;
use std::time::Duration;

const FILE: &str =
    "[listeners.main]\nbind = \"127.0.0.1:1\"\nserve = [\"websocket\"]\n[realms.my-shop]\ncall_timeout = \"1s\"\n";

fn folder(files: &[(&str, &str)]) -> (tempfile::TempDir, LoadOptions) {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        let path = folder.path().join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    let directory = folder.path().to_owned();
    let options = LoadOptions { system_directory: directory.join("etc"), directory, ..LoadOptions::bare() };
    (folder, options)
}

fn call_timeout(settings: &Settings) -> Option<Duration> {
    settings.realms[0].rules.limits.call_timeout
}

/// config.md, section 2: priority.
#[test]
fn set_beats_the_environment_beats_drop_ins_beat_the_file() {
    let drop_in = "[realms.my-shop]\ncall_timeout = \"2s\"\n";
    let (_folder, mut options) =
        folder(&[("wharf.toml", FILE), ("conf.d/10.toml", drop_in), ("conf.d/README.md", "# no")]);
    assert_eq!(call_timeout(&loaded(&options)), Some(Duration::from_secs(2)));
    options.environment.insert("WHARF__REALMS__MY_SHOP__CALL_TIMEOUT".to_owned(), "3s".to_owned());
    assert_eq!(call_timeout(&loaded(&options)), Some(Duration::from_secs(3)));
    options.sets.push("realms.my-shop.call_timeout=4s".to_owned());
    options.sets.push("node.workers = 3".to_owned());
    let settings = loaded(&options);
    assert_eq!((call_timeout(&settings), settings.node.workers), (Some(Duration::from_secs(4)), Some(3)));
}

/// config.md, section 2: lookup.
#[test]
fn the_first_file_of_the_lookup_is_read() {
    let named = |seconds: u32| FILE.replace("1s", &format!("{seconds}s"));
    let (etc, config, here) = (named(1), named(2), named(3));
    let files = [
        ("etc/wharf.toml", etc.as_str()),
        ("config/wharf.toml", &config),
        ("wharf.toml", &here),
        ("x.toml", &named(4)),
        ("y.toml", &named(5)),
    ];
    let (folder, mut options) = folder(&files);
    let seconds = |options: &LoadOptions| call_timeout(&loaded(options)).unwrap().as_secs();
    assert_eq!(seconds(&options), 3);
    options.environment.insert("WHARF_CONFIG".to_owned(), "x.toml".to_owned());
    assert_eq!(seconds(&options), 4);
    options.file = Some("y.toml".into());
    assert_eq!(seconds(&options), 5);
    (options.file, options.environment) = (None, BTreeMap::new());
    fs::remove_file(folder.path().join("wharf.toml")).unwrap();
    assert_eq!(seconds(&options), 2);
    fs::remove_dir_all(folder.path().join("config")).unwrap();
    assert_eq!(seconds(&options), 1);
    fs::remove_dir_all(folder.path().join("etc")).unwrap();
    assert_eq!(loaded(&options).source, wharf::config::SettingsSource::BuiltIn);
}

/// config.md, section 2; E002.
#[test]
fn two_files_side_by_side_and_a_file_that_is_not_there_are_errors() {
    let (_folder, mut options) = folder(&[("wharf.toml", FILE), ("wharf.json", "{}")]);
    let errors = refused(&options);
    assert_eq!(errors.problems[0].code(), "E002");
    assert!(errors.problems[0].message.contains("wharf.toml") && errors.problems[0].message.contains("wharf.json"));
    options.file = Some("missing.toml".into());
    assert_eq!(refused(&options).problems[0].code(), "E002");
}

/// E006.
#[test]
fn drop_ins_that_disagree_are_an_error_that_names_both_places() {
    let (a, b) = (
        "[realms.my-shop]\ncall_timeout = \"2s\"\ndisclose = \"never\"\n",
        "[realms.my-shop]\ndisclose = \"never\"\ncall_timeout = \"3s\"\n",
    );
    let (_folder, options) = folder(&[("wharf.toml", FILE), ("conf.d/10-a.toml", a), ("conf.d/20-b.toml", b)]);
    let errors = refused(&options);
    assert_eq!(errors.problems.iter().map(line).collect::<Vec<_>>(), ["E006 3:16 realms.my-shop.call_timeout"]);
    let problem = &errors.problems[0];
    assert_eq!(problem.location.as_ref().unwrap().origin, "conf.d/20-b.toml");
    assert!(problem.hint.ends_with("conf.d/10-a.toml:2"), "{problem}");
}

/// A mistake in a drop-in is told with the drop-in's name.
#[test]
fn a_mistake_in_a_drop_in_is_told_at_its_place() {
    let (_folder, options) =
        folder(&[("wharf.toml", FILE), ("conf.d/10.toml", "\n[limts]\n"), ("conf.d/20.toml", "x = \n")]);
    let errors = refused(&options);
    assert_eq!(errors.problems.len(), 1, "a file that does not parse comes first: {errors}");
    fs::remove_file(options.directory.join("conf.d/20.toml")).unwrap();
    let problem = &refused(&options).problems[0];
    assert_eq!(
        (line(problem).as_str(), problem.location.as_ref().unwrap().origin.as_str()),
        ("E003 2:2 limts", "conf.d/10.toml")
    );
}

/// config.md, section 8.
#[test]
fn an_unknown_variable_is_a_warning_and_with_strict_an_error() {
    let mut options = of_text(FILE);
    options.environment.insert("WHARF__LIMITS__MAX_CONNECTION".to_owned(), "5".to_owned());
    let warnings = loaded(&options).warnings;
    assert_eq!((warnings[0].code().as_str(), warnings[0].hint.as_str()), ("W003", "did you mean `max_connections`?"));
    options.strict = true;
    let problem = &refused(&options).problems[0];
    assert_eq!(problem.code(), "E003");
    assert_eq!(problem.location.as_ref().unwrap().origin, "$WHARF__LIMITS__MAX_CONNECTION");
}

/// E007, where a variable could mean either.
#[test]
fn a_variable_that_could_mean_two_users_is_an_error() {
    let mut options = of_text(&format!(
        "{FILE}[realms.my-shop.roles.r]\n[realms.my-shop.auth.ticket.users]\njoe = {{ ticket = {{ env = \"JOE_TICKET\" }}, role = \"r\" }}\nJoe = {{ ticket = {{ env = \"JOE_TICKET\" }}, role = \"r\" }}\n"
    ));
    loaded(&options);
    options.environment.insert("WHARF__REALMS__MY_SHOP__AUTH__TICKET__USERS__JOE__ROLE".to_owned(), "r".to_owned());
    assert_eq!(refused(&options).problems[0].code(), "E007");
}

/// `--set` speaks of itself, and takes quoted keys.
#[test]
fn set_takes_quoted_keys_and_its_mistakes_name_the_flag() {
    let mut options = of_text(FILE);
    options.sets = vec!["rest.status.\"com.shop.error=x\"=404".to_owned(), "node.name=5s".to_owned()];
    let settings = loaded(&options);
    assert_eq!((settings.rest.status["com.shop.error=x"], settings.node.name.as_str()), (404, "5s"));
    for (set, code, origin) in [
        ("node.dev", "E001", "--set node.dev"),
        ("=5", "E001", "--set "),
        ("a b=5", "E001", "--set a b"),
        ("limits.accept_rate=fast", "E013", "--set limits.accept_rate"),
        ("limit.accept_rate=1/s", "E003", "--set limit.accept_rate"),
    ] {
        options.sets = vec![set.to_owned()];
        let problem = &refused(&options).problems[0];
        assert_eq!(
            (problem.code().as_str(), problem.location.as_ref().unwrap().origin.as_str()),
            (code, origin),
            "{problem}"
        );
    }
}

/// Values of `realm_defaults` hold where a realm says nothing, key by key.
#[test]
fn a_realm_starts_from_realm_defaults() {
    let settings = loaded(&of_text(&format!(
        "{FILE}[realm_defaults]\ncall_timeout = \"9s\"\nstrict_uri = true\n[realm_defaults.limits]\nmax_sessions = 7\n[realms.other.limits]\nmeta_burst = 3\n"
    )));
    let [shop, other] = settings.realms.as_slice() else { panic!("two realms") };
    assert_eq!(
        (shop.rules.limits.call_timeout, other.rules.limits.call_timeout),
        (Some(Duration::from_secs(1)), Some(Duration::from_secs(9)))
    );
    assert_eq!(
        (other.rules.limits.sessions_max, other.rules.limits.meta_calls.burst, other.uri_rules),
        (7, 3, wharf::wamp::uri::UriRules::Strict)
    );
}

/// Inherited rules, flags and policies; a disabled realm is checked but not opened.
#[test]
fn roles_inherit_rules_flags_and_overflow_and_deny_wins_over_all() {
    use wharf::authz::Action::{Call, Register};
    use wharf::wamp::MatchPolicy::{Exact, Prefix};
    let settings = loaded(&of_text(&format!(
        "{FILE}[realms.closed]\nenabled = false\n[realms.my-shop.roles.base]\ncall = [\"com.a.*\"]\nregister = [\"com.a.*\"]\non_overflow = \"drop_newest\"\nrate = {{ calls = \"300/m\" }}\nallow_pattern_register = true\nallow_match_all = true\n\
         [realms.my-shop.roles.child]\ninherit = [\"base\"]\ncall = [\"com.b.*\"]\ndeny = [\"com.a.secret.*\"]\nallow_match_all = false\n"
    )));
    assert_eq!(settings.realms.len(), 1);
    let child = &settings.realms[0].roles["child"];
    let rate = wharf::actors::settings::Rate { calls: Some(5), publishes: None, connects: None, burst: 100 };
    assert_eq!(child.rate, Some(rate));
    assert_eq!(child.on_overflow, Some(wharf::actors::settings::OnOverflow::DropNewest));
    let policy = &child.policy;
    assert!(policy.check(Call, "com.a.x", Exact).allowed && policy.check(Call, "com.b.x", Exact).allowed);
    assert!(!policy.check(Call, "com.a.secret.x", Exact).allowed);
    assert!(policy.check(Register, "com.a.x", Prefix).allowed && !policy.check(Register, "com.a.", Prefix).allowed);
    assert!(!policy.flags().allow_match_all, "set to false where it is inherited as true");
    let rule = policy.check(Call, "com.b.x", Exact).rule.unwrap();
    assert_eq!(&*rule.source, "(built-in wharf.toml):17");
}

/// What everybody may is taken by `false`, here or in all the roles that one inherits from.
#[test]
fn retain_and_cancel_are_rights_unless_taken() {
    let settings = loaded(&of_text(&format!(
        "{FILE}[realms.my-shop.roles.free]\n[realms.my-shop.roles.bound]\nallow_retain = false\nallow_cancel = false\n\
         [realms.my-shop.roles.heir]\ninherit = [\"bound\"]\n[realms.my-shop.roles.both]\ninherit = [\"bound\", \"free\"]\n\
         [realms.my-shop.roles.own]\ninherit = [\"bound\"]\nallow_cancel = true\n"
    )));
    for (role, no_retain, no_cancel) in [
        ("free", false, false),
        ("bound", true, true),
        ("heir", true, true),
        ("both", false, false),
        ("own", true, false),
    ] {
        let flags = settings.realms[0].roles[role].policy.flags();
        assert_eq!((flags.no_retain, flags.no_cancel), (no_retain, no_cancel), "{role}");
    }
}
