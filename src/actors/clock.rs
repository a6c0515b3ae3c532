//! The one place that reads the clock. Rooms below are told the time.

use std::time::Instant;

/// The monotonic time.
#[expect(clippy::disallowed_methods, reason = "this is where time comes in")]
pub fn now() -> Instant {
    Instant::now()
}
