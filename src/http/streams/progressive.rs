//! A call whose results come one by one: `POST R/call` with `Accept: text/event-stream` or `application/x-ndjson`.
//!
//! The call goes by a session of its own. Errors before the head have their ordinary status; the head comes with the first
//! result, or after a second; exactly one `result` or `error` is the last. Whoever closes the stream ends the session, and
//! with it the call. Source: section 4.1 of the HTTP design.

use super::live::{self, Beat};
use super::{frame, open, Entered};
use crate::actors::clock;
use crate::codec;
use crate::http::api;
use crate::http::body::bad;
use crate::http::idempotent;
use crate::http::near;
use crate::http::negotiate::{self, StreamForm};
use crate::http::perform::{applied, PREFERENCE_APPLIED};
use crate::http::problem::{parts, Problem, Statuses};
use crate::http::request_id::RequestName;
use crate::http::sessions::own::{AtStop, Ended, Own};
use crate::http::sessions::{Caller, Request};
use crate::http::settings::RestSettings;
use crate::http::Place;
use crate::wamp::message::Message;
use crate::wamp::{ErrorUri, Payload, RequestId, Serialization};
use actix_web::body::{BodySize, MessageBody};
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::Bytes;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::time::Sleep;

/// So long an error may still have a status of its own.
const HEAD_AFTER: Duration = Duration::from_secs(1);

/// Makes the call.
///
/// # Errors
/// What is wrong with the request, and what ends the call before anything is told.
pub(in crate::http) async fn answer(
    request: &HttpRequest,
    place: &web::Data<Place>,
    rest: Arc<RestSettings>,
    caller: &Caller,
    asked: Request,
    form: StreamForm,
    name: &RequestName,
) -> Result<HttpResponse, Problem> {
    if idempotent::key(request.headers())?.is_some() {
        return Err(bad("a call whose results come as a stream takes no Idempotency-Key: a stream is not kept"));
    }
    let wish = negotiate::wait(request.headers());
    let procedure = near::called(&asked);
    let (octets, patience) = checked(asked, wish, &rest, caller)?;
    let entered = Entered::of(rest, caller);
    let mut own = open(request, place, &entered, "stream", AtStop::Finishes).await?;
    let rest = entered.rest;
    // The first of this session, as the CALL's text has it.
    let id = own.next_request();
    own.send_octets(octets);
    let sent = clock::now();
    let applied = wish.and_then(|_| applied(patience)).map(|applied| (PREFERENCE_APPLIED, applied));
    let refuse = |problem: Problem| {
        applied.clone().into_iter().fold(problem, |problem, (name, value)| problem.with(name, value))
    };
    let statuses = Statuses(&rest.status);
    let first = first(&mut own, id, &statuses);
    let first = match tokio::time::timeout(HEAD_AFTER.min(patience), first).await {
        Ok(Said::Failed(problem)) => return near::explained(Err(refuse(problem)), caller, procedure).await,
        Ok(said) => Some(said),
        Err(_) if patience <= HEAD_AFTER => return Err(refuse(late(patience, &rest))),
        Err(_) => None,
    };
    let heartbeat = rest.stream.heartbeat;
    let mut results = Results {
        own: Some(own),
        id,
        form,
        first: None,
        patience,
        deadline: Box::pin(tokio::time::sleep_until((sent + patience).into())),
        beat: (form == StreamForm::Events).then(|| Beat::every(heartbeat)),
        rest,
        name: name.clone(),
    };
    results.first = match first {
        Some(said) => Some(results.tell(said)),
        // Something to read, for proxies that pass on no head alone. Lines have no comments.
        None => results.beat.as_ref().map(|_| Bytes::from_static(live::BEAT)),
    };
    let mut response = live::head(form.media_type());
    if let Some(applied) = applied {
        response.insert_header(applied);
    }
    Ok(response.body(results))
}

/// The CALL as the session is told it, and how long each result of it may take.
///
/// # Errors
/// 400: it cannot be made.
fn checked(
    mut asked: Request,
    wish: Option<Duration>,
    rest: &RestSettings,
    caller: &Caller,
) -> Result<(Bytes, Duration), Problem> {
    if let Request::Call(call) = &mut asked {
        if call.options.progress {
            return Err(bad("option progress needs a session: over HTTP all of a call's input is in its body"));
        }
        // Follows from Accept.
        call.options.receive_progress = false;
    }
    let patience = api::set_deadline(&mut asked, wish, rest, &caller.handle.shared)?;
    let Request::Call(mut call) = asked else { return Err(bad("only calls have results")) };
    call.request = RequestId::FIRST;
    call.options.receive_progress = true;
    let mut octets = Vec::new();
    codec::encode(&call.into(), Serialization::Json, &mut octets)
        .map_err(|error| bad(format!("a call whose results come as a stream is made in JSON: {error}")))?;
    Ok((octets.into(), patience))
}

/// What comes of a call.
enum Said {
    Progress(Payload),
    Result(Payload),
    Failed(Problem),
}

/// The same of what a session says; `None`: it is about something else.
fn said(next: Result<Message, Ended>, id: RequestId, statuses: &Statuses<'_>) -> Option<Said> {
    let message = match next {
        Ok(message) => message,
        Err(Ended { reason, detail }) => return Some(Said::Failed(Problem::ended(&reason, &detail))),
    };
    if let Message::Result(result) = message {
        let said = if result.details.progress { Said::Progress } else { Said::Result };
        (result.request == id).then(|| said(result.payload))
    } else if let Message::Error(error) = message {
        (error.request == id).then(|| Said::Failed(Problem::wamp(statuses, &error)))
    } else {
        None
    }
}

/// What comes first.
async fn first(own: &mut Own, id: RequestId, statuses: &Statuses<'_>) -> Said {
    loop {
        if let Some(said) = said(own.next().await, id, statuses) {
            return said;
        }
    }
}

fn late(patience: Duration, rest: &RestSettings) -> Problem {
    let text = format!("no result came within {} s", patience.as_secs_f32());
    Problem::router(&Statuses(&rest.status), ErrorUri::TIMEOUT, text)
}

/// The body of one stream.
struct Results {
    /// `None`: the last has been told.
    own: Option<Own>,
    id: RequestId,
    form: StreamForm,
    first: Option<Bytes>,
    /// For each result: as in the realm, one that comes gives the next as much time.
    patience: Duration,
    deadline: Pin<Box<Sleep>>,
    beat: Option<Beat>,
    rest: Arc<RestSettings>,
    name: RequestName,
}

impl MessageBody for Results {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let stream = self.get_mut();
        let told = stream.poll(cx);
        if let (Poll::Ready(Some(_)), Some(beat)) = (&told, &mut stream.beat) {
            beat.spoke();
        }
        told.map(|told| told.map(Ok))
    }
}

impl Results {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        let Some(own) = &mut self.own else { return Poll::Ready(None) };
        while let Poll::Ready(next) = own.poll_next(cx) {
            if let Some(said) = said(next, self.id, &Statuses(&self.rest.status)) {
                return Poll::Ready(Some(self.tell(said)));
            }
        }
        if self.deadline.as_mut().poll(cx).is_ready() {
            let late = late(self.patience, &self.rest);
            return Poll::Ready(Some(self.tell(Said::Failed(late))));
        }
        match &mut self.beat {
            Some(beat) => beat.poll(cx).map(|()| Some(Bytes::from_static(live::BEAT))),
            None => Poll::Pending,
        }
    }

    /// As text of the stream. The session leaves with the last one.
    fn tell(&mut self, said: Said) -> Bytes {
        match said {
            Said::Progress(payload) => {
                self.deadline.as_mut().reset((clock::now() + self.patience).into());
                text(self.form, "progress", &payload)
            }
            Said::Result(payload) => {
                self.own = None;
                text(self.form, "result", &payload)
            }
            Said::Failed(problem) => {
                self.own = None;
                let mut out = Vec::new();
                match self.form {
                    StreamForm::Events => frame::named("error", &problem.body(&self.name), &mut out),
                    StreamForm::Lines => {
                        frame::one_line(&problem.typed("error", &self.name), &mut out);
                        out.push(b'\n');
                    }
                }
                out.into()
            }
        }
    }
}

/// A result as text of the stream: `{"args","kwargs"}`, on lines with the event's name as `type`.
fn text(form: StreamForm, event: &str, payload: &Payload) -> Bytes {
    let (args, kwargs) = parts(payload);
    let before = match form {
        StreamForm::Events => format!("event: {event}\ndata: {{"),
        StreamForm::Lines => format!("{{\"type\":\"{event}\","),
    };
    let mut out = Vec::with_capacity(before.len() + args.len() + kwargs.len() + 24);
    out.extend_from_slice(before.as_bytes());
    for (name, json) in [(&b"\"args\":"[..], &args), (b",\"kwargs\":", &kwargs)] {
        out.extend_from_slice(name);
        frame::one_line(json, &mut out);
    }
    out.extend_from_slice(match form {
        StreamForm::Events => b"}\n\n",
        StreamForm::Lines => b"}\n",
    });
    out.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::Value;

    /// Section 4.1.
    #[test]
    fn a_result_is_an_event_or_one_line_with_the_events_name_as_type() {
        let payload = Payload::values(vec![Value::Unsigned(10)], Vec::new());
        let event = text(StreamForm::Events, "progress", &payload);
        assert_eq!(&event[..], b"event: progress\ndata: {\"args\":[10],\"kwargs\":{}}\n\n");
        let line = text(StreamForm::Lines, "result", &Payload::Empty);
        assert_eq!(&line[..], b"{\"type\":\"result\",\"args\":[],\"kwargs\":{}}\n");
    }
}
