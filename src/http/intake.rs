//! The octets of a request's body, within their bounds. What they mean is somebody else's affair.

use crate::observe::shown;
use actix_web::http::header::{self, HeaderMap};
use actix_web::web;
use bytes::{Bytes, BytesMut};
use futures_util::StreamExt;
use std::time::Duration;

/// Why a body was not read to its end.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) enum NotRead {
    /// It is longer than it may be: so many octets, as far as that is known.
    TooLong(u64),
    /// It did not come in time.
    TooSlow,
    /// It breaks off, or is no body at all. What is said of it is escaped.
    Broken(String),
}

/// Reads a body of at most `max` octets. What is announced to be longer is not read at all.
///
/// # Errors
/// [`NotRead`].
pub(super) async fn octets(
    headers: &HeaderMap,
    payload: &mut web::Payload,
    max: usize,
    timeout: Duration,
) -> Result<Bytes, NotRead> {
    let announced = headers.get(header::CONTENT_LENGTH).and_then(|length| length.to_str().ok()?.parse::<u64>().ok());
    if let Some(length) = announced.filter(|length| *length > max as u64) {
        return Err(NotRead::TooLong(length));
    }
    tokio::time::timeout(timeout, collect(payload, max)).await.unwrap_or(Err(NotRead::TooSlow))
}

async fn collect(payload: &mut web::Payload, max: usize) -> Result<Bytes, NotRead> {
    let mut body = BytesMut::new();
    while let Some(chunk) = payload.next().await {
        let chunk = chunk.map_err(|error| NotRead::Broken(shown(&error.to_string())))?;
        if body.len() + chunk.len() > max {
            return Err(NotRead::TooLong((body.len() + chunk.len()) as u64));
        }
        body.extend_from_slice(&chunk);
    }
    Ok(body.freeze())
}
