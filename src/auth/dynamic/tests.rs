//! What is asked, and what answers come to, by the rules of section 6.1 of the page on Crossbar and A5 of the limits.

#![expect(clippy::wildcard_enum_match_arm, reason = "what is not expected is shown")]

use super::*;
use crate::auth::tests::Knock;
use crate::auth::{RouterKey, TicketUser, Users, Verdict};
use crate::wamp::payload::Values;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ed25519_dalek::{Signer, SigningKey};

const SECRET: &str = "a-very-secret-secret";
const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw==";

pub(super) fn entry(name: &str, methods: &[Method]) -> Arc<DynamicSettings> {
    Arc::new(DynamicSettings {
        name: name.to_owned(),
        methods: methods.to_vec(),
        asked: Asked::Procedure { uri: Uri::from(format!("com.{name}")), realm: None },
        timeout: Duration::from_secs(3),
        forward_headers: vec!["cookie".to_owned()],
        cache: None,
        shapes: Arc::default(),
    })
}

const METHODS: &[Method] = &[Method::Ticket, Method::WampCra, Method::WampScram, Method::Scram, Method::Cryptosign];

/// A realm whose only own user is joe, with a ticket.
pub(super) fn realm() -> Knock {
    let joe =
        TicketUser { ticket: super::super::Ticket::Plain(Secret::new("s3cret".to_owned())), role: "user".to_owned() };
    let ticket: Users<TicketUser> = [("joe".to_owned(), joe)].into_iter().collect();
    let dynamic = vec![entry("main", METHODS)];
    Knock::at(AuthSettings { ticket: Some(ticket), dynamic, ..AuthSettings::default() })
}

fn authextra() -> Vec<(&'static str, Value)> {
    let pubkey = RouterKey::new(&[4; 32]).public().to_string();
    vec![("nonce", NONCE.into()), ("pubkey", pubkey.into()), ("more", 7_u64.into())]
}

/// What is asked about a name that no table has.
pub(super) fn asked(knock: &Knock, method: &str, authid: Option<&str>) -> Box<Inquiry> {
    match knock.hello(&[method], authid, &authextra()) {
        Ok(Opening::Ask(inquiry)) => inquiry,
        Ok(Opening::Challenge(challenge)) => match challenge.verify("the-ticket", &[]) {
            Verdict::Ask(inquiry) => inquiry,
            other => panic!("not asked: {other:?}"),
        },
        other => panic!("not asked: {other:?}"),
    }
}

pub(super) fn judge(knock: &Knock, inquiry: Box<Inquiry>, outcome: Outcome) -> Judged {
    let bench = Bench {
        settings: &knock.settings,
        node_secret: &NodeSecret::new([9; 32]),
        has_role: &|role| ["user", "admin"].contains(&role),
    };
    inquiry.judge(outcome, bench)
}

pub(super) fn result(value: Value) -> Outcome {
    Outcome::Result(Box::new(Values { args: vec![value], kwargs: Dict::new() }))
}

pub(super) fn dict(entries: &[(&str, Value)]) -> Value {
    Value::Dict(entries.iter().map(|(key, value)| ((*key).to_owned(), value.clone())).collect())
}

fn admitted(judged: Judged) -> Admission {
    match judged {
        Judged { judgement: Judgement::Decided(Ok(admission)), fault: None, .. } => admission,
        other => panic!("not admitted: {other:?}"),
    }
}

fn challenge(judged: Judged) -> Challenge {
    match judged {
        Judged { judgement: Judgement::Challenge(challenge), fault: None, .. } => challenge,
        other => panic!("not challenged: {other:?}"),
    }
}

/// The error that the client hears, and what the operator is told.
pub(super) fn refused(judged: Judged) -> (ErrorUri, Option<String>) {
    match judged.judgement {
        Judgement::Decided(Err(denied)) => (denied.error, judged.fault.map(|fault| fault.to_string())),
        other => panic!("not refused: {other:?}"),
    }
}

/// Of a challenge of WAMP-CRA.
fn signature(challenge: &Challenge, key: &str) -> String {
    let text = challenge.extra()[0].1.as_text().unwrap().to_owned();
    STANDARD.encode(super::super::kdf::hmac(key.as_bytes(), &[text.as_bytes()]))
}

/// Crossbar's call signature.
#[test]
fn the_arguments_are_realm_authid_and_details_and_the_ticket_only_for_a_ticket() {
    let knock = realm();
    for (method, ticket) in
        [("ticket", Some("the-ticket")), ("wampcra", None), ("wamp-scram", None), ("scram", None), ("cryptosign", None)]
    {
        let inquiry = asked(&knock, method, Some("ann"));
        let Some(Asked::Procedure { uri, realm: None }) = inquiry.asked() else { panic!("{inquiry:?}") };
        assert_eq!((inquiry.name(), &**uri), ("main", "com.main"));
        let args = inquiry.args(vec![("type".to_owned(), "websocket".into())], &[]);
        let [Value::Text(realm), Value::Text(authid), details] = &args[..] else { panic!("{args:?}") };
        assert_eq!((&**realm, &**authid), ("realm1", "ann"));
        assert_eq!(details.get("session"), Some(&Value::Unsigned(77)), "that of WELCOME");
        assert_eq!(details.get("authmethod").and_then(Value::as_text), Some(method));
        assert_eq!(details.get("authextra").and_then(|extra| extra.get("more")), Some(&Value::Unsigned(7)));
        assert_eq!(details.get("ticket").and_then(Value::as_text), ticket);
        let transport = details.get("transport").unwrap();
        assert_eq!(transport.get("type").and_then(Value::as_text), Some("websocket"));
        assert_eq!(transport.get("http_headers_received"), Some(&Value::Dict(Dict::new())));
        assert_eq!((transport.get("cbtid"), transport.get("client_cert")), (Some(&Value::Null), Some(&Value::Null)));
    }
    let nameless = asked(&knock, "cryptosign", None);
    assert_eq!(nameless.args(Dict::new(), &[])[1], Value::Null, "the key says who it is");
}

#[test]
fn headers_with_credentials_are_handed_on_by_name_only_and_repeated_ones_as_one() {
    let inquiry = asked(&realm(), "wampcra", Some("ann"));
    let headers = [("cookie", "a=1"), ("authorization", "Basic x"), ("x-one", "1"), ("x-one", "2")];
    let headers: Vec<(String, String)> = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).into();
    let args = inquiry.args(Dict::new(), &headers);
    let received = args[2].get("transport").and_then(|transport| transport.get("http_headers_received")).unwrap();
    assert_eq!(*received, dict(&[("cookie", "a=1".into()), ("x-one", "1, 2".into())]));
}

/// Section 6.5 of the configuration; R100.
#[test]
fn only_names_that_no_table_has_are_asked_about_in_the_order_of_the_clients_methods() {
    let mut knock = realm();
    let challenge = knock.challenge("ticket", Some("joe"), &[]);
    assert!(matches!(challenge.verify("s3cret", &[]), Verdict::Now(Ok(_))), "nobody is asked about joe");
    assert!(knock.hello(&["wampcra"], Some("joe"), &[]).is_err(), "nor by another method");

    knock.settings.anonymous =
        Some(super::super::AnonymousSettings { role: "user".to_owned(), listeners: Vec::new(), http: false });
    for (methods, expected) in [
        (&["anonymous", "wampcra"][..], "welcome"),
        (&["wampcra", "anonymous"], "wampcra"),
        (&["tls", "unknown", "cryptosign", "wampcra"], "cryptosign"),
        (&["ticket", "wampcra"], "ticket"),
    ] {
        let got = match knock.hello(methods, Some("ann"), &authextra()) {
            Ok(Opening::Welcome(_)) => "welcome".to_owned(),
            Ok(Opening::Ask(inquiry)) => inquiry.method.name().to_owned(),
            Ok(Opening::Challenge(challenge)) => challenge.method().name().to_owned(),
            Err(denied) => format!("{denied:?}"),
        };
        assert_eq!(got, expected, "{methods:?}");
    }
    // What HELLO lacks makes a method impossible, and what is malformed is told before anybody is asked.
    assert!(matches!(knock.hello(&["wampcra", "anonymous"], None, &[]), Ok(Opening::Welcome(_))));
    assert!(knock.hello(&["scram"], Some("ann"), &[("nonce", "?".into())]).is_err());
    assert!(knock.hello(&["cryptosign"], Some("ann"), &[("pubkey", "?".into())]).is_err());
}

#[test]
fn a_ticket_is_judged_by_whoever_is_asked() {
    let knock = realm();
    let ask = || asked(&knock, "ticket", Some("ann"));
    let by_role = admitted(judge(&knock, ask(), result("user".into())));
    assert_eq!((&*by_role.identity.authid, &*by_role.identity.authrole), ("ann", "user"));
    assert_eq!((&*by_role.identity.authmethod, &*by_role.identity.authprovider), ("ticket", "dynamic"));
    let whole = dict(&[
        ("role", "admin".into()),
        ("realm", "realm1".into()),
        ("authid", "ann.smith".into()),
        ("extra", dict(&[("team", 3_u64.into())])),
        ("something", Value::List(Vec::new())),
    ]);
    let by_dict = admitted(judge(&knock, ask(), result(whole)));
    assert_eq!((&*by_dict.identity.authid, &*by_dict.identity.authrole), ("ann.smith", "admin"));
    assert_eq!(by_dict.authextra, [("team".to_owned(), Value::Unsigned(3))]);
    let nulls =
        dict(&[("role", "user".into()), ("realm", Value::Null), ("authid", Value::Null), ("extra", Value::Null)]);
    assert_eq!(&*admitted(judge(&knock, ask(), result(nulls))).identity.authid, "ann", "null is as absent");
}

#[test]
fn a_secret_that_is_told_is_what_signs_and_a_salt_goes_to_the_client() {
    let knock = realm();
    let plain = dict(&[("role", "user".into()), ("secret", SECRET.into())]);
    let salted = dict(&[
        ("role", "user".into()),
        ("secret", SECRET.into()),
        ("salt", "salt123".into()),
        ("iterations", 100_u64.into()),
        ("keylen", Value::Float(16.0)),
        ("authid", "ID09125".into()),
        ("extra", dict(&[("a", true.into())])),
    ]);
    for (answer, authid, extra) in [(plain, "ann", 1), (salted, "ID09125", 4)] {
        let told = challenge(judge(&knock, asked(&knock, "wampcra", Some("ann")), result(answer.clone())));
        assert_eq!(told.extra().len(), extra);
        if extra == 4 {
            let expected = [Value::from("salt123"), 100_u64.into(), 16_u64.into()];
            assert_eq!(told.extra()[1..].iter().map(|(_, value)| value.clone()).collect::<Vec<_>>(), expected);
        }
        let right = signature(&told, SECRET);
        let Verdict::Now(Ok(admission)) = told.verify(&right, &[]) else { panic!("{answer:?}") };
        assert_eq!((&*admission.identity.authid, &*admission.identity.authprovider), (authid, "dynamic"));
        let told = challenge(judge(&knock, asked(&knock, "wampcra", Some("ann")), result(answer)));
        let wrong = signature(&told, "another");
        assert!(matches!(told.verify(&wrong, &[]), Verdict::Now(Err(denied)) if denied == Denied::wrong()));
    }
}

#[test]
fn a_key_that_is_told_lets_its_owner_in_and_nobody_else() {
    let knock = realm();
    let key = SigningKey::from_bytes(&[4; 32]);
    let answer = |key: &SigningKey| {
        let pubkey = extra::to_hex(key.verifying_key().as_bytes());
        result(dict(&[("role", "user".into()), ("pubkey", pubkey.into()), ("authid", "dev1".into())]))
    };
    for (told, right) in [(answer(&key), true), (answer(&SigningKey::from_bytes(&[5; 32])), false)] {
        for authid in [Some("ann"), None] {
            let challenge = challenge(judge(&knock, asked(&knock, "cryptosign", authid), told.clone()));
            let message: [u8; 32] = extra::hex(challenge.extra()[0].1.as_text().unwrap()).unwrap();
            let signed = [&key.sign(&message).to_bytes()[..], &message].concat();
            let verdict = challenge.verify(&extra::to_hex(&signed), &[]);
            match verdict {
                Verdict::Now(Ok(admission)) if right => assert_eq!(&*admission.identity.authid, "dev1"),
                Verdict::Now(Err(denied)) if !right => assert_eq!(denied, Denied::wrong()),
                other => panic!("{other:?}"),
            }
        }
    }
    let nobody =
        result(dict(&[("role", "user".into()), ("pubkey", extra::to_hex(key.verifying_key().as_bytes()).into())]));
    let (error, fault) = refused(judge(&knock, asked(&knock, "cryptosign", None), nobody));
    assert_eq!((error, fault.is_some()), (ErrorUri::AUTHENTICATION_FAILED, true), "nobody says who that is");
}

fn record(kdf: &str) -> Vec<(&'static str, Value)> {
    vec![
        ("role", "user".into()),
        ("kdf", kdf.into()),
        // What the tools of Autobahn|Python write, too.
        ("iterations", 4096_u64.into()),
        ("memory", 512_u64.into()),
        ("salt", "000102030405060708090a0b0c0d0e0f".into()),
        ("stored-key", "11".repeat(32).into()),
        ("server-key", "22".repeat(32).into()),
    ]
}

#[test]
fn a_record_of_a_password_is_taken_as_crossbar_writes_it() {
    let knock = realm();
    for (method, kdf) in [("scram", "argon2id-13"), ("wamp-scram", "argon2id13"), ("wamp-scram", "pbkdf2")] {
        let mut answer = record(kdf);
        let told = challenge(judge(&knock, asked(&knock, method, Some("ann")), result(dict(&answer))));
        assert_eq!(told.method().name(), method);
        let extra = Value::Dict(told.extra());
        assert_eq!(extra.get("salt").and_then(Value::as_text), Some("AAECAwQFBgcICQoLDA0ODw=="));
        assert_eq!(extra.get("kdf").and_then(Value::as_text), Some(kdf));
        assert_eq!(extra.get("memory"), Some(&if kdf == "pbkdf2" { Value::Null } else { 512_u64.into() }));
        (answer[5].0, answer[6].0) = ("stored_key", "server_key");
        challenge(judge(&knock, asked(&knock, method, Some("ann")), result(dict(&answer))));
    }
}

/// A5: each way to be of no use is refused, told to the operator in words, and lets nobody in.
#[test]
fn nonsense_is_refused_and_the_operator_told_what_was_expected_and_what_came() {
    let knock = realm();
    let values = [
        Value::Null,
        true.into(),
        1_u64.into(),
        Value::Negative(-1),
        Value::Float(0.5),
        Value::Bytes(vec![1]),
        Value::List(vec!["user".into()]),
    ];
    for method in ["ticket", "wampcra", "wamp-scram", "scram", "cryptosign"] {
        let ask = || asked(&knock, method, Some("ann"));
        let failed = |outcome: Outcome| {
            let (error, fault) = refused(judge(&knock, ask(), outcome.clone()));
            assert_eq!(error, ErrorUri::AUTHENTICATION_FAILED, "{method}: {outcome:?}");
            let fault = fault.unwrap_or_else(|| panic!("{method}: nobody is told of {outcome:?}"));
            assert!(fault.starts_with("expected ") && fault.contains(", got "), "{fault}");
            assert!(!fault.contains(SECRET), "{fault}");
        };
        values.iter().for_each(|value| failed(result(value.clone())));
        if method != "ticket" {
            failed(result("user".into()));
        }
        failed(Outcome::Result(Box::default()));
        failed(Outcome::Result(Box::new(Values { args: vec!["user".into(); 2], kwargs: Dict::new() })));
        failed(Outcome::Result(Box::new(Values { args: vec![], kwargs: vec![("role".to_owned(), "user".into())] })));
        for (key, good) in [("role", "user"), ("realm", "realm1"), ("authid", "ann"), ("secret", SECRET), ("salt", "s")]
        {
            let of_this_method = key != "secret" && key != "salt" || method == "wampcra";
            for value in values.iter().filter(|value| **value != Value::Null && of_this_method) {
                let mut all = vec![("role", "user".into()), ("secret", SECRET.into()), (key, Value::from(good))];
                all.retain(|(name, _)| *name != key);
                all.push((key, value.clone()));
                failed(result(dict(&all)));
            }
        }
        failed(result(dict(&[("role", "user".into()), ("realm", "realm2".into())])));
        failed(result(dict(&[("role", "user".into()), ("authid", "".into())])));
        failed(result(dict(&[("role", "user".into()), ("authid", "x".repeat(1025).into())])));
        failed(result(dict(&[("role", "user".into()), ("extra", SECRET.into())])));
        failed(Outcome::Late);
        failed(Outcome::TooLarge(70_000));
        failed(Outcome::Away("nobody"));
        failed(Outcome::Status(500));
        for error in
            ["wamp.error.no_such_procedure", "wamp.error.runtime_error", "wamp.error.canceled", "wharf.error.busy"]
        {
            failed(Outcome::Error(Uri::from(error)));
        }
    }
}

#[test]
fn what_is_told_of_a_secret_has_the_right_form_or_is_nonsense() {
    let knock = realm();
    let failed = |method: &str, entries: &[(&str, Value)]| {
        let (error, fault) = refused(judge(&knock, asked(&knock, method, Some("ann")), result(dict(entries))));
        assert_eq!((error, fault.is_some()), (ErrorUri::AUTHENTICATION_FAILED, true), "{method}: {entries:?}");
    };
    let role = || ("role", Value::from("user"));
    for method in ["wampcra", "wamp-scram", "scram", "cryptosign"] {
        failed(method, &[role()]);
    }
    failed("wampcra", &[role(), ("secret", "".into())]);
    for (key, value) in [("iterations", 0_u64), ("iterations", 1 << 40), ("keylen", 0), ("keylen", 65)] {
        failed("wampcra", &[role(), ("secret", SECRET.into()), ("salt", "s".into()), (key, value.into())]);
    }
    for pubkey in ["", "00", &"zz".repeat(32), &"00".repeat(32)] {
        failed("cryptosign", &[role(), ("pubkey", pubkey.into())]);
    }
    for (key, value) in [
        ("kdf", Value::from("md5")),
        ("kdf", "pbkdf2".into()),
        ("iterations", 1_000_000_u64.into()),
        ("memory", Value::Null),
        ("memory", (1_u64 << 40).into()),
        ("salt", "0".into()),
        ("salt", "00".into()),
        ("salt", "xx".repeat(16).into()),
        ("stored-key", "11".into()),
        ("server-key", 1_u64.into()),
    ] {
        let mut entries = record("argon2id-13");
        entries.retain(|(name, _)| *name != key);
        entries.push((key, value));
        failed("scram", &entries);
    }
}

/// Section 6.1 of the page on Crossbar.
#[test]
fn an_answer_without_a_role_or_with_one_that_the_realm_lacks_is_no_such_role() {
    let knock = realm();
    for answer in
        [dict(&[]), dict(&[("role", Value::Null)]), dict(&[("role", "root\n".into()), ("secret", "x".into())])]
    {
        for method in ["ticket", "wampcra"] {
            let (error, fault) = refused(judge(&knock, asked(&knock, method, Some("ann")), result(answer.clone())));
            assert_eq!(error, ErrorUri::NO_SUCH_ROLE);
            assert!(!fault.unwrap().contains('\n'), "what an authenticator writes is escaped");
        }
    }
}

/// A1: a refusal is not told before the proof, and looks like the first user that the authenticator knew.
#[test]
fn whom_nobody_knows_is_challenged_like_the_first_that_was_known_and_denied_after_the_proof() {
    let knock = realm();
    let salted = dict(&[("role", "admin".into()), ("secret", SECRET.into()), ("salt", "8c7fa1".into())]);
    let answers =
        [("wampcra", salted), ("scram", dict(&record("argon2id-13"))), ("wamp-scram", dict(&record("pbkdf2")))];
    for (method, answer) in answers {
        let known = challenge(judge(&knock, asked(&knock, method, Some("ann")), result(answer)));
        let stranger = || {
            let outcome = Outcome::Error(Uri::from("com.app.no_such_user"));
            challenge(judge(&knock, asked(&knock, method, Some("eve")), outcome))
        };
        let shape = |challenge: &Challenge| -> Vec<(String, String)> {
            let shape = |value: &Value| match value {
                Value::Text(text) => format!("{} letters", text.len()),
                other => format!("{other:?}"),
            };
            challenge.extra().iter().map(|(key, value)| (key.clone(), shape(value))).collect()
        };
        assert_eq!(shape(&stranger()), shape(&known), "{method}");
        assert_eq!(stranger().extra(), stranger().extra(), "{method}: the same each time");
        assert!(matches!(stranger().verify("AAAA", &[]), Verdict::Now(Err(denied)) if denied == Denied::wrong()));
    }
    for refusal in ["com.app.no", "wamp.error.not_authorized", "wamp.error.no_such_principal"] {
        let outcome = || Outcome::Error(Uri::from(refusal));
        challenge(judge(&knock, asked(&knock, "cryptosign", Some("eve")), outcome()));
        let (error, fault) = refused(judge(&knock, asked(&knock, "ticket", Some("eve")), outcome()));
        assert_eq!((error, fault), (ErrorUri::AUTHENTICATION_DENIED, None), "{refusal}");
    }
}

/// Section 6.5 of the configuration: in the order of their names; only who does not know the name is passed over.
#[test]
fn the_next_is_asked_only_where_one_does_not_know_the_name() {
    let mut knock = realm();
    knock.settings.dynamic =
        vec![entry("one", &[Method::Ticket]), entry("other", &[Method::WampCra]), entry("two", &[Method::Ticket])];
    let unknown = || Outcome::Error(Uri::from("wamp.error.no_such_principal"));
    let first = asked(&knock, "ticket", Some("ann"));
    assert_eq!(first.name(), "one");
    let Judgement::Ask(second) = judge(&knock, first, unknown()).judgement else { panic!("nobody else is asked") };
    assert_eq!((second.name(), second.args(Dict::new(), &[])[2].get("ticket").is_some()), ("two", true));
    assert_eq!(refused(judge(&knock, second.clone(), unknown())).0, ErrorUri::AUTHENTICATION_DENIED);
    assert_eq!(&*admitted(judge(&knock, second, result("user".into()))).identity.authrole, "user");
    for (outcome, error) in [
        (Outcome::Late, ErrorUri::AUTHENTICATION_FAILED),
        (Outcome::Error(Uri::from("com.app.no")), ErrorUri::AUTHENTICATION_DENIED),
    ] {
        assert_eq!(refused(judge(&knock, asked(&knock, "ticket", Some("ann")), outcome)).0, error);
    }
}

/// What the router proves is its own to say.
#[test]
fn an_authenticators_extra_never_stands_in_for_the_routers_proof() {
    let given = Given {
        provider: PROVIDER,
        extra: vec![("verifier".to_owned(), "forged".into()), ("a".to_owned(), true.into())],
    };
    let decide = Decide { method: Method::WampScram, authid: "ann".to_owned(), role: Some("user".to_owned()), given };
    let admission = decide.with(Some(vec![("verifier".to_owned(), "right".into())])).unwrap();
    assert_eq!(Value::Dict(admission.authextra), dict(&[("verifier", "right".into()), ("a", true.into())]));
}

/// Who is switched off stands in no table, and yet nobody is asked about him: neither by name nor by key.
#[test]
fn nobody_is_asked_about_a_user_who_is_disabled() {
    let mut knock = realm();
    knock.settings.disabled.add("ann", &[RouterKey::new(&[4; 32]).public()]);
    for (method, authid) in [("ticket", Some("ann")), ("wampcra", Some("ann")), ("cryptosign", None)] {
        match knock.hello(&[method], authid, &authextra()) {
            Ok(Opening::Challenge(challenge)) => {
                let verdict = challenge.verify("s3cret", &[]);
                assert!(matches!(&verdict, Verdict::Now(Err(denied)) if *denied == Denied::wrong()), "{verdict:?}");
            }
            // The realm has no table of this method.
            Err(denied) => assert_eq!(denied.error, ErrorUri::NO_MATCHING_AUTH_METHOD, "{method}"),
            other => panic!("{method}: {other:?}"),
        }
    }
    asked(&knock, "ticket", Some("bob"));
}
