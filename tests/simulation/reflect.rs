//! What clients ask about descriptions, and what they say of what they serve.

use crate::acts::{pick, Ask};
use crate::described::{Question, Thing};
use rand::RngExt;
use wharf::routing::{Command, Described};
use wharf::wamp::{Dict, MatchPolicy, Value};

impl Ask<'_> {
    pub(crate) fn reflect(&mut self) -> Option<Command> {
        let served: Vec<_> = self.state.registrations.values().cloned().collect();
        let kind = pick(self.rng, &[Described::Procedure, Described::Topic, Described::Error])?;
        let exact = (kind, MatchPolicy::Exact, self.uri().to_string());
        let own = || Some(&served[..]).filter(|served| kind == Described::Procedure && !served.is_empty());
        let thing: Thing = match own() {
            Some(served) => {
                let (policy, uri) = &served[self.rng.random_range(0..served.len())];
                (kind, *policy, uri.to_string())
            }
            None => exact,
        };
        let named = |thing: &Thing| -> Dict {
            let text = |key: &str, text: &str| (key.to_owned(), Value::from(text));
            vec![text("kind", thing.0.name()), text("match", thing.1.as_str())]
        };
        let uri = Value::from(thing.2.as_str());
        let (procedure, args, kwargs, question) = match self.rng.random_range(0..10) {
            0..5 => {
                let summary = format!("{}.{}", self.state.name, self.state.last_request() + 1);
                let description = Value::Dict(vec![("summary".to_owned(), Value::from(summary.as_str()))]);
                let kwargs = named(&thing);
                ("wamp.reflect.define".to_owned(), vec![uri, description], kwargs, Question::Define(thing, summary))
            }
            5 => ("wamp.reflect.undefine".to_owned(), vec![uri], named(&thing), Question::Undefine(thing)),
            6..9 => {
                let procedure = format!("wamp.reflection.{}.describe", kind.name());
                let options = Value::Dict(vec![("match".to_owned(), Value::from(thing.1.as_str()))]);
                (procedure, vec![uri, options], vec![], Question::Describe(thing))
            }
            _ => {
                let kwargs = vec![("match".to_owned(), Value::from(thing.1.as_str()))];
                (format!("wamp.reflection.{}.list", kind.name()), vec![], kwargs, Question::List(kind, thing.1))
            }
        };
        self.ledger.descriptions.ask(self.state.name, self.state.last_request() + 1, question);
        self.own(&procedure, args, kwargs)
    }
}
