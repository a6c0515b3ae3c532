//! Matching, by the specification's examples and our own: `data/pattern_matching.json`.

use crate::test_realm::{TestRealm, PREFIX, WILDCARD};
use serde::Deserialize;
use wharf::wamp::options::RegisterOptions;
use wharf::wamp::{MatchPolicy, Message};

#[derive(Deserialize)]
struct Vectors {
    best_match: BestMatch,
    best_match_more: Vec<BestMatch>,
    prefix: Vec<Example>,
    wildcard: Vec<Example>,
}

#[derive(Deserialize)]
struct BestMatch {
    registrations: Vec<Registered>,
    calls: Vec<Called>,
}

#[derive(Deserialize)]
struct Registered {
    n: usize,
    uri: String,
    r#match: String,
}

#[derive(Deserialize)]
struct Called {
    uri: String,
    expect: Option<usize>,
}

#[derive(Deserialize)]
struct Example {
    pattern: String,
    uri: String,
    r#match: bool,
}

fn vectors() -> Vectors {
    serde_json::from_str(include_str!("data/pattern_matching.json")).unwrap()
}

/// R60, D1, D2.
#[test]
fn a_call_goes_to_the_best_match() {
    let Vectors { best_match, best_match_more, .. } = vectors();
    for set in std::iter::once(best_match).chain(best_match_more) {
        let mut realm = TestRealm::new();
        let (caller, callee) = (realm.join(), realm.join());
        let ids: Vec<_> = set
            .registrations
            .iter()
            .map(|registered| {
                let match_policy = MatchPolicy::from_wire(&registered.r#match).unwrap();
                let options = RegisterOptions { match_policy, ..RegisterOptions::default() };
                (registered.n, realm.register_with(callee, &registered.uri, options))
            })
            .collect();
        for call in set.calls {
            let chosen = match &realm.call(caller, &call.uri).messages_to(callee)[..] {
                [Message::Invocation(invocation)] => Some(invocation.registration),
                _ => None,
            };
            let chosen = ids.iter().find(|(_, id)| Some(*id) == chosen).map(|(n, _)| *n);
            assert_eq!(chosen, call.expect, "{}", call.uri);
        }
    }
}

fn check(examples: &[Example], policy: MatchPolicy) {
    assert!(!examples.is_empty());
    for Example { pattern, uri, r#match } in examples {
        let mut realm = TestRealm::new();
        let (publisher, subscriber) = (realm.join(), realm.join());
        realm.subscribe(subscriber, pattern, policy);
        assert_eq!(realm.publish(publisher, uri).events().len(), usize::from(*r#match), "{pattern:?} {uri:?}");
        let options = RegisterOptions { match_policy: policy, ..RegisterOptions::default() };
        realm.register_with(subscriber, pattern, options);
        assert_eq!(
            realm.call(publisher, uri).messages_to(subscriber).len(),
            usize::from(*r#match),
            "{pattern:?} {uri:?}"
        );
    }
}

/// R43, D1.
#[test]
fn prefixes_match_by_characters() {
    check(&vectors().prefix, PREFIX);
}

/// R44.
#[test]
fn wildcards_match_whole_components_of_the_same_count() {
    check(&vectors().wildcard, WILDCARD);
}
