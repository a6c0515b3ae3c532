//! Payload passthru: section 13 of the reference, R81, D72.

use crate::test_realm::{TestRealm, ALL_FEATURES};
use wharf::routing::SessionKey;
use wharf::wamp::message::{Call, Error, Yield};
use wharf::wamp::options::{CallOptions, ErrorDetails, Ppt, RegisterOptions, ResultOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{InvocationId, InvocationPolicy, Message, MessageKind, Payload, RequestId, Uri};

fn ppt() -> Option<Box<Ppt>> {
    let text = |text: &str| Some(text.to_owned());
    let (serializer, cipher, keyid) = (text("cbor"), text("aes256gcm"), text("k1"));
    Some(Box::new(Ppt { scheme: "x_mine".to_owned(), serializer, cipher, keyid }))
}

fn opaque() -> CallOptions {
    CallOptions { ppt: ppt(), ..CallOptions::default() }
}

fn opaque_yield(realm: &mut TestRealm, from: SessionKey, progress: bool) -> crate::test_realm::Seen {
    let (request, payload) = (InvocationId::FIRST, Payload::Empty);
    realm.handle(from, Yield { request, options: ResultOptions { progress, ppt: ppt() }, payload })
}

fn opaque_error(realm: &mut TestRealm, from: SessionKey) -> crate::test_realm::Seen {
    let (request_kind, request, error) = (MessageKind::Invocation, RequestId::FIRST, Uri::from("com.app.no"));
    let payload = crate::test_realm::raw("[1]", 3, None);
    realm.handle(from, Error { request_kind, request, details: ErrorDetails { ppt: ppt() }, error, payload })
}

/// R81.
#[test]
fn ppt_keys_travel_from_call_to_invocation_and_back() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    assert_eq!(realm.invoke_with(caller, "a.b", opaque()).1.details.ppt, ppt());
    assert_eq!(opaque_yield(&mut realm, callee, false).result_to(caller).details.ppt, ppt());
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    assert_eq!(opaque_error(&mut realm, callee).error_to(caller).details.ppt, ppt());
}

/// D72: the policy of a shared registration is not bent for it.
#[test]
fn a_callee_without_passthru_is_feature_not_supported() {
    let mut realm = TestRealm::new();
    let lacking = CalleeFeatures { payload_passthru_mode: false, ..ALL_FEATURES };
    let (caller, callee, able) = (realm.join(), realm.join_featured("bob", "user", lacking), realm.join());
    for callee in [callee, able] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    let seen = realm.call_with(caller, "a.b", opaque());
    assert_eq!(seen.refused(caller).1, "wamp.error.feature_not_supported");
    assert_eq!(seen.0.len(), 1);
    assert_eq!(realm.realm.counters().calls, 0);
}

/// D72: the call ends; a callee that has more to say is told.
#[test]
fn an_opaque_result_for_a_caller_without_passthru_ends_the_call() {
    for progress in [false, true] {
        let mut realm = TestRealm::new();
        let (caller, callee) = (realm.join_plain(), realm.join());
        let one_at_once = RegisterOptions { concurrency: Some(1), ..RegisterOptions::default() };
        realm.register_with(callee, "a.b", one_at_once);
        realm.invoke_with(caller, "a.b", CallOptions { receive_progress: true, ..CallOptions::default() });
        realm.call(caller, "a.b");
        let seen = opaque_yield(&mut realm, callee, progress);
        let next = seen.messages_to(callee).pop();
        assert!(matches!(next, Some(Message::Invocation(_))), "there is room for the call that waits");
        assert_eq!(seen.refused(caller), (MessageKind::Call, "wamp.error.feature_not_supported".to_owned()));
        assert_eq!(seen.interrupt_to(callee).is_some(), progress);
        assert_eq!(realm.realm.counters().calls, 1);
    }
}

/// D72: what went wrong is told, and what cannot be read is not.
#[test]
fn an_opaque_error_for_a_caller_without_passthru_keeps_its_uri_only() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join_plain(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    let error = opaque_error(&mut realm, callee).error_to(caller);
    assert_eq!((error.error.as_str(), error.details.ppt, error.payload), ("com.app.no", None, Payload::Empty));
}

/// D72: the router is the callee of its own procedures, and lacks it.
#[test]
fn an_opaque_call_of_a_meta_procedure_is_feature_not_supported() {
    let mut realm = TestRealm::new();
    let caller = realm.join();
    let (request, options, procedure) = (RequestId::FIRST, opaque(), Uri::from("wamp.session.count"));
    let seen = realm.handle(caller, Call { request, options, procedure, payload: Payload::Empty });
    assert_eq!(seen.refused(caller).1, "wamp.error.feature_not_supported");
    assert!(!matches!(seen.only_message_to(caller), Message::Result(_)));
}
