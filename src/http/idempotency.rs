//! What was answered to requests with an `Idempotency-Key`, so that a retry is answered and not carried out again.
//!
//! Pure: time comes in. Bounded in time, records and octets; the oldest finished record goes first, one that is running is
//! never dropped. Keys and bodies are kept as SHA-256. Records live in one process and end with it.
//! Source: section 9 of the HTTP design.

use super::settings::IdempotencySettings;
use actix_web::http::header::{HeaderName, HeaderValue};
use actix_web::http::StatusCode;
use bytes::Bytes;
use std::collections::{BTreeMap, HashMap};
use std::sync::Arc;
use std::time::Instant;

/// Whose request, with which method on which path, with which key: all of it hashed.
pub(super) type Scope = [u8; 32];

/// A body and how it is written, hashed.
pub(super) type Content = [u8; 32];

/// What a record takes beside its answer, about.
const RECORD_OCTETS: usize = 256;

/// An answer as it is sent, but for what all answers have.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) media_type: &'static str,
    pub(super) headers: Vec<(HeaderName, HeaderValue)>,
    pub(super) body: Bytes,
}

impl Said {
    /// Whether a retry gets it again. After any other answer a retry is carried out.
    fn is_final(&self) -> bool {
        let status = self.status;
        status.is_success() || (status.is_client_error() && !matches!(status.as_u16(), 401 | 403 | 408 | 429))
    }

    fn octets(&self) -> usize {
        RECORD_OCTETS + self.body.len() + self.headers.iter().map(|(_, value)| value.len() + 32).sum::<usize>()
    }
}

/// What is to be done with a request.
#[derive(Clone, PartialEq, Debug)]
pub(super) enum Begun {
    /// It is the first: it is carried out, and [`Records::finish`] is called.
    First,
    /// It was answered so.
    Finished(Arc<Said>),
    /// It is being carried out.
    Running,
    /// The key was used for something else.
    Other,
    /// There is no room, as so many are being carried out.
    Full,
}

#[derive(Debug)]
struct Record {
    content: Content,
    state: State,
}

#[derive(Debug)]
enum State {
    Running,
    Finished { said: Arc<Said>, place: u64 },
}

/// All records of a node.
#[derive(Debug, Default)]
pub(super) struct Records {
    record_by_scope: HashMap<Scope, Record>,
    /// Finished ones, the oldest first, with the time at which each ends.
    finished: BTreeMap<u64, (Instant, Scope)>,
    next: u64,
    octets: usize,
    replays: u64,
}

impl Records {
    /// A request with a key has come.
    pub(super) fn begin(
        &mut self,
        scope: Scope,
        content: Content,
        now: Instant,
        settings: &IdempotencySettings,
    ) -> Begun {
        self.forget_old(now);
        if let Some(record) = self.record_by_scope.get(&scope) {
            if record.content != content {
                return Begun::Other;
            }
            return match &record.state {
                State::Running => Begun::Running,
                State::Finished { said, .. } => {
                    self.replays += 1;
                    Begun::Finished(Arc::clone(said))
                }
            };
        }
        while self.record_by_scope.len() >= settings.entries_max {
            if !self.forget_oldest() {
                return Begun::Full;
            }
        }
        self.record_by_scope.insert(scope, Record { content, state: State::Running });
        Begun::First
    }

    /// The first request with a key was answered; `None`: nobody knows how it ended.
    pub(super) fn finish(&mut self, scope: &Scope, said: Option<Said>, now: Instant, settings: &IdempotencySettings) {
        let said = said.filter(|said| said.is_final() && said.octets() <= settings.octets_max);
        let Some(said) = said else {
            self.record_by_scope.remove(scope);
            return;
        };
        let octets = said.octets();
        while self.octets + octets > settings.octets_max && self.forget_oldest() {}
        let Some(record) = self.record_by_scope.get_mut(scope) else { return };
        record.state = State::Finished { said: Arc::new(said), place: self.next };
        self.finished.insert(self.next, (now + settings.ttl, *scope));
        self.next += 1;
        self.octets += octets;
    }

    /// Times that a stored answer was given.
    pub(super) fn replays(&self) -> u64 {
        self.replays
    }

    fn forget_old(&mut self, now: Instant) {
        while self.finished.first_key_value().is_some_and(|(_, (until, _))| *until <= now) {
            self.forget_oldest();
        }
    }

    /// False if none is finished.
    fn forget_oldest(&mut self) -> bool {
        let Some((place, (_, scope))) = self.finished.pop_first() else { return false };
        if let Some(Record { state: State::Finished { said, place: of_record }, .. }) =
            self.record_by_scope.remove(&scope)
        {
            debug_assert_eq!(place, of_record);
            self.octets -= said.octets();
        }
        true
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;
    use std::time::Duration;

    fn said(status: u16, body: usize) -> Said {
        let body = Bytes::from(vec![b'x'; body]);
        Said {
            status: StatusCode::from_u16(status).unwrap(),
            media_type: "application/json",
            headers: Vec::new(),
            body,
        }
    }

    fn settings() -> IdempotencySettings {
        IdempotencySettings { ttl: Duration::from_secs(10), entries_max: 3, octets_max: 3 * RECORD_OCTETS + 1000 }
    }

    const A: Scope = [1; 32];
    const ONE: Content = [1; 32];
    const TWO: Content = [2; 32];

    #[test]
    fn a_retry_gets_the_stored_answer_one_that_is_too_early_waits_and_another_body_is_refused() {
        let (mut records, now, settings) = (Records::default(), Instant::now(), settings());
        assert_eq!(records.begin(A, ONE, now, &settings), Begun::First);
        assert_eq!(records.begin(A, ONE, now, &settings), Begun::Running);
        assert_eq!(records.begin(A, TWO, now, &settings), Begun::Other);
        records.finish(&A, Some(said(200, 5)), now, &settings);
        assert_eq!(records.begin(A, ONE, now, &settings), Begun::Finished(Arc::new(said(200, 5))));
        assert_eq!(records.begin(A, TWO, now, &settings), Begun::Other);
        assert_eq!(records.begin(A, TWO, now + settings.ttl, &settings), Begun::First);
        assert_eq!(records.replays(), 1);
    }

    #[test]
    fn what_may_end_otherwise_next_time_is_not_stored() {
        for (status, stored) in [(200, true), (202, true), (400, true), (404, true), (409, true), (422, true)]
            .into_iter()
            .chain([(401, false), (403, false), (408, false), (429, false), (500, false), (503, false), (504, false)])
        {
            let (mut records, now, settings) = (Records::default(), Instant::now(), settings());
            records.begin(A, ONE, now, &settings);
            records.finish(&A, Some(said(status, 5)), now, &settings);
            let again = records.begin(A, ONE, now, &settings);
            assert_eq!(matches!(again, Begun::Finished(_)), stored, "{status}");
        }
    }

    #[test]
    fn a_running_request_is_never_dropped_and_the_oldest_finished_one_goes_first() {
        let (mut records, now, settings) = (Records::default(), Instant::now(), settings());
        for scope in [[1; 32], [2; 32], [3; 32]] {
            assert_eq!(records.begin(scope, ONE, now, &settings), Begun::First);
        }
        assert_eq!(records.begin([4; 32], ONE, now, &settings), Begun::Full);
        records.finish(&[2; 32], Some(said(200, 1)), now, &settings);
        records.finish(&[1; 32], Some(said(200, 1)), now, &settings);
        assert_eq!(records.begin([4; 32], ONE, now, &settings), Begun::First);
        assert_eq!(records.begin([1; 32], ONE, now, &settings), Begun::Finished(Arc::new(said(200, 1))));
        assert_eq!(records.begin([3; 32], ONE, now, &settings), Begun::Running);
        // An answer that is larger than all may be is not stored.
        records.finish(&[3; 32], Some(said(200, 5000)), now, &settings);
        assert_eq!(records.begin([3; 32], ONE, now, &settings), Begun::First);
    }

    proptest! {
        /// Whatever happens, no bound is passed and what is counted is what is there.
        #[test]
        fn the_bounds_hold(steps in prop::collection::vec((0_u8..8, 0_u8..3, 0_usize..900, 0_u64..4), 1..200)) {
            let (mut records, mut now, settings) = (Records::default(), Instant::now(), settings());
            for (scope, what, size, pause) in steps {
                now += Duration::from_secs(pause);
                let scope = [scope; 32];
                let running = records.record_by_scope.get(&scope).is_some_and(|r| matches!(r.state, State::Running));
                match what {
                    0 => { records.begin(scope, ONE, now, &settings); }
                    1 if running => records.finish(&scope, Some(said(200, size)), now, &settings),
                    _ if running => records.finish(&scope, None, now, &settings),
                    _ => {}
                }
                prop_assert!(records.record_by_scope.len() <= settings.entries_max);
                prop_assert!(records.octets <= settings.octets_max);
                let octets: usize = records.record_by_scope.values().map(|record| match &record.state {
                    State::Finished { said, .. } => said.octets(),
                    State::Running => 0,
                }).sum();
                prop_assert_eq!(octets, records.octets);
            }
        }
    }
}
