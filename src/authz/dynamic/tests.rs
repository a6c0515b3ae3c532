//! What is asked, what answers mean, and for whom they are remembered.

use super::*;
use crate::wamp::payload::Values;
use proptest::prelude::*;
use std::time::Instant;

fn authorizer(cache: Option<u64>, cache_scope: Scope) -> Authorizer {
    Authorizer {
        procedure: Uri::from("com.app.authorize"),
        cache: cache.map(Duration::from_secs),
        cache_scope,
        timeout: Duration::from_secs(5),
        on_failure: OnFailure::Deny,
        source: "wharf.toml:1".into(),
    }
}

fn petitioner(session: u64, authid: &'static str, authrole: &'static str) -> Petitioner<'static> {
    Petitioner {
        session: SessionId::new(session).unwrap(),
        authid,
        authrole,
        authmethod: "ticket",
        authprovider: "static",
    }
}

fn petition(action: Action, uri: &str, match_policy: MatchPolicy) -> Petition {
    Petition { action, uri: Uri::from(uri), match_policy }
}

fn dict(entries: &[(&str, Value)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn judged(value: Value) -> Result<Ruling, Misjudged> {
    let values = Values { args: vec![value], kwargs: Dict::new() };
    authorizer(None, Scope::Session).judge(&Outcome::Result(Box::new(values)))
}

/// Section 6.2 of the page on Crossbar.
#[test]
fn the_arguments_are_the_session_the_uri_the_action_and_the_options() {
    let options = vec![("match".to_owned(), "prefix".into())];
    let what = petition(Action::Subscribe, "com.a.", MatchPolicy::Prefix);
    let transport = vec![("type".to_owned(), "websocket".into())];
    let args = args(petitioner(7, "ann", "user"), Dict::new(), transport, &what, options);
    let [session, uri, action, options] = &args[..] else { panic!("{args:?}") };
    assert_eq!((uri.as_text(), action.as_text()), (Some("com.a."), Some("subscribe")));
    assert_eq!(options, &dict(&[("match", "prefix".into())]));
    let expected = dict(&[
        ("session", 7_u64.into()),
        ("authid", "ann".into()),
        ("authrole", "user".into()),
        ("authmethod", "ticket".into()),
        ("authprovider", "static".into()),
        ("authextra", dict(&[])),
        ("transport", dict(&[("type", "websocket".into())])),
    ]);
    assert_eq!(session, &expected);
}

#[test]
fn an_answer_is_a_boolean_or_a_dict_of_known_keys() {
    for (value, allow, disclose, cache) in [
        (true.into(), true, false, None),
        (false.into(), false, false, None),
        (dict(&[("allow", true.into())]), true, false, None),
        (
            dict(&[("allow", false.into()), ("disclose", true.into()), ("cache", true.into())]),
            false,
            true,
            Some(Scope::Session),
        ),
        (dict(&[("cache", false.into()), ("allow", true.into()), ("validate", dict(&[]))]), true, false, None),
        (dict(&[("allow", true.into()), ("cache", "authid".into())]), true, false, Some(Scope::Authid)),
        (dict(&[("allow", true.into()), ("cache", "role".into())]), true, false, Some(Scope::Role)),
    ] {
        assert_eq!(judged(value.clone()), Ok(Ruling { allow, disclose, cache }), "{value:?}");
    }
}

/// Z7: nonsense of each wrong type, with what was expected and what came.
#[test]
fn nonsense_is_no_answer_and_lets_nothing_pass() {
    let values = [
        Value::Null,
        1_u64.into(),
        Value::Negative(-1),
        Value::Float(1.0),
        "yes".into(),
        Value::Bytes(vec![1]),
        Value::List(vec![true.into()]),
    ];
    for value in values.iter().cloned().chain([
        dict(&[]),
        dict(&[("disclose", true.into())]),
        dict(&[("allow", true.into()), ("alow\n", true.into())]),
        dict(&[("allow", true.into()), ("cache", "session".into())]),
        dict(&[("allow", true.into()), ("cache", "everybody".into())]),
        dict(&[("allow", true.into()), ("validate", true.into())]),
    ]) {
        let fault = judged(value.clone()).unwrap_err().to_string();
        assert!(fault.starts_with("expected ") && fault.contains(", got ") && !fault.contains('\n'), "{fault}");
    }
    for key in ["allow", "disclose", "cache"] {
        for value in values.iter().filter(|value| key != "cache" || value.as_text() != Some("authid")) {
            assert!(judged(dict(&[("allow", true.into()), (key, value.clone())])).is_err(), "{key} {value:?}");
        }
    }
    let asked = authorizer(None, Scope::Session);
    let none = || Values { args: Vec::new(), kwargs: vec![("allow".to_owned(), true.into())] };
    for outcome in [
        Outcome::Result(Box::default()),
        Outcome::Result(Box::new(none())),
        Outcome::Result(Box::new(Values { args: vec![true.into(); 2], kwargs: Dict::new() })),
        Outcome::Error(Uri::from("wamp.error.runtime_error")),
        Outcome::Error(Uri::from("wamp.error.no_such_procedure")),
        Outcome::Error(Uri::from("com.app.whatever")),
        Outcome::TooLarge(100_000),
        Outcome::Late,
        Outcome::Away("nobody"),
    ] {
        assert!(asked.judge(&outcome).is_err(), "{outcome:?}");
    }
    for refusal in ["wamp.error.not_authorized", "wamp.error.authorization_denied"] {
        assert_eq!(asked.judge(&Outcome::Error(Uri::from(refusal))), Ok(Ruling::NO));
    }
}

/// Section 6.2 of the configuration: cached only if both say so, and never wider than `cache_scope`.
#[test]
fn an_answer_is_remembered_only_where_the_settings_and_the_answer_want_it_and_never_wider() {
    let now = Instant::now();
    let what = petition(Action::Call, "com.a", MatchPolicy::Exact);
    let wishes = [None, Some(Scope::Session), Some(Scope::Authid), Some(Scope::Role)];
    for cache in [None, Some(60)] {
        for widest in [Scope::Session, Scope::Authid, Scope::Role] {
            for wish in wishes {
                let (authorizer, mut verdicts) = (authorizer(cache, widest), Verdicts::default());
                let ruling = Ruling { allow: true, disclose: false, cache: wish };
                verdicts.keep(&authorizer, petitioner(1, "ann", "user"), &what, ruling, now);
                for (session, authid, role, nearest) in [
                    (1, "ann", "user", Scope::Session),
                    (2, "ann", "user", Scope::Authid),
                    (3, "bob", "user", Scope::Role),
                ] {
                    let shared = cache.is_some() && wish.is_some_and(|wish| wish.min(widest) >= nearest);
                    let found = verdicts.find(&authorizer, petitioner(session, authid, role), &what, now);
                    assert_eq!(found.is_some(), shared, "{cache:?} {widest:?} {wish:?} {session}");
                }
                for (session, authid, role) in [(4, "ann", "admin"), (5, "bob", "admin")] {
                    let other = petitioner(session, authid, role);
                    assert_eq!(verdicts.find(&authorizer, other, &what, now), None, "another role");
                }
            }
        }
    }
}

#[test]
fn what_is_remembered_differs_by_action_uri_and_match_and_ends() {
    let now = Instant::now();
    let (authorizer, mut verdicts) = (authorizer(Some(60), Scope::Role), Verdicts::default());
    let ruling = Ruling { allow: true, disclose: true, cache: Some(Scope::Session) };
    let who = petitioner(1, "ann", "user");
    let what = petition(Action::Subscribe, "com.a", MatchPolicy::Exact);
    verdicts.keep(&authorizer, who, &what, ruling, now);
    assert_eq!(verdicts.find(&authorizer, who, &what, now), Some(ruling));
    for other in [
        petition(Action::Call, "com.a", MatchPolicy::Exact),
        petition(Action::Subscribe, "com.b", MatchPolicy::Exact),
        petition(Action::Subscribe, "com.a", MatchPolicy::Prefix),
    ] {
        assert_eq!(verdicts.find(&authorizer, who, &other, now), None, "{other:?}");
    }
    let second = Duration::from_secs(1);
    assert!(verdicts.find(&authorizer, who, &what, now + 59 * second).is_some());
    assert_eq!(verdicts.find(&authorizer, who, &what, now + 60 * second), None);
    // What was said later holds, for its own time.
    verdicts.keep(&authorizer, who, &what, Ruling { allow: false, ..ruling }, now + 30 * second);
    assert!(!verdicts.find(&authorizer, who, &what, now + 80 * second).unwrap().allow);
    assert_eq!(verdicts.len(), 1);
}

#[test]
fn a_session_that_ends_takes_its_own_along_and_a_purge_takes_all() {
    let now = Instant::now();
    let (authorizer, mut verdicts) = (authorizer(Some(60), Scope::Role), Verdicts::default());
    for session in 1..=3 {
        for (uri, cache) in [("com.a", Scope::Session), ("com.b", Scope::Session), ("com.c", Scope::Role)] {
            let ruling = Ruling { allow: true, disclose: false, cache: Some(cache) };
            let what = petition(Action::Publish, uri, MatchPolicy::Exact);
            verdicts.keep(&authorizer, petitioner(session, "ann", "user"), &what, ruling, now);
        }
    }
    assert_eq!(verdicts.len(), 7);
    verdicts.forget(SessionId::new(2).unwrap());
    assert_eq!(verdicts.len(), 5);
    let what = petition(Action::Publish, "com.a", MatchPolicy::Exact);
    let found = |verdicts: &Verdicts, session| {
        verdicts.find(&authorizer, petitioner(session, "ann", "user"), &what, now).is_some()
    };
    assert_eq!([1, 2, 3].map(|session| found(&verdicts, session)), [true, false, true]);
    verdicts.purge();
    assert!(verdicts.is_empty() && !found(&verdicts, 1));
}

#[test]
fn what_is_remembered_is_bounded_and_the_oldest_makes_room() {
    let now = Instant::now();
    let (authorizer, mut verdicts) = (authorizer(Some(60), Scope::Session), Verdicts::default());
    let ruling = Ruling { allow: true, disclose: false, cache: Some(Scope::Session) };
    let who = petitioner(1, "ann", "user");
    let what = |number: u64| petition(Action::Call, &format!("com.a{number}"), MatchPolicy::Exact);
    for number in 0..10_100 {
        verdicts.keep(&authorizer, who, &what(number), ruling, now + Duration::from_millis(number));
    }
    assert_eq!(verdicts.len(), 10_000);
    let found = |number| verdicts.find(&authorizer, who, &what(number), now + Duration::from_secs(11)).is_some();
    assert_eq!([0, 99, 100, 10_099].map(found), [false, false, true, true]);
    let long = petition(Action::Call, &"x".repeat(2000), MatchPolicy::Exact);
    verdicts.keep(&authorizer, who, &long, ruling, now);
    assert_eq!(verdicts.find(&authorizer, who, &long, now), None);
}

proptest! {
    /// The two indexes agree, whatever happens in whatever order.
    #[test]
    fn what_is_remembered_is_found_as_a_plain_list_finds_it(
        steps in proptest::collection::vec((0_u64..4, 0_u64..3, 0_u64..3, 0_u64..4, 0_u64..100, any::<bool>()), 1..200)
    ) {
        let start = Instant::now();
        let (authorizer, mut verdicts) = (authorizer(Some(20), Scope::Role), Verdicts::default());
        let names = ["ann", "bob", "eve"];
        let mut list: Vec<(Scope, u64, u64, u64, Instant, bool)> = Vec::new();
        let mut now = start;
        for (kind, session, uri, scope, wait, allow) in steps {
            now += Duration::from_millis(wait * 20);
            let name = names[session as usize];
            let who = petitioner(session + 1, name, "user");
            let what = petition(Action::Call, &format!("com.a{uri}"), MatchPolicy::Exact);
            match kind {
                0 | 1 => {
                    let cache = [None, Some(Scope::Session), Some(Scope::Authid), Some(Scope::Role)][scope as usize];
                    verdicts.keep(&authorizer, who, &what, Ruling { allow, disclose: false, cache }, now);
                    if let Some(scope) = cache {
                        let owner = if scope == Scope::Role { 0 } else { session };
                        list.retain(|entry| (entry.0, entry.1, entry.2) != (scope, owner, uri));
                        list.push((scope, owner, uri, 0, now + Duration::from_secs(20), allow));
                    }
                }
                2 => {
                    let expected = [Scope::Session, Scope::Authid, Scope::Role].into_iter().find_map(|scope| {
                        let owner = if scope == Scope::Role { 0 } else { session };
                        let same = |entry: &&(Scope, u64, u64, u64, Instant, bool)| {
                            (entry.0, entry.1, entry.2) == (scope, owner, uri) && now < entry.4
                        };
                        list.iter().find(same).map(|entry| entry.5)
                    });
                    let found = verdicts.find(&authorizer, who, &what, now).map(|ruling| ruling.allow);
                    prop_assert_eq!(found, expected);
                }
                _ => {
                    verdicts.forget(SessionId::new(session + 1).unwrap());
                    list.retain(|entry| (entry.0, entry.1) != (Scope::Session, session));
                }
            }
        }
    }
}
