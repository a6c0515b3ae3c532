//! What is kept of a publication: as the topic's retained event, and for history.
//!
//! Decides what is kept and gives the store its orders; routing never waits for them. The one thing that waits is an answer:
//! PUBLISHED of what is to be durable, and behind it the publisher's own events and its later messages.

use super::filter::{sort, sorted_listing, Filter};
use super::publication::{Publication, Publisher};
use super::subscriptions::Subscription;
use super::Broker;
use crate::routing::key::SessionKey;
use crate::routing::pattern::Place;
use crate::routing::record::{KeptEvent, Order, StoreFault, Waiting};
use crate::routing::records::{RecordRest, Recorded};
use crate::routing::refusal::Refusal;
use crate::routing::rules::{HistoryRule, RealmRules, TopicRule};
use crate::routing::Turn;
use crate::wamp::message::{Event, Published, Subscribe};
use crate::wamp::options::{EventDetails, PublishOptions};
use crate::wamp::role::Feature;
use crate::wamp::uri::is_reserved;
use crate::wamp::{MatchPolicy, MessageKind, Payload, PublicationId, SubscriptionId, Uri, WallTime};
use smallvec::smallvec;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How a publication is to be kept.
#[derive(Clone, Copy)]
pub(super) struct Keeping {
    history: Option<HistoryRule>,
    /// As the topic's retained event.
    retain: bool,
    /// How long that is given to late subscribers.
    retain_age: Option<Duration>,
}

/// A publisher's own events of one publication, which wait until it is answered (D59).
#[derive(Debug)]
pub(super) struct OwnEvents {
    publication: PublicationId,
    events: Vec<Event>,
}

/// A copy of the topic of the events that the store was given last.
#[derive(Debug, Default)]
pub(super) struct KeptTopic {
    topic: Uri,
    left: usize,
}

impl KeptTopic {
    /// The same copy for some events of one topic in a row, and then a new one: another thread drops what this one counts, and a
    /// count that two threads change all the time costs both more than a copy. `exact` is the copy of the topic's own
    /// subscription, good enough where topics alternate.
    fn copy(&mut self, topic: &Uri, exact: Option<&Uri>) -> Uri {
        const EVENTS: usize = 64;
        *self = match exact {
            Some(exact) if self.topic != *topic => Self { topic: exact.clone(), left: 1 },
            Some(_) | None if self.topic == *topic && self.left > 0 => return self.next(),
            Some(_) | None => Self { topic: topic.detached(), left: EVENTS },
        };
        self.next()
    }

    fn next(&mut self) -> Uri {
        self.left -= 1;
        self.topic.clone()
    }
}

impl Broker {
    /// Whether and how a publication is to be kept.
    pub(super) fn keeping(
        &self,
        rules: &RealmRules,
        topic: &Uri,
        options: &PublishOptions,
        rule: Option<&TopicRule>,
    ) -> Option<Keeping> {
        let retain_rule = rule.map(|rule| rule.retain).unwrap_or_default();
        let retain = options.retain
            && retain_rule.allow
            && !self.is_short_of_memory
            && rules.features.has(Feature::EventRetention);
        let names_sessions =
            options.listing.as_ref().is_some_and(|lists| lists.exclude.is_some() || lists.eligible.is_some());
        let history = rule.and_then(|rule| rule.history).filter(|history| {
            let is_affordable = history.durable || !self.is_short_of_memory;
            is_affordable && !names_sessions && rules.features.has(Feature::EventHistory)
        });
        let is_kept = (retain || history.is_some()) && !is_reserved(topic);
        is_kept.then_some(Keeping { history, retain, retain_age: retain_rule.max_age })
    }

    /// Routes a publication that is to be kept.
    pub(super) fn route_and_keep(
        &mut self,
        turn: &mut Turn<'_>,
        matches: &mut Vec<Place>,
        publication: &Publication<'_>,
        keeping: Keeping,
        payload: Payload,
    ) {
        let waiting = match keeping.history {
            Some(rule) if !rule.durable && !keeping.retain => {
                record(turn, publication, rule, &payload);
                None
            }
            Some(_) | None => {
                let event = Arc::new(self.kept_event(turn, matches, publication, keeping, &payload));
                self.keep(turn, publication, keeping, event)
            }
        };
        let listing = publication.options.listing.as_deref();
        if let Some(Waiting { session, .. }) = waiting {
            // Its own events come with the answer, if it gets any.
            let filter = Filter::new(listing, Some(session));
            if !publication.options.exclude_me {
                self.hold_own(turn, matches, publication, &filter, &payload);
            }
            return self.deliver_each(turn, matches, publication, &filter, payload);
        }
        if let (true, Publisher::Session(from, request)) = (publication.options.acknowledge, publication.by) {
            turn.effects.send(from, Published { request, publication: publication.id });
        }
        let filter = Filter::new(listing, publication.excluded());
        self.deliver_each(turn, matches, publication, &filter, payload);
    }

    /// The event as it is kept: nothing of it shares a frame.
    fn kept_event(
        &mut self,
        turn: &Turn<'_>,
        matches: &[Place],
        publication: &Publication<'_>,
        keeping: Keeping,
        payload: &Payload,
    ) -> KeptEvent {
        // The exact subscription is the first match if there is one, and has a copy of the topic already.
        let exact = matches.first().and_then(|place| self.subscriptions.record(*place));
        let exact = exact.filter(|subscription| subscription.policy() == MatchPolicy::Exact).map(Subscription::topic);
        let topic = if keeping.retain {
            exact.map_or_else(|| publication.topic.detached(), Uri::clone)
        } else {
            self.kept_topic.copy(publication.topic, exact)
        };
        let options = publication.options;
        let excluded = publication.member(turn.directory).filter(|_| options.exclude_me);
        KeptEvent {
            publication: publication.id,
            time: turn.time(),
            topic,
            publisher: publication.publisher.clone(),
            excluded: excluded.map(|member| member.session),
            trustlevel: publication.trustlevel,
            ppt: options.ppt.clone(),
            listing: options.listing.as_deref().and_then(sorted_listing),
            // What is retained is here for long; what is not, the store writes or copies.
            payload: if keeping.retain { payload.detached() } else { payload.detached_within(&mut self.copies) },
        }
    }

    /// Keeps the event, and says who waits for that.
    fn keep(
        &mut self,
        turn: &mut Turn<'_>,
        publication: &Publication<'_>,
        keeping: Keeping,
        event: Arc<KeptEvent>,
    ) -> Option<Waiting> {
        let is_retained = keeping.retain && {
            let until = keeping.retain_age.and_then(|age| turn.now.checked_add(age));
            let mut gone = Vec::new();
            let kept = self.retained.keep(&event, until, turn.limits, &mut gone);
            forget_in_store(turn, gone);
            kept
        };
        let retain = is_retained && turn.rules.retained_durable;
        if keeping.history.is_none() && !retain {
            return None;
        }
        let is_durable = retain || keeping.history.is_some_and(|history| history.durable);
        let waiting = match publication.by {
            Publisher::Session(session, request) if is_durable && publication.options.acknowledge => {
                Some(Waiting { session, request, publication: publication.id })
            }
            Publisher::Session(..) | Publisher::Gone(_) | Publisher::Router => None,
        };
        turn.effects.store(Order::Keep { event, history: keeping.history, retain, waiting });
        waiting
    }

    /// Lets the publisher's own events wait, and with them what it says from now on. Nothing if it gets none.
    fn hold_own(
        &mut self,
        turn: &mut Turn<'_>,
        matches: &[Place],
        publication: &Publication<'_>,
        filter: &Filter<'_>,
        payload: &Payload,
    ) {
        let Publisher::Session(session, _) = publication.by else { return };
        if !turn.directory.member(session).is_some_and(|member| filter.admits(member)) {
            return;
        }
        let subscribed = matches.iter().filter_map(|place| self.subscriptions.record(*place));
        let subscribed = subscribed.filter(|record| self.subscriptions.position(session, record).is_some());
        let events: Vec<_> = subscribed.map(|record| publication.event(record, payload.clone())).collect();
        if !events.is_empty() {
            self.own_events.insert(session, OwnEvents { publication: publication.id, events });
            turn.holds.hold(session);
        }
    }

    /// Answers a publisher that waited, and gives it its own events. `true` if its later messages waited for that.
    pub(crate) fn kept(&mut self, turn: &mut Turn<'_>, waiting: Waiting, outcome: Result<(), StoreFault>) -> bool {
        let Waiting { session, request, publication } = waiting;
        match outcome {
            Ok(()) => turn.effects.send(session, Published { request, publication }),
            Err(fault) => turn.effects.refuse(session, MessageKind::Publish, request, &Refusal::Storage(fault)),
        }
        if self.own_events.get(session).is_none_or(|own| own.publication != publication) {
            return false;
        }
        for event in self.own_events.remove(session).map(|own| own.events).unwrap_or_default() {
            // It may have been taken off the subscription meanwhile (D61).
            if self.subscriptions.is_on(session, event.subscription) {
                turn.effects.deliver(smallvec![session], event);
            }
        }
        true
    }

    /// Gives the retained events of a SUBSCRIBE with `get_retained` (R51, R52).
    pub(super) fn replay(
        &self,
        turn: &mut Turn<'_>,
        to: SessionKey,
        subscribe: &Subscribe,
        subscription: SubscriptionId,
    ) {
        let Some(member) = turn.directory.member(to) else { return };
        let policy = subscribe.options.match_policy;
        let by_pattern = policy != MatchPolicy::Exact;
        for kept in self.retained.replay(policy, &subscribe.topic, member, turn.now) {
            let details = EventDetails {
                topic: by_pattern.then(|| kept.topic.clone()),
                publisher: kept.publisher.clone(),
                trustlevel: kept.trustlevel,
                retained: true,
                missed: None,
                ppt: kept.ppt.clone(),
                // It was retained under a trace that is over.
                trace: None,
            };
            let event = Event { subscription, publication: kept.publication, details, payload: kept.payload.clone() };
            turn.effects.deliver(smallvec![to], event);
        }
    }

    /// Puts back what was retained before the start. `now` is `time` of day.
    pub(crate) fn restore(&mut self, rules: &RealmRules, now: Instant, time: WallTime, events: Vec<KeptEvent>) {
        if !rules.features.has(Feature::EventRetention) {
            return;
        }
        for mut event in in_order_of_routing(events) {
            let rule = rules.topics.find(&event.topic).map(|rule| rule.retain).unwrap_or_default();
            let age = u64::try_from(time.0.saturating_sub(event.time.0)).map_or(Duration::ZERO, Duration::from_micros);
            // What may not be kept any more ends at once, so that the next sweep has the store forget it too.
            let left = if rule.allow { rule.max_age.map(|max| max.saturating_sub(age)) } else { Some(Duration::ZERO) };
            let until = left.and_then(|left| now.checked_add(left));
            if let Some(listing) = &mut event.listing {
                sort(listing);
            }
            self.retained.keep(&Arc::new(event), until, &rules.limits, &mut Vec::new());
        }
    }

    /// Ends what is retained of a topic, or of all topics that a pattern fits; gives back of how many.
    pub(crate) fn clear_retained(&mut self, turn: &mut Turn<'_>, policy: MatchPolicy, topic: &Uri) -> usize {
        let gone = self.retained.clear(policy, topic);
        let count = gone.len();
        forget_in_store(turn, gone);
        count
    }

    /// When something that is retained ends.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.retained.next_deadline()
    }

    /// Drops retained events whose time is up.
    pub(crate) fn handle_timeout(&mut self, turn: &mut Turn<'_>) {
        let gone = self.retained.sweep(turn.now);
        forget_in_store(turn, gone);
    }
}

/// Keeps the event for history in memory. Nobody waits for that.
fn record(turn: &mut Turn<'_>, publication: &Publication<'_>, rule: HistoryRule, payload: &Payload) {
    let options = publication.options;
    let excluded = publication.member(turn.directory).filter(|_| options.exclude_me);
    let rest = RecordRest {
        publisher: publication.publisher.clone(),
        trustlevel: publication.trustlevel,
        ppt: options.ppt.clone(),
        listing: options.listing.as_deref().and_then(sorted_listing),
        payload: None,
    };
    let event = Recorded {
        publication: publication.id,
        time: turn.time(),
        topic: publication.topic,
        excluded: excluded.map(|member| member.session),
        payload: None,
        rest: None,
    };
    turn.effects.record(event.with_payload(rest, payload), rule);
}

/// Events that come topic by topic, each topic in order, as they were routed: by their times, as far as those go. Where the
/// clock went back, the order within a topic is kept.
fn in_order_of_routing(events: Vec<KeptEvent>) -> impl Iterator<Item = KeptEvent> {
    let mut newest: BTreeMap<Uri, WallTime> = BTreeMap::new();
    let timed = events.into_iter().map(|event| {
        let time = newest.entry(event.topic.clone()).or_insert(event.time);
        *time = event.time.max(*time);
        (*time, event)
    });
    let mut timed: Vec<_> = timed.collect();
    timed.sort_by_key(|(time, _)| *time);
    timed.into_iter().map(|(_, event)| event)
}

fn forget_in_store(turn: &mut Turn<'_>, topics: Vec<Uri>) {
    if turn.rules.retained_durable {
        for topic in topics {
            turn.effects.store(Order::Forget(topic));
        }
    }
}
