//! The processor time of the calling thread.

use nix::time::{clock_gettime, ClockId};
use std::time::Duration;

/// Time that this thread has spent on a core, since it began.
pub(crate) fn thread_time() -> Duration {
    clock_gettime(ClockId::CLOCK_THREAD_CPUTIME_ID).map(Duration::from).unwrap_or_default()
}
