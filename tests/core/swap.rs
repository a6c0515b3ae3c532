//! New rules for a realm that is open: configuration, section 11; sections 8.8 and 9.9 of the reference.

use crate::test_realm::{args, Seen, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use proptest::prelude::*;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    CloseReason, Ended, HistoryRule, Member, Permit, RealmLimits, RealmRules, Refusal, Rights, SessionKey, TopicRule,
    UriTable,
};
use wharf::wamp::message::{Unregistered, Unsubscribed};
use wharf::wamp::options::{PublishOptions, RegisterOptions, UnregisteredDetails, UnsubscribedDetails};
use wharf::wamp::{MatchPolicy, Message, MessageKind, Uri, Value};

const REASON: &str = "wamp.error.not_authorized";

/// May do everything that begins so.
struct Below(&'static str);

impl Rights for Below {
    fn judge_publish(&self, _: &Uri, _: &mut PublishOptions) -> Result<(), Refusal> {
        Ok(())
    }

    fn may_subscribe(&self, topic: &Uri, _: MatchPolicy) -> bool {
        topic.starts_with(self.0)
    }

    fn may_call(&self, procedure: &Uri) -> bool {
        procedure.starts_with(self.0)
    }

    fn may_register(&self, procedure: &Uri, _: MatchPolicy) -> bool {
        procedure.starts_with(self.0)
    }
}

fn below(start: &'static str) -> impl Fn(&Member) -> Option<Permit> {
    move |_| Some(Permit::new(Arc::new(Below(start))))
}

fn change(realm: &mut TestRealm, permit: impl Fn(&Member) -> Option<Permit>, revoke: bool) -> (Ended, Seen) {
    change_to(realm, RealmRules::default(), permit, revoke)
}

fn change_to(
    realm: &mut TestRealm,
    rules: RealmRules,
    permit: impl Fn(&Member) -> Option<Permit>,
    revoke: bool,
) -> (Ended, Seen) {
    let ended = realm.realm.change_over(realm.now, rules, permit, revoke, &mut realm.effects);
    (ended, realm.seen())
}

/// R54, R80: those who announced it hear of it; the others just have nothing more.
#[test]
fn what_new_rules_forbid_is_revoked_and_told_to_those_who_announced_that() {
    let mut realm = TestRealm::new();
    let (told, plain) = (realm.join(), realm.join_plain());
    let subscription = realm.subscribe(told, "b.topic", EXACT);
    let kept = realm.subscribe(told, "a", PREFIX);
    realm.subscribe(plain, "b.topic", EXACT);
    let registration = realm.register(told, "b.procedure");
    realm.register(plain, "a.procedure");
    let (ended, seen) = change(&mut realm, below("a"), true);
    assert_eq!(ended, Ended { sessions: 0, subscriptions: 2, registrations: 1 });
    let unsubscribed = UnsubscribedDetails { subscription: Some(subscription), reason: Some(REASON.to_owned()) };
    let unregistered = UnregisteredDetails { registration: Some(registration), reason: Some(REASON.to_owned()) };
    let expected: [Message; 2] = [
        Unsubscribed { request: None, details: unsubscribed }.into(),
        Unregistered { request: None, details: unregistered }.into(),
    ];
    assert_eq!(seen.messages_to(told), expected);
    assert!(seen.messages_to(plain).is_empty());
    let publisher = realm.join();
    assert!(realm.publish(publisher, "b.topic").is_silent());
    assert_eq!(realm.publish(publisher, "a.x").events()[0].subscription, kept);
    assert_eq!(realm.invoke(publisher, "a.procedure").0, plain);
    assert_eq!(realm.call(publisher, "b.procedure").refused(publisher).1, "wamp.error.no_such_procedure");
}

/// Meta subscriptions are subscriptions.
#[test]
fn a_subscription_to_meta_events_is_revoked_like_any() {
    let mut realm = TestRealm::new();
    let watcher = realm.join();
    realm.subscribe(watcher, "wamp.session.on_join", EXACT);
    assert_eq!(change(&mut realm, below("a"), true).0.subscriptions, 1);
    realm.join();
    assert!(realm.effects.as_slice().is_empty());
}

/// R94: others hear of it as of any end.
#[test]
fn a_revocation_is_published_as_meta_events() {
    let mut realm = TestRealm::new();
    let (watcher, loser) = (realm.join_as("eve", "watcher"), realm.join());
    realm.subscribe(watcher, "wamp.", PREFIX);
    realm.register(loser, "b.procedure");
    realm.subscribe(loser, "b.topic", EXACT);
    let permit = |member: &Member| {
        Some(if &*member.authrole == "watcher" { Permit::default() } else { Permit::new(Arc::new(Below("a"))) })
    };
    let (_, seen) = change(&mut realm, permit, true);
    let topics: Vec<String> =
        seen.events().into_iter().filter_map(|event| event.details.topic.map(|topic| topic.to_string())).collect();
    let expected = [
        "subscription.on_unsubscribe",
        "subscription.on_delete",
        "registration.on_unregister",
        "registration.on_delete",
    ];
    assert_eq!(topics, expected.map(|name| format!("wamp.{name}")));
}

/// `revoke_on_reload`.
#[test]
fn without_revocation_what_is_there_stays_and_nothing_new_comes() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    realm.subscribe(session, "b.topic", EXACT);
    let (ended, seen) = change(&mut realm, below("a"), false);
    assert_eq!((ended, seen.is_silent()), (Ended::default(), true));
    let other = realm.join();
    assert_eq!(realm.publish(other, "b.topic").receivers(), [[session]]);
    let refused = realm.subscribing(session, "b.other", EXACT).refused(session);
    assert_eq!(refused, (MessageKind::Subscribe, REASON.to_owned()));
}

/// Section 11, step 5: whose user or role is gone.
#[test]
fn a_session_without_a_right_to_be_there_is_killed_and_others_hear_that_it_left() {
    let mut realm = TestRealm::new();
    let (watcher, gone) = (realm.join(), realm.join_as("mallory", "user"));
    realm.subscribe(watcher, "wamp.session.on_leave", EXACT);
    realm.register(gone, "a.b");
    let id = realm.id(gone);
    let (ended, seen) = change(&mut realm, |member| (&*member.authid != "mallory").then(Permit::default), true);
    assert_eq!(ended, Ended { sessions: 1, ..Ended::default() });
    let reason = CloseReason::Killed {
        reason: "wamp.close.killed".into(),
        message: Some("the user or role of this session is gone, or is not let in from there any more".to_owned()),
    };
    assert_eq!(seen.closed(), [(gone, reason)]);
    assert_eq!(args(&seen.events()[0].payload)[0], Value::Unsigned(id));
    assert_eq!(realm.realm.len(), 1);
}

fn asks(realm: &mut TestRealm, session: SessionKey) -> [Message; 2] {
    let subscribing = realm.subscribing(session, "b.topic", EXACT).only_message_to(session);
    [subscribing, realm.registering(session, "b.procedure", RegisterOptions::default()).only_message_to(session)]
}

/// What a session's own room had judged by the old rules, and comes after the new ones.
#[test]
fn subscribe_and_register_of_sessions_older_than_the_rules_are_judged_by_the_realm() {
    let mut realm = TestRealm::new();
    let old = realm.join();
    change(&mut realm, below("a"), true);
    let mut member = realm.member("bob", "user", ALL_FEATURES);
    member.permit = Permit::new(Arc::new(Below("a")));
    let young = realm.joining(member).0;
    assert!(asks(&mut realm, old).iter().all(|answer| answer.kind() == MessageKind::Error));
    // Its own room knows the rules.
    assert!(asks(&mut realm, young).iter().all(|answer| answer.kind() != MessageKind::Error));
}

/// U4: a REGISTER that waited is judged by what holds when it is answered.
#[test]
fn a_register_that_waits_for_a_takeover_is_judged_by_the_new_rules() {
    let mut realm = TestRealm::new();
    let (holder, next) = (realm.join(), realm.join());
    realm.register(holder, "b.c");
    assert_eq!(realm.registering(next, "b.c", RegisterOptions::default()).probed(), [holder]);
    change(&mut realm, below("a"), true);
    let seen = realm.pass(Duration::from_secs(2));
    assert_eq!(seen.refused(next), (MessageKind::Register, REASON.to_owned()));
}

/// Section 11: limits at once.
#[test]
fn new_bounds_hold_for_what_comes_after_them() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    realm.subscribe(session, "a.1", EXACT);
    realm.subscribe(session, "a.2", EXACT);
    let limits = RealmLimits { subscriptions_per_session_max: 1, ..RealmLimits::default() };
    let rules = RealmRules { limits, ..RealmRules::default() };
    let (_, seen) = change_to(&mut realm, rules, |_| Some(Permit::default()), true);
    assert!(seen.is_silent(), "what is there stays");
    assert_eq!(realm.subscribing(session, "a.3", EXACT).refused(session).1, "wharf.error.limit_exceeded");
}

fn keeping(topics: &[&str]) -> RealmRules {
    let history = Some(HistoryRule { limit: 10, max_age: None, durable: false });
    let entry = |topic: &&str| (EXACT, Uri::from(*topic), TopicRule { history, ..TopicRule::default() });
    RealmRules { topics: Arc::new(UriTable::new(topics.iter().map(entry).collect())), ..RealmRules::default() }
}

/// Settings by URI: what keeps history has a subscription of the router.
#[test]
fn topics_begin_and_end_to_keep_history_with_the_rules() {
    let mut realm = TestRealm::with_rules(keeping(&["a.1", "a.2"]));
    let session = realm.join();
    let second = realm.subscribe(session, "a.2", EXACT);
    let third = realm.subscribe(session, "a.3", EXACT);
    let (_, seen) = change_to(&mut realm, keeping(&["a.3", "a.4"]), |_| Some(Permit::default()), true);
    assert!(seen.is_silent());
    assert_eq!(realm.realm.counters().subscriptions, 3, "a.2 by its subscriber, a.3 and a.4");
    assert!(realm.publish(session, "a.2").orders().is_empty());
    assert_eq!(realm.publish(session, "a.3").orders().len(), 1);
    realm.unsubscribe(session, second);
    realm.unsubscribe(session, third);
    assert_eq!(realm.realm.counters().subscriptions, 2);
    change(&mut realm, |_| Some(Permit::default()), true);
    assert_eq!(realm.realm.counters().subscriptions, 0);
}

/// Section 11, step 5; as R91 nobody is told of the others.
#[test]
fn a_realm_that_closes_says_goodbye_to_everybody_and_nothing_else_but_answers() {
    let mut realm = TestRealm::new();
    let (caller, callee) = (realm.join(), realm.join());
    realm.subscribe(caller, "wamp.session.on_leave", EXACT);
    realm.register(callee, "a.b");
    realm.invoke(caller, "a.b");
    realm.realm.close(realm.now, &mut realm.effects);
    let seen = realm.seen();
    let reason = CloseReason::Killed {
        reason: "wamp.close.close_realm".into(),
        message: Some("this realm is closing".to_owned()),
    };
    assert_eq!(seen.closed(), [(caller, reason.clone()), (callee, reason)]);
    assert!(seen.events().is_empty() && realm.realm.is_empty());
}

/// One thing that happens.
#[derive(Clone, Copy, Debug)]
enum Step {
    Subscribe(usize, usize),
    Register(usize, usize),
    Change(usize),
}

const STARTS: [&str; 4] = ["a", "b", "c", ""];
const URIS: [&str; 4] = ["a.x", "b.x", "c.x", "a.y"];

fn step() -> impl Strategy<Value = Step> {
    prop_oneof![
        (0..3usize, 0..URIS.len()).prop_map(|(session, uri)| Step::Subscribe(session, uri)),
        (0..3usize, 0..URIS.len()).prop_map(|(session, uri)| Step::Register(session, uri)),
        (0..STARTS.len()).prop_map(Step::Change),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 200, ..ProptestConfig::default() })]

    /// Whatever the order: what is there is what the last rules allow, and each revocation is counted and told once.
    #[test]
    fn what_is_there_is_allowed_by_the_last_rules_whatever_came_before(steps in proptest::collection::vec(step(), 1..60)) {
        let mut realm = TestRealm::new();
        let sessions = [realm.join(), realm.join(), realm.join()];
        let mut start = "";
        let (mut subscribed, mut registered) = (BTreeSet::new(), BTreeMap::new());
        for step in steps {
            match step {
                Step::Subscribe(session, uri) => {
                    let seen = realm.subscribing(sessions[session], URIS[uri], EXACT);
                    let is_allowed = URIS[uri].starts_with(start);
                    prop_assert_eq!(matches!(seen.only_message_to(sessions[session]), Message::Subscribed(_)), is_allowed);
                    if is_allowed {
                        subscribed.insert((session, uri));
                    }
                }
                Step::Register(_, uri) if registered.contains_key(&uri) => {}
                Step::Register(session, uri) => {
                    let seen = realm.registering(sessions[session], URIS[uri], RegisterOptions::default());
                    let is_allowed = URIS[uri].starts_with(start);
                    prop_assert_eq!(matches!(seen.only_message_to(sessions[session]), Message::Registered(_)), is_allowed);
                    if is_allowed {
                        registered.insert(uri, session);
                    }
                }
                Step::Change(to) => {
                    start = STARTS[to];
                    let (ended, seen) = change(&mut realm, below(start), true);
                    let before = (subscribed.len(), registered.len());
                    subscribed.retain(|(_, uri)| URIS[*uri].starts_with(start));
                    registered.retain(|uri, _| URIS[*uri].starts_with(start));
                    let gone = (before.0 - subscribed.len(), before.1 - registered.len());
                    prop_assert_eq!((ended.subscriptions, ended.registrations), gone);
                    prop_assert_eq!(seen.0.len(), gone.0 + gone.1);
                }
            }
        }
        let topics: BTreeSet<usize> = subscribed.iter().map(|(_, uri)| *uri).collect();
        let counters = realm.realm.counters();
        prop_assert_eq!((counters.subscriptions, counters.registrations), (topics.len(), registered.len()));
    }
}
