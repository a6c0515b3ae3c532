//! Event history: `wamp.subscription.get_events`, asked of the realm's store and answered when it has read.
//!
//! A read under way is remembered by its ticket until the store answers, the caller cancels, or the caller is gone. Of what is
//! kept, nothing is remembered here. Source: section 8.7 of the reference.

use super::arguments::Arguments;
use super::subscription::subscription;
use super::{Answer, PayloadReader};
use crate::routing::effect::Effects;
use crate::routing::key::{PerSession, SessionKey};
use crate::routing::record::{KeptEvent, Order, Page, Query, StoreFault};
use crate::routing::refusal::Refusal;
use crate::routing::{Member, Realm};
use crate::wamp::message::Result as ResultMessage;
use crate::wamp::options::{Disclosed, Ppt, ResultOptions};
use crate::wamp::uri::{check, UriRules};
use crate::wamp::{
    Dict, ErrorUri, MatchPolicy, MessageKind, Payload, PublicationId, RequestId, SubscriptionId, Uri, Value, WallTime,
};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;

/// Reads under way of one session.
const READS_PER_SESSION_MAX: usize = 8;

/// Reads under way in the realm.
const READS_MAX: usize = 1_000;

/// Who waits for a read, and how its answer is told.
#[derive(Clone, Debug)]
struct Read {
    caller: SessionKey,
    request: RequestId,
    subscription: SubscriptionId,
    policy: MatchPolicy,
}

/// The reads under way.
#[derive(Debug, Default)]
pub(super) struct Reads {
    /// By ticket; a ticket is never used again.
    waiting: BTreeMap<u64, Read>,
    by_session: PerSession<BTreeMap<RequestId, u64>>,
    last_ticket: u64,
}

impl Reads {
    #[inline]
    pub(super) fn is_active(&self, caller: SessionKey, request: RequestId) -> bool {
        !self.waiting.is_empty() && self.by_session.get(caller).is_some_and(|own| own.contains_key(&request))
    }

    /// Remembers a read; gives its ticket.
    ///
    /// # Errors
    /// [`Refusal::LimitExceeded`] if too many are under way.
    fn start(&mut self, read: Read) -> Result<u64, Refusal> {
        let own = self.by_session.get(read.caller).map_or(0, BTreeMap::len);
        if own >= READS_PER_SESSION_MAX {
            return Err(Refusal::LimitExceeded { limit: "history_reads_per_session", max: READS_PER_SESSION_MAX });
        }
        if self.waiting.len() >= READS_MAX {
            return Err(Refusal::LimitExceeded { limit: "history_reads", max: READS_MAX });
        }
        self.last_ticket += 1;
        self.by_session.entry(read.caller).insert(read.request, self.last_ticket);
        self.waiting.insert(self.last_ticket, read);
        Ok(self.last_ticket)
    }

    /// The read with this ticket ends; `None` if it has ended.
    fn end(&mut self, ticket: u64) -> Option<Read> {
        let read = self.waiting.remove(&ticket)?;
        if let Some(own) = self.by_session.get_mut(read.caller) {
            own.remove(&read.request);
            if own.is_empty() {
                self.by_session.remove(read.caller);
            }
        }
        Some(read)
    }

    /// The caller does not want it any more; `false` if there is none.
    pub(super) fn cancel(&mut self, caller: SessionKey, request: RequestId) -> bool {
        let ticket = self.by_session.get(caller).and_then(|own| own.get(&request)).copied();
        ticket.and_then(|ticket| self.end(ticket)).is_some()
    }

    /// The caller is gone.
    pub(super) fn forget(&mut self, caller: SessionKey) {
        for ticket in self.by_session.remove(caller).unwrap_or_default().into_values() {
            self.waiting.remove(&ticket);
        }
    }

    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        if self.waiting.values().any(|read| !alive(read.caller)) {
            return Some("a read of history has a caller that is there");
        }
        let own = |session| self.by_session.get(session).map_or(0, BTreeMap::len);
        let known = self.waiting.iter().all(|(ticket, read)| {
            self.by_session.get(read.caller).and_then(|own| own.get(&read.request)) == Some(ticket)
        });
        let counted = self.by_session.keys().map(own).sum::<usize>() == self.waiting.len();
        (!known || !counted).then_some("a caller knows its reads of history")
    }
}

impl Realm {
    /// `wamp.subscription.get_events`. The caller must be permitted to subscribe as the subscription does.
    pub(super) fn get_events(
        &mut self,
        from: SessionKey,
        request: RequestId,
        arguments: &Arguments,
        effects: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let id = subscription(arguments)?;
        let filter = Filter::read(arguments)?;
        let named = self.broker.details(id).ok_or(Refusal::NoSuchSubscription)?;
        let Some(member) = self.directory.member(from) else { return Err(Refusal::NoSuchSession) };
        if !member.permit.may_subscribe(&named.uri, named.policy) {
            let text = "this role may not subscribe to that URI".to_owned();
            return Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text });
        }
        if filter.unknown_publication || !self.rules.topics.iter().any(|(_, _, rule)| rule.history.is_some()) {
            return Ok(Answer::Now(answer(Vec::new(), false)));
        }
        let read = Read { caller: from, request, subscription: id, policy: named.policy };
        let ticket = self.meta.reads.start(read)?;
        effects.store(Order::Read(Box::new(filter.query(ticket, named.uri, named.policy, member))));
        Ok(Answer::Later)
    }

    /// The answer to a question about history ([`Order::Read`]): RESULT or ERROR for whoever asked. Nothing if the caller has
    /// canceled, or is gone.
    pub fn history_read(&mut self, _now: Instant, ticket: u64, page: Result<Page, StoreFault>, effects: &mut Effects) {
        let Some(read) = self.meta.reads.end(ticket) else { return };
        match page {
            Ok(page) => {
                let events = page.events.iter().map(|event| told(event, &read, self.read_payload)).collect();
                let (details, payload) = (ResultOptions::default(), answer(events, page.is_limit_reached));
                effects.send(read.caller, ResultMessage { request: read.request, details, payload });
            }
            Err(fault) => effects.refuse(read.caller, MessageKind::Call, read.request, &Refusal::Storage(fault)),
        }
    }
}

/// Arguments is itself the list of events.
fn answer(events: Vec<Value>, is_limit_reached: bool) -> Payload {
    Payload::values(events, vec![("is_limit_reached".to_owned(), Value::Bool(is_limit_reached))])
}

/// What a caller asks for, read from the keyword arguments. Source: the table of section 8.7 of the reference.
#[derive(Default)]
struct Filter {
    only_topic: Option<Uri>,
    from_time: Option<WallTime>,
    after_time: Option<WallTime>,
    before_time: Option<WallTime>,
    until_time: Option<WallTime>,
    from_publication: Option<PublicationId>,
    after_publication: Option<PublicationId>,
    before_publication: Option<PublicationId>,
    until_publication: Option<PublicationId>,
    reverse: bool,
    limit: Option<usize>,
    /// A publication is named by a number that is no id: the answer is empty, as for every unknown one.
    unknown_publication: bool,
}

impl Filter {
    fn read(arguments: &Arguments) -> Result<Self, Refusal> {
        let mut filter = Self::default();
        let times = [
            ("from_time", "from_time, an RFC 3339 string", &mut filter.from_time),
            ("after_time", "after_time, an RFC 3339 string", &mut filter.after_time),
            ("before_time", "before_time, an RFC 3339 string", &mut filter.before_time),
            ("until_time", "until_time, an RFC 3339 string", &mut filter.until_time),
        ];
        for (key, expected, place) in times {
            *place = match arguments.kwarg_text(key, expected)? {
                None => None,
                Some(text) => Some(WallTime::parse(text).ok_or(Refusal::InvalidArgument(expected))?),
            };
        }
        let publications = [
            ("from_publication", "from_publication, an id", &mut filter.from_publication),
            ("after_publication", "after_publication, an id", &mut filter.after_publication),
            ("before_publication", "before_publication, an id", &mut filter.before_publication),
            ("until_publication", "until_publication, an id", &mut filter.until_publication),
        ];
        for (key, expected, place) in publications {
            let Some(number) = arguments.kwarg_number(key, expected)? else { continue };
            *place = PublicationId::new(number).ok();
            filter.unknown_publication |= place.is_none();
        }
        if let Some(topic) = arguments.kwarg_text("topic", TOPIC)? {
            // It waits in the store for its turn, so it is no longer than a URI may be.
            check(topic, UriRules::Loose, MatchPolicy::Exact).map_err(|_| Refusal::InvalidArgument(TOPIC))?;
            filter.only_topic = Some(Uri::from(topic));
        }
        filter.reverse = arguments.kwarg_flag("reverse", "reverse, a bool")?;
        filter.limit = match arguments.kwarg_number("limit", LIMIT)? {
            Some(0) => return Err(Refusal::InvalidArgument(LIMIT)),
            limit => limit.map(|limit| usize::try_from(limit).unwrap_or(usize::MAX)),
        };
        Ok(filter)
    }

    fn query(self, ticket: u64, topic: Uri, policy: MatchPolicy, member: &Member) -> Query {
        Query {
            ticket,
            topic,
            policy,
            only_topic: self.only_topic,
            from_time: self.from_time,
            after_time: self.after_time,
            before_time: self.before_time,
            until_time: self.until_time,
            from_publication: self.from_publication,
            after_publication: self.after_publication,
            before_publication: self.before_publication,
            until_publication: self.until_publication,
            reverse: self.reverse,
            limit: self.limit,
            authid: Arc::clone(&member.authid),
            authrole: Arc::clone(&member.authrole),
        }
    }
}

const TOPIC: &str = "topic, a URI";

const LIMIT: &str = "limit, a positive integer";

/// One event of the answer. What it had not is left out; a payload that this router cannot read as values (an extension type
/// of a serialization) is left out as well, and `details` says so with `_wharf_unreadable`.
fn told(event: &KeptEvent, read: &Read, read_payload: PayloadReader) -> Value {
    let entry = |key: &str, value| (key.to_owned(), value);
    let mut details = details(event, read.policy);
    let payload = match &event.payload {
        Payload::Empty => None,
        Payload::Values(values) => Some((**values).clone()),
        Payload::Raw(raw) => {
            let values = read_payload(raw);
            if values.is_none() {
                details.push(entry("_wharf_unreadable", Value::Bool(true)));
            }
            values
        }
    };
    let mut told = vec![
        entry("timestamp", Value::Text(event.time.to_string())),
        entry("subscription", Value::Unsigned(read.subscription.get())),
        entry("publication", Value::Unsigned(event.publication.get())),
        entry("details", Value::Dict(details)),
    ];
    if let Some(values) = payload {
        if !values.args.is_empty() {
            told.push(entry("args", Value::List(values.args)));
        }
        if !values.kwargs.is_empty() {
            told.push(entry("kwargs", Value::Dict(values.kwargs)));
        }
    }
    Value::Dict(told)
}

/// EVENT.Details, as the subscription would have got them.
fn details(event: &KeptEvent, policy: MatchPolicy) -> Dict {
    let entry = |key: &str, value| (key.to_owned(), value);
    let text = |key: &str, text: Option<&str>| text.map(|text| (key.to_owned(), Value::from(text)));
    let mut details = Dict::new();
    if policy != MatchPolicy::Exact {
        details.push(entry("topic", Value::from(event.topic.as_str())));
    }
    if let Some(Disclosed { session, authid, authrole }) = event.publisher.as_deref() {
        details.push(entry("publisher", Value::Unsigned(session.get())));
        details.extend(text("publisher_authid", authid.as_deref()));
        details.extend(text("publisher_authrole", authrole.as_deref()));
    }
    details.extend(event.trustlevel.map(|level| entry("trustlevel", Value::Unsigned(level))));
    if let Some(Ppt { scheme, serializer, cipher, keyid }) = event.ppt.as_deref() {
        details.push(entry("ppt_scheme", Value::from(scheme.as_str())));
        details.extend(text("ppt_serializer", serializer.as_deref()));
        details.extend(text("ppt_cipher", cipher.as_deref()));
        details.extend(text("ppt_keyid", keyid.as_deref()));
    }
    details
}
