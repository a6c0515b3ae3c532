//! Named connections.

use crate::router::Router;
use std::os::unix::fs::PermissionsExt;

#[test]
fn contexts_are_added_chosen_listed_and_forgotten() {
    let router = Router::start();
    let client = router.client();
    client.run(&["context", "add", "a", "--realm", "realm1"]).ok();
    client.run(&["context", "add", "b", "--authid", "tina", "--ticket", "file:secret"]).ok();
    client.run(&["context", "use", "a"]).ok();
    client.run(&["context", "use", "b"]).ok();
    client.run(&["context", "use", "-"]).ok();
    let rows = client.run(&["context", "ls", "-o", "json"]).json();
    assert_eq!((&rows[0]["name"], &rows[0]["current"]), (&"a".into(), &true.into()));
    assert_eq!((&rows[1]["name"], &rows[1]["authid"]), (&"b".into(), &"tina".into()));
    assert!(client.run(&["context", "use", "c"]).failed(2).contains("there is no context `c`; there are: a, b"));
    let mine = client.run(&["session", "ls", "--context", "b", "-o", "json", "--filter", "authid=tina"]).json();
    assert_eq!(mine[0]["authmethod"], "ticket");
    client.run(&["context", "rm", "b"]).ok();
    client.run(&["call", "wamp.session.count", "--context", "b"]).failed(2);
}

#[test]
fn a_file_that_others_may_read_is_refused_and_no_secret_is_kept() {
    let router = Router::start();
    let client = router.client();
    assert!(client
        .run(&["context", "add", "a", "--ticket", "typed"])
        .failed(2)
        .contains("expected env:NAME or file:PATH"));
    client.run(&["context", "add", "a"]).ok();
    let path = router.folder().join(".config/wharf/contexts.toml");
    assert_eq!(std::fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o604)).unwrap();
    let told = client.run(&["call", "wamp.session.count"]).failed(2);
    assert!(told.contains("others may read it (mode 0604): expected 0600"), "{told}");
}
