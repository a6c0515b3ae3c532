//! register and subscribe with commands of the shell, and how they are bounded.

use crate::router::Router;

#[test]
fn a_fixed_reply_is_json_or_both_parts() {
    let router = Router::start();
    let client = router.client();
    let _one = client.spawn(&["register", "com.one", "--reply", "{\"a\":1}"], "registered com.one");
    let _both =
        client.spawn(&["register", "com.both", "--reply", r#"{"args":[1],"kwargs":{"b":2}}"#], "registered com.both");
    assert_eq!(client.run(&["call", "com.one"]).ok(), "{\"a\":1}\n");
    assert_eq!(client.run(&["call", "com.both"]).ok(), "{\"args\":[1],\"kwargs\":{\"b\":2}}\n");
    assert_eq!(
        client.run(&["register", "com.one", "--echo"]).failed(6).lines().next(),
        Some("error: wamp.error.procedure_already_exists")
    );
    client.run(&["register", "com.x", "--reply", "no json"]).failed(2);
    client.run(&["register", "com.x", "--echo", "--exec", "true"]).failed(2);
}

#[test]
fn a_command_is_given_args_kwargs_and_details_and_its_output_is_the_result() {
    let router = Router::start();
    let client = router.client();
    let _cat = client.spawn(&["register", "com.cat.", "--match", "prefix", "--exec", "cat"], "registered com.cat.");
    let said = client.run(&["call", "com.cat.a", "1", "-k", "x=y"]).ok();
    assert_eq!(said, "{\"args\":[1],\"kwargs\":{\"x\":\"y\"},\"details\":{\"procedure\":\"com.cat.a\"}}\n");
}

#[test]
fn a_command_that_fails_is_an_error_with_what_it_said() {
    let router = Router::start();
    let client = router.client();
    let _fails = client.spawn(&["register", "com.f", "--exec", "echo sold out >&2; exit 1"], "registered com.f");
    let _slow =
        client.spawn(&["register", "com.s", "--exec", "sleep 1000", "--exec-timeout", "100ms"], "registered com.s");
    let told = client.run(&["call", "com.f", "-o", "json"]).failed(6);
    assert_eq!(told, "{\"error\":\"wharf.error.exec\",\"args\":[\"sold out\"],\"kwargs\":{}}\n");
    let told = client.run(&["call", "com.s"]).failed(6);
    assert!(told.contains("the command took longer than 0.1 s"), "{told}");
}

#[test]
fn a_canceled_invocation_ends_its_command_and_the_callee_goes_on() {
    let router = Router::start();
    let client = router.client();
    let marks = router.folder().join("marks");
    let command = format!("echo $$ >> {0}; [ \"$(wc -l < {0})\" -gt 1 ] || exec sleep 1000", marks.display());
    let _slow = client.spawn(&["register", "com.s", "--exec", &command, "--exec-timeout", "1h"], "registered com.s");
    client.run(&["call", "com.s", "--timeout", "300ms"]).failed(7);
    assert_eq!(client.run(&["call", "com.s", "--timeout", "50s"]).ok(), "null\n");
    let first = std::fs::read_to_string(&marks).unwrap().lines().next().unwrap().to_owned();
    let ended = || std::fs::read_to_string(format!("/proc/{first}/stat")).map_or(true, |stat| stat.contains(") Z "));
    while !ended() {
        std::thread::yield_now();
    }
}

#[test]
fn a_command_runs_for_each_event_in_order() {
    let router = Router::start();
    let client = router.client();
    let subscriber = client.spawn(&["subscribe", "com.e", "--exec", "cat", "--count", "3"], "subscribed com.e");
    client.run_with(&["publish", "com.e", "--lines"], "1\n2\n3\n").ok();
    let lines = subscriber.end().ok();
    let args: Vec<u64> = lines
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["args"][0].as_u64().unwrap())
        .collect();
    assert_eq!(args, [1, 2, 3]);
}
