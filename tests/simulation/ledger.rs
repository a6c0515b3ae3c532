//! What was published, by whom and for whom: nobody else may get it, and what was acknowledged must be kept.

use crate::client::{read_tag, Tag, AFTER_DEATH};
use crate::described::{Descriptions, SECRET};
use crate::setup::{procedure_trust, topic_trust};
use std::collections::{BTreeMap, BTreeSet};
use wharf::routing::{HistoryRule, KeptEvent, Member, Waiting};
use wharf::wamp::message::{Event, Invocation};
use wharf::wamp::options::{Listing, PublishOptions};
use wharf::wamp::{Payload, PublicationId, Value};

/// A PUBLISH or a testament.
struct Published {
    topic: String,
    options: PublishOptions,
    /// When it ends, if it is one of before the start that has an end.
    until: Option<u64>,
}

#[derive(Default)]
pub(crate) struct Ledger {
    by_tag: BTreeMap<Tag, Published>,
    /// Every publication that went to the store, in order.
    kept: Vec<(PublicationId, Tag)>,
    /// What PUBLISHED was said of, after it was kept.
    acknowledged: BTreeSet<PublicationId>,
    /// The id of each publication that was seen.
    ids: BTreeMap<Tag, PublicationId>,
    /// Of each CALL its procedure, and whether the caller is to be named.
    calls: BTreeMap<(u64, u64), (String, bool)>,
    pub(crate) descriptions: Descriptions,
    /// The sessions that are guests.
    pub(crate) guests: BTreeSet<u64>,
    /// Nothing new is kept in memory.
    pub(crate) is_short_of_memory: bool,
    /// Guests may not publish what is secret.
    pub(crate) is_denied: bool,
}

impl Ledger {
    pub(crate) fn publish(&mut self, tag: Tag, topic: &str, options: PublishOptions) {
        self.by_tag.insert(tag, Published { topic: topic.to_owned(), options, until: None });
    }

    pub(crate) fn call(&mut self, call: (u64, u64), procedure: &str, disclose_me: bool) {
        self.calls.insert(call, (procedure.to_owned(), disclose_me));
    }

    /// Checks what an INVOCATION tells of its caller.
    pub(crate) fn check_invocation(&self, invocation: &Invocation) {
        let Some((name, number, _)) = read_tag(&invocation.payload) else { return };
        let (procedure, disclose_me) = &self.calls[&(name, number)];
        let caller = invocation.details.caller.as_ref().map(|caller| caller.session.get());
        assert_eq!(caller, disclose_me.then_some(name), "the caller is named if it wants that");
        assert_eq!(
            invocation.details.trustlevel,
            procedure_trust(procedure),
            "callers are trusted as it is configured"
        );
    }

    /// What was retained before the start, and until when it is to be had.
    pub(crate) fn restore(&mut self, tag: Tag, event: &KeptEvent, until: Option<u64>) {
        let options = PublishOptions { retain: true, ppt: event.ppt.clone(), ..PublishOptions::default() };
        self.by_tag.insert(tag, Published { topic: event.topic.to_string(), options, until });
        self.ids.insert(tag, event.publication);
    }

    /// Checks one event against what its publisher wanted. `all`: those of its receivers that are there.
    pub(crate) fn check_event(&mut self, now: u64, event: &Event, all: &[&Member], is_there: impl Fn(u64) -> bool) {
        // Meta events have no tag.
        let Some(tag) = read_tag(&event.payload) else { return };
        let Some(published) = self.by_tag.get(&tag) else { panic!("nobody published {event:?}") };
        assert_eq!(*self.ids.entry(tag).or_insert(event.publication), event.publication, "one id per publication");
        if let Some(topic) = &event.details.topic {
            assert_eq!(published.topic, topic.as_str());
        }
        // A testament is in the name of the session that it is of.
        let publisher = event.details.publisher.as_ref().map(|publisher| publisher.session.get());
        let name = published.options.disclose_me.then_some(tag.0 % AFTER_DEATH);
        assert_eq!(publisher, name, "the publisher is named if it wants that");
        assert_eq!(
            event.details.trustlevel,
            topic_trust(&published.topic),
            "publishers are trusted as it is configured"
        );
        if event.details.retained {
            assert!(published.options.retain, "only what was to be retained is replayed");
            assert!(published.until.is_none_or(|until| now < until), "what has ended is not replayed: {event:?}");
        }
        assert_eq!(event.details.ppt, published.options.ppt, "the keys go from PUBLISH to every event");
        if tag.0 > AFTER_DEATH {
            assert!(!is_there(tag.0 - AFTER_DEATH), "a testament is published when its session is gone");
            let is_forbidden =
                self.is_denied && published.topic == SECRET && self.guests.contains(&(tag.0 - AFTER_DEATH));
            assert!(!is_forbidden || event.details.retained, "a testament needs the permission when it is published");
        }
        for member in all {
            let is_own = member.session.get() == tag.0;
            assert!(!(is_own && published.options.exclude_me), "the publisher does not get what it wants not");
            if let Some(listing) = &published.options.listing {
                assert!(admits(listing, member), "nobody outside the lists gets an event: {member:?} {listing:?}");
            }
        }
    }

    /// An order to keep an event.
    pub(crate) fn keep(&mut self, event: &KeptEvent, history: Option<HistoryRule>, retain: bool) {
        let in_memory = history.is_some_and(|history| !history.durable);
        assert!(!self.is_short_of_memory || !(retain || in_memory), "nothing new is kept while memory is short");
        let tag = read_tag(&event.payload).expect("a tag");
        assert_eq!(*self.ids.entry(tag).or_insert(event.publication), event.publication, "one id per publication");
        let options = &self.by_tag[&tag].options;
        let names_sessions =
            options.listing.as_ref().is_some_and(|lists| lists.exclude.is_some() || lists.eligible.is_some());
        assert_eq!(event.ppt, options.ppt, "the keys are kept");
        if history.is_some() {
            assert!(!names_sessions, "what names sessions is not kept for history");
            self.kept.push((event.publication, tag));
        }
    }

    pub(crate) fn acknowledge(&mut self, waiting: Waiting) {
        self.acknowledged.insert(waiting.publication);
    }

    /// Checks the answer to a question about history: in the order of routing, and nothing that the asker might not see.
    pub(crate) fn check_history(&self, payload: &Payload, asker: &Member) {
        let Payload::Values(values) = payload else { return };
        let mut before = None;
        for event in &values.args {
            let Some(Value::Unsigned(id)) = event.get("publication") else { return };
            let at = self.kept.iter().position(|(publication, _)| publication.get() == *id).expect("what was kept");
            assert!(before < Some(at), "history is in the order of routing");
            before = Some(at);
            let PublishOptions { listing, ppt, .. } = &self.by_tag[&self.kept[at].1].options;
            let scheme = event.get("details").and_then(|details| details.get("ppt_keyid"));
            let keyid = ppt.as_ref().and_then(|ppt| ppt.keyid.as_deref());
            assert_eq!(scheme.and_then(Value::as_text), keyid, "the keys are told");
            assert!(listing.as_ref().is_none_or(|listing| admits(listing, asker)), "what the asker may see");
        }
    }

    /// What everybody must find in the topic's history at the end.
    pub(crate) fn acknowledged<'a>(&'a self, topic: &'a str) -> impl Iterator<Item = PublicationId> + 'a {
        let for_all = move |tag: &Tag| self.by_tag[tag].topic == topic && self.by_tag[tag].options.listing.is_none();
        let kept = self.kept.iter();
        let kept = kept.filter(move |(publication, tag)| self.acknowledged.contains(publication) && for_all(tag));
        kept.map(|(publication, _)| *publication)
    }
}

/// Section 8.4 of the reference.
fn admits(listing: &Listing, member: &Member) -> bool {
    let (session, authid, authrole) = (member.session.get(), member.authid.to_string(), member.authrole.to_string());
    listing.eligible.as_ref().is_none_or(|list| list.contains(&session))
        && listing.eligible_authid.as_ref().is_none_or(|list| list.contains(&authid))
        && listing.eligible_authrole.as_ref().is_none_or(|list| list.contains(&authrole))
        && !listing.exclude.as_ref().is_some_and(|list| list.contains(&session))
        && !listing.exclude_authid.as_ref().is_some_and(|list| list.contains(&authid))
        && !listing.exclude_authrole.as_ref().is_some_and(|list| list.contains(&authrole))
}
