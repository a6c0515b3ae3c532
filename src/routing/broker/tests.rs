//! What the broker tells the meta API, and does for it: what no message reaches.

use crate::routing::change::Change;
use crate::routing::{
    Effect, Effects, HistoryRule, Member, Order, Permit, Realm, RealmRules, Refusal, SessionKey, TopicRule, UriTable,
};
use crate::wamp::message::{Message, Publish, Subscribe, Unsubscribe};
use crate::wamp::options::{PublishOptions, SubscribeOptions};
use crate::wamp::role::{Announced, SubscriberFeatures};
use crate::wamp::{Dict, MatchPolicy, Payload, RequestId, SessionId, SubscriptionId, WallTime};
use std::sync::Arc;
use std::time::Instant;

struct Fixture {
    realm: Realm,
    now: Instant,
    effects: Effects,
}

impl Fixture {
    fn new() -> Self {
        Self::with(RealmRules::default())
    }

    fn with(rules: RealmRules) -> Self {
        Self { realm: Realm::with_rules(rules, 7), now: Instant::now(), effects: Effects::new() }
    }

    /// A realm that keeps the history of `a.b` on disk, and what is retained too.
    fn durable() -> Self {
        let history = Some(HistoryRule { limit: 1, max_age: None, durable: true });
        let entry = (MatchPolicy::Exact, "a.b".into(), TopicRule { history, ..TopicRule::default() });
        let topics = Arc::new(UriTable::new(vec![entry]));
        Self::with(RealmRules { topics, retained_durable: true, ..RealmRules::default() })
    }

    fn publish(&mut self, session: SessionKey, topic: &str, options: PublishOptions) -> Vec<Effect> {
        let message = Publish { request: RequestId::FIRST, options, topic: topic.into(), payload: Payload::Empty };
        self.realm.handle(self.now, session, message.into(), &mut self.effects);
        self.effects.drain().collect()
    }

    fn join(&mut self, id: u64, subscription_revocation: bool) -> SessionKey {
        let subscriber_features = SubscriberFeatures { subscription_revocation };
        let member = Member {
            session: SessionId::new(id).unwrap(),
            authid: Arc::from("ann"),
            authrole: Arc::from("user"),
            authmethod: Arc::from("ticket"),
            authprovider: Arc::from("static"),
            announced: Announced { subscriber: true, subscriber_features, ..Announced::default() },
            entrance: crate::wamp::Entrance::default(),
            transport: Dict::new(),
            permit: Permit::default(),
        };
        self.realm.join(self.now, member, &mut self.effects).unwrap()
    }

    fn subscribe(&mut self, session: SessionKey, topic: &str, match_policy: MatchPolicy) -> SubscriptionId {
        let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
        let message = Subscribe { request: RequestId::FIRST, options, topic: topic.into() };
        self.realm.handle(self.now, session, message.into(), &mut self.effects);
        let last = self.effects.drain().next_back();
        let Some(Effect::Send { message: Message::Subscribed(subscribed), .. }) = last else {
            panic!("SUBSCRIBED expected, got {last:?}");
        };
        subscribed.subscription
    }

    fn remove(&mut self, id: SubscriptionId, session: SessionKey) -> (Result<(), Refusal>, Vec<Effect>) {
        let (broker, _, mut turn) = self.realm.turn(self.now, &mut self.effects);
        let removed = broker.remove_subscriber(&mut turn, id, session, Some("tidied up".to_owned()));
        (removed, self.effects.drain().collect())
    }
}

/// R97, D45.
#[test]
fn subscriptions_are_listed_by_id_and_reserved_ones_are_not() {
    let mut fixture = Fixture::new();
    let session = fixture.join(1, true);
    let mut ids: Vec<_> = [("a.b", MatchPolicy::Exact), ("a", MatchPolicy::Prefix), (".b", MatchPolicy::Wildcard)]
        .map(|(topic, policy)| (fixture.subscribe(session, topic, policy), policy))
        .to_vec();
    let reserved = fixture.subscribe(session, "wamp.session.on_join", MatchPolicy::Exact);
    let broker = &fixture.realm.broker;
    assert_eq!(broker.matching_ids(&"a.b".into()), ids.iter().map(|(id, _)| *id).collect::<Vec<_>>());
    assert_eq!(broker.lookup(MatchPolicy::Prefix, &"a".into()), Some(ids[1].0));
    assert_eq!(broker.lookup(MatchPolicy::Exact, &"a".into()), None);
    assert_eq!(broker.details(ids[2].0).map(|named| named.uri), Some(".b".into()));
    assert_eq!(broker.subscribers(ids[0].0), Some(&[session][..]));
    ids.sort_unstable();
    assert_eq!(broker.subscriptions_after(None).collect::<Vec<_>>(), ids);
    assert_eq!(broker.subscriptions_after(Some(ids[0].0)).collect::<Vec<_>>(), ids[1..]);
    let topic = "wamp.session.on_join".into();
    assert_eq!(broker.lookup(MatchPolicy::Exact, &topic), None);
    assert_eq!(broker.matching_ids(&topic), []);
    assert_eq!((broker.details(reserved), broker.subscribers(reserved)), (None, None));
}

/// R54.
#[test]
fn a_revocation_is_told_to_those_that_announced_it_and_to_nobody_else() {
    let mut fixture = Fixture::new();
    let (told, silent, other) = (fixture.join(1, true), fixture.join(2, false), fixture.join(3, true));
    let id = fixture.subscribe(told, "a.b", MatchPolicy::Exact);
    fixture.subscribe(silent, "a.b", MatchPolicy::Exact);
    assert_eq!(fixture.remove(id, other), (Err(Refusal::NoSuchSession), vec![]));
    let (removed, effects) = fixture.remove(id, told);
    assert_eq!(removed, Ok(()));
    let [Effect::Send { to, message: Message::Unsubscribed(message) }] = &effects[..] else {
        panic!("UNSUBSCRIBED expected, got {effects:?}");
    };
    assert_eq!((*to, message.request, message.details.subscription), (told, None, Some(id)));
    assert_eq!(message.details.reason.as_deref(), Some("tidied up"));
    assert_eq!(fixture.remove(id, silent), (Ok(()), vec![]));
    assert_eq!(fixture.remove(id, silent), (Err(Refusal::NoSuchSubscription), vec![]));
    assert_eq!(fixture.realm.broken_invariant(), None);
}

/// Section 8.7, R96: the router's own subscription is made once, at the start; sessions come and go on it.
#[test]
fn a_subscription_with_history_is_listed_from_the_start_and_neither_created_nor_deleted_again() {
    let mut fixture = Fixture::durable();
    fixture.realm.set_time_of_day(fixture.now, WallTime(5));
    fixture.realm.set_time_of_day(fixture.now, WallTime(9));
    let session = fixture.join(1, true);
    let topic = "a.b".into();
    let id = fixture.realm.broker.lookup(MatchPolicy::Exact, &topic).unwrap();
    assert_eq!(fixture.realm.broker.matching_ids(&topic), [id]);
    assert_eq!(fixture.realm.broker.subscribers(id), Some(&[][..]));
    assert_eq!(fixture.realm.broker.details(id).map(|named| named.created), Some(WallTime(5)));
    let request = RequestId::FIRST;
    let (broker, _, mut turn) = fixture.realm.turn(fixture.now, &mut fixture.effects);
    broker.subscribe(&mut turn, session, &Subscribe { request, options: SubscribeOptions::default(), topic });
    broker.unsubscribe(&mut turn, session, &Unsubscribe { request, subscription: id });
    let session = SessionId::FIRST;
    assert_eq!(*turn.changes, [Change::Subscribed(session, id), Change::Unsubscribed(session, id)]);
}

/// Store, section 9: the id comes from the pattern alone, so it may never change.
#[test]
fn the_id_of_a_subscription_with_history_is_made_of_its_policy_and_topic() {
    let fixture = Fixture::durable();
    let id = fixture.realm.broker.lookup(MatchPolicy::Exact, &"a.b".into());
    assert_eq!(id.map(SubscriptionId::get), Some(305_165_989_674_859));
}

/// D61: a publisher that is taken off while its own event waits gets PUBLISHED only.
#[test]
fn an_own_event_that_waited_is_not_delivered_after_a_revocation() {
    let mut fixture = Fixture::durable();
    let session = fixture.join(1, true);
    let id = fixture.subscribe(session, "a.b", MatchPolicy::Exact);
    let options = PublishOptions { acknowledge: true, exclude_me: false, ..PublishOptions::default() };
    let effects = fixture.publish(session, "a.b", options);
    let [Effect::Store(Order::Keep { waiting: Some(waiting), .. })] = effects[..] else {
        panic!("an event that is waited for expected, got {effects:?}");
    };
    assert_eq!(fixture.remove(id, session).0, Ok(()));
    fixture.realm.kept(fixture.now, waiting, Ok(()), &mut fixture.effects);
    let effects: Vec<_> = fixture.effects.drain().collect();
    assert!(matches!(effects[..], [Effect::Send { message: Message::Published(_), .. }]), "{effects:?}");
    assert!(!fixture.realm.is_held(session));
}

/// D62: clearing is an administrative act, by topic or by pattern, and the store is told of it.
#[test]
fn what_is_retained_is_cleared_by_topic_or_by_pattern() {
    let mut fixture = Fixture::durable();
    let session = fixture.join(1, true);
    for topic in ["b", "b.c", "b.d", "c.d", "bc"] {
        fixture.publish(session, topic, PublishOptions { retain: true, ..PublishOptions::default() });
    }
    let mut clear = |policy, topic: &str| {
        let (broker, _, mut turn) = fixture.realm.turn(fixture.now, &mut fixture.effects);
        let count = broker.clear_retained(&mut turn, policy, &topic.into());
        let forgotten = fixture.effects.drain().map(|effect| {
            let Effect::Store(Order::Forget(topic)) = effect else { panic!("an end expected, got {effect:?}") };
            topic.to_string()
        });
        (count, forgotten.collect::<Vec<_>>())
    };
    assert_eq!(clear(MatchPolicy::Exact, "b"), (1, vec!["b".to_owned()]));
    assert_eq!(clear(MatchPolicy::Exact, "b"), (0, vec![]));
    assert_eq!(clear(MatchPolicy::Wildcard, ".d"), (2, vec!["b.d".to_owned(), "c.d".to_owned()]));
    assert_eq!(clear(MatchPolicy::Prefix, "b"), (2, vec!["b.c".to_owned(), "bc".to_owned()]));
    assert_eq!(fixture.realm.counters().retained_octets, 0);
    assert_eq!(fixture.realm.broken_invariant(), None);
}
