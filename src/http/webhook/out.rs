//! One webhook that goes out: a subscriber session of its own whose EVENTs become deliveries, and what sends them.
//!
//! A task on a worker thread. It never waits for an endpoint: `outward` asks, and tells what came of it. While there is no session
//! (its realm is closed, its role is gone) what waits is sent all the same.

use super::body::{self, Posting};
use super::book::{Book, Written};
use super::queue::{Bounds, Delivery, Fate, Last, Number, Outcome, Queue, ANSWER_MAX};
use super::running::{Deliver, Door, Figures, Wanted};
use super::settings::HookOut;
use crate::actors::clock;
use crate::http::sessions::own::{Ended, Own};
use crate::observe::shown;
use crate::outward::{RequestFault, Response};
use crate::storage::Ledger;
use crate::wamp::message::{Event, Message, Subscribe};
use crate::wamp::options::SubscribeOptions;
use crate::wamp::role::{Announced, SubscriberFeatures};
use crate::wamp::{RequestId, SubscriptionId, TraceContext, Uri, WallTime};
use serde_json::{json, Value as Json};
use std::collections::BTreeMap;
use std::sync::atomic::Ordering;
use std::sync::Arc;
use std::time::{Duration, Instant};
use tokio::sync::{mpsc, oneshot, watch};

/// Deliveries that are shown at once.
const SHOWN_MAX: usize = 1000;

/// What an administrator wants of a webhook, and who is told what came of it.
#[derive(Debug)]
pub struct Order {
    /// What.
    pub wish: Wish,
    /// Gets the answer, in JSON.
    pub answer: oneshot::Sender<Json>,
}

/// What an administrator wants.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Wish {
    /// How it is.
    Show,
    /// What waits and what is under way.
    Deliveries,
    /// What was given up.
    DeadLetters,
    /// Send what was given up again: one by its id, or all.
    SendAgain(Option<String>),
    /// Switch it on, after a 410 or after [`SwitchOff`](Self::SwitchOff).
    SwitchOn,
    /// Send nothing until it is switched on; what comes meanwhile waits.
    SwitchOff,
    /// Send an event that nobody published.
    Test,
}

type Told = (Number, Result<Response, RequestFault>);

/// Runs until the settings have no sender any more. `ledger` is where its queue outlives a restart.
pub(super) async fn run(
    deliver: Deliver,
    name: String,
    mut settings: watch::Receiver<Arc<HookOut>>,
    mut orders: mpsc::Receiver<Order>,
    figures: Arc<Figures>,
    ledger: Option<Ledger>,
) {
    let (told, mut answers) = mpsc::unbounded_channel::<Told>();
    let hook = Arc::clone(&settings.borrow_and_update());
    let mut queue = Queue::new(bounds(&hook));
    let (wrote, mut written) = mpsc::unbounded_channel::<Written>();
    let book = Book::open(ledger, &name, &mut queue, wrote).await;
    let mut running =
        Running { deliver, name, hook, queue, book, figures, told, session: None, door: Door::new(), open_at: None };
    running.open_at = Some(clock::now());
    // There may be room for less than was written down.
    running.use_bounds();
    loop {
        running.send();
        running.write_down();
        let wake = running.wake();
        tokio::select! {
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                let hook = Arc::clone(&settings.borrow_and_update());
                running.use_settings(hook);
            }
            Some(order) = orders.recv() => running.carry_out(order),
            Some((number, answer)) = answers.recv() => running.answered(number, answer),
            Some(outcome) = written.recv() => running.written(outcome),
            message = next(&mut running.session) => running.take(message),
            () = sleep_until(wake) => running.open_if_due().await,
        }
    }
}

async fn next(session: &mut Option<Session>) -> Result<Message, Ended> {
    match session {
        Some(session) => session.own.next().await,
        None => std::future::pending().await,
    }
}

async fn sleep_until(wake: Option<Instant>) {
    match wake {
        Some(wake) => tokio::time::sleep_until(wake.into()).await,
        None => std::future::pending().await,
    }
}

fn bounds(hook: &HookOut) -> Bounds {
    Bounds { queue_max: hook.queue_max, concurrency: hook.concurrency, attempts: hook.attempts }
}

/// Milliseconds since 1970.
fn now_ms() -> u64 {
    u64::try_from(clock::time_of_day().0 / 1000).unwrap_or_default()
}

/// A subscriber session.
struct Session {
    own: Own,
    asked: BTreeMap<RequestId, Uri>,
    topics: BTreeMap<SubscriptionId, Uri>,
}

struct Running {
    deliver: Deliver,
    name: String,
    hook: Arc<HookOut>,
    queue: Queue,
    /// `None`: what waits is in memory alone.
    book: Option<Book>,
    figures: Arc<Figures>,
    told: mpsc::UnboundedSender<Told>,
    session: Option<Session>,
    door: Door,
    /// When a session is to be opened.
    open_at: Option<Instant>,
}

impl Running {
    fn use_settings(&mut self, hook: Arc<HookOut>) {
        let subscribes_alike = |one: &HookOut, other: &HookOut| {
            one.realm == other.realm && one.role == other.role && one.topics == other.topics
        };
        // What a role may may have become more.
        let lacks = self.session.as_ref().is_some_and(|session| session.topics.len() < self.hook.topics.len());
        if lacks || !subscribes_alike(&self.hook, &hook) {
            self.session = None;
            self.door = Door::new();
            self.open_at = Some(clock::now());
        }
        self.hook = hook;
        self.use_bounds();
    }

    fn use_bounds(&mut self) {
        let given_up = self.queue.use_bounds(bounds(&self.hook));
        self.count_dead(given_up);
    }

    fn write_down(&mut self) {
        if let Some(book) = &mut self.book {
            book.write(&mut self.queue);
        }
    }

    fn written(&mut self, outcome: Written) {
        if let Some(book) = &mut self.book {
            book.written(&mut self.queue, outcome);
        }
    }

    /// When there is something to be done, if nothing happens.
    fn wake(&self) -> Option<Instant> {
        let send_at = self.queue.next_due().map(|due| {
            // A day at most: the clock of the day may be set meanwhile.
            clock::now() + Duration::from_millis(due.saturating_sub(now_ms()).clamp(1, 86_400_000))
        });
        let write_at = self.book.as_ref().and_then(Book::wake);
        [send_at, self.open_at, write_at].into_iter().flatten().min()
    }

    async fn open_if_due(&mut self) {
        if self.open_at.is_none_or(|at| at > clock::now()) {
            return;
        }
        let wanted = Wanted {
            name: &self.name,
            realm: &self.hook.realm,
            role: &self.hook.role,
            protocol: "webhook_out",
            announced: Announced {
                subscriber: true,
                subscriber_features: SubscriberFeatures { subscription_revocation: true },
                ..Announced::default()
            },
        };
        match self.door.open(&self.deliver, wanted).await {
            Ok(own) => {
                self.open_at = None;
                let mut session = Session { own, asked: BTreeMap::new(), topics: BTreeMap::new() };
                for (match_policy, topic) in &self.hook.topics {
                    let request = session.own.next_request();
                    session.asked.insert(request, topic.clone());
                    let options = SubscribeOptions { match_policy: *match_policy, get_retained: false };
                    session.own.send(&Message::Subscribe(Subscribe { request, options, topic: topic.clone() }));
                }
                self.session = Some(session);
            }
            Err(wait) => self.open_at = Some(clock::now() + wait),
        }
    }

    fn take(&mut self, message: Result<Message, Ended>) {
        let Some(session) = &mut self.session else { return };
        let webhook = self.name.as_str();
        match message {
            Err(ended) => {
                tracing::info!(webhook, reason = %shown(&ended.reason), "the session of this webhook is over");
                self.session = None;
                self.open_at = Some(clock::now() + self.door.wait());
                // The router may be stopping.
                if let Some(book) = &mut self.book {
                    book.write_all(&mut self.queue);
                }
            }
            Ok(Message::Event(event)) => self.add(&event),
            Ok(Message::Subscribed(subscribed)) => {
                let topic = session.asked.remove(&subscribed.request);
                session.topics.extend(topic.map(|topic| (subscribed.subscription, topic)));
                self.door.settled();
            }
            Ok(Message::Error(error)) => {
                let topic = session.asked.remove(&error.request);
                let topic = topic.as_deref().unwrap_or_default();
                tracing::warn!(webhook, topic, error = %shown(&error.error), "this webhook gets no events of this topic");
            }
            Ok(Message::Unsubscribed(revoked)) => {
                let topic = revoked.details.subscription.and_then(|subscription| session.topics.remove(&subscription));
                let topic = topic.as_deref().unwrap_or_default();
                tracing::warn!(webhook, topic, "this webhook gets no more events of this topic: its role may not");
            }
            // A subscriber is sent nothing else.
            Ok(_) => {}
        }
    }

    fn add(&mut self, event: &Event) {
        let subscribed = self.session.as_ref().and_then(|session| session.topics.get(&event.subscription));
        let topic = event.details.topic.as_ref().or(subscribed).map(Uri::to_string).unwrap_or_default();
        let body = body::event(self.hook.format, &self.hook.realm, &topic, clock::time_of_day(), event);
        self.queue_up(topic, body, event.details.trace.clone());
    }

    fn queue_up(&mut self, topic: String, body: Vec<u8>, trace: Option<Arc<TraceContext>>) -> String {
        let (id, now) = (body::new_id(), now_ms());
        let delivery =
            Delivery { id: id.clone(), topic, body: body.into(), trace, since: now, attempts: 0, last: None };
        let given_up = self.queue.add(now, delivery);
        if given_up > 0 {
            tracing::warn!(
                webhook = self.name,
                given_up,
                "more events wait than may (queue_max): the oldest are dead letters"
            );
        }
        self.count_dead(given_up);
        id
    }

    fn count_dead(&self, dead: usize) {
        self.figures.dead.fetch_add(dead as u64, Ordering::Relaxed);
    }

    /// Sends what is due.
    fn send(&mut self) {
        while let Some((number, delivery)) = self.queue.take(now_ms()) {
            let posting = Posting {
                id: &delivery.id,
                timestamp: now_ms() / 1000,
                body: &delivery.body,
                trace: delivery.trace.as_deref(),
                octets_max: ANSWER_MAX,
                is_cut: true,
                given_up: None,
            };
            let (request, told) = (body::request(&self.hook.target, posting), self.told.clone());
            // A webhook that is over does not wait for it.
            let then = move |answer| drop(told.send((number, answer)));
            self.deliver.outward.ask(request, Box::new(then));
        }
        self.figures.queue.store(self.queue.len() as u64, Ordering::Relaxed);
    }

    fn answered(&mut self, number: Number, answer: Result<Response, RequestFault>) {
        let now = now_ms();
        let (outcome, last) = match answer {
            Ok(answer) => {
                let text = shown_answer(&answer.body);
                (Outcome::of(answer.status, answer.retry_after), Last { at: now, status: Some(answer.status), text })
            }
            Err(fault) => (Outcome::Failed, Last { at: now, status: None, text: fault.to_string() }),
        };
        let (status, reason) = (last.status, if last.status.is_none() { last.text.clone() } else { String::new() });
        let fate = self.queue.answered(now, number, outcome, last, rand::random());
        let webhook = self.name.as_str();
        match fate {
            Some(Fate::Delivered) => {
                self.figures.delivered.fetch_add(1, Ordering::Relaxed);
            }
            Some(Fate::Again) => {
                self.figures.failed.fetch_add(1, Ordering::Relaxed);
                tracing::debug!(webhook, status, reason, "a delivery has failed");
            }
            Some(Fate::Dead) => {
                self.figures.failed.fetch_add(1, Ordering::Relaxed);
                self.count_dead(1);
                tracing::warn!(webhook, status, reason, "a delivery was given up: it is a dead letter");
            }
            None => {}
        }
        if outcome == Outcome::Gone {
            tracing::warn!(webhook, "the endpoint has said 410: this webhook is off until somebody switches it on");
        }
    }

    /// Nobody need wait for the answer.
    fn carry_out(&mut self, order: Order) {
        let answer = match order.wish {
            Wish::Show => self.show(),
            Wish::Deliveries => in_order(self.queue.pending().take(SHOWN_MAX).collect()),
            Wish::DeadLetters => in_order(self.queue.dead().map(|delivery| (None, delivery)).collect()),
            Wish::SendAgain(id) => json!({ "sent_again": self.queue.send_again(now_ms(), id.as_deref()) }),
            Wish::SwitchOn => {
                let was_off = self.queue.is_off();
                self.queue.switch_on(now_ms());
                json!({ "was_off": was_off })
            }
            Wish::SwitchOff => {
                let was_off = self.queue.is_off();
                self.queue.switch_off();
                json!({ "was_off": was_off })
            }
            Wish::Test => {
                let body = body::test_event(self.hook.format, &self.hook.realm, clock::time_of_day());
                json!({ "id": self.queue_up("wharf.test".to_owned(), body, None) })
            }
        };
        drop(order.answer.send(answer));
    }

    fn show(&self) -> Json {
        json!({
            "name": self.name,
            "realm": self.hook.realm,
            "role": self.hook.role,
            "url": self.hook.target.address.to_string(),
            "session": self.session.as_ref().map(|session| session.own.session().get()),
            "subscribed": self.session.as_ref().map_or(0, |session| session.topics.len()),
            "is_off": self.queue.is_off(),
            "waiting": self.queue.len(),
            "unwritten": self.book.as_ref().map(|book| book.unwritten(&self.queue)),
            "dead": self.queue.dead().count(),
            "delivered": self.figures.delivered.load(Ordering::Relaxed),
            "failed": self.figures.failed.load(Ordering::Relaxed),
        })
    }
}

/// What the answer holds, as far as it is text.
fn shown_answer(body: &[u8]) -> String {
    String::from_utf8_lossy(body.get(..ANSWER_MAX).unwrap_or(body)).into_owned()
}

/// By their ids, which begin with the time: so they come in pages.
fn in_order(mut deliveries: Vec<(Option<u64>, &Delivery)>) -> Json {
    deliveries.sort_by(|(_, one), (_, other)| one.id.cmp(&other.id));
    deliveries.into_iter().map(|(due, delivery)| told(delivery, due)).collect()
}

/// A delivery without its body.
fn told(delivery: &Delivery, due: Option<u64>) -> Json {
    let last = delivery.last.as_ref();
    json!({
        "id": delivery.id,
        "topic": delivery.topic,
        "octets": delivery.body.len(),
        "since": time(delivery.since),
        "due": due.map(time),
        "attempts": delivery.attempts,
        "last": last.map(|last| json!({ "at": time(last.at), "status": last.status, "text": last.text })),
    })
}

fn time(at: u64) -> String {
    WallTime::default().plus(Duration::from_millis(at)).to_string()
}
