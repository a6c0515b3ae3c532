//! Progressive call invocations: section 9.6 of the reference, R77.

use crate::test_realm::{raw, Seen, TestRealm, ALL_FEATURES};
use std::time::Duration;
use wharf::routing::SessionKey;
use wharf::wamp::message::{Call, Invocation};
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{CancelMode, InvocationPolicy, Message, Payload, RequestId};

fn part(realm: &mut TestRealm, from: SessionKey, request: u64, procedure: &str, options: CallOptions) -> Seen {
    let request = RequestId::new(request).unwrap();
    let payload = raw("[1]", 3, None);
    realm.handle(from, Call { request, options, procedure: procedure.into(), payload })
}

fn more() -> CallOptions {
    CallOptions { progress: true, ..CallOptions::default() }
}

fn last() -> CallOptions {
    CallOptions::default()
}

fn invocation(seen: &Seen, callee: SessionKey) -> Invocation {
    match seen.only_message_to(callee) {
        Message::Invocation(invocation) => invocation,
        other => panic!("INVOCATION expected, got {other:?}"),
    }
}

fn pair(realm: &mut TestRealm) -> (SessionKey, SessionKey) {
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    (caller, callee)
}

/// R77, D39: `progress` is there while more follows, and not on the last one.
#[test]
fn all_parts_of_a_call_go_to_one_callee_under_one_invocation_id() {
    let mut realm = TestRealm::new();
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::RoundRobin);
    }
    for (options, progress) in [(more(), true), (more(), true), (last(), false)] {
        let invocation = invocation(&part(&mut realm, caller, 7, "a.b", options), one);
        assert_eq!((invocation.request.get(), invocation.details.progress), (1, progress));
        assert_eq!(invocation.payload, raw("[1]", 3, None));
    }
    let result = realm.yields(one, 1).result_to(caller);
    assert_eq!(result.request.get(), 7);
    assert_eq!(realm.invoke(caller, "a.b").0, two, "the policy was asked once");
}

/// R77: options are frozen at the first CALL.
#[test]
fn the_options_of_the_first_call_hold_for_all_parts() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    let first = CallOptions { disclose_me: true, receive_progress: true, ..more() };
    let one = invocation(&part(&mut realm, caller, 1, "a.b", first), callee);
    let two = invocation(&part(&mut realm, caller, 1, "a.b", last()), callee);
    assert!(one.details.caller.is_some() && one.details.receive_progress);
    assert_eq!((two.details.caller, two.details.receive_progress), (one.details.caller, true));
}

/// D40: the policy chooses first.
#[test]
fn a_callee_without_the_feature_is_feature_not_supported_and_what_follows_is_discarded() {
    let lacking = CalleeFeatures { progressive_call_invocations: false, ..ALL_FEATURES };
    let without_canceling = CalleeFeatures { call_canceling: false, ..ALL_FEATURES };
    for features in [lacking, without_canceling] {
        let mut realm = TestRealm::new();
        let (caller, callee, able) = (realm.join(), realm.join_featured("bob", "user", features), realm.join());
        for callee in [callee, able] {
            realm.register_shared(callee, "a.b", InvocationPolicy::First);
        }
        let seen = part(&mut realm, caller, 1, "a.b", more());
        assert_eq!(seen.refused(caller).1, "wamp.error.feature_not_supported");
        assert!(part(&mut realm, caller, 1, "a.b", more()).is_silent());
        assert!(part(&mut realm, caller, 1, "a.b", last()).is_silent());
        assert_eq!(part(&mut realm, caller, 1, "a.b", last()).messages_to(callee).len(), 1, "a new call");
    }
}

/// D23, D74: complete at the final answer; a late part is discarded, the last of them ends that.
#[test]
fn parts_that_come_after_the_final_answer_are_discarded_until_the_last() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    part(&mut realm, caller, 1, "a.b", more());
    assert_eq!(realm.yields(callee, 1).result_to(caller).request.get(), 1);
    for options in [more(), more(), last()] {
        assert!(part(&mut realm, caller, 1, "a.b", options).is_silent());
    }
    assert_eq!(invocation(&part(&mut realm, caller, 1, "a.b", last()), callee).request.get(), 2, "a new call");
}

/// D74: bounded by age; each part that is discarded makes it young again.
#[test]
fn an_ended_call_is_remembered_for_five_minutes_after_its_last_part() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    part(&mut realm, caller, 1, "a.b", more());
    realm.yields(callee, 1);
    for _ in 0..3 {
        realm.pass(Duration::from_secs(299));
        assert!(part(&mut realm, caller, 1, "a.b", more()).is_silent());
    }
    realm.pass(Duration::from_secs(300));
    assert_eq!(part(&mut realm, caller, 1, "a.b", more()).messages_to(callee).len(), 1);
}

/// D74: bounded in number.
#[test]
fn so_many_ended_calls_are_remembered_and_no_more() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    for request in 1..=101 {
        part(&mut realm, caller, request, "a.b", more());
        realm.yields(callee, request);
    }
    assert!(part(&mut realm, caller, 2, "a.b", last()).is_silent());
    assert_eq!(part(&mut realm, caller, 1, "a.b", last()).messages_to(callee).len(), 1, "the oldest was forgotten");
}

/// D47: an id in use is a violation, except for the continuation of that call.
#[test]
fn an_id_in_use_goes_on_with_its_own_call_only() {
    for (first, second, procedure) in [(more(), more(), "a.c"), (last(), more(), "a.b"), (last(), last(), "a.b")] {
        let mut realm = TestRealm::new();
        let (caller, callee) = pair(&mut realm);
        realm.register(callee, "a.c");
        part(&mut realm, caller, 1, "a.b", first);
        assert!(part(&mut realm, caller, 1, procedure, second).violation(caller).contains("call under way"));
    }
    let mut realm = TestRealm::new();
    let (caller, _) = pair(&mut realm);
    part(&mut realm, caller, 1, "a.b", more());
    part(&mut realm, caller, 1, "a.b", last());
    assert!(part(&mut realm, caller, 1, "a.b", last()).violation(caller).contains("call under way"), "it is complete");
}

/// Section 9.6: a two-way stream.
#[test]
fn partial_results_and_parts_of_the_input_go_both_ways() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    let options = CallOptions { receive_progress: true, ..more() };
    part(&mut realm, caller, 1, "a.b", options.clone());
    assert!(realm.progress(callee, 1).result_to(caller).details.progress);
    assert!(invocation(&part(&mut realm, caller, 1, "a.b", options), callee).details.progress);
    assert!(!invocation(&part(&mut realm, caller, 1, "a.b", last()), callee).details.progress);
    assert!(realm.progress(callee, 1).result_to(caller).details.progress);
    assert!(!realm.yields(callee, 1).result_to(caller).details.progress);
}

/// Sections 9.6 and 9.8: whoever ends the call in the middle, the rest is discarded.
#[test]
fn a_call_that_ends_in_the_middle_discards_the_rest_of_its_input() {
    let timeout = CallOptions { timeout_ms: Some(100), ..more() };
    for (how, expected) in [
        ("callee gone", "wamp.error.canceled"),
        ("cancel", "wamp.error.canceled"),
        ("timeout", "wamp.error.timeout"),
        ("error", "com.app.no"),
    ] {
        let mut realm = TestRealm::new();
        let (caller, callee) = pair(&mut realm);
        part(&mut realm, caller, 1, "a.b", timeout.clone());
        let seen = match how {
            "callee gone" => realm.leave(callee),
            "cancel" => realm.cancel(caller, RequestId::FIRST, CancelMode::KillNoWait),
            "timeout" => realm.pass(Duration::from_millis(100)),
            _ => realm.errs(callee, 1, "com.app.no"),
        };
        assert_eq!(seen.refused(caller).1, expected, "{how}");
        assert!(part(&mut realm, caller, 1, "a.b", more()).is_silent(), "{how}");
        assert!(part(&mut realm, caller, 1, "a.b", last()).is_silent(), "{how}");
    }
}

/// R68.
#[test]
fn a_caller_that_leaves_in_the_middle_interrupts_the_callee() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    part(&mut realm, caller, 1, "a.b", more());
    let interrupt = realm.leave(caller).interrupt_to(callee).unwrap();
    assert_eq!(interrupt.options.mode, Some(CancelMode::KillNoWait));
}

/// Section 9.8: a callee that was told to stop gets no more input; its answer decides.
#[test]
fn a_call_that_is_being_killed_takes_no_more_input() {
    let mut realm = TestRealm::new();
    let (caller, callee) = pair(&mut realm);
    part(&mut realm, caller, 1, "a.b", more());
    realm.cancel(caller, RequestId::FIRST, CancelMode::Kill);
    assert!(part(&mut realm, caller, 1, "a.b", last()).is_silent());
    assert_eq!(realm.errs(callee, 1, "com.app.stopped").refused(caller).1, "com.app.stopped");
}

/// Section 9.7: a caller that still speaks is not silent.
#[test]
fn a_part_of_the_input_starts_the_time_again() {
    let mut realm = TestRealm::new();
    let (caller, _) = pair(&mut realm);
    let options = CallOptions { timeout_ms: Some(100), ..more() };
    part(&mut realm, caller, 1, "a.b", options);
    for _ in 0..3 {
        assert!(realm.pass(Duration::from_millis(99)).is_silent());
        part(&mut realm, caller, 1, "a.b", more());
    }
    assert_eq!(realm.pass(Duration::from_millis(100)).refused(caller).1, "wamp.error.timeout");
}

/// Section 9.6: a procedure of the router takes its input in one CALL.
#[test]
fn a_meta_procedure_takes_no_parts() {
    let mut realm = TestRealm::new();
    let caller = realm.join();
    let seen = part(&mut realm, caller, 1, "wamp.session.count", more());
    assert_eq!(seen.refused(caller).1, "wamp.error.feature_not_supported");
    assert!(part(&mut realm, caller, 1, "wamp.session.count", last()).is_silent());
    let request = RequestId::new(2).unwrap();
    let (options, payload) = (last(), Payload::Empty);
    let seen = realm.handle(caller, Call { request, options, procedure: "wamp.session.count".into(), payload });
    assert_eq!(seen.result_to(caller).request, request);
}

/// D64: the call under way stays with its callee.
#[test]
fn a_call_goes_on_after_its_callee_has_unregistered() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    let id = realm.register_with(callee, "a.b", RegisterOptions::default());
    part(&mut realm, caller, 1, "a.b", more());
    realm.unregister(callee, id);
    assert_eq!(invocation(&part(&mut realm, caller, 1, "a.b", last()), callee).registration, id);
    realm.yields(callee, 1).result_to(caller);
}
