//! A session that subscribes: all its topics, or none. What comes unasked before the last answer, and while history is asked for,
//! waits here in its order, within a bound.

use super::past;
use super::topics::{Topic, Wanted};
use crate::http::problem::{Problem, Statuses};
use crate::http::sessions::own::{self, Ended, Own};
use crate::observe::shown;
use crate::session::GET_EVENTS;
use crate::wamp::message::{Call, Message, Subscribe};
use crate::wamp::options::{CallOptions, SubscribeOptions};
use crate::wamp::{Dict, ErrorUri, Payload, RequestId, SubscriptionId, Uri, Value};
use bytes::Bytes;
use std::collections::VecDeque;
use std::task::{Context, Poll};

/// Octets that may come unasked while something else is waited for.
const EARLY_MAX: usize = 1 << 20;

/// One session and what it is subscribed to.
#[derive(Debug)]
pub(super) struct Subscriber {
    own: Own,
    subscriptions: Vec<Subscribed>,
    /// EVENTs, and that a subscription was taken away.
    early: VecDeque<Bytes>,
    early_octets: usize,
}

/// One subscription.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Subscribed {
    pub(super) id: SubscriptionId,
    pub(super) topic: Topic,
}

/// What comes from the realm.
#[derive(Debug)]
pub(super) enum Heard {
    /// An EVENT's JSON text.
    Event(Bytes),
    /// This subscription was taken away, for that reason.
    Revoked(SubscriptionId, String),
    /// Nothing more comes.
    Ended(Ended),
}

impl Subscriber {
    /// Subscribes to all that is wanted.
    ///
    /// # Errors
    /// The first topic that is refused, by its name; or the session is over.
    pub(super) async fn subscribe(own: Own, wanted: &Wanted, statuses: &Statuses<'_>) -> Result<Self, Problem> {
        let mut subscriber = Self { own, subscriptions: Vec::new(), early: VecDeque::new(), early_octets: 0 };
        let mut requests = Vec::new();
        for topic in &wanted.topics {
            let request = subscriber.own.next_request();
            let options = SubscribeOptions { match_policy: topic.policy, get_retained: wanted.retained };
            subscriber.own.send(&Subscribe { request, options, topic: topic.uri.clone() }.into());
            requests.push((request, topic));
        }
        while !requests.is_empty() {
            // A refusal of the session's own comes before what the realm says to an earlier one.
            let waiting: Vec<RequestId> = requests.iter().map(|(request, _)| *request).collect();
            let (request, answer) = match subscriber.answer(&waiting).await {
                Ok(answered) => answered,
                Err(Ended { reason, detail }) => return Err(Problem::ended(&reason, &detail)),
            };
            let Some(at) = requests.iter().position(|(known, _)| *known == request) else { continue };
            let (_, topic) = requests.remove(at);
            if let Message::Error(error) = &answer {
                return Err(Problem::wamp(statuses, error).about(&format!("topic '{}'", shown(&topic.uri))));
            }
            if let Message::Subscribed(subscribed) = answer {
                subscriber.subscriptions.push(Subscribed { id: subscribed.subscription, topic: topic.clone() });
            }
        }
        Ok(subscriber)
    }

    pub(super) fn subscriptions(&self) -> &[Subscribed] {
        &self.subscriptions
    }

    /// The topic or pattern of a subscription.
    pub(super) fn topic(&self, id: SubscriptionId) -> Option<&Uri> {
        self.subscriptions.iter().find(|subscribed| subscribed.id == id).map(|subscribed| &subscribed.topic.uri)
    }

    /// What comes next.
    pub(super) fn poll(&mut self, cx: &mut Context<'_>) -> Poll<Heard> {
        loop {
            let octets = if let Some(early) = self.early.pop_front() {
                self.early_octets -= early.len();
                early
            } else {
                let Poll::Ready(octets) = self.own.poll_octets(cx) else { return Poll::Pending };
                let Some(octets) = octets else { return Poll::Ready(Heard::Ended(failed())) };
                octets
            };
            if is_event(&octets) {
                return Poll::Ready(Heard::Event(octets));
            }
            match own::read(&octets) {
                Ok(Message::Unsubscribed(unsubscribed)) => {
                    let reason = unsubscribed.details.reason.unwrap_or_default();
                    if let Some(id) = unsubscribed.details.subscription {
                        return Poll::Ready(Heard::Revoked(id, reason));
                    }
                }
                // Answers to what nobody waits for any more.
                Ok(_) => {}
                Err(ended) => return Poll::Ready(Heard::Ended(ended)),
            }
        }
    }

    /// Asks for events of the past: a page of them, and whether there are more.
    ///
    /// # Errors
    /// The session is over. A refusal is an empty page: there is no history.
    pub(super) async fn ask_history(&mut self, of: SubscriptionId, asked: Dict) -> Result<(Vec<Dict>, bool), Ended> {
        let Message::Result(result) = self.question(of, asked).await? else {
            tracing::debug!("history cannot be told");
            return Ok((Vec::new(), false));
        };
        Ok(past::read(&result.payload))
    }

    /// The same, and the RESULT or ERROR as it came.
    ///
    /// # Errors
    /// The session is over.
    pub(super) async fn question(&mut self, of: SubscriptionId, asked: Dict) -> Result<Message, Ended> {
        let request = self.own.next_request();
        let payload = Payload::values(vec![Value::Unsigned(of.get())], asked);
        let (options, procedure) = (CallOptions::default(), Uri::from(GET_EVENTS));
        self.own.send(&Call { request, options, procedure, payload }.into());
        Ok(self.answer(&[request]).await?.1)
    }

    /// Waits for the answer to one of these requests; what comes unasked before it is kept.
    async fn answer(&mut self, requests: &[RequestId]) -> Result<(RequestId, Message), Ended> {
        loop {
            let octets = std::future::poll_fn(|cx| self.own.poll_octets(cx)).await;
            let octets = octets.ok_or_else(failed)?;
            if !is_event(&octets) {
                let message = own::read(&octets)?;
                match answered(&message) {
                    Some(request) if requests.contains(&request) => return Ok((request, message)),
                    // Nobody waits for it any more.
                    Some(_) => continue,
                    None => {}
                }
            }
            self.early_octets += octets.len();
            if self.early_octets > EARLY_MAX {
                let detail = "more events came while the stream began than may wait for it".to_owned();
                return Err(Ended { reason: ErrorUri::SLOW_CONSUMER.as_str().to_owned(), detail });
            }
            // A slice would keep its neighbours.
            self.early.push_back(Bytes::copy_from_slice(&octets));
        }
    }
}

/// Which request a message answers, if it is an answer.
fn answered(message: &Message) -> Option<RequestId> {
    if let Message::Error(error) = message {
        Some(error.request)
    } else if let Message::Subscribed(subscribed) = message {
        Some(subscribed.request)
    } else if let Message::Result(result) = message {
        Some(result.request)
    } else {
        None
    }
}

/// Whether this is an EVENT, as our own encoder writes them.
fn is_event(octets: &[u8]) -> bool {
    octets.starts_with(b"[36,")
}

fn failed() -> Ended {
    Ended { reason: ErrorUri::INTERNAL.as_str().to_owned(), detail: "the session failed".to_owned() }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::wamp::MatchPolicy;
    use futures_util::FutureExt;
    use std::collections::BTreeMap;

    fn subscribed(heard: &[&str]) -> Subscriber {
        let statuses = BTreeMap::new();
        let topics = vec![Topic { uri: Uri::from("com.a"), policy: MatchPolicy::Exact }];
        let wanted = Wanted { topics, retained: false };
        Subscriber::subscribe(Own::hearing(heard), &wanted, &Statuses(&statuses)).now_or_never().unwrap().unwrap()
    }

    fn next(subscriber: &mut Subscriber) -> String {
        match subscriber.poll(&mut Context::from_waker(std::task::Waker::noop())) {
            Poll::Ready(Heard::Event(octets)) => String::from_utf8(octets.to_vec()).unwrap(),
            Poll::Ready(Heard::Revoked(id, reason)) => format!("{id} {reason}"),
            Poll::Ready(Heard::Ended(ended)) => ended.reason,
            Poll::Pending => "nothing".to_owned(),
        }
    }

    /// Section 10.1: a stream whose subscription is gone says so, also where that came while it was asking for the past.
    #[test]
    fn what_comes_while_an_answer_is_waited_for_is_heard_afterwards_in_its_order() {
        let revoked = r#"[35,0,{"subscription":7,"reason":"wamp.error.not_authorized"}]"#;
        let mut subscriber =
            subscribed(&["[33,1,7]", "[36,7,9,{}]", "[50,9,{}]", revoked, "[36,7,10,{}]", "[50,2,{}]"]);
        let told = subscriber.ask_history(SubscriptionId::wrapping(7), Dict::new()).now_or_never();
        assert_eq!(told, Some(Ok((Vec::new(), false))));
        for expected in ["[36,7,9,{}]", "7 wamp.error.not_authorized", "[36,7,10,{}]", "nothing"] {
            assert_eq!(next(&mut subscriber), expected);
        }
        assert_eq!(subscriber.early_octets, 0);
    }
}
