//! The files in `config/` say what the program does.

use super::*;
use std::time::{Duration, Instant};

/// config.md, section 3.
#[test]
fn running_without_a_file_equals_the_file_that_init_prints() {
    let without = loaded(&LoadOptions { directory: "/nonexistent".into(), ..LoadOptions::bare() });
    assert_eq!(without.source, wharf::config::SettingsSource::BuiltIn);
    let mut there = options("config/wharf.toml");
    there.environment.clear();
    assert_eq!(comparable(&loaded(&there)), comparable(&without));
}

/// config.md, section 3; newcomer.md, section 3.
#[test]
fn dev_mode_is_loopback_only_and_anonymous_may_do_everything() {
    use wharf::authz::Action;
    use wharf::wamp::MatchPolicy::{Exact, Prefix};
    let settings = loaded(&LoadOptions { ipv6_loopback: true, ..of_text(wharf::config::DEV_MODE) });
    assert!(settings.node.dev && settings.warnings.is_empty());
    let addresses: Vec<String> =
        settings.listeners.iter().flat_map(|listener| &listener.binds).map(|b| format!("{b:?}")).collect();
    assert_eq!(addresses, ["Tcp(127.0.0.1:8080)", "Tcp([::1]:8080)", "Tcp(127.0.0.1:8081)", "Tcp([::1]:8081)"]);
    assert!(settings.listeners.iter().all(|listener| listener.loopback_host_only));
    let realm = &settings.realms[0];
    let role = &realm.roles[&realm.auth.anonymous.as_ref().unwrap().role];
    for action in [Action::Call, Action::Register, Action::Publish, Action::Subscribe] {
        assert!(role.policy.check(action, "com.x", Exact).allowed);
    }
    assert!(role.policy.check(Action::Register, "", Prefix).allowed);
    assert!(role.policy.check(Action::Call, "wamp.session.kill", Exact).allowed);
    let flags = role.policy.flags();
    assert!(flags.allow_force_reregister && flags.allow_disclose_caller);
}

/// cli.md, section 2: `wharf dev --port --realm`.
#[test]
fn dev_mode_takes_another_port_and_realm() {
    let settings = loaded(&of_text(&wharf::config::dev_mode(9000, "com.example.\"x\"")));
    assert_eq!(settings.realms[0].uri.as_str(), "com.example.\"x\"");
    assert_eq!(settings.listeners[0].realm.as_deref(), Some("com.example.\"x\""));
    assert_eq!(
        format!("{:?} {:?}", settings.listeners[0].binds, settings.listeners[1].binds),
        "[Tcp(127.0.0.1:9000)] [Tcp(127.0.0.1:9001)]"
    );
    loaded(&of_text(&wharf::config::dev_mode(65535, "realm1")));
    loaded(&of_text(&wharf::config::dev_mode(0, "realm1")));
}

/// config.md, section 4.
#[test]
fn the_full_file_is_fresh_and_loads() {
    committed(&repository("config/wharf.full.toml"), &wharf::config::full_file());
    loaded(&options("config/wharf.full.toml"));
}

/// Keys of the full file that have no default, in its order.
const REQUIRED: &str = "\
    bind serve role ticket role secret role verifier role keys role issuer audience key role_fixed role \
    methods procedure after method procedure durability match from sha256 realm authid role path kind realm \
    role method path realm call realm role topics url secret realm role publish kind secret realm role \
    procedure url secret";

/// config.md, section 13: each key alone taken out of the full file changes nothing, so what stands there is the default.
#[test]
fn the_full_file_equals_the_defaults() {
    let full = wharf::config::full_file();
    let expected = comparable(&loaded(&of_text(&full)));
    let mut required = Vec::new();
    for (number, line) in full.lines().enumerate() {
        let Some((key, _)) = line.split_once(" = ").filter(|(key, _)| !key.starts_with('#')) else { continue };
        let without: String =
            full.lines().enumerate().filter(|(n, _)| *n != number).map(|(_, l)| format!("{l}\n")).collect();
        match load(&of_text(&without)) {
            Ok(settings)
                if line != "permissions = []"
                    && ["permissions", "guest", "\"com.example.error.not_found\"", "lang"].contains(&key) =>
            {
                assert_ne!(comparable(&settings), expected, "{key} is an example and no default");
            }
            Ok(settings) => assert_eq!(comparable(&settings), expected, "line {}: {line}", number + 1),
            Err(errors) => {
                // The default of durability asks for a store that is not the default.
                let code = if key == "durability" { "E041" } else { "E004" };
                assert!(errors.problems.iter().all(|problem| problem.code() == code), "{line}: {errors}");
                required.push(key);
            }
        }
    }
    assert_eq!(required.join(" "), REQUIRED);
}

/// config.md, section 10.
#[test]
fn the_schema_is_fresh() {
    committed(&repository("config/wharf.schema.json"), &format!("{:#}\n", wharf::config::schema()));
}

/// config.md, section 13.
#[test]
fn all_examples_load_without_a_warning() {
    let examples = files_in("config/examples", ".toml");
    assert!(examples.len() >= 4);
    let folder = folder_with_certificates();
    for file in examples {
        let settings = loaded(&options(&in_folder(folder.path(), &file).to_string_lossy()));
        assert_eq!(settings.warnings, [], "{}", file.display());
    }
}

/// What the conformance suite asks for.
#[test]
fn the_conformance_file_has_its_realms_users_and_limits() {
    use wharf::authz::Action::{Call, Publish};
    use wharf::wamp::MatchPolicy::Exact;
    let settings = loaded(&options("config/checks/conformance.toml"));
    assert!(settings.warnings.iter().all(|warning| warning.code() == "W020"), "{:?}", settings.warnings);
    let names: Vec<&str> = settings.realms.iter().map(|realm| realm.uri.as_str()).collect();
    assert_eq!(names, ["realm1", "realm2"]);
    assert!(settings.realms.iter().all(|realm| realm.strict_request_ids && realm.auth.anonymous.is_some()));
    assert!(settings.listeners.iter().all(|listener| listener.message_max == 1 << 20));
    let realm = &settings.realms[0];
    let role = |authid: &str| &realm.roles[&realm.auth.ticket.as_ref().unwrap().get(authid).unwrap().role].policy;
    assert!(role("ticket-user").check(Call, "wamp.session.kill", Exact).allowed);
    assert!(role("ticket-user").flags().allow_force_reregister);
    for (action, uri, allowed) in [
        (Publish, "com.conf.open.x", true),
        (Call, "com.conf.callonly.x", true),
        (Publish, "com.conf.callonly.x", false),
        (Call, "com.other", false),
    ] {
        assert_eq!(role("limited-user").check(action, uri, Exact).allowed, allowed, "{action:?} {uri}");
    }
}

/// config.md, section 13, with room for a busy machine and a build without optimization.
#[test]
fn the_full_file_is_checked_quickly() {
    let started = Instant::now();
    loaded(&options("config/wharf.full.toml"));
    assert!(started.elapsed() < Duration::from_millis(500), "{:?}", started.elapsed());
}

/// An empty file is lawful: all defaults, and a warning that nobody can connect.
#[test]
fn an_empty_file_gives_the_defaults() {
    let settings = loaded(&of_text(""));
    assert_eq!(settings.limits, wharf::transport::settings::ProcessLimits::default());
    assert_eq!(settings.rest, wharf::http::settings::RestSettings::default());
    assert_eq!(settings.warnings.iter().map(line).collect::<Vec<_>>(), ["W004 - listeners"]);
    assert!(!settings.node.dev);
}

/// The defaults of a listener and of a realm are those of their rooms.
#[test]
fn a_listener_and_a_realm_that_say_nothing_have_the_defaults_of_their_rooms() {
    let settings = loaded(&of_text("[listeners.a]\nbind = \"127.0.0.1:1\"\nserve = [\"health\"]\n[realms.r]\n"));
    let expected = wharf::transport::settings::ListenerSettings {
        name: "a".to_owned(),
        binds: settings.listeners[0].binds.clone(),
        serve: vec![wharf::transport::settings::Service::Health],
        ..Default::default()
    };
    assert_eq!(settings.listeners, [expected]);
    let realm = &settings.realms[0];
    assert_eq!(format!("{:?}", realm.rules.limits), format!("{:?}", wharf::routing::RealmLimits::default()));
    assert_eq!(realm.outbox, wharf::actors::settings::OutboxSettings::default());
    assert!(realm.auth.anonymous.is_none() && realm.auth.ticket.is_none() && realm.roles.is_empty());
}
