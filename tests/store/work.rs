//! What a store goes through in the tests of faults, and what it has after each step.

use crate::support::*;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use std::time::Duration;
use wharf::routing::{HistoryRule, KeptEvent, Query, StoreFault};
use wharf::storage::{Change, Entry, EventLog, FileLog, MemoryLog, Seq};
use wharf::wamp::{MatchPolicy, Uri, WallTime};

/// So small that topics come and go.
const OCTETS_MAX: u64 = 300_000;

/// All history of the realm in order, and what is retained.
#[derive(Clone, PartialEq, Debug, Default)]
pub(crate) struct State {
    pub(crate) history: Vec<Arc<KeptEvent>>,
    pub(crate) retained: Vec<Arc<KeptEvent>>,
}

impl State {
    pub(crate) fn of(log: &dyn EventLog) -> Result<Self, StoreFault> {
        let history = all_pages(&query(MatchPolicy::Prefix, ""), |query| log.read(REALM, NOW, query))?;
        Ok(Self { history, retained: log.retained(REALM)? })
    }
}

/// All that a question selects, page by page.
pub(crate) fn all_pages(
    query: &Query,
    mut read: impl FnMut(&Query) -> Result<wharf::routing::Page, StoreFault>,
) -> Result<Vec<Arc<KeptEvent>>, StoreFault> {
    let (mut events, mut query) = (Vec::new(), query.clone());
    loop {
        let page = read(&query)?;
        events.extend(page.events);
        if !page.is_limit_reached {
            return Ok(events);
        }
        query.after_publication = events.last().map(|event| event.publication);
    }
}

enum Step {
    Append(Vec<Entry>),
    Sweep(WallTime),
}

/// Steps, and the state after each of them; the first state is that of an empty store.
pub(crate) struct Work {
    steps: Vec<Step>,
    states: Vec<State>,
}

fn rule_of(topic: u64) -> HistoryRule {
    match topic {
        0 | 1 => rule(3),
        2 => rule(8),
        3 | 4 => aged(100, Duration::from_secs(40)),
        _ => rule(100),
    }
}

impl Work {
    /// Small and large events, topics that lose some or all of theirs by count, age and octets, retained events that are
    /// replaced and cleared.
    pub(crate) fn new(seed: u64, steps: usize) -> Self {
        let mut rng = StdRng::seed_from_u64(seed);
        let realm = realm(OCTETS_MAX);
        let (mut memory, mut seq) = (MemoryLog::new(), 0);
        let mut work = Self { steps: Vec::new(), states: vec![State::default()] };
        for step in 0..steps {
            let time = WallTime(NOW.0 - 60_000_000 + 60_000_000 * step as i64 / steps as i64);
            let step = if rng.random_range(0..8) == 0 {
                Step::Sweep(time)
            } else {
                let changes = (0..rng.random_range(1..8)).map(|_| {
                    seq += 1;
                    let topic = rng.random_range(0..8_u64);
                    let octets = [8, 8, 300, 300, 3000, 60_000][rng.random_range(0..6)];
                    let event = KeptEvent { time, payload: payload(octets), ..event(seq, &format!("com.t{topic}")) };
                    let change = match rng.random_range(0..10) {
                        0 => Change::Forget(Uri::from(format!("com.t{topic}").as_str())),
                        1 => Change::Keep { event: Arc::new(event), history: None, retain: true },
                        2 => Change::Keep { event: Arc::new(event), history: Some(rule_of(topic)), retain: true },
                        _ => Change::Keep { event: Arc::new(event), history: Some(rule_of(topic)), retain: false },
                    };
                    Entry { realm: Arc::clone(&realm), seq: Seq(seq), change }
                });
                Step::Append(changes.collect())
            };
            work.take(&step, &mut memory).unwrap();
            work.states.push(State::of(&memory).unwrap());
            work.steps.push(step);
        }
        work
    }

    fn take(&self, step: &Step, log: &mut dyn EventLog) -> Result<(), wharf::storage::StorageError> {
        match step {
            Step::Append(group) => log.append(group),
            Step::Sweep(now) => log.sweep(*now),
        }
    }

    /// Goes through the steps until one fails. Gives back how many did not.
    pub(crate) fn run(&self, log: &mut FileLog) -> usize {
        self.steps.iter().take_while(|step| self.take(step, log).is_ok()).count()
    }

    pub(crate) fn steps(&self) -> usize {
        self.steps.len()
    }

    /// Nothing that was acknowledged is missing, and nothing is there of a step but all of it: at most the one that failed.
    pub(crate) fn check(&self, log: &FileLog, acknowledged: usize, what: &dyn std::fmt::Debug) {
        let found = State::of(log).expect("what is there can be read");
        let expected = &self.states[acknowledged..self.states.len().min(acknowledged + 2)];
        let ids = |state: &State| -> Vec<u64> {
            state.history.iter().chain(&state.retained).map(|event| event.publication.get()).collect()
        };
        let wanted: Vec<_> = expected.iter().map(ids).collect();
        assert!(expected.contains(&found), "{what:?}, {acknowledged} steps: {:?} is none of {wanted:?}", ids(&found));
    }
}
