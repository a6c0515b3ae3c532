//! The profile for clients of Crossbar's HTTP bridge that cannot be changed: the same requests, the same answers, but for the
//! differences that are declared (X1 to X10 of the HTTP design). Each section of `rest.crossbar` is one path and one identity, and
//! so one session. Parses and waits; holds no WAMP state.

mod checks;
mod message;
mod nonces;
mod rejection;
mod said;
mod signature;
mod text;

pub(super) use nonces::{Nonces, NotOnce};
pub(super) use signature::Once;

use super::api::{caller, find_realm, set_deadline};
use super::body::Unread;
use super::guesses::Try;
use super::intake::{self, NotRead};
use super::paths;
use super::problem::RETRY_AFTER;
use super::request_id::{self, RequestName};
use super::sessions::{Answer, Key, Request, Who, CROSSBAR};
use super::settings::crossbar::{CrossbarSection, Difference};
use super::settings::RestSettings;
use super::trace::Trace;
use super::{HttpState, Listener, Place};
use crate::actors::clock;
use crate::actors::connection::Encryption;
use crate::actors::logins::Failed;
use crate::actors::{RealmHandle, RealmShared};
use crate::auth::Identity;
use crate::wamp::{Entrance, ErrorUri};
use actix_web::body::MessageBody;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use rejection::Rejection;
use said::Said;
use std::sync::Arc;
use std::time::Duration;

/// What a path takes.
const ALLOW: HeaderValue = HeaderValue::from_static("POST,PUT,OPTIONS");

const MEDIA_TYPE: HeaderValue = HeaderValue::from_static("application/json; charset=UTF-8");

const CACHE_CONTROL: HeaderValue = HeaderValue::from_static("no-store,no-cache,must-revalidate,max-age=0");

/// The services of a listener.
pub(super) fn configure(services: &mut web::ServiceConfig, listener: &Listener, state: &HttpState) {
    let has = |rest: &RestSettings, listener: &Listener, path: &str| find(rest, listener, path).is_some();
    services.service(paths::resource(state, listener, has).default_service(web::to(serve)));
}

/// The section of a path, where its realm is served.
fn find<'a>(rest: &'a RestSettings, listener: &Listener, path: &str) -> Option<&'a CrossbarSection> {
    rest.crossbar.iter().find(|section| section.path == path && paths::reaches(listener, &section.realm))
}

async fn serve(request: HttpRequest, payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let response = respond(request, payload, &place).await;
    place.note("crossbar", &response, since);
    response
}

async fn respond(request: HttpRequest, mut payload: web::Payload, place: &Place) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    // Between the guard and here nothing has waited.
    let Some(section) = find(&rest, &place.listener, request.path()) else {
        return HttpResponse::NotFound().finish();
    };
    if request.method() == Method::OPTIONS {
        let mut response = HttpResponse::Ok().finish();
        dress(&mut response, &name);
        response.headers_mut().insert(header::ALLOW, ALLOW);
        response.headers_mut().insert(header::ACCESS_CONTROL_ALLOW_METHODS, ALLOW);
        return response;
    }
    let visit = Visit { request: &request, place, rest: &rest, section, name: &name };
    let (said, is_read) = match visit.answer(&mut payload).await {
        Ok(said) => (said, true),
        Err(rejection) => {
            place.state.tally.refused(rejection.refusal());
            (said::rejected(&rejection, section), !rejection.is_early())
        }
    };
    let mut response = HttpResponse::build(said.status).body(said.body);
    dress(&mut response, &name);
    if said.status == StatusCode::METHOD_NOT_ALLOWED && !section.is_exact(Difference::AllowHeader) {
        response.headers_mut().insert(header::ALLOW, ALLOW);
    }
    if said.status == StatusCode::TOO_MANY_REQUESTS {
        response.headers_mut().insert(header::RETRY_AFTER, RETRY_AFTER);
    }
    if is_read {
        return response;
    }
    response.map_body(|_, answer| Unread { answer, request: payload }.boxed())
}

/// What every answer has.
fn dress(response: &mut HttpResponse, name: &RequestName) {
    let headers = response.headers_mut();
    headers.insert(header::CACHE_CONTROL, CACHE_CONTROL);
    headers.insert(header::CONTENT_TYPE, MEDIA_TYPE);
    headers.insert(request_id::OUT, name.header());
}

/// One request.
struct Visit<'a> {
    request: &'a HttpRequest,
    place: &'a Place,
    rest: &'a RestSettings,
    section: &'a CrossbarSection,
    name: &'a RequestName,
}

impl Visit<'_> {
    async fn answer(&self, payload: &mut web::Payload) -> Result<Said, Rejection> {
        let (section, headers) = (self.section, self.request.headers());
        checks::head(section, self.request.method(), headers)?;
        let body = intake::octets(headers, payload, section.body_max, self.rest.body_timeout).await;
        let body = body.map_err(|fault| match fault {
            NotRead::TooLong(length) => Rejection::TooLong { length, accepted: section.body_max },
            NotRead::TooSlow | NotRead::Broken(_) => Rejection::Unread,
        })?;
        let Some(handle) = find_realm(self.place, &section.realm).await else {
            return Ok(said::fault(ErrorUri::NO_SUCH_REALM.as_str(), "the realm is not open", self.name.as_str()));
        };
        self.try_to_prove(&handle.shared, &body).await.inspect_err(|rejection| self.tell(&handle, rejection))?;
        let identity = self.identity();
        let entrance = Entrance {
            listener: (*self.place.listener.name).into(),
            address: self.request.peer_addr().map(|peer| peer.ip()),
        };
        if handle.shared.settings.auth.lets_in(&identity, &entrance).is_err() {
            self.tell(&handle, &Rejection::Address);
            return Err(Rejection::Address);
        }
        let wanted = message::wanted(section, headers, &body, handle.shared.settings.uri_rules)?;
        let mut asked = wanted.request.clone();
        Trace::of(headers, self.rest).carry(&mut asked);
        let deadline = set_deadline(&mut asked, None, self.rest, &handle.shared)
            .map_err(|_| Rejection::Malformed("this cannot be asked for here".to_owned()))?;
        let answer = tokio::time::timeout(deadline, self.ask(handle, identity, asked)).await;
        Ok(match answer {
            Ok(answer) => said::answered(&answer, &wanted, section, self.name.as_str()),
            Err(_) => said::late(&no_answer(deadline)),
        })
    }

    /// The same, if not too many proofs were wrong (A2). Where nothing is signed nothing can be guessed.
    async fn try_to_prove(&self, shared: &RealmShared, body: &[u8]) -> Result<(), Rejection> {
        if !self.section.is_signed() {
            return self.prove(body);
        }
        let name = format!("{CROSSBAR}:{}", self.section.name);
        let tried = Try::begin(shared, &name, self.request.peer_addr()).ok_or(Rejection::Throttled)?;
        let proven = self.prove(body);
        if proven.as_ref().is_err_and(Rejection::is_guess) {
            tried.was_wrong().await;
        }
        proven
    }

    /// Checks 6 to 11.
    fn prove(&self, body: &[u8]) -> Result<(), Rejection> {
        let (section, headers) = (self.section, self.request.headers());
        checks::hub(section, headers, body)?;
        let once = signature::check(section, self.request.uri().query(), body, clock::time_of_day())?;
        if let Some(once) = once {
            self.place.state.nonces.take(once, clock::now())?;
        }
        let encryption: Encryption = self.request.conn_data().cloned().unwrap_or_default();
        checks::origin(section, self.request.peer_addr().map(|peer| peer.ip()), &encryption, headers)
    }

    fn identity(&self) -> Identity {
        Identity {
            authid: Arc::clone(&self.section.authid),
            authrole: Arc::clone(&self.section.role),
            authmethod: CROSSBAR.into(),
            authprovider: format!("{CROSSBAR}:{}", self.section.name).into(),
        }
    }

    /// Asks by the section's session. Dropping it cancels a call.
    async fn ask(&self, handle: RealmHandle, identity: Identity, request: Request) -> Answer {
        let sessions = &self.place.state.sessions;
        let key = Key {
            realm: handle.shared.settings.uri.clone(),
            authmethod: Arc::clone(&identity.authmethod),
            authrole: Arc::clone(&identity.authrole),
            who: Who::Key(Arc::clone(&identity.authprovider), Arc::clone(&identity.authid)),
        };
        sessions.ask(&caller(self.request, self.place, key, handle, identity), request).await.answer
    }

    /// A line for the operator about who may be guessing.
    fn tell(&self, handle: &RealmHandle, rejection: &Rejection) {
        let Some(reason) = rejection.reason() else { return };
        let peer = self.request.peer_addr().map(|peer| peer.ip());
        let (realm, authid) = (handle.shared.settings.uri.as_str(), &*self.section.authid);
        handle.shared.logins.tell(&Failed { realm, authid, method: CROSSBAR, peer, reason });
    }
}

fn no_answer(deadline: Duration) -> String {
    format!("no answer came within {} s", deadline.as_secs_f32())
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::http::settings::crossbar::CrossbarKind;

    /// A caller at `/call`, with what holds if nothing is said.
    pub(super) fn section() -> CrossbarSection {
        CrossbarSection {
            name: "call".into(),
            path: "/call".to_owned(),
            kind: CrossbarKind::Caller,
            realm: "main".to_owned(),
            role: "guest".into(),
            authid: "call".into(),
            signing: None,
            require_tls: false,
            require_ip: Vec::new(),
            body_max: 1 << 20,
            timestamp_window: Some(Duration::from_secs(60)),
            exact: Vec::new(),
        }
    }
}
