//! Whatever a client sends, it is an answer or a refusal, and never a way in.

use super::*;
use proptest::prelude::*;

fn value() -> impl Strategy<Value = Value> {
    let leaf = prop_oneof![
        Just(Value::Null),
        any::<bool>().prop_map(Value::Bool),
        any::<u64>().prop_map(Value::Unsigned),
        any::<f64>().prop_map(Value::Float),
        text().prop_map(Value::Text),
        prop::collection::vec(any::<u8>(), 0..40).prop_map(Value::Bytes),
    ];
    leaf.prop_recursive(2, 8, 3, |inner| prop::collection::vec(inner, 0..3).prop_map(Value::List))
}

/// Texts that are near to what is expected, and others.
fn text() -> impl Strategy<Value = String> {
    prop_oneof![".{0,40}", "[A-Za-z0-9+/]{43}=", "[0-9a-f]{64}", "[0-9a-fA-F]{192}", Just("tls-exporter".to_owned())]
}

fn dict() -> impl Strategy<Value = Dict> {
    let key = prop_oneof![
        Just("nonce"),
        Just("channel_binding"),
        Just("cbind_data"),
        Just("pubkey"),
        Just("challenge"),
        Just("x"),
    ];
    prop::collection::vec((key.prop_map(str::to_owned), value()), 0..5)
}

fn every_method() -> AuthSettings {
    let secret = Secret::new("s3cret".to_owned());
    let kdf = Kdf::Pbkdf2 { iterations: 4096 };
    let record = Record::derive(Flavour::Wamp, &secret, kdf, &[1; 16]).unwrap();
    let keys = CryptosignUser { keys: vec![RouterKey::new(&[4; 32]).public()], role: "r".to_owned() };
    let keys = [("joe".to_owned(), keys)].into_iter().collect();
    AuthSettings {
        wampcra: Some([("joe".to_owned(), cra_user())].into_iter().collect()),
        scram: Some([("joe".to_owned(), ScramUser { record, role: "r".to_owned() })].into_iter().collect()),
        cryptosign: Some(CryptosignSettings::new(keys, ChannelBinding::Optional, Some(RouterKey::new(&[3; 32])))),
        ..settings()
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn nothing_that_is_guessed_lets_anybody_in(
        method in prop::sample::select(vec!["ticket", "wampcra", "wamp-scram", "scram", "cryptosign"]),
        authid in prop_oneof![Just("joe".to_owned()), text()],
        authextra in dict(),
        signature in text(),
        extra in dict(),
        bound in any::<bool>(),
    ) {
        let knock = Knock { binding: bound.then_some([1; 32]), ..Knock::at(every_method()) };
        let hello: Vec<(&str, Value)> = authextra.iter().map(|(key, value)| (key.as_str(), value.clone())).collect();
        match knock.hello(&[method], Some(&authid), &hello) {
            Ok(Opening::Challenge(challenge)) => {
                let _lawful = challenge.extra();
                prop_assert_eq!(decided(challenge.verify(&signature, &extra)).unwrap_err(), Denied::wrong());
            }
            Ok(other) => prop_assert!(false, "{other:?}"),
            Err(denied) => prop_assert!(denied.error.as_str().starts_with("wamp.error.")),
        }
    }

    #[test]
    fn no_text_makes_a_reader_of_records_panic(text in prop_oneof![".{0,200}", "[a-z0-9-]{0,12}(\\$[A-Za-z0-9+/=,]{0,20}){0,6}"]) {
        let _some = (Record::parse(&text).is_ok(), TicketHash::parse(&text).is_ok());
        let _more = (PublicKey::parse(&text).is_some(), RouterKey::parse(&text).is_some());
    }
}
