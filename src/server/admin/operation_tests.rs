//! Arguments of `wharf.admin.*`.

use super::*;
use crate::wamp::payload::Values;
use crate::wamp::SessionId;

fn ask(procedure: &str, args: Vec<Value>, kwargs: Vec<(&str, Value)>) -> Result<String, String> {
    let kwargs = kwargs.into_iter().map(|(key, value)| (key.to_owned(), value)).collect();
    let mut question = Question {
        ticket: 1,
        session: SessionId::FIRST,
        authid: "ann".into(),
        authrole: "admin".into(),
        transport: Dict::new(),
        procedure: procedure.to_owned(),
        arguments: Values { args, kwargs },
    };
    read(&mut question).map(|operation| format!("{operation:?}")).map_err(|refusal| refusal.text)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

#[test]
fn arguments_are_taken_by_place_or_by_name() {
    let by_place = ask("role.get", vec![text("shop"), text("clerk")], vec![]);
    let by_name = ask("role.get", vec![], vec![("role", text("clerk")), ("realm", text("shop"))]);
    assert_eq!(by_place, by_name);
    assert_eq!(by_place.unwrap(), "Look(Get([\"realms\", \"shop\", \"roles\", \"clerk\"]))");
}

/// Groups, grants and sources are asked for as roles are.
#[test]
fn what_a_realm_has_by_name_is_found_below_it() {
    for group in ["role", "group", "grant", "source"] {
        let list = ask(&format!("{group}.list"), vec![text("shop")], vec![]).unwrap();
        assert_eq!(list, format!("Look(List([\"realms\", \"shop\", \"{group}s\"]))"));
        let gone = ask(&format!("{group}.delete"), vec![text("shop")], vec![(group, text("x"))]).unwrap();
        assert_eq!(gone, format!("Delete([\"realms\", \"shop\", \"{group}s\", \"x\"])"));
    }
    let users = || Value::List(vec![text("joe")]);
    let added = ask("group.add_users", vec![text("shop"), text("staff"), users()], vec![]).unwrap();
    assert_eq!(added, "Members([\"realms\", \"shop\", \"groups\", \"staff\"], Add([\"joe\"]))");
    assert!(ask("role.add_users", vec![text("shop"), text("staff"), users()], vec![]).is_err());
}

#[test]
fn permissions_are_asked_for_of_a_role_of_a_user_or_of_a_user_with_a_role() {
    let explained = |names: &[&str]| {
        let named =
            [("realm", "shop"), ("action", "call"), ("uri", "a")].into_iter().chain(names.iter().map(|n| (*n, "x")));
        ask("authz.explain", vec![], named.map(|(name, value)| (name, text(value))).collect())
    };
    for (names, who) in [
        (&["role"][..], "who: Role(\"x\")"),
        (&["authid"], "who: User(\"x\")"),
        (&["authid", "role"], "who: UserAs(\"x\", \"x\")"),
    ] {
        assert!(explained(names).unwrap().contains(who), "{names:?}");
    }
    assert!(explained(&[]).is_err());
}

#[test]
fn what_is_missing_wrong_or_too_much_is_told_with_what_was_expected() {
    let dict = || Value::Dict(vec![("call_timeout".to_owned(), text("3s"))]);
    let rows = [
        ("realm.get", vec![], "expected realm, a string that is not empty"),
        ("realm.get", vec![text("")], "expected realm, a string that is not empty"),
        ("realm.get", vec![Value::Unsigned(3)], "expected realm, a string"),
        ("realm.get", vec![text("a"), text("b")], "expected no other arguments"),
        ("realm.update", vec![text("a"), text("b")], "expected settings, a dict"),
        ("realm.update", vec![text("a")], "expected settings, a dict that is not empty"),
        ("role.set", vec![text("a"), dict()], "expected role, a string"),
        ("user.change_password", vec![text("a"), text("b")], "expected password, a string that is not empty"),
        ("group.add_users", vec![text("a"), text("b")], "expected users, a list of strings that are not empty"),
        ("user.disable", vec![text("a")], "expected authid, a string that is not empty"),
        ("key.new", vec![text("a"), text("b"), text("c")], "expected role, a string that is not empty"),
        ("key.revoke", vec![], "expected name, a string that is not empty"),
        ("config.diff", vec![Value::Bool(true)], "expected path, a string"),
        ("realm.destroy", vec![text("a")], "the node has no such procedure"),
        ("", vec![], "the node has no such procedure"),
    ];
    for (procedure, args, expected) in rows {
        assert_eq!(ask(procedure, args, vec![]), Err(expected.to_owned()), "{procedure}");
    }
    let octets = Value::Dict(vec![("a".to_owned(), Value::Bytes(vec![1]))]);
    assert!(ask("realm.create", vec![text("a"), octets], vec![]).is_err());
}

/// A password is never printed, and a user has either one or keys.
#[test]
fn a_new_user_has_a_password_or_keys() {
    let user = |more: Vec<(&str, Value)>| {
        let names = vec![("realm", text("shop")), ("authid", text("joe")), ("role", text("clerk"))];
        ask("user.add", vec![], names.into_iter().chain(more).collect())
    };
    let keys = || Value::List(vec![text("03")]);
    let made = user(vec![("password", text("hush"))]).unwrap();
    assert!(made.contains("Scram(***)") && !made.contains("hush"), "{made}");
    assert!(user(vec![("password", text("hush")), ("method", text("ticket"))]).unwrap().contains("Ticket(***)"));
    assert!(user(vec![("keys", keys())]).unwrap().contains("Cryptosign"));
    let either = "expected either password, a string, or keys, a list of public keys";
    assert_eq!(user(vec![]), Err(either.to_owned()));
    assert_eq!(user(vec![("password", text("hush")), ("keys", keys())]), Err(either.to_owned()));
    assert_eq!(user(vec![("keys", keys()), ("method", text("scram"))]), Err(either.to_owned()));
    let method = "expected method: scram, ticket or cryptosign";
    assert_eq!(user(vec![("password", text("hush")), ("method", text("wampcra"))]), Err(method.to_owned()));
    assert_eq!(
        user(vec![("password", text("hush")), ("pasword", text("x"))]),
        Err("expected no other arguments".to_owned())
    );
}
