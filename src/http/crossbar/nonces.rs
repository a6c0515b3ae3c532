//! Nonces that were used, for as long as their timestamps are good (X2 of the HTTP design). One memory for all sections and
//! threads: a request may come in anywhere. It is bounded; where it is full a request is refused, and nothing is forgotten early.

use super::signature::Once;
use std::collections::{BTreeSet, HashSet};
#[expect(clippy::disallowed_types, reason = "for the marks below")]
use std::sync::Mutex;
use std::sync::PoisonError;
use std::time::Instant;

/// Marks that are remembered, about 15 MiB of them: 870 requests a second in a window of 300 s.
const MARKS_MAX: usize = 1 << 18;

/// Why a nonce cannot be used.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(in crate::http) enum NotOnce {
    /// It was, before.
    Used,
    /// There are as many as are remembered.
    Full,
}

/// What was used.
#[derive(Debug, Default)]
pub(in crate::http) struct Nonces(
    #[expect(clippy::disallowed_types, reason = "locked for a look-up, by signed requests of all threads")] Mutex<Used>,
);

#[derive(Debug, Default)]
struct Used {
    marks: HashSet<[u8; 16]>,
    until: BTreeSet<(Instant, [u8; 16])>,
}

impl Nonces {
    /// Uses one.
    ///
    /// # Errors
    /// [`NotOnce`].
    pub(in crate::http) fn take(&self, once: Once, now: Instant) -> Result<(), NotOnce> {
        let mut used = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        used.take(once, now, MARKS_MAX)
    }
}

impl Used {
    fn take(&mut self, once: Once, now: Instant, max: usize) -> Result<(), NotOnce> {
        while let Some((until, mark)) = self.until.first().copied().filter(|(until, _)| *until <= now) {
            self.until.remove(&(until, mark));
            self.marks.remove(&mark);
        }
        if self.marks.contains(&once.mark) {
            return Err(NotOnce::Used);
        }
        if self.marks.len() >= max {
            return Err(NotOnce::Full);
        }
        self.marks.insert(once.mark);
        self.until.insert((now + once.good_for, once.mark));
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    fn once(mark: u8, seconds: u64) -> Once {
        Once { mark: [mark; 16], good_for: Duration::from_secs(seconds) }
    }

    /// X2.
    #[test]
    fn a_nonce_is_good_once_until_its_timestamp_is_good_no_more() {
        let (mut used, now) = (Used::default(), Instant::now());
        let at = |seconds| now + Duration::from_secs(seconds);
        assert_eq!(used.take(once(1, 60), now, 9), Ok(()));
        assert_eq!(used.take(once(1, 60), at(59), 9), Err(NotOnce::Used));
        assert_eq!(used.take(once(2, 60), at(59), 9), Ok(()));
        assert_eq!(used.take(once(1, 60), at(60), 9), Ok(()));
    }

    /// X2, and architecture, invariant 9.
    #[test]
    fn nothing_is_forgotten_early_where_the_memory_is_full() {
        let (mut used, now) = (Used::default(), Instant::now());
        assert_eq!(used.take(once(1, 60), now, 2), Ok(()));
        assert_eq!(used.take(once(2, 30), now, 2), Ok(()));
        assert_eq!(used.take(once(3, 60), now, 2), Err(NotOnce::Full));
        assert_eq!(used.take(once(1, 60), now, 2), Err(NotOnce::Used));
        assert_eq!(used.take(once(3, 60), now + Duration::from_secs(30), 2), Ok(()));
        assert_eq!((used.marks.len(), used.until.len()), (2, 2));
    }
}
