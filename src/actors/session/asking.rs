//! A session actor towards those who know of its login: the question goes out, the session waits, the answer is judged. An
//! answer that is remembered is judged in its place.

use super::super::asking::{self, About, Ways};
use super::super::clock;
use super::super::realm_shared::RealmShared;
use super::super::router::Reply;
use super::SessionActor;
use crate::auth::{Answer, Mark};
use crate::session::Heard;
use crate::wamp::Outcome;
use actix::{AsyncContext, Context, Handler, Message};
use std::sync::Arc;
use std::time::Instant;

/// Questions of one session's logins.
#[derive(Debug, Default)]
pub(super) struct Asking {
    /// The newest question; an answer to an earlier one is for nobody.
    number: u64,
    /// Whether the time for WELCOME was made longer for this HELLO.
    extended: bool,
    /// When it was asked.
    since: Option<Instant>,
    /// What its answer is remembered under, if it may be, and what was remembered then.
    mark: Option<(Mark, u64)>,
    /// An answer from before, and when it is due.
    recalled: Option<(Instant, Box<Answer>)>,
}

impl Asking {
    /// Another HELLO.
    pub(super) fn begin(&mut self) {
        *self = Self { number: self.number + 1, ..Self::default() };
    }

    /// When an answer from before is due.
    pub(super) fn recalled_at(&self) -> Option<Instant> {
        self.recalled.as_ref().map(|(due, _)| *due)
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
    /// Has an authenticator asked, unless its answer is remembered.
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
        let (now, headers) = (clock::now(), self.connection.http_headers());
        self.asking.number += 1;
        self.asking.since = Some(now);
        self.asking.mark = None;
        if let Some(mark) = inquiry.mark(shared.logins.node_secret(), headers) {
            let answers = shared.answers();
            if let Some(answer) = answers.find(&mark, now) {
                self.tally.add_answers_recalled(1);
                self.asking.recalled = Some((now + inquiry.held_back(), Box::new(answer)));
                drop(answers);
                return self.recall_if_due(now, ctx);
            }
            self.asking.mark = Some((mark, answers.epoch()));
        }
        let (number, me) = (self.asking.number, ctx.address());
        let args = inquiry.args(self.connection.details(), headers);
        let reply = Reply::new(move |outcome| me.do_send(Told { number, outcome }));
        let ways = Ways { realms: &self.realms, logins: &shared.logins };
        asking::ask(ways, inquiry, &shared.settings.uri, args, reply);
    }

    /// Judges an answer from before, when it is due.
    pub(super) fn recall_if_due(&mut self, now: Instant, ctx: &mut Context<Self>) {
        let Some(shared) = self.handle.as_ref().map(|handle| Arc::clone(&handle.shared)) else { return };
        if let Some((_, answer)) = self.asking.recalled.take_if(|(due, _)| *due <= now) {
            let heard = self.session.recalled(&*shared, *answer);
            self.go_on_with(heard, None, ctx);
        }
    }

    fn go_on_with(&mut self, heard: Heard, about: Option<About>, ctx: &mut Context<Self>) {
        if let (Some(fault), Some(about)) = (heard.fault, about) {
            about.report(&fault, &self.tally);
        }
        self.limit_challenge();
        self.note_second();
        self.obey(heard.action, ctx);
    }

    /// Who leaves for good, or is told to go, is asked about again.
    pub(super) fn forget_answers(&self, shared: &RealmShared) {
        if let Some(tie) = &self.tie {
            shared.answers().forget(&tie.identity.authid);
            shared.logins.forget_tickets(&shared.settings.uri, &tie.identity.authid);
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
        let Some(inquiry) = self.session.inquiry() else { return };
        let (about, authid) = (About::of(inquiry, &shared.settings.uri), inquiry.authid().to_owned());
        let now = clock::now();
        if let (Outcome::Result(_) | Outcome::Error(_), Some(since)) = (&outcome, self.asking.since) {
            inquiry.note_taken(now.duration_since(since));
        }
        let mut heard = self.session.told(&*shared, outcome);
        if let (Some(memo), Some((mark, epoch))) = (heard.memo.take(), self.asking.mark.take()) {
            shared.answers().keep(mark, &authid, memo, epoch, now);
        }
        self.go_on_with(heard, Some(about), ctx);
    }
}
