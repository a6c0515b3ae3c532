//! One publication on its way: who publishes it, and what all its events have in common.
//!
//! Decides nothing about who gets it.

use super::subscriptions::Subscription;
use crate::routing::directory::{Directory, Member};
use crate::routing::key::SessionKey;
use crate::routing::rules::{RealmRules, TopicRule};
use crate::wamp::message::Event;
use crate::wamp::options::{Disclosed, EventDetails, PublishOptions};
use crate::wamp::role::Feature;
use crate::wamp::{MatchPolicy, Payload, PublicationId, RequestId, TraceContext, Uri};
use std::sync::Arc;

/// Who publishes.
#[derive(Clone, Copy)]
pub(super) enum Publisher<'a> {
    /// A session, with this PUBLISH.
    Session(SessionKey, RequestId),
    /// A session that is not there any more.
    Gone(&'a Member),
    /// The router itself.
    Router,
}

/// What all events of one publication have in common, and what it asked for.
pub(super) struct Publication<'a> {
    pub(super) id: PublicationId,
    pub(super) topic: &'a Uri,
    pub(super) by: Publisher<'a>,
    pub(super) options: &'a PublishOptions,
    /// The publisher, where disclosed.
    pub(super) publisher: Option<Box<Disclosed>>,
    pub(super) trustlevel: Option<u64>,
    /// The trace that is handed on.
    pub(super) trace: Option<&'a Arc<TraceContext>>,
}

impl<'a> Publication<'a> {
    /// A publication of which only the topic is told so far.
    pub(super) fn new(id: PublicationId, topic: &'a Uri, by: Publisher<'a>, options: &'a PublishOptions) -> Self {
        Self { id, topic, by, options, publisher: None, trustlevel: None, trace: None }
    }

    /// Finds out what is told of the publisher: its trace, its name if it is disclosed (R49), and how far it is trusted (R50).
    pub(super) fn identify(&mut self, directory: &Directory, rules: &RealmRules, rule: Option<&TopicRule>) {
        self.trace = self.options.trace.as_ref().filter(|_| rules.hands_on_trace);
        if rule.is_none() && !self.options.disclose_me {
            return;
        }
        let Some(member) = self.member(directory) else { return };
        let disclosed = self.options.disclose_me.then(|| member.disclosed());
        let trusted = rule.filter(|_| rules.features.has(Feature::PublicationTrustlevels));
        let trustlevel = trusted.and_then(|rule| rule.trust.of(&member.authrole));
        (self.publisher, self.trustlevel) = (disclosed, trustlevel);
    }

    /// The publisher, if it is a session, there or gone.
    pub(super) fn member<'d>(&self, directory: &'d Directory) -> Option<&'d Member>
    where
        'a: 'd,
    {
        match self.by {
            Publisher::Session(session, _) => directory.member(session),
            Publisher::Gone(member) => Some(member),
            Publisher::Router => None,
        }
    }

    /// The session that does not get its own event.
    pub(super) fn excluded(&self) -> Option<SessionKey> {
        match self.by {
            Publisher::Session(session, _) if self.options.exclude_me => Some(session),
            Publisher::Session(..) | Publisher::Gone(_) | Publisher::Router => None,
        }
    }

    /// The EVENT of one subscription.
    #[inline]
    pub(super) fn event(&self, subscription: &Subscription, payload: Payload) -> Event {
        let by_pattern = subscription.policy() != MatchPolicy::Exact;
        let details = EventDetails {
            topic: by_pattern.then(|| self.topic.clone()),
            publisher: self.publisher.clone(),
            trustlevel: self.trustlevel,
            ppt: self.options.ppt.clone(),
            trace: self.trace.cloned(),
            ..EventDetails::default()
        };
        Event { subscription: subscription.id(), publication: self.id, details, payload }
    }
}
