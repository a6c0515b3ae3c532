//! Browsers that are remembered. Source: section 11.7 of the reference.

use crate::http;
use crate::router::{Router, CONFIG};
use crate::websocket_peer::{upgrade, WebSocketPeer};
use serde_json::{json, Value};
use std::io::Write;

const COOKIE: &str = "[realms.realm1.auth.cookie]\n";

fn router() -> Router {
    Router::of(&format!("{CONFIG}\n{COOKIE}"), &[])
}

/// What the answer to an upgrade sets, whole, with what was shown.
fn set(router: &Router, shown: &str) -> String {
    let mut stream = http::connect(router.main());
    let line = if shown.is_empty() { String::new() } else { format!("Cookie: wharf={shown}\r\n") };
    stream.write_all(upgrade(&format!("Sec-WebSocket-Protocol: wamp.2.json\r\n{line}")).as_bytes()).unwrap();
    let (status, head) = http::head_as_sent(&mut stream);
    assert_eq!(status, 101, "{head}");
    cookie(&head).unwrap_or_default().to_owned()
}

/// The line of `Set-Cookie`.
fn cookie(head: &str) -> Option<&str> {
    let lines = head.lines().filter_map(|line| line.split_once(": "));
    let mut cookies = lines.filter(|(name, _)| name.eq_ignore_ascii_case("set-cookie")).map(|(_, value)| value);
    let cookie = cookies.next();
    assert_eq!(cookies.next(), None, "{head}");
    cookie
}

/// A browser: it has the newest cookie.
#[derive(Default)]
struct Browser {
    value: String,
}

impl Browser {
    fn open(&mut self, router: &Router) -> WebSocketPeer {
        let mut stream = http::connect(router.main());
        let shown =
            if self.value.is_empty() { String::new() } else { format!("Cookie: a=b; wharf={}\r\n", self.value) };
        stream.write_all(upgrade(&format!("Sec-WebSocket-Protocol: wamp.2.json\r\n{shown}")).as_bytes()).unwrap();
        let (peer, head) = WebSocketPeer::upgraded_with_head(stream);
        let line = cookie(&head).unwrap().strip_prefix("wharf=").unwrap();
        self.value = line.split(';').next().unwrap().to_owned();
        peer
    }

    /// Says HELLO with these methods; WELCOME's authid and authmethod, or the ABORT's reason.
    fn login(&mut self, router: &Router, methods: &Value) -> (WebSocketPeer, Vec<Value>) {
        let mut peer = self.open(router);
        peer.send(&json!([1, "realm1", { "roles": { "caller": {} }, "authmethods": methods }]));
        let answer = peer.receive();
        let said = match answer[0].as_u64() {
            Some(2) => vec![answer[2]["authid"].clone(), answer[2]["authmethod"].clone()],
            _ => vec![answer[2].clone()],
        };
        (peer, said)
    }

    fn by_cookie(&mut self, router: &Router) -> Vec<Value> {
        self.login(router, &json!(["cookie"])).1
    }

    fn with_ticket(&mut self, router: &Router, ticket: &str) -> WebSocketPeer {
        let mut peer = self.open(router);
        peer.send(&json!([1, "realm1", { "roles": { "caller": {} }, "authmethods": ["ticket"], "authid": "joe" }]));
        peer.expect(4);
        peer.send(&json!([5, ticket, {}]));
        peer
    }
}

fn joe() -> Vec<Value> {
    vec![json!("joe"), json!("cookie")]
}

fn nobody() -> Vec<Value> {
    vec![json!("wamp.error.no_matching_auth_method")]
}

/// A browser that has logged in once does so by its cookie from then on, also where it names no method; others do not.
#[test]
fn a_browser_that_has_proven_who_it_is_is_let_in_by_its_cookie() {
    let router = router();
    let (mut browser, mut other) = (Browser::default(), Browser::default());
    assert_eq!(browser.by_cookie(&router), nobody());
    browser.with_ticket(&router, "s3cret").expect(2);
    other.with_ticket(&router, "guess").expect(3);
    for _ in 0..20 {
        assert_eq!(browser.by_cookie(&router), joe());
    }
    assert_eq!(browser.login(&router, &json!([])).1, joe());
    assert_eq!(browser.login(&router, &json!(["anonymous"])).1[1], "anonymous");
    // Who enters without a proof does not become somebody by that, nor does joe cease to be joe.
    assert_eq!(browser.by_cookie(&router), joe());
    assert_eq!(other.by_cookie(&router), nobody());
    assert_eq!(Browser { value: "x".repeat(43) }.by_cookie(&router), nobody());
}

/// Session fixation: who plants a cookie in a browser gains nothing by what is proven there.
#[test]
fn a_cookie_that_was_planted_opens_nothing() {
    let router = router();
    let mut mallory = Browser::default();
    mallory.open(&router);
    let planted = mallory.value.clone();
    let mut browser = Browser { value: planted.clone() };
    browser.with_ticket(&router, "s3cret").expect(2);
    assert_eq!(browser.by_cookie(&router), joe());
    assert_eq!(Browser { value: planted }.by_cookie(&router), nobody());
}

/// GOODBYE with `wamp.close.logout`.
#[test]
fn a_browser_that_logs_out_is_remembered_no_more() {
    let router = router();
    let mut browser = Browser::default();
    browser.with_ticket(&router, "s3cret").expect(2);
    let older = browser.value.clone();
    let (mut peer, said) = browser.login(&router, &json!(["cookie"]));
    assert_eq!(said, joe());
    peer.send(&json!([6, {}, "wamp.close.logout"]));
    peer.expect(6);
    assert_eq!(browser.by_cookie(&router), nobody());
    assert_eq!(Browser { value: older }.by_cookie(&router), nobody());
}

/// Each upgrade sets a fresh one, out of reach of scripts; where no realm wants one, none is set.
#[test]
fn an_upgrade_sets_a_cookie_where_a_realm_wants_it() {
    let here = router();
    let (first, second) = (set(&here, ""), set(&here, &"x".repeat(43)));
    assert!(
        first.starts_with("wharf=") && first.ends_with("; Path=/; Max-Age=604800; HttpOnly; SameSite=Strict"),
        "{first}"
    );
    assert_ne!(first, second);
    assert_eq!(set(&Router::start(), ""), "");
}
