//! What the store counts, over all realms. Read by whoever serves metrics; nothing here decides anything.

use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

/// The upper bounds of [`Figures::commits_by_time`], in milliseconds; the last place of that table is for longer ones.
pub const COMMIT_BOUNDS_MS: [u64; 10] = [1, 2, 5, 10, 25, 50, 100, 250, 1000, 5000];

/// The store's figures since its start.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Figures {
    /// Records that are on disk.
    pub committed: u64,
    /// Records that were refused because too much waited to be written.
    pub dropped: u64,
    /// Records whose commit failed, or that came while the store could not write.
    pub failed: u64,
    /// Panics of the store's threads.
    pub panics: u64,
    /// Group commits.
    pub commits: u64,
    /// Time spent on them, in microseconds.
    pub commit_us: u64,
    /// Group commits by how long they took: see [`COMMIT_BOUNDS_MS`].
    pub commits_by_time: [u64; 11],
    /// Whether writing works. Always, where nothing is written.
    pub is_writable: bool,
}

#[derive(Debug, Default)]
pub(super) struct Counters {
    pub(super) committed: AtomicU64,
    pub(super) dropped: AtomicU64,
    pub(super) failed: AtomicU64,
    pub(super) panics: AtomicU64,
    /// 1: writing does not work.
    pub(super) read_only: AtomicU64,
    commit_us: AtomicU64,
    commits_by_time: [AtomicU64; 11],
}

impl Counters {
    pub(super) fn add_commit(&self, took: Duration, records: usize) {
        self.committed.fetch_add(records as u64, Ordering::Relaxed);
        self.commit_us.fetch_add(u64::try_from(took.as_micros()).unwrap_or(u64::MAX), Ordering::Relaxed);
        let place = COMMIT_BOUNDS_MS.iter().position(|bound| took <= Duration::from_millis(*bound));
        if let Some(count) = self.commits_by_time.get(place.unwrap_or(COMMIT_BOUNDS_MS.len())) {
            count.fetch_add(1, Ordering::Relaxed);
        }
    }

    pub(super) fn add(counter: &AtomicU64, number: usize) {
        counter.fetch_add(number as u64, Ordering::Relaxed);
    }

    pub(super) fn figures(&self) -> Figures {
        let of = |counter: &AtomicU64| counter.load(Ordering::Relaxed);
        let mut commits_by_time = [0; 11];
        for (figure, counter) in commits_by_time.iter_mut().zip(&self.commits_by_time) {
            *figure = of(counter);
        }
        Figures {
            committed: of(&self.committed),
            dropped: of(&self.dropped),
            failed: of(&self.failed),
            panics: of(&self.panics),
            commits: commits_by_time.iter().sum(),
            commit_us: of(&self.commit_us),
            commits_by_time,
            is_writable: of(&self.read_only) == 0,
        }
    }
}
