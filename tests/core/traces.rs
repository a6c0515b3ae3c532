//! Trace context: what a caller or publisher says of its trace reaches callees and subscribers where the realm hands it on.

use crate::test_realm::{Seen, TestRealm, EXACT, PREFIX};
use std::sync::Arc;
use wharf::routing::{RealmRules, SessionKey};
use wharf::wamp::message::{Call, Subscribe};
use wharf::wamp::options::{CallOptions, PublishOptions, RegisterOptions, SubscribeOptions};
use wharf::wamp::{ErrorUri, InvocationPolicy, Message, Payload, RequestId, TraceContext};

fn trace() -> Option<Arc<TraceContext>> {
    let parent = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";
    Some(TraceContext::read(parent, Some("rojo=1")).expect("it is well-formed"))
}

fn traced() -> CallOptions {
    CallOptions { trace: trace(), ..CallOptions::default() }
}

fn handing_on() -> TestRealm {
    TestRealm::with_rules(RealmRules { hands_on_trace: true, ..RealmRules::default() })
}

fn trace_to(seen: &Seen, callee: SessionKey) -> Option<Arc<TraceContext>> {
    match seen.only_message_to(callee) {
        Message::Invocation(invocation) => invocation.details.trace,
        other => panic!("INVOCATION expected, got {other:?}"),
    }
}

#[test]
fn a_trace_goes_from_call_to_invocation_and_from_publish_to_every_event() {
    let mut realm = handing_on();
    let [peer, callee, exact, prefix] = [realm.join(), realm.join(), realm.join(), realm.join()];
    realm.register(callee, "a.b");
    assert_eq!(realm.invoke_with(peer, "a.b", traced()).1.details.trace, trace());
    assert_eq!(realm.invoke(peer, "a.b").1.details.trace, None, "each call has its own");
    realm.subscribe(exact, "a.c", EXACT);
    realm.subscribe(prefix, "a", PREFIX);
    let options = PublishOptions { trace: trace(), ..PublishOptions::default() };
    let traces: Vec<_> =
        realm.publish_with(peer, "a.c", options).events().into_iter().map(|event| event.details.trace).collect();
    assert_eq!(traces, [trace(), trace()]);
    assert!(realm.publish(peer, "a.c").events().iter().all(|event| event.details.trace.is_none()));
}

#[test]
fn a_realm_that_does_not_hand_traces_on_passes_nothing_of_them() {
    let mut realm = TestRealm::new();
    let (peer, callee) = (realm.join(), realm.join());
    realm.register(callee, "a.b");
    realm.subscribe(callee, "a.c", EXACT);
    assert_eq!(realm.invoke_with(peer, "a.b", traced()).1.details.trace, None);
    let options = PublishOptions { trace: trace(), ..PublishOptions::default() };
    assert_eq!(realm.publish_with(peer, "a.c", options).events()[0].details.trace, None);
}

#[test]
fn a_trace_stays_with_a_call_that_waits_that_goes_on_and_that_comes_in_parts() {
    let mut realm = handing_on();
    let [caller, one, two] = [realm.join(), realm.join(), realm.join()];
    let alone = RegisterOptions { concurrency: Some(1), ..RegisterOptions::default() };
    realm.register_with(one, "a.alone", alone);
    realm.invoke(caller, "a.alone");
    assert!(realm.call_with(caller, "a.alone", traced()).is_silent(), "it waits");
    assert_eq!(trace_to(&realm.yields(one, 1), one), trace());

    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    let (_, invocation) = realm.invoke_with(caller, "a.b", traced());
    assert_eq!(trace_to(&realm.errs(one, invocation.request.get(), "wamp.error.unavailable"), two), trace());

    let (_, invocation) = realm.invoke_with(caller, "a.b", traced());
    assert_eq!(trace_to(&realm.gives_back(one, invocation, ErrorUri::NETWORK_FAILURE), two), trace());

    let mut part = |options| {
        let request = RequestId::new(9).unwrap();
        let seen = realm.handle(caller, Call { request, options, procedure: "a.b".into(), payload: Payload::Empty });
        trace_to(&seen, one)
    };
    assert_eq!(part(CallOptions { progress: true, ..traced() }), trace());
    assert_eq!(part(CallOptions::default()), trace(), "the options of the first call hold");
}

/// The trace of a publication is over when somebody comes later.
#[test]
fn a_retained_event_has_no_trace() {
    let mut realm = handing_on();
    let (publisher, late) = (realm.join(), realm.join());
    realm.publish_with(publisher, "a.c", PublishOptions { retain: true, trace: trace(), ..PublishOptions::default() });
    let request = realm.request(late);
    let options = SubscribeOptions { match_policy: EXACT, get_retained: true };
    let events = realm.handle(late, Subscribe { request, options, topic: "a.c".into() }).events();
    assert_eq!(events.iter().map(|event| event.details.trace.clone()).collect::<Vec<_>>(), [None]);
}
