//! Quotas: X1 to X4 of the limits.

use crate::test_realm::{args, kwargs, member, Seen, TestRealm, ALL_FEATURES, EXACT, WILDCARD};
use std::time::Duration;
use wharf::routing::{Effects, MetaCalls, RealmLimits, Refusal, SessionKey};
use wharf::wamp::options::RegisterOptions;
use wharf::wamp::{Dict, InvocationPolicy, Value};

fn exceeded(limit: &str, max: u64) -> (String, Dict) {
    let kwargs = vec![("limit".to_owned(), Value::from(limit)), ("max".to_owned(), Value::Unsigned(max))];
    ("wharf.error.limit_exceeded".to_owned(), kwargs)
}

fn refusal(seen: &Seen, session: SessionKey) -> (String, Dict) {
    let error = seen.error_to(session);
    (error.error.to_string(), kwargs(&error.payload))
}

/// X1: one beyond, then one removed, one added.
#[test]
fn a_session_has_so_many_subscriptions_and_no_more() {
    let mut realm = TestRealm::with(RealmLimits { subscriptions_per_session_max: 2, ..RealmLimits::default() });
    let (session, other) = (realm.join(), realm.join());
    let first = realm.subscribe(session, "a", EXACT);
    realm.subscribe(session, "b", EXACT);
    let seen = realm.subscribing(session, "c", EXACT);
    assert_eq!(refusal(&seen, session), exceeded("max_subscriptions_per_session", 2));
    assert_eq!(realm.subscribe(session, "a", EXACT), first, "a repeated one takes no place");
    realm.subscribe(other, "c", EXACT);
    realm.unsubscribe(session, first);
    realm.subscribe(session, "c", EXACT);
}

/// X1.
#[test]
fn a_session_has_so_many_registrations_and_no_more() {
    let mut realm = TestRealm::with(RealmLimits { registrations_per_session_max: 1, ..RealmLimits::default() });
    let session = realm.join();
    let first = realm.register(session, "a");
    let seen = realm.registering(session, "b", RegisterOptions::default());
    assert_eq!(refusal(&seen, session), exceeded("max_registrations_per_session", 1));
    realm.unregister(session, first);
    realm.register(session, "b");
}

/// X1.
#[test]
fn a_caller_waits_for_so_many_calls_and_no_more() {
    let mut realm = TestRealm::with(RealmLimits { pending_calls_per_session_max: 2, ..RealmLimits::default() });
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    realm.invoke(caller, "a.b");
    let seen = realm.call(caller, "a.b");
    assert_eq!(refusal(&seen, caller), exceeded("max_pending_calls_per_session", 2));
    realm.yields(callee, 1);
    realm.invoke(caller, "a.b");
}

/// X2.
#[test]
fn a_callee_serves_so_many_calls_and_then_the_next_callee_is_asked() {
    let mut realm = TestRealm::with(RealmLimits { open_invocations_per_session_max: 1, ..RealmLimits::default() });
    let [caller, one, other] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, other] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    assert_eq!(realm.invoke(caller, "a.b").0, one);
    assert_eq!(realm.invoke(caller, "a.b").0, other);
    assert_eq!(realm.call(caller, "a.b").refused(caller).1, "wamp.error.no_available_callee");
    realm.yields(one, 1);
    assert_eq!(realm.invoke(caller, "a.b").0, one);
}

/// X3.
#[test]
fn a_realm_has_so_many_sessions_and_no_more() {
    let mut realm = TestRealm::with(RealmLimits { sessions_max: 1, ..RealmLimits::default() });
    let session = realm.join();
    let (now, late) = (realm.now, member(5, "bob", "user", ALL_FEATURES));
    let refused = realm.realm.join(now, late.clone(), &mut Effects::new());
    assert_eq!(refused, Err(Refusal::LimitExceeded { limit: "max_sessions", max: 1 }));
    let abort = refused.unwrap_err().to_abort();
    assert_eq!((abort.reason.to_string(), kwargs(&abort.payload)), exceeded("max_sessions", 1));
    realm.leave(session);
    realm.joining(late);
}

/// P9: an id that is in use is never given twice.
#[test]
fn a_session_id_in_use_is_refused() {
    let mut realm = TestRealm::new();
    let (now, member) = (realm.now, realm.member("bob", "user", ALL_FEATURES));
    realm.joining(member.clone());
    assert_eq!(realm.realm.join(now, member, &mut Effects::new()), Err(Refusal::SessionIdInUse));
}

/// X3.
#[test]
fn a_realm_has_so_many_subscriptions_and_registrations_and_no_more() {
    let limits = RealmLimits { subscriptions_max: 2, registrations_max: 2, ..RealmLimits::default() };
    let mut realm = TestRealm::with(limits);
    let [one, two, three] = [realm.join(), realm.join(), realm.join()];
    let shared = RegisterOptions { invoke: InvocationPolicy::First, ..RegisterOptions::default() };
    for session in [one, two] {
        realm.subscribe(session, "a", EXACT);
        realm.register_with(session, "a", shared);
    }
    assert_eq!(refusal(&realm.subscribing(three, "a", EXACT), three), exceeded("max_subscriptions", 2));
    assert_eq!(refusal(&realm.registering(three, "a", shared), three), exceeded("max_registrations", 2));
    realm.leave(one);
    realm.subscribe(three, "a", EXACT);
    realm.register_with(three, "a", shared);
}

/// X4.
#[test]
fn meta_calls_have_a_rate_and_a_burst_per_session() {
    let meta_calls = MetaCalls { per_second: 50, burst: 3 };
    let mut realm = TestRealm::with(RealmLimits { meta_calls, ..RealmLimits::default() });
    let (session, other) = (realm.join(), realm.join());
    let count = |realm: &mut TestRealm, from| realm.meta(from, "wamp.session.count", vec![], vec![]);
    for _ in 0..3 {
        count(&mut realm, session).result_to(session);
    }
    let seen = count(&mut realm, session);
    assert_eq!(refusal(&seen, session), exceeded("meta_calls", 50));
    count(&mut realm, other).result_to(other);
    realm.pass(Duration::from_millis(20));
    count(&mut realm, session).result_to(session);
    assert_eq!(refusal(&count(&mut realm, session), session).0, "wharf.error.limit_exceeded");
    realm.pass(Duration::from_secs(9));
    for _ in 0..3 {
        count(&mut realm, session).result_to(session);
    }
    count(&mut realm, session).error_to(session);
}

/// X4: a list is never cut silently.
#[test]
fn a_list_beyond_the_limit_is_asked_for_in_pages() {
    let mut realm = TestRealm::with(RealmLimits { meta_list_max: 3, ..RealmLimits::default() });
    let sessions: Vec<_> = (0..5).map(|_| realm.join()).collect();
    let ids: Vec<Value> = sessions.iter().map(|session| Value::Unsigned(realm.id(*session))).collect();
    let caller = sessions[0];
    let seen = realm.meta(caller, "wamp.session.list", vec![], vec![]);
    assert_eq!(refusal(&seen, caller), exceeded("meta_list", 3));

    let mut listed = Vec::new();
    let mut page = vec![("limit".to_owned(), Value::Unsigned(2))];
    loop {
        let result = realm.meta(caller, "wamp.session.list", vec![], page.clone()).result_to(caller);
        let [Value::List(ids)] = &args(&result.payload)[..] else { panic!("{result:?}") };
        listed.push(ids.clone());
        let Some((key, next)) = kwargs(&result.payload).pop() else { break };
        assert_eq!(key, "next");
        page = vec![("limit".to_owned(), Value::Unsigned(2)), ("after".to_owned(), next)];
    }
    assert_eq!(listed, [&ids[..2], &ids[2..4], &ids[4..]]);
}

/// X3, P5: patterns that all fit one topic, of the kind that branches a trie most, are all found.
#[test]
fn thousands_of_overlapping_wildcards_are_all_found() {
    let mut realm = TestRealm::unchecked();
    let (publisher, subscriber) = (realm.join(), realm.join());
    for nth in 0..10_000_u64 {
        let components = (0..32).map(|bit| if (nth * 0x9E37_79B9) >> bit & 1 == 0 { "" } else { "x" });
        realm.subscribe(subscriber, &components.collect::<Vec<_>>().join("."), WILDCARD);
    }
    let events = realm.publish(publisher, &["x"; 32].join(".")).events();
    assert_eq!(events.len(), realm.realm.counters().subscriptions);
}
