//! What the realm has its store keep for history, and who waits for that: sections 8.5 and 8.7 of the reference, section 1 of
//! the store.

use crate::test_realm::{ack, args, raw, Seen, TestRealm, EXACT, PREFIX, WILDCARD};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    Effect, Effects, HistoryRule, KeptEvent, Order, RealmRules, SessionKey, StoreFault, TopicRule, TrustLevels,
    UriTable, Waiting,
};
use wharf::wamp::message::Publish;
use wharf::wamp::options::{Listing, Ppt, PublishOptions};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{MatchPolicy, Message, MessageKind, Uri, Value, WallTime};

const IN_MEMORY: HistoryRule = HistoryRule { limit: 10, max_age: None, durable: false };
const ON_DISK: HistoryRule = HistoryRule { limit: 10, max_age: None, durable: true };

fn rules(topics: Vec<(MatchPolicy, &str, Option<HistoryRule>)>) -> RealmRules {
    let rule = |history| TopicRule { history, ..TopicRule::default() };
    let topics = topics.into_iter().map(|(policy, topic, history)| (policy, Uri::from(topic), rule(history)));
    RealmRules { topics: Arc::new(UriTable::new(topics.collect())), ..RealmRules::default() }
}

/// A realm that keeps the history of `a.b`.
fn realm_with(history: HistoryRule) -> TestRealm {
    TestRealm::with_rules(rules(vec![(EXACT, "a.b", Some(history))]))
}

/// The events that the store is told to keep.
fn kept(seen: &Seen) -> Vec<Arc<KeptEvent>> {
    let keep = |order| match order {
        Order::Keep { event, .. } => event,
        other => panic!("an event to be kept expected, got {other:?}"),
    };
    seen.orders().into_iter().map(keep).collect()
}

fn waiting(seen: &Seen) -> Waiting {
    match &seen.orders()[..] {
        [Order::Keep { waiting: Some(waiting), .. }] => *waiting,
        other => panic!("one event that is waited for expected, got {other:?}"),
    }
}

fn answer(realm: &mut TestRealm, waiting: Waiting, outcome: Result<(), StoreFault>) -> Seen {
    let (now, mut effects) = (realm.now, Effects::new());
    realm.realm.kept(now, waiting, outcome, &mut effects);
    assert_eq!(realm.realm.broken_invariant(), None);
    Seen(effects.drain().flat_map(Effect::one_by_one).collect())
}

fn own() -> PublishOptions {
    PublishOptions { exclude_me: false, ..ack() }
}

fn kinds(seen: &Seen, session: SessionKey) -> Vec<MessageKind> {
    seen.messages_to(session).iter().map(Message::kind).collect()
}

/// Section 8.7: history is kept for the topics that the configuration names, whether or not anybody is subscribed.
#[test]
fn an_event_is_recorded_if_the_most_specific_rule_of_its_topic_has_history() {
    let mut realm = TestRealm::with_rules(rules(vec![
        (PREFIX, "a.", Some(IN_MEMORY)),
        (EXACT, "a.quiet", None),
        (WILDCARD, "b..x", Some(ON_DISK)),
    ]));
    let publisher = realm.join();
    for (topic, history) in
        [("a.b", Some(IN_MEMORY)), ("a.quiet", None), ("b.1.x", Some(ON_DISK)), ("b.1.y", None), ("c", None)]
    {
        let seen = realm.publish(publisher, topic);
        let recorded = seen.orders().into_iter().map(|order| match order {
            Order::Keep { history, retain: false, waiting: None, .. } => history,
            other => panic!("history only expected, got {other:?}"),
        });
        assert_eq!(recorded.collect::<Vec<_>>(), history.map(Some).into_iter().collect::<Vec<_>>(), "{topic}");
    }
}

/// Section 8.7: what is kept is the event with its details, the time at which it was routed, and the lists by name, sorted.
#[test]
fn a_recorded_event_says_all_that_its_subscribers_were_told() {
    let mut realm = realm_with(IN_MEMORY);
    let publisher = realm.join_as("ann", "staff");
    realm.now += Duration::from_secs(1);
    let ppt = Some(Box::new(Ppt { scheme: "mqtt".to_owned(), ..Ppt::default() }));
    let eligible_authrole = Some(vec!["user".to_owned(), "staff".to_owned()]);
    let listing = Some(Box::new(Listing { eligible_authrole, ..Listing::default() }));
    let options = PublishOptions { disclose_me: true, ppt: ppt.clone(), listing, ..PublishOptions::default() };
    let (request, payload) = (realm.request(publisher), raw("[1]", 3, None));
    let seen = realm.handle(publisher, Publish { request, options, topic: "a.b".into(), payload: payload.clone() });
    let event = kept(&seen).remove(0);
    assert_eq!((event.topic.as_str(), &event.payload, &event.ppt), ("a.b", &payload, &ppt));
    assert_eq!(event.time, WallTime(1_795_392_001_000_000));
    assert_eq!(event.publisher.as_ref().map(|named| named.session.get()), Some(realm.id(publisher)));
    let sorted = vec!["staff".to_owned(), "user".to_owned()];
    assert_eq!(event.listing.as_ref().and_then(|listing| listing.eligible_authrole.clone()), Some(sorted));
}

/// R56.
#[test]
fn an_event_published_with_exclude_or_eligible_is_not_recorded() {
    let mut realm = realm_with(IN_MEMORY);
    let publisher = realm.join();
    let lists = [
        (Listing { exclude: Some(vec![5]), ..Listing::default() }, 0),
        (Listing { eligible: Some(vec![]), ..Listing::default() }, 0),
        (Listing { exclude_authid: Some(vec!["ann".to_owned()]), ..Listing::default() }, 1),
    ];
    for (listing, recorded) in lists {
        let options = PublishOptions { listing: Some(Box::new(listing.clone())), ..PublishOptions::default() };
        assert_eq!(realm.publish_with(publisher, "a.b", options).orders().len(), recorded, "{listing:?}");
    }
}

/// D51: meta events are the router's, and no rule of a topic records them.
#[test]
fn events_of_reserved_topics_are_never_recorded() {
    let rule = |topic| (PREFIX, topic, Some(IN_MEMORY));
    let mut realm = TestRealm::with_rules(rules(vec![rule(""), rule("wamp.")]));
    let watcher = realm.join();
    realm.subscribe(watcher, "wamp.session.", PREFIX);
    let joining = realm.member("ann", "user", crate::test_realm::ALL_FEATURES);
    let (_, seen) = realm.joining(joining);
    assert_eq!((seen.events().len(), seen.orders()), (1, vec![]));
    let options = PublishOptions { retain: true, ..PublishOptions::default() };
    assert_eq!(realm.publish_with(watcher, "wamp.session.x", options).orders(), []);
    assert_eq!(realm.realm.counters().retained_topics, 0);
}

/// Store, section 1: `memory` means that the event was routed.
#[test]
fn published_of_a_topic_in_memory_comes_at_once() {
    let mut realm = realm_with(IN_MEMORY);
    let publisher = realm.join();
    let seen = realm.publish_with(publisher, "a.b", ack());
    assert_eq!(kinds(&seen, publisher), [MessageKind::Published]);
    assert!(matches!(&seen.orders()[..], [Order::Keep { waiting: None, .. }]));
}

/// Store, section 1: routing never waits for the disk; PUBLISHED does.
#[test]
fn published_of_a_durable_topic_comes_when_the_event_is_kept() {
    let mut realm = realm_with(ON_DISK);
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a.b", EXACT);
    let seen = realm.publish_with(publisher, "a.b", ack());
    assert_eq!((seen.receivers(), kinds(&seen, publisher)), (vec![vec![subscriber]], vec![]));
    let waiting = waiting(&seen);
    assert_eq!((waiting.session, waiting.request), (publisher, realm.last_request(publisher)));
    assert!(!realm.realm.is_held(publisher), "nothing else waits");
    let seen = answer(&mut realm, waiting, Ok(()));
    let Message::Published(published) = seen.only_message_to(publisher) else { panic!("{seen:?}") };
    assert_eq!((published.request, published.publication), (waiting.request, waiting.publication));
}

/// Store, section 1: without acknowledge nothing is answered, and nobody waits.
#[test]
fn without_acknowledge_nobody_waits_for_the_store() {
    let mut realm = realm_with(ON_DISK);
    let publisher = realm.join();
    realm.subscribe(publisher, "a.b", EXACT);
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { exclude_me: false, ..PublishOptions::default() });
    assert_eq!(seen.receivers(), [[publisher]]);
    assert!(matches!(&seen.orders()[..], [Order::Keep { waiting: None, .. }]));
}

/// Store, section 1: the error says that the event was routed.
#[test]
fn an_event_that_could_not_be_kept_is_answered_by_an_error_that_says_so() {
    let mut realm = realm_with(ON_DISK);
    let publisher = realm.join();
    for fault in [StoreFault::Busy, StoreFault::Failed] {
        let waiting = waiting(&realm.publish_with(publisher, "a.b", ack()));
        let error = answer(&mut realm, waiting, Err(fault)).error_to(publisher);
        assert_eq!((error.request_kind, error.request), (MessageKind::Publish, waiting.request));
        assert_eq!(error.error.as_str(), "wharf.error.storage");
        let text = format!("{:?}", error.payload);
        assert!(text.contains("routed"), "{text}");
    }
}

/// Store, section 9: a durable retained event is waited for as history is.
#[test]
fn published_of_a_durable_retained_event_waits_as_well() {
    let mut realm = TestRealm::with_rules(RealmRules { retained_durable: true, ..RealmRules::default() });
    let publisher = realm.join();
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { retain: true, ..ack() });
    let waiting = waiting(&seen);
    assert_eq!(seen.0.len(), 1);
    assert_eq!(kinds(&answer(&mut realm, waiting, Ok(())), publisher), [MessageKind::Published]);
}

/// D59, D73: PUBLISHED, then its own EVENT, then what it said meanwhile; all others have their events already.
#[test]
fn the_publishers_own_event_and_later_messages_wait_for_published() {
    let mut realm = realm_with(ON_DISK);
    let (publisher, other) = (realm.join(), realm.join());
    for session in [publisher, other] {
        realm.subscribe(session, "a.b", EXACT);
        realm.subscribe(session, "a", PREFIX);
    }
    let seen = realm.publish_with(publisher, "a.b", own());
    assert_eq!(seen.receivers(), [[other], [other]]);
    let waiting = waiting(&seen);
    assert!(realm.realm.is_held(publisher));
    for topic in ["c", "d", "e"] {
        assert!(realm.subscribing(publisher, topic, EXACT).is_silent());
    }
    assert_eq!(realm.publish(other, "a.b").all_receivers(), [publisher, publisher], "others' events do not wait");
    let seen = answer(&mut realm, waiting, Ok(()));
    let [published, event, subscribed] = [MessageKind::Published, MessageKind::Event, MessageKind::Subscribed];
    assert_eq!(kinds(&seen, publisher), [published, event, event, subscribed, subscribed, subscribed]);
    assert_eq!(seen.publication_ids(), [waiting.publication]);
    assert!(!realm.realm.is_held(publisher));
}

/// D59: it was routed, so its publisher gets it too, behind the ERROR.
#[test]
fn the_publishers_own_event_comes_also_when_it_was_not_kept() {
    let mut realm = realm_with(ON_DISK);
    let publisher = realm.join();
    realm.subscribe(publisher, "a.b", EXACT);
    let waiting = waiting(&realm.publish_with(publisher, "a.b", own()));
    let seen = answer(&mut realm, waiting, Err(StoreFault::Failed));
    assert_eq!(kinds(&seen, publisher), [MessageKind::Error, MessageKind::Event]);
}

/// D73: two in a row, each behind the answer of its own.
#[test]
fn the_second_publication_of_a_publisher_that_waits_is_routed_after_the_first_is_answered() {
    let mut realm = realm_with(ON_DISK);
    let (publisher, other) = (realm.join(), realm.join());
    realm.subscribe(publisher, "a.b", EXACT);
    realm.subscribe(other, "a.b", EXACT);
    let plain = waiting(&realm.publish_with(publisher, "a.b", ack()));
    let first = waiting(&realm.publish_with(publisher, "a.b", own()));
    assert!(realm.publish_with(publisher, "a.b", own()).is_silent());
    assert_eq!(kinds(&answer(&mut realm, plain, Ok(())), publisher), [MessageKind::Published]);
    assert!(realm.realm.is_held(publisher), "the answer of an earlier one lets nothing through");
    let seen = answer(&mut realm, first, Ok(()));
    assert_eq!(kinds(&seen, publisher), [MessageKind::Published, MessageKind::Event]);
    assert_eq!(seen.all_receivers(), [publisher, other]);
    let second = waiting(&seen);
    assert!(realm.realm.is_held(publisher));
    let seen = answer(&mut realm, second, Ok(()));
    assert_eq!(kinds(&seen, publisher), [MessageKind::Published, MessageKind::Event]);
    assert!(!realm.realm.is_held(publisher));
}

/// R41, R40: a publisher that would not get its own event does not wait.
#[test]
fn a_publisher_that_gets_no_own_event_is_not_held() {
    let mut realm = realm_with(ON_DISK);
    let publisher = realm.join();
    realm.publish_with(publisher, "a.b", own());
    assert!(!realm.realm.is_held(publisher), "not subscribed");
    realm.subscribe(publisher, "a.b", EXACT);
    realm.publish_with(publisher, "a.b", ack());
    assert!(!realm.realm.is_held(publisher), "excluded");
    let exclude_authid = Some(vec!["alice".to_owned()]);
    let listing = Some(Box::new(Listing { exclude_authid, ..Listing::default() }));
    realm.publish_with(publisher, "a.b", PublishOptions { listing, ..own() });
    assert!(!realm.realm.is_held(publisher), "not on the list");
}

/// Invariant 6.
#[test]
fn a_publisher_that_left_while_it_waited_leaves_nothing_behind() {
    let mut realm = realm_with(ON_DISK);
    let publisher = realm.join();
    realm.subscribe(publisher, "a.b", EXACT);
    let waiting = waiting(&realm.publish_with(publisher, "a.b", own()));
    realm.leave(publisher);
    let next = realm.join();
    assert_eq!(next.slot(), publisher.slot());
    assert!(answer(&mut realm, waiting, Ok(())).is_silent());
}

/// R98: it was made when the realm began, as soon as it knew the time.
#[test]
fn a_topic_with_history_has_its_subscription_since_the_realm_began() {
    let mut realm = realm_with(IN_MEMORY);
    realm.pass(Duration::from_secs(3600));
    let (now, an_hour_on) = (realm.now, WallTime(1_795_395_600_000_000));
    realm.realm.set_time_of_day(now, an_hour_on);
    let session = realm.join();
    let id = Value::Unsigned(realm.subscribe(session, "a.b", EXACT).get());
    let answer = realm.meta(session, "wamp.subscription.get", vec![id], vec![]).result_to(session);
    let created = args(&answer.payload)[0].get("created").cloned();
    assert_eq!(created, Some(Value::from("2026-11-23T00:00:00.000000Z")));
}

/// Store, section 9: the ids of subscriptions with history are the same after a restart, whoever is there first.
#[test]
fn a_topic_with_history_has_its_subscription_from_the_start_and_it_stays() {
    let topics = || rules(vec![(PREFIX, "a.", Some(IN_MEMORY)), (EXACT, "a.b", Some(ON_DISK)), (EXACT, "c", None)]);
    let mut ids = Vec::new();
    for before in [0, 3] {
        let mut realm = TestRealm::with_rules(topics());
        assert_eq!(realm.realm.counters().subscriptions, 2);
        let session = (0..=before).map(|_| realm.join()).last().unwrap();
        realm.subscribe(session, "other", EXACT);
        let both = [realm.subscribe(session, "a.", PREFIX), realm.subscribe(session, "a.b", EXACT)];
        realm.leave(session);
        assert_eq!(realm.realm.counters().subscriptions, 2);
        let again = realm.join();
        assert_eq!(realm.subscribe(again, "a.b", EXACT), both[1]);
        assert_ne!(both[0], both[1]);
        ids.push(both);
    }
    assert_eq!(ids[0], ids[1]);
}

/// Section 8.7: with nobody on it, it delivers to nobody and changes nothing.
#[test]
fn a_subscription_without_subscribers_delivers_to_nobody() {
    let mut realm = realm_with(IN_MEMORY);
    let publisher = realm.join();
    let seen = realm.publish_with(publisher, "a.b", ack());
    assert_eq!((seen.receivers().len(), seen.0.len()), (0, 2));
}

/// R4.
#[test]
fn nothing_is_recorded_where_the_feature_is_off() {
    let features = Features::default().without(Feature::EventHistory);
    let rules = RealmRules { features, ..rules(vec![(EXACT, "a.b", Some(ON_DISK))]) };
    let mut realm = TestRealm::with_rules(rules);
    let publisher = realm.join();
    let seen = realm.publish_with(publisher, "a.b", ack());
    assert_eq!((seen.orders(), kinds(&seen, publisher)), (vec![], vec![MessageKind::Published]));
    assert_eq!(realm.realm.counters().subscriptions, 0);
}

/// Limits, section 4: memory-only history waits for better times, what goes to disk goes on.
#[test]
fn history_in_memory_is_not_kept_while_memory_is_short() {
    let mut realm = TestRealm::with_rules(rules(vec![(EXACT, "a.b", Some(IN_MEMORY)), (EXACT, "a.c", Some(ON_DISK))]));
    let publisher = realm.join();
    realm.realm.set_short_of_memory(true);
    assert_eq!(realm.publish(publisher, "a.b").orders().len(), 0);
    assert_eq!(realm.publish(publisher, "a.c").orders().len(), 1);
    realm.realm.set_short_of_memory(false);
    assert_eq!(realm.publish(publisher, "a.b").orders().len(), 1);
}

/// R50.
#[test]
fn an_event_has_the_trust_level_of_its_publishers_role_where_one_is_configured() {
    let trust = TrustLevels { level: Some(0), by_role: [("staff".to_owned(), 9)].into() };
    let by_role = TrustLevels { level: None, by_role: [("staff".to_owned(), 5)].into() };
    let rule = |trust| TopicRule { trust, ..TopicRule::default() };
    let entries = vec![(PREFIX, Uri::from("a."), rule(trust)), (EXACT, Uri::from("a.c"), rule(by_role))];
    let rules = RealmRules { topics: Arc::new(UriTable::new(entries)), ..RealmRules::default() };
    for (features, on) in
        [(Features::default(), true), (rules.features.without(Feature::PublicationTrustlevels), false)]
    {
        let mut realm = TestRealm::with_rules(RealmRules { features, ..rules.clone() });
        let (staff, user, subscriber) = (realm.join_as("ann", "staff"), realm.join_as("bob", "user"), realm.join());
        realm.subscribe(subscriber, "", PREFIX);
        let mut level = |publisher, topic| realm.publish(publisher, topic).events()[0].details.trustlevel;
        let levels =
            [level(staff, "a.b"), level(user, "a.b"), level(staff, "a.c"), level(user, "a.c"), level(user, "d")];
        assert_eq!(levels, if on { [Some(9), Some(0), Some(5), None, None] } else { [None; 5] });
    }
}

/// Section 13: the four keys are copied onward; a subscriber without the feature gets the event too (D72).
#[test]
fn payload_passthru_attributes_go_from_publish_to_every_event() {
    let mut realm = TestRealm::new();
    let (publisher, plain) = (realm.join(), realm.join_plain());
    realm.subscribe(plain, "a.b", EXACT);
    realm.subscribe(plain, "a", PREFIX);
    let ppt = Ppt {
        scheme: "x_one".to_owned(),
        serializer: Some("cbor".to_owned()),
        cipher: Some("aes256gcm".to_owned()),
        keyid: Some("key".to_owned()),
    };
    let options = PublishOptions { ppt: Some(Box::new(ppt.clone())), ..PublishOptions::default() };
    let events = realm.publish_with(publisher, "a.b", options).events();
    assert_eq!(events.into_iter().map(|event| event.details.ppt).collect::<Vec<_>>(), vec![Some(Box::new(ppt)); 2]);
}
