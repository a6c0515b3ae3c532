//! `--help` of every command, as it stands in `tests/cli/help.txt`. To write that file anew: `WHARF_BLESS=1 cargo test --test cli help`.

use crate::program::Client;
use std::collections::VecDeque;
use std::fmt::Write;
use std::path::Path;

/// Every command with its help, from the first to the last of its subcommands.
fn all() -> String {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::at(folder.path(), "ws://secret.example/").with("COLUMNS", "120");
    let mut text = String::new();
    let mut left: VecDeque<Vec<String>> = VecDeque::from([vec![]]);
    while let Some(path) = left.pop_front() {
        let mut arguments: Vec<&str> = path.iter().map(String::as_str).collect();
        arguments.push("--help");
        let help = client.run(&arguments).ok();
        writeln!(text, "$ wharf {}\n{}", arguments.join(" "), help.trim_end()).unwrap();
        text.push('\n');
        let commands = help.lines().skip_while(|line| *line != "Commands:").skip(1).take_while(|line| !line.is_empty());
        for line in commands.filter(|line| line.starts_with("  ") && !line.starts_with("   ")) {
            let name = line.split_whitespace().next().unwrap().to_owned();
            left.push_back([path.clone(), vec![name]].concat());
        }
    }
    text
}

#[test]
fn help_is_as_it_stands_and_shows_no_value_of_the_environment() {
    let (text, path) = (all(), Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/cli/help.txt"));
    assert!(!text.contains("secret.example"));
    if std::env::var_os("WHARF_BLESS").is_some() {
        std::fs::write(&path, &text).unwrap();
    }
    let known = std::fs::read_to_string(&path).unwrap();
    for (now, then) in text.lines().zip(known.lines()) {
        assert_eq!(now, then, "tests/cli/help.txt says otherwise; WHARF_BLESS=1 writes it anew");
    }
    assert_eq!(text.lines().count(), known.lines().count());
}
