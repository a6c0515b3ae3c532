//! One procedure that lives on HTTP: a callee session of its own whose INVOCATIONs become requests, and what they answer becomes
//! YIELD or ERROR.
//!
//! A task on a worker thread. As many requests are under way as the registration's concurrency says; the dealer keeps the others.

mod answer;

use super::body::{self, Posting};
use super::running::{Deliver, Door, Wanted};
use super::settings::HookCall;
use crate::actors::clock;
use crate::http::sessions::own::{Ended, Own};
use crate::observe::shown;
use crate::outward::{RequestFault, Response};
use crate::wamp::message::{Invocation, Message, Register};
use crate::wamp::options::RegisterOptions;
use crate::wamp::role::{Announced, CalleeFeatures};
use crate::wamp::InvocationId;
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Instant;
use tokio::sync::{mpsc, watch, Notify};

/// The longest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// Of which session, by its number, and what came of it.
type Told = (u64, InvocationId, Result<Response, RequestFault>);

/// Runs until the settings have no sender any more.
pub(super) async fn run(deliver: Deliver, name: String, mut settings: watch::Receiver<Arc<HookCall>>) {
    let (told, mut answers) = mpsc::unbounded_channel::<Told>();
    let hook = Arc::clone(&settings.borrow_and_update());
    let (door, open_at) = (Door::new(), Some(clock::now()));
    let mut running = Running { deliver, name, hook, told, session: None, sessions: 0, door, open_at };
    loop {
        tokio::select! {
            changed = settings.changed() => {
                if changed.is_err() {
                    return;
                }
                // Calls under way end with the session: another service answers from now on.
                running.hook = Arc::clone(&settings.borrow_and_update());
                running.leave();
                running.door = Door::new();
                running.open_at = Some(clock::now());
            }
            Some((session, request, answer)) = answers.recv() => running.answered(session, request, answer),
            message = next(&mut running.session) => running.take(message),
            () = sleep_until(running.open_at) => running.open().await,
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

/// A callee session, and what gives the requests of its invocations up.
struct Session {
    own: Own,
    number: u64,
    under_way: BTreeMap<InvocationId, Arc<Notify>>,
}

/// Whoever called has an ERROR from the dealer already.
impl Drop for Session {
    fn drop(&mut self) {
        self.under_way.values().for_each(|given_up| given_up.notify_one());
    }
}

struct Running {
    deliver: Deliver,
    name: String,
    hook: Arc<HookCall>,
    told: mpsc::UnboundedSender<Told>,
    session: Option<Session>,
    /// How many there were: what comes late for one is not of the next.
    sessions: u64,
    door: Door,
    open_at: Option<Instant>,
}

impl Running {
    fn leave(&mut self) {
        self.session = None;
    }

    async fn open(&mut self) {
        let callee_features =
            CalleeFeatures { call_canceling: true, registration_revocation: true, ..CalleeFeatures::default() };
        let wanted = Wanted {
            name: &self.name,
            realm: &self.hook.realm,
            role: &self.hook.role,
            protocol: "webhook_call",
            announced: Announced { callee: true, callee_features, ..Announced::default() },
        };
        match self.door.open(&self.deliver, wanted).await {
            Ok(mut own) => {
                let options = RegisterOptions {
                    match_policy: self.hook.match_policy,
                    concurrency: Some(self.hook.concurrency as u64),
                    ..RegisterOptions::default()
                };
                let request = own.next_request();
                own.send(&Message::Register(Register { request, options, procedure: self.hook.procedure.clone() }));
                self.sessions += 1;
                self.session = Some(Session { own, number: self.sessions, under_way: BTreeMap::new() });
                self.open_at = None;
            }
            Err(wait) => self.open_at = Some(clock::now() + wait),
        }
    }

    /// Tries again later, with a session of its own.
    fn try_later(&mut self) {
        self.leave();
        self.open_at = Some(clock::now() + self.door.wait());
    }

    fn take(&mut self, message: Result<Message, Ended>) {
        let (webhook, procedure) = (self.name.as_str(), self.hook.procedure.as_str());
        match message {
            Err(ended) => {
                tracing::info!(webhook, reason = %shown(&ended.reason), "the session of this procedure is over");
                self.try_later();
            }
            Ok(Message::Invocation(invocation)) => self.invoke(&invocation),
            Ok(Message::Interrupt(interrupt)) => self.give_up(interrupt.request),
            Ok(Message::Registered(_)) => {
                tracing::info!(webhook, procedure, "a procedure on HTTP is registered");
                self.door.settled();
            }
            Ok(Message::Error(error)) => {
                if self.door.is_news() {
                    let error = shown(&error.error);
                    tracing::warn!(webhook, procedure, %error, "a procedure on HTTP cannot be registered: tried again");
                }
                self.try_later();
            }
            Ok(Message::Unregistered(_)) => {
                tracing::warn!(webhook, procedure, "a procedure on HTTP is registered no more");
                self.try_later();
            }
            // A callee is sent nothing else.
            Ok(_) => {}
        }
    }

    fn invoke(&mut self, invocation: &Invocation) {
        let Some(session) = &mut self.session else { return };
        let procedure = invocation.details.procedure.as_ref().unwrap_or(&self.hook.procedure);
        let body = body::invocation(procedure, invocation);
        let given_up = Arc::new(Notify::new());
        session.under_way.insert(invocation.request, Arc::clone(&given_up));
        let timestamp = u64::try_from(clock::time_of_day().0 / 1_000_000).unwrap_or_default();
        let posting = Posting {
            id: &body::new_id(),
            timestamp,
            body: &body,
            trace: invocation.details.trace.as_deref(),
            octets_max: ANSWER_MAX,
            is_cut: false,
            given_up: Some(given_up),
        };
        let (request, told) = (body::request(&self.hook.target, posting), self.told.clone());
        let (number, of) = (session.number, invocation.request);
        // A procedure that is gone does not wait for it.
        self.deliver.outward.ask(request, Box::new(move |answer| drop(told.send((number, of, answer)))));
    }

    /// The caller does not want it any more: the request ends, and with it the invocation.
    fn give_up(&mut self, request: InvocationId) {
        let given_up = self.session.as_ref().and_then(|session| session.under_way.get(&request));
        if let Some(given_up) = given_up {
            given_up.notify_one();
        }
    }

    fn answered(&mut self, number: u64, request: InvocationId, answer: Result<Response, RequestFault>) {
        let Some(session) = self.session.as_mut().filter(|session| session.number == number) else { return };
        if session.under_way.remove(&request).is_none() {
            return;
        }
        if let Err(fault) = &answer {
            tracing::debug!(webhook = self.name, %fault, "a procedure on HTTP was not answered");
        }
        session.own.send(&answer::message(request, answer));
    }
}
