//! The broker's part: section 8 of the reference.

use super::kept::{said, Publication};
use super::meta::Change;
use super::{is_reserved, matches, Model, Session};
use crate::ask::PublishWish;
use crate::out::{EventOut, Out, Said};
use crate::setup::{Setup, SUBSCRIPTIONS_PER_SESSION, TOPICS};
use wharf::wamp::role::Feature;
use wharf::wamp::{MatchPolicy, MessageKind, Value};

#[derive(Clone)]
pub(crate) struct Subscription {
    pub(crate) policy: MatchPolicy,
    pub(crate) topic: String,
    pub(crate) id: u64,
    /// When it was made.
    pub(crate) at: u64,
    pub(crate) subscribers: Vec<usize>,
    /// Made by the realm itself, for history.
    pub(crate) is_kept: bool,
}

impl Subscription {
    /// SubscriptionDetails (section 10.4).
    pub(super) fn details(&self, setup: &Setup) -> Value {
        Value::Dict(vec![
            ("id".to_owned(), Value::Unsigned(self.id)),
            ("created".to_owned(), Value::Text(setup.time_of_day(self.at).to_string())),
            ("uri".to_owned(), Value::Text(self.topic.clone())),
            ("match".to_owned(), Value::from(self.policy.as_str())),
        ])
    }
}

impl Model {
    /// The subscriptions that keep history are there from the start. Their ids are not known yet.
    pub(super) fn make_lasting(&mut self) {
        if self.has(Feature::EventHistory) {
            let kept = TOPICS.iter().filter(|(_, _, settings)| settings.history.is_some());
            let lasting = kept.map(|(policy, topic, _)| Subscription {
                policy: *policy,
                topic: (*topic).to_owned(),
                id: 0,
                at: 0,
                subscribers: Vec::new(),
                is_kept: true,
            });
            self.subscriptions = lasting.collect();
        }
    }

    pub(super) fn subscribe(&mut self, who: usize, request: u64, topic: &str, policy: MatchPolicy, get_retained: bool) {
        let own = self.subscriptions.iter().filter(|known| known.subscribers.contains(&who)).count();
        let found = self.subscriptions.iter().position(|known| known.policy == policy && known.topic == topic);
        let again = found.is_some_and(|place| self.subscriptions[place].subscribers.contains(&who));
        if !again && own >= SUBSCRIPTIONS_PER_SESSION {
            return self.refuse(who, MessageKind::Subscribe, request, "wharf.error.limit_exceeded");
        }
        let id = self.drawn.subscriptions.pop_front().expect("SUBSCRIBED");
        let place = match found {
            Some(place) => {
                self.subscriptions[place].id = id;
                place
            }
            None => {
                assert!(self.subscriptions.iter().all(|known| known.id != id), "ids in use are unique");
                let (topic, at) = (topic.to_owned(), self.now);
                self.subscriptions.push(Subscription {
                    policy,
                    topic,
                    id,
                    at,
                    subscribers: Vec::new(),
                    is_kept: false,
                });
                self.note(who, id, "on_create");
                self.subscriptions.len() - 1
            }
        };
        let subscription = self.subscriptions[place].id;
        if !again {
            self.subscriptions[place].subscribers.push(who);
            self.note(who, subscription, "on_subscribe");
        }
        self.say(Out::Subscribed { to: who, request, subscription });
        if get_retained && self.has(Feature::EventRetention) {
            self.replay(who, place);
        }
    }

    /// Changes of reserved topics are not told (D45).
    fn note(&mut self, who: usize, id: u64, what: &str) {
        let known = self.subscriptions.iter().find(|known| known.id == id).expect("a subscription");
        if !is_reserved(&known.topic) {
            let about = if what == "on_create" { known.details(&self.setup) } else { Value::Unsigned(id) };
            let session = Value::Unsigned(self.sessions[who].id);
            self.changes.push(Change { topic: format!("wamp.subscription.{what}"), args: vec![session, about] });
        }
    }

    pub(super) fn unsubscribe(&mut self, who: usize, request: u64, id: u64) {
        if !self.subscriptions.iter().any(|known| known.id == id && known.subscribers.contains(&who)) {
            return self.refuse(who, MessageKind::Unsubscribe, request, "wamp.error.no_such_subscription");
        }
        self.take_off(who, id);
        self.say(Out::Unsubscribed { to: who, request });
    }

    /// Takes a subscriber off a subscription that it is on.
    pub(super) fn take_off(&mut self, who: usize, id: u64) {
        self.note(who, id, "on_unsubscribe");
        let place = self.subscriptions.iter().position(|known| known.id == id).expect("a subscription");
        self.subscriptions[place].subscribers.retain(|other| *other != who);
        if self.subscriptions[place].subscribers.is_empty() && !self.subscriptions[place].is_kept {
            self.note(who, id, "on_delete");
            self.subscriptions.remove(place);
        }
    }

    pub(super) fn forget_subscriptions(&mut self, who: usize) {
        let own = self.subscriptions.iter().filter(|known| known.subscribers.contains(&who));
        let mut own: Vec<u64> = own.map(|known| known.id).collect();
        own.sort_unstable();
        own.into_iter().for_each(|id| self.take_off(who, id));
    }

    pub(super) fn publish(&mut self, who: usize, request: u64, wish: PublishWish) {
        let publication = self.publication(who, wish);
        self.route(&publication, Some(request).filter(|_| publication.wish.ack));
    }

    /// Who gets it: the seven conditions of section 8.4.
    pub(super) fn gets(&self, session: usize, publication: &Publication) -> bool {
        let Session { authid, authrole, .. } = self.sessions[session];
        let lists = &publication.wish.lists;
        let listed = |list: &Option<Vec<usize>>, entry: usize| list.as_ref().map(|list| list.contains(&entry));
        listed(&lists.eligible, session) != Some(false)
            && listed(&lists.eligible_authid, authid) != Some(false)
            && listed(&lists.eligible_authrole, authrole) != Some(false)
            && listed(&lists.exclude, session) != Some(true)
            && listed(&lists.exclude_authid, authid) != Some(true)
            && listed(&lists.exclude_authrole, authrole) != Some(true)
            && (session != publication.from || !publication.wish.exclude_me)
    }

    /// The EVENTs to those of the subscribers for whom `fits` holds.
    pub(super) fn events(&mut self, publication: &Publication, fits: impl Fn(usize) -> bool) -> Vec<Out> {
        let matching =
            self.subscriptions.iter().filter(|known| matches(known.policy, &known.topic, &publication.wish.topic));
        let mut outs = Vec::new();
        for known in matching {
            let to: Vec<usize> =
                known.subscribers.iter().copied().filter(|who| fits(*who) && self.gets(*who, publication)).collect();
            outs.extend(event(known, to, publication, false));
        }
        outs
    }

    /// A meta event reaches patterns only if they are the router's own themselves (D51).
    pub(super) fn meta_event(&mut self, topic: &str, payload: Said) {
        let label = self.label();
        let fits = |known: &&Subscription| {
            is_reserved(&known.topic) && matches(known.policy, &known.topic, topic) && !known.subscribers.is_empty()
        };
        let outs = self.subscriptions.iter().filter(fits).map(|known| {
            let mut to = known.subscribers.clone();
            to.sort_unstable();
            Out::Event(EventOut {
                to,
                subscription: known.id,
                publication: label,
                topic: (known.policy != MatchPolicy::Exact).then(|| topic.to_owned()),
                publisher: None,
                trust: None,
                retained: false,
                ppt: false,
                payload: payload.clone(),
            })
        });
        let outs: Vec<Out> = outs.collect();
        self.outs.extend(outs);
    }
}

/// One EVENT on one subscription, if anybody gets it.
pub(super) fn event(
    known: &Subscription,
    mut to: Vec<usize>,
    publication: &Publication,
    retained: bool,
) -> Option<Out> {
    if to.is_empty() {
        return None;
    }
    to.sort_unstable();
    let Publication { label, ref wish, publisher, trust, .. } = *publication;
    let topic = (known.policy != MatchPolicy::Exact).then(|| wish.topic.clone());
    let (ppt, payload) = (wish.ppt, said(wish));
    let subscription = known.id;
    Some(Out::Event(EventOut { to, subscription, publication: label, topic, publisher, trust, retained, ppt, payload }))
}
