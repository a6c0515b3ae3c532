//! How often all that is remembered of a name was forgotten: who remembers a login compares, and asks for a new one.
//!
//! Names share counts, of which there is a fixed number: a name may be asked to log in anew because of another one's end.

use std::hash::BuildHasher;
use std::sync::atomic::{AtomicU32, Ordering};

/// Counts of one realm: 1 KiB.
const COUNTS: usize = 256;

/// The counts of one realm's names.
pub(super) struct Forgotten {
    counts: Box<[AtomicU32; COUNTS]>,
    hasher: foldhash::fast::FixedState,
}

impl Default for Forgotten {
    fn default() -> Self {
        let counts = Box::new(std::array::from_fn(|_| AtomicU32::new(0)));
        Self { counts, hasher: foldhash::fast::FixedState::with_seed(rand::random()) }
    }
}

impl Forgotten {
    /// How often.
    pub(super) fn times(&self, authid: &str) -> u32 {
        self.count(authid).map_or(0, |count| count.load(Ordering::Acquire))
    }

    /// Once more.
    pub(super) fn forget(&self, authid: &str) {
        if let Some(count) = self.count(authid) {
            count.fetch_add(1, Ordering::Release);
        }
    }

    fn count(&self, authid: &str) -> Option<&AtomicU32> {
        self.counts.get(self.hasher.hash_one(authid) as usize % COUNTS)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_was_forgotten_has_another_count_and_most_others_have_theirs() {
        let forgotten = Forgotten::default();
        let names: Vec<String> = (0..100).map(|number| format!("name{number}")).collect();
        let before: Vec<u32> = names.iter().map(|name| forgotten.times(name)).collect();
        forgotten.forget("name0");
        assert_ne!(forgotten.times("name0"), before[0]);
        let changed = names.iter().zip(before).filter(|(name, before)| forgotten.times(name) != *before).count();
        assert!((1..10).contains(&changed), "{changed}");
    }
}
