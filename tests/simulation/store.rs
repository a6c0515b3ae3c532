//! The realm's store with faults in front of it: orders wait in a line, some fail, and what failed is not kept.

use rand::rngs::StdRng;
use rand::RngExt;
use std::sync::Arc;
use wharf::routing::{Order, Page, Query, StoreFault, Waiting};
use wharf::storage::{Change, Entry, EventLog, MemoryLog, RealmLog, Seq};
use wharf::wamp::{MatchPolicy, PublicationId, WallTime};

const NAME: &str = "realm";

pub(crate) struct Store {
    log: MemoryLog,
    realm: Arc<RealmLog>,
    orders: u64,
    /// When the last order is done: later ones are done later.
    busy_until: u64,
    /// Of a hundred orders so many fail.
    failing: u32,
}

/// What the store tells the realm, and when.
pub(crate) enum Told {
    Kept(Waiting, Result<(), StoreFault>),
    Read(u64, Result<Page, StoreFault>),
}

impl Store {
    pub(crate) fn new(rng: &mut StdRng) -> Self {
        let realm = Arc::new(RealmLog { name: NAME.to_owned(), history_octets_max: u64::MAX });
        let failing = if rng.random_bool(0.5) { rng.random_range(1..30) } else { 0 };
        Self { log: MemoryLog::new(), realm, orders: 0, busy_until: 0, failing }
    }

    /// Takes an order; gives back after how many milliseconds what is told, if anything.
    pub(crate) fn take(&mut self, rng: &mut StdRng, now: u64, time: WallTime, order: Order) -> (u64, Option<Told>) {
        let delay = if rng.random_bool(0.1) { rng.random_range(0..500) } else { rng.random_range(0..10) };
        self.busy_until = self.busy_until.max(now + delay);
        self.orders += 1;
        let fault = rng.random_range(0..100) < self.failing;
        let fault = fault.then(|| if rng.random_bool(0.5) { StoreFault::Busy } else { StoreFault::Failed });
        let told = match order {
            Order::Keep { event, history, retain, waiting } => {
                if fault.is_none() {
                    self.append(Change::Keep { event, history, retain });
                }
                waiting.map(|waiting| Told::Kept(waiting, fault.map_or(Ok(()), Err)))
            }
            // Effects are looked at one by one.
            Order::Records(_) => unreachable!("an order for each event"),
            Order::Forget(topic) => {
                self.append(Change::Forget(topic));
                None
            }
            Order::Read(query) => {
                let page = fault.map_or_else(|| self.log.read(NAME, time, &query), Err);
                Some(Told::Read(query.ticket, page))
            }
        };
        (self.busy_until - now, told)
    }

    fn append(&mut self, change: Change) {
        self.log.append(&[Entry { realm: self.realm.clone(), seq: Seq(self.orders), change }]).unwrap();
    }

    /// All publications in a topic's history, in order.
    pub(crate) fn history(&self, time: WallTime, topic: &str) -> Vec<PublicationId> {
        let query = Query {
            ticket: 0,
            topic: topic.into(),
            policy: MatchPolicy::Exact,
            only_topic: None,
            from_time: None,
            after_time: None,
            before_time: None,
            until_time: None,
            from_publication: None,
            after_publication: None,
            before_publication: None,
            until_publication: None,
            reverse: false,
            limit: None,
            authid: "nobody".into(),
            authrole: "nobody".into(),
        };
        self.log.read(NAME, time, &query).unwrap().events.iter().map(|event| event.publication).collect()
    }
}
