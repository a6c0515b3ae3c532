//! A realm and its store: orders go out at the end of a turn, answers come back as messages.
//!
//! Here wait the credit and the leave of a session that is held: one that waits for its event to be kept brings nothing new.
//! Never waits for a disk, but once: a realm whose retained events outlive the process is given them before it serves anybody.

use super::clock;
use super::credit::Credit;
use super::realm::RealmActor;
use super::settings::RealmSettings;
use crate::observe::shown;
use crate::routing::{Effects, KeptEvent, Order, Realm, SessionKey, StoreFault};
use crate::storage::{Answer, StoreHandle, StoreLink};
use actix::fut::{wrap_future, ActorFutureExt};
use actix::{Addr, AsyncContext, Context, Handler, Message};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::Duration;

/// How long a realm waits for what was retained; then it serves without.
const LOAD_TIME: Duration = Duration::from_secs(10);

/// What the store tells a realm. At most one for each turn that ordered something with an answer, and one per question.
#[derive(Message)]
#[rtype(result = "()")]
pub(crate) struct StoreAnswers(Vec<Answer>);

/// What a held session gets when it goes on.
#[derive(Default)]
struct Held {
    credit: Option<Arc<Credit>>,
    leaves: bool,
}

/// A realm's end of the store.
#[derive(Default)]
pub(super) struct StoreEnd {
    link: Option<StoreLink>,
    handle: Option<StoreHandle>,
    held: BTreeMap<SessionKey, Held>,
}

impl StoreEnd {
    pub(super) fn new(link: Option<StoreLink>) -> Self {
        Self { link, ..Self::default() }
    }

    /// Attaches the realm. Its mailbox is not served before its retained events are there, if they outlive the process.
    #[expect(clippy::disallowed_methods, reason = "nobody can have joined yet, so there is nobody to deliver to")]
    pub(super) fn open(&mut self, settings: &RealmSettings, ctx: &mut Context<RealmActor>) {
        let Some(handle) = self.attach(settings, ctx) else { return };
        if settings.rules.retained_durable {
            let (reply, answer) = tokio::sync::oneshot::channel();
            handle.load_retained(move |events| drop(reply.send(events)));
            let name = shown(&settings.uri);
            let loaded = wrap_future::<_, RealmActor>(tokio::time::timeout(LOAD_TIME, answer));
            ctx.wait(loaded.map(move |events, realm: &mut RealmActor, _| {
                // Late, or the store is gone.
                let events = events.ok().and_then(Result::ok).unwrap_or(Err(StoreFault::Busy));
                realm.restore_retained(&name, events);
            }));
        }
        self.handle = Some(handle);
    }

    /// Without a store, nothing.
    fn attach(&self, settings: &RealmSettings, ctx: &mut Context<RealmActor>) -> Option<StoreHandle> {
        // Weak: the store must not keep a realm alive.
        let realm = ctx.address().downgrade();
        let sink = Arc::new(move |answers| {
            if let Some(realm) = realm.upgrade() {
                tell(&realm, answers);
            }
        });
        let octets_max = settings.rules.limits.history_octets_max as u64;
        Some(self.link.as_ref()?.attach(&settings.uri, octets_max, sink))
    }

    /// The realm has other settings: a new bound for its history comes with a new way to the store. What is under way on the
    /// old one is answered all the same.
    pub(super) fn change(&mut self, new: &RealmSettings, old: &RealmSettings, ctx: &mut Context<RealmActor>) {
        let bound = |settings: &RealmSettings| settings.rules.limits.history_octets_max;
        if self.handle.is_some() && bound(new) != bound(old) {
            self.handle = self.attach(new, ctx);
        }
    }

    /// Hands a turn's orders over. Gives back those whose realm has no store, to be answered with a fault.
    pub(super) fn submit(&self, orders: Vec<Order>) -> Vec<Order> {
        match &self.handle {
            Some(handle) => {
                handle.submit(orders);
                Vec::new()
            }
            None => orders,
        }
    }

    /// The session's batch is handled, but for what waits inside the realm.
    pub(super) fn hold_credit(&mut self, session: SessionKey, credit: Arc<Credit>) {
        self.held.entry(session).or_default().credit = Some(credit);
    }

    /// The session leaves when it goes on.
    pub(super) fn hold_leave(&mut self, session: SessionKey) {
        self.held.entry(session).or_default().leaves = true;
    }

    /// Gives the credits of those back that are held no longer; the sessions that leave now.
    pub(super) fn release(&mut self, realm: &Realm) -> Vec<SessionKey> {
        let mut leaving = Vec::new();
        self.held.retain(|session, held| {
            if realm.is_held(*session) {
                return true;
            }
            if let Some(credit) = held.credit.take() {
                credit.give_back();
            }
            if held.leaves {
                leaving.push(*session);
            }
            false
        });
        leaving
    }

    /// Whether no session is held.
    pub(super) fn is_free(&self) -> bool {
        self.held.is_empty()
    }
}

#[expect(
    clippy::disallowed_methods,
    reason = "bounded by the store's queue: each answer is to an order of this realm, which orders nothing while it takes none"
)]
fn tell(realm: &Addr<RealmActor>, answers: Vec<Answer>) {
    realm.do_send(StoreAnswers(answers));
}

/// Orders of a realm without a store: what waits for them hears so.
pub(super) fn refuse(realm: &mut Realm, orders: Vec<Order>, effects: &mut Effects) {
    let now = clock::now();
    for order in orders {
        match order {
            Order::Keep { waiting: Some(waiting), .. } => realm.kept(now, waiting, Err(StoreFault::Failed), effects),
            Order::Read(query) => realm.history_read(now, query.ticket, Err(StoreFault::Failed), effects),
            Order::Keep { waiting: None, .. } | Order::Records(_) | Order::Forget(_) => {}
        }
    }
}

/// Tells the realm what the store has answered.
pub(super) fn take(realm: &mut Realm, answer: Answer, effects: &mut Effects) {
    let now = clock::now();
    match answer {
        Answer::Kept { waiting, outcome } => realm.kept(now, waiting, outcome, effects),
        Answer::Read { ticket, page } => realm.history_read(now, ticket, page, effects),
    }
}

/// Puts back what was retained before the realm started.
pub(super) fn restore(realm: &mut Realm, name: &str, events: Result<Vec<KeptEvent>, StoreFault>) {
    match events {
        Ok(events) => realm.restore_retained(clock::now(), events),
        Err(error) => tracing::error!(realm = %name, %error, "the realm starts without its retained events"),
    }
}

impl Handler<StoreAnswers> for RealmActor {
    type Result = ();

    fn handle(&mut self, StoreAnswers(answers): StoreAnswers, _: &mut Self::Context) {
        for answer in answers {
            self.take_answer(answer);
        }
    }
}
