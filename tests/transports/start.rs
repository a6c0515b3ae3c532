//! What keeps the program from starting is said once, with the right exit code. Section 6 of the command line's page.

use crate::router::{ended, Router, CONFIG};
use std::net::TcpListener;
use std::process::Command;

/// Exit code and standard error of a program that does not start.
fn failed(config: &str, arguments: &[&str]) -> (Option<i32>, String) {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("wharf.toml"), config).unwrap();
    std::fs::write(folder.path().join("ticket"), "s3cret").unwrap();
    let mut wharf = Command::new(env!("CARGO_BIN_EXE_wharf"));
    let (code, stdout, stderr) = ended(wharf.args(arguments).current_dir(&folder));
    assert!(stdout.is_empty());
    (code, stderr)
}

/// One message that says which listener, where, why and what to do.
#[test]
fn a_port_in_use_is_one_clear_message_and_exit_code_2() {
    let taken = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = taken.local_addr().unwrap().to_string();
    let config = CONFIG.replacen("127.0.0.1:0", &address, 1);
    for arguments in [&["serve"][..], &[], &["dev", "--port", &address["127.0.0.1:".len()..]]] {
        let (code, text) = failed(&config, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(
            text.starts_with(&format!("error: listener main: cannot listen on {address}: Address already in use")),
            "{text}"
        );
        assert!(text.contains("wharf dev --port N"), "{text}");
        assert_eq!(text.lines().count(), 2, "{text}");
    }
}

/// The port of a router that is running is taken too, although sockets may be opened again after a restart.
#[test]
fn two_routers_never_share_a_port() {
    let router = Router::start();
    let config = CONFIG.replacen("127.0.0.1:0", &format!("127.0.0.1:{}", router.main()), 1);
    assert_eq!(failed(&config, &["serve"]).0, Some(2));
    router.session().lives();
}

/// A restart needs not wait for the kernel to forget old connections.
#[test]
fn a_port_is_taken_over_at_once_after_a_router_was_killed() {
    let router = Router::start();
    let _established = router.session();
    let config = CONFIG.replacen("127.0.0.1:0", &format!("127.0.0.1:{}", router.main()), 1);
    let folder = router.killed();
    let mut wharf = Command::new(env!("CARGO_BIN_EXE_wharf"));
    Router::in_folder(folder, &config, &[], &mut wharf).session().lives();
}

/// Exit code 2 for what the caller must mend.
#[test]
fn bad_flags_and_bad_configurations_are_exit_code_2() {
    for (config, arguments, said) in [
        (CONFIG, &["serve", "--no-such-flag"][..], "--no-such-flag"),
        (CONFIG, &["no-such-command"], "no-such-command"),
        (CONFIG, &["serve", "--set", "limits.max_connections=0"], "max_connections"),
        ("[listeners.main", &["serve"], "wharf.toml"),
        ("[listeners.main]\nbind = \"127.0.0.1:0\"\nserve = [\"gopher\"]", &["serve"], "gopher"),
    ] {
        let (code, text) = failed(config, arguments);
        assert_eq!(code, Some(2), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

/// A filter of the log that cannot be read is said too.
#[test]
fn a_bad_log_filter_is_named() {
    let folder = tempfile::tempdir().unwrap();
    let program = env!("CARGO_BIN_EXE_wharf");
    let mut env = Command::new("/usr/bin/env");
    let (code, _, text) =
        ended(env.args(["WHARF_LOG=wharf=loudly", program, "dev", "--port", "0"]).current_dir(&folder));
    assert!(code.is_some_and(|code| code != 0) && text.contains("WHARF_LOG"), "{text}");
}
