//! Keys of tokens that come from an address, over real sockets: fetched without delaying the start, fetched again for a key
//! that is not known, kept where the address fails.

use crate::router::{Router, CONFIG};
use crate::site::{certificate, json, with, Site};
use crate::websocket_peer::WebSocketPeer;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use base64::Engine;
use ring::signature::{Ed25519KeyPair, KeyPair};
use serde_json::{json, Value};
use std::sync::atomic::{AtomicU8, Ordering};
use std::sync::{Arc, Barrier};
use std::time::{SystemTime, UNIX_EPOCH};

/// The issuer's key of this number.
fn key(number: u8) -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[number; 32]).unwrap()
}

/// A set with these keys.
fn set(numbers: &[u8]) -> String {
    let jwk = |number: &u8| {
        let x = URL_SAFE_NO_PAD.encode(key(*number).public_key().as_ref());
        json!({"kty": "OKP", "crv": "Ed25519", "kid": format!("key-{number}"), "x": x})
    };
    json!({"keys": numbers.iter().map(jwk).collect::<Vec<_>>()}).to_string()
}

/// A token of zoe's that is signed with the key of this number.
fn token(number: u8) -> String {
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_secs();
    let header = json!({"alg": "EdDSA", "kid": format!("key-{number}")});
    let claims = json!({"iss": "https://id.example", "aud": "realm1", "sub": "zoe", "exp": now + 600});
    let text = format!("{}.{}", encode(&header), encode(&claims));
    let signature = URL_SAFE_NO_PAD.encode(key(number).sign(text.as_bytes()));
    format!("{text}.{signature}")
}

/// A router whose realm takes tokens that are checked with the keys at `url`.
fn router(url: &str, more: &str) -> Router {
    router_in(tempfile::tempdir().unwrap(), url, more)
}

fn router_in(folder: tempfile::TempDir, url: &str, more: &str) -> Router {
    let jwt = format!(
        "{CONFIG}\n[realms.realm1.auth.jwt]\nissuer = \"https://id.example\"\naudience = \"realm1\"\n\
         jwks_url = \"{url}\"\nrole_fixed = \"guest\"\n{more}\n"
    );
    Router::in_folder(folder, &jwt, &[], &mut std::process::Command::new(env!("CARGO_BIN_EXE_wharf")))
}

/// Shows a token; what comes is WELCOME or ABORT.
fn shows(router: &Router, token: &str) -> WebSocketPeer {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let hello = json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["ticket"], "authid": "zoe"}]);
    peer.send(&hello);
    peer.expect(4);
    peer.send(&json!([5, token, {}]));
    peer
}

fn is_let_in(router: &Router, token: &str) {
    let welcome = shows(router, token).expect(2);
    assert_eq!((&welcome[2]["authid"], &welcome[2]["authprovider"]), (&json!("zoe"), &json!("jwt")));
}

fn is_refused(router: &Router, token: &str) {
    assert_eq!(shows(router, token).expect(3)[2], "wamp.error.authentication_denied");
}

fn fetches(router: &Router, outcome: &str) -> u64 {
    router.metric(&format!("wharf_jwks_fetches_total{{outcome=\"{outcome}\"}}"))
}

#[test]
fn a_key_that_the_issuer_has_changed_to_is_fetched_with_the_first_token_and_the_old_one_counts_no_more() {
    let state = Arc::new(AtomicU8::new(1));
    let current = Arc::clone(&state);
    let (authority, cert, key) = certificate(&["localhost"]);
    let site = Site::secured(&cert, &key, move |_| json(200, &set(&[current.load(Ordering::Relaxed)])));
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("authority.pem"), authority).unwrap();
    let router = router_in(folder, &site.url("/jwks.json?tenant=a"), "ca = \"authority.pem\"");
    is_let_in(&router, &token(1));
    assert_eq!(site.next().line, "GET /jwks.json?tenant=a");
    state.store(2, Ordering::Relaxed);
    is_let_in(&router, &token(1));
    assert_eq!(site.more(), 0, "nobody has asked for another key yet");
    is_let_in(&router, &token(2));
    assert_eq!(site.more(), 1);
    // A storm of keys that nobody has causes nothing more, and neither does the key that is gone.
    for number in 3..8 {
        is_refused(&router, &token(number));
    }
    is_refused(&router, &token(1));
    assert_eq!((site.more(), fetches(&router, "done"), fetches(&router, "failed")), (0, 2, 0));
    router.log_line("no key fits the token's kid and algorithm");
    assert!(!router.log().contains("tenant=a"), "what may be a key of ours is not shown");
}

#[test]
fn the_start_does_not_wait_for_keys_and_a_login_does() {
    let gate = Arc::new(Barrier::new(2));
    let behind = Arc::clone(&gate);
    let site = Site::start(move |_| {
        behind.wait();
        json(200, &set(&[1]))
    });
    let router = router(&site.url("/jwks"), "");
    // Nothing has come yet, and everybody else is served.
    router.session();
    let mut early = shows(&router, &token(1));
    site.next();
    gate.wait();
    assert_eq!(early.expect(2)[2]["authid"], "zoe");
    assert_eq!(site.more(), 0);
}

/// Also what is too long, no set, or elsewhere.
#[test]
fn keys_stay_where_the_address_fails_and_after_a_reload() {
    let state = Arc::new(AtomicU8::new(0));
    let current = Arc::clone(&state);
    let site = Site::start(move |_| match current.load(Ordering::Relaxed) {
        0 => json(200, &set(&[1])),
        _ => with(302, "Location: /other\r\n", &set(&[2])),
    });
    let router = router(&site.url("/jwks"), "");
    is_let_in(&router, &token(1));
    site.next();
    state.store(1, Ordering::Relaxed);
    is_refused(&router, &token(2));
    assert_eq!(site.next().line, "GET /jwks", "and nothing else");
    router.log_line("keys of tokens could not be fetched: the last good ones stay");
    router.log_line("expected status 200, got 302");
    is_let_in(&router, &token(1));
    router.signal("-HUP");
    router.log_line("reloaded");
    is_let_in(&router, &token(1));
    assert_eq!((site.more(), fetches(&router, "done"), fetches(&router, "failed")), (0, 1, 1));
}

/// What an address gives may be anything.
#[test]
fn without_keys_no_token_is_taken_and_the_log_says_why() {
    for (answer, said) in [
        (json(404, "{}"), "expected status 200, got 404"),
        (json(200, "<html>"), "expected a JSON Web Key Set"),
        (json(200, "{\"keys\": []}"), "there is no key in the set"),
        (json(200, &" ".repeat((1 << 20) + 1)), "an answer of 1048577 octets or more"),
        (Vec::new(), "no whole HTTP answer"),
    ] {
        let site = Site::start(move |_| answer.clone());
        let router = router(&site.url("/jwks"), "");
        router.log_line(said);
        is_refused(&router, &token(1));
        assert!(router.log().contains("no token is taken"));
        router.session();
    }
}
