//! The router as a member of its own realm: it calls procedures of the application, and nobody sees it.
//!
//! A key without an entry in the list of sessions, so that the meta API neither counts nor shows nor ends it.

use super::{Member, Realm, SessionKey};

impl Realm {
    /// Lets the router in. What the realm sends to this key are the answers to its calls; no effect ever closes it.
    pub fn admit_router(&mut self, router: Member) -> SessionKey {
        self.directory.insert_unlisted(router)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::routing::{Command, Effect, Effects, Permit, RealmLimits};
    use crate::wamp::message::{Call, Message, Register, Yield};
    use crate::wamp::options::{CallOptions, RegisterOptions, ResultOptions};
    use crate::wamp::role::Announced;
    use crate::wamp::{Dict, InvocationId, Payload, RequestId, SessionId, Uri, Value};
    use std::time::Instant;

    fn member(session: u64) -> Member {
        Member {
            session: SessionId::new(session).unwrap(),
            authid: "joe".into(),
            authrole: "user".into(),
            authmethod: "ticket".into(),
            authprovider: "static".into(),
            announced: Announced {
                publisher: true,
                subscriber: true,
                caller: true,
                callee: true,
                ..Announced::default()
            },
            entrance: crate::wamp::Entrance::default(),
            transport: Dict::new(),
            permit: Permit::default(),
        }
    }

    fn sent(effects: &mut Effects) -> Vec<(SessionKey, Message)> {
        let message = |effect| match effect {
            Effect::Send { to, message } => Some((to, message)),
            Effect::Deliver { .. } | Effect::Store(_) | Effect::Probe(_) | Effect::Close { .. } => None,
        };
        effects.drain().filter_map(message).collect()
    }

    fn call(procedure: &str, request: u64, args: Vec<Value>) -> Command {
        let request = RequestId::new(request).unwrap();
        let (options, payload) = (CallOptions::default(), Payload::args(args));
        Command::Call(Call { request, options, procedure: Uri::from(procedure), payload })
    }

    /// Decision 16.
    #[test]
    fn the_router_calls_as_anybody_and_no_meta_procedure_knows_of_it() {
        let (now, mut effects) = (Instant::now(), Effects::new());
        let mut realm = Realm::new(RealmLimits::default(), 1);
        let router = realm.admit_router(member(1));
        let callee = realm.join(now, member(2), &mut effects).unwrap();
        let register = Register {
            request: RequestId::FIRST,
            options: RegisterOptions::default(),
            procedure: Uri::from("com.check"),
        };
        realm.handle(now, callee, Command::Register(register), &mut effects);
        realm.handle(now, router, call("com.check", 1, Vec::new()), &mut effects);
        let invoked =
            |(to, message): &(SessionKey, Message)| *to == callee && matches!(message, Message::Invocation(_));
        assert!(sent(&mut effects).iter().any(invoked));
        let answer = Yield { request: InvocationId::FIRST, options: ResultOptions::default(), payload: Payload::Empty };
        realm.handle(now, callee, Command::Yield(answer), &mut effects);
        let sent_to_router = sent(&mut effects);
        assert!(matches!(&sent_to_router[..], [(to, Message::Result(_))] if *to == router), "{sent_to_router:?}");

        assert_eq!((realm.len(), realm.counters().sessions), (1, 1));
        for (procedure, args) in [
            ("wamp.session.count", Vec::new()),
            ("wamp.session.list", Vec::new()),
            ("wamp.session.get", vec![Value::Unsigned(1)]),
            ("wamp.session.kill", vec![Value::Unsigned(1)]),
            ("wamp.session.kill_all", Vec::new()),
        ] {
            realm.handle(now, callee, call(procedure, 2, args), &mut effects);
            let answers = sent(&mut effects);
            let [(_, answer)] = &answers[..] else { panic!("{procedure}: {answers:?}") };
            match (procedure, answer) {
                ("wamp.session.count", Message::Result(result)) => {
                    assert_eq!(result.payload, Payload::args(vec![Value::Unsigned(1)]));
                }
                ("wamp.session.list", Message::Result(result)) => {
                    assert_eq!(result.payload, Payload::args(vec![vec![Value::Unsigned(2)].into()]));
                }
                ("wamp.session.kill_all", Message::Result(result)) => {
                    assert_eq!(result.payload, Payload::args(vec![Value::Unsigned(0)]));
                }
                (_, Message::Error(error)) => assert_eq!(error.error.as_str(), "wamp.error.no_such_session"),
                other => panic!("{other:?}"),
            }
        }
        assert!(realm.member(router).is_some());
        assert_eq!(realm.broken_invariant(), None);
    }
}
