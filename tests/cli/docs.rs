//! Every example of docs/CLI.md is run as it stands there, against a router of the test.
//!
//! In a block of the language `console`, what begins with `$ ` is a command, and what follows is what it prints, on standard
//! output and standard error; `...` stands for anything. A command that ends in `&` stays in the background, and what follows
//! is its first line. `# exit code N` says how a command ends, if not with 0.

use crate::program::Running;
use crate::router::Router;

struct Example {
    command: String,
    expected: Vec<String>,
    code: i32,
}

fn examples(text: &str) -> Vec<Example> {
    let mut found: Vec<Example> = Vec::new();
    let mut inside = false;
    for line in text.lines() {
        if line.starts_with("```") {
            inside = line == "```console";
        } else if let (true, Some(command)) = (inside, line.strip_prefix("$ ")) {
            found.push(Example { command: command.to_owned(), expected: Vec::new(), code: 0 });
        } else if let (true, Some(example)) = (inside, found.last_mut()) {
            match line.strip_prefix("# exit code ") {
                Some(code) => example.code = code.parse().unwrap(),
                None => example.expected.push(line.to_owned()),
            }
        }
    }
    found
}

/// Whether a line is what was expected; `...` is any text.
fn fits(line: &str, expected: &str) -> bool {
    let mut parts = expected.split("...");
    let Some(mut rest) = parts.next().and_then(|first| line.strip_prefix(first)) else { return false };
    let parts: Vec<&str> = parts.collect();
    let Some((last, middle)) = parts.split_last() else { return rest.is_empty() };
    for part in middle {
        match rest.find(part) {
            Some(at) => rest = &rest[at + part.len()..],
            None => return false,
        }
    }
    rest.ends_with(last)
}

#[test]
fn every_example_of_the_page_gives_what_the_page_says() {
    let text = include_str!("../../docs/CLI.md");
    let router = Router::start();
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_wharf")).parent().unwrap().to_string_lossy().into_owned();
    let path = format!("{program}:{}", std::env::var("PATH").unwrap());
    let client = router.client().with("PATH", &path);
    let (mut background, mut wrong) = (Vec::new(), String::new());
    let examples = examples(text);
    assert!(examples.len() > 30);
    for Example { command, expected, code } in examples {
        if let Some(command) = command.strip_suffix(" &") {
            let running = Running::of(client.command("sh", &["-c", &format!("exec {command}")]).spawn().unwrap());
            assert!(fits(&running.err_line(), &expected[0]), "{command}");
            background.push(running);
            continue;
        }
        let output = client.command("sh", &["-c", &format!("{{ {command}\n}} 2>&1")]).output().unwrap();
        let printed = String::from_utf8(output.stdout).unwrap();
        let lines: Vec<&str> = printed.lines().collect();
        let is_right = output.status.code() == Some(code)
            && lines.len() == expected.len()
            && lines.iter().zip(&expected).all(|(line, expected)| fits(line, expected));
        if !is_right {
            let (ended, expected) = (output.status, expected.join("\n"));
            wrong.push_str(&format!("$ {command}\nexpected:\n{expected}\nprinted, with {ended}:\n{printed}\n"));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}

/// A command that nobody can look up is half a command.
#[test]
fn every_command_is_on_the_page() {
    let help = include_str!("help.txt");
    let text = include_str!("../../docs/CLI.md");
    for line in help.lines().filter_map(|line| line.strip_prefix("$ wharf ")) {
        let command = line.trim_end_matches("--help").trim();
        assert!(command.is_empty() || text.contains(&format!("wharf {command}")), "{command}");
    }
}
