//! The event stream of a session: its messages as server-sent events, and a comment now and then, so that nobody on the way
//! takes the connection for dead. Source: section 7.5 of the reference.

use super::board::Receiving;
use super::exchange::Received;
use bytes::Bytes;
use futures_core::Stream;
use std::convert::Infallible;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::{Instant, Interval, MissedTickBehavior};

const COMMENT: &[u8] = b":\n\n";

/// Ends with its session, or when another request receives.
pub(super) struct Events {
    receiving: Receiving,
    heartbeat: Interval,
    has_ended: bool,
}

impl Events {
    /// With a comment every `heartbeat`.
    pub(super) fn new(receiving: Receiving, heartbeat: Duration) -> Self {
        // The first comment comes at once: it tells that the stream is open.
        let mut heartbeat = tokio::time::interval_at(Instant::now(), heartbeat);
        // Who has not read for long needs no comments of that time.
        heartbeat.set_missed_tick_behavior(MissedTickBehavior::Delay);
        Self { receiving, heartbeat, has_ended: false }
    }
}

impl Stream for Events {
    type Item = Result<Bytes, Infallible>;

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Self::Item>> {
        let events = self.get_mut();
        if events.has_ended {
            return Poll::Ready(None);
        }
        match events.receiving.poll(cx) {
            Poll::Ready(Received::Octets(octets)) => Poll::Ready(Some(Ok(octets))),
            Poll::Ready(Received::Superseded | Received::Ended) => {
                events.has_ended = true;
                Poll::Ready(None)
            }
            Poll::Pending => events.heartbeat.poll_tick(cx).map(|_| Some(Ok(Bytes::from_static(COMMENT)))),
        }
    }
}
