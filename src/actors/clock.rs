//! The one place that reads the clock. Rooms below are told the time.

use std::time::Instant;

/// The monotonic time.
pub fn now() -> Instant {
    Instant::now()
}
