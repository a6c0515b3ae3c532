//! `GET R/poll`: events as they are published, by asking again and again.
//!
//! Without a cursor, or with one that is not known, a session subscribes and its cursor is the answer; with one the answer
//! waits for events. Source: section 10.2 of the HTTP design.

use super::cursor::{Answer, Cursor};
use super::pages::Page;
use super::subscriber::Subscriber;
use super::ticket::{self, Limit};
use super::topics::{single, Polled};
use super::{finish, not_opened, only, open, realm, Entered};
use crate::http::negotiate::{self, JSON};
use crate::http::problem::{Problem, Statuses};
use crate::http::request_id::RequestName;
use crate::http::sessions::own::{AtStop, Ended};
use crate::http::{credential, Place};
use crate::observe::Refusal;
use crate::wamp::ErrorUri;
use actix_web::http::Method;
use actix_web::{web, HttpRequest, HttpResponse};

pub(in crate::http) async fn serve(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let answer = answer(&request, &place).await;
    finish(answer, &name, &place)
}

async fn answer(request: &HttpRequest, place: &Place) -> Result<HttpResponse, Problem> {
    if let Some(answer) = only(request, &Method::GET, "GET, OPTIONS")? {
        return Ok(answer);
    }
    let known = by_cursor(request, place).await?;
    let is_by_cursor = known.is_some();
    let (entered, limit) = match known {
        Some(entered) => (entered, Limit::none()),
        None => ticket::enter(request, place).await?,
    };
    negotiate::check_accept(request.headers())?;
    let Polled { wanted, cursor, wait } = Polled::read(request.uri().query())?;
    let settings = &entered.rest.stream;
    let cursors = &place.state.cursors;
    let statuses = Statuses(&entered.rest.status);
    limit.check(&wanted.topics, &statuses)?;
    if let Some(cursor) = cursor.as_deref().and_then(Cursor::read) {
        let wait = wait.map_or(settings.poll_wait, |wait| wait.min(settings.poll_wait));
        match cursors.ask(cursor, &entered.key, &wanted.topics, wait).await {
            Some(Answer::Page(page, number)) => return Ok(say(&page, page.gap, cursor.at(number))),
            Some(Answer::Revoked(text)) => return Err(Problem::router(&statuses, ErrorUri::NOT_AUTHORIZED, text)),
            // Whoever was too slow goes on with a gap.
            Some(Answer::Ended(ended)) if ended.reason == ErrorUri::SLOW_CONSUMER.as_str() => {}
            Some(Answer::Ended(Ended { reason, detail })) => return Err(Problem::ended(&reason, &detail)),
            None => {}
        }
    }
    if is_by_cursor {
        let text = "the cursor is known no more, or of other topics: begin anew with another one-time ticket";
        let problem = Problem::router(&statuses, ErrorUri::AUTHENTICATION_DENIED, text);
        return Err(problem.or_ticket().counted(Refusal::AuthFailed));
    }
    if cursors.count() >= settings.streams_max {
        // Those whose session is over are kept until they are idle, and hold what was not asked for.
        let detail = "there are as many cursors as there may be streams (rest.stream.max_streams)".to_owned();
        return Err(not_opened(&Ended { reason: ErrorUri::OVERLOADED.as_str().to_owned(), detail }));
    }
    let own = open(request, place, &entered, "poll", AtStop::Leaves).await?;
    let subscriber = Subscriber::subscribe(own, &wanted, &statuses).await?;
    let by_ticket = ticket::is_shown(request).then_some(entered.identity);
    let new = cursors.keep(entered.key, by_ticket, subscriber, settings.poll_idle);
    Ok(say(&Page::default(), cursor.is_some(), new))
}

/// Who asks with a cursor that a one-time ticket has opened, and with nothing else: the cursor is as secret as a ticket, and goes on
/// alone. `None`: who asks is to be proven otherwise.
///
/// # Errors
/// 404 for a realm that is not served here, 400 for two cursors.
async fn by_cursor(request: &HttpRequest, place: &Place) -> Result<Option<Entered>, Problem> {
    let Some(cursor) = single(request.uri().query(), "cursor")?.as_deref().and_then(Cursor::read) else {
        return Ok(None);
    };
    if credential::is_in_headers(request.headers()) || ticket::is_shown(request) {
        return Ok(None);
    }
    let rest = place.state.rest.load_full();
    let handle = realm(request, place, &rest).await?;
    let known = place.state.cursors.opened_by_ticket(cursor, &handle.shared.settings.uri);
    Ok(known.map(|(key, identity)| Entered { rest, handle, key, identity }))
}

/// `{"events":[..],"cursor":"..","gap":false}`.
fn say(page: &Page, gap: bool, cursor: Cursor) -> HttpResponse {
    let mut body = Vec::with_capacity(page.events.len() + 96);
    body.extend_from_slice(b"{\"events\":[");
    body.extend_from_slice(&page.events);
    body.extend_from_slice(format!("],\"cursor\":\"{cursor}\",\"gap\":{gap}}}").as_bytes());
    HttpResponse::Ok().content_type(JSON).body(body)
}
