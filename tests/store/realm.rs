//! A realm's end of the store for the tests: orders in, answers out.

use crate::support::*;
use std::sync::mpsc::{channel, Receiver};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{HistoryRule, KeptEvent, Order, Page, Query, SessionKey, StoreFault, Waiting};
use wharf::storage::{Answer, Storage, StorageSettings, StoreHandle, Surroundings};
use wharf::wamp::RequestId;

pub(crate) struct Realm {
    pub(crate) handle: StoreHandle,
    answers: Receiver<Vec<Answer>>,
    /// Answers that came with others.
    heard: Vec<Answer>,
}

impl Realm {
    pub(crate) fn of(storage: &Storage, name: &str) -> Self {
        let (sender, answers) = channel();
        let sink = Arc::new(move |answers| drop(sender.send(answers)));
        Self { handle: storage.attach(name, 1 << 30, sink), answers, heard: Vec::new() }
    }

    pub(crate) fn hear(&mut self) -> Answer {
        while self.heard.is_empty() {
            self.heard = self.answers.recv_timeout(Duration::from_secs(20)).expect("the store answers");
        }
        self.heard.remove(0)
    }

    /// The outcome for the next publisher that is answered, and which it is.
    pub(crate) fn kept(&mut self) -> (u64, Result<(), StoreFault>) {
        match self.hear() {
            Answer::Kept { waiting, outcome } => (waiting.publication.get(), outcome),
            Answer::Read { .. } => panic!("expected an outcome"),
        }
    }

    pub(crate) fn page(&mut self) -> Result<Page, StoreFault> {
        match self.hear() {
            Answer::Read { page, .. } => page,
            Answer::Kept { .. } => panic!("expected a page"),
        }
    }

    pub(crate) fn ask(&mut self, query: Query) -> Vec<u64> {
        self.handle.submit(vec![Order::Read(Box::new(query))]);
        ids(&self.page().unwrap())
    }

    pub(crate) fn load_retained(&self) -> Result<Vec<KeptEvent>, StoreFault> {
        let (sender, receiver) = channel();
        self.handle.load_retained(move |events| drop(sender.send(events)));
        receiver.recv_timeout(Duration::from_secs(20)).expect("the store answers")
    }

    pub(crate) fn retained(&self) -> Vec<u64> {
        let events = self.load_retained().unwrap();
        events.iter().map(|event| event.publication.get()).collect()
    }
}

pub(crate) const DURABLE: HistoryRule = HistoryRule { limit: 100_000, max_age: None, durable: true };
pub(crate) const VOLATILE: HistoryRule = HistoryRule { durable: false, ..DURABLE };

pub(crate) fn order(event: KeptEvent, rule: HistoryRule, waits: bool) -> Order {
    let publication = event.publication;
    // Nobody in the store looks into the key; a realm gives them out.
    let waiting = waits.then(|| Waiting { session: key(), request: RequestId::FIRST, publication });
    Order::Keep { event: Arc::new(event), history: Some(rule), retain: false, waiting }
}

pub(crate) fn retain_order(event: KeptEvent) -> Order {
    Order::Keep { event: Arc::new(event), history: None, retain: true, waiting: None }
}

/// A key of a session, from a realm of its own.
fn key() -> SessionKey {
    use wharf::routing::{Effects, Member, RealmLimits};
    let mut realm = wharf::routing::Realm::new(RealmLimits::default(), 1);
    let member = Member {
        session: wharf::wamp::SessionId::FIRST,
        authid: "joe".into(),
        authrole: "user".into(),
        authmethod: "anonymous".into(),
        authprovider: "static".into(),
        announced: wharf::wamp::role::Announced::default(),
        entrance: wharf::wamp::Entrance::default(),
        transport: Vec::new(),
        permit: wharf::routing::Permit::default(),
    };
    realm.join(std::time::Instant::now(), member, &mut Effects::new()).unwrap()
}

pub(crate) fn memory() -> Storage {
    Storage::start(StorageSettings::default()).unwrap()
}

pub(crate) fn file(path: &std::path::Path) -> Storage {
    Storage::start(StorageSettings { path: Some(path.to_owned()), ..StorageSettings::default() }).unwrap()
}

pub(crate) fn at(place: wharf::storage::file::Place) -> Storage {
    let surroundings = Surroundings { place: Some(place), ..Surroundings::default() };
    Storage::start_in(StorageSettings::default(), surroundings).unwrap()
}
