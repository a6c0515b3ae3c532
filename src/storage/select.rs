//! What a question about history selects, and in which order: the same for every log.
//!
//! A log gives streams of events, each in the order of the walk; they are merged here by position, and all conditions are
//! applied here. Never reads a log itself. Source: section 8.7 of the reference.

use super::Seq;
use crate::routing::{KeptEvent, Page, Query, StoreFault, PAGE_OCTETS_MAX, SCAN_EMPTY_MAX, SCAN_RECORDS_MAX};
use crate::wamp::options::Listing;
use crate::wamp::{MatchPolicy, PublicationId, Uri, WallTime};
use std::collections::BinaryHeap;
use std::sync::Arc;
use std::time::Duration;

/// The most topics that one question reads from.
pub(super) const TOPICS_MAX: usize = 10_000;

/// The most topics that are looked at to find those that fit a pattern.
pub(super) const TOPICS_WALKED_MAX: usize = 200_000;

/// Whether a concrete topic fits.
pub(super) fn fits(policy: MatchPolicy, pattern: &str, topic: &str) -> bool {
    match policy {
        MatchPolicy::Exact => pattern == topic,
        MatchPolicy::Prefix => topic.starts_with(pattern),
        MatchPolicy::Wildcard => {
            let (mut wanted, mut given) = (pattern.split('.'), topic.split('.'));
            loop {
                match (wanted.next(), given.next()) {
                    (None, None) => return true,
                    (Some(mine), Some(theirs)) if mine.is_empty() || mine == theirs => {}
                    (_, _) => return false,
                }
            }
        }
    }
}

/// What every topic that fits starts with.
pub(super) fn literal_start(policy: MatchPolicy, pattern: &str) -> &str {
    match policy {
        MatchPolicy::Exact | MatchPolicy::Prefix => pattern,
        MatchPolicy::Wildcard if pattern.is_empty() || pattern.starts_with('.') => "",
        MatchPolicy::Wildcard => match pattern.find("..") {
            Some(at) => pattern.get(..=at).unwrap_or_default(),
            // A last component that is empty stands for any one.
            None => pattern,
        },
    }
}

/// Which topics a question reads from.
pub(super) enum Topics<'a> {
    /// This one at most.
    One(&'a Uri),
    /// All that fit the question's pattern.
    All,
    /// None: the only topic wanted does not fit.
    None,
}

/// Which topics a question reads from.
pub(super) fn topics(query: &Query) -> Topics<'_> {
    match (&query.only_topic, query.policy) {
        (Some(only), policy) if fits(policy, &query.topic, only) => Topics::One(only),
        (Some(_), _) => Topics::None,
        (None, MatchPolicy::Exact) => Topics::One(&query.topic),
        (None, MatchPolicy::Prefix | MatchPolicy::Wildcard) => Topics::All,
    }
}

/// The earliest time that a rule with this age lets be seen.
pub(super) fn not_before(now: WallTime, max_age: Option<Duration>) -> WallTime {
    max_age.map_or(WallTime(i64::MIN), |age| now.minus(age))
}

/// Where the publications stand that a question names.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Positions {
    from: Option<Seq>,
    after: Option<Seq>,
    before: Option<Seq>,
    until: Option<Seq>,
}

/// The positions that a question reaches from and to, both included.
#[derive(Clone, Copy, Debug)]
pub(super) struct Bounds {
    pub(super) low: Seq,
    pub(super) high: Seq,
}

impl Positions {
    /// Looks for those that are named and not found yet.
    pub(super) fn find<E>(
        &mut self,
        query: &Query,
        mut find: impl FnMut(PublicationId) -> Result<Option<Seq>, E>,
    ) -> Result<(), E> {
        let wanted = [
            (query.from_publication, &mut self.from),
            (query.after_publication, &mut self.after),
            (query.before_publication, &mut self.before),
            (query.until_publication, &mut self.until),
        ];
        for (publication, position) in wanted {
            if let (Some(publication), None) = (publication, &position) {
                *position = find(publication)?;
            }
        }
        Ok(())
    }

    /// Whether the question names a publication that is not found yet.
    pub(super) fn is_incomplete(&self, query: &Query) -> bool {
        (query.from_publication.is_some() && self.from.is_none())
            || (query.after_publication.is_some() && self.after.is_none())
            || (query.before_publication.is_some() && self.before.is_none())
            || (query.until_publication.is_some() && self.until.is_none())
    }

    /// What lies between them; `None` if one is unknown or nothing does.
    pub(super) fn bounds(&self, query: &Query) -> Option<Bounds> {
        if self.is_incomplete(query) {
            return None;
        }
        let (mut low, mut high) = (0, u64::MAX);
        if let Some(Seq(from)) = self.from {
            low = low.max(from);
        }
        if let Some(Seq(after)) = self.after {
            low = low.max(after.saturating_add(1));
        }
        if let Some(Seq(until)) = self.until {
            high = high.min(until);
        }
        if let Some(Seq(before)) = self.before {
            high = high.min(before.checked_sub(1)?);
        }
        (low <= high).then_some(Bounds { low: Seq(low), high: Seq(high) })
    }
}

/// Events of a log in the order of the walk.
pub(super) trait Stream {
    /// Where the next one stands.
    fn head(&self) -> Option<Seq>;
    /// The next one. Not asked when there is no head.
    fn take(&mut self) -> Result<Arc<KeptEvent>, StoreFault>;
    /// Older ones are not shown.
    fn not_before(&self) -> WallTime;
}

/// A page, and where its ends stand.
#[derive(Default)]
pub(super) struct Found {
    pub(super) page: Page,
    pub(super) first: Option<Seq>,
    pub(super) last: Option<Seq>,
}

/// The answer to a question, from the events of these streams.
pub(super) fn page(query: &Query, mut streams: Vec<Box<dyn Stream + '_>>) -> Result<Found, StoreFault> {
    // The largest key is the next one.
    let key = |Seq(seq): Seq| if query.reverse { seq } else { u64::MAX - seq };
    let mut heap: BinaryHeap<(u64, usize)> =
        streams.iter().enumerate().filter_map(|(at, stream)| Some((key(stream.head()?), at))).collect();
    let (mut page, mut read, mut octets) = (Page::default(), 0, 0);
    let (mut first, mut last) = (None, None);
    while let Some((_, at)) = heap.pop() {
        if query.limit.is_some_and(|limit| page.events.len() >= limit) {
            break;
        }
        // A page with nothing in it helps nobody.
        if read == SCAN_EMPTY_MAX || (read >= SCAN_RECORDS_MAX && !page.events.is_empty()) {
            page.is_limit_reached = true;
            break;
        }
        read += 1;
        let Some(stream) = streams.get_mut(at) else { continue };
        let seq = stream.head();
        let event = stream.take()?;
        if let Some(head) = stream.head() {
            heap.push((key(head), at));
        }
        if event.time < stream.not_before() || !is_wanted(query, &event) {
            continue;
        }
        octets += event.payload.len();
        if octets > PAGE_OCTETS_MAX && !page.events.is_empty() {
            page.is_limit_reached = true;
            break;
        }
        first = first.or(seq);
        last = seq;
        page.events.push(event);
    }
    Ok(Found { page, first, last })
}

/// Whether the event fulfils all conditions that are not about topics and positions.
pub(super) fn is_wanted(query: &Query, event: &KeptEvent) -> bool {
    query.from_time.is_none_or(|from| event.time >= from)
        && query.after_time.is_none_or(|after| event.time > after)
        && query.before_time.is_none_or(|before| event.time < before)
        && query.until_time.is_none_or(|until| event.time <= until)
        && event.listing.as_deref().is_none_or(|listing| admits(listing, query))
}

/// Whether lists by authid and authrole let the asker see the event (R56).
fn admits(listing: &Listing, query: &Query) -> bool {
    let has = |list: &Option<Vec<String>>, text: &str| list.as_ref().map(|list| list.iter().any(|entry| entry == text));
    has(&listing.eligible_authid, &query.authid).unwrap_or(true)
        && has(&listing.eligible_authrole, &query.authrole).unwrap_or(true)
        && !has(&listing.exclude_authid, &query.authid).unwrap_or(false)
        && !has(&listing.exclude_authrole, &query.authrole).unwrap_or(false)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// R35: the three policies, and the start that all fitting topics share.
    #[test]
    fn a_pattern_fits_what_starts_as_it_does() {
        let cases = [
            (MatchPolicy::Exact, "a.b", "a.b", true),
            (MatchPolicy::Prefix, "a.", "a.b", true),
            (MatchPolicy::Prefix, "", "a.b", true),
            (MatchPolicy::Prefix, "a.b", "a.", false),
            (MatchPolicy::Wildcard, "a..c", "a.x.c", true),
            (MatchPolicy::Wildcard, "a..c", "a.x.y.c", false),
            (MatchPolicy::Wildcard, ".b", "x.b", true),
            (MatchPolicy::Wildcard, "a.", "a.x", true),
            (MatchPolicy::Wildcard, "a.", "b.x", false),
            (MatchPolicy::Wildcard, "", "x", true),
            (MatchPolicy::Wildcard, "a.b..", "a.b.c.d", true),
        ];
        for (policy, pattern, topic, expected) in cases {
            assert_eq!(fits(policy, pattern, topic), expected, "{policy:?} {pattern} {topic}");
            assert!(!expected || topic.starts_with(literal_start(policy, pattern)), "{policy:?} {pattern} {topic}");
        }
    }
}
