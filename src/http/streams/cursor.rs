//! Poll cursors: each has a session of its own, driven by one task on the thread that opened it, and is found by those who ask
//! on any thread. Source: section 10.2 of the HTTP design.

use super::frame;
use super::pages::{Page, Pages, Told, Turn};
use super::subscriber::{Heard, Subscriber};
use super::topics::Topic;
use crate::actors::clock;
use crate::auth::Identity;
use crate::http::sessions::own::{self, Ended};
use crate::http::sessions::Key;
use crate::observe::shown;
use crate::wamp::message::Message;
use crate::wamp::{ErrorUri, PublicationId, Uri};
use bytes::Bytes;
use std::collections::BTreeMap;
use std::pin::Pin;
#[expect(clippy::disallowed_types, reason = "all threads ask; locked for one look at the map")]
use std::sync::Mutex;
use std::sync::{Arc, MutexGuard, PoisonError};
use std::task::Poll;
use std::time::Duration;
use tokio::sync::{mpsc, oneshot};
use tokio::time::Sleep;

/// Requests that are on their way to one cursor; more wait on their own threads.
const ASKS_MAX: usize = 16;

/// So often others get their turn before a page that has something is told: its session may have more to say.
const TURNS: u32 = 2;

/// The name of a cursor and the number of an answer: `<128 random bits>-<number>`.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Cursor {
    id: u128,
    number: u64,
}

impl Cursor {
    /// Reads one; `None` if it is none of ours.
    pub(super) fn read(text: &str) -> Option<Self> {
        let (id, number) = text.split_once('-')?;
        let is_ours = id.len() == 32 && id.bytes().all(|octet| octet.is_ascii_hexdigit());
        if !is_ours || !number.bytes().all(|octet| octet.is_ascii_digit()) {
            return None;
        }
        Some(Self { id: u128::from_str_radix(id, 16).ok()?, number: number.parse().ok()? })
    }

    /// The same with another number.
    pub(super) fn at(self, number: u64) -> Self {
        Self { number, ..self }
    }
}

impl std::fmt::Display for Cursor {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{:032x}-{}", self.id, self.number)
    }
}

/// What a request with a cursor is answered.
#[derive(Debug)]
pub(super) enum Answer {
    /// Events, and the number to ask with next; an empty page for none, with the number that was asked with.
    Page(Page, u64),
    /// The session was ended.
    Ended(Ended),
    /// A subscription was taken away: its topic and why.
    Revoked(String),
}

/// One request with a cursor.
struct Ask {
    number: u64,
    wait: Duration,
    /// Dropped without an answer: the number is unknown.
    answer: oneshot::Sender<Answer>,
}

/// Whose a cursor is, of what, and where those who have it are heard.
#[derive(Debug)]
struct Entry {
    key: Key,
    /// Who has opened it, if that was by a one-time ticket: the cursor alone goes on then.
    by_ticket: Option<Identity>,
    topics: Vec<Topic>,
    asks: mpsc::Sender<Ask>,
}

/// The cursors of the node. Whoever opens one looks first how many there are.
#[derive(Clone, Debug, Default)]
#[expect(clippy::disallowed_types, reason = "as above")]
pub(in crate::http) struct Cursors(Arc<Mutex<BTreeMap<u128, Entry>>>);

impl Cursors {
    /// Keeps a cursor for a session until nobody has asked with it for `idle`. To be called on the session's thread.
    pub(super) fn keep(&self, key: Key, by_ticket: Option<Identity>, subscriber: Subscriber, idle: Duration) -> Cursor {
        let cursor = Cursor { id: rand::random(), number: 0 };
        let (asks, asked) = mpsc::channel(ASKS_MAX);
        let topics = subscriber.subscriptions().iter().map(|subscribed| subscribed.topic.clone());
        let entry = Entry { key, by_ticket, topics: sorted(topics), asks };
        self.lock().insert(cursor.id, entry);
        let kept = Kept { cursors: self.clone(), id: cursor.id };
        let polled = Polled { subscriber, pages: Pages::default(), last: None, end: None };
        tokio::task::spawn_local(polled.run(asked, idle, kept));
        cursor
    }

    /// Whose a cursor of this realm is that was opened by a one-time ticket.
    pub(super) fn opened_by_ticket(&self, cursor: Cursor, realm: &Uri) -> Option<(Key, Identity)> {
        let entries = self.lock();
        let entry = entries.get(&cursor.id).filter(|entry| entry.key.realm == *realm)?;
        Some((entry.key.clone(), entry.by_ticket.clone()?))
    }

    /// How many are known.
    pub(super) fn count(&self) -> usize {
        self.lock().len()
    }

    /// Asks with a cursor. `None`: whoever asks has no such cursor of these topics.
    pub(super) async fn ask(&self, cursor: Cursor, key: &Key, topics: &[Topic], wait: Duration) -> Option<Answer> {
        let topics = sorted(topics.iter().cloned());
        let asks = {
            let entries = self.lock();
            let entry = entries.get(&cursor.id).filter(|entry| entry.key == *key && entry.topics == topics)?;
            entry.asks.clone()
        };
        let (answer, answered) = oneshot::channel();
        asks.send(Ask { number: cursor.number, wait, answer }).await.ok()?;
        answered.await.ok()
    }

    fn lock(&self) -> MutexGuard<'_, BTreeMap<u128, Entry>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn sorted(topics: impl Iterator<Item = Topic>) -> Vec<Topic> {
    let mut topics: Vec<Topic> = topics.collect();
    topics.sort();
    topics
}

/// A cursor is known for as long as this lives.
struct Kept {
    cursors: Cursors,
    id: u128,
}

impl Drop for Kept {
    fn drop(&mut self) {
        self.cursors.lock().remove(&self.id);
    }
}

/// One cursor's session and what it has told.
struct Polled {
    subscriber: Subscriber,
    pages: Pages,
    /// What came last: an event of two subscriptions is told once.
    last: Option<PublicationId>,
    /// Nothing more comes.
    end: Option<Answer>,
}

impl Polled {
    /// Answers one request at a time until nobody has asked for `idle`, or the end was told.
    async fn run(mut self, mut asks: mpsc::Receiver<Ask>, idle: Duration, kept: Kept) {
        let mut waiting: Option<Ask> = None;
        let mut timer = Box::pin(tokio::time::sleep(idle));
        loop {
            tokio::select! {
                biased;
                ask = asks.recv() => match ask {
                    Some(ask) => self.asked(ask, &mut waiting, timer.as_mut(), idle),
                    None => return,
                },
                () = hung_up(&mut waiting) => {
                    waiting = None;
                    reset(timer.as_mut(), idle);
                }
                () = self.gather() => {}
                () = &mut timer => match waiting.take() {
                    Some(ask) => {
                        reset(timer.as_mut(), idle);
                        say(ask, Answer::Page(Page::default(), self.pages.next_number()));
                    }
                    None => return,
                },
            }
            let Some(ask) = waiting.take() else { continue };
            if let Some(page) = self.pages.tell() {
                reset(timer.as_mut(), idle);
                say(ask, Answer::Page(page, self.pages.next_number()));
            } else if let Some(end) = self.end.take() {
                // Whoever asks next is to find nothing.
                drop(kept);
                say(ask, end);
                return;
            } else {
                waiting = Some(ask);
            }
        }
    }

    /// A request has come.
    fn asked(&mut self, ask: Ask, waiting: &mut Option<Ask>, timer: Pin<&mut Sleep>, idle: Duration) {
        match self.pages.ask(ask.number) {
            Turn::Unknown => {}
            Turn::Again(page) => {
                // What was told is not confirmed, so nobody waits.
                reset(timer, idle);
                let next = self.pages.next_number();
                say(ask, Answer::Page(page, next));
            }
            Turn::Next => {
                reset(timer, ask.wait);
                if let Some(former) = waiting.replace(ask) {
                    say(former, Answer::Page(Page::default(), self.pages.next_number()));
                }
            }
        }
    }

    /// Waits for events, and takes all that are there and have room. May be dropped: what was taken is kept.
    async fn gather(&mut self) {
        if self.end.is_some() || !self.pages.has_room() {
            return std::future::pending().await;
        }
        let heard = std::future::poll_fn(|cx| self.subscriber.poll(cx)).await;
        self.take(heard);
        let mut turns = 0;
        while turns < TURNS && self.end.is_none() && self.pages.has_room() {
            match std::future::poll_fn(|cx| Poll::Ready(self.subscriber.poll(cx))).await {
                Poll::Ready(heard) => {
                    self.take(heard);
                    turns = 0;
                }
                Poll::Pending => {
                    tokio::task::yield_now().await;
                    turns += 1;
                }
            }
        }
    }

    fn take(&mut self, heard: Heard) {
        match heard {
            Heard::Event(octets) => match self.tell(&octets) {
                Ok(Some(told)) => self.pages.put(told),
                Ok(None) => {}
                Err(ended) => self.end = Some(Answer::Ended(ended)),
            },
            Heard::Revoked(id, reason) => {
                let topic = self.subscriber.topic(id).map_or_else(|| id.to_string(), |topic| shown(topic));
                let text = format!("topic '{topic}': the subscription was taken away: {}", shown(&reason));
                self.end = Some(Answer::Revoked(text));
            }
            Heard::Ended(ended) => self.end = Some(Answer::Ended(ended)),
        }
    }

    /// An EVENT's octets as an object; `None`: another subscription has told it.
    fn tell(&mut self, octets: &Bytes) -> Result<Option<Told>, Ended> {
        let Message::Event(event) = own::read(octets)? else {
            let reason = ErrorUri::INTERNAL.as_str().to_owned();
            return Err(Ended { reason, detail: "an event cannot be read".to_owned() });
        };
        if self.last.replace(event.publication) == Some(event.publication) {
            return Ok(None);
        }
        let gap = event.details.missed.is_some();
        let topic = self.subscriber.topic(event.subscription);
        let mut object = Vec::new();
        frame::object(event, topic, &mut object);
        Ok(Some(Told { event: object, gap }))
    }
}

/// Whoever has gone asks again, and is told the same.
fn say(ask: Ask, answer: Answer) {
    let _gone = ask.answer.send(answer);
}

fn reset(timer: Pin<&mut Sleep>, time: Duration) {
    timer.reset((clock::now() + time).into());
}

/// Ready when whoever waits has gone.
async fn hung_up(waiting: &mut Option<Ask>) {
    match waiting {
        Some(ask) => ask.answer.closed().await,
        None => std::future::pending().await,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    proptest! {
        #[test]
        fn a_cursor_reads_back_and_no_text_makes_reading_panic(
            id in any::<u128>(),
            number in any::<u64>(),
            text in "\\PC{0,40}|[0-9a-f+]{31,33}-[0-9+]{0,22}",
        ) {
            let cursor = Cursor { id, number };
            prop_assert_eq!(Cursor::read(&cursor.to_string()), Some(cursor));
            let _cursor = Cursor::read(&text);
        }
    }
}
