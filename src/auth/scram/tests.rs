//! R103: the vectors, both methods right and wrong, and what a name that nobody has is told.

use super::super::tests::{decided, entry, vectors, Knock};
use super::super::{Admission, Challenge, Denied, Secret, Verdict};
use super::exchange::{auth_message, binding_text, Texts};
use super::record::{keys, salted_password};
use super::*;
use crate::auth::{extra as hex, kdf};

pub(in crate::auth) const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw==";
const CHEAP: Kdf = Kdf::Argon2id { iterations: 1, memory: 64 };

fn secret(text: &str) -> Secret {
    Secret::new(text.to_owned())
}

pub(in crate::auth) fn user(flavour: Flavour, kdf: Kdf) -> ScramUser {
    let record = Record::derive(flavour, &secret("pencil"), kdf, b"0123456789abcdef").unwrap();
    ScramUser { record, role: "frontend".to_owned() }
}

fn knock() -> Knock {
    let users = [
        ("ann".to_owned(), user(Flavour::Wamp, Kdf::Pbkdf2 { iterations: 4096 })),
        ("a=b,c".to_owned(), user(Flavour::Wamp, CHEAP)),
    ];
    let dialect = [("bob".to_owned(), user(Flavour::Autobahn, CHEAP))];
    Knock::at(AuthSettings {
        scram: Some(users.into_iter().collect()),
        scram_dialect: Some(dialect.into_iter().collect()),
        ..AuthSettings::default()
    })
}

/// What a client that knows `password` answers: its proof, and the verifier that it expects.
pub(in crate::auth) fn answer(
    challenge: &Challenge,
    name: &str,
    password: &str,
    binding: Option<&[u8; 32]>,
) -> (String, Dict, String) {
    let extra = challenge.extra();
    let text = |key| entry(&extra, key).as_text().unwrap().to_owned();
    let number = |key: &str| {
        let Value::Unsigned(number) = entry(&extra, key) else { panic!("{key} in {extra:?}") };
        u32::try_from(*number).unwrap()
    };
    let flavour = if challenge.method() == Method::Scram { Flavour::Autobahn } else { Flavour::Wamp };
    let iterations = number("iterations");
    let kdf = match &*text("kdf") {
        "pbkdf2" => Kdf::Pbkdf2 { iterations },
        "argon2id13" | "argon2id-13" => Kdf::Argon2id { iterations, memory: number("memory") },
        other => panic!("{other}"),
    };
    let salted = salted_password(flavour, &secret(password), kdf, &STANDARD.decode(text("salt")).unwrap()).unwrap();
    let (client_key, server_key) = keys(&salted);
    let stored: [u8; 32] = <sha2::Sha256 as sha2::Digest>::digest(client_key.octets()).into();
    let bound = if flavour == Flavour::Wamp { binding_text(TLS_EXPORTER, binding) } else { String::new() };
    let message = auth_message(&Texts {
        name,
        client_nonce: NONCE,
        nonce: &text("nonce"),
        salt: &text("salt"),
        iterations,
        binding: &bound,
    });
    let signature = kdf::hmac(&stored, &[message.as_bytes()]);
    let proof: [u8; 32] = std::array::from_fn(|at| client_key.octets()[at] ^ signature[at]);
    let said = vec![
        ("nonce".to_owned(), text("nonce").into()),
        ("channel_binding".to_owned(), binding.map_or(Value::Null, |_| TLS_EXPORTER.into())),
        ("cbind_data".to_owned(), binding.map_or(Value::Null, |data| STANDARD.encode(data).into())),
    ];
    let verifier = STANDARD.encode(kdf::hmac(server_key.octets(), &[message.as_bytes()]));
    (STANDARD.encode(proof), said, verifier)
}

fn challenge(method: &str, authid: &str) -> Challenge {
    knock().challenge(method, Some(authid), &[("nonce", NONCE.into())])
}

fn login(method: &str, authid: &str, name: &str, password: &str) -> Result<Admission, Denied> {
    let challenge = challenge(method, authid);
    let (proof, said, verifier) = answer(&challenge, name, password, None);
    let admission = decided(challenge.verify(&proof, &said))?;
    let key = if method == "scram" { "scram_server_signature" } else { "verifier" };
    assert_eq!(admission.authextra, [(key.to_owned(), verifier.into())]);
    Ok(admission)
}

#[test]
fn the_vectors_hold() {
    let list = vectors("wamp_scram");
    let list = list.as_array().unwrap();
    assert_eq!(list.len(), 5);
    for vector in list {
        let text = |key: &str| vector[key].as_str().unwrap();
        let iterations = u32::try_from(vector["iterations"].as_u64().unwrap()).unwrap();
        let kdf = match vector["memory"].as_u64() {
            Some(memory) => Kdf::Argon2id { iterations, memory: u32::try_from(memory).unwrap() },
            None => Kdf::Pbkdf2 { iterations },
        };
        assert_eq!(kdf.name(Flavour::Wamp), text("kdf"));
        let salt = STANDARD.decode(text("salt")).unwrap();
        let salted = salted_password(Flavour::Wamp, &secret(text("password")), kdf, &salt).unwrap();
        assert_eq!(hex::to_hex(&salted), text("salted_password_hex"), "{vector}");
        let binding = match vector["channel_binding"].as_str() {
            Some(kind) => {
                let data = STANDARD.decode(text("cbind_data")).unwrap();
                STANDARD.encode([format!("p={kind},,").as_bytes(), &data].concat())
            }
            None => binding_text(TLS_EXPORTER, None),
        };
        let message = auth_message(&Texts {
            name: &text("authid").replace('=', "=3D").replace(',', "=2C"),
            client_nonce: text("client_nonce"),
            nonce: text("server_nonce"),
            salt: text("salt"),
            iterations,
            binding: &binding,
        });
        assert_eq!(message, text("auth_message"));
        let (stored, server) = (text("stored_key_hex"), text("server_key_hex"));
        let key = |hexed| STANDARD.encode(hex::hex::<32>(hexed).unwrap());
        // Some vectors have fewer rounds than a record may: the keys are what counts here.
        let record = format!("wamp-scram$pbkdf2$i=4096${}${}${}", text("salt"), key(stored), key(server));
        let record = Record::parse(&record).unwrap();
        let proof: [u8; 32] = STANDARD.decode(text("client_proof")).unwrap().try_into().unwrap();
        assert!(record.proves(&proof, &message), "{vector}");
        assert!(!record.proves(&proof, &message.replace("r=", "r=x")), "{vector}");
        assert_eq!(STANDARD.encode(record.signature(&message)), text("server_signature"));
        assert_eq!(hex::to_hex(keys(&salted).1.octets()), server);
    }
}

#[test]
fn the_right_password_is_let_in_and_the_router_proves_that_it_knows_it_too() {
    for (authid, name) in [("ann", "ann"), ("a=b,c", "a=3Db=2Cc")] {
        let identity = login("wamp-scram", authid, name, "pencil").unwrap().identity;
        assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authmethod), (authid, "frontend", "wamp-scram"));
        assert_eq!(login("wamp-scram", authid, name, "pen").unwrap_err(), Denied::wrong());
    }
}

/// D25, section 3 of the page on clients.
#[test]
fn the_dialect_is_a_method_of_its_own() {
    let identity = login("scram", "bob", "bob", "pencil").unwrap().identity;
    assert_eq!((&*identity.authid, &*identity.authmethod), ("bob", "scram"));
    assert!(login("scram", "bob", "bob", "pen").is_err());
    assert!(login("scram", "ann", "ann", "pencil").is_err());
    assert!(login("wamp-scram", "bob", "bob", "pencil").is_err());
    let extra = challenge("scram", "bob").extra();
    let keys: Vec<&str> = extra.iter().map(|(key, _)| key.as_str()).collect();
    assert_eq!(keys, ["nonce", "salt", "kdf", "iterations", "memory"]);
    assert_eq!(entry(&extra, "kdf"), &"argon2id-13".into());
    let nonce = STANDARD.decode(entry(&extra, "nonce").as_text().unwrap()).unwrap();
    assert!(nonce.starts_with(&STANDARD.decode(NONCE).unwrap()) && nonce.len() == 48);
}

/// R103: nonce, binding and proof, each alone.
#[test]
fn an_answer_that_differs_in_anything_is_refused() {
    let asked = challenge("wamp-scram", "ann");
    let (proof, said, _) = answer(&asked, "ann", "pencil", None);
    assert!(decided(asked.clone().verify(&proof, &said)).is_ok());
    let with = |key: &str, value: Value| -> Dict {
        said.iter().map(|(name, old)| (name.clone(), if name == key { value.clone() } else { old.clone() })).collect()
    };
    for said in [
        Dict::new(),
        with("nonce", NONCE.into()),
        with("nonce", Value::Null),
        with("nonce", Value::Unsigned(5)),
        with("channel_binding", "tls-exporter".into()),
        with("channel_binding", Value::Bool(false)),
        with("cbind_data", "AAAA".into()),
        with("cbind_data", Value::List(Vec::new())),
    ] {
        assert_eq!(decided(asked.clone().verify(&proof, &said)).unwrap_err(), Denied::wrong(), "{said:?}");
    }
    let shifted = proof.replace(&proof[..1], if proof.starts_with('A') { "B" } else { "A" });
    for proof in ["", "AAAA", "!", &proof[..40], &shifted, &format!("{proof}{}", "A".repeat(300))] {
        assert_eq!(decided(asked.clone().verify(proof, &said)).unwrap_err(), Denied::wrong(), "{proof}");
    }
}

/// A3.
#[test]
fn an_answer_to_another_challenge_is_refused() {
    let (proof, said, _) = answer(&challenge("wamp-scram", "ann"), "ann", "pencil", None);
    let another =
        Knock { challenge: [6; 32], ..knock() }.challenge("wamp-scram", Some("ann"), &[("nonce", NONCE.into())]);
    assert!(decided(another.verify(&proof, &said)).is_err());
}

#[test]
fn the_nonce_is_the_clients_with_32_octets_of_the_router_appended() {
    let extra = challenge("wamp-scram", "ann").extra();
    assert_eq!(entry(&extra, "nonce"), &format!("{NONCE}{}", STANDARD.encode([5; 32])).into());
    assert_eq!(
        (entry(&extra, "kdf"), entry(&extra, "iterations"), entry(&extra, "memory")),
        (&"pbkdf2".into(), &4096.into(), &Value::Null)
    );
}

#[test]
fn a_nonce_that_is_none_is_refused_and_without_one_the_method_is_not_possible() {
    let hello = |nonce: Value| knock().hello(&["wamp-scram"], Some("ann"), &[("nonce", nonce)]);
    let long = STANDARD.encode([0; 129]);
    for wrong in ["", "!", "AAAA,r=x", "AAA", &long, &"A".repeat(100_000)] {
        assert_eq!(hello(wrong.into()).unwrap_err().error, crate::wamp::ErrorUri::AUTHENTICATION_DENIED, "{wrong}");
    }
    assert_eq!(hello(Value::Bool(true)).unwrap_err().error, crate::wamp::ErrorUri::AUTHENTICATION_DENIED);
    assert_eq!(hello(Value::Null).unwrap_err().error, crate::wamp::ErrorUri::NO_MATCHING_AUTH_METHOD);
    assert!(hello(STANDARD.encode([0; 128]).into()).is_ok());
}

/// D27.
#[test]
fn a_login_is_bound_to_its_channel_where_the_client_asks_and_refused_where_there_is_none() {
    let wish = |kind: &str| [("nonce", NONCE.into()), ("channel_binding", kind.into())];
    let refused = |knock: &Knock, kind: &str| knock.hello(&["wamp-scram"], Some("ann"), &wish(kind)).unwrap_err();
    let bound = Knock { binding: Some([0xa5; 32]), ..knock() };
    assert_eq!(refused(&knock(), TLS_EXPORTER).error, crate::wamp::ErrorUri::AUTHENTICATION_DENIED);
    assert_eq!(refused(&bound, "tls-unique").error, crate::wamp::ErrorUri::AUTHENTICATION_DENIED);
    for (channel, right) in [([0xa5; 32], true), ([0xa6; 32], false)] {
        let asked = bound.challenge("wamp-scram", Some("ann"), &wish(TLS_EXPORTER));
        let (proof, said, _) = answer(&asked, "ann", "pencil", Some(&channel));
        assert_eq!(decided(asked.verify(&proof, &said)).is_ok(), right);
    }
    let asked = bound.challenge("wamp-scram", Some("ann"), &wish(TLS_EXPORTER));
    let (proof, said, _) = answer(&asked, "ann", "pencil", None);
    assert!(decided(asked.verify(&proof, &said)).is_err());
}

/// A1, R103.
#[test]
fn an_unknown_name_is_challenged_like_some_user_and_checked_at_once_too() {
    let extra = |authid: &str| challenge("wamp-scram", authid).extra();
    let known = [extra("ann"), extra("a=b,c")];
    for name in (0..32).map(|number| format!("nobody{number}")) {
        let told = extra(&name);
        assert_eq!(told, extra(&name));
        let like = known.iter().find(|known| entry(known, "kdf") == entry(&told, "kdf")).unwrap();
        for (key, value) in like {
            let (other, same) = (entry(&told, key), matches!(&**key, "nonce" | "kdf" | "iterations" | "memory"));
            assert_eq!(other == value, same, "{key}");
        }
        let (salt, like) = (entry(&told, "salt").as_text().unwrap(), entry(like, "salt").as_text().unwrap());
        assert_eq!(STANDARD.decode(salt).unwrap().len(), STANDARD.decode(like).unwrap().len());
    }
    let asked = challenge("wamp-scram", "nobody");
    let (proof, said, _) = answer(&asked, "nobody", "pencil", None);
    assert!(matches!(asked.verify(&proof, &said), Verdict::Now(Err(denied)) if denied == Denied::wrong()));
}

#[test]
fn a_record_reads_back_and_what_is_none_is_refused_without_a_quote() {
    let kdfs = [Kdf::Pbkdf2 { iterations: 4096 }, CHEAP];
    for (flavour, kdf) in [(Flavour::Wamp, kdfs[0]), (Flavour::Wamp, kdfs[1]), (Flavour::Autobahn, kdfs[1])] {
        let text = Record::derive(flavour, &secret("pencil"), kdf, &[1; 16]).unwrap().to_text();
        let read = Record::parse(text.expose()).unwrap();
        assert_eq!((read.to_text().expose(), read.kdf(), read.flavour()), (text.expose(), kdf, flavour));
        assert!(format!("{read:?}").ends_with("***"));
    }
    let good = Record::derive(Flavour::Wamp, &secret("pencil"), kdfs[0], &[1; 16]).unwrap().to_text();
    let good = good.expose();
    for (text, error) in [
        (String::new(), RecordError::Form),
        (format!("{good}$"), RecordError::Form),
        (good.replace("wamp-scram", "SCRAM-SHA-256"), RecordError::Method),
        (good.replace("wamp-scram", "scram"), RecordError::Kdf),
        (good.replace("pbkdf2", "argon2id13"), RecordError::Parameters),
        (good.replace("i=4096", "i=4095"), RecordError::Parameters),
        (good.replace("i=4096", "i=99999999"), RecordError::Parameters),
        (good.replace("i=4096", "i=+4096"), RecordError::Parameters),
        (good.replace("i=4096", "i=4096,m=8"), RecordError::Parameters),
        (good.replace("AQEBAQEBAQEBAQEBAQEBAQ==", "AQE="), RecordError::Salt),
        (good.replace("AQEBAQEBAQEBAQEBAQEBAQ==", "*"), RecordError::Salt),
        (good.rsplit_once('$').map(|(rest, _)| format!("{rest}$AAAA")).unwrap(), RecordError::Keys),
    ] {
        assert_eq!(Record::parse(&text).unwrap_err(), error, "{text}");
    }
    assert!(Record::derive(Flavour::Autobahn, &secret("x"), kdfs[0], &[1; 16]).is_err());
    assert!(Record::derive(Flavour::Wamp, &secret("x"), kdfs[0], &[1; 7]).is_err());
}
