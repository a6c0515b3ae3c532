//! The retained events of one realm: what late subscribers get, by topic.
//!
//! Of each topic the newest event without lists is kept, and newer than it at most [`LISTED_RETAINED_MAX`] with lists, for late
//! subscribers of different roles. All of it together has a bound in octets. An event whose time is up is never given out,
//! whether or not it has been swept yet. Source: section 8.6 of the reference, D62.

use super::filter::admits;
use crate::routing::directory::Member;
use crate::routing::limits::{RealmLimits, RetainedFull};
use crate::routing::record::{KeptEvent, LISTED_RETAINED_MAX};
use crate::wamp::options::Listing;
use crate::wamp::{MatchPolicy, Uri};
use std::collections::BTreeMap;
use std::ops::Bound;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// The most retained topics that one SUBSCRIBE to a pattern looks at.
const TOPICS_WALKED_MAX: usize = 10_000;

/// The most retained events that one SUBSCRIBE to a pattern gets.
const REPLAYED_MAX: usize = 1_000;

/// The most octets of them: half of what may wait for a session that has the default outbox.
const REPLAYED_OCTETS_MAX: usize = 2 << 20;

/// What one event takes besides its topic, lists and payload: the record and its places in three ordered maps, about.
const EVENT_OCTETS: usize = 512;

/// Topics whose time is up are swept no more often than this, unless one sweep left some over.
const SWEEP_EVERY: Duration = Duration::from_secs(1);

/// The most topics that one sweep takes.
const SWEPT_MAX: usize = 1_000;

/// The retained events, by topic.
#[derive(Debug, Default)]
pub(super) struct Retained {
    topics: BTreeMap<Uri, OfTopic>,
    /// The topics by the order of their newest events.
    by_age: BTreeMap<u64, Uri>,
    /// The topics by the time at which an event of theirs ends, with the order of their newest events.
    by_deadline: BTreeMap<(Instant, u64), Uri>,
    octets: usize,
    kept: u64,
    refused: u64,
    swept_at: Option<Instant>,
}

/// What is retained of one topic.
#[derive(Debug)]
struct OfTopic {
    /// In the order of routing; the first one may be without lists. Never empty.
    events: Vec<Entry>,
    octets: usize,
}

#[derive(Debug)]
struct Entry {
    event: Arc<KeptEvent>,
    /// Counts the events kept: the order of routing.
    order: u64,
    until: Option<Instant>,
    octets: usize,
}

impl OfTopic {
    /// The order of its newest event.
    fn newest(&self) -> u64 {
        self.events.last().map_or(0, |entry| entry.order)
    }

    fn deadline(&self) -> Option<Instant> {
        self.events.iter().filter_map(|entry| entry.until).min()
    }

    /// The newest event that this member would have received.
    fn newest_for(&self, member: &Member, now: Instant) -> Option<&Entry> {
        let fits = |entry: &&Entry| {
            entry.until.is_none_or(|until| now < until)
                && entry.event.excluded != Some(member.session)
                && entry.event.listing.as_ref().is_none_or(|listing| admits(listing, member))
        };
        self.events.iter().rev().find(fits)
    }
}

impl Retained {
    /// How many topics have a retained event.
    pub(super) fn len(&self) -> usize {
        self.topics.len()
    }

    /// Octets that are held, about.
    pub(super) fn octets(&self) -> usize {
        self.octets
    }

    /// Events that were to be retained and are not, because there was no room, since the start.
    pub(super) fn refused(&self) -> u64 {
        self.refused
    }

    /// Keeps an event, whose lists are sorted, until then. `false` if there is no room (X3). What has made room is named in
    /// `gone`.
    pub(super) fn keep(
        &mut self,
        event: &Arc<KeptEvent>,
        until: Option<Instant>,
        limits: &RealmLimits,
        gone: &mut Vec<Uri>,
    ) -> bool {
        let octets = octets_of(event);
        let (own, freed) = self.replaced(event);
        let max = limits.retained_octets_max;
        if own - freed + octets > max {
            self.refused += 1;
            return false;
        }
        while self.octets - freed + octets > max {
            let oldest = match limits.retained_full {
                RetainedFull::Refuse => None,
                RetainedFull::Evict => self.by_age.values().find(|topic| **topic != event.topic).cloned(),
            };
            let Some(oldest) = oldest else {
                self.refused += 1;
                return false;
            };
            self.remove(&oldest);
            gone.push(oldest);
        }
        self.put(event, until, octets);
        true
    }

    /// Octets of what is kept of the event's topic, and of that part of it for which the event comes.
    fn replaced(&self, event: &KeptEvent) -> (usize, usize) {
        let Some(of_topic) = self.topics.get(&event.topic) else { return (0, 0) };
        let freed = if event.listing.is_none() {
            of_topic.octets
        } else {
            let mut listed = of_topic.events.iter().filter(|entry| entry.event.listing.is_some());
            let oldest = listed.next().map_or(0, |entry| entry.octets);
            if 1 + listed.count() >= LISTED_RETAINED_MAX {
                oldest
            } else {
                0
            }
        };
        (of_topic.octets, freed)
    }

    fn put(&mut self, event: &Arc<KeptEvent>, until: Option<Instant>, octets: usize) {
        let mut of_topic = self.remove(&event.topic).unwrap_or(OfTopic { events: Vec::new(), octets: 0 });
        if event.listing.is_none() {
            of_topic.events.clear();
        }
        let is_listed = |entry: &Entry| entry.event.listing.is_some();
        if of_topic.events.iter().filter(|entry| is_listed(entry)).count() >= LISTED_RETAINED_MAX {
            if let Some(oldest) = of_topic.events.iter().position(is_listed) {
                of_topic.events.remove(oldest);
            }
        }
        of_topic.events.push(Entry { event: Arc::clone(event), order: self.kept, until, octets });
        self.kept += 1;
        self.insert(event.topic.clone(), of_topic);
    }

    /// Puts a topic into all indexes.
    fn insert(&mut self, topic: Uri, mut of_topic: OfTopic) {
        of_topic.octets = of_topic.events.iter().map(|entry| entry.octets).sum();
        self.octets += of_topic.octets;
        self.by_age.insert(of_topic.newest(), topic.clone());
        if let Some(deadline) = of_topic.deadline() {
            self.by_deadline.insert((deadline, of_topic.newest()), topic.clone());
        }
        self.topics.insert(topic, of_topic);
    }

    /// Takes a topic out of all indexes.
    fn remove(&mut self, topic: &Uri) -> Option<OfTopic> {
        let of_topic = self.topics.remove(topic)?;
        self.octets -= of_topic.octets;
        self.by_age.remove(&of_topic.newest());
        if let Some(deadline) = of_topic.deadline() {
            self.by_deadline.remove(&(deadline, of_topic.newest()));
        }
        Some(of_topic)
    }

    /// Ends what is retained of the topics that fit; gives them back.
    pub(super) fn clear(&mut self, policy: MatchPolicy, pattern: &str) -> Vec<Uri> {
        let gone: Vec<Uri> = self.fitting(policy, pattern, usize::MAX).map(|(topic, _)| topic.clone()).collect();
        for topic in &gone {
            self.remove(topic);
        }
        gone
    }

    /// What a subscriber of this topic or pattern gets: of each topic the newest event that it would have received, in the
    /// order of routing.
    pub(super) fn replay<'a>(
        &'a self,
        policy: MatchPolicy,
        pattern: &str,
        member: &Member,
        now: Instant,
    ) -> impl Iterator<Item = &'a Arc<KeptEvent>> + use<'a> {
        let mut octets = 0;
        let newest = self.fitting(policy, pattern, TOPICS_WALKED_MAX);
        let mut found: Vec<&Entry> = newest
            .filter_map(|(_, of_topic)| of_topic.newest_for(member, now))
            .take_while(|entry| {
                // The first one is given whatever its size.
                let fits = octets == 0 || octets + entry.octets <= REPLAYED_OCTETS_MAX;
                octets += entry.octets;
                fits
            })
            .take(REPLAYED_MAX)
            .collect();
        found.sort_unstable_by_key(|entry| entry.order);
        found.into_iter().map(|entry| &entry.event)
    }

    /// The topics that fit, in order; of those that begin as the pattern does at most so many are looked at.
    fn fitting<'a, 'p>(
        &'a self,
        policy: MatchPolicy,
        pattern: &'p str,
        walked_max: usize,
    ) -> impl Iterator<Item = (&'a Uri, &'a OfTopic)> + use<'a, 'p> {
        let (head, walked_max) = match policy {
            MatchPolicy::Exact => (pattern, 1),
            MatchPolicy::Prefix => (pattern, walked_max),
            MatchPolicy::Wildcard => (head_of_wildcard(pattern), walked_max),
        };
        self.topics
            .range::<str, _>((Bound::Included(head), Bound::Unbounded))
            .take_while(move |(topic, _)| topic.starts_with(head))
            .take(walked_max)
            .filter(move |(topic, _)| match policy {
                MatchPolicy::Exact => topic.as_str() == pattern,
                MatchPolicy::Prefix => true,
                MatchPolicy::Wildcard => fits_wildcard(pattern, topic),
            })
    }

    /// When there is something to sweep.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        let ((first, _), _) = self.by_deadline.first_key_value()?;
        Some(self.swept_at.map_or(*first, |swept_at| (*first).max(swept_at + SWEEP_EVERY)))
    }

    /// Drops events whose time is up; gives back the topics of which nothing is left.
    pub(super) fn sweep(&mut self, now: Instant) -> Vec<Uri> {
        let mut gone = Vec::new();
        for _ in 0..SWEPT_MAX {
            let due = self.by_deadline.first_key_value().filter(|((deadline, _), _)| *deadline <= now);
            let Some(topic) = due.map(|(_, topic)| topic.clone()) else {
                self.swept_at = Some(now);
                return gone;
            };
            gone.extend(self.expire(topic, now));
        }
        // There may be more.
        self.swept_at = None;
        gone
    }

    /// Drops what has expired of a topic; gives the topic back if nothing is left.
    fn expire(&mut self, topic: Uri, now: Instant) -> Option<Uri> {
        let mut of_topic = self.remove(&topic)?;
        of_topic.events.retain(|entry| entry.until.is_none_or(|until| now < until));
        if of_topic.events.is_empty() {
            return Some(topic);
        }
        self.insert(topic, of_topic);
        None
    }

    /// The first thing that does not hold between the indexes, if any.
    pub(super) fn broken_invariant(&self) -> Option<&'static str> {
        let octets: usize = self.topics.values().map(|of_topic| of_topic.octets).sum();
        if octets != self.octets || self.by_age.len() != self.topics.len() {
            return Some("what is retained is counted once");
        }
        let deadlines = self.topics.values().filter(|of_topic| of_topic.deadline().is_some()).count();
        if deadlines != self.by_deadline.len() {
            return Some("a retained event that ends has its deadline");
        }
        for (topic, of_topic) in &self.topics {
            let listed = of_topic.events.iter().skip(1).all(|entry| entry.event.listing.is_some());
            if of_topic.events.is_empty() || of_topic.events.len() > 1 + LISTED_RETAINED_MAX || !listed {
                return Some("a topic has one retained event without lists, and newer ones with lists");
            }
            if self.by_age.get(&of_topic.newest()) != Some(topic) {
                return Some("a retained topic is found by its age");
            }
        }
        None
    }
}

/// Octets that the event keeps in memory, about.
fn octets_of(event: &KeptEvent) -> usize {
    let lists = event.listing.as_deref().map_or(0, Listing::octets);
    EVENT_OCTETS + event.topic.len() + event.payload.len() + lists
}

/// The text that all topics begin with which fit the pattern: up to its first empty component.
fn head_of_wildcard(pattern: &str) -> &str {
    let mut end = 0;
    for component in pattern.split('.') {
        if component.is_empty() {
            return pattern.get(..end).unwrap_or_default();
        }
        end += component.len() + 1;
    }
    pattern
}

fn fits_wildcard(pattern: &str, topic: &str) -> bool {
    let (mut wanted, mut components) = (pattern.split('.'), topic.split('.'));
    loop {
        match (wanted.next(), components.next()) {
            (None, None) => return true,
            (Some(wanted), Some(component)) if wanted.is_empty() || wanted == component => {}
            (Some(_), _) | (None, Some(_)) => return false,
        }
    }
}

#[cfg(test)]
mod tests;
