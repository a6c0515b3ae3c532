//! The procedures of the testament meta API, and `wharf.retained.clear`: section 10.2 of the reference, D62.

use crate::test_realm::{args, kwargs, member, raw, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use wharf::routing::{RealmRules, SessionKey};
use wharf::wamp::message::Publish;
use wharf::wamp::options::{PublishOptions, SubscribeOptions};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{Dict, Payload, Value};

const ADD: &str = "wamp.session.add_testament";
const FLUSH: &str = "wamp.session.flush_testaments";
const CLEAR: &str = "wharf.retained.clear";

fn text(text: &str) -> Value {
    Value::from(text)
}

fn kw(key: &str, value: Value) -> Dict {
    vec![(key.to_owned(), value)]
}

fn dict(key: &str, value: Value) -> Value {
    Value::Dict(kw(key, value))
}

/// A testament `[number]` on `a.b`.
fn will(number: u64) -> Vec<Value> {
    vec![text("a.b"), Value::List(vec![Value::Unsigned(number)]), Value::Dict(vec![])]
}

struct Wills {
    realm: TestRealm,
    watcher: SessionKey,
    owner: SessionKey,
}

impl Wills {
    fn new() -> Self {
        let mut realm = TestRealm::new();
        let (watcher, owner) = (realm.join_as("ann", "staff"), realm.join_as("bob", "user"));
        realm.subscribe(watcher, "a.b", EXACT);
        Self { realm, watcher, owner }
    }

    fn add(&mut self, arguments: Vec<Value>, kwargs: Dict) {
        let result = self.realm.meta(self.owner, ADD, arguments, kwargs).result_to(self.owner);
        assert_eq!(result.payload, Payload::Empty);
    }

    fn refused(&mut self, procedure: &str, arguments: Vec<Value>, kwargs: Dict) -> String {
        self.realm.meta(self.owner, procedure, arguments, kwargs).refused(self.owner).1
    }

    /// What the watcher sees when the owner leaves.
    fn published(&mut self) -> Vec<(Vec<Value>, Dict)> {
        let events = self.realm.leave(self.owner).events();
        events.iter().map(|event| (args(&event.payload), kwargs(&event.payload))).collect()
    }
}

fn only(number: u64) -> (Vec<Value>, Dict) {
    (vec![Value::Unsigned(number)], vec![])
}

/// R92: in order, the detached ones first; the default scope is destroyed.
#[test]
fn testaments_are_published_in_order_the_detached_ones_first() {
    let mut wills = Wills::new();
    wills.add(will(1), vec![]);
    wills.add(will(2), kw("scope", text("destroyed")));
    wills.add(will(3), kw("scope", text("detached")));
    wills.add(will(4), kw("scope", Value::Null));
    assert_eq!(wills.published(), [only(3), only(1), only(2), only(4)]);
}

/// R92, D68: both parts of the payload, either of which may be null.
#[test]
fn the_payload_is_a_list_and_a_dict_or_null() {
    let mut wills = Wills::new();
    let k = || kw("k", Value::Unsigned(2));
    wills.add(vec![text("a.b"), Value::List(vec![text("bye")]), Value::Dict(k())], vec![]);
    wills.add(vec![text("a.b"), Value::Null, Value::Dict(k())], vec![]);
    wills.add(vec![text("a.b"), Value::Null, Value::Null], vec![]);
    wills.add(vec![text("a.b")], vec![]);
    assert_eq!(wills.published(), [(vec![text("bye")], k()), (vec![], k()), (vec![], vec![]), (vec![], vec![])]);
}

/// R93.
#[test]
fn flush_takes_only_the_given_scope() {
    let rows = [
        (vec![], vec![only(3)]),
        (kw("scope", text("destroyed")), vec![only(3)]),
        (kw("scope", text("detached")), vec![only(1)]),
    ];
    for (kwargs, left) in rows {
        let mut wills = Wills::new();
        wills.add(will(1), vec![]);
        wills.add(will(3), kw("scope", text("detached")));
        let result = wills.realm.meta(wills.owner, FLUSH, vec![], kwargs).result_to(wills.owner);
        assert_eq!(result.payload, Payload::Empty);
        assert_eq!(wills.published(), left);
    }
}

/// R92: the options act as in a PUBLISH.
#[test]
fn publish_options_are_honoured() {
    let id = |wills: &Wills| Value::List(vec![Value::Unsigned(wills.realm.id(wills.watcher))]);
    let names = |name: &str| Value::List(vec![text(name)]);
    let mut wills = Wills::new();
    let watcher = id(&wills);
    let nobody = Value::List(vec![]);
    let rows = [
        ("exclude", watcher.clone(), false),
        ("exclude", nobody.clone(), true),
        ("eligible", watcher, true),
        ("eligible", nobody.clone(), false),
        ("exclude_authid", names("ann"), false),
        ("exclude_authrole", names("staff"), false),
        ("eligible_authid", names("ann"), true),
        ("eligible_authid", names("eve"), false),
        ("eligible_authrole", names("staff"), true),
        ("eligible_authrole", nobody, false),
        ("acknowledge", Value::Bool(true), true),
        ("exclude_me", Value::Bool(false), true),
        ("retain", Value::Null, true),
        ("something_else", Value::Unsigned(1), true),
    ];
    let mut expected = Vec::new();
    for (number, (key, value, published)) in (0..).zip(rows) {
        wills.add(will(number), kw("publish_options", dict(key, value)));
        expected.extend(published.then(|| only(number)));
    }
    assert_eq!(wills.published(), expected);
}

/// R92: named as a publisher is.
#[test]
fn a_testament_can_disclose_its_owner() {
    let mut wills = Wills::new();
    let owner = wills.realm.id(wills.owner);
    wills.add(will(1), kw("publish_options", dict("disclose_me", Value::Bool(true))));
    let event = wills.realm.leave(wills.owner).events().remove(0);
    assert_eq!(event.details.publisher.map(|publisher| publisher.session.get()), Some(owner));
}

/// D69, section 2, rule 2.
#[test]
fn bad_arguments_are_invalid_argument() {
    let mut wills = Wills::new();
    let options = |key: &str, value| kw("publish_options", dict(key, value));
    let rows = [
        (vec![], vec![]),
        (vec![Value::Unsigned(1), Value::Null, Value::Null], vec![]),
        (vec![text("a.b"), text("x"), Value::Null], vec![]),
        (vec![text("a.b"), Value::Dict(vec![]), Value::Null], vec![]),
        (vec![text("a.b"), Value::Null, Value::List(vec![])], vec![]),
        (will(1), kw("scope", text("afterlife"))),
        (will(1), kw("scope", Value::Unsigned(1))),
        (will(1), kw("publish_options", Value::List(vec![]))),
        (will(1), options("acknowledge", Value::Unsigned(1))),
        (will(1), options("exclude_me", text("true"))),
        (will(1), options("disclose_me", Value::Unsigned(0))),
        (will(1), options("retain", Value::Unsigned(0))),
        (will(1), options("exclude", Value::Unsigned(1))),
        (will(1), options("exclude", Value::List(vec![Value::Negative(-1)]))),
        (will(1), options("eligible", Value::List(vec![text("1")]))),
        (will(1), options("eligible", Value::List(vec![Value::Unsigned(1); 10_001]))),
        (will(1), options("exclude_authid", Value::List(vec![Value::Unsigned(1)]))),
        (will(1), options("exclude_authrole", text("staff"))),
        (will(1), options("eligible_authid", text("ann"))),
        (will(1), options("eligible_authrole", Value::List(vec![Value::Null]))),
        (will(1), options("ppt_scheme", Value::Unsigned(1))),
        (will(1), options("ppt_serializer", Value::Unsigned(1))),
        (will(1), options("ppt_cipher", Value::Unsigned(1))),
        (will(1), options("ppt_keyid", Value::Unsigned(1))),
    ];
    for (arguments, kwargs) in rows {
        let error = wills.refused(ADD, arguments.clone(), kwargs.clone());
        assert_eq!(error, "wamp.error.invalid_argument", "{arguments:?} {kwargs:?}");
    }
    assert_eq!(wills.refused(FLUSH, vec![], kw("scope", text("all"))), "wamp.error.invalid_argument");
    assert_eq!(wills.published(), []);
}

/// D72: opaque payloads are for those who announced them.
#[test]
fn a_testament_in_payload_passthru_mode_needs_the_announcement() {
    let mut wills = Wills::new();
    let mut plain = member(500, "eve", "user", ALL_FEATURES);
    plain.announced.publisher_features.payload_passthru_mode = false;
    wills.owner = wills.realm.joining(plain).0;
    let opaque = || kw("publish_options", dict("ppt_scheme", text("x_a")));
    assert_eq!(wills.refused(ADD, will(1), opaque()), "wamp.error.invalid_argument");
    wills.add(will(2), vec![]);
    assert_eq!(wills.published(), [only(2)]);
    let mut wills = Wills::new();
    wills.add(will(1), opaque());
    let events = wills.realm.leave(wills.owner).events();
    assert_eq!(events.len(), 1);
    assert_eq!(events[0].details.ppt.as_ref().map(|ppt| ppt.scheme.as_str()), Some("x_a"));
}

/// R91.
#[test]
fn kill_all_publishes_no_testaments() {
    let mut wills = Wills::new();
    wills.add(will(1), vec![]);
    let seen = wills.realm.meta(wills.watcher, "wamp.session.kill_all", vec![], vec![]);
    assert!(seen.events().is_empty());
}

/// Section 3.2.
#[test]
fn testaments_that_are_off_are_no_procedures() {
    let features = Features::default().without(Feature::TestamentMetaApi);
    let mut realm = TestRealm::with_rules(RealmRules { features, ..RealmRules::default() });
    let session = realm.join();
    for procedure in [ADD, FLUSH] {
        let seen = realm.meta(session, procedure, will(1), vec![]);
        assert_eq!(seen.refused(session).1, "wamp.error.no_such_procedure");
    }
}

/// D62: clearing is an administrative act.
#[test]
fn retained_events_are_cleared_by_topic_or_pattern() {
    let rows = [
        (vec![text("a.b")], 1),
        (vec![text("a.")], 0),
        (vec![text("a."), dict("match", text("prefix"))], 2),
        (vec![text(".c"), dict("match", text("wildcard"))], 1),
        (vec![text(""), dict("match", text("prefix"))], 3),
    ];
    for (arguments, cleared) in rows {
        let mut realm = TestRealm::new();
        let session = realm.join();
        for topic in ["a.b", "a.c", "b"] {
            let options = PublishOptions { retain: true, ..PublishOptions::default() };
            let request = realm.request(session);
            realm.handle(session, Publish { request, options, topic: topic.into(), payload: raw("[1]", 3, None) });
        }
        let answer = realm.meta(session, CLEAR, arguments, vec![]).result_to(session);
        assert_eq!(args(&answer.payload), [Value::Unsigned(cleared)]);
        let late = realm.join();
        let options = SubscribeOptions { match_policy: PREFIX, get_retained: true };
        let request = realm.request(late);
        let topic = "".into();
        let seen = realm.handle(late, wharf::wamp::message::Subscribe { request, options, topic });
        assert_eq!(seen.messages_to(late).len() as u64, 1 + 3 - cleared);
    }
}

/// D69, section 3.2.
#[test]
fn clearing_needs_a_topic_and_retention() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    for arguments in [vec![], vec![Value::Unsigned(1)], vec![text("a"), dict("match", text("suffix"))]] {
        assert_eq!(realm.meta(session, CLEAR, arguments, vec![]).refused(session).1, "wamp.error.invalid_argument");
    }
    let features = Features::default().without(Feature::EventRetention);
    let mut realm = TestRealm::with_rules(RealmRules { features, ..RealmRules::default() });
    let session = realm.join();
    let seen = realm.meta(session, CLEAR, vec![text("a.b")], vec![]);
    assert_eq!(seen.refused(session).1, "wamp.error.no_such_procedure");
}
