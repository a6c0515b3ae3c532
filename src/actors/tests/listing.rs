//! Lists against the verdicts that they follow from.

use super::peer::{open_realm, Router};
use crate::actors::listing::{Asker, ListedTopic};
use crate::actors::realms::Lookup;
use crate::actors::settings::OutboxSettings;
use crate::actors::{rights, RealmHandle};
use crate::authz::{Action, Actions, Authorizer, OnFailure, Pattern, Policy, PolicyFlags, PolicyRules, Rule, Scope};
use crate::routing::{Beginnings, HistoryRule, Name, Permit, TopicRule, UriTable};
use crate::session::Rules;
use crate::wamp::{MatchPolicy, Uri};
use proptest::prelude::*;
use proptest::strategy::ValueTree;
use proptest::test_runner::TestRunner;
use serde_json::json;
use std::collections::BTreeSet;
use std::sync::Arc;

/// A realm with these procedures and topics, each registered and subscribed to under its policy; first what keeps them there.
async fn realm(names: &BTreeSet<Name>) -> (impl Sized, RealmHandle) {
    let mut settings = open_realm(OutboxSettings::default());
    let history = Some(HistoryRule { limit: 10, max_age: None, durable: false });
    let kept = TopicRule { history, ..TopicRule::default() };
    let rules = vec![
        (MatchPolicy::Exact, Uri::from("a.configured"), TopicRule::default()),
        (MatchPolicy::Exact, Uri::from("b.kept"), kept.clone()),
        (MatchPolicy::Prefix, Uri::from("a.kept."), kept),
        (MatchPolicy::Prefix, Uri::from("b."), TopicRule::default()),
    ];
    settings.rules.topics = Arc::new(UriTable::new(rules));
    let router = Router::with_store(settings, None);
    let mut peer = router.join().await;
    for (uri, policy) in names {
        for (kind, done) in [(64, 65), (32, 33)] {
            let request = peer.request();
            peer.say(json!([kind, request, {"match": policy.as_str()}, uri.as_str()]));
            let answer = peer.hear().await;
            assert_eq!(answer[0], done, "{answer}");
        }
    }
    let handle = router.realms.send(Lookup("realm1".to_owned())).await.unwrap().unwrap();
    ((router, peer), handle)
}

/// All pages of a list of procedures.
async fn procedures(asker: &Asker, prefix: &str, items: usize) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    loop {
        let mut told = asker.procedures(prefix, all.last().cloned(), items).await.unwrap();
        let is_last = told.len() < items;
        told.truncate(items);
        all.extend(told.into_iter().map(|told| (told.uri.unwrap(), told.policy)));
        if is_last {
            return all;
        }
    }
}

async fn topics(asker: &Asker, prefix: &str, items: usize) -> Vec<Name> {
    let mut all: Vec<Name> = Vec::new();
    loop {
        let told = asker.topics(prefix, all.last().cloned(), items).await.unwrap();
        let is_last = told.len() < items;
        assert!(told.len() <= items);
        all.extend(told.into_iter().map(|told| (told.uri, told.policy)));
        if is_last {
            return all;
        }
    }
}

fn names() -> BTreeSet<Name> {
    let parts = ["a", "b", "ab"];
    let mut names = BTreeSet::new();
    for first in parts {
        names.insert((Uri::from(format!("{first}.").as_str()), MatchPolicy::Prefix));
        names.insert((Uri::from(format!("{first}..a").as_str()), MatchPolicy::Wildcard));
        for second in parts {
            let text = format!("{first}.{second}");
            names.insert((Uri::from(text.as_str()), MatchPolicy::Exact));
            names.insert((Uri::from(text.as_str()), MatchPolicy::Prefix));
            names.extend(parts.map(|third| (Uri::from(format!("{text}.{third}").as_str()), MatchPolicy::Exact)));
        }
    }
    names
}

fn rules() -> impl Strategy<Value = Vec<Rule>> {
    let text =
        prop::sample::select(vec!["*", "a.*", "a*", "b.a", "ab..a", ".a", "a.b.*", "b.ab.b", "a.kept.*", "b.kept"]);
    let actions = prop::sample::select(vec![vec![Action::Call], vec![Action::Subscribe], Action::ALL.to_vec()]);
    let rule = (text, actions).prop_map(|(text, actions)| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: actions.into_iter().collect::<Actions>(),
        disclose: Actions::default(),
        source: "".into(),
    });
    prop::collection::vec(rule, 0..4)
}

/// What may be used is told, each once and in order, and nothing else; whatever the rules, the prefix and the pages are.
#[actix::test]
async fn a_list_is_what_the_verdicts_allow_whatever_the_rules() {
    let names = names();
    let (_kept, handle) = realm(&names).await;
    let mut of_topics = names.clone();
    of_topics.extend(["a.configured", "b.kept"].map(|uri| (Uri::from(uri), MatchPolicy::Exact)));
    of_topics.insert((Uri::from("a.kept."), MatchPolicy::Prefix));
    let mut runner = TestRunner::deterministic();
    let strategy = (rules(), rules(), any::<bool>(), "(a|b|ab)?\\.?(a|b)?", 1..12_usize);
    for _ in 0..300 {
        let (allow, deny, allow_match_all, prefix, items) = strategy.new_tree(&mut runner).unwrap().current();
        let flags = PolicyFlags { allow_match_all, ..PolicyFlags::default() };
        let policy = Policy::new(PolicyRules { allow, deny, flags });
        let verdict = |action: Action, (uri, of): &&Name| {
            policy.check(action, uri, *of).allowed && uri.starts_with(prefix.as_str())
        };
        let expected: Vec<Name> = names.iter().filter(|name| verdict(Action::Call, name)).cloned().collect();
        let expected_topics: Vec<Name> =
            of_topics.iter().filter(|name| verdict(Action::Subscribe, name)).cloned().collect();
        let rules = Rules { policy: Arc::new(policy.clone()), ..Rules::default() };
        let asker = Asker::with_permit(&handle, rights::permit(Arc::new(rules)));
        assert_eq!(procedures(&asker, &prefix, items).await, expected, "{policy:?} {prefix}");
        assert_eq!(topics(&asker, &prefix, items).await, expected_topics, "{policy:?} {prefix}");
    }
}

#[actix::test]
async fn a_topic_is_told_with_whether_it_is_subscribed_to_and_kept() {
    let names =
        BTreeSet::from([(Uri::from("a.configured"), MatchPolicy::Exact), (Uri::from("c"), MatchPolicy::Prefix)]);
    let (_kept, handle) = realm(&names).await;
    let asker = Asker::with_permit(&handle, Permit::default());
    let told = asker.topics("", None, 100).await.unwrap();
    let topic = |uri: &str, policy, is_subscribed, has_history| ListedTopic {
        uri: Uri::from(uri),
        policy,
        is_subscribed,
        has_history,
    };
    let expected = [
        topic("a.configured", MatchPolicy::Exact, true, false),
        topic("a.kept.", MatchPolicy::Prefix, false, true),
        topic("b.kept", MatchPolicy::Exact, false, true),
        topic("c", MatchPolicy::Prefix, true, false),
    ];
    assert_eq!(told, expected);
    let other = asker.topics("", Some((Uri::from("b.kept"), MatchPolicy::Exact)), 100).await.unwrap();
    assert_eq!(other, expected[3..]);
}

/// Nobody can be asked about a list: each call and each subscription is asked about by itself.
#[actix::test]
async fn who_is_asked_about_by_an_authorizer_is_told_of_nothing() {
    let (_kept, handle) = realm(&names()).await;
    let authorizer = Authorizer {
        procedure: "com.authorize".into(),
        cache: None,
        cache_scope: Scope::Session,
        timeout: std::time::Duration::from_secs(1),
        on_failure: OnFailure::Deny,
        source: "".into(),
    };
    let everything = Rule {
        pattern: Pattern::parse("*").unwrap(),
        actions: Actions::ALL,
        disclose: Actions::default(),
        source: "".into(),
    };
    let policy = Arc::new(Policy::new(PolicyRules { allow: vec![everything], ..PolicyRules::default() }));
    let permit = rights::permit(Arc::new(Rules { policy, authorizer: Some(Arc::new(authorizer)), ..Rules::default() }));
    let asker = Asker::with_permit(&handle, permit.clone());
    assert_eq!(permit.callable(), Beginnings::new(Vec::new()));
    assert_eq!(asker.procedures("", None, 100).await.unwrap(), []);
    assert_eq!(asker.topics("", None, 100).await.unwrap(), []);
    assert_eq!(asker.reached(&Uri::from("a.a")).await.unwrap(), None);
    assert_eq!(asker.meant_by(&Uri::from("zz.zz")).await.unwrap(), [] as [Uri; 0]);
    assert_eq!(asker.meant_by(&Uri::from("ab.ba.aab")).await.unwrap(), [] as [Uri; 0]);
}

/// P10, for those who guess: what a rule hides answers as what is not there.
#[actix::test]
async fn a_procedure_is_reached_by_those_alone_who_may_call_it() {
    let (_kept, handle) = realm(&names()).await;
    let of = |text: &str, actions: &[Action]| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: actions.iter().copied().collect(),
        disclose: Actions::default(),
        source: "".into(),
    };
    let rules = PolicyRules { allow: vec![of("a.b.*", &[Action::Call])], ..PolicyRules::default() };
    let rules = Rules { policy: Arc::new(Policy::new(rules)), ..Rules::default() };
    let asker = Asker::with_permit(&handle, rights::permit(Arc::new(rules)));
    let mut reached = Vec::new();
    for uri in ["a.b.a", "a.b.zz", "a.a.a", "c.c"] {
        let found = asker.reached(&Uri::from(uri)).await.unwrap();
        reached.push(found.map(|found| (found.uri.map(|uri| uri.to_string()), found.policy)));
    }
    let exact = Some((Some("a.b.a".to_owned()), MatchPolicy::Exact));
    let pattern = Some((None, MatchPolicy::Prefix));
    assert_eq!(reached, [exact, pattern, None, None]);
}
