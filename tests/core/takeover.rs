//! Registrations that change hands: U4, `force_reregister`.

use crate::test_realm::{ack, member, Seen, TestRealm, ALL_FEATURES, EXACT, PREFIX};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{
    CloseReason, HistoryRule, Member, Order, RealmLimits, RealmRules, SessionKey, Takeover, TopicRule, UriTable,
};
use wharf::wamp::options::{PublishOptions, RegisterOptions};
use wharf::wamp::role::CalleeFeatures;
use wharf::wamp::{InvocationPolicy, Message, Value};

const EXISTS: &str = "wamp.error.procedure_already_exists";

fn replaced() -> CloseReason {
    CloseReason::Killed { reason: "wamp.close.killed".into(), message: Some("replaced".to_owned()) }
}

/// A realm with a holder of `a.b` and another session of the same authid that has asked for it.
fn suspected() -> (TestRealm, SessionKey, SessionKey) {
    let mut realm = TestRealm::new();
    let (holder, next) = (realm.join(), realm.join());
    realm.register(holder, "a.b");
    let seen = realm.registering(next, "a.b", RegisterOptions::default());
    assert_eq!(seen.probed(), [holder]);
    assert_eq!(seen.0.len(), 1);
    assert!(realm.realm.is_held(next));
    (realm, holder, next)
}

fn is_registered(seen: &Seen, session: SessionKey) -> bool {
    matches!(seen.only_message_to(session), Message::Registered(_))
}

/// U4: no answer.
#[test]
fn a_holder_that_gives_no_sign_of_life_is_replaced_after_two_seconds() {
    let (mut realm, holder, next) = suspected();
    assert!(realm.pass(Duration::from_millis(1999)).is_silent());
    let seen = realm.pass(Duration::from_millis(1));
    assert_eq!(seen.closed(), [(holder, replaced())]);
    assert!(is_registered(&seen, next) && seen.messages_to(holder).is_empty());
    assert!(!realm.realm.is_held(next));
    let caller = realm.join();
    assert_eq!(realm.invoke(caller, "a.b").0, next);
}

/// U4, R94: those who watch hear of the registration that is gone, and then of the new one.
#[test]
fn a_takeover_is_told_as_an_end_and_a_beginning() {
    let (mut realm, _, _) = suspected();
    let watcher = realm.join_as("eve", "user");
    realm.subscribe(watcher, "wamp.registration.", PREFIX);
    let seen = realm.pass(Duration::from_secs(2));
    let topics: Vec<_> = seen.events().into_iter().filter_map(|event| event.details.topic).collect();
    let expected = ["on_unregister", "on_delete", "on_create", "on_register"];
    assert_eq!(topics, expected.map(|name| format!("wamp.registration.{name}").into()));
}

/// U4: whatever ends the holder.
#[test]
fn a_holder_that_is_killed_or_breaks_the_protocol_is_followed_at_once() {
    for is_killed in [true, false] {
        let (mut realm, holder, next) = suspected();
        let admin = realm.join_as("eve", "user");
        let seen = if is_killed {
            let id = Value::Unsigned(realm.id(holder));
            realm.meta(admin, "wamp.session.kill", vec![id], vec![])
        } else {
            realm.yields(holder, 1)
        };
        assert_eq!(seen.closed().len(), 1);
        assert!(is_registered(&seen, next));
    }
}

/// U4, R91: the holder is ended first, and the session that waited for it before it could be answered.
#[test]
fn a_session_that_is_killed_together_with_its_holder_registers_nothing() {
    let (mut realm, holder, next) = suspected();
    let admin = realm.join_as("eve", "user");
    let seen = realm.meta(admin, "wamp.session.kill_all", vec![], vec![]);
    assert_eq!(seen.closed().len(), 2);
    assert!(seen.messages_to(holder).is_empty() && seen.messages_to(next).is_empty());
    assert_eq!(realm.realm.counters().registrations, 0);
}

/// U4, X2: the new callee is none of those that calls wait for.
#[test]
fn a_holder_is_replaced_while_calls_wait_for_another_registration() {
    let (mut realm, _, next) = suspected();
    let (caller, busy) = (realm.join(), realm.join());
    let options = RegisterOptions { concurrency: Some(1), ..RegisterOptions::default() };
    realm.register_with(busy, "c.d", options);
    realm.invoke(caller, "c.d");
    assert!(realm.call(caller, "c.d").is_silent());
    assert!(is_registered(&realm.pass(Duration::from_secs(2)), next));
    assert_eq!(realm.yields(busy, 1).messages_to(busy).len(), 1);
}

/// U4, U5: the calls of the one that is replaced end, once each.
#[test]
fn the_calls_of_a_replaced_holder_are_canceled() {
    let mut realm = TestRealm::new();
    let [holder, next, caller] = [realm.join(), realm.join(), realm.join()];
    realm.register(holder, "a.b");
    realm.invoke(caller, "a.b");
    realm.registering(next, "a.b", RegisterOptions::default());
    let seen = realm.pass(Duration::from_secs(2));
    assert_eq!(seen.refused(caller).1, "wamp.error.canceled");
}

/// U4: an answer.
#[test]
fn a_holder_that_gives_a_sign_of_life_keeps_its_registration() {
    let (mut realm, holder, next) = suspected();
    let seen = realm.sign_of_life(holder);
    assert_eq!(seen.refused(next).1, EXISTS);
    assert!(!realm.realm.is_held(next));
    assert!(realm.pass(Duration::from_secs(5)).is_silent());
    assert_eq!(realm.realm.next_deadline(), None);
}

/// D73: the session's later messages come after its REGISTER.
#[test]
fn what_the_session_says_meanwhile_waits_behind_its_register() {
    let (mut realm, holder, next) = suspected();
    assert!(realm.call(next, "a.b").is_silent());
    let seen = realm.sign_of_life(holder);
    assert!(matches!(&seen.messages_to(next)[..], [Message::Error(_)]));
    assert_eq!(seen.messages_to(holder).len(), 1, "the call came after it: {seen:?}");
}

/// U4: who leaves meanwhile.
#[test]
fn a_holder_that_leaves_is_followed_at_once() {
    let (mut realm, holder, next) = suspected();
    let seen = realm.leave(holder);
    assert!(is_registered(&seen, next));
    assert!(realm.pass(Duration::from_secs(5)).is_silent());
    assert_eq!(realm.realm.counters().registrations, 1);
}

/// U4: who leaves meanwhile.
#[test]
fn a_session_that_leaves_while_it_waits_leaves_the_holder_alone() {
    let (mut realm, holder, next) = suspected();
    assert!(realm.leave(next).is_silent());
    assert!(realm.pass(Duration::from_secs(5)).is_silent());
    assert_eq!(realm.realm.len(), 1);
    assert!(realm.realm.member(holder).is_some());
}

/// U4: a session whose leave waits behind its REGISTER takes nothing over.
#[test]
fn a_session_that_is_about_to_leave_waits_for_no_registration() {
    let (mut realm, holder, next) = suspected();
    realm.call(next, "a.b");
    let seen = realm.will_leave(next);
    assert!(matches!(&seen.messages_to(next)[..], [Message::Error(_)]));
    assert_eq!(seen.messages_to(holder).len(), 1, "what it said before it left");
    assert!(!realm.realm.is_held(next));
    assert!(realm.pass(Duration::from_secs(5)).closed().is_empty());
}

/// U4: of another authid, and anonymous, are refused at once.
#[test]
fn only_a_session_of_the_same_known_authid_may_suspect_a_holder() {
    let mut realm = TestRealm::new();
    let holder = realm.join();
    let other = realm.join_as("bob", "user");
    realm.register(holder, "a.b");
    assert_eq!(realm.registering(other, "a.b", RegisterOptions::default()).refused(other).1, EXISTS);
    let anonymous = |id| Member { authmethod: Arc::from("anonymous"), ..member(id, "x", "user", ALL_FEATURES) };
    let (one, _) = realm.joining(anonymous(1));
    let (two, _) = realm.joining(anonymous(2));
    realm.register(one, "a.c");
    assert_eq!(realm.registering(two, "a.c", RegisterOptions::default()).refused(two).1, EXISTS);
    assert_eq!(realm.registering(holder, "a.b", RegisterOptions::default()).refused(holder).1, EXISTS, "its own");
}

/// U4: `takeover = "off"`.
#[test]
fn a_realm_may_leave_registrations_with_their_holders() {
    let mut realm = TestRealm::with_rules(RealmRules { takeover: Takeover::Off, ..RealmRules::default() });
    let (holder, next) = (realm.join(), realm.join());
    realm.register(holder, "a.b");
    assert_eq!(realm.registering(next, "a.b", RegisterOptions::default()).refused(next).1, EXISTS);
}

/// D14: a conflict of policies, with all callees of the same authid and with one that is not.
#[test]
fn a_shared_registration_is_taken_over_only_if_all_its_callees_are_of_that_authid() {
    let mut realm = TestRealm::new();
    let [one, two, next] = [realm.join(), realm.join(), realm.join()];
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::Random);
    }
    let seen = realm.registering(next, "a.b", RegisterOptions::default());
    assert_eq!(seen.probed(), [one, two]);
    let seen = realm.pass(Duration::from_secs(2));
    assert_eq!(seen.closed(), [(one, replaced()), (two, replaced())]);
    assert!(is_registered(&seen, next));

    let mut realm = TestRealm::new();
    let [one, two, next] = [realm.join(), realm.join_as("bob", "user"), realm.join()];
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::Random);
    }
    assert_eq!(realm.registering(next, "a.b", RegisterOptions::default()).refused(next).1, EXISTS);
}

/// U4: whoever came since was never asked.
#[test]
fn a_holder_that_was_not_asked_is_not_replaced() {
    let mut realm = TestRealm::new();
    let [one, two, next] = [realm.join(), realm.join(), realm.join()];
    realm.register_shared(one, "a.b", InvocationPolicy::Random);
    realm.registering(next, "a.b", RegisterOptions::default());
    realm.register_shared(two, "a.b", InvocationPolicy::Random);
    let seen = realm.pass(Duration::from_secs(2));
    assert_eq!(seen.refused(next).1, EXISTS);
    assert!(seen.closed().is_empty());
}

/// U4: several wait for one holder; the first that asked gets it, and is a holder to the others.
#[test]
fn of_several_that_wait_the_first_has_it() {
    let (mut realm, holder, next) = suspected();
    let third = realm.join();
    assert_eq!(realm.registering(third, "a.b", RegisterOptions::default()).probed(), [holder]);
    let seen = realm.leave(holder);
    assert!(is_registered(&seen, next));
    assert_eq!(seen.refused(third).1, EXISTS);
}

/// X1: nobody is ended for a registration that the session may not have.
#[test]
fn a_session_with_as_many_registrations_as_it_may_have_suspects_nobody() {
    let mut realm = TestRealm::with(RealmLimits { registrations_per_session_max: 1, ..RealmLimits::default() });
    let (holder, next) = (realm.join(), realm.join());
    realm.register(holder, "a.b");
    realm.register(next, "a.c");
    assert_eq!(realm.registering(next, "a.b", RegisterOptions::default()).refused(next).1, EXISTS);
}

/// U4.3: the former callees are told if they can be; their calls finish (D64).
#[test]
fn force_reregister_takes_a_registration_from_all_its_callees() {
    let mut realm = TestRealm::new();
    let untold = CalleeFeatures { registration_revocation: false, ..ALL_FEATURES };
    let (one, two) = (realm.join_as("bob", "user"), realm.join_featured("eve", "user", untold));
    let (caller, next) = (realm.join(), realm.join());
    for callee in [one, two] {
        realm.register_shared(callee, "a.b", InvocationPolicy::First);
    }
    let (_, invocation) = realm.invoke(caller, "a.b");
    let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
    let seen = realm.registering(next, "a.b", options);
    assert!(is_registered(&seen, next));
    let Message::Unregistered(told) = seen.only_message_to(one) else { panic!("{seen:?}") };
    assert_eq!((told.request, told.details.registration), (None, Some(invocation.registration)));
    assert!(told.details.reason.is_some() && seen.messages_to(two).is_empty());
    assert_eq!(realm.yields(one, 1).messages_to(caller).len(), 1);
    assert_eq!(realm.invoke(caller, "a.b").0, next);
    assert_eq!(realm.realm.counters().registrations, 1);
}

/// U4.3: nobody to take it from.
#[test]
fn force_reregister_of_a_free_procedure_is_a_register() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let options = RegisterOptions { force_reregister: true, ..RegisterOptions::default() };
    realm.register_with(session, "a.b", options);
    let seen = realm.registering(session, "a.b", options);
    assert!(matches!(&seen.messages_to(session)[..], [Message::Unregistered(_), Message::Registered(_)]));
}

/// U4, D59: what a publisher said while it waited for the store may end a holder; who waits for that holder is answered then.
#[test]
fn a_holder_that_is_killed_by_a_message_that_waited_for_the_store_passes_its_registration_on_at_once() {
    let history = HistoryRule { limit: 1, max_age: None, durable: true };
    let rule = TopicRule { history: Some(history), ..TopicRule::default() };
    let topics = Arc::new(UriTable::new(vec![(EXACT, "kept".into(), rule)]));
    let mut realm = TestRealm::with_rules(RealmRules { topics, ..RealmRules::default() });
    let [holder, next, other] = [realm.join(), realm.join(), realm.join()];
    realm.register(holder, "a.b");
    realm.registering(next, "a.b", RegisterOptions::default());
    realm.subscribe(other, "kept", EXACT);
    let seen = realm.publish_with(other, "kept", PublishOptions { exclude_me: false, ..ack() });
    let Some(Order::Keep { waiting: Some(waiting), .. }) = seen.orders().pop() else { panic!("{seen:?}") };
    let kill = vec![Value::Unsigned(realm.id(holder))];
    assert!(realm.meta(other, "wamp.session.kill", kill, vec![]).is_silent(), "it waits");
    let seen = realm.kept(waiting, Ok(()));
    assert_eq!(seen.closed().len(), 1);
    assert!(is_registered(&seen, next));
}
