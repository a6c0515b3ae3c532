//! The one place that reads the clock. Rooms below are told the time.

use crate::wamp::WallTime;
use std::time::{Instant, SystemTime, UNIX_EPOCH};

/// The monotonic time.
pub fn now() -> Instant {
    Instant::now()
}

/// The time of day.
pub fn time_of_day() -> WallTime {
    let since = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default();
    WallTime::default().plus(since)
}
