//! What goes out: messages are encoded straight into the outbox, and what the receiver cannot take is answered for.

use super::super::clock;
use super::super::outbox::{Class, Pushed};
use super::super::realm::Overflowed;
use super::SessionActor;
use crate::codec::{self, Fidelity};
use crate::observe::Refusal;
use crate::routing::{Command, Overflow, SharedEvent};
use crate::wamp::message::{Cancel, Error, Message};
use crate::wamp::options::CancelOptions;
use crate::wamp::{CancelMode, ErrorUri, MessageKind, RequestId};
use actix::Context;
use bytes::Bytes;
use std::time::{Duration, Instant};

/// The EVENTs that were dropped since the session began, and how far that is told.
#[derive(Debug, Default)]
pub(super) struct OverflowLog {
    dropped: u64,
    told: u64,
    told_at: Option<Instant>,
}

impl OverflowLog {
    /// Whether something is to be told now.
    fn is_due(&self, now: Instant) -> bool {
        self.dropped > self.told && self.told_at.is_none_or(|at| now >= at + TOLD_AGAIN)
    }

    /// When what is not told yet is to be told.
    pub(super) fn next_deadline(&self) -> Option<Instant> {
        self.told_at.filter(|_| self.dropped > self.told).map(|at| at + TOLD_AGAIN)
    }
}

/// What an EVENT has around its payload, unless its topic is long.
const EVENT_HEAD: usize = 128;

/// What goes on being dropped is told again after this long.
const TOLD_AGAIN: Duration = Duration::from_secs(1);

/// Why a message cannot be given to this receiver.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum Unfit {
    /// Its serialization cannot carry the payload.
    Serialization,
    /// It is larger than the receiver takes.
    Size,
}

impl Unfit {
    fn error(self) -> ErrorUri {
        match self {
            Self::Serialization => ErrorUri::INVALID_ARGUMENT,
            Self::Size => ErrorUri::PAYLOAD_SIZE_EXCEEDED,
        }
    }

    fn text(self) -> &'static str {
        match self {
            Self::Serialization => "the payload cannot be written in the receiver's serialization",
            Self::Size => "the message is larger than the receiver takes",
        }
    }
}

impl SessionActor {
    /// A message of the session itself.
    pub(super) fn send(&mut self, message: Message, ctx: &mut Context<Self>) {
        let class = class_of(message.kind());
        match self.put(class, &message) {
            Ok(Pushed::Taken) => {}
            Ok(Pushed::Dropped(dropped)) => self.count_dropped(dropped),
            Ok(Pushed::Full) => self.cut_slow_consumer("a message for this session did not fit", ctx),
            Err(_) => match without_features(message) {
                Some(welcome) => self.send(welcome, ctx),
                None => self.tally.add_undeliverable(1),
            },
        }
    }

    /// A message of the realm: the same, and what does not fit is answered for.
    pub(super) fn send_from_realm(&mut self, message: Message, ctx: &mut Context<Self>) {
        if self.ending.has_begun() || self.swallows(&message) {
            return;
        }
        self.serves_procedures |= matches!(message, Message::Registered(_));
        match self.put(class_of(message.kind()), &message) {
            Ok(Pushed::Taken) => self.note_invocation(&message),
            Ok(Pushed::Dropped(dropped)) => {
                self.note_invocation(&message);
                self.count_dropped(dropped);
            }
            Ok(Pushed::Full) => {
                // Its callers' haste is not this callee's fault; one that reads nothing is cut when it has stalled.
                if let Message::Invocation(invocation) = message {
                    self.undeliverable(invocation, ErrorUri::NETWORK_FAILURE);
                } else {
                    self.cut_slow_consumer("a message for this session did not fit", ctx);
                }
            }
            Err(unfit) => self.answer_for(message, unfit, ctx),
        }
    }

    /// Counts the calls that the peer has to answer. More input of a call has the id of its first INVOCATION.
    #[inline]
    fn note_invocation(&mut self, message: &Message) {
        let Message::Invocation(invocation) = message else { return };
        if self.last_invocation.is_none_or(|last| last < invocation.request) {
            self.last_invocation = Some(invocation.request);
            self.open_invocations += 1;
        }
    }

    /// An event, encoded once for all receivers of the same serialization.
    pub(super) fn send_event(&mut self, event: &SharedEvent, ctx: &mut Context<Self>) {
        if self.ending.has_begun() {
            return;
        }
        let serialization = self.connection.serialization();
        let mut lossy = false;
        let encoded = event.encoded(serialization, || {
            // Room for all of it: an event of 1 MiB that grows by doubling would wait in 2 MiB.
            let mut octets = Vec::with_capacity(event.message.payload.len() + EVENT_HEAD);
            let message = Message::Event(event.message.clone());
            let fidelity = codec::encode(&message, serialization, &mut octets).ok()?;
            lossy = fidelity == Fidelity::Lossy;
            Some(Bytes::from(octets))
        });
        if lossy {
            self.tally.add_transcode_lossy(1);
        }
        let Some(encoded) = encoded.filter(|octets| octets.len() <= self.connection.peer_message_max()) else {
            // Dropped for this subscriber, and counted (S5, C8).
            self.tally.add_undeliverable(1);
            return;
        };
        // Only an event that tells what was missed has an encoding of its own: what waits is shared under every policy.
        let tells = self.outbox.missed() > 0 && self.outbox.stage().is_some();
        let pushed = if tells { self.put_after_gap(event) } else { self.put_encoded(encoded) };
        self.tally.message_out(MessageKind::Event);
        match pushed {
            Pushed::Taken => {}
            Pushed::Dropped(dropped) => self.count_dropped(dropped),
            Pushed::Full => self.cut_slow_consumer("an event for this session did not fit", ctx),
        }
    }

    fn put_encoded(&mut self, encoded: &Bytes) -> Pushed {
        if let Some(stage) = self.outbox.stage_for_event(encoded.len()) {
            let start = self.connection.begin(stage);
            stage.extend_from_slice(encoded);
            self.connection.finish(stage, start);
            self.outbox.staged();
            return Pushed::Taken;
        }
        self.outbox.push_shared(encoded.clone())
    }

    /// The first event after others were dropped says how many (limits, section 3). To be called while the first stage has room.
    fn put_after_gap(&mut self, event: &SharedEvent) -> Pushed {
        let mut message = event.message.clone();
        message.details.missed = Some(self.outbox.missed());
        if let Some(stage) = self.outbox.stage() {
            stage.reserve(message.payload.len() + EVENT_HEAD);
        }
        match self.put(Class::Event, &message.into()) {
            Ok(pushed) => {
                self.outbox.told_missed();
                pushed
            }
            Err(_) => {
                // Too large with what it tells: as any event that this subscriber cannot be given (S5).
                self.tally.add_undeliverable(1);
                Pushed::Taken
            }
        }
    }

    /// Encodes and frames a message into the outbox.
    fn put(&mut self, class: Class, message: &Message) -> Result<Pushed, Unfit> {
        if self.connection.take(message, &self.session) {
            self.tally.message_out(message.kind());
            return Ok(Pushed::Taken);
        }
        let serialization = self.connection.serialization();
        let max = self.connection.peer_message_max();
        let write = |out: &mut Vec<u8>, connection: &dyn super::Connection| {
            let before = out.len();
            let start = connection.begin(out);
            let body = out.len();
            let outcome = match codec::encode(message, serialization, out) {
                Ok(fidelity) if out.len() - body <= max => Ok(fidelity == Fidelity::Lossy),
                Ok(_) => Err(Unfit::Size),
                Err(_) => Err(Unfit::Serialization),
            };
            if outcome.is_err() {
                out.truncate(before);
            } else {
                connection.finish(out, start);
            }
            outcome
        };
        let (lossy, pushed) = if let Some(stage) = self.outbox.stage() {
            let lossy = write(stage, &*self.connection)?;
            self.outbox.staged();
            (lossy, Pushed::Taken)
        } else {
            let mut frame = Vec::new();
            let lossy = write(&mut frame, &*self.connection)?;
            // It may wait for long, and counts by its length.
            frame.shrink_to_fit();
            (lossy, self.outbox.push(class, frame.into()))
        };
        if lossy {
            self.tally.add_transcode_lossy(1);
        }
        if pushed != Pushed::Full {
            self.tally.message_out(message.kind());
        }
        Ok(pushed)
    }

    /// Puts a whole control frame into the outbox.
    pub(super) fn stage_or_queue(&mut self, class: Class, frame: &[u8]) -> Pushed {
        match self.outbox.stage() {
            Some(stage) => {
                stage.extend_from_slice(frame);
                Pushed::Taken
            }
            None => self.outbox.push(class, Bytes::copy_from_slice(frame)),
        }
    }

    /// A message that this receiver cannot be given: somebody is told, unless it is an event (S5, C8, D32).
    fn answer_for(&mut self, message: Message, unfit: Unfit, ctx: &mut Context<Self>) {
        if unfit == Unfit::Size {
            self.tally.refused(Refusal::MessageTooBig);
        }
        match message {
            Message::Invocation(invocation) => self.undeliverable(invocation, unfit.error()),
            Message::Result(result) => {
                if result.details.progress {
                    self.give_up_call(result.request);
                }
                self.replace_answer(result.request, unfit, ctx);
            }
            Message::Error(error) => self.replace_answer(error.request, unfit, ctx),
            Message::Hello(_)
            | Message::Welcome(_)
            | Message::Abort(_)
            | Message::Challenge(_)
            | Message::Authenticate(_)
            | Message::Goodbye(_)
            | Message::Publish(_)
            | Message::Published(_)
            | Message::Subscribe(_)
            | Message::Subscribed(_)
            | Message::Unsubscribe(_)
            | Message::Unsubscribed(_)
            | Message::Event(_)
            | Message::Call(_)
            | Message::Cancel(_)
            | Message::Register(_)
            | Message::Registered(_)
            | Message::Unregister(_)
            | Message::Unregistered(_)
            | Message::Interrupt(_)
            | Message::Yield(_) => self.tally.add_undeliverable(1),
        }
    }

    fn replace_answer(&mut self, request: RequestId, unfit: Unfit, ctx: &mut Context<Self>) {
        self.tally.add_undeliverable(1);
        let error = Error::reply(MessageKind::Call, request, unfit.error(), unfit.text());
        self.send(error.into(), ctx);
    }

    /// A partial result did not fit: for the caller the call is over, and the callee need not go on.
    fn give_up_call(&mut self, request: RequestId) {
        self.failed_calls.push(request);
        let options = CancelOptions { mode: CancelMode::KillNoWait };
        self.commands.push(Command::Cancel(Cancel { request, options }));
        self.forward_commands();
    }

    /// Whether this is the realm's last word on a call that is over for the caller already.
    fn swallows(&mut self, message: &Message) -> bool {
        if self.failed_calls.is_empty() {
            return false;
        }
        let (request, last) = if let Message::Result(result) = message {
            (result.request, !result.details.progress)
        } else if let Message::Error(error) = message {
            (error.request, true)
        } else {
            return false;
        };
        let Some(at) = self.failed_calls.iter().position(|failed| *failed == request) else { return false };
        if last {
            self.failed_calls.swap_remove(at);
        }
        true
    }

    fn count_dropped(&mut self, dropped: u32) {
        self.tally.add_outbox_dropped(u64::from(dropped));
        self.note_dropped(u64::from(dropped));
    }

    /// Events that were dropped on the road, and counted there.
    pub(super) fn miss(&mut self, dropped: u64) {
        self.outbox.miss(dropped);
        self.note_dropped(dropped);
    }

    fn note_dropped(&mut self, dropped: u64) {
        self.overflow_log.dropped += dropped;
        self.tell_overflow_if_due(clock::now());
    }

    pub(super) fn tell_overflow_if_due(&mut self, now: Instant) {
        if self.overflow_log.is_due(now) {
            self.tally.add_outbox_overflows(1);
            self.tell_overflow(now, false);
        }
    }

    /// Says in the log and in the realm that this session does not read.
    #[expect(clippy::disallowed_methods, reason = "at most one per session and second")]
    pub(super) fn tell_overflow(&mut self, now: Instant, closed: bool) {
        self.overflow_log.told = self.overflow_log.dropped;
        self.overflow_log.told_at = Some(now);
        let settings = self.outbox.settings();
        let overflow = Overflow {
            policy: settings.on_overflow.name(),
            dropped: self.overflow_log.dropped,
            queued_messages: self.outbox.messages() as u64,
            queued_bytes: self.outbox.bytes() as u64,
            closed,
        };
        if let Some(tie) = &self.tie {
            tie.realm.do_send(Overflowed { session: tie.key, overflow, notify: settings.notify });
        }
        tracing::warn!(
            policy = self.outbox.settings().on_overflow.name(),
            dropped = self.overflow_log.dropped,
            queued_messages = self.outbox.messages(),
            queued_bytes = self.outbox.bytes(),
            closed,
            "a session does not read what is sent to it"
        );
    }
}

/// A WELCOME that announces nothing: for a peer that takes 512 octets, which the features alone exceed. `None` if there is
/// nothing to leave out.
fn without_features(message: Message) -> Option<Message> {
    let Message::Welcome(mut welcome) = message else { return None };
    let announced = welcome.details.roles.0.iter().any(|role| !role.features.is_empty());
    welcome.details.roles.0.iter_mut().for_each(|role| role.features.clear());
    announced.then_some(Message::Welcome(welcome))
}

/// What may be done to make a message of this kind fit.
fn class_of(kind: MessageKind) -> Class {
    match kind {
        MessageKind::Event => Class::Event,
        MessageKind::Invocation => Class::Call,
        MessageKind::Abort
        | MessageKind::Goodbye
        | MessageKind::Error
        | MessageKind::Interrupt
        | MessageKind::Unsubscribed => Class::Ending,
        MessageKind::Hello
        | MessageKind::Welcome
        | MessageKind::Challenge
        | MessageKind::Authenticate
        | MessageKind::Publish
        | MessageKind::Published
        | MessageKind::Subscribe
        | MessageKind::Subscribed
        | MessageKind::Unsubscribe
        | MessageKind::Call
        | MessageKind::Cancel
        | MessageKind::Result
        | MessageKind::Register
        | MessageKind::Registered
        | MessageKind::Unregister
        | MessageKind::Unregistered
        | MessageKind::Yield => Class::Answer,
    }
}
