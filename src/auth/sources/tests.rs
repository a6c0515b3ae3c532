//! The matrix of sources against a naive evaluator, and the rules that stand beside it.

use super::super::Group;
use super::*;
use crate::wamp::ErrorUri;

fn identity(authid: &str, method: Method) -> Identity {
    Identity::proven(authid, "guest", method)
}

fn entrance(address: Option<&str>, listener: &str) -> Entrance {
    Entrance { listener: listener.into(), address: address.map(|address| address.parse().unwrap()) }
}

fn texts(texts: &[&str]) -> Vec<String> {
    texts.iter().map(ToString::to_string).collect()
}

fn ranges(texts: &[&str]) -> Vec<PeerRange> {
    texts.iter().map(|text| PeerRange::parse(text).unwrap()).collect()
}

/// Bob is in staff through interns, ann directly; joe is in none.
fn settings(sources: Vec<Source>) -> AuthSettings {
    let group = |users: &[&str], groups: &[&str]| Group { users: texts(users), groups: texts(groups) };
    let groups = [
        ("staff".to_owned(), group(&["ann"], &["interns"])),
        ("interns".to_owned(), group(&["bob"], &[])),
        ("empty".to_owned(), group(&[], &[])),
    ];
    let groups = Arc::new(Groups::new(groups.into_iter().collect()));
    AuthSettings { sources: Sources::new(groups, sources), ..AuthSettings::default() }
}

fn lets_in(settings: &AuthSettings, who: &Identity, place: &Entrance) -> bool {
    settings.lets_in(who, place).is_ok()
}

/// Every pair of sources out of all kinds, for everybody, from everywhere, by every listener, with every method.
#[test]
fn every_pair_of_sources_lets_in_whom_the_naive_evaluator_lets_in() {
    let named: [(&[&str], &[&str]); 5] =
        [(&[], &[]), (&["ann"], &[]), (&["joe", "bob"], &[]), (&[], &["staff"]), (&["joe"], &["interns"])];
    let mut kinds = Vec::new();
    for (users, groups) in named {
        for from in [&[][..], &["10.0.0.0/8"], &["2001:db8::/32", "unix"]] {
            for listeners in [&[][..], &["public"]] {
                for methods in [&[][..], &[Method::Ticket], &[Method::Jwt, Method::Anonymous]] {
                    kinds.push(Source {
                        users: texts(users),
                        groups: texts(groups),
                        allow_from: ranges(from),
                        listeners: texts(listeners),
                        methods: methods.to_vec(),
                    });
                }
            }
        }
    }
    let in_groups = |authid: &str| match authid {
        "ann" => vec!["staff"],
        "bob" => vec!["interns", "staff"],
        _ => vec![],
    };
    let naive = |sources: &[&Source], authid: &str, method: Method, address: Option<&str>, listener: &str| {
        let names = |source: &&&Source| {
            method != Method::Anonymous
                && (source.users.contains(&authid.to_owned())
                    || in_groups(authid).iter().any(|group| source.groups.contains(&(*group).to_owned())))
        };
        let own: Vec<&&Source> = sources.iter().filter(names).collect();
        let all = || sources.iter().filter(|source| source.users.is_empty() && source.groups.is_empty()).collect();
        let judged: Vec<&&Source> = if own.is_empty() { all() } else { own };
        let inside = |source: &Source| match address {
            _ if source.allow_from.is_empty() => true,
            Some("10.1.2.3" | "::ffff:10.1.2.3") => source.allow_from == ranges(&["10.0.0.0/8"]),
            Some("2001:db8::7") | None => source.allow_from != ranges(&["10.0.0.0/8"]),
            Some(_) => false,
        };
        judged.iter().any(|source| {
            inside(source)
                && (source.listeners.is_empty() || source.listeners.contains(&listener.to_owned()))
                && (source.methods.is_empty() || source.methods.contains(&method))
        })
    };
    let people = [
        ("ann", Method::Ticket),
        ("bob", Method::Jwt),
        ("joe", Method::Cryptosign),
        ("zoe", Method::Ticket),
        ("ann", Method::Anonymous),
    ];
    let places = [Some("10.1.2.3"), Some("::ffff:10.1.2.3"), Some("11.0.0.1"), Some("2001:db8::7"), None];
    let (mut yes, mut no) = (0, 0);
    for one in &kinds {
        for other in &kinds {
            let settings = settings(vec![one.clone(), other.clone()]);
            for (authid, method) in people {
                for address in places {
                    for listener in ["public", "inside"] {
                        let verdict = lets_in(&settings, &identity(authid, method), &entrance(address, listener));
                        let expected = naive(&[one, other], authid, method, address, listener);
                        assert_eq!(verdict, expected, "{authid} {method:?} {address:?} {listener}: {one:?} {other:?}");
                        *(if verdict { &mut yes } else { &mut no }) += 1;
                    }
                }
            }
        }
    }
    assert!(yes > 50_000 && no > 50_000, "{yes} {no}");
}

#[test]
fn without_sources_everybody_may_come_from_everywhere() {
    assert!(lets_in(&settings(Vec::new()), &identity("joe", Method::Ticket), &entrance(None, "x")));
}

/// The one answer to every failed proof; the truth is the operator's.
#[test]
fn whom_no_source_lets_in_is_refused_as_for_a_wrong_secret() {
    let office = Source { users: texts(&["ann"]), allow_from: ranges(&["10.0.0.0/8"]), ..Source::default() };
    let settings = settings(vec![office]);
    for (authid, reason) in [("ann", "covers this address"), ("joe", "no source is for this user")] {
        let denied = settings.lets_in(&identity(authid, Method::Ticket), &entrance(None, "public")).unwrap_err();
        assert_eq!((denied.error, &denied.text), (ErrorUri::AUTHENTICATION_DENIED, &Denied::wrong().text));
        assert!(denied.reason.is_some_and(|told| told.contains(reason)), "{denied:?}");
    }
}

/// A source for a group without members is for nobody, not for all.
#[test]
fn a_source_for_a_group_that_is_empty_is_for_nobody() {
    let nobody = Source { groups: texts(&["empty"]), ..Source::default() };
    assert!(!lets_in(&settings(vec![nobody]), &identity("joe", Method::Ticket), &entrance(None, "x")));
}

/// A name that was drawn, and not proven, is nobody's.
#[test]
fn whoever_has_not_proven_a_name_is_judged_by_the_sources_for_all() {
    let named = Source { users: texts(&["ann"]), ..Source::default() };
    let settings = settings(vec![named]);
    assert!(lets_in(&settings, &identity("ann", Method::Ticket), &entrance(None, "x")));
    assert!(!lets_in(&settings, &identity("ann", Method::Anonymous), &entrance(None, "x")));
}

#[test]
fn a_token_is_one_by_whatever_method_it_was_given() {
    let tokens = |methods: &[Method]| settings(vec![Source { methods: methods.to_vec(), ..Source::default() }]);
    let token = Identity { authprovider: "jwt".into(), ..identity("ann", Method::Ticket) };
    assert!(lets_in(&tokens(&[Method::Jwt]), &token, &entrance(None, "x")));
    assert!(!lets_in(&tokens(&[Method::Ticket]), &token, &entrance(None, "x")));
}
