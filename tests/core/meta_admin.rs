//! `wharf.admin.*`: the realm hands a call on and answers it when the node has. The node is played by the test.

use crate::test_realm::{args, Seen, TestRealm, EXACT};
use wharf::routing::{AdminRefusal, Question, RealmRules, Reply, SessionKey};
use wharf::wamp::{CancelMode, ErrorUri, Value};

const LIST: &str = "wharf.admin.realm.list";

fn realm() -> (TestRealm, SessionKey) {
    let mut realm = TestRealm::with_rules(RealmRules { administers: true, ..RealmRules::default() });
    let admin = realm.join_as("ann", "admin");
    (realm, admin)
}

impl TestRealm {
    fn asks(&mut self, from: SessionKey) -> Question {
        assert!(self.meta(from, LIST, vec![Value::from("a")], vec![]).is_silent());
        let mut questions = self.effects.take_questions();
        assert_eq!(questions.len(), 1);
        questions.remove(0)
    }

    fn node_answers(&mut self, ticket: u64, reply: Reply) -> Seen {
        self.realm.node_answers(self.now, ticket, reply, &mut self.effects);
        self.seen()
    }
}

fn done() -> Reply {
    Reply { outcome: Ok(Value::from("done")), change: None }
}

#[test]
fn a_call_is_handed_to_the_node_with_who_asks_and_answered_by_its_ticket() {
    let (mut realm, admin) = realm();
    let (first, second) = (realm.asks(admin), realm.asks(admin));
    assert_ne!(first.ticket, second.ticket);
    let session = realm.id(admin);
    let asked = (first.session.get(), &*first.authid, &*first.authrole, first.procedure.as_str());
    assert_eq!(asked, (session, "ann", "admin", "realm.list"));
    assert_eq!(first.arguments.args, [Value::from("a")]);
    let seen = realm.node_answers(second.ticket, done());
    assert_eq!(seen.result_to(admin).request, realm.last_request(admin));
    assert_eq!(args(&seen.result_to(admin).payload), [Value::from("done")]);
    assert!(realm.node_answers(second.ticket, done()).is_silent());
    let refusal = AdminRefusal {
        error: ErrorUri::NOT_FOUND,
        text: "there is no such realm".to_owned(),
        details: vec![("realm".to_owned(), Value::from("a"))],
    };
    let seen = realm.node_answers(first.ticket, Reply { outcome: Err(refusal), change: None });
    assert_eq!(seen.refused(admin).1, "wharf.error.not_found");
    assert_eq!(args(&seen.error_to(admin).payload), [Value::from("there is no such realm")]);
}

#[test]
fn only_the_realm_that_administers_has_the_procedures() {
    let mut realm = TestRealm::new();
    let session = realm.join();
    let seen = realm.meta(session, LIST, vec![], vec![]);
    assert_eq!(seen.refused(session).1, "wamp.error.no_such_procedure");
    assert!(realm.effects.take_questions().is_empty());
}

#[test]
fn who_cancels_or_leaves_gets_no_answer_and_what_was_changed_is_published_all_the_same() {
    let (mut realm, admin) = realm();
    let watcher = realm.join();
    realm.subscribe(watcher, "wharf.admin.on_change", EXACT);
    let canceled = realm.asks(admin);
    let seen = realm.cancel(admin, realm.last_request(admin), CancelMode::Skip);
    assert_eq!(seen.refused(admin).1, "wamp.error.canceled");
    let left = realm.asks(admin);
    realm.leave(admin);
    for ticket in [canceled.ticket, left.ticket] {
        let seen = realm.node_answers(ticket, Reply { change: Some(Value::from("changed")), ..done() });
        assert!(seen.messages_to(admin).is_empty());
        assert_eq!(seen.all_receivers(), [watcher]);
        assert_eq!(args(&seen.events()[0].payload), [Value::from("changed")]);
    }
}

#[test]
fn questions_are_bounded_for_each_session_and_for_the_realm() {
    let (mut realm, admin) = realm();
    let first = realm.asks(admin);
    (1..8).for_each(|_| drop(realm.asks(admin)));
    let seen = realm.meta(admin, LIST, vec![], vec![]);
    assert_eq!(seen.refused(admin).1, "wharf.error.limit_exceeded");
    for _ in 1..8 {
        let other = realm.join();
        (0..8).for_each(|_| drop(realm.asks(other)));
    }
    let late = realm.join();
    let seen = realm.meta(late, LIST, vec![], vec![]);
    assert_eq!(seen.refused(late).1, "wharf.error.limit_exceeded");
    realm.node_answers(first.ticket, done());
    realm.asks(late);
}

/// It may hold a password.
#[test]
fn what_is_asked_is_not_printed() {
    let (mut realm, admin) = realm();
    realm.meta(admin, "wharf.admin.user.add", vec![Value::from("hush-hush")], vec![]);
    assert!(!format!("{:?}", realm.effects.take_questions()).contains("hush-hush"));
}
