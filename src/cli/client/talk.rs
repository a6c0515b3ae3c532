//! Requests that are waited for, one at a time.

use super::failure::Failure;
use crate::client::Session;
use crate::codec::payload_args;
use crate::wamp::message::{Call, Cancel};
use crate::wamp::options::{CallOptions, CancelOptions};
use crate::wamp::{Dict, Message, Payload, RequestId, Uri, Value};
use std::future::Future;
use std::time::Duration;

/// How long a router may take for an answer of its own.
const ANSWER: Duration = Duration::from_secs(20);

/// Calls a procedure of the router, and gives the payload of its RESULT.
///
/// # Errors
/// [`Failure`]; [`Failure::Timeout`] after twenty seconds.
pub(in crate::cli) async fn ask(
    session: &mut Session,
    procedure: &str,
    args: Vec<Value>,
    kwargs: Dict,
) -> Result<Payload, Failure> {
    let request = session.next_request();
    let payload = Payload::values(args, kwargs);
    session.send(Call { request, options: CallOptions::default(), procedure: Uri::from(procedure), payload }).await?;
    within(ANSWER, answer(session, request)).await
}

/// The same for its first positional value; null if there is none.
///
/// # Errors
/// As [`ask`].
pub(in crate::cli) async fn ask_value(
    session: &mut Session,
    procedure: &str,
    args: Vec<Value>,
    kwargs: Dict,
) -> Result<Value, Failure> {
    let payload = ask(session, procedure, args, kwargs).await?;
    let args = payload_args(&payload).map_err(|fault| Failure::Fault(fault.to_string()))?;
    Ok(args.into_iter().next().unwrap_or_default())
}

/// Waits no longer than this.
///
/// # Errors
/// [`Failure::Timeout`], or what the work ends with.
pub(in crate::cli) async fn within<T>(
    time: Duration,
    work: impl Future<Output = Result<T, Failure>>,
) -> Result<T, Failure> {
    match tokio::time::timeout(time, work).await {
        Ok(done) => done,
        Err(_) => Err(Failure::Timeout(format!("no answer within {} s", time.as_secs_f64()))),
    }
}

/// The RESULT of a request. Events and the like that come meanwhile are passed over.
async fn answer(session: &mut Session, request: RequestId) -> Result<Payload, Failure> {
    loop {
        let message = session.receive().await?;
        if let Some(payload) = outcome(&message, request)? {
            return Ok(payload);
        }
    }
}

/// The payload, if this is the last RESULT of that request.
///
/// # Errors
/// [`Failure::Wamp`]: it is its ERROR.
pub(in crate::cli) fn outcome(message: &Message, request: RequestId) -> Result<Option<Payload>, Failure> {
    refused(message, request)?;
    if let Message::Result(result) = message {
        if result.request == request && !result.details.progress {
            return Ok(Some(result.payload.clone()));
        }
    }
    Ok(None)
}

/// SUBSCRIBED, PUBLISHED and REGISTERED: what comes to this request and is no ERROR.
///
/// # Errors
/// [`Failure`]: an ERROR, or no answer in time.
pub(in crate::cli) async fn acknowledged(session: &mut Session, request: RequestId) -> Result<Message, Failure> {
    within(ANSWER, async {
        loop {
            let message = session.receive().await?;
            refused(&message, request)?;
            let is_it = matches!(&message, Message::Published(published) if published.request == request)
                || matches!(&message, Message::Subscribed(subscribed) if subscribed.request == request)
                || matches!(&message, Message::Registered(registered) if registered.request == request);
            if is_it {
                return Ok(message);
            }
        }
    })
    .await
}

/// An ERROR to this request is a failure.
fn refused(message: &Message, request: RequestId) -> Result<(), Failure> {
    if let Message::Error(error) = message {
        if error.request == request {
            return Err(Failure::error(&error.error, &error.payload));
        }
    }
    Ok(())
}

/// Takes a call back.
///
/// # Errors
/// [`Failure`].
pub(in crate::cli) async fn cancel(session: &mut Session, request: RequestId) -> Result<(), Failure> {
    Ok(session.send(Cancel { request, options: CancelOptions::default() }).await?)
}
