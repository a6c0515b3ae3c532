//! What all streams have: the head of their answer, and the sign that they live. Source: section 10.1 of the HTTP design.

use crate::actors::clock;
use actix_web::http::header::{self, HeaderName, HeaderValue};
use actix_web::{HttpResponse, HttpResponseBuilder};
use std::future::Future;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::{Duration, Instant};
use tokio::time::Sleep;

/// For proxies that would hold a stream back.
const BUFFERING: HeaderName = HeaderName::from_static("x-accel-buffering");

/// A comment that says nothing.
pub(super) const BEAT: &[u8] = b":\n\n";

/// The head of a stream's answer.
pub(super) fn head(media_type: &'static str) -> HttpResponseBuilder {
    let mut response = HttpResponse::Ok();
    response.content_type(media_type).insert_header((BUFFERING, HeaderValue::from_static("no")));
    response.insert_header((header::CACHE_CONTROL, HeaderValue::from_static("no-store")));
    response
}

/// When a stream that has nothing to tell shows that it lives.
#[derive(Debug)]
pub(super) struct Beat {
    every: Duration,
    /// When something was told last.
    spoke: Instant,
    timer: Pin<Box<Sleep>>,
}

impl Beat {
    /// After so long without anything to tell.
    pub(super) fn every(every: Duration) -> Self {
        Self { every, spoke: clock::now(), timer: Box::pin(tokio::time::sleep(every)) }
    }

    /// Something was told.
    pub(super) fn spoke(&mut self) {
        self.spoke = clock::now();
    }

    /// Ready when nothing was told for long; whoever asks then tells something.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<()> {
        while self.timer.as_mut().poll(cx).is_ready() {
            let due = self.spoke + self.every;
            let now = clock::now();
            if due <= now {
                self.timer.as_mut().reset((now + self.every).into());
                // Registers the timer; what is told now is asked after anyway.
                return Poll::Ready(());
            }
            self.timer.as_mut().reset(due.into());
        }
        Poll::Pending
    }
}
