//! Log lines that a peer can cause: so many each second, and then their number (section 1 of the limits).

use std::cell::Cell;
use std::time::{Duration, Instant};

/// Lines of one kind in one second, for each thread.
const LINES_MAX: u32 = 10;

/// Keeps the lines of one kind and thread within bounds.
#[derive(Debug, Default)]
pub struct Restraint {
    since: Cell<Option<Instant>>,
    lines: Cell<u32>,
    suppressed: Cell<u64>,
}

impl Restraint {
    /// Whether a line may be written at `now`; how many were not since the last one.
    pub fn allow(&self, now: Instant) -> Option<u64> {
        let over = |since| now.saturating_duration_since(since) >= Duration::from_secs(1);
        if self.since.get().is_none_or(over) {
            self.since.set(Some(now));
            self.lines.set(0);
        }
        if self.lines.get() >= LINES_MAX {
            self.suppressed.set(self.suppressed.get() + 1);
            return None;
        }
        self.lines.set(self.lines.get() + 1);
        Some(self.suppressed.take())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Section 1 of the limits.
    #[test]
    fn ten_lines_a_second_and_then_the_number_of_those_left_out() {
        let restraint = Restraint::default();
        let start = crate::actors::clock::now();
        assert_eq!((0..25).filter_map(|_| restraint.allow(start)).collect::<Vec<_>>(), [0; 10]);
        let later = start + Duration::from_secs(1);
        assert_eq!(restraint.allow(later), Some(15));
        assert_eq!(restraint.allow(later), Some(0));
    }
}
