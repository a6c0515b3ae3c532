//! What waits for one connection: bounded in messages and octets, with a rule for "full".
//!
//! Two stages. Octets that are framed and ready lie in one buffer, so that many messages leave in one write. Once a socket
//! does not take them, further messages wait one by one in a queue, where EVENTs can still be dropped; the buffer is refilled
//! from it. What waits of an EVENT is the one encoding that all its subscribers share, though it counts in each of them, and it
//! is framed when it leaves: a thousand frozen subscribers do not hold a thousand copies (U3). What was copied and is refused
//! goes back to the queue, but for the first: buffers of 64 KiB made 95 MiB in place of 64 at most. An outbox never blocks and
//! never sends by itself.
//! Source: section 3 of the limits; sections 8 and 9 of the architecture.

use super::settings::{OnOverflow, OutboxSettings};
use bytes::Bytes;
use std::collections::VecDeque;

/// Octets that the first stage holds before messages start to queue behind it.
const STAGE_SOFT_MAX: usize = 64 << 10;

/// Octets that are copied from the queue when the socket has just refused some; twice as many with each buffer that it takes
/// whole. So what is copied in vain is never more than what was taken.
const REFILL_MIN: usize = 4 << 10;

/// Octets set aside for the frames of what is copied.
const FRAMES: usize = 512;

/// Octets from which it is worth a place in the queue not to hold a copy.
const WORTH_SHARING: usize = 512;

/// Kept back for what ends something: ABORT, GOODBYE, ERROR, INTERRUPT, UNSUBSCRIBED, PONG.
const RESERVE: usize = 64 << 10;

/// A buffer larger than this is given back when it has been written out.
const STAGE_KEPT_MAX: usize = 16 << 10;

/// How much may be done to make a message fit.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Class {
    /// May be dropped, where the policy says so.
    Event,
    /// INVOCATION: never dropped, but given back to its realm where it does not fit. Leaves a quarter of the bounds to the rest.
    Call,
    /// RESULT, replies: never dropped.
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
    /// It does not fit and may not be dropped, or the policy is to disconnect. A call goes back; else the session is to be cut.
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
    /// Where the last messages of the buffer begin, and what they were copied from: those that are worth taking back.
    copied: Vec<(usize, Queued)>,
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
            refill_max: STAGE_SOFT_MAX,
            copied: Vec::new(),
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
    #[inline]
    pub(crate) fn stage(&mut self) -> Option<&mut Vec<u8>> {
        // Half of the messages at most: what lies in the buffer can no longer be dropped for something newer.
        let room = self.queue.is_empty()
            && self.staged.len() - self.written < STAGE_SOFT_MAX.min(self.bytes_max() / 4)
            && self.staged_messages < self.messages_max().div_ceil(2);
        if !room {
            return None;
        }
        if !self.copied.is_empty() {
            self.keep_copied();
        }
        Some(&mut self.staged)
    }

    /// What is appended now may not be lost behind what is taken back.
    #[cold]
    fn keep_copied(&mut self) {
        self.copied.clear();
    }

    /// The same for an EVENT of so many octets: what others share is copied when it is written, unless it is small and the
    /// socket takes something.
    pub(crate) fn stage_for_event(&mut self, octets: usize) -> Option<&mut Vec<u8>> {
        if self.blocked || octets >= WORTH_SHARING {
            None
        } else {
            self.stage()
        }
    }

    /// The socket takes nothing now.
    pub(crate) fn block(&mut self) {
        self.blocked = true;
        self.refill_max = REFILL_MIN;
        self.take_back();
    }

    /// Puts back at the head of the queue what was copied and has not begun to leave, but for the first, which is what the
    /// socket is asked to take next.
    fn take_back(&mut self) {
        let mut taken_back = false;
        while self.copied.last().is_some_and(|(start, _)| *start > self.written) {
            let Some((start, queued)) = self.copied.pop() else { break };
            self.staged.truncate(start);
            self.staged_messages -= 1;
            self.queued_bytes += queued.octets.len();
            self.queue.push_front(queued);
            taken_back = true;
        }
        if taken_back {
            self.copied = Vec::new();
            self.staged.drain(..self.written);
            self.written = 0;
            self.staged.shrink_to_fit();
        }
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
                (OnOverflow::DropOldest, Class::Event | Class::Call | Class::Answer)
                | (OnOverflow::DropNewest, Class::Call | Class::Answer) => {
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
        let (bytes_max, messages_max) = match class {
            Class::Ending => (self.bytes_max(), usize::MAX),
            Class::Event | Class::Answer => (self.bytes_max() - RESERVE.min(self.bytes_max() / 4), self.messages_max()),
            Class::Call => (self.bytes_max() - self.bytes_max() / 4, self.messages_max().div_ceil(4) * 3),
        };
        self.bytes() + octets <= bytes_max && self.messages() < messages_max
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
            self.copied.clear();
            self.written = 0;
            self.staged_messages = 0;
            if self.queue.is_empty() && self.staged.capacity() > STAGE_KEPT_MAX {
                self.staged = Vec::new();
            }
        }
    }

    fn refill(&mut self, mut frame: impl FnMut(&mut Vec<u8>, &[u8])) {
        self.staged.clear();
        self.copied.clear();
        self.written = 0;
        self.staged_messages = 0;
        if self.queue.is_empty() {
            return;
        }
        // At once what it takes: a buffer that grows by doubling is copied as often, and ends twice as large.
        let last = self.queue.front().map_or(0, |queued| queued.octets.len());
        self.staged.reserve(self.queued_bytes.min(self.refill_max + last) + FRAMES);
        while self.staged.len() < self.refill_max {
            let Some(queued) = self.queue.pop_front() else { break };
            self.queued_bytes -= queued.octets.len();
            let start = self.staged.len();
            if queued.is_framed {
                self.staged.extend_from_slice(&queued.octets);
            } else {
                frame(&mut self.staged, &queued.octets);
            }
            self.staged_messages += 1;
            if queued.octets.len() < WORTH_SHARING {
                self.copied.clear();
            } else if start > 0 {
                self.copied.push((start, queued));
            }
        }
        self.refill_max = (self.refill_max * 2).min(STAGE_SOFT_MAX);
    }

    /// Throws away what has not begun to leave: for a session that is cut, so that its last words fit.
    pub(crate) fn discard(&mut self) {
        self.queue = VecDeque::new();
        self.queued_bytes = 0;
    }

    /// Gives back the buffer of a connection that has nothing to say.
    pub(crate) fn release(&mut self) {
        if self.is_empty() {
            self.staged = Vec::new();
            self.copied = Vec::new();
            self.written = 0;
            self.queue = VecDeque::new();
        }
    }
}

#[cfg(test)]
mod tests;
