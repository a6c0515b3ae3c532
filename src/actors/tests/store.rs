//! A realm and its store: what waits for a disk, and what does not.

use super::peer::{open_realm, Router};
use crate::actors::realm::Panic as RealmPanic;
use crate::actors::realms::Lookup;
use crate::actors::session::Panic as SessionPanic;
use crate::actors::settings::{OutboxSettings, RealmSettings};
use crate::routing::{HistoryRule, TopicRule, UriTable};
use crate::storage::file::Place;
use crate::storage::{Storage, StorageSettings, Surroundings};
use crate::wamp::{MatchPolicy, Uri};
use redb::backends::InMemoryBackend;
use redb::StorageBackend;
use serde_json::json;
use std::io;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{channel, Receiver, Sender};
use std::sync::Arc;
use std::time::Duration;

/// Octets in memory; where the switch is on, a sync waits until it is let through, and fails if it is told to.
#[derive(Debug)]
struct Gate {
    octets: Arc<InMemoryBackend>,
    shut: Arc<AtomicBool>,
    arrived: Sender<Sender<bool>>,
}

impl StorageBackend for Gate {
    fn len(&self) -> io::Result<u64> {
        self.octets.len()
    }

    fn read(&self, offset: u64, out: &mut [u8]) -> io::Result<()> {
        self.octets.read(offset, out)
    }

    fn set_len(&self, len: u64) -> io::Result<()> {
        self.octets.set_len(len)
    }

    fn sync_data(&self) -> io::Result<()> {
        if self.shut.swap(false, Ordering::SeqCst) {
            let (open, opened) = channel();
            let _ = self.arrived.send(open);
            if !opened.recv().unwrap_or(false) {
                return Err(io::Error::from_raw_os_error(5));
            }
        }
        Ok(())
    }

    fn write(&self, offset: u64, data: &[u8]) -> io::Result<()> {
        self.octets.write(offset, data)
    }
}

struct Disk {
    shut: Arc<AtomicBool>,
    /// Dropped before the store, so that nobody waits at the gate for ever.
    arrivals: Receiver<Sender<bool>>,
    storage: Storage,
}

impl Disk {
    fn new() -> Self {
        let (arrived, arrivals) = channel();
        let (octets, shut) = (Arc::new(InMemoryBackend::new()), Arc::new(AtomicBool::new(false)));
        let switch = Arc::clone(&shut);
        let place = Place::backend(move || Gate {
            octets: Arc::clone(&octets),
            shut: Arc::clone(&switch),
            arrived: arrived.clone(),
        });
        let surroundings = Surroundings { place: Some(place), ..Surroundings::default() };
        let storage = Storage::start_in(StorageSettings::default(), surroundings).unwrap();
        Self { storage, shut, arrivals }
    }

    /// The next commit waits.
    fn shut(&self) {
        self.shut.store(true, Ordering::SeqCst);
    }

    /// Lets the commit go on that waits.
    fn open(&self, well: bool) {
        self.arrivals.recv_timeout(Duration::from_secs(10)).expect("a commit is under way").send(well).unwrap();
    }
}

/// A realm whose topics below `com.durable` are kept on disk, and its retained events too.
fn durable_realm() -> RealmSettings {
    let mut realm = open_realm(OutboxSettings::default());
    let rule =
        TopicRule { history: Some(HistoryRule { limit: 10, max_age: None, durable: true }), ..TopicRule::default() };
    realm.rules.topics = Arc::new(UriTable::new(vec![(MatchPolicy::Prefix, Uri::from("com.durable"), rule)]));
    realm.rules.retained_durable = true;
    realm
}

/// Store, section 1; D59, D73: routing never waits, PUBLISHED does, and with it what the publisher said later.
#[actix::test]
async fn only_the_publisher_waits_for_the_disk() {
    let disk = Disk::new();
    let router = Router::with_store(durable_realm(), Some(disk.storage.link()));
    let (mut publisher, mut other) = (router.join().await, router.join().await);
    publisher.subscribe("com.durable.a").await;
    other.subscribe("com.durable.a").await;
    disk.shut();
    publisher.say(json!([16, 7, { "acknowledge": true, "exclude_me": false }, "com.durable.a", [1]]));
    publisher.say(json!([16, 8, { "acknowledge": true }, "com.plain"]));
    publisher.say(json!([6, {}, "wamp.close.normal"]));
    assert_eq!(other.hear().await[4], json!([1]), "the event is there at once");
    other.publish("com.plain", json!([])).await;
    disk.open(true);
    let heard = [publisher.hear().await, publisher.hear().await, publisher.hear().await, publisher.hear().await];
    let kinds: Vec<_> = heard.iter().map(|message| (message[0].clone(), message[1].clone())).collect();
    assert_eq!((&kinds[0], &kinds[2]), (&(json!(17), json!(7)), &(json!(17), json!(8))));
    assert_eq!((&kinds[1].0, &kinds[3].0), (&json!(36), &json!(6)));
}

/// Z5: ERROR, though the event was routed.
#[actix::test]
async fn a_disk_that_fails_is_an_error_to_the_publisher() {
    let disk = Disk::new();
    let router = Router::with_store(durable_realm(), Some(disk.storage.link()));
    let (mut publisher, mut other) = (router.join().await, router.join().await);
    other.subscribe("com.durable.a").await;
    disk.shut();
    publisher.say(json!([16, 7, { "acknowledge": true }, "com.durable.a", [1]]));
    assert_eq!(other.hear().await[0], 36);
    disk.open(false);
    let error = publisher.hear().await;
    assert_eq!(
        (&error[0], &error[1], &error[2], &error[4]),
        (&json!(8), &json!(16), &json!(7), &json!("wharf.error.storage"))
    );
}

/// A realm without a store keeps nothing, and says so.
#[actix::test]
async fn without_a_store_who_waits_for_it_hears_so() {
    let router = Router::with_store(durable_realm(), None);
    let mut publisher = router.join().await;
    publisher.subscribe("com.durable.a").await;
    publisher.say(json!([16, 7, { "acknowledge": true, "exclude_me": false }, "com.durable.a"]));
    assert_eq!(publisher.hear().await[4], "wharf.error.storage");
    assert_eq!(publisher.hear().await[0], 36);
    publisher.publish("com.plain", json!([])).await;
}

/// Architecture, invariant 6: a session that goes while it is held is gone when it is held no longer.
#[actix::test]
async fn a_session_that_is_held_leaves_when_it_goes_on() {
    let disk = Disk::new();
    let router = Router::with_store(durable_realm(), Some(disk.storage.link()));
    let (mut publisher, mut other) = (router.join().await, router.join().await);
    publisher.subscribe("com.durable.a").await;
    other.subscribe("com.durable.a").await;
    disk.shut();
    publisher.say(json!([16, 7, { "acknowledge": true, "exclude_me": false }, "com.durable.a"]));
    publisher.say(json!([16, 8, {}, "com.durable.a", ["last"]]));
    assert_eq!(other.hear().await[0], 36);
    // Its socket is not read meanwhile; what ends a session then is our own doing, or our own mistake.
    assert!(publisher.session.send(SessionPanic).await.is_err());
    other.publish("com.plain", json!([])).await;
    assert_eq!(router.metrics.sessions(), 2, "it is still held");
    disk.open(true);
    assert_eq!(other.hear().await[4], json!(["last"]), "what it said before it went is heard");
    let gone = async {
        // A gauge cannot be awaited; the time below bounds the looking.
        while router.metrics.sessions() > 1 {
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(Duration::from_secs(10), gone).await.expect("the session leaves");
}

/// Limits, section 11: a fresh realm loads what is durable, before it serves anybody.
#[actix::test]
async fn a_realm_that_is_started_again_has_its_retained_events() {
    let disk = Disk::new();
    let router = Router::with_store(durable_realm(), Some(disk.storage.link()));
    let mut publisher = router.join().await;
    publisher.say(json!([16, 7, { "acknowledge": true, "retain": true }, "com.a", ["kept"]]));
    let published = publisher.hear().await;
    assert_eq!(published[0], 17);
    let handle = router.realms.send(Lookup("realm1".to_owned())).await.unwrap().unwrap();
    assert!(handle.realm.send(RealmPanic).await.is_err());
    let mut late = router.join().await;
    late.say(json!([32, 1, { "get_retained": true }, "com.a"]));
    assert_eq!(late.hear().await[0], 33);
    let event = late.hear().await;
    assert_eq!((&event[0], &event[2], &event[4]), (&json!(36), &published[2], &json!(["kept"])));
}
