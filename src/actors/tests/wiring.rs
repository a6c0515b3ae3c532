//! Messages find their way from session to realm and back, in order, and sessions begin and end as they should.

use super::peer::{hello_details, Router};
use crate::actors::connection::Arrival;
use crate::actors::session::ShutDown;
use crate::observe::Refusal;
use crate::session::CloseCode;
use crate::wamp::{ErrorUri, MessageKind};
use bytes::Bytes;
use serde_json::json;
use std::time::Duration;

#[actix::test]
async fn a_call_goes_from_caller_to_callee_and_back() {
    let router = Router::new();
    let (mut caller, mut callee) = (router.join().await, router.join().await);
    callee.register("com.add").await;
    caller.say(json!([48, 1, {}, "com.add", [3, 4]]));
    let invocation = callee.hear().await;
    assert_eq!((&invocation[0], &invocation[1], &invocation[4]), (&json!(68), &json!(1), &json!([3, 4])));
    callee.say(json!([70, 1, {}, [7]]));
    assert_eq!(caller.hear().await, json!([50, 1, {}, [7]]));
    assert_eq!(router.metrics.messages_in(MessageKind::Call), 1);
    assert_eq!(router.metrics.messages_out(MessageKind::Result), 1);
}

/// R107.
#[actix::test]
async fn realms_share_nothing() {
    let router = Router::new();
    let (mut here, mut there) = (router.join().await, router.join_realm("realm2").await);
    here.subscribe("com.topic").await;
    here.register("com.procedure").await;
    there.publish("com.topic", json!([1])).await;
    there.say(json!([48, 9, {}, "com.procedure"]));
    assert_eq!(there.hear().await[4], "wamp.error.no_such_procedure");
    here.say(json!([48, 9, {}, "com.none"]));
    assert_eq!(here.hear().await[0], 8, "no EVENT came before");
}

/// R47, R66: one batch or many, the order is that of sending.
#[actix::test]
async fn a_thousand_messages_in_one_read_keep_their_order() {
    let router = Router::new();
    let (publisher, mut subscriber) = (router.join().await, router.join().await);
    let subscription = subscriber.subscribe("com.topic").await;
    for number in 0..1000 {
        publisher.say(json!([16, number + 1, {}, "com.topic", [number]]));
    }
    for number in 0..1000 {
        let event = subscriber.hear().await;
        assert_eq!((&event[0], &event[1], &event[4]), (&json!(36), &json!(subscription), &json!([number])));
    }
}

/// R10, R15: answers that were due come before the GOODBYE; another session may follow.
#[actix::test]
async fn goodbye_is_answered_after_what_was_asked_before_and_a_new_hello_is_welcome() {
    let router = Router::new();
    let mut peer = router.join().await;
    peer.say(json!([16, 1, { "acknowledge": true }, "com.topic"]));
    peer.say(json!([6, {}, "wamp.close.normal"]));
    peer.say(json!([1, "realm2", hello_details()]));
    assert_eq!(peer.hear().await[0], 17);
    assert_eq!(peer.hear().await, json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(peer.hear().await[0], 2);
    assert_eq!(router.metrics.sessions(), 1);
}

/// R20, R22, R23, P1: what a violator had is gone before it is told.
#[actix::test]
async fn a_violation_disposes_of_the_session_at_once() {
    let router = Router::new();
    let (mut violator, mut other) = (router.join().await, router.join().await);
    violator.register("com.procedure").await;
    violator.say(json!([48, 1]));
    let abort = violator.hear().await;
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.protocol_violation")));
    other.register("com.procedure").await;
    assert_eq!(violator.close_code().await, Some(1002));
    assert_eq!(router.metrics.refused(Refusal::Decode), 1);
}

/// R24, P2: an answer to an invocation that was never issued ends the session that sent it.
#[actix::test]
async fn a_yield_for_an_invocation_that_was_never_issued_is_a_violation_of_its_sender() {
    let router = Router::new();
    let (mut forger, mut callee, mut caller) = (router.join().await, router.join().await, router.join().await);
    callee.register("com.procedure").await;
    caller.say(json!([48, 1, {}, "com.procedure"]));
    callee.hear().await;
    forger.say(json!([70, 1, {}, ["forged"]]));
    assert_eq!(forger.hear().await[2], "wamp.error.protocol_violation");
    callee.say(json!([70, 1, {}, ["true"]]));
    assert_eq!(caller.hear().await[3], json!(["true"]));
    assert_eq!(router.metrics.refused(Refusal::ForgedId), 1);
}

/// T1.
#[actix::test]
async fn silence_before_welcome_ends_the_connection() {
    let router = Router { handshake_timeout: Duration::from_millis(30), ..Router::new() };
    let mut silent = router.connect();
    assert_eq!(silent.hear().await[2], "wharf.error.handshake_timeout");
    assert_eq!(silent.close_code().await, Some(1008));
    assert_eq!(router.metrics.refused(Refusal::HandshakeTimeout), 1);
}

/// Section 4.3 of the reference: the transport is closed in order if no other session follows.
#[actix::test]
async fn a_transport_without_a_new_hello_is_closed_some_time_after_goodbye() {
    let router = Router::new();
    let mut peer = router.join().await;
    peer.say(json!([6, {}, "wamp.close.normal"]));
    assert_eq!(peer.hear().await[0], 6);
    assert!(peer.hear_or_close().await.is_none(), "no ABORT");
    assert_eq!(peer.close_code().await, Some(1000));
    assert_eq!(router.metrics.refused(Refusal::HandshakeTimeout), 0);
}

/// T1: answering pings does not extend it.
#[actix::test]
async fn pings_do_not_extend_the_time_for_the_handshake() {
    let router = Router { handshake_timeout: Duration::from_millis(30), ..Router::new() };
    let mut pinger = router.connect();
    pinger.arrive(Arrival::Ping(Bytes::from_static(b"x")));
    assert_eq!(pinger.hear().await, "pong");
    assert_eq!(pinger.hear().await[2], "wharf.error.handshake_timeout");
}

/// R8, P6.
#[actix::test]
async fn an_unknown_realm_is_refused_and_leaves_nothing() {
    let router = Router::new();
    let mut peer = router.connect();
    peer.say(json!([1, "no.such.realm", hello_details()]));
    assert_eq!(peer.hear().await[2], "wamp.error.no_such_realm");
    assert_eq!(peer.close_code().await, Some(1008));
    assert_eq!(router.metrics.refused(Refusal::NoSuchRealm), 1);
}

/// R14, R67: the end of a transport ends the session.
#[actix::test]
async fn a_lost_callee_ends_the_calls_that_it_was_serving() {
    let router = Router::new();
    let (mut caller, mut callee) = (router.join().await, router.join().await);
    callee.register("com.procedure").await;
    caller.say(json!([48, 1, {}, "com.procedure"]));
    callee.hear().await;
    callee.arrive(Arrival::Closed(None));
    assert_eq!(caller.hear().await[4], "wamp.error.canceled");
    caller.register("com.procedure").await;
}

/// T7.
#[actix::test]
async fn a_flood_of_pings_is_cut() {
    let router = Router::new();
    let mut flooder = router.join().await;
    for _ in 0..101 {
        flooder.arrive(Arrival::Ping(Bytes::from_static(b"x")));
    }
    assert_eq!(flooder.close_code().await, Some(1008));
    assert_eq!(router.metrics.refused(Refusal::ControlFlood), 1);
}

/// Limits, section 14.
#[actix::test]
async fn a_shutdown_says_goodbye_and_waits_for_the_answer() {
    let router = Router::new();
    let mut peer = router.join().await;
    let stop = ShutDown {
        reason: ErrorUri::SYSTEM_SHUTDOWN,
        message: "the router is stopping",
        code: CloseCode::GOING_AWAY,
        callees: true,
    };
    peer.session.send(stop).await.unwrap();
    assert_eq!(peer.hear().await[2], "wamp.close.system_shutdown");
    peer.say(json!([48, 1, {}, "com.ignored"]));
    peer.say(json!([6, {}, "wamp.close.goodbye_and_out"]));
    assert_eq!(peer.close_code().await, Some(1001));
}

/// R86: the realm ends a session; the peer is told why.
#[actix::test]
async fn a_killed_session_gets_a_goodbye_with_the_reason() {
    let router = Router::new();
    let (mut killer, mut victim) = (router.join().await, router.connect());
    victim.say(json!([1, "realm1", hello_details()]));
    let session = victim.hear().await[1].clone();
    killer.say(json!([48, 1, {}, "wamp.session.kill", [session], { "reason": "com.app.banned", "message": "go" }]));
    assert_eq!(victim.hear().await, json!([6, { "message": "go" }, "com.app.banned"]));
    assert_eq!(killer.hear().await[0], 50);
}
