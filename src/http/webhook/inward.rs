//! `POST /hooks/{name}`: a hook is verified and then published, or called with, by the hook's own role. Source: section 12.2 of
//! the HTTP design.
//!
//! Whoever is not whom he should be is told nothing but that; the log has the reason, a few lines each second.

use super::running::{identity, METHOD};
use super::settings::{HookAction, HookIn, HookPayload};
use crate::actors::clock;
use crate::auth::webhook::{seconds, Claim, CrossbarSigned, Proven, SeenIds};
use crate::auth::TOO_MANY_ATTEMPTS;
use crate::codec::{self, Limits};
use crate::http::api::{self, not_found};
use crate::http::body;
use crate::http::crossbar::{Nonces, NotOnce, Once};
use crate::http::guesses::Try;
use crate::http::negotiate;
use crate::http::perform;
use crate::http::problem::{quoted, Problem, Statuses};
use crate::http::request_id::RequestName;
use crate::http::route::decoded;
use crate::http::sessions::{Answer, Key, Request, Who};
use crate::http::settings::RestSettings;
use crate::http::told;
use crate::http::trace::Trace;
use crate::http::Place;
use crate::observe::{Refusal, Restraint};
use crate::wamp::{ErrorUri, Message, MessageKind, Serialization, Uri, WallTime};
use actix_web::http::header::{self, HeaderMap, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use bytes::Bytes;
use std::sync::Arc;
use tracing::Instrument;

const ALLOW: &str = "OPTIONS, POST";

thread_local! {
    static FAULTS: Restraint = Restraint::default();
}

/// One hook, with the ids that came in lately.
pub(in crate::http) struct Entrance {
    hook: Arc<HookIn>,
    #[expect(
        clippy::disallowed_types,
        reason = "one memory for the request handlers of all threads; locked for a look-up"
    )]
    seen: Arc<std::sync::Mutex<SeenIds>>,
}

impl Entrance {
    /// With what `former` remembers.
    pub(super) fn new(hook: Arc<HookIn>, former: Option<&Self>) -> Self {
        Self { hook, seen: former.map(|former| Arc::clone(&former.seen)).unwrap_or_default() }
    }

    /// A panic while it was locked has left it as it was.
    fn seen<T>(&self, act: impl FnOnce(&mut SeenIds) -> T) -> T {
        act(&mut self.seen.lock().unwrap_or_else(std::sync::PoisonError::into_inner))
    }
}

pub(in crate::http) fn configure(services: &mut web::ServiceConfig) {
    services.service(web::scope("/hooks").default_service(web::to(serve)));
}

async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    let trace = Trace::of(request.headers(), &rest);
    let span = trace.span(&name);
    let response = match answer(&request, &mut payload, &place, (&rest, &trace)).instrument(span.clone()).await {
        Ok(response) => response,
        Err(problem) => span.in_scope(|| place.respond_unread(problem, &name, payload)),
    };
    let mut response = api::dress(response, &name);
    trace.dress(response.headers_mut());
    place.note("hooks", &response, since);
    response
}

async fn answer(
    request: &HttpRequest,
    payload: &mut web::Payload,
    place: &Place,
    (rest, trace): (&RestSettings, &Trace),
) -> Result<HttpResponse, Problem> {
    let no_hook = || not_found("no hook has this path; hooks are POST /hooks/{name}");
    let name = request.uri().path().strip_prefix("/hooks/").and_then(|name| decoded(name).ok());
    let name = name.as_deref().filter(|name| !name.is_empty()).ok_or_else(no_hook)?;
    let entrance = place.state.webhooks.entrance(name).ok_or_else(no_hook)?;
    match *request.method() {
        Method::POST if !api::is_upgrade(request) => {}
        Method::OPTIONS => return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, ALLOW)).finish()),
        _ => {
            let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, "this path takes POST");
            return Err(problem.with(header::ALLOW, HeaderValue::from_static(ALLOW)).uncounted());
        }
    }
    let hook = &*entrance.hook;
    let handle = api::find_realm(place, &hook.realm).await.ok_or_else(no_hook)?;
    let statuses = Statuses(&rest.status);
    let authid = identity(name, &hook.role).authid;
    let tried = Try::begin(&handle.shared, &authid, request.peer_addr()).ok_or_else(|| throttled(name, &statuses))?;
    let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
    let (query, now) = (request.uri().query().unwrap_or_default(), clock::time_of_day());
    let proven = match hook.verifier.verify(|name| only(request.headers(), name), query, &body, now) {
        Ok(proven) => proven,
        Err(wrong) => {
            let problem = refuse(name, wrong.reason, &statuses);
            if wrong.is_guess {
                tried.was_wrong().await;
            }
            return Err(problem);
        }
    };
    let mut asked = asked(hook, request.headers(), &body)?;
    trace.carry(&mut asked);
    let nonces = &place.state.nonces;
    let claimed = claim(&entrance, &proven, now, |signed| once(name, signed, nonces, &statuses))?;
    let Some(claimed) = claimed else { return Ok(HttpResponse::Accepted().finish()) };
    let (answered, is_done) = exchange(request, place, (name, hook), handle, asked, rest).await;
    claimed.end(is_done);
    answered
}

/// The value of a header that is there once.
fn only<'a>(headers: &'a HeaderMap, name: &str) -> Option<&'a str> {
    let mut lines = headers.get_all(name);
    let line = lines.next()?.to_str().ok()?;
    lines.next().is_none().then_some(line)
}

fn refuse(name: &str, reason: &'static str, statuses: &Statuses<'_>) -> Problem {
    tell(name, reason);
    Problem::router(statuses, ErrorUri::AUTHENTICATION_DENIED, "this hook has not proven from whom it is")
        .counted(Refusal::AuthFailed)
}

/// A2.
fn throttled(name: &str, statuses: &Statuses<'_>) -> Problem {
    tell(name, TOO_MANY_ATTEMPTS);
    Problem::router(statuses, ErrorUri::TOO_MANY_ATTEMPTS, TOO_MANY_ATTEMPTS).counted(Refusal::AuthThrottled)
}

/// For the operator, with restraint.
fn tell(name: &str, reason: &'static str) {
    if let Some(suppressed) = FAULTS.with(|faults| faults.allow(clock::now())) {
        tracing::warn!(webhook = name, reason, suppressed, "a hook was refused");
    }
}

/// Uses a nonce, which is the hook's own: a section of `rest.crossbar` with its name has others.
fn once(name: &str, signed: &CrossbarSigned, nonces: &Nonces, statuses: &Statuses<'_>) -> Result<(), Problem> {
    let Some(once) = Once::of(&["webhooks.in", name], signed) else { return Ok(()) };
    nonces.take(once, clock::now()).map_err(|fault| match fault {
        NotOnce::Used => refuse(name, "the nonce was used before", statuses),
        NotOnce::Full => full(),
    })
}

fn full() -> Problem {
    Problem::http(StatusCode::SERVICE_UNAVAILABLE, "too many hooks came lately: come back later")
}

/// An id that this request is to act on. Left alone, as when its sender has gone, it is free again.
struct Claimed<'a>(&'a Entrance, Option<String>);

impl Claimed<'_> {
    fn end(mut self, is_done: bool) {
        if let Some(id) = self.1.take() {
            self.0.seen(|seen| if is_done { seen.done(&id) } else { seen.release(&id) });
        }
    }
}

impl Drop for Claimed<'_> {
    fn drop(&mut self) {
        if let Some(id) = self.1.take() {
            self.0.seen(|seen| seen.release(&id));
        }
    }
}

/// `None`: it was acted on already. `once` uses what is good once.
fn claim<'a>(
    entrance: &'a Entrance,
    proven: &Proven,
    now: WallTime,
    once: impl FnOnce(&CrossbarSigned) -> Result<(), Problem>,
) -> Result<Option<Claimed<'a>>, Problem> {
    let (id, until) = match proven {
        Proven::Anew => return Ok(Some(Claimed(entrance, None))),
        Proven::Once(signed) => return once(signed).map(|()| Some(Claimed(entrance, None))),
        Proven::Id(id, until) => (id, *until),
    };
    match entrance.seen(|seen| seen.claim(id, seconds(now), until)) {
        Claim::Fresh => Ok(Some(Claimed(entrance, Some(id.clone())))),
        Claim::Repeat => Ok(None),
        Claim::UnderWay => {
            Err(Problem::http(StatusCode::SERVICE_UNAVAILABLE, "a hook of this id is under way: come back later"))
        }
        Claim::Full => Err(full()),
    }
}

/// The PUBLISH or CALL.
fn asked(hook: &HookIn, headers: &HeaderMap, body: &Bytes) -> Result<Request, Problem> {
    let (args, kwargs) = match hook.payload {
        HookPayload::Raw => (raw(headers, body, hook.verifier.header()), None),
        HookPayload::Json => {
            let members = codec::members(Serialization::Json, body, &Limits::default());
            match members.map_err(|error| body::bad(error.to_string()))? {
                Ok(_) => (b"[]".to_vec(), Some(body.clone())),
                Err(_) => {
                    // Looked at whole, so that what is put between brackets is one argument.
                    codec::read_value(Serialization::Json, body).map_err(|error| body::bad(error.to_string()))?;
                    ([b"[", &body[..], b"]"].concat(), None)
                }
            }
        }
    };
    let (kind, options, uri): (_, &[u8], &Uri) = match &hook.action {
        HookAction::Publish(topic) => (MessageKind::Publish, b"{\"acknowledge\":true}", topic),
        HookAction::Call(procedure) => (MessageKind::Call, b"{}", procedure),
    };
    let text = body::splice(kind, options, quoted(uri).as_bytes(), Some(&args), kwargs.as_deref());
    let message = codec::decode(Serialization::Json, &text, &Limits::default());
    let message = message.map_err(|error| body::bad(error.to_string()))?;
    if let Message::Publish(publish) = message {
        Ok(Request::Publish(publish))
    } else if let Message::Call(call) = message {
        Ok(Request::Call(call))
    } else {
        // The code that was written is one of the two.
        Err(body::bad("the body is no request"))
    }
}

/// One argument: headers and body, as Crossbar's bridge has them. What proves somebody is left out.
fn raw(headers: &HeaderMap, body: &[u8], proof: Option<&str>) -> Vec<u8> {
    let told = told::lines(headers, &[proof.unwrap_or("cookie"), "authorization", "cookie"]);
    let body = match std::str::from_utf8(body) {
        Ok(text) => text.to_owned(),
        // How binaries are written in WAMP's JSON.
        Err(_) => format!("\0{}", STANDARD.encode(body)),
    };
    serde_json::json!([{ "headers": told, "body": body }]).to_string().into_bytes()
}

/// Asks by the hook's session. Whether it was acted on, so that a repeat is none.
async fn exchange(
    request: &HttpRequest,
    place: &Place,
    (name, hook): (&str, &HookIn),
    handle: crate::actors::RealmHandle,
    mut asked: Request,
    rest: &RestSettings,
) -> (Result<HttpResponse, Problem>, bool) {
    let statuses = Statuses(&rest.status);
    let deadline = match api::set_deadline(&mut asked, None, rest, &handle.shared) {
        Ok(deadline) => deadline,
        Err(problem) => return (Err(problem), false),
    };
    let identity = identity(name, &hook.role);
    let key = Key {
        realm: handle.shared.settings.uri.clone(),
        authmethod: METHOD.into(),
        authrole: Arc::clone(&identity.authrole),
        who: Who::Authid(Arc::clone(&identity.authid)),
    };
    let caller = api::caller(request, place, key, handle, identity);
    let Ok(answered) = tokio::time::timeout(deadline, place.state.sessions.ask(&caller, asked)).await else {
        let text = format!("no answer came within {} s", deadline.as_secs_f32());
        return (Err(Problem::router(&statuses, ErrorUri::TIMEOUT, text)), false);
    };
    match answered.answer {
        Answer::Published(publication) => {
            let body = format!("{{\"id\":{publication}}}");
            (Ok(HttpResponse::Accepted().content_type(negotiate::JSON).body(body)), true)
        }
        // What the callee has said is final, also where it is an error of its own.
        answer @ (Answer::Result(_) | Answer::Error(_)) => {
            let said = say(answer, &statuses, place);
            let is_done = said.as_ref().map_or_else(|problem| !problem.status().is_server_error(), |_| true);
            (said, is_done)
        }
        answer @ (Answer::Taken | Answer::Ended { .. }) => (say(answer, &statuses, place), false),
    }
}

/// An answer in JSON.
fn say(answer: Answer, statuses: &Statuses<'_>, place: &Place) -> Result<HttpResponse, Problem> {
    let (status, body) = perform::say(answer, Serialization::Json, statuses, place)?;
    Ok(HttpResponse::build(status).content_type(negotiate::JSON).body(body))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::auth::webhook::Verifier;
    use crate::auth::Secret;
    use actix_web::http::header::HeaderName;

    fn hook(payload: HookPayload, action: HookAction) -> HookIn {
        let (realm, role) = ("main".to_owned(), "backend".to_owned());
        HookIn { realm, role, verifier: Verifier::github(Secret::new("k".to_owned())), action, payload }
    }

    fn text(hook: &HookIn, lines: &[(&'static str, &'static str)], body: &[u8]) -> Result<String, u16> {
        let mut headers = HeaderMap::new();
        for (name, value) in lines {
            headers.append(HeaderName::from_static(name), HeaderValue::from_static(value));
        }
        let asked =
            asked(hook, &headers, &Bytes::copy_from_slice(body)).map_err(|problem| problem.status().as_u16())?;
        let message = match asked {
            Request::Publish(publish) => Message::Publish(publish),
            Request::Call(call) => Message::Call(call),
        };
        let mut text = Vec::new();
        codec::encode(&message, Serialization::Json, &mut text).unwrap();
        Ok(String::from_utf8(text).unwrap())
    }

    /// Section 12.2.
    #[test]
    fn a_raw_hook_is_headers_and_body_without_what_proves_it() {
        let hook = hook(HookPayload::Raw, HookAction::Publish(Uri::from("com.github")));
        let lines = [
            ("x-github-event", "push"),
            ("x-hub-signature-256", "sha256=00"),
            ("authorization", "Basic x"),
            ("cookie", "a=b"),
            ("accept", "a"),
            ("accept", "b"),
        ];
        assert_eq!(
            text(&hook, &lines, b"{\"a\":1}").unwrap(),
            r#"[16,1,{"acknowledge":true},"com.github",[{"body":"{\"a\":1}","headers":{"Accept":["a","b"],"X-Github-Event":["push"]}}]]"#
        );
        assert!(text(&hook, &[], b"\xff").unwrap().contains(r#""body":"\u0000/w==""#));
    }

    /// Section 12.2.
    #[test]
    fn a_json_hook_is_kwargs_or_one_argument() {
        let hook = hook(HookPayload::Json, HookAction::Call(Uri::from("com.take")));
        assert_eq!(text(&hook, &[], b"{\"a\" : 1.50}").unwrap(), r#"[48,1,{},"com.take",[],{"a" : 1.50}]"#);
        assert_eq!(text(&hook, &[], b"[1]").unwrap(), r#"[48,1,{},"com.take",[[1]]]"#);
        for wrong in [&b""[..], b"{", b"1,2", b"1],{\"a\":1}", b"a=b", b"\xff"] {
            assert_eq!(text(&hook, &[], wrong), Err(400), "{wrong:?}");
        }
    }
}
