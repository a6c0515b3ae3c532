//! Realms that change over while sessions are open: configuration, section 11, steps 4 and 5.

use super::peer::{hello_details, open_realm, Peer, Router};
use crate::actors::realms::{pending, UseRealms};
use crate::actors::settings::{OutboxSettings, RealmSettings, RealmTemplate, RoleSettings};
use crate::auth::{Group, Groups, Method, Secret, Source, Sources, Ticket, TicketUser};
use crate::authz::{
    Actions, Authorizer, Grant, Grants, OnFailure, Pattern, Policy, PolicyFlags, PolicyRules, Rule, Scope,
};
use crate::routing::Ended;
use crate::wamp::Uri;
use serde_json::{json, Value};
use std::sync::Arc;
use std::time::Duration;

/// A realm in which anonymous may do what begins with `allowed` or with `wamp.`, and joe may log in with a ticket.
fn realm(name: &str, allowed: &str) -> RealmSettings {
    let mut settings = open_realm(OutboxSettings::default());
    settings.name = name.to_owned();
    settings.uri = Uri::from(name);
    let rule = |text: &str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let rules = PolicyRules {
        allow: vec![rule(&format!("{allowed}*")), rule("wamp.*")],
        deny: Vec::new(),
        flags: PolicyFlags::default(),
    };
    let role = RoleSettings { policy: Arc::new(Policy::new(rules)), on_overflow: None, authorizer: None, rate: None };
    settings.roles.insert("anonymous".to_owned(), role.clone());
    settings.roles.insert("user".to_owned(), role);
    let joe = TicketUser { ticket: Ticket::Plain(Secret::new("s3cret".to_owned())), role: "user".to_owned() };
    settings.auth.ticket = Some([("joe".to_owned(), joe)].into_iter().collect());
    settings
}

fn without_joe(mut settings: RealmSettings) -> RealmSettings {
    settings.auth.ticket = Some(std::iter::empty().collect());
    settings
}

impl Router {
    fn of(settings: RealmSettings) -> Self {
        Self::with_store(settings, None)
    }

    /// Changes over, and waits until everybody has.
    pub(super) async fn change(&self, configured: Vec<RealmSettings>, templates: Vec<RealmTemplate>) -> Ended {
        let (pending, mut awaited) = pending();
        self.realms.send(UseRealms { configured, templates, pending }).await.unwrap();
        let mut sum = Ended::default();
        let all = awaited.all(&mut sum);
        tokio::time::timeout(Duration::from_secs(10), all).await.expect("somebody has not changed over");
        sum
    }

    /// A ticket login up to its CHALLENGE.
    async fn challenged(&self) -> Peer {
        let mut peer = self.connect();
        let mut details = hello_details();
        details["authmethods"] = json!(["ticket"]);
        details["authid"] = json!("joe");
        peer.say(json!([1, "realm1", details]));
        assert_eq!(peer.hear().await[0], 4, "CHALLENGE");
        peer
    }
}

impl Peer {
    async fn call(&mut self, procedure: &str) -> Value {
        let request = self.request();
        self.say(json!([48, request, {}, procedure]));
        let answer = self.hear().await;
        assert_eq!(answer[0], 8, "{answer}");
        answer[4].clone()
    }
}

const DENIED: &str = "wamp.error.not_authorized";
const NOBODY: &str = "wamp.error.no_such_procedure";

/// "A removed permission is in force for the next message", and so is one that is new.
#[actix::test]
async fn permissions_that_change_are_in_force_for_the_next_message_of_an_open_session() {
    let router = Router::of(realm("realm1", "a."));
    let mut peer = router.join().await;
    assert_eq!((peer.call("a.b").await, peer.call("b.b").await), (json!(NOBODY), json!(DENIED)));
    assert_eq!(router.change(vec![realm("realm1", "b.")], Vec::new()).await, Ended { sessions: 0, ..Ended::default() });
    assert_eq!((peer.call("a.b").await, peer.call("b.b").await), (json!(DENIED), json!(NOBODY)));
    let mut young = router.join().await;
    assert_eq!((young.call("a.b").await, young.call("b.b").await), (json!(DENIED), json!(NOBODY)));
}

/// A realm in which an authorizer is asked about what nobody denies.
fn asking(denied: Option<&str>) -> RealmSettings {
    let mut settings = realm("realm1", "a.");
    let rule = |text: &str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let rules = PolicyRules { deny: denied.map(rule).into_iter().collect(), ..PolicyRules::default() };
    let authorizer = Authorizer {
        procedure: Uri::from("a.authorize"),
        cache: None,
        cache_scope: Scope::Session,
        timeout: Duration::from_secs(5),
        on_failure: OnFailure::Deny,
        source: "".into(),
    };
    let (policy, authorizer) = (Arc::new(Policy::new(rules)), Some(Arc::new(authorizer)));
    settings.roles.insert("anonymous".to_owned(), RoleSettings { policy, authorizer, rate: None, on_overflow: None });
    settings
}

/// An authorizer is not asked about what a session has already; a rule that denies needs nobody to be asked.
#[actix::test]
async fn what_only_an_authorizer_could_forbid_stays() {
    let router = Router::of(realm("realm1", "a."));
    let mut peer = router.join().await;
    peer.subscribe("a.topic").await;
    peer.register("a.procedure").await;
    assert_eq!(router.change(vec![asking(None)], Vec::new()).await, Ended::default());
    assert_eq!(peer.call("a.b").await, "wamp.error.authorization_failed", "nobody serves as authorizer");
    let ended = router.change(vec![asking(Some("a.*"))], Vec::new()).await;
    assert_eq!(ended, Ended { subscriptions: 1, registrations: 1, sessions: 0 });
}

/// R54: UNSUBSCRIBED with request 0.
#[actix::test]
async fn a_subscription_that_is_forbidden_is_revoked_and_the_session_goes_on() {
    let router = Router::of(realm("realm1", "a."));
    let mut peer = router.connect();
    peer.say(json!([1, "realm1", {
        "roles": { "subscriber": { "features": { "subscription_revocation": true } }, "caller": {} }
    }]));
    assert_eq!(peer.hear().await[0], 2);
    let subscription = peer.subscribe("a.topic").await;
    let ended = router.change(vec![realm("realm1", "b.")], Vec::new()).await;
    assert_eq!(ended, Ended { subscriptions: 1, ..Ended::default() });
    assert_eq!(peer.hear().await, json!([35, 0, { "subscription": subscription, "reason": DENIED }]));
    assert_eq!(peer.call("a.b").await, DENIED);
}

/// Section 11, step 5.
#[actix::test]
async fn a_realm_that_is_gone_says_goodbye_and_is_found_no_more_and_a_new_one_opens() {
    let router = Router::of(realm("realm1", "a."));
    let (mut first, mut second) = (router.join().await, router.join_realm("realm2").await);
    let ended = router.change(vec![realm("realm1", "a."), realm("realm3", "a.")], Vec::new()).await;
    assert_eq!(ended.sessions, 1);
    let goodbye = second.hear().await;
    assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.close_realm")));
    assert_eq!(first.call("a.b").await, NOBODY);
    router.join_realm("realm3").await;
    let mut late = router.connect();
    late.say(json!([1, "realm2", hello_details()]));
    assert_eq!(late.hear().await[2], "wamp.error.no_such_realm");
    assert_eq!(router.metrics.sessions(), 2);
    // It may come back, as another one.
    router.change(vec![realm("realm1", "a."), realm("realm2", "a.")], Vec::new()).await;
    router.join_realm("realm2").await;
}

/// Section 11, step 5.
#[actix::test]
async fn sessions_whose_user_or_role_is_gone_are_killed() {
    let router = Router::of(realm("realm1", "a."));
    let (mut guest, mut joe) = (router.join().await, router.challenged().await);
    joe.say(json!([5, "s3cret", {}]));
    assert_eq!(joe.hear().await[0], 2);
    let ended = router.change(vec![without_joe(realm("realm1", "a."))], Vec::new()).await;
    assert_eq!(ended.sessions, 1);
    let goodbye = joe.hear().await;
    assert_eq!((&goodbye[0], &goodbye[2]), (&json!(6), &json!("wamp.close.killed")));
    assert_eq!(guest.call("a.b").await, NOBODY);
    let mut settings = realm("realm1", "a.");
    settings.roles.remove("anonymous");
    assert_eq!(router.change(vec![settings], Vec::new()).await.sessions, 1);
    assert_eq!(guest.hear().await[2], "wamp.close.killed");
}

/// Who was challenged under the old settings joins under the new ones, or not.
#[actix::test]
async fn a_login_under_way_is_looked_at_again_by_the_realm() {
    let router = Router::of(realm("realm1", "a."));
    let (mut stays, mut goes) = (router.challenged().await, router.challenged().await);
    router.change(vec![realm("realm1", "b.")], Vec::new()).await;
    stays.say(json!([5, "s3cret", {}]));
    assert_eq!(stays.hear().await[0], 2);
    assert_eq!(stays.call("a.b").await, DENIED);
    router.change(vec![without_joe(realm("realm1", "b."))], Vec::new()).await;
    goes.say(json!([5, "s3cret", {}]));
    let abort = goes.hear().await;
    assert_eq!((&abort[0], &abort[2]), (&json!(3), &json!("wamp.error.authentication_denied")));
}

fn with_sources(mut settings: RealmSettings, methods: &[Method]) -> RealmSettings {
    let source = Source { users: vec!["joe".to_owned()], methods: methods.to_vec(), ..Source::default() };
    settings.auth.sources = Sources::new(Arc::default(), vec![source, Source::default()]);
    settings
}

/// Decision 18: as one whose user is gone, and so is a login under way.
#[actix::test]
async fn sessions_and_logins_under_way_whom_sources_let_in_no_more_are_ended() {
    let router = Router::of(realm("realm1", "a."));
    let (mut guest, mut joe, mut late) = (router.join().await, router.challenged().await, router.challenged().await);
    joe.say(json!([5, "s3cret", {}]));
    assert_eq!(joe.hear().await[0], 2);
    let stays = with_sources(realm("realm1", "a."), &[Method::Ticket, Method::Cryptosign]);
    assert_eq!(router.change(vec![stays], Vec::new()).await, Ended::default());
    let goes = with_sources(realm("realm1", "a."), &[Method::Cryptosign]);
    assert_eq!(router.change(vec![goes], Vec::new()).await.sessions, 1);
    assert_eq!(joe.hear().await[2], "wamp.close.killed");
    late.say(json!([5, "s3cret", {}]));
    assert_eq!(late.hear().await[2], "wamp.error.authentication_denied");
    assert_eq!(guest.call("a.b").await, NOBODY);
}

/// Joe is in a group that has this grant.
fn with_grant(mut settings: RealmSettings, allowed: &str, denied: &str) -> RealmSettings {
    let rule = |text: &str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let rules = PolicyRules { allow: vec![rule(allowed)], deny: vec![rule(denied)], ..PolicyRules::default() };
    let staff = Group { users: vec!["joe".to_owned()], groups: Vec::new() };
    settings.groups = Arc::new(Groups::new([("staff".to_owned(), staff)].into_iter().collect()));
    let grant = Grant { name: "g".to_owned(), groups: vec!["staff".to_owned()], rules, ..Grant::default() };
    settings.grants = Arc::new(Grants::new(vec![grant]));
    settings
}

/// Decision 18: for the next message, and what a grant allowed goes with it.
#[actix::test]
async fn grants_that_come_and_go_are_in_force_for_the_next_message_of_those_who_have_them() {
    let router = Router::of(realm("realm1", "a."));
    let (mut guest, mut joe) = (router.join().await, router.challenged().await);
    joe.say(json!([5, "s3cret", {}]));
    assert_eq!(joe.hear().await[0], 2);
    assert_eq!(joe.call("b.b").await, DENIED);
    let granted = || with_grant(realm("realm1", "a."), "b.*", "a.secret");
    assert_eq!(router.change(vec![granted()], Vec::new()).await, Ended::default());
    assert_eq!((joe.call("b.b").await, joe.call("a.b").await), (json!(NOBODY), json!(NOBODY)));
    assert_eq!((joe.call("a.secret").await, guest.call("b.b").await), (json!(DENIED), json!(DENIED)));
    joe.subscribe("b.topic").await;
    joe.register("b.procedure").await;
    let ended = router.change(vec![realm("realm1", "a.")], Vec::new()).await;
    assert_eq!(ended, Ended { subscriptions: 1, registrations: 1, sessions: 0 });
    assert_eq!((joe.call("b.b").await, joe.call("a.secret").await), (json!(DENIED), json!(NOBODY)));
}

/// What WELCOME has said, and what ids depend on, stays for a session.
#[actix::test]
async fn an_open_session_keeps_how_its_request_ids_are_judged() {
    let router = Router::of(realm("realm1", "a."));
    let mut peer = router.join().await;
    peer.say(json!([48, 700, {}, "a.b"]));
    assert_eq!(peer.hear().await[2], 700);
    let strict = RealmSettings { strict_request_ids: true, ..realm("realm1", "a.") };
    router.change(vec![strict], Vec::new()).await;
    peer.say(json!([48, 9, {}, "a.b"]));
    assert_eq!(peer.hear().await[2], 9);
    let mut young = router.join().await;
    young.say(json!([48, 9, {}, "a.b"]));
    assert_eq!(young.hear().await[2], "wamp.error.protocol_violation");
}

fn template(name: &str, covers: &str, allowed: &str) -> RealmTemplate {
    RealmTemplate {
        name: name.to_owned(),
        pattern: Pattern::parse(covers).unwrap(),
        settings: realm("from", allowed),
        idle_close: Duration::from_secs(600),
        realms_max: 10,
    }
}

/// Realms made on demand follow their template, and go with it.
#[actix::test]
async fn a_realm_made_on_demand_follows_the_template_of_the_same_name() {
    let router = Router::of(realm("realm1", "a."));
    let one = || vec![realm("realm1", "a.")];
    router.change(one(), vec![template("t", "tenant.*", "a.")]).await;
    let mut peer = router.join_realm("tenant.x").await;
    assert_eq!(peer.call("b.b").await, DENIED);
    router.change(one(), vec![template("other", "other.*", "a."), template("t", "tenant.*", "b.")]).await;
    assert_eq!(peer.call("b.b").await, NOBODY);
    router.change(one(), vec![template("t", "other.*", "b.")]).await;
    assert_eq!(peer.hear().await[2], "wamp.close.close_realm");
    router.join_realm("other.x").await;
}

/// No established session is dropped by a reload.
#[actix::test]
async fn a_peer_that_does_not_read_is_not_cut_by_a_change() {
    let router = Router::of(realm("realm1", "a."));
    let (mut slow, mut other) = (router.join().await, router.join().await);
    slow.subscribe("a.topic").await;
    slow.take_only(0);
    for number in 0..200 {
        other.publish("a.topic", json!([number])).await;
    }
    for _ in 0..100 {
        router.change(vec![realm("realm1", "a."), realm("realm2", "a.")], Vec::new()).await;
    }
    slow.take_all();
    for number in 0..200 {
        assert_eq!(slow.hear().await[4][0], number);
    }
    assert_eq!(slow.call("a.b").await, NOBODY);
}
