//! What outlives its publishing: retained events and history (sections 8.6 and 8.7), and the publishers that wait for them.

use super::events::event;
use super::{is_reserved, matches, Model};
use crate::ask::PublishWish;
use crate::out::{EventOut, KeepOut, Out, Said};
use crate::setup::Restored;
use std::collections::{BTreeSet, VecDeque};
use wharf::wamp::role::Feature;
use wharf::wamp::{MessageKind, Value};

/// Retained events with lists, newer than the newest one without.
const LISTED_MAX: usize = 8;

/// The publisher of what is older than the realm: no session of the run.
const NOBODY: usize = usize::MAX;

/// A publication, as it was made.
#[derive(Clone)]
pub(crate) struct Publication {
    pub(super) label: u64,
    pub(super) from: usize,
    pub(super) wish: PublishWish,
    /// The publisher's id, if it is disclosed.
    pub(super) publisher: Option<u64>,
    pub(super) trust: Option<u64>,
}

pub(crate) struct Retained {
    publication: Publication,
    until: Option<u64>,
    /// It was there before the realm started.
    is_restored: bool,
}

/// A publication that its publisher waits for.
pub(crate) struct Stored {
    pub(crate) who: usize,
    pub(crate) request: u64,
    label: u64,
    /// The publisher's own events.
    own: Vec<Out>,
}

/// A question about history.
pub(crate) struct Asking {
    pub(super) ticket: u64,
    pub(crate) who: usize,
    pub(crate) request: u64,
}

impl Model {
    pub(super) fn publication(&mut self, from: usize, wish: PublishWish) -> Publication {
        let session = &self.sessions[from];
        let publisher = wish.disclose.then_some(session.id);
        let trust = self
            .has(Feature::PublicationTrustlevels)
            .then(|| self.setup.topic(&wish.topic).trust(session.authrole))
            .flatten();
        let label = self.label();
        Publication { label, from, wish, publisher, trust }
    }

    /// To everybody that gets it, to late subscribers, and into history. `ack`: the PUBLISH that wants an answer.
    pub(super) fn route(&mut self, publication: &Publication, ack: Option<u64>) {
        let wish = &publication.wish;
        let rule = self.setup.topic(&wish.topic);
        let names_sessions = wish.lists.eligible.is_some() || wish.lists.exclude.is_some();
        let history = rule.history.filter(|_| self.has(Feature::EventHistory) && !names_sessions);
        let retain = wish.retain && rule.retain && self.has(Feature::EventRetention);
        if self.is_short_of_memory {
            self.noted.extend(retain.then_some("not retained for want of memory"));
            let in_memory = history.is_some_and(|(_, durable)| !durable);
            self.noted.extend(in_memory.then_some("not in history for want of memory"));
        }
        let history = history.filter(|(_, durable)| *durable || !self.is_short_of_memory);
        let retain = retain && !self.is_short_of_memory;
        let on_disk = retain && self.setup.retained_durable;
        let durable = on_disk || history.is_some_and(|(_, durable)| durable);
        let waiting = ack.filter(|_| durable);
        let from = publication.from;
        if history.is_some() || on_disk {
            let listed = wish.lists != crate::ask::Lists::default();
            self.say(Out::Keep(KeepOut {
                publication: publication.label,
                topic: wish.topic.clone(),
                publisher: publication.publisher,
                excluded: wish.exclude_me.then_some(self.sessions[from].id),
                trust: publication.trust,
                ppt: wish.ppt,
                listed,
                history,
                retain: on_disk,
                waiting: waiting.map(|request| (from, request)),
                time: self.setup.time_of_day(self.now).0,
                payload: said(wish),
            }));
        }
        if let Some(request) = ack.filter(|_| !durable) {
            self.say(Out::Published { to: from, request, publication: publication.label });
        }
        // Who waits for PUBLISHED gets its own events after it (D59).
        let later = waiting.is_some();
        let outs = self.events(publication, |who| !later || who != from);
        self.outs.extend(outs);
        let own = if later { self.events(publication, |who| who == from) } else { Vec::new() };
        if retain {
            let until = rule.retained_ms.map(|ms| self.now + ms);
            self.retain(Retained { publication: publication.clone(), until, is_restored: false });
        }
        if let Some(request) = waiting {
            if !own.is_empty() {
                self.sessions[from].held = Some(VecDeque::new());
            }
            self.storing.push(Stored { who: from, request, label: publication.label, own });
        }
    }

    /// The store has answered.
    pub(crate) fn kept(&mut self, nth: usize, ok: bool) {
        let Stored { who, request, label, own } = self.storing.remove(nth);
        if !self.sessions[who].there {
            return;
        }
        if ok {
            self.say(Out::Published { to: who, request, publication: label });
        } else {
            self.refuse(who, MessageKind::Publish, request, "wharf.error.storage");
        }
        let holds = !own.is_empty();
        for event in own {
            let Out::Event(EventOut { subscription, .. }) = event else { continue };
            // It may have been taken off meanwhile (D61).
            if self.subscriptions.iter().any(|known| known.id == subscription && known.subscribers.contains(&who)) {
                self.say(event);
            }
        }
        if holds {
            self.resume(who);
            // What has waited may have ended a holder that a REGISTER waits for.
            self.settle();
        }
    }

    /// What the store has from before the start, topic by topic: in the order of routing it comes by its time, but where the
    /// clock had been set back.
    pub(crate) fn restore(&mut self, events: &[Restored]) -> Vec<u64> {
        let labels: Vec<u64> = events.iter().map(|_| self.label()).collect();
        if !self.has(Feature::EventRetention) {
            return labels;
        }
        let routed = |nth: usize| {
            let before = events[..=nth].iter().filter(|before| before.topic == events[nth].topic);
            before.map(|before| -before.age_ms).max()
        };
        let mut order: Vec<usize> = (0..events.len()).collect();
        order.sort_by_key(|nth| routed(*nth));
        for nth in order {
            let event = &events[nth];
            let rule = self.setup.topic(&event.topic);
            let left = rule.retained_ms.map(|max| max.saturating_sub(event.age_ms.max(0) as u64));
            // What may not be retained any more ends at once.
            let left = if rule.retain { left } else { Some(0) };
            let (trust, publisher) = (event.trust, event.publisher);
            let publication = Publication { label: labels[nth], from: NOBODY, wish: event.wish(), publisher, trust };
            self.retain(Retained { publication, until: left, is_restored: true });
        }
        labels
    }

    /// The newest one without lists, and newer ones with lists.
    fn retain(&mut self, new: Retained) {
        let topic = new.publication.wish.topic.clone();
        let same = |retained: &Retained| retained.publication.wish.topic == topic;
        let listed = |retained: &Retained| retained.publication.wish.lists != crate::ask::Lists::default();
        if listed(&new) {
            let with_lists = self.retained.iter().filter(|retained| same(retained) && listed(retained)).count();
            if with_lists >= LISTED_MAX {
                let oldest = self.retained.iter().position(|retained| same(retained) && listed(retained));
                oldest.map(|place| self.retained.remove(place));
            }
        } else {
            self.retained.retain(|retained| !same(retained));
        }
        self.retained.push(new);
    }

    /// The retained events of a new subscriber: of each topic the newest one that it would have got.
    pub(super) fn replay(&mut self, who: usize, place: usize) {
        let known = self.subscriptions[place].clone();
        let mut given = BTreeSet::new();
        let (mut outs, mut noted) = (Vec::new(), Vec::new());
        for retained in self.retained.iter().rev() {
            let topic = &retained.publication.wish.topic;
            let due = retained.until.is_some_and(|until| until <= self.now);
            let wanted = matches(known.policy, &known.topic, topic) && self.gets(who, &retained.publication);
            if wanted && due && retained.is_restored {
                noted.push("EVENT of before the start that has ended");
            }
            if wanted && !due && given.insert(topic) {
                noted.extend(retained.is_restored.then_some("EVENT of before the start"));
                outs.extend(event(&known, vec![who], &retained.publication, true));
            }
        }
        self.noted.extend(noted);
        // In the order of routing.
        self.outs.extend(outs.into_iter().rev());
    }

    /// `wharf.retained.clear`: how many topics.
    pub(super) fn clear_retained(&mut self, policy: wharf::wamp::MatchPolicy, pattern: &str) -> u64 {
        let gone: BTreeSet<String> = self
            .retained
            .iter()
            .map(|retained| retained.publication.wish.topic.clone())
            .filter(|topic| !is_reserved(topic) && matches(policy, pattern, topic))
            .collect();
        self.retained.retain(|retained| !gone.contains(&retained.publication.wish.topic));
        if self.setup.retained_durable {
            gone.iter().for_each(|topic| self.outs.push(Out::Forget { topic: topic.clone() }));
        }
        gone.len() as u64
    }

    pub(crate) fn next_expiry(&self) -> Option<u64> {
        self.retained.iter().filter_map(|retained| retained.until).min()
    }

    /// What has ended goes; a topic of which nothing is left is forgotten in the store as well.
    pub(super) fn expire(&mut self) {
        let now = self.now;
        let ended = |retained: &Retained| retained.until.is_some_and(|until| until <= now);
        let mut gone: Vec<(Option<u64>, usize, String)> = Vec::new();
        for (place, last) in self.retained.iter().enumerate() {
            let topic = &last.publication.wish.topic;
            let of_topic = || self.retained.iter().filter(|other| other.publication.wish.topic == *topic);
            let is_newest =
                of_topic().next_back().is_some_and(|newest| newest.publication.label == last.publication.label);
            if is_newest && of_topic().all(ended) {
                gone.push((of_topic().filter_map(|retained| retained.until).min(), place, topic.clone()));
            }
        }
        self.retained.retain(|retained| !ended(retained));
        gone.sort();
        if self.setup.retained_durable {
            gone.into_iter().for_each(|(_, _, topic)| self.say(Out::Forget { topic }));
        }
    }

    pub(crate) fn retained_topics(&self) -> usize {
        self.retained.iter().map(|retained| &retained.publication.wish.topic).collect::<BTreeSet<_>>().len()
    }

    /// The store has answered a question about history, with nothing or with a fault.
    pub(crate) fn history_read(&mut self, ticket: u64, ok: bool) {
        let Some(nth) = self.asking.iter().position(|asking| asking.ticket == ticket) else { return };
        let Asking { who, request, .. } = self.asking.remove(nth);
        if ok {
            self.say(Out::Result { to: who, request, progress: false, ppt: false, payload: Said::Any });
        } else {
            self.refuse(who, MessageKind::Call, request, "wharf.error.storage");
        }
    }
}

/// The payload of a publication.
pub(super) fn said(wish: &PublishWish) -> Said {
    if wish.testament {
        Said::Values(vec![Value::Unsigned(wish.tag)], Vec::new())
    } else {
        Said::Tag(wish.tag)
    }
}
