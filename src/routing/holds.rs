//! Sessions whose messages wait: an earlier one of theirs is not answered yet, and what they said after it comes after it (D73).
//!
//! What waits is bounded outside: a session has one batch under way, and gets no new credit while it is held.

use super::command::Command;
use super::key::{PerSession, SessionKey};
use std::collections::VecDeque;

/// The sessions that are held, each with what it has said since.
#[derive(Debug, Default)]
pub(crate) struct Holds {
    waiting: PerSession<VecDeque<Command>>,
}

impl Holds {
    /// From now on the session's messages wait.
    pub(crate) fn hold(&mut self, session: SessionKey) {
        if !self.is_held(session) {
            self.waiting.insert(session, VecDeque::new());
        }
    }

    /// Whether its messages wait.
    #[inline]
    pub(crate) fn is_held(&self, session: SessionKey) -> bool {
        self.waiting.len() > 0 && self.waiting.get(session).is_some()
    }

    /// Lets a message wait, behind the others.
    pub(crate) fn push(&mut self, session: SessionKey, command: Command) {
        if let Some(waiting) = self.waiting.get_mut(session) {
            waiting.push_back(command);
        }
    }

    /// The session goes on, or is gone: what has waited, in order.
    pub(crate) fn release(&mut self, session: SessionKey) -> VecDeque<Command> {
        self.waiting.remove(session).unwrap_or_default()
    }

    /// Puts back what waits again, before anything newer.
    pub(crate) fn put_back(&mut self, session: SessionKey, mut earlier: VecDeque<Command>) {
        if let Some(waiting) = self.waiting.get_mut(session) {
            earlier.append(waiting);
            *waiting = earlier;
        }
    }

    /// The first rule that does not hold, if any.
    pub(crate) fn broken_invariant(&self, alive: impl Fn(SessionKey) -> bool) -> Option<&'static str> {
        self.waiting.keys().any(|session| !alive(session)).then_some("a session that is gone has no messages waiting")
    }
}
