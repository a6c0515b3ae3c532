//! Tokens as credentials. Section 6 of the HTTP design.

use crate::client::Response;
use crate::router::{Router, JWT_KEY};
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::hmac;
use serde_json::{json, Value};
use std::time::{SystemTime, UNIX_EPOCH};

fn signed(header: &Value, claims: &Value, key: &str) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(header), encode(claims));
    let signature = hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key.as_bytes()), text.as_bytes());
    format!("{text}.{}", URL_SAFE_NO_PAD.encode(signature))
}

/// Claims of zoe, that end so many seconds from now.
fn claims(ends_in: i64) -> Value {
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    json!({ "iss": "https://id.example", "aud": "main", "sub": "zoe", "exp": i64::try_from(now).unwrap() + ends_in })
}

fn call(router: &Router, path: &str, credential: &str) -> Response {
    router.http().request("POST", path, &[("Authorization", credential), ("X-Request-Id", "r")], "")
}

/// Section 6: claims give authid and role, and the same permissions as anywhere.
#[test]
fn a_right_token_is_let_in_under_its_name() {
    let router = Router::start();
    let mut callee = router.session();
    callee.register("com.echo");
    let token = signed(&json!({ "alg": "HS256", "typ": "JWT" }), &claims(60), JWT_KEY);
    for scheme in ["Bearer", "bearer"] {
        let answer = call(&router, "/api/v1/call/wamp.session.count", &format!("{scheme} {token}"));
        assert_eq!(answer.status, 200, "{}", answer.body);
    }
    let mut http = router.http();
    let asked = [("Authorization", &*format!("Bearer {token}")), ("Content-Type", "application/json")];
    let list = http.request("POST", "/api/v1/call/wamp.session.list", &asked, r#"{"args":[["member"]]}"#);
    let session = list.json()["args"][0][0].clone();
    let details =
        http.request("POST", "/api/v1/call/wamp.session.get", &asked, &json!({ "args": [session] }).to_string());
    let details = details.json()["args"][0].clone();
    let found = ["authid", "authrole", "authmethod", "authprovider"].map(|key| details[key].clone());
    assert_eq!(found, ["zoe", "member", "jwt", "jwt"].map(Value::from));
}

/// Section 6, A1: whatever is wrong with a token, the answer is that to a wrong ticket.
#[test]
fn a_wrong_token_is_the_same_401_whatever_is_wrong_with_it() {
    let router = Router::start();
    let header = json!({ "alg": "HS256" });
    let good = signed(&header, &claims(60), JWT_KEY);
    let path = "/api/v1/call/wamp.session.count";
    let wrong = call(&router, path, &crate::client::basic("ann", "guess"));
    let mut other = claims(60);
    other["aud"] = json!("other");
    for token in [
        signed(&header, &claims(60), "another secret of more than 32 octets, known to nobody"),
        signed(&header, &claims(-60), JWT_KEY),
        signed(&header, &other, JWT_KEY),
        signed(&json!({ "alg": "none" }), &claims(60), JWT_KEY),
        signed(&json!({ "alg": "HS512" }), &claims(60), JWT_KEY),
        format!("{}.", good.rsplit_once('.').unwrap().0),
        "guess".to_owned(),
        String::new(),
    ] {
        let answer = call(&router, path, &format!("Bearer {token}"));
        assert_eq!((answer.status, &*answer.error()), (401, "wamp.error.authentication_denied"), "{token}");
        assert_eq!(answer.body, wrong.body, "{token}");
    }
    assert_eq!(wrong.all("www-authenticate"), ["Basic realm=\"wharf\"", "Bearer realm=\"wharf\""]);
}

/// X6: 429 with the time to wait, by session, and so by caller.
#[test]
fn calls_beyond_the_rate_of_the_role_are_429_with_the_time_to_wait() {
    let rate = "[realms.main.roles.member.rate]\ncalls = \"1/s\"\nburst = 2\n\n[realms.main.roles.member]\n";
    let router = Router::with(&crate::router::CONFIG.replace("[realms.main.roles.member]\n", rate));
    let bob = crate::client::basic("bob", "s3cret");
    let path = "/api/v1/call/wamp.session.count";
    let answers: Vec<Response> = (0..10).map(|_| call(&router, path, &bob)).collect();
    assert_eq!((answers[0].status, answers[1].status), (200, 200));
    let refused = answers.iter().find(|answer| answer.status != 200).unwrap();
    assert_eq!((refused.status, &*refused.error()), (429, "wharf.error.rate_limited"));
    assert_eq!(refused.header("retry-after"), Some("1"));
    let ann = crate::client::basic("ann", "s3cret");
    assert_eq!(call(&router, path, &ann).status, 200, "another role");
}

/// A realm without `auth.jwt` takes no token, and does not say that it would.
#[test]
fn a_realm_that_takes_no_tokens_refuses_every_token() {
    let router = Router::start();
    let token = signed(&json!({ "alg": "HS256" }), &claims(60), JWT_KEY);
    let answer = call(&router, "/api/v1/realms/locked/call/wamp.session.count", &format!("Bearer {token}"));
    assert_eq!((answer.status, &*answer.error()), (401, "wamp.error.no_matching_auth_method"));
    assert_eq!(answer.all("www-authenticate"), ["Basic realm=\"wharf\""]);
}
