//! `wharf token` and `wharf apikey`: what is made, and that it lets one in.

use crate::router::{Router, SECRET};

#[test]
fn a_token_that_was_made_here_lets_one_in_as_whom_it_names() {
    let router = Router::start();
    let client = router.client();
    let made =
        ["token", "new", "joe", "--key", "file:jwt.key", "--issuer", "https://id.example", "--audience", "realm1"];
    let token = client.run(&made).ok();
    let joe = client.clone().with("WHARF_JWT", "env:TOKEN").with("TOKEN", token.trim());
    let rows = joe.run(&["session", "ls", "--filter", "authmethod=jwt"]).json();
    assert_eq!(rows[0]["authid"], "joe", "{rows}");
    let foreign = client.run(&[&made[..7], &["--audience", "another"]].concat()).ok();
    client.with("TOKEN", foreign.trim()).run(&["call", "wamp.session.count", "--jwt", "env:TOKEN"]).failed(4);
}

#[test]
fn a_key_of_a_token_is_never_shown_and_who_types_it_is_warned() {
    let router = Router::start();
    let client = router.client().with("KEY", SECRET);
    let made = ["token", "new", "joe", "--issuer", "i", "--audience", "a", "--key"];
    let short = client.run(&[&made[..], &["env:KEY"]].concat()).failed(2);
    assert_eq!(short, "error: --key: the secret is too short: expected 32 octets or more\n");
    let key = "typed, of 32 octets and a few more";
    let ended = client.run(&[&made[..], &[key]].concat());
    assert!(ended.err.starts_with("warning: others can see what is typed here: better --key env:NAME"), "{ended:?}");
    assert!(!ended.out.contains(key) && !ended.err.contains(key), "{ended:?}");
}

#[test]
fn a_key_for_http_is_made_listed_and_revoked_and_shown_once() {
    let router = Router::start();
    let root = router.client().with("WHARF_AUTHID", "root").with("WHARF_TICKET", "file:secret");
    let what = ["--realm", "realm1", "--authid", "job", "--role", "guest"];
    let made = root.run(&[&["apikey", "new", "cron", "--running", "--allow-from", "10.0.0.0/8"], &what[..]].concat());
    assert!(made.err.starts_with("the key is shown here and nowhere else; the node takes it from now on"), "{made:?}");
    let key = made.ok();
    let listed = root.run(&["apikey", "ls"]);
    assert!(!listed.out.contains(key.trim()), "{listed:?}");
    let rows = listed.json();
    assert_eq!((&rows[0]["name"], &rows[0]["authid"]), (&"cron".into(), &"job".into()));
    assert_eq!(rows[0]["allow_from"], serde_json::json!(["10.0.0.0/8"]));
    let told = root.run(&[&["apikey", "new", "cron", "--running"], &what[..]].concat()).failed(6);
    assert!(told.starts_with("error: wharf.error.already_exists\n"), "{told}");
    root.run(&["apikey", "revoke", "cron"]).ok();
    assert_eq!(root.run(&["apikey", "ls"]).json(), serde_json::json!([]));
    root.run(&["apikey", "revoke", "cron"]).failed(6);
    router.client().run(&[&["apikey", "new", "cron", "--running"], &what[..]].concat()).failed(4);
}
