//! The n-th operation on the disk fails, for every n until none does; or the power is cut at it.

use crate::disk::{Disk, Fault};
use crate::support::*;
use crate::work::Work;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;
use wharf::storage::file::Place;
use wharf::storage::{EventLog, FileLog};

const STEPS: usize = 12;

/// Makes the file, does the work, and closes it. Gives back how many steps were acknowledged.
fn work_on(work: &Work, place: &Place) -> usize {
    FileLog::open(place).map_or(0, |mut log| work.run(&mut log))
}

/// After the trouble: the file opens, has what it must have, and is as good as before.
fn check(work: &Work, place: &Place, acknowledged: usize, what: &dyn std::fmt::Debug) {
    let mut log = FileLog::open(place).unwrap_or_else(|error| panic!("{what:?}: {error}"));
    work.check(&log, acknowledged, what);
    let last = log.last_seq().unwrap().0;
    let other = Arc::new(wharf::storage::RealmLog { name: "realm2".to_owned(), history_octets_max: 1 << 20 });
    log.append(&[keep(&other, last + 1, event(1, "com.a"), rule(1))]).expect("it can be written to again");
    drop(log);
    let log = FileLog::open(place).unwrap();
    work.check(&log, acknowledged, what);
    assert_eq!(ids(&log.read("realm2", NOW, &exact("com.a")).unwrap()), [1]);
}

/// Store, section 8: after every fault the file opens, nothing acknowledged is missing, nothing torn is served; from the first
/// start on, over trimming, sweeping and what is retained.
#[test]
fn nothing_acknowledged_is_missing_whatever_operation_fails() {
    for (seed, fault) in [(1, Fault::Broken), (2, Fault::Full), (3, Fault::Torn)] {
        let work = Work::new(seed, STEPS);
        for n in 1.. {
            let disk = Disk::new();
            disk.fail_nth(n, fault);
            let acknowledged = work_on(&work, &disk.folder());
            let has_happened = disk.heal();
            check(&work, &disk.folder(), acknowledged, &(fault, n));
            if !has_happened {
                assert_eq!(acknowledged, STEPS);
                assert!(n > 100, "{fault:?}: the loop saw {n} operations");
                break;
            }
        }
    }
}

/// Store, section 8: what was written since the last sync is kept, dropped or shuffled, sector by sector. The variable
/// `WHARF_TEST_SEEDS` asks for more than the usual number of seeds.
#[test]
fn nothing_acknowledged_is_missing_after_a_loss_of_power() {
    let seeds = std::env::var("WHARF_TEST_SEEDS").map_or(300, |seeds| seeds.parse().unwrap());
    let (mut first, mut cut) = (0, 0);
    for seed in 0..seeds {
        let mut rng = StdRng::seed_from_u64(seed);
        let work = Work::new(seed, STEPS);
        let disk = Disk::new();
        disk.cut_power_at(rng.random_range(1..400));
        let acknowledged = work_on(&work, &disk.folder());
        disk.power_on(&mut rng);
        check(&work, &disk.folder(), acknowledged, &seed);
        first += u64::from(acknowledged == 0);
        cut += u64::from(acknowledged < work.steps());
    }
    assert!(first > 0 && cut > seeds / 2, "{first} at the start, {cut} of {seeds} before the end");
}

/// A file that was not made to its end is made anew.
#[test]
fn a_file_that_is_half_made_is_no_obstacle() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("store");
    std::fs::write(folder.path().join("store.new"), "half").unwrap();
    let mut log = FileLog::open(&Place::path(&path)).unwrap();
    log.append(&[keep(&realm(1 << 30), 1, event(1, "com.a"), rule(1))]).unwrap();
    assert!(path.exists() && !folder.path().join("store.new").exists());
}
