//! subscribe and register come back when the router does, and stop where somebody is not let in.

use crate::router::Router;

#[test]
fn a_subscriber_and_a_callee_come_back_with_the_router() {
    let mut router = Router::start();
    let client = router.client();
    let subscriber = client.spawn(&["subscribe", "com.a", "--count", "1", "-o", "raw"], "subscribed com.a");
    let callee = client.spawn(&["register", "com.b", "--echo"], "registered com.b");
    router.restart(|| {
        for running in [&subscriber, &callee] {
            let line = running.err_line();
            assert!(line.starts_with("error: the connection is lost: ") && line.contains("; again in "), "{line}");
        }
    });
    // There may be further attempts in between.
    while subscriber.err_line() != "subscribed com.a" {}
    while callee.err_line() != "registered com.b" {}
    client.run(&["publish", "com.a", "again"]).ok();
    assert_eq!(client.run(&["call", "com.b", "1"]).ok(), "1\n");
    assert_eq!(subscriber.end().ok(), "again\n");
}

#[test]
fn a_subscriber_that_shall_not_come_back_does_not() {
    let mut router = Router::start();
    let subscriber = router.client().spawn(&["subscribe", "com.a", "--no-reconnect"], "subscribed com.a");
    router.restart(|| {});
    assert_eq!(subscriber.end().code, Some(3));
}
