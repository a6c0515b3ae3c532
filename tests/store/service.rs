//! The threads: order, group commit, bounds, restarts.

use crate::disk::{Disk, Gate};
use crate::realm::*;
use crate::support::*;
use redb::{ReadableDatabase, ReadableTableMetadata};
use std::sync::atomic::Ordering;
use wharf::routing::{HistoryRule, KeptEvent, Order, Query, Recorded, Records, StoreFault};
use wharf::storage::file::Place;
use wharf::storage::{FileLog, Storage, StorageError, StorageSettings, Surroundings};
use wharf::wamp::{MatchPolicy, Uri};

fn all() -> Query {
    query(MatchPolicy::Prefix, "")
}

/// Store, section 1: a question sees what was ordered before it, committed or not.
#[test]
fn reads_see_what_was_routed_and_not_yet_committed() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [memory(), file(&folder.path().join("store"))] {
        let mut realm = Realm::of(&storage, REALM);
        for number in 1..=50 {
            let orders = vec![order(event(number, "com.a"), DURABLE, false), Order::Read(Box::new(all()))];
            realm.handle.submit(orders);
            assert_eq!(ids(&realm.page().unwrap()), (1..=number).collect::<Vec<_>>());
        }
    }
}

/// Store, section 1: PUBLISHED of a durable topic means that it is on disk.
#[test]
fn what_was_answered_outlives_the_store_and_what_is_in_memory_does_not() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let storage = file(&path);
    let mut realm = Realm::of(&storage, REALM);
    realm.handle.submit(vec![
        order(event(1, "com.durable"), DURABLE, true),
        order(event(2, "com.volatile"), VOLATILE, false),
        retain_order(event(3, "com.a")),
        retain_order(event(4, "com.b")),
        Order::Forget(Uri::from("com.a")),
    ]);
    assert_eq!(realm.kept(), (1, Ok(())));
    assert_eq!(realm.retained(), [4]);
    assert_eq!(realm.ask(all()), [1, 2]);
    storage.stop();
    let storage = file(&path);
    let mut realm = Realm::of(&storage, REALM);
    assert_eq!(realm.ask(all()), [1]);
    assert_eq!(realm.retained(), [4]);
    realm.handle.submit(vec![order(event(5, "com.durable"), DURABLE, false)]);
    assert_eq!(realm.ask(all()), [1, 5], "positions go on where they were");
}

/// One pattern over topics in memory and topics in the file: one order, one count of positions.
#[test]
fn memory_and_file_are_merged_into_one_history() {
    let folder = tempfile::tempdir().unwrap();
    let storage = file(&folder.path().join("store"));
    let mut realm = Realm::of(&storage, REALM);
    for number in 1..=20 {
        let topics = [("com.m", VOLATILE), ("com.d", DURABLE), ("com.n", VOLATILE), ("com.d", DURABLE)];
        let (topic, rule) = topics[number as usize % 4];
        realm.handle.submit(vec![order(event(number, topic), rule, false)]);
    }
    assert_eq!(realm.ask(all()), (1..=20).collect::<Vec<_>>());
    assert_eq!(realm.ask(exact("com.m")), (1..=5).map(|fourth| fourth * 4).collect::<Vec<_>>());
    assert_eq!(realm.ask(Query { reverse: true, ..all() }), (1..=20).rev().collect::<Vec<_>>());
    for (from, until) in [(3, 6), (4, 7)] {
        let asked = Query { after_publication: Some(id(from)), until_publication: Some(id(until)), ..all() };
        assert_eq!(realm.ask(asked.clone()), (from + 1..=until).collect::<Vec<_>>());
        let back = Query { reverse: true, limit: Some(2), ..asked.clone() };
        assert_eq!(realm.ask(back), [until, until - 1]);
        let one = Query { only_topic: Some(Uri::from("com.m")), ..asked };
        assert_eq!(realm.ask(one), (from + 1..=until).filter(|number| number % 4 == 0).collect::<Vec<_>>());
    }
    assert!(realm.ask(Query { after_publication: Some(id(99)), ..all() }).is_empty());
}

/// Store, section 4: many records, few commits, answers in order.
#[test]
fn a_commit_takes_everything_that_is_queued() {
    let (place, shut, arrivals) = Gate::place();
    let surroundings = Surroundings { place: Some(place), ..Surroundings::default() };
    let settings = StorageSettings { commit_records: 1024, ..StorageSettings::default() };
    let storage = Storage::start_in(settings, surroundings).unwrap();
    let mut realm = Realm::of(&storage, REALM);
    shut.store(true, Ordering::SeqCst);
    realm.handle.submit(vec![order(event(1, "com.a"), DURABLE, true)]);
    let first = arrivals.recv().unwrap();
    for number in 2..=2000 {
        realm.handle.submit(vec![order(event(number, "com.a"), DURABLE, true)]);
    }
    shut.store(false, Ordering::SeqCst);
    drop(first);
    for number in 1..=2000 {
        assert_eq!(realm.kept(), (number, Ok(())));
    }
    let figures = storage.figures();
    assert_eq!((figures.commits, figures.committed, figures.failed), (3, 2000, 0), "1, then 1,024, then the rest");
}

/// Store, section 4: above the bound who waits is refused, and the others are counted.
#[test]
fn a_full_queue_refuses_who_waits_and_counts_the_others() {
    let (place, shut, arrivals) = Gate::place();
    let storage = at(place);
    let mut realm = Realm::of(&storage, REALM);
    shut.store(true, Ordering::SeqCst);
    realm.handle.submit(vec![order(event(1, "com.a"), DURABLE, false)]);
    let first = arrivals.recv().unwrap();
    let large = |number| KeptEvent { payload: payload(1 << 20), ..event(number, "com.a") };
    for number in 2..=8 {
        realm.handle.submit(vec![order(large(number), DURABLE, false)]);
    }
    realm.handle.submit(vec![order(large(9), DURABLE, true), order(large(10), DURABLE, false)]);
    assert_eq!(realm.kept(), (9, Err(StoreFault::Busy)));
    assert_eq!(storage.figures().dropped, 2);
    // A queue that is full for the file is not full for memory.
    realm.handle.submit(vec![order(event(11, "com.m"), VOLATILE, true)]);
    assert_eq!(realm.kept(), (11, Ok(())));
    shut.store(false, Ordering::SeqCst);
    drop(first);
    assert_eq!(realm.ask(exact("com.a")), [1], "a page of at most 1 MiB");
    let counted = Query { after_publication: Some(id(1)), limit: Some(1), reverse: true, ..exact("com.a") };
    assert_eq!(realm.ask(counted), [8]);
    realm.handle.submit(vec![order(event(12, "com.a"), DURABLE, true)]);
    assert_eq!(realm.kept(), (12, Ok(())));
}

fn records(numbers: std::ops::RangeInclusive<u64>, octets: usize) -> Order {
    let mut records = Records::default();
    for number in numbers {
        records.push(Recorded::of(&KeptEvent { payload: payload(octets), ..event(number, "com.a") }), VOLATILE);
    }
    Order::Records(Box::new(records))
}

/// Store, section 1: history has the order of routing, however its events were handed over.
#[test]
fn events_in_a_row_stand_between_those_that_were_ordered_before_and_after() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [memory(), file(&folder.path().join("store"))] {
        let mut realm = Realm::of(&storage, REALM);
        realm.handle.submit(vec![
            order(event(1, "com.a"), VOLATILE, true),
            records(2..=4, 8),
            order(event(5, "com.a"), VOLATILE, false),
            records(6..=6, 8),
            Order::Read(Box::new(exact("com.a"))),
        ]);
        assert_eq!(realm.kept(), (1, Ok(())));
        assert_eq!(ids(&realm.page().unwrap()), [1, 2, 3, 4, 5, 6]);
        let page = Query { after_publication: Some(id(2)), before_publication: Some(id(6)), ..exact("com.a") };
        assert_eq!(realm.ask(page), [3, 4, 5]);
    }
}

/// Store, section 4: above the bound what nobody waits for is counted and not kept.
#[test]
fn events_in_a_row_that_find_no_room_are_counted() {
    let storage = memory();
    let mut realm = Realm::of(&storage, REALM);
    realm.handle.submit(vec![records(1..=2, 8), records(3..=1000, 10_000), records(1001..=1001, 8)]);
    assert_eq!(realm.ask(exact("com.a")), [1, 2, 1001]);
    assert_eq!(storage.figures().dropped, 998);
}

/// Limits, section 11: a realm that is started again finds its history.
#[test]
fn a_realm_that_is_attached_again_finds_what_it_had() {
    let folder = tempfile::tempdir().unwrap();
    for storage in [memory(), file(&folder.path().join("store"))] {
        let first = Realm::of(&storage, REALM);
        first.handle.submit(vec![order(event(1, "com.m"), VOLATILE, false), order(event(2, "com.d"), DURABLE, false)]);
        drop(first);
        let mut again = Realm::of(&storage, REALM);
        assert_eq!(again.ask(all()), [1, 2]);
        let mut other = Realm::of(&storage, "realm2");
        assert!(other.ask(all()).is_empty());
        // Two at once, as while one replaces the other.
        let mut newer = Realm::of(&storage, REALM);
        drop(again);
        assert_eq!(newer.ask(all()), [1, 2]);
        drop(newer);
        for number in 0..16 {
            drop(Realm::of(&storage, &format!("made.on.demand.{number}")));
        }
        let mut late = Realm::of(&storage, REALM);
        let left = late.ask(exact("com.m"));
        assert!(left.is_empty(), "history in memory of realms that are closed has a bound");
    }
}

/// Trimming takes many events out of the file at once, and leaves few behind.
#[test]
fn what_a_topic_lost_is_taken_out_of_the_file() {
    let disk = Disk::new();
    let storage = at(disk.place());
    let mut realm = Realm::of(&storage, REALM);
    let rule = HistoryRule { limit: 5, ..DURABLE };
    for number in 1..=1200 {
        realm.handle.submit(vec![order(event(number, "com.a"), rule, true)]);
        assert_eq!(realm.kept(), (number, Ok(())));
    }
    assert_eq!(realm.ask(exact("com.a")), [1196, 1197, 1198, 1199, 1200]);
    drop((realm, storage));
    let log = FileLog::open(&disk.place()).unwrap();
    let transaction = log.database().begin_read().unwrap();
    let chunks = redb::TableDefinition::<(u32, u64, u64), &[u8]>::new("log");
    let chunks = transaction.open_table(chunks).unwrap().len().unwrap();
    let recent = redb::TableDefinition::<(u32, u32, u64), &[u8]>::new("recent");
    let recent = transaction.open_table(recent).unwrap().len().unwrap();
    assert!(chunks <= 2 && recent <= 512, "{chunks} chunks and {recent} recent ones");
}

/// Store, section 7.
#[test]
fn a_file_that_is_in_use_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let storage = file(&path);
    let settings = StorageSettings { path: Some(path.clone()), ..StorageSettings::default() };
    let error = Storage::start(settings.clone()).unwrap_err();
    assert!(matches!(error, StorageError::InUse { .. }), "{error}");
    assert!(error.to_string().contains(path.to_str().unwrap()));
    drop(storage);
    Storage::start(settings).unwrap();
}

/// Store, section 4: a newer schema is refused, with its number.
#[test]
fn a_file_of_a_newer_schema_is_refused() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    drop(file(&path));
    let log = FileLog::open(&Place::path(&path)).unwrap();
    let database = log.database();
    let transaction = database.begin_write().unwrap();
    let meta = redb::TableDefinition::<&str, u64>::new("meta");
    transaction.open_table(meta).unwrap().insert("schema", 7).unwrap();
    transaction.commit().unwrap();
    drop((database, log));
    let settings = StorageSettings { path: Some(path), ..StorageSettings::default() };
    let error = Storage::start(settings).unwrap_err();
    assert!(matches!(error, StorageError::NewerSchema { found: 7, .. }), "{error}");
}

/// Store, section 7: what the system says is passed on, with the file's name.
#[test]
fn a_file_that_cannot_be_opened_is_named_with_the_cause() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("text"), "no store at all, but long enough to be looked at".repeat(200)).unwrap();
    for path in [folder.path().to_owned(), folder.path().join("text").join("store"), folder.path().join("text")] {
        let settings = StorageSettings { path: Some(path.clone()), ..StorageSettings::default() };
        let error = Storage::start(settings).unwrap_err();
        assert!(matches!(error, StorageError::Open { .. }), "{error}");
        assert!(error.to_string().contains(path.to_str().unwrap()), "{error}");
    }
}

/// A new node's folder is made.
#[test]
fn the_folder_of_the_file_is_made() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("data").join("store");
    file(&path).stop();
    assert!(path.exists());
}

/// Nobody waits for ever for a store that has stopped.
#[test]
fn a_store_that_has_stopped_answers_with_a_fault() {
    let folder = tempfile::tempdir().unwrap();
    let storage = file(&folder.path().join("store"));
    let mut realm = Realm::of(&storage, REALM);
    storage.stop();
    realm.handle.submit(vec![
        order(event(1, "com.a"), DURABLE, true),
        order(event(2, "com.a"), VOLATILE, true),
        Order::Read(Box::new(all())),
    ]);
    assert_eq!((realm.kept(), realm.kept()), ((1, Err(StoreFault::Failed)), (2, Err(StoreFault::Failed))));
    assert_eq!(realm.page(), Err(StoreFault::Failed));
}
