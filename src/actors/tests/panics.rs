//! A panic ends one actor, and those who must know are told (limits, section 11).

use super::peer::Router;
use crate::actors::realm::Panic as RealmPanic;
use crate::actors::realms::{Lookup, EXIT_REALM_FAILED};
use crate::actors::session::Panic as SessionPanic;
use serde_json::json;

#[actix::test]
async fn a_panic_in_a_session_ends_that_session_only() {
    let router = Router::new();
    let (mut victim, mut other) = (router.join().await, router.join().await);
    victim.register("com.procedure").await;
    assert!(victim.session.send(SessionPanic).await.is_err());
    assert!(victim.hear_or_close().await.is_none());
    other.register("com.procedure").await;
    assert_eq!((router.metrics.session_panics(), router.metrics.sessions()), (1, 1));
}

#[actix::test]
async fn a_panic_in_a_realm_restarts_it_empty_and_tells_its_sessions() {
    let router = Router::new();
    let (mut here, mut elsewhere) = (router.join().await, router.join_realm("realm2").await);
    here.register("com.procedure").await;
    let handle = router.realms.send(Lookup("realm1".to_owned())).await.unwrap().unwrap();
    assert!(handle.realm.send(RealmPanic).await.is_err());
    assert_eq!(here.hear().await[2], "wharf.error.realm_restarted");
    assert_eq!(here.close_code().await, Some(1012));
    let mut again = router.join().await;
    again.register("com.procedure").await;
    elsewhere.publish("com.topic", json!([])).await;
    assert_eq!((router.metrics.realm_panics(), router.metrics.realm_restarts()), (1, 1));
    assert_eq!(router.metrics.sessions(), 2);
}

#[test]
fn a_realm_that_fails_a_fourth_time_within_a_minute_ends_the_process() {
    let system = actix::System::new();
    system.block_on(async {
        let router = Router::new();
        for _ in 0..4 {
            let handle = router.realms.send(Lookup("realm1".to_owned())).await.unwrap().unwrap();
            assert!(handle.realm.send(RealmPanic).await.is_err());
        }
        // Answered after the registry has heard of the fourth.
        router.realms.send(Lookup("realm2".to_owned())).await.unwrap();
        std::mem::forget(router);
    });
    assert_eq!(system.run_with_code().unwrap(), EXIT_REALM_FAILED);
}
