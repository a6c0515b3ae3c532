//! Trace context over HTTP: `traceparent` and `tracestate` of a request become options of what it asks for, a header of its
//! answer, and fields of the log's lines about it.
//!
//! Nothing is looked at and nothing said where `observability.trace_context` is not set. Source: section 5 of the HTTP design;
//! W3C Recommendation "Trace Context".

use super::batch::Batch;
use super::perform::Asked;
use super::request_id::RequestName;
use super::sessions::Request;
use super::settings::RestSettings;
use crate::wamp::TraceContext;
use actix_web::http::header::{HeaderMap, HeaderName, HeaderValue};
use std::borrow::Cow;
use std::sync::Arc;
use tracing::Span;

/// The names of the two headers.
pub(super) const TRACEPARENT: &str = "traceparent";
pub(super) const TRACESTATE: &str = "tracestate";

const PARENT: HeaderName = HeaderName::from_static(TRACEPARENT);
const STATE: HeaderName = HeaderName::from_static(TRACESTATE);

/// The trace of one request, if it names one and traces are handed on.
#[derive(Clone, Debug)]
pub(super) struct Trace(Option<Arc<TraceContext>>);

impl Trace {
    /// Looks into a request's head. Two `traceparent` are none; several `tracestate` are one list.
    pub(super) fn of(headers: &HeaderMap, rest: &RestSettings) -> Self {
        Self(if rest.hands_on_trace { read(headers) } else { None })
    }

    /// Tells it to what is asked for, which may have one of its own.
    pub(super) fn carry(&self, asked: &mut Request) {
        let Some(trace) = &self.0 else { return };
        let place = match asked {
            Request::Call(call) => &mut call.options.trace,
            Request::Publish(publish) => &mut publish.options.trace,
        };
        place.get_or_insert_with(|| Arc::clone(trace));
    }

    /// The same for all that is asked for in one request.
    pub(super) fn carry_all(&self, asked: &mut Asked) {
        match asked {
            Asked::One(asked) => self.carry(asked),
            Asked::Batch(Batch { items, .. }) => items.iter_mut().for_each(|item| self.carry(item)),
        }
    }

    /// Says it in an answer.
    pub(super) fn dress(&self, headers: &mut HeaderMap) {
        let value = self.0.as_ref().and_then(|trace| HeaderValue::from_str(trace.parent()).ok());
        if let Some(value) = value {
            headers.insert(PARENT, value);
        }
    }

    /// What lines of the log about the request tell besides.
    pub(super) fn span(&self, name: &RequestName) -> Span {
        self.0.as_ref().map_or_else(Span::none, |trace| {
            tracing::error_span!("request", request_id = name.as_str(), trace_id = trace.trace_id())
        })
    }
}

fn read(headers: &HeaderMap) -> Option<Arc<TraceContext>> {
    let mut parents = headers.get_all(PARENT);
    let (parent, None) = (parents.next()?.to_str().ok()?, parents.next()) else { return None };
    let mut states = headers.get_all(STATE).map(HeaderValue::to_str);
    let state = match (states.next(), states.next()) {
        (None, _) => None,
        (Some(only), None) => only.ok().map(Cow::Borrowed),
        (Some(_), Some(_)) => {
            let all: Result<Vec<&str>, _> = headers.get_all(STATE).map(HeaderValue::to_str).collect();
            all.ok().map(|all| Cow::Owned(all.join(",")))
        }
    };
    TraceContext::read(parent, state.as_deref())
}

#[cfg(test)]
mod tests {
    use super::*;

    const ONE: &str = "00-0af7651916cd43dd8448eb211c80319c-b7ad6b7169203331-01";

    fn context(lines: &[(HeaderName, &str)], on: bool) -> Option<(String, Option<String>)> {
        let mut headers = HeaderMap::new();
        lines.iter().for_each(|(name, value)| headers.append(name.clone(), HeaderValue::from_str(value).unwrap()));
        let rest = RestSettings { hands_on_trace: on, ..RestSettings::default() };
        let Trace(trace) = Trace::of(&headers, &rest);
        trace.map(|trace| (trace.parent().to_owned(), trace.state().map(ToOwned::to_owned)))
    }

    #[test]
    fn a_request_has_one_traceparent_or_none_and_all_its_tracestates_are_one_list() {
        let of = |lines: &[(HeaderName, &str)]| context(lines, true);
        let one = |state: Option<&str>| Some((ONE.to_owned(), state.map(ToOwned::to_owned)));
        assert_eq!(of(&[]), None);
        assert_eq!(of(&[(PARENT, ONE)]), one(None));
        assert_eq!(of(&[(PARENT, ONE), (PARENT, ONE)]), None);
        assert_eq!(of(&[(STATE, "a=1")]), None);
        assert_eq!(of(&[(PARENT, ONE), (STATE, "a=1")]), one(Some("a=1")));
        assert_eq!(of(&[(STATE, "a=1"), (PARENT, ONE), (STATE, "b=2,c=3")]), one(Some("a=1,b=2,c=3")));
        assert_eq!(of(&[(STATE, "a=1"), (PARENT, ONE), (STATE, "?")]), one(None));
        assert_eq!(context(&[(PARENT, ONE)], false), None);
    }
}
