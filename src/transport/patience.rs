//! Ends a connection that the HTTP side has when its socket takes nothing for too long: an answer that nobody reads, a stream
//! whose reader is frozen. Sessions have a clock of their own (S1), and nobody polls a body whose octets are not taken.

use crate::actors::connection::Patience;
use std::future::Future;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use tokio::time::Sleep;

/// The clock of one socket. It runs while octets wait that are not taken; without any it costs nothing.
#[derive(Debug)]
pub(super) struct WriteClock {
    patience: Patience,
    timer: Option<Pin<Box<Sleep>>>,
}

impl WriteClock {
    pub(super) fn new(patience: Patience) -> Self {
        Self { patience, timer: None }
    }

    pub(super) fn patience(&self) -> &Patience {
        &self.patience
    }

    /// What a write has come to, unless nothing was taken for too long.
    pub(super) fn watch<T>(&mut self, cx: &mut Context<'_>, written: Poll<io::Result<T>>) -> Poll<io::Result<T>> {
        if written.is_ready() {
            self.timer = None;
            return written;
        }
        let timer = self.timer.get_or_insert_with(|| Box::pin(tokio::time::sleep(self.patience.get())));
        timer.as_mut().poll(cx).map(|()| Err(io::ErrorKind::TimedOut.into()))
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::poll_fn;
    use std::time::Duration;

    /// S1.
    #[tokio::test]
    async fn a_write_that_takes_nothing_ends_when_patience_does_and_what_is_taken_begins_it_anew() {
        let patience = Patience::default();
        let mut clock = WriteClock::new(patience.clone());
        let pending = || Poll::<io::Result<usize>>::Pending;
        patience.set(Duration::from_secs(3600));
        let mut polled = poll_fn(|cx| Poll::Ready(clock.watch(cx, pending()))).await;
        assert!(polled.is_pending());
        patience.set(Duration::from_millis(20));
        polled = poll_fn(|cx| Poll::Ready(clock.watch(cx, Poll::Ready(Ok(1))))).await;
        assert!(matches!(polled, Poll::Ready(Ok(1))));
        let began = std::time::Instant::now();
        let late = poll_fn(|cx| clock.watch(cx, pending())).await;
        assert_eq!(late.unwrap_err().kind(), io::ErrorKind::TimedOut);
        assert!(began.elapsed() >= Duration::from_millis(20));
    }
}
