//! `[realms.NAME.groups]`, `.grants` and `.sources`: `docs/decisions/0018`.

use super::*;
use wharf::auth::{Group, Method, PeerRange};
use wharf::authz::{Action, PolicyFlags};
use wharf::wamp::MatchPolicy;

const REALM: &str = r#"
[listeners.public]
bind = "127.0.0.1:1"
serve = ["websocket"]
[realms.shop.auth.ticket.users.ann]
ticket = { env = "ANN_TICKET" }
role = "clerk"
[realms.shop.roles.clerk]
call = ["com.shop.a"]
"#;

const EVERY_KEY: &str = r#"
[realms.shop.groups.staff]
users = ["ann"]
groups = ["interns"]
description = "text"
[realms.shop.groups.interns]
[realms.shop.grants.orders]
users = ["ann"]
groups = ["staff"]
call = ["com.a.*"]
register = ["com.b.*"]
publish = ["com.c.*"]
subscribe = ["com.d.*"]
deny = ["com.e.*"]
permissions = [{ uri = "com.f", allow = ["call"], deny = ["publish"] }]
allow_match_all = true
allow_pattern_register = true
allow_force_reregister = true
allow_disclose_caller = true
allow_retain = true
[realms.shop.sources.office]
users = ["ann"]
groups = ["staff"]
allow_from = ["10.0.0.0/8", "unix"]
listeners = ["public"]
methods = ["scram", "jwt"]
[realms.shop.sources.others]
[realm_templates.tenant]
match = "com.tenant.*"
from = "shop"
"#;

fn with(text: &str) -> LoadOptions {
    of_text(&format!("{REALM}{text}"))
}

#[test]
fn every_key_of_groups_grants_and_sources_lands_in_its_setting() {
    let settings = loaded(&with(EVERY_KEY));
    // A template takes them over as it takes over roles.
    for realm in [&settings.realms[0], &settings.templates[0].settings] {
        let staff = Group { users: vec!["ann".to_owned()], groups: vec!["interns".to_owned()] };
        assert_eq!(realm.groups.get("staff"), Some(&staff));
        let grants: Vec<_> = realm.grants.iter().collect();
        let [grant] = grants.as_slice() else { panic!("{grants:?}") };
        assert_eq!(
            (&*grant.name, &*grant.users, &*grant.groups),
            ("orders", &["ann".to_owned()][..], &["staff".to_owned()][..])
        );
        let flags = PolicyFlags {
            allow_match_all: true,
            allow_pattern_register: true,
            allow_force_reregister: true,
            allow_disclose_caller: true,
            no_retain: false,
            no_cancel: true,
        };
        assert_eq!(grant.rules.flags, flags);
        assert_eq!((grant.rules.allow.len(), grant.rules.deny.len()), (5, 2));
        let (rules, united) = realm.rules_with("clerk", &realm.granted("ann")).unwrap();
        for (action, uri) in [
            (Action::Call, "com.a.x"),
            (Action::Register, "com.b.x"),
            (Action::Publish, "com.c.x"),
            (Action::Subscribe, "com.d.x"),
            (Action::Call, "com.f"),
            (Action::Call, "com.shop.a"),
        ] {
            assert!(rules.policy.check(action, uri, MatchPolicy::Exact).allowed, "{action:?} {uri}");
        }
        let rule = united.policy.check(Action::Call, "com.a.x", MatchPolicy::Exact).rule.unwrap();
        assert_eq!(united.grant_of(rule), Some("orders"));
        assert!(realm.granted("joe").is_empty());
        let text = format!("{:?}", realm.auth.sources);
        let expected = format!(
            "{:?}",
            wharf::auth::Source {
                users: vec!["ann".to_owned()],
                groups: vec!["staff".to_owned()],
                allow_from: vec![PeerRange::Network { address: [10, 0, 0, 0].into(), bits: 8 }, PeerRange::Unix],
                listeners: vec!["public".to_owned()],
                methods: vec![Method::WampScram, Method::Scram, Method::Jwt],
            }
        );
        assert!(text.contains(&expected), "{text}");
    }
}

/// E030, with its place.
#[test]
fn groups_and_listeners_that_are_not_there_are_told() {
    for (text, path) in [
        ("[realms.shop.groups.staff]\ngroups = [\"interns\"]", "realms.shop.groups.staff.groups[0]"),
        ("[realms.shop.groups.staff]\n[realms.shop.grants.a]\ngroups = [\"stuff\"]", "realms.shop.grants.a.groups[0]"),
        ("[realms.shop.sources.a]\ngroups = [\"staff\"]", "realms.shop.sources.a.groups[0]"),
        ("[realms.shop.sources.a]\nlisteners = [\"pubic\"]", "realms.shop.sources.a.listeners[0]"),
    ] {
        let errors = refused(&with(text));
        let problem = errors.problems.iter().find(|problem| problem.code() == "E030").unwrap();
        assert_eq!(problem.path, path, "{errors}");
    }
    let errors = refused(&with("[realms.shop.groups.staff]\n[realms.shop.grants.a]\ngroups = [\"stuff\"]"));
    assert!(
        errors.to_string().contains("there is no group \"stuff\"")
            && errors.to_string().contains("did you mean \"staff\"")
    );
}

/// E031, as for roles.
#[test]
fn a_group_in_itself_is_an_error_that_names_the_way() {
    let text = "[realms.shop.groups]\na = { groups = [\"b\"] }\nb = { groups = [\"c\"] }\nc = { groups = [\"a\"] }\n";
    let errors = refused(&with(text));
    assert_eq!(errors.count(), 1, "{errors}");
    let problem = &errors.problems[0];
    assert_eq!((problem.code().as_str(), problem.path.as_str()), ("E031", "realms.shop.groups.c.groups[0]"));
    assert_eq!((problem.message.as_str(), problem.hint.as_str()), ("the group `a` lies in itself", "a -> b -> c -> a"));
    assert_eq!(refused(&with("[realms.shop.groups.a]\ngroups = [\"a\"]")).problems[0].hint, "a -> a");
}

/// W018.
#[test]
fn sources_that_leave_out_all_who_are_not_named_are_doubtful() {
    let codes = |text: &str| -> Vec<String> { loaded(&with(text)).warnings.iter().map(line).collect() };
    assert_eq!(codes("[realms.shop.sources.office]\nusers = [\"ann\"]"), ["W018 10:22 realms.shop.sources.office"]);
    assert_eq!(codes("[realms.shop.sources.office]\nusers = [\"ann\"]\n[realms.shop.sources.rest]"), [""; 0]);
}

/// W030: where nobody but the file knows users, a name that it has not is a slip of the pen.
#[test]
fn a_user_whom_no_method_has_is_doubtful_unless_others_know_users() {
    let codes = |text: &str| -> Vec<String> { loaded(&with(text)).warnings.iter().map(line).collect() };
    let grant = "[realms.shop.grants.a]\nusers = [\"ann\", \"nan\"]\n";
    assert_eq!(codes(grant), ["W030 11:17 realms.shop.grants.a.users[1]"]);
    assert_eq!(codes(&format!("{grant}[realms.shop.auth.tls]\nrole = \"clerk\"")), [""; 0]);
}

/// Rules of a grant are checked as those of a role.
#[test]
fn mistakes_in_a_grant_or_a_source_are_told_as_elsewhere() {
    for (text, code) in [
        ("[realms.shop.grants.a]\ncall = [\"com..\"]\npermissions = [{ uri = \"..#\", allow = [\"call\"] }]", "E013"),
        ("[realms.shop.grants.a]\ninherit = [\"clerk\"]", "E003"),
        ("[realms.shop.grants.a]\nallow_match_all = 3", "E010"),
        ("[realms.shop.sources.a]\nallow_from = [\"10.0.0.1/8\"]", "E013"),
        ("[realms.shop.sources.a]\nmethods = [\"password\"]", "E012"),
    ] {
        let errors = refused(&with(text));
        assert!(errors.problems.iter().any(|problem| problem.code() == code), "{text}: {errors}");
    }
}
