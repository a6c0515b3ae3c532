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
fn sign(key: &str, text: &str) -> String {
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
