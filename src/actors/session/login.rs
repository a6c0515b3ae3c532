//! A session actor's login that fails: counted, told to the operator, and answered late where too many were wrong (A2).

use super::super::clock;
use super::super::logins::Failed;
use super::SessionActor;
use crate::session::{Ending, Farewell};
use actix::Context;
use std::time::Instant;

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

impl SessionActor {
    /// Keeps who tries to come in until that is decided.
    pub(super) fn note_knocking(&mut self) {
        if let Some((authid, method)) = self.session.knocking() {
            self.knocking = Knocking { authid: authid.to_owned(), method };
        }
    }

    /// The login has failed: says so now or, if too many were wrong, a little later.
    pub(super) fn fail_login(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
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
