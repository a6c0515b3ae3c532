//! R102: the vectors, and what is refused.

use super::super::tests::{decided, entry, vectors, Knock};
use super::super::{Admission, Denied, Users, Verdict};
use super::*;
use crate::wamp::{ErrorUri, Value};

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

fn salting() -> Salting {
    Salting { salt: "8c7fa1".to_owned(), iterations: 1000, keylen: 32 }
}

fn knock() -> Knock {
    let salted = salting();
    let plain = WampCraUser { key: secret("s3cret"), salted: None, role: "frontend".to_owned() };
    let derived = WampCraUser { key: salted.key(&secret("s3cret")), salted: Some(salted), role: "device".to_owned() };
    let users: Users<_> = [("joe".to_owned(), plain), ("ann".to_owned(), derived)].into_iter().collect();
    Knock::at(AuthSettings { wampcra: Some(users), ..AuthSettings::default() })
}

/// Signs as a client that knows `password` does.
fn signed(extra: &Dict, password: &str) -> String {
    let key = match (entry(extra, "salt"), entry(extra, "iterations"), entry(extra, "keylen")) {
        (Value::Text(salt), Value::Unsigned(iterations), Value::Unsigned(keylen)) => {
            let salting = Salting {
                salt: salt.clone(),
                iterations: u32::try_from(*iterations).unwrap(),
                keylen: u32::try_from(*keylen).unwrap(),
            };
            salting.key(&secret(password))
        }
        _ => secret(password),
    };
    STANDARD.encode(sign(&key, entry(extra, "challenge").as_text().unwrap()))
}

fn login(authid: &str, password: &str) -> Result<Admission, Denied> {
    let challenge = knock().challenge("wampcra", Some(authid), &[]);
    let signature = signed(&challenge.extra(), password);
    decided(challenge.verify(&signature, &[]))
}

#[test]
fn the_vectors_hold() {
    let vectors = vectors("wampcra");
    let list = vectors["vectors"].as_array().unwrap();
    assert_eq!(list.len(), 5);
    for vector in list {
        let text = |key: &str| vector[key].as_str().unwrap();
        let number = |key: &str| u32::try_from(vector[key].as_u64().unwrap()).unwrap();
        let key = match vector["salt"].as_str() {
            Some(salt) => Salting { salt: salt.to_owned(), iterations: number("iterations"), keylen: number("keylen") }
                .key(&secret(text("secret"))),
            None => secret(text("secret")),
        };
        assert_eq!(key.expose(), text("hmac_key_utf8"));
        let waiting = Waiting { challenge: text("challenge").to_owned(), key, salted: None };
        assert!(waiting.check(text("signature")), "{vector}");
        let other = Waiting { challenge: text("challenge").replace("peter", "paul"), ..waiting };
        assert!(!other.check(text("signature")), "{vector}");
    }
}

#[test]
fn the_right_secret_is_let_in_and_a_wrong_one_and_an_unknown_name_are_told_the_same() {
    let joe = login("joe", "s3cret").unwrap();
    assert_eq!((&*joe.identity.authrole, &*joe.identity.authmethod), ("frontend", "wampcra"));
    assert_eq!(&*login("ann", "s3cret").unwrap().identity.authrole, "device");
    for (authid, password) in [("joe", "guess"), ("ann", "guess"), ("nobody", "s3cret"), ("", "s3cret")] {
        assert_eq!(login(authid, password).unwrap_err(), Denied::wrong(), "{authid}");
    }
}

/// R102: `session` is the id that WELCOME will carry.
#[test]
fn the_challenge_is_json_that_names_the_session_and_who_it_is_for() {
    let extra = knock().challenge("wampcra", Some("joe"), &[]).extra();
    let challenge: serde_json::Value = serde_json::from_str(entry(&extra, "challenge").as_text().unwrap()).unwrap();
    let expected = serde_json::json!({
        "authid": "joe", "authrole": "frontend", "authmethod": "wampcra", "authprovider": "static",
        "nonce": STANDARD.encode([5; 32]), "timestamp": "2026-11-23T06:40:33.000001Z", "session": 77,
    });
    assert_eq!(challenge, expected);
    assert_eq!(extra.len(), 1);
}

/// A3.
#[test]
fn a_signature_of_another_challenge_is_refused() {
    let first = knock().challenge("wampcra", Some("joe"), &[]);
    let signature = signed(&first.extra(), "s3cret");
    let second = Knock { challenge: [6; 32], ..knock() }.challenge("wampcra", Some("joe"), &[]);
    assert!(decided(second.verify(&signature, &[])).is_err());
    assert!(decided(first.verify(&signature, &[])).is_ok());
}

#[test]
fn what_is_no_signature_is_refused() {
    let right = signed(&knock().challenge("wampcra", Some("joe"), &[]).extra(), "s3cret");
    let long = format!("{right}{}", "A".repeat(400));
    for wrong in ["", "=", "AAAA", right.trim_end_matches('='), &format!("{right}\n"), &long, "\u{e9}\0"] {
        let verdict = knock().challenge("wampcra", Some("joe"), &[]).verify(wrong, &[]);
        assert!(matches!(&verdict, Verdict::Now(Err(denied)) if *denied == Denied::wrong()), "{wrong:?}");
    }
}

/// A1: the same shape as some user's, and always the same for a name.
#[test]
fn an_unknown_name_is_challenged_like_some_user() {
    let extra = |authid: &str| knock().challenge("wampcra", Some(authid), &[]).extra();
    let shape = |extra: &Dict| -> Vec<String> { extra.iter().map(|(key, _)| key.clone()).collect() };
    let (plain, salted) = (shape(&extra("joe")), shape(&extra("ann")));
    let (mut plain_seen, mut salted_seen) = (0, 0);
    for name in (0..64).map(|number| format!("nobody{number}")) {
        let told = extra(&name);
        assert_eq!(told, extra(&name));
        if shape(&told) == salted {
            salted_seen += 1;
            let salt = entry(&told, "salt").as_text().unwrap();
            assert!(
                salt.len() == 6 && salt != "8c7fa1" && salt.bytes().all(|octet| octet.is_ascii_hexdigit()),
                "{salt}"
            );
            assert_eq!((entry(&told, "iterations"), entry(&told, "keylen")), (&1000.into(), &32.into()));
            assert!(entry(&told, "challenge").as_text().unwrap().contains("\"authrole\":\"device\""));
        } else {
            assert_eq!(shape(&told), plain);
            plain_seen += 1;
        }
    }
    assert!(plain_seen > 8 && salted_seen > 8, "{plain_seen} {salted_seen}");
}

#[test]
fn without_an_authid_the_method_is_not_possible() {
    let denied = knock().hello(&["wampcra"], None, &[]).unwrap_err();
    assert_eq!(denied.error, ErrorUri::NO_MATCHING_AUTH_METHOD);
}
