//! Unix sockets: their mode, their end, and what a killed router leaves.

use crate::rawsocket_peer::RawSocketPeer;
use crate::router::{ended, Router, CONFIG};
use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Command;

const SOCKET: &str = "wharf.sock";

fn config(more: &str) -> String {
    format!("{CONFIG}\n[listeners.local]\nbind = \"unix:{SOCKET}\"\nserve = [\"rawsocket\"]\n{more}\n")
}

fn wharf() -> Command {
    Command::new(env!("CARGO_BIN_EXE_wharf"))
}

fn mode(path: &Path) -> u32 {
    path.metadata().unwrap().permissions().mode() & 0o7777
}

/// Starts a second router in the folder; it does not come far.
fn second(folder: &Path) -> (Option<i32>, String) {
    let (code, _, stderr) = ended(wharf().current_dir(folder));
    (code, stderr)
}

/// The configuration's page: 0660 unless said otherwise.
#[test]
fn the_socket_has_its_mode_and_takes_sessions() {
    for (more, expected) in [("", 0o660), ("mode = \"0600\"", 0o600)] {
        let router = Router::of(&config(more), &[]);
        let path = router.folder().join(SOCKET);
        assert_eq!(mode(&path), expected);
        RawSocketPeer::join_unix(&path).lives();
    }
}

/// A router that stops in order leaves nothing behind.
#[test]
fn the_file_is_removed_when_the_router_stops() {
    let mut router = Router::of(&config(""), &[]);
    let path = router.folder().join(SOCKET);
    assert!(path.exists());
    router.terminate();
    assert!(router.ended().success());
    assert!(!path.exists());
}

/// What a killed router has left is no reason not to start.
#[test]
fn the_file_of_a_killed_router_is_replaced() {
    let folder = Router::of(&config(""), &[]).killed();
    assert!(folder.path().join(SOCKET).exists());
    let router = Router::in_folder(folder, &config(""), &[], &mut wharf());
    RawSocketPeer::join_unix(&router.folder().join(SOCKET)).lives();
}

/// A place where somebody answers is taken.
#[test]
fn the_file_of_a_living_router_is_left_alone() {
    let router = Router::of(&config(""), &[]);
    let (code, text) = second(router.folder());
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("listener local: cannot listen on unix:") && text.contains("something else listens there"),
        "{text}"
    );
    RawSocketPeer::join_unix(&router.folder().join(SOCKET)).lives();
}

/// A slip in the configuration costs nobody a file.
#[test]
fn a_file_that_is_no_socket_is_never_removed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join(SOCKET);
    std::fs::write(&path, "precious").unwrap();
    std::fs::write(folder.path().join("wharf.toml"), config("")).unwrap();
    std::fs::write(folder.path().join("ticket"), "s3cret").unwrap();
    let (code, text) = second(folder.path());
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("listener local: cannot listen on unix:"), "{text}");
    assert!(!path.metadata().unwrap().file_type().is_socket());
    assert_eq!(std::fs::read_to_string(&path).unwrap(), "precious");
}
