//! Figures, printed and not judged: `cargo test --release --test store figures -- --nocapture`. The variable
//! `WHARF_TEST_TOPICS` asks for the cases with so many topics in the file alone.

use crate::realm::*;
use crate::support::*;
use std::time::Instant;
use wharf::routing::{HistoryRule, KeptEvent};
use wharf::storage::Storage;

const EVENTS: u64 = 100_000;

/// Time for `EVENTS` events of 256 octets, 32 to a turn, until the last is answered; and the part of it that the realm's
/// thread spends.
fn measure(storage: &Storage, topics: usize, rule: HistoryRule) -> (f64, f64) {
    let mut realm = Realm::of(storage, REALM);
    let topics: Vec<String> = (0..topics).map(|number| format!("com.example.topic{number}")).collect();
    let turns = (0..EVENTS / 32).map(|turn| {
        let orders = (1..=32).map(|place| {
            let number = turn * 32 + place;
            let event = KeptEvent { payload: payload(256), ..event(number, &topics[number as usize % topics.len()]) };
            order(event, rule, place == 32)
        });
        orders.collect()
    });
    let turns: Vec<Vec<_>> = turns.collect();
    let (began, mut spent, mut under_way) = (Instant::now(), 0.0, 0);
    for turn in turns {
        let submitted = Instant::now();
        realm.handle.submit(turn);
        spent += submitted.elapsed().as_secs_f64();
        under_way += 1;
        // As many publishers wait as would fill three commits.
        if under_way >= 96 {
            assert_eq!(realm.kept().1, Ok(()));
            under_way -= 1;
        }
    }
    for _ in 0..under_way {
        assert_eq!(realm.kept().1, Ok(()));
    }
    (began.elapsed().as_secs_f64(), spent)
}

/// Store, section 8, cost.
#[test]
fn figures_of_keeping_events() {
    let folder = tempfile::tempdir().unwrap();
    let only = std::env::var("WHARF_TEST_TOPICS").ok().map(|only| only.parse::<usize>().unwrap());
    let cases = [(1, 100_000), (1, 1000), (1, 100), (100, 100_000), (100, 1000), (100, 100), (10_000, 8)];
    for (topics, limit) in cases.into_iter().filter(|(topics, _)| only.is_none_or(|only| only == *topics)) {
        let name = format!("{topics} topics with up to {limit} events");
        let storage = file(&folder.path().join(&name));
        let (took, spent) = measure(&storage, topics, HistoryRule { limit, ..DURABLE });
        let figures = storage.figures();
        let (commits, each_commit) = (figures.commits, figures.commit_us / figures.commits / 1000);
        let (rate, each) = (EVENTS as f64 / took, spent * 1e9 / EVENTS as f64);
        eprintln!("durable, {name}: {rate:.0} events/s in {commits} commits of {each_commit} ms, {each:.0} ns each on the realm's thread");
    }
    for (topics, limit) in cases.into_iter().filter(|_| only.is_none()) {
        let (took, spent) = measure(&memory(), topics, HistoryRule { limit, ..VOLATILE });
        let (whole, each) = (took * 1e9 / EVENTS as f64, spent * 1e9 / EVENTS as f64);
        eprintln!(
            "memory, {topics} topics with up to {limit} events: {whole:.0} ns each on both threads, {each:.0} on the realm's"
        );
    }
}
