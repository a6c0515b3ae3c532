//! Logins that take two proofs, on the wire. D44, A1, A2.

use crate::http;
use crate::logins::sign;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Value};
use std::io::Write;
use std::time::{Duration, Instant};

/// Joe's ticket is not enough: he has to sign, too.
const SECOND: &str = "[realms.realm1.auth.wampcra.users.joe]\nsecret = \"secret\"\nrole = \"guest\"\n\
                      [realms.realm1.auth.second]\nafter = [\"ticket\"]\nmethod = \"wampcra\"\n";

fn router(more: &str) -> Router {
    let config = CONFIG.replace("\"metrics\"", "\"metrics\", \"rest\"");
    Router::of(&format!("[node]\ndev = true\n{config}\n{SECOND}{more}"), &["observability.log.format=json"])
}

/// A connection that has given its first proof, and what it is to sign; or the ABORT.
fn first(router: &Router, ticket: &str) -> Result<(WebSocketPeer, String), Value> {
    let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
    let details = json!({"roles": {"caller": {}}, "authmethods": ["wampcra", "ticket"], "authid": "joe"});
    peer.send(&json!([1, "realm1", details]));
    assert_eq!(peer.expect(4)[1], "ticket", "the second never comes first");
    peer.send(&json!([5, ticket, {}]));
    let answer = peer.receive();
    if answer[0] == 3 {
        return Err(answer);
    }
    assert_eq!((&answer[0], &answer[1]), (&json!(4), &json!("wampcra")), "{answer}");
    Ok((peer, answer[2]["challenge"].as_str().unwrap().to_owned()))
}

/// WELCOME or ABORT of a login with these.
fn login(router: &Router, ticket: &str, secret: &str) -> Value {
    match first(router, ticket) {
        Ok((mut peer, challenge)) => {
            peer.send(&json!([5, sign(secret, &challenge), {}]));
            peer.receive()
        }
        Err(abort) => abort,
    }
}

/// D44, A1: WELCOME names the first method; a wrong first proof, a wrong second one and two are one ABORT, and the log knows more.
#[test]
fn two_proofs_are_asked_for_and_nobody_is_told_which_was_wrong() {
    let router = router("");
    let welcome = login(&router, "s3cret", "secret");
    let named = ["authid", "authrole", "authmethod"].map(|key| welcome[2][key].clone());
    assert_eq!(named, ["joe", "guest", "ticket"].map(Value::from), "{welcome}");
    let aborts = [("guess", "secret"), ("s3cret", "guess"), ("guess", "guess")];
    let aborts = aborts.map(|(ticket, secret)| login(&router, ticket, secret));
    assert_eq!(aborts[0], json!([3, {"message": "authentication failed"}, "wamp.error.authentication_denied"]));
    assert!(aborts.iter().all(|abort| *abort == aborts[0]), "{aborts:?}");
    for which in ["the first was wrong", "the second was wrong", "both were wrong"] {
        let line = router.log_line(&format!("\"reason\":\"of two proofs {which}\""));
        assert!(line.contains("login failed") && !line.contains("guess") && !line.contains("secret"), "{line}");
    }
    assert_eq!(router.refused("auth_failed"), 3);
}

/// A2: right ones cost nothing; who breaks off between the two is counted, whatever the first proof was. Else the count would
/// tell whether it was right.
#[test]
fn who_breaks_off_between_two_proofs_is_counted_as_a_wrong_one() {
    for says_so in [true, false] {
        let router = router("[realms.realm1.auth.throttle]\nper_authid = 3\n");
        for _ in 0..6 {
            assert_eq!(login(&router, "s3cret", "secret")[0], 2);
        }
        let until = Instant::now() + Duration::from_secs(20);
        let mut broken_off = 0;
        // One is made up for each second.
        while let Ok((mut peer, _)) = first(&router, "s3cret") {
            if says_so {
                peer.send(&json!([3, {}, "wamp.error.authentication_failed"]));
                assert_eq!(peer.closed(), Some(1000));
            }
            broken_off += 1;
            assert!(Instant::now() < until, "{broken_off} were not counted");
        }
        assert!(broken_off >= 3, "{broken_off}");
        assert!(router.refused("auth_throttled") >= 1);
    }
}

/// T1: one deadline for both.
#[test]
fn the_time_for_a_login_is_for_both_proofs() {
    let router = router("[limits]\nhandshake_timeout = \"2s\"\n");
    let begun = Instant::now();
    let (mut peer, challenge) = first(&router, "s3cret").unwrap();
    peer.aborted("wharf.error.handshake_timeout", 1008);
    assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    assert!(!challenge.is_empty());
}

/// A request has one credential, and that is not enough here; it says so, whether or not there is such a user.
#[test]
fn a_ticket_over_http_is_401_where_two_proofs_are_needed() {
    let router = router("");
    let answer = |credential: &str| {
        use base64::Engine;
        let basic = base64::engine::general_purpose::STANDARD.encode(credential);
        let mut stream = http::connect(router.main());
        let head = format!(
            "POST /api/v1/realms/realm1/call/wamp.session.count HTTP/1.1\r\nHost: localhost\r\nAuthorization: Basic {basic}\r\n\
             Content-Type: application/json\r\nContent-Length: 2\r\n\r\n{{}}"
        );
        stream.write_all(head.as_bytes()).unwrap();
        let (status, _, body) = http::answer(&mut stream);
        let body: Value = serde_json::from_str(&body).unwrap();
        (status, body["error"].clone(), body["detail"].clone())
    };
    let right = answer("joe:s3cret");
    assert_eq!((right.0, &right.1), (401, &json!("wamp.error.no_matching_auth_method")));
    assert!(right.2.as_str().unwrap().ends_with("; after ticket also wampcra"), "{}", right.2);
    assert_eq!((answer("joe:guess"), answer("nobody:guess")), (right.clone(), right));
}

/// Who has passed both is remembered in its browser; who has passed the first before it was one of two is not.
#[test]
fn a_cookie_counts_where_two_proofs_were_given() {
    let cookie = "[realms.realm1.auth.cookie]\n";
    let two = router(cookie);
    let by_cookie = |port: u16, value: &str| {
        let mut peer = WebSocketPeer::open_with(port, "wamp.2.json", &format!("Cookie: wharf={value}\r\n"));
        peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": ["cookie"]}]));
        peer.receive()[0].as_u64().unwrap()
    };
    let opened = |port: u16, methods: &Value| {
        let mut stream = http::connect(port);
        let upgrade = crate::websocket_peer::upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n");
        stream.write_all(upgrade.as_bytes()).unwrap();
        let (mut peer, head) = WebSocketPeer::upgraded_with_head(stream);
        let value = head.split("wharf=").nth(1).unwrap().split(';').next().unwrap().to_owned();
        peer.send(&json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": methods, "authid": "joe"}]));
        peer.expect(4);
        peer.send(&json!([5, "s3cret", {}]));
        (peer, value)
    };
    let (mut peer, value) = opened(two.main(), &json!(["ticket", "wampcra"]));
    let challenge = peer.expect(4);
    assert_eq!(by_cookie(two.main(), &value), 3, "one proof is none");
    peer.send(&json!([5, sign("secret", challenge[2]["challenge"].as_str().unwrap()), {}]));
    peer.expect(2);
    assert_eq!(by_cookie(two.main(), &value), 2);
    // The second proof is asked for from the reload on.
    let before = format!("[node]\ndev = true\n{CONFIG}\n{cookie}");
    let one = Router::of(&before, &[]);
    let (mut peer, value) = opened(one.main(), &json!(["ticket"]));
    peer.expect(2);
    std::fs::write(one.folder().join("wharf.toml"), format!("{before}{SECOND}")).unwrap();
    one.signal("-HUP");
    one.wait_for("the reload", |router| router.log().contains("reloaded"));
    assert_eq!(by_cookie(one.main(), &value), 3);
    peer.lives();
}
