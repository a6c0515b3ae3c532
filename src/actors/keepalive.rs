//! Signs of life: when to ask for one, and when to give up. Pure.
//!
//! Any octet received counts as life. While the router itself does not read the socket the clock stands: the answer may be
//! lying unread. Source: T7a of the limits, section 7.6 of the reference.

use super::session::Times;
use std::time::{Duration, Instant};

/// What is due.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Due {
    /// Nothing yet.
    Nothing,
    /// Ask now.
    Ask,
    /// The peer is gone.
    Gone,
}

/// One connection's clock.
#[derive(Debug)]
pub(crate) struct Keepalive {
    interval: Duration,
    timeout: Duration,
    suspect_after: Duration,
    heard: Instant,
    asked: Option<Instant>,
    suspect: bool,
    active: bool,
}

impl Keepalive {
    pub(crate) fn new(now: Instant, times: Times, active: bool) -> Self {
        let Times { ping_interval: interval, ping_timeout: timeout, ping_suspect: suspect_after, .. } = times;
        Self { interval, timeout, suspect_after, heard: now, asked: None, suspect: false, active }
    }

    /// The peer is known to answer from now on.
    pub(crate) fn activate(&mut self) {
        self.active = true;
    }

    /// Whether the peer is known to answer.
    pub(crate) fn is_active(&self) -> bool {
        self.active
    }

    /// Octets came.
    pub(crate) fn heard(&mut self, now: Instant) {
        self.heard = now;
        self.asked = None;
        self.suspect = false;
    }

    /// Whether an answer is overdue.
    pub(crate) fn is_suspect(&self) -> bool {
        self.suspect
    }

    /// The next instant at which [`Keepalive::due`] is more than `Nothing`.
    pub(crate) fn next_deadline(&self) -> Option<Instant> {
        self.active.then(|| match self.asked {
            Some(asked) if self.suspect => asked + self.timeout,
            Some(asked) => asked + self.timeout.min(self.suspect_after),
            None => self.heard + self.interval,
        })
    }

    /// What is due at `now`. `paused`: the socket is not being read.
    pub(crate) fn due(&mut self, now: Instant, paused: bool) -> Due {
        if self.next_deadline().is_none_or(|deadline| now < deadline) {
            return Due::Nothing;
        }
        if paused {
            self.heard(now);
            return Due::Nothing;
        }
        if let Some(asked) = self.asked {
            self.suspect = true;
            return if now >= asked + self.timeout { Due::Gone } else { Due::Nothing };
        }
        self.asked = Some(now);
        Due::Ask
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::actors::clock;

    const SECOND: Duration = Duration::from_secs(1);

    fn times(ping_interval: Duration, ping_timeout: Duration) -> Times {
        let handshake_timeout = SECOND;
        Times {
            handshake_until: clock::now(),
            handshake_timeout,
            remote_auth_timeout: handshake_timeout,
            ping_interval,
            ping_timeout,
            ping_suspect: 2 * SECOND,
        }
    }

    fn keepalive(start: Instant) -> Keepalive {
        Keepalive::new(start, times(20 * SECOND, 10 * SECOND), true)
    }

    /// T7a.
    #[test]
    fn a_silent_peer_is_asked_after_the_interval_and_given_up_after_the_timeout() {
        let start = clock::now();
        let mut keepalive = keepalive(start);
        assert_eq!(keepalive.due(start + 19 * SECOND, false), Due::Nothing);
        assert_eq!(keepalive.due(start + 20 * SECOND, false), Due::Ask);
        assert_eq!(keepalive.due(start + 29 * SECOND, false), Due::Nothing);
        assert_eq!(keepalive.due(start + 30 * SECOND, false), Due::Gone);
    }

    /// T7a, U1: a callee whose answer is overdue is suspect until it is heard.
    #[test]
    fn a_peer_whose_answer_is_overdue_is_suspect_until_any_octet_comes() {
        let start = clock::now();
        let mut keepalive = keepalive(start);
        assert_eq!(keepalive.due(start + 20 * SECOND, false), Due::Ask);
        assert_eq!(keepalive.next_deadline(), Some(start + 22 * SECOND));
        assert_eq!(keepalive.due(start + 22 * SECOND, false), Due::Nothing);
        assert!(keepalive.is_suspect());
        assert_eq!(keepalive.next_deadline(), Some(start + 30 * SECOND));
        keepalive.heard(start + 23 * SECOND);
        assert!(!keepalive.is_suspect());
    }

    /// T7a: any received octet counts as life.
    #[test]
    fn any_octet_is_an_answer() {
        let start = clock::now();
        let mut keepalive = keepalive(start);
        assert_eq!(keepalive.due(start + 20 * SECOND, false), Due::Ask);
        keepalive.heard(start + 25 * SECOND);
        assert_eq!(keepalive.due(start + 30 * SECOND, false), Due::Nothing);
        assert_eq!(keepalive.next_deadline(), Some(start + 45 * SECOND));
    }

    /// Section 3 of the limits: the answer may be lying unread.
    #[test]
    fn the_clock_stands_while_the_socket_is_not_read() {
        let start = clock::now();
        let mut keepalive = keepalive(start);
        assert_eq!(keepalive.due(start + 20 * SECOND, false), Due::Ask);
        assert_eq!(keepalive.due(start + 40 * SECOND, true), Due::Nothing);
        assert_eq!(keepalive.due(start + 41 * SECOND, false), Due::Nothing);
    }

    /// Section 6.1 of the configuration.
    #[test]
    fn a_peer_that_may_not_answer_is_never_asked() {
        let start = clock::now();
        let mut keepalive = Keepalive::new(start, times(SECOND, SECOND), false);
        assert_eq!(keepalive.next_deadline(), None);
        assert_eq!(keepalive.due(start + 100 * SECOND, false), Due::Nothing);
        keepalive.activate();
        assert_eq!(keepalive.due(start + 100 * SECOND, false), Due::Ask);
    }
}
