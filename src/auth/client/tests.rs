//! The client's side against the router's own, method by method, and what a client does not put up with.

use super::*;
use crate::auth::tests::{decided, Knock};
use crate::auth::{
    Admission, AuthSettings, ChannelBinding, CryptosignSettings, CryptosignUser, Denied, Opening, Record, Salting,
    ScramUser, Ticket, TicketUser, WampCraUser,
};

const CHEAP: Kdf = Kdf::Argon2id { iterations: 1, memory: 64 };

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn key() -> RouterKey {
    RouterKey::new(&[7; 32])
}

fn settings() -> AuthSettings {
    let role = || "user".to_owned();
    let scram = |flavour| {
        let record = Record::derive(flavour, &secret("pencil"), CHEAP, b"0123456789abcdef").unwrap();
        [("ann".to_owned(), ScramUser { record, role: role() })].into_iter().collect()
    };
    let salting = Salting { salt: "salt".to_owned(), iterations: 10, keylen: 32 };
    let salted = WampCraUser { key: salting.key(&secret("pencil")), salted: Some(salting), role: role() };
    let plain = WampCraUser { key: secret("pencil"), salted: None, role: role() };
    let signer = CryptosignUser { keys: vec![key().public()], role: role() };
    let ticket = TicketUser { ticket: Ticket::Plain(secret("s3cret")), role: role() };
    AuthSettings {
        ticket: Some([("ann".to_owned(), ticket)].into_iter().collect()),
        wampcra: Some([("ann".to_owned(), salted), ("bob".to_owned(), plain)].into_iter().collect()),
        scram: Some(scram(Flavour::Wamp)),
        scram_dialect: Some(scram(Flavour::Autobahn)),
        cryptosign: Some(CryptosignSettings::new(
            [("ann".to_owned(), signer)].into_iter().collect(),
            ChannelBinding::Optional,
            None,
        )),
        ..AuthSettings::default()
    }
}

fn credentials(text: &str) -> Credentials {
    Credentials {
        ticket: Some(secret("s3cret")),
        secret: Some(secret(text)),
        private_key: Some(key()),
        ..Credentials::default()
    }
}

/// Both sides of a login by one method.
fn login(knock: &Knock, method: Method, authid: &str, text: &str) -> Result<Admission, Denied> {
    let mut claimant = Claimant::new(credentials(text), Some(authid), &[method], &[1; 16], knock.binding);
    let extra = claimant.authextra();
    let extra: Vec<(&str, Value)> = extra.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
    let Opening::Challenge(challenge) = knock.hello(&[method.name()], Some(authid), &extra)? else {
        panic!("{} asks for a proof", method.name())
    };
    let (signature, said) = claimant.answer(challenge.method().name(), &challenge.extra()).unwrap();
    let admission = decided(challenge.verify(&signature, &said))?;
    claimant.check(&admission.authextra).unwrap();
    Ok(admission)
}

#[test]
fn a_client_logs_in_with_every_method_that_asks_for_a_proof() {
    let mut knock = Knock::at(settings());
    for binding in [None, Some([9; 32])] {
        knock.binding = binding;
        for method in [Method::Ticket, Method::WampCra, Method::WampScram, Method::Cryptosign] {
            let admission = login(&knock, method, "ann", "pencil").unwrap();
            assert_eq!(&*admission.identity.authmethod, method.name());
        }
    }
    knock.binding = None;
    login(&knock, Method::Scram, "ann", "pencil").unwrap();
    login(&knock, Method::WampCra, "bob", "pencil").unwrap();
}

#[test]
fn a_wrong_secret_is_denied_in_every_method() {
    let knock = Knock::at(settings());
    for method in [Method::WampCra, Method::WampScram, Method::Scram] {
        assert!(login(&knock, method, "ann", "crayon").is_err(), "{}", method.name());
    }
}

#[test]
fn methods_follow_from_what_there_is_those_that_prove_more_first() {
    let methods =
        |credentials: &Credentials| credentials.methods().iter().map(|method| method.name()).collect::<Vec<_>>();
    assert_eq!(methods(&Credentials::default()), ["anonymous"]);
    assert_eq!(methods(&credentials("x")), ["cryptosign", "wamp-scram", "scram", "wampcra", "ticket"]);
    let others = Credentials { token: Some(secret("t")), certificate: true, ..Credentials::default() };
    assert_eq!(methods(&others), ["jwt", "tls"]);
}

fn scram() -> Claimant {
    Claimant::new(credentials("pencil"), Some("ann"), &[Method::WampScram], &[1; 16], None)
}

fn asked(nonce: String, iterations: u64, memory: u64) -> Dict {
    [
        ("nonce", Value::Text(nonce)),
        ("salt", "c2FsdHNhbHQ=".into()),
        ("kdf", "argon2id13".into()),
        ("iterations", iterations.into()),
        ("memory", memory.into()),
    ]
    .map(|(key, value)| (key.to_owned(), value))
    .into()
}

#[test]
fn a_router_cannot_make_a_client_compute_for_hours_or_answer_an_old_nonce() {
    let nonce = || format!("{}router", STANDARD.encode([1; 16]));
    assert!(scram().answer("wamp-scram", &asked(nonce(), 1, 64)).is_ok());
    assert_eq!(scram().answer("wamp-scram", &asked(nonce(), u64::from(u32::MAX), 64)), Err(ProofFault::Cost));
    assert_eq!(scram().answer("wamp-scram", &asked(nonce(), 1, 1 << 31)), Err(ProofFault::Cost));
    assert_eq!(scram().answer("wamp-scram", &asked("other".to_owned(), 1, 64)), Err(ProofFault::Nonce));
    let salted = [("challenge", "{}".into()), ("salt", "s".into()), ("iterations", Value::Unsigned(1 << 31))];
    let salted: Dict = salted.map(|(key, value): (&str, Value)| (key.to_owned(), value)).into();
    let mut claimant = Claimant::new(credentials("x"), None, &[Method::WampCra], &[1; 16], None);
    assert_eq!(claimant.answer("wampcra", &salted), Err(ProofFault::Cost));
}

#[test]
fn a_router_that_does_not_prove_itself_is_not_believed() {
    let mut claimant = scram();
    let nonce = format!("{}router", STANDARD.encode([1; 16]));
    claimant.answer("wamp-scram", &asked(nonce, 1, 64)).unwrap();
    assert_eq!(claimant.check(&[]), Err(ProofFault::Router));
    assert_eq!(claimant.check(&[("verifier".to_owned(), "AAAA".into())]), Err(ProofFault::Router));
}

#[test]
fn a_method_that_was_not_offered_is_not_answered_and_a_binding_not_given_up() {
    assert_eq!(scram().answer("ticket", &[]), Err(ProofFault::Method));
    let mut claimant = Claimant::new(credentials("x"), None, &[Method::Cryptosign], &[1; 16], Some([9; 32]));
    let challenge = vec![("challenge".to_owned(), Value::Text("00".repeat(32)))];
    assert_eq!(claimant.answer("cryptosign", &challenge), Err(ProofFault::Binding));
}
