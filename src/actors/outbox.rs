//! What waits for one connection: bounded in messages and octets, with a rule for "full".
//!
//! Two stages. Octets that are framed and ready lie in one buffer, so that many messages leave in one write. Once a socket
//! does not take them, further messages wait one by one in a queue, where EVENTs can still be dropped; the buffer is refilled
//! from it. What waits of an EVENT is the one encoding that all its subscribers share, and it is framed when it leaves: a
//! thousand frozen subscribers do not hold a thousand copies (U3). It counts in each of them all the same. An outbox never
//! blocks and never sends by itself.
//! Source: section 3 of the limits; sections 8 and 9 of the architecture.

use super::settings::{OnOverflow, OutboxSettings};
use bytes::Bytes;
use std::collections::VecDeque;

/// Octets that the first stage holds before messages start to queue behind it.
const STAGE_SOFT_MAX: usize = 64 << 10;

/// Octets that are copied from the queue at first and when the socket has just refused some; twice as many with each buffer
/// that it takes whole. One that takes nothing more is left with one message in its buffer in place of 64 KiB: with a thousand
/// of them that was 95 MiB in place of 64 at most (U3).
const REFILL_MIN: usize = 4 << 10;

/// For the same reason, octets beyond which an EVENT is not copied before the socket has taken something, and the size from
/// which that is worth its place in the queue.
const EVENT_STAGE_MAX: usize = 8 << 10;
const WORTH_SHARING: usize = 512;

/// Kept back for what ends something: ABORT, GOODBYE, ERROR, UNSUBSCRIBED, PONG.
const RESERVE: usize = 64 << 10;

/// A buffer larger than this is given back when it has been written out.
const STAGE_KEPT_MAX: usize = 16 << 10;

/// How much may be done to make a message fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// May be dropped, where the policy says so.
    Event,
    /// RESULT, INVOCATION, replies: never dropped.
    Answer,
    /// May use the reserve.
    Ending,
}

/// What became of a message.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Pushed {
    /// It waits, or is on its way.
    Taken,
    /// It, or older EVENTs, were dropped: so many.
    Dropped(u32),
    /// It does not fit and may not be dropped, or the policy is to disconnect: the session is to be cut.
    Full,
}

#[derive(Debug)]
struct Queued {
    is_event: bool,
    octets: Bytes,
    /// Whether `octets` are a whole frame, or an encoded EVENT that others may share.
    is_framed: bool,
}

/// One connection's messages out.
#[derive(Debug)]
pub(crate) struct Outbox {
    settings: OutboxSettings,
    staged: Vec<u8>,
    /// Octets at the start of `staged` that the socket has taken.
    written: usize,
    staged_messages: usize,
    /// Whether the socket took nothing when it was last asked.
    blocked: bool,
    /// Octets that the next refill stops at, from [`REFILL_MIN`] to [`STAGE_SOFT_MAX`].
    refill_max: usize,
    queue: VecDeque<Queued>,
    queued_bytes: usize,
    /// EVENTs dropped since the last one that was delivered.
    missed: u64,
    /// Whether only half of the bounds holds: the node is short of memory.
    halved: bool,
}

impl Outbox {
    pub(crate) fn new(settings: OutboxSettings) -> Self {
        Self {
            settings,
            staged: Vec::new(),
            written: 0,
            staged_messages: 0,
            blocked: false,
            refill_max: REFILL_MIN,
            queue: VecDeque::new(),
            queued_bytes: 0,
            missed: 0,
            halved: false,
        }
    }

    /// The realm's bounds, known from WELCOME on.
    pub(crate) fn set_settings(&mut self, settings: OutboxSettings) {
        self.settings = settings;
    }

    /// Whether only half of the bounds holds.
    pub(crate) fn set_halved(&mut self, halved: bool) {
        self.halved = halved;
    }

    fn bytes_max(&self) -> usize {
        self.settings.bytes_max >> u32::from(self.halved)
    }

    fn messages_max(&self) -> usize {
        self.settings.messages_max >> u32::from(self.halved)
    }

    pub(crate) fn settings(&self) -> &OutboxSettings {
        &self.settings
    }

    /// Octets waiting.
    pub(crate) fn bytes(&self) -> usize {
        self.staged.len() - self.written + self.queued_bytes
    }

    /// Messages waiting; those in the buffer count until all of it is written.
    pub(crate) fn messages(&self) -> usize {
        self.staged_messages + self.queue.len()
    }

    pub(crate) fn is_empty(&self) -> bool {
        self.written == self.staged.len() && self.queue.is_empty()
    }

    /// Whether the session's own input waits (S4).
    pub(crate) fn is_above_pause_mark(&self) -> bool {
        self.bytes() > self.bytes_max() / 2 || self.messages() > self.messages_max() / 2
    }

    /// Whether the session's input is taken again.
    pub(crate) fn is_below_resume_mark(&self) -> bool {
        self.bytes() <= self.bytes_max() / 4 && self.messages() <= self.messages_max() / 4
    }

    /// EVENTs dropped since the last one that was delivered.
    pub(crate) fn missed(&self) -> u64 {
        self.missed
    }

    /// An EVENT that tells what was missed is on its way; starts anew.
    pub(crate) fn told_missed(&mut self) {
        self.missed = 0;
    }

    /// So many EVENTs were dropped before they came here.
    pub(crate) fn miss(&mut self, dropped: u64) {
        self.missed += dropped;
    }

    /// The buffer that a framed message may be appended to, if messages need not queue. The caller then calls
    /// [`Outbox::staged`].
    pub(crate) fn stage(&mut self) -> Option<&mut Vec<u8>> {
        // Half of the messages at most: what lies in the buffer can no longer be dropped for something newer.
        let room = self.queue.is_empty()
            && self.staged.len() - self.written < STAGE_SOFT_MAX.min(self.bytes_max() / 4)
            && self.staged_messages < self.messages_max().div_ceil(2);
        room.then_some(&mut self.staged)
    }

    /// The same for an EVENT of so many octets: while the socket takes nothing, or has been given enough, what others share
    /// queues rather than being copied.
    pub(crate) fn stage_for_event(&mut self, octets: usize) -> Option<&mut Vec<u8>> {
        let given_enough = octets >= WORTH_SHARING && self.staged.len() - self.written >= EVENT_STAGE_MAX;
        if self.blocked || given_enough {
            None
        } else {
            self.stage()
        }
    }

    /// The socket takes nothing now.
    pub(crate) fn block(&mut self) {
        self.blocked = true;
        self.refill_max = REFILL_MIN;
    }

    /// A message was appended to the buffer.
    pub(crate) fn staged(&mut self) {
        self.staged_messages += 1;
    }

    /// Queues a framed message behind the buffer.
    pub(crate) fn push(&mut self, class: Class, framed: Bytes) -> Pushed {
        self.push_queued(class, Queued { is_event: class == Class::Event, octets: framed, is_framed: true })
    }

    /// Queues an encoded EVENT behind the buffer, without a copy.
    pub(crate) fn push_shared(&mut self, encoded: Bytes) -> Pushed {
        self.push_queued(Class::Event, Queued { is_event: true, octets: encoded, is_framed: false })
    }

    fn push_queued(&mut self, class: Class, queued: Queued) -> Pushed {
        let mut dropped = 0;
        while !self.fits(class, queued.octets.len()) {
            match (self.settings.on_overflow, class) {
                (_, Class::Ending) | (OnOverflow::Disconnect, _) => return Pushed::Full,
                (OnOverflow::DropNewest, Class::Event) => {
                    self.missed += 1;
                    return Pushed::Dropped(1);
                }
                (OnOverflow::DropOldest, Class::Event | Class::Answer) | (OnOverflow::DropNewest, Class::Answer) => {
                    if !self.drop_oldest_event() {
                        return Pushed::Full;
                    }
                    dropped += 1;
                }
            }
        }
        self.queued_bytes += queued.octets.len();
        self.queue.push_back(queued);
        if dropped == 0 {
            Pushed::Taken
        } else {
            Pushed::Dropped(dropped)
        }
    }

    fn fits(&self, class: Class, octets: usize) -> bool {
        let reserve = if class == Class::Ending { 0 } else { RESERVE.min(self.bytes_max() / 4) };
        self.bytes() + octets + reserve <= self.bytes_max()
            && (self.messages() < self.messages_max() || class == Class::Ending)
    }

    fn drop_oldest_event(&mut self) -> bool {
        let Some(at) = self.queue.iter().position(|queued| queued.is_event) else { return false };
        if let Some(queued) = self.queue.remove(at) {
            self.queued_bytes -= queued.octets.len();
            self.missed += 1;
        }
        true
    }

    /// The next octets to write; empty when there are none. `frame` appends an encoded message as a frame.
    pub(crate) fn next(&mut self, frame: impl FnMut(&mut Vec<u8>, &[u8])) -> &[u8] {
        if self.written == self.staged.len() {
            self.refill(frame);
        }
        &self.staged[self.written..]
    }

    /// The socket has taken so many of [`Outbox::next`].
    pub(crate) fn advance(&mut self, octets: usize) {
        self.blocked = false;
        self.written += octets;
        if self.written >= self.staged.len() {
            self.staged.clear();
            self.written = 0;
            self.staged_messages = 0;
            if self.queue.is_empty() && self.staged.capacity() > STAGE_KEPT_MAX {
                self.staged = Vec::new();
            }
        }
    }

    fn refill(&mut self, mut frame: impl FnMut(&mut Vec<u8>, &[u8])) {
        if self.refill_max < STAGE_SOFT_MAX && self.staged.capacity() > STAGE_KEPT_MAX {
            self.staged = Vec::new();
        }
        self.staged.clear();
        self.written = 0;
        self.staged_messages = 0;
        while self.staged.len() < self.refill_max {
            let Some(queued) = self.queue.pop_front() else { break };
            self.queued_bytes -= queued.octets.len();
            if queued.is_framed {
                self.staged.extend_from_slice(&queued.octets);
            } else {
                frame(&mut self.staged, &queued.octets);
            }
            self.staged_messages += 1;
        }
        self.refill_max = (self.refill_max * 2).min(STAGE_SOFT_MAX);
    }

    /// Throws away what has not begun to leave: for a session that is cut, so that its last words fit.
    pub(crate) fn discard(&mut self) {
        self.queue.clear();
        self.queued_bytes = 0;
    }

    /// Gives back the buffer of a connection that has nothing to say.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            self.staged = Vec::new();
            self.written = 0;
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
