//! The meta API: the router's own procedures `wamp.*` and `wharf.*`, as calls and events inside the realm.
//!
//! The only folder of routing that looks into a payload, and only into the arguments of its own procedures and into the
//! events of history. Permission to call was checked before, like that of any call. An API whose feature the realm has
//! switched off has no procedures and no events. Source: sections 8.7 and 10 of the reference.

mod admin;
mod arguments;
mod events;
mod history;
mod near;
mod reflection;
mod registration;
mod retained;
mod session;
mod subscription;
mod testament;

pub use admin::{AdminRefusal, Question, Reply};
pub use events::Overflow;
pub use reflection::{Described, Description};

use super::effect::Effects;
use super::key::SessionKey;
use super::refusal::Refusal;
use super::Realm;
use crate::wamp::message::{Call, Cancel, Result as ResultMessage};
use crate::wamp::options::ResultOptions;
use crate::wamp::payload::Values;
use crate::wamp::role::{Feature, Features};
use crate::wamp::{ErrorUri, MessageKind, Payload, RawPayload, RegistrationId, RequestId, SessionId, Uri, Value};
use admin::Questions;
use arguments::Arguments;
use bytestring::ByteString;
use history::Reads;
use reflection::{Descriptions, ReflectionProcedure};
use registration::RegistrationProcedure;
use session::SessionProcedure;
use std::time::Instant;
use subscription::SubscriptionProcedure;
use testament::TestamentProcedure;

/// Reads a received payload as values; `None` if it cannot be read. Given by whoever knows the serializations.
pub type PayloadReader = fn(&RawPayload) -> Option<Values>;

/// What the meta API remembers itself.
#[derive(Debug, Default)]
pub(super) struct Meta {
    reads: Reads,
    questions: Questions,
    descriptions: Descriptions,
}

impl Meta {
    /// Another number whenever a description has come or gone.
    pub(super) fn descriptions_version(&self) -> u64 {
        self.descriptions.version()
    }

    /// Whether a call of the session with this request id waits for the store, or for the node.
    #[inline]
    pub(super) fn is_active(&self, caller: SessionKey, request: RequestId) -> bool {
        self.reads.is_active(caller, request) || self.questions.is_active(caller, request)
    }

    /// The first thing that does not hold, if any. For tests.
    pub(super) fn broken_invariant(
        &self,
        alive: impl Fn(SessionKey) -> bool + Copy,
        registered: impl Fn(RegistrationId) -> bool,
    ) -> Option<&'static str> {
        let waiting = self.reads.broken_invariant(alive).or_else(|| self.questions.broken_invariant(alive));
        waiting.or_else(|| self.descriptions.broken_invariant(alive, registered))
    }
}

/// A procedure of the router.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Procedure {
    Session(SessionProcedure),
    Registration(RegistrationProcedure),
    Subscription(SubscriptionProcedure),
    Testament(TestamentProcedure),
    GetEvents,
    /// `wharf.retained.clear`
    ClearRetained,
    /// `wharf.registration.near`
    Near,
    Reflection(ReflectionProcedure),
    /// `wharf.admin.*`
    OfTheNode,
}

impl Procedure {
    fn named(uri: &str) -> Option<Self> {
        if uri == "wharf.retained.clear" {
            return Some(Self::ClearRetained);
        }
        if uri == "wharf.registration.near" {
            return Some(Self::Near);
        }
        if let Some(procedure) = Self::of_the_node(uri) {
            return Some(procedure);
        }
        let rest = uri.strip_prefix("wamp.")?;
        let (group, name) = rest.split_once('.')?;
        match (group, name) {
            ("session", "add_testament") => Some(Self::Testament(TestamentProcedure::Add)),
            ("session", "flush_testaments") => Some(Self::Testament(TestamentProcedure::Flush)),
            ("session", _) => SessionProcedure::named(name).map(Self::Session),
            ("registration", _) => RegistrationProcedure::named(name).map(Self::Registration),
            ("subscription", "get_events") => Some(Self::GetEvents),
            ("subscription", _) => SubscriptionProcedure::named(name).map(Self::Subscription),
            ("reflection" | "reflect", _) => ReflectionProcedure::named(rest).map(Self::Reflection),
            _ => None,
        }
    }

    /// Whether the realm has what it belongs to.
    fn is_on(self, features: Features) -> bool {
        match self {
            Self::Session(_) => features.has(Feature::SessionMetaApi),
            Self::Registration(procedure) => {
                features.has(Feature::RegistrationMetaApi)
                    && (procedure != RegistrationProcedure::RemoveCallee
                        || features.has(Feature::RegistrationRevocation))
            }
            Self::Subscription(procedure) => {
                features.has(Feature::SubscriptionMetaApi)
                    && (procedure != SubscriptionProcedure::RemoveSubscriber
                        || features.has(Feature::SubscriptionRevocation))
            }
            Self::Testament(_) => features.has(Feature::TestamentMetaApi),
            Self::ClearRetained => features.has(Feature::EventRetention),
            Self::GetEvents => features.has(Feature::EventHistory),
            // Announced by no key of its own.
            Self::Reflection(_) | Self::Near | Self::OfTheNode => true,
        }
    }
}

/// What a meta call leads to, if it is not refused.
enum Answer {
    Now(Payload),
    /// The store is asked, or the node; [`Realm::history_read`] or [`Realm::node_answers`] answers.
    Later,
}

impl Realm {
    /// Answers the call of a reserved procedure: at once, or when the store has read.
    pub(super) fn call_meta(&mut self, now: Instant, from: SessionKey, call: &Call, effects: &mut Effects) {
        match self.answer_meta(now, from, call, effects) {
            Ok(Answer::Now(payload)) => {
                let details = ResultOptions::default();
                effects.send(from, ResultMessage { request: call.request, details, payload });
            }
            Ok(Answer::Later) => {}
            Err(refusal) => effects.refuse(from, MessageKind::Call, call.request, &refusal),
        }
    }

    /// Ends a call of a reserved procedure that waits; `false` if there is none with this request id.
    pub(super) fn cancel_meta(&mut self, from: SessionKey, cancel: &Cancel, effects: &mut Effects) -> bool {
        let (meta, request) = (&mut self.meta, cancel.request);
        let waited = meta.reads.cancel(from, request) || meta.questions.cancel(from, request);
        if waited {
            let text = "the caller canceled the call".to_owned();
            let refusal = Refusal::NotPermitted { error: ErrorUri::CANCELED, text };
            effects.refuse(from, MessageKind::Call, cancel.request, &refusal);
        }
        waited
    }

    /// Drops what the meta API has of a session that is gone, after its registrations are.
    pub(super) fn forget_meta(&mut self, now: Instant, session: SessionKey, id: SessionId, effects: &mut Effects) {
        self.meta.reads.forget(session);
        self.meta.questions.forget(session);
        self.forget_descriptions(now, session, id, effects);
    }

    fn answer_meta(
        &mut self,
        now: Instant,
        from: SessionKey,
        call: &Call,
        effects: &mut Effects,
    ) -> Result<Answer, Refusal> {
        let is_here = |procedure: &Procedure| self.rules.administers || *procedure != Procedure::OfTheNode;
        let procedure = Procedure::named(&call.procedure).filter(|procedure| procedure.is_on(self.rules.features));
        let procedure = procedure.filter(is_here);
        let Some(procedure) = procedure else { return Err(Refusal::NoSuchProcedure(call.procedure.clone())) };
        let rate = self.rules.limits.meta_calls;
        if !self.directory.take_meta_call(from, now, rate) {
            return Err(Refusal::LimitExceeded { limit: "meta_calls", max: rate.per_second as usize });
        }
        let arguments = Arguments::read(&call.payload, self.read_payload)?;
        let answer = match procedure {
            Procedure::Session(procedure) => self.answer_session(now, from, procedure, &arguments, effects),
            Procedure::Registration(procedure) => self.answer_registration(now, procedure, &arguments, effects),
            Procedure::Subscription(procedure) => self.answer_subscription(now, procedure, &arguments, effects),
            Procedure::Testament(procedure) => self.answer_testament(from, procedure, &arguments),
            Procedure::ClearRetained => self.clear_retained(now, &arguments, effects),
            Procedure::Near => self.answer_near(from, &arguments),
            Procedure::GetEvents => return self.get_events(from, call.request, &arguments, effects),
            Procedure::Reflection(procedure) => self.answer_reflection(now, from, procedure, &arguments, effects),
            Procedure::OfTheNode => return self.ask_node(from, call.request, &call.procedure, arguments, effects),
        };
        answer.map(Answer::Now)
    }
}

fn count(number: usize) -> Payload {
    Payload::args(vec![Value::Unsigned(number as u64)])
}

/// The answer of a look-up: the id, or null (D20).
fn id_or_null(id: Option<u64>) -> Payload {
    Payload::args(vec![id.map_or(Value::Null, Value::Unsigned)])
}

/// A topic of ours, without an allocation.
fn topic(text: &'static str) -> Uri {
    Uri::from(ByteString::from_static(text))
}
