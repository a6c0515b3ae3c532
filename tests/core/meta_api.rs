//! The registration and subscription meta procedures: sections 8.8, 9.9, 10.3 and 10.4 of the reference.

use crate::test_realm::{args, kwargs, TestRealm, EXACT, PREFIX, WILDCARD};
use wharf::routing::{RealmLimits, RealmRules, SessionKey};
use wharf::wamp::options::RegisterOptions;
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{Dict, InvocationPolicy, MatchPolicy, Message, MessageKind, Payload, Value};

fn ask(realm: &mut TestRealm, from: SessionKey, procedure: &str, arguments: Vec<Value>) -> Value {
    let mut answer = args(&realm.meta(from, procedure, arguments, vec![]).result_to(from).payload);
    assert_eq!(answer.len(), 1, "{procedure}");
    answer.remove(0)
}

fn refused(realm: &mut TestRealm, from: SessionKey, procedure: &str, arguments: Vec<Value>) -> String {
    let (kind, error) = realm.meta(from, procedure, arguments, vec![]).refused(from);
    assert_eq!(kind, MessageKind::Call);
    error
}

fn id(number: u64) -> Value {
    Value::Unsigned(number)
}

fn text(text: &str) -> Value {
    Value::from(text)
}

fn dict(entries: &[(&str, Value)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn matching(policy: &str) -> Value {
    dict(&[("match", text(policy))])
}

fn by_policy(policy: MatchPolicy) -> RegisterOptions {
    RegisterOptions { match_policy: policy, ..RegisterOptions::default() }
}

/// One of each policy for `kind`, with their ids.
fn three(realm: &mut TestRealm, session: SessionKey, kind: &str) -> [u64; 3] {
    [("a.b", EXACT), ("a", PREFIX), ("a.", WILDCARD)].map(|(uri, policy)| match kind {
        "registration" => realm.register_with(session, uri, by_policy(policy)).get(),
        _ => realm.subscribe(session, uri, policy).get(),
    })
}

const KINDS: [&str; 2] = ["registration", "subscription"];

/// R95, R97.
#[test]
fn list_gives_the_ids_by_match_policy() {
    for kind in KINDS {
        let mut realm = TestRealm::new();
        let session = realm.join();
        let nothing = ["exact", "prefix", "wildcard"].map(|policy| (policy, Value::List(vec![])));
        let list = format!("wamp.{kind}.list");
        assert_eq!(ask(&mut realm, session, &list, vec![]), dict(&nothing));
        let [exact, prefix, wildcard] =
            three(&mut realm, session, kind).map(|id| Value::List(vec![Value::Unsigned(id)]));
        let expected = dict(&[("exact", exact), ("prefix", prefix), ("wildcard", wildcard)]);
        assert_eq!(ask(&mut realm, session, &list, vec![]), expected);
    }
}

/// R95, R97, D20.
#[test]
fn lookup_finds_the_uri_under_one_policy_or_gives_null() {
    for kind in KINDS {
        let mut realm = TestRealm::new();
        let session = realm.join();
        let [exact, prefix, wildcard] = three(&mut realm, session, kind);
        let rows = [
            (vec![text("a.b")], id(exact)),
            (vec![text("a.b"), dict(&[])], id(exact)),
            (vec![text("a.b"), Value::Null], id(exact)),
            (vec![text("a.b"), matching("exact")], id(exact)),
            (vec![text("a"), matching("prefix")], id(prefix)),
            (vec![text("a."), matching("wildcard")], id(wildcard)),
            (vec![text("a.b"), matching("prefix")], Value::Null),
            (vec![text("a")], Value::Null),
            (vec![text("no such uri")], Value::Null),
        ];
        for (arguments, expected) in rows {
            let found = ask(&mut realm, session, &format!("wamp.{kind}.lookup"), arguments.clone());
            assert_eq!(found, expected, "{kind} {arguments:?}");
        }
    }
}

/// R95: the one that would serve a call.
#[test]
fn the_match_of_a_procedure_is_the_best_one_or_null() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let [exact, prefix, wildcard] = three(&mut realm, session, "registration");
    realm.register_with(session, ".c", by_policy(WILDCARD));
    for (procedure, expected) in [("a.b", id(exact)), ("a.c", id(prefix)), ("b.b", Value::Null)] {
        assert_eq!(ask(&mut realm, session, "wamp.registration.match", vec![text(procedure)]), expected);
    }
    assert_ne!(prefix, wildcard);
}

/// R97: all of them, in ascending order, or null.
#[test]
fn the_matches_of_a_topic_are_all_or_null() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let [exact, prefix, wildcard] = three(&mut realm, session, "subscription");
    let mut all = [exact, prefix, wildcard];
    all.sort_unstable();
    let rows = [("a.b", Value::List(all.map(Value::Unsigned).to_vec())), ("ab", Value::List(vec![id(prefix)]))];
    for (topic, expected) in rows.into_iter().chain([("b.b", Value::Null)]) {
        assert_eq!(ask(&mut realm, session, "wamp.subscription.match", vec![text(topic)]), expected);
    }
}

/// D45, D51: patterns of clients do not reach what is the router's.
#[test]
fn nothing_matches_a_reserved_uri() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    realm.register_with(session, "", by_policy(PREFIX));
    realm.subscribe(session, "", PREFIX);
    realm.subscribe(session, "wamp.", PREFIX);
    for kind in KINDS {
        let matched = ask(&mut realm, session, &format!("wamp.{kind}.match"), vec![text("wamp.session.on_join")]);
        assert_eq!(matched, Value::Null);
    }
}

/// R95, R97, R98.
#[test]
fn get_gives_the_details() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let created = ("created", text("2026-11-23T00:00:00.000000Z"));
    let invoke = InvocationPolicy::RoundRobin;
    let options = RegisterOptions { match_policy: PREFIX, invoke, ..RegisterOptions::default() };
    let registration = realm.register_with(session, "a.b", options).get();
    let entries = [("id", id(registration)), created.clone(), ("uri", text("a.b")), ("match", text("prefix"))];
    let mut expected = entries.to_vec();
    expected.push(("invoke", text("roundrobin")));
    assert_eq!(ask(&mut realm, session, "wamp.registration.get", vec![id(registration)]), dict(&expected));
    let subscription = realm.subscribe(session, "a.b", EXACT).get();
    let entries = [("id", id(subscription)), created, ("uri", text("a.b")), ("match", text("exact"))];
    assert_eq!(ask(&mut realm, session, "wamp.subscription.get", vec![id(subscription)]), dict(&entries));
}

/// R95, R97, D75.
#[test]
fn members_are_listed_and_counted() {
    let mut realm = TestRealm::new();
    let (one, two) = (realm.join(), realm.join());
    let registration = realm.register_shared(two, "a.b", InvocationPolicy::First).get();
    realm.register_shared(one, "a.b", InvocationPolicy::First);
    let subscription = realm.subscribe(two, "a.b", EXACT).get();
    realm.subscribe(one, "a.b", EXACT);
    let members = Value::List(vec![id(realm.id(one)), id(realm.id(two))]);
    let rows = [
        ("registration.list_callees", registration, members.clone()),
        ("registration.count_callees", registration, id(2)),
        ("subscription.list_subscribers", subscription, members),
        ("subscription.count_subscribers", subscription, id(2)),
        ("subscription.count_suscribers", subscription, id(2)),
    ];
    for (name, thing, expected) in rows {
        assert_eq!(ask(&mut realm, one, &format!("wamp.{name}"), vec![id(thing)]), expected, "{name}");
    }
}

/// R95, R97: an id that is not there, and a number that is no id.
#[test]
fn an_unknown_id_is_no_such_registration_or_subscription() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let subscription = realm.subscribe(session, "wamp.session.on_join", EXACT).get();
    let names = [
        ("registration", vec!["get", "list_callees", "count_callees", "remove_callee"]),
        ("subscription", vec!["get", "list_subscribers", "count_subscribers", "remove_subscriber", "get_events"]),
    ];
    for (kind, procedures) in names {
        for procedure in procedures {
            // Subscriptions to the router's own topics are not told.
            for unknown in [77, 0, u64::MAX, subscription] {
                let arguments = vec![id(unknown), id(realm.id(session))];
                let error = refused(&mut realm, session, &format!("wamp.{kind}.{procedure}"), arguments);
                assert_eq!(error, format!("wamp.error.no_such_{kind}"), "{procedure} {unknown}");
            }
        }
    }
}

/// D69, D15.
#[test]
fn bad_arguments_are_invalid_argument() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let one = || id(1);
    let mut rows: Vec<(String, Vec<Value>)> = Vec::new();
    for kind in KINDS {
        let mut row = |name: &str, arguments| rows.push((format!("wamp.{kind}.{name}"), arguments));
        row("lookup", vec![]);
        row("lookup", vec![one()]);
        row("lookup", vec![text("a.b"), text("exact")]);
        row("lookup", vec![text("a.b"), matching("suffix")]);
        row("lookup", vec![text("a.b"), dict(&[("match", one())])]);
        row("match", vec![]);
        row("match", vec![one()]);
        row("get", vec![]);
        row("get", vec![text("1")]);
        row("get", vec![Value::Negative(-1)]);
    }
    for name in ["registration.remove_callee", "subscription.remove_subscriber"] {
        let mut row = |arguments| rows.push((format!("wamp.{name}"), arguments));
        row(vec![one()]);
        row(vec![one(), text("1")]);
        row(vec![one(), one(), one()]);
    }
    for (procedure, arguments) in rows {
        let error = refused(&mut realm, session, &procedure, arguments.clone());
        assert_eq!(error, "wamp.error.invalid_argument", "{procedure} {arguments:?}");
    }
}

fn kw(entries: &[(&str, u64)]) -> Dict {
    entries.iter().map(|(key, number)| ((*key).to_owned(), Value::Unsigned(*number))).collect()
}

/// X4: all pages of a list one after the other, by `next`.
fn pages(realm: &mut TestRealm, from: SessionKey, procedure: &str, arguments: &[Value], limit: u64) -> Vec<Payload> {
    let (mut pages, mut asked) = (Vec::new(), kw(&[("limit", limit)]));
    loop {
        let page = realm.meta(from, procedure, arguments.to_vec(), asked).result_to(from).payload;
        let next = kwargs(&page);
        pages.push(page);
        match &next[..] {
            [] => return pages,
            [(key, Value::Unsigned(last))] if key == "next" => asked = kw(&[("limit", limit), ("after", *last)]),
            other => panic!("next expected, got {other:?}"),
        }
    }
}

/// X4: past the limit the error names the paged form, and the pages meet.
#[test]
fn a_list_that_is_too_long_comes_in_pages_over_all_three_policies_together() {
    for kind in KINDS {
        let mut realm = TestRealm::with(RealmLimits { meta_list_max: 4, ..RealmLimits::default() });
        let session = realm.join();
        let list = format!("wamp.{kind}.list");
        let mut all = three(&mut realm, session, kind).to_vec();
        for uri in ["x.a", "x.b"] {
            all.push(match kind {
                "registration" => realm.register(session, uri).get(),
                _ => realm.subscribe(session, uri, EXACT).get(),
            });
        }
        let error = realm.meta(session, &list, vec![], vec![]).error_to(session);
        assert_eq!(error.error.as_str(), "wharf.error.limit_exceeded");
        assert!(args(&error.payload)[0].as_text().unwrap().contains("limit and after"));
        all.sort_unstable();
        for limit in [1, 2, 3, 4, 100] {
            let mut got = Vec::new();
            for page in pages(&mut realm, session, &list, &[], limit) {
                let parts = args(&page).remove(0);
                let mut ids = Vec::new();
                for policy in ["exact", "prefix", "wildcard"] {
                    let Some(Value::List(part)) = parts.get(policy) else { panic!("{parts:?}") };
                    ids.extend(part.clone());
                }
                assert!(ids.len() as u64 <= limit.min(4));
                got.extend(ids.into_iter().map(|id| if let Value::Unsigned(id) = id { id } else { 0 }));
            }
            got.sort_unstable();
            assert_eq!(got, all, "{kind} {limit}");
        }
    }
}

/// X4.
#[test]
fn members_come_in_pages_too() {
    let mut realm = TestRealm::with(RealmLimits { meta_list_max: 2, ..RealmLimits::default() });
    let sessions: Vec<_> = (0..5).map(|_| realm.join()).collect();
    let all: Vec<Value> = sessions.iter().map(|session| id(realm.id(*session))).collect();
    let mut things = (0, 0);
    // The order in which they came is not that of their ids.
    for session in sessions.iter().rev() {
        things.0 = realm.register_shared(*session, "a.b", InvocationPolicy::Last).get();
        things.1 = realm.subscribe(*session, "a.b", EXACT).get();
    }
    let rows = [("wamp.registration.list_callees", things.0), ("wamp.subscription.list_subscribers", things.1)];
    for (procedure, thing) in rows {
        let error = refused(&mut realm, sessions[0], procedure, vec![id(thing)]);
        assert_eq!(error, "wharf.error.limit_exceeded");
        let pages = pages(&mut realm, sessions[0], procedure, &[id(thing)], 2);
        assert_eq!(pages.len(), 3);
        let got = pages.iter().flat_map(|page| match args(page).remove(0) {
            Value::List(ids) => ids,
            other => panic!("{other:?}"),
        });
        assert_eq!(got.collect::<Vec<_>>(), all);
    }
}

/// R54, section 8.8: told only to those that announced it; the events fire.
#[test]
fn a_subscriber_is_removed_and_told_the_reason() {
    let mut realm = TestRealm::new();
    let (admin, told, untold) = (realm.join(), realm.join(), realm.join_plain());
    let subscription = realm.subscribe(told, "a.b", EXACT);
    realm.subscribe(untold, "a.b", EXACT);
    realm.subscribe(admin, "wamp.subscription.", PREFIX);
    let procedure = "wamp.subscription.remove_subscriber";
    let arguments = vec![id(subscription.get()), id(realm.id(told)), text("enough")];
    let seen = realm.meta(admin, procedure, arguments.clone(), vec![]);
    let Message::Unsubscribed(message) = seen.only_message_to(told) else { panic!("{seen:?}") };
    assert_eq!((message.request, message.details.subscription), (None, Some(subscription)));
    assert_eq!(message.details.reason.as_deref(), Some("enough"));
    assert_eq!(seen.events().len(), 1);
    assert_eq!(refused(&mut realm, admin, procedure, arguments), "wamp.error.no_such_session");
    let arguments = vec![id(subscription.get()), id(realm.id(untold))];
    let seen = realm.meta(admin, procedure, arguments, vec![]);
    assert!(seen.messages_to(untold).is_empty());
    let topics: Vec<_> = seen.events().into_iter().filter_map(|event| event.details.topic).collect();
    assert_eq!(topics, ["wamp.subscription.on_unsubscribe", "wamp.subscription.on_delete"].map(Into::into));
    let answer = seen.messages_to(admin).into_iter().find(|message| matches!(message, Message::Result(_)));
    assert!(matches!(answer, Some(Message::Result(result)) if result.payload == Payload::Empty));
}

/// R80, section 9.9, D64: the invocation in flight finishes.
#[test]
fn a_callee_is_removed_and_told_the_reason() {
    let mut realm = TestRealm::new();
    let (admin, callee) = (realm.join(), realm.join());
    let registration = realm.register(callee, "a.b");
    let (_, invocation) = realm.invoke(admin, "a.b");
    let procedure = "wamp.registration.remove_callee";
    let arguments = vec![id(registration.get()), id(realm.id(callee)), text("enough")];
    let seen = realm.meta(admin, procedure, arguments, vec![]);
    let Message::Unregistered(message) = seen.only_message_to(callee) else { panic!("{seen:?}") };
    assert_eq!((message.request, message.details.registration), (None, Some(registration)));
    assert_eq!(message.details.reason.as_deref(), Some("enough"));
    assert_eq!(seen.result_to(admin).payload, Payload::Empty);
    realm.yields(callee, invocation.request.get()).result_to(admin);
    assert_eq!(realm.call(admin, "a.b").refused(admin).1, "wamp.error.no_such_procedure");
}

/// Decision 9: some libraries take only a URI there, and end the connection over anything else.
#[test]
fn a_reason_that_is_no_uri_is_not_told() {
    for (reason, told) in [("com.example.moved", true), ("moved to another host", false), ("", false), ("a..b", false)]
    {
        let mut realm = TestRealm::new();
        let (admin, other) = (realm.join(), realm.join());
        let registration = realm.register(other, "a.b").get();
        let subscription = realm.subscribe(other, "a.b", EXACT).get();
        let told = told.then_some(reason);
        let arguments = |of: u64| vec![id(of), id(realm.id(other)), text(reason)];
        let (registered, subscribed) = (arguments(registration), arguments(subscription));
        let seen = realm.meta(admin, "wamp.registration.remove_callee", registered, vec![]);
        let Message::Unregistered(message) = seen.only_message_to(other) else { panic!("{seen:?}") };
        assert_eq!(message.details.reason.as_deref(), told);
        let seen = realm.meta(admin, "wamp.subscription.remove_subscriber", subscribed, vec![]);
        let Message::Unsubscribed(message) = seen.only_message_to(other) else { panic!("{seen:?}") };
        assert_eq!(message.details.reason.as_deref(), told);
    }
}

/// R54, R80.
#[test]
fn only_those_on_it_can_be_removed() {
    let mut realm = TestRealm::new();
    let (admin, other) = (realm.join(), realm.join());
    let registration = realm.register(other, "a.b").get();
    let subscription = realm.subscribe(other, "a.b", EXACT).get();
    for session in [realm.id(admin), 77, 0] {
        let rows = [("registration.remove_callee", registration), ("subscription.remove_subscriber", subscription)];
        for (name, thing) in rows {
            let error = refused(&mut realm, admin, &format!("wamp.{name}"), vec![id(thing), id(session)]);
            assert_eq!(error, "wamp.error.no_such_session");
        }
    }
}

/// Section 3.2: a revocation that is off is no procedure.
#[test]
fn nothing_is_revoked_where_revocation_is_off() {
    let rows = [
        (Feature::RegistrationRevocation, "wamp.registration.remove_callee"),
        (Feature::SubscriptionRevocation, "wamp.subscription.remove_subscriber"),
    ];
    for (feature, procedure) in rows {
        let features = Features::default().without(feature);
        let mut realm = TestRealm::with_rules(RealmRules { features, ..RealmRules::default() });
        let session = realm.join();
        assert_eq!(refused(&mut realm, session, procedure, vec![]), "wamp.error.no_such_procedure");
    }
}
