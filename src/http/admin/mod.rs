//! `/admin/v1`: the administration of the node as HTTP. Each method and path is a call of one procedure `wharf.admin.*`, by a
//! session of the admin realm like any other HTTP caller's: who may do what, throttling, bounds and the audit are there.
//!
//! No cookie is taken, so that no page from elsewhere acts by what a browser has; no header lets one read an answer.

mod call;
mod page;
pub(super) mod table;

pub(super) use call::{check_query, query, Query};
pub(super) use page::{after, limit, page, PARAMETERS as PAGE_PARAMETERS};
pub(super) use table::Order;

use super::api::{self, not_found};
use super::body;
use super::negotiate;
use super::perform;
use super::problem::{in_path, parts, Problem, Statuses};
use super::request_id::RequestName;
use super::route::NoRoute;
use super::sessions::Answer;
use super::Place;
use crate::actors::clock;
use crate::actors::RealmHandle;
use crate::auth::Identity;
use crate::codec::Member;
use crate::observe::Refusal;
use crate::wamp::ErrorUri;
use actix_web::http::header::{self, HeaderValue};
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use serde_json::{json, Value};
use table::{Found, Gives, Row, Takes};

pub(super) fn configure(services: &mut web::ServiceConfig) {
    services.service(web::scope("/admin").default_service(web::to(serve)));
}

async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let response = match answer(&request, &mut payload, &place).await {
        Ok(response) => response,
        Err(problem) => place.respond_unread(problem, &name, payload),
    };
    let response = api::dress(response, &name);
    place.note("admin", &response, since);
    response
}

async fn answer(request: &HttpRequest, payload: &mut web::Payload, place: &Place) -> Result<HttpResponse, Problem> {
    let path = request.uri().path();
    if api::is_upgrade(request) {
        return Err(not_found("no WebSocket is served on this path"));
    }
    let (row, in_path) = match table::find(request.method(), path).map_err(no_route)? {
        Found::Row(row, in_path) => (row, in_path),
        Found::Methods(methods) => return other_method(request.method(), &methods),
    };
    let rest = &place.state.rest.load_full();
    let statuses = Statuses(&rest.status);
    let handle = admin_realm(place, &rest.admin_realm, &statuses).await?;
    let caller = api::identify(request, place, handle, &statuses).await?;
    negotiate::check_accept(request.headers())?;
    let query = call::query(request.uri().query())?;
    call::check_query(&query, parameters(row))?;
    negotiate::check_body(request.headers())?;
    let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
    let Some(procedure) = row.procedure else {
        return Ok(json_answer(StatusCode::OK, &who(&caller.identity, &rest.admin_realm)));
    };
    let (mut asked, members) = call::call(row, procedure, &in_path, &query, &body)?;
    let deadline = api::set_deadline(&mut asked, None, rest, &caller.handle.shared)?;
    let said = match perform::ask(place, &caller, asked, deadline, &statuses).await?.answer {
        Answer::Result(payload) => first(&parts(&payload).0),
        Answer::Error(error) => return Err(Problem::wamp(&statuses, &error)),
        Answer::Ended { reason, detail } => return Err(Problem::ended(&reason, &detail)),
        // What was asked is a call.
        Answer::Published(_) | Answer::Taken => Value::Null,
    };
    respond(row, path, said, &query, &members)
}

/// What a row's query may hold.
fn parameters(row: &Row) -> &'static [&'static str] {
    match (row.takes, row.gives) {
        (Takes::Query(known), _) => known,
        (_, Gives::Page(_)) => page::PARAMETERS,
        (_, Gives::Whole | Gives::Made(_) | Gives::Put) => &[],
    }
}

fn other_method(method: &Method, methods: &str) -> Result<HttpResponse, Problem> {
    let allow = HeaderValue::from_str(methods).unwrap_or(HeaderValue::from_static("OPTIONS"));
    if method == Method::OPTIONS {
        return Ok(HttpResponse::NoContent().insert_header((header::ALLOW, allow)).finish());
    }
    let problem = Problem::http(StatusCode::METHOD_NOT_ALLOWED, format!("this path takes {methods}"));
    Err(problem.with(header::ALLOW, allow).uncounted())
}

fn no_route(fault: NoRoute) -> Problem {
    match fault {
        NoRoute::NotFound => not_found("nothing is administered on this path; the paths are in docs/ADMIN.md"),
        NoRoute::NotText => Problem::http(StatusCode::BAD_REQUEST, "the path is not UTF-8 once it is percent-decoded"),
    }
}

/// The realm that has the procedures, if this listener reaches it.
async fn admin_realm(place: &Place, uri: &str, statuses: &Statuses<'_>) -> Result<RealmHandle, Problem> {
    let found = api::find_realm(place, uri).await;
    found.filter(|handle| handle.shared.settings.rules.administers).ok_or_else(|| {
        let text = format!("the realm '{uri}', by which the node is administered, is not served here");
        Problem::router(statuses, ErrorUri::NO_SUCH_REALM, text).counted(Refusal::NoSuchRealm)
    })
}

fn who(identity: &Identity, realm: &str) -> Value {
    json!({
        "realm": realm,
        "authid": &*identity.authid,
        "authrole": &*identity.authrole,
        "authmethod": &*identity.authmethod,
        "authprovider": &*identity.authprovider,
    })
}

/// The one value that every procedure answers with.
fn first(args: &[u8]) -> Value {
    let args: Vec<Value> = serde_json::from_slice(args).unwrap_or_default();
    args.into_iter().next().unwrap_or_default()
}

fn respond(
    row: &Row,
    path: &str,
    said: Value,
    query: &call::Query,
    members: &[Member],
) -> Result<HttpResponse, Problem> {
    match (row.gives, said) {
        (Gives::Page(order), Value::Array(items)) => Ok(json_answer(StatusCode::OK, &page::page(items, order, query)?)),
        (Gives::Made(member), said) => {
            let mut response = json_answer(StatusCode::CREATED, &said);
            let name = members.iter().find(|found| found.name == member);
            let name = name.and_then(|found| serde_json::from_slice::<String>(&found.value).ok()).unwrap_or_default();
            if let Ok(location) = HeaderValue::from_str(&format!("{path}/{}", in_path(&name))) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
        (Gives::Put, said) if said.get("created") == Some(&Value::Bool(true)) => {
            let mut response = json_answer(StatusCode::CREATED, &said);
            if let Ok(location) = HeaderValue::from_str(path) {
                response.headers_mut().insert(header::LOCATION, location);
            }
            Ok(response)
        }
        (Gives::Page(_) | Gives::Put | Gives::Whole, said) => Ok(json_answer(StatusCode::OK, &said)),
    }
}

fn json_answer(status: StatusCode, value: &Value) -> HttpResponse {
    HttpResponse::build(status).content_type(negotiate::JSON).body(value.to_string())
}
