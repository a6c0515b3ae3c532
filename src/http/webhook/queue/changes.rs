//! Which numbers of a queue are to be written down. Without anybody who writes, and however long writing fails, no more of them
//! than deliveries and what was written of them: a delivery that came and went meanwhile is not among them.

use super::Number;
use std::collections::BTreeSet;

#[derive(Debug, Default)]
pub(super) struct Changes {
    /// What has changed since it was written down.
    changed: BTreeSet<Number>,
    /// Of which something may be written down.
    written: BTreeSet<Number>,
}

impl Changes {
    /// There is something else under the number.
    pub(super) fn touch(&mut self, number: Number) {
        self.changed.insert(number);
    }

    /// There is nothing any more.
    pub(super) fn gone(&mut self, number: Number) {
        if self.written.contains(&number) {
            self.changed.insert(number);
        } else {
            self.changed.remove(&number);
        }
    }

    /// It is as it was written down.
    pub(super) fn restored(&mut self, number: Number) {
        self.changed.remove(&number);
        self.written.insert(number);
    }

    /// The next one to be written down. Until it is certain that nothing of it is, it counts as written.
    pub(super) fn next(&mut self) -> Option<Number> {
        let next = self.changed.pop_first()?;
        self.written.insert(next);
        Some(next)
    }

    /// How many are to be written down.
    pub(super) fn len(&self) -> usize {
        self.changed.len()
    }

    /// It is certain that nothing is written down of it.
    pub(super) fn erased(&mut self, number: Number) {
        if !self.changed.contains(&number) {
            self.written.remove(&number);
        }
    }
}
