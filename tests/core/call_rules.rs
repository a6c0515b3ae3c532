//! Settings of procedures, and features that a realm has switched off.

use crate::test_realm::{TestRealm, PREFIX};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{ForwardTimeout, ProcedureRule, RealmLimits, RealmRules, SessionKey, TrustLevels, UriTable};
use wharf::wamp::options::{CallOptions, RegisterOptions};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{CancelMode, InvocationPolicy, MatchPolicy};

fn rule() -> ProcedureRule {
    let by_role = BTreeMap::from([("admin".to_owned(), 9)]);
    let trust = TrustLevels { level: Some(1), by_role };
    ProcedureRule { call_timeout: Some(Duration::from_millis(50)), trust }
}

fn ruled() -> RealmRules {
    let procedures = UriTable::new(vec![(PREFIX, "ruled.".into(), rule())]);
    let limits = RealmLimits { call_timeout: Some(Duration::from_millis(200)), ..RealmLimits::default() };
    RealmRules { procedures: Arc::new(procedures), limits, ..RealmRules::default() }
}

fn without(feature: Feature) -> TestRealm {
    TestRealm::with_rules(RealmRules { features: Features::default().without(feature), ..RealmRules::default() })
}

fn pair(realm: &mut TestRealm, options: RegisterOptions) -> (SessionKey, SessionKey) {
    let (caller, callee) = (realm.join(), realm.join());
    realm.register_with(callee, "a.b", options);
    (caller, callee)
}

/// Section 9.9: by configuration, by the caller's role.
#[test]
fn an_invocation_tells_the_trust_level_that_is_configured() {
    let mut realm = TestRealm::with_rules(ruled());
    let (callee, user, admin) = (realm.join(), realm.join(), realm.join_as("root", "admin"));
    realm.register(callee, "ruled.x");
    realm.register(callee, "free.x");
    let mut level = |caller, procedure| realm.invoke(caller, procedure).1.details.trustlevel;
    assert_eq!([level(user, "ruled.x"), level(admin, "ruled.x"), level(admin, "free.x")], [Some(1), Some(9), None]);
    let features = Features::default().without(Feature::CallTrustlevels);
    let mut realm = TestRealm::with_rules(RealmRules { features, ..ruled() });
    let callee = realm.join();
    realm.register(callee, "ruled.x");
    assert_eq!(realm.invoke(callee, "ruled.x").1.details.trustlevel, None);
}

/// Section 9.7, D22: the caller's wish, else the procedure's default, else the realm's.
#[test]
fn a_call_without_timeout_gets_that_of_its_procedure() {
    for (procedure, wish, ms) in [("ruled.x", None, 50), ("free.x", None, 200), ("ruled.x", Some(300), 300)] {
        let mut realm = TestRealm::with_rules(ruled());
        let (caller, callee) = (realm.join(), realm.join());
        realm.register(callee, procedure);
        realm.invoke_with(caller, procedure, CallOptions { timeout_ms: wish, ..CallOptions::default() });
        assert!(realm.pass(Duration::from_millis(ms - 1)).is_silent());
        assert_eq!(realm.pass(Duration::from_millis(1)).refused(caller).1, "wamp.error.timeout", "{procedure}");
    }
}

/// Section 9.7: configuration may force "always" or "never forward".
#[test]
fn a_realm_may_forward_every_timeout_or_none() {
    for (forward_timeout, [asked, unasked]) in [
        (ForwardTimeout::Request, [Some(30), None]),
        (ForwardTimeout::Always, [Some(30), Some(30)]),
        (ForwardTimeout::Never, [None, None]),
    ] {
        for (registered, forwarded) in [(true, asked), (false, unasked)] {
            let mut realm = TestRealm::with_rules(RealmRules { forward_timeout, ..RealmRules::default() });
            let options = RegisterOptions { forward_timeout: registered, ..RegisterOptions::default() };
            let (caller, _) = pair(&mut realm, options);
            let timed = CallOptions { timeout_ms: Some(30), ..CallOptions::default() };
            let (_, invocation) = realm.invoke_with(caller, "a.b", timed);
            assert_eq!(invocation.details.timeout_ms, forwarded, "{forward_timeout:?} {registered}");
        }
    }
}

/// Section 3.2: what is off is as if it were not built.
#[test]
fn without_progressive_results_the_wish_for_them_is_ignored() {
    let mut realm = without(Feature::ProgressiveCallResults);
    let (caller, callee) = pair(&mut realm, RegisterOptions::default());
    let options = CallOptions { receive_progress: true, ..CallOptions::default() };
    assert!(!realm.invoke_with(caller, "a.b", options).1.details.receive_progress);
    assert!(realm.progress(callee, 1).is_silent());
    assert!(!realm.yields(callee, 1).result_to(caller).details.progress);
}

/// Section 3.2.
#[test]
fn without_call_timeout_the_callers_wish_is_ignored() {
    let mut realm = without(Feature::CallTimeout);
    let (caller, _) = pair(&mut realm, RegisterOptions::default());
    realm.invoke_with(caller, "a.b", CallOptions { timeout_ms: Some(10), ..CallOptions::default() });
    assert_eq!(realm.realm.next_deadline(), None);
}

/// Section 3.2.
#[test]
fn without_call_reroute_unavailable_is_an_error_like_any_other() {
    let mut realm = without(Feature::CallReroute);
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    realm.invoke(caller, "a.b");
    assert_eq!(realm.errs(one, 1, "wamp.error.unavailable").refused(caller).1, "wamp.error.unavailable");
}

/// Section 3.2: the caller is answered, the callee hears nothing.
#[test]
fn without_call_canceling_nobody_is_interrupted() {
    let mut realm = without(Feature::CallCanceling);
    let (caller, callee) = pair(&mut realm, RegisterOptions::default());
    realm.invoke(caller, "a.b");
    let request = realm.last_request(caller);
    let seen = realm.cancel(caller, request, CancelMode::Kill);
    assert_eq!(seen.refused(caller).1, "wamp.error.canceled");
    assert!(seen.messages_to(callee).is_empty());
}

/// Section 3.2.
#[test]
fn without_caller_identification_nobody_is_named() {
    let mut realm = without(Feature::CallerIdentification);
    let (caller, _) = pair(&mut realm, RegisterOptions { disclose_caller: true, ..RegisterOptions::default() });
    assert_eq!(realm.invoke(caller, "a.b").1.details.caller, None);
}

/// Section 3.2: another registration than was asked for would be worse than none.
#[test]
fn without_patterns_and_sharing_a_register_that_needs_them_is_refused() {
    let pattern = RegisterOptions { match_policy: MatchPolicy::Prefix, ..RegisterOptions::default() };
    let shared = RegisterOptions { invoke: InvocationPolicy::Random, ..RegisterOptions::default() };
    for (feature, options) in [(Feature::PatternBasedRegistration, pattern), (Feature::SharedRegistration, shared)] {
        let mut realm = without(feature);
        let session = realm.join();
        let seen = realm.registering(session, "a.b", options);
        assert_eq!(seen.refused(session).1, "wamp.error.option_not_allowed");
        realm.register(session, "a.b");
    }
}

/// Section 3.2.
#[test]
fn without_registration_revocation_a_former_callee_is_not_told() {
    let mut realm = without(Feature::RegistrationRevocation);
    let (_, callee) = pair(&mut realm, RegisterOptions::default());
    let next = realm.join();
    let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
    assert!(realm.registering(next, "a.b", options).messages_to(callee).is_empty());
}
