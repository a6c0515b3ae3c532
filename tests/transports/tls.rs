//! TLS on listeners: versions, names, clients' certificates, and who speaks the wrong thing. Z3, T1, U1.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::Router;
use crate::tls_peer::{shown, Authority, Client, Secured, V12, V13};
use crate::websocket_peer::{upgrade, WebSocketPeer};
use rcgen::ExtendedKeyUsagePurpose;
use serde_json::json;
use std::io::{Read, Write};
use std::process::Command;
use std::time::{Duration, Instant};

/// A listener with TLS beside a plain one.
const CONFIG: &str = r#"
[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "rawsocket", "metrics", "health"]

[listeners.secure]
bind = "127.0.0.1:0"
serve = ["websocket", "rawsocket", "rest", "health"]
[listeners.secure.tls]
cert = "server.pem"
key = "server.key"

[listeners.raw]
bind = "127.0.0.1:0"
serve = ["rawsocket"]
tls = { cert = "server.pem", key = "server.key" }

[realms.realm1.auth]
anonymous = { role = "guest", http = true }

[realms.realm1.roles.guest]
call = ["*", "wamp.*"]
register = ["*"]
publish = ["*"]
subscribe = ["*"]
allow_disclose_caller = true
"#;

pub(crate) const HOST: &str = "router.example";

/// A router with a certificate for [`HOST`], and whose authority signed it.
pub(crate) fn router(sets: &[&str]) -> (Router, Authority) {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server(&[HOST]).write(folder.path(), "server");
    (start(folder, sets), authority)
}

pub(crate) fn start(folder: tempfile::TempDir, sets: &[&str]) -> Router {
    Router::in_folder(folder, CONFIG, sets, &mut Command::new(env!("CARGO_BIN_EXE_wharf")))
}

fn secure(router: &Router, client: &Client<'_>) -> Secured {
    client.connect(router.port("secure"), HOST).unwrap()
}

pub(crate) fn websocket(stream: Secured) -> WebSocketPeer<Secured> {
    let mut peer = websocket_before_hello(stream);
    peer.hello();
    peer
}

fn websocket_before_hello(mut stream: Secured) -> WebSocketPeer<Secured> {
    stream.write_all(upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n").as_bytes()).unwrap();
    WebSocketPeer::upgraded(stream)
}

/// U1 within TLS, in both versions.
#[test]
fn each_protocol_is_known_by_its_first_octet_within_both_versions_of_tls() {
    let (router, authority) = router(&[]);
    for version in [&V12, &V13] {
        let client = Client { versions: version, ..Client::of(&authority) };
        let mut stream = secure(&router, &client);
        assert_eq!(stream.conn.protocol_version(), Some(version[0].version));
        stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n").unwrap();
        assert_eq!(http::answer(&mut stream).0, 200);
        websocket(secure(&router, &client)).lives();
        for listener in ["secure", "raw"] {
            let mut peer = RawSocketPeer::on(client.connect(router.port(listener), HOST).unwrap(), 0xF);
            peer.hello(&json!({}));
            peer.lives();
        }
    }
    assert_eq!(router.refused("tls"), 0);
}

/// Large messages go both ways, and one that does not read is no different from others.
#[test]
fn large_messages_pass_and_what_waits_for_a_peer_that_reads_late_is_not_lost() {
    let (router, authority) = router(&[]);
    let client = Client::of(&authority);
    let (mut publisher, mut subscriber) = (router.session(), websocket(secure(&router, &client)));
    subscriber.subscribe("com.example.large");
    let text = "x".repeat(900_000);
    for number in 0..4 {
        let request = publisher.next_request();
        publisher.send(&json!([16, request, {"acknowledge": true}, "com.example.large", [number, text]]));
        publisher.expect(17);
    }
    for number in 0..4 {
        let event = subscriber.expect(36);
        assert_eq!((&event[4][0], event[4][1].as_str().unwrap().len()), (&json!(number), text.len()));
    }
    let mut raw = RawSocketPeer::on(secure(&router, &client), 0xF);
    raw.hello(&json!({}));
    let request = raw.next_request();
    raw.send(&json!([16, request, {"acknowledge": true}, "com.example.large", [4, text]]));
    raw.expect(17);
    assert_eq!(subscriber.expect(36)[4][0], 4);
}

/// S1: what TLS has taken and not sent is bounded, and hides nobody who does not read.
#[test]
fn a_subscriber_within_tls_that_does_not_read_is_cut_and_costs_little() {
    let (router, authority) = router(&[]);
    let (mut publisher, mut subscriber) = (router.session(), websocket(secure(&router, &Client::of(&authority))));
    subscriber.subscribe("com.example.flood");
    let text = "x".repeat(60_000);
    let before = router.resident();
    let cut = (0..1000).find(|_| {
        let request = publisher.next_request();
        publisher.send(&json!([16, request, {"acknowledge": true}, "com.example.flood", [text]]));
        publisher.expect(17);
        request % 20 == 0 && router.refused("slow_consumer") == 1
    });
    assert!(cut.is_some(), "60 MB were kept for a peer that does not read");
    let grown = router.resident().saturating_sub(before);
    assert!(grown < 16 << 10, "{grown} KiB");
    publisher.lives();
}

#[test]
fn an_older_version_than_the_listeners_is_refused() {
    let (router, authority) = router(&["listeners.secure.tls.min_version=\"1.3\""]);
    let port = router.port("secure");
    assert!(Client { versions: &V12, ..Client::of(&authority) }.connect(port, HOST).is_err());
    websocket(secure(&router, &Client::of(&authority))).lives();
    assert_eq!(router.refused("tls"), 1);
}

#[test]
fn http_1_1_is_chosen_where_the_client_asks_and_nothing_else_is_known() {
    let (router, authority) = router(&[]);
    let browser = Client { alpn: &[b"h2", b"http/1.1"], ..Client::of(&authority) };
    let stream = secure(&router, &browser);
    assert_eq!(stream.conn.alpn_protocol(), Some(&b"http/1.1"[..]));
    websocket(stream).lives();
    let other = Client { alpn: &[b"h2"], ..Client::of(&authority) };
    assert!(other.connect(router.port("secure"), HOST).is_err());
}

/// SNI.
#[test]
fn the_certificate_is_that_of_the_host_asked_for_else_the_first() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let [first, shop, stars] =
        [&[HOST][..], &["shop.example", "b.example"], &["*.shop.example"]].map(|hosts| authority.server(hosts));
    for (pair, name) in [(&first, "server"), (&shop, "shop"), (&stars, "stars")] {
        pair.write(folder.path(), name);
    }
    let more = "listeners.secure.tls.certificates=[{ cert = \"shop.pem\", key = \"shop.key\" }, { cert = \"stars.pem\", key = \"stars.key\" }]";
    let router = start(folder, &[more]);
    let client = Client::of(&authority);
    for (host, pair) in [(HOST, &first), ("shop.example", &shop), ("b.example", &shop), ("x.shop.example", &stars)] {
        let stream = client.connect(router.port("secure"), host).unwrap();
        assert!(shown(&stream) == pair.der(), "{host}");
    }
    // Nobody trusts it for this name; that is what the client says, and the router counts.
    assert!(client.connect(router.port("secure"), "elsewhere.example").is_err());
}

/// Who may come in with which certificate.
#[test]
fn clients_certificates_are_asked_for_as_configured() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server(&[HOST]).write(folder.path(), "server");
    let (clients, strangers) = (Authority::new(), Authority::new());
    std::fs::write(folder.path().join("clients.pem"), clients.pem()).unwrap();
    let (good, bad) = (clients.client("joe"), strangers.client("joe"));
    let late = clients.expired("joe.example", ExtendedKeyUsagePurpose::ClientAuth);
    let wrong = clients.server(&["joe.example"]);
    let ca = "listeners.secure.tls.client_ca=\"clients.pem\"";
    let mut folder = Some(folder);
    for (auth, none, others) in [("off", true, true), ("optional", true, false), ("required", false, false)] {
        let router = start(folder.take().unwrap(), &[ca, &format!("listeners.secure.tls.client_auth=\"{auth}\"")]);
        for (certificate, expected) in
            [(None, none), (Some(&good), true), (Some(&bad), others), (Some(&late), others), (Some(&wrong), others)]
        {
            for version in [&V12, &V13] {
                let client = Client { certificate, versions: version, ..Client::of(&authority) };
                assert_eq!(gets_an_answer(&router, &client), expected, "{auth}");
            }
        }
        folder = Some(router.killed());
    }
}

/// In TLS 1.3 a client hears of its refusal only after its own side of the handshake.
pub(crate) fn gets_an_answer(router: &Router, client: &Client<'_>) -> bool {
    let Ok(mut stream) = client.connect(router.port("secure"), HOST) else { return false };
    let mut octet = [0];
    stream.write_all(b"GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").is_ok()
        && stream.read(&mut octet).is_ok_and(|read| read == 1)
}

/// T1.
#[test]
fn who_does_not_finish_the_tls_handshake_in_time_is_closed() {
    let (router, authority) = router(&["limits.handshake_timeout=500ms"]);
    let start = Instant::now();
    let hello = hello(&authority);
    let mut silent: Vec<_> = [0, 1, 5, hello.len() / 2]
        .into_iter()
        .map(|octets| {
            let mut stream = http::connect(router.port("secure"));
            stream.write_all(&hello[..octets]).unwrap();
            stream
        })
        .collect();
    // A handshake that is done is no HELLO.
    let quiet = secure(&router, &Client::of(&authority));
    let mut dripping = http::connect(router.port("secure"));
    let drips = hello.iter().take_while(|octet| {
        std::thread::park_timeout(Duration::from_millis(20));
        dripping.write_all(&[**octet]).is_ok()
    });
    let good = Instant::now();
    websocket(secure(&router, &Client::of(&authority))).lives();
    assert!(good.elapsed() < Duration::from_secs(2));
    assert!(drips.count() < hello.len(), "one octet after the other is no sign of life");
    for stream in &mut silent {
        assert_eq!(http::rest(stream), b"");
    }
    http::rest(&mut quiet.sock.try_clone().unwrap());
    assert!(start.elapsed() >= Duration::from_millis(400));
    router.wait_for("all are counted", |router| router.refused("handshake_timeout") == 6);
}

/// A ClientHello.
fn hello(authority: &Authority) -> Vec<u8> {
    let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let mut stream = Client::of(authority).on(http::connect(listener.local_addr().unwrap().port()), HOST);
    let mut octets = Vec::new();
    stream.conn.write_tls(&mut octets).unwrap();
    octets
}

/// The mistakes of section 4 of the newcomer's page, the other way round.
#[test]
fn who_speaks_no_tls_on_a_port_with_it_is_told_in_a_sentence() {
    let (router, _) = router(&[]);
    let upgrade = upgrade("Sec-WebSocket-Protocol: wamp.2.json\r\n");
    for (listener, meant) in [("secure", "wss://"), ("raw", "RawSocket over TLS")] {
        for octets in [upgrade.as_bytes(), &[0x7F, 0xF1, 0, 0], &[0; 64], b"\xFF"] {
            let mut stream = http::connect(router.port(listener));
            stream.write_all(octets).unwrap();
            let said = String::from_utf8(http::rest(&mut stream)).unwrap();
            assert!(said.starts_with("HTTP/1.1 400 ") && said.contains(meant), "{said}");
        }
    }
    assert_eq!(router.refused("tls"), 8);
    assert!(router.log_line("no TLS on a port with it").contains("secure"));
}

/// Rule 6 of section 1 of the limits.
#[test]
fn a_flood_of_broken_handshakes_is_counted_and_logged_with_restraint() {
    let (router, authority) = router(&["node.workers=1"]);
    let hello = hello(&authority);
    for number in 0..100 {
        let mut stream = http::connect(router.port("secure"));
        let mut broken = hello.clone();
        // The record is whole, and what it says is not.
        broken[6 + number % 60] ^= 0xFF;
        stream.write_all(&broken).unwrap();
        // An answer, an alert, or the end at once; never silence.
        let mut octet = [0];
        let _answered = stream.read(&mut octet);
    }
    router.wait_for("most are refused", |router| router.refused("tls") > 20);
    let lines = router.log().lines().filter(|line| line.contains("TLS handshake failed")).count();
    assert!((10..60).contains(&lines), "{lines}");
    websocket(secure(&router, &Client::of(&authority))).lives();
}

/// Garbage of every length after the octet that begins TLS.
#[test]
fn garbage_in_place_of_a_handshake_ends_the_connection() {
    let (router, authority) = router(&["limits.handshake_timeout=500ms"]);
    for length in [0, 1, 2, 4, 5, 6, 50, 5000] {
        let mut stream = http::connect(router.port("secure"));
        let octets: Vec<u8> = std::iter::once(0x16).chain((0..length).map(|n| (n * 37 % 251) as u8)).collect();
        stream.write_all(&octets).unwrap();
        let said = http::rest(&mut stream);
        assert!(said.is_empty() || said[0] == 0x15, "an alert: {said:?}");
    }
    websocket(secure(&router, &Client::of(&authority))).lives();
}

/// The peer's own end, and ours.
#[test]
fn a_session_within_tls_ends_in_order() {
    let (router, authority) = router(&[]);
    let mut peer = websocket(secure(&router, &Client::of(&authority)));
    peer.send(&json!([6, {}, "wamp.close.close_realm"]));
    peer.expect(6);
    let mut cut = websocket(secure(&router, &Client::of(&authority)));
    cut.text("no message");
    cut.aborted("wamp.error.protocol_violation", 1002);
}

/// What the meta API shows.
#[test]
fn the_details_of_a_session_say_whether_it_is_within_tls() {
    let (router, authority) = router(&[]);
    let _inside = websocket(secure(&router, &Client::of(&authority)));
    let mut raw = RawSocketPeer::on(secure(&router, &Client::of(&authority)), 0xF);
    raw.hello(&json!({}));
    let mut stream = secure(&router, &Client::of(&authority));
    let request =
        "POST /api/v1/realms/realm1/call/wamp.session.count HTTP/1.1\r\nHost: localhost\r\nContent-Length: 0\r\n\r\n";
    stream.write_all(request.as_bytes()).unwrap();
    let (status, _, body) = http::answer(&mut stream);
    assert_eq!(status, 200, "{body}");
    let mut observer = router.session();
    observer.call("wamp.session.list", &json!([]));
    let sessions = observer.expect(50)[3][0].clone();
    let mut found = Vec::new();
    for session in sessions.as_array().unwrap() {
        observer.call("wamp.session.get", &json!([session]));
        let transport = observer.expect(50)[3][0]["transport"].clone();
        found.push((transport["type"].as_str().unwrap().to_owned(), transport["tls"].as_bool().unwrap()));
    }
    found.sort();
    let expected = [("http", true), ("rawsocket", true), ("websocket", false), ("websocket", true)];
    assert_eq!(found, expected.map(|(kind, tls)| (kind.to_owned(), tls)));
}

/// Section 11.7: the certificate is the proof, for sessions and for HTTP callers.
#[test]
fn a_client_comes_in_under_the_name_in_its_certificate() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    authority.server(&[HOST]).write(folder.path(), "server");
    let clients = Authority::new();
    std::fs::write(folder.path().join("clients.pem"), clients.pem()).unwrap();
    let router = start(
        folder,
        &[
            "listeners.secure.tls.client_ca=\"clients.pem\"",
            "listeners.secure.tls.client_auth=\"optional\"",
            "realms.realm1.auth.tls={ authid = \"san.email\", role = \"guest\" }",
        ],
    );
    let joe = clients.client("joe");
    let client = Client::with(&authority, &joe);
    let hello = |stream: Secured, more: &str| {
        let mut peer = websocket_before_hello(stream);
        peer.text(&format!(r#"[1, "realm1", {{"roles": {{"caller": {{}}}}{more}}}]"#));
        let answer = peer.receive();
        let name = answer[2]["authid"].as_str().map(str::to_owned);
        (name, answer[2]["authmethod"].as_str().unwrap_or_default().to_owned())
    };
    let joe_by_tls = (Some("joe@example".to_owned()), "tls".to_owned());
    assert_eq!(hello(secure(&router, &client), r#", "authmethods": ["tls", "anonymous"]"#), joe_by_tls);
    assert_eq!(hello(secure(&router, &client), ""), joe_by_tls);
    assert_eq!(hello(secure(&router, &client), r#", "authmethods": ["tls"], "authid": "ann""#).0, None);
    assert_eq!(hello(secure(&router, &client), r#", "authmethods": ["anonymous"]"#).1, "anonymous");
    let nobody = Client::of(&authority);
    assert_eq!(hello(secure(&router, &nobody), r#", "authmethods": ["tls"]"#).0, None);
    assert_eq!(hello(secure(&router, &nobody), r#", "authmethods": ["tls", "anonymous"]"#).1, "anonymous");

    let mut stream = secure(&router, &client);
    let request = |origin: &str| {
        format!("POST /api/v1/realms/realm1/call/com.example.who HTTP/1.1\r\nHost: localhost\r\n{origin}Content-Length: 0\r\n\r\n")
    };
    let mut callee = router.session();
    callee.send(&json!([64, 1, {"disclose_caller": true}, "com.example.who"]));
    callee.expect(65);
    stream.write_all(request("").as_bytes()).unwrap();
    let invocation = callee.expect(68);
    assert_eq!(invocation[3]["caller_authid"], "joe@example", "{invocation}");
    callee.send(&json!([70, invocation[1], {}]));
    assert_eq!(http::answer(&mut stream).0, 200);
    // A page from elsewhere makes the browser show the certificate: that is nobody's wish.
    for origin in ["https://evil.example", "http://localhost", "null"] {
        stream.write_all(request(&format!("Origin: {origin}\r\n")).as_bytes()).unwrap();
        assert_eq!(http::answer(&mut stream).0, 403, "{origin}");
    }
}
