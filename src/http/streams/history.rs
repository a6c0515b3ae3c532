//! `GET R/history/{topic}`: events of the past, as `wamp.subscription.get_events` tells them, by topic in place of an id.
//!
//! The request has a session of its own, which subscribes and asks: who may subscribe may read, and nobody else.
//! Source: section 4.5 of the HTTP design.

use super::subscriber::Subscriber;
use super::topics::{flag, parameters, policy, Topic, Wanted};
use super::{below_realm, enter, open, past, Entered};
use crate::actors::RealmHandle;
use crate::authz::Pattern;
use crate::codec::{self, Fidelity, Piece};
use crate::http::body::{bad, unexpected};
use crate::http::negotiate::{self, Form};
use crate::http::problem::{Problem, Statuses};
use crate::http::reading::{reading, Asked};
use crate::http::sessions::own::{AtStop, Ended};
use crate::http::Place;
use crate::observe::shown;
use crate::wamp::message::Message;
use crate::wamp::{Dict, ErrorUri, MatchPolicy, Serialization, Uri, Value};
use actix_web::{web, HttpRequest, HttpResponse};

/// What may be asked: `match`, and the keyword arguments of the procedure.
pub(in crate::http) const PARAMETERS: &[&str] = &[
    "match",
    "limit",
    "reverse",
    "topic",
    "from_time",
    "after_time",
    "before_time",
    "until_time",
    "from_publication",
    "after_publication",
    "before_publication",
    "until_publication",
];

/// One request.
#[derive(Debug, PartialEq)]
struct Question {
    topic: Topic,
    kwargs: Dict,
}

pub(in crate::http) async fn serve(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    reading(&request, &place, "history", answer(&request, &place)).await
}

async fn answer(request: &HttpRequest, place: &Place) -> Asked {
    let entered = enter(request, place).await?;
    let form = negotiate::accepted_form(request.headers(), Form::default())?;
    let (_, segments) = below_realm(request.uri().path())?;
    let question = Question::read(segments.last().map_or("", String::as_str), request.uri().query())?;
    let statuses = Statuses(&entered.rest.status);
    let Question { topic, kwargs } = question;
    let subscribed = subscribe(request, place, &entered, &topic, &statuses).await?;
    if !has_history(&entered.handle, &topic) {
        let text = format!("topic '{}' has no history", shown(&topic.uri));
        return Err(Problem::router(&statuses, ErrorUri::NO_SUCH_SUBSCRIPTION, text));
    }
    let (mut subscriber, statuses) = (subscribed, &statuses);
    let Some(id) = subscriber.subscriptions().first().map(|subscribed| subscribed.id) else {
        return Err(Problem::router(statuses, ErrorUri::NO_SUCH_SUBSCRIPTION, "there is no such subscription"));
    };
    let told = subscriber.question(id, kwargs).await;
    let message = told.map_err(|Ended { reason, detail }| Problem::ended(&reason, &detail))?;
    if let Message::Error(error) = message {
        return Err(Problem::wamp(statuses, &error));
    }
    let Message::Result(result) = message else {
        tracing::error!(kind = ?message.kind(), "history was answered by what is no answer");
        return Err(Problem::router(statuses, ErrorUri::INTERNAL, "history could not be told"));
    };
    let (events, is_limit_reached) = past::read(&result.payload);
    let body = write(&events, &topic, is_limit_reached, form.serialization, place).map_err(|error| {
        let text = format!("the events cannot be written in {}: {error}", form.serialization.name());
        Problem::router(statuses, ErrorUri::INVALID_ARGUMENT, text)
    })?;
    Ok(HttpResponse::Ok().content_type(form.media_type).body(body))
}

async fn subscribe(
    request: &HttpRequest,
    place: &Place,
    entered: &Entered,
    topic: &Topic,
    statuses: &Statuses<'_>,
) -> Result<Subscriber, Problem> {
    let own = open(request, place, entered, "rest", AtStop::Leaves).await?;
    let wanted = Wanted { topics: vec![topic.clone()], retained: false };
    Subscriber::subscribe(own, &wanted, statuses).await
}

/// Whether events are kept that a subscription to this could have got. A pattern is answered wherever the realm keeps any.
fn has_history(handle: &RealmHandle, topic: &Topic) -> bool {
    let rules = &handle.shared.settings.rules.topics;
    match topic.policy {
        MatchPolicy::Exact => rules.find(&topic.uri).is_some_and(|rule| rule.history.is_some()),
        MatchPolicy::Prefix | MatchPolicy::Wildcard => rules.iter().any(|(_, _, rule)| rule.history.is_some()),
    }
}

impl Question {
    /// Reads the topic of a path and a query.
    ///
    /// # Errors
    /// 400 with what was expected and what came.
    fn read(topic: &str, query: Option<&str>) -> Result<Self, Problem> {
        let (mut matched, mut kwargs) = (None, Dict::new());
        for (name, value) in parameters(query)? {
            if !PARAMETERS.contains(&name.as_str()) {
                return Err(unexpected(&name, PARAMETERS));
            }
            if kwargs.iter().any(|(known, _)| *known == name) || name == "match" && matched.is_some() {
                return Err(bad(format!("the parameter \"{name}\" stands twice in the query")));
            }
            let value = match name.as_str() {
                "match" => {
                    matched = Some(policy(&value)?);
                    continue;
                }
                "reverse" => Value::Bool(flag("reverse", &value)?),
                "limit" => Value::Unsigned(number(&name, &value)?),
                _ if name.ends_with("_publication") => Value::Unsigned(number(&name, &value)?),
                _ => Value::Text(value),
            };
            kwargs.push((name, value));
        }
        let pattern = Pattern::literal(matched.unwrap_or_default(), topic);
        let pattern = pattern.map_err(|fault| bad(format!("topic \"{}\": {fault}", shown(topic))))?;
        Ok(Self { topic: Topic { uri: Uri::from(pattern.text()), policy: pattern.policy() }, kwargs })
    }
}

/// # Errors
/// 400.
fn number(name: &str, text: &str) -> Result<u64, Problem> {
    text.parse().map_err(|_| bad(format!("{name} must be a number, got \"{}\"", shown(text))))
}

/// `{"events": [{"timestamp", "publication", "topic", "args", "kwargs", "details"}], "limit_reached"}`.
fn write(
    events: &[Dict],
    topic: &Topic,
    is_limit_reached: bool,
    serialization: Serialization,
    place: &Place,
) -> Result<Vec<u8>, codec::TranscodeError> {
    let events = events.iter().map(|event| Value::Dict(past::event(event, &topic.uri))).collect();
    let told =
        vec![("events".to_owned(), Value::List(events)), ("limit_reached".to_owned(), Value::Bool(is_limit_reached))];
    let json = codec::json_of(&told);
    if serialization == Serialization::Json {
        return Ok(json);
    }
    let mut body = Vec::with_capacity(json.len());
    let written = codec::compose(&Piece::Written(Serialization::Json, &json), serialization, &mut body);
    if written? == Fidelity::Lossy {
        place.state.tally.add_transcode_lossy(1);
    }
    Ok(body)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read(topic: &str, query: &str) -> Result<Question, u16> {
        Question::read(topic, Some(query)).map_err(|problem| problem.status().as_u16())
    }

    /// Section 4.5.
    #[test]
    fn a_query_for_history_has_the_arguments_of_get_events_by_their_names() {
        let question = read("com.a", "match=prefix&limit=2&reverse=1&after_publication=7&from_time=x%20y").unwrap();
        assert_eq!(question.topic, Topic { uri: Uri::from("com.a"), policy: MatchPolicy::Prefix });
        let expected = [
            ("limit", Value::Unsigned(2)),
            ("reverse", Value::Bool(true)),
            ("after_publication", Value::Unsigned(7)),
            ("from_time", Value::from("x y")),
        ];
        assert_eq!(question.kwargs, expected.map(|(name, value)| (name.to_owned(), value)));
        assert_eq!(read("com.a", "").unwrap().topic.policy, MatchPolicy::Exact);
    }

    #[test]
    fn a_query_for_history_that_is_not_understood_is_400() {
        for bad in ["limit=x", "limit=-1", "reverse=yes", "match=odd", "limits=1", "limit=1&limit=1", "from_time=%ff"] {
            assert_eq!(read("com.a", bad), Err(400), "{bad}");
        }
        assert_eq!(read("com.a", "match=exact&match=exact"), Err(400));
        assert_eq!(read("com a#", ""), Err(400));
    }
}
