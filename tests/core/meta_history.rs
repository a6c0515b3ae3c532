//! `wamp.subscription.get_events`: section 8.7 of the reference. The store is played by the test.

use crate::test_realm::{args, kwargs, raw, Seen, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use std::sync::Arc;
use wharf::routing::{
    HistoryRule, KeptEvent, Order, Page, Permit, Query, RealmRules, Refusal, Rights, SessionKey, StoreFault, TopicRule,
    UriTable,
};
use wharf::wamp::options::{Disclosed, Ppt, PublishOptions};
use wharf::wamp::payload::Values;
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{
    CancelMode, Dict, MatchPolicy, Message, Payload, PublicationId, RawPayload, SessionId, SubscriptionId, Uri, Value,
    WallTime,
};

const GET: &str = "wamp.subscription.get_events";

/// The topics under `kept.` have history.
fn rules() -> RealmRules {
    let history = HistoryRule { limit: 100, max_age: None, durable: false };
    let rule = TopicRule { history: Some(history), ..TopicRule::default() };
    let topics = Arc::new(UriTable::new(vec![(PREFIX, "kept.".into(), rule)]));
    RealmRules { topics, ..RealmRules::default() }
}

struct Asked {
    realm: TestRealm,
    session: SessionKey,
    subscription: SubscriptionId,
}

impl Asked {
    fn new() -> Self {
        let mut realm = TestRealm::with_rules(rules());
        let session = realm.join_as("ann", "staff");
        let subscription = realm.subscribe(session, "kept.a", EXACT);
        Self { realm, session, subscription }
    }

    fn get(&mut self, kwargs: Dict) -> Seen {
        self.realm.meta(self.session, GET, vec![Value::Unsigned(self.subscription.get())], kwargs)
    }

    fn query(&mut self, kwargs: Dict) -> Query {
        query(&self.get(kwargs))
    }

    /// The events of the answer to one question that the store answers so.
    fn answered(&mut self, page: Page) -> (Vec<Value>, Dict) {
        let ticket = self.query(vec![]).ticket;
        let payload = self.realm.history_read(ticket, Ok(page)).result_to(self.session).payload;
        (args(&payload), kwargs(&payload))
    }
}

/// The one question to the store; nobody has an answer yet.
fn query(seen: &Seen) -> Query {
    assert_eq!(seen.0.len(), 1, "{seen:?}");
    match seen.orders().remove(0) {
        Order::Read(query) => *query,
        other => panic!("a question expected, got {other:?}"),
    }
}

fn kw(key: &str, value: Value) -> Dict {
    vec![(key.to_owned(), value)]
}

fn event(publication: u64, payload: Payload) -> KeptEvent {
    KeptEvent {
        publication: PublicationId::new(publication).unwrap(),
        time: WallTime(1_795_392_000_000_001),
        topic: Uri::from("kept.a"),
        publisher: None,
        excluded: None,
        trustlevel: None,
        ppt: None,
        listing: None,
        payload,
    }
}

fn page(events: Vec<KeptEvent>) -> Page {
    Page { events: events.into_iter().map(Arc::new).collect(), is_limit_reached: false }
}

/// R55: each of the filters reaches the store, and the requester's identity does.
#[test]
fn all_filters_reach_the_store() {
    let mut asked = Asked::new();
    let time = || Value::from("2026-11-23T00:00:00Z");
    let at = Some(WallTime(1_795_392_000_000_000));
    let publication = PublicationId::new(77).ok();
    let id = || Value::Unsigned(77);
    let plain = asked.query(vec![]);
    assert_eq!((plain.topic.as_str(), plain.policy), ("kept.a", EXACT));
    assert_eq!((&*plain.authid, &*plain.authrole), ("ann", "staff"));
    type Change = fn(&mut Query, Option<WallTime>, Option<PublicationId>);
    let rows: [(&str, Value, Change); 11] = [
        ("from_time", time(), |query, at, _| query.from_time = at),
        ("after_time", time(), |query, at, _| query.after_time = at),
        ("before_time", time(), |query, at, _| query.before_time = at),
        ("until_time", time(), |query, at, _| query.until_time = at),
        ("from_publication", id(), |query, _, id| query.from_publication = id),
        ("after_publication", id(), |query, _, id| query.after_publication = id),
        ("before_publication", id(), |query, _, id| query.before_publication = id),
        ("until_publication", id(), |query, _, id| query.until_publication = id),
        ("topic", Value::from("kept.b"), |query, _, _| query.only_topic = Some("kept.b".into())),
        ("reverse", Value::Bool(true), |query, _, _| query.reverse = true),
        ("limit", Value::Unsigned(5), |query, _, _| query.limit = Some(5)),
    ];
    let mut last = plain.ticket;
    for (key, value, change) in rows {
        // Too many at once are refused.
        asked.realm.history_read(last, Ok(Page::default()));
        let got = asked.query(kw(key, value));
        assert!(got.ticket > last, "a ticket is not used again");
        last = got.ticket;
        let mut expected = Query { ticket: got.ticket, ..plain.clone() };
        change(&mut expected, at, publication);
        assert_eq!(got, expected, "{key}");
    }
}

/// D63.
#[test]
fn filters_of_the_wrong_type_are_invalid_argument() {
    let mut asked = Asked::new();
    let times = ["from_time", "after_time", "before_time", "until_time"];
    let publications = ["from_publication", "after_publication", "before_publication", "until_publication"];
    let mut rows = vec![
        kw("topic", Value::Unsigned(1)),
        kw("topic", Value::from("a b")),
        kw("topic", Value::from("a".repeat(1025))),
        kw("reverse", Value::Unsigned(1)),
        kw("limit", Value::Unsigned(0)),
        kw("limit", Value::Negative(-1)),
        kw("limit", Value::from("5")),
    ];
    rows.extend(times.map(|key| kw(key, Value::from("yesterday"))));
    rows.extend(times.map(|key| kw(key, Value::Unsigned(1))));
    rows.extend(publications.map(|key| kw(key, Value::from("1"))));
    for kwargs in rows {
        let session = asked.session;
        assert_eq!(asked.get(kwargs.clone()).refused(session).1, "wamp.error.invalid_argument", "{kwargs:?}");
    }
    let session = asked.session;
    for arguments in [vec![], vec![Value::from("1")]] {
        assert_eq!(asked.realm.meta(session, GET, arguments, vec![]).refused(session).1, "wamp.error.invalid_argument");
    }
}

/// D63, D76: null counts as absent; a number that is no publication's id is an unknown publication.
#[test]
fn an_unknown_publication_gives_the_empty_list() {
    let mut asked = Asked::new();
    assert_eq!(asked.query(kw("from_publication", Value::Null)).from_publication, None);
    for unknown in [0, u64::MAX] {
        let session = asked.session;
        let answer = asked.get(kw("after_publication", Value::Unsigned(unknown))).result_to(session);
        assert!(args(&answer.payload).is_empty());
    }
}

/// R55: Arguments is itself the list of events; what an event had not is left out.
#[test]
fn each_event_is_one_positional_result() {
    let mut asked = Asked::new();
    let subscription = Value::Unsigned(asked.subscription.get());
    let list = Payload::args(vec![Value::Unsigned(1), Value::from("h")]);
    let dict = Payload::values(vec![], kw("k", Value::Unsigned(2)));
    let (events, about) = asked.answered(page(vec![event(7, list), event(8, dict), event(9, Payload::Empty)]));
    let common = |publication| {
        vec![
            ("timestamp".to_owned(), Value::from("2026-11-23T00:00:00.000001Z")),
            ("subscription".to_owned(), subscription.clone()),
            ("publication".to_owned(), Value::Unsigned(publication)),
            ("details".to_owned(), Value::Dict(vec![])),
        ]
    };
    let (mut first, mut second) = (common(7), common(8));
    first.push(("args".to_owned(), Value::List(vec![Value::Unsigned(1), Value::from("h")])));
    second.push(("kwargs".to_owned(), Value::Dict(kw("k", Value::Unsigned(2)))));
    assert_eq!(events, [first, second, common(9)].map(Value::Dict));
    assert_eq!(about, kw("is_limit_reached", Value::Bool(false)));
}

/// Section 8.7: the query may say that there is more.
#[test]
fn the_answer_tells_that_a_bound_was_reached() {
    let mut asked = Asked::new();
    let (events, about) = asked.answered(Page { is_limit_reached: true, ..Page::default() });
    assert_eq!((events, about), (vec![], kw("is_limit_reached", Value::Bool(true))));
}

/// R55, D60: the details that the EVENT had.
#[test]
fn the_details_are_those_of_the_event() {
    let mut asked = Asked::new();
    let pattern = asked.realm.subscribe(asked.session, "kept.", PREFIX);
    asked.subscription = pattern;
    let disclosed = Disclosed { session: SessionId::FIRST, authid: Some("bob".into()), authrole: Some("user".into()) };
    let ppt = Ppt { scheme: "x_a".to_owned(), serializer: Some("cbor".to_owned()), cipher: None, keyid: None };
    let (publisher, ppt) = (Some(Box::new(disclosed)), Some(Box::new(ppt)));
    let kept = KeptEvent { publisher, ppt, trustlevel: Some(3), ..event(7, Payload::Empty) };
    let events = asked.answered(page(vec![kept])).0;
    let text = |key: &str, text: &str| (key.to_owned(), Value::from(text));
    let expected = vec![
        text("topic", "kept.a"),
        ("publisher".to_owned(), Value::Unsigned(1)),
        text("publisher_authid", "bob"),
        text("publisher_authrole", "user"),
        ("trustlevel".to_owned(), Value::Unsigned(3)),
        text("ppt_scheme", "x_a"),
        text("ppt_serializer", "cbor"),
    ];
    assert_eq!(events[0].get("details"), Some(&Value::Dict(expected)));
}

/// Section 8.7: payloads are kept as they came, and read when they are asked for.
#[test]
fn kept_octets_are_read_by_the_reader_that_was_given() {
    fn read(raw: &RawPayload) -> Option<Values> {
        (raw.args() == b"[1]").then(|| Values { args: vec![Value::Unsigned(1)], kwargs: vec![] })
    }
    let mut asked = Asked::new();
    let empty = wharf::routing::Realm::new(wharf::routing::RealmLimits::default(), 1);
    asked.realm.realm = std::mem::replace(&mut asked.realm.realm, empty).with_payload_reader(read);
    let (readable, other) = (raw("[1]", 3, None), raw("[2]", 3, None));
    let events = asked.answered(page(vec![event(7, readable), event(8, other)])).0;
    assert_eq!(events[0].get("args"), Some(&Value::List(vec![Value::Unsigned(1)])));
    assert_eq!(events[1].get("args"), None);
    let unreadable = events[1].get("details").and_then(|details| details.get("_wharf_unreadable"));
    assert_eq!(unreadable, Some(&Value::Bool(true)));
}

struct Only(&'static str);

impl Rights for Only {
    fn judge_publish(&self, _: &Uri, _: &mut PublishOptions) -> Result<(), Refusal> {
        Ok(())
    }

    fn may_subscribe(&self, topic: &Uri, _: MatchPolicy) -> bool {
        topic.as_str() == self.0
    }

    fn may_call(&self, _: &Uri) -> bool {
        true
    }

    fn may_register(&self, _: &Uri, _: MatchPolicy) -> bool {
        true
    }
}

/// R56: permission to subscribe is needed, too.
#[test]
fn the_caller_must_be_permitted_to_subscribe() {
    for (topic, allowed) in [("kept.a", true), ("kept.b", false)] {
        let mut asked = Asked::new();
        let mut member = asked.realm.member("eve", "guest", ALL_FEATURES);
        member.permit = Permit::new(Arc::new(Only(topic)));
        let eve = asked.realm.joining(member).0;
        let seen = asked.realm.meta(eve, GET, vec![Value::Unsigned(asked.subscription.get())], vec![]);
        if allowed {
            assert_eq!(&*query(&seen).authid, "eve");
        } else {
            assert_eq!(seen.refused(eve).1, "wamp.error.not_authorized");
        }
    }
}

/// Store, section 1: a realm that keeps nothing does not ask.
#[test]
fn a_realm_without_history_answers_the_empty_list_at_once() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let subscription = realm.subscribe(session, "kept.a", EXACT);
    let seen = realm.meta(session, GET, vec![Value::Unsigned(subscription.get())], vec![]);
    assert!(args(&seen.result_to(session).payload).is_empty() && seen.orders().is_empty());
}

/// Section 3.2.
#[test]
fn history_that_is_off_is_no_procedure() {
    let features = Features::default().without(Feature::EventHistory);
    let mut realm = TestRealm::with_rules(RealmRules { features, ..rules() });
    let session = realm.join();
    let seen = realm.meta(session, GET, vec![Value::Unsigned(1)], vec![]);
    assert_eq!(seen.refused(session).1, "wamp.error.no_such_procedure");
}

/// Store, section 3.
#[test]
fn a_fault_of_the_store_is_an_error() {
    let rows = [
        (StoreFault::Busy, "wharf.error.storage"),
        (StoreFault::Failed, "wharf.error.storage"),
        (StoreFault::TooManyTopics, "wharf.error.limit_exceeded"),
    ];
    for (fault, error) in rows {
        let mut asked = Asked::new();
        let ticket = asked.query(vec![]).ticket;
        assert_eq!(asked.realm.history_read(ticket, Err(fault)).refused(asked.session).1, error);
        assert!(asked.realm.history_read(ticket, Err(fault)).is_silent(), "answered once");
    }
}

/// Section 5.1: a call that waits for the store is under way.
#[test]
fn the_request_id_of_a_read_under_way_is_in_use() {
    let mut asked = Asked::new();
    let ticket = asked.query(vec![]).ticket;
    let request = asked.realm.last_request(asked.session);
    let call = |request| wharf::wamp::message::Call {
        request,
        options: Default::default(),
        procedure: "a.b".into(),
        payload: Payload::Empty,
    };
    assert_eq!(asked.realm.handle(asked.session, call(request)).closed().len(), 1);
    assert!(asked.realm.history_read(ticket, Ok(Page::default())).is_silent(), "the caller is gone");
    let mut asked = Asked::new();
    let ticket = asked.query(vec![]).ticket;
    asked.realm.history_read(ticket, Ok(Page::default()));
    let request = asked.realm.last_request(asked.session);
    assert!(asked.realm.handle(asked.session, call(request)).closed().is_empty());
}

/// R72: CANCEL ends the call at once, whatever its mode; what the store reads is dropped.
#[test]
fn a_read_under_way_can_be_canceled() {
    for mode in [CancelMode::Skip, CancelMode::Kill, CancelMode::KillNoWait] {
        let mut asked = Asked::new();
        let ticket = asked.query(vec![]).ticket;
        let request = asked.realm.last_request(asked.session);
        let error = asked.realm.cancel(asked.session, request, mode).error_to(asked.session);
        assert_eq!((error.error.as_str(), error.request), ("wamp.error.canceled", request));
        assert!(asked.realm.cancel(asked.session, request, mode).is_silent());
        assert!(asked.realm.history_read(ticket, Ok(page(vec![event(7, Payload::Empty)]))).is_silent());
    }
}

/// Architecture, invariant 6.
#[test]
fn a_read_ends_with_its_caller() {
    let mut asked = Asked::new();
    let ticket = asked.query(vec![]).ticket;
    asked.realm.leave(asked.session);
    assert!(asked.realm.history_read(ticket, Ok(Page::default())).is_silent());
}

/// Bounds: what waits for the store is bounded per session and per realm.
#[test]
fn reads_under_way_are_bounded() {
    let mut asked = Asked::new();
    let limit_of = |seen: &Seen, session| {
        let error = seen.error_to(session);
        assert_eq!(error.error.as_str(), "wharf.error.limit_exceeded");
        kwargs(&error.payload)[0].1.clone()
    };
    let first = asked.query(vec![]).ticket;
    for _ in 1..8 {
        asked.query(vec![]);
    }
    let session = asked.session;
    assert_eq!(limit_of(&asked.get(vec![]), session), Value::from("history_reads_per_session"));
    asked.realm.history_read(first, Ok(Page::default()));
    asked.query(vec![]);
    for _ in 1..125 {
        asked.session = asked.realm.join();
        for _ in 0..8 {
            asked.query(vec![]);
        }
    }
    asked.session = asked.realm.join();
    let session = asked.session;
    assert_eq!(limit_of(&asked.get(vec![]), session), Value::from("history_reads"));
}

/// R55: the answer is a RESULT of that call.
#[test]
fn the_answer_names_the_call() {
    let mut asked = Asked::new();
    let ticket = asked.query(vec![]).ticket;
    let request = asked.realm.last_request(asked.session);
    let seen = asked.realm.history_read(ticket, Ok(Page::default()));
    assert!(matches!(seen.only_message_to(asked.session), Message::Result(result) if result.request == request));
}
