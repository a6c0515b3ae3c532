//! The n-th operation on the disk fails, for every n until none does.

use crate::disk::{Disk, Fault};
use crate::support::*;
use wharf::storage::{EventLog, FileLog};
use wharf::wamp::MatchPolicy;

const GROUPS: u64 = 6;
const EVENTS: u64 = 5;

/// Appends until something fails. Gives back how many groups were acknowledged.
fn append_all(disk: &std::sync::Arc<Disk>) -> u64 {
    let realm = realm(1 << 30);
    let Ok(mut log) = FileLog::open(&disk.place()) else { return 0 };
    for group in 0..GROUPS {
        let entries: Vec<_> = (1..=EVENTS)
            .map(|place| group * EVENTS + place)
            .map(|seq| {
                let large = wharf::routing::KeptEvent {
                    payload: payload(3000),
                    ..event(seq, ["com.a", "com.b"][seq as usize % 2])
                };
                keep(&realm, seq, large, rule(100))
            })
            .chain([retain(&realm, (group + 1) * EVENTS, event(1000 + group, "com.a"))])
            .collect();
        if log.append(&entries).is_err() {
            return group;
        }
    }
    GROUPS
}

/// Store, section 8: after every fault the file opens, nothing acknowledged is missing, nothing torn is served.
#[test]
fn nothing_acknowledged_is_missing_whatever_operation_fails() {
    for fault in [Fault::Broken, Fault::Full, Fault::Torn] {
        let mut n = 1;
        loop {
            let disk = Disk::new();
            // A file that is half made is another matter: it has another name.
            drop(FileLog::open(&disk.place()).unwrap());
            disk.fail_nth(n, fault);
            let acknowledged = append_all(&disk);
            let fired = disk.heal();
            let mut log = FileLog::open(&disk.place()).expect("the file opens after a fault");
            let found = ids(&log.read(REALM, NOW, &query(MatchPolicy::Prefix, "com.")).unwrap());
            let groups = found.len() as u64 / EVENTS;
            assert_eq!(
                found,
                (1..=groups * EVENTS).collect::<Vec<_>>(),
                "{fault:?} {n}: groups are whole and in order"
            );
            assert!((acknowledged..=acknowledged + 1).contains(&groups), "{fault:?} {n}: {acknowledged} {groups}");
            let retained = log.retained(REALM).unwrap();
            assert_eq!(retained.len() as u64, groups.min(1));
            log.append(&[keep(&realm(1 << 30), 999, event(999, "com.c"), rule(1))])
                .expect("it can be written to again");
            if !fired {
                assert_eq!(acknowledged, GROUPS);
                break;
            }
            n += 1;
        }
        assert!(n > 20, "{fault:?}: the loop saw {n} operations");
    }
}

/// A file that was not made to its end is made anew.
#[test]
fn a_file_that_is_half_made_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    std::fs::write(folder.path().join("store.new"), "half").unwrap();
    let mut log = FileLog::open(&wharf::storage::file::Place::path(&path)).unwrap();
    log.append(&[keep(&realm(1 << 30), 1, event(1, "com.a"), rule(1))]).unwrap();
    assert!(path.exists() && !folder.path().join("store.new").exists());
}
