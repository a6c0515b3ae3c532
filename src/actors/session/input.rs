//! What comes in: messages are decoded and judged, control frames counted and answered.

use super::super::connection::Arrival;
use super::super::outbox::{Class, Pushed};
use super::SessionActor;
use crate::codec;
use crate::observe::Refusal;
use crate::session::{petition_of, Action, CloseCode, Ending, Farewell};
use crate::wamp::Message;
use actix::Context;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// Control frames that a peer may send in a second (T7).
const CONTROLS_PER_SECOND: u32 = 100;

/// The control frames of one peer.
#[derive(Debug)]
pub(super) struct Controls {
    since: Instant,
    count: u32,
    /// The question that is answered next; a newer one takes its place, where the transport allows that.
    pong: Option<Bytes>,
}

impl Controls {
    pub(super) fn new(now: Instant) -> Self {
        Self { since: now, count: 0, pong: None }
    }

    /// Counts one; false: there were too many in this second.
    fn count(&mut self, now: Instant) -> bool {
        if now.duration_since(self.since) >= Duration::from_secs(1) {
            self.since = now;
            self.count = 0;
        }
        self.count += 1;
        self.count <= CONTROLS_PER_SECOND
    }
}

impl SessionActor {
    pub(super) fn on_arrival(&mut self, arrival: Arrival, now: Instant, ctx: &mut Context<Self>) {
        match arrival {
            Arrival::Message(octets) => self.on_octets(&octets, now, ctx),
            Arrival::Checked(message) => self.on_message(*message, now, ctx),
            Arrival::Ping(data) => {
                if !self.controls.count(now) {
                    return self.on_control_flood(ctx);
                }
                self.on_ping(data, ctx);
            }
            Arrival::Pong => {
                if !self.controls.count(now) {
                    self.on_control_flood(ctx);
                }
            }
            Arrival::Closed(code) => self.on_closed(code, ctx),
        }
    }

    fn on_octets(&mut self, octets: &Bytes, now: Instant, ctx: &mut Context<Self>) {
        match codec::decode(self.connection.serialization(), octets, &self.limits) {
            Ok(message) => self.on_message(message, now, ctx),
            Err(error) => {
                let mut farewell = Farewell::violation(error.to_string());
                farewell.ending = Ending::Undecodable;
                if error.is_not_utf8() {
                    farewell.code = CloseCode::BAD_TEXT;
                }
                if self.session.is_shutting_down() {
                    return;
                }
                let action = self.session.end(farewell);
                self.obey(action, ctx);
            }
        }
    }

    #[inline]
    fn on_message(&mut self, mut message: Message, now: Instant, ctx: &mut Context<Self>) {
        self.tally.message_in(message.kind());
        if self.session.is_established() {
            return match self.session.judge(&mut message) {
                None => self.forward(message),
                Some(Action::Authorize) => {
                    self.session.hold(message);
                    self.authorize(ctx);
                }
                Some(action) => {
                    self.note_logout(&message);
                    self.note_if_denied(&action, || petition_of(&message));
                    self.obey(action, ctx);
                }
            };
        }
        if self.had_session && self.session.is_awaiting_hello() {
            self.times.handshake_until = now + self.times.handshake_timeout;
        }
        let action = self.session.receive(message);
        self.obey(action, ctx);
    }

    fn on_ping(&mut self, data: Bytes, ctx: &mut Context<Self>) {
        // A peer that asks knows how to answer.
        self.keepalive.activate();
        if self.connection.newest_ping_only() {
            if self.outbox.is_empty() {
                self.stage_pong();
                self.controls.pong = Some(data);
                self.stage_pong();
            } else {
                self.controls.pong = Some(data);
            }
            return;
        }
        let mut frame = Vec::with_capacity(data.len() + 4);
        self.connection.pong(&mut frame, &data);
        if self.stage_or_queue(Class::Ending, &frame) == Pushed::Full {
            self.on_control_flood(ctx);
        }
    }

    fn on_control_flood(&mut self, ctx: &mut Context<Self>) {
        self.tally.refused(Refusal::ControlFlood);
        let farewell = Farewell { ending: Ending::Orderly, message: None, code: CloseCode::POLICY };
        let action = self.session.end(farewell);
        self.obey(action, ctx);
    }

    /// Puts the newest unanswered question's answer between two messages, if there is room.
    pub(super) fn stage_pong(&mut self) {
        if self.controls.pong.is_none() {
            return;
        }
        if let Some(stage) = self.outbox.stage() {
            if let Some(data) = self.controls.pong.take() {
                self.connection.pong(stage, &data);
            }
        }
    }

    pub(super) fn stage_ping(&mut self) {
        let mut frame = Vec::new();
        self.connection.ping(&mut frame);
        // Where it does not fit, the stall clock is what ends the session.
        let _fits_or_stalls = self.stage_or_queue(Class::Ending, &frame);
    }
}
