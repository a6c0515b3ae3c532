//! call, publish, subscribe and register, and what they print. Source: cli.md, sections 2, 4 and 5.

use crate::fake::{frame, router, WELCOME};
use crate::program::{Client, Running};
use crate::router::Router;
use serde_json::json;

#[test]
fn a_result_is_printed_as_its_only_value_a_list_or_both_parts() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo"], "registered com.echo");
    let printed = |arguments: &[&str]| client.run(&[&["call", "com.echo"], arguments].concat()).ok();
    assert_eq!(printed(&[]), "null\n");
    assert_eq!(printed(&["5"]), "5\n");
    assert_eq!(printed(&["-5"]), "-5\n");
    assert_eq!(printed(&["2", "x", "[1,{\"b\":1,\"a\":2}]"]), "[2,\"x\",[1,{\"b\":1,\"a\":2}]]\n");
    assert_eq!(printed(&["1", "-k", "a=1", "-k", "b:=1"]), "{\"args\":[1],\"kwargs\":{\"a\":\"1\",\"b\":1}}\n");
    assert_eq!(printed(&["2", "--string"]), "\"2\"\n");
    assert_eq!(printed(&["hex:00ff"]), "\"\\u0000AP8=\"\n");
    assert_eq!(printed(&["--json", r#"{"args":[7]}"#]), "7\n");
    assert_eq!(printed(&["a b", "-o", "raw"]), "a b\n");
    assert_eq!(printed(&["5", "-o", "json"]), "{\"args\":[5],\"kwargs\":{}}\n");
    assert_eq!(printed(&[r#"[{"id":1,"n":"x"},{"id":22}]"#, "-o", "table"]), "ID  N\n1   x\n22\n");
    assert_eq!(
        client.run_with(&["call", "com.echo", "--json", "-"], r#"{"kwargs":{"a":1}}"#).ok(),
        "{\"args\":[],\"kwargs\":{\"a\":1}}\n"
    );
    std::fs::write(router.folder().join("body.json"), r#"{"args":["of a file"]}"#).unwrap();
    assert_eq!(printed(&["--json", "@body.json", "-o", "raw"]), "of a file\n");
}

#[test]
fn calls_are_repeated_so_many_at_once_and_timed() {
    let router = Router::start();
    let client = router.client();
    let _echo = client.spawn(&["register", "com.echo", "--echo", "--sleep", "1ms"], "registered com.echo");
    let ended = client.run(&["call", "com.echo", "x", "-o", "raw", "--repeat", "50", "--concurrency", "10", "--time"]);
    assert!(ended.err.starts_with("50 calls in "), "{ended:?}");
    assert_eq!(ended.ok(), "x\n".repeat(50));
}

#[test]
fn events_are_printed_with_their_topic_and_details_until_the_count() {
    let router = Router::start();
    let client = router.client();
    let exact = client.spawn(&["subscribe", "com.news", "--count", "2"], "subscribed com.news");
    let prefix =
        client.spawn(&["subscribe", "com.", "--match", "prefix", "--details", "--count", "1"], "subscribed com.");
    let published = client.run(&["publish", "com.news", "hello", "-k", "a:=1", "--disclose", "-o", "json"]).json();
    assert_eq!(client.run(&["publish", "com.news", "again"]).ok(), "");
    let ended = exact.end();
    let lines: Vec<serde_json::Value> = ended.ok().lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines[0], json!({"topic": "com.news", "args": ["hello"], "kwargs": {"a": 1}}));
    assert_eq!(lines[1], json!({"topic": "com.news", "args": ["again"], "kwargs": {}}));
    let event: serde_json::Value = serde_json::from_str(&prefix.end().ok()).unwrap();
    assert_eq!(event["topic"], "com.news");
    assert_eq!(event["details"]["publication"], published["publication"]);
}

#[test]
fn lines_of_standard_input_are_events() {
    let router = Router::start();
    let client = router.client();
    let subscriber = client.spawn(&["subscribe", "com.log", "--count", "3", "-o", "raw"], "subscribed com.log");
    client.run_with(&["publish", "com.log", "--lines"], "one\n2\r\n{\"a\":1}").ok();
    assert_eq!(subscriber.end().ok(), "one\n2\n{\"a\":1}\n");
    let subscriber = client.spawn(&["subscribe", "com.log", "--count", "1", "-o", "jsonl"], "subscribed com.log");
    client.run_with(&["publish", "com.log", "--lines", "--string", "--no-ack"], "2\n").ok();
    assert_eq!(subscriber.end().ok(), "{\"topic\":\"com.log\",\"args\":[\"2\"],\"kwargs\":{}}\n");
}

#[test]
fn publications_are_kept_and_kept_from_others_as_asked() {
    let router = Router::start();
    let client = router.client();
    let tina = ["--authid", "tina", "--ticket", "file:secret"];
    let guest = client.spawn(&["subscribe", "com.a", "--count", "1", "-o", "raw"], "subscribed com.a");
    let hers =
        client.spawn(&[&["subscribe", "com.a", "--count", "1", "-o", "raw"][..], &tina].concat(), "subscribed com.a");
    client.run(&["publish", "com.a", "for tina", "--eligible-authid", "tina"]).ok();
    client.run(&["publish", "com.a", "for the others", "--exclude-authid", "tina", "--retain"]).ok();
    assert_eq!(hers.end().ok(), "for tina\n");
    assert_eq!(guest.end().ok(), "for the others\n");
    let late = client.run(&["subscribe", "com.a", "--retained", "--count", "1", "-o", "raw"]);
    assert_eq!(late.ok(), "for the others\n");
}

#[test]
fn a_report_counts_the_events_of_each_topic() {
    let router = Router::start();
    let client = router.client();
    let report = client.spawn(
        &["subscribe", "com.", "--match", "prefix", "--report", "--count", "3", "-o", "jsonl"],
        "subscribed com.",
    );
    client.run(&["publish", "com.a", "--count", "2"]).ok();
    client.run(&["publish", "com.b", "--every", "1ms"]).ok();
    let lines = report.end().ok();
    let events = |topic: &str| -> u64 {
        let of = lines.lines().map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap());
        of.filter(|row| row["topic"] == topic).map(|row| row["events"].as_u64().unwrap()).sum()
    };
    assert_eq!((events("com.a"), events("com.b")), (2, 1), "{lines}");
}

#[test]
fn partial_results_are_asked_for_and_printed_as_they_come() {
    let folder = tempfile::tempdir().unwrap();
    let partial = |number: u64| frame(&format!(r#"[50,1,{{"progress":true}},[{number}]]"#));
    let answers = [frame(WELCOME), partial(1), partial(2), frame("[50,1,{},[3]]")].concat();
    let (url, said) = router(answers);
    let client = Client::at(folder.path(), &url);
    assert_eq!(client.run(&["call", "com.a", "--progress", "--disclose", "--timeout", "9s"]).ok(), "1\n2\n3\n");
    let said = String::from_utf8_lossy(&said.join().unwrap()).into_owned();
    let options = r#"[48,1,{"receive_progress":true,"timeout":9000,"disclose_me":true},"com.a"]"#;
    assert!(said.contains(options), "{said}");
}

#[test]
fn a_subscriber_ends_when_nobody_reads_what_it_prints() {
    let router = Router::start();
    let client = router.client();
    let line = format!("{} subscribe com.a -o raw | head -n 1", env!("CARGO_BIN_EXE_wharf"));
    let reader = Running::of(client.command("sh", &["-c", &line]).spawn().unwrap());
    assert_eq!(reader.err_line(), "subscribed com.a");
    let publisher = Running::of(
        client
            .command(env!("CARGO_BIN_EXE_wharf"), &["publish", "com.a", "x", "--every", "5ms", "--count", "100000"])
            .spawn()
            .unwrap(),
    );
    assert_eq!(reader.end().ok(), "x\n");
    drop(publisher);
}
