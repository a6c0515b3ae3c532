//! When a delivery is tried again: the delays of Standard Webhooks, each with up to a tenth more, so that what failed together
//! does not come back together. Times are milliseconds since 1970, from whoever asks.

use std::time::Duration;

/// What is waited after the first attempt, the second, and so on; after the last one nothing is left to be tried.
const DELAYS: [Duration; 9] = [
    Duration::from_secs(5),
    Duration::from_secs(5 * 60),
    Duration::from_secs(30 * 60),
    Duration::from_secs(2 * 3600),
    Duration::from_secs(5 * 3600),
    Duration::from_secs(10 * 3600),
    Duration::from_secs(14 * 3600),
    Duration::from_secs(20 * 3600),
    Duration::from_secs(24 * 3600),
];

/// Attempts of one delivery, which the configuration knows too.
#[cfg(test)]
const ATTEMPTS_MAX: u32 = DELAYS.len() as u32 + 1;

/// The longest `Retry-After` that is obeyed.
const RETRY_AFTER_MAX: Duration = Duration::from_secs(24 * 3600);

/// What an endpoint that is slowed down waits for the first time, and at most.
const PACE_FIRST: Duration = Duration::from_secs(1);
const PACE_MAX: Duration = Duration::from_secs(60);

/// When the next attempt is due, after so many; `None`: there is none. `draw` is from 0 to 1.
pub(super) fn next(
    now: u64,
    attempts: u32,
    attempts_max: u32,
    retry_after: Option<Duration>,
    draw: f64,
) -> Option<u64> {
    if attempts >= attempts_max {
        return None;
    }
    let delay = *DELAYS.get(usize::try_from(attempts.checked_sub(1)?).ok()?)?;
    let delay = delay + delay.mul_f64(draw.clamp(0.0, 1.0) / 10.0);
    let asked = retry_after.unwrap_or_default().min(RETRY_AFTER_MAX);
    Some(now.saturating_add(milliseconds(delay.max(asked))))
}

/// How long an endpoint that has said 429, 502, 503 or 504 is left alone, after it was left alone for `before`.
pub(super) fn pace(before: Option<Duration>, retry_after: Option<Duration>) -> Duration {
    let pace = before.map_or(PACE_FIRST, |before| (before * 2).min(PACE_MAX));
    pace.max(retry_after.unwrap_or_default().min(RETRY_AFTER_MAX))
}

pub(super) fn milliseconds(time: Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// Section 12.1.
    #[test]
    fn attempts_follow_the_schedule_and_end_with_the_tenth() {
        let mut now = 0;
        let mut waited = Vec::new();
        for attempts in 1..=ATTEMPTS_MAX {
            let Some(due) = next(now, attempts, ATTEMPTS_MAX, None, 0.0) else { break };
            waited.push((due - now) / 1000);
            now = due;
        }
        assert_eq!(waited, [5, 300, 1800, 7200, 18_000, 36_000, 50_400, 72_000, 86_400]);
        assert_eq!(next(0, 3, 3, None, 0.0), None);
        assert_eq!(next(7, 2, 3, None, 1.0), Some(7 + 330_000));
    }

    #[test]
    fn what_an_endpoint_asks_for_is_waited_for_at_least_and_a_day_at_most() {
        let seconds = |seconds| Some(Duration::from_secs(seconds));
        assert_eq!(next(0, 1, 10, seconds(60), 0.0), Some(60_000));
        assert_eq!(next(0, 2, 10, seconds(60), 0.0), Some(300_000));
        assert_eq!(next(0, 1, 10, seconds(10_000_000), 0.0), Some(86_400_000));
        assert_eq!(pace(None, None), Duration::from_secs(1));
        assert_eq!(pace(seconds(40), None), Duration::from_secs(60));
        assert_eq!(pace(None, seconds(120)), Duration::from_secs(120));
    }

    proptest! {
        #[test]
        fn a_delay_is_lengthened_by_a_tenth_at_most(attempts in 1..ATTEMPTS_MAX, now in 0..1u64 << 50, draw in 0.0..1.0f64) {
            let bare = next(now, attempts, ATTEMPTS_MAX, None, 0.0).unwrap() - now;
            let drawn = next(now, attempts, ATTEMPTS_MAX, None, draw).unwrap() - now;
            prop_assert!(bare <= drawn && drawn <= bare + bare / 10);
        }
    }
}
