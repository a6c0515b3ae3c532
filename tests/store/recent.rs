//! Chunks that are put to others: what is read does not depend on where it lies.

use crate::disk::Disk;
use crate::support::*;
use crate::work::{all_pages, State};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use redb::{ReadableDatabase, ReadableTableMetadata};
use std::time::Duration;
use wharf::routing::{KeptEvent, Query};
use wharf::storage::{EventLog, FileLog, MemoryLog};
use wharf::wamp::MatchPolicy;

/// Rows of the tables that hold history.
fn rows(log: &FileLog) -> (u64, u64) {
    let transaction = log.database().begin_read().unwrap();
    let chunks = redb::TableDefinition::<(u32, u64, u64), &[u8]>::new("log");
    let recent = redb::TableDefinition::<(u32, u32, u64), &[u8]>::new("recent");
    (transaction.open_table(chunks).unwrap().len().unwrap(), transaction.open_table(recent).unwrap().len().unwrap())
}

/// Decision 10: small and large parts of a few topics in turn, often enough that they are put to the others again and again.
#[test]
fn a_topic_reads_the_same_wherever_its_chunks_lie() {
    let (disk, realm) = (Disk::new(), realm(1 << 30));
    let (mut file, mut memory) = (FileLog::open(&disk.place()).unwrap(), MemoryLog::new());
    let (mut rng, mut seq) = (StdRng::seed_from_u64(1), 0);
    let mut most = (0, 0);
    for commit in 1..=1600 {
        let topics = rng.random_range(1..12);
        let group: Vec<_> = (0..rng.random_range(1..8))
            .map(|_| {
                seq += 1;
                let topic = rng.random_range(0..topics);
                let octets = [8, 200, 200, 400, 9000][rng.random_range(0..5)];
                let event = KeptEvent { payload: payload(octets), ..event(seq, &format!("com.t{topic}")) };
                keep(&realm, seq, event, rule([3, 40, 1000][topic % 3]))
            })
            .collect();
        file.append(&group).unwrap();
        memory.append(&group).unwrap();
        if commit % 100 > 0 {
            continue;
        }
        if commit % 400 == 0 {
            drop(file);
            file = FileLog::open(&disk.place()).unwrap();
        }
        let (chunks, recent) = rows(&file);
        most = (most.0.max(chunks), most.1.max(recent));
        assert_eq!(State::of(&file), State::of(&memory), "{commit}");
        for topic in 0..12 {
            let backwards = Query { reverse: true, limit: Some(50), ..exact(&format!("com.t{topic}")) };
            assert_eq!(file.read(REALM, NOW, &backwards), memory.read(REALM, NOW, &backwards), "{commit} {topic}");
            let Some(middle) = memory.read(REALM, NOW, &backwards).unwrap().events.last().cloned() else { continue };
            let onwards = Query { after_publication: Some(middle.publication), ..query(MatchPolicy::Prefix, "com.") };
            let of = |log: &dyn EventLog| all_pages(&onwards, |query| log.read(REALM, NOW, query));
            assert_eq!(of(&file), of(&memory), "{commit} {topic}");
        }
    }
    assert!(most.0 > 100 && most.1 <= 1200, "{most:?}");
}

/// Decision 10: nothing of a topic that is no more lies in the file.
#[test]
fn a_topic_that_is_gone_leaves_nothing_behind() {
    let (disk, realm) = (Disk::new(), realm(1 << 30));
    let mut log = FileLog::open(&disk.place()).unwrap();
    for (seq, octets) in [(1, 8), (2, 5000), (3, 8)] {
        let event = KeptEvent { payload: payload(octets), ..event(seq, &format!("com.t{seq}")) };
        log.append(&[keep(&realm, seq, event, aged(10, Duration::from_secs(60)))]).unwrap();
    }
    assert_eq!(rows(&log), (1, 2));
    log.sweep(NOW.plus(Duration::from_secs(61))).unwrap();
    assert_eq!(rows(&log), (0, 0));
    assert_eq!(State::of(&log), Ok(State::default()));
}
