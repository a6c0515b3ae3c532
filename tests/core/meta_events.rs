//! The meta events of subscriptions and registrations: sections 10.3 and 10.4 of the reference.

use crate::test_realm::{args, Seen, TestRealm, EXACT, PREFIX, WILDCARD};
use wharf::routing::{RealmRules, SessionKey};
use wharf::wamp::role::{Feature, Features};
use wharf::wamp::{InvocationPolicy, SubscriptionId, Value};

/// A realm with one who listens to everything of one kind, and what it is told: the end of the topic and the arguments.
struct Watched {
    realm: TestRealm,
    watcher: SessionKey,
    prefix: &'static str,
}

impl Watched {
    fn new(prefix: &'static str) -> Self {
        Self::with(prefix, RealmRules::default())
    }

    fn with(prefix: &'static str, rules: RealmRules) -> Self {
        let mut realm = TestRealm::with_rules(rules);
        let watcher = realm.join();
        realm.subscribe(watcher, prefix, PREFIX);
        Self { realm, watcher, prefix }
    }

    fn told(&self, seen: &Seen) -> Vec<(String, Vec<Value>)> {
        let told = seen.deliveries().filter(|(to, _)| to.contains(&self.watcher));
        told.filter_map(|(_, event)| {
            let name = event.details.topic.as_ref()?.strip_prefix(self.prefix)?.to_owned();
            Some((name, args(&event.payload)))
        })
        .collect()
    }
}

fn id(number: u64) -> Value {
    Value::Unsigned(number)
}

fn pair(name: &str, session: u64, thing: u64) -> (String, Vec<Value>) {
    (name.to_owned(), vec![id(session), id(thing)])
}

fn dict(entries: &[(&str, Value)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

const CREATED: &str = "2026-11-23T00:00:00.000000Z";

/// R94, R98: `[session, details]`, then `[session, id]`; the answer comes first.
#[test]
fn on_create_comes_before_on_register_and_tells_the_details() {
    let mut watched = Watched::new("wamp.registration.");
    let callee = watched.realm.join();
    let session = watched.realm.id(callee);
    let seen = watched.realm.registering(callee, "a.b", Default::default());
    let wharf::wamp::Message::Registered(registered) = &seen.messages_to(callee)[0] else { panic!("{seen:?}") };
    let registration = registered.registration.get();
    let details = dict(&[
        ("id", id(registration)),
        ("created", Value::from(CREATED)),
        ("uri", Value::from("a.b")),
        ("match", Value::from("exact")),
        ("invoke", Value::from("single")),
    ]);
    let expected = [("on_create".to_owned(), vec![id(session), details]), pair("on_register", session, registration)];
    assert_eq!(watched.told(&seen), expected);
    assert!(matches!(seen.0[0], wharf::routing::Effect::Send { .. }), "REGISTERED comes first");
}

/// R96, R98.
#[test]
fn on_create_comes_before_on_subscribe_and_tells_the_details() {
    let mut watched = Watched::new("wamp.subscription.");
    let subscriber = watched.realm.join();
    let session = watched.realm.id(subscriber);
    let seen = watched.realm.subscribing(subscriber, "a..b", WILDCARD);
    let told = watched.told(&seen);
    let subscription = told[1].1[1].clone();
    let details = dict(&[
        ("id", subscription.clone()),
        ("created", Value::from(CREATED)),
        ("uri", Value::from("a..b")),
        ("match", Value::from("wildcard")),
    ]);
    assert_eq!(told[0], ("on_create".to_owned(), vec![id(session), details]));
    assert_eq!(told[1], ("on_subscribe".to_owned(), vec![id(session), subscription]));
    assert_eq!(told.len(), 2);
}

/// R94: the second callee joins what is there, the first one leaves it there.
#[test]
fn a_registration_is_created_by_its_first_callee_and_deleted_with_its_last() {
    let mut watched = Watched::new("wamp.registration.");
    let (one, two) = (watched.realm.join(), watched.realm.join());
    let (first, second) = (watched.realm.id(one), watched.realm.id(two));
    let registration = watched.realm.register_shared(one, "a.b", InvocationPolicy::RoundRobin);
    let request = wharf::wamp::options::RegisterOptions {
        invoke: InvocationPolicy::RoundRobin,
        ..wharf::wamp::options::RegisterOptions::default()
    };
    let seen = watched.realm.registering(two, "a.b", request);
    assert_eq!(watched.told(&seen), [pair("on_register", second, registration.get())]);
    let seen = watched.realm.unregister(one, registration);
    assert_eq!(watched.told(&seen), [pair("on_unregister", first, registration.get())]);
    let seen = watched.realm.unregister(two, registration);
    let expected = ["on_unregister", "on_delete"].map(|name| pair(name, second, registration.get()));
    assert_eq!(watched.told(&seen), expected);
}

/// R96.
#[test]
fn a_subscription_is_created_by_its_first_subscriber_and_deleted_with_its_last() {
    let mut watched = Watched::new("wamp.subscription.");
    let (one, two) = (watched.realm.join(), watched.realm.join());
    let (first, second) = (watched.realm.id(one), watched.realm.id(two));
    let subscription = watched.realm.subscribe(one, "a.b", EXACT);
    let seen = watched.realm.subscribing(two, "a.b", EXACT);
    assert_eq!(watched.told(&seen), [pair("on_subscribe", second, subscription.get())]);
    let seen = watched.realm.subscribing(two, "a.b", EXACT);
    assert_eq!(watched.told(&seen), [], "a second SUBSCRIBE changes nothing");
    let seen = watched.realm.unsubscribe(one, subscription);
    assert_eq!(watched.told(&seen), [pair("on_unsubscribe", first, subscription.get())]);
    let seen = watched.realm.unsubscribe(two, subscription);
    let expected = ["on_unsubscribe", "on_delete"].map(|name| pair(name, second, subscription.get()));
    assert_eq!(watched.told(&seen), expected);
}

/// R94, R96: also on disconnect and on a kill, and before on_leave.
#[test]
fn a_session_that_ends_leaves_what_it_had_before_it_is_said_to_be_gone() {
    for killed in [false, true] {
        let mut watched = Watched::new("wamp.");
        let leaver = watched.realm.join();
        let session = watched.realm.id(leaver);
        let subscription = watched.realm.subscribe(leaver, "a.b", EXACT).get();
        let registration = watched.realm.register(leaver, "a.b").get();
        let seen = if killed {
            watched.realm.meta(watched.watcher, "wamp.session.kill", vec![id(session)], vec![])
        } else {
            watched.realm.leave(leaver)
        };
        let told = watched.told(&seen);
        let names: Vec<_> = told.iter().map(|(name, arguments)| (name.as_str(), arguments[1].clone())).collect();
        let expected = [
            ("subscription.on_unsubscribe", id(subscription)),
            ("subscription.on_delete", id(subscription)),
            ("registration.on_unregister", id(registration)),
            ("registration.on_delete", id(registration)),
            ("session.on_leave", Value::from("alice")),
        ];
        assert_eq!(names, expected);
        assert!(told.iter().all(|(_, arguments)| arguments[0] == id(session)));
    }
}

/// R91: no session meta events; the others are no session meta events.
#[test]
fn kill_all_fires_the_events_of_registrations_and_no_on_leave() {
    let mut watched = Watched::new("wamp.");
    let victim = watched.realm.join();
    watched.realm.register(victim, "a.b");
    let seen = watched.realm.meta(watched.watcher, "wamp.session.kill_all", vec![], vec![]);
    let names: Vec<_> = watched.told(&seen).into_iter().map(|(name, _)| name).collect();
    assert_eq!(names, ["registration.on_unregister", "registration.on_delete"]);
}

/// D45: watching does not feed itself.
#[test]
fn nothing_is_told_about_reserved_topics() {
    let mut watched = Watched::new("wamp.");
    let other = watched.realm.join();
    for topic in ["wamp.subscription.on_create", "wharf.session.on_overflow", "wamp"] {
        let seen = watched.realm.subscribing(other, topic, EXACT);
        assert_eq!(watched.told(&seen), []);
        let wharf::wamp::Message::Subscribed(subscribed) = seen.only_message_to(other) else { panic!("{seen:?}") };
        let seen = watched.realm.unsubscribe(other, subscribed.subscription);
        assert_eq!(watched.told(&seen), []);
    }
}

/// Section 3.2: an API that is off says nothing, and answers nothing.
#[test]
fn a_meta_api_that_is_off_has_no_events_and_no_procedures() {
    let rows = [
        (Feature::RegistrationMetaApi, "wamp.registration.", "wamp.registration.list"),
        (Feature::SubscriptionMetaApi, "wamp.subscription.", "wamp.subscription.list"),
        (Feature::SessionMetaApi, "wamp.session.", "wamp.session.count"),
    ];
    for (feature, prefix, procedure) in rows {
        let features = Features::default().without(feature);
        let mut watched = Watched::with(prefix, RealmRules { features, ..RealmRules::default() });
        let watcher = watched.watcher;
        let member = watched.realm.member("bob", "user", crate::test_realm::ALL_FEATURES);
        let (other, joined) = watched.realm.joining(member);
        let subscribed = watched.realm.subscribing(other, "a.b", EXACT);
        let registered = watched.realm.registering(other, "a.b", Default::default());
        let refused = watched.realm.meta(watcher, procedure, vec![], vec![]).refused(watcher);
        assert_eq!(refused.1, "wamp.error.no_such_procedure");
        let left = watched.realm.leave(other);
        for seen in [joined, subscribed, registered, left] {
            assert_eq!(watched.told(&seen), [], "{feature:?}");
        }
    }
}

/// R99.
#[test]
fn meta_events_are_ordinary_events_without_publisher() {
    let mut realm = TestRealm::new();
    let (watcher, other) = (realm.join(), realm.join());
    let watching: SubscriptionId = realm.subscribe(watcher, "wamp.subscription.on_subscribe", EXACT);
    let event = realm.subscribing(other, "a.b", EXACT).events().remove(0);
    assert_eq!((event.subscription, event.details), (watching, Default::default()));
}
