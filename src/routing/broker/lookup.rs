//! What the meta API asks of the broker: which subscriptions there are, who is on them, and to take somebody off.
//!
//! Subscriptions to reserved topics are not told: to those who ask here they do not exist (D45).

use super::subscriptions::Subscription;
use super::Broker;
use crate::routing::change::Named;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::Turn;
use crate::wamp::message::Unsubscribed;
use crate::wamp::options::UnsubscribedDetails;
use crate::wamp::{MatchPolicy, SubscriptionId, Uri};

#[allow(dead_code, reason = "the subscription meta API is what asks")]
impl Broker {
    /// The subscriptions with an id beyond `after`, by id, each with its policy.
    pub(crate) fn subscriptions_after(
        &self,
        after: Option<SubscriptionId>,
    ) -> impl Iterator<Item = (SubscriptionId, MatchPolicy)> + '_ {
        let told = self.subscriptions.after(after).filter(|subscription| !subscription.is_reserved());
        told.map(|subscription| (subscription.id(), subscription.policy()))
    }

    /// The subscription to this very topic or pattern.
    pub(crate) fn lookup(&self, policy: MatchPolicy, topic: &Uri) -> Option<SubscriptionId> {
        let subscription = self.subscriptions.by_topic(policy, topic)?;
        (!subscription.is_reserved()).then(|| subscription.id())
    }

    /// The subscriptions that a publication to this topic would match: exact, prefixes from the shortest, wildcards.
    pub(crate) fn matching_ids(&self, topic: &Uri) -> Vec<SubscriptionId> {
        let mut places = Vec::new();
        self.subscriptions.matching(topic, &mut places);
        let all = places.into_iter().filter_map(|place| self.subscriptions.record(place));
        all.filter(|subscription| !subscription.is_reserved()).map(Subscription::id).collect()
    }

    /// What SubscriptionDetails says of it (R97).
    pub(crate) fn details(&self, id: SubscriptionId) -> Option<Named<SubscriptionId>> {
        self.told(id).map(Subscription::named)
    }

    /// Who is subscribed, in no order that means anything; nobody, where only the router keeps the subscription.
    pub(crate) fn subscribers(&self, id: SubscriptionId) -> Option<&[SessionKey]> {
        self.told(id).map(Subscription::subscribers)
    }

    /// Takes a session off a subscription. It is told so if it can be (R54); nothing is delivered to it any more.
    ///
    /// # Errors
    /// [`Refusal::NoSuchSubscription`]; [`Refusal::NoSuchSession`] if the session is not on it.
    pub(crate) fn remove_subscriber(
        &mut self,
        turn: &mut Turn<'_>,
        id: SubscriptionId,
        session: SessionKey,
        reason: Option<String>,
    ) -> Result<(), Refusal> {
        self.told(id).ok_or(Refusal::NoSuchSubscription)?;
        if !self.subscriptions.remove(turn, session, id) {
            return Err(Refusal::NoSuchSession);
        }
        let announced = turn.directory.member(session).map(|member| member.announced.subscriber_features);
        if announced.is_some_and(|features| features.subscription_revocation) {
            let details = UnsubscribedDetails { subscription: Some(id), reason };
            turn.effects.send(session, Unsubscribed { request: None, details });
        }
        Ok(())
    }

    fn told(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.by_id(id).filter(|subscription| !subscription.is_reserved())
    }
}

#[cfg(test)]
mod tests {
    use crate::routing::{Effect, Effects, Member, Permit, Realm, RealmLimits, Refusal, SessionKey};
    use crate::wamp::message::{Message, Subscribe};
    use crate::wamp::options::SubscribeOptions;
    use crate::wamp::role::{Announced, SubscriberFeatures};
    use crate::wamp::{Dict, MatchPolicy, RequestId, SessionId, SubscriptionId};
    use std::sync::Arc;
    use std::time::Instant;

    struct Fixture {
        realm: Realm,
        now: Instant,
        effects: Effects,
    }

    impl Fixture {
        fn new() -> Self {
            Self { realm: Realm::new(RealmLimits::default(), 7), now: Instant::now(), effects: Effects::new() }
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
}
