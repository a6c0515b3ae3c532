//! The commands of README.md are run as they stand there, and those that stand in the text of any page are taken. Those of
//! docs/CLI.md: `docs.rs`. Source: cli.md, section 8, "pages".

use crate::program::{Client, Running};
use crate::router::Router;
use std::path::Path;

/// How the README has a reader run the program.
const PROGRAM: &str = "cargo run --release -- ";

/// What another router's user has at hand.
const CROSSBAR: &str = r#"{"version": 2, "workers": [{"type": "router",
    "realms": [{"name": "realm1", "roles": [{"name": "guest", "permissions": [
        {"uri": "com.example.", "match": "prefix", "allow": {"call": true, "register": true, "publish": true, "subscribe": true}}]}]}],
    "transports": [{"type": "websocket", "endpoint": {"type": "tcp", "port": 8080},
        "auth": {"anonymous": {"type": "static", "role": "guest"}}}]}]}"#;

/// Each command of the blocks of a shell, with the lines below it that say what it prints.
fn commands(text: &str) -> Vec<(String, Vec<String>)> {
    let (mut found, mut inside): (Vec<(String, Vec<String>)>, bool) = (Vec::new(), false);
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```sh";
        } else if let (true, Some(command)) = (inside, line.strip_prefix(PROGRAM)) {
            let command = command.split("  #").next().unwrap().trim_end();
            found.push((command.to_owned(), Vec::new()));
        } else if let (true, Some(printed), Some((_, lines))) = (inside, line.strip_prefix("# "), found.last_mut()) {
            lines.push(printed.to_owned());
        }
    }
    found
}

fn shell(client: &Client, command: &str) -> Running {
    let line = format!("exec {} {command}", env!("CARGO_BIN_EXE_wharf"));
    Running::of(client.command("sh", &["-c", &line]).spawn().unwrap())
}

#[test]
fn every_command_of_the_readme_does_what_the_readme_says() {
    let router = Router::start();
    let folder = tempfile::tempdir().unwrap();
    let client = Client::at(folder.path(), &format!("ws://127.0.0.1:{}/ws", router.port(0)));
    for name in ["config", ".crossbar"] {
        std::fs::create_dir(folder.path().join(name)).unwrap();
    }
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    std::fs::copy(root.join("config/wharf.toml"), folder.path().join("config/wharf.toml")).unwrap();
    std::fs::write(folder.path().join(".crossbar/config.json"), CROSSBAR).unwrap();
    let commands = commands(include_str!("../../README.md"));
    assert!(commands.len() > 6, "{commands:?}");
    let mut background = Vec::new();
    for (command, printed) in commands {
        let running = shell(&client, &command);
        if command.starts_with("register ") || command.starts_with("subscribe ") {
            let ready = running.err_line();
            assert!(ready.starts_with("registered ") || ready.starts_with("subscribed "), "{command}: {ready}");
            background.push((command, running));
            continue;
        }
        let ended = running.end();
        // What could not be taken over is told, and is no mistake.
        let codes = if command.starts_with("config import ") { &[0, 1][..] } else { &[0] };
        assert!(ended.code.is_some_and(|code| codes.contains(&code)), "{command}: {ended:?}");
        assert!(
            printed.is_empty()
                || ended.out.lines().map(str::trim_start).eq(printed.iter().map(|line| line.trim_start())),
            "{command}: {ended:?}"
        );
    }
    client.run(&["publish", "com.example.hello", "hello"]).ok();
    for (command, running) in background {
        if command.starts_with("subscribe ") {
            running.end().ok();
        }
    }
}

/// What stands in backticks in the text of a page, and begins with the program.
fn mentioned(text: &str) -> Vec<String> {
    let mut inside = false;
    let mut found = Vec::new();
    for line in text.lines() {
        inside ^= line.starts_with("```");
        let quoted = line.split('`').skip(1).step_by(2).filter(|_| !inside);
        found.extend(quoted.filter(|quoted| quoted.starts_with("wharf ")).map(str::to_owned));
    }
    found
}

/// The words end before anything that is the shell's or stands for something else.
fn words(command: &str) -> Vec<&str> {
    let ends = |word: &&str| !["|", ">", "<", "&&", "&", ";", ".."].contains(word);
    command.split_whitespace().skip(1).take_while(ends).collect()
}

/// `a|b` names one command after the other.
fn alternatives<'a>(words: &[&'a str]) -> Vec<Vec<&'a str>> {
    words.iter().fold(vec![vec![]], |all, word| {
        let with = |one: &'a str| all.iter().map(move |before: &Vec<&'a str>| [&before[..], &[one]].concat());
        word.split('|').flat_map(with).collect()
    })
}

#[test]
fn every_command_that_a_page_mentions_is_there() {
    let folder = tempfile::tempdir().unwrap();
    let client = Client::at(folder.path(), "");
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut pages = vec![root.join("README.md"), root.join("CHANGELOG.md")];
    pages.extend(std::fs::read_dir(root.join("docs")).unwrap().map(|entry| entry.unwrap().path()));
    let (mut seen, mut wrong) = (std::collections::BTreeSet::new(), String::new());
    // The plan names what is not there yet.
    pages.retain(|page| page.extension().is_some_and(|extension| extension == "md") && !page.ends_with("PLAN.md"));
    for page in &pages {
        for command in mentioned(&std::fs::read_to_string(page).unwrap()) {
            for words in alternatives(&words(&command)) {
                if !seen.insert(words.join(" ")) {
                    continue;
                }
                let flags_at = words.iter().position(|word| word.starts_with("--")).unwrap_or(words.len());
                let (names, flags) = words.split_at(flags_at);
                let ended = client.run(&[names, &["--help"]].concat());
                let mut flags = flags.iter().filter(|word| word.starts_with("--"));
                if ended.code != Some(0) || !flags.all(|flag| ended.out.contains(flag)) {
                    wrong.push_str(&format!("{}: `{command}`: {}\n", page.display(), ended.err));
                }
            }
        }
    }
    assert!(seen.len() > 20 && wrong.is_empty(), "{wrong}");
}
