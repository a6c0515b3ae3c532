//! Lists: filters, order, templates, and whoever watches.

use crate::program::Running;
use crate::router::Router;
use serde_json::{json, Value};

fn read(line: &str) -> Value {
    serde_json::from_str(line).unwrap()
}

#[test]
fn lists_are_filtered_and_sorted_by_what_is_shown_and_what_is_known() {
    let router = Router::start();
    let client = router.client();
    let _a = client.spawn(&["register", "com.b", "--echo"], "registered com.b");
    let _b = client.spawn(&["register", "com.a.", "--echo", "--match", "prefix"], "registered com.a.");
    let uris = |arguments: &[&str]| -> Vec<String> {
        let printed =
            client.run(&[&["procedure", "ls", "-o", "template", "--template", "{{uri}}"], arguments].concat());
        printed.ok().lines().map(str::to_owned).collect()
    };
    assert_eq!(uris(&[]), ["com.a.", "com.b"]);
    assert_eq!(uris(&["--sort", "match"]), ["com.b", "com.a."]);
    assert_eq!(uris(&["--filter", "match=prefix"]), ["com.a."]);
    assert_eq!(uris(&["--filter", "match=prefix", "--filter", "callees=2"]), Vec::<String>::new());
    let told = client.run(&["procedure", "ls", "--sort", "nothing"]).failed(2);
    assert!(told.starts_with("error: --sort: nothing has `nothing`; there are: uri, match, invoke"), "{told}");
    client.run(&["procedure", "ls", "--filter", "match"]).failed(2);
    // Not a column, and known all the same.
    let rows = client.run(&["session", "ls", "--filter", "transport.protocol=wamp.2.json"]).json();
    assert_eq!(rows.as_array().unwrap().len(), 3, "{rows}");
}

#[test]
fn a_template_is_a_line_for_each_result_event_and_row() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo"], "registered com.echo");
    let form = ["-o", "template", "--template"];
    let call = |template: &str| {
        client.run(&[&["call", "com.echo", "a b", "2", "-k", "n:={\"m\":1}"], &form[..], &[template]].concat())
    };
    assert_eq!(call("{{args.0}}, {{ args.1 }}: {{kwargs.n}} {{kwargs.n.m}}{{args.9}}").ok(), "a b, 2: {\"m\":1} 1\n");
    assert_eq!(call("{{.}}").ok(), "{\"args\":[\"a b\",2],\"kwargs\":{\"n\":{\"m\":1}}}\n");
    let subscriber = client.spawn(
        &[&["subscribe", "com.n.", "--match", "prefix", "--count", "2"], &form[..], &["{{topic}}={{args.0}}"]].concat(),
        "subscribed com.n.",
    );
    client.run(&["publish", "com.n.a", "x"]).ok();
    client.run(&["publish", "com.n.b", "y"]).ok();
    assert_eq!(subscriber.end().ok(), "com.n.a=x\ncom.n.b=y\n");
    assert!(call("{{args.0").failed(2).contains("expected }} behind {{"));
    client.run(&["call", "com.echo", "-o", "template"]).failed(2);
    let told = client.run(&["call", "com.echo", "-o", "json", "--template", "x"]).failed(2);
    assert_eq!(told, "{\"error\":\"usage\",\"message\":\"--template: expected -o template with it\"}\n");
}

#[test]
fn who_watches_a_list_gets_a_line_for_each_change_until_it_is_stopped() {
    let router = Router::start();
    let client = router.client();
    let watcher = client.begin(&["topic", "ls", "--watch", "--every", "10ms", "--filter", "uri=com.t"]);
    let subscriber = client.spawn(&["subscribe", "com.t"], "subscribed com.t");
    let line = read(&watcher.out_line());
    assert_eq!((&line["change"], &line["uri"], &line["subscribers"]), (&json!("new"), &json!("com.t"), &json!(1)));
    let second = client.spawn(&["subscribe", "com.t"], "subscribed com.t");
    let line = read(&watcher.out_line());
    assert_eq!((&line["change"], &line["subscribers"]), (&json!("changed"), &json!(2)));
    second.signal("-INT");
    assert_eq!(read(&watcher.out_line())["change"], "changed");
    subscriber.signal("-INT");
    assert_eq!(read(&watcher.out_line())["change"], "gone");
    watcher.signal("-INT");
    assert_eq!(watcher.end().code, Some(130));
}

#[test]
fn who_watches_denials_gets_each_of_them_once() {
    let router = Router::start();
    let client = router.client();
    let root = client.clone().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    client.run(&["call", "secret.a"]).failed(5);
    let watcher = root.begin(&["denials", "--realm", "realm1", "--watch", "--every", "10ms"]);
    assert_eq!(read(&watcher.out_line())["uri"], "secret.a");
    client.run(&["publish", "secret.b"]).failed(5);
    client.run(&["call", "secret.c"]).failed(5);
    assert_eq!(read(&watcher.out_line())["uri"], "secret.b");
    assert_eq!(read(&watcher.out_line())["uri"], "secret.c");
    let one = root.run(&["denials", "--realm", "realm1", "--filter", "action=publish", "-o", "jsonl"]).ok();
    assert_eq!(one.lines().count(), 1, "{one}");
}

#[test]
fn times_of_tables_are_those_of_the_machine_or_utc() {
    let router = Router::start();
    let client = router.client().with("TZ", "EST5");
    let _echo = client.spawn(&["register", "com.echo", "--echo"], "registered com.echo");
    let created = |more: &[&str]| client.run(&[&["procedure", "info", "com.echo"], more].concat()).ok();
    assert!(created(&["-o", "table"]).contains("-05:00"));
    assert!(created(&["-o", "table", "--utc"]).contains("Z\n"));
    assert!(created(&[]).contains("Z\""));
}

#[test]
fn who_watches_ends_with_the_connection() {
    let mut router = Router::start();
    let watcher = router.client().begin(&["session", "ls", "--watch", "--every", "10ms"]);
    assert_eq!(read(&watcher.out_line())["change"], "new");
    router.restart(|| {});
    assert_eq!(watcher.end().code, Some(3));
}

#[test]
fn who_watches_ends_when_nobody_reads_though_nothing_changes() {
    let router = Router::start();
    let client = router.client();
    let _subscriber = client.spawn(&["subscribe", "com.t"], "subscribed com.t");
    let line = format!("{} topic ls --watch --every 200ms | head -n 1", env!("CARGO_BIN_EXE_wharf"));
    let reader = Running::of(client.command("sh", &["-c", &line]).spawn().unwrap());
    assert_eq!(read(&reader.end().ok())["uri"], "com.t");
}
