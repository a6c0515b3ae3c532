//! The table of `docs/ARCHITECTURE.md`, section "Layers": a room may import only the rooms that stand beside it here.

#![expect(clippy::unwrap_used, reason = "a test that cannot go on fails")]

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

/// Each room with the rooms that it may import.
const ROOMS: &[(&str, &[&str])] = &[
    ("wamp", &[]),
    ("codec", &["wamp"]),
    ("auth", &["wamp"]),
    ("authz", &["wamp"]),
    ("session", &["wamp", "auth", "authz"]),
    ("routing", &["wamp"]),
    ("observe", &["wamp"]),
    ("storage", &["wamp", "codec", "routing", "observe"]),
    ("outward", &["wamp", "auth", "observe"]),
    ("actors", &["wamp", "codec", "session", "routing", "auth", "authz", "observe", "outward", "storage"]),
    ("transport", &["wamp", "codec", "actors", "auth", "observe", "session"]),
    ("http", &["wamp", "codec", "actors", "observe", "session", "auth", "authz", "outward", "storage"]),
    ("client", &["wamp", "codec", "auth", "transport", "observe"]),
    ("config", &["wamp", "actors", "routing", "auth", "authz", "session", "transport", "http", "observe", "storage"]),
    (
        "server",
        &[
            "wamp",
            "session",
            "routing",
            "auth",
            "authz",
            "actors",
            "config",
            "http",
            "observe",
            "outward",
            "storage",
            "transport",
        ],
    ),
    ("cli", &["wamp", "codec", "client", "actors", "auth", "authz", "session", "config", "server", "observe"]),
];

/// The rooms below the line: no actors, no I/O, no clock, no locks.
const CORE: &[&str] = &["wamp", "codec", "auth", "authz", "session", "routing"];

/// What the core may not name.
const NOT_IN_CORE: &[&str] = &[
    "actix",
    "tokio",
    "std::net",
    "std::fs",
    "std::io",
    "Instant::now",
    "SystemTime",
    "Mutex",
    "RwLock",
    "rand::random",
    "async fn",
    ".await",
];

fn sources(room: &str) -> Vec<(PathBuf, String)> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut found = Vec::new();
    let file = root.join(format!("{room}.rs"));
    if file.exists() {
        found.push(file);
    }
    walk(&root.join(room), &mut found);
    assert!(!found.is_empty(), "room {room} has no file");
    found.sort();
    found.into_iter().map(|path| (path.clone(), fs::read_to_string(path).unwrap())).collect()
}

fn walk(folder: &Path, found: &mut Vec<PathBuf>) {
    let Ok(entries) = fs::read_dir(folder) else { return };
    for entry in entries {
        let path = entry.unwrap().path();
        if path.is_dir() {
            walk(&path, found);
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            found.push(path);
        }
    }
}

/// Whether a file holds nothing but tests.
fn is_of_tests(path: &Path) -> bool {
    let inside = path.strip_prefix(env!("CARGO_MANIFEST_DIR")).unwrap();
    inside.components().any(|part| part.as_os_str() == "tests" || part.as_os_str() == "tests.rs")
}

/// The lines that are code and no test, with their numbers.
fn code(text: &str) -> impl Iterator<Item = (usize, &str)> {
    let tests = text.find("#[cfg(test)]\nmod tests {").unwrap_or(text.len());
    text[..tests]
        .lines()
        .enumerate()
        .filter(|(_, line)| !line.trim_start().starts_with("//"))
        .map(|(at, line)| (at + 1, line))
}

/// Every `crate::room` of a line.
fn imports(line: &str) -> impl Iterator<Item = &str> {
    line.match_indices("crate::").map(|(at, found)| {
        let rest = &line[at + found.len()..];
        rest.split(|c: char| !c.is_alphanumeric() && c != '_').next().unwrap_or_default()
    })
}

#[test]
fn every_room_imports_only_the_rooms_below_it() {
    let mut wrong = Vec::new();
    for (room, allowed) in ROOMS {
        for (path, text) in sources(room) {
            for (at, line) in code(&text) {
                for import in imports(line) {
                    let known = ROOMS.iter().any(|(name, _)| *name == import);
                    if known && import != *room && !allowed.contains(&import) {
                        wrong.push(format!("{}:{at}: {room} may not import {import}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

#[test]
fn every_room_of_the_library_is_in_the_table() {
    let text = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("src/lib.rs")).unwrap();
    let rooms: Vec<_> = text.lines().filter_map(|line| line.strip_prefix("pub mod ")?.strip_suffix(';')).collect();
    let table: BTreeMap<_, _> = ROOMS.iter().copied().collect();
    for room in &rooms {
        assert!(table.contains_key(room), "{room} is missing in the table");
    }
    assert_eq!(rooms.len(), ROOMS.len());
}

#[test]
fn the_core_does_no_io_reads_no_clock_takes_no_lock_and_knows_no_actor() {
    let mut wrong = Vec::new();
    for room in CORE {
        for (path, text) in sources(room) {
            if is_of_tests(&path) {
                continue;
            }
            for (at, line) in code(&text) {
                for word in NOT_IN_CORE {
                    if line.contains(word) {
                        wrong.push(format!("{}:{at}: {room} may not name {word}", path.display()));
                    }
                }
            }
        }
    }
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

/// Architecture, invariant 8: a payload is never built into values on the way through.
#[test]
fn only_the_meta_api_and_the_http_side_look_into_payloads() {
    for (path, text) in ["session", "transport"].iter().flat_map(|room| sources(room)) {
        for (at, line) in code(&text) {
            let looks = line.contains("payload_args") || line.contains("payload_kwargs") || line.contains("read_value");
            assert!(!looks, "{}:{at} looks into a payload", path.display());
        }
    }
}

/// The one file that may name the deprecated crate, so that it can be replaced by lines of our own.
#[test]
fn actix_web_actors_is_named_in_one_file() {
    for (room, _) in ROOMS {
        for (path, text) in sources(room) {
            let named = code(&text).any(|(_, line)| line.contains("actix_web_actors"));
            assert!(!named || path.ends_with("websocket/handshake.rs"), "{}", path.display());
        }
    }
}

#[test]
fn no_file_is_longer_than_500_lines() {
    for (room, _) in ROOMS {
        for (path, text) in sources(room) {
            assert!(text.lines().count() <= 500, "{} has {} lines", path.display(), text.lines().count());
        }
    }
}
