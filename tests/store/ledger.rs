//! Ledgers: numbered values beside the events, in the same commits.

use crate::disk::{Disk, Fault};
use crate::kill::{run_again, said, FIRST, PATH};
use crate::realm::*;
use crate::support::*;
use std::collections::BTreeSet;
use std::io::Write;
use std::path::Path;
use std::sync::mpsc::channel;
use std::time::Duration;
use wharf::storage::{Ledger, LedgerChange, LedgerFault, LedgerRows, Storage};

const PATIENCE: Duration = Duration::from_secs(20);

fn open(storage: &Storage, name: &str) -> Ledger {
    storage.link().ledger(name).unwrap()
}

fn put(number: u64, value: &str) -> LedgerChange {
    (number, Some(value.into()))
}

fn write(ledger: &Ledger, changes: Vec<LedgerChange>) -> Result<(), LedgerFault> {
    let (sender, receiver) = channel();
    ledger.write(changes, move |outcome| sender.send(outcome).unwrap());
    receiver.recv_timeout(PATIENCE).expect("the store answers")
}

fn load(ledger: &Ledger) -> Result<LedgerRows, LedgerFault> {
    let (sender, receiver) = channel();
    ledger.load(move |rows| drop(sender.send(rows)));
    receiver.recv_timeout(PATIENCE).expect("the store answers")
}

fn rows(ledger: &Ledger) -> Vec<(u64, String)> {
    let text = |(number, value)| (number, String::from_utf8(value).unwrap());
    load(ledger).unwrap().into_iter().map(text).collect()
}

/// As `rows` gives them.
fn are(values: &[(u64, &str)]) -> Vec<(u64, String)> {
    values.iter().map(|(number, value)| (*number, (*value).to_owned())).collect()
}

#[test]
fn a_ledger_is_after_a_restart_what_was_written_into_it_and_events_are_not_touched() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let storage = file(&path);
    let realm = Realm::of(&storage, REALM);
    let (one, other) = (open(&storage, "hook/a"), open(&storage, "hook/b"));
    assert_eq!(rows(&one), are(&[]));
    realm.handle.submit(vec![order(event(1, "com.a"), DURABLE, true)]);
    assert_eq!(write(&one, vec![put(2, "two"), put(1, "one"), put(u64::MAX, "last")]), Ok(()));
    assert_eq!(write(&other, vec![put(1, "of b")]), Ok(()));
    assert_eq!(write(&one, vec![(1, None), (7, None), put(2, "two again")]), Ok(()));
    storage.stop();
    let storage = file(&path);
    assert_eq!(rows(&open(&storage, "hook/a")), are(&[(2, "two again"), (u64::MAX, "last")]));
    assert_eq!(rows(&open(&storage, "hook/b")), are(&[(1, "of b")]));
    assert_eq!(Realm::of(&storage, REALM).ask(exact("com.a")), [1]);
}

#[test]
fn without_a_file_there_is_no_ledger() {
    let storage = memory();
    assert!(storage.link().ledger("hook/a").is_none());
    storage.link().keep_ledgers("hook/", BTreeSet::new());
}

/// What waits for a commit when the store ends is written; what comes later is answered.
#[test]
fn what_is_written_at_the_end_is_kept_and_what_comes_later_fails() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let storage = file(&path);
    let ledger = open(&storage, "hook/a");
    for number in 1..=50 {
        ledger.write(vec![put(number, "x")], |outcome| assert_eq!(outcome, Ok(())));
    }
    storage.stop();
    assert_eq!(write(&ledger, vec![put(51, "late")]), Err(LedgerFault));
    assert_eq!(load(&ledger), Err(LedgerFault));
    assert_eq!(rows(&open(&file(&path), "hook/a")).len(), 50);
}

#[test]
fn only_the_ledgers_that_are_named_stay_and_what_their_former_owners_say_does_not_come_back() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    let storage = file(&path);
    let names = ["hook/", "hook/a", "hook/a\0", "hook/aa", "hook/b", "hooks", "key/a"];
    let ledgers: Vec<Ledger> = names.iter().map(|name| open(&storage, name)).collect();
    for ledger in &ledgers {
        assert_eq!(write(ledger, vec![put(0, "x"), put(u64::MAX, "y")]), Ok(()));
    }
    storage.link().keep_ledgers("hook/", BTreeSet::from(["hook/aa".to_owned()]));
    let left = |storage: &Storage| -> Vec<&str> {
        names.into_iter().filter(|name| !rows(&open(storage, name)).is_empty()).collect()
    };
    assert_eq!(write(&ledgers[1], vec![put(1, "late")]), Err(LedgerFault));
    assert_eq!(write(&ledgers[3], vec![put(1, "in time")]), Ok(()));
    assert_eq!(left(&storage), ["hook/aa", "hooks", "key/a"]);
    let again = open(&storage, "hook/a");
    assert_eq!(write(&ledgers[1], vec![put(1, "late")]), Err(LedgerFault));
    assert_eq!(write(&again, vec![put(1, "new")]), Ok(()));
    storage.stop();
    assert_eq!(left(&file(&path)), ["hook/a", "hook/aa", "hooks", "key/a"]);
}

/// Z5.
#[test]
fn a_batch_whose_commit_fails_is_answered_and_none_of_it_is_there() {
    for fault in [Fault::Broken, Fault::Full, Fault::Torn] {
        let disk = Disk::new();
        let storage = at(disk.place());
        let ledger = open(&storage, "hook/a");
        assert_eq!(write(&ledger, vec![put(1, "one"), put(2, "two")]), Ok(()));
        disk.fail_writes(fault);
        assert_eq!(write(&ledger, vec![(1, None), put(3, "three")]), Err(LedgerFault));
        assert_eq!(write(&ledger, vec![put(4, "four")]), Err(LedgerFault));
        disk.heal();
        // The store tries every second.
        while write(&ledger, vec![put(5, "five")]).is_err() {}
        storage.stop();
        assert_eq!(rows(&open(&at(disk.place()), "hook/a")), are(&[(1, "one"), (2, "two"), (5, "five")]), "{fault:?}");
    }
}

/// The one that is killed: adds two and removes one each time, and says what was answered.
#[test]
fn child_writes_a_ledger_until_it_is_killed() {
    let (Ok(path), Ok(_)) = (std::env::var(PATH), std::env::var(FIRST)) else { return };
    let storage = file(Path::new(&path));
    let ledger = open(&storage, "hook/a");
    let mut next = rows(&ledger).last().map_or(1, |(number, _)| number / 2 + 1);
    let mut out = std::io::stdout();
    loop {
        let changes = vec![put(2 * next, "x"), put(2 * next + 1, "y"), (2 * next - 1, None)];
        assert_eq!(write(&ledger, changes), Ok(()));
        writeln!(out, "kept {next}").unwrap();
        out.flush().unwrap();
        next += 1;
    }
}

/// G7, for ledgers: nothing that was acknowledged is missing after kill -9, nothing that was removed is back, and a batch is whole.
#[test]
fn a_ledger_has_after_a_kill_what_was_acknowledged_in_whole_batches() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    for round in 0..5_u64 {
        let mut child = run_again("ledger::child_writes_a_ledger_until_it_is_killed", &path, round).spawn().unwrap();
        let acknowledged = said(&mut child, |child| child.kill().unwrap());
        let storage = file(&path);
        let numbers: Vec<u64> = rows(&open(&storage, "hook/a")).into_iter().map(|(number, _)| number).collect();
        let last = numbers.last().unwrap() / 2;
        assert!(last >= *acknowledged.last().unwrap(), "round {round}");
        // Of each pair the first is left, of the last one both.
        let expected: Vec<u64> = (1..=last).map(|number| 2 * number).chain([2 * last + 1]).collect();
        assert_eq!(numbers, expected, "round {round}");
    }
}
