//! Logins over WebSocket and RawSocket, from HELLO to WELCOME. Source: section 11 of the reference.

use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Value};
use wharf::auth::{RouterKey, Salting, Secret};

/// Of the ticket `hashed`, some milliseconds' work.
const HASH: &str = "$argon2id$v=19$m=2048,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$+ilg8JpVB1A0qgJolX6w6RRXMmGje79V0hFM05piWP4";

/// One user for each method, and the realm's own key.
fn router() -> Router {
    router_with("[realms.realm1.auth.throttle]\nper_authid = 1000\n")
}

fn router_with(throttle: &str) -> Router {
    let key = RouterKey::new(&[4; 32]).public();
    let derived = salting().key(&Secret::new("s3cret".to_owned()));
    let derived = derived.expose();
    let users = format!(
        "[node]\ndev = true\n{CONFIG}\n{throttle}\
         [realms.realm1.auth.ticket.users.hank]\nhash = \"{HASH}\"\nrole = \"guest\"\n\
         [realms.realm1.auth.wampcra.users.carl]\nsalt = \"8c7fa1\"\niterations = 1000\nkey = \"{derived}\"\nrole = \"guest\"\n\
         [realms.realm1.auth.cryptosign]\nkey = \"{}\"\n\
         [realms.realm1.auth.cryptosign.users.dev1]\nkeys = [\"{key}\"]\nrole = \"guest\"\n",
        "33".repeat(32)
    );
    Router::of(&users, &[])
}

fn salting() -> Salting {
    Salting { salt: "8c7fa1".to_owned(), iterations: 1000, keylen: 32 }
}

/// Either transport.
trait Peer {
    fn say(&mut self, message: &Value);
    fn hear(&mut self, code: u64) -> Value;
}

impl Peer for WebSocketPeer {
    fn say(&mut self, message: &Value) {
        self.send(message);
    }

    fn hear(&mut self, code: u64) -> Value {
        self.expect(code)
    }
}

impl Peer for RawSocketPeer {
    fn say(&mut self, message: &Value) {
        self.send(message);
    }

    fn hear(&mut self, code: u64) -> Value {
        self.expect(code)
    }
}

fn on_each(router: &Router, test: impl Fn(&mut dyn Peer)) {
    test(&mut WebSocketPeer::open(router.main(), "wamp.2.json"));
    test(&mut RawSocketPeer::open(router.port("raw"), 15));
}

fn hello(peer: &mut dyn Peer, method: &str, authid: &str, authextra: &Value) -> Value {
    let details = json!({"roles": {"caller": {}}, "authmethods": [method], "authid": authid, "authextra": authextra});
    peer.say(&json!([1, "realm1", details]));
    peer.hear(4)
}

/// R102: `session` in the challenge equals WELCOME's.
#[test]
fn a_wampcra_challenge_carries_the_session_id_of_welcome() {
    let router = router();
    on_each(&router, |peer| {
        let challenge = hello(peer, "wampcra", "carl", &json!({}));
        let text = challenge[2]["challenge"].as_str().unwrap();
        let inner: Value = serde_json::from_str(text).unwrap();
        assert_eq!((&challenge[2]["salt"], &challenge[2]["keylen"]), (&json!("8c7fa1"), &json!(32)));
        let key = salting().key(&Secret::new("s3cret".to_owned()));
        peer.say(&json!([5, sign(key.expose(), text), {}]));
        let welcome = peer.hear(2);
        assert_eq!(welcome[1], inner["session"]);
        assert_eq!((&welcome[2]["authid"], &welcome[2]["authmethod"]), (&json!("carl"), &json!("wampcra")));
    });
}

/// Base64(HMAC-SHA256), by the definition of HMAC.
pub(crate) fn sign(key: &str, text: &str) -> String {
    use base64::Engine;
    use sha2::{Digest, Sha256};
    let mut block = [0; 64];
    block[..key.len()].copy_from_slice(key.as_bytes());
    let inner = Sha256::digest([block.map(|octet| octet ^ 0x36).as_slice(), text.as_bytes()].concat());
    let outer = Sha256::digest([block.map(|octet| octet ^ 0x5c).as_slice(), inner.as_slice()].concat());
    base64::engine::general_purpose::STANDARD.encode(outer)
}

/// R104, section 11.5: what the router has signed is what the client has sent.
#[test]
fn the_router_answers_a_clients_challenge_and_refuses_a_signature_that_is_none() {
    let router = router();
    on_each(&router, |peer| {
        let key = RouterKey::new(&[4; 32]).public().to_string();
        let challenge = hello(peer, "cryptosign", "dev1", &json!({"pubkey": key, "challenge": "0f".repeat(32)}));
        let own = RouterKey::parse(&"33".repeat(32)).unwrap().public().to_string();
        assert_eq!(challenge[2]["pubkey"], own);
        assert!(challenge[2]["signature"].as_str().unwrap().ends_with(&"0f".repeat(32)));
        peer.say(&json!([5, "00".repeat(96), {}]));
        assert_eq!(peer.hear(3)[2], "wamp.error.authentication_denied");
    });
    assert_eq!(router.refused("auth_failed"), 2);
}

/// R101, limits A2: others are served while hashes are computed, and the sixty-seventh or later login that waits is sent away.
#[test]
fn hashed_tickets_are_checked_beside_the_sessions_and_a_full_pool_refuses() {
    let router = router();
    on_each(&router, |peer| {
        hello(peer, "ticket", "hank", &json!({}));
        peer.say(&json!([5, "hashed", {}]));
        assert_eq!(peer.hear(2)[2]["authid"], "hank");
    });
    let mut crowd: Vec<_> = (0..300).map(|_| WebSocketPeer::open(router.main(), "wamp.2.json")).collect();
    for peer in &mut crowd {
        hello(peer, "ticket", "hank", &json!({}));
    }
    for peer in &mut crowd {
        peer.say(&json!([5, "guess", {}]));
    }
    // A session that opens meanwhile is not held up by what waits.
    router.session().lives();
    let reasons: Vec<Value> = crowd.iter_mut().map(|peer| peer.hear(3)[2].clone()).collect();
    let busy = reasons.iter().filter(|reason| **reason == "wharf.error.busy").count();
    let denied = reasons.iter().filter(|reason| **reason == "wamp.error.authentication_denied").count();
    assert_eq!(busy + denied, 300);
    assert!(denied >= 64 && busy > 0, "{busy} busy, {denied} denied");
    assert_eq!(router.refused("auth_busy"), busy as u64);
}

/// Says a ticket on a connection of its own; WELCOME's authid, or the ABORT's reason.
fn with_ticket(router: &Router, ticket: &str) -> Value {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    hello(&mut peer, "ticket", "hank", &json!({}));
    peer.say(&json!([5, ticket, {}]));
    let answer = peer.receive();
    if answer[0] == 2 {
        answer[2]["authid"].clone()
    } else {
        assert_eq!(answer[0], 3, "{answer}");
        answer[2].clone()
    }
}

/// Limits A2: after so many wrong proofs even the right one is not looked at, until the wait is over; other names are let in.
#[test]
fn guesses_are_refused_unseen_and_the_right_secret_is_let_in_after_the_wait() {
    let router = router_with("[realms.realm1.auth.throttle]\nper_authid = 3\n");
    for _ in 0..3 {
        assert_eq!(with_ticket(&router, "guess"), "wamp.error.authentication_denied");
    }
    assert_eq!(with_ticket(&router, "hashed"), "wharf.error.too_many_attempts");
    let key = RouterKey::new(&[4; 32]).public().to_string();
    let mut other = WebSocketPeer::open(router.main(), "wamp.2.json");
    hello(&mut other, "cryptosign", "dev1", &json!({ "pubkey": key }));
    let until = std::time::Instant::now() + std::time::Duration::from_secs(10);
    let mut unseen = 1;
    loop {
        let answer = with_ticket(&router, "hashed");
        if answer == "hank" {
            break;
        }
        assert_eq!(answer, "wharf.error.too_many_attempts");
        unseen += 1;
        assert!(std::time::Instant::now() < until, "never let in");
    }
    assert_eq!((router.refused("auth_failed"), router.refused("auth_throttled")), (3, unseen));
    assert_eq!(with_ticket(&router, "hashed"), "hank");
}

/// Octets that are the same on both sides, as in the core's tests.
const JWT_KEY: &str = "a secret of more than 32 octets, known to both";

/// A token for an hour, signed with HMAC by its definition.
fn token(key: &str, claims: &Value) -> String {
    let encode = |octets: &[u8]| base64::Engine::encode(&base64::engine::general_purpose::URL_SAFE_NO_PAD, octets);
    let text = format!("{}.{}", encode(br#"{"alg":"HS256"}"#), encode(claims.to_string().as_bytes()));
    let signature = base64::Engine::decode(&base64::engine::general_purpose::STANDARD, sign(key, &text)).unwrap();
    format!("{text}.{}", encode(&signature))
}

fn claims(authid: &str) -> Value {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    json!({"iss": "https://id.example", "aud": "shop", "sub": authid, "exp": now + 3600})
}

/// Section 5 of the configuration: a token by its own method and as a ticket, with and without a name.
#[test]
fn a_token_is_let_in_by_its_own_method_and_as_a_ticket() {
    let router = Router::of(
        &format!(
            "[node]\ndev = true\n{CONFIG}\n[realms.realm1.auth.jwt]\nissuer = \"https://id.example\"\naudience = \"shop\"\n\
             key = \"{JWT_KEY}\"\nrole_fixed = \"guest\"\n"
        ),
        &[],
    );
    let good = token(JWT_KEY, &claims("zoe"));
    on_each(&router, |peer| {
        hello(peer, "ticket", "zoe", &json!({}));
        peer.say(&json!([5, good, {}]));
        let welcome = peer.hear(2);
        let found = ["authid", "authrole", "authmethod", "authprovider"].map(|key| welcome[2][key].clone());
        assert_eq!(found, ["zoe", "guest", "ticket", "jwt"].map(Value::from));
    });
    on_each(&router, |peer| {
        peer.say(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["jwt"]}]));
        assert_eq!(peer.hear(4)[1], "jwt");
        peer.say(&json!([5, good, {}]));
        assert_eq!(peer.hear(2)[2]["authid"], "zoe");
    });
    for bad in [token(&JWT_KEY.to_uppercase(), &claims("zoe")), token(JWT_KEY, &claims("joe")), "guess".to_owned()] {
        on_each(&router, |peer| {
            hello(peer, "jwt", "zoe", &json!({}));
            peer.say(&json!([5, bad, {}]));
            let abort = peer.hear(3);
            assert_eq!(abort[2], "wamp.error.authentication_denied");
            assert_eq!(abort[1]["message"], "authentication failed");
        });
    }
}

/// An Ed25519 key as a set has it, and a token of it for an hour.
fn key_and_token(seed: u8, kid: &str) -> (Value, String) {
    use base64::engine::general_purpose::URL_SAFE_NO_PAD;
    use base64::Engine;
    use ring::signature::{Ed25519KeyPair, KeyPair};
    let pair = Ed25519KeyPair::from_seed_unchecked(&[seed; 32]).unwrap();
    let public = URL_SAFE_NO_PAD.encode(pair.public_key());
    let encode = |value: &Value| URL_SAFE_NO_PAD.encode(value.to_string());
    let text = format!("{}.{}", encode(&json!({ "alg": "EdDSA", "kid": kid })), encode(&claims("zoe")));
    let token = format!("{text}.{}", URL_SAFE_NO_PAD.encode(pair.sign(text.as_bytes())));
    (json!({ "kty": "OKP", "crv": "Ed25519", "kid": kid, "x": public }), token)
}

/// Keys in a file are read again when it changes; what cannot be used leaves the old ones.
#[test]
fn keys_of_tokens_are_read_again_when_their_file_changes() {
    let folder = tempfile::tempdir().unwrap();
    let file = folder.path().join("jwks.json");
    let write = |text: &str| {
        let beside = file.with_extension("new");
        std::fs::write(&beside, text).unwrap();
        std::fs::rename(&beside, &file).unwrap();
    };
    let [(first, of_first), (second, of_second)] = [key_and_token(1, "first"), key_and_token(2, "second")];
    write(&json!({ "keys": [first] }).to_string());
    let router = Router::of(
        &format!(
            "{CONFIG}\n[realms.realm1.auth.jwt]\nissuer = \"https://id.example\"\naudience = \"shop\"\n\
             jwks_file = \"{}\"\nrole_fixed = \"guest\"\n",
            file.display()
        ),
        &[],
    );
    let let_in = |token: &str| {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
        hello(&mut peer, "jwt", "zoe", &json!({}));
        peer.say(&json!([5, token, {}]));
        peer.receive()[0] == 2
    };
    assert!(let_in(&of_first) && !let_in(&of_second));
    write(&json!({ "keys": [second] }).to_string());
    router.log_line("keys of tokens were read again");
    assert!(let_in(&of_second) && !let_in(&of_first));
    write("{}");
    router.log_line("keys of tokens changed and cannot be used: the old ones stay");
    assert!(let_in(&of_second));
    // A reload reads them anew, and what comes after it is seen too.
    write(&json!({ "keys": [second] }).to_string());
    router.wait_for("the keys", |router| router.log().matches("keys of tokens were read again").count() == 2);
    router.signal("-HUP");
    router.wait_for("the reload", |router| router.log().contains("\"reloaded\""));
    write(&json!({ "keys": [first] }).to_string());
    router.wait_for("the keys", |router| router.log().matches("keys of tokens were read again").count() >= 3);
    assert!(let_in(&of_first) && !let_in(&of_second));
}

/// One line for each login that failed: who, how, from where and why, escaped, and nothing of what it was tried with.
#[test]
fn a_failed_login_has_a_line_of_the_log_without_its_secret() {
    let router = Router::of(
        &format!(
            "[node]\ndev = true\n{CONFIG}\n[realms.realm1.auth.jwt]\nissuer = \"https://id.example\"\naudience = \"shop\"\n\
             key = \"{JWT_KEY}\"\nrole_fixed = \"guest\"\n"
        ),
        &["observability.log.format=json"],
    );
    let mut expired = claims("zoe");
    expired["exp"] = json!(1);
    for (method, authid, proof, reason) in [
        ("ticket", "jo\ne\u{1b}[31m", "hush-1", "authentication failed"),
        ("jwt", "zoe", &*token(JWT_KEY, &expired), "the token has expired"),
        ("jwt", "eve", "hush-2", "this is no token"),
    ] {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
        hello(&mut peer, method, authid, &json!({}));
        peer.say(&json!([5, proof, {}]));
        let abort = peer.hear(3);
        assert_eq!(abort[1]["message"], "authentication failed");
        let line = router.log_line(&format!("\"reason\":\"{reason}\""));
        for part in
            ["login failed", &format!("\"method\":\"{method}\""), "\"peer\":\"127.0.0.1\"", "\"realm\":\"realm1\""]
        {
            assert!(line.contains(part), "{part}: {line}");
        }
        assert!(!line.contains(proof) && !line.contains('\u{1b}'), "{line}");
    }
    let line = router.log_line("authentication failed");
    assert!(line.contains("jo\\\\ne\\\\u{1b}[31m"), "{line}");
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.say(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["wampcra", "x"], "authid": "joe"}]));
    peer.hear(3);
    assert!(router.log_line("none of the offered methods").contains("\"method\":\"wampcra x\""));
}

/// A2: first the answer is delayed, then refused; nobody else waits meanwhile.
#[test]
fn the_answer_to_a_guess_is_held_back_while_others_are_served() {
    let router = router_with("[realms.realm1.auth.throttle]\nper_authid = 2\n");
    assert_eq!(with_ticket(&router, "guess"), "wamp.error.authentication_denied");
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    hello(&mut peer, "ticket", "hank", &json!({}));
    let before = std::time::Instant::now();
    peer.say(&json!([5, "guess", {}]));
    // Only a bound from below: the other side is the machine's.
    router.session().lives();
    assert_eq!(peer.hear(3)[2], "wamp.error.authentication_denied");
    assert!(before.elapsed() >= std::time::Duration::from_millis(200), "{:?}", before.elapsed());
}
