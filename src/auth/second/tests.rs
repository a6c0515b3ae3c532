//! Two proofs: who needs them, in which order they are asked for, and that nobody learns which one was wrong.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not expected is shown")]

use super::super::tests::{decided, entry, Knock};
use super::super::{
    kdf, Asked, Bench, CertificateName, CertificateSettings, ChannelBinding, CryptosignSettings, CryptosignUser,
    DynamicSettings, Flavour, Judgement, Kdf, Opening, RouterKey, Secret, Ticket, TicketUser, Users, Verdict,
    WampCraUser,
};
use super::*;
use crate::wamp::payload::Values;
use crate::wamp::{Outcome, Uri, Value};
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use core::time::Duration;

fn users<T>(users: impl IntoIterator<Item = (&'static str, T)>) -> Users<T> {
    users.into_iter().map(|(name, user)| (name.to_owned(), user)).collect()
}

fn ticket(role: &str) -> TicketUser {
    TicketUser { ticket: Ticket::Plain(Secret::new("t1cket".to_owned())), role: role.to_owned() }
}

fn signer(role: &str) -> WampCraUser {
    WampCraUser { key: Secret::new("secret".to_owned()), salted: None, role: role.to_owned() }
}

fn second(after: &[Method], methods: &[Method], roles: &[&str]) -> Option<Arc<SecondSettings>> {
    let roles = roles.iter().map(ToString::to_string).collect();
    Some(Arc::new(SecondSettings { after: after.to_vec(), methods: methods.to_vec(), roles }))
}

/// Joe is an administrator with a ticket and a secret, ann a guest with both; after a ticket a signature is needed.
fn settings(roles: &[&str]) -> AuthSettings {
    AuthSettings {
        ticket: Some(users([("joe", ticket("admin")), ("ann", ticket("guest"))])),
        wampcra: Some(users([("joe", signer("admin")), ("ann", signer("guest"))])),
        second: second(&[Method::Ticket, Method::Jwt], &[Method::WampCra], roles),
        ..AuthSettings::default()
    }
}

const BOTH: &[&str] = &["ticket", "wampcra"];
fn node_secret() -> NodeSecret {
    NodeSecret::new([9; 32])
}

/// A HELLO's challenge, and how far its login is then.
fn knock(
    door: &Knock,
    methods: &[&str],
    authid: Option<&str>,
    extra: &[(&str, Value)],
) -> Result<(Challenge, Rounds), Denied> {
    let mut rounds = door.with_claim(methods, authid, extra, |claim| Rounds::begin(&door.settings, claim));
    match door.hello(methods, authid, extra)? {
        Opening::Challenge(challenge) => {
            rounds.challenged(&challenge);
            Ok((challenge, rounds))
        }
        other => panic!("no challenge: {other:?}"),
    }
}

/// Base64(HMAC-SHA256).
fn signature(key: &str, challenge: &Challenge) -> String {
    let extra = challenge.extra();
    let text = entry(&extra, "challenge").as_text().unwrap();
    STANDARD.encode(kdf::hmac(key.as_bytes(), &[text.as_bytes()]))
}

/// What a first proof leads to.
fn first(door: &Knock, methods: &[&str], authid: &str, proof: &str) -> (Next, Rounds) {
    let (challenge, mut rounds) = knock(door, methods, Some(authid), &[]).unwrap();
    let next = rounds.step(decided(challenge.verify(proof, &[])), &door.settings, &node_secret());
    (next, rounds)
}

/// The second challenge, and what a second proof leads to: with `key` in place of the secret.
fn both(door: &Knock, authid: &str, proof: &str, key: &str) -> (Dict, Result<Admission, Denied>, Rounds) {
    let (Next::Challenge(challenge), mut rounds) = first(door, BOTH, authid, proof) else {
        panic!("no second challenge")
    };
    assert!(rounds.is_second() && rounds.second().is_none());
    let (extra, signed) = (challenge.extra(), signature(key, &challenge));
    match rounds.step(decided(challenge.verify(&signed, &[])), &door.settings, &node_secret()) {
        Next::Decided(decided) => (extra, decided, rounds),
        other => panic!("not decided: {other:?}"),
    }
}

/// D44.
#[test]
fn who_passes_both_is_let_in_as_the_first_method_says() {
    let door = Knock::at(settings(&[]));
    let (_, admitted, rounds) = both(&door, "joe", "t1cket", "secret");
    let identity = admitted.unwrap().identity;
    assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authmethod), ("joe", "admin", "ticket"));
    assert_eq!(rounds.second(), Some(Method::WampCra));
}

/// Joe with all that can be proven in several messages.
fn every_method(first: Method, then: Method) -> AuthSettings {
    let keys = CryptosignUser { keys: vec![RouterKey::new(&[4; 32]).public()], role: "admin".to_owned() };
    let scram = scram::tests::user(Flavour::Wamp, Kdf::Pbkdf2 { iterations: 4096 });
    AuthSettings {
        scram: Some(users([("joe", scram)])),
        cryptosign: Some(CryptosignSettings::new(users([("joe", keys)]), ChannelBinding::Optional, None)),
        second: second(&[first], &[then], &[]),
        ..settings(&[])
    }
}

/// What a client answers that knows what it should, or something else.
fn answer(challenge: &Challenge, right: bool) -> Verdict {
    let pick = |right_one: &'static str, other: &'static str| if right { right_one } else { other };
    let (signature, extra) = match challenge.method() {
        Method::Ticket => (pick("t1cket", "guess").to_owned(), Dict::new()),
        Method::WampCra => (signature(pick("secret", "guess"), challenge), Dict::new()),
        Method::WampScram => {
            let (proof, extra, _) = scram::tests::answer(challenge, "joe", pick("pencil", "guess"), None);
            (proof, extra)
        }
        Method::Cryptosign => {
            use ed25519_dalek::{Signer, SigningKey};
            let extra = challenge.extra();
            let octets: [u8; 32] = crate::auth::extra::hex(entry(&extra, "challenge").as_text().unwrap()).unwrap();
            let key = SigningKey::from_bytes(&[if right { 4 } else { 5 }; 32]);
            (crate::auth::extra::to_hex(&[key.sign(&octets).to_bytes().as_slice(), &octets].concat()), Dict::new())
        }
        other => panic!("{other:?}"),
    };
    challenge.clone().verify(&signature, &extra)
}

/// D44: whichever two they are; both have to be right, and all else is told alike.
#[test]
fn each_method_follows_each_other_one() {
    let methods = [Method::Ticket, Method::WampCra, Method::WampScram, Method::Cryptosign];
    let pubkey = RouterKey::new(&[4; 32]).public().to_string();
    let extra = [("nonce", Value::from(scram::tests::NONCE)), ("pubkey", pubkey.as_str().into())];
    for (first, then) in methods.into_iter().flat_map(|first| methods.map(|then| (first, then))) {
        if first == then {
            continue;
        }
        let door = Knock::at(every_method(first, then));
        for rights in [[true, true], [true, false], [false, true], [false, false]] {
            let listed = [then.name(), first.name()];
            let (challenge, mut rounds) = knock(&door, &listed, Some("joe"), &extra).unwrap();
            assert_eq!(challenge.method(), first);
            let verdict = decided(answer(&challenge, rights[0]));
            let next = rounds.step(verdict, &door.settings, &node_secret());
            let Next::Challenge(challenge) = next else { panic!("{first:?} {then:?} {rights:?}: {next:?}") };
            assert_eq!((challenge.method(), challenge.authid()), (then, "joe"));
            let next = rounds.step(decided(answer(&challenge, rights[1])), &door.settings, &node_secret());
            let Next::Decided(decided) = next else { panic!("{first:?} {then:?} {rights:?}: {next:?}") };
            match decided {
                Ok(admission) => {
                    assert_eq!((rights, &*admission.identity.authmethod), ([true, true], first.name()));
                    let scram = [first, then].contains(&Method::WampScram);
                    assert_eq!(extra::has(&admission.authextra, "verifier"), scram, "the router's own proof");
                }
                Err(denied) => {
                    assert_ne!(rights, [true, true], "{first:?} {then:?}");
                    assert_eq!((denied.error, denied.text), (Denied::wrong().error, Denied::wrong().text));
                }
            }
        }
    }
}

/// A1: a wrong first proof is followed by the same challenge, and the one answer does not say which was wrong.
#[test]
fn nobody_learns_which_of_two_proofs_was_wrong() {
    let door = Knock::at(settings(&[]));
    let refused = |authid: &str, proof: &str, key: &str| {
        let (extra, denied, _) = both(&door, authid, proof, key);
        let denied = denied.unwrap_err();
        (extra.into_iter().map(|(key, _)| key).collect::<Vec<_>>(), denied.error, denied.text, denied.reason)
    };
    let wrong_first = refused("joe", "guess", "secret");
    assert_eq!(wrong_first.3, Some(FIRST_WRONG));
    for (authid, proof, key, reason) in [
        ("joe", "t1cket", "guess", SECOND_WRONG),
        ("joe", "guess", "guess", BOTH_WRONG),
        ("nobody", "t1cket", "secret", BOTH_WRONG),
    ] {
        let refused = refused(authid, proof, key);
        assert_eq!(refused.3, Some(reason), "{authid}, {proof}, {key}");
        assert_eq!((&refused.0, refused.1, &refused.2), (&wrong_first.0, wrong_first.1, &wrong_first.2));
    }
    assert_eq!((wrong_first.1, wrong_first.2), (Denied::wrong().error, Denied::wrong().text));
}

/// A3: another challenge, and what was signed in one round is nothing in another.
#[test]
fn the_second_challenge_is_another_one() {
    let mut settings = settings(&[]);
    let keys = CryptosignUser { keys: vec![RouterKey::new(&[4; 32]).public()], role: "admin".to_owned() };
    settings.cryptosign = Some(CryptosignSettings::new(users([("joe", keys)]), ChannelBinding::Optional, None));
    settings.second = second(&[Method::WampCra], &[Method::Cryptosign], &[]);
    let door = Knock::at(settings);
    let pubkey = RouterKey::new(&[4; 32]).public().to_string();
    let (challenge, mut rounds) =
        knock(&door, &["wampcra", "cryptosign"], Some("joe"), &[("pubkey", pubkey.as_str().into())]).unwrap();
    let signed = signature("secret", &challenge);
    let Next::Challenge(second) = rounds.step(decided(challenge.verify(&signed, &[])), &door.settings, &node_secret())
    else {
        panic!("no second challenge")
    };
    assert_eq!((second.method(), second.authid()), (Method::Cryptosign, "joe"));
    assert_eq!(second.extra(), [("challenge".to_owned(), "06".repeat(32).into())]);
    let Next::Decided(Err(denied)) = rounds.step(decided(second.verify(&signed, &[])), &door.settings, &node_secret())
    else {
        panic!("the first signature again")
    };
    assert_eq!(denied.reason, Some(SECOND_WRONG));
}

/// Section 11.1: one who cannot pass both is told at once, whoever it is; and the second method alone is nothing.
#[test]
fn a_hello_that_lists_one_of_two_methods_has_none_that_is_possible() {
    let door = Knock::at(settings(&[]));
    for methods in [&["ticket"][..], &["wampcra"], &["wampcra", "scram"]] {
        for authid in ["joe", "ann", "nobody"] {
            let denied = knock(&door, methods, Some(authid), &[]).unwrap_err();
            assert_eq!(denied.error, ErrorUri::NO_MATCHING_AUTH_METHOD, "{methods:?} {authid}");
            assert!(denied.text.ends_with("; after ticket or jwt also wampcra"), "{}", denied.text);
        }
    }
    let (challenge, _) = knock(&door, &["wampcra", "ticket"], Some("joe"), &[]).unwrap();
    assert_eq!(challenge.method(), Method::Ticket, "the second never comes first");
}

/// Only roles that are named; a name that nobody has is taken for that of some user, in this too (A1).
#[test]
fn one_proof_is_enough_for_roles_that_are_not_named() {
    let door = Knock::at(settings(&["admin"]));
    let decided = |authid: &str, proof: &str| match first(&door, BOTH, authid, proof) {
        (Next::Decided(decided), _) => Some(decided.map(|admission| admission.identity.authrole.to_string())),
        (Next::Challenge(_), _) => None,
        (other, _) => panic!("{other:?}"),
    };
    assert_eq!(decided("ann", "t1cket"), Some(Ok("guest".to_owned())));
    assert_eq!(decided("ann", "guess"), Some(Err(Denied::wrong())));
    assert_eq!((decided("joe", "t1cket"), decided("joe", "guess")), (None, None));
    assert!(knock(&door, &["wampcra"], Some("ann"), &[]).is_ok());
    assert_eq!(knock(&door, &["ticket"], Some("joe"), &[]).unwrap_err().error, ErrorUri::NO_MATCHING_AUTH_METHOD);
    let mut alike = [0, 0];
    for number in 0..200 {
        let name = format!("nobody{number}");
        let asked_twice = decided(&name, "guess").is_none();
        assert_eq!(decided(&name, "guess").is_none(), asked_twice, "always the same for a name");
        assert_eq!(knock(&door, &["ticket"], Some(&name), &[]).is_err(), asked_twice);
        alike[usize::from(asked_twice)] += 1;
        // The role that a challenge tells is the one that counts.
        let challenge = door.with_claim(&["wampcra"], Some(&name), &[], |claim| {
            (
                wampcra::open(&door.settings, claim, &name).unwrap().1.extra(),
                door.settings.seeming_role(Method::WampCra, claim),
            )
        });
        assert!(challenge.0[0].1.as_text().unwrap().contains(&format!("\"authrole\":\"{}\"", challenge.1.unwrap())));
    }
    assert!(alike.iter().all(|count| *count > 50), "{alike:?}");
}

/// A certificate is there or not: nothing is said for it, and over HTTP too it can be the second proof.
#[test]
fn a_certificate_of_the_same_name_is_a_second_proof_without_a_challenge() {
    let tls = CertificateSettings { authid: CertificateName::SubjectCn, role: "admin".to_owned() };
    let mut settings = AuthSettings { tls: Some(tls), ..settings(&[]) };
    settings.second = second(&[Method::Ticket], &[Method::Tls], &[]);
    let with = |name: &str| {
        let certificate = Certificate { subject_cn: Some(name.to_owned()), ..Certificate::default() };
        Knock { certificate: Some(certificate), ..Knock::at(settings.clone()) }
    };
    let decided = |door: &Knock, proof: &str| match first(door, &["ticket"], "joe", proof) {
        (Next::Decided(decided), rounds) => (decided.map_err(|denied| denied.reason), rounds.second()),
        other => panic!("{other:?}"),
    };
    let (admitted, also) = decided(&with("joe"), "t1cket");
    assert_eq!((&*admitted.unwrap().identity.authmethod, also), ("ticket", Some(Method::Tls)));
    assert_eq!(decided(&with("joe"), "guess"), (Err(Some(FIRST_WRONG)), None));
    assert_eq!(decided(&with("ann"), "t1cket"), (Err(Some(SECOND_WRONG)), None));
    let none = Knock::at(settings.clone());
    assert_eq!(knock(&none, &["ticket"], Some("joe"), &[]).unwrap_err().error, ErrorUri::NO_MATCHING_AUTH_METHOD);
    // The certificate alone is nothing, asked for or not.
    for methods in [&["tls"][..], &[]] {
        assert!(with("joe").hello(methods, None, &[]).is_err(), "{methods:?}");
    }
}

/// The router's own proof of the second round is in WELCOME too, and the first one's stays.
#[test]
fn what_the_second_method_says_in_welcome_is_said() {
    let identity = Identity::proven("joe", "admin", Method::Ticket);
    let of = |extra: &[(&str, &str)]| {
        let authextra = extra.iter().map(|(key, value)| ((*key).to_owned(), (*value).into())).collect();
        Ok(Admission { identity: identity.clone(), authextra })
    };
    let second = Second { first: of(&[("a", "1")]), method: Method::WampScram };
    let both = second.with(of(&[("a", "2"), ("verifier", "v")])).unwrap();
    assert_eq!(both.authextra, [("a".to_owned(), "1".into()), ("verifier".to_owned(), "v".into())]);
    let other = Admission { identity: Identity::proven("ann", "admin", Method::WampScram), authextra: Dict::new() };
    assert_eq!(second.with(Ok(other)).unwrap_err(), Denied::because(ANOTHER_NAME));
}

/// What somebody has cookies for was proven as the settings want it, or is nothing.
#[test]
fn a_browser_that_has_passed_one_of_two_is_not_remembered() {
    let settings = settings(&["admin"]);
    assert!(settings.is_half_proven(Method::Ticket, None, "admin"));
    assert!(!settings.is_half_proven(Method::Ticket, Some(Method::WampCra), "admin"));
    assert!(!settings.is_half_proven(Method::Ticket, None, "guest"));
    assert!(settings.is_half_proven(Method::WampCra, None, "admin"), "the second alone");
    assert!(!settings.is_half_proven(Method::Cryptosign, None, "admin"), "not meant");
}

fn asked(methods: &[Method], roles: &[&str], second_method: Method) -> Knock {
    let main = DynamicSettings {
        name: "main".to_owned(),
        methods: methods.to_vec(),
        asked: Asked::Procedure { uri: Uri::from("com.ask"), realm: None },
        cache: None,
        timeout: Duration::from_secs(3),
        forward_headers: Vec::new(),
        shapes: Arc::default(),
    };
    let mut settings = settings(roles);
    settings.dynamic = vec![Arc::new(main)];
    settings.second = second(&[Method::Ticket], &[second_method], roles);
    Knock::at(settings)
}

/// What an authenticator's word about a ticket leads to.
fn told(door: &Knock, challenge: Challenge, rounds: &mut Rounds, outcome: Outcome) -> Next {
    let Verdict::Ask(inquiry) = challenge.verify("t1cket", &[]) else { panic!("nobody is asked") };
    let bench = Bench { settings: &door.settings, node_secret: &node_secret(), has_role: &|_| true };
    match inquiry.judge(outcome, bench).judgement {
        Judgement::Decided(verdict) => rounds.step(verdict, &door.settings, &node_secret()),
        other => panic!("{other:?}"),
    }
}

fn role(role: &str) -> Outcome {
    let answer = Value::Dict(vec![("role".to_owned(), role.into())]);
    Outcome::Result(Box::new(Values { args: vec![answer], kwargs: Dict::new() }))
}

/// Its role is known with the answer only: until then nobody is told that one is not enough.
#[test]
fn whom_an_authenticator_knows_needs_the_second_proof_that_its_role_needs() {
    let door = asked(&[Method::Ticket], &["admin"], Method::WampCra);
    let after = |methods: &[&str], outcome| {
        let (challenge, mut rounds) = knock(&door, methods, Some("zoe"), &[]).unwrap();
        told(&door, challenge, &mut rounds, outcome)
    };
    let refusal = || Outcome::Error(Uri::from("com.app.no"));
    assert!(matches!(after(BOTH, role("guest")), Next::Decided(Ok(_))));
    assert!(matches!(after(BOTH, role("admin")), Next::Challenge(_)));
    assert!(matches!(after(BOTH, refusal()), Next::Challenge(_)), "as if it had been right");
    let alone = |outcome| match after(&["ticket"], outcome) {
        Next::Decided(decided) => decided.map(|_| ()).map_err(|denied| (denied.error, denied.text, denied.reason)),
        other => panic!("{other:?}"),
    };
    let (error, text, _) = alone(refusal()).unwrap_err();
    assert_eq!(alone(role("admin")), Err((error, text, Some(NOT_OFFERED))), "told as a wrong one");
    assert_eq!(alone(role("guest")), Ok(()));
    // A5: who could not be asked has said nothing about the proof.
    let Next::Decided(Err(denied)) = after(BOTH, Outcome::Late) else { panic!("in trouble") };
    assert_eq!(denied.error, ErrorUri::AUTHENTICATION_FAILED);
}

/// The second secret may be an authenticator's to know; of a name that a table of the method has it is not asked.
#[test]
fn an_authenticator_is_asked_for_the_second_proof_of_names_that_no_table_has() {
    let door = asked(&[Method::WampCra], &[], Method::WampCra);
    let mut settings = door.settings.clone();
    settings.wampcra = Some(users([("ann", signer("guest"))]));
    let door = Knock::at(settings);
    for proof in ["t1cket", "guess"] {
        let (next, rounds) = first(&door, BOTH, "joe", proof);
        assert!(
            matches!(&next, Next::Ask(inquiry) if inquiry.authid() == "joe" && inquiry.method() == Method::WampCra)
        );
        assert!(rounds.is_second());
        assert!(matches!(first(&door, BOTH, "ann", proof).0, Next::Challenge(_)));
    }
    let (Next::Ask(inquiry), mut rounds) = first(&door, BOTH, "joe", "t1cket") else { panic!("nobody is asked") };
    let bench = Bench { settings: &door.settings, node_secret: &node_secret(), has_role: &|_| true };
    let secret = Value::Dict(vec![("role".to_owned(), "clerk".into()), ("secret".to_owned(), "other".into())]);
    let outcome = Outcome::Result(Box::new(Values { args: vec![secret], kwargs: Dict::new() }));
    let Judgement::Challenge(challenge) = inquiry.judge(outcome, bench).judgement else { panic!("no challenge") };
    let signed = signature("other", &challenge);
    let Next::Decided(Ok(admission)) =
        rounds.step(decided(challenge.verify(&signed, &[])), &door.settings, &node_secret())
    else {
        panic!("not let in")
    };
    assert_eq!(&*admission.identity.authrole, "admin", "the role is that of the first");
}
