//! What passes between a session and the HTTP side, in memory: messages in, messages out, each behind a length of four octets.
//! Decides nothing; what it does not take waits in the session's outbox.

use crate::actors::lengths::{self, LENGTH};
use bytes::{Buf, Bytes};
use std::collections::VecDeque;
use std::io;
use std::task::{Context, Poll, Waker};

/// Octets that the lane takes at once, unless one message is longer.
pub(super) const TAKEN_MAX: usize = 16 << 10;

/// What passes between a session and the HTTP side.
#[derive(Debug, Default)]
pub(super) struct Lane {
    pub(super) inbox: VecDeque<Bytes>,
    /// The session waits for something to read.
    pub(super) session: Option<Waker>,
    pub(super) leaving: Leaving,
    /// Written by the session and not read yet: messages behind their lengths.
    taken: Bytes,
    /// The session waits for room.
    writer: Option<Waker>,
    reader: Option<Waker>,
    /// The session is gone.
    pub(super) is_over: bool,
}

/// How far its end is.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Default)]
pub(super) enum Leaving {
    #[default]
    No,
    /// The session is to be told.
    Wanted,
    /// It has been told.
    Told,
}

impl Lane {
    pub(super) fn wake_session(&mut self) {
        if let Some(waker) = self.session.take() {
            waker.wake();
        }
    }

    pub(super) fn wake_reader(&mut self) {
        if let Some(waker) = self.reader.take() {
            waker.wake();
        }
    }

    pub(super) fn leave(&mut self) {
        if self.leaving == Leaving::No {
            self.leaving = Leaving::Wanted;
        }
        self.taken = Bytes::new();
        self.wake_session();
        if let Some(waker) = self.writer.take() {
            waker.wake();
        }
    }

    pub(super) fn poll_read(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if self.taken.len() > LENGTH {
            let length = self.taken.get_u32() as usize;
            let octets = self.taken.split_to(length.min(self.taken.len()));
            if self.taken.is_empty() {
                self.taken = Bytes::new();
                if let Some(waker) = self.writer.take() {
                    waker.wake();
                }
            }
            return Poll::Ready(Some(octets));
        }
        if self.is_over {
            return Poll::Ready(None);
        }
        if !self.reader.as_ref().is_some_and(|waker| waker.will_wake(cx.waker())) {
            self.reader = Some(cx.waker().clone());
        }
        Poll::Pending
    }

    /// Takes whole messages, [`TAKEN_MAX`] octets or one.
    pub(super) fn poll_write(&mut self, cx: &mut Context<'_>, octets: &[u8]) -> Poll<io::Result<usize>> {
        if self.leaving != Leaving::No {
            return Poll::Ready(Ok(octets.len()));
        }
        let (mut rest, mut end, mut fitting, mut last) = (octets, 0, 0, false);
        while let Some((message, after)) = lengths::first(rest) {
            rest = after;
            end = octets.len() - rest.len();
            if fitting == 0 || end <= TAKEN_MAX {
                fitting = end;
            }
            last = is_last(message);
            if last {
                break;
            }
        }
        if last {
            // Nobody answers a GOODBYE here, and nothing follows. It is taken with what stands before it even by a lane that is
            // full: a reader that was cut hears why.
            self.leaving = Leaving::Wanted;
            self.wake_session();
            cx.waker().wake_by_ref();
        } else if self.taken.is_empty() {
            end = fitting;
        } else {
            self.writer = Some(cx.waker().clone());
            return Poll::Pending;
        }
        if end == 0 {
            // An outbox gives whole messages: they are taken whole.
            return Poll::Ready(Err(io::ErrorKind::InvalidData.into()));
        }
        let octets = &octets[..end];
        self.taken = if self.taken.is_empty() {
            Bytes::copy_from_slice(octets)
        } else {
            [&self.taken[..], octets].concat().into()
        };
        self.wake_reader();
        Poll::Ready(Ok(end))
    }
}

/// Whether this is a GOODBYE or an ABORT, as our own encoder writes them.
fn is_last(message: &[u8]) -> bool {
    message.starts_with(b"[6,") || message.starts_with(b"[3,")
}
