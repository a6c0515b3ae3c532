//! What a request is answered with: bodies octet for octet as those of Crossbar. Errors of the realm are 200, as there; what this
//! router says in other words is said in Crossbar's. Pure. Source: sections 1.3 and 1.5 of the page about Crossbar.

use super::message::Wanted;
use super::rejection::Rejection;
use super::text::{styled, Style};
use crate::codec;
use crate::http::problem::{parts, quoted};
use crate::http::sessions::{Answer, Request};
use crate::http::settings::crossbar::{CrossbarKind, CrossbarSection, Difference, Hook};
use crate::observe::shown;
use crate::wamp::message::Error;
use crate::wamp::uri::is_reserved;
use crate::wamp::{ErrorUri, Serialization, Value};
use actix_web::http::StatusCode;
use bytes::Bytes;

/// A status and a body.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Said {
    pub(super) status: StatusCode,
    pub(super) body: Vec<u8>,
}

impl Said {
    fn new(status: StatusCode, body: impl Into<Vec<u8>>) -> Self {
        Self { status, body: body.into() }
    }
}

/// What is said to somebody who was refused.
pub(super) fn rejected(rejection: &Rejection, section: &CrossbarSection) -> Said {
    if !matches!(rejection, Rejection::Malformed(_)) || !section.is_exact(Difference::MalformedUri) {
        return Said::new(rejection.status(), rejection.body());
    }
    let body = match section.kind {
        CrossbarKind::Caller => {
            error("wamp.error.runtime_error", b"[\"Sorry, Crossbar.io has encountered a problem.\"]", b"{}")
        }
        CrossbarKind::Publisher | CrossbarKind::Webhook(_) => {
            b"{\"error\":\"Unhandled exception in Crossbar.\",\"args\":[],\"kwargs\":{}}".to_vec()
        }
    };
    Said::new(StatusCode::INTERNAL_SERVER_ERROR, body)
}

/// What is said of an answer; `name` is the request's.
pub(super) fn answered(answer: &Answer, wanted: &Wanted, section: &CrossbarSection, name: &str) -> Said {
    if let CrossbarKind::Webhook(hook) = &section.kind {
        return of_hook(answer, hook);
    }
    let body = match answer {
        Answer::Result(payload) => result(&parts(payload)),
        Answer::Published(publication) => format!("{{\"id\":{publication}}}").into_bytes(),
        // All publications are acknowledged.
        Answer::Taken => b"{}".to_vec(),
        Answer::Error(failed) => {
            let (args, kwargs) = parts(&failed.payload);
            let args = in_their_words(failed, &args, wanted).unwrap_or(args);
            error(&failed.error, &args, &kwargs)
        }
        Answer::Ended { reason, detail } => return fault(reason, detail, name),
    };
    Said::new(StatusCode::OK, body)
}

/// X8: a fault that is not the caller's.
pub(super) fn fault(reason: &str, detail: &str, name: &str) -> Said {
    let args = format!("[{}]", quoted(&shown(detail)));
    let kwargs = format!("{{\"request_id\":{}}}", quoted(name));
    Said::new(StatusCode::INTERNAL_SERVER_ERROR, error(reason, args.as_bytes(), kwargs.as_bytes()))
}

/// No answer came in time: an error like any other.
pub(super) fn late(detail: &str) -> Said {
    let args = format!("[{}]", quoted(detail));
    Said::new(StatusCode::OK, error(ErrorUri::TIMEOUT.as_str(), args.as_bytes(), b"{}"))
}

fn of_hook(answer: &Answer, hook: &Hook) -> Said {
    match answer {
        Answer::Published(_) | Answer::Taken => Said::new(StatusCode::ACCEPTED, hook.success_response.as_str()),
        Answer::Result(_) | Answer::Error(_) | Answer::Ended { .. } => {
            Said::new(StatusCode::INTERNAL_SERVER_ERROR, hook.error_response.as_str())
        }
    }
}

/// Arguments and ArgumentsKw, each only where it is not empty; a result of nothing is null.
fn result((args, kwargs): &(Bytes, Bytes)) -> Vec<u8> {
    let (args, kwargs) = (styled(args, Style::Compact), styled(kwargs, Style::Compact));
    match (&args[..], &kwargs[..]) {
        (b"[]", b"{}") => b"{\"args\":[null]}".to_vec(),
        (b"[]", kwargs) => [b"{\"kwargs\":", kwargs, b"}"].concat(),
        (args, b"{}") => [b"{\"args\":", args, b"}"].concat(),
        (args, kwargs) => [b"{\"args\":", args, b",\"kwargs\":", kwargs, b"}"].concat(),
    }
}

fn error(error: &str, args: &[u8], kwargs: &[u8]) -> Vec<u8> {
    let error = quoted(error);
    let parts = [&b"{\"error\":"[..], error.as_bytes(), b",\"args\":", args, b",\"kwargs\":", kwargs, b"}"];
    styled(&parts.concat(), Style::Spaced)
}

/// The arguments of an ERROR that this router itself has made, as Crossbar makes them. A callee's own stay as they are.
fn in_their_words(error: &Error, args: &[u8], wanted: &Wanted) -> Option<Bytes> {
    let Ok(Value::List(args)) = codec::read_value(Serialization::Json, args) else { return None };
    let [Value::Text(said)] = args.as_slice() else { return None };
    let uri = &wanted.uri;
    let is = |known: ErrorUri| error.error.as_str() == known.as_str();
    let theirs = match &wanted.request {
        Request::Call(_)
            if is(ErrorUri::NO_SUCH_PROCEDURE) && *said == format!("no callee has registered procedure {uri}") =>
        {
            format!("no callee registered for procedure <{uri}>")
        }
        Request::Publish(_) if is(ErrorUri::INVALID_URI) && is_reserved(uri) => {
            format!("publish with restricted topic URI '{uri}'")
        }
        Request::Publish(_) if is(ErrorUri::NOT_AUTHORIZED) => {
            format!("session not authorized to publish to topic '{uri}'")
        }
        Request::Call(_) | Request::Publish(_) => return None,
    };
    Some(format!("[{}]", quoted(&theirs)).into())
}
