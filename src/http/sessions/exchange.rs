//! What passes between the HTTP side and one of its session actors, both on one thread: requests in, answers out, each found
//! by its request id.
//!
//! Request ids count up by one, so they hold under `strict_request_ids`. Nothing here decides about WAMP.

use super::{Answer, Answered, Ask, AskNumber, Request};
use crate::actors::clock;
use crate::session::Allowances;
use crate::wamp::message::{Call, Cancel, Message, Publish};
use crate::wamp::options::CancelOptions;
use crate::wamp::{CancelMode, MessageKind, RequestId};
use std::collections::{HashMap, VecDeque};
use std::task::Waker;
use std::time::Instant;
use tokio::sync::oneshot;

/// One message on its way to the session, and who is told once the session has taken it.
struct Inbound {
    message: Box<Message>,
    taken: Option<oneshot::Sender<Answered>>,
}

/// A request that waits for its answer.
struct Waiting {
    number: AskNumber,
    kind: MessageKind,
    answer: oneshot::Sender<Answered>,
}

/// What the session reads next.
pub(super) enum Next {
    Message(Box<Message>),
    /// The HTTP side has closed.
    Closed,
    /// Nothing yet.
    Wait,
}

/// One session's two directions.
#[derive(Default)]
pub(super) struct Exchange {
    inbox: VecDeque<Inbound>,
    waker: Option<Waker>,
    closing: Closing,
    last: Option<RequestId>,
    waiting: HashMap<RequestId, Waiting>,
    request_by_ask: HashMap<AskNumber, RequestId>,
    used: Option<Instant>,
    close_when_done: bool,
}

/// How far its end is.
#[derive(Clone, Copy, PartialEq, Eq, Default)]
enum Closing {
    #[default]
    Open,
    /// The session is to be told.
    Wanted,
    /// It has been told.
    Told,
}

impl Exchange {
    /// Whether further requests may go by it.
    pub(super) fn is_open(&self) -> bool {
        self.closing == Closing::Open
    }

    /// Whether nothing waits for an answer.
    pub(super) fn is_done(&self) -> bool {
        self.waiting.is_empty() && self.inbox.is_empty()
    }

    /// When a request last came or was answered.
    pub(super) fn used(&self) -> Option<Instant> {
        self.used
    }

    /// Sends one request to the session.
    pub(super) fn ask(&mut self, ask: Ask) {
        let request = self.last.map_or(RequestId::FIRST, RequestId::next);
        self.last = Some(request);
        self.used = Some(clock::now());
        let Ask { number, request: asked, answer, .. } = ask;
        let (kind, answered, message) = match asked {
            Request::Call(call) => (MessageKind::Call, true, Call { request, ..call }.into()),
            Request::Publish(publish) => {
                (MessageKind::Publish, publish.options.acknowledge, Publish { request, ..publish }.into())
            }
        };
        let taken = if answered {
            self.waiting.insert(request, Waiting { number, kind, answer });
            self.request_by_ask.insert(number, request);
            None
        } else {
            Some(answer)
        };
        self.push(message, taken);
    }

    /// Nobody waits for the answer any more: a call is cancelled.
    pub(super) fn hang_up(&mut self, number: AskNumber) {
        let Some(request) = self.request_by_ask.remove(&number) else { return };
        let Some(waiting) = self.waiting.remove(&request) else { return };
        self.used = Some(clock::now());
        if waiting.kind == MessageKind::Call {
            let options = CancelOptions { mode: CancelMode::KillNoWait };
            self.push(Cancel { request, options }.into(), None);
        }
        self.close_if_done();
    }

    /// Ends the session once it has read what it was sent.
    pub(super) fn close(&mut self) {
        if self.closing == Closing::Open {
            self.closing = Closing::Wanted;
        }
        self.wake();
    }

    /// Takes no further requests, and ends the session when those under way are answered.
    pub(super) fn close_when_done(&mut self) {
        self.close_when_done = true;
        self.close_if_done();
    }

    fn close_if_done(&mut self) {
        if self.close_when_done && self.is_done() {
            self.close();
        }
    }

    fn push(&mut self, message: Message, taken: Option<oneshot::Sender<Answered>>) {
        self.inbox.push_back(Inbound { message: Box::new(message), taken });
        self.wake();
    }

    fn wake(&mut self) {
        if let Some(waker) = self.waker.take() {
            waker.wake();
        }
    }

    /// What the session reads.
    pub(super) fn next(&mut self, waker: &Waker) -> Next {
        if let Some(inbound) = self.inbox.pop_front() {
            if let Some(taken) = inbound.taken {
                // Who has gone need not be told.
                let _gone = taken.send(Answer::Taken.into());
            }
            self.close_if_done();
            return Next::Message(inbound.message);
        }
        if self.closing == Closing::Wanted {
            self.closing = Closing::Told;
            return Next::Closed;
        }
        self.waker = Some(waker.clone());
        Next::Wait
    }

    /// One message that the session says. `allowances`: what is left of its rate, for those who get an answer.
    pub(super) fn receive(&mut self, message: &Message, allowances: impl FnOnce() -> Option<Allowances>) {
        // Progressive results, WELCOME, and what a caller and publisher is never sent need no answer.
        if let Message::Result(result) = message {
            if !result.details.progress {
                self.answer(result.request, Answer::Result(result.payload.clone()), allowances());
            }
        } else if let Message::Published(published) = message {
            self.answer(published.request, Answer::Published(published.publication), allowances());
        } else if let Message::Error(error) = message {
            self.answer(error.request, Answer::Error(Box::new(error.clone())), allowances());
        } else if let Message::Abort(abort) = message {
            self.end(&abort.reason, abort.details.message.as_deref().unwrap_or_default());
        } else if let Message::Goodbye(goodbye) = message {
            self.end(&goodbye.reason, goodbye.details.message.as_deref().unwrap_or_default());
        }
    }

    fn answer(&mut self, request: RequestId, answer: Answer, allowances: Option<Allowances>) {
        let Some(waiting) = self.waiting.remove(&request) else { return };
        self.request_by_ask.remove(&waiting.number);
        self.used = Some(clock::now());
        // Who has gone need not be told.
        let _gone = waiting.answer.send(Answered { answer, allowances });
        self.close_if_done();
    }

    /// The session is over: everybody who waits is told why.
    pub(super) fn end(&mut self, reason: &str, detail: &str) {
        self.close();
        self.request_by_ask.clear();
        let ended = || Answer::Ended { reason: reason.to_owned(), detail: detail.to_owned() };
        let unread = self.inbox.drain(..).filter_map(|inbound| inbound.taken);
        for answer in self.waiting.drain().map(|(_, waiting)| waiting.answer).chain(unread) {
            // Who has gone need not be told.
            let _gone = answer.send(ended().into());
        }
    }
}
