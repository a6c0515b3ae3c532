//! Every authentication method, and where its secret comes from.

use crate::router::{Router, SECRET};

/// Who a session is, by the router's own words.
const WHO: [&str; 5] = ["session", "ls", "-o", "json", "--filter"];

#[test]
fn every_method_logs_in_and_says_who_it_is() {
    let router = Router::start();
    let token = router.token("tom");
    let client = router.client().with("TOKEN", &token).with("PASSWORD", SECRET);
    let tls = format!("wss://localhost:{}/ws", router.port(1));
    for (arguments, authid, method) in [
        (&["--authid", "tina", "--ticket", "file:secret"][..], "tina", "ticket"),
        (&["--authid", "carl", "--secret", "env:PASSWORD", "--authmethod", "wampcra"], "carl", "wampcra"),
        (&["--authid", "sue", "--secret", "env:PASSWORD"], "sue", "wamp-scram"),
        (&["--authid", "kim", "--private-key", "file:private.key"], "kim", "cryptosign"),
        (&["--jwt", "env:TOKEN"], "tom", "jwt"),
        (&["--url", &tls, "--ca", "ca.pem", "--cert", "device.pem", "--key", "device.key"], "device", "tls"),
        (
            &["--url", &tls, "--ca", "ca.pem", "--channel-binding", "--authid", "sue", "--secret", "env:PASSWORD"],
            "sue",
            "wamp-scram",
        ),
        (
            &["--url", &tls, "--insecure", "--channel-binding", "--authid", "kim", "--private-key", "file:private.key"],
            "kim",
            "cryptosign",
        ),
    ] {
        let filter = format!("authid={authid}");
        let rows = client.run(&[&WHO[..], &[filter.as_str()], arguments].concat()).json();
        assert_eq!(rows[0]["authmethod"], method, "{arguments:?}: {rows}");
    }
}

#[test]
fn a_ticket_comes_by_standard_input_too() {
    let router = Router::start();
    let client = router.client();
    let rows = [&WHO[..], &["authid=tina", "--authid", "tina", "--ticket", "-"]].concat();
    assert_eq!(client.run_with(&rows, &format!("{SECRET}\n")).json()[0]["authmethod"], "ticket");
    client.run_with(&rows, "wrong\n").failed(4);
}

#[test]
fn a_server_that_is_not_trusted_is_not_spoken_to() {
    let router = Router::start();
    let client = router.client();
    for url in [format!("wss://localhost:{}/ws", router.port(1)), format!("rss://localhost:{}", router.port(1))] {
        let call = ["call", "wamp.session.count", "--url", &url];
        let told = client.run(&call).failed(3);
        assert!(told.contains("TLS") || told.contains("authorities"), "{told}");
        client.run(&[&call[..], &["--ca", "ca.pem"]].concat()).ok();
        client.run(&[&call[..], &["--insecure"]].concat()).ok();
        let other = url.replace("localhost", "127.0.0.1");
        let told = client.run(&["call", "wamp.session.count", "--ca", "ca.pem", "--url", &other]).failed(3);
        assert!(told.contains("not valid for name"), "{told}");
    }
    let told = client.run(&["call", "wamp.session.count", "--channel-binding"]).failed(4);
    assert!(told.contains("does not bind this login"), "{told}");
}

#[test]
fn a_wrong_secret_is_code_4_in_every_method() {
    let router = Router::start();
    let client = router.client().with("WRONG", "no such secret").with("KEY", &"05".repeat(32));
    for arguments in [
        ["--authid", "carl", "--secret", "env:WRONG", "--authmethod", "wampcra"],
        ["--authid", "sue", "--secret", "env:WRONG", "--authmethod", "wamp-scram"],
        ["--authid", "kim", "--private-key", "env:KEY", "--authmethod", "cryptosign"],
        ["--authid", "tom", "--jwt", "env:WRONG", "--authmethod", "jwt"],
    ] {
        let told = client.run(&[&["call", "wamp.session.count"][..], &arguments].concat()).failed(4);
        assert!(told.starts_with("error: wamp.error.authentication_denied\n"), "{told}");
    }
}
