//! Roles that ask an authorizer: only the session that asks waits, in order, and trouble is no permission (Z7).

use super::peer::{open_realm, Peer, Router};
use crate::actors::connection::Arrival;
use crate::actors::settings::{OutboxSettings, RealmSettings, RoleSettings};
use crate::auth::{Secret, Ticket, TicketUser};
use crate::authz::{Authorizer, OnFailure, Policy, Scope};
use crate::observe::Refusal;
use crate::wamp::Uri;
use serde_json::{json, Value};
use std::sync::Arc;
use std::time::Duration;

const PROCEDURE: &str = "com.app.authorize";

fn authorizer(timeout_ms: u64) -> Authorizer {
    Authorizer {
        procedure: Uri::from(PROCEDURE),
        cache: Some(Duration::from_secs(600)),
        cache_scope: Scope::Authid,
        timeout: Duration::from_millis(timeout_ms),
        on_failure: OnFailure::Deny,
        source: "".into(),
    }
}

/// Anonymous may do everything; ann and bob have a role that asks.
fn router(authorizer: Authorizer) -> Router {
    Router::with_store(realm(authorizer), None)
}

fn realm(authorizer: Authorizer) -> RealmSettings {
    let mut realm = open_realm(OutboxSettings::default());
    let policy = Arc::new(Policy::default());
    let role = RoleSettings { policy, authorizer: Some(Arc::new(authorizer)), rate: None, on_overflow: None };
    realm.roles.insert("asking".to_owned(), role);
    let user = |name: &str| {
        let ticket = Ticket::Plain(Secret::new("s".to_owned()));
        (name.to_owned(), TicketUser { ticket, role: "asking".to_owned() })
    };
    realm.auth.ticket = Some(["ann", "bob"].map(user).into_iter().collect());
    realm
}

async fn join(router: &Router, authid: &str) -> Peer {
    let mut peer = router.connect();
    let roles = json!({ "publisher": {}, "subscriber": {}, "caller": {}, "callee": {} });
    peer.say(json!([1, "realm1", { "roles": roles, "authmethods": ["ticket"], "authid": authid }]));
    peer.hear().await;
    peer.say(json!([5, "s", {}]));
    let welcome = peer.hear().await;
    assert_eq!((&welcome[0], &welcome[2]["authrole"]), (&json!(2), &json!("asking")));
    peer
}

/// The authorizer's next invocation: its id and arguments.
async fn asked(peer: &mut Peer) -> (Value, Value) {
    let invocation = peer.hear().await;
    assert_eq!(invocation[0], 68, "{invocation}");
    (invocation[1].clone(), invocation[4].clone())
}

async fn answer(peer: &mut Peer, result: Value) -> Value {
    let (id, args) = asked(peer).await;
    peer.say(json!([70, id, {}, [result]]));
    args
}

async fn authorizing(router: &Router) -> Peer {
    let mut peer = router.join().await;
    peer.register(PROCEDURE).await;
    peer
}

/// Section 6.2 of the page on Crossbar.
#[actix::test]
async fn an_authorizer_is_asked_with_session_uri_action_and_options() {
    let router = router(authorizer(5000));
    let mut authorizer = authorizing(&router).await;
    let mut ann = join(&router, "ann").await;
    ann.say(json!([32, 1, { "match": "prefix", "get_retained": true }, "com.topic."]));
    let args = answer(&mut authorizer, json!(true)).await;
    let session = &args[0];
    assert_eq!((&session["authid"], &session["authrole"]), (&json!("ann"), &json!("asking")));
    assert_eq!((&session["authmethod"], &session["authprovider"]), (&json!("ticket"), &json!("static")));
    assert!(session["session"].is_u64() && session["authextra"].is_object() && session["transport"].is_object());
    assert_eq!((&args[1], &args[2]), (&json!("com.topic."), &json!("subscribe")));
    assert_eq!(args[3], json!({ "match": "prefix", "get_retained": true }));
    assert_eq!(ann.hear().await[0], 33);
    for (message, action, options, answered) in [
        (json!([64, 2, { "invoke": "roundrobin" }, "com.p"]), "register", json!({ "invoke": "roundrobin" }), 65),
        (json!([48, 3, { "timeout": 5000 }, "com.other", [1]]), "call", json!({ "timeout": 5000 }), 8),
        (json!([16, 4, { "acknowledge": true }, "com.t", ["x"]]), "publish", json!({ "acknowledge": true }), 17),
    ] {
        ann.say(message);
        let args = answer(&mut authorizer, json!({ "allow": true })).await;
        assert_eq!((&args[2], &args[3]), (&json!(action), &options));
        assert_eq!(ann.hear().await[0], answered, "{action}");
    }
    ann.say(json!([48, 5, {}, "com.p"]));
    answer(&mut authorizer, json!(false)).await;
    assert_eq!(ann.hear().await[4], "wamp.error.not_authorized");
    assert_eq!((router.metrics.refused(Refusal::Authz), router.metrics.authorizer_faults()), (1, 0));
}

/// Section 15 of the reference: a decision that takes time reorders nothing, and nobody else notices.
#[actix::test]
async fn what_a_session_says_keeps_its_order_and_others_go_on_meanwhile() {
    let router = router(authorizer(600_000));
    let mut authorizer = authorizing(&router).await;
    let (mut ann, mut other) = (join(&router, "ann").await, router.join().await);
    let subscription = other.subscribe("com.topic").await;
    for number in 0..300 {
        let topic = if number % 100 == 0 { format!("com.ask{number}") } else { "com.topic".to_owned() };
        ann.say(json!([16, number + 1, {}, topic, [number]]));
    }
    ann.say(json!([16, 301, { "acknowledge": true }, "com.topic", ["last"]]));
    ann.say(json!([6, {}, "wamp.close.normal"]));
    // Nothing of ann's passes its first question; somebody else's calls do.
    let (first, _) = asked(&mut authorizer).await;
    for _ in 0..50 {
        other.say(json!([48, 7, {}, "com.none"]));
        assert_eq!(other.hear().await[0], 8);
    }
    authorizer.say(json!([70, first, {}, [true]]));
    let mut expected: Vec<Value> = Vec::new();
    let mut questions = vec![json!("com.ask0")];
    for number in 1..300 {
        // The answer for com.topic is remembered.
        let (ask, allow) = if number % 100 == 0 { (true, number != 100) } else { (number == 1, true) };
        if ask {
            let args = answer(&mut authorizer, json!({ "allow": allow, "cache": true })).await;
            questions.push(args[1].clone());
        }
        if number % 100 != 0 {
            expected.push(json!([number]));
        }
    }
    expected.push(json!(["last"]));
    for args in expected {
        let event = other.hear().await;
        assert_eq!((&event[1], &event[4]), (&json!(subscription), &args));
    }
    assert_eq!(questions, [json!("com.ask0"), json!("com.topic"), json!("com.ask100"), json!("com.ask200")]);
    assert_eq!(ann.hear().await[0], 17);
    assert_eq!(ann.hear().await[2], "wamp.close.goodbye_and_out");
}

/// Z7: slow, gone, raising, nonsense, too much.
#[actix::test]
async fn an_authorizer_in_trouble_allows_nothing_and_the_session_goes_on() {
    let router = router(authorizer(200));
    let mut ann = join(&router, "ann").await;
    ann.say(json!([48, 1, {}, "com.p"]));
    assert_eq!(ann.hear().await[4], "wamp.error.authorization_failed", "nobody has registered it");
    let mut authorizer = authorizing(&router).await;
    let huge = "x".repeat(70_000);
    for (number, answer) in [
        Value::Null,
        json!([8, 68, 0, {}, "wamp.error.runtime_error", ["KeyError"]]),
        json!([8, 68, 0, {}, "com.app.whatever"]),
        json!([70, 0, {}]),
        json!([70, 0, {}, [null]]),
        json!([70, 0, {}, ["yes"]]),
        json!([70, 0, {}, [1]]),
        json!([70, 0, {}, [{ "allow": "yes" }]]),
        json!([70, 0, {}, [{ "allow": true, "allowed": true }]]),
        json!([70, 0, {}, [huge]]),
    ]
    .into_iter()
    .enumerate()
    {
        ann.say(json!([16, number + 2, { "acknowledge": true }, "com.t"]));
        let (id, _) = asked(&mut authorizer).await;
        if !answer.is_null() {
            let mut answer = answer.clone();
            let place = usize::from(answer[0] == 8) + 1;
            answer[place] = id.clone();
            authorizer.say(answer);
        }
        assert_eq!(ann.hear().await[4], "wamp.error.authorization_failed", "{answer}");
        if answer.is_null() {
            assert_eq!(authorizer.hear().await[0], 69);
            authorizer.say(json!([70, id, {}, [true]]));
        }
    }
    ann.say(json!([16, 50, {}, "com.t"]));
    answer(&mut authorizer, json!([])).await;
    ann.say(json!([16, 51, { "acknowledge": true }, "com.t"]));
    answer(&mut authorizer, json!(true)).await;
    assert_eq!(ann.hear().await[0], 17, "the refusal of the one without acknowledge is silent");
    assert_eq!(router.metrics.authorizer_faults(), 12);
}

#[actix::test]
async fn where_the_settings_say_so_trouble_allows() {
    let router = router(Authorizer { on_failure: OnFailure::Allow, ..authorizer(600_000) });
    let mut ann = join(&router, "ann").await;
    ann.publish("com.t", json!([])).await;
    let mut authorizer = authorizing(&router).await;
    ann.say(json!([16, 5, { "acknowledge": true }, "com.t"]));
    answer(&mut authorizer, json!(false)).await;
    assert_eq!(ann.hear().await[4], "wamp.error.not_authorized", "a no is no trouble");
}

/// Section 6.2 of the configuration.
#[actix::test]
async fn an_answer_that_asks_for_it_is_remembered_for_its_session_or_authid_until_it_ends() {
    let router = router(authorizer(5000));
    let mut authorizer = authorizing(&router).await;
    let publish = |number: u64, topic: &str| json!([16, number, { "acknowledge": true }, topic]);
    let mut ann = join(&router, "ann").await;
    for (topic, cache) in [("com.own", json!(true)), ("com.shared", json!("role"))] {
        ann.say(publish(1, topic));
        answer(&mut authorizer, json!({ "allow": true, "cache": cache })).await;
        assert_eq!(ann.hear().await[0], 17);
        for number in 2..5 {
            ann.say(publish(number, topic));
            assert_eq!(ann.hear().await[0], 17, "nobody is asked again");
        }
    }
    let (mut again, mut bob) = (join(&router, "ann").await, join(&router, "bob").await);
    again.say(publish(1, "com.shared"));
    assert_eq!(again.hear().await[0], 17, "of one authid");
    // Wider than cache_scope it is for nobody.
    for (peer, topic) in [(&mut again, "com.own"), (&mut bob, "com.shared")] {
        peer.say(publish(2, topic));
        let args = answer(&mut authorizer, json!({ "allow": false, "cache": true })).await;
        assert_eq!(args[1], topic);
        assert_eq!(peer.hear().await[4], "wamp.error.not_authorized");
        peer.say(publish(3, topic));
        assert_eq!(peer.hear().await[4], "wamp.error.not_authorized", "a no is remembered too");
    }
    let shared = router.shared("realm1").await;
    let before = shared.verdicts().len();
    ann.say(json!([6, {}, "wamp.close.normal"]));
    assert_eq!(ann.hear().await[0], 6);
    bob.arrive(Arrival::Closed(None));
    bob.close_code().await;
    assert_eq!((before, shared.verdicts().len()), (4, 2), "what was said for one session ends with it");
    shared.purge_verdicts();
    again.say(publish(4, "com.shared"));
    answer(&mut authorizer, json!(true)).await;
    assert_eq!(again.hear().await[0], 17);
}

/// Section 6.2 of the configuration: a reload empties what is remembered.
#[actix::test]
async fn what_was_remembered_is_forgotten_when_the_settings_change() {
    let router = router(authorizer(5000));
    let mut authorizer_peer = authorizing(&router).await;
    let mut ann = join(&router, "ann").await;
    let publish = |number: u64| json!([16, number, { "acknowledge": true }, "com.own"]);
    ann.say(publish(1));
    answer(&mut authorizer_peer, json!({ "allow": true, "cache": true })).await;
    assert_eq!(ann.hear().await[0], 17);
    router.change(vec![realm(authorizer(5000))], Vec::new()).await;
    ann.say(publish(2));
    answer(&mut authorizer_peer, json!(false)).await;
    assert_eq!(ann.hear().await[4], "wamp.error.not_authorized");
    let denied = router.shared("realm1").await.denials();
    let told: Vec<_> = denied.iter().map(|denial| (&*denial.authid, denial.petition.uri.as_str())).collect();
    assert_eq!(told, [("ann", "com.own")], "and the operator can see it");
}

/// An authorizer whose own role asks: it waits for itself, and the time ends that.
#[actix::test]
async fn a_session_that_would_have_to_ask_itself_is_refused_in_time() {
    let router = router(authorizer(200));
    let mut ann = join(&router, "ann").await;
    // Somebody else allows ann to register the procedure, and goes.
    let mut first = authorizing(&router).await;
    ann.say(json!([64, 1, {}, "com.app.authorize2"]));
    answer(&mut first, json!(true)).await;
    assert_eq!(ann.hear().await[0], 65);
    first.say(json!([6, {}, "wamp.close.normal"]));
    first.hear().await;
    let mut other = join(&router, "bob").await;
    other.say(json!([48, 1, {}, "com.p"]));
    assert_eq!(other.hear().await[4], "wamp.error.authorization_failed");

    let router = self::router(Authorizer { procedure: Uri::from("com.app.authorize2"), ..authorizer(200) });
    let mut first = router.join().await;
    first.say(json!([64, 1, { "invoke": "last" }, "com.app.authorize2"]));
    first.hear().await;
    let mut ann = join(&router, "ann").await;
    ann.say(json!([64, 1, { "invoke": "last" }, "com.app.authorize2"]));
    answer(&mut first, json!(true)).await;
    assert_eq!(ann.hear().await[0], 65);
    ann.say(json!([48, 2, {}, "com.p"]));
    let (id, _) = asked(&mut ann).await;
    ann.say(json!([70, id, {}, [true]]));
    // Its answer comes behind its question, and is not read in time.
    assert_eq!(ann.hear().await[4], "wamp.error.authorization_failed");
}

/// What is asked after the fact cannot wait for an answer.
#[actix::test]
async fn a_testament_of_a_role_that_asks_is_refused() {
    let router = router(authorizer(5000));
    let mut authorizer = authorizing(&router).await;
    let mut ann = join(&router, "ann").await;
    ann.say(json!([48, 1, {}, "wamp.session.add_testament", ["com.t", [], {}]]));
    answer(&mut authorizer, json!(true)).await;
    assert_eq!(ann.hear().await[4], "wamp.error.not_authorized");
}
