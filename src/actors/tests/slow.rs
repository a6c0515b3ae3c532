//! Peers that do not read (S1, S4; section 3 of the limits).

use super::peer::{hello_details, Peer, Router};
use crate::actors::pressure::Level;
use crate::actors::session::CutForMemory;
use crate::actors::settings::{OnOverflow, OutboxSettings};
use crate::observe::Refusal;
use crate::wamp::MessageKind;
use serde_json::{json, Value};
use std::time::Duration;

const BIG: usize = 200;

/// Publishes so many events, each with its number and some weight.
async fn publish(router: &Router, count: u64) {
    let mut publisher = router.join().await;
    for number in 0..count {
        publisher.publish("com.topic", json!([number, "x".repeat(BIG)])).await;
    }
}

/// S1.
#[actix::test]
async fn a_subscriber_that_does_not_read_is_cut_and_others_lose_nothing() {
    let router = Router::with_policy(OnOverflow::Disconnect, 10);
    let (mut silent, mut healthy, mut watcher) = (router.join().await, router.join().await, router.join().await);
    watcher.subscribe("wharf.session.on_overflow").await;
    silent.subscribe("com.topic").await;
    healthy.subscribe("com.topic").await;
    silent.take_only(0);
    publish(&router, 30).await;
    for number in 0..30 {
        assert_eq!(healthy.hear().await[4][0], number);
    }
    let told = watcher.hear().await;
    assert_eq!(told[4][0]["closed"], true, "{told}");
    assert_eq!(told[4][0]["policy"], "disconnect");
    assert_eq!(router.metrics.refused(Refusal::SlowConsumer), 1);
    silent.take_all();
    assert_eq!(silent.close_code().await, Some(1008));
}

/// S1: the stall clock.
#[actix::test]
async fn a_peer_that_takes_nothing_for_too_long_is_cut() {
    let stall = Duration::from_millis(30);
    let router = Router::with_outbox(OutboxSettings { stall, ..OutboxSettings::default() });
    let mut silent = router.join().await;
    silent.subscribe("com.topic").await;
    silent.take_only(0);
    publish(&router, 1).await;
    silent.close_code().await;
    assert_eq!(router.metrics.refused(Refusal::SlowConsumer), 1);
}

/// Section 3 of the limits: what is delivered is a subsequence, and the gap is named.
#[actix::test]
async fn drop_oldest_delivers_the_newest_and_says_how_many_were_missed() {
    let router = Router::with_policy(OnOverflow::DropOldest, 10);
    let mut slow = router.join().await;
    slow.subscribe("com.topic").await;
    slow.take_only(0);
    publish(&router, 50).await;
    slow.take_all();
    let mut last = None;
    let mut received = 0;
    while last != Some(49) {
        let number = slow.hear().await[4][0].as_u64();
        assert!(number > last, "order is kept");
        last = number;
        received += 1;
    }
    assert!(received <= 10);
    assert_eq!(router.metrics.outbox_dropped(), 50 - received);
    publish(&router, 1).await;
    assert_eq!(slow.hear().await[3]["_wharf_missed"], 50 - received);
    publish(&router, 1).await;
    assert!(slow.hear().await[3].get("_wharf_missed").is_none());
}

/// What `wamp.session.get` says of a session's losses.
async fn dropped_by(asker: &mut Peer, session: &Value) -> u64 {
    let request = asker.request();
    asker.say(json!([48, request, {}, "wamp.session.get", [session]]));
    let details = asker.hear().await;
    assert_eq!(details[0], 50, "{details}");
    details[3][0]["wharf_dropped"].as_u64().unwrap_or(0)
}

/// A session that has lost events, its id, and somebody who listens to `wharf.session.on_overflow`.
async fn one_that_loses(router: &Router) -> (Peer, Value, Peer) {
    let (mut doorman, mut watcher) = (router.join().await, router.join().await);
    doorman.subscribe("wamp.session.on_join").await;
    watcher.subscribe("wharf.session.on_overflow").await;
    let mut slow = router.join().await;
    let id = doorman.hear().await[4][0]["session"].clone();
    slow.subscribe("com.topic").await;
    slow.take_only(0);
    publish(router, 50).await;
    (slow, id, watcher)
}

/// Section 3 of the limits: every drop is counted, and the numbers agree.
#[actix::test]
async fn what_a_session_has_lost_is_the_same_in_the_metric_the_event_and_its_details() {
    let router = Router::with_policy(OnOverflow::DropNewest, 10);
    let (_slow, id, mut watcher) = one_that_loses(&router).await;
    // The first is told at once, the last a second later.
    let mut told = 0;
    while told < 40 {
        told = watcher.hear().await[4][0]["dropped"].as_u64().unwrap();
    }
    assert_eq!(told, router.metrics.outbox_dropped());
    assert_eq!(dropped_by(&mut watcher, &id).await, told);
}

/// Section 3 of the limits: `notify` switches the event off, never the counters.
#[actix::test]
async fn what_a_session_has_lost_stands_in_its_details_where_the_realm_is_not_told() {
    let on_overflow = OnOverflow::DropOldest;
    let outbox = OutboxSettings { on_overflow, messages_max: 10, notify: false, ..OutboxSettings::default() };
    let router = Router::with_outbox(outbox);
    let (_slow, id, mut watcher) = one_that_loses(&router).await;
    while dropped_by(&mut watcher, &id).await == 0 {
        tokio::task::yield_now().await;
    }
}

/// The same for what was dropped on its way to the outbox.
#[actix::test]
async fn events_for_which_the_road_had_no_room_are_told_as_missed() {
    let router = Router::with_policy(OnOverflow::DropOldest, 10);
    let (mut subscriber, publisher) = (router.join().await, router.join().await);
    subscriber.subscribe("com.topic").await;
    // One read of the publisher's, so that all come in one turn of the realm.
    for number in 1..=100 {
        publisher.say(json!([16, number, {}, "com.topic", [number]]));
    }
    let (mut received, mut missed) = (0, 0);
    while received + missed < 101 {
        if received == 1 {
            publish(&router, 1).await;
        }
        let event = subscriber.hear().await;
        received += 1;
        missed += event[3]["_wharf_missed"].as_u64().unwrap_or(0);
    }
    assert!(missed > 0, "the road had room for all");
    assert_eq!(router.metrics.outbox_dropped(), missed);
}

/// S4: a publisher that does not read what answers it is no longer read, and loses nothing.
#[actix::test]
async fn a_peer_that_does_not_read_its_answers_is_not_read_until_it_does() {
    let router = Router::with_policy(OnOverflow::Disconnect, 1000);
    let mut peer = router.join().await;
    peer.take_only(0);
    for request in 1..=3000 {
        peer.say(json!([16, request, { "acknowledge": true }, "com.topic"]));
    }
    // More turns than it takes to handle everything that is read.
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(router.metrics.messages_in(MessageKind::Publish) < 1000, "its socket is not read");
    peer.take_all();
    for request in 1..=3000 {
        assert_eq!(peer.hear().await[1], request);
    }
}

/// S4: a call that came in parts is one call to answer; a callee that has answered it is braked like anybody.
#[actix::test]
async fn a_callee_that_has_answered_a_call_in_parts_is_not_read_while_it_does_not_read() {
    let router = Router::with_policy(OnOverflow::Disconnect, 1000);
    let (mut callee, mut caller) = (router.join().await, router.join().await);
    callee.register("com.parts").await;
    for progress in [true, true, true, false] {
        caller.say(json!([48, 1, { "progress": progress }, "com.parts"]));
        assert_eq!(callee.hear().await[1], 1);
    }
    callee.say(json!([70, 1, {}]));
    assert_eq!(caller.hear().await[0], 50);
    callee.take_only(0);
    for request in 10..3000 {
        callee.say(json!([16, request, { "acknowledge": true }, "com.topic"]));
    }
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
    assert!(router.metrics.messages_in(MessageKind::Publish) < 1000, "its socket is not read");
    callee.take_all();
    assert_eq!(callee.hear().await[1], 10);
}

/// S3.
#[actix::test]
async fn a_node_short_of_memory_lets_nobody_in_and_keeps_those_who_are_in() {
    let router = Router::new();
    let mut inside = router.join().await;
    router.pressure.set(Level::Soft);
    let mut late = router.connect();
    late.say(json!([1, "realm1", hello_details()]));
    assert_eq!(late.hear().await[2], "wharf.error.overloaded");
    assert_eq!(late.close_code().await, Some(1013));
    inside.publish("com.topic", json!([])).await;
    router.pressure.set(Level::Normal);
    router.join().await;
    assert_eq!(router.metrics.refused(Refusal::Overload), 1);
}

/// Section 3 of the limits: a shared registration skips a callee that does not read, as long as another one does.
#[actix::test]
async fn a_callee_that_does_not_read_gets_no_shared_calls_while_another_one_does() {
    let router = Router::with_policy(OnOverflow::Disconnect, 20);
    let (mut slow, mut well, mut caller) = (router.join().await, router.join().await, router.join().await);
    for callee in [&mut slow, &mut well] {
        callee.say(json!([64, 1, { "invoke": "roundrobin" }, "com.shared"]));
        assert_eq!(callee.hear().await[0], 65);
    }
    slow.subscribe("com.topic").await;
    slow.take_only(0);
    publish(&router, 12).await;
    for request in 1..=6 {
        caller.say(json!([48, request, {}, "com.shared"]));
        let invocation = well.hear().await;
        assert_eq!(invocation[0], 68);
        well.say(json!([70, invocation[1], {}]));
        assert_eq!(caller.hear().await[1], request);
    }
}

/// S2: more publishers at once than a road holds; a subscriber that reads is not cut for it, and order is kept.
#[actix::test]
async fn a_burst_of_many_publishers_does_not_cut_a_subscriber_that_reads() {
    let router = Router::with_policy(OnOverflow::Disconnect, 1000);
    let mut subscriber = router.join().await;
    subscriber.subscribe("com.topic").await;
    let mut publishers = Vec::new();
    for _ in 0..20 {
        publishers.push(router.join().await);
    }
    for (name, publisher) in publishers.iter().enumerate() {
        for number in 0..200 {
            publisher.say(json!([16, number + 1, {}, "com.topic", [name, number]]));
        }
        publisher.say(json!([6, {}, "wamp.close.normal"]));
    }
    let mut next = [0; 20];
    for _ in 0..20 * 200 {
        let event = subscriber.hear().await;
        let name = event[4][0].as_u64().unwrap() as usize;
        assert_eq!(event[4][1], next[name], "{event}");
        next[name] += 1;
    }
    assert_eq!(router.metrics.outbox_overflows(), 0);
}

/// S3: at the hard level the session with the largest outbox is cut; what it was is told to it and gone.
#[actix::test]
async fn a_session_cut_for_memory_is_told_so_and_holds_nothing_more() {
    let router = Router::new();
    let (mut cut, mut other) = (router.join().await, router.join().await);
    cut.register("com.procedure").await;
    cut.session.send(CutForMemory).await.unwrap();
    assert_eq!(cut.hear().await[2], "wharf.error.overloaded");
    assert_eq!(cut.close_code().await, Some(1013));
    other.register("com.procedure").await;
}
