//! Logins that an address of HTTP decides, over real sockets: each method, each kind of trouble. Source: decision 20, A5.

use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, CONFIG};
use crate::site::{certificate, json, with, Seen, Site};
use crate::websocket_peer::WebSocketPeer;
use base64::engine::general_purpose::STANDARD;
use base64::Engine;
use ring::signature::{Ed25519KeyPair, KeyPair};
use ring::{digest, hmac, pbkdf2};
use serde_json::{json, Value};
use std::num::NonZeroU32;
use std::process::Command;

const METHODS: &str = "methods = [\"ticket\", \"wampcra\", \"wamp-scram\", \"cryptosign\"]";
const NONCE: &str = "AAECAwQFBgcICQoLDA0ODw==";

/// A router that asks the address about names that it does not know.
fn router(url: &str, more: &str) -> Router {
    router_in(tempfile::tempdir().unwrap(), url, more)
}

fn router_in(folder: tempfile::TempDir, url: &str, more: &str) -> Router {
    let asks = format!("{CONFIG}\n[realms.realm1.auth.dynamic.main]\n{METHODS}\nhttp = \"{url}\"\n{more}\n");
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    Router::in_folder(folder, &asks, &[], &mut command)
}

fn hello(method: &str, authid: &str, authextra: &Value) -> Value {
    let details = json!({"roles": {"caller": {}}, "authmethods": [method], "authid": authid, "authextra": authextra});
    json!([1, "realm1", details])
}

/// A client that has said its ticket.
pub(crate) fn with_ticket(router: &Router, authid: &str, ticket: &str) -> WebSocketPeer {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    peer.send(&hello("ticket", authid, &json!({})));
    peer.expect(4);
    peer.send(&json!([5, ticket, {}]));
    peer
}

fn mac(key: &[u8], text: &[u8]) -> Vec<u8> {
    hmac::sign(&hmac::Key::new(hmac::HMAC_SHA256, key), text).as_ref().to_vec()
}

/// What pbkdf2 makes of the password `pencil`.
fn salted() -> [u8; 32] {
    let mut salted = [0; 32];
    let rounds = NonZeroU32::new(4096).unwrap();
    pbkdf2::derive(pbkdf2::PBKDF2_HMAC_SHA256, rounds, b"0123456789abcdef", b"pencil", &mut salted);
    salted
}

fn hex(octets: &[u8]) -> String {
    octets.iter().map(|octet| format!("{octet:02x}")).collect()
}

fn octets(text: &str) -> Vec<u8> {
    (0..text.len() / 2).map(|at| u8::from_str_radix(&text[at * 2..at * 2 + 2], 16).unwrap()).collect()
}

fn key() -> Ed25519KeyPair {
    Ed25519KeyPair::from_seed_unchecked(&[7; 32]).unwrap()
}

/// What an application knows of ann.
fn known(seen: &Seen) -> Vec<u8> {
    let asked: Value = serde_json::from_str(&seen.body).unwrap();
    if asked["authid"] != "ann" {
        return json(403, "{\"error\": \"com.app.no_such_user\"}");
    }
    let client_key = mac(&salted(), b"Client Key");
    let answer = match asked["details"]["authmethod"].as_str().unwrap() {
        "ticket" if asked["details"]["ticket"] == "t1cket" => json!("guest"),
        "ticket" => return json(401, ""),
        "wampcra" => json!({"role": "guest", "secret": "s3cr3t-of-ann", "extra": {"team": 3}}),
        "wamp-scram" => json!({
            "role": "guest", "kdf": "pbkdf2", "iterations": 4096, "salt": hex(b"0123456789abcdef"),
            "stored-key": hex(digest::digest(&digest::SHA256, &client_key).as_ref()),
            "server-key": hex(&mac(&salted(), b"Server Key")),
        }),
        "cryptosign" => json!({"role": "guest", "authid": "ann.smith", "pubkey": hex(key().public_key().as_ref())}),
        other => panic!("{other}"),
    };
    json(200, &answer.to_string())
}

/// AUTHENTICATE of a client that knows what ann does.
fn proof(challenge: &Value) -> Value {
    let extra = &challenge[2];
    let text = |name: &str| extra[name].as_str().unwrap();
    match challenge[1].as_str().unwrap() {
        "wampcra" => json!([5, STANDARD.encode(mac(b"s3cr3t-of-ann", text("challenge").as_bytes())), {}]),
        "wamp-scram" => {
            let client_key = mac(&salted(), b"Client Key");
            let (nonce, salt, bound) = (text("nonce"), text("salt"), STANDARD.encode("n,,"));
            let message = format!("n=ann,r={NONCE},r={nonce},s={salt},i=4096,c={bound},r={nonce}");
            let signature = mac(digest::digest(&digest::SHA256, &client_key).as_ref(), message.as_bytes());
            let proof: Vec<u8> = client_key.iter().zip(&signature).map(|(one, other)| one ^ other).collect();
            json!([5, STANDARD.encode(proof), {"nonce": nonce, "channel_binding": null, "cbind_data": null}])
        }
        "cryptosign" => {
            let message = octets(text("challenge"));
            json!([5, hex(key().sign(&message).as_ref()) + &hex(&message), {}])
        }
        other => panic!("{other}"),
    }
}

#[test]
fn an_address_is_asked_as_a_procedure_is_and_lets_in_by_each_method() {
    let (authority, cert, key_of_site) = certificate(&["localhost"]);
    let site = Site::secured(&cert, &key_of_site, known);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("authority.pem"), authority).unwrap();
    std::fs::write(folder.path().join("token"), "t0ken-of-ours\n").unwrap();
    let more = "ca = \"authority.pem\"\ntoken = { file = \"token\" }";
    let router = router_in(folder, &site.url("/wamp?v=1"), more);
    let mut peer = with_ticket(&router, "ann", "t1cket");
    let welcome = peer.expect(2);
    assert_eq!((&welcome[2]["authid"], &welcome[2]["authprovider"]), (&json!("ann"), &json!("dynamic")));
    let seen = site.next();
    assert_eq!((&*seen.line, seen.header("authorization")), ("POST /wamp?v=1", Some("Bearer t0ken-of-ours")));
    let asked: Value = serde_json::from_str(&seen.body).unwrap();
    assert_eq!((&asked["realm"], &asked["authid"]), (&json!("realm1"), &json!("ann")));
    assert_eq!((&asked["details"]["ticket"], &asked["details"]["session"]), (&json!("t1cket"), &welcome[1]));
    assert_eq!(asked["details"]["transport"]["type"], "websocket");
    assert_eq!(with_ticket(&router, "ann", "guess").expect(3)[2], "wamp.error.authentication_denied");
    assert_eq!(with_ticket(&router, "bob", "t1cket").expect(3)[2], "wamp.error.authentication_denied");
    let authextra = json!({"nonce": NONCE, "pubkey": hex(key().public_key().as_ref())});
    for (method, authid) in [("wampcra", "ann"), ("wamp-scram", "ann"), ("cryptosign", "ann.smith")] {
        let mut peer = RawSocketPeer::open(router.port("raw"), 15);
        peer.send(&hello(method, "ann", &authextra));
        let challenge = peer.expect(4);
        peer.send(&proof(&challenge));
        let welcome = peer.expect(2);
        assert_eq!((&welcome[2]["authid"], &welcome[2]["authmethod"]), (&json!(authid), &json!(method)));
        let mut peer = RawSocketPeer::open(router.port("raw"), 15);
        peer.send(&hello(method, "ann", &authextra));
        peer.expect(4);
        peer.send(&json!([5, STANDARD.encode([0; 32]), {"nonce": "x"}]));
        assert_eq!(peer.expect(3)[2], "wamp.error.authentication_denied", "{method}");
        // Whom nobody knows is told no other thing.
        let mut peer = RawSocketPeer::open(router.port("raw"), 15);
        peer.send(&hello(method, "eve", &authextra));
        assert_eq!(peer.expect(4)[1], method);
    }
    let log = router.log();
    for secret in ["t0ken-of-ours", "s3cr3t-of-ann", "t1cket", "v=1"] {
        assert!(!log.contains(secret), "{secret} in {log}");
    }
    assert_eq!(router.metric("wharf_authenticator_faults_total"), 0);
}

/// A5: each is refused, told to the operator in words, and lets nobody in. Ten: as many lines as a second may have.
#[test]
fn an_address_in_trouble_lets_nobody_in_and_the_log_says_why() {
    let elsewhere = Site::start(|_| json(200, "\"guest\""));
    let moved = with(307, &format!("Location: {}\r\n", elsewhere.url("/")), "");
    let html = with(200, "Content-Type: text/html\r\n", "\"guest\"");
    let cases = [
        (moved, "an answer, got a redirect, which is not followed"),
        (html, "got another Content-Type than application/json"),
        (json(200, "guest"), "got JSON that cannot be read"),
        (json(200, "[\"guest\"]"), "expected a role, or a dict with `role`, got a list"),
        (json(200, &format!("\"{}\"", "g".repeat(70_000))), "an answer of at most 65536 octets, got 70002 octets"),
        (json(200, "\"boss\""), "expected a role of this realm, got "),
        (json(204, ""), "expected status 200, 401 or 403, got 204"),
        (json(500, "\"guest\""), "expected status 200, 401 or 403, got 500"),
        (json(403, "{\"error\": \"wamp.error.runtime_error\"}"), "got ERROR "),
        (Vec::new(), "got no whole HTTP answer"),
    ];
    let answers: Vec<Vec<u8>> = cases.iter().map(|(answer, _)| answer.clone()).collect();
    let site = Site::start(move |seen| {
        let asked: Value = serde_json::from_str(&seen.body).unwrap();
        answers[asked["authid"].as_str().unwrap().parse::<usize>().unwrap()].clone()
    });
    let router = router(&site.url("/wamp"), "");
    for (number, (_, said)) in cases.iter().enumerate() {
        let reason = with_ticket(&router, &number.to_string(), "t1cket").expect(3)[2].clone();
        assert!(
            reason == "wamp.error.authentication_failed" || reason == "wamp.error.no_such_role",
            "{said}: {reason}"
        );
        router.log_line(said);
    }
    assert_eq!(elsewhere.more(), 0);
    assert_eq!(router.metric("wharf_authenticator_faults_total"), cases.len() as u64);
    assert!(!router.log().contains("t1cket"));
}

#[test]
fn an_address_that_is_slow_gone_or_not_who_was_meant_is_given_up_and_others_are_served() {
    let silent = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let url = format!("http://127.0.0.1:{}/", silent.local_addr().unwrap().port());
    let slow = router(&url, "timeout = \"200ms\"");
    let mut waiting = with_ticket(&slow, "ann", "t1cket");
    // Meanwhile.
    slow.session();
    assert_eq!(waiting.expect(3)[2], "wamp.error.authentication_failed");
    slow.log_line("expected an answer within 200 ms, got none");
    drop(silent);
    assert_eq!(with_ticket(&slow, "ann", "t1cket").expect(3)[2], "wamp.error.authentication_failed");
    slow.log_line("expected an answer, got no connection");

    let (_, cert, key) = certificate(&["localhost"]);
    let (other, ..) = certificate(&["localhost"]);
    let site = Site::secured(&cert, &key, known);
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("authority.pem"), other).unwrap();
    let router = router_in(folder, &site.url("/"), "ca = \"authority.pem\"");
    assert_eq!(with_ticket(&router, "ann", "t1cket").expect(3)[2], "wamp.error.authentication_failed");
    router.log_line("got a certificate of an authority that is not trusted");
    assert_eq!(site.more(), 0, "no ticket was said to whoever that is");
}

/// A ticket is remembered when it was right, until a reload, or until its owner is told to go.
#[test]
fn a_ticket_that_was_right_is_not_asked_about_again_until_it_is_forgotten() {
    let site = Site::start(|seen| {
        let asked: Value = serde_json::from_str(&seen.body).unwrap();
        match asked["details"]["ticket"].as_str() {
            Some("t1cket") => json(200, "{\"role\": \"guest\", \"cache\": true}"),
            _ => json(401, ""),
        }
    });
    let router = router(&site.url("/"), "cache = \"60s\"");
    let is_asked = |authid: &str, ticket: &str, code: u64| {
        with_ticket(&router, authid, ticket).expect(code);
        site.more()
    };
    assert_eq!(is_asked("ann", "t1cket", 2), 1);
    assert_eq!(is_asked("ann", "t1cket", 2), 0);
    assert_eq!((is_asked("ann", "guess", 3), is_asked("ann", "guess", 3)), (1, 1), "a refusal is not remembered");
    assert_eq!(is_asked("bob", "t1cket", 2), 1, "another name");
    assert_eq!(router.metric("wharf_authenticator_recalled_total"), 1);
    router.signal("-HUP");
    router.log_line("reloaded");
    assert_eq!((is_asked("ann", "t1cket", 2), is_asked("ann", "t1cket", 2)), (1, 0));
    let mut ann = with_ticket(&router, "ann", "t1cket");
    ann.expect(2);
    let mut operator = router.session();
    operator.send(&json!([48, 9, {}, "wamp.session.kill_by_authid", ["ann"]]));
    operator.expect(50);
    ann.expect(6);
    assert_eq!((is_asked("bob", "t1cket", 2), is_asked("ann", "t1cket", 2)), (1, 1), "bob was forgotten by the reload");
    assert_eq!(is_asked("bob", "t1cket", 2), 0, "who is killed is forgotten, and nobody else");
    assert!(!router.log().contains("t1cket"));
}
