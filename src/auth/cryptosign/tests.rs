//! R104: the vectors, who is found by which key, and what is refused.

use super::super::tests::{decided, entry, vectors, Knock};
use super::super::{Admission, Challenge};
use super::*;
use crate::wamp::ErrorUri;

const PRIVATE: &str = "4d57d97a68f555696620a6d849c0ce582568518d729eb753dc7c732de2804510";
const OTHER: &str = "d511fe78e23934b3dadb52fcd022974b80bd92bccc7c5cf404e46cc0a8a2f5cd";

fn key(private: &str) -> RouterKey {
    RouterKey::parse(private).unwrap()
}

fn settings(binding: ChannelBinding) -> AuthSettings {
    let user = CryptosignUser { keys: vec![key(PRIVATE).public()], role: "device".to_owned() };
    let users = [("dev1".to_owned(), user)].into_iter().collect();
    let cryptosign = CryptosignSettings::new(users, binding, Some(RouterKey::new(&[3; 32])));
    AuthSettings { cryptosign: Some(cryptosign), ..AuthSettings::default() }
}

fn knock() -> Knock {
    Knock::at(settings(ChannelBinding::Optional))
}

fn pubkey(private: &str) -> (&'static str, Value) {
    ("pubkey", key(private).public().to_string().into())
}

fn binding(kind: &str) -> (&'static str, Value) {
    ("channel_binding", kind.into())
}

/// Signs as a client with `private` and this channel does.
fn signed(challenge: &Challenge, private: &str, channel: Option<[u8; 32]>) -> String {
    let extra = challenge.extra();
    let octets = extra::hex(entry(&extra, "challenge").as_text().unwrap()).unwrap();
    key(private).sign(&bound(&octets, channel.as_ref()))
}

fn login(authid: Option<&str>, says: &str, signs: &str) -> Result<Admission, Denied> {
    let challenge = knock().challenge("cryptosign", authid, &[pubkey(says)]);
    let signature = signed(&challenge, signs, None);
    decided(challenge.verify(&signature, &[]))
}

#[test]
fn the_vectors_hold_and_another_challenge_or_channel_does_not() {
    let list = vectors("cryptosign");
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 6);
    for vector in list {
        let octets = |key: &str| vector[key].as_str().map(|text| extra::hex::<32>(text).unwrap());
        let text = |key: &str| vector[key].as_str().unwrap();
        let (challenge, channel) = (octets("challenge").unwrap(), octets("channel_id"));
        let own = key(text("private_key"));
        assert_eq!(own.public().to_string(), text("public_key"));
        let message = bound(&challenge, channel.as_ref());
        assert_eq!(extra::to_hex(&message), text("signed_message"));
        assert_eq!(own.sign(&message), text("signature"));
        let key = Some(own.public().0);
        let waiting = Waiting { message, key, challenge, bound: channel.is_some(), proof: None };
        assert!(waiting.check(text("signature")), "{vector}");
        let mut another = message;
        another[31] ^= 1;
        assert!(!Waiting { message: another, ..waiting.clone() }.check(text("signature")), "{vector}");
        assert!(!Waiting { key: None, ..waiting }.check(text("signature")), "{vector}");
    }
}

#[test]
fn the_right_key_is_let_in_with_and_without_a_name_and_others_are_told_the_same() {
    for authid in [Some("dev1"), None] {
        let identity = login(authid, PRIVATE, PRIVATE).unwrap().identity;
        assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authmethod), ("dev1", "device", "cryptosign"));
    }
    for (authid, says, signs) in [
        (Some("dev1"), PRIVATE, OTHER),
        (Some("dev1"), OTHER, OTHER),
        (Some("nobody"), PRIVATE, PRIVATE),
        (Some("nobody"), OTHER, OTHER),
        (None, OTHER, OTHER),
        (Some(""), PRIVATE, PRIVATE),
    ] {
        assert_eq!(login(authid, says, signs).unwrap_err(), Denied::wrong(), "{authid:?}");
    }
}

/// A1: a challenge for any key that is well formed, even if it is no point of the curve.
#[test]
fn any_well_formed_key_is_challenged_and_anything_else_is_refused_at_once() {
    let hello = |value: Value| knock().hello(&["cryptosign"], Some("dev1"), &[("pubkey", value)]);
    assert!(hello("ab".repeat(32).into()).is_ok());
    assert!(hello("AB".repeat(32).into()).is_ok());
    for wrong in ["", "ab", &"ab".repeat(33), &"zz".repeat(32), &format!("+{}", "a".repeat(63)), &"é".repeat(32)] {
        assert_eq!(hello(wrong.into()).unwrap_err().error, ErrorUri::AUTHENTICATION_DENIED, "{wrong}");
    }
    assert_eq!(hello(Value::Unsigned(5)).unwrap_err().error, ErrorUri::AUTHENTICATION_DENIED);
    // Without a key the method is not possible, and another one may be.
    assert_eq!(hello(Value::Null).unwrap_err().error, ErrorUri::NO_MATCHING_AUTH_METHOD);
}

#[test]
fn a_bare_signature_a_wrong_length_bad_hex_and_a_replay_are_refused() {
    let challenge = || knock().challenge("cryptosign", Some("dev1"), &[pubkey(PRIVATE)]);
    let right = signed(&challenge(), PRIVATE, None);
    assert!(decided(challenge().verify(&right, &[])).is_ok());
    assert!(decided(challenge().verify(&right.to_uppercase(), &[])).is_ok());
    let bad = right.replacen(|digit: char| digit.is_ascii_hexdigit(), "g", 1);
    let mut flipped = right.clone().into_bytes();
    flipped[150] = if flipped[150] == b'0' { b'1' } else { b'0' };
    let flipped = String::from_utf8(flipped).unwrap();
    for wrong in ["", &right[..128], &right[..190], &format!("{right}00"), &bad, &flipped, &"0".repeat(192)] {
        assert_eq!(decided(challenge().verify(wrong, &[])).unwrap_err(), Denied::wrong(), "{wrong}");
    }
    let another = Knock { challenge: [6; 32], ..knock() }.challenge("cryptosign", Some("dev1"), &[pubkey(PRIVATE)]);
    assert!(decided(another.verify(&right, &[])).is_err());
}

/// D27: the signature is over challenge XOR channel, in both directions.
#[test]
fn a_login_is_bound_to_its_channel_where_both_want_it() {
    let knock = Knock { binding: Some([0xa5; 32]), ..knock() };
    let hello = [pubkey(PRIVATE), binding("tls-exporter"), ("challenge", "11".repeat(32).into())];
    let challenge = || knock.challenge("cryptosign", Some("dev1"), &hello);
    let extra = challenge().extra();
    assert_eq!(entry(&extra, "channel_binding"), &"tls-exporter".into());
    let proof: [u8; 96] = extra::hex(entry(&extra, "signature").as_text().unwrap()).unwrap();
    assert_eq!(proof[64..], [0x11 ^ 0xa5; 32]);
    let login = |channel| decided(challenge().verify(&signed(&challenge(), PRIVATE, channel), &[]));
    assert!(login(Some([0xa5; 32])).is_ok());
    assert!(login(Some([0xa6; 32])).is_err());
    assert!(login(None).is_err());
}

/// Section 11.5: the router may go on without it, and the client decides.
#[test]
fn a_binding_that_is_not_to_be_had_is_left_out_unless_it_is_required() {
    let bound = |setting, channel, wish: &[(&'static str, Value)]| -> Result<bool, Denied> {
        let knock = Knock { binding: channel, ..Knock::at(settings(setting)) };
        let hello: Vec<_> = [pubkey(PRIVATE)].into_iter().chain(wish.iter().cloned()).collect();
        match knock.hello(&["cryptosign"], Some("dev1"), &hello)? {
            super::super::Opening::Challenge(challenge) => {
                Ok(entry(&challenge.extra(), "channel_binding") == &Value::from("tls-exporter"))
            }
            other @ (super::super::Opening::Welcome(_) | super::super::Opening::Ask(_)) => {
                panic!("no proof is wanted: {other:?}")
            }
        }
    };
    let (channel, wish) = (Some([1; 32]), [binding("tls-exporter")]);
    assert_eq!(bound(ChannelBinding::Optional, channel, &wish), Ok(true));
    assert_eq!(bound(ChannelBinding::Optional, None, &wish), Ok(false));
    assert_eq!(bound(ChannelBinding::Optional, channel, &[]), Ok(false));
    assert_eq!(bound(ChannelBinding::Optional, channel, &[binding("tls-unique")]), Ok(false));
    assert_eq!(bound(ChannelBinding::Off, channel, &wish), Ok(false));
    assert_eq!(bound(ChannelBinding::Required, channel, &wish), Ok(true));
    for (channel, wish) in [(None, &wish[..]), (channel, &[]), (channel, &[binding("tls-unique")])] {
        let denied = bound(ChannelBinding::Required, channel, wish).unwrap_err();
        assert_eq!(denied.error, ErrorUri::AUTHENTICATION_DENIED);
        assert!(denied.text.contains("tls-exporter"), "{}", denied.text);
    }
}

/// R104: the router authenticates itself when the client challenges.
#[test]
fn the_router_proves_itself_when_challenged() {
    let challenge = |says: &str| knock().hello(&["cryptosign"], None, &[pubkey(PRIVATE), ("challenge", says.into())]);
    let Ok(super::super::Opening::Challenge(asked)) = challenge(&"0f".repeat(32)) else { panic!("no challenge") };
    let extra = asked.extra();
    let own = RouterKey::new(&[3; 32]).public();
    assert_eq!(entry(&extra, "pubkey"), &own.to_string().into());
    let proof: [u8; 96] = extra::hex(entry(&extra, "signature").as_text().unwrap()).unwrap();
    assert_eq!(proof[64..], [0x0f; 32]);
    let signature = Signature::from_slice(&proof[..64]).unwrap();
    assert!(own.0.verify_strict(&[0x0f; 32], &signature).is_ok());
    assert_eq!(challenge("0f").unwrap_err().error, ErrorUri::AUTHENTICATION_DENIED);
    // Unasked it shows nothing.
    assert_eq!(knock().challenge("cryptosign", None, &[pubkey(PRIVATE)]).extra().len(), 1);
}

#[test]
fn a_weak_key_is_no_key_and_a_private_one_is_never_printed() {
    assert_eq!(PublicKey::parse(&format!("01{}", "00".repeat(31))), None);
    assert_eq!(PublicKey::parse(&format!("02{}", "00".repeat(31))), None);
    assert_eq!(format!("{:?}", key(PRIVATE)), "***");
    assert_eq!(key(PRIVATE).to_hex().expose(), PRIVATE);
}
