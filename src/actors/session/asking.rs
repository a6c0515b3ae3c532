//! A session actor towards those who know of its login: the question goes out, the session waits, the answer is judged.

use super::super::clock;
use super::super::realms::AskRealm;
use super::super::router::{Question, Reply};
use super::SessionActor;
use crate::auth::{Fault, Inquiry};
use crate::observe::{shown, Restraint, Tally};
use crate::wamp::{Outcome, Payload, Uri};
use actix::{AsyncContext, Context, Handler, Message};
use std::sync::Arc;

thread_local! {
    /// Each login can cause a line.
    static FAULTS: Restraint = Restraint::default();
}

/// Questions of one session's logins.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// The newest question; an answer to an earlier one is for nobody.
    number: u64,
    /// Whether the time for WELCOME was made longer for this HELLO.
    extended: bool,
}

impl Asking {
    /// Another HELLO.
    pub(super) fn begin(&mut self) {
        self.number += 1;
        self.extended = false;
    }
}

/// What came of the question with this number.
#[derive(Message)]
#[rtype(result = "()")]
struct Told {
    number: u64,
    outcome: Outcome,
}

impl SessionActor {
    /// Has an authenticator asked.
    #[expect(clippy::disallowed_methods, reason = "one per question; nothing more is read until it is answered")]
    pub(super) fn ask(&mut self, ctx: &mut Context<Self>) {
        let Some(shared) = self.handle.as_ref().map(|handle| Arc::clone(&handle.shared)) else { return };
        if self.attempt.is_none() && !self.may_try(&shared) {
            // Who has guessed too often has nobody asked.
            let action = self.session.too_many_attempts();
            return self.obey(action, ctx);
        }
        let Some(inquiry) = self.session.inquiry() else { return };
        if !self.asking.extended {
            self.asking.extended = true;
            let longer = self.times.remote_auth_timeout.saturating_sub(self.times.handshake_timeout);
            self.times.handshake_until += longer;
        }
        self.asking.number += 1;
        let (number, me) = (self.asking.number, ctx.address());
        let question = Question {
            procedure: inquiry.procedure(),
            args: Payload::args(inquiry.args(self.connection.details(), self.connection.http_headers())),
            timeout: inquiry.timeout(),
            reply: Reply::new(move |outcome| me.do_send(Told { number, outcome })),
        };
        let realm = inquiry.realm().unwrap_or(&shared.settings.uri).clone();
        self.realms.do_send(AskRealm { realm, question });
    }
}

/// Who was asked about whom's login, for the log.
pub(crate) struct About {
    name: String,
    procedure: Uri,
    realm: Uri,
}

impl About {
    /// Of a login at `realm`.
    pub(crate) fn of(inquiry: &Inquiry, realm: &Uri) -> Self {
        Self { name: inquiry.name().to_owned(), procedure: inquiry.procedure(), realm: realm.clone() }
    }

    /// Tells the operator what was wrong.
    pub(crate) fn report(&self, fault: &Fault, tally: &Tally) {
        tally.add_authenticator_faults(1);
        if let Some(suppressed) = FAULTS.with(|faults| faults.allow(clock::now())) {
            let Self { name, procedure, realm } = self;
            let realm = shown(realm);
            let text = "an authenticator failed and a login was refused";
            tracing::warn!(%realm, authenticator = %name, %procedure, %fault, suppressed, "{text}");
        }
    }
}

impl Handler<Told> for SessionActor {
    type Result = ();

    fn handle(&mut self, Told { number, outcome }: Told, ctx: &mut Context<Self>) {
        let Some(shared) = self.handle.as_ref().map(|handle| Arc::clone(&handle.shared)) else { return };
        if number != self.asking.number || self.ending.has_begun() {
            return;
        }
        let about = self.session.inquiry().map(|inquiry| About::of(inquiry, &shared.settings.uri));
        let (action, fault) = self.session.told(&*shared, outcome);
        if let (Some(fault), Some(about)) = (fault, about) {
            about.report(&fault, &self.tally);
        }
        self.limit_challenge();
        self.note_second();
        self.obey(action, ctx);
    }
}
