//! Completions, manual pages and examples: all from the same definitions.

use crate::program::Client;
use std::path::Path;

fn client(folder: &Path) -> Client {
    Client::at(folder, "")
}

#[test]
fn completions_are_taken_by_the_shells_that_are_there() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    for shell in ["bash", "zsh", "fish", "powershell", "elvish"] {
        let script = client.run(&["completions", shell]).ok();
        assert!(script.contains("subscribe") && script.contains("wharf"), "{shell}");
        let file = folder.path().join(shell);
        std::fs::write(&file, script).unwrap();
        let check = match shell {
            // It registers a function, which then offers the commands.
            "bash" => format!(
                "set -e; source {}; COMP_WORDS=(wharf subscr); COMP_CWORD=1; _wharf wharf subscr wharf; [ \"${{COMPREPLY[*]}}\" = subscribe ]",
                file.display()
            ),
            "zsh" => format!("autoload -U compinit; compinit -u -D; source {}", file.display()),
            "fish" => format!("source {}", file.display()),
            _ => continue,
        };
        // A shell that is not installed is left out; scripts/check-shells.sh wants all of them.
        match client.command(shell, &["-c", &check]).output() {
            Ok(output) => assert!(output.status.success(), "{shell}: {output:?}"),
            Err(missing) => assert!(std::env::var_os("WHARF_ALL_SHELLS").is_none(), "{shell}: {missing}"),
        }
    }
}

#[test]
fn there_is_a_manual_page_for_each_command() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    client.run(&["man", "pages"]).ok();
    for name in ["wharf", "wharf-call", "wharf-session-kill", "wharf-config-check"] {
        let page = std::fs::read_to_string(folder.path().join(format!("pages/{name}.1"))).unwrap();
        assert!(page.contains(".SH NAME"), "{name}");
    }
    assert!(client.run(&["man"]).ok().contains(".TH wharf 1"));
    if let Ok(output) = client.command("man", &["-l", "pages/wharf-call.1"]).env("MAN_KEEP_FORMATTING", "").output() {
        // Some systems have a program of this name that only says how to get the pages.
        if output.status.success() && !output.stdout.is_empty() {
            assert!(String::from_utf8_lossy(&output.stdout).contains("PROCEDURE"), "{output:?}");
        }
    }
}

#[test]
fn errors_and_examples_are_there_without_a_router() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    assert!(client.run(&["errors", "ls"]).json().as_array().unwrap().len() > 60);
    let shown = client.run(&["errors", "show", "wamp.error.not_authorized"]).ok();
    assert!(shown.starts_with("wamp.error.not_authorized\n  cause: "), "{shown}");
    assert_eq!(client.run(&["errors", "show", "W020", "-o", "json"]).json()["error"], "E020");
    assert!(client.run(&["errors", "show", "com.none"]).failed(2).contains("there is no error `com.none`"));
    assert!(client.run(&["cheat", "call"]).ok().starts_with("wharf call com.example.add 2 3\n"));
}

/// What is shown as an example is taken by the definitions, as far as they go before a router is asked.
#[test]
fn every_example_of_cheat_is_taken() {
    let folder = tempfile::tempdir().unwrap();
    let client = client(folder.path());
    let text = client.run(&["cheat"]).ok();
    for line in text.lines().filter(|line| line.contains("wharf ")) {
        let own = &line[line.find("wharf ").unwrap()..];
        let words = own.split(" > ").next().unwrap();
        // --help ends before anything is done, and behind a mistake it does not count.
        let checked = format!("{} {words} --help", env!("CARGO_BIN_EXE_wharf")).replacen(" wharf ", " ", 1);
        let output = client.command("sh", &["-c", &checked]).output().unwrap();
        assert!(output.status.success(), "{line}: {output:?}");
    }
}
