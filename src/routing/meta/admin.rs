//! `wharf.admin.*`: calls for whoever administers the node, who is outside the realm.
//!
//! Only in the realm that the configuration names for that. What is asked goes out as a [`Question`]; its answer comes back by
//! the question's ticket. What is under way is remembered here until it is answered, canceled, or the caller is gone; nothing
//! here knows what a procedure means.

use super::arguments::Arguments;
use super::{Answer, Procedure};
use crate::routing::effect::Effects;
use crate::routing::key::SessionKey;
use crate::routing::refusal::Refusal;
use crate::routing::Realm;
use crate::wamp::message::{Error, Result as ResultMessage};
use crate::wamp::options::{ErrorDetails, ResultOptions};
use crate::wamp::payload::Values;
use crate::wamp::{Dict, ErrorUri, MessageKind, Payload, RequestId, SessionId, Uri, Value};
use std::collections::BTreeMap;
use std::fmt;
use std::sync::Arc;
use std::time::Instant;

/// How the procedures begin.
const PREFIX: &str = "wharf.admin.";

const ON_CHANGE: &str = "wharf.admin.on_change";

/// Questions of one session that are under way.
const PER_SESSION_MAX: usize = 8;

/// Questions that are under way.
const QUESTIONS_MAX: usize = 64;

/// A call of a procedure of the node's, on its way to whoever answers it.
#[derive(Clone, PartialEq)]
pub struct Question {
    /// What the answer is to be given with.
    pub ticket: u64,
    /// Which session asks.
    pub session: SessionId,
    /// Who that is.
    pub authid: Arc<str>,
    /// Its role.
    pub authrole: Arc<str>,
    /// How it is connected, as in the session meta API.
    pub transport: Dict,
    /// The procedure, without `wharf.admin.`.
    pub procedure: String,
    /// What it is called with.
    pub arguments: Values,
}

impl fmt::Debug for Question {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        // What it is called with may be a password.
        f.debug_struct("Question").field("procedure", &self.procedure).finish_non_exhaustive()
    }
}

/// What is answered.
#[derive(Clone, PartialEq, Debug)]
pub struct Reply {
    /// RESULT or ERROR.
    pub outcome: Result<Value, AdminRefusal>,
    /// What was changed: published as `wharf.admin.on_change`.
    pub change: Option<Value>,
}

/// Why it was not done.
#[derive(Clone, PartialEq, Debug)]
pub struct AdminRefusal {
    /// What it is sent as.
    pub error: ErrorUri,
    /// Why, for people.
    pub text: String,
    /// The same for programs.
    pub details: Dict,
}

/// Who waits for an answer, by ticket; a ticket is never used again. So few that they are looked through.
#[derive(Debug, Default)]
pub(super) struct Questions {
    waiting: BTreeMap<u64, (SessionKey, RequestId)>,
    last_ticket: u64,
}

impl Questions {
    #[inline]
    pub(super) fn is_active(&self, caller: SessionKey, request: RequestId) -> bool {
        !self.waiting.is_empty() && self.waiting.values().any(|waiting| *waiting == (caller, request))
    }

    fn start(&mut self, caller: SessionKey, request: RequestId) -> Result<u64, Refusal> {
        let own = self.waiting.values().filter(|(session, _)| *session == caller).count();
        if own >= PER_SESSION_MAX {
            return Err(Refusal::LimitExceeded { limit: "admin_calls_per_session", max: PER_SESSION_MAX });
        }
        if self.waiting.len() >= QUESTIONS_MAX {
            return Err(Refusal::LimitExceeded { limit: "admin_calls", max: QUESTIONS_MAX });
        }
        self.last_ticket += 1;
        self.waiting.insert(self.last_ticket, (caller, request));
        Ok(self.last_ticket)
    }

    /// The caller does not wait any more; `false` if it did not. What it asked for may be done all the same.
    pub(super) fn cancel(&mut self, caller: SessionKey, request: RequestId) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|_, waiting| *waiting != (caller, request));
        self.waiting.len() < before
    }

    /// The caller is gone.
    pub(super) fn forget(&mut self, caller: SessionKey) {
        self.waiting.retain(|_, (session, _)| *session != caller);
    }

    pub(super) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        let gone = self.waiting.values().any(|(session, _)| !alive(*session));
        gone.then_some("a question to the node has a caller that is there")
    }
}

impl Procedure {
    /// A procedure that is answered outside the realm.
    pub(super) fn of_the_node(uri: &str) -> Option<Self> {
        uri.strip_prefix(PREFIX).map(|_| Self::OfTheNode)
    }
}

impl Realm {
    /// Hands the call on.
    pub(super) fn ask_node(
        &mut self,
        from: SessionKey,
        request: RequestId,
        procedure: &Uri,
        arguments: Arguments,
        effects: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let Some(member) = self.directory.member(from) else { return Err(Refusal::NoSuchSession) };
        let question = Question {
            ticket: self.meta.questions.start(from, request)?,
            session: member.session,
            authid: Arc::clone(&member.authid),
            authrole: Arc::clone(&member.authrole),
            transport: member.transport.clone(),
            procedure: procedure.strip_prefix(PREFIX).unwrap_or_default().to_owned(),
            arguments: arguments.into_values(),
        };
        effects.ask(question);
        Ok(Answer::Later)
    }

    /// The answer to a [`Question`]: RESULT or ERROR for whoever asked, unless that one has canceled or is gone; and the event
    /// of what was changed, in any case.
    pub fn node_answers(&mut self, now: Instant, ticket: u64, reply: Reply, effects: &mut Effects) {
        if let Some((caller, request)) = self.meta.questions.waiting.remove(&ticket) {
            match reply.outcome {
                Ok(value) => {
                    let payload = Payload::args(vec![value]);
                    effects.send(caller, ResultMessage { request, details: ResultOptions::default(), payload });
                }
                Err(AdminRefusal { error, text, details }) => {
                    let payload = Payload::values(vec![Value::Text(text)], details);
                    let (request_kind, error) = (MessageKind::Call, error.to_uri());
                    effects.send(
                        caller,
                        Error { request_kind, request, details: ErrorDetails::default(), error, payload },
                    );
                }
            }
        }
        if let Some(change) = reply.change {
            self.publish_event(now, None, ON_CHANGE, || Payload::args(vec![change]), effects);
        }
    }
}
