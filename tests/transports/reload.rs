//! SIGHUP: the program changes over to what its files say, or to nothing. Source: configuration, sections 11 and 13;
//! `docs/RELOAD.md`.

use crate::http;
use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{Router, LOOK, PATIENCE};
use crate::tls::HOST;
use crate::tls_peer::{shown, Authority, Client};
use crate::websocket_peer::WebSocketPeer;
use nix::fcntl::OFlag;
use serde_json::{json, Value};
use std::io::{BufRead, BufReader, Write};
use std::net::TcpStream;
use std::os::unix::fs::{MetadataExt, OpenOptionsExt, PermissionsExt};
use std::process::{Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc;
use std::time::Instant;

const CONFIG: &str = r#"
[observability.log]
level = "info"

[shutdown]
spread = "0s"

[listeners.main]
bind = "127.0.0.1:0"
serve = ["websocket", "rawsocket", "rest", "metrics", "health"]
realm = "realm1"

[realms.realm1.auth]
anonymous = { role = "guest", http = true }

[realms.realm1.auth.ticket.users.joe]
ticket = { file = "ticket" }
role = "user"

[realms.realm1.roles.guest]
call = ["com.a.*", "wamp.*"]
register = ["com.a.*"]
publish = ["*"]
subscribe = ["com.a.*"]

[realms.realm1.roles.user]
call = ["*"]

[realms.second.auth]
anonymous = { role = "guest" }
[realms.second.roles.guest]
call = ["*"]
"#;

const RAW: &str = "\n[listeners.raw]\nbind = \"127.0.0.1:0\"\nserve = [\"rawsocket\"]\n";

const DONE: &str = "\"reloaded\"";
const NOT_DONE: &str = "\"not reloaded: the settings are as they were\"";

impl Router {
    pub(super) fn lines_with(&self, text: &str) -> usize {
        self.log().lines().filter(|line| line.contains(text)).count()
    }

    /// Writes another configuration, asks for a reload, and waits for what comes of it: `true`, it is done.
    pub(crate) fn reload(&self, config: &str) -> bool {
        std::fs::write(self.folder().join("wharf.toml"), config).unwrap();
        let (done, not_done) = (self.lines_with(DONE), self.lines_with(NOT_DONE));
        self.signal("-HUP");
        self.wait_for("an end of the reload", |router| {
            router.lines_with(DONE) > done || router.lines_with(NOT_DONE) > not_done
        });
        self.lines_with(DONE) > done
    }

    fn reloads(&self, outcome: &str) -> u64 {
        self.metric(&format!("wharf_reload_total{{outcome=\"{outcome}\"}}"))
    }

    /// The port of a listener that a reload has opened.
    fn opened(&self, listener: &str) -> u16 {
        let line = self.log().lines().rev().find(|line| line.contains("listeners opened")).unwrap().to_owned();
        let (_, rest) = line.split_once(&format!("{listener} 127.0.0.1:")).unwrap();
        rest.split(' ').next().unwrap().parse().unwrap()
    }
}

fn answer(peer: &mut WebSocketPeer, procedure: &str) -> Value {
    peer.call(procedure, &json!([]));
    peer.expect(8)[4].clone()
}

const DENIED: &str = "wamp.error.not_authorized";
const NOBODY: &str = "wamp.error.no_such_procedure";

/// Section 13: a removed permission is in force for the next message; sessions stay.
#[test]
fn a_permission_that_is_taken_is_in_force_for_the_next_message_and_what_it_forbids_is_revoked() {
    let router = Router::of(CONFIG, &[]);
    let mut peer = RawSocketPeer::open(router.main(), 0xF);
    let revocation = |feature: &str| json!({ "features": { feature: true } });
    peer.send(&json!([1, "realm1", { "roles": {
        "caller": {},
        "subscriber": revocation("subscription_revocation"),
        "callee": revocation("registration_revocation"),
    } }]));
    peer.expect(2);
    let answer = |peer: &mut RawSocketPeer, procedure: &str| {
        peer.call(procedure, &json!([]));
        peer.expect(8)[4].clone()
    };
    peer.subscribe("com.a.topic");
    peer.register("com.a.procedure");
    assert_eq!(answer(&mut peer, "com.a.b"), NOBODY);
    assert!(router.reload(&CONFIG.replace("\"com.a.*\"", "\"com.b.*\"")));
    assert_eq!(peer.expect(35)[1], 0);
    assert_eq!(peer.expect(67)[1], 0);
    assert_eq!(answer(&mut peer, "com.a.b"), DENIED);
    assert_eq!(answer(&mut peer, "com.b.b"), NOBODY);
    peer.subscribe("com.b.topic");
    let change = router.log_line("realms.realm1.roles.guest.subscribe");
    assert!(change.contains("com.a.*") && change.contains("com.b.*"), "{change}");
    assert_eq!((router.reloads("done"), router.metric("wharf_sessions")), (1, 1));
}

/// The same for HTTP callers, and for the bridge's own settings.
#[test]
fn rest_obeys_new_rules_and_its_own_new_settings() {
    let router = Router::of(CONFIG, &[]);
    let mut stream = http::connect(router.main());
    let mut post = |procedure: &str, length: usize| {
        let body = format!("{{\"args\":[\"{}\"]}}", "x".repeat(length));
        let head =
            format!("POST /api/v1/call/{procedure} HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json");
        write!(stream, "{head}\r\nContent-Length: {}\r\n\r\n{body}", body.len()).unwrap();
        http::answer(&mut stream).0
    };
    assert_eq!((post("com.a.b", 1), post("com.b.b", 1)), (404, 403));
    let changed = CONFIG.replace("\"com.a.*\"", "\"com.b.*\"") + "\n[rest]\nmax_body = \"2KiB\"\n";
    assert!(router.reload(&changed));
    assert_eq!((post("com.a.b", 1), post("com.b.b", 1)), (403, 404));
    assert_eq!(post("com.b.b", 3000), 413);
}

/// Section 11: realms added and removed.
#[test]
fn realms_come_and_go() {
    let router = Router::of(CONFIG, &[]);
    let mut second = RawSocketPeer::open(router.main(), 0xF);
    second.send(&json!([1, "second", { "roles": { "caller": {} } }]));
    second.expect(2);
    let mut first = router.session();
    assert!(router.reload(&CONFIG.replace("realms.second", "realms.third")));
    assert_eq!(second.expect(6)[2], "wamp.close.close_realm");
    first.lives();
    for (realm, code) in [("third", 2), ("second", 3)] {
        let mut late = RawSocketPeer::open(router.main(), 0xF);
        late.send(&json!([1, realm, { "roles": { "caller": {} } }]));
        late.expect(code);
    }
}

/// Section 11, step 5: a user that is gone.
#[test]
fn a_session_whose_user_is_gone_ends_and_a_changed_secret_is_for_the_next_login() {
    let router = Router::of(CONFIG, &[]);
    let login = |ticket: &str| {
        let mut peer = RawSocketPeer::open(router.main(), 0xF);
        let details = json!({ "roles": { "caller": {} }, "authmethods": ["ticket"], "authid": "joe" });
        peer.send(&json!([1, "realm1", details]));
        peer.expect(4);
        peer.send(&json!([5, ticket, {}]));
        peer
    };
    let mut joe = login("s3cret");
    joe.expect(2);
    std::fs::write(router.folder().join("ticket"), "an0ther\n").unwrap();
    assert!(router.reload(CONFIG));
    login("s3cret").expect(3);
    login("an0ther").expect(2);
    let log = router.log();
    assert!(log.contains("users.joe.ticket") && !log.contains("s3cret") && !log.contains("an0ther"), "{log}");
    assert!(router.reload(&CONFIG.replace("users.joe]", "users.ann]")));
    assert_eq!(joe.expect(6)[2], "wamp.close.killed");
}

/// Section 11: listeners added and removed, and their addresses.
#[test]
fn listeners_come_and_go_and_the_sessions_of_one_that_goes_are_ended() {
    let router = Router::of(CONFIG, &[]);
    let mut stays = router.session();
    assert!(router.reload(&format!("{CONFIG}{RAW}")));
    let port = router.opened("raw");
    let mut goes = RawSocketPeer::join(port, 0xF);
    goes.lives();
    let changed =
        CONFIG.replace("serve = [\"websocket\", \"rawsocket\", ", "max_message = \"2KiB\"\nserve = [\"websocket\", ");
    assert!(router.reload(&changed));
    assert_eq!(goes.expect(6)[2], "wamp.close.system_shutdown");
    router.wait_for("the port is closed", |_| TcpStream::connect(("127.0.0.1", port)).is_err());
    // The other one has kept its port, its sessions, and has new settings for new connections.
    stays.call("com.a.x", &json!(["x".repeat(3000)]));
    stays.expect(8);
    let mut young = router.session();
    young.call("com.a.x", &json!(["x".repeat(3000)]));
    assert_eq!(young.closed(), Some(1009));
    let mut refused = http::connect(router.main());
    refused.write_all(&[0x7F, 0xF1, 0, 0]).unwrap();
    assert!(!http::rest(&mut refused).starts_with(&[0x7F]), "RawSocket is served no more");
}

/// `mode` of a Unix socket, and an address that passes to a listener of another name: neither is closed for it.
#[test]
fn a_unix_socket_gets_another_mode_and_a_renamed_listener_keeps_its_address() {
    let unix = "\n[listeners.local]\nbind = \"unix:s\"\nmode = \"0600\"\nserve = [\"rawsocket\"]\n";
    let router = Router::of(&format!("{CONFIG}{unix}"), &[]);
    let path = router.folder().join("s");
    let mode = || std::fs::metadata(&path).unwrap().permissions().mode() & 0o777;
    let number = || std::fs::metadata(&path).unwrap().ino();
    let (before, mut old) = (number(), RawSocketPeer::join_unix(&path));
    assert_eq!(mode(), 0o600);
    assert!(router.reload(&format!("{CONFIG}{}", unix.replace("0600", "0666"))));
    assert_eq!((mode(), number()), (0o666, before));
    old.lives();
    assert!(router.reload(&format!("{CONFIG}{}", unix.replace("listeners.local", "listeners.other"))));
    assert_eq!((mode(), number()), (0o600, before));
    assert_eq!(old.expect(6)[2], "wamp.close.system_shutdown", "the listener that it came by is gone");
    RawSocketPeer::join_unix(&path).lives();
    assert!(router.reload(CONFIG));
    router.wait_for("the file is gone", |_| !path.exists());
}

/// A connection that is kept alive for HTTP does not outlive its listener by more than a request.
#[test]
fn an_http_connection_of_a_listener_that_is_gone_has_one_last_answer() {
    let extra = "\n[listeners.ops]\nbind = \"127.0.0.1:0\"\nserve = [\"health\"]\n";
    let router = Router::of(&format!("{CONFIG}{extra}"), &[]);
    let mut stream = http::connect(router.port("ops"));
    let mut get = || {
        write!(stream, "GET /livez HTTP/1.1\r\nHost: localhost\r\n\r\n").unwrap();
        http::answer(&mut stream).0
    };
    assert_eq!(get(), 200);
    assert!(router.reload(CONFIG));
    assert_eq!(get(), 503);
    assert!(http::rest(&mut stream).is_empty());
}

/// Section 11: an address in use undoes everything.
#[test]
fn what_cannot_be_prepared_changes_nothing() {
    let router = Router::of(CONFIG, &[]);
    let taken = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
    let place = format!("[\"127.0.0.1:0\", \"{}\"]", taken.local_addr().unwrap());
    let more = RAW.replace("\"127.0.0.1:0\"", &place);
    let changed = format!("{}{more}", CONFIG.replace("\"com.a.*\"", "\"com.b.*\""));
    assert!(!router.reload(&changed));
    let mut peer = router.session();
    assert_eq!((answer(&mut peer, "com.a.b"), answer(&mut peer, "com.b.b")), (json!(NOBODY), json!(DENIED)));
    assert_eq!((router.reloads("failed"), router.reloads("done")), (1, 0));
    drop(taken);
    assert!(router.reload(&changed));
}

/// Section 13: a bad file changes nothing and says why, with its place; so does a key that needs a restart.
#[test]
fn a_bad_file_changes_nothing_and_says_why() {
    let router = Router::of(CONFIG, &[]);
    let mut peer = router.session();
    let broken = CONFIG.replace("role = \"user\"", "role = \"usr\"").replace("call = [\"*\"]", "cal = [\"*\"]");
    for (config, code, place) in [
        (broken.as_str(), "E030", "wharf.toml:18:8"),
        (broken.as_str(), "E003", "wharf.toml:27:1"),
        ("not TOML", "E001", "wharf.toml:1:"),
        (&format!("[node]\nworkers = 7\n{CONFIG}"), "E050", "wharf.toml:2:11"),
    ] {
        assert!(!router.reload(config));
        let log = router.log();
        assert!(log.contains(code) && log.contains(place), "{code} {place}\n{log}");
    }
    assert_eq!((answer(&mut peer, "com.a.b"), answer(&mut peer, "com.b.b")), (json!(NOBODY), json!(DENIED)));
    assert_eq!((router.reloads("refused"), router.reloads("done")), (4, 0));
    // Byte for byte what it was: the right file again is no change.
    assert!(router.reload(CONFIG));
    assert!(router.log_line(DONE).contains("\"changes\":0"), "{}", router.log());
}

/// Section 11: limits at once.
#[test]
fn limits_hold_at_once() {
    let router = Router::of(CONFIG, &[]);
    let mut peer = router.session();
    peer.subscribe("com.a.1");
    let limits = "\n[limits]\nmax_connections = 2\n[realms.realm1.limits]\nmax_subscriptions_per_session = 1\n";
    assert!(router.reload(&format!("{CONFIG}{limits}")));
    let request = peer.next_request();
    peer.send(&json!([32, request, {}, "com.a.2"]));
    assert_eq!(peer.expect(8)[4], "wharf.error.limit_exceeded");
    let _second = router.session();
    let mut third = http::connect(router.main());
    assert!(http::rest(&mut third).is_empty());
}

/// Section 11: the level of the log.
#[test]
fn the_level_of_the_log_changes_at_once() {
    let router = Router::of(CONFIG, &[]);
    drop(router.session());
    router.log_line("session open");
    let warn = CONFIG.replace("level = \"info\"", "level = \"warn\"");
    std::fs::write(router.folder().join("wharf.toml"), warn).unwrap();
    router.signal("-HUP");
    router.wait_for("the reload", |router| router.reloads("done") == 1);
    let before = router.lines_with("session open");
    drop(router.session());
    router.wait_for("the session is gone", |router| router.metric("wharf_sessions") == 0);
    assert_eq!(router.lines_with("session open"), before);
    assert!(router.reload(&CONFIG.replace("level = \"info\"", "level = \"debug\"")));
    drop(router.session());
    router.wait_for("the log", |router| router.lines_with("session open") > before);
}

/// Section 13: a changed certificate, and TLS that comes to a listener, without dropping anybody.
#[test]
fn certificates_are_read_again_and_tls_may_come_and_go() {
    let (folder, authority) = (tempfile::tempdir().unwrap(), Authority::new());
    let pairs = [authority.server(&[HOST]), authority.server(&[HOST])];
    pairs[0].write(folder.path(), "server");
    let plain = format!("{CONFIG}{RAW}");
    let secure = format!("{plain}tls = {{ cert = \"server.pem\", key = \"server.key\", watch = false }}\n");
    let router = Router::in_folder(folder, &secure, &[], &mut Command::new(env!("CARGO_BIN_EXE_wharf")));
    let client = Client::of(&authority);
    let shows = |number: usize| shown(&client.connect(router.port("raw"), HOST).unwrap()) == pairs[number].der();
    let mut old = RawSocketPeer::on(client.connect(router.port("raw"), HOST).unwrap(), 0xF);
    old.hello(&json!({}));
    pairs[1].write(router.folder(), "server");
    assert!(shows(0), "nobody looks at the files");
    assert!(router.reload(&secure));
    assert!(shows(1));
    old.lives();
    // Half of a pair: everything stays.
    pairs[0].write_key(router.folder(), "server");
    assert!(!router.reload(&secure.replace("\"com.a.*\"", "\"com.b.*\"")));
    assert!(shows(1) && router.log().contains("E043"));
    assert!(router.reload(&plain));
    RawSocketPeer::join(router.port("raw"), 0xF).lives();
    old.lives();
}

/// Dev mode: a change of the file is enough.
#[test]
fn in_dev_mode_a_changed_file_is_read_without_being_asked_for() {
    let dev = format!("[node]\ndev = true\n{CONFIG}");
    let router = Router::of(&dev, &[]);
    let mut peer = router.session();
    assert_eq!(answer(&mut peer, "com.b.b"), DENIED);
    std::fs::write(router.folder().join("wharf.toml"), dev.replace("\"com.a.*\"", "\"com.b.*\"")).unwrap();
    router.wait_for("the reload", |router| router.reloads("done") == 1);
    assert_eq!(answer(&mut peer, "com.b.b"), NOBODY);
    std::fs::write(router.folder().join("wharf.toml"), "broken = ").unwrap();
    router.wait_for("the refusal", |router| router.reloads("refused") == 1);
    assert_eq!(answer(&mut peer, "com.b.b"), NOBODY);
}

/// SIGHUP of a terminal that is closed ends the program, as it always did.
#[test]
fn closing_the_terminal_ends_what_was_started_there() {
    let folder = tempfile::tempdir().unwrap();
    let config = CONFIG.replace("ticket = { file = \"ticket\" }", "ticket = { env = \"TICKET\" }");
    std::fs::write(folder.path().join("wharf.toml"), config).unwrap();
    // No child of any test may inherit the other end: it would keep the terminal open.
    let flags = OFlag::O_RDWR | OFlag::O_NOCTTY | OFlag::O_CLOEXEC;
    let terminal = nix::pty::posix_openpt(flags).unwrap();
    nix::pty::grantpt(&terminal).unwrap();
    nix::pty::unlockpt(&terminal).unwrap();
    // Nor may it become the terminal of this process.
    let mut options = std::fs::OpenOptions::new();
    options.read(true).write(true).custom_flags(OFlag::O_NOCTTY.bits());
    let slave = options.open(nix::pty::ptsname_r(&terminal).unwrap());
    let mut command = Command::new(env!("CARGO_BIN_EXE_wharf"));
    command.arg("serve").current_dir(folder.path()).env_clear().env("TICKET", "s3cret");
    let mut child = command.stdin(Stdio::null()).stderr(slave.unwrap()).spawn().unwrap();
    drop(command);
    let (said, heard) = mpsc::channel();
    let lines = BufReader::new(terminal);
    std::thread::spawn(move || {
        // It ends with the first line of the banner, and the terminal with it.
        let banner = lines.lines().map_while(Result::ok).find(|line| line.starts_with("wharf 0"));
        said.send(banner)
    });
    assert!(heard.recv_timeout(PATIENCE).unwrap().is_some());
    let hang_up = || Command::new("kill").args(["-HUP", &child.id().to_string()]).status().unwrap();
    assert!(hang_up().success());
    let until = Instant::now() + PATIENCE;
    let status = loop {
        if let Some(status) = child.try_wait().unwrap() {
            break status;
        }
        if Instant::now() > until {
            child.kill().unwrap();
            panic!("it runs on");
        }
        std::thread::park_timeout(LOOK);
    };
    assert_eq!(status.code(), Some(0));
}

/// How many reloads the next test does: `scripts/reloads.sh` does all that are promised.
fn reloads_wanted() -> u64 {
    std::env::var("WHARF_RELOADS").ok().and_then(|number| number.parse().ok()).unwrap_or(40)
}

/// Section 13: reloads under load drop no session and fail no call.
#[test]
fn a_thousand_reloads_under_load_drop_no_session_and_fail_no_call() {
    let router = Router::of(CONFIG, &[]);
    let stop = AtomicBool::new(false);
    let reloads = reloads_wanted();
    let calls: u64 = std::thread::scope(|scope| {
        let load: Vec<_> = (0..3)
            .map(|number| {
                let (mut session, stop) = (router.session(), &stop);
                scope.spawn(move || {
                    let procedure = format!("com.a.echo{number}");
                    session.register(&procedure);
                    let mut calls = 0;
                    while !stop.load(Ordering::Relaxed) || calls == 0 {
                        session.call(&procedure, &json!([calls]));
                        let invocation = session.expect(68);
                        session.send(&json!([70, invocation[1], {}, invocation[4]]));
                        assert_eq!(session.expect(50)[3], json!([calls]));
                        calls += 1;
                    }
                    session.lives();
                    calls
                })
            })
            .collect();
        // Every second one takes something away, and every third has another listener.
        for number in 0..reloads {
            let mut config = CONFIG.replace("publish = [\"*\"]", &format!("publish = [\"com.{}.*\"]", number % 2));
            if number % 3 == 0 {
                config.push_str(RAW);
            }
            if number % 5 == 4 {
                assert!(!router.reload("broken = "));
            }
            assert!(router.reload(&config), "{number}");
        }
        stop.store(true, Ordering::Relaxed);
        load.into_iter().map(|session| session.join().unwrap()).sum()
    });
    assert!(calls > reloads, "{calls}");
    router.wait_for("the end of the sessions", |router| router.metric("wharf_sessions") == 0);
    assert_eq!((router.reloads("done"), router.reloads("refused")), (reloads, reloads / 5));
}
