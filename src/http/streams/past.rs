//! What a stream tells again that was cut: the events of the past behind its mark, from the history of each topic that has one,
//! and a gap for each topic of which nobody can say whether all of it is there. Source: section 10.1 of the HTTP design.

use super::frame;
use super::mark::Mark;
use super::subscriber::{Subscribed, Subscriber};
use crate::codec;
use crate::http::sessions::own::Ended;
use crate::wamp::{Dict, Payload, PublicationId, Uri, Value, WallTime};
use bytes::Bytes;
use std::collections::VecDeque;

/// Events that are asked for at once.
const PAGE: usize = 100;

/// Where the rest of a topic's past begins.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
enum From {
    After(PublicationId),
    Time(WallTime),
}

/// The past that is still to be told.
#[derive(Debug, Default)]
pub(super) struct Past {
    topics: VecDeque<(Subscribed, From)>,
}

impl Past {
    /// Finds where each topic goes on; `out` gets the gaps. `None` for the mark: it cannot be read.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn find(
        mark: Option<Mark>,
        subscriber: &mut Subscriber,
        out: &mut Vec<u8>,
    ) -> Result<Self, Ended> {
        let subscriptions = subscriber.subscriptions().to_vec();
        let Some(mark) = mark else {
            subscriptions.iter().for_each(|subscribed| unknown(subscribed, out));
            return Ok(Self::default());
        };
        let (mut keeping, mut time) = (Vec::new(), mark.time);
        for subscribed in &subscriptions {
            let named = ("from_publication", Value::Unsigned(mark.publication.get()));
            let (found, _) = subscriber.ask_history(subscribed.id, asked([named], 1)).await?;
            let found = found.first().filter(|event| publication(event) == Some(mark.publication));
            keeping.push(found.is_some());
            // A realm tells what is published in order: all that is older than the mark's publication has been told.
            time = time.max(found.and_then(time_of).unwrap_or(time));
        }
        let mut past = Self::default();
        for (subscribed, keeps) in subscriptions.into_iter().zip(keeping) {
            if keeps {
                past.topics.push_back((subscribed, From::After(mark.publication)));
                continue;
            }
            let before = ("until_time", Value::Text(time.to_string()));
            let newest = ("reverse", Value::Bool(true));
            let (older, _) = subscriber.ask_history(subscribed.id, asked([before, newest], 1)).await?;
            if older.is_empty() {
                // There is no history, or it does not reach back; which of the two, nobody says.
                unknown(&subscribed, out);
            }
            past.topics.push_back((subscribed, From::Time(time)));
        }
        Ok(past)
    }

    /// The next page as text of the stream; `None`: everything is told.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn page(&mut self, subscriber: &mut Subscriber) -> Result<Option<Bytes>, Ended> {
        while let Some((subscribed, from)) = self.topics.pop_front() {
            let condition = match from {
                From::After(publication) => ("after_publication", Value::Unsigned(publication.get())),
                From::Time(time) => ("from_time", Value::Text(time.to_string())),
            };
            let (events, more) = subscriber.ask_history(subscribed.id, asked([condition], PAGE)).await?;
            let Some(last) = events.last().and_then(publication) else { continue };
            let mut out = Vec::new();
            for event in &events {
                tell(event, &subscribed, &mut out);
            }
            // A store that is at its own bound says so; a page that is full does not.
            if more || events.len() >= PAGE {
                self.topics.push_front((subscribed, From::After(last)));
            }
            return Ok(Some(out.into()));
        }
        Ok(None)
    }
}

/// The events of a RESULT, and whether there are more.
pub(super) fn read(payload: &Payload) -> (Vec<Dict>, bool) {
    let events = codec::payload_args(payload).unwrap_or_default();
    let kwargs = codec::payload_kwargs(payload).unwrap_or_default();
    let is_limit_reached = kwargs.contains(&("is_limit_reached".to_owned(), Value::Bool(true)));
    let events = events.into_iter().filter_map(|event| if let Value::Dict(event) = event { Some(event) } else { None });
    (events.collect(), is_limit_reached)
}

/// Nobody knows what was missed of it.
fn unknown(subscribed: &Subscribed, out: &mut Vec<u8>) {
    frame::gap(&subscribed.topic.uri, "\"unknown\"", out);
}

fn asked<const N: usize>(conditions: [(&str, Value); N], limit: usize) -> Dict {
    let limit = ("limit", Value::Unsigned(limit as u64));
    conditions.into_iter().chain([limit]).map(|(key, value)| (key.to_owned(), value)).collect()
}

/// A member of an event, as `wamp.subscription.get_events` tells it.
fn member<'a>(event: &'a Dict, name: &str) -> Option<&'a Value> {
    event.iter().find(|(key, _)| key == name).map(|(_, value)| value)
}

fn publication(event: &Dict) -> Option<PublicationId> {
    let Some(Value::Unsigned(number)) = member(event, "publication") else { return None };
    PublicationId::new(*number).ok()
}

fn time_of(event: &Dict) -> Option<WallTime> {
    member(event, "timestamp").and_then(Value::as_text).and_then(WallTime::parse)
}

/// An event of the past with the members `timestamp`, `topic`, `publication`, `args`, `kwargs` and `details`, the last five as
/// those of the present have them. `topic` is the subscription's, for events that name none.
pub(super) fn event(event: &Dict, topic: &Uri) -> Dict {
    let mut details =
        if let Some(Value::Dict(details)) = member(event, "details") { details.clone() } else { Dict::new() };
    let named = details.iter().position(|(key, _)| key == "topic").map(|at| details.remove(at).1);
    let or = |name: &str, empty: Value| member(event, name).cloned().unwrap_or(empty);
    vec![
        ("timestamp".to_owned(), or("timestamp", Value::Null)),
        ("topic".to_owned(), named.unwrap_or_else(|| Value::from(topic.as_str()))),
        ("publication".to_owned(), or("publication", Value::Null)),
        ("args".to_owned(), or("args", Value::List(Vec::new()))),
        ("kwargs".to_owned(), or("kwargs", Value::Dict(Dict::new()))),
        ("details".to_owned(), Value::Dict(details)),
    ]
}

/// An event of the past as text of the stream.
fn tell(event: &Dict, subscribed: &Subscribed, out: &mut Vec<u8>) {
    let (Some(publication), Some(time)) = (publication(event), time_of(event)) else { return };
    out.extend_from_slice(b"id: ");
    Mark { publication, time }.write(out);
    out.extend_from_slice(b"\nevent: message\ndata: ");
    let mut members = self::event(event, &subscribed.topic.uri);
    members.retain(|(name, _)| name != "timestamp");
    frame::one_line(&codec::json_of(&members), out);
    out.extend_from_slice(b"\n\n");
}
