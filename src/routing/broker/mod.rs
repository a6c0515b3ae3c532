//! The broker of one realm: subscribe, unsubscribe, publish, forget.
//!
//! Decides who gets an event and says so in one `Deliver` per matching subscription. Never looks into a payload. Whether a
//! session may subscribe or publish was decided before, and so were the URIs: they are lawful here.

mod filter;
mod lookup;
mod subscriptions;

use super::key::SessionKey;
use super::pattern::Place;
use super::refusal::Refusal;
use super::Turn;
use crate::wamp::message::{Event, Publish, Published, Subscribe, Subscribed, Unsubscribe, Unsubscribed};
use crate::wamp::options::{Disclosed, EventDetails, UnsubscribedDetails};
use crate::wamp::{MatchPolicy, MessageKind, Payload, PublicationId, SessionId, SubscriptionId, Uri};
use filter::Filter;
use rand::Rng;
use subscriptions::{Subscription, Subscriptions};

/// The subscriptions of one realm, and what happens on them.
#[derive(Debug, Default)]
pub(crate) struct Broker {
    subscriptions: Subscriptions,
    /// The matches of the PUBLISH under way; kept to be used again.
    matches: Vec<Place>,
}

/// What all events of one publication have in common.
struct Publication<'a> {
    id: PublicationId,
    topic: &'a Uri,
    publisher: Option<Box<Disclosed>>,
}

impl Broker {
    /// Topics and patterns that somebody is subscribed to.
    pub(crate) fn len(&self) -> usize {
        self.subscriptions.len()
    }

    /// Answers SUBSCRIBE (R33, R34).
    pub(crate) fn subscribe(&mut self, turn: &mut Turn<'_>, from: SessionKey, subscribe: &Subscribe) {
        match self.enter(turn, from, subscribe) {
            Ok(subscription) => turn.effects.send(from, Subscribed { request: subscribe.request, subscription }),
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
        let id = PublicationId::wrapping(turn.rng.next_u64());
        if options.acknowledge {
            turn.effects.send(from, Published { request, publication: id });
        }
        let mut matches = std::mem::take(&mut self.matches);
        self.subscriptions.matching(&topic, &mut matches);
        if !matches.is_empty() {
            let publisher = options.disclose_me.then(|| turn.directory.member(from)).flatten();
            let publication = Publication { id, topic: &topic, publisher: publisher.map(super::Member::disclosed) };
            let filter = Filter::new(options.listing.as_deref(), options.exclude_me.then_some(from));
            self.deliver_each(turn, &mut matches, &publication, &filter, payload);
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
            let publication = Publication { id, topic, publisher: None };
            self.deliver_each(turn, &mut matches, &publication, &Filter::new(None, None), payload());
        }
        self.matches = matches;
    }

    /// Drops everything that the session, whose WAMP id is `id`, has here.
    pub(crate) fn forget(&mut self, turn: &mut Turn<'_>, session: SessionKey, id: SessionId) {
        self.subscriptions.forget(turn, session, id);
    }

    /// The first thing that does not hold, if any. For tests.
    pub(crate) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        self.subscriptions.broken_invariant(alive)
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
            let by_pattern = subscription.policy() != MatchPolicy::Exact;
            let details = EventDetails {
                topic: by_pattern.then(|| publication.topic.clone()),
                publisher: publication.publisher.clone(),
                ..EventDetails::default()
            };
            let event = Event { subscription: subscription.id(), publication: publication.id, details, payload };
            turn.effects.deliver(to, event);
        }
    }
}
