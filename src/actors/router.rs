//! What the router itself asks of the application: authenticators and authorizers. Questions in, outcomes out, each found by
//! its request id.
//!
//! The questions of a realm are CALLs of one member that nobody sees (`docs/decisions/0016`). Their time is kept here, as a
//! callee may be trusted with that of others. At most 1,000 are under way. Decides nothing.

use super::clock;
use super::realm::RealmActor;
use crate::codec;
use crate::routing::{Command, Member, Permit, SessionKey};
use crate::wamp::message::{Call, Cancel, Message as Wamp};
use crate::wamp::options::{CallOptions, CancelOptions};
use crate::wamp::outcome::{Outcome, ANSWER_OCTETS_MAX};
use crate::wamp::payload::Values;
use crate::wamp::role::Announced;
use crate::wamp::{CancelMode, Dict, Entrance, Payload, RequestId, SessionId, Uri};
use actix::{Handler, Message};
use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

/// Questions under way in one realm; one more is not asked.
const QUESTIONS_MAX: usize = 1000;

/// What is done with an outcome, on whatever thread it is known.
type Then = Box<dyn FnOnce(Outcome) + Send>;

/// Who waits for an outcome. Dropped unheard, it says that nobody could be asked: whoever waits does not wait for ever.
pub struct Reply(Option<Then>);

impl Reply {
    /// `then` is called once, whatever happens.
    pub fn new(then: impl FnOnce(Outcome) + Send + 'static) -> Self {
        Self(Some(Box::new(then)))
    }

    pub(crate) fn say(mut self, outcome: Outcome) {
        if let Some(then) = self.0.take() {
            then(outcome);
        }
    }
}

impl Drop for Reply {
    fn drop(&mut self) {
        if let Some(then) = self.0.take() {
            then(Outcome::Away("the realm of the procedure is not open"));
        }
    }
}

/// A procedure is to be called in the router's own name. One per question; answered through its reply.
#[derive(Message)]
#[rtype(result = "()")]
pub struct Question {
    /// What is called.
    pub procedure: Uri,
    /// With what.
    pub args: Payload,
    /// How long the answer may take.
    pub timeout: Duration,
    /// Who waits for it.
    pub reply: Reply,
}

struct Asked {
    reply: Reply,
    until: Instant,
}

/// A realm's end of the router's questions.
#[derive(Default)]
pub(super) struct RouterEnd {
    key: Option<SessionKey>,
    last: Option<RequestId>,
    asked: BTreeMap<RequestId, Asked>,
    deadlines: BTreeSet<(Instant, RequestId)>,
}

impl RouterEnd {
    /// When the next question's time is up.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.deadlines.first().map(|(until, _)| *until)
    }

    fn take(&mut self, request: RequestId) -> Option<Reply> {
        let Asked { reply, until } = self.asked.remove(&request)?;
        self.deadlines.remove(&(until, request));
        Some(reply)
    }
}

impl Handler<Question> for RealmActor {
    type Result = ();

    fn handle(&mut self, question: Question, _: &mut Self::Context) {
        let Question { procedure, args, timeout, reply } = question;
        if self.retired {
            return;
        }
        if self.router.asked.len() >= QUESTIONS_MAX {
            return reply.say(Outcome::Away("as many questions are under way as may be"));
        }
        let key = match self.router.key {
            Some(key) => key,
            None => {
                let key = self.realm.admit_router(router());
                self.delivery.set_router(key);
                self.router.key = Some(key);
                key
            }
        };
        let now = clock::now();
        let request = self.router.last.map_or(RequestId::FIRST, RequestId::next);
        let until = now + timeout;
        self.router.last = Some(request);
        self.router.asked.insert(request, Asked { reply, until });
        self.router.deadlines.insert((until, request));
        let call = Call { request, options: CallOptions::default(), procedure, payload: args };
        self.realm.handle(now, key, Command::Call(call), &mut self.effects);
        self.carry_out();
        // No session is slowed down for a callee that the router calls.
        self.delivery.take_behind();
    }
}

impl RealmActor {
    /// What the realm has told the router, to those who wait for it.
    pub(super) fn hear(&mut self) {
        for message in self.delivery.take_for_router() {
            // No other message answers a CALL, and nobody asked for partial results.
            let (request, outcome) = if let Wamp::Result(result) = &message {
                if result.details.progress {
                    continue;
                }
                (result.request, read(&result.payload))
            } else if let Wamp::Error(error) = &message {
                (error.request, Outcome::Error(error.error.clone()))
            } else {
                continue;
            };
            if let Some(reply) = self.router.take(request) {
                reply.say(outcome);
            }
        }
    }

    /// Questions whose time is up.
    pub(super) fn give_up(&mut self, now: Instant) {
        while let Some((until, request)) = self.router.deadlines.first().copied().filter(|(until, _)| *until <= now) {
            let reply = self.router.take(request);
            self.router.deadlines.remove(&(until, request));
            if let Some(key) = self.router.key {
                let cancel = Cancel { request, options: CancelOptions { mode: CancelMode::KillNoWait } };
                self.realm.handle(now, key, Command::Cancel(cancel), &mut self.effects);
                self.carry_out();
            }
            if let Some(reply) = reply {
                reply.say(Outcome::Late);
            }
        }
    }
}

fn read(payload: &Payload) -> Outcome {
    if payload.len() > ANSWER_OCTETS_MAX {
        return Outcome::TooLarge(payload.len());
    }
    match (codec::payload_args(payload), codec::payload_kwargs(payload)) {
        (Ok(args), Ok(kwargs)) => Outcome::Result(Box::new(Values { args, kwargs })),
        // A payload under end-to-end encryption is nobody's answer to the router.
        (Err(_), _) | (_, Err(_)) => Outcome::Away("the answer cannot be read"),
    }
}

fn router() -> Member {
    Member {
        session: SessionId::wrapping(rand::random()),
        authid: "wharf".into(),
        authrole: "trusted".into(),
        authmethod: "internal".into(),
        authprovider: "router".into(),
        announced: Announced { caller: true, ..Announced::default() },
        entrance: Entrance::default(),
        transport: Dict::new(),
        permit: Permit::default(),
    }
}
