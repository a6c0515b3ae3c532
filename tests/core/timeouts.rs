//! Call timeouts: section 9.7 of the reference.

use crate::test_realm::{TestRealm, ALL_FEATURES};
use std::time::Duration;
use wharf::routing::{RealmLimits, SessionKey};
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{CancelMode, ErrorUri};

const MS: Duration = Duration::from_millis(1);

fn timeout(timeout_ms: u64) -> CallOptions {
    CallOptions { timeout_ms: Some(timeout_ms), ..CallOptions::default() }
}

fn realm_with(limits: RealmLimits) -> (TestRealm, SessionKey, SessionKey) {
    let mut realm = TestRealm::with(limits);
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    (realm, caller, callee)
}

fn ends_with_timeout(realm: &mut TestRealm, caller: SessionKey, after: Duration) {
    assert!(realm.pass(after - MS).is_silent(), "not before its time");
    let seen = realm.pass(MS);
    assert_eq!(seen.messages_to(caller).len(), 1, "{seen:?}");
    assert_eq!(seen.error_to(caller).error.as_str(), ErrorUri::TIMEOUT.as_str());
    assert_eq!(realm.realm.next_deadline(), None);
}

/// R74.
#[test]
fn a_timeout_is_in_milliseconds_and_interrupts_the_callee() {
    let (mut realm, caller, callee) = realm_with(RealmLimits::default());
    let (_, invocation) = realm.invoke_with(caller, "a.b", timeout(250));
    assert_eq!(invocation.details.timeout_ms, None, "the dealer keeps the time");
    assert_eq!(realm.realm.next_deadline(), Some(realm.now + 250 * MS));
    assert!(realm.pass(249 * MS).is_silent());
    let seen = realm.pass(MS);
    assert_eq!(seen.error_to(caller).error.as_str(), ErrorUri::TIMEOUT.as_str());
    assert_eq!(seen.interrupt_to(callee).unwrap().options.mode, Some(CancelMode::KillNoWait));
    assert!(realm.yields(callee, 1).is_silent(), "a late answer is dropped");
}

/// R74.
#[test]
fn no_timeout_and_0_are_none() {
    for options in [CallOptions::default(), timeout(0)] {
        let (mut realm, caller, _) = realm_with(RealmLimits::default());
        realm.invoke_with(caller, "a.b", options);
        assert_eq!(realm.realm.next_deadline(), None);
    }
}

/// R74: a time that the clock cannot tell never comes.
#[test]
fn the_longest_timeout_harms_nobody() {
    let (mut realm, caller, callee) = realm_with(RealmLimits::default());
    realm.invoke_with(caller, "a.b", timeout(u64::MAX));
    assert!(realm.pass(Duration::from_secs(1_000_000)).is_silent());
    assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
}

/// R74, D22: the realm's default.
#[test]
fn the_realms_default_holds_for_calls_that_carry_no_timeout() {
    let limits = RealmLimits { call_timeout: Some(30 * MS), ..RealmLimits::default() };
    for (options, after) in [(CallOptions::default(), 30), (timeout(0), 30), (timeout(50), 50)] {
        let (mut realm, caller, _) = realm_with(limits.clone());
        realm.invoke_with(caller, "a.b", options);
        ends_with_timeout(&mut realm, caller, after * MS);
    }
}

/// D22: the realm's maximum.
#[test]
fn a_longer_wish_is_cut_to_the_realms_maximum() {
    let limits = RealmLimits { call_timeout_max: Some(40 * MS), ..RealmLimits::default() };
    for (wish, after) in [(39, 39), (41, 40), (u64::MAX, 40)] {
        let (mut realm, caller, _) = realm_with(limits.clone());
        realm.invoke_with(caller, "a.b", timeout(wish));
        ends_with_timeout(&mut realm, caller, after * MS);
    }
}

/// R74: a timeout is forwarded only with the callee's feature and the registration's wish.
#[test]
fn a_timeout_is_forwarded_only_if_feature_and_forward_timeout_are_both_there() {
    for (call_timeout, forward_timeout) in [(true, true), (true, false), (false, true), (false, false)] {
        let mut realm = TestRealm::new();
        let caller = realm.join();
        let callee = realm.join_featured("bob", "user", CalleeFeatures { call_timeout, ..ALL_FEATURES });
        realm.register_with(callee, "a.b", RegisterOptions { forward_timeout, ..RegisterOptions::default() });
        let (_, invocation) = realm.invoke_with(caller, "a.b", timeout(100));
        let forwarded = call_timeout && forward_timeout;
        assert_eq!(invocation.details.timeout_ms, forwarded.then_some(100));
        assert_eq!(realm.pass(100 * MS).is_silent(), forwarded);
    }
}

/// R74, D67: the callee's own error passes; a silent callee is given 10 s more.
#[test]
fn a_forwarded_timeout_is_the_callees_with_a_guard_of_the_dealer() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register_with(callee, "a.b", RegisterOptions { forward_timeout: true, ..RegisterOptions::default() });
    realm.invoke_with(caller, "a.b", timeout(100));
    realm.pass(100 * MS);
    assert_eq!(realm.errs(callee, 1, "wamp.error.timeout").refused(caller).1, "wamp.error.timeout");
    realm.invoke_with(caller, "a.b", timeout(100));
    ends_with_timeout(&mut realm, caller, 10_100 * MS);
}

/// R76.
#[test]
fn the_timeout_of_a_progressive_call_is_an_inactivity_timer() {
    let (mut realm, caller, callee) = realm_with(RealmLimits::default());
    realm.invoke_with(caller, "a.b", CallOptions { receive_progress: true, ..timeout(100) });
    for _ in 0..5 {
        assert!(realm.pass(99 * MS).is_silent());
        realm.progress(callee, 1).result_to(caller);
    }
    ends_with_timeout(&mut realm, caller, 100 * MS);
}

/// R76: only progress that was asked for counts.
#[test]
fn the_timeout_of_an_ordinary_call_is_not_moved_by_progress() {
    let (mut realm, caller, callee) = realm_with(RealmLimits::default());
    realm.invoke_with(caller, "a.b", timeout(100));
    realm.pass(60 * MS);
    realm.progress(callee, 1);
    ends_with_timeout(&mut realm, caller, 40 * MS);
}

/// Section 5 of the architecture: one timer for all calls, the nearest first.
#[test]
fn calls_end_in_the_order_of_their_times() {
    let (mut realm, caller, _) = realm_with(RealmLimits::default());
    for wish in [30, 10, 20, 10] {
        realm.invoke_with(caller, "a.b", timeout(wish));
    }
    let seen = realm.pass(30 * MS);
    let errors = seen.messages_to(caller).into_iter().map(|message| match message {
        wharf::wamp::Message::Error(error) => error.request.get(),
        other => panic!("{other:?}"),
    });
    assert_eq!(errors.collect::<Vec<_>>(), [2, 4, 3, 1]);
}
