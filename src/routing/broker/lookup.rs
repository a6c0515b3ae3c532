//! What the meta API asks of the broker: which subscriptions there are, who is on them, and to take somebody off.
//!
//! Subscriptions to reserved topics are not told: to those who ask here they do not exist (D45).

use super::subscriptions::Subscription;
use super::Broker;
use crate::routing::change::Named;
use crate::routing::key::SessionKey;
use crate::routing::listing::Subscribed;
use crate::routing::names::{Beginnings, Name, Slice};
use crate::routing::refusal::Refusal;
use crate::routing::Turn;
use crate::wamp::message::Unsubscribed;
use crate::wamp::options::UnsubscribedDetails;
use crate::wamp::{MatchPolicy, SubscriptionId, Uri};
use std::ops::Bound;

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

    /// The subscriptions whose names begin so, from one on. As [`Names::slice`](crate::routing::names::Names::slice).
    pub(crate) fn subscribed(&self, beginnings: &Beginnings, from: Bound<Name>, looks: usize) -> Slice<Subscribed> {
        let Slice { items, go_on } = self.subscriptions.names().slice(beginnings, from, looks);
        let records = items.into_iter().filter_map(|place| self.subscriptions.record(place));
        let items = records.map(|record| Subscribed {
            uri: record.topic().clone(),
            policy: record.policy(),
            is_subscribed: !record.subscribers().is_empty(),
        });
        Slice { items: items.collect(), go_on }
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
        if self.revoke(turn, id, session, reason) {
            Ok(())
        } else {
            Err(Refusal::NoSuchSession)
        }
    }

    /// Takes a session off the subscriptions that it may not have any more; gives back how many those were.
    pub(crate) fn revoke_forbidden(&mut self, turn: &mut Turn<'_>, session: SessionKey, reason: &str) -> usize {
        let Some(permit) = turn.directory.member(session).map(|member| member.permit.clone()) else { return 0 };
        let allowed = |record: &Subscription| permit.may_stay_subscribed(record.topic(), record.policy());
        let mut forbidden = self.subscriptions.of_session(session);
        forbidden.retain(|id| !self.subscriptions.by_id(*id).is_some_and(allowed));
        for id in &forbidden {
            self.revoke(turn, *id, session, Some(reason.to_owned()));
        }
        forbidden.len()
    }

    /// `false` if the session is not on it.
    fn revoke(&mut self, turn: &mut Turn<'_>, id: SubscriptionId, session: SessionKey, reason: Option<String>) -> bool {
        if !self.subscriptions.remove(turn, session, id) {
            return false;
        }
        let announced = turn.directory.member(session).map(|member| member.announced.subscriber_features);
        if announced.is_some_and(|features| features.subscription_revocation) {
            let details = UnsubscribedDetails { subscription: Some(id), reason };
            turn.effects.send(session, Unsubscribed { request: None, details });
        }
        true
    }

    fn told(&self, id: SubscriptionId) -> Option<&Subscription> {
        self.subscriptions.by_id(id).filter(|subscription| !subscription.is_reserved())
    }
}
