//! A session actor towards its role's authorizer: the question goes to its own realm, and nothing more is read until it is
//! answered, so that all that the session says keeps its order. Only this session waits.

use super::super::clock;
use super::super::router::{Question, Reply};
use super::{SessionActor, Tie};
use crate::authz::{self, Authorizer, OnFailure, Petition, Petitioner, Ruling};
use crate::codec;
use crate::observe::{shown, Restraint};
use crate::session::{Action, Refused, Told};
use crate::wamp::message::{Call, Message as Wamp, Publish};
use crate::wamp::{Dict, Outcome, Payload, Serialization, Value};
use actix::{AsyncContext, Context, Handler, Message};
use bytes::Bytes;
use std::sync::Arc;

thread_local! {
    /// Each request can cause a line.
    static FAULTS: Restraint = Restraint::default();
}

/// What is asked and not answered.
#[derive(Default)]
pub(super) struct Authorizing {
    /// The newest question; an answer to an earlier one is for nobody.
    number: u64,
    asked: Option<(Petition, Arc<Authorizer>)>,
}

/// What came of the question with this number.
#[derive(Message)]
#[rtype(result = "()")]
struct Authorized {
    number: u64,
    outcome: Outcome,
}

impl Tie {
    fn petitioner(&self) -> Petitioner<'_> {
        Petitioner {
            session: self.session,
            authid: &self.identity.authid,
            authrole: &self.identity.authrole,
            authmethod: &self.identity.authmethod,
            authprovider: &self.identity.authprovider,
        }
    }
}

impl SessionActor {
    /// Decides about the message that the session holds: by what is remembered, or by asking.
    #[expect(clippy::disallowed_methods, reason = "one question of a session at a time")]
    pub(super) fn authorize(&mut self, ctx: &mut Context<Self>) {
        let (Some(tie), Some((message, petition, authorizer, authextra))) = (&self.tie, self.session.petition()) else {
            return;
        };
        let remembered = tie.shared.verdicts().find(&authorizer, tie.petitioner(), &petition, clock::now());
        if let Some(ruling) = remembered {
            return self.go_on(petition, Told::Ruling(ruling), ctx);
        }
        let args = authz::args(tie.petitioner(), authextra, self.connection.details(), &petition, options(message));
        self.authorizing.number += 1;
        let (number, me) = (self.authorizing.number, ctx.address());
        let question = Question {
            procedure: authorizer.procedure.clone(),
            args: Payload::args(args),
            timeout: authorizer.timeout,
            reply: Reply::new(move |outcome| me.do_send(Authorized { number, outcome })),
        };
        tie.realm.do_send(question);
        self.authorizing.asked = Some((petition, authorizer));
    }

    /// What the session did not wait for any more is nothing to it.
    fn go_on(&mut self, petition: Petition, told: Told, ctx: &mut Context<Self>) {
        let action = self.session.authorized(told);
        self.note_if_denied(&action, || Some(petition));
        self.obey(action, ctx);
    }

    /// Keeps a request that is not permitted, for the operator.
    pub(super) fn note_if_denied(&self, action: &Action, petition: impl FnOnce() -> Option<Petition>) {
        let (Action::Refuse(Refused::NotAuthorized, _), Some(tie)) = (action, &self.tie) else { return };
        if let Some(petition) = petition() {
            tie.shared.note_denial(tie.petitioner(), petition);
        }
    }

    fn rule(&mut self, petition: &Petition, authorizer: &Arc<Authorizer>, outcome: &Outcome) -> Told {
        // What one said that is none any more is for this message only.
        let is_asked_still = self.session.petition().is_some_and(|(_, _, asked, _)| Arc::ptr_eq(&asked, authorizer));
        let Some(tie) = &mut self.tie else { return Told::Failed };
        match authorizer.judge(outcome) {
            Ok(ruling) => {
                if is_asked_still && authorizer.remembers(ruling).is_some() {
                    tie.remembered = true;
                    tie.shared.verdicts().keep(authorizer, tie.petitioner(), petition, ruling, clock::now());
                }
                Told::Ruling(ruling)
            }
            Err(fault) => {
                self.tally.add_authorizer_faults(1);
                if let Some(suppressed) = FAULTS.with(|faults| faults.allow(clock::now())) {
                    let realm = shown(&tie.shared.settings.uri);
                    let (procedure, role) = (&*authorizer.procedure, &*tie.identity.authrole);
                    tracing::warn!(%realm, role, procedure, %fault, suppressed, "an authorizer failed");
                }
                match authorizer.on_failure {
                    OnFailure::Deny => Told::Failed,
                    OnFailure::Allow => Told::Ruling(Ruling { allow: true, disclose: false, cache: None }),
                }
            }
        }
    }
}

impl Handler<Authorized> for SessionActor {
    type Result = ();

    fn handle(&mut self, Authorized { number, outcome }: Authorized, ctx: &mut Context<Self>) {
        if number != self.authorizing.number || self.ending.has_begun() {
            return;
        }
        let Some((petition, authorizer)) = self.authorizing.asked.take() else { return };
        let told = self.rule(&petition, &authorizer, &outcome);
        self.go_on(petition, told, ctx);
    }
}

/// The options of a request as they are on the wire, from our own encoder.
fn options(message: &Wamp) -> Dict {
    // Without its payload, which is nobody's here.
    let bare = if let Wamp::Call(call) = message {
        Call { payload: Payload::Empty, ..call.clone() }.into()
    } else if let Wamp::Publish(publish) = message {
        Publish { payload: Payload::Empty, ..publish.clone() }.into()
    } else {
        message.clone()
    };
    let mut octets = Vec::new();
    let written = codec::encode(&bare, Serialization::Json, &mut octets).is_ok();
    let read = written.then(|| codec::read_value(Serialization::Json, &Bytes::from(octets)));
    match read {
        Some(Ok(Value::List(mut fields))) if fields.len() > 2 => match fields.swap_remove(2) {
            Value::Dict(options) => options,
            Value::Null
            | Value::Bool(_)
            | Value::Unsigned(_)
            | Value::Negative(_)
            | Value::Float(_)
            | Value::Text(_)
            | Value::Bytes(_)
            | Value::List(_) => Dict::new(),
        },
        Some(Ok(_) | Err(_)) | None => Dict::new(),
    }
}
