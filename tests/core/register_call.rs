//! REGISTER, CALL, YIELD and ERROR: sections 9.1 to 9.5 of the reference.

use crate::test_realm::{raw, TestRealm, ALL_FEATURES, EXACT, PREFIX, WILDCARD};
use wharf::routing::SessionKey;
use wharf::wamp::message::Error;
use wharf::wamp::options::{CallOptions, ErrorDetails, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{ErrorUri, InvocationPolicy, MatchPolicy, Message, MessageKind, Payload, RegistrationId, Uri};

fn matching(match_policy: MatchPolicy) -> RegisterOptions {
    RegisterOptions { match_policy, ..RegisterOptions::default() }
}

/// R58.
#[test]
fn a_second_registration_is_procedure_already_exists_also_by_the_same_session() {
    let mut realm = TestRealm::new();
    let (callee, other) = (realm.join(), realm.join_as("bob", "user"));
    realm.register(callee, "a.b");
    let refused = (MessageKind::Register, "wamp.error.procedure_already_exists".to_owned());
    for session in [callee, other] {
        assert_eq!(realm.registering(session, "a.b", RegisterOptions::default()).refused(session), refused);
    }
}

/// R58, section 9.1: another match never conflicts.
#[test]
fn exact_prefix_and_wildcard_on_one_uri_are_three_registrations() {
    let mut realm = TestRealm::new();
    let sessions = [realm.join(), realm.join(), realm.join()];
    for (session, policy) in sessions.into_iter().zip([EXACT, PREFIX, WILDCARD]) {
        realm.register_with(session, "a.b", matching(policy));
    }
    assert_eq!(realm.realm.counters().registrations, 3);
    assert_eq!(realm.invoke(sessions[0], "a.b").0, sessions[0]);
}

/// R59.
#[test]
fn an_invocation_comes_only_after_registered() {
    let mut realm = TestRealm::new();
    let (callee, caller) = (realm.join(), realm.join());
    assert!(matches!(realm.call(caller, "a.b").only_message_to(caller), Message::Error(_)));
    let id = realm.register(callee, "a.b");
    let (to, invocation) = realm.invoke(caller, "a.b");
    assert_eq!((to, invocation.registration), (callee, id));
}

/// R61; also after the callee has gone.
#[test]
fn a_call_without_match_is_no_such_procedure() {
    let mut realm = TestRealm::new();
    let (callee, caller) = (realm.join(), realm.join());
    let refused = (MessageKind::Call, "wamp.error.no_such_procedure".to_owned());
    assert_eq!(realm.call(caller, "a.b").refused(caller), refused);
    realm.register(callee, "a.b");
    realm.leave(callee);
    assert_eq!(realm.call(caller, "a.b").refused(caller), refused);
}

/// R62, D60.
#[test]
fn the_procedure_is_told_on_pattern_registrations_only() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    realm.register_with(session, "a.b", matching(EXACT));
    realm.register_with(session, "a.", matching(PREFIX));
    realm.register_with(session, ".x", matching(WILDCARD));
    for (procedure, told) in [("a.b", None), ("a.c", Some("a.c")), ("b.x", Some("b.x"))] {
        let (_, invocation) = realm.invoke(session, procedure);
        assert_eq!(invocation.details.procedure.as_deref(), told);
    }
}

/// R63.
#[test]
fn invocation_ids_are_1_2_3_for_each_callee_session() {
    let mut realm = TestRealm::new();
    let [caller, one, other] = [realm.join(), realm.join(), realm.join()];
    realm.register(one, "one");
    realm.register(other, "other");
    let mut ids = |procedure| realm.invoke(caller, procedure).1.request.get();
    assert_eq!(["one", "other", "one", "one", "other"].map(&mut ids), [1, 1, 2, 3, 2]);
}

/// R64, R53.
#[test]
fn arguments_results_and_errors_are_passed_on_unchanged() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    for payload in [Payload::Empty, raw("[1]", 3, None), raw(r#"[],{"k":1}"#, 2, Some(3))] {
        let seen = realm.calling(caller, "a.b", CallOptions::default(), payload.clone());
        let Message::Invocation(invocation) = seen.only_message_to(callee) else { panic!("{seen:?}") };
        assert_eq!(invocation.payload, payload);
        let result = realm.yield_with(callee, invocation.request.get(), false, payload.clone()).result_to(caller);
        assert_eq!((result.request, result.payload), (realm.last_request(caller), payload.clone()));

        let (_, invocation) = realm.invoke(caller, "a.b");
        let (error, details) = (Uri::from("com.app.sold_out"), ErrorDetails::default());
        let (request_kind, request) = (MessageKind::Invocation, invocation.request.into());
        let seen = realm
            .handle(callee, Error { request_kind, request, details, error: error.clone(), payload: payload.clone() });
        let passed = seen.error_to(caller);
        assert_eq!((passed.request_kind, passed.request), (MessageKind::Call, realm.last_request(caller)));
        assert_eq!((passed.error, passed.payload), (error, payload));
    }
}

/// R65.
#[test]
fn a_call_has_one_final_answer() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
    assert!(realm.yields(callee, 1).is_silent());
    assert!(realm.errs(callee, 1, "com.app.late").is_silent());
    assert_eq!(realm.realm.counters().late_answers, 2);
}

/// R66.
#[test]
fn invocations_reach_a_callee_in_the_order_of_calls_across_procedures() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    let ids = ["a", "b", "c"].map(|procedure| realm.register(callee, procedure));
    let order = [2, 0, 1, 0].map(|nth| realm.invoke(caller, ["a", "b", "c"][nth]).1.registration);
    assert_eq!(order, [ids[2], ids[0], ids[1], ids[0]]);
}

/// R67.
#[test]
fn a_callee_that_leaves_ends_its_calls_with_canceled() {
    let mut realm = TestRealm::new();
    let [one, other, callee] = [realm.join(), realm.join(), realm.join()];
    realm.register(callee, "a.b");
    for caller in [other, one] {
        realm.invoke(caller, "a.b");
    }
    let seen = realm.leave(callee);
    for caller in [one, other] {
        assert_eq!(seen.refused(caller), (MessageKind::Call, "wamp.error.canceled".to_owned()));
    }
    assert_eq!(seen.0.len(), 2);
    assert_eq!(realm.realm.counters().calls, 0);
}

/// Section 9.1: a session may call itself; nothing is sent to it once it is gone.
#[test]
fn a_session_that_calls_itself_and_leaves_is_told_nothing() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    realm.register(session, "a.b");
    assert_eq!(realm.invoke(session, "a.b").0, session);
    assert!(realm.leave(session).is_silent());
}

/// R69.
#[test]
fn unregister_of_an_unknown_or_foreign_id_is_no_such_registration() {
    let mut realm = TestRealm::new();
    let (owner, other) = (realm.join(), realm.join());
    let id = realm.register(owner, "a.b");
    let refused = (MessageKind::Unregister, "wamp.error.no_such_registration".to_owned());
    assert_eq!(realm.unregister(other, id).refused(other), refused);
    let unknown = RegistrationId::new(id.get() ^ 1).unwrap();
    assert_eq!(realm.unregister(owner, unknown).refused(owner), refused);
    assert_eq!(realm.invoke(other, "a.b").0, owner);
}

/// R71, D64.
#[test]
fn a_registration_ends_with_its_last_callee_and_its_invocations_finish() {
    let mut realm = TestRealm::new();
    let [one, other, caller] = [realm.join(), realm.join(), realm.join()];
    let id = realm.register_shared(one, "a.b", InvocationPolicy::First);
    assert_eq!(realm.register_shared(other, "a.b", InvocationPolicy::First), id);
    realm.invoke(caller, "a.b");
    assert!(matches!(realm.unregister(one, id).only_message_to(one), Message::Unregistered(_)));
    assert_eq!(realm.invoke(caller, "a.b").0, other);
    realm.unregister(other, id);
    assert_eq!(realm.call(caller, "a.b").refused(caller).1, "wamp.error.no_such_procedure");
    assert_eq!(realm.yields(one, 1).result_to(caller).request.get(), 1);
    assert_eq!(realm.yields(other, 1).result_to(caller).request.get(), 2);
    assert_ne!(realm.register(one, "a.b"), id, "free for anybody, with any policy");
}

/// Three callees of one procedure, in the order of registration, and a caller.
fn shared(invoke: InvocationPolicy) -> (TestRealm, SessionKey, [SessionKey; 3]) {
    let mut realm = TestRealm::new();
    let caller = realm.join();
    let callees = [realm.join(), realm.join(), realm.join()];
    let ids = callees.map(|callee| realm.register_shared(callee, "a.b", invoke));
    assert!(ids.iter().all(|id| *id == ids[0]), "one id for all callees");
    (realm, caller, callees)
}

/// R70.
#[test]
fn first_and_last_take_the_oldest_and_the_newest_that_is_still_there() {
    let (mut realm, caller, [one, _, three]) = shared(InvocationPolicy::First);
    assert_eq!(realm.invoke(caller, "a.b").0, one);
    realm.leave(one);
    realm.leave(three);
    assert_ne!(realm.invoke(caller, "a.b").0, one);
    let (mut realm, caller, [_, two, three]) = shared(InvocationPolicy::Last);
    assert_eq!(realm.invoke(caller, "a.b").0, three);
    realm.leave(three);
    assert_eq!(realm.invoke(caller, "a.b").0, two);
    let newest = realm.join();
    realm.register_shared(newest, "a.b", InvocationPolicy::Last);
    assert_eq!(realm.invoke(caller, "a.b").0, newest);
}

/// R70, D36.
#[test]
fn roundrobin_goes_in_the_order_of_registration_and_skips_nobody_when_one_leaves() {
    let (mut realm, caller, [one, two, three]) = shared(InvocationPolicy::RoundRobin);
    let next = |realm: &mut TestRealm| realm.invoke(caller, "a.b").0;
    assert_eq!([next(&mut realm), next(&mut realm), next(&mut realm), next(&mut realm)], [one, two, three, one]);
    realm.leave(one);
    assert_eq!([next(&mut realm), next(&mut realm), next(&mut realm)], [two, three, two]);
}

/// R70.
#[test]
fn random_reaches_every_callee() {
    let (mut realm, caller, callees) = shared(InvocationPolicy::Random);
    let mut reached: Vec<_> = (0..64).map(|_| realm.invoke(caller, "a.b").0).collect();
    reached.sort_unstable();
    reached.dedup();
    assert_eq!(reached, callees);
}

/// Limits, section 3 and T7a: one in trouble is passed over; where all are, the policy decides as usual.
#[test]
fn a_callee_in_trouble_is_passed_over_while_another_one_is_not() {
    for policy in [InvocationPolicy::RoundRobin, InvocationPolicy::First, InvocationPolicy::Random] {
        let (mut realm, caller, [one, two, three]) = shared(policy);
        realm.realm.set_avoided(one, true);
        realm.realm.set_avoided(three, true);
        assert_eq!(realm.invoke(caller, "a.b").0, two);
        assert_eq!(realm.invoke(caller, "a.b").0, two);
        realm.realm.set_avoided(two, true);
        realm.invoke(caller, "a.b");
        realm.leave(two);
        realm.realm.set_avoided(three, false);
        assert_eq!(realm.invoke(caller, "a.b").0, three, "it is in trouble no longer");
        assert_eq!(realm.realm.broken_invariant(), None);
    }
}

/// R70, D14.
#[test]
fn another_invocation_policy_is_procedure_already_exists() {
    for registered in InvocationPolicy::ALL {
        for wished in InvocationPolicy::ALL.iter().filter(|wished| *wished != registered) {
            let mut realm = TestRealm::new();
            let (one, other) = (realm.join(), realm.join_as("bob", "user"));
            realm.register_shared(one, "a.b", *registered);
            let seen =
                realm.registering(other, "a.b", RegisterOptions { invoke: *wished, ..RegisterOptions::default() });
            assert_eq!(seen.refused(other).1, "wamp.error.procedure_already_exists", "{registered:?} {wished:?}");
        }
    }
}

/// D37.
#[test]
fn the_same_callee_registering_again_on_a_shared_one_is_entered_once() {
    let (mut realm, caller, [one, two, three]) = shared(InvocationPolicy::RoundRobin);
    realm.register_shared(one, "a.b", InvocationPolicy::RoundRobin);
    let order: Vec<_> = (0..4).map(|_| realm.invoke(caller, "a.b").0).collect();
    assert_eq!(order, [one, two, three, one]);
    let id = realm.register_shared(one, "a.b", InvocationPolicy::RoundRobin);
    realm.unregister(one, id);
    assert!((0..4).all(|_| realm.invoke(caller, "a.b").0 != one));
}

/// R78.
#[test]
fn the_caller_is_named_by_its_own_wish_or_by_the_registrations_and_not_otherwise() {
    for (disclose_me, disclose_caller) in [(false, false), (true, false), (false, true), (true, true)] {
        let mut realm = TestRealm::new();
        let caller = realm.join_as("ann", "staff");
        let callee = realm.join();
        realm.register_with(callee, "a.b", RegisterOptions { disclose_caller, ..RegisterOptions::default() });
        let options = CallOptions { disclose_me, ..CallOptions::default() };
        let named = realm.invoke_with(caller, "a.b", options).1.details.caller;
        assert_eq!(named.is_some(), disclose_me || disclose_caller);
        if let Some(named) = named {
            assert_eq!(named.session.get(), realm.id(caller));
            assert_eq!((named.authid.as_deref(), named.authrole.as_deref()), (Some("ann"), Some("staff")));
        }
    }
}

/// R78, section 9.3: `disclose_caller` is kept per callee.
#[test]
fn of_a_shared_registration_only_the_callee_that_asked_is_told_the_caller() {
    let mut realm = TestRealm::new();
    let [caller, curious, other] = [realm.join(), realm.join(), realm.join()];
    let shared = RegisterOptions { invoke: InvocationPolicy::RoundRobin, ..RegisterOptions::default() };
    realm.register_with(curious, "a.b", RegisterOptions { disclose_caller: true, ..shared });
    realm.register_with(other, "a.b", shared);
    let told: Vec<_> = (0..2).map(|_| realm.invoke(caller, "a.b").1.details.caller.is_some()).collect();
    assert_eq!(told, [true, false]);
}

/// R75.
#[test]
fn progressive_results_come_flagged_and_in_order_and_the_final_one_ends_the_call() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    let (_, invocation) = realm.invoke_with(caller, "a.b", options);
    assert!(invocation.details.receive_progress);
    for payload in [raw("[1]", 3, None), Payload::Empty, raw("[2]", 3, None)] {
        let partial = realm.yield_with(callee, 1, true, payload.clone()).result_to(caller);
        assert_eq!((partial.details.progress, partial.payload), (true, payload));
    }
    assert_eq!(realm.realm.counters().calls, 1);
    assert!(!realm.yields(callee, 1).result_to(caller).details.progress);
    assert!(realm.progress(callee, 1).is_silent());
    assert_eq!(realm.realm.counters().calls, 0);
}

/// R75: a progressive call may end with an error.
#[test]
fn an_error_ends_a_progressive_call() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke_with(caller, "a.b", CallOptions { receive_progress: true, ..CallOptions::default() });
    realm.progress(callee, 1);
    assert_eq!(realm.errs(callee, 1, "com.app.broken").refused(caller).1, "com.app.broken");
    assert_eq!(realm.realm.counters().calls, 0);
}

/// R75, section 3.3: both features are needed.
#[test]
fn progress_is_not_asked_of_a_callee_without_both_features() {
    let lacking = [
        CalleeFeatures { call_canceling: false, ..ALL_FEATURES },
        CalleeFeatures { progressive_call_results: false, ..ALL_FEATURES },
    ];
    for features in lacking {
        let mut realm = TestRealm::new();
        let caller = realm.join();
        let callee = realm.join_featured("bob", "user", features);
        realm.register(callee, "a.b");
        let options = CallOptions { receive_progress: true, ..CallOptions::default() };
        assert!(!realm.invoke_with(caller, "a.b", options).1.details.receive_progress);
        // D16: a callee that gives partial results all the same is tolerated, as the caller takes them.
        assert!(realm.progress(callee, 1).result_to(caller).details.progress);
        assert!(!realm.yields(callee, 1).result_to(caller).details.progress);
    }
}

/// D38, P8.
#[test]
fn a_partial_result_that_nobody_asked_for_is_dropped_and_the_call_goes_on() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    for _ in 0..1000 {
        assert!(realm.progress(callee, 1).is_silent());
    }
    assert_eq!(realm.realm.counters().progress_dropped, 1000);
    assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
}

/// D32, S5.
#[test]
fn an_invocation_that_cannot_be_handed_over_ends_the_call_with_that_error() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    for (id, error) in [(1, ErrorUri::NETWORK_FAILURE), (2, ErrorUri::PAYLOAD_SIZE_EXCEEDED)] {
        realm.invoke(caller, "a.b");
        let seen = realm.undeliverable(callee, id, error);
        assert_eq!(seen.refused(caller), (MessageKind::Call, error.as_str().to_owned()));
        assert_eq!(seen.0.len(), 1);
        assert!(realm.undeliverable(callee, id, error).is_silent());
        assert!(realm.yields(callee, id).is_silent());
    }
}
