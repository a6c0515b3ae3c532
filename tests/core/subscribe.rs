//! SUBSCRIBE and UNSUBSCRIBE: section 8.1 of the reference.

use crate::test_realm::{TestRealm, EXACT, PREFIX, WILDCARD};
use wharf::wamp::{Message, MessageKind, SubscriptionId};

/// R33.
#[test]
fn subscribe_is_answered_by_subscribed_with_the_request() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let seen = realm.subscribing(session, "com.shop.sold", EXACT);
    let Message::Subscribed(subscribed) = seen.only_message_to(session) else { panic!("{seen:?}") };
    assert_eq!(subscribed.request, realm.last_request(session));
    assert_eq!(seen.0.len(), 1);
}

/// R34.
#[test]
fn a_repeated_subscribe_gives_the_same_id_and_one_delivery() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    let first = realm.subscribe(subscriber, "com.shop.sold", EXACT);
    assert_eq!(realm.subscribe(subscriber, "com.shop.sold", EXACT), first);
    assert_eq!(realm.publish(publisher, "com.shop.sold").receivers(), [[subscriber]]);
    realm.unsubscribe(subscriber, first);
    assert!(realm.publish(publisher, "com.shop.sold").is_silent());
}

/// R33, section 8.1: one subscription has one id, shared by its subscribers.
#[test]
fn all_subscribers_of_one_topic_share_one_id() {
    let mut realm = TestRealm::new();
    let (one, other) = (realm.join(), realm.join());
    assert_eq!(realm.subscribe(one, "a.b", PREFIX), realm.subscribe(other, "a.b", PREFIX));
    assert_eq!(realm.realm.counters().subscriptions, 1);
}

/// R35.
#[test]
fn exact_prefix_and_wildcard_on_one_uri_are_three_subscriptions() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    let mut ids: Vec<_> = [EXACT, PREFIX, WILDCARD].map(|policy| realm.subscribe(subscriber, "a.b", policy)).to_vec();
    let seen = realm.publish(publisher, "a.b");
    assert_eq!(seen.receivers(), [[subscriber], [subscriber], [subscriber]]);
    assert_eq!(seen.events().iter().map(|event| event.subscription).collect::<Vec<_>>(), ids);
    ids.sort_unstable();
    ids.dedup();
    assert_eq!(ids.len(), 3);
}

/// R45, D42.
#[test]
fn unsubscribe_of_an_unknown_or_foreign_id_is_no_such_subscription() {
    let mut realm = TestRealm::new();
    let (owner, other) = (realm.join(), realm.join());
    let id = realm.subscribe(owner, "a.b", EXACT);
    let refused = (MessageKind::Unsubscribe, "wamp.error.no_such_subscription".to_owned());
    assert_eq!(realm.unsubscribe(other, id).refused(other), refused);
    let unknown = SubscriptionId::new(id.get() ^ 1).unwrap();
    assert_eq!(realm.unsubscribe(owner, unknown).refused(owner), refused);
    assert_eq!(realm.publish(other, "a.b").receivers(), [[owner]]);
}

/// R46, D61.
#[test]
fn nothing_is_delivered_after_unsubscribed() {
    let mut realm = TestRealm::new();
    let (publisher, leaver, stayer) = (realm.join(), realm.join(), realm.join());
    let id = realm.subscribe(leaver, "a.b", EXACT);
    realm.subscribe(stayer, "a.b", EXACT);
    let seen = realm.unsubscribe(leaver, id);
    assert!(matches!(seen.only_message_to(leaver), Message::Unsubscribed(message) if message.request.is_some()));
    assert_eq!(realm.publish(publisher, "a.b").receivers(), [[stayer]]);
}

/// Section 8.1: a subscription lasts until the end of the session, and then its topic is free.
#[test]
fn a_subscription_ends_with_its_last_subscriber() {
    let mut realm = TestRealm::new();
    let (one, other) = (realm.join(), realm.join());
    let id = realm.subscribe(one, "a.b", EXACT);
    realm.subscribe(other, "a.b", EXACT);
    realm.leave(one);
    assert_eq!(realm.realm.counters().subscriptions, 1);
    realm.leave(other);
    assert_eq!(realm.realm.counters().subscriptions, 0);
    let third = realm.join();
    assert_ne!(realm.subscribe(third, "a.b", EXACT), id, "another subscription, another id");
}

/// Limits, section 9: leaving a topic with many subscribers moves one of them and loses none.
#[test]
fn subscribers_that_leave_from_the_middle_take_nobody_with_them() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    let sessions: Vec<_> = (0..9).map(|_| realm.join()).collect();
    for session in &sessions {
        realm.subscribe(*session, "a.b", EXACT);
    }
    let mut left = sessions.clone();
    for gone in [4, 7, 0, 2, 1] {
        realm.leave(left.remove(gone.min(left.len() - 1)));
        assert_eq!(realm.publish(publisher, "a.b").all_receivers(), left);
    }
}
