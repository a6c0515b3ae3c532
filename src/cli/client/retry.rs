//! Coming back: after half a second, then twice as long each time, at most half a minute, each a little at random.

use super::connection::Connection;
use super::failure::Failure;
use crate::cli::output::note;
use crate::client::Session;
use std::time::Duration;

const FIRST: Duration = Duration::from_millis(500);
const LONGEST: Duration = Duration::from_secs(30);

/// The pauses between attempts.
#[derive(Clone, Copy, Debug)]
pub(in crate::cli) struct Backoff {
    next: Duration,
}

impl Default for Backoff {
    fn default() -> Self {
        Self { next: FIRST }
    }
}

impl Backoff {
    /// How long to wait; `draw` from 0 to 1 takes up to a half of it away, so that many do not come back at once.
    fn pause(&mut self, draw: f64) -> Duration {
        let pause = self.next.mul_f64(1.0 - draw / 2.0);
        self.next = (self.next * 2).min(LONGEST);
        pause
    }
}

/// Connects until it is in. `first`: whether it is the first time, where a router that cannot be reached is a failure.
///
/// # Errors
/// [`Failure`]: one that will not pass, the first one of all, or any where `reconnects` is false.
pub(in crate::cli) async fn join(
    connection: &Connection,
    backoff: &mut Backoff,
    failure: Failure,
    reconnects: bool,
) -> Result<Session, Failure> {
    let mut failure = failure;
    loop {
        if !reconnects || !failure.may_pass() {
            return Err(failure);
        }
        let pause = backoff.pause(rand::random());
        note(&format!("{}; again in {:.1} s", failure.text(false).unwrap_or_default(), pause.as_secs_f64()));
        tokio::time::sleep(pause).await;
        match connection.join().await {
            Ok(session) => return Ok(session),
            Err(other) => failure = other,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn pauses_double_up_to_half_a_minute_and_differ() {
        let mut backoff = Backoff::default();
        let pauses: Vec<u128> = (0..9).map(|_| backoff.pause(0.0).as_millis()).collect();
        assert_eq!(pauses, [500, 1000, 2000, 4000, 8000, 16000, 30000, 30000, 30000]);
        assert_eq!(Backoff::default().pause(1.0).as_millis(), 250);
    }
}
