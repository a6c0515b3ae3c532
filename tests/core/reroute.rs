//! Calls that go on to another callee: section 9.3 of the reference, R79, D65, and INVOCATIONs that come back.

use crate::test_realm::{raw, Seen, TestRealm, ALL_FEATURES};
use std::time::Duration;
use wharf::routing::SessionKey;
use wharf::wamp::message::{Call, Invocation};
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{CancelMode, ErrorUri, InvocationPolicy, MatchPolicy, Message, Payload, RequestId};

const UNAVAILABLE: &str = "wamp.error.unavailable";
const EXHAUSTED: &str = "wamp.error.no_available_callee";

fn shared(invoke: InvocationPolicy) -> (TestRealm, SessionKey, [SessionKey; 3]) {
    let mut realm = TestRealm::new();
    let caller = realm.join();
    let callees = [realm.join(), realm.join(), realm.join()];
    for callee in callees {
        realm.register_shared(callee, "a.b", invoke);
    }
    (realm, caller, callees)
}

/// The one INVOCATION that a step caused.
fn invoked(seen: &Seen) -> (SessionKey, Invocation) {
    match &seen.0[..] {
        [wharf::routing::Effect::Send { to, message: Message::Invocation(invocation) }] => (*to, invocation.clone()),
        other => panic!("INVOCATION expected, got {other:?}"),
    }
}

/// R79, the table; each callee at most once, a new invocation id.
#[test]
fn a_call_goes_on_in_the_order_of_the_policy_until_every_callee_has_refused() {
    for (policy, order) in [
        (InvocationPolicy::RoundRobin, [0, 1, 2]),
        (InvocationPolicy::First, [0, 1, 2]),
        (InvocationPolicy::Last, [2, 1, 0]),
        (InvocationPolicy::LeastLoaded, [0, 1, 2]),
    ] {
        let (mut realm, caller, callees) = shared(policy);
        let payload = raw("[1]", 3, None);
        let mut seen = realm.calling(caller, "a.b", CallOptions::default(), payload.clone());
        for nth in order {
            let (to, invocation) = invoked(&seen);
            assert_eq!((to, invocation.request.get()), (callees[nth], 1), "{policy:?}");
            assert_eq!(invocation.payload, payload);
            seen = realm.errs(to, 1, UNAVAILABLE);
        }
        assert_eq!(seen.refused(caller).1, EXHAUSTED, "{policy:?}");
        assert_eq!(seen.0.len(), 1);
        assert_eq!(realm.realm.counters().calls_rerouted, 2);
    }
}

/// R79.
#[test]
fn random_asks_each_callee_once() {
    let (mut realm, caller, callees) = shared(InvocationPolicy::Random);
    let mut seen = realm.call(caller, "a.b");
    let mut asked = Vec::new();
    for _ in 0..3 {
        let (to, invocation) = invoked(&seen);
        asked.push(to);
        seen = realm.errs(to, invocation.request.get(), UNAVAILABLE);
    }
    asked.sort_unstable();
    assert_eq!(asked, callees);
    assert_eq!(seen.refused(caller).1, EXHAUSTED);
}

/// R79: `single`, and a shared one with one callee.
#[test]
fn an_only_callee_that_is_unavailable_is_no_available_callee() {
    for policy in [InvocationPolicy::Single, InvocationPolicy::Random] {
        let mut realm = TestRealm::new();
        let (caller, callee) = (realm.join(), realm.join());
        realm.register_shared(callee, "a.b", policy);
        realm.invoke(caller, "a.b");
        assert_eq!(realm.errs(callee, 1, UNAVAILABLE).refused(caller).1, EXHAUSTED);
    }
}

/// D65: not announced, and any other error.
#[test]
fn the_error_of_a_callee_that_did_not_announce_it_is_forwarded_as_it_is() {
    let mut realm = TestRealm::new();
    let lacking = CalleeFeatures { call_reroute: false, ..ALL_FEATURES };
    let (caller, one, two) = (realm.join(), realm.join_featured("bob", "user", lacking), realm.join());
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    realm.invoke(caller, "a.b");
    assert_eq!(realm.errs(one, 1, UNAVAILABLE).refused(caller).1, UNAVAILABLE);
    let (mut realm, caller, [one, ..]) = shared(InvocationPolicy::First);
    realm.invoke(caller, "a.b");
    assert_eq!(realm.errs(one, 1, "wamp.error.unavailable.no").refused(caller).1, "wamp.error.unavailable.no");
}

/// D65.
#[test]
fn a_call_stays_once_a_partial_result_was_delivered() {
    let (mut realm, caller, [one, ..]) = shared(InvocationPolicy::First);
    realm.invoke_with(caller, "a.b", CallOptions { receive_progress: true, ..CallOptions::default() });
    realm.progress(one, 1);
    assert_eq!(realm.errs(one, 1, UNAVAILABLE).refused(caller).1, UNAVAILABLE);
}

/// D65.
#[test]
fn a_call_stays_once_more_of_its_input_was_passed_on_and_goes_on_before() {
    let (mut realm, caller, [one, two, three]) = shared(InvocationPolicy::First);
    let part = |realm: &mut TestRealm, progress| {
        let (request, options) = (RequestId::FIRST, CallOptions { progress, ..CallOptions::default() });
        realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty })
    };
    part(&mut realm, true);
    let (to, invocation) = invoked(&realm.errs(one, 1, UNAVAILABLE));
    assert_eq!((to, invocation.details.progress), (two, true));
    assert_eq!(invoked(&part(&mut realm, true)).0, two, "the rest goes where the call went");
    let seen = realm.errs(two, 1, UNAVAILABLE);
    assert_eq!(seen.refused(caller).1, UNAVAILABLE);
    assert!(seen.messages_to(three).is_empty());
    assert!(part(&mut realm, false).is_silent());
}

/// Section 9.8: KILLING, ERROR(68) with any URI.
#[test]
fn a_call_that_is_being_killed_goes_to_nobody_else() {
    let (mut realm, caller, [one, ..]) = shared(InvocationPolicy::First);
    realm.invoke(caller, "a.b");
    let request = realm.last_request(caller);
    realm.cancel(caller, request, CancelMode::Kill);
    assert_eq!(realm.errs(one, 1, UNAVAILABLE).refused(caller).1, UNAVAILABLE);
}

/// D65: the call timer keeps running.
#[test]
fn the_time_of_a_call_goes_on_when_it_goes_to_another_callee() {
    let (mut realm, caller, [one, two, _]) = shared(InvocationPolicy::First);
    realm.invoke_with(caller, "a.b", CallOptions { timeout_ms: Some(100), ..CallOptions::default() });
    realm.pass(Duration::from_millis(60));
    realm.errs(one, 1, UNAVAILABLE);
    assert!(realm.pass(Duration::from_millis(39)).is_silent());
    let seen = realm.pass(Duration::from_millis(1));
    assert_eq!(seen.refused(caller).1, "wamp.error.timeout");
    assert!(seen.interrupt_to(two).is_some());
}

/// D65: a late answer of the first callee is for nobody, and the caller has one answer.
#[test]
fn a_callee_that_gave_a_call_back_has_no_say_in_it() {
    let (mut realm, caller, [one, two, _]) = shared(InvocationPolicy::First);
    realm.invoke(caller, "a.b");
    realm.errs(one, 1, UNAVAILABLE);
    assert!(realm.yields(one, 1).is_silent());
    assert_eq!(realm.yields(two, 1).messages_to(caller).len(), 1);
}

/// R62: the next callee of a pattern is told the procedure as well.
#[test]
fn the_next_callee_is_told_what_the_first_was_told() {
    let mut realm = TestRealm::new();
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    let (match_policy, invoke) = (MatchPolicy::Prefix, InvocationPolicy::First);
    for callee in [one, two] {
        realm.register_with(callee, "a.", RegisterOptions { match_policy, invoke, ..RegisterOptions::default() });
    }
    let options = CallOptions { disclose_me: true, receive_progress: true, ..CallOptions::default() };
    let (_, first) = realm.invoke_with(caller, "a.b", options.clone());
    let (to, second) = invoked(&realm.errs(one, 1, UNAVAILABLE));
    assert_eq!((to, &second.details), (two, &first.details));
    let (_, first) = realm.invoke_with(caller, "a.b", options);
    let (to, second) = invoked(&realm.gives_back(one, first.clone(), ErrorUri::NETWORK_FAILURE));
    assert_eq!((to, &second.details), (two, &first.details));
}

/// Limits, section 1: kept calls are bounded in octets; beyond that the error is forwarded, and counted.
#[test]
fn calls_are_kept_for_other_callees_within_a_bound() {
    let (mut realm, caller, [one, two, _]) = shared(InvocationPolicy::First);
    let big: &'static str = Box::leak(format!("[\"{}\"]", "x".repeat(6 << 20)).into_boxed_str());
    for _ in 0..3 {
        realm.calling(caller, "a.b", CallOptions::default(), raw(big, big.len(), None));
    }
    assert_eq!(realm.errs(one, 3, UNAVAILABLE).refused(caller).1, UNAVAILABLE);
    assert_eq!(realm.realm.counters().reroutes_without_room, 1);
    assert_eq!(invoked(&realm.errs(one, 1, UNAVAILABLE)).0, two);
    realm.yields(two, 1);
    realm.yields(one, 2);
    realm.calling(caller, "a.b", CallOptions::default(), raw(big, big.len(), None));
    assert_eq!(invoked(&realm.errs(one, 4, UNAVAILABLE)).0, two, "there is room again");
}

/// U1: an INVOCATION that could not be handed over goes on, whatever the callee announced, and whatever the reason.
#[test]
fn an_invocation_that_comes_back_goes_to_the_next_callee() {
    for error in [ErrorUri::NETWORK_FAILURE, ErrorUri::PAYLOAD_SIZE_EXCEEDED, ErrorUri::INVALID_ARGUMENT] {
        let mut realm = TestRealm::new();
        let caller = realm.join();
        let callees = [realm.join_plain(), realm.join_plain()];
        for callee in callees {
            realm.register_shared(callee, "a.b", InvocationPolicy::First);
        }
        let payload = raw("[1]", 3, None);
        let (_, invocation) = invoked(&realm.calling(caller, "a.b", CallOptions::default(), payload.clone()));
        let (to, next) = invoked(&realm.gives_back(callees[0], invocation.clone(), error));
        assert_eq!((to, &next.payload), (callees[1], &payload));
        assert!(realm.gives_back(callees[0], invocation, error).is_silent(), "it is not that callee's any more");
        let seen = realm.gives_back(to, next, error);
        assert_eq!(seen.refused(caller).1, error.as_str());
        assert_eq!(seen.0.len(), 1);
        assert_eq!(realm.realm.counters().calls, 0);
    }
}

/// R79: the caller has a part of this callee's result, so no other callee can go on with it.
#[test]
fn an_invocation_that_comes_back_after_a_partial_result_ends_the_call() {
    let (mut realm, caller, [one, two, _]) = shared(InvocationPolicy::First);
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    let (_, invocation) = realm.invoke_with(caller, "a.b", options);
    realm.progress(one, 1).result_to(caller);
    let seen = realm.gives_back(one, invocation, ErrorUri::NETWORK_FAILURE);
    assert_eq!(seen.refused(caller).1, "wamp.error.network_failure");
    assert!(seen.messages_to(two).is_empty());
}

/// R79, D74: what the caller still says of a call that no callee has taken is for nobody.
#[test]
fn a_progressive_call_that_every_callee_refuses_discards_the_rest_of_its_input() {
    let (mut realm, caller, callees) = shared(InvocationPolicy::First);
    let part = |realm: &mut TestRealm, progress| {
        let (request, options) = (RequestId::FIRST, CallOptions { progress, ..CallOptions::default() });
        realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty })
    };
    let mut seen = part(&mut realm, true);
    for callee in callees {
        let (to, invocation) = invoked(&seen);
        assert!(to == callee && invocation.details.progress);
        seen = realm.errs(callee, 1, UNAVAILABLE);
    }
    assert_eq!(seen.refused(caller).1, EXHAUSTED);
    assert!(part(&mut realm, true).is_silent() && part(&mut realm, false).is_silent());
    assert_eq!(invoked(&part(&mut realm, false)).0, callees[0], "a new call");
}

/// D32: more input that cannot be handed over ends the call; the callee has the rest of it.
#[test]
fn a_later_part_that_comes_back_ends_the_call() {
    let (mut realm, caller, [one, two, _]) = shared(InvocationPolicy::First);
    let mut invocation = None;
    for _ in 0..2 {
        let (request, options) = (RequestId::FIRST, CallOptions { progress: true, ..CallOptions::default() });
        let seen = realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty });
        invocation = Some(invoked(&seen).1);
    }
    let seen = realm.gives_back(one, invocation.unwrap(), ErrorUri::PAYLOAD_SIZE_EXCEEDED);
    assert_eq!(seen.refused(caller).1, "wamp.error.payload_size_exceeded");
    assert!(seen.interrupt_to(one).is_some() && seen.messages_to(two).is_empty());
}
