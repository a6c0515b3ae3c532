//! Reflection: what procedures, topics and errors are for. The names are the specification's sketch, the payloads ours.

use crate::test_realm::{args, kwargs, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use std::sync::Arc;
use wharf::routing::{Described, Permit, RealmLimits, Refusal, Rights, SessionKey};
use wharf::wamp::options::{PublishOptions, RegisterOptions};
use wharf::wamp::{Dict, ErrorUri, InvocationPolicy, MatchPolicy, Uri, Value};

const DEFINE: &str = "wamp.reflect.define";
const UNDEFINE: &str = "wamp.reflect.undefine";
const DESCRIBE: &str = "wamp.reflect.describe";

fn text(text: &str) -> Value {
    Value::from(text)
}

fn kw(entries: &[(&str, &str)]) -> Dict {
    entries.iter().map(|(key, value)| ((*key).to_owned(), Value::from(*value))).collect()
}

fn summary(text: &str) -> Value {
    Value::Dict(kw(&[("summary", text)]))
}

fn uris(uris: &[&str]) -> Value {
    Value::List(uris.iter().map(|uri| Value::from(*uri)).collect())
}

struct Reflecting {
    realm: TestRealm,
}

impl Reflecting {
    fn new() -> Self {
        Self { realm: TestRealm::new() }
    }

    fn define(&mut self, from: SessionKey, uri: &str, description: Value, kwargs: Dict) {
        let result = self.realm.meta(from, DEFINE, vec![text(uri), description], kwargs);
        assert!(args(&result.result_to(from).payload).is_empty());
    }

    fn refused(&mut self, from: SessionKey, procedure: &str, arguments: Vec<Value>, kwargs: Dict) -> String {
        self.realm.meta(from, procedure, arguments, kwargs).refused(from).1
    }

    fn ask(&mut self, from: SessionKey, procedure: &str, arguments: Vec<Value>, kwargs: Dict) -> Value {
        let mut answer = args(&self.realm.meta(from, procedure, arguments, kwargs).result_to(from).payload);
        assert_eq!(answer.len(), 1);
        answer.remove(0)
    }

    fn list(&mut self, from: SessionKey, kind: &str) -> Value {
        self.ask(from, &format!("wamp.reflection.{kind}.list"), vec![], vec![])
    }

    fn describe(&mut self, from: SessionKey, kind: &str, uri: &str) -> Value {
        self.ask(from, &format!("wamp.reflection.{kind}.describe"), vec![text(uri)], vec![])
    }
}

/// Who may do what is written in these texts.
struct May {
    call: &'static str,
    publish: &'static str,
    subscribe: &'static str,
    register: &'static str,
}

impl Rights for May {
    fn judge_publish(&self, topic: &Uri, _: &mut PublishOptions) -> Result<(), Refusal> {
        if topic.starts_with(self.publish) {
            Ok(())
        } else {
            Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text: String::new() })
        }
    }

    fn may_subscribe(&self, topic: &Uri, _: MatchPolicy) -> bool {
        topic.starts_with(self.subscribe)
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        procedure.starts_with(self.call)
    }

    fn may_register(&self, procedure: &Uri, _: MatchPolicy) -> bool {
        procedure.starts_with(self.register)
    }
}

fn joined(realm: &mut TestRealm, may: May) -> SessionKey {
    let mut member = realm.member("eve", "guest", ALL_FEATURES);
    member.permit = Permit::new(Arc::new(may));
    realm.joining(member).0
}

/// Reflection: what was defined is listed and described, each kind by itself.
#[test]
fn what_is_defined_is_listed_and_described() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    reflecting.realm.register(session, "a.b");
    for (kind, told) in [("procedure", "one"), ("topic", "two"), ("error", "three")] {
        assert_eq!(reflecting.list(session, kind), uris(&[]));
        assert_eq!(reflecting.describe(session, kind, "a.b"), Value::Null);
        reflecting.define(session, "a.b", summary(told), kw(&[("kind", kind)]));
        assert_eq!(reflecting.list(session, kind), uris(&["a.b"]));
        assert_eq!(reflecting.describe(session, kind, "a.b"), summary(told));
    }
    let all = reflecting.ask(session, DESCRIBE, vec![text("a.b")], vec![]);
    let entry = |kind: &str, told| (kind.to_owned(), summary(told));
    assert_eq!(all, Value::Dict(vec![entry("procedure", "one"), entry("topic", "two"), entry("error", "three")]));
    assert_eq!(reflecting.ask(session, DESCRIBE, vec![text("a.c")], vec![]), Value::Null);
}

/// Reflection: the default kind is procedure; a later description takes the place of an earlier one.
#[test]
fn a_later_description_takes_the_place_of_an_earlier_one() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    reflecting.realm.register(session, "a.b");
    reflecting.define(session, "a.b", summary("one"), vec![]);
    reflecting.define(session, "a.b", summary("two"), vec![]);
    assert_eq!(reflecting.describe(session, "procedure", "a.b"), summary("two"));
}

/// Reflection: only who serves a procedure says what it is, for exactly that URI and policy.
#[test]
fn a_procedure_is_described_by_its_callees() {
    let mut reflecting = Reflecting::new();
    let (callee, other) = (reflecting.realm.join(), reflecting.realm.join_as("bob", "user"));
    let options = RegisterOptions { match_policy: PREFIX, ..RegisterOptions::default() };
    reflecting.realm.register_with(callee, "a", options);
    let refused = |reflecting: &mut Reflecting, from, uri, kwargs| {
        let error = reflecting.refused(from, DEFINE, vec![text(uri), summary("x")], kwargs);
        assert_eq!(error, "wamp.error.not_authorized");
    };
    refused(&mut reflecting, callee, "a", vec![]);
    refused(&mut reflecting, callee, "a.b", vec![]);
    refused(&mut reflecting, other, "a", kw(&[("match", "prefix")]));
    reflecting.define(callee, "a", summary("x"), kw(&[("match", "prefix")]));
    assert_eq!(reflecting.list(other, "procedure"), uris(&[]));
    let listed = reflecting.ask(other, "wamp.reflection.procedure.list", vec![], kw(&[("match", "prefix")]));
    assert_eq!(listed, uris(&["a"]));
    let arguments = vec![text("a"), Value::Dict(kw(&[("match", "prefix")]))];
    assert_eq!(reflecting.ask(other, "wamp.reflection.procedure.describe", arguments, vec![]), summary("x"));
    assert_eq!(reflecting.describe(other, "procedure", "a"), Value::Null);
    assert_eq!(
        reflecting.refused(other, UNDEFINE, vec![text("a")], kw(&[("match", "prefix")])),
        "wamp.error.not_authorized"
    );
}

/// Reflection: the description of a procedure is kept with its registration.
#[test]
fn the_description_of_a_procedure_goes_with_its_registration() {
    let mut reflecting = Reflecting::new();
    let [one, two, watcher] = [0, 1, 2].map(|_| reflecting.realm.join());
    let invoke = InvocationPolicy::RoundRobin;
    reflecting.realm.register_shared(one, "a.b", invoke);
    let registration = reflecting.realm.register_shared(two, "a.b", invoke);
    reflecting.define(one, "a.b", summary("x"), vec![]);
    reflecting.realm.subscribe(watcher, "wamp.reflect.on_undefine", EXACT);
    assert!(reflecting.realm.leave(one).events().is_empty());
    assert_eq!(reflecting.describe(watcher, "procedure", "a.b"), summary("x"), "another callee serves it");
    let seen = reflecting.realm.unregister(two, registration);
    assert_eq!(seen.events().len(), 1);
    assert_eq!(reflecting.list(watcher, "procedure"), uris(&[]));
}

/// Reflection: who may publish to a topic says what it is.
#[test]
fn a_topic_is_described_by_those_who_may_publish_to_it() {
    let mut reflecting = Reflecting::new();
    let session = joined(&mut reflecting.realm, May { call: "", publish: "a.", subscribe: "", register: "" });
    let kind = || kw(&[("kind", "topic")]);
    reflecting.define(session, "a.b", summary("x"), kind());
    let error = reflecting.refused(session, DEFINE, vec![text("b.b"), summary("x")], kind());
    assert_eq!(error, "wamp.error.not_authorized");
}

/// Reflection: what another session described is not overwritten, unless it is the same identity come back.
#[test]
fn a_description_belongs_to_the_identity_that_gave_it() {
    let mut reflecting = Reflecting::new();
    let [former, again] = [0, 1].map(|_| reflecting.realm.join_as("ann", "user"));
    let other = reflecting.realm.join_as("bob", "user");
    for kind in ["topic", "error"] {
        let kwargs = || kw(&[("kind", kind)]);
        reflecting.define(former, "a.b", summary("one"), kwargs());
        let error = reflecting.refused(other, DEFINE, vec![text("a.b"), summary("two")], kwargs());
        assert_eq!(error, "wamp.error.not_authorized");
        assert_eq!(reflecting.refused(other, UNDEFINE, vec![text("a.b")], kwargs()), "wamp.error.not_authorized");
        reflecting.define(again, "a.b", summary("three"), kwargs());
    }
    reflecting.realm.leave(former);
    assert_eq!(reflecting.describe(other, "topic", "a.b"), summary("three"));
}

/// Architecture, invariant 6: topics and errors go with their session, and it is told.
#[test]
fn descriptions_of_topics_and_errors_go_with_their_session() {
    let mut reflecting = Reflecting::new();
    let (watcher, session) = (reflecting.realm.join(), reflecting.realm.join());
    let id = reflecting.realm.id(session);
    reflecting.define(session, "a.t", summary("x"), kw(&[("kind", "topic")]));
    reflecting.define(session, "a.e", summary("x"), kw(&[("kind", "error")]));
    reflecting.realm.subscribe(watcher, "wamp.reflect.on_undefine", EXACT);
    let events = reflecting.realm.leave(session).events();
    let told: Vec<_> = events.iter().map(|event| args(&event.payload)).collect();
    let expected = [("topic", "a.t"), ("error", "a.e")].map(|(kind, uri)| {
        vec![Value::Unsigned(id), Value::Dict(kw(&[("kind", kind), ("uri", uri), ("match", "exact")]))]
    });
    assert_eq!(told, expected);
    assert_eq!((reflecting.list(watcher, "topic"), reflecting.list(watcher, "error")), (uris(&[]), uris(&[])));
}

/// Reflection: the events, once for each change.
#[test]
fn define_and_undefine_are_told() {
    let mut reflecting = Reflecting::new();
    let (watcher, session) = (reflecting.realm.join(), reflecting.realm.join());
    let id = reflecting.realm.id(session);
    reflecting.realm.register(session, "a.b");
    let told = vec![Value::Unsigned(id), Value::Dict(kw(&[("kind", "procedure"), ("uri", "a.b"), ("match", "exact")]))];
    reflecting.realm.subscribe(watcher, "wamp.reflect.", PREFIX);
    let rows = [
        (DEFINE, vec![text("a.b"), summary("x")], vec![], Some("wamp.reflect.on_define")),
        (UNDEFINE, vec![text("a.b")], vec![Value::Bool(true)], Some("wamp.reflect.on_undefine")),
        (UNDEFINE, vec![text("a.b")], vec![Value::Bool(false)], None),
    ];
    for (procedure, arguments, answer, topic) in rows {
        let seen = reflecting.realm.meta(session, procedure, arguments, vec![]);
        assert_eq!(args(&seen.result_to(session).payload), answer);
        let events: Vec<_> =
            seen.events().into_iter().map(|event| (event.details.topic, args(&event.payload))).collect();
        assert_eq!(events, topic.map(|topic| (Some(Uri::from(topic)), told.clone())).into_iter().collect::<Vec<_>>());
    }
}

/// P10: what a session may not call or subscribe to is not there for it.
#[test]
fn only_what_the_caller_may_use_is_shown() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    for uri in ["a.b", "c.d"] {
        reflecting.realm.register(session, uri);
        for kind in ["procedure", "topic", "error"] {
            reflecting.define(session, uri, summary("x"), kw(&[("kind", kind)]));
        }
    }
    let eve = joined(&mut reflecting.realm, May { call: "a.", publish: "", subscribe: "c.", register: "" });
    let rows = [("procedure", &["a.b"][..]), ("topic", &["c.d"]), ("error", &["a.b", "c.d"])];
    for (kind, seen) in rows {
        assert_eq!(reflecting.list(eve, kind), uris(seen));
        for uri in ["a.b", "c.d"] {
            let expected = if seen.contains(&uri) { summary("x") } else { Value::Null };
            assert_eq!(reflecting.describe(eve, kind, uri), expected, "{kind} {uri}");
        }
    }
    let Value::Dict(all) = reflecting.ask(eve, DESCRIBE, vec![text("a.b")], vec![]) else { panic!("described") };
    assert_eq!(all.iter().map(|(kind, _)| kind.as_str()).collect::<Vec<_>>(), ["procedure", "error"]);
    let permit = Permit::new(Arc::new(May { call: "a.", publish: "", subscribe: "", register: "" }));
    let read: Vec<_> = reflecting.realm.realm.descriptions(Described::Procedure, &permit).collect();
    assert_eq!(read.len(), 1);
    assert_eq!((read[0].policy, read[0].uri.as_str(), read[0].description), (EXACT, "a.b", &summary("x")));
}

/// P10: nobody calls a pattern; it is there for those who may call its text, and for those who may serve it.
#[test]
fn a_pattern_is_shown_to_those_who_may_call_it_or_register_it() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    let prefix = [("match".to_owned(), text("prefix"))];
    for uri in ["a.", "b.", "c."] {
        let options = RegisterOptions { match_policy: PREFIX, ..RegisterOptions::default() };
        reflecting.realm.register_with(session, uri, options);
        reflecting.define(session, uri, summary("x"), prefix.to_vec());
    }
    let eve = joined(&mut reflecting.realm, May { call: "a.", publish: "", subscribe: "", register: "b." });
    let shown = reflecting.ask(eve, "wamp.reflection.procedure.list", vec![], prefix.to_vec());
    assert_eq!(shown, uris(&["a.", "b."]));
}

/// X4: long lists come in pages that meet.
#[test]
fn a_list_comes_in_pages() {
    let mut reflecting =
        Reflecting { realm: TestRealm::with(RealmLimits { meta_list_max: 2, ..RealmLimits::default() }) };
    let session = reflecting.realm.join();
    let all = ["a.a", "a.b", "b", "c.a", "d"];
    for uri in all {
        reflecting.define(session, uri, summary("x"), kw(&[("kind", "error")]));
    }
    let list = "wamp.reflection.error.list";
    assert_eq!(reflecting.refused(session, list, vec![], vec![]), "wharf.error.limit_exceeded");
    let (mut got, mut asked) = (Vec::new(), vec![("limit".to_owned(), Value::Unsigned(2))]);
    loop {
        let page = reflecting.realm.meta(session, list, vec![], asked).result_to(session).payload;
        let Value::List(part) = args(&page).remove(0) else { panic!("a list expected") };
        got.extend(part);
        match kwargs(&page).pop() {
            None => break,
            Some((key, last)) => {
                assert_eq!(key, "next");
                asked = vec![("limit".to_owned(), Value::Unsigned(2)), ("after".to_owned(), last)];
            }
        }
    }
    assert_eq!(got, all.map(Value::from));
}

/// D69: the types of the keys that have a meaning are checked, other keys hold anything.
#[test]
fn bad_arguments_are_invalid_argument() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    reflecting.realm.register(session, "a.b");
    let of = |key: &str, value| Value::Dict(vec![(key.to_owned(), value)]);
    let mut rows = vec![
        (DEFINE, vec![], vec![]),
        (DEFINE, vec![text("a.b")], vec![]),
        (DEFINE, vec![text("a.b"), text("x")], vec![]),
        (DEFINE, vec![Value::Unsigned(1), summary("x")], vec![]),
        (DEFINE, vec![text("a.b"), summary("x")], kw(&[("kind", "session")])),
        (DEFINE, vec![text("a.b"), summary("x")], kw(&[("match", "suffix")])),
        (DEFINE, vec![text("a."), summary("x")], kw(&[("kind", "topic"), ("match", "prefix")])),
        (UNDEFINE, vec![], vec![]),
        (DESCRIBE, vec![], vec![]),
        ("wamp.reflection.procedure.describe", vec![], vec![]),
        ("wamp.reflection.topic.list", vec![], kw(&[("match", "prefix")])),
        ("wamp.reflection.topic.list", vec![], kw(&[("limit", "1")])),
        ("wamp.reflection.topic.list", vec![], vec![("after".to_owned(), Value::Unsigned(1))]),
    ];
    for key in [
        "summary",
        "description",
        "arguments",
        "keyword_arguments",
        "result",
        "event",
        "schema",
        "errors",
        "deprecated",
    ] {
        rows.push((DEFINE, vec![text("a.b"), of(key, Value::Unsigned(1))], vec![]));
    }
    rows.push((DEFINE, vec![text("a.b"), of("errors", Value::List(vec![Value::Unsigned(1)]))], vec![]));
    for (procedure, arguments, kwargs) in rows {
        let error = reflecting.refused(session, procedure, arguments.clone(), kwargs);
        assert_eq!(error, "wamp.error.invalid_argument", "{procedure} {arguments:?}");
    }
    let schema = || Value::Dict(kw(&[("type", "string")]));
    let good = Value::Dict(vec![
        ("summary".to_owned(), text("x")),
        ("description".to_owned(), Value::Null),
        ("arguments".to_owned(), schema()),
        ("keyword_arguments".to_owned(), schema()),
        ("result".to_owned(), schema()),
        ("event".to_owned(), schema()),
        ("schema".to_owned(), schema()),
        ("errors".to_owned(), uris(&["a.error"])),
        ("deprecated".to_owned(), Value::Bool(true)),
        ("of_our_own".to_owned(), Value::Unsigned(1)),
    ]);
    reflecting.define(session, "a.b", good.clone(), vec![]);
    assert_eq!(reflecting.describe(session, "procedure", "a.b"), good);
}

/// R27, R29: what is described could be there.
#[test]
fn only_lawful_uris_that_are_not_reserved_are_described() {
    let mut reflecting = Reflecting::new();
    let session = reflecting.realm.join();
    for uri in ["wamp.x", "wharf.x", "a b", "", "a..b"] {
        for kind in ["procedure", "topic", "error"] {
            let error = reflecting.refused(session, DEFINE, vec![text(uri), summary("x")], kw(&[("kind", kind)]));
            assert_eq!(error, "wamp.error.invalid_uri", "{kind} {uri}");
        }
    }
}

/// Bounds: what says nothing takes room as well.
#[test]
fn empty_descriptions_of_long_uris_are_bounded_too() {
    let limits = RealmLimits {
        meta_calls: wharf::routing::MetaCalls { per_second: 1_000_000, burst: 1_000_000 },
        ..RealmLimits::default()
    };
    let mut reflecting = Reflecting { realm: TestRealm::unchecked_with(limits) };
    let mut session = reflecting.realm.join();
    let refused_at = (0..17_000).find(|number| {
        if number % 1_000 == 0 {
            session = reflecting.realm.join();
        }
        let (uri, kwargs) = (format!("a.{number:01000}"), kw(&[("kind", "error")]));
        let seen = reflecting.realm.meta(session, DEFINE, vec![text(&uri), Value::Dict(vec![])], kwargs);
        matches!(seen.only_message_to(session), wharf::wamp::Message::Error(_))
    });
    assert!(refused_at.is_some_and(|number| number > 5_000), "{refused_at:?}");
    assert_eq!(reflecting.realm.realm.broken_invariant(), None);
}

fn limit_of(reflecting: &mut Reflecting, from: SessionKey, uri: &str, description: Value) -> Value {
    let kwargs = kw(&[("kind", "error")]);
    let error = reflecting.realm.meta(from, DEFINE, vec![text(uri), description], kwargs).error_to(from);
    assert_eq!(error.error.as_str(), "wharf.error.limit_exceeded");
    crate::test_realm::kwargs(&error.payload)[0].1.clone()
}

/// Bounds: one description has 64 KiB, one session a thousand of them.
#[test]
fn descriptions_are_bounded_in_size_and_per_session() {
    let limits = RealmLimits {
        meta_calls: wharf::routing::MetaCalls { per_second: 1_000_000, burst: 1_000_000 },
        ..RealmLimits::default()
    };
    let mut reflecting = Reflecting { realm: TestRealm::unchecked_with(limits) };
    let session = reflecting.realm.join();
    let large = summary(&"x".repeat(64 << 10));
    assert_eq!(limit_of(&mut reflecting, session, "a.b", large), text("description_size"));
    for number in 0..1_000 {
        reflecting.define(session, &format!("a.e{number}"), summary("x"), kw(&[("kind", "error")]));
    }
    assert_eq!(limit_of(&mut reflecting, session, "a.b", summary("x")), text("descriptions_per_session"));
    reflecting.define(session, "a.e7", summary("y"), kw(&[("kind", "error")]));
    reflecting.realm.meta(session, UNDEFINE, vec![text("a.e7")], kw(&[("kind", "error")]));
    reflecting.define(session, "a.b", summary("x"), kw(&[("kind", "error")]));
}

/// Bounds: all descriptions of a realm have 16 MiB; what is refused changes nothing.
#[test]
fn descriptions_are_bounded_per_realm() {
    let mut reflecting = Reflecting::new();
    let large = || summary(&"x".repeat(60 << 10));
    let mut session = reflecting.realm.join();
    for number in 0..260 {
        if number % 50 == 0 {
            session = reflecting.realm.join();
        }
        reflecting.define(session, &format!("a.e{number}"), large(), kw(&[("kind", "error")]));
    }
    let last = (260..300).find(|number| {
        let (uri, kwargs) = (format!("a.e{number}"), kw(&[("kind", "error")]));
        let seen = reflecting.realm.meta(session, DEFINE, vec![text(&uri), large()], kwargs);
        matches!(seen.only_message_to(session), wharf::wamp::Message::Error(_))
    });
    let uri = format!("a.e{}", last.unwrap());
    assert_eq!(limit_of(&mut reflecting, session, &uri, large()), text("description_bytes"));
    assert_eq!(reflecting.describe(session, "error", &uri), Value::Null);
    reflecting.define(session, "a.e250", summary("y"), kw(&[("kind", "error")]));
    reflecting.define(session, &uri, large(), kw(&[("kind", "error")]));
}
