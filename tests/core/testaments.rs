//! Testaments: section 10.2 of the reference.

use crate::test_realm::{ack, raw, Seen, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::Arc;
use wharf::routing::{
    Order, Permit, RealmLimits, RealmRules, Refusal, Rights, SessionKey,
    TestamentScope::{self, Destroyed, Detached},
};
use wharf::wamp::options::{Listing, PublishOptions};
use wharf::wamp::{ErrorUri, MatchPolicy, Message, MessageKind, Payload, Uri, Value};

fn add(
    realm: &mut TestRealm,
    session: SessionKey,
    scope: TestamentScope,
    topic: &str,
    options: PublishOptions,
) -> Result<(), Refusal> {
    realm.realm.add_testament(session, scope, &topic.into(), options, &raw("[1]", 3, None))
}

fn will(realm: &mut TestRealm, session: SessionKey, scope: TestamentScope, topic: &str) {
    add(realm, session, scope, topic, PublishOptions::default()).unwrap();
}

/// A realm, the owner of testaments, and a session that sees all topics.
fn owner_and_heir() -> (TestRealm, SessionKey, SessionKey) {
    let mut realm = TestRealm::new();
    let (owner, heir) = (realm.join_as("ann", "staff"), realm.join());
    realm.subscribe(heir, "", PREFIX);
    (realm, owner, heir)
}

/// The topics of all events that `session` gets, meta events among them.
fn topics(seen: &Seen, session: SessionKey) -> Vec<String> {
    let topic = |message| match message {
        Message::Event(event) => event.details.topic.map(|topic| topic.to_string()),
        _ => None,
    };
    seen.messages_to(session).into_iter().filter_map(topic).collect()
}

/// R92: in order, detached before destroyed, and both before `on_leave`.
#[test]
fn testaments_are_published_in_order_the_detached_ones_first_and_before_on_leave() {
    let (mut realm, owner, heir) = owner_and_heir();
    realm.subscribe(heir, "wamp.session.", PREFIX);
    for (scope, topic) in [(Destroyed, "a.1"), (Detached, "b.1"), (Destroyed, "a.2"), (Detached, "b.2")] {
        will(&mut realm, owner, scope, topic);
    }
    let seen = realm.leave(owner);
    assert_eq!(topics(&seen, heir), ["b.1", "b.2", "a.1", "a.2", "wamp.session.on_leave"]);
    assert_eq!(seen.events()[0].payload, raw("[1]", 3, None));
}

/// R92: the default scope.
#[test]
fn the_default_scope_is_destroyed() {
    assert_eq!(TestamentScope::default(), Destroyed);
}

/// R92, D46: a kill, a violation and a lost connection are ends like others.
#[test]
fn testaments_are_published_whatever_ends_the_session() {
    let (mut realm, killed, heir) = owner_and_heir();
    let wrong = realm.join();
    for session in [killed, wrong] {
        will(&mut realm, session, Destroyed, "a.b");
    }
    let id = Value::Unsigned(realm.id(killed));
    assert_eq!(topics(&realm.meta(heir, "wamp.session.kill", vec![id], vec![]), heir), ["a.b"]);
    let seen = realm.yields(wrong, 99);
    assert_eq!((topics(&seen, heir), seen.closed().len()), (vec!["a.b".to_owned()], 1));
}

/// R91.
#[test]
fn kill_all_publishes_no_testament() {
    let (mut realm, owner, heir) = owner_and_heir();
    will(&mut realm, owner, Destroyed, "a.b");
    let seen = realm.meta(heir, "wamp.session.kill_all", vec![], vec![]);
    assert_eq!((topics(&seen, heir).len(), seen.closed().len()), (0, 1));
    let next = realm.join();
    assert_eq!(next.slot(), owner.slot());
    assert_eq!(topics(&realm.leave(next), heir).len(), 0, "nor does the next session in its place");
}

/// R93.
#[test]
fn flush_takes_only_the_given_scope() {
    for (flushed, left) in [(Destroyed, "b"), (Detached, "a")] {
        let (mut realm, owner, heir) = owner_and_heir();
        will(&mut realm, owner, Destroyed, "a");
        will(&mut realm, owner, Detached, "b");
        realm.realm.flush_testaments(owner, flushed);
        assert_eq!(topics(&realm.leave(owner), heir), [left]);
    }
}

/// Section 4.4: the session's subscriptions are gone and its calls are ended when its testaments are published.
#[test]
fn testaments_come_after_the_end_of_the_calls() {
    let (mut realm, owner, heir) = owner_and_heir();
    realm.register(owner, "p");
    realm.call(heir, "p");
    will(&mut realm, owner, Destroyed, "a.b");
    let kinds: Vec<_> = realm.leave(owner).messages_to(heir).iter().map(Message::kind).collect();
    assert_eq!(kinds, [MessageKind::Error, MessageKind::Event]);
}

/// Section 10.2: as if the session had published them with its options; `acknowledge` is ignored, `exclude_me` concerns a
/// session that is gone.
#[test]
fn a_testament_is_published_with_its_options_in_the_name_of_its_owner() {
    let (mut realm, owner, heir) = owner_and_heir();
    let other = realm.join_as("bob", "guest");
    realm.subscribe(other, "a.b", EXACT);
    realm.subscribe(owner, "a.b", EXACT);
    let eligible_authrole = Some(vec!["user".to_owned()]);
    let listing = Some(Box::new(Listing { eligible_authrole, ..Listing::default() }));
    let options = PublishOptions { listing, disclose_me: true, exclude_me: false, ..ack() };
    add(&mut realm, owner, Destroyed, "a.b", options).unwrap();
    let id = realm.id(owner);
    let seen = realm.leave(owner);
    assert_eq!((seen.receivers(), seen.0.len()), (vec![vec![heir]], 1));
    let publisher = seen.events()[0].details.publisher.clone().unwrap();
    assert_eq!((publisher.session.get(), publisher.authid.as_deref()), (id, Some("ann")));
}

/// Section 10.2: a testament may be retained, on disk too; nobody waits for that.
#[test]
fn a_testament_may_be_retained_and_recorded() {
    let mut realm = TestRealm::with_rules(RealmRules { retained_durable: true, ..RealmRules::default() });
    let owner = realm.join();
    let id = realm.id(owner);
    add(&mut realm, owner, Destroyed, "a.b", PublishOptions { retain: true, ..ack() }).unwrap();
    let orders = realm.leave(owner).orders();
    let [Order::Keep { event, retain: true, waiting: None, .. }] = &orders[..] else { panic!("{orders:?}") };
    assert_eq!(event.excluded.map(|session| session.get()), Some(id));
    assert_eq!(realm.realm.counters().retained_topics, 1);
}

/// One role whose permission to publish can be taken away.
struct Revocable(AtomicBool);

impl Rights for Revocable {
    fn judge_publish(&self, topic: &Uri, options: &mut PublishOptions) -> Result<(), Refusal> {
        options.disclose_me = true;
        if self.0.load(Ordering::Relaxed) && topic.starts_with("a.") {
            return Ok(());
        }
        Err(Refusal::NotPermitted { error: ErrorUri::NOT_AUTHORIZED, text: "no".to_owned() })
    }

    fn may_subscribe(&self, _topic: &Uri, _policy: MatchPolicy) -> bool {
        true
    }

    fn may_call(&self, _procedure: &Uri) -> bool {
        true
    }

    fn may_register(&self, _procedure: &Uri, _policy: MatchPolicy) -> bool {
        true
    }
}

/// D68: permission is checked when a testament is added and again when it is published.
#[test]
fn a_testament_needs_the_permission_to_publish_twice() {
    for still_allowed in [true, false] {
        let mut realm = TestRealm::new();
        let rights = Arc::new(Revocable(AtomicBool::new(true)));
        let mut member = realm.member("ann", "staff", ALL_FEATURES);
        member.permit = Permit::new(rights.clone());
        let ((owner, _), heir) = (realm.joining(member), realm.join());
        realm.subscribe(heir, "", PREFIX);
        let refused = add(&mut realm, owner, Destroyed, "b.a", PublishOptions::default());
        assert_eq!(refused.map_err(|refusal| refusal.error()), Err(ErrorUri::NOT_AUTHORIZED));
        will(&mut realm, owner, Destroyed, "a.b");
        rights.0.store(still_allowed, Ordering::Relaxed);
        let seen = realm.leave(owner);
        assert_eq!(topics(&seen, heir).len(), usize::from(still_allowed));
        assert!(seen.events().iter().all(|event| event.details.publisher.is_some()), "named as the role's rule has it");
    }
}

/// X1: 100 testaments, together 64 KiB; one beyond each, then one removed, one added.
#[test]
fn a_session_has_so_many_testaments_and_octets_of_them_and_no_more() {
    let limits = RealmLimits { testaments_per_session_max: 2, testament_octets_max: 1_000, ..RealmLimits::default() };
    let mut realm = TestRealm::with(limits);
    let (owner, other) = (realm.join(), realm.join());
    will(&mut realm, owner, Destroyed, "a");
    will(&mut realm, owner, Detached, "b");
    let third = add(&mut realm, owner, Destroyed, "c", PublishOptions::default());
    assert_eq!(third, Err(Refusal::LimitExceeded { limit: "max_testaments_per_session", max: 2 }));
    realm.realm.flush_testaments(owner, Detached);
    let mut large = |session, octets: usize| {
        let payload = Payload::args(vec![Value::from("x".repeat(octets))]);
        realm.realm.add_testament(session, Destroyed, &"c".into(), PublishOptions::default(), &payload)
    };
    let too_large = Err(Refusal::LimitExceeded { limit: "max_testament_bytes", max: 1_000 });
    assert_eq!(large(other, 1_000), too_large);
    assert_eq!(large(owner, 800), Ok(()));
    assert_eq!(large(other, 500), Ok(()), "each session has its own allowance");
    assert_eq!(large(other, 500), too_large);
}

/// C3.
#[test]
fn a_testament_with_a_list_that_is_too_long_is_refused() {
    let (mut realm, owner, _) = owner_and_heir();
    let listing = Some(Box::new(Listing { too_long: Some("exclude"), ..Listing::default() }));
    let refused = add(&mut realm, owner, Destroyed, "a.b", PublishOptions { listing, ..PublishOptions::default() });
    assert_eq!(refused, Err(Refusal::ListTooLong("exclude")));
}

/// Limits, section 4: no new ones while memory is short; those that are there are published.
#[test]
fn testaments_are_refused_while_memory_is_short() {
    let (mut realm, owner, heir) = owner_and_heir();
    will(&mut realm, owner, Destroyed, "a.1");
    realm.realm.set_short_of_memory(true);
    let refused = add(&mut realm, owner, Destroyed, "a.2", PublishOptions::default()).unwrap_err();
    assert_eq!(refused.error().as_str(), "wharf.error.overloaded");
    assert_eq!(topics(&realm.leave(owner), heir), ["a.1"]);
}
