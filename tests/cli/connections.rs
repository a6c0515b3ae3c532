//! Transports and serializations, and what counts before what. Source: cli.md, section 3.

use crate::router::Router;

#[test]
fn every_transport_carries_every_serialization() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo", "--serializer", "cbor"], "registered com.echo");
    let (plain, tls) = (router.port(0), router.port(1));
    for url in [
        format!("ws://127.0.0.1:{plain}/ws"),
        format!("rs://127.0.0.1:{plain}"),
        format!("wss://localhost:{tls}/ws"),
        format!("rss://localhost:{tls}"),
        "unix:wharf.sock".to_owned(),
    ] {
        for serializer in ["json", "msgpack", "cbor"] {
            let said = client.run(&[
                "call",
                "com.echo",
                "[1,-1,1.5,\"ü\",null]",
                "hex:00ff",
                "-k",
                "a:={}",
                "-o",
                "json",
                "--ca",
                "ca.pem",
                "--url",
                &url,
                "--serializer",
                serializer,
            ]);
            assert_eq!(
                said.ok(),
                "{\"args\":[[1,-1,1.5,\"ü\",null],\"\\u0000AP8=\"],\"kwargs\":{\"a\":{}}}\n",
                "{url} {serializer}"
            );
        }
    }
}

#[test]
fn messages_of_a_megabyte_go_both_ways() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo"], "registered com.echo");
    let text = "x".repeat(1_000_000);
    let body = format!("{{\"args\":[\"{text}\"]}}");
    for url in [format!("ws://127.0.0.1:{}/ws", router.port(0)), format!("rs://127.0.0.1:{}", router.port(0))] {
        let said = client.run_with(&["call", "com.echo", "--json", "-", "-o", "raw", "--url", &url], &body);
        assert_eq!(said.ok().trim_end(), text);
    }
}

#[test]
fn a_flag_counts_before_a_variable_a_variable_before_the_context_and_the_context_before_the_default() {
    let router = Router::start();
    let url = format!("ws://127.0.0.1:{}/ws", router.port(0));
    let client = router.client().with("WHARF_URL", "");
    client.run(&["context", "add", "here", "--url", &url, "--realm", "com.example.closed"]).ok();
    client.run(&["context", "use", "here"]).ok();
    // The context's realm wants a ticket; the variable's does not; the flag's is not there.
    client.run(&["call", "wamp.session.count"]).failed(4);
    let client = client.with("WHARF_REALM", "realm1");
    client.run(&["call", "wamp.session.count"]).ok();
    client.run(&["call", "wamp.session.count", "--realm", "com.example.none"]).failed(6);
    client.run(&["context", "rm", "here"]).ok();
    // Dev mode's port; whoever listens there has no such realm.
    let ended = client.run(&["call", "wamp.session.count", "--realm", "com.example.none"]);
    assert!(ended.code == Some(3) || ended.code == Some(6), "{ended:?}");
}
