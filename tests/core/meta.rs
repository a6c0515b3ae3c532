//! The session meta API: section 10.2 of the reference.

use crate::test_realm::{args, kwargs, member, TestRealm, ALL_FEATURES, EXACT, PREFIX, WILDCARD};
use wharf::routing::{CloseReason, Overflow, Realm, RealmLimits, SessionKey};
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::payload::Values;
use wharf::wamp::{Dict, Message, Payload, Value};

fn text(text: &str) -> Value {
    Value::from(text)
}

fn list(texts: &[&str]) -> Value {
    Value::List(texts.iter().map(|text| Value::from(*text)).collect())
}

fn kw(entries: &[(&str, &str)]) -> Dict {
    entries.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

/// The positional result of a meta procedure.
fn ask(realm: &mut TestRealm, from: SessionKey, procedure: &str, arguments: Vec<Value>) -> Vec<Value> {
    args(&realm.meta(from, procedure, arguments, vec![]).result_to(from).payload)
}

fn refused(realm: &mut TestRealm, from: SessionKey, procedure: &str, arguments: Vec<Value>, kwargs: Dict) -> String {
    realm.meta(from, procedure, arguments, kwargs).refused(from).1
}

fn killed(reason: &str, message: Option<&str>) -> CloseReason {
    CloseReason::Killed { reason: reason.into(), message: message.map(str::to_owned) }
}

/// Section 3 of the limits: the session's own counter.
#[test]
fn a_session_that_lost_events_has_their_number_in_its_details() {
    let mut realm = TestRealm::new();
    let (slow, watcher) = (realm.join(), realm.join());
    realm.subscribe(watcher, "wharf.session.on_overflow", EXACT);
    let slow_id = realm.id(slow);
    let dropped_of = |realm: &mut TestRealm| {
        let details = ask(realm, watcher, "wamp.session.get", vec![Value::Unsigned(slow_id)]);
        details[0].get("wharf_dropped").cloned()
    };
    assert_eq!(dropped_of(&mut realm), None);
    let overflow =
        Overflow { policy: "drop_oldest", dropped: 3, queued_messages: 10, queued_bytes: 900, closed: false };
    for dropped in [3, 5] {
        let seen = realm.overflows(slow, Overflow { dropped, ..overflow });
        assert_eq!(args(&seen.events()[0].payload)[0].get("dropped"), Some(&Value::Unsigned(dropped)));
        assert_eq!(dropped_of(&mut realm), Some(Value::Unsigned(dropped)));
    }
    // Who gets the slot of a session that is gone starts from nothing.
    realm.leave(slow);
    assert!(realm.overflows(slow, overflow).is_silent());
    let next = realm.join();
    let next_id = realm.id(next);
    let details = ask(&mut realm, watcher, "wamp.session.get", vec![Value::Unsigned(next_id)]);
    assert_eq!(details[0].get("wharf_dropped"), None);
}

/// R82.
#[test]
fn on_join_tells_session_and_identity() {
    let mut realm = TestRealm::new();
    let watcher = realm.join();
    realm.subscribe(watcher, "wamp.session.on_join", EXACT);
    let member = realm.member("ann", "staff", ALL_FEATURES);
    let (joined, seen) = realm.joining(member);
    assert_eq!(seen.receivers(), [[watcher]]);
    let event = &seen.events()[0];
    let expected =
        kw(&[("authid", "ann"), ("authrole", "staff"), ("authmethod", "ticket"), ("authprovider", "static")]);
    let mut details = vec![("session".to_owned(), Value::Unsigned(realm.id(joined)))];
    details.extend(expected);
    assert_eq!(args(&event.payload), [Value::Dict(details)]);
    assert_eq!(event.details.publisher, None);
}

/// R82: `transport` is optional.
#[test]
fn on_join_tells_the_transport_if_there_is_something_to_tell() {
    let mut realm = TestRealm::new();
    let watcher = realm.join();
    realm.subscribe(watcher, "wamp.session.on_join", EXACT);
    let mut member = realm.member("ann", "staff", ALL_FEATURES);
    member.transport = kw(&[("type", "websocket")]);
    let event = realm.joining(member).1.events().remove(0);
    assert_eq!(args(&event.payload)[0].get("transport"), Some(&Value::Dict(kw(&[("type", "websocket")]))));
}

/// R83, D19.
#[test]
fn on_leave_tells_three_values_whatever_ended_the_session() {
    for way in 0..3 {
        let mut realm = TestRealm::new();
        let watcher = realm.join();
        let leaver = realm.join_as("ann", "staff");
        let id = realm.id(leaver);
        realm.subscribe(watcher, "wamp.session.on_leave", EXACT);
        let seen = match way {
            0 => realm.leave(leaver),
            1 => realm.yields(leaver, 1),
            _ => realm.meta(watcher, "wamp.session.kill", vec![Value::Unsigned(id)], vec![]),
        };
        assert_eq!(args(&seen.events()[0].payload), [Value::Unsigned(id), text("ann"), text("staff")]);
    }
}

/// D51: a pattern that was allowed for other topics does not show the router's.
#[test]
fn meta_events_reach_patterns_only_if_these_lie_under_the_reserved_prefix() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let blind = [("", PREFIX), ("wam", PREFIX), ("..on_join", WILDCARD), (".session.on_join", WILDCARD)];
    let seeing = [("wamp.", PREFIX), ("wamp.session.", WILDCARD), ("wamp", PREFIX), ("wamp..on_join", WILDCARD)];
    for (topic, policy) in blind.into_iter().chain(seeing) {
        realm.subscribe(session, topic, policy);
    }
    let member = realm.member("ann", "staff", ALL_FEATURES);
    let events = realm.joining(member).1.events();
    assert_eq!(events.len(), seeing.len());
    assert!(events.iter().all(|event| event.details.topic.as_deref() == Some("wamp.session.on_join")));
}

/// R84.
#[test]
fn count_and_list_tell_all_sessions_or_those_of_some_roles() {
    let mut realm = TestRealm::new();
    let [ann, bob, eve] =
        [("ann", "staff"), ("bob", "guest"), ("eve", "staff")].map(|(id, role)| realm.join_as(id, role));
    let ids = [ann, bob, eve].map(|session| Value::Unsigned(realm.id(session)));
    let [a, b, e] = ids;
    let rows = [
        (vec![], vec![a.clone(), b.clone(), e.clone()]),
        (vec![Value::Null], vec![a.clone(), b.clone(), e.clone()]),
        (vec![list(&["staff"])], vec![a.clone(), e.clone()]),
        (vec![list(&["guest", "staff"])], vec![a, b, e]),
        (vec![list(&["nobody"])], vec![]),
        (vec![list(&[])], vec![]),
    ];
    for (arguments, expected) in rows {
        let number = Value::Unsigned(expected.len() as u64);
        assert_eq!(ask(&mut realm, ann, "wamp.session.count", arguments.clone()), [number]);
        assert_eq!(ask(&mut realm, ann, "wamp.session.list", arguments), [Value::List(expected)]);
    }
}

/// R85.
#[test]
fn get_tells_the_details_of_a_session() {
    let mut realm = TestRealm::new();
    let (asker, ann) = (realm.join(), realm.join_as("ann", "staff"));
    let id = realm.id(ann);
    let details = ask(&mut realm, asker, "wamp.session.get", vec![Value::Unsigned(id)]);
    assert_eq!(details[0].get("session"), Some(&Value::Unsigned(id)));
    assert_eq!(details[0].get("authrole"), Some(&text("staff")));
    for unknown in [id + 500, 0, u64::MAX] {
        let error = refused(&mut realm, asker, "wamp.session.get", vec![Value::Unsigned(unknown)], vec![]);
        assert_eq!(error, "wamp.error.no_such_session");
    }
}

/// R86, D17.
#[test]
fn kill_closes_the_session_with_reason_and_message() {
    let rows = [
        (vec![], killed("wamp.close.killed", None)),
        (kw(&[("reason", "com.app.banned")]), killed("com.app.banned", None)),
        (kw(&[("reason", "com.app.banned"), ("message", "go")]), killed("com.app.banned", Some("go"))),
    ];
    for (kwargs, reason) in rows {
        let mut realm = TestRealm::new();
        let (killer, victim) = (realm.join(), realm.join());
        realm.register(victim, "a.b");
        let id = Value::Unsigned(realm.id(victim));
        let seen = realm.meta(killer, "wamp.session.kill", vec![id], kwargs);
        assert_eq!(seen.closed(), [(victim, reason)]);
        assert_eq!(seen.result_to(killer).payload, Payload::Empty);
        assert!(seen.messages_to(victim).is_empty());
        assert_eq!(realm.call(killer, "a.b").refused(killer).1, "wamp.error.no_such_procedure");
    }
}

/// R87.
#[test]
fn killing_oneself_or_an_unknown_session_is_no_such_session() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    for id in [realm.id(session), 77] {
        let error = refused(&mut realm, session, "wamp.session.kill", vec![Value::Unsigned(id)], vec![]);
        assert_eq!(error, "wamp.error.no_such_session");
    }
}

/// R85, R87: whoever has left is unknown, whatever its place is used for; its id is free.
#[test]
fn a_session_that_is_gone_is_no_such_session() {
    let mut realm = TestRealm::new();
    let (session, gone) = (realm.join(), realm.join());
    let id = realm.id(gone);
    realm.leave(gone);
    realm.join();
    for procedure in ["wamp.session.get", "wamp.session.kill"] {
        let error = refused(&mut realm, session, procedure, vec![Value::Unsigned(id)], vec![]);
        assert_eq!(error, "wamp.error.no_such_session");
    }
    let (again, _) = realm.joining(member(id, "ann", "user", ALL_FEATURES));
    assert_eq!(realm.id(again), id);
}

/// R88.
#[test]
fn kill_with_a_reason_that_is_no_uri_is_invalid_uri() {
    for reason in ["not a uri", "", "a..b", "a#b"] {
        let mut realm = TestRealm::new();
        let (killer, victim) = (realm.join_as("eve", "admin"), realm.join());
        let id = Value::Unsigned(realm.id(victim));
        let calls = [
            ("wamp.session.kill", vec![id]),
            ("wamp.session.kill_by_authid", vec![text("alice")]),
            ("wamp.session.kill_by_authrole", vec![text("user")]),
            ("wamp.session.kill_all", vec![]),
        ];
        for (procedure, arguments) in calls {
            let error = refused(&mut realm, killer, procedure, arguments, kw(&[("reason", reason)]));
            assert_eq!(error, "wamp.error.invalid_uri", "{procedure} {reason:?}");
        }
        assert_eq!(realm.realm.len(), 2);
    }
}

/// R89.
#[test]
fn kill_by_authid_gives_the_ids_and_spares_the_caller() {
    let mut realm = TestRealm::new();
    let [killer, one, other, two] = ["ann", "ann", "bob", "ann"].map(|authid| realm.join_as(authid, "user"));
    let ids = [one, two].map(|session| Value::Unsigned(realm.id(session)));
    let seen = realm.meta(killer, "wamp.session.kill_by_authid", vec![text("ann")], kw(&[("message", "go")]));
    let reason = killed("wamp.close.killed", Some("go"));
    assert_eq!(seen.closed(), [(one, reason.clone()), (two, reason)]);
    assert_eq!(args(&seen.result_to(killer).payload), [Value::List(ids.to_vec())]);
    assert!(realm.realm.member(other).is_some() && realm.realm.member(killer).is_some());
}

/// R90, D18.
#[test]
fn kill_by_authrole_gives_the_count_and_spares_the_caller() {
    let mut realm = TestRealm::new();
    let [killer, one, _, two] = ["staff", "staff", "guest", "staff"].map(|authrole| realm.join_as("ann", authrole));
    let seen = realm.meta(killer, "wamp.session.kill_by_authrole", vec![text("staff")], vec![]);
    let reason = killed("wamp.close.killed", None);
    assert_eq!(seen.closed(), [(one, reason.clone()), (two, reason)]);
    assert_eq!(args(&seen.result_to(killer).payload), [Value::Unsigned(2)]);
    assert_eq!(realm.realm.len(), 2);
}

/// R91.
#[test]
fn kill_all_gives_the_count_spares_the_caller_and_is_followed_by_no_on_leave() {
    let mut realm = TestRealm::new();
    let killer = realm.join();
    realm.subscribe(killer, "wamp.session.on_leave", EXACT);
    let others = [realm.join(), realm.join(), realm.join()];
    let seen = realm.meta(killer, "wamp.session.kill_all", vec![], kw(&[("reason", "com.app.night")]));
    assert_eq!(seen.closed(), others.map(|session| (session, killed("com.app.night", None))));
    assert_eq!(seen.receivers().len(), 0);
    assert_eq!(args(&seen.result_to(killer).payload), [Value::Unsigned(3)]);
    assert_eq!(realm.realm.len(), 1);
}

/// D69.
#[test]
fn bad_arguments_of_meta_procedures_are_invalid_argument() {
    let rows: [(&str, Vec<Value>, Dict); 14] = [
        ("wamp.session.count", vec![text("staff")], vec![]),
        ("wamp.session.count", vec![Value::List(vec![Value::Unsigned(1)])], vec![]),
        ("wamp.session.list", vec![Value::Unsigned(1)], vec![]),
        ("wamp.session.list", vec![], kw(&[("limit", "2")])),
        ("wamp.session.list", vec![], vec![("limit".to_owned(), Value::Unsigned(0))]),
        ("wamp.session.list", vec![], vec![("after".to_owned(), Value::Unsigned(0))]),
        ("wamp.session.get", vec![], vec![]),
        ("wamp.session.get", vec![text("1")], vec![]),
        ("wamp.session.get", vec![Value::Negative(-1)], vec![]),
        ("wamp.session.kill", vec![], vec![]),
        ("wamp.session.kill", vec![Value::Unsigned(1001)], vec![("reason".to_owned(), Value::Unsigned(1))]),
        ("wamp.session.kill_by_authid", vec![Value::Unsigned(1)], vec![]),
        ("wamp.session.kill_by_authrole", vec![], vec![]),
        ("wamp.session.kill_all", vec![], vec![("message".to_owned(), Value::Bool(true))]),
    ];
    let mut realm = TestRealm::new();
    let session = realm.join();
    for (procedure, arguments, kwargs) in rows {
        let error = refused(&mut realm, session, procedure, arguments.clone(), kwargs);
        assert_eq!(error, "wamp.error.invalid_argument", "{procedure} {arguments:?}");
    }
}

/// P5, D51: reserved procedures are matched before, and never by, client registrations.
#[test]
fn client_patterns_never_serve_reserved_procedures() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let patterns =
        [("", PREFIX), ("w", PREFIX), ("wamp", PREFIX), ("..list", WILDCARD), ("..", WILDCARD), (".x", WILDCARD)];
    for (procedure, match_policy) in patterns {
        realm.register_with(session, procedure, RegisterOptions { match_policy, ..RegisterOptions::default() });
    }
    for procedure in ["wamp.x", "wharf.x", "wamp", "wamp.session.lists", "wharf.a.list"] {
        assert_eq!(refused(&mut realm, session, procedure, vec![], vec![]), "wamp.error.no_such_procedure");
    }
    assert_eq!(ask(&mut realm, session, "wamp.session.count", vec![]), [Value::Unsigned(1)]);
    assert_eq!(realm.invoke(session, "wampum.x").0, session);
}

/// R99, R107.
#[test]
fn meta_events_and_procedures_stay_in_their_realm() {
    let (mut one, mut other) = (TestRealm::new(), TestRealm::new());
    let (here, there) = (one.join(), other.join());
    other.join();
    one.subscribe(here, "wamp.session.on_join", EXACT);
    assert_eq!(ask(&mut one, here, "wamp.session.count", vec![]), [Value::Unsigned(1)]);
    let id = other.id(there) + 1;
    assert_eq!(
        refused(&mut one, here, "wamp.session.get", vec![Value::Unsigned(id)], vec![]),
        "wamp.error.no_such_session"
    );
}

/// Architecture, section 12, number 12: routing knows no serialization; it is told how to read one.
#[test]
fn received_arguments_are_read_by_the_reader_that_was_given() {
    let mut realm = TestRealm::new();
    let read = |_: &wharf::wamp::RawPayload| Some(Values { args: vec![Value::List(vec![])], kwargs: vec![] });
    let raw = crate::test_realm::raw("[[]]", 4, None);
    let session = realm.join();
    let calling = |realm: &mut TestRealm, session| {
        realm.calling(session, "wamp.session.count", CallOptions::default(), raw.clone()).only_message_to(session)
    };
    assert!(matches!(calling(&mut realm, session), Message::Error(_)));
    realm.realm = Realm::new(RealmLimits::default(), 1).with_payload_reader(read);
    let session = realm.join();
    assert!(
        matches!(calling(&mut realm, session), Message::Result(result) if args(&result.payload) == [Value::Unsigned(0)])
    );
}

/// Section 10.1: an answer is an ordinary RESULT; nothing stays under way.
#[test]
fn a_meta_call_is_answered_at_once() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let result = realm.meta(session, "wamp.session.list", vec![], vec![]).result_to(session);
    assert_eq!(result.request, realm.last_request(session));
    assert!(!result.details.progress && kwargs(&result.payload).is_empty());
    assert_eq!(realm.realm.counters().calls, 0);
}
