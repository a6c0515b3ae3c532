//! session, procedure and topic, by the meta API.

use crate::router::Router;

#[test]
fn sessions_are_listed_shown_and_ended() {
    let router = Router::start();
    let client = router.client();
    let arguments = ["subscribe", "com.a", "--no-reconnect", "--authid", "tina", "--ticket", "file:secret"];
    let tina = client.spawn(&arguments, "subscribed com.a");
    let rows = client.run(&["session", "ls", "--filter", "authid=tina", "-o", "json"]).json();
    let id = rows[0]["session"].to_string();
    assert_eq!(client.run(&["session", "info", &id]).json()["authrole"], "guest");
    assert_eq!(client.run(&["session", "ls", "--sort", "authid"]).json().as_array().unwrap().len(), 2);
    assert!(client.run(&["session", "ls", "--filter", "authid=tina", "-o", "table"]).ok().starts_with("SESSION"));
    client.run(&["session", "kill", &id, "--reason", "com.example.enough", "--message", "come back later"]).ok();
    let ended = tina.end();
    assert_eq!((ended.code, ended.err.as_str()), (Some(6), "error: com.example.enough\n  come back later\n"));
    client.run(&["session", "kill", &id]).failed(6);
}

#[test]
fn all_are_ended_by_name_role_or_altogether() {
    let router = Router::start();
    let client = router.client();
    for kill in [&["--of-authid", "tina"][..], &["--of-authrole", "guest"], &["--all", "--yes"]] {
        let arguments = ["subscribe", "com.a", "--no-reconnect", "--authid", "tina", "--ticket", "file:secret"];
        let tina = client.spawn(&arguments, "subscribed com.a");
        client.run(&[&["session", "kill"][..], kill].concat()).ok();
        assert_eq!(tina.end().code, Some(6), "{kill:?}");
    }
    assert!(client.run(&["session", "kill", "--all"]).failed(2).contains("--yes"));
}

#[test]
fn procedures_and_topics_are_listed_and_shown_with_who_has_them() {
    let router = Router::start();
    let client = router.client();
    let _callee = client.spawn(&["register", "com.a", "--echo", "--invoke", "roundrobin"], "registered com.a");
    let _second = client.spawn(&["register", "com.a", "--echo", "--invoke", "roundrobin"], "registered com.a");
    let _pattern = client.spawn(&["register", "com.b.", "--echo", "--match", "prefix"], "registered com.b.");
    let _subscriber = client.spawn(&["subscribe", "com.t"], "subscribed com.t");
    let rows = client.run(&["procedure", "ls"]).json();
    let row = |at: usize, key: &str| rows[at][key].clone();
    assert_eq!((row(0, "uri"), row(0, "invoke"), row(0, "callees")), ("com.a".into(), "roundrobin".into(), 2.into()));
    assert_eq!((row(1, "uri"), row(1, "match")), ("com.b.".into(), "prefix".into()));
    assert_eq!(client.run(&["procedure", "info", "com.a"]).json()["callees"].as_array().unwrap().len(), 2);
    assert_eq!(client.run(&["procedure", "info", "com.b."]).json()["match"], "prefix");
    let rows = client.run(&["topic", "ls"]).json();
    assert_eq!((&rows[0]["uri"], &rows[0]["subscribers"]), (&"com.t".into(), &1.into()));
    assert_eq!(client.run(&["topic", "info", "com.t"]).json()["subscribers"].as_array().unwrap().len(), 1);
    client.run(&["topic", "info", "com.none"]).failed(6);
}
