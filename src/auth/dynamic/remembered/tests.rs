//! What is remembered of authenticators: for whom, how long, and how it is forgotten.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not expected is shown")]

use super::super::tests::{asked, dict, entry, judge, realm, refused, result};
use super::*;
use crate::auth::dynamic::{DynamicSettings, Inquiry};
use crate::auth::tests::Knock;
use crate::auth::{Certificate, Opening, Secret};
use crate::wamp::{Outcome, Uri};
use std::sync::Arc;

const SECOND: Duration = Duration::from_secs(1);

fn remembering() -> Knock {
    let mut knock = realm();
    let settings = DynamicSettings { cache: Some(60 * SECOND), ..(*knock.settings.dynamic[0]).clone() };
    knock.settings.dynamic = vec![Arc::new(settings)];
    knock
}

fn node_secret() -> NodeSecret {
    NodeSecret::new([9; 32])
}

fn mark_of(inquiry: &Inquiry) -> Mark {
    inquiry.mark(&node_secret(), &[]).unwrap()
}

/// What an authenticator knows of somebody, method by method.
fn known(cache: Value) -> Value {
    dict(&[
        ("role", "user".into()),
        ("secret", "s3cret".into()),
        ("kdf", "pbkdf2".into()),
        ("iterations", 4096_u64.into()),
        ("salt", "000102030405060708090a0b0c0d0e0f".into()),
        ("stored-key", "11".repeat(32).into()),
        ("server-key", "22".repeat(32).into()),
        ("pubkey", crate::auth::RouterKey::new(&[4; 32]).public().to_string().into()),
        ("cache", cache),
    ])
}

fn memo(knock: &Knock, method: &str) -> Memo {
    let inquiry = asked(knock, method, Some("ann"));
    let mut known = known(true.into());
    if method == "wampcra" {
        let Value::Dict(entries) = &mut known else { panic!("no dict") };
        entries.retain(|(key, _)| key != "salt");
    }
    judge(knock, inquiry, result(known)).memo.unwrap()
}

#[test]
fn an_answer_is_remembered_only_where_the_settings_and_the_answer_want_it_and_a_refusal_never() {
    for method in ["ticket", "wampcra", "wamp-scram", "cryptosign"] {
        for (cache, said, remembered) in [
            (true, Value::Bool(true), true),
            (true, Value::Bool(false), false),
            (true, Value::Null, false),
            (false, Value::Bool(true), false),
        ] {
            let knock = if cache { remembering() } else { realm() };
            let inquiry = asked(&knock, method, Some("ann"));
            assert_eq!(inquiry.mark(&node_secret(), &[]).is_some(), cache);
            let judged = judge(&knock, inquiry, result(known(said.clone())));
            assert!(judged.fault.is_none(), "{method}: {judged:?}");
            assert_eq!(judged.memo.is_some(), remembered, "{method}: {cache} {said:?}");
        }
        let knock = remembering();
        for outcome in [
            Outcome::Error(Uri::from("com.app.no")),
            Outcome::Late,
            result(dict(&[("role", "boss".into()), ("secret", "s".into()), ("cache", true.into())])),
        ] {
            let judged = judge(&knock, asked(&knock, method, Some("ann")), outcome);
            assert!(judged.memo.is_none(), "{method}: {judged:?}");
        }
        let (_, fault) = refused(judge(&knock, asked(&knock, method, Some("ann")), result(known(5_u64.into()))));
        assert_eq!(fault.as_deref(), Some("expected `cache` to be a boolean, got an integer"), "{method}");
    }
}

#[test]
fn an_answer_is_for_the_same_proof_of_the_same_identity_and_for_nobody_else() {
    let knock = remembering();
    let inquiry = || asked(&knock, "ticket", Some("ann"));
    let known = mark_of(&inquiry());
    let same = |change: &dyn Fn(&mut Inquiry)| {
        let mut inquiry = inquiry();
        change(&mut inquiry);
        mark_of(&inquiry) == known
    };
    assert!(same(&|_| {}));
    assert!(same(&|inquiry| inquiry.drawn.challenge = [1; 32]), "another login");
    assert!(same(&|inquiry| inquiry.authextra.retain(|(key, _)| key != "nonce")), "what is drawn for each login");
    let certificate = |sha256: &str| Certificate {
        subject_cn: None,
        dns: Vec::new(),
        uris: Vec::new(),
        emails: Vec::new(),
        sha256: sha256.to_owned(),
    };
    let others: [&dyn Fn(&mut Inquiry); 9] = [
        &|inquiry| inquiry.authid = Some("bob".to_owned()),
        &|inquiry| inquiry.authid = None,
        &|inquiry| inquiry.authid = Some(String::new()),
        &|inquiry| inquiry.realm = "realm2".to_owned(),
        &|inquiry| inquiry.method = Method::WampCra,
        &|inquiry| inquiry.ticket = Some(Secret::new("guess".to_owned())),
        &|inquiry| inquiry.ticket = None,
        &|inquiry| inquiry.authextra.push(("otp".to_owned(), 5_u64.into())),
        &|inquiry| inquiry.certificate = Some(certificate("aa")),
    ];
    let mut seen = vec![known.clone()];
    for change in others {
        let mut inquiry = inquiry();
        change(&mut inquiry);
        let mark = mark_of(&inquiry);
        assert!(!seen.contains(&mark), "{inquiry:?}");
        seen.push(mark);
    }
    let mut other = inquiry();
    let settings = DynamicSettings { cache: Some(SECOND), ..(*entry("other", &[Method::Ticket])).clone() };
    other.entries[0] = Arc::new(settings);
    assert!(!seen.contains(&mark_of(&other)), "another authenticator");
    assert_ne!(inquiry().mark(&NodeSecret::new([8; 32]), &[]), Some(known.clone()), "the node's own");
    // The authenticators of these tests are handed cookies, and no other credentials.
    let header = |name: &str| vec![(name.to_owned(), "5".to_owned())];
    assert_eq!(inquiry().mark(&node_secret(), &header("user-agent")), Some(known.clone()));
    assert_eq!(inquiry().mark(&node_secret(), &header("authorization")), Some(known.clone()));
    assert_ne!(inquiry().mark(&node_secret(), &header("cookie")), Some(known));
}

/// Lists and dicts that look alike from afar are others.
#[test]
fn parts_are_told_apart_by_their_ends_and_kinds() {
    let fed = |value: &Value| {
        let mut proof = Vec::new();
        feed(&mut proof, value);
        proof
    };
    let list = |texts: &[&str]| Value::List(texts.iter().map(|text| (*text).into()).collect());
    let values = [
        list(&["a", "b"]),
        list(&["ab"]),
        list(&["", "ab"]),
        Value::List(vec![list(&["a", "b"])]),
        dict(&[("a", "b".into())]),
        Value::Bytes(b"ab".to_vec()),
        "ab".into(),
        Value::Null,
        false.into(),
        0_u64.into(),
        Value::Float(0.0),
        Value::Negative(-1),
        Value::Unsigned(u64::MAX),
    ];
    let all: std::collections::BTreeSet<Vec<u8>> = values.iter().map(fed).collect();
    assert_eq!(all.len(), values.len());
}

#[test]
fn what_is_remembered_ends_and_is_forgotten_by_name_and_as_a_whole() {
    let (knock, now) = (remembering(), Instant::now());
    let mark = |authid: &str| mark_of(&asked(&knock, "ticket", Some(authid)));
    let mut answers = Answers::default();
    let keep = |answers: &mut Answers, authid: &str| {
        let epoch = answers.epoch();
        answers.keep(mark(authid), authid, memo(&knock, "ticket"), epoch, now);
    };
    keep(&mut answers, "ann");
    assert_eq!(answers.find(&mark("ann"), now).unwrap().role, "user");
    assert!(answers.find(&mark("bob"), now).is_none());
    assert!(answers.find(&mark("ann"), now + 59 * SECOND).is_some());
    assert!(answers.find(&mark("ann"), now + 60 * SECOND).is_none());
    keep(&mut answers, "bob");
    keep(&mut answers, "bob");
    answers.forget("ann");
    assert!(answers.find(&mark("ann"), now).is_none() && answers.find(&mark("bob"), now).is_some());
    assert_eq!((answers.len(), answers.deadlines.len()), (1, 1));
    // As whom somebody was let in counts too.
    let mut renamed = memo(&knock, "ticket");
    renamed.answer.authid = Some("carl.smith".to_owned());
    let epoch = answers.epoch();
    answers.keep(mark("carl"), "carl", renamed, epoch, now);
    answers.forget("carl.smith");
    assert!(answers.find(&mark("carl"), now).is_none());
    // What was asked for before is not kept after.
    let epoch = answers.epoch();
    answers.purge();
    answers.keep(mark("ann"), "ann", memo(&knock, "ticket"), epoch, now);
    assert!(answers.is_empty() && answers.deadlines.is_empty());
}

#[test]
fn what_is_remembered_is_bounded_and_the_one_that_ends_first_makes_room() {
    let (knock, start) = (remembering(), Instant::now());
    let memo = memo(&knock, "ticket");
    let mark = |number: u32| {
        let mut octets = [0; 32];
        octets[..4].copy_from_slice(&number.to_be_bytes());
        Mark(octets)
    };
    let mut answers = Answers::default();
    let most = u32::try_from(ENTRIES_MAX).unwrap();
    let at = |number: u32| start + Duration::from_micros(u64::from(number));
    for number in 0..most + 10 {
        answers.keep(mark(number), "ann", memo.clone(), 0, at(number));
    }
    assert_eq!((answers.len(), answers.deadlines.len()), (ENTRIES_MAX, ENTRIES_MAX));
    assert!(answers.find(&mark(9), start).is_none() && answers.find(&mark(10), start).is_some());
    // Those whose time is over go first of all.
    answers.keep(mark(0), "ann", memo, 0, start + 61 * SECOND);
    assert_eq!((answers.len(), answers.deadlines.len()), (1, 1));
}

#[test]
fn an_answer_from_before_counts_as_the_first_did_and_comes_no_sooner_before_a_proof() {
    let (knock, secret) = (remembering(), node_secret());
    for method in ["ticket", "wampcra", "wamp-scram", "cryptosign"] {
        let Memo { answer, .. } = memo(&knock, method);
        let bench = |has_role| Bench { settings: &knock.settings, node_secret: &secret, has_role };
        let inquiry = asked(&knock, method, Some("ann"));
        inquiry.note_taken(7 * SECOND);
        let expected = if method == "ticket" { Duration::ZERO } else { 7 * SECOND };
        assert_eq!(asked(&knock, method, Some("ann")).held_back(), expected, "{method}");
        let judged = inquiry.recall(answer.clone(), bench(&|role| role == "user"));
        assert!(judged.fault.is_none() && judged.memo.is_none(), "it does not become younger");
        match judged.judgement {
            Judgement::Decided(Ok(admission)) if method == "ticket" => {
                assert_eq!((&*admission.identity.authid, &*admission.identity.authrole), ("ann", "user"));
            }
            Judgement::Challenge(challenge) if method != "ticket" => assert_eq!(challenge.method().name(), method),
            other => panic!("{method}: {other:?}"),
        }
        let judged = asked(&knock, method, Some("ann")).recall(answer, bench(&|_| false));
        assert_eq!(refused(judged).0, crate::wamp::ErrorUri::NO_SUCH_ROLE, "{method}");
    }
    let Ok(Opening::Challenge(_)) = knock.hello(&["ticket"], Some("ann"), &[]) else { panic!("no challenge") };
}
