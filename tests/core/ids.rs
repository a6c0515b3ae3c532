//! Ids of other sessions, ids in use, and violations that only the realm can see: sections 4.3, 4.4, 5.1 and 9.1.

use crate::test_realm::{error_of, TestRealm, EXACT};
use wharf::routing::Effect;
use wharf::wamp::message::{Call, Publish, Register, Subscribe, Unregister, Unsubscribe};
use wharf::wamp::options::{CallOptions, PublishOptions, RegisterOptions, SubscribeOptions};
use wharf::wamp::{Message, MessageKind, Payload, RegistrationId, RequestId, SubscriptionId};

/// R24, D4, P2.
#[test]
fn an_answer_to_an_invocation_never_issued_to_that_session_is_a_violation() {
    let mut realm = TestRealm::new();
    let [caller, callee, forger] = [realm.join(), realm.join(), realm.join()];
    realm.register(callee, "a.b");
    realm.register(forger, "c.d");
    realm.invoke(caller, "a.b");
    let seen = realm.yields(forger, 1);
    assert_eq!(seen.violation(forger), "YIELD: invocation 1 was never issued to this session");
    assert!(seen.messages_to(caller).is_empty());
    assert_eq!(realm.call(caller, "c.d").refused(caller).1, "wamp.error.no_such_procedure", "the forger is gone");
    let seen = realm.errs(callee, 2, "com.app.e");
    assert_eq!(seen.violation(callee), "ERROR: invocation 2 was never issued to this session");
    assert_eq!(seen.refused(caller).1, "wamp.error.canceled");
}

/// R24: an answer to one that has ended is ignored, and counted.
#[test]
fn an_answer_to_an_ended_invocation_is_ignored() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    realm.invoke(caller, "a.b");
    realm.yields(callee, 2);
    assert!(realm.yields(callee, 2).is_silent());
    assert!(realm.progress(callee, 2).is_silent());
    assert_eq!(realm.realm.counters().late_answers, 2);
    assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
}

/// P2: everything of others, from 1 on; no victim sees anything.
#[test]
fn a_session_can_neither_cancel_unsubscribe_nor_unregister_for_others() {
    let mut realm = TestRealm::new();
    let [caller, callee, forger] = [realm.join(), realm.join(), realm.join()];
    let registration = realm.register(callee, "a.b");
    let subscription = realm.subscribe(callee, "a.b", EXACT);
    realm.invoke(caller, "a.b");
    for id in 1..100 {
        for mode in wharf::wamp::CancelMode::ALL {
            assert!(realm.cancel(forger, RequestId::new(id).unwrap(), *mode).is_silent());
        }
        let seen = realm.unregister(forger, RegistrationId::new(id).unwrap());
        assert_eq!((seen.0.len(), seen.messages_to(forger).len()), (1, 1));
    }
    realm.unregister(forger, registration);
    realm.unsubscribe(forger, subscription);
    assert_eq!(realm.publish(forger, "a.b").receivers(), [[callee]]);
    assert_eq!(realm.yields(callee, 1).messages_to(caller).len(), 1);
}

/// R25, P3: each of the six requests, with the id of a call under way.
#[test]
fn a_request_with_the_id_of_a_call_under_way_is_a_violation() {
    let request = RequestId::new(7).unwrap();
    let (topic, payload) = (wharf::wamp::Uri::from("a.b"), Payload::Empty);
    let call = Call { request, options: CallOptions::default(), procedure: topic.clone(), payload: payload.clone() };
    let requests: [wharf::routing::Command; 6] = [
        call.clone().into(),
        Publish { request, options: PublishOptions::default(), topic: topic.clone(), payload }.into(),
        Subscribe { request, options: SubscribeOptions::default(), topic: topic.clone() }.into(),
        Unsubscribe { request, subscription: SubscriptionId::FIRST }.into(),
        Register { request, options: RegisterOptions::default(), procedure: topic }.into(),
        Unregister { request, registration: RegistrationId::FIRST }.into(),
    ];
    for command in requests {
        let mut realm = TestRealm::new();
        let (caller, callee) = (realm.join(), realm.join());
        realm.register(callee, "a.b");
        realm.handle(caller, call.clone());
        let seen = realm.handle(caller, command);
        assert!(seen.violation(caller).contains("request id 7 belongs to a call under way"));
        assert!(seen.interrupt_to(callee).is_some(), "the call is over");
    }
}

/// R25: an id is free again when its call has ended, and one session's ids are not another's.
#[test]
fn an_id_is_free_again_when_its_call_has_ended() {
    let mut realm = TestRealm::new();
    let [caller, other, callee] = [realm.join(), realm.join(), realm.join()];
    realm.register(callee, "a.b");
    let request = RequestId::new(7).unwrap();
    let call = Call { request, options: CallOptions::default(), procedure: "a.b".into(), payload: Payload::Empty };
    for invocation in [1, 3] {
        assert_eq!(realm.handle(caller, call.clone()).messages_to(callee).len(), 1);
        assert_eq!(realm.handle(other, call.clone()).messages_to(callee).len(), 1);
        realm.yields(callee, invocation);
        realm.yields(callee, invocation + 1);
    }
}

/// R21.
#[test]
fn an_error_of_another_kind_than_invocation_is_a_violation() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let seen = realm.handle(session, error_of(MessageKind::Call, RequestId::FIRST, "a.b"));
    assert_eq!(seen.violation(session), "ERROR: expected the type INVOCATION, got CALL");
}

/// R22: after a violation everything of the session is gone, and no more of it is processed.
#[test]
fn a_violation_disposes_of_the_session_before_it_is_closed() {
    let mut realm = TestRealm::new();
    let (bad, other) = (realm.join(), realm.join());
    realm.subscribe(bad, "a.b", EXACT);
    realm.register(bad, "a.b");
    realm.subscribe(other, "wamp.session.on_leave", EXACT);
    let seen = realm.yields(bad, 9);
    assert!(matches!(&seen.0[..], [Effect::Deliver { .. }, Effect::Close { .. }]), "{seen:?}");
    assert!(realm.publish(bad, "a.b").is_silent());
    assert!(realm.publish(other, "a.b").is_silent());
    assert_eq!(realm.call(other, "a.b").refused(other).1, "wamp.error.no_such_procedure");
}

/// R14: the same disposal, once.
#[test]
fn leaving_twice_is_leaving_once() {
    let mut realm = TestRealm::new();
    let (session, watcher) = (realm.join(), realm.join());
    realm.subscribe(watcher, "wamp.session.on_leave", EXACT);
    assert_eq!(realm.leave(session).events().len(), 1);
    assert!(realm.leave(session).is_silent());
}

/// Section 4.4: the key of a session that is gone never means the one that took its slot.
#[test]
fn a_stale_key_does_nothing() {
    let mut realm = TestRealm::new();
    let gone = realm.join();
    realm.leave(gone);
    let heir = realm.join();
    assert_eq!(gone.slot(), heir.slot());
    assert_ne!(gone, heir);
    assert!(realm.subscribing(gone, "a.b", EXACT).is_silent());
    assert!(realm.leave(gone).is_silent());
    assert_eq!(realm.realm.len(), 1);
}

/// Section 4.4.
#[test]
fn disposal_goes_in_order_served_calls_issued_calls_on_leave() {
    let mut realm = TestRealm::new();
    let [session, other] = [realm.join(), realm.join()];
    realm.subscribe(other, "wamp.session.on_leave", EXACT);
    realm.register(session, "mine");
    realm.register(other, "theirs");
    realm.invoke(session, "theirs");
    realm.invoke(other, "mine");
    let kinds: Vec<_> = realm.leave(session).messages_to(other).iter().map(Message::kind).collect();
    assert_eq!(kinds, [MessageKind::Error, MessageKind::Interrupt, MessageKind::Event]);
}

/// R3: publication ids are spread over 1..=2^53.
#[test]
fn publication_ids_are_random() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a.b", EXACT);
    let mut ids: Vec<u64> = (0..200).map(|_| realm.publish(publisher, "a.b").publication_ids()[0].get()).collect();
    let high = ids.iter().filter(|id| **id > 1 << 52).count();
    assert!((60..140).contains(&high), "{high} of 200 in the upper half");
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 200);
}
