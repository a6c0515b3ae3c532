//! `GET R/events`: events as they are published, as server-sent events.
//!
//! What is told before the head decides the status: the realm, who asks, and that all subscriptions are permitted. Then come
//! gaps, the past behind `Last-Event-ID`, and the present. Source: section 10.1 of the HTTP design.

use super::frame::{self, Memo, Told};
use super::live::{self, Beat};
use super::mark::Mark;
use super::past::Past;
use super::subscriber::{Heard, Subscriber};
use super::ticket;
use super::topics::{single, Wanted};
use super::{finish, only, open};
use crate::actors::clock;
use crate::http::negotiate::{takes_stream, StreamForm};
use crate::http::problem::{quoted, Problem, Statuses};
use crate::http::request_id::RequestName;
use crate::http::sessions::own::{self, AtStop, Ended};
use crate::http::settings::RestSettings;
use crate::http::Place;
use crate::observe::shown;
use crate::wamp::message::Message;
use crate::wamp::{ErrorUri, PublicationId, SubscriptionId, Uri, WallTime};
use actix_web::body::{BodySize, MessageBody};
use actix_web::http::header::HeaderName;
use actix_web::http::{Method, StatusCode};
use actix_web::{web, HttpRequest, HttpResponse};
use bytes::Bytes;
use std::cell::RefCell;
use std::convert::Infallible;
use std::future::Future;
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Arc;
use std::task::{Context, Poll};
use std::time::Duration;

const LAST_EVENT_ID: HeaderName = HeaderName::from_static("last-event-id");

/// How long an event may be under way from its realm to a stream, at most.
const UNDER_WAY: Duration = Duration::from_secs(5);

/// Octets that are written together.
const TOGETHER: usize = 16 << 10;

pub(in crate::http) async fn serve(request: HttpRequest, place: web::Data<Place>) -> HttpResponse {
    let name = RequestName::of(request.headers());
    let answer = answer(&request, &place, &name).await;
    finish(answer, &name, &place)
}

async fn answer(request: &HttpRequest, place: &Place, name: &RequestName) -> Result<HttpResponse, Problem> {
    if let Some(answer) = only(request, &Method::GET, "GET, OPTIONS")? {
        return Ok(answer);
    }
    let (entered, limit) = ticket::enter(request, place).await?;
    let form = StreamForm::Events;
    if !takes_stream(request.headers(), form) {
        let text = format!("events come as {}, which Accept excludes", form.media_type());
        return Err(Problem::http(StatusCode::NOT_ACCEPTABLE, text));
    }
    let wanted = Wanted::read(request.uri().query())?;
    let statuses = Statuses(&entered.rest.status);
    limit.check(&wanted.topics, &statuses)?;
    let last_id = last_event_id(request)?;
    let own = open(request, place, &entered, "sse", AtStop::Leaves).await?;
    let mut subscriber = Subscriber::subscribe(own, &wanted, &statuses).await?;
    let settings = &entered.rest.stream;
    let realm = &entered.handle.shared.settings;
    let mut first = format!(
        ": connected realm={} subscriptions={}\nretry: {}\n\n",
        shown(&realm.name),
        subscriber.subscriptions().len(),
        settings.retry.as_millis()
    )
    .into_bytes();
    let past = match last_id {
        Some(id) => {
            let mark = Mark::read(&id);
            let past = Past::find(mark, &mut subscriber, &mut first).await;
            Some(past.map_err(|Ended { reason, detail }| Problem::ended(&reason, &detail))?)
        }
        None => None,
    };
    let stream = Events {
        state: match past {
            Some(past) => State::Past(Box::pin(page(past, subscriber))),
            None => State::Live(subscriber),
        },
        first: Some(first.into()),
        realm: realm.uri.clone(),
        name: name.clone(),
        rest: Arc::clone(&entered.rest),
        memo: Rc::clone(&place.streams.memo),
        last: None,
        told_until: clock::time_of_day().minus(UNDER_WAY),
        beat: Beat::every(settings.heartbeat),
    };
    Ok(live::head(form.media_type()).body(stream))
}

/// Behind which event the stream begins: the header, which a browser sends by itself, before the parameter, which is for a page
/// that opens a stream of its own anew. What is no text is no id of ours; an empty one is none.
///
/// # Errors
/// 400: the parameter stands there twice.
fn last_event_id(request: &HttpRequest) -> Result<Option<String>, Problem> {
    let in_query = single(request.uri().query(), "last_event_id")?;
    let in_header = request.headers().get(LAST_EVENT_ID).map(|id| id.to_str().unwrap_or("?").to_owned());
    Ok(in_header.or(in_query).filter(|id| !id.is_empty()))
}

/// A page of the past, and where it came from.
type Page = (Past, Subscriber, Result<Option<Bytes>, Ended>);

async fn page(mut past: Past, mut subscriber: Subscriber) -> Page {
    let page = past.page(&mut subscriber).await;
    (past, subscriber, page)
}

enum State {
    Past(Pin<Box<dyn Future<Output = Page>>>),
    Live(Subscriber),
    Over,
}

/// The body of one stream.
struct Events {
    state: State,
    first: Option<Bytes>,
    realm: Uri,
    name: RequestName,
    rest: Arc<RestSettings>,
    memo: Rc<RefCell<Memo>>,
    /// What was told last: an event of two subscriptions is told once.
    last: Option<PublicationId>,
    /// Everything that was published before has been told.
    told_until: WallTime,
    beat: Beat,
}

impl MessageBody for Events {
    type Error = Infallible;

    fn size(&self) -> BodySize {
        BodySize::Stream
    }

    fn poll_next(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Option<Result<Bytes, Infallible>>> {
        let stream = self.get_mut();
        let told = stream.poll(cx);
        if let Poll::Ready(Some(_)) = told {
            stream.beat.spoke();
        }
        told.map(|told| told.map(Ok))
    }
}

impl Events {
    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        if let Some(first) = self.first.take() {
            return Poll::Ready(Some(first));
        }
        if let State::Past(page) = &mut self.state {
            let Poll::Ready((past, subscriber, told)) = page.as_mut().poll(cx) else { return self.poll_heartbeat(cx) };
            match told {
                Ok(Some(text)) => {
                    self.state = State::Past(Box::pin(self::page(past, subscriber)));
                    return Poll::Ready(Some(text));
                }
                Ok(None) => self.state = State::Live(subscriber),
                Err(ended) => return Poll::Ready(Some(self.end(&ended).into())),
            }
        }
        self.poll_live(cx)
    }

    fn poll_live(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        let State::Live(subscriber) = &mut self.state else { return Poll::Ready(None) };
        let (mut one, mut together): (Option<Bytes>, Vec<u8>) = (None, Vec::new());
        while together.len() < TOGETHER {
            let heard = match subscriber.poll(cx) {
                Poll::Ready(heard) => heard,
                Poll::Pending => {
                    self.told_until = clock::time_of_day().minus(UNDER_WAY);
                    break;
                }
            };
            let text = match heard {
                Heard::Event(octets) => match tell(&self.memo, &self.realm, subscriber, &octets, self.told_until) {
                    Ok(told) if self.last == Some(told.publication) => continue,
                    Ok(told) => {
                        self.last = Some(told.publication);
                        told.text
                    }
                    Err(ended) => {
                        together.extend(one.take().into_iter().flatten());
                        together.extend_from_slice(&self.end(&ended));
                        return Poll::Ready(Some(together.into()));
                    }
                },
                Heard::Revoked(id, reason) => {
                    let topic = subscriber.topic(id).cloned();
                    together.extend(one.take().into_iter().flatten());
                    together.extend_from_slice(&self.revoked(topic.as_ref(), id, &reason));
                    return Poll::Ready(Some(together.into()));
                }
                Heard::Ended(ended) => {
                    together.extend(one.take().into_iter().flatten());
                    together.extend_from_slice(&self.end(&ended));
                    return Poll::Ready(Some(together.into()));
                }
            };
            if together.is_empty() && one.is_none() {
                one = Some(text);
            } else {
                // What is alone is passed on as it is; what is not is copied once.
                together.extend(one.take().into_iter().flatten());
                together.extend_from_slice(&text);
            }
        }
        match one {
            Some(text) => Poll::Ready(Some(text)),
            None if together.is_empty() => self.poll_heartbeat(cx),
            None => Poll::Ready(Some(together.into())),
        }
    }

    /// A line that says nothing, when nothing was said for long.
    fn poll_heartbeat(&mut self, cx: &mut Context<'_>) -> Poll<Option<Bytes>> {
        self.beat.poll(cx).map(|()| Some(Bytes::from_static(live::BEAT)))
    }

    /// The last words: `bye` where the node stops, else why.
    fn end(&mut self, ended: &Ended) -> Vec<u8> {
        self.state = State::Over;
        let mut out = Vec::new();
        if ended.reason == ErrorUri::SYSTEM_SHUTDOWN.as_str() {
            let data = format!("{{\"reason\":{}}}", quoted(&ended.reason));
            frame::named("bye", data.as_bytes(), &mut out);
        } else {
            let problem = Problem::ended(&ended.reason, &ended.detail);
            frame::named("error", &problem.body(&self.name), &mut out);
        }
        out
    }

    /// A subscription was taken away.
    fn revoked(&mut self, topic: Option<&Uri>, id: SubscriptionId, reason: &str) -> Vec<u8> {
        let topic = topic.map_or_else(|| id.to_string(), |topic| shown(topic));
        let detail = format!("topic '{topic}': the subscription was taken away: {}", shown(reason));
        self.state = State::Over;
        let problem = Problem::router(&Statuses(&self.rest.status), ErrorUri::NOT_AUTHORIZED, detail);
        let mut out = Vec::new();
        frame::named("error", &problem.body(&self.name), &mut out);
        out
    }
}

/// An EVENT's octets as text of the stream.
fn tell(
    memo: &RefCell<Memo>,
    realm: &Uri,
    subscriber: &Subscriber,
    octets: &Bytes,
    told_until: WallTime,
) -> Result<Told, Ended> {
    let mut memo = memo.borrow_mut();
    if let Some(told) = memo.find(realm, octets) {
        return Ok(told);
    }
    let Message::Event(event) = own::read(octets)? else {
        // What begins as an EVENT is one.
        return Err(Ended {
            reason: ErrorUri::INTERNAL.as_str().to_owned(),
            detail: "an event cannot be read".to_owned(),
        });
    };
    let topic = subscriber.topic(event.subscription);
    let told = frame::event(event, topic, told_until);
    memo.keep(realm, octets, &told);
    Ok(told)
}
