//! A session actor's login that fails: counted, told to the operator, and answered late where too many were wrong (A2).

use super::super::clock;
use super::super::logins::{Failed, Logins};
use super::SessionActor;
use crate::auth::{Attempt, ConnectRate, Entrant, Identity, Method};
use crate::session::{Doorman, Ending, Farewell};
use actix::Context;
use std::time::{Duration, Instant};

/// Who tries to come in, for the log.
#[derive(Debug, Default)]
pub(super) struct Knocking {
    authid: String,
    method: String,
}

/// A no that is said later. Nothing of the peer is read meanwhile.
#[derive(Debug)]
pub(super) struct Delayed {
    until: Instant,
    farewell: Farewell,
}

/// A login of which the first proof has come and the second has not. Who breaks it off is counted as if it had failed, whatever
/// the first one was: else a throttle that counts, or does not, would tell.
#[derive(Debug)]
pub(super) struct Unfinished {
    logins: Logins,
    attempt: Option<Attempt>,
}

impl Drop for Unfinished {
    fn drop(&mut self) {
        if let Some(attempt) = self.attempt.take() {
            self.logins.failed(attempt);
        }
    }
}

impl SessionActor {
    /// Keeps a login in mind of which one proof has come.
    pub(super) fn note_second(&mut self) {
        if self.unfinished.is_some() || !self.session.awaits_second() {
            return;
        }
        let logins = self.handle.as_ref().map(|handle| handle.shared.logins.clone());
        self.unfinished = logins.map(|logins| Unfinished { logins, attempt: self.attempt });
    }

    /// The login has ended otherwise than by the peer's going away.
    pub(super) fn settle(&mut self) {
        if let Some(mut unfinished) = self.unfinished.take() {
            unfinished.attempt = None;
        }
    }

    /// Counts a login that has proven who it is, where its role has a rate for that.
    ///
    /// # Errors
    /// How long to wait.
    pub(super) fn count_login(&self, identity: &Identity) -> Result<(), Duration> {
        let Some(shared) = self.handle.as_ref().map(|handle| &handle.shared) else { return Ok(()) };
        let rate = shared.rules(identity).and_then(|rules| rules.rate);
        let Some((per_second, burst)) = rate.and_then(|rate| Some((rate.connects?, rate.burst))) else { return Ok(()) };
        let who = if &*identity.authmethod == Method::Anonymous.name() {
            Entrant::At(self.connection.peer_address())
        } else {
            Entrant::Named(&identity.authid)
        };
        shared.logins.admit(ConnectRate { per_second, burst }, (&shared.settings.uri, &identity.authrole), who)
    }

    /// There are too many.
    pub(super) fn refuse_login(&mut self, wait: Duration, ctx: &mut Context<Self>) {
        let action = self.session.too_many_logins(wait);
        self.obey(action, ctx);
    }

    /// Keeps who tries to come in until that is decided.
    pub(super) fn note_knocking(&mut self) {
        if let Some((authid, method)) = self.session.knocking() {
            self.knocking = Knocking { authid: authid.to_owned(), method };
        }
    }

    /// The login has failed: says so now or, if too many were wrong, a little later.
    pub(super) fn fail_login(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        self.settle();
        let Some(handle) = &self.handle else { return self.end(farewell, ctx) };
        let logins = &handle.shared.logins;
        let attempt = self.attempt.take().filter(|_| farewell.ending == Ending::NotAuthenticated);
        let delay = attempt.map(|attempt| logins.failed(attempt)).unwrap_or_default();
        let said = match farewell.message.as_deref() {
            Some(crate::wamp::message::Message::Abort(abort)) => abort.details.message.as_deref(),
            Some(_) | None => None,
        };
        logins.tell(&Failed {
            realm: &handle.shared.settings.uri,
            authid: &self.knocking.authid,
            method: &self.knocking.method,
            peer: self.connection.peer_address(),
            reason: self.session.denied_because().or(said).unwrap_or_default(),
        });
        if delay.is_zero() {
            return self.end(farewell, ctx);
        }
        self.delayed = Some(Delayed { until: clock::now() + delay, farewell });
    }

    /// When what is to be said later is due.
    pub(super) fn delayed_until(&self) -> Option<Instant> {
        let said = self.delayed.as_ref().map(|delayed| delayed.until);
        said.into_iter().chain(self.asking.recalled_at()).min()
    }

    /// Says what was to be said later.
    pub(super) fn end_delayed(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if let Some(delayed) = self.delayed.take_if(|delayed| now >= delayed.until) {
            self.end(delayed.farewell, ctx);
        }
        self.recall_if_due(now, ctx);
    }
}
