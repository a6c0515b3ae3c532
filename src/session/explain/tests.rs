//! What is told beforehand is what becomes of the request.

use super::*;
use crate::auth::Identity;
use crate::authz::{Pattern, Policy, PolicyFlags, PolicyRules, Rule};
use crate::session::Session;
use crate::wamp::message::{Call, Message, Publish, Register, Subscribe};
use crate::wamp::options::{CallOptions, PublishOptions, RegisterOptions, SubscribeOptions};
use crate::wamp::uri::UriRules;
use crate::wamp::{Payload, RequestId, SessionId};
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::sync::Arc;

fn request(question: &Question) -> Message {
    let Question { action, uri, match_policy, disclose, force, retain } = question.clone();
    let request = RequestId::new(1).unwrap();
    match action {
        Action::Call => {
            let options = CallOptions { disclose_me: disclose, ..CallOptions::default() };
            Call { request, options, procedure: uri, payload: Payload::Empty }.into()
        }
        Action::Publish => {
            let options =
                PublishOptions { disclose_me: disclose, retain, acknowledge: true, ..PublishOptions::default() };
            Publish { request, options, topic: uri, payload: Payload::Empty }.into()
        }
        Action::Subscribe => {
            let options = SubscribeOptions { match_policy, ..SubscribeOptions::default() };
            Subscribe { request, options, topic: uri }.into()
        }
        Action::Register => {
            let options = RegisterOptions {
                match_policy,
                disclose_caller: disclose,
                force_reregister: force,
                ..RegisterOptions::default()
            };
            Register { request, options, procedure: uri }.into()
        }
    }
}

/// Whether a session by these rules lets the request through.
fn goes_on(rules: &Arc<Rules>, message: &mut Message) -> bool {
    let name = |text: &str| text.into();
    let identity = Identity {
        authid: name("joe"),
        authrole: name("role"),
        authmethod: name("ticket"),
        authprovider: name("static"),
    };
    let mut session = Session::authenticated(Uri::from("realm1"), identity, Arc::clone(rules));
    session.joined(SessionId::new(1).unwrap());
    session.judge(message).is_none()
}

fn some_rules(rng: &mut StdRng) -> Rules {
    let texts = ["*", "com.*", "com..x", "wamp.*", "com.a.x", "wamp.session.count"];
    let rule = |text: &&str| Rule {
        pattern: Pattern::parse(text).unwrap(),
        actions: Action::ALL.into_iter().collect(),
        disclose: [].into_iter().collect(),
        source: "test:1".into(),
    };
    let allow = texts.iter().filter(|_| rng.random()).map(rule).collect();
    let deny = texts.iter().filter(|_| rng.random_bool(0.1)).map(rule).collect();
    let flags = PolicyFlags {
        allow_match_all: rng.random(),
        allow_pattern_register: rng.random(),
        allow_force_reregister: rng.random(),
        allow_disclose_caller: rng.random(),
        no_retain: rng.random(),
        no_cancel: rng.random(),
    };
    let disclose = [Disclose::Never, Disclose::Request, Disclose::Always][rng.random_range(0..3)];
    let uri_rules = [UriRules::Loose, UriRules::Strict][rng.random_range(0..2)];
    let policy = Arc::new(Policy::new(PolicyRules { allow, deny, flags }));
    Rules { policy, disclose, uri_rules, ..Rules::default() }
}

/// U19 of the users' page, with URIs and options.
#[test]
fn what_is_explained_is_what_becomes_of_the_request() {
    let mut rng = StdRng::seed_from_u64(4);
    let texts =
        ["", "com", "com.a.x", "com..x", "com.A.x", "com.", "wamp.session.count", "wamp.session.kill", "a b", "org.x"];
    let (mut allowed, mut unlawful, mut option) = (0, 0, 0);
    for _ in 0..10_000 {
        let rules = Arc::new(some_rules(&mut rng));
        let action = Action::ALL[rng.random_range(0..4)];
        let concrete = matches!(action, Action::Call | Action::Publish);
        let question = Question {
            action,
            uri: Uri::from(texts[rng.random_range(0..texts.len())]),
            match_policy: if concrete { MatchPolicy::Exact } else { MatchPolicy::ALL[rng.random_range(0..3)] },
            disclose: action != Action::Subscribe && rng.random(),
            force: action == Action::Register && rng.random(),
            retain: action == Action::Publish && rng.random(),
        };
        let answer = rules.explain(&question);
        let mut message = request(&question);
        assert_eq!(answer.allowed, goes_on(&rules, &mut message), "{question:?} under {rules:?}: {answer:?}");
        if let (true, Message::Register(register)) = (answer.allowed, &message) {
            assert_eq!(answer.ignored_option.is_some(), question.force && !register.options.force_reregister);
        }
        allowed += u32::from(answer.allowed);
        unlawful += u32::from(answer.unlawful.is_some());
        option += u32::from(answer.refused_option.is_some());
    }
    assert!(allowed > 1000 && unlawful > 1000 && option > 100, "{allowed} {unlawful} {option}");
}
