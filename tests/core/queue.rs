//! `concurrency` of a callee, and the queue of a registration whose callees are all at theirs (X2).

use crate::test_realm::{raw, Seen, TestRealm, ALL_FEATURES};
use std::time::Duration;
use wharf::routing::{RealmLimits, SessionKey};
use wharf::wamp::message::Call;
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{CancelMode, ErrorUri, InvocationPolicy, Message, Payload, RequestId, Value};

fn limited(invoke: InvocationPolicy, concurrency: u64) -> RegisterOptions {
    RegisterOptions { invoke, concurrency: Some(concurrency), ..RegisterOptions::default() }
}

fn single(realm: &mut TestRealm) -> (SessionKey, SessionKey) {
    let (caller, callee) = (realm.join(), realm.join());
    realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
    (caller, callee)
}

fn invocations(seen: &Seen, callee: SessionKey) -> Vec<u64> {
    let of = |message: Message| match message {
        Message::Invocation(invocation) => Some(invocation.request.get()),
        _ => None,
    };
    seen.messages_to(callee).into_iter().filter_map(of).collect()
}

/// X2: the next callee first, then the queue.
#[test]
fn a_callee_at_its_concurrency_is_passed_over_and_then_calls_wait_in_order() {
    let mut realm = TestRealm::new();
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, two] {
        realm.register_with(callee, "a.b", limited(InvocationPolicy::First, 1));
    }
    assert_eq!(realm.invoke(caller, "a.b").0, one);
    assert_eq!(realm.invoke(caller, "a.b").0, two);
    for _ in 0..2 {
        assert!(realm.call(caller, "a.b").is_silent());
    }
    let counters = realm.realm.counters();
    assert_eq!((counters.calls, counters.calls_queued), (4, 2));
    let seen = realm.yields(two, 1);
    assert_eq!(seen.messages_to(caller).len(), 1);
    assert_eq!(invocations(&seen, two), [2], "the call that came third");
    assert_eq!(realm.yields(two, 2).messages_to(caller).len(), 1);
    assert_eq!(realm.yields(two, 3).result_to(caller).request.get(), 4);
    assert_eq!(realm.yields(one, 1).result_to(caller).request.get(), 1);
    assert_eq!(realm.realm.counters().calls, 0);
}

/// X2: the bound is the callee's own, for that registration.
#[test]
fn a_concurrency_counts_the_calls_of_its_registration_only() {
    let mut realm = TestRealm::new();
    let (caller, callee) = single(&mut realm);
    realm.register(callee, "other");
    realm.invoke(caller, "other");
    realm.invoke(caller, "other");
    realm.invoke(caller, "a.b");
    assert!(realm.call(caller, "a.b").is_silent());
    assert!(invocations(&realm.yields(callee, 1), callee).is_empty());
}

/// A call that comes while others wait waits behind them.
#[test]
fn nobody_overtakes_those_who_wait() {
    let mut realm = TestRealm::new();
    let (caller, callee) = single(&mut realm);
    let other = realm.join();
    realm.invoke(caller, "a.b");
    for session in [other, caller, caller] {
        realm.call(session, "a.b");
    }
    let mut served = Vec::new();
    for id in 1..=4 {
        let seen = realm.yields(callee, id);
        served.extend([caller, other].into_iter().filter(|session| !seen.messages_to(*session).is_empty()));
    }
    assert_eq!(served, [caller, other, caller, caller]);
}

/// Also where the callees that are left would have none waiting.
#[test]
fn a_queue_goes_on_after_the_callee_that_made_it() {
    let mut realm = TestRealm::with(RealmLimits { open_invocations_per_session_max: 1, ..RealmLimits::default() });
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    let id = realm.register_with(one, "a.b", limited(InvocationPolicy::First, 1));
    realm.register_shared(two, "a.b", InvocationPolicy::First);
    realm.register(two, "other");
    realm.invoke(caller, "other");
    realm.invoke(caller, "a.b");
    assert!(realm.call(caller, "a.b").is_silent());
    realm.unregister(one, id);
    assert!(realm.call(caller, "a.b").is_silent(), "it waits behind the other");
    assert_eq!(invocations(&realm.yields(two, 1), two), [2], "whatever the call was that made room");
}

/// The callee's error ends a call as well as its result; so does a cancel and a timeout.
#[test]
fn whatever_ends_a_call_makes_room_for_the_next() {
    for how in ["error", "cancel", "timeout", "caller gone"] {
        let mut realm = TestRealm::new();
        let (caller, callee) = single(&mut realm);
        let other = realm.join();
        realm.invoke_with(caller, "a.b", CallOptions { timeout_ms: Some(10), ..CallOptions::default() });
        realm.call(other, "a.b");
        let request = realm.last_request(caller);
        let seen = match how {
            "error" => realm.errs(callee, 1, "com.app.no"),
            "cancel" => realm.cancel(caller, request, CancelMode::Skip),
            "timeout" => realm.pass(Duration::from_millis(10)),
            _ => realm.leave(caller),
        };
        assert_eq!(invocations(&seen, callee), [2], "{how}");
    }
}

/// X2, R79: a callee that does not keep its call has room, though nobody else had room for that call.
#[test]
fn a_callee_that_gives_a_call_back_takes_the_next_one() {
    for is_handed_over in [true, false] {
        let mut realm = TestRealm::new();
        let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
        for callee in [one, two] {
            realm.register_with(callee, "a.b", limited(InvocationPolicy::First, 1));
        }
        let (_, invocation) = realm.invoke(caller, "a.b");
        assert_eq!(realm.invoke(caller, "a.b").0, two);
        assert!(realm.call(caller, "a.b").is_silent());
        let seen = if is_handed_over {
            realm.errs(one, 1, "wamp.error.unavailable")
        } else {
            realm.gives_back(one, invocation, ErrorUri::NO_AVAILABLE_CALLEE)
        };
        assert_eq!(seen.refused(caller).1, "wamp.error.no_available_callee");
        assert_eq!(invocations(&seen, one), [2]);
    }
}

/// X2, D64: nobody is left to take them; the call under way finishes.
#[test]
fn calls_that_wait_are_canceled_when_the_registration_is_taken_from_its_callee() {
    for is_forced in [true, false] {
        let mut realm = TestRealm::new();
        let [caller, callee, other] = [realm.join(), realm.join(), realm.join()];
        let registration = realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
        realm.invoke(caller, "a.b");
        assert!(realm.call(caller, "a.b").is_silent());
        let seen = if is_forced {
            let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
            realm.registering(other, "a.b", options)
        } else {
            let arguments = vec![Value::Unsigned(registration.get()), Value::Unsigned(realm.id(callee))];
            realm.meta(other, "wamp.registration.remove_callee", arguments, vec![])
        };
        assert_eq!(seen.refused(caller).1, "wamp.error.canceled");
        assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
        assert_eq!(realm.realm.counters().calls, 0);
    }
}

/// CANCEL of a call that no callee knows.
#[test]
fn a_call_that_waits_is_canceled_without_interrupt() {
    for mode in CancelMode::ALL {
        let mut realm = TestRealm::new();
        let (caller, callee) = single(&mut realm);
        realm.invoke(caller, "a.b");
        realm.call(caller, "a.b");
        let request = realm.last_request(caller);
        let seen = realm.cancel(caller, request, *mode);
        assert_eq!(seen.refused(caller).1, "wamp.error.canceled");
        assert_eq!(seen.0.len(), 1);
        assert!(invocations(&realm.yields(callee, 1), callee).is_empty());
    }
}

/// R74: the time runs from the CALL, in the queue and after it.
#[test]
fn the_time_of_a_call_runs_while_it_waits() {
    let mut realm = TestRealm::new();
    let (caller, callee) = single(&mut realm);
    let other = realm.join();
    let timeout = || CallOptions { timeout_ms: Some(100), ..CallOptions::default() };
    realm.invoke(caller, "a.b");
    realm.call_with(caller, "a.b", timeout());
    realm.pass(Duration::from_millis(50));
    realm.call_with(other, "a.b", timeout());
    let seen = realm.pass(Duration::from_millis(50));
    assert_eq!(seen.refused(caller).1, "wamp.error.timeout");
    assert!(seen.messages_to(callee).is_empty());
    assert_eq!(invocations(&realm.yields(callee, 1), callee), [2]);
    assert!(realm.pass(Duration::from_millis(49)).is_silent());
    assert_eq!(realm.pass(Duration::from_millis(1)).refused(other).1, "wamp.error.timeout");
}

/// A caller that leaves takes its calls along.
#[test]
fn a_caller_that_leaves_takes_its_calls_out_of_the_queue() {
    let mut realm = TestRealm::new();
    let (caller, callee) = single(&mut realm);
    let other = realm.join();
    realm.invoke(caller, "a.b");
    realm.call(other, "a.b");
    assert!(realm.leave(other).is_silent());
    assert!(invocations(&realm.yields(callee, 1), callee).is_empty());
    assert_eq!(realm.realm.counters().calls, 0);
}

/// R67, for calls that wait: by the end of the session, and by UNREGISTER.
#[test]
fn calls_that_wait_are_canceled_when_all_callees_are_gone() {
    for leaves in [true, false] {
        let mut realm = TestRealm::new();
        let (caller, callee) = (realm.join(), realm.join());
        let other = realm.join();
        let id = realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
        realm.invoke(caller, "a.b");
        realm.call(other, "a.b");
        let seen = if leaves { realm.leave(callee) } else { realm.unregister(callee, id) };
        assert_eq!(seen.refused(other).1, "wamp.error.canceled");
        assert_eq!(seen.messages_to(caller).len(), usize::from(leaves), "a call under way goes on after UNREGISTER");
    }
}

/// A new callee takes what waits.
#[test]
fn a_callee_that_comes_takes_calls_that_wait() {
    let mut realm = TestRealm::new();
    let (caller, one) = (realm.join(), realm.join());
    realm.register_with(one, "a.b", limited(InvocationPolicy::Random, 1));
    realm.invoke(caller, "a.b");
    realm.call(caller, "a.b");
    let two = realm.join();
    let seen = realm.registering(two, "a.b", limited(InvocationPolicy::Random, 1));
    assert!(matches!(&seen.messages_to(two)[..], [Message::Registered(_), Message::Invocation(_)]), "R59: {seen:?}");
}

/// D64: calls of a former registration do not count for the new one of the same session.
#[test]
fn a_callee_that_registers_anew_starts_with_no_calls() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    let id = realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
    realm.invoke(caller, "a.b");
    realm.unregister(callee, id);
    realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
    realm.invoke(caller, "a.b");
    assert!(realm.call(caller, "a.b").is_silent());
    assert!(invocations(&realm.yields(callee, 1), callee).is_empty(), "that was the former registration's");
    assert_eq!(invocations(&realm.yields(callee, 2), callee), [3]);
}

/// X2: bounded in number.
#[test]
fn so_many_calls_wait_for_a_registration_and_no_more() {
    let limits = RealmLimits { queued_calls_per_registration_max: 2, ..RealmLimits::default() };
    let mut realm = TestRealm::with(limits);
    let (caller, callee) = single(&mut realm);
    realm.invoke(caller, "a.b");
    for _ in 0..2 {
        assert!(realm.call(caller, "a.b").is_silent());
    }
    assert_eq!(realm.call(caller, "a.b").refused(caller).1, "wamp.error.no_available_callee");
    realm.yields(callee, 1);
    assert!(realm.call(caller, "a.b").is_silent());
}

/// X2: bounded in octets.
#[test]
fn so_many_octets_wait_for_a_registration_and_no_more() {
    let mut realm = TestRealm::new();
    let (caller, _) = single(&mut realm);
    let big: &'static str = Box::leak(format!("[\"{}\"]", "x".repeat(3 << 20)).into_boxed_str());
    realm.invoke(caller, "a.b");
    let payload = || raw(big, big.len(), None);
    assert!(realm.calling(caller, "a.b", CallOptions::default(), payload()).is_silent());
    let seen = realm.calling(caller, "a.b", CallOptions::default(), payload());
    assert_eq!(seen.refused(caller).1, "wamp.error.no_available_callee");
    assert!(realm.call(caller, "a.b").is_silent());
}

/// X2: the parts of a progressive call that waits count; what there is no room for ends the call.
#[test]
fn a_progressive_call_whose_parts_there_is_no_room_for_ends() {
    let mut realm = TestRealm::new();
    let (caller, _) = single(&mut realm);
    let other = realm.join();
    let big: &'static str = Box::leak(format!("[\"{}\"]", "x".repeat(3 << 20)).into_boxed_str());
    realm.invoke(other, "a.b");
    let part = |realm: &mut TestRealm, progress| {
        let (request, options) = (RequestId::FIRST, CallOptions { progress, ..CallOptions::default() });
        realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: raw(big, big.len(), None) })
    };
    assert!(part(&mut realm, true).is_silent());
    assert_eq!(part(&mut realm, true).refused(caller).1, "wamp.error.no_available_callee");
    assert_eq!(realm.realm.counters().calls_queued, 0);
    assert!(part(&mut realm, false).is_silent(), "the last part is for nobody");
    part(&mut realm, false);
    assert_eq!(realm.realm.counters().calls_queued, 1, "a new call");
}

/// Limits, section 1: what waits in all queues of a realm is bounded too.
#[test]
fn so_many_octets_wait_in_a_realm_and_no_more() {
    let mut realm = TestRealm::unchecked();
    let (caller, callee) = (realm.join(), realm.join());
    let big: &'static str = Box::leak(format!("[\"{}\"]", "x".repeat(7 << 19)).into_boxed_str());
    let waits = |realm: &mut TestRealm, nth: usize| {
        let procedure = format!("a.b{nth}");
        realm.register_with(callee, &procedure, limited(InvocationPolicy::Single, 1));
        realm.invoke(caller, &procedure);
        let seen = realm.calling(caller, &procedure, CallOptions::default(), raw(big, big.len(), None));
        seen.is_silent()
    };
    // Of 3.5 MiB each, in 64 MiB.
    assert!((0..18).all(|nth| waits(&mut realm, nth)));
    assert!(!waits(&mut realm, 18));
    assert_eq!(realm.realm.counters().calls_queued, 18);
    assert_eq!(realm.realm.broken_invariant(), None);
}

/// X1 counts calls that wait.
#[test]
fn calls_that_wait_count_for_their_caller() {
    let limits = RealmLimits { pending_calls_per_session_max: 2, ..RealmLimits::default() };
    let mut realm = TestRealm::with(limits);
    let (caller, _) = single(&mut realm);
    realm.invoke(caller, "a.b");
    realm.call(caller, "a.b");
    assert_eq!(realm.call(caller, "a.b").refused(caller).1, "wharf.error.limit_exceeded");
}

/// R77: all parts of the input wait together.
#[test]
fn a_progressive_call_waits_with_all_its_parts() {
    let mut realm = TestRealm::new();
    let (caller, callee) = single(&mut realm);
    let other = realm.join();
    realm.invoke(other, "a.b");
    let part = |realm: &mut TestRealm, progress| {
        let (request, options) = (RequestId::FIRST, CallOptions { progress, ..CallOptions::default() });
        realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty })
    };
    assert!(part(&mut realm, true).is_silent());
    assert!(part(&mut realm, true).is_silent());
    let seen = realm.yields(callee, 1);
    assert_eq!(invocations(&seen, callee), [2, 2]);
    assert_eq!(invocations(&part(&mut realm, false), callee), [2]);
    realm.yields(callee, 2).result_to(caller);
}

/// R77, D74: what the caller still says of a call that ended while it waited is for nobody.
#[test]
fn a_progressive_call_that_ends_while_it_waits_discards_the_rest_of_its_input() {
    for (how, error) in [
        ("cancel", "wamp.error.canceled"),
        ("timeout", "wamp.error.timeout"),
        ("callee gone", "wamp.error.canceled"),
        ("its turn comes", "wamp.error.feature_not_supported"),
    ] {
        let mut realm = TestRealm::new();
        let lacking = CalleeFeatures { progressive_call_invocations: false, ..ALL_FEATURES };
        let [other, caller] = [realm.join(), realm.join()];
        let callee = realm.join_featured("bob", "user", lacking);
        realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 1));
        realm.invoke(other, "a.b");
        let part = |realm: &mut TestRealm, progress| {
            let options = CallOptions { progress, timeout_ms: Some(10), ..CallOptions::default() };
            let (request, procedure) = (RequestId::FIRST, "a.b".into());
            realm.handle(caller, Call { request, options, procedure, payload: Payload::Empty })
        };
        assert!(part(&mut realm, true).is_silent() && part(&mut realm, true).is_silent());
        let seen = match how {
            "cancel" => realm.cancel(caller, RequestId::FIRST, CancelMode::Skip),
            "timeout" => realm.pass(Duration::from_millis(10)),
            "callee gone" => realm.leave(callee),
            _ => realm.yields(callee, 1),
        };
        assert_eq!(seen.refused(caller).1, error);
        assert_eq!(realm.realm.counters().calls_queued, 0);
        for progress in [true, false] {
            assert!(part(&mut realm, progress).is_silent(), "{how}");
        }
        let is_heard = !part(&mut realm, false).is_silent() || realm.realm.counters().calls_queued == 1;
        assert!(is_heard, "{how}: after the last part the id is free");
    }
}

/// R25, section 5.1: an id of a call that waits is in use.
#[test]
fn the_id_of_a_call_that_waits_is_in_use() {
    let mut realm = TestRealm::new();
    let (caller, _) = single(&mut realm);
    realm.invoke(caller, "a.b");
    realm.call(caller, "a.b");
    let (request, options) = (realm.last_request(caller), CallOptions::default());
    let seen = realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty });
    assert!(seen.violation(caller).contains("call under way"));
    assert_eq!(realm.realm.counters().calls, 0, "what the session left is gone");
}

/// A wish for none at all is no wish.
#[test]
fn a_concurrency_of_0_is_no_limit() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register_with(callee, "a.b", limited(InvocationPolicy::Single, 0));
    realm.invoke(caller, "a.b");
    realm.invoke(caller, "a.b");
}

/// An extension of section 9.3.
#[test]
fn least_loaded_takes_the_callee_with_the_fewest_calls() {
    let mut realm = TestRealm::new();
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::LeastLoaded);
    }
    let order: Vec<_> = (0..3).map(|_| realm.invoke(caller, "a.b").0).collect();
    assert_eq!(order, [one, two, one]);
    realm.yields(one, 1);
    realm.yields(one, 2);
    assert_eq!(realm.invoke(caller, "a.b").0, one);
    assert_eq!(realm.invoke(caller, "a.b").0, one, "the oldest among equals");
}
