//! Callers that go faster than their callee reads (S2; section 3 of the limits).

use super::peer::{Peer, Router};
use crate::actors::delivery::{Delivery, Outgoing, Road};
use crate::actors::settings::{OnOverflow, OutboxSettings};
use crate::observe::Refusal;
use crate::routing::{Effects, SessionKey};
use crate::wamp::message::{Invocation, Message};
use crate::wamp::{InvocationId, MessageKind, RegistrationId};
use serde_json::json;
use std::sync::Arc;

/// Messages that may wait for one session.
const MESSAGES_MAX: usize = 100;

fn router() -> Router {
    Router::with_policy(OnOverflow::Disconnect, MESSAGES_MAX)
}

/// More turns than it takes to handle everything that is read.
async fn let_all_be_handled() {
    for _ in 0..200 {
        tokio::task::yield_now().await;
    }
}

/// A callee that does not read for now, and callers.
async fn deaf_callee(router: &Router) -> (Peer, Peer, Peer) {
    let (mut callee, caller, other) = (router.join().await, router.join().await, router.join().await);
    callee.register("com.echo").await;
    callee.take_only(0);
    (callee, caller, other)
}

fn call_often(caller: &Peer, times: u64) {
    for request in 1..=times {
        caller.say(json!([48, request, {}, "com.echo", [request]]));
    }
}

#[actix::test]
async fn a_caller_in_a_hurry_waits_for_its_callee_and_nobody_loses_a_call() {
    let router = router();
    let (mut callee, mut hasty, mut other) = deaf_callee(&router).await;
    call_often(&hasty, 250);
    let_all_be_handled().await;
    other.say(json!([48, 1, {}, "com.echo", ["other"]]));
    let_all_be_handled().await;
    let waiting = router.metrics.messages_out(MessageKind::Invocation);
    assert!(
        (MESSAGES_MAX / 2..MESSAGES_MAX * 3 / 4).contains(&(waiting as usize)),
        "{waiting} calls lie in the outbox"
    );
    callee.take_all();
    for _ in 0..251 {
        let invocation = callee.hear().await;
        assert_eq!(invocation[0], 68, "{invocation}");
        callee.say(json!([70, invocation[1], {}, invocation[4]]));
    }
    for request in 1..=250 {
        assert_eq!(hasty.hear().await, json!([50, request, {}, [request]]));
    }
    assert_eq!(other.hear().await[3][0], "other");
}

#[actix::test]
async fn a_callee_that_reads_nothing_holds_callers_up_for_a_second_and_then_gives_calls_back() {
    let router = router();
    let (mut callee, mut hasty, mut other) = deaf_callee(&router).await;
    call_often(&hasty, 250);
    let error = hasty.hear().await;
    assert_eq!((&error[0], &error[4]), (&json!(8), &json!("wamp.error.network_failure")), "{error}");
    // Others who call it have their answer, and it is not cut: it may come round yet.
    other.say(json!([48, 1, {}, "com.echo"]));
    assert_eq!(other.hear().await[4], "wamp.error.network_failure");
    assert_eq!(router.metrics.refused(Refusal::SlowConsumer), 0);
    callee.take_all();
    assert_eq!(callee.hear().await[0], 68);
}

/// Others may wait for what it has to say.
#[actix::test]
async fn a_session_that_serves_calls_does_not_wait_for_its_callee() {
    let router = router();
    let (_callee, mut middle, caller) = deaf_callee(&router).await;
    middle.register("com.middle").await;
    caller.say(json!([48, 1, {}, "com.middle"]));
    assert_eq!(middle.hear().await[0], 68);
    for request in 10..=210 {
        middle.say(json!([48, request, {}, "com.echo"]));
    }
    let_all_be_handled().await;
    let here = router.metrics.messages_out(MessageKind::Invocation) + router.metrics.undeliverable();
    assert_eq!(here, 1 + 201);
}

#[actix::test]
async fn what_a_session_asked_behind_its_calls_is_done_before_it_leaves() {
    let router = router();
    let (_callee, hasty, mut subscriber) = deaf_callee(&router).await;
    subscriber.subscribe("com.topic").await;
    call_often(&hasty, 100);
    hasty.say(json!([16, 101, {}, "com.topic"]));
    let_all_be_handled().await;
    assert_eq!(router.metrics.messages_out(MessageKind::Event), 0, "it waits behind the calls");
    hasty.say(json!([6, {}, "wamp.close.normal"]));
    drop(hasty.session);
    assert_eq!(subscriber.hear().await[0], 36);
}

/// What lies on the road to a session whose actor has ended is taken by nobody: a realm that waited for it would stand still.
#[actix::test]
async fn no_realm_waits_for_the_road_to_a_session_that_is_gone() {
    let router = router();
    let (peer, key, road) = (router.join().await, SessionKey::new(7, 1), Arc::<Road>::default());
    let (mut delivery, mut effects) = (Delivery::default(), Effects::new());
    delivery.add(
        key,
        peer.session.clone(),
        Arc::clone(&road),
        OutboxSettings { messages_max: 10, ..OutboxSettings::default() },
    );
    for request in 1..=6 {
        let (request, registration) = (InvocationId::new(request).unwrap(), RegistrationId::new(1).unwrap());
        let message: Message =
            Invocation { request, registration, details: Default::default(), payload: Default::default() }.into();
        effects.send(key, message);
    }
    delivery.carry_out(&mut effects, &router.tally);
    assert!(delivery.is_crowded());
    road.close();
    assert!(!delivery.is_crowded());
    delivery.dismiss(key, Outgoing::Left);
}
