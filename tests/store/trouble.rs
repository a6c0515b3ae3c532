//! The disk fails while the store runs (limits, Z5; store, section 7).

use crate::disk::{Disk, Fault};
use crate::realm::*;
use crate::support::*;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::Arc;
use wharf::routing::{Order, StoreFault};
use wharf::storage::{Storage, StorageSettings, Surroundings};
use wharf::wamp::{MatchPolicy, Uri};

/// Publishes until one is kept again: the store tries every second.
fn until_kept(realm: &mut Realm, from: u64) -> u64 {
    (from..)
        .find(|number| {
            realm.handle.submit(vec![order(event(*number, "com.a"), DURABLE, true)]);
            let (publication, outcome) = realm.kept();
            assert_eq!(publication, *number);
            outcome.is_ok()
        })
        .unwrap()
}

/// Z5.
#[test]
fn a_store_that_cannot_write_says_so_goes_on_reading_and_recovers() {
    for fault in [Fault::Broken, Fault::Full, Fault::Torn] {
        let disk = Disk::new();
        let storage = at(disk.place());
        let mut realm = Realm::of(&storage, REALM);
        realm.handle.submit(vec![
            order(event(1, "com.a"), DURABLE, true),
            retain_order(event(2, "com.kept")),
            retain_order(event(3, "com.cleared")),
        ]);
        assert_eq!(realm.kept(), (1, Ok(())));
        disk.fail_writes(fault);
        realm.handle.submit(vec![order(event(4, "com.a"), DURABLE, true)]);
        assert_eq!(realm.kept(), (4, Err(StoreFault::Failed)));
        realm.handle.submit(vec![
            Order::Forget(Uri::from("com.cleared")),
            order(event(5, "com.m"), VOLATILE, true),
            order(event(6, "com.a"), DURABLE, true),
        ]);
        let mut outcomes = [realm.kept(), realm.kept()];
        outcomes.sort_unstable_by_key(|(publication, _)| *publication);
        assert_eq!(outcomes, [(5, Ok(())), (6, Err(StoreFault::Failed))]);
        assert_eq!(realm.ask(exact("com.m")), [5], "history in memory goes on");
        assert!(!storage.figures().is_writable);
        disk.heal();
        let next = until_kept(&mut realm, 7);
        assert!(storage.figures().is_writable);
        assert_eq!(realm.ask(query(MatchPolicy::Prefix, "com.")), [1, 5, next], "{fault:?}: what failed is not there");
        assert_eq!(realm.retained(), [2], "what was cleared meanwhile does not come back");
        storage.stop();
        let storage = at(disk.place());
        assert_eq!(Realm::of(&storage, REALM).ask(exact("com.a")), [1, next]);
    }
}

/// Store, section 7: reads go on where only writing fails.
#[test]
fn reads_go_on_while_the_disk_is_full() {
    let folder = tempfile::tempdir().unwrap();
    let disk = Disk::new();
    let storage = at(disk.place());
    let mut realm = Realm::of(&storage, REALM);
    realm.handle.submit(vec![order(event(1, "com.a"), DURABLE, true)]);
    assert_eq!(realm.kept(), (1, Ok(())));
    // One failed sync: the file is closed and opened again at once, and is not written to before the next try.
    disk.fail_nth(1, Fault::Full);
    realm.handle.submit(vec![order(event(2, "com.a"), DURABLE, true), order(event(3, "com.a"), DURABLE, true)]);
    assert_eq!((realm.kept(), realm.kept()), ((2, Err(StoreFault::Failed)), (3, Err(StoreFault::Failed))));
    assert_eq!(realm.ask(exact("com.a")), [1]);
    drop(folder);
}

/// Limits, section 11: closed, opened again; the third panic within a minute ends the process.
#[test]
fn a_panic_of_the_writing_thread_is_survived_twice() {
    let disk = Disk::new();
    let ends = Arc::new(AtomicUsize::new(0));
    let counted = Arc::clone(&ends);
    let give_up = Arc::new(move || {
        counted.fetch_add(1, Ordering::SeqCst);
    });
    let surroundings = Surroundings { place: Some(disk.place()), give_up, ..Surroundings::default() };
    let storage = Storage::start_in(StorageSettings::default(), surroundings).unwrap();
    let mut realm = Realm::of(&storage, REALM);
    let mut next = until_kept(&mut realm, 1);
    for panics in 1..=3 {
        disk.fail_nth(1, Fault::Panic);
        realm.handle.submit(vec![order(event(next + 1, "com.a"), DURABLE, true)]);
        assert_eq!(realm.kept(), (next + 1, Err(StoreFault::Failed)));
        next = until_kept(&mut realm, next + 2);
        assert_eq!((storage.figures().panics, ends.load(Ordering::SeqCst)), (panics, usize::from(panics == 3)));
    }
}
