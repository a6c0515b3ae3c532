//! Logins about which a procedure of the application is asked, from HELLO to WELCOME or ABORT (A5).

use super::peer::{hello_details, open_realm, Peer, Router};
use crate::actors::connection::Arrival;
use crate::actors::realm::Panic as RealmPanic;
use crate::actors::realms::Lookup;
use crate::actors::settings::{OutboxSettings, RealmSettings};
use crate::auth::{Asked, DynamicSettings, Method};
use crate::observe::Refusal;
use crate::wamp::Uri;
use serde_json::{json, Value};
use std::sync::Arc;
use std::time::Duration;

const PROCEDURE: &str = "com.app.authenticate";

fn entry(timeout_ms: u64, realm: Option<&str>) -> Arc<DynamicSettings> {
    Arc::new(DynamicSettings {
        name: "main".to_owned(),
        methods: vec![Method::Ticket, Method::WampCra],
        asked: Asked::Procedure { uri: Uri::from(PROCEDURE), realm: realm.map(Uri::from) },
        timeout: Duration::from_millis(timeout_ms),
        forward_headers: Vec::new(),
        cache: None,
        shapes: Arc::default(),
    })
}

fn realm(timeout_ms: u64) -> RealmSettings {
    let mut realm = open_realm(OutboxSettings::default());
    realm.auth.dynamic = vec![entry(timeout_ms, None)];
    realm
}

fn router(timeout_ms: u64) -> Router {
    Router::with_store(realm(timeout_ms), None)
}

async fn authenticator(router: &Router, realm: &str) -> Peer {
    let mut peer = router.join_realm(realm).await;
    peer.register(PROCEDURE).await;
    peer
}

fn hello(router: &Router, method: &str, authid: &str) -> Peer {
    let mut details = hello_details();
    details["authid"] = json!(authid);
    details["authmethods"] = json!([method]);
    let peer = router.connect();
    peer.say(json!([1, "realm1", details]));
    peer
}

/// A client that has said its ticket.
async fn knock(router: &Router, authid: &str) -> Peer {
    let mut peer = hello(router, "ticket", authid);
    assert_eq!(peer.hear().await, json!([4, "ticket", {}]));
    peer.say(json!([5, "the-ticket", {}]));
    peer
}

/// The authenticator's next invocation: its id and arguments.
async fn invoked(peer: &mut Peer) -> (Value, Value) {
    let invocation = peer.hear().await;
    assert_eq!(invocation[0], 68, "{invocation}");
    (invocation[1].clone(), invocation[4].clone())
}

/// Section 6.1 of the page on Crossbar.
#[actix::test]
async fn a_procedure_lets_in_whom_it_knows() {
    let router = router(5000);
    let mut authenticator = authenticator(&router, "realm1").await;
    let mut client = knock(&router, "ann").await;
    let (id, args) = invoked(&mut authenticator).await;
    assert_eq!((&args[0], &args[1], &args[2]["ticket"]), (&json!("realm1"), &json!("ann"), &json!("the-ticket")));
    authenticator.say(json!([70, id, {}, [{ "role": "anonymous", "authid": "ann1", "extra": { "a": 1 } }]]));
    let welcome = client.hear().await;
    assert_eq!((&welcome[0], &welcome[1], &welcome[2]["authid"]), (&json!(2), &args[2]["session"], &json!("ann1")));
    assert_eq!((&welcome[2]["authprovider"], &welcome[2]["authextra"]), (&json!("dynamic"), &json!({ "a": 1 })));
    client.publish("com.topic", json!([])).await;
    // Decision 16: whoever asks is no session.
    client.say(json!([48, 9, {}, "wamp.session.count"]));
    assert_eq!(client.hear().await[3], json!([2]));
    assert_eq!((router.metrics.sessions(), router.metrics.authenticator_faults()), (2, 0));
}

#[actix::test]
async fn a_secret_that_is_told_on_hello_is_challenged_with() {
    let router = router(5000);
    let mut authenticator = authenticator(&router, "realm1").await;
    for answer in [
        json!([70, 0, {}, [{ "role": "anonymous", "secret": "s", "salt": "salt1" }]]),
        json!([8, 68, 0, {}, "com.app.no"]),
    ] {
        let mut client = hello(&router, "wampcra", "ann");
        let (id, args) = invoked(&mut authenticator).await;
        assert!(args[2].get("ticket").is_none());
        let mut answer = answer;
        let place = usize::from(answer[0] == 8) + 1;
        answer[place] = id;
        authenticator.say(answer);
        let challenge = client.hear().await;
        assert_eq!((&challenge[0], challenge[2]["salt"].as_str().unwrap().len()), (&json!(4), 5), "{challenge}");
        client.say(json!([5, "AAAA", {}]));
        assert_eq!(client.hear().await[2], "wamp.error.authentication_denied");
    }
    assert_eq!(router.metrics.refused(Refusal::AuthFailed), 2);
}

/// A5: slow, raising, answering nonsense, answering too much.
#[actix::test]
async fn an_authenticator_in_trouble_lets_nobody_in_and_the_next_login_is_asked_about_again() {
    let router = router(300);
    let mut authenticator = authenticator(&router, "realm1").await;
    let huge = "x".repeat(70_000);
    for (answer, reason) in [
        (Value::Null, "wamp.error.authentication_failed"),
        (json!([8, 68, 0, {}, "wamp.error.runtime_error", ["KeyError"]]), "wamp.error.authentication_failed"),
        (json!([8, 68, 0, {}, "com.app.no_such_user"]), "wamp.error.authentication_denied"),
        (json!([70, 0, {}, [null]]), "wamp.error.authentication_failed"),
        (json!([70, 0, {}, [{ "role": 1 }]]), "wamp.error.authentication_failed"),
        (json!([70, 0, {}]), "wamp.error.authentication_failed"),
        (json!([70, 0, {}, [huge]]), "wamp.error.authentication_failed"),
        (json!([70, 0, {}, ["nobodys-role"]]), "wamp.error.no_such_role"),
        (json!([70, 0, {}, ["anonymous"]]), ""),
    ] {
        let mut client = knock(&router, "ann").await;
        let (id, _) = invoked(&mut authenticator).await;
        if !answer.is_null() {
            let mut answer = answer.clone();
            let place = usize::from(answer[0] == 8) + 1;
            answer[place] = id.clone();
            authenticator.say(answer);
        }
        let said = client.hear().await;
        if reason.is_empty() {
            assert_eq!(said[0], 2, "{said}");
            continue;
        }
        assert_eq!((&said[0], &said[2]), (&json!(3), &json!(reason)), "{answer}");
        if answer.is_null() {
            let interrupt = authenticator.hear().await;
            assert_eq!((&interrupt[0], &interrupt[1]), (&json!(69), &id), "it may stop");
            // Its late answer is for nobody.
            authenticator.say(json!([70, id, {}, ["anonymous"]]));
        }
    }
    assert_eq!(router.metrics.authenticator_faults(), 7);
}

/// Nobody registered it: at once, even where the time would be long. An authenticator that comes in by itself is this case.
#[actix::test]
async fn an_authenticator_that_is_not_there_is_told_at_once_and_one_that_goes_too() {
    let router = router(600_000);
    for method in ["ticket", "wampcra"] {
        let mut client = if method == "ticket" {
            knock(&router, "authenticator").await
        } else {
            hello(&router, method, "authenticator")
        };
        assert_eq!(client.hear().await[2], "wamp.error.authentication_failed", "{method}");
    }
    let mut authenticator = authenticator(&router, "realm1").await;
    let mut client = knock(&router, "ann").await;
    invoked(&mut authenticator).await;
    authenticator.arrive(Arrival::Closed(None));
    assert_eq!(client.hear().await[2], "wamp.error.authentication_failed");
    assert_eq!(router.metrics.authenticator_faults(), 3);
}

/// An authenticator that, asked about a login, makes another one itself: it is asked about that as well, and all of it ends.
#[actix::test]
async fn an_authenticator_that_asks_itself_ends_with_the_time() {
    let router = router(300);
    let mut authenticator = authenticator(&router, "realm1").await;
    let mut client = knock(&router, "ann").await;
    let (outer, _) = invoked(&mut authenticator).await;
    let mut nested = knock(&router, "authenticator").await;
    let (inner, _) = invoked(&mut authenticator).await;
    assert_ne!(outer, inner);
    assert_eq!(client.hear().await[2], "wamp.error.authentication_failed");
    assert_eq!(nested.hear().await[2], "wamp.error.authentication_failed");
}

#[actix::test]
async fn the_procedure_may_be_in_another_realm() {
    let mut settings = open_realm(OutboxSettings::default());
    settings.auth.dynamic = vec![entry(5000, Some("realm2"))];
    let router = Router::with_store(settings, None);
    let mut here = authenticator(&router, "realm1").await;
    let mut there = authenticator(&router, "realm2").await;
    let mut client = knock(&router, "ann").await;
    let (id, args) = invoked(&mut there).await;
    assert_eq!(args[0], "realm1", "who is asked hears which realm it is about");
    there.say(json!([70, id, {}, ["anonymous"]]));
    assert_eq!(client.hear().await[0], 2);
    here.publish("com.topic", json!([])).await;

    settings = open_realm(OutboxSettings::default());
    settings.auth.dynamic = vec![entry(600_000, Some("realm3"))];
    let router = Router::with_store(settings, None);
    let mut client = knock(&router, "ann").await;
    assert_eq!(client.hear().await[2], "wamp.error.authentication_failed", "a realm that is not open");
}

/// A question that is lost with its realm is answered all the same.
#[actix::test]
async fn a_realm_that_fails_while_it_is_asked_leaves_nobody_waiting() {
    let mut settings = open_realm(OutboxSettings::default());
    settings.auth.dynamic = vec![entry(600_000, Some("realm2"))];
    let router = Router::with_store(settings, None);
    let mut there = authenticator(&router, "realm2").await;
    let mut client = knock(&router, "ann").await;
    invoked(&mut there).await;
    let handle = router.realms.send(Lookup("realm2".to_owned())).await.unwrap().unwrap();
    assert!(handle.realm.send(RealmPanic).await.is_err());
    assert_eq!(client.hear().await[2], "wamp.error.authentication_failed");
}

/// A2: who has guessed too often has nobody asked; an authenticator's own trouble is nobody's guess.
#[actix::test]
async fn refusals_count_as_guesses_and_trouble_does_not() {
    let mut settings = realm(5000);
    settings.auth.throttle.per_authid = 2;
    let router = Router::with_store(settings, None);
    for _ in 0..4 {
        let mut client = knock(&router, "ann").await;
        assert_eq!(client.hear().await[2], "wamp.error.authentication_failed");
    }
    let mut authenticator = authenticator(&router, "realm1").await;
    for _ in 0..2 {
        let mut client = knock(&router, "ann").await;
        let (id, _) = invoked(&mut authenticator).await;
        authenticator.say(json!([8, 68, id, {}, "com.app.no"]));
        assert_eq!(client.hear().await[2], "wamp.error.authentication_denied");
    }
    let mut client = knock(&router, "ann").await;
    assert_eq!(client.hear().await[2], "wharf.error.too_many_attempts");
    let mut client = hello(&router, "wampcra", "ann");
    assert_eq!(client.hear().await[2], "wharf.error.too_many_attempts", "nor is anybody asked for a secret");
}

/// T1: the time to WELCOME is longer where somebody else is asked.
#[actix::test]
async fn a_login_that_is_asked_about_has_more_time_but_not_for_ever() {
    let router = Router { handshake_timeout: Duration::from_millis(200), ..router(600_000) };
    let mut authenticator = authenticator(&router, "realm1").await;
    let started = crate::actors::clock::now();
    let mut client = knock(&router, "ann").await;
    let (id, _) = invoked(&mut authenticator).await;
    assert_eq!(client.hear().await[2], "wharf.error.handshake_timeout");
    let took = crate::actors::clock::now().duration_since(started);
    assert!(took >= Duration::from_millis(350), "{took:?}");
    // Its answer finds nobody, and harms nobody.
    authenticator.say(json!([70, id, {}, ["anonymous"]]));
    authenticator.publish("com.topic", json!([])).await;
}

/// Decision 20: an answer that asks for it is remembered until it is forgotten, for the same proof alone.
#[actix::test]
async fn an_authenticator_is_not_asked_again_until_its_answer_is_forgotten() {
    let mut settings = realm(5000);
    let remembers = DynamicSettings { cache: Some(Duration::from_secs(60)), ..(*entry(5000, None)).clone() };
    settings.auth.dynamic = vec![Arc::new(remembers)];
    let router = Router::with_store(settings, None);
    let mut authenticator = authenticator(&router, "realm1").await;
    let known = json!({ "role": "anonymous", "secret": "s3cret", "cache": true });
    let mut first = hello(&router, "wampcra", "ann");
    let (id, _) = invoked(&mut authenticator).await;
    authenticator.say(json!([70, id, {}, [known]]));
    assert_eq!(first.hear().await[1], "wampcra");
    // Nobody is asked, as the next question shows.
    let mut second = hello(&router, "wampcra", "ann");
    assert_eq!(second.hear().await[1], "wampcra");
    let mut ticket = knock(&router, "ann").await;
    let (id, args) = invoked(&mut authenticator).await;
    assert_eq!(args[2]["authmethod"], "ticket", "another method");
    authenticator.say(json!([70, id, {}, [{ "role": "anonymous", "cache": true }]]));
    assert_eq!(ticket.hear().await[0], 2);
    assert_eq!(knock(&router, "ann").await.hear().await[0], 2);
    let mut other = hello(&router, "wampcra", "bob");
    let (id, args) = invoked(&mut authenticator).await;
    assert_eq!(args[1], "bob", "another name");
    authenticator.say(json!([70, id, {}, [known]]));
    other.hear().await;
    let shared = router.realms.send(Lookup("realm1".to_owned())).await.unwrap().unwrap().shared;
    assert_eq!((shared.answers().len(), router.metrics.answers_recalled()), (3, 2));
    shared.purge_verdicts();
    let mut again = hello(&router, "wampcra", "ann");
    let (id, args) = invoked(&mut authenticator).await;
    assert_eq!(args[1], "ann");
    authenticator.say(json!([70, id, {}, [known]]));
    again.hear().await;
}
