//! What was said of procedures, topics and errors, and is there now: nothing else may be told, and not to everybody.

use std::collections::BTreeMap;
use wharf::routing::Described;
use wharf::wamp::{MatchPolicy, Payload, Value};

/// What a description is of.
pub(crate) type Thing = (Described, MatchPolicy, String);

/// What a client has asked about descriptions.
pub(crate) enum Question {
    Define(Thing, String),
    Undefine(Thing),
    Describe(Thing),
    List(Described, MatchPolicy),
}

/// What is there.
#[derive(Default)]
pub(crate) struct Descriptions {
    /// The summary of each, and who gave it. Those of procedures may be gone: their registrations are.
    there: BTreeMap<Thing, (String, u64)>,
    /// By session and request.
    questions: BTreeMap<(u64, u64), Question>,
}

/// The topic and the procedure of which guests know nothing.
pub(crate) const SECRET: &str = "c";

fn is_visible((kind, policy, uri): &Thing, is_guest: bool) -> bool {
    // Whoever may register a pattern is told of it.
    !is_guest || uri != SECRET || *kind == Described::Error || *policy != MatchPolicy::Exact
}

impl Descriptions {
    pub(crate) fn ask(&mut self, name: u64, request: u64, question: Question) {
        self.questions.insert((name, request), question);
    }

    /// The session is gone, and what it said of topics and errors with it.
    pub(crate) fn forget(&mut self, name: u64) {
        self.there.retain(|(kind, ..), (_, by)| *kind == Described::Procedure || *by != name);
    }

    /// Takes the realm's answer to a question, as it is given.
    pub(crate) fn answered(&mut self, name: u64, request: u64, is_guest: bool, payload: &Payload) {
        let Some(question) = self.questions.remove(&(name, request)) else { return };
        let args = match payload {
            Payload::Values(values) => &values.args[..],
            _ => &[],
        };
        match (question, args) {
            (Question::Define(thing, summary), []) => {
                self.there.insert(thing, (summary, name));
            }
            (Question::Undefine(thing), [Value::Bool(was_there)]) => {
                let known = self.there.remove(&thing).is_some();
                assert!(known || !was_there, "only what was described is taken back");
                assert!(*was_there || !known || thing.0 == Described::Procedure, "what is there can be taken back");
            }
            (Question::Describe(thing), [told]) => {
                let known = self.there.get(&thing).filter(|_| is_visible(&thing, is_guest));
                let known = known.map(|(summary, _)| Value::Text(summary.clone()));
                let is_gone = *told == Value::Null && thing.0 == Described::Procedure;
                assert!(is_gone || told.get("summary") == known.as_ref(), "{thing:?}: {told:?}, not {known:?}");
            }
            (Question::List(kind, policy), [Value::List(listed)]) => {
                let known = self.there.keys().filter(|(of, by, _)| (*of, *by) == (kind, policy));
                let known: Vec<Value> =
                    known.filter(|thing| is_visible(thing, is_guest)).map(|thing| thing.2.as_str().into()).collect();
                assert!(listed.iter().all(|uri| known.contains(uri)), "only what is described is listed");
                assert!(kind == Described::Procedure || listed.len() == known.len(), "all of it is listed");
            }
            (_, other) => panic!("no answer to the question: {other:?}"),
        }
    }
}
