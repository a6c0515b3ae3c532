//! The broker of one realm: subscribe, unsubscribe, publish, forget.
//!
//! Decides who gets an event and says so in one `Deliver` per matching subscription. Never looks into a payload. Whether a
//! session may subscribe or publish was decided before, and so were the URIs: they are lawful here.

mod filter;
mod keep;
mod lookup;
mod publication;
mod retained;
mod subscriptions;
#[cfg(test)]
mod tests;

use super::directory::Member;
use super::key::{PerSession, SessionKey};
use super::pattern::Place;
use super::refusal::Refusal;
use super::rules::RealmRules;
use super::swap::{self, Lasting};
use super::Turn;
use crate::wamp::message::{Publish, Published, Subscribe, Subscribed, Unsubscribe, Unsubscribed};
use crate::wamp::options::{PublishOptions, UnsubscribedDetails};
use crate::wamp::role::Feature;
use crate::wamp::uri::is_reserved;
use crate::wamp::{MessageKind, Payload, PublicationId, SessionId, SubscriptionId, Uri, WallTime};
use bytes::BytesMut;
use filter::Filter;
use keep::{KeptTopic, OwnEvents};
use publication::{Publication, Publisher};
use rand::Rng;
use retained::Retained;
use std::collections::BTreeMap;
use subscriptions::{Subscription, Subscriptions};

/// The subscriptions of one realm, and what happens on them.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    subscriptions: Subscriptions,
    /// The matches of the PUBLISH under way; kept to be used again.
    matches: Vec<Place>,
    retained: Retained,
    /// Of publishers that wait for the answer to their last PUBLISH.
    own_events: PerSession<OwnEvents>,
    kept_topic: KeptTopic,
    /// Room for the payloads of what the store is given.
    copies: BytesMut,
    is_short_of_memory: bool,
}

impl Broker {
    /// Makes the subscriptions of the topics and patterns that keep history: it exists before the first subscriber.
    pub(crate) fn create_history(&mut self, rules: &RealmRules) {
        self.change_history(rules, WallTime::default());
    }

    /// Whether some topic keeps history.
    pub(crate) fn keeps_history(&self) -> bool {
        self.subscriptions.has_lasting()
    }

    /// The topics that keep history are from now on those of `rules`.
    pub(crate) fn change_history(&mut self, rules: &RealmRules, time: WallTime) {
        self.subscriptions.release_lasting();
        // Of two rules for one pattern the later one holds.
        let last: BTreeMap<_, _> = rules.topics.iter().map(|(policy, topic, rule)| ((topic, policy), rule)).collect();
        for ((topic, policy), rule) in last {
            if rule.history.is_some() && !is_reserved(topic) && rules.features.has(Feature::EventHistory) {
                self.subscriptions.create_lasting(*policy, topic, time);
            }
        }
        self.subscriptions.drop_released();
    }

    /// Tells the time of day for the first time.
    pub(crate) fn begin(&mut self, time: WallTime) {
        self.subscriptions.begin(time);
    }

    /// From now on nothing new is kept in memory, or it is again.
    pub(crate) fn set_short_of_memory(&mut self, is_short: bool) {
        self.is_short_of_memory = is_short;
    }

    /// Whether nothing new is kept in memory.
    pub(crate) fn is_short_of_memory(&self) -> bool {
        self.is_short_of_memory
    }

    /// How many topics have a retained event, and how many octets all of them hold.
    pub(crate) fn retained(&self) -> (usize, usize) {
        (self.retained.len(), self.retained.octets())
    }

    /// Events that were to be retained and are not, because there was no room, since the start (X3).
    pub(crate) fn retained_refused(&self) -> u64 {
        self.retained.refused()
    }

    /// Topics and patterns that somebody is subscribed to, or that keep history.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Answers SUBSCRIBE (R33, R34), and gives what is retained, each time that it is asked for (D62).
    pub(crate) fn subscribe(&mut self, turn: &mut Turn<'_>, from: SessionKey, subscribe: &Subscribe) {
        match self.enter(turn, from, subscribe) {
            Ok(subscription) => {
                turn.effects.send(from, Subscribed { request: subscribe.request, subscription });
                if subscribe.options.get_retained && turn.rules.features.has(Feature::EventRetention) {
                    self.replay(turn, from, subscribe, subscription);
                }
            }
            Err(refusal) => turn.effects.refuse(from, MessageKind::Subscribe, subscribe.request, &refusal),
        }
    }

    fn enter(
        &mut self,
        turn: &mut Turn<'_>,
        from: SessionKey,
        subscribe: &Subscribe,
    ) -> Result<SubscriptionId, Refusal> {
        let policy = subscribe.options.match_policy;
        swap::judge(turn, from, Lasting::Subscribe, &subscribe.topic, policy)?;
        if let Some(existing) = self.subscriptions.of_session_by_topic(from, policy, &subscribe.topic) {
            return Ok(existing);
        }
        let limits = turn.limits;
        if self.subscriptions.count_of(from) >= limits.subscriptions_per_session_max {
            let max = limits.subscriptions_per_session_max;
            return Err(Refusal::LimitExceeded { limit: "max_subscriptions_per_session", max });
        }
        if self.subscriptions.entries() >= limits.subscriptions_max {
            return Err(Refusal::LimitExceeded { limit: "max_subscriptions", max: limits.subscriptions_max });
        }
        Ok(self.subscriptions.insert(turn, from, policy, &subscribe.topic))
    }

    /// Answers UNSUBSCRIBE. The id is looked up among the session's own (R45).
    pub(crate) fn unsubscribe(&mut self, turn: &mut Turn<'_>, from: SessionKey, unsubscribe: &Unsubscribe) {
        let request = unsubscribe.request;
        if self.subscriptions.remove(turn, from, unsubscribe.subscription) {
            let details = UnsubscribedDetails::default();
            turn.effects.send(from, Unsubscribed { request: Some(request), details });
        } else {
            turn.effects.refuse(from, MessageKind::Unsubscribe, request, &Refusal::NoSuchSubscription);
        }
    }

    /// Routes one PUBLISH: PUBLISHED if it was asked for, then one `Deliver` per matching subscription (R37 to R42).
    ///
    /// All events carry the same publication id. PUBLISHED comes first, so that it precedes the publisher's own EVENT (D59).
    pub(crate) fn publish(&mut self, turn: &mut Turn<'_>, from: SessionKey, publish: Publish) {
        let Publish { request, options, topic, payload } = publish;
        if let Some(option) = options.listing.as_ref().and_then(|listing| listing.too_long) {
            if options.acknowledge {
                turn.effects.refuse(from, MessageKind::Publish, request, &Refusal::ListTooLong(option));
            }
            return;
        }
        self.route(turn, Publisher::Session(from, request), &options, &topic, payload);
    }

    /// Publishes what a session that is gone has left behind, as if it had published it (section 10.2 of the reference).
    pub(crate) fn publish_for(
        &mut self,
        turn: &mut Turn<'_>,
        gone: &Member,
        options: &PublishOptions,
        topic: &Uri,
        payload: Payload,
    ) {
        self.route(turn, Publisher::Gone(gone), options, topic, payload);
    }

    fn route(
        &mut self,
        turn: &mut Turn<'_>,
        by: Publisher<'_>,
        options: &PublishOptions,
        topic: &Uri,
        payload: Payload,
    ) {
        let id = PublicationId::wrapping(turn.rng.next_u64());
        let rule = turn.rules.topics.find(topic);
        let mut matches = std::mem::take(&mut self.matches);
        self.subscriptions.matching(topic, &mut matches);
        let mut publication = Publication::new(id, topic, by, options);
        let may_be_kept = rule.is_some() || options.retain;
        if let Some(keeping) = may_be_kept.then(|| self.keeping(turn.rules, topic, options, rule)).flatten() {
            publication.identify(turn.directory, turn.rules, rule);
            self.route_and_keep(turn, &mut matches, &publication, keeping, payload);
        } else {
            if let (true, Publisher::Session(from, request)) = (options.acknowledge, by) {
                turn.effects.send(from, Published { request, publication: id });
            }
            if !matches.is_empty() {
                publication.identify(turn.directory, turn.rules, rule);
                let filter = Filter::new(options.listing.as_deref(), publication.excluded());
                self.deliver_each(turn, &mut matches, &publication, &filter, payload);
            }
        }
        self.matches = matches;
    }

    /// Publishes a meta event: an ordinary EVENT without publisher.
    ///
    /// A pattern subscription gets it only if the pattern itself lies under the reserved prefix: whether a session may see
    /// reserved topics was decided for the text of its pattern, and a pattern like `""` was allowed for other topics (D51).
    pub(crate) fn publish_meta(&mut self, turn: &mut Turn<'_>, topic: &Uri, payload: impl FnOnce() -> Payload) {
        let mut matches = std::mem::take(&mut self.matches);
        self.subscriptions.matching(topic, &mut matches);
        matches.retain(|place| self.subscriptions.record(*place).is_some_and(Subscription::is_reserved));
        if !matches.is_empty() {
            let id = PublicationId::wrapping(turn.rng.next_u64());
            let options = PublishOptions::default();
            let publication = Publication::new(id, topic, Publisher::Router, &options);
            self.deliver_each(turn, &mut matches, &publication, &Filter::new(None, None), payload());
        }
        self.matches = matches;
    }

    /// Drops everything that the session, whose WAMP id is `id`, has here.
    pub(crate) fn forget(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: SessionId) {
        self.subscriptions.forget(turn, session, id);
        self.own_events.remove(session);
    }

    /// The first thing that does not hold, if any. For tests.
    pub(crate) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        if self.own_events.keys().any(|session| !alive(session)) {
            return Some("a session that is gone has no events waiting");
        }
        self.retained.broken_invariant().or_else(|| self.subscriptions.broken_invariant(alive))
    }

    fn deliver_each(
        &self,
        turn: &mut Turn<'_>,
        matches: &mut Vec<Place>,
        publication: &Publication<'_>,
        filter: &Filter<'_>,
        payload: Payload,
    ) {
        let last = matches.len().saturating_sub(1);
        let mut payload = Some(payload);
        for (nth, place) in matches.drain(..).enumerate() {
            let Some(subscription) = self.subscriptions.record(place) else { continue };
            // The last one takes the payload; most publications match one subscription.
            let payload = if nth == last { payload.take() } else { payload.clone() }.unwrap_or_default();
            let to = filter.receivers(&self.subscriptions, subscription, turn.directory);
            if to.is_empty() {
                continue;
            }
            let event = publication.event(subscription, payload);
            turn.effects.deliver(to, event);
        }
    }
}
