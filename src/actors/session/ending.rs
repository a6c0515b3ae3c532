//! The last second of a connection: last words, close, and giving the peer time to read them.

use super::super::clock;
use super::super::connection::Fault;
use super::super::outbox::Class;
use super::SessionActor;
use crate::observe::Refusal;
use crate::session::{CloseCode, Ending as Why, Farewell};
use actix::Context;
use std::time::{Duration, Instant};

/// What is sent on the way out is best effort: at most this long (section 1 of the limits).
pub(crate) const LAST_WORDS: Duration = Duration::from_secs(1);

/// How far the end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Ending {
    /// It has not begun.
    No,
    /// The last words wait in the outbox.
    Saying { until: Instant },
    /// They are said; what the peer still sends is thrown away until it closes too.
    Draining { until: Instant },
    /// Nothing more to do.
    Over,
}

impl Ending {
    pub(super) fn has_begun(self) -> bool {
        self != Self::No
    }

    pub(super) fn is_saying(self) -> bool {
        matches!(self, Self::Saying { .. })
    }

    pub(super) fn is_draining(self) -> bool {
        matches!(self, Self::Draining { .. })
    }

    pub(super) fn said(&mut self, now: Instant) {
        *self = Self::Draining { until: now + LAST_WORDS };
    }

    pub(super) fn until(self) -> Option<Instant> {
        match self {
            Self::Saying { until } | Self::Draining { until } => Some(until),
            Self::No | Self::Over => None,
        }
    }

    pub(super) fn is_due(self, now: Instant) -> bool {
        self.until().is_some_and(|until| now >= until)
    }
}

impl SessionActor {
    /// Leaves the realm, says the last words and begins to close.
    pub(super) fn end(&mut self, farewell: Farewell, ctx: &mut Context<Self>) {
        if self.ending.has_begun() {
            return;
        }
        self.count_ending(farewell.ending);
        if !farewell.ending.is_the_peers() {
            self.settle();
        }
        // Who goes between two proofs is counted.
        self.unfinished = None;
        // Subscriptions and registrations are gone before the ABORT is written (P1).
        self.tie = None;
        self.arrivals.clear();
        if farewell.ending == Why::SlowConsumer {
            self.outbox.discard();
        }
        if let Some(message) = farewell.message {
            tracing::debug!(why = ?farewell.ending, "session ends");
            self.send(*message, ctx);
        }
        let mut frame = Vec::new();
        self.connection.close(&mut frame, farewell.code);
        self.stage_or_queue(Class::Ending, &frame);
        self.ending = Ending::Saying { until: clock::now() + LAST_WORDS };
    }

    fn count_ending(&self, ending: Why) {
        let refusal = match ending {
            Why::Violation => Refusal::Protocol,
            Why::Undecodable => Refusal::Decode,
            Why::NoSuchRealm => Refusal::NoSuchRealm,
            Why::BadRealm => Refusal::Uri,
            Why::NotAuthenticated | Why::AuthenticatorFailed => Refusal::AuthFailed,
            Why::TooBusy => Refusal::AuthBusy,
            Why::Throttled => Refusal::AuthThrottled,
            Why::Limit => Refusal::Limit,
            Why::RateLimited => Refusal::RateLimited,
            Why::SlowConsumer => Refusal::SlowConsumer,
            Why::Overload => Refusal::Overload,
            // Counted where they are found, or no refusals.
            Why::HandshakeTimeout | Why::Orderly | Why::Shutdown | Why::RealmRestarted | Why::Internal => return,
        };
        self.tally.refused(refusal);
    }

    /// The peer broke the rules below WAMP.
    pub(super) fn on_fault(&mut self, fault: Fault, ctx: &mut Context<Self>) {
        if self.ending.has_begun() {
            return;
        }
        self.tally.refused(fault.refusal);
        tracing::debug!(reason = fault.refusal.name(), text = %fault.text, "connection failed by its peer");
        let mut farewell = Farewell::violation(fault.text);
        farewell.code = fault.code;
        farewell.ending = Why::Orderly;
        if !fault.abort {
            farewell.message = None;
        }
        let action = self.session.end(farewell);
        self.obey(action, ctx);
    }

    /// The peer's transport has closed.
    pub(super) fn on_closed(&mut self, code: Option<u16>, ctx: &mut Context<Self>) {
        let code = code.map_or(CloseCode::NORMAL, CloseCode);
        let action = self.session.end(Farewell { ending: Why::Orderly, message: None, code });
        self.obey(action, ctx);
    }

    /// S1: the outbox is full, or nothing was read for too long.
    pub(super) fn cut_slow_consumer(&mut self, text: &'static str, ctx: &mut Context<Self>) {
        self.tally.add_outbox_overflows(1);
        self.tell_overflow(clock::now(), true);
        let action = self.session.end(Farewell::slow_consumer(text));
        self.obey(action, ctx);
    }
}
