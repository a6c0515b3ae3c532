//! Certificates that change while the router runs. Z3.

use crate::router::Router;
use crate::tls::{gets_an_answer, router, start, websocket, HOST};
use crate::tls_peer::{shown, Authority, Client, Pair, Secured};
use crate::websocket_peer::WebSocketPeer;
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

/// What is promised.
const SEEN_WITHIN: Duration = Duration::from_secs(2);

fn shows(router: &Router, authority: &Authority, pair: &Pair) -> bool {
    shown(&Client::of(authority).connect(router.port("secure"), HOST).unwrap()) == pair.der()
}

/// Waits until a pair is shown; gives how long that took.
fn wait_for(router: &Router, authority: &Authority, pair: &Pair) -> Duration {
    let start = Instant::now();
    router.wait_for("the pair is shown", |router| shows(router, authority, pair));
    start.elapsed()
}

fn failed(router: &Router) -> u64 {
    router.metric("wharf_tls_reload_failed_total")
}

/// Z3: a hundred swaps while sessions call.
#[test]
fn swaps_under_load_are_seen_by_new_handshakes_and_drop_nobody() {
    let (router, authority) = router(&[]);
    let pairs = [authority.server(&[HOST]), authority.server(&[HOST])];
    let stop = AtomicBool::new(false);
    let sessions: Vec<WebSocketPeer<Secured>> =
        (0..4).map(|_| websocket(Client::of(&authority).connect(router.port("secure"), HOST).unwrap())).collect();
    let calls = std::thread::scope(|scope| {
        let workers: Vec<_> = sessions
            .into_iter()
            .enumerate()
            .map(|(number, mut session)| {
                let stop = &stop;
                scope.spawn(move || {
                    let procedure = format!("com.example.echo{number}");
                    session.register(&procedure);
                    let mut calls: u64 = 0;
                    while !stop.load(Ordering::Relaxed) || calls == 0 {
                        calls_itself(&mut session, &procedure, calls);
                        calls += 1;
                    }
                    calls
                })
            })
            .collect();
        for swap in 0..100 {
            let pair = &pairs[swap % 2];
            pair.write(router.folder(), "server");
            // One handshake each, whatever certificate it finds; every twentieth is waited for.
            Client::of(&authority).connect(router.port("secure"), HOST).unwrap();
            if swap % 20 == 0 {
                assert!(wait_for(&router, &authority, pair) < SEEN_WITHIN);
            }
        }
        assert!(wait_for(&router, &authority, &pairs[1]) < SEEN_WITHIN);
        stop.store(true, Ordering::Relaxed);
        workers.into_iter().map(|worker| worker.join().unwrap()).sum::<u64>()
    });
    assert!(calls > 100, "{calls}");
    assert_eq!((failed(&router), router.refused("tls")), (0, 0));
}

fn calls_itself(session: &mut WebSocketPeer<Secured>, procedure: &str, number: u64) {
    session.call(procedure, &json!([number]));
    let invocation = session.expect(68);
    session.send(&json!([70, invocation[1], {}, invocation[4]]));
    assert_eq!(session.expect(50)[3], json!([number]));
}

/// Z3: a broken file, one of another pair, an expired one.
#[test]
fn what_cannot_be_used_leaves_the_old_pair_and_is_counted_and_logged_once() {
    // The other listener has the same files, and would count too.
    let (router, authority) = router(&["listeners.raw.tls.watch=false"]);
    let old = authority.server(&[HOST]);
    old.write(router.folder(), "server");
    wait_for(&router, &authority, &old);
    let other = authority.server(&[HOST]);
    other.write_key(router.folder(), "server");
    router.wait_for("the first failure", |router| failed(router) == 1);
    assert!(shows(&router, &authority, &old));
    assert!(router.log_line("cannot be used").contains("does not belong to the certificate"));
    let broken = Pair { cert: "no certificate".to_owned(), ..old.clone() };
    broken.write(router.folder(), "server");
    router.wait_for("the second failure", |router| failed(router) == 2);
    authority.expired(HOST, ExtendedKeyUsagePurpose::ServerAuth).write(router.folder(), "server");
    router.wait_for("the third failure", |router| failed(router) == 3);
    std::fs::remove_file(router.folder().join("server.key")).unwrap();
    router.wait_for("the fourth failure", |router| failed(router) == 4);
    assert!(shows(&router, &authority, &old));
    other.write(router.folder(), "server");
    assert!(wait_for(&router, &authority, &other) < SEEN_WITHIN);
    assert_eq!(failed(&router), 4);
    assert_eq!(router.log().lines().filter(|line| line.contains("cannot be used")).count(), 4);
}

#[test]
fn files_are_left_alone_where_they_are_not_to_be_watched() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let old = authority.server(&[HOST]);
    old.write(folder.path(), "server");
    let router = start(folder, &["listeners.secure.tls.watch=false"]);
    let new = authority.server(&[HOST]);
    new.write(router.folder(), "server");
    // The other listener is watched.
    router.wait_for("the other listener has it", |router| {
        shown(&Client::of(&authority).connect(router.port("raw"), HOST).unwrap()) == new.der()
    });
    assert!(shows(&router, &authority, &old));
}

/// The authorities of clients are files like the others.
#[test]
fn a_client_whose_authority_is_taken_away_is_not_let_in_again() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server(&[HOST]).write(folder.path(), "server");
    let (first, second) = (Authority::new(), Authority::new());
    std::fs::write(folder.path().join("clients.pem"), first.pem()).unwrap();
    let router = start(
        folder,
        &["listeners.secure.tls.client_ca=\"clients.pem\"", "listeners.secure.tls.client_auth=\"required\""],
    );
    let joe = first.client("joe");
    let client = Client::with(&authority, &joe);
    let mut session = websocket(client.connect(router.port("secure"), HOST).unwrap());
    std::fs::write(router.folder().join("clients.pem"), second.pem()).unwrap();
    router.wait_for("joe is a stranger", |router| !gets_an_answer(router, &client));
    session.call("wamp.session.count", &json!([]));
    session.expect(50);
}

/// Days left are computed from it.
#[test]
fn the_end_of_the_first_certificate_is_a_metric() {
    let (router, _) = router(&[]);
    router.wait_for("the metric", |router| router.metric("wharf_tls_certificate_not_after_seconds") > 4_000_000_000);
}
