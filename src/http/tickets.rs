//! `POST R/tickets`: a one-time ticket for whoever can set no header where it wants to come in, such as a browser's EventSource or
//! WebSocket. How one is used: `streams/ticket.rs`, and the WebSocket's handshake in `transport`.
//!
//! A ticket stands in the answer and nowhere else: it is never logged, and only its hash is kept. Source: section 4.6 of the
//! HTTP design.

use super::api::{self, below};
use super::body::{self, bad, check_members, member, Unread};
use super::cors;
use super::negotiate;
use super::problem::{Problem, Statuses};
use super::request_id::RequestName;
use super::settings::RestSettings;
use super::streams;
use super::Place;
use crate::actors::clock;
use crate::auth::once::{Purpose, Topics, Vouched, LIFETIME};
use crate::auth::Secret;
use crate::authz::Pattern;
use crate::codec::{self, Member, Piece, ValueKind};
use crate::observe::{shown, Refusal};
use crate::wamp::{ErrorUri, Serialization, Uri, Value};
use actix_web::body::MessageBody;
use actix_web::http::StatusCode;
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::Bytes;

/// Topics and patterns of one ticket.
const TOPICS_MAX: usize = 100;

/// Octets of them together.
const TOPICS_OCTETS_MAX: usize = 4096;

/// Whether a path is this endpoint's.
pub(super) fn is_path(path: &str) -> bool {
    below(path).is_some_and(|(_, rest)| rest == "tickets")
}

/// Answers a request on the path.
pub(super) async fn serve(request: HttpRequest, mut payload: web::Payload, place: web::Data<Place>) -> HttpResponse {
    let since = clock::now();
    let name = RequestName::of(request.headers());
    let rest = place.state.rest.load_full();
    let admitted = cors::admitted(request.headers(), &rest.cors);
    let answer = match api::other_method(&request, admitted.as_ref(), &rest) {
        Ok(None) => give(&request, &mut payload, &place, &rest).await,
        Ok(Some(other)) => Ok(other),
        Err(problem) => Err(problem),
    };
    let mut response = match answer {
        Ok(response) => api::dress(response, &name),
        Err(problem) => {
            let response = api::dress(place.respond(problem, &name), &name);
            response.map_body(|_, answer| Unread { answer, request: payload }.boxed())
        }
    };
    if let Some(admitted) = admitted {
        admitted.dress(response.headers_mut());
    }
    let time = clock::now().duration_since(since);
    place.state.served.note(&place.listener.name, "tickets", response.status().as_u16(), time);
    response
}

async fn give(
    request: &HttpRequest,
    payload: &mut web::Payload,
    place: &Place,
    rest: &RestSettings,
) -> Result<HttpResponse, Problem> {
    let statuses = Statuses(&rest.status);
    let handle = streams::realm(request, place, rest).await?;
    let caller = api::identify(request, place, handle, &statuses).await?;
    if !caller.identity.has_name() {
        let text = "a one-time ticket stands for a credential, and this request has none";
        return Err(Problem::router(&statuses, ErrorUri::AUTHENTICATION_REQUIRED, text).counted(Refusal::AuthFailed));
    }
    let given = negotiate::body_form(request.headers())?;
    let wanted = negotiate::accepted_form(request.headers(), given)?;
    let body = body::read(request.headers(), payload, rest.body_max, rest.body_timeout).await?;
    let purpose = purpose(given.serialization, &body)?;
    let shared = &caller.handle.shared;
    let (realm, identity) = (shared.settings.uri.detached(), caller.identity.clone());
    let ticket = shared.logins.give_ticket(Vouched { realm, identity, purpose }).map_err(|many| {
        let problem = Problem::router(&statuses, ErrorUri::LIMIT_EXCEEDED, many.to_string());
        problem.counted(Refusal::Limit)
    })?;
    let body = write(&ticket, wanted.serialization).map_err(|error| {
        let text = format!("the ticket cannot be written in {}: {error}", wanted.serialization.name());
        Problem::router(&statuses, ErrorUri::INTERNAL, text)
    })?;
    Ok(HttpResponse::Created().content_type(wanted.media_type).body(body))
}

/// What the ticket is to be good for: `{"use": "events", "topics": ["com.shop.*"]}`.
///
/// # Errors
/// 400 with what was expected and what came, 413 for too many topics.
fn purpose(serialization: Serialization, body: &Bytes) -> Result<Purpose, Problem> {
    const USE: &str = "a ticket needs \"use\": \"events\" or \"websocket\"";
    if body.is_empty() {
        return Err(bad(USE));
    }
    let members = body::object(serialization, body)?;
    check_members(&members, &["use", "topics"])?;
    let topics = topics(serialization, &members)?;
    let wanted = member(&members, "use", ValueKind::Text)?.ok_or_else(|| bad(USE))?;
    match text(serialization, &wanted)?.as_str() {
        "events" => Ok(Purpose::Events(topics)),
        "websocket" if topics.is_some() => {
            Err(bad("\"topics\" is for \"use\": \"events\" only: a session of a WebSocket may what its role may"))
        }
        "websocket" => Ok(Purpose::WebSocket),
        other => Err(bad(format!("\"use\" must be \"events\" or \"websocket\", got \"{}\"", shown(other)))),
    }
}

fn topics(serialization: Serialization, members: &[Member]) -> Result<Option<Topics>, Problem> {
    let Some(list) = member(members, "topics", ValueKind::List)? else { return Ok(None) };
    let elements = codec::elements(serialization, &list, &codec::Limits::default(), TOPICS_MAX);
    let elements = elements.map_err(|error| bad(error.to_string()))?;
    // Its kind was looked at.
    let elements = elements.map_err(|got| bad(format!("member \"topics\" must be a list, got {got}")))?;
    if elements.is_empty() {
        return Err(bad("\"topics\" must name a topic or pattern, got an empty list: leave it out for all of them"));
    }
    if elements.len() > TOPICS_MAX || elements.iter().map(Bytes::len).sum::<usize>() > TOPICS_OCTETS_MAX {
        let text = format!("\"topics\" has at most {TOPICS_MAX} topics of {TOPICS_OCTETS_MAX} octets together");
        return Err(Problem::http(StatusCode::PAYLOAD_TOO_LARGE, text));
    }
    let pattern = |element: &Bytes| {
        let text = text(serialization, element)?;
        let pattern = Pattern::parse(&text).map_err(|fault| bad(format!("topic \"{}\": {fault}", shown(&text))))?;
        Ok((pattern.policy(), Uri::from(pattern.text())))
    };
    elements.iter().map(pattern).collect::<Result<Topics, Problem>>().map(Some)
}

fn text(serialization: Serialization, octets: &[u8]) -> Result<String, Problem> {
    match codec::read_value(serialization, octets) {
        Ok(Value::Text(text)) => Ok(text),
        Ok(_) | Err(_) => Err(bad("a text was expected")),
    }
}

/// `{"ticket": "wht_...", "expires_in": 60}`, in seconds.
fn write(ticket: &Secret, serialization: Serialization) -> Result<Vec<u8>, codec::TranscodeError> {
    // Nothing in a ticket is escaped.
    let json = format!("{{\"ticket\":\"{}\",\"expires_in\":{}}}", ticket.expose(), LIFETIME.as_secs()).into_bytes();
    if serialization == Serialization::Json {
        return Ok(json);
    }
    let mut body = Vec::with_capacity(json.len());
    codec::compose(&Piece::Written(Serialization::Json, &json), serialization, &mut body)?;
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::MatchPolicy;
    use proptest::prelude::*;

    fn read(body: &str) -> Result<Purpose, (u16, String)> {
        let purpose = purpose(Serialization::Json, &Bytes::copy_from_slice(body.as_bytes()));
        purpose.map_err(|problem| (problem.status().as_u16(), problem.detail().to_owned()))
    }

    /// Section 4.6.
    #[test]
    fn a_ticket_is_for_events_or_for_a_websocket_and_may_name_topics() {
        assert_eq!(read(r#"{"use":"events"}"#), Ok(Purpose::Events(None)));
        assert_eq!(read(r#"{"use":"events","topics":null}"#), Ok(Purpose::Events(None)));
        assert_eq!(read(r#"{"use":"websocket"}"#), Ok(Purpose::WebSocket));
        let topics = [(MatchPolicy::Exact, Uri::from("com.a")), (MatchPolicy::Prefix, Uri::from("com.b."))];
        let purpose = Purpose::Events(Some(topics.into_iter().collect()));
        assert_eq!(read(r#"{"topics":["com.a","com.b.*"],"use":"events"}"#), Ok(purpose));
    }

    #[test]
    fn a_wish_for_a_ticket_that_is_not_understood_is_told_what_was_expected() {
        let many = format!(r#"{{"use":"events","topics":[{}"a"]}}"#, "\"a\",".repeat(TOPICS_MAX));
        let long = format!(r#"{{"use":"events","topics":[{}"a"]}}"#, format!("\"{}\",", "a".repeat(1000)).repeat(5));
        for (body, status, said) in [
            ("", 400, "\"events\" or \"websocket\""),
            ("{}", 400, "\"events\" or \"websocket\""),
            ("[]", 400, "must be an object"),
            (r#"{"use":"poll"}"#, 400, "got \"poll\""),
            (r#"{"use":1}"#, 400, "member \"use\" must be"),
            (r#"{"use":"events","topic":"com.a"}"#, 400, "did you mean \"topics\"?"),
            (r#"{"use":"events","topics":"com.a"}"#, 400, "member \"topics\" must be"),
            (r#"{"use":"events","topics":[]}"#, 400, "an empty list"),
            (r#"{"use":"events","topics":[1]}"#, 400, "a text was expected"),
            (r#"{"use":"events","topics":["a*b*"]}"#, 400, "topic \"a*b*\""),
            (r#"{"use":"websocket","topics":["com.a"]}"#, 400, "\"topics\" is for"),
            (&many, 413, "at most 100 topics"),
            (&long, 413, "4096 octets"),
        ] {
            let (found, text) = read(body).unwrap_err();
            assert!(found == status && text.contains(said), "{body}: {found} {text}");
        }
    }

    proptest! {
        #[test]
        fn no_body_makes_reading_panic(body in "\\PC{0,60}|[{}\":,\\[\\]a-z*.]{0,60}") {
            let _wish = read(&body);
        }
    }
}
