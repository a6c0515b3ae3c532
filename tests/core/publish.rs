//! PUBLISH: sections 8.2 to 8.5 of the reference.

use crate::test_realm::{ack, raw, TestRealm, EXACT, PREFIX, WILDCARD};
use wharf::routing::SessionKey;
use wharf::wamp::message::Publish;
use wharf::wamp::options::{Listing, PublishOptions};
use wharf::wamp::{Message, MessageKind, Payload};

/// R36.
#[test]
fn publish_without_acknowledge_is_never_answered() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    assert!(realm.publish(publisher, "a.b").is_silent());
    let listing = Some(Box::new(Listing { too_long: Some("exclude"), ..Listing::default() }));
    let refused = PublishOptions { listing, ..PublishOptions::default() };
    assert!(realm.publish_with(publisher, "a.b", refused).is_silent());
}

/// R37, R57.
#[test]
fn publish_with_acknowledge_is_answered_also_when_nobody_gets_the_event() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    let seen = realm.publish_with(publisher, "a.b", ack());
    let Message::Published(published) = seen.only_message_to(publisher) else { panic!("{seen:?}") };
    assert_eq!(published.request, realm.last_request(publisher));
    assert_eq!(seen.0.len(), 1);
}

/// C3.
#[test]
fn a_list_of_more_than_10000_entries_refuses_the_publication() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a.b", EXACT);
    let listing = Some(Box::new(Listing { too_long: Some("exclude"), ..Listing::default() }));
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { listing, ..ack() });
    assert_eq!(seen.refused(publisher), (MessageKind::Publish, "wamp.error.invalid_argument".to_owned()));
    assert_eq!(seen.receivers().len(), 0);
}

/// R38, R39.
#[test]
fn a_publication_has_one_id_on_every_subscription_and_in_published() {
    let mut realm = TestRealm::new();
    let [publisher, one, two] = [realm.join(), realm.join(), realm.join()];
    for (session, topic, policy) in
        [(one, "a.b", EXACT), (one, "a", PREFIX), (two, "a.b", EXACT), (two, ".b", WILDCARD)]
    {
        realm.subscribe(session, topic, policy);
    }
    let seen = realm.publish_with(publisher, "a.b", ack());
    assert_eq!(seen.receivers(), [vec![one, two], vec![one], vec![two]]);
    let Message::Published(published) = seen.only_message_to(publisher) else { panic!("{seen:?}") };
    assert_eq!(seen.publication_ids(), [published.publication]);
    assert_ne!(realm.publish(publisher, "a.b").publication_ids(), [published.publication]);
}

/// R40, D58.
#[test]
fn publish_skips_the_publisher_on_all_subscriptions_unless_exclude_me_is_false() {
    let mut realm = TestRealm::new();
    let [before, publisher, after] = [realm.join(), realm.join(), realm.join()];
    for session in [before, publisher, after] {
        realm.subscribe(session, "a.b", EXACT);
    }
    realm.subscribe(publisher, "a", PREFIX);
    assert_eq!(realm.publish(publisher, "a.b").receivers(), [[before, after]]);
    let options = PublishOptions { exclude_me: false, ..PublishOptions::default() };
    let seen = realm.publish_with(publisher, "a.b", options);
    assert_eq!(seen.receivers(), [vec![before, publisher, after], vec![publisher]]);
}

/// D59.
#[test]
fn published_precedes_the_publishers_own_event() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    realm.subscribe(publisher, "a.b", EXACT);
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { exclude_me: false, ..ack() });
    let kinds: Vec<_> = seen.messages_to(publisher).iter().map(Message::kind).collect();
    assert_eq!(kinds, [MessageKind::Published, MessageKind::Event]);
}

/// What a list of PUBLISH does to four subscribers (0 to 3) of two names and two roles.
struct Case {
    listing: fn([u64; 4]) -> Listing,
    reached: &'static [usize],
}

const LISTS: &[Case] = &[
    Case { listing: |_| Listing::default(), reached: &[0, 1, 2, 3] },
    Case { listing: |ids| Listing { eligible: Some(vec![ids[2], ids[0]]), ..Listing::default() }, reached: &[0, 2] },
    Case { listing: |_| Listing { eligible: Some(vec![]), ..Listing::default() }, reached: &[] },
    Case { listing: |_| Listing { eligible: Some(vec![0, u64::MAX]), ..Listing::default() }, reached: &[] },
    Case { listing: |ids| Listing { exclude: Some(vec![ids[3], 5]), ..Listing::default() }, reached: &[0, 1, 2] },
    Case { listing: |_| Listing { exclude: Some(vec![]), ..Listing::default() }, reached: &[0, 1, 2, 3] },
    Case { listing: |_| Listing { eligible_authid: texts(&["ann"]), ..Listing::default() }, reached: &[0, 1] },
    Case { listing: |_| Listing { eligible_authid: texts(&[]), ..Listing::default() }, reached: &[] },
    Case { listing: |_| Listing { exclude_authid: texts(&["zoe", "ann"]), ..Listing::default() }, reached: &[2, 3] },
    Case { listing: |_| Listing { eligible_authrole: texts(&["staff"]), ..Listing::default() }, reached: &[0, 2] },
    Case { listing: |_| Listing { eligible_authrole: texts(&[]), ..Listing::default() }, reached: &[] },
    Case { listing: |_| Listing { exclude_authrole: texts(&["staff"]), ..Listing::default() }, reached: &[1, 3] },
    Case {
        listing: |ids| Listing {
            eligible: Some(ids.to_vec()),
            eligible_authid: texts(&["ann", "bob"]),
            eligible_authrole: texts(&["staff", "guest"]),
            exclude: Some(vec![ids[0]]),
            exclude_authid: texts(&["bob"]),
            exclude_authrole: texts(&["nobody"]),
            too_long: None,
        },
        reached: &[1],
    },
];

/// R41, D6: the six lists, all of which must hold.
#[test]
fn an_event_reaches_those_whom_all_six_lists_admit() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    let people = [("ann", "staff"), ("ann", "guest"), ("bob", "staff"), ("bob", "guest")];
    let sessions = people.map(|(authid, authrole)| realm.join_as(authid, authrole));
    for session in sessions {
        realm.subscribe(session, "a.b", EXACT);
    }
    let ids = sessions.map(|session| realm.id(session));
    for (nth, case) in LISTS.iter().enumerate() {
        let options = PublishOptions { listing: Some(Box::new((case.listing)(ids))), ..PublishOptions::default() };
        let expected: Vec<SessionKey> = case.reached.iter().map(|index| sessions[*index]).collect();
        assert_eq!(realm.publish_with(publisher, "a.b", options).all_receivers(), expected, "case {nth}");
    }
}

/// R41, section 8.4.
#[test]
fn an_eligible_publisher_is_still_excluded_unless_exclude_me_is_false() {
    let mut realm = TestRealm::new();
    let publisher = realm.join();
    realm.subscribe(publisher, "a.b", EXACT);
    let id = realm.id(publisher);
    let listing = Some(Box::new(Listing { eligible: Some(vec![id]), ..Listing::default() }));
    let options = PublishOptions { listing, ..PublishOptions::default() };
    assert!(realm.publish_with(publisher, "a.b", options.clone()).is_silent());
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { exclude_me: false, ..options });
    assert_eq!(seen.receivers(), [[publisher]]);
}

/// R41: listing a session does not subscribe it.
#[test]
fn an_eligible_session_without_subscription_gets_nothing() {
    let mut realm = TestRealm::new();
    let (publisher, other) = (realm.join(), realm.join());
    let listing = Some(Box::new(Listing { eligible: Some(vec![realm.id(other)]), ..Listing::default() }));
    assert!(realm.publish_with(publisher, "a.b", PublishOptions { listing, ..PublishOptions::default() }).is_silent());
}

/// R42, D60.
#[test]
fn the_topic_is_told_on_pattern_subscriptions_only() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    for (topic, policy) in [("a.b", EXACT), ("a.", PREFIX), ("a.", WILDCARD)] {
        realm.subscribe(subscriber, topic, policy);
    }
    let topics: Vec<_> =
        realm.publish(publisher, "a.b").events().into_iter().map(|event| event.details.topic).collect();
    assert_eq!(topics, [None, Some("a.b".into()), Some("a.b".into())]);
}

/// R47.
#[test]
fn events_reach_a_subscriber_in_the_order_of_publishing() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a", PREFIX);
    let topics = ["a.c", "a.b", "a", "ab", "a.c"];
    let seen: Vec<_> = topics.iter().flat_map(|topic| realm.publish(publisher, topic).events()).collect();
    let order: Vec<_> = seen.iter().map(|event| event.details.topic.as_deref().unwrap()).collect();
    assert_eq!(order, topics);
}

/// R48.
#[test]
fn an_event_comes_only_after_subscribed() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    assert!(realm.publish(publisher, "a.b").is_silent());
    assert_eq!(realm.subscribing(subscriber, "a.b", EXACT).0.len(), 1);
    assert_eq!(realm.publish(publisher, "a.b").receivers(), [[subscriber]]);
}

/// R49: the permission was checked before; what is left is to name the publisher.
#[test]
fn disclose_me_names_the_publisher_and_nothing_else_does() {
    let mut realm = TestRealm::new();
    let publisher = realm.join_as("ann", "staff");
    let subscriber = realm.join();
    realm.subscribe(subscriber, "a.b", EXACT);
    assert_eq!(realm.publish(publisher, "a.b").events()[0].details.publisher, None);
    let seen = realm.publish_with(publisher, "a.b", PublishOptions { disclose_me: true, ..PublishOptions::default() });
    let disclosed = seen.events()[0].details.publisher.clone().unwrap();
    assert_eq!(disclosed.session.get(), realm.id(publisher));
    assert_eq!((disclosed.authid.as_deref(), disclosed.authrole.as_deref()), (Some("ann"), Some("staff")));
}

/// R53.
#[test]
fn the_payload_is_passed_on_as_it_came_on_every_subscription() {
    let mut realm = TestRealm::new();
    let (publisher, subscriber) = (realm.join(), realm.join());
    realm.subscribe(subscriber, "a.b", EXACT);
    realm.subscribe(subscriber, "a", PREFIX);
    for payload in [Payload::Empty, raw("[1]", 3, None), raw(r#"[],{"k":1}"#, 2, Some(3))] {
        let request = realm.request(publisher);
        let options = PublishOptions::default();
        let message = Publish { request, options, topic: "a.b".into(), payload: payload.clone() };
        let payloads: Vec<_> =
            realm.handle(publisher, message).events().into_iter().map(|event| event.payload).collect();
        assert_eq!(payloads, [payload.clone(), payload]);
    }
}

/// R31.
#[test]
fn one_uri_is_topic_and_procedure_at_once() {
    let mut realm = TestRealm::new();
    let (one, other) = (realm.join(), realm.join());
    realm.subscribe(one, "a.b", EXACT);
    realm.register(one, "a.b");
    assert_eq!(realm.publish(other, "a.b").receivers(), [[one]]);
    assert_eq!(realm.invoke(other, "a.b").0, one);
}

/// R107.
#[test]
fn realms_share_nothing() {
    let (mut one, mut other) = (TestRealm::new(), TestRealm::new());
    let (here, there) = (one.join(), other.join());
    one.subscribe(here, "a.b", EXACT);
    one.register(here, "a.b");
    assert!(other.publish(there, "a.b").is_silent());
    assert_eq!(other.call(there, "a.b").refused(there).1, "wamp.error.no_such_procedure");
}

fn texts(texts: &[&str]) -> Option<Vec<String>> {
    Some(texts.iter().map(|text| (*text).to_owned()).collect())
}
