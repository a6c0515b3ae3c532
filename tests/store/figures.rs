//! Figures, printed and not judged: `cargo test --release --test store figures -- --nocapture`.

use crate::realm::*;
use crate::support::*;
use std::time::Instant;
use wharf::routing::{HistoryRule, KeptEvent};
use wharf::storage::Storage;

const EVENTS: u64 = 20_000;

/// Time for `EVENTS` events of 256 octets over 100 topics, 32 to a turn, until the last is answered; and the part of it that
/// the realm's thread spends.
fn measure(storage: &Storage, rule: HistoryRule) -> (f64, f64) {
    let mut realm = Realm::of(storage, REALM);
    let topics: Vec<String> = (0..100).map(|number| format!("com.example.topic{number}")).collect();
    let mut turns: Vec<Vec<_>> = (1..=EVENTS / 32)
        .map(|turn| {
            let orders = (0..32).map(|place| {
                let number = turn * 32 + place;
                let event = KeptEvent { payload: payload(256), ..event(number, &topics[number as usize % 100]) };
                order(event, rule, place == 31)
            });
            orders.collect()
        })
        .collect();
    let (began, mut spent, mut under_way) = (Instant::now(), 0.0, 0);
    for turn in turns.drain(..) {
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
    let limited = |rule: HistoryRule| HistoryRule { limit: 100, ..rule };
    for (name, rule) in [("all kept", DURABLE), ("100 per topic", limited(DURABLE))] {
        let storage = file(&folder.path().join(name));
        let (took, spent) = measure(&storage, rule);
        let commits = storage.figures().commits;
        let (rate, each) = (EVENTS as f64 / took, spent * 1e9 / EVENTS as f64);
        eprintln!(
            "durable, {name}: {rate:.0} events/s in {commits} commits, {each:.0} ns per event on the realm's thread"
        );
    }
    for (name, rule) in [("all kept", VOLATILE), ("100 per topic", limited(VOLATILE))] {
        let (took, spent) = measure(&memory(), rule);
        let (whole, each) = (took * 1e9 / EVENTS as f64, spent * 1e9 / EVENTS as f64);
        eprintln!("memory, {name}: {whole:.0} ns per event on both threads, {each:.0} ns of it on the realm's");
    }
}
