//! Tokens: made by another library (the vectors), and made here with a secret, right and wrong in every way.

use super::super::tests::{decided, Knock};
use super::super::{Admission, Denied, Ticket, TicketUser, Verdict};
use super::*;
use crate::auth::AuthSettings;
use ring::hmac;
use serde_json::{json, Value};

const SECRET: &str = "a secret of more than 32 octets, known to both";

fn vectors() -> Value {
    serde_json::from_str(include_str!("../../../tests/vectors/data/jwt_vectors.json")).unwrap()
}

fn settings(keys: JwtKeys, algorithms: &[JwtAlgorithm]) -> AuthSettings {
    let jwt = JwtSettings {
        issuer: "https://id.example".to_owned(),
        audience: "shop".to_owned(),
        algorithms: algorithms.to_vec(),
        authid: "sub".to_owned(),
        role: JwtRole::Claim { name: "wamp_role".to_owned(), allowed: vec!["frontend".to_owned(), "guest".to_owned()] },
        leeway: Duration::from_secs(30),
        keys: JwtKeyring::new(keys),
        source: JwtKeySource::Given,
    };
    AuthSettings { jwt: Some(Arc::new(jwt)), ..AuthSettings::default() }
}

fn with_secret() -> AuthSettings {
    settings(JwtKeys::of_secret(Secret::new(SECRET.to_owned())).unwrap(), &[JwtAlgorithm::Hs256])
}

fn of_set() -> AuthSettings {
    let set = vectors()["jwks"].to_string();
    settings(JwtKeys::of_jwks(set.as_bytes()).unwrap(), JwtAlgorithm::ALL)
}

fn login(settings: AuthSettings, method: &str, authid: Option<&str>, token: &str) -> Result<Admission, Denied> {
    decided(Knock::at(settings).challenge(method, authid, &[]).verify(token, &[]))
}

fn encoded(value: &Value) -> String {
    URL_SAFE_NO_PAD.encode(value.to_string())
}

/// A token that is signed with these octets, whatever its header says.
fn signed(header: &Value, claims: &Value, key: &[u8]) -> String {
    let text = format!("{}.{}", encoded(header), encoded(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Claims that are right, with these changes; null takes one away.
fn claims(changes: &Value) -> Value {
    let mut claims = vectors()["claims"].clone();
    for (name, value) in changes.as_object().unwrap() {
        claims[name] = value.clone();
        if value.is_null() {
            claims.as_object_mut().unwrap().remove(name);
        }
    }
    claims
}

fn made(changes: &Value) -> String {
    signed(&json!({ "alg": "HS256", "typ": "JWT" }), &claims(changes), SECRET.as_bytes())
}

/// Why a token was refused; towards the peer all is the same.
fn refused(settings: AuthSettings, token: &str) -> &'static str {
    let denied = login(settings, "jwt", None, token).unwrap_err();
    assert_eq!((denied.error, &*denied.text), (Denied::wrong().error, &*Denied::wrong().text));
    denied.reason.unwrap()
}

fn fault(token: &str) -> &'static str {
    refused(with_secret(), token)
}

/// RFC 7518, RFC 8037: tokens of another library, each with its key alone and among all.
#[test]
fn a_token_of_every_algorithm_is_let_in_by_its_key() {
    let vectors = vectors();
    let secret = Secret::new(vectors["secret"].as_str().unwrap().to_owned());
    for vector in vectors["tokens"].as_array().unwrap() {
        let text = |name: &str| vector[name].as_str().unwrap();
        let algorithm = JwtAlgorithm::from_name(text("alg")).unwrap();
        let keys = match text("key") {
            "secret" => JwtKeys::of_secret(secret.clone()),
            key => JwtKeys::of_pem(vectors["pem"][key].as_str().unwrap().as_bytes()),
        };
        let Identity { authid, authrole, authmethod, authprovider } =
            login(settings(keys.unwrap(), &[algorithm]), "jwt", None, text("token")).unwrap().identity;
        assert_eq!(
            (&*authid, &*authrole, &*authmethod, &*authprovider),
            ("joe", "frontend", "jwt", "jwt"),
            "{algorithm:?}"
        );
        assert_eq!(login(of_set(), "jwt", None, text("token")).is_ok(), text("key") != "secret", "{algorithm:?}");
    }
}

/// The signature counts, to the last bit, and for all that is signed.
#[test]
fn a_token_that_was_changed_anywhere_is_refused() {
    for vector in vectors()["tokens"].as_array().unwrap().iter().filter(|vector| vector["key"] != "secret") {
        let token = vector["token"].as_str().unwrap();
        let parts: Vec<&str> = token.split('.').collect();
        let mut signature = URL_SAFE_NO_PAD.decode(parts[2]).unwrap();
        signature[7] ^= 1;
        let changed = format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(&signature));
        assert_eq!(refused(of_set(), &changed), TokenFault::Signature.text(), "{token}");
        let other = format!("{}.{}.{}", parts[0], encoded(&claims(&json!({ "sub": "admin" }))), parts[2]);
        assert_eq!(refused(of_set(), &other), TokenFault::Signature.text(), "{token}");
        signature.pop();
        let short = format!("{}.{}.{}", parts[0], parts[1], URL_SAFE_NO_PAD.encode(&signature));
        assert_eq!(refused(of_set(), &short), TokenFault::Signature.text(), "{token}");
        assert_eq!(refused(of_set(), &format!("{}.{}.", parts[0], parts[1])), TokenFault::Signature.text(), "{token}");
    }
    assert_eq!(
        fault(&signed(&json!({ "alg": "HS256" }), &claims(&json!({})), b"another secret")),
        TokenFault::Signature.text()
    );
}

/// RFC 8725, section 3.1: the token does not choose.
#[test]
fn an_algorithm_that_is_not_pinned_is_refused_and_none_always() {
    for name in ["none", "None", "NONE", "", "HS512", "hs256", "RS256", "ES512", "EdDSA"] {
        let header = json!({ "alg": name, "typ": "JWT" });
        let token = signed(&header, &claims(&json!({})), SECRET.as_bytes());
        assert_eq!(fault(&token), TokenFault::Algorithm.text(), "{name}");
        let (bare, _) = token.rsplit_once('.').unwrap();
        assert_eq!(fault(&format!("{bare}.")), TokenFault::Algorithm.text(), "{name}");
    }
}

/// RFC 8725, section 2.1: a public key is no secret, whatever the token says, even where both algorithms are taken.
#[test]
fn a_public_key_is_never_used_as_a_secret() {
    let vectors = vectors();
    let pem = vectors["pem"]["rsa"].as_str().unwrap();
    let keys = || JwtKeys::of_pem(pem.as_bytes()).unwrap();
    for header in [json!({ "alg": "HS256" }), json!({ "alg": "HS256", "kid": "rsa" })] {
        let token = signed(&header, &claims(&json!({})), pem.as_bytes());
        assert_eq!(refused(settings(keys(), &[JwtAlgorithm::Rs256]), &token), TokenFault::Algorithm.text());
        assert_eq!(refused(settings(keys(), JwtAlgorithm::ALL), &token), TokenFault::Key.text());
        assert_eq!(refused(of_set(), &token), TokenFault::Key.text());
    }
}

/// The algorithm that the set gives a key, and its curve, are the only ones that it is used with.
#[test]
fn a_key_is_used_for_its_own_algorithm_only() {
    let vectors = vectors();
    let mut set = vectors["jwks"].clone();
    let token = |alg: &str| {
        let all = vectors["tokens"].as_array().unwrap();
        all.iter().find(|vector| vector["alg"] == alg).unwrap()["token"].as_str().unwrap().to_owned()
    };
    set["keys"][0]["alg"] = json!("PS256");
    let of_set = || settings(JwtKeys::of_jwks(set.to_string().as_bytes()).unwrap(), JwtAlgorithm::ALL);
    assert!(login(of_set(), "jwt", None, &token("PS256")).is_ok());
    assert_eq!(refused(of_set(), &token("RS256")), TokenFault::Key.text());
    let p384 = JwtKeys::of_pem(vectors["pem"]["p384"].as_str().unwrap().as_bytes()).unwrap();
    assert_eq!(refused(settings(p384, JwtAlgorithm::ALL), &token("ES256")), TokenFault::Key.text());
}

/// RFC 7515, section 4.1.4.
#[test]
fn the_kid_selects_the_key_and_an_unknown_or_ambiguous_one_is_refused() {
    let vectors = vectors();
    let all = vectors["tokens"].as_array().unwrap();
    let of_other = all.iter().find(|vector| vector["key"] == "rsa-other").unwrap()["token"].as_str().unwrap();
    assert!(login(of_set(), "jwt", None, of_other).is_ok());
    let rest = of_other.split_once('.').unwrap().1;
    let with = |header: Value| format!("{}.{rest}", encoded(&header));
    // The key of another kid is not tried.
    assert_eq!(refused(of_set(), &with(json!({ "alg": "RS256", "kid": "rsa" }))), TokenFault::Signature.text());
    assert_eq!(refused(of_set(), &with(json!({ "alg": "RS256", "kid": "gone" }))), TokenFault::Key.text());
    assert_eq!(refused(of_set(), &with(json!({ "alg": "RS256" }))), TokenFault::Key.text(), "there are two");
    assert_eq!(refused(of_set(), &with(json!({ "alg": "RS256", "kid": "p256" }))), TokenFault::Key.text());
    // A key without a name is meant by any token that it fits.
    let pem = JwtKeys::of_pem(vectors["pem"]["rsa-other"].as_str().unwrap().as_bytes()).unwrap();
    assert!(login(settings(pem, JwtAlgorithm::ALL), "jwt", None, of_other).is_ok());
}

/// RFC 7519, section 4.1: in force at 1,795,416,033 with 30 seconds of leeway.
#[test]
fn a_token_counts_from_nbf_to_exp_for_its_audience_and_from_its_issuer() {
    use TokenFault::{Audience, Expired, Form, Issuer, NoEnd, NotYet};
    const NOW: u64 = 1_795_416_033;
    for good in [
        json!({}),
        json!({ "exp": NOW - 29 }),
        json!({ "exp": NOW as f64 + 0.5 }),
        json!({ "nbf": NOW + 30 }),
        json!({ "nbf": null, "iat": null }),
        json!({ "aud": ["other", "shop"] }),
        json!({ "extra": { "deep": [1, 2, 3] } }),
    ] {
        assert!(login(with_secret(), "jwt", None, &made(&good)).is_ok(), "{good}");
    }
    for (bad, expected) in [
        (json!({ "exp": NOW - 30 }), Expired),
        (json!({ "exp": 0 }), Expired),
        (json!({ "exp": -1 }), Expired),
        (json!({ "exp": null }), NoEnd),
        (json!({ "exp": "1795420000" }), Form),
        (json!({ "exp": true }), Form),
        (json!({ "nbf": NOW + 31 }), NotYet),
        (json!({ "nbf": 1e300 }), NotYet),
        (json!({ "nbf": "now" }), Form),
        (json!({ "iss": "https://id.example/" }), Issuer),
        (json!({ "iss": null }), Issuer),
        (json!({ "iss": ["https://id.example"] }), Issuer),
        (json!({ "aud": "shop2" }), Audience),
        (json!({ "aud": null }), Audience),
        (json!({ "aud": [] }), Audience),
        (json!({ "aud": [["shop"]] }), Audience),
        (json!({ "aud": { "shop": true } }), Audience),
    ] {
        assert_eq!(fault(&made(&bad)), expected.text(), "{bad}");
    }
}

/// A4: names and roles come from the token, roles only those allowed, and of several the first that is listed.
#[test]
fn the_authid_and_the_role_are_claims_and_only_roles_that_are_allowed_count() {
    for (changes, expected) in [
        (json!({ "wamp_role": "guest" }), Ok("guest")),
        (json!({ "wamp_role": ["guest", "admin", "frontend"] }), Ok("frontend")),
        (json!({ "wamp_role": "admin" }), Err(TokenFault::Role)),
        (json!({ "wamp_role": ["admin"] }), Err(TokenFault::Role)),
        (json!({ "wamp_role": null }), Err(TokenFault::Role)),
        (json!({ "wamp_role": "" }), Err(TokenFault::Role)),
        (json!({ "wamp_role": { "frontend": true } }), Err(TokenFault::Role)),
        (json!({ "sub": null }), Err(TokenFault::NoName)),
        (json!({ "sub": "" }), Err(TokenFault::NoName)),
        (json!({ "sub": 7 }), Err(TokenFault::NoName)),
        (json!({ "sub": "x".repeat(257) }), Err(TokenFault::NoName)),
    ] {
        let found = login(with_secret(), "jwt", None, &made(&changes));
        let found = found.map(|admission| admission.identity.authrole.to_string()).map_err(|denied| denied.reason);
        assert_eq!(found, expected.map(str::to_owned).map_err(|fault| Some(fault.text())), "{changes}");
    }
    let mut fixed = with_secret();
    let jwt =
        JwtSettings { role: JwtRole::Fixed("guest".to_owned()), ..JwtSettings::clone(fixed.jwt.as_ref().unwrap()) };
    fixed.jwt = Some(Arc::new(jwt));
    let found = login(fixed, "jwt", None, &made(&json!({ "wamp_role": "admin" }))).unwrap();
    assert_eq!(&*found.identity.authrole, "guest");
}

/// A client that says who it is is that one.
#[test]
fn a_token_of_somebody_else_is_refused() {
    assert!(login(with_secret(), "jwt", Some("joe"), &made(&json!({}))).is_ok());
    let denied = login(with_secret(), "jwt", Some("ann"), &made(&json!({}))).unwrap_err();
    assert_eq!(denied.reason, Some(TokenFault::OtherName.text()));
}

#[test]
fn what_is_no_token_is_refused() {
    let good = made(&json!({}));
    let parts: Vec<&str> = good.split('.').collect();
    let header = |value: Value| signed(&value, &claims(&json!({})), SECRET.as_bytes());
    for bad in [
        String::new(),
        ".".to_owned(),
        "..".to_owned(),
        "a.b.c".to_owned(),
        format!("{good}="),
        format!("{good}.x"),
        format!("{} .{}.{}", parts[0], parts[1], parts[2]),
        format!("{}.{}", parts[0], parts[1]),
        header(json!([])),
        header(json!({})),
        header(json!({ "alg": 1 })),
        header(json!({ "alg": "HS256", "kid": 1 })),
        header(json!({ "alg": "HS256", "crit": ["exp"], "exp": 1 })),
        header(json!({ "alg": "HS256", "crit": [] })),
        header(json!({ "alg": "HS256", "typ": "logout+jwt" })),
        signed(&json!({ "alg": "HS256" }), &json!(["joe"]), SECRET.as_bytes()),
        made(&json!({ "filler": "x".repeat(TOKEN_MAX) })),
    ] {
        assert_eq!(fault(&bad), TokenFault::Form.text(), "{bad:.80}");
    }
    for typ in ["JWT", "jwt", "at+jwt", "application/at+jwt"] {
        assert!(login(with_secret(), "jwt", None, &header(json!({ "alg": "HS256", "typ": typ }))).is_ok(), "{typ}");
    }
    let deep = format!("{}.{}", encoded(&json!({ "alg": "HS256" })), URL_SAFE_NO_PAD.encode("[".repeat(4000)));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes()), deep.as_bytes());
    assert_eq!(fault(&format!("{deep}.{}", URL_SAFE_NO_PAD.encode(signature))), TokenFault::Form.text());
}

/// Section 5 of the configuration: a token may be the ticket of a login; tickets go on beside it.
#[test]
fn a_token_may_be_the_ticket_and_tickets_count_beside_it() {
    let user = TicketUser { ticket: Ticket::Plain(Secret::new("s3cret".to_owned())), role: "backend".to_owned() };
    let both =
        || AuthSettings { ticket: Some([("ann".to_owned(), user.clone())].into_iter().collect()), ..with_secret() };
    let token = made(&json!({}));
    let identity = login(both(), "ticket", Some("joe"), &token).unwrap().identity;
    assert_eq!((&*identity.authid, &*identity.authmethod, &*identity.authprovider), ("joe", "ticket", "jwt"));
    let identity = login(both(), "ticket", Some("ann"), "s3cret").unwrap().identity;
    assert_eq!((&*identity.authid, &*identity.authrole, &*identity.authprovider), ("ann", "backend", "static"));
    let other = Some(TokenFault::OtherName.text());
    for (authid, given, reason) in
        [("ann", &*token, other), ("joe", "s3cret", None), ("ann", "guess", None), ("nobody", "s3cret", None)]
    {
        let denied = login(both(), "ticket", Some(authid), given).unwrap_err();
        assert_eq!(denied, Denied { reason, ..Denied::wrong() }, "{authid}");
    }
    assert!(login(with_secret(), "ticket", None, &token).is_ok(), "the token says who it is");
    let denied = Knock::at(AuthSettings::default()).hello(&["jwt"], Some("joe"), &[]).unwrap_err();
    assert_eq!(denied.error, crate::wamp::ErrorUri::NO_MATCHING_AUTH_METHOD);
}

/// Keys change while the router runs; what waits for a token looks at the newest.
/// Only a token whose key is not there waits for keys, and only where they come from an address; then it counts as ever.
#[test]
fn a_token_whose_key_is_not_known_waits_for_the_keys_of_an_address() {
    let address = Arc::new(WebAddress::parse("https://id.example/jwks").unwrap());
    let (mut settings, keys) = (of_set(), of_set().jwt.unwrap().keys.keys());
    let hashed = TicketUser { ticket: Ticket::Plain(Secret::new("t1cket".to_owned())), role: "guest".to_owned() };
    settings.ticket = Some([("joe".to_owned(), hashed)].into_iter().collect());
    let of_address = JwtSettings {
        source: JwtKeySource::Address(Arc::clone(&address)),
        keys: JwtKeyring::new(JwtKeys::none()),
        ..(*settings.jwt.take().unwrap()).clone()
    };
    let keyring = of_address.keys.clone();
    settings.jwt = Some(Arc::new(of_address));
    let vectors = vectors();
    let token = vectors["tokens"].as_array().unwrap().iter().find(|vector| vector["key"] == "rsa").unwrap();
    let token = token["token"].as_str().unwrap();
    let look =
        |method: &str, text: &str| Knock::at(settings.clone()).challenge(method, Some("joe"), &[]).verify(text, &[]);
    let work = |method: &str| match look(method, token) {
        Verdict::Later(work) => work,
        other @ (Verdict::Now(_) | Verdict::Ask(_)) => panic!("{method}: {other:?}"),
    };
    assert_eq!(work("jwt").awaits(), Some(&address));
    assert!(work("jwt").run().is_err(), "there are none still");
    let (alone, beside) = (work("jwt"), work("ticket"));
    for text in ["t1cket", "guess", "a.b.c"] {
        for method in ["jwt", "ticket"] {
            assert!(matches!(look(method, text), Verdict::Now(_)), "{method}: {text} does not wait");
        }
    }
    keyring.replace((*keys).clone());
    for work in [alone, beside] {
        let Verdict::Now(Ok(admission)) = work.go_on() else { panic!("the keys are there") };
        assert_eq!((&*admission.identity.authid, &*admission.identity.authrole), ("joe", "frontend"));
    }
    assert!(matches!(look("jwt", token), Verdict::Now(Ok(_))));
}

#[test]
fn replaced_keys_count_for_the_next_token_and_the_old_ones_no_more() {
    let here = with_secret();
    let challenge = Knock::at(here.clone()).challenge("jwt", None, &[]);
    let ring = here.jwt.as_ref().unwrap().keys.clone();
    ring.replace(JwtKeys::of_secret(Secret::new(SECRET.to_uppercase())).unwrap());
    assert!(decided(challenge.verify(&made(&json!({})), &[])).is_err());
    let new = signed(&json!({ "alg": "HS256" }), &claims(&json!({})), SECRET.to_uppercase().as_bytes());
    assert!(login(here, "jwt", None, &new).is_ok());
}

#[test]
fn what_is_no_key_or_too_weak_a_one_is_refused() {
    let vectors = vectors();
    let pem = |name: &str| vectors["pem"][name].as_str().unwrap().to_owned();
    let of_pem = |text: &str| JwtKeys::of_pem(text.as_bytes()).map(|_| ());
    assert_eq!(JwtKeys::of_secret(Secret::new("x".repeat(31))).unwrap_err(), JwtKeysError::ShortSecret);
    for (text, error) in [
        (pem("rsa-small"), JwtKeysError::Kind),
        (pem("p521"), JwtKeysError::Kind),
        (pem("rsa") + &pem("p256"), JwtKeysError::Pem),
        (pem("rsa").replace("PUBLIC", "PRIVATE"), JwtKeysError::Pem),
        (String::new(), JwtKeysError::Pem),
        ("-----BEGIN PUBLIC KEY-----\nAAAA\n-----END PUBLIC KEY-----\n".to_owned(), JwtKeysError::Kind),
    ] {
        assert_eq!(of_pem(&text), Err(error), "{text}");
    }
    let of_set = |set: Value| JwtKeys::of_jwks(set.to_string().as_bytes()).map(|keys| keys.count());
    let all = vectors["jwks"].clone();
    assert_eq!(of_set(all.clone()), Ok(5), "neither the small key of RSA nor P-521");
    let key = |changes: Value| {
        let mut key = all["keys"][0].clone();
        key.as_object_mut().unwrap().extend(changes.as_object().unwrap().clone());
        of_set(json!({ "keys": [key] }))
    };
    assert_eq!(key(json!({})), Ok(1));
    for useless in [
        json!({ "use": "enc" }),
        json!({ "key_ops": ["encrypt"] }),
        json!({ "alg": "RSA-OAEP" }),
        json!({ "kty": "oct", "k": "c2VjcmV0" }),
        json!({ "n": "!" }),
        json!({ "n": "AQAB" }),
        json!({ "e": "" }),
        json!({ "kid": 7 }),
    ] {
        assert_eq!(key(useless.clone()), Err(JwtKeysError::Empty), "{useless}");
    }
    for (set, error) in [
        (json!([]), JwtKeysError::Set),
        (json!({ "keys": {} }), JwtKeysError::Set),
        (json!({ "keys": [] }), JwtKeysError::Empty),
        (json!({ "keys": vec![all["keys"][0].clone(); 101] }), JwtKeysError::Many),
    ] {
        assert_eq!(of_set(set), Err(error));
    }
}

#[test]
fn a_key_is_never_printed() {
    let printed = format!("{:?}", with_secret());
    assert!(!printed.contains(SECRET) && printed.contains("***"), "{printed}");
}
