//! Event retention: section 8.6 of the reference.

use crate::test_realm::{raw, Seen, TestRealm, EXACT, PREFIX, WILDCARD};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    KeptEvent, Order, RealmLimits, RealmRules, RetainRule, RetainedFull, SessionKey, TopicRule, TrustLevels, UriTable,
};
use wharf::wamp::message::{Publish, Subscribe};
use wharf::wamp::options::{Listing, Ppt, PublishOptions, SubscribeOptions};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{MatchPolicy, Message, MessageKind, Payload, SubscriptionId, Uri, WallTime};

fn retain() -> PublishOptions {
    PublishOptions { retain: true, ..PublishOptions::default() }
}

fn rules(topics: Vec<(MatchPolicy, &str, RetainRule)>) -> RealmRules {
    let rule = |retain| TopicRule { retain, ..TopicRule::default() };
    let topics = topics.into_iter().map(|(policy, topic, retain)| (policy, Uri::from(topic), rule(retain)));
    RealmRules { topics: Arc::new(UriTable::new(topics.collect())), ..RealmRules::default() }
}

fn minute() -> RetainRule {
    RetainRule { max_age: Some(Duration::from_secs(60)), ..RetainRule::default() }
}

/// SUBSCRIBE with `get_retained`.
fn ask(realm: &mut TestRealm, session: SessionKey, topic: &str, match_policy: MatchPolicy) -> Seen {
    let options = SubscribeOptions { match_policy, get_retained: true };
    let request = realm.request(session);
    realm.handle(session, Subscribe { request, options, topic: topic.into() })
}

/// The numbers that the retained events carry, published by [`publish`].
fn given(realm: &mut TestRealm, session: SessionKey, topic: &str, match_policy: MatchPolicy) -> Vec<String> {
    let events = ask(realm, session, topic, match_policy).events();
    assert!(events.iter().all(|event| event.details.retained));
    events.into_iter().map(|event| text(&event.payload)).collect()
}

fn text(payload: &Payload) -> String {
    match payload {
        Payload::Raw(raw) => String::from_utf8(raw.args().to_vec()).unwrap(),
        other => panic!("as published, not {other:?}"),
    }
}

/// A publication that is to be retained, with a text as its payload.
fn publish(
    realm: &mut TestRealm,
    from: SessionKey,
    topic: &str,
    payload: &'static str,
    options: PublishOptions,
) -> Seen {
    let request = realm.request(from);
    let payload = raw(payload, payload.len(), None);
    realm.handle(from, Publish { request, options, topic: topic.into(), payload })
}

fn for_role(role: &str) -> PublishOptions {
    let eligible_authrole = Some(vec!["nobody".to_owned(), role.to_owned(), "else".to_owned()]);
    PublishOptions { listing: Some(Box::new(Listing { eligible_authrole, ..Listing::default() })), ..retain() }
}

/// R51, R52.
#[test]
fn the_retained_event_comes_right_after_subscribed_with_its_own_publication_id() {
    let mut realm = TestRealm::new();
    let [publisher, early, late] = [realm.join(), realm.join(), realm.join()];
    realm.subscribe(early, "a.b", EXACT);
    let live = publish(&mut realm, publisher, "a.b", "[1]", retain()).events().remove(0);
    assert!(!live.details.retained, "a live delivery is never marked");
    let seen = ask(&mut realm, late, "a.b", EXACT);
    let kinds: Vec<_> = seen.messages_to(late).iter().map(Message::kind).collect();
    assert_eq!(kinds, [MessageKind::Subscribed, MessageKind::Event]);
    let event = seen.events().remove(0);
    assert_eq!((event.publication, event.subscription), (live.publication, live.subscription));
    assert_eq!((event.details.retained, event.details.topic), (true, None));
    assert_eq!(event.payload, live.payload);
}

/// R51: absent keys mean false.
#[test]
fn nothing_is_retained_or_given_unless_both_ask_for_it() {
    let mut realm = TestRealm::new();
    let [publisher, one, two] = [realm.join(), realm.join(), realm.join()];
    publish(&mut realm, publisher, "a.b", "[1]", PublishOptions::default());
    assert_eq!(ask(&mut realm, one, "a.b", EXACT).events(), []);
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    assert_eq!(realm.subscribing(two, "a.b", EXACT).events(), []);
    publish(&mut realm, publisher, "a.b", "[2]", PublishOptions::default());
    assert_eq!(given(&mut realm, two, "a.b", EXACT), ["[1]"]);
}

/// D62.
#[test]
fn a_retained_event_survives_its_publisher_and_all_subscribers_until_a_newer_one_comes() {
    let mut realm = TestRealm::new();
    let [publisher, one, two] = [realm.join(), realm.join(), realm.join()];
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    realm.leave(publisher);
    assert_eq!(given(&mut realm, one, "a.b", EXACT), ["[1]"]);
    realm.leave(one);
    assert_eq!(given(&mut realm, two, "a.b", EXACT), ["[1]"]);
    let publisher = realm.join();
    realm.publish_with(publisher, "a.b", retain());
    let events = ask(&mut realm, two, "a.b", EXACT).events();
    assert_eq!(events[0].payload, Payload::Empty, "an empty payload clears nothing, it is an event like others");
    assert_eq!(events.len(), 1);
}

/// D62.
#[test]
fn a_repeated_subscribe_replays_again() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    for _ in 0..2 {
        assert_eq!(given(&mut realm, subscriber, "a.b", EXACT), ["[1]"]);
    }
}

/// R51: all six lists of the publication apply to the late subscriber, each kind of them.
#[test]
fn each_late_subscriber_gets_the_newest_event_that_it_would_have_received() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    let (ann, bob) = (realm.join_as("ann", "staff"), realm.join_as("bob", "guest"));
    let ids = [ann, bob].map(|session| realm.id(session));
    publish(&mut realm, publisher, "a.b", "[\"all\"]", retain());
    publish(&mut realm, publisher, "a.b", "[\"staff\"]", for_role("staff"));
    assert_eq!(given(&mut realm, ann, "a.b", EXACT), ["[\"staff\"]"]);
    assert_eq!(given(&mut realm, bob, "a.b", EXACT), ["[\"all\"]"]);
    let texts = |texts: &[&str]| Some(texts.iter().map(|text| (*text).to_owned()).collect());
    let lists = [
        Listing { eligible: Some(vec![ids[1], ids[0] + 9, 3]), ..Listing::default() },
        Listing { exclude: Some(vec![ids[0], 7]), ..Listing::default() },
        Listing { eligible_authid: texts(&["zoe", "bob"]), ..Listing::default() },
        Listing { exclude_authid: texts(&["zoe", "ann"]), ..Listing::default() },
        Listing { eligible_authrole: texts(&["other", "guest"]), ..Listing::default() },
        Listing { exclude_authrole: texts(&["staff", "other"]), ..Listing::default() },
    ];
    for (listing, text) in lists.into_iter().zip(["[1]", "[2]", "[3]", "[4]", "[5]", "[6]"]) {
        publish(&mut realm, publisher, "a.b", text, PublishOptions { listing: Some(Box::new(listing)), ..retain() });
        assert_eq!(given(&mut realm, ann, "a.b", EXACT), ["[\"staff\"]"]);
        assert_eq!(given(&mut realm, bob, "a.b", EXACT), [text]);
    }
    publish(&mut realm, publisher, "a.b", "[\"new\"]", retain());
    for session in [ann, bob] {
        assert_eq!(given(&mut realm, session, "a.b", EXACT), ["[\"new\"]"]);
    }
}

/// Section 8.6: a bounded number with lists, and what is beyond it is the oldest of them.
#[test]
fn of_one_topic_eight_events_with_lists_are_kept_and_the_one_without() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    publish(&mut realm, publisher, "a.b", "[0]", retain());
    for role in 0..9 {
        publish(&mut realm, publisher, "a.b", "[1]", for_role(&format!("role{role}")));
    }
    for (role, expected) in [("role0", "[0]"), ("role1", "[1]"), ("role8", "[1]"), ("user", "[0]")] {
        let session = realm.join_as("ann", role);
        assert_eq!(given(&mut realm, session, "a.b", EXACT), [expected], "{role}");
    }
}

/// D62.
#[test]
fn the_publishing_session_gets_its_own_retained_event_only_with_exclude_me_false() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    publish(&mut realm, publisher, "a.b", "[1]", PublishOptions { exclude_me: false, ..retain() });
    assert_eq!(given(&mut realm, publisher, "a.b", EXACT), ["[1]"]);
    publish(&mut realm, publisher, "a.b", "[2]", retain());
    assert_eq!(ask(&mut realm, publisher, "a.b", EXACT).events(), []);
    let same_name = realm.join();
    assert_eq!(given(&mut realm, same_name, "a.b", EXACT), ["[2]"], "the exclusion is by session");
}

/// D62, section 15: one event of each topic that fits, in the order of routing.
#[test]
fn a_pattern_gets_one_retained_event_of_each_topic_with_its_topic() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    for topic in ["b.a", "a.c", "a.b.c", "a.a", "ab", "a", "a.c"] {
        publish(&mut realm, publisher, topic, "[1]", retain());
    }
    let mut topics = |pattern, policy| -> Vec<String> {
        let events = ask(&mut realm, subscriber, pattern, policy).events();
        events.into_iter().map(|event| event.details.topic.unwrap().to_string()).collect()
    };
    assert_eq!(topics("a.", PREFIX), ["a.b.c", "a.a", "a.c"]);
    assert_eq!(topics("a", PREFIX), ["a.b.c", "a.a", "ab", "a", "a.c"]);
    assert_eq!(topics("", PREFIX).len(), 6);
    assert_eq!(topics("a.", WILDCARD), ["a.a", "a.c"]);
    assert_eq!(topics(".a", WILDCARD), ["b.a", "a.a"]);
    assert_eq!(topics("", WILDCARD), ["ab", "a"]);
    assert_eq!(topics("a..c", WILDCARD), ["a.b.c"]);
}

/// Section 8.6: up to a bound, in events and in octets.
#[test]
fn a_pattern_gets_at_most_1000_retained_events_and_2_mib() {
    let mut realm = TestRealm::unchecked();
    let (publisher, subscriber) = (realm.join(), realm.join());
    for nth in 0..1_001 {
        publish(&mut realm, publisher, &format!("a.b{nth}"), "[1]", retain());
    }
    assert_eq!(ask(&mut realm, subscriber, "a.", PREFIX).events().len(), 1_000);
    let large: &'static str = format!("[\"{}\"]", "x".repeat(1 << 20)).leak();
    for topic in ["c.a", "c.b", "c.c"] {
        publish(&mut realm, publisher, topic, large, retain());
    }
    assert_eq!(ask(&mut realm, subscriber, "c.", PREFIX).events().len(), 1, "two of them are more than 2 MiB");
}

/// R51: the original Details.
#[test]
fn a_retained_event_has_the_details_of_its_publication() {
    let trust = TrustLevels { level: Some(1), by_role: [("staff".to_owned(), 7)].into() };
    let rule = TopicRule { trust, ..TopicRule::default() };
    let topics = Arc::new(UriTable::new(vec![(PREFIX, Uri::from("a."), rule)]));
    let mut realm = TestRealm::with_rules(RealmRules { topics, ..RealmRules::default() });
    let (publisher, subscriber) = (realm.join_as("ann", "staff"), realm.join());
    let ppt = Some(Box::new(Ppt { scheme: "x_one".to_owned(), ..Ppt::default() }));
    publish(&mut realm, publisher, "a.b", "[1]", PublishOptions { disclose_me: true, ppt: ppt.clone(), ..retain() });
    let id = realm.id(publisher);
    realm.leave(publisher);
    let details = ask(&mut realm, subscriber, "a.b", EXACT).events().remove(0).details;
    assert_eq!((details.trustlevel, details.ppt), (Some(7), ppt));
    assert_eq!(details.publisher.unwrap().session.get(), id);
}

/// Section 8.6: expiry by `max_age`, seen at once and swept later.
#[test]
fn a_retained_event_ends_with_its_time() {
    let mut realm = TestRealm::with_rules(rules(vec![(PREFIX, "a.", minute())]));
    let (publisher, subscriber) = (realm.join(), realm.join());
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    publish(&mut realm, publisher, "b", "[1]", retain());
    assert_eq!(realm.realm.next_deadline(), Some(realm.now + Duration::from_secs(60)));
    realm.now += Duration::from_millis(59_999);
    assert_eq!(given(&mut realm, subscriber, "a.b", EXACT), ["[1]"]);
    realm.now += Duration::from_millis(1);
    assert_eq!(ask(&mut realm, subscriber, "a.b", EXACT).events(), []);
    assert_eq!(realm.realm.counters().retained_topics, 2);
    realm.pass(Duration::ZERO);
    assert_eq!((realm.realm.counters().retained_topics, realm.realm.next_deadline()), (1, None));
    assert_eq!(given(&mut realm, subscriber, "b", EXACT), ["[1]"], "what has no age stays");
}

/// Section 8.6: an event with lists is newer than the one without, and outlives it.
#[test]
fn of_two_events_of_a_topic_the_newer_one_outlives_the_other() {
    let mut realm = TestRealm::with_rules(rules(vec![(EXACT, "a.b", minute())]));
    let (publisher, subscriber) = (realm.join(), realm.join_as("ann", "staff"));
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    realm.now += Duration::from_secs(30);
    publish(&mut realm, publisher, "a.b", "[2]", for_role("staff"));
    realm.pass(Duration::from_secs(30));
    assert_eq!(given(&mut realm, subscriber, "a.b", EXACT), ["[2]"]);
    let guest = realm.join_as("bob", "guest");
    assert_eq!(ask(&mut realm, guest, "a.b", EXACT).events(), []);
    realm.pass(Duration::from_secs(30));
    assert_eq!(realm.realm.counters().retained_topics, 0);
}

/// Many that end together are swept in pieces, at once one after the other.
#[test]
fn a_sweep_takes_a_thousand_topics_and_the_next_one_is_due_at_once() {
    let mut realm = TestRealm::with_rules(rules(vec![(PREFIX, "a.", minute())]));
    let publisher = realm.join();
    for nth in 0..1_500 {
        publish(&mut realm, publisher, &format!("a.b{nth}"), "[1]", retain());
    }
    realm.pass(Duration::from_secs(60));
    assert_eq!(realm.realm.counters().retained_topics, 500);
    assert!(realm.realm.next_deadline().unwrap() <= realm.now);
    realm.pass(Duration::ZERO);
    assert_eq!(realm.realm.counters().retained_topics, 0);
}

/// Section 8.6: the configuration declines a topic; the publication itself still happens.
#[test]
fn a_topic_that_may_not_be_retained_is_routed_all_the_same() {
    let never = RetainRule { allow: false, max_age: None };
    let mut realm = TestRealm::with_rules(rules(vec![(EXACT, "a.b", never)]));
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a.b", EXACT);
    assert_eq!(publish(&mut realm, publisher, "a.b", "[1]", retain()).receivers(), [[subscriber]]);
    assert_eq!(ask(&mut realm, subscriber, "a.b", EXACT).events(), []);
}

/// X3: routed, not kept, counted.
#[test]
fn what_there_is_no_room_for_is_routed_and_counted() {
    let limits = RealmLimits { retained_octets_max: 1_200, ..RealmLimits::default() };
    let mut realm = TestRealm::with(limits);
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a", PREFIX);
    for topic in ["a.b", "a.c", "a.d"] {
        assert_eq!(publish(&mut realm, publisher, topic, "[1]", retain()).receivers(), [[subscriber]]);
    }
    let counters = realm.realm.counters();
    assert_eq!((counters.retained_topics, counters.retained_refused), (2, 1));
    publish(&mut realm, publisher, "a.b", "[2]", retain());
    assert_eq!(given(&mut realm, subscriber, "a.", PREFIX), ["[1]", "[2]"], "one that is replaced makes its room");
    assert!(realm.realm.counters().retained_octets <= 1_200);
}

/// X3, the other choice: the oldest goes.
#[test]
fn the_oldest_retained_events_make_room_where_that_is_chosen() {
    let limits =
        RealmLimits { retained_octets_max: 1_200, retained_full: RetainedFull::Evict, ..RealmLimits::default() };
    let mut realm = TestRealm::with_rules(RealmRules { limits, retained_durable: true, ..RealmRules::default() });
    let (publisher, subscriber) = (realm.join(), realm.join());
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    publish(&mut realm, publisher, "a.c", "[2]", retain());
    publish(&mut realm, publisher, "a.b", "[3]", retain());
    let orders = publish(&mut realm, publisher, "a.d", "[4]", retain()).orders();
    assert!(matches!(&orders[..], [Order::Forget(topic), Order::Keep { .. }] if topic.as_str() == "a.c"), "{orders:?}");
    assert_eq!(given(&mut realm, subscriber, "a.", PREFIX), ["[3]", "[4]"]);
    let large: &'static str = "x".repeat(1_200).leak();
    publish(&mut realm, publisher, "a.e", large, retain());
    assert_eq!(realm.realm.counters().retained_topics, 2, "what never fits drives nobody out");
    assert_eq!(realm.realm.counters().retained_refused, 1);
}

/// X3.
#[test]
fn a_realm_retains_50000_topics() {
    let mut realm = TestRealm::unchecked();
    let (publisher, subscriber) = (realm.join(), realm.join());
    for nth in 0..50_000 {
        publish(&mut realm, publisher, &format!("com.shop.region{}.store{nth}", nth % 100), "[1]", retain());
    }
    let counters = realm.realm.counters();
    assert_eq!((counters.retained_topics, counters.retained_refused), (50_000, 0));
    assert_eq!(ask(&mut realm, subscriber, "com.shop.region7.store", PREFIX).events().len(), 500);
    assert_eq!(realm.realm.broken_invariant(), None);
}

/// Store, section 9: what is retained on disk is told to the store, and so is its end.
#[test]
fn a_durable_realm_tells_its_store_what_is_retained_and_what_has_ended() {
    let mut rules = rules(vec![(EXACT, "a.b", minute())]);
    rules.retained_durable = true;
    let mut realm = TestRealm::with_rules(rules);
    let publisher = realm.join();
    let seen = publish(&mut realm, publisher, "a.b", "[1]", retain());
    let [Order::Keep { event, history: None, retain: true, waiting: None }] = &seen.orders()[..] else {
        panic!("one order expected: {seen:?}");
    };
    assert_eq!((event.topic.as_str(), text(&event.payload).as_str()), ("a.b", "[1]"));
    assert_eq!(event.excluded.map(|id| id.get()), Some(realm.id(publisher)));
    assert_eq!(realm.pass(Duration::from_secs(60)).orders(), [Order::Forget("a.b".into())]);
}

/// Without a durable store nothing is told to it.
#[test]
fn what_is_retained_in_memory_is_no_order_to_the_store() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    assert!(publish(&mut realm, publisher, "a.b", "[1]", retain()).is_silent());
}

fn stored(topic: &str, age_s: i64, now: WallTime, listing: Option<Listing>) -> KeptEvent {
    KeptEvent {
        publication: wharf::wamp::PublicationId::FIRST,
        time: WallTime(now.0 - age_s * 1_000_000),
        topic: topic.into(),
        publisher: None,
        excluded: None,
        trustlevel: None,
        ppt: None,
        listing: listing.map(Box::new),
        payload: raw("[1]", 3, None),
    }
}

/// Store, section 9: `retained: true`, the original publication id, the rest of its time.
#[test]
fn what_was_retained_before_a_restart_is_there_for_the_rest_of_its_time() {
    let mut rules = rules(vec![
        (EXACT, "a.b", minute()),
        (EXACT, "a.old", minute()),
        (EXACT, "a.never", RetainRule { allow: false, max_age: None }),
    ]);
    rules.retained_durable = true;
    let mut realm = TestRealm::with_rules(rules);
    let now = WallTime(1_795_392_000_000_000);
    let eligible_authid = Some(vec!["zoe".to_owned(), "alice".to_owned()]);
    let events = vec![
        stored("a.b", 50, now, None),
        stored("a.c", 40, now, Some(Listing { eligible_authid, ..Listing::default() })),
        stored("a.never", 1, now, None),
        stored("a.old", 60, now, None),
    ];
    let at = realm.now;
    realm.realm.restore_retained(at, events);
    let subscriber = realm.join();
    let seen = ask(&mut realm, subscriber, "a.", PREFIX).events();
    let topics: Vec<_> = seen.iter().map(|event| event.details.topic.as_deref().unwrap()).collect();
    assert_eq!(topics, ["a.b", "a.c"]);
    assert_eq!(seen[0].publication, wharf::wamp::PublicationId::FIRST);
    let forgotten = |topics: &[&str]| topics.iter().map(|topic| Order::Forget((*topic).into())).collect::<Vec<_>>();
    assert_eq!(realm.pass(Duration::ZERO).orders(), forgotten(&["a.old", "a.never"]));
    assert_eq!(realm.pass(Duration::from_secs(10)).orders(), forgotten(&["a.b"]));
}

/// Section 15, 7: retained events keep broker order, also those that the store gives back topic by topic.
#[test]
fn what_was_retained_before_a_restart_is_replayed_in_the_order_of_routing() {
    let mut realm = TestRealm::new();
    let now = WallTime(1_795_392_000_000_000);
    let listing = |role: &str| Some(Listing { eligible_authrole: Some(vec![role.to_owned()]), ..Listing::default() });
    // Of a.b the clock was set back before the second one; it is newer all the same.
    let events = vec![
        stored("a.b", 10, now, None),
        stored("a.b", 40, now, listing("user")),
        stored("a.c", 30, now, None),
        stored("a.d", 5, now, None),
    ];
    let at = realm.now;
    realm.realm.restore_retained(at, events);
    let subscriber = realm.join();
    let seen = ask(&mut realm, subscriber, "a.", PREFIX).events();
    let topics: Vec<_> = seen.iter().map(|event| event.details.topic.as_deref().unwrap()).collect();
    assert_eq!(topics, ["a.c", "a.b", "a.d"]);
    let guest = realm.join_as("bob", "guest");
    assert_eq!(ask(&mut realm, guest, "a.b", EXACT).events().len(), 1);
}

/// R4: a feature that is off is as if it were not there.
#[test]
fn retain_and_get_retained_mean_nothing_where_the_feature_is_off() {
    let features = Features::default().without(Feature::EventRetention);
    let mut realm = TestRealm::with_rules(RealmRules { features, retained_durable: true, ..RealmRules::default() });
    let (publisher, subscriber) = (realm.join(), realm.join());
    assert!(publish(&mut realm, publisher, "a.b", "[1]", retain()).is_silent());
    assert_eq!(ask(&mut realm, subscriber, "a.b", EXACT).events(), []);
    assert_eq!(realm.realm.counters().retained_topics, 0);
}

/// Limits, section 4: while memory is short events are routed, but not newly retained.
#[test]
fn nothing_new_is_retained_while_memory_is_short() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    realm.realm.set_short_of_memory(true);
    publish(&mut realm, publisher, "a.b", "[2]", retain());
    assert_eq!(given(&mut realm, subscriber, "a.b", EXACT), ["[1]"]);
    realm.realm.set_short_of_memory(false);
    publish(&mut realm, publisher, "a.b", "[3]", retain());
    assert_eq!(given(&mut realm, subscriber, "a.b", EXACT), ["[3]"]);
}

/// Limits, rule 4: what is kept for long keeps no frame alive.
#[test]
fn a_retained_event_has_its_own_copy_of_topic_and_payload() {
    let mut realm = TestRealm::with_rules(RealmRules { retained_durable: true, ..RealmRules::default() });
    let publisher = realm.join();
    let (request, topic) = (realm.request(publisher), Uri::from(String::from("a.b")));
    let payload = raw("[1]", 3, None);
    let message = Publish { request, options: retain(), topic: topic.clone(), payload: payload.clone() };
    let orders = realm.handle(publisher, message).orders();
    let [Order::Keep { event, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!((&event.topic, &event.payload), (&topic, &payload));
    assert_ne!(event.topic.as_str().as_ptr(), topic.as_str().as_ptr());
    let at = |payload: &Payload| match payload {
        Payload::Raw(raw) => raw.tail().as_ptr(),
        other => panic!("as published, not {other:?}"),
    };
    assert_ne!(at(&event.payload), at(&payload));
}

/// R48 holds for the events of a session's first subscription too: the replay goes to the asking session only.
#[test]
fn a_replay_goes_to_the_asking_session_only() {
    let mut realm = TestRealm::new();
    let [publisher, one, two] = [realm.join(), realm.join(), realm.join()];
    publish(&mut realm, publisher, "a.b", "[1]", retain());
    let id: SubscriptionId = realm.subscribe(one, "a.b", EXACT);
    let seen = ask(&mut realm, two, "a.b", EXACT);
    assert_eq!((seen.receivers(), seen.events()[0].subscription), (vec![vec![two]], id));
}
