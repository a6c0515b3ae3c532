//! Secrets are neither in the list of processes nor in what is printed. Source: cli.md, section 1, rule 5.

use crate::router::{Router, SECRET};

#[test]
fn a_secret_by_name_is_not_in_the_list_of_processes_and_never_printed() {
    let router = Router::start();
    let client = router.client().with("PASSWORD", SECRET);
    for source in ["env:PASSWORD", "file:secret"] {
        let arguments = ["subscribe", "com.a", "--authid", "tina", "--ticket", source];
        let running = client.spawn(&arguments, "subscribed com.a");
        let line = std::fs::read(format!("/proc/{}/cmdline", running.id())).unwrap();
        assert!(!String::from_utf8_lossy(&line).contains(SECRET), "{source}");
    }
    let failing = [
        &["call", "com.nobody", "--authid", "tina", "--ticket", "env:PASSWORD"][..],
        &["call", "com.nobody", "--authid", "tina", "--secret", "env:PASSWORD"],
        &["call", "com.nobody", "--private-key", "env:PASSWORD"],
        &["call", "com.nobody", "--ticket", "env:PASSWORD", "--authmethod", "magic"],
        &["context", "add", "a", "--ticket", SECRET],
        &["call", "com.nobody", "--help"],
    ];
    for arguments in failing {
        for form in ["auto", "json"] {
            let mut arguments = arguments.to_vec();
            if arguments[0] == "call" {
                arguments.extend(["-o", form]);
            }
            let ended = client.run(&arguments);
            assert!(!ended.err.contains(SECRET) && !ended.out.contains(SECRET), "{arguments:?}: {ended:?}");
        }
    }
}

#[test]
fn who_types_a_secret_is_warned() {
    let router = Router::start();
    let client = router.client();
    let ended = client.run(&["call", "wamp.session.count", "--authid", "tina", "--ticket", SECRET]);
    assert!(ended.err.starts_with("warning: others can see what is typed here"), "{ended:?}");
    ended.ok();
    let ended = client.with("WHARF_TICKET", SECRET).run(&["call", "wamp.session.count", "--authid", "tina"]);
    assert_eq!(ended.err, "");
    ended.ok();
}
