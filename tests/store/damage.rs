//! Octets of the file change behind the store's back.

use crate::disk::Disk;
use crate::realm::*;
use crate::support::*;
use crate::work::{all_pages, State};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::collections::BTreeSet;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use wharf::routing::{KeptEvent, Order, Query, StoreFault};
use wharf::storage::{EventLog, FileLog, Storage, StorageSettings, Surroundings};
use wharf::wamp::{MatchPolicy, Uri};

fn variable(name: &str, default: u64) -> u64 {
    std::env::var(name).map_or(default, |value| value.parse().unwrap())
}

/// A file of about so many octets: many topics with small events, some with large ones, some retained.
fn made(octets: u64) -> (Vec<u8>, State) {
    let disk = Disk::new();
    let mut log = FileLog::open(&disk.place()).unwrap();
    let realm = realm(1 << 40);
    let (mut seq, mut written) = (0, 0);
    while written < octets {
        let mut group = Vec::new();
        for place in 0..500 {
            seq += 1;
            let (topic, len) = if place % 50 == 0 { (place, 6000) } else { (seq % 1700, 100) };
            let event = KeptEvent { payload: payload(len), ..event(seq, &format!("com.t{topic}")) };
            written += len as u64 + 100;
            group.push(if place == 7 { retain(&realm, seq, event) } else { keep(&realm, seq, event, rule(1000)) });
        }
        log.append(&group).unwrap();
    }
    let state = State::of(&log).unwrap();
    drop(log);
    (disk.octets(), state)
}

fn read(realm: &mut Realm, query: &Query) -> Result<Vec<Arc<KeptEvent>>, StoreFault> {
    all_pages(query, |query| {
        realm.handle.submit(vec![Order::Read(Box::new(query.clone()))]);
        realm.page()
    })
}

/// Asks for everything. Gives back whether the store has said that something is damaged; panics if it gives anything that is
/// not what was kept.
fn is_seen(octets: Vec<u8>, expected: &State, topics: &BTreeSet<Uri>, what: u64) -> bool {
    let disk = Disk::with(octets);
    let ends = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ends);
    let give_up = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let surroundings = Surroundings { place: Some(disk.place()), give_up, ..Surroundings::default() };
    let Ok(storage) = Storage::start_in(StorageSettings::default(), surroundings) else { return true };
    let mut realm = Realm::of(&storage, REALM);
    let all = read(&mut realm, &query(MatchPolicy::Prefix, ""));
    let mut is_seen = all.is_err();
    assert!(all.is_err() || all == Ok(expected.history.clone()), "bit {what}: another history");
    if is_seen {
        for topic in topics {
            let found = read(&mut realm, &exact(topic));
            let kept = || expected.history.iter().filter(|event| event.topic == *topic).cloned().collect();
            assert!(found.is_err() || found == Ok(kept()), "bit {what}: another history of {topic}");
        }
    }
    match realm.load_retained() {
        Err(_) => is_seen = true,
        Ok(retained) => {
            let retained: Vec<_> = retained.into_iter().map(Arc::new).collect();
            assert_eq!(retained, expected.retained, "bit {what}: something else is retained");
        }
    }
    // Life goes on: who publishes hears of it, and history in memory is not touched.
    realm.handle.submit(vec![order(event(1 << 40, "com.t3"), DURABLE, true)]);
    is_seen |= realm.kept().1.is_err();
    realm.handle.submit(vec![order(event(1 << 41, "com.m"), VOLATILE, true)]);
    assert_eq!(realm.kept(), (1 << 41, Ok(())));
    assert_eq!((ends.load(Ordering::SeqCst), storage.figures().panics), (0, 0), "bit {what}");
    is_seen
}

/// Store, section 7 and 8, bit flips: detected, or harmless because nothing lies there; never another value, and no panic. The
/// variables `WHARF_TEST_FLIPS` and `WHARF_TEST_MIB` ask for more than the usual number in a larger file.
#[test]
fn a_flipped_bit_is_detected_or_harmless() {
    let (octets, expected) = made(variable("WHARF_TEST_MIB", 1) << 20);
    let topics: BTreeSet<Uri> = expected.history.iter().map(|event| event.topic.clone()).collect();
    assert!(!is_seen(octets.clone(), &expected, &topics, 0), "the file is good before");
    let mut rng = StdRng::seed_from_u64(8);
    let flips = variable("WHARF_TEST_FLIPS", 300);
    // What is neither payload nor empty: keys, lengths, rows, what redb needs to find them.
    let skeleton: Vec<usize> = (0..octets.len()).filter(|at| !matches!(octets[*at], 0 | b'x')).collect();
    let mut seen = 0;
    for flip in 0..flips {
        let at = match flip % 4 {
            0 => rng.random_range(0..octets.len()),
            // The first page, which redb looks after itself, and the first sums.
            1 => rng.random_range(0..2 * 4096),
            _ => skeleton[rng.random_range(0..skeleton.len())],
        };
        let bit = at * 8 + rng.random_range(0..8);
        let mut hurt = octets.clone();
        hurt[bit / 8] ^= 1 << (bit % 8);
        seen += u64::from(is_seen(hurt, &expected, &topics, bit as u64));
    }
    assert!(seen > flips / 5, "{seen} of {flips} were seen");
    eprintln!("{seen} of {flips} flipped bits in {} octets were seen, the others did not matter", octets.len());
}
