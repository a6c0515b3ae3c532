//! The one future of a session actor: polled after each drain of the mailbox, when the socket is ready, and when the timer
//! fires. Reads, lets the commands go, writes, and keeps the timer.

use super::super::clock;
use super::super::keepalive::Due;
use super::ending::Ending;
use super::SessionActor;
use crate::observe::Refusal;
use crate::session::{CloseCode, Ending as Why, Farewell};
use crate::wamp::ErrorUri;
use actix::fut::ActorFuture;
use actix::{ActorContext, Context};
use std::future::Future;
use std::pin::Pin;
use std::task::Poll;
use std::time::Instant;

/// Reads of one wake; then others get their turn.
const READS_PER_WAKE: u32 = 4;

/// Messages of one batch (S2).
const BATCH_MAX: usize = 256;

pub(super) struct Drive;

impl ActorFuture<SessionActor> for Drive {
    type Output = ();

    fn poll(
        self: Pin<&mut Self>,
        session: &mut SessionActor,
        ctx: &mut Context<SessionActor>,
        cx: &mut std::task::Context<'_>,
    ) -> Poll<()> {
        let now = clock::now();
        session.keep_time(now, ctx);
        session.read(now, ctx, cx);
        session.write(now, ctx, cx);
        session.arm(cx);
        Poll::Pending
    }
}

impl SessionActor {
    fn read(&mut self, now: Instant, ctx: &mut Context<Self>, cx: &mut std::task::Context<'_>) {
        let mut reads = 0;
        while self.may_read(now, cx) {
            if !self.commands.is_empty() {
                // What an authorizer has allowed meanwhile.
                self.forward_commands();
                continue;
            }
            if self.arrivals.is_empty() {
                if reads == READS_PER_WAKE {
                    cx.waker().wake_by_ref();
                    return;
                }
                reads += 1;
                if self.read_socket(now, ctx, cx).is_pending() {
                    return;
                }
            }
            self.session.set_time(now);
            for _ in 0..BATCH_MAX {
                if !self.session.takes_messages() || self.ending.has_begun() {
                    break;
                }
                let Some(arrival) = self.arrivals.pop_front() else { break };
                self.on_arrival(arrival, now, ctx);
            }
            self.forward_commands();
        }
    }

    fn read_socket(&mut self, now: Instant, ctx: &mut Context<Self>, cx: &mut std::task::Context<'_>) -> Poll<()> {
        match self.connection.poll_arrivals(cx, &mut self.arrivals) {
            Poll::Pending => return Poll::Pending,
            Poll::Ready(Ok(())) => {
                self.keepalive.heard(now);
                self.show_life();
            }
            Poll::Ready(Err(fault)) => {
                // What came whole before the fault still counts.
                while let Some(arrival) = self.arrivals.pop_front() {
                    self.on_arrival(arrival, now, ctx);
                }
                self.forward_commands();
                self.on_fault(fault, ctx);
            }
        }
        Poll::Ready(())
    }

    /// Whether the socket is read: the state takes messages, the realm has taken the last batch, and the peer reads too.
    fn may_read(&mut self, now: Instant, cx: &mut std::task::Context<'_>) -> bool {
        if self.ending.has_begun() || !self.session.takes_messages() {
            if self.session.is_established() {
                // An authorizer is asked: what shows that the peer lives is not read either.
                self.paused_since.get_or_insert(now);
            }
            return false;
        }
        if !self.credit.is_free_or_wake(cx.waker()) {
            self.paused_since.get_or_insert(now);
            return false;
        }
        if let Some(since) = self.paused_since.take() {
            self.tally.add_read_paused_us(now.duration_since(since).as_micros() as u64);
        }
        self.paused = if self.paused {
            !self.outbox.is_below_resume_mark()
        } else {
            // Its YIELDs are what lets it and others go on (limits, section 3).
            self.open_invocations == 0 && self.outbox.is_above_pause_mark()
        };
        !self.paused
    }

    fn write(&mut self, now: Instant, ctx: &mut Context<Self>, cx: &mut std::task::Context<'_>) {
        self.stage_pong();
        let was_empty = self.outbox.is_empty();
        loop {
            let connection = &self.connection;
            let octets = self.outbox.next(|out, encoded| {
                let start = connection.begin(out);
                out.extend_from_slice(encoded);
                connection.finish(out, start);
            });
            if octets.is_empty() {
                break;
            }
            match self.connection.poll_write(cx, octets) {
                Poll::Ready(Ok(taken)) => {
                    self.outbox.advance(taken);
                    self.progress = now;
                }
                Poll::Ready(Err(_)) => {
                    self.ending = Ending::Over;
                    break;
                }
                Poll::Pending => {
                    self.outbox.block();
                    break;
                }
            }
        }
        if let Poll::Ready(Err(_)) = self.connection.poll_flush(cx) {
            self.ending = Ending::Over;
        }
        if was_empty {
            self.progress = now;
        }
        self.waiting.set(self.outbox.bytes());
        if self.serves_procedures {
            let waiting = (self.outbox.messages(), self.outbox.bytes());
            if waiting != self.told_waiting {
                // The realm's thread reads it: each store costs that thread a cache miss.
                self.told_waiting = waiting;
                self.road.set_outbox(waiting);
            }
            self.say_whether_to_avoid();
        }
        self.outbox.set_halved(self.handle.as_ref().is_some_and(|handle| handle.shared.pressure.is_high()));
        if self.paused && self.outbox.is_below_resume_mark() {
            cx.waker().wake_by_ref();
        }
        self.finish(now, ctx, cx);
    }

    /// Deadlines that have passed.
    fn keep_time(&mut self, now: Instant, ctx: &mut Context<Self>) {
        if self.armed.is_none_or(|armed| now < armed) {
            return;
        }
        self.armed = None;
        if self.ending.is_due(now) {
            self.ending = Ending::Over;
            return;
        }
        if self.ending.has_begun() {
            return;
        }
        self.end_delayed(now, ctx);
        self.tell_overflow_if_due(now);
        if self.session.is_opening() && now >= self.times.handshake_until {
            self.on_handshake_timeout(ctx);
        } else if !self.outbox.is_empty() && now >= self.progress + self.outbox.settings().stall {
            self.cut_slow_consumer("nothing was read for too long", ctx);
        } else {
            match self.keepalive.due(now, self.paused || self.paused_since.is_some()) {
                Due::Nothing => {}
                Due::Ask => self.stage_ping(),
                Due::Gone => {
                    self.tally.refused(Refusal::PingTimeout);
                    let farewell = Farewell { ending: Why::Orderly, message: None, code: CloseCode::POLICY };
                    let action = self.session.end(farewell);
                    self.obey(action, ctx);
                }
            }
        }
        self.outbox.release();
    }

    fn on_handshake_timeout(&mut self, ctx: &mut Context<Self>) {
        let farewell = if self.had_session && self.session.is_awaiting_hello() {
            // The peer has left in order and opens no other session.
            Farewell { ending: Why::Orderly, message: None, code: CloseCode::NORMAL }
        } else {
            self.tally.refused(Refusal::HandshakeTimeout);
            let text = "no WELCOME within the time allowed: HELLO, and AUTHENTICATE if challenged, must come sooner";
            Farewell::abort(Why::HandshakeTimeout, ErrorUri::HANDSHAKE_TIMEOUT, text, CloseCode::POLICY)
        };
        let action = self.session.end(farewell);
        self.obey(action, ctx);
        if !self.ending.has_begun() {
            // A deadline that ends nothing would come again at once, for ever.
            debug_assert!(false, "a session that had ended was still being served");
            self.ending = Ending::Over;
        }
    }

    fn next_deadline(&self) -> Option<Instant> {
        if self.ending.has_begun() {
            return self.ending.until();
        }
        let handshake = self.session.is_opening().then_some(self.times.handshake_until);
        let stall = (!self.outbox.is_empty()).then(|| self.progress + self.outbox.settings().stall);
        let deadlines =
            [handshake, stall, self.keepalive.next_deadline(), self.overflow_log.next_deadline(), self.delayed_until()];
        deadlines.into_iter().flatten().min()
    }

    /// Arms the one timer for the earliest deadline. One that fires early only looks again.
    fn arm(&mut self, cx: &mut std::task::Context<'_>) {
        let Some(deadline) = self.next_deadline() else { return };
        if self.armed.is_some_and(|armed| armed <= deadline) {
            return;
        }
        self.timer.as_mut().reset(deadline.into());
        self.armed = Some(deadline);
        if self.timer.as_mut().poll(cx).is_ready() {
            // Passed meanwhile: the next wake deals with it.
            cx.waker().wake_by_ref();
        }
    }

    /// Ends the actor when all is said, or cannot be.
    fn finish(&mut self, now: Instant, ctx: &mut Context<Self>, cx: &mut std::task::Context<'_>) {
        if self.ending.is_saying() && self.outbox.is_empty() {
            // Lost or not: nothing more can be said.
            if self.connection.poll_shutdown(cx).is_ready() {
                self.ending.said(now);
            }
        }
        if self.ending.is_draining() && self.connection.poll_drain(cx).is_ready() {
            self.ending = Ending::Over;
        }
        if self.ending == Ending::Over {
            self.tie = None;
            ctx.stop();
        }
    }
}
