//! Logins that a procedure of the application decides, over real sockets. Source: section 6.1 of the page on Crossbar, A5.

use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::WebSocketPeer;
use serde_json::{json, Value};

const PROCEDURE: &str = "com.app.authenticate";

fn router() -> Router {
    let dynamic = format!(
        "{CONFIG}\n[realms.realm1.auth.dynamic.main]\nmethods = [\"ticket\", \"wampcra\"]\nprocedure = \"{PROCEDURE}\"\n\
         forward_headers = [\"cookie\"]\n"
    );
    Router::of(&dynamic, &[])
}

fn hello(method: &str) -> Value {
    json!([1, "realm1", {"roles": {"caller": {}}, "authmethods": [method], "authid": "ann", "authextra": {"a": 1}}])
}

/// The arguments of the next invocation, which is answered by `result`.
fn answer(authenticator: &mut WebSocketPeer, result: &Value) -> Value {
    let invocation = authenticator.expect(68);
    authenticator.send(&json!([70, invocation[1], {}, [result]]));
    invocation[4].clone()
}

#[test]
fn an_authenticator_hears_of_the_transport_and_of_credentials_that_are_named_only() {
    let router = router();
    let mut authenticator = router.session();
    authenticator.register(PROCEDURE);
    let lines = "Cookie: session=5\r\nAuthorization: Basic YTpi\r\nX-Forwarded-Proto: https\r\n";
    let mut peer = WebSocketPeer::open_with(router.main(), "wamp.2.json", lines);
    peer.send(&hello("ticket"));
    peer.expect(4);
    peer.send(&json!([5, "t1cket", {}]));
    let args = answer(&mut authenticator, &json!("guest"));
    assert_eq!((&args[0], &args[1], &args[2]["ticket"]), (&json!("realm1"), &json!("ann"), &json!("t1cket")));
    assert_eq!((&args[2]["authmethod"], &args[2]["authextra"]), (&json!("ticket"), &json!({"a": 1})));
    let transport = &args[2]["transport"];
    assert_eq!((&transport["type"], &transport["protocol"]), (&json!("websocket"), &json!("wamp.2.json")));
    assert!(transport["peer"].as_str().unwrap().starts_with("127.0.0.1:"), "{transport}");
    let headers = &transport["http_headers_received"];
    assert_eq!((&headers["cookie"], &headers["x-forwarded-proto"]), (&json!("session=5"), &json!("https")));
    assert_eq!(headers["upgrade"].as_str().map(str::to_ascii_lowercase).as_deref(), Some("websocket"));
    assert!(headers.get("authorization").is_none(), "{headers}");
    let welcome = peer.expect(2);
    assert_eq!((&welcome[1], &welcome[2]["authrole"]), (&args[2]["session"], &json!("guest")));

    let mut peer = RawSocketPeer::open(router.port("raw"), 15);
    peer.send(&hello("wampcra"));
    let args = answer(&mut authenticator, &json!({"role": "guest", "secret": "s3cr3t-of-ann"}));
    assert_eq!((&args[2]["transport"]["type"], &args[2]["authmethod"]), (&json!("rawsocket"), &json!("wampcra")));
    assert_eq!(args[2]["transport"]["http_headers_received"], json!({}));
    assert_eq!(peer.expect(4)[1], "wampcra");
}

/// A5, section 13 of the limits: the operator hears what was expected and what came, escaped and without secrets; the client
/// hears that it failed.
#[test]
fn what_was_wrong_with_an_answer_is_in_the_log_without_what_is_secret() {
    let router = router();
    let mut authenticator = router.session();
    authenticator.register(PROCEDURE);
    for (result, expected) in [
        (json!({"role": "guest", "secret": ["s3cr3t-of-ann"]}), "expected `secret` to be a string, got a list"),
        (json!({"role": "a\nb", "secret": "s3cr3t-of-ann"}), "expected a role of this realm, got "),
    ] {
        let mut peer = WebSocketPeer::open(router.main(), "wamp.2.json");
        peer.send(&hello("wampcra"));
        answer(&mut authenticator, &result);
        let reason = peer.expect(3)[2].clone();
        assert!(reason == "wamp.error.authentication_failed" || reason == "wamp.error.no_such_role", "{reason}");
        router.log_line(expected);
    }
    assert_eq!((router.metric("wharf_authenticator_faults_total"), router.refused("auth_failed")), (2, 2));
    assert!(!router.log().contains("s3cr3t-of-ann"));
}
